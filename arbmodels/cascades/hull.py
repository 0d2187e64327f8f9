"""Undominated points, and the lower convex hull: what mixing two plans at random can buy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from arbmodels.passk import FloatArray

IntArray = npt.NDArray[np.int64]

#: So many points are looked through in bins of their rates before they are sorted.
_MANY, _BINS = 20_000, 10_000


def undominated(rate: FloatArray, spend: FloatArray) -> IntArray:
    """Return the points that no other reaches as far for less, both coordinates increasing.

    Parameters
    ----------
    rate, spend : float arrays of one length

    Returns
    -------
    int array
        Positions.
    """
    some = np.arange(len(rate))
    if len(rate) > _MANY:
        # Most points of a lattice are dominated by the cheapest of the bins of higher rates, which
        # is found without sorting.
        place = np.floor((rate - rate.min()) * (_BINS / max(np.ptp(rate), 1e-300))).astype(np.int64)
        least = np.full(_BINS + 2, np.inf)
        np.minimum.at(least, place, spend)
        beyond = np.minimum.accumulate(least[::-1])[::-1]
        some = np.flatnonzero(spend < beyond[place + 1])
    order = some[np.lexsort((spend[some], -rate[some]))]
    least = np.minimum.accumulate(spend[order])
    kept: IntArray = order[np.concatenate([[True], least[1:] < least[:-1]])][::-1]
    return kept


def hull_vertices(x: FloatArray, y: FloatArray) -> IntArray:
    """Return the positions of the vertices of the lower convex hull (Andrew's monotone chain).

    Parameters
    ----------
    x, y : float arrays
        Points sorted by x, then by y.
    """
    points = list(zip(x.tolist(), y.tolist(), strict=True))
    hull: list[int] = []
    for k, (xk, yk) in enumerate(points):
        if hull and xk == points[hull[-1]][0]:
            continue
        while len(hull) > 1:
            (x0, y0), (x1, y1) = points[hull[-2]], points[hull[-1]]
            if (y1 - y0) * (xk - x0) < (yk - y0) * (x1 - x0):
                break
            hull.pop()
        hull.append(k)
    return np.array(hull, dtype=np.int64)


def lower_hull(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the vertices of the lower convex hull of points sorted by x, then by y."""
    kept = hull_vertices(x, y)
    return x[kept], y[kept]
