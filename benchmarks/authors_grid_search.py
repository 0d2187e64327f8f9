"""A faithful reimplementation of the authors' grid search, as the peer to be measured against.

It does what Olmedo, Schölkopf, Hardt (2026) describe and compute: for each of 102 allocations,
cascade the pass curves of every instance (with the expected spend per model that their routine
returns as well), stitch each instance's stages back onto the budget grid, average, integrate the
survival curves of the cascade and of every provider, interpolate costs over 1,000 solve rates and
take the mean margin. The authors batch instances and allocations; here every array operation runs
over all instances at once, allocations one after the other. It shares no code with the package,
which makes it an oracle for ``arbmodels.cascades.olmedo`` too.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

BUDGETS = np.logspace(-4, 0, 250)


def pass_curves(
    attempts: npt.NDArray[np.int64], successes: npt.NDArray[np.int64], cost: FloatArray
) -> FloatArray:
    """Unbiased pass@floor(budget / cost) of every pair at every budget, [N, M, B].

    One pair and one budget at a time, like the authors' loader.
    """
    curves = np.empty((*attempts.shape, len(BUDGETS)))
    for index in np.ndindex(attempts.shape):
        n, c = int(attempts[index]), int(successes[index])
        for b, budget in enumerate(BUDGETS):
            k = int(budget / cost[index])
            if k < 1:
                curves[(*index, b)] = 0.0
            elif k >= n or n - c < k:
                curves[(*index, b)] = float(c > 0)
            else:
                curves[(*index, b)] = 1.0 - np.prod(1.0 - k / np.arange(n - c + 1, n + 1))
    return curves


def cumulative_spend(curve: FloatArray) -> FloatArray:
    """Integral of 1 - curve up to every budget, linear in log budget between points."""
    x = np.concatenate([[1e-12], BUDGETS])
    y = np.concatenate([np.ones((*curve.shape[:-1], 1)), 1.0 - curve], axis=-1)
    t = np.log(x)
    slope = np.diff(y) / np.diff(t)
    level = y[..., :-1] - slope * t[:-1]
    area = slope * ((t[1:] - 1) * x[1:] - (t[:-1] - 1) * x[:-1]) + level * np.diff(x)
    return np.cumsum(area, axis=-1)


def cost_for(curve: FloatArray, targets: FloatArray) -> FloatArray:
    """Return the expected cost of each target, interpolated in log cost; infinite out of reach."""
    return np.exp(np.interp(targets, curve, np.log(cumulative_spend(curve)), right=np.inf))


def _interpolate(x: FloatArray, xp: FloatArray, fp: FloatArray) -> FloatArray:
    """np.interp for many curves [.., B] over one axis."""
    right = np.clip(np.searchsorted(xp, x, side="right"), 1, len(xp) - 1)
    left = right - 1
    width = xp[right] - xp[left]
    share = np.clip(np.where(width > 0, (x - xp[left]) / np.where(width > 0, width, 1), 1.0), 0, 1)
    value: FloatArray = fp[..., left] * (1 - share) + fp[..., right] * share
    return value


def cascade(curves: FloatArray, allocation: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Pass curve [B] and spend per model [M, B] of a cascade, averaged over instances."""
    log_budgets = np.log(BUDGETS)
    solved, before = np.zeros(len(curves)), 0.0
    axes, stages, spends = [], [], []
    for m, budget in enumerate(allocation):
        curve = curves[:, m]
        at_end = _interpolate(np.log([max(budget, BUDGETS[0])]), log_budgets, curve)[:, 0]
        stages.append(np.minimum(curve, at_end[:, None]) * (1 - solved)[:, None] + solved[:, None])
        axes.append(np.minimum(BUDGETS, budget) + before)
        local = np.minimum(np.maximum(BUDGETS - before, 0.0), budget)
        spend = _interpolate(np.log(np.maximum(local, 1e-12)), log_budgets, cumulative_spend(curve))
        spend = np.where(local >= BUDGETS[0], spend, 0.0)
        spends.append((1 - solved)[:, None] * spend)
        solved = at_end * (1 - solved) + solved
        before += budget
    axis = np.log(np.maximum(np.concatenate(axes), 1e-12))
    stitched = _interpolate(log_budgets, axis, np.concatenate(stages, axis=1))
    return stitched.mean(axis=0), np.stack(spends).mean(axis=1)


def grid_search(curves: FloatArray, targets: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the allocation with the largest mean margin, and its margins at the targets."""
    first = np.r_[0.0, np.logspace(np.log10(0.01), np.log10(0.5), 100), 1.0]
    best = (-1.0, np.zeros(2), np.zeros(len(targets)))
    for share in first:
        allocation = np.array([share, 1.0 - share])
        curve, _ = cascade(curves, allocation)
        # The authors price the providers anew for every allocation.
        prices = np.stack([cost_for(provider, targets) for provider in curves.mean(axis=0)])
        price = prices.min(axis=0)
        margin = np.maximum(price - cost_for(curve, targets), 0.0) / price
        if margin.mean() > best[0]:
            best = (float(margin.mean()), allocation, margin)
    return best[1], best[2]
