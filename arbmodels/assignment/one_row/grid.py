"""Objectives whose values lie on a grid: recorded successes, whole numbers, equal values.

If what any group gains from any change of plan is a multiple of u, so is the distance between any
two assignments, and a bound less than u above one of them proves it optimal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arbmodels.assignment.one_row.envelope import Line, Rows
from arbmodels.assignment.program import AssignmentProgram
from arbmodels.assignment.source import Block, FloatArray

#: Distances from the grid up to this, relative to the largest gain, are rounding.
ROUNDING = 1e-12
#: Finer grids, relative to the largest gain, are not looked for.
FINEST = 1e-4
#: Groups that suggest the grid, and groups written out at a time to confirm it.
FEW, CHUNK = 200, 1 << 13


@dataclass(frozen=True, eq=False)
class Grid:
    """A unit that some groups suggest.

    Attributes
    ----------
    unit : float
        u, zero if there is none.
    """

    unit: float

    @classmethod
    def suggested(cls, rows: Rows) -> Grid:
        """Return the greatest common unit of the gains of a few groups."""
        gains = np.sort(_gains(rows)[:FEW].ravel())
        gains = gains[np.isfinite(gains) & (gains > 0.0)]
        if not len(gains):
            return cls(0.0)
        largest, step = float(gains[-1]), float(gains[-1])
        for gain in gains[np.append(True, np.diff(gains) > ROUNDING * largest)]:
            # Euclid's algorithm, to rounding.
            rest = float(gain)
            while rest > 1e3 * ROUNDING * largest:
                step, rest = rest, abs(step - rest * round(step / rest))
            if step < FINEST * largest:
                return cls(0.0)
        return cls(largest / round(largest / step))

    def confirmed(self, program: AssignmentProgram, line: Line) -> Grid:
        """Return the grid if it is that of all groups, one pass over them, or none."""
        fits = self.unit > 0.0 and all(program.source.map(_fits, line, self.unit))
        return self if fits else Grid(0.0)

    def down(self, distance: float) -> float:
        """Round the distance of a bound from an assignment down to the grid."""
        if self.unit == 0.0:
            return distance
        return min(distance, self.unit * float(np.floor(distance / self.unit + 1e-6)))


def _gains(rows: Rows) -> FloatArray:
    """Return what each group's plans are worth less than its best; infinite if not offered."""
    gains: FloatArray = rows.value.max(axis=1, keepdims=True, initial=-np.inf) - rows.value
    return gains


def _fits(block: Block, line: Line, unit: float) -> bool:
    """Return whether all gains of a block are multiples of the unit."""
    for start in range(0, block.size, CHUNK):
        gains = _gains(Rows.of(line, block.take(slice(start, start + CHUNK))))
        multiples = gains[np.isfinite(gains)] / unit
        off = np.abs(multiples - np.rint(multiples))
        if (off > ROUNDING * np.maximum(multiples, 1.0 / FINEST)).any():
            return False
    return True
