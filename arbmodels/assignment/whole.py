"""The whole program in HiGHS: the judge of small programs, and the core of large ones."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np
import numpy.typing as npt
from scipy import sparse

from arbmodels.assignment.answer import Answer
from arbmodels.assignment.passes import Choice, totals
from arbmodels.assignment.program import (
    FEASIBILITY_TOLERANCE,
    AssignmentProgram,
    dense,
    offered,
)
from arbmodels.assignment.source import Arrays, Block, BoolArray, FloatArray
from arbmodels.errors import SolverError
from arbmodels.solver import SMALLEST_COEFFICIENT, Program, solve

#: HiGHS is exact to about this share of the largest coefficient of the objective.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Listed:
    """A program written out pair by pair.

    Attributes
    ----------
    program : Program
        Columns: the offered pairs in the order of groups and plans, then the side columns. Rows:
        one per group, then the coupling rows, then those of the side columns. Objective and
        coupling rows are divided by their scales.
    group, plan : int array
        Of every pair.
    value_scale : float
    row_scale : float array [R]
    """

    program: Program
    group: npt.NDArray[np.int64]
    plan: npt.NDArray[np.int64]
    value_scale: float
    row_scale: FloatArray


def everything(program: AssignmentProgram) -> Block:
    """Return all groups as one block."""
    if isinstance(program.source, Arrays):
        return program.source.block
    return program.source.take(np.arange(program.groups))


def listed(
    program: AssignmentProgram,
    *,
    integer: bool = True,
    kept: BoolArray | None = None,
    every: bool = False,
) -> Listed:
    """Write a program out; of ``kept`` pairs [G, J] only, if given.

    Without pairs that no assignment of whole plans can have at these limits, if ``integer`` and
    not ``every``.
    """
    block = everything(program)
    allowed = offered(block, program.plans, program.forbidden)
    if kept is not None:
        allowed &= kept
    if integer and not every:
        allowed &= _possible(program, block, allowed)
    group, plan = np.nonzero(allowed)
    weights = np.ones(block.size) if block.weights is None else block.weights
    weight = weights[group]
    count, rows = len(group), len(program.limits)
    value = weight * dense(block, program.objective)[group, plan]
    coupling = np.array([weight * dense(block, row)[group, plan] for row in program.rows])
    coupling = coupling.reshape(rows, count)
    if integer and not every:
        _clip(program, coupling, group)
    side = program.side
    extra = 0 if side is None else len(side.names)
    beside = np.zeros((rows, 0)) if side is None else side.coupling
    value_scale = float(np.abs(value).max(initial=0.0)) or 1.0
    largest = np.abs(coupling).max(axis=1, initial=0.0)
    row_scale = np.where(largest > 0, largest, 1.0)
    limits = program.limits / row_scale
    scaled = coupling / row_scale[:, None]
    # HiGHS takes nothing smaller; all of them together are far below the tolerance of a row.
    scaled[np.abs(scaled) < SMALLEST_COEFFICIENT] = 0.0
    one_each = sparse.csr_array(
        (np.ones(count), (group, np.arange(count))), shape=(block.size, count)
    )
    parts: list[list[sparse.sparray | None]] = [
        [one_each, sparse.csr_array((block.size, extra))],
        [
            sparse.csr_array(scaled),
            sparse.csr_array(beside / row_scale[:, None]),
        ],
    ]
    lower = [np.ones(block.size), np.where(program.sense > 0, -np.inf, limits)]
    upper = [np.ones(block.size), np.where(program.sense > 0, limits, np.inf)]
    costs, lows, highs = [value], [np.zeros(count)], [np.ones(count)]
    whole = [np.full(count, integer)]
    if side is not None:
        costs.append(side.objective)
        lows.append(side.lower)
        highs.append(side.upper)
        whole.append(side.integer & integer)
        parts.append([sparse.csr_array((side.matrix.shape[0], count)), side.matrix])
        lower.append(side.row_lower)
        upper.append(side.row_upper)
        # x <= y, once for all pairs of a group that need the same column: they exclude each other.
        for e in np.flatnonzero(side.needs.any(axis=0)):
            needing = np.flatnonzero(side.needs[plan, e])
            users, position = np.unique(group[needing], return_inverse=True)
            shape = (len(users), count)
            parts.append(
                [
                    sparse.csr_array((np.ones(len(needing)), (position, needing)), shape=shape),
                    sparse.csr_array(
                        (-np.ones(len(users)), (np.arange(len(users)), np.full(len(users), e))),
                        shape=(len(users), extra),
                    ),
                ]
            )
            lower.append(np.full(len(users), -np.inf))
            upper.append(np.zeros(len(users)))
    integers = np.concatenate(whole)
    written = Program(
        np.concatenate(costs) / value_scale,
        sparse.csr_array(sparse.block_array(parts, format="csr")),
        np.concatenate(lower),
        np.concatenate(upper),
        np.concatenate(lows),
        np.concatenate(highs),
        integers if integers.any() else None,
        program.maximise,
    )
    return Listed(written, group, plan, value_scale, row_scale)


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
        slack = sense * limit - least.sum()
        if program.side is not None and program.side.coupling[r].any():
            beside = sense * program.side.coupling[r]
            bounds = np.where(beside > 0, program.side.lower, program.side.upper)
            used = beside != 0
            slack -= beside[used] @ bounds[used]
        if slack >= 0:  # otherwise nothing fits, for HiGHS to say
            rounding = 1e-9 * (abs(limit) + np.abs(least).sum())
            possible &= use - least[:, None] <= slack + rounding
    return possible


def _clip(program: AssignmentProgram, coupling: FloatArray, group: npt.NDArray[np.int64]) -> None:
    """Cut what is more than enough for a lower limit, which would coarsen the row's scale."""
    for r in np.flatnonzero(program.sense < 0):
        if program.side is not None and program.side.coupling[r].any():
            continue
        least = np.full(program.groups, np.inf)
        np.minimum.at(least, group, coupling[r])
        missing = program.limits[r] - least[np.isfinite(least)].sum()
        if missing > 0:
            np.minimum(coupling[r], least[group] + missing, out=coupling[r])


