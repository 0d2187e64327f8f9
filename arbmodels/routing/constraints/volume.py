"""Limits on what is bought from a model or provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from arbmodels.assignment.source import BoolArray
from arbmodels.checks import choice_of
from arbmodels.display import number
from arbmodels.errors import InputError
from arbmodels.routing.builder import Builder
from arbmodels.routing.constraints.base import Constraint, check_number
from arbmodels.routing.parts import Part, Parts, served, spent, tried
from arbmodels.routing.table import PlanTable

#: What a share is a share of.
ShareOf = Literal["spend", "attempts", "instances"]


@dataclass(frozen=True)
class Capacity(Constraint):
    r"""Expected attempts at most: :math:`\sum_i N w_i \sum_{j, m \in P} a_{ijm} x_{ij} \le A`.

    Parameters
    ----------
    model : str
        A model or a provider.
    attempts : float, over all instances
    """

    model: str
    attempts: float

    @property
    def label(self) -> str:
        """Capacity of the model."""
        return f"capacity of {self.model}"

    @property
    def limit(self) -> float:
        """Attempts."""
        return self.attempts

    def unit(self, table: PlanTable) -> str:  # noqa: ARG002
        """Return the unit of a capacity."""
        return "attempt"

    def check(self, table: PlanTable) -> None:
        """Check the number and the model."""
        check_number(self.label, self.attempts, "a number of attempts")
        table.sellers(self.model)

    def add(self, builder: Builder) -> None:
        """Add N w_i a_ijm."""
        parts = tried(builder.table, builder.table.sellers(self.model), {})
        builder.row(self.label, parts, self.attempts, at_most=True)

    def show(self, value: float, table: PlanTable, digits: int = 4) -> str:  # noqa: ARG002
        """Format as attempts."""
        return f"{number(value, digits)} attempts"


@dataclass(frozen=True)
class Commitment(Constraint):
    r"""Attempts, or spend at list prices, at least an amount that was promised.

    .. math:: \sum_i N w_i \sum_{j, m \in P} a_{ijm} x_{ij} \ge A \quad \text{or} \quad
              \sum_i N w_i \sum_{j, m \in P} s_{ijm} x_{ij} \ge A

    Parameters
    ----------
    seller : str
        A model or a provider.
    amount : float
    of : {"attempts", "spend"}
        Spend is in currency units at list prices.
    """

    seller: str
    amount: float
    of: Literal["attempts", "spend"] = "attempts"
    at_most = False

    @property
    def label(self) -> str:
        """Commitment to the seller, and of what."""
        return f"commitment of {self.of} to {self.seller}"

    @property
    def limit(self) -> float:
        """Attempts or spend."""
        return self.amount

    def unit(self, table: PlanTable) -> str:
        """Return the unit of the amount."""
        return "attempt" if self.of == "attempts" else table.currency

    def check(self, table: PlanTable) -> None:
        """Check the amount and the seller."""
        what = "attempts" if self.of == "attempts" else table.currency
        check_number(self.label, self.amount, f"a number of {what}")
        table.sellers(self.seller)

    def add(self, builder: Builder) -> None:
        """Add N w_i a_ijm, or N w_i s_ijm."""
        measure = tried if self.of == "attempts" else spent
        parts = measure(builder.table, builder.table.sellers(self.seller), {})
        builder.row(self.label, parts, self.amount, at_most=False)

    def show(self, value: float, table: PlanTable, digits: int = 4) -> str:
        """Format as attempts or money."""
        plural = "attempts" if self.of == "attempts" else table.currency
        return f"{number(value, digits)} {plural}"


@dataclass(frozen=True)
class ShareLimit(Constraint):
    r"""At most a share of spend, attempts or instances goes to one model or provider.

    .. math:: \sum_i N w_i \sum_{j, m \in P} s_{ijm} x_{ij} \le
              \theta \sum_i N w_i \sum_{jm} s_{ijm} x_{ij}

    and the same with attempts. Instances served by plans that buy from P are a share of all
    instances, abstained ones too. Spend is at list prices.

    Parameters
    ----------
    seller : str
        A model or a provider.
    share : float in [0, 1]
        theta.
    of : {"spend", "attempts", "instances"}
    """

    seller: str
    share: float
    of: ShareOf = "spend"

    @property
    def label(self) -> str:
        """Share of the seller, and of what."""
        return f"share of {self.of} to {self.seller}"

    @property
    def limit(self) -> float:
        """Share."""
        return self.share

    def unit(self, table: PlanTable) -> str:  # noqa: ARG002
        """Return the unit of the limit."""
        return f"share of {self.of}"

    def price_unit(self, table: PlanTable) -> str:
        """Return the unit of the row: what is bought beyond the share."""
        one = {"spend": table.currency, "attempts": "attempt", "instances": "instance"}[self.of]
        return f"{one} beyond the share"

    def check(self, table: PlanTable) -> None:
        """Check the share, the seller and what is counted."""
        choice_of(self.of, get_args(ShareOf), "of")
        if not 0 <= self.share <= 1:
            raise InputError(
                f"The {self.label} is {self.share:g}; give a share between 0 and 1 (0.4 for 40%)."
            )
        table.sellers(self.seller)

    def add(self, builder: Builder) -> None:
        """Add the seller's part less its share of the whole."""
        table = builder.table
        everyone = np.ones(len(table.models), dtype=bool)
        builder.row(
            self.label,
            self._of(table, table.sellers(self.seller)),
            0.0,
            at_most=True,
            share=self.share,
            whole=(Part("", np.ones(len(table.plans))),)
            if self.of == "instances"
            else self._of(table, everyone),
        )

    def show(self, value: float, table: PlanTable, digits: int = 4) -> str:  # noqa: ARG002
        """Format as a percentage."""
        return f"{number(100 * value, digits)}%"

    def _of(self, table: PlanTable, models: BoolArray) -> Parts:
        measure = {"spend": spent, "attempts": tried, "instances": served}[self.of]
        return measure(table, models, {})
