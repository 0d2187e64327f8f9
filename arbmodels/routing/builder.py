"""What objectives, contracts and constraints ask for, collected into one program.

They speak in linear expressions over the assignment: a few parts each, never an array per
constraint. A part is a quantity times a factor per plan times factors per label of some partitions.
What is spent on some models, say, is the quantity "spend" for plans that buy from these models
alone, and "spend on m" for plans that also buy from others. :func:`assemble` turns the collected
rows and columns into an assignment program on plain arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np
from scipy import sparse

from arbmodels._assignment.pricing import best
from arbmodels._assignment.program import (
    Arrays,
    AssignmentProgram,
    AuxiliaryVariables,
    Block,
    BoolArray,
    Deviations,
    FloatArray,
    IntArray,
    Members,
    Quantity,
    Source,
    aggregate,
    offered,
)
from arbmodels.display import Displayed, summary
from arbmodels.errors import InputError
from arbmodels.routing.table import Labels, PlanTable

#: The quantity that is one of everything.
ONE = ""


@dataclass(frozen=True, eq=False)
class Part:
    """sum_i times_i sum_j factor_j prod_p label_p(i) Q_ij x_ij.

    Attributes
    ----------
    quantity : str
        Name of Q, see :meth:`arbmodels.routing.table.PlanTable.quantity`; "" is one.
    plan : float array [J]
    where : mapping
        Partition -> factors of its labels, [L], or of labels and plans, [L, J].
    """

    quantity: str
    plan: FloatArray
    where: Mapping[str, FloatArray] = field(default_factory=dict)

    def __repr__(self) -> str:
        name = self.quantity or "one"
        return f"Part({name} x {summary(self.plan)}; {', '.join(self.where) or 'all instances'})"

    def times(self, factor: float) -> Part:
        """Return the part times a number."""
        return Part(self.quantity, factor * self.plan, self.where)


Parts = tuple[Part, ...]
Where = Mapping[str, FloatArray]


def scaled(parts: Parts, factor: float) -> Parts:
    """Return the parts times a number."""
    return tuple(part.times(factor) for part in parts)


def scope(table: PlanTable, segment: str | None = None, period: str | None = None) -> Where:
    """Return the factors that keep a segment and a period.

    Raises
    ------
    InputError
        If there is no such segment or period.
    """
    asked = {"segment": segment, "period": period}
    return {
        partition: table.one_label(partition, label)
        for partition, label in asked.items()
        if label is not None
    }


def solved(table: PlanTable, where: Where) -> Parts:
    """Return the expected number of instances solved."""
    return (Part("solve", np.ones(len(table.plans)), where),)


def spent(table: PlanTable, models: BoolArray, where: Where) -> Parts:
    """Return the spend on some models [M] at list prices."""
    return _on_models(table, "spend", np.ones(len(table.plans)), models, where)


def tried(table: PlanTable, models: BoolArray, where: Where) -> Parts:
    """Return the attempts of some models [M]."""
    if table.tried.ndim == 1:
        return _on_models(table, ONE, table.tried.astype(float), models, where)
    return _on_models(table, "attempts", np.ones(len(table.plans)), models, where)


def served(table: PlanTable, models: BoolArray, where: Where) -> Parts:
    """Return the number of instances whose plan buys from any of some models [M]."""
    return (Part(ONE, (table.uses & models).any(axis=1).astype(float), where),)


def waited(table: PlanTable, where: Where) -> Parts:
    """Return the seconds of all instances together."""
    if table.latency is not None and table.latency.ndim == 1:
        return (Part(ONE, table.latency.astype(float), where),)
    return (Part("latency", np.ones(len(table.plans)), where),)


def _on_models(
    table: PlanTable, quantity: str, factor: FloatArray, models: BoolArray, where: Where
) -> Parts:
    """Keep whole plans where all their models count, and one model's share where only some do."""
    within = (table.uses & models).any(axis=1)
    beyond = (table.uses & ~models).any(axis=1)
    parts = [Part(quantity, factor * (within & ~beyond), where)]
    mixed = within & beyond
    kind = "spend on" if quantity == "spend" else "attempts of"
    for m in np.flatnonzero((table.uses & models)[mixed].any(axis=0)):
        share = (mixed & table.uses[:, m]).astype(float)
        parts.append(Part(f"{kind} {table.models[m]}", share, where))
    return tuple(part for part in parts if part.plan.any())


