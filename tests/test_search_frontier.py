"""Searched cascades of many models: judged by enumeration, by the lattice, and on real data."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import arbmodels as arb
from arbmodels.cascades.engine import merged
from arbmodels.cascades.lattice import hull_vertices, mean_products, shortest, undominated
from arbmodels.cascades.relaxation import minorant, relax
from arbmodels.cascades.tables import natural_of
from arbmodels.curves import attempt_curves, budget_grid, dollar_curves
from conftest import markets, random_market
from extreme_cases import extreme_market


def every_policy(curves):
    """Solve rate and spend of every order of whole attempts, by dynamic programming."""
    frontier = arb.cascade_frontier(curves, most_states=10**6)
    return frontier.lattice.solve_rate.ravel(), frontier.lattice.spend.ravel()


def best_mixture(curves, rates):
    rate, spend = every_policy(curves)
    kept = undominated(rate, spend)
    kept = kept[hull_vertices(rate[kept], spend[kept])]
    return np.interp(rates, rate[kept], spend[kept])


@settings(max_examples=60)
@given(
    st.data(),
    st.sampled_from(["pay-past-record", "stop-at-record"]),
    st.sampled_from(["unbiased", "geometric", "beta-binomial"]),
)
def test_bound_and_mixture_enclose_the_optimum(data, billing, estimator):
    market = data.draw(markets(max_instances=7, max_models=4, max_attempts=9, missing=0.2))
    most = None if estimator == "unbiased" else 9
    if estimator == "beta-binomial":  # else the record does not identify the prior
        assume(np.all((market.attempts > 1).sum(axis=0) > 1))
    curves = attempt_curves(market, most, estimator, billing)
    if natural_of(curves).max_solve_rate <= 1e-9:
        return
    found = arb.search_frontier(curves, gap=0.2, most_states=1_000)
    rates = np.linspace(0.01, 1, 40) * found.max_solve_rate
    best = best_mixture(curves, rates)
    assert np.all(found.bound_at(rates) <= best * (1 + 1e-9))
    assert np.all(found.mixture_spend_at(rates) >= best * (1 - 1e-9))
    assert np.all(found.spend_at(rates) >= found.mixture_spend_at(rates) - 1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_optimum_is_found_where_every_amount_fits(seed):
    market = random_market(np.random.default_rng(seed), 40, 4, max_attempts=12)
    curves = attempt_curves(market)
    found = arb.search_frontier(curves, gap=0.005)
    rates = found.solve_rates
    best = best_mixture(curves, rates)
    assert found.converged.all()
    np.testing.assert_allclose(found.mixture_spend_at(rates), best, rtol=0.0051)
    assert np.all(found.bound_at(rates) <= best * (1 + 1e-9))


def test_a_small_lattice_bounds_whatever_its_knots():
    """The relaxation alone, on knots drawn at random."""
    rng = np.random.default_rng(5)
    for _ in range(20):
        market = random_market(rng, 12, 3, max_attempts=15, missing=0.1)
        curves = attempt_curves(market)
        natural = natural_of(curves)
        knots = tuple(
            np.unique(np.concatenate([[0, last], rng.integers(0, last + 1, 2)]))
            for last in natural.last
        )
        small = relax(natural, knots)
        hull = small.hull
        rates = np.linspace(0.01, 1, 30) * natural.max_solve_rate
        bound = np.interp(rates, 1 - small.unsolved[hull], small.charge[hull])
        assert np.all(bound <= best_mixture(curves, rates) * (1 + 1e-9))
        for price in (0.5, 5.0, 50.0):
            rate, spend = every_policy(curves)
            assert small.best(price)[1] <= (spend + price * (1 - rate)).min() * (1 + 1e-9)


def test_ends_exclude_no_policy_below_the_limit():
    rng = np.random.default_rng(6)
    for _ in range(15):
        market = random_market(rng, 10, 2, max_attempts=10)
        curves = attempt_curves(market)
        natural = natural_of(curves)
        small = relax(natural, tuple(np.unique([0, 1, last // 2, last]) for last in natural.last))
        frontier = arb.cascade_frontier(curves)
        rate, spend = frontier.lattice.solve_rate, frontier.lattice.spend
        for price in (1.0, 10.0):
            total = spend + price * (1 - rate)
            most = float(np.quantile(total, 0.3))
            ends = small.ends(price, most)
            below = np.argwhere(total < most)
            below = below[np.all(below <= natural.last, axis=1)]  # past them nothing is solved
            for m, end in enumerate(ends):
                assert below[:, m].max(initial=0) <= small.knots[m][end]


@given(st.lists(st.floats(0, 1), min_size=2, max_size=14), st.data())
def test_minorants_are_nowhere_above(values, data):
    floor = np.minimum.accumulate(np.array(values))[:, None]
    amounts = np.concatenate(
        [
            [0.0],
            np.cumsum(
                data.draw(
                    st.lists(st.floats(0.1, 5), min_size=len(values) - 1, max_size=len(values) - 1)
                )
            ),
        ]
    )
    inner = data.draw(st.sets(st.integers(1, len(values) - 1)))
    knots = np.array(sorted({0, len(values) - 1, *inner}))
    below = minorant(amounts, floor, knots)[:, 0]
    assert np.all(np.interp(amounts, amounts[knots], below) <= floor[:, 0] + 1e-9)
    assert np.all(below >= 0)
    if len(knots) == len(values):
        np.testing.assert_allclose(below, floor[:, 0])


@pytest.mark.parametrize("integration", ["log-linear", "exact"])
def test_budgets_between_the_grids_are_bounded_too(integration):
    rng = np.random.default_rng(8)
    market = random_market(rng, 15, 3, missing=0.1)
    coarse = dollar_curves(market, budget_grid(0.1, 40, 12), integration)
    found = arb.search_frontier(coarse, gap=0.02)
    for _ in range(200):
        stages = [
            (str(rng.choice(market.models)), float(rng.exponential(2.0) + 1e-3)) for _ in range(5)
        ]
        got = arb.Plan(tuple(stages), "dollars").evaluate(coarse)
        if got.solve_rate <= found.max_solve_rate:
            assert found.bound_at(got.solve_rate) <= got.mean_spend * (1 + 1e-9)


def test_plans_are_worth_what_is_said():
    market = random_market(np.random.default_rng(9), 30, 5, max_attempts=6, missing=0.1)
    found = arb.search_frontier(market)
    for rate in np.linspace(0.1, 1, 7) * found.max_solve_rate:
        plan = found.plan_at(rate)
        got = plan.evaluate(found.curves)
        assert got.solve_rate >= rate - 1e-9
        assert got.mean_spend == pytest.approx(float(found.spend_at(rate)))
        by_model = market.weight @ got.spend_by_model
        np.testing.assert_allclose(found.spend_by_model_at([rate])[0], by_model, atol=1e-12)
        mixture = found.mixture_at(rate)
        assert sum(share for _, share in mixture) == pytest.approx(1.0)
        scored = [(plan.evaluate(found.curves), share) for plan, share in mixture]
        assert sum(s.solve_rate * share for s, share in scored) >= rate - 1e-9
        assert sum(s.mean_spend * share for s, share in scored) == pytest.approx(
            float(found.mixture_spend_at(rate))
        )


@pytest.mark.parametrize("sizes", [(3,), (1, 1), (2, 3, 1, 2), (1, 4, 2), (5, 1, 1), (2, 2, 6)])
@pytest.mark.parametrize("cells", [8, 10**6])
def test_mean_products_against_loops(sizes, cells, monkeypatch):
    monkeypatch.setattr("arbmodels.curves._CELLS_AT_ONCE", cells)
    rng = np.random.default_rng(1)
    weight = rng.random(4)
    factors = [rng.random((k, 4)) for k in sizes]
    table = mean_products(weight, factors)
    assert table.shape == sizes
    for state in itertools.product(*map(range, sizes)):
        rows = [factor[k] for factor, k in zip(factors, state, strict=True)]
        assert table[state] == pytest.approx(float(weight @ np.prod(rows, axis=0)))


def test_six_models_of_the_paper(real_data):
    """The goal: within 1% of every policy; where it is not reached, the gap is stated."""
    market = arb.load_market("olmedo2026/swebench", data=real_data)
    rates = [0.05, 0.2, 0.35, 0.5, 0.6, 0.7, 0.74, 0.78, 0.8]
    found = arb.search_frontier(market, rates)
    assert found.converged.all()
    assert found.max_solve_rate == pytest.approx(387 / 445)
    # Two models of them, tabulated whole, cannot be cheaper than the bound.
    pair = arb.cascade_frontier(attempt_curves(market.select(models=["gpt5mini", "deepseek"])))
    inside = found.solve_rates[found.solve_rates <= pair.max_solve_rate]
    assert np.all(found.bound_at(inside) <= pair.mixture_spend_at(inside))


@pytest.mark.parametrize("kind", ["one instance", "twins", "nine orders", "never", "one attempt"])
def test_markets_at_the_edge(kind):
    one = arb.Market(["a", "b"], ["x"], [[3, 2]], [[1, 0]], [[1.0, 2.0]])
    twins = arb.Market(["a", "b"], ["x", "y"], [[4, 4]] * 2, [[2, 2], [1, 1]], [[1.0, 1.0]] * 2)
    never = arb.Market(["a", "b"], ["x", "y"], [[4, 4]] * 2, [[0, 2], [0, 1]], [[1.0, 1.0]] * 2)
    single = arb.Market(["a", "b"], ["x", "y"], [[1, 1]] * 2, [[1, 1], [0, 1]], [[1.0, 9.0]] * 2)
    market = {
        "one instance": one,
        "twins": twins,
        "nine orders": extreme_market(1),
        "never": never,
        "one attempt": single,
    }[kind]
    found = arb.search_frontier(market, gap=0.001)
    best = best_mixture(found.curves, found.solve_rates)
    assert np.all(found.bound_at(found.solve_rates) <= best * (1 + 1e-9))
    np.testing.assert_allclose(found.mixture_spend_at(found.solve_rates), best, rtol=0.002)


def test_out_of_time_the_best_so_far_is_returned():
    market = random_market(np.random.default_rng(2), 60, 6, max_attempts=30)
    found = arb.search_frontier(market, gap=1e-6, time_limit=1e-6)
    assert np.all(found.bound_at(found.solve_rates) <= found.mixture_spend_at(found.solve_rates))
    assert not found.converged.all()
    assert "at the others" in str(found)


def test_bad_input():
    market = random_market(np.random.default_rng(3), 5, 2)
    with pytest.raises(arb.InputError, match="share between 0 and 1"):
        arb.search_frontier(market, gap=0)
    with pytest.raises(arb.InputError, match="at least 1,000"):
        arb.search_frontier(market, most_states=5)
    with pytest.raises(arb.InputError, match="seconds"):
        arb.search_frontier(market, time_limit=0)
    with pytest.raises(arb.InputError, match="No plan reaches"):
        arb.search_frontier(market, [1.0]) if natural_of(
            attempt_curves(market)
        ).max_solve_rate < 1 else (arb.search_frontier(market, [0.5]).plan_at(1.5))
    with pytest.raises(arb.InputError, match="numbers between 0 and 1"):
        arb.search_frontier(market, [-0.1])
    nothing = arb.Market(["a"], ["x"], [[2]], [[0]], [[1.0]])
    with pytest.raises(arb.InputError, match="ever solves"):
        arb.search_frontier(nothing)
    found = arb.search_frontier(market)
    with pytest.raises(arb.InputError, match="between 0 and 1"):
        found.spend_at(float("nan"))


def all_orders(curves, rates):
    """Least mixture over every order of every amount of any number of models."""
    natural = natural_of(curves)
    whole = relax(natural, tuple(np.arange(last + 1) for last in natural.last))
    hull = whole.hull
    return np.interp(rates, 1 - whole.unsolved[hull], whole.charge[hull])


def test_every_knot_makes_the_relaxation_exact():
    curves = attempt_curves(random_market(np.random.default_rng(12), 20, 3, max_attempts=7))
    rates = np.linspace(0.05, 1, 25) * natural_of(curves).max_solve_rate
    np.testing.assert_allclose(all_orders(curves, rates), best_mixture(curves, rates))


@pytest.mark.parametrize("seed", range(3))
def test_more_models_than_a_lattice_holds(seed):
    market = random_market(np.random.default_rng(seed), 25, 11, max_attempts=2, missing=0.2)
    curves = attempt_curves(market)
    found = arb.search_frontier(curves, gap=0.05)
    rates = found.solve_rates
    best = all_orders(curves, rates)
    assert np.all(found.bound_at(rates) <= best * (1 + 1e-9))
    assert np.all(found.mixture_spend_at(rates) >= best * (1 - 1e-9))
    assert found.converged[: len(rates) // 3].all()
    for rate in (0.3, 0.9):
        plan = found.plan_at(rate * found.max_solve_rate)
        assert plan.evaluate(curves).mean_spend == pytest.approx(
            float(found.spend_at(rate * found.max_solve_rate))
        )


@given(st.data())
@settings(max_examples=20)
def test_a_group_is_at_least_as_good_as_its_models(data):
    market = data.draw(markets(max_instances=5, max_models=4, max_attempts=4, missing=0.3))
    natural = natural_of(attempt_curves(market))
    count = len(market.models)
    cut = data.draw(st.integers(0, count))
    groups = tuple(g for g in (tuple(range(cut)), tuple(range(cut, count))) if g)
    joined = merged(natural, groups)
    order = data.draw(st.permutations(range(count)))
    here, group_here = [0] * count, [0] * len(groups)
    steps, joint = [], []
    bought = [[m] * data.draw(st.integers(0, natural.last[m])) for m in order]
    for m in itertools.chain(*bought):
        here[m] += 1
        steps.append((m, here[m]))
        g = next(k for k, group in enumerate(groups) if m in group)
        group_here[g] += 1
        joint.append((g, group_here[g]))
    if steps:
        real, better = natural.score(steps), joined.score(joint)
        assert better.spend.sum() <= real.spend.sum() * (1 + 1e-12)
        assert better.solve_rate[-1] >= real.solve_rate[-1] - 1e-12


def test_many_models_in_dollars_are_refused():
    market = random_market(np.random.default_rng(1), 5, 9)
    with pytest.raises(arb.InputError, match="whole attempts only"):
        arb.search_frontier(dollar_curves(market, budget_grid(0.1, 10, 5)))


def test_arbitrage_on_a_searched_frontier():
    market = random_market(np.random.default_rng(4), 40, 5, max_attempts=6)
    found = arb.search_frontier(market)
    margin = arb.arbitrage(found)
    assert margin.method == "searched"
    at = margin.solve_rates[len(margin.solve_rates) // 2]
    alone = np.nanmin(found.model_prices_at([at]))
    assert margin.at(at).margin == pytest.approx(max(0.0, 1 - float(found.spend_at(at)) / alone))
    assert "searched" in str(margin)


def least_by_subsets(market, rates):
    """Least mixture of all orders of one attempt per model: a program over subsets, from scratch.

    Shares nothing with the package: bit masks, a plain lower hull by comparing all pairs.
    """
    count = len(market.models)
    wrong = np.where(market.successes > 0, 0.0, 1.0)
    price = np.where(market.attempts > 0, market.cost, 0.0)
    left = [market.weight]
    for mask in range(1, 2**count):
        low = (mask & -mask).bit_length() - 1
        left.append(left[mask & (mask - 1)] * wrong[:, low])
    least = [0.0] + [np.inf] * (2**count - 1)
    for mask in range(1, 2**count):
        for m in range(count):
            if mask >> m & 1:
                before = mask & ~(1 << m)
                least[mask] = min(least[mask], least[before] + float(left[before] @ price[:, m]))
    rate, spend = 1 - np.array([each.sum() for each in left]), np.array(least)
    best = {}
    for r, s in zip(rate.round(12), spend, strict=True):
        best[r] = min(s, best.get(r, np.inf))
    x, y = np.array(list(best)), np.array(list(best.values()))
    single = np.array([spend[rate >= u - 1e-12].min() for u in rates])
    mixed = []
    for u in rates:
        low, high = x <= u + 1e-12, x >= u - 1e-12
        share = np.clip((u - x[low])[:, None] / np.maximum(x[high] - x[low][:, None], 1e-15), 0, 1)
        mixed.append(
            min(single[len(mixed)], (y[low][:, None] * (1 - share) + y[high] * share).min())
        )
    return single, np.array(mixed)


def one_attempt_market(rng, models, rows):
    """Outcomes of one attempt each, some pairs left out: the commonest public record."""
    attempts = (rng.random((rows, models)) < 0.9).astype(int)
    attempts[:, 0] = 1
    attempts[0] = 1
    return arb.Market(
        [f"m{m}" for m in range(models)],
        [f"i{i}" for i in range(rows)],
        attempts,
        attempts * (rng.random((rows, models)) < rng.uniform(0.1, 0.9, models)),
        np.exp(rng.normal(0, 1, models) + rng.normal(0, 0.3, (rows, models))),
        weight=rng.uniform(0.1, 1, rows),
    )


@pytest.mark.parametrize("models", [2, 5, 8, 9, 11])
def test_one_attempt_each_against_all_subsets(models):
    market = one_attempt_market(np.random.default_rng(models), models, 20)
    found = arb.search_frontier(market)
    rates = found.solve_rates
    single, mixed = least_by_subsets(market, rates)
    np.testing.assert_allclose(found.mixture_spend_at(rates), mixed, rtol=0.0101)
    assert np.all(found.bound_at(rates) <= mixed * (1 + 1e-9))
    assert np.all(found.spend_at(rates) >= single * (1 - 1e-9))
    assert found.converged.all()


def check_many(models, tries, rows, *, most_states=300_000, seed=0):
    """Spends are those of the plans, plans reach their rates, and nothing undercuts the bound."""
    rng = np.random.default_rng([seed, models, tries, rows])
    successes = rng.integers(0, tries + 1, (rows, models)) * (rng.random((rows, models)) < 0.4)
    successes[0, 0] = 1  # somebody solves something
    market = arb.Market(
        [f"m{m}" for m in range(models)],
        [f"i{i}" for i in range(rows)],
        np.full((rows, models), tries),
        successes,
        np.exp(rng.normal(0, 1, models) + rng.normal(0, 0.3, (rows, models))),
    )
    curves = attempt_curves(market)
    reach = float((market.successes > 0).any(axis=1).mean())
    rates = reach * np.array([0.3, 0.7, 0.95, 1.0])
    found = arb.search_frontier(curves, rates, most_states=most_states, time_limit=np.inf)
    assert found.max_solve_rate == pytest.approx(reach)
    assert 0 < found.largest_lattice <= most_states
    for rate in rates:
        scored = found.plan_at(rate).evaluate(curves)
        assert scored.solve_rate >= rate - 1e-9
        assert scored.mean_spend == pytest.approx(float(found.spend_at(rate)))
        assert found.bound_at(rate) <= found.mixture_spend_at(rate) * (1 + 1e-9)
    for _ in range(15):  # plans that the search has nothing to do with
        bought = rng.permutation(np.repeat(np.arange(models), tries))
        stages = [(market.models[m], 1) for m in bought[: rng.integers(1, len(bought) + 1)]]
        scored = arb.Plan(tuple(stages)).evaluate(curves)
        assert found.bound_at(min(scored.solve_rate, reach)) <= scored.mean_spend * (1 + 1e-9)


@pytest.mark.parametrize(
    ("models", "tries", "rows"),
    [
        *[(2, 1, 10), (2, 10, 30), (9, 1, 60), (9, 2, 12), (12, 1, 40), (25, 1, 80)],
        *[(30, 2, 50), (40, 5, 20), (80, 1, 30), (80, 2, 1)],
    ],
)
def test_any_number_of_models(models, tries, rows):
    check_many(models, tries, rows, most_states=60_000)


@pytest.mark.slow
@pytest.mark.parametrize("models", [3, 8, 9, 10, 17, 33, 80])
@pytest.mark.parametrize("tries", [1, 3, 10])
def test_any_number_of_models_and_attempts(models, tries):
    for seed, rows in enumerate((1, 7, 45)):
        check_many(models, tries, rows, seed=seed + 1)


@pytest.mark.parametrize(
    ("models", "attempts", "states"),
    [(4, 40, 2_000), (6, 20, 2_000), (8, 30, 1_000), (5, 30, 3_000), (11, 4, 1_000)],
)
def test_no_lattice_has_more_states_than_allowed(models, attempts, states, monkeypatch):
    made = []

    def watched(steps, sizes):
        made.append(steps.shape[1])
        return shortest(steps, sizes)

    monkeypatch.setattr("arbmodels.cascades.relaxation.shortest", watched)
    market = random_market(np.random.default_rng(1), 40, models, max_attempts=attempts)
    rates = np.linspace(0.1, 0.9, 12) * 0.9
    found = arb.search_frontier(market, rates, gap=1e-3, most_states=states, time_limit=np.inf)
    assert max(made) <= states
    assert found.largest_lattice == max(made)
    assert f"up to {max(made):,} states" in str(found)


def test_tables_too_large_are_refused_before_they_are_made(monkeypatch):
    attempts = np.full((2_000, 3), 10_000)
    market = arb.Market(
        ["a", "b", "c"], [str(i) for i in range(2_000)], attempts, attempts // 2, attempts * 1.0
    )
    monkeypatch.setattr("arbmodels.curves.failure_table", None)  # nothing may be tabulated
    with pytest.raises(arb.InputError, match=r"2\.4 GB.*max_attempts=8332"):
        arb.search_frontier(market)
    small = market.select(instances=market.instances[:2])
    with pytest.raises(
        arb.InputError, match=r"most_states is 999,999,999.*allow at most 35,714,285"
    ):
        arb.search_frontier(small, most_states=999_999_999)


@pytest.mark.parametrize("models", [6, 20])
def test_the_time_limit_holds_inside_a_relaxation(models, monkeypatch):
    """A clock that jumps while a lattice is made: at any moment the best so far is returned."""
    market = random_market(np.random.default_rng(2), 20, models, max_attempts=8)
    late = 0
    for jump in (0, 1, 2, 3, 5, 8, 15, 40):
        calls = itertools.count()

        def clock(jump=jump, calls=calls):
            return 1e9 if next(calls) > jump else 0.0

        with monkeypatch.context() as patch:
            patch.setattr("time.monotonic", clock)
            found = arb.search_frontier(market, gap=1e-6, most_states=20_000)
        rates = found.solve_rates
        assert np.all(found.bound_at(rates) <= found.mixture_spend_at(rates) * (1 + 1e-9))
        assert np.isfinite(found.spend_at(rates)).all()
        late += not found.bound_at(rates).any()
    assert late > 2  # some jumps came before the first lattice was done
