"""Listed active_sets: their bounds and answers against every subset, and models nearly alike."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from arbmodels._assignment import Arrays, AssignmentProgram, Block, auxiliary_variables, benders
from arbmodels._assignment.auxiliary_variables import solve_with_auxiliary_variables
from arbmodels._assignment.benders import active_sets_of
from arbmodels._assignment.linking_constraints import fill, links_of, priced_table
from auxiliary_cases import auxiliary_of, enumerate_best, pairs, random_block


def alike(seed, groups, models, most, *, share=0.3, sense=1.0, **given):
    """Models that differ by chance only, and abstaining; one row of spend."""
    rng = np.random.default_rng(seed)
    value, spend = rng.random((groups, models)), rng.random((groups, models))
    objective, rows = np.zeros((3, 1, models + 1)), np.zeros((1, 3, 1, models + 1))
    objective[1, 0, :models] = rows[0, 2, 0, :models] = 1.0
    best = spend[np.arange(groups), value.argmax(axis=1)].sum()
    if sense < 0:
        best = spend.max(axis=1).sum()
    auxiliary = auxiliary_of(
        models,
        rows=1,
        plans=models + 1,
        needs=np.eye(models + 1, models, dtype=bool),
        matrix=np.ones((1, models)),
        row_lower=np.array([0.0]),
        row_upper=np.array([float(most)]),
        **given,
    )
    return AssignmentProgram(
        Arrays(Block(0, (value, spend))),
        objective,
        rows,
        np.array([sense]),
        np.array([share * best]),
        True,
        None,
        auxiliary,
    )


@pytest.mark.parametrize("seed", range(8))
def test_bounds_are_those_of_every_subset(seed):
    """With fees, weights and missing pairs, at any prices; also of an objective of zero."""
    rng = np.random.default_rng(seed)
    program = alike(seed, 1500, 5, 3, objective=rng.normal(size=5), coupling=rng.random((1, 5)))
    block = random_block(rng, 1500, 5, missing=0.2, weights=True)
    program = replace(program, source=Arrays(block))
    links = links_of(program.auxiliary)
    active_sets = active_sets_of(program, program.auxiliary, links)
    assert len(active_sets.points) == 1 + 5 + 10 + 10
    prices, value = np.array([rng.exponential()]), seed % 4 > 0
    opening = links.opening(rng.random(5))
    filled = fill(program, priced_table(program, prices, 1.0 * value), links, opening)
    active_sets.learn(program, benders.cut_of(program, prices, opening, filled, of_value=value))
    own, rows, allowed = pairs(program)
    priced = np.where(allowed, value * own - prices[0] * rows[0], -np.inf)
    for point, bound in zip(active_sets.points, active_sets.bounds, strict=True):
        open_ = np.append(point > 0, True)
        exact = priced[:, open_].max(axis=1).sum() + prices[0] * program.limits[0]
        exact += point @ (
            value * program.auxiliary.objective - prices[0] * program.auxiliary.coupling[0]
        )
        if value:
            assert bound == pytest.approx(exact, rel=1e-12)
        else:
            assert bound == (-np.inf if exact < 0 else np.inf)


@pytest.mark.parametrize("fees", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_best_of_all_subsets_is_found(seed, fees, monkeypatch):
    monkeypatch.setattr(auxiliary_variables, "SMALL", 0)
    cost = -np.random.default_rng(seed).random(8) * 20 * fees
    program = alike(seed, 400, 8, 3, share=2.0, objective=cost)  # the row does not bind
    value = np.hstack([program.source.block.quantities[0], np.zeros((400, 1))])
    exact = max(
        value[:, [*menu, 8]].max(axis=1).sum() + cost[list(menu)].sum()
        for size in range(4)
        for menu in combinations(range(8), size)
    )
    answer = solve_with_auxiliary_variables(program, 1e-9, 30.0)
    assert answer.status == "optimal"
    assert answer.objective == pytest.approx(exact, rel=1e-9)
    assert answer.bound == pytest.approx(exact, rel=1e-8)


@pytest.mark.parametrize("share", [0.5, 0.85, 0.95, 1.01])
def test_menus_that_cannot_keep_a_floor_are_closed(share, monkeypatch):
    monkeypatch.setattr(auxiliary_variables, "SMALL", 0)
    for seed in range(6):
        fees = 0.2 * np.random.default_rng(seed).normal(size=4)
        program = alike(seed, 5, 4, 2, share=share, sense=-1.0, objective=fees)
        exact = enumerate_best(program)
        answer = solve_with_auxiliary_variables(program, 0.0, 30.0)
        assert (answer.choice is None) == (exact is None)
        if exact is None:
            assert answer.status == "infeasible"
        else:
            assert answer.objective == pytest.approx(exact, rel=1e-7)
            assert answer.bound >= exact - 1e-7


def test_models_nearly_alike_are_proven_whatever_the_threads(monkeypatch):
    """The relaxation promises several percent more than any menu keeps."""
    monkeypatch.setattr("arbmodels._assignment.program.BLOCK", 6000)
    program = alike(0, 20_000, 16, 5)
    answers = [
        solve_with_auxiliary_variables(
            replace(program, source=Arrays(program.source.block, threads)), 1e-4, 60.0
        )
        for threads in (1, 2)
    ]
    first, second = answers
    assert first.status == "optimal"
    assert 0 <= first.bound - first.objective <= 1e-4 * first.objective
    assert (first.objective, first.bound) == (second.objective, second.bound)
    np.testing.assert_array_equal(first.choice, second.choice)
    assert first.auxiliary.sum() <= 5
