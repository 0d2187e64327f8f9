"""The payoff of price competition, its exact best response, and the certificate."""

from __future__ import annotations

import itertools

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from arbmodels.errors import InputError
from arbmodels.games import (
    BertrandGame,
    Seller,
    bertrand_profit,
    best_response,
    certify,
)
from games_cases import COSTS


def test_payoff_by_hand():
    # Alone at the lowest price; above it; a tie with a cheaper, an equal and a dearer seller.
    assert bertrand_profit(4.0, 3.0, [5.0], [1.0]) == 1.0
    assert bertrand_profit(6.0, 3.0, [5.0], [1.0]) == 0.0
    assert bertrand_profit(5.0, 3.0, [5.0], [1.0]) == 0.0
    assert bertrand_profit(5.0, 3.0, [5.0], [3.0]) == 1.0
    assert bertrand_profit(5.0, 3.0, [5.0], [4.0]) == 2.0
    assert bertrand_profit(5.0, 3.0, [5.0, 5.0, 5.0], [1.0, 3.0, 9.0], tie_rule="share") == 0.5
    assert bertrand_profit(2.0, 3.0, [5.0], [1.0]) == -1.0
    assert bertrand_profit(4.0, 3.0, [5.0], [1.0], willingness_to_pay=3.9) == 0.0
    # Rivals without an offer or out of reach do not count, nor do own prices that are none.
    assert bertrand_profit(4.0, 3.0, [np.nan, 2.0], [1.0, np.inf]) == 1.0
    assert bertrand_profit(np.nan, 3.0, [5.0], [1.0]) == 0.0
    assert bertrand_profit(np.inf, 3.0, [np.nan], [1.0]) == 0.0
    assert bertrand_profit(4.0, np.nan, [5.0], [1.0]) == 0.0


def test_unknown_tie_rule_is_refused():
    with pytest.raises(InputError, match="No tie rule 'high_cost'; choose 'low_cost' or 'share'"):
        bertrand_profit(1.0, 1.0, [1.0], [1.0], tie_rule="high_cost")


def test_best_response_tells_a_limit_from_a_maximum():
    # Against a dearer rival the tie is ours: the maximum is attained at the rival's price.
    assert best_response(2.0, [5.0], [3.0]) == (3.0, 5.0, True)
    # Against a cheaper one, or where ties are shared, only prices just below sell everything.
    assert best_response(2.0, [5.0], [1.0]) == (3.0, 5.0, False)
    assert best_response(2.0, [5.0], [3.0], tie_rule="share") == (3.0, 5.0, False)
    # The willingness to pay is attained, and a rival above it is no limit.
    assert best_response(2.0, [5.0], [1.0], willingness_to_pay=4.0) == (2.0, 4.0, True)
    # Nothing to gain: price at cost. Nobody else: no best price, unless consumers have a limit.
    assert best_response(6.0, [5.0], [1.0]) == (0.0, 6.0, True)
    assert best_response(2.0, [np.nan], [1.0]).profit == np.inf
    assert not best_response(2.0, [np.nan], [1.0]).attained
    assert best_response(2.0, [np.nan], [1.0], willingness_to_pay=4.0) == (2.0, 4.0, True)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_price_beats_the_exact_best_response(data):
    """The supremum bounds every price, and a price at or just below the answer comes near it."""
    count = data.draw(st.integers(0, 3))
    values = st.one_of(COSTS, st.sampled_from([1.0, 2.0, 5.0]), st.just(np.nan))
    rivals = np.array(data.draw(st.lists(values, min_size=count, max_size=count)))
    costs = np.array(data.draw(st.lists(values, min_size=count, max_size=count)))
    cost, cap = data.draw(COSTS), data.draw(st.one_of(COSTS, st.sampled_from([2.0, 5.0])))
    rule = data.draw(st.sampled_from(["low_cost", "share"]))
    best = best_response(cost, rivals, costs, willingness_to_pay=cap, tie_rule=rule)

    def profit(price):
        return bertrand_profit(price, cost, rivals, costs, willingness_to_pay=cap, tie_rule=rule)

    tried = np.concatenate([np.linspace(0, 120, 2001), rivals, rivals * (1 - 1e-9), [cap, cost]])
    assert profit(tried).max() <= best.profit
    near = best.price if best.attained else best.price * (1 - 1e-12)
    assert profit(near) == pytest.approx(best.profit, abs=1e-9)
    if not best.attained:
        assert profit(best.price) < best.profit


