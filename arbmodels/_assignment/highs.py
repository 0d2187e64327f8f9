"""Assignment programs given to HiGHS as they are: small ones, and those of protected rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from arbmodels._assignment.pricing import totals
from arbmodels._assignment.program import (
    SPAN,
    TOLERANCE,
    UNBOUNDED,
    Answer,
    AssignmentProgram,
    AuxiliaryVariables,
    Block,
    BoolArray,
    Choice,
    Deviations,
    FloatArray,
    dense,
    everything,
    offered,
)
from arbmodels._assignment.robust import activity_at, deviations_of, protected_activity
from arbmodels._clock import clock
from arbmodels._solver import SMALLEST_COEFFICIENT, Program, Solution, solve
from arbmodels.errors import SolverError

#: Group and plan of some columns.
Pairs = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]

#: HiGHS is exact to about this share of the largest coefficient of the objective.
_ROUNDING = 1e-9
#: The rounding of its sums in double precision.
_DOUBLE = 1e-14
#: How often rows are scaled anew where HiGHS missed them by more than the rule of feasibility
#: allows: its tolerance is a share of the largest coefficient, however little of it is used.
_RESCALED = 3
#: HiGHS takes larger right-hand sides for infinite; no sum of scaled rows comes near them.
_MOST = 1e15


@dataclass(frozen=True, eq=False)
class Listed:
    """A program written out pair by pair.

    Attributes
    ----------
    program : Program
        Columns: the offered pairs in the order of groups and plans, then the auxiliary variables,
        then those of :func:`_reserve`. Rows: one per group, then the coupling rows, then those of
        the auxiliary variables, what they open, and those of the reserve. With units r of rows and
        c of columns, A_kl is written as A_kl c_l / r_k, and a cost d_l as d_l c_l over the value
        scale.
    group, plan : int array
        Of every pair.
    value_scale : float
    row_units, column_units : float array [rows], [columns]
        What every row is divided by, and of how many units of its own a column is one.
    members : int array
        Instances that have a column and a row of the reserve; none without a protected row.
    """

    program: Program
    group: npt.NDArray[np.int64]
    plan: npt.NDArray[np.int64]
    value_scale: float
    row_units: FloatArray
    column_units: FloatArray
    members: npt.NDArray[np.int64]

    def scales(self, program: AssignmentProgram) -> FloatArray:
        """Return what the coupling rows are divided by, [R]."""
        return self.row_units[program.groups :][: len(program.limits)]


def listed(
    program: AssignmentProgram,
    *,
    integer: bool = True,
    kept: BoolArray | None = None,
    every: bool = False,
    units: FloatArray | None = None,
) -> Listed:
    """Write a program out; of ``kept`` pairs [G, J] only, if given.

    Without pairs that no assignment of whole plans can have at these limits, if ``integer`` and
    not ``every``. Rows are scaled by their largest coefficients, or by ``units`` [R] if less.
    """
    block = everything(program)
    allowed = offered(block, program.plans, program.forbidden)
    if kept is not None:
        allowed &= kept
    if integer and not every:
        allowed &= _possible(program, block, allowed)
    group, plan = np.nonzero(allowed)
    pairs = group, plan
    weights = np.ones(block.size) if block.weights is None else block.weights
    weight = weights[group]
    count, rows = len(group), len(program.limits)
    value = weight * dense(block, program.objective)[group, plan]
    coupling = np.array([weight * dense(block, row)[group, plan] for row in program.rows])
    coupling = coupling.reshape(rows, count)
    if integer and not every:
        _clip(program, coupling, group)
    auxiliary = program.auxiliary
    value_scale = float(np.abs(value).max(initial=0.0))
    largest = np.abs(coupling).max(axis=1, initial=0.0)
    protected, spread = program.protected, np.zeros((0, program.plans))
    if protected is not None:
        spread = np.where(_of_members(protected, allowed), deviations_of(program, protected), 0.0)
        largest[protected.row] = max(largest[protected.row], spread.max(initial=0.0))
    row_scale = _scales(largest, np.abs(program.limits), units)
    limits = program.limits / row_scale
    limits = np.where(np.isfinite(limits), np.clip(limits, -_MOST, _MOST), limits)
    scaled = coupling / row_scale[:, None]
    # HiGHS takes nothing smaller; all of them together are far below the tolerance of a row.
    scaled[np.abs(scaled) < SMALLEST_COEFFICIENT] = 0.0
    one_each = sparse.csr_array(
        (np.ones(count), (group, np.arange(count))), shape=(block.size, count)
    )
    ones = np.ones(block.size)
    coupled: list[sparse.csr_array] = [sparse.csr_array(scaled)]
    one = np.ones(count)
    columns = [_Columns(value, np.zeros(count), one, np.full(count, integer), one)]
    further: list[_Rows] = []
    if auxiliary is not None:
        auxiliary, row_units, column_units = _in_natural_units(
            auxiliary, row_scale, (largest == 0) & (program.limits == 0)
        )
        value_scale = value_scale or float(np.abs(auxiliary.objective).max(initial=0.0))
        coupled.append(sparse.csr_array(auxiliary.coupling))
        integral = auxiliary.integer & integer
        columns.append(
            _Columns(auxiliary.objective, auxiliary.lower, auxiliary.upper, integral, column_units)
        )
        further += _beside(auxiliary, pairs, row_units)
    members = np.flatnonzero((spread > 0).any(axis=1))
    if protected is not None:
        unit = float(row_scale[protected.row])
        kept_back, kept_columns, kept_rows = _reserve(
            program, members, spread[members], unit, pairs
        )
        coupled.append(kept_back)
        columns.append(kept_columns)
        further.append(kept_rows)
    every_row = [
        _Rows([one_each], ones, ones, ones),
        _Rows(
            coupled,
            np.where(program.sense > 0, -np.inf, limits),
            np.where(program.sense > 0, limits, np.inf),
            row_scale,
        ),
        *further,
    ]
    return Listed(
        _assembled(columns, every_row, value_scale or 1.0, maximize=program.maximize),
        group,
        plan,
        value_scale or 1.0,
        np.concatenate([each.units for each in every_row]),
        np.concatenate([each.units for each in columns]),
        members,
    )


class _Columns(NamedTuple):
    """Some columns: cost, bounds, whether they are whole numbers, and their units."""

    cost: FloatArray
    lower: FloatArray
    upper: FloatArray
    integer: BoolArray
    units: FloatArray


class _Rows(NamedTuple):
    """Some rows: their parts in the first kinds of columns, their sides, and their units."""

    parts: list[sparse.csr_array]
    lower: FloatArray
    upper: FloatArray
    units: FloatArray


def _assembled(
    columns: list[_Columns], rows: list[_Rows], value_scale: float, *, maximize: bool
) -> Program:
    """Return the program of some kinds of columns and rows; parts that are left out are zero."""
    widths = [len(each.cost) for each in columns]
    matrix = [
        each.parts
        + [sparse.csr_array((len(each.lower), width)) for width in widths[len(each.parts) :]]
        for each in rows
    ]
    cost, lower, upper, integer, _ = (np.concatenate(each) for each in zip(*columns, strict=True))
    return Program(
        cost / value_scale,
        sparse.csr_array(sparse.block_array(matrix, format="csr")),
        np.concatenate([each.lower for each in rows]),
        np.concatenate([each.upper for each in rows]),
        lower,
        upper,
        integer if integer.any() else None,
        maximize,
    )


def _scales(largest: FloatArray, sizes: FloatArray, units: FloatArray | None) -> FloatArray:
    """Return what rows are divided by, [R]: their largest coefficients, or units if smaller."""
    scale = np.where(largest > 0, largest, np.where(np.isfinite(sizes), sizes, 0.0))
    scale = np.where(scale > 0, scale, 1.0)
    if units is not None:
        scale = np.where(units > 0, np.minimum(scale, units), scale)
    return scale


def _in_natural_units(
    auxiliary: AuxiliaryVariables, row_scale: FloatArray, empty: BoolArray
) -> tuple[AuxiliaryVariables, FloatArray, FloatArray]:
    """Return auxiliary variables with coefficients of order one; the units of rows and variables.

    A column of dollars has 1e-7 for its coefficients beside spends of 1e7, where HiGHS would take
    its cost for zero. Whole numbers stay as they are. Coupling rows that are ``empty`` of pairs
    say nothing of a column's unit; their scales are set here, in ``row_scale``.
    """
    coupling = auxiliary.coupling / row_scale[:, None]
    inner = np.abs(auxiliary.matrix.toarray())
    size = np.abs(coupling[~empty]).max(axis=0, initial=0.0)
    size = np.where(size > 0, size, np.abs(coupling).max(axis=0, initial=0.0))
    size = np.where(size > 0, size, inner.max(axis=0, initial=0.0))
    columns = 1.0 / np.where(auxiliary.integer | (size <= 0), 1.0, size)
    alone = np.abs(auxiliary.coupling * columns).max(axis=1, initial=0.0)
    row_scale[empty] = np.where(alone > 0, alone, 1.0)[empty]
    coupling = auxiliary.coupling / row_scale[:, None]
    rows = (inner * columns).max(axis=1, initial=0.0)
    rows = np.where(rows > 0, rows, 1.0)
    matrix = sparse.diags_array(1.0 / rows) @ auxiliary.matrix @ sparse.diags_array(columns)
    scaled = replace(
        auxiliary,
        objective=auxiliary.objective * columns,
        coupling=coupling * columns,
        lower=auxiliary.lower / columns,
        upper=auxiliary.upper / columns,
        matrix=sparse.csr_array(matrix),
        row_lower=auxiliary.row_lower / rows,
        row_upper=auxiliary.row_upper / rows,
    )
    return scaled, rows, columns


def _beside(auxiliary: AuxiliaryVariables, pairs: Pairs, units: FloatArray) -> list[_Rows]:
    """Return the rows of auxiliary variables alone, then what they open.

    x <= y, once for all pairs of a group that need the same column.
    """
    group, plan = pairs
    nothing = sparse.csr_array((auxiliary.matrix.shape[0], len(group)))
    found = [_Rows([nothing, auxiliary.matrix], auxiliary.row_lower, auxiliary.row_upper, units)]
    for e in np.flatnonzero(auxiliary.needs.any(axis=0)):
        needing = np.flatnonzero(auxiliary.needs[plan, e])
        users, position = np.unique(group[needing], return_inverse=True)
        count = len(users)
        left = (np.ones(len(needing)), (position, needing))
        right = (-np.ones(count), (np.arange(count), np.full(count, e)))
        parts = [
            sparse.csr_array(left, shape=(count, len(group))),
            sparse.csr_array(right, shape=(count, len(auxiliary.names))),
        ]
        found.append(_Rows(parts, np.full(count, -np.inf), np.zeros(count), np.ones(count)))
    return found


def _reserve(
    program: AssignmentProgram,
    members: npt.NDArray[np.int64],
    spread: FloatArray,
    unit: float,
    pairs: Pairs,
) -> tuple[sparse.csr_array, _Columns, _Rows]:
    r"""Return what a protected row keeps in reserve: its part of the rows, columns and own rows.

    With z and one q for every instance that may deviate, all in units of the protected row,

    .. math::
        \sum a x + \Gamma z + \sum_i q_i \le b, \qquad
        \sum_j w_i d_{ij} x_{ij} \le z + q_i, \qquad z, q \ge 0

    is the row at its worst (the compact counterpart of Bertsimas and Sim 2004).

    Parameters
    ----------
    program : AssignmentProgram
        With a protected row.
    members : int array [P]
        Instances that may deviate.
    spread : float array [P, J]
        Their w d.
    unit : float
        Of the protected row.
    pairs : (int array, int array)
        Group and plan of every column.
    """
    protected = program.protected
    assert protected is not None  # noqa: S101 - for the type checker
    group, plan = pairs
    owner = members if protected.members is None else protected.members.group[members]
    count, size = len(group), len(members)
    first = np.searchsorted(group, owner)
    last = np.searchsorted(group, owner, side="right")
    lengths = last - first
    row = np.repeat(np.arange(size), lengths)
    column = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths - first, lengths)
    values = spread[row, plan[column]] / unit
    values[values < SMALLEST_COEFFICIENT] = 0.0
    used = values != 0
    left = sparse.csr_array((values[used], (row[used], column[used])), shape=(size, count))
    auxiliary = program.auxiliary
    beside = [] if auxiliary is None else [sparse.csr_array((size, len(auxiliary.names)))]
    right = sparse.hstack([-np.ones((size, 1)), -sparse.identity(size)], format="csr")
    further = _Rows(
        [left, *beside, sparse.csr_array(right)],
        np.full(size, -np.inf),
        np.zeros(size),
        np.full(size, unit),
    )
    reserve = np.append(protected.gamma, np.ones(size))
    at = np.full(size + 1, protected.row), np.arange(size + 1)
    shape = len(program.limits), size + 1
    nothing = np.zeros(size + 1)
    upper, units = np.full(size + 1, np.inf), np.full(size + 1, unit)
    columns = _Columns(nothing, nothing, upper, nothing > 0, units)
    return sparse.csr_array((reserve, at), shape=shape), columns, further


def _of_members(protected: Deviations, pairs: BoolArray) -> BoolArray:
    """Return pairs of group and plan [G, J] as pairs of instance and plan [N, J]."""
    return pairs if protected.members is None else pairs[protected.members.group]


def _of_groups(program: AssignmentProgram, protected: Deviations) -> FloatArray:
    """Return the largest deviation of an instance of every group, [G, J]."""
    spread = deviations_of(program, protected)
    if protected.members is None:
        return spread
    largest = np.zeros((program.groups, program.plans))
    np.maximum.at(largest, protected.members.group, spread)
    return largest


def _possible(program: AssignmentProgram, block: Block, allowed: BoolArray) -> BoolArray:
    """Return the pairs that fit every row even if all other groups use least of it, [G, J].

    What cannot be bought within a budget would only spoil the scale of its row.
    """
    possible = allowed.copy()
    weights = np.ones(block.size) if block.weights is None else block.weights
    for r, (row, sense, limit) in enumerate(
        zip(program.rows, program.sense, program.limits, strict=True)
    ):
        use = np.where(allowed, sense * weights[:, None] * dense(block, row), np.inf)
        least = use.min(axis=1)
        protected = program.protected
        if protected is not None and protected.row == r:
            # One instance alone may deviate.
            use = use + min(protected.gamma, 1.0) * _of_groups(program, protected)
        slack = sense * limit - least.sum()
        if program.auxiliary is not None and program.auxiliary.coupling[r].any():
            beside = sense * program.auxiliary.coupling[r]
            bounds = np.where(beside > 0, program.auxiliary.lower, program.auxiliary.upper)
            used = beside != 0
            slack -= beside[used] @ bounds[used]
        if slack >= 0:  # otherwise nothing fits, for HiGHS to say
            rounding = TOLERANCE * (abs(limit) + np.abs(least).sum())
            possible &= use - least[:, None] <= slack + rounding
    return possible


def _clip(program: AssignmentProgram, coupling: FloatArray, group: npt.NDArray[np.int64]) -> None:
    """Cut what is more than enough for a lower limit, which would coarsen the row's scale."""
    for r in np.flatnonzero(program.sense < 0):
        if program.auxiliary is not None and program.auxiliary.coupling[r].any():
            continue
        least = np.full(program.groups, np.inf)
        np.minimum.at(least, group, coupling[r])
        missing = program.limits[r] - least[np.isfinite(least)].sum()
        if missing > 0:
            np.minimum(coupling[r], least[group] + missing, out=coupling[r])


