"""Cross-validation: optimism where there is only noise, none where all is known."""

import itertools
from dataclasses import dataclass, replace

import highspy
import numpy as np
import pandas as pd
import pytest

import arbmodels as arb
from arbmodels.errors import InfeasibleError, InputError
from arbmodels.routing.builder import Part, scaled, scope
from arbmodels.routing.constraints import Constraint
from arbmodels.routing.cross_validation import of_instances, split_attempts, split_instances
from arbmodels.routing.scenarios import bootstrap
from conftest import random_market


def market_of(probability, attempts, seed, segments=0, cost=None):
    """Attempts drawn with given probabilities [N, M]."""
    size, models = probability.shape
    rng = np.random.default_rng(seed)
    return arb.Market(
        [f"m{k}" for k in range(models)],
        [f"i{k}" for k in range(size)],
        np.full((size, models), attempts),
        rng.binomial(attempts, probability),
        np.ones((size, models)) if cost is None else cost,
        segment=[f"s{k % segments}" for k in range(size)] if segments else None,
    )


@pytest.mark.parametrize(("assignment", "segments"), [("oracle", 0), ("per-segment", 20)])
def test_optimism_where_all_models_are_the_same(assignment, segments):
    """Whoever looks best is not: the held-out rate is that of any model."""
    found = []
    for seed in range(8):
        market = market_of(np.full((120, 5), 0.5), 4, seed, segments)
        result = arb.RoutingProblem(market, None, assignment).cross_validate(4, seed)
        found.append((result.optimism, result.held_out, result.standard_error))
    optimism, held_out, errors = np.mean(found, axis=0)
    assert optimism > 0.05
    assert min(each[0] for each in found) > 0
    assert held_out == pytest.approx(0.5, abs=0.03)
    # The stated error is of the size of the spread over data sets.
    spread = np.std([each[0] for each in found], ddof=1)
    assert 0.3 < spread / errors < 3


def test_winners_curse_against_its_exact_expectation():
    """Best of two models with three attempts to fit on and one held out."""
    market = market_of(np.full((4000, 2), 0.5), 4, 0)
    result = arb.RoutingProblem(market).cross_validate(4, 0)
    rates = np.arange(4) / 3
    law = np.array([1, 3, 3, 1]) / 8
    expected = float(np.maximum.outer(rates, rates).ravel() @ np.outer(law, law).ravel())
    assert result.in_sample == pytest.approx(expected, abs=0.01)
    assert result.optimism == pytest.approx(expected - 0.5, abs=4 * result.standard_error)


def test_no_optimism_with_very_many_attempts():
    rng = np.random.default_rng(1)
    market = market_of(rng.random((80, 4)), 200_000, 1)
    result = arb.RoutingProblem(market).add_budget(60.0).cross_validate(3)
    assert abs(result.optimism) < 2e-3


def test_no_optimism_where_there_is_nothing_to_choose():
    market = market_of(np.random.default_rng(2).random((60, 1)), 5, 2, segments=3)
    plans = [arb.Plan((("m0", 1),))]
    result = arb.RoutingProblem(market, plans, "per-segment").cross_validate()
    assert result.optimism == pytest.approx(0, abs=1e-12)


def test_per_segment_by_hand():
    """Two segments, two models: every fold fits the model that is better on the rest."""
    rng = np.random.default_rng(4)
    market = market_of(rng.beta(0.5, 0.5, (23, 2)), 3, 4, segments=2)
    problem = arb.RoutingProblem(market, None, "per-segment")
    result = problem.cross_validate(3, 7)
    rate = market.successes / market.attempts
    codes = np.arange(23) % 2
    inside, outside = [], []
    for held, fold in zip(split_instances(problem.plan_table, 3, 7), result.folds, strict=True):
        rest = np.setdiff1d(np.arange(23), held)
        best = [rate[rest[codes[rest] == s]].mean(axis=0).argmax() for s in (0, 1)]
        fitted, scored = (np.mean([rate[i, best[codes[i]]] for i in rows]) for rows in (rest, held))
        assert fold.in_sample == pytest.approx(fitted)
        assert fold.held_out == pytest.approx(scored)
        inside.append(fitted)
        outside.append(scored * len(held) / 23)
    assert result.held_out == pytest.approx(sum(outside))
    assert result.in_sample == pytest.approx(np.mean(inside), abs=0.02)