@pytest.mark.parametrize(
    ("prices", "costs", "gains", "attained", "why"),
    [
        ([5.0, 5.0], [2.0, 5.0], [0.0, 0.0], [True, True], "the limit price"),
        ([7.0, 7.5], [2.0, 5.0], [0.5, 2.0], [True, False], "above the limit price"),
        ([4.0, 5.0], [2.0, 5.0], [1.0, 0.0], [True, True], "money left on the table"),
        ([1.0, 5.0], [2.0, 5.0], [4.0, 0.0], [True, True], "below own cost"),
        ([6.0, 5.0], [2.0, 5.0], [3.0, 1.0], [True, False], "sale left to the dearer seller"),
        ([4.0, 4.0], [2.0, 2.0], [1.0, 1.0], [False, False], "a tie of equals above cost"),
        ([np.nan, 5.0, 5.0], [2.0, 5.0, 5.0], [3.0, 0.0, 0.0], [True] * 3, "no offer"),
    ],
)
def test_wrong_points_show_their_gain(prices, costs, gains, attained, why):
    certificate = certify(list("abc"[: len(prices)]), [0.7], [prices], [costs])
    assert certificate.gains[0].tolist() == pytest.approx(gains), why
    assert certificate.best_attained[0].tolist() == attained, why
    assert certificate.epsilon == max(gains)


def test_a_tie_shared_at_unequal_costs_is_no_equilibrium():
    """Sharing the limit price halves the winner's profit: it would go just below, not to it."""
    certificate = certify(["a", "b"], [0.7], [[5.0, 5.0]], [[2.0, 5.0]], tie_rule="share")
    most = certificate.by_player().loc["a"]
    assert most["gain"] == 1.5
    assert most["relative_gain"] == 1.0
    assert most["price"] == 5.0
    assert most["solve_rate"] == 0.7
    assert not most["attained"]
    assert "5.000 (from below)" in str(certificate)


def test_certificate_finds_the_one_bad_solve_rate():
    rates = np.linspace(0.1, 0.9, 9)
    costs = np.column_stack([np.full(9, 1.0), np.full(9, 2.0)])
    prices = np.full((9, 2), 2.0)
    prices[6, 0] = 1.25
    certificate = certify(["a", "b"], rates, prices, costs)
    most = certificate.by_player().loc["a"]
    assert most["solve_rate"] == rates[6]
    assert most["gain"] == 0.75
    assert most["relative_gain"] == 3.0
    assert most["mean_gain"] == pytest.approx(0.75 / 9)
    assert np.isnan(certificate.by_player().loc["b", "price"])
    assert certificate.gain.tolist() == [0.75, 0.0]


def test_only_a_true_monopolist_is_left_out():
    """A rival who could sell but posts nothing must not hide an unbounded gain."""
    alone = certify(["a", "b"], [0.5, 0.6], [[3, 3], [np.nan] * 2], [[3, 3], [3, np.nan]])
    assert alone.unbounded.tolist() == [False, True]
    assert alone.epsilon == 0.0
    assert "1 of 2 solve rates left out" in alone.words
    hidden = certify(["a", "b"], [0.5], [[3, np.nan]], [[3, 3]])
    assert hidden.epsilon == np.inf
    nothing = certify(["a"], [0.5], [[np.nan]], [[3]])
    assert np.isnan(nothing.epsilon)
    assert "–" in str(nothing)


def test_certificate_refuses_wrong_shapes():
    with pytest.raises(InputError, match=r"must both be \[solve rates, players\] = \(1, 2\)"):
        certify(["a", "b"], [0.7], [[1.0]], [[1.0, 2.0]])


@pytest.mark.parametrize(("sellers", "steps_above_cost"), [(2, {0, 1, 2}), (3, {0, 1})])
def test_equilibria_on_a_price_grid(sellers, steps_above_cost):
    """Equal costs, equal split, prices c + k h: symmetric equilibria by trying every deviation."""
    cost, grid = 5, 5 + np.arange(-3, 7)
    found = set()
    for profile in itertools.product(grid, repeat=sellers):
        payoff = [
            bertrand_profit(grid, cost, np.delete(profile, k), [cost] * (sellers - 1))
            for k in range(sellers)
        ]
        stays = all(payoff[k].max() <= payoff[k][grid == profile[k]][0] for k in range(sellers))
        if stays and len(set(profile)) == 1:
            found.add(int(profile[0] - cost))
    assert found == steps_above_cost


def test_the_form_of_all_games_has_the_same_gains():
    """Each player at the solve rate where it gains the most."""
    prices, costs = [[5.0, 4.0], [3.0, 3.5]], [[1.0, 2.0], [1.0, 2.0]]
    certificate = certify(["a", "b"], [0.6, 0.7], prices, costs)
    assert certificate.gain.tolist() == pytest.approx(certificate.gains.max(axis=0).tolist())
    assert certificate.epsilon == certificate.gains.max()
    assert certificate.exact
    assert certificate.deviation[0] == pytest.approx(4.0)  # just below b, at the first solve rate
    assert certificate.gain.tolist() == pytest.approx([3.0, 1.0])
    game = BertrandGame([0.5, 0.6], [Seller("a", [1.0, 2.0]), Seller("b", [3.0, 2.0])])
    assert game.solve().deviations.epsilon == 0
