"""Continuous prices with a payoff function: double oracle and bounded search."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import lambertw

from arbmodels.errors import InputError
from arbmodels.games import CapacityGame, PriceDistribution, PriceGame

ALPHA, COSTS, APPEAL = 5.0, np.array([0.2, 0.3]), np.array([1.0, 1.2])


def logit_profit(prices):
    weight = np.exp(ALPHA * (APPEAL - prices))
    return (prices - COSTS) * weight / (1 + weight.sum(axis=1, keepdims=True))


def test_logit_duopoly_is_the_lambert_fixed_point():
    game = PriceGame(logit_profit, [0, 0], [2, 2])
    answer = game.solve(tolerance=1e-7)
    assert answer.kind == "pure"
    assert answer.relative_epsilon < 1e-6
    price = np.array([own.lowest for own in answer.strategies])
    for _ in range(200):  # alpha mu_i = 1 + W(T_i e^-1 / D_-i)
        weight = np.exp(ALPHA * (APPEAL - price))
        others = 1 + weight.sum() - weight
        own = np.exp(ALPHA * (APPEAL - COSTS) - 1)
        price = COSTS + (1 + lambertw(own / others).real) / ALPHA
    found = [own.lowest for own in answer.strategies]
    assert found == pytest.approx(price.tolist(), abs=1e-3)
    assert np.all(answer.trace[-1] != answer.trace[0])
    assert not answer.deviations.exact


def test_three_sellers_linear_demand():
    """q_i = a - b p_i + d (p_j + p_k), no cost: p = a / (2b - 2d)."""

    def profit(prices):
        return prices * (1 - prices + 0.25 * (prices.sum(axis=1, keepdims=True) - prices))

    answer = PriceGame(profit, [0, 0, 0], [2, 2, 2]).solve(tolerance=1e-4)
    assert [own.mean for own in answer.strategies] == pytest.approx([2 / 3] * 3, abs=0.02)
    assert answer.relative_epsilon < 1e-3


def test_bounded_search_agrees_with_the_exact_certificate():
    exact = CapacityGame([0.8, 0.6])
    searched = PriceGame(exact.profits, [0, 0], [1, 1])
    rng = np.random.default_rng(4)
    grid = np.linspace(0.4, 1, 13)
    strategies = [PriceDistribution(grid, rng.dirichlet(np.ones(13))) for _ in range(2)]
    one, other = exact.certify(strategies), searched.certify(strategies)
    assert one.profit == pytest.approx(other.profit)
    assert one.gain == pytest.approx(other.gain, abs=1e-6)
    assert (one.gain >= other.gain - 1e-12).all()


def test_a_monopolist_and_a_corner():
    alone = PriceGame(lambda p: p * (1 - p), [0], [2]).solve(tolerance=1e-9)
    assert alone.strategies[0].lowest == pytest.approx(0.5, abs=1e-4)
    corner = PriceGame(lambda p: p * 1.0, [0, 0], [2, 3]).solve()
    assert [own.highest for own in corner.strategies] == [2, 3]
    assert corner.epsilon == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PriceGame(logit_profit, [0, 1], [1, 1]), r"highest\[1\] is 1"),
        (lambda: PriceGame(logit_profit, [0, 0], [1, 2, 3]), "one number, or 2"),
        (lambda: PriceGame(logit_profit, [0, -1], [1, 2]), r"lowest\[1\] is -1"),
        (lambda: PriceGame(logit_profit, [0, 0], [1, 2], resolution=2), "resolution"),
        (lambda: PriceGame(logit_profit, [0, 0], [1, 2]).solve(tolerance=0), "tolerance must"),
        (lambda: PriceGame(logit_profit, [0, 0], [1, 2]).certify([]), "one per player"),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