def test_limits_scale_and_misses_are_counted():
    rng = np.random.default_rng(5)
    cost = np.exp(rng.normal(0, 1, (60, 3)))
    market = market_of(rng.random((60, 3)), 4, 5, segments=3, cost=cost)
    problem = (
        arb.RoutingProblem(market, None, "per-segment")
        .add_budget(60.0)
        .add_budget(15.0, segment="s1")
        .add_capacity("m1", 50)
        .add_floor(0.2, segment="s0")
    )
    rows = np.arange(0, 60, 2)
    part = of_instances(problem, rows)
    limits = {each.label: each.limit for each in part.constraints}
    assert limits["budget"] == pytest.approx(30)
    assert limits["budget in s1"] == pytest.approx(15 * np.mean(rows % 3 == 1) / np.mean(1 / 3) / 2)
    assert limits["capacity of m1"] == pytest.approx(25)
    assert limits["quality floor in s0"] == 0.2
    result = problem.cross_validate(5, 1)
    missed = {each.label: each for each in result.violations}
    assert set(missed) == set(limits)
    for label, each in missed.items():
        used = np.array([fold.use[label] for fold in result.folds])
        over = used - 1 if label != "quality floor in s0" else 1 - used
        assert (over[:, 0] <= 1e-7).all(), "fits keep their limits"
        assert each.broken == (over[:, 1] > 1e-6).sum()
        assert each.worst_excess == pytest.approx(max(over[:, 1].max(), 0), abs=1e-6)
        assert each.folds == 5
    assert any(each.broken for each in missed.values())
    assert any("missed held out" in line for line in result.lines())


@pytest.mark.parametrize("weights", [None, "given"])
def test_every_objective_and_kind_of_limit_can_be_validated(weights):
    rng = np.random.default_rng(6)
    size = 40
    problem = arb.RoutingProblem.from_arrays(
        rng.random((size, 3)),
        rng.exponential(1, (size, 3)),
        weight=None if weights is None else rng.uniform(0.5, 2, size),
        segment=[f"s{k % 2}" for k in range(size)],
        period=[f"p{k % 3}" for k in range(size)],
        latency=rng.random(3),
        assignment="per-segment",
    )
    table = problem.plan_table
    variants = [
        problem.minimize_spend().add_floor(0.3),
        problem.maximize_profit(4.0),
        problem.maximize_profit({"s0": 3.0, "s1": 5.0}),
        problem.maximize_profit(np.full(size, 4.0)),
        problem.maximize_worst_segment().add_budget(40.0),
        problem.minimize_spend().add_floor(of_best=0.8).penalize_abstention(0.5),
        problem.add_contract("model-0", fee=1.0, tiers=((0, 1.0), (8.0, 0.5)), credit=2.0)
        .add_budget(40.0)
        .limit_models(2),
        problem.add_robust_budget(60.0, deviation=rng.random((size, 3)), gamma=4.5),
        problem.add_commitment("model-0", attempts=10).add_mean_latency(0.9),
        problem.add_share_limit("model-1", 0.9).add_budget(30.0, period="p1"),
        problem.forbid("model-2", instances=[1, 2]).add_latency_limit(0.95),
    ]
    for each in variants:
        result = each.cross_validate(4, 2)
        assert len(result.folds) + result.infeasible == 4
        assert np.isfinite(result.optimism)
        assert result.problem.plan_table is table
        assert str(result).startswith("Cross-validation of arrays")


def test_a_robust_budget_is_missed_less_often_than_a_plain_one():
    rng = np.random.default_rng(8)
    cost = np.exp(rng.normal(0, 1.5, (100, 3)))
    market = market_of(rng.random((100, 3)), 4, 8, segments=4, cost=cost)
    problem = arb.RoutingProblem(market, None, "per-segment")
    plain = problem.add_budget(120.0).cross_validate(5)
    robust = problem.add_robust_budget(120.0, deviation=1.0, gamma=20).cross_validate(5)
    spends = [np.mean([fold.held_out for fold in each.folds]) for each in (plain, robust)]
    assert spends[1] <= spends[0] + 0.02
    assert robust.violations[0].label == "robust budget"


def test_scenario_floors_are_measured_on_the_held_out_rate():
    rng = np.random.default_rng(9)
    market = market_of(rng.random((60, 3)), 4, 9, segments=3)
    problem = arb.RoutingProblem(market, None, "per-segment").minimize_spend()
    scenarios = bootstrap(problem.plan_table, 10)
    result = problem.add_scenario_floor(0.3, scenarios, cvar=0.8).cross_validate(3)
    (violation,) = result.violations
    assert violation.label == "floor on the worst 20.0%"
    assert violation.folds == 3


