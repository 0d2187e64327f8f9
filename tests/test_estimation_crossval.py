"""Cross-validated margins: brute-force oracles, no leak, and the authors' two models."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbmodels.cascades import cascade_frontier, search_frontier
from arbmodels.cascades.lattice import build_lattice
from arbmodels.curves import attempt_curves, dollar_curves
from arbmodels.errors import InputError
from arbmodels.estimation import cross_validate_margin
from arbmodels.estimation.crossval import _Plans, _policies_held_out
from arbmodels.estimation.folds import held_out
from arbmodels.estimation.searched_policies import SearchedPolicies
from arbmodels.estimation.shadow_price import (
    ShadowPolicies,
    Tables,
    fit_and_score,
    path_spend,
    pooled,
    spend_at,
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


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3))
def test_the_policy_of_a_shadow_price_is_the_best_of_all_states(seed, price):
    market = random_market(np.random.default_rng(seed), 5, 2, max_attempts=4)
    curves = attempt_curves(market)
    every = Tables.of(curves, curves.grids, np.arange(5))
    policies = fit_and_score(every, every)
    solved, spend = policies.at(np.array([price]))
    lattice = build_lattice(curves)
    best = (price * lattice.solve_rate - lattice.spend).max()
    assert price * solved[0] - spend[0].sum() == pytest.approx(best, rel=1e-9, abs=1e-9)
    assert np.all(np.diff(policies.price) >= 0)


@given(st.integers(0, 2**32 - 1))
def test_tables_add_up(seed):
    market = random_market(np.random.default_rng(seed), 7, 2, equal_weights=False)
    curves = attempt_curves(market)
    parts = [Tables.of(curves, curves.grids, np.arange(7)[k::3]) for k in range(3)]
    every = parts[0] + parts[1] + parts[2]
    assert every.weight == pytest.approx(1)
    plain = build_lattice(curves)
    np.testing.assert_allclose(every.lattice().spend, plain.spend, atol=1e-12)
    rest = every.without(parts[0])
    both = parts[1] + parts[2]
    np.testing.assert_allclose(rest.unsolved, both.unsolved, atol=1e-12)
    assert rest.weight == pytest.approx(both.weight)
    assert all((step >= 0).all() for step in rest.steps)


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
    inside = pooled([fit_and_score(every, every)], 1.0)
    outside = pooled([fit_and_score(every.without(fold), fold) for fold in tables], 1.0)
    rates = np.linspace(0.01, inside[0][-1], 30)
    np.testing.assert_allclose(spend_at(rates, *inside), spend_at(rates, *outside), rtol=1e-9)
    # And in sample it is the frontier with mixtures.
    mixed = cascade_frontier(curves).mixture_spend_at(rates)
    np.testing.assert_allclose(spend_at(rates, *inside).sum(axis=1), mixed, rtol=1e-9)


def test_what_models_are_paid_adds_up_to_the_cost(simulated):
    market = simulated.select(models=["gpt5mini", "deepseek"])
    found = cross_validate_margin(market, solve_rates=np.linspace(0.6, 0.75, 9), repeats=2)
    for each in (found.in_sample, found.held_out):
        np.testing.assert_allclose(each.spend_by_model.sum(axis=1), each.cost, rtol=1e-12)
        # High solve rates take both models.
        assert each.spend_by_model[-2].min() > 0
    authors = cross_validate_margin(market, method="authors", solve_rates=[0.7], repeats=1)
    assert authors.held_out.spend_by_model is None


def test_held_out_scores_are_held_at_the_largest_so_far():
    falls = ShadowPolicies(
        np.array([1.0, 2.0, 3.0]),
        np.array([0.0, 0.5, 0.4, 0.6]),
        np.array([[0.0, 0.0], [1.0, 3.0], [3.0, 0.5], [2.0, 4.0]]),
    )
    rate, spend = pooled([falls], 1.0)
    assert rate.tolist() == [0.0, 0.5, 0.5, 0.6]
    assert spend.tolist() == [[0.0, 0.0], [1.0, 3.0], [1.0, 3.0], [2.0, 4.0]]


@pytest.mark.parametrize("seed", range(3))
def test_what_is_held_out_does_not_choose_the_policies(seed):
    """Turn all held-out outcomes around: every shadow price keeps its policy."""
    market = random_market(np.random.default_rng(seed), 30, 2, max_attempts=5)
    fold, rest = np.arange(0, 30, 3), np.setdiff1d(np.arange(30), np.arange(0, 30, 3))
    turned = market.successes.copy()
    turned[fold] = (market.attempts - market.successes)[fold]
    curves = [attempt_curves(each) for each in (market, replace(market, successes=turned))]
    prices = np.geomspace(1e-3, 1e3, 400)
    chosen = []
    for each in curves:
        sources = [_Plans(each, each.grids, Tables.of(each, each.grids, np.arange(30)))]
        (policies,) = _policies_held_out(sources, fold)
        # What is bought at a shadow price, seen by what it solves and costs in training.
        train = Tables.of(curves[0], each.grids, rest)
        every = sources[0].every.without(Tables.of(each, each.grids, fold))
        solved, spend = fit_and_score(every, train).at(prices)
        chosen.append((solved, spend, policies.at(prices)[0]))
    (solved, spend, held), (again, paid, otherwise) = chosen
    np.testing.assert_allclose(solved, again, atol=1e-9)
    np.testing.assert_allclose(spend, paid, atol=1e-9)
    assert not np.allclose(held, otherwise)


def test_there_is_no_margin_where_there_is_nothing_to_learn():
    """Two models alike on every instance: whatever is saved in sample is luck, and is not kept."""
    rng = np.random.default_rng(0)
    chance = rng.beta(0.6, 0.6, (120, 1)).repeat(2, axis=1)
    attempts = np.full((120, 2), 3)
    market = Market(
        ["a", "b"],
        [f"i{k}" for k in range(120)],
        attempts,
        rng.binomial(attempts, chance),
        np.full((120, 2), 0.02),
    )
    found = cross_validate_margin(attempt_curves(market), solve_rates=np.linspace(0.3, 0.7, 50))
    assert found.mean_optimism > -0.01
    assert found.mean_in_sample >= found.mean_margin - 0.01


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
    assert found.mean_margin == pytest.approx(0.180, abs=0.006)
    assert found.mean_optimism == pytest.approx(0.030, abs=0.006)
    other = cross_validate_margin(curves, seed=1)
    assert other.mean_margin == pytest.approx(found.mean_margin, abs=0.01)
    segments = cross_validate_margin(curves, by="segments")
    assert segments.mean_optimism > found.mean_optimism
    authors = cross_validate_margin(swebench_pair, method="authors")
    assert authors.mean_in_sample == pytest.approx(0.1986, abs=0.001)
    assert 0.01 < authors.mean_optimism < 0.035


def test_authors_three_models(swebench):
    market = swebench.select(models=["minicoder4b", "gpt5mini", "deepseek"])
    found = cross_validate_margin(dollar_curves(market))
    assert found.mean_margin == pytest.approx(0.276, abs=0.01)
    assert found.mean_optimism == pytest.approx(0.031, abs=0.01)


def test_optimism_is_shown_beside_the_margin(simulated):
    pair = simulated.select(models=["gpt5mini", "deepseek"])
    for method in ("exact", "authors"):
        result = arbitrage(pair, method=method)
        found = result.cross_validated
        assert found is not None
        shown = " ".join(str(result).split())
        assert f"in-sample, optimism {100 * found.mean_optimism:.2f}%" in shown
        assert "Cross-validated (5 folds of instances, 4 times" in shown
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
    assert np.isnan(found.reach)
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
        cross_validate_margin(attempt_curves(market), method="authors")
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
    np.testing.assert_array_equal(searched.held_out.model_prices, exact.held_out.model_prices)
    spend = searched.held_out.spend_by_model
    np.testing.assert_allclose(spend.sum(axis=1), searched.held_out.cost)


def test_searched_policies_are_scored_on_the_fold_alone():
    market = random_market(np.random.default_rng(8), 30, 5, max_attempts=5)
    curves = attempt_curves(market)
    rows = np.arange(0, 30, 3)
    policies = SearchedPolicies(curves, np.array([0.3, 0.4]), 5_000)
    scored = policies.held_out(rows)
    # What happens to the instances held out changes their scores, and no policy.
    changed = market.successes.copy()
    changed[rows] = market.attempts[rows]
    other = attempt_curves(replace(market, successes=changed))
    again = policies._replace(curves=other).held_out(rows)
    np.testing.assert_array_equal(again.price, scored.price)
    assert (again.solved >= scored.solved - 1e-12).all()
    assert again.solved[-1] == pytest.approx(market.weight[rows].sum())
    assert scored.solved[-1] < market.weight[rows].sum()


def test_a_searched_margin_shows_its_optimism():
    market = random_market(np.random.default_rng(4), 40, 5, max_attempts=6)
    margin = arbitrage(search_frontier(market))
    assert margin.cross_validated.method == "searched"
    assert "optimism" in str(margin)
