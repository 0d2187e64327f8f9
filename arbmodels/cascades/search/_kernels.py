"""Compiled shortest paths on a lattice of any number of models, and what paths spend and lose."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from arbmodels._compiling import compiled
from arbmodels.passk import FloatArray


@compiled
def shortest(
    steps: FloatArray, sizes: npt.NDArray[np.int64]
) -> tuple[FloatArray, npt.NDArray[np.int8]]:  # pragma: no cover - compiled
    """Least spend to every state, and the model bought last (-1 at the origin).

    Parameters
    ----------
    steps : float array [M, S]
        Entry [m, a] is the spend of model m's step that starts in state a; not read at the last.
    sizes : int array [M]
        Amounts per model; states are numbered with the last model running fastest.
    """
    count, states = steps.shape
    stride = np.ones(count, np.int64)
    for m in range(count - 2, -1, -1):
        stride[m] = stride[m + 1] * sizes[m + 1]
    spend = np.empty(states)
    model = np.full(states, -1, np.int8)
    position = np.zeros(count, np.int64)
    for state in range(states):
        best, by = np.inf, -1
        for m in range(count):
            if position[m] > 0:
                before = state - stride[m]
                through = spend[before] + steps[m, before]
                if through < best:
                    best, by = through, m
        spend[state] = 0.0 if state == 0 else best
        model[state] = by
        for m in range(count - 1, -1, -1):
            position[m] += 1
            if position[m] < sizes[m]:
                break
            position[m] = 0
    return spend, model


@compiled
def score(  # noqa: PLR0917 - numba takes positions
    weight: FloatArray,
    failure: FloatArray,
    spend: FloatArray,
    first: npt.NDArray[np.int64],
    models: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
) -> tuple[FloatArray, FloatArray]:  # pragma: no cover - compiled
    """Share left unsolved after every purchase of a path, and what each purchase spends.

    Parameters
    ----------
    weight : float array [N]
    failure, spend : float arrays [rows, N]
        F and G of all models, one below the other, model m's from row ``first[m]``.
    models, ends : int arrays [P]
        The model bought from, and the position it is taken to.
    """
    count, rows = len(first) - 1, len(weight)
    here = np.zeros(count, np.int64)
    unsolved, spent = np.zeros(len(models)), np.zeros(len(models))
    for p in range(len(models)):
        m = models[p]
        low, high = first[m] + here[m], first[m] + ends[p]
        for i in range(rows):
            others = weight[i]
            for j in range(count):
                if j != m and here[j] > 0:
                    others *= failure[first[j] + here[j], i]
            spent[p] += others * (spend[high, i] - spend[low, i])
            unsolved[p] += others * failure[high, i]
        here[m] = ends[p]
    return unsolved, spent


@compiled
def losses(  # noqa: PLR0917 - numba takes positions
    weight: FloatArray,
    values: FloatArray,
    exact: FloatArray,
    spend: FloatArray,
    first: npt.NDArray[np.int64],
    models: npt.NDArray[np.int64],
    price: float,
) -> FloatArray:  # pragma: no cover - compiled
    """Return what a path's charge plus ``price`` times what it leaves loses by each knot's value.

    To first order: the change if the value at this knot alone were the exact one.

    Parameters
    ----------
    weight : float array [N]
    values, exact, spend : float arrays [knots of all models, N]
        V, F and G at the knots; model m's from row ``first[m]``.
    models : int array [P]
        Whose knot is moved on by one, step by step.
    price : float, currency units per instance

    Returns
    -------
    float array [knots of all models]
    """
    count, rows = len(first) - 1, len(weight)
    lost = np.zeros(len(values))
    here = first[:-1].copy()
    for p in range(len(models) + 1):
        m = models[p] if p < len(models) else -1
        for i in range(rows):
            base = weight[i] * price
            if m >= 0:
                base = weight[i] * (spend[here[m] + 1, i] - spend[here[m], i])
            if base == 0.0:
                continue
            for j in range(count):
                short = exact[here[j], i] - values[here[j], i]
                if j == m or short == 0.0:
                    continue
                for other in range(count):
                    if other not in (m, j):
                        short *= values[here[other], i]
                lost[here[j]] += base * short
        if m >= 0:
            here[m] += 1
    return lost


@compiled
def least_through(  # noqa: PLR0917 - numba takes positions
    steps: FloatArray,
    sizes: npt.NDArray[np.int64],
    charge: FloatArray,
    unsolved: FloatArray,
    price: float,
    knots: int,
) -> FloatArray:  # pragma: no cover - compiled
    """Least charge plus ``price`` times what is left, of paths through each knot of each model.

    Parameters
    ----------
    steps, sizes :
        As in :func:`shortest`, and ``charge`` its result.
    unsolved : float array [S]
    price : float, currency units per instance
    knots : int
        Largest number of knots of a model.

    Returns
    -------
    float array [M, knots]
        Infinite where a model has fewer knots.
    """
    count, states = steps.shape
    stride = np.ones(count, np.int64)
    for m in range(count - 2, -1, -1):
        stride[m] = stride[m + 1] * sizes[m + 1]
    ahead = np.empty(states)
    least = np.full((count, knots), np.inf)
    position = sizes - 1
    for state in range(states - 1, -1, -1):
        best = price * unsolved[state]
        for m in range(count):
            if position[m] < sizes[m] - 1:
                best = min(best, steps[m, state] + ahead[state + stride[m]])
        ahead[state] = best
        through = charge[state] + best
        for m in range(count):
            least[m, position[m]] = min(least[m, position[m]], through)
        for m in range(count - 1, -1, -1):
            position[m] -= 1
            if position[m] >= 0:
                break
            position[m] = sizes[m] - 1
    return least
