"""Route instances that do not fit into memory, in one call."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np

from arbmodels.assignment.passes import best, totals
from arbmodels.assignment.program import TOLERANCE, AssignmentProgram
from arbmodels.assignment.solve import solve
from arbmodels.assignment.source import Source
from arbmodels.checks import flag_of, names_of, number_of, shown
from arbmodels.errors import Conflict, InfeasibleError, InputError, SolverError
from arbmodels.streaming.limits import Limit, Row, listed, program
from arbmodels.streaming.result import StreamedResult
from arbmodels.streaming.survey import survey
from arbmodels.streaming.write import new_folder, write

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
        :class:`~arbmodels.assignment.Arrays`, with two quantities: p and s.
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


__all__ = ["ABSTAIN", "route"]
