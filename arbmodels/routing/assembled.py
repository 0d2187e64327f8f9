"""From collected rows and columns to an assignment program on plain arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from arbmodels.assignment.aggregate import aggregate
from arbmodels.assignment.program import (
    AssignmentProgram,
    Deviations,
    Members,
    Side,
    offered,
)
from arbmodels.assignment.source import (
    Arrays,
    Block,
    BoolArray,
    FloatArray,
    IntArray,
    Quantity,
)
from arbmodels.routing.parts import ONE, Part, Parts, scaled

if TYPE_CHECKING:
    from arbmodels.routing.builder import Builder, Row


@dataclass(frozen=True, eq=False)
class Assembled:
    """A program with the names of what is in it.

    Attributes
    ----------
    program : AssignmentProgram
        Groups are those of the assignment.
    rows : tuple of Row
        Coupling rows, in the program's order.
    columns : tuple of str
        Side columns, in the program's order.
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
    classes, labels, count = _classes(builder, list(dict.fromkeys(used)))
    names = [name for name in dict.fromkeys(part.quantity for part in parts) if name != ONE]
    names = sorted(names, key=lambda name: {"solve": 0, "spend": 1}.get(name, 2)) or ["solve"]
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
    known = [] if table.offered is None else [table.offered]
    masks = [*known, *builder.masks]
    allowed = reduce(np.logical_and, masks) if masks else None
    quantities = tuple(
        negative[name] if name in negative else builder.array(name) for name in names
    )
    block = Block(0, quantities, classes, table.weights, allowed)
    program = AssignmentProgram(
        Arrays(block),
        written(builder.objective),
        np.array(every).reshape(-1, *shape),
        np.array([1.0 if row.at_most else -1.0 for row in rows] + behind),
        np.array([row.limit for row in rows] + behind, dtype=float),
        builder.maximise,
        forbidden,
    )
    instances = program.source
    groups = table.groups(builder.assignment)
    counted = [not row.weighted for row in rows]
    of_instance = np.arange(table.size) if groups.of_instance is None else groups.of_instance
    if groups.of_instance is not None or (any(counted) and table.weights is not None):
        program = aggregate(program, of_instance, len(groups.names), [*counted, *map(bool, behind)])
    wholes = np.zeros((len(rows), *program.rows.shape[1:]))
    wholes[sharing] = program.rows[len(rows) :]
    program = replace(program.with_rows(np.arange(len(rows))), side=_side(builder, rows))
    if sharing:
        taken = np.array([row.share or 0.0 for row in rows])[:, None, None, None] * wholes
        program = replace(program, sizes=np.abs(program.rows + taken) + np.abs(taken))
    for r, row in enumerate(rows):
        if row.deviation:
            together = program.source is not instances
            members = Members(instances, of_instance) if together else None
            spread = Deviations(r, row.gamma, written(row.deviation), members)
            program = replace(program, protected=spread)
    return Assembled(program, rows, tuple(builder.columns), wholes, _barren(program))


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


def _side(builder: Builder, rows: Sequence[Row]) -> Side | None:
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
    return Side(
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


def _barren(program: AssignmentProgram) -> int | None:
    """Return the first group without a plan."""
    block = program.source.map(lambda each: each)[0]
    always = np.ones(program.plans, dtype=bool)
    if block.offered is not None:
        always[: block.width] = False
    if program.forbidden is not None:
        always &= ~program.forbidden.any(axis=0)
    if always.any():
        return None
    for first in program.source.map(_first_barren, program.plans, program.forbidden):
        if first is not None:
            return int(first)
    return None


def _first_barren(block: Block, plans: int, forbidden: BoolArray | None) -> int | None:
    none = np.flatnonzero(~offered(block, plans, forbidden).any(axis=1))
    return block.start + int(none[0]) if len(none) else None
