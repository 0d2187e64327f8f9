"""An assignment scored on data that it need not have been fitted on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from arbmodels._assignment.pricing import complete, totals
from arbmodels._assignment.program import Choice, FloatArray, dense, everything
from arbmodels._checks import index_of
from arbmodels._pandas import pd
from arbmodels.display import Displayed, TextTable, number
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.routing.constraints import Constraint
from arbmodels.routing.constraints.structure import Assigned, start_of
from arbmodels.routing.objectives import Spend
from arbmodels.routing.statement import Statement


class Scored:
    """An assignment [N] scored on a problem, with auxiliary variables as good as it allows.

    Totals are scaled to the instances of ``whole``.

    Attributes
    ----------
    objective : float
    by_instance : float array [N] or None
        What each instance adds, times N: their mean is the objective. None with auxiliary
        variables.
    use : dict
        Constraint label -> left-hand side as a share of the limit, of positive limits.
    """

    def __init__(self, problem: Statement, assignment: Choice, whole: Statement) -> None:
        one_each = replace(problem, assignment="oracle", start=None)
        size, full = problem.plan_table.size, whole.plan_table.size
        scale = (
            1.0 if whole.objective.unit(whole.plan_table) == whole.plan_table.rate else full / size
        )
        free = replace(one_each, constraints=())
        program = free.assembled.program
        sums = totals(program, assignment)
        auxiliary = complete(program, assignment, sums)
        self.objective = scale * program.value_of(sums, auxiliary)
        self.by_instance: FloatArray | None = None
        if program.auxiliary is None:
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


def _activity(problem: Statement, assignment: Choice) -> Iterator[tuple[Constraint, float]]:
    """Return left-hand sides in the unit of their limits."""
    table = problem.plan_table
    constraints = problem.constraints
    told = [each.scored(table, assignment) for each in constraints]
    by_rows = tuple(c for c, own in zip(constraints, told, strict=True) if own is None)
    plain = replace(problem, constraints=by_rows)
    # Payments are as low as the contracts allow, whatever the objective.
    paid = replace(plain, constraints=(), objective=Spend(), penalty=0.0).assembled
    beside = complete(paid.program, assignment)
    due = dict(zip(paid.columns, [] if beside is None else beside.tolist(), strict=True))
    assembled = plain.assembled
    auxiliary = np.array([due.get(name, 0.0) for name in assembled.columns])
    sums = totals(assembled.program, assignment)
    shown = assembled.shown(assembled.program.activity_of(sums, auxiliary), sums)
    position = {row.label: r for r, row in enumerate(assembled.rows)}
    for constraint, own in zip(constraints, told, strict=True):
        if own is not None:
            yield constraint, own
        elif constraint.label in position:
            yield constraint, float(shown[position[constraint.label]])


@dataclass(frozen=True, eq=False, repr=False)
class Score(Displayed):
    """What an assignment comes to by the numbers of a problem, such as a record of outcomes.

    Attributes
    ----------
    problem : Statement
        Whose numbers count.
    plan : tuple of str, length N
        Label of each instance's plan.
    solved, spent : float array [N]
        Solve probability (or recorded solve rate) and spend of each instance at its plan.
    """

    problem: Statement
    plan: tuple[str, ...]
    solved: FloatArray
    spent: FloatArray

    @property
    def solve_rate(self) -> float:
        """Weighted mean of ``solved``."""
        return float(self.problem.plan_table.times @ self.solved / len(self.solved))

    @property
    def solve_rate_standard_error(self) -> float:
        """Standard error of the solve rate over the draw of instances; NaN for one instance.

        sqrt(sum_i w_i^2 (p_i - p)^2 N / (N - 1)) with weights that sum to one.
        """
        count = len(self.solved)
        if count < 2:
            return float("nan")
        weight = self.problem.plan_table.times / count
        squares = weight**2 @ (self.solved - self.solve_rate) ** 2
        return float(np.sqrt(squares * count / (count - 1)))

    @property
    def spend(self) -> float:
        """Total over the instances, currency units."""
        return float(self.problem.plan_table.times @ self.spent)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per instance: plan, what it solves, what it spends."""
        columns = {"plan": self.plan, "solved": self.solved, "spend": self.spent}
        return pd.DataFrame(columns, index=self.problem.plan_table.index)

    def to_dict(self) -> dict[str, Any]:
        """Return the totals as plain Python values, ready for JSON."""
        rate = self.problem.plan_table.rate.replace(" ", "_")
        return {
            rate: self.solve_rate,
            f"{rate}_standard_error": self.solve_rate_standard_error,
            "spend": self.spend,
            "spend_unit": self.problem.plan_table.currency,
            "counts": pd.Series(self.plan).value_counts(sort=False).to_dict(),
        }

    def table(self) -> TextTable:
        """Return what each plan in use solves and spends."""
        table = self.problem.plan_table
        times = pd.Series(table.times)
        rows = []
        for plan, part in pd.Series(self.plan).groupby(list(self.plan), sort=False):
            weight = times[part.index]
            solved = float(weight @ self.solved[part.index])
            rate = table.shown_rate(solved / weight.sum()) if weight.sum() > 0 else ""
            spend = float(weight @ self.spent[part.index])
            rows.append((str(plan), str(len(part)), number(spend), rate))
        error = self.solve_rate_standard_error
        return TextTable(
            f"Score on {table.name}: {table.rate} {table.shown_rate(self.solve_rate, 2)}"
            f" (standard error {table.shown_rate(error, 2)}), spend {number(self.spend)}"
            f" {table.currency}",
            ("plan", "instances", f"spend [{table.currency}]", table.rate),
            rows,
            table.billing,
        )