def relax_with_highs(
    program: AssignmentProgram, time_limit: float
) -> tuple[FloatArray, float] | None:
    """Return prices [R] and value of the linear relaxation; None if it is infeasible."""
    written = listed(program, integer=False)
    solution = solve(written.program, time_limit=time_limit)
    if solution.status == "infeasible":
        return None
    if solution.status != "optimal" or solution.row_dual is None:
        raise SolverError(_late(solution))
    # Duals are changes of the scaled objective per unit of the scaled right-hand side.
    first = program.groups
    dual = solution.row_dual[first : first + len(program.limits)] * program.sense * program.sign
    dual = np.where(dual > 1e-9, dual, 0.0)
    prices = dual * written.value_scale / written.scales(program)
    return prices, solution.objective * written.value_scale


def solve_with_highs(program: AssignmentProgram, gap: float, time_limit: float) -> Answer:
    """Give all of it to HiGHS; prices are zero, ask :func:`relax_with_highs` for them."""
    start = clock()
    written = listed(program)
    answer = _solve_listed(program, written, gap, time_limit)
    if answer.choice is None or answer.status != "optimal":
        return answer
    if written.value_scale * _ROUNDING <= gap * abs(answer.objective):
        return answer
    # The largest values hide the small ones; those that only lead to worse assignments may go.
    again = listed(program, kept=_worthwhile(program, answer.objective))
    if again.value_scale > 0.1 * written.value_scale:
        return answer
    left = time_limit - (clock() - start)
    finer = _solve_listed(program, again, gap, left) if left > 0 else answer
    return finer if finer.status == "optimal" else answer


