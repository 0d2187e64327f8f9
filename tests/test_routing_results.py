"""What routing says: labels, tables and pictures of results, and errors with their remedy."""

from __future__ import annotations

import json
from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest

import arbmodels as arb
from arbmodels.assignment.whole import relax_whole
from arbmodels.routing.explain import infeasible
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
    assert relax_whole(problem.program(), 60.0) is not None
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
