"""Price-free menus: against re-solved markets, brute force over all cascades, and bad input."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arbmodels as arb
from arbmodels.curves import Curves, attempt_curves, dollar_curves
from arbmodels.errors import InputError
from arbmodels.games import Menu, cascade_menus
from arbmodels.market import Market
from conftest import random_market


def repriced(market: Market, w: np.ndarray) -> Market:
    return Market(
        market.models, market.instances, market.attempts, market.successes, market.cost * w
    )


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 3))
def test_whole_attempts_are_reoptimised_as_on_a_repriced_market(seed: int, models: int) -> None:
    rng = np.random.default_rng(seed)
    market = random_market(rng, 6, models, max_attempts=4, equal_weights=True)
    frontier = arb.cascade_frontier(attempt_curves(market))
    rate = frontier.max_solve_rate * rng.uniform(0.3, 1.0)
    (menu,) = cascade_menus(attempt_curves(market), [rate])
    for w in np.exp(rng.uniform(-1, 1, (4, models))):
        again = arb.cascade_frontier(attempt_curves(repriced(market, w)))
        found = menu.cost(w)[0]
        assert found >= again.spend_at(rate) * (1 - 1e-10)
        # Two models: the whole hull. More: as near as the menu itself says.
        slack = 1e-9 if models == 2 else menu.shortfall + 1e-3
        assert found <= again.spend_at(rate) * (1 + slack)
        alone = again.model_prices_at(rate)
        assert np.allclose(
            np.where(np.isinf(menu.direct(w)[0]), np.nan, menu.direct(w)[0]), alone, equal_nan=True
        )


def test_dollars_are_reoptimised_as_on_a_repriced_market(simulated: Market) -> None:
    market = simulated.select(models=["gpt5mini", "deepseek"])
    grid = np.logspace(-3, 0, 40)
    curves = dollar_curves(market, grid)
    (menu,) = cascade_menus(curves, [0.7])
    for w in ([1.0, 1.0], [0.5, 2.0], [1.7, 0.9]):
        changed = repriced(market, np.array(w))
        # Amounts are dollars at list prices: the re-priced model's grid is scaled with its price.
        scaled = [dollar_curves(changed, grid * factor) for factor in w]
        together = Curves(
            changed,
            market.models,
            "dollars",
            tuple(scaled[m].grids[m] for m in (0, 1)),
            tuple(scaled[m].models[m] for m in (0, 1)),
            curves.billing,
            curves.continuous,
        )
        assert menu.cost(w)[0] == pytest.approx(
            float(arb.cascade_frontier(together).spend_at(0.7)), rel=1e-8
        )


def test_the_menu_is_the_lower_hull_of_all_cascades() -> None:
    market = random_market(np.random.default_rng(3), 5, 2, max_attempts=3)
    curves = attempt_curves(market)
    rate = 0.9 * arb.cascade_frontier(curves).max_solve_rate
    (menu,) = cascade_menus(curves, [rate])
    most = [len(grid) - 1 for grid in curves.grids]
    w = np.exp(np.random.default_rng(0).uniform(-2, 2, (50, 2)))
    best = np.full(50, np.inf)
    failure = [curve.failure(grid) for curve, grid in zip(curves.models, curves.grids, strict=True)]
    steps = [curve.steps(grid) for curve, grid in zip(curves.models, curves.grids, strict=True)]
    # Every order of purchases that ends in (i, j).
    for i, j in itertools.product(range(most[0] + 1), range(most[1] + 1)):
        if 1 - market.weight @ (failure[0][:, i] * failure[1][:, j]) < rate - 1e-12:
            continue
        for places in itertools.combinations(range(i + j), i):
            spend, at = np.zeros(2), [0, 0]
            for step in range(i + j):
                m = 0 if step in places else 1
                spend[m] += market.weight @ (steps[m][:, at[m]] * failure[1 - m][:, at[1 - m]])
                at[m] += 1
            best = np.minimum(best, w @ spend)
    assert menu.cost(w) == pytest.approx(best)


def test_cost_is_concave_homogeneous_and_its_gradient_is_what_is_bought(simulated: Market) -> None:
    market = simulated.select(models=["gpt5mini", "deepseek"])
    (menu,) = cascade_menus(market, [0.72])
    assert menu.exact
    rng = np.random.default_rng(0)
    v, w = rng.uniform(0.2, 3, (2, 300, 2))
    assert np.all(menu.cost((v + w) / 2) >= (menu.cost(v) + menu.cost(w)) / 2 - 1e-12)
    assert menu.cost(3 * w) == pytest.approx(3 * menu.cost(w))
    found = menu.cheapest(w)
    # Shephard: a tangent from above everywhere.
    assert np.all(menu.cost(v) <= (found.purchases * v).sum(axis=1) + 1e-12)
    assert menu.cost([1, 1])[0] == pytest.approx(
        float(arb.cascade_frontier(arb.dollar_curves(market)).spend_at(0.72)), rel=1e-12
    )


def test_three_models_say_how_near_they_are(simulated: Market) -> None:
    market = simulated.select(models=["gpt5mini", "deepseek", "qwen3-coder-30b"])
    (menu,) = cascade_menus(market, [0.7], most_states=30_000)
    assert not menu.exact
    assert menu.checked > 0
    assert 0 <= menu.shortfall < 0.005
    assert "at most" in menu.words
    assert "cascades" in str(menu)
    assert len(menu.to_frame()) == len(menu.expected)


def test_a_single_model_and_a_rate_that_needs_a_cascade(swebench_pair: Market) -> None:
    (alone,) = cascade_menus(swebench_pair.select(models=["deepseek"]), [0.7])
    assert alone.expected.shape == (1, 1)
    (menu,) = cascade_menus(swebench_pair, [0.76])
    assert np.isinf(menu.single).all()
    assert menu.reach_alone == ()
    assert np.all(menu.expected > 0)


@pytest.mark.parametrize("rate", [0.99, 1.2, -0.1, float("nan")])
def test_rates_out_of_reach_are_refused(simulated: Market, rate: float) -> None:
    with pytest.raises(InputError):
        cascade_menus(simulated.select(models=["gpt5mini", "deepseek"]), [rate])


def test_bad_menus_and_prices_are_refused() -> None:
    with pytest.raises(InputError, match="one row of 2 spends"):
        Menu(0.5, ("a", "b"), [[1.0]], [1.0, 1.0], True)
    with pytest.raises(InputError, match="finite"):
        Menu(0.5, ("a", "b"), [[1.0, np.nan]], [1.0, 1.0], True)
    with pytest.raises(InputError, match="alone"):
        Menu(0.5, ("a", "b"), [[1.0, 1.0]], [1.0], True)
    menu = Menu(0.5, ("a", "b"), [[1.0, 1.0]], [1.0, np.inf], True)
    with pytest.raises(InputError, match="one multiplier"):
        menu.cost([1.0])
    with pytest.raises(InputError, match=">= 0"):
        menu.cost([1.0, -1.0])
