"""Two plans mixed at random: the lower convex hull of a class of plans."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from arbmodels.cascades.hull import lower_hull
from arbmodels.curves import SAME_RATE
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan
from arbmodels.policies.points import OnePlan, check_reach, plans_at

#: Solve rates, equally spaced up to the reach, at which the class is looked at.
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
    def reach(self) -> float:
        """Largest solve rate."""
        return self.plans.reach

    @cached_property
    def hull(self) -> tuple[FloatArray, FloatArray]:
        """Solve rates and spends of the hull's vertices."""
        rates = np.concatenate([self.rates, np.linspace(0.0, self.reach, _LOOKS)])
        rates = np.unique(rates[rates <= self.reach])
        return lower_hull(rates, self.plans.spend_at(rates))

    def spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least expected spend, currency units per instance; NaN out of reach."""
        rate, spend = self.hull
        target = np.asarray(solve_rate, dtype=float)
        mixed: FloatArray = np.interp(target, rate, spend)
        return np.where(target <= self.reach + SAME_RATE, mixed, np.nan)

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
        check_reach(solve_rate, self.reach)
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
            The bound on single plans at increasing solve rates from 0 to the reach.
        """
        corners = lower_hull(np.append(0.0, rates[1:]), np.append(0.0, bound[:-1]))
        target = np.asarray(solve_rate, dtype=float)
        least: FloatArray = np.interp(target, *corners)
        return np.where(target <= self.reach + SAME_RATE, least, np.nan)
