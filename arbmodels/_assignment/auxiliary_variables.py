r"""Programs with integer auxiliary variables: fees, volume tiers, at most K models.

The master program of :mod:`benders` chooses the auxiliary variables; once they are integers, what
is left is an assignment program without them, which the engines solve. Its assignment is a
candidate for the answer, its proven bound closes these columns for good, and its passes give the
next cut. The bound of the program is the larger of the master's and of those of the columns already
closed. Where the master gets nowhere and active sets are few, ``ActiveSets`` of :mod:`benders`
propose in its place.

What is left of a program when its integer auxiliary variables are fixed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from tqdm import tqdm

from arbmodels._assignment.benders import (
    ActiveSets,
    Cut,
    Master,
    Proposal,
    Relaxation,
    active_sets_of,
    best_active_set,
    sampled,
)
from arbmodels._assignment.highs import relax_with_highs, solve_with_highs
from arbmodels._assignment.linking_constraints import (
    FixedColumns,
    Lagrangian,
    LinkingConstraints,
    Priced,
    Units,
    auxiliary_of,
    find_prices,
    links_of,
    units_of,
)
from arbmodels._assignment.multidimensional_knapsack import solve_multidimensional_knapsack
from arbmodels._assignment.multiple_choice_knapsack import solve_multiple_choice_knapsack
from arbmodels._assignment.pricing import totals
from arbmodels._assignment.program import (
    Answer,
    AssignmentProgram,
    AuxiliaryVariables,
    FloatArray,
    IntArray,
    Status,
    Step,
)
from arbmodels._clock import clock
from arbmodels.errors import SolverError


@dataclass(frozen=True, eq=False)
class Fixed:
    """A program without integer auxiliary variables, and how its answer reads in the one with them.

    Attributes
    ----------
    program : AssignmentProgram
        Closed plans are forbidden, limits moved; continuous auxiliary variables stay.
    rows : int array
        Coupling rows that are left; the others only bind what is fixed.
    auxiliary : float array [E]
        The fixed columns; zero elsewhere.
    free : int array
        Auxiliary variables that are left.
    objective : float
        Objective of the fixed columns.
    """

    program: AssignmentProgram
    rows: IntArray
    auxiliary: FloatArray
    free: IntArray
    objective: float

    def auxiliary_of(self, answer: Answer) -> FloatArray:
        """Return all auxiliary variables, [E]."""
        auxiliary = self.auxiliary.copy()
        auxiliary[self.free] = answer.auxiliary
        return auxiliary

    def prices_of(self, answer_prices: FloatArray, count: int) -> FloatArray:
        """Return the prices of all R rows."""
        prices = np.zeros(count)
        prices[self.rows] = answer_prices
        return prices


def fix(
    program: AssignmentProgram,
    auxiliary: AuxiliaryVariables,
    links: LinkingConstraints,
    point: FloatArray,
) -> Fixed:
    """Fix the integer auxiliary variables at those of a point [E]."""
    free = np.flatnonzero(~auxiliary.integer)
    fixed = np.where(auxiliary.integer, point, 0.0)
    closed = np.broadcast_to(links.closed(fixed), program.objective.shape[1:])
    forbidden = closed if program.forbidden is None else program.forbidden | closed
    kept = program.rows.any(axis=(1, 2, 3)) | auxiliary.coupling[:, free].any(axis=1)
    rows = np.flatnonzero(kept)
    left = replace(
        program,
        rows=program.rows[rows],
        sense=program.sense[rows],
        limits=(program.limits - auxiliary.coupling @ fixed)[rows],
        forbidden=np.array(forbidden),
        auxiliary=_left(auxiliary, free, rows, fixed) if len(free) else None,
    )
    return Fixed(left, rows, fixed, free, float(auxiliary.objective @ fixed))


def _left(
    auxiliary: AuxiliaryVariables, free: IntArray, rows: IntArray, fixed: FloatArray
) -> AuxiliaryVariables:
    matrix = auxiliary.matrix[:, free]
    inside = np.flatnonzero(np.abs(matrix.toarray()).max(axis=1, initial=0.0))
    beside = auxiliary.matrix @ fixed
    return AuxiliaryVariables(
        tuple(auxiliary.names[e] for e in free),
        auxiliary.objective[free],
        auxiliary.coupling[rows][:, free],
        auxiliary.lower[free],
        auxiliary.upper[free],
        auxiliary.integer[free],
        auxiliary.needs[:, free],
        matrix[inside],
        (auxiliary.row_lower - beside)[inside],
        (auxiliary.row_upper - beside)[inside],
    )


#: Solves what is left at fixed auxiliary variables, to a gap, within seconds.
Engine = Callable[[AssignmentProgram, float, float], Answer]

#: Programs of at most so many pairs of group and plan go to HiGHS as they are.
SMALL = 4_000
#: Share of the objective to which a warm start on a sample is carried.
_SAMPLE_GAP = 1e-4
#: Share of the objective to which the relaxation over fractional columns is carried at most.
_CLOSE = 1e-6
#: Cuts at most that a warm start hands on, and active sets that it tries.
_HANDED_ON = 16
#: Share of the objective from which on active sets are listed, not left to the master program.
_LOOSE = 0.01
#: Rounds of the master program after which active sets are listed.
_TRIED = 8
#: Rounds of the relaxation at most.
_ROUNDS = 100
#: Bound and objective are sums of many numbers; their difference is not known more closely.
_ROUNDING = 1e-13


def solve_with_auxiliary_variables(
    program: AssignmentProgram, gap: float, time_limit: float, engine: Engine | None = None
) -> Answer:
    """Solve a program with integer auxiliary variables or plans that need some.

    Parameters
    ----------
    program : AssignmentProgram
        With ``auxiliary``; its integer columns have finite bounds.
    gap : float
        Relative gap to prove, abs(bound - objective) / max(abs(objective), 1e-12).
    time_limit : float
        Seconds; then the best assignment so far.
    engine : callable, optional
        Solves the programs that are left at fixed integer columns; by default what suits them.

    Returns
    -------
    Answer
        Its prices are those at the auxiliary variables it chose; the steps of its path are the
        rounds of the master program. No choice if infeasible, or if the time did not suffice for
        one.

    Raises
    ------
    SolverError
        If the program is unbounded, or its numbers cannot be solved with reliably.
    """
    auxiliary = auxiliary_of(program)
    if program.groups * program.plans <= SMALL:
        return _solve_small(program, auxiliary, gap, time_limit)
    search = _Search(program, auxiliary, gap, clock() + time_limit, engine or _engine)
    try:
        search.run()
    except KeyboardInterrupt:
        if search.best is None:
            raise
        search.status = "interrupted"
    return search.answer()


def _engine(program: AssignmentProgram, gap: float, time_limit: float) -> Answer:
    one = program.auxiliary is None and len(program.limits) <= 1
    return (solve_multiple_choice_knapsack if one else solve_multidimensional_knapsack)(
        program, gap, time_limit
    )


def _solve_small(
    program: AssignmentProgram, auxiliary: AuxiliaryVariables, gap: float, time_limit: float
) -> Answer:
    start = clock()
    answer = solve_with_highs(program, gap, time_limit)
    if answer.choice is None:
        return answer
    left = fix(program, auxiliary, links_of(auxiliary), answer.auxiliary)
    relaxed = relax_with_highs(left.program, max(time_limit - (clock() - start), 1.0))
    if relaxed is None:
        return answer
    return replace(answer, prices=left.prices_of(relaxed[0], len(program.limits)))


class _Search:
    """Rounds of master program, pass and engine; holds the best answer so far."""

    def __init__(
        self,
        program: AssignmentProgram,
        auxiliary: AuxiliaryVariables,
        gap: float,
        deadline: float,
        engine: Engine,
    ) -> None:
        self.program, self.auxiliary, self.gap, self.engine = program, auxiliary, gap, engine
        self.deadline = deadline
        self.links = links_of(auxiliary)
        self.best: Answer | None = None
        self.status: Status = "optimal"
        self.closed = -np.inf  # largest bound of auxiliary variables that are excluded
        self.bound = np.inf
        self.path: list[Step] = []
        self.loose = True  # whether the relaxation is far from whole numbers, as a sample tells

    @property
    def left(self) -> float:
        """Seconds left."""
        return max(self.deadline - clock(), 0.0)

    @property
    def primal_value(self) -> float:
        """Objective of the best answer, oriented to be maximised."""
        return -np.inf if self.best is None else self.program.sign * self.best.objective

    def run(self) -> None:
        """Search until the gap is proven, the time is up, or nothing is left."""
        small = sampled(self.program)
        units = units_of(small, self.auxiliary)
        root = self._root(small, units)
        first: FloatArray | None = None
        cuts: list[Cut] = []
        if small is not self.program:
            if root.impossible:
                root = self._root(self.program, units)
            else:
                first, cuts = self._warm_start(small, units, root)
        if root.impossible:
            self.status = "infeasible"
            return
        relaxation = self._relaxation(self.program, units, root)
        for cut in cuts:
            relaxation.pass_at(cut.prices, cut.opening, of_value=cut.of_value)
        self.bound = relaxation.master.relax().bound
        if first is not None:
            self._consider(relaxation, first)
        active_sets = None
        if self.status == "optimal" and self.loose:
            active_sets = active_sets_of(self.program, self.auxiliary, self.links)
        if active_sets is not None:
            active_sets.learn(self.program, relaxation.master.cuts[-1])
        elif self.status == "optimal":
            relaxation.tighten(max(self.gap / 2, _CLOSE), _ROUNDS)
        with tqdm(desc="auxiliary variables", unit=" rounds", disable=None, delay=2) as progress:
            while self.status == "optimal" and self._round(relaxation, active_sets):
                progress.update()
                if len(self.path) == _TRIED and active_sets is None:
                    active_sets = active_sets_of(self.program, self.auxiliary, self.links)
                    if active_sets is not None:
                        active_sets.learn(
                            self.program, relaxation.master.cuts[-1], self.primal_value
                        )

    def answer(self) -> Answer:
        """Return the best so far with what is proven."""
        prices = np.zeros(len(self.program.limits))
        sign = self.program.sign
        if self.best is None:
            bound = sign * self.bound if self.status != "infeasible" else float("nan")
            return Answer(self.status, None, float("nan"), bound, prices, path=tuple(self.path))
        bound = max(
            self.bound, self.primal_value
        )  # rounding apart, nothing is better than its bound
        return replace(self.best, status=self.status, bound=sign * bound, path=tuple(self.path))

    def _root(self, program: AssignmentProgram, units: Units) -> Priced:
        """Price the rows with everything open and whole numbers relaxed."""
        columns, links = len(self.auxiliary.names), len(self.links.needs)
        fixed_columns = FixedColumns(
            np.zeros(columns), np.ones(columns, dtype=bool), np.ones(links)
        )
        nothing = np.zeros(len(program.limits))
        return find_prices(
            Lagrangian(program, self.links, fixed_columns, units), nothing, _SAMPLE_GAP
        )

    def _relaxation(self, program: AssignmentProgram, units: Units, root: Priced) -> Relaxation:
        scale = max(abs(root.bound), units.value)
        relaxation = Relaxation(
            program,
            self.auxiliary,
            links=self.links,
            units=units,
            scale=scale,
            prices=root.prices,
            precision=float(np.clip(self.gap / 10, 1e-8, 1e-5)),
            deadline=self.deadline,
        )
        relaxation.pass_at(root.prices, np.ones(len(self.links.needs)))
        return relaxation

    def _warm_start(
        self, program: AssignmentProgram, units: Units, root: Priced
    ) -> tuple[FloatArray | None, list[Cut]]:
        """Solve a sample; return its auxiliary variables and the cuts that mattered."""
        relaxation = self._relaxation(program, units, root)
        master = relaxation.master
        if relaxation.tighten(_SAMPLE_GAP, _ROUNDS) is None:
            return None, []
        proposal = master.relax()
        useful = [
            cut for cut, slack in zip(master.cuts, proposal.slack, strict=True) if slack < 1e-3
        ][:_HANDED_ON]
        first, primal_value = best_active_set(relaxation, _SAMPLE_GAP, _HANDED_ON)
        self.loose = first is None or proposal.bound - primal_value > _LOOSE * abs(primal_value)
        return (first if self.loose else None), useful

    def _propose(self, master: Master, gap: float) -> Proposal | None:
        """Ask the master for auxiliary variables; None if the time is up."""
        try:
            return master.propose(gap, self.left) if self.left > 0 else None
        except SolverError:
            if self.left > 0:
                raise
            return None

    def _round(self, relaxation: Relaxation, active_sets: ActiveSets | None) -> bool:
        """Try what the active sets or else the master propose; tell whether to go on."""
        if active_sets is None:
            proposal = self._propose(relaxation.master, self.gap / 10)
        else:
            proposal = active_sets.propose() if self.left > 0 else None
        if proposal is None:
            self.status = "time limit"
            return False
        self.bound = min(self.bound, max(self.closed, proposal.bound))
        self.path.append(Step(relaxation.prices, self.program.sign * self.bound))
        if proposal.status == "infeasible" or self._enough(proposal.bound):
            if self.best is None:
                self.status = "infeasible"
            elif not self._enough(self.bound):
                self.status = "time limit"  # an engine stopped short of the gap
            return False
        self._consider(relaxation, proposal.auxiliary)
        if active_sets is not None:
            active_sets.learn(self.program, relaxation.master.cuts[-1], self.primal_value)
        return True

    def _consider(self, relaxation: Relaxation, point: FloatArray) -> None:
        """Bound integer variables, solve what they leave unless that is in vain, exclude them."""
        separated = relaxation.separate(point)
        if separated.complete and separated.bound > -np.inf:
            bound = separated.bound
            if not self._enough(bound):
                bound = min(bound, self._solve_left(point))
            if self.status != "optimal":
                return
            self.closed = max(self.closed, bound)
        relaxation.master.exclude(point)

    def _solve_left(self, point: FloatArray) -> float:
        """Solve the program at fixed integer columns, keep the answer if best, return its bound."""
        program = self.program
        left = fix(program, self.auxiliary, self.links, point)
        shown = min(
            1.0, abs(self.bound) / max(abs(self.bound - program.sign * left.objective), 1e-12)
        )
        try:
            answer = self.engine(left.program, self.gap / 2 * shown, self.left)
        except SolverError:
            if self.left > 0:
                raise
            self.status = "time limit"
            return np.inf
        if answer.status == "infeasible":
            return -np.inf
        if answer.choice is None:
            self.status = answer.status
            return np.inf
        auxiliary = left.auxiliary_of(answer)
        objective = program.value_of(totals(program, answer.choice), auxiliary)
        if program.sign * objective > self.primal_value:
            prices = left.prices_of(answer.prices, len(program.limits))
            self.best = replace(answer, objective=objective, auxiliary=auxiliary, prices=prices)
        if answer.status != "optimal":
            self.status = answer.status
        return program.sign * (answer.bound + left.objective)

    def _enough(self, bound: float) -> bool:
        """Whether nothing up to a bound is worth looking for."""
        allowed = max(self.gap, _ROUNDING) * abs(self.primal_value)
        return self.best is not None and bound - self.primal_value <= allowed
