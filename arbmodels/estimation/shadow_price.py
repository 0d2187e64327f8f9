r"""Policies indexed by the shadow price of a solved instance, fitted on some and scored on others.

At a shadow price of :math:`\lambda` dollars per unit of solve rate the best plan maximises
:math:`\lambda \cdot \text{solve rate} - \text{spend}`: a vertex of the lower convex hull of the
(solve rate, spend) of all plans, the same one for all :math:`\lambda` between the slopes of the
two edges that meet there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from arbmodels.cascades.hull import lower_hull
from arbmodels.cascades.lattice import Lattice, _tables, shortest_paths
from arbmodels.curves import Curves
from arbmodels.estimation.kernels import walk_back
from arbmodels.passk import FloatArray

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tables:
    """Sums over some instances, whose weights add up to ``weight``, for every state of a lattice.

    Tables of disjoint sets of instances add up, so that those of a training set are the whole
    market's less those of the fold that is held out.

    Parameters
    ----------
    grids : tuple of float arrays
        Amounts per model, from 0.
    unsolved : float array [K_1, .., K_M]
        Weight of the instances that a state leaves unsolved.
    steps : tuple of M float arrays
        Entry m has one row less on axis m: weighted spend of that step.
    weight : float
    """

    grids: tuple[FloatArray, ...]
    unsolved: FloatArray
    steps: tuple[FloatArray, ...]
    weight: float

    @classmethod
    def of(cls, curves: Curves, grids: tuple[FloatArray, ...], rows: IntArray) -> Tables:
        """Return the tables of the instances ``rows``."""
        # The curves take any index, not slices only.
        unsolved, *steps = _tables(curves, grids, cast(slice, rows))
        weight = float(curves.market.weight[rows].sum())
        return cls(grids, unsolved, tuple(steps), weight)

    def __add__(self, other: Tables) -> Tables:
        steps = tuple(a + b for a, b in zip(self.steps, other.steps, strict=True))
        return Tables(self.grids, self.unsolved + other.unsolved, steps, self.weight + other.weight)

    def without(self, other: Tables) -> Tables:
        """Return the tables of the instances that are not in ``other``, which are in these."""
        # Rounding must not make a step pay.
        steps = (np.maximum(a - b, 0.0) for a, b in zip(self.steps, other.steps, strict=True))
        return Tables(
            self.grids,
            np.maximum(self.unsolved - other.unsolved, 0.0),
            tuple(steps),
            self.weight - other.weight,
        )

    def lattice(self) -> Lattice:
        """Return the lattice of means over these instances, its shortest paths solved."""
        steps = tuple(step / self.weight for step in self.steps)
        rate = np.maximum(1.0 - self.unsolved / self.weight, 0.0)
        return Lattice(self.grids, rate, steps, shortest_paths(steps))


@dataclass(frozen=True, eq=False)
class ShadowPolicies:
    """The best plan for every shadow price, and what it does on some instances.

    Parameters
    ----------
    price : float array [V - 1], increasing, currency units per unit of solve rate
        Policy v is the best one between ``price[v - 1]`` and ``price[v]``; the first abstains.
    solved : float array [V]
    spend : float array [V, M]
        Weighted sums over the instances the policies were scored on; the spend by model.
    """

    price: FloatArray
    solved: FloatArray
    spend: FloatArray

    def at(self, price: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return solved and spend of the best policy at each shadow price (and just above it)."""
        chosen = np.searchsorted(self.price, price, side="right")
        return self.solved[chosen], self.spend[chosen]


def fit_and_score(fit: Tables, score: Tables) -> ShadowPolicies:
    """Find the best plan of every shadow price on ``fit`` and score it on ``score``."""
    lattice = fit.lattice()
    rate, spend, flat = _undominated(lattice)
    x, y = lower_hull(rate, spend)
    vertex = flat[np.searchsorted(rate, x)]
    slope = np.diff(y) / np.diff(x)
    solved = score.weight - score.unsolved.ravel()[vertex]
    return ShadowPolicies(slope, solved, path_spend(lattice, vertex, score.steps))


def path_spend(lattice: Lattice, flat: IntArray, steps: tuple[FloatArray, ...]) -> FloatArray:
    """Return what the lattice's cheapest paths to some states spend on other instances, by model.

    Parameters
    ----------
    lattice : Lattice
        Its shortest paths say what is bought, and in which order.
    flat : int array [V]
        States, as positions in the flattened lattice.
    steps : tuple of M float arrays
        Spend of every step on the other instances, as :attr:`Lattice.step_spend`.

    Returns
    -------
    float array [V, M]
    """
    own, other = (_padded(each) for each in (lattice.step_spend, steps))
    shape = np.array(lattice.spend.shape)
    strides = np.append(np.cumprod(shape[:0:-1])[::-1], 1)
    walked: FloatArray = walk_back(
        flat, np.stack([shape, strides]), lattice.spend.ravel(), own, other
    )
    return walked


def _padded(steps: tuple[FloatArray, ...]) -> FloatArray:
    """Flatten the steps of each model over the states they start from, [M, states]."""
    pads = np.eye(len(steps), dtype=int)
    columns = [
        np.pad(step, [(0, int(more)) for more in pad]).ravel()
        for step, pad in zip(steps, pads, strict=True)
    ]
    return np.stack(columns)


def pooled(parts: list[ShadowPolicies], weight: float) -> tuple[FloatArray, FloatArray]:
    """Return solve rate and spend of the pooled policies as the shadow price rises from zero.

    Parameters
    ----------
    parts : list of ShadowPolicies
        Scored on disjoint instances (or several times on all).
    weight : float
        Weight of all the instances together, repetitions counted.

    Returns
    -------
    solve_rate : float array [K]
    spend : float array [K, M]
        A point for every shadow price at which some part changes its plan. Where scores on other
        instances fall although the price rises, they are held at the largest so far, so that the
        solve rate and the spend on all models together never fall.
    """
    prices = np.unique(np.concatenate([[0.0], *(part.price for part in parts)]))
    scores = [part.at(prices) for part in parts]
    rate = np.sum([solved for solved, _ in scores], axis=0) / weight
    spend = np.sum([spend for _, spend in scores], axis=0) / weight
    total = spend.sum(axis=1)
    here = np.arange(len(total))
    largest = np.maximum.accumulate(np.where(total >= np.maximum.accumulate(total), here, 0))
    return np.maximum.accumulate(rate), spend[largest]


def spend_at(rates: FloatArray, solve_rate: FloatArray, spend: FloatArray) -> FloatArray:
    """Return the spend by model at solve rates along a pooled curve, [U, M]; NaN out of reach.

    Neighbours are mixed.
    """
    first = np.concatenate([[True], np.diff(solve_rate) > 0])
    columns = [np.interp(rates, solve_rate[first], each[first], right=np.nan) for each in spend.T]
    return np.stack(columns, axis=1)


def _undominated(lattice: Lattice) -> tuple[FloatArray, FloatArray, IntArray]:
    """Solve rates and spends of the states that no other beats, increasing, and their places."""
    rate, spend = lattice.solve_rate.ravel(), lattice.spend.ravel()
    order = np.lexsort((spend, -rate))
    least = np.minimum.accumulate(spend[order])
    kept = order[np.concatenate([[True], least[1:] < least[:-1]])][::-1]
    return rate[kept], spend[kept], kept
