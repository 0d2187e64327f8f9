"""Piecewise-linear functions below failure curves, with few knots.

A plan is rounded at random to the knots: model m's amount x between knots s < t counts as t with
probability (x - s) / (t - s), else as s, all models independently. On average the rounded plan
leaves each instance unsolved with the product of the interpolated values at the knots. Where these
interpolations lie below the failure curves, that is no more than the plan leaves; see
:mod:`arbmodels.cascades.search.relaxation`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from arbmodels.compiling import compiled
from arbmodels.passk import FloatArray

#: Times that every value is raised as far as its neighbours allow.
_SWEEPS = 3


def minorant(amounts: FloatArray, floor: FloatArray, knots: npt.NDArray[np.int64]) -> FloatArray:
    """Return values at the knots whose linear interpolation is nowhere above ``floor``.

    Parameters
    ----------
    amounts : increasing float array [K]
    floor : float array [K, N]
        Never rising down a column, >= 0.
    knots : increasing int array [T]
        Positions, the first 0, the last K - 1 or where the curves end to fall.

    Returns
    -------
    float array [T, N]
        Between 0 and ``floor`` at the knots.
    """
    return _minorants(amounts, np.ascontiguousarray(floor.T), knots, _SWEEPS).T


@compiled
def _minorants(
    amounts: FloatArray, floor: FloatArray, knots: npt.NDArray[np.int64], sweeps: int
) -> FloatArray:  # pragma: no cover - compiled
    values = np.empty((len(floor), len(knots)))
    for row in range(len(floor)):
        _one(amounts, floor[row], knots, sweeps, values[row])
    return values


@compiled
def _one(
    x: FloatArray, f: FloatArray, knots: npt.NDArray[np.int64], sweeps: int, out: FloatArray
) -> None:  # pragma: no cover - compiled
    last = len(knots) - 1
    for k in range(last + 1):
        out[k] = f[knots[k]]
    for k in range(last):
        low, high = knots[k], knots[k + 1]
        if high - low > 1:
            left, right = _support(x, f, low, high)
            out[k] = min(out[k], left)
            out[k + 1] = min(out[k + 1], right)
    # Where two cells meet the lower of their lines counts; raise what that leaves slack.
    for _ in range(sweeps):
        for k in range(last + 1):
            most = f[knots[k]]
            if k < last:
                most = min(most, _most(x, f, knots[k], knots[k + 1], out[k + 1], True))
            if k > 0:
                most = min(most, _most(x, f, knots[k - 1], knots[k], out[k - 1], False))
            out[k] = max(out[k], most)


@compiled
def _support(
    x: FloatArray, f: FloatArray, low: int, high: int
) -> tuple[float, float]:  # pragma: no cover - compiled
    """Return the ends of the line below f on a cell, >= 0, with the largest sum.

    An edge of the lower hull above the middle of the cell, or the steepest line with right end 0.
    """
    middle = 0.5 * (x[low] + x[high])
    # The line through (middle, y) with the largest y: maximise over slopes. The tight points on
    # both sides of the middle are found by walking the hull edge over it.
    left, right = low, high
    moved = True
    while moved:
        moved = False
        slope = (f[right] - f[left]) / (x[right] - x[left])
        below, at = 0.0, -1
        for j in range(low, high + 1):
            gap = f[left] + slope * (x[j] - x[left]) - f[j]
            if gap > below + 1e-15:
                below, at = gap, j
        if at >= 0:
            if x[at] <= middle:
                left = at
            else:
                right = at
            moved = True
    slope = (f[right] - f[left]) / (x[right] - x[left])
    end = f[left] + slope * (x[high] - x[left])
    if end >= 0.0:
        return f[left] - slope * (x[left] - x[low]), end
    start = np.inf
    for j in range(low, high):
        start = min(start, f[j] * (x[high] - x[low]) / (x[high] - x[j]))
    return start, 0.0


@compiled
def _most(  # noqa: PLR0917 - numba takes positions
    x: FloatArray, f: FloatArray, low: int, high: int, other: float, left: bool
) -> float:  # pragma: no cover - compiled
    """Largest value at one end of a cell whose line to ``other`` at its other end is below f."""
    width = x[high] - x[low]
    most = np.inf
    for j in range(low + 1, high):
        share = (x[high] - x[j]) / width if left else (x[j] - x[low]) / width
        most = min(most, (f[j] - (1.0 - share) * other) / share)
    return most
