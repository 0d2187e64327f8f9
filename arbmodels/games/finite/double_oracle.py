"""Continuous prices by grids that grow: best responses from an oracle, and ever finer steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from arbmodels._clock import clock
from arbmodels.games.certificate import BestResponse
from arbmodels.games.finite.game import FiniteGame
from arbmodels.passk import FloatArray

#: Prices nearer to each other than this share of the grid's span are one.
_NEAR = 1e-9
#: Seconds after which one grid is given up, where there is no time limit for all.
_LONG = 60.0


class ContinuousGame(Protocol):
    """A game over prices that can be put on grids and knows its best responses."""

    def finite(self, prices: Sequence[FloatArray]) -> FiniteGame:
        """Return the game on price grids."""

    def best_reply(
        self, player: int, prices: Sequence[FloatArray], strategies: Sequence[FloatArray]
    ) -> BestResponse:
        """Return the best price among all against mixed strategies over grids."""


class Refined(NamedTuple):
    """Grids and strategies of least epsilon, rounds, and the trace (prices on grids, epsilon)."""

    prices: list[FloatArray]
    strategies: tuple[FloatArray, ...]
    rounds: int
    trace: FloatArray


def solve_continuous(
    game: ContinuousGame,
    prices: Sequence[FloatArray],
    *,
    tolerance: float,
    time_limit: float,
    most: int = 1000,
) -> Refined:
    """Solve on grids, add what the oracle finds, cut the steps over the range that is played.

    Parameters
    ----------
    game : ContinuousGame
    prices : sequence of float arrays [A_i], length P
        The first grids.
    tolerance : float
        Relative epsilon on the continuous game at which to stop.
    time_limit : float
        Seconds; the best round counts, whatever the time.
    most : int
        Prices per player at which to stop.

    Notes
    -----
    Double oracle (McMahan, Gordon, Blum 2003), with refinement: where payoffs jump at ties, new
    best responses alone come in ever smaller steps below old ones. Steps are cut in a number of
    parts prime to that of the players, so that :func:`staggered` grids stay apart.
    """
    parts = 3 if len(prices) % 2 == 0 else 2
    deadline = clock() + time_limit
    grids = [np.unique(np.asarray(own, dtype=float)) for own in prices]
    best: tuple[list[FloatArray], tuple[FloatArray, ...]] | None = None
    least, trace, rounds = np.inf, [], 0
    while True:
        rounds += 1
        left = min(max(0.5 * (deadline - clock()), 0.1), _LONG)
        answer = game.finite(grids).solve(paths=1, time_limit=left)
        replies = [game.best_reply(k, grids, answer.strategies) for k in range(len(grids))]
        gains = np.array([float(one.profit) for one in replies]) - answer.profits
        scale = np.maximum(np.abs(answer.profits), 1e-12)
        relative = max(0.0, float((gains / scale).max()))
        trace.append((float(max(map(len, grids))), max(0.0, float(gains.max()))))
        if best is None or relative < least:
            best, least = (grids, answer.strategies), relative
        if least <= tolerance or clock() > deadline:
            break
        finer = [
            _finer(own, strategy, reply, parts)
            for own, strategy, reply in zip(grids, answer.strategies, replies, strict=True)
        ]
        same = all(len(new) == len(own) for new, own in zip(finer, grids, strict=True))
        if same or max(map(len, finer)) > most:
            break
        grids = finer
    return Refined(best[0], best[1], rounds, np.array(trace))


def staggered(low: float, high: float, count: int, player: int, players: int) -> FloatArray:
    """Return equally spaced prices with both ends, shifted so that players have no other ties.

    Lemke-Howson's paths can be exponentially long on a common grid and linear on shifted ones.
    """
    step = (high - low) / (count - 1)
    shifted = low + step * (np.arange(count - 1) + player / players)
    return np.unique([low, *shifted, high])


def _finer(grid: FloatArray, strategy: FloatArray, reply: BestResponse, parts: int) -> FloatArray:
    """Add the best response, and cut all steps from just below to the highest price played.

    A limit from below is not added as a price just below: the next grid would be all about
    undercutting that one. It lies in a step that is cut.
    """
    shares = np.arange(1, parts) / parts
    between = grid[:-1, None] + np.diff(grid)[:, None] * shares
    played = np.flatnonzero(strategy > 0)
    low, high = max(int(played[0]) - 1, 0), int(played[-1]) + 1
    price = float(reply.price)
    if bool(reply.attained):
        new = np.append(between[low:high], price)
    else:
        low = min(low, max(int(np.searchsorted(grid, price)) - 2, 0))
        new = between[low:high].ravel()
    span = float(np.ptp(grid)) if len(grid) > 1 else 1.0
    if not len(new):
        return grid
    distance = np.abs(new[:, None] - grid).min(axis=1)
    return np.union1d(grid, new[distance > _NEAR * span])
