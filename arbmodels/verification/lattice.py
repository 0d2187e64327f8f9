r"""The lattice of attempts made per model, all rejected so far, and the best policies on it.

In state a = (a_1, .., a_M) an instance is unanswered with probability prod_m F_im(a_m), whatever
the order. One more attempt of model m delivers a right answer with probability
:math:`\sum_i w_i R_{im}(a_m) \prod_{m' \ne m} F_{im'}(a_{m'})`, and a wrong answer and a bill
likewise. Nothing else is ever learnt, so a policy is a path from the origin that may stop anywhere
(or a mixture of such paths), and for a fixed value of a right answer the best one follows from

.. math:: V(a) = \max\left(0, \max_m \text{gain}_m(a) - \text{cost}_m(a) + V(a + e_m)\right).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from arbmodels.cascades.lattice import mean_products
from arbmodels.curves import blocks
from arbmodels.errors import InputError
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan
from arbmodels.verification._kernels import best_path
from arbmodels.verification.curves import VerdictCurves

#: Models and states of the largest lattice: some 2 GB of arrays for four models.
MAX_MODELS, MAX_STATES = 4, 20_000_000


class Point(NamedTuple):
    """A path: its solve rate, its cost (penalties included), its steps, and its value V."""

    rate: float
    cost: float
    steps: npt.NDArray[np.int64]
    value: float


@dataclass(frozen=True, eq=False)
class StepLattice:
    """What every step gains and costs.

    Parameters
    ----------
    names : tuple of str, length M
        Models that may be bought from.
    gain, cost : float arrays [M, S]
        Of the step of model m from each state (flattened): right answers, and currency units
        with penalties; the cost is infinite where a step would leave the lattice.
    sizes : int array [M]
        States per axis.
    """

    names: tuple[str, ...]
    gain: FloatArray
    cost: FloatArray
    sizes: npt.NDArray[np.int64]

    def best(self, value_of_gain: float, value_of_cost: float = 1.0) -> Point:
        """Return the path with the largest value_of_gain x rate - value_of_cost x cost."""
        strides = np.append(np.cumprod(self.sizes[:0:-1])[::-1], 1).astype(np.int64)
        path = np.empty(int((self.sizes - 1).sum()), dtype=np.int64)
        value, rate, cost, length = best_path(
            self.gain, self.cost, strides, value_of_gain, value_of_cost, path
        )
        return Point(rate, cost, path[:length], value)


def plan_of(steps: npt.NDArray[np.int64], models: Sequence[str]) -> Plan:
    """Return the plan of a path, consecutive attempts of a model in one stage."""
    starts = np.flatnonzero(np.diff(steps, prepend=-1))
    runs = np.diff(np.append(starts, len(steps)))
    stages = zip(steps[starts].tolist(), runs.tolist(), strict=True)
    return Plan(tuple((models[m], float(run)) for m, run in stages))


def step_lattice(
    curves: VerdictCurves, wrong_cost: float, models: Sequence[str] | None = None
) -> StepLattice:
    """Tabulate the steps of some models (all by default).

    Parameters
    ----------
    curves : VerdictCurves
    wrong_cost : float, currency units per wrong answer
        Added to the cost; negative where a wrong answer earns more than it costs.
    models : sequence of str, optional

    Raises
    ------
    InputError
        If there are more than four models or the lattice is too large.
    """
    market = curves.market
    names = market.models if models is None else tuple(models)
    columns = [market.model_index(model) for model in names]
    sizes = np.array([curves.models[m].rejected.shape[1] for m in columns])
    states = int(np.prod(sizes.astype(float)))
    if len(names) > MAX_MODELS or states > MAX_STATES:
        raise InputError(
            f"The lattice method takes up to {MAX_MODELS} models and {MAX_STATES:,} states, not"
            f" {len(names)} models and {' x '.join(map(str, sizes))} = {states:,} states. Choose"
            " models with market.select(models=[...]), or give a smaller max_attempts."
        )
    per_check = curves.verifier.rates(market.models).cost
    price = np.where(market.recorded, market.cost, 0.0) + per_check
    gain, cost = np.zeros((len(names), states)), np.full((len(names), states), np.inf)
    for position, m in enumerate(columns):
        inside = tuple(
            slice(0, size - (axis == position)) for axis, size in enumerate(sizes.tolist())
        )
        shape = tuple(sizes - (np.arange(len(sizes)) == position))
        gained, paid = np.zeros(shape), np.zeros(shape)
        for rows in blocks(len(market.instances), int(2 * sizes.sum())):
            others = [curves.models[other].rejected[rows].T for other in columns]
            curve, weight = curves.models[m], market.weight[rows]
            bill = curve.bought[rows] * price[rows, m, None] + wrong_cost * curve.wrong[rows]
            for total, table in ((gained, curve.right[rows]), (paid, bill)):
                factors = [*others[:position], table.T, *others[position + 1 :]]
                np.add(total, mean_products(weight, factors), out=total)
        gain[position].reshape(sizes)[inside] = gained
        cost[position].reshape(sizes)[inside] = paid
    return StepLattice(tuple(names), gain, cost, sizes)
