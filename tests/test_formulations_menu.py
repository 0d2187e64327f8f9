"""Plan menu: formulation, library and enumeration agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arbmodels as arb
from arbmodels.formulations import plan_menu
from formulation_cases import CLOSE, agree, below, best_of, draw, languages, library_best, same

seeds = st.integers(0, 2**32 - 1)
each_language = languages(plan_menu)


def on_menu(case, choice):
    """How many plans one or many assignments use, without abstaining."""
    models = case.solve.shape[1]
    used = [(np.asarray(choice) == j).any(axis=-1) for j in range(models)]
    return np.sum(used, axis=0)


def abstains(case):
    return np.arange(case.value.shape[1]) == case.solve.shape[1]


@settings(max_examples=25)
@given(seeds, st.integers(1, 5), st.integers(1, 4), st.integers(0, 3))
def test_small(solve, seed, instances, models, most):
    case = draw(seed, instances, models)
    budget, limited = np.inf, seed % 2 == 1
    if limited:
        budget = np.random.default_rng(seed).uniform(0.0, 0.8) * case.spend.max(axis=1).sum()

    def holds(choice):
        return (on_menu(case, choice) <= most) & below(case.total(case.spend, choice), budget)

    choices = case.choices()
    best = best_of(case.total(case.value, choices), holds(choices))
    agree(
        lambda: solve(case.value, case.spend, abstains(case), most=most, budget=budget),
        case,
        lambda choice: case.total(case.value, choice),
        holds,
        best,
    )
    problem = case.problem().limit_plans(most)
    same(library_best(problem.add_budget(budget) if limited else problem), best)


@settings(max_examples=3)
@given(seeds)
def test_larger(solve, seed):
    case = draw(seed, 30, 6)
    budget = 0.2 * case.spend.max(axis=1).sum()
    choice = solve(case.value, case.spend, abstains(case), most=2, budget=budget)
    assert on_menu(case, choice) <= 2
    best = library_best(case.problem().limit_plans(2).add_budget(budget))
    assert case.total(case.value, choice) == pytest.approx(best, rel=CLOSE)


def test_a_plan_that_is_second_everywhere_may_be_the_best_one(solve):
    value = np.array([[0.9, 0.0, 0.8], [0.0, 0.9, 0.8]])
    nothing = np.zeros_like(value)
    none = np.zeros(3, dtype=bool)
    assert solve(value, nothing, none, most=1).tolist() == [2, 2]
    assert solve(value, nothing, none, most=2).tolist() == [0, 1]


def test_errors(solve):
    case = draw(1)
    with pytest.raises(arb.InputError, match="there are 4 plans"):
        solve(case.value, case.spend, np.zeros(3, dtype=bool), most=1)
    with pytest.raises(arb.InputError, match="most is -1"):
        solve(case.value, case.spend, abstains(case), most=-1)
    with pytest.raises(arb.InfeasibleError):
        solve(case.value, case.spend, np.zeros(4, dtype=bool), most=0)
