"""Finite games: every solver against the certificate, brute force, and known answers."""

from __future__ import annotations

import itertools
from time import perf_counter

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from arbmodels.errors import InputError
from arbmodels.games.finite import FiniteGame
from finite_cases import bertrand_edgeworth, bertrand_grid, undercutting_grid

SMALL_PAYOFFS = st.integers(-3, 3)


def brute_gain(game: FiniteGame, strategies) -> float:
    """Largest gain by summing over all profiles one at a time."""
    sizes = game.payoffs.shape[1:]
    worst = 0.0
    for player in range(len(sizes)):
        own, values = 0.0, np.zeros(sizes[player])
        for profile in itertools.product(*(range(size) for size in sizes)):
            weights = [strategies[k][a] for k, a in enumerate(profile)]
            pay = game.payoffs[(player, *profile)]
            own += np.prod(weights) * pay
            rivals = np.prod([w for k, w in enumerate(weights) if k != player])
            values[profile[player]] += rivals * pay
        worst = max(worst, values.max() - own)
    return worst


# Certificates.


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3), st.data())
def test_certificate_is_what_brute_force_finds(count, data):
    sizes = [data.draw(st.integers(1, 4)) for _ in range(count)]
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    game = FiniteGame(rng.normal(size=(count, *sizes)))
    strategies = [rng.dirichlet(np.ones(size)) for size in sizes]
    found = game.certify(strategies)
    assert found.epsilon == pytest.approx(brute_gain(game, strategies), abs=1e-12)
    assert found.exact


def test_certificate_names_the_deviation():
    game = FiniteGame.from_matrices(
        [[3, 0], [5, 1]], [[3, 5], [0, 1]], players=["a", "b"], actions=[["stay", "cheat"]] * 2
    )
    found = game.certify([[1, 0], [1, 0]])
    assert found.gain.tolist() == [2.0, 2.0]
    assert found.deviation == ("cheat", "cheat")
    assert game.certify([[0, 1], [0, 1]]).epsilon == 0


def test_joint_certificate_tells_correlated_from_coarse():
    """Moulin and Vial (1978): coarse correlated play that no correlated equilibrium allows."""
    row = np.array([[0, 1, 2], [2, 0, 1], [1, 2, 0]], dtype=float)
    game = FiniteGame.from_matrices(row, -row)
    joint = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]]) / 3
    # Told its own action, the row player would rather move on; told nothing, it cannot gain.
    assert game.certify_joint(joint, coarse=True).gain[0] == 0
    assert game.certify_joint(joint).gain[0] == pytest.approx(1.0)
    product = np.full((3, 3), 1 / 9)
    assert game.certify_joint(product).epsilon == pytest.approx(0, abs=1e-12)


# Pure equilibria.


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 3), st.data())
def test_every_pure_equilibrium_is_found(count, data):
    sizes = [data.draw(st.integers(1, 4)) for _ in range(count)]
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    payoffs = rng.integers(-2, 3, size=(count, *sizes)).astype(float)
    game = FiniteGame(payoffs)
    brute = [
        list(profile)
        for profile in itertools.product(*(range(size) for size in sizes))
        if brute_gain(game, [np.eye(s)[a] for s, a in zip(sizes, profile, strict=True)]) <= 1e-12
    ]
    assert game.pure_equilibria().tolist() == brute
    answer = game.solve("pure")
    if brute:
        assert answer.epsilon == 0
        assert 1 + len(answer.others) == len(brute)
    else:
        least = min(
            brute_gain(game, [np.eye(s)[a] for s, a in zip(sizes, profile, strict=True)])
            for profile in itertools.product(*(range(size) for size in sizes))
        )
        assert answer.epsilon == pytest.approx(least)
        assert "no pure equilibrium" in answer.found_by


@pytest.mark.parametrize(("count", "steps"), [(2, [0, 1, 2]), (3, [0, 1])])
def test_bertrand_on_a_price_grid(count, steps):
    """Symmetric pure equilibria at cost and up to two (n = 2) or one (n = 3) steps above."""
    cost, step = 3, 1.0
    game = bertrand_grid(count, cost=cost, top=9, step=step)
    found = game.pure_equilibria()
    same = sorted({int(row[0]) for row in found if len(set(row.tolist())) == 1})
    assert same == [cost + k for k in steps]


def test_undercutting_grid_with_fifteen_pure_equilibria():
    game = undercutting_grid()
    found = game.solve()
    assert len(game.pure_equilibria()) == 15
    assert len(found.others) == 14
    assert all(one.epsilon == 0 for one in (found, *found.others))
    assert "14 other equilibria" in str(found)


