"""Files and algebraic models of a program have its optimum, by other readers and solvers."""

from __future__ import annotations

import re
import sys
import warnings
from dataclasses import replace

import cvxpy as cp
import highspy
import numpy as np
import pulp
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, sparse

import arbmodels as arb
from arbmodels._assignment import Arrays, AssignmentProgram, Block
from arbmodels._assignment.highs import solve_with_highs
from arbmodels.routing.export import ProgramNames, to_cvxpy, to_pyomo, write_program
from formulation_cases import draw
from program_cases import best_by_enumeration, random_program, with_fees

FORMATS = pytest.mark.parametrize("ending", ["mps", "lp"])
_EXACT = {"mip_rel_gap": 0.0, "mip_abs_gap": 0.0}


def names_for(program, groups=None, plans=None):
    return ProgramNames(
        groups or [f"issue/{g} (a)" for g in range(program.groups)],
        plans or [f"{j} x model-{j}.5" for j in range(program.plans)],
        [f"budget in {r}, total" for r in range(len(program.limits))],
    )


def read(path):
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    assert highs.readModel(str(path)) == highspy.HighsStatus.kOk
    return highs


def by_highs(path):
    highs = read(path)
    for option, value in _EXACT.items():
        highs.setOptionValue(option, value)
    highs.run()
    if highs.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
        return None
    return highs.getInfo().objective_function_value


def by_scipy(path):
    """SciPy on the arrays that the file holds."""
    lp = read(path).getLp()
    matrix = sparse.csc_array(
        (lp.a_matrix_.value_, lp.a_matrix_.index_, lp.a_matrix_.start_),
        shape=(lp.num_row_, lp.num_col_),
    )
    sign = -1.0 if lp.sense_ == highspy.ObjSense.kMaximize else 1.0
    answer = optimize.milp(
        sign * np.array(lp.col_cost_),
        integrality=[int(kind == highspy.HighsVarType.kInteger) for kind in lp.integrality_],
        bounds=optimize.Bounds(lp.col_lower_, lp.col_upper_),
        constraints=optimize.LinearConstraint(matrix, lp.row_lower_, lp.row_upper_),
        options={"mip_rel_gap": 0.0},
    )
    return None if answer.x is None else sign * answer.fun


def by_pyomo(program, names):
    model = to_pyomo(program, names)
    solver = pyo.SolverFactory("appsi_highs")
    solver.highs_options = _EXACT
    outcome = solver.solve(model, load_solutions=False)
    if outcome.solver.termination_condition == pyo.TerminationCondition.infeasible:
        return None
    solver.load_vars()
    return pyo.value(model.objective)


def by_cvxpy(program, names):
    model = to_cvxpy(program, names)
    model.problem.solve(cp.HIGHS, **_EXACT)
    return None if model.problem.status == "infeasible" else model.problem.value


@settings(max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(1, 5), st.integers(2, 4), st.integers(1, 3)),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_every_way_out_has_the_optimum_of_enumeration(tmp_path_factory, seed, size, kind):
    maximize, fees, plain = kind
    program = random_program(
        seed,
        *size,
        maximize=maximize,
        weighted=bool(seed % 2),
        missing=0.0 if plain else 0.3,
        forbid=plain,
    )
    if fees:
        program = with_fees(program, seed)
    best = best_by_enumeration(program)
    names = names_for(program)
    folder = tmp_path_factory.mktemp("out")
    found = {
        "pyomo": by_pyomo(program, names),
        "cvxpy": by_cvxpy(program, names),
        "ours": solve_with_highs(program, 0.0, 60.0).objective if best is not None else None,
    }
    for ending in ("mps", "lp"):
        path = write_program(program, names, folder / f"program.{ending}")
        found[f"{ending}, highs"] = by_highs(path)
        found[f"{ending}, scipy"] = by_scipy(path)
    for way, value in found.items():
        if best is None:
            assert value is None, way
        else:
            assert value == pytest.approx(best, rel=1e-6, abs=1e-7), way


