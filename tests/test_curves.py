"""Curves against quadrature, the definition, and each other."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta as beta_distribution

from arbmodels.cascades.lattice import build_lattice
from arbmodels.curves import (
    attempt_curves,
    budget_grid,
    default_budget_grid,
    dollar_curves,
)
from arbmodels.data import load_market
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import fit_beta_prior, pass_at_k
from arbmodels.plans import Plan
from conftest import random_market


@pytest.mark.parametrize("billing", ["pay-past-record", "stop-at-record"])
def test_exact_dollars_are_the_integral_of_the_step_curve(billing):
    market = random_market(np.random.default_rng(2), 12, 2, missing=0.3, max_attempts=5)
    assert not market.recorded.all()
    curves = dollar_curves(
        market, budget_grid(1e-2, 50.0, 40), integration="exact", billing=billing
    )
    for budget, i, m in product((0.05, 0.9, 3.3, 21.0), range(12), range(2)):
        got = curves.models[m].spend(np.array([budget]))[i, 0]
        n, c, q = market.attempts[i, m], market.successes[i, m], market.cost[i, m]
        if n == 0:
            assert got == 0
            continue
        end = min(budget, n * q) if billing == "stop-at-record" else budget
        steps = np.arange(0, int(end / q) + 1)
        left, right = steps * q, np.minimum((steps + 1) * q, end)
        area = ((1 - pass_at_k(n, c, steps)) * np.maximum(right - left, 0)).sum()
        assert got == pytest.approx(area, rel=1e-9)


def test_log_linear_dollars_are_the_integral_of_the_interpolated_curve():
    market = random_market(np.random.default_rng(4), 4, 1)
    grid = budget_grid(0.05, 20.0, 15)
    curve = dollar_curves(market, grid).models[0]
    for budget in (0.2, 1.0, 7.7, 20.0):
        got = curve.spend(np.array([budget]))[:, 0]
        cuts = [0.0, *grid[grid < budget], budget]
        for i in range(4):
            area = sum(
                quad(lambda x, i=i: curve.failure(np.array([x]))[i, 0], low, high)[0]
                for low, high in pairwise(cuts)
            )
            assert got[i] == pytest.approx(area, rel=1e-6)
    at_nodes = curve.failure(grid[3:5] * (1 + 1e-13))
    steps = np.floor(grid[3:5] / market.cost)
    expected = 1 - pass_at_k(market.attempts, market.successes, steps)
    np.testing.assert_allclose(at_nodes, expected, atol=1e-9)


def test_log_linear_tables_agree_with_the_formula_between_points():
    market = random_market(np.random.default_rng(8), 6, 2, missing=0.4)
    assert not market.recorded[:, 1].all()
    curve = dollar_curves(market, budget_grid(0.05, 20.0, 15)).models[1]
    grid = np.concatenate([[0.0], budget_grid(0.05, 20.0, 15)])
    nudged = grid * (1 - 1e-12)
    np.testing.assert_allclose(curve.failure(grid), curve.failure(nudged), atol=1e-9)
    np.testing.assert_allclose(curve.spend(grid), curve.spend(nudged), atol=1e-9)


def test_fine_log_linear_grids_converge_to_the_exact_integral():
    market = random_market(np.random.default_rng(6), 10, 2)
    low, high = 1e-3, 30.0
    exact = dollar_curves(market, budget_grid(low, high, 10), integration="exact")
    plan = Plan(((market.models[0], 1.7), (market.models[1], 8.0)), unit="dollars")
    truth = plan.evaluate(exact).mean_spend
    errors = [
        abs(plan.evaluate(dollar_curves(market, budget_grid(low, high, k))).mean_spend - truth)
        for k in (100, 10_000)
    ]
    assert errors[1] < 2e-3 * truth
    assert errors[1] < errors[0]


def test_default_grid_is_the_authors_where_prices_fit():
    cheap = Market(["a"], ["x"], [[2]], [[1]], [[0.02]])
    np.testing.assert_array_equal(default_budget_grid(cheap), budget_grid())
    flops = Market(["a"], ["x"], [[2]], [[1]], [[3e4]], currency="FLOPs")
    grid = default_budget_grid(flops)
    assert grid[0] == pytest.approx(3e3)
    assert grid[-1] == pytest.approx(3e6)
    for price in (0.9e-3, 0.51):  # too cheap for the authors' first budget, too dear for the last
        other = Market(["a", "b"], ["x"], [[2, 2]], [[1, 1]], [[0.02, price]])
        ends = default_budget_grid(other)[[0, -1]]
        np.testing.assert_allclose(ends, [min(0.02, price) / 10, max(0.02, price) * 100])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: attempt_curves(m, 0), "must be at least 1"),
        (lambda m: attempt_curves(m, estimator="geometric"), "give max_attempts"),
        (lambda m: attempt_curves(m, billing="free"), "No billing 'free'"),
        (lambda m: dollar_curves(m, [2.0, 1.0]), "increasing positive budgets"),
        (lambda m: dollar_curves(m, [0.0, 1.0]), "increasing positive budgets"),
        (lambda m: dollar_curves(m, [1.0, np.inf]), "increasing positive budgets"),
        (lambda m: dollar_curves(m, [1e-13, 1.0]), "starts at 1e-13.*smaller unit"),
        (lambda m: dollar_curves(m, integration="cubic"), "No integration 'cubic'"),
        (lambda m: dollar_curves(m, billing="stop-at-record"), "use integration='exact'"),
        (lambda m: budget_grid(1.0, 0.1), "No grid of 250 points"),
        (lambda m: budget_grid(points=1), "No grid of 1 points"),
    ],
)
def test_curves_refuse_bad_arguments(call, message):
    market = Market(["a"], ["x"], [[2]], [[1]], [[0.02]])
    with pytest.raises(InputError, match=message):
        call(market)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_spends_never_fall_at_any_scale_of_prices(scale):
    market = random_market(np.random.default_rng(2), 20, 1, max_attempts=9)
    priced = Market(
        market.models,
        market.instances,
        market.attempts,
        market.successes,
        market.cost * scale,
        currency="X",
    )
    for curves in (
        dollar_curves(priced),
        dollar_curves(priced, integration="exact"),
        dollar_curves(priced, integration="exact", billing="stop-at-record"),
    ):
        grid = curves.grids[0]
        between = np.sort(np.concatenate([grid, np.sqrt(grid[1:-1] * grid[2:])]))
        for amounts in (grid, between):
            assert np.all(np.diff(curves.models[0].spend(amounts), axis=1) >= 0)
            assert np.all(np.diff(curves.models[0].failure(amounts), axis=1) <= 0)


@pytest.mark.parametrize("most", [1, 100])
def test_blocks_of_instances_make_no_difference(monkeypatch, most):
    market = random_market(np.random.default_rng(5), 40, 3, missing=0.2, equal_weights=False)
    kinds = (
        lambda: attempt_curves(market, 4),
        lambda: dollar_curves(market, budget_grid(0.05, 30, 8)),
        lambda: dollar_curves(market, budget_grid(0.05, 30, 8), integration="exact"),
    )
    whole = [build_lattice(make()) for make in kinds]
    monkeypatch.setattr("arbmodels.curves._CELLS_AT_ONCE", most)
    for make, lattice in zip(kinds, whole, strict=True):
        cut = build_lattice(make())
        np.testing.assert_allclose(cut.solve_rate, lattice.solve_rate, atol=1e-14)
        np.testing.assert_allclose(cut.spend, lattice.spend, rtol=1e-12)


@pytest.mark.parametrize("estimator", ["beta-binomial", "beta-binomial-zero"])
def test_beta_binomial_curves_go_past_the_record(estimator):
    """40 attempts where at most 6 are recorded, against the integral over the posterior."""
    rng = np.random.default_rng(8)
    market = random_market(rng, 60, 1, max_attempts=6)
    curves = attempt_curves(market, 40, estimator)
    n, c = market.attempts[:, 0], market.successes[:, 0]
    prior = fit_beta_prior(n, c, zero=estimator == "beta-binomial-zero")
    k = np.array([7, 20, 40])
    failure = curves.models[0].failure(k.astype(float))
    for i in (int(np.argmax(c == 0)), int(np.argmax((c > 0) & (c < n))), int(np.argmax(c == n))):
        posterior = beta_distribution(prior.alpha + c[i], prior.beta + n[i] - c[i])
        # E (1 - p)^k by the substitution p = quantile(u), harmless where the density is infinite.
        u = (np.arange(20_000) + 0.5) / 20_000
        expected = ((1 - posterior.ppf(u))[:, None] ** k).mean(axis=0)
        never = prior.hopeless(n[i], c[i])
        np.testing.assert_allclose(failure[i], never + (1 - never) * expected, atol=1e-3)
    # The spend adds up the failures before every attempt, past the record too.
    table = curves.models[0].failure(np.arange(40.0))
    expected = market.cost[:, 0] * table.sum(axis=1)
    np.testing.assert_allclose(curves.models[0].spend(np.array([40.0]))[:, 0], expected)
    unsolved = market.weight @ failure
    assert unsolved[0] > unsolved[1] > unsolved[2] > 0


@pytest.mark.parametrize("seed", range(6))
def test_default_grids_reach_what_the_record_holds(seed):
    """The best model loses at most a point by the end of the paper's budgets, else nothing."""
    rng = np.random.default_rng(seed)
    rows, most = int(rng.integers(1, 30)), int(rng.integers(1, 400))
    attempts = rng.integers(1, most + 1, (rows, 3))
    successes = rng.binomial(attempts, rng.beta(0.3, 1.0, (rows, 3)))
    cost = np.exp(rng.normal(0, 2, (rows, 3)) + rng.uniform(-6, 3))
    market = Market(list("abc"), [f"i{i}" for i in range(rows)], attempts, successes, cost)
    curves = dollar_curves(market)
    grid = curves.grids[0]
    for m, curve in enumerate(curves.models):
        held = np.mean(successes[:, m] > 0)
        reached = 1 - curve.failure(grid[-1:])[:, 0].mean()
        if grid[-1] != 1.0:
            assert reached == pytest.approx(held, abs=1e-12)
            assert grid[1] <= cost.min() * (1 + 1e-12) or grid[1] <= grid[-1] * 1.1e-9
            assert np.diff(np.log(grid[1:])).max() < 0.1
    best = max(1 - curve.failure(grid[-1:])[:, 0].mean() for curve in curves.models)
    assert best >= (successes > 0).mean(axis=0).max() - 0.01 - 1e-12
    assert f"{len(grid) - 1} budgets of {grid[1]:.4g} to {grid[-1]:.4g} USD" in curves.billing


def test_default_grids_of_the_real_markets(swebench_pair, real_data):
    pair = dollar_curves(swebench_pair)
    np.testing.assert_array_equal(pair.grids[0][1:], budget_grid())
    assert "on 250 budgets of 0.0001 to 1 USD" in pair.billing
    lean = load_market("olmedo2026/lean", data=real_data)
    reached = [
        1 - curve.failure(grid[-1:])[:, 0] @ lean.weight
        for curve, grid in zip(dollar_curves(lean).models, dollar_curves(lean).grids, strict=True)
    ]
    np.testing.assert_allclose(reached, lean.weight @ (lean.successes > 0))
    assert max(reached) > 0.92
