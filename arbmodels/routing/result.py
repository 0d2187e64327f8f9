"""The answer to a routing problem: who serves what, how good it is, what binds, and why.

Its table, pictures and files; what every instance gives up to the constraints; the rule that its
shadow prices are for other instances; and what cross-validation found.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from arbmodels._assignment.program import (
    Block,
    BoolArray,
    Choice,
    FloatArray,
    Quantity,
    Status,
    Step,
    dense,
    offered,
)
from arbmodels._assignment.program import offered as offered_in
from arbmodels._checks import number_of, path_of
from arbmodels._pandas import pd
from arbmodels._solver import relative_gap
from arbmodels._writing import write_whole
from arbmodels.display import (
    Displayed,
    TextTable,
    model_color,
    new_axes,
    number,
    percent,
)
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.online.policies import SPEND, RoutingPolicy, Seen
from arbmodels.online.policies import Use as RowUse
from arbmodels.plans import Plan
from arbmodels.routing.builder import ONE, Builder, Part, scaled
from arbmodels.routing.constraints import Budget, QualityFloor
from arbmodels.routing.objectives import Profit, SolveRate, Spend, abstention
from arbmodels.routing.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

    from arbmodels.online.policies import RoutingPolicy
    from arbmodels.routing.scoring import Score
    from arbmodels.routing.sensitivity import PriceRange
    from arbmodels.routing.statement import Statement
    from arbmodels.routing.table import PlanTable


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


def kind(problem: Statement) -> str:
    """Return what the assignment is called: an oracle's only if it looks at the record itself."""
    per_instance = problem.assignment == "oracle" and problem.plan_table.basis != "record"
    return f"{'per-instance' if per_instance else problem.assignment} assignment"


def meaning(problem: Statement) -> str:
    """Return what may be done with the assignment, which depends on what the numbers are."""
    basis = problem.plan_table.basis
    if problem.assignment == "oracle":
        text = f"{kind(problem)}: {_PER_INSTANCE[basis]}"
        if problem.plan_table.outcome == "score":
            text = text.replace("solve probabilities", "scores").replace("solve rate", "score")
        return text
    scored = {
        "record": "fitted and scored on the same instances",
        "predicted": "chosen and scored by predictions; score_on(market) gives what was recorded",
        "given": "chosen and scored by the same numbers",
    }
    return f"{kind(problem)}: {_GROUPED[problem.assignment]}, {scored[basis]}"


