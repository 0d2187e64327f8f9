r"""The value function: the optimum of the linear relaxation as one limit moves, enclosed.

The value function of programs with one coupling row, exactly: all its breakpoints.

Sorted by price, the breakpoints of all groups' envelopes
(:mod:`~arbmodels._assignment.multiple_choice_relaxation`) are those of the linear relaxation as a
function of the row's limit. After each of them every group has one plan: there the relaxation is
attained by an assignment.

The value function of programs with several coupling rows, by tangents.

The linear relaxation is a concave function :math:`\varphi` of one limit. An evaluation gives its
value and, with the prices of all rows, a line above it; where the lines of two neighbours meet is
where least is known between them, so there the next evaluation goes. Once no such point lies
further above the chord than the tolerance, the function is enclosed everywhere; and if it has no
more breakpoints than evaluations are allowed, all of them are found (Eisner and Severance 1976,
"Mathematical techniques for efficient record segmentation in large shared databases").
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from arbmodels._assignment.highs import least_relaxed, relax_with_highs
from arbmodels._assignment.lagrangian_dual import Dual
from arbmodels._assignment.multidimensional_relaxation import relax
from arbmodels._assignment.multiple_choice_relaxation import Rows, walk
from arbmodels._assignment.pricing import best
from arbmodels._assignment.program import (
    SPAN,
    TOLERANCE,
    AssignmentProgram,
    Block,
    BoolArray,
    FloatArray,
    dense,
    offered,
)
from arbmodels._assignment.robust import deviations_of
from arbmodels._assignment.solve import solve
from arbmodels._clock import clock
from arbmodels.errors import SolverError

#: Two limits that differ by less than this share of the range are one.
_SAME = 1e-10


@dataclass(frozen=True)
class Tangent:
    r"""What one evaluation at t proves about a concave function :math:`\varphi`.

    :math:`\varphi(t) \ge` ``inner``, and :math:`\varphi(u) \le` ``outer + slope (u - t)`` at all u.
    """

    at: float
    inner: float
    outer: float
    slope: float

    def line(self, at: float) -> float:
        """Return the outer line."""
        return self.outer + self.slope * (at - self.at)


@dataclass(frozen=True, eq=False)
class ValueFunction:
    r"""Two polylines around :math:`\varphi(t)`, concave and not decreasing.

    Of a row with sense :math:`\sigma` and limit b, t is :math:`\sigma b` (more is looser), and
    :math:`\varphi` the best objective of the linear relaxation, oriented to be maximised.

    Attributes
    ----------
    reached, inner : float array [P]
        t in increasing order, and values that are attained there; what lies on a chord is attained
        too, since :math:`\varphi` is concave. Nothing is known to be feasible left of the first.
    corners, outer, slopes : float array [Q]
        The upper polyline, and its slope right of every corner; the last is zero. Left of the first
        corner the program is infeasible.
    exact : bool
        Whether both are the same: the corners are all breakpoints of :math:`\varphi`.
    """

    reached: FloatArray
    inner: FloatArray
    corners: FloatArray
    outer: FloatArray
    slopes: FloatArray
    exact: bool

    def below(self, at: npt.ArrayLike) -> FloatArray:
        """Return what the relaxation attains at each t; minus infinity where nothing is known."""
        values: FloatArray = np.interp(
            self._inside(at, self.reached[0]), self.reached, self.inner, left=-np.inf
        )
        return values

    def above(self, at: npt.ArrayLike) -> FloatArray:
        """Return what the relaxation cannot exceed at each t; minus infinity if infeasible."""
        values: FloatArray = np.interp(
            self._inside(at, self.corners[0]), self.corners, self.outer, left=-np.inf
        )
        return values

    def slope(self, at: npt.ArrayLike) -> FloatArray:
        """Return the slope of the upper polyline right of each t; infinite if infeasible."""
        inside = self._inside(at, self.corners[0])
        position = np.searchsorted(self.corners, inside, side="right") - 1
        return np.where(position < 0, np.inf, self.slopes[position])

    def segment(self, at: float, slope: float) -> tuple[float, float] | None:
        """Return the ends of the segment at t, at a corner of the one whose slope is nearer.

        None left of the first corner; the last segment has no end.
        """
        ends = np.append(self.corners, np.inf)
        rounding, at = self._rounding, float(self._inside(at, ends[0]))
        if at < ends[0]:
            return None
        first, last = np.searchsorted(self.corners, (at - rounding, at + rounding), side="right")
        first = max(int(first) - 1, 0)
        position = first + int(np.abs(self.slopes[first:last] - slope).argmin())
        return float(ends[position]), float(ends[position + 1])

    @property
    def _rounding(self) -> float:
        return _SAME * float(np.abs(self.corners[[0, -1]]).max())

    def _inside(self, at: npt.ArrayLike, first: float) -> FloatArray:
        """Move onto the first point what is left of it but feasible by the rule of all engines."""
        at = np.asarray(at, dtype=float)
        allowed = TOLERANCE * (np.abs(at) + abs(first))
        return np.where((at < first) & (at >= first - allowed), first, at)

    @property
    def width(self) -> float:
        """Largest distance of the two polylines, where both are known."""
        known = self.corners[self.corners >= self.reached[0]]
        at = np.concatenate([known, self.reached])
        return float(np.max(self.above(at) - self.below(at), initial=0.0))


def enclosed(tangents: Sequence[Tangent], lowest: float) -> ValueFunction:
    """Return the tightest enclosure that tangents prove, the first at the least t.

    Parameters
    ----------
    tangents : sequence of Tangent
        With increasing ``at``; the last one is flat.
    lowest : float
        The program is infeasible left of it.
    """
    lines: list[Tangent] = []
    starts: list[float] = []
    # From the steepest to the flattest, each is the least from where it crosses the one before.
    for line in sorted(tangents, key=lambda each: (-each.slope, each.line(lowest))):
        if lines and line.slope == lines[-1].slope:
            continue
        while lines:
            start = crossing(lines[-1], line)
            if start > starts[-1]:
                break
            lines.pop()
            starts.pop()
        starts.append(crossing(lines[-1], line) if lines else lowest)
        lines.append(line)
    corners = np.array(starts)
    reached = np.array([each.at for each in tangents])
    inner = np.array([each.inner for each in tangents])
    # More of the limit is never worse.
    return ValueFunction(
        reached,
        np.maximum.accumulate(inner),
        corners,
        np.array([line.line(start) for line, start in zip(lines, starts, strict=True)]),
        np.array([line.slope for line in lines]),
        exact=False,
    )


def crossing(steep: Tangent, flat: Tangent) -> float:
    """Return where two outer lines meet; the first one is steeper."""
    ahead = flat.line(steep.at) - steep.outer
    return steep.at + ahead / (steep.slope - flat.slope)


#: Groups that walk together: their tables stay small beside the data.
_CHUNK = 1 << 13


def exact_value_function(program: AssignmentProgram) -> ValueFunction | None:
    """Return the value function of a program's only row; no auxiliary variables.

    One pass over the groups; the breakpoints of all of them are kept in memory, 16 bytes each.
    None if a group has no plan.
    """
    parts = program.source.map(
        _steps,
        program.sign * program.objective,
        program.sense[0] * program.rows[0],
        program.forbidden,
    )
    value, used, least_value, least_used = np.sum([part[0] for part in parts], axis=0)
    if not np.isfinite(value):
        return None
    price = np.concatenate([part[1] for part in parts])
    saved = np.concatenate([part[2] for part in parts])
    order = np.argsort(-price, kind="stable")
    price, saved = price[order], saved[order]
    # From the tightest limit that can be met to the loosest at which the row binds.
    last = np.append(np.flatnonzero(price[1:] < price[:-1]), len(price) - 1)[: len(price)]
    corners = np.append(least_used, least_used + np.cumsum(saved)[last])
    values = np.append(least_value, least_value + np.cumsum(price * saved)[last])
    # The far end without the rounding of the sums, which must not pass it on the way either.
    corners, values = np.minimum(corners, used), np.minimum(values, value)
    corners[-1], values[-1] = used, value
    slopes = np.append(price[last], 0.0)
    return ValueFunction(corners, values, corners, values, slopes, exact=True)


def _steps(
    block: Block, objective: FloatArray, row: FloatArray, forbidden: BoolArray | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return value and use at price zero and infinity, and every breakpoint's price and saving."""
    ends = np.zeros(4)
    prices, savings = [np.zeros(0)], [np.zeros(0)]
    for start in range(0, block.size, _CHUNK):
        part = block.take(slice(start, start + _CHUNK))
        allowed = offered(part, objective.shape[2], forbidden)
        if not allowed.any(axis=1).all():
            return np.full(4, np.nan), np.zeros(0), np.zeros(0)
        weights = np.ones((part.size, 1)) if part.weights is None else part.weights[:, None]
        value = np.where(allowed, dense(part, objective), 0.0) * weights
        value[~allowed] = -np.inf
        rows = Rows(value, np.where(allowed, dense(part, row), 0.0) * weights)
        steps = walk(rows, 0.0, np.inf)
        every = np.arange(part.size)
        for k, choice in ((0, steps.start), (2, steps.after(len(steps.price)))):
            ends[k] += value[every, choice].sum()
            ends[k + 1] += rows.chosen(choice).sum()
        prices.append(steps.price)
        savings.append(steps.saved)
    return ends, np.concatenate(prices), np.concatenate(savings)


