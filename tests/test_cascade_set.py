"""Price-free cascade sets: re-solved markets, brute force, and bad input."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arbmodels as arb
from arbmodels.curves import Curves, attempt_curves, dollar_curves
from arbmodels.errors import InputError
from arbmodels.games import CascadeSet, cascade_sets_of
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
    (cascade_set,) = cascade_sets_of(attempt_curves(market), [rate])
    for w in np.exp(rng.uniform(-1, 1, (4, models))):
        again = arb.cascade_frontier(attempt_curves(repriced(market, w)))
        found = cascade_set.cost(w)[0]
        assert found >= again.spend_at(rate) * (1 - 1e-10)
        # Two models: the whole hull. More: as near as the cascade set itself says.
        slack = 1e-9 if models == 2 else cascade_set.shortfall + 1e-3
        assert found <= again.spend_at(rate) * (1 + slack)
        alone = again.model_prices_at(rate)
        assert np.allclose(
            np.where(np.isinf(cascade_set.direct(w)[0]), np.nan, cascade_set.direct(w)[0]),
            alone,
            equal_nan=True,
        )


def test_dollars_are_reoptimised_as_on_a_repriced_market(simulated: Market) -> None:
    market = simulated.select(models=["gpt5mini", "deepseek"])
    grid = np.logspace(-3, 0, 40)
    curves = dollar_curves(market, grid)
    (cascade_set,) = cascade_sets_of(curves, [0.7])
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
        assert cascade_set.cost(w)[0] == pytest.approx(
            float(arb.cascade_frontier(together).spend_at(0.7)), rel=1e-8
        )


def test_the_menu_is_the_lower_hull_of_all_cascades() -> None:
    market = random_market(np.random.default_rng(3), 5, 2, max_attempts=3)
    curves = attempt_curves(market)
    rate = 0.9 * arb.cascade_frontier(curves).max_solve_rate
    (cascade_set,) = cascade_sets_of(curves, [rate])
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
    assert cascade_set.cost(w) == pytest.approx(best)


def test_cost_is_concave_homogeneous_and_its_gradient_is_what_is_bought(simulated: Market) -> None:
    market = simulated.select(models=["gpt5mini", "deepseek"])
    (cascade_set,) = cascade_sets_of(market, [0.72])
    assert cascade_set.exact
    rng = np.random.default_rng(0)
    v, w = rng.uniform(0.2, 3, (2, 300, 2))
    assert np.all(
        cascade_set.cost((v + w) / 2) >= (cascade_set.cost(v) + cascade_set.cost(w)) / 2 - 1e-12
    )
    assert cascade_set.cost(3 * w) == pytest.approx(3 * cascade_set.cost(w))
    found = cascade_set.cheapest(w)
    # Shephard: a tangent from above everywhere.
    assert np.all(cascade_set.cost(v) <= (found.purchases * v).sum(axis=1) + 1e-12)
    assert cascade_set.cost([1, 1])[0] == pytest.approx(
        float(arb.cascade_frontier(arb.dollar_curves(market)).spend_at(0.72)), rel=1e-12
    )


def test_three_models_say_how_near_they_are(simulated: Market) -> None:
    market = simulated.select(models=["gpt5mini", "deepseek", "qwen3-coder-30b"])
    (cascade_set,) = cascade_sets_of(market, [0.7], most_states=30_000)
    assert not cascade_set.exact
    assert cascade_set.checked > 0
    assert 0 <= cascade_set.shortfall < 0.005
    assert "at most" in cascade_set.words
    assert "cascades" in str(cascade_set)
    assert len(cascade_set.to_frame()) == len(cascade_set.expected)


def test_a_single_model_and_a_rate_that_needs_a_cascade(swebench_pair: Market) -> None:
    (alone,) = cascade_sets_of(swebench_pair.select(models=["deepseek"]), [0.7])
    assert alone.expected.shape == (1, 1)
    (cascade_set,) = cascade_sets_of(swebench_pair, [0.76])
    assert np.isinf(cascade_set.single).all()
    assert cascade_set.reach_alone == ()
    assert np.all(cascade_set.expected > 0)


@pytest.mark.parametrize("rate", [0.99, 1.2, -0.1, float("nan")])
def test_rates_out_of_reach_are_refused(simulated: Market, rate: float) -> None:
    with pytest.raises(InputError):
        cascade_sets_of(simulated.select(models=["gpt5mini", "deepseek"]), [rate])


def test_bad_menus_and_prices_are_refused() -> None:
    with pytest.raises(InputError, match="one row of 2 spends"):
        CascadeSet(0.5, ("a", "b"), [[1.0]], [1.0, 1.0], True)
    with pytest.raises(InputError, match="finite"):
        CascadeSet(0.5, ("a", "b"), [[1.0, np.nan]], [1.0, 1.0], True)
    with pytest.raises(InputError, match="alone"):
        CascadeSet(0.5, ("a", "b"), [[1.0, 1.0]], [1.0], True)
    cascade_set = CascadeSet(0.5, ("a", "b"), [[1.0, 1.0]], [1.0, np.inf], True)
    with pytest.raises(InputError, match="one multiplier"):
        cascade_set.cost([1.0])
    with pytest.raises(InputError, match=">= 0"):
        cascade_set.cost([1.0, -1.0])
