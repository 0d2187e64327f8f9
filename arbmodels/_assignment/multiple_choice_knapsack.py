r"""The multiple-choice knapsack problem: assignment programs with one coupling row, or none.

The exact price of the row gives a bound and an assignment that differs from the relaxation in one
group. At the price lambda, moving group g from its plan to plan j uses :math:`\Delta a` more of the
row, gains :math:`\Delta v` and loses :math:`l_{gj} = \lambda \Delta a - \Delta v \ge 0` against the
bound. An assignment with slack s lies :math:`\lambda s + \sum l` below the bound: its optimality
gap. So an assignment better than the one at hand, of gap D, moves only where l < D: the core.

All combinations of the moves that lose least are listed, in two halves that are then joined; of
each half only those that no other beats in use and gain. The best join lowers D, and so shrinks the
core; with every move below D listed, the answer is optimal. What that leaves open goes to HiGHS,
groups with the same moves counted together.

References
----------
Sinha, Zoltners, *The multiple-choice knapsack problem*, Operations Research 27 (1979).

Horowitz, Sahni, *Computing partitions with applications to the knapsack problem*, Journal of the
ACM 21 (1974).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from arbmodels._assignment import kernels, pricing
from arbmodels._assignment.multiple_choice_relaxation import MOST, Grid, Relaxed, Rows, relax
from arbmodels._assignment.pricing import mixed
from arbmodels._assignment.program import (
    SPAN,
    Answer,
    AssignmentProgram,
    Block,
    BoolArray,
    Choice,
    FloatArray,
    IntArray,
    Status,
    Step,
)
from arbmodels._clock import clock
from arbmodels._solver import Program, relative_gap, solve
from arbmodels.errors import SolverError

#: Relative gaps below this are rounding in sums over all groups.
ROUNDING = 1e-12


def solve_multiple_choice_knapsack(
    program: AssignmentProgram, gap: float, time_limit: float
) -> Answer:
    r"""Solve a program with at most one coupling row and no auxiliary variables.

    A sample brackets the price of the row; one pass fixes the groups whose best plan is the same
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
    state = _State(found.choice, found.primal_value, found.bound)
    ended: Status = "time limit"
    grid, unsure = Grid.suggested(found.rows), True
    try:
        for better in _improving(program, found, gap, deadline):
            state = better
            if state.gap <= gap or clock() > deadline:
                break
            if (
                unsure
                and grid.down(state.bound - state.primal_value) < state.bound - state.primal_value
            ):
                grid, unsure = grid.confirmed(program, found.line), False
            if not unsure:
                state = replace(
                    state, bound=state.primal_value + grid.down(state.bound - state.primal_value)
                )
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
    bound = max(found.bound, found.primal_value)
    return Priced(
        found.price, found.choice, program.sign * found.primal_value, program.sign * bound
    )


@dataclass(frozen=True, eq=False)
class _State:
    """An assignment, its value and the bound, to be maximised."""

    choice: Choice
    primal_value: float
    bound: float

    @property
    def gap(self) -> float:
        return relative_gap(self.primal_value, self.bound)


def _without_rows(program: AssignmentProgram) -> Answer:
    nothing = np.zeros(0)
    best = pricing.best(program, nothing)
    if best.value == -np.inf:
        return Answer("infeasible", None, float("nan"), float("nan"), nothing)
    value = program.value_of(best.totals)
    return Answer("optimal", best.choice, value, value, nothing)


def _improving(
    program: AssignmentProgram, found: Relaxed, gap: float, deadline: float
) -> Iterator[_State]:
    """Yield better and better assignments and bounds, beginning with the relaxation's."""
    state = _State(found.choice, found.primal_value, found.bound)
    yield state
    if found.price == 0.0:
        if found.exact:
            yield replace(state, bound=state.primal_value)
        return
    core = Core(found.rows, found.choice[found.positions], found.price, found.slack, found.left)
    best = Improvement(core.base, core.optimality_gap, 0.0)
    # The groups that were written out may be all that matter, or not.
    complete = len(found.positions) == program.groups
    for improved in improve(core, best):
        best = improved
        state = _state_at(found, found.positions, best, best.floor if complete else 0.0)
        yield state
    positions = found.positions
    if not complete:
        # Groups that the bracket fixed, but by less than what is still open.
        below = best.optimality_gap * (1 + 1e-9)
        positions = np.concatenate(program.source.map(_losing_less, found.table, below))
        if not found.exact or len(positions) > MOST:
            return
        rows = Rows.of(found.line, program.source.take(positions))
        core = replace(core, rows=rows, base=found.choice[positions])
        best = Improvement(state.choice[positions], best.optimality_gap, 0.0)
        for improved in improve(core, best):
            best = improved
            yield _state_at(found, positions, best, best.floor)
    if best.floor < best.optimality_gap:
        left = max(deadline - clock(), 0.0)
        try:
            best = solve_core(core, best, gap * abs(state.primal_value), left)
        except SolverError:
            if clock() < deadline:
                raise
            return  # out of time: the assignment at hand and its bound stand
        yield _state_at(found, positions, best, best.floor)