def test_no_pure_equilibrium_is_an_answer():
    game = FiniteGame.from_matrices([[1, -1], [-1, 1]], [[-1, 1], [1, -1]])
    answer = game.solve("pure")
    assert answer.epsilon == 2
    assert answer.kind == "pure"
    assert str(answer).startswith("epsilon = 2.000 payoff: no equilibrium")
    assert "no pure equilibrium" in str(answer)
    assert "mixed equilibrium" in str(game.solve())


# Lemke-Howson.


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 10**6), st.booleans())
def test_all_paths_end_at_equilibria(rows, columns, seed, degenerate):
    """Whole-number payoffs from -2 to 2 are full of ties."""
    rng = np.random.default_rng(seed)
    draw = (
        rng.integers(-2, 3, size=(2, rows, columns))
        if degenerate
        else rng.normal(size=(2, rows, columns))
    )
    answer = FiniteGame(draw.astype(float)).solve("lemke_howson")
    for one in (answer, *answer.others):
        assert one.epsilon < 1e-9
        assert one.found_by == "Lemke-Howson"


def test_lemke_howson_reaches_several_equilibria():
    """Battle of the sexes: both pure equilibria lie on paths."""
    game = FiniteGame.from_matrices([[2, 0], [0, 1]], [[1, 0], [0, 2]])
    answer = game.solve("lemke_howson")
    found = {tuple(one.strategies[0].tolist()) for one in (answer, *answer.others)}
    assert found >= {(1.0, 0.0), (0.0, 1.0)}


def test_bertrand_edgeworth_on_101_prices():
    game = bertrand_edgeworth(101)
    assert len(game.pure_equilibria()) == 0
    answer = game.solve(time_limit=20)
    assert answer.kind == "mixed"
    assert answer.epsilon < 1e-12
    # Near the continuous answer: v (1 - k_2) for the large seller, an atom of 1 - k_2/k_1 at v.
    assert answer.profits[0] == pytest.approx(0.4, abs=1e-6)
    assert answer.strategies[0][-1] == pytest.approx(0.25, abs=0.02)


def test_time_limit_gives_the_best_so_far_with_its_epsilon():
    rng = np.random.default_rng(3)
    payoffs = rng.random((2, 300, 300))
    payoffs[1] = 1 - payoffs[0] + 0.2 * rng.random((300, 300))
    game = FiniteGame(payoffs)
    start = perf_counter()
    answer = game.solve("lemke_howson", paths=1, time_limit=1e-6)
    assert perf_counter() - start < 10
    assert 0 < answer.epsilon < 1
    assert answer.epsilon == pytest.approx(game.certify(answer.strategies).epsilon)


# Zero-sum, smoothed, regret.


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 10**6))
def test_zero_sum_value_is_the_one_of_lemke_howson(rows, columns, seed):
    payoff = np.random.default_rng(seed).normal(size=(rows, columns))
    game = FiniteGame.from_matrices(payoff, 2.0 - payoff)
    program, path = game.solve("zero_sum"), game.solve("lemke_howson", paths=1)
    assert program.epsilon < 1e-8
    assert program.profits == pytest.approx(path.profits, abs=1e-7)


@pytest.mark.parametrize("sizes", [(4, 5), (3, 3, 3), (2, 3, 2, 2)])
def test_continuation_ends_at_an_equilibrium(sizes):
    for seed in range(3):
        game = FiniteGame(np.random.default_rng(seed).random((len(sizes), *sizes)))
        answer = game.solve("smoothed")
        assert answer.epsilon < 1e-8
        assert answer.trace[-1, 1] <= answer.trace[0, 1]


def test_three_players_without_a_pure_equilibrium():
    """Each wants to differ from the next: only mixed play."""
    payoffs = np.zeros((3, 2, 2, 2))
    for profile in itertools.product(range(2), repeat=3):
        for k in range(3):
            after = profile[(k + 1) % 3]
            payoffs[(k, *profile)] = float(profile[k] != after)
    game = FiniteGame(payoffs)
    assert len(game.pure_equilibria()) == 0
    answer = game.solve()
    assert answer.kind == "mixed"
    assert answer.epsilon < 1e-9
    assert game.solve("regret", time_limit=1).epsilon < 1e-3


