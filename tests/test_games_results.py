"""What a solved game says, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from matplotlib import pyplot as plt

from arbmodels.errors import InputError
from arbmodels.games import (
    BertrandGame,
    Seller,
    arbitrageurs_from,
    providers_from,
    undercut,
)
from arbmodels.margins import Arbitrage
from games_cases import one_rate, small_arbitrage


@pytest.fixture(scope="module")
def small() -> Arbitrage:
    return small_arbitrage()


def test_result_shows_epsilon_first_and_is_json(small):
    game = BertrandGame.from_arbitrage(small, 1, willingness_to_pay=0.5 * small.market_price.max())
    solved = game.solve()
    assert str(solved).startswith("epsilon = 0.000 USD/instance: pure equilibrium")
    assert "Nobody sells at" in str(solved)
    assert "ties go to the lowest cost" in solved._repr_html_()
    said = json.loads(json.dumps(solved.to_dict(), allow_nan=False))
    assert said["kind"] == "pure"
    assert said["players"] == [*small.market.models, "arbitrageur"]
    assert said["epsilon"] == 0
    assert len(said["prices"]["arbitrageur"]) == len(said["solve_rates"]) == 25
    assert said["market_price"][-1] is None
    assert said["unserved_solve_rates"][-1] == said["solve_rates"][-1]
    assert said["profits"]["arbitrageur"] == solved.profits[:, 2].tolist()
    assert said["certificate"]["arbitrageur"]["gain"] == 0
    assert said["mean_profits"]["arbitrageur"] == pytest.approx(solved.profits[:, 2].mean())
    frame = solved.to_frame()
    assert len(frame) == 75
    assert frame.groupby("player")["profit"].mean()["arbitrageur"] == solved.mean_profits[2]


def test_unbounded_prices_are_null_and_said():
    solved = one_rate(np.nan, 3.0).solve()
    assert "one seller alone there" in str(solved)
    said = json.loads(json.dumps(solved.to_dict(), allow_nan=False))
    assert said["prices"] == {"a": [None], "b": [None]}
    assert said["profits"] == {"a": [0.0], "b": [None]}
    assert said["epsilon"] is None
    assert said["unbounded_solve_rates"] == [0.7]


def test_plots_show_price_and_costs(small):
    solved = BertrandGame.from_arbitrage(small).solve()
    axes = solved.plot()
    np.testing.assert_array_equal(axes.lines[-1].get_ydata(), solved.market_price)
    assert len(axes.lines) == 5
    path = undercut(small, step=0.9)
    lines = path.plot().lines
    np.testing.assert_array_equal(lines[0].get_ydata(), path.prices[0])
    np.testing.assert_array_equal(lines[-2].get_ydata(), path.limit)
    assert len(undercut(one_rate(2.0, 3.0), start=1.0).plot().lines) == 2
    plt.close("all")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Seller("a", [1.0, -2.0]), "Seller 'a': cost is -2 at position 1"),
        (lambda: Seller("a", 1.0), r"Seller 'a': cost has shape \(\)"),
        (lambda: Seller("a", [1.0], {"m": [1.0, 2.0]}), "2 purchases of 'm' for 1 costs"),
        (lambda: Seller("a", [1.0], {"m": [-1.0]}), "purchases of 'm' is -1 at position 0"),
        (lambda: BertrandGame([0.5], []), "at least one seller"),
        (lambda: BertrandGame([1.5], [Seller("a", [1])]), "between 0 and 1"),
        (lambda: BertrandGame([0.5, 0.6], [Seller("a", [1])]), "1 costs for 2 solve rates"),
        (lambda: BertrandGame([0.5], [Seller("a", [1])] * 2), "same name: a, a"),
        (lambda: one_rate(1.0, willingness_to_pay=-1.0), "willingness to pay is one number >= 0"),
        (lambda: one_rate(1.0, willingness_to_pay=np.nan), "leave it out"),
        (lambda: one_rate(1.0, willingness_to_pay=[1.0, 2.0]), r"one per solve rate \(1\)"),
        (lambda: undercut(one_rate(1.0), 1.0, 2.0), "The step"),
        (lambda: undercut(one_rate(1.0), 0.0, 2.0), "The step"),
        (lambda: undercut(one_rate(1.0)), "needs start="),
        (lambda: undercut(one_rate(1.0), start=-1.0), "start is one price >= 0"),
        (lambda: undercut(one_rate(1.0), start=[1.0, 2.0]), "one per solve rate"),
        (lambda: undercut(one_rate(0.0, 0.0), start=1.0), "solve rate 0.7: undercutting never"),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda a: providers_from(a, 0.0), "cost share"),
        (lambda a: providers_from(a, 1.1), "cost share"),
        (lambda a: arbitrageurs_from(a, -1), "number of arbitrageurs must"),
        (lambda a: arbitrageurs_from(a, 1.5), "whole number >= 0"),
        (lambda a: arbitrageurs_from(a, 2, [0.1]), "do not fit 2 arbitrageurs"),
        (lambda a: arbitrageurs_from(a, 1, [-0.1]), "give 1 numbers >= 0"),
    ],
)
def test_bad_players_are_refused(small, make, message):
    with pytest.raises(InputError, match=message):
        make(small)


def test_inputs_cannot_be_changed_afterwards():
    cost = np.array([1.0, 2.0])
    seller = Seller("a", cost)
    cost[0] = 9.0
    assert seller.cost[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        seller.cost[0] = 3.0
