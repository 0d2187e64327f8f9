r"""Capacity routing: models serve so many attempts and no more, some of them promised.

A broker serves groups with plans within a budget, as in budget routing. A provider's model serves
at most so many attempts in a month (its capacity: rate limits, reserved machines), and of some
models a minimum was promised (a commitment, in return for a discount that is in the prices
already). Solve as much as possible.

**Sets**

- $G$, $J$, $O$: groups, plans, and pairs of them on offer
- $M$: models

**Parameters**

- $v_{g,j}$: what plan $j$ on group $g$ adds to the mean solve rate [rate]
- $s_{g,j}$: what it adds to the total spend [currency units]
- $a_{g,j,m}$: expected attempts of model $m$ that it adds [attempts]
- $K_m$: capacity; infinite: none [attempts]
- $D_m$: commitment; zero: none [attempts]
- $B$: budget; infinite: none [currency units]

**Variables**

- $x_{g,j} \in \{0, 1\}$: whether plan $j$ serves group $g$, for $(g, j) \in O$

**Objective**

$$\max \sum_{(g,j) \in O} v_{g,j} x_{g,j}$$

**Constraints**

- one plan each: $\sum_{j} x_{g,j} = 1$ for all $g \in G$
- capacity: $\sum_{(g,j) \in O} a_{g,j,m} x_{g,j} \le K_m$ for all $m$ with a finite $K_m$
- commitment: $\sum_{(g,j) \in O} a_{g,j,m} x_{g,j} \ge D_m$ for all $m$ with $D_m > 0$
- budget: $\sum_{(g,j) \in O} s_{g,j} x_{g,j} \le B$

**Size**

$|O|$ binary variables; $|G|$ rows and one per finite capacity, commitment and budget.

**In the library**

``problem.add_capacity(model, attempts)`` and ``problem.add_commitment(model, attempts=...)``. In
expected attempts a capacity holds on average; keep some of it back for bad days.

**References**

Without the budget and commitments this is a generalised assignment problem in which a "job" may use
several "machines" at once (Martello and Toth 1990, "Knapsack Problems", chapter 7).
"""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pyomo.environ as pyo

import arbmodels as arb
from arbmodels.formulations.budget_routing import build_cvxpy as budget_cvxpy
from arbmodels.formulations.budget_routing import build_pyomo as budget_pyomo
from arbmodels.formulations.pairs import at_least_zero, offered_pairs
from arbmodels.formulations.small import compare, draw, total, within
from arbmodels.formulations.solving import Choice, FloatArray


def build_pyomo(
    value: FloatArray,
    spend: FloatArray,
    attempts: FloatArray,
    *,
    capacity: FloatArray,
    commitment: FloatArray,
    budget: float = np.inf,
) -> pyo.ConcreteModel:
    """Return the program as a Pyomo model: budget routing with two families of rows.

    Parameters
    ----------
    value, spend : float array [G, J]
        NaN in ``value`` where a plan is not offered.
    attempts : float array [G, J, M]
    capacity, commitment : float array [M], attempts
        Infinite where there is no capacity, zero where there is no commitment.
    budget : float, currency units

    Raises
    ------
    arb.InputError
        If the arrays do not fit together, or a number is negative or not finite where it counts.
    """
    _check(value, attempts, capacity, commitment)
    model = budget_pyomo(value, spend, budget)
    model.limited = pyo.Set(initialize=np.flatnonzero(np.isfinite(capacity)).tolist())
    model.promised = pyo.Set(initialize=np.flatnonzero(commitment > 0).tolist())
    model.attempts = pyo.Expression(
        model.limited | model.promised,
        rule=lambda m, k: sum(attempts[pair][k] * m.x[pair] for pair in m.O),
    )
    model.capacity = pyo.Constraint(
        model.limited, rule=lambda m, k: (None, m.attempts[k], capacity[k])
    )
    model.commitment = pyo.Constraint(
        model.promised, rule=lambda m, k: (commitment[k], m.attempts[k], None)
    )
    return model


def build_cvxpy(
    value: FloatArray,
    spend: FloatArray,
    attempts: FloatArray,
    *,
    capacity: FloatArray,
    commitment: FloatArray,
    budget: float = np.inf,
) -> cp.Problem:
    """Return the program as a CVXPY problem with variable ``x`` [G, J]; see :func:`build_pyomo`."""
    offered = _check(value, attempts, capacity, commitment)
    program = budget_cvxpy(value, spend, budget)
    used = np.where(offered[:, :, None], attempts, 0.0).reshape(-1, attempts.shape[2]).T
    served = used @ cp.vec(program.var_dict["x"], order="C")
    limited, promised = np.isfinite(capacity), commitment > 0
    rows = [served[limited] <= capacity[limited], served[promised] >= commitment[promised]]
    return cp.Problem(program.objective, [*program.constraints, *rows])


def _check(
    value: FloatArray, attempts: FloatArray, capacity: FloatArray, commitment: FloatArray
) -> FloatArray:
    at_least_zero(capacity=capacity, commitment=commitment)
    if capacity.shape != attempts.shape[2:] or commitment.shape != attempts.shape[2:]:
        raise arb.InputError(
            f"capacity has shape {capacity.shape} and commitment {commitment.shape}; attempts are"
            f" of {attempts.shape[2]} models."
        )
    return offered_pairs(value, attempts=attempts)


def answers(rng: np.random.Generator) -> dict[str, float]:
    """Solve one small instance by both languages and by enumeration; see ``arb.registry.check``."""
    value, spend, _ = draw(rng)
    models = value.shape[1] - 1
    attempts = np.eye(models + 1, models) * rng.uniform(0.5, 2.0, (*value.shape, 1))
    capacity = rng.uniform(0.5, 4.0, models)
    commitment = np.where(rng.random(models) < 0.3, rng.uniform(0.0, 0.8, models), 0.0)
    budget = float(rng.uniform(0.3, 1.0) * spend.max(axis=1).sum())

    def score(choice: Choice) -> float:
        used = attempts[np.arange(len(choice)), choice].sum(axis=0)
        kept = (used <= capacity + 1e-7).all() and (used >= commitment - 1e-7).all()
        return total(value, choice) if kept and within(total(spend, choice), budget) else np.nan

    limits = {"capacity": capacity, "commitment": commitment, "budget": budget}
    return compare(
        value.shape,
        score,
        pyomo=build_pyomo(value, spend, attempts, **limits),
        cvxpy=build_cvxpy(value, spend, attempts, **limits),
    )
