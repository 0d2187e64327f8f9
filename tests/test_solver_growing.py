"""Linear programs that gain rows: the same optimum as all rows at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from arbmodels import _solver
from arbmodels.errors import SolverError


def program(cost, rows, upper) -> _solver.Program:
    count = len(cost)
    return _solver.Program(
        np.asarray(cost, dtype=float),
        sparse.csr_array(np.asarray(rows, dtype=float)),
        np.full(len(upper), -np.inf),
        np.asarray(upper, dtype=float),
        np.zeros(count),
        np.full(count, np.inf),
        maximize=True,
    )


def test_rows_added_one_at_a_time_reach_the_same_optimum():
    rng = np.random.default_rng(5)
    cost, rows, upper = rng.random(8), rng.random((6, 8)), 1 + rng.random(6)
    whole = _solver.solve(program(cost, rows, upper))
    growing = _solver.Growing(program(cost, rows[:1], upper[:1]))
    values = []
    for k in range(1, 6):
        found = growing.solve(10.0)
        values.append(cost @ found)
        growing.add_rows(sparse.csr_array(rows[k : k + 1]), np.array([-np.inf]), upper[k : k + 1])
    values.append(cost @ growing.solve(10.0))
    assert np.all(np.diff(values) <= 1e-9)
    assert values[-1] == pytest.approx(whole.objective)


def test_no_time_gives_no_solution():
    rng = np.random.default_rng(6)
    growing = _solver.Growing(program(rng.random(300), rng.random((300, 300)), np.ones(300)))
    assert growing.solve(0.0) is None
    assert growing.solve(30.0) is not None


def test_rows_that_contradict_are_an_error():
    growing = _solver.Growing(program([1.0, 1.0], [[1.0, 1.0]], [1.0]))
    assert growing.solve(10.0).sum() == pytest.approx(1.0)
    growing.add_rows(sparse.csr_array(np.ones((1, 2))), np.array([2.0]), np.array([np.inf]))
    with pytest.raises(SolverError, match="Infeasible"):
        growing.solve(10.0)
