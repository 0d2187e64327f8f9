"""Regret matching: an approximate answer for large grids and many players, at any time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arbmodels.clock import clock
from arbmodels.games.finite.mixed import exploitability, payoff_by_action
from arbmodels.passk import FloatArray

#: The joint distribution is kept up to so many profiles.
JOINT = 4_000_000
#: Rounds between two entries of the trace, at first; it doubles.
_FIRST_CHECK = 64


class Averages(NamedTuple):
    """Average play: independent strategies, the joint distribution, and how they came about.

    ``trace`` has a row per check: rounds, epsilon of the independent strategies.
    """

    strategies: tuple[FloatArray, ...]
    joint: FloatArray | None
    rounds: int
    trace: FloatArray


def play(
    payoffs: FloatArray,
    deadline: float,
    *,
    rounds: int = 20_000,
    target: float = 0.0,
    joint: bool = False,
) -> Averages:
    """Let every player play in proportion to the regrets, with averages weighted by the round.

    Parameters
    ----------
    payoffs : float array [P, A_1, ..., A_P]
    deadline : float
        By :func:`arbmodels.clock.clock`.
    rounds : int
    target : float
        Stop when the average strategies' epsilon is this small.
    joint : bool
        Whether to average the joint distribution.

    Notes
    -----
    Regret matching+ with linear averaging (Tammelin, Burch, Johanson, Bowling 2015). Average
    strategies converge to equilibrium in zero-sum games; in others the average *joint*
    distribution converges to the coarse correlated equilibria, and the strategies' epsilon is what
    it is. The best of the averages and of the last strategies at any check is returned.
    """
    count, sizes = len(payoffs), payoffs.shape[1:]
    regrets = [np.zeros(size) for size in sizes]
    sums = [np.zeros(size) for size in sizes]
    shared = np.zeros(sizes) if joint and payoffs[0].size <= JOINT else None
    best, best_epsilon = tuple(np.full(size, 1.0 / size) for size in sizes), np.inf
    trace, check, done = [], _FIRST_CHECK, 0
    for done in range(1, rounds + 1):
        current = [_matched(regret) for regret in regrets]
        values = payoff_by_action(payoffs, current)
        for k in range(count):
            regrets[k] = np.maximum(regrets[k] + values[k] - values[k] @ current[k], 0.0)
            sums[k] += done * current[k]
        if shared is not None:
            product = done * current[0]
            for own in current[1:]:
                product = np.multiply.outer(product, own)
            shared += product
        late = done % 16 == 0 and clock() > deadline
        if done in (check, rounds) or late:
            check *= 2
            average = [total / total.sum() for total in sums]
            for candidate in (average, current):
                epsilon = exploitability(payoffs, candidate)
                if epsilon < best_epsilon:
                    best, best_epsilon = tuple(candidate), epsilon
            trace.append((float(done), best_epsilon))
            if late or best_epsilon <= target:
                break
    together = None if shared is None else shared / shared.sum()
    return Averages(best, together, done, np.array(trace).reshape(-1, 2))


def _matched(regret: FloatArray) -> FloatArray:
    total = regret.sum()
    if total <= 0:
        return np.full(len(regret), 1.0 / len(regret))
    matched: FloatArray = regret / total
    return matched
