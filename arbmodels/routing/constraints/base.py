"""What every constraint says about itself."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, Protocol, cast

import numpy as np
import numpy.typing as npt

from arbmodels._assignment.program import FloatArray, IntArray, Quantity
from arbmodels.display import number
from arbmodels.errors import InputError
from arbmodels.routing.builder import Builder, Part, Row, Where
from arbmodels.routing.table import Labels, PlanTable


class Needed(NamedTuple):
    """A limit at which a set stops conflicting, and whether it is proven to be the nearest.

    It is reached by an assignment, so it is enough.
    """

    limit: float
    nearest: bool


class Relaxing(Protocol):
    """What looks for the nearest limit that is enough; see :meth:`Constraint.relaxed`."""

    table: PlanTable

    def row(self, constraint: Constraint, others: Sequence[Constraint]) -> Needed:
        """Return the best left-hand side of a constraint's row."""
        ...

    def first(
        self, at: Callable[[float], Constraint], limits: Quantity, others: Sequence[Constraint]
    ) -> Needed:
        """Return the first of some limits, from strict to loose, that is enough."""
        ...

    def fewest(
        self, loose: Constraint, columns: Collection[str], others: Sequence[Constraint]
    ) -> Needed:
        """Return the least number of binary auxiliary variables that are one."""
        ...


class Constraint(ABC):
    """Something that every assignment has to satisfy.

    One of your own is given to :meth:`arbmodels.RoutingProblem.add_constraint`. It is solved,
    priced, moved along a frontier, exported, named in conflicts and cross-validated like others.
    It provides

    * ``label``, ``limit``, ``at_most``, ``unit`` and ``check``;
    * ``restrict``, if it forbids pairs: :meth:`Builder.forbid`, :meth:`Builder.mask`;
    * ``add``, if it has rows: :meth:`Builder.row` with parts, which are sums over the instances.
      The row's label is the constraint's, and its limit ``limit`` (0 for a share).

    Numbers per instance are handed over through :meth:`Builder.quantity` and
    :meth:`Builder.partition`, an array with one entry per instance of the table: so they can be cut
    to some of the instances (:meth:`of_instances`).
    """

    at_most: ClassVar[bool] = True
    #: Whether it says the same of other instances, so that a price per unit of it is a rule there.
    separable: ClassVar[bool] = True
    #: Whether a fold of cross-validation is held to it.
    held_in_folds: ClassVar[bool] = True

    @property
    def movable(self) -> bool:
        """Whether its limit is the row's right-hand side alone, so that a frontier can move it."""
        return True

    @property
    @abstractmethod
    def label(self) -> str:
        """Name in results and errors; the same for two limits on the same thing."""

    @property
    @abstractmethod
    def limit(self) -> float:
        """What was asked for, in the constraint's unit."""

    @abstractmethod
    def unit(self, table: PlanTable) -> str:
        """Return the unit of the limit, in the singular."""

    def price_unit(self, table: PlanTable) -> str:
        """Return the unit by which the row is relaxed, that of the limit if not said otherwise."""
        return self.unit(table)

    @abstractmethod
    def check(self, table: PlanTable) -> None:
        """Raise InputError if the limit cannot be meant or a name is unknown."""

    def restrict(self, builder: Builder) -> None:  # noqa: B027 - most constraints forbid no pair
        """Forbid pairs; done before any row is added."""

    def add(self, builder: Builder) -> None:  # noqa: B027 - some constraints only forbid pairs
        """Add rows and auxiliary variables."""

    def of_instances(
        self,
        table: PlanTable,
        part: PlanTable,
        rows: IntArray,
    ) -> Constraint | None:
        """Return the constraint for some instances: what a fold of cross-validation is held to.

        By default what the constraint asks of all instances is cut down to these. A row whose terms
        are a total is held to the same amount per instance that it covers, a row that is a mean to
        the same mean, and one that covers none of them is dropped: left-hand sides are scaled up to
        all instances, limits stay. Override it if your limit means something else.

        Parameters
        ----------
        table, part : PlanTable
            Of all instances, and of these.
        rows : int array [n]
            Which, increasing.

        Returns
        -------
        Constraint or None
            None leaves it out.
        """
        del part
        return CutDown(self, table, rows)

    def numbered(self, number: int) -> Constraint:  # noqa: ARG002
        """Return the constraint told from others by a number, if several may read alike."""
        return self

    def scored(
        self,
        table: PlanTable,  # noqa: ARG002
        assignment: npt.NDArray[np.integer[Any]],  # noqa: ARG002
    ) -> float | None:
        """Return the left-hand side at an assignment [N] on a record, where no row tells it."""
        return None

    def achieved(
        self,
        table: PlanTable,  # noqa: ARG002
        assignment: npt.NDArray[np.integer[Any]],  # noqa: ARG002
    ) -> float | None:
        """Return the left-hand side at an assignment [N], where it is not that of the row."""
        return None

    def fixed(self, builder: Builder) -> Constraint:  # noqa: ARG002
        """Return the constraint with what it takes from the pairs allowed so far as a number."""
        return self

    def relaxed(self, search: Relaxing, others: Sequence[Constraint]) -> Needed:
        """Return the limit nearest to its own at which an assignment meets the others too.

        By default the left-hand side of its row is made as small (large) as it can be. Override it
        if there is no such row: with :meth:`Relaxing.first` or :meth:`Relaxing.fewest`.
        """
        return search.row(self, others)

    def show(self, value: float, table: PlanTable, digits: int = 4) -> str:
        """Format a limit."""
        return f"{number(value, digits)} {self.unit(table)}"

    def moved(self, asked: str, needed: str) -> str:
        """Say how far the limit would have to give."""
        direction = "rise" if self.at_most else "fall"
        return f"{self.label} {asked}: would have to {direction} to {needed}"

    def loosened(self, value: float, digits: int) -> float:
        """Round a limit to significant digits, never to a stricter one (but for float noise)."""
        if value == 0:
            return 0.0
        step = 10.0 ** (math.floor(math.log10(abs(value))) - digits + 1)
        ticks = value / step
        nearest = round(ticks)
        if abs(ticks - nearest) > 1e-6:
            nearest = math.ceil(ticks) if self.at_most else math.floor(ticks)
        return nearest * step


