"""Every player on its own scale; all equilibria of small games, judged in exact fractions."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from arbmodels.errors import InputError
from arbmodels.games import FiniteGame


def solved(matrix, right):
    """Solve a square system in fractions by Gauss and Jordan; None if it is singular."""
    count = len(right)
    table = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for column in range(count):
        pivot = next((k for k in range(column, count) if table[k][column] != 0), None)
        if pivot is None:
            return None
        table[column], table[pivot] = table[pivot], table[column]
        table[column] = [x / table[column][column] for x in table[column]]
        for k in range(count):
            if k != column and table[k][column] != 0:
                factor = table[k][column]
                table[k] = [x - factor * y for x, y in zip(table[k], table[column], strict=True)]
    return [row[-1] for row in table]


def vertices(rows):
    """Vertices of {z >= 0, rows z <= 1} but zero, each with what it makes tight."""
    count = len(rows[0])
    signs = [[-Fraction(i == j) for j in range(count)] for i in range(count)]
    every, right = signs + rows, [Fraction(0)] * count + [Fraction(1)] * len(rows)
    found = {}
    for chosen in itertools.combinations(range(len(every)), count):
        point = solved([every[k] for k in chosen], [right[k] for k in chosen])
        if point is None or not any(point):
            continue
        slack = [
            b - sum(x * y for x, y in zip(row, point, strict=True))
            for row, b in zip(every, right, strict=True)
        ]
        if min(slack) >= 0:
            found[tuple(point)] = frozenset(k for k, s in enumerate(slack) if s == 0)
    return found


def extreme_equilibria(payoffs):
    """All pairs of vertices in which every action is best or not played, as fractions."""
    _, m, n = payoffs.shape
    one = [[Fraction(int(x)) + 10 for x in row] for row in payoffs[0].tolist()]
    other = [[Fraction(int(x)) + 10 for x in row] for row in payoffs[1].T.tolist()]
    first, second = vertices(other), vertices(one)
    found = set()
    for x, tight in first.items():
        for y, tight_too in second.items():
            # Of x: 0..m-1 not played, m.. best answers. Of y: 0..n-1 not played, n.. best answers.
            labels = tight | {m + k if k < n else k - n for k in tight_too}
            if len(labels) == m + n:
                found.add((tuple(v / sum(x) for v in x), tuple(v / sum(y) for v in y)))
    return found


def as_fractions(one):
    return tuple(
        tuple(Fraction(float(p)).limit_denominator(10_000) for p in own) for own in one.strategies
    )


@pytest.mark.parametrize("seed", range(40))
def test_all_extreme_equilibria_are_found_in_degenerate_games_too(seed):
    rng = np.random.default_rng(seed)
    shape = (2, int(rng.integers(1, 5)), int(rng.integers(1, 5)))
    payoffs = rng.integers(0, 3 if seed % 2 else 8, shape).astype(float)
    found = FiniteGame(payoffs).solve()
    expected = extreme_equilibria(payoffs)
    listed = [as_fractions(one) for one in (found, *found.others)]
    assert len(listed) == len(set(listed))
    assert set(listed) == expected
    assert found.complete
    assert "These are all." in str(found)
    assert max(float(one.scaled_gain.max()) for one in (found, *found.others)) < 1e-12


def test_what_may_not_be_all_says_so():
    rng = np.random.default_rng(0)
    assert not FiniteGame(rng.normal(size=(2, 12, 12))).solve().complete
    three = FiniteGame(rng.normal(size=(3, 2, 2, 2))).solve()
    assert not three.complete
    assert "There may be more equilibria." in str(three)
    with pytest.raises(InputError, match="12 x 12"):
        FiniteGame(rng.normal(size=(2, 12, 12))).solve("enumeration")
    # A tie that rounding cannot tell from none.
    near = FiniteGame.from_matrices([[1, 0], [1 - 1e-9, 1]], [[1, 0], [0, 1]])
    assert not near.solve("enumeration").complete


@pytest.mark.parametrize("size", [3, 5, 8])
def test_a_game_of_coordination_has_an_equilibrium_for_every_set_of_actions(size):
    found = FiniteGame.from_matrices(np.eye(size), np.eye(size)).solve()
    assert 1 + len(found.others) == 2**size - 1
    assert found.kind == "pure"
    assert found.complete


@pytest.mark.parametrize("players", [2, 3, 4])
def test_players_of_any_scale_are_judged_on_their_own(players):
    rng = np.random.default_rng(players)
    sizes = (2, *[3] * (players - 1)) if players < 4 else (2,) * 4
    for _ in range(60 if players < 4 else 20):
        payoffs = rng.normal(size=(players, *sizes))
        factors = 10.0 ** rng.integers(-9, 10, players)
        factors = factors.reshape(-1, *[1] * players)
        shifted = factors * (payoffs + rng.normal(size=factors.shape))
        found = FiniteGame(shifted).solve()
        span = np.array([np.ptp(own) for own in shifted])
        # Apart from the certificate: every action against the others' strategies, by hand.
        for player in range(players):
            value = np.moveaxis(shifted[player], player, 0)
            for other in reversed([k for k in range(players) if k != player]):
                value = value @ found.strategies[other]
            assert value.ndim == 1
            gain = value.max() - value @ found.strategies[player]
            assert gain <= 1e-8 * span[player]
        assert float(found.scaled_gain.max()) <= 1e-9
        assert "no equilibrium" not in str(found)
