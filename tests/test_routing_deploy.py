"""A result's policy chooses on the problem's own instances what the priced program chooses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import arbmodels as arb

COUNT, WIDTH = 300, 4


def arrays(seed=0):
    rng = np.random.default_rng(seed)
    solve = np.sort(rng.random((COUNT, WIDTH)), axis=1)
    spend = np.sort(rng.exponential(1.0, (COUNT, WIDTH)), axis=1) * np.arange(1, WIDTH + 1)
    return solve, spend


def problem(seed=0, **options):
    solve, spend = arrays(seed)
    segment = np.where(np.arange(COUNT) % 3 == 0, "a", "b")
    return arb.RoutingProblem.from_arrays(solve, spend, segment=segment, **options), solve, spend


def beside_abstaining(array):
    return np.column_stack([array, np.zeros(COUNT)])


def differing(result, policy, rows=None):
    """Instances that the policy serves otherwise, from arrays and from the problem itself."""
    plans = result.to_frame()["plan"]
    free = replace(result.problem, constraints=())
    # Instances that the relaxation divides are ties, one for each row, which rounding may tip.
    ties = int((policy.choose(free) != policy.choose(*arrays(), rows)).sum())
    assert ties <= len(result.binding)
    return int((policy.choose(*arrays(), rows) != plans).sum())


@pytest.mark.parametrize("share", [0.1, 0.4, 0.8])
def test_under_a_budget(share):
    free, _, spend = problem()
    result = free.add_budget(share * spend[:, -1].sum()).solve()
    policy = result.policy()
    assert policy.price == pytest.approx(COUNT * result.shadow_prices["budget"])
    # Only what the last of the money decides may differ.
    assert differing(result, policy) <= 4


def test_for_the_least_spend():
    free, _, _ = problem()
    result = free.minimize_spend().add_floor(0.6).solve()
    assert differing(result, result.policy()) <= 4


def test_for_profit_with_a_penalty_on_abstaining():
    free, _, _ = problem()
    result = free.maximize_profit(5.0).penalize_abstention(0.7).solve()
    policy = result.policy()
    assert differing(result, policy) == 0
    unserved = np.zeros((COUNT, WIDTH + 1))
    unserved[:, -1] = 1.0
    assert differing(result, policy, {"abstention": unserved}) == 0


def test_other_rows_are_priced_by_their_use():
    free, solve, spend = problem()
    result = (
        free.add_budget(0.3 * spend[:, -1].sum())
        .add_capacity("model-1", 20)
        .add_floor(0.75, "a")
        .solve(gap=1e-4)
    )
    assert set(result.binding) == {"budget", "capacity of model-1", "quality floor in a"}
    attempts = np.zeros((COUNT, WIDTH + 1))
    attempts[:, 1] = 1.0
    inside = np.arange(COUNT) % 3 == 0
    mean = beside_abstaining(solve) * inside[:, None] / inside.sum()
    rows = {"capacity of model-1": attempts, "quality floor in a": mean}
    assert differing(result, result.policy(), rows) <= 8
    with pytest.raises(arb.InputError, match=r"rows=\{'quality floor in a': array"):
        result.policy().choose(*arrays(), {"capacity of model-1": attempts})


def test_a_deployed_policy_spends_about_the_budget_on_new_instances():
    free, _, spend = problem()
    budget = 0.3 * spend[:, -1].sum()
    policy = free.add_budget(budget).solve().policy()
    ratios = []
    for seed in range(1, 21):
        solve, spend = arrays(seed)
        chosen = policy.choose(solve, spend).to_numpy()
        plan = [policy.plans.index(label) for label in chosen]
        ratios.append(beside_abstaining(spend)[np.arange(COUNT), plan].sum() / budget)
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda p: p.minimize_spend(), "no value"),
        (lambda p: p.add_budget(50.0).maximize_worst_segment(), "one price"),
        (lambda p: p.add_budget(50.0).add_contract("model-1", fee=1.0), "contract"),
        (lambda p: p.maximize_profit({"a": 1.0, "b": 2.0}), "one price"),
    ],
)
def test_where_there_is_no_rule_of_one_price(change, text):
    result = change(problem()[0]).solve(gap=1e-3)
    with pytest.raises(arb.InputError, match=text):
        result.policy()


def test_one_plan_per_segment_is_a_rule_already():
    result = problem(assignment="per-segment")[0].add_budget(100.0).solve()
    with pytest.raises(arb.InputError, match="rule already"):
        result.policy()


def test_a_price_in_one_currency_is_not_laid_on_spend_in_another():
    here, _, _ = problem()
    there, _, _ = problem(currency="EUR")
    policy = here.add_budget(100.0).solve().policy()
    assert policy.price > 0
    with pytest.raises(arb.InputError, match="per USD, and the problem's spend in EUR"):
        policy.choose(there)
    # A price of nothing, or one without a unit, is the same in every currency.
    assert len(here.add_budget(1e9).solve().policy().choose(there)) == COUNT
    assert len(replace(policy, units={}).choose(there)) == COUNT
