"""The market of Lean provers: what figures 8 and 9 share."""

from __future__ import annotations

import numpy as np

import arbmodels as arb
from paper_figures.allocations import Choice, Scored, per_rate, staged
from paper_figures.methods import POINTS, some_of

DATA = "olmedo2026/lean"
MODELS = ("kimina-1.7b", "kimina-8b", "kimina-72b")
#: What the authors try for a stage, besides nothing, and their budgets, FLOPs.
STAGE_BUDGETS = np.logspace(4, 9, 20)
GRID = arb.budget_grid(2e3, 3e8)
#: Solve rates that they look at.
FIRST, LAST = 0.6, 0.9


def authors_choice(market: arb.Market, points: int = POINTS, kept: int | None = None) -> Choice:
    """Return the authors' cheapest allocation of every solve rate.

    Parameters
    ----------
    market : Market
    points : int
        Solve rates, from 60% to 90%, or to what the best prover reaches.
    kept : int, optional
        How many of the budgets to try for a stage; all by default.
    """
    budgets = some_of(STAGE_BUDGETS, kept)
    scored = Scored(market, GRID, staged(budgets, 3, float(budgets[-1])))
    last = min(LAST, scored.market_max_solve_rate)
    return per_rate(scored, np.linspace(min(FIRST, 0.8 * last), last, points))
