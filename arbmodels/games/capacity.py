"""Price competition under capacities or rate limits (Bertrand-Edgeworth), in mixed prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arbmodels.errors import InputError
from arbmodels.games.inputs import chosen, numbers, text
from arbmodels.games.mixed_prices.best_price import ABOVE, BELOW, TIED
from arbmodels.games.mixed_prices.distribution import PriceDistribution
from arbmodels.games.mixed_prices.inputs import names_of, numbers_of, positive, profiles_of
from arbmodels.games.mixed_prices.posted_prices import PostedPrices
from arbmodels.games.mixed_prices.two_sellers import two_sellers
from arbmodels.games.payoffs import TieRule
from arbmodels.passk import FloatArray

_TIES = {
    "low_cost": "ties go to the lowest cost, equal costs share in proportion to capacity",
    "share": "ties share in proportion to capacity, whatever the costs",
}


@dataclass(frozen=True, eq=False)
class CapacityGame(PostedPrices):
    """Sellers of one good post prices; the cheapest fill their capacity first.

    Consumers with the highest willingness to pay are served first (efficient rationing). A
    capacity is how much of the consumers' mass a seller can serve: a rate limit over the demand.

    Parameters
    ----------
    capacities : float array [P]
        Above 0, in the unit of ``mass``.
    costs : float or float array [P]
        Per unit served.
    willingness_to_pay : float or float array [C]
        Of C kinds of consumers.
    mass : float or float array [C]
        How many of each kind; 1 in all by default.
    players : sequence of str, length P, optional
    tie_rule : {"low_cost", "share"}
    unit : str

    Raises
    ------
    InputError
        If a capacity or mass is not above 0, or a number is negative or not finite.

    Examples
    --------
    >>> game = CapacityGame([0.8, 0.6])
    >>> answer = game.solve()
    >>> answer.profits.round(6).tolist(), answer.strategies[0].masses.round(6).tolist()
    ([0.4, 0.3], [0.25])
    """

    capacities: FloatArray
    costs: FloatArray | float = 0.0
    willingness_to_pay: FloatArray | float = 1.0
    mass: FloatArray | float | None = None
    players: tuple[str, ...] = ()
    tie_rule: TieRule = "low_cost"
    unit: str = "USD"

    def __post_init__(self) -> None:
        capacities = positive("capacities", self.capacities)
        players = names_of(self.players, len(capacities))
        costs = numbers_of("costs", self.costs, len(capacities))
        worth = positive("willingness_to_pay", self.willingness_to_pay)
        mass = positive("mass", 1.0 / len(worth) if self.mass is None else self.mass)
        if len(mass) not in (1, len(worth)):
            raise InputError(
                f"mass has {len(mass)} numbers for {len(worth)} kinds of consumers; give one for"
                " each, or one for all."
            )
        mass = np.broadcast_to(mass, worth.shape).copy()
        chosen(self.tie_rule, "tie rule", _TIES)
        text("unit", self.unit)
        order = np.argsort(worth, kind="stable")
        for name, value in (
            ("capacities", capacities),
            ("costs", costs),
            ("willingness_to_pay", worth[order]),
            ("mass", mass[order]),
        ):
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "players", players)

    @property
    def name(self) -> str:
        """What is played, for titles."""
        return f"Bertrand-Edgeworth competition of {len(self.players)} sellers"

    @property
    def demand_steps(self) -> FloatArray:
        """Different amounts that consumers pay at most, increasing."""
        return np.unique(self.willingness_to_pay)

    @property
    def lowest_takes_all(self) -> bool:
        """Whether sales depend only on whether any rival is cheaper: not under capacities."""
        return False

    @property
    def ties(self) -> str:
        """Who serves at equal prices."""
        return _TIES[self.tie_rule]

    def demand(self, price: npt.ArrayLike) -> FloatArray:
        """Return the mass of consumers who pay ``price`` [...]."""
        worth, mass = np.asarray(self.willingness_to_pay), np.asarray(self.mass)
        left = np.concatenate([np.cumsum(mass[::-1])[::-1], [0.0]])
        return np.asarray(left[np.searchsorted(worth, numbers(price, "price"), side="left")])

    def sales(self, player: int, price: FloatArray, rivals: Sequence[int]) -> FloatArray:
        """Return what a player sells at prices [K], given where each rival's price lies."""
        cost, size = np.asarray(self.costs), np.asarray(self.capacities)
        others = [k for k in range(len(size)) if k != player]
        cheaper, tied = 0.0, float(size[player])
        for k, state in zip(others, rivals, strict=True):
            where = state
            if state == TIED and self.tie_rule == "low_cost" and cost[k] != cost[player]:
                where = BELOW if cost[k] < cost[player] else ABOVE
            cheaper += float(size[k]) if where == BELOW else 0.0
            tied += float(size[k]) if where == TIED else 0.0
        rest = np.maximum(self.demand(price) - cheaper, 0.0)
        sold: FloatArray = np.minimum(size[player], rest * size[player] / tied)
        return sold

    def profits(self, prices: npt.ArrayLike) -> FloatArray:
        """Return every seller's profit at price profiles, [K, P] from [K, P]."""
        price = profiles_of(prices, len(self.players))
        cost, size = np.asarray(self.costs), np.asarray(self.capacities)
        demand = self.demand(price)
        profit = np.empty(price.shape)
        for k in range(price.shape[1]):
            below = price < price[:, [k]]
            level = price == price[:, [k]]
            if self.tie_rule == "low_cost":
                below = below | (level & (cost < cost[k]))
                level = level & (cost == cost[k])
            rest = np.maximum(demand[:, k] - below @ size, 0.0)
            sold = np.minimum(size[k], rest * size[k] / (level @ size))
            profit[:, k] = (price[:, k] - cost[k]) * sold
        return profit

    @property
    def _known(self) -> str:
        return (
            "at most two sellers whose cost is below the highest willingness to pay, or one"
            " willingness to pay and capacities that do not add up to more than the demand"
        )

    def _closed_form(self) -> tuple[PriceDistribution, ...] | None:
        cost, steps = np.asarray(self.costs), self.demand_steps
        top, demand = float(steps[-1]), self.demand(steps)
        size = np.asarray(self.capacities)
        active = np.flatnonzero(cost < top)
        # Who cannot earn asks its cost; where that is the most anybody pays, more, not to share.
        asked = np.where((cost < top) | (cost > top), np.maximum(cost, top), 2.0 * top)
        idle = [PriceDistribution.certain(float(price)) for price in asked]
        if len(active) == 1:
            (k,) = active.tolist()
            earned = (steps - cost[k]) * np.minimum(size[k], demand)
            idle[k] = PriceDistribution.certain(float(steps[int(np.argmax(earned))]))
        elif len(active) == 2:
            high = np.minimum(size[active, None], demand)
            low = np.minimum(high, demand - high[::-1])
            pair = two_sellers(high, low, cost[active], steps, share=self.tie_rule == "share")
            for k, strategy in zip(active.tolist(), pair, strict=True):
                idle[k] = strategy
        elif len(active) and (len(steps) > 1 or size[active].sum() > demand[0]):
            return None
        return tuple(idle)
