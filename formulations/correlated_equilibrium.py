r"""Correlated equilibrium: what two sellers can be told to play and will.

Problem. Two sellers choose prices from short lists, and each pair of prices gives each of them a
profit. A mediator (a platform, a public signal) draws a pair and tells each seller its own part
only. A correlated equilibrium is a distribution under which neither gains by doing something other
than told. Which of them has the largest total profit?

Sets:
    I          actions of the first seller
    J          actions of the second seller

Parameters (with units):
    A[i, j]    profit of the first seller, currency units
    B[i, j]    profit of the second seller, currency units

Variables:
    p[i, j]    probability of the pair of actions

Objective:
    max  sum_(i,j) (A[i, j] + B[i, j]) p[i, j]

Constraints:
    first:     sum_j (A[i, j] - A[k, j]) p[i, j] >= 0     for all i, k in I
    second:    sum_i (B[i, j] - B[i, l]) p[i, j] >= 0     for all j, l in J
    total:     sum_(i,j) p[i, j] = 1
    sign:      p[i, j] >= 0                               for all i in I and j in J

Size:
    |I| |J| continuous variables; |I| (|I| - 1) + |J| (|J| - 1) + 1 rows.

Every Nash equilibrium is one of these, so the program is never infeasible, and its value is a bound
on what any Nash equilibrium of the game pays in total. It is linear, where a Nash equilibrium is a
complementarity problem (Aumann 1974, "Subjectivity and correlation in randomized strategies").
"""

from __future__ import annotations

from typing import NamedTuple

import cvxpy as cp
import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

import arbmodels as arb

FloatArray = npt.NDArray[np.float64]


class Correlated(NamedTuple):
    """Distribution over pairs of actions [I, J], total profit, and the largest gain left."""

    probability: FloatArray
    total: float
    epsilon: float


def build(first: FloatArray, second: FloatArray) -> cp.Problem:
    """Return the program as a CVXPY problem with variable ``p`` [I, J].

    Parameters
    ----------
    first, second : float array [I, J], currency units

    Raises
    ------
    arb.InputError
        If the shapes differ or a profit is not finite.
    """
    if first.ndim != 2 or first.shape != second.shape:
        raise arb.InputError(f"Profits have shapes {first.shape} and {second.shape}; give [I, J].")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise arb.InputError("A profit is not finite.")
    # Variables
    p = cp.Variable(first.shape, nonneg=True, name="p")
    # Objective
    objective = cp.Maximize(cp.sum(cp.multiply(first + second, p)))
    # Constraints: row i of p against playing k instead, column j against l.
    constraints = [cp.sum(p) == 1]
    constraints += [cp.sum(cp.multiply(first - row, p), axis=1) >= 0 for row in first]
    constraints += [cp.sum(cp.multiply(second - col[:, None], p), axis=0) >= 0 for col in second.T]
    return cp.Problem(objective, constraints)


def gain(first: FloatArray, second: FloatArray, probability: FloatArray) -> float:
    """Return the largest expected gain from any deviation, currency units."""
    by_first = (first[None] - first[:, None]) * probability[None]  # [k, i, j], the loss
    by_second = (second[:, None, :] - second[:, :, None]) * probability[:, None]  # [i, l, j]
    return float(max(0.0, -by_first.sum(axis=2).min(), -by_second.sum(axis=0).min()))


def solve(first: FloatArray, second: FloatArray) -> Correlated:
    """Return the correlated equilibrium with the largest total profit; see :func:`build`.

    Raises
    ------
    arb.InputError
        As :func:`build`.
    arb.SolverError
        If HiGHS does not return an optimum.
    """
    problem = build(first, second)
    problem.solve(solver=cp.HIGHS, primal_feasibility_tolerance=1e-9)
    if problem.status != cp.OPTIMAL:
        raise arb.SolverError(f"CVXPY reports {problem.status}.")
    p = np.clip(np.asarray(problem.var_dict["p"].value, dtype=float), 0.0, None)
    p /= p.sum()
    return Correlated(p, float(((first + second) * p).sum()), gain(first, second, p))


def answers(rng: np.random.Generator) -> dict[str, float]:
    """Solve one small game by CVXPY and by SciPy on its dual; see ``arb.registry.check``."""
    first, second = rng.uniform(0.0, 1.0, (2, 3, 3))
    found = solve(first, second)
    if found.epsilon > 1e-7:
        return {"cvxpy": np.nan, "scipy, dual": 0.0}
    # The dual: min t over y[i, k], z[j, l] >= 0 with t >= profit plus what deviations would lose.
    size = len(first)
    rows, right = [], []
    for i in range(size):
        for j in range(size):
            y, z = np.zeros((size, size)), np.zeros((size, size))
            y[i], z[j] = first[i, j] - first[:, j], second[i, j] - second[i]
            rows.append(np.concatenate([[-1.0], y.ravel(), z.ravel()]))
            right.append(-(first[i, j] + second[i, j]))
    cost = np.zeros(1 + 2 * size**2)
    cost[0] = 1.0
    bounds = [(None, None), *[(0, None)] * (2 * size**2)]
    dual = linprog(cost, A_ub=np.array(rows), b_ub=np.array(right), bounds=bounds)
    return {"cvxpy": found.total, "scipy, dual": float(dual.fun)}
