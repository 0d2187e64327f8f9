"""Limits on money."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arbmodels.assignment.source import BoolArray
from arbmodels.routing.builder import Builder
from arbmodels.routing.constraints.base import Constraint, check_number, inside
from arbmodels.routing.parts import scope, spent
from arbmodels.routing.table import PlanTable


@dataclass(frozen=True)
class Budget(Constraint):
    r"""Total spend at most ``total``.

    .. math:: \sum_{i \in S} N w_i \sum_j s_{ij} x_{ij} \le B

    Without ``seller`` s counts all models, else only those of one model or provider. Where a
    contract covers a provider, its payment takes the place of the list spend, unless
    ``list_prices`` are asked for.

    Parameters
    ----------
    total : float, currency units over all instances
    segment : str, optional
    seller : str, optional
        A model or a provider.
    period : str, optional
    list_prices : bool
        Count list spend also where a contract is.
    """

    total: float
    segment: str | None = None
    seller: str | None = None
    period: str | None = None
    list_prices: bool = False

    @property
    def label(self) -> str:
        """Budget, with its scope."""
        of = "" if self.seller is None else f" of {self.seller}"
        prices = " at list prices" if self.list_prices else ""
        return f"budget{of}{prices}{inside(self.segment, self.period)}"

    @property
    def limit(self) -> float:
        """Total spend."""
        return self.total

    def unit(self, table: PlanTable) -> str:
        """Return the currency."""
        return table.currency

    def check(self, table: PlanTable) -> None:
        """Check the amount and the names."""
        check_number(self.label, self.total, f"an amount of {table.currency}")
        scope(table, self.segment, self.period)
        self._models(table)

    def add(self, builder: Builder) -> None:
        """Add N w_i s_ij inside the scope, and payments."""
        table = builder.table
        where = scope(table, self.segment, self.period)
        listed, payments = self._models(table), dict[str, float]()
        if not self.list_prices:
            listed, payments = builder.paid(listed, where, self.label)
        builder.row(
            self.label, spent(table, listed, where), self.total, at_most=True, columns=payments
        )

    def _models(self, table: PlanTable) -> BoolArray:
        if self.seller is None:
            return np.ones(len(table.models), dtype=bool)
        return table.sellers(self.seller)
