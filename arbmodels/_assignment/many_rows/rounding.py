"""Whole moves: a search that fits the rows, and the core as a mixed-integer program in HiGHS."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from arbmodels._assignment import passes
from arbmodels._assignment.many_rows.dual import Dual, Near, Point
from arbmodels._assignment.many_rows.relaxation import TOLERANCE, Relaxed, model, row_units
from arbmodels._assignment.passes import Choice, complete
from arbmodels._assignment.program import FloatArray
from arbmodels._solver import TOLERANCE as SOLVER_TOLERANCE
from arbmodels._solver import Program, solve
from arbmodels.errors import SolverError

#: Entries of the rows that the search looks at in all, about, if it goes as usual; a tenth of a
#: second. Where few moves fit the rows there are many more.
_WORK = 1e7
#: How many it looks at in a second, at least, and the seconds it may take, at least and at most.
_SPEED, _LEAST, _MOST = 1e8, 1.0, 5.0


@dataclass(frozen=True, eq=False)
class Candidate:
    """An assignment that satisfies the rows.

    Attributes
    ----------
    choice : int array [G]
    side : float array [E]
    worth : float
        Its objective, oriented to be maximised.
    """

    choice: Choice
    side: FloatArray
    worth: float


@dataclass(frozen=True, eq=False)
class Core:
    """What the core proves.

    Attributes
    ----------
    choice : int array [G] or None
        Of its best solution; None if it found none.
    ceiling : float
        No assignment made of moves in the core is worth more; minus infinity if none is feasible.
    ended : bool
        Whether the gap asked for is proven within the core.
    rounding : float
        HiGHS knows the objective no better.
    """

    choice: Choice | None
    ceiling: float
    ended: bool
    rounding: float = 0.0


def candidate(dual: Dual, choice: Choice) -> Candidate | None:
    """Add up an assignment over all groups; None if it does not keep the rows."""
    program = dual.program
    sums = passes.totals(program, choice)
    side = complete(program, choice, sums)
    if side is None:
        return None
    return Candidate(choice, side, program.sign * program.value_of(sums, side))


def searched(
    dual: Dual, point: Point, near: Near, found: Relaxed | None, enough: float, *, seconds: float
) -> Choice | None:
    """Return an assignment that fits the rows, near the relaxation's; None if the search fails.

    Side columns stand still meanwhile. ``enough`` is a worth at which it may stop; it also stops
    after some work, less if few seconds are left.
    """
    from arbmodels._assignment.many_rows.kernels import Options, settle

    units = row_units(dual, near)
    slack = point.slack / units
    current = np.full(len(near.positions), -1, np.int32)
    if found is not None:
        slack = slack - dual.side.coupling @ found.side / units
        for move in np.flatnonzero(found.moved > 0.5):
            current[near.group[move]] = move
            slack = slack - near.change[move] / units
    scale = float(np.abs(near.gain).max(initial=0.0)) or 1.0
    starts = np.searchsorted(near.group, np.arange(len(near.positions) + 1))
    base = dual.program.sign * dual.program.value_of(point.best.totals)
    work = int(_SPEED * np.clip(seconds, _LEAST, _MOST))
    kicks = int(np.clip(_WORK / max(near.change.size, 1), 10, 10_000))
    gained = settle(
        Options(starts, near.change / units, near.gain / scale),
        current,
        slack,
        (TOLERANCE / 10, (enough - base) / scale, kicks, work),
    )
    return None if gained == -np.inf else _moved(point, near, current)


def solve_core(dual: Dual, point: Point, near: Near, enough: float, time_limit: float) -> Core:
    """Solve the program over the given moves with HiGHS, to an absolute gap."""
    written = model(dual, point, near, None)
    wanted = enough / written.worth
    # HiGHS stops at gaps relative to the objective, so a constant is added to it.
    constant = 1e3 * max(wanted, 1.0)
    try:
        solution = solve(
            _shifted(written.program, -constant),
            gap=wanted / (1.1 * constant),
            time_limit=time_limit,
        )
    except SolverError:
        return Core(None, np.inf, ended=False)  # nothing found in time
    if solution.status == "infeasible":
        return Core(None, -np.inf, ended=True)
    if solution.status == "unbounded":
        return Core(None, np.inf, ended=True)
    ceiling = written.base + (solution.bound + constant) * written.worth
    current = np.full(len(near.positions), -1, np.int32)
    moves = np.flatnonzero(solution.x[: len(near.plan)] > 0.5)
    current[near.group[moves]] = moves
    choice = _moved(point, near, current)
    rounding = 10 * SOLVER_TOLERANCE * written.worth
    return Core(choice, ceiling, ended=solution.status == "optimal", rounding=rounding)


def _shifted(program: Program, constant: float) -> Program:
    """Add a constant to the objective, as a column that is one."""
    rows = program.matrix.shape[0]
    matrix = sparse.hstack([program.matrix, sparse.csr_array((rows, 1))], format="csr")
    integer = program.integer
    return replace(
        program,
        cost=np.append(program.cost, constant),
        matrix=sparse.csr_array(matrix),
        column_lower=np.append(program.column_lower, 1.0),
        column_upper=np.append(program.column_upper, 1.0),
        integer=None if integer is None or not integer.any() else np.append(integer, False),
    )


def _moved(point: Point, near: Near, current: Choice) -> Choice:
    """Return the assignment after moves, one index or minus one for every group that may move."""
    choice = point.best.choice.copy()
    moving = np.flatnonzero(current >= 0)
    choice[near.positions[moving]] = near.plan[current[moving]]
    return choice