def _state_at(found: Relaxed, positions: IntArray, best: Improvement, floor: float) -> _State:
    choice = found.choice.copy()
    choice[positions] = best.choice
    primal_value = found.primal_value + (found.price * found.slack - best.optimality_gap)
    # Nothing is open once the floor is met: rounding apart, the bound is the value.
    met = found.exact and floor >= best.optimality_gap
    return _State(choice, primal_value, primal_value if met else found.bound - floor)


def _losing_less(block: Block, table: FloatArray, below: float) -> IntArray:
    """Return the groups of a block where some move loses less than this."""
    lead = pricing.best_of(block, table).lead
    if block.weights is None:
        return block.start + np.flatnonzero(lead < below)
    matter = np.flatnonzero(block.weights)  # infinite lead times no weight is no number
    return block.start + matter[lead[matter] * block.weights[matter] < below]


def _recounted(program: AssignmentProgram, found: Relaxed, choice: Choice) -> FloatArray:
    """Return the totals of an assignment: those of the relaxation's, and what moved since."""
    moved = np.flatnonzero(choice != found.choice)
    if len(moved) > MOST:
        return pricing.totals(program, choice)
    block, shape = program.source.take(moved), found.totals.shape
    before = pricing.totals_of(block, found.choice[moved], shape)
    return found.totals + (pricing.totals_of(block, choice[moved], shape) - before)


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
    primal_value = program.sign * objective
    bound = primal_value if state.bound == state.primal_value else max(state.bound, primal_value)
    reached = relative_gap(primal_value, bound) <= max(gap, ROUNDING)
    return Answer(
        "optimal" if reached else ended,
        state.choice,
        objective,
        program.sign * bound,
        np.array([found.price]),
        path=(Step(np.array([found.price]), program.sign * found.bound),),
    )


#: Moves listed first and most moves listed; most moves sorted for it; most combinations of a half.
FIRST, LAST, SORTED, COMBINATIONS = 32, 2_048, 8_192, 30_000
#: Copies of one move that come before the first copy of a worse one.
COPIES = 4
#: Gains that differ by less than this, of the largest of a move, are the same sum in another order.
SAME = 1e-14


@dataclass(frozen=True, eq=False)
class Core:
    """The core: groups and the price at which some of their moves lose little.

    Attributes
    ----------
    rows : Rows
    base : int array [g]
        Best plans at the price.
    price : float, positive
    slack : float
        Of the row at ``base``, all groups counted; not negative.
    left : float
        What moves may use more of the row: the slack, with rounding.
    """

    rows: Rows
    base: Choice
    price: float
    slack: float
    left: float

    @property
    def optimality_gap(self) -> float:
        """That of ``base``."""
        return self.price * self.slack


@dataclass(frozen=True, eq=False)
class Improvement:
    """An assignment of the groups of a core.

    Attributes
    ----------
    choice : int array [g]
    optimality_gap : float
        How far its value is below the bound at the price.
    floor : float
        No assignment that differs in these groups alone has a optimality gap below it.
    """

    choice: Choice
    optimality_gap: float
    floor: float


@dataclass(frozen=True, eq=False)
class Moves:
    """Moves of single groups, those to be listed first in front."""

    group: IntArray
    plan: IntArray
    more: FloatArray
    gain: FloatArray
    loss: FloatArray

    def __len__(self) -> int:
        return len(self.group)

    def __getitem__(self, some: slice | IntArray | BoolArray) -> Moves:
        return Moves(
            self.group[some], self.plan[some], self.more[some], self.gain[some], self.loss[some]
        )


