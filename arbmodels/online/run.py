"""Serving arrivals one by one under a budget that is never exceeded.

What serving arrivals came to, against everyone who knew what would come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from arbmodels._checks import LARGEST, number_of
from arbmodels._pandas import pd
from arbmodels.display import Displayed, TextTable, model_color, new_axes, number, percent
from arbmodels.errors import InputError
from arbmodels.online.policies import (
    AdaptivePrice,
    Arrivals,
    FixedPrice,
    FloatArray,
    IntArray,
    Known,
    RoutingPolicy,
    Rule,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_NOTE = (
    "value: mean outcome, as predicted. regret: hindsight bound (all arrivals known,"
    " same predictions) minus value, in points; share: of the bound's gain over"
    " the cheapest plan for all. solved: real outcomes. The oracle knows each outcome beforehand;"
    " nobody does."
)


@dataclass(frozen=True, eq=False, repr=False)
class OnlineRun(Displayed):
    """One way of serving arrivals. Made by :func:`arbmodels.online.serve`.

    Attributes
    ----------
    arrivals : Arrivals
    rule : str
    budget : float, currency units
    choice : int array [T]
        Plan of each arrival; -1 where none could be paid.
    price : float array [T]
        Multiplier at each arrival; NaN for a rule without.
    """

    arrivals: Arrivals
    rule: str
    budget: float
    choice: npt.NDArray[np.int64]
    price: npt.NDArray[np.float64]

    def _chosen(self, table: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return the entries of the plans that served, 0 where none did, [T]."""
        picked = table[np.arange(len(self.choice)), np.maximum(self.choice, 0)].astype(float)
        return np.where(self.choice >= 0, picked, 0.0)

    @cached_property
    def bills(self) -> npt.NDArray[np.float64]:
        """What was paid for each arrival, [T], currency units."""
        return self._chosen(self.arrivals.paid)

    @property
    def spend(self) -> float:
        """Total of the bills, at most the budget (within 1e-12 of it, for rounding)."""
        return float(self.bills.sum())

    @cached_property
    def value(self) -> float:
        """Mean predicted value per arrival."""
        return float(self._chosen(self.arrivals.value).mean())

    @cached_property
    def outcome(self) -> float:
        """Mean real outcome per arrival: the solve rate."""
        return float(self._chosen(self.arrivals.outcome).mean())

    @property
    def unserved(self) -> int:
        """Arrivals that could not be paid for."""
        return int((self.choice < 0).sum())

    @cached_property
    def bound(self) -> float:
        """Mean value that nobody exceeds with the same predictions, even knowing all arrivals."""
        return self.arrivals.bound(self.budget) / len(self.choice)

    @cached_property
    def oracle_bound(self) -> float:
        """Mean outcome that nobody exceeds, even knowing every outcome; not deployable."""
        return self.arrivals.bound(self.budget, oracle=True) / len(self.choice)

    @property
    def regret(self) -> float:
        """The bound minus the value, per arrival; never negative."""
        return max(0.0, self.bound - self.value)

    @property
    def regret_share(self) -> float:
        """Regret as a share of the bound's gain over the cheapest plan for all; NaN if none."""
        least = self.arrivals.value[np.arange(len(self.choice)), self.arrivals.cheapest]
        gain = self.bound - float(least.astype(float).mean())
        return self.regret / gain if gain > 0 else float("nan")

    def to_frame(self) -> pd.DataFrame:
        """Return one row per arrival: plan, bill, multiplier, predicted value, outcome."""
        plans = np.array([*self.arrivals.plans, "none"], dtype=object)
        return pd.DataFrame(
            {
                "plan": plans[self.choice],
                "bill": self.bills,
                "price": self.price,
                "value": self._chosen(self.arrivals.value),
                "outcome": self._chosen(self.arrivals.outcome),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the totals as plain Python values, ready for JSON."""
        return {
            "rule": self.rule,
            "arrivals": len(self.choice),
            "budget": self.budget,
            "spend": self.spend,
            "value": self.value,
            "outcome": self.outcome,
            "unserved": self.unserved,
            "bound": self.bound,
            "oracle_bound": self.oracle_bound,
            "regret": self.regret,
            "regret_share": self.regret_share,
        }

    def table(self) -> TextTable:
        """Return the table shown in terminals and notebooks."""
        return OnlineComparison((self,)).table()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the share of the budget spent over the arrivals."""
        return OnlineComparison((self,)).plot(ax)


@dataclass(frozen=True, eq=False, repr=False)
class OnlineComparison(Displayed):
    """Several ways of serving the same arrivals in the same order.

    Parameters
    ----------
    runs : sequence of OnlineRun
        Of the same arrivals and budget.

    Raises
    ------
    InputError
        If there is none, or they are of different arrivals or budgets.
    """

    runs: Sequence[OnlineRun]

    def __post_init__(self) -> None:
        object.__setattr__(self, "runs", tuple(self.runs))
        if not self.runs:
            raise InputError("there are no runs to compare. Give at least one.")
        first = self.runs[0]
        if any(
            run.arrivals is not first.arrivals or run.budget != first.budget for run in self.runs
        ):
            raise InputError(
                "the runs are of different arrivals or budgets. Compare like with like."
            )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per run."""
        return pd.DataFrame([run.to_dict() for run in self.runs]).set_index("rule")

    def to_dict(self) -> dict[str, Any]:
        """Return the totals of every run as plain Python values, ready for JSON."""
        return {"runs": [run.to_dict() for run in self.runs]}

    def table(self) -> TextTable:
        """Return the table shown in terminals and notebooks."""
        first = self.runs[0]
        rows = [
            (
                run.rule,
                percent(run.spend / run.budget if run.budget else float("nan")),
                percent(run.value, 2),
                number(100 * run.regret, 3),
                percent(run.regret_share),
                percent(run.outcome, 2),
                str(run.unserved),
            )
            for run in self.runs
        ]
        rows.append(("hindsight bound", "≤ 100%", percent(first.bound, 2), "", "", "", ""))
        rows.append(
            (
                "oracle bound (not deployable)",
                "≤ 100%",
                "",
                "",
                "",
                percent(first.oracle_bound, 2),
                "",
            )
        )
        return TextTable(
            f"{len(first.choice):,} arrivals under a budget of {number(first.budget)}"
            f" {first.arrivals.currency}",
            ("rule", "spent", "value", "regret", "regret share", "solved", "unserved"),
            rows,
            _NOTE,
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the share of the budget spent over the arrivals; dashed: an even pace."""
        axes = new_axes(5.4, 3.8) if ax is None else ax
        axes.plot(
            [0, 1], [0, 1], color="0.6", linewidth=1, linestyle=(0, (4, 3)), label="even pace"
        )
        names = [run.rule for run in self.runs]
        for run in self.runs:
            count = len(run.choice)
            shown = np.unique(np.linspace(0, count, min(count, 2000) + 1).astype(int))
            spent = np.concatenate([[0.0], np.cumsum(run.bills)])[shown]
            axes.plot(
                shown / count,
                spent / run.budget if run.budget else spent,
                color=model_color(run.rule, names),
                linewidth=1.8,
                label=f"{run.rule}: {percent(run.regret_share)} of the gain lost",
            )
        axes.set(xlabel="share of the arrivals", ylabel="share of the budget spent")
        axes.legend(frameon=False, fontsize=8)
        return axes


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
