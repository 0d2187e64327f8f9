"""Undercutting in turn."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from arbmodels.curves import dollar_curves
from arbmodels.games import (
    BertrandGame,
    Seller,
    undercut,
)
from arbmodels.margins import Arbitrage, arbitrage
from games_cases import COSTS, one_rate, small_arbitrage


@pytest.fixture(scope="module")
def small() -> Arbitrage:
    return small_arbitrage()


def test_undercutting_by_hand():
    path = undercut(one_rate(1.0, 3.0), step=0.5, start=16.0)
    assert path.prices[:, 0].tolist() == [16, 8, 4, 2]
    assert path.setters[:, 0].tolist() == [-1, 0, 1, 0]
    assert path.margins[:, 0].tolist() == [15 / 16, 7 / 8, 3 / 4, 1 / 2]
    assert path.rounds_to_cost.tolist() == [3]
    assert path.to_frame()["set_by"].tolist() == ["start", "a", "b", "a"]
    assert "3 rounds" in str(path)
    # Three alike take turns in their order.
    turns = undercut(one_rate(1.0, 1.0, 1.0), step=0.5, start=16.0)
    assert turns.setters[:, 0].tolist() == [-1, 0, 1, 2, 0]
    # A price that rounding left above cost makes no further round.
    assert undercut(one_rate(*[1 - 1e-14] * 2), step=0.5, start=4.0).rounds == 2
    # The last step stops at cost, not below.
    assert undercut(one_rate(3.0, 3.0), step=0.5, start=16.0).prices[:, 0].tolist() == [
        16,
        8,
        4,
        3,
    ]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(COSTS | st.just(np.nan), min_size=3, max_size=3), min_size=1, max_size=4),
    st.floats(0.3, 0.99),
    st.floats(0.01, 200.0),
)
def test_undercutting_ends_within_a_step_of_the_limit_price(rows, step, start):
    costs = np.array(rows)
    sellers = [Seller(f"s{k}", c) for k, c in enumerate(costs.T)]
    game = BertrandGame(np.linspace(0.1, 0.9, len(costs)), sellers)
    path = undercut(game, step, start)
    # The start is a price somebody offers: a seller who never goes below it.
    market = BertrandGame(game.solve_rates, [*sellers, Seller("start", [start] * len(costs))])
    limit = market.solve().market_price
    lowest = np.fmin.reduce(costs, axis=1)
    contested = lowest < start  # elsewhere the start stays
    assert np.all(path.limit <= np.where(contested, limit, start) * (1 + 1e-9))
    assert np.all(path.limit >= np.where(contested, step * limit, start) * (1 - 1e-9))
    # Every move is by one step or to the mover's cost, by somebody who does not hold the price.
    for before, after, old, new in zip(
        path.prices[:-1], path.prices[1:], path.setters[:-1], path.setters[1:], strict=True
    ):
        moved = after != before
        assert moved.any()
        assert np.array_equal(moved, old != new)
        mover_cost = costs[np.arange(len(costs)), new]
        assert np.all(after[moved] == np.maximum(step * before, mover_cost)[moved])
    # And in the end nobody else could.
    holds = np.arange(3) == path.setters[-1][:, None]
    assert np.all(holds | ~(costs < path.limit[:, None] * (1 - 1e-9)))
    reached = np.isfinite(lowest)
    assert np.all((path.margins[:, reached] >= 0) & (path.margins[:, reached] < 1))
    assert np.all(np.isnan(path.margins[:, ~reached]))


def test_undercutting_of_two_alike_ends_at_cost_in_the_expected_number_of_rounds(small):
    path = undercut(small)
    np.testing.assert_allclose(path.limit, small.arbitrage_cost, rtol=1e-12)
    np.testing.assert_array_equal(path.prices[0], small.market_price)
    for k in range(path.rounds + 1):
        np.testing.assert_allclose(
            path.prices[k],
            np.maximum(0.93**k * small.market_price, np.minimum(lean := path.cost, path.prices[0])),
        )
    gap = np.log(small.market_price / lean) / -np.log(0.93)
    np.testing.assert_array_equal(path.rounds_to_cost, np.ceil(gap - 1e-9))
    assert path.margins[-1].max() < 1e-12


def test_undercutting_has_no_price_beyond_the_market():
    game = BertrandGame([0.5, 0.6], [Seller("a", [1, 1]), Seller("b", [1, 1])])
    path = undercut(game, 0.5, [4.0, np.nan])
    np.testing.assert_equal(path.limit, [1.0, np.nan])
    np.testing.assert_equal(path.rounds_to_cost, [2.0, np.nan])
    np.testing.assert_equal(path.margins[0], [0.75, np.nan])


@pytest.mark.parametrize(("method", "rounds"), [("exact", 9), ("olmedo2026", 8)])
def test_margins_vanish_first_at_low_solve_rates(swebench_pair, method, rounds):
    """Figure 2 on the authors' data, steps of 0.93: true but for one or two small dips."""
    source = swebench_pair if method == "olmedo2026" else dollar_curves(swebench_pair)
    margin = arbitrage(source, method=method)
    path = undercut(margin)
    until = path.rounds_to_cost
    assert path.rounds == until.max() == until[-1] == rounds
    assert until[0] == 0
    falls = np.diff(until) < 0
    assert falls.sum() <= 2
    assert np.diff(until).min() == -1
    # After every round the solve rates at cost lie below the others, on average.
    at_cost = path.margins <= 1e-12
    for done in at_cost[1:-1]:
        assert margin.solve_rates[done].max() < margin.solve_rates[~done].mean() + 0.01
        assert margin.solve_rates[done].mean() < margin.solve_rates[~done].min()


def test_undercutting_on_the_simulated_market(simulated):
    market = simulated.select(models=list(simulated.models[:2]))
    path = undercut(arbitrage(market))
    assert np.all(np.isfinite(path.prices))
    np.testing.assert_allclose(path.limit, path.game.solve().market_price, rtol=1e-9)
