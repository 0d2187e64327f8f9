"""Figure 8: arbitrage among provers of theorems in Lean.

The paper's claim: among four Kimina provers the margin is 20% near 71% and 50 to 58% between 80%
and 86%. The published data lacks one of the four (kimina-0.6b), so that figure cannot be drawn
again; compared are the values that the authors' procedure gives for the three that are there: the
cheapest of 2,162 allocations at each of 100 solve rates.

On the simulated market: three simulated provers, with invented costs.

Source: Olmedo, Schölkopf, Hardt (2026), figure 8. Costs are for 244 theorems.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

import arbmodels as arb
from paper_figures import lean
from paper_figures.allocations import Choice, FloatArray
from paper_figures.common import Published, Record, at, describe, drawable, plain
from paper_figures.methods import POINTS, STATES, exact_curves
from paper_figures.stand_ins import provers
from paper_figures.style import (
    AUTHORS,
    BOUND,
    EXACT,
    PROFIT,
    VALIDATED,
    colour,
    label,
    legend,
    panels,
)

TITLE = "Lean: arbitrage profit"
CAPTION = (
    "What a solve rate costs from one prover alone and from the cheapest cascade found, and what an"
    " arbitrageur keeps who sells at the lowest of the provers' prices (shaded)."
)
DATA, MODELS = lean.DATA, lean.MODELS
QUICK = {"points": 9, "kept": 6, "seconds": 1.0, "states": 0}
_MARGINS = {70: 13.2, 80: 44.2, 85: 55.1}

PUBLISHED = (
    *(
        Published(f"margin at {rate}%, three provers", value, 0.2, "%")
        for rate, value in _MARGINS.items()
    ),
    Published("peak margin, three provers", 55.6, 0.2, "%"),
    Published("peak margin, three provers, is at", 84.8, 0.2, "% solved"),
)


def simulated() -> arb.Market:
    """Return what the figure shows where the published data is not at hand."""
    return provers()


def compute(
    market: arb.Market,
    points: int = POINTS,
    kept: int | None = None,
    seconds: float = 60.0,
    states: int = STATES,
) -> Record:
    """Return costs and margins by the authors' method and the exact one."""
    authors = lean.authors_choice(market, points, kept)
    rates, theorems = authors.solve_rates, len(market.instances)
    result, curves = exact_curves(
        market, lean.GRID, authors, theorems, seconds=seconds, states=states
    )
    return {
        "market": describe(market),
        "unit": f"{market.currency} per {theorems} theorems",
        "accounting": {"exact": result.billing},
        "certificate": curves["certificate"],
        "validation": curves["validation"],
        "optimism": curves["optimism"],
        "missing": "" if market.simulated else "kimina-0.6b is not in the published data",
        "values": {
            "authors": _values(rates, authors.margin),
            "exact": _values(rates, np.array(curves["margin"], dtype=float) / 100),
        },
        "authors": _curves(authors, theorems),
        "exact": curves,
    }


def _curves(authors: Choice, theorems: int) -> dict[str, object]:
    return {
        "solve_rate": plain(authors.solve_rates, 100),
        "arbitrage_cost": plain(authors.cost, theorems),
        "margin": plain(authors.margin, 100),
    }


def _values(rates: FloatArray, margin: FloatArray) -> dict[str, float | None]:
    name = "peak margin, three provers"
    return {
        **{
            f"margin at {rate}%, three provers": plain(at(rates, margin, rate / 100), 100)
            for rate in _MARGINS
        },
        name: plain(np.nanmax(margin), 100),
        f"{name}, is at": plain(rates[np.nanargmax(margin)], 100),
    }


def draw(record: Record) -> Figure:
    """Draw costs above on a logarithmic scale, margins below."""
    figure, (costs, margins) = panels(2, 1, 3.9, sharex=True, height_ratios=(3, 2))
    models = record["market"]["models"]
    authors, exact = drawable(record["authors"]), drawable(record["exact"])
    rate, cost, price = (exact[k] for k in ("solve_rate", "arbitrage_cost", "market_price"))
    for model, prices in zip(models, exact["model_prices"], strict=True):
        costs.plot(rate, prices, color=colour(model, models), label=label(model))
    costs.fill_between(rate, cost, price, where=cost < price, **PROFIT)
    costs.fill_between(rate, exact["bound"], cost, **BOUND)
    margins.fill_between(rate, exact["margin"], exact["margin_bound"], **BOUND)
    costs.plot(rate, cost, **{**EXACT, "label": "Cheapest cascade found"})
    costs.plot(rate, authors["arbitrage_cost"], **AUTHORS)
    margins.plot(rate, exact["margin"], **EXACT)
    margins.plot(rate, exact["validated"], **VALIDATED)
    margins.plot(rate, authors["margin"], **AUTHORS)
    costs.set_yscale("log")
    costs.set_xlim(rate[0], rate[-1])
    costs.set_ylabel(f"Cost\n({record['unit']})")
    margins.set_ylim(bottom=0)
    margins.set_ylabel("Margin (%)")
    margins.set_xlabel("Solve rate (%)")
    handles, labels = costs.get_legend_handles_labels()
    handles.insert(-1, margins.get_lines()[1])
    labels.insert(-1, str(VALIDATED["label"]))
    legend(figure, handles, labels)
    return figure
