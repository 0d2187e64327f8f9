"""Frontiers and price ranges against enumeration and against HiGHS at single limits."""

from __future__ import annotations

from dataclasses import replace
from time import sleep

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arbmodels as arb
from arbmodels._assignment import value_function as parametric
from arbmodels._assignment.highs import relax_with_highs
from arbmodels._assignment.solve import solve
from arbmodels._assignment.value_function import (
    Tangent,
    enclosed,
    exact_value_function,
    value_function,
)
from arbmodels.errors import SolverError
from arbmodels.routing.frontier import Moving, frontier
from arbmodels.routing.sensitivity import price_range
from program_cases import best_by_enumeration, enumerated, random_program, with_fees

mpl.use("Agg")
MOVING = Moving("budget", "USD", "a market", "maximise solve rate", "solve rate")
seeds = st.integers(0, 2**32 - 1)


def at_limit(program, row, limit):
    limits = program.limits.copy()
    limits[row] = limit
    return replace(program, limits=limits)


def relaxed(program, row, limit):
    """HiGHS's value of the relaxation, oriented; minus infinity if infeasible."""
    found = relax_with_highs(at_limit(program, row, limit), 60.0)
    return -np.inf if found is None else program.sign * found[1]


def random_case(seed, rows, groups=5, plans=3):
    rng = np.random.default_rng(seed)
    return random_program(
        seed,
        groups,
        plans,
        rows,
        maximize=bool(rng.random() < 0.5),
        weighted=bool(rng.random() < 0.5),
        missing=0.2 if rng.random() < 0.5 else 0.0,
        forbid=True,
    )


@settings(max_examples=60)
@given(seeds, st.integers(1, 6), st.integers(1, 4))
def test_one_row_is_the_hull_of_all_assignments(seed, groups, plans):
    program = random_case(seed, 1, groups, plans)
    known = exact_value_function(program)
    _, value, activity = enumerated(program)
    use = program.sense[0] * activity[:, 0]
    worth = program.sign * value
    assert known.exact
    assert known.corners[0] == pytest.approx(use.min(), abs=1e-12)
    assert (known.above(use) >= worth - 1e-12).all()
    # Every corner is an assignment, and the slopes fall to zero.
    for corner, outer in zip(known.corners, known.outer, strict=True):
        near = np.abs(use - corner) + np.abs(worth - outer)
        assert near.min() < 1e-12
    assert (np.diff(known.slopes) < 0).all()
    assert known.slopes[-1] == 0.0
    assert known.outer[-1] == pytest.approx(worth.max(), abs=1e-12)


@settings(max_examples=40)
@given(seeds, st.integers(2, 3))
def test_several_rows_enclose_the_relaxation(seed, rows):
    program = random_case(seed, rows)
    known = value_function(program, 0, 1e-9, 60.0)
    if known is None:
        rest = program.with_rows(range(1, rows))
        assert relax_with_highs(rest, 60.0) is None
        return
    scale = max(np.abs(known.inner).max(), 1e-9)
    assert known.width <= 1e-7 * scale
    low, high = known.corners[0], known.reached[-1]
    for at in np.random.default_rng(seed).uniform(low - 0.1, high + 0.1, 5):
        value = relaxed(program, 0, program.sense[0] * at)
        if at < low:
            assert value == -np.inf
            assert known.above(at) == -np.inf
        else:
            assert known.below(at) <= value + 1e-7 * scale
            assert known.above(at) >= value - 1e-7 * scale


@settings(max_examples=25)
@given(seeds)
def test_tangents_find_all_breakpoints_of_one_row(seed):
    program = random_case(seed, 1)
    exact, found = exact_value_function(program), value_function(program, 0, 1e-9, 60.0)
    at = np.concatenate([exact.corners, (exact.corners[1:] + exact.corners[:-1]) / 2])
    size = max(np.abs(exact.inner).max(), 1e-9)
    np.testing.assert_allclose(found.above(at[1:]), exact.above(at[1:]), atol=1e-7 * size)
    np.testing.assert_allclose(found.below(at[1:]), exact.above(at[1:]), atol=1e-7 * size)


