r"""A budget that holds when the spend of some instances comes out higher than expected.

The spend of instance i on plan j lies in :math:`[s_{ij}, s_{ij} + d_{ij}]` and at most
:math:`\Gamma` instances deviate at once (Bertsimas and Sim 2004, "The price of robustness"):

.. math::
    \sum_i N w_i \sum_j s_{ij} x_{ij} + \max_{|D| \le \Gamma} \sum_{i \in D} N w_i
    \sum_j d_{ij} x_{ij} \le B.

Small problems, and those with columns beside the assignment, go to HiGHS in the compact form of
the same paper; large ones are a search over thresholds,
:mod:`arbmodels._assignment.robust`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from arbmodels._assignment.program import FloatArray, IntArray, Quantity
from arbmodels._assignment.robust import protection
from arbmodels._checks import LARGEST, number_of
from arbmodels.errors import InputError
from arbmodels.routing.builder import Builder, Part, scaled, spent
from arbmodels.routing.constraints.base import Scoped, check_number
from arbmodels.routing.table import PlanTable

if TYPE_CHECKING:
    from arbmodels.routing.statement import Statement


@dataclass(frozen=True, eq=False)
class RobustBudget(Scoped):
    r"""Total spend at most ``total`` though any ``gamma`` instances cost more than expected.

    Parameters
    ----------
    total : float, currency units over all instances
        B.
    deviation : float or float array [N, J']
        d in currency units, or as a share of the expected spend (0.3: up to 30% more), which
        takes no memory. An instance of weight w deviates by w times d, and counts once.
    gamma : float
        :math:`\Gamma`, instances; a fraction lets one more deviate by that part of its d. Zero is
        the plain budget; N (or more) the worst case of all instances at once.
    """

    total: float
    deviation: float | Quantity
    gamma: float
    separable = False

    @property
    def label(self) -> str:
        """Robust budget."""
        return "robust budget"

    @property
    def limit(self) -> float:
        """Total spend, deviations included."""
        return self.total

    def unit(self, table: PlanTable) -> str:
        """Return the currency."""
        return table.currency

    def cut(self, table: PlanTable, part: PlanTable, rows: IntArray) -> dict[str, Any] | None:
        """Return the same amount, and as many deviations, per instance."""
        share = part.size / table.size
        changes: dict[str, Any] = {"total": share * self.total, "gamma": share * self.gamma}
        if np.ndim(self.deviation) > 0:
            changes["deviation"] = np.asarray(self.deviation)[rows]
        return changes

    def scored(self, table: PlanTable, assignment: npt.NDArray[np.integer[Any]]) -> float:
        """Return the spend at its worst."""
        return self.achieved(table, assignment)

    def check(self, table: PlanTable) -> None:
        """Check the amount, gamma and the deviations."""
        check_number(self.label, self.total, f"an amount of {table.currency}")
        check_number("gamma of the robust budget", self.gamma, "a number of instances")
        if np.ndim(self.deviation) == 0:
            number_of(self.deviation, "deviation", 0, LARGEST, "a share of the spend")
            return
        values = np.asarray(self.deviation)
        if values.shape != (table.size, table.width):
            raise InputError(
                f"deviation has shape {values.shape}; give one share of the spend, or currency"
                f" units per instance and plan, {(table.size, table.width)}."
            )
        good = (values >= 0) & (values <= LARGEST)
        if table.offered is not None:
            good |= ~table.offered
        if not good.all():
            i, j = np.argwhere(~good)[0]
            raise InputError(
                f"Instance {table.instances[i]!r}, plan {table.plans[j].label!r}: deviation"
                f" {values[i, j]:g} must be finite and at least 0."
            )

    def add(self, builder: Builder) -> None:
        """Add the row with its deviations."""
        table = builder.table
        if builder.payments:
            raise InputError(
                "A robust budget counts list spend; with contracts it is not known what a"
                " deviation costs. Leave the contracts or the robust budget out."
            )
        spend = spent(table, np.ones(len(table.models), dtype=bool), {})
        if np.ndim(self.deviation) == 0:
            deviation = scaled(spend, float(self.deviation))
        else:
            builder.quantity("deviation", np.asarray(self.deviation))
            deviation = (Part("deviation", np.ones(len(table.plans))),)
        builder.row(
            self.label,
            spend,
            self.total,
            at_most=True,
            deviation=deviation,
            gamma=self.gamma,
        )

    def achieved(self, table: PlanTable, assignment: npt.NDArray[np.integer]) -> float:
        """Return expected spend plus largest deviation of an assignment [N], currency units."""
        spend = table.times * table.chosen(assignment, table.spend)
        return float(spend.sum()) + protection(self.deviations(table, assignment), self.gamma)

    def deviations(self, table: PlanTable, assignment: npt.NDArray[np.integer]) -> FloatArray:
        """Return w d of every instance at its plan, [N]."""
        if np.ndim(self.deviation) == 0:
            chosen = float(self.deviation) * table.chosen(assignment, table.spend)
        else:
            chosen = table.chosen(assignment, np.asarray(self.deviation))
        return table.times * chosen


def robust_of(problem: Statement) -> RobustBudget | None:
    """Return a problem's robust budget, if it has one."""
    return next((each for each in problem.constraints if isinstance(each, RobustBudget)), None)
