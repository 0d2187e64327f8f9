"""``arbmodels route``: which model serves which instance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from arbmodels.cli import route_options as options
from arbmodels.cli.inputs import limits, open_market
from arbmodels.cli.options import (
    Columns,
    Data,
    Force,
    Json,
    MissingPairs,
    Models,
    Plot,
    Source,
    described,
)
from arbmodels.cli.output import about, show, show_json, working
from arbmodels.cli.pictures import check_picture
from arbmodels.cli.route_terms import Terms
from arbmodels.errors import InfeasibleError, InputError

if TYPE_CHECKING:
    from arbmodels.market import Market
    from arbmodels.routing import RoutingProblem, RoutingResult


@described(
    "route swebench-sim --budget 20 --attempts 3",
    "route swebench-sim --price 0.5 --contract deepseek:fee=1",
    "route swebench-sim --budget 9 --assignment single --folds 5 --json",
)
def route(
    source: Source,
    *,
    models: Models = None,
    budget: options.Budget = None,
    min_solve_rate: options.Floor = None,
    of_best: options.OfBest = None,
    segment_budget: options.SegmentBudgets = None,
    model_budget: options.ModelBudgets = None,
    segment_floor: options.SegmentFloors = None,
    forbid: options.Forbid = None,
    max_models: options.MaxModels = None,
    max_plans: options.MaxPlans = None,
    seconds: options.Seconds = None,
    max_latency: options.MaxLatency = None,
    mean_latency: options.MeanLatency = None,
    attempts: options.Attempts = 1,
    assignment: options.AssignmentOption = "oracle",
    price: options.Price = None,
    worst_segment: options.WorstSegment = False,
    abstain_penalty: options.AbstainPenalty = 0.0,
    capacity: options.Capacities = None,
    commit: options.Commitments = None,
    max_share: options.Shares = None,
    contract: options.Contracts = None,
    overrun: options.Overrun = None,
    folds: options.Folds = 0,
    start: options.Start = None,
    max_changes: options.MaxChanges = None,
    gap: options.Gap = 1e-6,
    time_limit: options.TimeLimit = 60.0,
    explain: options.Explain = None,
    sweep: options.Sweep = None,
    plot: Plot = None,
    output: options.Output = None,
    export: options.Export = None,
    force: Force = False,
    columns: Columns = None,
    missing: MissingPairs = "intersection",
    data: Data = None,
    json: Json = False,
) -> None:
    """Decide which model serves which instance, under a budget or for a solve rate.

    With --budget the solve rate is maximised (also when --min-solve-rate is given as well), with
    --min-solve-rate alone the spend is minimised, with --price the profit is maximised. The answer
    carries a proven bound and the shadow price of every constraint: what one more unit would
    bring. Constraints that cannot be met together end with exit code 3 and the smallest set of
    them that conflicts. The JSON also holds the plan of every instance.
    """
    asked = Terms(
        budget,
        min_solve_rate,
        of_best,
        price,
        worst_segment,
        abstain_penalty,
        segment_budget or (),
        model_budget or (),
        segment_floor or (),
        forbid or (),
        max_models,
        max_plans,
        seconds or (),
        max_latency,
        mean_latency,
        capacity or (),
        commit or (),
        max_share or (),
        contract or (),
        overrun,
        start,
        max_changes,
    )
    asked.check()
    _check_files(output, export, force=force)
    check_picture(plot, force=force)
    market = open_market(source, models, columns, missing, data)
    _check_instance(explain, market)
    with working("Evaluating the plans", quiet=json):
        from arbmodels.plans import attempts_up_to
        from arbmodels.routing import RoutingProblem

        problem = asked.on(
            RoutingProblem(
                market,
                attempts_up_to(market, attempts),
                assignment,
                latency=limits("--seconds", seconds) if seconds else None,
            )
        )
    if export is not None:
        problem.export(export, overwrite=force)
    try:
        with working("Solving and cross-validating" if folds else "Solving", quiet=json):
            result = problem.solve(gap, time_limit, folds=folds)
    except InfeasibleError as error:
        if json:
            show_json({**about(market), **_infeasible(problem, error)})
        raise
    if output is not None:
        _write(result, output, force=force)
    more = _more(problem, result, explain=explain, sweep=sweep, quiet=json)
    if plot is not None:
        _draw(more.get("sweep", result), plot)
    if json:
        plans = [result.plans[position].label for position in result.assignment]
        show_json(
            {
                **about(market),
                **result.to_dict(),
                "attempts": attempts,
                "assignment": dict(zip(market.instances, plans, strict=True)),
                **{name: _plain(each) for name, each in more.items()},
            }
        )
        return
    show(result.table(), *(each.table() for each in more.values()))


def _more(
    problem: RoutingProblem,
    result: RoutingResult,
    *,
    explain: str | None,
    sweep: str | None,
    quiet: bool,
) -> dict[str, Any]:
    """Return what was asked for beside the answer."""
    more: dict[str, Any] = {}
    if explain is not None:
        more["explanation"] = result.explain(explain)
    if sweep is not None:
        with working("Solving over the limit", quiet=quiet):
            more["sweep"] = problem.frontier(sweep)
    return more


def _plain(each: Any) -> Any:
    if hasattr(each, "to_dict"):
        return each.to_dict()
    return each.to_frame().to_dict("records")


def _check_instance(name: str | None, market: Market) -> None:
    """Refuse before anything is computed to explain an instance that the market lacks."""
    if name is not None and name not in market.instances:
        raise InputError(
            f"--explain {name!r}: {market.name} has no such instance; its names look like"
            f" {market.instances[0]!r}."
        )


def _check_files(*paths: Path | None, force: bool) -> None:
    """Refuse before anything is computed what could not be written."""
    for path, endings in zip(paths, ((".csv", ".parquet"), (".mps", ".lp")), strict=True):
        if path is None:
            continue
        if path.suffix not in endings:
            raise InputError(f"{path}: the file's name must end in {' or '.join(endings)}.")
        if path.exists() and not force:
            raise InputError(f"{path} exists already. Overwrite it with --force.")


def _write(result: RoutingResult, path: Path, *, force: bool) -> None:
    if path.suffix == ".csv":
        result.to_csv(path, overwrite=force)
    else:
        result.to_parquet(path, overwrite=force)


def _draw(shown: Any, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from arbmodels.cli.pictures import save_picture

    figure = shown.plot().get_figure()
    save_picture(figure, path)


def _infeasible(problem: RoutingProblem, error: InfeasibleError) -> dict[str, Any]:
    unknown = dict.fromkeys(("objective", "bound", "gap", "spend", "solve_rate"))
    return {
        "status": "infeasible",
        "assignment_kind": problem.assignment,
        **unknown,
        "shadow_prices": {},
        "message": str(error),
        "conflict": [
            {
                "label": each.label,
                "limit": each.limit,
                "needed": each.needed,
                "unit": each.unit,
            }
            for each in error.conflicts
        ],
    }
