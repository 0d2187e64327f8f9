r"""The linear relaxation of a program with one row, solved by its breakpoints.

Every group's best plan as a function of the price of one coupling row.

With a single row, a group's best plan at price lambda lies on the upper envelope of the lines
:math:`v_j - \lambda a_j`. Moving along it from price zero, each breakpoint swaps a plan for one
that uses less of the row. Sorted by price, the breakpoints of all groups solve the linear
relaxation: the first one at which the row holds is the price, and at most one group of an LP vertex
is split (Sinha and Zoltners 1979, "The multiple-choice knapsack problem").

Prices between which a row changes from violated to held, and the groups they leave undecided.

A group whose best plan is the same at both ends has it at every price between, because envelopes
are convex. So a sample that brackets the price fixes nearly all groups in one pass.

Objectives whose values lie on a grid: recorded successes, whole numbers, equal values.

If what any group gains from any change of plan is a multiple of u, so is the distance between any
two assignments, and a bound less than u above one of them proves it optimal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from arbmodels._assignment import kernels
from arbmodels._assignment.pricing import CHUNK as PASS_CHUNK
from arbmodels._assignment.pricing import best_of, extras, padded, pair, spread, totals_of
from arbmodels._assignment.program import (
    AssignmentProgram,
    Block,
    Choice,
    FloatArray,
    IntArray,
    dense,
    offered,
)

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
        """Return the left-hand side at these totals (see ``pricing.totals``)."""
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


#: Programs up to so many groups are not sampled, and so many undecided groups are written out.
SMALL = 20_000
MOST = 200_000
#: Groups in a sample, at least.
LEAST = 2_000
#: Standard errors of the sampled row on both sides of the limit, tried in this order.
WIDTHS = (3.0, 30.0, np.inf)
ROUNDS = 6


@dataclass(frozen=True, eq=False)
class Bracket:
    """The price lies between ``low`` and ``high``.

    Attributes
    ----------
    low, high : float
    allowed : float
        The limit of the row, with rounding.
    choice : int array [G]
        Best plan at ``low``; that of the fixed groups is final.
    positions : int array [U] or None
        Undecided groups; all if None.
    to : int array [U]
        Their best plan at ``high``.
    fixed : float
        What the fixed groups use of the row.
    """

    low: float
    high: float
    allowed: float
    choice: Choice
    positions: IntArray | None
    to: Choice
    fixed: float

    @property
    def undecided(self) -> int:
        """Number of undecided groups."""
        return len(self.choice) if self.positions is None else len(self.positions)


@dataclass(frozen=True, eq=False)
class _Ends:
    """One block at both ends of a bracket."""

    choice: Choice
    positions: IntArray
    to: Choice
    low: FloatArray
    high: FloatArray
    fixed: FloatArray


def bracket(program: AssignmentProgram, line: Line) -> Bracket | None:
    """Return a bracket with few groups undecided, of price zero alone if the row holds there.

    None if no assignment satisfies the row.
    """
    groups = program.groups
    nothing = np.zeros(0, np.int32)
    found = Bracket(0.0, np.inf, line.limit, np.zeros(groups, np.int32), None, nothing, 0.0)
    enough = SMALL
    for _ in range(ROUNDS):
        before = found.undecided
        if before <= enough or found.low == found.high:
            break
        narrower = _narrow(program, line, found)
        if narrower is None:
            return None
        found, enough = narrower, MOST
        if found.undecided > 0.9 * before and found.high <= found.low * (1 + 4 * TIE):
            break
    return found


def _narrow(program: AssignmentProgram, line: Line, old: Bracket) -> Bracket | None:
    """Sample the undecided groups, guess ends, and pass over all groups until they hold."""
    rows = Rows.of(line, program.source.take(_sample(old)))
    steps = walk(rows, old.low, old.high)
    scale = old.undecided / len(rows.row)
    target = (old.allowed - old.fixed) / scale
    low, high = old.low, old.high
    for width in WIDTHS:
        below, above = _guess(rows, steps, target, width)
        below, above = max(below, low), min(above, high)
        if not below < above:
            continue
        parts = program.source.map(_ends, line.table(below), line.table(above))
        low_sum, high_sum, fixed = (
            np.sum([getattr(part, name) for part in parts], axis=0)
            for name in ("low", "high", "fixed")
        )
        size = float(np.abs(line.row * low_sum).sum())
        allowed = with_rounding(line.limit, size)
        choice = np.concatenate([part.choice for part in parts])
        make = partial(Bracket, allowed=allowed, choice=choice)
        if line.activity(low_sum) <= allowed:
            if below == 0.0:
                nothing = np.zeros(0, np.int32)
                fixed_at = line.activity(low_sum)
                positions = np.zeros(0, np.int64)
                return make(0.0, 0.0, positions=positions, to=nothing, fixed=fixed_at)
            high = below
        elif line.activity(high_sum) > allowed:
            if np.isinf(above):
                return None
            low = above
        else:
            return make(
                below,
                above,
                positions=np.concatenate([part.positions for part in parts]),
                to=np.concatenate([part.to for part in parts]),
                fixed=line.activity(fixed),
            )
    raise AssertionError("the last width takes in every price")  # pragma: no cover


def _sample(old: Bracket) -> IntArray:
    """Return some undecided groups, spread evenly but not periodically."""
    size = max(LEAST, int(old.undecided ** (2 / 3)))
    chosen = spread(old.undecided, size)
    return chosen if old.positions is None else old.positions[chosen]


def _guess(rows: Rows, steps: Steps, target: float, width: float) -> tuple[float, float]:
    """Return the sample's prices for limits some standard errors above and below the target."""
    if np.isinf(width):
        return steps.low, steps.high
    used = float(rows.chosen(steps.start).sum())
    left = np.concatenate([[used], used - np.cumsum(steps.saved)])
    prices = np.concatenate([[steps.low], steps.price, [steps.high]])

    def first(limit: float) -> int:
        return int(np.searchsorted(-left, -limit))

    here = rows.chosen(steps.after(first(target)))
    error = width * float(here.std()) * np.sqrt(len(here))
    below, above = (float(prices[first(target + way * error)]) for way in (1, -1))
    if below == above:
        below, above = below * (1 - TIE), above * (1 + TIE)
        if above == 0.0:
            above = float(prices[prices > 0.0].min(initial=steps.high))
    return below, above