def test_an_independent_reader_finds_the_same_optimum(tmp_path):
    program = with_fees(random_program(3, 6, 4, 2), 3)
    path = write_program(program, names_for(program), tmp_path / "program.mps")
    _, model = pulp.LpProblem.fromMPS(str(path), sense=pulp_sense(program))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # CBC leaves PuLP with its version 4
        model.solve(pulp.PULP_CBC_CMD(msg=False))
    assert pulp.LpStatus[model.status] == "Optimal"
    assert pulp.value(model.objective) == pytest.approx(best_by_enumeration(program), rel=1e-6)


def pulp_sense(program):
    return pulp.LpMaximize if program.maximize else pulp.LpMinimize


@FORMATS
def test_names_and_coefficients_are_those_of_the_problem(tmp_path, ending):
    value = np.array([[0.0, 0.25], [0.0, 0.5]])
    spend = np.array([[0.0, 300.0], [0.0, 1e-7]])
    objective, rows = np.zeros((3, 1, 2)), np.zeros((1, 3, 1, 2))
    objective[1], rows[0, 2] = 1.0, 1.0
    program = AssignmentProgram(
        Arrays(Block(0, (value, spend))), objective, rows, np.ones(1), np.array([310.0]), True
    )
    names = ProgramNames(["django/7.1", "sympy-2"], ["abstain", "1 x gpt5mini"], ["budget"])
    lp = read(write_program(program, names, tmp_path / f"p.{ending}")).getLp()
    columns = dict(zip(lp.col_names_, lp.col_cost_, strict=True))
    assert columns == {
        "x_django_7_1_abstain": 0.0,
        "x_django_7_1_1_x_gpt5mini": 0.25,
        "x_sympy_2_abstain": 0.0,
        "x_sympy_2_1_x_gpt5mini": 0.5,
    }
    assert list(lp.row_names_) == ["one_plan_django_7_1", "one_plan_sympy_2", "budget"]
    assert lp.row_upper_[2] == pytest.approx(310.0, rel=1e-15)
    assert sorted(v for v in lp.a_matrix_.value_ if v != 1.0) == pytest.approx(
        [1e-7, 300.0], rel=1e-14
    )


@FORMATS
@pytest.mark.parametrize(
    "labels",
    [
        ["e1", "max", "st"],
        ["1st", "free", "Bounds"],
        ["a b", "a-b", "a_b"],
        ["größe", "大", "+ 3 x"],
        ["x" * 500, "x" * 499, ""],
    ],
)
def test_hostile_names_survive(tmp_path, ending, labels):
    program = random_program(5, 3, 3, 3)
    program = replace(program, limits=program.sense * 100.0)
    names = ProgramNames(labels, labels, labels)
    path = write_program(program, names, tmp_path / f"p.{ending}")
    lp = read(path).getLp()
    assert len(set(lp.col_names_)) == 9
    assert len(set(lp.row_names_)) == 6
    assert all(re.fullmatch(r"[A-Za-z]\w*", name) for name in [*lp.col_names_, *lp.row_names_])
    assert all(name.startswith("x_") for name in lp.col_names_)
    assert by_highs(path) == pytest.approx(best_by_enumeration(program), rel=1e-6)


def test_a_file_is_not_overwritten_without_being_asked(tmp_path):
    program = random_program(1)
    names = names_for(program)
    path = tmp_path / "p.mps"
    path.write_text("mine")
    with pytest.raises(arb.InputError, match="overwrite=True"):
        write_program(program, names, path)
    assert path.read_text() == "mine"
    assert write_program(program, names, path, overwrite=True) == path
    assert "ROWS" in path.read_text()
    assert [each.name for each in tmp_path.iterdir()] == ["p.mps"]


def test_where_it_cannot_be_written(tmp_path):
    program = random_program(1)
    names = names_for(program)
    with pytest.raises(arb.InputError, match=r"\.mps or \.lp"):
        write_program(program, names, tmp_path / "p.txt")
    with pytest.raises(arb.InputError, match="no folder"):
        write_program(program, names, tmp_path / "missing" / "p.lp")
    with pytest.raises(arb.InputError, match="2 names for 4 groups"):
        write_program(program, replace(names, groups=["a", "b"]), tmp_path / "p.lp")


