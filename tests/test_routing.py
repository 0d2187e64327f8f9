"""Routing: brute force as judge, shadow prices against finite differences, degenerate cases."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import arbmodels as arb
from arbmodels._assignment import pricing
from arbmodels._assignment.infeasibility import smallest_conflict
from arbmodels._assignment.program import dense, everything, offered
from routing_cases import best_of, draw, enumerate_problem, random_problem

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
shapes = st.fixed_dictionaries(
    {
        "instances": st.integers(1, 5),
        "models": st.integers(1, 3),
        "missing": st.sampled_from([0.0, 0.3]),
        "equal_weights": st.booleans(),
        "segments": st.integers(1, 2),
    }
)
kinds = st.sampled_from(["oracle", "per-segment", "single"])
CASCADES = (
    arb.Plan(),
    arb.Plan((("model-0", 2),)),
    arb.Plan((("model-0", 1), ("model-1", 2))),
    arb.Plan((("model-1", 1),)),
)


def check_against_enumeration(problem):
    objective, sides, holds = enumerate_problem(problem)
    best = best_of(problem, objective, holds)
    if best is None:
        with pytest.raises(arb.InfeasibleError) as caught:
            problem.solve()
        check_conflict(problem, caught.value, sides, holds)
        return
    result = problem.solve()
    assert result.status == "optimal"
    assert result.gap <= 1e-6
    sign = 1.0 if problem.goal == "maximise solve rate" else -1.0
    tolerance = 1e-6 * abs(best) + 1e-9
    assert abs(result.objective - best) <= tolerance
    assert sign * result.bound >= sign * result.objective
    assert sign * result.bound >= sign * best - 1e-9 * max(1.0, abs(best))
    # The reported assignment is what it says.
    table = result.to_frame()
    weight = problem.market.weight
    assert result.solve_rate == pytest.approx(weight @ table["solve_probability"])
    assert result.spend == pytest.approx(len(weight) * weight @ table["spend"])
    for constraint in problem.constraints:
        activity = result.activity[constraint.label]
        excess = (activity - constraint.limit) * (1 if constraint.at_most else -1)
        assert excess <= 1e-7 * max(1.0, constraint.limit)
    group = problem.group_of_instance
    for i, j in enumerate(result.assignment):
        used = [problem.market.model_index(model) for model in problem.plans[j].models]
        assert problem.market.recorded[group == group[i]][:, used].all(axis=1).any()


def check_conflict(problem, error, sides, holds):
    rows = range(len(problem.constraints))
    size, found = next(
        (size, subset)
        for size in range(1, len(rows) + 1)
        for subset in itertools.combinations(rows, size)
        if not holds[:, list(subset)].all(axis=1).any()
    )
    assert len(error.conflicts) == size == len(found)
    labels = [constraint.label for constraint in problem.constraints]
    subset = [labels.index(conflict.label) for conflict in error.conflicts]
    assert not holds[:, subset].all(axis=1).any()
    for conflict, row in zip(error.conflicts, subset, strict=True):
        constraint = problem.constraints[row]
        others = [other for other in subset if other != row]
        reachable = sides[holds[:, others].all(axis=1), row]
        needed = reachable.min() if constraint.at_most else reachable.max()
        assert conflict.needed == pytest.approx(needed, rel=1e-7, abs=1e-9)
        assert conflict.limit == constraint.limit
        assert conflict.label in str(error)
        # With that limit the conflict is gone: relax the row, drop what is not in the set.
        name = {"budget": "total", "quality floor": "rate", "capacity": "attempts"}[
            next(k for k in ("budget", "quality floor", "capacity") if conflict.label.startswith(k))
        ]
        kept = [problem.constraints[other] for other in others]
        kept.append(replace(constraint, **{name: conflict.needed}))
        assert replace(problem, constraints=tuple(kept)).solve(gap=0.5).status == "optimal"


@few
@given(seeds, shapes, kinds, st.integers(0, 3))
def test_agrees_with_enumeration(seed, shape, assignment, constraints):
    market = draw(seed, **shape)
    check_against_enumeration(random_problem(seed, market, None, assignment, constraints))


@few
@given(seeds, kinds, st.integers(0, 4))
def test_agrees_with_enumeration_for_cascades(seed, assignment, constraints):
    market = draw(seed, 5, 2, missing=0.2, equal_weights=False, segments=2)
    check_against_enumeration(random_problem(seed, market, CASCADES, assignment, constraints))


def test_conflicting_constraints_are_met_often_enough_to_be_tested():
    sizes = []
    for seed in range(60):
        market = draw(seed, 4, 2, segments=2)
        problem = random_problem(seed, market, None, "oracle", 4)
        try:
            problem.solve()
        except arb.InfeasibleError as error:
            sizes.append(len(error.conflicts))
    assert {1, 2} <= set(sizes)


@few
@given(seeds, st.integers(1, 3))
def test_shadow_prices_lie_between_the_one_sided_derivatives(seed, constraints):
    market = draw(seed, 6, 2, equal_weights=False, segments=2)
    problem = random_problem(seed, market, None, "oracle", constraints)
    program = problem.program()
    try:
        prices = problem.solve().row_prices
    except arb.InfeasibleError:
        return
    sign = 1.0 if problem.goal == "maximise solve rate" else -1.0
    now = relaxation_value(program)
    for row, price in enumerate(prices):
        assert price >= 0
        step = 1e-5 * max(np.abs(dense(everything(program), program.rows[row])).max(), 1e-6)
        relax, tighten = (
            relaxation_value(moved(program, row, direction * step)) for direction in (1, -1)
        )
        tolerance = 1e-3 * price + 1e-7 / step * 1e-2
        assert sign * (relax - now) / step <= price + tolerance
        if tighten is not None:
            assert price <= sign * (now - tighten) / step + tolerance


def moved(program, row, step):
    limits = program.limits.copy()
    limits[row] += program.sense[row] * step
    return replace(program, limits=limits)


def relaxation_value(program):
    """The linear relaxation by another road; None if it is infeasible."""
    block = everything(program)
    weights = np.ones(block.size) if block.weights is None else block.weights
    value = weights[:, None] * dense(block, program.objective)
    rows = [weights[:, None] * dense(block, row) for row in program.rows]
    groups, plans = value.shape
    sign = -1.0 if program.maximize else 1.0
    solution = linprog(
        sign * value.ravel(),
        A_ub=(program.sense[:, None, None] * np.array(rows)).reshape(len(program.limits), -1),
        b_ub=program.sense * program.limits,
        A_eq=np.kron(np.eye(groups), np.ones(plans)),
        b_eq=np.ones(groups),
        bounds=[(0, 1 if may else 0) for may in offered(block, plans, program.forbidden).ravel()],
    )
    return sign * solution.fun if solution.status == 0 else None


@few
@given(seeds, st.lists(st.floats(0, 10), min_size=2, max_size=2))
def test_priced_bound_holds_at_any_prices(seed, prices):
    market = draw(seed, 4, 2, missing=0.2)
    problem = random_problem(seed, market, None, "oracle", 2)
    objective, _, holds = enumerate_problem(problem)
    best = best_of(problem, objective, holds)
    if best is None:
        return
    program, prices = problem.program(), np.array(prices)
    bound = pricing.bound(program, prices, pricing.best(program, prices).value)
    sign = 1.0 if problem.goal == "maximise solve rate" else -1.0
    assert sign * bound >= sign * best - 1e-6


@few
@given(st.integers(1, 6), st.lists(st.sets(st.integers(0, 5), min_size=1), min_size=1, max_size=6))
def test_smallest_conflict_of_any_monotone_system(count, conflicts):
    conflicts = [frozenset(row % count for row in each) for each in conflicts]

    def satisfiable(rows):
        return None if any(each <= rows for each in conflicts) else rows

    found = smallest_conflict(satisfiable, count)
    assert found in conflicts
    assert len(found) == min(map(len, conflicts))


def test_no_conflict_where_there_is_none():
    with pytest.raises(arb.SolverError, match="no more than the solver's tolerance"):
        smallest_conflict(lambda rows: rows, 2)


# Degenerate cases


def test_zero_budget_buys_nothing():
    market = draw(1)
    result = arb.RoutingProblem(market).add_budget(0).solve()
    assert (result.objective, result.spend, result.bound) == (0.0, 0.0, 0.0)
    assert result.counts == {"abstain": 5}
    assert result.shadow_prices["budget"] > 0


def test_a_budget_that_does_not_bind_has_no_price():
    market = draw(2, 30, 3)
    free = arb.RoutingProblem(market).solve()
    rich = arb.RoutingProblem(market).add_budget(1e6).solve()
    best = pytest.approx(market.single_attempt_rate.max(axis=1).mean())
    assert (rich.objective, free.objective) == (best, best)
    assert rich.shadow_prices == {"budget": 0.0}
    assert rich.binding == ()
    assert free.binding == ()


def test_one_instance_and_one_plan():
    market = draw(3, 1, 1)
    plan = arb.Plan((("model-0", 1),))
    result = arb.RoutingProblem(market, [plan]).solve()
    assert result.assignment.tolist() == [0]
    assert result.solve_rate == pytest.approx(market.single_attempt_rate[0, 0])
    assert result.spend == pytest.approx(market.cost[0, 0])


def test_equal_models_and_ties():
    market = arb.Market(
        ["a", "b"], ["x", "y", "z"], np.full((3, 2), 2), np.ones((3, 2), int), np.full((3, 2), 0.1)
    )
    result = arb.RoutingProblem(market).add_budget(0.2).solve()
    assert result.solve_rate == pytest.approx(1 / 3)
    assert result.spend == pytest.approx(0.2)


def test_a_budget_met_exactly_in_spite_of_rounding():
    market = arb.Market(["a"], ["x", "y"], [[1], [1]], [[1], [1]], [[0.1], [0.2]])
    assert 0.1 + 0.2 > 0.3
    assert arb.RoutingProblem(market).add_budget(0.3).solve().solve_rate == 1.0


def test_weights_count_as_copies():
    market = draw(5, instances=4)
    copies = np.array([3, 1, 2, 2])
    rows = np.repeat(np.arange(4), copies)
    repeated = arb.Market(
        market.models,
        [f"copy-{k}" for k in range(8)],
        market.attempts[rows],
        market.successes[rows],
        market.cost[rows],
    )
    weighted = replace(market, weight=copies / 8)
    # Weights sum to the number of instances in totals: 4 here, 8 in the market of copies.
    total = float(repeated.cost[:, 0].sum())
    few_dollars = arb.RoutingProblem(weighted, assignment="single").add_budget(total / 2).solve()
    many_dollars = arb.RoutingProblem(repeated, assignment="single").add_budget(total).solve()
    assert few_dollars.solve_rate == pytest.approx(many_dollars.solve_rate)
    assert few_dollars.spend == pytest.approx(many_dollars.spend / 2)
    assert few_dollars.spend > 0


def test_an_instance_of_weight_zero_costs_nothing():
    market = replace(draw(6, instances=3), weight=np.array([1.0, 1.0, 0.0]))
    result = arb.RoutingProblem(market).add_budget(100).solve()
    assert result.solve_rate == pytest.approx(market.single_attempt_rate[:2].max(axis=1).mean())
    assert "solve rate" in str(result)


# Real data


def test_real_market_within_seconds(swebench):
    problem = arb.RoutingProblem(swebench, arb.attempts_up_to(swebench, 3))
    result = problem.add_budget(20).solve()
    assert result.status == "optimal"
    assert result.gap <= 1e-6
    assert result.spend <= 20 + 1e-6
    # The oracle can reach neither more than every solved instance nor less than a single model.
    assert swebench.solve_rate[0] < result.solve_rate < swebench.solved_at_least_once.max() + 0.2
    cheapest = problem.minimize_spend().add_floor(result.solve_rate).solve()
    assert cheapest.spend == pytest.approx(result.spend, rel=1e-3)
    assert cheapest.spend <= result.spend * (1 + 1e-6)
    assert result.time < 20
