"""Estimation at the edge of what markets are: a right answer or a clear error, tested."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import arbmodels as arb
from arbmodels.errors import InputError
from arbmodels.estimation import (
    bootstrap_curves,
    bootstrap_margin,
    cross_validate_margin,
    learn_policy,
    robustness_study,
)
from arbmodels.market import Market

COUNT = 30
RATES = np.linspace(0.3, 0.6, 7)


def market_of(attempts, successes, cost, weight=None):
    shape = np.shape(successes)
    return Market(
        [f"m{m}" for m in range(shape[1])],
        [f"i{i}" for i in range(shape[0])],
        np.broadcast_to(attempts, shape),
        np.asarray(successes),
        np.broadcast_to(cost, shape),
        weight=weight,
    )


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_one_attempt_per_pair(rng):
    """Whole attempts, by hand: nothing is learnt from an instance but whether it was solved."""
    solved = rng.integers(0, 2, (COUNT, 2))
    market = market_of(1, solved, [0.02, 0.05])
    curves = partial(arb.attempt_curves, max_attempts=1)
    found = cross_validate_margin(curves(market), solve_rates=[0.2], repeats=1)
    assert found.in_sample.model_prices[0] == pytest.approx(
        0.2 * np.array([0.02, 0.05]) / solved.mean(axis=0)
    )
    bands = bootstrap_curves(market, curves=curves, resamples=30, over="instances")
    assert bands.point[0][0].tolist() == pytest.approx([0, solved[:, 0].mean()])
    assert bands.spend[1][:, 1] == pytest.approx(np.full(30, 0.05))
    with pytest.raises(InputError, match="both failed and succeeded twice"):
        bootstrap_margin(market, over="attempts")
    assert "optimism" in str(arb.arbitrage(market))


def test_no_attempt_of_a_pair(rng):
    successes = rng.integers(0, 5, (COUNT, 2))
    attempts = np.where(np.arange(2 * COUNT).reshape(-1, 2) % 6 == 1, 0, 4)
    market = market_of(attempts, np.minimum(successes, attempts), [0.02, 0.05])
    found = cross_validate_margin(market, repeats=1)
    assert np.isfinite(found.mean_optimism)
    assert np.isfinite(bootstrap_margin(market, resamples=4, solve_rates=RATES).cost[:, 0]).all()
    for call in (
        lambda: cross_validate_margin(market, method="olmedo2026"),
        lambda: bootstrap_margin(market, method="olmedo2026"),
    ):
        with pytest.raises(InputError, match=r"lacks .*: use market.intersection"):
            call()
    with pytest.raises(InputError, match="cannot be bought"):
        robustness_study(market, budgets=(1.0,), draws=2)


def test_nothing_is_ever_solved():
    market = market_of(3, np.zeros((COUNT, 2), int), [0.02, 0.05])
    for call in (cross_validate_margin, bootstrap_margin, arb.arbitrage):
        with pytest.raises(InputError, match="No model of this market solves anything"):
            call(market)
    # With a prior there is a chance that more attempts would help, but nothing to arbitrage.
    extended = arb.attempt_curves(market, 9, "beta-binomial-zero")
    assert cross_validate_margin(extended, repeats=1).mean_margin == pytest.approx(0, abs=1e-9)
    bands = bootstrap_curves(market, resamples=3)
    assert all((rate == 0).all() for rate in bands.solve_rate)
    for learner in ("olmedo2026", "pooled"):
        assert learn_policy(market, 1.0, learner=learner).allocation.sum() == pytest.approx(1)


@pytest.mark.parametrize("dead", [0, 1])
def test_a_model_that_never_solves_earns_nothing(rng, dead):
    successes = rng.integers(0, 4, (COUNT, 2))
    successes[:, dead] = 0
    market = market_of(3, successes, [0.02, 0.05])
    found = cross_validate_margin(market, repeats=1)
    assert np.nanmax(found.margin) == pytest.approx(0, abs=1e-9)
    assert np.nanmax(np.abs(found.optimism)) == pytest.approx(0, abs=1e-9)
    assert bootstrap_margin(market, resamples=4).mean_band().high == pytest.approx(0, abs=1e-9)
    study = robustness_study(market, budgets=(2.0,), draws=3, learners=("olmedo2026", "pooled"))
    assert study.margin.max() == 0


def test_costs_over_nine_orders_of_magnitude(rng):
    successes = rng.integers(0, 5, (COUNT, 2))
    market = market_of(4, successes, [1e-6, 1e3])
    found = cross_validate_margin(market, repeats=1)
    assert np.isfinite(found.mean_optimism)
    assert np.all(np.nan_to_num(found.margin) <= 1)
    # In another unit of currency the margins are the same.
    scaled = market_of(4, successes, [1e-3, 1e6])
    again = cross_validate_margin(scaled, repeats=1)
    np.testing.assert_allclose(again.margin, found.margin, atol=1e-6)
    bands = [bootstrap_margin(each, resamples=3, solve_rates=RATES) for each in (market, scaled)]
    np.testing.assert_allclose(bands[0].margin, bands[1].margin, atol=1e-6)


def test_a_single_instance():
    market = market_of(5, [[2, 3]], [0.02, 0.05])
    with pytest.raises(InputError, match="nothing to hold out"):
        cross_validate_margin(market)
    for call in (bootstrap_margin, bootstrap_curves):
        with pytest.raises(InputError, match="one instance says nothing about others"):
            call(market)
    found = bootstrap_margin(market, resamples=20, over="attempts", solve_rates=[0.5])
    low, high = found.quantiles(found.price)
    assert low[0] < found.point.price[0] < high[0]
    assert "1 instances are too few" in arb.arbitrage(market).validation


def test_one_instance_has_all_the_weight(rng):
    market = market_of(4, rng.integers(1, 4, (COUNT, 2)), [0.02, 0.05], weight=np.eye(COUNT)[0])
    with pytest.raises(InputError, match="one instance says nothing about others"):
        bootstrap_margin(market)
    # What is shown by default says why it lacks the optimism instead of failing.
    assert "1 instances are too few" in str(arb.arbitrage(market))


def test_instances_without_weight_are_never_drawn(rng):
    weight = np.r_[np.ones(3), np.zeros(COUNT - 3)]
    successes = rng.integers(0, 5, (COUNT, 2))
    market, few = (market_of(4, successes[:n], [0.02, 0.05], weight[:n] / 3) for n in (COUNT, 3))
    settings = {"resamples": 8, "over": "instances"}
    one, two = (bootstrap_curves(each, **settings).solve_rate for each in (market, few))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_identical_models_leave_nothing_to_earn(rng):
    """Their unbiased curves are those of one model, and no order of the two beats one of them."""
    successes = rng.integers(0, 5, COUNT)
    market = market_of(4, np.stack([successes] * 2, axis=1), 0.03)
    curves = partial(arb.attempt_curves, billing="stop-at-record")
    found = cross_validate_margin(market, repeats=1)
    np.testing.assert_allclose(
        found.in_sample.model_prices[:, 0], found.in_sample.model_prices[:, 1]
    )
    assert found.mean_in_sample == pytest.approx(0, abs=1e-9)
    assert found.mean_margin == pytest.approx(0, abs=1e-9)
    bands = bootstrap_curves(market, curves=curves, resamples=5, over="instances")
    np.testing.assert_array_equal(bands.solve_rate[0], bands.solve_rate[1])


@pytest.mark.parametrize("method", ["exact", "olmedo2026"])
def test_solve_rates_beyond_reach_are_nan_and_say_so(rng, method):
    successes = rng.integers(0, 5, (COUNT, 2))
    successes[:6] = 0
    market = market_of(4, successes, [0.02, 0.05])
    rates = [0.3, 0.95, 1.0]
    found = cross_validate_margin(market, method=method, solve_rates=rates, repeats=1)
    assert np.isfinite(found.margin[0])
    assert np.isnan(found.margin[1:]).all()
    assert found.max_solve_rate == 0.3
    bands = bootstrap_margin(market, method=method, solve_rates=rates, resamples=4)
    assert bands.defined[-1] == 0
    assert np.isnan(bands.quantiles(bands.margin)[:, -1]).all()
    nothing = bootstrap_margin(market, method=method, solve_rates=[1.0], resamples=4)
    assert np.isnan([nothing.mean_band().point, nothing.peak_band().high]).all()
    assert "– (– to –)" in str(nothing)
    assert nothing.to_dict()["peak_margin"] == {"point": None, "low": None, "high": None}
    shown = arb.arbitrage(market, method=method, solve_rates=[1.0])
    assert "No model reaches these solve rates" in str(shown)
    assert shown.to_dict()["peak"] is None