class Scoped(Constraint):
    """A constraint on the instances of its ``segment`` and ``period``, of all where it has none.

    For some instances it is dropped where its segment or period is gone, and otherwise kept with
    the changes of :meth:`cut`.
    """

    def of_instances(self, table: PlanTable, part: PlanTable, rows: IntArray) -> Constraint | None:
        """Return the constraint for some instances, or None if it covers none of them."""
        for partition in ("segment", "period"):
            label = getattr(self, partition, None)
            if label is not None and label not in part.labels(partition).names:
                return None
        changes = self.cut(table, part, rows)
        return None if changes is None else replace(cast("Any", self), **changes)

    def cut(
        self,
        table: PlanTable,  # noqa: ARG002
        part: PlanTable,  # noqa: ARG002
        rows: IntArray,  # noqa: ARG002
    ) -> dict[str, Any] | None:
        """Return the fields that differ for some instances; None to drop the constraint."""
        return {}


@dataclass(frozen=True, eq=False)
class CutDown(Constraint):
    """What a constraint asks of all instances, cut down to some: see `Constraint.of_instances`.

    Parameters
    ----------
    whole : Constraint
    table : PlanTable
        Of all instances.
    rows : int array [n]
        The instances that are left, increasing.
    """

    whole: Constraint
    table: PlanTable
    rows: IntArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "at_most", self.whole.at_most)

    @property
    def label(self) -> str:
        """The constraint's."""
        return self.whole.label

    @property
    def limit(self) -> float:
        """The constraint's: left-hand sides are scaled up to all instances."""
        return self.whole.limit

    def unit(self, table: PlanTable) -> str:  # noqa: ARG002
        """Return the constraint's."""
        return self.whole.unit(self.table)

    def price_unit(self, table: PlanTable) -> str:  # noqa: ARG002
        """Return the constraint's."""
        return self.whole.price_unit(self.table)

    def show(self, value: float, table: PlanTable, digits: int = 4) -> str:  # noqa: ARG002
        """Format a limit as the constraint does."""
        return self.whole.show(value, self.table, digits)

    def check(self, table: PlanTable) -> None:
        """Do nothing: all of it was checked."""

    def restrict(self, builder: Builder) -> None:
        """Forbid the pairs that are left."""
        every = Builder(self.table, builder.assignment)
        self.whole.restrict(every)
        self._carry(every, builder)

    def add(self, builder: Builder) -> None:
        """Add the rows and auxiliary variables."""
        every = Builder(self.table, builder.assignment)
        every.payments = builder.payments
        self.whole.add(every)
        self._carry(every, builder)

    def _carry(self, every: Builder, builder: Builder) -> None:
        """Hand on what was built for all instances."""
        for name, values in every.arrays.items():
            builder.quantity(name, np.asarray(values)[self.rows])
        for mask in every.masks:
            builder.mask(np.asarray(mask)[self.rows])
        for plans, where in every.forbidden:
            builder.forbid(plans, self._where(where, every, builder))
        builder.columns.update(every.columns)
        builder.gain(every.gains)
        for combination in every.beside:
            builder.side_row(*combination)
        for row in every.rows:
            share = self._share(row, every, builder.table)
            if share == 0.0:
                continue  # none of the instances it covers is left
            parts, whole, deviation = (
                tuple(
                    Part(each.quantity, each.plan / share, self._where(each.where, every, builder))
                    for each in parts
                )
                for parts in (row.parts, row.whole, row.deviation)
            )
            columns = {
                # What is paid for is that of the instances that are left.
                name: value if name in every.columns else value / share
                for name, value in row.columns.items()
            }
            builder.rows.append(
                replace(
                    row,
                    parts=parts,
                    whole=whole,
                    deviation=deviation,
                    columns=columns,
                    gamma=row.gamma * share,
                )
            )

    def _where(self, where: Where, every: Builder, builder: Builder) -> Where:
        """Return factors by labels that all instances have, of which some may be missing here."""
        renamed = {}
        for name, factors in where.items():
            labels = every.labels(name)
            builder.partition(f"{name} of all", Labels(labels.names, labels.codes[self.rows]))
            renamed[f"{name} of all"] = factors
        return renamed

    def _share(self, row: Row, every: Builder, part: PlanTable) -> float:
        """Return how much of what a row counts is left, all quantities being one."""
        counted = np.ones(self.table.size), np.ones(len(self.rows))
        all_times, times = (self.table.times, part.times) if row.weighted else counted
        parts = row.parts + row.whole
        both = [
            sum(
                float(np.abs(factors_of(each, every, rows) * weight[:, None]).sum())
                for each in parts
            )
            for rows, weight in ((slice(None), all_times), (self.rows, times))
        ]
        return both[1] / both[0] if both[0] > 0 else 1.0


