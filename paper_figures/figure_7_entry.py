"""Figure 7: a small open model enters the market (and the revenue share of figure 6).

The paper's claim: an arbitrageur with Qwen3 Coder 30B undercuts GPT-5 mini, and one with mini-coder
4B undercuts both: at 70% solved the market price falls from 45.8 to 39.6 and 37.7 USD per 500
issues. With mini-coder 4B in the market Qwen3 Coder 30B's share of the revenue, all of it up to 47%
and a part of it beyond 57%, is gone but for a few solve rates. The exact cascades of the same
models are cheaper; dotted is what they cost, and whom they pay, on issues that they were not chosen
on.

Prices are those of the authors' single allocations. Shares are those of the cheapest allocation at
every solve rate, of 102 before the entry (0.5 USD in total) and of 2,098 after it; they are shares
of what the providers receive, the arbitrageur's profit left out, and smoothed over three of the
authors' 100 solve rates.

Source: Olmedo, Schölkopf, Hardt (2026), figures 6 and 7. Prices are for 500 issues.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

import arbmodels as arb
from paper_figures.allocations import (
    FloatArray,
    Scored,
    halves,
    of_providers,
    per_rate,
    single,
    spend_at,
    staged,
)
from paper_figures.common import Published, Record, at, describe, drawable, plain
from paper_figures.held_out import at_most, compared, held_out_shares, proof
from paper_figures.methods import (
    PAIR_BUDGETS,
    POINTS,
    STAGE_BUDGETS,
    STATES,
    cheapest,
    exact_curves,
    some_of,
)
from paper_figures.style import (
    POLICIES,
    VALIDATED,
    colour,
    label,
    legend,
    panels,
)

TITLE = "Entry of a small model"
CAPTION = (
    "Above: the price at which a solve rate sells when GPT-5 mini is alone, and when an arbitrageur"
    " may combine it with one small model. Below: what of the providers' revenue Qwen3 Coder 30B"
    " receives, before and after mini-coder 4B enters."
)
DATA = "olmedo2026/swebench"
MODELS = ("minicoder4b", "qwen3-coder-30b", "gpt5mini")
QUICK = {"points": 9, "kept": 12, "states": 0, "repeats": 1}

#: The paper states prices for this many issues.
ISSUES = 500
#: The authors' allocations with either small model, USD, and their budgets.
_ALLOCATIONS = {"qwen3-coder-30b": (0.0244, 0.4756), "minicoder4b": (0.0103, 0.4897)}
_GRID = arb.budget_grid(1e-4, 0.5)
#: The solve rates that they look at begin at the first; the pictures at the others.
_FIRST, _FIRST_PRICE, _FIRST_SHARE = 0.05, 0.6, 0.4
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
_HELD_OUT = {"lw": VALIDATED["lw"], "ls": VALIDATED["ls"]}
_SHADES = {"before": "0.6", "after": "0.1"}
_COST = f"USD per {ISSUES} issues"
_SHARE = "% of revenue"
#: Qwen3 Coder 30B's share of the providers' revenue before the entry.
_BEFORE = {49: 44, 50: 35, 51: 17, 52: 0, 54: 0, 56: 0, 60: 28, 72: 41}

PUBLISHED = (
    *(
        Published(f"{_NAMES[who]} at {rate}%", price, 0.005 * price, _COST)
        for who, prices in _PRICES.items()
        for rate, price in zip(_RATES, prices, strict=True)
    ),
    # Stated without decimals.
    Published("Qwen3 Coder 30B takes all up to", 47.0, 0.5, "% solved"),
    *(Published(f"its share at {u}%", share, 0.5, _SHARE) for u, share in _BEFORE.items()),
    Published("its share at 55% after entry", 0.0, 0.5, _SHARE),
    Published("its peak share after entry", 54.0, 0.5, _SHARE),
    Published("its peak share after entry is at", 46.5, 0.5, "% solved"),
    # The notebook mixes two grids of solve rates there: ours is 22.1 at the last one.
    Published("its share at the frontier after entry", 21.0, 1.2, _SHARE),
)


def compute(
    market: arb.Market,
    points: int = POINTS,
    kept: int | None = None,
    states: int = STATES,
    repeats: int = 4,
) -> Record:
    """Return prices and revenue shares before and after entry.

    Parameters
    ----------
    market : Market
    points : int
        Solve rates.
    kept : int, optional
        How many of the authors' budgets to try for a stage in the market of three models; all by
        default.
    states : int
        Of the lattice of three models.
    repeats : int
        Divisions into folds of the cross-validation of two models.
    """
    pairs = {small: market.select(models=[small, MODELS[2]]) for small in _ALLOCATIONS}
    scored = {
        small: Scored(pair, _GRID, np.array([_ALLOCATIONS[small]])) for small, pair in pairs.items()
    }
    first = scored[MODELS[1]]
    rates = np.linspace(_FIRST, first.market_max_solve_rate, points)
    rates = rates[rates > _FIRST_PRICE - 1 / points]
    chosen = {small: single(each, rates)[1] for small, each in scored.items()}
    prices = {"alone": spend_at(first.providers, rates)[1]}
    prices |= {small: choice.cost for small, choice in chosen.items()}
    exact = {
        small: exact_curves(pair, _GRID, chosen[small], ISSUES, repeats=repeats)
        for small, pair in pairs.items()
    }
    exact_prices = {"alone": exact[MODELS[1]][0].model_prices[:, 1]}
    exact_prices |= {
        small: np.array(curves["arbitrage_cost"], dtype=float) / ISSUES
        for small, (_, curves) in exact.items()
    }
    held_out = {small: curves["validated_cost"] for small, (_, curves) in exact.items()}
    held_out["alone"] = exact[MODELS[1]][1]["validated_prices"][1]
    shares, validated, gap = _shares(market, points, kept, states)
    gaps = [curves["largest_gap"] for _, curves in exact.values()]
    return {
        "market": describe(market),
        "unit": f"{market.currency} per {ISSUES} issues",
        "values": {
            "authors": {**_priced(rates, prices), **_shared(shares["authors"])},
            "exact": {**_priced(rates, exact_prices), **_shared(shares["exact"])},
        },
        "certificate": f"{proof(max(gaps))} Three models: over {at_most(gap)}%.",
        "validation": f"All three models: {compared(validated)}",
        "optimism": plain(validated.mean_optimism, 100),
        "prices": {
            "solve_rate": plain(rates, 100),
            **{f"authors {who}": plain(price, ISSUES) for who, price in prices.items()},
            **{f"exact {who}": plain(price, ISSUES) for who, price in exact_prices.items()},
            **{f"held out {who}": price for who, price in held_out.items()},
        },
        "bounds": {small: curves["bound"] for small, (_, curves) in exact.items()},
        "shares": {
            method: {name: plain(values, 100) for name, values in each.items()}
            for method, each in shares.items()
        },
    }


def _shares(
    market: arb.Market, points: int, kept: int | None, states: int
) -> tuple[dict[str, dict[str, FloatArray]], arb.estimation.CrossValidatedMargin, float]:
    """Return Qwen3 Coder 30B's share of the revenue before entry and after, by every method.

    Also the cross-validated margin of all models, and the largest gap of its cascades.
    """
    before, model = market.select(models=list(MODELS[1:])), MODELS[1]
    old = Scored(before, _GRID, halves(PAIR_BUDGETS, float(_GRID[-1])))
    new = Scored(market, _GRID, staged(some_of(STAGE_BUDGETS, kept), 3, 1.0))
    rates = np.linspace(_FIRST, old.market_max_solve_rate, points)
    found = {
        "authors": {
            "solve_rate": rates,
            "before": _smooth(per_rate(old, rates).providers_shares[0]),
            "after": _smooth(per_rate(new, rates).providers_shares[1]),
        },
        "exact": {"solve_rate": rates},
        "held out": {"solve_rate": rates},
    }
    for name, each in (("before", before), ("after", market)):
        frontier, searched = cheapest(arb.dollar_curves(each, _GRID), rates, states)
        result = arb.arbitrage(frontier, solve_rates=rates)
        row = each.models.index(model)
        shares = of_providers(result.revenue_shares().to_numpy().T)
        found["exact"][name] = _smooth(shares[row])
        validated = arb.estimation.cross_validate_margin(
            searched or frontier, solve_rates=rates, repeats=1
        )
        found["held out"][name] = _smooth(of_providers(held_out_shares(validated))[row])
    return found, validated, 100 * float(np.nanmax(frontier.gap_at(rates)))


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
    drawn = (rates >= _FIRST_SHARE) & np.isfinite(before) & np.isfinite(after)
    rates, before, after = rates[drawn], before[drawn], after[drawn]
    early = rates < 0.55
    return {
        "Qwen3 Coder 30B takes all up to": plain(whole, 100),
        **{f"its share at {u}%": plain(at(rates, before, u / 100), 100) for u in _BEFORE},
        "its share at 55% after entry": plain(at(rates, after, 0.55), 100),
        "its peak share after entry": plain(after[early].max(), 100),
        "its peak share after entry is at": plain(rates[early][after[early].argmax()], 100),
        "its share at the frontier after entry": plain(after[-1], 100),
    }


def draw(record: Record) -> Figure:
    """Draw the market price above, and Qwen3 Coder 30B's share of the revenue below."""
    figure, axes = panels(2, 2, 3.8, sharey="row", height_ratios=(3, 2))
    models = record["market"]["models"]
    curves = drawable(record["prices"])
    rate = curves["solve_rate"]
    colours = {"alone": colour(MODELS[2], models)} | {
        small: colour(small, models) for small in _ALLOCATIONS
    }
    for method, prices, shares in zip(("authors", "exact"), axes[:2], axes[2:], strict=True):
        for who, shade in colours.items():
            prices.plot(rate, curves[f"{method} {who}"], color=shade, label=_NAMES[who])
            if method == "exact":
                prices.plot(rate, curves[f"held out {who}"], **_HELD_OUT, color=shade)
        drawn = drawable(record["shares"][method])
        for name, shade in _SHADES.items():
            shares.plot(drawn["solve_rate"], drawn[name], color=shade, label=f"Share {name} entry")
            if method == "exact":
                new = drawable(record["shares"]["held out"])
                shares.plot(new["solve_rate"], new[name], **_HELD_OUT, color=shade)
        # Three models' amounts are thinned out.
        prices.set_title(POLICIES[method] if method == "authors" else "Cheapest found")
        prices.set_xlim(rate[0], rate[-1])
        shares.set_xlim(100 * _FIRST_SHARE, drawn["solve_rate"][-1])
        shares.set_xlabel("Solve rate (%)")
        for each in (prices, shares):
            each.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    if not record["market"]["simulated"]:
        for values in _PRICES.values():
            axes[0].plot(_RATES, values, "k+", ms=4, mew=0.8, label="_")
        axes[0].plot([], [], "k+", ms=4, mew=0.8, label="Published")
    axes[0].set_ylabel(f"Market price\n({record['unit']})")
    axes[2].set_ylim(0, 104)
    axes[2].set_ylabel(f"Providers' revenue to\n{label(MODELS[1])} (%)")
    axes[2].plot([], [], color="0.3", **_HELD_OUT, label="Cheapest, cross-validated")
    handles, labels = axes[0].get_legend_handles_labels()
    more, names = axes[2].get_legend_handles_labels()
    legend(figure, [*handles, *more], [*labels, *names])
    return figure
