"""The plan table of a long table: one row per offered pair of instance and model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.checks import LABEL, is_label, label_of
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
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"frame is a {type(frame).__name__}; give a pandas DataFrame.")
    pairs = [instance, model, solve, spend, *([latency] if latency else [])]
    of_instance = [each for each in (weight, segment, period) if each]
    missing = [column for column in (*pairs, *of_instance) if column not in frame.columns]
    if missing:
        raise InputError(
            f"{name}: no column {missing[0]!r}; it has {', '.join(map(repr, frame.columns))}."
        )
    if len(frame) == 0:
        raise InputError(f"{name}: the table has no rows.")
    rows, instances = pd.factorize(frame[instance], use_na_sentinel=False)
    columns, models = pd.factorize(frame[model], use_na_sentinel=False)
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
        try:
            values = frame[column].to_numpy(dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"{name}: column {column!r} is not all numbers.") from error
        result = np.full(shape, np.nan)
        result[rows, columns] = values
        return result

    def once(column: str | None) -> npt.NDArray[Any] | None:
        if column is None:
            return None
        codes, distinct = pd.factorize(frame[column], use_na_sentinel=False)
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
        weight=once(weight),
        segment=once(segment),
        period=once(period),
        offered=None if offered.all() else offered,
        latency=dense(latency) if latency else None,
        providers=providers,
        abstain=abstain,
        currency=currency,
        name=name,
    )
