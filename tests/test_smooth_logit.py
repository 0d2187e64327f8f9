"""Logit and nested logit pricing: equilibria, certificates, implied costs."""

from __future__ import annotations

import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import lambertw

from arbmodels.games.differentiated import DifferentiatedGame, LogitDemand, implied_costs
from smooth_cases import brute_force_gain, random_logit

FIVE = st.lists(st.floats(-3, 6), min_size=5, max_size=5)


@pytest.mark.parametrize(
    "demand",
    [
        LogitDemand([*"abcd"], [1.0, 2.0, 0.5, -3.0], 1.5, market_size=7.0),
        LogitDemand([*"abcd"], [1.0, 2.0, 0.5, -3.0], 1.5, outside=False),
        LogitDemand([*"abcd"], [1.0, 2.0, 0.5, 3.0], 1.5, list("xyxy"), {"x": 0.3, "y": 0.8}),
    ],
)
def test_derivatives_are_those_of_finite_differences(demand):
    prices, step = np.array([1.0, 0.3, 2.0, 0.7]), 1e-6
    shifts = step * np.eye(4)
    slope = (demand.quantities(prices + shifts) - demand.quantities(prices - shifts)) / (2 * step)
    np.testing.assert_allclose(demand.jacobian(prices), slope.T, atol=1e-8)
    surplus = demand.consumer_surplus(prices + shifts) - demand.consumer_surplus(prices - shifts)
    np.testing.assert_allclose(surplus / (2 * step), -demand.quantities(prices), atol=1e-8)
    owners, margins = np.array([0, 1, 0, 0]), np.array([0.2, 0.5, 1.0, -0.1])
    game = DifferentiatedGame(demand, 0.5, list("fgff"))
    full = np.where(owners[:, None] == owners, demand.jacobian(prices), 0.0)
    np.testing.assert_allclose(demand.owner_gradient(prices, margins, owners), margins @ full)
    up, down = game.profits(prices + shifts), game.profits(prices - shifts)
    own = ((up - down) / (2 * step))[np.arange(4), game.owner_of]
    np.testing.assert_allclose(game.marginal_profits(prices), own, atol=1e-8)


@given(quality=FIVE, prices=st.lists(st.floats(0, 1e4), min_size=5, max_size=5))
@settings(max_examples=50, deadline=None)
def test_shares_by_the_definition(quality, prices):
    demand = LogitDemand([*"abcde"], quality, 0.1, list("xxyyz"), {"x": 0.5, "y": 0.9, "z": 0.0})
    sigma, nest = np.array([0.5, 0.5, 0.9, 0.9, 0.0]), np.array([0, 0, 1, 1, 2])
    with np.errstate(under="ignore"):
        weight = np.exp((np.array(quality) - 0.1 * np.array(prices)) / (1 - sigma))
        total = np.bincount(nest, weight) ** (1 - np.array([0.5, 0.9, 0.0]))
        inside = weight / np.maximum(np.bincount(nest, weight)[nest], 1e-300)
    share = inside * (total / (1 + total.sum()))[nest]
    np.testing.assert_allclose(demand.shares(prices), share, rtol=1e-9, atol=1e-12)
    left = demand.outside_share(prices)
    assert demand.shares(prices).sum() + left == pytest.approx(1, abs=1e-12)
    many = demand.shares(np.array([prices, np.array(prices) / 2]))
    np.testing.assert_array_equal(many[0], demand.shares(prices))


@given(quality=FIVE, seed=st.integers(0, 100), sigma=st.sampled_from([0.0, 0.5, 0.7, 0.9]))
@settings(max_examples=25, deadline=None)
def test_equilibria_are_certified(quality, seed, sigma):
    rng = np.random.default_rng(seed)
    demand = LogitDemand([*"abcde"], quality, rng.uniform(0.2, 5), list("xxyyy"), sigma)
    owners = [f"f{k}" for k in rng.integers(0, 3, 5)]
    equilibrium = DifferentiatedGame(demand, rng.uniform(0, 3, 5), owners).solve(starts=2)
    assert equilibrium.converged
    assert equilibrium.deviations.exact
    assert equilibrium.relative_epsilon < 1e-10
    residual = equilibrium.game.marginal_profits(equilibrium.prices)
    scale = np.maximum(equilibrium.quantities, 1e-12)
    np.testing.assert_allclose(residual / scale, 0, atol=1e-8)


