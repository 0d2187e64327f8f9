"""Mixed equilibria of more than two providers: a double oracle over all of them.

The game restricted to a few prices of every provider is solved by iterated polymatrix
approximation; each provider's exact best response to the answer joins its prices; prices that are
never played make room when the joint profiles become too many. The number of joint profiles grows
with the power of the providers who mix, so epsilon comes down to some per cent of profit where
four or five mix, and to less than one where fewer do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from arbmodels.clock import clock
from arbmodels.games.finite import polymatrix
from arbmodels.games.finite.mixed import exploitability
from arbmodels.games.providers.certificate import Strategy
from arbmodels.games.providers.checked import Checked, Mixed, check
from arbmodels.games.providers.game import ProviderGame
from arbmodels.games.providers.responses import expected
from arbmodels.passk import FloatArray

#: Joint profiles of the restricted game, at most.
_PROFILES = 60_000
#: Prices per provider at first, between marginal cost and this multiplier.
_FIRST, _HIGHEST = 4, 2.5
#: Probabilities up to this are dropped; the certificate knows.
_NOTHING = 1e-5
#: Largest gain in the restricted game, over the largest payoff: at which to stop, and up to which
#: no second start is tried.
_ENOUGH, _FAIR = 1e-6, 1e-3
#: Steps away from a price that is best only in the limit, and the share of the gain to be kept.
_STEPS = np.geomspace(3e-2, 1e-8, 12)
_KEPT = 0.8
#: Prices nearer to each other than this (relative) are one.
_SAME = 1e-10
_CHUNK = 20_000


def mixed_profiles_of_many(
    game: ProviderGame, first: FloatArray, *, rounds: int, deadline: float
) -> Iterator[Mixed]:
    """Yield a mixed profile of all movers per round, not all of them better than before.

    Parameters
    ----------
    game : ProviderGame
    first : float array [providers]
        A profile whose prices are on the first grids.
    rounds : int
    deadline : float
        By :func:`arbmodels.clock.clock`.
    """
    movers = game.movers
    grids = [_first_grid(game, player, first[player], k) for k, player in enumerate(movers)]
    state = _State(
        grids,
        [np.zeros(len(own)) for own in grids],
        [np.full(len(own), 1.0 / len(own)) for own in grids],
    )
    for step in range(1, rounds + 1):
        if clock() > deadline:
            return
        found = _solve(_payoffs(game, state.prices), state.chances, deadline)
        strategies = tuple(map(_strategy, state.prices, found))
        checked = check(game, strategies)
        yield Mixed(strategies, checked.profit, checked.of_largest, step)
        played = [
            np.where(chance > _NOTHING, step, last)
            for chance, last in zip(found, state.played, strict=True)
        ]
        state = _next(game, _State(state.prices, played, list(found)), checked, step)


class _State(NamedTuple):
    """Prices of every mover, when each was last played, and probabilities to start from."""

    prices: list[FloatArray]
    played: list[FloatArray]
    chances: list[FloatArray]


def _first_grid(game: ProviderGame, player: int, price: float, place: int) -> FloatArray:
    """Return a few multipliers and one given; grids of two providers do not meet in ties."""
    cost = float(np.asarray(game.marginal_cost)[game.ownership[player] > 0].min())
    low = max(1.02 * cost, 0.05)
    grid = np.geomspace(low, max(_HIGHEST, 2 * low), _FIRST) * (1 + 1e-3 * place)
    return np.unique(np.append(grid, price))


def _payoffs(game: ProviderGame, grids: Sequence[FloatArray]) -> FloatArray:
    """Return profits of all movers at all joint profiles, [P, A_1, ..., A_P]."""
    joint = np.stack(np.meshgrid(*grids, indexing="ij"), axis=-1).reshape(-1, len(grids))
    profiles = np.ones((len(joint), len(game.players)))
    profiles[:, list(game.movers)] = joint
    parts = [
        game.profits(profiles[start : start + _CHUNK])[:, list(game.movers)]
        for start in range(0, len(profiles), _CHUNK)
    ]
    table = np.concatenate(parts).reshape(*map(len, grids), len(grids))
    return np.ascontiguousarray(np.moveaxis(table, -1, 0))


def _solve(
    payoffs: FloatArray, before: Sequence[FloatArray], deadline: float
) -> tuple[FloatArray, ...]:
    """Solve the restricted game from the last answer, and from indifference if that fails."""
    scale = max(float(payoffs.max()), 1e-300)
    even = [np.full(size, 1.0 / size) for size in payoffs.shape[1:]]
    tried = []
    for start in (before, even):
        tried.append(polymatrix.follow(payoffs, start, deadline, _ENOUGH * scale).strategies)
        if exploitability(payoffs, tried[-1]) <= _FAIR * scale:
            break
    return min(tried, key=lambda found: exploitability(payoffs, found))


def _strategy(grid: FloatArray, chance: FloatArray) -> Strategy:
    kept = np.where(chance > _NOTHING, chance, 0.0)
    return Strategy(grid[kept > 0], kept[kept > 0] / kept.sum())


def _next(game: ProviderGame, state: _State, checked: Checked, step: int) -> _State:
    """Add the best responses, and drop prices until the joint profiles are few enough."""
    prices, last, chances = (list(part) for part in state)
    least = 1e-6 * max(*checked.profit, 1e-300)
    for k in range(len(prices)):
        if checked.gain[k] <= least:
            continue
        answer = _apart(game, checked, k)
        if np.abs(np.log(prices[k] / answer)).min() > _SAME:
            prices[k] = np.append(prices[k], answer)
            last[k], chances[k] = np.append(last[k], step + 0.5), np.append(chances[k], 0.0)
    while np.prod([float(len(own)) for own in prices]) > _PROFILES:
        # What was played longest ago goes first, from the longest list among equals.
        several = [k for k in range(len(prices)) if len(prices[k]) > 1]
        k = min(several, key=lambda k: (last[k].min() - 0.3 * len(prices[k]), k))
        out = int(np.argmin(last[k] + 1e-3 * chances[k]))
        prices[k], last[k] = np.delete(prices[k], out), np.delete(last[k], out)
        chances[k] = np.delete(chances[k], out)
    order = [np.argsort(own) for own in prices]
    start = [chance[at] + 1e-9 for chance, at in zip(chances, order, strict=True)]
    return _State(
        [own[at] for own, at in zip(prices, order, strict=True)],
        [own[at] for own, at in zip(last, order, strict=True)],
        [own / own.sum() for own in start],
    )


def _apart(game: ProviderGame, checked: Checked, k: int) -> float:
    """Return a best response as far from the rivals' prices as most of its gain allows.

    Undercutting by next to nothing would have the next round undercut that, and so on.
    """
    answer, (profiles, weight) = checked.answer[k], checked.rivals[k]
    tried = np.concatenate([answer * (1 - _STEPS), answer * (1 + _STEPS)])
    value = expected(game, game.movers[k], tried, profiles, weight)
    enough = np.flatnonzero(value >= checked.profit[k] + _KEPT * checked.gain[k])
    if not len(enough):
        return answer
    return float(tried[min(enough, key=lambda at: (at % len(_STEPS), at))])
