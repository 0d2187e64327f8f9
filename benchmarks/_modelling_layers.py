"""Modelling layers on routing instances: each builds its own model and gives it to HiGHS.

`_peers.py` times them beside the solvers that take arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from benchmarks._routing_instances import Instance

FloatArray = npt.NDArray[np.float64]

#: x of every pair (None if there is none, or if it is fractional), and the proven bound, if told.
Outcome = tuple[FloatArray | None, float | None]


def pyomo(instance: Instance, gap: float, limit: float) -> Outcome:
    """Build a Pyomo model pair by pair, solve it with appsi_highs."""
    import pyomo.environ as pyo

    model = pyo.ConcreteModel()
    pairs = range(instance.size * instance.plans)
    plans, objective = instance.plans, instance.objective().tolist()
    model.x = pyo.Var(pairs, domain=pyo.Binary)
    model.one = pyo.Constraint(
        range(instance.size),
        rule=lambda m, i: sum(m.x[i * plans + j] for j in range(plans)) == 1,
    )
    matrix, (lower, upper) = instance.matrix(), instance.sides()
    model.rows = pyo.ConstraintList()
    for r in range(len(lower)):
        part = slice(matrix.indptr[r], matrix.indptr[r + 1])
        terms = zip(matrix.data[part].tolist(), matrix.indices[part].tolist(), strict=True)
        total = pyo.quicksum(a * model.x[k] for a, k in terms if a)
        model.rows.add(total <= upper[r] if np.isfinite(upper[r]) else total >= lower[r])
    model.goal = pyo.Objective(
        expr=pyo.quicksum(c * model.x[k] for k, c in enumerate(objective) if c),
        sense=pyo.maximize if instance.maximize else pyo.minimize,
    )
    solver = pyo.SolverFactory("appsi_highs")
    solver.options = {"mip_rel_gap": gap, "time_limit": limit}
    solver.config.load_solution = False
    results = solver.solve(model, load_solutions=False)
    problem = results.problem[0]
    bound = problem["Upper bound"] if instance.maximize else problem["Lower bound"]
    if not len(results.solution) and not results.solver.termination_condition:
        return None, float(bound)
    solver.load_vars()
    x = np.array([model.x[k].value or 0.0 for k in pairs])
    return x, float(bound)


def cvxpy(instance: Instance, gap: float, limit: float) -> Outcome:
    """Solve a vectorised CVXPY problem with HiGHS."""
    import cvxpy as cp

    x = cp.Variable(instance.size * instance.plans, boolean=True)
    lower, upper = instance.sides()
    matrix = sparse.csr_matrix(instance.matrix())
    constraints = [sparse.csr_matrix(instance.one_each()) @ x == 1]
    for side, most in ((upper, True), (lower, False)):
        rows = np.flatnonzero(np.isfinite(side))
        if len(rows):
            used = matrix[rows] @ x
            constraints.append(used <= side[rows] if most else used >= side[rows])
    value = instance.objective() @ x
    goal = cp.Maximize(value) if instance.maximize else cp.Minimize(value)
    cp.Problem(goal, constraints).solve(solver=cp.HIGHS, mip_rel_gap=gap, time_limit=limit)
    return x.value, None


def linopy(instance: Instance, gap: float, limit: float) -> Outcome:
    """Solve a vectorised linopy model, passed to HiGHS directly."""
    import linopy as lp
    import pandas as pd

    model = lp.Model()
    groups = pd.RangeIndex(instance.size, name="g")
    plans = pd.RangeIndex(instance.plans, name="j")

    def named(pairs: FloatArray) -> pd.DataFrame:
        return pd.DataFrame(pairs.reshape(instance.size, instance.plans), groups, plans)

    x = model.add_variables(binary=True, coords=[groups, plans], name="x")
    model.add_constraints(x.sum("j") == 1, name="one")
    matrix, (lower, upper) = instance.matrix(), instance.sides()
    for r in range(len(lower)):
        used = (named(matrix[[r]].toarray()) * x).sum()
        model.add_constraints(
            used <= upper[r] if np.isfinite(upper[r]) else used >= lower[r], name=f"row{r}"
        )
    value: Any = (named(instance.objective()) * x).sum()
    model.add_objective(value, sense="max" if instance.maximize else "min")
    model.solve(
        "highs",
        io_api="direct",
        mip_rel_gap=gap,
        time_limit=limit,
        output_flag=False,
    )
    bound = model.solver_model.getInfo().mip_dual_bound
    return np.asarray(x.solution.values).ravel(), float(bound)


def pulp(instance: Instance, gap: float, limit: float) -> Outcome:
    """Build a PuLP problem pair by pair, solve it with HiGHS."""
    import pulp as lp

    problem = lp.LpProblem("routing", lp.LpMaximize if instance.maximize else lp.LpMinimize)
    x = [lp.LpVariable(f"x{k}", cat="Binary") for k in range(instance.size * instance.plans)]
    problem += lp.LpAffineExpression(zip(x, instance.objective().tolist(), strict=True))
    for i in range(instance.size):
        problem += lp.lpSum(x[i * instance.plans : (i + 1) * instance.plans]) == 1
    matrix, (lower, upper) = instance.matrix(), instance.sides()
    for r in range(len(lower)):
        part = slice(matrix.indptr[r], matrix.indptr[r + 1])
        used = lp.LpAffineExpression(
            (x[k], a)
            for k, a in zip(matrix.indices[part], matrix.data[part].tolist(), strict=True)
            if a
        )
        problem += used <= upper[r] if np.isfinite(upper[r]) else used >= lower[r]
    problem.solve(lp.HiGHS(msg=False, gapRel=gap, timeLimit=limit))
    # It hands a problem that maximises over with its signs changed.
    bound = problem.sense * float(problem.solverModel.getInfo().mip_dual_bound)
    return np.array([variable.varValue or 0.0 for variable in x]), bound
