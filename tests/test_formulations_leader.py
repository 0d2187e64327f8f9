"""Leader and follower: single-level program, exact segment search and brute force agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arbmodels as arb
from arbmodels.formulations.leader_follower import build_cvxpy, build_pyomo, cascades_of
from arbmodels.formulations.solving import solve, values
from arbmodels.games import CascadeSet, Consumers, ProviderGame, cascade_sets_of
from arbmodels.games.providers.best_response import best_response
from arbmodels.market import Market


def game_of(menus: list[np.ndarray], mass: np.ndarray, worth: np.ndarray, cost: float):
    rates = np.linspace(0.5, 0.9, len(menus))
    names = [f"m{k}" for k in range(menus[0].shape[1])]
    # Direct offers are cascades of one model: leaving them out changes nothing.
    alone = [np.inf] * len(names)
    listed = tuple(
        CascadeSet(rate, names, e, alone, True) for rate, e in zip(rates, menus, strict=True)
    )
    consumers = Consumers(rates, low=worth, high=worth, mass=mass)
    return ProviderGame(listed, consumers, cost, 2)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 4), st.integers(2, 3))
def test_program_and_segment_search_agree(seed, rates, cascades, models):
    rng = np.random.default_rng(seed)
    menus = [rng.uniform(0, 2, (cascades, models)) for _ in range(rates)]
    mass, worth = rng.uniform(0.5, 2, rates), rng.uniform(1, 4, rates)
    cost = rng.uniform(0, 0.6)
    game = game_of(menus, mass, worth, cost)
    best = best_response(game, 0, np.ones(models))
    cascades = cascades_of(menus, 0, worth)
    for build in (build_pyomo, build_cvxpy):
        found = solve(build(cascades, mass=mass, marginal_cost=cost, largest=200.0))
        assert found == pytest.approx(best.profit, abs=1e-5)
    grid = np.ones((20_001, models))
    grid[:, 0] = np.linspace(0, 12, 20_001)
    tried = game.profits(grid)[:, 0].max()
    assert tried <= found + 1e-5


def test_on_the_simulated_market(simulated: Market) -> None:
    market = simulated.select(models=["gpt5mini", "deepseek"])
    menus = cascade_sets_of(market, [0.7, 0.72])
    worth = np.array([1.5 * menu.single.min() for menu in menus])
    mass = np.ones(2)
    consumers = Consumers([0.7, 0.72], low=worth, high=worth)
    game = ProviderGame(menus, consumers, 0.3, 2)
    for leader in (0, 1):
        best = best_response(game, leader, np.ones(2))
        cascades = cascades_of([menu.expected for menu in menus], leader, worth)
        for build in (build_pyomo, build_cvxpy):
            program = build(cascades, mass=mass, marginal_cost=0.3, largest=20.0)
            assert solve(program) == pytest.approx(best.profit, rel=1e-5)
            assert values(program, "w") == pytest.approx(best.price, rel=1e-3)


def test_bad_input_is_refused() -> None:
    menu = np.array([[1.0, 1.0]])
    one = np.ones(1)
    with pytest.raises(arb.InputError, match="willingness"):
        cascades_of([menu], 0, np.ones(2))
    with pytest.raises(arb.InputError, match="column"):
        cascades_of([menu], 2, one)
    with pytest.raises(arb.InputError, match=">= 0"):
        cascades_of([-menu], 0, one)
    cascades = cascades_of([menu], 0, one)
    with pytest.raises(arb.InputError, match="mass"):
        build_pyomo(cascades, mass=np.ones(2), marginal_cost=0.1, largest=2.0)
    with pytest.raises(arb.InputError, match=">= 0"):
        build_cvxpy(cascades, mass=one, marginal_cost=-0.1, largest=2.0)
