"""Parts of a routing problem: some of its instances, or some of its recorded attempts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from arbmodels.assignment.source import BoolArray, FloatArray, IntArray
from arbmodels.checks import shown
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.routing.constraints import (
    Budget,
    Capacity,
    ChangeLimit,
    Commitment,
    Constraint,
    Contract,
    Forbidden,
    LatencyLimit,
    MeanLatency,
    MenuLimit,
    QualityFloor,
    RelativeFloor,
    ShareLimit,
)
from arbmodels.routing.objectives import Objective, Profit
from arbmodels.routing.partitions import Labels
from arbmodels.routing.problem import RoutingProblem
from arbmodels.routing.robust import RobustBudget
from arbmodels.routing.scenario_floor import ScenarioFloor
from arbmodels.routing.table import PlanTable

#: Limits on totals are scaled below, and limits on rates and shares stay; all others, of a user's
#: own, say for themselves what they are on some of the instances.
_BUILT_IN = (
    Budget,
    Capacity,
    ChangeLimit,
    Commitment,
    Forbidden,
    LatencyLimit,
    MeanLatency,
    MenuLimit,
    QualityFloor,
    RelativeFloor,
    RobustBudget,
    ScenarioFloor,
    ShareLimit,
)
#: Share of the pairs that a split of attempts may leave out.
FEW = 0.1
#: More folds would be refits on almost the same data; a slip of the hand is refused instead.
_MOST_FOLDS = 1000


def of_instances(problem: RoutingProblem, rows: IntArray) -> RoutingProblem:
    """Return the problem of some instances (increasing positions).

    Limits on totals are scaled with how often the instances they cover count; limits on rates and
    shares stay; constraints of a user's own are asked (:meth:`Constraint.of_instances`). A limit on
    a segment or period without an instance among them is left out, and so are limits on changes.
    """
    table = problem.plan_table
    part = subset(table, rows)
    kept = [
        _constraint(each, number, table, part, rows)
        for number, each in enumerate(problem.constraints, start=1)
    ]
    share = len(rows) / table.size
    return replace(
        problem,
        market=None,
        providers=None,
        period=None,
        latency=None,
        objective=_objective(problem.objective, part, rows),
        constraints=tuple(each for each in kept if each is not None),
        contracts=tuple(_contract(each, share) for each in problem.contracts),
        start=None,
        plan_table=part,
    )


def subset(table: PlanTable, rows: IntArray) -> PlanTable:
    """Return some instances of a plan table; a copy of their numbers."""
    partitions = {}
    for name, labels in table.partitions.items():
        present, codes = np.unique(labels.codes[rows], return_inverse=True)
        partitions[name] = Labels(tuple(labels.names[k] for k in present), codes)
    weights = None if table.weights is None else table.weights[rows]
    if weights is not None:
        if not weights.any():
            raise InputError(f"{table.name}: a fold has only instances of weight zero.")
        weights = weights / weights.mean()
    return replace(
        table,
        instances=[table.instances[i] for i in rows],
        solve=table.solve[rows],
        spend=table.spend[rows],
        offered=None if table.offered is None else table.offered[rows],
        weights=weights,
        partitions=partitions,
        tried=_some(table.tried, rows),
        latency=None if table.latency is None else _some(table.latency, rows),
        split={j: (spend[rows], tried[rows]) for j, (spend, tried) in table.split.items()},
        market=None,
        made_of=(),
    )


def check_folds(folds: object) -> None:
    """Raise InputError unless a number of folds is a whole number, at least 2."""
    whole = isinstance(folds, int | np.integer) and not isinstance(folds, bool)
    if not whole or not 2 <= folds <= _MOST_FOLDS:  # type: ignore[operator]
        raise InputError(
            f"folds is {shown(folds)}; give a whole number, at least 2 (0 for none)"
            f" and at most {_MOST_FOLDS}."
        )


def split_instances(table: PlanTable, folds: int, seed: int) -> tuple[IntArray, ...]:
    """Return the instances held out in each fold, stratified by segment.

    The only instance of a segment is never held out: nothing could be learnt about it.
    """
    rng = np.random.default_rng(seed)
    segments = table.partitions.get("segment")
    codes = np.zeros(table.size, dtype=np.int64) if segments is None else segments.codes
    fold = np.full(table.size, -1)
    following = 0  # folds stay of equal size over all segments
    for code in np.unique(codes):
        members = rng.permutation(np.flatnonzero(codes == code))
        if len(members) > 1:
            fold[members] = (following + np.arange(len(members))) % folds
            following += len(members)
    held_out = tuple(np.flatnonzero(fold == k) for k in range(folds))
    if any(len(each) == 0 for each in held_out):
        raise InputError(
            f"{folds} folds of {int((fold >= 0).sum())} instances that can be held out: a fold"
            " would be empty. Ask for fewer folds, or merge small segments."
        )
    return held_out


def most_attempts(problem: RoutingProblem) -> npt.NDArray[np.int64]:
    """Return the most attempts that any plan in attempts makes of each model, [M]."""
    table = problem.plan_table
    most = dict.fromkeys(table.models, 1.0)
    for plan in table.plans:
        if plan.unit == "attempts":
            totals: dict[str, float] = {}
            for model, amount in plan.stages:
                totals[model] = totals.get(model, 0.0) + amount
                most[model] = max(most[model], totals[model])
    return np.array([int(most[model]) for model in table.models])


def split_attempts(
    market: Market, needed: npt.NDArray[np.int64], folds: int, rng: np.random.Generator
) -> tuple[Market, Market]:
    """Return a market to fit on and one to score on: the recorded attempts of every pair, split.

    A share 1 / folds of them is held out, and at least ``needed`` on either side; which ones is
    random (hypergeometric). A few pairs that have too few attempts lose their record in both.

    Raises
    ------
    InputError
        If more than :data:`FEW` of the pairs, or all of an instance or a model, have too few
        attempts; the first is named.
    """
    attempts = market.attempts
    short = too_short(market, needed)
    kept = market.recorded & ~short
    if short.sum() > FEW * market.recorded.sum() or not (kept.any(0).all() and kept.any(1).all()):
        i, m = np.argwhere(short)[0]
        raise InputError(
            f"Instance {market.instances[i]!r}, model {market.models[m]!r}: {attempts[i, m]}"
            f" recorded attempts cannot be split into {needed[m]} to fit on and {needed[m]} to"
            f" score on ({int(short.sum())} such pairs). Use plans of fewer attempts, select"
            " instances with more, or validate a per-segment assignment."
        )
    most = np.maximum(attempts - needed, needed)
    held = np.clip(np.rint(attempts / folds).astype(np.int64), needed, most)
    held = np.where(kept, held, 0)
    attempts, successes = np.where(kept, attempts, 0), np.where(kept, market.successes, 0)
    solved = rng.hypergeometric(successes, attempts - successes, held)
    fit = replace(market, attempts=attempts - held, successes=successes - solved)
    return fit, replace(market, attempts=held, successes=solved)


def too_short(market: Market, needed: npt.NDArray[np.int64]) -> BoolArray:
    """Return the pairs whose recorded attempts cannot be split into twice ``needed``, [N, M]."""
    short: BoolArray = market.recorded & (market.attempts < 2 * needed)
    return short


def _some(values: npt.NDArray[np.floating], rows: IntArray) -> npt.NDArray[np.floating]:
    return values if values.ndim == 1 else values[rows]


def _constraint(
    constraint: Constraint, number: int, table: PlanTable, part: PlanTable, rows: IntArray
) -> Constraint | None:
    """Return a constraint for the instances ``rows``, whose table is ``part``; None to drop it."""
    if not isinstance(constraint, _BUILT_IN):
        return constraint.of_instances(table, part, rows)
    for partition in ("segment", "period"):
        label = getattr(constraint, partition, None)
        if label is not None and label not in part.labels(partition).names:
            return None
    if isinstance(constraint, ChangeLimit):
        return None
    share = part.size / table.size
    changes: dict[str, Any] = {}
    if isinstance(constraint, Budget):
        inside, everywhere = (_covered(constraint, each) for each in (part, table))
        changes["total"] = constraint.total * inside / (everywhere or 1.0)
    elif isinstance(constraint, RobustBudget):
        changes = {"total": share * constraint.total, "gamma": share * constraint.gamma}
        if np.ndim(constraint.deviation) > 0:
            changes["deviation"] = np.asarray(constraint.deviation)[rows]
    elif isinstance(constraint, Capacity):
        changes["attempts"] = share * constraint.attempts
    elif isinstance(constraint, Commitment):
        changes["amount"] = share * constraint.amount
    elif isinstance(constraint, Forbidden) and constraint.instances is not None:
        present = set(part.instances)
        changes["instances"] = tuple(each for each in constraint.instances if each in present)
        changes["number"] = number  # what is left of two lists may read alike
        if not changes["instances"]:
            return None
    elif isinstance(constraint, ScenarioFloor):
        changes["scenarios"] = constraint.scenarios.subset(part, rows)
    return replace(constraint, **changes)


def _covered(budget: Budget, table: PlanTable) -> float:
    """Return how often the instances that a budget covers count together."""
    scope = table.inside(budget.segment) & table.inside(budget.period, "period")
    return float(table.times[scope].sum())


def _contract(contract: Contract, share: float) -> Contract:
    """Scale amounts; the fee too, so that the payment per instance is the same."""
    return replace(
        contract,
        fee=share * contract.fee,
        tiers=tuple((share * start, rate) for start, rate in contract.tiers),
        credit=share * contract.credit,
    )


def _objective(objective: Objective, part: PlanTable, rows: IntArray) -> Objective:
    if not isinstance(objective, Profit):
        return objective
    if isinstance(objective.price, Mapping):
        names = part.labels("segment").names
        return Profit({name: objective.price[name] for name in names})
    if np.ndim(objective.price) == 0:
        return objective
    prices: FloatArray = np.asarray(objective.price, dtype=float)[rows]
    return Profit(prices)
