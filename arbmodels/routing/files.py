"""Results as tables and plain values, and the files that they are written to."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from arbmodels.checks import path_of
from arbmodels.errors import InputError

if TYPE_CHECKING:
    from arbmodels.routing.result import RoutingResult


def fresh(path: str | Path, *, overwrite: bool) -> Path:
    """Return a path that may be written to.

    Raises
    ------
    InputError
        If the file exists and may not be replaced, or its folder does not exist.
    """
    target = path_of(path)
    if target.is_dir():
        raise InputError(f"{target} is a folder; name a file in it.")
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists; choose another name or give overwrite=True.")
    if not target.parent.is_dir():
        raise InputError(f"There is no folder {target.parent}; make it first.")
    return target


def need_parquet() -> None:
    """Raise InputError if Parquet cannot be written."""
    if find_spec("pyarrow") is None:
        raise InputError('Parquet needs pyarrow: pip install "arbmodels[parquet]".')


def frame_of(result: RoutingResult) -> pd.DataFrame:
    """Return one row per instance; see :meth:`RoutingResult.to_frame`."""
    table = result.problem.plan_table
    columns: dict[str, object] = {
        name: np.array(labels.names, dtype=object)[labels.codes]
        for name, labels in table.partitions.items()
    }
    plans = np.array([plan.label for plan in result.plans], dtype=object)
    return pd.DataFrame(
        {
            **columns,
            "plan": plans[result.assignment],
            "solve_probability": table.chosen(result.assignment, table.solve),
            "spend": table.chosen(result.assignment, table.spend),
        },
        index=table.index,
    )


def values_of(result: RoutingResult) -> dict[str, Any]:
    """Return an answer as plain Python values; see :meth:`RoutingResult.to_dict`."""
    from arbmodels.routing.show import meaning

    table = result.problem.plan_table
    return {
        "status": result.status,
        "assignment_kind": result.problem.assignment,
        "meaning": meaning(result.problem),
        "objective": result.objective,
        "objective_unit": result.problem.objective_unit,
        "bound": result.bound,
        "gap": result.gap,
        "spend": result.spend,
        "spend_unit": result.problem.plan_table.currency,
        "solve_rate": result.solve_rate,
        "segment_rates": result.segment_rates,
        "payments": {seller: each._asdict() for seller, each in result.payments.items()},
        "outlay": result.outlay,
        "activity": dict(result.activity),
        "shadow_prices": dict(result.shadow_prices),
        "shadow_price_units": dict(result.shadow_price_units),
        "binding": list(result.binding),
        "counts": result.counts,
        "filled_pairs": 0 if table.pool is None else int(table.pool.filled.sum()),
        "validation": None if result.validation is None else result.validation.to_dict(),
        "time": result.time,
    }
