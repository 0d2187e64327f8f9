"""Robust budgets: judged by enumerating assignments with their exact protection."""

import importlib
import itertools
from dataclasses import dataclass, replace

import cvxpy as cp
import highspy
import numpy as np
import pyomo.environ as pyo
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.stats import binom

import arbmodels as arb
from arbmodels._assignment import robust as robust_engine
from arbmodels._assignment.program import (
    Arrays,
    AssignmentProgram,
    Block,
    Deviations,
    dense,
    offered,
)
from arbmodels._assignment.robust import best_threshold, interval_bound, protection
from arbmodels._assignment.solve import solve
from arbmodels.errors import InfeasibleError, InputError, SolverError
from arbmodels.routing.robust import price_of_robustness, violation_bound
from conftest import random_market

solve_module = importlib.import_module("arbmodels._assignment.solve")


def solve_robust(program, deviations, gap=1e-6, time_limit=60.0, engine=solve):
    """The search over thresholds, whatever the size."""
    program = replace(program, protected=deviations)
    return robust_engine.solve_robust(program, gap, time_limit, engine)


def draw(seed):
    """A small program with ties, weights, classes, pairs not offered, and a second row."""
    rng = np.random.default_rng(seed)
    groups, plans, classes = (int(rng.integers(1, most)) for most in (7, 4, 3))
    shape = (groups, plans)
    value, spend = rng.random(shape), rng.exponential(1, shape)
    deviation = rng.exponential(1, shape) * (rng.random(shape) < 0.8)
    if rng.random() < 0.5:
        value, spend, deviation = (np.rint(3 * each) for each in (value, spend, deviation))
    mask = rng.random(shape) < 0.7 if rng.random() < 0.4 else None
    if mask is not None:
        value, spend, deviation = (np.where(mask, q, np.nan) for q in (value, spend, deviation))
    abstain = mask is not None or rng.random() < 0.5
    share = rng.random() < 0.4
    quantities = (value, spend) if share else (value, spend, deviation)
    tables = (len(quantities) + 1, classes, plans + abstain)
    objective, row, table, other = (np.zeros(tables) for _ in range(4))
    objective[1] = row[2] = 1.0
    if share:
        table[2] = rng.random((classes, 1))
    else:
        table[3] = 1.0
    weights = None if rng.random() < 0.5 else rng.integers(0, 3, groups).astype(float)
    code = None if classes == 1 else rng.integers(0, classes, groups)
    limit = rng.random() * 1.3 * np.nan_to_num(spend).max(axis=1).sum()
    rows, sense, limits, maximize = [row], [1.0], [limit], True
    kind = rng.random()
    if kind < 0.3:
        other[1] = 1.0
        rows, sense = [row, other], [1.0, -1.0]
        limits = [limit, rng.random() * np.nan_to_num(value).max(axis=1).sum()]
        if rng.random() < 0.6:
            objective, maximize = row, False
    elif kind > 0.7:
        other[0] = rng.random(tables[1:])
        rows, sense, limits = [row, other], [1.0, 1.0], [limit, rng.random() * groups]
    program = AssignmentProgram(
        Arrays(Block(0, quantities, code, weights, mask)),
        objective,
        np.array(rows),
        np.array(sense),
        np.array(limits),
        maximize,
    )
    gamma = rng.choice([0, 1, 2, rng.random() * groups, groups, groups + 1])
    return program, Deviations(0, float(gamma), table)


def enumerated(program, deviations):
    """Objective and protected activity of every assignment that keeps the other rows."""
    block = program.source.block
    weights = np.ones(block.size) if block.weights is None else block.weights
    spread, value, *rows = (
        dense(block, table) * weights[:, None]
        for table in (deviations.table, program.objective, *program.rows)
    )
    allowed = offered(block, program.plans, program.forbidden)
    every = np.arange(block.size)
    whole = int(deviations.gamma)
    for choice in itertools.product(*map(np.flatnonzero, allowed)):
        picked = every, list(choice)
        largest = [*np.sort(spread[picked])[::-1], 0.0]
        reserve = sum(largest[:whole])
        if whole < len(largest):
            reserve += (deviations.gamma - whole) * largest[whole]
        activity = np.array([row[picked].sum() for row in rows])
        activity[0] += reserve
        if (program.sense * (activity - program.limits) <= 1e-9).all():
            yield value[picked].sum()


