"""Firms of several products under every demand, judged by asking consumers and trying prices.

The judge shares nothing with the package: it has demands of its own (who buys what, taste by
taste; a table of all sets of products that may sell; shares by their formula), and looks for
better prices by differential evolution.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import differential_evolution

from arbmodels.games.differentiated import (
    DifferentiatedGame,
    LinearDemand,
    LogitDemand,
    VerticalDemand,
)


def bought_by_taste(demand, prices):
    """Quantities [N, J]: between two tastes at which some two offers are even, all buy the same."""
    rates = np.append(demand.solve_rates, 0.0) if demand.outside else demand.solve_rates
    out = np.empty(prices.shape)
    for row, price in enumerate(prices):
        offers = np.append(price, 0.0) if demand.outside else price
        one, other = np.triu_indices(len(rates), 1)
        even = (offers[one] - offers[other]) / (rates[one] - rates[other])
        ends = np.sort(np.clip(even, demand.lowest, demand.highest))
        ends = np.concatenate([[demand.lowest], ends, [demand.highest]])
        middle, width = (ends[1:] + ends[:-1]) / 2, np.diff(ends)
        chosen = (middle[:, None] * rates - offers).argmax(axis=1)
        sold = np.bincount(chosen, width, len(rates))[: len(price)]
        out[row] = demand.market_size * sold / (demand.highest - demand.lowest)
    return out


def bought_by_sets(demand, prices):
    """Quantities [N, J]: the one set of sellers that all sell, the others unable to at zero."""
    count, slopes = len(demand.products), demand.slopes
    out = np.full(prices.shape, np.nan)
    left = np.arange(len(prices))
    for size in range(count, -1, -1):
        for sells in itertools.combinations(range(count), size):
            rest = [k for k in range(count) if k not in sells]
            reduced = prices[left].copy()
            if rest:
                side = demand.intercept[rest] - reduced[:, sells] @ slopes[np.ix_(rest, sells)].T
                reduced[:, rest] = side @ np.linalg.inv(slopes[np.ix_(rest, rest)]).T
            sold = demand.intercept - reduced @ slopes.T
            sold[:, rest] = 0.0
            good = (sold >= -1e-9).all(axis=1) & (reduced <= prices[left] + 1e-9).all(axis=1)
            out[left[good]] = np.maximum(sold[good], 0.0)
            left = left[~good]
            if not left.size:
                return out
    raise AssertionError


def bought_by_formula(demand, prices):
    """Quantities [N, J] of a nested logit; without nests, everything is in one with sigma 0."""
    nests = np.array(demand.nests or ["all"] * len(demand.products))
    value = np.exp(
        (demand.quality - demand.price_coefficient * prices) / (1.0 - float(demand.sigma))
    )
    inside, inclusive = np.zeros(prices.shape), {}
    for nest in dict.fromkeys(nests.tolist()):
        total = value[:, nests == nest].sum(axis=1)
        inside[:, nests == nest] = value[:, nests == nest] / total[:, None]
        inclusive[nest] = total ** (1.0 - float(demand.sigma))
    every = float(demand.outside) + sum(inclusive.values())
    share = np.stack([inclusive[nest] / every for nest in nests.tolist()], axis=1)
    return demand.market_size * inside * share


JUDGES = {
    VerticalDemand: (bought_by_taste, 2.6),
    LinearDemand: (bought_by_sets, 12.0),
    LogitDemand: (bought_by_formula, 12.0),
}


def best_tried(game, firm, prices, seed):
    """Return the most that a firm earns at any own prices that the judge tries."""
    bought, high = JUDGES[type(game.demand)]
    own = [j for j, owner in enumerate(game.owners) if owner == firm]

    def loss(tried):
        rows = np.tile(prices, (tried.shape[1], 1))
        rows[:, own] = tried.T
        return -((rows - game.costs)[:, own] * bought(game.demand, rows)[:, own]).sum(axis=1)

    answer = differential_evolution(
        loss,
        [(0.0, high)] * len(own),
        vectorized=True,
        updating="deferred",
        rng=seed,
        maxiter=30,
        popsize=10,
        polish=False,
    )
    now = -loss(np.asarray(prices)[own][:, None])[0]
    return -float(answer.fun), float(now)


def drawn(kind, seed):
    """Return a game of one or two firms, at least one with several products, and posted prices."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 6))
    products = [f"p{j}" for j in range(count)]
    owners = ["f0", *(f"f{k}" for k in rng.integers(0, 1 + seed % 2, count - 1))]
    if seed % 2:
        owners[1], owners[-1] = "f1", "f0" if count > 2 else "f1"
    costs = rng.uniform(0, 0.4, count) * (rng.random(count) < 0.8)
    if kind == "vertical":
        low = float(rng.choice([0.0, 0.5, 1.0]))
        outside = bool(seed % 2 == 0 or rng.random() < 0.7)
        demand = VerticalDemand(
            products, rng.uniform(0.1, 1, count), low, low + rng.uniform(0.3, 1.5), outside, 3.0
        )
        return DifferentiatedGame(demand, costs, owners), rng.uniform(0, 0.8, count)
    if kind == "linear":
        cross = rng.uniform(0, 1, (count, count)) * (rng.random((count, count)) < 0.8)
        cross = (cross + cross.T) / 2
        np.fill_diagonal(cross, 0.0)
        slopes = np.diag(cross.sum(axis=1) + rng.uniform(0.3, 0.6, count)) - cross
        demand = LinearDemand(products, rng.uniform(0.5, 2, count), slopes)
        return DifferentiatedGame(demand, 4 * costs, owners), rng.uniform(0, 3, count)
    nests = None if kind == "logit" else [f"n{j % 2}" for j in range(count)]
    sigma = 0.0 if kind == "logit" else float(rng.uniform(0.2, 0.9))
    demand = LogitDemand(products, rng.normal(2, 1, count), 1.5, nests, sigma)
    return DifferentiatedGame(demand, 4 * costs, owners), rng.uniform(0.5, 3, count)


