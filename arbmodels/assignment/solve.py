"""Which engine solves a program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

from arbmodels.assignment.answer import Answer, Status
from arbmodels.assignment.many_rows.engine import solve_many_rows
from arbmodels.assignment.one_row.engine import solve_one_row
from arbmodels.assignment.program import AssignmentProgram
from arbmodels.assignment.side.engine import solve_with_side
from arbmodels.solver import relative_gap

#: What sums over many groups may be off by, as a share of the result.
_ROUNDING = 1e-11


def solve(program: AssignmentProgram, gap: float = 1e-6, time_limit: float = 60.0) -> Answer:
    """Return the best assignment found, its proven bound and the prices of the coupling rows.

    One row is priced by its breakpoints, several by Newton's method and small linear programs;
    integer side columns are decided by a master program around either. Small programs go to HiGHS
    as they are.

    Parameters
    ----------
    program : AssignmentProgram
    gap : float
        Relative gap to prove, abs(bound - objective) / max(abs(objective), 1e-12).
    time_limit : float
        Seconds; then the best assignment so far.

    Returns
    -------
    Answer
        Its status says whether the gap asked for is proven.

    Raises
    ------
    SolverError
        If the numbers cannot be solved with reliably, or no assignment was found in time.
    """
    start = perf_counter()
    answer = _engine(program)(program, gap, time_limit)
    if answer.choice is None:
        return answer
    status: Status = answer.status
    if relative_gap(answer.objective, answer.bound) <= gap or _same(answer):
        status = "optimal"
    elif status != "interrupted":
        status = "time limit" if perf_counter() - start >= 0.9 * time_limit else "unproven"
    return replace(answer, status=status)


def _engine(program: AssignmentProgram) -> Callable[[AssignmentProgram, float, float], Answer]:
    side = program.side
    if side is not None and (side.integer.any() or side.needs.any()):
        return solve_with_side
    if side is None and len(program.limits) <= 1:
        return solve_one_row
    return solve_many_rows


def _same(answer: Answer) -> bool:
    """Whether objective and bound differ by rounding only: no gap of zero is proven closer."""
    size = max(abs(answer.objective), abs(answer.bound), 1e-3)
    return abs(answer.objective - answer.bound) <= _ROUNDING * size
