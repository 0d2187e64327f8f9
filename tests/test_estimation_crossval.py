"""Cross-validated margins: brute-force oracles, no leak, and the authors' two models."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbmodels.cascades import cascade_frontier, search_frontier
from arbmodels.cascades.lattice import build_lattice
from arbmodels.curves import attempt_curves, dollar_curves
from arbmodels.errors import InputError
from arbmodels.estimation import cross_validate_margin
from arbmodels.estimation.cross_validation import (
    ScoredPolicies,
    SearchedPolicies,
    Tables,
    _Plans,
    compare_held_out,
    fit_and_score,
    held_out,
    path_spend,
)
from arbmodels.margins import arbitrage
from arbmodels.market import Market
from arbmodels.plans import Plan
from conftest import random_market


def plan_of(curves, lattice, flat):
    """The cheapest plan to a state of a lattice, as the library makes plans."""
    amount = np.zeros(len(lattice.grids), dtype=int)
    stages = []
    for model, steps in lattice.path(np.unravel_index(flat, lattice.spend.shape)):
        grid, start = lattice.grids[model], amount[model]
        stages.append((curves.names[model], float(grid[start + steps] - grid[start])))
        amount[model] += steps
    return Plan(tuple(stages), curves.unit)


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.sampled_from([0.0, 0.3]))
def test_paths_cost_elsewhere_what_their_plans_cost(seed, models, missing):
    rng = np.random.default_rng(seed)
    market = random_market(rng, 6, models, max_attempts=3, missing=missing, equal_weights=False)
    curves = attempt_curves(market)
    rows = rng.permutation(6)
    fit, score = (Tables.of(curves, curves.grids, part) for part in (rows[:3], rows[3:]))
    lattice = fit.lattice()
    states = np.arange(lattice.spend.size)
    by_model = path_spend(lattice, states, score.steps)
    spend = by_model.sum(axis=1)
    np.testing.assert_allclose(
        path_spend(lattice, states, lattice.step_spend).sum(axis=1),
        lattice.spend.ravel(),
        atol=1e-12,
    )
    for state in states:
        scored = plan_of(curves, lattice, state).evaluate(curves)
        weight = market.weight[rows[3:]]
        assert spend[state] == pytest.approx(weight @ scored.spend[rows[3:]], abs=1e-12)
        paid = weight @ scored.spend_by_model[rows[3:]]
        np.testing.assert_allclose(by_model[state], paid, atol=1e-12)
        solved = score.weight - score.unsolved.ravel()[state]
        assert solved == pytest.approx(weight @ scored.solve[rows[3:]], abs=1e-12)


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 1.0))
def test_the_policy_of_an_aim_is_the_best_mixture_of_all_states(seed, share):
    market = random_market(np.random.default_rng(seed), 5, 2, max_attempts=4)
    curves = attempt_curves(market)
    every = Tables.of(curves, curves.grids, np.arange(5))
    policies = fit_and_score(every, every)
    lattice = build_lattice(curves)
    rate, spend = lattice.solve_rate.ravel(), lattice.spend.ravel()
    aim = share * rate.max()
    # Every pair of states below and above the aim, mixed.
    low, high = np.flatnonzero(rate <= aim), np.flatnonzero(rate > aim)
    best = spend[rate >= aim - 1e-12].min(initial=np.inf)
    if len(high):
        mix = (aim - rate[low][:, None]) / (rate[high] - rate[low][:, None])
        best = min(best, (spend[low][:, None] * (1 - mix) + spend[high] * mix).min())
    solved, paid = policies.at(np.array([aim]))
    assert solved[0] == pytest.approx(aim, abs=1e-9)
    assert paid.sum() == pytest.approx(best, rel=1e-9, abs=1e-9)
    assert policies.cost_at(np.array([aim]))[0] == pytest.approx(best, rel=1e-9, abs=1e-9)


@given(st.integers(0, 2**32 - 1))
def test_tables_add_up(seed):
    market = random_market(np.random.default_rng(seed), 7, 2, equal_weights=False)
    curves = attempt_curves(market)
    parts = [Tables.of(curves, curves.grids, np.arange(7)[k::3]) for k in range(3)]
    every = parts[0] + parts[1] + parts[2]
    assert every.weight == pytest.approx(1)
    plain = build_lattice(curves)
    np.testing.assert_allclose(every.lattice().spend, plain.spend, atol=1e-12)


def test_by_hand():
    """Two folds of twins: each fold is fitted on copies of what it is scored on, so no optimism."""
    one = random_market(np.random.default_rng(3), 20, 2, max_attempts=5)
    market = Market(
        one.models,
        [f"{name}-{k}" for k in range(2) for name in one.instances],
        np.tile(one.attempts, (2, 1)),
        np.tile(one.successes, (2, 1)),
        np.tile(one.cost, (2, 1)),
    )
    curves = attempt_curves(market)
    twins = [np.arange(20), np.arange(20, 40)]
    tables = [Tables.of(curves, curves.grids, fold) for fold in twins]
    every = tables[0] + tables[1]
    inside = [fit_and_score(every, every)]
    outside = [fit_and_score(rest, fold) for rest, fold in (tables, tables[::-1])]
    rates = np.linspace(0.01, inside[0].aimed[-1], 30)
    one, two = (
        compare_held_out([[each] for each in some], some, rates) for some in (inside, outside)
    )
    np.testing.assert_allclose(one.cost, two.cost, rtol=1e-9)
    np.testing.assert_allclose(two.price, two.cost, rtol=1e-9)
    # And in sample it is the frontier with mixtures.
    mixed = cascade_frontier(curves).mixture_spend_at(rates)
    np.testing.assert_allclose(one.cost, mixed, rtol=1e-9)


def test_what_models_are_paid_adds_up_to_the_cost(simulated):
    market = simulated.select(models=["gpt5mini", "deepseek"])
    found = cross_validate_margin(market, solve_rates=np.linspace(0.6, 0.75, 9), repeats=2)
    for each in (found.in_sample, found.held_out):
        np.testing.assert_allclose(each.spend_by_model.sum(axis=1), each.cost, rtol=1e-12)
        # High solve rates take both models.
        assert each.spend_by_model[-2].min() > 0
    authors = cross_validate_margin(market, method="olmedo2026", solve_rates=[0.7], repeats=1)
    assert authors.held_out.spend_by_model is None


def test_the_model_that_is_cheapest_in_training_sells():
    # The first is cheaper up to 0.5, then the second; beyond 0.7 only the first reaches.
    first = ScoredPolicies(
        np.array([0.0, 0.5, 0.9]),
        np.array([0.0, 2.0, 9.0]),
        np.array([0.0, 0.4, 0.8]),
        np.array([[0.0, 0.0], [3.0, 0.0], [8.0, 0.0]]),
        1.0,
    )
    second = ScoredPolicies(
        np.array([0.0, 0.7]),
        np.array([1.6, 2.4]),
        np.array([0.0, 0.7]),
        np.array([[0.0, 1.0], [0.0, 5.0]]),
        1.0,
    )
    both = ScoredPolicies(
        np.array([0.0, 0.4, 1.0]),
        np.array([0.0, 1.0, 10.0]),
        np.array([0.0, 0.5, 0.75]),
        np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 4.0]]),
        1.0,
    )
    rates = np.array([0.25, 0.6, 0.7, 0.9, 0.95])
    found = compare_held_out([[first, second]], [both], rates)
    np.testing.assert_allclose(found.price, [1.5, 1 + 4 * 6 / 7, 5.0, 8.0, np.nan])
    np.testing.assert_allclose(found.price_by_model[:3, 0], [1.5, 0.0, 0.0])
    # The market solves 0.2, 0.6, 0.7, 0.8 there: what cascades that solve as much cost.
    np.testing.assert_allclose(found.cost, [0.8, 3.6, 5.2, np.nan, np.nan])
    np.testing.assert_allclose(found.spend_by_model.sum(axis=1), found.cost)
    # Twice as many instances whose training set does not reach: left out on both sides.
    short = ScoredPolicies(np.zeros(1), np.zeros(1), np.zeros(1), np.zeros((1, 2)), 2.0)
    more = compare_held_out([[first, second], [short, short]], [both, both], rates[1:])
    np.testing.assert_allclose(more.price[:3], found.price[1:4])
    np.testing.assert_allclose(more.cost[:2], found.cost[1:3])


@pytest.mark.parametrize("seed", range(3))
def test_what_is_held_out_does_not_choose_the_policies(seed):
    """Turn all held-out outcomes around: every aim keeps its policy."""
    market = random_market(np.random.default_rng(seed), 30, 2, max_attempts=5)
    fold, rest = np.arange(0, 30, 3), np.setdiff1d(np.arange(30), np.arange(0, 30, 3))
    turned = market.successes.copy()
    turned[fold] = (market.attempts - market.successes)[fold]
    curves = [attempt_curves(each) for each in (market, replace(market, successes=turned))]
    one, other = (_Plans(each, each.grids).score(rest, fold) for each in curves)
    np.testing.assert_allclose(one.aimed, other.aimed, atol=1e-12)
    np.testing.assert_allclose(one.cost, other.cost, atol=1e-12)
    assert not np.allclose(one.solved, other.solved)


def from_scratch(market, parts, rates):
    """Price and cost at solve rates, cross-validated by enumeration: no code is shared."""
    n, c, q = market.attempts, market.successes, market.cost
    most = n.max(axis=0)

    def fails(i, m, k):
        k = min(k, n[i, m])
        return comb(n[i, m] - c[i, m], k) / comb(n[i, m], k)

    def does(plan, rows):
        """Solve rate and spend of a sequence of single attempts, paid while on record."""
        solved = spent = 0.0
        for i in rows:
            left, made = 1.0, [0, 0]
            for m in plan:
                spent += left * q[i, m] * (made[m] < n[i, m])
                made[m] += 1
                left = fails(i, 0, made[0]) * fails(i, 1, made[1])
            solved += 1 - left
        return solved / len(rows), spent / len(rows)

    orders = {
        plan
        for a, b in itertools.product(range(most[0] + 1), range(most[1] + 1))
        for plan in itertools.permutations([0] * a + [1] * b)
    }
    families = {
        "cascade": [orders],
        "market": [[(m,) * k for k in range(most[m] + 1)] for m in range(2)],
    }

    def hull(plans, rows):
        """Vertices by brute force: points below every segment between two others."""
        points = sorted((*does(plan, rows), plan) for plan in plans)
        kept = [points[0]]
        while True:
            more = [p for p in points if p[0] > kept[-1][0] + 1e-9]
            if not more:
                return kept
            slope = [(p[1] - kept[-1][1]) / (p[0] - kept[-1][0]) for p in more]
            kept.append(more[int(np.argmin(slope))])

    price, cost = np.full((2, len(rates)), np.nan)
    fitted = []
    for fold in parts:
        rest = [i for i in range(len(n)) if i not in set(fold.tolist())]
        fitted.append(
            {
                name: [
                    np.array([(*v[:2], *does(v[2], fold)) for v in hull(plans, rest)]).T
                    for plans in several
                ]
                for name, several in families.items()
            }
        )
    for u, rate in enumerate(rates):
        r = s = inside = 0.0
        paths = []
        for fold, found in zip(parts, fitted, strict=True):
            share = len(fold) / len(n)
            able = [each for each in found["market"] if each[0][-1] >= rate]
            if not able:
                continue
            inside += share
            sells = min(able, key=lambda each: np.interp(rate, each[0], each[1]))
            r += share * np.interp(rate, sells[0], sells[2])
            s += share * np.interp(rate, sells[0], sells[3])
            paths.append((share, found["cascade"][0]))
        if inside < 0.25:
            continue
        price[u] = s / inside
        # Walk the cascades' aims up from zero, from corner to corner, until they solve as much.
        corners = sorted({float(aim) for _, each in paths for aim in each[0]})
        walk = [
            tuple(sum(w * np.interp(aim, each[0], each[k]) for w, each in paths) for k in (2, 3))
            for aim in corners
        ]
        solved, paid = walk[0]
        cost[u] = paid / inside if solved >= r else np.nan
        for there, then in walk[1:]:
            if solved < r <= there + 1e-12:
                cost[u] = (paid + (then - paid) * (r - solved) / (there - solved)) / inside
                break
            if there > solved:
                solved, paid = there, max(then, paid)
    return price, cost


@pytest.mark.parametrize("seed", range(4))
def test_cross_validation_from_scratch(seed):
    rng = np.random.default_rng(seed)
    attempts = rng.integers(1, 4, (14, 2))
    successes = rng.binomial(attempts, rng.beta(0.7, 0.7, (14, 1)))
    attempts[:5], successes[:5] = 3, 0  # never solved, in both folds: no attempt is free
    market = Market(
        ["a", "b"], [f"i{k}" for k in range(14)], attempts, successes, rng.uniform(1, 3, (14, 2))
    )
    rates = np.linspace(0.05, 0.8, 16)
    found = cross_validate_margin(market, folds=2, repeats=1, seed=seed, solve_rates=rates)
    parts = held_out(market, 2, "instances", np.random.SeedSequence(seed).spawn(1)[0])
    price, cost = from_scratch(market, parts, rates)
    np.testing.assert_allclose(found.held_out.price, price, rtol=1e-9)
    np.testing.assert_allclose(found.held_out.cost, cost, rtol=1e-9, atol=1e-12)
    assert np.isfinite(price).sum() >= 8


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=40)
def test_no_price_held_out_is_above_the_dearest_bill(seed, models, most):
    """Rounding must not make a policy that pays any price for a solve rate of 1e-16."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 30))
    attempts = rng.integers(1, most + 1, (n, models))
    market = Market(
        [f"m{k}" for k in range(models)],
        [f"q{k}" for k in range(n)],
        attempts,
        rng.binomial(attempts, rng.beta(0.5, 0.5, (n, 1))),
        10 ** rng.uniform(-6, 0, (n, models)),
        rng.uniform(0.1, 1, n),
    )
    rates = np.linspace(0.01, 1, 60)
    found = cross_validate_margin(market, folds=3, repeats=1, seed=seed % 7, solve_rates=rates)
    bill = (market.attempts * market.cost).sum(axis=1).max()
    for each in (found.in_sample, found.held_out):
        assert np.all(~(each.model_prices > bill * (1 + 1e-9)))
        assert np.all(~(each.model_prices < 0))
        assert np.all(~(each.price > bill * (1 + 1e-9)))
        assert np.all(~(each.cost > bill * (1 + 1e-9)))
        assert np.all(~(each.cost < 0))


