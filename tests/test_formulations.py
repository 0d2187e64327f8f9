"""Pyomo, CVXPY and the library solve the same program; brute force judges small ones.

Budget routing here, the other formulations in the files beside this one.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arbmodels as arb
from arbmodels.formulations.budget_routing import build_cvxpy, build_pyomo
from arbmodels.formulations.solving import solve, solve_for_plans
from conftest import random_market
from routing_cases import best_of, enumerate_problem

FOLDER = Path(__file__).resolve().parents[1] / "formulations"
LAYERS = pytest.mark.parametrize("build", [build_pyomo, build_cvxpy], ids=["pyomo", "cvxpy"])


def random_program(seed, form, instances, models, *, attempts=1, assignment="oracle"):
    """A problem with its budget and floor in, or a little outside, what can be reached."""
    rng = np.random.default_rng(seed)
    market = random_market(
        rng,
        instances,
        models,
        missing=0.2,
        segments=min(2, instances),
        equal_weights=bool(rng.random() < 0.5),
    )
    problem = arb.RoutingProblem(market, arb.attempts_up_to(market, attempts), assignment)
    most_spend = np.nanmax(problem.added_spend, axis=1).sum()
    most_solved = np.nanmax(problem.added_solve_rate, axis=1).sum()
    budget = float(rng.uniform(0, 0.8) * most_spend) if "budget" in form else None
    floor = float(min(rng.uniform(0.2, 1.1) * most_solved, 1.0)) if "floor" in form else None
    problem = problem.minimize_spend() if budget is None else problem.add_budget(budget)
    if floor is not None:
        problem = problem.add_floor(floor)
    return problem, budget, floor


def check_choice(problem, choice, budget, floor, best):
    every = np.arange(len(problem.groups))
    solved = problem.added_solve_rate[every, choice].sum()  # NaN if a plan is not on offer
    spent = problem.added_spend[every, choice].sum()
    if budget is not None:
        assert spent <= budget + 1e-7 * max(budget, 1.0)
    if floor is not None:
        assert solved >= floor - 1e-7
    assert (spent if budget is None else solved) == pytest.approx(best, rel=2e-6, abs=1e-8)


forms = st.sampled_from(["budget", "floor", "budget and floor"])


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 5),
    st.integers(1, 2),
    st.sampled_from(["oracle", "per-segment", "single"]),
    forms,
)
def test_all_agree_with_enumeration(seed, instances, models, assignment, form):
    problem, budget, floor = random_program(seed, form, instances, models, assignment=assignment)
    objective, _, holds = enumerate_problem(problem)
    best = best_of(problem, objective, holds)
    arrays = problem.added_solve_rate, problem.added_spend, budget, floor
    for build in (build_pyomo, build_cvxpy):
        if best is None:
            with pytest.raises(arb.InfeasibleError):
                solve_for_plans(build(*arrays))
        else:
            check_choice(problem, solve_for_plans(build(*arrays)), budget, floor, best)
    if best is None:
        with pytest.raises(arb.InfeasibleError):
            problem.solve()
    else:
        assert problem.solve().objective == pytest.approx(best, rel=1e-6, abs=1e-8)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(10, 40), st.integers(2, 4), forms)
def test_all_agree_on_larger_programs(seed, instances, models, form):
    problem, budget, floor = random_program(seed, form, instances, models, attempts=3)
    arrays = problem.added_solve_rate, problem.added_spend, budget, floor
    try:
        best = problem.solve().objective
    except arb.InfeasibleError:
        for build in (build_pyomo, build_cvxpy):
            with pytest.raises(arb.InfeasibleError):
                solve_for_plans(build(*arrays))
        return
    check_choice(problem, solve_for_plans(build_pyomo(*arrays)), budget, floor, best)
    check_choice(problem, solve_for_plans(build_cvxpy(*arrays)), budget, floor, best)


@LAYERS
def test_a_pair_that_is_not_offered_is_never_chosen(build):
    value = np.array([[0.0, np.nan, 0.3], [0.0, 0.5, 0.1]])
    spend = np.array([[0.0, np.nan, 1.0], [0.0, 1.0, 1.0]])
    assert solve_for_plans(build(value, spend, 5.0)).tolist() == [2, 1]


@LAYERS
def test_a_small_objective_is_not_ended_early(build):
    # Differences below the 1e-6 at which HiGHS stops by default.
    value = np.array([[0.0, 3e-7, 4e-7], [0.0, 5e-7, 2e-7]])
    spend = np.array([[0.0, 2.0, 3.0], [0.0, 3.0, 1.0]])
    assert solve_for_plans(build(value, spend, 5.0)).tolist() == [1, 1]


@LAYERS
def test_zero_budget(build):
    value = np.array([[0.0, 1.0]])
    assert solve_for_plans(build(value, value, 0.0)).tolist() == [0]


def test_the_code_of_the_readme_runs(capsys):
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    assert code.count("capacity") >= 3
    exec(compile(code, "formulations/README.md", "exec"), {})  # noqa: S102 - our own page
    assert "three times the same" in capsys.readouterr().out


def test_the_readme_lists_every_formulation():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for file in FOLDER.glob("*.py"):
        assert file.name == "__init__.py" or f"`{file.name}`" in text


@LAYERS
def test_the_optimum_is_returned_and_infeasible_programs_are_named(build):
    value = np.array([[0.0, 0.5], [0.0, 0.25]])
    assert solve(build(value, value, 1.0)) == pytest.approx(0.75)
    assert solve(build(value, value, None, 0.5)) == pytest.approx(0.5)
    with pytest.raises(arb.InfeasibleError, match="every constraint"):
        solve(build(value, value, 0.1, 0.5))
