r"""Plan menu: which few plans to offer at all.

A broker serves groups with plans within a budget, as in budget routing. Every plan in use has to be
set up, tested and watched, so at most $K$ of them are; every group gets the best of those. Doing
nothing for a group (abstaining) is no plan to look after and does not count.

**Sets**

- $G$, $J$, $O$: groups, plans, and pairs of them on offer
- $A \subseteq J$: plans that do not count

**Parameters**

- $v_{g,j}$: what plan $j$ on group $g$ adds to the mean solve rate [rate]
- $s_{g,j}$: what it adds to the total spend [currency units]
- $B$: budget; infinite: none [currency units]
- $K$: how many plans may be in use [plans]

**Variables**

- $x_{g,j} \in \{0, 1\}$: whether plan $j$ serves group $g$, for $(g, j) \in O$
- $y_j \in \{0, 1\}$: whether plan $j$ is on the menu, for $j \in J \setminus A$

**Objective**

$$\max \sum_{(g,j) \in O} v_{g,j} x_{g,j}$$

**Constraints**

- one plan each: $\sum_{j} x_{g,j} = 1$ for all $g \in G$
- on the menu: $x_{g,j} \le y_j$ for all $(g, j) \in O$ with $j \notin A$
- length: $\sum_{j \notin A} y_j \le K$
- budget: $\sum_{(g,j) \in O} s_{g,j} x_{g,j} \le B$

**Size**

$|O| + |J| - |A|$ binary variables; at most $|G| + |O| + 2$ rows.

**In the library**

``problem.limit_plans(K)``, and ``problem.limit_models(K)`` for the models that plans are made of.

**References**

Without the budget this is the K-median (or uncapacitated plant location) problem with plans for
places; the row for every pair is what makes its relaxation tight (Cornuejols, Fisher, Nemhauser
1977, "Location of bank accounts to optimize float", Management Science).
"""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import numpy.typing as npt
import pyomo.environ as pyo

import arbmodels as arb
from arbmodels.formulations.budget_routing import build_cvxpy as budget_cvxpy
from arbmodels.formulations.budget_routing import build_pyomo as budget_pyomo
from arbmodels.formulations.pairs import at_least_zero
from arbmodels.formulations.small import compare, draw, total, within
from arbmodels.formulations.solving import Choice, FloatArray

BoolArray = npt.NDArray[np.bool_]


def build_pyomo(
    value: FloatArray,
    spend: FloatArray,
    abstains: BoolArray,
    *,
    most: int,
    budget: float = np.inf,
) -> pyo.ConcreteModel:
    """Return the program as a Pyomo model: budget routing with one binary variable per plan.

    Parameters
    ----------
    value, spend : float array [G, J]
        NaN in ``value`` where a plan is not offered.
    abstains : bool array [J]
        Plans that do not count.
    most : int
        K.
    budget : float, currency units

    Raises
    ------
    arb.InputError
        If the arrays do not fit together, or a number is negative or not finite where it counts.
    """
    _check(value, abstains, most)
    model = budget_pyomo(value, spend, budget)
    model.counted = pyo.Set(initialize=np.flatnonzero(~abstains).tolist())
    model.y = pyo.Var(model.counted, domain=pyo.Binary)
    model.on_the_menu = pyo.Constraint(
        model.O,
        rule=lambda m, g, j: m.x[g, j] <= m.y[j] if j in m.counted else pyo.Constraint.Skip,
    )
    if len(model.counted):
        model.length = pyo.Constraint(expr=sum(model.y[j] for j in model.counted) <= most)
    return model


def build_cvxpy(
    value: FloatArray,
    spend: FloatArray,
    abstains: BoolArray,
    *,
    most: int,
    budget: float = np.inf,
) -> cp.Problem:
    """Return the program as a CVXPY problem with ``x`` [G, J] and ``y`` [J]; see the Pyomo form.

    Plans that do not count have an entry in ``y`` too, which is free.
    """
    _check(value, abstains, most)
    program = budget_cvxpy(value, spend, budget)
    y = cp.Variable(len(abstains), boolean=True, name="y")
    on_the_menu = program.var_dict["x"] <= cp.reshape(y + abstains, (1, len(abstains)), order="C")
    return cp.Problem(program.objective, [*program.constraints, on_the_menu, ~abstains @ y <= most])


def _check(value: FloatArray, abstains: BoolArray, most: int) -> None:
    at_least_zero(most=most)
    if abstains.shape != value.shape[1:]:
        raise arb.InputError(
            f"abstains has shape {abstains.shape}; there are {value.shape[1]} plans."
        )


def answers(rng: np.random.Generator) -> dict[str, float]:
    """Solve one small instance by both languages and by enumeration; see ``arb.registry.check``."""
    value, spend, _ = draw(rng, plans=4)
    abstains = np.arange(value.shape[1]) == value.shape[1] - 1
    most = int(rng.integers(1, 3))
    budget = float(rng.uniform(0.3, 1.0) * spend.max(axis=1).sum())

    def score(choice: Choice) -> float:
        short = len(set(choice[~abstains[choice]].tolist())) <= most
        return total(value, choice) if short and within(total(spend, choice), budget) else np.nan

    return compare(
        value.shape,
        score,
        pyomo=build_pyomo(value, spend, abstains, most=most, budget=budget),
        cvxpy=build_cvxpy(value, spend, abstains, most=most, budget=budget),
    )
