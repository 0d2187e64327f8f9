"""Expected payoffs of mixed strategies, and exact equilibria on a known support."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from arbmodels.passk import FloatArray

#: Newton steps on the indifference conditions.
_STEPS = 30


def against(
    payoff: FloatArray, strategies: Sequence[FloatArray], keep: tuple[int, ...]
) -> FloatArray:
    """Return one player's payoff in expectation over everybody but ``keep``, axes in order."""
    for player in reversed(range(payoff.ndim)):
        if player not in keep:
            before, after = payoff.shape[:player], payoff.shape[player + 1 :]
            if after:
                rows = payoff.reshape(math.prod(before), len(strategies[player]), -1)
                payoff = np.matmul(strategies[player], rows).reshape(*before, *after)
            else:
                payoff = payoff @ strategies[player]
    return payoff


def payoff_by_action(payoffs: FloatArray, strategies: Sequence[FloatArray]) -> list[FloatArray]:
    """Return what each action of each player pays against the others' strategies."""
    return [against(own, strategies, (player,)) for player, own in enumerate(payoffs)]


def exploitability(payoffs: FloatArray, strategies: Sequence[FloatArray]) -> float:
    """Return the largest gain of any player from a pure deviation."""
    values = payoff_by_action(payoffs, strategies)
    return max(
        float(value.max() - value @ own) for value, own in zip(values, strategies, strict=True)
    )


def on_support(
    payoffs: FloatArray, strategies: Sequence[FloatArray], threshold: float
) -> tuple[FloatArray, ...] | None:
    """Solve the indifference conditions where probabilities exceed a threshold, by Newton.

    On a support, all actions of a player pay the same and the probabilities add up to one. Least
    squares where that leaves freedom. None if the solution has a negative probability.
    """
    count = len(strategies)
    supports = [np.flatnonzero(own > threshold) for own in strategies]
    small = payoffs[np.ix_(np.arange(count), *supports)]
    mixed = [own[s] / own[s].sum() for own, s in zip(strategies, supports, strict=True)]
    sizes = [len(s) for s in supports]
    places = np.cumsum([0, *sizes])
    total = int(places[-1])
    for _ in range(_STEPS):
        matrix = np.zeros((total + count, total + count))
        residual = np.zeros(total + count)
        for i in range(count):
            rows = slice(places[i], places[i + 1])
            value = against(small[i], mixed, (i,))
            residual[rows] = value - value @ mixed[i]
            matrix[rows, total + i] = -1.0
            matrix[total + i, rows] = 1.0
            for j in range(count):
                if j != i:
                    pair = against(small[i], mixed, (i, j))
                    matrix[rows, places[j] : places[j + 1]] = pair if i < j else pair.T
        step = np.linalg.lstsq(matrix, -residual, rcond=None)[0][:total]
        mixed = [own + step[places[i] : places[i + 1]] for i, own in enumerate(mixed)]
        if np.abs(step).max() < 1e-14:
            break
        if not np.isfinite(step).all() or np.abs(step).max() > 1e3:
            return None
    answer = []
    for own, support, probability in zip(strategies, supports, mixed, strict=True):
        if probability.min() < -1e-12:
            return None
        full = np.zeros(len(own))
        full[support] = np.maximum(probability, 0.0)
        answer.append(full / full.sum())
    return tuple(answer)
