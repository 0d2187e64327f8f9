"""Policy classes against every order and amount, programs by enumeration, and the real data."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from arbmodels.cascades import cascade_frontier
from arbmodels.curves import attempt_curves, budget_grid, dollar_curves
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.plans import Plan
from arbmodels.policies import policy_classes
from arbmodels.policies.blocks import Ascent, blocks_best
from arbmodels.policies.grouped import Grouped, PlanSet
from arbmodels.policies.oracle import oracle_of
from arbmodels.policies.policy import score
from conftest import markets, random_market

ONE_PLAN = ("single", "given order", "greedy order", "best order", "interleaved")


def block_plans(curves, orders):
    """All block cascades of whole attempts in some orders."""
    most = [len(grid) for grid in curves.grids]
    for order in orders:
        for amounts in itertools.product(*(range(most[m]) for m in order)):
            stages = [(curves.names[m], k) for m, k in zip(order, amounts, strict=True) if k]
            yield Plan(tuple(stages))


def cheapest(plans, curves, target):
    scored = [plan.evaluate(curves) for plan in plans]
    spends = [each.mean_spend for each in scored if each.solve_rate >= target - 1e-11]
    return min(spends, default=np.nan)


@settings(max_examples=15)
@given(st.data(), st.sampled_from(["pay-past-record", "stop-at-record"]))
def test_blocks_are_the_best_of_every_order_and_amount(data, billing):
    market = data.draw(markets(max_models=3, max_attempts=4, missing=0.2))
    curves = attempt_curves(market, 2, billing=billing)
    width = len(market.models)
    order = data.draw(st.permutations(range(width)))
    reach = cascade_frontier(curves).max_solve_rate
    rates = reach * np.array([0.4, 0.8, 1.0])
    result = policy_classes(curves, rates, order=[market.models[m] for m in order], oracle=False)
    spend = dict(zip(result.names, result.spend, strict=True))
    for u, rate in enumerate(rates):
        given_order = cheapest(block_plans(curves, [order]), curves, rate)
        best = cheapest(block_plans(curves, itertools.permutations(range(width))), curves, rate)
        single = cheapest(block_plans(curves, [[m] for m in range(width)]), curves, rate)
        assert spend["given order"][u] == pytest.approx(given_order, abs=1e-12)
        assert spend["best order"][u] == pytest.approx(best, abs=1e-12)
        np.testing.assert_allclose(spend["single"][u], single, atol=1e-12)
        assert best - 1e-12 <= spend["greedy order"][u]
    np.testing.assert_allclose(spend["interleaved"], cascade_frontier(curves).spend_at(rates))
    scored = [
        plan.evaluate(curves) for plan in block_plans(curves, itertools.permutations(range(width)))
    ]
    for budget in (0.5, 2.0):
        most = max(each.solve_rate for each in scored if each.mean_spend <= budget + 1e-12)
        found = result.plan_within("best order", budget)
        assert found.solve_rate == pytest.approx(most, abs=1e-11)
        assert found.spend <= budget * (1 + 1e-9)


@settings(max_examples=10)
@given(st.data())
def test_policies_do_what_their_class_promises(data):
    market = random_market(
        np.random.default_rng(data.draw(st.integers(0, 2**32 - 1))),
        data.draw(st.integers(2, 9)),
        data.draw(st.integers(1, 3)),
        missing=data.draw(st.sampled_from([0.0, 0.2])),
        segments=data.draw(st.integers(0, 3)),
        equal_weights=data.draw(st.booleans()),
    )
    grid = budget_grid(0.05, 30, 12)
    curves = data.draw(
        st.sampled_from(
            [
                attempt_curves(market, 3),
                dollar_curves(market, grid),
                dollar_curves(market, grid, integration="exact"),
            ]
        )
    )
    reach = cascade_frontier(curves).max_solve_rate
    rates = reach * np.array([0.0, 0.5, 0.83, 1.0])
    result = policy_classes(curves, rates, plan_rates=10)
    spend = dict(zip(result.names, result.spend, strict=True))
    for chosen in result.classes:
        reached = np.isfinite(chosen.spend)
        assert np.all(chosen.bound[reached] <= chosen.spend[reached] * (1 + 1e-9) + 1e-15)
        for rate, least in zip(rates, chosen.spend, strict=True):
            if np.isnan(least):
                with pytest.raises(InputError, match="reaches"):
                    result.plan_at(chosen.name, rate)
                continue
            policy = result.plan_at(chosen.name, rate)
            assert policy.solve_rate >= rate - 1e-8
            assert policy.spend == pytest.approx(least, rel=1e-6, abs=1e-9)
            assert policy.deployable == (chosen.name != "oracle")
    # A spend buys at least what it was the least spend for, and is kept.
    for chosen in result.classes:
        for rate, least in zip(rates, chosen.spend, strict=True):
            if np.isfinite(least):
                policy = result.plan_within(chosen.name, least)
                assert policy.spend <= least * (1 + 1e-9) + 1e-15
                slack = 2e-3 if chosen.name == "per segment" else 1e-6
                assert policy.solve_rate >= rate * (1 - slack) - 1e-8
        everything = result.plan_within(chosen.name, 1e9)
        assert everything.solve_rate == pytest.approx(chosen.max_solve_rate, rel=1e-3)
        assert result.plan_within(chosen.name, 0.0).spend == 0.0
    # Wider classes cost no more.
    chain = ["single", "given order", "best order", "interleaved", "mixed"]
    chain += ["per segment, mixed"] if "per segment" in spend else []
    for narrow, wide in itertools.pairwise(chain):
        there = np.isfinite(spend[narrow])
        assert np.all(spend[wide][there] <= spend[narrow][there] * (1 + 1e-9) + 1e-15)
    if "per segment" in spend:
        assert np.all(spend["per segment"] <= spend["interleaved"] * (1 + 1e-9) + 1e-15)
        assert np.all(spend["oracle"] <= spend["per segment, mixed"] * (1 + 1e-9) + 1e-15)


def test_a_cut_block_is_where_the_lattice_cuts_too():
    # One model: blocks and interleaving are the same plans, between budgets as well.
    market = random_market(np.random.default_rng(3), 12, 1)
    curves = dollar_curves(market, budget_grid(0.05, 30, 15))
    frontier = cascade_frontier(curves)
    rates = np.linspace(0.05, 1, 30) * frontier.max_solve_rate
    result = policy_classes(frontier, rates, oracle=False)
    for name in ONE_PLAN:
        row = result.names.index(name)
        np.testing.assert_allclose(result.spend[row], frontier.spend_at(rates), rtol=1e-9)


def test_the_greedy_order_is_by_cost_per_solve():
    # 1 / 0.5 for the cheap model, 10 / 0.9 for the dear one.
    market = Market(["dear", "cheap"], ["x"], [[10, 2]], [[9, 1]], [[10.0, 1.0]])
    result = policy_classes(attempt_curves(market, 1), [0.95], order=["dear", "cheap"])
    assert result.plan_at("greedy order", 0.95).plan.label == "1 x cheap, then 1 x dear"
    assert result.plan_at("given order", 0.95).plan.label == "1 x dear, then 1 x cheap"
    np.testing.assert_allclose(result.spend[1:4, 0], [10.1, 6.0, 6.0])


def test_the_greedy_order_can_be_wrong():
    # "b" looks cheapest per solve, but what it solves is solved by "a", which is needed anyway.
    market = Market(
        ["a", "b"], ["x", "y"], [[1, 1], [1, 1]], [[1, 1], [1, 0]], [[3.0, 1.0], [3.0, 2.0]]
    )
    result = policy_classes(attempt_curves(market, 1), [1.0])
    best, greedy = (result.plan_at(name, 1.0).spend for name in ("best order", "greedy order"))
    assert best <= greedy
    assert result.plan_at("best order", 1.0).plan.label == "1 x a"


def random_plan_set(rng, groups, plans):
    solve = np.sort(rng.uniform(0, 1, (groups, plans)), axis=1)
    solve[:, 0] = 0.0
    spend = rng.uniform(0.1, 1, (groups, plans)) * (0.2 + solve)
    spend[:, 0] = 0.0
    weight = rng.uniform(0.1, 1, groups)
    names = tuple(f"g{g}" for g in range(groups))
    listed = (Plan(), *(Plan((("a", k),)) for k in range(1, plans)))
    return PlanSet(listed, names, weight / weight.sum(), solve, spend)


@pytest.mark.parametrize("seed", range(8))
def test_choices_from_a_plan_set_against_enumeration_and_a_linear_program(seed):
    rng = np.random.default_rng(seed)
    plan_set = random_plan_set(rng, 4, 5)
    grouped = Grouped(plan_set, gap=1e-9)
    every = np.array(list(itertools.product(range(5), repeat=4)))
    rows = np.arange(4)
    rate = (plan_set.weight * plan_set.solve[rows, every]).sum(axis=1)
    spend = (plan_set.weight * plan_set.spend[rows, every]).sum(axis=1)
    equal = np.kron(np.eye(4), np.ones(5))
    for target in np.array([0.1, 0.5, 0.9, 1.0]) * grouped.max_solve_rate:
        least = spend[rate >= target - 1e-9].min()
        choice = grouped.choice_at(target)
        assert choice.spend == pytest.approx(least, rel=1e-7)
        assert choice.bound <= choice.spend
        program = linprog(
            (plan_set.weight[:, None] * plan_set.spend).ravel(),
            -(plan_set.weight[:, None] * plan_set.solve).reshape(1, -1),
            [-target + 1e-12],
            equal,
            np.ones(4),
        )
        assert float(grouped.mixed_spend_at(target)) == pytest.approx(program.fun, rel=1e-7)
        servings = grouped.mixed_servings_at(target)
        assert len(servings) <= 5  # one group mixes at most
        for group in plan_set.groups:
            parts = [each.probability for each in servings if each.group == group]
            assert sum(parts) == pytest.approx(1.0)
    for budget in np.array([0.05, 0.3, 0.7, 1.0, 2.0]) * spend.max():
        most = rate[spend <= budget + 1e-12].max()
        rows_of = [plan_set.plans.index(each.plan) for each in grouped.servings_within(budget)]
        assert plan_set.weight @ plan_set.spend[rows, rows_of] <= budget * (1 + 1e-9)
        assert plan_set.weight @ plan_set.solve[rows, rows_of] == pytest.approx(most, rel=1e-7)
        program = linprog(
            -(plan_set.weight[:, None] * plan_set.solve).ravel(),
            (plan_set.weight[:, None] * plan_set.spend).reshape(1, -1),
            [budget],
            equal,
            np.ones(4),
        )
        assert grouped.mixed_rate_within(budget) == pytest.approx(-program.fun, rel=1e-7)
    assert np.isnan(grouped.mixed_spend_at(grouped.max_solve_rate + 0.01))
    assert np.isnan(grouped.choice_at(grouped.max_solve_rate + 0.01).spend)
    assert grouped.choice_at(0.0).spend == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_with_many_groups_rounding_is_within_the_gap(seed):
    plan_set = random_plan_set(np.random.default_rng(seed), 400, 6)
    quick, exact = Grouped(plan_set, gap=3e-3), Grouped(plan_set, gap=1e-7)
    for target in np.array([0.2, 0.6, 0.95, 1.0]) * quick.max_solve_rate:
        choice, best = quick.choice_at(target), exact.choice_at(target)
        solved = plan_set.weight @ plan_set.solve[np.arange(400), choice.plans]
        assert solved >= target * (1 - 2e-9)
        assert choice.bound <= best.spend * (1 + 1e-9)
        assert best.bound * (1 - 1e-9) <= choice.spend <= best.spend * (1 + 3.1e-3)
        spent = 0.0
        for group, serving in enumerate(quick.servings_within(best.spend)):
            spent += (
                plan_set.weight[group] * plan_set.spend[group, plan_set.plans.index(serving.plan)]
            )
        assert spent <= best.spend * (1 + 1e-9)


def test_segments_that_differ_get_different_plans():
    market = Market(
        ["a", "b"], ["x", "y"], [[1, 1], [1, 1]], [[1, 0], [0, 1]], [[1.0, 2.0], [1.0, 2.0]],
        segment=["s", "t"],
    )  # fmt: skip
    result = policy_classes(attempt_curves(market), [1.0])
    policy = result.plan_at("per segment", 1.0)
    assert {each.group: each.plan.models[0] for each in policy.servings} == {"s": "a", "t": "b"}
    assert policy.spend == pytest.approx(1.5)
    assert result.plan_at("interleaved", 1.0).spend == pytest.approx(2.0)
    assert result.plan_at("oracle", 1.0).spend == pytest.approx(1.5)
    with pytest.raises(InputError, match="2 plans"):
        _ = policy.plan
    assert "oracle: knows the instance" in str(result.plan_at("oracle", 1.0))


def test_the_bound_of_segments_forgives_the_last_bit_of_a_solve_rate_as_choices_do():
    # Beyond two thirds a solve costs 1e5, so that 1e-16 more would cost 1e-10.
    market = Market(
        ["a", "b", "c"],
        ["x", "y", "z"],
        [[3, 2, 3], [4, 1, 2], [3, 1, 4]],
        [[0, 0, 1], [1, 1, 2], [2, 1, 0]],
        [[0.79, 7.00e-4, 2.96e5], [0.66, 1.72e-3, 1.52e5], [2.41, 6.80e-4, 1.75e5]],
        segment=["s0", "s1", "s0"],
    )
    result = policy_classes(market, [np.nextafter(2 / 3, 1.0)])
    for each in result.classes:
        assert each.bound[0] <= each.spend[0] * (1 + 1e-12), each.name


def test_display_frame_and_plot():
    market = random_market(np.random.default_rng(1), 12, 2, segments=2)
    result = policy_classes(attempt_curves(market, 3))
    assert len(result.solve_rates) == 17
    text = str(result)
    assert "What is proven" in text
    assert "oracle" in text
    assert "heuristic order" in text
    assert "in-sample" in result._repr_html_()
    frame = result.to_frame()
    assert len(frame) == 17 * len(result.classes)
    assert not frame[frame["class"] == "oracle"]["deployable"].any()
    np.testing.assert_allclose(frame[frame["class"] == "single"]["saving"], 0.0)
    axes = result.plot()
    assert len(axes.get_lines()) == len(result.classes) - 1
    assert "best order" in str(result.plan_at("best order", result.solve_rates[5]))


def test_beyond_the_single_models_nothing_is_saved_against_them():
    market = Market(["a", "b"], ["x", "y"], [[1, 1], [1, 1]], [[1, 0], [0, 1]], [[1, 4], [1, 4]])
    result = policy_classes(attempt_curves(market), [0.5, 1.0])
    assert np.isnan(result.saving[:, 1]).all()
    assert result.max_solve_rate[0] == 0.5
    assert result.max_solve_rate[1] == 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: policy_classes(c, [1.2]), "between 0 and 1"),
        (lambda c: policy_classes(c, []), "between 0 and 1"),
        (lambda c: policy_classes(c, order=["model-0"]), "leaves out 'model-1'"),
        (lambda c: policy_classes(c, order=["model-0", "x"]), "no model 'x'"),
        (lambda c: policy_classes(c, order=["model-0", "model-0"]), "named twice"),
        (lambda c: policy_classes(c, plan_rates=0), "plan_rates is 0"),
        (lambda c: policy_classes(c, [0.1]).plan_at("best", 0.1), "No policy class 'best'"),
        (lambda c: policy_classes(c, [0.1]).plan_within("best", 0.1), "No policy class 'best'"),
        (lambda c: policy_classes(c, [0.1]).plan_within("single", -1.0), "A spend of -1"),
        (lambda c: policy_classes(c, [0.1]).plan_within("single", np.nan), "A spend of nan"),
        (lambda c: policy_classes(c, [0.1]).plan_at("single", 1.0), "reaches a solve rate of 100"),
        (lambda c: policy_classes(c, [0.1]).plan_at("per segment", 0.1), "No policy class"),
        (lambda c: policy_classes(c, [0.1]).plan_at("mixed", -0.1), "between 0 and that"),
    ],
)
def test_failures_say_what_to_do(call, message):
    curves = attempt_curves(random_market(np.random.default_rng(4), 8, 2), 3)
    with pytest.raises(InputError, match=message):
        call(curves)


def test_a_market_nobody_solves_has_no_rates_to_compare_at():
    market = Market(["a"], ["x"], [[2]], [[0]], [[0.1]])
    with pytest.raises(InputError, match="solves anything"):
        policy_classes(market)


def test_real_pair(swebench_pair):
    # Design notes, dollars per 500 issues: blocks 39.2/49.5/64.8/75.6, interleaved .../75.4.
    curves = dollar_curves(swebench_pair, budget_grid(points=600), integration="exact")
    result = policy_classes(curves, [0.70, 0.72, 0.74, 0.75], oracle=False, plan_rates=10)
    spend = dict(zip(result.names, 500 * result.spend, strict=True))
    np.testing.assert_allclose(spend["best order"], [39.2, 49.5, 64.8, 75.6], rtol=0.005)
    np.testing.assert_allclose(spend["interleaved"], [39.2, 49.5, 64.8, 75.4], rtol=0.005)
    assert np.all(spend["per segment"] < spend["interleaved"])


@pytest.mark.slow
def test_real_four(swebench):
    four = swebench.select(models=["minicoder4b", "qwen3-coder-30b", "gpt5mini", "deepseek"])
    result = policy_classes(dollar_curves(four), [0.70, 0.75], oracle=False, segments=False)
    spend = dict(zip(result.names, 500 * result.spend, strict=True))
    # Design notes: blocks in the order of cost 35.5 and 63.1, interleaved 34.2 and 60.0, on another
    # lattice; around its plans all amounts are looked at.
    np.testing.assert_allclose(spend["given order"], [35.5, 63.1], rtol=0.025)
    np.testing.assert_allclose(spend["interleaved"], [34.2, 60.0], rtol=0.025)
    # The best order, GPT-5 mini before Qwen3 Coder 30B, makes up for most of the difference.
    assert np.all(spend["best order"] < 1.015 * spend["interleaved"])
    plan = result.plan_at("best order", 0.75).plan
    assert plan.models == ("minicoder4b", "gpt5mini", "qwen3-coder-30b", "deepseek")


def test_a_thinned_lattice_is_refined_near_the_plans_asked_for():
    market = random_market(np.random.default_rng(12), 30, 3)
    curves = dollar_curves(market, budget_grid(0.05, 30, 40))
    coarse = cascade_frontier(curves, most_states=600)
    rates = np.array([0.6, 0.8, 0.95]) * coarse.max_solve_rate
    result = policy_classes(coarse, rates, oracle=False)
    spend = dict(zip(result.names, result.spend, strict=True))
    assert "refined near" in result.classes[3].proof
    assert np.all(spend["interleaved"] <= coarse.spend_at(rates))
    assert np.all(coarse.bound_at(rates) <= spend["mixed"] * (1 + 1e-12))
    # All amounts at once: the truth, which the refined answers come near.
    fine = cascade_frontier(curves)
    assert np.all(fine.bound_at(rates) <= spend["interleaved"])
    assert np.all(spend["interleaved"] < 1.05 * fine.spend_at(rates))


@settings(max_examples=15)
@given(st.data())
def test_coordinate_ascent_reports_plans_as_they_are(data):
    market = data.draw(markets(max_instances=8, max_models=3, missing=0.2))
    curves = data.draw(
        st.sampled_from([attempt_curves(market, 3), dollar_curves(market, budget_grid(0.1, 20, 9))])
    )
    ascent, best = Ascent(curves), blocks_best(curves, cascade_frontier(curves).lattice)
    for share in (0.0, 0.5, 1.0):
        plan = ascent.plan_at(share * ascent.max_solve_rate).evaluate(curves)
        spend = float(ascent.spend_at(share * ascent.max_solve_rate))
        assert plan.solve_rate >= share * ascent.max_solve_rate - 1e-9
        assert plan.mean_spend == pytest.approx(spend, abs=1e-9)
        assert spend >= float(best.spend_at(plan.solve_rate - 1e-9)) - 1e-9
    if ascent.max_solve_rate < 0.99:
        assert np.isnan(ascent.spend_at(ascent.max_solve_rate + 0.01))


def every_sequence(curves):
    """Solve probability and spend on each instance of every order of whole attempts, by loops."""
    tables = [
        (curve.failure(grid), curve.spend(grid))
        for curve, grid in zip(curves.models, curves.grids, strict=True)
    ]
    pool = [m for m, grid in enumerate(curves.grids) for _ in grid[1:]]
    orders = {
        order[:k] for order in set(itertools.permutations(pool)) for k in range(len(pool) + 1)
    }
    solve, spend = [], []
    for order in sorted(orders):
        made, left = [0] * len(tables), np.ones(len(curves.market.instances))
        paid = np.zeros_like(left)
        for m in order:
            failure, bill = tables[m]
            others = np.prod(
                [tables[k][0][:, made[k]] for k in range(len(tables)) if k != m], axis=0
            )
            paid = paid + (bill[:, made[m] + 1] - bill[:, made[m]]) * others
            made[m] += 1
            left = others * failure[:, made[m]]
        solve.append(1 - left)
        spend.append(paid)
    return np.array(solve).T, np.array(spend).T  # [N, orders]


def cheapest_draws(weight, solve, spend, rate):
    """Least spend if every group draws among plans: a linear program, [G, J] each."""
    groups, plans = solve.shape
    found = linprog(
        (weight[:, None] * spend).ravel(),
        A_ub=-(weight[:, None] * solve).ravel()[None],
        b_ub=[-rate],
        A_eq=np.kron(np.eye(groups), np.ones(plans)),
        b_eq=np.ones(groups),
    )
    return found.fun


@pytest.mark.parametrize("billing", ["pay-past-record", "stop-at-record"])
@pytest.mark.parametrize("seed", range(8))
def test_every_class_against_enumeration(seed, billing):
    rng = np.random.default_rng([seed, 3])
    market = random_market(
        rng,
        int(rng.integers(1, 5)),
        2,
        max_attempts=3,
        missing=0.2,
        segments=2,
        equal_weights=False,
    )
    curves = attempt_curves(market, billing=billing)
    solve, spend = every_sequence(curves)
    weight = market.weight
    labels = np.unique(market.segment)
    inside = np.array([[label == name for label in market.segment] for name in labels])
    share = inside @ weight
    by_segment = [(inside * weight) @ each / share[:, None] for each in (solve, spend)]
    everybody = weight @ solve, weight @ spend
    reach = everybody[0].max()
    rates = reach * np.array([0.15, 0.4, 0.55, 0.8, 0.97, 1.0])
    result = policy_classes(curves, rates, plan_rates=10)
    spends = dict(zip(result.names, result.spend, strict=True))
    bounds = dict(zip(result.names, result.bound, strict=True))
    for u, rate in enumerate(rates):
        # What each class can do at best, and what is reported of it.
        low = rate * (1 - 1e-9)
        whole = everybody[1][everybody[0] >= low - 1e-12].min()
        segments = np.array(np.meshgrid(*by_segment[0] * share[:, None], indexing="ij")).sum(axis=0)
        paid = np.array(np.meshgrid(*by_segment[1] * share[:, None], indexing="ij")).sum(axis=0)
        best = {
            "interleaved": whole,
            "mixed": cheapest_draws(np.ones(1), *(e[None] for e in everybody), rate - 1e-12),
            "per segment": paid[segments >= low - 1e-12].min(),
            "per segment, mixed": cheapest_draws(share, *by_segment, rate - 1e-12),
            "oracle": cheapest_draws(weight, solve, spend, rate - 1e-12),
        }
        best |= dict.fromkeys(["given order", "greedy order", "best order"], whole)
        for name in spends:
            if np.isnan(spends[name][u]) or name not in best:
                continue
            assert bounds[name][u] <= spends[name][u] * (1 + 1e-9), name
            assert bounds[name][u] <= best[name] * (1 + 1e-7) + 1e-12, name
            assert spends[name][u] >= best[name] * (1 - 1e-7) - 1e-12, name
        for name in ("interleaved", "mixed", "oracle"):
            assert spends[name][u] == pytest.approx(best[name], rel=1e-6), name
        assert bounds["oracle"][u] == pytest.approx(best["oracle"], rel=1e-6)
        policy = result.plan_at("oracle", rate)
        assert policy.solve_rate == pytest.approx(rate, abs=1e-9)
        assert policy.spend == pytest.approx(spends["oracle"][u])


def test_the_oracle_serves_each_instance_by_its_own_cheapest_model():
    market = Market(["a", "b"], ["x", "y"], np.ones((2, 2)), np.ones((2, 2)), [[1, 10], [10, 1]])
    result = policy_classes(attempt_curves(market), [0.5, 1.0], segments=False)
    at = result.names.index("oracle")
    np.testing.assert_allclose(result.spend[at], [0.5, 1.0])
    np.testing.assert_allclose(result.bound[at], [0.5, 1.0])
    assert [s.plan.label for s in result.plan_at("oracle", 1.0).servings] == ["1 x a", "1 x b"]


@pytest.mark.parametrize("integration", ["log-linear", "exact"])
@pytest.mark.parametrize("seed", range(4))
def test_nothing_undercuts_the_oracle_in_dollars(seed, integration):
    """Plans drawn at random for every instance, any budgets: none is below the bound."""
    rng = np.random.default_rng([seed, 5])
    market = random_market(rng, int(rng.integers(1, 6)), 2, missing=0.2, equal_weights=False)
    curves = dollar_curves(market, budget_grid(0.05, 30, 15), integration=integration)
    found = oracle_of(curves)
    rates = np.linspace(0.01, 1, 80) * found.max_solve_rate
    assert np.all(found.bound_at(rates) <= found.spend_at(rates) * (1 + 1e-12))
    gap = 1 - found.bound_at(rates) / found.spend_at(rates)
    assert gap.max() < (0.03 if integration == "log-linear" else 1e-12)
    tried = []
    for _ in range(150):
        stages = [
            (str(rng.choice(market.models)), float(np.exp(rng.uniform(-3, 2))))
            for _ in range(rng.integers(1, 6))
        ]
        tried.append(Plan(tuple(stages), "dollars").evaluate(curves))
    solve = np.array([each.solve for each in tried]).T
    spend = np.array([each.spend for each in tried]).T
    solve, spend = np.c_[np.zeros(len(solve)), solve], np.c_[np.zeros(len(spend)), spend]
    most = float(market.weight @ solve.max(axis=1))
    for rate in np.linspace(0.1, 0.99, 8) * most:
        least = cheapest_draws(market.weight, solve, spend, rate)
        assert found.bound_at(rate) <= least * (1 + 1e-9)
    for rate in np.array([0.3, 0.77, 1.0]) * found.max_solve_rate:
        done, paid = score(found.servings_at(rate), curves)
        assert done == pytest.approx(rate, abs=1e-9)
        assert paid == pytest.approx(float(found.spend_at(rate)), rel=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_everything_can_be_bought_where_everything_is_solved(seed):
    """Weights that add up to a rounding above one made the last solve rate more than one."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(3, 12))
    market = Market(
        ["a", "b"],
        [f"i{k}" for k in range(count)],
        np.full((count, 2), 2),
        np.column_stack([rng.integers(0, 2, count), np.full(count, 2)]),
        rng.uniform(0.1, 1.0, (count, 2)),
        weight=rng.uniform(0.1, 1.0, count),
        segment=[f"s{k % 3}" for k in range(count)],
    )
    classes = policy_classes(attempt_curves(market), [1.0])
    for each in classes.names:
        assert classes.plan_within(each, 1e9).solve_rate == pytest.approx(1.0)


@pytest.mark.parametrize("wrong", ["x", True, None, 1j, [0.1]])
def test_amounts_and_solve_rates_are_numbers(wrong):
    classes = policy_classes(attempt_curves(random_market(np.random.default_rng(1), 5, 2)), [0.3])
    with pytest.raises(InputError, match="spend per instance"):
        classes.plan_within("interleaved", wrong)
    with pytest.raises(InputError, match="solve rate"):
        classes.plan_at("interleaved", wrong)
