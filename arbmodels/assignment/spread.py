"""Spreading choices evenly without a period, so that no order of the groups can fool a sample."""

from __future__ import annotations

import numpy as np

from arbmodels.assignment.source import FloatArray, IntArray

#: Its multiples, modulo one, are spread evenly, in no order (Weyl's sequence).
_GOLDEN = 0.6180339887498949


def mixed(count: int) -> FloatArray:
    """Return so many numbers in [0, 1), spread evenly and in no order."""
    numbers: FloatArray = np.arange(count, dtype=np.float64) * _GOLDEN % 1.0
    return numbers


def spread(groups: int, size: int) -> IntArray:
    """Return ``size`` of so many positions, increasing, evenly but not periodically."""
    positions = ((np.arange(size) + mixed(size)) * (groups / size)).astype(np.int64)
    return np.minimum(positions, groups - 1)
