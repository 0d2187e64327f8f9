"""Random programs with several rows of every kind, and planted ones of any size."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
from scipy import sparse

from arbmodels._assignment import Arrays, AssignmentProgram, Block
from arbmodels._assignment.pricing import totals
from arbmodels._assignment.program import dense, offered
from auxiliary_cases import auxiliary_of, random_block


def random_program(seed, groups=4, plans=3, rows=2, *, auxiliary=None, tight=True):
    """Budgets, floors, capacities, commitments, shares, equal and empty rows; classes, masks."""
    rng = np.random.default_rng(seed)
    classes = int(rng.integers(1, 4))
    block = random_block(
        rng,
        groups,
        plans,
        ties=bool(rng.random() < 0.4),
        missing=float(rng.choice([0.0, 0.3])),
        classes=classes,
        weights=bool(rng.random() < 0.3),
    )
    every = plans + int(rng.random() < 0.5)  # a plan beyond the arrays abstains
    objective = np.zeros((3, classes, every))
    objective[1] = rng.choice([1.0, 0.0], p=[0.9, 0.1])
    objective[2] = rng.choice([0.0, -0.5])
    table, sense = np.zeros((rows, 3, classes, every)), np.ones(rows)
    for r in range(rows):
        kind = rng.integers(0, 8)
        one, some = int(rng.integers(0, every)), int(rng.integers(0, classes))
        if kind == 0:  # budget
            table[r, 2] = 1.0
        elif kind == 1:  # floor of a class
            table[r, 1, some], sense[r] = 1.0, -1.0
        elif kind == 2:  # capacity
            table[r, 0, :, one] = 1.0
        elif kind == 3:  # commitment
            table[r, 2, :, one], sense[r] = 1.0, -1.0
        elif kind == 4:  # share
            table[r, 2] = -0.5
            table[r, 2, :, one] = 0.5
        elif kind == 5 and r:  # as the one before, perhaps the other way
            table[r], sense[r] = table[r - 1], rng.choice([sense[r - 1], -sense[r - 1]])
        elif kind == 6:  # budget of a class, in other units
            table[r, 2, some] = 1e6
    forbidden = None
    if block.offered is None and rng.random() < 0.3 and plans > 1:
        forbidden = np.zeros((classes, every), dtype=bool)
        forbidden[rng.integers(0, classes), rng.integers(0, every)] = True
    program = AssignmentProgram(
        Arrays(block),
        objective,
        table,
        sense,
        np.zeros(rows),
        bool(rng.random() < 0.6),
        forbidden,
    )
    low, high = reach(program)
    share = rng.uniform(0.0 if tight else 0.3, 0.9, rows)
    at = np.where(sense > 0, low + share * (high - low), high - share * (high - low))
    # Some limits are those of an assignment, so that rows hold by a hair.
    if rng.random() < 0.3:
        allowed = offered(block, every, forbidden)
        choice = np.array([rng.choice(np.flatnonzero(each)) for each in allowed], np.int32)
        planted = program.activity_of(totals(program, choice))
        at = np.where(rng.random(rows) < 0.6, planted, at)
    program = replace(program, limits=at)
    return program if auxiliary is None else auxiliary(program, rng)


def reach(program):
    """Return the least and the largest activity of every row."""
    block = program.source.block
    allowed = offered(block, program.plans, program.forbidden)
    weights = np.ones(block.size) if block.weights is None else block.weights
    used = np.array([dense(block, row) for row in program.rows])
    low = np.where(allowed, used, np.inf).min(axis=2) @ weights
    high = np.where(allowed, used, -np.inf).max(axis=2) @ weights
    return low, high


def with_worst_segment(program, rng, *, free=False):
    """Maximise the least value over the classes."""
    classes = program.objective.shape[1]
    rows = np.zeros((classes, *program.objective.shape))
    for c in range(classes):
        rows[c, 1, c] = 1.0
    count = len(program.limits)
    ends = np.inf if free else 1e3
    coupling = np.zeros((count + classes, 1))
    coupling[count:] = -1.0
    return replace(
        program,
        objective=np.zeros_like(program.objective),
        rows=np.concatenate([program.rows, rows]),
        sense=np.concatenate([program.sense, -np.ones(classes)]),
        limits=np.concatenate([program.limits, np.zeros(classes)]),
        maximize=True,
        auxiliary=auxiliary_of(
            1,
            integer=False,
            plans=program.plans,
            objective=np.ones(1),
            coupling=coupling,
            lower=np.full(1, -ends),
            upper=np.full(1, ends),
        ),
    )


def with_amounts(program, rng):
    """Two amounts that soften the first row at rising rates; together they are limited."""
    sign = 1.0 if program.maximize else -1.0
    count = len(program.limits)
    coupling = np.zeros((count, 2))
    low, high = reach(program)
    span = max(high[0] - low[0], 1e-3)
    coupling[0] = -program.sense[0] * np.array([1.0, 1.0])
    return replace(
        program,
        auxiliary=auxiliary_of(
            2,
            integer=False,
            plans=program.plans,
            objective=-sign * np.array([0.2, 0.6]) / span,
            coupling=coupling,
            upper=np.array([0.2 * span, np.inf]),
            matrix=np.ones((1, 2)),
            row_lower=np.array([-np.inf]),
            row_upper=np.array([0.6 * span]),
        ),
    )


def with_tail(program, rng):
    """Bound the mean of the worst half of four scenarios: a level and an amount for each."""
    count, scenarios = len(program.limits), 4
    classes, plans = program.objective.shape[1:]
    rows = np.zeros((scenarios + 1, 3, classes, plans))
    rows[:scenarios, 1] = rng.uniform(0.5, 1.5, (scenarios, classes, plans))
    coupling = np.zeros((count + scenarios + 1, scenarios + 1))
    for s in range(scenarios):  # value_s + u_s - level >= 0
        coupling[count + s, s], coupling[count + s, -1] = 1.0, -1.0
    coupling[-1, :scenarios], coupling[-1, -1] = -1.0 / (0.5 * scenarios), 1.0
    wider = replace(
        program,
        rows=np.concatenate([program.rows, rows]),
        sense=np.concatenate([program.sense, -np.ones(scenarios + 1)]),
        limits=np.concatenate([program.limits, np.zeros(scenarios + 1)]),
    )
    low, high = reach(wider)
    floor = low[count : count + scenarios].mean() + 0.4 * (high - low)[count:-1].mean()
    wider.limits[-1] = floor
    lower = np.zeros(scenarios + 1)
    lower[-1] = -np.inf
    return replace(
        wider,
        auxiliary=auxiliary_of(
            scenarios + 1,
            integer=False,
            plans=plans,
            coupling=coupling,
            lower=lower,
            upper=np.full(scenarios + 1, np.inf),
        ),
    )


AUXILIARY = (
    with_worst_segment,
    lambda program, rng: with_worst_segment(program, rng, free=True),
    with_amounts,
    with_tail,
)


def enumerate_best(program):
    """Return the best objective over all assignments without auxiliary variables, or None."""
    block = program.source.block
    allowed = offered(block, program.plans, program.forbidden)
    weights = np.ones(block.size) if block.weights is None else block.weights
    value = dense(block, program.objective) * weights[:, None]
    used = np.array([dense(block, row) * weights[:, None] for row in program.rows])
    largest = np.where(allowed, np.abs(used), 0.0).max(axis=(1, 2), initial=0.0)
    every = np.arange(block.size)
    best = None
    for choice in product(*(np.flatnonzero(each) for each in allowed)):
        activity = used[:, every, choice].sum(axis=1)
        if (program.sense * (activity - program.limits) > 1e-8 * largest + 1e-13).any():
            continue
        worth = value[every, choice].sum()
        if best is None or program.sign * (worth - best) > 0:
            best = worth
    return best


def planted(groups, plans=20, segments=5, seed=0, *, dtype=np.float64, threads=None):
    """A budget, a capacity for every plan, a floor for every segment, which an assignment meets."""
    rng = np.random.default_rng(seed)
    price = 0.02 * np.exp(rng.normal(0.0, 1.0, plans))
    hard = rng.normal(0.0, 1.0, (groups, 1))
    skill = rng.normal(0.0, 1.0, plans) + 0.8 * np.log(price / 0.02)
    value = 1 / (1 + np.exp(hard - skill + rng.normal(0.0, 0.5, (groups, plans))))
    spend = price * np.exp(0.3 * hard + rng.normal(0.0, 0.3, (groups, plans)))
    block = Block(0, (value.astype(dtype), spend.astype(dtype)), rng.integers(0, segments, groups))
    objective = np.zeros((3, segments, plans + 1))
    objective[1] = 1.0
    rows = np.zeros((1 + plans + segments, 3, segments, plans + 1))
    rows[0, 2] = 1.0
    rows[np.arange(1, plans + 1), 0, :, np.arange(plans)] = 1.0
    rows[1 + plans + np.arange(segments), 1, np.arange(segments)] = 1.0
    sense = np.ones(len(rows))
    sense[1 + plans :] = -1.0
    program = AssignmentProgram(
        Arrays(block, threads), objective, rows, sense, np.zeros(len(rows)), maximize=True
    )
    # A noisy response to a price: good, not best, and unevenly over the segments.
    worth = value - 4.0 * spend + rng.normal(0.0, 0.02, value.shape)
    worth += 0.1 * (np.arange(plans) % segments == block.classes[:, None])
    activity = program.activity_of(totals(program, worth.argmax(axis=1).astype(np.int32)))
    return replace(program, limits=activity)


def empty_auxiliary(program):
    """Auxiliary variables that no row sees, for a program of none."""
    return auxiliary_of(1, integer=False, rows=len(program.limits), plans=program.plans)


__all__ = [
    "AUXILIARY",
    "empty_auxiliary",
    "enumerate_best",
    "planted",
    "random_program",
    "sparse",
]