@dataclass(frozen=True, eq=False, repr=False)
class Assembled(Displayed):
    """A program with the names of what is in it.

    Attributes
    ----------
    program : AssignmentProgram
        Groups are those of the assignment.
    rows : tuple of Row
        Coupling rows, in the program's order.
    columns : tuple of str
        Auxiliary variables, in the program's order.
    wholes : float array [R, K + 1, C, J]
        What the rows that limit a share take it of; zero for others.
    barren : int or None
        A group that no plan is left for, if there is one.
    """

    program: AssignmentProgram
    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    wholes: FloatArray
    barren: int | None

    def row(self, label: str) -> int:
        """Return the position of a coupling row."""
        return [row.label for row in self.rows].index(label)

    def shown(self, activity: FloatArray, totals: FloatArray) -> FloatArray:
        """Return left-hand sides in the unit of their limits: shares where shares are limited."""
        wholes = (self.wholes * totals).sum(axis=(1, 2, 3))
        shares = np.array([row.share or 0.0 for row in self.rows])
        limited = np.array([row.share is not None for row in self.rows], dtype=bool)
        divisor = np.where(wholes > 0, wholes, 1.0)
        share = np.where(wholes > 0, shares + activity / divisor, 0.0)
        shown: FloatArray = np.where(limited, share, activity)
        return shown


def assemble(builder: Builder) -> Assembled:
    """Turn what a builder collected into a program."""
    table = builder.table
    expressions = [builder.objective, *(row.parts for row in builder.rows)]
    expressions += [each for row in builder.rows for each in (row.whole, row.deviation)]
    negative = _negative(builder)
    parts = [part for expression in expressions for part in _signed(expression, negative)]
    used = [partition for part in parts for partition in part.where]
    used += [partition for _, where in builder.forbidden for partition in where]
    if table.stream is None:
        classes, labels, count = _classes(builder, list(dict.fromkeys(used)))
        names = [name for name in dict.fromkeys(part.quantity for part in parts) if name != ONE]
        names = sorted(names, key=lambda name: {"solve": 0, "spend": 1}.get(name, 2)) or ["solve"]
    else:
        _check_streamed(builder)
        labels = {name: np.arange(len(each.names)) for name, each in table.partitions.items()}
        count, names = max([1, *map(len, labels.values())]), ["solve", "spend"]
    shape = (len(names) + 1, count, len(table.plans))

    def written(expression: Parts) -> FloatArray:
        return _written(_signed(expression, negative), names, labels, shape)

    rows = tuple(builder.rows)
    # Shares of a total: its rows ride along at the end, so that they are summed like the others.
    sharing = [r for r, row in enumerate(rows) if row.share is not None]
    every = [written((*row.parts, *scaled(row.whole, -(row.share or 0.0)))) for row in rows] + [
        written(rows[r].whole) for r in sharing
    ]
    behind = [0.0] * len(sharing)
    forbidden = _forbidden(builder, labels, shape)
    if table.stream is None:
        arrays = [negative[name] if name in negative else builder.array(name) for name in names]
        known = [] if table.offered is None else [table.offered]
        masks = [*known, *builder.masks]
        allowed = reduce(np.logical_and, masks) if masks else None
        source: Source = Arrays(Block(0, tuple(arrays), classes, table.weights, allowed))
    else:
        source = table.stream
    program = AssignmentProgram(
        source,
        written(builder.objective),
        np.array(every).reshape(-1, *shape),
        np.array([1.0 if row.at_most else -1.0 for row in rows] + behind),
        np.array([row.limit for row in rows] + behind, dtype=float),
        builder.maximize,
        forbidden,
    )
    instances = program.source
    groups = table.groups(builder.assignment)
    counted = [not row.weighted for row in rows]
    of_instance = groups.of_instance
    if of_instance is not None or (any(counted) and table.weights is not None):
        of_instance = np.arange(table.size) if of_instance is None else of_instance
        program = aggregate(program, of_instance, len(groups.names), [*counted, *map(bool, behind)])
    wholes = np.zeros((len(rows), *program.rows.shape[1:]))
    wholes[sharing] = program.rows[len(rows) :]
    program = replace(program.with_rows(np.arange(len(rows))), auxiliary=_auxiliary(builder, rows))
    if sharing:
        taken = np.array([row.share or 0.0 for row in rows])[:, None, None, None] * wholes
        program = replace(program, sizes=np.abs(program.rows + taken) + np.abs(taken))
    for r, row in enumerate(rows):
        if row.deviation:
            together = program.source is not instances
            members = Members(instances, of_instance) if together else None  # type: ignore[arg-type]
            spread = Deviations(r, row.gamma, written(row.deviation), members)
            program = replace(program, protected=spread)
    return Assembled(program, rows, tuple(builder.columns), wholes, _barren(program, table))


