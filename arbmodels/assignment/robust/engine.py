r"""Assignment with one coupling row that must hold when coefficients deviate, exactly.

For a fixed z the protected row (see :mod:`arbmodels.assignment.robust.protection`) is a plain one,

.. math::
    \sum_i w_i a_{i x(i)} + \sum_i \max(w_i d_{i x(i)} - z, 0) \le b - \Gamma z,

and the best z is zero or some :math:`w_i d_{ij}`. So the program is a choice among plain programs,
made by branch and bound over intervals :math:`[z_1, z_2]` of z. Two bounds hold on an interval:

* *Relaxation*: the plain program with excess :math:`\max(w d - z_2, 0)` and limit
  :math:`b - \Gamma z_1` admits every assignment that some z of the interval admits. One solve by
  the engine; exact when the interval is a point, or when its assignment keeps the true row.
* *Prices*: see :mod:`arbmodels.assignment.robust.bound`. One pass over the instances bounds the
  whole interval at given multipliers; wide intervals are closed by it.

Intervals as in Büsing, Gersing, Koster (2023), "A branch and bound algorithm for robust binary
optimization with budget uncertainty".
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from arbmodels.assignment.answer import Answer, Status
from arbmodels.assignment.many_rows.side_part import SidePart
from arbmodels.assignment.passes import Choice, totals
from arbmodels.assignment.program import AssignmentProgram, Deviations
from arbmodels.assignment.robust.bound import interval_bound
from arbmodels.assignment.robust.protection import (
    best_threshold,
    chosen_deviations,
    plain,
    protection,
    thresholds,
)
from arbmodels.assignment.source import FloatArray
from arbmodels.clock import clock
from arbmodels.errors import InputError, SolverError

Engine = Callable[[AssignmentProgram, float, float], Answer]

#: Up to so many pairs every possible z is listed, which proves optima without any gap.
_LISTED = 1 << 20
#: Steps of the first search, which improves z and the assignment in turn.
_STEPS = 12


@dataclass(frozen=True, eq=False)
class RobustAnswer:
    """An assignment that keeps the protected row, with its proof.

    Attributes
    ----------
    answer : Answer
        Its prices belong to the plain program at ``threshold``.
    threshold : float
        The z of the assignment.
    protection : float
        Sum of its gamma largest deviations; row activity plus this is at most the limit.
    solves : int
        How many plain programs were solved.
    """

    answer: Answer
    threshold: float
    protection: float
    solves: int


def solve_robust(
    program: AssignmentProgram,
    gap: float,
    time_limit: float,
    engine: Engine,
) -> RobustAnswer:
    """Return the best assignment that keeps a row whatever gamma of its coefficients do.

    Parameters
    ----------
    program : AssignmentProgram
        With a protected row. The other rows and the side columns stay.
    gap : float
        Relative gap to prove.
    time_limit : float
        Seconds; then the best assignment so far.
    engine : callable
        Solves a plain program to a gap in a time.

    Raises
    ------
    InputError
        If gamma or a deviation is negative or not finite, or the row does not say at most.
    SolverError
        If no assignment was found in time.
    """
    return Search(program, gap, clock() + time_limit, engine).run()


def checked(program: AssignmentProgram, deviations: Deviations) -> Deviations:
    """Return what a row is protected against; raise InputError if it cannot be meant."""
    gamma = deviations.gamma
    if not (math.isfinite(gamma) and gamma >= 0):
        raise InputError(f"gamma is {gamma:g}; give how many instances may deviate, at least 0.")
    if program.sense[deviations.row] < 0:
        raise InputError(f"Row {deviations.row} says at least; only an at-most row is protected.")
    return deviations


@dataclass(order=True)
class Node:
    """An interval of z; the most promising first."""

    key: float
    low: float = field(compare=False)
    high: float = field(compare=False)
    prices: FloatArray = field(compare=False)
    depth: int = field(compare=False)


class Stopped(Exception):  # noqa: N818
    """The time is over, or the user pressed Ctrl-C."""

    def __init__(self, status: Status) -> None:
        self.status = status


class Search:
    """Branch and bound over z. Values are oriented: larger is better."""

    def __init__(
        self,
        program: AssignmentProgram,
        gap: float,
        deadline: float,
        engine: Engine,
    ) -> None:
        assert program.protected is not None  # noqa: S101 - for the type checker
        deviations = checked(program, program.protected)
        program = replace(program, protected=None)
        self.program, self.deviations, self.gap = program, deviations, gap
        self.deadline, self.engine = deadline, engine
        self.best: Answer | None = None
        self.value = -np.inf
        self.threshold = self.reserve = 0.0
        self.closed = -np.inf  # best bound of the intervals that are done
        self.open: list[Node] = []
        self.solves = 0
        members = deviations.members
        self.instances = (program if members is None else members.source).groups
        self.listed = self.instances * program.plans <= _LISTED
        self.points = thresholds(program, deviations, listed=self.listed)
        if not (np.isfinite(self.points).all() and self.points[0] >= 0):
            raise InputError("A deviation is negative or not finite; give numbers of at least 0.")
        side = program.side
        #: Whether multipliers bound an interval: not where plans need a side column.
        self.priced = deviations.members is None and (
            side is None or not (side.integer.any() or side.needs.any())
        )
        self.beside = SidePart(program) if self.priced and side is not None else None

    def run(self) -> RobustAnswer:
        """Search until the gap is proven or the time is up."""
        status: Status = "optimal"
        try:
            self._climb()
            while self.open and -self.open[0].key > self._enough():
                # Replaced at once, and not before it is done: a stop must not lose its bound.
                left = [*self._branch(self.open[0]), *self.open[1:]]
                heapq.heapify(left)
                self.open = left
        except Stopped as stop:
            status = stop.status
        except KeyboardInterrupt:
            status = "interrupted"
        return self._answer(status)

    def _ends(self) -> tuple[float, float]:
        """Return the ends of the thresholds that can be best."""
        low, high, gamma = float(self.points[0]), float(self.points[-1]), self.deviations.gamma
        if gamma >= self.instances:
            high = low
        elif gamma == 0:
            low = high
        return low, high

    def _climb(self) -> None:
        """Improve z for the assignment and the assignment for z, from the plain optimum on."""
        low, high = self._ends()
        root = Node(-np.inf, low, high, np.zeros(len(self.program.limits)), 0)
        self.open = [root]
        nominal = self._solve(low, high)
        if nominal.choice is None:
            self.open = []
            return
        root.key, root.prices = -self.program.sign * nominal.bound, nominal.prices
        z = self._threshold_of(nominal)
        for _ in range(_STEPS if low < high else 0):
            before = self.value
            answer = self._solve(z, z)
            if answer.choice is None or self.value <= before:
                break
            z = self._threshold_of(answer)
        self.open = self._split(root, -root.key, z)
        heapq.heapify(self.open)

    def _branch(self, node: Node) -> list[Node]:
        """Bound an interval; return its parts, none if it is done."""
        value = -node.key
        known = {id(each.prices): each.prices for each in (node, self.best) if each is not None}
        for prices in known.values():
            value = min(value, self._priced(node, prices))
        if value > self._enough():
            answer = self._solve(node.low, node.high)
            if answer.choice is None:
                return []
            value = min(value, self.program.sign * answer.bound, self._priced(node, answer.prices))
            if value > self._enough():
                child = replace(node, prices=answer.prices)
                return self._split(child, value, self._threshold_of(answer))
        self.closed = max(self.closed, value)
        return []

    def _split(self, node: Node, value: float, z: float) -> list[Node]:
        """Cut an interval at the incumbent's z, at another one, or in the middle by turns."""
        low, high = node.low, node.high
        if high - low <= 1e-12 * high:
            self.closed = max(self.closed, value)
            return []
        if self.best is not None and low < self.threshold < high:
            z = self.threshold
        if self.listed:
            first, last = np.searchsorted(self.points, [low, high])
            at = (first + last) // 2
            if node.depth % 2 == 0:
                at = np.searchsorted(self.points, z, side="right") - 1
            at = int(np.clip(at, first, last - 1))
            left, right = float(self.points[at]), float(self.points[at + 1])
        else:
            left = right = z if node.depth % 2 == 0 and low < z < high else (low + high) / 2
        return [
            Node(-value, low, left, node.prices, node.depth + 1),
            Node(-value, right, high, node.prices, node.depth + 1),
        ]

    def _solve(self, low: float, high: float) -> Answer:
        """Solve a plain program, and keep its assignment if it is the best that is feasible."""
        left = self.deadline - clock()
        if left <= 0:
            raise Stopped("time limit")
        try:
            answer = self._bounded(low, high, left)
        except SolverError:
            if self.best is None or clock() < self.deadline:
                raise
            raise Stopped("time limit") from None
        self.solves += 1
        if answer.choice is not None:
            self._consider(answer)
        if answer.status in ("time limit", "interrupted"):
            raise Stopped(answer.status)
        return answer

    def _bounded(self, low: float, high: float, seconds: float) -> Answer:
        """Return what no assignment is better than whose best z is in an interval."""
        asked = plain(self.program, self.deviations, low, high)
        return self.engine(asked, self.gap / 2, seconds)

    def _consider(self, answer: Answer) -> None:
        choice: Choice = answer.choice  # type: ignore[assignment]
        sums = totals(self.program, choice)
        value = self.program.sign * self.program.value_of(sums, answer.side)
        if value <= self.value:
            return
        row, gamma = self.deviations.row, self.deviations.gamma
        chosen = chosen_deviations(self.program, self.deviations, choice)
        reserve = protection(chosen, gamma)
        activity = self.program.activity_of(sums, answer.side)[row]
        allowed = self.program.tolerated(sums, answer.side)[row]
        if activity + reserve <= self.program.limits[row] + allowed:
            self.best, self.value, self.reserve = answer, value, reserve
            self.threshold = best_threshold(chosen, gamma)

    def _threshold_of(self, answer: Answer) -> float:
        choice: Choice = answer.choice  # type: ignore[assignment]
        chosen = chosen_deviations(self.program, self.deviations, choice)
        return best_threshold(chosen, self.deviations.gamma)

    def _enough(self) -> float:
        """Return the bound below which an interval need not be looked at."""
        if self.best is None:
            return -np.inf
        return self.value + self.gap * max(abs(self.value), 1e-12)

    def _priced(self, node: Node, prices: FloatArray) -> float:
        if not self.priced:
            return np.inf
        beside = 0.0 if self.beside is None else self.beside.best(prices)[0]
        if not np.isfinite(beside):
            return np.inf
        interval = node.low, node.high
        return interval_bound(self.program, self.deviations, prices, interval) + beside

    def _answer(self, status: Status) -> RobustAnswer:
        best = self.best
        if best is None and status == "interrupted":
            raise KeyboardInterrupt
        if best is None and status == "time limit":
            raise SolverError("No assignment was found in time; raise time_limit.")
        if best is None:
            nothing, nan = np.zeros(len(self.program.limits)), float("nan")
            none = Answer("infeasible", None, nan, nan, nothing)
            return RobustAnswer(none, nan, nan, self.solves)
        value = max([self.value, self.closed, *(-node.key for node in self.open)])
        sign = self.program.sign
        status = "optimal" if value <= self._enough() else status
        answer = replace(best, status=status, objective=sign * self.value, bound=sign * value)
        return RobustAnswer(answer, self.threshold, self.reserve, self.solves)
