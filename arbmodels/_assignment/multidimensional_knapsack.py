r"""Programs with several coupling rows: the multidimensional multiple-choice knapsack problem.

Exact prices of the rows, a local search that fits them with whole moves, and an integer core in
HiGHS, larger and larger until the gap is proven.

References
----------
Pisinger, *An expanding-core algorithm for the exact 0-1 knapsack problem*, European Journal of
Operational Research 87 (1995).

Kellerer, Pferschy, Pisinger, *Knapsack problems*, Springer (2004), chapter 11.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy import sparse
from tqdm import tqdm

from arbmodels._assignment import pricing
from arbmodels._assignment.highs import relax_with_highs, solve_with_highs
from arbmodels._assignment.kernels import Index
from arbmodels._assignment.lagrangian_dual import Core, Dual, Point, core_of
from arbmodels._assignment.multidimensional_relaxation import (
    TOLERANCE,
    Box,
    Relaxed,
    covering,
    model,
    relax,
    relax_core,
    row_units,
    spread,
)
from arbmodels._assignment.pricing import complete
from arbmodels._assignment.program import (
    UNBOUNDED,
    Answer,
    AssignmentProgram,
    Choice,
    FloatArray,
    IntArray,
    Status,
    Step,
)
from arbmodels._clock import clock
from arbmodels._compiling import compiled
from arbmodels._solver import TOLERANCE as SOLVER_TOLERANCE
from arbmodels._solver import Program, relative_gap, solve
from arbmodels.errors import SolverError

#: Programs of at most so many pairs of group and plan go to HiGHS as they are.
SMALL = 1_000
#: Groups that the search may move, in turn; first so many for every positive price, or more.
_SEARCHED = (40, 150, 400)
_PER_PRICE = 5
#: Groups in the first core.
_CORE = 250
#: Groups in the largest core: HiGHS overruns its time on more.
_LARGEST = 8_000
#: Seconds for the first core; each further one that ends by time has twice as many.
_SLICE = 1.0
#: The relaxation is solved to this share of the gap, and to a gap between these two.
_SHARE, _FINEST, _COARSEST = 0.05, 1e-12, 1e-7
#: Share of the time that the relaxation may take.
_PRICING = 0.6


def solve_multidimensional_knapsack(
    program: AssignmentProgram, gap: float, time_limit: float
) -> Answer:
    r"""Solve a program with any number of coupling rows and no integer auxiliary variables.

    Newton's method on a sample finds nearly optimal prices; linear programs over the groups that
    nearly tie make them exact (``relax``); a search among these groups fits the rows with
    whole moves, and a core of them goes to HiGHS, larger and larger, until the gap is proven.
    Works on any source: it is read once for each price vector, some ten times, and only groups
    that nearly tie are written out.

    A solution that uses a move which loses :math:`\ell` at prices :math:`\pi` is worth at most
    :math:`L(\pi) - \ell`. So the bound is the larger of the core's and of L less the smallest loss
    of the moves that are not in the core, or L itself.

    Parameters
    ----------
    program : AssignmentProgram
        Auxiliary variables are continuous and no plan needs one.
    gap : float
        Relative gap to prove, abs(bound - objective) / max(abs(objective), 1e-12).
    time_limit : float
        Seconds, without those that compiling takes; then the best assignment so far.

    Returns
    -------
    Answer
        "infeasible" only if that is proven. The path holds the prices that improved the bound. No
        choice if the time did not suffice for one.

    Raises
    ------
    SolverError
        If the auxiliary variables are unbounded, or the numbers cannot be solved with reliably.
    """
    if not len(program.limits):
        return _without_rows(program)
    if program.groups * program.plans <= SMALL:
        return _solve_small(program, gap, time_limit)
    search = _Search(program, gap, clock() + time_limit)
    try:
        with tqdm(desc="many rows", unit=" rounds", disable=None, delay=2) as progress:
            search.run(progress)
    except KeyboardInterrupt:
        if search.best is None:
            raise
        search.status = "interrupted"
    return search.answer()


def _without_rows(program: AssignmentProgram) -> Answer:
    dual = Dual(program)
    point = dual.at(np.zeros(0))
    if point.value == -np.inf:
        return Answer("infeasible", None, float("nan"), float("nan"), np.zeros(0))
    if point.value == np.inf:
        raise SolverError(UNBOUNDED)
    auxiliary = dual.auxiliary.best(point.prices)[1]
    objective = program.value_of(point.best.totals, auxiliary)
    return Answer(
        "optimal", point.best.choice, objective, program.sign * point.value, np.zeros(0), auxiliary
    )


def _solve_small(program: AssignmentProgram, gap: float, time_limit: float) -> Answer:
    start = clock()
    answer = solve_with_highs(program, gap, time_limit)
    if answer.choice is None:
        return answer
    relaxed = relax_with_highs(program, max(time_limit - (clock() - start), 1.0))
    return answer if relaxed is None else replace(answer, prices=relaxed[0])


class _Search:
    """Prices, then assignments; holds the best so far. Everything oriented to be maximised."""

    def __init__(self, program: AssignmentProgram, gap: float, deadline: float) -> None:
        self.dual, self.gap, self.deadline = Dual(program), gap, deadline
        self.best: Candidate | None = None
        self.point: Point | None = None
        self.bound = np.inf
        self.status: Status = "optimal"
        self.path: list[Step] = []
        self.units = np.ones(len(program.limits))  # what one move changes in every row

    @property
    def left(self) -> float:
        """Seconds left."""
        return max(self.deadline - clock(), 0.0)

    @property
    def enough(self) -> float:
        """The gap to prove, in units of the objective; none is too wide for better answers."""
        size = abs(self.bound)
        if self.best is not None:
            size = min(size, abs(self.best.primal_value))
        return self.gap * max(size, 1e-12)

    @property
    def closed(self) -> bool:
        """Whether the gap is proven."""
        if self.best is None:
            return False
        primal_value = self.best.primal_value
        return relative_gap(primal_value, max(self.bound, primal_value)) <= self.gap

    def run(self, progress: tqdm[None]) -> None:
        """Search until the gap is proven, the time is up, or nothing is left."""

        def watch(point: Point) -> bool:
            progress.update()
            self.point, self.bound = point, min(self.bound, point.value)
            if np.isfinite(point.value):
                sign = self.dual.program.sign
                self.path.append(Step(point.prices, sign * point.value))
            return False

        finest = min(max(_SHARE * self.gap, _FINEST), _COARSEST)
        # The rest of the time is for an assignment.
        relaxation = relax(self.dual, finest, clock() + _PRICING * self.left, watch)
        if relaxation is None:
            self.status = "infeasible"
            return
        self.point = relaxation.point
        self.bound = min(self.bound, self.point.value)
        if self.point.value == np.inf:
            if self.left > 0:
                raise SolverError(UNBOUNDED)
            self.status = "time limit"
            return
        self.units = row_units(self.dual, covering(self.dual, self.point, _CORE)[0])
        self.point = spread(self.dual, self.point, _CORE, max(self.left, 0.1))
        self._fit(self.point)
        self._lower(self.point.value, _rounding(self.point))
        self._solve_cores(self.point, progress)

    def answer(self) -> Answer:
        """Return the best so far with what is proven."""
        program, nan = self.dual.program, float("nan")
        prices = np.zeros(len(program.limits)) if self.point is None else self.point.prices
        path = tuple(self.path)
        if self.status == "infeasible":
            return Answer("infeasible", None, nan, nan, np.zeros(len(program.limits)), path=path)
        if self.best is None:
            return Answer(self.status, None, nan, program.sign * self.bound, prices, path=path)
        bound = max(self.bound, self.best.primal_value)
        return Answer(
            self.status,
            self.best.choice,
            program.sign * self.best.primal_value,
            program.sign * bound,
            prices,
            self.best.auxiliary,
            path,
        )

    def _fit(self, point: Point) -> None:
        """Search for whole moves near the relaxation's solution: of a few groups, or of more."""
        few = _PER_PRICE * int((point.prices > 0).sum())
        for repeated, count in enumerate((max(few, _SEARCHED[0]), *_SEARCHED[1:])):
            core, reach = core_of(self.dual, point, count), np.zeros(len(self.units))
            if repeated:
                core, reach = covering(self.dual, point, count)
            reach = np.maximum(core.loss.max(initial=0.0) / self.units, reach)
            found = relax_core(self.dual, point, core, Box(reach, reach), max(self.left, 0.1))
            enough = point.value - self.gap * abs(point.value)
            choice = improve_locally(self.dual, point, core, found, enough, seconds=self.left)
            if choice is not None:
                self._offer(choice)
            if self.best is not None or np.isinf(core.left_out):
                return

    def _offer(self, choice: Choice) -> None:
        """Keep an assignment if it satisfies the rows and is the best so far."""
        new = candidate(self.dual, choice)
        if new is not None and (self.best is None or new.primal_value > self.best.primal_value):
            self.best = new

    def _solve_cores(self, point: Point, progress: tqdm[None]) -> None:
        """Solve larger and larger cores until the gap is proven."""
        count = first = max(_CORE, 5 * len(point.prices))
        seconds = _SLICE
        while not self.closed and self.status == "optimal":
            if self.left <= 0:
                self.status = "time limit"
                return
            progress.update()
            core = self._core(point, count, wide=self.best is None or count > first)
            enough = self.enough
            solved = solve_core(self.dual, point, core, enough, min(seconds, self.left))
            if solved.choice is not None:
                self._offer(solved.choice)
            complete = np.isinf(core.left_out)
            if complete and solved.ceiling == -np.inf and self.best is None:
                self.status = "infeasible"
                return
            rest = point.value - core.left_out
            if solved.ceiling > rest:
                self._lower(solved.ceiling, solved.rounding)
            else:
                self._lower(rest, _rounding(point))
            if not solved.ended:
                seconds *= 2
            wider = (
                solved.choice is None or core.left_out < self._optimality_gap(point) - self.enough
            )
            if wider and count < _LARGEST and (solved.ended or self.best is None):
                count = min(2 * count, _LARGEST)
            elif solved.ended and not self.closed and self.enough >= enough:
                # The core cannot grow, or nothing is left out, and still HiGHS and our sums differ
                # by more than the gap.
                self.status = "unproven"

    def _core(self, point: Point, count: int, *, wide: bool) -> Core:
        """Return the moves of a core; not those that only lead to worse assignments."""
        core = covering(self.dual, point, count)[0] if wide else core_of(self.dual, point, count)
        missing = self._optimality_gap(point)
        if not missing < core.left_out:
            return core
        return core.part(core.loss <= missing, missing)

    def _optimality_gap(self, point: Point) -> float:
        """Return how far the best assignment is below the dual function."""
        if self.best is None:
            return np.inf
        return max(point.value - self.best.primal_value, 0.0) + _rounding(point)

    def _lower(self, bound: float, rounding: float) -> None:
        """Lower the bound; one that is above the best assignment by rounding is met."""
        if self.best is not None and bound <= self.best.primal_value + rounding:
            bound = self.best.primal_value
        self.bound = min(self.bound, bound)


