"""Integer auxiliary variables: fees, tiers, at most K; enumeration, HiGHS, planted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from arbmodels._assignment import Arrays, AssignmentProgram, Block, auxiliary_variables, benders
from arbmodels._assignment.auxiliary_variables import solve_with_auxiliary_variables
from arbmodels._assignment.highs import solve_with_highs
from arbmodels._assignment.pricing import best, totals
from arbmodels.errors import SolverError
from auxiliary_cases import (
    auxiliary_of,
    contract_program,
    enumerate_best,
    enumerate_contracts,
    menu_program,
    pairs,
    random_block,
    random_program,
)


@pytest.fixture(params=["whole", "master", "sample"])
def way(request, monkeypatch):
    """All of it in HiGHS; the decomposition; the decomposition rehearsed on a sample."""
    monkeypatch.setattr(auxiliary_variables, "SMALL", 10**6 if request.param == "whole" else 0)
    monkeypatch.setattr(benders, "SAMPLE", 3 if request.param == "sample" else 10**6)
    return request.param


@pytest.fixture
def decomposed(monkeypatch):
    monkeypatch.setattr(auxiliary_variables, "SMALL", 0)


def check(program, answer, exact, gap=0.0):
    """The answer is feasible, as good as the enumeration's, and its bound is one."""
    if exact is None:
        assert answer.status == "infeasible"
        assert answer.choice is None
        return
    assert answer.status == "optimal"
    slack = 1e-7 * max(1.0, abs(exact))
    sign = program.sign
    assert sign * answer.objective <= sign * exact + slack
    assert sign * answer.objective >= sign * exact - gap * abs(exact) - slack
    assert sign * answer.bound >= sign * exact - slack
    assert sign * (answer.bound - answer.objective) <= gap * abs(answer.objective) + slack
    assert_feasible(program, answer)


def assert_feasible(program, answer):
    auxiliary = program.auxiliary
    sums = totals(program, answer.choice)
    assert answer.objective == pytest.approx(program.value_of(sums, answer.auxiliary), abs=1e-9)
    excess = program.sense * (program.activity_of(sums, answer.auxiliary) - program.limits)
    _, rows, allowed = pairs(program)
    largest = np.array([np.abs(row[allowed]).max(initial=0.0) or 1.0 for row in rows])
    assert (excess <= 1.01e-8 * np.maximum(largest, 1.0)).all()
    assert allowed[np.arange(program.groups), answer.choice].all()
    assert (answer.auxiliary >= auxiliary.lower - 1e-9).all()
    assert (answer.auxiliary <= auxiliary.upper + 1e-9).all()
    np.testing.assert_array_equal(
        answer.auxiliary[auxiliary.integer], np.rint(answer.auxiliary[auxiliary.integer])
    )
    inside = auxiliary.matrix @ answer.auxiliary
    assert (inside >= auxiliary.row_lower - 1e-7).all()
    assert (inside <= auxiliary.row_upper + 1e-7).all()
    used = np.unique(answer.choice)
    assert (answer.auxiliary[auxiliary.needs[used].any(axis=0)] >= 1 - 1e-9).all()
    assert (answer.prices >= 0).all()


