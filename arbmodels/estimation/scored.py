r"""Policies indexed by the solve rate they reach in training, and what they do on other instances.

On a training set the cheapest mixture of two plans that reaches a solve rate u lies on the lower
convex hull of the (solve rate, spend) of all plans; so do, for the market, the plans of the model
that is cheapest there. On the folds held out the market's policies that aim at u solve r(u) and
cost s(u), added up over the folds; so do the cascades that aim at v. The price at u is s(u), and
the cost is that of the cascades whose aim v solves r(u) there, too. Only training sets that reach u
with a model alone are compared, on both sides. In sample r(u) = u, and both are least spends.

Held-out outcomes choose neither policies nor the model that sells nor the solve rates looked at:
on pure noise (models of one law) the margin of the two is zero on average. Reading both spends off
held-out curves at r = u instead is not free of choice: solve rates that the market reaches by luck
are the ones where it looks cheap (-0.9 to -2.6 points on 100 instances), and the least price of
several models scored there is too low as well (-4.6 points).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt

from arbmodels.cascades.hull import hull_vertices, undominated
from arbmodels.cascades.lattice import Lattice, _tables, shortest_paths
from arbmodels.curves import SAME_RATE, Curves, blocks
from arbmodels.estimation.crossval_result import PriceAndCost
from arbmodels.estimation.kernels import walk_back
from arbmodels.passk import FloatArray

IntArray = npt.NDArray[np.int64]
#: Where training sets that reach a solve rate score a smaller share, nothing is said about it.
_LEAST_SHARE = 0.25


@dataclass(frozen=True, eq=False)
class Tables:
    """Sums over some instances, whose weights add up to ``weight``, for every state of a lattice.

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
        """Return the tables of the instances ``rows``, summed over these and no others.

        A training set is never what a fold leaves of the whole: the difference of two sums is
        rounded where it should be zero, and a plan that seems to gain 1e-16 of a solve rate would
        be bought at any price.
        """
        width = sum(len(grid) for grid in grids)
        parts = (cls._block(curves, grids, rows[cut]) for cut in blocks(len(rows), width))
        return reduce(add, parts)

    @classmethod
    def _block(cls, curves: Curves, grids: tuple[FloatArray, ...], rows: IntArray) -> Tables:
        # The curves take any index, not slices only.
        unsolved, *steps = _tables(curves, grids, cast(slice, rows))
        weight = float(curves.market.weight[rows].sum())
        return cls(grids, unsolved, tuple(steps), weight)

    def __add__(self, other: Tables) -> Tables:
        steps = tuple(a + b for a, b in zip(self.steps, other.steps, strict=True))
        return Tables(self.grids, self.unsolved + other.unsolved, steps, self.weight + other.weight)

    def lattice(self) -> Lattice:
        """Return the lattice of means over these instances, its shortest paths solved."""
        steps = tuple(step / self.weight for step in self.steps)
        rate = np.maximum(1.0 - self.unsolved / self.weight, 0.0)
        return Lattice(self.grids, rate, steps, shortest_paths(steps))