@settings(max_examples=30)
@given(seeds, st.integers(1, 3), st.booleans(), st.booleans())
def test_every_point_lies_between_its_bounds(seed, rows, fees, exact):
    program = random_case(seed, rows, 4)
    if fees:
        program = with_fees(program, seed)
    try:
        curve = frontier(program, 0, MOVING, points=4, exact=exact, tolerance=1e-2, gap=0.0)
    except arb.InfeasibleError:
        assert best_by_enumeration(program) is None
        return
    sign = program.sign
    span = float(np.ptp(curve.limits)) or 1.0
    between = np.random.default_rng(seed).uniform(-0.1, 1.1, 6) * span + curve.limits[0]
    for limit in np.concatenate([curve.limits, between]):
        point = curve.at(limit)
        best = best_by_enumeration(at_limit(program, 0, limit))
        if np.isfinite(point.objective):
            assert best is not None
            assert sign * point.objective <= sign * best + 1e-6
        if best is not None:
            assert np.isfinite(point.bound)
            assert sign * point.bound >= sign * best - 1e-6
    for limit, objective, status in zip(curve.limits, curve.objective, curve.status, strict=True):
        best = best_by_enumeration(at_limit(program, 0, limit))
        assert (status == "optimal") == (best is not None)
        assert status in ("optimal", "infeasible")
        if best is not None:
            assert objective == pytest.approx(best, rel=1e-6, abs=1e-7)
    assert np.nanmax(curve.gap, initial=0.0) <= 1e-6 or (np.abs(curve.objective) < 1e-6).any()


@settings(max_examples=30)
@given(seeds, st.integers(1, 3))
def test_the_price_is_the_slope(seed, rows):
    program = random_case(seed, rows)
    try:
        curve = frontier(program, 0, MOVING, points=3, tolerance=1e-9)
    except arb.InfeasibleError:
        return
    sense = program.sense[0]
    for limit, price in zip(curve.limits[:-1], curve.price[:-1], strict=True):
        if not np.isfinite(price):
            continue
        step = 1e-4 * float(np.ptp(curve.limits))
        here, there = (relaxed(program, 0, limit + sense * k * step) for k in (1.0, 2.0))
        before = relaxed(program, 0, limit)
        assert price * step >= there - here - 1e-7
        if np.isfinite(before):
            assert price * step >= here - before - 1e-7


@settings(max_examples=60)
@given(seeds, st.integers(1, 3), st.booleans())
def test_the_price_holds_in_its_range_and_no_further(seed, rows, fees):
    program = random_case(seed, rows)
    if fees:
        program = with_fees(program, seed)
    found = relax_with_highs(program, 60.0)
    if found is None:
        with pytest.raises(arb.InfeasibleError, match="no price"):
            price_range(program, 0, 0.0)
        return
    ranged = price_range(program, 0, float(found[0][0]))
    sense, limit = program.sense[0], float(program.limits[0])
    value = program.sign * found[1]
    assert ranged.low - 1e-7 <= limit <= ranged.high + 1e-7
    assert ranged.exact == (rows == 1 and not fees)
    scale = max(abs(value), 0.1)

    def line(to):
        return value + ranged.price * sense * (to - limit)

    for end, out in ((ranged.low, -1.0), (ranged.high, 1.0)):
        if np.isinf(end):
            far = limit + out * 50.0
            assert relaxed(program, 0, far) == pytest.approx(line(far), abs=1e-6 * scale)
            continue
        inside = end - out * 1e-3 * abs(end - limit)
        assert relaxed(program, 0, inside) == pytest.approx(line(inside), abs=1e-6 * scale)
        outside = end + out * 1e-2
        assert relaxed(program, 0, outside) < line(outside) - 1e-9 * scale


def test_the_range_at_a_breakpoint_is_that_of_the_price():
    program = random_program(4, 6, 3, 1)
    known = exact_value_function(program)
    sense = program.sense[0]
    corner, right, left = known.corners[2], known.slopes[2], known.slopes[1]
    here = at_limit(program, 0, sense * corner)
    for slope, other in ((right, known.corners[3]), (left, known.corners[1])):
        ranged = price_range(here, 0, slope)
        assert ranged.price == slope
        assert sorted((sense * corner, sense * other)) == pytest.approx([ranged.low, ranged.high])


