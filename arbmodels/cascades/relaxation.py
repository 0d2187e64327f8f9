r"""A small lattice whose shortest paths bound every policy from below.

Take any policy: a path through the amounts, or a random choice among paths. Round its amounts at
random to knots, model m's amount x between knots s < t to t with probability
:math:`\varphi = (x - s)/(t - s)`, by one uniform number per model, so that a path becomes a path
of the small lattice. Let V be values at the knots whose interpolation :math:`\tilde V` is nowhere
above the failure curve F. Charge for model m's step from s to t, the others at a,

.. math:: \sum_i w_i (G_{im}(t) - G_{im}(s)) \prod_{j \ne m} V_{ij}(a_j).

* Rounding is independent over models, so the expected product of the others' V is
  :math:`\prod_j \tilde V_{ij} \le \prod_j F_{ij}`.
* The spend curve G is concave (F falls), so the part :math:`\varphi` of its rise over a cell that
  is charged by x is no more than what is spent by x; what the others leave unsolved by F falls
  along the path, so charging later is charging less.

The rounded path is therefore charged, on average, at most what the policy spends, and it leaves on
average at most what the policy leaves unsolved. A policy that solves a share u of the instances
spends at least the least charge of a *mixture* of paths on the small lattice that solves u there:
the lower convex hull of its states. Cells without amounts inside lose nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from arbmodels._compiling import compiled
from arbmodels.cascades.lattice import (
    IntArray,
    OutOfTimeError,
    hull_vertices,
    mean_products,
    shortest,
    undominated,
)
from arbmodels.cascades.tables import Natural
from arbmodels.passk import FloatArray


class Bounds:
    """For a price, no policy has a smaller sum of spend and priced unsolved share than ``value``.

    One that solves u therefore spends at least value - price (1 - u).

    Attributes
    ----------
    largest : int
        States of the largest lattice that was made for them.
    """

    def __init__(self) -> None:
        self.largest = 0
        self._price: list[float] = []
        self._value: list[float] = []

    def add(self, price: float, value: float) -> None:
        """Take note of a bound, both in currency units per instance."""
        self._price.append(price)
        self._value.append(value)

    def pairs(self) -> list[tuple[float, float]]:
        """Return all prices with their values."""
        return list(zip(self._price, self._value, strict=True))

    def at(self, solve_rate: FloatArray) -> FloatArray:
        """Return the best bound on the spend at each solve rate, [U]."""
        price, value = np.array(self._price), np.array(self._value)
        every = value - price * (1.0 - solve_rate[:, None])
        least: FloatArray = every.max(axis=1, initial=0.0)
        return least


class Excluded:
    """What is known of policies that a search leaves out.

    At some prices their spend plus priced unsolved share is at least a value. A policy's sum is
    linear in the price, so between two prices its bounds interpolate; it never falls with the
    price, and no faster than in proportion.
    """

    def __init__(self) -> None:
        self._known: list[tuple[FloatArray, FloatArray]] = []

    def __bool__(self) -> bool:
        return bool(self._known)

    def add(self, prices: FloatArray, values: FloatArray) -> None:
        """Take note of policies left out; prices increasing."""
        self._known.append((np.append(0.0, prices), np.append(0.0, values)))

    def bound(self, price: float) -> float:
        """Return what none of them undercuts at a price; infinite where none is left out."""
        every = (float(np.interp(price, prices, values)) for prices, values in self._known)
        return min(every, default=float("inf"))


#: Times that every value is raised as far as its neighbours allow.
_SWEEPS = 3


def minorant(amounts: FloatArray, floor: FloatArray, knots: IntArray) -> FloatArray:
    """Return values at the knots whose linear interpolation is nowhere above ``floor``.

    Parameters
    ----------
    amounts : increasing float array [K]
    floor : float array [K, N]
        Never rising down a column, >= 0.
    knots : increasing int array [T]
        Positions, the first 0, the last K - 1 or where the curves end to fall.

    Returns
    -------
    float array [T, N]
        Between 0 and ``floor`` at the knots.
    """
    return _minorants(amounts, np.ascontiguousarray(floor.T), knots, _SWEEPS).T


@compiled
def _minorants(
    amounts: FloatArray, floor: FloatArray, knots: IntArray, sweeps: int
) -> FloatArray:  # pragma: no cover - compiled
    values = np.empty((len(floor), len(knots)))
    for row in range(len(floor)):
        _one(amounts, floor[row], knots, sweeps, values[row])
    return values


@compiled
def _one(
    x: FloatArray, f: FloatArray, knots: IntArray, sweeps: int, out: FloatArray
) -> None:  # pragma: no cover - compiled
    last = len(knots) - 1
    for k in range(last + 1):
        out[k] = f[knots[k]]
    for k in range(last):
        low, high = knots[k], knots[k + 1]
        if high - low > 1:
            left, right = _support(x, f, low, high)
            out[k] = min(out[k], left)
            out[k + 1] = min(out[k + 1], right)
    # Where two cells meet the lower of their lines counts; raise what that leaves slack.
    for _ in range(sweeps):
        for k in range(last + 1):
            most = f[knots[k]]
            if k < last:
                most = min(most, _most(x, f, knots[k], knots[k + 1], out[k + 1], True))
            if k > 0:
                most = min(most, _most(x, f, knots[k - 1], knots[k], out[k - 1], False))
            out[k] = max(out[k], most)


@compiled
def _support(
    x: FloatArray, f: FloatArray, low: int, high: int
) -> tuple[float, float]:  # pragma: no cover - compiled
    """Return the ends of the line below f on a cell, >= 0, with the largest sum.

    An edge of the lower hull above the middle of the cell, or the steepest line with right end 0.
    """
    middle = 0.5 * (x[low] + x[high])
    # The line through (middle, y) with the largest y: maximise over slopes. The tight points on
    # both sides of the middle are found by walking the hull edge over it.
    left, right = low, high
    moved = True
    while moved:
        moved = False
        slope = (f[right] - f[left]) / (x[right] - x[left])
        below, at = 0.0, -1
        for j in range(low, high + 1):
            gap = f[left] + slope * (x[j] - x[left]) - f[j]
            if gap > below + 1e-15:
                below, at = gap, j
        if at >= 0:
            if x[at] <= middle:
                left = at
            else:
                right = at
            moved = True
    slope = (f[right] - f[left]) / (x[right] - x[left])
    end = f[left] + slope * (x[high] - x[left])
    if end >= 0.0:
        return f[left] - slope * (x[left] - x[low]), end
    start = np.inf
    for j in range(low, high):
        start = min(start, f[j] * (x[high] - x[low]) / (x[high] - x[j]))
    return start, 0.0


@compiled
def _most(  # noqa: PLR0917 - numba takes positions
    x: FloatArray, f: FloatArray, low: int, high: int, other: float, left: bool
) -> float:  # pragma: no cover - compiled
    """Largest value at one end of a cell whose line to ``other`` at its other end is below f."""
    width = x[high] - x[low]
    most = np.inf
    for j in range(low + 1, high):
        share = (x[high] - x[j]) / width if left else (x[j] - x[low]) / width
        most = min(most, (f[j] - (1.0 - share) * other) / share)
    return most


#: Rounding in sums over instances must not lift the bound.
_SAFE = 1e-10


@dataclass(frozen=True, eq=False)
class Relaxation:
    """The small lattice, solved.

    Parameters
    ----------
    natural : Natural
    knots : tuple of int arrays
        Positions on each model's own grid, from 0 to its last useful amount.
    values : tuple of float arrays [T_m, N]
        V at the knots.
    steps : float array [M, S], currency units per instance
        Charge of the step of model m that starts in the state.
    unsolved : float array [S]
        sum_i w_i prod_m V_im(a_m).
    charge : float array [S], currency units per instance
        Least charge of a path to the state.
    model : int array [S]
        Bought last on it.
    """

    natural: Natural
    knots: tuple[IntArray, ...]
    values: tuple[FloatArray, ...]
    steps: FloatArray
    unsolved: FloatArray
    charge: FloatArray
    model: npt.NDArray[np.int8]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Knots per model."""
        return tuple(len(knots) for knots in self.knots)

    @property
    def states(self) -> int:
        """Size of the small lattice."""
        return len(self.charge)

    @cached_property
    def undominated(self) -> IntArray:
        """States that no other reaches as far for less, by rising solve rate."""
        return undominated(1.0 - self.unsolved, self.charge)

    @cached_property
    def hull(self) -> IntArray:
        """States on the lower convex hull of (solve rate, charge), by rising solve rate."""
        kept = self.undominated
        return kept[hull_vertices(1.0 - self.unsolved[kept], self.charge[kept])]

    def reaching(self, solve_rates: FloatArray) -> IntArray:
        """Cheapest states that solve each rate, and the next two: single plans to try."""
        kept = self.undominated
        first = np.searchsorted(1.0 - self.unsolved[kept], solve_rates)
        position = np.minimum(first[:, None] + np.arange(3), len(kept) - 1)
        states: IntArray = kept[np.unique(position)]
        return states

    @cached_property
    def prices(self) -> FloatArray:
        """Slopes of the hull, currency units per solved instance, increasing."""
        slopes: FloatArray = np.diff(self.charge[self.hull]) / -np.diff(self.unsolved[self.hull])
        return slopes

    def runs(self, state: int) -> list[tuple[int, int]]:
        """Return the path to a state as runs (model, knot it is taken to), step by step."""
        here = [int(i) for i in np.unravel_index(state, self.sizes)]
        flat, runs = int(state), []
        strides = np.cumprod((1, *self.sizes[:0:-1]))[::-1].tolist()
        while (m := int(self.model[flat])) >= 0:
            runs.append((m, here[m]))
            here[m] -= 1
            flat -= strides[m]
        return runs[::-1]

    def purchases(self, state: int) -> list[tuple[int, int]]:
        """Return the path to a state as runs (model, natural position it is taken to)."""
        return [(m, int(self.knots[m][k])) for m, k in self.runs(state)]

    def best(self, price: float) -> tuple[int, float]:
        """State with the least charge plus ``price`` times what it leaves unsolved, and that sum.

        No policy within the knots' ends has a smaller sum of spend and priced unsolved share.
        """
        total = self.charge + price * self.unsolved
        state = int(np.argmin(total))
        return state, float(total[state]) * (1.0 - _SAFE)

    def ends(self, price: float, most: float) -> tuple[int, ...]:
        """How far a policy may go whose spend plus priced unsolved share is below ``most``.

        A policy that takes model m beyond a knot passes that knot, and so is charged, with what
        it leaves priced, at least the least sum of the paths through the knot.

        Returns
        -------
        tuple of int
            Per model the first knot through which that is ``most`` or more; else the last.
        """
        sizes = np.array(self.sizes, dtype=np.int64)
        least = least_through(
            self.steps, sizes, self.charge, self.unsolved, price, int(sizes.max())
        )
        beyond = least * (1.0 - _SAFE) >= most
        return tuple(
            int(np.argmax(row[:size])) if row[:size].any() else int(size) - 1
            for row, size in zip(beyond, sizes, strict=True)
        )

    def furthest(self, m: int, state: int) -> IntArray:
        """Return, per cell of model m, the amount inside it where F is furthest above V.

        Instances count by what the other models have left of them at ``state``; 0 where no amount
        lies inside.
        """
        here = np.unravel_index(state, self.sizes)
        left = self.natural.weight.copy()
        for other, values in enumerate(self.values):
            if other != m:
                left = left * values[here[other]]
        natural, knots = self.natural, self.knots[m]
        amounts = natural.amounts[m]
        exact = natural.of(natural.floor, m) @ left
        bound = exact[knots]
        above = np.interp(amounts, amounts[knots], bound) - exact
        inside = np.zeros(len(knots) - 1, dtype=np.int64)
        for cell, (low, high) in enumerate(pairwise(knots)):
            if high - low > 1:
                inside[cell] = low + 1 + int(np.argmax(above[low + 1 : high]))
        return inside

    def losses(self, state: int, price: float) -> list[FloatArray]:
        """Return what every knot's value costs the bound at a state, per model [T_m]."""
        natural = self.natural
        rows = [natural.first[m] + knots for m, knots in enumerate(self.knots)]
        every = np.concatenate(rows)
        first = np.concatenate([[0], np.cumsum(self.sizes)])
        models = np.array([m for m, _ in self.runs(state)], dtype=np.int64)
        lost = losses(
            natural.weight,
            np.concatenate(self.values),
            natural.failure[every],
            natural.spend[every],
            first,
            models,
            price,
        )
        return [lost[first[m] : first[m + 1]] for m in range(len(rows))]


