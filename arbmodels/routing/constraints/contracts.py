"""Contracts with providers: fixed fee, volume tiers, prepaid credit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from arbmodels._assignment.program import BoolArray
from arbmodels.errors import InputError
from arbmodels.routing.builder import Builder, spent
from arbmodels.routing.table import PlanTable


@dataclass(frozen=True)
class Contract:
    r"""What a provider is paid instead of list prices.

    With L the spend on the provider at list prices, the payment is

    .. math:: f \, [\text{used}] + \int_0^L r(a) \, da, \qquad
              r(a) = \begin{cases} 0 & a < C \\ r_t & a \ge C, \; l_t \le a < l_{t+1} \end{cases}

    As columns: an amount :math:`0 \le y_t \le l_{t+1} - l_t` per tier with
    :math:`L \le \sum_t y_t`; where the rate falls from a tier to the next, a binary says that the
    tier before is full:

    .. math:: y_t \ge (l_{t+1} - l_t) z_{t+1}, \qquad y_{t+1} \le (l_{t+2} - l_{t+1}) z_{t+1}

    and a binary for the fee, which every plan that may buy from the provider needs. Rates are not
    negative, so paying for more than is bought never helps.

    Parameters
    ----------
    seller : str
        A provider or a model.
    fee : float, currency units
        f, due if any plan in use may buy from the provider.
    tiers : tuple of (float, float)
        (l_t, r_t): list spend from which a tier begins, and currency units to pay per unit of list
        spend. The first begins at 0.
    credit : float, currency units of list spend
        C, paid for before: the first C of list spend cost nothing more.
    """

    seller: str
    fee: float = 0.0
    tiers: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    credit: float = 0.0

    @property
    def label(self) -> str:
        """Contract, with its seller."""
        return f"contract with {self.seller}"

    def models(self, table: PlanTable) -> BoolArray:
        """Return the models it covers, [M]."""
        return table.sellers(self.seller)

    def check(self, table: PlanTable) -> None:
        """Raise InputError if the terms cannot be meant or the seller is unknown."""
        self.models(table)
        numbers = [self.fee, self.credit, *(number for tier in self.tiers for number in tier)]
        if not all(math.isfinite(each) and each >= 0 for each in numbers):
            raise InputError(
                f"The {self.label} has fee {self.fee:g}, credit {self.credit:g} and tiers"
                f" {self.tiers}; all must be finite and at least 0."
            )
        starts = [start for start, _ in self.tiers]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)):
            raise InputError(
                f"The tiers of the {self.label} begin at {starts}; begin at 0 and go up."
            )

    @property
    def pieces(self) -> tuple[tuple[float, float], ...]:
        """The tiers with the credit as one of rate zero: (list spend from, rate)."""
        if self.credit == 0:
            return self.tiers
        rate = next(rate for start, rate in reversed(self.tiers) if start <= self.credit)
        later = [tier for tier in self.tiers if tier[0] > self.credit]
        return ((0.0, 0.0), (self.credit, rate), *later)

    def payment(self, list_spend: float, *, used: bool) -> float:
        """Return what is due for an amount at list prices."""
        total = self.fee if used else 0.0
        ends = [start for start, _ in self.pieces[1:]] + [math.inf]
        for (start, rate), end in zip(self.pieces, ends, strict=True):
            total += rate * max(min(list_spend, end) - start, 0.0)
        return total

    def settled(self, list_spend: float, *, used: bool) -> dict[str, float]:
        """Return the columns at which the payment is least; tiers beyond the last one of need too.

        The last tier may be cut short in a program, but never below what can be bought.
        """
        values = {f"fee of {self.seller}": float(used)}
        ends = [start for start, _ in self.pieces[1:]] + [math.inf]
        for k, ((start, _), end) in enumerate(zip(self.pieces, ends, strict=True), start=1):
            amount = max(min(list_spend, end) - start, 0.0)
            values[f"tier {k} of {self.seller}"] = amount
            values[f"tier {k} of {self.seller} reached"] = float(amount > 0)
        return values

    def add(self, builder: Builder) -> None:
        """Add the columns, and the row that ties them to the list spend."""
        table = builder.table
        models = self.models(table)
        listed = spent(table, models, {})
        # A little more than the most there is, so that rounding forbids nothing.
        reach = builder.most(listed) * (1 + 1e-6)
        payment: dict[str, float] = {}
        if self.fee > 0:
            fee = f"fee of {self.seller}"
            plans: BoolArray = np.any(table.uses & models, axis=1)
            builder.column(fee, 0.0, 1.0, integer=True, needs=plans)
            payment[fee] = self.fee
        pieces = [piece for piece in self.pieces if piece[0] < reach] or [self.pieces[0]]
        ends = [start for start, _ in pieces[1:]] + [reach]
        full: str | None = None
        amounts: dict[str, float] = {}
        group: dict[str, float] = {}  # amounts since the last fall of the rate, and their widths
        for k, ((start, rate), end) in enumerate(zip(pieces, ends, strict=True)):
            amount = f"tier {k + 1} of {self.seller}"
            width = max(end - start, 0.0)
            builder.column(amount, 0.0, width)
            payment[amount] = rate
            if k > 0 and rate < pieces[k - 1][1]:
                full = f"tier {k + 1} of {self.seller} reached"
                builder.column(full, 0.0, 1.0, integer=True)
                for before, its_width in group.items():
                    builder.side_row({before: 1.0, full: -its_width}, 0.0, np.inf)
                group = {}
            if full is not None:
                builder.side_row({amount: 1.0, full: -width}, -np.inf, 0.0)
            group[amount] = width
            amounts[amount] = -1.0
        builder.row(self.label, listed, 0.0, at_most=True, columns=amounts)
        builder.payments[self.seller] = (models, payment)


def check_disjoint(contracts: Mapping[str, BoolArray], table: PlanTable) -> None:
    """Raise InputError if two contracts cover the same model."""
    covered = dict[int, str]()
    for seller, models in contracts.items():
        for m in np.flatnonzero(models):
            if int(m) in covered:
                raise InputError(
                    f"The contracts with {covered[int(m)]} and {seller} both cover"
                    f" {table.models[m]}; a model has one contract."
                )
            covered[int(m)] = seller
