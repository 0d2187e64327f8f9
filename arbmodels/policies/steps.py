"""A plan in whole attempts, purchase by purchase, on every instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from arbmodels.curves import Curves
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan, default_curves
from arbmodels.policies.limits import ROUNDING, Limits, seconds_of


class Steps(NamedTuple):
    """What is paid, attempted and waited for in every step [N, T], and who is still unsolved.

    Parameters
    ----------
    paid : float array [N, T], currency units
    attempts : float array [N, T]
    seconds : float array [N, T] or None
    unsolved : float array [N, T + 1]
        Probability that the first t steps all fail.
    """

    paid: FloatArray
    attempts: FloatArray
    seconds: FloatArray | None
    unsolved: FloatArray


def attempts_curves(source: Market | Curves, plan: Plan) -> Curves:
    """Return curves in whole attempts that a plan can be followed on.

    Raises
    ------
    InputError
        If the plan or the curves count dollars.
    """
    if plan.unit != "attempts":
        raise InputError(
            "A plan in dollars is paid as it is consumed and has no attempts to stop after: give a"
            " plan in attempts, from cascade_frontier(attempt_curves(market))."
        )
    if isinstance(source, Market):
        return default_curves(source, [plan, Plan()])["attempts"]
    if source.unit != "attempts":
        raise InputError("The curves count dollars; give attempt_curves(market, ...).")
    return source


def attempts_made(curves: Curves, model: str, before: int, count: int) -> npt.NDArray[np.int64]:
    """Return how many of ``count`` attempts are made on every instance, [N].

    None where the model has no record, and none past the record under "stop-at-record".
    """
    market = curves.market
    recorded = market.attempts[:, market.model_index(model)]
    # Curves tell their accounting in words only.
    if curves.convention.endswith("stop-at-record"):
        return np.clip(recorded - before, 0, count)
    return np.where(recorded > 0, count, 0)


def steps_of(
    plan: Plan,
    curves: Curves,
    *,
    parallel: bool = False,
    seconds: Mapping[str, float] | None = None,
) -> Steps:
    """Follow a plan on every instance.

    Parameters
    ----------
    plan : Plan
        In attempts.
    curves : Curves
        In attempts.
    parallel : bool
        Whether every stage is one purchase of attempts that run, and are paid, together; otherwise
        every attempt is a purchase of its own.
    seconds : mapping, optional
        Model -> latency of one attempt, and so of a batch.
    """
    market = curves.market
    purchases = [
        (model, size)
        for model, amount in plan.stages
        for size in ([int(amount)] if parallel else [1] * int(amount))
    ]
    shape = (len(market.instances), len(purchases))
    paid, attempts, waited = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    unsolved = np.ones((shape[0], shape[1] + 1))
    latency = dict[str, float]()
    if seconds is not None:
        given = seconds_of(seconds, plan.models, "The time a plan takes")
        latency = dict(zip(plan.models, given.tolist(), strict=True))
    bought = dict.fromkeys(plan.models, 0)
    failure = {model: np.ones(shape[0]) for model in plan.models}
    for step, (model, size) in enumerate(purchases):
        curve = curves.models[curves.index(model)]
        made = attempts_made(curves, model, bought[model], size)
        cost = market.cost[:, market.model_index(model)]
        attempts[:, step] = made
        paid[:, step] = np.where(made > 0, made * np.where(made > 0, cost, 0.0), 0.0)
        waited[:, step] = np.where(made > 0, latency.get(model, 0.0), 0.0)
        bought[model] += size
        failure[model] = curve.failure(np.array([float(bought[model])]))[:, 0]
        unsolved[:, step + 1] = np.prod(list(failure.values()), axis=0)
    return Steps(paid, attempts, None if seconds is None else waited, unsolved)


def limited(steps: Steps, limits: Limits) -> Steps:
    """Stop every instance before the first step that would break a limit.

    Raises
    ------
    InputError
        If time is limited and the steps have none.
    """
    if limits.seconds is not None and steps.seconds is None:
        raise InputError("A limit on seconds needs seconds={model: seconds of one attempt}.")
    allowed = np.ones(steps.paid.shape, dtype=bool)
    for used, limit in (
        (steps.paid, limits.dollars),
        (steps.attempts, limits.attempts),
        (steps.seconds, limits.seconds),
    ):
        if limit is not None and used is not None:
            # A step that uses nothing on an instance is not one it could stop at.
            allowed &= (np.cumsum(used, axis=1) <= limit * (1 + ROUNDING)) | (used == 0)
    allowed = np.logical_and.accumulate(allowed, axis=1)
    stop = allowed.sum(axis=1)
    position = np.minimum(np.arange(steps.unsolved.shape[1]), stop[:, None])
    return Steps(
        np.where(allowed, steps.paid, 0.0),
        np.where(allowed, steps.attempts, 0.0),
        None if steps.seconds is None else np.where(allowed, steps.seconds, 0.0),
        np.take_along_axis(steps.unsolved, position, axis=1),
    )
