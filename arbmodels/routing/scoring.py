"""An assignment scored on data that it need not have been fitted on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from arbmodels.assignment.complete import complete
from arbmodels.assignment.passes import Choice, totals
from arbmodels.assignment.program import dense
from arbmodels.assignment.source import FloatArray
from arbmodels.assignment.whole import everything
from arbmodels.routing.constraints import Constraint, MenuLimit
from arbmodels.routing.objectives import Spend
from arbmodels.routing.problem import RoutingProblem
from arbmodels.routing.robust import RobustBudget
from arbmodels.routing.scenario_floor import ScenarioFloor


class Scored:
    """An assignment [N] scored on a problem, with side columns as good as it allows.

    Totals are scaled to the instances of ``whole``.

    Attributes
    ----------
    objective : float
    by_instance : float array [N] or None
        What each instance adds, times N: their mean is the objective. None with side columns.
    use : dict
        Constraint label -> left-hand side as a share of the limit, of positive limits.
    """

    def __init__(self, problem: RoutingProblem, assignment: Choice, whole: RoutingProblem) -> None:
        one_each = replace(problem, assignment="oracle", start=None)
        size, full = problem.plan_table.size, whole.plan_table.size
        scale = 1.0 if whole.objective.unit(whole.plan_table) == "solve rate" else full / size
        free = replace(one_each, constraints=())
        program = free.assembled.program
        sums = totals(program, assignment)
        side = complete(program, assignment, sums)
        self.objective = scale * program.value_of(sums, side)
        self.by_instance: FloatArray | None = None
        if program.side is None:
            block = everything(program)
            gains = dense(block, program.objective)[np.arange(size), assignment]
            if block.weights is not None:
                gains *= block.weights
            self.by_instance = scale * size * gains
        self.use = {
            constraint.label: value / constraint.limit
            for constraint, value in _activity(one_each, assignment)
            if constraint.limit > 0
        }


def _activity(problem: RoutingProblem, assignment: Choice) -> Iterator[tuple[Constraint, float]]:
    """Return left-hand sides in the unit of their limits."""
    table = problem.plan_table
    constraints = problem.constraints
    plain = replace(
        problem, constraints=tuple(c for c in constraints if not isinstance(c, ScenarioFloor))
    )
    # Payments are as low as the contracts allow, whatever the objective.
    paid = replace(plain, constraints=(), objective=Spend(), penalty=0.0).assembled
    beside = complete(paid.program, assignment)
    due = dict(zip(paid.columns, [] if beside is None else beside.tolist(), strict=True))
    assembled = plain.assembled
    side = np.array([due.get(name, 0.0) for name in assembled.columns])
    sums = totals(assembled.program, assignment)
    shown = assembled.shown(assembled.program.activity_of(sums, side), sums)
    position = {row.label: r for r, row in enumerate(assembled.rows)}
    in_use = np.bincount(assignment, minlength=len(problem.plans)) > 0
    for constraint in constraints:
        label = constraint.label
        if isinstance(constraint, ScenarioFloor):
            weight = table.times * table.inside(constraint.segment)
            solved = weight @ table.chosen(assignment, table.solve)
            yield constraint, float(solved / weight.sum())
        elif isinstance(constraint, RobustBudget):
            yield constraint, constraint.achieved(table, assignment)
        elif isinstance(constraint, MenuLimit):
            yield constraint, float(constraint.in_use(table, in_use))
        elif label in position:
            yield constraint, float(shown[position[label]])
