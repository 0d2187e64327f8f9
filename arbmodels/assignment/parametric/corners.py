"""The value function of programs with one coupling row, exactly: all its breakpoints.

Sorted by price, the breakpoints of all groups' envelopes (``one_row.envelope``) are
those of the linear relaxation as a function of the row's limit. After each of them every group has
one plan: there the relaxation is attained by an assignment.
"""

from __future__ import annotations

import numpy as np

from arbmodels.assignment.one_row.envelope import Rows, walk
from arbmodels.assignment.parametric.value_function import ValueFunction
from arbmodels.assignment.program import AssignmentProgram, dense, offered
from arbmodels.assignment.source import Block, BoolArray, FloatArray

#: Groups that walk together: their tables stay small beside the data.
_CHUNK = 1 << 13


def exact_value_function(program: AssignmentProgram) -> ValueFunction | None:
    """Return the value function of a program's only row; no side columns.

    One pass over the groups; the breakpoints of all of them are kept in memory, 16 bytes each.
    None if a group has no plan.
    """
    parts = program.source.map(
        _steps,
        program.sign * program.objective,
        program.sense[0] * program.rows[0],
        program.forbidden,
    )
    value, used, least_value, least_used = np.sum([part[0] for part in parts], axis=0)
    if not np.isfinite(value):
        return None
    price = np.concatenate([part[1] for part in parts])
    saved = np.concatenate([part[2] for part in parts])
    order = np.argsort(-price, kind="stable")
    price, saved = price[order], saved[order]
    # From the tightest limit that can be met to the loosest at which the row binds.
    last = np.append(np.flatnonzero(price[1:] < price[:-1]), len(price) - 1)[: len(price)]
    corners = np.append(least_used, least_used + np.cumsum(saved)[last])
    values = np.append(least_value, least_value + np.cumsum(price * saved)[last])
    # The far end without the rounding of the sums, which must not pass it on the way either.
    corners, values = np.minimum(corners, used), np.minimum(values, value)
    corners[-1], values[-1] = used, value
    slopes = np.append(price[last], 0.0)
    return ValueFunction(corners, values, corners, values, slopes, exact=True)


def _steps(
    block: Block, objective: FloatArray, row: FloatArray, forbidden: BoolArray | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return value and use at price zero and infinity, and every breakpoint's price and saving."""
    ends = np.zeros(4)
    prices, savings = [np.zeros(0)], [np.zeros(0)]
    for start in range(0, block.size, _CHUNK):
        part = block.take(slice(start, start + _CHUNK))
        allowed = offered(part, objective.shape[2], forbidden)
        if not allowed.any(axis=1).all():
            return np.full(4, np.nan), np.zeros(0), np.zeros(0)
        weights = np.ones((part.size, 1)) if part.weights is None else part.weights[:, None]
        value = np.where(allowed, dense(part, objective), 0.0) * weights
        value[~allowed] = -np.inf
        rows = Rows(value, np.where(allowed, dense(part, row), 0.0) * weights)
        steps = walk(rows, 0.0, np.inf)
        every = np.arange(part.size)
        for k, choice in ((0, steps.start), (2, steps.after(len(steps.price)))):
            ends[k] += value[every, choice].sum()
            ends[k + 1] += rows.chosen(choice).sum()
        prices.append(steps.price)
        savings.append(steps.saved)
    return ends, np.concatenate(prices), np.concatenate(savings)
