"""Newton's method on the equilibrium conditions: one polymatrix game after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from arbmodels._clock import clock
from arbmodels.games.finite.lemke_howson import solve_lcp
from arbmodels.games.finite.strategies import against, exploitability
from arbmodels.passk import FloatArray

#: Part of the way to the tangent game's equilibrium that is gone: whole steps may cycle.
_DAMPED = 0.5
#: Steps in a row that may bring nothing.
_PATIENCE = 25


class Iterates(NamedTuple):
    """The best strategies met, steps, and the trace: steps, epsilon."""

    strategies: tuple[FloatArray, ...]
    steps: int
    trace: FloatArray


def follow(
    payoffs: FloatArray,
    start: Sequence[FloatArray],
    deadline: float,
    target: float,
    *,
    steps: int = 40,
) -> Iterates:
    r"""Solve the polymatrix game that is tangent to the payoffs, move there, and again.

    At strategies s the payoff of action a of player i against other strategies t is

    .. math:: u_i(a, t) \approx \sum_{j \ne i} \sum_b u_i(a, b, s_{-ij}) \, t_{jb}
              - (n - 2) \, u_i(a, s)

    to first order, a sum over pairs of players: its equilibria solve a linear complementarity
    problem, Lemke's method finds one. Strategies move half of the way there, since whole steps
    may cycle; near a regular equilibrium the tangent game's equilibrium itself, which is looked at
    in every step, converges quadratically (Josephy 1979).

    Parameters
    ----------
    payoffs : float array [P, A_1, ..., A_P]
    start : sequence of float arrays [A_i], length P
    deadline : float
        By :func:`arbmodels._clock.clock`.
    target : float
        Epsilon at which to stop, in units of the payoffs.
    steps : int

    Notes
    -----
    Govindan and Wilson (2004), iterated polymatrix approximation; Howson (1972).
    """
    axes = tuple(range(1, payoffs.ndim))
    low, high = payoffs.min(axis=axes), payoffs.max(axis=axes)
    wide = (-1, *(1 for _ in axes))
    scaled = (payoffs - low.reshape(wide)) / np.where(high > low, high - low, 1.0).reshape(wide)
    here = tuple(np.asarray(own, dtype=float) for own in start)
    best, least = here, exploitability(payoffs, here)
    trace, stale, step = [(0.0, least)], 0, 0
    while step < steps and least > target and stale < _PATIENCE and clock() <= deadline:
        there = tangent_equilibrium(scaled, here)
        if there is None:
            break
        step += 1
        here = tuple((1 - _DAMPED) * a + _DAMPED * b for a, b in zip(here, there, strict=True))
        enough = 0.999 * least
        for tried in (there, here):
            epsilon = exploitability(payoffs, tried)
            if epsilon < least:
                best, least = tried, epsilon
        stale = 0 if least < enough else stale + 1
        trace.append((float(step), least))
    return Iterates(best, step, np.array(trace))


def tangent_equilibrium(
    payoffs: FloatArray, strategies: Sequence[FloatArray]
) -> tuple[FloatArray, ...] | None:
    """Return an equilibrium of the tangent polymatrix game; None if Lemke's path is lost.

    Parameters
    ----------
    payoffs : float array [P, A_1, ..., A_P]
        Scaled to about one.
    strategies : sequence of float arrays [A_i], length P
    """
    count = len(strategies)
    places = np.cumsum([0, *map(len, strategies)])
    total = int(places[-1])
    cost = np.zeros((total, total))
    for i in range(count):
        rows = slice(places[i], places[i + 1])
        for j in range(count):
            if j == i:
                continue
            pair = against(payoffs[i], strategies, (i, j))
            pair = pair if i < j else pair.T
            # The constant of the tangent, spread over the others' probabilities.
            fixed = (count - 2) / (count - 1) * (pair @ strategies[j])
            cost[rows, places[j] : places[j + 1]] = fixed[:, None] - pair
    # Costs above 0 let the path end at a solution.
    for i in range(count):
        for j in range(count):
            if i != j:
                block = cost[places[i] : places[i + 1], places[j] : places[j + 1]]
                block += 1.0 - block.min()
    matrix = np.zeros((total + count, total + count))
    matrix[:total, :total] = cost
    for i in range(count):
        matrix[places[i] : places[i + 1], total + i] = -1.0
        matrix[total + i, places[i] : places[i + 1]] = 1.0
    answer = solve_lcp(matrix, np.append(np.zeros(total), np.full(count, -1.0)))
    if answer is None:
        return None
    found = []
    for i in range(count):
        own = answer[places[i] : places[i + 1]]
        if not own.sum() > 0:
            return None
        found.append(own / own.sum())
    return tuple(found)
