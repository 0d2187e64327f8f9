r"""Assignment with one coupling row that must hold when coefficients deviate, exactly.

For a fixed z the protected row (see :mod:`arbmodels._assignment.robust`) is a plain one,

.. math::
    \sum_i w_i a_{i x(i)} + \sum_i \max(w_i d_{i x(i)} - z, 0) \le b - \Gamma z,

and the best z is zero or some :math:`w_i d_{ij}`. So the program is a choice among plain programs,
made by branch and bound over intervals :math:`[z_1, z_2]` of z. Two bounds hold on an interval:

* *Relaxation*: the plain program with excess :math:`\max(w d - z_2, 0)` and limit
  :math:`b - \Gamma z_1` admits every assignment that some z of the interval admits. One solve by
  the engine; exact when the interval is a point, or when its assignment keeps the true row.
* *Prices*: see :mod:`arbmodels._assignment.robust`. One pass over the instances bounds the
  whole interval at given multipliers; wide intervals are closed by it.

Intervals as in Büsing, Gersing, Koster (2023), "A branch and bound algorithm for robust binary
optimization with budget uncertainty".

A source with quantities beside its own, made block by block whenever a block is looked at.

What a coupling row must keep in reserve when its coefficients deviate, at most Gamma at once.

The coefficient of instance i on plan j lies in :math:`[a_{ij}, a_{ij} + d_{ij}]` and at most
:math:`\Gamma` instances deviate, the last one by the fraction left over. With D the chosen
:math:`w_i d_{i x(i)}`, the reserve is the sum of the :math:`\Gamma` largest,

.. math::
    \beta(x) = \max_{0 \le \theta \le 1, \; \sum \theta \le \Gamma} \theta^\top D
             = \min_{z \ge 0} \; \Gamma z + \sum_i \max(D_i - z, 0),

and an optimal z is zero or one of the D (Bertsimas and Sim 2004, "The price of robustness").

A bound on a program with a protected row, for all thresholds z of an interval at once.

At given multipliers let :math:`h_i(z)` be the best priced value of instance i when the excess
:math:`\max(w_i d_{ij} - z, 0)` is charged at the protected row's price :math:`\pi`. It does not
fall with z and rises by at most :math:`\pi` per unit, so on :math:`[z_1, z_2]`

.. math::
    \sum_i h_i(z) - \pi \Gamma z \le
    \sum_i \min\bigl(h_i(z_2), \, h_i(z_1) + \pi (z - z_1)\bigr) - \pi \Gamma z.

The right side is concave in z and peaks where :math:`\Gamma` instances still rise. It is exact for
every instance whose best plan is the same all over the interval.

How much a protected row needs when the other rows are kept.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from arbmodels._assignment.lagrangian_dual import AuxiliaryPart
from arbmodels._assignment.pricing import bound, totals
from arbmodels._assignment.program import (
    Answer,
    Arrays,
    AssignmentProgram,
    Block,
    BoolArray,
    Choice,
    Deviations,
    FloatArray,
    Quantity,
    Source,
    Status,
    dense,
    offered,
)
from arbmodels._clock import clock
from arbmodels.errors import InputError, SolverError

P = ParamSpec("P")
T = TypeVar("T")
Rows = npt.NDArray[np.int64] | slice
More = Callable[[Block, Rows], tuple[Quantity, ...]]


@dataclass(frozen=True, eq=False)
class Extended:
    """The groups of another source, with more quantities; none of them is kept in memory.

    Parameters
    ----------
    source : Source
    more : callable
        Takes a block and the positions of its groups in the program (a slice or an array);
        returns the further quantities, each [g, J'] as wide as the block's own.
    count : int
        How many it returns.
    """

    source: Source
    more: More
    count: int = 1

    @property
    def groups(self) -> int:
        """G."""
        return self.source.groups

    @property
    def quantities(self) -> int:
        """K, with the further ones."""
        return self.source.quantities + self.count

    def map(
        self,
        function: Callable[Concatenate[Block, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> list[T]:
        """Return ``function(block, *args, **kwargs)`` of every extended block, in order."""
        return self.source.map(_on_extended, self.more, function, args, kwargs)

    def take(self, rows: npt.NDArray[np.int64]) -> Block:
        """Return some groups, by position."""
        return _extend(self.source.take(rows), self.more, rows)


def _extend(block: Block, more: More, rows: Rows) -> Block:
    return replace(block, quantities=(*block.quantities, *more(block, rows)))


def _on_extended(
    block: Block,
    more: More,
    function: Callable[..., T],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> T:
    rows = slice(block.start, block.start + block.size)
    return function(_extend(block, more, rows), *args, **kwargs)


def excess_source(program: AssignmentProgram, deviations: Deviations, z: float) -> Source:
    """Return the program's source with one more quantity: max(w d - z, 0) / w, summed per group."""
    if deviations.members is None:
        return Extended(program.source, partial(_excess, table=deviations.table, z=z))
    members = deviations.members
    shape = (program.groups, program.plans)
    sums = np.sum(
        members.source.map(_grouped_excess, deviations.table, z, members.group, shape), axis=0
    )
    block = program.source.take(np.arange(program.groups))
    sums = sums[:, : block.width] / _weights(block)[:, None]
    return Arrays(replace(block, quantities=(*block.quantities, sums)))


def plain(
    program: AssignmentProgram, deviations: Deviations, low: float, high: float
) -> AssignmentProgram:
    """Return the plain program that admits what any z from low to high admits.

    Its last quantity is the excess over ``high``.
    """
    row = deviations.row
    none = np.zeros((1, *program.objective.shape[1:]))
    rows = np.concatenate([program.rows, np.zeros_like(program.rows[:, :1])], axis=1)
    rows[row, -1] = 1.0
    limits = program.limits.astype(float)
    limits[row] -= deviations.gamma * low
    return replace(
        program,
        source=excess_source(program, deviations, high),
        objective=np.concatenate([program.objective, none]),
        rows=rows,
        limits=limits,
        sizes=None,  # of loosened rows
    )


def chosen_deviations(
    program: AssignmentProgram, deviations: Deviations, choice: Choice
) -> FloatArray:
    """Return w d of every instance at its group's plan, [N]."""
    if deviations.members is None:
        parts = program.source.map(_chosen, deviations.table, choice)
    else:
        members = deviations.members
        parts = members.source.map(_chosen, deviations.table, choice[members.group])
    return np.concatenate(parts)


def deviations_of(program: AssignmentProgram, deviations: Deviations) -> FloatArray:
    """Return w d of every instance at every plan its group may have, [N, J]; zero elsewhere."""
    block = program.source.take(np.arange(program.groups))
    allowed = offered(block, program.plans, program.forbidden)
    members = deviations.members
    if members is not None:
        block = members.source.take(np.arange(members.source.groups))
        allowed = allowed[members.group]
    return np.where(allowed, _weighted(block, deviations.table), 0.0)


def activity_at(
    program: AssignmentProgram,
    choice: Choice,
    sums: FloatArray,
    auxiliary: FloatArray | None = None,
) -> FloatArray:
    """Return the left-hand sides of all rows at an assignment, deviations included, [R]."""
    activity = program.activity_of(sums, auxiliary)
    protected = program.protected
    if protected is not None:
        chosen = chosen_deviations(program, protected, choice)
        activity[protected.row] += protection(chosen, protected.gamma)
    return activity


def protected_activity(
    program: AssignmentProgram, choice: Choice, auxiliary: FloatArray | None = None
) -> float:
    """Return the left-hand side of the protected row at an assignment."""
    assert program.protected is not None  # noqa: S101 - for the type checker
    activity = activity_at(program, choice, totals(program, choice), auxiliary)
    return float(activity[program.protected.row])


def protection(chosen: FloatArray, gamma: float) -> float:
    """Return the sum of the gamma largest of these deviations; of the next one, the fraction."""
    if gamma >= len(chosen):
        return float(chosen.sum())
    whole = math.floor(gamma)
    top = -np.partition(-chosen, whole)[: whole + 1]
    return float(top[:whole].sum() + (gamma - whole) * top[whole])


def best_threshold(chosen: FloatArray, gamma: float) -> float:
    """Return a z at which gamma z + sum max(chosen - z, 0) is least: 0 or one of ``chosen``."""
    if gamma >= len(chosen):
        return 0.0
    whole = math.floor(gamma)
    return float(-np.partition(-chosen, whole)[whole])


def thresholds(program: AssignmentProgram, deviations: Deviations, *, listed: bool) -> FloatArray:
    """Return where the best z may lie, increasing: 0 and every w d.

    If they are not to be ``listed``, only 0 and the largest w d, between which it lies.
    """
    source, groups = program.source, None
    if deviations.members is not None:
        source, groups = deviations.members.source, deviations.members.group
    if groups is None:
        parts = source.map(_possible, deviations.table, program.forbidden, listed)
    else:
        block = program.source.take(np.arange(program.groups))
        allowed = offered(block, program.plans, program.forbidden)
        parts = source.map(_possible_together, deviations.table, allowed[groups], listed)
    values = np.unique(np.concatenate([np.zeros(1), *parts]))
    return values if listed else values[[0, -1]]


def _weights(block: Block) -> FloatArray:
    """Weights of a block, 1 in place of 0 so that one can divide by them."""
    if block.weights is None:
        return np.ones(block.size)
    return np.where(block.weights > 0, block.weights, 1.0)


def _weighted(block: Block, table: FloatArray) -> FloatArray:
    """Deviations times weights, [g, J]."""
    result = dense(block, table)
    if block.weights is not None:
        result *= block.weights[:, None]
    return result


def _excess(block: Block, rows: Rows, table: FloatArray, z: float) -> tuple[Quantity, ...]:
    del rows  # the block says enough
    excess = np.empty((block.size, block.width))
    for start in range(0, block.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        over = _weighted(block.take(part), table)[:, : block.width] - z
        np.maximum(over, 0.0, out=excess[part])
    if block.weights is not None:
        excess /= _weights(block)[:, None]
    return (excess,)


def _grouped_excess(
    block: Block,
    table: FloatArray,
    z: float,
    group: npt.NDArray[np.int64],
    shape: tuple[int, int],
) -> FloatArray:
    result = np.zeros(shape)
    inside = group[block.start : block.start + block.size]
    np.add.at(result, inside, np.maximum(_weighted(block, table) - z, 0.0))
    return result


def _chosen(block: Block, table: FloatArray, choice: Choice) -> FloatArray:
    mine = choice[block.start : block.start + block.size]
    classes = np.zeros(1, dtype=np.int64) if block.classes is None else block.classes
    chosen = np.array(np.broadcast_to(table[0][classes, mine], block.size))
    bought = np.flatnonzero(mine < block.width)
    for k, quantity in enumerate(block.quantities, start=1):
        if table[k].any():
            factor = np.broadcast_to(table[k][classes, mine], block.size)
            chosen[bought] += factor[bought] * quantity[bought, mine[bought]]
    return chosen if block.weights is None else chosen * block.weights


def _possible(
    block: Block, table: FloatArray, forbidden: BoolArray | None, listed: bool
) -> FloatArray:
    kept = offered(block, table.shape[2], forbidden)
    return _distinct(_weighted(block, table)[kept], listed)


def _possible_together(
    block: Block, table: FloatArray, allowed: BoolArray, listed: bool
) -> FloatArray:
    kept = allowed[block.start : block.start + block.size]
    return _distinct(_weighted(block, table)[kept], listed)


def _distinct(values: FloatArray, listed: bool) -> FloatArray:
    return np.unique(values) if listed else values.max(initial=0.0, keepdims=True)


#: Groups looked at together, few enough to stay in the processor's cache.
_CHUNK = 2048


def interval_bound(
    program: AssignmentProgram,
    deviations: Deviations,
    prices: FloatArray,
    interval: tuple[float, float],
) -> float:
    """Return a value that no assignment exceeds whose best z is in the interval, oriented.

    Parameters
    ----------
    program : AssignmentProgram
        Without its auxiliary variables, if there are any; their part is the same on every interval.
    deviations : Deviations
        Of the program's own groups.
    prices : float array [R], not negative
    interval : (float, float)
        z_1 and z_2.
    """
    price, gamma = float(prices[deviations.row]), deviations.gamma
    parts = program.source.map(
        _ends, program.table(prices), deviations.table, program.forbidden, (price, *interval)
    )
    rise = np.concatenate([part[1] for part in parts])
    peak = best_threshold(rise, gamma)
    value = sum(part[0] for part in parts)
    value += price * float(np.minimum(rise, peak).sum() - gamma * (interval[0] + peak))
    return program.sign * bound(program, prices, value)


def _ends(
    block: Block,
    table: FloatArray,
    deviation: FloatArray,
    forbidden: BoolArray | None,
    at: tuple[float, float, float],
) -> tuple[float, FloatArray]:
    """Return sum w h(z_1), and w (h(z_2) - h(z_1)) / price of every group."""
    price, low, high = at
    parts = [block.take(slice(k, k + _CHUNK)) for k in range(0, block.size, _CHUNK)]
    ends = [_best_at(part, table, deviation, forbidden, at) for part in parts]
    first, last = (np.concatenate(each) for each in zip(*ends, strict=True))
    rise = np.zeros(block.size) if price == 0 else (last - first) / price
    return float(first.sum()), np.clip(rise, 0.0, high - low)


def _best_at(
    block: Block,
    table: FloatArray,
    deviation: FloatArray,
    forbidden: BoolArray | None,
    at: tuple[float, float, float],
) -> tuple[FloatArray, FloatArray]:
    """Return w h of every group at both ends."""
    price, low, high = at
    base, spread = dense(block, table), dense(block, deviation)
    if block.weights is not None:
        base *= block.weights[:, None]
        spread *= block.weights[:, None]
    if block.offered is not None or forbidden is not None:
        refused = ~offered(block, table.shape[2], forbidden)
        base[refused], spread[refused] = -np.inf, 0.0
    first, last = ((base - price * np.maximum(spread - z, 0.0)).max(axis=1) for z in (low, high))
    return first, last


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
        With a protected row. The other rows and the auxiliary variables stay.
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
        auxiliary = program.auxiliary
        #: Whether multipliers bound an interval: not where plans need an auxiliary variable.
        self.priced = deviations.members is None and (
            auxiliary is None or not (auxiliary.integer.any() or auxiliary.needs.any())
        )
        self.beside = AuxiliaryPart(program) if self.priced and auxiliary is not None else None

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
        value = self.program.sign * self.program.value_of(sums, answer.auxiliary)
        if value <= self.value:
            return
        row, gamma = self.deviations.row, self.deviations.gamma
        chosen = chosen_deviations(self.program, self.deviations, choice)
        reserve = protection(chosen, gamma)
        activity = self.program.activity_of(sums, answer.auxiliary)[row]
        allowed = self.program.tolerated(sums, answer.auxiliary)[row]
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


def least_robust(
    program: AssignmentProgram, gap: float, time_limit: float, engine: Engine
) -> Answer:
    r"""Return the assignment at which a protected row is least, and a bound on what it is then.

    .. math::
        \min_x \Big\{ \sum_i w_i a_{i x(i)} + \beta(x) \Big\} =
        \min_z \Big\{ \Gamma z + \min_x \sum_i w_i a_{i x(i)} + \max(w_i d_{i x(i)} - z, 0) \Big\}

    over assignments that keep the other rows: the same search over intervals of z, in which
    :math:`\Gamma z_1` and the excess over :math:`z_2` bound the row from below.
    """
    deadline = clock() + time_limit
    return _Least(replace(program, maximize=False), gap, deadline, engine).run().answer


class _Least(Search):
    """The same branch and bound, with the row in place of the objective."""

    def _bounded(self, low: float, high: float, seconds: float) -> Answer:
        deviations = self.deviations
        asked = plain(self.program, deviations, low, high)
        goal = asked.with_rows(np.delete(np.arange(len(asked.limits)), deviations.row))
        goal = replace(goal, objective=asked.rows[deviations.row])
        if goal.auxiliary is not None and asked.auxiliary is not None:
            beside = asked.auxiliary.coupling[deviations.row]
            goal = replace(goal, auxiliary=replace(goal.auxiliary, objective=beside))
        answer = self.engine(goal, self.gap / 2, seconds)
        return replace(answer, bound=answer.bound + deviations.gamma * low)

    def _consider(self, answer: Answer) -> None:
        choice: Choice = answer.choice  # type: ignore[assignment]
        row, gamma = self.deviations.row, self.deviations.gamma
        chosen = chosen_deviations(self.program, self.deviations, choice)
        reserve = protection(chosen, gamma)
        activity = self.program.activity_of(totals(self.program, choice), answer.auxiliary)[row]
        if -(activity + reserve) > self.value:
            self.best, self.value, self.reserve = answer, -float(activity + reserve), reserve
            self.threshold = best_threshold(chosen, gamma)

    def _priced(self, node: object, prices: object) -> float:
        del node, prices  # multipliers of the other rows alone say nothing about the row
        return np.inf
