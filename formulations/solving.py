"""Solve a Pyomo model or a CVXPY problem by HiGHS, and read the values of its variables."""

from __future__ import annotations

from typing import Any

import cvxpy as cp
import numpy as np
import numpy.typing as npt
import pyomo.environ as pyo

import arbmodels as arb

FloatArray = npt.NDArray[np.float64]
Choice = npt.NDArray[np.int64]
#: A ``pyomo.environ.ConcreteModel`` or a ``cvxpy.Problem``; neither library has types.
Model = Any

#: HiGHS stops at an absolute gap of 1e-6 by default, too early for an objective that is a rate; and
#: a binary variable that is nearly whole must not open a big M.
_EXACT = {
    "mip_abs_gap": 0.0,
    "mip_feasibility_tolerance": 1e-9,
    "primal_feasibility_tolerance": 1e-9,
}


def solve(model: Model, gap: float = 1e-6) -> float:
    """Solve a model, which then holds the values of its variables, and return its optimum.

    Parameters
    ----------
    model : pyomo.environ.ConcreteModel or cvxpy.Problem
        The objective of a Pyomo model is named ``objective``.
    gap : float
        Largest relative gap between the solution and its bound.

    Raises
    ------
    arb.InfeasibleError
        If nothing satisfies the constraints.
    arb.SolverError
        If HiGHS stops for any other reason before the gap is proven.
    """
    options = {"mip_rel_gap": gap, **_EXACT}
    if isinstance(model, cp.Problem):
        model.solve(solver=cp.HIGHS, **options)
        status, optimal = model.status, model.status == cp.OPTIMAL
        infeasible = status in (cp.INFEASIBLE, cp.INFEASIBLE_INACCURATE)
    else:
        solver = pyo.SolverFactory("appsi_highs")
        solver.highs_options = options
        status = solver.solve(model, load_solutions=False).solver.termination_condition
        optimal = status == pyo.TerminationCondition.optimal
        infeasible = status == pyo.TerminationCondition.infeasible
        if optimal:
            solver.load_vars()
    if infeasible:
        raise arb.InfeasibleError("Nothing satisfies every constraint.")
    if not optimal:
        raise arb.SolverError(f"HiGHS stopped without an optimum: {status}.")
    return float(model.value if isinstance(model, cp.Problem) else pyo.value(model.objective))


def values(model: Model, name: str) -> FloatArray:
    """Return the values of a variable of a solved model, by its name, as an array.

    The array of an indexed Pyomo variable ends with its largest index and is 0 where it has none.
    """
    if isinstance(model, cp.Problem):
        return np.asarray(model.var_dict[name].value, dtype=float)
    variable = getattr(model, name)
    if not variable.is_indexed():
        return np.array(pyo.value(variable))
    places = tuple(np.array(list(variable)).reshape(len(variable), -1).T)
    array = np.zeros([place.max() + 1 for place in places])
    array[places] = [pyo.value(each) for each in variable.values()]
    return array


def solve_for_plans(model: Model, gap: float = 1e-6) -> Choice:
    """Solve a routing model and return the plan of each group, int [G]; raises as :func:`solve`."""
    solve(model, gap)
    plans: Choice = values(model, "x").argmax(axis=1)
    return plans
