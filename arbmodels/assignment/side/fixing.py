"""What is left of a program when its integer side columns are fixed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from arbmodels.assignment.answer import Answer
from arbmodels.assignment.program import AssignmentProgram, Side
from arbmodels.assignment.side.openings import Gates
from arbmodels.assignment.source import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Fixed:
    """A program without integer side columns, and how its answer reads in the one with them.

    Attributes
    ----------
    program : AssignmentProgram
        Closed plans are forbidden, limits moved; continuous side columns stay.
    rows : int array
        Coupling rows that are left; the others only bind what is fixed.
    side : float array [E]
        The fixed columns; zero elsewhere.
    free : int array
        Side columns that are left.
    own : float
        Objective of the fixed columns.
    """

    program: AssignmentProgram
    rows: IntArray
    side: FloatArray
    free: IntArray
    own: float

    def side_of(self, answer: Answer) -> FloatArray:
        """Return all side columns, [E]."""
        side = self.side.copy()
        side[self.free] = answer.side
        return side

    def prices_of(self, answer_prices: FloatArray, count: int) -> FloatArray:
        """Return the prices of all R rows."""
        prices = np.zeros(count)
        prices[self.rows] = answer_prices
        return prices


def fix(program: AssignmentProgram, side: Side, gates: Gates, point: FloatArray) -> Fixed:
    """Fix the integer side columns at those of a point [E]."""
    free = np.flatnonzero(~side.integer)
    fixed = np.where(side.integer, point, 0.0)
    closed = np.broadcast_to(gates.closed(fixed), program.objective.shape[1:])
    forbidden = closed if program.forbidden is None else program.forbidden | closed
    kept = program.rows.any(axis=(1, 2, 3)) | side.coupling[:, free].any(axis=1)
    rows = np.flatnonzero(kept)
    left = replace(
        program,
        rows=program.rows[rows],
        sense=program.sense[rows],
        limits=(program.limits - side.coupling @ fixed)[rows],
        forbidden=np.array(forbidden),
        side=_left(side, free, rows, fixed) if len(free) else None,
    )
    return Fixed(left, rows, fixed, free, float(side.objective @ fixed))


def _left(side: Side, free: IntArray, rows: IntArray, fixed: FloatArray) -> Side:
    matrix = side.matrix[:, free]
    inside = np.flatnonzero(np.abs(matrix.toarray()).max(axis=1, initial=0.0))
    beside = side.matrix @ fixed
    return Side(
        tuple(side.names[e] for e in free),
        side.objective[free],
        side.coupling[rows][:, free],
        side.lower[free],
        side.upper[free],
        side.integer[free],
        side.needs[:, free],
        matrix[inside],
        (side.row_lower - beside)[inside],
        (side.row_upper - beside)[inside],
    )
