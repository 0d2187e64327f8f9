"""Floors over scenarios: judged by enumeration and by a direct program in HiGHS."""

import itertools
import math

import numpy as np
import pytest
from scipy import sparse

import arbmodels as arb
from arbmodels._solver import Program, solve
from arbmodels.errors import InfeasibleError, InputError
from arbmodels.routing.scenarios import Scenarios, bootstrap, mean_of_worst
from conftest import random_market


def random_problem(seed, instances=5, assignment="oracle", segments=0):
    rng = np.random.default_rng(seed)
    market = random_market(
        rng, instances, 2, segments=segments, equal_weights=bool(rng.random() < 0.5)
    )
    return arb.RoutingProblem(market, None, assignment)


def resampled(problem, count, **options):
    return bootstrap(problem.plan_table, count, **options)


def random_scenarios(problem, seed):
    """Probabilities, counts of instances, or both; unrelated to the records."""
    rng = np.random.default_rng(seed)
    table = problem.plan_table
    count = int(rng.integers(1, 7))
    solve_rates = rng.random((count, table.size, table.width)) * (table.spend > 0)
    times = rng.integers(0, 3, (count, table.size)) + 0.5
    kind = rng.integers(0, 3)
    return Scenarios(table, solve_rates if kind < 2 else None, times if kind > 0 else None)


def rates_of(scenarios, assignment, inside=True):
    """Solve rate in every scenario, by the definition."""
    table = scenarios.plan_table
    every = np.arange(table.size)
    result = []
    for s in range(scenarios.count):
        values = table.solve if scenarios.solve is None else scenarios.solve[s]
        times = 1.0 if scenarios.times is None else scenarios.times[s]
        weight = table.times * times * inside
        result.append(weight @ values[every, assignment] / weight.sum())
    return np.array(result, dtype=float)


def least_spend(problem, allowed):
    """Enumerate: the least spend among assignments whose rates satisfy ``allowed``."""
    table = problem.plan_table
    every, group = np.arange(table.size), problem.group_of_instance
    best = np.inf
    for plans in itertools.product(range(len(problem.plans)), repeat=len(problem.groups)):
        assignment = np.array(plans)[group]
        if allowed(assignment):
            best = min(best, float(table.times @ table.spend[every, assignment]))
    return best


@pytest.mark.parametrize("kind", ["cvar", "chance"])
@pytest.mark.parametrize("block", range(6))
def test_enumeration(block, kind):
    feasible = 0
    for seed in range(20 * block, 20 * block + 20):
        rng = np.random.default_rng(seed)
        assignment = ("oracle", "per-segment", "single")[seed % 3]
        problem = random_problem(seed, 4, assignment, segments=2)
        scenarios = random_scenarios(problem, seed)
        segment = None if seed % 4 else "s0"
        inside = problem.plan_table.inside(segment)
        rate, count = 0.7 * float(rng.random()), scenarios.count
        level = float(rng.choice([0.0, rng.random(), 1 - 1 / count if count > 1 else 0.0]))
        if kind == "chance":
            level = 1 - level

        def allowed(x, rate=rate, level=level, scenarios=scenarios, inside=inside):
            rates = np.sort(rates_of(scenarios, x, inside))
            if kind == "chance":
                return (rates < rate - 1e-9).sum() <= math.floor((1 - level) * len(rates) + 1e-9)
            mass = (1 - level) * len(rates)
            taken = np.clip(mass - np.arange(len(rates)), 0, 1)
            return taken @ rates / mass >= rate - 1e-9

        truth = least_spend(problem, allowed)
        asked = problem.minimize_spend().add_scenario_floor(
            rate, scenarios, segment=segment, **{kind: level}
        )
        if np.isinf(truth):
            with pytest.raises(InfeasibleError):
                asked.solve(gap=1e-9, time_limit=10.0)
            continue
        feasible += 1
        result = asked.solve(gap=1e-9)
        assert result.objective == pytest.approx(truth, abs=1e-6), seed
        (reached,) = result.activity.values()
        assert reached >= rate - 1e-7
        assert allowed(result.assignment, rate - 1e-7)
    assert feasible >= 5


