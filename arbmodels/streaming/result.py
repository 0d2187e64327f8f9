"""The answer to a streamed routing problem."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from arbmodels.assignment.answer import Status
from arbmodels.assignment.passes import Choice
from arbmodels.assignment.source import FloatArray, IntArray, Source
from arbmodels.display import Displayed, TextTable, model_colour, model_label, new_axes, number
from arbmodels.display import percent as show_percent
from arbmodels.solver import relative_gap
from arbmodels.streaming.limits import Row
from arbmodels.streaming.write import new_folder, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class StreamedResult(Displayed):
    """A feasible assignment of streamed instances with a proof of how good it is.

    It is an oracle bound where the solve probabilities are those of the instances themselves, and
    in-sample where they were fitted to them.

    Attributes
    ----------
    source : Source
    status : str
        "optimal" (the gap asked for is proven), "time limit" or "interrupted" (best so far).
    objective : float
        Weighted mean solve rate if there is a budget, total spend otherwise; evaluated on the
        assignment by a pass over the data.
    bound : float
        No assignment is better.
    prices : float array [R]
        Multipliers of the limits: gain in the objective per unit by which one is relaxed.
    activity : float array [R]
        Left-hand sides of the limits.
    limits : tuple of Row, length R
    plans : tuple of str, length J
    counts : int array [J]
        Instances each plan serves.
    weight, solved, spent : float array [J]
        Weighted sums over the instances of each plan: of one, of their solve probability, and of
        their spend.
    choice : int array [N] or None
        Plan of each instance; None if it was written to files.
    output : str or None
        Folder of these files.
    time : float
        Seconds.
    """

    source: Source
    status: Status
    objective: float
    bound: float
    prices: FloatArray
    activity: FloatArray
    limits: tuple[Row, ...]
    plans: tuple[str, ...]
    counts: IntArray
    weight: FloatArray
    solved: FloatArray
    spent: FloatArray
    choice: Choice | None
    output: str | None
    time: float

    @property
    def gap(self) -> float:
        """abs(bound - objective) / max(abs(objective), 1e-12)."""
        return relative_gap(self.objective, self.bound)

    @property
    def solve_rate(self) -> float:
        """Weighted mean solve probability."""
        return float(self.solved.sum() / self.weight.sum())

    @property
    def spend(self) -> float:
        """Total spend."""
        return float(self.spent.sum())

    @property
    def shadow_prices(self) -> dict[str, float]:
        """Label of the limit -> gain in the objective per unit by which it is relaxed."""
        return {row.label: float(p) for row, p in zip(self.limits, self.prices, strict=True)}

    def to_parquet(self, folder: str | os.PathLike[str]) -> int:
        """Write instance, plan, solve probability and spend as part files; return how many.

        One file per block is written at a time, on a cluster by the workers, which must share the
        folder.

        Raises
        ------
        InputError
            If the folder has files in it or cannot be made, the assignment was written already, or
            pyarrow is missing.
        """
        from arbmodels.errors import InputError

        if self.choice is None:
            raise InputError(f"The assignment was written to {self.output}; it is not in memory.")
        return write(self.source, self.choice, self.plans, new_folder(folder))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per plan in use: instances, share, spend, solve rate."""
        used = np.flatnonzero(self.counts)
        return pd.DataFrame(
            {
                "instances": self.counts[used],
                "share": self.counts[used] / self.counts.sum(),
                "spend": self.spent[used],
                "solve_rate": self._rates()[used],
            },
            index=pd.Index([self.plans[j] for j in used], name="plan"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain Python values, ready for JSON."""
        used = np.flatnonzero(self.counts).tolist()
        return {
            "status": self.status,
            "objective": self.objective,
            "bound": self.bound,
            "gap": self.gap,
            "solve_rate": self.solve_rate,
            "spend": self.spend,
            "shadow_prices": self.shadow_prices,
            "activity": {
                row.label: float(value)
                for row, value in zip(self.limits, self.activity, strict=True)
            },
            "counts": {self.plans[j]: int(self.counts[j]) for j in used},
            "output": self.output,
            "time": self.time,
        }

    def table(self) -> TextTable:
        """Return who serves what; below it the proof, the limits and their prices."""
        total = float(self.spent.sum()) or 1.0
        rates = self._rates()
        rows = [
            (
                model_label(self.plans[j]),
                f"{self.counts[j]:,}",
                show_percent(self.counts[j] / self.counts.sum()),
                number(self.spent[j]),
                show_percent(self.spent[j] / total),
                show_percent(rates[j]),
            )
            for j in np.flatnonzero(self.counts).tolist()
        ]
        return TextTable(
            f"Routing of {self.counts.sum():,} streamed instances: solve rate"
            f" {show_percent(self.solve_rate, 2)}, spend {number(self.spend)}",
            ("plan", "instances", "share", "spend", "share of spend", "solve rate"),
            rows,
            "\n".join(self._notes()),
        )

    def plot(self) -> Axes:
        """Draw each plan's share of the instances and of the spend."""
        used = np.flatnonzero(self.counts)
        axes = new_axes(5.6, 1.2 + 0.4 * len(used))
        position = np.arange(len(used))[::-1]
        total = float(self.spent.sum()) or 1.0
        colours = [model_colour(self.plans[j], self.plans) for j in used]
        share = 100 * self.counts[used] / self.counts.sum()
        spend = 100 * self.spent[used] / total
        axes.barh(position + 0.19, share, 0.36, color=colours, label="instances")
        axes.barh(position - 0.19, spend, 0.36, color=colours, alpha=0.5, label="spend (pale)")
        axes.set_yticks(position, [model_label(self.plans[j]) for j in used])
        axes.set_xlabel("share [%]")
        axes.set_title(
            f"Solve rate {show_percent(self.solve_rate)}, spend {number(self.spend)}",
            fontsize="medium",
        )
        axes.legend(frameon=False)
        return axes

    def _rates(self) -> FloatArray:
        known = self.weight > 0
        rates: FloatArray = np.full(len(self.weight), np.nan)
        rates[known] = self.solved[known] / self.weight[known]
        return rates

    def _notes(self) -> list[str]:
        notes = [
            f"objective {number(self.objective, 8)}, bound {number(self.bound, 8)},"
            f" gap {self.gap:.1e} ({self.status}, {self.time:.2f} s)",
            "oracle bound, not deployable, unless the solve probabilities are predictions",
        ]
        for row, activity, price in zip(self.limits, self.activity, self.prices, strict=True):
            binds = f"shadow price {number(float(price))} per {row.unit}"
            notes.append(
                f"{row.label}: {row.show(float(activity))} of {row.show(row.limit)},"
                f" {binds if price > 0 else 'does not bind'}"
            )
        if self.output is not None:
            notes.append(f"assignment written to {self.output}")
        return notes
