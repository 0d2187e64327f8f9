"""A routing problem whose instances do not fit into memory: its table, its solve, its result.

The numbers come in blocks, from a source (:mod:`arbmodels.streaming`); objectives, constraints and
their rows are those of every routing problem.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from arbmodels import _checks as check
from arbmodels._assignment.pricing import best, totals
from arbmodels._assignment.program import (
    TOLERANCE,
    AssignmentProgram,
    Block,
    Choice,
    FloatArray,
    IntArray,
    Source,
    Status,
)
from arbmodels._assignment.solve import solve
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
from arbmodels.errors import Conflict, DataError, InfeasibleError, InputError, SolverError
from arbmodels.plans import Plan
from arbmodels.routing.builder import Assembled
from arbmodels.routing.constraints import Constraint
from arbmodels.routing.statement import Terms
from arbmodels.routing.table import Labels, PlanTable, providers_of
from arbmodels.streaming.sources import problems_of, without_model

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class SourceTable(PlanTable):
    """One attempt of every model on instances that are read in blocks, and abstaining.

    Its arrays are empty: what needs a number per instance is refused.

    Attributes
    ----------
    source : Source
        Blocks of two quantities, solve probability and spend.
    weight : float array [C]
        How often the instances of each segment count together.
    """

    source: Source = None  # type: ignore[assignment]
    weight: FloatArray = None  # type: ignore[assignment]

    @property
    def stream(self) -> Source | None:
        """Where the numbers are."""
        return self.source

    @property
    def size(self) -> int:
        """N."""
        return int(self.source.groups)

    @property
    def total(self) -> float:
        """How often all instances count together."""
        return float(self.weight.sum())

    def weight_of(self, partition: str) -> FloatArray:
        """Return how often the instances of each segment count together, [C]."""
        self.labels(partition)
        return self.weight

    def positions(self, instances: Sequence[object]) -> NoReturn:  # noqa: ARG002
        """Refuse: single instances are not in memory."""
        raise InputError(
            f"{self.name}: the instances of a streamed problem have no names that are looked up."
            " Give such an instance a segment of its own, or leave its pairs out with offered=."
        )


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class StreamedProblem(Terms):
    r"""A routing problem over instances that are read in blocks.

    .. math::
        \max \frac{\sum_i w_i \sum_j p_{ij} x_{ij}}{\sum_i w_i} \;\text{ or }\;
        \min \sum_i w_i \sum_j s_{ij} x_{ij}
        \quad \text{s.t.} \quad \sum_j x_{ij} = 1, \; x_{ij} \in \{0, 1\}

    and the rows of its constraints. It is made by :meth:`arbmodels.RoutingProblem.from_source` and
    asked like every routing problem: budgets, floors, capacities, commitments, shares, latencies,
    excluded models, by segment or for all. The data is read several times and is never in memory
    as a whole; the assignment takes a few bytes per instance. What needs numbers of single
    instances (contracts, earlier assignments, lists of instances, robust budgets) is refused.
    """

    @property
    def source(self) -> Source:
        """Where the numbers are."""
        source = self.plan_table.stream
        assert source is not None  # noqa: S101 - for the type checker
        return source

    @property
    def plans(self) -> tuple[Plan, ...]:
        """One attempt of every model, and abstaining where it is allowed."""
        return self.plan_table.plans

    def __post_init__(self) -> None:
        if self.contracts or self.start is not None:
            what = "a contract" if self.contracts else "an earlier assignment"
            raise InputError(
                f"A streamed problem takes no {what[2:] if self.contracts else what[3:]}: it would"
                " have to know single instances. Route them in memory, from_arrays."
            )
        if np.ndim(getattr(self.objective, "price", 0.0)) > 0:
            raise InputError("A streamed problem takes one price, or one per segment.")
        self._check_terms()

    @cached_property
    def assembled(self) -> Assembled:
        """The integer program with the names of its rows and columns."""
        return self._assemble("oracle")

    def program(self) -> AssignmentProgram:
        """Return the integer program; its numbers stay where they are."""
        return self.assembled.program

    def solve(
        self,
        gap: float = 1e-6,
        time_limit: float = 600.0,
        *,
        output: str | os.PathLike[str] | None = None,
    ) -> StreamedResult:
        """Find the best assignment and prove how good it is.

        Parameters
        ----------
        gap : float
            Relative gap to prove.
        time_limit : float
            Seconds for the solve; then the best assignment so far.
        output : path, optional
            New folder for the assignment, as Parquet part files; it is not kept in the result then.

        Raises
        ------
        InfeasibleError
            If no assignment satisfies all limits; with what each could reach alone.
        SolverError
            If the numbers span too many orders of magnitude, no assignment was found in time, or a
            cluster lost data for good.
        InputError
            If the output cannot be written.
        """
        begin = perf_counter()
        gap = check.number_of(gap, "gap", 0, unit="a share")
        time_limit = check.number_of(time_limit, "time_limit", 0, unit="seconds")
        folder = None if output is None else new_folder(output)
        program = self.program()
        answer = solve(program, gap, time_limit)
        if answer.choice is None:
            if answer.status == "infeasible":
                raise _infeasible(self)
            raise SolverError("No assignment was found in time; raise time_limit.")
        sums = totals(program, answer.choice)
        by_plan = sums.sum(axis=1)
        if folder is not None:
            write(self.source, answer.choice, _labels(self.plans), folder)
        activity = self.assembled.shown(program.activity_of(sums, answer.auxiliary), sums)
        position = {row.label: r for r, row in enumerate(self.assembled.rows)}
        reached = {
            each.label: float(activity[position[each.label]])
            if each.label in position
            else each.scored(self.plan_table, answer.choice)
            for each in self.constraints
        }
        return StreamedResult(
            problem=self,
            status=answer.status,
            objective=answer.objective,
            bound=answer.bound,
            activity={label: each for label, each in reached.items() if each is not None},
            shadow_prices={
                label: float(answer.prices[position[label]])
                for label in reached
                if label in position
            },
            counts=np.bincount(answer.choice, minlength=len(self.plans)).astype(np.int64),
            weight=by_plan[0],
            solved=by_plan[1],
            spent=by_plan[2],
            choice=None if folder is not None else answer.choice,
            output=None if folder is None else str(folder),
            time=perf_counter() - begin,
        )

    def table(self) -> TextTable:
        """Return the problem's size and constraints."""
        table = self.plan_table
        rows = [
            (
                each.label,
                "at most" if each.at_most else "at least",
                each.show(each.limit, table),
            )
            for each in self.constraints
        ]
        return TextTable(
            f"Routing {table.name}: {self.goal}, {table.size:,} streamed instances x"
            f" {len(self.plans)} plans",
            ("constraint", "", "limit"),
            rows,
        )


