"""Figure 1: the profit of arbitrage between GPT-5 mini and DeepSeek v3.2.

The paper's claim: a cascade with one fixed allocation of dollars, GPT-5 mini first and then
DeepSeek v3.2, sells solve rates from 68% to 75.5% for less than either model, at margins up to
about 40%. The exact cascade costs no more at any solve rate, and reaches further than the market.

Source: Olmedo, Schölkopf, Hardt (2026), figure 1 and section 3. Costs are for 500 issues.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

import arbmodels as arb
from paper_figures.allocations import FloatArray, margin_of
from paper_figures.common import Published, Record, describe, drawable, plain, thinned
from paper_figures.held_out import compared, largest_gap, proof
from paper_figures.style import (
    AUTHORS,
    BOUND,
    EXACT,
    NO_PRICE,
    PROFIT,
    VALIDATED,
    colour,
    label,
    legend,
    note,
    panels,
)

TITLE = "Arbitrage profit"
CAPTION = (
    "What a solve rate costs from one model alone (colors) and from cascades of both (red, dashed),"
    " and what an arbitrageur keeps who sells at the lower of the models' prices (shaded)."
)
DATA = "olmedo2026/swebench"
MODELS = ("gpt5mini", "deepseek")
QUICK = {"repeats": 1}

#: The paper states costs for this many issues.
ISSUES = 500

_MARGINS = {69: 5.0, 70: 12.5, 71: 22.6, 72: 22.8, 73: 24.2, 74: 26.7, 75: 33.5}
_COST = f"USD per {ISSUES} issues"

PUBLISHED = (
    Published("allocation to GPT-5 mini", 0.0812, 0.00005, "USD per issue"),
    Published("allocation to DeepSeek v3.2", 0.9188, 0.00005, "USD per issue"),
    Published("providers' costs cross at", 71.0, 0.5, "% solved"),
    Published("arbitrageur's cost at 75%", 78.7, 0.005 * 78.7, _COST),
    Published("DeepSeek v3.2's cost at 75%", 118.5, 0.005 * 118.5, _COST),
    Published("GPT-5 mini's cost at 75%", None, 0.0, _COST),
    *(Published(f"margin at {rate}%", value, 0.5, "%") for rate, value in _MARGINS.items()),
    Published("peak margin", 41.1, 0.1, "%"),
    Published("peak margin is at", 75.495, 0.1, "% solved"),
    Published("mean margin", 19.86, 0.1, "%"),
)


def compute(market: arb.Market, repeats: int = 4) -> Record:
    """Return costs and margins on the authors' solve rates, and costs beyond them.

    Parameters
    ----------
    market : Market
    repeats : int
        Divisions into folds of the cross-validation.
    """
    authors = arb.arbitrage(market, method="olmedo2026")
    frontier = arb.cascade_frontier(arb.dollar_curves(market))
    exact = arb.arbitrage(frontier)
    bound = frontier.bound_at(exact.solve_rates)
    rates = exact.solve_rates[thinned(len(exact.solve_rates), 81)]
    validated = arb.estimation.cross_validate_margin(frontier, solve_rates=rates, repeats=repeats)
    return {
        "market": describe(market),
        "unit": f"{market.currency} per {ISSUES} issues",
        "accounting": {"authors": authors.billing, "exact": exact.billing},
        "values": {"authors": _values(authors), "exact": _values(exact)},
        "certificate": proof(largest_gap(exact.arbitrage_cost, bound)),
        "validation": compared(validated),
        "optimism": plain(validated.mean_optimism, 100),
        "validated": {"solve_rate": plain(rates, 100), "margin": plain(validated.margin, 100)},
        "curves": {
            "authors": _curves(authors),
            "exact": {**_curves(exact), **_bounds(exact.market_price, bound)},
        },
    }


def _values(result: arb.Arbitrage) -> dict[str, float | None]:
    """Return the published quantities by one method; the exact one has no fixed allocation."""
    at_75 = result.source.model_prices_at(np.array([0.75]))[0]
    values = {
        "providers' costs cross at": plain(_crossing(result), 100),
        "arbitrageur's cost at 75%": plain(result.at(0.75).arbitrage_cost, ISSUES),
        "GPT-5 mini's cost at 75%": plain(at_75[0], ISSUES),
        "DeepSeek v3.2's cost at 75%": plain(at_75[1], ISSUES),
        **{f"margin at {u}%": plain(result.at(u / 100).margin, 100) for u in _MARGINS},
        "peak margin": plain(result.peak.margin, 100),
        "peak margin is at": plain(result.peak.solve_rate, 100),
        "mean margin": plain(result.mean_margin, 100),
    }
    if isinstance(result.source, arb.PaperPolicy):
        first, second = result.source.allocation
        values["allocation to GPT-5 mini"] = plain(first)
        values["allocation to DeepSeek v3.2"] = plain(second)
    return values


def _crossing(result: arb.Arbitrage) -> float:
    """Return the first solve rate at which the second model is the cheaper one, else NaN."""
    first, second = result.model_prices.T
    cheaper = second < np.where(np.isnan(first), np.inf, first)
    return float(result.solve_rates[np.argmax(cheaper)]) if cheaper.any() else float("nan")


def _curves(result: arb.Arbitrage) -> dict[str, object]:
    """Return what is drawn; beyond the market's reach there is a cost but no price."""
    beyond = result.market_max_solve_rate + np.linspace(0.0, result.extra_solve_rate, 200)
    return {
        "solve_rate": plain(result.solve_rates, 100),
        "model_prices": plain(result.model_prices.T, ISSUES),
        "market_price": plain(result.market_price, ISSUES),
        "arbitrage_cost": plain(result.arbitrage_cost, ISSUES),
        "margin": plain(result.margin, 100),
        "beyond_rate": plain(beyond, 100),
        "beyond_cost": plain(result.source.spend_at(beyond), ISSUES),
    }