def _worthwhile(program: AssignmentProgram, objective: float) -> BoolArray:
    """Return pairs [G, J] that an assignment better than an objective may have, rows apart."""
    block = everything(program)
    allowed = offered(block, program.plans, program.forbidden)
    weights = np.ones(block.size) if block.weights is None else block.weights
    value = program.sign * weights[:, None] * dense(block, program.objective)
    value = np.where(allowed, value, -np.inf)
    best = value.max(axis=1)
    most = float(best.sum())
    if program.auxiliary is not None:
        gains = program.sign * program.auxiliary.objective
        bounds = np.where(gains > 0, program.auxiliary.upper, program.auxiliary.lower)
        most += float(gains[gains != 0] @ bounds[gains != 0])
    spare = most - program.sign * objective
    kept: BoolArray = best[:, None] - value <= spare + _ROUNDING * (np.abs(best).sum() + abs(spare))
    return kept & allowed


def _solve_listed(
    program: AssignmentProgram, written: Listed, gap: float, time_limit: float
) -> Answer:
    nothing = np.zeros(len(program.limits))
    none = Answer("infeasible", None, float("nan"), float("nan"), nothing)
    deadline = clock() + time_limit
    for _ in range(_RESCALED + 1):
        if (np.bincount(written.group, minlength=program.groups) == 0).any():
            return none  # a group is left without a possible pair
        left = max(deadline - clock(), 0.01 * time_limit)
        solution = solve(written.program, gap=gap, time_limit=left, keep=True)
        if solution.status == "infeasible":
            return none
        if solution.status == "unbounded":
            raise SolverError(UNBOUNDED)
        choice, auxiliary = _read(program, written, solution.x)
        sums = totals(program, choice)
        missed = program.sense * (activity_at(program, choice, sums, auxiliary) - program.limits)
        allowed = program.tolerated(sums, auxiliary)
        if (missed <= allowed).all():
            objective = program.value_of(sums, auxiliary)
            bound = solution.bound * written.value_scale
            if abs(bound - objective) <= _DOUBLE * written.value_scale:
                bound = objective
            return Answer(solution.status, choice, objective, bound, nothing, auxiliary)
        # Scaled by what is used of it, a row cannot be missed by a share of what is not.
        units = np.where(missed > allowed, allowed / TOLERANCE, 0.0)
        kept = np.zeros((program.groups, program.plans), dtype=bool)
        kept[written.group, written.plan] = True
        written = listed(program, kept=kept, units=units)
    raise SolverError(f"HiGHS misses a limit by more than a share of {TOLERANCE:g}: {SPAN}")


