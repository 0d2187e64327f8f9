"""Figure 10: a student distilled from a prover, sold together with it (Lean).

The paper's claim: as in figure 6, the profit of pairing a student with its teacher, Kimina 72B,
grows with the logarithm of the distillation examples, from 4.2% to 20.3%. The means are over solve
rates from 70% to 90%.

On the simulated market: five simulated students and the simulated DeepSeek v3.2, in FLOPs.

Source: Olmedo, Schölkopf, Hardt (2026), figure 10.
"""

from __future__ import annotations

import numpy as np

import arbmodels as arb
from paper_figures.common import Record
from paper_figures.distilled import compute_pairs, draw_pairs, published
from paper_figures.stand_ins import students

TITLE = "Lean: distillation"
CAPTION = (
    "The margin of a cascade of a small student and then its teacher, by what the student was"
    " distilled on; a mean over solve rates from 70% to 90%."
)
DATA = "olmedo2026/lean"
_SIZES = ("3k", "8k", "24k", "72k", "192k")
MODELS = (*(f"distill-1.7b-{size}" for size in _SIZES), "kimina-72b")
QUICK = {"points": 5, "repeats": 1}

EXAMPLES = (3e3, 8e3, 24e3, 72e3, 192e3)
NAMES = tuple(f"{size} examples" for size in _SIZES)
_MEANS = (4.2, 7.8, 12.4, 19.0, 20.3)
#: What the authors try for the student, and their budgets, FLOPs.
_FIRST = np.logspace(np.log10(2e3), 9, 100)[:-1]  # the last is everything
_GRID = arb.budget_grid(2e3, 1e9)

PUBLISHED = published(NAMES, _MEANS, 0.2)


def simulated() -> arb.Market:
    """Return what the figure shows where the published data is not at hand."""
    return students("deepseek", "FLOPs")


def compute(market: arb.Market, points: int = 41, repeats: int = 4) -> Record:
    """Return the mean margins of the five pairs."""
    return {
        **compute_pairs(
            market,
            names=NAMES,
            amounts=EXAMPLES,
            grid=_GRID,
            first=_FIRST,
            start=0.7,
            last=0.9,
            points=points,
            repeats=repeats,
        ),
        "published_means": list(_MEANS),
        "ticks": list(_SIZES),
        "axis": "Distillation examples",
    }


draw = draw_pairs
