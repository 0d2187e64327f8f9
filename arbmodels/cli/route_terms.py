"""From the options of ``arbmodels route`` to a routing problem."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arbmodels.cli.inputs import limits, number_of
from arbmodels.errors import InputError

if TYPE_CHECKING:
    from arbmodels.routing import RoutingProblem


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
            for name, value in limits(flag, entries).items():
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
            deviation=number_of(share, "--overrun: the share"),
            gamma=number_of(count, "--overrun: the count"),
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
            terms[name] = tuple((number_of(a, what), number_of(b, what)) for a, _, b in pairs)
        else:
            terms[name] = number_of(value, what)
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
