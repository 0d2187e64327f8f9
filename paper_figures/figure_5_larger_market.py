"""Figure 5: arbitrage in a market of six models.

The paper's claim: with mini-coder 4B and Qwen3 Coder 30B in the market the margin rises to 56% at
the end of its range, and there is one from 50% on; Qwen3 Coder 480B and Claude Sonnet 4.5 earn
nothing. The authors try 14,526 allocations over four of the models and keep the cheapest at each of
100 solve rates. Beside it: the cheapest cascade found of the four models on the same budgets, and
of all six in whole attempts, each with a bound that no policy can beat. Whole attempts have a
market price of their own, so the two are shares of different prices. The authors read costs off a
grid of 250 budgets, in places up to about 1% below what the cascade costs; the best found is no
dearer than what their cascades cost.

Source: Olmedo, Schölkopf, Hardt (2026), figure 5. Margins are shares of the market price.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

import arbmodels as arb
from paper_figures.allocations import FloatArray, Scored, halves, margin_of, per_rate, staged
from paper_figures.common import Published, Record, at, describe, drawable, plain
from paper_figures.held_out import at_most, in_points
from paper_figures.methods import (
    PAIR_BUDGETS,
    POINTS,
    STAGE_BUDGETS,
    STATES,
    exact_curves,
    some_of,
)
from paper_figures.style import (
    AUTHORS,
    BOUND,
    EXACT,
    VALIDATED,
    colour,
    footnote,
    heading,
    in_style,
    label,
    panels,
)

DATA = "olmedo2026/swebench"
MODELS = (
    "minicoder4b",
    "qwen3-coder-30b",
    "gpt5mini",
    "deepseek",
    "qwen3-coder-480b",
    "sonnet",
)
#: Those that the authors' allocations are over, and the smaller market.
FOUR, PAIR = MODELS[:4], MODELS[2:4]
QUICK = {"points": 9, "kept": 6, "seconds": 1.0, "states": 0}

_MARGINS = {50: 12.0, 60: 14.7, 70: 23.1, 72: 31.5, 74: 37.5, 75: 46.9}
_PAIR = {70: 13.9, 74: 27.5}
#: The solve rates that the authors look at begin here.
_FIRST = 0.4

PUBLISHED = (
    *(Published(f"margin at {rate}%", value, 0.2, "%") for rate, value in _MARGINS.items()),
    Published("peak margin", 56.3, 0.2, "%"),
    Published("peak margin is at", 75.495, 0.01, "% solved"),
    *(
        Published(f"two models, margin at {rate}%", value, 0.2, "%")
        for rate, value in _PAIR.items()
    ),
    Published("two models, peak margin", 45.8, 0.2, "%"),
)
_SIX: dict[str, object] = {"color": "#6A3D9A", "lw": 1.0, "label": "All six, searched"}


def compute(
    market: arb.Market,
    points: int = POINTS,
    kept: int | None = None,
    seconds: float = 90.0,
    states: int = STATES,
) -> Record:
    """Return margins of the authors' allocations, the exact cascade, and the search among six.

    Parameters
    ----------
    market : Market
    points : int
        Solve rates.
    kept : int, optional
        How many of the authors' budgets to try for a stage; all by default.
    seconds : float
        Time limit of the searches.
    states : int
        Of the lattice of four models.
    """
    four, pair = market.select(models=list(FOUR)), market.select(models=list(PAIR))
    grid = arb.budget_grid()
    scored = Scored(four, grid, staged(some_of(STAGE_BUDGETS, kept), 4, 1.0))
    small = Scored(pair, grid, halves(PAIR_BUDGETS, 1.0))
    rates = np.linspace(_FIRST, scored.market_max_solve_rate, points)
    authors, smaller = per_rate(scored, rates), per_rate(small, rates)
    exact, curves = exact_curves(four, grid, authors, seconds=seconds, states=states)
    margin = np.array(curves["margin"], dtype=float) / 100
    pair_margin = np.array(exact_curves(pair, grid, smaller)[1]["margin"], dtype=float) / 100
    whole = arb.attempt_curves(market, billing="pay-past-record")
    searched = arb.search_frontier(whole, rates, time_limit=seconds)
    # Whole attempts are coarse, so a model alone may mix two numbers of attempts, too.
    price = np.fmin.reduce([each.mixture_spend_at(rates) for each in searched.single_models])
    spend, bound = searched.mixture_spend_at(rates), searched.bound_at(rates)
    to_model = searched.spend_by_model_at(rates).T
    # The search is repeated on every training set.
    again = arb.estimation.cross_validate_margin(searched, solve_rates=rates, repeats=1)
    gap = plain(np.nanmax(searched.gap_at(rates)), 100)
    return {
        "market": describe(market),
        "unit": "% of the market price",
        "accounting": {"exact": exact.billing, "searched": searched.convention},
        "allocations": len(scored.allocations),
        "certificate": f"{curves['certificate']} All six in whole attempts: over {at_most(gap)}%.",
        "validation": f"{curves['validation']} All six:"
        f" {100 * again.mean_margin:.1f}%, {100 * again.mean_in_sample:.1f}%,"
        f" {in_points(100 * again.mean_optimism)} points.",
        "optimism": curves["optimism"],
        "largest gap of the search": gap,
        "largest share of the spend of Qwen3 Coder 480B and Sonnet": plain(
            (to_model[4:].sum(axis=0) / to_model.sum(axis=0)).max(), 100
        ),
        "values": {
            "authors": _values(rates, authors.margin, smaller.margin),
            "exact": _values(rates, margin, pair_margin),
        },
        "authors": {
            "solve_rate": plain(rates, 100),
            "margin": plain(authors.margin, 100),
            "pair": plain(smaller.margin, 100),
        },
        "exact": curves,
        "searched": {
            "solve_rate": plain(rates, 100),
            "margin": plain(margin_of(price, spend), 100),
            "margin_bound": plain(margin_of(price, bound), 100),
            "validated": plain(again.margin, 100),
            "shares": plain(to_model / to_model.sum(axis=0), 100),
        },
    }


def _values(rates: FloatArray, four: FloatArray, pair: FloatArray) -> dict[str, float | None]:
    return {
        **{f"margin at {rate}%": plain(at(rates, four, rate / 100), 100) for rate in _MARGINS},
        "peak margin": plain(np.nanmax(four), 100),
        "peak margin is at": plain(rates[np.nanargmax(four)], 100),
        **{
            f"two models, margin at {rate}%": plain(at(rates, pair, rate / 100), 100)
            for rate in _PAIR
        },
        "two models, peak margin": plain(np.nanmax(pair), 100),
    }


@in_style
def draw(record: Record) -> Figure:
    """Draw the margins above, and whom the searched policy pays below."""
    figure, (margins, paid) = panels(2, 1, 4.0, sharex=True, height_ratios=(3, 2))
    authors, exact, six = (drawable(record[key]) for key in ("authors", "exact", "searched"))
    rate = exact["solve_rate"]
    margins.plot(rate, exact["margin"], **{**EXACT, "label": "Four models, best found"})
    margins.plot(rate, exact["validated"], **{**VALIDATED, "label": "_"})
    margins.plot(rate, authors["margin"], **{**AUTHORS, "label": "Four models, authors"})
    margins.plot(rate, authors["pair"], color="0.6", lw=0.9, label="Two models, authors")
    margins.fill_between(
        rate, exact["margin"], exact["margin_bound"], color=EXACT["color"], alpha=0.12, lw=0
    )
    margins.fill_between(rate, six["margin"], six["margin_bound"], color="#6A3D9A", alpha=0.2, lw=0)
    margins.plot(rate, six["margin"], **_SIX)  # type: ignore[arg-type]
    margins.plot(rate, six["validated"], **{**VALIDATED, "color": _SIX["color"], "label": "_"})
    margins.plot([], [], **{**VALIDATED, "color": "0.4", "label": "Cross-validated"})
    margins.fill_between([], [], **{**BOUND, "alpha": 0.3})
    margins.set_ylabel("Margin (%)")
    margins.set_ylim(bottom=0)
    models = record["market"]["models"]
    colours = [colour(model, models) for model in models]
    layers = paid.stackplot(rate, *six["shares"], colors=colours, lw=0)
    paid.set_title("Whom the policy searched among six pays")
    paid.set_ylim(0, 100)
    paid.set_xlim(rate[0], rate[-1])
    paid.set_ylabel("Share of spend (%)")
    paid.set_xlabel("Solve rate (%)")
    handles, labels = margins.get_legend_handles_labels()
    heading(
        figure,
        "Larger market",
        record["market"],
        [*handles, *layers],
        [*labels, *map(label, models)],
    )
    footnote(figure, record)
    return figure
