"""Robust routing: formulation, library and enumeration agree; extremes of Gamma."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arbmodels as arb
from arbmodels.formulations import robust_routing
from arbmodels.formulations.budget_routing import build_cvxpy
from arbmodels.formulations.robust_routing import worst_spend
from arbmodels.formulations.solving import solve_for_plans
from formulation_cases import CLOSE, agree, below, best_of, draw, languages, library_best, same

seeds = st.integers(0, 2**32 - 1)
each_language = languages(robust_routing)


def deviations(seed, case):
    """What pairs may cost more, [N, M] as the library takes it, and [N, M + 1] weighted."""
    rng = np.random.default_rng(seed)
    alone = case.price * rng.uniform(0.0, 1.0, case.price.shape)
    nothing = np.zeros((len(alone), 1))
    return alone, np.column_stack([case.times[:, None] * alone, nothing])


@settings(max_examples=20)
@given(seeds, st.integers(1, 5), st.integers(1, 3), st.booleans())
def test_small(solve, seed, instances, models, whole):
    case = draw(seed, instances, models)
    alone, deviation = deviations(seed, case)
    rng = np.random.default_rng(seed)
    gamma = float(rng.integers(0, instances + 1)) if whole else rng.uniform(0, instances)
    budget = rng.uniform(0.1, 0.9) * case.spend.max(axis=1).sum()
    choices = case.choices()
    worst = np.array([worst_spend(case.spend, deviation, gamma, choice) for choice in choices])
    best = best_of(case.total(case.value, choices), below(worst, budget))
    agree(
        lambda: solve(case.value, case.spend, deviation, gamma=gamma, budget=budget),
        case,
        lambda choice: case.total(case.value, choice),
        lambda choice: below(worst_spend(case.spend, deviation, gamma, choice), budget),
        best,
    )
    robust = case.problem().add_robust_budget(budget, deviation=alone, gamma=gamma)
    same(library_best(robust), best)


@settings(max_examples=3)
@given(seeds)
def test_larger(solve, seed):
    case = draw(seed, 30, 3)
    alone, deviation = deviations(seed, case)
    budget = 0.4 * case.spend.max(axis=1).sum()
    choice = solve(case.value, case.spend, deviation, gamma=4.0, budget=budget)
    assert worst_spend(case.spend, deviation, 4.0, choice) <= budget * (1 + 1e-7)
    best = library_best(case.problem().add_robust_budget(budget, deviation=alone, gamma=4.0))
    assert case.total(case.value, choice) == pytest.approx(best, rel=CLOSE)


def test_the_worst_case_is_the_largest_over_subsets():
    case = draw(3, 5, 2, missing=0.0)
    _, deviation = deviations(3, case)
    choice = np.array([0, 1, 2, 1, 0])
    more = deviation[np.arange(5), choice]
    for gamma in range(6):
        largest = max(sum(more[list(some)]) for some in combinations(range(5), gamma))
        found = worst_spend(case.spend, deviation, gamma, choice)
        assert found == pytest.approx(case.total(case.spend, choice) + largest)


def test_no_and_all_deviations_are_plain_budgets(solve):
    case = draw(8, 20, 3)
    _, deviation = deviations(8, case)
    budget = 0.3 * case.spend.max(axis=1).sum()
    for gamma, spend in ((0.0, case.spend), (20.0, case.spend + deviation)):
        plain = solve_for_plans(build_cvxpy(case.value, spend, budget))
        robust = solve(case.value, case.spend, deviation, gamma=gamma, budget=budget)
        assert case.total(case.value, robust) == pytest.approx(
            case.total(case.value, plain), rel=CLOSE
        )


def test_errors(solve):
    case = draw(1)
    _, deviation = deviations(1, case)
    with pytest.raises(arb.InputError, match="deviation"):
        solve(case.value, case.spend, -deviation, gamma=1.0, budget=1.0)
    with pytest.raises(arb.InputError, match="gamma is -1"):
        solve(case.value, case.spend, deviation, gamma=-1.0, budget=1.0)
    with pytest.raises(arb.InputError, match="budget is nan"):
        solve(case.value, case.spend, deviation, gamma=1.0, budget=np.nan)
    no_way_out = case.value.copy()
    no_way_out[:, -1] = np.nan
    no_way_out[:, 0] = 0.5
    with pytest.raises(arb.InfeasibleError):
        solve(no_way_out, case.spend, deviation, gamma=1.0, budget=0.0)
