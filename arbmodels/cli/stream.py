"""``arbmodels stream``: route a Parquet data set that need not fit into memory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from arbmodels.cli import options as opt
from arbmodels.cli.output import show, show_json
from arbmodels.errors import InputError

Table = Annotated[
    Path,
    typer.Argument(
        metavar="PARQUET", show_default=False, help="A Parquet file, or a folder of them."
    ),
]
SolveColumns = Annotated[
    str,
    typer.Option(
        "--solve", metavar="A,B", help="Columns of solve probabilities, one per model, in order."
    ),
]
SpendColumns = Annotated[
    str, typer.Option("--spend", metavar="C,D", help="Columns of expected spend, one per model.")
]
ModelNames = Annotated[
    str | None,
    typer.Option(
        "--models",
        metavar="X,Y",
        show_default="the solve columns",
        help="What the models are called.",
    ),
]
Segment = Annotated[
    str | None, typer.Option("--segment", metavar="COLUMN", help="Segment of an instance.")
]
Weight = Annotated[
    str | None, typer.Option("--weight", metavar="COLUMN", help="Weight of an instance.")
]
Instance = Annotated[
    str | None, typer.Option("--instance", metavar="COLUMN", help="Name of an instance.")
]
Budget = Annotated[
    float | None, typer.Option("--budget", metavar="TOTAL", help="Most to spend in total.")
]
Floor = Annotated[
    float | None,
    typer.Option("--min-solve-rate", metavar="R", help="Least mean solve rate, 0 to 1."),
]
SegmentFloors = Annotated[
    list[str] | None,
    typer.Option(
        "--segment-floor", metavar="SEGMENT=R", help="Least solve rate of a segment; repeatable."
    ),
]
Capacities = Annotated[
    list[str] | None,
    typer.Option("--capacity", metavar="MODEL=N", help="Most instances of a model; repeatable."),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", metavar="FOLDER", help="New folder for the plan of every instance, as Parquet."
    ),
]
Gap = Annotated[float, typer.Option("--gap", metavar="SHARE", help="Relative gap to prove.")]
TimeLimit = Annotated[
    float, typer.Option("--time-limit", metavar="SECONDS", help="Then the best so far.")
]


@opt.described("stream table.parquet --solve p_x,p_y --spend c_x,c_y --budget 9")
def stream(
    table: Table,
    *,
    solve: SolveColumns,
    spend: SpendColumns,
    models: ModelNames = None,
    segment: Segment = None,
    weight: Weight = None,
    instance: Instance = None,
    budget: Budget = None,
    min_solve_rate: Floor = None,
    segment_floor: SegmentFloors = None,
    capacity: Capacities = None,
    output: Output = None,
    gap: Gap = 1e-6,
    time_limit: TimeLimit = 600.0,
    json: opt.Json = False,
) -> None:
    """Route the rows of a Parquet data set, a few row groups in memory at a time.

    One row per instance, two columns per model. With --budget the solve rate is maximised, with
    --min-solve-rate or --segment-floor alone the spend is minimised; the answer carries a proven
    bound. Solve probabilities that were measured on the very instances make it an oracle, which
    cannot be deployed; predictions do not. Needs the extra parquet.
    """
    floors = opt.limits("--segment-floor", segment_floor or ())
    if min_solve_rate is not None and floors:
        raise InputError("Give --min-solve-rate or --segment-floor, not both.")
    if budget is None and min_solve_rate is None and not floors:
        raise InputError("Give --budget TOTAL, --min-solve-rate R or --segment-floor SEGMENT=R.")
    from arbmodels.routing import RoutingProblem
    from arbmodels.streaming import ParquetSource

    source = ParquetSource(
        table,
        solve=opt.names(solve) or (),
        spend=opt.names(spend) or (),
        models=opt.names(models),
        segment=segment,
        weight=weight,
        instance=instance,
    )
    problem = RoutingProblem.from_source(source, name=table.name)
    problem = problem.minimize_spend() if budget is None else problem.add_budget(budget)
    if min_solve_rate is not None:
        problem = problem.add_floor(min_solve_rate)
    for name, rate in floors.items():
        problem = problem.add_floor(rate, name)
    for name, most in opt.limits("--capacity", capacity or ()).items():
        problem = problem.add_capacity(name, most)
    result = problem.solve(gap, time_limit, output=output)
    if json:
        show_json({"table": str(table), "instances": source.groups, **result.to_dict()})
        return
    show(result.table())
