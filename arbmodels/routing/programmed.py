"""The integer program of a routing problem, with the names of its parts."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from arbmodels.assignment.program import AssignmentProgram
from arbmodels.assignment.source import FloatArray
from arbmodels.checks import shown
from arbmodels.errors import InputError
from arbmodels.routing.assembled import Assembled
from arbmodels.routing.builder import Builder
from arbmodels.routing.constraints import Constraint
from arbmodels.routing.inputs import Inputs
from arbmodels.routing.objectives import abstention
from arbmodels.routing.scenario_floor import ScenarioFloor

if TYPE_CHECKING:
    from arbmodels.routing.export import ProgramNames


class Programmed(Inputs):
    """From inputs and terms to an assignment program."""

    @property
    def goal(self) -> str:
        """The objective in words."""
        return self.objective.goal

    @property
    def objective_unit(self) -> str:
        """Unit of the objective."""
        return self.objective.unit(self.plan_table)

    @cached_property
    def group_of_instance(self) -> npt.NDArray[np.int64]:
        """Index into :attr:`groups`, [N]."""
        of_instance = self.plan_table.groups(self.assignment).of_instance
        return np.arange(self.plan_table.size) if of_instance is None else of_instance

    @cached_property
    def value(self) -> FloatArray:
        """Solve probability of a plan on an instance of each group, their mean, [G, J].

        NaN where it is not offered. What it adds to the solve rate of all instances is in
        :attr:`added_solve_rate`.
        """
        return self.plan_table.mean_by_group("solve", self.assignment)

    @cached_property
    def spend(self) -> FloatArray:
        """Spend of a plan on an instance of each group, their mean, [G, J], currency units.

        NaN where it is not offered. What it adds to the total is in :attr:`added_spend`.
        """
        return self.plan_table.mean_by_group("spend", self.assignment)

    @cached_property
    def added_solve_rate(self) -> FloatArray:
        """What a plan adds to the mean solve rate, [G, J]; NaN where it is not offered."""
        return self.plan_table.by_group("solve", self.assignment, 1.0 / self.plan_table.size)

    @cached_property
    def added_spend(self) -> FloatArray:
        """What a plan adds to the total spend, [G, J], currency units; NaN where not offered."""
        return self.plan_table.by_group("spend", self.assignment, 1.0)

    @cached_property
    def assembled(self) -> Assembled:
        """The integer program with the names of its rows and columns."""
        builder = Builder(self.plan_table, self.assignment)
        builder.maximise = self.objective.maximise
        for constraint in self.constraints:
            constraint.restrict(builder)
        for contract in self.contracts:
            contract.add(builder)
        self.objective.add(builder)
        if self.penalty:
            builder.objective += abstention(self.plan_table, self.objective, self.penalty)
        for constraint in self.constraints:
            constraint.add(builder)
        return builder.assemble()

    def program(self) -> AssignmentProgram:
        """Return the integer program as arrays."""
        return self.assembled.program

    def _names(self) -> ProgramNames:
        from arbmodels.routing.export import ProgramNames

        return ProgramNames(
            [str(group) for group in self.groups],
            [plan.label for plan in self.plans],
            [row.label for row in self.assembled.rows],
            [str(instance) for instance in self.plan_table.instances],
        )

    def row_of(self, label: str) -> tuple[int, Constraint]:
        """Return the program's row of a constraint, and the constraint.

        Raises
        ------
        InputError
            If no constraint of this label has a row, or its limit is not just the row's right-hand
            side.
        """
        rows = [row.label for row in self.assembled.rows]
        named = {each.label: each for each in self.constraints if each.label in rows}
        if not isinstance(label, str) or label not in named:
            known = ", ".join(map(repr, named)) or "none"
            raise InputError(
                f"No constraint {shown(label)} with a limit to move; there are {known}."
            )
        row, constraint = rows.index(label), named[label]
        if self.assembled.rows[row].share is not None or (
            isinstance(constraint, ScenarioFloor) and constraint.kind == "chance"
        ):
            raise InputError(
                f"The limit of the constraint {label!r} is in its coefficients too, so that it"
                " cannot be moved alone. Solve the problem once for each limit."
            )
        return row, constraint