@pytest.mark.parametrize("build", [to_pyomo, to_cvxpy])
def test_algebra_wants_different_names(build):
    program = random_program(1)
    with pytest.raises(arb.InputError, match="Two groups are called 'a'"):
        build(program, names_for(program, groups=["a", "b", "a", "c"]))


@pytest.mark.parametrize(("build", "module"), [(to_pyomo, "pyomo.environ"), (to_cvxpy, "cvxpy")])
def test_without_the_package(monkeypatch, build, module):
    monkeypatch.setitem(sys.modules, module, None)
    program = random_program(1)
    with pytest.raises(arb.InputError, match=r"formulations\]"):
        build(program, names_for(program))


def test_a_constraint_of_your_own_in_pyomo():
    program = random_program(8, 5, 3, 2)
    names = names_for(program)
    model = to_pyomo(program, names)
    plan = names.plans[0]
    model.at_least_four = pyo.Constraint(expr=sum(model.x[g, plan] for g in model.GROUPS) >= 4)
    model.row[names.rows[0]].deactivate()
    model.row[names.rows[1]].deactivate()
    pyo.SolverFactory("appsi_highs").solve(model)
    served = [pair for pair in model.OFFERED if model.x[pair].value > 0.5]
    assert len(served) == 5
    assert sum(j == plan for _, j in served) == 4
    # The one group that may leave is the one that gains most.
    value = program.source.block.quantities[0]
    gain = (value.max(axis=1) - value[:, 0]).max()
    assert pyo.value(model.objective) == pytest.approx(value[:, 0].sum() + gain, rel=1e-9)


def test_a_constraint_of_your_own_in_cvxpy():
    program = random_program(8, 5, 3, 2)
    model = to_cvxpy(program, names_for(program))
    problem = cp.Problem(model.problem.objective, [model.assign, cp.sum(model.x[:, 0]) >= 4])
    problem.solve(cp.HIGHS, **_EXACT)
    assert (model.x.value.argmax(axis=1) == 0).sum() == 4
    assert set(model.rows) == set(model.activity) == {"budget in 0, total", "budget in 1, total"}


def test_from_a_routing_problem(tmp_path):
    """The methods of a problem, with a contract and a limit on the number of plans."""
    case = draw(0, 30, 4)
    problem = (
        case.problem(models=["tiny", "small", "large", "huge"])
        .add_contract("small", fee=1.0, tiers=((0.0, 1.0), (2.0, 0.5)))
        .add_budget(8.0)
        .limit_plans(3)
    )
    best = problem.solve().objective
    path = problem.export(tmp_path / "problem.mps")
    assert by_highs(path) == pytest.approx(best, rel=2e-6)
    with pytest.raises(arb.InputError, match="overwrite=True"):
        problem.export(path)
    names = set(read(path).getLp().row_names_)
    assert {"budget", "contract_with_small"} <= names
    model = problem.to_pyomo()
    solver = pyo.SolverFactory("appsi_highs")
    solver.highs_options = _EXACT
    solver.solve(model)
    assert pyo.value(model.objective) == pytest.approx(best, rel=2e-6)
    assert pyo.value(model.activity["budget"]) <= 8.0 + 1e-6
    assert model.y["fee of small"].value in (pytest.approx(0.0), pytest.approx(1.0))
    cvxpy = problem.to_cvxpy()
    assert cvxpy.problem.solve(cp.HIGHS, **_EXACT) == pytest.approx(best, rel=2e-6)
    assert sum(model.y[name].value > 0.5 for name in model.SIDE if name.endswith("in use")) <= 3


def test_a_file_has_the_pairs_beyond_its_limits_too(tmp_path):
    # Whoever changes the limit in the file needs them.
    asked = arb.RoutingProblem.from_arrays([[0.2, 0.9], [0.3, 0.4]], [[1, 5], [1, 4]])
    tight = asked.add_budget(2).export(tmp_path / "tight.lp").read_text()
    loose = asked.add_budget(9).export(tmp_path / "loose.lp").read_text()
    assert tight != loose
    columns = [sorted(set(re.findall(r"x_\w+", text))) for text in (tight, loose)]
    assert columns[0] == columns[1]
    assert len(columns[0]) == 6  # two instances, two models and abstaining
