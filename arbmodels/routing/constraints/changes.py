"""How far an assignment may be from an earlier one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arbmodels.errors import InputError
from arbmodels.routing.builder import Builder
from arbmodels.routing.constraints.base import Constraint, check_number, counted
from arbmodels.routing.partitions import Labels
from arbmodels.routing.parts import Part
from arbmodels.routing.start import Start
from arbmodels.routing.table import PlanTable


@dataclass(frozen=True, eq=False)
class ChangeLimit(Constraint):
    r"""At most so many instances change to another set of models.

    .. math:: \sum_i \sum_j [\text{models}(j) \ne \text{models before}(i)] x_{ij} \le D

    Every instance counts once, whatever its weight.

    Parameters
    ----------
    start : Start
        The earlier assignment.
    most : float
        D.
    """

    start: Start
    most: float

    @property
    def label(self) -> str:
        """Instances changed."""
        return "number of changes"

    @property
    def limit(self) -> float:
        """Instances."""
        return self.most

    def unit(self, table: PlanTable) -> str:  # noqa: ARG002
        """Return what is counted."""
        return "instance"

    def show(self, value: float, table: PlanTable, digits: int = 4) -> str:  # noqa: ARG002
        """Format as instances."""
        return f"{counted(value, digits)} instance{'s' * (value != 1)}"

    def check(self, table: PlanTable) -> None:
        """Check the number, and that the earlier assignment is of these instances."""
        check_number(self.label, self.most, "a number of instances")
        if len(self.start.models_of) != table.size:
            raise InputError(
                f"The earlier assignment has {len(self.start.models_of)} instances, this problem"
                f" {table.size}."
            )

    def add(self, builder: Builder) -> None:
        """Count the plans that use other models than before."""
        table, before = builder.table, self.start
        names = tuple("+".join(sorted(models)) or "none" for models in before.sets)
        builder.partition("earlier models", Labels(names, before.models_of))
        now = [frozenset(plan.models) for plan in table.plans]
        changed = np.array([[models != each for models in now] for each in before.sets], float)
        parts = (Part("", np.ones(len(table.plans)), {"earlier models": changed}),)
        builder.row(self.label, parts, self.most, at_most=True, weighted=False)