def problem_of(
    source: Source,
    models: Sequence[str] | None = None,
    *,
    segments: Sequence[str] | None = None,
    latency: Mapping[str, float] | pd.Series[Any] | None = None,
    providers: Mapping[str, str] | None = None,
    abstain: bool = True,
    currency: str = "USD",
    name: str = "source",
) -> StreamedProblem:
    """Look at all blocks once and return the problem; see ``RoutingProblem.from_source``."""
    abstain = check.flag_of(abstain, "abstain")
    currency, name = check.text_of(currency, "currency"), check.text_of(name, "name")
    if not all(hasattr(source, each) for each in ("groups", "quantities", "map", "take")):
        raise InputError(
            f"source is {check.shown(source)}; give a ParquetSource, a Generated, a"
            " DaskSource or Arrays."
        )
    models = check.names_of(getattr(source, "models", ()) if models is None else models, "models")
    given = getattr(source, "segments", ()) if segments is None else segments
    segments = check.names_of(given, "segments")
    if not models:
        raise InputError("The models have no names. Give models=[...], one per column.")
    if source.quantities != 2:
        raise InputError(f"The source has {source.quantities} quantities, not two: p and s.")
    weight = survey(source, models, max(len(segments), 1), abstain=abstain)
    plans = [Plan(((model, 1),)) for model in models] + [Plan()] * abstain
    empty = np.zeros((0, len(models)))
    table = SourceTable(
        name=name,
        currency=currency,
        models=models,
        providers=providers_of(models, providers),
        plans=tuple(plans),
        instances=range(source.groups),
        solve=empty,
        spend=empty,
        offered=None,
        billing="one attempt of a model; solve probabilities and spend as given",
        weights=None,
        partitions={"segment": Labels(segments, np.zeros(0, np.int64))} if segments else {},
        tried=np.array([1.0] * len(models) + [0.0] * abstain),
        latency=_seconds(latency, models, abstain=abstain),
        source=source,
        weight=weight,
    )
    return StreamedProblem(plan_table=table)