@pytest.mark.parametrize("sigma", [0.5, 0.7, 0.9])
def test_nested_logit_where_the_plain_markup_iteration_cycles(sigma):
    game = random_logit(12, nests=3, sigma=sigma)
    demand, alpha = game.demand, game.demand.price_coefficient
    prices, changes = game.effective_costs.copy(), []
    for _ in range(200):
        share, within = demand.shares(prices), demand.within_shares(prices)
        markup = (1 - sigma) / (alpha * (1 - sigma * within - (1 - sigma) * share))
        changes.append(np.abs(game.costs + markup - prices).max())
        prices = game.costs + markup
    equilibrium = game.solve()
    assert equilibrium.converged
    assert equilibrium.relative_epsilon < 1e-12
    share, within = equilibrium.shares, demand.within_shares(equilibrium.prices)
    markup = (1 - sigma) / (alpha * (1 - sigma * within - (1 - sigma) * share))
    np.testing.assert_allclose(equilibrium.markups, markup, rtol=1e-10)
    if sigma == 0.9:
        assert changes[-1] > 1e-3  # the plain iteration never comes to rest


def test_wrong_point_of_the_ten_firm_logit_is_rejected():
    # Far out nothing is sold, so that first-order conditions hold there too: one firm at 20, the
    # others in equilibrium given it; and all firms at 20.
    game = random_logit(10, price_coefficient=2.0)
    right = game.solve()
    for fixed in ({"p0": 20.0}, {f"p{j}": 20.0 for j in range(10)}):
        held = DifferentiatedGame(game.demand, game.costs, fixed=fixed)
        wrong = held.solve().prices
        assert np.abs(game.marginal_profits(wrong)).max() < 3e-14
        assert np.abs(wrong - right.prices).max() > 17
        found = game.certify(wrong)
        assert found.epsilon > 1e-3
        assert found.relative_epsilon > 1e6
        expected = brute_force_gain(game, wrong, 0)
        assert found.gain[0] == pytest.approx(expected, rel=1e-4)
    assert right.epsilon == 0
    assert not right.flags
    assert "sells" in " ".join(
        DifferentiatedGame(game.demand, game.costs, fixed={"p0": 20.0}).solve().flags
    )


@pytest.mark.parametrize(
    ("alpha", "nests", "sigma", "lost"),
    [(3.0, None, 0.0, ("p1", 15.027)), (1.3, 3, 0.7, ("p3", 10.625))],
)
def test_points_that_general_root_finders_return_are_rejected(alpha, nests, sigma, lost):
    # From x0 = 1, SciPy's hybr ends at the first and lm, reporting success, at the second: one firm
    # far out, the others in equilibrium given it.
    game = random_logit(10, price_coefficient=alpha, nests=nests, sigma=sigma)
    wrong = DifferentiatedGame(game.demand, game.costs, fixed=dict([lost])).solve().prices
    assert np.abs(game.marginal_profits(wrong)).max() < 1e-12
    found = game.certify(wrong)
    firm = game.firms.index(lost[0])
    assert found.epsilon == found.gain[firm] > 0.09
    assert found.deviation[firm] < 1.2  # 9 or 14 units lower
    assert np.delete(found.gain, firm).max() < 1e-12


def test_gains_at_arbitrary_prices_are_those_of_a_grid():
    for sigma, nests in ((0.0, None), (0.6, 2)):
        game = random_logit(6, nests=nests, sigma=sigma)
        prices = np.array([0.7, 1.0, 3.0, 2.0, 9.0, 1.5])
        found = game.certify(prices)
        for firm in range(6):
            grid = brute_force_gain(game, prices, firm)
            assert grid <= found.gain[firm] + 1e-12
            assert found.gain[firm] == pytest.approx(grid, rel=1e-3, abs=1e-5)


