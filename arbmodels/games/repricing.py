"""The cheapest cascade at any price multipliers, by shortest paths on re-priced steps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from arbmodels.cascades.last_step import crossing_steps
from arbmodels.cascades.lattice import Lattice
from arbmodels.compiling import compiled
from arbmodels.curves import SAME_RATE, Curves
from arbmodels.passk import FloatArray

IntArray = npt.NDArray[np.int64]


class Repricing:
    """The shortest-path problem of one solve rate, ready to be solved at many prices.

    Parameters
    ----------
    curves : Curves
        What the lattice was built on.
    lattice : Lattice
        At list prices. Multipliers scale its steps: a step of model m costs w_m as much.
    solve_rate : float
        Within the lattice's reach.
    """

    def __init__(self, curves: Curves, lattice: Lattice, solve_rate: float) -> None:
        shape = lattice.solve_rate.shape
        self.models = len(shape)
        # The cost of the step into a state, by model; infinite where there is none.
        into = np.full((self.models, lattice.solve_rate.size), np.inf)
        for m, steps in enumerate(lattice.step_spend):
            inside = [slice(None)] * self.models
            inside[m] = slice(1, None)
            into[m].reshape(shape)[tuple(inside)] = steps
        self._into = into
        self._strides = np.array([int(np.prod(shape[m + 1 :])) for m in range(self.models)])
        reached = np.flatnonzero(lattice.solve_rate.ravel() >= solve_rate - SAME_RATE)
        ends, last, rest = reached, np.full(len(reached), -1), np.zeros(len(reached))
        complete = all(
            np.isin(theirs, mine).all()
            for mine, theirs in zip(lattice.grids, curves.grids, strict=True)
        )
        if curves.continuous and complete:
            cuts = crossing_steps(lattice, solve_rate)
            ends = np.concatenate([ends, cuts.state])
            last = np.concatenate([last, cuts.model])
            rest = np.concatenate([rest, cuts.spend])
        self._ends, self._last, self._rest = ends, last, rest

    def cheapest(self, prices: FloatArray) -> tuple[float, FloatArray]:
        """Return the least cost and that cascade's spend on each model at list prices.

        Parameters
        ----------
        prices : float array [M]
            Multipliers > 0.
        """
        cost, bought = _cheapest(
            self._into, self._strides, self._ends, self._last, self._rest, prices
        )
        return float(cost), bought


@compiled
def _cheapest(  # noqa: PLR0917  # a compiled loop takes plain arrays
    into: FloatArray,
    strides: IntArray,
    ends: IntArray,
    last: IntArray,
    rest: FloatArray,
    prices: FloatArray,
) -> tuple[float, FloatArray]:
    models, states = into.shape
    spend = np.empty(states)
    origin = np.empty(states, np.int8)
    spend[0], origin[0] = 0.0, -1
    for state in range(1, states):
        best, by = np.inf, -1
        for m in range(models):
            if into[m, state] < np.inf:
                cost = spend[state - strides[m]] + prices[m] * into[m, state]
                if cost < best:
                    best, by = cost, m
        spend[state], origin[state] = best, by
    least, at = np.inf, 0
    for k in range(len(ends)):
        cost = spend[ends[k]]
        if last[k] >= 0:
            cost += prices[last[k]] * rest[k]
        if cost < least:
            least, at = cost, k
    bought = np.zeros(models)
    if last[at] >= 0:
        bought[last[at]] += rest[at]
    state = ends[at]
    while state > 0:
        m = origin[state]
        bought[m] += into[m, state]
        state -= strides[m]
    return least, bought
