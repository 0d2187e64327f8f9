"""Complementary pivoting for two players, compiled: the condensed tableau of Lemke and Howson."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from arbmodels._compiling import compiled

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
def follow(
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
