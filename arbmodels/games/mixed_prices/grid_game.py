"""What capacity games and captive games share: answers from grids and from closed forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from arbmodels.games.finite.double_oracle import ContinuousGame, solve_continuous, staggered
from arbmodels.games.mixed_prices.best_price import SalesGame, best_price, certify_prices
from arbmodels.games.mixed_prices.distribution import PriceDistribution
from arbmodels.games.mixed_prices.equilibrium import PriceEquilibrium
from arbmodels.games.payoffs import BestResponse
from arbmodels.passk import FloatArray

#: Prices per player on the first grid, and at most, by the number of players.
_FIRST = {1: 51, 2: 51, 3: 21}
_MOST = {1: 1000, 2: 1000, 3: 81}
_FEW, _LIMIT = 7, 25


class Game(SalesGame, ContinuousGame, Protocol):
    """Sales at given prices, grids and best replies, and a title."""

    @property
    def name(self) -> str:
        """For titles."""


def best_reply(
    game: SalesGame,
    player: int,
    prices: Sequence[FloatArray],
    strategies: Sequence[FloatArray],
) -> BestResponse:
    """Return the exact best price against mixed strategies over grids."""
    rivals = [
        PriceDistribution.on_grid(own, mass)
        for k, (own, mass) in enumerate(zip(prices, strategies, strict=True))
        if k != player
    ]
    return best_price(game, player, rivals)


def closed_form(game: Game, strategies: tuple[PriceDistribution, ...]) -> PriceEquilibrium:
    """Certify a closed form."""
    return _answer(game, strategies, "closed form", 0, None)


def by_grids(game: Game, tolerance: float, time_limit: float) -> PriceEquilibrium:
    """Solve on growing grids between the least cost and the highest willingness to pay."""
    count = len(game.players)
    top = float(game.demand_steps[-1])
    first = _FIRST.get(count, _FEW)
    grids = [
        np.union1d(staggered(min(game.cost(k), top), top, first, k, count), game.demand_steps)
        for k in range(count)
    ]
    found = solve_continuous(
        game, grids, tolerance=tolerance, time_limit=time_limit, most=_MOST.get(count, _LIMIT)
    )
    strategies = tuple(
        PriceDistribution.on_grid(own, mass)
        for own, mass in zip(found.prices, found.strategies, strict=True)
    )
    how = f"double oracle on grids of up to {int(found.trace[:, 0].max())} prices"
    return _answer(game, strategies, how, found.rounds, found.trace)


def _answer(
    game: Game,
    strategies: tuple[PriceDistribution, ...],
    found_by: str,
    iterations: int,
    trace: FloatArray | None,
) -> PriceEquilibrium:
    deviations = certify_prices(game, strategies)
    pure = all(len(own.prices) == 1 and own.piece is None for own in strategies)
    return PriceEquilibrium(
        "pure" if pure else "mixed",
        game.name,
        game.players,
        strategies,
        deviations.profit,
        deviations,
        found_by,
        iterations,
        np.array([[0.0, deviations.epsilon]]) if trace is None else trace,
    )
