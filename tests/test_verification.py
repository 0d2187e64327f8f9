"""Plans under a verifier against a game tree, closed forms, couplings and simulation."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import roots_jacobi

from arbmodels.curves import attempt_curves
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import fit_beta_prior
from arbmodels.plans import Plan
from arbmodels.verification import Verifier, simulate_plan, verdict_curves, verified_plan
from conftest import markets, random_market

RATES = st.sampled_from([0.0, 0.03, 0.3, 0.7])


def tree(records, rates, order, *, billing="pay-past-record", geometric=False):
    """Right, wrong and attempts of one instance by walking the game tree.

    ``records`` (n, c) and ``rates`` (alpha, beta) per model, ``order`` the models tried.
    """

    @cache
    def walk(step, state):
        if step == len(order):
            return 0.0, 0.0, 0.0
        m = order[step]
        (n, c), (alpha, beta), (left, good) = records[m], rates[m], state[m]
        if n == 0 or (billing == "stop-at-record" and not geometric and left == 0):
            return walk(step + 1, state)
        fresh = geometric or left == 0
        p = c / n if fresh else good / left
        right, wrong, made = (1 - beta) * p, alpha * (1 - p), 1.0
        for hit, chance in ((1, beta * p), (0, (1 - alpha) * (1 - p))):
            if chance > 0:
                after = list(state)
                after[m] = (left, good) if fresh else (left - 1, good - hit)
                more = walk(step + 1, tuple(after))
                right, wrong, made = (
                    have + chance * extra
                    for have, extra in zip((right, wrong, made), more, strict=True)
                )
        return right, wrong, made

    return walk(0, tuple(records))


def drawn_case(data, missing=0.25):
    market = data.draw(markets(max_instances=4, max_models=3, max_attempts=4, missing=missing))
    order = data.draw(st.lists(st.integers(0, len(market.models) - 1), max_size=8))
    alpha, beta = ({model: data.draw(RATES) for model in market.models} for _ in range(2))
    return market, order, Verifier(0.1, alpha, beta)


def plan_of(market, order):
    return Plan(tuple((market.models[m], 1) for m in order))


@settings(max_examples=60)
@given(st.data(), st.sampled_from(["pay-past-record", "stop-at-record", "geometric"]))
def test_a_plan_does_what_the_game_tree_says(data, kind):
    market, order, verifier = drawn_case(data)
    how = {"estimator": "geometric"} if kind == "geometric" else {"billing": kind}
    scored = verified_plan(plan_of(market, order), market, verifier, **how)
    rates = verifier.rates(market.models)
    for i in range(len(market.instances)):
        records = tuple(zip(market.attempts[i].tolist(), market.successes[i].tolist(), strict=True))
        errors = tuple(zip(rates.false_accept.tolist(), rates.false_reject.tolist(), strict=True))
        right, wrong, made = tree(
            records,
            errors,
            tuple(order),
            billing=kind,
            geometric=kind == "geometric",
        )
        assert scored.right[i].sum() == pytest.approx(right, abs=1e-13)
        assert scored.wrong[i].sum() == pytest.approx(wrong, abs=1e-13)
        assert scored.checks[i].sum() == pytest.approx(made, abs=1e-12)
    whole = scored.right.sum(1) + scored.wrong.sum(1) + scored.unanswered
    np.testing.assert_allclose(whole, 1.0, atol=1e-13)
    assert scored.check_spend == pytest.approx(0.1 * (market.weight @ scored.checks.sum(1)))


@settings(max_examples=40)
@given(st.data(), st.sampled_from(["pay-past-record", "stop-at-record"]))
def test_a_perfect_free_verifier_changes_nothing(data, billing):
    market, order, _ = drawn_case(data)
    plan = plan_of(market, order)
    scored = verified_plan(plan, market, Verifier(), billing=billing)
    known = plan.evaluate(attempt_curves(market, max_attempts=8, billing=billing))
    np.testing.assert_allclose(scored.right.sum(axis=1), known.solve, atol=1e-14)
    np.testing.assert_allclose(scored.attempt_spend_by_model, known.spend_by_model, atol=1e-13)
    assert scored.wrong_rate == 0.0


@pytest.mark.parametrize("estimator", ["geometric", "beta-binomial"])
def test_other_estimators_reduce_to_theirs(estimator):
    market = random_market(np.random.default_rng(3), 12, 2, missing=0.2)
    plan = Plan((("model-0", 2), ("model-1", 5), ("model-0", 4)))
    scored = verified_plan(plan, market, Verifier(), estimator=estimator)
    known = plan.evaluate(attempt_curves(market, max_attempts=6, estimator=estimator))
    np.testing.assert_allclose(scored.right.sum(axis=1), known.solve, atol=1e-14)
    assert scored.mean_spend == pytest.approx(known.mean_spend)


@given(st.integers(0, 10), RATES, RATES, st.integers(1, 30))
def test_geometric_closed_form(successes, alpha, beta, k):
    market = Market(["m"], ["i"], [[10]], [[successes]], [[2.0]])
    verifier = Verifier(0.5, alpha, beta)
    scored = verified_plan(Plan((("m", k),)), market, verifier, estimator="geometric")
    p = successes / 10
    accepted = p * (1 - beta) + (1 - p) * alpha
    checks = (1 - (1 - accepted) ** k) / accepted if accepted > 0 else k
    assert scored.solve_rate == pytest.approx(p * (1 - beta) * checks)
    assert scored.wrong_rate == pytest.approx((1 - p) * alpha * checks)
    assert scored.mean_spend == pytest.approx(2.5 * checks)
    assert scored.attempt_spend == pytest.approx(2.0 * checks)


@pytest.mark.parametrize("alpha", [0.0, 1e-9, 0.02, 0.5, 0.95])
@pytest.mark.parametrize("beta", [0.0, 1e-12, 0.05, 0.5, 0.99])
def test_rejections_of_long_records_are_exact(alpha, beta):
    """Against rational sums over the hypergeometric distribution, relative to each value."""
    cases = [(n, c) for n in (1, 2, 37) for c in {0, 1, n // 2, n - 1, n}]
    for n, c in cases:
        market = Market(["m"], ["i"], [[n]], [[c]], [[1.0]])
        curve = verdict_curves(market, Verifier(0, alpha, beta)).models[0]
        for k in range(n):
            right, wrong, rejected = Fraction(0), Fraction(0), Fraction(0)
            for j in range(max(0, k - n + c), min(c, k) + 1):
                share = Fraction(comb(c, j) * comb(n - c, k - j), comb(n, k))
                share *= (1 - Fraction(alpha)) ** (k - j) * Fraction(beta) ** j
                rejected += share
                right += (1 - Fraction(beta)) * share * Fraction(c - j, n - k)
                wrong += Fraction(alpha) * share * Fraction(n - c - k + j, n - k)
            assert curve.rejected[0, k] == pytest.approx(float(rejected), rel=1e-12, abs=1e-300)
            assert curve.right[0, k] == pytest.approx(float(right), rel=1e-12, abs=1e-300)
            assert curve.wrong[0, k] == pytest.approx(float(wrong), rel=1e-12, abs=1e-300)


def test_thousands_of_attempts():
    rng = np.random.default_rng(0)
    successes = rng.integers(0, 5001, (40, 1))
    labels = [str(i) for i in range(40)]
    market = Market(["m"], labels, np.full((40, 1), 5000), successes, np.ones((40, 1)))
    for verifier in (Verifier(0, 0.02, 0.4), Verifier(0, 1e-6, 0.999)):
        curve = verdict_curves(market, verifier).models[0]
        drop = -np.diff(curve.rejected, axis=1)
        np.testing.assert_allclose(drop, curve.right + curve.wrong, atol=1e-12)
        assert np.all((curve.rejected >= 0) & (curve.rejected <= 1))


@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("beta", [0.0, 0.02, 0.95])
def test_beta_binomial_is_the_posterior_mean_of_geometric(alpha, beta):
    market = random_market(np.random.default_rng(8), 9, 1, max_attempts=30)
    curve = verdict_curves(market, Verifier(0, alpha, beta), 60, "beta-binomial").models[0]
    prior = fit_beta_prior(market.attempts[:, 0], market.successes[:, 0])
    for i in range(9):
        good = prior.alpha + market.successes[i, 0]
        bad = prior.beta + market.attempts[i, 0] - market.successes[i, 0]
        node, weight = roots_jacobi(60, bad - 1, good - 1)
        p, weight = (1 + node) / 2, weight / weight.sum()
        kept = (1 - alpha) * (1 - p) + beta * p
        for k in (0, 1, 7, 59):
            rejected = weight @ kept**k
            right = weight @ ((1 - beta) * p * kept**k)
            wrong = weight @ (alpha * (1 - p) * kept**k)
            assert curve.rejected[i, k] == pytest.approx(rejected, rel=1e-9, abs=1e-15)
            assert curve.right[i, k] == pytest.approx(right, rel=1e-9, abs=1e-15)
            assert curve.wrong[i, k] == pytest.approx(wrong, rel=1e-9, abs=1e-15)


@settings(max_examples=40)
@given(st.data(), st.sampled_from(["pay-past-record", "stop-at-record"]))
def test_errors_move_a_fixed_plan_one_way(data, billing):
    """By coupling: with more errors of one kind the same draws end no better."""
    market, order, _ = drawn_case(data)
    low, high = sorted(data.draw(st.tuples(RATES, RATES)))
    other = data.draw(RATES)
    plan = plan_of(market, order)

    def scored(alpha, beta):
        verifier = Verifier(0.2, alpha, beta)
        return verified_plan(plan, market, verifier, billing=billing)

    few, many = scored(other, low), scored(other, high)  # false rejects
    assert np.all(many.right.sum(1) <= few.right.sum(1) + 1e-12)
    assert np.all(many.wrong.sum(1) >= few.wrong.sum(1) - 1e-12)
    assert np.all(many.spend >= few.spend - 1e-12)
    few, many = scored(low, other), scored(high, other)  # false accepts
    assert np.all(many.right.sum(1) <= few.right.sum(1) + 1e-12)
    assert np.all(many.wrong.sum(1) >= few.wrong.sum(1) - 1e-12)
    assert np.all(many.spend <= few.spend + 1e-12)


@pytest.mark.parametrize("estimator", ["unbiased", "geometric", "beta-binomial"])
@pytest.mark.parametrize("billing", ["pay-past-record", "stop-at-record"])
def test_simulation_agrees(estimator, billing):
    market = random_market(np.random.default_rng(5), 20, 3, missing=0.2, equal_weights=False)
    plan = Plan((("model-1", 2), ("model-0", 3), ("model-1", 2), ("model-2", 7)))
    verifier = Verifier({"model-0": 0.1, "model-1": 0.0, "model-2": 0.4}, 0.15, 0.3)
    how = {"estimator": estimator, "billing": billing}
    exact = verified_plan(plan, market, verifier, **how)
    played = simulate_plan(plan, market, verifier, runs=4000, seed=1, **how).to_frame()
    expected = [
        exact.solve_rate,
        exact.wrong_rate,
        market.weight @ exact.unanswered,
        exact.attempt_spend,
        exact.check_spend,
    ]
    distance = (played["mean"] - expected) / played["standard_error"]
    assert np.all(np.abs(distance) < 4)


def test_simulation_is_reproducible_and_shows_itself():
    market = random_market(np.random.default_rng(5), 4, 2)
    plan = Plan((("model-0", 2),))
    runs = [simulate_plan(plan, market, Verifier(), runs=5, seed=s).outcomes for s in (1, 1, 2)]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])
    played = simulate_plan(plan, market, Verifier(), runs=5)
    assert "wrong rate" in str(played)
    assert played.plot().get_ylabel() == "Instances (%)"


def test_profit_of_a_plan():
    market = Market(["m"], ["i"], [[2]], [[1]], [[0.1]])
    scored = verified_plan(Plan((("m", 1),)), market, Verifier(0.05, 0.5, 0.2))
    right, wrong = 0.5 * 0.8, 0.5 * 0.5
    assert scored.false_share == pytest.approx(wrong / (right + wrong))
    assert scored.profit(2.0) == pytest.approx(2 * (right + wrong) - 0.15)
    assert scored.profit(2.0, penalty=3.0, refund=1.0) == pytest.approx(
        2 * right - 3 * wrong - 0.15
    )
    abstain = verified_plan(Plan(), market, Verifier())
    assert abstain.profit(2.0) == 0.0
    assert np.isnan(abstain.false_share)


def test_results_show_themselves():
    market = random_market(np.random.default_rng(1), 5, 2)
    scored = verified_plan(Plan((("model-0", 2), ("model-1", 1))), market, Verifier(0.1, 0.1, 0.1))
    assert "false accept 10.0%" in str(scored)
    assert list(scored.to_frame().index) == list(market.instances)
    assert scored.to_frame()[["right", "wrong", "unanswered"]].sum(axis=1).to_numpy() == (
        pytest.approx(np.ones(5))
    )
    assert scored.plot().get_ylabel() == "Instances (%)"


def test_zero_successes_and_one_attempt():
    market = Market(["m"], ["i"], [[1]], [[0]], [[1.0]])
    plan, verifier = Plan((("m", 3),)), Verifier(0.0, 0.25)
    scored = verified_plan(plan, market, verifier, billing="pay-past-record")
    assert scored.solve_rate == 0.0
    assert scored.wrong_rate == pytest.approx(1 - 0.75**3)
    stopped = verified_plan(plan, market, verifier)
    assert stopped.wrong_rate == pytest.approx(0.25)
    assert stopped.mean_spend == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"cost": -1}, "cost is -1"),
        ({"cost": float("nan")}, "cost is nan"),
        ({"cost": float("inf")}, "finite"),
        ({"false_accept": 1.0}, "false_accept is 1.0"),
        ({"false_reject": 1}, "false_reject is 1"),
        ({"false_reject": -0.1}, "probability below 1"),
        ({"false_accept": {"m": 2}}, "of 'm'"),
        ({"cost": "dear"}, "'dear'"),
    ],
)
def test_impossible_verifiers_are_refused(given, word):
    with pytest.raises(InputError, match=word):
        Verifier(**given)


def test_what_cannot_be_scored_is_refused():
    market = Market(["m"], ["i"], [[2]], [[1]], [[0.1]])
    plan, verifier = Plan((("m", 1),)), Verifier()
    with pytest.raises(InputError, match="no number for m"):
        verified_plan(plan, market, Verifier(cost={"other": 1.0}))
    with pytest.raises(InputError, match="no model 'x'"):
        verified_plan(Plan((("x", 1),)), market, verifier)
    with pytest.raises(InputError, match="not in dollars"):
        verified_plan(Plan((("m", 1),), "dollars"), market, verifier)
    with pytest.raises(InputError, match="not in dollars"):
        simulate_plan(Plan((("m", 1),), "dollars"), market, verifier)
    with pytest.raises(InputError, match="at least 2"):
        simulate_plan(plan, market, verifier, runs=1)
    with pytest.raises(InputError, match="No estimator"):
        verified_plan(plan, market, verifier, estimator="best")
    with pytest.raises(InputError, match="No billing"):
        verified_plan(plan, market, verifier, billing="none")
    with pytest.raises(InputError, match="give max_attempts"):
        verdict_curves(market, verifier, estimator="geometric")
    with pytest.raises(InputError, match="at least 1"):
        verdict_curves(market, verifier, 0)
    scored = verified_plan(plan, market, verifier)
    for terms in ({"price": -1.0}, {"price": 1.0, "penalty": -1.0}, {"price": 1.0, "refund": 2.0}):
        with pytest.raises(InputError, match=r"must be|it is a share"):
            scored.profit(**terms)
