"""Contracts, ties, shares of the best and extreme numbers, against enumeration."""

from __future__ import annotations

import numpy as np
import pytest

import arbmodels as arb
import routing_judge as rj
from routing_judge import a_world, distinct


@pytest.mark.parametrize("start", range(3000, 3300, 60))
def test_contracts(start):
    for seed in range(start, start + 60):
        rng, world = a_world(seed)
        contracts = rj.deals(world, rng)
        found = distinct(rj.demands(world, rng, contracts))
        chosen = rng.permutation(len(found))[: int(rng.integers(0, 3))]
        target = rj.objective(world, rng, contracts)
        rj.judge(world, target, [found[k] for k in chosen], contracts)


@pytest.mark.parametrize("start", range(5000, 5300, 60))
def test_ties_and_missing_pairs(start):
    for seed in range(start, start + 60):
        rng, world = a_world(seed, ties=True, offered=0.7)
        found = distinct(rj.demands(world, rng))
        chosen = rng.permutation(len(found))[: int(rng.integers(1, 4))]
        rj.judge(world, rj.objective(world, rng), [found[k] for k in chosen])


@pytest.mark.parametrize("start", range(7000, 7300, 60))
def test_a_share_of_the_best(start):
    for seed in range(start, start + 60):
        rng, world = a_world(seed)
        scope = None if rng.random() < 0.5 else "s0"
        rate = world.mean(world.solve, world.inside(scope))
        found = distinct(rj.demands(world, rng))
        forbid = next(demand for demand in found if demand.label.startswith("no "))
        asked = [found[int(rng.integers(len(found)))], forbid][: int(rng.integers(1, 3))]
        # The best is over what is allowed: forbidden pairs and slow ones are not.
        allowed = [d.holds() for d in asked if d.label.startswith(("no ", "only ", "latency l"))]
        kept = np.all(allowed, axis=0) if allowed else np.ones(len(rate), dtype=bool)
        best = rate[kept].max(initial=0.0)
        if best == 0:
            continue
        floor = rj.Demand(
            lambda p, b, scope=scope: p.add_floor(segment=scope, of_best=b),
            f"quality floor{' in s0' if scope else ''}, of the best",
            rate / best,
            at_most=False,
            limit=float(rng.choice([0.0, 1.0, rng.uniform(0, 1)])),
        )
        rj.judge(
            world, rj.objective(world, rng), list({d.label: d for d in [*asked, floor]}.values())
        )


@pytest.mark.parametrize("seed", range(40))
def test_nine_orders_of_magnitude(seed):
    rng = np.random.default_rng(seed)
    solve = rng.random((4, 3))
    spend = 10.0 ** rng.uniform(-4.5, 4.5, (4, 3))
    spend_all = np.hstack([spend, np.zeros((4, 1))])
    solve_all = np.hstack([solve, np.zeros((4, 1))])
    plans = rj.assignments(np.ones((4, 4), bool), "oracle", ["all"] * 4)
    every = np.arange(4)
    spent = spend_all[every, plans].sum(axis=1)
    rate = solve_all[every, plans].mean(axis=1)
    budget = float(10 ** rng.uniform(-3, 4.5))
    problem = arb.RoutingProblem.from_arrays(solve, spend)
    result = problem.add_budget(budget).solve()
    # A row may be passed by 1e-8 of its largest coefficient.
    within = [
        rate[spent <= budget * (1 + 1e-12) + slack].max() for slack in (0, 1e-8 * spend.max())
    ]
    assert within[0] * (1 - 1e-6) <= result.objective <= within[1] * (1 + 1e-6)
    assert result.spend <= budget + 1.01e-8 * spend.max()
    floor = float(rng.uniform(0, rate.max()))
    cheapest = problem.minimize_spend().add_floor(floor).solve()
    assert cheapest.spend == pytest.approx(spent[rate >= floor - 1e-8].min(), rel=1e-5)


@pytest.mark.parametrize("unit", [1e-9, 1e-4, 1.0, 1e7, 1e12])
def test_dollars_may_have_any_unit(unit):
    """Tiers and credits are columns of dollars; written plainly HiGHS took their price for zero.

    The same problem in another currency: the same assignment, proven, and the same profit.
    """
    solve = [[0.8, 0.9], [0.4, 0.9], [0.4, 0.5], [0.9, 0.5]]
    spend = np.array([[1.0, 0.8], [0.9, 0.5], [0.06, 0.1], [0.3, 0.6]])
    value = np.array([1.0, 0.1, 0.8, 2.0])
    problem = arb.RoutingProblem.from_arrays(
        solve, spend * unit, ["a", "b"], providers={"a": "alpha", "b": "beta"}
    ).add_contract("alpha", tiers=[(0.0, 0.06)], credit=1.0 * unit)
    result = problem.maximize_profit(value * unit).solve(gap=1e-9)
    assert result.status == "optimal"
    assert result.objective == pytest.approx(2.8984 * unit, rel=1e-9)
    assert list(result.assignment) == [0, 2, 0, 0]


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e12])
def test_all_that_is_spent_may_be_paid_by_contract(unit):
    """No pair has a cost then; nor has the row of what is bought a pair, if the fee is not paid."""
    solve = [[0], [1], [1], [0.25], [0.75], [0.99]]
    spend = np.array([[3], [1], [1], [1], [4.86], [0.6]])
    weight = np.array([5, 5, 5, 1, 2, 5])
    problem = arb.RoutingProblem.from_arrays(solve, spend * unit, weight=weight)
    problem = problem.minimize_spend().add_floor(0.5)
    problem = problem.add_contract("model-0", fee=3 * unit, tiers=((0.0, 0.5),), credit=unit)
    result = problem.solve(gap=1e-9)
    least = 3 + 0.5 * (6 / 23 * (5 + 5 + 3) - 1)  # instances 1, 2 and 5: 65% of the weight
    assert result.status == "optimal"
    assert result.objective == pytest.approx(least * unit, rel=1e-9)
    assert result.bound == pytest.approx(least * unit, rel=1e-9)

    spend = np.array([[1, 0], [0, 3], [3.31, 0.93]]) * unit
    problem = arb.RoutingProblem.from_arrays([[0.25, 0.99], [0, 0], [0, 1]], spend)
    problem = problem.add_contract("model-0", fee=unit)
    assert problem.add_budget(unit).solve().objective == pytest.approx(1.99 / 3)
    profit = problem.maximize_profit(5 * unit).add_budget(unit).solve()
    assert profit.objective == pytest.approx((5 * 1.99 - 0.93) * unit)
