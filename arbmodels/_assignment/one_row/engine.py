"""Assignment programs with one coupling row, or none: exact price, proven bound, integer core."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from arbmodels._assignment import passes
from arbmodels._assignment.one_row.combinations import Closer, Near, by_counting, closer
from arbmodels._assignment.one_row.relaxation import MOST, Grid, Relaxed, Rows, relax
from arbmodels._assignment.passes import Choice
from arbmodels._assignment.program import SPAN, AssignmentProgram, Block, FloatArray, IntArray
from arbmodels._assignment.solution import Answer, Status, Step
from arbmodels._clock import clock
from arbmodels._solver import relative_gap
from arbmodels.errors import SolverError

#: Relative gaps below this are rounding in sums over all groups.
ROUNDING = 1e-12


def solve_one_row(program: AssignmentProgram, gap: float, time_limit: float) -> Answer:
    r"""Solve a program with at most one coupling row and no side columns.

    A sample brackets the price of the row; one pass settles the groups whose best plan is the same
    at both ends; the breakpoints of the others give the price exactly, and an assignment that
    differs from the relaxation in one group. Where its gap is too large, the moves that lose
    little at the price are combined in full, and what that leaves open goes to HiGHS. Works on any
    source: it is read four or five times, and only undecided groups are ever written out.

    Parameters
    ----------
    program : AssignmentProgram
    gap : float
        Relative gap to prove; zero asks for the optimum, up to a rounding of 1e-12.
    time_limit : float
        Seconds, looked at once there is an assignment.

    Returns
    -------
    Answer
        The bound is that of the Lagrangian over all groups at the exact price, lowered only where
        all combinations of moves that could matter were looked at.

    Raises
    ------
    SolverError
        If the numbers cannot be relied on, or HiGHS fails on the core.
    """
    deadline = clock() + time_limit
    if not len(program.limits):
        return _without_rows(program)
    found = relax(program)
    if found is None:
        nothing = np.zeros(1)
        return Answer("infeasible", None, float("nan"), float("nan"), nothing)
    state = _State(found.choice, found.worth, found.bound)
    ended: Status = "time limit"
    grid, unsure = Grid.suggested(found.rows), True
    try:
        for better in _closing(program, found, gap, deadline):
            state = better
            if state.gap <= gap or clock() > deadline:
                break
            if unsure and grid.down(state.bound - state.worth) < state.bound - state.worth:
                grid, unsure = grid.confirmed(program, found.line), False
            if not unsure:
                state = replace(state, bound=state.worth + grid.down(state.bound - state.worth))
                if state.gap <= gap:
                    break
    except KeyboardInterrupt:
        ended = "interrupted"
    return _answer(program, found, state, gap, ended)


@dataclass(frozen=True, eq=False)
class Priced:
    """The linear relaxation of a program with one row.

    Attributes
    ----------
    price : float
        Gain in the objective per unit by which the row is relaxed; not negative.
    choice : int array [G]
        Best plans at the price that satisfy the row.
    objective, bound : float
        Of ``choice``, and of the relaxation: no assignment is better.
    """

    price: float
    choice: Choice
    objective: float
    bound: float


def price(program: AssignmentProgram) -> Priced | None:
    """Price the row of a program with one row exactly; None if no assignment satisfies it."""
    found = relax(program)
    if found is None:
        return None
    bound = max(found.bound, found.worth)
    return Priced(found.price, found.choice, program.sign * found.worth, program.sign * bound)


@dataclass(frozen=True, eq=False)
class _State:
    """An assignment, what it is worth and the bound, to be maximised."""

    choice: Choice
    worth: float
    bound: float

    @property
    def gap(self) -> float:
        return relative_gap(self.worth, self.bound)


def _without_rows(program: AssignmentProgram) -> Answer:
    nothing = np.zeros(0)
    best = passes.best(program, nothing)
    if best.value == -np.inf:
        return Answer("infeasible", None, float("nan"), float("nan"), nothing)
    value = program.value_of(best.totals)
    return Answer("optimal", best.choice, value, value, nothing)


def _closing(
    program: AssignmentProgram, found: Relaxed, gap: float, deadline: float
) -> Iterator[_State]:
    """Yield better and better assignments and bounds, beginning with the relaxation's."""
    state = _State(found.choice, found.worth, found.bound)
    yield state
    if found.price == 0.0:
        if found.exact:
            yield replace(state, bound=state.worth)
        return
    near = Near(found.rows, found.choice[found.positions], found.price, found.slack, found.left)
    best = Closer(near.base, near.deficiency, 0.0)
    # The groups that were written out may be all that matter, or not.
    whole = len(found.positions) == program.groups
    for closest in closer(near, best):
        best = closest
        state = _closed(found, found.positions, best, best.floor if whole else 0.0)
        yield state
    positions = found.positions
    if not whole:
        # Groups that the bracket settled, but by less than what is still open.
        below = best.deficiency * (1 + 1e-9)
        positions = np.concatenate(program.source.map(_close, found.table, below))
        if not found.exact or len(positions) > MOST:
            return
        rows = Rows.of(found.line, program.source.take(positions))
        near = replace(near, rows=rows, base=found.choice[positions])
        best = Closer(state.choice[positions], best.deficiency, 0.0)
        for closest in closer(near, best):
            best = closest
            yield _closed(found, positions, best, best.floor)
    if best.floor < best.deficiency:
        left = max(deadline - clock(), 0.0)
        try:
            best = by_counting(near, best, gap * abs(state.worth), left)
        except SolverError:
            if clock() < deadline:
                raise
            return  # out of time: the assignment at hand and its bound stand
        yield _closed(found, positions, best, best.floor)


