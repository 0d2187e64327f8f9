"""Random arrays for formulations, the same as a routing problem, and their enumeration."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest

import arbmodels as arb
from arbmodels.errors import InfeasibleError
from arbmodels.formulations.solving import solve_for_plans

#: Relative slack of limits and objectives.
CLOSE = 2e-6


def languages(module):
    """Return a fixture ``solve`` that finds a formulation's plans by Pyomo, then by CVXPY."""

    @pytest.fixture(scope="module", params=["pyomo", "cvxpy"], name="solve")
    def fixture(request):
        build = getattr(module, f"build_{request.param}")
        return lambda *arrays, **limits: solve_for_plans(build(*arrays, **limits))

    return fixture


@dataclass(frozen=True)
class Case:
    """N instances, M models tried once each, and abstaining as the last plan.

    ``value`` and ``spend`` [N, M + 1] are those of a routing problem: weighted, NaN in value where
    a pair is not offered.
    """

    solve: np.ndarray
    price: np.ndarray
    offered: np.ndarray
    weight: np.ndarray
    segment: np.ndarray
    seconds: np.ndarray
    value: np.ndarray
    spend: np.ndarray

    @property
    def times(self):
        return len(self.weight) * self.weight

    @property
    def attempts(self):
        """Attempts of every model, [N, M + 1, M]."""
        models = self.solve.shape[1]
        return self.times[:, None, None] * np.eye(models + 1, models)[None]

    @property
    def latency(self):
        return np.column_stack([self.seconds, np.zeros(len(self.seconds))])

    def problem(self, **options):
        return arb.RoutingProblem.from_arrays(
            self.solve,
            self.price,
            weight=self.weight,
            segment=[f"s{k}" for k in self.segment],
            offered=self.offered,
            latency=self.seconds,
            **options,
        )

    def choices(self):
        """All assignments, [A, N]."""
        options = [np.flatnonzero(~np.isnan(row)) for row in self.value]
        return np.array(list(product(*options)))

    def total(self, array, choices):
        """Sum of an array [N, M + 1] over the instances, for one or many assignments."""
        return array[np.arange(len(array)), choices].sum(axis=-1)


def draw(seed, instances=4, models=3, missing=0.2):
    rng = np.random.default_rng(seed)
    shape = (instances, models)
    solve = rng.beta(0.6, 0.6, shape)
    price = rng.exponential(1.0, shape) * np.exp(rng.normal(0.0, 0.7, models))
    offered = rng.random(shape) >= missing
    weight = rng.uniform(0.2, 1.0, instances) if rng.random() < 0.5 else np.ones(instances)
    weight = weight / weight.sum()
    nothing = np.zeros((instances, 1))
    value = np.column_stack([np.where(offered, weight[:, None] * solve, np.nan), nothing])
    spend = np.column_stack([instances * weight[:, None] * price, nothing])
    segment = rng.permutation(np.arange(instances) % min(3, instances))
    seconds = rng.exponential(10.0, shape)
    return Case(solve, price, offered, weight, segment, seconds, value, spend)


def agree(solve, case, objective, holds, best, *, sign=1.0):
    """A formulation reaches the best of all assignments, or says that there is none.

    ``solve`` returns a choice, ``objective`` and ``holds`` judge one; ``best`` is None if none is
    feasible.
    """
    if best is None:
        with pytest.raises(InfeasibleError):
            solve()
        return
    choice = solve()
    assert np.isfinite(case.total(case.value, choice)), "a pair that is not offered"
    assert holds(choice)
    assert sign * objective(choice) >= sign * best - CLOSE * max(abs(best), 1e-3)


def best_of(values, feasible, sign=1.0):
    return sign * (sign * values[feasible]).max() if feasible.any() else None


def below(total, limit):
    return total <= limit + 1e-7 * max(abs(limit), 1.0) if np.isfinite(limit) else total < np.inf


def library_best(problem):
    """Return the library's objective, None if infeasible."""
    try:
        result = problem.solve(gap=1e-7)
    except InfeasibleError:
        return None
    assert result.status == "optimal"
    return result.objective


def same(library, best):
    if best is None:
        assert library is None
    else:
        assert library == pytest.approx(best, rel=CLOSE, abs=1e-8)
