r"""Latency routing: answers in time, each of them and on average.

A broker serves groups with plans within a budget, as in budget routing. Trying longer or a slower
model solves more, but keeps customers waiting: no group may wait longer than a limit, and all of
them on average no longer than another.

**Sets**

- $G$, $J$, $O$: groups, plans, and pairs of them on offer

**Parameters**

- $v_{g,j}$: what plan $j$ on group $g$ adds to the mean solve rate [rate]
- $s_{g,j}$: what it adds to the total spend [currency units]
- $t_{g,j}$: expected latency, zero for abstaining [seconds]
- $w_g$: weight of group $g$ in the mean [weight]
- $L$: limit for every group; infinite: none [seconds]
- $\bar{L}$: limit of the mean; infinite: none [seconds]
- $B$: budget; infinite: none [currency units]

**Variables**

- $x_{g,j} \in \{0, 1\}$: whether plan $j$ serves group $g$, for $(g, j) \in O$

**Objective**

$$\max \sum_{(g,j) \in O} v_{g,j} x_{g,j}$$

**Constraints**

- one plan each: $\sum_{j} x_{g,j} = 1$ for all $g \in G$
- in time: $x_{g,j} = 0$ where $t_{g,j} > L$
- mean latency: $\sum_{(g,j) \in O} w_g t_{g,j} x_{g,j} \le \bar{L} \sum_{g} w_g$
- budget: $\sum_{(g,j) \in O} s_{g,j} x_{g,j} \le B$

**Size**

At most $|O|$ binary variables, $|G| + 2$ rows. The limit for every group fixes variables: a group
has one plan.

**In the library**

``problem.add_latency_limit(L)`` and ``problem.add_mean_latency(L)``. Latencies are expected ones; a
limit that a share of the answers has to keep is one on a quantile in their place.
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
    latency: FloatArray,
    weight: FloatArray,
    *,
    limit: float = np.inf,
    mean_limit: float = np.inf,
    budget: float = np.inf,
) -> pyo.ConcreteModel:
    """Return the program as a Pyomo model: budget routing, with fixed variables and a row.

    Parameters
    ----------
    value, spend, latency : float array [G, J]
        NaN in ``value`` where a plan is not offered.
    weight : float array [G]
    limit, mean_limit : float, seconds
    budget : float, currency units

    Raises
    ------
    arb.InputError
        If the arrays do not fit together, or a number is negative or not finite where it counts.
    """
    waits = _check(value, latency, weight, limit, mean_limit)
    model = budget_pyomo(value, spend, budget)
    for pair in model.O:
        if waits[pair] > limit:
            model.x[pair].fix(0)
    if np.isfinite(mean_limit):
        share = weight / weight.sum()
        mean = sum(share[g] * waits[g, j] * model.x[g, j] for g, j in model.O)
        model.mean_latency = pyo.Constraint(expr=(None, mean, mean_limit))
    return model


def build_cvxpy(
    value: FloatArray,
    spend: FloatArray,
    latency: FloatArray,
    weight: FloatArray,
    *,
    limit: float = np.inf,
    mean_limit: float = np.inf,
    budget: float = np.inf,
) -> cp.Problem:
    """Return the program as a CVXPY problem with variable ``x`` [G, J]; see :func:`build_pyomo`."""
    waits = _check(value, latency, weight, limit, mean_limit)
    program = budget_cvxpy(value, spend, budget)
    x = program.var_dict["x"]
    rows = [x <= (waits <= limit).astype(float)]
    if np.isfinite(mean_limit):
        share = weight / weight.sum()
        rows.append(share @ cp.sum(cp.multiply(waits, x), axis=1) <= mean_limit)
    return cp.Problem(program.objective, [*program.constraints, *rows])


def _check(
    value: FloatArray, latency: FloatArray, weight: FloatArray, limit: float, mean_limit: float
) -> FloatArray:
    waits = np.where(offered_pairs(value, latency=latency), latency, 0.0)
    at_least_zero(latency=waits, weight=weight, limit=limit, mean_limit=mean_limit)
    if weight.shape != (len(waits),) or not weight.any():
        raise arb.InputError(
            f"weight has shape {weight.shape} and sum {weight.sum():g}; give a weight to each of"
            f" {len(waits)} groups, some of them positive."
        )
    return waits


def answers(rng: np.random.Generator) -> dict[str, float]:
    """Solve one small instance by both languages and by enumeration; see ``arb.registry.check``."""
    value, spend, weight = draw(rng)
    latency = rng.exponential(10.0, value.shape)
    latency[:, -1] = 0.0
    limits = {
        "limit": float(rng.uniform(8.0, 40.0)),
        "mean_limit": float(rng.uniform(3.0, 10.0)),
        "budget": float(rng.uniform(0.3, 1.0) * spend.max(axis=1).sum()),
    }

    def score(choice: Choice) -> float:
        waits = latency[np.arange(len(choice)), choice]
        kept = (
            waits.max() <= limits["limit"]
            and within(float(weight @ waits), limits["mean_limit"])
            and within(total(spend, choice), limits["budget"])
        )
        return total(value, choice) if kept else np.nan

    return compare(
        value.shape,
        score,
        pyomo=build_pyomo(value, spend, latency, weight, **limits),
        cvxpy=build_cvxpy(value, spend, latency, weight, **limits),
    )