def test_large_programs_use_the_engine(monkeypatch):
    program = random_program(11, 40, 4, 2)
    small = value_function(program, 0, 1e-3, 60.0)
    monkeypatch.setattr(parametric, "SMALL", 0)
    large = value_function(program, 0, 0.02, 60.0)
    at = np.linspace(small.corners[1], small.reached[-1], 50)
    assert (large.above(at) >= small.below(at) - 1e-9).all()
    assert (large.below(at) <= small.above(at) + 1e-9).all()
    # The engine's assignments are integer, so the enclosure keeps a width.
    assert large.width <= 0.1 * np.abs(small.inner).max()


def test_points_are_spread_along_the_curve():
    """Steep at first, then flat: half of the points belong to the steep part."""
    program = random_program(0, 60, 6, 1)
    program = replace(program, sense=np.ones(1))
    block = replace(program.source.block, offered=None)
    rng = np.random.default_rng(0)
    spend = np.exp(rng.normal(0.0, 3.0, (60, 6)))
    value = 1.0 - np.exp(-spend)
    objective, rows = np.zeros((3, 1, 6)), np.zeros((1, 3, 1, 6))
    objective[1], rows[0, 2] = 1.0, 1.0
    program = replace(
        program,
        source=replace(
            program.source, block=replace(block, quantities=(value, spend), classes=None)
        ),
        objective=objective,
        rows=rows,
        forbidden=None,
    )
    curve = frontier(program, 0, MOVING, points=12)
    steps = np.hypot(
        np.diff(curve.limits) / np.ptp(curve.limits), np.diff(curve.bound) / np.ptp(curve.bound)
    )
    assert steps.max() <= 1.3 * steps.min()
    assert (np.diff(curve.bound) > 0.02 * np.ptp(curve.bound)).sum() >= 5


def test_known_frontier_of_two_groups():
    """Two groups of value 2 and 3 at spend 1 and 2: worked by hand."""
    program = random_program(0, 2, 2, 1)
    value = np.array([[0.0, 2.0], [0.0, 3.0]])
    spend = np.array([[0.0, 1.0], [0.0, 2.0]])
    block = replace(
        program.source.block,
        quantities=(value, spend),
        classes=None,
        weights=None,
        offered=None,
    )
    objective, rows = np.zeros((3, 1, 2)), np.zeros((1, 3, 1, 2))
    objective[1], rows[0, 2] = 1.0, 1.0
    program = replace(
        program,
        source=replace(program.source, block=block),
        objective=objective,
        rows=rows,
        sense=np.ones(1),
        limits=np.zeros(1),
        forbidden=None,
    )
    curve = frontier(program, 0, MOVING, limits=[2.5, 0.5, 1.0])
    assert curve.limits.tolist() == [0.5, 1.0, 2.5]
    assert curve.objective.tolist() == [0.0, 2.0, 3.0]
    assert curve.price.tolist() == [2.0, 1.5, 1.5]
    frame = curve.breakpoints
    assert frame["limit"].tolist() == [0.0, 1.0, 3.0]
    assert frame["bound"].tolist() == [0.0, 2.0, 5.0]
    assert frame["price"].tolist() == [2.0, 1.5, 0.0]
    assert curve.at(7.0)[1:] == (5.0, 5.0, 0.0)
    assert curve.at(1.5).objective == 2.0
    assert curve.at(1.5).bound == pytest.approx(2.75)
    assert all(np.isnan(each) for each in curve.at(-1.0)[1:])
    assert curve.attained([-1.0, 0.0, 1.9]).tolist()[1:] == [0.0, 2.0]
    assert price_range(at_limit(program, 0, 1.5), 0, 1.5) == (1.5, 1.0, 3.0, True)


def test_limits_out_of_reach_are_infeasible():
    program = random_program(7, 4, 3, 1, maximize=False)
    known = exact_value_function(program)
    sense = program.sense[0]
    curve = frontier(program, 0, MOVING, limits=[sense * (known.corners[0] - 1.0)])
    assert curve.status == ("infeasible",)
    assert np.isnan([*curve.objective, *curve.bound, *curve.price]).all()
    assert curve.to_dict()["points"][0]["bound"] is None
    assert "infeasible" in str(curve)


