"""The plan table of plain arrays, which are looked at once and never copied."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.assignment.source import BoolArray, FloatArray, Quantity
from arbmodels.checks import LABEL, is_label, label_of, labels_of
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
    latency: npt.ArrayLike | None,
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
    solved, spent = _matrix(solve, "solve"), _matrix(spend, "spend")
    size, width = solved.shape
    if spent.shape != solved.shape:
        raise InputError(f"spend has shape {spent.shape}, solve has {solved.shape}; give the same.")
    if min(size, width) == 0:
        raise InputError(f"There are {size} instances and {width} models; give at least one each.")
    names = _model_names(models, width)
    labels = _instance_labels(instances, size)
    mask = _mask(offered, solved.shape)
    seconds = None if latency is None else np.asarray(latency)
    if seconds is not None and seconds.ndim != 1:
        seconds = _matrix(seconds, "latency")
    there: dict[str, Any] = {"offered": mask, "instances": labels, "models": names}
    problems = list(_problems(solved, "solve", "a probability", 1.0, **there))
    problems += _problems(spent, "spend", f"an amount of {currency}", np.inf, **there)
    if seconds is not None:
        if seconds.shape not in (solved.shape, (width,)):
            raise InputError(
                f"latency has shape {seconds.shape}; give one per model, ({width},), or one per"
                f" pair, {solved.shape}."
            )
        if seconds.dtype.kind not in "biuf":
            raise InputError("latency is not an array of numbers, in seconds.")
        each = seconds.astype(float).reshape(1, -1) if seconds.ndim == 1 else seconds
        if seconds.ndim == 1:
            there |= {"offered": None, "instances": ["any"]}
        problems += _problems(each, "latency", "seconds", np.inf, **there)
        if seconds.ndim == 1:
            seconds = np.append(each[0], 0.0) if abstain else each[0]
    if problems:
        raise DataError(
            name,
            problems,
            "Correct the arrays, or mark pairs that may not be chosen in `offered`.",
        )
    partitions: dict[str, Labels] = {}
    for what, values in (("segment", segment), ("period", period)):
        if values is not None:
            partitions[what] = factorised(values, what, size)
    plans = [Plan(((model, 1),)) for model in names] + [Plan()] * abstain
    return PlanTable(
        name=name,
        currency=currency,
        models=names,
        providers=providers_of(names, providers),
        plans=tuple(plans),
        instances=labels,
        solve=solved,
        spend=spent,
        offered=mask,
        convention="one attempt of a model; solve probabilities and spend as given",
        weights=_weights(weight, labels),
        partitions=partitions,
        tried=np.array([1.0] * width + [0.0] * abstain),
        latency=seconds,
    )


def _matrix(values: npt.ArrayLike, what: str) -> Quantity:
    """Return a float array of two axes; float32, float64 and memory-mapped ones as they are."""
    try:
        array = np.asarray(values)
        if array.dtype not in (np.float32, np.float64):
            if array.dtype.kind not in "biuf":
                raise TypeError(array.dtype)
            array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} is not a rectangular array of numbers.") from error
    if array.ndim != 2:
        raise InputError(f"{what} has {array.ndim} axes; give an array of instances x models.")
    return array


def _model_names(models: Sequence[str] | None, width: int) -> tuple[str, ...]:
    if models is None:
        return tuple(f"model-{m}" for m in range(width))
    names = labels_of(models, "models")
    if len(names) != width:
        raise InputError(f"There are {len(names)} models for {width} columns.")
    for model in names:
        if not is_label(model):
            raise InputError(f"Model {model!r} must be {LABEL}.")
        if names.count(model) > 1:
            raise InputError(f"Model {model!r} is named twice.")
    return names


def _instance_labels(instances: Labelled | None, size: int) -> Labelled:
    if instances is None:
        return range(size)
    if isinstance(instances, str) or len(instances) != size:
        raise InputError(f"There are {len(instances)} instances for {size} rows.")
    index = pd.Index(np.asarray(instances))
    if index.hasnans or not index.is_unique:
        wrong = index[index.isna() | index.duplicated()][0]
        raise InputError(f"Instance {wrong!r} is named twice or missing; name each once.")
    return instances


def _mask(offered: npt.ArrayLike | None, shape: tuple[int, ...]) -> BoolArray | None:
    if offered is None:
        return None
    mask = np.asarray(offered)
    if mask.dtype != np.bool_ or mask.shape != shape:
        raise InputError(
            f"offered has shape {mask.shape} of {mask.dtype}; give booleans of shape {shape}."
        )
    return mask


def _weights(weight: npt.ArrayLike | None, labels: Labelled) -> FloatArray | None:
    """Return weights of mean one; None where they are equal."""
    if weight is None:
        return None
    try:
        values = np.asarray(weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("weight is not an array of numbers.") from error
    if values.shape != (len(labels),):
        raise InputError(f"weight has shape {values.shape}; give one per instance.")
    wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(wrong):
        first = int(wrong[0])
        raise InputError(
            f"Instance {label_of(labels[first])!r}: weight {values[first]:g} must be finite and"
            " at least 0."
        )
    total = values.sum()
    if not (0 < total < np.inf):
        raise InputError("The weights must have a positive, finite sum.")
    if (values == values[0]).all():
        return None
    times: FloatArray = values * (len(values) / total)
    return times


def _problems(
    values: Quantity,
    what: str,
    meaning: str,
    most: float,
    *,
    offered: BoolArray | None,
    instances: Labelled,
    models: Sequence[str],
) -> Iterator[str]:
    """Say which numbers at offered pairs are not finite and between 0 and ``most``."""

    def wrong(start: int) -> npt.NDArray[np.int64]:
        block = values[start : start + _ROWS]
        # Minimum and maximum are NaN where one number is: no mask is needed if all is well.
        if block.min() >= 0 and block.max() <= min(most, np.finfo(block.dtype).max):
            return np.zeros((0, 2), dtype=np.int64)
        bad = ~(np.isfinite(block) & (block >= 0) & (block <= most))
        if offered is not None:
            bad &= offered[start : start + _ROWS]
        found: npt.NDArray[np.int64] = np.argwhere(bad)[: _NAMED + 1] + np.array([start, 0])
        return found

    bounds = "at least 0" if np.isinf(most) else f"from 0 to {most:g}"
    for i, m in np.concatenate(_threaded(wrong, len(values)))[: _NAMED + 1]:
        yield (
            f"instance {label_of(instances[i])!r}, model {models[m]!r}: {what} is"
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
