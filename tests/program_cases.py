"""Random assignment programs and their enumeration, for frontiers, exports and algebra."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
from scipy import sparse

from arbmodels._assignment import Arrays, AssignmentProgram, AuxiliaryVariables, Block
from arbmodels._assignment.pricing import totals
from arbmodels._assignment.program import dense
from arbmodels._assignment.program import offered as offered_pairs

#: A row may be violated by this share of its largest coefficient.
SLACK = 1e-7


def random_program(
    seed, groups=4, plans=3, rows=1, *, maximize=True, weighted=False, missing=0.0, forbid=False
):
    """Two classes, three quantities, limits inside the range that each row can take."""
    rng = np.random.default_rng(seed)
    shape = (groups, plans)
    quantities = rng.random(shape), rng.exponential(1.0, shape), rng.integers(0, 4, shape) * 0.5
    offered = None
    if missing:
        offered = rng.random(shape) >= missing
        offered[np.arange(groups), rng.integers(0, plans, groups)] = True
    forbidden = None
    if forbid and offered is None and plans > 1:
        forbidden = np.zeros((2, plans), dtype=bool)
        forbidden[1, 0] = True
    objective = np.zeros((4, 2, plans))
    objective[1 if maximize else 2] = 1.0
    table = np.zeros((rows, 4, 2, plans))
    sense = np.ones(rows)
    for r in range(rows):
        kind = int(rng.integers(0, 3))
        if kind == 0:  # like a budget, of one class or of all
            table[r, 2] = 1.0
            table[r, 2, 0] = rng.integers(0, 2)
        elif kind == 1:  # like a floor
            table[r, 1] = 1.0
            sense[r] = -1.0
        else:  # like the uses of a plan, with a constant
            table[r, 3] = 1.0
            table[r, 0, :, 0] = 0.25
    program = AssignmentProgram(
        Arrays(
            Block(
                0,
                quantities,
                rng.integers(0, 2, groups),
                rng.uniform(0.2, 2.0, groups) if weighted else None,
                offered,
            )
        ),
        objective,
        table,
        sense,
        np.zeros(rows),
        maximize,
        forbidden,
    )
    block = program.source.block
    allowed = offered_pairs(block, plans, forbidden)
    weights = np.ones(groups) if block.weights is None else block.weights
    used = np.array([dense(block, row) for row in table])
    low = np.where(allowed, used, np.inf).min(axis=2) @ weights
    high = np.where(allowed, used, -np.inf).max(axis=2) @ weights
    return replace(program, limits=low + rng.uniform(0.2, 0.9, rows) * (high - low))


def with_fees(program, seed):
    """A binary for each of the last two plans, with a fee in the objective and in the first row.

    At most one of the two is open, and an amount that the first row may be exceeded by costs.
    """
    rng = np.random.default_rng(seed)
    plans, rows = program.plans, len(program.limits)
    needs = np.zeros((plans, 3), dtype=bool)
    needs[-1, 0] = needs[-2, 1] = True
    coupling = np.zeros((rows, 3))
    coupling[0, :2] = program.sense[0] * rng.uniform(0.0, 0.2, 2)
    coupling[0, 2] = -program.sense[0]
    fee = -program.sign * rng.uniform(0.0, 0.3, 2)
    auxiliary = AuxiliaryVariables(
        ("open last", "open last but one", "excess"),
        np.append(fee, -program.sign * 0.2),
        coupling,
        np.zeros(3),
        np.array([1.0, 1.0, 0.05]),
        np.array([True, True, False]),
        needs,
        sparse.csr_array([[1.0, 1.0, 0.0]]),
        np.array([-np.inf]),
        np.array([1.0]),
    )
    return replace(program, auxiliary=auxiliary)


def enumerated(program):
    """Return all assignments [A, G], their objectives [A] and activities [A, R]."""
    block = program.source.block
    classes = block.classes
    options = [
        [
            j
            for j in range(program.plans)
            if (block.offered is None or block.offered[g, j])
            and (program.forbidden is None or not program.forbidden[classes[g], j])
        ]
        for g in range(program.groups)
    ]
    choices = np.array(list(product(*options)), dtype=np.int32)
    sums = [totals(program, choice) for choice in choices]
    plain = replace(program, auxiliary=None)
    return (
        choices,
        np.array([plain.value_of(each) for each in sums]),
        np.array([plain.activity_of(each) for each in sums]).reshape(len(choices), -1),
    )


def best_by_enumeration(program):
    """Return the best objective, of integer variables and of the excess too; None if none."""
    choices, value, activity = enumerated(program)
    size = SLACK * np.maximum(np.abs(program.limits), 1.0)
    best = None
    auxiliary = program.auxiliary
    for opened in [(0, 0)] if auxiliary is None else [(0, 0), (0, 1), (1, 0)]:
        kept = np.ones(len(choices), dtype=bool)
        extra, used = np.zeros(len(choices)), activity.copy()
        if auxiliary is not None:
            y = np.array([*opened, 0.0])
            for e in (0, 1):
                if not opened[e]:
                    kept &= ~np.isin(choices, np.flatnonzero(auxiliary.needs[:, e])).any(axis=1)
            used = used + auxiliary.coupling @ y
            over = program.sense[0] * (used[:, 0] - program.limits[0])
            amount = np.clip(over, 0.0, auxiliary.upper[2])
            used[:, 0] -= program.sense[0] * amount
            extra = auxiliary.objective @ y + auxiliary.objective[2] * amount
        kept &= (program.sense * (used - program.limits) <= size).all(axis=1)
        if kept.any():
            total = program.sign * (value + extra)[kept]
            found = program.sign * total.max()
            best = (
                found
                if best is None
                else program.sign * max(program.sign * best, program.sign * found)
            )
    return best
