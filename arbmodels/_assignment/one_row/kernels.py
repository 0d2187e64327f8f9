"""Compiled passes of programs with one row and at most two quantities; each reads a block once.

Arrays are passed as to the kernels of one pass. Nothing branches on which plan is best:
a processor cannot guess it. Sums are made of partial sums over ``chunk`` groups, for rounding's
sake.
"""

from __future__ import annotations

import numpy as np

from arbmodels._assignment.kernels import Index
from arbmodels._assignment.program import BoolArray, FloatArray, IntArray, Quantity
from arbmodels._compiling import SMALL, compiled


@compiled(interpreted=SMALL)
def both_ends(  # noqa: PLR0917
    first: Quantity,
    second: Quantity,
    low: FloatArray,
    high: FloatArray,
    classes: IntArray,
    weights: FloatArray,
    offered: BoolArray,
    chunk: int,
    at_low: Index,
    at_high: Index,
    sums: FloatArray,
) -> None:
    """Write every group's best plan by two tables [3, C, J], the first of equally good ones.

    Added to ``sums`` [3, 3, C, J] are weight and weighted quantities: of the groups where both
    plans are the same, and of the others by their plan at ``low`` and at ``high``. NaN is never
    chosen.
    """
    groups, width = first.shape
    plans = low.shape[2]
    masked = offered.size > 0
    value, other = np.empty(plans), np.empty(plans)
    part = np.zeros(sums.shape)
    for start in range(0, groups, chunk):
        part[:] = 0.0
        for g in range(start, min(start + chunk, groups)):
            c = classes[g] if classes.size else 0
            for j in range(width):
                value[j] = low[0, c, j] + low[1, c, j] * first[g, j] + low[2, c, j] * second[g, j]
                other[j] = (
                    high[0, c, j] + high[1, c, j] * first[g, j] + high[2, c, j] * second[g, j]
                )
            for j in range(width, plans):
                value[j], other[j] = low[0, c, j], high[0, c, j]
            if masked:
                for j in range(width):
                    if not offered[g, j]:
                        value[j] = other[j] = -np.inf
            top, above, i, k = -np.inf, -np.inf, 0, 0
            for j in range(plans):
                better = value[j] > top
                top = value[j] if better else top
                i = j if better else i
                better = other[j] > above
                above = other[j] if better else above
                k = j if better else k
            at_low[g], at_high[g] = i, k
            weight = weights[g] if weights.size else 1.0
            if top == -np.inf:
                continue
            kind = 0 if i == k else 1
            part[kind, 0, c, i] += weight
            if i < width:
                part[kind, 1, c, i] += weight * first[g, i]
                part[kind, 2, c, i] += weight * second[g, i]
            if i != k:
                part[2, 0, c, k] += weight
                if k < width:
                    part[2, 1, c, k] += weight * first[g, k]
                    part[2, 2, c, k] += weight * second[g, k]
        sums += part


@compiled(interpreted=SMALL)
def best_and_chosen(  # noqa: PLR0917
    first: Quantity,
    second: Quantity,
    table: FloatArray,
    classes: IntArray,
    weights: FloatArray,
    offered: BoolArray,
    chunk: int,
    choice: Index,
    sums: FloatArray,
) -> float:
    """Return the weighted sum of what each group's best plan by ``table`` [3, C, J] is worth.

    Weight and weighted quantities of the plans in ``choice`` are added to ``sums`` [3, C, J].
    Minus infinity if a group has no plan.
    """
    groups, width = first.shape
    plans = table.shape[2]
    masked = offered.size > 0
    value = np.empty(plans)
    part = np.zeros(sums.shape)
    total = 0.0
    for start in range(0, groups, chunk):
        part[:] = 0.0
        some = 0.0
        for g in range(start, min(start + chunk, groups)):
            c = classes[g] if classes.size else 0
            for j in range(width):
                value[j] = (
                    table[0, c, j] + table[1, c, j] * first[g, j] + table[2, c, j] * second[g, j]
                )
            for j in range(width, plans):
                value[j] = table[0, c, j]
            if masked:
                for j in range(width):
                    if not offered[g, j]:
                        value[j] = -np.inf
            top = -np.inf
            for j in range(plans):
                top = value[j] if value[j] > top else top
            weight = weights[g] if weights.size else 1.0
            # A weight of zero times minus infinity is no number.
            some += top if top == -np.inf else weight * top
            i = choice[g]
            part[0, c, i] += weight
            if i < width:
                part[1, c, i] += weight * first[g, i]
                part[2, c, i] += weight * second[g, i]
        total += some
        sums += part
    return total