def _ends(block: Block, low_table: FloatArray, high_table: FloatArray) -> _Ends:
    quick = pair(block)
    if quick is None:
        return _ends_of_many(block, low_table, high_table)
    choice, to = np.empty(block.size, np.int32), np.empty(block.size, np.int32)
    sums = np.zeros((3, 3, *low_table.shape[1:]))
    chunk = max(PASS_CHUNK, sums.size)
    first, second = quick
    low, high = padded(low_table), padded(high_table)
    classes, weights, offered = extras(block)
    kernels.both_ends(first, second, low, high, classes, weights, offered, chunk, choice, to, sums)
    undecided = np.flatnonzero(choice != to)
    fixed, at_low, at_high = sums[:, : len(low_table)]
    return _Ends(
        choice,
        block.start + undecided,
        to[undecided],
        fixed + at_low,
        fixed + at_high,
        fixed,
    )


def _ends_of_many(block: Block, low_table: FloatArray, high_table: FloatArray) -> _Ends:
    """Return the same of a block of any number of quantities."""
    low, high = best_of(block, low_table), best_of(block, high_table)
    undecided = np.flatnonzero(low.choice != high.choice)
    part = block.take(undecided)
    moving = totals_of(part, low.choice[undecided], low_table.shape)
    return _Ends(
        low.choice,
        block.start + undecided,
        high.choice[undecided],
        low.totals,
        high.totals,
        low.totals - moving,
    )


def shortened(program: AssignmentProgram, line: Line, old: Bracket) -> Bracket:
    """Fix undecided groups until few are left, though they are worth the same at the price.

    With masses of ties any of them may move: the first ones do, the last ones do not.
    """
    if old.undecided <= MOST or old.positions is None:
        return old
    to = old.choice.copy()
    to[old.positions] = old.to
    parts = program.source.map(_both_uses, line.row, old.choice, to)
    stay = np.concatenate([part[0] for part in parts])
    move = np.concatenate([part[1] for part in parts])
    left = old.fixed + float(stay.sum()) - np.cumsum(stay - move)
    middle = int(np.searchsorted(-left, -old.allowed))
    start = min(max(middle - SMALL // 2, 0), old.undecided - SMALL)
    kept = slice(start, start + SMALL)
    choice = old.choice.copy()
    choice[old.positions[:start]] = old.to[:start]
    fixed = old.fixed + float(move[:start].sum() + stay[kept.stop :].sum())
    return replace(old, choice=choice, positions=old.positions[kept], to=old.to[kept], fixed=fixed)


def _both_uses(
    block: Block, row: FloatArray, choice: Choice, to: Choice
) -> tuple[FloatArray, FloatArray]:
    """Return what the undecided groups of a block use at both ends."""
    mine = slice(block.start, block.start + block.size)
    here = np.flatnonzero(choice[mine] != to[mine])
    part = block.take(here)
    weights = 1.0 if part.weights is None else part.weights[:, None]
    used = dense(part, row) * weights
    every = np.arange(len(here))
    return used[every, choice[mine][here]], used[every, to[mine][here]]


#: Distances from the grid up to this, relative to the largest gain, are rounding.
GRID_ROUNDING = 1e-12
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
        for gain in gains[np.append(True, np.diff(gains) > GRID_ROUNDING * largest)]:
            # Euclid's algorithm, to rounding.
            rest = float(gain)
            while rest > 1e3 * GRID_ROUNDING * largest:
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
        if (off > GRID_ROUNDING * np.maximum(multiples, 1.0 / FINEST)).any():
            return False
    return True


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
    primal_value, bound : float
        Value of ``choice``, and the Lagrangian over all groups at the price, with what its sums may
        have lost to rounding.
    slack, left : float
        Of the row at ``choice``: not negative, and with what rounding may add.
    positions : int array [U]
        Groups that were written out, in ``rows``; all that the bracket did not fix.
    exact : bool
        Whether ``choice`` is best at the price for all groups, not for nearly all.
    """

    line: Line
    price: float
    choice: Choice
    totals: FloatArray
    primal_value: float
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
    found = vertex(rows, walk(rows, ends.low, ends.high), ends.allowed - ends.fixed)
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
    sums = np.zeros((3, *table.shape[1:]))
    chunk = max(PASS_CHUNK, sums.size)
    mine = np.ascontiguousarray(mine)
    first, second = quick
    classes, weights, offered = extras(block)
    value = kernels.best_and_chosen(
        first, second, padded(table), classes, weights, offered, chunk, mine, sums
    )
    return value, sums[: len(table)]