@pytest.mark.parametrize("block", range(8))
def test_enumeration_of_small_programs(block):
    feasible = 0
    for seed in range(60 * block, 60 * block + 60):
        program, deviations = draw(seed)
        answer = solve_robust(program, deviations, 0.0 if seed % 2 else 1e-6).answer
        values = list(enumerated(program, deviations))
        if not values:
            assert answer.status == "infeasible", seed
            continue
        feasible += 1
        truth = max(values) if program.maximize else min(values)
        size = max(1.0, abs(truth))
        assert answer.status == "optimal", seed
        assert answer.objective == pytest.approx(truth, abs=2e-6 * size), seed
        assert program.sign * (answer.bound - truth) >= -1e-7 * size, seed
    assert 20 < feasible < 60


@pytest.mark.parametrize("seed", range(30))
def test_protection_and_its_threshold(seed):
    rng = np.random.default_rng(seed)
    chosen = np.rint(5 * rng.random(8)) if seed % 2 else rng.random(8)
    for gamma in (0.0, 1.0, 2.5, 8.0, 9.5):
        grid = [0.0, *chosen, *(2 * rng.random(20))]
        dual = [gamma * z + np.maximum(chosen - z, 0).sum() for z in grid]
        z = best_threshold(chosen, gamma)
        assert protection(chosen, gamma) == pytest.approx(min(dual))
        assert gamma * z + np.maximum(chosen - z, 0).sum() == pytest.approx(min(dual))


@pytest.mark.parametrize("seed", range(40))
def test_a_bound_by_prices_holds_for_every_threshold_of_its_interval(seed):
    rng = np.random.default_rng(seed)
    program, deviations = draw(seed)
    prices = rng.exponential(0.5, len(program.limits)) * (rng.random(len(program.limits)) < 0.9)
    low, high = np.sort(3 * rng.random(2))
    whole = interval_bound(program, deviations, prices, (low, high))
    for z in np.linspace(low, high, 7):
        at = interval_bound(program, deviations, prices, (z, z))
        assert at <= whole + 1e-9 * max(1.0, abs(whole))


def protected(problem, total, deviation, gamma):
    return problem.add_robust_budget(total, deviation=deviation, gamma=gamma)


def random_problem(seed, assignment="oracle", segments=2):
    market = random_market(
        np.random.default_rng(seed), 8, 3, segments=segments, equal_weights=bool(seed % 2)
    )
    return arb.RoutingProblem(market, None, assignment)


def solved(problem, **options):
    return problem.solve(gap=1e-9, **options)


@pytest.mark.parametrize("assignment", ["oracle", "per-segment", "single"])
@pytest.mark.parametrize("seed", range(6))
def test_gamma_from_none_to_all(seed, assignment):
    problem = random_problem(seed, assignment)
    table = problem.plan_table
    total = 0.5 * float(table.times @ table.spend.max(axis=1))
    share = np.random.default_rng(seed).random(table.spend.shape) * (table.spend > 0)
    for deviation, worst in ((0.4, 1.4 * table.spend), (share, table.spend + share)):
        values = [
            solved(problem.add_robust_budget(total, deviation=deviation, gamma=gamma)).objective
            for gamma in (0, 1, 2.5, 4, 8, 12)
        ]
        assert values[0] == pytest.approx(solved(problem.add_budget(total)).objective, abs=1e-7)
        dearer = arb.RoutingProblem.from_arrays(
            table.solve,
            worst,
            [f"plan {j}" for j in range(table.width)],
            weight=table.times,
            segment=problem.market.segment,
            abstain=False,
            assignment=assignment,
        ).add_budget(total)
        assert values[-1] == pytest.approx(solved(dearer).objective, abs=1e-7)
        assert values[-2] == values[-1]
        assert (np.diff(values) <= 1e-9).all()


