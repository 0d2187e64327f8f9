r"""Compiled loops: the chance that k attempts in a row are rejected, and the best path onwards.

Let attempts come from an urn of A right and B wrong ones that grows by one of its kind with every
draw (Polya), a be the chance that a wrong one is rejected and b that a right one is. The
probability F(k) that k attempts are all rejected obeys, being a Gauss hypergeometric function,

.. math:: (A + B + k) F(k+1) = \left[a (B + k) + b (A + k)\right] F(k) - a b k F(k-1).

An urn drawn without replacement from c right and n - c wrong records has A = -c and B = -(n-c):

.. math:: (n - k) F(k+1) = \left[a (n-c-k) + b (c-k)\right] F(k) + a b k F(k-1).

As long as the bracket is positive the ratios F(k+1) / F(k) follow forwards from sums of positive
numbers; once it is negative they do so backwards from F(n+1) = 0. Nothing cancels either way, so
every ratio is good to a few ulp for records of any length.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from arbmodels._compiling import compiled

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@compiled
def record_ratios(
    records: FloatArray, right: FloatArray, keep_wrong: float, keep_right: float, ratio: FloatArray
) -> None:
    """Write F(k+1) / F(k) of draws without replacement into the first n columns of each row.

    ``records`` n and ``right`` c are whole numbers [N]; ``keep_wrong`` a > 0 and ``keep_right`` b
    are the chances of rejection; ``ratio`` is [N, K].
    """
    a, b = keep_wrong, keep_right
    for i in range(len(records)):
        n, c = records[i], right[i]
        last = min(int(n), ratio.shape[1])
        if b == 0.0:
            for k in range(last):
                ratio[i, k] = a * max(n - c - k, 0.0) / (n - k)
            continue
        turn = 0
        previous = 1.0
        while turn < last:
            bracket = a * (n - c - turn) + b * (c - turn)
            if bracket < 0.0:
                break
            previous = (bracket + a * b * turn / previous) / (n - turn)
            ratio[i, turn] = previous
            turn += 1
        following = 0.0
        for k in range(int(n), turn, -1):
            bracket = a * (n - c - k) + b * (c - k)
            following = a * b * k / ((n - k) * following - bracket)
            if k <= last:
                ratio[i, k - 1] = following


@compiled
def urn_ratios(
    right: FloatArray, wrong: FloatArray, keep_wrong: float, keep_right: float, ratio: FloatArray
) -> None:
    """Write F(k+1) / F(k) of a beta-binomial with A = ``right`` > 0, B = ``wrong`` > 0, [N]."""
    a, b = keep_wrong, keep_right
    for i in range(len(right)):
        previous = 1.0
        for k in range(ratio.shape[1]):
            bracket = a * (wrong[i] + k) + b * (right[i] + k)
            previous = (bracket - a * b * k / previous) / (right[i] + wrong[i] + k)
            ratio[i, k] = previous


@compiled
def best_path(  # noqa: PLR0917  compiled functions take no keywords only
    gain: FloatArray,
    cost: FloatArray,
    strides: IntArray,
    value_of_gain: float,
    value_of_cost: float,
    path: IntArray,
) -> tuple[float, float, float, int]:
    """Maximise the value of a path that starts in state 0 and may stop anywhere.

    ``gain`` and ``cost`` are [M, S] per step of model m from state s, ``cost`` being infinite
    where the step leaves the lattice; ``strides`` [M] says how far a step moves in flat states.
    Writes the models of the steps into ``path`` and returns value, gain, cost and length. Ties
    go to stopping, then to the model that comes first.
    """
    models, states = gain.shape
    value = np.zeros(states)
    choice = np.full(states, -1, np.int8)
    for s in range(states - 1, -1, -1):
        best, chosen = 0.0, -1
        for m in range(models):
            if cost[m, s] < np.inf:
                onwards = (
                    value_of_gain * gain[m, s] - value_of_cost * cost[m, s] + value[s + strides[m]]
                )
                if onwards > best:
                    best, chosen = onwards, m
        value[s], choice[s] = best, chosen
    s, steps, gained, spent = 0, 0, 0.0, 0.0
    while choice[s] >= 0:
        m = choice[s]
        path[steps] = m
        gained += gain[m, s]
        spent += cost[m, s]
        s += strides[m]
        steps += 1
    return value[0], gained, spent, steps
