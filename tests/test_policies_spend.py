"""Spend per instance: distributions against the tree of outcomes, limits, batches."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbmodels.curves import attempt_curves, dollar_curves
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.plans import Plan
from arbmodels.policies import Limits, spend_distribution
from conftest import markets, random_market

SECONDS = {f"model-{m}": 10.0 * (m + 1) for m in range(3)}


def draw_plan(data, market, most=3):
    stages = data.draw(
        st.lists(st.tuples(st.sampled_from(market.models), st.integers(1, 2)), max_size=most)
    )
    return Plan(tuple(stages))


def follow(plan, curves, *, stop, limits, parallel, seconds):
    """Outcomes (weight, solved, spend, attempts, time) instance by instance, attempt by attempt."""
    market, outcomes = curves.market, []
    for i, weight in enumerate(market.weight):
        made = dict.fromkeys(curves.names, 0)
        alive, spend, tries, time = 1.0, 0.0, 0, 0.0
        batches = [
            (model, size)
            for model, amount in plan.stages
            for size in ([int(amount)] if parallel else [1] * int(amount))
        ]
        for model, size in batches:
            m = market.model_index(model)
            n = market.attempts[i, m]
            count = size if n else 0
            if stop:
                count = min(count, max(n - made[model], 0))
            if count:
                bill, wait = count * market.cost[i, m], seconds[model]
                if (
                    (limits.dollars is not None and spend + bill > limits.dollars + 1e-9)
                    or (limits.attempts is not None and tries + count > limits.attempts)
                    or (limits.seconds is not None and time + wait > limits.seconds + 1e-9)
                ):
                    break
                spend, tries, time = spend + bill, tries + count, time + wait
            made[model] += size
            left = np.prod(
                [
                    curves.models[curves.index(name)].failure(np.array([float(k)]))[i, 0]
                    for name, k in made.items()
                ]
            )
            outcomes.append((weight * (alive - left), True, spend, tries, time))
            alive = left
        outcomes.append((weight * alive, False, spend, tries, time))
    return np.array(outcomes, dtype=float)


@settings(max_examples=60)
@given(st.data(), st.booleans(), st.booleans(), st.booleans())
def test_distribution_is_that_of_the_tree_of_outcomes(data, stop, parallel, limit):
    market = data.draw(markets(max_models=3, missing=0.2))
    billing = "stop-at-record" if stop else "pay-past-record"
    curves = attempt_curves(market, 6, billing=billing)
    plan = draw_plan(data, market)
    limits = Limits()
    if limit:
        limits = Limits(
            data.draw(st.sampled_from([None, 1.0, 3.0])),
            data.draw(st.sampled_from([None, 1, 3])),
            data.draw(st.sampled_from([None, 25.0])),
        )
    law = spend_distribution(plan, curves, limits=limits, parallel=parallel, seconds=SECONDS)
    tree = follow(plan, curves, stop=stop, limits=limits, parallel=parallel, seconds=SECONDS)
    mass = tree[:, 0]
    assert law.solve_rate == pytest.approx(mass @ tree[:, 1], abs=1e-12)
    for what, values in zip(("spend", "attempts", "seconds"), tree.T[2:], strict=True):
        assert law.mean(what) == pytest.approx(mass @ values, abs=1e-9)
        variance = mass @ (values - mass @ values) ** 2
        assert law.standard_deviation(what) == pytest.approx(np.sqrt(variance), abs=1e-6)
        assert law.worst(what) == pytest.approx(values.max(), abs=1e-9)
        for level in (0.0, 0.5, 0.93):
            # Rockafellar and Uryasev: the minimum over thresholds is at an outcome.
            excess = np.maximum(values - values[:, None], 0.0) @ mass
            assert law.cvar(level, what) == pytest.approx(
                (values + excess / (1 - level)).min(), abs=1e-9
            )
            quantile = float(law.quantile(level, what))
            assert mass[values <= quantile + 1e-9].sum() >= level - 1e-9
            assert mass[values < quantile - 1e-9].sum() <= level + 1e-9
    np.testing.assert_allclose(law.probability.sum(axis=1), 1.0)


@settings(max_examples=40)
@given(st.data(), st.sampled_from(["pay-past-record", "stop-at-record"]))
def test_mean_and_solve_rate_are_the_plans_own(data, billing):
    market = data.draw(markets(max_models=3, missing=0.2))
    curves = attempt_curves(market, 6, billing=billing)
    plan = draw_plan(data, market)
    law, scored = spend_distribution(plan, curves), plan.evaluate(curves)
    assert law.mean() == pytest.approx(scored.mean_spend, abs=1e-12)
    np.testing.assert_allclose(law.solve, scored.solve, atol=1e-12)
    np.testing.assert_allclose(law.to_frame()["mean_spend"], scored.spend, atol=1e-12)
    assert np.all(law.worst_by_instance >= law.to_frame()["mean_spend"] - 1e-12)


@settings(max_examples=40)
@given(st.data())
def test_tighter_limits_solve_less_and_are_kept(data):
    market = data.draw(markets(max_models=2))
    plan = draw_plan(data, market)
    rates = []
    for dollars in (0.5, 1.0, 2.0, 4.0, 50.0):
        law = spend_distribution(plan, market, limits=Limits(dollars=dollars))
        assert law.worst() <= dollars * (1 + 1e-6)
        rates.append(law.solve_rate)
    assert np.all(np.diff(rates) >= -1e-12)


def test_parallel_attempts_pay_all_and_wait_once():
    market = Market(["a"], ["x"], [[4]], [[2]], [[3.0]])
    plan = Plan((("a", 2), ("a", 1)))
    one_by_one = spend_distribution(plan, market, seconds={"a": 10})
    together = spend_distribution(plan, market, seconds={"a": 10}, parallel=True)
    # Failures: 1/2 after one, 1/6 after two, 0 after three.
    assert one_by_one.mean() == pytest.approx(3 * (1 + 1 / 2 + 1 / 6))
    assert together.mean() == pytest.approx(3 * (2 + 1 / 6))
    assert one_by_one.mean("seconds") == pytest.approx(10 * (1 + 1 / 2 + 1 / 6))
    assert together.mean("seconds") == pytest.approx(10 * (1 + 1 / 6))
    assert (one_by_one.worst("seconds"), together.worst("seconds")) == (30, 20)
    assert together.solve_rate == one_by_one.solve_rate == 1.0


def test_a_limit_stops_before_it_is_broken():
    market = Market(["a", "b"], ["x", "y"], [[2, 2]] * 2, [[0, 0]] * 2, [[0.1, 0.3], [0.2, 0.1]])
    plan = Plan((("a", 2), ("b", 1), ("a", 1)))
    law = spend_distribution(plan, market, limits=Limits(dollars=0.3))
    # x: 0.1 + 0.1, then 0.3 more would be too much, and nothing comes after; y: 0.2, not 0.4.
    np.testing.assert_allclose(law.worst_by_instance, [0.2, 0.2])
    past = attempt_curves(market, 3, billing="pay-past-record")
    law = spend_distribution(Plan((("a", 3),)), past, limits=Limits(dollars=0.3))
    np.testing.assert_allclose(law.worst_by_instance, [0.3, 0.2])  # three times 0.1 is 0.3


def test_the_empty_plan_costs_nothing():
    market = random_market(np.random.default_rng(0), 4, 2)
    law = spend_distribution(Plan(), market)
    assert (law.mean(), law.worst(), law.cvar(0.9), law.solve_rate) == (0, 0, 0, 0)
    assert law.quantile([0, 1]).tolist() == [0, 0]


def test_display_and_plot():
    market = random_market(np.random.default_rng(2), 10, 2)
    plan = Plan((("model-0", 2), ("model-1", 2)))
    law = spend_distribution(plan, market, limits=Limits(dollars=9, attempts=3), seconds=SECONDS)
    text = str(law)
    for words in ("CVaR 95%", "worst case", "seconds s", "at most 9 in money, 3 attempts"):
        assert words in text
    assert "<table>" in law._repr_html_()
    assert law.plot().get_xlabel() == "Spend (USD per instance)"
    assert law.plot(of="seconds").get_xlabel() == "Seconds (s)"
    assert len(law.plot(of="attempts").get_lines()) == 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: spend_distribution(Plan((("a", 1.5),), "dollars"), m), "plan in dollars"),
        (lambda m: spend_distribution(Plan((("a", 1),)), dollar_curves(m)), "count dollars"),
        (lambda m: spend_distribution(Plan((("z", 1),)), m), "no model 'z'"),
        (lambda m: spend_distribution(Plan((("a", 1),)), m, seconds={}), "latency of 'a'"),
        (lambda m: spend_distribution(Plan((("a", 1),)), m, seconds={"a": 0}), "takes 0 s"),
        (
            lambda m: spend_distribution(Plan((("a", 1),)), m, limits=Limits(seconds=3)),
            "limit on seconds needs",
        ),
        (lambda m: spend_distribution(Plan(), m).mean("seconds"), "No distribution of 'seconds'"),
        (lambda m: spend_distribution(Plan(), m).cvar(1.0), "level of a CVaR"),
        (lambda m: spend_distribution(Plan(), m).quantile(1.1), "level of a quantile"),
        (lambda m: Limits(dollars=-1), "limit on dollars is -1"),
        (lambda m: Limits(attempts=0), "limit on attempts is 0"),
        (lambda m: Limits(seconds=float("inf")), "limit on seconds is inf"),
    ],
)
def test_failures_say_what_to_do(call, message):
    market = Market(["a"], ["x"], [[4]], [[2]], [[1.0]])
    with pytest.raises(InputError, match=message):
        call(market)


def test_all_orders_of_the_same_attempts_have_the_same_worst_case():
    market = random_market(np.random.default_rng(6), 8, 2)
    pool = ["model-0", "model-0", "model-1", "model-1"]
    plans = {Plan(tuple((m, 1) for m in order)) for order in itertools.permutations(pool)}
    worst = [spend_distribution(plan, market).worst() for plan in plans]
    np.testing.assert_allclose(worst, worst[0])