def _check_streamed(builder: Builder) -> None:
    """Raise InputError if something needs numbers of single instances."""
    beside = [*builder.arrays, *builder.partitions, *["a mask of pairs"] * len(builder.masks)]
    beside += [row.label for row in builder.rows if row.deviation or not row.weighted]
    if beside:
        raise InputError(
            f"{builder.table.name}: a streamed problem has solve probability, spend and segment of"
            f" its instances, and no {beside[0]!r}. Leave out what needs it, or route in memory,"
            " from_arrays."
        )


def _negative(builder: Builder) -> dict[str, Quantity]:
    """Return arrays that have numbers of both signs as two: what is positive, and what is not.

    A program's quantities are not negative, so that coefficients tell the sizes of terms.
    """
    found: dict[str, Quantity] = {}
    for name, values in builder.arrays.items():
        array = np.asarray(values)
        if np.fmin.reduce(array, axis=None, initial=0.0) < 0:
            found[name], found[f"minus {name}"] = np.maximum(array, 0), np.maximum(-array, 0)
    return found


def _signed(expression: Parts, negative: Mapping[str, Quantity]) -> Parts:
    """Return an expression in quantities that are not negative."""
    parts: list[Part] = []
    for part in expression:
        parts.append(part)
        if part.quantity in negative:
            parts.append(Part(f"minus {part.quantity}", -part.plan, part.where))
    return tuple(parts)


