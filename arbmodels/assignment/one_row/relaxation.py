"""The linear relaxation of a program with one row, solved by its breakpoints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arbmodels.assignment.one_row.bracket import bracket, shortened
from arbmodels.assignment.one_row.envelope import Line, Rows, vertex, walk, with_rounding
from arbmodels.assignment.passes import CHUNK, Choice, best_of, extras, padded, pair, totals_of
from arbmodels.assignment.program import AssignmentProgram
from arbmodels.assignment.source import Block, FloatArray, IntArray

#: Rounding in the Lagrangian, relative to the sum of its terms' sizes.
BOUND_ROUNDING = 1e-15


@dataclass(frozen=True, eq=False)
class Relaxed:
    """Price, bound and an assignment that satisfies the row; oriented to be maximised.

    Attributes
    ----------
    line : Line
    price : float
    choice : int array [G]
        Best plans at the price.
    totals : float array [K + 1, C, J]
        Of ``choice``.
    worth, bound : float
        Value of ``choice``, and the Lagrangian over all groups at the price, with what its sums may
        have lost to rounding.
    slack, left : float
        Of the row at ``choice``: not negative, and with what rounding may add.
    positions : int array [U]
        Groups that were written out, in ``rows``; all that the bracket did not settle.
    exact : bool
        Whether ``choice`` is best at the price for all groups, not for nearly all.
    """

    line: Line
    price: float
    choice: Choice
    totals: FloatArray
    worth: float
    bound: float
    slack: float
    left: float
    positions: IntArray
    rows: Rows
    exact: bool

    @property
    def table(self) -> FloatArray:
        """Coefficients of the priced objective, [K + 1, C, J]."""
        return self.line.table(self.price)


def relax(program: AssignmentProgram) -> Relaxed | None:
    """Solve the relaxation; None if no assignment satisfies the row."""
    line = Line.of(program)
    wide = bracket(program, line)
    if wide is None:
        return None
    ends = shortened(program, line, wide)
    positions = np.arange(program.groups) if ends.positions is None else ends.positions
    if len(positions):
        rows = Rows.of(line, program.source.take(positions))
    else:
        rows = Rows(*np.zeros((2, 0, program.plans)))
    found = vertex(rows, walk(rows, ends.low, ends.high), ends.allowed - ends.settled)
    if found is None:
        if np.isinf(ends.high):
            return None
        # Rounding moved the last breakpoint beyond the end of the bracket, where the row holds.
        found = ends.high, ends.to
    price, moved = found
    choice = ends.choice
    choice[positions] = moved
    parts = program.source.map(_check, line.table(price), choice)
    value = sum(part[0] for part in parts)
    totals = np.sum([part[1] for part in parts], axis=0)
    if value == -np.inf:
        return None  # a group has no plan
    used = line.activity(totals)
    size = float(np.abs(line.row * totals).sum())
    terms = np.abs(program.objective * totals).sum() + price * (size + abs(line.limit))
    return Relaxed(
        line,
        price,
        choice,
        totals,
        program.sign * program.value_of(totals),
        float(value + price * line.limit + BOUND_ROUNDING * terms),
        max(line.limit - used, 0.0),
        max(with_rounding(line.limit, size) - used, 0.0),
        positions,
        rows,
        ends is wide,
    )


def _check(block: Block, table: FloatArray, choice: Choice) -> tuple[float, FloatArray]:
    """Return what the best plans of a block are worth, and the totals of an assignment."""
    mine = choice[block.start : block.start + block.size]
    quick = pair(block)
    if quick is None:
        return best_of(block, table).value, totals_of(block, mine, table.shape)
    from arbmodels.assignment.one_row import kernels

    sums = np.zeros((3, *table.shape[1:]))
    chunk = max(CHUNK, sums.size)
    mine = np.ascontiguousarray(mine)
    first, second = quick
    classes, weights, offered = extras(block)
    value = kernels.best_and_chosen(
        first, second, padded(table), classes, weights, offered, chunk, mine, sums
    )
    return value, sums[: len(table)]