def test_best_response_of_several_products_beats_random_prices():
    game = random_logit(9, firms=3, nests=3, sigma=0.7, seed=3)
    prices = np.linspace(1, 3, 9)
    best = game.best_response("f1", prices)
    own = game.products_of[1]
    assert np.array_equal(np.delete(best, own), np.delete(prices, own))
    rows = np.tile(prices, (20_000, 1))
    rng = np.random.default_rng(0)
    rows[:, own] = best[own] + rng.normal(0, 1, (20_000, 3)) * rng.choice(
        [1, 0.1, 1e-3], (20_000, 1)
    )
    assert game.profits(rows)[:, 1].max() <= game.profits(best)[1] * (1 + 1e-12)


def test_one_product_best_response_is_lambert_w():
    game = random_logit(4, seed=2)
    prices = np.array([1.0, 2.0, 3.0, 4.0])
    alpha, quality = game.demand.price_coefficient, game.demand.quality
    others = 1 + np.exp(quality - alpha * prices)[1:].sum()
    weight = np.exp(quality[0] - alpha * game.costs[0])
    markup = (1 + lambertw(weight / np.e / others).real) / alpha
    assert game.best_response("p0", prices)[0] == pytest.approx(game.costs[0] + markup, rel=1e-12)


def test_thousand_products_within_memory():
    game = random_logit(1_000)
    tracemalloc.start()
    equilibrium = game.solve()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6
    assert equilibrium.converged
    assert equilibrium.relative_epsilon < 1e-12
    share = equilibrium.shares
    np.testing.assert_allclose(equilibrium.markups, 1 / (1.3 * (1 - share)), rtol=1e-11)


def test_monopolist_with_all_products_and_without_rivals():
    game = random_logit(5, firms=1)
    equilibrium = game.solve()
    # One markup on everything: alpha mu = 1 + W(sum of weights / e).
    alpha = game.demand.price_coefficient
    weight = np.exp(game.demand.quality - alpha * game.costs).sum()
    markup = (1 + lambertw(weight / np.e).real) / alpha
    np.testing.assert_allclose(equilibrium.markups, markup, rtol=1e-12)
    assert equilibrium.herfindahl == pytest.approx(1)
    alone = DifferentiatedGame(LogitDemand(["a"], [2.0], 1.0), [0.5]).solve()
    assert alone.relative_epsilon == 0
    assert alone.markups[0] == pytest.approx(1 + lambertw(np.exp(0.5)).real)


def test_identical_firms_price_alike():
    equilibrium = DifferentiatedGame(
        LogitDemand([*"abc"], [1.0] * 3, 2.0, outside=False), [0.5] * 3
    ).solve()
    np.testing.assert_allclose(equilibrium.markups, 3 / (2 * 2), rtol=1e-12)
    np.testing.assert_allclose(equilibrium.shares, 1 / 3)
    assert not equilibrium.others


def test_merger_raises_prices_and_welfare_adds_up():
    before = random_logit(6).solve()
    after = DifferentiatedGame(before.game.demand, before.game.costs, list("aabcde")).solve()
    assert np.all(after.prices > before.prices)
    assert after.consumer_surplus < before.consumer_surplus
    assert after.herfindahl > before.herfindahl
    parts = after.consumer_surplus + after.profits.sum()
    assert after.welfare == pytest.approx(parts)


@pytest.mark.parametrize(
    ("quality", "outside"), [([800.0, -800.0], True), ([800.0, 790.0], True), ([30.0, 0.0], False)]
)
def test_a_firm_that_has_nearly_everybody(quality, outside):
    demand = LogitDemand(["all", "none"], quality, 1.0, outside=outside)
    found = DifferentiatedGame(demand, [1.0, 1.0]).solve()
    assert found.converged
    assert found.iterations < 100
    assert found.epsilon <= 1e-12 * found.profits.max()


