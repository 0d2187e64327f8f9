"""Continuous prices of three and more players: equilibria on shifted grids, averaged.

A few dozen prices per player are all that a restricted game of several players can hold. On one
such grid, undercutting a price that is played gains about what is won there over the number of
prices. Equilibria on grids that are shifted against each other have their errors at different
prices: many of them cancel in the average of the strategies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from tqdm import tqdm

from arbmodels.clock import clock
from arbmodels.games.deviations import Deviations
from arbmodels.games.finite import polymatrix
from arbmodels.games.finite.game import FiniteGame
from arbmodels.games.mixed_prices.distribution import PriceDistribution
from arbmodels.passk import FloatArray

#: Prices per player on every grid but the first, by the number of players, and grids at most.
_PRICES, _FEW = {3: 61, 4: 20}, 8
_ROUNDS = 30
#: Shifts of the grids, as parts of a step: two irrational numbers, so that none repeats.
_SHIFTS = (0.6180339887498949, 0.7548776662466927)
#: Share of the range that is played by which a grid exceeds it, and a probability to speak of.
_MARGIN, _PLAYED = 0.01, 1e-6
#: Part of a start that is spread evenly; largest gain on a grid, over the range of payoffs.
_SPREAD, _EXACT = 0.01, 1e-9
#: Seconds after which the first grid is given up, where there is no time limit for all.
_LONG = 60.0

Strategies = tuple[PriceDistribution, ...]


class CertifiedGame(Protocol):
    """A game over prices that can be put on grids and certifies strategies."""

    @property
    def players(self) -> tuple[str, ...]:
        """Names."""

    def finite(self, prices: Sequence[FloatArray]) -> FiniteGame:
        """Return the game on price grids."""

    def certify(self, strategies: Sequence[PriceDistribution]) -> Deviations:
        """Return every player's largest gain from any price, on the continuous game."""


class Averaged(NamedTuple):
    """Strategies of least epsilon, their certificate, and the trace: prices played, epsilon."""

    strategies: Strategies
    deviations: Deviations
    trace: FloatArray


def solve_shifted(
    game: CertifiedGame,
    prices: Sequence[FloatArray],
    keep: FloatArray,
    *,
    tolerance: float,
    time_limit: float,
) -> Averaged:
    """Solve on shifted grids over the prices that are played, and average the later answers.

    Parameters
    ----------
    game : CertifiedGame
        Of three players or more.
    prices : sequence of float arrays [A_i], length P
        The first grids, over all prices that make sense.
    keep : float array
        Prices that belong on every grid: where demand jumps.
    tolerance : float
        Relative epsilon on the continuous game at which to stop.
    time_limit : float
        Seconds; the best round counts, whatever the time.
    """
    deadline = clock() + time_limit
    count = len(prices)
    size = _PRICES.get(count, _FEW)
    grids = [np.unique(np.asarray(own, dtype=float)) for own in prices]
    floor = np.array([own.min() for own in grids])
    lowest, highest = np.full(count, np.inf), np.zeros(count)
    extra = [np.zeros(0) for _ in grids]
    window: list[Strategies] = []
    average: Strategies = ()
    best: tuple[Strategies, Deviations] | None = None
    trace = []
    for step in tqdm(range(_ROUNDS), "Price grids", disable=None, leave=False, delay=2):
        finite = game.finite(grids)
        if step == 0:
            # Where there is a pure equilibrium, the first grid shows it.
            found = finite.solve(time_limit=min(time_limit, _LONG)).strategies
        else:
            # From the last answer, so that of several equilibria the same one is met again.
            start = [_moved(own, grid) for own, grid in zip(average, grids, strict=True)]
            target = _EXACT * float(np.ptp(finite.payoffs))
            found = polymatrix.follow(finite.payoffs, start, deadline, target).strategies
        here = tuple(map(PriceDistribution.on_grid, grids, found))
        # The first grid is coarse; the earlier half had worse ranges and fewer best responses.
        window = [*window, here][-((step + 1) // 2) :] if step > 1 else [here]
        average = tuple(_average([one[k] for one in window]) for k in range(count))
        deviations = game.certify(average)
        trace.append((float(max(len(own.prices) for own in average)), deviations.epsilon))
        if best is None or deviations.relative_epsilon < best[1].relative_epsilon:
            best = average, deviations
        if best[1].relative_epsilon <= tolerance or clock() > deadline:
            break
        for k, own in enumerate(here):
            played = own.prices[own.masses > _PLAYED]
            better = deviations.deviation[k]
            tempted = [] if better is None else [float(better)]
            lowest[k] = min([lowest[k], played.min(), *tempted])
            highest[k] = max([highest[k], played.max(), *tempted])
            if deviations.attained[k]:
                extra[k] = np.union1d(extra[k], tempted)
        bottom = np.maximum(lowest - _MARGIN * (highest.max() - lowest.min()), floor)
        grids = [
            np.unique(
                np.concatenate(
                    [
                        _shifted(float(bottom[k]), float(highest[k]), size, step, k),
                        keep[(keep >= bottom[k]) & (keep <= highest[k])],
                        extra[k],
                    ]
                )
            )
            for k in range(count)
        ]
    assert best is not None  # noqa: S101  # there is always a first round
    return Averaged(*best, np.array(trace))


def _shifted(low: float, high: float, size: int, step: int, player: int) -> FloatArray:
    shift = ((step + 0.5) * _SHIFTS[0] + player * step * _SHIFTS[1]) % 1.0
    return np.asarray(low + (high - low) * (np.arange(size) + shift) / size)


def _moved(own: PriceDistribution, grid: FloatArray) -> FloatArray:
    """Move every atom to the next price of a grid, and spread a little over all of it."""
    edges = (grid[1:] + grid[:-1]) / 2
    mass = np.bincount(np.searchsorted(edges, own.prices), own.masses, len(grid))
    return np.asarray((1 - _SPREAD) * mass + _SPREAD / len(grid))


def _average(found: Sequence[PriceDistribution]) -> PriceDistribution:
    price = np.concatenate([own.prices for own in found])
    mass = np.concatenate([own.masses for own in found])
    distinct, where = np.unique(price, return_inverse=True)
    return PriceDistribution.on_grid(distinct, np.bincount(where, mass))
