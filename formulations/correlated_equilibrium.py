r"""Correlated equilibrium: what two sellers can be told to play and will.

Two sellers choose prices from short lists, and each pair of prices gives each of them a profit. A
mediator (a platform, a public signal) draws a pair and tells each seller its own part only. A
correlated equilibrium is a distribution under which neither gains by doing something other than
told. Which of them has the largest total profit?

**Sets**

- $I$: actions of the first seller
- $J$: actions of the second seller

**Parameters**

- $A_{i,j}$: profit of the first seller [currency units]
- $B_{i,j}$: profit of the second seller [currency units]

**Variables**

- $p_{i,j} \ge 0$: probability of the pair of actions

**Objective**

$$\max \sum_{i,j} (A_{i,j} + B_{i,j}) p_{i,j}$$

**Constraints**

- first: $\sum_{j} (A_{i,j} - A_{k,j}) p_{i,j} \ge 0$ for all $i, k \in I$
- second: $\sum_{i} (B_{i,j} - B_{i,l}) p_{i,j} \ge 0$ for all $j, l \in J$
- total: $\sum_{i,j} p_{i,j} = 1$

**Size**

$|I| |J|$ continuous variables; $|I| (|I| - 1) + |J| (|J| - 1) + 1$ rows.

**In the library**

``arb.games.FiniteGame.correlated``. Every Nash equilibrium is a correlated one, so the program is
never infeasible, and its value is a bound on what any Nash equilibrium of the game pays in total.
It is linear, where a Nash equilibrium is a complementarity problem.

**References**

Aumann 1974, "Subjectivity and correlation in randomized strategies", Journal of Mathematical
Economics.
"""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pyomo.environ as pyo
from scipy.optimize import linprog

import arbmodels as arb
from arbmodels.formulations.solving import FloatArray, solve, values


def build_pyomo(first: FloatArray, second: FloatArray) -> pyo.ConcreteModel:
    """Return the program as a Pyomo model with sets ``I``, ``J`` and variable ``p`` [I, J].

    Parameters
    ----------
    first, second : float array [I, J], currency units
        Profits.

    Raises
    ------
    arb.InputError
        If the shapes differ or a profit is not finite.
    """
    _check(first, second)
    model = pyo.ConcreteModel("correlated equilibrium")
    # Sets
    model.I = pyo.RangeSet(0, first.shape[0] - 1)
    model.J = pyo.RangeSet(0, first.shape[1] - 1)
    # Variables
    model.p = pyo.Var(model.I, model.J, domain=pyo.NonNegativeReals)
    # Objective
    model.objective = pyo.Objective(
        expr=sum((first[i, j] + second[i, j]) * model.p[i, j] for i in model.I for j in model.J),
        sense=pyo.maximize,
    )
    # Constraints
    model.first = pyo.Constraint(
        [(i, k) for i in model.I for k in model.I if i != k],
        rule=lambda m, i, k: sum((first[i, j] - first[k, j]) * m.p[i, j] for j in m.J) >= 0,
    )
    model.second = pyo.Constraint(
        [(j, k) for j in model.J for k in model.J if j != k],
        rule=lambda m, j, k: sum((second[i, j] - second[i, k]) * m.p[i, j] for i in m.I) >= 0,
    )
    model.total = pyo.Constraint(expr=sum(model.p[pair] for pair in model.p) == 1)
    return model


def build_cvxpy(first: FloatArray, second: FloatArray) -> cp.Problem:
    """Return the program as a CVXPY problem with variable ``p`` [I, J]; see :func:`build_pyomo`."""
    _check(first, second)
    # Variables
    p = cp.Variable(first.shape, nonneg=True, name="p")
    # Objective
    objective = cp.Maximize(cp.sum(cp.multiply(first + second, p)))
    # Constraints: row i of p against playing k instead, column j against l.
    constraints = [cp.sum(p) == 1]
    constraints += [cp.sum(cp.multiply(first - row, p), axis=1) >= 0 for row in first]
    constraints += [cp.sum(cp.multiply(second - col[:, None], p), axis=0) >= 0 for col in second.T]
    return cp.Problem(objective, constraints)


def _check(first: FloatArray, second: FloatArray) -> None:
    if first.ndim != 2 or first.shape != second.shape:
        raise arb.InputError(f"Profits have shapes {first.shape} and {second.shape}; give [I, J].")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise arb.InputError("A profit is not finite.")


def gain(first: FloatArray, second: FloatArray, probability: FloatArray) -> float:
    """Return the largest expected gain from any deviation, currency units."""
    by_first = (first[None] - first[:, None]) * probability[None]  # [k, i, j], the loss
    by_second = (second[:, None, :] - second[:, :, None]) * probability[:, None]  # [i, l, j]
    return float(max(0.0, -by_first.sum(axis=2).min(), -by_second.sum(axis=0).min()))


def answers(rng: np.random.Generator) -> dict[str, float]:
    """Solve one small game by both languages and by SciPy on its dual; see ``arb.registry.check``.

    A distribution from which a seller gains by deviating has the value NaN.
    """
    first, second = rng.uniform(0.0, 1.0, (2, 3, 3))
    found = {}
    for name, build in (("pyomo", build_pyomo), ("cvxpy", build_cvxpy)):
        model = build(first, second)
        value = solve(model)
        left = gain(first, second, values(model, "p"))
        found[name] = value if left <= 1e-7 else np.nan
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
    return {**found, "scipy, dual": float(dual.fun)}
