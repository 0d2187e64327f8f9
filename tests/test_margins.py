"""Arbitrage: the authors' numbers on their data, and the exact method beside them."""

from __future__ import annotations

import numpy as np
import pytest

from arbmodels.cascades import cascade_frontier, paper_curve, paper_policy
from arbmodels.curves import attempt_curves, dollar_curves
from arbmodels.errors import InputError
from arbmodels.games import BertrandGame
from arbmodels.margins import arbitrage
from arbmodels.market import Market
from benchmarks import authors_grid_search as reference
from conftest import random_market
from extreme_cases import extreme_market


@pytest.fixture(scope="module")
def authors(swebench_pair):
    return arbitrage(swebench_pair, method="olmedo2026")


@pytest.fixture(scope="module")
def exact(swebench_pair):
    """The exact cascades in the authors' billing."""
    return arbitrage(dollar_curves(swebench_pair))


def exact_or_authors(market, method):
    """Return the margin by either method in the authors' billing."""
    return arbitrage(market if method == "olmedo2026" else dollar_curves(market), method=method)


def crossings(result):
    """Solve rates at which the two models' prices change order."""
    cheaper = np.sign(result.model_prices[:, 0] - result.model_prices[:, 1])
    change = np.abs(np.diff(cheaper)) > 0  # False where a price is undefined
    return result.solve_rates[1:][change]


def test_authors_allocation_cost_and_margins(authors):
    np.testing.assert_allclose(authors.source.allocation, [0.0812, 0.9188], atol=5e-5)
    assert 500 * authors.at(0.75).arbitrage_cost == pytest.approx(78.74, rel=1e-3)
    assert 500 * authors.at(0.75).market_price == pytest.approx(118.5, rel=1e-3)
    assert authors.peak.margin == pytest.approx(0.411, abs=0.001)
    assert authors.peak.solve_rate == pytest.approx(0.75495, abs=1e-4)
    assert authors.mean_margin == pytest.approx(0.1986, abs=0.001)
    published = {
        0.69: 0.05, 0.70: 0.125, 0.71: 0.226, 0.72: 0.228, 0.73: 0.242, 0.74: 0.267, 0.75: 0.335,
    }  # fmt: skip
    for rate, margin in published.items():
        assert authors.at(rate).margin == pytest.approx(margin, abs=0.002)


def test_provider_curves_cross_near_71_percent(authors):
    assert crossings(authors) == pytest.approx([0.71], abs=0.005)


def test_authors_revenue_shares(authors):
    shares = authors.revenue_shares()
    row = shares.iloc[np.argmin(abs(shares.index.to_numpy() - 0.71))]
    np.testing.assert_allclose(row.to_numpy(), [0.40, 0.38, 0.20], atol=0.04)
    np.testing.assert_allclose(shares.iloc[-1].to_numpy(), [0.14, 0.46, 0.40], atol=0.015)
    assert shares.iloc[-1, :2].sum() == pytest.approx(0.59, abs=0.005)
    without = authors.revenue_shares(arbitrageur=False)
    assert set(without.columns) == {"gpt5mini", "deepseek"}
    assert without.loc[without.index < 0.705, "gpt5mini"].eq(1).all()
    assert without.loc[without.index > 0.715, "deepseek"].eq(1).all()


def test_authors_policy_matches_the_independent_reimplementation(swebench_pair):
    market = swebench_pair
    curves = reference.pass_curves(market.attempts, market.successes, market.cost)
    targets = np.linspace(0.68, curves.mean(axis=0).max(), 1000)
    for allocation in ([0.05, 0.95], [0.0, 1.0], [1.0, 0.0], [0.3, 0.4]):
        ours = paper_curve(market, allocation)
        curve, spend = reference.cascade(curves, np.array(allocation))
        np.testing.assert_allclose(ours.cascade.solve_rate, curve, atol=1e-12)
        np.testing.assert_allclose(ours.spend_by_model.T, spend, atol=1e-12)
        theirs = reference.cost_for(curve, targets)
        theirs[np.isinf(theirs)] = np.nan
        np.testing.assert_allclose(ours.spend_at(targets), theirs, rtol=1e-10)


