"""Figure 10: a student distilled from a prover, sold together with it (Lean).

The paper's claim: as in figure 6, the profit of pairing a student with its teacher, Kimina 72B,
grows with the logarithm of the distillation examples, from 4.2% to 20.3%. The authors state
neither the range of solve rates nor the budgets; means from 70% to the teacher's reach, on 250
budgets from 1e3 to 1e8 FLOPs, come within two percentage points.

On the simulated market: five simulated students and the simulated DeepSeek v3.2, in FLOPs.

Source: Olmedo, Schölkopf, Hardt (2026), figure 10.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

import arbmodels as arb
from paper_figures.common import Record
from paper_figures.distilled import compute_pairs, draw_pairs, published
from paper_figures.stand_ins import students

DATA = "olmedo2026/lean"
_SIZES = ("3k", "8k", "24k", "72k", "192k")
MODELS = (*(f"distill-1.7b-{size}" for size in _SIZES), "kimina-72b")
QUICK = {"points": 5, "repeats": 1}

EXAMPLES = (3e3, 8e3, 24e3, 72e3, 192e3)
NAMES = tuple(f"{size} examples" for size in _SIZES)
_MEANS = (4.2, 7.8, 12.4, 19.0, 20.3)
_SHARES = np.concatenate([[0.0], np.logspace(-3, np.log10(0.5), 100), [1.0]])

PUBLISHED = published(NAMES, _MEANS, 2.0)


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
            start=0.7,
            shares=_SHARES,
            points=points,
            repeats=repeats,
        ),
        "published_means": list(_MEANS),
        "ticks": list(_SIZES),
        "axis": "Distillation examples",
        "title": "Distillation, Lean",
    }


def draw(record: Record) -> Figure:
    """Draw the mean margin against the number of examples."""
    return draw_pairs(record)
