"""One firm prices first and knows how the others will respond (Stackelberg)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from arbmodels.checks import FloatArray
from arbmodels.errors import InputError
from arbmodels.games.smooth.game import SmoothGame
from arbmodels.games.smooth.logit import LogitDemand
from arbmodels.games.smooth.search import maximise

#: A leader's markup under logit is looked for up to so many times 1/alpha beyond its reach.
_TAIL = 10.0


class Leader:
    """The leader's problem in one number: its price, or its common markup under logit.

    Parameters
    ----------
    game : SmoothGame
        With a leader.

    Raises
    ------
    InputError
        If the leader chooses more than one number.
    """

    def __init__(self, game: SmoothGame) -> None:
        self.game = game
        self.at = game.firms.index(str(game.leader))
        own = game.products_of[self.at]
        self.own = own[~game.is_fixed[own]]
        demand = game.demand
        nests = (
            {int(demand.nest_of[j]) for j in self.own} if isinstance(demand, LogitDemand) else ()
        )
        if self.own.size == 0:
            raise InputError(f"All prices of the leader {game.leader!r} are fixed.")
        if self.own.size > 1 and len(nests) != 1:
            raise InputError(
                f"The leader {game.leader!r} chooses {self.own.size} prices; a leader has one"
                " product, or under logit several in one nest, which share a markup."
            )

    def prices(self, value: float) -> FloatArray:
        """Return prices [J]: the leader's at a markup, everybody else's equilibrium given them."""
        from arbmodels.games.smooth.solve import followers

        game = self.game
        own = game.effective_costs[self.own] + value
        given = {game.products[j]: float(price) for j, price in zip(self.own, own, strict=True)}
        return followers(replace(game, fixed={**game.fixed, **given}, leader=None))

    def profit(self, values: FloatArray) -> FloatArray:
        """Return the leader's profits at markups [N]."""
        return np.array([float(self.game.profits(self.prices(v))[self.at]) for v in values])

    def farthest(self) -> float:
        """Return a markup beyond which the leader sells next to nothing."""
        game, demand = self.game, self.game.demand
        if isinstance(demand, LogitDemand):
            alpha = demand.price_coefficient
            utility = demand.quality - alpha * game.effective_costs
            reach = np.logaddexp.reduce(utility[self.own])
            others = np.delete(utility, self.own)
            rest = max([0.0] * demand.outside + others.tolist(), default=0.0)
            return float(max(reach - rest, 0.0) + _TAIL) / alpha
        product = int(self.own[0])
        cost = float(game.effective_costs[product])
        high = demand.choke_price(product, self.prices(0.0))
        for _ in range(20):
            farther = demand.choke_price(product, self.prices(max(high - cost, 0.0)))
            if farther <= high * (1 + 1e-9):
                break
            high = farther
        return max(high - cost, 0.0)


def leader_best(game: SmoothGame, resolution: int) -> tuple[FloatArray, float]:
    """Return prices [J] after the leader's best move, and its profit."""
    leader = Leader(game)
    value, earned = maximise(leader.profit, 0.0, leader.farthest(), min(resolution, 101))
    return leader.prices(value), earned
