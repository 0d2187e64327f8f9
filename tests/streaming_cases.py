"""Instances in blocks for the tests of streaming; workers import this module."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from arbmodels import RoutingProblem
from arbmodels._assignment import Block

MODELS = ("small", "medium", "large")


def asked(
    source, *, budget=None, floor=None, capacities=None, models=None, segments=None, abstain=True
):
    """A streamed problem with limits over all instances, or by segment."""
    problem = RoutingProblem.from_source(source, models, segments=segments, abstain=abstain)
    if budget is None:
        problem = problem.minimize_spend()
    for add, limit in ((type(problem).add_budget, budget), (type(problem).add_floor, floor)):
        if isinstance(limit, dict):
            for segment, each in limit.items():
                problem = add(problem, each, segment)
        elif limit is not None:
            problem = add(problem, limit)
    for model, most in ({} if capacities is None else capacities).items():
        problem = problem.add_capacity(model, most)
    return problem


def route(source, *, gap=1e-6, time_limit=600.0, output=None, **limits):
    return asked(source, **limits).solve(gap, time_limit, output=output)


def make(start, size, seed, *, models=3, classes=0, kind=np.float32):
    """Solve rates and spends that depend on nothing but the arguments."""
    rng = np.random.default_rng([seed, start])
    skill = np.linspace(-1.0, 1.0, models)
    difficulty = rng.normal(size=(size, 1))
    solve = 1 / (1 + np.exp(difficulty - skill + 0.5 * rng.normal(size=(size, models))))
    spend = 0.02 * np.exp(skill + 0.3 * difficulty + 0.3 * rng.normal(size=(size, models)))
    codes = rng.integers(0, classes, size) if classes else None
    return Block(start, (solve.astype(kind), spend.astype(kind)), codes)


def two_segments(start, size, seed):
    return make(start, size, seed, classes=2)


def twenty(start, size, seed):
    """Twenty models, drawn in single precision: quick enough for millions."""
    rng = np.random.default_rng([seed, start])
    shape = (size, 20)
    return Block(start, (rng.random(shape, np.float32), rng.random(shape, np.float32)))


def one_nan(start, size, seed):
    block = make(start, size, seed)
    if start > 0:
        block.quantities[0][2, 1] = np.nan
    return block


def too_few(start, size, seed):
    return make(start, size - 1, seed)


def no_block(start, size, seed):
    return start


def of_size(block):
    return block.size


def total_of(block):
    return float(block.quantities[0].sum(dtype=float))


def choice_of(block, choice):
    """An array with an entry per group, at the block's own groups."""
    return choice[block.start : block.start + block.size]


def die_once(block, flag):
    """Kill the worker the first time that a block after the first gets here."""
    path = Path(flag)
    if block.start > 0 and not path.exists():
        path.write_text("died")
        os.kill(os.getpid(), signal.SIGKILL)
    return total_of(block)


def die(block):
    os.kill(os.getpid(), signal.SIGKILL)


def sleep(block, begun):
    """Take long, and say that it has begun."""
    Path(begun).touch()
    time.sleep(3)
