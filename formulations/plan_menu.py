r"""Plan menu: which few plans to offer at all.

Problem. A broker serves groups g with plans j within a budget, as in budget routing. Every plan in
use has to be set up, tested and watched, so at most K of them are; every group gets the best of
those. Doing nothing for a group (abstaining) is no plan to look after and does not count.

Sets:
    G          groups
    J          plans
    A          plans that do not count, a subset of J
    O          pairs (g, j) on offer

Parameters (with units):
    v[g, j]    what plan j on group g adds to the mean solve rate
    s[g, j]    what it adds to the total spend, currency units
    B          budget, currency units (infinite: none)
    K          plans that may be in use, a number

Variables:
    x[g, j]    1 if plan j serves group g, else 0, for (g, j) in O
    y[j]       1 if plan j is on the menu, else 0, for j in J \ A

Objective:
    max  sum_(g,j) v[g, j] x[g, j]

Constraints:
    one plan each:  sum_j x[g, j] = 1                for all g in G
    on the menu:    x[g, j] <= y[j]                  for all (g, j) in O, j not in A
    length:         sum_j y[j] <= K
    budget:         sum_(g,j) s[g, j] x[g, j] <= B

Size:
    |O| + |J| - |A| binary variables; |G| + |O| + 2 rows at most.

Without the budget this is the K-median (or uncapacitated plant location) problem with plans for
places; the row for every pair is what makes its relaxation tight (Cornuejols, Fisher, Nemhauser
1977, "Location of bank accounts to optimize float"). In the library: ``problem.limit_plans(K)``,
and ``problem.limit_models(K)`` for the models that the plans are made of.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyomo.environ as pyo

import arbmodels as arb
from formulations import small
from formulations.budget_routing import Choice, FloatArray, solve_pyomo
from formulations.pairs import at_least_zero, offered_pairs

BoolArray = npt.NDArray[np.bool_]


def build(
    value: FloatArray,
    spend: FloatArray,
    abstains: BoolArray,
    *,
    most: int,
    budget: float = np.inf,
) -> pyo.ConcreteModel:
    """Return the program as a Pyomo model.

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
    offered = offered_pairs(value, spend=spend)
    at_least_zero(most=most, budget=budget)
    if abstains.shape != value.shape[1:]:
        raise arb.InputError(
            f"abstains has shape {abstains.shape}; there are {value.shape[1]} plans."
        )
    model = pyo.ConcreteModel("plan menu")
    # Sets
    groups, plans = value.shape
    model.G = pyo.RangeSet(0, groups - 1)
    model.J = pyo.RangeSet(0, plans - 1)
    model.O = pyo.Set(initialize=[tuple(pair) for pair in np.argwhere(offered).tolist()])
    model.counted = pyo.Set(initialize=np.flatnonzero(~abstains).tolist())
    # Variables
    model.x = pyo.Var(model.O, domain=pyo.Binary)
    model.y = pyo.Var(model.counted, domain=pyo.Binary)
    # Objective
    model.objective = pyo.Objective(
        expr=sum(value[pair] * model.x[pair] for pair in model.O), sense=pyo.maximize
    )
    # Constraints
    model.one_plan_each = pyo.Constraint(
        model.G, rule=lambda m, g: sum(m.x[g, j] for j in m.J if (g, j) in m.O) == 1
    )
    model.on_the_menu = pyo.Constraint(
        model.O,
        rule=lambda m, g, j: m.x[g, j] <= m.y[j] if j in m.counted else pyo.Constraint.Skip,
    )
    if len(model.counted):
        model.length = pyo.Constraint(expr=sum(model.y[j] for j in model.counted) <= most)
    if np.isfinite(budget):
        spent = sum(spend[pair] * model.x[pair] for pair in model.O)
        model.budget = pyo.Constraint(expr=(None, spent, budget))
    return model


def solve(
    value: FloatArray,
    spend: FloatArray,
    abstains: BoolArray,
    *,
    most: int,
    budget: float = np.inf,
    gap: float = 1e-6,
) -> Choice:
    """Return the plan of each group, int [G]; see :func:`build`.

    Raises
    ------
    arb.InputError
        As :func:`build`.
    arb.InfeasibleError
        If no assignment satisfies the constraints.
    arb.SolverError
        If HiGHS stops for any other reason before the gap is proven.
    """
    return solve_pyomo(build(value, spend, abstains, most=most, budget=budget), gap)


def answers(rng: np.random.Generator) -> dict[str, float]:
    """Solve one small instance by Pyomo and by enumeration; see ``arb.registry.check``."""
    value, spend, _ = small.draw(rng, plans=4)
    abstains = np.arange(value.shape[1]) == value.shape[1] - 1
    most = int(rng.integers(1, 3))
    budget = float(rng.uniform(0.3, 1.0) * spend.max(axis=1).sum())

    def score(choice: Choice) -> float:
        short = len(set(choice[~abstains[choice]].tolist())) <= most
        affordable = small.within(small.total(spend, choice), budget)
        return small.total(value, choice) if short and affordable else np.nan

    return small.compare(
        value.shape,
        score,
        pyomo=lambda: solve(value, spend, abstains, most=most, budget=budget),
    )
