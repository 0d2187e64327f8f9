"""Mixed equilibria of two providers: double oracle on a grid that is refined where it matters."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import NamedTuple

import numpy as np

from arbmodels.games.finite.lemke_howson import paths
from arbmodels.games.providers.certificate import Strategy
from arbmodels.games.providers.game import ProviderGame
from arbmodels.games.providers.pure import grid_payoffs, price_grid
from arbmodels.games.providers.responses import best_response
from arbmodels.passk import FloatArray

#: Prices per provider: the first on the whole range, the others where prices are played.
_SIZES = (60, 150, 300, 500, 800, 1200, 1700)
#: Best responses are added so often on the first grids before they are refined.
_ORACLES = (5, 2)
#: Share of a finer grid's prices that is spread evenly (in logs) over the range played.
_EVEN = 0.35
_MARGIN = 0.02


class Mixed(NamedTuple):
    """A mixed profile: strategies of both movers, profits, and exact gains over profit."""

    strategies: tuple[Strategy, Strategy]
    profit: tuple[float, float]
    relative: float
    iterations: int


def mixed_profiles(game: ProviderGame, *, start: int, deadline: float) -> Iterator[Mixed]:
    """Yield mixed profiles as the grid is refined.

    On every grid the finite game is solved by Lemke-Howson, and both providers' exact best
    responses against the mixture, off the grid too, measure the gain. They are added to the grid,
    and a finer one puts as many prices into every part of the range as it is played: against n
    prices that are played equally often, undercutting one gains about one n-th.

    Parameters
    ----------
    game : ProviderGame
        With two movers.
    start : int
        Which label the Lemke-Howson paths start from: other starts may end elsewhere.
    deadline : float
        By ``perf_counter``.
    """
    grids = [price_grid(game, player, _SIZES[0]) for player in game.movers]
    iteration = 0
    took = 0.0
    for level, size in enumerate(_SIZES):
        rounds = _ORACLES[level] if level < len(_ORACLES) else 1
        for _ in range(rounds):
            began = perf_counter()
            found = _solve(game, (grids[0], grids[1]), start, deadline)
            if found is None:
                return
            iteration += 1
            mixed, answers, gains = found
            yield mixed._replace(iterations=iteration)
            took = perf_counter() - began
            for k in (0, 1):
                if gains[k] > 0:
                    grids[k] = np.union1d(grids[k], [answers[k]])
        if level + 1 < len(_SIZES):
            # Paths grow with the third power of the grid: do not begin what cannot be finished.
            growth = (_SIZES[level + 1] / size) ** 2.5
            if perf_counter() + 0.5 * growth * took > deadline:
                return
            grids = [_finer(mixed.strategies[k], answers[k], _SIZES[level + 1], k) for k in (0, 1)]


def _finer(strategy: Strategy, answer: float, size: int, player: int) -> FloatArray:
    """Prices placed by how often the old ones are played, some evenly over their range."""
    played = strategy.probability > 1e-12
    price, chance = strategy.price[played], strategy.probability[played]
    low = min(price[0], answer) * (1 - _MARGIN)
    high = max(price[-1], answer) * (1 + _MARGIN)
    even = max(2, int(_EVEN * size))
    quantile = (np.arange(size - even) + 0.5 + (0.2 if player else -0.2)) / (size - even)
    # The chance of each price is spread over the cell around it.
    middle = np.sqrt(price[1:] * price[:-1])
    edges = np.concatenate([[price[0] * (1 - 1e-3)], middle, [price[-1] * (1 + 1e-3)]])
    cumulative = np.concatenate([[0.0], np.cumsum(chance)])
    placed = np.interp(quantile, cumulative / cumulative[-1], edges)
    spread = np.geomspace(low, high, even + 2 * player)
    heavy = price[chance > 4.0 / size]
    return np.unique(np.concatenate([placed, spread, heavy, [answer]]))


def _solve(
    game: ProviderGame, grids: tuple[FloatArray, FloatArray], start: int, deadline: float
) -> tuple[Mixed, tuple[float, float], tuple[float, float]] | None:
    """Profile of the finite game, both exact best responses to it, and their gains."""
    first, second = grid_payoffs(game, grids)
    chances = _equilibrium(first, second, start, deadline)
    if chances is None:
        return None
    x, y = chances
    profit = float(x @ first @ y), float(x @ second @ y)
    answers, gains, relative = [], [], 0.0
    for k, (player, theirs) in enumerate(zip(game.movers, (y, x), strict=True)):
        on = theirs > 0
        rivals = np.ones((int(on.sum()), len(game.players)))
        rivals[:, game.movers[1 - k]] = grids[1 - k][on]
        best = best_response(game, player, rivals, theirs[on])
        answers.append(best.price)
        gains.append(max(best.profit - profit[k], 0.0))
        if gains[k] > 0:
            relative = max(relative, gains[k] / profit[k] if profit[k] > 0 else np.inf)
    strategies = Strategy(grids[0], x), Strategy(grids[1], y)
    return (
        Mixed(strategies, profit, relative, 0),
        (answers[0], answers[1]),
        (gains[0], gains[1]),
    )


def _equilibrium(
    first: FloatArray, second: FloatArray, start: int, deadline: float
) -> tuple[FloatArray, FloatArray] | None:
    """Mixed strategies of the finite game, or None when the time is up."""
    for number, end in enumerate(paths((first, second), deadline, start + 1)):
        if not end.finished:
            return None
        if number == start:
            x, y = end.strategies
            return _clean(x), _clean(y)
    return None


def _clean(chance: FloatArray) -> FloatArray:
    """Drop what rounding left; the rest sums to one."""
    kept = np.where(chance > 1e-13, chance, 0.0)
    return np.asarray(kept / kept.sum())
