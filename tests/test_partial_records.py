"""Records with gaps, logs of single choices, and classes of requests with volumes."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

import arbmodels as arb
from arbmodels.errors import InputError
from arbmodels.estimation import class_values, policy_value, request_log
from arbmodels.market import Market

MODELS = ("small", "mid", "large")
SOLVES = {"easy": (0.8, 0.9, 0.95), "hard": (0.2, 0.5, 0.85)}
ODDS = {"easy": (0.7, 0.2, 0.1), "hard": (0.2, 0.3, 0.5)}
PRICES = np.array([0.01, 0.05, 0.4])


def log_of(count: int, seed: int) -> tuple[Market, np.ndarray]:
    rng = np.random.default_rng(seed)
    classes = rng.choice(["easy", "hard"], count)
    odds = np.array([ODDS[name] for name in classes])
    chosen = (rng.random((count, 1)) > odds.cumsum(axis=1)).sum(axis=1)
    rates = np.array([SOLVES[name] for name in classes])
    solved = rng.random(count) < rates[np.arange(count), chosen]
    attempts = np.zeros((count, 3), dtype=int)
    attempts[np.arange(count), chosen] = 1
    cost = PRICES * (0.5 + rng.random((count, 1)))
    market = Market(
        MODELS,
        [f"r{k}" for k in range(count)],
        attempts,
        attempts * solved[:, None],
        cost,
        segment=classes,
    )
    return market, odds


def test_three_missing_records_take_no_model_away() -> None:
    rng = np.random.default_rng(0)
    attempts = np.ones((300, 3), int)
    attempts[[5, 120, 250], 2] = 0
    solved = (rng.random((300, 3)) < (0.45, 0.6, 0.85)) & (attempts > 0)
    market = Market(
        MODELS,
        [f"i{k}" for k in range(300)],
        attempts,
        solved,
        np.where(attempts > 0, PRICES, np.nan),
        segment=np.repeat(["a", "b", "c"], 100),
    )
    problem = arb.RoutingProblem(market, assignment="per-segment").add_budget(60.0)
    result = problem.solve()
    assert any("large" in plan for plan in result.counts)
    assert "3 of 300 instances have no record and count as the mean" in " ".join(
        str(result).split()
    )
    frame = problem.estimates().to_frame()
    row = frame[(frame["group"] == "b") & (frame["plan"] == "1 x large")].iloc[0]
    known = market.recorded[100:200, 2]
    values = solved[100:200, 2][known].astype(float)
    assert row["recorded"] == known.sum() == 99
    assert row["solve_rate"] == pytest.approx(values.mean())
    assert row["solve_rate_standard_error"] == pytest.approx(values.std(ddof=1) / np.sqrt(99))
    assert "99 of 100" in str(problem.estimates())


def test_a_log_of_single_choices_is_no_optimum() -> None:
    market, _ = log_of(200, 0)
    for assignment in ("oracle", "per-segment", "single"):
        with pytest.raises(InputError, match=r"request_log\(market\)"):
            arb.RoutingProblem(market, assignment=assignment).add_budget(10.0).solve()  # type: ignore[arg-type]


def test_a_log_leads_to_a_plan_over_requests() -> None:
    market, _ = log_of(20_000, 1)
    values = class_values(request_log(market))
    problem = values.problem().add_budget(3000.0)
    result = problem.solve()
    assert result.spend <= 3000.0
    requests = np.array([(np.array(market.segment) == name).sum() for name in ("easy", "hard")])
    best = max(
        sum(requests[c] * values.outcome[c, m] for c, m in enumerate(choice) if m is not None)
        for choice in itertools.product((0, 1, 2, None), repeat=2)
        if sum(requests[c] * values.cost[c, m] for c, m in enumerate(choice) if m is not None)
        <= 3000.0
    )
    assert result.solve_rate * 20_000 == pytest.approx(best)
    assert "requests" in str(result)
    assert "0 of 6 pairs of class and model withheld" in " ".join(str(result).split())
    more = values.problem(volumes={"easy": 1e6, "hard": 1e6}).add_budget(1e5).solve()
    assert more.spend > 5e4
    with pytest.raises(InputError, match="no volume of 'hard'"):
        values.problem(volumes={"easy": 1.0})


@pytest.mark.parametrize("method", ["direct", "ips", "snips", "dr"])
def test_intervals_cover_the_truth(method: str) -> None:
    """Judge: the known value of the policy; 300 logs, binomial error allowed (99.9%)."""
    truth = 0.5 * (0.8 + 0.85)
    covered = 0
    for seed in range(300):
        market, odds = log_of(400, seed)
        found = policy_value(
            request_log(market, propensity=odds), {"easy": "small", "hard": "large"}
        )
        low, high = found.interval(method)[0]  # type: ignore[arg-type]
        covered += low <= truth <= high
    assert covered >= 300 * 0.95 - 3.3 * np.sqrt(300 * 0.95 * 0.05)


def test_inverse_propensity_is_unbiased_exactly() -> None:
    """Judge: all logs of three requests, each with its probability."""
    odds = np.array([[0.3, 0.7], [0.5, 0.5], [0.9, 0.1]])
    outcomes = np.array([[1, 0], [0, 1], [1, 1]])
    costs = np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]])
    policy = np.array([[0.2, 0.8], [0.6, 0.4], [0.5, 0.5]])
    expected = np.zeros(2)
    for chosen in itertools.product((0, 1), repeat=3):
        rows = np.arange(3)
        chance = odds[rows, chosen].prod()
        weight = policy[rows, chosen] / odds[rows, chosen]
        expected += chance * np.array(
            [(weight * outcomes[rows, chosen]).mean(), (weight * costs[rows, chosen]).mean()]
        )
        attempts = np.zeros((3, 2), int)
        attempts[rows, chosen] = 1
        if attempts.any(axis=0).all() and (attempts.sum(axis=0) >= 2).all():
            continue
    truth = [(policy * outcomes).sum() / 3, (policy * costs).sum() / 3]
    np.testing.assert_allclose(expected, truth, rtol=1e-12)
    # The same formula in the library, on one log that has every model twice.
    chosen = np.array([0, 1, 0, 1])
    attempts = np.zeros((4, 2), int)
    attempts[np.arange(4), chosen] = 1
    market = Market(
        ["a", "b"], list("wxyz"), attempts, attempts * [[1], [0], [1], [1]], np.full((4, 2), 0.5)
    )
    log = request_log(market, propensity=np.full((4, 2), [0.3, 0.7]))
    found = policy_value(log, np.full((4, 2), [0.5, 0.5]))
    weight = np.array([0.5 / 0.3, 0.5 / 0.7, 0.5 / 0.3, 0.5 / 0.7])
    assert found.estimate["ips"][0] == pytest.approx((weight * [1, 0, 1, 1]).mean())
    solved = np.array([1, 0, 1, 1])
    assert found.estimate["snips"][0] == pytest.approx((weight @ solved) / weight.sum())


def test_doubly_robust_survives_either_mistake() -> None:
    truth = 0.5 * (0.8 + 0.85)
    policy = {"easy": "small", "hard": "large"}
    market, odds = log_of(60_000, 3)
    one_class = request_log(market, classes=["all"] * 60_000, propensity=odds)
    wanted = np.array([[1, 0, 0] if name == "easy" else [0, 0, 1] for name in market.segment or ()])
    wrong_model = policy_value(one_class, wanted)
    assert abs(wrong_model.estimate["direct"][0] - truth) > 0.05, "the outcome model is wrong"
    assert abs(wrong_model.estimate["dr"][0] - truth) < 0.01
    wrong_odds = request_log(market, propensity=np.full((60_000, 3), 1 / 3))
    found = policy_value(wrong_odds, policy)
    assert abs(found.estimate["ips"][0] - truth) > 0.05, "the propensities are wrong"
    assert abs(found.estimate["dr"][0] - truth) < 0.01


def test_propensities_from_features() -> None:
    pytest.importorskip("sklearn", reason="needs the extra predict")
    market, odds = log_of(8_000, 4)
    features = pd.DataFrame(
        {"hard": (np.array(market.segment) == "hard").astype(float)},
        index=pd.Index(market.instances, name="instance"),
    )
    log = request_log(market, features=features, classes=["all"] * 8_000)
    assert np.abs(log.propensity - odds).mean() < 0.02
    assert "logistic regression on 1 features, 5 folds" in str(log)


def test_no_support_is_refused_by_name() -> None:
    market, _ = log_of(400, 5)
    hard = np.array(market.segment) == "hard"
    keep = [
        name
        for name, out in zip(market.instances, hard & market.recorded[:, 2], strict=True)
        if not out
    ]
    part = market.select(instances=keep)
    log = request_log(part)
    with pytest.raises(InputError, match=r"no support in the log: large served 0 of the \d+ req"):
        policy_value(log, {"easy": "small", "hard": "large"})
    values = class_values(log)
    assert not values.supported[1, 2]
    assert "–" in str(values)
    result = values.problem().add_budget(100.0).solve()
    assert "1 of 6 pairs of class and model withheld" in " ".join(str(result).split())


def test_what_is_no_log() -> None:
    market, odds = log_of(50, 6)
    both = Market(["a", "b"], ["x"], [[1, 1]], [[1, 0]], [[1.0, 2.0]])
    with pytest.raises(InputError, match="1 of 1 requests were served by several models, first 'x"):
        request_log(both)
    with pytest.raises(InputError, match="must be probabilities that sum to one"):
        request_log(market, propensity=odds * 2)
    never = odds.copy()
    never[0] = np.where(market.recorded[0], 0.0, 0.5)
    with pytest.raises(InputError, match=r"'r0' was served by \w+ with propensity 0 .1 such"):
        request_log(market, propensity=never)
    log = request_log(market)
    for policy in ("huge", {"easy": "small"}, np.ones((2, 3)), np.ones(3)):
        with pytest.raises(InputError):
            policy_value(log, policy)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="level is 2"):
        policy_value(log, "small", level=2.0)


def test_a_log_of_scores() -> None:
    market, _ = log_of(300, 7)
    rng = np.random.default_rng(0)
    scores = np.where(market.recorded, rng.random((300, 3)), np.nan)
    graded = Market(
        market.models,
        market.instances,
        market.attempts,
        None,
        market.cost,  # type: ignore[arg-type]
        graded=scores,
        segment=market.segment,
    )
    found = policy_value(request_log(graded), "small")
    assert "score" in str(found)
    assert "solve rate" not in str(found)
    assert "solve rate" not in str(
        class_values(request_log(graded)).problem().add_budget(9.0).solve()
    )


@pytest.mark.parametrize("assignment", ["oracle", "per-segment", "single"])
def test_volumes_are_rows_repeated(assignment: str) -> None:
    """Judge: the same problem with every row as often as it stands for requests."""
    rng = np.random.default_rng(8)
    volumes = np.array([3, 1, 4, 2])
    solve, spend = rng.random((4, 3)), rng.random((4, 3)) + 0.1
    segment = np.array(["u", "v", "u", "v"])
    made = arb.RoutingProblem.from_arrays(
        solve,
        spend,
        segment=segment,
        assignment=assignment,  # type: ignore[arg-type]
    ).for_volumes(volumes)
    rows = np.repeat(np.arange(4), volumes)
    long = arb.RoutingProblem.from_arrays(
        solve[rows],
        spend[rows],
        segment=segment[rows],
        assignment=assignment,  # type: ignore[arg-type]
    )
    for add in (
        lambda p: p.add_budget(3.0),
        lambda p: p.minimize_spend().add_floor(0.5),
        lambda p: p.maximize_profit(2.0).add_budget(4.0),
        lambda p: p.add_budget(4.0).penalize_abstention(0.2),
    ):
        mine, theirs = add(made).solve(), add(long).solve()
        if assignment == "oracle":  # rows of one kind may be split there
            assert mine.objective <= theirs.bound + 1e-9 or not mine.problem.objective.maximize
            continue
        assert mine.objective == pytest.approx(theirs.objective)
        assert mine.spend == pytest.approx(theirs.spend)
        assert mine.solve_rate == pytest.approx(theirs.solve_rate)
        for label, price in mine.shadow_prices.items():
            assert price == pytest.approx(theirs.shadow_prices[label], abs=1e-9)


def test_volumes_by_segment() -> None:
    market = arb.load_market("questions-sim")
    volumes = {name: 1000.0 * k for k, name in enumerate(market.segments, start=1)}
    problem = arb.RoutingProblem(market, assignment="per-segment").for_volumes(volumes)
    everything = problem.minimize_spend().add_floor(of_best=1.0).solve()
    chosen = {
        name: everything.assignment[list(market.segment or ()).index(name)]
        for name in market.segments
    }
    spend = 0.0
    for name, plan in chosen.items():
        inside = np.array(market.segment) == name
        spend += volumes[name] * market.cost[inside, plan].mean()
    assert everything.spend == pytest.approx(spend)
    assert sum(use.requests for use in everything.uses) == pytest.approx(sum(volumes.values()))
    validated = problem.add_budget(0.7 * spend).solve(folds=3)
    assert validated.validation is not None
    for bad, message in (
        ({"x": 1.0}, "no segment 'x'"),
        ([1.0, 2.0], r"volumes has shape \(2,\)"),
        (-np.ones(len(market.instances)), "must be 0 or a positive"),
        (np.zeros(len(market.instances)), "positive, finite sum"),
    ):
        with pytest.raises(InputError, match=message):
            problem.for_volumes(bad)  # type: ignore[arg-type]