def test_folds_are_stratified_and_a_lonely_instance_stays():
    market = random_market(np.random.default_rng(0), 31, 2, segments=3)
    labels = [*market.segment[:-1], "alone"]
    market = arb.Market(
        market.models,
        market.instances,
        market.attempts,
        market.successes,
        market.cost,
        segment=labels,
    )
    problem = arb.RoutingProblem(market, None, "per-segment")
    held = split_instances(problem.plan_table, 4, 3)
    together = np.concatenate(held)
    assert sorted(together) == list(range(30))
    for segment in ("s0", "s1", "s2"):
        counts = [sum(labels[i] == segment for i in fold) for fold in held]
        assert max(counts) - min(counts) <= 1
    assert max(map(len, held)) - min(map(len, held)) <= 1
    result = problem.cross_validate(4, 3)
    assert np.isnan(result.by_instance[1, 30])
    assert np.isfinite(result.optimism)


def test_attempts_are_split_without_loss():
    market = random_market(np.random.default_rng(1), 30, 3, max_attempts=9)
    market = arb.Market(
        market.models, market.instances, market.attempts + 2, market.successes, market.cost
    )
    needed = np.array([1, 1, 1])
    fit, score = split_attempts(market, needed, 3, np.random.default_rng(0))
    assert (fit.attempts + score.attempts == market.attempts).all()
    assert (fit.successes + score.successes == market.successes).all()
    assert (score.attempts >= 1).all()
    assert np.abs(score.attempts - market.attempts / 3).max() <= 1


def test_the_same_seed_gives_the_same_answer():
    market = market_of(np.random.default_rng(0).random((40, 3)), 6, 0, segments=2)
    for assignment in ("oracle", "per-segment"):
        problem = arb.RoutingProblem(market, None, assignment).add_budget(45.0)
        first, again, other = (problem.cross_validate(3, seed).to_frame() for seed in (1, 1, 2))
        assert first.equals(again)
        assert not first.equals(other)


def test_how_it_shows_itself():
    market = market_of(np.random.default_rng(0).random((40, 3)), 6, 0)
    result = arb.RoutingProblem(market).add_budget(25.0).cross_validate(3)
    assert "oracle: it saw attempts on the same instances" in str(result)
    assert result.lines()[0].startswith("optimism ")
    frame = result.to_frame()
    assert list(frame.columns) == ["in_sample", "held_out", "use of budget"]
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) == 3
    assert result.to_dict()["assignment_kind"] == "oracle"
    assert result.plot().get_xlabel() == "in sample [solve rate]"


def test_errors():
    market = random_market(np.random.default_rng(0), 10, 2, max_attempts=1)
    with pytest.raises(InputError, match="'instance-0', model 'model-0': 1 recorded attempts"):
        arb.RoutingProblem(market).cross_validate()
    problem = arb.RoutingProblem(market, None, "single")
    with pytest.raises(InputError, match="folds is 1"):
        problem.cross_validate(1)
    with pytest.raises(InputError, match=r"folds is 2\.5; give a whole number"):
        problem.solve(folds=2.5)
    with pytest.raises(InputError, match="a fold would be empty"):
        problem.cross_validate(11)
    with pytest.raises(InputError, match="splitting recorded attempts, and there are none"):
        arb.RoutingProblem.from_arrays([[0.5]] * 4, [[1.0]] * 4).cross_validate()
    with pytest.raises(InfeasibleError, match="quality floor"):
        problem.add_floor(1.0).cross_validate(2)
    plenty = market_of(np.full((4, 2), 0.5), 5, 0)
    with pytest.raises(InputError, match="cannot be split into 3"):
        arb.RoutingProblem(plenty, arb.attempts_up_to(plenty, 3)).cross_validate()
    sparse = random_market(np.random.default_rng(0), 10, 3, missing=0.4)
    with pytest.raises(InputError, match="some pairs have no record"):
        arb.RoutingProblem(sparse, None, "single").cross_validate()


