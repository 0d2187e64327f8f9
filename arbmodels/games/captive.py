"""Captive buyers who buy from one seller, informed buyers who take the lowest price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arbmodels.errors import InputError
from arbmodels.games.inputs import chosen, text
from arbmodels.games.mixed_prices.best_price import ABOVE, BELOW, TIED
from arbmodels.games.mixed_prices.distribution import Piece, PriceDistribution
from arbmodels.games.mixed_prices.inputs import names_of, numbers_of, positive, profiles_of
from arbmodels.games.mixed_prices.posted_prices import PostedPrices
from arbmodels.games.mixed_prices.two_sellers import two_sellers
from arbmodels.games.payoffs import TieRule
from arbmodels.passk import FloatArray

_TIES = {
    "low_cost": "ties for the informed go to the lowest cost, equal costs share equally",
    "share": "ties for the informed share equally, whatever the costs",
}


@dataclass(frozen=True, eq=False)
class CaptiveGame(PostedPrices):
    """Sellers post prices; everybody pays at most ``willingness_to_pay``.

    Parameters
    ----------
    captive : float array [P]
        Mass of consumers who buy from this seller or not at all.
    informed : float
        Mass of consumers who buy at the lowest price; above 0.
    costs : float or float array [P]
    willingness_to_pay : float
    players : sequence of str, length P, optional
    tie_rule : {"low_cost", "share"}
    unit : str

    Raises
    ------
    InputError
        If a number is negative or not finite, or nobody is informed.

    Examples
    --------
    Varian's (1980) model of sales, half of the buyers informed:

    >>> answer = CaptiveGame([0.25, 0.25], informed=0.5).solve()
    >>> answer.profits.round(9).tolist(), round(answer.strategies[0].lowest, 6)
    ([0.25, 0.25], 0.333333)
    """

    captive: FloatArray
    informed: float
    costs: FloatArray | float = 0.0
    willingness_to_pay: float = 1.0
    players: tuple[str, ...] = ()
    tie_rule: TieRule = "low_cost"
    unit: str = "USD"

    def __post_init__(self) -> None:
        captive = numbers_of("captive", self.captive)
        informed = positive("informed", self.informed)
        worth = positive("willingness_to_pay", self.willingness_to_pay)
        if len(informed) != 1 or len(worth) != 1:
            raise InputError("informed and willingness_to_pay are one number each.")
        chosen(self.tie_rule, "tie rule", _TIES)
        text("unit", self.unit)
        costs = numbers_of("costs", self.costs, len(captive))
        for name, value in (("captive", captive), ("costs", costs)):
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "informed", float(informed[0]))
        object.__setattr__(self, "willingness_to_pay", float(worth[0]))
        object.__setattr__(self, "players", names_of(self.players, len(captive)))

    @property
    def name(self) -> str:
        """What is played, for titles."""
        return f"Captive and informed buyers, {len(self.players)} sellers"

    @property
    def demand_steps(self) -> FloatArray:
        """The willingness to pay."""
        return np.array([self.willingness_to_pay])

    @property
    def lowest_takes_all(self) -> bool:
        """Whether sales depend only on whether any rival is cheaper: they do."""
        return True

    @property
    def ties(self) -> str:
        """Who serves at equal prices."""
        return _TIES[self.tie_rule]

    def sales(self, player: int, price: FloatArray, rivals: Sequence[int]) -> FloatArray:
        """Return what a player sells at prices [K], given where each rival's price lies."""
        cost = np.asarray(self.costs)
        others = [k for k in range(len(cost)) if k != player]
        served, sharing = True, 1
        for k, state in zip(others, rivals, strict=True):
            where = state
            if state == TIED and self.tie_rule == "low_cost" and cost[k] != cost[player]:
                where = BELOW if cost[k] < cost[player] else ABOVE
            served = served and where != BELOW
            sharing += where == TIED
        won = self.informed / sharing if served else 0.0
        mine = float(np.asarray(self.captive)[player]) + won
        return np.where(np.asarray(price) <= self.willingness_to_pay, mine, 0.0)

    def profits(self, prices: npt.ArrayLike) -> FloatArray:
        """Return every seller's profit at price profiles, [K, P] from [K, P]."""
        price = profiles_of(prices, len(self.players))
        cost = np.asarray(self.costs)
        lowest = price == price.min(axis=1, keepdims=True)
        if self.tie_rule == "low_cost":
            dearest = np.where(lowest, cost, np.inf).min(axis=1, keepdims=True)
            lowest = lowest & (cost == dearest)
        won = self.informed * lowest / lowest.sum(axis=1, keepdims=True)
        sold = np.where(price <= self.willingness_to_pay, np.asarray(self.captive) + won, 0.0)
        return np.asarray((price - cost) * sold)

    @property
    def _known(self) -> str:
        return (
            "two sellers and for any number of sellers alike, with costs below the"
            " willingness to pay"
        )

    def _closed_form(self) -> tuple[PriceDistribution, ...] | None:
        cost, captive = np.asarray(self.costs), np.asarray(self.captive)
        cap, count = self.willingness_to_pay, len(cost)
        if count == 1:
            return (PriceDistribution.certain(max(cap, float(cost[0]))),)
        if (cost >= cap).any():
            return None
        if count == 2:
            high = captive + self.informed
            return two_sellers(
                high[:, None], captive[:, None], cost, [cap], share=self.tie_rule == "share"
            )
        if np.ptp(cost) > 0 or np.ptp(captive) > 0:
            return None
        mine, own = float(captive[0]), float(cost[0])
        if mine == 0:
            return tuple(PriceDistribution.certain(own) for _ in range(count))
        floor = own + (cap - own) * mine / (mine + self.informed)
        level, slope = -mine / self.informed, (cap - own) * mine / self.informed
        piece = Piece(floor, cap, level, slope, own, count - 1)
        return tuple(PriceDistribution.spread(piece) for _ in range(count))
