"""A smallest conflicting set of constraints, and how far each of them would have to give.

Members of the set are constraints: rows, forbidden pairs, limits on the number of models. Contracts
belong to the problem and are no members. Every answer is proven by solving: of the set, that it
conflicts; of a limit, that the set can be satisfied there. That no smaller set conflicts, and that
no limit before it is enough, is proven where the time suffices, and said where it does not.

The words of an infeasible problem: which constraints conflict, what each would have to give.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from arbmodels._assignment.infeasibility import smallest_conflict, some_conflict
from arbmodels._assignment.pricing import totals
from arbmodels._assignment.program import (
    Answer,
    AssignmentProgram,
    Block,
    BoolArray,
    Choice,
    FloatArray,
    Quantity,
)
from arbmodels._assignment.program import offered as offered_in
from arbmodels._assignment.robust import activity_at
from arbmodels._assignment.solve import least_protected, solve
from arbmodels._clock import clock
from arbmodels._solver import relative_gap
from arbmodels.errors import Conflict, InfeasibleError, SolverError
from arbmodels.routing.builder import Assembled, Builder
from arbmodels.routing.constraints import Constraint
from arbmodels.routing.constraints.base import Needed
from arbmodels.routing.objectives import SolveRate
from arbmodels.routing.statement import Statement
from arbmodels.routing.table import PlanTable

#: Relative gap at which a limit counts as the nearest: about the digits that are shown.
_NEAR = 1e-4
#: Gap that is tried after it.
_EXACT = 1e-9
#: Seconds that each of the two is worth; then the best so far.
_PATIENCE = 5.0
#: Shares of the time: what a single step may take, until when a smallest set is looked for, and
#: any other.
_STEP, _SMALLEST, _SOME = 0.2, 0.5, 0.7
#: What to do where a conflict is one of rounding.
_BY_TOLERANCE = (
    "The rows conflict by no more than the solver's tolerance; loosen a limit by a share of 1e-8."
)


@dataclass(frozen=True)
class Relaxations:
    """A conflicting set of constraints.

    Attributes
    ----------
    smallest : bool
        Whether it is proven that no smaller set conflicts.
    needed : dict
        Position of a constraint -> how far it would have to give if the others of the set keep
        their limits; None if nothing was found in time.
    """

    smallest: bool
    needed: dict[int, Needed | None]


def least_relaxations(problem: Statement, time_limit: float) -> Relaxations:
    """Return a smallest conflicting set of an infeasible problem and how far each must give.

    Raises
    ------
    SolverError
        If the time was not enough to leave any constraint out.
    """
    search = _Search(problem, time_limit)
    count, smallest = len(search.constraints), True
    try:
        conflict = smallest_conflict(search.satisfiable, count)
    except SolverError:
        search.until, smallest = _SOME, False
        conflict = some_conflict(search.satisfiable, count)
        if len(conflict) == count:
            raise
    search.until = 1.0
    members = sorted(conflict)
    return Relaxations(smallest, {k: search.needed(k, members) for k in members})


class _Search:
    """Solves parts of a problem until a share of the time is over."""

    def __init__(self, problem: Statement, time_limit: float) -> None:
        # Of what is only feasible or not: the objective is left out, relative floors are fixed.
        self.problem = _plain(problem)
        self.constraints = self.problem.constraints
        self.begin, self.time_limit, self.until = clock(), time_limit, _SMALLEST
        # What an assignment adds up to, also on pairs that some constraint forbids.
        self.full = self.problem.unrestricted()
        self.table = self.problem.plan_table

    def satisfiable(self, members: frozenset[int]) -> frozenset[int] | None:
        """Return members that some assignment satisfies together, these included, or None."""
        chosen = [self.constraints[position] for position in sorted(members)]
        choice = self.feasible(chosen)
        if choice is None:
            return None
        held = {k for k in range(len(self.constraints)) if self._holds(k, choice)}
        return members | held

    def feasible(self, constraints: Sequence[Constraint]) -> Choice | None:
        """Return an assignment that satisfies some constraints, if there is one."""
        assembled = self._part(constraints)
        if assembled.barren is not None:
            return None
        program = assembled.program
        return self.best(_aimed(program, np.zeros_like(program.objective), None, True)).choice

    def best(
        self, program: AssignmentProgram, gap: float = _NEAR, seconds: float = np.inf
    ) -> Answer:
        """Solve; no assignment means that there is none.

        Raises
        ------
        SolverError
            If neither was found in time.
        """
        answer = solve(program, gap, self.left(seconds))
        if answer.choice is not None or answer.status == "infeasible":
            return answer
        raise self._late()

    def left(self, seconds: float = np.inf) -> float:
        """Return the seconds that a step may take; raise SolverError if there are none."""
        left = self.begin + self.until * self.time_limit - clock()
        if left <= 0:
            raise self._late()
        return min(left, _STEP * self.time_limit, seconds)

    def _late(self) -> SolverError:
        return SolverError(f"Not within {self.time_limit:g} s; raise time_limit.")

    def needed(self, position: int, conflict: Sequence[int]) -> Needed | None:
        """Return a limit of a constraint at which the others can be met, the nearest if possible.

        None if no assignment that meets the others was found in time.
        """
        constraint = self.constraints[position]
        others = [self.constraints[other] for other in conflict if other != position]
        with suppress(SolverError):
            return constraint.relaxed(self, others)
        return None

    def row(self, constraint: Constraint, others: Sequence[Constraint]) -> Needed:
        """Return the best left-hand side of a constraint's row, or the least share."""
        assembled = self._part([*others, constraint])
        row = assembled.row(constraint.label)
        if assembled.rows[row].share is not None:
            return self._smallest_share(assembled, row)
        value, bound, _ = self._nearest(assembled, row, assembled.program.rows[row])
        return Needed(value, abs(value - bound) <= _NEAR * max(abs(value), _EXACT))

    def _part(self, constraints: Sequence[Constraint]) -> Assembled:
        return replace(self.problem, constraints=tuple(constraints)).assembled

    def _holds(self, position: int, choice: Choice) -> bool:
        """Return whether an assignment satisfies a constraint."""
        constraint = self.constraints[position]
        labels = [row.label for row in self.full.rows]
        if constraint.label in labels:
            row = labels.index(constraint.label)
            if self.full.rows[row].columns:
                return False  # it depends on auxiliary variables as well
            program = self.full.program
            sums = totals(program, choice)
            missed = program.sense * (activity_at(program, choice, sums) - program.limits)
            return bool(missed[row] <= program.tolerated(sums)[row])
        own = constraint.scored(self.table, choice[self.problem.group_of_instance])
        if own is not None:
            return own <= constraint.limit if constraint.at_most else own >= constraint.limit
        alone = self._part([constraint]).program
        held = alone.source.map(may_have, choice, alone.plans, alone.forbidden)
        return all(each.all() for each in held)

    def _nearest(
        self, assembled: Assembled, row: int, table: FloatArray
    ) -> tuple[float, float, Choice]:
        """Return the best value of an expression with a row left out, its bound, and where."""
        program, auxiliary = assembled.program, assembled.program.auxiliary
        if program.protected is not None and program.protected.row == row:
            return self._least_protected(program)
        coupling = None if auxiliary is None else auxiliary.coupling[row]
        kept = [other for other in range(len(assembled.rows)) if other != row]
        aimed = _aimed(program, table, coupling, bool(program.sense[row] < 0)).with_rows(kept)
        answer = self.best(aimed, seconds=_PATIENCE)
        if answer.choice is not None and relative_gap(answer.objective, answer.bound) > _EXACT:
            with suppress(SolverError):
                answer = self.best(aimed, _EXACT, _PATIENCE)
        if answer.choice is None:
            raise SolverError(_BY_TOLERANCE)
        value = aimed.value_of(totals(aimed, answer.choice), answer.auxiliary)
        return value, answer.bound, answer.choice

    def _least_protected(self, program: AssignmentProgram) -> tuple[float, float, Choice]:
        """Return the least of the protected row, deviations included, its bound, and where."""
        answer = least_protected(program, _NEAR, self.left(_PATIENCE))
        if answer.choice is not None and abs(answer.bound - answer.objective) > _EXACT:
            with suppress(SolverError):
                answer = least_protected(program, _EXACT, self.left(_PATIENCE))
        if answer.choice is None:
            raise SolverError(_BY_TOLERANCE)
        return answer.objective, answer.bound, answer.choice

    def _smallest_share(self, assembled: Assembled, row: int) -> Needed:
        """Return the least ratio of a part to its whole (Dinkelbach 1967)."""
        whole = assembled.wholes[row]
        part = assembled.program.rows[row] + (assembled.rows[row].share or 0.0) * whole
        share = 1.0
        while True:
            _, _, choice = self._nearest(assembled, row, part - share * whole)
            sums = totals(assembled.program, choice)
            total = float((whole * sums).sum())
            lower = float((part * sums).sum()) / total if total > 0 else 0.0
            if lower >= share * (1 - 1e-12):
                break
            share = lower
        # No ratio is smaller if what remains of the part is nowhere negative.
        _, bound, _ = self._nearest(assembled, row, part - (1 - _NEAR) * share * whole)
        return Needed(share, bound >= 0.0)

    def fewest(
        self, loose: Constraint, columns: Collection[str], others: Sequence[Constraint]
    ) -> Needed:
        """Return the least number of binary auxiliary variables that are one."""
        assembled = self._part([*others, loose])
        counted = np.array([name in columns for name in assembled.columns], dtype=float)
        nothing = np.zeros_like(assembled.program.objective)
        answer = self.best(_aimed(assembled.program, nothing, counted, False))
        if answer.choice is None:
            raise SolverError(_BY_TOLERANCE)
        fewest = loose.scored(self.table, answer.choice[self.problem.group_of_instance])
        assert fewest is not None  # noqa: S101 - for the type checker
        return Needed(fewest, answer.bound > fewest - 1 + _NEAR)

    def first(
        self, at: Callable[[float], Constraint], limits: Quantity, others: Sequence[Constraint]
    ) -> Needed:
        """Return the first of some limits, from strict to loose, that is enough, by halving."""

        def possible(position: int) -> bool:
            return self.feasible([*others, at(float(limits[position]))]) is not None

        low, high, nearest = 0, len(limits) - 1, True
        if not possible(high):  # the loosest forbids nothing
            raise SolverError(_BY_TOLERANCE)
        while low < high:
            middle = (low + high) // 2
            try:
                enough = possible(middle)
            except SolverError:
                enough = nearest = False
            low, high = (low, middle) if enough else (middle + 1, high)
        return Needed(float(limits[low]), nearest)


