"""The assignment program: one plan for every group, coupling rows, a few columns beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from arbmodels.assignment.source import Arrays, Block, BoolArray, FloatArray, IntArray, Source

#: A coupling row holds if it is violated by no more than this share of its largest coefficient.
FEASIBILITY_TOLERANCE = 1e-8


@dataclass(frozen=True, eq=False)
class Side:
    r"""Columns y beside the assignment: fees, tiers, models in use, the worst segment.

    .. math::
        l \le A y \le u, \quad y_l \le y \le y_u, \quad y_e \in \mathbb{Z} \; (e \in I), \quad
        x_{gj} \le y_e \text{ if plan j needs e}

    Parameters
    ----------
    names : tuple of str, length E
    objective : float array [E]
        Coefficients in the objective.
    coupling : float array [R, E]
        Coefficients in the coupling rows.
    lower, upper : float array [E]
        Finite where the column is an integer.
    integer : bool array [E]
    needs : bool array [J, E]
        Plan j may serve a group only if y_e = 1 for every e it needs; only of binary columns.
    matrix : sparse array [S, E]
        A, rows over the side columns alone.
    row_lower, row_upper : float array [S]
        l and u.
    """

    names: tuple[str, ...]
    objective: FloatArray
    coupling: FloatArray
    lower: FloatArray
    upper: FloatArray
    integer: BoolArray
    needs: BoolArray
    matrix: sparse.csr_array
    row_lower: FloatArray
    row_upper: FloatArray


@dataclass(frozen=True, eq=False)
class AssignmentProgram:
    r"""One plan for every group of instances, subject to coupling rows.

    .. math::
        \max \text{ or } \min \sum_g w_g \sum_j o_{gj} x_{gj} + d^\top y \quad \text{s.t.} \quad
        \sum_j x_{gj} = 1, \quad
        \sigma_r \Big( \sum_g w_g \sum_j a_{rgj} x_{gj} + B_r y \Big) \le \sigma_r b_r, \quad
        x \in \{0, 1\}

    Objective and rows are combinations of K quantities (solve probability, spend, ...) with
    coefficients that depend on the plan and on the class c(g) of the group (its segment, say):

    .. math::
        o_{gj} = O_{0 c(g) j} + \sum_{k \ge 1} O_{k c(g) j} Q_{k g j}, \qquad
        a_{rgj} = F_{r 0 c(g) j} + \sum_{k \ge 1} F_{r k c(g) j} Q_{k g j}

    so that a million groups need no array per row.

    Parameters
    ----------
    source : Source
        Q, c, w and which plans are offered.
    objective : float array [K + 1, C, J]
        O; index 0 multiplies one.
    rows : float array [R, K + 1, C, J]
        F.
    sense : float array [R]
        sigma, +1 for at most and -1 for at least.
    limits : float array [R]
        b.
    maximise : bool
    forbidden : bool array [C, J], optional
        Plans that no group of a class may have.
    side : Side, optional
        Columns y.
    """

    source: Source
    objective: FloatArray
    rows: FloatArray
    sense: FloatArray
    limits: FloatArray
    maximise: bool
    forbidden: BoolArray | None = None
    side: Side | None = None

    @property
    def groups(self) -> int:
        """G."""
        return self.source.groups

    @property
    def plans(self) -> int:
        """J."""
        return int(self.objective.shape[2])

    @property
    def sign(self) -> float:
        """+1 when maximising, -1 when minimising: the objective times this is maximised."""
        return 1.0 if self.maximise else -1.0

    def with_rows(self, kept: npt.ArrayLike) -> AssignmentProgram:
        """Return the program with some of its coupling rows only."""
        kept = np.asarray(kept, dtype=np.int64)
        side = self.side
        if side is not None:
            side = replace(side, coupling=side.coupling[kept])
        return replace(
            self,
            rows=self.rows[kept],
            sense=self.sense[kept],
            limits=self.limits[kept],
            side=side,
        )

    def part(self, groups: IntArray) -> AssignmentProgram:
        """Return the program of some groups (increasing positions), with the same limits."""
        return replace(self, source=Arrays(self.source.take(groups)))

    def table(self, prices: FloatArray) -> FloatArray:
        r"""Return the coefficients of the priced objective, [K + 1, C, J], to be maximised.

        :math:`\pm O - \sum_r \pi_r \sigma_r F_r`, minus infinity where forbidden.
        """
        table: FloatArray = self.sign * self.objective - np.tensordot(
            prices * self.sense, self.rows, axes=1
        )
        if self.forbidden is not None:
            table[0][self.forbidden] = -np.inf
        return table

    def value_of(self, totals: FloatArray, side: FloatArray | None = None) -> float:
        """Return the objective of an assignment with these totals (see ``passes.totals``)."""
        value = float((self.objective * totals).sum())
        if self.side is None or side is None:
            return value
        return value + float(self.side.objective @ side)

    def activity_of(self, totals: FloatArray, side: FloatArray | None = None) -> FloatArray:
        """Return the left-hand sides of the coupling rows at these totals, [R]."""
        activity: FloatArray = (self.rows * totals).sum(axis=(1, 2, 3))
        if self.side is None or side is None:
            return activity
        return activity + self.side.coupling @ side


def dense(block: Block, table: FloatArray) -> FloatArray:
    """Return sum_k table[k, c(g), j] Q_k[g, j] of a block, [g, J], without its weights.

    Pairs that are not offered are NaN or have what their quantities give; mask them.
    """
    classes = np.zeros(1, dtype=np.int64) if block.classes is None else block.classes
    shape = (block.size, table.shape[2])
    result: FloatArray = np.array(np.broadcast_to(table[0][classes], shape), dtype=np.float64)
    for k, quantity in enumerate(block.quantities, start=1):
        if table[k].any():
            result[:, : block.width] += table[k, :, : block.width][classes] * quantity
    return result


def offered(block: Block, plans: int, forbidden: BoolArray | None) -> BoolArray:
    """Return which of J plans the groups of a block may choose, [g, J]."""
    allowed = np.ones((block.size, plans), dtype=bool)
    if block.offered is not None:
        allowed[:, : block.width] = block.offered
    if forbidden is not None:
        classes = np.zeros(1, dtype=np.int64) if block.classes is None else block.classes
        allowed &= ~forbidden[classes]
    return allowed
