"""The reference: one page per part of the library, from its docstrings; and the formulations."""

from __future__ import annotations

import ast
from pathlib import Path

import arbmodels
from arbmodels.registry import formulations

ROOT = Path(__file__).resolve().parents[2]
#: Parts that export names at the top, with what they are for.
_TITLES = {
    "market": "Markets",
    "data": "Data sets",
    "passk": "pass@k",
    "curves": "Spend curves",
    "plans": "Plans",
    "routing": "Routing",
    "cascades": "Cascades",
    "policies": "Policies",
    "verification": "Verification",
    "margins": "Margins",
    "games": "Games",
    "interactive": "Sliders",
    "estimation": "Estimation",
    "predict": "Prediction",
    "online": "Online routing",
    "streaming": "Streaming",
    "registry": "Formulations, found and checked",
    "display": "Labels and colours",
    "errors": "Errors",
}


def _parts() -> dict[str, list[str]]:
    """Return the public names of every part."""
    parts = {name: list(names) for name, names in arbmodels._HOMES.items()}
    for name in arbmodels._PARTS:
        folder = ROOT / "arbmodels" / name
        source = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
        tree = ast.parse(source.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
                parts[name] = ast.literal_eval(node.value)
    return parts


def _path(part: str, name: str) -> str:
    """Return the dotted name of a public object; a function may be called like its file."""
    inside = (ROOT / "arbmodels" / part / f"{name}.py").exists()
    return f"arbmodels.{part}.{name}.{name}" if inside else f"arbmodels.{part}.{name}"


def _ordered() -> list[str]:
    known = [name for name in _TITLES if name in _parts()]
    return [*known, *sorted(set(_parts()) - set(known))]


def contents() -> list[dict[str, str]]:
    """Return the pages for the table of contents."""
    return [
        {"All parts": "reference/index.md"},
        *({_TITLES.get(name, name.capitalize()): f"reference/{name}.md"} for name in _ordered()),
    ]


def pages() -> dict[str, str]:
    """Return the Markdown of the reference and of the formulations."""
    made = {"reference/index.md": _index(), "formulations.md": _formulations()}
    for name, public in _parts().items():
        whole = name in arbmodels._PARTS
        call = f"arb.{name}." if whole else "arb."
        head = f"# {_TITLES.get(name, name.capitalize())}\n\nIn code: `{call}NAME`, with"
        blocks = [f"::: {_path(name, each)}" for each in public]
        made[f"reference/{name}.md"] = "\n\n".join([f"{head} `import arbmodels as arb`.", *blocks])
    return made


def _index() -> str:
    rows = ["# Reference", "", "Made from the docstrings. `import arbmodels as arb`.", ""]
    for name in _ordered():
        names = ", ".join(f"[`{each}`][{_path(name, each)}]" for each in sorted(_parts()[name]))
        rows.append(f"**[{_TITLES.get(name, name.capitalize())}]({name}.md)**: {names}\n")
    return "\n".join(rows)


def _formulations() -> str:
    found = [each for each in formulations().values() if each.package == "arbmodels"]
    rows = [
        "# Formulations",
        "",
        "Each is one file, with the mathematics below in its docstring and the program under it in"
        " Pyomo and in CVXPY, made to be read and copied:"
        " `arbmodels formulations show NAME --code`. Each is checked:"
        " `arbmodels formulations check` solves small random instances in both and"
        " by a judge that is neither. [How to add one](how-to/add-a-formulation.md).",
        "",
        "| name | what it decides |",
        "| --- | --- |",
    ]
    for each in found:
        anchor = each.title.lower().replace(" ", "-")
        rows.append(f"| [`{each.name}`](#{anchor}) | {each.purpose} |")
    return "\n".join(rows) + "\n\n" + "\n\n".join(each.to_markdown(2) for each in found)