def problem_table(problem: Statement) -> TextTable:
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
            use.plan.summary,
            str(use.instances) if table.volume is None else number(use.requests, 6),
            percent(use.instances / table.size)
            if table.volume is None
            else percent(use.requests / table.total),
            number(use.spend),
            percent(use.spend / (result.spend or 1.0)),
            table.shown_rate(use.solve_rate),
        )
        for use in result.uses
    ]
    spend = "spend" if not result.payments else "spend at list prices"
    return TextTable(
        f"Routing of {table.name}: {table.rate} {table.shown_rate(result.solve_rate, 2)},"
        f" {spend} {number(result.spend)} {table.currency}",
        (
            "plan",
            "instances" if table.volume is None else "requests",
            "share",
            f"{spend} [{table.currency}]",
            "share of spend",
            table.rate,
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
        listed = ", ".join(f"{name} {table.shown_rate(rate)}" for name, rate in rates[:5])
        notes.append(f"{table.rate}s by segment: {listed}{', ...' if len(rates) > 5 else ''}")
    return [*notes, *_missing(problem), table.billing]


def _missing(problem: Statement) -> list[str]:
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


def _in_segment(problem: Statement) -> str:
    return " in their segment" if problem.assignment == "per-segment" else ""


def plot_shares(result: RoutingResult, ax: Axes | None = None) -> Axes:
    """Draw each plan's share of the instances and of the spend, in its first model's colour."""
    from matplotlib.patches import Patch

    uses, table = result.uses, result.problem.plan_table
    ax = new_axes(5.6, 1.2 + 0.5 * len(uses)) if ax is None else ax
    position = np.arange(len(uses))[::-1]
    colours = [
        model_color(use.plan.models[0], table.models) if use.plan.models else _GREY for use in uses
    ]
    instances = [100 * use.instances / table.size for use in uses]
    spend = [100 * use.spend / (result.spend or 1.0) for use in uses]
    ax.barh(position + 0.19, instances, 0.36, color=colours)
    ax.barh(position - 0.19, spend, 0.36, color=colours, alpha=0.45)
    ax.set_yticks(position, [f"{use.plan.summary} ({use.instances})" for use in uses])
    ax.set_xlabel("share [%]")
    ax.set_title(
        f"{table.rate.capitalize()} {table.shown_rate(result.solve_rate)},"
        f" spend {number(result.spend)}"
        f" {table.currency}\n{kind(result.problem)}",
        fontsize="medium",
    )
    ax.legend(
        handles=[
            Patch(color=_GREY, label="instances"),
            Patch(color=_GREY, alpha=0.45, label="spend"),
        ],
        frameon=False,
    )
    return ax


def plot_path(result: RoutingResult, ax: Axes | None = None) -> Axes:
    """Draw the proven bound at every step, and the objective reached."""
    bounds = [step.bound for step in result.path] or [result.bound]
    ax = new_axes() if ax is None else ax
    ax.plot(range(1, len(bounds) + 1), bounds, marker="o", markersize=3, label="proven bound")
    ax.axhline(result.objective, color=_GREY, linestyle="--", label="objective reached")
    ax.set_xlabel("step of the multipliers")
    ax.set_ylabel(f"objective [{result.problem.objective_unit}]")
    ax.set_title(f"Dual path, gap {result.gap:.1e}", fontsize="medium")
    ax.legend(frameon=False)
    return ax


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
        table = problem.plan_table
        kind = "" if problem.assignment == "oracle" else f", {problem.assignment} assignment"
        rows = [
            (
                f"{problem.plans[j].summary}{self._mark(j)}",
                table.shown_rate(row[self.frame.columns[0]]),
                number(row["spend"]),
                *(number(row[column]) for column in self.frame.columns[2:]),
            )
            for j, row in zip(self.frame.index, self.frame.to_dict("records"), strict=True)
        ]
        named = [table.chance, f"spend [{problem.plan_table.currency}]"]
        unit = problem.objective_unit
        scale = "per instance" if problem.assignment == "oracle" else "in the objective"
        return TextTable(
            f"Why {problem.plans[self.chosen].summary} serves {self.instance}{kind}",
            ("plan", *named, *(str(column) for column in self.frame.columns[2:])),
            rows,
            f"* its plan. Value, prices and loss in units of {unit} {scale}; priced value = value"
            " - prices of what it uses. A loss at the chosen plan is due to whole numbers, or to"
            " plans closed by a fee or a limit on their number.",
        )

    def _mark(self, plan: int) -> str:
        if plan == self.chosen:
            return " *"
        auxiliary = self.result.problem.program().auxiliary
        if auxiliary is None:
            return ""
        values = np.array([self.result.auxiliary[name] for name in auxiliary.names])
        return " (closed)" if (values[auxiliary.needs[plan]] < 0.5).any() else ""


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
    mean = problem.objective_unit == table.rate and problem.assignment == "oracle"
    factor = table.total if mean else 1.0
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
    frame = pd.DataFrame({_key(table.chance): solve, "spend": spend, **columns})
    frame = frame.loc[allowed].sort_values("loss", kind="stable")
    return Reasons(result, instance, int(result.assignment[position]), frame)


def regret(result: RoutingResult) -> FloatArray:
    """Return the regret of every instance, [N]; see :meth:`RoutingResult.regret`."""
    problem = result.problem
    builder = Builder(problem.plan_table, "oracle")
    parts, mean = problem.objective.gain(builder)
    # A penalty of the mean is per instance here.
    factor = problem.plan_table.total if mean else 1.0
    penalty = abstention(problem.plan_table, problem.objective, problem.penalty)
    builder.objective = (*parts, *scaled(penalty, factor))
    program = builder.assemble().program
    table = (1.0 if problem.objective.maximize else -1.0) * program.objective
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


def fresh(path: str | Path, *, overwrite: bool) -> Path:
    """Return a path that may be written to.

    Raises
    ------
    InputError
        If the file exists and may not be replaced, or its folder does not exist.
    """
    target = path_of(path)
    if target.is_dir():
        raise InputError(f"{target} is a folder; name a file in it.")
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists; choose another name or give overwrite=True.")
    if not target.parent.is_dir():
        raise InputError(f"There is no folder {target.parent}; make it first.")
    return target


def need_parquet() -> None:
    """Raise InputError if Parquet cannot be written."""
    if find_spec("pyarrow") is None:
        raise InputError('Parquet needs pyarrow: pip install "arbmodels[parquet]".')


def frame_of(result: RoutingResult) -> pd.DataFrame:
    """Return one row per instance; see :meth:`RoutingResult.to_frame`."""
    table = result.problem.plan_table
    columns: dict[str, object] = {
        name: np.array(labels.names, dtype=object)[labels.codes]
        for name, labels in table.partitions.items()
    }
    plans = np.array([plan.label for plan in result.plans], dtype=object)
    return pd.DataFrame(
        {
            **columns,
            "plan": plans[result.assignment],
            _key(table.chance): table.chosen(result.assignment, table.solve),
            "spend": table.chosen(result.assignment, table.spend),
        },
        index=table.index,
    )


def values_of(result: RoutingResult) -> dict[str, Any]:
    """Return an answer as plain Python values; see :meth:`RoutingResult.to_dict`."""
    table = result.problem.plan_table
    return {
        "status": result.status,
        "assignment_kind": result.problem.assignment,
        "meaning": meaning(result.problem),
        "objective": result.objective,
        "objective_unit": result.problem.objective_unit,
        "bound": result.bound,
        "gap": result.gap,
        "spend": result.spend,
        "spend_unit": result.problem.plan_table.currency,
        _key(table.rate): result.solve_rate,
        "segment_rates": result.segment_rates,
        "payments": {seller: each._asdict() for seller, each in result.payments.items()},
        "outlay": result.outlay,
        "activity": dict(result.activity),
        "shadow_prices": dict(result.shadow_prices),
        "shadow_price_units": dict(result.shadow_price_units),
        "binding": list(result.binding),
        "counts": result.counts,
        "filled_pairs": 0 if table.pool is None else int(table.pool.filled.sum()),
        "validation": None if result.validation is None else result.validation.to_dict(),
        "time": result.time,
    }


#: The row of the penalty; a plan that buys nothing uses one of it.
ABSTENTION = "abstention"


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
        if not constraint.separable:
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
    uses: dict[str, tuple[RowUse, ...]] = {}
    if problem.penalty:
        others[ABSTENTION] = problem.penalty * (value if spend == 0 else 1.0)
        uses[ABSTENTION] = (RowUse(ONE, table.abstains.astype(float)),)
    for constraint in problem.constraints:
        price = result.shadow_prices.get(constraint.label, 0.0)
        if constraint == Budget(constraint.limit):
            spend += price
        elif constraint == QualityFloor(constraint.limit):
            value += price / table.total
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
        constraint.label: f"{table.chance} per {constraint.unit(table)}"
        for constraint in problem.constraints
        if constraint.label in others
    }
    if ABSTENTION in others:
        units[ABSTENTION] = f"{table.chance} per instance"
    return RoutingPolicy(
        tuple(plan.label for plan in problem.plans),
        {SPEND: spend / value, **{label: price / value for label, price in others.items()}},
        units,
        table.chance,
        uses,
    )


def _key(words: str) -> str:
    """Return words as a column of a frame or a key of JSON."""
    return words.replace(" ", "_")


def _spend_unit(table: PlanTable) -> str:
    return f"{table.chance} per {table.currency}"


def _uses(problem: Statement, label: str) -> tuple[RowUse, ...]:
    """Return what an instance of weight one adds to a row; its labels are named."""
    row = problem.assembled.rows[problem.assembled.row(label)]
    whole = () if row.share is None else tuple(part.times(-row.share) for part in row.whole)
    return tuple(_use(problem, part) for part in (*row.parts, *whole))


def _use(problem: Statement, part: Part) -> RowUse:
    labels = problem.plan_table.partitions
    where = {
        name: dict(zip(labels[name].names, factors.tolist(), strict=True))
        for name, factors in part.where.items()
    }
    return RowUse(part.quantity, part.plan, where)


def seen_by(problem: Statement, policy: RoutingPolicy) -> Seen:
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

    def use(part: RowUse) -> Quantity:
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


def _own(problem: Statement) -> tuple[float, float]:
    """Return what a solved instance and a unit of spend count in the objective, of weight one."""
    objective = problem.objective
    if isinstance(objective, SolveRate):
        return 1.0 / problem.plan_table.total, 0.0
    if isinstance(objective, Spend):
        return 0.0, 1.0
    if isinstance(objective, Profit) and isinstance(objective.price, float | int):
        return float(objective.price), 1.0
    raise InputError(
        f"To {problem.goal} values a solved instance differently by segment, so that there is"
        " no rule of one price. Make one problem per segment."
    )


#: A limit is missed if it is by more than this share of it.
_MISSED = 1e-6


@dataclass(frozen=True, eq=False)
class Fold:
    """One fit and its score.

    Attributes
    ----------
    in_sample, held_out : float
        Objective where it was fitted, and where it was not; totals are scaled to all instances.
    use : dict
        Constraint label -> left-hand side as a share of the limit, (in sample, held out).
    """

    in_sample: float
    held_out: float
    use: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Violation:
    """How a constraint fared held out.

    Attributes
    ----------
    label : str
    folds, broken : int
        Folds in which it was measured, and in which it was missed.
    mean_use : float
        Left-hand side as a share of the limit, mean over the folds.
    mean_excess, worst_excess : float
        By which share of the limit it was missed; zero where it was kept.
    """

    label: str
    folds: int
    broken: int
    mean_use: float
    mean_excess: float
    worst_excess: float


@dataclass(frozen=True, eq=False, repr=False)
class CrossValidation(Displayed):
    """Objective in sample and held out.

    Attributes
    ----------
    problem : Statement
    folds : tuple of Fold
        Those that could be solved.
    infeasible : int
        Folds without a feasible assignment on the part to fit on; they are left out.
    by_instance : float array [2, N] or None
        What an instance adds to the objective, times N, in sample (mean over the folds) and held
        out; NaN where it was never held out. None where the objective is no sum over instances.
    note : str
        What was split.
    """

    problem: Statement
    folds: tuple[Fold, ...]
    infeasible: int
    by_instance: FloatArray | None
    note: str

    @property
    def in_sample(self) -> float:
        """Mean objective where it was fitted, over the instances that were held out once."""
        return self._mean(0)

    @property
    def held_out(self) -> float:
        """Mean objective where it was not fitted."""
        return self._mean(1)

    @property
    def optimism(self) -> float:
        """By how much the objective in sample is too good; positive if it promises too much."""
        return self._sign * (self.in_sample - self.held_out)

    @property
    def standard_error(self) -> float:
        """Standard error of :attr:`optimism`.

        Over the draw of instances, s / sqrt(N) of what each of them adds to it, given the fitted
        plans; over the folds where the objective is no sum over instances. Folds share most of
        what they are fitted on, so it is somewhat too small.
        """
        pairs = self._pairs
        each = pairs[0] - pairs[1]
        return float(each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else float("nan")

    @property
    def _sign(self) -> float:
        return 1.0 if self.problem.objective.maximize else -1.0

    @property
    def _pairs(self) -> FloatArray:
        """In sample and held out, by instance or else by fold, [2, n]."""
        if self.by_instance is None:
            return np.array([(fold.in_sample, fold.held_out) for fold in self.folds]).T
        return self.by_instance[:, np.isfinite(self.by_instance).all(axis=0)]

    def _mean(self, which: int) -> float:
        return float(self._pairs[which].mean())

    @property
    def violations(self) -> tuple[Violation, ...]:
        """How the constraints fared held out; the limits of totals scaled to the fold."""
        return tuple(self._violations())

    def lines(self) -> list[str]:
        """Return the lines that stand beside an objective."""
        unit = self.problem.objective_unit
        lines = [
            f"optimism {number(self.optimism)} ± {number(self.standard_error, 2)} {unit}: in sample"
            f" {number(self.in_sample)}, held out {number(self.held_out)} ({self.note})"
        ]
        lines += [
            f"{each.label}: missed held out in {each.broken} of {each.folds} folds, by"
            f" {percent(each.mean_excess)} of the limit on average, {percent(each.worst_excess)} at"
            " worst"
            for each in self.violations
            if each.broken
        ]
        if self.infeasible:
            lines.append(f"{self.infeasible} folds left out: nothing feasible to fit")
        return lines

    def to_frame(self) -> pd.DataFrame:
        """Return one row per fold: objectives, and the use of every limit held out."""
        rows = [
            {
                "in_sample": fold.in_sample,
                "held_out": fold.held_out,
                **{f"use of {label}": use[1] for label, use in fold.use.items()},
            }
            for fold in self.folds
        ]
        return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="fold"))

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain Python values, ready for JSON."""
        return {
            "assignment_kind": self.problem.assignment,
            "objective_unit": self.problem.objective_unit,
            "in_sample": self.in_sample,
            "held_out": self.held_out,
            "optimism": self.optimism,
            "standard_error": self.standard_error,
            "folds": len(self.folds),
            "infeasible_folds": self.infeasible,
            "violations": [dict(vars(each)) for each in self.violations],
            "note": self.note,
        }

    def table(self) -> TextTable:
        """Return objective in sample and held out by fold; below, the optimism and the limits."""
        unit = self.problem.objective_unit
        rows = [
            (
                str(k),
                number(fold.in_sample),
                number(fold.held_out),
                number(self._sign * (fold.in_sample - fold.held_out)),
            )
            for k, fold in enumerate(self.folds, start=1)
        ]
        rows.append(("all", number(self.in_sample), number(self.held_out), number(self.optimism)))
        notes = [*self.lines(), f"{self.problem.assignment} assignment"]
        notes += [
            f"{each.label}: {percent(each.mean_use)} of the limit used held out"
            for each in self.violations
            if not each.broken
        ]
        return TextTable(
            f"Cross-validation of {self.problem.plan_table.name}: {self.problem.goal}",
            ("fold", f"in sample [{unit}]", f"held out [{unit}]", "optimism"),
            rows,
            "\n".join(notes),
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the objective of every fold, in sample against held out."""
        ax = new_axes(4.4, 3.4) if ax is None else ax
        inner = [fold.in_sample for fold in self.folds]
        outer = [fold.held_out for fold in self.folds]
        both = np.array([*inner, *outer])
        ends = [both.min(), both.max()]
        ax.plot(ends, ends, color="0.6", linewidth=1.0, label="no optimism")
        ax.plot(inner, outer, "o", label="folds")
        ax.set_xlabel(f"in sample [{self.problem.objective_unit}]")
        ax.set_ylabel(f"held out [{self.problem.objective_unit}]")
        ax.legend(frameon=False)
        return ax

    def _violations(self) -> Iterator[Violation]:
        for constraint in self.problem.constraints:
            label = constraint.label
            used = np.array([fold.use[label][1] for fold in self.folds if label in fold.use])
            if len(used) == 0:
                continue
            excess = np.maximum(used - 1.0 if constraint.at_most else 1.0 - used, 0.0)
            broken = excess > _MISSED
            yield Violation(
                label,
                len(used),
                int(broken.sum()),
                float(used.mean()),
                float(np.where(broken, excess, 0.0).mean()),
                float(np.where(broken, excess, 0.0).max()),
            )