def test_a_few_pairs_with_too_few_attempts_are_left_out_and_said_so():
    market = market_of(np.full((30, 2), 0.5), 6, 0)
    attempts, successes = market.attempts.copy(), market.successes.copy()
    attempts[3, 1], successes[3, 1] = 1, 1
    market = replace(market, attempts=attempts, successes=successes)
    found = arb.RoutingProblem(market).cross_validate(2)
    assert "without 1 pairs" in found.note
    fit, score = split_attempts(market, np.array([1, 1]), 2, np.random.default_rng(0))
    assert (~fit.recorded).sum() == (~score.recorded).sum() == 1
    assert not fit.recorded[3, 1]


def test_lists_of_instances_that_read_alike_in_a_fold():
    rng = np.random.default_rng(3)
    market = random_market(rng, 12, 2)
    names = list(market.instances)
    problem = arb.RoutingProblem(market, None, "single").add_budget(5.0)
    for other in names[1:]:
        problem = problem.forbid("model-0", instances=[names[0], other])
    assert len(problem.cross_validate(3).folds) == 3


@dataclass(frozen=True, eq=False)
class Energy(Constraint):
    """A user's own: energy of an array [N, J], in total or in the mean, in a segment or everywhere.

    It knows nothing of folds.
    """

    amount: float
    energy: np.ndarray
    at_most: bool = True
    mean: bool = False
    segment: str | None = None
    banned: np.ndarray | None = None
    label = "energy"

    @property
    def limit(self):
        return self.amount

    def unit(self, table):
        return "kWh"

    def check(self, table):
        if self.energy.shape != (table.size, table.width):
            raise InputError("The energy is of other instances.")

    def restrict(self, builder):
        if self.banned is not None:
            builder.mask(~self.banned)

    def add(self, builder):
        builder.quantity("energy", self.energy)
        plans = np.ones(len(builder.table.plans))
        parts = (Part("energy", plans, scope(builder.table, self.segment)),)
        if self.mean:
            covered = builder.table.times * builder.table.inside(self.segment)
            parts = scaled(parts, 1.0 / covered.sum())
        builder.row(self.label, parts, self.amount, at_most=self.at_most)


def own_case(seed):
    rng = np.random.default_rng(seed)
    size, width = int(rng.integers(6, 11)), 2
    solve, spend = rng.random((size, width)), rng.exponential(1, (size, width)) + 0.05
    segment = [f"s{k % 2}" for k in range(size)]
    weight = rng.integers(1, 4, size).astype(float)
    problem = arb.RoutingProblem.from_arrays(
        solve, spend, weight=weight, segment=segment, assignment="oracle"
    )
    where = [None, "s0"][int(rng.integers(2))]
    energy = rng.exponential(1, (size, width))
    inside = np.array([where in (None, each) for each in segment])
    times = weight * size / weight.sum() * inside
    mean, at_most = rng.random(2) < 0.5
    amount = float(times @ energy.mean(axis=1)) * float(rng.uniform(0.3, 1.0))
    amount /= times.sum() if mean else 1.0
    banned = rng.random((size, width)) < 0.2
    own = Energy(amount, energy, bool(at_most), bool(mean), where, banned)
    return rng, problem, own, (solve, energy, weight, inside)


