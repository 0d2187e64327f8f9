r"""Budget routing: which plan serves which group of instances, within a budget.

A broker serves groups (instances, or segments of them) with plans (a model, a number of attempts, a
cascade, or nothing at all). Every group gets one plan. With a budget, solve as much as possible;
without one, reach a quality floor as cheaply as possible.

**Sets**

- $G$: groups
- $J$: plans
- $O \subseteq G \times J$: pairs on offer, where the plan's models have a record on the group

**Parameters**

- $v_{g,j}$: what plan $j$ on group $g$ adds to the mean solve rate [rate]
- $s_{g,j}$: what it adds to the total spend [currency units]
- $B$: budget; if there is none, spend is minimised [currency units]
- $R$: quality floor, optional with a budget [rate]

**Variables**

- $x_{g,j} \in \{0, 1\}$: whether plan $j$ serves group $g$, for $(g, j) \in O$

**Objective**

With a budget

$$\max \sum_{(g,j) \in O} v_{g,j} x_{g,j}$$

and without one

$$\min \sum_{(g,j) \in O} s_{g,j} x_{g,j}$$

**Constraints**

- one plan each: $\sum_{j} x_{g,j} = 1$ for all $g \in G$
- budget: $\sum_{(g,j) \in O} s_{g,j} x_{g,j} \le B$
- floor: $\sum_{(g,j) \in O} v_{g,j} x_{g,j} \ge R$

**Size**

$|O|$ binary variables, $|G| + 2$ rows; the relaxation has at most 2 fractional groups.

**In the library**

``arb.RoutingProblem.solve`` solves the same program without a modelling language. The arrays $v$
and $s$ are its ``added_solve_rate`` and ``added_spend``. The other routing formulations add rows to
this one.
"""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pyomo.environ as pyo

from arbmodels.formulations.pairs import at_least_zero, offered_pairs
from arbmodels.formulations.small import compare, draw, total, within
from arbmodels.formulations.solving import Choice, FloatArray


def build_pyomo(
    value: FloatArray, spend: FloatArray, budget: float | None, floor: float | None = None
) -> pyo.ConcreteModel:
    """Return the program as a Pyomo model with sets ``G``, ``J``, ``O`` and variable ``x`` [O].

    Parameters
    ----------
    value, spend : float array [G, J]
        NaN in ``value`` where a plan is not offered.
    budget : float or None, currency units
        Infinite: no limit. None: the spend is minimised.
    floor : float, optional
        Mean solve rate.

    Raises
    ------
    arb.InputError
        If the arrays do not fit together, or a number is negative or not finite where it counts.
    """
    offered = offered_pairs(value, spend=spend)
    at_least_zero(budget=budget or 0.0, floor=floor or 0.0)
    model = pyo.ConcreteModel("budget routing")
    # Sets
    groups, plans = value.shape
    model.G = pyo.RangeSet(0, groups - 1)
    model.J = pyo.RangeSet(0, plans - 1)
    model.O = pyo.Set(initialize=[tuple(pair) for pair in np.argwhere(offered).tolist()])
    # Variables
    model.x = pyo.Var(model.O, domain=pyo.Binary)
    # Objective
    model.solved = pyo.Expression(expr=sum(value[pair] * model.x[pair] for pair in model.O))
    model.spent = pyo.Expression(expr=sum(spend[pair] * model.x[pair] for pair in model.O))
    if budget is None:
        model.objective = pyo.Objective(expr=model.spent, sense=pyo.minimize)
    else:
        model.objective = pyo.Objective(expr=model.solved, sense=pyo.maximize)
    # Constraints
    model.one_plan_each = pyo.Constraint(
        model.G, rule=lambda m, g: sum(m.x[g, j] for j in m.J if (g, j) in m.O) == 1
    )
    if budget is not None and np.isfinite(budget):
        model.budget = pyo.Constraint(expr=(None, model.spent, budget))
    if floor is not None:
        model.floor = pyo.Constraint(expr=(floor, model.solved, None))
    return model


def build_cvxpy(
    value: FloatArray, spend: FloatArray, budget: float | None, floor: float | None = None
) -> cp.Problem:
    """Return the program as a CVXPY problem with variable ``x`` [G, J]; see :func:`build_pyomo`."""
    # Sets and parameters: pairs that are not on offer stay in the array, at zero.
    offered = offered_pairs(value, spend=spend)
    at_least_zero(budget=budget or 0.0, floor=floor or 0.0)
    v, s = np.where(offered, value, 0.0), np.where(offered, spend, 0.0)
    # Variables
    x = cp.Variable(value.shape, boolean=True, name="x")
    # Objective
    solved, spent = cp.sum(cp.multiply(v, x)), cp.sum(cp.multiply(s, x))
    objective = cp.Minimize(spent) if budget is None else cp.Maximize(solved)
    # Constraints
    constraints = [cp.sum(x, axis=1) == 1, x <= offered.astype(float)]
    if budget is not None and np.isfinite(budget):
        constraints.append(spent <= budget)
    if floor is not None:
        constraints.append(solved >= floor)
    return cp.Problem(objective, constraints)


def answers(rng: np.random.Generator) -> dict[str, float]:
    """Solve one small instance by both languages and by enumeration; see ``arb.registry.check``."""
    value, spend, _ = draw(rng)
    budget = float(rng.uniform(0.1, 0.9) * spend.max(axis=1).sum())
    floor = float(rng.uniform(0.1, 0.5) * np.nanmax(value, axis=1).sum())

    def score(choice: Choice) -> float:
        kept = within(total(spend, choice), budget)
        reached = total(value, choice) >= floor - 1e-7
        return total(value, choice) if kept and reached else np.nan

    return compare(
        value.shape,
        score,
        pyomo=build_pyomo(value, spend, budget, floor),
        cvxpy=build_cvxpy(value, spend, budget, floor),
    )
