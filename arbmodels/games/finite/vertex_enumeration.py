"""All equilibria of small two-player games, by enumeration of the vertices of best responses."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from arbmodels.passk import FloatArray

#: Bases of a polytope at most: 8 x 8 actions have 12,870.
_BASES = 13_000
#: Rows of linear systems held at once.
_ROWS = 100_000
#: A probability or a payoff short of the best by less than this is none, payoffs being about one;
#: between it and the larger number, rounding cannot tell.
_TIGHT, _LOOSE = 1e-10, 1e-7
#: A basis of which less than this is left of the volume it could have is none; up to the larger
#: number, rounding cannot tell.
_SINGULAR, _NEARLY = 1e-13, 1e-11
#: Vertices that differ less are one.
_SAME = 1e-9

Indices = npt.NDArray[np.int64]


class Every(NamedTuple):
    """Extreme equilibria, the components they form, bases looked at, and whether that is all.

    Every equilibrium is a mixture of extreme ones of its component. ``complete`` is False where a
    tie is nearer than rounding can tell.
    """

    strategies: list[tuple[FloatArray, FloatArray]]
    components: int
    bases: int
    complete: bool


def is_small(shape: tuple[int, ...]) -> bool:
    """Whether a game of this shape is enumerated."""
    return len(shape) == 2 and math.comb(sum(shape), shape[0]) <= _BASES


def every_equilibrium(payoffs: FloatArray) -> Every:
    r"""Return all extreme equilibria of a two-player game.

    Parameters
    ----------
    payoffs : float array [2, m, n]
        Scaled to about one.

    Notes
    -----
    Mangasarian (1964): with A and B scaled to [1, 2], equilibria are the pairs of vertices of
    :math:`\{x \ge 0: B^T x \le 1\}` and :math:`\{y \ge 0: A y \le 1\}`, divided by their sums, in
    which every action is a best response or not played. In degenerate games a vertex has more
    than one basis, and equilibria form components: the pairs that share a strategy are connected
    (Avis, Rosenberg, Savani and von Stengel 2010, Economic Theory 42).
    """
    _, m, n = payoffs.shape
    low = payoffs.min(axis=(1, 2), keepdims=True)
    span = payoffs.max(axis=(1, 2), keepdims=True) - low
    scaled = 1.0 + (payoffs - low) / np.where(span > 0, span, 1.0)
    first, sure = _vertices(scaled[1].T)
    second, sure_too = _vertices(scaled[0])
    # Labels: the first player's actions, not played or best; then the second's.
    of_first = np.hstack([first <= _TIGHT, first @ scaled[1] >= 1.0 - _TIGHT])
    of_second = np.hstack([second @ scaled[0].T >= 1.0 - _TIGHT, second <= _TIGHT])
    missing = (~of_first).astype(float) @ (~of_second).astype(float).T
    one, other = np.nonzero(missing == 0)
    graph = csr_array(
        (np.ones(len(one)), (one, len(first) + other)), shape=(len(first) + len(second),) * 2
    )
    _, component = connected_components(graph, directed=False)
    strategies = [
        (_mixed(first[i]), _mixed(second[j]))
        for i, j in zip(one.tolist(), other.tolist(), strict=True)
    ]
    return Every(
        strategies,
        len(set(component[one].tolist())),
        math.comb(m + n, m),
        sure and sure_too,
    )


def _mixed(vertex: FloatArray) -> FloatArray:
    played = np.where(vertex <= _TIGHT, 0.0, vertex)
    mixed: FloatArray = played / played.sum()
    return mixed


def _vertices(matrix: FloatArray) -> tuple[FloatArray, bool]:
    """Return the vertices of {z >= 0: matrix z <= 1} but for zero, and whether ties are clear."""
    rows, columns = matrix.shape
    found: list[tuple[FloatArray, FloatArray]] = []
    for size in range(1, min(rows, columns) + 1):
        played = np.array(list(itertools.combinations(range(columns), size)))
        best = np.array(list(itertools.combinations(range(rows), size)))
        pairs = len(played) * len(best)
        step = max(1, _ROWS // (size * size))
        for start in range(0, pairs, step):
            at = np.arange(start, min(start + step, pairs))
            found.append(_solved(matrix, played[at // len(best)], best[at % len(best)]))
    points, volume = (np.concatenate(parts) for parts in zip(*found, strict=True))
    slack = np.hstack([points, 1.0 - points @ matrix.T])
    inside = (slack >= -_TIGHT).all(axis=1)
    blurred = (slack < -_TIGHT) | ((slack > _TIGHT) & (slack < _LOOSE))
    unclear = (slack >= -_LOOSE).all(axis=1) & (blurred.any(axis=1) | (volume < _NEARLY))
    return _different(np.maximum(points[inside], 0.0)), not bool(unclear.any())


def _solved(matrix: FloatArray, played: Indices, best: Indices) -> tuple[FloatArray, FloatArray]:
    """Return the points [K, columns] at which rows ``best`` are 1 and all but ``played`` are 0.

    And the volume of each basis. Singular systems have no vertex of their own: whatever vertex they
    hold at has another basis.
    """
    systems = matrix[best[:, :, None], played[:, None, :]]
    volume = np.abs(np.linalg.det(systems)) / np.linalg.norm(systems, axis=2).prod(axis=1)
    kept = volume > _SINGULAR
    points = np.zeros((int(kept.sum()), matrix.shape[1]))
    ones = np.ones((*systems[kept].shape[:2], 1))
    solved = np.linalg.solve(systems[kept], ones)[..., 0]
    np.put_along_axis(points, played[kept], solved, axis=1)
    return points, volume[kept]


def _different(points: FloatArray) -> FloatArray:
    """Return points of which no two are the same up to rounding, in lexicographic order."""
    points = points[np.unique(np.round(points, 8), axis=0, return_index=True)[1]]
    # What rounding put on two sides of a border.
    twice = {max(pair) for pair in cKDTree(points).query_pairs(_SAME)}
    return points[[k for k in range(len(points)) if k not in twice]]
