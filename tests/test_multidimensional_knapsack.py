"""The engine for several rows: enumeration, HiGHS given all of it, and what goes wrong."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter, process_time

import numpy as np
import pytest

from arbmodels._assignment import Arrays, AssignmentProgram, Block, multidimensional_knapsack
from arbmodels._assignment.highs import relax_with_highs, solve_with_highs
from arbmodels._assignment.multidimensional_knapsack import (
    Options,
    local_improvement,
    solve_multidimensional_knapsack,
)
from arbmodels._assignment.pricing import best, bound, totals
from arbmodels.errors import SolverError
from auxiliary_cases import auxiliary_of
from multidimensional_cases import (
    AUXILIARY,
    empty_auxiliary,
    enumerate_best,
    planted,
    random_program,
)


@pytest.fixture
def no_whole(monkeypatch):
    """Small programs go through the engine, too, instead of to HiGHS as they are."""
    monkeypatch.setattr(multidimensional_knapsack, "SMALL", 0)


def check(program, answer):
    """An assignment's objective and rows, from its definition."""
    sums = totals(program, answer.choice)
    auxiliary = answer.auxiliary if program.auxiliary is not None else None
    assert program.value_of(sums, auxiliary) == pytest.approx(
        answer.objective, rel=1e-12, abs=1e-12
    )
    missed = program.sense * (program.activity_of(sums, auxiliary) - program.limits)
    size = np.abs(program.limits) + (np.abs(program.rows) * sums).sum(axis=(1, 2, 3))
    if auxiliary is not None:
        size += np.abs(program.auxiliary.coupling) @ np.abs(auxiliary)
    assert (missed <= 1e-9 * size).all()
    assert (answer.prices >= 0).all()
    assert program.sign * (answer.bound - answer.objective) >= 0


@pytest.mark.parametrize("first", range(0, 160, 40))
def test_small_programs_match_their_enumeration(first, no_whole):
    feasible = 0
    for seed in range(first, first + 40):
        rng = np.random.default_rng(seed)
        groups, plans, rows = rng.integers(1, 6), rng.integers(1, 5), rng.integers(1, 6)
        program = random_program(seed, int(groups), int(plans), int(rows), tight=seed % 2 == 0)
        best_value = enumerate_best(program)
        answer = solve_multidimensional_knapsack(program, 0.0, 60.0)  # compiling counts
        if best_value is None:
            assert answer.status == "infeasible", seed
            assert answer.choice is None
            continue
        feasible += 1
        assert answer.status == "optimal", seed
        assert answer.objective == pytest.approx(best_value, rel=1e-9, abs=1e-9), seed
        assert answer.bound == pytest.approx(best_value, rel=1e-9, abs=1e-9), seed
        check(program, answer)
    assert 15 < feasible < 40  # both kinds occur


@pytest.mark.parametrize("kind", range(len(AUXILIARY)))
def test_side_columns_match_highs(kind, no_whole):
    solved = 0
    for seed in range(25):
        rng = np.random.default_rng(seed)
        program = random_program(
            seed, int(rng.integers(2, 30)), 3, 2, auxiliary=AUXILIARY[kind], tight=False
        )
        answer, judge = (
            solve_multidimensional_knapsack(program, 1e-7, 20.0),
            solve_with_highs(program, 1e-7, 20.0),
        )
        assert (answer.status == "infeasible") == (judge.status == "infeasible"), seed
        if judge.choice is None:
            continue
        solved += 1
        assert answer.objective == pytest.approx(judge.objective, rel=1e-6, abs=1e-6), seed
        check(program, answer)
    assert solved > 8


@pytest.mark.parametrize("seed", range(20))
def test_statements_about_medium_programs_are_true(seed, no_whole):
    rng = np.random.default_rng(seed)
    groups, plans, rows = rng.integers(20, 150), rng.integers(3, 8), rng.integers(2, 6)
    program = random_program(seed, int(groups), int(plans), int(rows), tight=False)
    try:
        judge = solve_with_highs(program, 1e-3, 2.0)
    except SolverError:
        pytest.skip("HiGHS finds nothing in time")
    answer = solve_multidimensional_knapsack(
        program, 1e-3, 30.0
    )  # a quiet machine needs two seconds
    assert (answer.status == "infeasible") == (judge.status == "infeasible")
    if judge.choice is None:
        return
    check(program, answer)
    slack = 1e-7 * max(1.0, abs(judge.objective))
    assert program.sign * (judge.objective - answer.bound) <= slack
    assert program.sign * (answer.objective - judge.bound) <= slack
    assert abs(answer.bound - answer.objective) <= 1e-3 * abs(answer.objective) + 1e-12


def test_prices_are_those_of_the_relaxation(no_whole):
    program = planted(400, 6, 3)
    answer = solve_multidimensional_knapsack(program, 1e-3, 20.0)
    relaxed = relax_with_highs(program, 20.0)
    assert relaxed is not None
    ours = bound(program, answer.prices, best(program, answer.prices).value)
    assert ours == pytest.approx(relaxed[1], rel=1e-7)
    bounds = [step.bound for step in answer.path]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] == pytest.approx(relaxed[1], rel=1e-7)


