"""Regret matching: an approximate answer for large grids and many players, at any time.

Continuation from a smoothed game: logit quantal response from indifference to equilibrium.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arbmodels._clock import clock
from arbmodels.games.finite.strategies import against, exploitability, on_support, payoff_by_action
from arbmodels.passk import FloatArray

_TOLERANCE = 1e-9
_CORRECTIONS = 8
#: Precision at which the choice is as good as a best response.
_SHARPEST = 1e7
#: Steps between two attempts to jump from the path to an exact equilibrium.
_JUMP = 5
_STEPS = 5_000
#: Arc length at which the path is lost.
_SHORTEST = 1e-10


class Continuation(NamedTuple):
    """Where the path led; ``trace`` has a row per attempt to jump: steps, epsilon."""

    strategies: tuple[FloatArray, ...]
    steps: int
    trace: FloatArray


def follow(payoffs: FloatArray, deadline: float, target: float) -> Continuation:
    r"""Follow the logit quantal response equilibria from precision 0 upwards.

    .. math:: s_{ia} \propto \exp(\lambda u_{ia}(s_{-i}))

    The path from :math:`\lambda = 0` (uniform play) ends at a Nash equilibrium as
    :math:`\lambda \to \infty`. It is followed by arc length, so it may turn back in
    :math:`\lambda`; every few steps the indifference conditions are solved exactly on the
    actions that are played.

    Parameters
    ----------
    payoffs : float array [P, A_1, ..., A_P]
    deadline : float
        By :func:`arbmodels._clock.clock`.
    target : float
        Epsilon at which to stop, in units of the payoffs.

    Notes
    -----
    McKelvey and Palfrey (1995); Turocy (2005).
    """
    axes = tuple(range(1, payoffs.ndim))
    low, high = payoffs.min(axis=axes), payoffs.max(axis=axes)
    wide = (-1, *(1 for _ in axes))
    scaled = (payoffs - low.reshape(wide)) / np.where(high > low, high - low, 1.0).reshape(wide)
    sizes = payoffs.shape[1:]
    point = np.concatenate([*(np.full(size, -np.log(size)) for size in sizes), [0.0]])
    tangent = np.append(np.zeros(len(point) - 1), 1.0)
    slope = np.linalg.solve(np.vstack([_system(scaled, sizes, point)[1], tangent]), tangent)
    tangent = slope / np.linalg.norm(slope)
    best = _strategies(point, sizes)
    best_epsilon = exploitability(payoffs, best)
    trace, length, step = [(0.0, best_epsilon)], 0.1, 0
    for step in range(1, _STEPS + 1):
        moved = _step(scaled, sizes, point, tangent, length)
        if moved is None:
            length *= 0.5
            if length < _SHORTEST or clock() > deadline:
                break
            continue
        point, tangent, corrections = moved
        length *= 2.0 if corrections <= 3 else (1.0 if corrections <= 5 else 0.6)
        late = clock() > deadline
        if step % _JUMP == 0 or late or point[-1] > _SHARPEST:
            best, best_epsilon = _better(payoffs, _strategies(point, sizes), best, best_epsilon)
            trace.append((float(step), best_epsilon))
            if best_epsilon <= target or late or point[-1] > _SHARPEST:
                return Continuation(best, step, np.array(trace))
    best, best_epsilon = _better(payoffs, _strategies(point, sizes), best, best_epsilon)
    trace.append((float(step), best_epsilon))
    return Continuation(best, step, np.array(trace))


def _better(
    payoffs: FloatArray,
    here: tuple[FloatArray, ...],
    best: tuple[FloatArray, ...],
    epsilon: float,
) -> tuple[tuple[FloatArray, ...], float]:
    """Return the best of the point on the path, the exact solution on its support, and before."""
    for candidate in (here, on_support(payoffs, here, 1e-3 / max(map(len, here)))):
        if candidate is not None:
            found = exploitability(payoffs, candidate)
            if found < epsilon:
                best, epsilon = candidate, found
    return best, epsilon


def _strategies(point: FloatArray, sizes: tuple[int, ...]) -> tuple[FloatArray, ...]:
    parts = np.split(np.exp(np.minimum(point[:-1], 0.0)), np.cumsum(sizes)[:-1])
    return tuple(part / part.sum() for part in parts)


def _system(
    payoffs: FloatArray, sizes: tuple[int, ...], point: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the conditions in logarithms of probabilities, and their Jacobian with lambda last."""
    places = np.cumsum([0, *sizes])
    total = int(places[-1])
    precision = point[-1]
    logs = np.split(point[:-1], places[1:-1])
    mixed = [np.exp(part) for part in logs]
    value = np.zeros(total)
    jacobian = np.zeros((total, total + 1))
    for i, size in enumerate(sizes):
        first = places[i]
        reference = int(np.argmax(logs[i]))
        others = np.delete(np.arange(size), reference)
        rows = slice(first, first + size - 1)
        last = first + size - 1
        payoff = against(payoffs[i], mixed, (i,))
        ahead = payoff[others] - payoff[reference]
        value[rows] = logs[i][others] - logs[i][reference] - precision * ahead
        jacobian[np.arange(first, last), first + others] = 1.0
        jacobian[rows, first + reference] = -1.0
        jacobian[rows, -1] = -ahead
        for j in range(len(sizes)):
            if j != i:
                pair = against(payoffs[i], mixed, (i, j))
                pair = pair if i < j else pair.T
                slope = (pair[others] - pair[reference]) * mixed[j]
                jacobian[rows, places[j] : places[j + 1]] -= precision * slope
        value[last] = mixed[i].sum() - 1.0
        jacobian[last, first : first + size] = mixed[i]
    return value, jacobian


def _step(
    payoffs: FloatArray,
    sizes: tuple[int, ...],
    point: FloatArray,
    tangent: FloatArray,
    length: float,
) -> tuple[FloatArray, FloatArray, int] | None:
    """Predict along the tangent, correct at right angles to it; None if that fails."""
    guess = point + length * tangent
    for correction in range(1, _CORRECTIONS + 1):
        if guess[:-1].max() > 1.0 or guess[-1] < -1.0:
            return None
        value, jacobian = _system(payoffs, sizes, guess)
        bordered = np.vstack([jacobian, tangent])
        right = np.column_stack([np.append(-value, 0.0), np.append(np.zeros(len(value)), 1.0)])
        try:
            solved = np.linalg.solve(bordered, right)
        except np.linalg.LinAlgError:
            return None
        if not np.isfinite(solved).all():
            return None
        guess = guess + solved[:, 0]
        if np.abs(solved[:, 0]).max() <= _TOLERANCE * max(1.0, np.abs(guess).max()):
            direction = solved[:, 1] / np.linalg.norm(solved[:, 1])
            if direction @ tangent < 0.5:  # too sharp a turn: it may be another branch
                return None
            return guess, direction, correction
    return None


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
        By :func:`arbmodels._clock.clock`.
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