def _plain(problem: Statement) -> Statement:
    """Return the problem of feasibility: no objective, floors of the best that is allowed now."""
    builder = Builder(problem.plan_table, problem.assignment)
    for constraint in problem.constraints:
        constraint.restrict(builder)
    constraints = tuple(each.fixed(builder) for each in problem.constraints)
    return replace(problem, objective=SolveRate(), penalty=0.0, start=None, constraints=constraints)


def _aimed(
    program: AssignmentProgram, table: FloatArray, gains: FloatArray | None, maximize: bool
) -> AssignmentProgram:
    """Return the program with another objective."""
    auxiliary = program.auxiliary
    if auxiliary is not None:
        auxiliary = replace(
            auxiliary, objective=np.zeros(len(auxiliary.names)) if gains is None else gains
        )
    return replace(program, objective=table, auxiliary=auxiliary, maximize=maximize)


def infeasible(problem: Statement, time_limit: float) -> InfeasibleError:
    """Return the error for a problem without a solution."""
    table, constraints = problem.plan_table, problem.constraints
    head = "No assignment satisfies every constraint."
    try:
        found = least_relaxations(problem, time_limit)
    except SolverError as error:
        every = "; ".join(f"{each.label} {each.show(each.limit, table)}" for each in constraints)
        return InfeasibleError(
            f"{head} They are: {every}. A smallest conflicting set was not found: {error}"
        )
    needed = found.needed
    if len(needed) == 1:
        lines = [f"{head} This one cannot be met, whatever the others:"]
    else:
        least = "and no fewer do" if found.smallest else "and perhaps fewer (time was up)"
        lines = [
            f"{head} These {len(needed)} of {len(constraints)} conflict, {least}; one of"
            " them has to give, the others held:"
        ]
    conflicts = []
    for position, enough in needed.items():
        constraint = constraints[position]
        limit = float("nan") if enough is None else enough.limit
        unit = constraint.unit(table)
        conflicts.append(Conflict(constraint.label, constraint.limit, limit, unit))
        lines.append(f"  {_moved(constraint, enough, table)}")
    if problem.contracts:
        named = ", ".join(contract.seller for contract in problem.contracts)
        lines.append(f"Payments are by contract with {named}; contracts are taken as they are.")
    return InfeasibleError("\n".join(lines), conflicts)


def _moved(constraint: Constraint, needed: Needed | None, table: PlanTable) -> str:
    """Print both limits, the needed one loosened, with as few digits as tell them apart."""
    if needed is None:
        return f"{constraint.label}: how far was not found in time"
    asked = text = ""
    for digits in range(4, 16):
        asked = constraint.show(constraint.limit, table, digits)
        text = constraint.show(constraint.loosened(needed.limit, digits), table, digits)
        if text != asked:
            break
    more = "" if needed.nearest else " (enough; less may do)"
    return f"{constraint.moved(asked, text)}{more}"


def may_have(block: Block, choice: Choice, plans: int, forbidden: BoolArray | None) -> BoolArray:
    """Return which groups of a block may have their plan, [g]."""
    allowed = offered_in(block, plans, forbidden)
    here = choice[block.start : block.start + block.size]
    may: BoolArray = allowed[np.arange(block.size), here]
    return may
