"""The lattice, its bounds and the hull, against brute force and finer lattices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbmodels.cascades import cascade_frontier
from arbmodels.cascades.lattice import build_lattice, coarsen, lower_hull, refined, shortest_paths
from arbmodels.curves import attempt_curves, budget_grid, dollar_curves
from arbmodels.errors import InputError
from arbmodels.plans import Plan
from conftest import markets, random_market


@settings(max_examples=30, deadline=None)
@given(st.data(), st.sampled_from(["log-linear", "exact"]))
def test_the_bound_holds_for_any_amounts(data, integration):
    market = data.draw(markets(max_instances=6, max_models=3, missing=0.2))
    curves = dollar_curves(market, budget_grid(0.05, 30, 12), integration=integration)
    frontier = cascade_frontier(curves)
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    for _ in range(10):
        stages = [
            (str(rng.choice(market.models)), float(rng.exponential(2.0) + 1e-3))
            for _ in range(rng.integers(1, 6))
        ]
        got = Plan(tuple(stages), "dollars").evaluate(curves)
        assert frontier.bound_at(got.solve_rate) <= got.mean_spend + 1e-9
    rates = np.linspace(0, frontier.max_solve_rate, 40)
    assert np.all(frontier.bound_at(rates) <= frontier.spend_at(rates) + 1e-12)
    assert np.all(frontier.mixture_spend_at(rates) <= frontier.spend_at(rates) + 1e-12)


def test_refining_tightens_the_bound_and_never_costs_more():
    market = random_market(np.random.default_rng(3), 30, 2)
    curves = dollar_curves(market, budget_grid(0.02, 20, 60))
    coarse, fine = cascade_frontier(curves), cascade_frontier(curves, refine=4)
    rates = np.linspace(0.2, 0.95, 20) * coarse.max_solve_rate
    assert np.all(fine.spend_at(rates) <= coarse.spend_at(rates) + 1e-9)
    assert np.all(fine.bound_at(rates) >= coarse.bound_at(rates) - 1e-9)
    assert fine.gap_at(rates).max() < 0.5 * coarse.gap_at(rates).max()


@pytest.mark.parametrize("seed", range(4))
def test_the_bound_of_a_coarse_lattice_holds_on_every_finer_one(seed):
    """Plans that interleave inside the cells come nearer to the bound than random ones."""
    rng = np.random.default_rng(seed)
    market = random_market(rng, 30, 2, missing=0.2, max_attempts=40)
    coarse = cascade_frontier(dollar_curves(market, budget_grid(0.1, 40, 5)))
    fine = cascade_frontier(coarse.curves, refine=16)
    rates = np.linspace(0.01, 1, 80) * coarse.max_solve_rate
    assert np.all(coarse.bound_at(rates) <= fine.spend_at(rates) * (1 + 1e-12))
    # The same for whole attempts, where the thinned lattice leaves some out.
    attempts = attempt_curves(market)
    thin = cascade_frontier(attempts, most_states=60)
    every = cascade_frontier(attempts)
    rates = np.linspace(0.01, 1, 80) * every.max_solve_rate
    assert np.all(thin.bound_at(rates) <= every.spend_at(rates) * (1 + 1e-12))
    assert np.all(thin.spend_at(rates) >= every.spend_at(rates) * (1 - 1e-12))
    assert np.any(thin.bound_at(rates) < 0.9 * every.spend_at(rates))


def test_hull_of_points_by_brute_force():
    rng = np.random.default_rng(2)
    for _ in range(20):
        x, y = rng.random(12), rng.random(12)
        order = np.lexsort((y, x))
        hx, hy = lower_hull(x[order], y[order])
        for t in np.linspace(hx[0], hx[-1], 30):
            best = min(
                y[i] + (y[j] - y[i]) * (t - x[i]) / (x[j] - x[i]) if x[i] != x[j] else y[i]
                for i in range(12)
                for j in range(12)
                if min(x[i], x[j]) <= t <= max(x[i], x[j])
            )
            assert np.interp(t, hx, hy) == pytest.approx(best, abs=1e-12)


def test_shortest_paths_match_plain_dynamic_programming():
    rng = np.random.default_rng(0)
    for shape in ((7,), (4, 5), (3, 4, 3), (2, 3, 2, 3)):
        steps = []
        for axis in range(len(shape)):
            smaller = list(shape)
            smaller[axis] -= 1
            steps.append(rng.random(smaller))
        spend = np.full(shape, np.inf)
        spend[(0,) * len(shape)] = 0
        for state in np.ndindex(shape):
            for axis, position in enumerate(state):
                if position:
                    before = (*state[:axis], position - 1, *state[axis + 1 :])
                    spend[state] = min(spend[state], spend[before] + steps[axis][before])
        np.testing.assert_allclose(shortest_paths(steps), spend, atol=1e-12)


@pytest.mark.parametrize("cells", [1, 500, 4_000_000])
def test_four_models_are_tabulated_as_defined(monkeypatch, cells):
    monkeypatch.setattr("arbmodels.curves._CELLS_AT_ONCE", cells)
    market = random_market(np.random.default_rng(4), 7, 4, missing=0.2, equal_weights=False)
    curves = attempt_curves(market, 3)
    lattice = build_lattice(curves)
    failure = [curve.failure(np.arange(4)) for curve in curves.models]
    paid = [np.diff(curve.spend(np.arange(4)), axis=1) for curve in curves.models]
    sums = "n,na,nb,nc,nd->abcd"
    np.testing.assert_allclose(
        lattice.solve_rate, 1 - np.einsum(sums, market.weight, *failure), atol=1e-14
    )
    for m in range(4):
        expected = np.einsum(sums, market.weight, *failure[:m], paid[m], *failure[m + 1 :])
        np.testing.assert_allclose(lattice.step_spend[m], expected, rtol=1e-12, atol=1e-15)


def test_lattices_are_thinned_and_limited():
    market = random_market(np.random.default_rng(1), 6, 3)
    frontier = cascade_frontier(dollar_curves(market, budget_grid(0.05, 30, 50)), most_states=1000)
    assert frontier.lattice.spend.size <= 1000
    assert "x" in frontier.table().note
    grids = coarsen([np.arange(10.0), np.arange(4.0)], 20)
    assert [grid.tolist() for grid in grids] == [[0, 1, 2, 5, 9], [0, 1, 2, 3]]
    five = random_market(np.random.default_rng(1), 6, 5)
    with pytest.raises(InputError, match=r"up to 4 models.*has 5.*--models"):
        cascade_frontier(five)
    with pytest.raises(InputError, match=r"exceeds .* coarser budget grid"):
        build_lattice(dollar_curves(market, budget_grid(0.05, 30, 500)))
    with pytest.raises(InputError, match="refine is 0"):
        cascade_frontier(market, refine=0)
    with pytest.raises(InputError, match="cannot be cut"):
        cascade_frontier(attempt_curves(market), refine=2)


def test_thinning_the_lattice_does_not_raise_the_price_of_a_single_model():
    market = random_market(np.random.default_rng(1), 20, 3)
    curves = dollar_curves(market, budget_grid(0.05, 30, 50))
    thin, full = cascade_frontier(curves, most_states=1000), cascade_frontier(curves)
    rates = np.linspace(0, thin.market_max_solve_rate, 30)
    np.testing.assert_allclose(thin.model_prices_at(rates), full.model_prices_at(rates))
    for model, prices in zip(market.models, thin.model_prices_at(rates).T, strict=True):
        alone = cascade_frontier(curves.only([model]))
        np.testing.assert_allclose(prices, alone.spend_at(rates))


def test_refined_grids_keep_their_points():
    grid = np.concatenate([[0.0], budget_grid(1e-3, 2.0, 9)])
    finer = refined(grid, 3)
    assert np.isin(grid, finer).all()
    assert len(finer) == 1 + 8 * 3 + 1
    np.testing.assert_allclose(np.diff(np.log(finer[1:])), np.log(finer[2] / finer[1]))
    assert refined(grid, 1) is grid


def test_real_attempt_lattice_is_complete(swebench_pair):
    frontier = cascade_frontier(attempt_curves(swebench_pair, billing="stop-at-record"))
    assert frontier.lattice.spend.shape == (93, 52)
    either = (swebench_pair.successes > 0).any(axis=1).mean()
    assert frontier.max_solve_rate == pytest.approx(either)
