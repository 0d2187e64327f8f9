"""Floors on the solve rate over scenarios, as constraints of a routing problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from arbmodels.checks import number_of
from arbmodels.display import number
from arbmodels.errors import InputError
from arbmodels.routing.builder import Builder
from arbmodels.routing.constraints.base import Constraint, inside
from arbmodels.routing.parts import Part, scaled, scope
from arbmodels.routing.scenarios import Scenarios, mean_of_worst, missed_most
from arbmodels.routing.table import PlanTable


@dataclass(frozen=True, eq=False)
class ScenarioFloor(Constraint):
    r"""A solve rate that holds over scenarios; mathematics in :mod:`arbmodels.routing.scenarios`.

    A program gets S + 1 rows and side columns.

    Parameters
    ----------
    rate : float in [0, 1]
        R.
    scenarios : Scenarios
    kind : {"worst", "chance"}
        The mean of the worst scenarios, or the rate in all but a few.
    share : float
        :math:`\tau`: the share of worst scenarios, in (0, 1], or of those that may be missed, in
        [0, 1).
    segment : str, optional
    """

    rate: float
    scenarios: Scenarios
    kind: Literal["worst", "chance"]
    share: float
    segment: str | None = None
    at_most = False

    @property
    def label(self) -> str:
        """Which scenarios, and the segment."""
        if self.kind == "worst":
            return f"floor on the worst {number(100 * self.share, 3)}%{inside(self.segment)}"
        return f"floor in {number(100 * (1 - self.share), 3)}% of scenarios{inside(self.segment)}"

    @property
    def limit(self) -> float:
        """Solve rate."""
        return self.rate

    def unit(self, table: PlanTable) -> str:  # noqa: ARG002
        """Return the unit of a solve rate: from none to all."""
        return "unit of solve rate"

    def show(self, value: float, table: PlanTable, digits: int = 4) -> str:  # noqa: ARG002
        """Format as a percentage."""
        return f"{number(100 * value, digits)}%"

    def check(self, table: PlanTable) -> None:
        """Check the rate, the share, the segment, and that the scenarios are of these pairs."""
        if not 0 <= self.rate <= 1:
            raise InputError(
                f"The {self.label} is {self.rate:g}; a solve rate lies between 0 and 1"
                " (0.9 for 90%)."
            )
        if not (0 < self.share <= 1 if self.kind == "worst" else 0 <= self.share < 1):
            wanted = "cvar in [0, 1)" if self.kind == "worst" else "chance in (0, 1]"
            raise InputError(f"The share of scenarios is {self.share:g}; give {wanted}.")
        scope(table, self.segment)
        known = self.scenarios.plan_table
        if (known.size, known.width, known.plans) != (table.size, table.width, table.plans):
            raise InputError(
                f"The scenarios are of {known.size} instances x {len(known.plans)} plans, this"
                f" problem of {table.size} x {len(table.plans)}, or the plans differ. Make them"
                " from this problem."
            )
        for s in range(self.scenarios.count):
            self.scenarios.weight(s, self.segment)

    def add(self, builder: Builder) -> None:
        """Add a quantity and a row per scenario, the side columns, and the floor's own row."""
        count, worst = self.scenarios.count, self.kind == "worst"
        level, where = f"level of the {self.label}", scope(builder.table, self.segment)
        ones = np.ones(len(builder.table.plans))
        builder.column(level, 0.0, 1.0)
        names = [f"{self.label}, scenario {s + 1}" for s in range(count)]
        for s, name in enumerate(names):
            builder.quantity(name, self.scenarios.quantity(s))
            mean = 1.0 / self.scenarios.weight(s, self.segment)
            rate = scaled((Part(name, ones, where),), mean)
            # A shortfall u, or a binary v that excuses all of the floor.
            builder.column(name, 0.0, 1.0, integer=not worst)
            columns = {name: 1.0 if worst else self.rate, level: -1.0}
            builder.row(name, rate, 0.0, at_most=False, columns=columns)
        head = {level: 1.0}
        if worst:
            head.update(dict.fromkeys(names, -1.0 / (self.share * count)))
        else:
            most = float(missed_most(self.share, count))
            builder.side_row(dict.fromkeys(names, 1.0), -np.inf, most)
        builder.row(self.label, (), self.rate, at_most=False, columns=head)

    def achieved(self, table: PlanTable, assignment: npt.NDArray[np.integer]) -> float:  # noqa: ARG002
        """Return the rate that an assignment [N] is sure of, in the sense of the constraint."""
        rates = self.scenarios.rates(assignment, self.segment)
        if self.kind == "worst":
            return mean_of_worst(rates, self.share)
        return float(np.sort(rates)[missed_most(self.share, len(rates))])


def scenario_floor(
    rate: float,
    scenarios: Scenarios,
    cvar: float | None,
    chance: float | None,
    segment: str | None,
) -> ScenarioFloor:
    """Return the constraint for a confidence given as ``cvar`` or as ``chance``.

    Raises
    ------
    InputError
        If both are given, or none.
    """
    if (cvar is None) == (chance is None):
        raise InputError(
            "Give either cvar=0.9 (the mean of the worst 10% of scenarios) or chance=0.95 (the"
            " rate in 95% of scenarios)."
        )
    if not isinstance(scenarios, Scenarios):
        raise InputError(f"scenarios is a {type(scenarios).__name__}; give problem.scenarios().")
    if segment is not None:
        scenarios.plan_table.one_label("segment", segment)
    rate = number_of(rate, "floor over scenarios")
    if cvar is not None:
        share = round(1.0 - number_of(cvar, "cvar"), 12)
        return ScenarioFloor(rate, scenarios, "worst", share, segment)
    share = round(1.0 - number_of(chance, "chance"), 12)
    return ScenarioFloor(rate, scenarios, "chance", share, segment)
