"""An earlier assignment: where a solve starts, and what changes are counted from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.assignment.passes import Choice
from arbmodels.assignment.source import IntArray
from arbmodels.checks import MOST, aligned, listed, named
from arbmodels.errors import InputError
from arbmodels.plans import Plan
from arbmodels.routing.table import PlanTable

if TYPE_CHECKING:
    from arbmodels.routing.result import RoutingResult


@dataclass(frozen=True, eq=False)
class Start:
    """An earlier assignment of the instances.

    Attributes
    ----------
    plans : tuple of Plan
        Those of the problem.
    choice : int array [N] or None
        Positions of plans; None if one of them is not among the problem's.
    sets : tuple of frozenset
        Distinct sets of models.
    models_of : int array [N]
        Index into ``sets``.
    """

    plans: tuple[Plan, ...]
    choice: Choice | None
    sets: tuple[frozenset[str], ...]
    models_of: IntArray


def start_of(
    earlier: RoutingResult | Sequence[str | int] | npt.NDArray[np.generic] | pd.Series[Any],
    table: PlanTable,
) -> Start:
    """Read an earlier assignment: a result, or labels or positions of plans per instance.

    Raises
    ------
    InputError
        If it is of other instances, or names a plan that there is not.
    """
    from arbmodels.routing.result import RoutingResult

    if isinstance(earlier, RoutingResult):
        before = earlier.problem.plan_table
        if before.size != table.size or (
            before.instances is not table.instances
            and any(a != b for a, b in zip(before.instances, table.instances, strict=True))
        ):
            raise InputError("The earlier result is of other instances than this problem.")
        return _start(list(before.plans), np.asarray(earlier.assignment), table)
    placed = aligned(earlier, {0: (table.instances, "instance")}, "The earlier assignment")
    given = listed(placed, "The earlier assignment")
    given = [each.label if isinstance(each, Plan) else each for each in given]
    values = named(given, "The earlier assignment")
    flags = any(isinstance(each, bool | np.bool_) for each in given)
    if not flags and all(
        isinstance(each, int | np.integer) and -MOST <= int(each) <= MOST for each in given
    ):
        values = np.array(given, dtype=np.int64)
    if values.shape != (table.size,):
        raise InputError(
            f"The earlier assignment has shape {values.shape}; give one plan per instance,"
            f" ({table.size},)."
        )
    if values.dtype.kind in "iu":
        wrong = np.flatnonzero((values < 0) | (values >= len(table.plans)))
        if len(wrong):
            first = int(wrong[0])
            raise InputError(
                f"Instance {table.instances[first]!r}: the earlier plan is number {values[first]},"
                f" there are {len(table.plans)} plans."
            )
        return _start(list(table.plans), values, table)
    codes, labels = pd.factorize(values, use_na_sentinel=False)
    return _start([table.plans[table.plan_position(str(label))] for label in labels], codes, table)


def _start(plans: list[Plan], codes: npt.NDArray[np.integer], table: PlanTable) -> Start:
    """Translate codes of some plans."""
    used = np.unique(codes)
    position = {plan: j for j, plan in enumerate(table.plans)}
    there = np.array([position.get(plan, -1) for plan in plans], dtype=np.int32)
    sets = tuple(dict.fromkeys(frozenset(plans[k].models) for k in used))
    of_plan = np.zeros(len(plans), dtype=np.int64)
    of_plan[used] = [sets.index(frozenset(plans[k].models)) for k in used]
    known = bool((there[used] >= 0).all())
    return Start(table.plans, there[codes] if known else None, sets, of_plan[codes])