@pytest.mark.parametrize("assignment", ["oracle", "per-segment", "single"])
@pytest.mark.parametrize("seed", range(5))
def test_problems_by_enumeration(seed, assignment):
    problem = random_problem(seed, assignment).add_floor(0.2)
    table = problem.plan_table
    rng = np.random.default_rng(seed)
    deviation = 2 * rng.random(table.spend.shape) * (table.spend > 0)
    total, gamma = rng.uniform(0.5, 1.0) * float(table.times @ table.spend.mean(axis=1)), 2.5
    robust = problem.minimize_spend().add_robust_budget(total, deviation=deviation, gamma=gamma)
    every, group = np.arange(8), problem.group_of_instance
    best = np.inf
    for plans in itertools.product(range(4), repeat=len(problem.groups)):
        picked = every, np.array(plans)[group]
        spend = float(table.times @ table.spend[picked])
        spread = np.sort(table.times * deviation[picked])[::-1]
        reserve = spread[:2].sum() + 0.5 * spread[2]
        enough = float(table.times @ table.solve[picked]) / 8 >= 0.2 - 1e-12
        if enough and spend + reserve <= total:
            best = min(best, spend)
    if np.isinf(best):
        with pytest.raises(InfeasibleError):
            solved(robust)
        return
    result = solved(robust)
    assert result.objective == pytest.approx(best, rel=1e-7)
    picked = every, result.assignment
    spread = np.sort(table.times * deviation[picked])[::-1]
    used = result.spend + spread[:2].sum() + 0.5 * spread[2]
    assert result.activity["robust budget"] == pytest.approx(used)
    assert used <= total * (1 + 1e-8)


def test_plans_of_several_models_contribute_their_whole_spend():
    market = random_market(np.random.default_rng(3), 6, 2)
    plans = (arb.Plan(), arb.Plan((("model-0", 1), ("model-1", 1))), arb.Plan((("model-0", 2),)))
    problem = arb.RoutingProblem(market, plans)
    total = 0.6 * float(problem.plan_table.spend[:, 1].sum())
    shared = solved(problem.add_robust_budget(total, deviation=0.5, gamma=2))
    given = solved(
        problem.add_robust_budget(total, deviation=0.5 * problem.plan_table.spend, gamma=2)
    )
    assert shared.objective == pytest.approx(given.objective, abs=1e-7)


def test_beside_other_constraints_and_side_columns():
    problem = random_problem(1).add_robust_budget(4.0, deviation=0.5, gamma=3).limit_models(1)
    result = solved(problem.add_capacity("model-1", 5))
    assert len([plan for plan in result.counts if plan != "abstain"]) <= 1
    assert result.activity["robust budget"] <= 4.0 + 1e-7
    single = [
        solved(
            random_problem(1)
            .add_robust_budget(4.0, deviation=0.5, gamma=3)
            .allow_only([model])
            .add_capacity("model-1", 5)
        ).objective
        for model in problem.plan_table.models
    ]
    assert result.objective == pytest.approx(max(single), abs=1e-7)


def test_a_start_that_breaks_the_robust_budget_is_not_taken():
    problem = random_problem(2)
    plain = solved(problem.add_budget(4.0))
    robust = solved(problem.add_robust_budget(4.0, deviation=1.0, gamma=8).start_from(plain))
    assert robust.activity["robust budget"] <= 4.0 + 1e-7
    assert robust.objective < plain.objective


