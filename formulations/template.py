r"""Template: copy this file, rename it, and change what is different in your program.

Say in three sentences who decides what, and what is good. Here: buy from a list of plans, each at
most once, so that as much as possible is solved within a budget.

**Sets**

- $J$: plans

**Parameters**

- $v_j$: what plan $j$ adds to the mean solve rate [rate]
- $s_j$: what it costs [currency units]
- $B$: budget [currency units]

**Variables**

- $x_j \in \{0, 1\}$: whether plan $j$ is bought

**Objective**

$$\max \sum_{j \in J} v_j x_j$$

**Constraints**

- budget: $\sum_{j \in J} s_j x_j \le B$

**Size**

$|J|$ binary variables, 1 row.

**In the library**

Say here what in the library does the same (here: nothing), and what is special about the program.

**References**

Author, year, title, journal. Here: it is the knapsack problem (Martello and Toth 1990, "Knapsack
Problems").
"""

from __future__ import annotations

from itertools import product

import cvxpy as cp
import numpy as np
import pyomo.environ as pyo

import arbmodels as arb
from arbmodels.formulations.solving import FloatArray, solve


def build_pyomo(value: FloatArray, spend: FloatArray, budget: float) -> pyo.ConcreteModel:
    """Return the program as a Pyomo model with set ``J`` and variable ``x`` [J].

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
    _check(value, spend, budget)
    model = pyo.ConcreteModel("template")
    # Sets
    model.J = pyo.RangeSet(0, len(value) - 1)
    # Variables
    model.x = pyo.Var(model.J, domain=pyo.Binary)
    # Objective
    model.objective = pyo.Objective(
        expr=sum(value[j] * model.x[j] for j in model.J), sense=pyo.maximize
    )
    # Constraints
    model.budget = pyo.Constraint(expr=sum(spend[j] * model.x[j] for j in model.J) <= budget)
    return model


def build_cvxpy(value: FloatArray, spend: FloatArray, budget: float) -> cp.Problem:
    """Return the program as a CVXPY problem with variable ``x`` [J]; see :func:`build_pyomo`."""
    _check(value, spend, budget)
    # Variables
    x = cp.Variable(len(value), boolean=True, name="x")
    # Objective
    objective = cp.Maximize(value @ x)
    # Constraints
    return cp.Problem(objective, [spend @ x <= budget])


def _check(value: FloatArray, spend: FloatArray, budget: float) -> None:
    if value.shape != spend.shape or not budget >= 0:
        raise arb.InputError(
            f"value has shape {value.shape}, spend {spend.shape}, budget is {budget:g}; give two"
            " arrays of one length and a budget of at least 0."
        )


def answers(rng: np.random.Generator) -> dict[str, float]:
    """Solve one small random instance in three ways; ``arb.registry.check`` compares them."""
    value, spend = rng.uniform(0.0, 0.2, 6), rng.exponential(1.0, 6)
    budget = float(rng.uniform(0.2, 0.8) * spend.sum())
    every = np.array(list(product((0.0, 1.0), repeat=6)))
    return {
        "pyomo": solve(build_pyomo(value, spend, budget)),
        "cvxpy": solve(build_cvxpy(value, spend, budget)),
        "enumeration": float((every @ value)[every @ spend <= budget].max()),
    }
