"""Formulas of the package against derivations by computer algebra."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from arbmodels.cascades import cascade_frontier
from arbmodels.curves import attempt_curves, log_linear_weights
from arbmodels.games import BertrandGame, Seller
from arbmodels.margins import arbitrage
from arbmodels.market import Market
from arbmodels.passk import BetaPrior, pass_at_k


def test_log_linear_weights():
    x, s, t, low, high = sp.symbols("x s t x0 x1", positive=True)
    area = sp.integrate(s * sp.log(x) + t, (x, low, high))
    width = sp.log(high / low)
    early = low * ((high / low - 1) / width - 1)
    late = high * (1 - (1 - low / high) / width)
    at_low, at_high = (s * sp.log(end) + t for end in (low, high))
    assert sp.simplify(sp.expand_log(early * at_low + late * at_high - area, force=True)) == 0
    for start, end in ((sp.Rational(1, 3), 4), (1, 1 + sp.Rational(1, 10**9))):
        got = log_linear_weights(np.log([float(start)]), np.log([float(end)]))
        exact = [float(each.subs({low: start, high: end}).evalf(40)) for each in (early, late)]
        np.testing.assert_allclose(np.concatenate(got), exact, rtol=1e-6)
    assert np.concatenate(log_linear_weights(np.zeros(1), np.zeros(1))).tolist() == [0, 0]


def test_beta_binomial_is_an_integral_over_the_posterior():
    p = sp.symbols("p", positive=True)
    a, b, n, c, k = 2, 3, 5, 1, 4
    density = p ** (a + c - 1) * (1 - p) ** (b + n - c - 1)
    failure = sp.integrate(sp.expand(density * (1 - p) ** k), (p, 0, 1)) / sp.integrate(
        sp.expand(density), (p, 0, 1)
    )
    got = pass_at_k(n, c, k, "beta-binomial", BetaPrior(a, b))
    assert got == pytest.approx(float(1 - failure), rel=1e-12)


def test_spend_of_repeated_attempts():
    # k attempts at price q, each solving with probability p, stopped at the first success.
    q, p = sp.symbols("q p", positive=True)
    k = 6
    series = sum(q * (1 - p) ** j for j in range(k))
    closed = q * (1 - (1 - p) ** k) / p
    assert sp.simplify(series - closed) == 0
    market = Market(["a"], ["x"], [[10]], [[3]], [[0.7]])
    curve = attempt_curves(market, k, "geometric").models[0]
    expected = closed.subs({q: sp.Rational(7, 10), p: sp.Rational(3, 10)})
    assert curve.spend(np.array([k]))[0, 0] == pytest.approx(float(expected), rel=1e-12)


def test_margin_and_limit_price_of_a_two_model_market():
    # A share h of instances is solved by anyone's first attempt, the others only by the dear
    # model's. Price C for all against c for all plus C for the share 1 - h: the margin.
    h, c, dear = sp.symbols("h c C", positive=True)
    margin = sp.simplify(1 - (c + (1 - h) * dear) / dear)
    assert sp.simplify(margin - (h - c / dear)) == 0
    easy, hard = 3, 1
    market = Market(
        ["cheap", "dear"],
        [f"i{k}" for k in range(easy + hard)],
        np.ones((easy + hard, 2), int),
        [[1, 1]] * easy + [[0, 1]] * hard,
        np.tile([1.0, 8.0], (easy + hard, 1)),
    )
    result = arbitrage(cascade_frontier(attempt_curves(market)), solve_rates=[1.0])
    values = {h: sp.Rational(3, 4), c: 1, dear: 8}
    assert result.margin[0] == pytest.approx(float(margin.subs(values)), abs=1e-12)
    # One arbitrageur sells at the provider's price, a second one drives it to cost.
    alone = BertrandGame.from_arbitrage(result, arbitrageurs=1).solve()
    both = BertrandGame.from_arbitrage(result, arbitrageurs=2).solve()
    assert alone.market_price[0] == pytest.approx(8.0)
    assert alone.profits[0].max() == pytest.approx(float(8 * margin.subs(values)))
    assert both.market_price[0] == pytest.approx(float((c + (1 - h) * dear).subs(values)))


def test_limit_price_with_unit_demand():
    # A seller with cost c1 against cost c2 and willingness to pay v earns p - c1 below c2.
    c1, c2, v = sp.Rational(2), sp.Rational(5), sp.Rational(4)
    limit = sp.Min(c2, v)
    got = BertrandGame([0.5], [Seller("a", [2.0]), Seller("b", [5.0])], 4.0).solve()
    assert got.market_price[0] == float(limit)
    assert got.profits[0, 0] == float(limit - c1)
    assert got.epsilon == 0
