"""Policies: who is served by which plan, with which probability.

Also here: classes of one plan for everything, and mixtures of two such plans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from arbmodels._checks import number_of
from arbmodels.cascades.lattice import lower_hull
from arbmodels.curves import SAME_RATE, Curves, check_attainable
from arbmodels.display import Displayed, TextTable, number, percent
from arbmodels.errors import InputError
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan

IntArray = npt.NDArray[np.int64]

#: Solve rates that are looked at together in the search for a spend.
_CUTS = 65


class OnePlan(Protocol):
    """Cheapest plans of some class for every solve rate; a ``Frontier`` is one."""

    @property
    def max_solve_rate(self) -> float:
        """Largest solve rate of the class."""
        ...

    def spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least expected spend, currency units per instance; NaN if unattainable."""
        ...

    def plan_at(self, solve_rate: float) -> Plan:
        """Return a cheapest plan; InputError if unattainable."""
        ...


class CheapestOf:
    """The cheapest of several classes at every solve rate.

    Parameters
    ----------
    members : sequence of OnePlan
        At least one.
    """

    def __init__(self, members: Sequence[OnePlan]) -> None:
        self.members = tuple(members)

    @property
    def max_solve_rate(self) -> float:
        """Largest solve rate of any member."""
        return max(member.max_solve_rate for member in self.members)

    def spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least expected spend, currency units per instance; NaN if unattainable."""
        every = np.stack([member.spend_at(solve_rate) for member in self.members])
        least: FloatArray = np.fmin.reduce(every, axis=0)
        return least

    def plan_at(self, solve_rate: float) -> Plan:
        """Return a cheapest plan; the first member's on a tie.

        Raises
        ------
        InputError
            If no member reaches the solve rate.
        """
        check_attainable(solve_rate, self.max_solve_rate)
        return plans_at(self, np.array([float(solve_rate)]))[0]


def plans_at(plans: OnePlan, solve_rates: FloatArray) -> list[Plan]:
    """Return ``plans.plan_at`` of every solve rate; members are compared at all rates at once."""
    rates = solve_rates.tolist()
    if not isinstance(plans, CheapestOf):
        return [plans.plan_at(rate) for rate in rates]
    every = np.stack([member.spend_at(solve_rates) for member in plans.members])
    cheapest = np.nanargmin(every, axis=0) if rates else np.zeros(0, dtype=np.int64)
    found = dict[int, Plan]()
    for chosen in np.unique(cheapest).tolist():
        mine = np.flatnonzero(cheapest == chosen)
        theirs = plans_at(plans.members[chosen], solve_rates[mine])
        found.update(zip(mine.tolist(), theirs, strict=True))
    return [found[position] for position in range(len(rates))]


def rate_within(plans: OnePlan, spend: float) -> float:
    """Return the largest solve rate whose cheapest plan is expected to cost no more than that."""
    low, high = 0.0, plans.max_solve_rate
    while True:
        rates = np.linspace(low, high, _CUTS)
        last = int(np.flatnonzero(plans.spend_at(rates) <= spend * (1 + SAME_RATE))[-1])
        low = float(rates[last])
        if last == len(rates) - 1 or rates[last + 1] - low <= SAME_RATE:
            return low
        high = float(rates[last + 1])


def check_spend(spend: float) -> None:
    """Raise an InputError unless ``spend`` is an amount of money."""
    spend = number_of(spend, "spend per instance")
    if not 0 <= spend < np.inf:
        raise InputError(f"A spend of {spend:g} per instance; give 0 or a positive finite amount.")


#: Solve rates, equally spaced up to the largest, at which the class is looked at.
_LOOKS = 2001


class Mixtures:
    """Random mixtures of two plans of a class, one draw for every instance.

    Parameters
    ----------
    plans : OnePlan
    rates : float array
        Solve rates whose plans may be mixed, besides 2,001 equally spaced ones.
    """

    def __init__(self, plans: OnePlan, rates: FloatArray) -> None:
        self.plans = plans
        self.rates = rates

    @property
    def max_solve_rate(self) -> float:
        """Largest solve rate."""
        return self.plans.max_solve_rate

    @cached_property
    def hull(self) -> tuple[FloatArray, FloatArray]:
        """Solve rates and spends of the hull's vertices."""
        rates = np.concatenate([self.rates, np.linspace(0.0, self.max_solve_rate, _LOOKS)])
        rates = np.unique(rates[rates <= self.max_solve_rate])
        return lower_hull(rates, self.plans.spend_at(rates))

    def spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least expected spend, currency units per instance; NaN if unattainable."""
        rate, spend = self.hull
        target = np.asarray(solve_rate, dtype=float)
        mixed: FloatArray = np.interp(target, rate, spend)
        return np.where(target <= self.max_solve_rate + SAME_RATE, mixed, np.nan)

    def rate_within(self, spend: float) -> float:
        """Return the largest solve rate that a mixture reaches for this expected spend."""
        rate, least = self.hull
        return float(np.interp(spend, least, rate))

    def mixture_at(self, solve_rate: float) -> tuple[tuple[Plan, float], ...]:
        """Return the plans, with their probabilities, that reach a solve rate most cheaply.

        Raises
        ------
        InputError
            If no mixture reaches it.
        """
        check_attainable(solve_rate, self.max_solve_rate)
        rates, shares = zip(*self.vertices_at(solve_rate), strict=True)
        return tuple(zip(plans_at(self.plans, np.array(rates)), shares, strict=True))

    def vertices_at(self, solve_rate: float) -> tuple[tuple[float, float], ...]:
        """Return the solve rates of the plans mixed, one or two, and their probabilities."""
        rate, _ = self.hull
        high = int(np.clip(np.searchsorted(rate, solve_rate), 0, len(rate) - 1))
        if high == 0 or rate[high] <= solve_rate:
            return ((float(rate[high]), 1.0),)
        share = float((solve_rate - rate[high - 1]) / (rate[high] - rate[high - 1]))
        return ((float(rate[high - 1]), 1.0 - share), (float(rate[high]), share))

    def bound_at(
        self, solve_rate: npt.ArrayLike, bound: FloatArray, rates: FloatArray
    ) -> FloatArray:
        """Return the convex minorant of a lower bound on single plans.

        The bound is a step function that never falls: between two of ``rates`` it is at least the
        bound at the lower one, so that the lower right corners of these steps span a minorant.

        Parameters
        ----------
        solve_rate : array of probabilities
        bound, rates : float arrays
            The bound on single plans at increasing solve rates from 0 to the largest.
        """
        corners = lower_hull(np.append(0.0, rates[1:]), np.append(0.0, bound[:-1]))
        target = np.asarray(solve_rate, dtype=float)
        least: FloatArray = np.interp(target, *corners)
        return np.where(target <= self.max_solve_rate + SAME_RATE, least, np.nan)


@dataclass(frozen=True, repr=False)
class Serving(Displayed):
    """A plan for a group of instances.

    Parameters
    ----------
    group : str
        "all", a segment, or an instance.
    plan : Plan
    probability : float
        With which the group's instances get this plan; those of a group sum to one.
    kind : {"all", "segment", "instance"}
        What the group is.
    """

    group: str
    plan: Plan
    probability: float = 1.0
    kind: Literal["all", "segment", "instance"] = "all"


@dataclass(frozen=True, repr=False)
class Policy(Displayed):
    """Plans for everybody.

    Parameters
    ----------
    name : str
        Of the class.
    solve_rate, spend : float
        Expected over the instances; the spend in currency units per instance.
    servings : tuple of Serving
    deployable : bool
        Whether it can be run without knowing the solve probabilities of the instance at hand.
    currency : str
    """

    name: str
    solve_rate: float
    spend: float
    servings: tuple[Serving, ...]
    deployable: bool
    currency: str

    @property
    def plan(self) -> Plan:
        """The plan, where one plan serves everything.

        Raises
        ------
        InputError
            If there are several; they are in ``servings``.
        """
        if len(self.servings) > 1:
            raise InputError(
                f"The policy {self.name!r} has {len(self.servings)} plans: look at its servings."
            )
        return self.servings[0].plan

    def table(self) -> TextTable:
        """Return up to 40 of the plans with their groups."""
        rows = [
            (serving.group, percent(serving.probability), serving.plan.summary)
            for serving in self.servings[:40]
        ]
        left = len(self.servings) - len(rows)
        use = "deployable" if self.deployable else "oracle: knows the instance, not deployable"
        return TextTable(
            f"Policy '{self.name}': solve rate {percent(self.solve_rate, 2)}, spend"
            f" {number(self.spend)} {self.currency}/instance",
            ("serves", "probability", "plan"),
            rows,
            f"{use}; in-sample." + (f" {left} more in servings." if left else ""),
        )


def score(servings: Sequence[Serving], curves: Curves) -> tuple[float, float]:
    """Return solve rate and expected spend per instance of plans for everybody."""
    market = curves.market
    instances = {name: row for row, name in enumerate(market.instances)}
    segments = np.array(market.segment if market.segment is not None else (), dtype=object)
    scored = {serving.plan: serving.plan.evaluate(curves) for serving in servings}
    rate, spend = 0.0, 0.0
    for serving in servings:
        each = scored[serving.plan]
        weight = serving.probability * market.weight
        if serving.kind == "segment":
            weight = np.where(segments == serving.group, weight, 0.0)
        elif serving.kind == "instance":
            row = instances[serving.group]
            rate += float(weight[row] * each.solve[row])
            spend += float(weight[row] * each.spend[row])
            continue
        rate += float(weight @ each.solve)
        spend += float(weight @ each.spend)
    return rate, spend
