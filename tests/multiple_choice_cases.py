"""Random programs of one row, their enumeration, and a large one."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from arbmodels._assignment import Arrays, AssignmentProgram, Block, pricing
from arbmodels._assignment.program import dense, everything, offered

KINDS = ("random", "whole numbers", "equal values", "free", "nine orders", "copies", "proportional")


def draw(seed, groups, plans, kind="random", *, quantities=2, loose=None):
    """A random program of one row: classes, weights (zero too), masks, senses, at any limit."""
    rng = np.random.default_rng(seed)
    width = plans - int(rng.integers(0, 2)) if plans > 1 else plans
    shape = (groups, width)
    if kind in ("whole numbers", "copies", "proportional"):
        q = [rng.integers(0, 4, shape).astype(float) for _ in range(quantities)]
    else:
        q = [rng.random(shape) for _ in range(quantities)]
    if kind == "equal values":
        q[0][:] = 0.5
    if kind == "free":
        q[-1] *= rng.random(shape) < 0.3
    if kind == "nine orders":
        q = [each * 10.0 ** rng.uniform(-4.5, 4.5, (groups, 1)) for each in q]
    if kind == "copies":
        q = [np.repeat(each[:2], groups, axis=0)[:groups] for each in q]
    if kind == "proportional":
        q[0] = 0.75 * q[-1]
    classes = rng.integers(0, 3, groups) if rng.random() < 0.5 else None
    count = 1 if classes is None else 3
    objective = np.zeros((quantities + 1, count, plans))
    objective[1] = 1.0
    row = np.zeros((1, quantities + 1, count, plans))
    row[0, -1] = 1.0
    if rng.random() < 0.4:  # coefficients by class and plan, of both signs, and constants
        objective += rng.integers(-8, 9, objective.shape) / 8
        row += rng.integers(-8, 9, row.shape) / 8
    weights = rng.choice([0.0, 0.5, 1.0, 3.0], groups) if rng.random() < 0.4 else None
    mask = rng.random(shape) < 0.7 if rng.random() < 0.4 else None
    if mask is not None:
        mask[np.arange(groups), rng.integers(0, width, groups)] = True
        q = [np.where(mask, each, np.nan) for each in q]
    forbidden = None
    if rng.random() < 0.2 and plans > width:
        forbidden = rng.random((count, plans)) < 0.3
        forbidden[:, -1] = False
    maximize, sense = bool(rng.random() < 0.5), float(rng.choice([-1.0, 1.0]))
    block = Block(0, tuple(q), classes, weights, mask)
    program = AssignmentProgram(
        Arrays(block), objective, row, np.array([sense]), np.zeros(1), maximize, forbidden
    )
    value, used = written(program)
    low = np.where(np.isnan(value), np.inf, used).min(axis=1).sum()
    high = np.where(np.isnan(value), -np.inf, used).max(axis=1).sum()
    if loose is None:
        loose = rng.choice([-0.05, 0.0, 1.0, 1.2, *rng.random(8)])
    limit = low + loose * (high - low)
    if rng.random() < 0.3:  # exactly what some assignment uses
        some = [rng.choice(np.flatnonzero(~np.isnan(line))) for line in value]
        limit = used[np.arange(groups), some].sum()
    return replace(program, limits=np.array([sense * limit]))


def written(program):
    """Objective [G, J] (NaN where not allowed) and oriented row [G, J], weighted."""
    block = everything(program)
    weights = np.ones(block.size) if block.weights is None else block.weights
    allowed = offered(block, program.plans, program.forbidden)
    value = np.where(allowed, dense(block, program.objective), np.nan) * weights[:, None]
    row = program.sense[0] * np.where(allowed, dense(block, program.rows[0]), 0.0)
    return value, row * weights[:, None]


def enumerated(program):
    """The best objective of all assignments; None if none satisfies the row."""
    value, used = written(program)
    every = np.array(list(product(range(program.plans), repeat=len(value))))
    groups = np.arange(len(value))
    worth = value[groups, every].sum(axis=1)
    activity = used[groups, every].sum(axis=1)
    limit = program.sense[0] * program.limits[0]
    fits = ~np.isnan(worth) & (activity <= limit + 1e-12 * np.abs(used).max(axis=1).sum())
    if not fits.any():
        return None
    return worth[fits].max() if program.maximize else worth[fits].min()


def check(program, answer, best, rel=1e-9):
    """The answer is feasible, as good as the best, and its bound is one."""
    if best is None:
        assert answer.status == "infeasible"
        assert answer.choice is None
        return
    value, used = written(program)
    every = np.arange(len(value))
    assert answer.choice is not None
    assert answer.choice.dtype == np.int32
    size = max(np.nansum(np.nanmax(np.abs(value), axis=1)), 1e-300)
    limit = program.sense[0] * program.limits[0]
    assert used[every, answer.choice].sum() - limit <= 1e-8 * max(np.abs(used).max(), 1e-300)
    assert value[every, answer.choice].sum() == pytest.approx(answer.objective, abs=1e-12 * size)
    assert answer.objective == pytest.approx(best, rel=rel, abs=rel * 1e-3 * size)
    assert program.sign * (answer.bound - best) >= -1e-11 * size
    assert program.sign * (answer.bound - answer.objective) >= 0
    # The price is a certificate of its own.
    assert answer.prices[0] >= 0
    at = pricing.best(program, answer.prices).value
    size += answer.prices[0] * np.abs(used).max(axis=1).sum()
    assert program.sign * (pricing.bound(program, answer.prices, at) - best) >= -1e-10 * size


def large(groups=150_000, dtype=np.float64, **extra):
    rng = np.random.default_rng(0)
    difficulty = rng.normal(size=(groups, 1))
    solve = 1 / (1 + np.exp(difficulty - rng.normal(0, 1, 8) + rng.normal(0, 0.3, (groups, 8))))
    spend = np.exp(0.3 * difficulty + rng.normal(0, 1, 8) + rng.normal(0, 0.2, (groups, 8)))
    solve, spend = solve.astype(dtype), spend.astype(dtype)
    limit = 0.2 * spend[np.arange(groups), solve.argmax(1)].sum(dtype=float)
    return arrays(solve, spend, limit, **extra)


def arrays(solve, spend, limit, threads=None, **extra):
    plans = solve.shape[1] + 1
    objective, row = np.zeros((3, 1, plans)), np.zeros((1, 3, 1, plans))
    objective[1], row[0, 2] = 1.0, 1.0
    return AssignmentProgram(
        Arrays(Block(0, (solve, spend), **extra), threads),
        objective,
        row,
        np.ones(1),
        np.array([limit]),
        True,
    )
