"""The gallery: every picture in ``docs/figures``, with what its file in ``paper_figures`` says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import rst

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "figures"


def pages() -> dict[str, str]:
    """Return the gallery."""
    rows = [
        "# Figures",
        "",
        "Drawn by `make gallery` on the bundled simulated market, so the numbers are not those of"
        " the paper. With the recorded data `make figures` draws those and compares them with the"
        " published values ([how](how-to/reproduce-a-figure.md)).",
    ]
    for picture in sorted(FOLDER.glob("*.png"), key=_number):
        title, caption = _words(picture.stem)
        rows += ["", f"## {title}", "", f"![{title}](figures/{picture.name})", "", caption]
    return {"gallery.md": "\n".join(rows) + "\n"}


def _number(picture: Path) -> tuple[int, str]:
    found = re.search(r"\d+", picture.stem)
    return (int(found[0]) if found else 10**6, picture.stem)


def _words(name: str) -> tuple[str, str]:
    """Return title and caption, from the docstring of the figure's file."""
    source = (ROOT / "paper_figures" / f"{name}.py").read_text(encoding="utf-8")
    text = ast.get_docstring(ast.parse(source)) or name
    title, _, caption = text.partition("\n")
    return title.strip().removesuffix("."), rst.to_markdown(caption.strip())
