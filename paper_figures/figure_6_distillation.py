"""Figure 6: a student distilled from a model, sold together with it (SWE-bench).

The paper's claim: the profit of pairing a student of 1.7B with its teacher, Qwen3 Coder 480B, grows
with the logarithm of the tokens it was distilled on, from 3.6% to 27.6%. The means are over the
last 10 percentage points below the teacher's reach. (What entry does to others' revenue is in
figure 7.)

On the simulated market: five simulated students, each better than the last, and the simulated
Qwen3 Coder 480B at 50 times their cost; in the paper's study it costs 44 to 63 times as much.

Source: Olmedo, Schölkopf, Hardt (2026), figure 6.
"""

from __future__ import annotations

import numpy as np

import arbmodels as arb
from paper_figures.common import Record
from paper_figures.distilled import compute_pairs, draw_pairs, published
from paper_figures.stand_ins import students

TITLE = "Distillation"
CAPTION = (
    "The margin of a cascade of a small student and then its teacher, by what the student was"
    " distilled on; a mean over the last 10 percentage points of solve rate that the teacher"
    " reaches."
)
DATA = "olmedo2026/swebench-distill"
MODELS = ("1.7b-84", "1.7b-281", "1.7b-845", "1.7b-2816", "1.7b-1e", "qwen3-coder-480b")
QUICK = {"points": 5, "repeats": 1}

TOKENS = (70e6, 200e6, 600e6, 1.8e9, 5.4e9)
NAMES = ("70M tokens", "200M tokens", "600M tokens", "1.8B tokens", "5.4B tokens")
_MEANS = (3.6, 5.8, 11.5, 23.1, 27.6)
#: What the authors try for the student, USD.
_FIRST = np.logspace(-3, np.log10(0.15), 100)

PUBLISHED = published(NAMES, _MEANS, 0.2)


def simulated() -> arb.Market:
    """Return what the figure shows where the published data is not at hand."""
    return students("qwen3-coder-480b", dearer=50.0)


def compute(market: arb.Market, points: int = 41, repeats: int = 4) -> Record:
    """Return the mean margins of the five pairs."""
    return {
        **compute_pairs(
            market,
            names=NAMES,
            amounts=TOKENS,
            grid=arb.budget_grid(),
            first=_FIRST,
            points=points,
            repeats=repeats,
        ),
        "published_means": list(_MEANS),
        "ticks": [name.removesuffix(" tokens") for name in NAMES],
        "axis": "Distillation tokens",
    }


draw = draw_pairs
