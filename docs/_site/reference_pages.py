"""The reference: one page per part of the library, from its docstrings; and the formulations."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

import arbmodels
from arbmodels.registry import formulations

ROOT = Path(__file__).resolve().parents[2]
#: Parts of the library, in the order of the table of contents.
_TITLES = {
    "market": "Markets",
    "data": "Data sets",
    "passk": "pass@k",
    "curves": "Spend curves",
    "plans": "Plans",
    "routing": "Routing",
    "streaming": "Streaming",
    "predict": "Prediction",
    "online": "Online routing",
    "cascades": "Cascades",
    "policies": "Policies",
    "verification": "Verification",
    "margins": "Margins",
    "estimation": "Estimation",
    "games": "Games",
    "games.differentiated": "Games: differentiated products",
    "games.closed_forms": "Games: closed forms",
    "interactive": "Sliders",
    "registry": "Formulations, found and checked",
    "display": "Tables, labels and colors",
    "errors": "Errors",
}


def parts() -> dict[str, list[str]]:
    """Return the public names of every part, as the reference lists them."""
    made = {name: list(names) for name, names in arbmodels._HOMES.items()}
    for name in (*arbmodels._PARTS, "games.differentiated", "games.closed_forms"):
        module = import_module(f"arbmodels.{name}")
        here = [key for key, value in vars(module).items() if _is_of(value, module)]
        made[name] = list(getattr(module, "__all__", here))
    return {name: made[name] for name in _TITLES if name in made} | made


def _is_of(thing: object, module: ModuleType) -> bool:
    """Return whether a module without ``__all__`` defines a public class or function."""
    name = getattr(thing, "__name__", "_")
    return getattr(thing, "__module__", "") == module.__name__ and not name.startswith("_")


def _path(part: str, name: str) -> str:
    """Return the dotted name of a public object; a function may be called like its file."""
    inside = (ROOT / "arbmodels" / part.replace(".", "/") / f"{name}.py").exists()
    return f"arbmodels.{part}.{name}.{name}" if inside else f"arbmodels.{part}.{name}"


def _title(part: str) -> str:
    return _TITLES.get(part, part.capitalize())


def contents() -> list[dict[str, str]]:
    """Return the pages for the table of contents."""
    return [
        {"All parts": "reference/index.md"},
        *({_title(part): f"reference/{part}.md"} for part in parts()),
    ]


def pages() -> dict[str, str]:
    """Return the Markdown of the reference and of the formulations."""
    made = {"reference/index.md": _index(), "formulations.md": _formulations()}
    for part, public in parts().items():
        top = [name for name in arbmodels._HOMES.get(part, ()) if hasattr(arbmodels, name)]
        whole = part.partition(".")[0] in arbmodels._PARTS
        calls = ["`arb." + part + ".NAME`"] * whole + [f"`arb.{name}`" for name in top]
        lines = [f"# {_title(part)}", f"`import arbmodels as arb`; {', '.join(calls)}."]
        made[f"reference/{part}.md"] = "\n\n".join(
            [*lines, *(f"::: {_path(part, name)}" for name in public)]
        )
    return made


def _index() -> str:
    rows = ["# Reference", "", "Made from the docstrings. `import arbmodels as arb`.", ""]
    for part, public in parts().items():
        names = ", ".join(f"[`{name}`][{_path(part, name)}]" for name in sorted(public))
        rows.append(f"**[{_title(part)}]({part}.md)**: {names}\n")
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
