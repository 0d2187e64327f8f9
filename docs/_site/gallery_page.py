"""The gallery: every picture in ``docs/figures``, with the words beside it."""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "figures"


def pages() -> dict[str, str]:
    """Return the gallery."""
    captions: dict[str, str] = json.loads((FOLDER / "captions.json").read_text(encoding="utf-8"))
    rows = [
        "# Figures",
        "",
        "Drawn by `python -m paper_figures` on the bundled simulated market, so the numbers are"
        " not those of the paper; with the recorded data the same command draws those and"
        " compares them with the published values"
        " ([how](how-to/reproduce-a-figure.md)).",
    ]
    for name, caption in captions.items():
        title, _, text = caption.partition(". ")
        rows += ["", f"## {title}", "", f"![{title}](figures/{name})", "", text]
    return {"gallery.md": "\n".join(rows) + "\n"}
