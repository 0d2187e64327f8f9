"""The gallery: every picture in ``docs/figures``, with what its file in ``paper_figures`` says."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import rst

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "figures"


#: What the paper claims in figures 5 to 7, its numbers, those of the simulated market (by the
#: paper's method; names in brackets are those of its values), and whether that shows the claim.
CLAIMS = (
    (
        "5: the margin rises to the end of the range",
        "12.0% at 50% solved, 23.1% at 70%, 56.3% at the peak",
        "{margin at 50%:.1f}%, {margin at 70%:.1f}%, {peak margin:.1f}%",
        "yes",
    ),
    (
        "5: two more small models raise it",
        "45.8 to 56.3% at the peak",
        "{two models, peak margin:.1f} to {peak margin:.1f}%",
        "yes, by less",
    ),
    (
        "5: Qwen3 Coder 480B and Sonnet earn nothing",
        "nothing",
        "up to {largest share of the spend of Qwen3 Coder 480B and Sonnet:.0f}% of the spend, to"
        " Qwen3 Coder 480B at the highest solve rates",
        "no",
    ),
    (
        "6: a student's margin grows with what it was distilled on",
        "3.6, 5.8, 11.5, 23.1, 27.6%",
        "{mean margin after 70M tokens:.1f}, {mean margin after 200M tokens:.1f},"
        " {mean margin after 600M tokens:.1f}, {mean margin after 1.8B tokens:.1f},"
        " {mean margin after 5.4B tokens:.1f}%",
        "yes",
    ),
    (
        "7: with Qwen3 Coder 30B the price is lower than with GPT-5 mini alone",
        "45.8 to 39.6 USD at 70% solved",
        "{GPT-5 mini alone at 70%:.1f} to {with Qwen3 Coder 30B at 70%:.1f} USD; lower only"
        " from {with Qwen3 Coder 30B it is lower from:.0f}% solved on",
        "at high solve rates",
    ),
    (
        "7: with mini-coder 4B it is lower still",
        "32.7, 29.2, 27.5 USD at 68% solved, 37.7 at 70%",
        "{GPT-5 mini alone at 68%:.1f}, {with Qwen3 Coder 30B at 68%:.1f},"
        " {with mini-coder 4B at 68%:.1f} USD, {with mini-coder 4B at 70%:.1f} at 70%; lowest only"
        " up to {with mini-coder 4B it is lowest up to:.0f}% solved",
        "up to there",
    ),
    (
        "7: Qwen3 Coder 30B at first has all revenue at low solve rates, then loses most of it",
        "all up to 47%; after the entry none at 55%, 21% at the frontier",
        "all up to {Qwen3 Coder 30B takes all up to:.0f}%; none at 55%,"
        " {its share at the frontier after entry:.0f}% at the frontier",
        "yes, but it keeps more at the frontier",
    ),
)
_WHY = (
    "Likely reasons for the differences: the simulated models overlap less than the recorded ones,"
    " their solve rates"
    " per issue correlate less (GPT-5 mini with Qwen3 Coder 480B 0.80, recorded 0.85), so that"
    " another large model still adds something at the highest solve rates, and Qwen3 Coder 30B"
    " solves 77% of the issues at least once (recorded: 75%), which makes it the better small model"
    " there (`benchmarks/simulated_market.md`). The students of figure 6 are made up, at the ratio"
    " of costs that the paper's study has."
)


def pages() -> dict[str, str]:
    """Return the gallery."""
    rows = [
        "# Figures",
        "",
        "Drawn by `make gallery` on the bundled simulated market, so the numbers are not those of"
        " the paper. With the recorded data `make figures` draws those and compares them with the"
        " published values ([how](how-to/reproduce-a-figure.md)).",
        "",
        *_claims(),
    ]
    for picture in sorted(FOLDER.glob("*.png"), key=_number):
        title, caption = _words(picture.stem)
        rows += ["", f"## {title}", "", f"![{title}](figures/{picture.name})", "", caption]
    return {"gallery.md": "\n".join(rows) + "\n"}


def _claims() -> list[str]:
    """Return what of the paper's claims about other models the simulated market shows."""
    values = json.loads((FOLDER / "values.json").read_text(encoding="utf-8"))
    return [
        "## Which of the paper's claims the simulated market shows",
        "",
        "It is held to the recorded data model by model, and on the margins of GPT-5 mini with"
        " DeepSeek v3.2 (figures 1 to 4; `benchmarks/simulated_market.md`). Of what the paper"
        " claims about other models it shows most, by the paper's method (prices for 500 issues):",
        "",
        "| figure and claim | paper | simulated | shown |",
        "| --- | --- | --- | --- |",
        *(
            f"| {claim} | {paper} | {_filled(ours, values)} | {shown} |"
            for claim, paper, ours, shown in CLAIMS
        ),
        "",
        _WHY,
    ]


def _filled(text: str, values: dict[str, float]) -> str:
    """Put values in for their names in brackets, which may have blanks and percent signs."""
    return re.sub(r"\{([^:}]+):([^}]+)\}", lambda found: format(values[found[1]], found[2]), text)


def _number(picture: Path) -> tuple[int, str]:
    found = re.search(r"\d+", picture.stem)
    return (int(found[0]) if found else 10**6, picture.stem)


def _words(name: str) -> tuple[str, str]:
    """Return title and caption, from the docstring of the figure's file."""
    source = (ROOT / "paper_figures" / f"{name}.py").read_text(encoding="utf-8")
    text = ast.get_docstring(ast.parse(source)) or name
    title, _, caption = text.partition("\n")
    return title.strip().removesuffix("."), rst.to_markdown(caption.strip())