def test_zero_demand_tail():
    demand = LogitDemand(["good", "hopeless"], [3.0, -60.0], 1.0)
    equilibrium = DifferentiatedGame(demand, [1.0, 1.0]).solve()
    assert equilibrium.relative_epsilon < 1e-10
    assert equilibrium.markups[1] == pytest.approx(1)
    assert "hopeless" in equilibrium.flags[0]


def test_prices_below_cost_and_far_above_it_are_flagged():
    game = random_logit(3, fixed={"p0": 0.1, "p2": 5_000.0})
    equilibrium = game.solve()
    assert equilibrium.prices[[0, 2]].tolist() == [0.1, 5_000.0]
    assert equilibrium.relative_epsilon < 1e-12  # of the one price that is chosen
    text = " ".join(equilibrium.flags)
    assert "p0 at 0.1000 USD is below its cost" in text
    assert "times its cost" in text
    loses = DifferentiatedGame(game.demand, game.costs).certify([0.1, 2.0, 2.0])
    assert loses.profit[0] < 0 < loses.gain[0]


def test_fixed_prices_within_a_firm_and_nest():
    game = random_logit(8, firms=2, nests=2, sigma=0.6, fixed={"p0": 1.5, "p5": 4.0})
    equilibrium = game.solve()
    assert equilibrium.relative_epsilon < 1e-10
    assert not equilibrium.deviations.exact  # searched only: the markup need not be unique
    free = ~game.is_fixed
    np.testing.assert_allclose(game.marginal_profits(equilibrium.prices)[free], 0, atol=1e-10)
    everything = random_logit(2, fixed={"p0": 1.0, "p1": 1.0}).solve()
    assert everything.epsilon == 0


@pytest.mark.parametrize("sigma", [0.0, 0.6])
def test_a_fixed_price_below_cost_makes_its_firm_price_low(sigma):
    # Selling b at a loss of 6 each: a is priced below cost, to draw buyers away from b.
    demand = LogitDemand([*"abc"], [2.0, 3.0, 1.0], 1.0, [*"xyx"], sigma)
    game = DifferentiatedGame(demand, [1.0, 8.0, 0.5], [*"ffg"], fixed={"b": 2.0})
    found = game.solve()
    assert found.profits[0] < 0
    assert found.prices[0] < 1.0
    assert found.relative_epsilon < 1e-10
    rows = np.tile(found.prices, (4_001, 1))
    rows[:, 0] = np.linspace(-20, 20, 4_001)
    assert game.profits(rows)[:, 0].max() <= found.profits[0] + 1e-12


def test_taxes():
    plain = random_logit(4).solve()
    taxed = random_logit(4, unit_tax=0.3).solve()
    dearer = DifferentiatedGame(plain.game.demand, plain.game.costs + 0.3).solve()
    np.testing.assert_allclose(taxed.prices, dearer.prices, rtol=1e-12)
    assert taxed.tax_revenue == pytest.approx(0.3 * taxed.quantities.sum())
    value = random_logit(4, ad_valorem_tax=0.2).solve()
    assert value.relative_epsilon < 1e-12
    kept = 0.8 * value.prices - value.game.costs
    np.testing.assert_allclose(value.profits, kept * value.quantities, rtol=1e-12)
    np.testing.assert_allclose(value.game.marginal_profits(value.prices), 0, atol=1e-12)


@pytest.mark.parametrize("sigma", [0.0, 0.7])
def test_implied_costs_are_those_of_the_game(sigma):
    game = random_logit(9, firms=3, nests=2, sigma=sigma, unit_tax=0.1, ad_valorem_tax=0.1, seed=5)
    equilibrium = game.solve()
    found = implied_costs(
        game.demand, equilibrium.prices, game.owners, unit_tax=0.1, ad_valorem_tax=0.1
    )
    np.testing.assert_allclose(found.costs, game.costs, rtol=1e-10)
    assert not found.negative
    np.testing.assert_allclose(found.game().solve().prices, equilibrium.prices, rtol=1e-10)
    assert "cost" in str(found)


