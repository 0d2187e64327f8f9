"""One page per notebook, with the outputs that are committed; nothing is run."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from nbconvert import MarkdownExporter

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
_TITLE = re.compile(r"^# +(.+)$", re.MULTILINE)


@cache
def _read() -> dict[str, Any]:
    return {path.stem: nbformat.read(path, as_version=4) for path in sorted(FOLDER.glob("*.ipynb"))}


def _title(name: str, notebook: Any) -> str:
    found = _TITLE.search(notebook.cells[0].source)
    return found[1].strip() if found else name


def contents() -> list[dict[str, str]]:
    """Return the tutorials for the table of contents."""
    return [
        {"All tutorials": "tutorials/index.md"},
        *({_title(name, book): f"tutorials/{name}.md"} for name, book in _read().items()),
    ]


def pages() -> dict[str, str | bytes]:
    """Return Markdown and pictures by their place in the site."""
    made: dict[str, str | bytes] = {"tutorials/index.md": _index()}
    for name, notebook in _read().items():
        text, resources = MarkdownExporter().from_notebook_node(
            notebook, resources={"unique_key": name, "output_files_dir": name}
        )
        source = f"[The notebook](../notebooks/{name}.ipynb) has the same text, to run and change."
        head, _, rest = text.lstrip().partition("\n")
        made[f"tutorials/{name}.md"] = f"{head}\n\n{source}\n\n{_tidied(rest)}"
        made[f"notebooks/{name}.ipynb"] = (FOLDER / f"{name}.ipynb").read_bytes()
        for place, picture in resources["outputs"].items():
            made[f"tutorials/{place}"] = picture
    return made


def _tidied(text: str) -> str:
    """Fold solutions away with Markdown inside, and let tables begin at the margin."""
    text = text.replace("<details>", '<details markdown="1">')
    # Without a class the theme draws a table; the other attribute keeps names and numbers whole.
    text = text.replace('<table border="1" class="dataframe">', "<table>")
    text = text.replace("<table>", "<table data-output>")
    return re.sub(r"^ +(?=</?(?:table|thead|tbody|tr|td|th|div|caption))", "", text, flags=re.M)


def _index() -> str:
    rows = [
        "# Tutorials",
        "",
        "Every page is a notebook that the tests run. Each says at its top how long it takes and"
        " how to switch to recorded data; as shown they run on bundled simulated markets.",
        "",
    ]
    for name, notebook in _read().items():
        rows.append(f"- [{_title(name, notebook)}]({name}.md)")
    return "\n".join(rows) + "\n"