#: Pairs of group and plan up to which HiGHS solves the relaxation; the engine beyond.
SMALL = 50_000
#: Evaluations of one function, and the relative gap at which the engine may stop in each.
_EVALUATIONS = 1000
_GAP = 1e-7
#: HiGHS may violate a scaled row by this much, which the end of the range must allow for.
_EDGE = 1e-9


def tangent(
    program: AssignmentProgram, row: int, at: float, time_limit: float
) -> tuple[Tangent, FloatArray] | None:
    """Evaluate the relaxation with a row's limit moved; return it with all prices [R].

    None if that is infeasible.
    """
    limits = program.limits.copy()
    limits[row] = program.sense[row] * at
    moved = replace(program, limits=limits)
    if _large(program):
        found = relax(Dual(moved), _GAP, clock() + time_limit, lambda _: False)
        if found is None:
            return None
        if not np.isfinite([found.floor, found.point.value]).all():
            raise SolverError("The relaxation was not solved in time; raise time_limit.")
        inner, prices = found.floor, found.point.prices
    else:
        relaxed = relax_with_highs(moved, time_limit)
        if relaxed is None:
            return None
        prices, value = relaxed
        inner = program.sign * value
    if program.auxiliary is None and program.protected is None:
        # Proven by our own pass at these prices, whoever found them.
        outer = best(program, prices).value + float((prices * program.sense) @ limits)
        inner = min(inner, outer)
    else:
        outer = inner
    return Tangent(at, inner, outer, float(prices[row])), prices