@pytest.mark.parametrize("kind", ["vertical", "linear", "logit", "nested"])
@pytest.mark.parametrize("seed", range(16))
def test_no_price_that_is_tried_beats_the_best_response(kind, seed):
    game, prices = drawn(kind, seed)
    claimed = game.certify(prices)
    assert claimed.exact
    for at, firm in enumerate(game.firms):
        tried, now = best_tried(game, firm, prices, seed)
        assert claimed.profit[at] == pytest.approx(now, rel=1e-9, abs=1e-12)
        assert claimed.profit[at] + claimed.gain[at] >= tried - 1e-9 * abs(tried)
        # What is claimed can be had: the judge's consumers pay it.
        row = game.best_response(firm, prices)
        sold = JUDGES[type(game.demand)][0](game.demand, row[None, :])[0]
        own = game.owner_of == at
        earned = float(((row - game.costs) * sold)[own].sum())
        assert earned == pytest.approx(claimed.profit[at] + claimed.gain[at], rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("kind", ["vertical", "linear", "logit", "nested"])
@pytest.mark.parametrize("seed", range(8))
def test_equilibria_of_owners_withstand_every_price_that_is_tried(kind, seed):
    game, _ = drawn(kind, 100 + seed)
    found = game.solve(starts=2)
    for firm in game.firms:
        tried, now = best_tried(game, firm, found.prices, seed)
        assert tried - now <= found.epsilon + 1e-9 * abs(now)
    if len(game.firms) == 1:
        assert found.epsilon <= 1e-9 * found.profits[0]
    assert found.deviations.exact


def test_a_line_of_three_qualities_is_raised_together():
    # Tastes on [1, 2] all buy the best one, at what the lowest taste pays for it.
    demand = VerticalDemand(["a", "b", "c"], [0.3, 0.6, 0.9], 1.0, 2.0)
    game = DifferentiatedGame(demand, [0.0, 0.0, 0.0], ["A"] * 3)
    found = game.solve()
    assert found.profits[0] == pytest.approx(0.9, rel=1e-12)
    assert found.deviations.exact
    assert game.certify([0.0, 0.0, 0.3]).gain[0] == pytest.approx(0.6, rel=1e-12)


def test_a_monopolist_of_twenty_qualities_sells_on_the_convex_hull_of_cost():
    # With cost convex in quality every product sells: from the first-order conditions, the border
    # between two neighbours is the mean of the highest taste and their slope of cost.
    rates = np.linspace(0.1, 1.0, 20)
    costs = 0.3 * rates**2
    names = [f"p{j}" for j in range(20)]
    game = DifferentiatedGame(VerticalDemand(names, rates), costs, ["A"] * 20)
    found = game.solve(starts=1)
    border = (1.0 + np.diff(np.append(0.0, costs)) / np.diff(np.append(0.0, rates))) / 2
    prices = np.cumsum(border * np.diff(np.append(0.0, rates)))
    np.testing.assert_allclose(found.prices, prices, rtol=1e-9)
    assert found.deviations.exact


def test_nobody_left_to_leave_is_refused():
    both = DifferentiatedGame(LinearDemand.hotelling(["near", "far"], 2.0), [1.0, 1.0], ["f", "f"])
    with pytest.raises(ValueError, match="No price of"):
        both.solve()
    covered = DifferentiatedGame(
        VerticalDemand(["l", "h"], [0.5, 1.0], outside=False), 0.1, ["f", "f"]
    )
    with pytest.raises(ValueError, match="No price of"):
        covered.certify([0.3, 0.6])


def test_a_neighbour_about_to_sell_is_no_wall():
    # At the equilibrium "a" is offered where it just sells nothing: whether its offer binds is
    # for rounding to say, and both sides of it must do.
    demand = VerticalDemand([*"abcd"], [0.1, 1.0, 0.7, 0.2], 0.18, 1.5890427842856973)
    costs = [0.031503928321895504, 0.09453023448205376, 0.01705666648164458, 0.0018200371522821004]
    game = DifferentiatedGame(demand, costs, ["f1", "f0", "f0", "f1"])
    found = game.solve()
    assert found.relative_epsilon < 1e-9
    assert found.deviations.exact
    for firm in game.firms:
        tried, now = best_tried(game, firm, found.prices, 1)
        assert tried <= now + 1e-12


@pytest.mark.parametrize("unit", [1e-7, 1e5])
def test_best_prices_do_not_depend_on_the_currency(unit):
    for seed in range(6):
        game, prices = drawn("vertical", seed)
        demand = game.demand
        scaled = VerticalDemand(
            demand.products,
            demand.solve_rates,
            unit * demand.lowest,
            unit * demand.highest,
            demand.outside,
            demand.market_size,
        )
        other = DifferentiatedGame(scaled, unit * game.costs, game.owners)
        one, two = game.certify(prices), other.certify(unit * prices)
        assert two.exact
        np.testing.assert_allclose(two.profit + two.gain, unit * (one.profit + one.gain), 1e-9)