@pytest.mark.parametrize("seed", range(4))
def test_worst_scenarios_against_a_program_written_out(seed):
    """The Rockafellar-Uryasev program at 40 instances, pair by pair."""
    problem = random_problem(seed, 40)
    scenarios = resampled(problem, 12, seed=seed, instances=True)
    table, count, size = problem.plan_table, 12, 40
    best = np.mean([rates_of(scenarios, np.full(size, j)).mean() for j in (1, 2)])
    tau, rate = 0.3, 0.9 * float(best)
    result = (
        problem.minimize_spend()
        .add_scenario_floor(rate, scenarios, cvar=1 - tau)
        .solve(gap=1e-4, time_limit=20.0)
    )
    pairs = size * table.width
    matrix = np.zeros((size + count + 1, pairs + 1 + count))
    for i in range(size):
        matrix[i, table.width * i : table.width * (i + 1)] = 1.0
    for s in range(count):
        weight = table.times * scenarios.times[s]
        share = (weight / weight.sum())[:, None] * scenarios.solve[s]
        matrix[size + s, :pairs] = share.ravel()
        matrix[size + s, [pairs, pairs + 1 + s]] = -1.0, 1.0
    matrix[-1, pairs:] = [1.0, *[-1.0 / (tau * count)] * count]
    lower = np.array([1.0] * size + [0.0] * count + [rate])
    spend = (table.times[:, None] * table.spend).ravel()
    direct = solve(
        Program(
            np.concatenate([spend, np.zeros(count + 1)]),
            sparse.csr_array(matrix),
            lower,
            np.array([1.0] * size + [np.inf] * (count + 1)),
            np.concatenate([np.zeros(pairs), [-np.inf], np.zeros(count)]),
            np.array([1.0] * pairs + [np.inf] * (count + 1)),
            np.array([True] * pairs + [False] * (count + 1)),
        ),
        gap=1e-4,
        time_limit=20.0,
    )
    assert result.bound <= direct.objective + 1e-7
    assert direct.bound <= result.objective + 1e-7
    assert mean_of_worst(rates_of(scenarios, result.assignment), tau) >= rate - 1e-7


@pytest.mark.parametrize(
    ("kind", "level"), [("cvar", 0.0), ("cvar", 0.9), ("chance", 1.0), ("chance", 0.6)]
)
def test_equal_scenarios_are_a_plain_floor(kind, level):
    problem = random_problem(7, 12).minimize_spend()
    table = problem.plan_table
    scenarios = Scenarios(table, np.repeat(table.solve[None].astype(np.float32), 5, axis=0))
    plain = problem.add_floor(0.4).solve(gap=1e-9)
    over = problem.add_scenario_floor(0.4, scenarios, **{kind: level}).solve(gap=1e-9)
    assert over.objective == pytest.approx(plain.objective, rel=1e-6)


def test_more_confidence_costs_more_and_the_mean_of_all_is_the_mean():
    problem = random_problem(3, 30).minimize_spend()
    scenarios = resampled(problem, 20, seed=1)
    spends = [
        problem.add_scenario_floor(0.4, scenarios, cvar=level).solve(gap=1e-5).objective
        for level in (0.0, 0.5, 0.8, 0.95)
    ]
    assert (np.diff(spends) >= -1e-4 * spends[0]).all()
    assert spends[-1] > spends[0]
    average = scenarios.solve.mean(axis=0)
    mean = arb.RoutingProblem.from_arrays(
        average[:, :-1], problem.plan_table.spend[:, :-1], weight=problem.plan_table.times
    )
    assert mean.minimize_spend().add_floor(0.4).solve(gap=1e-6).objective == pytest.approx(
        spends[0], rel=1e-4
    )


def test_bootstrap_has_the_mean_and_the_spread_of_its_law():
    problem = random_problem(5, 6)
    table, market = problem.plan_table, problem.market
    scenarios = resampled(problem, 4000, seed=2, instances=True)
    share = market.successes / market.attempts
    drawn = scenarios.solve[:, :, :-1]
    spread = np.sqrt(share * (1 - share) / market.attempts)
    assert np.abs(drawn.mean(axis=0) - share).max() <= 5 * spread.max() / math.sqrt(4000)
    assert drawn.std(axis=0) == pytest.approx(spread, abs=0.03)
    assert (drawn[:, share == 1] == 1).all()
    assert (scenarios.solve[:, :, -1] == 0).all()
    assert (scenarios.times.sum(axis=1) == table.size).all()
    assert scenarios.times.var(axis=0) == pytest.approx(np.full(6, 5 / 6), abs=0.12)


def test_seeds_and_what_is_resampled():
    problem = random_problem(5, 6)
    first, again, other = (resampled(problem, 3, seed=seed, instances=True) for seed in (1, 1, 2))
    assert (first.solve == again.solve).all()
    assert (first.times == again.times).all()
    assert (first.solve != other.solve).any()
    # One kind of resampling does not move the other.
    assert (resampled(problem, 3, seed=1).solve == first.solve).all()
    alone = resampled(problem, 3, seed=1, attempts=False, instances=True)
    assert (alone.times == first.times).all()
    assert alone.solve is None
    assert first.nbytes == 4 * 3 * 6 * 4


