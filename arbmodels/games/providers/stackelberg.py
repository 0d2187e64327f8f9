"""One provider leads: it sets its price first, the other and the arbitrageurs answer."""

from __future__ import annotations

import numpy as np

from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.certificate import Deviations
from arbmodels.games.providers.best_response import best_response
from arbmodels.games.providers.certificate import Strategy, certify_providers
from arbmodels.games.providers.equilibrium import ProviderEquilibrium
from arbmodels.games.providers.oligopoly import TIES, ProviderOligopoly
from arbmodels.games.providers.solve import searched_range
from arbmodels.passk import FloatArray

_POINTS = 300
_KEPT = 6
_ROUNDS = 6
_AROUND = 12
#: Prices of the independent check of the leader: another grid.
_CHECKED = 701


def lead(game: ProviderOligopoly, leader: str) -> ProviderEquilibrium:
    """Return the prices when one provider commits to its multiplier before the others.

    Without another provider who chooses, arbitrageurs alone follow and the leader's price is its
    exact best response. With one, the follower answers every leader price by its exact best
    response, and the leader's price is searched: a grid over the whole range, then around the best
    of it. The follower's certificate is exact; the leader's is the best of another grid, the
    follower answering each price, and says so.

    Parameters
    ----------
    game : ProviderGame
        With at most two providers who choose their price.
    leader : str

    Raises
    ------
    InputError
        If the leader is unknown or held fixed, or there are more than two movers.
    """
    inputs.a(ProviderOligopoly, game, "game")
    names = [game.players[player] for player in game.movers]
    if not isinstance(leader, str) or leader not in names or len(names) > 2:
        raise InputError(
            f"Cannot let {leader!r} lead: the providers who choose their price are"
            f" {', '.join(map(repr, names))}, and there may be at most two."
        )
    first = game.players.index(leader)
    others = [player for player in game.movers if player != first]
    if not others:
        answer = best_response(game, first, np.ones(len(game.players)))
        prices = np.ones(len(game.players))
        prices[first] = answer.price
        strategies = _pure(prices)
        return ProviderEquilibrium(
            game,
            "pure",
            strategies,
            game.profits(prices)[0],
            certify_providers(game, strategies),
            "exact best response of the only provider who chooses",
            0,
        )
    follower = others[0]

    def played(price: float) -> FloatArray:
        profile = np.ones(len(game.players))
        profile[first] = price
        profile[follower] = best_response(game, follower, profile).price
        return profile

    def profit(price: float) -> float:
        return float(game.profits(played(price))[0, first])

    low, high = searched_range(game, first)
    grid = np.geomspace(low, high, _POINTS)
    value = np.array([profit(p) for p in grid])
    step = float(np.log(high / low)) / _POINTS
    for _ in range(_ROUNDS):
        top = grid[np.argsort(-value, kind="stable")[:_KEPT]]
        finer = np.unique(top[:, None] * np.exp(np.linspace(-step, step, _AROUND)))
        grid = np.concatenate([grid, finer])
        value = np.concatenate([value, [profit(p) for p in finer]])
        step /= _AROUND / 2
    price = float(grid[np.argmax(value)])
    prices = played(price)
    strategies = _pure(prices)
    exact = certify_providers(game.replace(fixed=(*game.fixed, leader)), strategies)
    check = np.linspace(low, high, _CHECKED)
    tried = np.array([profit(p) for p in check])
    best, now = float(tried.max()), float(game.profits(prices)[0, first])
    gain = max(best - now, 0.0)
    return ProviderEquilibrium(
        game,
        "pure",
        strategies,
        game.profits(prices)[0],
        Deviations(
            (leader, *exact.players),
            np.array([now, *exact.profit]),
            np.array([gain, *exact.gain]),
            (float(check[np.argmax(tried)]) if gain > 0 else None, *exact.deviation),
            np.array([True, *exact.attained]),
            False,
            f"leader: multipliers from {low:.3g} to {high:.3g}, the follower answering each (a"
            " search); follower: all multipliers >= 0 (exact)",
            TIES[game.tie_rule],
            _CHECKED,
            game.unit,
        ),
        f"search over the prices of the leader, {leader}; exact answers of the follower",
        len(grid),
        converged=gain <= 1e-3 * max(now, 1e-300),
    )


def _pure(prices: FloatArray) -> tuple[Strategy, ...]:
    return tuple(Strategy(np.array([p]), np.ones(1)) for p in prices)