class Payment(NamedTuple):
    """What a contract comes to: currency units at list prices and as agreed, whether it is used."""

    list_spend: float
    payment: float
    used: bool


class Use(NamedTuple):
    """A plan in use: instances, total spend, mean solve rate over the instances it serves.

    ``requests`` is how often these instances count together: their number, unless they have
    weights or stand for volumes.
    """

    plan: Plan
    instances: int
    spend: float
    solve_rate: float
    requests: float


@dataclass(frozen=True, eq=False, repr=False)
class RoutingResult(Displayed):
    """A feasible assignment with a proof of how far from optimal it can be.

    Attributes
    ----------
    problem : Statement
    status : str
        "optimal": the gap asked for is proven. "time limit", "interrupted", "unproven" (the numbers
        do not allow to prove it): the best assignment so far.
    objective : float
        Evaluated on the assignment, in the objective's unit.
    bound : float
        No assignment is better: the tighter of what HiGHS proved by branching, where it was needed,
        and the Lagrangian bound at the shadow prices, which is evaluated here.
    solve_rate : float
        Weighted mean solve probability.
    spend : float, currency units over all instances
        At list prices.
    payments : dict
        Seller of a contract -> (spend at list prices, payment, whether it is used).
    activity : dict
        Constraint label -> left-hand side at the assignment, in the unit of its limit.
    shadow_prices : dict
        Constraint label -> gain in the objective (more solve rate, less spend) per unit by which
        the constraint is relaxed (a budget or capacity raised, a floor lowered); never negative.
        From the linear relaxation, where it is a derivative; with ties one of several. A limit
        on the number of models or plans, or a forbidden pair, has none.
    shadow_price_units : dict
        Constraint label -> unit.
    assignment : int array [N]
        Index into ``plans`` per instance.
    served : float array [3, L, J]
        By segment (one without any) and plan: instances by weight, instances solved, spend.
    instances_by_plan : int array [J]
    row_prices : float array [R]
        Prices of all rows of :meth:`RoutingProblem.program`, those of contracts too.
    auxiliary : dict
        Values of the program's auxiliary variables.
    path : tuple of Step
        Prices and bounds on the way to the answer.
    time : float
        Seconds, without the evaluation of the plans.
    validation : CrossValidation or None
        How much of the objective is optimism, if it was asked for.
    """

    problem: Statement
    status: Status
    objective: float
    bound: float
    solve_rate: float
    spend: float
    payments: dict[str, Payment]
    activity: dict[str, float]
    shadow_prices: dict[str, float]
    shadow_price_units: dict[str, str]
    assignment: Choice
    served: FloatArray
    instances_by_plan: npt.NDArray[np.int64]
    row_prices: FloatArray
    auxiliary: dict[str, float]
    path: tuple[Step, ...]
    time: float
    validation: CrossValidation | None = None

    @property
    def gap(self) -> float:
        """abs(bound - objective) / max(abs(objective), 1e-12)."""
        return relative_gap(self.objective, self.bound)

    @property
    def market(self) -> Market | None:
        """The market of the problem, if it was made from one."""
        return self.problem.market

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plans of the problem."""
        return self.problem.plans

    @property
    def outlay(self) -> float:
        """Total to be paid: list prices, and payments where there are contracts."""
        listed = self.spend - sum(each.list_spend for each in self.payments.values())
        return max(listed, 0.0) + sum(each.payment for each in self.payments.values())

    @property
    def counts(self) -> dict[str, int]:
        """Plan label -> number of instances it serves, for the plans in use."""
        return {use.plan.label: use.instances for use in self.uses}

    @property
    def uses(self) -> list[Use]:
        """The plans in use."""
        times, solved, spend = self.served.sum(axis=1)
        return [
            Use(
                self.plans[j],
                int(self.instances_by_plan[j]),
                float(spend[j]),
                float(solved[j] / times[j]) if times[j] > 0 else float("nan"),
                float(times[j]),
            )
            for j in np.flatnonzero(self.instances_by_plan)
        ]

    @property
    def segment_rates(self) -> dict[str, float]:
        """Segment -> mean solve rate; empty without segments."""
        labels = self.problem.plan_table.partitions.get("segment")
        if labels is None:
            return {}
        times, solved, _ = self.served.sum(axis=2)
        rates = np.divide(solved, times, out=np.full(len(times), np.nan), where=times > 0)
        return dict(zip(labels.names, rates.tolist(), strict=True))

    @property
    def binding(self) -> tuple[str, ...]:
        """Labels of the constraints with a positive shadow price."""
        return tuple(label for label, price in self.shadow_prices.items() if price > 0)

    def regret(self) -> FloatArray:
        """Return what each instance gives up to the constraints, [N]: its best plan less its own.

        In solve probability, or in currency units at list prices, without its weight; never
        negative. Pairs that were forbidden by a constraint count as available.
        """
        return regret(self)

    def explain(self, instance: object) -> Reasons:
        """Return why an instance has its plan: every plan's value, less the prices of the rows.

        Parameters
        ----------
        instance : label

        Raises
        ------
        InputError
            If there is no such instance.
        """
        return reasons(self, instance)

    def price_range(self, label: str, time_limit: float = 60.0) -> PriceRange:
        """Return the range of a constraint's limit over which its shadow price holds.

        Parameters
        ----------
        label : str, as in :attr:`shadow_prices`
        time_limit : float, seconds

        Raises
        ------
        InputError
            If the constraint has no limit that can be moved alone: a share, a number of models.

        Examples
        --------
        >>> import arbmodels as arb
        >>> problem = arb.RoutingProblem.from_arrays([[0.2, 0.9], [0.3, 0.4]], [[1, 5], [1, 4]])
        >>> found = problem.add_budget(3).solve().price_range("budget")
        >>> found.price_unit, found.low, found.high
        ('solve rate per USD', 2.0, 6.0)
        """
        from arbmodels.routing.sensitivity import PriceRange, price_range

        time_limit = number_of(time_limit, "time_limit", 0, unit="seconds")
        row, constraint = self.problem.row_of(label)
        program = self.problem.program()
        found = price_range(program, row, float(self.row_prices[row]), time_limit)
        return PriceRange(
            label=label,
            unit=constraint.price_unit(self.problem.plan_table),
            limit=float(program.limits[row]),
            price_unit=self.shadow_price_units[label],
            **found._asdict(),
        )

    def policy(self) -> RoutingPolicy:
        """Return the shadow prices as a rule for instances that were not in the problem.

        The rule serves an instance with the plan of largest solve probability less its spend and
        its use of other binding constraints at their prices, all of one instance of weight one. The
        budget and floor over all instances are in the price of spend; every other binding
        constraint is a row of the policy, and a plan's use of it is what it adds to the
        constraint's left-hand side. ``policy.choose(problem)`` computes all of that for the
        instances of a problem with the same plans.

        Raises
        ------
        InputError
            If there is no rule of one price: other assignments than per instance, contracts,
            limits on these instances together (robust, over scenarios, on changes), values that
            differ by segment, or solved instances of no value.

        References
        ----------
        Talluri, van Ryzin, *An analysis of bid-price controls for network revenue management*,
        Management Science 44 (1998).
        """
        return policy(self)

    def score_on(self, record: Market | Statement) -> Score:
        """Say what the assignment comes to on recorded outcomes, or by another problem's numbers.

        An assignment by predictions is scored on what happened, one per segment also on instances
        that were not in the problem.

        Parameters
        ----------
        record : Market or Statement
            With the same plans and, for one plan per instance, with instances of this problem.

        Raises
        ------
        InputError
            If an instance or segment was not in the problem, or an instance's plan has no record.

        Examples
        --------
        >>> import arbmodels as arb
        >>> market = arb.Market(["small", "large"], ["a", "b"], [[1, 1], [1, 1]], [[0, 1], [1, 1]],
        ...                     [[1.0, 5.0], [1.0, 4.0]])
        >>> predicted = arb.RoutingProblem.from_arrays(
        ...     [[0.2, 0.9], [0.3, 0.8]], market.cost, market.models, instances=market.instances)
        >>> result = predicted.add_budget(6).solve()
        >>> score = result.score_on(market)
        >>> round(result.solve_rate, 3), score.solve_rate, score.spend
        (0.6, 1.0, 6.0)
        """
        from arbmodels.routing.scoring import score_on

        return score_on(self, record)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per instance: plan, solve probability, expected spend."""
        return frame_of(self)

    def to_csv(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write :meth:`to_frame` as CSV; an existing file is replaced only if asked.

        Raises
        ------
        InputError
            If the file exists, its folder does not, or it cannot be written.
        """
        return write_whole(fresh(path, overwrite=overwrite), self.to_frame().to_csv)

    def to_parquet(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write :meth:`to_frame` as Parquet (extra ``parquet``); see :meth:`to_csv`."""
        need_parquet()
        return write_whole(fresh(path, overwrite=overwrite), self.to_frame().to_parquet)

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain Python values, ready for JSON."""
        return values_of(self)

    def table(self) -> TextTable:
        """Return who serves what; below it the proof, the constraints and their prices."""
        return result_table(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each plan's share of the instances and of the spend."""
        return plot_shares(self, ax)

    def plot_path(self, ax: Axes | None = None) -> Axes:
        """Draw the bound against the step of the multipliers, and the objective reached."""
        return plot_path(self, ax)
