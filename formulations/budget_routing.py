r"""Budget routing: which plan serves which group of instances, within a budget.

Problem. A broker serves groups g (instances, or segments of them) with plans j (a model, a number
of attempts, a cascade, or nothing at all). Every group gets one plan. With a budget, solve as much
as possible; without one, reach a quality floor as cheaply as possible.

Sets:
    G          groups
    J          plans
    O          pairs (g, j) on offer: the plan's models have a record on the group's instances

Parameters (per group and plan):
    v[g, j]    what plan j on group g adds to the mean solve rate
    s[g, j]    what it adds to the total spend, currency units
    B          budget, currency units (none: spend is minimised)
    R          quality floor, a mean solve rate (optional with a budget)

Variables:
    x[g, j]    1 if plan j serves group g, else 0, for (g, j) in O

Objective:
    with a budget:  max  sum_(g,j) v[g, j] x[g, j]
    without:        min  sum_(g,j) s[g, j] x[g, j]

Constraints:
    one plan each:  sum_j x[g, j] = 1                for all g in G
    budget:         sum_(g,j) s[g, j] x[g, j] <= B
    floor:          sum_(g,j) v[g, j] x[g, j] >= R

Size:
    |O| binary variables, |G| + 2 rows; the relaxation has at most 2 fractional groups.

The arrays v and s are ``problem.added_solve_rate`` and ``problem.added_spend`` of an
``arb.RoutingProblem``, [G, J], NaN where a plan is not offered. ``arb.RoutingProblem.solve`` is the
same program without the modelling layer; the tests hold all three against each other.
"""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import numpy.typing as npt
import pyomo.environ as pyo

import arbmodels as arb
from formulations import small

FloatArray = npt.NDArray[np.float64]
Choice = npt.NDArray[np.int64]

#: HiGHS stops at an absolute gap of 1e-6 by default, too early for an objective that is a rate.
_EXACT = {
    "mip_abs_gap": 0.0,
    "mip_feasibility_tolerance": 1e-9,
    "primal_feasibility_tolerance": 1e-9,
}


def build_pyomo(
    value: FloatArray, spend: FloatArray, budget: float | None, floor: float | None = None
) -> pyo.ConcreteModel:
    """Return the program as a Pyomo model with variable ``x`` and sets ``G``, ``J``, ``O``.

    Parameters
    ----------
    value, spend : float array [G, J]
        NaN where a plan is not offered.
    budget : float or None
        Total spend; None minimises the spend.
    floor : float, optional
        Mean solve rate.
    """
    model = pyo.ConcreteModel("budget routing")
    # Sets
    groups, plans = value.shape
    model.G = pyo.RangeSet(0, groups - 1)
    model.J = pyo.RangeSet(0, plans - 1)
    model.O = pyo.Set(initialize=[tuple(pair) for pair in np.argwhere(np.isfinite(value)).tolist()])
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
    if budget is not None:
        model.budget = pyo.Constraint(expr=model.spent <= budget)
    if floor is not None:
        model.floor = pyo.Constraint(expr=model.solved >= floor)
    return model


def solve_pyomo(model: pyo.ConcreteModel, gap: float = 1e-6) -> Choice:
    """Return the plan of each group, int [G].

    Raises
    ------
    arb.InfeasibleError
        If no assignment satisfies the constraints.
    arb.SolverError
        If HiGHS stops for any other reason before the gap is proven.
    """
    solver = pyo.SolverFactory("appsi_highs")
    solver.highs_options = {"mip_rel_gap": gap, **_EXACT}
    outcome = solver.solve(model, load_solutions=False)
    condition = outcome.solver.termination_condition
    if condition == pyo.TerminationCondition.infeasible:
        raise arb.InfeasibleError("No assignment satisfies every constraint.")
    if condition != pyo.TerminationCondition.optimal:
        raise arb.SolverError(f"Pyomo reports {condition}.")
    solver.load_vars()
    x = np.zeros((len(model.G), len(model.J)))
    for pair in model.O:
        x[pair] = pyo.value(model.x[pair])
    choice: Choice = x.argmax(axis=1)
    return choice


def build_cvxpy(
    value: FloatArray, spend: FloatArray, budget: float | None, floor: float | None = None
) -> cp.Problem:
    """Return the program as a CVXPY problem with variable ``x`` [G, J]; see :func:`build_pyomo`."""
    # Sets and parameters: pairs that are not on offer stay in the array, at zero.
    offered = np.isfinite(value)
    v, s = np.where(offered, value, 0.0), np.where(offered, spend, 0.0)
    # Variables
    x = cp.Variable(value.shape, boolean=True, name="x")
    # Objective
    solved, spent = cp.sum(cp.multiply(v, x)), cp.sum(cp.multiply(s, x))
    objective = cp.Minimize(spent) if budget is None else cp.Maximize(solved)
    # Constraints
    constraints = [cp.sum(x, axis=1) == 1, x <= offered.astype(float)]
    if budget is not None:
        constraints.append(spent <= budget)
    if floor is not None:
        constraints.append(solved >= floor)
    return cp.Problem(objective, constraints)


def solve_cvxpy(problem: cp.Problem, gap: float = 1e-6) -> Choice:
    """Return the plan of each group, int [G]; raises as :func:`solve_pyomo`."""
    problem.solve(solver=cp.HIGHS, mip_rel_gap=gap, **_EXACT)
    if problem.status in (cp.INFEASIBLE, cp.INFEASIBLE_INACCURATE):
        raise arb.InfeasibleError("No assignment satisfies every constraint.")
    if problem.status != cp.OPTIMAL:
        raise arb.SolverError(f"CVXPY reports {problem.status}.")
    choice: Choice = problem.var_dict["x"].value.argmax(axis=1)
    return choice


def answers(rng: np.random.Generator) -> dict[str, float]:
    """Solve one small instance by both languages and by enumeration; see ``arb.registry.check``."""
    value, spend, _ = small.draw(rng)
    budget = float(rng.uniform(0.1, 0.9) * spend.max(axis=1).sum())
    floor = float(rng.uniform(0.1, 0.5) * np.nanmax(value, axis=1).sum())

    def score(choice: Choice) -> float:
        kept = small.within(small.total(spend, choice), budget)
        reached = small.total(value, choice) >= floor - 1e-7
        return small.total(value, choice) if kept and reached else np.nan

    return small.compare(
        value.shape,
        score,
        pyomo=lambda: solve_pyomo(build_pyomo(value, spend, budget, floor)),
        cvxpy=lambda: solve_cvxpy(build_cvxpy(value, spend, budget, floor)),
    )
