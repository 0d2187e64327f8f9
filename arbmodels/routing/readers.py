"""Plan tables of arrays, which are never copied, of long tables, and of markets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from arbmodels import _checks as check
from arbmodels._assignment.program import BoolArray, FloatArray, Quantity
from arbmodels._pandas import pandas_loaded, pd
from arbmodels.errors import DataError, InputError
from arbmodels.market import Market
from arbmodels.plans import Plan, PlanEvaluation, default_curves, plans_of
from arbmodels.routing.table import Labeled, Labels, PlanTable, factorized, providers_of

#: Rows looked at together: their numbers stay in a processor's cache.
_ROWS = 1 << 13
#: Problems named in an error.
_NAMED = 20


def table_of_arrays(
    solve: npt.ArrayLike,
    spend: npt.ArrayLike,
    models: Sequence[str] | None,
    *,
    instances: Labeled | None,
    weight: npt.ArrayLike | None,
    segment: Labeled | None,
    period: Labeled | None,
    offered: npt.ArrayLike | None,
    latency: npt.ArrayLike | Mapping[str, float] | None,
    providers: Mapping[str, str] | None,
    abstain: bool,
    currency: str,
    name: str,
) -> PlanTable:
    """Return the plan table of one attempt of every model, and abstaining.

    Parameters and defaults are those of :meth:`arbmodels.routing.RoutingProblem.from_arrays`.

    Raises
    ------
    InputError
        If a shape, label or option is wrong.
    DataError
        If a number at an offered pair cannot be what it stands for; with instance and model.
    """
    abstain = check.flag_of(abstain, "abstain")
    currency, name = check.text_of(currency, "currency"), check.text_of(name, "name")
    if isinstance(latency, Mapping):
        latency = pd.Series(latency, dtype=object)
    tables = {"solve": solve, "spend": spend, "offered": offered, "latency": latency}
    names, named_by = _columns(tables, models)
    row_labels, labels, numbered = _rows(
        {**tables, "weight": weight, "segment": segment, "period": period}, instances
    )

    def placed(values: Any, what: str) -> Any:
        if pandas_loaded() and isinstance(values, pd.Series) and what == "latency":
            return check.aligned(values, {0: (names, "model")}, what)
        axes = {} if row_labels is None else {0: (row_labels, "instance")}
        values = check.aligned(values, axes, what, numbered=numbered)
        columns = {} if names is None else {1: (names, "model")}
        return check.aligned(values, columns, what, numbered=named_by is None)

    solved, there = _matrix(placed(solve, "solve"), "solve")
    spent, here = _matrix(placed(spend, "spend"), "spend")
    size, width = solved.shape
    if spent.shape != solved.shape:
        raise InputError(f"spend has shape {spent.shape}, solve has {solved.shape}; give the same.")
    if min(size, width) == 0:
        raise InputError(f"There are {size} instances and {width} models; give at least one each.")
    names = _model_names(names, width)
    labels = range(size) if labels is None else labels
    if len(labels) != size:
        raise InputError(f"There are {len(labels)} instances for {size} rows.")
    mask = _mask(placed(offered, "offered"), solved.shape)
    masks = [each for each in (mask, there, here) if each is not None]
    mask = np.logical_and.reduce(masks) if masks else None
    at = _Place(mask, labels, names)
    problems = list(_problems(solved, "solve", "a probability", 1.0, at))
    problems += _problems(spent, "spend", f"an amount of {currency}", check.LARGEST, at)
    seconds = None
    if latency is not None:
        seconds, wrong = _seconds(placed(latency, "latency"), at, solved.shape)
        problems += wrong
    if problems:
        raise DataError(
            name,
            problems,
            "Correct the arrays, or mark pairs that may not be chosen in `offered`.",
        )
    if seconds is not None and seconds.ndim == 1:
        seconds = np.append(seconds, np.zeros(int(abstain)))
    partitions: dict[str, Labels] = {}
    for what, values in (("segment", segment), ("period", period)):
        if values is not None:
            partitions[what] = factorized(placed(values, what), what, size)
    plans = [Plan(((model, 1),)) for model in names] + [Plan()] * abstain
    return PlanTable(
        name=name,
        currency=currency,
        models=names,
        providers=providers_of(names, providers),
        plans=tuple(plans),
        instances=labels,
        solve=_rounded(solved, mask),
        spend=spent,
        offered=mask,
        billing="one attempt of a model; solve probabilities and spend as given",
        weights=_weights(placed(weight, "weight"), labels),
        partitions=partitions,
        tried=np.array([1.0] * width + [0.0] * abstain),
        latency=seconds,
    )


def _columns(
    tables: Mapping[str, Any], models: Sequence[str] | None
) -> tuple[tuple[str, ...] | None, str | None]:
    """Return the models, and which frame names them; None for the names that models get by default.

    A list of models says the order; else the columns of the first frame that has names.
    """
    if models is not None:
        return check.labels_of(models, "models"), None
    for what, values in tables.items() if pandas_loaded() else ():
        if isinstance(values, pd.DataFrame) and not check.is_numbered(values.columns):
            return check.labels_of(values.columns, f"the columns of {what}"), what
        if (
            isinstance(values, pd.Series)
            and what == "latency"
            and not check.is_numbered(values.index)
        ):
            return check.labels_of(values.index, f"the labels of {what}"), what
    return None, None


def _rows(given: Mapping[str, Any], instances: Labeled | None) -> tuple[Any, Labeled | None, bool]:
    """Return labels to find rows by, the instances' names (None: default), and a rule.

    The rule: whether rows that pandas numbered by itself are in the order of the labels. A list of
    instances says the order, and so does the first frame or Series with labels. A Series of names
    is matched like all others, by its own labels.
    """
    framed = {
        what: values
        for what, values in given.items()
        if pandas_loaded()
        and (
            isinstance(values, pd.DataFrame)
            or (isinstance(values, pd.Series) and what != "latency")
        )
    }
    by_label = next((v.index for v in framed.values() if not check.is_numbered(v.index)), None)
    if framed and isinstance(instances, pd.Series):
        own = by_label is None or (
            len(instances) == len(by_label) and bool(instances.index.isin(by_label).all())
        )
        if own:
            rows = range(len(instances)) if by_label is None else by_label
            placed = check.aligned(instances, {0: (rows, "row")}, "instances", numbered=False)
            return rows, _instance_labels(placed), by_label is None
    if instances is not None:
        labels = _instance_labels(instances)
        return labels, labels, True
    if by_label is None:
        return None, None, True
    return by_label, _instance_labels(by_label), False


def _matrix(values: Any, what: str) -> tuple[Quantity, BoolArray | None]:
    """Return a float array of two axes, and where it is not masked (None: nowhere).

    Arrays of float32 and float64, also memory-mapped ones, as they are.
    """
    there = None
    if isinstance(values, np.ma.MaskedArray):
        there = None if not values.mask.any() else ~np.ma.getmaskarray(values)
        values = values.data
    array = check.numbers_of(values, what, booleans=what == "solve")
    if array.ndim != 2:
        raise InputError(f"{what} has {array.ndim} axes; give an array of instances x models.")
    return array, there


def _rounded(solve: Quantity, offered: BoolArray | None) -> Quantity:
    """Return solve probabilities from 0 to 1; a copy only if one lies outside, by rounding."""

    def outside(start: int) -> bool:
        block = solve[start : start + _ROWS]
        if block.min() >= 0 and block.max() <= 1:
            return False
        beyond = (block < 0) | (block > 1)
        if offered is not None:
            beyond &= offered[start : start + _ROWS]
        return bool(beyond.any())

    if not any(_threaded(outside, len(solve))):
        return solve
    inside: Quantity = np.clip(solve, 0.0, 1.0)
    return inside


def _model_names(models: tuple[str, ...] | None, width: int) -> tuple[str, ...]:
    if models is None:
        return tuple(f"model-{m}" for m in range(width))
    if len(models) != width:
        raise InputError(f"There are {len(models)} models for {width} columns.")
    for model in models:
        if not check.is_label(model):
            raise InputError(f"Model {model!r} must be {check.LABEL}.")
        if models.count(model) > 1:
            raise InputError(f"Model {model!r} is named twice.")
    return models


def _instance_labels(instances: Any) -> Labeled:
    """Return labels that can be indexed by position: those given, or an array of them."""
    if isinstance(instances, range):
        return instances
    labels = check.named(instances, "instances")
    index = check.index_of(labels)
    nameless = index.isna() | np.array([label == "" for label in labels], dtype=bool)
    if nameless.any() or not index.is_unique:
        wrong = index[nameless | index.duplicated()][0]
        raise InputError(f"Instance {wrong!r} is named twice or missing; name each once.")
    return labels


def _mask(offered: Any, shape: tuple[int, ...]) -> BoolArray | None:
    if offered is None:
        return None
    if np.ma.is_masked(offered):
        raise InputError("offered has masked entries; give True or False for each pair.")
    try:
        mask = np.asarray(offered)
    except (TypeError, ValueError) as error:
        raise InputError("offered is not a rectangular array of True and False.") from error
    if mask.dtype != np.bool_ or mask.shape != shape:
        raise InputError(
            f"offered has shape {mask.shape} of {mask.dtype}; give booleans of shape {shape}."
        )
    return mask


def _weights(weight: npt.ArrayLike | None, labels: Labeled) -> FloatArray | None:
    """Return weights of mean one; None where they are equal."""
    if weight is None:
        return None
    values = check.numbers_of(weight, "weight").astype(np.float64, copy=False)
    if values.shape != (len(labels),):
        raise InputError(f"weight has shape {values.shape}; give one per instance.")
    wrong = np.flatnonzero(~check.is_weight(values))
    if len(wrong):
        first = int(wrong[0])
        raise InputError(
            f"Instance {check.label_of(labels[first])!r}: weight {values[first]:g} must be finite"
            " and at least 0: 0, or from 1e-100 to 1e100."
        )
    total = values.sum()
    if not (0 < total < np.inf):
        raise InputError("The weights must have a positive, finite sum.")
    if (values == values[0]).all():
        return None
    times: FloatArray = values * (len(values) / total)
    return times


class _Place(NamedTuple):
    """Where a number stands, and whether it is looked at."""

    offered: BoolArray | None
    instances: Labeled
    models: Sequence[str]


def _seconds(latency: Any, at: _Place, shape: tuple[int, ...]) -> tuple[Quantity, list[str]]:
    """Return latencies, [M] or [N, M], and what is wrong with them."""
    seconds = check.numbers_of(latency, "latency")
    if seconds.shape not in (shape, shape[1:]):
        raise InputError(
            f"latency has shape {seconds.shape}; give one per model, {shape[1:]}, or one per"
            f" pair, {shape}."
        )
    if seconds.ndim == 1:
        seconds = seconds.astype(np.float64, copy=False)
        at = _Place(None, ["any"], at.models)
    wrong = _problems(np.atleast_2d(seconds), "latency", "seconds", check.LARGEST, at)
    return seconds, list(wrong)


def _problems(
    values: Quantity,
    what: str,
    meaning: str,
    most: float,
    at: _Place,
) -> Iterator[str]:
    """Say which numbers at offered pairs are not finite and between 0 and ``most``."""
    slack = check.rounding_of(values) if most == 1.0 else 0.0

    ceiling = min(most, float(np.finfo(values.dtype).max))

    def wrong(start: int) -> npt.NDArray[np.int64]:
        block = values[start : start + _ROWS]
        # Minimum and maximum are NaN where one number is: no mask is needed if all is well.
        if block.min() >= 0 and block.max() <= ceiling:
            return np.zeros((0, 2), dtype=np.int64)
        bad = ~(np.isfinite(block) & (block >= -slack) & (block <= ceiling + slack))
        if at.offered is not None:
            bad &= at.offered[start : start + _ROWS]
        found: npt.NDArray[np.int64] = np.argwhere(bad)[: _NAMED + 1] + np.array([start, 0])
        return found

    bounds = "at least 0" if most >= check.LARGEST else f"from 0 to {most:g}"
    for i, m in np.concatenate(_threaded(wrong, len(values)))[: _NAMED + 1]:
        yield (
            f"instance {check.label_of(at.instances[i])!r}, model {at.models[m]!r}: {what} is"
            f" {values[i, m]:g}; {meaning} is finite and {bounds}"
        )


def _threaded(function: Callable[[int], Any], size: int) -> list[Any]:
    """Return the function of the start of every block of rows, in order."""
    starts = range(0, size, _ROWS)
    threads = min(len(starts) // 4, os.cpu_count() or 1)
    if threads <= 1:
        return [function(start) for start in starts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, starts))


def table_of_frame(
    frame: pd.DataFrame,
    *,
    instance: str,
    model: str,
    solve: str,
    spend: str,
    weight: str | None,
    segment: str | None,
    period: str | None,
    latency: str | None,
    providers: Mapping[str, str] | None,
    abstain: bool,
    currency: str,
    name: str,
) -> PlanTable:
    """Return the plan table of a long table; pairs without a row are not offered.

    Parameters and defaults are those of :meth:`arbmodels.routing.RoutingProblem.from_frame`.
    """
    name = check.text_of(name, "name")
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"frame is a {type(frame).__name__}; give a pandas DataFrame.")
    pairs = [instance, model, solve, spend, *([] if latency is None else [latency])]
    of_instance = [each for each in (weight, segment, period) if each is not None]
    for column in (*pairs, *of_instance):
        known = isinstance(column, str | int) and not isinstance(column, bool)
        times = list(frame.columns).count(column) if known else 0
        if times != 1:
            raise InputError(
                f"{name}: {times or 'no'} column{'s' * (times > 1)} {check.shown(column)}; it has"
                f" {', '.join(map(repr, frame.columns))}."
            )
    if len(frame) == 0:
        raise InputError(f"{name}: the table has no rows.")
    rows, instances = pd.factorize(check.named(frame[instance], instance), use_na_sentinel=False)
    columns, models = pd.factorize(check.named(frame[model], model), use_na_sentinel=False)
    for what, values in (("instance", instances), ("model", models)):
        for value in values[[not check.is_label(check.label_of(each)) for each in values]]:
            raise InputError(f"{name}: {what} {check.label_of(value)!r} must be {check.LABEL}.")
    shape = (len(instances), len(models))
    place = rows.astype(np.int64) * shape[1] + columns
    order = np.argsort(place, kind="stable")
    again = order[1:][np.diff(place[order]) == 0]
    if len(again):
        k = int(again.min())
        raise InputError(
            f"{name}: instance {instances[rows[k]]!r}, model {models[columns[k]]!r} has two rows,"
            f" the second at position {k}."
        )

    def dense(column: str) -> npt.NDArray[np.float64]:
        result = np.full(shape, np.nan)
        result[rows, columns] = check.numbers_of(frame[column], f"{name}: column {column!r}", 1)
        return result

    def once(column: str | None) -> npt.NDArray[Any] | None:
        if column is None:
            return None
        codes, distinct = pd.factorize(check.named(frame[column], column), use_na_sentinel=False)
        first = np.zeros(shape[0], dtype=np.int64)
        first[rows[::-1]] = codes[::-1]
        differs = np.flatnonzero(codes != first[rows])
        if len(differs):
            raise InputError(
                f"{name}: instance {instances[rows[differs[0]]]!r} has several values of"
                f" {column!r}; give one per instance."
            )
        return np.asarray(distinct)[first]

    offered = np.zeros(shape, dtype=bool)
    offered[rows, columns] = True
    return table_of_arrays(
        dense(solve),
        dense(spend),
        [check.label_of(each) for each in models],
        instances=np.asarray(instances),
        weight=None
        if weight is None
        else check.numbers_of(once(weight), f"{name}: column {weight!r}"),
        segment=once(segment),
        period=once(period),
        offered=None if offered.all() else offered,
        latency=None if latency is None else dense(latency),
        providers=providers,
        abstain=abstain,
        currency=currency,
        name=name,
    )


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
    evaluations = _evaluated(market, plans)
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
        partitions["segment"] = factorized(market.segment, "segment", len(market.instances))
    if period is not None:
        placed = check.aligned(period, {0: (market.instances, "instance")}, "period")
        partitions["period"] = factorized(placed, "period", len(market.instances))
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
        billing=evaluations[-1].billing,
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
        outcome=market.outcome,
        made_of=(market, plans, providers, period, latency),
    )


def _evaluated(market: Market, plans: Sequence[Plan]) -> list[PlanEvaluation]:
    """Return what plans do on every instance of a market; single attempts where it is graded."""
    if market.graded is None:
        curves = default_curves(market, plans)  # shared: tabulating them for every plan is slow
        return [plan.evaluate(curves[plan.unit]) for plan in plans]
    evaluations = []
    for plan in plans:
        if plan.unit != "attempts" or sum(amount for _, amount in plan.stages) > 1:
            market.require_verified(f"the plan {plan.label!r}, which may try again,")
        solve, spend = np.zeros(market.attempts.shape[0]), np.zeros(market.attempts.shape)
        tried = np.zeros(market.attempts.shape)
        for model in plan.models:
            m = market.model_index(model)
            solve = np.nan_to_num(market.graded[:, m])
            spend[:, m], tried[:, m] = np.nan_to_num(market.cost[:, m]), market.recorded[:, m]
        evaluations.append(PlanEvaluation(plan, market, solve, spend, _SCORED, tried))
    return evaluations


#: The billing of single attempts that are scored.
_SCORED = "one attempt of a model; mean scores of its attempts on the instance"


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
    latency = check.mapping_of(latency, "latency")
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
        [
            check.number_of(latency[model], f"latency of {model}", 0, unit="seconds")
            for model in models
        ]
    )