def _closed(found: Relaxed, positions: IntArray, best: Closer, floor: float) -> _State:
    choice = found.choice.copy()
    choice[positions] = best.choice
    worth = found.worth + (found.price * found.slack - best.deficiency)
    # Nothing is open once the floor is met: rounding apart, the bound is the value.
    met = found.exact and floor >= best.deficiency
    return _State(choice, worth, worth if met else found.bound - floor)


def _close(block: Block, table: FloatArray, below: float) -> IntArray:
    """Return the groups of a block where some move loses less than this."""
    lead = passes.best_of(block, table).lead
    if block.weights is None:
        return block.start + np.flatnonzero(lead < below)
    matter = np.flatnonzero(block.weights)  # infinite lead times no weight is no number
    return block.start + matter[lead[matter] * block.weights[matter] < below]


def _recounted(program: AssignmentProgram, found: Relaxed, choice: Choice) -> FloatArray:
    """Return the totals of an assignment: those of the relaxation's, and what moved since."""
    moved = np.flatnonzero(choice != found.choice)
    if len(moved) > MOST:
        return passes.totals(program, choice)
    block, shape = program.source.take(moved), found.totals.shape
    before = passes.totals_of(block, found.choice[moved], shape)
    return found.totals + (passes.totals_of(block, choice[moved], shape) - before)


def _answer(
    program: AssignmentProgram, found: Relaxed, state: _State, gap: float, ended: Status
) -> Answer:
    """Check the assignment anew and report it."""
    totals = _recounted(program, found, state.choice)
    excess = found.line.activity(totals) - found.line.limit
    if excess > program.tolerated(totals)[0]:
        raise SolverError(
            f"The assignment misses the limit by {excess:.3g}, more than rounding explains: {SPAN}"
        )
    objective = program.value_of(totals)
    worth = program.sign * objective
    bound = worth if state.bound == state.worth else max(state.bound, worth)
    reached = relative_gap(worth, bound) <= max(gap, ROUNDING)
    return Answer(
        "optimal" if reached else ended,
        state.choice,
        objective,
        program.sign * bound,
        np.array([found.price]),
        path=(Step(np.array([found.price]), program.sign * found.bound),),
    )