@dataclass(eq=False)
class Counterpart:
    """The compact counterpart (Bertsimas and Sim 2004) written out for scipy's HiGHS.

    Columns: x[i, j] row by row, z, q[i]. ``rows`` holds (coefficients, low, high); the robust
    budget is not among them, its left-hand side is ``spent``.
    """

    solve: np.ndarray
    spend: np.ndarray
    deviation: np.ndarray
    gamma: float
    weight: np.ndarray

    def __post_init__(self):
        size, width = self.solve.shape
        self.columns = size * width + 1 + size
        self.spent = np.zeros(self.columns)
        self.spent[: size * width] = (self.weight[:, None] * self.spend).ravel()
        self.spent[size * width] = self.gamma
        self.spent[size * width + 1 :] = 1.0
        self.rows = []
        for i in range(size):
            here = np.zeros(self.columns)
            here[i * width : (i + 1) * width] = 1.0
            self.rows.append((here, 1.0, 1.0))
            over = np.zeros(self.columns)
            over[i * width : (i + 1) * width] = self.weight[i] * self.deviation[i]
            over[[size * width, size * width + 1 + i]] = -1.0
            self.rows.append((over, -np.inf, 0.0))
        self.rate = np.zeros(self.columns)
        self.rate[: size * width] = (self.weight[:, None] * self.solve).ravel() / size

    def use_of(self, plan):
        row = np.zeros(self.columns)
        size, width = self.solve.shape
        row[plan : size * width : width] = self.weight
        return row

    def best(self, goal, rows, *, whole=True):
        """The least of a goal under further rows; None if there is nothing."""
        left, low, high = zip(*self.rows, *rows, strict=True)
        size, width = self.solve.shape
        chosen = np.arange(self.columns) < size * width
        found = milp(
            goal,
            constraints=LinearConstraint(np.array(left), low, high),
            integrality=chosen & whole,
            bounds=Bounds(0, np.where(chosen, 1.0, np.inf)),
            options={"mip_rel_gap": 0.0},
        )
        return None if found.x is None else float(found.fun)


def compact_case(seed):
    """A problem with a robust budget, a floor and a capacity at random places, and its judge."""
    rng = np.random.default_rng(seed)
    size, width = int(rng.integers(2, 7)), int(rng.integers(1, 4))
    solve_rates, spend = rng.random((size, width)), rng.exponential(1, (size, width)) + 0.05
    weight = rng.integers(1, 4, size).astype(float)
    share = rng.random() < 0.5
    deviation = float(rng.uniform(0.1, 1.5)) if share else rng.exponential(1, (size, width))
    gamma = float(rng.choice([0, 1, 2, 1.5, size, size + 2]))
    abstain = bool(rng.random() < 0.5)
    times = weight * size / weight.sum()
    problem = arb.RoutingProblem.from_arrays(solve_rates, spend, weight=weight, abstain=abstain)
    pad = ((0, 0), (0, int(abstain)))
    spread = deviation * spend if share else deviation
    judge = Counterpart(
        np.pad(solve_rates, pad), np.pad(spend, pad), np.pad(spread, pad), gamma, times
    )
    floor = float(rng.uniform(0.2, 1.1) * (times @ solve_rates.max(axis=1)) / size)
    capacity = float(rng.uniform(0.3, 1.0) * size)
    total = float(rng.uniform(0.1, 1.3) * times @ spend.mean(axis=1))
    asked = {
        "robust budget": (judge.spent, -np.inf, total),
        "quality floor": (judge.rate, min(floor, 1.0), np.inf),
        "capacity of model-0": (judge.use_of(0), -np.inf, capacity),
    }
    problem = problem.add_robust_budget(total, deviation=deviation, gamma=gamma)
    problem = problem.add_floor(min(floor, 1.0)).add_capacity("model-0", capacity)
    return problem, judge, asked


@pytest.mark.parametrize("block", range(4))
@pytest.mark.parametrize("way", ["whole", "search"])
def test_what_a_robust_conflict_needs_is_enough_and_the_least(block, way, monkeypatch):
    if way == "search":
        monkeypatch.setattr(solve_module, "COMPACT", 0)
        monkeypatch.setattr(solve_module, "LEAST", 0)
    conflicts = 0
    for seed in range(15 * block, 15 * block + 15):
        problem, judge, asked = compact_case(seed)
        rows = list(asked.values())
        if judge.best(-judge.rate, rows) is not None:
            best = -judge.best(-judge.rate, rows)
            result = solved(problem)
            assert result.status == "optimal"
            assert result.objective == pytest.approx(best, abs=2e-6), seed
            continue
        with pytest.raises(InfeasibleError) as caught:
            problem.solve()
        found = [conflict.label for conflict in caught.value.conflicts]
        conflicts += "robust budget" in found
        # No smaller set of constraints conflicts, and this one does.
        smaller = itertools.combinations(asked, len(found) - 1)
        assert all(judge.best(judge.rate, [asked[k] for k in each]) is not None for each in smaller)
        assert judge.best(judge.rate, [asked[k] for k in found]) is None, seed
        for conflict in caught.value.conflicts:
            others = [asked[k] for k in found if k != conflict.label]
            left, _, high = asked[conflict.label]
            sign = 1.0 if np.isfinite(high) else -1.0
            needed = sign * judge.best(sign * left, others)
            assert conflict.needed == pytest.approx(needed, rel=2e-6, abs=2e-7), (seed, found)
    assert conflicts > 2