def test_regret_matching_nears_the_value_and_says_how_near():
    payoff = np.random.default_rng(1).normal(size=(40, 30))
    game = FiniteGame.from_matrices(payoff, -payoff)
    answer = game.solve("regret", time_limit=3)
    assert answer.epsilon < 0.05
    assert np.all(np.diff(answer.trace[:, 1]) <= 0)
    exact = game.solve("zero_sum")
    assert abs(answer.profits[0] - exact.profits[0]) <= answer.epsilon + 1e-9


def test_identical_players_have_a_symmetric_equilibrium_by_continuation():
    payoff = np.array([[0.0, 3.0], [1.0, 2.0]])  # hawk and dove
    game = FiniteGame.from_matrices(payoff, payoff.T)
    answer = game.solve("smoothed")
    assert answer.strategies[0] == pytest.approx([0.5, 0.5])
    assert answer.strategies[1] == pytest.approx([0.5, 0.5])


def test_a_monopolist_takes_the_best_price():
    game = FiniteGame.from_function(lambda p: p * (1 - p), [np.linspace(0, 1, 11)], ["alone"])
    answer = game.solve()
    assert answer.kind == "pure"
    assert answer.to_frame()["action"].tolist() == [0.5]
    assert answer.profits.tolist() == [0.25]


def test_zero_demand_tails_are_flat():
    """Prices above what anybody pays earn nothing, alike: equilibria there are reported as such."""

    def profit(prices):
        demand = np.maximum(1 - prices + 0.5 * prices[:, ::-1], 0) * (prices <= 1.5)
        return prices * demand

    game = FiniteGame.from_function(profit, [np.linspace(0, 3, 61)] * 2)
    for one in [game.solve(), *game.solve().others]:
        assert one.epsilon == 0
        assert all(own > 0 for own in one.profits)


def test_one_action_each_and_constant_payoffs():
    assert FiniteGame(np.ones((2, 1, 1))).solve("lemke_howson").epsilon == 0
    assert FiniteGame(np.zeros((3, 2, 2, 2))).solve("smoothed").epsilon == 0
    assert FiniteGame(np.zeros((2, 3, 2))).solve("zero_sum").epsilon == 0
    assert len(FiniteGame(np.zeros((2, 3, 2))).pure_equilibria()) == 6
    assert FiniteGame(np.zeros((2, 3, 2))).correlated().epsilon == 0


# Correlated equilibria.


def full_program(game: FiniteGame, weights, coarse: bool) -> float:
    """The whole linear program at once, with SciPy."""
    from scipy.optimize import linprog

    sizes = game.payoffs.shape[1:]
    rows = []
    for player, size in enumerate(sizes):
        for b in range(size):
            line = np.zeros(sizes)
            for a in range(size):
                own, other = (np.take(game.payoffs[player], k, axis=player) for k in (a, b))
                part = np.zeros(sizes)
                index = [slice(None)] * len(sizes)
                index[player] = a
                part[tuple(index)] = other - own
                line += part
                if not coarse and a != b:
                    rows.append(part.ravel())
            if coarse:
                rows.append(line.ravel())
    value = np.tensordot(weights, game.payoffs, axes=(0, 0)).ravel()
    done = linprog(
        -value, np.array(rows), np.zeros(len(rows)), np.ones((1, value.size)), [1.0], method="highs"
    )
    return -done.fun


@pytest.mark.parametrize("coarse", [False, True])
@pytest.mark.parametrize("sizes", [(5, 4), (6, 6), (3, 3, 2)])
def test_row_generation_reaches_the_whole_programs_optimum(sizes, coarse):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        game = FiniteGame(rng.random((len(sizes), *sizes)))
        for objective, weights in (
            ("welfare", np.ones(len(sizes))),
            ("player 2", np.eye(len(sizes))[1]),
        ):
            found = game.correlated(objective, coarse=coarse)
            assert found.value == pytest.approx(full_program(game, weights, coarse), abs=1e-7)
            assert found.epsilon < 1e-8
            assert found.gap < 1e-7


def test_correlated_welfare_of_chicken():
    """Aumann's game of chicken: the best correlated welfare is 10.5."""
    game = FiniteGame.from_matrices([[6, 2], [7, 0]], [[6, 7], [2, 0]])
    found = game.correlated()
    assert found.value == pytest.approx(10.5)
    assert found.distribution == pytest.approx(np.array([[0.5, 0.25], [0.25, 0.0]]), abs=1e-9)
    assert found.kind == "correlated"


def test_correlated_in_too_little_time_falls_back_on_a_nash_equilibrium():
    game = bertrand_edgeworth(41)
    found = game.correlated(time_limit=1e-3)
    assert found.epsilon < 1e-9
    assert found.bound >= found.value
    assert "not finished" in found.found_by