@dataclass(frozen=True)
class Ends:
    """The range of t: none below ``least``, a solution at ``reached``, no use beyond ``loose``."""

    least: float
    reached: float
    loose: float


def ends(program: AssignmentProgram, row: int, time_limit: float) -> Ends | None:
    """Return the range of t in which a row can matter; None if the other rows conflict."""
    if program.protected is not None and program.protected.row == row:
        return _protected_ends(program, row, time_limit)
    others = program.with_rows([r for r in range(len(program.limits)) if r != row])
    if program.auxiliary is not None and others.auxiliary is not None:
        others = replace(
            others, auxiliary=replace(others.auxiliary, objective=program.auxiliary.coupling[row])
        )
    sense = float(program.sense[row])
    found = []
    for tightest in (True, False):
        # t is sigma times the activity: its minimum, then its maximum.
        maximize = bool(sense > 0) != tightest
        goal = replace(others, objective=program.rows[row], maximize=maximize)
        if _large(program):
            answer = solve(goal, _GAP, time_limit)
            if answer.choice is None:
                return None
            found.append((sense * answer.bound, sense * answer.objective))
        else:
            relaxed = relax_with_highs(goal, time_limit)
            if relaxed is None:
                return None
            found.append((sense * relaxed[1], sense * relaxed[1]))
    (least, reached), (loose, _) = found
    return Ends(least, reached, max(loose, reached))


