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

#: What may be done with one plan per instance, by what it was chosen by.
_PER_INSTANCE = {
    "record": "oracle bound, not deployable: it uses each instance's own solve probabilities",
    "predicted": "deployable: chosen by predictions that saw nothing of the instance; solve rate"
    " and spend are predicted too, score_on(market) gives those recorded",
    "given": "chosen by the numbers given: a bound, not deployable, if they are the instances' own"
    " outcomes; deployable if they were known before (predictions, classes of instances)",
}
_GROUPED = {"per-segment": "one plan per segment", "single": "one plan for all"}
_GREY = "#999999"
#: Plans listed in a note.
_LISTED = 5


def kind(problem: RoutingProblem) -> str:
    """Return what the assignment is called: an oracle's only if it looks at the record itself."""
    per_instance = problem.assignment == "oracle" and problem.plan_table.basis != "record"
    return f"{'per-instance' if per_instance else problem.assignment} assignment"


def meaning(problem: RoutingProblem) -> str:
    """Return what may be done with the assignment, which depends on what the numbers are."""
    basis = problem.plan_table.basis
    if problem.assignment == "oracle":
        return f"{kind(problem)}: {_PER_INSTANCE[basis]}"
    scored = {
        "record": "fitted and scored on the same instances",
        "predicted": "chosen and scored by predictions; score_on(market) gives what was recorded",
        "given": "chosen and scored by the same numbers",
    }
    return f"{kind(problem)}: {_GROUPED[problem.assignment]}, {scored[basis]}"


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
        f" {len(problem.plans)} plans, {kind(problem)}",
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
        meaning(problem),
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
    return [*notes, *_missing(problem), table.convention]


def _missing(problem: RoutingProblem) -> list[str]:
    """Say which pairs are not offered, and which estimates are of a part of their group."""
    table, notes = problem.plan_table, list[str]()
    if table.pool is not None:
        filled = table.pool.filled.sum(axis=0)
        notes += [
            f"{table.plans[j].label}: {filled[j]} of {table.size} instances have no record and"
            f" count as the mean of the others{_in_segment(problem)}, as if missing at random"
            for j in np.flatnonzero(filled)[:_LISTED].tolist()
        ]
        if (filled > 0).sum() > _LISTED:
            notes.append(f"and so for {(filled > 0).sum() - _LISTED} other plans")
    groups = table.groups(problem.assignment)
    if groups.of_instance is not None and groups.offered is not None:
        lacking = [
            f"{table.plans[j].label} to {', '.join(map(str, out[:3]))}{', ...' * (len(out) > 3)}"
            for j in np.flatnonzero(~groups.offered.all(axis=0))
            for out in [[groups.names[g] for g in np.flatnonzero(~groups.offered[:, j]).tolist()]]
        ]
        why = "no record there" if table.pool is not None else "not offered to all instances there"
        more = f"; and {len(lacking) - _LISTED} other plans" if len(lacking) > _LISTED else ""
        notes.append(f"not offered: {'; '.join(lacking[:_LISTED])}{more} ({why})")
    elif table.offered is not None:
        why = ": no record" if table.market is not None else ""
        missing = int((~table.offered).sum())
        notes.append(f"{missing} pairs of instance and plan not offered{why}")
    return notes


def _in_segment(problem: RoutingProblem) -> str:
    return " in their segment" if problem.assignment == "per-segment" else ""


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
        f" {table.currency}\n{kind(result.problem)}",
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
