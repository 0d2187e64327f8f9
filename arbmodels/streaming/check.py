"""What a block must be, and where it is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from arbmodels.assignment.source import Block, BoolArray, Quantity
from arbmodels.checks import LARGEST, is_weight, rounding_of

#: Problems listed of one block; a wrong column has one per row.
_LISTED = 100

#: Limits and meaning of the two quantities.
_SOLVE = "solve probability is not between 0 and 1"
_SPEND = "spend is not a number from 0 to 1e100"


def problems_of(block: Block, models: Sequence[str], place: Callable[[int], str]) -> list[str]:
    """Return a line for each of the first wrong values of a block of solve rates and spends.

    Parameters
    ----------
    block : Block
        With two quantities and as many columns as there are models.
    models : sequence of str
    place : callable
        Where a row of the block is, in words.
    """
    problems = []
    for values, text, limit in zip(block.quantities, (_SOLVE, _SPEND), (1.0, LARGEST), strict=True):
        slack = rounding_of(values) if limit == 1.0 else 0.0
        most = min(limit, float(np.finfo(values.dtype).max))
        if _good(values, most):
            continue
        wrong = ~((values >= -slack) & (values <= most + slack))
        if block.offered is not None:
            wrong &= block.offered
        problems += [
            f"{place(i)}, model {models[m]!r}: {text}: {values[i, m]:g}"
            for i, m in np.argwhere(wrong)[:_LISTED].tolist()
        ]
    if block.weights is not None:
        unfit = ~is_weight(block.weights)
        problems += [
            f"{place(i)}: weight is not a number from 0 to 1e100 (0, or at least 1e-100):"
            f" {block.weights[i]:g}"
            for i in np.flatnonzero(unfit)[:_LISTED].tolist()
        ]
    return problems


def without_model(block: Block) -> BoolArray:
    """Return which groups have no model offered, [g]."""
    if block.offered is None:
        return np.zeros(block.size, dtype=bool)
    some: BoolArray = np.any(block.offered, axis=1)
    return ~some


def _good(values: Quantity, most: float) -> bool:
    # Quick: no array is made. A comparison with NaN is false.
    return bool(values.size == 0 or (values.min() >= 0 and values.max() <= most))
