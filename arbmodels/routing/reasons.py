"""Why an instance has its plan, and what every instance gives up to the constraints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from arbmodels.assignment.passes import Choice
from arbmodels.assignment.program import dense, offered
from arbmodels.assignment.source import Block, BoolArray, FloatArray
from arbmodels.display import Displayed, TextTable, number, percent
from arbmodels.routing.builder import Builder
from arbmodels.routing.objectives import abstention
from arbmodels.routing.parts import scaled
from arbmodels.routing.show import plan_text

if TYPE_CHECKING:
    from arbmodels.routing.result import RoutingResult


@dataclass(frozen=True, eq=False, repr=False)
class Reasons(Displayed):
    r"""Why a group has its plan.

    At the shadow prices a plan is worth its own contribution to the objective less what it uses of
    the rows, :math:`\pm o_{gj} - \sum_r \pi_r \sigma_r a_{rgj}`. Every group takes the plan of the
    largest priced value, but for the few where whole numbers decide.

    Attributes
    ----------
    result : RoutingResult
    instance : label
    chosen : int
        Position of its plan.
    frame : DataFrame
        One row per plan on offer, best first: solve probability and spend of the instance, value
        (contribution to the objective), one column of cost per row with a price, priced value,
        and the loss against the best priced value.
    """

    result: RoutingResult
    instance: object
    chosen: int
    frame: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return the table as a DataFrame."""
        return self.frame.copy()

    def table(self) -> TextTable:
        """Return plans by priced value."""
        problem = self.result.problem
        kind = "" if problem.assignment == "oracle" else f", {problem.assignment} assignment"
        rows = [
            (
                f"{plan_text(problem.plans[j])}{self._mark(j)}",
                percent(row["solve_probability"]),
                number(row["spend"]),
                *(number(row[column]) for column in self.frame.columns[2:]),
            )
            for j, row in zip(self.frame.index, self.frame.to_dict("records"), strict=True)
        ]
        named = ["solve probability", f"spend [{problem.plan_table.currency}]"]
        unit = problem.objective_unit
        scale = "per instance" if problem.assignment == "oracle" else "in the objective"
        return TextTable(
            f"Why {plan_text(problem.plans[self.chosen])} serves {self.instance}{kind}",
            ("plan", *named, *(str(column) for column in self.frame.columns[2:])),
            rows,
            f"* its plan. Value, prices and loss in units of {unit} {scale}; priced value = value"
            " - prices of what it uses. A loss at the chosen plan is due to whole numbers, or to"
            " plans closed by a fee or a limit on their number.",
        )

    def _mark(self, plan: int) -> str:
        if plan == self.chosen:
            return " *"
        side = self.result.problem.program().side
        if side is None:
            return ""
        values = np.array([self.result.side[name] for name in side.names])
        return " (closed)" if (values[side.needs[plan]] < 0.5).any() else ""


def reasons(result: RoutingResult, instance: object) -> Reasons:
    """Return why an instance has its plan; see :meth:`RoutingResult.explain`."""
    problem = result.problem
    table = problem.plan_table
    position = int(table.positions([instance])[0])
    group = int(problem.group_of_instance[position])
    assembled = problem.assembled
    program = assembled.program
    block = program.source.take(np.array([group]))
    # Per instance where an instance is a group: 1/N and weights say nothing about its plans.
    mean = problem.objective_unit == "solve rate" and problem.assignment == "oracle"
    factor = float(table.size) if mean else 1.0
    if block.weights is None and problem.assignment == "oracle" and table.weights is not None:
        factor /= float(table.weights[position]) or 1.0  # a program of sums has them in its numbers
    allowed = np.flatnonzero(offered(block, program.plans, program.forbidden)[0])
    value = factor * program.sign * dense(block, program.objective)[0]
    columns = {"value": value}
    priced = value.copy()
    for r, row in enumerate(assembled.rows):
        price = float(result.row_prices[r])
        if price > 0:
            cost = factor * price * float(program.sense[r]) * dense(block, program.rows[r])[0]
            columns[f"price of {row.label}"] = cost
            priced -= cost
    columns["priced value"] = priced
    columns["loss"] = priced[allowed].max() - priced
    beyond = (0, len(problem.plans) - table.width)  # they have zero of everything
    solve, spend = (np.pad(each[position], beyond) for each in (table.solve, table.spend))
    frame = pd.DataFrame({"solve_probability": solve, "spend": spend, **columns})
    frame = frame.loc[allowed].sort_values("loss", kind="stable")
    return Reasons(result, instance, int(result.assignment[position]), frame)


def regret(result: RoutingResult) -> FloatArray:
    """Return the regret of every instance, [N]; see :meth:`RoutingResult.regret`."""
    problem = result.problem
    builder = Builder(problem.plan_table, "oracle")
    parts, mean = problem.objective.gain(builder)
    # A penalty of the mean is per instance here.
    factor = float(problem.plan_table.size) if mean else 1.0
    penalty = abstention(problem.plan_table, problem.objective, problem.penalty)
    builder.objective = (*parts, *scaled(penalty, factor))
    program = builder.assemble().program
    table = (1.0 if problem.objective.maximise else -1.0) * program.objective
    pieces = program.source.map(_regret, table, program.forbidden, result.assignment)
    return np.concatenate(pieces)


def _regret(
    block: Block, table: FloatArray, forbidden: BoolArray | None, assignment: Choice
) -> FloatArray:
    worth = dense(block, table)
    own = worth[np.arange(block.size), assignment[block.start : block.start + block.size]]
    best = np.where(offered(block, table.shape[2], forbidden), worth, -np.inf).max(axis=1)
    lost: FloatArray = best - own
    return lost
