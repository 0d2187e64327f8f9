"""What serving arrivals came to, against everyone who knew what would come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.display import Displayed, TextTable, model_colour, new_axes, number, percent
from arbmodels.errors import InputError
from arbmodels.online.arrivals import Arrivals

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NOTE = (
    "value: expected solve rate, as predicted. regret: hindsight bound (all arrivals known,"
    " same predictions) minus value, in points of solve rate; share: of the bound's gain over"
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
                color=model_colour(run.rule, names),
                linewidth=1.8,
                label=f"{run.rule}: {percent(run.regret_share)} of the gain lost",
            )
        axes.set(xlabel="share of the arrivals", ylabel="share of the budget spent")
        axes.legend(frameon=False, fontsize=8)
        return axes