@pytest.mark.slow
def test_authors_search_matches_the_independent_reimplementation(swebench_pair, authors):
    market = swebench_pair
    curves = reference.pass_curves(market.attempts, market.successes, market.cost)
    targets = np.linspace(0.68, curves.mean(axis=0).max(), 1000)
    allocation, margin = reference.grid_search(curves, targets)
    np.testing.assert_allclose(authors.source.allocation, allocation, rtol=1e-12)
    np.testing.assert_allclose(authors.margin, margin, atol=1e-10)


def test_exact_is_never_dearer_than_the_authors_policy(authors, exact):
    assert exact.billing in authors.billing  # the very same billing
    np.testing.assert_allclose(exact.solve_rates, authors.solve_rates, atol=1e-12)
    assert np.all(exact.arbitrage_cost <= authors.arbitrage_cost)
    # Prices are the same up to the authors' interpolation of log cost.
    np.testing.assert_allclose(exact.market_price, authors.market_price, rtol=2e-3)


def test_exact_margins_on_real_data(exact):
    assert exact.peak.margin == pytest.approx(0.46, abs=0.01)
    assert exact.peak.solve_rate == pytest.approx(0.75495, abs=1e-4)
    assert exact.mean_margin > 0.20
    assert exact.extra_solve_rate == pytest.approx(0.031, abs=0.002)
    above = exact.at(exact.market_max_solve_rate + 0.01)
    assert np.isnan(above.market_price)
    assert np.isnan(above.margin)
    assert above.arbitrage_cost > 0


def test_exact_shares_add_up(exact):
    shares = exact.revenue_shares()
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, atol=1e-9)
    assert (shares.to_numpy() >= -1e-12).all()


def test_points_are_computed_not_interpolated(exact):
    row = 345
    point = exact.at(exact.solve_rates[row])
    assert point.margin == pytest.approx(exact.margin[row], abs=1e-12)
    assert point.arbitrage_cost == pytest.approx(exact.arbitrage_cost[row], abs=1e-15)


def test_simulated_market_looks_like_the_original(simulated):
    pair = simulated.select(models=["gpt5mini", "deepseek"])
    for method in ("olmedo2026", "exact"):
        result = exact_or_authors(pair, method)
        assert 0.35 <= result.peak.margin <= 0.50
        crossing = crossings(result)
        assert len(crossing) > 0
        assert np.all((crossing > 0.69) & (crossing < 0.73))


