"""Route instances that do not fit into memory, in one call.

Budgets, floors and capacities of a streamed problem as rows of the program.

An assignment as Parquet part files, written block by block.

The answer to a streamed routing problem.

One look at all blocks before anything is solved.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from arbmodels._assignment.passes import Choice, best, totals
from arbmodels._assignment.program import (
    TOLERANCE,
    AssignmentProgram,
    Block,
    FloatArray,
    IntArray,
    Source,
)
from arbmodels._assignment.solution import Status
from arbmodels._assignment.solve import solve
from arbmodels._checks import flag_of, mapping_of, names_of, number_of, path_of, shown
from arbmodels._solver import relative_gap
from arbmodels._writing import write_whole
from arbmodels.display import (
    Displayed,
    TextTable,
    model_colour,
    model_label,
    new_axes,
    number,
    percent,
)
from arbmodels.display import percent as show_percent
from arbmodels.errors import Conflict, DataError, InfeasibleError, InputError, SolverError
from arbmodels.streaming.sources import problems_of, without_model

if TYPE_CHECKING:
    from matplotlib.axes import Axes


#: A limit over all instances, or one per segment.
Limit = float | Mapping[str, float]

_UNIT = {"budget": "cost unit", "floor": "unit of solve rate", "capacity": "attempt"}


@dataclass(frozen=True)
class Row:
    """One limit.

    Attributes
    ----------
    kind : str
    label : str
    limit : float
    segment : int or None
        Class it covers; all if None.
    model : int or None
        Of a capacity.
    """

    kind: Literal["budget", "floor", "capacity"]
    label: str
    limit: float
    segment: int | None = None
    model: int | None = None

    @property
    def unit(self) -> str:
        """Unit of the limit."""
        return _UNIT[self.kind]

    @property
    def sense(self) -> float:
        """+1 for at most, -1 for at least."""
        return -1.0 if self.kind == "floor" else 1.0

    def show(self, value: float) -> str:
        """Format a left-hand side."""
        return percent(value, 3) if self.kind == "floor" else number(value, 6)

    def table(self, weight: FloatArray, plans: int, models: int) -> FloatArray:
        """Return its coefficients, [K + 1, C, J]; ``weight`` is that of every class."""
        coefficients = np.zeros((3, len(weight), plans))
        covered = slice(None) if self.segment is None else slice(self.segment, self.segment + 1)
        if self.kind == "budget":
            coefficients[2, covered, :models] = 1.0
        elif self.kind == "floor":
            coefficients[1, covered, :models] = 1.0 / weight[covered].sum()
        else:
            coefficients[0, :, self.model] = 1.0
        return coefficients


def listed(
    budget: Limit | None,
    floor: Limit | None,
    capacities: Mapping[str, float] | None,
    models: Sequence[str],
    segments: Sequence[str],
) -> list[Row]:
    """Check the limits and list them.

    Raises
    ------
    InputError
        If there is neither budget nor floor, a number is out of its range, or a name is not known.
    """
    if budget is None and floor is None:
        raise InputError("Give budget= (most solved for it) or floor= (cheapest that keeps it).")
    rows: list[Row] = []
    for kind, limit in (("budget", budget), ("floor", floor)):
        for segment, value in _by_segment(limit, segments, kind):
            # As in routing: one idea, one name.
            name = "quality floor" if kind == "floor" else kind
            label = name if segment is None else f"{name} in {segment}"
            code = None if segment is None else list(segments).index(segment)
            rows.append(Row(kind, label, value, code))  # type: ignore[arg-type]
    given = {} if capacities is None else mapping_of(capacities, "capacities")
    for model, most in given.items():
        if model not in models:
            known = ", ".join(models)
            raise InputError(f"capacities: no model {shown(model)}; there are {known}.")
        position = list(models).index(model)
        rows.append(
            Row(
                "capacity",
                f"capacity of {model}",
                number_of(most, f"capacity of {model}"),
                None,
                position,
            )
        )
    for row in rows:
        most_allowed = 1.0 if row.kind == "floor" else 1e100
        if not 0 <= row.limit <= most_allowed:
            raise InputError(
                f"The {row.label} is {row.limit:g}; it must lie between 0 and {most_allowed:g}"
                f" [{row.unit}]."
            )
    return rows


def program(
    source: Source, rows: Sequence[Row], weight: FloatArray, plans: int, models: int
) -> AssignmentProgram:
    """Return the program: most solved under a budget, else least spent; the first plans cost."""
    empty = [row for row in rows if row.kind == "floor" and not _weight_of(row, weight) > 0]
    if empty:
        raise InputError(f"The {empty[0].label} covers only instances of weight zero.")
    maximise = any(row.kind == "budget" for row in rows)
    goal = Row("floor", "solve rate", 0.0) if maximise else Row("budget", "spend", 0.0)
    return AssignmentProgram(
        source,
        goal.table(weight, plans, models),
        np.array([row.table(weight, plans, models) for row in rows]),
        np.array([row.sense for row in rows]),
        np.array([row.limit for row in rows]),
        maximise,
    )


def _weight_of(row: Row, weight: FloatArray) -> float:
    return float(weight.sum() if row.segment is None else weight[row.segment])


def _by_segment(
    limit: Limit | None, segments: Sequence[str], what: str
) -> list[tuple[str | None, float]]:
    if limit is None:
        return []
    if not isinstance(limit, Mapping | pd.Series):
        return [(None, number_of(limit, what))]
    given = mapping_of(limit, what)
    for segment in given:
        if segment not in segments:
            known = ", ".join(segments) or "none"
            raise InputError(f"No segment {shown(segment)}; there are: {known}.")
    return [(name, number_of(value, f"{what} in {name}")) for name, value in given.items()]


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
    folder = path_of(path)
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


@dataclass(frozen=True, eq=False, repr=False)
class StreamedResult(Displayed):
    """A feasible assignment of streamed instances with a proof of how good it is.

    It is an oracle bound where the solve probabilities are those of the instances themselves, and
    in-sample where they were fitted to them.

    Attributes
    ----------
    source : Source
    status : str
        "optimal" (the gap asked for is proven), "time limit" or "interrupted" (best so far).
    objective : float
        Weighted mean solve rate if there is a budget, total spend otherwise; evaluated on the
        assignment by a pass over the data.
    bound : float
        No assignment is better.
    prices : float array [R]
        Multipliers of the limits: gain in the objective per unit by which one is relaxed.
    activity : float array [R]
        Left-hand sides of the limits.
    limits : tuple of Row, length R
    plans : tuple of str, length J
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

    source: Source
    status: Status
    objective: float
    bound: float
    prices: FloatArray
    activity: FloatArray
    limits: tuple[Row, ...]
    plans: tuple[str, ...]
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
    def shadow_prices(self) -> dict[str, float]:
        """Label of the limit -> gain in the objective per unit by which it is relaxed."""
        return {row.label: float(p) for row, p in zip(self.limits, self.prices, strict=True)}

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
        from arbmodels.errors import InputError

        if self.choice is None:
            raise InputError(f"The assignment was written to {self.output}; it is not in memory.")
        return write(self.source, self.choice, self.plans, new_folder(folder))

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
            "activity": {
                row.label: float(value)
                for row, value in zip(self.limits, self.activity, strict=True)
            },
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
                model_label(self.plans[j]),
                f"{self.counts[j]:,}",
                show_percent(self.counts[j] / self.counts.sum()),
                number(self.spent[j]),
                show_percent(self.spent[j] / total),
                show_percent(rates[j]),
            )
            for j in np.flatnonzero(self.counts).tolist()
        ]
        return TextTable(
            f"Routing of {self.counts.sum():,} streamed instances: solve rate"
            f" {show_percent(self.solve_rate, 2)}, spend {number(self.spend)}",
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
        colours = [model_colour(self.plans[j], self.plans) for j in used]
        share = 100 * self.counts[used] / self.counts.sum()
        spend = 100 * self.spent[used] / total
        ax.barh(position + 0.19, share, 0.36, color=colours, label="instances")
        ax.barh(position - 0.19, spend, 0.36, color=colours, alpha=0.5, label="spend (pale)")
        ax.set_yticks(position, [model_label(self.plans[j]) for j in used])
        ax.set_xlabel("share [%]")
        ax.set_title(
            f"Solve rate {show_percent(self.solve_rate)}, spend {number(self.spend)}",
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
        for row, activity, price in zip(self.limits, self.activity, self.prices, strict=True):
            binds = f"shadow price {number(float(price))} per {row.unit}"
            notes.append(
                f"{row.label}: {row.show(float(activity))} of {row.show(row.limit)},"
                f" {binds if price > 0 else 'does not bind'}"
            )
        if self.output is not None:
            notes.append(f"assignment written to {self.output}")
        return notes


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


#: What instances get that no model serves.
ABSTAIN = "abstain"


def route(
    source: Source,
    *,
    budget: Limit | None = None,
    floor: Limit | None = None,
    capacities: Mapping[str, float] | None = None,
    abstain: bool = True,
    models: Sequence[str] | None = None,
    segments: Sequence[str] | None = None,
    output: str | os.PathLike[str] | None = None,
    gap: float = 1e-6,
    time_limit: float = 600.0,
) -> StreamedResult:
    r"""Choose a model for every instance of a source.

    .. math::
        \max \frac{\sum_i w_i \sum_j p_{ij} x_{ij}}{\sum_i w_i} \;\text{ or }\;
        \min \sum_i w_i \sum_j s_{ij} x_{ij}
        \quad \text{s.t.} \quad
        \sum_i w_i \sum_j s_{ij} x_{ij} \le B, \;\;
        \frac{\sum_{i \in S} w_i \sum_j p_{ij} x_{ij}}{\sum_{i \in S} w_i} \ge q_S, \;\;
        \sum_i w_i x_{im} \le c_m

    with solve probabilities p and spends s, [N, M]. The solve rate is maximised if there is a
    budget, and spend is minimised otherwise. The data is read several times and is never in memory
    as a whole; the assignment takes a few bytes per instance.

    Parameters
    ----------
    source : Source
        :class:`ParquetSource`, :class:`Generated`, :class:`DaskSource` or
        :class:`~arbmodels._assignment.Arrays`, with two quantities: p and s.
    budget : float or mapping, currency units over all instances, optional
        Most that may be spent; or that of some segments.
    floor : float or mapping, in [0, 1], optional
        Least mean solve rate; or that of some segments.
    capacities : mapping, optional
        Model -> most instances it may serve (one attempt each, counted with their weights).
    abstain : bool
        Whether an instance may be left unserved, which costs and solves nothing.
    models, segments : sequence of str, optional
        Names, where the source has none.
    output : path, optional
        New folder for the assignment, as Parquet part files; it is not kept in the result then.
    gap : float
        Relative gap to prove.
    time_limit : float
        Seconds for the solve; then the best assignment so far.

    Returns
    -------
    StreamedResult

    Raises
    ------
    InputError
        If a limit or a name cannot be used.
    DataError
        If numbers are wrong; with their places.
    InfeasibleError
        If no assignment satisfies all limits; with what each could reach alone.
    SolverError
        If the numbers span too many orders of magnitude, no assignment was found in time, or a
        cluster lost data for good.
    """
    start = perf_counter()
    abstain = flag_of(abstain, "abstain")
    gap = number_of(gap, "gap", 0, unit="a share")
    time_limit = number_of(time_limit, "time_limit", 0, unit="seconds")
    if not all(hasattr(source, name) for name in ("groups", "quantities", "map", "take")):
        raise InputError(
            f"source is {shown(source)}; give a ParquetSource, a Generated, a DaskSource or Arrays."
        )
    models = _names(models, source, "models")
    segments = _names(segments, source, "segments")
    if not models:
        raise InputError("The models have no names. Give models=[...], one per column.")
    rows = listed(budget, floor, capacities, models, segments)
    if source.quantities != 2:
        raise InputError(f"The source has {source.quantities} quantities, not two: p and s.")
    folder = None if output is None else new_folder(output)
    plans = (*models, ABSTAIN) if abstain else models
    weight = survey(source, models, max(len(segments), 1), abstain=abstain)
    problem = program(source, rows, weight, len(plans), len(models))
    answer = solve(problem, gap, time_limit)
    if answer.choice is None:
        if answer.status == "infeasible":
            raise _infeasible(problem, rows)
        raise SolverError("No assignment was found in time; raise time_limit.")
    sums = totals(problem, answer.choice)
    by_plan = sums.sum(axis=1)
    if folder is not None:
        write(source, answer.choice, plans, folder)
    return StreamedResult(
        source,
        answer.status,
        answer.objective,
        answer.bound,
        answer.prices,
        problem.activity_of(sums),
        tuple(rows),
        plans,
        counts=np.bincount(answer.choice, minlength=len(plans)).astype(np.int64),
        weight=by_plan[0],
        solved=by_plan[1],
        spent=by_plan[2],
        choice=None if folder is not None else answer.choice,
        output=None if folder is None else str(folder),
        time=perf_counter() - start,
    )


def _names(given: Sequence[str] | None, source: Source, what: str) -> tuple[str, ...]:
    return names_of(getattr(source, what, ()) if given is None else given, what)


def _infeasible(problem: AssignmentProgram, rows: Sequence[Row]) -> InfeasibleError:
    """Say what each limit could reach if it were the only one."""
    alone, lines = [], []
    for r, row in enumerate(rows):
        # The priced objective of this program is the row itself, to be made as small as it can be.
        goal = replace(problem, objective=problem.rows[r], maximise=row.sense < 0)
        reach = goal.sign * best(goal, np.zeros(len(rows))).value + 0.0  # no minus zero
        if row.sense * (reach - row.limit) > TOLERANCE * (abs(row.limit) + abs(reach)):
            alone.append(Conflict(row.label, row.limit, reach, row.unit))
        word = "at least" if row.sense > 0 else "at most"
        lines.append(
            f"{row.label}: {row.show(row.limit)} asked for; {word} {row.show(reach)} by itself"
        )
    text = "\n  ".join(["No assignment satisfies all limits.", *lines])
    if alone:
        text += f"\n{alone[0].label} cannot be satisfied even alone; relax it."
    else:
        text += "\nEach can be satisfied alone, but not all together; relax one."
    return InfeasibleError(text, alone[:1])


__all__ = [
    "ABSTAIN",
    "route",
]
