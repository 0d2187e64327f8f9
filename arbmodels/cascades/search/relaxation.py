r"""A small lattice whose shortest paths bound every policy from below.

Take any policy: a path through the amounts, or a random choice among paths. Round its amounts at
random to knots, model m's amount x between knots s < t to t with probability
:math:`\varphi = (x - s)/(t - s)`, by one uniform number per model, so that a path becomes a path
of the small lattice. Let V be values at the knots whose interpolation :math:`\tilde V` is nowhere
above the failure curve F (:mod:`arbmodels.cascades.search.minorant`). Charge for model m's step
from s to t, the others at a,

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

from arbmodels.cascades.hull import hull_vertices, undominated
from arbmodels.cascades.lattice import OutOfTimeError, mean_products
from arbmodels.cascades.search.kernels import least_through, losses, shortest
from arbmodels.cascades.search.minorant import minorant
from arbmodels.cascades.search.natural import Natural
from arbmodels.passk import FloatArray

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
    knots: tuple[npt.NDArray[np.int64], ...]
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
    def undominated(self) -> npt.NDArray[np.int64]:
        """States that no other reaches as far for less, by rising solve rate."""
        return undominated(1.0 - self.unsolved, self.charge)

    @cached_property
    def hull(self) -> npt.NDArray[np.int64]:
        """States on the lower convex hull of (solve rate, charge), by rising solve rate."""
        kept = self.undominated
        return kept[hull_vertices(1.0 - self.unsolved[kept], self.charge[kept])]

    def reaching(self, solve_rates: FloatArray) -> npt.NDArray[np.int64]:
        """Cheapest states that solve each rate, and the next two: single plans to try."""
        kept = self.undominated
        first = np.searchsorted(1.0 - self.unsolved[kept], solve_rates)
        position = np.minimum(first[:, None] + np.arange(3), len(kept) - 1)
        states: npt.NDArray[np.int64] = kept[np.unique(position)]
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

    def furthest(self, m: int, state: int) -> npt.NDArray[np.int64]:
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


def relax(
    natural: Natural, knots: tuple[npt.NDArray[np.int64], ...], deadline: float = np.inf
) -> Relaxation:
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
