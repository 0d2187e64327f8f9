"""All paths through a small lattice of attempts, to compare a flow with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def paths(start: IntArray, end: IntArray) -> Iterator[IntArray]:
    """Yield every path from state 0, stopping anywhere, as the numbers of its steps."""
    waiting: list[tuple[int, list[int]]] = [(0, [])]
    while waiting:
        state, taken = waiting.pop()
        yield np.array(taken, dtype=np.int64)
        waiting += [(int(end[e]), [*taken, int(e)]) for e in np.flatnonzero(start == state)]


def cheapest_mixture(rate: FloatArray, cost: FloatArray, wanted: float) -> float:
    """Return the least cost of mixing two paths so that a rate is reached; NaN if none does.

    An optimum mixes at most two, since there are two rows: the shares sum to one, the rate.
    """
    best = np.nan
    for i in np.flatnonzero(rate >= wanted):
        best = np.fmin(best, cost[i])
        below = np.flatnonzero(rate < wanted)
        share = (wanted - rate[below]) / (rate[i] - rate[below])
        mixed = share * cost[i] + (1 - share) * cost[below]
        if len(mixed):
            best = np.fmin(best, mixed.min())
    return float(best)