def _seconds(
    latency: Mapping[str, float] | pd.Series[Any] | None, models: Sequence[str], *, abstain: bool
) -> FloatArray | None:
    """Return seconds of one attempt per plan, [J]."""
    if latency is None:
        return None
    given = pd.Series(check.mapping_of(latency, "latency"), dtype=object)
    placed = check.aligned(given, {0: (models, "model")}, "latency")
    seconds = [check.number_of(each, "latency", 0, check.LARGEST, "seconds") for each in placed]
    return np.array(seconds + [0.0] * abstain)


def _labels(plans: Sequence[Plan]) -> tuple[str, ...]:
    """Return the models, and what is left: plans are one attempt each."""
    return tuple(plan.models[0] if plan.models else ABSTAIN for plan in plans)


#: What instances get that no model serves.
ABSTAIN = "abstain"


def new_folder(path: str | os.PathLike[str]) -> Path:
    """Return the folder, made if need be; nothing in it may be overwritten.

    Raises
    ------
    InputError
        If pyarrow is missing, or the folder cannot be made or has files in it.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise InputError(
            "Parquet needs pyarrow. Install it with: pip install 'arbmodels[parquet]'"
        ) from error
    folder = check.path_of(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InputError(f"{folder} is not empty. Give a new folder for the assignment.")
    except OSError as error:
        raise InputError(f"{folder} cannot be made a folder ({error.strerror}).") from error
    return folder.resolve()


def write(source: Source, choice: Choice, plans: Sequence[str], folder: Path) -> int:
    """Write who gets which plan, a file per block; return how many files.

    On a cluster the workers write, so all of them must share the folder.
    """
    names = getattr(source, "names", lambda: None)()
    return len(source.map(_write_part, choice, tuple(plans), str(folder), names))


def _write_part(
    block: Block,
    choice: Choice,
    plans: tuple[str, ...],
    folder: str,
    names: Mapping[int, Any] | None,
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    chosen = choice[block.start : block.start + block.size]
    inside = chosen < block.width
    rows, columns = np.flatnonzero(inside), chosen[inside]
    amounts = []
    for quantity in block.quantities:
        amount = np.zeros(block.size, dtype=quantity.dtype)
        amount[rows] = quantity[rows, columns]
        amounts.append(amount)
    if names is None:
        instance = pa.array(np.arange(block.start, block.start + block.size))
    else:
        instance = names[block.start].instances()
    plan = pa.DictionaryArray.from_arrays(pa.array(chosen, pa.int32()), pa.array(plans))
    table = pa.table(
        {"instance": instance, "plan": plan, "solve_probability": amounts[0], "spend": amounts[1]}
    )
    # Under its own name only once it is whole: a worker may die, and another write it again.
    write_whole(
        Path(folder) / f"part-{block.start:012d}.parquet",
        lambda part: pq.write_table(table, part),
    )


_REMEDY = "Correct the numbers named; nothing was solved."


@dataclass(frozen=True, eq=False)
class _Seen:
    """What one block has."""

    size: int
    weight: FloatArray
    problems: tuple[str, ...]


def survey(source: Source, models: Sequence[str], classes: int, *, abstain: bool) -> FloatArray:
    """Return the weight of every class, [C].

    Raises
    ------
    DataError
        With every wrong number, and every instance that nothing may serve.
    """
    seen = source.map(_look, tuple(models), classes, abstain)
    problems = [problem for each in seen for problem in each.problems]
    weight: FloatArray = np.sum([each.weight for each in seen], axis=0)
    if sum(each.size for each in seen) != source.groups:
        problems.append("the blocks do not make up the groups of the source")
    elif not problems and not weight.sum() > 0:
        problems.append("all weights are zero")
    if problems:
        raise DataError("streamed instances", problems, _REMEDY)
    return weight


def _look(block: Block, models: tuple[str, ...], classes: int, abstain: bool) -> _Seen:
    problems = _shape_problems(block, models, classes)
    if problems:
        return _Seen(block.size, np.zeros(classes), tuple(problems))
    problems = problems_of(block, models, lambda i: f"instance {block.start + i}")
    if not abstain:
        problems += [
            f"instance {block.start + i}: no model is offered; allow abstaining"
            for i in np.flatnonzero(without_model(block))[:100].tolist()
        ]
    which = np.zeros(block.size, np.int64) if block.classes is None else block.classes
    weight = np.bincount(which, block.weights, minlength=classes).astype(float)
    return _Seen(block.size, weight, tuple(problems))


def _shape_problems(block: Block, models: tuple[str, ...], classes: int) -> list[str]:
    place = f"block at instance {block.start}"
    if len(block.quantities) != 2:
        return [f"{place}: {len(block.quantities)} quantities, not solve rates and spends"]
    expected = (block.size, len(models))
    arrays = {"solve rates": (block.quantities[0], expected)}
    arrays["spends"] = (block.quantities[1], expected)
    for name, values, shape in (
        ("offered", block.offered, expected),
        ("classes", block.classes, expected[:1]),
        ("weights", block.weights, expected[:1]),
    ):
        if values is not None:
            arrays[name] = (values, shape)  # type: ignore[assignment]
    problems = [
        f"{place}: {name} of shape {values.shape}, expected {shape}"
        for name, (values, shape) in arrays.items()
        if values.shape != shape
    ]
    if not problems and block.classes is not None and block.size:
        least, most = int(block.classes.min()), int(block.classes.max())
        if least < 0 or most >= classes:
            problems.append(
                f"{place}: classes from {least} to {most}, but there are {classes} segments"
            )
    return problems


@dataclass(frozen=True, eq=False, repr=False)
class StreamedResult(Displayed):
    """A feasible assignment of streamed instances with a proof of how good it is.

    It is an oracle bound where the solve probabilities are those of the instances themselves, and
    in-sample where they were fitted to them.

    Attributes
    ----------
    problem : StreamedProblem
    status : str
        "optimal" (the gap asked for is proven), "time limit" or "interrupted" (best so far).
    objective : float
        In :attr:`StreamedProblem.objective_unit`; evaluated on the assignment by a pass over the
        data.
    bound : float
        No assignment is better.
    activity : dict
        Constraint label -> left-hand side, in the unit of its limit.
    shadow_prices : dict
        Constraint label -> gain in the objective per unit by which it is relaxed.
    counts : int array [J]
        Instances each plan serves.
    weight, solved, spent : float array [J]
        Weighted sums over the instances of each plan: of one, of their solve probability, and of
        their spend.
    choice : int array [N] or None
        Plan of each instance; None if it was written to files.
    output : str or None
        Folder of these files.
    time : float
        Seconds.
    """

    problem: StreamedProblem
    status: Status
    objective: float
    bound: float
    activity: dict[str, float]
    shadow_prices: dict[str, float]
    counts: IntArray
    weight: FloatArray
    solved: FloatArray
    spent: FloatArray
    choice: Choice | None
    output: str | None
    time: float

    @property
    def gap(self) -> float:
        """abs(bound - objective) / max(abs(objective), 1e-12)."""
        return relative_gap(self.objective, self.bound)

    @property
    def solve_rate(self) -> float:
        """Weighted mean solve probability."""
        return float(self.solved.sum() / self.weight.sum())

    @property
    def spend(self) -> float:
        """Total spend."""
        return float(self.spent.sum())

    @property
    def plans(self) -> tuple[str, ...]:
        """Models, and "abstain", length J."""
        return _labels(self.problem.plans)

    def to_parquet(self, folder: str | os.PathLike[str]) -> int:
        """Write instance, plan, solve probability and spend as part files; return how many.

        One file per block is written at a time, on a cluster by the workers, which must share the
        folder.

        Raises
        ------
        InputError
            If the folder has files in it or cannot be made, the assignment was written already, or
            pyarrow is missing.
        """
        if self.choice is None:
            raise InputError(f"The assignment was written to {self.output}; it is not in memory.")
        return write(self.problem.source, self.choice, self.plans, new_folder(folder))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per plan in use: instances, share, spend, solve rate."""
        used = np.flatnonzero(self.counts)
        return pd.DataFrame(
            {
                "instances": self.counts[used],
                "share": self.counts[used] / self.counts.sum(),
                "spend": self.spent[used],
                "solve_rate": self._rates()[used],
            },
            index=pd.Index([self.plans[j] for j in used], name="plan"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain Python values, ready for JSON."""
        used = np.flatnonzero(self.counts).tolist()
        return {
            "status": self.status,
            "objective": self.objective,
            "bound": self.bound,
            "gap": self.gap,
            "solve_rate": self.solve_rate,
            "spend": self.spend,
            "shadow_prices": self.shadow_prices,
            "activity": self.activity,
            "counts": {self.plans[j]: int(self.counts[j]) for j in used},
            "output": self.output,
            "time": self.time,
        }

    def table(self) -> TextTable:
        """Return who serves what; below it the proof, the limits and their prices."""
        total = float(self.spent.sum()) or 1.0
        rates = self._rates()
        rows = [
            (
                self.plans[j],
                f"{self.counts[j]:,}",
                percent(self.counts[j] / self.counts.sum()),
                number(self.spent[j]),
                percent(self.spent[j] / total),
                percent(rates[j]),
            )
            for j in np.flatnonzero(self.counts).tolist()
        ]
        return TextTable(
            f"Routing of {self.counts.sum():,} streamed instances: solve rate"
            f" {percent(self.solve_rate, 2)}, spend {number(self.spend)}",
            ("plan", "instances", "share", "spend", "share of spend", "solve rate"),
            rows,
            "\n".join(self._notes()),
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each plan's share of the instances and of the spend."""
        used = np.flatnonzero(self.counts)
        ax = new_axes(5.6, 1.2 + 0.4 * len(used)) if ax is None else ax
        position = np.arange(len(used))[::-1]
        total = float(self.spent.sum()) or 1.0
        colours = [model_color(self.plans[j], self.plans) for j in used]
        share = 100 * self.counts[used] / self.counts.sum()
        spend = 100 * self.spent[used] / total
        ax.barh(position + 0.19, share, 0.36, color=colours, label="instances")
        ax.barh(position - 0.19, spend, 0.36, color=colours, alpha=0.5, label="spend (pale)")
        ax.set_yticks(position, [self.plans[j] for j in used])
        ax.set_xlabel("share [%]")
        ax.set_title(
            f"Solve rate {percent(self.solve_rate)}, spend {number(self.spend)}",
            fontsize="medium",
        )
        ax.legend(frameon=False)
        return ax

    def _rates(self) -> FloatArray:
        known = self.weight > 0
        rates: FloatArray = np.full(len(self.weight), np.nan)
        rates[known] = self.solved[known] / self.weight[known]
        return rates

    def _notes(self) -> list[str]:
        notes = [
            f"objective {number(self.objective, 8)}, bound {number(self.bound, 8)},"
            f" gap {self.gap:.1e} ({self.status}, {self.time:.2f} s)",
            "oracle bound, not deployable, unless the solve probabilities are predictions",
        ]
        table = self.problem.plan_table
        for each in self.problem.constraints:
            if each.label not in self.activity:
                continue
            price = self.shadow_prices.get(each.label, 0.0)
            binds = f"shadow price {number(price)} per {each.price_unit(table)}"
            reached = each.show(self.activity[each.label], table, 6)
            notes.append(
                f"{each.label}: {reached} of {each.show(each.limit, table, 6)},"
                f" {binds if price > 0 else 'does not bind'}"
            )
        if self.output is not None:
            notes.append(f"assignment written to {self.output}")
        return notes


def _infeasible(problem: StreamedProblem) -> InfeasibleError:
    """Say what each limit could reach if it were the only one."""
    alone, lines = [], []
    program, table = problem.program(), problem.plan_table
    named = {each.label: each for each in problem.constraints}
    for r, row in enumerate(problem.assembled.rows):
        constraint = named.get(row.label)
        if constraint is None or row.columns or row.share is not None:
            continue  # it is no limit, or not one of a sum over the instances alone
        # The priced objective of this program is the row itself, to be made as small as it can be.
        goal = replace(
            program, objective=program.rows[r], maximize=not constraint.at_most, auxiliary=None
        )
        least = goal.sign * best(goal, np.zeros(len(program.limits))).value + 0.0  # no minus zero
        beyond = (least - row.limit) * (1.0 if constraint.at_most else -1.0)
        if beyond > TOLERANCE * (abs(row.limit) + abs(least)):
            unit = constraint.unit(table)
            alone.append(Conflict(constraint.label, constraint.limit, least, unit))
        lines.append(_asked(constraint, least, table))
    text = "\n  ".join(["No assignment satisfies all limits.", *lines])
    if alone:
        text += f"\n{alone[0].label} cannot be satisfied even alone; relax it."
    else:
        text += "\nNone of these is too strict alone, but together they are; relax one."
    return InfeasibleError(text, alone[:1])


def _asked(constraint: Constraint, least: float, table: PlanTable) -> str:
    word = "at least" if constraint.at_most else "at most"
    asked, reached = (constraint.show(value, table, 6) for value in (constraint.limit, least))
    return f"{constraint.label}: {asked} asked for; {word} {reached} by itself"