@dataclass(frozen=True, eq=False)
class ScoredPolicies:
    """The policies of a training set along its hull, and what they do on some instances.

    Policies between two neighbours mix them; beyond the last there is nothing but the last.

    Parameters
    ----------
    aimed, cost : float arrays [V], increasing
        Solve rate and spend in training.
    solved : float array [V]
    spend : float array [V, M]
        Weighted sums over the instances they were scored on; the spend by model.
    weight : float
        Of these instances.
    """

    aimed: FloatArray
    cost: FloatArray
    solved: FloatArray
    spend: FloatArray
    weight: float

    def cost_at(self, aims: FloatArray) -> FloatArray:
        """Return the spend in training at solve rates, infinite where they are out of reach."""
        # The reach itself is asked for, summed in another order.
        inside = np.where(
            aims <= self.aimed[-1] + SAME_RATE, np.minimum(aims, self.aimed[-1]), aims
        )
        cost: FloatArray = np.interp(inside, self.aimed, self.cost, right=np.inf)
        return cost

    def at(self, aims: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return solved [U] and spend [U, M] of the policies that aim at solve rates."""
        columns = [np.interp(aims, self.aimed, each) for each in self.spend.T]
        return np.interp(aims, self.aimed, self.solved), np.stack(columns, axis=1)


class _Sums(NamedTuple):
    """Mean solved [U] and spend [U, M]."""

    solved: FloatArray
    spend: FloatArray


def compare_held_out(
    alone: Sequence[Sequence[ScoredPolicies]],
    policies: Sequence[ScoredPolicies],
    rates: FloatArray,
) -> PriceAndCost:
    """Return the market price and the cost of some policies, chosen on other instances.

    The one protocol of every cross-validated margin; with one training set that is also what is
    scored, prices and costs in sample.

    Parameters
    ----------
    alone : sequence of sequences of ScoredPolicies, [folds][M]
        Every model alone.
    policies : sequence of ScoredPolicies, [folds]
        Whose cost is compared.
    rates : float array [U]

    Returns
    -------
    PriceAndCost
        NaN where training sets that reach a solve rate with a model alone score less than a
        quarter of the weight.
    """
    costs = np.array([[each.cost_at(rates) for each in fold] for fold in alone])
    known = np.isfinite(costs)
    some = known.any(axis=1)
    scores = [[each.at(rates) for each in fold] for fold in alone]
    sold = [_picked(*pair) for pair in zip(scores, costs.argmin(axis=1), strict=True)]
    weights = np.array([each.weight for each in policies])
    market = _mean(sold, some, weights)
    by_model = np.full(market.spend.shape, np.nan)
    aims = np.unique(np.concatenate([each.aimed for each in policies]))
    scored = [each.at(aims) for each in policies]
    # As the rate rises training sets drop out one by one, and the cascades of those left count.
    for left in np.unique(some.sum(axis=0)):
        here = some.sum(axis=0) == left
        reached = some[:, here][:, :1] & np.ones(len(aims), dtype=bool)
        by_model[here] = _read(_mean(scored, reached, weights), market.solved[here])
    prices = [
        _mean([fold[m] for fold in scores], known[:, m], weights).spend.sum(axis=1)
        for m in range(len(alone[0]))
    ]
    return PriceAndCost(np.stack(prices, axis=1), by_model.sum(axis=1), by_model, market.spend)


def _picked(
    scores: Sequence[tuple[FloatArray, FloatArray]], chosen: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Return solved and spend of the model chosen at every aim."""
    here = np.arange(len(chosen))
    return (
        np.stack([solved for solved, _ in scores])[chosen, here],
        np.stack([spend for _, spend in scores])[chosen, here],
    )


def _mean(
    scores: Sequence[tuple[FloatArray, FloatArray]],
    known: npt.NDArray[np.bool_],
    weights: FloatArray,
) -> _Sums:
    """Return means over the folds whose training sets reach an aim; NaN where these are few."""
    weight = weights @ known
    weight = np.where(weight >= _LEAST_SHARE * weights.sum(), weight, np.nan)
    pairs = list(zip(known, scores, strict=True))
    solved = np.sum([here * each[0] for here, each in pairs], axis=0)
    spend = np.sum([here[:, None] * each[1] for here, each in pairs], axis=0)
    return _Sums(solved / weight, spend / weight[:, None])


def _read(curve: _Sums, solved: FloatArray) -> FloatArray:
    """Return the spend by model where a curve solves as much, [U, M]; NaN beyond its end.

    Where it falls although the aim rises it is held at the largest so far, neighbours are mixed.
    """
    rate, total = np.maximum.accumulate(curve.solved), curve.spend.sum(axis=1)
    largest = np.where(total >= np.maximum.accumulate(total), np.arange(len(total)), 0)
    spend = curve.spend[np.maximum.accumulate(largest)]
    first = np.concatenate([[True], np.diff(rate) > 0])
    # The reach itself is asked for, summed in another order.
    asked = np.where(np.abs(solved - rate[-1]) <= SAME_RATE, rate[-1], solved)
    columns = [np.interp(asked, rate[first], each[first], right=np.nan) for each in spend.T]
    return np.stack(columns, axis=1)


def fit_and_score(fit: Tables, score: Tables) -> ScoredPolicies:
    """Find the hull of all plans on ``fit`` and score its vertices on ``score``."""
    lattice = fit.lattice()
    rate, spend = lattice.solve_rate.ravel(), lattice.spend.ravel()
    kept = undominated(rate, spend)
    vertex = kept[hull_vertices(rate[kept], spend[kept])]
    vertex = vertex[_gaining(rate[vertex])]
    return ScoredPolicies(
        rate[vertex],
        spend[vertex],
        score.weight - score.unsolved.ravel()[vertex],
        path_spend(lattice, vertex, score.steps),
        score.weight,
    )


def _gaining(rate: FloatArray) -> IntArray:
    """Return the vertices that gain more than rounding on those before them."""
    kept = [0]
    for v in range(1, len(rate)):
        if rate[v] > rate[kept[-1]] + SAME_RATE:
            kept.append(v)
    return np.array(kept, dtype=np.int64)


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
