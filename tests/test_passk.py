"""pass@k estimators against enumeration, exact fractions, quadrature and each other's limits."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta as beta_distribution

import arbmodels as arb
from arbmodels.errors import InputError
from arbmodels.passk import BetaPrior, failure_table, fit_beta_prior, pass_at_k


def test_unbiased_is_the_share_of_subsets_with_a_success():
    for n in range(1, 8):
        for c in range(n + 1):
            outcomes = [1] * c + [0] * (n - c)
            for k in range(n + 1):
                subsets = list(combinations(outcomes, k))
                share = sum(any(subset) for subset in subsets) / len(subsets)
                assert pass_at_k(n, c, k) == pytest.approx(share, abs=1e-13)


@pytest.mark.parametrize(
    ("n", "c", "k"), [(10_000, 1, 5_000), (10_000, 3, 9_000), (10_000, 5_000, 12), (9_999, 40, 700)]
)
def test_unbiased_is_stable_for_many_attempts(n, c, k):
    exact = float(1 - Fraction(comb(n - c, k), comb(n, k)))
    assert pass_at_k(n, c, k) == pytest.approx(exact, rel=1e-9)
    table = failure_table(np.array([n]), np.array([c]), n)
    assert 1 - table[0, k] == pytest.approx(exact, rel=1e-11)


def test_unbiased_is_frozen_past_the_record():
    assert pass_at_k(4, 1, [4, 5, 400]).tolist() == [1, 1, 1]
    assert pass_at_k(4, 0, [0, 4, 5, 400]).tolist() == [0, 0, 0, 0]
    assert failure_table(np.array([3, 3]), np.array([0, 1]), 5).tolist() == [
        [1, 1, 1, 1, 1, 1],
        pytest.approx([1, 2 / 3, 1 / 3, 0, 0, 0]),
    ]


@given(st.integers(1, 60), st.data())
def test_table_agrees_with_the_formula(n, data):
    c = data.draw(st.integers(0, n))
    k = np.arange(n + 5)
    table = failure_table(np.array([n]), np.array([c]), n + 4)
    np.testing.assert_allclose(table[0], 1 - pass_at_k(n, c, k), atol=1e-12)
    assert np.all(np.diff(table[0]) <= 1e-15)


@pytest.mark.parametrize("estimator", ["geometric", "beta-binomial"])
def test_tables_of_the_other_estimators(estimator):
    rng = np.random.default_rng(3)
    n = rng.integers(1, 30, 40)
    c = rng.binomial(n, rng.beta(0.5, 1.0, 40))
    prior = fit_beta_prior(n, c) if estimator == "beta-binomial" else None
    table = failure_table(n, c, 12, estimator)
    expected = 1 - pass_at_k(n[:, None], c[:, None], np.arange(13), estimator, prior)
    np.testing.assert_allclose(table, expected, atol=1e-14)


def test_pairs_without_a_record_never_solve():
    for estimator in ("unbiased", "geometric", "beta-binomial", "beta-binomial-zero"):
        table = failure_table(np.array([0, 4, 3, 3]), np.array([0, 2, 1, 0]), 3, estimator)
        assert table[0].tolist() == [1, 1, 1, 1]
        assert table[1, -1] < 1


def test_geometric_is_repeated_failure():
    assert pass_at_k(5, 2, 3, "geometric") == pytest.approx(1 - 0.6**3)
    assert pass_at_k(5, 5, [0, 1, 7], "geometric").tolist() == [0, 1, 1]
    assert pass_at_k(5, 0, [0, 1, 7], "geometric").tolist() == [0, 0, 0]
    assert pass_at_k(4, 1, 0.5, "geometric") == pytest.approx(1 - 0.75**0.5)


@pytest.mark.parametrize(("a", "b", "n", "c", "k"), [(0.6, 1.4, 7, 2, 5), (3, 2, 4, 0, 30)])
def test_beta_binomial_is_the_posterior_mean(a, b, n, c, k):
    posterior = beta_distribution(a + c, b + n - c)
    failure, _ = quad(lambda p: (1 - p) ** k * posterior.pdf(p), 0, 1)
    got = pass_at_k(n, c, k, "beta-binomial", BetaPrior(a, b))
    assert got == pytest.approx(1 - failure, rel=1e-7)


def test_estimators_agree_in_the_limit_of_many_attempts():
    n, c, k = 10_000_000, 3_000_000, 6
    geometric = pass_at_k(n, c, k, "geometric")
    assert pass_at_k(n, c, k) == pytest.approx(geometric, abs=1e-6)
    assert pass_at_k(n, c, k, "beta-binomial", BetaPrior(2, 5)) == pytest.approx(
        geometric, abs=1e-5
    )


def test_a_strong_prior_shrinks_to_its_mean():
    prior = BetaPrior(3e7, 7e7)
    assert prior.mean == pytest.approx(0.3)
    assert pass_at_k(10, 9, 2, "beta-binomial", prior) == pytest.approx(1 - 0.7**2, abs=1e-6)


def test_one_attempt_is_the_same_for_unbiased_and_geometric():
    n, c = np.array([3, 8, 50]), np.array([1, 0, 49])
    np.testing.assert_allclose(pass_at_k(n, c, 1), c / n, atol=1e-14)
    np.testing.assert_allclose(pass_at_k(n, c, 1, "geometric"), c / n, atol=1e-14)


def test_the_prior_is_recovered():
    rng = np.random.default_rng(11)
    n = rng.integers(5, 80, 4000)
    c = rng.binomial(n, rng.beta(0.6, 1.7, 4000))
    prior = fit_beta_prior(n, c)
    assert prior.alpha == pytest.approx(0.6, rel=0.1)
    assert prior.beta == pytest.approx(1.7, rel=0.1)


def test_the_prior_beats_its_neighbours_in_likelihood():
    rng = np.random.default_rng(5)
    n = rng.integers(1, 12, 300)
    c = rng.binomial(n, rng.beta(0.8, 0.9, 300))
    best = fit_beta_prior(n, c)

    def likelihood(alpha, beta):
        from scipy.stats import betabinom

        return betabinom.logpmf(c, n, alpha, beta).sum()

    top = likelihood(best.alpha, best.beta)
    for factor in (0.9, 1.1):
        assert likelihood(best.alpha * factor, best.beta) < top
        assert likelihood(best.alpha, best.beta * factor) < top


def test_unanimous_outcomes_give_an_extreme_but_finite_prior():
    assert fit_beta_prior([3, 3], [0, 0]).mean < 1e-3
    assert fit_beta_prior([3, 3], [3, 3]).mean > 1 - 1e-3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0, 1), "attempts >= 1"),
        ((3, 4, 1), "successes <= n"),
        ((3, -1, 1), "successes"),
        ((3.5, 1, 1), "whole numbers"),
        ((float("nan"), 1, 1), "whole numbers"),
        ((3, 1, -1), "k >= 0"),
        ((3, 1, float("inf")), "finite k"),
        ((3, 1, 0.5), "whole k only"),
        ((3, 1, 1, "beta-binomial"), "fit one with fit_beta_prior"),
        ((3, 1, 1, "unbiased", BetaPrior(1, 1)), "no others, take a prior"),
        ((3, 1, 1, "median"), "No estimator 'median'"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        pass_at_k(*arguments)


@pytest.mark.parametrize("data", [([], []), ([2], [3]), ([0], [0])])
def test_a_prior_needs_possible_counts(data):
    with pytest.raises(InputError, match="beta prior needs"):
        fit_beta_prior(*data)


def test_rare_successes_keep_their_digits():
    """pass@k of one success in n is k / n exactly; log-gammas would leave six digits of it."""
    n = np.array([[9_852], [10_000]])
    k = np.array([1, 2, 17, 32, 33, 5_000])
    np.testing.assert_allclose(pass_at_k(n, 1, k), k / n, rtol=1e-13)
    np.testing.assert_allclose(pass_at_k(n, k, 1), k / n, rtol=1e-13)
    for c in (31, 32, 33, 34):
        exact = float(1 - Fraction(comb(10_000 - c, 40), comb(10_000, 40)))
        assert pass_at_k(10_000, c, 40) == pytest.approx(exact, rel=1e-9)


def test_probabilities_stay_in_range_for_extreme_priors():
    k = np.arange(400)
    solved = pass_at_k(10_000, 0, k, "beta-binomial", BetaPrior(1e-9, 1e5))
    assert solved.min() >= 0
    assert solved.max() <= 1


def test_tables_never_rise_and_refuse_unknown_estimators():
    n, c = np.array([10_000, 10_000, 7]), np.array([3, 0, 7])
    for estimator in ("unbiased", "geometric", "beta-binomial", "beta-binomial-zero"):
        table = failure_table(n, c, 500, estimator)
        assert np.all(np.diff(table, axis=1) <= 0)
        assert table.min() >= 0
        assert np.all(table[:, 0] == 1)
    with pytest.raises(InputError, match="No estimator 'median'"):
        failure_table(n, c, 3, "median")


@given(
    st.tuples(st.floats(0.2, 5), st.floats(0.2, 5), st.floats(0.01, 0.9)),
    st.tuples(st.integers(1, 12), st.integers(0, 12), st.integers(0, 15)),
)
@settings(max_examples=40)
def test_a_mass_at_zero_is_integrated_like_any_prior(belief, counts):
    """Posterior mean of (1 - p)^k by quadrature, the mass at p = 0 added by hand."""
    a, b, zero = belief
    n, c, k = counts[0], min(counts[1], counts[0]), counts[2]
    density = beta_distribution(a, b).pdf
    # Split where the density may be infinite.
    pieces = ((0, 1e-3), (1e-3, 0.5), (0.5, 1 - 1e-3), (1 - 1e-3, 1))

    def integral(power):
        def inside(p):
            return p**c * (1 - p) ** (n - c + power) * density(p)

        return sum(quad(inside, *piece, limit=200)[0] for piece in pieces)

    mass = zero * (c == 0)
    expected = (mass + (1 - zero) * integral(k)) / (mass + (1 - zero) * integral(0))
    prior = BetaPrior(a, b, zero)
    got = pass_at_k(n, c, k, "beta-binomial-zero", prior)
    assert got == pytest.approx(1 - expected, abs=2e-4)
    if c > 0:
        assert got == pytest.approx(pass_at_k(n, c, k, "beta-binomial", BetaPrior(a, b)))


def test_table_with_a_mass_at_zero():
    rng = np.random.default_rng(4)
    n = rng.integers(1, 30, 200)
    c = np.where(rng.random(200) < 0.3, 0, rng.binomial(n, rng.beta(2.0, 1.0, 200)))
    prior = fit_beta_prior(n, c, zero=True)
    k = np.arange(12)
    expected = pass_at_k(n[:, None], c[:, None], k, "beta-binomial-zero", prior)
    table = failure_table(n, c, 11, "beta-binomial-zero")
    np.testing.assert_allclose(1 - table, expected, atol=1e-12)
    # What is hopeless stays unsolved however often it is tried.
    never = failure_table(n, c, 3000, "beta-binomial-zero")[:, -1]
    np.testing.assert_allclose(never, prior.hopeless(n, c), atol=0.05)


def test_the_mass_at_zero_is_recovered():
    rng = np.random.default_rng(5)
    n = rng.integers(3, 60, 4000)
    chance = np.where(rng.random(4000) < 0.25, 0.0, rng.beta(1.5, 1.0, 4000))
    c = rng.binomial(n, chance)
    prior = fit_beta_prior(n, c, zero=True)
    assert prior.zero == pytest.approx(0.25, abs=0.02)
    assert prior.alpha == pytest.approx(1.5, rel=0.12)
    assert prior.mean == pytest.approx(0.75 * 0.6, abs=0.02)
    none = fit_beta_prior(n, rng.binomial(n, rng.beta(1.5, 1.0, 4000)), zero=True)
    assert none.zero < 0.01


def test_a_mass_at_zero_is_never_less_likely(swebench):
    """On the authors' data it is about a fifth for the two large models."""
    from scipy.stats import betabinom

    shares = []
    for m in range(len(swebench.models)):
        n, c = swebench.attempts[:, m], swebench.successes[:, m]

        def likelihood(prior, n=n, c=c):
            plain = (1 - prior.zero) * betabinom.pmf(c, n, prior.alpha, prior.beta)
            return np.log(plain + prior.zero * (c == 0)).sum()

        with_mass = fit_beta_prior(n, c, zero=True)
        assert likelihood(with_mass) >= likelihood(fit_beta_prior(n, c)) - 1e-3
        shares.append(with_mass.zero)
    share = dict(zip(swebench.models, shares, strict=True))
    assert share["gpt5mini"] == pytest.approx(0.199, abs=0.005)
    assert share["deepseek"] == pytest.approx(0.222, abs=0.005)
    assert share["sonnet"] == 0