def factors_of(part: Part, builder: Builder, rows: IntArray | slice) -> FloatArray:
    """Return what a part is multiplied with on some instances, [n, J]."""
    size = len(np.arange(builder.table.size)[rows])
    factors: FloatArray = np.array(np.broadcast_to(part.plan, (size, len(part.plan))))
    for name, each in part.where.items():
        of_label = each[builder.labels(name).codes[rows]]
        factors *= of_label[:, None] if of_label.ndim == 1 else of_label
    return factors


def inside(segment: str | None, period: str | None = None) -> str:
    """Return the end of a label: where a limit applies."""
    return "".join(f" in {place}" for place in (segment, period) if place is not None)


def counted(value: float, digits: int) -> str:
    """Format a number of instances: without decimals if it is whole."""
    return f"{value:,.0f}" if value == round(value) else number(value, digits)


def check_number(label: str, value: float, what: str) -> None:
    """Raise InputError unless a limit is finite and at least zero."""
    if not (math.isfinite(value) and value >= 0):
        raise InputError(f"The {label} is {value:g}; give {what}, finite and at least 0.")


def check_weight(label: str, table: PlanTable, segment: str | None) -> float:
    """Return how often the instances of a segment count together.

    Raises
    ------
    InputError
        If they have weight zero, so that there is no mean over them.
    """
    if segment is None:
        return table.total
    total = float(table.one_label("segment", segment) @ table.weight_of("segment"))
    if total == 0:
        raise InputError(f"The {label} covers only instances of weight zero.")
    return total
