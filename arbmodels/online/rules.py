"""Rules that serve arrivals: a fixed multiplier, one that adapts, a fixed threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from arbmodels.checks import LARGEST, number_of
from arbmodels.errors import InputError
from arbmodels.online.arrivals import Arrivals
from arbmodels.online.policy import SPEND, FloatArray, IntArray, RoutingPolicy, shadow_price

#: Fewer known instances than this say too little about the multiplier.
_ENOUGH = 30
#: Known instances that a multiplier is found on; of more, every k-th is used.
_SAMPLE = 20_000


@dataclass(frozen=True, eq=False)
class Known:
    """What is known at an update, and nothing of what is to come.

    Attributes
    ----------
    value, spend : float array [K, J]
        Of the history and the arrivals seen; -inf in ``value`` where a plan is not offered.
    left : float, currency units
        What is left of the budget.
    remaining : int
        Arrivals to come.
    """

    value: FloatArray
    spend: FloatArray
    left: float
    remaining: int


class Chooser(Protocol):
    """Who serves each instance, until the next update."""

    def positions(self, worth: FloatArray, cost: FloatArray, /) -> IntArray:
        """Return the plan of each instance, a position, from what is seen on arrival, [N, J] each.

        ``worth`` is -inf where a plan is not offered.
        """
        ...


class Rule(Protocol):
    """A way to serve arrivals with what is known so far."""

    @property
    def name(self) -> str:
        """Shown in tables and figures."""

    def update(self, known: Known, /) -> tuple[Chooser, float]:
        """Return who serves what from now on, and the multiplier (NaN if the rule has none)."""


@dataclass(frozen=True)
class FixedPrice:
    """One multiplier for the whole horizon: the policy as it is."""

    policy: RoutingPolicy

    def __post_init__(self) -> None:
        _only_spend(self.policy)

    @property
    def name(self) -> str:
        """Shown in tables and figures."""
        return "fixed multiplier"

    def update(self, _: Known, /) -> tuple[Chooser, float]:
        """Return the policy, whatever was seen."""
        return self.policy, self.policy.price


@dataclass(frozen=True)
class AdaptivePrice:
    """Find the multiplier again and again, on all instances known, for what is left of the budget.

    At every update the multiplier is the shadow price of a budget of left / remaining per instance
    over the history and the arrivals seen so far. On the RouteLLM questions this loses less of the
    attainable gain than gradient steps on the multiplier (dual descent, Balseiro, Lu, Mirrokni
    2020), in random order and in most drifting ones: their steps are either too small for a start
    from wrong prices or too large to settle. Where arrivals drift and a representative history is
    at hand, a fixed price loses less than either (``benchmarks/online_policies.py``).

    Parameters
    ----------
    policy : RoutingPolicy
        Where to start, until 30 instances are known.
    """

    policy: RoutingPolicy

    def __post_init__(self) -> None:
        _only_spend(self.policy)

    @property
    def name(self) -> str:
        """Shown in tables and figures."""
        return "adaptive multiplier"

    def update(self, known: Known, /) -> tuple[Chooser, float]:
        """Return the policy at the multiplier found anew."""
        if len(known.value) < _ENOUGH:
            return self.policy, self.policy.price
        every = -(-len(known.value) // _SAMPLE)
        value, spend = known.value[::every], known.spend[::every]
        price = shadow_price(value, spend, max(known.left, 0.0) / known.remaining * len(value))
        if price is None:
            return _Cheapest(), float("inf")
        return RoutingPolicy(self.policy.plans, {SPEND: price}), price


@dataclass(frozen=True)
class FixedThreshold:
    """One plan where it adds more than a threshold to another's value, whatever the costs.

    Parameters
    ----------
    cheap, dear : int
        Columns of the two plans.
    threshold : float
        Of the predicted gain in value.
    """

    cheap: int
    dear: int
    threshold: float

    @classmethod
    def fit(cls, known: Arrivals, budget: float) -> FixedThreshold:
        """Return the lowest threshold with which serving the known instances keeps to a budget.

        Between the plan that is cheapest and the plan that is worth most, in total.

        Parameters
        ----------
        known : Arrivals
        budget : float, currency units over the known instances

        Raises
        ------
        InputError
            If a plan is not offered everywhere, or one is both the cheapest and worth most.
        """
        value, paid = known.worth().astype(float), known.paid.astype(float)
        budget = number_of(budget, "budget", 0, LARGEST, "an amount")
        if not np.isfinite(value).all():
            raise InputError(
                "a threshold compares two plans; every plan must be offered everywhere."
            )
        cheap, dear = int(paid.sum(axis=0).argmin()), int(value.sum(axis=0).argmax())
        if cheap == dear:
            raise InputError(
                f"{known.plans[cheap]} is the cheapest and worth most: there is nothing to route."
            )
        gain = value[:, dear] - value[:, cheap]
        order = np.argsort(-gain, kind="stable")
        total = paid[:, cheap].sum() + np.cumsum((paid[:, dear] - paid[:, cheap])[order])
        over = np.flatnonzero(total > budget)
        threshold = -np.inf if not len(over) else float(gain[order[over[0]]])
        return cls(cheap, dear, threshold)

    @property
    def name(self) -> str:
        """Shown in tables and figures."""
        return "fixed threshold"

    def positions(self, value: FloatArray, _: FloatArray, /) -> IntArray:
        """Return the plan of each instance, a position."""
        gain = value[:, self.dear] - value[:, self.cheap]
        chosen: IntArray = np.where(gain > self.threshold, self.dear, self.cheap)
        return chosen

    def update(self, _: Known, /) -> tuple[Chooser, float]:
        """Return the rule, whatever was seen."""
        return self, float("nan")


class _Cheapest:
    """The cheapest plan, where what is left does not even pay for that."""

    def positions(self, value: FloatArray, spend: FloatArray, /) -> IntArray:
        plan: IntArray = np.where(np.isfinite(value), spend, np.inf).argmin(axis=1)
        return plan


def _only_spend(policy: RoutingPolicy) -> None:
    others = [label for label, price in policy.prices.items() if label != SPEND and price]
    if others:
        raise InputError(
            f"the policy also prices {', '.join(map(repr, others))}; arrivals are served under a"
            " budget only. Use choose with rows, or a policy of the budget alone."
        )
