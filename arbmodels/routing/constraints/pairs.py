"""Which plans may serve which instances: data residency, modality, exclusions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arbmodels.assignment.source import BoolArray
from arbmodels.checks import shown
from arbmodels.errors import InputError
from arbmodels.routing.builder import Builder
from arbmodels.routing.constraints.base import Constraint, counted, inside
from arbmodels.routing.partitions import Labels
from arbmodels.routing.parts import Part, Where, scope
from arbmodels.routing.table import PlanTable


@dataclass(frozen=True)
class Forbidden(Constraint):
    r"""Some plans may not serve some instances: :math:`x_{ij} = 0`.

    Parameters
    ----------
    name : str
        A model or provider (every plan that may buy from it), or the label of a plan.
    segment : str, optional
        All segments by default.
    instances : tuple of labels, optional
        All instances by default.
    allowance : float or None
        How many instances may be served in spite of it; None forbids. It is what an infeasible
        problem would need.
    number : int
        Tells lists of instances apart that read alike; 1 is the first.
    """

    name: str
    segment: str | None = None
    instances: tuple[object, ...] | None = None
    allowance: float | None = None
    number: int = 1

    @property
    def label(self) -> str:
        """What is forbidden, and where."""
        return f"no {self.name}{self._place()}"

    @property
    def limit(self) -> float:
        """No instance."""
        return 0.0 if self.allowance is None else self.allowance

    def unit(self, table: PlanTable) -> str:  # noqa: ARG002
        """Return the unit of what would have to be allowed."""
        return "instance"

    def show(self, value: float, table: PlanTable, digits: int = 4) -> str:  # noqa: ARG002
        """Format as instances."""
        return f"{counted(value, digits) if value else 'no'} instance{'s' * (value != 1)}"

    def moved(self, asked: str, needed: str) -> str:  # noqa: ARG002
        """Say how many instances would have to be exempt."""
        return f"{self.label}: would have to be lifted for {needed}"

    def check(self, table: PlanTable) -> None:
        """Check the names."""
        self.plans(table)
        scope(table, self.segment)
        _members(table, self.instances, self.label)

    def plans(self, table: PlanTable) -> BoolArray:
        """Return the plans, [J]."""
        return plans_named(table, self.name)

    def restrict(self, builder: Builder) -> None:
        """Forbid the pairs."""
        if self.allowance is None:
            builder.forbid(self.plans(builder.table), self._where(builder))

    def add(self, builder: Builder) -> None:
        """Count the instances served in spite of it, if any may be."""
        if self.allowance is not None:
            plans = self.plans(builder.table).astype(float)
            parts = (Part("", plans, self._where(builder)),)
            builder.row(self.label, parts, self.allowance, at_most=True, weighted=False)

    def _place(self) -> str:
        place = inside(self.segment)
        if self.instances is not None:
            shown = ", ".join(map(str, self.instances[:3]))
            place += f" for {shown}{', ...' if len(self.instances) > 3 else ''}"
        return place + (f" (list {self.number})" if self.number > 1 else "")

    def _where(self, builder: Builder) -> Where:
        where = dict(scope(builder.table, self.segment))
        if self.instances is not None:
            members = _members(builder.table, self.instances, self.label)
            builder.partition(self.label, Labels(("others", "named"), members))
            where[self.label] = np.array([0.0, 1.0])
        return where


@dataclass(frozen=True)
class Allowed(Forbidden):
    r"""Only some models, providers or plans may serve some instances; abstaining always may.

    Parameters
    ----------
    names : tuple of str
        Models, providers or labels of plans. A plan is allowed if it is named, or all its models
        are.
    """

    names: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What is allowed, and where."""
        return f"only {', '.join(self.names)}{self._place()}"

    def plans(self, table: PlanTable) -> BoolArray:
        """Return the plans that are not allowed, [J]."""
        if not self.names:
            raise InputError("allow_only needs at least one model, provider or plan.")
        allowed = np.zeros(len(table.plans), dtype=bool)
        models = np.zeros(len(table.models), dtype=bool)
        for name in self.names:
            if name in table.models or name in table.providers:
                models |= table.sellers(name)
            else:
                allowed |= plans_named(table, name)
        refused: BoolArray = ~allowed & (table.uses & ~models).any(axis=1)
        return refused


def plans_named(table: PlanTable, name: str) -> BoolArray:
    """Return the plans that a model, a provider or a plan's label stands for, [J].

    Raises
    ------
    InputError
        If it is none of them.
    """
    if not isinstance(name, str):
        raise InputError(f"{shown(name)} is no model, provider or plan; give its name.")
    if name in table.models or name in table.providers:
        plans: BoolArray = np.any(table.uses & table.sellers(name), axis=1)
        return plans
    named = np.array([plan.label == name for plan in table.plans])
    if not named.any():
        raise InputError(
            f"{table.name}: {name!r} is no model, provider or plan; the models are"
            f" {', '.join(table.models[:20])}, a plan is named like {table.plans[-1].label!r}."
        )
    return named


def _members(
    table: PlanTable, instances: tuple[object, ...] | None, label: str
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return which instances are named, zeros and ones [N]."""
    members = np.zeros(table.size, dtype=np.int64)
    if instances is None:
        return members
    if not instances:
        raise InputError(f"The constraint {label!r} names no instances.")
    members[table.positions(instances)] = 1
    return members
