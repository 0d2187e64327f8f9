"""What objectives, contracts and constraints say they need, collected into one program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from arbmodels.assignment.passes import best
from arbmodels.assignment.source import BoolArray, Quantity
from arbmodels.errors import InputError
from arbmodels.routing.assembled import Assembled, assemble
from arbmodels.routing.partitions import Labels
from arbmodels.routing.parts import Parts, Where
from arbmodels.routing.table import PlanTable


@dataclass(frozen=True, eq=False)
class Row:
    """A coupling row: parts and side columns, at most or at least a limit.

    Attributes
    ----------
    label : str
        The constraint's; unique.
    parts : tuple of Part
    at_most : bool
    limit : float
    columns : mapping
        Side column -> coefficient.
    share : float or None
        If given, the row says parts <= share * whole (and ``limit`` is zero): results show the
        share.
    whole : tuple of Part
    weighted : bool
        Whether an instance counts by its weight; else every instance counts once.
    deviation : tuple of Part
        How far each instance may deviate from its part, and ``gamma`` how many do at once; the row
        holds at worst.
    """

    label: str
    parts: Parts
    at_most: bool
    limit: float
    columns: Mapping[str, float]
    share: float | None = None
    whole: Parts = ()
    weighted: bool = True
    deviation: Parts = ()
    gamma: float = 0.0


@dataclass(frozen=True, eq=False)
class Column:
    """A side column; ``needs`` marks the plans [J] that may be used only if it is one."""

    lower: float
    upper: float
    integer: bool
    needs: BoolArray | None


class Builder:
    """Collects rows, side columns and forbidden pairs; :meth:`assemble` makes the program.

    Parameters
    ----------
    table : PlanTable
    assignment : str
        "oracle", "per-segment" or "single".
    """

    def __init__(self, table: PlanTable, assignment: str) -> None:
        self.table = table
        self.assignment = assignment
        self.maximise = True
        self.objective: Parts = ()
        self.rows: list[Row] = []
        self.columns: dict[str, Column] = {}
        self.gains: dict[str, float] = {}
        self.beside: list[tuple[Mapping[str, float], float, float]] = []
        self.forbidden: list[tuple[BoolArray, Where]] = []
        self.masks: list[BoolArray] = []
        self.arrays: dict[str, Quantity] = {}
        self.partitions: dict[str, Labels] = {}
        #: Contract -> the models it covers [M], and its payment as a combination of side columns.
        self.payments: dict[str, tuple[BoolArray, Mapping[str, float]]] = {}

    @property
    def mean(self) -> float:
        """Return what turns a sum over the instances into their weighted mean."""
        return 1.0 / self.table.size

    def row(
        self,
        label: str,
        parts: Parts,
        limit: float,
        *,
        at_most: bool,
        columns: Mapping[str, float] | None = None,
        share: float | None = None,
        whole: Parts = (),
        weighted: bool = True,
        deviation: Parts = (),
        gamma: float = 0.0,
    ) -> None:
        """Add a coupling row; see :class:`Row`."""
        self.rows.append(
            Row(
                label,
                parts,
                at_most,
                limit,
                columns or {},
                share,
                whole,
                weighted,
                deviation,
                gamma,
            )
        )

    def column(
        self,
        name: str,
        lower: float,
        upper: float,
        *,
        integer: bool = False,
        needs: BoolArray | None = None,
        gain: float = 0.0,
    ) -> None:
        """Add a side column, with its coefficient in the objective."""
        self.columns[name] = Column(lower, upper, integer, needs)
        self.gain({name: gain})

    def gain(self, columns: Mapping[str, float]) -> None:
        """Add to the side columns' coefficients in the objective."""
        for name, value in columns.items():
            self.gains[name] = self.gains.get(name, 0.0) + value

    def side_row(self, columns: Mapping[str, float], lower: float, upper: float) -> None:
        """Bound a combination of side columns."""
        self.beside.append((columns, lower, upper))

    def forbid(self, plans: BoolArray, where: Where) -> None:
        """Forbid plans [J] to the instances where the factors are not zero."""
        self.forbidden.append((plans, where))

    def mask(self, allowed: BoolArray) -> None:
        """Allow some pairs only, [N, J']."""
        self.masks.append(allowed)

    def quantity(self, name: str, values: Quantity) -> None:
        """Add an array [N, J'] that parts may name."""
        self.arrays[name] = values

    def partition(self, name: str, labels: Labels) -> None:
        """Add a partition of the instances that parts may name."""
        self.partitions[name] = labels

    def labels(self, partition: str) -> Labels:
        """Return a partition, an added one or one of the table's."""
        return self.partitions.get(partition) or self.table.labels(partition)

    def paid(
        self, models: BoolArray, where: Where, what: str
    ) -> tuple[BoolArray, dict[str, float]]:
        """Split some models [M] into those paid at list prices and the payments of contracts.

        Parameters
        ----------
        models : bool array [M]
        where : mapping
            Factors of the scope; a payment has none.
        what : str
            What the money is counted for, for messages.

        Returns
        -------
        listed : bool array [M]
        payments : dict
            Side column -> coefficient.

        Raises
        ------
        InputError
            If a payment counts only in part: for one of a contract's models, or in one segment or
            period.
        """
        listed, columns = models.copy(), dict[str, float]()
        for name, (covered, payment) in self.payments.items():
            if not (covered & models).any():
                continue
            if where or (covered & ~models).any():
                place = "a segment or period" if where else "one of its models"
                raise InputError(
                    f"The {what} would have to say how much of the payment of the contract with"
                    f" {name} is due to {place}; a fee and tiers are paid for all of it. Limit"
                    " the total, that provider's attempts, or the spend at list prices"
                    " (list_prices=True)."
                )
            listed &= ~covered
            for column, value in payment.items():
                columns[column] = columns.get(column, 0.0) + value
        return listed, columns

    def array(self, name: str) -> Quantity:
        """Return a quantity by name, [N, J']."""
        return self.arrays[name] if name in self.arrays else self.table.quantity(name)

    def assemble(self) -> Assembled:
        """Return the program with its names."""
        return assemble(self)

    def most(self, parts: Parts) -> float:
        """Return the largest value of an expression over all assignments allowed so far."""
        alone = Builder(self.table, self.assignment)
        alone.objective, alone.forbidden, alone.masks = parts, self.forbidden, self.masks
        alone.arrays, alone.partitions = self.arrays, self.partitions
        assembled = alone.assemble()
        if assembled.barren is not None:
            return 0.0  # solving will say so
        return best(assembled.program, np.zeros(0)).value