@pytest.mark.parametrize(
    ("models", "tries", "seeds", "rates"),
    [(2, 3, 60, np.linspace(0.3, 0.7, 50)), (2, 1, 60, None), (4, 2, 40, None)],
)
def test_there_is_no_margin_where_there_is_nothing_to_learn(models, tries, seeds, rates):
    """Models of one law: whatever is saved in sample is luck, and none of it is kept."""
    means = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        chance = rng.beta(0.6, 0.6, (100, 1)).repeat(models, axis=1)
        attempts = np.full((100, models), tries)
        market = Market(
            [f"m{k}" for k in range(models)],
            [f"i{k}" for k in range(100)],
            attempts,
            rng.binomial(attempts, chance),
            0.02 * 10 ** rng.uniform(-0.2, 0.2, (100, models)),
        )
        found = cross_validate_margin(market, repeats=1, solve_rates=rates)
        if np.isfinite(found.margin).any():
            means.append((found.mean_margin, found.mean_in_sample))
    held, inside = np.array(means).T
    error = held.std(ddof=1) / np.sqrt(len(held))
    assert len(held) > 0.95 * seeds
    assert abs(held.mean()) < 2 * error
    assert inside.mean() > 0


def test_folds_are_a_partition_and_stratified():
    market = random_market(np.random.default_rng(0), 53, 2, segments=4)
    segment = np.array(market.segment)
    parts = held_out(market, 5, "instances", 1)
    assert sorted(np.concatenate(parts).tolist()) == list(range(53))
    for part in parts:
        counts = [(segment[part] == name).sum() for name in market.segments]
        assert max(counts) - min(counts) <= 1
    whole = held_out(market, 3, "segments", 1)
    assert sorted(np.concatenate(whole).tolist()) == list(range(53))
    for name in market.segments:
        assert sum(name in segment[part] for part in whole) == 1
    again = held_out(market, 5, "instances", 1)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))


