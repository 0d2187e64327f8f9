"""Every game is solved and certified alike, and every equilibrium says the same of itself."""

from __future__ import annotations

import json

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import arbmodels as arb
from arbmodels.games import (
    BertrandGame,
    CapacityGame,
    CaptiveGame,
    Deviations,
    EntryGame,
    Equilibrium,
    FiniteGame,
    PriceDistribution,
    PriceGame,
    ProviderGame,
    Seller,
    Strategy,
    cascade_sets_of,
    linear_consumers,
)
from arbmodels.games.differentiated import DifferentiatedGame, LinearDemand

mpl.use("Agg")


def entry() -> EntryGame:
    """Two candidates: either alone earns 3, both 1 each; entering costs 2."""
    one, two, both = frozenset("a"), frozenset("b"), frozenset("ab")
    profits = {
        frozenset(): {"": 0.0},
        one: {"a": 3.0, "": 0.0},
        two: {"b": 3.0, "": 0.0},
        both: {"a": 1.0, "b": 1.0, "": 0.0},
    }
    return EntryGame(("a", "b"), np.array([2.0, 2.0]), profits, "entry", "USD")


def providers() -> ProviderGame:
    market = arb.load_market("swebench-sim", models=["gpt5mini", "deepseek"])
    rates = np.array([0.5, 0.6])
    cascade_sets = cascade_sets_of(arb.dollar_curves(market), rates)
    return ProviderGame(cascade_sets, linear_consumers(cascade_sets, 3.0), 0.5)


def linear_profit(prices):
    own, other = np.asarray(prices, dtype=float).T
    return np.stack([own * (2 - own + 0.5 * other), other * (2 - other + 0.5 * own)], axis=1)


certain = PriceDistribution.certain
#: The game, how to ask of it, the equilibrium's profile, and a profile that somebody leaves.
GAMES = {
    "Bertrand": (
        lambda: BertrandGame([0.5, 0.6], [Seller("a", [1, 2]), Seller("b", [3, 2])]),
        lambda found: found.prices,
        [[2.5, 3.0], [2.0, 2.0]],
    ),
    "capacities": (
        lambda: CapacityGame([0.5, 0.7]),
        lambda found: found.strategies,
        [certain(0.9), certain(0.9)],
    ),
    "captive": (
        lambda: CaptiveGame([0.2, 0.3], 0.5),
        lambda found: found.strategies,
        [certain(0.9), certain(0.9)],
    ),
    "prices": (
        lambda: PriceGame(linear_profit, [0, 0], [2, 2]),
        lambda found: found.strategies,
        [certain(0.2), certain(0.2)],
    ),
    "finite": (
        lambda: FiniteGame([[[3, 0], [5, 1]], [[3, 5], [0, 1]]], ["row", "column"]),
        lambda found: found.strategies,
        [[1, 0], [1, 0]],
    ),
    "differentiated": (
        lambda: DifferentiatedGame(
            LinearDemand(["x", "y"], 2.0, [[1, -0.5], [-0.5, 1]]), [0.1, 0.1]
        ),
        lambda found: found.prices,
        [0.2, 0.2],
    ),
    "providers": (
        providers,
        lambda found: found.strategies,
        [Strategy(np.array([4.0]), np.ones(1)), Strategy(np.array([0.6]), np.ones(1))],
    ),
    "entry": (entry, lambda found: found.entrants, ["a", "b"]),
}


@pytest.fixture(params=GAMES, scope="module")
def asked(request):
    make, profile_of, worse = GAMES[request.param]
    game = make()
    found = game.solve()
    return game, found, profile_of(found), worse


def test_what_solve_returns_is_certified_by_certify(asked):
    game, found, profile, _ = asked
    again = game.certify(profile)
    assert isinstance(again, Deviations)
    assert again.epsilon == pytest.approx(found.epsilon, abs=1e-12)
    assert again.relative_epsilon == pytest.approx(found.relative_epsilon, abs=1e-9)
    assert again.players == found.deviations.players
    assert set(again.players) <= set(game.players)
    assert found.relative_epsilon < 1e-2


def test_certify_finds_who_would_leave_a_worse_profile(asked):
    game, found, _, worse = asked
    wrong = game.certify(worse)
    assert wrong.epsilon > 10 * found.epsilon
    assert wrong.epsilon > 0
    gains = wrong.gain > 0
    assert all(
        (by is not None) == bool(more) for by, more in zip(wrong.deviation, gains, strict=True)
    )


def test_every_equilibrium_says_the_same_of_itself(asked):
    game, found, _, _ = asked
    assert isinstance(found, Equilibrium)
    assert found.game is game or isinstance(game, type(found.game)) or found.game == game
    assert found.players == tuple(game.players)
    assert found.converged is True
    assert isinstance(found.others, tuple)
    assert found.profits.shape[-1] == len(found.players)
    assert isinstance(found.iterations, int)
    assert isinstance(found.to_frame(), pd.DataFrame)
    json.dumps(found.to_dict(), default=lambda value: value.tolist())
    assert f"{found.deviations.words}"[:20] in str(found) or "epsilon" in str(found)
    ax = mpl.figure.Figure().subplots()
    assert found.plot(ax=ax) is ax
    other = mpl.figure.Figure().subplots()
    assert found.plot_trace(ax=other) is other


def test_entry_by_hand():
    """Alone pays (3 - 2), together does not (1 - 2), and nobody in the market tempts."""
    game = entry()
    found = game.solve()
    assert found.entrants in (frozenset("a"), frozenset("b"))
    assert [other.entrants for other in found.others] == [frozenset("ab") - found.entrants]
    assert sorted(found.profits.tolist()) == [0.0, 1.0]
    both, nobody = game.certify(["a", "b"]), game.certify([])
    assert both.gain.tolist() == [1.0, 1.0]
    assert both.deviation == ("leave", "leave")
    assert nobody.gain.tolist() == [1.0, 1.0]
    assert nobody.deviation == ("enter", "enter")
    with pytest.raises(arb.InputError, match="'c' is no candidate"):
        game.certify(["c"])