def improve(core: Core, best: Improvement) -> Iterator[Improvement]:
    """Yield better and better assignments, and floors that rise to meet them.

    Parameters
    ----------
    core : Core
        At least the groups where a move loses less than the optimality gap of ``best``.
    best : Improvement
        The assignment at hand.
    """
    count = FIRST
    while True:
        moves, rest = moves_below(core, best.optimality_gap, SORTED)
        # All but a few copies of each move come last, and what loses the same is mixed.
        new = np.ones(len(moves), bool)
        new[1:] = (np.diff(moves.loss) != 0.0) | (np.diff(moves.more) != 0.0)
        starts = np.flatnonzero(new)
        copy = np.arange(len(moves)) - np.repeat(starts, np.diff(np.append(starts, len(moves))))
        moves = moves[np.lexsort((mixed(len(moves)), moves.loss, copy >= COPIES))]
        listed = moves[:count]
        # Whatever uses another move loses at least this much.
        rest = float(moves.loss[count:].min(initial=rest))
        found = _combinations(listed, core.left, max(rest, float(listed.loss.max(initial=0.0))))
        optimality_gap = max(core.optimality_gap - found.gain, 0.0)
        if optimality_gap < best.optimality_gap:
            choice = core.base.copy()
            choice[listed.group[found.used]] = listed.plan[found.used]
            best = Improvement(choice, optimality_gap, best.floor)
        if found.complete:
            best = replace(best, floor=max(best.floor, min(rest, best.optimality_gap)))
        yield best
        if best.floor >= best.optimality_gap or not found.complete or count > LAST:
            break
        count *= 2


@dataclass(frozen=True, eq=False)
class _Found:
    """The best combination of moves, and whether all below the cut were looked at."""

    gain: float
    used: IntArray
    complete: bool