def test_authors_two_models(swebench_pair):
    curves = dollar_curves(swebench_pair)
    found = cross_validate_margin(curves)
    assert found.mean_in_sample == pytest.approx(0.2106, abs=0.001)
    # The frontier of single plans, which the margin is usually of, is hardly above the hull.
    assert found.mean_in_sample == pytest.approx(arbitrage(curves).mean_margin, abs=0.003)
    assert found.mean_margin == pytest.approx(
        0.205, abs=0.015
    )  # another seed, a point more or less
    assert found.mean_optimism == pytest.approx(0.005, abs=0.015)
    other = cross_validate_margin(curves, seed=1)
    assert other.mean_margin == pytest.approx(found.mean_margin, abs=0.03)
    segments = cross_validate_margin(curves, by="segments")
    assert segments.mean_optimism > found.mean_optimism
    authors = cross_validate_margin(swebench_pair, method="olmedo2026")
    assert authors.mean_in_sample == pytest.approx(0.1986, abs=0.001)
    assert -0.01 < authors.mean_optimism < 0.035


def test_authors_three_models(swebench):
    market = swebench.select(models=["minicoder4b", "gpt5mini", "deepseek"])
    curves = attempt_curves(market, 25)
    found = cross_validate_margin(curves, repeats=4)
    assert found.mean_in_sample == pytest.approx(0.345, abs=0.001)
    assert found.mean_margin == pytest.approx(0.349, abs=0.02)