@pytest.mark.parametrize(("groups", "gap"), [(3_000, 1e-5), (30_000, 1e-6), (100_000, 1e-7)])
def test_planted_programs_reach_the_gap(groups, gap):
    program = planted(groups)
    answer = solve_multidimensional_knapsack(program, gap, 30.0)
    assert answer.status == "optimal"
    assert abs(answer.bound - answer.objective) <= gap * answer.objective
    activity = program.activity_of(totals(program, answer.choice))
    assert (program.sense * (activity - program.limits) <= 1e-8).all()
    # The bound is the Lagrangian's at the prices, or better.
    ours = bound(program, answer.prices, best(program, answer.prices).value)
    assert answer.objective <= answer.bound <= ours * (1 + 1e-12)


def test_same_answer_for_any_number_of_threads():
    one, two = (
        solve_multidimensional_knapsack(planted(150_000, 8, threads=t), 1e-7, 30.0) for t in (1, 2)
    )
    assert one.objective == two.objective
    assert one.bound == two.bound
    np.testing.assert_array_equal(one.choice, two.choice)
    np.testing.assert_array_equal(one.prices, two.prices)


def test_single_precision():
    program = planted(20_000, 8, dtype=np.float32)
    block = program.source.block
    wide = replace(block, quantities=tuple(each.astype(float) for each in block.quantities))
    one = solve_multidimensional_knapsack(program, 1e-6, 30.0)
    two = solve_multidimensional_knapsack(replace(program, source=Arrays(wide)), 1e-6, 30.0)
    assert one.status == two.status == "optimal"
    assert one.objective == pytest.approx(two.objective, rel=2e-6)


def test_units_of_rows_and_objective_do_not_matter():
    plain = planted(3_000, 6)
    factor = 10.0 ** np.linspace(-5, 4, len(plain.limits))
    scaled = replace(
        plain,
        objective=1e6 * plain.objective,
        rows=plain.rows * factor[:, None, None, None],
        limits=plain.limits * factor,
    )
    one, two = (solve_multidimensional_knapsack(each, 1e-5, 30.0) for each in (plain, scaled))
    assert one.status == two.status == "optimal"
    assert two.objective == pytest.approx(1e6 * one.objective, rel=2e-5)


@pytest.mark.parametrize("groups", [500, 40_000])
def test_rows_that_cannot_hold_together_are_proven_so(groups):
    program = planted(groups, 6)
    limits = program.limits.copy()
    limits[0] *= 0.2  # the budget, while the floors stay
    answer = solve_multidimensional_knapsack(replace(program, limits=limits), 1e-4, 30.0)
    assert answer.status == "infeasible"
    assert answer.choice is None


def test_a_row_without_coefficients(no_whole):
    program = planted(300, 4)
    rows = np.concatenate([program.rows, np.zeros((1, *program.objective.shape))])
    sense = np.append(program.sense, 1.0)
    for limit, status in ((0.0, "optimal"), (5.0, "optimal"), (-1.0, "infeasible")):
        limits = np.append(program.limits, limit)
        wider = replace(program, rows=rows, sense=sense, limits=limits)
        assert solve_multidimensional_knapsack(wider, 1e-3, 20.0).status == status


def test_no_rows_and_one_row():
    program = planted(2_000, 5)
    free = solve_multidimensional_knapsack(program.with_rows([]), 0.0, 10.0)
    most = program.source.block.quantities[0].max(axis=1).sum()
    assert [free.objective, free.bound] == pytest.approx([most, most], rel=1e-12)
    one = solve_multidimensional_knapsack(program.with_rows([0]), 1e-6, 10.0)
    assert one.status == "optimal"
    assert one.prices[0] > 0


def test_a_group_without_a_plan_is_infeasible(no_whole):
    program = planted(300, 4)
    block = program.source.block
    refused = np.zeros((block.classes.max() + 1, program.plans), dtype=bool)
    refused[0] = True
    assert (
        solve_multidimensional_knapsack(replace(program, forbidden=refused), 1e-3, 10.0).status
        == "infeasible"
    )


def test_unbounded_side_columns(no_whole):
    program = planted(300, 4)
    auxiliary = empty_auxiliary(program)
    auxiliary = replace(auxiliary, objective=np.ones(1), upper=np.full(1, np.inf))
    with pytest.raises(SolverError, match="give it lower and upper limits"):
        solve_multidimensional_knapsack(replace(program, auxiliary=auxiliary), 1e-3, 10.0)