def _bounds(price: FloatArray, bound: FloatArray) -> dict[str, object]:
    return {
        "bound": plain(bound, ISSUES),
        "margin_bound": plain(margin_of(price, bound), 100),
    }


def draw(record: Record) -> Figure:
    """Draw costs above, margins below, over the same solve rates."""
    figure, (costs, margins) = panels(2, 1, 3.7, sharex=True, height_ratios=(3, 2))
    models = record["market"]["models"]
    authors, exact = (drawable(record["curves"][method]) for method in ("authors", "exact"))
    cost, price = exact["arbitrage_cost"], exact["market_price"]

    for model, prices in zip(models, authors["model_prices"], strict=True):
        costs.plot(
            authors["solve_rate"],
            prices,
            color=colour(model, models),
            label=f"{label(model)} alone",
        )
    costs.fill_between(exact["solve_rate"], cost, price, where=cost < price, **PROFIT)
    rate = exact["solve_rate"]
    costs.fill_between(rate, exact["bound"], cost, **BOUND)
    margins.fill_between(rate, exact["margin"], exact["margin_bound"], **BOUND)
    for curves, look in ((exact, EXACT), (authors, AUTHORS)):
        rate = np.concatenate([curves["solve_rate"], curves["beyond_rate"]])
        spend = np.concatenate([curves["arbitrage_cost"], curves["beyond_cost"]])
        costs.plot(rate, spend, **look)
        margins.plot(curves["solve_rate"], curves["margin"], **look)

    new = drawable(record["validated"])
    margins.plot(new["solve_rate"], new["margin"], **VALIDATED)
    costs.plot([], [], **VALIDATED)

    end, reach = exact["beyond_rate"][[0, -1]]
    for axes in (costs, margins):
        axes.axvspan(end, reach, **NO_PRICE)
    costs.set_xlim(exact["solve_rate"][0], reach)
    costs.set_ylim(0.7 * np.nanmin(cost), 1.12 * np.nanmax(price))
    costs.set_ylabel(f"Cost ({record['unit']})")
    dearest = f"{exact['beyond_cost'][-1]:.0f} {record['market']['currency']}"
    note(costs, f"the cheapest cascade goes on\nto {reach:.1f}% for {dearest}")
    margins.set_ylim(0, 1.15 * np.nanmax(exact["margin"]))
    margins.set_ylabel("Margin (%)")
    margins.set_xlabel("Solve rate (%)")
    note(margins, "grey: no single model gets here,\nso there is no market price")
    legend(figure, *costs.get_legend_handles_labels())
    return figure