def test_optimism_is_shown_beside_the_margin(simulated):
    pair = simulated.select(models=["gpt5mini", "deepseek"])
    for method in ("exact", "olmedo2026"):
        result = arbitrage(pair, method=method)
        found = result.cross_validated
        assert found is not None
        shown = " ".join(str(result).split())
        assert f"plans mixed {100 * found.mean_in_sample:.2f}%, cross-validated" in shown
        assert f"{100 * found.mean_margin:.2f}%, optimism {100 * found.mean_optimism:.2f}%" in shown
        assert "Cross-validated (5 folds of instances, 10 times" in shown
        assert f"mean margin {100 * found.mean_margin:.2f}%" in shown
        assert "optimism" in result._repr_html_()
        plain = result.to_dict()
        assert plain["cross_validated"]["mean_margin"] == found.mean_margin
        assert plain["cross_validated"]["optimism"] == found.mean_optimism
        assert plain["validation"] == found.sentence
        assert plain["margin"] == pytest.approx(result.margin.tolist())
        json.dumps(plain, allow_nan=False)
        assert found.solve_rates is result.solve_rates


@pytest.mark.parametrize(
    ("models", "instances", "reason"),
    [(2, 19, "19 instances are too few"), (2, 5001, "would take long with 5001 instances")],
)
def test_no_optimism_is_said_to_be_missing(models, instances, reason):
    market = random_market(np.random.default_rng(0), instances, models, max_attempts=2)
    result = arbitrage(attempt_curves(market), solve_rates=[0.2, 0.3])
    assert result.cross_validated is None
    assert reason in result.validation
    assert f"Not cross-validated: {result.validation[21:]}" in " ".join(str(result).split())


