r"""The compact program of a protected row, by intervals of its threshold.

On :math:`z_1 \le z \le z_2` what is in excess of :math:`z_2` is certain and what is below
:math:`z_1` never counts, so the compact program tightens to

.. math::
    \sum_i w_i a_{i x(i)} + \max(w_i d_{i x(i)} - z_2, 0) + \Gamma z' + \sum_i q_i
    \le b - \Gamma z_1, \qquad
    \min(\max(w_i d_{i x(i)} - z_1, 0), z_2 - z_1) \le z' + q_i, \qquad z', q \ge 0.

Its linear relaxation is loose over all thresholds, and hardly so over a few: most intervals end by
their relaxation, the others in HiGHS once they are narrow (the strengthened formulations of Büsing,
Gersing, Koster 2023). Works with any rows and side columns; everything is written out.
"""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

import numpy as np

from arbmodels.assignment.answer import Answer
from arbmodels.assignment.program import AssignmentProgram
from arbmodels.assignment.robust.engine import Node, Search, Stopped
from arbmodels.assignment.source import FloatArray
from arbmodels.assignment.whole import relax_protected, solve_whole
from arbmodels.errors import SolverError

#: Thresholds of an interval that goes to HiGHS with whole numbers.
_FEW = 8


def solve_intervals(program: AssignmentProgram, gap: float, time_limit: float) -> Answer:
    """Return the best assignment that keeps a protected row; the whole program is written out.

    Parameters
    ----------
    program : AssignmentProgram
        With a protected row.
    gap : float
        Relative gap to prove.
    time_limit : float
        Seconds; then the best assignment so far.

    Raises
    ------
    SolverError
        If no assignment was found in time, or HiGHS fails.
    """
    deadline = perf_counter() + time_limit
    return _Intervals(program, gap, deadline, solve_whole).run().answer


class _Intervals(Search):
    """Nodes are bounded by their linear relaxation and, if narrow, closed by HiGHS."""

    def _climb(self) -> None:
        low, high = self._ends()
        self.open = [Node(-np.inf, low, high, np.zeros(0), 0)]
        root = self._relaxed(low, high)
        self.open = []
        if root is not None:
            self._closed(*[self._near(root[1])] * 2)  # an assignment to begin with
            self.open = [Node(-root[0], low, high, np.zeros(0), 0)]

    def _branch(self, node: Node) -> list[Node]:
        found = self._relaxed(node.low, node.high)
        if found is None:
            return []
        value, z = min(-node.key, found[0]), found[1]
        if value > self._enough():
            first, last = np.searchsorted(self.points, [node.low, node.high])
            if last - first >= _FEW:
                at = int(np.searchsorted(self.points, z, side="right")) - 1
                at = int(np.clip(at, first + _FEW // 2, last - 1 - _FEW // 2))
                middle, after = map(float, self.points[at : at + 2])
                parts = (node.low, middle), (after, node.high)
                return [Node(-value, low, high, node.prices, 0) for low, high in parts]
            value = min(value, self._closed(node.low, node.high))
        self.closed = max(self.closed, value)
        return []

    def _near(self, z: float) -> float:
        return float(self.points[np.abs(self.points - z).argmin()])

    def _part(self, low: float, high: float) -> AssignmentProgram:
        return replace(self.program, protected=replace(self.deviations, low=low, high=high))

    def _left(self) -> float:
        left = self.deadline - perf_counter()
        if left <= 0:
            raise Stopped("time limit")
        return left

    def _relaxed(self, low: float, high: float) -> tuple[float, float] | None:
        """Return the relaxation's oriented value and threshold; None if it is infeasible."""
        left = self._left()
        try:
            found = relax_protected(self._part(low, high), left)
        except SolverError:
            if perf_counter() < self.deadline:
                raise
            raise Stopped("time limit") from None
        return None if found is None else (self.program.sign * found[0], found[1])

    def _closed(self, low: float, high: float) -> float:
        """Solve an interval, keep its assignment if best, and return its oriented bound."""
        left, part, sought = self._left(), self._part(low, high), -np.inf
        if self.best is not None:  # only what is better than the best so far
            sought = self.value + 0.5 * self.gap * abs(self.value)
            part = _better(part, sought)
        try:
            answer = self.engine(part, self.gap / 2, left)
        except SolverError:
            if perf_counter() < self.deadline:
                raise
            raise Stopped("time limit") from None
        self.solves += 1
        if answer.choice is None:
            return sought
        self._consider(answer)
        if answer.status in ("time limit", "interrupted"):
            raise Stopped(answer.status)
        return max(sought, self.program.sign * answer.bound)


def _better(program: AssignmentProgram, worth: float) -> AssignmentProgram:
    """Return the program with a row that asks for an oriented objective."""
    side = program.side
    if side is not None:
        side = replace(side, coupling=np.vstack([side.coupling, side.objective]))
    limits: FloatArray = np.append(program.limits, program.sign * worth)
    return replace(
        program,
        rows=np.concatenate([program.rows, program.objective[None]]),
        sense=np.append(program.sense, -program.sign),
        limits=limits,
        side=side,
    )