@pytest.mark.parametrize("seed", range(12))
def test_a_constraint_of_ones_own_is_cut_down_to_a_fold(seed):
    """Judged by enumeration of the part: the same amount per instance covered, the same mean."""
    rng, problem, own, (solve, energy, weight, inside) = own_case(seed)
    whole = problem.add_constraint(own)
    rows = np.sort(rng.choice(len(solve), int(rng.integers(3, 6)), replace=False))
    if not (inside[rows] > 0).any():
        rows = np.append(rows, np.flatnonzero(inside)[-1]).astype(np.int64)
        rows = np.unique(rows)
    part = of_instances(whole, rows)
    # Weights count within the part; a total is held to its share of what it covers.
    times = weight[rows] * len(rows) / weight[rows].sum()
    all_times = weight * len(weight) / weight.sum()
    per_instance = own.amount if own.mean else own.amount / (all_times @ inside)
    best, used = -np.inf, {}
    for choice in itertools.product(range(3), repeat=len(rows)):
        value = sum(t * solve[i, j] for t, i, j in zip(times, rows, choice, strict=True) if j < 2)
        if any(j < 2 and own.banned[i, j] for i, j in zip(rows, choice, strict=True)):
            continue
        left = sum(
            t * inside[i] * energy[i, j]
            for t, i, j in zip(times, rows, choice, strict=True)
            if j < 2
        ) / (times @ inside[rows])
        used[choice] = left / per_instance
        fits = left <= per_instance * (1 + 1e-9) if own.at_most else left >= per_instance
        if fits and value / len(rows) > best:
            best = value / len(rows)
    if best == -np.inf:
        with pytest.raises(InfeasibleError, match="energy"):
            part.solve()
        return
    result = part.solve(gap=1e-9)
    assert result.objective == pytest.approx(best, rel=1e-7)
    # Left-hand sides are scaled up to all instances, so that the limit is the one asked for.
    share = result.activity["energy"] / own.amount
    assert share == pytest.approx(used[tuple(result.assignment)], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("segment", [None, "s1"])
def test_ones_own_budget_is_folded_like_the_built_in_one(segment, weighted):
    rng = np.random.default_rng(5)
    solve, spend = rng.random((30, 3)), rng.exponential(1, (30, 3)) + 0.1
    weight = rng.integers(1, 4, 30) if weighted else None
    problem = arb.RoutingProblem.from_arrays(
        solve,
        spend,
        weight=weight,
        segment=[f"s{k % 3}" for k in range(30)],
        assignment="per-segment",
    )
    own = problem.add_constraint(Energy(8.0, spend, segment=segment))
    same = problem.add_budget(8.0, segment)
    one, other = (each.cross_validate(5, gap=1e-9) for each in (own, same))
    assert one.held_out == pytest.approx(other.held_out, rel=1e-9)
    assert one.in_sample == pytest.approx(other.in_sample, rel=1e-9)
    label = same.constraints[0].label
    for ours, theirs in zip(one.folds, other.folds, strict=True):
        assert ours.use["energy"] == pytest.approx(theirs.use[label], rel=1e-9)


def test_ones_own_numbers_may_be_negative():
    """What is saved counts against what is used; limits that are just met are kept."""
    energy = np.array([[3.0, -1.0], [2.0, -2.5], [1.0, 0.1]])
    solve = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
    problem = arb.RoutingProblem.from_arrays(solve, np.ones((3, 2)), abstain=False)
    for choice in itertools.product(range(2), repeat=3):
        used = float(energy[np.arange(3), choice].sum())
        for nudge in (0.0, -1e-16, 1e-16):
            limit = float(np.nextafter(used, np.sign(nudge) * np.inf)) if nudge else used
            own = problem.add_constraint(Energy(limit, energy))
            fitting = [
                solve[np.arange(3), each].mean()
                for each in itertools.product(range(2), repeat=3)
                if energy[np.arange(3), each].sum() <= used + 1e-9
            ]
            assert own.solve().objective == pytest.approx(max(fitting))


@pytest.mark.parametrize("assignment", ["per-segment", "single"])
def test_a_feasible_problem_is_never_called_infeasible_by_folding(assignment):
    """A user's own promise that takes all there is: every fold can keep its share of it."""
    rng = np.random.default_rng(6)
    solve, spend = rng.random((24, 2)), np.ones((24, 2))
    problem = arb.RoutingProblem.from_arrays(
        solve, spend, segment=[f"s{k % 3}" for k in range(24)], assignment=assignment
    )
    energy = np.tile([1.0, 0.5], (24, 1))
    promised = problem.add_constraint(Energy(24.0, energy, at_most=False))
    result = promised.solve(folds=4)
    assert result.counts == {"1 x model-0": 24}
    assert result.validation.infeasible == 0
    assert not any(each.broken for each in result.validation.violations)


def test_where_no_part_can_be_fitted_the_problem_is_not_called_infeasible():
    """One instance alone keeps a floor on the worst: the parts without it have to say so."""
    solve = np.array([[0.9], [0.9], [0.1], [0.1]])
    problem = arb.RoutingProblem.from_arrays(solve, np.ones((4, 1)), assignment="single")
    floor = problem.add_floor(0.5)
    assert floor.solve().status == "optimal"
    for seed in range(6):
        try:
            found = floor.cross_validate(2, seed)
        except InputError as error:
            assert "met on all instances together" in str(error)  # noqa: PT017
        else:
            assert found.infeasible < 2
    with pytest.raises(InfeasibleError):
        problem.add_floor(0.6).cross_validate(2)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_floor_in_a_segment_is_as_high_in_every_fold(weighted):
    rng = np.random.default_rng(7)
    solve, spend = rng.random((60, 3)), rng.random((60, 3))
    segment = np.where(np.arange(60) % 3 == 0, "a", "b")
    weight = rng.integers(1, 4, 60).astype(float) if weighted else None
    problem = arb.RoutingProblem.from_arrays(
        solve, spend, segment=segment, weight=weight, assignment="single"
    )
    # Whatever was computed of the whole before, a part is a problem of its own.
    problem = problem.minimize_spend().add_floor(0.3, "a")
    problem.solve()
    times = np.ones(60) if weight is None else weight
    for fold, held in zip(
        problem.cross_validate(4, 3).folds, split_instances(problem.plan_table, 4, 3), strict=True
    ):
        rest = np.setdiff1d(np.arange(60), held)

        def rate(rows, model):
            there = rows[segment[rows] == "a"]
            return np.average(solve[there, model], weights=times[there])

        cost = [np.average(spend[rest, m], weights=times[rest]) for m in range(3)]
        allowed = [m for m in range(3) if rate(rest, m) >= 0.3]
        model = min(allowed, key=cost.__getitem__)
        use = fold.use["quality floor in a"]
        assert use == pytest.approx((rate(rest, model) / 0.3, rate(held, model) / 0.3))


def test_folds_say_that_they_leave_out_a_limit_on_changes():
    rng = np.random.default_rng(0)
    problem = arb.RoutingProblem.from_arrays(
        rng.random((30, 3)), rng.random((30, 3)), assignment="single"
    ).start_from(["1 x model-0"] * 30, 2)
    assert "without the number of changes" in problem.cross_validate(3).note


def test_what_is_no_constraint_is_refused():
    problem = arb.RoutingProblem.from_arrays([[0.5, 0.9]], [[1.0, 2.0]])
    with pytest.raises(InputError, match=r"derive it from arbmodels\.routing\.Constraint"):
        problem.add_constraint(lambda builder: None)
    own = Energy(1.0, np.array([[0.5, 1.5]]))
    with pytest.raises(InputError, match="There is a energy already"):
        problem.add_constraint(own).add_constraint(own).solve()


@pytest.mark.parametrize("seed", range(8))
def test_a_constraint_of_ones_own_is_treated_like_the_others(seed, tmp_path):
    """Optimum, conflict, frontier and exports, by enumeration of all assignments."""
    rng = np.random.default_rng(seed)
    solve, spend = rng.random((4, 2)), rng.uniform(0.5, 2.0, (4, 2))
    energy = rng.uniform(0.1, 1.0, (4, 2))
    every = np.array([*itertools.product(range(2), repeat=4)])
    rows = np.arange(4)
    used, solved, spent = (
        np.array([values[rows, each].sum() for each in every]) for values in (energy, solve, spend)
    )
    budget = float(np.quantile(spent, 0.8))
    limit = float(np.quantile(used[spent <= budget], 0.4)) + 1e-6
    problem = arb.RoutingProblem.from_arrays(solve, spend, abstain=False).add_budget(budget)
    own = problem.add_constraint(Energy(limit, energy))

    def best(most):
        return solved[(spent <= budget) & (used <= most)].max() / 4

    assert own.solve(gap=1e-9).objective == pytest.approx(best(limit))
    limits = np.quantile(used[spent <= budget], [0.1, 0.5, 0.9]) + 1e-6
    curve = own.frontier("energy", limits=limits, gap=1e-9)
    assert curve.objective == pytest.approx([best(most) for most in limits])
    # Too little energy for the floor: what it would need is the least beside the others named.
    floor = float(solved[spent <= budget].max() / 4) - 1e-9
    greedy = used[solved / 4 >= floor].min()
    tight = problem.add_constraint(Energy(0.9 * float(greedy), energy)).add_floor(floor)
    with pytest.raises(arb.InfeasibleError) as conflict:
        tight.solve()
    named = {each.label: each.needed for each in conflict.value.conflicts}
    kept = np.ones(len(every), dtype=bool)
    if "budget" in named:
        kept &= spent <= budget
    if "quality floor" in named:
        kept &= solved / 4 >= floor
    assert named["energy"] == pytest.approx(used[kept].min())
    model = own.to_cvxpy()
    model.problem.solve(solver="HIGHS")
    assert model.problem.value == pytest.approx(best(limit), abs=1e-6)
    file = own.export(tmp_path / "own.mps")
    highs = highspy.Highs()
    highs.silent()
    highs.readModel(str(file))
    highs.run()
    assert abs(highs.getInfo().objective_function_value) == pytest.approx(best(limit), abs=1e-6)