def test_an_interruption_keeps_what_is_there(monkeypatch):
    from arbmodels.routing import frontier as module

    program = random_program(5, 8, 4, 1)
    calls = []

    def interrupted(*arguments):
        calls.append(arguments)
        status = "interrupted" if len(calls) == 2 else "optimal"
        return replace(solve(*arguments), status=status)

    monkeypatch.setattr(module, "solve", interrupted)
    curve = frontier(program, 0, MOVING, points=4)
    assert len(calls) == 2
    assert curve.status[2:] == ("interrupted", "interrupted")
    # What was found holds at the looser limits as well.
    looser = np.argsort(program.sense[0] * curve.limits)
    worth = program.sign * curve.objective[looser]
    assert np.isfinite(worth).sum() >= 2
    assert (np.diff(worth[np.isfinite(worth)]) >= 0).all()
    assert np.isfinite(curve.bound).all()


@pytest.mark.parametrize("seed", range(6))
def test_points_out_of_time_use_their_neighbours(seed, monkeypatch):
    from arbmodels.routing import frontier as module

    program = random_program(seed, 12, 4, 2)
    calls = []

    def some(*arguments):
        calls.append(arguments)
        answer = solve(*arguments)
        if len(calls) % 3 == 1:
            return answer
        return replace(answer, status="time limit", choice=None, bound=program.sign * np.inf)

    full = frontier(program, 0, MOVING, points=7)
    monkeypatch.setattr(module, "solve", some)
    curve = frontier(program, 0, MOVING, points=7)
    order = np.argsort(program.sense[0] * curve.limits)  # from the tightest limit
    order = order[np.isfinite(full.objective[order])]
    best, objective, bound = (
        program.sign * each[order] for each in (full.objective, curve.objective, curve.bound)
    )
    known = np.isfinite(objective)
    assert known.sum() > 3
    assert known[np.argmax(known) :].all()
    assert (objective[known] <= best[known] + 1e-9).all()
    assert (bound >= best - 1e-9).all()
    assert (np.diff(objective[known]) >= 0).all()
    assert (np.diff(bound) >= 0).all()
    proven = [curve.gap[k] <= 1e-6 for k in order]
    assert [curve.status[k] == "optimal" for k in order] == proven


def test_conflicting_others():
    program = random_program(3, 4, 3, 2)
    program = replace(program, limits=np.where(program.sense > 0, -100.0, 100.0))
    with pytest.raises(arb.InfeasibleError, match="whatever the budget"):
        frontier(program, 0, MOVING)


def test_out_of_time_keeps_the_bound():
    program = random_program(5, 30, 4, 2)
    curve = frontier(program, 0, MOVING, points=3, tolerance=1e-9, time_limit=1e-3)
    assert set(curve.status) == {"time limit"}
    assert np.isnan(curve.objective).all()
    assert np.isfinite(curve.bound).all()
    sign = program.sign
    for limit, bound in zip(curve.limits, curve.bound, strict=True):
        assert sign * bound >= relaxed(program, 0, limit) - 1e-7


def test_a_point_without_an_assignment_in_its_time_is_no_error(monkeypatch):
    from arbmodels.routing import frontier as module

    def slow(_program, _gap, left):
        sleep(left)
        raise SolverError("no feasible solution; raise time_limit.")

    def broken(*_):
        raise SolverError("The numbers cannot be solved with reliably.")

    program = random_program(5, 30, 4, 2)
    monkeypatch.setattr(module, "solve", slow)
    curve = frontier(program, 0, MOVING, points=3, time_limit=0.5)
    assert set(curve.status) == {"time limit"}
    monkeypatch.setattr(module, "solve", broken)
    with pytest.raises(SolverError, match="reliably"):
        frontier(program, 0, MOVING, points=3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"limits": [1.0, np.nan]}, "finite numbers"),
        ({"limits": []}, "one or more"),
        ({"points": 1}, "at least 2"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"gap": -1.0}, "gap"),
        ({"time_limit": 0.0}, "time_limit"),
    ],
)
def test_arguments(options, words):
    with pytest.raises(arb.InputError, match=words):
        frontier(random_program(0), 0, MOVING, **options)
    with pytest.raises(arb.InputError, match="give a number"):
        frontier(random_program(0), 0, MOVING, points=2).at(np.inf)


