"""Lemke-Howson: follow a path of complementary pivots from any action to an equilibrium."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import NamedTuple

import numpy as np

from arbmodels.games.finite import kernels
from arbmodels.games.finite.kernels import Ints
from arbmodels.passk import FloatArray

#: Multiplications between two looks at the clock, about a tenth of a second.
_WORK = 1e8


class PathEnd(NamedTuple):
    """Where a path ended: both mixed strategies, the pivots made, and whether it was finished."""

    strategies: tuple[FloatArray, FloatArray]
    pivots: int
    finished: bool


def paths(
    payoffs: tuple[FloatArray, FloatArray], deadline: float, starts: int | None = None
) -> Iterator[PathEnd]:
    """Yield where the path from each label ends, until the deadline.

    Parameters
    ----------
    payoffs : two float arrays [m, n]
        Of the row player and of the column player.
    deadline : float
        By ``perf_counter``; the path under way is given up. A path that is lost to rounding is
        left out.
    starts : int, optional
        How many labels to start from, spread evenly over both players' actions; all by default.

    Notes
    -----
    Lemke and Howson (1964); ties in the ratio test are settled lexicographically, so degenerate
    games do not cycle. The tableau holds nonbasic columns only: half the numbers of the usual
    one. A path may be exponentially long (Savani and von Stengel 2006).
    """
    rows, columns = payoffs[0].shape
    labels = rows + columns
    count = labels if starts is None else min(starts, labels)
    order = np.unique(np.linspace(0, labels - 1, count).round().astype(int)).tolist()
    tables = _tableau(payoffs[1].T), _tableau(payoffs[0])
    for start in order:
        end = _follow(tables, (rows, columns), start, deadline)
        if end is None:
            continue
        yield end
        if not end.finished:
            return


def _tableau(values: FloatArray) -> FloatArray:
    """Payoffs scaled to [1, 2], so that every column is positive, with a right-hand side of 1."""
    low, high = values.min(), values.max()
    scaled = 1.0 + (values - low) / (high - low if high > low else 1.0)
    return np.column_stack([scaled, np.ones(len(values))])


def _follow(
    tables: tuple[FloatArray, FloatArray], shape: tuple[int, int], start: int, deadline: float
) -> PathEnd | None:
    m, n = shape
    first, second = (np.ascontiguousarray(table).copy() for table in tables)
    names = np.arange(m + n), np.roll(np.arange(m + n), -m)
    places = _places(names[0], m), _places(names[1], n)
    state = np.array([start, 0 if start < m else 1, 0, start], dtype=np.int64)
    chunk = max(1, int(_WORK / (m * n)))
    status = 0
    while status == 0:
        status = kernels.follow((first, second), places, names, state, chunk)
        if status == 0 and perf_counter() > deadline:
            break
    if status < 0:
        return None
    strategies = (
        _strategy(first, names[0][m:], 0, m),
        _strategy(second, names[1][n:], m, n),
    )
    return PathEnd(strategies, int(state[2]), status == 1)


def _places(names: Ints, columns: int) -> Ints:
    """Where each label is: its column, or -1 - its row."""
    place = np.empty(len(names), dtype=np.int64)
    place[names[:columns]] = np.arange(columns)
    place[names[columns:]] = -1 - np.arange(len(names) - columns)
    return place


def _strategy(table: FloatArray, basis: Ints, offset: int, count: int) -> FloatArray:
    """Read a strategy off the right-hand side; uniform where nothing is in the basis yet."""
    weights = np.zeros(count)
    mine = (basis >= offset) & (basis < offset + count)
    weights[basis[mine] - offset] = np.maximum(table[mine, -1], 0.0)
    total = weights.sum()
    return weights / total if total > 0 else np.full(count, 1.0 / count)
