"""Instances that arrive one by one, and the most that anyone could have made of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from arbmodels.checks import labels_of
from arbmodels.errors import InputError
from arbmodels.online.policy import FloatArray, pair, shadow_price


@dataclass(frozen=True, eq=False)
class Arrivals:
    """A stream of T instances, in their order.

    Parameters
    ----------
    plans : sequence of str, length J
        Labels.
    value, spend : float array [T, J]
        What a policy sees when the instance arrives: predicted solve probability and spend. -inf in
        ``value`` where a plan is not offered.
    outcome : float array [T, J], optional
        What serving with the plan really yields (1 solved, 0 not); ``value`` by default.
    paid : float array [T, J], currency units, optional
        The bill, which the budget has to cover; ``spend`` by default. It is known before it is run
        up (posted prices, or a cap on the answer's length), so that it can be refused.
    currency : str

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

    def __post_init__(self) -> None:
        plans = labels_of(self.plans, "plans")
        value, spend = pair(self.value, self.spend, len(plans))
        given = {
            "outcome": np.asarray(value if self.outcome is None else self.outcome),
            "paid": np.asarray(spend if self.paid is None else self.paid),
        }
        for what, table in given.items():
            if table.shape != value.shape:
                raise InputError(f"{what} has shape {table.shape}, but value {value.shape}.")
        # A plan that is not offered yields nothing, whatever the record says.
        real = np.where(np.isfinite(value), given["outcome"], -np.inf)
        outcome, paid = pair(real, given["paid"], len(plans), ("outcome", "paid"))
        for what, array in (
            ("plans", plans),
            ("value", value),
            ("spend", spend),
            ("outcome", outcome),
            ("paid", paid),
        ):
            object.__setattr__(self, what, array)

    def __len__(self) -> int:
        return len(self.value)

    def reordered(self, order: npt.ArrayLike) -> Arrivals:
        """Return the instances ``order`` (positions), in that order."""
        rows = np.asarray(order)
        return replace(
            self,
            value=self.value[rows],
            spend=self.spend[rows],
            outcome=self.outcome[rows],
            paid=self.paid[rows],
        )

    @property
    def cheapest(self) -> npt.NDArray[np.int64]:
        """The plan with the lowest bill among those offered, [T]."""
        plan: npt.NDArray[np.int64] = np.where(np.isfinite(self.value), self.paid, np.inf).argmin(
            axis=1
        )
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
        value = (self.outcome if oracle else self.value).astype(float)
        nothing = np.zeros((len(value), 1))
        worth, bill = np.hstack([value, nothing]), np.hstack([self.paid.astype(float), nothing])
        price = shadow_price(worth, bill, budget) or 0.0
        return float(price * budget + (worth - price * bill).max(axis=1).sum())
