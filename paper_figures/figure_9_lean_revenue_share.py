"""Figure 9: who receives the customers' money among provers of theorems in Lean.

The paper shows how the revenue is split without arbitrage and with it; an arbitrageur's share is
its margin (figure 8). The cascades beside theirs are the cheapest found, theirs among them. The
published data lacks kimina-0.6b; the shares compared here are those that
the authors' procedure gives for the three provers that are there. Figure 8 mixes plans, so that its
exact margin can be a little larger than the share here. As in figure 3 the picture shows ``drawn``,
where ties are settled by one rule; ``shares`` are those of the cheapest cascades.

On the simulated market: three simulated provers, with invented costs.

Source: Olmedo, Schölkopf, Hardt (2026), figure 9. Shares are of the market price.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

import arbmodels as arb
from paper_figures import lean
from paper_figures.allocations import Choice, FloatArray
from paper_figures.common import Published, Record, at, describe, plain
from paper_figures.held_out import compared, held_out_shares, proof
from paper_figures.methods import POINTS, STATES, TIE_RULE, cheapest, untied
from paper_figures.stand_ins import provers
from paper_figures.style import BEST_FOUND, POLICIES, draw_shares

TITLE = "Lean: revenue shares"
CAPTION = f"Who receives what customers pay, by the solve rate they ask for. {TIE_RULE}"
DATA, MODELS = lean.DATA, lean.MODELS
QUICK = {"points": 9, "kept": 6, "states": 0}
_SHARES = {70: 13.2, 80: 44.2, 85: 55.1}

PUBLISHED = tuple(
    Published(f"arbitrageur at {rate}%, three provers", share, 0.2, "%")
    for rate, share in _SHARES.items()
)


def simulated() -> arb.Market:
    """Return what the figure shows where the published data is not at hand."""
    return provers()


def compute(
    market: arb.Market, points: int = POINTS, kept: int | None = None, states: int = STATES
) -> Record:
    """Return the shares of the revenue without an arbitrageur and with one of either kind."""
    authors = lean.authors_choice(market, points, kept)
    rates = authors.solve_rates
    frontier, searched = cheapest(arb.dollar_curves(market, lean.GRID), rates, states)
    result = arb.arbitrage(frontier, solve_rates=rates)
    exact = _best(authors, result.revenue_shares().to_numpy().T)
    alone = result.revenue_shares(arbitrageur=False)
    validated = arb.estimation.cross_validate_margin(
        searched or frontier, solve_rates=rates, repeats=1
    )
    return {
        "market": describe(market),
        "unit": "% of the market price",
        "accounting": {"exact": result.billing},
        "certificate": proof(100 * float(np.nanmax(frontier.gap_at(rates)))),
        "validation": compared(validated),
        "optimism": plain(validated.mean_optimism, 100),
        "missing": "" if market.simulated else "kimina-0.6b is not in the published data",
        "values": {
            "authors": _values(rates, authors.margin),
            "exact": _values(rates, exact[-1]),
        },
        "shares": {
            "none": _columns(rates, alone.to_numpy().T),
            "authors": _columns(rates, authors.shares),
            "exact": _columns(rates, exact),
            "held out": _columns(rates, held_out_shares(validated)),
        },
        "drawn": {
            method: plain(untied(rates, price * (1.0 - shares[-1]), shares), 100)
            for method, price, shares in (
                ("authors", authors.price, authors.shares),
                ("exact", result.market_price, exact),
            )
        },
    }


def _best(authors: Choice, shares: FloatArray) -> FloatArray:
    """Return the shares [M + 1, U] of whichever costs less: the cascade found, or the authors'."""
    paid = authors.spend_by_model / authors.spend_by_model.sum(axis=0)
    share = authors.attained / authors.price
    theirs = np.vstack([paid * share, 1.0 - share])
    better = np.nan_to_num(theirs[-1], nan=-1.0) > np.nan_to_num(shares[-1], nan=0.0)
    return np.where(better, theirs, shares)


def _values(rates: FloatArray, share: FloatArray) -> dict[str, float | None]:
    return {
        f"arbitrageur at {rate}%, three provers": plain(at(rates, share, rate / 100), 100)
        for rate in _SHARES
    }


def _columns(rates: FloatArray, shares: FloatArray) -> dict[str, Any]:
    return {"solve_rate": plain(rates, 100), "shares": plain(shares, 100)}


def draw(record: Record) -> Figure:
    """Draw the shares on top of each other, one panel per market."""
    return draw_shares(record, {"authors": POLICIES["authors"], **BEST_FOUND})
