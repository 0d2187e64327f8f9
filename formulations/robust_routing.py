r"""Robust routing: keep the budget even if some groups cost more than expected.

A broker serves groups with plans, as in budget routing, but spends are estimates: group $g$ under
plan $j$ may cost up to $d_{g,j}$ more. Not all groups will at once; the budget has to hold
whichever $\Gamma$ of them do.

**Sets**

- $G$, $J$, $O$: groups, plans, and pairs of them on offer

**Parameters**

- $v_{g,j}$: what plan $j$ on group $g$ adds to the mean solve rate [rate]
- $s_{g,j}$: what it is expected to add to the total spend [currency units]
- $d_{g,j}$: how much more it may be [currency units]
- $\Gamma$: how many groups may cost more at once, from 0 to $|G|$; of a fractional one, the last
  group costs that fraction of its $d_{g,j}$ more [groups]
- $B$: budget [currency units]

**Variables**

- $x_{g,j} \in \{0, 1\}$: whether plan $j$ serves group $g$, for $(g, j) \in O$
- $p \ge 0$: price of one more group that may cost more
- $q_g \ge 0$: what group $g$'s excess is above that price

**Objective**

$$\max \sum_{(g,j) \in O} v_{g,j} x_{g,j}$$

**Constraints**

- one plan each: $\sum_{j} x_{g,j} = 1$ for all $g \in G$
- budget: $\sum_{(g,j) \in O} s_{g,j} x_{g,j} + \Gamma p + \sum_{g} q_g \le B$
- excess: $p + q_g \ge \sum_{j} d_{g,j} x_{g,j}$ for all $g \in G$

**Size**

$|O|$ binary and $|G| + 1$ continuous variables; $2 |G| + 1$ rows.

**Why it holds**

With $e_g = \sum_{j} d_{g,j} x_{g,j}$, the worst case over the groups that cost more,

$$\max \{ \sum_{g} e_g t_g : \sum_{g} t_g \le \Gamma, 0 \le t_g \le 1 \}$$

is a linear program with the dual

$$\min \{ \Gamma p + \sum_{g} q_g : p + q_g \ge e_g, p \ge 0, q_g \ge 0 \}$$

and what holds at some $p$ and $q$ holds at the best ones. So two families of variables replace a
constraint for every subset of groups. If the groups' spends are independent and symmetric around
$s$, the budget is exceeded with a probability of at most about
$1 - \Phi((\Gamma - 1) / \sqrt{|G|})$.

**In the library**

``problem.add_robust_budget(total, deviation=..., gamma=...)``.

**References**

Bertsimas and Sim 2004, "The price of robustness", Operations Research.
"""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pyomo.environ as pyo

from arbmodels.formulations.budget_routing import build_cvxpy as budget_cvxpy
from arbmodels.formulations.budget_routing import build_pyomo as budget_pyomo
from arbmodels.formulations.pairs import at_least_zero, offered_pairs
from arbmodels.formulations.small import compare, draw, total, within
from arbmodels.formulations.solving import Choice, FloatArray


def build_pyomo(
    value: FloatArray, spend: FloatArray, deviation: FloatArray, *, gamma: float, budget: float
) -> pyo.ConcreteModel:
    """Return the program as a Pyomo model with variables ``x`` [O], ``p`` and ``q`` [G].

    Parameters
    ----------
    value, spend, deviation : float array [G, J]
        NaN in ``value`` where a plan is not offered.
    gamma : float
        How many groups may cost more at once.
    budget : float, currency units

    Raises
    ------
    arb.InputError
        If the arrays do not fit together, or a number is negative or not finite where it counts.
    """
    excess = _check(value, deviation, gamma, budget)
    model = budget_pyomo(value, spend, np.inf)
    model.p = pyo.Var(domain=pyo.NonNegativeReals)
    model.q = pyo.Var(model.G, domain=pyo.NonNegativeReals)
    model.budget = pyo.Constraint(
        expr=model.spent + gamma * model.p + sum(model.q[g] for g in model.G) <= budget
    )
    model.excess = pyo.Constraint(
        model.G,
        rule=lambda m, g: (
            m.p + m.q[g] >= sum(excess[g, j] * m.x[g, j] for j in m.J if (g, j) in m.O)
        ),
    )
    return model


def build_cvxpy(
    value: FloatArray, spend: FloatArray, deviation: FloatArray, *, gamma: float, budget: float
) -> cp.Problem:
    """Return the program as a CVXPY problem with ``x`` [G, J], ``p``, ``q``; see the Pyomo form."""
    excess = _check(value, deviation, gamma, budget)
    program = budget_cvxpy(value, spend, np.inf)
    x = program.var_dict["x"]
    p = cp.Variable(nonneg=True, name="p")
    q = cp.Variable(len(value), nonneg=True, name="q")
    expected = cp.sum(cp.multiply(np.where(np.isnan(value), 0.0, spend), x))
    rows = [
        expected + gamma * p + cp.sum(q) <= budget,
        p + q >= cp.sum(cp.multiply(excess, x), axis=1),
    ]
    return cp.Problem(program.objective, [*program.constraints, *rows])


def _check(value: FloatArray, deviation: FloatArray, gamma: float, budget: float) -> FloatArray:
    excess = np.where(offered_pairs(value, deviation=deviation), deviation, 0.0)
    at_least_zero(deviation=excess, gamma=gamma, budget=budget)
    return excess


def worst_spend(spend: FloatArray, deviation: FloatArray, gamma: float, choice: Choice) -> float:
    """Return the spend of an assignment when the Gamma worst groups cost more, currency units."""
    every = np.arange(len(choice))
    largest = -np.sort(-deviation[every, choice])
    share = np.clip(gamma - np.arange(len(choice)), 0.0, 1.0)
    return float(spend[every, choice].sum() + share @ largest)


def answers(rng: np.random.Generator) -> dict[str, float]:
    """Solve one small instance by both languages and by enumeration; see ``arb.registry.check``."""
    value, spend, _ = draw(rng)
    deviation = spend * rng.uniform(0.0, 1.0, spend.shape)
    gamma = float(rng.uniform(0.0, len(value)))
    budget = float(rng.uniform(0.3, 1.2) * spend.max(axis=1).sum())

    def score(choice: Choice) -> float:
        worst = worst_spend(spend, deviation, gamma, choice)
        return total(value, choice) if within(worst, budget) else np.nan

    return compare(
        value.shape,
        score,
        pyomo=build_pyomo(value, spend, deviation, gamma=gamma, budget=budget),
        cvxpy=build_cvxpy(value, spend, deviation, gamma=gamma, budget=budget),
    )
