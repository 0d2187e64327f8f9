"""Capacity routing: formulation, library and enumeration agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arbmodels as arb
from arbmodels.formulations import capacity_routing
from formulation_cases import CLOSE, agree, below, best_of, draw, languages, library_best, same

seeds = st.integers(0, 2**32 - 1)
each_language = languages(capacity_routing)


def limits(seed, case):
    """Capacities and commitments of some models, a budget or none."""
    rng = np.random.default_rng(seed)
    models, total = case.solve.shape[1], len(case.weight)
    capacity = np.where(rng.random(models) < 0.5, rng.uniform(0, 0.7, models) * total, np.inf)
    commitment = np.where(rng.random(models) < 0.4, rng.uniform(0, 0.4, models) * total, 0.0)
    budget = rng.uniform(0.1, 0.7) * case.spend.max(axis=1).sum() if rng.random() < 0.6 else np.inf
    return {"capacity": capacity, "commitment": commitment, "budget": budget}


def routed(case, capacity, commitment, budget):
    problem = case.problem()
    for m, (most, least) in enumerate(zip(capacity, commitment, strict=True)):
        name = problem.plan_table.models[m]
        if np.isfinite(most):
            problem = problem.add_capacity(name, most)
        if least > 0:
            problem = problem.add_commitment(name, attempts=least)
    return problem.add_budget(budget) if np.isfinite(budget) else problem


@settings(max_examples=25)
@given(seeds, st.integers(1, 5), st.integers(1, 3))
def test_small(solve, seed, instances, models):
    case = draw(seed, instances, models)
    terms = limits(seed, case)
    used = [case.attempts[:, :, m] for m in range(models)]

    def holds(choice):
        ok = below(case.total(case.spend, choice), terms["budget"])
        for m in range(models):
            attempts = case.total(used[m], choice)
            ok &= below(attempts, terms["capacity"][m])
            ok &= attempts >= terms["commitment"][m] - 1e-7
        return ok

    choices = case.choices()
    best = best_of(case.total(case.value, choices), holds(choices))
    agree(
        lambda: solve(case.value, case.spend, case.attempts, **terms),
        case,
        lambda choice: case.total(case.value, choice),
        holds,
        best,
    )
    same(library_best(routed(case, **terms)), best)


@settings(max_examples=4)
@given(seeds)
def test_larger(solve, seed):
    case = draw(seed, 40, 4)
    terms = {
        "capacity": np.array([8.0, np.inf, 5.5, np.inf]),
        "commitment": np.array([0.0, 2.0, 0.0, 3.0]),
        "budget": 0.5 * case.spend.max(axis=1).sum(),
    }
    choice = solve(case.value, case.spend, case.attempts, **terms)
    for m in range(4):
        attempts = case.total(case.attempts[:, :, m], choice)
        assert terms["commitment"][m] - 1e-7 <= attempts <= terms["capacity"][m] + 1e-7
    best = library_best(routed(case, **terms))
    assert case.total(case.value, choice) == pytest.approx(best, rel=CLOSE)


def test_a_capacity_goes_to_whom_it_helps_most(solve):
    value = np.array([[0.0, 0.9], [0.0, 0.5], [0.0, 0.6]])
    attempts = np.array([[[0.0], [1.0]]] * 3)
    nothing = np.zeros_like(value)
    one = np.array([1.0])
    choice = solve(value, nothing, attempts, capacity=2 * one, commitment=0 * one)
    assert choice.tolist() == [1, 0, 1]


def test_a_commitment_is_kept_though_it_does_not_help(solve):
    value = np.array([[0.5, 0.1], [0.5, 0.4]])
    attempts = np.array([[[0.0], [1.0]]] * 2)
    nothing = np.zeros_like(value)
    one = np.array([1.0])
    choice = solve(value, nothing, attempts, capacity=np.inf * one, commitment=one)
    assert choice.tolist() == [0, 1]


def test_errors(solve):
    case = draw(1)
    none = {"capacity": np.full(3, np.inf), "commitment": np.zeros(3)}
    with pytest.raises(arb.InputError, match="3 models"):
        solve(case.value, case.spend, case.attempts, **{**none, "capacity": np.full(2, np.inf)})
    with pytest.raises(arb.InputError, match="commitment is"):
        solve(case.value, case.spend, case.attempts, **{**none, "commitment": np.full(3, -1.0)})
    with pytest.raises(arb.InputError, match="spend has shape"):
        solve(case.value, case.spend[:, 1:], case.attempts, **none)
    spend = case.spend.copy()
    spend[2, 3] = np.nan
    with pytest.raises(arb.InputError, match="spend: group 2, plan 3"):
        solve(case.value, spend, case.attempts, **none)
    value = case.value.copy()
    value[1] = np.nan
    with pytest.raises(arb.InputError, match="Group 1 has no plan"):
        solve(value, case.spend, case.attempts, **none)
