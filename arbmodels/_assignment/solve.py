"""Which engine solves a program."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np

from arbmodels._assignment.auxiliary_variables import solve_with_auxiliary_variables
from arbmodels._assignment.highs import least_with_highs, relax_with_highs, solve_with_highs
from arbmodels._assignment.multidimensional_knapsack import solve_multidimensional_knapsack
from arbmodels._assignment.multiple_choice_knapsack import solve_multiple_choice_knapsack
from arbmodels._assignment.pricing import totals
from arbmodels._assignment.program import (
    TOLERANCE,
    Answer,
    AssignmentProgram,
    Block,
    BoolArray,
    FloatArray,
    Status,
    dense,
    offered,
)
from arbmodels._assignment.robust import least_robust, protected_activity, solve_robust
from arbmodels._clock import clock
from arbmodels._solver import relative_gap
from arbmodels.errors import SolverError

#: What sums over many groups may be off by, as a share of the sizes of their terms.
_ROUNDING = 1e-11
#: Lower limits below this share of a row's coefficients are looked at.
_TINY = 1e-6
#: Protected programs of at most so many pairs of instance and plan are given to HiGHS in their
#: compact form, but for those of one row alone, where the engines bound all thresholds of an
#: interval at once; and the least of a protected row is looked for in it up to so many.
COMPACT, LEAST = 50_000, 300


def solve(program: AssignmentProgram, gap: float = 1e-6, time_limit: float = 60.0) -> Answer:
    """Return the best assignment found, its proven bound and the prices of the coupling rows.

    One row is priced by its breakpoints, several by Newton's method and small linear programs;
    integer auxiliary variables are decided by a master program around either; a row that is
    protected against deviations by a search over thresholds around all of them. Small programs go
    to HiGHS as they are. Rows hold by the rule of :data:`arbmodels._assignment.program.TOLERANCE`,
    whichever engine answers.

    Parameters
    ----------
    program : AssignmentProgram
    gap : float
        Relative gap to prove, abs(bound - objective) / max(abs(objective), 1e-12).
    time_limit : float
        Seconds, without those that compiling takes; then the best assignment so far.

    Returns
    -------
    Answer
        Its status is "optimal" if and only if the gap asked for is proven.

    Raises
    ------
    SolverError
        If the numbers cannot be solved with reliably, or no assignment was found in time.
    """
    start = clock()
    answer = solve_literally(_raised(program.loosened()), gap, time_limit)
    if answer.choice is None:
        return answer
    sign = program.sign
    bound = sign * max(sign * answer.bound, sign * answer.objective)
    closed = relative_gap(answer.objective, bound) <= gap
    if not closed and abs(bound - answer.objective) <= _ROUNDING * _size(program, answer):
        bound, closed = answer.objective, True  # the same sum in another order
    status: Status = answer.status
    if closed:
        status = "optimal"
    elif status != "interrupted":
        status = "time limit" if clock() - start >= 0.9 * time_limit else "unproven"
    # Per unit of the limits as they were given, where all terms of a row have one sign.
    prices = answer.prices * (1 - TOLERANCE * program.sense)
    return replace(answer, status=status, bound=bound, prices=prices)


def _raised(program: AssignmentProgram) -> AssignmentProgram:
    """Return the program with tiny lower limits at half the least that anything adds to the row.

    Whoever keeps them keeps these, and in double precision a limit of 1e-16 of a row's terms would
    vanish beside them.
    """
    limits = program.limits.astype(float)
    for r in np.flatnonzero((program.sense < 0) & (limits > 0)):
        beside = program.auxiliary is not None and program.auxiliary.coupling[r].any()
        if beside or limits[r] > _TINY * np.abs(program.rows[r]).max(initial=0.0):
            continue
        ends = program.source.map(_ends, program.rows[r], program.forbidden)
        if min(low for low, _ in ends) >= 0.0:
            least = min(positive for _, positive in ends)
            limits[r] = max(limits[r], 0.5 * least) if np.isfinite(least) else limits[r]
    return replace(program, limits=limits)


def _ends(block: Block, table: FloatArray, forbidden: BoolArray | None) -> tuple[float, float]:
    """Return the least coefficient of a row in a block, and the least that is positive."""
    kept = offered(block, table.shape[2], forbidden)
    values = dense(block, table)
    if block.weights is not None:
        values *= block.weights[:, None]
    values = values[kept]
    positive = float(values.min(initial=np.inf, where=values > 0))
    return float(values.min(initial=np.inf)), positive


def solve_literally(program: AssignmentProgram, gap: float, time_limit: float) -> Answer:
    """Solve with the limits as they are: the engine of programs that are part of another."""
    auxiliary = program.auxiliary
    if program.protected is not None:
        alone = len(program.limits) == 1 and auxiliary is None and program.protected.members is None
        if not alone and _pairs(program) <= COMPACT:
            return _solve_compact(program, gap, time_limit)
        return solve_robust(program, gap, time_limit, solve_literally).answer
    if auxiliary is not None and (auxiliary.integer.any() or auxiliary.needs.any()):
        return solve_with_auxiliary_variables(program, gap, time_limit)
    if auxiliary is None and len(program.limits) <= 1:
        return solve_multiple_choice_knapsack(program, gap, time_limit)
    return solve_multidimensional_knapsack(program, gap, time_limit)


def least_protected(
    program: AssignmentProgram, gap: float = 1e-6, time_limit: float = 60.0
) -> Answer:
    """Return the assignment at which the protected row is least, the other rows kept.

    The answer's objective is the row's left-hand side, deviations included, and its bound that
    than which no assignment needs less. Parameters and errors are those of :func:`solve`.
    """
    protected = program.protected
    assert protected is not None  # noqa: S101 - for the type checker
    loosened = program.loosened()
    if _pairs(program) <= LEAST:
        answer = least_with_highs(loosened, gap, time_limit)
    else:
        answer = least_robust(loosened, gap, time_limit, solve_literally)
    if answer.choice is None:
        return answer
    # What is said to be enough is so by the row's own numbers.
    return replace(answer, objective=protected_activity(program, answer.choice, answer.auxiliary))


def _pairs(program: AssignmentProgram) -> int:
    """Return the number of pairs of instance and plan."""
    protected = program.protected
    members = None if protected is None else protected.members
    return (program if members is None else members.source).groups * program.plans


def _solve_compact(program: AssignmentProgram, gap: float, time_limit: float) -> Answer:
    """Solve a protected program in HiGHS, with the prices of its relaxation."""
    start = clock()
    answer = solve_with_highs(program, gap, time_limit)
    if answer.choice is None:
        return answer
    left = max(time_limit - (clock() - start), 1.0)
    auxiliary = program.auxiliary
    if auxiliary is not None:  # prices are those at the integers chosen
        low = np.where(auxiliary.integer, answer.auxiliary, auxiliary.lower)
        high = np.where(auxiliary.integer, answer.auxiliary, auxiliary.upper)
        program = replace(program, auxiliary=replace(auxiliary, lower=low, upper=high))
    with suppress(SolverError):  # an answer without prices is better than none
        relaxed = relax_with_highs(program, left)
        if relaxed is not None:
            return replace(answer, prices=relaxed[0])
    return answer


def _size(program: AssignmentProgram, answer: Answer) -> float:
    """Return the sum of the sizes of the objective's terms."""
    assert answer.choice is not None  # noqa: S101 - for the type checker
    sums = np.abs(totals(program, answer.choice))
    size = float((np.abs(program.objective) * sums).sum())
    if program.auxiliary is not None:
        size += float(np.abs(program.auxiliary.objective) @ np.abs(answer.auxiliary))
    return size
