"""Figure 7: a small open model enters the market (and the revenue share of figure 6).

The paper's claim: an arbitrageur with Qwen3 Coder 30B undercuts GPT-5 mini, and one with mini-coder
4B undercuts both: at 70% solved the market price falls from 45.8 to 39.6 and 37.7 USD per 500
issues. With mini-coder 4B in the market Qwen3 Coder 30B's share of the revenue, all of it up to 47%
and a part of it beyond 57%, is gone but for a few solve rates.

Prices, and the share before the entry, are those of the authors' single allocations. The share
after it depends on which allocations are tried, which they do not state: ours, the cheapest of
every solve rate out of a total of 0.5 USD, agree in where the share is and in its peak within a few
percentage points.

Source: Olmedo, Schölkopf, Hardt (2026), figures 6 and 7. Prices are for 500 issues.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

import arbmodels as arb
from paper_figures.allocations import FloatArray, Scored, allocations_of, per_rate, spend_at
from paper_figures.common import Published, Record, at, describe, drawable, plain
from paper_figures.methods import PAIR_SHARES, STATES, budgets_of, exact_curves
from paper_figures.style import colour, heading, in_style, label, panels

DATA = "olmedo2026/swebench"
MODELS = ("minicoder4b", "qwen3-coder-30b", "gpt5mini")
QUICK = {"points": 9, "kept": 12, "states": 60_000}

#: The paper states prices for this many issues.
ISSUES = 500
#: The authors' allocations with either small model, USD, and what they try in a market of three.
_ALLOCATIONS = {"qwen3-coder-30b": (0.0244, 0.4756), "minicoder4b": (0.0103, 0.4897)}
_TOTAL = 0.5
_PRICES = {
    "alone": (25.4, 32.7, 45.8),
    "qwen3-coder-30b": (23.5, 29.2, 39.6),
    "minicoder4b": (21.8, 27.5, 37.7),
}
_NAMES = {
    "alone": "GPT-5 mini alone",
    "qwen3-coder-30b": "with Qwen3 Coder 30B",
    "minicoder4b": "with mini-coder 4B",
}
_RATES = (66, 68, 70)
_COST = f"USD per {ISSUES} issues"
_SHARE = "% of revenue"

PUBLISHED = (
    *(
        Published(f"{_NAMES[who]} at {rate}%", price, 0.015 * price, _COST)
        for who, prices in _PRICES.items()
        for rate, price in zip(_RATES, prices, strict=True)
    ),
    Published("Qwen3 Coder 30B takes all up to", 47.0, 1.5, "% solved"),
    Published("its largest share above 57%", 41.0, 3.0, _SHARE),
    Published("its share at 55% after entry", 0.0, 0.5, _SHARE),
    Published("its peak share after entry", 54.0, 8.0, _SHARE),
    Published("its peak share after entry is at", 46.5, 2.0, "% solved"),
    Published("its late share after entry", 21.0, 6.0, _SHARE),
)


def compute(market: arb.Market, points: int = 101, kept: int = 25, states: int = STATES) -> Record:
    """Return prices and revenue shares before and after entry.

    Parameters
    ----------
    market : Market
    points : int
        Solve rates.
    kept : int
        How many of the authors' shares to try in the market of three models.
    states : int
        Of the lattice of three models.
    """
    grid = budgets_of(market)
    pairs = {small: market.select(models=[small, MODELS[2]]) for small in _ALLOCATIONS}
    scored = {
        small: Scored(pair, grid, np.array([_ALLOCATIONS[small]])) for small, pair in pairs.items()
    }
    reach = min(float(each.cascades[0].max()) for each in scored.values())
    rates = np.union1d(np.linspace(0.60, min(0.72, reach), points // 2), np.array(_RATES) / 100)
    first = scored[MODELS[1]]
    prices = {"alone": spend_at(first.providers, rates)[1]}
    prices |= {small: spend_at(each.cascades, rates)[0] for small, each in scored.items()}
    exact = {small: exact_curves(pair, rates, ISSUES) for small, pair in pairs.items()}
    exact_prices = {"alone": exact[MODELS[1]][0].model_prices[:, 1]}
    exact_prices |= {small: result.arbitrage_cost for small, (result, _) in exact.items()}
    shares = _shares(market, points, kept, states)
    return {
        "market": describe(market),
        "unit": f"{market.currency} per {ISSUES} issues",
        "values": {
            "authors": {**_priced(rates, prices), **_shared(shares["authors"])},
            "exact": {**_priced(rates, exact_prices), **_shared(shares["exact"])},
        },
        "prices": {
            "solve_rate": plain(rates, 100),
            **{f"authors {who}": plain(price, ISSUES) for who, price in prices.items()},
            **{f"exact {who}": plain(price, ISSUES) for who, price in exact_prices.items()},
        },
        "bounds": {small: curves["bound"] for small, (_, curves) in exact.items()},
        "shares": {
            method: {name: plain(values, 100) for name, values in each.items()}
            for method, each in shares.items()
        },
    }


def _shares(
    market: arb.Market, points: int, kept: int, states: int
) -> dict[str, dict[str, FloatArray]]:
    """Return Qwen3 Coder 30B's share of the revenue before entry and after, by either method."""
    grid = budgets_of(market)
    many = PAIR_SHARES[np.linspace(0, len(PAIR_SHARES) - 1, kept + 2).astype(int)]
    before, model = market.select(models=list(MODELS[1:])), MODELS[1]
    old = Scored(before, grid, np.array([_ALLOCATIONS[model]]))
    new = Scored(market, grid, allocations_of(_TOTAL, many, 3))
    last = float(min(old.market_reach, old.cascades[0].max(), new.cascades[0].max()))
    rates = np.linspace(0.4, last, points)
    found = {
        "authors": {
            "solve_rate": rates,
            "before": _smooth(per_rate(old, rates).shares[0]),
            "after": _smooth(per_rate(new, rates).shares[1]),
        },
        "exact": {"solve_rate": rates},
    }
    for name, each in (("before", before), ("after", market)):
        result = arb.arbitrage(arb.cascade_frontier(each, most_states=states), solve_rates=rates)
        found["exact"][name] = _smooth(result.revenue_shares()[model].to_numpy())
    return found


