"""How a margin looks: its table, and its numbers as plain values, the optimism beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from arbmodels.display import TextTable, number, percent
from arbmodels.estimation.rates import plain
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from arbmodels.margins.result import Arbitrage

#: Rows of the table.
_SHOWN = 10


def arbitrage_table(result: Arbitrage) -> TextTable:
    """Return up to ten points of the grid, the peak, the mean, and their optimism."""
    price, cost, margin = result.market_price, result.arbitrage_cost, result.margin
    unit = f"{result.market.currency}/instance"
    found = result.cross_validated
    columns = ["solve rate", f"market price [{unit}]", f"arbitrage cost [{unit}]", "margin"]
    short, beside = "", list[FloatArray]()
    if found is not None and np.isfinite(found.mean_margin):
        # Both of the same policies, on the same amounts: what lies between them is the optimism.
        columns += ["plans mixed", "cross-validated"]
        beside = [found.in_sample.margin, found.margin]
        short = (
            f"; plans mixed {percent(found.mean_in_sample, 2)}, cross-validated"
            f" {percent(found.mean_margin, 2)}, optimism {percent(found.mean_optimism, 2)}"
        )
    rows = [
        (
            percent(result.solve_rates[row], 2),
            number(price[row]),
            number(cost[row]),
            percent(margin[row]),
            *(percent(each[row]) for each in beside),
        )
        for row in np.unique(np.linspace(0, len(price) - 1, _SHOWN).astype(int))
    ]
    return TextTable(
        f"Arbitrage on {result.market.name} ({result.method} policy): mean margin"
        f" {percent(result.mean_margin, 2)} in-sample{short}",
        tuple(columns),
        rows,
        f"{_peak(result)}; extra reach {percent(result.extra_reach, 2)} beyond"
        f" {percent(result.market_reach, 2)}.\n{result.validation}"
        f"\n{result.accounting}; all but the cross-validated margin is in-sample.",
    )


def values_of(result: Arbitrage) -> dict[str, Any]:
    """Return prices, costs, margins and their optimism as plain values."""
    models = result.model_prices.T
    peak = result.peak if _defined(result) else None
    found = result.cross_validated
    return {
        "market": result.market.name,
        "method": result.method,
        "unit": f"{result.market.currency}/instance",
        "accounting": result.accounting,
        "models": list(result.names),
        "solve_rates": plain(result.solve_rates),
        "model_prices": {name: plain(p) for name, p in zip(result.names, models, strict=True)},
        "market_price": plain(result.market_price),
        "arbitrage_cost": plain(result.arbitrage_cost),
        "margin": plain(result.margin),
        "mean_margin": plain(result.mean_margin),
        "peak": peak and {"solve_rate": peak.solve_rate, "margin": peak.margin},
        "market_reach": result.market_reach,
        "extra_reach": result.extra_reach,
        "validation": result.validation,
        "cross_validated": None if found is None else found.summary(),
    }


def _defined(result: Arbitrage) -> bool:
    return bool(np.any(np.isfinite(result.margin)))


def _peak(result: Arbitrage) -> str:
    if not _defined(result):
        return "No model reaches these solve rates, so there is no margin"
    return f"Peak margin {percent(result.peak.margin, 2)} at {percent(result.peak.solve_rate, 2)}"
