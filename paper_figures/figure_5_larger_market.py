"""Figure 5: arbitrage in a market of six models.

The paper's claim: with mini-coder 4B and Qwen3 Coder 30B in the market the margin rises to 56% at
the end of its range, and there is one from 50% on; Qwen3 Coder 480B and Claude Sonnet 4.5 earn
nothing. The authors try 14,526 allocations over four of the models and keep the cheapest at each of
100 solve rates. Beside it: the cheapest cascade found of the four models on the same budgets, and
of all six in whole attempts, each with a bound that no policy can beat. All margins are shares of
one market price, the authors': what the cheapest single model costs in dollars. A search in dollars
among all six finds nothing of use, so what the six cost is counted in whole attempts, which at some
solve rates is more than the same in dollars (a margin of zero) and at others less; margins at the
price of whole attempts are in the record (``own_margin``), and so is the cross-validation of both.
The authors read costs off a grid of 250 budgets, in places up to about 1% below what the cascade
costs; the best found is no dearer than what their cascades cost.

Source: Olmedo, Schölkopf, Hardt (2026), figure 5. Margins are shares of the market price.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
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
    TIE_RULE,
    exact_curves,
    some_of,
    untied,
)
from paper_figures.style import (
    AUTHORS,
    EXACT,
    colour,
    label,
    panels,
    stack,
)

TITLE = "A market of six models"
CAPTION = (
    "Above: the margin of cascades of two, four and all six models; one market price for all, what"
    " the cheapest single model costs in dollars. Light: up to the proven limit of four. What six"
    f" cost is counted in whole attempts. Below: whom the cascade of all six pays. {TIE_RULE}"
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
_SIX = "#6A3D9A"
#: A name takes a share of the width of twice one in so many, and percent of the height; less than
#: so many percent of the spend is nothing.
_NAMES, _ROOM, _NOTHING = 7, 10.0, 0.05
#: Relative luminance of red, green and blue, and below which of a layer its name is white.
_LUMINANCE, _DARK = np.array([0.2126, 0.7152, 0.0722]), 0.45


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
    one_price = np.array(curves["market_price"], dtype=float)
    spend, bound = searched.mixture_spend_at(rates), searched.bound_at(rates)
    to_model = searched.spend_by_model_at(rates).T
    shares = to_model / to_model.sum(axis=0)
    # The search is repeated on every training set.
    again = arb.estimation.cross_validate_margin(searched, solve_rates=rates, repeats=1)
    gap = plain(np.nanmax(searched.gap_at(rates)), 100)
    return {
        "market": describe(market),
        "unit": "% of the market price",
        "accounting": {"exact": exact.billing, "searched": searched.billing},
        "allocations": len(scored.allocations),
        "certificate": f"{curves['certificate']} All six in whole attempts: over {at_most(gap)}%.",
        "validation": f"{curves['validation']} (Four models; alone, that search finds less than is"
        f" drawn.) All six, at the price of whole attempts: mean margin"
        f" {100 * again.mean_margin:.1f}%, in sample {100 * again.mean_in_sample:.1f}%, optimism"
        f" {in_points(100 * again.mean_optimism)} points.",
        "optimism": curves["optimism"],
        "largest gap of the search": gap,
        "largest share of the spend of Qwen3 Coder 480B and Sonnet": plain(
            shares[4:].sum(axis=0).max(), 100
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
            "margin": plain(margin_of(one_price, spend), 100),
            "own_margin": plain(margin_of(price, spend), 100),
            "own_margin_bound": plain(margin_of(price, bound), 100),
            "validated": plain(again.margin, 100),
            "shares": plain(shares, 100),
            "drawn": plain(
                untied(rates, searched.spend_at(rates), np.vstack([shares, 0.0 * rates]))[:-1], 100
            ),
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


def _write_names(axes: Axes, rate: FloatArray, shares: FloatArray, models: Sequence[str]) -> None:
    """Write every model into its layer where that is thickest; above them, who gets little."""
    top = np.cumsum(shares, axis=0)
    half = max(1, len(rate) // _NAMES)
    windows = [slice(k - half, k + half + 1) for k in range(half, len(rate) - half)]
    little = {}
    for share, above, model in zip(shares, top, models, strict=True):
        if share.max() < _ROOM:
            little[label(model)] = share.max()
            continue
        # As thick as along the whole name; one that fits nowhere stands out in its color.
        low = np.array([(above - share)[window].max() for window in windows])
        high = np.array([above[window].min() for window in windows])
        k = half + int((high - low).argmax())
        if (high - low).max() < _ROOM:
            k = int(share.argmax())
        height = above[k] - share[k] / 2
        shade = colour(model, models)
        axes.text(
            rate[np.clip(k, 1, len(rate) - 2)],
            np.clip(height, _ROOM / 2, 100 - _ROOM / 2),
            label(model),
            ha="left" if k < half else "right" if k >= len(rate) - half else "center",
            va="center",
            color="black" if to_rgb(shade) @ _LUMINANCE > _DARK else "white",
            bbox={"fc": shade, "lw": 0, "pad": 0.8},
        )
    if little:
        most = max(little.values())
        amount = "nothing" if most < _NOTHING else f"at most {np.ceil(most):.0f}%"
        verb = "receives" if len(little) == 1 else "receive"
        axes.set_title(f"{' and '.join(little)} {verb} {amount}")


def draw(record: Record) -> Figure:
    """Draw the margins above, and whom the searched policy pays below; names at the curves."""
    figure, (margins, paid) = panels(2, 1, 3.7, sharex=True, height_ratios=(3, 2))
    authors, exact, six = (drawable(record[key]) for key in ("authors", "exact", "searched"))
    rate = exact["solve_rate"]
    margins.fill_between(
        rate, exact["margin"], exact["margin_bound"], color=EXACT["color"], alpha=0.12, lw=0
    )
    margins.plot(rate, authors["pair"], color="0.6", lw=0.9, label="Two models, paper's policy")
    margins.plot(rate, authors["margin"], **{**AUTHORS, "label": "Four models, paper's policy"})
    margins.plot(rate, exact["margin"], **{**EXACT, "label": "Four models, cheapest found"})
    margins.plot(rate, six["margin"], color=_SIX, lw=1.0, label="All six, cheapest found")
    margins.set_ylabel("Margin (%)")
    margins.set_ylim(bottom=0)
    # The names, from the top in the order of the curves at the end, where there is room.
    for k, line in enumerate(reversed(margins.get_lines())):
        name, height = str(line.get_label()), 0.96 - 0.09 * k
        margins.text(
            0.03, height, name, color=line.get_color(), va="top", transform=margins.transAxes
        )
    models = record["market"]["models"]
    stack(paid, rate, six["drawn"], [colour(model, models) for model in models])
    _write_names(paid, rate, six["drawn"], models)
    paid.set_ylabel("Share of spend (%)")
    paid.set_xlabel("Solve rate (%)")
    return figure
