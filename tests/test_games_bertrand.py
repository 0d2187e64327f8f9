"""The limit-pricing equilibrium, and arbitrageurs among providers."""

from __future__ import annotations

import itertools
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given, settings

from arbmodels.curves import dollar_curves
from arbmodels.games import (
    BertrandGame,
    Seller,
    bertrand_profit,
)
from arbmodels.margins import Arbitrage, arbitrage
from games_cases import COSTS, one_rate, small_arbitrage


@pytest.fixture(scope="module")
def small() -> Arbitrage:
    return small_arbitrage()


@pytest.mark.parametrize(
    ("costs", "cap", "price", "shares"),
    [
        ([2.0, 5.0], None, 5.0, [1, 0]),
        ([2.0, 5.0], 9.0, 5.0, [1, 0]),
        ([2.0, 5.0], 4.0, 4.0, [1, 0]),
        ([2.0, 5.0], 2.0, 2.0, [1, 0]),
        ([2.0, 5.0], 1.0, np.nan, [0, 0]),
        ([5.0, 2.0, 2.0, 7.0], None, 2.0, [0, 0.5, 0.5, 0]),
        ([np.nan, 3.0, 4.0], None, 4.0, [0, 1, 0]),
        ([np.inf, 3.0], 8.0, 8.0, [0, 1]),
        ([np.nan, 3.0], None, np.nan, [0, 1]),
        ([np.nan, np.nan], None, np.nan, [0, 0]),
    ],
)
def test_limit_price(costs, cap, price, shares):
    """p* = min(c2, v); alone without v: unbounded, and said so."""
    equilibrium = one_rate(*costs, willingness_to_pay=cap).solve()
    np.testing.assert_equal(equilibrium.market_price, [price])
    assert equilibrium.shares[0].tolist() == shares
    assert equilibrium.unserved[0] == (sum(shares) == 0)
    assert equilibrium.unbounded[0] == (np.isnan(price) and sum(shares) == 1)
    if not equilibrium.unbounded[0]:
        assert equilibrium.epsilon == 0.0
        earned = [0.0 if share == 0 else share * (price - c) for share, c in zip(shares, costs)]  # noqa: B905
        assert equilibrium.profits[0].tolist() == earned


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(COSTS | st.just(np.nan), min_size=3, max_size=3), min_size=1, max_size=6),
    st.none() | COSTS,
    st.floats(0.01, 0.9),
)
def test_solutions_are_certified_and_perturbed_ones_are_not(rows, cap, shift):
    costs = np.array(rows)
    rates = np.linspace(0.1, 0.9, len(costs))
    game = BertrandGame(
        rates, [Seller(f"s{k}", c) for k, c in enumerate(costs.T)], willingness_to_pay=cap
    )
    solution = game.solve()
    checked = ~solution.unbounded
    assert np.isnan(solution.epsilon) if not checked.any() else solution.epsilon <= 1e-12
    assert np.all(solution.deviations.searched_gain[checked] <= 1e-12)

    # Move the price of one sole winner with a lead, up or down: somebody gains, by that much.
    ranked = np.sort(np.where(np.isnan(costs), np.inf, costs), axis=1)
    lead = checked & (solution.shares.max(axis=1) == 1) & (ranked[:, 1] > ranked[:, 0] + 1e-3)
    lead &= solution.profits.max(axis=1) > 1e-3
    assume(lead.any())
    row = int(np.argmax(lead))
    winner = int(np.argmax(solution.shares[row]))
    for factor in (1 - shift, 1 + shift):
        prices = solution.prices.copy()
        prices[row, winner] *= factor
        wrong = game.certify(prices)
        price = solution.market_price[row]
        own = price * shift if factor < 1 else price - costs[row, winner]
        assert wrong.gains[row, winner] == pytest.approx(own)
        assert wrong.epsilon >= own * (1 - 1e-9)
        assert np.all(wrong.searched_gain[checked] <= wrong.gains[checked])


@pytest.mark.parametrize(("costs", "cap"), [((20, 35), 90), ((20, 35, 50), 90), ((20, 80), 60)])
def test_brute_force_on_a_fine_grid(costs, cap):
    """Grid equilibria without prices below cost lie within a step of the limit price."""
    grid = np.arange(15, 100, 5)
    players = range(len(costs))
    found = []
    for profile in itertools.product(*(grid[grid >= c] for c in costs)):
        stays = True
        for k in players:
            earned = bertrand_profit(
                grid,
                costs[k],
                np.delete(profile, k),
                np.delete(costs, k),
                willingness_to_pay=cap,
            )
            stays = stays and earned.max() <= earned[grid == profile[k]][0]
        if stays:
            found.append(min(profile))
    price = one_rate(*costs, willingness_to_pay=cap).solve().market_price[0]
    assert price in found
    assert all(abs(p - price) <= 5 for p in found)


def test_sellers_compete_separately_at_every_solve_rate():
    rng = np.random.default_rng(0)
    costs = rng.uniform(1, 3, (40, 3))
    costs[rng.random(costs.shape) < 0.2] = np.nan
    cap = rng.uniform(1, 4, 40)
    rates = np.linspace(0, 1, 40)
    together = BertrandGame(rates, [Seller(n, c) for n, c in zip("abc", costs.T)], cap).solve()  # noqa: B905
    for u in range(40):
        alone = one_rate(*costs[u], willingness_to_pay=cap[u]).solve()
        np.testing.assert_array_equal(together.prices[u], alone.prices[0])
        np.testing.assert_array_equal(together.profits[u], alone.profits[0])


