"""Markets at the edge: hardly any attempts, nothing solved, one instance, models alike, prices."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from arbmodels.cascades import cascade_frontier
from arbmodels.curves import attempt_curves
from arbmodels.errors import InfeasibleError, InputError
from arbmodels.market import Market
from arbmodels.plans import Plan
from arbmodels.policies import (
    Limits,
    batch_frontier,
    cvar_plan,
    limited_frontier,
    policy_classes,
    spend_distribution,
)
from arbmodels.verification import (
    Verifier,
    most_profitable_plan,
    simulate_plan,
    verification_sweep,
    verification_threshold,
    verified_frontier,
    verified_plan,
)
from conftest import random_market
from extreme_cases import extreme_market

LABELS = [f"i{k}" for k in range(6)]
TWICE = np.ones((6, 2), dtype=int)
NONE_OR_ONE = np.array([[0, 1], [1, 0], [1, 1]] * 2)


def market_of(attempts, successes, cost):
    return Market(["a", "b"], LABELS[: len(attempts)], attempts, successes, cost)


MARKETS = {
    "one attempt": market_of(TWICE, [[1, 0], [0, 1], [0, 0]] * 2, [[1.0, 2.0]] * 6),
    "zero or one": market_of(
        NONE_OR_ONE,
        [[0, 1], [1, 0], [0, 1]] * 2,
        np.where(NONE_OR_ONE > 0, [[1.0, 2.0]] * 6, np.nan),
    ),
    "one never solves": market_of(3 * TWICE, [[0, 1], [0, 2]] * 3, [[1.0, 2.0]] * 6),
    "nothing is solved": market_of(3 * TWICE, 0 * TWICE, [[1.0, 2.0]] * 6),
    "all is solved": market_of(3 * TWICE, 3 * TWICE, [[1.0, 2.0]] * 6),
    "one instance": market_of([[5, 7]], [[2, 6]], [[1.0, 3.0]]),
    "identical": market_of(4 * TWICE, [[k, k] for k in (0, 1, 2, 3, 4, 1)], [[1.0, 1.0]] * 6),
    "far apart": extreme_market(0),
}
every = pytest.mark.parametrize("market", MARKETS.values(), ids=MARKETS)


@every
def test_policy_classes(market):
    curves = attempt_curves(market)
    reach = cascade_frontier(curves).max_solve_rate
    result = policy_classes(curves, np.unique([0.0, 0.5 * reach, reach]))
    for row, each in enumerate(result.classes):
        reached = result.solve_rates <= each.max_solve_rate + 1e-12
        assert np.array_equal(np.isfinite(result.spend[row]), reached)
        policy = result.plan_at(each.name, each.max_solve_rate)
        assert policy.solve_rate == pytest.approx(each.max_solve_rate, abs=1e-9)
        assert np.isfinite(policy.spend)
        with pytest.raises(InputError, match="reaches"):
            result.plan_at(each.name, 1.01)
    assert "nan" not in str(result)
    assert np.all(result.spend[:, 0] == 0)
    if len(market.instances) == 1:  # nothing to tell apart: an oracle knows no more
        oracle = result.spend[result.names.index("oracle")]
        np.testing.assert_allclose(oracle, result.spend[result.names.index("mixed")])


@every
def test_limits_batches_and_cvar(market):
    curves = attempt_curves(market)
    whole = cascade_frontier(curves)
    loose = limited_frontier(curves, Limits(dollars=1e15))
    assert loose.max_solve_rate == pytest.approx(whole.max_solve_rate, abs=1e-12)
    grid = np.linspace(0, 1, 7) * whole.max_solve_rate
    np.testing.assert_allclose(loose.spend_at(grid), whole.spend_at(grid), rtol=1e-9)
    none = limited_frontier(curves, Limits(dollars=1e-20))
    assert none.max_solve_rate == pytest.approx(0.0, abs=1e-12)
    assert none.plan_at(0.0) == Plan()
    assert np.isnan(none.spend_at(0.1))
    seconds = dict.fromkeys(market.models, 10.0)
    patient = batch_frontier(curves, seconds, 1e3, largest=2)
    np.testing.assert_allclose(patient.spend_at(grid), whole.spend_at(grid), rtol=1e-9)
    hurried = batch_frontier(curves, seconds, 1.0)
    assert hurried.max_solve_rate == pytest.approx(0.0, abs=1e-12)
    for shown in (loose, none, patient, hurried):
        assert "nan" not in str(shown)
        shown.to_frame()
        plt.close(shown.plot().get_figure())
    found = cvar_plan(curves, whole.max_solve_rate, 1e15)
    assert found.spend == pytest.approx(float(whole.spend_at(whole.max_solve_rate)), rel=1e-9)
    assert cvar_plan(curves, 0.0, 1.0).plan == Plan()
    if whole.max_solve_rate > 0.1:
        with pytest.raises(InfeasibleError, match="proven"):
            cvar_plan(curves, whole.max_solve_rate, 1e-20)
    with pytest.raises(InputError, match="the largest is"):
        cvar_plan(curves, min(whole.max_solve_rate + 0.001, 1.001), 1.0)
    distribution = spend_distribution(found.plan, curves)
    assert distribution.probability.sum(axis=1) == pytest.approx(np.ones(len(market.instances)))
    assert distribution.mean() <= distribution.cvar() * (1 + 1e-12)
    assert distribution.cvar() <= distribution.worst() * (1 + 1e-9)


@every
@pytest.mark.parametrize("verifier", [Verifier(), Verifier(0.1, 0.1, 0.2)], ids=["perfect", "not"])
def test_verification(market, verifier):
    frontier = verified_frontier(market, verifier, penalty=0.1)
    solvable = market.successes.any()
    assert (frontier.max_solve_rate > 0) is bool(solvable)
    grid = np.linspace(0, frontier.max_solve_rate, 5)
    assert np.all(np.isfinite(frontier.cost_at(grid)))
    assert np.all(np.diff(frontier.cost_at(grid)) >= 0)
    assert np.isnan(frontier.cost_at(1.0)) or frontier.max_solve_rate > 1 - 1e-9
    assert "nan" not in str(frontier)
    plan = frontier.plan_at(frontier.max_solve_rate)
    assert plan.solve_rate == pytest.approx(frontier.max_solve_rate, abs=1e-9)
    played = simulate_plan(plan.plan, market, verifier, runs=400).to_frame()
    distance = abs(played.loc["solve_rate", "mean"] - plan.solve_rate)
    assert distance <= 4 * played.loc["solve_rate", "standard_error"] + 1e-9
    best = most_profitable_plan(market, verifier, 10.0, refund=1.0)
    assert best.profit(10.0, refund=1.0) >= max(plan.profit(10.0, refund=1.0), 0.0) - 1e-9
    assert (len(best.plan.stages) > 0) <= bool(solvable)
    sweep = verification_sweep(market, [0.2, 1.0], [0.0, 1.0], verifier=verifier)
    assert np.array_equal(np.isnan(sweep.margin), np.isnan(sweep.price))


@every
def test_thresholds(market):
    top = verified_frontier(market).market_max_solve_rate
    if top == 0.0:
        with pytest.raises(InputError, match="No single model delivers"):
            verification_threshold(market, 0.1)
        return
    found = verification_threshold(market, 0.9 * top, baseline="self-verification")
    assert found.value >= found.below >= 0
    assert found.last_margin <= 1e-9
    if top < 0.999:
        with pytest.raises(InputError, match="No single model delivers"):
            verification_threshold(market, top + 1e-6)


def test_identical_models_are_one_model():
    curves = attempt_curves(MARKETS["identical"], 2)
    result = policy_classes(curves, [0.2, 0.4], oracle=False)
    single = result.spend[0]
    reached = np.isfinite(single)
    for name in ("given order", "best order", "interleaved"):
        spend = result.spend[result.names.index(name)]
        np.testing.assert_allclose(spend[reached], single[reached])
    assert (
        verification_threshold(MARKETS["identical"], 0.4, baseline="self-verification").value == 0.0
    )


def test_a_model_that_never_solves_is_never_bought_from():
    market = MARKETS["one never solves"]
    curves = attempt_curves(market)
    result = policy_classes(curves, [0.3, 0.5])
    for each in result.classes:
        models = {m for part in each.servings_at(0.5) for m in part.plan.models}
        assert models == {"b"}
    best = most_profitable_plan(market, Verifier(0.1, 0.0, 0.2), 50.0)
    assert set(best.plan.models) == {"b"}
    # A verifier that lets wrong answers pass makes even that model worth asking, without refunds.
    lax = most_profitable_plan(market, Verifier(0.0, 0.5, 0.0), 50.0)
    assert "a" in lax.plan.models
    refunded = most_profitable_plan(market, Verifier(0.0, 0.5, 0.0), 50.0, refund=1.0)
    assert "a" not in refunded.plan.models


def test_what_takes_more_than_a_lattice_is_refused_or_answered():
    market = random_market(np.random.default_rng(0), 6, 5)
    for source in (market, attempt_curves(market)):
        with pytest.raises(InputError, match="up to 4 models, market has 5"):
            policy_classes(source)
    # Limits keep lattices small, however many models there are; some may not be affordable at all.
    ones = attempt_curves(market, 2)
    prices = market.cost.max(axis=0)
    limited = limited_frontier(ones, Limits(dollars=float(np.sort(prices)[1]) * 1.01))
    plan = limited.plan_at(limited.max_solve_rate)
    assert spend_distribution(plan, ones).worst() <= limited.limits.dollars
    assert list(limited.to_frame().columns[3:]) == list(market.models)
    dear = market.models[int(np.argmax(prices))]
    assert (limited.to_frame()[dear] == 0).all()
    some = market.select(models=[m for m in market.models if m != dear])
    other = limited_frontier(attempt_curves(some, 2), limited.limits)
    grid = np.linspace(0, 0.999, 5) * limited.max_solve_rate
    np.testing.assert_allclose(limited.spend_at(grid), other.spend_at(grid))
    with pytest.raises(InputError, match="up to 4 models"):
        most_profitable_plan(market, Verifier(), 1.0)
    assert verified_plan(plan, market, Verifier()).solve_rate == pytest.approx(
        limited.max_solve_rate
    )
