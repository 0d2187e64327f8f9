r"""Template: copy this file, rename it, and change what is different in your program.

Problem. Say in three sentences who decides what, and what is good. Here: buy from a list of plans,
each at most once, so that as much as possible is solved within a budget.

Sets:
    J          plans

Parameters (with units):
    v[j]       what plan j adds to the mean solve rate
    s[j]       what it costs, currency units
    B          budget, currency units

Variables:
    x[j]       1 if plan j is bought, else 0

Objective:
    max  sum_j v[j] x[j]

Constraints:
    budget:    sum_j s[j] x[j] <= B

Size:
    |J| binary variables, 1 row.

Say here where the program comes from, what is special about it, and what in the library does the
same (here: nothing; it is the knapsack problem).
"""

from __future__ import annotations

from itertools import product

import cvxpy as cp
import numpy as np
import numpy.typing as npt

import arbmodels as arb

FloatArray = npt.NDArray[np.float64]


def build(value: FloatArray, spend: FloatArray, budget: float) -> cp.Problem:
    """Return the program as a CVXPY problem with variable ``x`` [J].

    Parameters
    ----------
    value : float array [J]
    spend : float array [J], currency units
    budget : float, currency units

    Raises
    ------
    arb.InputError
        If the arrays do not fit together or the budget is negative.
    """
    if value.shape != spend.shape or not budget >= 0:
        raise arb.InputError(
            f"value has shape {value.shape}, spend {spend.shape}, budget is {budget:g}; give two"
            " arrays of one length and a budget of at least 0."
        )
    # Variables
    x = cp.Variable(len(value), boolean=True, name="x")
    # Objective
    objective = cp.Maximize(value @ x)
    # Constraints
    return cp.Problem(objective, [spend @ x <= budget])


def solve(value: FloatArray, spend: FloatArray, budget: float) -> FloatArray:
    """Return 1.0 for every plan that is bought, [J]; see :func:`build`.

    Raises
    ------
    arb.InputError
        As :func:`build`.
    arb.SolverError
        If HiGHS does not return an optimum.
    """
    problem = build(value, spend, budget)
    problem.solve(solver=cp.HIGHS, mip_rel_gap=1e-9)
    if problem.status != cp.OPTIMAL:
        raise arb.SolverError(f"CVXPY reports {problem.status}.")
    return np.round(np.asarray(problem.var_dict["x"].value, dtype=float))


def answers(rng: np.random.Generator) -> dict[str, float]:
    """Solve one small random instance by two ways; ``arb.registry.check`` compares them."""
    value, spend = rng.uniform(0.0, 0.2, 6), rng.exponential(1.0, 6)
    budget = float(rng.uniform(0.2, 0.8) * spend.sum())
    every = np.array(list(product((0.0, 1.0), repeat=6)))
    x = solve(value, spend, budget)
    kept = spend @ x <= budget + 1e-7
    return {
        "cvxpy": float(value @ x) if kept else np.nan,
        "enumeration": float((every @ value)[every @ spend <= budget].max()),
    }