def test_how_scenarios_show_themselves():
    problem = random_problem(5, 6)
    scenarios = resampled(problem, 30)
    assert "30 scenarios" in str(scenarios)
    assert "scenarios differ in attempts" in str(scenarios)
    frame = scenarios.to_frame()
    assert frame.shape == (30, 3)
    assignment = np.full(6, 1)
    assert scenarios.rates(assignment) == pytest.approx(frame.iloc[:, 1].to_numpy(), rel=1e-5)
    assert scenarios.rates(assignment) == pytest.approx(rates_of(scenarios, assignment), rel=1e-5)
    assert scenarios.to_dict()["scenarios"] == 30
    assert "scenarios" in scenarios.plot().get_xlabel()


def test_an_infeasible_floor_says_what_can_be_reached():
    problem = random_problem(3, 10)
    scenarios = resampled(problem, 10)
    with pytest.raises(InfeasibleError, match=r"worst 20\.0% .* would have to fall") as caught:
        problem.add_scenario_floor(0.999, scenarios, cvar=0.8).solve()
    (conflict,) = caught.value.conflicts
    rates = rates_of(scenarios, problem.solve().assignment)
    assert mean_of_worst(rates, 0.2) <= conflict.needed + 1e-6
    reached = problem.add_scenario_floor(conflict.needed - 1e-6, scenarios, cvar=0.8)
    assert reached.solve().solve_rate <= problem.solve().solve_rate + 1e-7


def test_errors():
    problem = random_problem(3, 6, segments=3)
    scenarios = resampled(problem, 5)
    table = problem.plan_table
    with pytest.raises(InputError, match="either cvar"):
        problem.add_scenario_floor(0.5, scenarios)
    with pytest.raises(InputError, match="either cvar"):
        problem.add_scenario_floor(0.5, scenarios, cvar=0.9, chance=0.9)
    with pytest.raises(InputError, match=r"is 90; a solve rate lies between"):
        problem.add_scenario_floor(90, scenarios, cvar=0.9)
    for options in ({"cvar": 1.0}, {"cvar": -0.1}, {"chance": 0.0}, {"chance": 1.5}):
        with pytest.raises(InputError, match="share of scenarios"):
            problem.add_scenario_floor(0.5, scenarios, **options)
    with pytest.raises(InputError, match="no segment 'x'"):
        problem.add_scenario_floor(0.5, scenarios, cvar=0.9, segment="x")
    with pytest.raises(InputError, match=r"of 6 instances x 3 plans, this problem of 5 x 3"):
        random_problem(3, 5).add_scenario_floor(0.5, scenarios, cvar=0.9)
    with pytest.raises(InputError, match="at least one scenario"):
        resampled(problem, 0)
    with pytest.raises(InputError, match="resample attempts"):
        resampled(problem, 5, attempts=False)
    with pytest.raises(InputError, match="no recorded attempts"):
        resampled(arb.RoutingProblem.from_arrays([[0.5]], [[1.0]]), 5)
    with pytest.raises(InputError, match="solve probabilities, instance counts"):
        Scenarios(table)
    with pytest.raises(InputError, match=r"shape \(2, 6\)"):
        Scenarios(table, np.zeros((2, 6)))
    wrong = np.zeros((2, 6, 3))
    wrong[1, 4, 1] = np.nan
    with pytest.raises(InputError, match="Scenario 2, instance 'instance-4', plan '1 x model-1'"):
        Scenarios(table, wrong)
    with pytest.raises(InputError, match="times of the scenarios"):
        Scenarios(table, times=-np.ones((2, 6)))
    few = Scenarios(table, times=np.array([[1, 1, 0, 1, 1, 0]]))
    with pytest.raises(InputError, match="Scenario 1 has no instance of segment s2"):
        problem.add_scenario_floor(0.5, few, cvar=0.9, segment="s2")


def test_mean_of_worst_takes_fractions():
    assert mean_of_worst([3.0, 1.0, 2.0], 1 / 3) == 1.0
    assert mean_of_worst([3.0, 1.0, 2.0], 0.5) == pytest.approx((1 + 0.5 * 2) / 1.5)
    assert mean_of_worst([3.0, 1.0, 2.0], 1.0) == 2.0