def moves_below(core: Core, below: float, most: int | None = None) -> tuple[Moves, float]:
    """Return the moves that lose less than this, by increasing loss, or about ``most`` of them.

    And the least that any other move loses.
    """
    rows, base = core.rows, core.base
    group, plan = np.empty((2, rows.row.size), np.int64)
    loss = np.empty(rows.row.size)
    count = kernels.find_moves(rows.value, rows.row, base, core.price, below, group, plan, loss)
    rest = below
    kept = np.arange(count)
    if most is not None and count > most:
        rest = float(np.partition(loss[:count], most)[most])
        ties = np.flatnonzero(loss[:count] == rest)
        ties = ties[:: len(ties) // most + 1]  # some of them, from everywhere
        kept = np.concatenate([np.flatnonzero(loss[:count] < rest), ties])
    group, plan, loss = group[kept], plan[kept], loss[kept]
    more = rows.row[group, plan] - rows.row[group, base[group]]
    gain = rows.value[group, plan] - rows.value[group, base[group]]
    moves = Moves(group, plan, more, gain, loss)
    return moves[np.lexsort((moves.group, moves.more, moves.loss))], rest


@dataclass(frozen=True, eq=False)
class _Half:
    """Combinations of the moves of some groups that no other beats, by increasing use."""

    more: FloatArray
    gain: FloatArray
    parents: list[npt.NDArray[np.int32]]
    moved: list[npt.NDArray[np.int32]]
    complete: bool

    def used(self, position: int) -> list[int]:
        """Return the moves of one combination."""
        moves = []
        for parent, moved in zip(reversed(self.parents), reversed(self.moved), strict=True):
            if moved[position] >= 0:
                moves.append(int(moved[position]))
            position = int(parent[position])
        return moves


def _combinations(moves: Moves, left: float, cut: float) -> _Found:
    """Join the two halves: for every combination of one, the best of the other that fits."""
    groups, index = np.unique(moves.group, return_inverse=True)
    # Groups in the order of their best move, dealt out in turn.
    first = np.full(len(groups), len(moves))
    np.minimum.at(first, index, np.arange(len(moves)))
    rank = np.argsort(np.argsort(first))[index]
    one, other = (
        _half(moves, [np.flatnonzero(rank == r) for r in range(side, len(groups), 2)], cut)
        for side in (0, 1)
    )
    partner = np.searchsorted(other.more, left - one.more, side="right") - 1
    gain = np.where(partner >= 0, one.gain + other.gain[np.maximum(partner, 0)], -np.inf)
    complete = one.complete and other.complete
    position = int(gain.argmax())
    if gain[position] <= 0.0:
        return _Found(0.0, np.zeros(0, np.int64), complete)
    used = [*one.used(position), *other.used(int(partner[position]))]
    return _Found(float(gain[position]), np.array(used, dtype=np.int64), complete)


def _half(moves: Moves, stages: list[IntArray], cut: float) -> _Half:
    """List the combinations that lose at most ``cut``; each stage is one group's moves."""
    more, gain, loss = np.zeros(1), np.zeros(1), np.zeros(1)
    parents, moved = [], []
    same = SAME * float(np.abs(moves.gain).max(initial=0.0))
    complete = True
    for stage in stages:
        count = len(more)
        options = np.concatenate([[-1], stage])
        more = np.concatenate([more, *(more + moves.more[m] for m in stage)])
        gain = np.concatenate([gain, *(gain + moves.gain[m] for m in stage)])
        loss = np.concatenate([loss, *(loss + moves.loss[m] for m in stage)])
        kept = np.flatnonzero(loss <= cut)
        kept = kept[np.argsort(more[kept], kind="stable")]
        # Only what gains more than everything that uses less is worth keeping.
        before = np.concatenate([[-np.inf], np.maximum.accumulate(gain[kept])[:-1]])
        kept = kept[gain[kept] > before + same]
        if len(kept) > COMBINATIONS:
            complete = False
            kept = kept[np.linspace(0, len(kept) - 1, COMBINATIONS).astype(np.int64)]
        parents.append((kept % count).astype(np.int32))
        moved.append(options[kept // count].astype(np.int32))
        more, gain, loss = more[kept], gain[kept], loss[kept]
    return _Half(more, gain, parents, moved, complete)


#: Most moves that HiGHS is given; of more it proves nothing in any time worth waiting for.
MOST_COUNTED = 50_000
#: Coefficients below this share of the largest are taken for it, or for zero.
TINY = 1e-8


def solve_core(core: Core, best: Improvement, enough: float, time_limit: float) -> Improvement:
    r"""Solve the core exactly: how many groups of each kind make which move.

    .. math::
        \max \sum_{km} \Delta v_{km} n_{km} \quad \text{s.t.} \quad
        \sum_{km} \Delta a_{km} n_{km} \le s, \quad \sum_m n_{km} \le N_k, \quad
        n \in \mathbb{Z}_{\ge 0}

    Masses of ties, which a search group by group cannot end, are few kinds with large N.

    Parameters
    ----------
    core : Core
    best : Improvement
        The best assignment so far; its optimality gap says which moves can matter.
    enough : float
        Deficiency above the floor at which to stop.
    time_limit : float
        Seconds.

    Raises
    ------
    SolverError
        If HiGHS found nothing in time, or fails.
    """
    moves, _ = moves_below(core, best.optimality_gap)
    if len(moves) > MOST_COUNTED:
        return best
    groups, index = np.unique(moves.group, return_inverse=True)
    plans = core.rows.row.shape[1]
    table = np.zeros((len(groups), 2 * plans))
    table[index, moves.plan] = moves.more
    table[index, plans + moves.plan] = moves.gain
    kinds, kind, count = np.unique(table, axis=0, return_inverse=True, return_counts=True)
    more, gain = kinds[:, :plans], kinds[:, plans:]
    of, plan = np.nonzero((more != 0.0) | (gain != 0.0))
    more, gain = more[of, plan], gain[of, plan]
    scale, unit = float(np.abs(more).max()), float(np.abs(gain).max()) or 1.0
    columns = len(of)
    # HiGHS takes nothing smaller. Less is used than in truth: a bound survives it.
    scaled = more / scale
    tiny = np.abs(scaled) < TINY
    scaled[tiny] = np.where(scaled[tiny] < 0.0, -TINY, 0.0)
    once = sparse.csr_array((np.ones(columns), (of, np.arange(columns))))
    solution = solve(
        Program(
            gain / unit,
            sparse.csr_array(sparse.vstack([once, sparse.csr_array(scaled[None])])),
            np.full(len(kinds) + 1, -np.inf),
            np.append(count, core.left / scale).astype(np.float64),
            np.zeros(columns),
            count[of].astype(np.float64),
            np.ones(columns, bool),
            maximize=True,
        ),
        gap=enough / best.optimality_gap,
        time_limit=time_limit,
    )
    if solution.status in ("infeasible", "unbounded"):
        raise SolverError(f"HiGHS calls the core {solution.status}, which it is not: {SPAN}")
    numbers = np.rint(solution.x).astype(np.int64)
    better = core.base.copy()
    for k in np.flatnonzero(np.bincount(of, numbers, len(kinds))):
        members = groups[kind == k]
        here = np.flatnonzero(of == k)
        to = np.repeat(plan[here], numbers[here])
        better[members[: len(to)]] = to
    floor = max(core.optimality_gap - solution.bound * unit, best.floor)
    optimality_gap = core.optimality_gap - float(gain @ numbers)
    if optimality_gap < best.optimality_gap and float(more @ numbers) <= core.left:
        return Improvement(better, max(optimality_gap, 0.0), min(floor, max(optimality_gap, 0.0)))
    return Improvement(best.choice, best.optimality_gap, min(floor, best.optimality_gap))