def test_what_a_robust_budget_needs_by_closed_form():
    problem = arb.RoutingProblem.from_arrays([[0.9]] * 4, [[1.0]] * 4, abstain=False)
    for gamma, needed in ((0, 4.0), (1, 4.5), (2.5, 5.25), (4, 6.0), (9, 6.0)):
        robust = problem.add_robust_budget(3, deviation=0.5, gamma=gamma)
        with pytest.raises(InfeasibleError, match=f"would have to rise to {needed:.2f}") as caught:
            robust.solve()
        assert [each.needed for each in caught.value.conflicts] == pytest.approx([needed])
        enough = problem.add_robust_budget(needed, deviation=0.5, gamma=gamma).solve()
        assert enough.activity["robust budget"] == pytest.approx(needed)


@pytest.mark.parametrize("assignment", ["per-segment", "single"])
def test_what_makes_a_robust_budget_of_segments_infeasible(assignment):
    problem = random_problem(4, assignment).minimize_spend().add_floor(0.3)
    table, size = problem.plan_table, len(problem.groups)
    least = np.inf
    for plans in itertools.product(range(len(problem.plans)), repeat=size):
        chosen = np.array(plans)[problem.group_of_instance]
        spend = table.times * table.spend[np.arange(8), chosen]
        if table.times @ table.solve[np.arange(8), chosen] / 8 >= 0.3:
            least = min(least, spend.sum() + 0.7 * np.sort(spend)[-3:].sum())
    with pytest.raises(InfeasibleError) as caught:
        solved(problem.add_robust_budget(0.99 * least, deviation=0.7, gamma=3))
    needed = {each.label: each.needed for each in caught.value.conflicts}
    assert needed["robust budget"] == pytest.approx(least, rel=1e-7)
    result = solved(problem.add_robust_budget(needed["robust budget"], deviation=0.7, gamma=3))
    assert result.activity["robust budget"] == pytest.approx(least)


def limit_of(row):
    return row[2] if np.isfinite(row[2]) else row[1]


def feasible_case(seed):
    """A feasible one of the random cases."""
    while True:
        problem, judge, asked = compact_case(seed)
        if judge.best(-judge.rate, list(asked.values())) is not None:
            return problem, judge, asked
        seed += 1000


@pytest.mark.parametrize("seed", range(6))
def test_every_way_out_of_a_robust_problem_has_the_judges_optimum(seed, tmp_path):
    problem, judge, asked = feasible_case(seed)
    best = -judge.best(-judge.rate, list(asked.values()))
    model = problem.to_pyomo()
    solver = pyo.SolverFactory("appsi_highs")
    solver.highs_options = {"mip_rel_gap": 0.0, "mip_abs_gap": 0.0}
    solver.solve(model)
    assert pyo.value(model.objective) == pytest.approx(best, abs=1e-6)
    assert pyo.value(model.activity["robust budget"]) <= asked["robust budget"][2] * (1 + 1e-6)
    convex = problem.to_cvxpy()
    convex.problem.solve(cp.HIGHS, mip_rel_gap=0.0, mip_abs_gap=0.0)
    assert convex.problem.value == pytest.approx(best, abs=1e-6)
    for ending in ("mps", "lp"):
        path = problem.export(tmp_path / f"robust.{ending}")
        highs = highspy.Highs()
        highs.setOptionValue("output_flag", False)
        highs.setOptionValue("mip_rel_gap", 0.0)
        assert highs.readModel(str(path)) == highspy.HighsStatus.kOk
        highs.run()
        assert highs.getInfo().objective_function_value == pytest.approx(best, abs=1e-6)
        assert "reserve_threshold" in path.read_text()


