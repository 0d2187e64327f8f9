"""Bootstrap bands: what is resampled, that they do not depend on the workers, and real data."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbmodels.cascades import cascade_frontier
from arbmodels.curves import attempt_curves, dollar_curves
from arbmodels.errors import InputError
from arbmodels.estimation import bootstrap_curves, bootstrap_margin
from arbmodels.estimation.bootstrap import _chances, resampled, thinned
from arbmodels.margins import arbitrage
from arbmodels.market import Market
from arbmodels.passk import pass_at_k
from conftest import random_market


@given(st.integers(0, 2**32 - 1))
def test_resampled_markets(seed):
    rng = np.random.default_rng(seed)
    market = random_market(rng, 8, 3, missing=0.3, equal_weights=False)
    both = resampled(market, ("instances", "attempts"), rng)
    np.testing.assert_array_equal(both.successes > 0, market.successes > 0)
    assert np.all(both.successes <= both.attempts)
    np.testing.assert_array_equal(both.attempts, market.attempts)
    times = 8 * both.weight / market.weight
    assert np.all(both.weight >= 0)
    assert times.max() > 0
    only = resampled(market, ("instances",), rng)
    np.testing.assert_array_equal(only.successes, market.successes)
    fixed = resampled(market, ("attempts",), rng)
    np.testing.assert_allclose(fixed.weight, market.weight)


def test_successes_keep_their_mean():
    n = np.array([[2, 5, 50, 7, 4, 30]]).T.repeat(400, axis=1).reshape(-1, 1)
    c = np.array([[2, 3, 2, 0, 1, 29]]).T.repeat(400, axis=1).reshape(-1, 1)
    market = Market(["m"], [f"i{k}" for k in range(len(n))], n, c, np.ones(n.shape))
    chance = _chances(market)
    several = c > 1  # a single success of n comes from p -> 0, which the formula meets in a limit
    chance, times = np.minimum(chance[several], 1 - 1e-16), n[several]
    expected = times * chance / -np.expm1(times * np.log1p(-chance))
    np.testing.assert_allclose(expected, c[several], rtol=1e-6)
    drawn = resampled(market, ("attempts",), np.random.default_rng(0)).successes
    means = drawn.reshape(6, 400).mean(axis=1)
    np.testing.assert_allclose(means, [2, 3, 2, 0, 1, 29], atol=0.15)
    assert drawn.reshape(6, 400).std(axis=1)[1] > 0.5


def test_bands_do_not_depend_on_the_workers():
    market = random_market(np.random.default_rng(1), 30, 2)
    settings = {"resamples": 24, "solve_rates": np.linspace(0.3, 0.6, 12), "seed": 5}
    one, two = (bootstrap_margin(market, workers=workers, **settings) for workers in (1, 2))
    np.testing.assert_array_equal(one.cost, two.cost)
    np.testing.assert_array_equal(one.model_prices, two.model_prices)
    other = bootstrap_margin(market, **{**settings, "seed": 6})
    assert not np.array_equal(one.cost, other.cost)


def test_the_point_is_the_margin(simulated):
    pair = simulated.select(models=["gpt5mini", "deepseek"])
    rates = np.linspace(0.55, 0.70, 10)
    for method in ("exact", "olmedo2026"):
        found = bootstrap_margin(pair, method=method, resamples=12, solve_rates=rates)
        plain = arbitrage(pair, method=method, solve_rates=rates)
        np.testing.assert_allclose(found.point.margin, plain.margin, atol=1e-12)
        low, high = found.quantiles(found.margin)
        assert np.all(low <= high)
        assert found.resamples == 12


def test_standard_error_of_a_mean():
    """One attempt of one model costs what it costs: the band is that of a weighted mean."""
    rng = np.random.default_rng(0)
    count = 300
    market = Market(
        ["a", "b"],
        [f"i{k}" for k in range(count)],
        np.ones((count, 2)),
        rng.random((count, 2)) < 0.5,
        np.full((count, 2), 0.01),
    )
    found = bootstrap_margin(
        market, over="instances", resamples=100, solve_rates=np.linspace(0.3, 0.8, 101)
    )
    reach = [found.solve_rates[np.isfinite(row)].max() for row in found.model_prices[:, :, 0]]
    assert np.std(reach) == pytest.approx(0.5 / np.sqrt(count), rel=0.35)
    assert found.defined[0] == 1
    assert found.defined[-1] == 0
    assert np.isnan(found.quantiles(found.margin)[:, -1]).all()


@pytest.mark.slow
def test_authors_two_models(swebench_pair):
    found = bootstrap_margin(swebench_pair, curves=dollar_curves, resamples=60)
    band = found.mean_band()
    assert band.point == pytest.approx(0.2101, abs=0.001)
    assert 0.05 < band.low < 0.13
    assert 0.25 < band.high < 0.32
    attempts = bootstrap_margin(
        swebench_pair, curves=dollar_curves, resamples=16, over="attempts"
    ).mean_band()
    assert attempts.high - attempts.low < 0.4 * (band.high - band.low)
    assert "90% bands of 60 resamples over instances and attempts" in str(found)


def test_bands_of_the_curves_are_those_of_a_mean():
    rng = np.random.default_rng(3)
    market = random_market(rng, 200, 2, max_attempts=5)
    found = bootstrap_curves(market, curves=attempt_curves, resamples=120, over="instances")
    curves = attempt_curves(market)
    for m in range(2):
        k = found.amounts[m].astype(int)
        solved = pass_at_k(market.attempts[:, [m]], market.successes[:, [m]], k)
        np.testing.assert_allclose(found.point[m][0], solved.mean(axis=0), atol=1e-12)
        paid = market.weight @ curves.models[m].spend(found.amounts[m])
        np.testing.assert_allclose(found.point[m][1], paid)
        error = solved.std(axis=0)[1:] / np.sqrt(200)
        np.testing.assert_allclose(found.solve_rate[m].std(axis=0)[1:], error, rtol=0.3)
    frame = found.to_frame()
    assert set(frame["model"]) == set(market.models)
    assert np.all(frame["solve_rate_low"] <= frame["solve_rate_high"])
    assert "attempts" in str(found)
    assert json.dumps(found.to_dict(), allow_nan=False)
    assert found.plot().get_xlabel() == "At most (attempts)"


def test_long_curves_are_thinned_with_their_ends_kept():
    amounts = thinned(np.arange(5001.0))
    assert len(amounts) <= 250
    assert amounts[:20].tolist() == list(range(20))
    assert amounts[-1] == 5000


def test_any_convention_can_be_resampled():
    """The prior of beta-binomial curves is fitted anew where attempts are resampled."""
    market = random_market(np.random.default_rng(2), 40, 2, max_attempts=8)
    make = partial(attempt_curves, max_attempts=20, estimator="beta-binomial-zero")
    rates = np.linspace(0.3, 0.7, 9)
    found = bootstrap_margin(market, curves=make, resamples=6, solve_rates=rates)
    plain = arbitrage(make(market), solve_rates=rates)
    np.testing.assert_allclose(found.point.cost, plain.arbitrage_cost)
    assert found.billing == "attempts, beta-binomial-zero pass@k"
    seed = np.random.SeedSequence(0).spawn(6)[3]
    drawn = make(resampled(market, ("instances", "attempts"), np.random.default_rng(seed)))
    np.testing.assert_allclose(found.cost[3], cascade_frontier(drawn).spend_at(rates))
    with pytest.raises(InputError, match="brings its own curves"):
        bootstrap_margin(market, method="olmedo2026", curves=make)


def test_shows_itself():
    market = random_market(np.random.default_rng(1), 30, 2)
    found = bootstrap_margin(market, resamples=10, solve_rates=np.linspace(0.2, 0.5, 5))
    assert "Peak margin" in str(found)
    frame = found.to_frame()
    assert {"margin_low", "price_high", "cost", "defined"} <= set(frame)
    labels = [text.get_text() for text in found.plot().get_legend().get_texts()]
    assert labels == ["90% band", "50% band", "Margin"]
    labels = [text.get_text() for text in found.plot_costs().get_legend().get_texts()]
    assert labels == ["model-0", "model-1", "Arbitrageur"]
    assert found.peak_band().low <= found.peak_band().high


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "best"}, "No method 'best'"),
        ({"resamples": 1}, "resamples is 1"),
        ({"workers": 0}, "workers is 0"),
        ({"over": "models"}, "resample over 'instances', 'attempts' or both"),
        ({"over": ()}, "resample over"),
        ({"solve_rates": [-0.1]}, "between 0 and 1"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    market = random_market(np.random.default_rng(0), 10, 2)
    with pytest.raises(InputError, match=message):
        bootstrap_margin(market, **arguments)
    bands = bootstrap_margin(market, resamples=2, solve_rates=[0.3])
    with pytest.raises(InputError, match="level is 1"):
        bands.mean_band(1.0)
