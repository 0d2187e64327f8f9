"""The plan table of a market: every plan evaluated on every instance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from arbmodels.assignment.source import Quantity
from arbmodels.checks import aligned, mapping_of, number_of
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.plans import Plan, PlanEvaluation, default_curves, plans_of
from arbmodels.routing.labels import factorised, providers_of
from arbmodels.routing.partitions import Labels
from arbmodels.routing.table import PlanTable


def plan_table(
    market: Market,
    plans: Sequence[Plan],
    providers: Mapping[str, str] | None = None,
    period: Sequence[object] | None = None,
    latency: Mapping[str, float] | None = None,
) -> PlanTable:
    """Evaluate plans on a market.

    Parameters
    ----------
    market : Market
    plans : sequence of Plan
    providers : mapping, optional
        Model -> who sells it; every model is its own provider by default.
    period : sequence of labels, length N, optional
    latency : mapping, optional
        Model -> seconds of one attempt. A plan takes its expected attempts times these.

    Raises
    ------
    InputError
        If there is no plan, a plan is given twice or names a model that the market lacks, or an
        evaluation is not finite.
    """
    plans = plans_of(plans)
    if not plans:
        raise InputError("A routing problem needs at least one plan; Plan() abstains.")
    if len(set(plans)) < len(plans):
        twice = next(plan for plan in plans if plans.count(plan) > 1)
        raise InputError(f"Plan {twice.label!r} is given twice.")
    curves = default_curves(market, plans)  # shared: tabulating them for every plan is slow
    evaluations = [plan.evaluate(curves[plan.unit]) for plan in plans]
    offered = np.stack(
        [
            market.recorded[:, [market.model_index(model) for model in plan.models]].all(axis=1)
            for plan in plans
        ],
        axis=1,
    )
    solve = np.where(offered, np.stack([each.solve for each in evaluations], axis=1), 0.0)
    spend = np.where(offered, np.stack([each.spend for each in evaluations], axis=1), 0.0)
    tried = np.stack([each.attempts_by_model.sum(axis=1) for each in evaluations], axis=1)
    tried = np.where(offered, tried, 0.0)
    wrong = ~(np.isfinite(solve) & np.isfinite(spend) & np.isfinite(tried))
    if wrong.any():
        i, j = np.argwhere(wrong)[0]
        raise InputError(
            f"Instance {market.instances[i]!r}, plan {plans[j].label!r}: solve probability"
            f" {solve[i, j]:g} and spend {spend[i, j]:g} must be finite."
        )
    partitions: dict[str, Labels] = {}
    if market.segment is not None:
        partitions["segment"] = factorised(market.segment, "segment", len(market.instances))
    if period is not None:
        placed = aligned(period, {0: (market.instances, "instance")}, "period")
        partitions["period"] = factorised(placed, "period", len(market.instances))
    times = len(market.weight) * market.weight
    return PlanTable(
        name=market.name,
        currency=market.currency,
        models=market.models,
        providers=providers_of(market.models, providers),
        plans=plans,
        instances=market.instances,
        solve=solve,
        spend=spend,
        offered=None if offered.all() else offered,
        convention=evaluations[-1].convention,
        weights=None if (market.weight == market.weight[0]).all() else times,
        partitions=partitions,
        tried=_constant(plans, tried),
        latency=_latency(market, plans, evaluations, tried, latency),
        split={
            j: (np.where(offered[:, [j]], each.spend_by_model, 0.0), each.attempts_by_model)
            for j, (plan, each) in enumerate(zip(plans, evaluations, strict=True))
            if len(plan.models) > 1
        },
        market=market,
        basis="record",
        made_of=(market, plans, providers, period, latency),
    )


def _constant(plans: Sequence[Plan], tried: npt.NDArray[np.float64]) -> Quantity:
    """Return attempts per plan where no plan makes more than one, [J]; else per pair, [N, J]."""
    single = [plan.unit == "attempts" and sum(n for _, n in plan.stages) <= 1 for plan in plans]
    if all(single):
        return np.array([float(len(plan.stages)) for plan in plans])
    return tried


def _latency(
    market: Market,
    plans: Sequence[Plan],
    evaluations: Sequence[PlanEvaluation],
    tried: npt.NDArray[np.float64],
    latency: Mapping[str, float] | None,
) -> Quantity | None:
    if latency is None:
        return None
    seconds = seconds_of(market.models, latency)
    if _constant(plans, tried).ndim == 1:
        return np.array(
            [sum(seconds[market.models.index(m)] for m in plan.models) for plan in plans]
        )
    known = [each.attempts_by_model for each in evaluations]
    result: Quantity = np.stack([attempts @ seconds for attempts in known], axis=1)
    return result


def seconds_of(models: Sequence[str], latency: Mapping[str, float]) -> npt.NDArray[np.float64]:
    """Return the seconds of one attempt of each model, [M].

    Raises
    ------
    InputError
        If a model has none, or not a finite number of at least 0.
    """
    latency = mapping_of(latency, "latency")
    missing = [model for model in models if model not in latency]
    if missing:
        raise InputError(
            f"latency has no seconds for model {', '.join(map(repr, missing))}; give every model's."
        )
    unknown = [model for model in latency if model not in models]
    if unknown:
        raise InputError(
            f"latency names {unknown[0]!r}, which is no model here; there are"
            f" {', '.join(map(repr, models))}."
        )
    return np.array(
        [number_of(latency[model], f"latency of {model}", 0, unit="seconds") for model in models]
    )
