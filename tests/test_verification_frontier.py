"""Best policies under a verifier against every order of attempts, closed forms and reductions."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbmodels.cascades import cascade_frontier
from arbmodels.curves import attempt_curves
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.plans import Plan
from arbmodels.verification import (
    Verifier,
    most_profitable_plan,
    verification_sweep,
    verification_threshold,
    verified_frontier,
    verified_plan,
)
from conftest import markets, random_market
from extreme_cases import extreme_market

RATES = st.sampled_from([0.0, 0.05, 0.4])
BILLINGS = st.sampled_from(["pay-past-record", "stop-at-record"])


def every_plan(market, most):
    """All sequences with up to ``most`` attempts per model."""
    for counts in itertools.product(range(most + 1), repeat=len(market.models)):
        pool = [m for m, count in enumerate(counts) for _ in range(count)]
        for order in set(itertools.permutations(pool)):
            yield Plan(tuple((market.models[m], 1) for m in order))


def scored_plans(market, verifier, most, billing):
    return [
        verified_plan(plan, market, verifier, billing=billing) for plan in every_plan(market, most)
    ]


@settings(max_examples=20)
@given(st.data(), RATES, RATES, BILLINGS)
def test_frontier_and_best_plan_beat_every_order(data, alpha, beta, billing):
    market = data.draw(markets(max_instances=4, max_attempts=4, missing=0.2))
    most = {1: 5, 2: 3, 3: 2}[len(market.models)]
    penalty = data.draw(st.sampled_from([0.0, 0.5]))
    verifier = Verifier(data.draw(st.sampled_from([0.0, 0.3])), alpha, beta)
    frontier = verified_frontier(
        market, verifier, penalty=penalty, max_attempts=most, billing=billing
    )
    scored = scored_plans(market, verifier, most, billing)
    rate = np.array([plan.solve_rate for plan in scored])
    cost = np.array([plan.mean_spend + penalty * plan.wrong_rate for plan in scored])
    assert frontier.max_solve_rate == pytest.approx(rate.max(), abs=1e-11)
    inside = rate <= frontier.max_solve_rate
    # No plan is cheaper than the hull, and the hull is touched for every value of an answer.
    assert np.all(frontier.cost_at(rate[inside]) <= cost[inside] + 1e-11)
    for value in (0.1, 1.0, 3.0, 10.0, 100.0):
        best = (value * rate - cost).max()
        mine = (value * frontier.hull.rate - frontier.hull.cost).max()
        assert mine == pytest.approx(best, rel=1e-10, abs=1e-10)
    grid = np.linspace(0, frontier.max_solve_rate, 23)
    np.testing.assert_allclose(frontier.bound_at(grid), frontier.cost_at(grid), atol=1e-9)
    assert np.all(frontier.bound_at(grid) <= frontier.cost_at(grid) + 1e-15)

    terms = {"penalty": penalty, "refund": data.draw(st.sampled_from([0.0, 1.0]))}
    price = data.draw(st.sampled_from([0.5, 3.0, 20.0]))
    found = most_profitable_plan(
        market, verifier, price, max_attempts=most, billing=billing, **terms
    )
    best = max(plan.profit(price, **terms) for plan in scored)
    assert found.profit(price, **terms) == pytest.approx(best, abs=1e-11)


@settings(max_examples=20)
@given(st.data(), RATES, RATES)
def test_vertices_do_what_the_frontier_says(data, alpha, beta):
    market = data.draw(markets(max_instances=8, missing=0.2))
    verifier = Verifier(0.1, alpha, beta)
    frontier = verified_frontier(market, verifier, penalty=0.2)
    for vertex, rate, cost in zip(
        frontier.vertices, frontier.hull.rate, frontier.hull.cost, strict=True
    ):
        assert vertex.solve_rate == pytest.approx(rate, abs=1e-12)
        assert vertex.mean_spend + 0.2 * vertex.wrong_rate == pytest.approx(cost, abs=1e-11)
    slopes = np.diff(frontier.hull.cost) / np.diff(frontier.hull.rate)
    assert np.all(np.diff(frontier.hull.rate) > 0)
    assert np.all(np.diff(slopes) > -1e-9 * slopes[1:])
    wrong = [vertex.wrong_rate for vertex in frontier.vertices]
    np.testing.assert_allclose(frontier.wrong_at(frontier.hull.rate), wrong, atol=1e-12)
    grid = np.linspace(0, frontier.max_solve_rate, 9)
    total = frontier.spend_at(grid) + 0.2 * frontier.wrong_at(grid)
    np.testing.assert_allclose(total, frontier.cost_at(grid), atol=1e-11)
    assert np.all(frontier.check_spend_at(grid) <= frontier.spend_at(grid) + 1e-15)
    for rate in grid:
        assert frontier.plan_at(rate).solve_rate >= rate - 1e-11
        assert -1e-9 <= frontier.plan_gap_at(rate) <= 1
    assert np.all(frontier.margin_at(grid[grid <= frontier.market_max_solve_rate]) >= 0)


@settings(max_examples=25)
@given(st.data(), BILLINGS, st.sampled_from(["same-verifier", "self-verification"]))
def test_a_perfect_free_verifier_gives_the_known_frontier(data, billing, baseline):
    market = data.draw(markets(max_instances=8, missing=0.2))
    frontier = verified_frontier(market, billing=billing, baseline=baseline)
    known = cascade_frontier(attempt_curves(market, billing=billing))
    assert frontier.max_solve_rate == pytest.approx(known.max_solve_rate, abs=1e-11)
    grid = np.linspace(0, min(known.max_solve_rate, frontier.max_solve_rate), 33)
    np.testing.assert_allclose(frontier.cost_at(grid), known.mixture_spend_at(grid), atol=1e-11)
    for m, alone in enumerate(known.single_models):
        inside = grid <= alone.max_solve_rate
        np.testing.assert_allclose(
            frontier.model_prices_at(grid)[inside, m],
            alone.mixture_spend_at(grid[inside]),
            atol=1e-11,
        )


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("verifier", [Verifier(), Verifier(1.0, 0.1, 0.1)])
def test_prices_nine_orders_of_magnitude_apart(seed, verifier):
    market = extreme_market(seed)
    frontier = verified_frontier(market, verifier)
    grid = np.linspace(0, frontier.max_solve_rate, 50)
    cost, bound = frontier.cost_at(grid), frontier.bound_at(grid)
    assert np.all(bound <= cost * (1 + 1e-12))
    assert np.all(np.diff(cost) >= 0)
    if verifier == Verifier():
        known = cascade_frontier(attempt_curves(market)).mixture_spend_at(grid)
        np.testing.assert_allclose(cost[1:-1], known[1:-1], rtol=1e-6)
    # At the reach the hull is steep: exact but for 1e-10 in the solve rate.
    before = frontier.cost_at(np.maximum(grid - 1e-10, 0))
    assert np.all(bound >= before * (1 - 1e-10))


def test_a_single_model_pays_for_checks_by_the_closed_form():
    """Geometric attempts: cost per right answer is (q + v) / (p (1 - beta)), whatever the rate."""
    market = Market(["m"], ["i"], [[10]], [[4]], [[2.0]])
    frontier = verified_frontier(
        market, Verifier(0.5, 0.1, 0.2), max_attempts=9, estimator="geometric"
    )
    accepted = 0.4 * 0.8 + 0.6 * 0.1
    reach = 0.4 * 0.8 / accepted * (1 - (1 - accepted) ** 9)
    assert frontier.max_solve_rate == pytest.approx(reach)
    grid = np.linspace(0, reach, 7)
    np.testing.assert_allclose(frontier.cost_at(grid), grid * 2.5 / 0.32, atol=1e-12)
    np.testing.assert_allclose(frontier.wrong_at(grid), grid * 0.06 / 0.32, atol=1e-12)
    np.testing.assert_allclose(frontier.margin_at(grid[1:]), 0.0, atol=1e-12)


def test_identical_models_leave_no_margin():
    rng = np.random.default_rng(2)
    one = random_market(rng, 10, 1)
    market = Market(
        ["a", "b"],
        one.instances,
        np.repeat(one.attempts, 2, axis=1),
        np.repeat(one.successes, 2, axis=1),
        np.repeat(one.cost, 2, axis=1),
    )
    frontier = verified_frontier(
        market, Verifier(0.2, 0.1, 0.1), max_attempts=6, estimator="geometric"
    )
    # A mixture of few and many attempts is as good with one model as with two.
    grid = np.linspace(0.01, 0.9 * frontier.market_max_solve_rate, 9)
    assert np.all(frontier.margin_at(grid) <= 1e-3)
    known = [cost[0] for cost in (frontier.model_prices_at(grid[:1]), frontier.cost_at(grid[:1]))]
    assert known[1] <= known[0].min() + 1e-12


def test_false_rejects_call_for_more_attempts_and_false_accepts_for_fewer():
    market = Market(["m"], ["a", "b"], [[50], [50]], [[30], [2]], [[1.0], [1.0]])

    def attempts(verifier, **terms):
        best = most_profitable_plan(market, verifier, 14.0, max_attempts=50, **terms)
        return sum(amount for _, amount in best.plan.stages)

    perfect = attempts(Verifier())
    assert attempts(Verifier(false_reject=0.3)) > perfect
    assert attempts(Verifier(false_accept=0.3), refund=1.0, penalty=1.0) < perfect
    assert attempts(Verifier(cost=1.0)) < perfect
    # Who keeps the price of wrong answers goes on for them.
    assert attempts(Verifier(false_accept=0.3)) > perfect


def test_false_accepts_never_save_unless_right_answers_are_rejected():
    """Alone they end plans at random; with false rejects they end the hopeless ones first."""
    market = random_market(np.random.default_rng(4), 15, 2, max_attempts=8)
    grid = np.linspace(0.05, 0.5, 10)
    costs = [
        verified_frontier(market, Verifier(0.1, alpha)).cost_at(grid) for alpha in (0, 0.05, 0.2)
    ]
    with np.errstate(invalid="ignore"):
        assert not np.any(costs[1] < costs[0] - 1e-12)
        assert not np.any(costs[2] < costs[1] - 1e-12)
    hopeful = Market(["m"], ["yes", "no"], [[40], [40]], [[40], [0]], [[1.0], [1.0]])
    strict, lax = (
        verified_frontier(hopeful, Verifier(0, alpha, 0.5)).cost_at(0.45) for alpha in (0, 0.3)
    )
    assert lax < strict


@settings(max_examples=15)
@given(st.data())
def test_dearer_checks_and_more_false_rejects_cost_more(data):
    market = data.draw(markets(max_instances=6, missing=0.2))
    alpha, beta = data.draw(RATES), data.draw(RATES)
    base = Verifier(0.1, alpha, beta)
    worse = [replace(base, cost=0.3), replace(base, false_reject=beta + 0.2)]
    first = verified_frontier(market, base, penalty=0.3)
    for verifier in worse:
        second = verified_frontier(market, verifier, penalty=0.3)
        grid = np.linspace(0, min(first.max_solve_rate, second.max_solve_rate), 9)
        assert np.all(second.cost_at(grid) >= first.cost_at(grid) - 1e-11)
        assert second.max_solve_rate <= first.max_solve_rate + 1e-11


@pytest.mark.parametrize("baseline", ["same-verifier", "self-verification"])
def test_sweeps_agree_with_frontiers(baseline):
    market = random_market(np.random.default_rng(11), 25, 2, max_attempts=8)
    rates, values = [0.3, 0.5, 0.6], [0.0, 0.1, 2.0]
    kept = Verifier(9.0, 0.02, 0.1)
    sweep = verification_sweep(market, rates, values, verifier=kept, baseline=baseline, penalty=0.1)
    for row, value in enumerate(values):
        frontier = verified_frontier(
            market, replace(kept, cost=value), baseline=baseline, penalty=0.1
        )
        np.testing.assert_allclose(sweep.cost[row], frontier.cost_at(rates), rtol=1e-9)
        np.testing.assert_allclose(sweep.price[row], frontier.price_at(rates), rtol=1e-9)
        np.testing.assert_allclose(sweep.margin[row], frontier.margin_at(rates), atol=1e-9)
    assert len(sweep.to_frame()) == 9
    assert "Cost per" in str(sweep)
    assert sweep.plot().get_ylabel() == "Margin (%)"


@pytest.fixture(scope="module")
def complementary():
    """Two models, each good at what the other is bad at."""
    rng = np.random.default_rng(0)
    easy = rng.random(40) < 0.5
    successes = np.stack([np.where(easy, 9, 1), np.where(easy, 1, 9)], axis=1)
    labels = [str(i) for i in range(40)]
    return Market(["a", "b"], labels, np.full((40, 2), 12), successes, np.full((40, 2), 1.0))


@pytest.mark.parametrize("vary", ["cost", "false_reject", "false_accept"])
def test_thresholds_are_where_the_margin_ends(complementary, vary):
    found = verification_threshold(complementary, 0.7, vary=vary, baseline="self-verification")
    assert found.start_margin > 0.1
    assert 0 < found.below < found.value < np.inf
    assert found.value - found.below <= 1e-6 * max(found.value, 1.0)
    below, above = (
        verified_frontier(
            complementary, replace(Verifier(), **{vary: value}), baseline="self-verification"
        ).margin_at(0.7)
        for value in (found.below, found.value)
    )
    assert below > 0
    assert above <= 1e-9
    assert found.ending in str(found)
    assert "Margin at 70.0%" in found.plot().get_ylabel()
    assert found.to_frame()["margin"].iloc[0] == found.start_margin


def test_the_cost_threshold_is_the_margin_shared_among_the_checks(complementary):
    """While the policy stays the same, it is (price - spend) / checks."""
    market = Market(["a", "b"], ["i", "j"], [[1, 9], [1, 9]], [[1, 3], [0, 3]], [[1, 5], [1, 5]])
    # a once, then b once: right 1/2 + 1/2 x 1/3 at 1 + 5/2 and 3/2 checks. b alone: at 5 x 3 each.
    found = verification_threshold(market, 2 / 3, baseline="self-verification", max_attempts=9)
    price, spend, checks = 5 * 3 * 2 / 3, 1 + 5 / 2, 3 / 2
    assert found.value <= (price - spend) / checks + 1e-5
    cost, same_price = found.comparison.at(found.value, np.array([2 / 3]))
    assert cost[0] == pytest.approx(same_price[0], rel=1e-5)


def test_no_cost_per_check_need_end_the_margin(complementary):
    """Whoever needs fewer checks keeps a margin, however dear they are."""
    found = verification_threshold(complementary, 0.7)
    assert found.value == np.inf
    assert found.ending == "none found"
    dear = verified_frontier(complementary, Verifier(1e9))
    assert found.last_margin == pytest.approx(float(dear.margin_at(0.7)), abs=1e-3)
    assert "∞" in str(found)


def test_a_market_without_a_margin_has_threshold_zero():
    market = Market(["a", "b"], ["i"], [[4, 4]], [[2, 1]], [[1.0, 9.0]])
    assert verification_threshold(market, 0.4).value == 0.0


def test_frontiers_show_themselves(complementary):
    frontier = verified_frontier(
        complementary, Verifier(0.1, 0.01, 0.05), penalty=0.5, baseline="self-verification"
    )
    assert "verify free and perfectly" in str(frontier)
    assert "penalty 0.5" in frontier.billing
    frame = frontier.to_frame()
    np.testing.assert_allclose(
        frame["cost"], frame["attempt_spend"] + frame["check_spend"] + 0.5 * frame["wrong_rate"]
    )
    assert frontier.plot().get_xlabel() == "Right answers (%)"
    above = min(frontier.max_solve_rate + 0.01, 1.0)
    assert np.isnan(frontier.cost_at(above))
    assert np.isnan(frontier.bound_at(above))


def test_nothing_is_ever_solved():
    market = Market(["m"], ["i"], [[3]], [[0]], [[1.0]])
    frontier = verified_frontier(market, Verifier(0.1, 0.2))
    assert frontier.max_solve_rate == 0.0
    assert frontier.plan_at(0.0).plan == Plan()
    assert frontier.cost_at(0.0) == 0.0


def test_what_cannot_be_answered_is_refused(complementary):
    market = complementary
    with pytest.raises(InputError, match="No baseline"):
        verified_frontier(market, baseline="mine")
    with pytest.raises(InputError, match="penalty"):
        verified_frontier(market, penalty=-1)
    with pytest.raises(InputError, match="up to 4 models"):
        verified_frontier(random_market(np.random.default_rng(0), 5, 5))
    with pytest.raises(InputError, match="states"):
        verified_frontier(market, max_attempts=10_000)
    frontier = verified_frontier(market, Verifier(0, 0.3))
    with pytest.raises(InputError, match="No plan reaches"):
        frontier.plan_at(0.999)
    with pytest.raises(InputError, match="between 0 and 1"):
        frontier.cost_at([0.5, np.nan])
    with pytest.raises(InputError, match="Nothing called 'price'"):
        verification_sweep(market, [0.5], [0.1], vary="price")
    with pytest.raises(InputError, match="list of values"):
        verification_sweep(market, [0.5], [])
    with pytest.raises(InputError, match=r"false_accept is 1\.0"):
        verification_sweep(market, [0.5], [1.0], vary="false_accept")
    with pytest.raises(InputError, match="No single model delivers"):
        verification_threshold(market, 0.99, verifier=Verifier(0, 0.5))
    with pytest.raises(InputError, match="tolerance"):
        verification_threshold(market, 0.5, tolerance=0)