def score(problem: Statement, assignment: Assigned | Sequence[str | int] | pd.Series[Any]) -> Score:
    """Score an assignment; see :meth:`arbmodels.routing.RoutingProblem.score`."""
    table = problem.plan_table.unpooled or problem.plan_table
    choice = start_of(assignment, table).choice
    if choice is None:
        raise InputError("The assignment has plans that this problem lacks; make it with the same.")
    if table.offered is not None:
        bought = np.flatnonzero(choice < table.width)
        bare = bought[~table.offered[bought, choice[bought]]]
        if len(bare):
            i = int(bare[0])
            what = "has no record" if table.market is not None else "is not offered"
            raise InputError(
                f"{len(bare)} of {table.size} instances get a plan that {what} there, first"
                f" {table.instances[i]!r} with {table.plans[choice[i]].label!r}, so that they"
                " cannot be scored. Route and score instances that have all of them"
                " (market.intersection())."
            )
    return Score(
        replace(problem, assignment="oracle", constraints=(), contracts=(), start=None),
        tuple(table.plans[j].label for j in choice),
        table.chosen(choice, table.solve),
        table.chosen(choice, table.spend),
    )


def score_on(result: Assigned, record: Market | Statement) -> Score:
    """Score a result on a record; see :meth:`arbmodels.routing.RoutingResult.score_on`."""
    if isinstance(record, Market):
        record = Statement(record, result.problem.plans)
    elif not isinstance(record, Statement):
        raise InputError(f"record is a {type(record).__name__}; give a Market or RoutingProblem.")
    ours, theirs = result.problem.plan_table, record.plan_table
    labels = np.array([plan.label for plan in result.problem.plans], dtype=object)
    by_instance = labels[np.asarray(result.assignment)]
    assignment = result.problem.assignment
    if assignment == "oracle":
        keys, wanted, what = ours.index, theirs.index, "instance"
    elif assignment == "single":
        return score(record, [by_instance[0]] * theirs.size)
    else:
        segments = ours.labels("segment")
        _, first = np.unique(segments.codes, return_index=True)
        by_instance, keys, what = by_instance[first], index_of(segments.names), "segment"
        known = theirs.labels("segment")
        wanted = index_of(np.array(known.names, dtype=object)[known.codes])
    place = keys.get_indexer(wanted)
    if (place < 0).any():
        other = wanted[place < 0][0]
        raise InputError(
            f"The {what} {other!r} was not in the problem, so that no plan was chosen for it; score"
            f" on its {what}s."
        )
    return score(record, by_instance[place].tolist())
