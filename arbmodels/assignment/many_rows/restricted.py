r"""The linear relaxation over the moves that matter, around given prices.

With base prices :math:`\pi`, losses :math:`\ell \ge 0` of moves away from the best plans, their
change of the rows :math:`\Delta`, what the best plans leave of the rows s, and side columns y,

.. math::
    \max \; -\ell^\top x - \pi^\top z + (d' - B'^\top \pi)^\top y - \kappa^\top e
    \quad \text{s.t.} \quad \Delta^\top x + B' y + z - e = s, \quad
    \sum_{p \in g} x_p \le 1, \quad x, z, e \ge 0

has the value of the relaxation less that of the groups' part of the dual function, in numbers as
small as the losses themselves. Its duals are corrections of the prices. Left-over z priced at less
than the price, and a price on excess e, keep corrections in a box round :math:`\pi`: in it the
model is exact if no other move loses less than the box can make up for (the boxstep method of
Marsten, Hogan and Blankenship, *Operations Research* 23 (1975)).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from arbmodels.assignment.many_rows.dual import Dual, Point
from arbmodels.assignment.many_rows.near import Near
from arbmodels.assignment.many_rows.side_part import SidePart
from arbmodels.assignment.program import TOLERANCE
from arbmodels.assignment.source import FloatArray, IntArray
from arbmodels.errors import SolverError
from arbmodels.solver import Program, solve

#: HiGHS drops smaller coefficients with a warning.
_SMALLEST = 2e-9
#: A price below this share of its unit is zero.
_NOTHING = 1e-12


@dataclass(frozen=True, eq=False)
class Model:
    """The program over the moves, scaled; see the module.

    Attributes
    ----------
    program : Program
        Columns: moves [P], left-over [R], excess [R], side columns [E]. Rows: coupling [R], groups
        with several moves, side rows.
    worth : float
        Unit of the objective.
    base : float
        What the best plans are worth, with all left-over paid for if there is a box.
    row_units : float array [R]
    columns : float array [E]
        Units of the side columns.
    rows : int array
        Coupling rows in the model; the others cannot bind.
    """

    program: Program
    worth: float
    base: float
    row_units: FloatArray
    columns: FloatArray
    rows: IntArray


@dataclass(frozen=True, eq=False)
class Relaxed:
    """A solution of the model.

    Attributes
    ----------
    prices : float array [R]
    moved : float array [P]
        Share of every move.
    side : float array [E]
    promise : float
        Value of the model: the dual function is no lower within the box, if the moves suffice.
    worth : float
        Value of the solution, oriented to be maximised, which the relaxation can reach; minus
        infinity if it violates a row.
    excess : bool
        Whether it does.
    """

    prices: FloatArray
    moved: FloatArray
    side: FloatArray
    promise: float
    worth: float
    excess: bool


def row_units(dual: Dual, near: Near) -> FloatArray:
    """Return how far one move changes every row, [R]."""
    counts = np.count_nonzero(near.change, axis=0)
    moves = np.abs(near.change).sum(axis=0) / np.maximum(counts, 1)
    beside = np.abs(dual.side.coupling).max(axis=1, initial=0.0)
    units = np.where(moves > 0, moves, np.where(beside > 0, beside, np.abs(dual.program.limits)))
    return np.where(units > 0, units, 1.0)


@dataclass(frozen=True, eq=False)
class Box:
    """How far prices [R] may fall and rise."""

    down: FloatArray
    up: FloatArray


def model(dual: Dual, point: Point, near: Near, box: Box | None) -> Model:
    """Write the model.

    With a box it is linear and priced. Without one moves are whole, rows must hold, and the
    objective is the program's own, whose whole numbers HiGHS makes use of; moves that fit no row
    are left out, and what is more than enough for a row is cut, for both would only coarsen it.
    """
    fits = np.ones(len(near.plan), dtype=bool)
    if box is None:
        near, fits = _fitting(dual, point, near)
    side, units = dual.side, row_units(dual, near)
    moves, ours = len(near.plan), side.columns
    rows = _binding(side, point, near)
    count = len(rows)
    unit = units[rows]
    beside = side.coupling[rows] / unit[:, None]
    own = dual.program.side
    inner = np.zeros((0, ours)) if own is None else own.matrix.toarray()
    size = np.abs(beside).max(axis=0, initial=0.0)
    size = np.where(size > 0, size, np.abs(inner).max(axis=0, initial=0.0))
    columns = 1.0 / np.where(size > 0, size, 1.0)
    infinite, nothing = np.full(count, np.inf), np.zeros(count)
    if box is None:
        base = dual.program.sign * dual.program.value_of(point.best.totals)
        cost = np.concatenate([near.gain, nothing, nothing, side.objective * columns])
        worth = float(np.abs(cost).max(initial=0.0)) or 1.0
        excess = nothing
    else:
        base = point.groups_value
        down, up = np.minimum(point.prices, box.down)[rows], box.up[rows]
        bounded = np.isfinite(up)
        excess = np.where(bounded, infinite, 0.0)
        dear = np.where(bounded, -up * unit, 0.0)
        cost = np.concatenate([-near.loss, -down * unit, dear, side.cost(point.prices) * columns])
        # Of ties alone: what a price within the box is worth.
        ties = float((np.minimum(down, np.where(bounded, up, np.inf)) * unit).max(initial=0.0))
        worth = float(near.loss.max(initial=0.0)) or ties or 1.0
        if not np.isfinite(point.side_value):
            # The side columns are far from priced, and losses small beside what they cost.
            worth = max(worth, float(np.abs(side.cost(point.prices) * columns).max()))
    several = np.flatnonzero(np.bincount(near.group, minlength=len(near.positions)) > 1)
    index = np.full(len(near.positions), -1)
    index[several] = np.arange(len(several))
    member = np.flatnonzero(index[near.group] >= 0)
    once = sparse.csr_array(
        (np.ones(len(member)), (index[near.group[member]], member)), shape=(len(several), moves)
    )
    inner = inner * columns
    weight = np.abs(inner).max(axis=1, initial=0.0)
    weight = np.where(weight > 0, weight, 1.0)
    eye = sparse.identity(count, format="csr")
    change = _cleaned(near.change[:, rows].T / unit[:, None])
    matrix = sparse.block_array(
        [
            [change, eye, -eye, _cleaned(beside * columns)],
            [once, None, None, sparse.csr_array((len(several), ours))],
            [sparse.csr_array((len(weight), moves)), None, None, _cleaned(inner / weight[:, None])],
        ],
        format="csr",
    )
    slack, empty = point.slack[rows] / unit, np.zeros(0)
    low, high = (empty, empty) if own is None else (own.row_lower / weight, own.row_upper / weight)
    least, most = (empty, empty) if own is None else (own.lower / columns, own.upper / columns)
    written = Program(
        cost / worth,
        sparse.csr_array(matrix),
        np.concatenate([slack, np.full(len(several), -np.inf), low]),
        np.concatenate([slack, np.ones(len(several)), high]),
        np.concatenate([np.zeros(moves + 2 * count), least]),
        np.concatenate([fits.astype(float), infinite, excess, most]),
        np.arange(moves + 2 * count + ours) < moves if box is None else None,
        maximise=True,
    )
    return Model(written, worth, base, unit, columns, rows)


def relax_near(dual: Dual, point: Point, near: Near, box: Box, time_limit: float) -> Relaxed | None:
    """Solve the model as a linear program; None if it did not end in time."""
    written = model(dual, point, near, box)
    try:
        solution = solve(written.program, time_limit=time_limit)
    except SolverError:
        return None
    if solution.status != "optimal" or solution.row_dual is None:
        return None
    moves, count = len(near.plan), len(written.rows)
    prices = point.prices.copy()
    change = solution.row_dual[:count] * written.worth / written.row_units
    here = written.rows
    moved = prices[here] + np.clip(change, -box.down[here], box.up[here])
    prices[here] = np.where(moved * written.row_units > _NOTHING * written.worth, moved, 0.0)
    excess = solution.x[moves + count : moves + 2 * count]
    promise = written.base + solution.objective * written.worth
    # What was left over had a lower price than that of the point.
    unpaid = np.maximum(point.prices - box.down, 0.0)[here] * written.row_units
    over = bool((excess > 1e-9).any())
    return Relaxed(
        prices,
        solution.x[:moves],
        solution.x[moves + 2 * count :] * written.columns,
        promise,
        -np.inf if over else promise - float(unpaid @ solution.x[moves : moves + count]),
        over,
    )


def _fitting(dual: Dual, point: Point, near: Near) -> tuple[Near, npt.NDArray[np.bool_]]:
    """Return the moves with changes cut to what can matter, and which of them fit the rows, [P]."""
    change, fits = near.change.copy(), np.ones(len(near.plan), dtype=bool)
    if not len(near.plan):
        return near, fits
    starts = np.flatnonzero(np.diff(near.group, prepend=-1))
    alone = ~dual.side.coupling.any(axis=1)
    for r in np.flatnonzero(alone):
        most = float(np.maximum.reduceat(np.maximum(change[:, r], 0.0), starts).sum())
        least = float(np.maximum.reduceat(np.maximum(-change[:, r], 0.0), starts).sum())
        slack = float(point.slack[r])
        rounding = TOLERANCE * (abs(slack) + least) + _NOTHING * abs(dual.program.limits[r])
        unfit = (change[:, r] > 0) & (change[:, r] > slack + least + rounding)
        fits &= ~unfit
        # Whoever saves so much keeps the row, whatever the others do.
        need = max(most - slack, 0.0) + rounding
        change[:, r] = np.maximum(np.where(unfit, 0.0, change[:, r]), -need)
    return replace(near, change=change), fits


def _binding(side: SidePart, point: Point, near: Near) -> IntArray:
    """Return the rows that some moves, or side columns, can make bind."""
    most = np.maximum(near.change, 0.0)
    room = np.zeros(len(point.prices))
    if len(most):
        starts = np.flatnonzero(np.diff(near.group, prepend=-1))
        room = np.maximum.reduceat(most, starts, axis=0).sum(axis=0)
    free = (point.prices == 0) & (point.slack >= room * (1 + 1e-9))
    free &= ~side.coupling.any(axis=1)
    return np.flatnonzero(~free)


def _cleaned(matrix: FloatArray) -> sparse.csr_array:
    return sparse.csr_array(np.where(np.abs(matrix) < _SMALLEST, 0.0, matrix))
