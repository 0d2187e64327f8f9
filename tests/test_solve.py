"""The one entry to all engines: numbers of nine orders of magnitude, honest status."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from arbmodels.assignment import Arrays, AssignmentProgram, Block
from arbmodels.assignment import solve as entry
from arbmodels.assignment.answer import Answer
from arbmodels.assignment.solve import solve


def drawn(seed, groups=5, plans=3):
    """A budget far below most spends, and a limit on the use of one plan."""
    rng = np.random.default_rng(seed)
    value = rng.random((groups, plans))
    spend = 10 ** rng.uniform(-6, 4.5, (groups, plans))
    objective, budget, use = np.zeros((3, 3, 1, plans + 1))
    objective[1], budget[2], use[0, 0, 0] = 1.0, 1.0, 1.0
    objective[:, :, -1] = budget[:, :, -1] = 0.0
    limits = np.array([10 ** rng.uniform(-4, 3), rng.integers(0, groups)])
    rows = np.stack([budget, use])
    source = Arrays(Block(0, (value, spend)))
    return AssignmentProgram(source, objective, rows, np.ones(2), limits, maximise=True)


def enumerated(program):
    block = program.source.block
    zero = np.zeros((block.size, 1))
    value, spend = (np.hstack([each, zero]) for each in block.quantities)
    every = np.arange(block.size)
    best = -np.inf
    for choice in itertools.product(range(program.plans), repeat=block.size):
        chosen = np.array(choice)
        fits = spend[every, chosen].sum() <= program.limits[0] * (1 + 1e-12)
        if fits and (chosen == 0).sum() <= program.limits[1]:
            best = max(best, value[every, chosen].sum())
    return best


@pytest.mark.parametrize("seed", range(40))
def test_spends_of_ten_orders_of_magnitude(seed):
    program = drawn(seed)
    answer = solve(program, 1e-7, 20.0)
    best = enumerated(program)
    assert answer.status == "optimal"
    assert answer.objective == pytest.approx(best, rel=1e-7)
    assert answer.bound >= best * (1 - 1e-12)


def test_a_gap_that_is_not_proven_is_never_called_optimal(monkeypatch):
    program = drawn(0)
    real = solve(program)

    def stuck(status):
        answer = Answer(status, real.choice, real.objective, 2 * real.objective, real.prices)
        monkeypatch.setattr(entry, "solve_many_rows", lambda *_: answer)
        return solve(program, 1e-6, 20.0).status

    assert stuck("optimal") == "unproven"
    assert stuck("time limit") == "unproven"
    assert stuck("interrupted") == "interrupted"
