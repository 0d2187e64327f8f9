"""Classes of policies that serve everything with one plan: what they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from arbmodels.curves import SAME_RATE
from arbmodels.display import percent
from arbmodels.errors import InputError
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan

IntArray = npt.NDArray[np.int64]

#: Solve rates that are looked at together in the search for a spend.
_CUTS = 65


class OnePlan(Protocol):
    """Cheapest plans of some class for every solve rate; a ``Frontier`` is one."""

    @property
    def reach(self) -> float:
        """Largest solve rate of the class."""
        ...

    def spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least expected spend, currency units per instance; NaN out of reach."""
        ...

    def plan_at(self, solve_rate: float) -> Plan:
        """Return a cheapest plan; InputError out of reach."""
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
    def reach(self) -> float:
        """Largest solve rate of any member."""
        return max(member.reach for member in self.members)

    def spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least expected spend, currency units per instance; NaN out of reach."""
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
        check_reach(solve_rate, self.reach)
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
    low, high = 0.0, plans.reach
    while True:
        rates = np.linspace(low, high, _CUTS)
        last = int(np.flatnonzero(plans.spend_at(rates) <= spend * (1 + SAME_RATE))[-1])
        low = float(rates[last])
        if last == len(rates) - 1 or rates[last + 1] - low <= SAME_RATE:
            return low
        high = float(rates[last + 1])


def check_spend(spend: float) -> None:
    """Raise an InputError unless ``spend`` is an amount of money."""
    if not 0 <= spend < np.inf:
        raise InputError(f"A spend of {spend:g} per instance; give 0 or a positive finite amount.")


def check_reach(solve_rate: float, reach: float) -> None:
    """Raise an InputError unless ``solve_rate`` lies between 0 and ``reach``."""
    if not 0 <= solve_rate <= reach + SAME_RATE:
        raise InputError(
            f"No plan of this class reaches a solve rate of {percent(solve_rate, 2)}; the best"
            f" reaches {percent(reach, 2)}. Ask for a solve rate between 0 and that."
        )


def undominated(rate: FloatArray, spend: FloatArray) -> IntArray:
    """Return the positions of the points that no cheaper point reaches further than.

    Parameters
    ----------
    rate, spend : float arrays, flat
        Points whose spend is infinite are not there; at least one must be.

    Returns
    -------
    int array
        In order of the solve rate; both coordinates increase strictly in spend.
    """
    there = np.flatnonzero(np.isfinite(spend))
    order = there[np.lexsort((spend[there], -rate[there]))]
    least = np.minimum.accumulate(spend[order])
    kept: IntArray = order[np.concatenate([[True], least[1:] < least[:-1]])][::-1]
    return kept


def cheapest_point(rate: FloatArray, target: FloatArray) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """Return the position of the first undominated point that reaches each target, and whether any.

    Parameters
    ----------
    rate : increasing float array
        Of the undominated points.
    target : float array
        Solve rates.

    Raises
    ------
    InputError
        If a target is NaN.
    """
    if np.isnan(target).any():
        raise InputError("A solve rate is NaN; it must be a number between 0 and 1.")
    position = np.searchsorted(rate, target - SAME_RATE)
    return np.minimum(position, len(rate) - 1), position < len(rate)
