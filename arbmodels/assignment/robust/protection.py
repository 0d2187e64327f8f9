r"""What a coupling row must keep in reserve when its coefficients deviate, at most Gamma at once.

The coefficient of instance i on plan j lies in :math:`[a_{ij}, a_{ij} + d_{ij}]` and at most
:math:`\Gamma` instances deviate, the last one by the fraction left over. With D the chosen
:math:`w_i d_{i x(i)}`, the reserve is the sum of the :math:`\Gamma` largest,

.. math::
    \beta(x) = \max_{0 \le \theta \le 1, \; \sum \theta \le \Gamma} \theta^\top D
             = \min_{z \ge 0} \; \Gamma z + \sum_i \max(D_i - z, 0),

and an optimal z is zero or one of the D (Bertsimas and Sim 2004, "The price of robustness").
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from arbmodels.assignment.passes import Choice, totals
from arbmodels.assignment.program import AssignmentProgram, Deviations, dense, offered
from arbmodels.assignment.robust.extended import Extended, Rows
from arbmodels.assignment.source import Arrays, Block, BoolArray, FloatArray, Quantity, Source

#: Groups looked at together, few enough to stay in the processor's cache.
_CHUNK = 2048


def excess_source(program: AssignmentProgram, deviations: Deviations, z: float) -> Source:
    """Return the program's source with one more quantity: max(w d - z, 0) / w, summed per group."""
    if deviations.members is None:
        return Extended(program.source, partial(_excess, table=deviations.table, z=z))
    members = deviations.members
    shape = (program.groups, program.plans)
    sums = np.sum(
        members.source.map(_grouped_excess, deviations.table, z, members.group, shape), axis=0
    )
    block = program.source.take(np.arange(program.groups))
    sums = sums[:, : block.width] / _weights(block)[:, None]
    return Arrays(replace(block, quantities=(*block.quantities, sums)))


def plain(
    program: AssignmentProgram, deviations: Deviations, low: float, high: float
) -> AssignmentProgram:
    """Return the plain program that admits what any z from low to high admits.

    Its last quantity is the excess over ``high``.
    """
    row = deviations.row
    none = np.zeros((1, *program.objective.shape[1:]))
    rows = np.concatenate([program.rows, np.zeros_like(program.rows[:, :1])], axis=1)
    rows[row, -1] = 1.0
    limits = program.limits.astype(float)
    limits[row] -= deviations.gamma * low
    return replace(
        program,
        source=excess_source(program, deviations, high),
        objective=np.concatenate([program.objective, none]),
        rows=rows,
        limits=limits,
        sizes=None,  # of loosened rows
    )


def chosen_deviations(
    program: AssignmentProgram, deviations: Deviations, choice: Choice
) -> FloatArray:
    """Return w d of every instance at its group's plan, [N]."""
    if deviations.members is None:
        parts = program.source.map(_chosen, deviations.table, choice)
    else:
        members = deviations.members
        parts = members.source.map(_chosen, deviations.table, choice[members.group])
    return np.concatenate(parts)


def deviations_of(program: AssignmentProgram, deviations: Deviations) -> FloatArray:
    """Return w d of every instance at every plan its group may have, [N, J]; zero elsewhere."""
    block = program.source.take(np.arange(program.groups))
    allowed = offered(block, program.plans, program.forbidden)
    members = deviations.members
    if members is not None:
        block = members.source.take(np.arange(members.source.groups))
        allowed = allowed[members.group]
    return np.where(allowed, _weighted(block, deviations.table), 0.0)


def activity_at(
    program: AssignmentProgram,
    choice: Choice,
    sums: FloatArray,
    side: FloatArray | None = None,
) -> FloatArray:
    """Return the left-hand sides of all rows at an assignment, deviations included, [R]."""
    activity = program.activity_of(sums, side)
    protected = program.protected
    if protected is not None:
        chosen = chosen_deviations(program, protected, choice)
        activity[protected.row] += protection(chosen, protected.gamma)
    return activity


def protected_activity(
    program: AssignmentProgram, choice: Choice, side: FloatArray | None = None
) -> float:
    """Return the left-hand side of the protected row at an assignment."""
    assert program.protected is not None  # noqa: S101 - for the type checker
    activity = activity_at(program, choice, totals(program, choice), side)
    return float(activity[program.protected.row])


