"""What cross-validation found: optimism of the objective, and limits missed held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from arbmodels.assignment.source import FloatArray
from arbmodels.display import Displayed, TextTable, new_axes, number, percent
from arbmodels.routing.problem import RoutingProblem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

#: A limit is missed if it is by more than this share of it.
_MISSED = 1e-6


@dataclass(frozen=True, eq=False)
class Fold:
    """One fit and its score.

    Attributes
    ----------
    in_sample, held_out : float
        Objective where it was fitted, and where it was not; totals are scaled to all instances.
    use : dict
        Constraint label -> left-hand side as a share of the limit, (in sample, held out).
    """

    in_sample: float
    held_out: float
    use: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Violation:
    """How a constraint fared held out.

    Attributes
    ----------
    label : str
    folds, broken : int
        Folds in which it was measured, and in which it was missed.
    mean_use : float
        Left-hand side as a share of the limit, mean over the folds.
    mean_excess, worst_excess : float
        By which share of the limit it was missed; zero where it was kept.
    """

    label: str
    folds: int
    broken: int
    mean_use: float
    mean_excess: float
    worst_excess: float


@dataclass(frozen=True, eq=False, repr=False)
class CrossValidation(Displayed):
    """Objective in sample and held out.

    Attributes
    ----------
    problem : RoutingProblem
    folds : tuple of Fold
        Those that could be solved.
    infeasible : int
        Folds without a feasible assignment on the part to fit on; they are left out.
    by_instance : float array [2, N] or None
        What an instance adds to the objective, times N, in sample (mean over the folds) and held
        out; NaN where it was never held out. None where the objective is no sum over instances.
    note : str
        What was split.
    """

    problem: RoutingProblem
    folds: tuple[Fold, ...]
    infeasible: int
    by_instance: FloatArray | None
    note: str

    @property
    def in_sample(self) -> float:
        """Mean objective where it was fitted, over the instances that were held out once."""
        return self._mean(0)

    @property
    def held_out(self) -> float:
        """Mean objective where it was not fitted."""
        return self._mean(1)

    @property
    def optimism(self) -> float:
        """By how much the objective in sample is too good; positive if it promises too much."""
        return self._sign * (self.in_sample - self.held_out)

    @property
    def standard_error(self) -> float:
        """Standard error of :attr:`optimism`.

        Over the draw of instances, s / sqrt(N) of what each of them adds to it, given the fitted
        plans; over the folds where the objective is no sum over instances. Folds share most of
        what they are fitted on, so it is somewhat too small.
        """
        pairs = self._pairs
        each = pairs[0] - pairs[1]
        return float(each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else float("nan")

    @property
    def _sign(self) -> float:
        return 1.0 if self.problem.objective.maximise else -1.0

    @property
    def _pairs(self) -> FloatArray:
        """In sample and held out, by instance or else by fold, [2, n]."""
        if self.by_instance is None:
            return np.array([(fold.in_sample, fold.held_out) for fold in self.folds]).T
        return self.by_instance[:, np.isfinite(self.by_instance).all(axis=0)]

    def _mean(self, which: int) -> float:
        return float(self._pairs[which].mean())

    @property
    def violations(self) -> tuple[Violation, ...]:
        """How the constraints fared held out; the limits of totals scaled to the fold."""
        return tuple(self._violations())

    def lines(self) -> list[str]:
        """Return the lines that stand beside an objective."""
        unit = self.problem.objective_unit
        lines = [
            f"optimism {number(self.optimism)} ± {number(self.standard_error, 2)} {unit}: in sample"
            f" {number(self.in_sample)}, held out {number(self.held_out)} ({self.note})"
        ]
        lines += [
            f"{each.label}: missed held out in {each.broken} of {each.folds} folds, by"
            f" {percent(each.mean_excess)} of the limit on average, {percent(each.worst_excess)} at"
            " worst"
            for each in self.violations
            if each.broken
        ]
        if self.infeasible:
            lines.append(f"{self.infeasible} folds left out: nothing feasible to fit")
        return lines

    def to_frame(self) -> pd.DataFrame:
        """Return one row per fold: objectives, and the use of every limit held out."""
        rows = [
            {
                "in_sample": fold.in_sample,
                "held_out": fold.held_out,
                **{f"use of {label}": use[1] for label, use in fold.use.items()},
            }
            for fold in self.folds
        ]
        return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="fold"))

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain Python values, ready for JSON."""
        return {
            "assignment_kind": self.problem.assignment,
            "objective_unit": self.problem.objective_unit,
            "in_sample": self.in_sample,
            "held_out": self.held_out,
            "optimism": self.optimism,
            "standard_error": self.standard_error,
            "folds": len(self.folds),
            "infeasible_folds": self.infeasible,
            "violations": [dict(vars(each)) for each in self.violations],
            "note": self.note,
        }

    def table(self) -> TextTable:
        """Return objective in sample and held out by fold; below, the optimism and the limits."""
        unit = self.problem.objective_unit
        rows = [
            (
                str(k),
                number(fold.in_sample),
                number(fold.held_out),
                number(self._sign * (fold.in_sample - fold.held_out)),
            )
            for k, fold in enumerate(self.folds, start=1)
        ]
        rows.append(("all", number(self.in_sample), number(self.held_out), number(self.optimism)))
        notes = [*self.lines(), f"{self.problem.assignment} assignment"]
        notes += [
            f"{each.label}: {percent(each.mean_use)} of the limit used held out"
            for each in self.violations
            if not each.broken
        ]
        return TextTable(
            f"Cross-validation of {self.problem.plan_table.name}: {self.problem.goal}",
            ("fold", f"in sample [{unit}]", f"held out [{unit}]", "optimism"),
            rows,
            "\n".join(notes),
        )

    def plot(self) -> Axes:
        """Draw the objective of every fold, in sample against held out."""
        axes = new_axes(4.4, 3.4)
        inner = [fold.in_sample for fold in self.folds]
        outer = [fold.held_out for fold in self.folds]
        both = np.array([*inner, *outer])
        ends = [both.min(), both.max()]
        axes.plot(ends, ends, color="0.6", linewidth=1.0, label="no optimism")
        axes.plot(inner, outer, "o", label="folds")
        axes.set_xlabel(f"in sample [{self.problem.objective_unit}]")
        axes.set_ylabel(f"held out [{self.problem.objective_unit}]")
        axes.legend(frameon=False)
        return axes

    def _violations(self) -> Iterator[Violation]:
        for constraint in self.problem.constraints:
            label = constraint.label
            used = np.array([fold.use[label][1] for fold in self.folds if label in fold.use])
            if len(used) == 0:
                continue
            excess = np.maximum(used - 1.0 if constraint.at_most else 1.0 - used, 0.0)
            broken = excess > _MISSED
            yield Violation(
                label,
                len(used),
                int(broken.sum()),
                float(used.mean()),
                float(np.where(broken, excess, 0.0).mean()),
                float(np.where(broken, excess, 0.0).max()),
            )
