"""Floors on the solve rate."""

from __future__ import annotations

from dataclasses import dataclass

from arbmodels.display import number
from arbmodels.errors import InputError
from arbmodels.routing.builder import Builder
from arbmodels.routing.constraints.base import Constraint, check_weight, inside
from arbmodels.routing.parts import Parts, scaled, scope, solved
from arbmodels.routing.table import PlanTable


@dataclass(frozen=True)
class QualityFloor(Constraint):
    r"""Mean solve rate at least ``rate``.

    .. math:: \sum_{i \in S} w_i \sum_j p_{ij} x_{ij} \Big/ \sum_{i \in S} w_i \ge R

    Parameters
    ----------
    rate : float in [0, 1]
    segment : str, optional
    """

    rate: float
    segment: str | None = None
    at_most = False

    @property
    def label(self) -> str:
        """Quality floor, with its segment."""
        return f"quality floor{inside(self.segment)}"

    @property
    def limit(self) -> float:
        """Solve rate."""
        return self.rate

    def unit(self, table: PlanTable) -> str:  # noqa: ARG002
        """Return the unit of a solve rate: from none to all."""
        return "unit of solve rate"

    def check(self, table: PlanTable) -> None:
        """Check the rate and the segment."""
        if not 0 <= self.rate <= 1:
            raise InputError(
                f"The {self.label} is {self.rate:g}; a solve rate lies between 0 and 1"
                " (0.9 for 90%)."
            )
        check_weight(self.label, table, self.segment)

    def add(self, builder: Builder) -> None:
        """Add w_i p_ij / sum of weights, inside the segment."""
        table = builder.table
        parts = solved(table, scope(table, self.segment))
        mean = 1.0 / check_weight(self.label, table, self.segment)
        builder.row(self.label, scaled(parts, mean), self.rate, at_most=False)

    def show(self, value: float, table: PlanTable, digits: int = 4) -> str:  # noqa: ARG002
        """Format as a percentage."""
        return f"{number(100 * value, digits)}%"


@dataclass(frozen=True)
class RelativeFloor(Constraint):
    r"""Mean solve rate at least a share of the best that the plans on offer can reach.

    .. math:: \sum_{i \in S} w_i \sum_j p_{ij} x_{ij} \ge
              \beta \max_{x} \sum_{i \in S} w_i \sum_j p_{ij} x_{ij}

    The maximum is over all assignments of the same kind (a plan per instance, per segment or for
    all) to allowed pairs; no other constraint limits it.

    Parameters
    ----------
    share : float in [0, 1]
        beta.
    segment : str, optional
    best : float, optional
        The maximum, if it is known; else it is looked for.
    """

    share: float
    segment: str | None = None
    best: float | None = None
    at_most = False

    @property
    def label(self) -> str:
        """Quality floor, with its segment and that it is relative."""
        return f"quality floor{inside(self.segment)}, of the best"

    @property
    def limit(self) -> float:
        """Share of the best."""
        return self.share

    def unit(self, table: PlanTable) -> str:  # noqa: ARG002
        """Return the unit: a share of a solve rate."""
        return "share of the best solve rate"

    def check(self, table: PlanTable) -> None:
        """Check the share and the segment."""
        if not 0 <= self.share <= 1:
            raise InputError(
                f"The {self.label} is {self.share:g}; give a share between 0 and 1 (0.9 for 90%)."
            )
        check_weight(self.label, table, self.segment)

    def add(self, builder: Builder) -> None:
        """Add w_i p_ij over the best sum, inside the segment."""
        best = self.most(builder) if self.best is None else self.best
        parts = scaled(self._parts(builder.table), 1.0 / (best or 1.0))
        builder.row(self.label, parts, self.share if best else 0.0, at_most=False)

    def most(self, builder: Builder) -> float:
        """Return the maximum over the pairs allowed so far."""
        return builder.most(self._parts(builder.table))

    def _parts(self, table: PlanTable) -> Parts:
        return solved(table, scope(table, self.segment))

    def show(self, value: float, table: PlanTable, digits: int = 4) -> str:  # noqa: ARG002
        """Format as a percentage of the best."""
        return f"{number(100 * value, digits)}% of the best"