def _rounding(point: Point) -> float:
    """Return what the dual function is uncertain by."""
    return 1e-13 * point.size


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
    auxiliary : float array [E]
    primal_value : float
        Its objective, oriented to be maximised.
    """

    choice: Choice
    auxiliary: FloatArray
    primal_value: float


@dataclass(frozen=True, eq=False)
class CoreSolution:
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
    sums = pricing.totals(program, choice)
    auxiliary = complete(program, choice, sums)
    if auxiliary is None:
        return None
    return Candidate(choice, auxiliary, program.sign * program.value_of(sums, auxiliary))


def improve_locally(
    dual: Dual, point: Point, core: Core, found: Relaxed | None, enough: float, *, seconds: float
) -> Choice | None:
    """Return an assignment that fits the rows, near the relaxation's; None if the search fails.

    Auxiliary variables stand still meanwhile. ``enough`` is a worth at which it may stop; it also
    stops after some work, less if few seconds are left.
    """
    units = row_units(dual, core)
    slack = point.slack / units
    current = np.full(len(core.positions), -1, np.int32)
    if found is not None:
        slack = slack - dual.auxiliary.coupling @ found.auxiliary / units
        for move in np.flatnonzero(found.moved > 0.5):
            current[core.group[move]] = move
            slack = slack - core.change[move] / units
    scale = float(np.abs(core.gain).max(initial=0.0)) or 1.0
    starts = np.searchsorted(core.group, np.arange(len(core.positions) + 1))
    base = dual.program.sign * dual.program.value_of(point.best.totals)
    work = int(_SPEED * np.clip(seconds, _LEAST, _MOST))
    kicks = int(np.clip(_WORK / max(core.change.size, 1), 10, 10_000))
    gained = local_improvement(
        Options(starts, core.change / units, core.gain / scale),
        current,
        slack,
        (TOLERANCE / 10, (enough - base) / scale, kicks, work),
    )
    return None if gained == -np.inf else _moved(point, core, current)


def solve_core(
    dual: Dual, point: Point, core: Core, enough: float, time_limit: float
) -> CoreSolution:
    """Solve the program over the given moves with HiGHS, to an absolute gap."""
    written = model(dual, point, core, None)
    wanted = enough / written.value_unit
    # HiGHS stops at gaps relative to the objective, so a constant is added to it.
    constant = 1e3 * max(wanted, 1.0)
    try:
        solution = solve(
            _shifted(written.program, -constant),
            gap=wanted / (1.1 * constant),
            time_limit=time_limit,
        )
    except SolverError:
        return CoreSolution(None, np.inf, ended=False)  # nothing found in time
    if solution.status == "infeasible":
        return CoreSolution(None, -np.inf, ended=True)
    if solution.status == "unbounded":
        return CoreSolution(None, np.inf, ended=True)
    ceiling = written.base + (solution.bound + constant) * written.value_unit
    current = np.full(len(core.positions), -1, np.int32)
    moves = np.flatnonzero(solution.x[: len(core.plan)] > 0.5)
    current[core.group[moves]] = moves
    choice = _moved(point, core, current)
    rounding = 10 * SOLVER_TOLERANCE * written.value_unit
    return CoreSolution(choice, ceiling, ended=solution.status == "optimal", rounding=rounding)


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


def _moved(point: Point, core: Core, current: Choice) -> Choice:
    """Return the assignment after moves, one index or minus one for every group that may move."""
    choice = point.best.choice.copy()
    moving = np.flatnonzero(current >= 0)
    choice[core.positions[moving]] = core.plan[current[moving]]
    return choice


class Move(NamedTuple):
    """Every move from a state: its group, to which move (minus one for none), what it changes.

    ``work`` [1] is how many entries of the rows may still be looked at.
    """

    group: IntArray
    to: Index
    more: FloatArray
    gain: FloatArray
    work: IntArray


class Options(NamedTuple):
    """All moves: those of group g are ``starts[g]`` up to ``starts[g + 1]``; rows [P, R]."""

    starts: IntArray
    change: FloatArray
    gain: FloatArray


@compiled
def _list(options: Options, state: Index, moves: Move) -> int:
    """List every move from a state; return how many."""
    count = 0
    starts, change, gain = options.starts, options.change, options.gain
    for g in range(len(state)):
        here = state[g]
        for p in range(starts[g] - 1, starts[g + 1]):
            target = p if p >= starts[g] else -1
            if target == here:
                continue
            moves.group[count], moves.to[count] = g, target
            moves.gain[count] = 0.0
            moves.more[count] = 0.0
            if target >= 0:
                moves.gain[count] = gain[target]
                moves.more[count] = change[target]
            if here >= 0:
                moves.gain[count] -= gain[here]
                moves.more[count] -= change[here]
            count += 1
    return count


@compiled
def _excess(slack: FloatArray, tolerance: float) -> float:
    total = 0.0
    for r in range(len(slack)):
        if slack[r] < -tolerance:
            total -= slack[r]
    return total


@compiled
def _fits(more: FloatArray, also: FloatArray, slack: FloatArray, tolerance: float) -> bool:
    for r in range(len(slack)):
        both = more[r] + also[r]
        if both > slack[r] + tolerance and both > 0.0:
            return False
    return True


@compiled
def _repair(moves: Move, count: int, slack: FloatArray, tolerance: float) -> int:
    """Return the move that takes away most of the excess, or minus one."""
    first, value = -1, -np.inf
    least = _excess(slack, tolerance) * (1.0 - 1e-12)
    for m in range(count):
        after = 0.0
        for r in range(len(slack)):
            rest = slack[r] - moves.more[m, r]
            if rest < -tolerance:
                after -= rest
                if after > least:
                    break
        if after < least or (after == least and moves.gain[m] > value):
            first, least, value = m, after, moves.gain[m]
    return first


@compiled
def _improve(moves: Move, count: int, slack: FloatArray, tolerance: float) -> tuple[int, int]:
    """Return the move, or the pair of moves, that gains most and fits; minus one for none.

    The best so far when the work is used up: there are many pairs.
    """
    gain, more, work = moves.gain, moves.more, moves.work
    order = np.argsort(-gain[:count])
    nothing = np.zeros(len(slack))
    first, second, best = -1, -1, 1e-12
    for a in range(count):
        i = order[a]
        if 2.0 * gain[i] <= best or work[0] < 0:
            break
        tried = a
        if gain[i] > best and _fits(more[i], nothing, slack, tolerance):
            first, second, best = i, -1, gain[i]
        for b in range(a + 1, count):
            j = order[b]
            if gain[i] + gain[j] <= best:
                break
            tried = b
            if moves.group[i] != moves.group[j] and _fits(more[i], more[j], slack, tolerance):
                first, second, best = i, j, gain[i] + gain[j]
        work[0] -= (tried - a + 1) * len(slack)
    return first, second


@compiled
def _descend(
    options: Options, state: Index, slack: FloatArray, moves: Move, tolerance: float
) -> None:
    """Make moves until the rows hold, and then as long as they gain and there is work left."""
    for _ in range(4 * len(state) + 20):
        if moves.work[0] < 0:
            return
        count = _list(options, state, moves)
        moves.work[0] -= count * len(slack)
        first, second = -1, -1
        if _excess(slack, tolerance) > 0.0:
            first = _repair(moves, count, slack, tolerance)
        else:
            first, second = _improve(moves, count, slack, tolerance)
        if first < 0:
            return
        for m in (first, second):
            if m >= 0:
                state[moves.group[m]] = moves.to[m]
                slack -= moves.more[m]


@compiled
def _kick(options: Options, state: Index, slack: FloatArray, moves: Move, seed: IntArray) -> None:
    """Make two to four arbitrary moves."""
    count = _list(options, state, moves)
    for _ in range(2 + seed[0] % 3):
        seed[0] = (seed[0] * 1103515245 + 12345) % 2147483648
        m = (seed[0] // 256) % count
        g, to = moves.group[m], moves.to[m]
        if state[g] == to:
            continue
        if state[g] >= 0:
            slack += options.change[state[g]]
        if to >= 0:
            slack -= options.change[to]
        state[g] = to


@compiled
def _total(options: Options, state: Index) -> float:
    total = 0.0
    for g in range(len(state)):
        if state[g] >= 0:
            total += options.gain[state[g]]
    return total


@compiled
def local_improvement(
    options: Options,
    current: Index,
    slack: FloatArray,
    limits: tuple[float, float, int, int],
) -> float:
    """Search for whole moves that keep the rows and gain much; deterministic.

    Single moves until the rows hold, then single moves and pairs that gain, then a few arbitrary
    moves and all again. ``current`` [n] holds the move of every group, an index into the options,
    minus one for none; ``slack`` [R] is what it leaves. The best state is written to it, and its
    gain returned: minus infinity if no state keeps the rows. ``limits``: how far a row may be
    exceeded, the gain at which to stop, how often to start again, and how many entries of the rows
    to look at in all, about.
    """
    tolerance, enough, kicks, most_work = limits
    groups, rows = len(current), options.change.shape[1]
    most = len(options.gain) + groups
    moves = Move(
        np.empty(most, np.int64),
        np.empty(most, np.int32),
        np.empty((most, rows)),
        np.empty(most),
        np.array([most_work], dtype=np.int64),
    )
    state, left, kept = current.copy(), slack.copy(), slack.copy()
    best = -np.inf
    seed = np.array([20260322], dtype=np.int64)
    for _ in range(kicks + 1):
        _descend(options, state, left, moves, tolerance)
        total = _total(options, state)
        if _excess(left, tolerance) == 0.0 and total > best:
            best = total
            current[:] = state
            kept[:] = left
        if best >= enough or not len(options.gain) or moves.work[0] < 0:
            break
        if best > -np.inf:
            state[:] = current
            left[:] = kept
        _kick(options, state, left, moves, seed)
    slack[:] = kept
    return best
