"""Lemke-Howson: follow a path of complementary pivots from any action to an equilibrium.

Linear complementarity problems by Lemke's method; the loops over the condensed tableau are
compiled.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from arbmodels._clock import clock
from arbmodels._compiling import compiled
from arbmodels.passk import FloatArray

#: Pivots per row after which a path is given up.
_PIVOTS = 20
#: Covering vectors that are tried: another path where rounding spoils the first.
_COVERS = 4
#: A solution is one up to this, over its largest number.
_PRECISE = 1e-7
#: An entry of the entering column up to this is no pivot.
PIVOT = 1e-10
#: Ratios this near to each other (relative) are a tie, which the lexicographic rule settles.
TIE = 1e-13

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@compiled
def leaving_row(table: Floats, place: Ints, column: int, first_slack: int, candidates: Ints) -> int:
    """Row of the lexicographically least ratio; -1 if no entry of the column is positive."""
    rows, last = table.shape[0], table.shape[1] - 1
    count = 0
    for i in range(rows):
        if table[i, column] > PIVOT:
            candidates[count] = i
            count += 1
    if count == 0:
        return -1
    for step in range(rows + 1):
        # The right-hand side first, then the columns of the slacks in order.
        where = last if step == 0 else place[first_slack + step - 1]
        if where == column:
            continue
        least = np.inf
        kept = 0
        for k in range(count):
            i = candidates[k]
            # A slack in the basis has a unit column.
            entry = table[i, where] if where >= 0 else 1.0 * (i == -where - 1)
            ratio = entry / table[i, column]
            slack = TIE * max(1.0, abs(least)) if least < np.inf else 0.0
            if ratio > least + slack:
                continue
            if ratio < least - slack:
                least = ratio
                kept = 0
            candidates[kept] = i
            kept += 1
        count = kept
        if count == 1:
            break
    return int(candidates[0])


@compiled
def exchange(table: Floats, row: int, column: int) -> None:
    """Swap a basic with a nonbasic variable in place (a Jordan exchange)."""
    rows, columns = table.shape
    pivot = table[row, column]
    # A copy, so that the compiler knows that no row overlaps it and uses vector instructions.
    scaled = table[row].copy()
    for j in range(columns):
        scaled[j] /= pivot
    for i in range(rows):
        factor = table[i, column]
        if factor != 0.0:
            line = table[i]
            for j in range(columns):
                line[j] -= factor * scaled[j]
            line[column] = -factor / pivot
    table[row] = scaled
    table[row, column] = 1.0 / pivot


@compiled
def _drop_label(
    tables: tuple[Floats, Floats],
    places: tuple[Ints, Ints],
    names: tuple[Ints, Ints],
    state: Ints,
    most: int,
) -> int:
    """Follow the path that drops a label, for ``most`` pivots at most.

    A label is an action: 0 to m - 1 of the first player, m to m + n - 1 of the second. The first
    tableau [n, m + 1] holds the first player's strategy (columns) against the second's payoffs
    (rows), the second [m, n + 1] the other way round. ``places`` [m + n] says where a label is: a
    column, or -1 - row if it is in the basis; ``names`` [m + n] are the labels of the columns,
    then of the rows. ``state`` is (label to enter, tableau to enter it in, pivots made, label
    dropped) and is updated, so that a path can be continued.

    Returns 1 at the end of the path, 0 when ``most`` pivots are made, -1 when the path is lost.
    """
    n, m = tables[0].shape[0], tables[1].shape[0]
    candidates = np.empty(max(m, n), dtype=np.int64)
    for _ in range(most):
        label, which = state[0], state[1]
        table, place, name = tables[which], places[which], names[which]
        column = place[label]
        if column < 0:
            return -1
        row = leaving_row(table, place, column, m if which == 0 else 0, candidates)
        if row < 0:
            return -1
        exchange(table, row, column)
        behind = table.shape[1] - 1 + row
        leaving = name[behind]
        name[behind], name[column] = label, leaving
        place[label], place[leaving] = -1 - row, column
        state[0], state[1] = leaving, 1 - which
        state[2] += 1
        if leaving == state[3]:
            return 1
    return 0


def solve_lcp(matrix: FloatArray, constant: FloatArray) -> FloatArray | None:
    r"""Return z with :math:`z \ge 0, \; M z + q \ge 0, \; z^T (M z + q) = 0`.

    Parameters
    ----------
    matrix : float array [n, n]
    constant : float array [n]

    Returns
    -------
    float array [n], or None if every path ends in a ray or is lost to rounding

    Notes
    -----
    Lemke (1965) with a covering vector of ones, then others; ties are settled lexicographically.
    The tableau is condensed, as in :mod:`arbmodels.games.finite.lemke_howson`.
    """
    count = len(constant)
    if constant.min() >= 0:
        return np.zeros(count)
    for attempt in range(_COVERS):
        cover = 1.0 + (np.sqrt(2.0) * attempt * np.arange(count)) % 1.0
        table = np.column_stack([-matrix, -cover, constant])
        # Labels: w = M z + q first, then z, then the artificial variable; the columns' labels,
        # then the rows'.
        names = np.concatenate([np.arange(count, 2 * count + 1), np.arange(count)])
        place = np.concatenate([-1 - np.arange(count), np.arange(count + 1)])
        if _lemke(table, place, names, _PIVOTS * count):
            answer = np.zeros(count)
            basis = names[count + 1 :]
            basic = basis >= count
            answer[basis[basic] - count] = np.maximum(table[basic, -1], 0.0)
            slack = matrix @ answer + constant
            if min(slack.min(), -abs(slack @ answer)) > -_PRECISE * max(1.0, answer.max()):
                return answer
    return None


@compiled
def _lemke(table: Floats, place: Ints, names: Ints, most: int) -> bool:
    """Pivot until the artificial variable leaves the basis; False if it never does."""
    rows = table.shape[0]
    columns, last = rows + 1, rows + 1
    artificial = 2 * rows
    candidates = np.empty(rows, dtype=np.int64)
    row = 0
    for i in range(rows):
        if table[i, last] / -table[i, rows] <= table[row, last] / -table[row, rows]:
            row = i
    entering = artificial
    for _ in range(most):
        column = place[entering]
        if entering != artificial:
            row = leaving_row(table, place, column, 0, candidates)
            if row < 0:
                return False
            # Out with the artificial variable as soon as it may go.
            if place[artificial] < 0:
                other = -1 - place[artificial]
                if table[other, column] > 0.0:
                    ratio = table[row, last] / table[row, column]
                    if table[other, last] / table[other, column] <= ratio + TIE * max(1.0, ratio):
                        row = other
        exchange(table, row, column)
        leaving = names[columns + row]
        names[columns + row], names[column] = entering, leaving
        place[entering], place[leaving] = -1 - row, column
        if leaving == artificial:
            return True
        entering = leaving + rows if leaving < rows else leaving - rows
    return False


#: Multiplications between two looks at the clock, about a tenth of a second.
_WORK = 1e8
#: More pivots than any path has time for.
_ENDLESS = 2**62
#: Multiplications that need no progress bar.
_INSTANT = 1e9


class PathEnd(NamedTuple):
    """Where a path ended: its label, both mixed strategies, pivots, whether it was finished."""

    label: int
    strategies: tuple[FloatArray, FloatArray]
    pivots: int
    finished: bool


def ends(payoffs: tuple[FloatArray, FloatArray], deadline: float) -> Iterator[PathEnd]:
    """Yield where the path from each label ends, short paths first, until the deadline.

    Parameters
    ----------
    payoffs : two float arrays [m, n]
        Of the row player and of the column player.
    deadline : float
        By :func:`arbmodels._clock.clock`. Without any finished path, the one under way is yielded
        unfinished.

    Notes
    -----
    Lemke and Howson (1964); ties in the ratio test are settled lexicographically, so degenerate
    games do not cycle. The tableau holds nonbasic columns only: half the numbers of the usual
    one. A path may be exponentially long (Savani and von Stengel 2006) while the next is short:
    all are followed for m + n pivots, those that have not ended for four times as many, and so on
    (after Codenotti, De Rossi, Pagan 2008). A path that is lost to rounding is left out.
    """
    m, n = payoffs[0].shape
    tables = _tableau(payoffs[1].T), _tableau(payoffs[0])
    waiting = list(range(m + n))
    most, any_end = m + n, False
    while waiting:
        longer = []
        short = float(m * n) * most * len(waiting) < _INSTANT
        what = f"Paths of {most:,} pivots"
        for label in waiting if short else tqdm(waiting, what, disable=None, leave=False, delay=2):
            end = _follow(tables, (m, n), label, deadline, most)
            if end is not None and end.finished:
                any_end = True
                yield end
            if clock() > deadline:
                if end is not None and not any_end:
                    yield end
                return
            if end is not None and not end.finished:
                longer.append(label)
        waiting, most = longer, 4 * most


def path_end(payoffs: tuple[FloatArray, FloatArray], label: int, deadline: float) -> PathEnd | None:
    """Follow the path from one label, however long; None if it is lost to rounding.

    Parameters
    ----------
    payoffs : two float arrays [m, n]
    label : int
        One of the row player's m actions, or m plus one of the column player's.
    deadline : float
        By :func:`arbmodels._clock.clock`; then the path is given up, unfinished.
    """
    tables = _tableau(payoffs[1].T), _tableau(payoffs[0])
    m, n = payoffs[0].shape
    return _follow(tables, (m, n), label, deadline, _ENDLESS)


def _tableau(values: FloatArray) -> FloatArray:
    """Payoffs scaled to [1, 2], so that every column is positive, with a right-hand side of 1."""
    low, high = values.min(), values.max()
    scaled = 1.0 + (values - low) / (high - low if high > low else 1.0)
    return np.column_stack([scaled, np.ones(len(values))])


def _follow(
    tables: tuple[FloatArray, FloatArray],
    shape: tuple[int, int],
    label: int,
    deadline: float,
    most: int,
) -> PathEnd | None:
    """Follow one path for ``most`` pivots; None if it is lost to rounding."""
    m, n = shape
    first, second = (np.ascontiguousarray(table).copy() for table in tables)
    names = np.arange(m + n), np.roll(np.arange(m + n), -m)
    places = _places(names[0], m), _places(names[1], n)
    state = np.array([label, 0 if label < m else 1, 0, label], dtype=np.int64)
    chunk = max(1, int(_WORK / (m * n)))
    status = 0
    while status == 0 and state[2] < most:
        pivots = min(chunk, most - int(state[2]))
        status = _drop_label((first, second), places, names, state, pivots)
        if status == 0 and clock() > deadline:
            break
    if status < 0:
        return None
    strategies = (
        _strategy(first, names[0][m:], 0, m),
        _strategy(second, names[1][n:], m, n),
    )
    return PathEnd(label, strategies, int(state[2]), status == 1)


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
