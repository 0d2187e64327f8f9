"""What the linear relaxation is worth as one limit moves: a concave function, enclosed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arbmodels.assignment.program import TOLERANCE
from arbmodels.assignment.source import FloatArray

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
