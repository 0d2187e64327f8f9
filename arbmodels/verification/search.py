r"""All policies that some value of a right answer makes best, with the proof that they are all.

The set of attainable (solve rate, cost) pairs of mixtures is the convex hull of the paths', and

.. math:: \text{cost}(u) \ge \lambda u - V(\lambda), \qquad
          V(\lambda) = \max_\text{paths} \lambda\,\text{rate} - \text{cost}

for every lambda >= 0 (Lagrangian duality). Between two neighbouring points lambda is their slope:
either the maximum finds a path below the line through them, a new vertex, or the line is proven.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arbmodels.cascades.hull import lower_hull
from arbmodels.curves import SAME_RATE
from arbmodels.passk import FloatArray
from arbmodels.verification.lattice import Point, StepLattice

#: A path is new if it lies below the line by more than this share of the terms compared.
_TOLERANCE = 1e-12
#: Sums of some 500 steps are off by less than this share of the largest sum.
_ROUNDING = 1e-13


@dataclass(frozen=True, eq=False)
class Hull:
    """The lower hull of (solve rate, cost), from abstaining to the largest solve rate.

    Parameters
    ----------
    points : tuple of Point
        Vertices by solve rate; one at least.
    slopes, values : float arrays
        Multipliers lambda that were solved for, and V(lambda).
    """

    points: tuple[Point, ...]
    slopes: FloatArray
    values: FloatArray

    @property
    def rate(self) -> FloatArray:
        """Solve rates of the vertices, increasing from 0."""
        return np.array([point.rate for point in self.points])

    @property
    def cost(self) -> FloatArray:
        """Costs of the vertices, currency units per instance."""
        return np.array([point.cost for point in self.points])

    @property
    def reach(self) -> float:
        """Largest solve rate of any policy."""
        return self.points[-1].rate

    def cost_at(self, rate: FloatArray) -> FloatArray:
        """Return the least cost of a mixture that reaches each solve rate; NaN out of reach."""
        return self.between(self.cost, rate)

    def between(self, values: FloatArray, rate: FloatArray) -> FloatArray:
        """Return the mixture of the vertices' values at each solve rate; NaN out of reach."""
        mixed: FloatArray = np.interp(rate, self.rate, values)
        return np.where(rate <= self.reach + SAME_RATE, mixed, np.nan)

    def bound_at(self, rate: FloatArray) -> FloatArray:
        """Return the Lagrangian bound on the cost of every policy; NaN out of reach.

        Lowered by what rounding can have done to V, so that it is a bound all the same.
        """
        rounding = _ROUNDING * self.slopes * self.reach
        lines = self.slopes * np.asarray(rate)[..., None] - self.values - rounding
        bound: FloatArray = np.maximum(lines.max(axis=-1, initial=0.0), 0.0)
        return np.where(rate <= self.reach + SAME_RATE, bound, np.nan)


def whole_hull(lattice: StepLattice) -> Hull:
    """Find every vertex of the lower hull."""
    return _search(lattice, None)


def hull_around(lattice: StepLattice, rate: float) -> Hull:
    """Find the part of the lower hull that decides the cost at one solve rate."""
    return _search(lattice, rate)


def _search(lattice: StepLattice, target: float | None) -> Hull:
    nothing = Point(0.0, 0.0, np.zeros(0, dtype=np.int64), 0.0)
    farthest = lattice.best(1.0, 0.0)
    found, slopes, values = [nothing, farthest], [], []
    # Depth first from the left; neighbours as close as rounding are not looked between.
    open_ = [(nothing, farthest)]
    while open_:
        low, high = open_.pop()
        outside = target is not None and not low.rate - SAME_RATE <= target <= high.rate + SAME_RATE
        if high.rate - low.rate <= SAME_RATE or outside:
            continue
        slope = (high.cost - low.cost) / (high.rate - low.rate)
        if slope <= 0:
            continue
        best = lattice.best(slope)
        slopes.append(slope)
        values.append(best.value)
        line = slope * low.rate - low.cost
        scale = slope * high.rate + abs(high.cost)
        inside = low.rate < best.rate < high.rate + SAME_RATE
        if inside and slope * best.rate - best.cost > line + _TOLERANCE * scale:
            found.append(best)
            open_ += [(best, high), (low, best)]
    return Hull(_vertices(found), np.array(slopes), np.array(values))


def _vertices(found: list[Point]) -> tuple[Point, ...]:
    """Return the lower hull of the points, ended where more cost buys no solve rate."""
    found = sorted(found, key=lambda point: (point.rate, point.cost))
    farthest = found[-1].rate
    known: dict[tuple[float, float], Point] = {}
    for point in found:
        known.setdefault((point.rate, point.cost), point)
    x, y = lower_hull(*np.array([(point.rate, point.cost) for point in found]).T)
    ends = np.flatnonzero(x >= farthest - SAME_RATE)
    last = int(ends[np.argmin(y[ends])])
    pairs = zip(x[: last + 1].tolist(), y[: last + 1].tolist(), strict=True)
    return tuple(known[pair] for pair in pairs)
