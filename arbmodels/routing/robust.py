r"""A budget that holds when the spend of some instances comes out higher than expected.

The spend of instance i on plan j lies in :math:`[s_{ij}, s_{ij} + d_{ij}]` and at most
:math:`\Gamma` instances deviate at once (Bertsimas and Sim 2004, "The price of robustness"):

.. math::
    \sum_i N w_i \sum_j s_{ij} x_{ij} + \max_{|D| \le \Gamma} \sum_{i \in D} N w_i
    \sum_j d_{ij} x_{ij} \le B.

Solved exactly, see :mod:`arbmodels.assignment.robust.engine`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from arbmodels.assignment.answer import Answer
from arbmodels.assignment.program import AssignmentProgram
from arbmodels.assignment.robust.engine import solve_robust
from arbmodels.assignment.robust.least import least_protected
from arbmodels.assignment.robust.protection import Deviations, Members, protection
from arbmodels.assignment.source import Arrays, Block, FloatArray, Quantity
from arbmodels.assignment.whole import everything
from arbmodels.errors import Conflict, InfeasibleError, InputError
from arbmodels.routing.builder import Builder
from arbmodels.routing.constraints.base import Constraint, check_number
from arbmodels.routing.parts import spent
from arbmodels.routing.table import PlanTable

if TYPE_CHECKING:
    from arbmodels.routing.problem import RoutingProblem


@dataclass(frozen=True, eq=False)
class RobustBudget(Constraint):
    r"""Total spend at most ``total`` though any ``gamma`` instances cost more than expected.

    Parameters
    ----------
    total : float, currency units over all instances
        B.
    deviation : float or float array [N, J']
        d in currency units, or as a share of the expected spend (0.3: up to 30% more), which
        takes no memory. An instance of weight w deviates by w times d, and counts once.
    gamma : float
        :math:`\Gamma`, instances; a fraction lets one more deviate by that part of its d. Zero is
        the plain budget; N (or more) the worst case of all instances at once.
    """

    total: float
    deviation: float | Quantity
    gamma: float
    at_most = True

    @property
    def label(self) -> str:
        """Robust budget."""
        return "robust budget"

    @property
    def limit(self) -> float:
        """Total spend, deviations included."""
        return self.total

    def unit(self, table: PlanTable) -> str:
        """Return the currency."""
        return table.currency

    def check(self, table: PlanTable) -> None:
        """Check the amount, gamma and the deviations."""
        check_number(self.label, self.total, f"an amount of {table.currency}")
        check_number("gamma of the robust budget", self.gamma, "a number of instances")
        if np.ndim(self.deviation) == 0:
            check_number("deviation", float(self.deviation), "a share of the spend")
            return
        values = np.asarray(self.deviation)
        if values.shape != (table.size, table.width):
            raise InputError(
                f"deviation has shape {values.shape}; give one share of the spend, or currency"
                f" units per instance and plan, {(table.size, table.width)}."
            )
        good = np.isfinite(values) & (values >= 0)
        if table.offered is not None:
            good |= ~table.offered
        if not good.all():
            i, j = np.argwhere(~good)[0]
            raise InputError(
                f"Instance {table.instances[i]!r}, plan {table.plans[j].label!r}: deviation"
                f" {values[i, j]:g} must be finite and at least 0."
            )

    def add(self, builder: Builder) -> None:
        """Add the row without deviations."""
        table = builder.table
        if builder.payments:
            raise InputError(
                "A robust budget counts list spend; with contracts it is not known what a"
                " deviation costs. Leave the contracts or the robust budget out."
            )
        every = np.ones(len(table.models), dtype=bool)
        builder.row(self.label, spent(table, every, {}), self.total, at_most=True)

    def achieved(self, table: PlanTable, assignment: npt.NDArray[np.integer]) -> float:
        """Return expected spend plus largest deviation of an assignment [N], currency units."""
        spend = table.times * table.chosen(assignment, table.spend)
        return float(spend.sum()) + protection(self.deviations(table, assignment), self.gamma)

    def deviations(self, table: PlanTable, assignment: npt.NDArray[np.integer]) -> FloatArray:
        """Return w d of every instance at its plan, [N]."""
        if np.ndim(self.deviation) == 0:
            chosen = float(self.deviation) * table.chosen(assignment, table.spend)
        else:
            chosen = table.chosen(assignment, np.asarray(self.deviation))
        return table.times * chosen


def robust_of(problem: RoutingProblem) -> RobustBudget | None:
    """Return a problem's robust budget, if it has one."""
    return next((each for each in problem.constraints if isinstance(each, RobustBudget)), None)


def solve_protected(problem: RoutingProblem, gap: float, time_limit: float) -> Answer:
    """Solve a problem with a robust budget; the assignment keeps it."""
    program, deviations = protected_program(problem)
    return solve_robust(program, deviations, gap, time_limit).answer


def protected_program(problem: RoutingProblem) -> tuple[AssignmentProgram, Deviations]:
    """Return the program with d among its quantities, and where it is."""
    robust = robust_of(problem)
    assert robust is not None  # noqa: S101 - for the type checker
    table, program = problem.plan_table, problem.assembled.program
    row = problem.assembled.row(robust.label)
    groups = table.groups(problem.assignment)
    share = np.ndim(robust.deviation) == 0
    if groups.of_instance is None and share:
        # The row says spend, with weights; a share of it is what deviates.
        return program, Deviations(row, robust.gamma, float(robust.deviation) * program.rows[row])
    values = np.asarray(table.spend if share else robust.deviation)
    factor = float(robust.deviation) if share else 1.0
    if groups.of_instance is not None:
        own = np.zeros((2, 1, program.plans))
        own[1] = factor
        block = Block(0, (values,), None, table.weights, table.offered)
        members = Members(Arrays(block), groups.of_instance)
        return program, Deviations(row, robust.gamma, own, members)
    block = everything(program)
    if block.weights is None and table.weights is not None:
        values = table.weights[:, None] * values  # the program's quantities have them already
    own = np.zeros((program.objective.shape[0] + 1, *program.objective.shape[1:]))
    own[-1] = 1.0
    return replace(
        program,
        source=Arrays(replace(block, quantities=(*block.quantities, _wide(values, block.width)))),
        objective=np.concatenate([program.objective, np.zeros_like(program.objective[:1])]),
        rows=np.concatenate([program.rows, np.zeros_like(program.rows[:, :1])], axis=1),
    ), Deviations(row, robust.gamma, own)


def keeps(problem: RoutingProblem, assignment: npt.NDArray[np.integer]) -> bool:
    """Return whether an assignment [N] keeps the robust budget, if there is one."""
    robust = robust_of(problem)
    if robust is None:
        return True
    return robust.achieved(problem.plan_table, assignment) <= robust.total * (1 + 1e-12)


def robust_conflict(problem: RoutingProblem, time_limit: float) -> InfeasibleError:
    """Return the error for a robust budget that the other constraints leave no room for."""
    robust = robust_of(problem)
    assert robust is not None  # noqa: S101 - for the type checker
    table = problem.plan_table
    program, deviations = protected_program(problem)
    enough = least_protected(program, deviations, time_limit)
    asked = robust.show(robust.total, table)
    head = "No assignment satisfies every constraint. Without deviations they can be met;"
    if enough is None:
        return InfeasibleError(f"{head} the {robust.label} of {asked} cannot be kept with them.")
    text = robust.show(robust.loosened(enough, 4), table)
    return InfeasibleError(
        f"{head} the {robust.label} of {asked} has to rise, and {text} is enough (gamma"
        f" {robust.gamma:g}), or gamma or the deviations to fall.",
        [Conflict(robust.label, robust.total, enough, robust.unit(table))],
    )


def _wide(values: Quantity, width: int) -> Quantity:
    """Return columns of zeros beside others; plans beyond the arrays do not deviate."""
    more = width - values.shape[1]
    return np.pad(values, ((0, 0), (0, more))) if more else values