def test_nothing_is_reached_held_out():
    market = random_market(np.random.default_rng(0), 30, 2, max_attempts=2)
    curves = attempt_curves(market)
    found = cross_validate_margin(curves, solve_rates=[1.0])
    assert np.isnan(found.mean_margin)
    assert np.isnan(found.max_solve_rate)
    assert "no solve rate of this grid is reached" in found.sentence
    assert "–" in str(found)


def test_shows_itself(simulated):
    pair = simulated.select(models=["gpt5mini", "deepseek"])
    found = cross_validate_margin(pair, solve_rates=np.linspace(0.6, 0.7, 21), repeats=1)
    assert "optimism" in str(found)
    frame = found.to_frame()
    assert len(frame) == 21
    np.testing.assert_allclose(
        frame["optimism"], frame["margin_in_sample"] - frame["margin_held_out"]
    )
    axes = found.plot()
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["In-sample", "Cross-validated"]
    rate, inside, outside = found.peak
    assert inside == np.nanmax(found.in_sample_margin)
    assert outside == found.margin[found.solve_rates == rate]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"folds": 1}, "folds is 1; give 2 to 30"),
        ({"folds": 31}, "folds is 31; give 2 to 30"),
        ({"folds": 4, "by": "segments"}, "folds is 4; give 2 to 3, the number of segments"),
        ({"by": "models"}, "by is 'models'"),
        ({"method": "best"}, "No method 'best'"),
        ({"repeats": 0}, "repeats is 0"),
        ({"solve_rates": [2.0]}, "between 0 and 1"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    market = random_market(np.random.default_rng(0), 30, 2, segments=3)
    with pytest.raises(InputError, match=message):
        cross_validate_margin(market, **arguments)


def test_markets_that_cannot_be_divided():
    market = random_market(np.random.default_rng(0), 30, 2)
    with pytest.raises(InputError, match="has no segments to hold out"):
        cross_validate_margin(market, by="segments")
    with pytest.raises(InputError, match="give it a market"):
        cross_validate_margin(attempt_curves(market), method="olmedo2026")
    weight = np.zeros(30)
    weight[0] = 1
    lone = Market(
        market.models,
        market.instances,
        market.attempts,
        market.successes,
        market.cost,
        weight=weight,
    )
    with pytest.raises(InputError, match="all the weight, or none"):
        cross_validate_margin(lone)


@pytest.mark.parametrize("by", ["instances", "segments"])
def test_a_search_held_out_does_as_the_exact_method_held_out(simulated, by):
    curves = attempt_curves(simulated.select(models=["gpt5mini", "deepseek"]), 30)
    rates = np.linspace(0.5, 0.7, 9)
    asked = {"by": by, "folds": 3, "repeats": 1, "solve_rates": rates}
    exact = cross_validate_margin(curves, **asked)
    searched = cross_validate_margin(search_frontier(curves, rates), **asked)
    assert searched.method == "searched"
    # Other plans of nearly the same spend in sample: a little apart held out.
    np.testing.assert_allclose(searched.held_out.cost, exact.held_out.cost, rtol=0.03)
    np.testing.assert_allclose(searched.in_sample.cost, exact.in_sample.cost, rtol=0.02)
    # At the shadow prices of either's cascades.
    np.testing.assert_allclose(
        searched.held_out.model_prices, exact.held_out.model_prices, rtol=0.02
    )
    spend = searched.held_out.spend_by_model
    np.testing.assert_allclose(spend.sum(axis=1), searched.held_out.cost)


def test_searched_policies_are_scored_on_the_fold_alone():
    market = random_market(np.random.default_rng(8), 30, 5, max_attempts=5)
    curves = attempt_curves(market)
    rows = np.arange(0, 30, 3)
    policies = SearchedPolicies(curves, np.array([0.3, 0.4]), 5_000)
    scored = policies.score(np.setdiff1d(np.arange(30), rows), rows)
    # What happens to the instances held out changes their scores, and no policy.
    changed = market.successes.copy()
    changed[rows] = market.attempts[rows]
    other = attempt_curves(replace(market, successes=changed))
    again = policies._replace(curves=other).score(np.setdiff1d(np.arange(30), rows), rows)
    np.testing.assert_array_equal(again.aimed, scored.aimed)
    assert (again.solved >= scored.solved - 1e-12).all()
    assert again.solved[-1] == pytest.approx(market.weight[rows].sum())
    assert scored.solved[-1] < market.weight[rows].sum()


def test_a_searched_margin_shows_its_optimism():
    market = random_market(np.random.default_rng(4), 40, 5, max_attempts=6)
    margin = arbitrage(search_frontier(market))
    assert margin.cross_validated.method == "searched"
    assert "optimism" in str(margin)
