"""Shadow prices as a policy, and serving arrivals under a budget without knowing what will come."""

from __future__ import annotations

import itertools
from pathlib import Path

import hypothesis.strategies as st
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings

from arbmodels.data import load_features, load_market
from arbmodels.errors import InfeasibleError, InputError
from arbmodels.online.policies import (
    SPEND,
    AdaptivePrice,
    Arrivals,
    FixedPrice,
    FixedThreshold,
    RoutingPolicy,
    Rule,
)
from arbmodels.online.run import OnlineComparison, serve
from routellm_cases import with_routellm

PLANS = ("small", "large")


def draw(rng: np.random.Generator, count: int, width: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Values and spends in which dearer plans tend to be better."""
    skill = np.sort(rng.random((count, width)), axis=1)
    spend = np.sort(rng.exponential(1.0, (count, width)), axis=1) * np.arange(1, width + 1)
    return skill, spend


def draw_alike(rng: np.random.Generator, count: int) -> Arrivals:
    """Independent instances whose cheap plan is always worth its bill."""
    value = np.sort(rng.uniform(0.3, 1.0, (count, 2)), axis=1)
    bill = rng.exponential(1.0, count)
    return Arrivals(PLANS, value, np.stack([0.05 + 0.05 * bill, 0.1 + bill], axis=1))


# --- the policy ---


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 4), st.floats(0, 5))
def test_choose_is_the_best_reduced_value(seed: int, count: int, width: int, price: float) -> None:
    rng = np.random.default_rng(seed)
    value, spend = draw(rng, count, width)
    offered = rng.random(value.shape) >= 0.2
    offered[:, 0] = True
    use = rng.random((count, width))
    policy = RoutingPolicy([str(j) for j in range(width)], {SPEND: price, "capacity": -0.3})
    chosen = policy.choose(value, spend, {"capacity": use}, offered=offered)
    for i in range(count):
        reduced = {
            str(j): value[i, j] - price * spend[i, j] + 0.3 * use[i, j]
            for j in range(width)
            if offered[i, j]
        }
        assert reduced[chosen[i]] == pytest.approx(max(reduced.values()))


def test_equally_good_plans_go_to_the_cheaper_one() -> None:
    policy = RoutingPolicy(PLANS, {SPEND: 0.0})
    assert policy.choose([[1.0, 1.0]], [[0.2, 0.1]]).tolist() == ["large"]


def test_a_row_may_be_the_same_for_all_instances() -> None:
    policy = RoutingPolicy(PLANS, {SPEND: 1.0, "capacity of large": 0.5})
    value, spend = [[0.1, 0.9], [0.1, 0.5]], [[0.0, 0.1], [0.0, 0.1]]
    assert policy.choose(value, spend, {"capacity of large": [0.0, 1.0]}).tolist() == [
        "large",
        "small",
    ]


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.floats(0.0, 1.0))
def test_the_fitted_multiplier_is_a_shadow_price(seed: int, count: int, share: float) -> None:
    """Its Lagrangian bound is the value of the linear relaxation, so at least the best choice's."""
    value, spend = draw(np.random.default_rng(seed), count)
    budget = spend[:, 0].sum() + share * (spend[:, 1] - spend[:, 0]).sum()
    price = RoutingPolicy.fit(PLANS, value, spend, budget).price
    bound = price * budget + (value - price * spend).max(axis=1).sum()
    nearby = [
        other * budget + (value - other * spend).max(axis=1).sum()
        for other in (price * 0.9, price * 1.1, price + 1e-3)
    ]
    assert bound <= min(nearby) + 1e-9
    every = np.arange(count)
    for choice in itertools.product((0, 1), repeat=count):
        if spend[every, choice].sum() <= budget:
            assert value[every, choice].sum() <= bound + 1e-9


def test_single_precision_chooses_the_same() -> None:
    value, spend = draw(np.random.default_rng(1), 1000)
    policy = RoutingPolicy.fit(PLANS, value, spend, float(spend.mean(axis=1).sum()))
    single = policy.choose(value.astype(np.float32), spend.astype(np.float32))
    assert (single == policy.choose(value, spend)).mean() > 0.999


def test_the_policy_shows_its_rule() -> None:
    policy = RoutingPolicy(PLANS, {SPEND: 2.5}, {SPEND: "solve probability per USD"})
    assert "adds more than 2.500" in policy.rule
    assert "2.500" in str(policy)
    assert "solve probability per USD" in policy._repr_html_()
    assert policy.to_dict()["prices"] == {"spend": 2.5}
    several = RoutingPolicy(PLANS, {SPEND: 2.5, "floor of django": -0.5, "slack": 0.0})
    assert "- 2.500 × spend + 0.5000 × use of floor of django;" in several.rule
    assert RoutingPolicy(PLANS, {}).price == 0.0


@pytest.mark.parametrize(
    ("plans", "prices", "message"),
    [
        ([], {}, "plans must be different labels"),
        (["a", "a"], {}, "plans names 'a' 2 times; give different labels"),
        ("ab", {}, "plans must be a list of names"),
        (PLANS, {SPEND: -1.0}, "price of 'spend' is -1. Give a finite number, 0 or more"),
        (PLANS, {"floor": np.nan}, "price of 'floor' is nan"),
    ],
)
def test_wrong_policies(plans: list[str], prices: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        RoutingPolicy(plans, prices)


@pytest.mark.parametrize(
    ("value", "spend", "rows", "message"),
    [
        ([[1.0]], [[1.0]], {}, r"value has shape \(1, 1\); expected instances x 2 plans"),
        ([[1.0, 1.0]], [[1.0, 1.0]] * 2, {}, "value has shape .1, 2., but spend .2, 2."),
        ([[1.0, np.nan]], [[1.0, 1.0]], {}, "instance 0, plan 1: value is missing"),
        ([[1.0, 1.0]], [[1.0, -1.0]], {}, "instance 0, plan 1: spend is missing, infinite or neg"),
        ([[1.0, 1.0], [-np.inf] * 2], [[1, 1]] * 2, {}, "infinite; where a plan is not offered"),
        ([["a", "b"]], [[1.0, 1.0]], {}, "value is not a rectangular array of numbers"),
        ([[1.0, 1.0]], [[1.0, 1.0]], {}, "needs its use: rows={'capacity'"),
        ([[1.0, 1.0]], [[1.0, 1.0]], {"capacity": [1.0] * 3}, "which does not fit"),
        ([[1.0, 1.0]], [[1.0, 1.0]], {"capacity": [1.0, np.nan]}, "missing or infinite"),
        ([[1.0, 1.0]], [[1.0, 1.0]], {"capacty": [1.0, 1.0]}, "no price for the row 'capacty'"),
    ],
)
def test_wrong_instances(value: list, spend: list, rows: dict, message: str) -> None:
    policy = RoutingPolicy(PLANS, {SPEND: 1.0, "capacity": 1.0})
    with pytest.raises(InputError, match=message):
        policy.choose(value, spend, rows)


def test_a_budget_below_the_cheapest_plans_is_refused() -> None:
    with pytest.raises(InfeasibleError, match="the cheapest plans cost 2 together"):
        RoutingPolicy.fit(PLANS, [[0.1, 0.2]] * 2, [[1.0, 2.0]] * 2, 1.5)


# --- serving arrivals ---


def rules_for(history: Arrivals, budget: float) -> list[Rule]:
    """One rule of each kind, from a history."""
    policy = RoutingPolicy(history.plans, {SPEND: 0.3})
    return [FixedPrice(policy), AdaptivePrice(policy), FixedThreshold.fit(history, budget)]


@settings(max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 150),
    st.floats(0.0, 1.5),
    st.booleans(),
    st.one_of(st.none(), st.floats(0, 2)),
)
def test_the_budget_is_never_exceeded(
    seed: int, count: int, share: float, learnt: bool, reserve: float | None
) -> None:
    rng = np.random.default_rng(seed)
    value, spend = draw(rng, count)
    paid = spend * rng.exponential(1.0, spend.shape)  # bills are not what was predicted
    arrivals = Arrivals(PLANS, value, spend, (rng.random(value.shape) < value) * 1.0, paid)
    history = Arrivals(PLANS, *draw(rng, 40))
    budget = share * paid.mean(axis=1).sum()
    for rule in rules_for(history, budget):
        run = serve(arrivals, rule, budget, history=history if learnt else None, reserve=reserve)
        assert run.spend <= budget * (1 + 1e-9)
        assert run.regret >= 0
        assert run.value <= run.bound + 1e-9
        assert run.outcome <= run.oracle_bound + 1e-9
        assert run.unserved == (run.choice < 0).sum() == (run.to_frame()["plan"] == "none").sum()


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_a_reserve_of_the_dearest_cheap_bill_serves_everyone(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    arrivals = Arrivals(PLANS, *draw(rng, count))
    reserve = float(arrivals.paid.min(axis=1).max())
    for rule in rules_for(Arrivals(PLANS, *draw(rng, 30)), 10.0):
        run = serve(arrivals, rule, reserve * count, reserve=reserve)
        assert run.unserved == 0


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(0, 119))
def test_nothing_of_later_arrivals_is_used(seed: int, when: int) -> None:
    rng = np.random.default_rng(seed)
    value, spend = draw(rng, 120)
    other_value, other_spend = value.copy(), spend.copy()
    other_value[when:], other_spend[when:] = draw(rng, 120 - when)
    history = Arrivals(PLANS, *draw(rng, 50))
    for rule in rules_for(history, 20.0):
        here, there = (
            serve(Arrivals(PLANS, v, c), rule, 100.0, history=history).choice[:when]
            for v, c in ((value, spend), (other_value, other_spend))
        )
        np.testing.assert_array_equal(here, there)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.floats(0, 8))
