"""Linear and vertical demand: equilibria with their corners, certificates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbmodels.games.differentiated import (
    DifferentiatedGame,
    LinearDemand,
    VerticalDemand,
    implied_costs,
)
from smooth_cases import brute_force_gain


def test_linear_demand_never_sells_less_than_nothing():
    demand = LinearDemand.symmetric(["a", "b", "c"], 10.0, 4.0, 1.0)
    prices = np.array([[2.0, 3.0, 50.0], [90.0, 90.0, 3.0], [90.0, 90.0, 90.0]])
    sold = demand.quantities(prices)
    assert (sold >= 0).all()
    # c is priced out: as if it charged what makes its demand vanish.
    reduced = (10 + 2 + 3) / 4
    np.testing.assert_allclose(sold[0], demand.intercept - demand.slopes @ [2, 3, reduced])
    assert sold[0, 2] == pytest.approx(0, abs=1e-12)
    assert sold[1, 2] > 0 == sold[1, 0]
    assert sold[2].tolist() == [0, 0, 0]
    assert demand.shares(prices)[2].tolist() == [0, 0, 0]
    np.testing.assert_allclose(demand.shares(prices)[:2].sum(axis=1), 1)


def test_linear_demand_maximises_its_utility():
    demand = LinearDemand.symmetric(["a", "b"], 10.0, 2.0, 1.0)
    inverse = np.linalg.inv(demand.slopes)
    grid = np.linspace(0, 20, 201)
    one, two = np.meshgrid(grid, grid, indexing="ij")
    amounts = np.stack([one, two], axis=-1)
    for prices in ([3.0, 4.0], [3.0, 9.0], [12.0, 12.0]):
        value = amounts @ (inverse @ demand.intercept - prices)
        value -= 0.5 * np.einsum("...i,ij,...j", amounts, inverse, amounts)
        best = amounts.reshape(-1, 2)[value.argmax()]
        np.testing.assert_allclose(demand.quantities(prices), best, atol=0.11)
        assert demand.consumer_surplus(prices) == pytest.approx(value.max(), abs=0.02)


@pytest.mark.parametrize(
    ("demand", "prices"),
    [
        (LinearDemand.symmetric(["a", "b", "c"], 10.0, 4.0, 1.0), [2.0, 3.0, 1.0]),
        (LinearDemand.symmetric(["a", "b", "c"], 10.0, 4.0, 1.0), [2.0, 3.0, 50.0]),
        (LinearDemand(["u", "v"], [24.0, 36.0], [[4, 6], [6, 9]]), [2.0, 1.0]),
        (VerticalDemand(["l", "m", "h"], [0.5, 0.7, 1.0]), [0.1, 0.2, 0.4]),
        (VerticalDemand(["l", "m", "h"], [0.5, 0.7, 1.0]), [0.1, 0.9, 0.4]),
        (VerticalDemand(["h", "l"], [1.0, 0.5], 1.0, 2.0, market_size=3.0), [0.7, 0.1]),
    ],
)
def test_derivatives_are_those_of_finite_differences(demand, prices):
    step, count = 1e-6, len(prices)
    shifts = step * np.eye(count)
    slope = (demand.quantities(prices + shifts) - demand.quantities(prices - shifts)) / (2 * step)
    np.testing.assert_allclose(demand.jacobian(prices), slope.T, atol=1e-7)
    game = DifferentiatedGame(demand, 0.05, ["f", *"gh"[: count - 1]])
    profit = (game.profits(prices + shifts) - game.profits(prices - shifts)) / (2 * step)
    own = profit[np.arange(count), game.owner_of]
    np.testing.assert_allclose(game.marginal_profits(prices), own, atol=1e-7)


def test_vertical_shares_by_asking_consumers():
    rng = np.random.default_rng(0)
    for outside in (True, False):
        demand = VerticalDemand([*"abcd"], [0.3, 0.9, 0.5, 0.7], 0.2, 1.5, outside, 2.0)
        for _ in range(20):
            prices = rng.uniform(0, 0.6, 4)
            taste = (np.arange(100_000) + 0.5) / 100_000 * 1.3 + 0.2
            surplus = taste[:, None] * demand.solve_rates - prices
            if outside:
                surplus = np.column_stack([surplus, np.zeros(len(taste))])
            chosen = surplus.argmax(axis=1)
            share = np.bincount(chosen, minlength=5)[:4] / len(taste)
            np.testing.assert_allclose(demand.shares(prices), share, atol=3e-5)
            mean = 2 * surplus.max(axis=1).mean()
            assert demand.consumer_surplus(prices) == pytest.approx(mean, abs=1e-4)


@given(
    rates=st.lists(st.floats(0.1, 1.0), min_size=2, max_size=4),
    costs=st.lists(st.floats(0, 0.5), min_size=4, max_size=4),
    lowest=st.sampled_from([0.0, 0.5]),
)
@settings(max_examples=8, deadline=None)
def test_vertical_equilibria_hold_wherever_the_corner(rates, costs, lowest):
    rates = [rate + 0.02 * k for k, rate in enumerate(sorted(rates))]
    demand = VerticalDemand([*"abcd"][: len(rates)], rates, lowest, lowest + 1)
    game = DifferentiatedGame(demand, costs[: len(rates)])
    found = game.solve(starts=1)
    assert found.epsilon <= 1e-9
    for firm in range(len(rates)):
        assert brute_force_gain(game, found.prices, firm, 501, 2.0) <= found.epsilon + 1e-12
    # Whoever sells nothing cannot do better, and does not price below cost.
    unsold = found.quantities == 0
    assert np.all(found.prices[unsold] >= game.effective_costs[unsold] - 1e-12)


def test_a_firm_priced_out_still_limits_the_price():
    found = DifferentiatedGame(VerticalDemand(["low", "high"], [0.5, 1.0]), [0.3, 0.1]).solve()
    # The monopoly price of "high" is 0.55, at which "low" would sell at its cost 0.3 > 0.275 never.
    assert found.quantities[0] == 0
    assert found.prices[1] == pytest.approx(0.55)
    binding = DifferentiatedGame(LinearDemand.hotelling(["near", "far"], 2.0), [1.0, 20.0]).solve()
    assert binding.prices[0] == pytest.approx(18.0)  # far's cost less transport: all buy from near
    np.testing.assert_allclose(binding.quantities, [1, 0], atol=1e-9)
    assert binding.epsilon < 1e-8
    assert "far" in " ".join(binding.flags)


def test_several_equilibria_where_two_firms_together_keep_a_third_out():
    # b sells nothing at its cost as long as a and c leave it no taste in between: either may be
    # the one who is a little dearer.
    demand = VerticalDemand(["a", "b", "c"], [0.31, 0.55, 0.84], 0.47, 1.5)
    game = DifferentiatedGame(demand, [0.06, 0.40, 0.49])
    found = game.solve(starts=3)
    assert found.others
    for prices in (found.prices, *found.others):
        assert demand.quantities(prices)[1] < 1e-9
        assert prices[1] == pytest.approx(0.40)
        for firm in range(3):
            assert brute_force_gain(game, prices, firm, 2_001, 2.0) < 1e-9
        # At b's cost its neighbours' borders touch.
        left = (0.40 - prices[0]) / (0.55 - 0.31)
        assert left == pytest.approx((prices[2] - 0.40) / (0.84 - 0.55))
    assert abs(found.prices[0] - found.others[0][0]) > 1e-3


def test_covered_market_with_the_lowest_taste_held_at_zero_surplus():
    found = DifferentiatedGame(
        VerticalDemand(["low", "high"], [0.5, 1.0], 0.2, 1.2), [0.0, 0.0]
    ).solve()
    assert found.relative_epsilon < 1e-9
    # Uncovered prices would leave the lowest taste out, covered ones would make it pay too much.
    assert found.prices[0] == pytest.approx(0.2 * 0.5)
    assert found.quantities.sum() == pytest.approx(1)


def test_one_firm_with_all_products():
    demand = LinearDemand.symmetric(["a", "b"], 10.0, 2.0, 1.0)
    both = DifferentiatedGame(demand, [1.0, 2.0], ["f", "f"]).solve()
    # Each at the mean of its cost and the price at which nothing sells.
    np.testing.assert_allclose(both.prices, (10.0 + np.array([1.0, 2.0])) / 2)
    assert both.relative_epsilon < 1e-12
    vertical = DifferentiatedGame(
        VerticalDemand(["l", "h"], [0.5, 1.0]), [0.0, 0.0], ["f", "f"]
    ).solve(starts=1)
    assert vertical.profits[0] == pytest.approx(0.25)  # the better product alone at 1/2
    assert vertical.epsilon < 1e-9


def test_wrong_prices_of_a_firm_with_several_products_are_found_out():
    demand = LinearDemand.symmetric([*"abc"], 10.0, 3.0, 1.0)
    game = DifferentiatedGame(demand, 1.0, ["f", "f", "g"])
    right = game.solve()
    wrong = right.prices + np.array([0.3, -0.2, 0.0])
    found = game.certify(wrong)
    best = game.profits(game.best_response("f", wrong))[0]
    assert found.gain[0] == pytest.approx(best - game.profits(wrong)[0])
    assert best == pytest.approx(right.profits[0])
    assert isinstance(found.deviation[0], str)


def test_implied_costs_under_linear_demand():
    demand = LinearDemand.symmetric([*"abc"], 10.0, 3.0, 1.0)
    game = DifferentiatedGame(demand, [1.0, 0.5, 2.0], ["f", "f", "g"])
    found = implied_costs(demand, game.solve().prices, game.owners)
    np.testing.assert_allclose(found.costs, game.costs)
    with pytest.raises(ValueError, match="Only logit"):
        _ = found.least_price_coefficient
    with pytest.raises(ValueError, match="'c' sells nothing"):
        implied_costs(demand, [1.0, 1.0, 90.0])