def seeds(way, many):
    return range(many if way != "sample" else many // 4)


def test_answers_are_those_of_enumeration(way):
    """Fees, needs of one or several columns, whole numbers to three, classes, weights, ties."""
    infeasible = 0
    for seed in seeds(way, 60):
        program = random_program(
            seed, rows=seed % 3, ties=seed % 5 == 0, abstain=seed % 7 < 3, columns=2 + seed % 3
        )
        exact = enumerate_best(program)
        infeasible += exact is None
        check(program, solve_with_auxiliary_variables(program, 0.0, 30.0), exact)
    assert 0 < infeasible < len(seeds(way, 60)) / 2


@pytest.mark.parametrize("floor", [False, True])
def test_contracts_cost_what_their_tiers_say(way, floor):
    """Rising and falling tiers, fees and prepaid credit against payments by their definition."""
    for seed in seeds(way, 16):
        program, contracts = contract_program(seed, floor=floor)
        exact = enumerate_contracts(program, contracts)
        check(program, solve_with_auxiliary_variables(program, 0.0, 30.0), exact)


def test_a_gap_is_kept(way):
    for seed in seeds(way, 20):
        program = random_program(seed, groups=5, rows=1)
        check(
            program,
            solve_with_auxiliary_variables(program, 0.02, 30.0),
            enumerate_best(program),
            gap=0.02,
        )


def test_an_objective_of_zero_asks_for_anything(way):
    for seed in seeds(way, 20):
        program = random_program(seed, rows=1 + seed % 2)
        auxiliary = replace(program.auxiliary, objective=np.zeros(len(program.auxiliary.names)))
        program = replace(program, objective=np.zeros_like(program.objective), auxiliary=auxiliary)
        exact = enumerate_best(program)
        answer = solve_with_auxiliary_variables(program, 1e-6, 30.0)
        check(program, answer, exact)
        assert exact is None or answer.bound == 0.0


def test_numbers_nine_orders_of_magnitude_apart(way):
    """The same program in other units has the same answer in those units."""
    for seed in seeds(way, 12):
        program = random_program(seed, rows=1)
        exact = enumerate_best(program)
        unit = 10.0 ** np.array([-4, 5])[seed % 2]
        auxiliary = program.auxiliary
        scaled = replace(
            program,
            objective=program.objective * unit,
            rows=program.rows / unit,
            limits=program.limits / unit,
            auxiliary=replace(
                auxiliary, objective=auxiliary.objective * unit, coupling=auxiliary.coupling / unit
            ),
        )
        answer = solve_with_auxiliary_variables(scaled, 0.0, 30.0)
        assert (answer.choice is None) == (exact is None)
        if exact is not None:
            assert answer.objective == pytest.approx(exact * unit, rel=1e-7)
            assert answer.bound == pytest.approx(exact * unit, rel=1e-7)


@pytest.mark.parametrize("seed", range(4))
def test_medium_programs_are_those_of_highs(decomposed, seed):
    """The statements of both must agree: objective, true optimum, bound, in this order."""
    program = menu_program(60, 6, most=3, fee=0.02, seed=seed)
    whole = solve_with_highs(program, 1e-9, 60.0)
    ours = solve_with_auxiliary_variables(program, 1e-6, 60.0)
    assert ours.status == "optimal"
    assert_feasible(program, ours)
    assert ours.objective <= whole.bound + 1e-7
    assert ours.bound >= whole.objective - 1e-7
    assert ours.objective == pytest.approx(whole.objective, rel=1e-6)
    assert ours.auxiliary.sum() <= 3


def greedy(program, gap, time_limit):
    """An engine for programs without binding rows: everyone's best plan."""
    chosen = best(program, np.zeros(len(program.limits)))
    value = program.sign * chosen.value
    return auxiliary_variables.Answer(
        "optimal", chosen.choice, value, value, np.zeros(len(program.limits))
    )


def planted(groups=20_000, plans=12, kept=4):
    """At most four models; those that alone serve a quarter of the groups each are best."""
    rng = np.random.default_rng(0)
    value = rng.uniform(0.0, 0.5, (groups, plans))
    value[np.arange(groups), np.arange(groups) % kept] += 0.5
    objective = np.zeros((2, 1, plans))
    objective[1] = 1.0
    auxiliary = auxiliary_of(
        plans,
        plans=plans,
        needs=np.eye(plans, dtype=bool),
        matrix=np.ones((1, plans)),
        row_lower=np.array([-np.inf]),
        row_upper=np.array([float(kept)]),
    )
    rows = np.zeros((0, 2, 1, plans))
    source = Arrays(Block(0, (value,)))
    nothing = np.zeros(0)
    return AssignmentProgram(source, objective, rows, nothing, nothing, True, None, auxiliary)


def test_a_planted_menu_is_found_and_proven():
    program = planted()
    answer = solve_with_auxiliary_variables(program, 1e-6, 60.0, greedy)
    assert answer.status == "optimal"
    np.testing.assert_array_equal(np.flatnonzero(answer.auxiliary), np.arange(4))
    value = program.source.block.quantities[0][:, :4].max(axis=1).sum()
    assert answer.objective == pytest.approx(value)
    assert answer.bound == pytest.approx(value, rel=1e-6)
    assert all(step.bound >= value * (1 - 1e-12) for step in answer.path)


def test_threads_change_nothing(monkeypatch):
    monkeypatch.setattr("arbmodels._assignment.program.BLOCK", 3000)
    program = planted()
    answers = [
        solve_with_auxiliary_variables(
            replace(program, source=Arrays(program.source.block, threads)), 1e-6, 60.0, greedy
        )
        for threads in (1, 2)
    ]
    assert answers[0].objective == answers[1].objective
    assert answers[0].bound == answers[1].bound
    np.testing.assert_array_equal(answers[0].choice, answers[1].choice)


def test_a_sample_without_an_answer_is_not_believed(decomposed, monkeypatch):
    """Only one group can meet the floor, and it is not in the sample."""
    monkeypatch.setattr(benders, "SAMPLE", 5)
    block = Block(0, (np.ones((50, 2)), np.zeros((50, 2))))
    block.quantities[1][7, 1] = 1.0
    objective, rows = np.zeros((3, 1, 2)), np.zeros((1, 3, 1, 2))
    objective[1, 0] = [2.0, 1.0]
    rows[0, 2] = 1.0
    auxiliary = auxiliary_of(
        1, rows=1, plans=2, needs=np.array([[False], [True]]), objective=np.array([-0.5])
    )
    program = AssignmentProgram(
        Arrays(block), objective, rows, np.array([-1.0]), np.array([1.0]), True, None, auxiliary
    )
    answer = solve_with_auxiliary_variables(program, 1e-9, 30.0)
    assert answer.status == "optimal"
    assert answer.objective == pytest.approx(98.5)
    missing = replace(program, limits=np.array([1.5]))
    assert solve_with_auxiliary_variables(missing, 1e-9, 30.0).status == "infeasible"


def test_columns_that_contradict_each_other_are_infeasible(way):
    program = random_program(1)
    auxiliary = program.auxiliary
    matrix = sparse.csr_array(np.vstack([auxiliary.matrix.toarray(), np.ones((1, 3))]))
    never = replace(
        auxiliary,
        matrix=matrix,
        row_lower=np.append(auxiliary.row_lower, 20.0),
        row_upper=np.append(auxiliary.row_upper, np.inf),
    )
    assert (
        solve_with_auxiliary_variables(replace(program, auxiliary=never), 0.0, 30.0).status
        == "infeasible"
    )


def test_rows_over_the_side_columns_alone_are_kept(way):
    """A budget for fees only: no assignment can help to keep it."""
    for seed in range(6):
        program = random_program(seed, rows=1, abstain=True)
        fees = np.array([0.5, 1.0, 1.5])
        only = replace(
            program,
            rows=np.zeros_like(program.rows),
            sense=np.ones(1),
            limits=np.array([1.5]),
            auxiliary=replace(program.auxiliary, coupling=fees[None]),
        )
        answer = solve_with_auxiliary_variables(only, 0.0, 30.0)
        check(only, answer, enumerate_best(only))
        assert answer.choice is None or fees @ answer.auxiliary <= 1.5 + 1e-9


def test_interruption_keeps_the_best(decomposed, monkeypatch):
    program = menu_program(60, 6, most=3, fee=0.02)
    exact = solve_with_highs(program, 1e-9, 60.0).objective
    served = []

    def engine(left, gap, time_limit):
        served.append(left)
        return solve_with_highs(left, 1e-6, time_limit)

    def interrupted(propose):
        def proposed(*args):
            if served:
                raise KeyboardInterrupt
            return propose(*args)

        return proposed

    for proposer in (benders.Master, benders.ActiveSets):
        monkeypatch.setattr(proposer, "propose", interrupted(proposer.propose))
    answer = solve_with_auxiliary_variables(program, 1e-9, 60.0, engine)
    assert len(served) == 1
    assert answer.status == "interrupted"
    assert_feasible(program, answer)
    assert answer.objective <= exact + 1e-7
    assert answer.bound >= exact - 1e-7

    def at_once(left, gap, time_limit):
        raise KeyboardInterrupt

    served.clear()
    with pytest.raises(KeyboardInterrupt):
        solve_with_auxiliary_variables(program, 1e-9, 60.0, at_once)


def test_time_limits_keep_the_best(decomposed):
    program = menu_program(60, 6, most=3, fee=0.02)
    answer = solve_with_auxiliary_variables(program, 1e-9, 0.0)
    assert answer.status == "time limit"
    assert answer.choice is None
    exact = solve_with_highs(program, 1e-9, 60.0).objective
    assert answer.bound >= exact - 1e-7

    def slow(left, gap, time_limit):
        return replace(solve_with_highs(left, 1e-2, time_limit), status="time limit")

    answer = solve_with_auxiliary_variables(program, 1e-9, 60.0, slow)
    assert answer.status == "time limit"
    assert_feasible(program, answer)
    assert answer.objective <= exact + 1e-7 <= answer.bound + 2e-7


def test_errors_are_ours(decomposed):
    program = menu_program(60, 6, most=3, fee=0.02)
    with pytest.raises(SolverError, match="no auxiliary variables"):
        solve_with_auxiliary_variables(replace(program, auxiliary=None), 1e-6, 10.0)

    def broken(left, gap, time_limit):
        raise SolverError("numbers out of all proportion")

    with pytest.raises(SolverError, match="out of all proportion"):
        solve_with_auxiliary_variables(program, 1e-6, 10.0, broken)
    auxiliary = program.auxiliary
    free = replace(
        auxiliary,
        names=(*auxiliary.names, "free"),
        objective=np.append(auxiliary.objective, 1.0),
        coupling=np.hstack([auxiliary.coupling, [[0.0]]]),
        lower=np.append(auxiliary.lower, 0.0),
        upper=np.append(auxiliary.upper, np.inf),
        integer=np.append(auxiliary.integer, False),
        needs=np.hstack([auxiliary.needs, np.zeros((7, 1), dtype=bool)]),
        matrix=sparse.csr_array(np.hstack([auxiliary.matrix.toarray(), [[0.0]]])),
    )
    with pytest.raises(SolverError, match="unbounded"):
        solve_with_auxiliary_variables(replace(program, auxiliary=free), 1e-6, 10.0)


def test_float32_and_missing_pairs(decomposed):
    rng = np.random.default_rng(5)
    block = random_block(rng, 30, 5, missing=0.3)
    single = replace(block, quantities=tuple(q.astype(np.float32) for q in block.quantities))
    double = replace(single, quantities=tuple(q.astype(float) for q in single.quantities))
    objective, rows = np.zeros((3, 1, 6)), np.zeros((1, 3, 1, 6))
    objective[1, 0, :5], rows[0, 2, 0, :5] = 1.0, 1.0
    auxiliary = auxiliary_of(
        5, rows=1, plans=6, needs=np.eye(6, 5, dtype=bool), objective=np.full(5, -0.8)
    )
    answers = []
    for each in (single, double):
        program = AssignmentProgram(
            Arrays(each), objective, rows, np.ones(1), np.array([6.0]), True, None, auxiliary
        )
        answers.append(solve_with_auxiliary_variables(program, 1e-7, 30.0))
        assert_feasible(program, answers[-1])
    assert answers[0].objective == answers[1].objective
    np.testing.assert_array_equal(answers[0].choice, answers[1].choice)