def test_the_hindsight_bound_holds_for_every_choice(seed: int, count: int, budget: float) -> None:
    value, spend = draw(np.random.default_rng(seed), count)
    arrivals = Arrivals(PLANS, value, spend)
    best = 0.0
    for choice in itertools.product((-1, 0, 1), repeat=count):
        served = [(t, j) for t, j in enumerate(choice) if j >= 0]
        if sum(spend[t, j] for t, j in served) <= budget:
            best = max(best, sum(value[t, j] for t, j in served))
    bound = arrivals.bound(budget)
    assert bound >= best - 1e-9
    # An LP with one row has at most one fractional instance.
    assert bound <= best + value.max() + 1e-9


def test_the_regret_of_the_adaptive_rule_grows_slower_than_the_horizon() -> None:
    """Independent arrivals from a wrong start without history: total regret over six seeds."""

    def total(count: int) -> float:
        regret = 0.0
        for seed in range(6):
            rng = np.random.default_rng([count, seed])
            policy = RoutingPolicy(PLANS, {SPEND: 5.0})
            run = serve(draw_alike(rng, count), AdaptivePrice(policy), 0.4 * count)
            regret += run.regret * count
        return regret

    short, long = total(500), total(8000)
    assert 0 < long < 16 * short / 4, "16 times the arrivals"


