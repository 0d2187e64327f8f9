"""Fair routing: formulation, library and enumeration agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arbmodels as arb
from arbmodels.formulations import fair_routing
from arbmodels.formulations.budget_routing import build_cvxpy
from arbmodels.formulations.solving import solve_for_plans
from formulation_cases import CLOSE, agree, below, best_of, draw, languages, library_best, same

seeds = st.integers(0, 2**32 - 1)
each_language = languages(fair_routing)


def rates(case):
    nothing = np.zeros((len(case.solve), 1))
    return np.column_stack([np.where(case.offered, case.solve, np.nan), nothing])


def worst(case, choice):
    """Mean solve rate of the segment that is served worst, of one or many assignments."""
    solved = np.atleast_2d(rates(case)[np.arange(len(case.solve)), choice])
    means = [
        np.average(solved[:, inside], axis=1, weights=case.weight[inside])
        for inside in (case.segment == k for k in np.unique(case.segment))
    ]
    found = np.min(means, axis=0)
    return found if np.ndim(choice) > 1 else float(found[0])


@settings(max_examples=25)
@given(seeds, st.integers(1, 5), st.integers(1, 3))
def test_small(solve, seed, instances, models):
    case = draw(seed, instances, models)
    budget = np.random.default_rng(seed).uniform(0.0, 0.8) * case.spend.max(axis=1).sum()
    choices = case.choices()
    best = best_of(worst(case, choices), below(case.total(case.spend, choices), budget))
    agree(
        lambda: solve(rates(case), case.spend, case.weight, case.segment, budget=budget),
        case,
        lambda choice: worst(case, choice),
        lambda choice: below(case.total(case.spend, choice), budget),
        best,
    )
    same(library_best(case.problem().maximize_worst_segment().add_budget(budget)), best)


@settings(max_examples=3)
@given(seeds)
def test_larger(solve, seed):
    case = draw(seed, 24, 3)
    budget = 0.3 * case.spend.max(axis=1).sum()
    choice = solve(rates(case), case.spend, case.weight, case.segment, budget=budget)
    best = library_best(case.problem().maximize_worst_segment().add_budget(budget))
    assert worst(case, choice) == pytest.approx(best, rel=CLOSE)


def test_fairness_costs_mean_solve_rate(solve):
    case = draw(4, 20, 3)
    budget = 0.1 * case.spend.max(axis=1).sum()
    fair = solve(rates(case), case.spend, case.weight, case.segment, budget=budget)
    plain = solve_for_plans(build_cvxpy(case.value, case.spend, budget))
    assert worst(case, fair) > worst(case, plain)
    assert case.total(case.value, fair) < case.total(case.value, plain)


def test_errors(solve):
    case = draw(1)
    arrays = rates(case), case.spend
    with pytest.raises(arb.InputError, match="4 groups"):
        solve(*arrays, case.weight[1:], case.segment, budget=1.0)
    with pytest.raises(arb.InputError, match="weight zero"):
        solve(*arrays, np.array([1.0, 1.0, 1.0, 0.0]), np.array([0, 0, 0, 1]), budget=1.0)
    with pytest.raises(arb.InputError, match="budget is -1"):
        solve(*arrays, case.weight, case.segment, budget=-1.0)