def test_regret_matching_is_coarse_correlated():
    game = bertrand_edgeworth(21)
    found = game.correlated(coarse=True, method="regret", time_limit=3)
    assert found.kind == "coarse correlated"
    assert found.epsilon < 5e-3
    assert found.distribution.sum() == pytest.approx(1)


# Bad input.


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FiniteGame(np.zeros((2, 3))), "one axis more than there are players"),
        (lambda: FiniteGame(np.zeros((3, 3, 3))), "one axis more"),
        (lambda: FiniteGame([[1, 2], [3]]), "rectangular"),
        (lambda: FiniteGame(np.zeros((2, 0, 3))), "at least one action"),
        (lambda: FiniteGame(np.array([[[1.0, np.nan]], [[0.0, 1.0]]])), r"profile \(0, 1\) is nan"),
        (lambda: FiniteGame(np.zeros((2, 2, 2)), players=["a", "a"]), "different names"),
        (lambda: FiniteGame(np.zeros((2, 2, 2)), players="ab"), "list of names"),
        (lambda: FiniteGame(np.zeros((2, 2, 2)), actions=[[1, 2], [1, 1]]), "different actions"),
        (lambda: FiniteGame.from_matrices([[1, 2]], [[1], [2]]), "have shapes"),
        (lambda: FiniteGame.from_function(lambda p: p, [[1.0], []]), "grid of player 2"),
        (lambda: FiniteGame.from_function(lambda p: p, []), "one price grid per player"),
        (lambda: FiniteGame.from_function(lambda p: p[:, 0], [[1.0], [2.0]]), "returned shape"),
    ],
)
def test_bad_games_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: g.solve("newton"), "No method 'newton'"),
        (lambda g: g.solve("zero_sum"), "do not add up to a constant"),
        (lambda g: g.solve(time_limit=0), "time_limit must"),
        (lambda g: g.solve(time_limit=float("nan")), "time_limit must"),
        (lambda g: g.solve("lemke_howson", paths=0), "paths must"),
        (lambda g: g.correlated("profit"), "No objective 'profit'"),
        (lambda g: g.correlated(method="regret"), "coarse=True"),
        (lambda g: g.certify([[1, 0]]), "1 strategies for 2 players"),
        (lambda g: g.certify([[1, 0], [0.5, 0.6]]), "sum 1.1"),
        (lambda g: g.certify([[1, 0, 0], [1, 0]]), "shape"),
        (lambda g: g.certify_joint(np.ones((2, 2))), "sum 4"),
        (lambda g: g.certify_joint(np.ones(4) / 4), "expected"),
    ],
)
def test_bad_calls_are_refused(call, message):
    game = FiniteGame.from_matrices([[3, 0], [5, 1]], [[3, 5], [0, 1]])
    with pytest.raises(InputError, match=message):
        call(game)


def test_what_needs_two_players_says_so():
    game = FiniteGame(np.zeros((3, 2, 2, 2)))
    for call in (
        lambda: game.solve("lemke_howson"),
        game.plot_least_gain,
        game.plot_best_responses,
    ):
        with pytest.raises(InputError, match=r"two players|Lemke-Howson is for two"):
            call()


# Display.


def test_results_show_epsilon_first_and_export():
    game = bertrand_edgeworth(11)
    answer = game.solve()
    assert str(answer).startswith("epsilon = ")
    assert "<strong>epsilon" in answer._repr_html_()
    frame = answer.to_frame()
    assert frame.groupby("player")["probability"].sum().tolist() == pytest.approx([1, 1])
    plain = answer.to_dict()
    assert plain["epsilon"] == answer.epsilon
    assert set(plain["strategies"]) == set(game.players)
    correlated = game.correlated(coarse=True)
    assert str(correlated).startswith("epsilon = ")
    assert correlated.to_frame()["probability"].sum() == pytest.approx(1)
    assert correlated.to_dict()["bound"] >= correlated.value - 1e-9


def test_pictures_draw():
    import matplotlib.pyplot as plt

    game = bertrand_edgeworth(15)
    for axes in (
        game.plot_least_gain(),
        game.plot_best_responses(),
        game.solve().plot(),
        game.correlated(coarse=True).plot(),
        undercutting_grid().plot_least_gain(),
        FiniteGame(np.random.default_rng(0).random((3, 2, 2, 2)), actions=[["x", "y"]] * 3)
        .solve()
        .plot(),
    ):
        assert axes.get_title()
        plt.close(axes.figure)