def test_margins_are_defined_by_price_and_cost():
    # Both need one attempt; "b" solves y, "a" solves x: the pair reaches twice as far.
    market = Market(["a", "b"], ["x", "y"], [[1, 1], [1, 1]], [[1, 0], [0, 1]], [[1, 4], [1, 4]])
    result = arbitrage(attempt_curves(market), solve_rates=[0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(result.market_price, [1, 1, np.nan, np.nan])
    np.testing.assert_allclose(result.arbitrage_cost, [1, 1, 3, 3])
    np.testing.assert_allclose(result.margin, [0, 0, np.nan, np.nan])
    assert result.market_max_solve_rate == 0.5
    assert result.extra_solve_rate == 0.5
    assert result.revenue_shares().iloc[-1].isna().all()
    assert result.mean_margin == 0
    assert result.method == "exact"


def test_a_closed_form_margin():
    # Half the instances are solved by the cheap model at once, the others only by the dear one:
    # the dear model alone costs q for all, the cascade c for all and q for half.
    market = Market(
        ["cheap", "dear"], ["x", "y"], [[1, 1], [1, 1]], [[1, 1], [0, 1]], [[1, 10], [1, 10]]
    )
    point = arbitrage(attempt_curves(market), solve_rates=[1.0]).at(1.0)
    assert (point.market_price, point.arbitrage_cost) == (10, 6)
    assert point.margin == pytest.approx(0.4)


def test_the_authors_policy_does_not_sell_below_its_cost(authors):
    dear = authors.arbitrage_cost > authors.market_price
    assert dear.any()  # its single allocation does not suit the low solve rates
    assert np.all(authors.margin[dear] == 0)
    shares = authors.revenue_shares()[dear]
    assert (shares[["gpt5mini", "deepseek"]].sum(axis=1) == 1).all()
    assert (shares["arbitrageur"] == 0).all()


def test_default_grid_in_a_market_of_low_reach():
    market = Market(["a", "b"], ["x", "y"], [[2, 2], [2, 2]], [[1, 2], [0, 0]], [[0.1, 0.2]] * 2)
    result = arbitrage(market)
    assert result.solve_rates[0] == pytest.approx(0.45)
    assert result.solve_rates[-1] == pytest.approx(0.5)


def test_display_frame_and_plot(exact):
    assert "Peak margin 46" in str(exact)
    assert "in-sample" in exact._repr_html_()
    assert "price_gpt5mini" in exact.to_frame()
    axes = exact.plot()
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["gpt5mini", "deepseek", "Arbitrageur"]


def test_both_methods_share_a_grid_in_another_currency():
    market = random_market(np.random.default_rng(0), 40, 2)
    dear = Market(
        market.models,
        market.instances,
        market.attempts,
        market.successes,
        market.cost * 1e4,
        currency="FLOPs",
    )
    authors, exact = (exact_or_authors(dear, method) for method in ("olmedo2026", "exact"))
    assert exact.billing in authors.billing
    np.testing.assert_allclose(exact.solve_rates, authors.solve_rates, atol=1e-12)
    assert authors.source.allocation.sum() == pytest.approx(exact.source.grids[0][-1])
    # Up to the authors' interpolation of log cost, which may promise less than any plan costs.
    assert np.all(exact.arbitrage_cost <= 1.02 * authors.arbitrage_cost)


def test_a_market_means_attempts_that_stop_at_the_record():
    market = random_market(np.random.default_rng(3), 30, 2, max_attempts=6)
    result = arbitrage(market)
    assert result.billing == "attempts, unbiased pass@k, stop-at-record"
    named = arbitrage(attempt_curves(market, billing="stop-at-record"))
    np.testing.assert_array_equal(result.margin, named.margin)
    # Nobody is billed more than every recorded attempt costs.
    every = market.weight @ np.where(market.recorded, market.attempts * market.cost, 0.0)
    assert np.all(~(result.model_prices > every * (1 + 1e-12)))
    # Dollars say that no policy knows what they use.
    assert "no policy knows it" in arbitrage(dollar_curves(market)).billing
    assert "no policy knows it" in arbitrage(market, method="olmedo2026").billing


@pytest.mark.parametrize("models", [2, 3, 4])
@pytest.mark.parametrize("seed", range(4))
def test_one_attempt_per_pair_makes_no_margin_of_nothing(seed, models):
    # One law for all: at one attempt each the reach is one model's, and its price its own bill.
    rng, n = np.random.default_rng(seed), 500
    market = Market(
        [f"m{k}" for k in range(models)],
        [f"q{i}" for i in range(n)],
        np.ones((n, models), int),
        rng.integers(0, 2, (n, models)),
        10 ** rng.uniform(-5, -2, (n, models)),
    )
    margin = arbitrage(market)
    best = market.solve_rate.argmax()
    assert np.nanmax(margin.market_price) == pytest.approx(market.mean_cost[best], rel=1e-12)
    # Prices of one law differ by chance, so that a cascade of two cheap models may be cheaper than
    # a third; with two, the cascade is dearer than either.
    if models == 2:
        assert np.all(margin.margin <= 1e-12)
    assert np.nanmin(margin.arbitrage_cost) >= 0.9 * market.mean_cost.min()


def test_a_model_called_arbitrageur_is_not_mistaken_for_one():
    market = Market(
        ["arbitrageur", "dear"], ["x", "y"], [[1, 1], [1, 1]], [[1, 1], [0, 1]], [[1, 10], [1, 10]]
    )
    result = arbitrage(attempt_curves(market), solve_rates=[1.0])
    assert result.revenue_shares(arbitrageur=False).shape == (1, 2)
    with pytest.raises(InputError, match=r"called 'arbitrageur'.*rename it"):
        result.revenue_shares()


def test_the_authors_method_needs_every_record():
    market = random_market(np.random.default_rng(0), 12, 2, missing=0.4)
    with pytest.raises(InputError, match=r"needs a record of every model.*intersection"):
        arbitrage(market, method="olmedo2026")
    assert arbitrage(market.intersection(), method="olmedo2026").mean_margin >= 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: arbitrage(m, method="best"), "No method 'best'"),
        (lambda m: arbitrage(m, solve_rates=[0.5, 1.2]), "between 0 and 1"),
        (lambda m: arbitrage(m, solve_rates=[]), "between 0 and 1"),
        (lambda m: arbitrage(dollar_curves(m), method="olmedo2026"), "give it a market"),
        (lambda m: arbitrage(m).at(-0.1), "between 0 and 1, not -0.1"),
        (lambda m: paper_curve(m, [0.1]), "one budget >= 0 for each of"),
        (lambda m: paper_curve(m, [0.1, -1]), "one budget >= 0 for each of"),
        (lambda m: paper_policy(m.select(["model-0"]), np.array([0.1])), "for two models"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    market = random_market(np.random.default_rng(0), 10, 2)
    with pytest.raises(InputError, match=message):
        call(market)


def test_a_market_nobody_solves_has_no_margin():
    market = Market(["a", "b"], ["x"], [[2, 2]], [[0, 0]], [[0.1, 0.1]])
    with pytest.raises(InputError, match="No model of this market solves anything"):
        arbitrage(market)
    frontier = cascade_frontier(market)
    result = arbitrage(frontier, solve_rates=[0.5])
    assert np.isnan(result.margin).all()
    with pytest.raises(InputError, match="undefined at every solve rate"):
        _ = result.peak


def test_a_solve_rate_of_zero_costs_nothing_and_has_no_shares():
    market = random_market(np.random.default_rng(0), 10, 2)
    result = arbitrage(market, solve_rates=[0.0, 0.3])
    assert result.market_price[0] == result.arbitrage_cost[0] == result.margin[0] == 0
    for arbitrageur in (False, True):
        shares = result.revenue_shares(arbitrageur=arbitrageur)
        assert shares.iloc[0].isna().all()
        assert shares.iloc[1].sum() == pytest.approx(1)


def test_shares_and_games_accept_extreme_prices():
    """Rounding must not make a purchase negative: sellers refuse those."""
    for seed in range(12):
        market = extreme_market(seed)
        result = arbitrage(market, solve_rates=np.linspace(0.01, 0.99, 60))
        shares = result.revenue_shares()
        priced = np.isfinite(result.market_price)
        np.testing.assert_allclose(shares[priced].sum(axis=1), 1.0, atol=1e-9)
        assert (shares[priced].to_numpy() >= 0).all()
        solved = BertrandGame.from_arbitrage(result).solve()
        assert not solved.epsilon > 1e-12 * np.nanmax(result.market_price, initial=0.0)


def test_authors_edge_allocations_are_the_models_alone(simulated):
    """All dollars to one stage: that provider's own curve, its reach included."""
    pair = simulated.select(models=["gpt5mini", "deepseek"])
    for first, second in ((1.0, 0.0), (0.0, 1.0)):
        policy = paper_curve(pair, [first, second])
        alone = policy.providers[0 if first else 1]
        rates = np.linspace(0.4, alone.max_solve_rate, 50)
        np.testing.assert_allclose(policy.spend_at(rates), alone.spend_at(rates), rtol=0.02)
        assert policy.max_solve_rate >= alone.max_solve_rate
