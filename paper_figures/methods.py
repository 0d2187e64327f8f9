"""What several figures compute: the exact method beside the authors', on the same budgets."""

from __future__ import annotations

from typing import Any

import numpy as np

import arbmodels as arb
from paper_figures.allocations import Choice, FloatArray, margin_of
from paper_figures.common import plain
from paper_figures.held_out import CASCADES, at_most, compared, largest_gap, proof

#: What the authors try for a stage, besides nothing, in markets of three and four models (USD).
STAGE_BUDGETS = np.logspace(-3, 0, 20)
#: Two models, what they try for the first of a total of 1 or 0.5 USD: with nothing and everything,
#: 102 allocations.
PAIR_BUDGETS = np.logspace(-2, np.log10(0.5), 100)
#: Solve rates of theirs over which larger markets are compared, read linearly in between.
POINTS = 100

#: States of a lattice of more than two models.
STATES = 3_000_000


def some_of(values: FloatArray, kept: int | None) -> FloatArray:
    """Return ``kept`` of some values, evenly spread, both ends included; all for None."""
    count = len(values) if kept is None else kept
    some: FloatArray = values[np.linspace(0, len(values) - 1, count).astype(int)]
    return some


def exact_curves(
    market: arb.Market,
    grid: FloatArray,
    authors: Choice,
    scale: float = 1.0,
    *,
    repeats: int | None = None,
    seconds: float = 20.0,
    states: int = STATES,
) -> tuple[arb.Arbitrage, dict[str, Any]]:
    """Return the least prices and costs, a proven bound, and the margin on new instances.

    Two models: the cheapest on a lattice of all budgets. More: the cheapest of the thinned lattice,
    a search, and mixtures of two plans. In either case no dearer than the authors' allocations,
    and the bound says by how much any cascade could be cheaper.

    Parameters
    ----------
    market : Market
        Of up to four models.
    grid : increasing float array [B], currency units
        The authors' budgets.
    authors : Choice
        Their allocations on it, at the solve rates to look at.
    scale : float
        Money is stated for this many instances.
    repeats : int, optional
        Divisions into folds that the cross-validated margin is averaged over; four for two models,
        else one.
    seconds : float
        Time limit of the search in markets of more than two models, which is what is
        cross-validated there.
    states : int
        Of the thinned lattice beside it; none for 0.

    Returns
    -------
    Arbitrage, and plain values for a record
    """
    solve_rates = authors.solve_rates
    curves = arb.dollar_curves(market, grid)
    found, searched = cheapest(curves, solve_rates, states, seconds)
    result = arb.arbitrage(found, solve_rates=solve_rates)
    cost, bound, of = result.arbitrage_cost, found.bound_at(solve_rates), CASCADES
    if searched is not None:
        mixed = np.fmin(searched.mixture_spend_at(solve_rates), result.market_price)
        cost, of = np.fmin(cost, mixed), f"{CASCADES}, mixed or not,"
        bound = searched.bound_at(solve_rates)
        if isinstance(found, arb.Frontier):
            bound = np.fmax(bound, bound_of_mixtures(found, solve_rates))
    cost = np.fmin(cost, authors.attained)
    validated = arb.estimation.cross_validate_margin(
        searched or found,
        solve_rates=solve_rates,
        repeats=repeats or (4 if searched is None else 1),
    )
    gap = largest_gap(cost, bound)
    return result, {
        "solve_rate": plain(solve_rates, 100),
        "model_prices": plain(result.model_prices.T, scale),
        "market_price": plain(result.market_price, scale),
        "arbitrage_cost": plain(cost, scale),
        "attained_by_authors": plain(authors.attained, scale),
        "reading": _reading(authors),
        "bound": plain(bound, scale),
        "margin": plain(margin_of(result.market_price, cost), 100),
        "margin_bound": plain(margin_of(result.market_price, bound), 100),
        "largest_gap": plain(gap),
        "certificate": proof(gap, of),
        "validated": plain(validated.margin, 100),
        "validated_cost": plain(validated.held_out.cost, scale),
        "validated_prices": plain(validated.held_out.model_prices.T, scale),
        "validated_mean": plain(validated.mean_margin, 100),
        "optimism": plain(validated.mean_optimism, 100),
        "validation": compared(validated),
    }


