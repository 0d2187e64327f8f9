"""The payoff of price competition and the exact best response to it."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.passk import FloatArray

#: Who serves consumers when several sellers post the lowest price: the ones with the lowest cost
#: among them, in equal parts ("low_cost"), or all of them in equal parts ("share").
TieRule = Literal["low_cost", "share"]
TIE_RULES = {
    "low_cost": "lowest price serves; ties go to the lowest cost, equal costs share equally",
    "share": "lowest price serves; ties share equally, whatever the costs",
}


class BestResponse(NamedTuple):
    """Largest profit against fixed rivals: exact, all arrays of one shape.

    ``profit`` is the supremum over all prices; ``price`` is where it is attained, or the price
    that is approached from below where ``attained`` is false. Infinite profit: no rival and no
    willingness to pay bound the price.
    """

    profit: FloatArray
    price: FloatArray
    attained: npt.NDArray[np.bool_]


def bertrand_profit(
    price: npt.ArrayLike,
    cost: npt.ArrayLike,
    rival_prices: npt.ArrayLike,
    rival_costs: npt.ArrayLike,
    *,
    willingness_to_pay: npt.ArrayLike = np.inf,
    tie_rule: TieRule = "low_cost",
) -> FloatArray:
    """Return a seller's profit per consumer at posted prices.

    (price - cost) x share: a unit mass of consumers buys from the lowest price if that is at
    most their willingness to pay.

    Parameters
    ----------
    price, cost : float array [...], currency units per instance
        Own price and cost. NaN: no offer, or out of reach.
    rival_prices, rival_costs : float array [..., R]
        NaN in either means the rival offers nothing.
    willingness_to_pay : float array [...]
    tie_rule : {"low_cost", "share"}

    Returns
    -------
    float array [...]

    Raises
    ------
    InputError
        If the tie rule is unknown.

    Examples
    --------
    >>> float(bertrand_profit(5.0, 2.0, [5.0, 7.0], [2.0, 3.0]))
    1.5
    """
    inputs.chosen(tie_rule, "tie rule", TIE_RULES)
    price, cost = inputs.numbers(price, "price"), inputs.numbers(cost, "cost")
    cap = inputs.numbers(willingness_to_pay, "The willingness to pay")
    offers, costs = _offers(rival_prices, rival_costs)
    inputs.together(price, cost, cap, offers[..., :1].sum(axis=-1))
    tied = offers == price[..., None]
    if tie_rule == "low_cost":
        stronger = (tied & (costs < cost[..., None])).any(axis=-1)
        equal = (tied & (costs == cost[..., None])).sum(axis=-1)
        at_tie = np.where(stronger, 0.0, 1.0 / (1.0 + equal))
    elif tie_rule == "share":
        at_tie = 1.0 / (1.0 + tied.sum(axis=-1))
    else:
        raise InputError(f"No tie rule {tie_rule!r}; choose 'low_cost' or 'share'.")
    lowest = offers.min(axis=-1, initial=np.inf)
    share = np.where(price < lowest, 1.0, np.where(price == lowest, at_tie, 0.0))
    sells = np.isfinite(price) & np.isfinite(cost) & (price <= cap)
    # A difference of infinities (no offer, out of reach) is never used.
    with np.errstate(invalid="ignore"):
        return np.where(sells & (share > 0), share * (price - cost), 0.0)


def best_response(
    cost: npt.ArrayLike,
    rival_prices: npt.ArrayLike,
    rival_costs: npt.ArrayLike,
    *,
    willingness_to_pay: npt.ArrayLike = np.inf,
    tie_rule: TieRule = "low_cost",
) -> BestResponse:
    """Return the exact best response to posted prices.

    Between two neighbouring breakpoints (the rivals' prices and the willingness to pay) the
    profit is linear and does not fall in the own price, so its supremum over a piece is its
    limit from below at the upper end. Candidates are therefore every breakpoint, the limit from
    below at every rival's price, and the own cost (no profit, no loss): nothing else can be
    better. Limits are computed as limits, not at a price a little lower.

    Parameters
    ----------
    cost : float array [...]
    rival_prices, rival_costs : float array [..., R]
    willingness_to_pay : float array [...]
    tie_rule : {"low_cost", "share"}

    Returns
    -------
    BestResponse

    Examples
    --------
    Undercutting a rival who shares the tie pays all but the last cent, never all of it:

    >>> profit, price, attained = best_response(2.0, [5.0], [3.0], tie_rule="share")
    >>> float(profit), float(price), bool(attained)
    (3.0, 5.0, False)
    """
    offers, costs = _offers(rival_prices, rival_costs)
    inputs.chosen(tie_rule, "tie rule", TIE_RULES)
    cost = inputs.numbers(cost, "cost")
    cap = inputs.numbers(willingness_to_pay, "The willingness to pay")
    shape = inputs.together(cost, cap, offers[..., :1].sum(axis=-1))
    cost, cap = np.broadcast_to(cost, shape), np.broadcast_to(cap, shape)
    offers = np.broadcast_to(offers, (*shape, offers.shape[-1]))
    rivals = range(offers.shape[-1])
    lowest = offers.min(axis=-1, initial=np.inf)
    exact = [cap, *(offers[..., k] for k in rivals), cost]
    values = [
        bertrand_profit(p, cost, offers, costs, willingness_to_pay=cap, tie_rule=tie_rule)
        for p in exact
    ]
    # Alone and without a bound on what consumers pay, profit grows with the price.
    values[0] = np.where(np.isinf(cap) & np.isinf(lowest) & np.isfinite(cost), np.inf, values[0])
    for k in rivals:
        below = offers[..., k]
        serves = (below <= lowest) & (below <= cap) & np.isfinite(below) & np.isfinite(cost)
        values.append(np.where(serves, np.where(serves, below, 0.0) - cost, 0.0))
    table = np.stack(values, axis=-1)
    prices = np.stack([*exact, *(offers[..., k] for k in rivals)], axis=-1)
    first = np.argmax(table, axis=-1)[..., None]  # attained candidates come first
    profit = np.take_along_axis(table, first, axis=-1)[..., 0]
    price = np.where(profit > 0, np.take_along_axis(prices, first, axis=-1)[..., 0], cost)
    return BestResponse(profit, price, ((first[..., 0] < len(exact)) & np.isfinite(profit)))


def _offers(prices: npt.ArrayLike, costs: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Rivals' prices and costs; a rival without an offer has an infinite price."""
    posted = inputs.numbers(prices, "Prices of rivals")
    cost = inputs.numbers(costs, "Costs of rivals")
    inputs.together(posted, cost)
    if posted.ndim == 0:
        raise InputError("Prices of rivals are a list, one per rival.")
    offering = np.isfinite(posted) & np.isfinite(cost)
    return np.where(offering, posted, np.inf), cost
