"""What several figures compute: the exact method beside the authors', on the same budgets."""

from __future__ import annotations

from typing import Any

import numpy as np

import arbmodels as arb
from paper_figures.allocations import FloatArray, margin_of
from paper_figures.common import plain
from paper_figures.held_out import CASCADES, compared, largest_gap, proof

#: Shares of the total that the authors try for every stage but the last, in markets of more than
#: two models. They do not state them; these make one allocation of four models more than theirs.
MANY_SHARES = np.concatenate([[0.0], np.logspace(np.log10(0.00025), np.log10(0.9), 24), [1.0]])
#: Two models: the authors' search of 102.
PAIR_SHARES = np.concatenate([[0.0], np.logspace(np.log10(0.01), np.log10(0.5), 100), [1.0]])

#: States of a lattice of more than two models.
STATES = 3_000_000


def budgets_of(market: arb.Market) -> FloatArray:
    """Return the authors' 250 budgets: 0.0001 to 1 USD, or 1e3 to 1e8 FLOPs.

    They do not state the latter; its end makes the reach of the Kimina provers.
    """
    return arb.budget_grid(1e3, 1e8) if market.currency == "FLOPs" else arb.budget_grid()


def exact_curves(
    market: arb.Market,
    solve_rates: FloatArray,
    scale: float = 1.0,
    *,
    repeats: int | None = None,
    seconds: float = 20.0,
    states: int = STATES,
) -> tuple[arb.Arbitrage, dict[str, Any]]:
    """Return the least prices and costs, a proven bound, and the margin on new instances.

    Two models: exact on every budget. More: the cheapest of the thinned lattice, a search, and
    mixtures of two plans; the bound says what that can have cost.

    Parameters
    ----------
    market : Market
        Of up to four models.
    solve_rates : float array [U]
    scale : float
        Money is stated for this many instances.
    repeats : int, optional
        Divisions into folds that the cross-validated margin is averaged over; four for two models,
        else one.
    seconds : float
        Time limit of the search in markets of more than two models, whose lattice is thinned.
    states : int
        States of that lattice.

    Returns
    -------
    Arbitrage, and plain values for a record
    """
    curves = arb.dollar_curves(market, budgets_of(market))
    frontier = arb.cascade_frontier(curves, most_states=states)
    result = arb.arbitrage(frontier, solve_rates=solve_rates)
    cost, bound, of = result.arbitrage_cost, frontier.bound_at(solve_rates), CASCADES
    if len(market.models) > 2:
        # The lattice is thinned there; a search on the same curves finds amounts between.
        found = arb.search_frontier(curves, solve_rates, time_limit=seconds)
        mixed = np.fmin(found.mixture_spend_at(solve_rates), result.market_price)
        cost, of = np.fmin(cost, mixed), f"{CASCADES}, mixed or not,"
        bound = np.fmax(bound_of_mixtures(frontier, solve_rates), found.bound_at(solve_rates))
    validated = arb.estimation.cross_validate_margin(
        frontier,
        solve_rates=solve_rates,
        repeats=repeats or (4 if len(market.models) == 2 else 1),
        most_states=min(states, 250_000),
    )
    gap = largest_gap(cost, bound)
    return result, {
        "solve_rate": plain(solve_rates, 100),
        "model_prices": plain(result.model_prices.T, scale),
        "market_price": plain(result.market_price, scale),
        "arbitrage_cost": plain(cost, scale),
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


def bound_of_mixtures(frontier: arb.Frontier, solve_rates: FloatArray) -> FloatArray:
    """Return a lower bound on the spend of plans mixed at random, from that on single plans.

    For every slope s, a mixture of solve rate u spends at least s u - max(s r - bound(r)).
    """
    rate = np.linspace(0.0, frontier.reach, 2001)
    # The bound never falls: between two rates it is at least that of the lower one.
    bound = np.append(0.0, frontier.bound_at(rate[:-1]))
    slopes = np.geomspace(1e-3, 1e3, 2001)[:, None] * bound[-1] / rate[-1]
    lines = slopes * solve_rates - (slopes * rate - bound).max(axis=1, keepdims=True)
    bounds: FloatArray = np.maximum(lines.max(axis=0), 0.0)
    return bounds
