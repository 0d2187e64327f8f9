"""Instances that arrive one by one, and the most that anyone could have made of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.checks import LARGEST, flag_of, names_of, number_of, numbers_of
from arbmodels.errors import InputError
from arbmodels.online.policy import BoolArray, FloatArray, Seen, read, shadow_price, worth_of


@dataclass(frozen=True, eq=False)
class Arrivals:
    """A stream of T instances, in their order.

    Parameters
    ----------
    plans : sequence of str, length J
        Labels.
    value, spend : float array [T, J]
        What a policy sees when the instance arrives: predicted solve probability and spend. Frames
        are matched by their labels.
    outcome : float array [T, J], optional
        What serving with the plan really yields (1 solved, 0 not); ``value`` by default.
    paid : float array [T, J], currency units, optional
        The bill, which the budget has to cover; ``spend`` by default. It is known before it is run
        up (posted prices, or a cap on the answer's length), so that it can be refused.
    currency : str
    offered : bool array [T, J], optional
        Pairs that may be chosen; all by default, but for those that are masked. A plan that is not
        offered yields nothing, whatever the record says.

    Raises
    ------
    InputError
        If the arrays cannot be used.
    """

    plans: tuple[str, ...]
    value: FloatArray
    spend: FloatArray
    outcome: FloatArray = field(default=None)  # type: ignore[arg-type]
    paid: FloatArray = field(default=None)  # type: ignore[arg-type]
    currency: str = "USD"
    offered: BoolArray | None = None

    def __post_init__(self) -> None:
        plans = names_of(self.plans, "plans")
        seen = read(plans, self.value, self.spend, self.offered)
        outcome = self.value if self.outcome is None else self.outcome
        paid = self.spend if self.paid is None else self.paid
        real = read(plans, outcome, paid, seen.offered, names=("outcome", "paid"))
        if real.value.shape != seen.value.shape:
            raise InputError(f"outcome has shape {real.value.shape}, but value {seen.value.shape}.")
        for what, array in (
            ("plans", plans),
            ("value", seen.value),
            ("spend", seen.spend),
            ("outcome", real.value),
            ("paid", real.spend),
            ("offered", real.offered),
        ):
            object.__setattr__(self, what, array)

    def __len__(self) -> int:
        return len(self.value)

    def reordered(self, order: npt.ArrayLike) -> Arrivals:
        """Return the instances ``order`` (positions), in that order."""
        rows = numbers_of(order, "order", 1)
        if not (len(rows) and (rows == np.rint(rows)).all() and rows.min() >= 0):
            raise InputError("order must be positions of instances, whole numbers from 0.")
        if rows.max() >= len(self):
            raise InputError(f"order has {rows.max():g}; there are {len(self)} instances.")
        rows = rows.astype(np.int64)
        return replace(
            self,
            value=self.value[rows],
            spend=self.spend[rows],
            outcome=self.outcome[rows],
            paid=self.paid[rows],
            offered=None if self.offered is None else self.offered[rows],
        )

    def worth(self, *, real: bool = False) -> FloatArray:
        """Return values (or outcomes), -inf where a plan is not offered, [T, J]."""
        seen = Seen(pd.RangeIndex(len(self)), self.value, self.spend, self.offered, {})
        return worth_of(replace(seen, value=self.outcome) if real else seen)

    @property
    def cheapest(self) -> npt.NDArray[np.int64]:
        """The plan with the lowest bill among those offered, [T]."""
        bills = self.paid if self.offered is None else np.where(self.offered, self.paid, np.inf)
        plan: npt.NDArray[np.int64] = bills.argmin(axis=1)
        return plan

    def bound(self, budget: float, *, oracle: bool = False) -> float:
        r"""Return the total value that no policy exceeds, even one that knows all arrivals.

        For every multiplier, and so for the best one,

        .. math:: \lambda B + \sum_t \max(0, \max_j v_{tj} - \lambda q_{tj})

        bounds what any choice with bills q of at most B can reach; 0 stands for not serving.

        Parameters
        ----------
        budget : float, currency units
        oracle : bool
            Count real outcomes, which nobody knows beforehand, instead of predicted values.
        """
        budget = number_of(budget, "budget", 0, LARGEST, "an amount")
        value = self.worth(real=flag_of(oracle, "oracle")).astype(float)
        nothing = np.zeros((len(value), 1))
        worth, bill = np.hstack([value, nothing]), np.hstack([self.paid.astype(float), nothing])
        price = shadow_price(worth, bill, budget) or 0.0
        return float(price * budget + (worth - price * bill).max(axis=1).sum())
