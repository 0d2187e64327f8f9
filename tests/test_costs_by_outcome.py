"""Attempts that succeed and attempts that fail cost differently: judged by playing every order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

import arbmodels as arb
from arbmodels.curves import attempt_curves, dollar_curves
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.policies import Limits, batch_frontier, limited_frontier, spend_distribution
from arbmodels.verification import Verifier, simulate_plan, verdict_curves, verified_plan

Records = list[list[tuple[int, float]]]


def drawn(seed: int) -> tuple[Market, Records]:
    """Return a market of two models on one instance, and its attempts (outcome, cost)."""
    rng = np.random.default_rng(seed)
    records: Records = []
    for _ in range(2):
        count = int(rng.integers(1, 5))
        paid = rng.random(count).round(2) * (rng.random(count) > 0.2)
        records.append(list(zip(rng.integers(0, 2, count).tolist(), paid.tolist(), strict=True)))
    rows = [(f"m{m}", "a", *each) for m in range(2) for each in records[m]]
    frame = pd.DataFrame(rows, columns=["model", "instance", "solved", "cost"])
    return arb.load_market(frame), records


def orders(records: Records) -> Iterator[tuple[tuple[tuple[int, float], ...], ...]]:
    return itertools.product(*(list(itertools.permutations(each)) for each in records))


def stages_of(seed: int, records: Records) -> tuple[tuple[str, int], ...]:
    rng = np.random.default_rng(seed + 1000)
    left = [len(each) for each in records]
    stages = []
    for m in rng.integers(0, 2, 4).tolist():
        if left[m]:
            count = int(rng.integers(1, left[m] + 1))
            left[m] -= count
            stages.append((f"m{m}", count))
    return tuple(stages)


@pytest.mark.parametrize("seed", range(25))
def test_plans_spend_what_playing_every_order_spends(seed: int) -> None:
    market, records = drawn(seed)
    stages = stages_of(seed, records)
    totals, count = np.zeros(3), 0
    for order in orders(records):
        place, solved, spend, tries = [0, 0], 0, 0.0, 0
        for name, more in stages:
            m = int(name[1])
            for _ in range(more):
                if solved:
                    break
                solved, cost = order[m][place[m]]
                place[m] += 1
                spend, tries = spend + cost, tries + 1
        totals += [solved, spend, tries]
        count += 1
    played = arb.Plan(stages).evaluate(market)
    found = [played.solve[0], played.spend[0], played.attempts_by_model.sum()]
    np.testing.assert_allclose(found, totals / count, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("seed", range(6))
def test_the_cheapest_cascade_is_the_cheapest_of_all_orders(seed: int) -> None:
    """Judge: every path on the lattice of attempts, scored by Plan.evaluate above."""
    market, records = drawn(seed)
    frontier = arb.cascade_frontier(attempt_curves(market))
    points = {}
    names = "0" * len(records[0]) + "1" * len(records[1])
    for length in range(len(names) + 1):
        for path in set(itertools.permutations(names, length)):
            stages = tuple((f"m{m}", 1) for m in path)
            played = arb.Plan(stages).evaluate(market)
            rate = round(played.solve_rate, 9)
            points[rate] = min(points.get(rate, np.inf), played.mean_spend)
    for rate in points:
        best = min(spend for other, spend in points.items() if other >= rate - 1e-9)
        assert frontier.plan_at(max(rate - 2e-9, 0.0)).evaluate(market).mean_spend <= best + 1e-12


def test_equal_costs_change_nothing() -> None:
    market = arb.load_market("swebench-sim", models=["gpt5mini", "deepseek"])
    same = Market(
        market.models,
        market.instances,
        market.attempts,
        market.successes,
        market.cost,
        success_cost=market.cost,
        failure_cost=market.cost,
    )
    assert same.success_cost is None
    one, other = (attempt_curves(each, 20) for each in (market, same))
    for mine, theirs in zip(one.models, other.models, strict=True):
        np.testing.assert_array_equal(mine.spend(one.grids[0]), theirs.spend(one.grids[0]))


def test_the_mean_follows_from_the_two() -> None:
    made = Market(
        ["m"],
        ["a", "b"],
        [[4], [2]],
        [[1], [0]],
        [[9.0], [9.0]],
        success_cost=[[2.0], [np.nan]],
        failure_cost=[[1.0], [3.0]],
    )
    np.testing.assert_allclose(made.cost, [[1.25], [3.0]])
    assert made.average_costs().success_cost is None
    np.testing.assert_array_equal(made.average_costs().cost, made.cost)


@pytest.mark.parametrize("estimator", ["geometric", "beta-binomial"])
def test_other_estimators_pay_by_their_own_chances(estimator: str) -> None:
    market = Market(
        ["m"],
        list("abc"),
        [[4], [3], [5]],
        [[1], [0], [4]],
        np.zeros((3, 1)),
        success_cost=[[2.0], [7.0], [1.0]],
        failure_cost=[[1.0], [3.0], [0.5]],
    )
    curves = attempt_curves(market, 6, estimator)  # type: ignore[arg-type]
    failure = curves.models[0].failure(curves.grids[0])
    spend = curves.models[0].spend(curves.grids[0])
    assert market.success_cost is not None
    assert market.failure_cost is not None
    for i in range(3):
        paid = 0.0
        for k in range(6):
            succeeds = failure[i, k] - failure[i, k + 1]
            paid += (
                succeeds * market.success_cost[i, 0] + failure[i, k + 1] * market.failure_cost[i, 0]
            )
            assert spend[i, k + 1] == pytest.approx(paid, rel=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_verified_plans_and_their_lattice(seed: int) -> None:
    """Judges: the verifier's verdicts and the attempts' orders, all enumerated; a simulation."""
    market, records = drawn(seed)
    stages = stages_of(seed, records)
    verifier = Verifier(cost=0.01, false_accept=0.2, false_reject=0.3)
    spend = 0.0
    count = 0
    for order in orders(records):
        count += 1
        place, open_ = [0, 0], 1.0
        for name, more in stages:
            m = int(name[1])
            for _ in range(more):
                right, cost = order[m][place[m]]
                place[m] += 1
                spend += open_ * (cost + 0.01)
                open_ *= 0.3 if right else 0.8
    found = verified_plan(arb.Plan(stages), market, verifier)
    assert found.mean_spend == pytest.approx(spend / count, rel=1e-12)
    simulated = simulate_plan(arb.Plan(stages), market, verifier, runs=4000, seed=seed)
    frame = simulated.table().text(200)
    assert "spend" in frame
    assert verdict_curves(market, verifier).market is market


@pytest.mark.parametrize("seed", range(8))
def test_batches_pay_for_every_attempt(seed: int) -> None:
    """Judge: two attempts of one model at once, then two more, over all orders."""
    rng = np.random.default_rng(seed)
    records = [(int(rng.integers(0, 2)), round(float(rng.random()), 2)) for _ in range(4)]
    rows = [("m", "a", *each) for each in records]
    market = arb.load_market(pd.DataFrame(rows, columns=["model", "instance", "solved", "cost"]))
    best: dict[float, float] = {}
    for sizes in (
        [1],
        [2],
        [3],
        [4],
        [1, 1],
        [1, 2],
        [2, 1],
        [2, 2],
        [1, 3],
        [3, 1],
        [1, 1, 1],
        [1, 1, 2],
        [1, 2, 1],
        [2, 1, 1],
        [1, 1, 1, 1],
    ):
        spends, rates = [], []
        for order in itertools.permutations(records):
            place, solved, spend = 0, 0, 0.0
            for size in sizes:
                if solved:
                    break
                batch = order[place : place + size]
                place += size
                spend += sum(cost for _, cost in batch)
                solved = max(outcome for outcome, _ in batch)
            spends.append(spend)
            rates.append(solved)
        rate = round(float(np.mean(rates)), 9)
        best[rate] = min(best.get(rate, np.inf), float(np.mean(spends)))
    frontier = batch_frontier(market, {"m": 1.0}, 4.0)
    for rate in best:
        if rate > 0:
            cheapest = min(spend for other, spend in best.items() if other >= rate - 1e-9)
            assert frontier.spend_at(rate - 2e-9) == pytest.approx(cheapest, rel=1e-9)


def test_what_needs_one_cost_says_so() -> None:
    market, _ = drawn(2)
    assert market.success_cost is not None
    for ask in (
        lambda: limited_frontier(market, Limits(dollars=1.0)),
        lambda: spend_distribution(arb.Plan((("m0", 1),)), market),
    ):
        with pytest.raises(InputError, match=r"cost differently\. market\.average_costs\(\) takes"):
            ask()
    assert limited_frontier(market.average_costs(), Limits(dollars=1.0)).max_solve_rate >= 0
    assert "own mean cost of an attempt" in dollar_curves(market).billing
