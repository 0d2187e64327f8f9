"""General solvers on routing instances, each in a process that can be killed.

Every peer gets the same arrays from files and is timed from having them to having an assignment:
building counts, imports and reading do not. Peers are asked for a relative gap of 1e-6 and told the
time limit; whoever has not returned some seconds after it is killed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from benchmarks._modelling_layers import Outcome, cvxpy, linopy, pulp, pyomo
from benchmarks._routing_instances import Instance, budget

#: Relative gap asked of the peers, seconds they are given, and seconds for imports and reading.
GAP, LIMIT, GRACE = 1e-6, 120.0, 30.0
#: Runs of the engine, of which the median counts.
RUNS = 5


def engine(instance: Instance, gap: float, limit: float) -> Outcome:
    """Solve with the package."""
    from arbmodels._assignment.solve import solve

    answer = solve(instance.program(), gap, limit)
    return answer.choice, answer.bound  # type: ignore[return-value]


def highs(instance: Instance, gap: float, limit: float) -> Outcome:
    """Pass arrays to highspy."""
    import highspy

    matrix = sparse.csr_array(sparse.vstack([instance.one_each(), instance.matrix()]))
    lower, upper = instance.sides()
    ones = np.ones(instance.size)
    columns = matrix.shape[1]
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    for name, value in {
        "output_flag": False,
        "mip_rel_gap": gap,
        "time_limit": limit,
        "threads": 2,
    }.items():
        solver.setOptionValue(name, value)
    sense = highspy.ObjSense.kMaximize if instance.maximize else highspy.ObjSense.kMinimize
    solver.passModel(
        columns,
        matrix.shape[0],
        matrix.nnz,
        int(highspy.MatrixFormat.kRowwise),
        int(sense),
        0.0,
        instance.objective(),
        np.zeros(columns),
        np.ones(columns),
        np.concatenate([ones, lower]),
        np.concatenate([ones, upper]),
        matrix.indptr.astype(np.int32),
        matrix.indices.astype(np.int32),
        matrix.data,
        np.ones(columns, dtype=np.int32),
    )
    solver.run()
    info = solver.getInfo()
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return None, float(info.mip_dual_bound)
    return np.array(solver.getSolution().col_value), float(info.mip_dual_bound)


def scipy_milp(instance: Instance, gap: float, limit: float) -> Outcome:
    """Call scipy.optimize.milp."""
    from scipy.optimize import LinearConstraint, milp

    sign = -1.0 if instance.maximize else 1.0
    answer = milp(
        sign * instance.objective(),
        constraints=[
            LinearConstraint(instance.one_each(), 1, 1),
            LinearConstraint(instance.matrix(), *instance.sides()),
        ],
        integrality=np.ones(instance.size * instance.plans),
        bounds=(0, 1),
        options={"mip_rel_gap": gap, "time_limit": limit},
    )
    return answer.x, None if answer.mip_dual_bound is None else sign * answer.mip_dual_bound


def cp_sat(instance: Instance, gap: float, limit: float) -> Outcome:
    """Solve with CP-SAT; it takes whole numbers, so coefficients are scaled to 1e-7 and rounded."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    x = [model.new_bool_var("") for _ in range(instance.size * instance.plans)]
    for i in range(instance.size):
        model.add_exactly_one(x[i * instance.plans : (i + 1) * instance.plans])
    matrix, (lower, upper) = instance.matrix(), instance.sides()
    scale = 1e7
    for r in range(len(lower)):
        part = slice(matrix.indptr[r], matrix.indptr[r + 1])
        used = [x[k] for k in matrix.indices[part]]
        # Rounded so that the row is never easier than it is.
        if np.isfinite(upper[r]):
            weight = np.ceil(matrix.data[part] * scale).astype(np.int64).tolist()
            model.add(cp_model.LinearExpr.weighted_sum(used, weight) <= int(upper[r] * scale))
        else:
            weight = np.floor(matrix.data[part] * scale).astype(np.int64).tolist()
            least = int(np.ceil(lower[r] * scale))
            model.add(cp_model.LinearExpr.weighted_sum(used, weight) >= least)
    value = np.rint(instance.objective() * scale).astype(np.int64).tolist()
    goal = cp_model.LinearExpr.weighted_sum(x, value)
    if instance.maximize:
        model.maximize(goal)
    else:
        model.minimize(goal)
    solver = cp_model.CpSolver()
    solver.parameters.relative_gap_limit = gap
    solver.parameters.max_time_in_seconds = limit
    solver.parameters.num_workers = 2
    status = solver.solve(model)
    bound = solver.best_objective_bound / scale
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None, bound
    return np.array([solver.value(variable) for variable in x], dtype=float), bound