def protection(chosen: FloatArray, gamma: float) -> float:
    """Return the sum of the gamma largest of these deviations; of the next one, the fraction."""
    if gamma >= len(chosen):
        return float(chosen.sum())
    whole = math.floor(gamma)
    top = -np.partition(-chosen, whole)[: whole + 1]
    return float(top[:whole].sum() + (gamma - whole) * top[whole])


def best_threshold(chosen: FloatArray, gamma: float) -> float:
    """Return a z at which gamma z + sum max(chosen - z, 0) is least: 0 or one of ``chosen``."""
    if gamma >= len(chosen):
        return 0.0
    whole = math.floor(gamma)
    return float(-np.partition(-chosen, whole)[whole])


def thresholds(program: AssignmentProgram, deviations: Deviations, *, listed: bool) -> FloatArray:
    """Return where the best z may lie, increasing: 0 and every w d.

    If they are not to be ``listed``, only 0 and the largest w d, between which it lies.
    """
    source, groups = program.source, None
    if deviations.members is not None:
        source, groups = deviations.members.source, deviations.members.group
    if groups is None:
        parts = source.map(_possible, deviations.table, program.forbidden, listed)
    else:
        block = program.source.take(np.arange(program.groups))
        allowed = offered(block, program.plans, program.forbidden)
        parts = source.map(_possible_together, deviations.table, allowed[groups], listed)
    values = np.unique(np.concatenate([np.zeros(1), *parts]))
    return values if listed else values[[0, -1]]


def _weights(block: Block) -> FloatArray:
    """Weights of a block, 1 in place of 0 so that one can divide by them."""
    if block.weights is None:
        return np.ones(block.size)
    return np.where(block.weights > 0, block.weights, 1.0)


def _weighted(block: Block, table: FloatArray) -> FloatArray:
    """Deviations times weights, [g, J]."""
    result = dense(block, table)
    if block.weights is not None:
        result *= block.weights[:, None]
    return result


def _excess(block: Block, rows: Rows, table: FloatArray, z: float) -> tuple[Quantity, ...]:
    del rows  # the block says enough
    excess = np.empty((block.size, block.width))
    for start in range(0, block.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        over = _weighted(block.take(part), table)[:, : block.width] - z
        np.maximum(over, 0.0, out=excess[part])
    if block.weights is not None:
        excess /= _weights(block)[:, None]
    return (excess,)


def _grouped_excess(
    block: Block,
    table: FloatArray,
    z: float,
    group: npt.NDArray[np.int64],
    shape: tuple[int, int],
) -> FloatArray:
    result = np.zeros(shape)
    inside = group[block.start : block.start + block.size]
    np.add.at(result, inside, np.maximum(_weighted(block, table) - z, 0.0))
    return result


def _chosen(block: Block, table: FloatArray, choice: Choice) -> FloatArray:
    mine = choice[block.start : block.start + block.size]
    classes = np.zeros(1, dtype=np.int64) if block.classes is None else block.classes
    chosen = np.array(np.broadcast_to(table[0][classes, mine], block.size))
    bought = np.flatnonzero(mine < block.width)
    for k, quantity in enumerate(block.quantities, start=1):
        if table[k].any():
            factor = np.broadcast_to(table[k][classes, mine], block.size)
            chosen[bought] += factor[bought] * quantity[bought, mine[bought]]
    return chosen if block.weights is None else chosen * block.weights


def _possible(
    block: Block, table: FloatArray, forbidden: BoolArray | None, listed: bool
) -> FloatArray:
    kept = offered(block, table.shape[2], forbidden)
    return _distinct(_weighted(block, table)[kept], listed)


def _possible_together(
    block: Block, table: FloatArray, allowed: BoolArray, listed: bool
) -> FloatArray:
    kept = allowed[block.start : block.start + block.size]
    return _distinct(_weighted(block, table)[kept], listed)


def _distinct(values: FloatArray, listed: bool) -> FloatArray:
    return np.unique(values) if listed else values.max(initial=0.0, keepdims=True)