def _read(program: AssignmentProgram, written: Listed, x: FloatArray) -> tuple[Choice, FloatArray]:
    """Return plans [G] and auxiliary variables [E] of a solution."""
    count = len(written.group)
    values = np.full((program.groups, program.plans), -1.0)
    values[written.group, written.plan] = x[:count]
    auxiliary = x[count:]
    if program.auxiliary is None:
        auxiliary = auxiliary[:0]
    else:
        end = len(program.auxiliary.names)
        auxiliary = auxiliary[:end] * written.column_units[count : count + end]
        auxiliary = np.where(program.auxiliary.integer, np.rint(auxiliary), auxiliary)
    return values.argmax(axis=1).astype(np.int32), auxiliary


def least_with_highs(program: AssignmentProgram, gap: float, time_limit: float) -> Answer:
    """Return the assignment at which the protected row is least, and a bound on what it is then.

    The row's own limit and the objective do not matter.
    """
    free, written = _for_the_row(program, integer=True)
    answer = _solve_listed(free, written, gap, time_limit)
    if answer.choice is None:
        return answer
    return replace(answer, objective=protected_activity(program, answer.choice, answer.auxiliary))


def least_relaxed(program: AssignmentProgram, time_limit: float) -> float | None:
    """Return the least of the protected row in the linear relaxation; None if it is infeasible."""
    written = _for_the_row(program, integer=False)[1]
    solution = solve(written.program, time_limit=time_limit)
    if solution.status == "infeasible":
        return None
    if solution.status != "optimal":
        raise SolverError(_late(solution))
    return solution.objective * written.value_scale


def _for_the_row(program: AssignmentProgram, *, integer: bool) -> tuple[AssignmentProgram, Listed]:
    """Return the program without the protected row's limit, and with the row to be minimised."""
    protected = program.protected
    assert protected is not None  # noqa: S101 - for the type checker
    limits = program.limits.astype(float)
    limits[protected.row] = np.inf
    free = replace(program, limits=limits)
    written = listed(free, integer=integer)
    row = written.program.matrix[[program.groups + protected.row]].toarray()[0]
    goal = replace(written.program, cost=row, maximize=False)
    scale = float(written.scales(program)[protected.row])
    return free, replace(written, program=goal, value_scale=scale)


def _late(solution: Solution) -> str:
    return (
        f"The linear relaxation ended with status {solution.status!r} after {solution.time:.1f} s;"
        " raise time_limit."
    )


__all__ = [
    "Choice",
    "Listed",
    "least_relaxed",
    "least_with_highs",
    "listed",
    "relax_with_highs",
    "solve_with_highs",
]