def test_the_same_model_at_two_providers():
    """Every group ties between two plans, each with a capacity: too many ties to list."""
    rng = np.random.default_rng(0)
    groups = 30_000
    value, spend = rng.random((groups, 4)), rng.random((groups, 4))
    value[:, 1], spend[:, 1] = value[:, 0], spend[:, 0]
    objective = np.zeros((3, 1, 5))
    objective[1] = 1.0
    rows = np.zeros((4, 3, 1, 5))
    rows[0, 2] = 1.0
    rows[[1, 2, 3], 0, 0, [0, 1, 2]] = 1.0
    limits = np.array([0.25, 0.2, 0.25, 0.2]) * groups
    program = AssignmentProgram(
        Arrays(Block(0, (value, spend))), objective, rows, np.ones(4), limits, maximize=True
    )
    answer = solve_multidimensional_knapsack(program, 1e-6, 20.0)
    assert answer.status == "optimal"
    activity = program.activity_of(totals(program, answer.choice))
    assert (activity <= limits + 1e-8).all()
    # Merged into one plan with both capacities it is the same program.
    merged = replace(
        program,
        source=Arrays(Block(0, (value[:, 1:], spend[:, 1:]))),
        objective=objective[:, :, 1:],
        rows=rows[[0, 2, 3]][:, :, :, 1:],
        sense=np.ones(3),
        limits=limits[[0, 1, 3]] + np.array([0.0, limits[2], 0.0]),
    )
    judge = solve_multidimensional_knapsack(merged, 1e-6, 20.0)
    assert answer.objective == pytest.approx(judge.objective, rel=2e-6)


def test_equal_groups(no_whole):
    rng = np.random.default_rng(1)
    value, spend = np.tile(rng.random(4), (600, 1)), np.tile(rng.random(4), (600, 1))
    objective = np.zeros((3, 1, 4))
    objective[1] = 1.0
    rows = np.zeros((3, 3, 1, 4))
    rows[0, 2] = 1.0
    rows[[1, 2], 0, 0, [0, 1]] = 1.0
    program = AssignmentProgram(
        Arrays(Block(0, (value, spend))),
        objective,
        rows,
        np.ones(3),
        np.array([0.6 * 600 * spend[0].mean() * 2, 200.0, 150.0]),
        maximize=True,
    )
    judge = solve_with_highs(program, 1e-6, 20.0)
    answer = solve_multidimensional_knapsack(program, 1e-3, 20.0)
    assert answer.status == judge.status == "optimal"
    assert answer.objective == pytest.approx(judge.objective, rel=1e-3)


def test_amounts_without_an_assignment_in_their_row(no_whole):
    """Rows that only bind auxiliary variables: y0 + y1 <= 1, of which the objective likes y1."""
    program = planted(200, 4)
    count = len(program.limits)
    coupling = np.zeros((count + 1, 2))
    coupling[-1] = 1.0
    auxiliary = auxiliary_of(
        2, integer=False, plans=program.plans, objective=np.array([1.0, 3.0]), coupling=coupling
    )
    wider = replace(
        program,
        rows=np.concatenate([program.rows, np.zeros((1, *program.objective.shape))]),
        sense=np.append(program.sense, 1.0),
        limits=np.append(program.limits, 1.0),
        auxiliary=replace(auxiliary, upper=np.full(2, 5.0)),
    )
    answer = solve_multidimensional_knapsack(wider, 1e-4, 20.0)
    assert answer.auxiliary == pytest.approx([0.0, 1.0], abs=1e-7)
    assert answer.prices[-1] == pytest.approx(3.0, rel=1e-6)


def test_the_search_ends_though_there_are_very_many_pairs_of_moves():
    """No move fits, and nearly any two of 30,000 gain more than the best so far."""
    size, rows = 30_000, 20
    change = np.zeros((size, rows))
    change[:, -1] = 1.0
    options = Options(np.arange(size + 1), change, np.linspace(1.0, 1.5, size))
    state, slack = np.full(size, -1, np.int32), np.zeros(rows)
    local_improvement(options, state.copy(), slack.copy(), (1e-9, np.inf, 10, 10))  # compiles
    start = process_time()
    gained = local_improvement(options, state, slack, (1e-9, np.inf, 10, 10_000_000))
    assert process_time() - start < 5.0
    assert gained == 0.0
    assert (state == -1).all()


def test_time_limit_gives_the_best_so_far():
    program = planted(20_000)
    start = perf_counter()
    answer = solve_multidimensional_knapsack(
        program, 0.0, 6.0
    )  # a quiet machine needs a second for the rest
    assert perf_counter() - start < 30.0  # the machine may be busy
    assert answer.status == "time limit"
    check(program, answer)
    assert 0 < answer.bound - answer.objective < 1e-3 * answer.objective


def test_interruption_gives_the_best_so_far(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(multidimensional_knapsack, "solve_core", interrupted)
    program = planted(4_000)
    answer = solve_multidimensional_knapsack(program, 0.0, 20.0)
    assert answer.status == "interrupted"
    check(program, answer)
    assert answer.bound - answer.objective < 1e-3 * answer.objective


def test_interruption_without_an_assignment(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(multidimensional_knapsack, "relax", interrupted)
    with pytest.raises(KeyboardInterrupt):
        solve_multidimensional_knapsack(planted(4_000), 0.0, 20.0)
