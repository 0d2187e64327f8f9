r"""Least spend of every state of attempts and every latency: the dynamic program over batches.

A batch of k attempts of model m leads from the attempts a to a + k e_m, is paid together whether
or not its first attempts succeed, and takes the time of one attempt. The latency of a plan whose
attempts all fail is the sum over its batches; only finitely many such sums keep a limit, so that
time needs no grid:

.. math:: D(a, t) = \min_{m, k}\; D(a - k e_m, t - \tau_m) + \sum_i w_i q_{im} k S_i(a - k e_m)

is exact on whole attempts (under "stop-at-record" the batch pays what is left of the record).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from arbmodels.compiling import compiled
from arbmodels.errors import InputError
from arbmodels.passk import FloatArray

IntArray = npt.NDArray[np.int64]

#: Latencies closer than this (relative to the limit) are the same.
_SAME_TIME = 1e-9
#: States times latencies that are kept, and times moves that are looked at: some seconds.
MAX_CELLS, MAX_WORK = 20_000_000, 2_000_000_000


class BatchPaths(NamedTuple):
    """Least spend, and the last batch on the way to it.

    Parameters
    ----------
    latency : float array [T], seconds
        All sums of batch latencies within the limit, increasing from 0.
    spend : float array [T, states], currency units per instance
        Least expected spend of the plans that end in a state after exactly this latency; infinite
        if there is none.
    model, size : int array [T, states]
        Last batch; -1 and 0 at the origin and where there is no plan.
    """

    latency: FloatArray
    spend: FloatArray
    model: IntArray
    size: IntArray


def latency_sums(seconds: FloatArray, most: IntArray, limit: float) -> FloatArray:
    """Return the distinct sums of latencies within a limit, increasing from 0.

    Parameters
    ----------
    seconds : float array [M]
        Of a batch of every model.
    most : int array [M]
        Most batches of every model.
    limit : float, seconds
    """
    sums = np.zeros(1)
    for each, count in zip(seconds, most, strict=True):
        every = np.sort((sums[:, None] + each * np.arange(count + 1)).ravel())
        every = every[every <= limit * (1 + _SAME_TIME)]
        sums = every[np.append(True, np.diff(every) > _SAME_TIME * limit)]
    return sums


def batch_paths(
    shape: tuple[int, ...], paid: FloatArray, seconds: FloatArray, limit: float
) -> BatchPaths:
    """Solve the program over batches.

    Parameters
    ----------
    shape : tuple of M int
        Amounts of every model, 0 included.
    paid : float array [M, B, states], currency units per instance
        Expected spend on a batch of b + 1 attempts of a model from a state.
    seconds : float array [M]
        Latency of a batch.
    limit : float, seconds

    Raises
    ------
    InputError
        If the program is too large; the text says how to make it smaller.
    """
    states = int(np.prod(shape))
    most = np.array(shape) - 1
    latency = latency_sums(seconds, most, limit)
    cells = states * len(latency)
    moves = int(np.minimum(most, paid.shape[1]).sum())
    if cells > MAX_CELLS or cells * moves > MAX_WORK:
        raise InputError(
            f"{states:,} states of attempts at {len(latency):,} latencies with {moves} batches each"
            " are too many: give attempt_curves(market, max_attempts=...) with fewer, a smaller"
            " largest batch or time limit, or latencies that are multiples of a common unit."
        )
    # Where a latency leads after a batch of each model; -1 beyond the limit.
    ends = latency[:, None] + seconds
    later = np.searchsorted(latency, ends - _SAME_TIME * limit)
    inside = later < len(latency)
    near = np.abs(latency[np.minimum(later, len(latency) - 1)] - ends) <= 2 * _SAME_TIME * limit
    later = np.where(inside & near, later, -1)
    stride = np.array([int(np.prod(shape[m + 1 :])) for m in range(len(shape))])
    spend, model, size = _paths(np.array(shape), stride, paid, later)
    return BatchPaths(latency, spend, model, size)


@compiled
def _paths(
    shape: IntArray, stride: IntArray, paid: FloatArray, later: IntArray
) -> tuple[FloatArray, IntArray, IntArray]:
    """States in lexicographic order: every batch leads to a later one."""
    times, models = later.shape
    states, largest = paid.shape[2], paid.shape[1]
    spend = np.full((times, states), np.inf)
    last = np.full((times, states), -1)
    size = np.zeros((times, states), dtype=np.int64)
    spend[0, 0] = 0.0
    for state in range(states):
        for m in range(models):
            room = min(shape[m] - 1 - (state // stride[m]) % shape[m], largest)
            for t in range(times):
                after, here = later[t, m], spend[t, state]
                if after < 0 or here == np.inf:
                    continue
                for k in range(room):
                    goal = state + (k + 1) * stride[m]
                    total = here + paid[m, k, state]
                    if total < spend[after, goal]:
                        spend[after, goal] = total
                        last[after, goal] = m
                        size[after, goal] = k + 1
    return spend, last, size
