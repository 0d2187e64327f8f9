"""The market of Lean provers: what figures 8 and 9 share."""

from __future__ import annotations

import numpy as np

import arbmodels as arb
from paper_figures.allocations import Choice, Scored, allocations_of, per_rate
from paper_figures.methods import budgets_of

DATA = "olmedo2026/lean"
MODELS = ("kimina-1.7b", "kimina-8b", "kimina-72b")
#: The authors try every allocation to a grid of shares and do not state it.
_SHARES = np.concatenate([[0.0], np.logspace(-3, np.log10(0.5), 25), [1.0]])
#: Where the figures begin.
LOWEST = 0.6


def authors_choice(market: arb.Market, points: int, kept: int | None = None) -> Choice:
    """Return the authors' cheapest allocation of every solve rate.

    Parameters
    ----------
    market : Market
    points : int
        Solve rates, from 60% to the best prover's reach.
    kept : int, optional
        How many of the shares to try; all by default.
    """
    count = len(_SHARES) if kept is None else kept
    shares = _SHARES[np.linspace(0, len(_SHARES) - 1, count).astype(int)]
    grid = budgets_of(market)
    scored = Scored(market, grid, allocations_of(float(grid[-1]), shares, 3))
    first = min(LOWEST, 0.8 * scored.market_reach)
    targets = np.array([0.70, 0.80, 0.85])
    rates = np.union1d(np.linspace(first, scored.market_reach, points), targets)
    return per_rate(scored, rates[rates <= scored.market_reach])