def cheapest(
    curves: arb.Curves, solve_rates: FloatArray, states: int, seconds: float = 20.0
) -> tuple[arb.Frontier | arb.SearchedFrontier, arb.SearchedFrontier | None]:
    """Return the cheapest cascades, and of more than two models the search among all amounts.

    Parameters
    ----------
    curves : Curves
    solve_rates : float array
    states : int
        Of the lattice; thinned for more than two models, and left out for 0.
    seconds : float
        Time limit of the search.
    """
    if len(curves.names) <= 2:
        return arb.cascade_frontier(curves), None
    searched = arb.search_frontier(curves, solve_rates, time_limit=seconds)
    if not states:
        return searched, searched
    return arb.cascade_frontier(curves, most_states=states), searched


def _reading(authors: Choice) -> str:
    """Return in words how the authors' reading of costs differs from what their policy costs."""
    below = 100 * (1 - authors.cost / authors.attained)
    many = int((below > 0.01).sum())
    return (
        f"The authors read costs off a grid of budgets: at {many} of {len(below)} solve rates less"
        f" than their cascade costs, by up to {at_most(np.nanmax(below), 2)}%."
    )


def bound_of_mixtures(frontier: arb.Frontier, solve_rates: FloatArray) -> FloatArray:
    """Return a lower bound on the spend of plans mixed at random, from that on single plans.

    For every slope s, a mixture of solve rate u spends at least s u - max(s r - bound(r)).
    """
    rate = np.linspace(0.0, frontier.max_solve_rate, 2001)
    # The bound never falls: between two rates it is at least that of the lower one.
    bound = np.append(0.0, frontier.bound_at(rate[:-1]))
    slopes = np.geomspace(1e-3, 1e3, 2001)[:, None] * bound[-1] / rate[-1]
    lines = slopes * solve_rates - (slopes * rate - bound).max(axis=1, keepdims=True)
    bounds: FloatArray = np.maximum(lines.max(axis=0), 0.0)
    return bounds


#: Cascades count as tied that cost at most this share more than the cheapest.
TIED = 0.01


def untied(rates: FloatArray, cost: FloatArray, shares: FloatArray) -> FloatArray:
    r"""Return shares [M + 1, U] to draw, with one rule for whom tied cascades pay.

    Often cascades that buy from different models cost nearly the same, and which of them is the
    cheapest changes from one solve rate to the next. At a solve rate :math:`u` between
    :math:`u_i` and :math:`u_j`, one may as well mix the two cascades that are cheapest there; a
    mixture counts as tied where it costs at most ``TIED`` more than the cheapest cascade of
    :math:`u`. Of all ways from the first solve rate to the last over tied mixtures, the one is
    taken along which the providers' split changes least (the sum of absolute changes), and of
    these the one that leaves out the fewest solve rates: a shortest path.

    What is left to the arbitrageur, the last row, stays that of the cheapest cascade.

    Parameters
    ----------
    rates, cost : float arrays [U]
        Increasing solve rates, and what the cheapest policy costs.
    shares : float array [M + 1, U]
        Of the price: the models', the arbitrageur's.
    """
    count, received = len(rates), shares[:-1].sum(axis=0)
    split = shares[:-1] / received
    changes, before = np.full(count, np.inf), np.zeros(count, dtype=np.int64)
    changes[0] = 0.0
    for j in range(1, count):
        for i in range(j):
            inside = slice(i + 1, j)
            mixed = np.interp(rates[inside], rates[[i, j]], cost[[i, j]])
            if (mixed <= (1.0 + TIED) * cost[inside]).all():
                # The number left out only decides between equal changes.
                change = float(np.abs(split[:, j] - split[:, i]).sum()) + 1e-6 * (j - i - 1)
                if changes[i] + change < changes[j]:
                    changes[j], before[j] = changes[i] + change, i
    kept = [count - 1]
    while kept[-1]:
        kept.append(int(before[kept[-1]]))
    kept.reverse()
    paid = np.stack([np.interp(rates, rates[kept], row[kept]) for row in split * cost])
    return np.vstack([paid / paid.sum(axis=0) * received, shares[-1]])


#: Said where shares are drawn by that rule.
TIE_RULE = (
    f"Cascades, and mixtures of two, that cost at most {TIED:.0%} more than the cheapest cascade"
    " count as tied: of these, those are drawn along which the providers' split changes least."
)
