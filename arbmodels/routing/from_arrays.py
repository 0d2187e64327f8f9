"""The plan table of plain arrays, which are looked at once and never copied."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.assignment.source import BoolArray, FloatArray, Quantity
from arbmodels.checks import (
    LABEL,
    LARGEST,
    aligned,
    flag_of,
    index_of,
    is_label,
    is_numbered,
    is_weight,
    label_of,
    labels_of,
    named,
    numbers_of,
    rounding_of,
    text_of,
)
from arbmodels.errors import DataError, InputError
from arbmodels.plans import Plan
from arbmodels.routing.labels import factorised, providers_of
from arbmodels.routing.partitions import Labelled, Labels
from arbmodels.routing.table import PlanTable

#: Rows looked at together: their numbers stay in a processor's cache.
_ROWS = 1 << 13
#: Problems named in an error.
_NAMED = 20


def table_of_arrays(
    solve: npt.ArrayLike,
    spend: npt.ArrayLike,
    models: Sequence[str] | None,
    *,
    instances: Labelled | None,
    weight: npt.ArrayLike | None,
    segment: Labelled | None,
    period: Labelled | None,
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
    abstain = flag_of(abstain, "abstain")
    currency, name = text_of(currency, "currency"), text_of(name, "name")
    if isinstance(latency, Mapping):
        latency = pd.Series(latency, dtype=object)
    tables = {"solve": solve, "spend": spend, "offered": offered, "latency": latency}
    names, named_by = _columns(tables, models)
    row_labels, labels, numbered = _rows(
        {**tables, "weight": weight, "segment": segment, "period": period}, instances
    )

    def placed(values: Any, what: str) -> Any:
        if isinstance(values, pd.Series) and what == "latency":
            return aligned(values, {0: (names, "model")}, what)
        axes = {} if row_labels is None else {0: (row_labels, "instance")}
        values = aligned(values, axes, what, numbered=numbered)
        columns = {} if names is None else {1: (names, "model")}
        return aligned(values, columns, what, numbered=named_by is None)

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
    problems += _problems(spent, "spend", f"an amount of {currency}", LARGEST, at)
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
            partitions[what] = factorised(placed(values, what), what, size)
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
        convention="one attempt of a model; solve probabilities and spend as given",
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
        return labels_of(models, "models"), None
    for what, values in tables.items():
        if isinstance(values, pd.DataFrame) and not is_numbered(values.columns):
            return labels_of(values.columns, f"the columns of {what}"), what
        if isinstance(values, pd.Series) and what == "latency" and not is_numbered(values.index):
            return labels_of(values.index, f"the labels of {what}"), what
    return None, None


def _rows(
    given: Mapping[str, Any], instances: Labelled | None
) -> tuple[Any, Labelled | None, bool]:
    """Return labels to find rows by, the instances' names (None: default), and a rule.

    The rule: whether rows that pandas numbered by itself are in the order of the labels. A list of
    instances says the order, and so does the first frame or Series with labels. A Series of names
    is matched like all others, by its own labels.
    """
    framed = {
        what: values
        for what, values in given.items()
        if isinstance(values, pd.DataFrame) or (isinstance(values, pd.Series) and what != "latency")
    }
    by_label = next((v.index for v in framed.values() if not is_numbered(v.index)), None)
    if isinstance(instances, pd.Series) and framed:
        own = by_label is None or (
            len(instances) == len(by_label) and bool(instances.index.isin(by_label).all())
        )
        if own:
            rows = range(len(instances)) if by_label is None else by_label
            placed = aligned(instances, {0: (rows, "row")}, "instances", numbered=False)
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
    array = numbers_of(values, what, booleans=what == "solve")
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
        if not is_label(model):
            raise InputError(f"Model {model!r} must be {LABEL}.")
        if models.count(model) > 1:
            raise InputError(f"Model {model!r} is named twice.")
    return models


def _instance_labels(instances: Any) -> Labelled:
    """Return labels that can be indexed by position: those given, or an array of them."""
    if isinstance(instances, range):
        return instances
    labels = named(instances, "instances")
    index = index_of(labels)
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


def _weights(weight: npt.ArrayLike | None, labels: Labelled) -> FloatArray | None:
    """Return weights of mean one; None where they are equal."""
    if weight is None:
        return None
    values = numbers_of(weight, "weight").astype(np.float64, copy=False)
    if values.shape != (len(labels),):
        raise InputError(f"weight has shape {values.shape}; give one per instance.")
    wrong = np.flatnonzero(~is_weight(values))
    if len(wrong):
        first = int(wrong[0])
        raise InputError(
            f"Instance {label_of(labels[first])!r}: weight {values[first]:g} must be finite and"
            " at least 0: 0, or from 1e-100 to 1e100."
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
    instances: Labelled
    models: Sequence[str]


def _seconds(latency: Any, at: _Place, shape: tuple[int, ...]) -> tuple[Quantity, list[str]]:
    """Return latencies, [M] or [N, M], and what is wrong with them."""
    seconds = numbers_of(latency, "latency")
    if seconds.shape not in (shape, shape[1:]):
        raise InputError(
            f"latency has shape {seconds.shape}; give one per model, {shape[1:]}, or one per"
            f" pair, {shape}."
        )
    if seconds.ndim == 1:
        seconds = seconds.astype(np.float64, copy=False)
        at = _Place(None, ["any"], at.models)
    wrong = _problems(np.atleast_2d(seconds), "latency", "seconds", LARGEST, at)
    return seconds, list(wrong)


def _problems(
    values: Quantity,
    what: str,
    meaning: str,
    most: float,
    at: _Place,
) -> Iterator[str]:
    """Say which numbers at offered pairs are not finite and between 0 and ``most``."""
    slack = rounding_of(values) if most == 1.0 else 0.0

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

    bounds = "at least 0" if most >= LARGEST else f"from 0 to {most:g}"
    for i, m in np.concatenate(_threaded(wrong, len(values)))[: _NAMED + 1]:
        yield (
            f"instance {label_of(at.instances[i])!r}, model {at.models[m]!r}: {what} is"
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
