"""Finite games against Gambit, Nashpy and QuantEcon."""

from __future__ import annotations

import nashpy
import numpy as np
import pygambit
import pytest

from arbmodels.games.finite import FiniteGame
from finite_cases import bertrand_edgeworth, bertrand_grid, undercutting_grid


def games() -> list[FiniteGame]:
    """Random and degenerate games, and price grids."""
    rng = np.random.default_rng(11)
    return [
        FiniteGame(rng.random((2, 4, 3))),
        FiniteGame(rng.random((2, 6, 6))),
        FiniteGame(rng.integers(-2, 3, size=(2, 4, 4)).astype(float)),
        bertrand_grid(2, cost=1, top=4, step=1.0),
        bertrand_edgeworth(7),
        FiniteGame.from_matrices([[3, 3], [2, 5], [0, 6]], [[3, 2], [2, 6], [3, 1]]),
    ]


def quantecon_game(quantecon, game: FiniteGame):
    theory = quantecon.game_theory
    row, column = (np.array(x, order="C") for x in (game.payoffs[0], game.payoffs[1].T))
    return theory.NormalFormGame((theory.Player(row), theory.Player(column)))


@pytest.mark.parametrize("which", range(6))
def test_all_our_equilibria_are_gambits(which):
    """Gambit enumerates extreme equilibria in rational arithmetic; ours are among their mixtures.

    In nondegenerate games they are the same; in all, every equilibrium of Gambit passes our
    certificate.
    """
    game = games()[which]
    theirs = pygambit.StrategicGame.from_arrays(*game.payoffs)
    found = []
    for one in pygambit.nash.enummixed_solve(theirs, rational=False).equilibria:
        found.append(
            [
                np.array([float(one[player][name]) for name in theirs.get_strategies(player)])
                for player in theirs.players
            ]
        )
        assert game.certify(found[-1]).epsilon < 1e-7
    answer = game.solve("lemke_howson")
    profits = [game.certify(one).profit for one in found]
    if which in (0, 1, 5):
        for one in (answer, *answer.others):
            assert min(np.abs(one.profits - other).max() for other in profits) < 1e-9


@pytest.mark.parametrize("which", range(6))
def test_pure_equilibria_are_those_of_quantecon(which, quantecon):
    game = games()[which]
    theirs = sorted(
        tuple(map(int, one))
        for one in quantecon.game_theory.pure_nash_brute(quantecon_game(quantecon, game), tol=1e-12)
    )
    assert [tuple(row) for row in game.pure_equilibria().tolist()] == theirs


def test_fifteen_pure_equilibria_for_quantecon_and_gambit_too(quantecon):
    game = undercutting_grid()
    assert len(quantecon.game_theory.pure_nash_brute(quantecon_game(quantecon, game))) == 15
    theirs = pygambit.StrategicGame.from_arrays(*game.payoffs)
    assert len(pygambit.nash.enumpure_solve(theirs).equilibria) == 15


@pytest.mark.parametrize("start", [0, 3, 5, 9])
def test_the_paths_of_quantecon_end_where_ours_do(start, quantecon):
    """In a nondegenerate game a path has one end, whoever follows it."""
    from arbmodels.games.finite import lemke_howson as ours

    for seed in range(5):
        game = FiniteGame(np.random.default_rng(seed).random((2, 5, 5)))
        theirs = quantecon.game_theory.lemke_howson(
            quantecon_game(quantecon, game), init_pivot=start
        )
        ends = {end.label: end for end in ours.ends((game.payoffs[0], game.payoffs[1]), np.inf)}
        for mine, other in zip(ends[start].strategies, theirs, strict=True):
            assert mine == pytest.approx(other, abs=1e-9)


def test_bertrand_edgeworth_is_quantecons(quantecon):
    game = bertrand_edgeworth(101)
    theirs = quantecon.game_theory.lemke_howson(quantecon_game(quantecon, game))
    assert game.certify(theirs).epsilon < 1e-9
    assert game.solve(paths=1).profits == pytest.approx(game.certify(theirs).profit, abs=1e-9)


@pytest.mark.parametrize("which", [0, 5])
def test_our_equilibria_are_among_those_of_nashpys_supports(which):
    game = games()[which]
    theirs = list(nashpy.Game(*game.payoffs).support_enumeration())
    answer = game.solve("lemke_howson")
    for one in (answer, *answer.others):
        nearest = min(
            max(np.abs(a - b).max() for a, b in zip(one.strategies, other, strict=True))
            for other in theirs
        )
        assert nearest < 1e-8


def test_three_players_by_gambit():
    """The continuation's answer passes Gambit's own measure of regret."""
    game = FiniteGame(np.random.default_rng(2).random((3, 3, 3, 3)))
    answer = game.solve("smoothed")
    theirs = pygambit.StrategicGame.from_arrays(*game.payoffs)
    data = [own.tolist() for own in answer.strategies]
    profile = theirs.mixed_strategy_profile(data=data, rational=False)
    assert float(profile.max_regret()) < 1e-9