@compiled
def losses(  # noqa: PLR0917 - numba takes positions
    weight: FloatArray,
    values: FloatArray,
    exact: FloatArray,
    spend: FloatArray,
    first: IntArray,
    models: IntArray,
    price: float,
) -> FloatArray:  # pragma: no cover - compiled
    """Return what a path's charge plus ``price`` times what it leaves loses by each knot's value.

    To first order: the change if the value at this knot alone were the exact one.

    Parameters
    ----------
    weight : float array [N]
    values, exact, spend : float arrays [knots of all models, N]
        V, F and G at the knots; model m's from row ``first[m]``.
    models : int array [P]
        Whose knot is moved on by one, step by step.
    price : float, currency units per instance

    Returns
    -------
    float array [knots of all models]
    """
    count, rows = len(first) - 1, len(weight)
    lost = np.zeros(len(values))
    here = first[:-1].copy()
    for p in range(len(models) + 1):
        m = models[p] if p < len(models) else -1
        for i in range(rows):
            base = weight[i] * price
            if m >= 0:
                base = weight[i] * (spend[here[m] + 1, i] - spend[here[m], i])
            if base == 0.0:
                continue
            for j in range(count):
                short = exact[here[j], i] - values[here[j], i]
                if j == m or short == 0.0:
                    continue
                for other in range(count):
                    if other not in (m, j):
                        short *= values[here[other], i]
                lost[here[j]] += base * short
        if m >= 0:
            here[m] += 1
    return lost