def _protected_ends(program: AssignmentProgram, row: int, time_limit: float) -> Ends | None:
    """Return the range of a protected row, deviations included."""
    least = least_relaxed(program, time_limit)
    if least is None:
        return None
    # It cannot bind where every instance deviates on its dearest plan.
    dearest = replace(program.with_rows([row]), objective=program.rows[row], maximize=True)
    most = best(dearest, np.zeros(1)).value
    protected = dearest.protected
    if protected is not None:
        most += float(deviations_of(dearest, protected).max(axis=1).sum())
    if program.auxiliary is not None:
        beside = program.auxiliary.coupling[row]
        bounds = np.where(beside > 0, program.auxiliary.upper, program.auxiliary.lower)
        most += float(beside[beside != 0] @ bounds[beside != 0])
    return Ends(least, least, max(most, least))


def value_function(
    program: AssignmentProgram, row: int, tolerance: float, time_limit: float
) -> ValueFunction | None:
    """Enclose the value function of one of several rows.

    Parameters
    ----------
    program : AssignmentProgram
    row : int
    tolerance : float
        Largest distance of the enclosure's sides, relative to the function's largest size.
    time_limit : float
        Seconds; then the enclosure is as wide as it is (``width``). Single programs may take one.

    Returns
    -------
    ValueFunction or None
        None if the other rows conflict.
    """
    deadline = clock() + time_limit
    reach = ends(program, row, max(time_limit, 1.0))
    if reach is None:
        return None
    edge = _EDGE * max(reach.loose - reach.least, abs(reach.least), 1e-300)

    def evaluate(at: float) -> Tangent:
        # At the very end it may take a little, by rounding; many groups are hard there.
        steps = (0.0, edge) if not _large(program) else (0.0, 1e3 * edge, 1e5 * edge)
        for step in steps:
            with suppress(SolverError):
                found = tangent(program, row, at + step, max(deadline - clock(), 1.0))
                if found is not None:
                    return found[0]
        raise SolverError(
            f"No solution was found at {program.sense[row] * at:g}, but one at a tighter limit:"
            f" raise time_limit, or {SPAN}"
        )

    first, last = evaluate(reach.reached), evaluate(reach.loose + edge)
    known = [first, replace(last, slope=0.0)]
    widest = [_widest(first, known[1])]
    allowed = tolerance * max(abs(first.inner), abs(last.inner), 1e-300)
    with tqdm(desc="frontier", unit=" evaluations", disable=None, leave=False) as progress:
        while len(known) < _EVALUATIONS and clock() < deadline:
            k = max(range(len(widest)), key=lambda k: widest[k][1])
            at, width = widest[k]
            if width <= allowed:
                break
            new = evaluate(at)
            widest[k : k + 1] = [_widest(known[k], new), _widest(new, known[k + 1])]
            known.insert(k + 1, new)
            progress.update()
    return enclosed(known, reach.least)


def _large(program: AssignmentProgram) -> bool:
    """Whether the engine has to solve the relaxation.

    Only HiGHS knows those of auxiliary variables and of protected rows.
    """
    plain = program.auxiliary is None and program.protected is None
    return plain and program.groups * program.plans > SMALL


def _widest(left: Tangent, right: Tangent) -> tuple[float, float]:
    """Return where between two evaluations least is known, and how much the enclosure spans."""
    if left.slope <= right.slope:
        return left.at, 0.0
    at = crossing(left, right)
    span = right.at - left.at
    if not left.at + 1e-12 * span < at < right.at - 1e-12 * span:
        return left.at, 0.0
    share = (at - left.at) / span
    return at, float(left.line(at) - ((1 - share) * left.inner + share * right.inner))


__all__ = [
    "SMALL",
    "Ends",
    "ends",
    "tangent",
    "value_function",
]