def relax_whole(program: AssignmentProgram, time_limit: float) -> tuple[FloatArray, float] | None:
    """Return prices [R] and value of the linear relaxation; None if it is infeasible."""
    written = listed(program, integer=False)
    solution = solve(written.program, time_limit=time_limit)
    if solution.status == "infeasible":
        return None
    if solution.status != "optimal" or solution.row_dual is None:
        raise SolverError(
            f"The linear relaxation ended with status {solution.status!r} after"
            f" {solution.time:.1f} s; raise time_limit."
        )
    # Duals are changes of the scaled objective per unit of the scaled right-hand side.
    first = program.groups
    dual = solution.row_dual[first : first + len(program.limits)] * program.sense * program.sign
    dual = np.where(dual > 1e-9, dual, 0.0)
    return dual * written.value_scale / written.row_scale, solution.objective * written.value_scale


def solve_whole(program: AssignmentProgram, gap: float, time_limit: float) -> Answer:
    """Give all of it to HiGHS; prices are zero, ask :func:`relax_whole` for them."""
    start = perf_counter()
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
    left = time_limit - (perf_counter() - start)
    finer = _solve_listed(program, again, gap, left) if left > 0 else answer
    return finer if finer.status == "optimal" else answer


def _worthwhile(program: AssignmentProgram, objective: float) -> BoolArray:
    """Return pairs [G, J] that an assignment better than an objective may have, rows apart."""
    block = everything(program)
    allowed = offered(block, program.plans, program.forbidden)
    weights = np.ones(block.size) if block.weights is None else block.weights
    worth = program.sign * weights[:, None] * dense(block, program.objective)
    worth = np.where(allowed, worth, -np.inf)
    best = worth.max(axis=1)
    most = float(best.sum())
    if program.side is not None:
        gains = program.sign * program.side.objective
        bounds = np.where(gains > 0, program.side.upper, program.side.lower)
        most += float(gains[gains != 0] @ bounds[gains != 0])
    spare = most - program.sign * objective
    kept: BoolArray = best[:, None] - worth <= spare + _ROUNDING * (np.abs(best).sum() + abs(spare))
    return kept & allowed


def _solve_listed(
    program: AssignmentProgram, written: Listed, gap: float, time_limit: float
) -> Answer:
    nothing = np.zeros(len(program.limits))
    if (np.bincount(written.group, minlength=program.groups) == 0).any():  # no pair is possible
        return Answer("infeasible", None, float("nan"), float("nan"), nothing)
    solution = solve(written.program, gap=gap, time_limit=time_limit, keep=True)
    if solution.status == "infeasible":
        return Answer("infeasible", None, float("nan"), float("nan"), nothing)
    if solution.status == "unbounded":
        raise SolverError("The program is unbounded; every side column needs bounds.")
    count = len(written.group)
    x = np.full((program.groups, program.plans), -1.0)
    x[written.group, written.plan] = solution.x[:count]
    choice = x.argmax(axis=1).astype(np.int32)
    side = solution.x[count:]
    if program.side is not None:
        side = np.where(program.side.integer, np.rint(side), side)
    sums = totals(program, choice)
    if not holds(program, program.activity_of(sums, side), written.row_scale).all():
        raise SolverError(
            "HiGHS returned an assignment that violates a constraint by more than"
            f" {FEASIBILITY_TOLERANCE:g} of its largest coefficient; rescale costs."
        )
    objective = program.value_of(sums, side)
    return Answer(
        solution.status,
        choice,
        objective,
        solution.bound * written.value_scale,
        nothing,
        side,
    )


def holds(program: AssignmentProgram, activity: FloatArray, row_scale: FloatArray) -> BoolArray:
    """Return which coupling rows hold within :data:`FEASIBILITY_TOLERANCE`, [R]."""
    held: BoolArray = (
        program.sense * (activity - program.limits) <= FEASIBILITY_TOLERANCE * row_scale
    )
    return held


__all__ = ["Choice", "Listed", "everything", "holds", "listed", "relax_whole", "solve_whole"]