def test_a_mass_at_zero_needs_its_estimator():
    prior = BetaPrior(1.0, 1.0, 0.2)
    with pytest.raises(InputError, match="use 'beta-binomial-zero'"):
        pass_at_k(3, 1, 1, "beta-binomial", prior)
    with pytest.raises(InputError, match="fit one with"):
        pass_at_k(3, 1, 1, "beta-binomial-zero")
    assert BetaPrior(1e-9, 1e5).hopeless(10_000, 0) == 0


@pytest.mark.parametrize(
    ("attempts", "zero", "words"),
    [
        ([1] * 200, False, "0 of 200 instances have two attempts"),
        ([1] * 199 + [2], False, "1 of 200 instances have two attempts"),
        ([2] * 198 + [3] * 2, True, "2 of 200 instances have three attempts.*leave the mass"),
    ],
)
def test_a_prior_that_the_record_does_not_identify_is_refused(attempts, zero, words):
    n = np.array(attempts)
    c = np.random.default_rng(0).binomial(n, 0.3)
    with pytest.raises(InputError, match=words):
        fit_beta_prior(n, c, zero=zero)
    market = arb.Market(
        ["m"], [f"q{i}" for i in range(200)], n[:, None], c[:, None], np.ones((200, 1))
    )
    with pytest.raises(InputError, match=f"m: {words}"):
        arb.attempt_curves(market, 5, "beta-binomial-zero" if zero else "beta-binomial")


def test_one_attempt_each_has_the_same_likelihood_under_every_spread():
    # Why it is refused: betas of one mean, from nearly constant to nearly Bernoulli.
    from scipy.special import betaln

    c = np.r_[np.ones(60), np.zeros(140)]
    each = [
        sum(betaln(0.3 * k + c, 0.7 * k + 1 - c) - betaln(0.3 * k, 0.7 * k)) for k in (0.1, 1, 50)
    ]
    np.testing.assert_allclose(each, each[0])
