"""How a routing result looks: its table and its pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arbmodels.display import TextTable, model_colour, model_label, new_axes, number, percent
from arbmodels.plans import Plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from arbmodels.routing.problem import RoutingProblem
    from arbmodels.routing.result import RoutingResult

#: What may be done with an assignment of each kind.
MEANING = {
    "oracle": "oracle bound, not deployable: it uses each instance's own solve probabilities",
    "per-segment": "one plan per segment, fitted and scored on the same instances",
    "single": "one plan for all, fitted and scored on the same instances",
}
_GREY = "#999999"


def plan_text(plan: Plan) -> str:
    """Return a plan in one line, with the printed names of its models."""
    stages = tuple((model_label(model), amount) for model, amount in plan.stages)
    return Plan(stages, plan.unit).summary


def problem_table(problem: RoutingProblem) -> TextTable:
    """Return a problem's size, constraints and contracts."""
    table = problem.plan_table
    rows = [
        (
            constraint.label,
            "at most" if constraint.at_most else "at least",
            constraint.show(constraint.limit, table),
        )
        for constraint in problem.constraints
    ]
    for contract in problem.contracts:
        rates = ", ".join(f"{number(rate, 3)} from {number(at, 3)}" for at, rate in contract.pieces)
        rows.append((contract.label, f"fee {number(contract.fee)}", f"rate {rates}"))
    if problem.penalty:
        unit = problem.objective_unit
        rows.append(("penalty per abstention", "", f"{number(problem.penalty)} {unit}"))
    return TextTable(
        f"Routing {table.name}: {problem.goal}, {len(problem.groups)} groups x"
        f" {len(problem.plans)} plans, {problem.assignment} assignment",
        ("constraint", "", "limit"),
        rows,
    )


def result_table(result: RoutingResult) -> TextTable:
    """Return who serves what; below it the proof, the constraints and their prices."""
    table = result.problem.plan_table
    rows = [
        (
            plan_text(use.plan),
            str(use.instances),
            percent(use.instances / table.size),
            number(use.spend),
            percent(use.spend / (result.spend or 1.0)),
            percent(use.solve_rate),
        )
        for use in result.uses
    ]
    spend = "spend" if not result.payments else "spend at list prices"
    return TextTable(
        f"Routing of {table.name}: solve rate {percent(result.solve_rate, 2)},"
        f" {spend} {number(result.spend)} {table.currency}",
        (
            "plan",
            "instances",
            "share",
            f"{spend} [{table.currency}]",
            "share of spend",
            "solve rate",
        ),
        rows,
        "\n".join(_notes(result)),
    )


def _notes(result: RoutingResult) -> list[str]:
    problem, table = result.problem, result.problem.plan_table
    unit = problem.objective_unit
    notes = [
        f"{problem.goal}: {number(result.objective, 6)} {unit}, bound {number(result.bound, 6)},"
        f" gap {result.gap:.1e} ({result.status}, {result.time:.2f} s)",
        f"{problem.assignment} assignment: {MEANING[problem.assignment]}",
    ]
    if result.validation is not None:
        notes += result.validation.lines()
    elif problem.market is not None:
        notes.append("in sample; solve(folds=5) says how much of the objective is optimism")
    for constraint in problem.constraints:
        label = constraint.label
        limit = constraint.show(constraint.limit, table)
        if label not in result.activity:
            notes.append(f"{label}: held")
            continue
        used = f"{label}: {constraint.show(result.activity[label], table, 6)} of {limit}"
        if label not in result.shadow_prices:
            notes.append(used)
        elif label in result.binding:
            price = f"{number(result.shadow_prices[label])} {result.shadow_price_units[label]}"
            notes.append(f"{used}, shadow price {price}")
        else:
            notes.append(f"{used}, does not bind")
    for seller, each in result.payments.items():
        notes.append(
            f"contract with {seller}: {number(each.payment)} {table.currency} paid for"
            f" {number(each.list_spend)} at list prices"
        )
    if result.payments:
        notes.append(f"total to pay: {number(result.outlay)} {table.currency}")
    if problem.goal == "maximise the worst segment":
        rates = sorted(result.segment_rates.items(), key=lambda each: each[1])
        listed = ", ".join(f"{name} {percent(rate)}" for name, rate in rates[:5])
        notes.append(f"solve rates by segment: {listed}{', ...' if len(rates) > 5 else ''}")
    missing = 0 if table.offered is None else int((~table.offered).sum())
    if missing:
        notes.append(f"{missing} pairs of instance and plan not offered: no record")
    return [*notes, table.convention]


def plot_shares(result: RoutingResult) -> Axes:
    """Draw each plan's share of the instances and of the spend, in its first model's colour."""
    from matplotlib.patches import Patch

    uses, table = result.uses, result.problem.plan_table
    axes = new_axes(5.6, 1.2 + 0.5 * len(uses))
    position = np.arange(len(uses))[::-1]
    colours = [
        model_colour(use.plan.models[0], table.models) if use.plan.models else _GREY for use in uses
    ]
    instances = [100 * use.instances / table.size for use in uses]
    spend = [100 * use.spend / (result.spend or 1.0) for use in uses]
    axes.barh(position + 0.19, instances, 0.36, color=colours)
    axes.barh(position - 0.19, spend, 0.36, color=colours, alpha=0.45)
    axes.set_yticks(position, [f"{plan_text(use.plan)} ({use.instances})" for use in uses])
    axes.set_xlabel("share [%]")
    axes.set_title(
        f"Solve rate {percent(result.solve_rate)}, spend {number(result.spend)}"
        f" {table.currency}\n{result.problem.assignment} assignment",
        fontsize="medium",
    )
    axes.legend(
        handles=[
            Patch(color=_GREY, label="instances"),
            Patch(color=_GREY, alpha=0.45, label="spend"),
        ],
        frameon=False,
    )
    return axes


def plot_path(result: RoutingResult) -> Axes:
    """Draw the proven bound at every step, and the objective reached."""
    bounds = [step.bound for step in result.path] or [result.bound]
    axes = new_axes()
    axes.plot(range(1, len(bounds) + 1), bounds, marker="o", markersize=3, label="proven bound")
    axes.axhline(result.objective, color=_GREY, linestyle="--", label="objective reached")
    axes.set_xlabel("step of the multipliers")
    axes.set_ylabel(f"objective [{result.problem.objective_unit}]")
    axes.set_title(f"Dual path, gap {result.gap:.1e}", fontsize="medium")
    axes.legend(frameon=False)
    return axes