@pytest.mark.parametrize("maximize", [True, False])
@pytest.mark.parametrize("rows", [1, 2])
def test_it_shows_itself(maximize, rows):
    program = random_program(6, 12, 4, rows, maximize=maximize)
    moving = replace(MOVING, meaning="oracle assignment: a bound")
    if not maximize:
        moving = Moving("quality floor", "unit of solve rate", "it", "minimise spend", "USD")
    curve = frontier(program, 0, moving, points=5)
    frame = curve.to_frame()
    assert list(frame) == ["limit", "objective", "bound", "gap", "price", "status"]
    assert len(frame) == len(curve.limits)
    text = str(curve)
    assert ("exact" in text) == (rows == 1)
    assert moving.label in text
    axes = curve.plot()
    assert ("solve rate" in axes.get_ylabel().lower()) == maximize
    if maximize:
        assert "oracle assignment: a bound" in text
        assert "oracle assignment" in axes.get_title()
    drawn = axes.get_lines()[-1].get_xydata()
    assert len(drawn) == len(curve.limits)
    mpl.pyplot.close(axes.figure)


def test_tangents_make_the_least_of_lines():
    lines = [
        Tangent(0.0, 0.0, 0.0, 3.0),
        Tangent(1.0, 1.9, 2.9, 2.0),  # nowhere the least
        Tangent(1.5, 2.4, 2.5, 1.0),
        Tangent(4.0, 3.5, 3.5, 0.0),
    ]
    known = enclosed(lines, 0.0)
    at = np.linspace(0.0, 5.0, 101)
    least = np.min([[line.line(t) for t in at] for line in lines], axis=0)
    np.testing.assert_allclose(known.above(at), least, atol=1e-12)
    assert known.slope(4.5) == 0.0
    assert known.above(-0.1) == -np.inf


def test_on_real_data(swebench):
    """The frontier over the budget passes through solve() at any budget."""
    from arbmodels._assignment import Arrays, AssignmentProgram, Block

    problem = arb.RoutingProblem(swebench)
    objective, rows = np.zeros((3, 1, len(problem.plans))), np.zeros((1, 3, 1, len(problem.plans)))
    objective[1], rows[0, 2] = 1.0, 1.0
    program = AssignmentProgram(
        Arrays(
            Block(
                0, (problem.added_solve_rate, problem.added_spend), offered=~np.isnan(problem.value)
            )
        ),
        objective,
        rows,
        np.ones(1),
        np.zeros(1),
        True,
    )
    curve = frontier(program, 0, MOVING, limits=[2.0, 5.0, 20.0])
    for limit, objective_, bound in zip(curve.limits, curve.objective, curve.bound, strict=True):
        answer = problem.add_budget(limit).solve()
        assert objective_ == pytest.approx(answer.objective, rel=2e-6)
        assert bound >= answer.objective - 1e-9
        ranged = price_range(at_limit(program, 0, limit), 0, answer.shadow_prices["budget"])
        assert ranged.low <= limit <= ranged.high
        assert ranged.price == pytest.approx(answer.shadow_prices["budget"], rel=1e-9)
    assert solve(at_limit(program, 0, 5.0)).prices[0] == pytest.approx(curve.price[1], rel=1e-6)


def test_from_a_routing_problem(simulated):
    """Budget and floor are two sides of one curve; ranges from the result."""
    problem = arb.RoutingProblem(simulated).add_budget(3.0)
    curve = problem.frontier(limits=[1.0, 3.0])
    answer = problem.solve()
    assert curve.objective[1] == pytest.approx(answer.objective, rel=2e-6)
    assert curve.price_unit == answer.shadow_price_units["budget"]
    ranged = answer.price_range("budget")
    assert ranged.exact
    assert ranged.low <= 3.0 <= ranged.high
    inside = problem.frontier(limits=[(ranged.low + ranged.high) / 2])
    assert inside.price[0] == pytest.approx(answer.shadow_prices["budget"], rel=1e-9)
    floor = arb.RoutingProblem(simulated).minimize_spend().add_floor(0.1)
    other = floor.frontier("quality floor", limits=[curve.objective[1]])
    assert other.objective[0] <= 3.0 + 1e-6
    assert 1.0 / other.price[0] == pytest.approx(curve.price[1], rel=0.1)
    with pytest.raises(arb.InputError, match="'quality floor'"):
        floor.frontier("budget")
    both = problem.add_floor(0.2).frontier("quality floor", points=3)
    assert not both.exact
    # The floor costs nothing up to the best rate that the budget allows.
    assert both.limits[-1] == pytest.approx(answer.objective, rel=1e-3)
    np.testing.assert_allclose(both.objective[:-1], answer.objective, rtol=2e-6)
    assert (both.price[:-1] == 0.0).all()
