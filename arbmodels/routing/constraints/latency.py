"""Limits on how long an answer takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arbmodels.assignment.source import Quantity
from arbmodels.errors import InputError
from arbmodels.routing.builder import Builder
from arbmodels.routing.constraints.base import Constraint, check_number, check_weight, inside
from arbmodels.routing.parts import scaled, scope, waited
from arbmodels.routing.table import PlanTable


@dataclass(frozen=True)
class LatencyLimit(Constraint):
    r"""Every instance's expected latency at most: :math:`x_{ij} = 0` where :math:`t_{ij} > T`.

    Parameters
    ----------
    seconds : float
        T. Abstaining takes no time.
    """

    seconds: float

    @property
    def label(self) -> str:
        """Latency limit."""
        return "latency limit"

    @property
    def limit(self) -> float:
        """Seconds."""
        return self.seconds

    def unit(self, table: PlanTable) -> str:  # noqa: ARG002
        """Return the unit of time."""
        return "second"

    def show(self, value: float, table: PlanTable, digits: int = 4) -> str:
        """Format as seconds."""
        return f"{super().show(value, table, digits)}s"

    def check(self, table: PlanTable) -> None:
        """Check the number, and that latencies are known."""
        check_number(self.label, self.seconds, "seconds")
        known_latency(table)

    def restrict(self, builder: Builder) -> None:
        """Forbid pairs that take longer."""
        latency = known_latency(builder.table)
        if latency.ndim == 1:
            builder.forbid(latency > self.seconds, {})
            return
        slow = latency > self.seconds
        if slow.any():
            builder.mask(~slow)


@dataclass(frozen=True)
class MeanLatency(Constraint):
    r"""Mean expected latency at most ``seconds``.

    .. math:: \sum_{i \in S} w_i \sum_j t_{ij} x_{ij} \Big/ \sum_{i \in S} w_i \le T

    The mean is over all instances; those abstained from take no time.

    Parameters
    ----------
    seconds : float
        T.
    segment : str, optional
    """

    seconds: float
    segment: str | None = None

    @property
    def label(self) -> str:
        """Mean latency, with its segment."""
        return f"mean latency{inside(self.segment)}"

    @property
    def limit(self) -> float:
        """Seconds."""
        return self.seconds

    def unit(self, table: PlanTable) -> str:  # noqa: ARG002
        """Return the unit of time."""
        return "second"

    def show(self, value: float, table: PlanTable, digits: int = 4) -> str:
        """Format as seconds."""
        return f"{super().show(value, table, digits)}s"

    def check(self, table: PlanTable) -> None:
        """Check the number, the segment, and that latencies are known."""
        check_number(self.label, self.seconds, "seconds")
        known_latency(table)
        check_weight(self.label, table, self.segment)

    def add(self, builder: Builder) -> None:
        """Add w_i t_ij / sum of weights, inside the segment."""
        table = builder.table
        parts = waited(table, scope(table, self.segment))
        mean = 1.0 / check_weight(self.label, table, self.segment)
        builder.row(self.label, scaled(parts, mean), self.seconds, at_most=True)


def known_latency(table: PlanTable) -> Quantity:
    """Return the latencies.

    Raises
    ------
    InputError
        If the problem was made without any.
    """
    if table.latency is None:
        raise InputError(
            f"{table.name}: no latencies are known. Give `latency` when the problem is made:"
            " seconds of one attempt per model, or of every pair."
        )
    return np.asarray(table.latency)
