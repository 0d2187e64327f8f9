"""Which plans may serve which instances, how many may be in use, and how much may change.

Data residency, modality and exclusions forbid pairs; an earlier assignment is where a solve starts
and what changes are counted from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from arbmodels._assignment.program import BoolArray, Choice, IntArray
from arbmodels._checks import MOST, aligned, listed, named, shown
from arbmodels._pandas import pd
from arbmodels.errors import InputError
from arbmodels.plans import Plan
from arbmodels.routing.builder import Builder, Part, Where, scope
from arbmodels.routing.constraints.base import (
    Constraint,
    Needed,
    Relaxing,
    Scoped,
    check_number,
    counted,
    inside,
)
from arbmodels.routing.table import Labels, PlanTable


@dataclass(frozen=True)
class PlanLimit(Scoped):
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

    def relaxed(self, search: Relaxing, others: Sequence[Constraint]) -> Needed:
        """Return the least number in use."""
        columns = self.columns(search.table)
        return search.fewest(replace(self, most=len(columns)), columns, others)

    def scored(self, table: PlanTable, assignment: npt.NDArray[np.integer[Any]]) -> float:
        """Return how many are in use."""
        return float(self.in_use(table, np.bincount(assignment, minlength=len(table.plans)) > 0))

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


@dataclass(frozen=True, eq=False)
class Start:
    """An earlier assignment of the instances.

    Attributes
    ----------
    plans : tuple of Plan
        Those of the problem.
    choice : int array [N] or None
        Positions of plans; None if one of them is not among the problem's.
    sets : tuple of frozenset
        Distinct sets of models.
    models_of : int array [N]
        Index into ``sets``.
    """

    plans: tuple[Plan, ...]
    choice: Choice | None
    sets: tuple[frozenset[str], ...]
    models_of: IntArray

    def __repr__(self) -> str:
        return f"<assignment of {len(self.models_of):,} instances to {len(self.plans):,} plans>"


@runtime_checkable
class Assigned(Protocol):
    """What assigns plans to the instances of a problem, as a result does."""

    @property
    def problem(self) -> Any:
        """What it answers, with its plan table."""
        ...

    @property
    def assignment(self) -> Any:
        """Positions of plans, [N]."""
        ...


def start_of(
    earlier: Assigned | Sequence[str | int] | npt.NDArray[np.generic] | pd.Series[Any],
    table: PlanTable,
) -> Start:
    """Read an earlier assignment: a result, or labels or positions of plans per instance.

    Raises
    ------
    InputError
        If it is of other instances, or names a plan that there is not.
    """
    if isinstance(earlier, Assigned):
        before = earlier.problem.plan_table
        if before.size != table.size or (
            before.instances is not table.instances
            and any(a != b for a, b in zip(before.instances, table.instances, strict=True))
        ):
            raise InputError("The earlier result is of other instances than this problem.")
        return _start(list(before.plans), np.asarray(earlier.assignment), table)
    placed = aligned(earlier, {0: (table.instances, "instance")}, "The earlier assignment")
    given = listed(placed, "The earlier assignment")
    given = [each.label if isinstance(each, Plan) else each for each in given]
    values = named(given, "The earlier assignment")
    flags = any(isinstance(each, bool | np.bool_) for each in given)
    if not flags and all(
        isinstance(each, int | np.integer) and -MOST <= int(each) <= MOST for each in given
    ):
        values = np.array(given, dtype=np.int64)
    if values.shape != (table.size,):
        raise InputError(
            f"The earlier assignment has shape {values.shape}; give one plan per instance,"
            f" ({table.size},)."
        )
    if values.dtype.kind in "iu":
        wrong = np.flatnonzero((values < 0) | (values >= len(table.plans)))
        if len(wrong):
            first = int(wrong[0])
            raise InputError(
                f"Instance {table.instances[first]!r}: the earlier plan is number {values[first]},"
                f" there are {len(table.plans)} plans."
            )
        return _start(list(table.plans), values, table)
    codes, labels = pd.factorize(values, use_na_sentinel=False)
    return _start([table.plans[table.plan_position(str(label))] for label in labels], codes, table)


def _start(plans: list[Plan], codes: npt.NDArray[np.integer], table: PlanTable) -> Start:
    """Translate codes of some plans."""
    used = np.unique(codes)
    position = {plan: j for j, plan in enumerate(table.plans)}
    there = np.array([position.get(plan, -1) for plan in plans], dtype=np.int32)
    sets = tuple(dict.fromkeys(frozenset(plans[k].models) for k in used))
    of_plan = np.zeros(len(plans), dtype=np.int64)
    of_plan[used] = [sets.index(frozenset(plans[k].models)) for k in used]
    known = bool((there[used] >= 0).all())
    return Start(table.plans, there[codes] if known else None, sets, of_plan[codes])


@dataclass(frozen=True, eq=False)
class ChangeLimit(Scoped):
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
    separable = False
    held_in_folds = False

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

    def cut(self, table: PlanTable, part: PlanTable, rows: IntArray) -> dict[str, Any] | None:  # noqa: ARG002
        """Drop it: who was served before says nothing of other instances."""
        return None

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


@dataclass(frozen=True)
class Forbidden(Scoped):
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

    def cut(self, table: PlanTable, part: PlanTable, rows: IntArray) -> dict[str, Any] | None:  # noqa: ARG002
        """Keep the instances that are there."""
        if self.instances is None:
            return {}
        present = set(part.instances)
        left = tuple(each for each in self.instances if each in present)
        return {"instances": left} if left else None

    def numbered(self, number: int) -> Forbidden:
        """Return a list of instances under a number: what is left of two lists may read alike."""
        return self if self.instances is None else replace(self, number=number)

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

    def relaxed(self, search: Relaxing, others: Sequence[Constraint]) -> Needed:
        """Return for how many instances it would have to be lifted."""
        return search.row(replace(self, allowance=0.0), others)

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
