"""The plan table of a long table: one row per offered pair of instance and model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.checks import LABEL, is_label, label_of, named, numbers_of, shown, text_of
from arbmodels.errors import InputError
from arbmodels.routing.from_arrays import table_of_arrays
from arbmodels.routing.table import PlanTable


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
    name = text_of(name, "name")
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"frame is a {type(frame).__name__}; give a pandas DataFrame.")
    pairs = [instance, model, solve, spend, *([] if latency is None else [latency])]
    of_instance = [each for each in (weight, segment, period) if each is not None]
    for column in (*pairs, *of_instance):
        known = isinstance(column, str | int) and not isinstance(column, bool)
        times = list(frame.columns).count(column) if known else 0
        if times != 1:
            raise InputError(
                f"{name}: {times or 'no'} column{'s' * (times > 1)} {shown(column)}; it has"
                f" {', '.join(map(repr, frame.columns))}."
            )
    if len(frame) == 0:
        raise InputError(f"{name}: the table has no rows.")
    rows, instances = pd.factorize(named(frame[instance], instance), use_na_sentinel=False)
    columns, models = pd.factorize(named(frame[model], model), use_na_sentinel=False)
    for what, values in (("instance", instances), ("model", models)):
        for value in values[[not is_label(label_of(each)) for each in values]]:
            raise InputError(f"{name}: {what} {label_of(value)!r} must be {LABEL}.")
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
        result[rows, columns] = numbers_of(frame[column], f"{name}: column {column!r}", 1)
        return result

    def once(column: str | None) -> npt.NDArray[Any] | None:
        if column is None:
            return None
        codes, distinct = pd.factorize(named(frame[column], column), use_na_sentinel=False)
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
        [label_of(each) for each in models],
        instances=np.asarray(instances),
        weight=None if weight is None else numbers_of(once(weight), f"{name}: column {weight!r}"),
        segment=once(segment),
        period=once(period),
        offered=None if offered.all() else offered,
        latency=None if latency is None else dense(latency),
        providers=providers,
        abstain=abstain,
        currency=currency,
        name=name,
    )