def test_a_wrong_multiplier_is_left_behind() -> None:
    arrivals = draw_alike(np.random.default_rng(0), 5000)
    for price in (0.0, 50.0):
        policy = RoutingPolicy(PLANS, {SPEND: price})
        fixed = serve(arrivals, policy, 2000.0)
        adaptive = serve(arrivals, AdaptivePrice(policy), 2000.0)
        assert adaptive.regret_share < 0.01
        assert fixed.regret_share > 0.2


def test_money_that_does_not_even_buy_the_cheapest() -> None:
    arrivals = Arrivals(PLANS, *draw(np.random.default_rng(0), 200))
    run = serve(arrivals, AdaptivePrice(RoutingPolicy(PLANS, {SPEND: 0.1})), 5.0)
    assert 0 < run.unserved < 200
    assert np.isinf(run.price[-1])
    nothing = serve(arrivals, RoutingPolicy(PLANS, {SPEND: 0.1}), 0.0)
    assert (nothing.spend, nothing.unserved, nothing.value) == (0.0, 200, 0.0)
    assert "200" in str(nothing)


def test_what_is_shown() -> None:
    rng = np.random.default_rng(0)
    arrivals = Arrivals(PLANS, *draw(rng, 300))
    runs = [serve(arrivals, rule, 300.0) for rule in rules_for(arrivals, 300.0)]
    both = OnlineComparison(runs)
    assert list(both.to_frame().index) == [
        "fixed multiplier",
        "adaptive multiplier",
        "fixed threshold",
    ]
    for text in ("oracle bound (not deployable)", "adaptive multiplier", "USD"):
        assert text in str(both)
    assert both.to_dict()["runs"][1]["regret"] == pytest.approx(runs[1].regret)
    axes = both.plot()
    assert len(axes.lines) == 4
    assert runs[0].plot(axes) is axes
    assert str(runs[0])
    plt.close("all")
    with pytest.raises(InputError, match="no runs"):
        OnlineComparison([])
    with pytest.raises(InputError, match="Compare like with like"):
        OnlineComparison([runs[0], serve(arrivals, runs_rule(), 200.0)])


def runs_rule() -> RoutingPolicy:
    return RoutingPolicy(PLANS, {SPEND: 1.0})


