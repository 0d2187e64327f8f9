r"""Capacity routing: models serve so many attempts and no more, some of them promised.

Problem. A broker serves groups g with plans j, as in budget routing. A provider's model serves at
most so many attempts in a month (its capacity: rate limits, reserved machines), and of some models
a minimum was promised (a commitment, in return for a discount that is in the prices already). Solve
as much as possible.

Sets:
    G          groups
    J          plans
    M          models
    O          pairs (g, j) on offer

Parameters (with units):
    v[g, j]       what plan j on group g adds to the mean solve rate
    s[g, j]       what it adds to the total spend, currency units
    a[g, j, m]    expected attempts of model m that it adds
    K[m]          capacity, attempts (infinite: none)
    D[m]          commitment, attempts (zero: none)
    B             budget, currency units (optional)

Variables:
    x[g, j]    1 if plan j serves group g, else 0, for (g, j) in O

Objective:
    max  sum_(g,j) v[g, j] x[g, j]

Constraints:
    one plan each:  sum_j x[g, j] = 1                       for all g in G
    capacity:       sum_(g,j) a[g, j, m] x[g, j] <= K[m]    for all m with a finite K[m]
    commitment:     sum_(g,j) a[g, j, m] x[g, j] >= D[m]    for all m with D[m] > 0
    budget:         sum_(g,j) s[g, j] x[g, j] <= B

Size:
    |O| binary variables; |G| rows and one per finite capacity, commitment and budget.

Without the budget and commitments this is a generalised assignment problem in which a "job" may use
several "machines" at once (Martello and Toth 1990, "Knapsack Problems", chapter 7). In the library:
``problem.add_capacity(model, attempts)`` and ``problem.add_commitment(model, attempts=...)``. In
expected attempts a capacity holds on average; keep some of it back for bad days.
"""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo

import arbmodels as arb
from formulations import small
from formulations.budget_routing import Choice, FloatArray, solve_pyomo
from formulations.pairs import at_least_zero, offered_pairs


def build(
    value: FloatArray,
    spend: FloatArray,
    attempts: FloatArray,
    *,
    capacity: FloatArray,
    commitment: FloatArray,
    budget: float = np.inf,
) -> pyo.ConcreteModel:
    """Return the program as a Pyomo model.

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
        If the arrays do not fit together or are not finite where they count.
    """
    offered = offered_pairs(value, spend=spend, attempts=attempts)
    at_least_zero(capacity=capacity, commitment=commitment, budget=budget)
    if capacity.shape != attempts.shape[2:] or commitment.shape != attempts.shape[2:]:
        raise arb.InputError(
            f"capacity has shape {capacity.shape} and commitment {commitment.shape}; attempts are"
            f" of {attempts.shape[2]} models."
        )
    model = pyo.ConcreteModel("capacity routing")
    # Sets
    groups, plans = value.shape
    model.G = pyo.RangeSet(0, groups - 1)
    model.J = pyo.RangeSet(0, plans - 1)
    model.O = pyo.Set(initialize=[tuple(pair) for pair in np.argwhere(offered).tolist()])
    model.limited = pyo.Set(initialize=np.flatnonzero(np.isfinite(capacity)).tolist())
    model.promised = pyo.Set(initialize=np.flatnonzero(commitment > 0).tolist())
    # Variables
    model.x = pyo.Var(model.O, domain=pyo.Binary)
    # Objective
    model.objective = pyo.Objective(
        expr=sum(value[pair] * model.x[pair] for pair in model.O), sense=pyo.maximize
    )
    # Constraints
    model.one_plan_each = pyo.Constraint(
        model.G, rule=lambda m, g: sum(m.x[g, j] for j in m.J if (g, j) in m.O) == 1
    )
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
    if np.isfinite(budget):
        spent = sum(spend[pair] * model.x[pair] for pair in model.O)
        model.budget = pyo.Constraint(expr=(None, spent, budget))
    return model


def solve(
    value: FloatArray,
    spend: FloatArray,
    attempts: FloatArray,
    *,
    capacity: FloatArray,
    commitment: FloatArray,
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
    model = build(value, spend, attempts, capacity=capacity, commitment=commitment, budget=budget)
    return solve_pyomo(model, gap)


def answers(rng: np.random.Generator) -> dict[str, float]:
    """Solve one small instance by Pyomo and by enumeration; see ``arb.registry.check``."""
    value, spend, _ = small.draw(rng)
    models = value.shape[1] - 1
    attempts = np.eye(models + 1, models) * rng.uniform(0.5, 2.0, (*value.shape, 1))
    capacity = rng.uniform(0.5, 4.0, models)
    commitment = np.where(rng.random(models) < 0.3, rng.uniform(0.0, 0.8, models), 0.0)
    budget = float(rng.uniform(0.3, 1.0) * spend.max(axis=1).sum())

    def score(choice: Choice) -> float:
        used = attempts[np.arange(len(choice)), choice].sum(axis=0)
        kept = (used <= capacity + 1e-7).all() and (used >= commitment - 1e-7).all()
        affordable = small.within(small.total(spend, choice), budget)
        return small.total(value, choice) if kept and affordable else np.nan

    return small.compare(
        value.shape,
        score,
        pyomo=lambda: solve(
            value, spend, attempts, capacity=capacity, commitment=commitment, budget=budget
        ),
    )
