"""Budgets, floors and capacities of a streamed problem as rows of the program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from arbmodels.assignment.program import AssignmentProgram
from arbmodels.assignment.source import FloatArray, Source
from arbmodels.checks import mapping_of, number_of, shown
from arbmodels.display import number, percent
from arbmodels.errors import InputError

#: A limit over all instances, or one per segment.
Limit = float | Mapping[str, float]

_UNIT = {"budget": "cost unit", "floor": "unit of solve rate", "capacity": "attempt"}


@dataclass(frozen=True)
class Row:
    """One limit.

    Attributes
    ----------
    kind : str
    label : str
    limit : float
    segment : int or None
        Class it covers; all if None.
    model : int or None
        Of a capacity.
    """

    kind: Literal["budget", "floor", "capacity"]
    label: str
    limit: float
    segment: int | None = None
    model: int | None = None

    @property
    def unit(self) -> str:
        """Unit of the limit."""
        return _UNIT[self.kind]

    @property
    def sense(self) -> float:
        """+1 for at most, -1 for at least."""
        return -1.0 if self.kind == "floor" else 1.0

    def show(self, value: float) -> str:
        """Format a left-hand side."""
        return percent(value, 3) if self.kind == "floor" else number(value, 6)

    def table(self, weight: FloatArray, plans: int, models: int) -> FloatArray:
        """Return its coefficients, [K + 1, C, J]; ``weight`` is that of every class."""
        coefficients = np.zeros((3, len(weight), plans))
        covered = slice(None) if self.segment is None else slice(self.segment, self.segment + 1)
        if self.kind == "budget":
            coefficients[2, covered, :models] = 1.0
        elif self.kind == "floor":
            coefficients[1, covered, :models] = 1.0 / weight[covered].sum()
        else:
            coefficients[0, :, self.model] = 1.0
        return coefficients


def listed(
    budget: Limit | None,
    floor: Limit | None,
    capacities: Mapping[str, float] | None,
    models: Sequence[str],
    segments: Sequence[str],
) -> list[Row]:
    """Check the limits and list them.

    Raises
    ------
    InputError
        If there is neither budget nor floor, a number is out of its range, or a name is not known.
    """
    if budget is None and floor is None:
        raise InputError("Give budget= (most solved for it) or floor= (cheapest that keeps it).")
    rows: list[Row] = []
    for kind, limit in (("budget", budget), ("floor", floor)):
        for segment, value in _by_segment(limit, segments, kind):
            # As in routing: one idea, one name.
            name = "quality floor" if kind == "floor" else kind
            label = name if segment is None else f"{name} in {segment}"
            code = None if segment is None else list(segments).index(segment)
            rows.append(Row(kind, label, value, code))  # type: ignore[arg-type]
    given = {} if capacities is None else mapping_of(capacities, "capacities")
    for model, most in given.items():
        if model not in models:
            known = ", ".join(models)
            raise InputError(f"capacities: no model {shown(model)}; there are {known}.")
        position = list(models).index(model)
        rows.append(
            Row(
                "capacity",
                f"capacity of {model}",
                number_of(most, f"capacity of {model}"),
                None,
                position,
            )
        )
    for row in rows:
        most_allowed = 1.0 if row.kind == "floor" else 1e100
        if not 0 <= row.limit <= most_allowed:
            raise InputError(
                f"The {row.label} is {row.limit:g}; it must lie between 0 and {most_allowed:g}"
                f" [{row.unit}]."
            )
    return rows


def program(
    source: Source, rows: Sequence[Row], weight: FloatArray, plans: int, models: int
) -> AssignmentProgram:
    """Return the program: most solved under a budget, else least spent; the first plans cost."""
    empty = [row for row in rows if row.kind == "floor" and not _weight_of(row, weight) > 0]
    if empty:
        raise InputError(f"The {empty[0].label} covers only instances of weight zero.")
    maximise = any(row.kind == "budget" for row in rows)
    goal = Row("floor", "solve rate", 0.0) if maximise else Row("budget", "spend", 0.0)
    return AssignmentProgram(
        source,
        goal.table(weight, plans, models),
        np.array([row.table(weight, plans, models) for row in rows]),
        np.array([row.sense for row in rows]),
        np.array([row.limit for row in rows]),
        maximise,
    )


def _weight_of(row: Row, weight: FloatArray) -> float:
    return float(weight.sum() if row.segment is None else weight[row.segment])


def _by_segment(
    limit: Limit | None, segments: Sequence[str], what: str
) -> list[tuple[str | None, float]]:
    if limit is None:
        return []
    if not isinstance(limit, Mapping | pd.Series):
        return [(None, number_of(limit, what))]
    given = mapping_of(limit, what)
    for segment in given:
        if segment not in segments:
            known = ", ".join(segments) or "none"
            raise InputError(f"No segment {shown(segment)}; there are: {known}.")
    return [(name, number_of(value, f"{what} in {name}")) for name, value in given.items()]
