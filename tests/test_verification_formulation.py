"""The flow program of verified cascades against dynamic programming."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arbmodels as arb
from arbmodels.formulations.solving import solve, values
from arbmodels.formulations.verified_cascade import build_cvxpy, build_pyomo, steps_of
from arbmodels.verification import Verifier, verdict_curves, verified_frontier
from conftest import markets, random_market

RATES = st.sampled_from([0.0, 0.05, 0.4])


def steps(market, verifier, most=None):
    curves = verdict_curves(market, verifier, most)
    price = np.where(market.recorded, market.cost, 0.0) + verifier.rates(market.models).cost
    return steps_of(
        market.weight,
        *(
            [getattr(curve, what) for curve in curves.models]
            for what in ("rejected", "right", "wrong")
        ),
        [curve.bought * price[:, [m]] for m, curve in enumerate(curves.models)],
    )


@settings(max_examples=25)
@given(st.data(), RATES, RATES, st.sampled_from([0.0, 0.7]), st.floats(0.05, 0.95))
def test_the_program_and_the_frontier_agree(data, alpha, beta, penalty, share):
    market = data.draw(markets(max_attempts=4, missing=0.2))
    verifier = Verifier(0.1, alpha, beta)
    frontier = verified_frontier(market, verifier, penalty=penalty)
    rate = share * frontier.max_solve_rate
    table = steps(market, verifier)
    for build in (build_pyomo, build_cvxpy):
        program = build(table, rate, penalty=penalty)
        assert solve(program) == pytest.approx(float(frontier.cost_at(rate)), rel=1e-6, abs=1e-7)
        assert table.right @ values(program, "x") >= rate - 1e-7


@pytest.mark.parametrize("build", [build_pyomo, build_cvxpy])
def test_a_cap_on_wrong_answers_costs_money(build):
    market = random_market(np.random.default_rng(6), 20, 2)
    verifier = Verifier(0.1, 0.2, 0.1)
    frontier = verified_frontier(market, verifier)
    rate = 0.8 * frontier.max_solve_rate
    free = float(frontier.wrong_at(rate))
    table = steps(market, verifier)
    costs = [solve(build(table, rate, most_wrong=cap * free)) for cap in (1.01, 0.95, 0.9)]
    assert costs[0] == pytest.approx(float(frontier.cost_at(rate)), rel=1e-6)
    assert costs[0] < costs[1] < costs[2]
    # Weak duality: no penalty proves more than the cap costs.
    for penalty in (0.5, 2.0, 8.0):
        dual = verified_frontier(market, verifier, penalty=penalty).cost_at(rate)
        assert float(dual) - penalty * 0.9 * free <= costs[2] + 1e-6
    with pytest.raises(arb.InfeasibleError):
        solve(build(table, rate, most_wrong=0.0))


def test_impossible_arguments_are_refused():
    market = random_market(np.random.default_rng(6), 4, 2)
    table = steps(market, Verifier())
    with pytest.raises(arb.InputError, match="between 0 and 1"):
        build_pyomo(table, 1.5)
    with pytest.raises(arb.InputError, match="penalty -1"):
        build_cvxpy(table, 0.5, penalty=-1.0)
    with pytest.raises(arb.InfeasibleError):
        solve(build_cvxpy(table, 1.0))
    one = np.ones((4, 2))
    with pytest.raises(arb.InputError, match="one column less"):
        steps_of(market.weight, [one], [one], [one], [one])
