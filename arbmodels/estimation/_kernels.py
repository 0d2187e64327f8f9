"""Loops that numba makes some forty times quicker than NumPy, which would step state by state."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from arbmodels._compiling import SMALL, compiled
from arbmodels.passk import FloatArray

IntArray = npt.NDArray[np.int64]


@compiled(interpreted=SMALL)
def walk_back(
    flat: IntArray,
    layout: IntArray,
    spend: FloatArray,
    own: FloatArray,
    other: FloatArray,
) -> FloatArray:  # pragma: no cover - compiled
    """Sum ``other`` along the cheapest path, under ``own``, to each state of a lattice, [V, M].

    Parameters
    ----------
    flat : int array [V]
        States; the origin is 0.
    layout : int array [2, M]
        Shape of the lattice, and its strides counted in states.
    spend : float array [states]
        Least spend to every state.
    own, other : float arrays [M, states]
        Spend of the step of each model that starts in a state, on either set of instances.
    """
    shape, strides = layout[0], layout[1]
    total = np.zeros((len(flat), len(shape)))
    for v in range(len(flat)):
        state = flat[v]
        while state > 0:
            least = np.inf
            last, start = 0, 0
            for m in range(len(shape)):
                if (state // strides[m]) % shape[m] > 0:
                    before = state - strides[m]
                    via = spend[before] + own[m, before]
                    if via < least:
                        least, last, start = via, m, before
            total[v, last] += other[last, start]
            state = start
    return total


@compiled
def unsolved_at(
    grid: FloatArray, attempts: IntArray, successes: IntArray, cost: FloatArray
) -> FloatArray:  # pragma: no cover - compiled
    """Return 1 - pass@floor(b / q), unbiased and frozen at the record, for every budget b, [N, B].

    Parameters
    ----------
    grid : increasing float array [B], currency units
    attempts, successes : int arrays [N]
    cost : float array [N], currency units per attempt
    """
    failure = np.ones((len(attempts), len(grid)))
    for i in range(len(attempts)):
        n, c = attempts[i], successes[i]
        made, left = 0, 1.0
        for b in range(len(grid)):
            affordable = min(int(grid[b] * (1 + 1e-12) / cost[i]), n) if n > 0 else 0
            while made < affordable:
                left *= max(n - c - made, 0) / (n - made)
                made += 1
            failure[i, b] = left
    return failure


@compiled
def _log_spend_at(
    failure: FloatArray, weights: FloatArray, rates: FloatArray, out: FloatArray
) -> None:  # pragma: no cover - compiled
    """Write the log of the expected spend at increasing solve rates; infinite out of reach."""
    before, spend, log_before = 1.0, 0.0, -690.0
    at = 0
    for b in range(len(failure)):
        spend += weights[0, b] * before + weights[1, b] * failure[b]
        log_spend = np.log(max(spend, 1e-300))
        low, high = 1.0 - before, 1.0 - failure[b]
        while at < len(rates) and rates[at] < high:
            share = (rates[at] - low) / (high - low)
            # Nothing is cheaper than the first point of the grid, as for np.interp.
            out[at] = log_spend if b == 0 else log_before + (log_spend - log_before) * share
            at += 1
        before, log_before = failure[b], log_spend
    while at < len(rates):
        # The reach itself is the largest budget's.
        out[at] = log_before if rates[at] <= 1.0 - before + 1e-12 else np.inf
        at += 1


@compiled
def mean_margins(
    alone: FloatArray, cascades: FloatArray, weights: FloatArray, rates: FloatArray
) -> FloatArray:  # pragma: no cover - compiled
    """Return the mean margin of every cascade against the cheapest model, [A].

    Parameters
    ----------
    alone, cascades : float arrays [M, B], [A, B]
        Mean failure probability at every budget.
    weights : float array [2, B]
        Weights of the failure before and at each budget that integrate it.
    rates : increasing float array [U]
    """
    price = np.full(len(rates), np.inf)
    cost = np.empty(len(rates))
    for m in range(len(alone)):
        _log_spend_at(alone[m], weights, rates, cost)
        for u in range(len(rates)):
            price[u] = min(price[u], cost[u])
    margins = np.zeros(len(cascades))
    for a in range(len(cascades)):
        _log_spend_at(cascades[a], weights, rates, cost)
        total = 0.0
        for u in range(len(rates)):
            # A difference of rounding is none, so that ties go to the first allocation.
            if cost[u] < price[u] - 1e-12 and price[u] < np.inf:
                total += 1.0 - np.exp(cost[u] - price[u])
        margins[a] = total / len(rates)
    return margins
