"""Frontiers against brute force over every order of purchases, quadrature and closed forms."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from arbmodels.cascades import cascade_frontier, search_frontier
from arbmodels.cascades.lattice import coarsen
from arbmodels.cascades.tables import natural_of
from arbmodels.curves import attempt_curves, budget_grid, dollar_curves
from arbmodels.data import load_market
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.plans import Plan
from conftest import markets, random_market
from extreme_cases import extreme_market


def every_plan(market, most):
    """All orders of up to ``most`` attempts per model."""
    for counts in itertools.product(range(most + 1), repeat=len(market.models)):
        pool = [m for m, count in enumerate(counts) for _ in range(count)]
        for order in set(itertools.permutations(pool)):
            yield Plan(tuple((market.models[m], 1) for m in order))


@settings(max_examples=25, deadline=None)
@given(st.data(), st.sampled_from(["pay-past-record", "stop-at-record"]))
def test_frontier_is_the_best_of_every_order(data, billing):
    count = data.draw(st.integers(1, 3))
    market = data.draw(markets(max_models=count, max_attempts=4, missing=0.2))
    most = 2 if len(market.models) == 3 else 3
    curves = attempt_curves(market, most, billing=billing)
    frontier = cascade_frontier(curves)
    scored = [plan.evaluate(curves) for plan in every_plan(market, most)]
    rates = np.array([s.solve_rate for s in scored])
    spends = np.array([s.mean_spend for s in scored])
    for target in np.unique(rates.round(12)):
        cheapest = spends[rates >= target - 1e-11].min()
        assert frontier.spend_at(target) == pytest.approx(cheapest, abs=1e-12)
        assert frontier.bound_at(target) == frontier.spend_at(target)
    assert frontier.max_solve_rate == pytest.approx(rates.max())


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_reported_plans_do_what_the_frontier_says(data):
    market = data.draw(markets(max_instances=8, max_models=3, missing=0.2))
    curves = data.draw(
        st.sampled_from(
            [
                attempt_curves(market, 4),
                attempt_curves(market, billing="stop-at-record"),
                dollar_curves(market, budget_grid(0.05, 30, 20)),
                dollar_curves(market, budget_grid(0.05, 30, 20), integration="exact"),
            ]
        )
    )
    frontier = cascade_frontier(curves)
    rates = frontier.max_solve_rate * np.array([0.0, 0.3, 0.77, 0.95, 1.0])
    by_model = frontier.spend_by_model_at(rates)
    for rate, spend, split in zip(rates, frontier.spend_at(rates), by_model, strict=True):
        got = frontier.plan_at(rate).evaluate(curves)
        assert got.solve_rate >= rate - 1e-9
        assert got.mean_spend == pytest.approx(spend, rel=1e-6, abs=1e-9)
        np.testing.assert_allclose(market.weight @ got.spend_by_model, split, atol=1e-6)


def test_interleaving_beats_blocks():
    # Two kinds of instances, each solved by one model's first try or the other's second.
    market = random_market(np.random.default_rng(17), 40, 2, max_attempts=8)
    curves = attempt_curves(market, 6, billing="pay-past-record")
    frontier = cascade_frontier(curves)
    a, b = market.models
    blocks = [
        Plan(tuple((m, k) for m, k in ((first, i), (other, j)) if k)).evaluate(curves)
        for first, other in ((a, b), (b, a))
        for i in range(7)
        for j in range(7)
    ]
    saved = [block.mean_spend - frontier.spend_at(block.solve_rate - 1e-12) for block in blocks]
    assert min(saved) > -1e-12
    best_block = min(b.mean_spend for b in blocks if b.solve_rate >= 0.98 * frontier.max_solve_rate)
    assert frontier.spend_at(0.98 * frontier.max_solve_rate) < best_block - 1e-6
    assert len(frontier.plan_at(0.98 * frontier.max_solve_rate).stages) > 2


def test_mixtures_are_convex():
    market = random_market(np.random.default_rng(5), 25, 2)
    frontier = cascade_frontier(attempt_curves(market, 5))
    rate = np.linspace(0, frontier.max_solve_rate, 200)
    spend = frontier.mixture_spend_at(rate)
    assert np.all(np.diff(spend, 2) >= -1e-9)
    assert spend[0] == 0
    assert spend[-1] == pytest.approx(frontier.spend_at(frontier.max_solve_rate))


def test_out_of_reach_is_undefined():
    market = Market(["a", "b"], ["x", "y"], [[2, 2], [2, 2]], [[1, 0], [0, 0]], [[1, 1], [1, 1]])
    frontier = cascade_frontier(attempt_curves(market))
    assert frontier.max_solve_rate == 0.5
    assert np.isnan(frontier.spend_at([0.51, 1.0])).all()
    assert np.isnan(frontier.bound_at(0.51))
    assert np.isnan(frontier.mixture_spend_at(0.51))
    assert np.isnan(frontier.spend_by_model_at([0.51])).all()
    assert frontier.spend_at(0.0) == 0.0
    assert frontier.plan_at(0.0) == Plan(())
    with pytest.raises(InputError, match=r"reaches a solve rate of 60.00%.* largest is 50.00%"):
        frontier.plan_at(0.6)
    with pytest.raises(InputError, match="between 0 and 1"):
        frontier.spend_at([0.1, float("nan")])
    assert frontier.spend_at([]).shape == (0,)


def test_a_market_nobody_solves_has_a_flat_frontier():
    market = Market(["a", "b"], ["x"], [[2, 2]], [[0, 0]], [[0.1, 0.1]])
    frontier = cascade_frontier(market)
    assert frontier.max_solve_rate == 0
    assert frontier.spend_at(0.0) == 0
    assert "largest solve rate 0.00%" in str(frontier)


def test_display_and_frame():
    market = random_market(np.random.default_rng(1), 10, 2)
    frontier = cascade_frontier(attempt_curves(market, 3))
    assert "lower bound [USD/instance]" in frontier.table().columns
    assert "Lattice of 4 x 4 amounts. Spend: exact" in str(frontier)
    assert "<table>" in frontier._repr_html_()
    frame = frontier.to_frame()
    assert list(frame.columns) == ["solve_rate", "spend", *market.models]
    assert frame["spend"].is_monotonic_increasing
    axes = frontier.plot()
    assert len(axes.get_lines()) == 3  # exact: the bound is the spend
    assert axes.get_ylabel() == "Expected spend (USD per instance)"


def test_real_frontier_is_cheaper_than_the_published_figures(swebench_pair):
    # Design notes: best interleaved cascade, dollars per 500 issues on a 600-point grid.
    frontier = cascade_frontier(
        dollar_curves(swebench_pair, budget_grid(points=600), integration="exact")
    )
    measured = 500 * frontier.spend_at([0.70, 0.72, 0.74, 0.75])
    np.testing.assert_allclose(measured, [39.2, 49.5, 64.8, 75.4], rtol=0.005)
    assert np.all(frontier.gap_at([0.70, 0.72, 0.74, 0.75]) < 0.02)


@pytest.mark.slow
def test_three_real_models(swebench):
    three = swebench.select(models=["minicoder4b", "gpt5mini", "deepseek"])
    frontier = cascade_frontier(three)
    two = cascade_frontier(three.select(models=["gpt5mini", "deepseek"]))
    rates = np.array([0.6, 0.7, 0.75, 0.78])
    assert np.all(frontier.bound_at(rates) < two.spend_at(rates))
    # The lattice of three models is thinned: what that may cost is in the gap.
    assert np.all(frontier.spend_at(rates) < two.spend_at(rates))
    assert np.all(frontier.gap_at(rates) < 0.15)
    plan = frontier.plan_at(0.75)
    assert plan.evaluate(frontier.curves).mean_spend == pytest.approx(
        float(frontier.spend_at(0.75))
    )


@pytest.mark.parametrize("seed", range(12))
def test_extreme_markets_keep_every_promise(seed):
    market = extreme_market(seed)
    for curves in (dollar_curves(market), attempt_curves(market)):
        frontier = cascade_frontier(curves, most_states=20_000)
        rates = np.unique(
            np.append(np.linspace(0, 1, 40) * frontier.max_solve_rate, frontier.max_solve_rate)
        )
        spend = frontier.spend_at(rates)
        assert np.all(np.isfinite(spend))
        assert np.all(np.diff(spend) >= -1e-14 * spend[1:])
        assert np.all(frontier.bound_at(rates) <= spend * (1 + 1e-12))
        assert np.all(frontier.mixture_spend_at(rates) <= spend)
        split = frontier.spend_by_model_at(rates)
        assert np.all(split >= 0)
        np.testing.assert_allclose(split.sum(axis=1), spend, rtol=1e-9)
        for rate, least in zip(rates[::7], spend[::7], strict=True):
            got = frontier.plan_at(rate).evaluate(curves)
            assert got.solve_rate >= rate - 1e-9
            assert got.mean_spend == pytest.approx(least, rel=1e-7)


def test_a_cut_step_costs_what_its_integral_says():
    """Against quadrature, with pairs that pay nothing: the closed form of the last purchase."""
    market = random_market(np.random.default_rng(8), 9, 2, missing=0.4, equal_weights=False)
    curves = dollar_curves(market, budget_grid(0.05, 30, 8))
    frontier = cascade_frontier(curves)
    rates = np.linspace(0.1, 0.98, 25) * frontier.max_solve_rate
    points = frontier.to_frame()
    lattice_only = np.array([points["spend"][points["solve_rate"] >= u].min() for u in rates])
    spend = frontier.spend_at(rates)
    assert np.all(spend <= lattice_only)
    assert np.all(frontier.spend_at(points["solve_rate"]) <= points["spend"])
    cut = spend < lattice_only * (1 - 1e-6)
    assert cut.sum() > 10
    for rate, least in zip(rates[cut], spend[cut], strict=True):
        *before, (model, more) = frontier.plan_at(rate).stages
        start = Plan(tuple(before), "dollars").evaluate(curves)
        m = market.model_index(model)
        used = sum(amount for name, amount in before if name == model)
        theirs = sum(amount for name, amount in before if name != model)
        others = curves.models[1 - m].failure(np.array([theirs]))[:, 0]

        def paying(x, m=m, others=others):
            failure = curves.models[m].failure(np.array([x]))[:, 0]
            return market.weight @ (market.recorded[:, m] * failure * others)

        area = quad(paying, used, used + more, limit=200, epsrel=1e-9)[0]
        assert least == pytest.approx(start.mean_spend + area, rel=1e-6)


def test_reach_is_a_probability():
    # Weights that sum to one up to rounding must not make it negative.
    rng = np.random.default_rng(0)
    for _ in range(20):
        count = int(rng.integers(3, 40))
        names, ones = [str(i) for i in range(count)], np.ones((count, 1))
        nobody = Market(["a"], names, ones, 0 * ones, ones, weight=rng.random(count))
        frontier = cascade_frontier(nobody)
        assert 0 <= frontier.max_solve_rate < 1e-12
        assert frontier.plan_at(frontier.max_solve_rate).stages == ()


def test_refined_until_the_spend_settles(swebench_pair):
    rough = cascade_frontier(swebench_pair)
    settled = cascade_frontier(swebench_pair, tolerance=2e-3)
    assert settled.change is not None
    assert settled.change <= 2e-3
    rates = np.linspace(0.05, 0.75, 20)
    assert np.all(settled.spend_at(rates) <= rough.spend_at(rates) * (1 + 1e-12))
    assert "The last refinement changed" in str(settled)
    whole = attempt_curves(swebench_pair, max_attempts=6)
    assert cascade_frontier(whole, tolerance=1e-6).change == 0
    thin = cascade_frontier(whole, tolerance=1e-9, most_states=9)
    every = np.linspace(0.1, 1, 50) * thin.max_solve_rate
    np.testing.assert_allclose(thin.spend_at(every), cascade_frontier(whole).spend_at(every))
    with pytest.raises(InputError, match="share between 0 and 1"):
        cascade_frontier(whole, tolerance=0)


def single_prices(curves, rates):
    """Least spend of one model alone, from its two curves: no lattice, no path."""
    best = np.full(len(rates), np.inf)
    weight = curves.market.weight
    for curve, grid in zip(curves.models, curves.grids, strict=True):
        solved, spend = 1 - weight @ curve.failure(grid), weight @ curve.spend(grid)
        if curves.continuous:  # solve rates are linear in the log of the budget between budgets
            with np.errstate(divide="ignore"):
                log_grid = np.log(np.maximum(grid, 1e-12))
            amount = np.exp(np.interp(rates, solved, log_grid))
            inside = np.clip(amount, grid[0], grid[-1])
            cost = np.array([weight @ curve.spend(np.array([x]))[:, 0] for x in inside])
            best = np.where(rates <= solved[-1], np.minimum(best, cost), best)
        else:
            at = np.searchsorted(np.maximum.accumulate(solved), rates - 1e-12)
            best = np.minimum(best, np.append(spend, np.inf)[at])
    return best


def check_promises(found, rates, *, plans=4):
    """What is shown is what its plans do, and dearer than nothing that is known."""
    curves, rates = found.curves, np.unique(rates[rates <= found.max_solve_rate])
    spend, bound = found.spend_at(rates), found.bound_at(rates)
    assert np.all(spend <= single_prices(curves, rates) * (1 + 1e-9))
    assert np.all(bound <= spend * (1 + 1e-12))
    assert np.all(found.mixture_spend_at(rates) <= spend * (1 + 1e-12))
    assert np.all(np.diff(spend) >= -1e-12 * spend[-1])
    by_model = found.spend_by_model_at(rates)
    np.testing.assert_allclose(by_model.sum(axis=1), spend, rtol=1e-9, atol=1e-15)
    for k in np.unique(np.linspace(0, len(rates) - 1, plans).astype(int)):
        scored = found.plan_at(float(rates[k])).evaluate(curves)
        assert scored.solve_rate >= rates[k] - 1e-9
        assert scored.mean_spend == pytest.approx(spend[k], rel=1e-9)
        columns = [curves.market.model_index(name) for name in curves.names]
        np.testing.assert_allclose(
            curves.market.weight @ scored.spend_by_model[:, columns],
            by_model[k],
            atol=1e-9 * spend[k],
        )
    frame = found.to_frame()
    assert np.all(np.diff(frame["solve_rate"]) > 0)
    assert np.all(np.diff(frame["spend"]) > 0)
    shown = frame[frame["solve_rate"] > 0]
    assert np.all(found.spend_at(shown["solve_rate"]) <= shown["spend"] * (1 + 1e-9))
    for row in shown.iloc[np.linspace(0, len(shown) - 1, plans).astype(int)].itertuples():
        amounts = {
            name: amount for name, amount in zip(curves.names, row[3:], strict=True) if amount
        }
        scored = Plan(tuple(amounts.items()), curves.unit).evaluate(curves)
        assert scored.solve_rate == pytest.approx(row.solve_rate)
        assert scored.mean_spend >= row.spend * (1 - 1e-9)


def kinds_of_curves(market):
    """Return the billings, budgets grids short enough for random markets."""
    return [
        attempt_curves(market),
        attempt_curves(market, billing="stop-at-record"),
        dollar_curves(market, budget_grid(0.02, 60, 40)),
        dollar_curves(market, budget_grid(0.02, 60, 25), "exact", "stop-at-record"),
    ]


@pytest.mark.parametrize("kind", range(4))
@pytest.mark.parametrize("seed", [0, 1, 3])
def test_a_thinned_lattice_keeps_every_promise(seed, kind):
    rng = np.random.default_rng([seed, 7])
    models = int(rng.integers(1, 5))
    market = random_market(
        rng, int(rng.integers(1, 25)), models, max_attempts=int(rng.integers(1, 40)), missing=0.2
    )
    curves = kinds_of_curves(market)[kind]
    whole = np.prod([float(len(grid)) for grid in curves.grids])
    found = cascade_frontier(curves, most_states=int(max(3, rng.uniform(0.01, 0.3) * whole)))
    rates = np.linspace(0.02, 1, 60) * found.max_solve_rate
    check_promises(found, rates)
    if found.max_solve_rate <= 1e-9:
        return
    searched = search_frontier(curves, time_limit=np.inf)
    at = searched.solve_rates
    assert np.all(found.spend_at(at) <= searched.spend_at(at) * (1 + 1e-9))
    assert found.lattice.spend.size <= max(2**models, 0.3 * whole, 3)
    if curves.unit == "attempts":  # the judge: every amount
        full = cascade_frontier(curves, most_states=10**7)
        assert full.exact
        assert np.all(found.bound_at(rates) <= full.spend_at(rates) * (1 + 1e-9))
        assert np.all(found.spend_at(rates) >= full.spend_at(rates) * (1 - 1e-9))
    for _ in range(20):  # and plans that nobody searched for
        bought = rng.permutation(np.repeat(np.arange(models), rng.integers(1, 4)))
        size = 1 if curves.unit == "attempts" else rng.exponential(0.7)
        stages = tuple((market.models[m], size) for m in bought)
        try:
            scored = Plan(stages, curves.unit).evaluate(curves)
        except InputError:
            continue  # more than the record
        assert found.bound_at(min(scored.solve_rate, found.max_solve_rate)) <= scored.mean_spend * (
            1 + 1e-9
        )


def test_one_model_is_not_made_dear_by_thinning_another():
    """Found by the judge of cascades: seven attempts of each thinned to four."""
    market = Market(["a", "b"], ["x"], [[7, 7]], [[6, 0]], [[0.003, 6000.0]])
    assert cascade_frontier(attempt_curves(market), most_states=47).spend_at(1.0) == pytest.approx(
        0.003 * (1 + 1 / 7)
    )


@pytest.mark.parametrize("states", [8, 60, 1_000])
def test_thinned_amounts_are_geometric_and_keep_the_first(states):
    grids = [np.arange(200.0), np.arange(90.0), np.arange(2.0)]
    kept = coarsen(grids, states)
    assert np.prod([len(grid) for grid in kept]) <= states
    for mine, every in zip(kept, grids, strict=True):
        assert np.isin(mine, every).all()
        assert mine[0] == 0
        assert mine[-1] == every[-1]
    if states == 1_000:
        assert [grid[:4].tolist() for grid in kept[:2]] == [[0, 1, 2, 3]] * 2
        ratio = kept[0][-1] / kept[0][-2]
        # The amounts rise by one ratio: no gap is much wider than another, relatively.
        wide = np.maximum(kept[0][2:] / kept[0][1:-1], 1)
        assert wide[:-1].max() <= max(2.0, 1.5 * ratio)


@pytest.mark.parametrize("stop", ["pay-past-record", "stop-at-record"])
def test_exact_is_said_of_whole_attempts_only(stop, swebench_pair):
    few = swebench_pair.select(instances=swebench_pair.instances[:30])
    whole = cascade_frontier(attempt_curves(few, billing=stop))
    assert whole.exact
    assert "exact: no cascade costs less" in str(whole)
    np.testing.assert_array_equal(whole.gap_at([0.3, whole.max_solve_rate]), 0.0)
    thin = cascade_frontier(attempt_curves(few, billing=stop), most_states=200)
    assert not thin.exact
    assert re.search(r"at most \d+\.\d% above the optimum", str(thin))
    assert "exact" not in str(thin).lower()
    rates = np.linspace(0.3, 1, 9) * whole.max_solve_rate
    at_most = float(re.search(r"at most ([\d.]+)%", thin.proof(rates))[1]) / 100
    assert np.all(thin.spend_at(rates) <= (1 + at_most + 5e-4) * whole.spend_at(rates))
    dollars = cascade_frontier(dollar_curves(few))
    assert "exact on these budgets, at most" in str(dollars)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["attempts", "stop", "dollars"])
@pytest.mark.parametrize("name", ["lean", "swebench", "simulated"])
def test_thinned_real_markets_keep_every_promise(name, kind, real_data):
    models = ["minicoder4b", "qwen3-coder-30b", "gpt5mini", "deepseek"]
    market = (
        load_market("swebench-sim", models=models)
        if name == "simulated"
        else load_market(
            f"olmedo2026/{name}", models=models if name == "swebench" else None, data=real_data
        )
    )
    curves = {
        "attempts": lambda: attempt_curves(market),
        "stop": lambda: attempt_curves(market, billing="stop-at-record"),
        "dollars": lambda: dollar_curves(market),
    }[kind]()
    found = cascade_frontier(curves)
    rates = np.linspace(0.05, 1, 200) * found.max_solve_rate
    check_promises(found, rates, plans=12)
    searched = search_frontier(curves, time_limit=np.inf)
    at = searched.solve_rates
    assert np.all(found.spend_at(at) <= searched.spend_at(at) * (1 + 1e-9))
    assert np.all(searched.bound_at(at) <= found.mixture_spend_at(at) * (1 + 1e-9))
    if kind == "dollars":
        some = rates[rates <= found.market_max_solve_rate][::5]
        paper = cheapest_allocation(curves, some)
        assert np.isfinite(paper).mean() > 0.5
        assert np.all(found.spend_at(some) <= paper * (1 + 1e-9))


def cheapest_allocation(curves, rates, sample=None):
    """Least spend of the paper's allocations, the last stage ending where it reaches each rate.

    Evaluated on the curves themselves; of ``sample`` beginnings per model only.
    """
    shares = (
        np.logspace(np.log10(0.01), np.log10(0.5), 100)
        if len(curves.names) == 2
        else np.logspace(np.log10(0.00025), np.log10(0.9), 24)
    )
    grid = curves.grids[0]
    budgets = grid[-1] * np.concatenate([[0.0], shares, [1.0]])
    best, rng = np.full(len(rates), np.inf), np.random.default_rng(5)
    for m, curve in enumerate(curves.models):
        firsts = np.array([*itertools.product(budgets, repeat=m)]).reshape(len(budgets) ** m, m)
        firsts = firsts[firsts.sum(axis=1) <= grid[-1] * (1 + 1e-12)]
        if sample is not None:
            firsts = rng.permutation(firsts)[:sample]
        ends = [
            {b: (c.failure(np.array([b]))[:, 0], c.spend(np.array([b]))[:, 0]) for b in budgets}
            for c in curves.models[:m]
        ]
        failure = curve.failure(grid)
        for first in firsts:
            left, paid = curves.market.weight, 0.0
            for end, budget in zip(ends, first, strict=True):
                paid += left @ end[budget][1]
                left = left * end[budget][0]
            solved = 1 - left @ failure
            inside = (rates > solved[0]) & (rates <= solved[-1]) & (paid < best)
            if inside.any():
                log_grid = np.log(np.maximum(grid, 1e-12))
                amount = np.exp(np.interp(rates[inside], solved, log_grid))
                spend = paid + left @ curve.spend(np.minimum(amount, grid[-1]))
                best[inside] = np.minimum(best[inside], spend)
    return best


def test_no_allocation_of_the_paper_is_cheaper(swebench_pair, simulated):
    """Its stages end between the budgets of the lattice: up to 0.06% were cheaper."""
    for market in (swebench_pair, simulated.select(models=["gpt5mini", "deepseek"])):
        curves = dollar_curves(market)
        found = cascade_frontier(curves)
        rates = np.linspace(0.4, found.market_max_solve_rate - 1e-9, 400)
        paper = cheapest_allocation(curves, rates)
        assert np.all(found.spend_at(rates) <= paper * (1 + 1e-12))
        every = np.linspace(0.4, found.market_max_solve_rate, 2_000)
        number = found._cheapest(every)[5]
        assert (number >= 0).any()  # the allocations do matter here
        some = every[number >= 0][:20]
        check_plans(found, some)


def check_plans(found, rates):
    """Plans and their division among models are what the frontier says of them."""
    by_model, spend = found.spend_by_model_at(rates), found.spend_at(rates)
    np.testing.assert_allclose(by_model.sum(axis=1), spend, rtol=1e-9)
    columns = [found.market.model_index(name) for name in found.names]
    for rate, least, split in zip(rates, spend, by_model, strict=True):
        scored = found.plan_at(float(rate)).evaluate(found.curves)
        assert scored.solve_rate >= rate - 1e-9
        assert scored.mean_spend == pytest.approx(least, rel=1e-9)
        paid = found.market.weight @ scored.spend_by_model
        np.testing.assert_allclose(paid[columns], split, atol=1e-9 * least)


@pytest.mark.parametrize("seed", range(8))
def test_no_allocation_of_the_paper_is_cheaper_on_random_markets(seed):
    rng = np.random.default_rng([seed, 11])
    models = 2 + seed % 3
    market = random_market(
        rng, int(rng.integers(2, 20)), models, max_attempts=20, missing=0.2, equal_weights=False
    )
    curves = dollar_curves(market, budget_grid(0.02, 60, 30))
    found = cascade_frontier(curves, most_states=int(rng.choice([2_000, 10**6])))
    rates = np.linspace(0.02, 1, 80) * found.max_solve_rate
    spend, paper = found.spend_at(rates), cheapest_allocation(curves, rates, sample=60)
    assert np.isfinite(paper).sum() > 10
    assert np.all(spend <= paper * (1 + 1e-9))
    assert np.all(found.bound_at(rates) <= spend * (1 + 1e-12))
    check_plans(found, rates[::10])


def test_a_cell_is_bounded_from_below_by_a_line():
    """Also where the parallel tangent ends below zero: cut off there it rose above the curve."""
    rng = np.random.default_rng(2)
    failure = np.sort(rng.random((200, 4)) * rng.random((200, 1)) ** 4, axis=1)[:, ::-1]
    failure = np.column_stack([np.ones(200), failure])
    market = random_market(rng, 200, 1)
    curves = dollar_curves(market, np.array([1e-3, 0.5, 40.0, 41.0]))
    grid = curves.grids[0]
    curve = replace(curves.models[0], failure_at_grid=failure, offered=np.ones(200, dtype=bool))
    floor = natural_of(replace(curves, models=(curve,))).floor.T
    between = np.concatenate([np.geomspace(max(a, 1e-12), b, 300) for a, b in pairwise(grid)])
    line = np.array([np.interp(between, grid, row) for row in floor])
    assert np.all(line >= 0)
    assert np.all(line <= curve.failure(between) + 1e-12)
    assert (floor[:, 3] == 0).any()  # the case that mattered is there
    assert floor[:, 1].max() > 0.1
