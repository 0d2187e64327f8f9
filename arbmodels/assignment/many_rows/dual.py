r"""The Lagrangian dual of an assignment program with several coupling rows.

For prices :math:`\pi \ge 0` of the rows, oriented so that everything is maximised,

.. math:: L(\pi) = \sum_g w_g \max_j \Big(\pm o_{gj} - \sum_r \pi_r \sigma_r a_{rgj}\Big)
          + S(\pi) + \sum_r \pi_r \sigma_r b_r

bounds every assignment from above; S is the side columns' part. It is convex and piecewise linear,
and its least value is that of the linear relaxation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arbmodels.assignment import passes
from arbmodels.assignment.many_rows.side_part import SidePart
from arbmodels.assignment.passes import Best
from arbmodels.assignment.program import AssignmentProgram
from arbmodels.assignment.source import Block, BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Point:
    """The dual function at one set of prices.

    Attributes
    ----------
    prices : float array [R]
    value : float
        L; no assignment is worth more.
    best : Best
        Best plans at the prices.
    slack : float array [R]
        What these plans leave of every row, oriented to "at most"; negative where violated. The
        side columns use nothing of it yet.
    side_value : float
        S; infinite where the prices do not bound the side columns.
    groups_value : float
        L without S.
    size : float
        Sum of the parts of L in absolute value: what rounding is relative to.
    """

    prices: FloatArray
    value: float
    best: Best
    slack: FloatArray
    side_value: float
    groups_value: float
    size: float


class Dual:
    """The dual function of a program.

    Parameters
    ----------
    program : AssignmentProgram
        Without integer side columns.
    """

    def __init__(self, program: AssignmentProgram) -> None:
        self.program = program
        self.side = SidePart(program)
        #: Rows oriented to "at most", [R, K + 1, C, J].
        self.oriented: FloatArray = program.sense[:, None, None, None] * program.rows
        #: Which plans of which class have coefficients in a row, [R, C, J].
        self.uses: BoolArray = np.array(program.rows.any(axis=1), dtype=np.bool_)
        self._weights: tuple[FloatArray | None] | None = None
        self._classes: tuple[IntArray | None] | None = None

    @property
    def weights(self) -> FloatArray | None:
        """Weights of all groups; None if all are one."""
        if self._weights is None:
            parts = self.program.source.map(_weights)
            given = [part for part in parts if part is not None]
            self._weights = (np.concatenate(given) if len(given) == len(parts) else None,)
        return self._weights[0]

    @property
    def classes(self) -> IntArray | None:
        """Classes of all groups; None if all are zero."""
        if self._classes is None:
            parts = self.program.source.map(_classes)
            given = [part for part in parts if part is not None]
            self._classes = (np.concatenate(given) if len(given) == len(parts) else None,)
        return self._classes[0]

    def at(self, prices: FloatArray) -> Point:
        """Make one pass."""
        program = self.program
        best = passes.best(program, prices)
        own = self.side.best(prices)[0]
        slack = program.sense * (program.limits - program.activity_of(best.totals))
        paid = prices * program.sense * program.limits
        value = best.value + float(paid.sum())
        size = abs(best.value) + float(np.abs(paid).sum())
        return Point(prices, value + own, best, slack, own, value, size)

    def leads(self, point: Point) -> FloatArray:
        """Return what every group loses by its cheapest move, [G]; infinite where none matters."""
        if self.weights is None:
            return point.best.lead
        leads = np.full(len(self.weights), np.inf)
        np.multiply(point.best.lead, self.weights, out=leads, where=self.weights > 0)
        return leads


def coefficients(
    block: Block, tables: FloatArray, group: IntArray, plan: npt.NDArray[np.integer]
) -> FloatArray:
    """Return weighted coefficients of pairs in several tables [T, K + 1, C, J]; [P, T].

    ``group`` is a position in the block.
    """
    classes = np.zeros(1, np.int64) if block.classes is None else np.asarray(block.classes)
    of = classes[group] if block.classes is not None else np.zeros(len(group), np.int64)
    result: FloatArray = tables[:, 0, of, plan].T.copy()
    wide = plan < block.width
    inside = np.where(wide, plan, 0)
    for k, quantity in enumerate(block.quantities, start=1):
        factor = tables[:, k, of, plan].T
        if factor.any():
            amounts = np.where(wide, quantity[group, inside], 0.0).astype(np.float64)
            result += factor * amounts[:, None]
    if block.weights is not None:
        result *= np.asarray(block.weights, dtype=np.float64)[group][:, None]
    return result


def _weights(block: Block) -> FloatArray | None:
    return None if block.weights is None else np.asarray(block.weights, dtype=np.float64)


def _classes(block: Block) -> IntArray | None:
    return None if block.classes is None else np.asarray(block.classes)