@compiled
def least_through(  # noqa: PLR0917 - numba takes positions
    steps: FloatArray,
    sizes: IntArray,
    charge: FloatArray,
    unsolved: FloatArray,
    price: float,
    knots: int,
) -> FloatArray:  # pragma: no cover - compiled
    """Least charge plus ``price`` times what is left, of paths through each knot of each model.

    Parameters
    ----------
    steps, sizes :
        As in :func:`shortest`, and ``charge`` its result.
    unsolved : float array [S]
    price : float, currency units per instance
    knots : int
        Largest number of knots of a model.

    Returns
    -------
    float array [M, knots]
        Infinite where a model has fewer knots.
    """
    count, states = steps.shape
    stride = np.ones(count, np.int64)
    for m in range(count - 2, -1, -1):
        stride[m] = stride[m + 1] * sizes[m + 1]
    ahead = np.empty(states)
    least = np.full((count, knots), np.inf)
    position = sizes - 1
    for state in range(states - 1, -1, -1):
        best = price * unsolved[state]
        for m in range(count):
            if position[m] < sizes[m] - 1:
                best = min(best, steps[m, state] + ahead[state + stride[m]])
        ahead[state] = best
        through = charge[state] + best
        for m in range(count):
            least[m, position[m]] = min(least[m, position[m]], through)
        for m in range(count - 1, -1, -1):
            position[m] -= 1
            if position[m] >= 0:
                break
            position[m] = sizes[m] - 1
    return least


def relax(natural: Natural, knots: tuple[IntArray, ...], deadline: float = np.inf) -> Relaxation:
    """Tabulate the small lattice on some knots and solve it.

    Raises
    ------
    OutOfTimeError
        If ``deadline``, by :func:`time.monotonic`, passes meanwhile.
    """
    values = []
    for m, (amounts, chosen) in enumerate(zip(natural.amounts, knots, strict=True)):
        if time.monotonic() > deadline:
            raise OutOfTimeError
        values.append(minorant(amounts, natural.of(natural.floor, m), chosen))
    sizes = np.array([len(chosen) for chosen in knots], dtype=np.int64)
    steps = np.empty((len(knots), int(sizes.prod())))
    for m, chosen in enumerate(knots):
        spend = natural.of(natural.spend, m)[chosen]
        rise = np.diff(spend, axis=0, append=spend[-1:])
        factors = [*values[:m], rise, *values[m + 1 :]]
        steps[m] = mean_products(natural.weight, factors, deadline).ravel()
    unsolved = mean_products(natural.weight, values, deadline).ravel()
    charge, model = shortest(steps, sizes)
    return Relaxation(natural, knots, tuple(values), steps, unsolved, charge, model)
