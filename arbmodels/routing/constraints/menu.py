"""How many models or plans may be in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from arbmodels.assignment.source import BoolArray
from arbmodels.errors import InputError
from arbmodels.routing.builder import Builder
from arbmodels.routing.constraints.base import Constraint
from arbmodels.routing.table import PlanTable


@dataclass(frozen=True)
class MenuLimit(Constraint):
    r"""At most K models, or plans, in use.

    .. math:: x_{ij} \le z_e \; \text{ where plan j needs e}, \qquad \sum_e z_e \le K, \qquad
              z_e \in \{0, 1\}

    where e is a model, or a plan that buys something: abstaining does not count.

    Parameters
    ----------
    most : int
        K.
    of : {"models", "plans"}
    """

    most: int
    of: Literal["models", "plans"] = "models"

    @property
    def label(self) -> str:
        """Number of models or plans."""
        return f"number of {self.of}"

    @property
    def limit(self) -> float:
        """K."""
        return float(self.most)

    def unit(self, table: PlanTable) -> str:  # noqa: ARG002
        """Return what is counted, in the singular."""
        return self.of[:-1]

    def show(self, value: float, table: PlanTable, digits: int = 4) -> str:  # noqa: ARG002
        """Format as a whole number."""
        return f"{value:.0f} {self.of if round(value) != 1 else self.of[:-1]}"

    def check(self, table: PlanTable) -> None:  # noqa: ARG002
        """Check the number."""
        whole = isinstance(self.most, int | float | np.number) and self.most == np.rint(self.most)
        if isinstance(self.most, bool) or not (whole and 0 <= self.most < np.inf):
            raise InputError(f"The {self.label} is {self.most!r}; give a whole number, at least 0.")

    def add(self, builder: Builder) -> None:
        """Add one binary column for each, and their sum."""
        columns = self.columns(builder.table)
        for name, plans in columns.items():
            builder.column(name, 0.0, 1.0, integer=True, needs=plans)
        builder.side_row(dict.fromkeys(columns, 1.0), 0.0, float(self.most))

    def columns(self, table: PlanTable) -> dict[str, BoolArray]:
        """Return the columns that say what is in use, and the plans [J] that need each."""
        if self.of == "models":
            return {
                f"{model} in use": plans
                for model, plans in zip(table.models, table.uses.T, strict=True)
            }
        every = np.arange(len(table.plans))
        return {
            f"plan {table.plans[j].label} in use": every == j
            for j in np.flatnonzero(~table.abstains)
        }

    def in_use(self, table: PlanTable, plans: BoolArray) -> int:
        """Return how many of the models, or of the plans that buy, some plans [J] use."""
        if self.of == "models":
            return int(table.uses[plans].any(axis=0).sum())
        return int((plans & ~table.abstains).sum())