def test_wrong_runs() -> None:
    arrivals = Arrivals(PLANS, [[0.1, 0.2]], [[1.0, 2.0]])
    policy = RoutingPolicy(PLANS, {SPEND: 1.0})
    for budget in (-1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match=r"The budget is .*; give an amount"):
            serve(arrivals, policy, budget)
    with pytest.raises(InputError, match=r"The reserve is .*; give an amount"):
        serve(arrivals, policy, 1.0, reserve=-1.0)
    with pytest.raises(InputError, match="the policy has the plans"):
        serve(arrivals, RoutingPolicy(["a", "b"], {}), 1.0)
    with pytest.raises(InputError, match="the history has the plans"):
        serve(arrivals, policy, 1.0, history=Arrivals(("a", "b"), [[0.1, 0.2]], [[1.0, 2.0]]))
    with pytest.raises(InputError, match="also prices 'capacity'"):
        serve(arrivals, RoutingPolicy(PLANS, {SPEND: 1.0, "capacity": 1.0}), 1.0)
    with pytest.raises(InputError, match=r"outcome has shape \(2, 2\), but value"):
        Arrivals(PLANS, [[0.1, 0.2]], [[1.0, 2.0]], [[1.0, 0.0]] * 2, [[1.0, 1.0]] * 2)
    with pytest.raises(InputError, match="instance 0, plan 1: paid is missing"):
        Arrivals(PLANS, [[0.1, 0.2]], [[1.0, 2.0]], paid=[[1.0, np.nan]])
    with pytest.raises(InputError, match="there is nothing to route"):
        FixedThreshold.fit(Arrivals(PLANS, [[0.9, 0.2]], [[1.0, 2.0]]), 1.0)
    with pytest.raises(InputError, match="offered everywhere"):
        FixedThreshold.fit(Arrivals(PLANS, [[0.9, 0.9]], [[1, 2]], offered=[[True, False]]), 1.0)


def test_a_threshold_keeps_to_the_budget_it_was_fitted_on() -> None:
    rng = np.random.default_rng(3)
    known = Arrivals(PLANS, *draw(rng, 400))
    for budget in (known.paid[:, 0].sum(), 700.0, 1e9):
        rule = FixedThreshold.fit(known, budget)
        chosen = rule.positions(known.value, known.spend)
        assert known.paid[np.arange(400), chosen].sum() <= budget
    assert chosen.all(), "enough for the dear plan everywhere"


# --- RouteLLM's questions ---


@pytest.fixture(scope="module")
def questions(real_data: Path) -> Arrivals:
    """Subjects' solve rates as predictions, so that scikit-learn is not needed; posted prices.

    The rates are of the questions themselves: what is measured here is the cost of not knowing
    what will arrive, with predictions as they are.
    """
    market = load_market("routellm", data=with_routellm(real_data))
    subjects = load_features(data=real_data)["segment"].astype("category").cat.codes.to_numpy()
    right = market.successes.astype(float)
    rate = np.stack([np.bincount(subjects, r) / np.bincount(subjects) for r in right.T], axis=1)
    return Arrivals(market.models, rate[subjects], market.cost, right, market.cost)


def shares(
    questions: Arrivals, order: np.ndarray, history: np.ndarray, portion: float
) -> dict[str, float]:
    """Share of the attainable gain that each rule loses, fitted on the history."""
    arrivals, known = questions.reordered(order), questions.reordered(history)
    cheap, dear = arrivals.paid.sum(axis=0)
    budget = cheap + portion * (dear - cheap)
    part = budget / len(order) * len(history)
    policy = RoutingPolicy.fit(questions.plans, known.value, known.paid, part)
    rules = (policy, AdaptivePrice(policy), FixedThreshold.fit(known, part))
    runs = [serve(arrivals, rule, budget, history=known) for rule in rules]
    assert all(run.spend <= budget * (1 + 1e-9) for run in runs)
    return {run.rule: run.regret_share for run in runs}


def test_regret_in_random_order(questions: Arrivals) -> None:
    order = np.random.default_rng(5).permutation(len(questions))
    for portion in (0.1, 0.3, 0.6):
        lost = shares(questions, order[2000:], order[:2000], portion)
        assert lost["adaptive multiplier"] < 0.01
        assert lost["adaptive multiplier"] < lost["fixed multiplier"] + 0.005 < 0.06
        assert lost["fixed threshold"] > 5 * lost["adaptive multiplier"]


def test_regret_when_subjects_come_one_after_the_other(questions: Arrivals) -> None:
    """A history of the first subjects only: fixed rules miss the budget, the adaptive one less."""
    order = np.arange(len(questions))
    for portion in (0.3, 0.6):
        lost = shares(questions, order[1000:], order[:1000], portion)
        assert lost["adaptive multiplier"] < 0.08
        assert lost["adaptive multiplier"] < lost["fixed multiplier"] / 2
        assert lost["adaptive multiplier"] < lost["fixed threshold"] / 2


def test_a_representative_history_makes_the_order_harmless(questions: Arrivals) -> None:
    """With a sample of all subjects a fixed multiplier is right, in whatever order they come."""
    drawn = np.random.default_rng(5).permutation(len(questions))
    lost = shares(questions, np.sort(drawn[2000:]), drawn[:2000], 0.3)
    assert lost["fixed multiplier"] < 0.05
    assert lost["adaptive multiplier"] < 0.1
