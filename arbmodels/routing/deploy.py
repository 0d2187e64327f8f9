"""From the shadow prices of a result to a rule for instances that were not in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arbmodels.errors import InputError
from arbmodels.online.policy import SPEND, RoutingPolicy
from arbmodels.routing.constraints import Budget, QualityFloor
from arbmodels.routing.objectives import Profit, SolveRate, Spend

#: The row of the penalty; a plan that buys nothing uses one of it.
ABSTENTION = "abstention"

if TYPE_CHECKING:
    from arbmodels.routing.problem import RoutingProblem
    from arbmodels.routing.result import RoutingResult


def policy(result: RoutingResult) -> RoutingPolicy:
    """Return the policy at the shadow prices; see :meth:`RoutingResult.policy`."""
    problem = result.problem
    table = problem.plan_table
    if problem.assignment != "oracle":
        raise InputError(
            f"A {problem.assignment} assignment is a rule already: serve every instance with the"
            " plan of its segment."
        )
    problem.program()  # refuses what has no prices
    if problem.contracts:
        raise InputError(
            "What the next instance pays under a contract depends on what was bought before, so"
            " that there is no rule of one price. Leave out the contracts."
        )
    value, spend = _own(problem)
    others: dict[str, float] = {}
    if problem.penalty:
        others[ABSTENTION] = problem.penalty * (value if spend == 0 else 1.0)
    for constraint in problem.constraints:
        price = result.shadow_prices.get(constraint.label, 0.0)
        if constraint == Budget(constraint.limit):
            spend += price
        elif constraint == QualityFloor(constraint.limit):
            value += price / table.size
        elif price > 0:
            others[constraint.label] = price if constraint.at_most else -price
    if value <= 0:
        raise InputError(
            "Solved instances have no value at these prices, so that every instance would get its"
            " cheapest plan. Add a floor over all instances that binds."
        )
    units = {SPEND: f"solve probability per {table.currency}"}
    units |= {
        constraint.label: f"solve probability per {constraint.unit(table)}"
        for constraint in problem.constraints
        if constraint.label in others
    }
    if ABSTENTION in others:
        units[ABSTENTION] = "solve probability per instance"
    return RoutingPolicy(
        tuple(plan.label for plan in problem.plans),
        {SPEND: spend / value, **{label: price / value for label, price in others.items()}},
        units,
    )


def _own(problem: RoutingProblem) -> tuple[float, float]:
    """Return what a solved instance and a unit of spend count in the objective, of weight one."""
    objective = problem.objective
    if isinstance(objective, SolveRate):
        return 1.0 / problem.plan_table.size, 0.0
    if isinstance(objective, Spend):
        return 0.0, 1.0
    if isinstance(objective, Profit) and isinstance(objective.price, float | int):
        return float(objective.price), 1.0
    raise InputError(
        f"To {problem.goal} values a solved instance differently by segment, so that there is"
        " no rule of one price. Make one problem per segment."
    )
