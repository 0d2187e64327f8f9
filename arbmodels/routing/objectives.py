"""What routing may maximise or minimise: one class per objective."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from arbmodels._assignment.program import FloatArray
from arbmodels._checks import LARGEST, number_of, numbers_of
from arbmodels.errors import InputError
from arbmodels.routing.builder import ONE, Builder, Part, Parts, scaled, scope, solved, spent
from arbmodels.routing.constraints.base import check_weight
from arbmodels.routing.table import PlanTable


class Objective(ABC):
    """A linear function of the assignment and the auxiliary variables."""

    goal: ClassVar[str]
    maximize: ClassVar[bool] = True

    @abstractmethod
    def unit(self, table: PlanTable) -> str:
        """Return the unit."""

    @abstractmethod
    def gain(self, builder: Builder) -> tuple[Parts, bool]:
        """Return what an instance's plan is worth alone, and whether the objective is its mean.

        A sum over the instances otherwise. Spend counts at list prices.
        """

    def check(self, table: PlanTable) -> None:  # noqa: B027 - most objectives have no parameter
        """Raise InputError if a parameter cannot be meant."""

    def add(self, builder: Builder) -> None:
        """Set the objective."""
        parts, mean = self.gain(builder)
        builder.objective = scaled(parts, builder.mean) if mean else parts


@dataclass(frozen=True)
class SolveRate(Objective):
    r"""Mean solve rate, :math:`\sum_i w_i \sum_j p_{ij} x_{ij}`."""

    goal = "maximise solve rate"

    def unit(self, table: PlanTable) -> str:
        """Return the unit."""
        return table.rate

    def gain(self, builder: Builder) -> tuple[Parts, bool]:
        """Return p_ij."""
        return solved(builder.table, {}), True


@dataclass(frozen=True)
class Spend(Objective):
    r"""Total spend, :math:`\sum_i N w_i \sum_j s_{ij} x_{ij}`, or payments where contracts are."""

    goal = "minimise spend"
    maximize = False

    def unit(self, table: PlanTable) -> str:
        """Return the currency."""
        return table.currency

    def gain(self, builder: Builder) -> tuple[Parts, bool]:
        """Return s_ij."""
        return spent(builder.table, _all(builder.table), {}), False

    def add(self, builder: Builder) -> None:
        """Set the spend at list prices, and payments."""
        listed, payments = builder.paid(_all(builder.table), {}, "spend")
        builder.objective = spent(builder.table, listed, {})
        builder.gain(payments)


@dataclass(frozen=True, eq=False)
class Profit(Objective):
    r"""Revenue less spend, :math:`\sum_i N w_i \sum_j (r_i p_{ij} - s_{ij}) x_{ij}`.

    Parameters
    ----------
    price : float, mapping or float array [N], currency units per instance solved
        r: the same for all, by segment, or by instance. One price per instance takes an array
        [N, J'] of expected revenue in double precision.
    """

    price: float | Mapping[str, float] | npt.ArrayLike
    goal = "maximise profit"

    def unit(self, table: PlanTable) -> str:
        """Return the currency."""
        return table.currency

    def check(self, table: PlanTable) -> None:
        """Check that prices are finite, not negative and complete."""
        self._prices(table)

    def gain(self, builder: Builder) -> tuple[Parts, bool]:
        """Return r_i p_ij - s_ij."""
        spend = spent(builder.table, _all(builder.table), {})
        return (*self._revenue(builder), *scaled(spend, -1.0)), False

    def add(self, builder: Builder) -> None:
        """Set the revenue less spend at list prices, less payments."""
        listed, payments = builder.paid(_all(builder.table), {}, "profit")
        spend = spent(builder.table, listed, {})
        builder.objective = (*self._revenue(builder), *scaled(spend, -1.0))
        builder.gain({column: -value for column, value in payments.items()})

    def _revenue(self, builder: Builder) -> Parts:
        table = builder.table
        prices = self._prices(table)
        ones = np.ones(len(table.plans))
        if isinstance(self.price, Mapping):
            return (Part("solve", ones, {"segment": prices}),)
        if prices.ndim == 0:
            return (Part("solve", float(prices) * ones),)
        if "revenue" not in builder.arrays:
            builder.quantity("revenue", prices[:, None] * table.solve)
        return (Part("revenue", ones),)

    def _prices(self, table: PlanTable) -> FloatArray:
        """Return one price [], one per label of the segments [L], or one per instance [N]."""
        if isinstance(self.price, Mapping):
            names = table.labels("segment").names
            for segment in self.price:
                table.one_label("segment", segment)
            missing = [name for name in names if name not in self.price]
            if missing:
                raise InputError(f"price has no entry for segment {missing[0]!r}.")
            prices = np.array([number_of(self.price[name], "price") for name in names])
        else:
            prices = numbers_of(self.price, "price").astype(np.float64, copy=False)
            if prices.shape not in ((), (table.size,)):
                raise InputError(
                    f"price has shape {prices.shape}; give one, one per segment as a mapping, or"
                    f" one per instance, ({table.size},)."
                )
        good = (prices >= 0) & (prices <= LARGEST)
        if not good.all():
            raise InputError(
                f"A price is {prices[~good].ravel()[0]:g}; give {table.currency} per instance"
                f" solved, at least 0 and at most {LARGEST:g}."
            )
        return prices


@dataclass(frozen=True)
class WorstSegment(Objective):
    r"""Solve rate of the segment that is served worst: max t with every segment's mean >= t."""

    goal = "maximise the worst segment"

    def unit(self, table: PlanTable) -> str:
        """Return the unit."""
        return table.rate

    def check(self, table: PlanTable) -> None:
        """Check that there are segments, none of weight zero."""
        for name in table.labels("segment").names:
            check_weight(f"{table.rate} of segment {name}", table, name)

    def gain(self, builder: Builder) -> tuple[Parts, bool]:
        """Return p_ij."""
        return solved(builder.table, {}), True

    def add(self, builder: Builder) -> None:
        """Add the worst rate as a column, and a row per segment."""
        table = builder.table
        builder.column("worst segment", 0.0, 1.0, gain=1.0)
        for name in table.labels("segment").names:
            mean = 1.0 / check_weight("segment", table, name)
            rate = scaled(solved(table, scope(table, name)), mean)
            builder.row(
                f"worst segment, {name}", rate, 0.0, at_most=False, columns={"worst segment": -1.0}
            )


def abstention(table: PlanTable, objective: Objective, penalty: float) -> Parts:
    """Return the penalty of the plans that buy nothing, to be added to the objective."""
    sign = -1.0 if objective.maximize else 1.0
    of_mean = objective.unit(table) == table.rate
    amount = sign * penalty * (1.0 / table.total if of_mean else 1.0)
    return (Part(ONE, amount * table.abstains.astype(float)),)


def _all(table: PlanTable) -> npt.NDArray[np.bool_]:
    return np.ones(len(table.models), dtype=bool)
