"""Programs of one row at the edges: layouts, limits, ties on a grid, time, interruption."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from arbmodels._assignment import multiple_choice_knapsack
from arbmodels._assignment.multiple_choice_knapsack import price, solve_multiple_choice_knapsack
from arbmodels._assignment.multiple_choice_relaxation import Grid, Line, Rows
from arbmodels._solver import relative_gap
from arbmodels.errors import SolverError
from multiple_choice_cases import arrays, draw, large, written


@pytest.mark.parametrize("groups", [300, 30_000])
def test_recorded_successes_lie_on_a_grid(groups):
    rng = np.random.default_rng(3)
    solve, spend = rng.integers(0, 11, (groups, 3)) / 10, rng.lognormal(0, 1, (groups, 3))
    solved = rng.integers(0, 2, (groups, 3)).astype(float)
    for value in (solve, solved):
        program = arrays(value, spend, 0.05 * groups)
        answer = solve_multiple_choice_knapsack(program, 0.0, 60.0)
        assert answer.status == "optimal"
        assert answer.bound == answer.objective
        # One value off the grid, however late, and the argument is not made.
        value[-1, -1] += 0.01234
        off = Grid.suggested(Rows.of(Line.of(program), program.source.block.take(slice(0, 99))))
        assert off.unit == pytest.approx(0.1 if value is solve else 1.0)
        assert off.confirmed(program, Line.of(program)).unit == 0.0
        assert solve_multiple_choice_knapsack(program, 1e-3, 60.0).bound >= answer.objective


def test_no_row_at_all():
    program = draw(1, 50, 4, loose=0.5)
    value, _ = written(program)
    answer = solve_multiple_choice_knapsack(program.with_rows([]), 0.0, 1.0)
    best = np.nanmax(program.sign * value, axis=1).sum()
    assert program.sign * answer.objective == pytest.approx(best)
    assert answer.bound == answer.objective
    assert answer.prices.shape == (0,)


def test_a_large_program_is_proven_optimal_with_any_number_of_threads():
    one, two = (
        solve_multiple_choice_knapsack(large(threads=threads), 0.0, 60.0) for threads in (1, 2)
    )
    np.testing.assert_array_equal(one.choice, two.choice)
    assert (one.objective, one.bound, one.prices[0]) == (two.objective, two.bound, two.prices[0])
    assert one.status == "optimal"
    assert relative_gap(one.objective, one.bound) <= 1e-12
    quick = solve_multiple_choice_knapsack(large(), 1e-6, 60.0)
    assert relative_gap(quick.objective, quick.bound) <= 1e-6
    assert quick.bound >= one.objective >= quick.objective


def test_the_layout_of_the_arrays_does_not_matter(tmp_path):
    program = large(40_000, np.float32)
    solve, spend = program.source.block.quantities
    limit = float(program.limits[0])
    single = solve_multiple_choice_knapsack(program, 0.0, 60.0)
    mapped = []
    for name, array in (("solve", solve), ("spend", spend)):
        np.save(tmp_path / f"{name}.npy", array)
        mapped.append(np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
    for pair in (
        (solve.astype(float), spend.astype(float)),
        (solve, spend.astype(float)),
        (np.asfortranarray(solve), np.asfortranarray(spend)),
        (np.repeat(solve, 2, axis=1)[:, ::2], np.repeat(spend, 2, axis=0)[::2]),
        tuple(mapped),
    ):
        other = solve_multiple_choice_knapsack(arrays(*pair, limit), 0.0, 60.0)
        np.testing.assert_array_equal(other.choice, single.choice)
        assert other.objective == pytest.approx(single.objective, rel=1e-15)
        assert other.bound == pytest.approx(single.bound, rel=1e-14)


def test_the_arrays_are_left_as_they_are():
    program = large(1000)
    solve, spend = program.source.block.quantities
    before = solve.copy(), spend.copy()
    solve_multiple_choice_knapsack(program, 0.0, 60.0)
    np.testing.assert_array_equal(solve, before[0])
    np.testing.assert_array_equal(spend, before[1])
    assert solve.flags.writeable


def test_classes_and_weights_on_a_large_program():
    rng = np.random.default_rng(2)
    groups = 30_000
    program = large(groups, classes=None, weights=rng.integers(0, 3, groups).astype(float))
    # Weights are the same as copies; a group without weight changes nothing.
    solve, spend = program.source.block.quantities
    copies = np.repeat(np.arange(groups), program.source.block.weights.astype(int))
    one = solve_multiple_choice_knapsack(program, 1e-9, 60.0)
    many = solve_multiple_choice_knapsack(
        arrays(solve[copies], spend[copies], program.limits[0]), 1e-9, 60.0
    )
    assert one.prices[0] == pytest.approx(many.prices[0], rel=1e-4)
    assert one.objective == pytest.approx(many.objective, rel=1e-7)
    assert one.bound <= many.bound * (1 + 1e-9)


def test_interruption_leaves_the_best_so_far(monkeypatch):
    program = large(5_000)
    best = solve_multiple_choice_knapsack(program, 0.0, 60.0)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(multiple_choice_knapsack, "improve", interrupted)
    answer = solve_multiple_choice_knapsack(program, 0.0, 60.0)
    assert answer.status == "interrupted"
    assert answer.objective <= best.objective <= answer.bound
    assert relative_gap(answer.objective, answer.bound) < 1e-3
    monkeypatch.setattr(multiple_choice_knapsack, "relax", interrupted)
    with pytest.raises(KeyboardInterrupt):
        solve_multiple_choice_knapsack(program, 0.0, 60.0)


def test_out_of_time_the_answer_and_its_bound_stand(monkeypatch):
    program = large(5_000)
    answer = solve_multiple_choice_knapsack(program, 0.0, 0.0)
    assert answer.status == "time limit"
    assert answer.objective < answer.bound

    def fails(*_):
        raise SolverError("no solution found")

    monkeypatch.setattr(multiple_choice_knapsack, "solve_core", fails)
    monkeypatch.setattr(multiple_choice_knapsack, "COMBINATIONS", 2)
    with pytest.raises(SolverError, match="no solution found"):
        solve_multiple_choice_knapsack(program, 0.0, 60.0)  # a failure with time left is not hidden


def test_infeasible_is_exact():
    program = large(3_000)
    least = replace(program, limits=np.zeros(1))  # abstaining costs nothing
    assert solve_multiple_choice_knapsack(least, 0.0, 1.0).objective == 0.0
    assert (
        solve_multiple_choice_knapsack(replace(program, limits=-np.ones(1)), 0.0, 1.0).status
        == "infeasible"
    )
    forbidden = np.zeros((1, 9), bool)
    forbidden[0, -1] = True
    solve, spend = program.source.block.quantities
    cheapest = float(spend.min(axis=1).sum())
    tight = replace(program, forbidden=forbidden, limits=np.array([cheapest]))
    answer = solve_multiple_choice_knapsack(tight, 0.0, 60.0)
    np.testing.assert_array_equal(answer.choice, spend.argmin(axis=1))
    assert answer.objective == pytest.approx(solve[np.arange(3000), answer.choice].sum())
    below = replace(tight, limits=np.array([cheapest * (1 - 1e-9)]))
    assert solve_multiple_choice_knapsack(below, 0.0, 60.0).status == "infeasible"


def test_a_group_without_a_plan_is_infeasible():
    forbidden = np.ones((1, 9), bool)
    program = replace(large(300), forbidden=forbidden)
    assert solve_multiple_choice_knapsack(program, 0.0, 1.0).status == "infeasible"
    assert solve_multiple_choice_knapsack(program.with_rows([]), 0.0, 1.0).status == "infeasible"
    assert price(program) is None


def test_a_limit_that_does_not_bind_costs_nothing():
    program = replace(large(60_000), limits=np.array([1e9]))
    answer = solve_multiple_choice_knapsack(program, 0.0, 60.0)
    assert answer.prices[0] == 0.0
    assert answer.bound == answer.objective
    solve, _ = program.source.block.quantities
    assert answer.objective == pytest.approx(solve.max(axis=1).sum())
