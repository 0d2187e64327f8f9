"""Plans against simulation of the policy and slow loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbmodels.curves import (
    attempt_curves,
    dollar_curves,
)
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import pass_at_k
from arbmodels.plans import Plan, attempts_up_to
from conftest import markets, random_market


def slow_evaluation(market, stages, *, stop=False):
    """One attempt at a time, one instance at a time, straight from the definition."""
    solve, spend = [], np.zeros((len(market.instances), len(market.models)))
    for i in range(len(market.instances)):
        made = dict.fromkeys(range(len(market.models)), 0)

        def unsolved(i=i, made=made):
            return np.prod(
                [
                    1 - pass_at_k(market.attempts[i, m], market.successes[i, m], k)
                    for m, k in made.items()
                    if market.attempts[i, m] > 0
                ]
            )

        for model, amount in stages:
            m = market.models.index(model)
            for _ in range(int(amount)):
                if market.attempts[i, m] == 0 or (stop and made[m] >= market.attempts[i, m]):
                    continue
                spend[i, m] += market.cost[i, m] * unsolved()
                made[m] += 1
        solve.append(1 - unsolved())
    return np.array(solve), spend


def stages_for(market):
    names = st.sampled_from(market.models)
    return st.lists(st.tuples(names, st.integers(1, 4)), max_size=5)


@given(st.data())
@pytest.mark.parametrize("stop", [False, True])
def test_plans_match_the_definition(stop, data):
    market = data.draw(markets(missing=0.3))
    stages = data.draw(stages_for(market))
    billing = "stop-at-record" if stop else "pay-past-record"
    curves = attempt_curves(market, max_attempts=25, billing=billing)
    got = Plan(tuple(stages)).evaluate(curves)
    solve, spend = slow_evaluation(market, stages, stop=stop)
    np.testing.assert_allclose(got.solve, solve, atol=1e-12)
    np.testing.assert_allclose(got.spend_by_model, spend, atol=1e-12)
    assert got.solve_rate == pytest.approx(market.weight @ solve)
    assert got.mean_spend == pytest.approx(market.weight @ spend.sum(axis=1))


def test_a_plan_scored_on_a_market_stops_at_the_record():
    market = Market(["a"], ["x"], [[2]], [[0]], [[1.0]])
    got = Plan((("a", 5),)).evaluate(market)
    assert got.spend.tolist() == [2.0]
    assert got.attempts_by_model.tolist() == [[2.0]]
    assert "stop-at-record" in got.billing
    dollars = Plan((("a", 5.0),), "dollars").evaluate(market)
    assert dollars.spend.tolist() == [2.0]
    assert "stop-at-record" in dollars.billing
    past = Plan((("a", 5),)).evaluate(attempt_curves(market, 5, billing="pay-past-record"))
    assert past.spend.tolist() == [5.0]


def test_simulating_the_policy_gives_its_expectations():
    # The unbiased estimator draws attempts without replacement from the record.
    market = Market(["a", "b"], ["x"], [[6, 4]], [[2, 3]], [[1.0, 5.0]])
    plan = Plan((("a", 2), ("b", 1), ("a", 1)))
    rng = np.random.default_rng(0)
    runs = 40_000
    solved, spend = np.zeros(runs), np.zeros(runs)
    orders = [
        rng.permuted(np.tile([1] * c + [0] * (n - c), (runs, 1)), axis=1)
        for n, c in ((6, 2), (4, 3))
    ]
    open_, used = np.ones(runs, bool), [0, 0]
    for m, amount in ((0, 2), (1, 1), (0, 1)):
        for _ in range(amount):
            spend += open_ * market.cost[0, m]
            open_ &= orders[m][:, used[m]] == 0
            used[m] += 1
    solved = ~open_
    got = plan.evaluate(market)
    assert got.solve[0] == pytest.approx(solved.mean(), abs=4 * solved.std() / runs**0.5)
    assert got.spend[0] == pytest.approx(spend.mean(), abs=4 * spend.std() / runs**0.5)


def test_the_order_decides_the_spend_only():
    market = random_market(np.random.default_rng(1), 20, 2)
    a, b = market.models
    one, other = Plan(((a, 2), (b, 1))).evaluate(market), Plan(((b, 1), (a, 2))).evaluate(market)
    np.testing.assert_allclose(one.solve, other.solve, atol=1e-12)
    assert abs(one.mean_spend - other.mean_spend) > 1e-6


def test_abstaining_costs_and_solves_nothing():
    market = random_market(np.random.default_rng(1), 5, 2)
    got = Plan().evaluate(market)
    assert got.solve.tolist() == [0] * 5
    assert got.spend.tolist() == [0] * 5


def test_extrapolating_estimators_go_past_the_record():
    market = random_market(np.random.default_rng(9), 30, 1, max_attempts=4)
    plan = Plan(((market.models[0], 40),))
    frozen = plan.evaluate(attempt_curves(market, 40))
    extrapolated = plan.evaluate(attempt_curves(market, 40, "beta-binomial"))
    never = market.successes[:, 0] == 0
    assert never.any()
    assert np.all(frozen.solve[never] == 0)
    assert np.all(extrapolated.solve[never] > 0.05)


def test_curves_of_one_model_keep_the_instances_it_lacks():
    market = Market(["a", "b"], ["x", "y"], [[1, 1], [0, 1]], [[1, 0], [0, 1]], [[1, 1], [1, 1]])
    alone = attempt_curves(market).only(["a"])
    assert Plan((("a", 1),)).evaluate(alone).solve.tolist() == [1.0, 0.0]


def test_plan_labels():
    plan = Plan((("a", 2), ("b", 1), ("a", 1), ("b", 3)))
    assert plan.label == "2 x a, then 1 x b, then 1 x a, then 3 x b"
    assert plan.summary == "3 x a, 4 x b, in 4 stages"
    assert Plan((("a", 0.25),), "dollars").label == "0.25 on a"
    assert Plan().label == "abstain"
    assert plan.models == ("a", "b")


def test_evaluation_shows_spend_per_model():
    market = Market(["a", "b"], ["x"], [[2, 2]], [[1, 1]], [[1.0, 3.0]])
    evaluation = Plan((("a", 1), ("b", 1))).evaluate(market)
    text = str(evaluation)
    assert "spend [USD/instance]" in evaluation.table().columns
    assert "2.500" in text  # 1 for a, and 3 for b half of the time


def test_attempts_up_to_lists_plain_routing():
    plans = attempts_up_to(["a"], 2)
    assert [plan.stages for plan in plans] == [(("a", 1.0),), (("a", 2.0),), ()]
    with pytest.raises(InputError, match="at least one attempt"):
        attempts_up_to(["a"], 0)


@pytest.mark.parametrize(
    ("stages", "unit", "message"),
    [
        ((("a", 0),), "attempts", "Stage 1 \\('a'\\) has amount 0"),
        ((("a", 1), ("b", 1.5)), "attempts", "Stage 2 .* needs whole positive"),
        ((("a", float("nan")),), "dollars", "amount nan"),
        ((("a", float("inf")),), "attempts", "amount inf"),
    ],
)
def test_impossible_plans_are_refused(stages, unit, message):
    with pytest.raises(InputError, match=message):
        Plan(stages, unit)


def test_plans_must_fit_the_curves():
    market = Market(["a"], ["x"], [[2]], [[1]], [[0.02]])
    with pytest.raises(InputError, match="counts attempts, the curves count dollars"):
        Plan((("a", 1),)).evaluate(dollar_curves(market))
    with pytest.raises(InputError, match="no model 'z'; it has 'a'"):
        Plan((("z", 1),)).evaluate(market)
    with pytest.raises(InputError, match="from 0 to 2"):
        Plan((("a", 3),)).evaluate(attempt_curves(market))
    with pytest.raises(InputError, match="exceeds the grid's largest, 1;"):
        Plan((("a", 3.0),), "dollars").evaluate(dollar_curves(market))


def test_dollars_buy_every_attempt_they_pay_for():
    """0.7 / 0.1 rounds to less than seven, and so do sums of stages."""
    market = Market(["a"], ["x"], [[10]], [[1]], [[0.1]])
    whole = Plan((("a", 0.7),), "dollars").evaluate(market)
    assert whole.solve_rate == pytest.approx(0.7)
    assert whole.mean_spend == pytest.approx(0.1 * sum(1 - k / 10 for k in range(7)))
    parts = Plan((("a", 0.1), ("a", 0.2), ("a", 0.4)), "dollars").evaluate(market)
    assert parts.solve_rate == pytest.approx(0.7)
    assert Plan((("a", 0.7 - 1e-9),), "dollars").evaluate(market).solve_rate == pytest.approx(0.6)
