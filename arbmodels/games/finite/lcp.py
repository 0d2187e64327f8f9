"""Linear complementarity problems by Lemke's method, compiled."""

from __future__ import annotations

import numpy as np

from arbmodels.compiling import compiled
from arbmodels.games.finite.kernels import TIE, Floats, Ints, exchange, leaving_row
from arbmodels.passk import FloatArray

#: Pivots per row after which a path is given up.
_PIVOTS = 20
#: Covering vectors that are tried: another path where rounding spoils the first.
_COVERS = 4
#: A solution is one up to this, over its largest number.
_PRECISE = 1e-7


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
