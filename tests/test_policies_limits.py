"""Frontiers under limits, CVaR and batches against brute force over every plan."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbmodels.cascades import cascade_frontier
from arbmodels.curves import attempt_curves, dollar_curves
from arbmodels.errors import InfeasibleError, InputError
from arbmodels.plans import Plan
from arbmodels.policies import (
    Limits,
    batch_frontier,
    cvar_plan,
    limited_frontier,
    spend_distribution,
)
from arbmodels.policies.batches import latency_sums
from conftest import markets, random_market

SECONDS = {"model-0": 10.0, "model-1": 25.0, "model-2": 7.0}
BILLING = st.sampled_from(["pay-past-record", "stop-at-record"])


def every_plan(market, most):
    """All orders of up to ``most`` attempts per model, one attempt at a time."""
    for counts in itertools.product(range(most + 1), repeat=len(market.models)):
        pool = [m for m, count in enumerate(counts) for _ in range(count)]
        for order in set(itertools.permutations(pool)):
            yield Plan(tuple((market.models[m], 1) for m in order))


def every_batching(market, most, largest):
    """All sequences of batches with up to ``most`` attempts per model."""
    moves = [(name, k) for name in market.models for k in range(1, largest + 1)]
    open_plans = [()]
    while open_plans:
        stages = open_plans.pop()
        yield Plan(stages)
        for name, k in moves:
            if sum(size for model, size in stages if model == name) + k <= most:
                open_plans.append((*stages, (name, k)))


@settings(max_examples=20)
@given(st.data(), BILLING)
def test_limited_frontier_is_the_best_of_every_plan_that_keeps_the_limits(data, billing):
    market = data.draw(markets(max_models=2, max_attempts=4, missing=0.2))
    curves = attempt_curves(market, 3, billing=billing)
    limits = data.draw(
        st.sampled_from(
            [Limits(dollars=2.5), Limits(attempts=3), Limits(seconds=40.0), Limits(5.0, 4, 60.0)]
        )
    )
    frontier = limited_frontier(curves, limits, seconds=SECONDS)
    distributions = [spend_distribution(p, curves, seconds=SECONDS) for p in every_plan(market, 3)]
    kept = [
        distribution
        for distribution in distributions
        if (limits.dollars is None or distribution.worst() <= limits.dollars + 1e-9)
        and (limits.attempts is None or distribution.worst("attempts") <= limits.attempts)
        and (limits.seconds is None or distribution.worst("seconds") <= limits.seconds)
    ]
    rates = np.array([distribution.solve_rate for distribution in kept])
    spends = np.array([distribution.mean() for distribution in kept])
    assert frontier.max_solve_rate == pytest.approx(rates.max(), abs=1e-12)
    for target in np.unique(rates.round(12)):
        least = spends[rates >= target - 1e-11].min()
        assert frontier.spend_at(target - 1e-11) == pytest.approx(least, abs=1e-12)
        plan = frontier.plan_at(max(target - 1e-11, 0.0))
        distribution = spend_distribution(plan, curves, seconds=SECONDS)
        assert distribution.mean() == pytest.approx(least, abs=1e-12)
        assert distribution.worst() == pytest.approx(
            float(frontier.worst_at(target - 1e-11)), abs=1e-12
        )
    if frontier.max_solve_rate < 0.99:
        assert np.isnan(frontier.spend_at(frontier.max_solve_rate + 0.01))


@settings(max_examples=20)
@given(st.data(), BILLING)
def test_cvar_plans_are_bounded_by_every_plan(data, billing):
    market = data.draw(markets(max_models=2, max_attempts=4, missing=0.2))
    curves = attempt_curves(market, 3, billing=billing)
    level = data.draw(st.sampled_from([0.0, 0.5, 0.9]))
    distributions = [spend_distribution(plan, curves) for plan in every_plan(market, 3)]
    target = 0.8 * max(distribution.solve_rate for distribution in distributions)
    good = [
        distribution for distribution in distributions if distribution.solve_rate >= target - 1e-11
    ]
    tails = sorted(distribution.cvar(level) for distribution in good)
    told: list[str] = []
    for share in (0.0, 0.3, 1.0):
        limit = tails[0] + share * (tails[-1] - tails[0])
        if limit <= 0:
            continue
        best = min(
            distribution.mean() for distribution in good if distribution.cvar(level) <= limit + 1e-9
        )
        try:
            found = cvar_plan(curves, target, limit * (1 + 1e-9), level=level)
        except InfeasibleError as error:
            told.append(str(error))
            continue
        assert found.bound <= best * (1 + 1e-9)
        assert found.spend >= best * (1 - 1e-9)
        assert found.cvar <= limit * (1 + 1e-8)
        assert found.solve_rate >= target - 1e-11
        assert 0 <= found.gap <= 1
    assert all("was found" in text for text in told)  # not proven: there is one
    if tails[0] > 0:
        with pytest.raises(InfeasibleError, match="smallest seen"):
            cvar_plan(curves, target, 0.9 * tails[0], level=level)


def test_cvar_reorders_purchases():
    # The cheapest plan tries the dear, sure model late; its tail pays for both.
    market = random_market(np.random.default_rng(17), 30, 2, max_attempts=6)
    curves = attempt_curves(market, 4)
    frontier = cascade_frontier(curves)
    rate = 0.9 * frontier.max_solve_rate
    free = spend_distribution(frontier.plan_at(rate), curves)
    bound_by = cvar_plan(curves, rate, 0.999 * free.cvar(0.9), level=0.9)
    assert bound_by.spend > free.mean()
    assert bound_by.cvar < free.cvar(0.9)
    loose = cvar_plan(curves, rate, 2 * free.cvar(0.9), level=0.9)
    assert loose.spend == pytest.approx(free.mean())
    assert loose.gap == pytest.approx(0.0, abs=1e-9)
    assert "proven lower bound" in str(loose)


@settings(max_examples=20)
@given(st.data(), BILLING)
def test_batches_are_the_best_of_every_batching(data, billing):
    market = data.draw(markets(max_models=2, max_attempts=4, missing=0.2))
    most, largest = 3, data.draw(st.integers(1, 3))
    curves = attempt_curves(market, most, billing=billing)
    frontier = batch_frontier(curves, SECONDS, 90.0, largest=largest)
    plans = list(every_batching(market, most, largest))
    distributions = [spend_distribution(plan, curves, parallel=True) for plan in plans]
    rates = np.array([distribution.solve_rate for distribution in distributions])
    spends = np.array([distribution.mean() for distribution in distributions])
    times = np.array([sum(SECONDS[model] for model, _ in plan.stages) for plan in plans])
    for limit in (0.0, 10.0, 36.0, 90.0):
        inside = times <= limit + 1e-9
        within = frontier.within(limit)
        assert within.max_solve_rate == pytest.approx(rates[inside].max(), abs=1e-12)
        for share in (0.0, 0.5, 0.9, 1.0):
            target = max(share * rates[inside].max() - 1e-11, 0.0)
            least = spends[inside & (rates >= target - 1e-12)].min()
            assert within.spend_at(target) == pytest.approx(least, abs=1e-12)
            plan = within.plan_at(target)
            distribution = spend_distribution(plan, curves, parallel=True)
            assert distribution.mean() == pytest.approx(least, abs=1e-12)
            assert distribution.solve_rate >= target - 1e-11
            assert sum(SECONDS[model] for model, _ in plan.stages) <= limit + 1e-9
    if frontier.max_solve_rate < 0.99:
        assert np.isnan(frontier.spend_at(0.999))


def test_with_time_enough_batches_are_single_attempts():
    market = random_market(np.random.default_rng(2), 20, 2)
    curves = attempt_curves(market, 5)
    frontier = cascade_frontier(curves)
    batches = batch_frontier(curves, SECONDS, 1e4)
    rates = np.array([0.3, 0.7, 0.95, 1.0]) * frontier.max_solve_rate
    np.testing.assert_allclose(batches.spend_at(rates), frontier.spend_at(rates))
    hurried = batches.within(35.0).spend_at(rates)
    assert np.all(~(hurried < batches.spend_at(rates) - 1e-12))


def test_three_models_with_missing_records():
    market = random_market(np.random.default_rng(5), 15, 3, missing=0.3)
    curves = attempt_curves(market, 3, billing="stop-at-record")
    frontier = batch_frontier(curves, SECONDS, 42.0, largest=2)
    rate = frontier.max_solve_rate
    distribution = spend_distribution(
        frontier.plan_at(rate), curves, parallel=True, seconds=SECONDS
    )
    assert distribution.mean() == pytest.approx(float(frontier.spend_at(rate)))
    assert distribution.worst("seconds") <= 42.0


def test_latency_sums_are_distinct():
    sums = latency_sums(np.array([0.1, 0.3]), np.array([6, 2]), 0.65)
    np.testing.assert_allclose(sums, np.arange(7) / 10)


def test_displays_and_plots():
    market = random_market(np.random.default_rng(1), 10, 2)
    curves = attempt_curves(market, 4)
    limited = limited_frontier(curves, Limits(dollars=6.0, attempts=5))
    assert "worst case [USD]" in limited.table().columns
    assert limited.to_frame()["worst"].max() <= 6.0
    assert len(limited.plot().get_lines()) == 5  # two models, mean, worst, limit
    np.testing.assert_array_equal(limited.bound_at([0.1]), limited.spend_at([0.1]))
    batches = batch_frontier(curves, SECONDS, 100.0, largest=3)
    assert "paid together" in str(batches)
    assert set(batches.to_frame().columns) == {"seconds", "solve_rate", "spend"}
    assert len(batches.plot().get_lines()) == 5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: limited_frontier(c, Limits()), "There is no limit"),
        (lambda c: limited_frontier(c, Limits(seconds=9)), "limit on seconds needs the latency"),
        (lambda c: limited_frontier(dollar_curves(c.market), Limits(1.0)), "count dollars"),
        (lambda c: limited_frontier(c, Limits(1e-9)).plan_at(0.1), "reaches a solve rate of 10"),
        (lambda c: limited_frontier(c, Limits(9.0)).spend_at(np.nan), "between 0 and 1"),
        (lambda c: cvar_plan(c, 0.1, 0.0), "limit on CVaR is 0"),
        (lambda c: cvar_plan(c, 0.1, 1.0, level=1.0), "level of a CVaR"),
        (lambda c: cvar_plan(c, 0.1, 1.0, cells=0), "0 cells"),
        (lambda c: cvar_plan(c, 1.0, 1.0), "reaches a solve rate of 100"),
        (lambda c: cvar_plan(dollar_curves(c.market), 0.1, 1.0), "count dollars"),
        (lambda c: batch_frontier(c, {"model-0": 1.0}, 9.0), "latency of 'model-1'"),
        (lambda c: batch_frontier(c, SECONDS, 0.0), "time limit is 0"),
        (lambda c: batch_frontier(c, SECONDS, 9.0, largest=0), "largest batch is 0"),
        (lambda c: batch_frontier(dollar_curves(c.market), SECONDS, 9.0), "count dollars"),
        (lambda c: batch_frontier(c, SECONDS, 50.0).within(51.0), "knows times from 0"),
        (lambda c: batch_frontier(c, SECONDS, 50.0).spend_at(np.nan), "between 0 and 1"),
        (lambda c: batch_frontier(c, SECONDS, 50.0).plan_at(1.0), "reaches a solve rate of 100"),
        (
            lambda c: batch_frontier(
                attempt_curves(c.market, 2000), {"model-0": 1.0, "model-1": np.pi}, 3000.0
            ),
            "more than|too many",
        ),
    ],
)
def test_failures_say_what_to_do(call, message):
    curves = attempt_curves(random_market(np.random.default_rng(4), 8, 2), 3)
    with pytest.raises(InputError, match=message):
        call(curves)


def test_real_limits(swebench_pair):
    curves = attempt_curves(swebench_pair, 12)
    frontier = cascade_frontier(curves)
    free = spend_distribution(frontier.plan_at(0.75), curves)
    assert free.mean() == pytest.approx(float(frontier.spend_at(0.75)))
    limited = limited_frontier(curves, Limits(dollars=1.0))
    assert limited.max_solve_rate == pytest.approx(0.7438, abs=1e-4)
    assert free.worst() > 1.0
    assert free.cvar() == pytest.approx(0.6872, abs=1e-4)
    tight = cvar_plan(curves, 0.75, 0.687)  # dear attempts before the last cheap ones
    assert free.mean() < tight.spend < 1.01 * free.mean()
    assert tight.gap < 0.005
    seconds = {"gpt5mini": 60.0, "deepseek": 200.0}
    batches = batch_frontier(curves, seconds, 1800.0, largest=10)
    slow, fast = batches.spend_at(0.74), batches.within(260.0).spend_at(0.74)
    assert slow == pytest.approx(float(frontier.spend_at(0.74)))
    assert 1.1 < fast / slow < 1.4