def test_one_arbitrageur_takes_the_margin_two_take_nothing(small):
    useful = small.margin > 1e-9
    assert useful.sum() > 10
    one = BertrandGame.from_arbitrage(small, 1)
    alone = one.solve()
    np.testing.assert_array_equal(alone.market_price, small.market_price)
    profit = alone.profits[:, alone.players.index("arbitrageur")]
    np.testing.assert_allclose(
        profit[useful], (small.margin * small.market_price)[useful], rtol=1e-12
    )
    two = BertrandGame.from_arbitrage(small, 2)
    rivals = two.solve()
    np.testing.assert_allclose(rivals.market_price, small.arbitrage_cost, rtol=1e-12)
    assert rivals.profits.max() == 0
    assert alone.epsilon == rivals.epsilon == 0
    # Either way the providers together earn what the cascade costs, below the market price.
    for game, solved in ((one, alone), (two, rivals)):
        revenue = game.provider_revenue(solved)
        assert list(revenue.columns) == list(small.market.models)
        np.testing.assert_allclose(revenue.sum(axis=1), small.arbitrage_cost, rtol=1e-9)
        assert np.all(revenue.sum(axis=1)[useful] < small.market_price[useful])


def test_overheads_and_provider_costs_shift_the_limit_price(small):
    lean = small.arbitrage_cost
    dear = BertrandGame.from_arbitrage(small, 2, [0.0, 0.05]).solve()
    np.testing.assert_allclose(
        dear.market_price, np.minimum(1.05 * lean, small.market_price), rtol=1e-12
    )
    assert dear.profits[:, dear.players.index("arbitrageur 1")].max() > 0
    # Providers who can go down to a tenth of the list price keep arbitrageurs out.
    fight = BertrandGame.from_arbitrage(small, 2, provider_cost_share=0.1).solve()
    assert fight.shares[:, :2].sum(axis=1).min() == 1
    np.testing.assert_allclose(
        fight.market_price, np.minimum(0.1 * np.nanmax(small.model_prices, axis=1), lean)
    )


def test_cheapest_cascade_of_one_model_ties_with_its_provider(small):
    """The two costs differ by rounding only; the tie must not depend on it."""
    price = small.market_price
    for off, share in ((4e-16, 1 / 3), (-4e-16, 1 / 3), (1e-9, 1.0)):
        reselling = replace(small, arbitrage_cost=price * (1 + off))
        solved = BertrandGame.from_arbitrage(reselling).solve()
        np.testing.assert_allclose(solved.shares[:, :2].max(axis=1), share)


def test_provider_revenue_counts_only_what_is_sold():
    buyer = Seller(
        "k", [1.0, np.nan, 9.0], {"m": [0.4, np.nan, 3.0], "elsewhere": [0.6, np.nan, 6]}
    )
    game = BertrandGame([0.5, 0.6, 0.7], [Seller("m", [2.0] * 3), Seller("n", [3.0] * 3), buyer])
    revenue = game.provider_revenue(game.solve())
    assert revenue.to_dict("list") == {
        "m": [0.4, 3.0, 3.0],
        "n": [0.0, 0.0, 0.0],
        "elsewhere": [0.6, 0.0, 0.0],
    }


def test_without_arbitrageurs_the_best_provider_is_alone_at_the_top(swebench_pair):
    """Above GPT-5 mini's reach DeepSeek is alone: unbounded, unless consumers have a limit."""
    margin = arbitrage(swebench_pair)
    solved = BertrandGame.from_arbitrage(margin, 0).solve()
    reach = np.nanmax(margin.solve_rates[np.isfinite(margin.model_prices[:, 0])])
    np.testing.assert_array_equal(solved.unbounded, margin.solve_rates > reach)
    assert np.isnan(solved.market_price[-1])
    assert solved.epsilon == 0
    capped = BertrandGame.from_arbitrage(margin, 0, willingness_to_pay=1.0).solve()
    assert not capped.unbounded.any()
    assert capped.market_price[-1] == 1.0


@pytest.mark.parametrize("method", ["exact", "olmedo2026"])
def test_competition_on_the_real_market(swebench_pair, method):
    source = swebench_pair if method == "olmedo2026" else dollar_curves(swebench_pair)
    margin = arbitrage(source, method=method)
    price = margin.market_price
    sells = margin.arbitrage_cost < price
    one, two = (BertrandGame.from_arbitrage(margin, n) for n in (1, 2))
    np.testing.assert_array_equal(one.solve().market_price[sells], price[sells])
    assert one.solve().epsilon == two.solve().epsilon == 0
    np.testing.assert_array_equal(two.solve().market_price[sells], margin.arbitrage_cost[sells])
    # The authors: providers' joint revenue falls to about 59% at the top; less by exact cascades.
    share = two.provider_revenue(two.solve()).sum(axis=1).to_numpy() / price
    assert share[-1] == pytest.approx({"olmedo2026": 0.589, "exact": 0.538}[method], abs=0.001)
    # Where the authors' cascade is the dearer one, GPT-5 mini may charge up to its cost.
    assert sells.mean() > 0.95
    above = two.solve().market_price[~sells] - price[~sells]
    assert np.all(above >= -1e-12)
    assert np.any(above > 1e-6) == (method == "olmedo2026")
