"""What every constraint says about itself."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from arbmodels.display import number
from arbmodels.errors import InputError
from arbmodels.routing.builder import Builder
from arbmodels.routing.table import PlanTable


class Constraint(ABC):
    """Something that every assignment has to satisfy."""

    at_most: ClassVar[bool] = True

    @property
    @abstractmethod
    def label(self) -> str:
        """Name in results and errors; the same for two limits on the same thing."""

    @property
    @abstractmethod
    def limit(self) -> float:
        """What was asked for, in the constraint's unit."""

    @abstractmethod
    def unit(self, table: PlanTable) -> str:
        """Return the unit of the limit, in the singular."""

    def price_unit(self, table: PlanTable) -> str:
        """Return the unit by which the row is relaxed, that of the limit if not said otherwise."""
        return self.unit(table)

    @abstractmethod
    def check(self, table: PlanTable) -> None:
        """Raise InputError if the limit cannot be meant or a name is unknown."""

    def restrict(self, builder: Builder) -> None:  # noqa: B027 - most constraints forbid no pair
        """Forbid pairs; done before any row is added."""

    def add(self, builder: Builder) -> None:  # noqa: B027 - some constraints only forbid pairs
        """Add rows and side columns."""

    def achieved(
        self,
        table: PlanTable,  # noqa: ARG002
        assignment: npt.NDArray[np.integer[Any]],  # noqa: ARG002
    ) -> float | None:
        """Return the left-hand side at an assignment [N], where it is not that of the row."""
        return None

    def show(self, value: float, table: PlanTable, digits: int = 4) -> str:
        """Format a limit."""
        return f"{number(value, digits)} {self.unit(table)}"

    def moved(self, asked: str, needed: str) -> str:
        """Say how far the limit would have to give."""
        direction = "rise" if self.at_most else "fall"
        return f"{self.label} {asked}: would have to {direction} to {needed}"

    def loosened(self, value: float, digits: int) -> float:
        """Round a limit to significant digits, never to a stricter one (but for float noise)."""
        if value == 0:
            return 0.0
        step = 10.0 ** (math.floor(math.log10(abs(value))) - digits + 1)
        ticks = value / step
        nearest = round(ticks)
        if abs(ticks - nearest) > 1e-6:
            nearest = math.ceil(ticks) if self.at_most else math.floor(ticks)
        return nearest * step


def inside(segment: str | None, period: str | None = None) -> str:
    """Return the end of a label: where a limit applies."""
    return "".join(f" in {place}" for place in (segment, period) if place is not None)


def counted(value: float, digits: int) -> str:
    """Format a number of instances: without decimals if it is whole."""
    return f"{value:,.0f}" if value == round(value) else number(value, digits)


def check_number(label: str, value: float, what: str) -> None:
    """Raise InputError unless a limit is finite and at least zero."""
    if not (math.isfinite(value) and value >= 0):
        raise InputError(f"The {label} is {value:g}; give {what}, finite and at least 0.")


def check_weight(label: str, table: PlanTable, segment: str | None) -> float:
    """Return how often the instances of a segment count together.

    Raises
    ------
    InputError
        If they have weight zero, so that there is no mean over them.
    """
    if segment is None:
        return float(table.size)
    total = float(table.one_label("segment", segment) @ table.weight_of("segment"))
    if total == 0:
        raise InputError(f"The {label} covers only instances of weight zero.")
    return total