def test_implied_costs_below_zero_are_told():
    demand = LogitDemand.from_shares(["a", "b"], [1.0, 0.2], [0.3, 0.3], 1.0)
    np.testing.assert_allclose(demand.shares([1.0, 0.2]), 0.3, rtol=1e-12)
    found = implied_costs(demand, [1.0, 0.2])
    markup = 1 / 0.7
    assert found.negative == pytest.approx({"a": 1 - markup, "b": 0.2 - markup})
    flags = " ".join(found.game().solve().flags)
    assert "a has a negative cost" in flags
    assert "b has a negative cost" in flags
    least = found.least_price_coefficient
    assert least == pytest.approx(markup / 0.2)
    again = LogitDemand.from_shares(["a", "b"], [1.0, 0.2], [0.3, 0.3], least)
    assert implied_costs(again, [1.0, 0.2]).costs.min() == pytest.approx(0, abs=1e-12)


def test_shares_are_inverted_under_nested_logit():
    price, share = np.array([1.0, 2.0, 0.5]), np.array([0.2, 0.1, 0.3])
    demand = LogitDemand.from_shares([*"abc"], price, share, 1.2, nests=[*"xxy"], sigma=0.6)
    np.testing.assert_allclose(demand.shares(price), share, rtol=1e-12)


def test_solve_rates_make_qualities():
    demand = LogitDemand.from_solve_rates(["a", "b"], [0.5, 0.8], 10.0, 2.0)
    np.testing.assert_allclose(demand.quality, [10.0, 16.0])


def test_leader_earns_at_least_as_much_as_without_leading():
    demand = LogitDemand([*"abc"], [1.0, 2.0, 3.0], 1.0)
    game = DifferentiatedGame(demand, [1.0] * 3)
    nash, led = game.solve(), DifferentiatedGame(demand, [1.0] * 3, leader="b").solve()
    assert led.profits[1] > nash.profits[1]
    assert np.all(led.prices > nash.prices)  # prices are strategic complements
    assert led.relative_epsilon < 1e-10
    # The leader would gain by moving if the others stood still; the certificate lets them answer.
    assert game.certify(led.prices).gain[1] > 1e-4
    assert "b's answered" in led.deviations.domain
    wrong = DifferentiatedGame(demand, [1.0] * 3, leader="b").certify(nash.prices, resolution=21)
    assert wrong.gain[1] == pytest.approx(led.profits[1] - nash.profits[1], rel=1e-6)


def test_results_show_themselves():
    equilibrium = random_logit(30, firms=10).solve()
    assert str(equilibrium).startswith("epsilon = ")
    assert "10 more products" in str(equilibrium)
    frame = equilibrium.to_frame()
    assert frame["profit"].sum() == pytest.approx(equilibrium.profits.sum())
    plain = equilibrium.to_dict()
    assert plain["kind"] == "pure"
    assert plain["epsilon"] == equilibrium.epsilon
    assert len(equilibrium.trace) == equilibrium.iterations
    assert equilibrium.plot().get_title()
    two = random_logit(3).solve()
    axes = two.plot_best_responses(["p0", "p2"])
    first, second = axes.lines[0], axes.lines[1]
    # Both best responses pass through the equilibrium.
    np.testing.assert_allclose(
        np.interp(two.prices[2], first.get_ydata(), first.get_xdata()), two.prices[0], rtol=1e-4
    )
    np.testing.assert_allclose(
        np.interp(two.prices[0], second.get_xdata(), second.get_ydata()), two.prices[2], rtol=1e-4
    )


@pytest.mark.parametrize("count", [4, pytest.param(9, marks=pytest.mark.slow)])
def test_nests_of_near_homogeneous_goods_without_warnings(count):
    """Sigma of 0.999: judged by fine grids around the prices, and one over all of them."""
    game = random_logit(count, nests=2, sigma=0.999)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = game.solve()
    assert found.relative_epsilon < 1e-9
    for firm in range(count):
        for points, high in ((4_001, 10.0), (4_001, 2 * float(found.prices[firm]))):
            gain = brute_force_gain(game, found.prices, firm, points, high)
            assert gain <= 1e-9 * max(float(found.profits.max()), 1e-12)
