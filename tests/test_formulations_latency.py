"""Latency routing: formulation, library and enumeration agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arbmodels as arb
from arbmodels.formulations import latency_routing
from formulation_cases import CLOSE, agree, below, best_of, draw, languages, library_best, same

seeds = st.integers(0, 2**32 - 1)
each_language = languages(latency_routing)


def limits(seed, case):
    rng = np.random.default_rng(seed)
    return {
        "limit": float(rng.uniform(2.0, 30.0)) if rng.random() < 0.6 else np.inf,
        "mean_limit": float(rng.uniform(0.0, 12.0)) if rng.random() < 0.7 else np.inf,
        "budget": float(rng.uniform(0.0, 0.6) * case.spend.max(axis=1).sum())
        if rng.random() < 0.6
        else np.inf,
    }


def routed(case, limit, mean_limit, budget):
    problem = case.problem()
    if np.isfinite(limit):
        problem = problem.add_latency_limit(limit)
    if np.isfinite(mean_limit):
        problem = problem.add_mean_latency(mean_limit)
    return problem.add_budget(budget) if np.isfinite(budget) else problem


@settings(max_examples=25)
@given(seeds, st.integers(1, 5), st.integers(1, 3))
def test_small(solve, seed, instances, models):
    case = draw(seed, instances, models)
    terms = limits(seed, case)
    mean = case.latency * case.weight[:, None]
    every = np.arange(instances)

    def holds(choice):
        return (
            (case.latency[every, choice].max(axis=-1) <= terms["limit"])
            & below(case.total(mean, choice), terms["mean_limit"])
            & below(case.total(case.spend, choice), terms["budget"])
        )

    choices = case.choices()
    best = best_of(case.total(case.value, choices), holds(choices))
    agree(
        lambda: solve(case.value, case.spend, case.latency, case.weight, **terms),
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
    terms = limits(seed, case)
    choice = solve(case.value, case.spend, case.latency, case.weight, **terms)
    best = library_best(routed(case, **terms))
    assert case.total(case.value, choice) == pytest.approx(best, rel=CLOSE, abs=1e-8)


def test_a_slow_pair_is_never_chosen_and_the_mean_is_shared(solve):
    value = np.array([[0.0, 0.9], [0.0, 0.5], [0.0, 0.4]])
    latency = np.array([[0.0, 50.0], [0.0, 10.0], [0.0, 2.0]])
    nothing, weight = np.zeros_like(value), np.ones(3)
    assert solve(value, nothing, latency, weight).tolist() == [1, 1, 1]
    assert solve(value, nothing, latency, weight, limit=20.0).tolist() == [0, 1, 1]
    assert solve(value, nothing, latency, weight, mean_limit=4.0).tolist() == [0, 1, 1]
    assert solve(value, nothing, latency, weight, mean_limit=3.9).tolist() == [0, 1, 0]


def test_errors(solve):
    case = draw(1)
    arrays = case.value, case.spend
    with pytest.raises(arb.InputError, match="limit is -1"):
        solve(*arrays, case.latency, case.weight, limit=-1.0)
    with pytest.raises(arb.InputError, match="latency"):
        solve(*arrays, -case.latency, case.weight)
    with pytest.raises(arb.InputError, match="some of them positive"):
        solve(*arrays, case.latency, np.zeros(4))
    always = case.value.copy()
    always[:, -1] = np.nan
    always[:, 0] = 0.5
    with pytest.raises(arb.InfeasibleError):
        solve(always, case.spend, case.latency + 1.0, case.weight, limit=0.5)
