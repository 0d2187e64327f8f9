"""Mixed equilibria of two providers: finite games on shifted grids, averaged.

On a grid of n prices that are all played, undercutting one of them gains about one n-th of what
winning a price war is worth, wherever the grid lies. Equilibria on grids shifted against each other
are therefore averaged: their errors lie at different prices and mostly cancel, while Lemke-Howson
never sees more than a few hundred prices. Exact best responses to the average are added to the
next grids (a double oracle), so that prices played with positive probability are found.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from arbmodels.clock import clock
from arbmodels.games.finite.lemke_howson import path_end
from arbmodels.games.providers.certificate import Strategy
from arbmodels.games.providers.checked import Mixed, check
from arbmodels.games.providers.game import ProviderGame
from arbmodels.games.providers.pure import grid_payoffs, price_grid
from arbmodels.passk import FloatArray

#: Prices per provider: on the whole range first, then where prices are played.
_COARSE = 80
_ORACLES = 8
_SMOOTH_ORACLES = 40
_FINE = (160, 480)
#: So many grids of the first fineness before the second.
_SWITCH = 5
_MARGIN = 0.01
#: Shifts of the grids, as parts of a cell: two irrational numbers, so that none repeats.
_SHIFTS = (0.6180339887498949, 0.7548776662466927)


def mixed_profiles(
    game: ProviderGame, *, start: float, rounds: int, deadline: float
) -> Iterator[Mixed]:
    """Yield mixed profiles, the later ones usually nearer to an equilibrium.

    Parameters
    ----------
    game : ProviderGame
        With two movers.
    start : float in [0, 1]
        From which of the first mover's prices the Lemke-Howson paths start, lowest 0, highest 1:
        other starts may end in another equilibrium.
    rounds : int
        Grids that are solved, at most.
    deadline : float
        By :func:`arbmodels.clock.clock`.
    """
    grids = tuple(price_grid(game, player, _COARSE) for player in game.movers)
    iteration = 0
    # Smooth demand leaves no price wars to resolve: best responses alone complete the grid.
    for _ in range(_SMOOTH_ORACLES if game.smooth else _ORACLES):
        solved = _equilibrium(game, grids, start, deadline) if clock() < deadline else None
        if solved is None:
            return
        found = solved
        iteration += 1
        checked = check(game, found)
        yield Mixed(found, checked.profit, checked.of_own, iteration)
        grids = tuple(np.union1d(g, [a]) for g, a in zip(grids, checked.answer, strict=True))
    if game.smooth:
        return
    extra = [s.price[s.probability > 0.05] for s in found]
    window: list[tuple[Strategy, Strategy]] = []
    step = 0
    low, high = [np.inf, np.inf], [0.0, 0.0]
    while iteration + step < rounds and clock() < deadline:
        size = _FINE[0] if step < _SWITCH else _FINE[1]
        for k, strategy in enumerate(found):
            played = strategy.price[strategy.probability > 1e-6]
            # Grids of equal ratios cannot begin at a price of 0, which is an answer of no profit.
            low[k] = min([low[k], *(p for p in (played.min(), checked.answer[k]) if p > 0)])
            high[k] = max(high[k], played.max(), checked.answer[k])
            if checked.gain[k] > 0:
                extra[k] = np.union1d(extra[k], [checked.answer[k]])
        grids = tuple(
            np.union1d(
                np.maximum(_shifted(low[k], high[k], size, step, k), game.floors[player]), extra[k]
            )
            for k, player in enumerate(game.movers)
        )
        found_here = _equilibrium(game, grids, start, deadline)
        if found_here is None:
            return
        found = found_here
        step += 1
        window.append(found)
        # The earlier half had worse ranges and fewer best responses.
        window = window[len(window) - (step + 1) // 2 :] if step > 2 else window
        average = _average(window)
        checked = check(game, average)
        yield Mixed(average, checked.profit, checked.of_own, iteration + step)


def _shifted(low: float, high: float, size: int, step: int, k: int) -> FloatArray:
    bottom, top = low * (1 - _MARGIN), high * (1 + _MARGIN)
    width = np.log(top / bottom) / size
    shift = ((step + 0.5) * _SHIFTS[0] + k * step * _SHIFTS[1]) % 1.0
    return np.asarray(bottom * np.exp(width * (np.arange(size) + shift)))


def _average(window: list[tuple[Strategy, Strategy]]) -> tuple[Strategy, Strategy]:
    both = []
    for k in (0, 1):
        price = np.concatenate([found[k].price for found in window])
        chance = np.concatenate([found[k].probability for found in window]) / len(window)
        distinct, where = np.unique(price, return_inverse=True)
        total = np.bincount(where, chance)
        kept = total > 0
        both.append(Strategy(distinct[kept], total[kept] / total[kept].sum()))
    return both[0], both[1]


def _equilibrium(
    game: ProviderGame, grids: tuple[FloatArray, ...], start: float, deadline: float
) -> tuple[Strategy, Strategy] | None:
    """Equilibrium of the game on a grid by Lemke-Howson, or None when the time is up."""
    first, second = grid_payoffs(game, (grids[0], grids[1]))
    # The path starts from the first row.
    rows = np.roll(np.arange(len(first)), -int(start * (len(first) - 1)))
    end = path_end((first[rows], second[rows]), 0, deadline)
    if end is None or not end.finished:
        return None
    x, y = (np.where(chance > 1e-13, chance, 0.0) for chance in end.strategies)
    return Strategy(grids[0][rows], x / x.sum()), Strategy(grids[1], y / y.sum())
