r"""Every group's best plan as a function of the price of one coupling row.

With a single row, a group's best plan at price lambda lies on the upper envelope of the lines
:math:`v_j - \lambda a_j`. Moving along it from price zero, each breakpoint swaps a plan for one
that uses less of the row. Sorted by price, the breakpoints of all groups solve the linear
relaxation: the first one at which the row holds is the price, and at most one group of an LP vertex
is split (Sinha and Zoltners 1979, "The multiple-choice knapsack problem").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arbmodels.assignment.passes import Choice
from arbmodels.assignment.program import AssignmentProgram, dense, offered
from arbmodels.assignment.source import Block, FloatArray, IntArray

#: Rounding in the sum of a row, relative to the sum of its terms' sizes.
ROUNDING = 2e-14
#: Prices that differ by less than this, relatively, are one.
TIE = 1e-9


@dataclass(frozen=True, eq=False)
class Line:
    r"""A program of one row as: maximise :math:`\sum v`, :math:`\sum a \le b`.

    Attributes
    ----------
    value, row : float array [K + 1, C, J]
        Coefficients of v, minus infinity where forbidden, and of a.
    limit : float
        b.
    """

    value: FloatArray
    row: FloatArray
    limit: float

    @classmethod
    def of(cls, program: AssignmentProgram) -> Line:
        """Orient a program of one row."""
        sense = float(program.sense[0])
        row = sense * program.rows[0]
        value = program.table(np.zeros(1))
        return cls(value, row, sense * float(program.limits[0]))

    def table(self, price: float) -> FloatArray:
        """Return the coefficients of v - price a; of -a at infinity."""
        if np.isinf(price):
            return np.where(np.isneginf(self.value), -np.inf, -self.row)
        return self.value - price * self.row

    def activity(self, totals: FloatArray) -> float:
        """Return the left-hand side at these totals (see ``passes.totals``)."""
        return float((self.row * totals).sum())


@dataclass(frozen=True, eq=False)
class Rows:
    """Some groups written out.

    Attributes
    ----------
    value, row : float array [g, J]
        v and a, weighted; minus infinity in ``value`` where a plan is not offered.
    """

    value: FloatArray
    row: FloatArray

    @classmethod
    def of(cls, line: Line, block: Block) -> Rows:
        """Write the groups of a block out."""
        allowed = offered(block, line.value.shape[2], np.isneginf(line.value[0]))
        weights = 1.0 if block.weights is None else block.weights[:, None]
        value = np.where(allowed, dense(block, line.value), 0.0) * weights
        value[~allowed] = -np.inf
        row = np.where(allowed, dense(block, line.row), 0.0) * weights
        return cls(value, row)

    def chosen(self, choice: Choice) -> FloatArray:
        """Return what each group uses of the row."""
        used: FloatArray = self.row[np.arange(len(choice)), choice]
        return used


@dataclass(frozen=True, eq=False)
class Steps:
    """The envelopes of some groups between two prices.

    Attributes
    ----------
    low, high : float
    start : int array [g]
        Best plan at ``low``; of equally good ones the one using least.
    group, plan : int array [S]
        At step s, by increasing price, a group goes to a plan.
    price, saved : float array [S]
        At which price, and how much less of the row it then uses.
    """

    low: float
    high: float
    start: Choice
    group: IntArray
    plan: Choice
    price: FloatArray
    saved: FloatArray

    def after(self, count: int) -> Choice:
        """Return each group's plan after the first steps."""
        choice = self.start.copy()
        choice[self.group[:count]] = self.plan[:count]  # later steps of a group win
        return choice


def walk(rows: Rows, low: float, high: float) -> Steps:
    """Follow the envelopes of all groups from one price to another, both included."""
    from arbmodels.assignment import kernels

    groups, plans = rows.value.shape
    room = groups * max(plans - 1, 0)
    start = np.empty(groups, np.int32)
    group, plan = np.empty(room, np.int64), np.empty(room, np.int32)
    price, saved = np.empty(room), np.empty(room)
    count = kernels.walk(rows.value, rows.row, low, high, start, group, plan, price, saved)
    order = np.argsort(price[:count], kind="stable")
    return Steps(low, high, start, group[order], plan[order], price[order], saved[order])


def vertex(rows: Rows, steps: Steps, limit: float) -> tuple[float, Choice] | None:
    """Return price and assignment at the first step at which the row holds, if it ever does."""

    def holds(choice: Choice) -> bool:
        chosen = rows.chosen(choice)
        return float(chosen.sum()) <= with_rounding(limit, float(np.abs(chosen).sum()))

    if holds(steps.start):
        if steps.low > 0.0:
            # Plans worth the same at the lower end: not all of them have to move there.
            earlier = vertex(rows, walk(rows, steps.low * (1 - TIE), steps.low), limit)
            if earlier is not None:
                return steps.low, earlier[1]
        return steps.low, steps.start
    start = rows.chosen(steps.start)
    left = float(start.sum()) - np.cumsum(steps.saved)
    # The running sum is off by the rounding of what it began with, which may be far more than is
    # left in the end; within it the row itself decides.
    error = ROUNDING * (float(np.abs(start).sum()) + float(steps.saved.sum()))
    first, last = (int(np.searchsorted(-left, -(limit + way * error))) for way in (1, -1))
    last = min(last, len(left) - 1)
    if last < 0 or not holds(steps.after(last + 1)):
        last = len(left) - 1
        if last < 0 or not holds(steps.after(last + 1)):
            return None
    while first < last:
        middle = (first + last) // 2
        if holds(steps.after(middle + 1)):
            last = middle
        else:
            first = middle + 1
    return float(steps.price[last]), steps.after(last + 1)


def with_rounding(limit: float, size: float) -> float:
    """Return the limit plus what rounding may add to a sum of terms of this total size."""
    return limit + ROUNDING * (size + abs(limit))
