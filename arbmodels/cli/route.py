"""``arbmodels route``: which model serves which instance.

The options of ``arbmodels route``: objective, limits, contracts, files.

From the options of ``arbmodels route`` to a routing problem.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from arbmodels.cli import options as opt
from arbmodels.cli.output import about, show, show_json, working
from arbmodels.errors import InfeasibleError, InputError

if TYPE_CHECKING:
    from arbmodels.market import Market
    from arbmodels.routing import RoutingProblem, RoutingResult


_GOAL, _LIMITS = "Objective", "Limits"
_VOLUME, _MORE = "Volume and contracts", "Doubt and change"
_FILES = "What to show and write"


def _option(flag: str, metavar: str, text: str, panel: str, **more: Any) -> Any:
    return typer.Option(flag, metavar=metavar, help=text, rich_help_panel=panel, **more)


#: NAME=NUMBER, repeatable.
Pairs = list[str] | None

Price = Annotated[
    float | None,
    _option("--price", "P", "Maximise profit at this price per solved instance.", _GOAL),
]
WorstSegment = Annotated[
    bool,
    typer.Option(
        "--worst-segment",
        help="Maximise the solve rate of the segment where it is lowest.",
        rich_help_panel=_GOAL,
    ),
]
AbstainPenalty = Annotated[
    float,
    _option(
        "--abstain-penalty", "X", "Cost of an unserved instance, in the objective's unit.", _GOAL
    ),
]
Attempts = Annotated[
    int, _option("--attempts", "K", "Up to K attempts of one model each.", _GOAL, min=1)
]
AssignmentOption = Annotated[
    Literal["oracle", "per-segment", "single"],
    _option(
        "--assignment",
        "KIND",
        "oracle: a plan per instance, from its own solve probabilities (a bound, not"
        " deployable). per-segment: one plan per segment. single: one plan for all.",
        _GOAL,
    ),
]
Budget = Annotated[
    float | None,
    _option(
        "--budget",
        "TOTAL",
        "Most to spend in total over the instances, in the market's currency.",
        _LIMITS,
    ),
]
Floor = Annotated[
    float | None, _option("--min-solve-rate", "R", "Least mean solve rate, 0 to 1.", _LIMITS)
]
OfBest = Annotated[
    float | None,
    _option("--of-best", "SHARE", "Least solve rate, as a share of the best achievable.", _LIMITS),
]
SegmentBudgets = Annotated[
    Pairs, _option("--segment-budget", "SEGMENT=T", "Most to spend there; repeatable.", _LIMITS)
]
ModelBudgets = Annotated[
    Pairs, _option("--model-budget", "MODEL=T", "Most to spend on a model; repeatable.", _LIMITS)
]
SegmentFloors = Annotated[
    Pairs,
    _option("--segment-floor", "SEGMENT=R", "Least solve rate there; repeatable.", _LIMITS),
]
Forbid = Annotated[
    Pairs,
    _option(
        "--forbid", "MODEL[@SEGMENT]", "Never that model, or not in a segment; repeatable.", _LIMITS
    ),
]
MaxModels = Annotated[
    int | None, _option("--max-models", "K", "At most K models in use.", _LIMITS, min=0)
]
MaxPlans = Annotated[
    int | None, _option("--max-plans", "K", "At most K plans in use.", _LIMITS, min=0)
]
Seconds = Annotated[
    Pairs, _option("--seconds", "MODEL=S", "How long an attempt takes; repeatable.", _LIMITS)
]
MaxLatency = Annotated[
    float | None,
    _option("--max-latency", "S", "Longest expected latency of any instance, seconds.", _LIMITS),
]
MeanLatency = Annotated[
    float | None, _option("--mean-latency", "S", "Longest mean latency, seconds.", _LIMITS)
]
Capacities = Annotated[
    Pairs, _option("--capacity", "MODEL=N", "Most attempts of a model; repeatable.", _VOLUME)
]
Commitments = Annotated[
    Pairs, _option("--commit", "MODEL=N", "Fewest attempts of a model; repeatable.", _VOLUME)
]
Shares = Annotated[
    Pairs,
    _option("--max-share", "MODEL=SHARE", "Most of the spend to a model; repeatable.", _VOLUME),
]
Contracts = Annotated[
    Pairs,
    _option(
        "--contract",
        "MODEL:TERMS",
        "Terms are fee=F, credit=C, tiers=FROM@RATE/FROM@RATE, by commas: a fee if used at all,"
        " list spend prepaid, and what a unit of list spend costs from there on; repeatable.",
        _VOLUME,
    ),
]
Overrun = Annotated[
    str | None,
    _option(
        "--overrun",
        "SHARE@COUNT",
        "The budget must hold although any COUNT instances cost SHARE more than expected.",
        _MORE,
    ),
]
Folds = Annotated[
    int,
    _option(
        "--folds",
        "K",
        "Cross-validate: score on held-out data in K folds; 0 for not.",
        _MORE,
        min=0,
    ),
]
Start = Annotated[
    Path | None,
    _option("--start", "FILE", "Start from an earlier answer, as written by --output.", _MORE),
]
MaxChanges = Annotated[
    float | None,
    _option("--max-changes", "K", "At most K instances change models against --start.", _MORE),
]
Gap = Annotated[float, _option("--gap", "SHARE", "Relative gap to prove.", _FILES, min=0.0)]
TimeLimit = Annotated[float, _option("--time-limit", "SECONDS", "Then the best so far.", _FILES)]
Explain = Annotated[
    str | None, _option("--explain", "INSTANCE", "Why this instance has its plan.", _FILES)
]
Sweep = Annotated[
    str | None,
    _option("--sweep", "LABEL", "The answers over this limit, such as budget.", _FILES),
]
Output = Annotated[
    Path | None,
    _option("--output", "FILE", "Write the plan of every instance (.csv or .parquet).", _FILES),
]
Export = Annotated[
    Path | None, _option("--export", "FILE", "Write the integer program (.mps or .lp).", _FILES)
]


@dataclass(frozen=True)
class Terms:
    """What was asked for, as written."""

    budget: float | None
    min_solve_rate: float | None
    of_best: float | None
    price: float | None
    worst_segment: bool
    abstain_penalty: float
    segment_budget: Sequence[str]
    model_budget: Sequence[str]
    segment_floor: Sequence[str]
    forbid: Sequence[str]
    max_models: int | None
    max_plans: int | None
    seconds: Sequence[str]
    max_latency: float | None
    mean_latency: float | None
    capacity: Sequence[str]
    commit: Sequence[str]
    max_share: Sequence[str]
    contract: Sequence[str]
    overrun: str | None
    start: Path | None
    max_changes: float | None

    def check(self) -> None:
        """Raise InputError unless there is something to optimise, and one thing only."""
        floors = self.min_solve_rate is not None or self.of_best is not None
        if self.price is not None and self.worst_segment:
            raise InputError("Give --price or --worst-segment, not both: one objective.")
        if self.budget is None and self.worst_segment:
            raise InputError("--worst-segment spends without end: give --budget TOTAL too.")
        if self.budget is None and self.overrun is not None:
            raise InputError("--overrun protects a budget: give --budget TOTAL too.")
        if self.budget is None and not floors and self.price is None:
            raise InputError(
                "Say what is wanted: --budget TOTAL (most solved for the money; with"
                " --worst-segment, most in the segment that has least), --min-solve-rate R or"
                " --of-best SHARE (cheapest that solves so much), or --price P (most profit). Other"
                " limits come on top."
            )
        if self.max_changes is not None and self.start is None:
            raise InputError("--max-changes counts against an earlier answer: give --start FILE.")
        for flag, limit in (
            ("--max-latency", self.max_latency),
            ("--mean-latency", self.mean_latency),
        ):
            if limit is not None and not self.seconds:
                raise InputError(f"{flag} needs --seconds MODEL=S of every model.")

    def on(self, problem: RoutingProblem) -> RoutingProblem:
        """Return the problem with objective and constraints."""
        problem = self._objective(problem)
        if self.budget is not None:
            problem = self._budget(problem, self.budget)
        if self.min_solve_rate is not None:
            problem = problem.add_floor(self.min_solve_rate)
        if self.of_best is not None:
            problem = problem.add_floor(of_best=self.of_best)
        repeated: tuple[tuple[str, Sequence[str], Callable[..., RoutingProblem]], ...] = (
            ("--segment-budget", self.segment_budget, _segment_budget),
            ("--model-budget", self.model_budget, _model_budget),
            ("--segment-floor", self.segment_floor, _segment_floor),
            ("--capacity", self.capacity, _capacity),
            ("--commit", self.commit, _commitment),
            ("--max-share", self.max_share, _share),
        )
        for flag, entries, add in repeated:
            for name, value in opt.limits(flag, entries).items():
                problem = add(problem, name, value)
        return self._rest(problem)

    def _rest(self, problem: RoutingProblem) -> RoutingProblem:
        for entry in self.forbid:
            model, at, segment = entry.partition("@")
            if not model or (at and not segment):
                raise InputError(f"--forbid {entry!r} must look like --forbid MODEL[@SEGMENT].")
            problem = problem.forbid(model, segment=segment or None)
        if self.max_models is not None:
            problem = problem.limit_models(self.max_models)
        if self.max_plans is not None:
            problem = problem.limit_plans(self.max_plans)
        if self.max_latency is not None:
            problem = problem.add_latency_limit(self.max_latency)
        if self.mean_latency is not None:
            problem = problem.add_mean_latency(self.mean_latency)
        for entry in self.contract:
            seller, terms = contract_of(entry)
            problem = problem.add_contract(seller, **terms)
        if self.start is not None:
            labels = earlier(self.start, [str(name) for name in problem.plan_table.instances])
            problem = problem.start_from(labels, self.max_changes)
        return problem

    def _objective(self, problem: RoutingProblem) -> RoutingProblem:
        if self.price is not None:
            problem = problem.maximize_profit(self.price)
        elif self.worst_segment:
            problem = problem.maximize_worst_segment()
        elif self.budget is None:
            problem = problem.minimize_spend()
        return problem.penalize_abstention(self.abstain_penalty)

    def _budget(self, problem: RoutingProblem, total: float) -> RoutingProblem:
        if self.overrun is None:
            return problem.add_budget(total)
        share, at, count = self.overrun.partition("@")
        if not at:
            raise InputError(f"--overrun {self.overrun!r} must look like --overrun 0.3@20.")
        return problem.add_robust_budget(
            total,
            deviation=opt.number_of(share, "--overrun: the share"),
            gamma=opt.number_of(count, "--overrun: the count"),
        )


def _segment_budget(problem: RoutingProblem, segment: str, total: float) -> RoutingProblem:
    return problem.add_budget(total, segment)


def _model_budget(problem: RoutingProblem, model: str, total: float) -> RoutingProblem:
    return problem.add_budget(total, model=model)


def _segment_floor(problem: RoutingProblem, segment: str, rate: float) -> RoutingProblem:
    return problem.add_floor(rate, segment)


def _capacity(problem: RoutingProblem, model: str, most: float) -> RoutingProblem:
    return problem.add_capacity(model, most)


def _commitment(problem: RoutingProblem, model: str, fewest: float) -> RoutingProblem:
    return problem.add_commitment(model, attempts=fewest)


def _share(problem: RoutingProblem, model: str, share: float) -> RoutingProblem:
    return problem.add_share_limit(model, share)


def contract_of(entry: str) -> tuple[str, dict[str, Any]]:
    """Read ``deepseek:fee=5,credit=2,tiers=0@1/10@0.8``.

    Examples
    --------
    >>> contract_of("deepseek:fee=5,tiers=0@1/10@0.8")
    ('deepseek', {'fee': 5.0, 'tiers': ((0.0, 1.0), (10.0, 0.8))})
    """
    example = "deepseek:fee=5,credit=2,tiers=0@1/10@0.8"
    seller, colon, text = entry.rpartition(":")
    if not (seller and colon and text):
        raise InputError(f"--contract {entry!r} must look like {example}.")
    terms: dict[str, Any] = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        if name in terms or name not in ("fee", "credit", "tiers"):
            raise InputError(
                f"--contract {entry!r}: {part!r} is not one of fee=, credit=, tiers=, once each;"
                f" an example is {example}."
            )
        what = f"--contract {entry!r}: {name}"
        if name == "tiers":
            pairs = [tier.partition("@") for tier in value.split("/")]
            if not all(at for _, at, _ in pairs):
                raise InputError(f"{what} must look like tiers=0@1/10@0.8, not {value!r}.")
            terms[name] = tuple(
                (opt.number_of(a, what), opt.number_of(b, what)) for a, _, b in pairs
            )
        else:
            terms[name] = opt.number_of(value, what)
    return seller, terms


def earlier(path: Path, instances: Sequence[str]) -> list[str]:
    """Return the plans of an answer written by ``--output``, in the order of the instances.

    Raises
    ------
    InputError
        If the file cannot be read or lacks an instance.
    """
    import pandas as pd

    try:
        parquet = path.suffix == ".parquet"
        frame = pd.read_parquet(path) if parquet else pd.read_csv(path, dtype=str)
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"--start {path} cannot be read: {error}") from error
    frame = frame.reset_index() if "instance" not in frame else frame
    if not {"instance", "plan"} <= set(frame):
        raise InputError(f"--start {path} has no columns instance and plan, as --output writes.")
    plans = dict(zip(frame["instance"].astype(str), frame["plan"].astype(str), strict=True))
    missing = [name for name in instances if name not in plans]
    if missing:
        raise InputError(f"--start {path} has no plan for {missing[0]!r} ({len(missing)} missing).")
    return [plans[name] for name in instances]


def _check(**given: Any) -> None:
    _asked(given).check()


def _asked(given: Mapping[str, Any]) -> Terms:
    """Return the terms among the options; an option not given repeatedly is an empty list."""
    terms: dict[str, Any] = {each.name: given[each.name] for each in fields(Terms)}
    lists = [each.name for each in fields(Terms) if each.type == "Sequence[str]"]
    return Terms(**terms | {name: terms[name] or () for name in lists})


@opt.on_market(
    "route swebench-sim --budget 20 --attempts 3",
    "route swebench-sim --price 0.5 --contract deepseek:fee=1",
    "route swebench-sim --budget 9 --assignment single --folds 5 --json",
    check=_check,
)
def route(
    market: opt.Opened,
    *,
    budget: Budget = None,
    min_solve_rate: Floor = None,
    of_best: OfBest = None,
    segment_budget: SegmentBudgets = None,
    model_budget: ModelBudgets = None,
    segment_floor: SegmentFloors = None,
    forbid: Forbid = None,
    max_models: MaxModels = None,
    max_plans: MaxPlans = None,
    seconds: Seconds = None,
    max_latency: MaxLatency = None,
    mean_latency: MeanLatency = None,
    attempts: Attempts = 1,
    assignment: AssignmentOption = "oracle",
    price: Price = None,
    worst_segment: WorstSegment = False,
    abstain_penalty: AbstainPenalty = 0.0,
    capacity: Capacities = None,
    commit: Commitments = None,
    max_share: Shares = None,
    contract: Contracts = None,
    overrun: Overrun = None,
    folds: Folds = 0,
    start: Start = None,
    max_changes: MaxChanges = None,
    gap: Gap = 1e-6,
    time_limit: TimeLimit = 60.0,
    explain: Explain = None,
    sweep: Sweep = None,
    plot: opt.Plot = None,
    output: Output = None,
    export: Export = None,
    force: bool = False,
    json: opt.Json = False,
) -> None:
    """Decide which model serves which instance, under a budget or for a solve rate.

    With --budget the solve rate is maximised (also when --min-solve-rate is given as well), with
    --min-solve-rate alone the spend is minimised, with --price the profit is maximised. The answer
    carries a proven bound and the shadow price of every constraint: what one more unit would
    bring. Constraints that cannot be met together end with exit code 3 and the smallest set of
    them that conflicts. The JSON also holds the plan of every instance.
    """
    asked = _asked(locals())
    _check_instance(explain, market)
    with working("Evaluating the plans", quiet=json):
        from arbmodels.plans import attempts_up_to
        from arbmodels.routing import RoutingProblem

        problem = asked.on(
            RoutingProblem(
                market,
                attempts_up_to(market, attempts),
                assignment,
                latency=opt.limits("--seconds", seconds) if seconds else None,
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


def _write(result: RoutingResult, path: Path, *, force: bool) -> None:
    if path.suffix == ".csv":
        result.to_csv(path, overwrite=force)
    else:
        result.to_parquet(path, overwrite=force)


def _draw(shown: Any, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from arbmodels.cli.output import save_picture

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
