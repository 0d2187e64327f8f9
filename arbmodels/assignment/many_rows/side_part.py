"""The side columns' part of the Lagrangian: a small linear program at every set of prices."""

from __future__ import annotations

import numpy as np

from arbmodels.assignment.program import AssignmentProgram
from arbmodels.assignment.source import FloatArray
from arbmodels.solver import Program, solve

#: HiGHS takes reduced costs below this share of their terms for zero.
_ZERO = 1e-9
#: Prices are found to this share, so a cost below it is none.
_ROUNDING = 1e-9


class SidePart:
    r"""The largest value of continuous side columns at given prices.

    .. math:: S(\pi) = \max_y \Big\{ \Big(\pm d - \sum_r \pi_r \sigma_r B_r\Big)^\top y :\;
              l \le A y \le u, \; y_l \le y \le y_u \Big\}

    Parameters
    ----------
    program : AssignmentProgram
        Without integer side columns.
    """

    def __init__(self, program: AssignmentProgram) -> None:
        self._side = side = program.side
        rows = len(program.limits)
        self.objective = np.zeros(0) if side is None else program.sign * side.objective
        #: Coefficients in the coupling rows, oriented to "at most", [R, E].
        self.coupling = (
            np.zeros((rows, 0)) if side is None else program.sense[:, None] * side.coupling
        )

    @property
    def columns(self) -> int:
        """E."""
        return len(self.objective)

    def cost(self, prices: FloatArray) -> FloatArray:
        """Return the priced objective of the columns, [E]."""
        cost: FloatArray = self.objective - prices @ self.coupling
        return cost

    def best(self, prices: FloatArray) -> tuple[float, FloatArray]:
        """Return the largest value and columns [E] that attain it.

        The value is evaluated from the dual solution, so nothing exceeds it, whatever tolerance the
        columns were found with. Infinite if unbounded; minus infinity if no columns are allowed.
        """
        side = self._side
        if side is None:
            return 0.0, np.zeros(0)
        cost = self.cost(prices)
        # What the terms of the sums are like, of which rounding is a share.
        terms = np.abs(self.objective) + np.abs(prices) @ np.abs(self.coupling)
        scale = float(terms.max(initial=0.0)) or 1.0
        found = solve(
            Program(
                np.where(np.abs(cost) <= _ROUNDING * terms, 0.0, cost) / scale,
                side.matrix,
                side.row_lower,
                side.row_upper,
                side.lower,
                side.upper,
                maximise=True,
            )
        )
        if found.status == "infeasible":
            return -np.inf, np.zeros(self.columns)
        if found.status != "optimal" or found.row_dual is None:
            return np.inf, np.zeros(self.columns)
        dual = found.row_dual * scale
        dual = np.where((dual > 0) & np.isinf(side.row_upper), 0.0, dual)
        dual = np.where((dual < 0) & np.isinf(side.row_lower), 0.0, dual)
        reduced = cost - side.matrix.T @ dual
        terms += np.abs(side.matrix).T @ np.abs(dual)
        ends = np.where(reduced > 0, side.upper, side.lower)
        # A reduced cost that is rounding cannot be paid for by an infinite bound.
        ends = np.where(np.isinf(ends) & (np.abs(reduced) <= 10 * _ZERO * terms), found.x, ends)
        if not np.isfinite(ends[reduced != 0]).all():
            return np.inf, found.x
        rows = np.where(dual > 0, side.row_upper, side.row_lower)
        value = float(dual[dual != 0] @ rows[dual != 0])
        return value + float(reduced[reduced != 0] @ ends[reduced != 0]), found.x