@pytest.mark.parametrize("assignment", ["per-segment", "single"])
def test_robust_problems_of_segments_leave_with_their_instances(assignment):
    problem = random_problem(3, assignment).add_robust_budget(6.0, deviation=0.5, gamma=3)
    model = problem.to_pyomo()
    solver = pyo.SolverFactory("appsi_highs")
    solver.solve(model)
    assert pyo.value(model.objective) == pytest.approx(solved(problem).objective, abs=1e-6)
    assert set(model.INSTANCES) <= set(problem.market.instances)


@pytest.mark.parametrize("block", range(2))
def test_robust_budgets_over_nine_orders_of_magnitude(block):
    """Limits near what the cheapest pairs need, 1e-9 of deviations that no assignment can have."""
    solved = 0
    for seed in range(20 * block, 20 * block + 20):
        rng = np.random.default_rng(seed)
        size, width = int(rng.integers(2, 5)), int(rng.integers(2, 4))
        rate = rng.random((size, width)).round(1)
        spend = 10.0 ** rng.uniform(-4.7, 4, (size, width))
        deviation = spend * rng.uniform(0.3, 2)
        if seed % 2:
            deviation = 10.0 ** rng.uniform(-5, 4, (size, width))
        gamma = float(rng.choice([0.5, 1, 2]))
        segment = [f"s{i % 2}" for i in range(size)]
        cells = np.array(list(itertools.product(range(width + 1), repeat=size)))
        assignment = str(rng.choice(["oracle", "per-segment"]))
        if assignment == "per-segment":
            cells = cells[(cells == cells[:, np.arange(size) % 2]).all(axis=1)]
        at_cells = np.arange(size), cells
        rates, spends, deviations = (
            np.pad(table, ((0, 0), (0, 1)))[at_cells] for table in (rate, spend, deviation)
        )
        largest = -np.sort(-deviations, axis=1)
        left = spends.sum(axis=1) + largest @ np.clip(gamma - np.arange(size), 0, 1)
        first = (spends * (cells == 0))[:, 1::2].sum(axis=1)
        cap = float(10.0 ** rng.uniform(-4, 4))
        small = np.sort(left[(first <= cap) & (left > 0)])
        limit = float(rng.choice(small[: max(len(small) // 3, 1)]) * rng.uniform(0.95, 1.05))
        problem = arb.RoutingProblem.from_arrays(
            rate, spend, segment=segment, assignment=assignment
        ).add_budget(cap, "s1", model="model-0")
        robust = problem.add_robust_budget(limit, deviation=deviation, gamma=gamma)
        result = robust.solve()
        point = robust.frontier("robust budget", [limit])
        # A limit may be passed by a share of 1e-8.
        low, high = (
            rates.mean(axis=1)[(left <= limit * more) & (first <= cap * more)].max()
            for more in (1.0, 1 + 2e-8)
        )
        for answer in (result.objective, point.objective[0]):
            assert low * (1 - 1e-6) <= answer <= high * (1 + 1e-12), seed
        assert min(result.bound, point.bound[0]) >= low * (1 - 1e-12), seed
        solved += high > 0
    assert solved > 7


def test_a_robust_frontier_that_presolve_led_astray():
    spend = [[0.0016, 0.031, 1.8e-05], [3300.0, 0.1, 0.00043], [170.0, 2300.0, 5000.0]]
    deviation = [[0.0023, 0.045, 2.6e-05], [4900.0, 0.15, 0.00064], [250.0, 3500.0, 7300.0]]
    rate = [[0.8, 0.2, 0.7], [0.3, 0.7, 0.2], [0.5, 0.8, 0.6]]
    problem = (
        arb.RoutingProblem.from_arrays(rate, spend, segment=["s0", "s1", "s0"])
        .add_budget(770.0, "s1", model="model-0")
        .add_robust_budget(0.0, deviation=deviation, gamma=1.0)
    )
    # Both cheap pairs need 0.000448 and a deviation of 0.00064; the better alone far less.
    found = problem.frontier("robust budget", [0.00107, 0.00109])
    assert found.objective == pytest.approx([0.7 / 3, 0.9 / 3], rel=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_the_frontier_of_a_robust_budget_and_beside_one(seed):
    problem, judge, asked = feasible_case(seed)
    for label in ("robust budget", "quality floor"):
        row, _, high = asked[label]
        others = [asked[k] for k in asked if k != label]
        sign = 1.0 if np.isfinite(high) else -1.0
        tightest = sign * judge.best(sign * row, others)
        limits = sorted(
            {(1 - 0.1 * sign) * tightest, (1 + 1e-5 * sign) * tightest, limit_of(asked[label])}
        )
        curve = problem.frontier(label, limits)
        assert not curve.exact
        for limit, status, value, bound in zip(
            curve.limits, curve.status, curve.objective, curve.bound, strict=True
        ):
            at = (row, -np.inf, limit) if sign > 0 else (row, limit, np.inf)
            best = judge.best(-judge.rate, [*others, at])
            assert (status == "infeasible") == (best is None), (seed, label, limit)
            if best is not None:
                assert value == pytest.approx(-best, abs=2e-6)
                assert bound >= -best - 1e-8


@pytest.mark.parametrize("seed", range(6))
def test_the_price_of_a_robust_budget_is_a_slope_of_its_relaxation(seed):
    problem, judge, asked = feasible_case(seed)
    row, _, limit = asked["robust budget"]
    others = [asked[k] for k in asked if k != "robust budget"]
    result = problem.solve()
    found = result.price_range("robust budget")
    assert found.low <= limit <= found.high
    assert found.price == pytest.approx(result.shadow_prices["robust budget"], abs=1e-7)

    def relaxed(at):
        return -judge.best(-judge.rate, [*others, (row, -np.inf, at)], whole=False)

    here = relaxed(limit)
    high = min(found.high, limit + 1.0)
    for at in (found.low, (found.low + limit) / 2, (high + limit) / 2, high):
        assert relaxed(at) == pytest.approx(here + found.price * (at - limit), abs=1e-5)


def test_errors():
    problem = random_problem(0)
    good = np.zeros(problem.plan_table.spend.shape)
    bad = good.copy()
    bad[2, 1] = -1.0
    with pytest.raises(InputError, match=r"'instance-2', plan '1 x model-1'.* -1 must be finite"):
        problem.add_robust_budget(1.0, deviation=bad, gamma=1)
    with pytest.raises(InputError, match=r"shape \(8,\)"):
        protected(problem, 1.0, good[:, 0], 1)
    with pytest.raises(InputError, match="deviation is nan"):
        problem.add_robust_budget(1.0, deviation=float("nan"), gamma=1)
    with pytest.raises(InputError, match="gamma of the robust budget is -1"):
        problem.add_robust_budget(1.0, deviation=0.1, gamma=-1)
    with pytest.raises(InputError, match="robust budget already"):
        protected(protected(problem, 1.0, 0.1, 1), 2.0, 0.1, 1)
    with pytest.raises(InputError, match="contracts"):
        protected(problem.add_contract("model-0", fee=1.0), 1.0, 0.1, 1).solve()
    program, deviations = draw(1)
    floor = replace(program, sense=-program.sense)
    with pytest.raises(InputError, match="at-most"):
        solve_robust(floor, deviations)
    with pytest.raises(InputError, match="gamma is inf"):
        solve_robust(program, Deviations(0, np.inf, deviations.table))
    with pytest.raises(InputError, match="negative"):
        solve_robust(program, Deviations(0, 1.0, deviations.table - 1.0))


def interrupted_after(count, status):
    """An engine that answers ``count`` times and then stops."""
    calls = []

    def engine(program, gap, time_limit):
        calls.append(1)
        if len(calls) > count:
            if status == "interrupted":
                raise KeyboardInterrupt
            raise SolverError("no time")
        return solve(program, gap, time_limit)

    return engine


def large(groups=40, plans=4):
    rng = np.random.default_rng(0)
    value, spend = rng.random((groups, plans)), rng.exponential(1, (groups, plans))
    objective, row, table = (np.zeros((4, 1, plans + 1)) for _ in range(3))
    objective[1] = row[2] = table[3] = 1.0
    block = Block(0, (value, spend, rng.random((groups, plans)) * spend))
    program = AssignmentProgram(
        Arrays(block), objective, row[None], np.ones(1), np.array([groups / 4]), True
    )
    return program, Deviations(0, 7.3, table)


def test_interruption_keeps_the_best_with_a_valid_bound():
    program, deviations = large()
    full = solve_robust(program, deviations, 1e-5)
    assert full.answer.status == "optimal"
    stopped = solve_robust(program, deviations, 1e-9, engine=interrupted_after(4, "interrupted"))
    assert stopped.answer.status == "interrupted"
    assert stopped.answer.objective <= full.answer.bound
    assert stopped.answer.bound >= full.answer.objective
    with pytest.raises(KeyboardInterrupt):
        solve_robust(program, deviations, 1e-9, engine=interrupted_after(0, "interrupted"))
    with pytest.raises(SolverError):
        solve_robust(program, deviations, 1e-9, engine=interrupted_after(0, "time limit"))


def test_time_limit_keeps_the_best():
    program, deviations = large()

    def slow(part, gap, time_limit):
        answer = solve(part, gap, 60.0)
        return replace(answer, status="time limit")

    program = replace(program, limits=np.array([1e3]))
    stopped = solve_robust(program, deviations, 0.0, engine=slow)
    # The plain optimum keeps so loose a row, and its bound was proven.
    assert stopped.answer.objective <= stopped.answer.bound


def test_float32_and_the_same_answer_twice():
    program, deviations = large()
    block = program.source.block
    narrow = tuple(each.astype(np.float32) for each in block.quantities)
    single, double = (
        replace(program, source=Arrays(Block(0, tuple(q.astype(kind) for q in narrow))))
        for kind in (np.float32, np.float64)
    )
    first, second, third = (
        solve_robust(each, deviations, 1e-4).answer for each in (single, double, double)
    )
    assert first.objective == pytest.approx(second.objective, rel=2e-4)
    assert (second.choice == third.choice).all()
    assert second.bound == third.bound


def test_price_of_robustness():
    problem = random_problem(5).add_robust_budget(5.0, deviation=0.6, gamma=1)
    study = price_of_robustness(problem, [1, 2, 8], draws=400, gap=1e-7)
    assert study.gamma.tolist() == [0, 1, 2, 8]
    assert study.price[0] == 0
    assert (np.diff(study.price) >= -1e-7).all()
    assert study.violation[-1] == study.guarantee[-1] == 0
    assert (study.violation <= study.guarantee + 3 * 0.5 / 20).all()
    assert study.reserve[0] == 0
    again = price_of_robustness(problem, [1, 2, 8], draws=400, gap=1e-7)
    assert again.to_dict() == study.to_dict()
    harsher = price_of_robustness(problem, [1, 2, 8], draws=400, distribution="two-point", gap=1e-7)
    assert harsher.violation[-1] == 0
    assert "Bertsimas and Sim" in str(study)
    assert study.plot().get_xlabel() == "budget broken [%]"
    with pytest.raises(InputError, match="no robust budget"):
        price_of_robustness(random_problem(5))
    with pytest.raises(InputError, match="distribution is 'normal'"):
        price_of_robustness(problem, distribution="normal")
    with pytest.raises(InputError, match="draws is 0"):
        price_of_robustness(problem, draws=0)


@pytest.mark.parametrize("uncertain", [1, 2, 5, 12])
@pytest.mark.parametrize("gamma", [0, 1, 2, 3])
def test_violation_bound_is_the_tail_of_coins_where_they_can_tie(uncertain, gamma):
    # Equal deviations of +-1: the sum is above gamma with this probability, at most the bound.
    tail = binom.sf(np.floor((uncertain + gamma) / 2), uncertain, 0.5)
    bound = violation_bound(uncertain, gamma)
    assert tail - 1e-12 <= bound <= 1
    if gamma >= uncertain:
        assert bound == 0
