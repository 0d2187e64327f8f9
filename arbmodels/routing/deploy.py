"""From the shadow prices of a result to a rule for instances that were not in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from arbmodels.assignment.program import offered as offered_in
from arbmodels.assignment.source import Quantity
from arbmodels.errors import InputError
from arbmodels.online.policy import SPEND, RoutingPolicy, Seen, Use
from arbmodels.routing.constraints import Budget, ChangeLimit, QualityFloor
from arbmodels.routing.objectives import Profit, SolveRate, Spend
from arbmodels.routing.parts import ONE, Part
from arbmodels.routing.robust import RobustBudget
from arbmodels.routing.scenario_floor import ScenarioFloor

#: The row of the penalty; a plan that buys nothing uses one of it.
ABSTENTION = "abstention"

if TYPE_CHECKING:
    from arbmodels.routing.problem import RoutingProblem
    from arbmodels.routing.result import RoutingResult
    from arbmodels.routing.table import PlanTable


def policy(result: RoutingResult) -> RoutingPolicy:
    """Return the policy at the shadow prices; see :meth:`RoutingResult.policy`."""
    problem = result.problem
    table = problem.plan_table
    if problem.assignment != "oracle":
        raise InputError(
            f"A {problem.assignment} assignment is a rule already: serve every instance with the"
            " plan of its segment."
        )
    for constraint in problem.constraints:
        if isinstance(constraint, RobustBudget | ScenarioFloor | ChangeLimit):
            raise InputError(
                f"The {constraint.label} is about these instances together, so that there is no"
                " rule of one price for others. Leave it out."
            )
    if problem.contracts:
        raise InputError(
            "What the next instance pays under a contract depends on what was bought before, so"
            " that there is no rule of one price. Leave out the contracts."
        )
    value, spend = _own(problem)
    others: dict[str, float] = {}
    uses: dict[str, tuple[Use, ...]] = {}
    if problem.penalty:
        others[ABSTENTION] = problem.penalty * (value if spend == 0 else 1.0)
        uses[ABSTENTION] = (Use(ONE, table.abstains.astype(float)),)
    for constraint in problem.constraints:
        price = result.shadow_prices.get(constraint.label, 0.0)
        if constraint == Budget(constraint.limit):
            spend += price
        elif constraint == QualityFloor(constraint.limit):
            value += price / table.size
        elif price > 0:
            others[constraint.label] = price if constraint.at_most else -price
            uses[constraint.label] = _uses(problem, constraint.label)
    if value <= 0:
        raise InputError(
            "Solved instances have no value at these prices, so that every instance would get its"
            " cheapest plan. Add a floor over all instances that binds."
        )
    units = {SPEND: _spend_unit(table)}
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
        uses=uses,
    )


def _spend_unit(table: PlanTable) -> str:
    return f"solve probability per {table.currency}"


def _uses(problem: RoutingProblem, label: str) -> tuple[Use, ...]:
    """Return what an instance of weight one adds to a row; its labels are named."""
    row = problem.assembled.rows[problem.assembled.row(label)]
    whole = () if row.share is None else tuple(part.times(-row.share) for part in row.whole)
    return tuple(_use(problem, part) for part in (*row.parts, *whole))


def _use(problem: RoutingProblem, part: Part) -> Use:
    labels = problem.plan_table.partitions
    where = {
        name: dict(zip(labels[name].names, factors.tolist(), strict=True))
        for name, factors in part.where.items()
    }
    return Use(part.quantity, part.plan, where)


def seen_by(problem: RoutingProblem, policy: RoutingPolicy) -> Seen:
    """Return what a policy sees of the instances of a problem, in the order of its own plans.

    Pairs that the problem's own constraints forbid are not offered.

    Raises
    ------
    InputError
        If the plans are others, spend is in another currency, or an instance has no segment or
        period where a row asks for one.
    """
    own = replace(problem, assignment="oracle", start=None)
    table = own.plan_table
    labels = [plan.label for plan in table.plans]
    if sorted(labels) != sorted(policy.plans):
        other = next(iter(set(labels) ^ set(policy.plans)))
        where = "the problem lacks" if other in policy.plans else "the policy lacks"
        raise InputError(f"The plans are not those of the policy: {where} {other!r}.")
    order = [labels.index(label) for label in policy.plans]
    asked = policy.units.get(SPEND, "")
    if policy.price and asked not in ("", _spend_unit(table)):
        raise InputError(
            f"The policy's price of spend is in {asked}, and the problem's spend in"
            f" {table.currency}. Convert one of them."
        )

    def whole(values: Quantity) -> Quantity:
        more = len(labels) - values.shape[1]
        return np.pad(values, ((0, 0), (0, more)))[:, order]

    def use(part: Use) -> Quantity:
        result: Quantity = part.plan[None, :]
        if part.quantity != ONE:
            result = whole(table.quantity(part.quantity)) * part.plan
        for partition, factors in part.where.items():
            known = table.labels(partition)
            by_label = np.array([factors.get(name, 0.0) for name in known.names])
            result = by_label[known.codes][:, None] * result
        return result

    rows = {
        label: sum((use(part) for part in parts), np.zeros((1, 1)))
        for label, parts in policy.uses.items()
        if policy.prices.get(label)
    }
    program = own.assembled.program
    blocks = program.source.map(offered_in, program.plans, program.forbidden)
    offered = np.concatenate(blocks)[:, order]
    there = None if offered.all() else offered
    return Seen(table.index, whole(table.solve), whole(table.spend), there, rows)


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