def glop(instance: Instance, _: float, limit: float) -> Outcome:
    """Solve the linear relaxation alone with GLOP: a bound, no assignment."""
    from ortools.linear_solver.python import model_builder

    model = model_builder.Model()
    pairs = instance.size * instance.plans
    x = model.new_num_var_series("x", _index(pairs), lower_bounds=0.0, upper_bounds=1.0).to_list()
    for i in range(instance.size):
        model.add(sum(x[i * instance.plans : (i + 1) * instance.plans]) == 1)
    matrix, (lower, upper) = instance.matrix(), instance.sides()
    for r in range(len(lower)):
        part = slice(matrix.indptr[r], matrix.indptr[r + 1])
        used = model_builder.LinearExpr.weighted_sum(
            [x[k] for k in matrix.indices[part]], matrix.data[part].tolist()
        )
        model.add(used <= upper[r] if np.isfinite(upper[r]) else used >= lower[r])
    value = model_builder.LinearExpr.weighted_sum(x, instance.objective().tolist())
    if instance.maximize:
        model.maximize(value)
    else:
        model.minimize(value)
    solver = model_builder.Solver("glop")
    solver.set_time_limit_in_seconds(limit)
    if solver.solve(model) != model_builder.SolveStatus.OPTIMAL:
        return None, None
    return None, float(solver.objective_value)


def _index(count: int) -> Any:
    import pandas as pd

    return pd.RangeIndex(count)


PEERS: dict[str, Callable[[Instance, float, float], Outcome]] = {
    "arbmodels": engine,
    "HiGHS": highs,
    "SciPy": scipy_milp,
    "Pyomo": pyomo,
    "CVXPY": cvxpy,
    "linopy": linopy,
    "PuLP": pulp,
    "CP-SAT": cp_sat,
    "GLOP (relaxation)": glop,
}


def run(method: str, folder: Path, gap: float = GAP, limit: float = LIMIT) -> dict[str, Any] | None:
    """Run one method on a saved instance in a process of its own; None if it had to be killed."""
    reading = (folder / "solve.npy").stat().st_size / 2e7
    command = [sys.executable, "-m", "benchmarks._peers", method, str(folder), str(gap), str(limit)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=limit + GRACE + reading,
            cwd=Path(__file__).parent.parent,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        raise RuntimeError(f"{method} failed:\n{done.stderr[-2000:]}")
    record: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return record


def score(instance: Instance, x: npt.NDArray[Any], bound: float | None) -> dict[str, Any]:
    """Evaluate an assignment and the bound its method claims, with our own sums."""
    from arbmodels._assignment import pricing

    program = instance.program()
    choice = x if x.ndim == 1 and len(x) == instance.size else None
    if choice is None:
        choice = x.reshape(instance.size, instance.plans).argmax(axis=1)
    totals = pricing.totals(program, np.asarray(choice, dtype=np.int32))
    objective = program.value_of(totals)
    excess = program.sense * (program.activity_of(totals) - program.limits)
    relative = excess / np.maximum(np.abs(program.limits), 1e-12)
    return {
        "objective": objective,
        "gap": None if bound is None else abs(bound - objective) / abs(objective),
        "violation": float(np.maximum(relative, 0.0).max(initial=0.0)),
    }


def main() -> None:
    """Run one method on one instance and print a record; what :func:`run` starts."""
    method, folder, gap, limit = sys.argv[1], Path(sys.argv[2]), *map(float, sys.argv[3:5])
    instance = Instance.load(folder)
    solve = PEERS[method]
    solve(budget(30), gap, 10.0)  # imports; compiled code comes from the disk
    seconds = []
    for _ in range(RUNS if method == "arbmodels" else 1):
        start = time.perf_counter()
        x, bound = solve(instance, gap, limit)
        seconds.append(time.perf_counter() - start)
    record: dict[str, Any] = {"seconds": median(seconds), "bound": bound}
    if x is not None:
        record |= score(instance, np.asarray(x), bound)
    print(json.dumps(record))


if __name__ == "__main__":
    main()
