"""Linear complementarity and iterated polymatrix approximation against peers and brute force."""

from __future__ import annotations

import numpy as np
import pytest

from arbmodels.games import FiniteGame
from arbmodels.games.bertrand_edgeworth import CapacityGame
from arbmodels.games.finite.double_oracle import staggered
from arbmodels.games.finite.lemke_howson import solve_lcp
from arbmodels.games.finite.polymatrix import follow, tangent_equilibrium
from arbmodels.games.finite.strategies import against

FOREVER = 1e18


@pytest.mark.parametrize("size", [1, 2, 5, 20, 60])
def test_lemke_solves_monotone_problems_as_quantecon_does(size, quantecon):
    random = np.random.default_rng(size)
    for _ in range(5):
        root, other = random.normal(size=(2, size, size))
        matrix = root @ root.T / size + 0.1 * np.eye(size) + other - other.T
        constant = random.normal(size=size)
        found = solve_lcp(matrix, constant)
        slack = matrix @ found + constant
        assert found.min() >= 0
        assert slack.min() > -1e-10
        assert abs(slack @ found) < 1e-9
        assert found == pytest.approx(quantecon.optimize.lcp_lemke(matrix, constant).z, abs=1e-8)


def test_lemke_says_when_there_is_no_solution():
    # w = -z - 1 is negative whatever z >= 0 is.
    assert solve_lcp(np.array([[-1.0]]), np.array([-1.0])) is None
    assert solve_lcp(np.eye(2), np.array([0.0, 3.0])).tolist() == [0.0, 0.0]


def test_contraction_is_the_sum_over_profiles():
    random = np.random.default_rng(0)
    payoff = random.normal(size=(3, 4, 1, 2))
    mixed = [random.dirichlet(np.ones(size)) for size in payoff.shape]
    summed = np.einsum("abcd,a,c,d->b", payoff, mixed[0], mixed[2], mixed[3])
    assert against(payoff, mixed, (1,)) == pytest.approx(summed)
    pair = np.einsum("abcd,b,c->ad", payoff, mixed[1], mixed[2])
    assert against(payoff, mixed, (0, 3)) == pytest.approx(pair)


def test_a_polymatrix_game_is_solved_in_one_step():
    """Payoffs that are sums over pairs are their own tangent, wherever it is taken."""
    random = np.random.default_rng(3)
    sizes = (3, 4, 2)
    payoffs = np.zeros((3, *sizes))
    for i in range(3):
        for j in range(3):
            if i != j:
                shape = [size if k in (i, j) else 1 for k, size in enumerate(sizes)]
                payoffs[i] += random.random(shape)
    start = [random.dirichlet(np.ones(size)) for size in sizes]
    game = FiniteGame(payoffs)
    assert game.certify(tangent_equilibrium(payoffs, start)).epsilon < 1e-10


@pytest.mark.parametrize("sizes", [(4, 5), (4, 4, 4), (3, 3, 2, 2)])
def test_strategies_never_get_worse_and_say_how_near_they_are(sizes):
    for seed in range(4):
        game = FiniteGame(np.random.default_rng(seed).random((len(sizes), *sizes)))
        answer = game.solve("polymatrix")
        assert np.all(np.diff(answer.trace[:, 1]) <= 0)
        assert answer.epsilon <= answer.trace[-1, 1] + 1e-12
        if not len(game.pure_equilibria()):
            assert game.solve().epsilon < 1e-8  # with continuation behind it


@pytest.mark.parametrize("capacities", [[0.5, 0.4, 0.3], [0.9, 0.3, 0.2]])
def test_three_sellers_with_capacities_on_a_grid(capacities):
    game = CapacityGame(capacities)
    grids = [np.union1d(staggered(0.0, 1.0, 31, k, 3), [1.0]) for k in range(3)]
    finite = game.finite(grids)
    even = [np.full(size, 1.0 / size) for size in finite.payoffs.shape[1:]]
    found = follow(finite.payoffs, even, FOREVER, 1e-10)
    assert finite.certify(found.strategies).epsilon < 1e-9
    assert found.steps < 40


def test_traces_draw_and_say_when_nothing_iterated():
    game = FiniteGame(np.random.default_rng(5).random((3, 4, 4, 4)))
    capacities = CapacityGame([0.8, 0.6])
    answers = [
        game.solve("smoothed"),
        game.correlated(),
        capacities.solve("double_oracle", tolerance=0.02),
    ]
    for answer in answers:
        axes = answer.plot_trace()
        assert "epsilon" in axes.get_ylabel()
        drawn = axes.lines[-1].get_ydata()
        assert drawn[-1] == pytest.approx(max(answer.trace[:, 1].min(), drawn.min()))
    assert capacities.solve().plot_trace().get_title() == "Nothing iterated"