def _classes(
    builder: Builder, partitions: Sequence[str]
) -> tuple[IntArray | None, dict[str, IntArray], int]:
    """Return class of each instance, label of each class per partition, and their number."""
    if not partitions:
        return None, {}, 1
    first = builder.labels(partitions[0])
    classes, count = first.codes, len(first.names)
    labels: dict[str, IntArray] = {partitions[0]: np.arange(count)}
    # One after the other: the product of many partitions is larger than any integer.
    for partition in partitions[1:]:
        each = builder.labels(partition)
        width = len(each.names)
        present, classes = _present(classes * np.int64(width) + each.codes, count * width)
        labels = {name: known[present // width] for name, known in labels.items()}
        labels[partition], count = present % width, len(present)
    return classes, labels, count


def _present(codes: IntArray, total: int) -> tuple[IntArray, IntArray]:
    """Return the codes below ``total`` that occur, and the position of each among them."""
    if total > len(codes):
        return np.unique(codes, return_inverse=True)
    present = np.flatnonzero(np.bincount(codes, minlength=total))  # quicker than sorting
    position = np.zeros(total, dtype=np.int64)
    position[present] = np.arange(len(present))
    return present, position[codes]


def _written(
    expression: Parts,
    names: Sequence[str],
    labels: Mapping[str, IntArray],
    shape: tuple[int, ...],
) -> FloatArray:
    """Return the coefficients of an expression, [K + 1, C, J]."""
    result = np.zeros(shape)
    position = {ONE: 0, **{name: k for k, name in enumerate(names, start=1)}}
    for part in expression:
        factor = np.broadcast_to(part.plan, shape[1:])
        for partition, each in part.where.items():
            of_class = each[labels[partition]]
            factor = factor * (of_class[:, None] if of_class.ndim == 1 else of_class)
        result[position[part.quantity]] += factor
    return result


def _forbidden(
    builder: Builder, labels: Mapping[str, IntArray], shape: tuple[int, ...]
) -> BoolArray | None:
    if not builder.forbidden:
        return None
    result = np.zeros(shape[1:], dtype=bool)
    for plans, where in builder.forbidden:
        inside = np.ones(shape[1], dtype=bool)
        for partition, each in where.items():
            inside &= each[labels[partition]] != 0
        result |= inside[:, None] & plans
    return result


def _auxiliary(builder: Builder, rows: Sequence[Row]) -> AuxiliaryVariables | None:
    if not builder.columns:
        return None
    names = list(builder.columns)
    place = {name: e for e, name in enumerate(names)}

    def dense(combinations: Sequence[Mapping[str, float]]) -> FloatArray:
        result = np.zeros((len(combinations), len(names)))
        for r, combination in enumerate(combinations):
            for name, value in combination.items():
                result[r, place[name]] += value
        return result

    columns = list(builder.columns.values())
    none = np.zeros(len(builder.table.plans), dtype=bool)
    return AuxiliaryVariables(
        names=tuple(names),
        objective=dense([builder.gains])[0],
        coupling=dense([row.columns for row in rows]),
        lower=np.array([each.lower for each in columns]),
        upper=np.array([each.upper for each in columns]),
        integer=np.array([each.integer for each in columns]),
        needs=np.stack([none if c.needs is None else c.needs for c in columns], axis=1),
        matrix=sparse.csr_array(dense([each[0] for each in builder.beside])),
        row_lower=np.array([each[1] for each in builder.beside], dtype=float),
        row_upper=np.array([each[2] for each in builder.beside], dtype=float),
    )


def _barren(program: AssignmentProgram, table: PlanTable) -> int | None:
    """Return the first group without a plan."""
    if table.stream is not None and program.forbidden is None:
        return None  # it was looked at when its table was made
    always = np.ones(program.plans, dtype=bool)
    always[: max(program.source.map(_masked))] = False
    if program.forbidden is not None:
        always &= ~program.forbidden.any(axis=0)
    if always.any():
        return None
    for first in program.source.map(_first_barren, program.plans, program.forbidden):
        if first is not None:
            return int(first)
    return None


def _masked(block: Block) -> int:
    """Return how many plans are not offered everywhere."""
    return 0 if block.offered is None else block.width


def _first_barren(block: Block, plans: int, forbidden: BoolArray | None) -> int | None:
    none = np.flatnonzero(~offered(block, plans, forbidden).any(axis=1))
    return block.start + int(none[0]) if len(none) else None


@dataclass(frozen=True, eq=False)
class Row:
    """A coupling row: parts and auxiliary variables, at most or at least a limit.

    Attributes
    ----------
    label : str
        The constraint's; unique.
    parts : tuple of Part
    at_most : bool
    limit : float
    columns : mapping
        Auxiliary variable -> coefficient.
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
    """An auxiliary variable; ``needs`` marks the plans [J] that may be used only if it is one."""

    lower: float
    upper: float
    integer: bool
    needs: BoolArray | None


class Builder:
    """Collects rows, auxiliary variables and forbidden pairs; :meth:`assemble` makes the program.

    Parameters
    ----------
    table : PlanTable
    assignment : str
        "oracle", "per-segment" or "single".
    """

    def __init__(self, table: PlanTable, assignment: str) -> None:
        self.table = table
        self.assignment = assignment
        self.maximize = True
        self.objective: Parts = ()
        self.rows: list[Row] = []
        self.columns: dict[str, Column] = {}
        self.gains: dict[str, float] = {}
        self.beside: list[tuple[Mapping[str, float], float, float]] = []
        self.forbidden: list[tuple[BoolArray, Where]] = []
        self.masks: list[BoolArray] = []
        self.arrays: dict[str, Quantity] = {}
        self.partitions: dict[str, Labels] = {}
        #: Contract -> the models it covers [M], and its payment as a combination of auxiliary
        #: variables.
        self.payments: dict[str, tuple[BoolArray, Mapping[str, float]]] = {}

    def __repr__(self) -> str:
        return (
            f"Builder for {self.assignment!r} assignments: {len(self.rows):,} rows,"
            f" {len(self.columns):,} columns beside the pairs"
        )

    @property
    def mean(self) -> float:
        """Return what turns a sum over the instances into their weighted mean."""
        return 1.0 / self.table.total

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
        """Add an auxiliary variable, with its coefficient in the objective."""
        self.columns[name] = Column(lower, upper, integer, needs)
        self.gain({name: gain})

    def gain(self, columns: Mapping[str, float]) -> None:
        """Add to the auxiliary variables' coefficients in the objective."""
        for name, value in columns.items():
            self.gains[name] = self.gains.get(name, 0.0) + value

    def side_row(self, columns: Mapping[str, float], lower: float, upper: float) -> None:
        """Bound a combination of auxiliary variables."""
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
            Auxiliary variable -> coefficient.

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
