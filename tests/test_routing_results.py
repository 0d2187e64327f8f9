"""What routing says: labels, tables and pictures of results, and errors with their remedy."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from time import perf_counter
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import arbmodels as arb
from arbmodels._assignment.highs import relax_with_highs
from arbmodels.routing.infeasibility import infeasible
from routing_cases import draw

# What a result says


def test_oracle_is_an_upper_bound_and_says_so():
    market = draw(7, instances=30, models=3, segments=3)
    budget = 0.3 * np.nansum(market.cost.max(axis=1))
    results = {
        kind: arb.RoutingProblem(market, assignment=kind).add_budget(budget).solve()
        for kind in ("oracle", "per-segment", "single")
    }
    rates = [result.solve_rate for result in results.values()]
    assert rates == sorted(rates, reverse=True)
    assert "oracle bound, not deployable" in str(results["oracle"])
    assert "not deployable" not in str(results["per-segment"])
    for kind, groups in (("per-segment", 3), ("single", 1)):
        pairs = set(zip(market.segment, results[kind].assignment.tolist(), strict=True))
        assert len(pairs) == 3
        assert len({plan for _, plan in pairs}) <= groups


def test_result_as_dict_frame_table_and_picture():
    market = draw(8, instances=20, models=3, segments=2)
    problem = arb.RoutingProblem(market, arb.attempts_up_to(market, 2))
    problem = problem.add_budget(12).add_floor(0.2, "s0").add_capacity("model-0", 5)
    result = problem.solve()
    answer = json.loads(json.dumps(result.to_dict()))
    assert {"status", "objective", "bound", "gap", "spend", "solve_rate"} <= set(answer)
    labels = ["budget", "quality floor in s0", "capacity of model-0"]
    assert list(answer["shadow_prices"]) == labels
    assert answer["shadow_price_units"] == {
        "budget": "solve rate per USD",
        "quality floor in s0": "solve rate per unit of solve rate",
        "capacity of model-0": "solve rate per attempt",
    }
    assert sum(answer["counts"].values()) == 20
    frame = result.to_frame()
    assert list(frame.columns) == ["segment", "plan", "solve_probability", "spend"]
    assert frame["plan"].value_counts().to_dict() == result.counts
    text = str(result)
    assert all(label in text for label in [*labels, "bound", "gap", *result.counts])
    assert "quality floor in s0" in str(problem)
    axes = result.plot()
    assert len(axes.patches) == 2 * len(result.counts)
    shares = [patch.get_width() for patch in axes.patches]
    assert sum(shares) == pytest.approx(200)


def test_problems_are_immutable_and_share_the_plan_table():
    problem = arb.RoutingProblem(draw(9))
    with_budget = problem.add_budget(1)
    assert problem.constraints == ()
    assert with_budget.plan_table is problem.plan_table
    with pytest.raises(AttributeError):
        problem.goal = "minimise spend"
    with pytest.raises(ValueError, match="read-only"):
        problem.value[0, 0] = 1.0
    other = replace(problem, plans=[arb.Plan()])
    assert other.plan_table.plans == (arb.Plan(),)


def test_the_same_problem_has_the_same_answer_every_time():
    problem = arb.RoutingProblem(draw(10, instances=60, models=4)).add_budget(20)
    first, second = problem.solve(), problem.solve()
    assert first.assignment.tolist() == second.assignment.tolist()
    assert first.bound == second.bound


# Errors


def test_the_message_of_a_conflict_of_two():
    market = arb.Market(["a"], ["x", "y"], [[1], [1]], [[1], [1]], [[3.0], [7.0]])
    problem = arb.RoutingProblem(market).add_capacity("a", 5).add_floor(0.9).add_budget(9.0)
    with pytest.raises(arb.InfeasibleError) as caught:
        problem.solve()
    assert str(caught.value) == (
        "No assignment satisfies every constraint. These 2 of 3 conflict, and no fewer do; one of"
        " them has to give, the others held:\n"
        "  quality floor 90.00%: would have to fall to 50.00%\n"
        "  budget 9.000 USD: would have to rise to 10.00 USD"
    )
    needed = {conflict.label: conflict.needed for conflict in caught.value.conflicts}
    assert needed == {"quality floor": 0.5, "budget": 10.0}


def test_the_message_of_a_constraint_that_cannot_be_met():
    market = arb.Market(["a"], ["x", "y"], [[3], [3]], [[1], [2]], [[1.0], [1.0]])
    with pytest.raises(arb.InfeasibleError, match="whatever the others") as caught:
        arb.RoutingProblem(market).add_budget(0).add_floor(2 / 3).solve()
    assert "quality floor 66.67%: would have to fall to 50.00%" in str(caught.value)


def test_infeasible_only_in_whole_numbers():
    # Half of each model would do; one of them alone never does.
    market = arb.Market(["a", "b"], ["x"], [[2, 2]], [[2, 0]], [[2.0, 1.0]])
    problem = arb.RoutingProblem(market).add_budget(1.5).add_floor(0.5)
    assert relax_with_highs(problem.program(), 60.0) is not None
    with pytest.raises(arb.InfeasibleError) as caught:
        problem.solve()
    assert [conflict.needed for conflict in caught.value.conflicts] == [2.0, 0.0]


def test_numbers_close_to_the_limit_are_told_apart_and_never_too_strict():
    market = arb.Market(["a"], ["x"], [[1_000_000]], [[500_001]], [[1.00000004]])
    problem = arb.RoutingProblem(market)
    with pytest.raises(arb.InfeasibleError, match=r"floor 50\.0004%: would .* to 50\.0001%"):
        problem.add_floor(0.500004).solve()
    with pytest.raises(arb.InfeasibleError, match=r"1\.000 USD: would have to rise to 1\.001 USD"):
        problem.add_budget(1.0).add_floor(0.5).solve()


def even_spends():
    """Even spends that cannot add up to an odd number; proving that takes too long."""
    rng = np.random.default_rng(0)
    spend = np.rint(rng.uniform(1, 1000, (60, 12))) * 2
    problem = arb.RoutingProblem.from_arrays(np.zeros((60, 12)), spend, abstain=False)
    for m in range(12):
        target = np.rint(spend[:, m].sum() / 24) * 2 + 1
        problem = problem.add_budget(target + 0.5, model=f"model-{m}")
        problem = problem.add_commitment(f"model-{m}", spend=target - 0.5)
    return problem


def test_a_conflict_not_found_in_time_lists_every_constraint():
    error = infeasible(even_spends(), 1e-6)
    assert error.conflicts == ()
    assert "A smallest conflicting set was not found: " in str(error)
    assert str(error).endswith("raise time_limit.")
    assert "commitment of spend to model-11" in str(error)


def test_what_is_not_proven_of_a_conflict_is_said():
    # Between two constraints that conflict plainly, 24 that nothing can be proven of.
    asked = even_spends().add_floor(0.5)
    (conflict,) = infeasible(asked, 8.0).conflicts
    assert (conflict.label, conflict.needed) == ("quality floor", 0.0)
    # Weights add up to almost any number, so that the last digits of a limit are never proven.
    rng = np.random.default_rng(0)
    solve, weight = rng.random((40, 4)), rng.uniform(0.2, 3, 40)
    problem = arb.RoutingProblem.from_arrays(solve, solve, weight=weight)
    problem = problem.add_capacity("model-0", 5)
    for m, attempts in enumerate((20, 10, 11), start=1):
        problem = problem.add_commitment(f"model-{m}", attempts=attempts)
    begin = perf_counter()
    with pytest.raises(arb.InfeasibleError, match="These 3 of 4 conflict, and no fewer") as caught:
        problem.solve(time_limit=4)
    assert perf_counter() - begin < 6
    needed = {each.label[-7:]: each.needed for each in caught.value.conflicts}
    assert needed == pytest.approx({"model-1": 19, "model-2": 9, "model-3": 10}, rel=2e-2)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda p: p.add_budget(-1), "budget is -1; give an amount of USD, finite and at least 0"),
        (lambda p: p.add_budget(float("nan")), "budget is nan"),
        (lambda p: p.add_budget(float("inf")), "budget is inf"),
        (lambda p: p.add_budget(1, "s9"), "no segment 's9'; it has 's0', 's1'"),
        (lambda p: p.add_floor(90), "floor is 90; a solve rate lies between 0 and 1"),
        (lambda p: p.add_floor(-0.1), "quality floor is -0.1"),
        (lambda p: p.add_floor(float("nan"), "s0"), "quality floor in s0 is nan"),
        (lambda p: p.add_floor(0.5, "s9"), "no segment 's9'"),
        (lambda p: p.add_capacity("gpt", 1), "no model 'gpt'; it has 'model-0', 'model-1'"),
        (lambda p: p.add_capacity("model-0", -3), "capacity of model-0 is -3"),
        (lambda p: p.add_budget(3).add_budget(3), "There is a budget already, 3.000 USD"),
        (lambda p: p.add_floor(0.5, "s0").add_floor(0.6, "s0"), "quality floor in s0 already"),
        (lambda p: p.solve(gap=-1), "gap is -1; give a share"),
        (lambda p: p.solve(time_limit=0), "time_limit is 0; give seconds"),
        (lambda p: replace(p, assignment="best"), "assignment is 'best'; choose from oracle"),
        (lambda p: replace(p, plans=[]), r"at least one plan; Plan\(\) abstains"),
        (lambda p: replace(p, plans=[arb.Plan()] * 2), "Plan 'abstain' is given twice"),
        (lambda p: replace(p, plans=[arb.Plan((("gpt", 1),))]), "no model 'gpt'"),
    ],
)
def test_input_errors(change, text):
    problem = arb.RoutingProblem(draw(12, segments=2))
    with pytest.raises(arb.InputError, match=text):
        change(problem)


def test_limits_on_different_scopes_are_no_duplicates():
    problem = arb.RoutingProblem(draw(13, segments=2))
    problem = problem.add_budget(3).add_budget(2, "s0").add_floor(0).add_floor(0, "s1")
    assert len(problem.solve().shadow_prices) == 4


def test_per_segment_needs_segments():
    with pytest.raises(arb.InputError, match="market has no segments"):
        arb.RoutingProblem(draw(14), assignment="per-segment")


def test_a_floor_over_weight_zero_is_refused():
    market = replace(draw(15, instances=2, segments=2), weight=np.array([1.0, 0.0]))
    with pytest.raises(arb.InputError, match="quality floor in s1 covers only instances of weight"):
        arb.RoutingProblem(market).add_floor(0.5, "s1")


def test_a_group_without_a_plan_is_named():
    market = arb.Market(
        ["a", "b"], ["x", "y"], [[1, 0], [1, 1]], [[1, 0], [0, 1]], [[1.0, np.nan], [1.0, 1.0]]
    )
    plans = [arb.Plan((("b", 1),))]
    with pytest.raises(arb.InputError, match=r"1 of 2 groups .* first 'x'.* Add Plan\(\)"):
        arb.RoutingProblem(market, plans)
    result = arb.RoutingProblem(market, [*plans, arb.Plan()]).solve()
    assert result.counts == {"1 x b": 1, "abstain": 1}
    assert "1 pairs of instance and plan not offered" in str(result)


# --- missing records ---


def with_gaps(seed, gaps):
    """Three models of 30 instances in three segments; ``gaps`` lack a record."""
    rng = np.random.default_rng(seed)
    attempts = rng.integers(1, 4, (30, 3))
    for i, m in gaps:
        attempts[i, m] = 0
    return arb.Market(
        ["small", "mid", "large"],
        [f"i{i}" for i in range(30)],
        attempts,
        rng.binomial(attempts, [0.3, 0.5, 0.8]),
        rng.uniform(0.5, 1.5, (30, 3)) * [0.1, 0.4, 2.0],
        weight=rng.uniform(0.5, 2.0, 30),
        segment=np.repeat(["a", "b", "c"], 10),
    )


@pytest.mark.parametrize("assignment", ["per-segment", "single"])
@pytest.mark.parametrize("seed", range(5))
def test_a_few_missing_records_count_as_the_mean_of_the_others(assignment, seed):
    """By hand: weighted means over the instances that have a record, all plans enumerated."""
    market = with_gaps(seed, [(1, 2), (12, 2), (13, 2), (25, 0)])
    budget = 12.0
    result = arb.RoutingProblem(market, assignment=assignment).add_budget(budget).solve()
    groups = np.repeat([0, 1, 2] if assignment == "per-segment" else [0, 0, 0], 10)
    times, rate = 30 * market.weight, market.successes / np.maximum(market.attempts, 1)
    value, bill = np.zeros((2, groups.max() + 1, 4))
    for g in range(groups.max() + 1):
        for m in range(3):
            has = (groups == g) & market.recorded[:, m]
            whole = times[groups == g].sum()
            value[g, m] = whole * (times[has] @ rate[has, m]) / times[has].sum()
            bill[g, m] = whole * (times[has] @ market.cost[has, m]) / times[has].sum()
    every = np.arange(len(value))
    reached = {
        choice: value[every, choice].sum() / 30
        for choice in itertools.product(range(4), repeat=len(value))
        if bill[every, choice].sum() <= budget
    }
    assert result.solve_rate == pytest.approx(max(reached.values()))
    best = np.array(max(reached, key=reached.get))
    assert result.assignment.tolist() == best[groups].tolist()
    assert result.spend == pytest.approx(bill[every, best].sum())
    assert "1 x large: 3 of 30 instances have no record and count as the mean" in str(result)
    assert result.to_dict()["filled_pairs"] == 4
    with pytest.raises(arb.InputError, match="some pairs have no record"):
        result.problem.cross_validate()
    # A plan per instance knows nothing of means.
    assert replace(result.problem, assignment="oracle").plan_table.pool is None


def test_a_model_without_any_record_in_a_segment_stays_out_and_the_result_says_so():
    market = with_gaps(0, [(i, 2) for i in range(10)])
    result = arb.RoutingProblem(market, assignment="per-segment").solve()
    plans = result.to_frame().groupby("segment")["plan"].first()
    assert plans["a"] != "1 x large"
    assert "not offered: 1 x large to a (no record there)" in str(result)


def test_a_log_in_which_each_request_was_served_by_one_model_is_refused():
    served = np.arange(30) % 3
    market = with_gaps(0, [(i, m) for i in range(30) for m in range(3) if m != served[i]])
    with pytest.raises(arb.InputError, match=r"no instance of segment 'a' has a record of every"):
        arb.RoutingProblem(market, assignment="per-segment")
    with pytest.raises(arb.InputError, match=r"1 x small on 10, 1 x mid on 10, 1 x large on 10"):
        arb.RoutingProblem(market, assignment="single")
    frame = pd.DataFrame({"instance": range(30), "model": served, "solve": 0.5, "spend": 1.0})
    frame["segment"] = market.segment
    with pytest.raises(arb.InputError, match="a row of one model only, as in a log"):
        arb.RoutingProblem.from_frame(frame, segment="segment", assignment="per-segment")
    # Disjoint in different segments is no matter: nobody compares across.
    half = with_gaps(0, [(i, 0) for i in range(10)] + [(i, 2) for i in range(10, 30)])
    assert arb.RoutingProblem(half, assignment="per-segment").solve().status == "optimal"


# --- what the numbers are ---


def test_the_label_follows_what_the_numbers_are():
    market = with_gaps(0, [])
    oracle = "oracle bound, not deployable: it uses each instance's own solve probabilities"
    assert oracle in str(arb.RoutingProblem(market).solve())
    given = arb.RoutingProblem.from_arrays([[0.2, 0.9]], [[1.0, 2.0]], weight=[40.0])
    text = str(given.solve())
    assert oracle not in text
    assert "per-instance assignment: chosen by the numbers given" in text
    predictions = SimpleNamespace(
        market=market, solve=np.full((30, 3), 0.5), cost=np.ones((30, 3)), label="cross-fitted"
    )
    predicted = arb.RoutingProblem.from_predictions(predictions)
    for text in (str(predicted), str(predicted.solve()), str(predicted.add_budget(9).frontier())):
        assert "oracle" not in text
    assert "deployable: chosen by predictions" in str(predicted.solve())
    assert list(predicted.plan_table.instances) == list(market.instances)


@pytest.mark.parametrize("seed", range(5))
def test_an_assignment_by_predictions_is_scored_on_the_record(seed):
    market = with_gaps(seed, [])
    rng = np.random.default_rng(seed)
    predictions = SimpleNamespace(
        market=market, solve=rng.random((30, 3)), cost=market.cost * 1.1, label="cross-fitted"
    )
    for assignment in ("oracle", "per-segment", "single"):
        problem = arb.RoutingProblem.from_predictions(predictions, assignment=assignment)
        result = problem.add_budget(20).solve()
        score = result.score_on(market)
        solved, spent = np.zeros((2, 30))
        for i, j in enumerate(result.assignment):
            if j < 3:
                solved[i] = market.successes[i, j] / market.attempts[i, j]
                spent[i] = market.cost[i, j]
        assert score.solve_rate == pytest.approx(market.weight @ solved)
        assert score.spend == pytest.approx(30 * market.weight @ spent)
        variance = market.weight**2 @ (solved - score.solve_rate) ** 2 * 30 / 29
        assert score.solve_rate_standard_error == pytest.approx(np.sqrt(variance))
        assert score.to_dict()["counts"] == score.to_frame()["plan"].value_counts().to_dict()
        assert f"solve rate {100 * score.solve_rate:.2f}%" in str(score)
    # In another order, on some of the instances, and by a policy's choices: by label.
    part = market.select(instances=market.instances[20:5:-2])
    result = arb.RoutingProblem.from_predictions(predictions).add_budget(20).solve()
    plans = result.to_frame()["plan"]
    assert list(result.score_on(part).plan) == plans[list(part.instances)].tolist()
    chosen = result.policy().choose(result.problem)
    assert arb.RoutingProblem(market).score(chosen).plan == tuple(chosen)
    with pytest.raises(arb.InputError, match="The instance 'i0' was not in the problem"):
        arb.RoutingProblem(part).solve().score_on(market)
    gap = with_gaps(seed, [(i, m) for i in range(30) for m in range(3) if i % 3 != m])
    with pytest.raises(arb.InputError, match="get a plan that has no record there"):
        result.score_on(gap)


def test_per_instance_numbers_of_a_problem_are_what_its_policy_takes():
    """``value`` and ``spend`` are of one instance, whatever its weight; no factor of N."""
    market = with_gaps(3, [])
    result = arb.RoutingProblem(market).add_budget(15).solve()
    problem = result.problem
    plans = result.to_frame()["plan"].to_numpy()
    chosen = result.policy().choose(problem.value, problem.spend)
    assert (chosen.to_numpy() != plans).sum() <= 1  # the last of the money
    assert (result.policy().choose(problem).to_numpy() != plans).sum() <= 1
    np.testing.assert_allclose(problem.value[:, :3], market.successes / market.attempts)
    assert problem.added_solve_rate == pytest.approx(market.weight[:, None] * problem.value)
    framed = [
        pd.DataFrame(values[:, 2::-1], market.instances, market.models[::-1])
        for values in (problem.value, problem.spend)
    ]
    shuffled = framed[1].sample(frac=1, random_state=0)
    again = result.policy().choose(framed[0], shuffled)
    assert again.tolist() == chosen.tolist()
    assert again.index.tolist() == list(market.instances)
