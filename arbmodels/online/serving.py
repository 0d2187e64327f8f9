"""Serving arrivals one by one under a budget that is never exceeded."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from arbmodels.checks import LARGEST, number_of
from arbmodels.errors import InputError
from arbmodels.online.arrivals import Arrivals
from arbmodels.online.policy import FloatArray, IntArray, RoutingPolicy
from arbmodels.online.result import OnlineRun
from arbmodels.online.rules import AdaptivePrice, FixedPrice, Known, Rule

#: A rule may change its mind so often over the horizon (and at 1, 2, 4, ... arrivals).
_UPDATES = 100
#: Arrivals that count as recent for what the cheapest plan costs.
_RECENT = 1000
#: Rounding in a sum of bills, relative to the budget.
_ROUNDING = 1e-12


def serve(
    arrivals: Arrivals,
    rule: Rule | RoutingPolicy,
    budget: float,
    *,
    history: Arrivals | None = None,
    reserve: float | None = None,
) -> OnlineRun:
    """Serve arrivals in their order; no decision uses anything of later ones.

    The rule proposes a plan. It is served with if, after its bill, the reserve for every arrival to
    come is left; otherwise the cheapest plan serves, and if not even that can be paid, nothing
    does. So the bills never exceed the budget.

    Parameters
    ----------
    arrivals : Arrivals
        Their number is the horizon, known beforehand.
    rule : FixedPrice, AdaptivePrice, FixedThreshold or RoutingPolicy
        A policy is one for the whole horizon.
    budget : float, currency units over the horizon
    history : Arrivals, optional
        Earlier instances, for a rule that learns and for the reserve.
    reserve : float, currency units, optional
        Kept back for each arrival to come: what the cheapest plan can cost at most, if all are to
        be served for certain. By default an estimate, the largest of the cheapest plan's mean bill
        in the history, among all arrivals seen, and among the last 1,000;
        arrivals that cannot be served then are counted.

    Returns
    -------
    OnlineRun

    Raises
    ------
    InputError
        If budget or reserve is no amount, or plans differ between arrivals, history and rule.
    """
    budget = number_of(budget, "budget", 0, LARGEST, "an amount")
    if reserve is not None:
        reserve = number_of(reserve, "reserve", 0, LARGEST, "an amount")
    for what, given in (("arrivals", arrivals), ("history", history)):
        if not isinstance(given, Arrivals) and (given is not None or what == "arrivals"):
            raise InputError(f"{what} is a {type(given).__name__}; give Arrivals.")
    named = isinstance(getattr(rule, "name", None), str)
    if not (isinstance(rule, RoutingPolicy) or (named and hasattr(rule, "update"))):
        raise InputError(f"rule is a {type(rule).__name__}; give a rule or a RoutingPolicy.")
    used: Rule = FixedPrice(rule) if isinstance(rule, RoutingPolicy) else rule
    if isinstance(used, FixedPrice | AdaptivePrice):
        _same_plans(used.policy.plans, arrivals.plans, "policy")
    if history is not None:
        _same_plans(history.plans, arrivals.plans, "history")
    count = len(arrivals)
    worth = arrivals.worth()
    known_value, known_spend = _known(arrivals, history)
    earlier = len(known_value) - count
    cheap = arrivals.cheapest
    paid: npt.NDArray[np.float64] = arrivals.paid.astype(np.float64)
    cheap_bill = paid[np.arange(count), cheap]
    expected = _Reserve(cheap_bill, history, reserve)
    choice, prices = np.empty(count, dtype=np.int64), np.empty(count)
    left = budget * (1 + _ROUNDING)
    times = _update_times(count)
    for start, stop in zip(times, (*times[1:], count), strict=True):
        seen = earlier + start
        chooser, price = used.update(
            Known(known_value[:seen], known_spend[:seen], left, count - start)
        )
        part = slice(start, stop)
        proposed = chooser.positions(worth[part], arrivals.spend[part])
        keep = expected.per_arrival(start) * (count - 1 - np.arange(start, stop))
        choice[part], left = _affordable(proposed, cheap[part], paid[part], keep, left)
        prices[part] = price
    return OnlineRun(arrivals, used.name, float(budget), choice, prices)


def _same_plans(plans: tuple[str, ...], expected: tuple[str, ...], what: str) -> None:
    if plans != expected:
        raise InputError(
            f"the {what} has the plans {plans}, the arrivals {expected}. Use the same."
        )


def _known(arrivals: Arrivals, history: Arrivals | None) -> tuple[FloatArray, FloatArray]:
    """Return values and spends of the history and, behind it, the arrivals."""
    if history is None:
        return arrivals.worth(), arrivals.spend
    return (
        np.concatenate([history.worth(), arrivals.worth()]),
        np.concatenate([history.spend, arrivals.spend]),
    )


def _update_times(count: int) -> tuple[int, ...]:
    """Return when the rule is asked again: often at first, then at equal distances."""
    early = [0, *(2**power for power in range(count.bit_length()) if 2**power < count)]
    step = max(1, count // _UPDATES)
    first = [time for time in early if time < step]
    return tuple(sorted({*first, *range(0, count, step)}))


class _Reserve:
    """What to keep back for each arrival to come."""

    def __init__(
        self, bills: npt.NDArray[np.float64], history: Arrivals | None, reserve: float | None
    ) -> None:
        self.given = reserve
        self.total = np.concatenate([[0.0], np.cumsum(bills)])
        self.mean = 0.0
        if history is not None:
            plan = history.cheapest
            self.mean = float(history.paid[np.arange(len(plan)), plan].astype(float).mean())

    def per_arrival(self, seen: int) -> float:
        """Return the amount, from the first ``seen`` arrivals' bills and the history."""
        if self.given is not None:
            return self.given
        if not seen:
            return self.mean
        recent = min(seen, _RECENT)
        before = self.total[seen] / seen
        lately = (self.total[seen] - self.total[seen - recent]) / recent
        return float(max(self.mean, before, lately))


def _affordable(
    proposed: IntArray,
    cheap: IntArray,
    paid: FloatArray,
    keep: FloatArray,
    left: float,
) -> tuple[IntArray, float]:
    """Return who serves (-1: nobody), and what is left of the money."""
    every = np.arange(len(paid))
    bill = paid[every, proposed]
    before = left - np.concatenate([[0.0], np.cumsum(bill)[:-1]])
    short = np.flatnonzero(bill > before - keep)
    if not len(short):
        return proposed, float(left - bill.sum())
    first = int(short[0])
    chosen, left = proposed.copy(), float(before[first])
    for t in range(first, len(paid)):
        plan = int(proposed[t])
        if paid[t, plan] > left - keep[t]:
            plan = int(cheap[t])
            if paid[t, plan] > left:
                plan = -1
        chosen[t] = plan
        left -= paid[t, plan] if plan >= 0 else 0.0
    return chosen, left