def _smooth(values: FloatArray) -> FloatArray:
    """Average over three points of the grid, as the authors do."""
    return np.convolve(np.pad(values, 1, mode="edge"), np.full(3, 1 / 3), "valid")


def _priced(rates: FloatArray, prices: dict[str, FloatArray]) -> dict[str, float | None]:
    return {
        f"{_NAMES[who]} at {rate}%": plain(at(rates, price, rate / 100), ISSUES)
        for who, price in prices.items()
        for rate in _RATES
    }


def _shared(shares: dict[str, FloatArray]) -> dict[str, float | None]:
    rates, before, after = (shares[name] for name in ("solve_rate", "before", "after"))
    partial = np.flatnonzero(before < 0.99)
    whole = rates[max(partial[0] - 1, 0)] if len(partial) and partial[0] else np.nan
    early = rates < 0.55
    return {
        "Qwen3 Coder 30B takes all up to": plain(whole, 100),
        "its largest share above 57%": plain(before[rates > 0.57].max(), 100),
        "its share at 55% after entry": plain(at(rates, after, 0.55), 100),
        "its peak share after entry": plain(after[early].max(), 100),
        "its peak share after entry is at": plain(rates[early][after[early].argmax()], 100),
        "its late share after entry": plain(after[rates > 0.65].max(), 100),
    }


@in_style
def draw(record: Record) -> Figure:
    """Draw the market price above, and Qwen3 Coder 30B's share of the revenue below."""
    figure, (prices, shares) = panels(2, 1, 4.0, height_ratios=(3, 2))
    models = record["market"]["models"]
    curves = drawable(record["prices"])
    rate = curves["solve_rate"]
    looks: dict[str, dict[str, Any]] = {
        "alone": {"color": colour(MODELS[2], models)},
        "qwen3-coder-30b": {"color": colour(MODELS[1], models)},
        "minicoder4b": {"color": colour(MODELS[0], models)},
    }
    for who, look in looks.items():
        prices.plot(rate, curves[f"authors {who}"], **look, label=_NAMES[who])
        if who != "alone":
            prices.plot(rate, curves[f"exact {who}"], **look, lw=0.9, ls=":")
    prices.plot([], [], color="0.3", lw=0.9, ls=":", label="the same, exact cascade")
    if not record["market"]["simulated"]:
        for values in _PRICES.values():
            prices.plot(_RATES, values, "k+", ms=4, mew=0.8, label="_")
        prices.plot([], [], "k+", ms=4, mew=0.8, label="Published")
    prices.set_ylabel(f"Market price\n({record['unit']})")
    prices.set_xlim(rate[0], rate[-1])
    prices.set_xlabel("Solve rate (%)")
    authors, exact = (drawable(record["shares"][method]) for method in ("authors", "exact"))
    shares.plot(
        authors["solve_rate"], authors["before"], color="0.55", label="Share before the entry"
    )
    shares.plot(
        authors["solve_rate"],
        authors["after"],
        color=colour(MODELS[1], models),
        label="Share after the entry",
    )
    shares.plot(exact["solve_rate"], exact["before"], color="0.55", lw=0.9, ls=":")
    shares.plot(
        exact["solve_rate"], exact["after"], color=colour(MODELS[1], models), lw=0.9, ls=":"
    )
    shares.set_ylim(0, 104)
    shares.set_xlim(authors["solve_rate"][0], authors["solve_rate"][-1])
    shares.set_ylabel(f"{label(MODELS[1])},\nshare of revenue (%)")
    shares.set_xlabel("Solve rate (%)")
    handles, labels = prices.get_legend_handles_labels()
    more, names = shares.get_legend_handles_labels()
    heading(figure, "Entry", record["market"], [*handles, *more], [*labels, *names])
    return figure
