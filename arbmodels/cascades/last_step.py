"""Plans whose last purchase stops between two budgets of the grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from arbmodels.cascades.lattice import Lattice
from arbmodels.model_curves import log_budget, log_linear_weights
from arbmodels.passk import FloatArray


class Cuts(NamedTuple):
    """For some targets, a plan that beats the lattice's: where its last step starts and ends."""

    target: npt.NDArray[np.int64]
    spend: FloatArray
    state: npt.NDArray[np.int64]
    model: npt.NDArray[np.int64]
    amount: FloatArray


class StepCuts(NamedTuple):
    """For some targets, a step that reaches it most cheaply: its position, spend and amount."""

    target: npt.NDArray[np.int64]
    spend: FloatArray
    step: npt.NDArray[np.int64]
    amount: FloatArray


def cheapest_cuts(lattice: Lattice, target: FloatArray, best: FloatArray) -> Cuts:
    """Cut the last lattice step where it reaches each solve rate exactly.

    Parameters
    ----------
    lattice : Lattice
        On the points between which the curves are log-linear.
    target : float array [U]
        Solve rates, no NaN.
    best : float array [U]
        Spend of the best plan on the lattice's own points; NaN out of reach.

    Returns
    -------
    Cuts
        Only for targets where the cut step is cheaper than ``best``; ``target`` holds positions.
    """
    found = [_along(lattice, m, target, best) for m in range(len(lattice.grids))]
    every = Cuts(*(np.concatenate(column) for column in zip(*found, strict=True)))
    order = np.lexsort((every.model, every.spend, every.target))
    kept = order[np.unique(every.target[order], return_index=True)[1]]
    return Cuts(
        every.target[kept],
        every.spend[kept],
        every.state[kept],
        every.model[kept],
        every.amount[kept],
    )


def crossing_steps(lattice: Lattice, solve_rate: float) -> Cuts:
    """Return every lattice step that passes a solve rate, cut where it reaches it.

    Parameters
    ----------
    lattice : Lattice
        On the points between which the curves are log-linear.
    solve_rate : float

    Returns
    -------
    Cuts
        ``spend`` is that of the cut step alone, at list prices.
    """
    free = replace(lattice, spend=np.zeros_like(lattice.spend))
    wanted, ceiling = np.array([solve_rate]), np.array([np.inf])
    parts = [_along(free, m, wanted, ceiling, every=True) for m in range(len(lattice.grids))]
    return Cuts(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _along(
    lattice: Lattice, m: int, target: FloatArray, best: FloatArray, *, every: bool = False
) -> Cuts:
    """Cut the steps of model m; without ``every``, the cheapest one for each target."""
    low, start = (
        np.delete(values, -1, axis=m).ravel() for values in (lattice.solve_rate, lattice.spend)
    )
    high = np.delete(lattice.solve_rate, 0, axis=m).ravel()
    flat = np.arange(lattice.spend.size).reshape(lattice.spend.shape)
    origin = np.delete(flat, -1, axis=m).ravel()
    log_grid = log_budget(lattice.grids[m])

    def ends(which: npt.NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        cell = np.unravel_index(origin[which], lattice.spend.shape)[m]
        return log_grid[cell], log_grid[cell + 1]

    spend = lattice.step_spend[m].ravel()
    cut = cut_steps(low, high, start, spend, ends, target, best, every=every)
    model = np.full(len(cut.step), m)
    return Cuts(cut.target, cut.spend, origin[cut.step], model, cut.amount)


def cut_steps(  # noqa: PLR0917
    low: FloatArray,
    high: FloatArray,
    start: FloatArray,
    spend: FloatArray,
    ends: Callable[[npt.NDArray[np.int64]], tuple[FloatArray, FloatArray]],
    target: FloatArray,
    best: FloatArray,
    *,
    every: bool = False,
) -> StepCuts:
    """Cut steps where they reach solve rates exactly.

    With log-linear curves the solve rate along a step is linear in the log of the model's budget,
    so the budget that reaches a target and the spend up to it have closed forms: the start's plus
    the integral of the share of instances that are unsolved and that the model has a record for.

    Parameters
    ----------
    low, high, start, spend : float arrays [S]
        Solve rates before and after each step, spend before it, and what it spends.
    ends : callable
        Positions of steps -> the logs of the budgets of their model before and after.
    target : float array [U]
        Solve rates, no NaN.
    best : float array [U]
        Spend that is known for each target; NaN out of reach.
    every : bool
        Return every step that passes a target, not the cheapest one that undercuts ``best``.
    """
    order = np.argsort(target, kind="stable")
    wanted = target[order]
    ceiling = np.maximum.accumulate(np.where(np.isnan(best), -np.inf, best)[order])
    nothing = np.zeros(0, dtype=np.int64)
    if not len(wanted):
        return StepCuts(nothing, np.zeros(0), nothing, np.zeros(0))
    # A step that starts dearer than the best known plan of its dearest target is no use.
    step = np.flatnonzero((high > wanted[0]) & (low < wanted[-1]) & (start < ceiling[-1]))
    first = np.searchsorted(wanted, low[step], side="right")
    last = np.searchsorted(wanted, high[step], side="left")
    useful = (last > first) & (start[step] < ceiling[np.maximum(last - 1, 0)])
    step, first, count = step[useful], first[useful], (last - first)[useful]
    which = np.repeat(step, count)
    within = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    goal = np.repeat(first, count) + within
    log_low, log_high = ends(which)
    solved, gained = high[which] - low[which], wanted[goal] - low[which]
    log_end = log_low + (log_high - log_low) * (gained / solved)
    # The share of instances that pay falls by what is solved, from a start that the spend of the
    # whole step tells: instances that model m has no record for stay unsolved without paying.
    early, late = log_linear_weights(log_low, log_high)
    paying = (spend[which] + solved * late) / (early + late)
    early, late = log_linear_weights(log_low, log_end)
    more = paying * early + np.maximum(paying - gained, 0.0) * late
    found = StepCuts(order[goal], start[which] + more, which, np.exp(log_end))
    if every:
        return found
    cheapest = np.lexsort((found.spend, found.target))
    kept = cheapest[np.unique(found.target[cheapest], return_index=True)[1]]
    kept = kept[found.spend[kept] < best[found.target[kept]]]
    return StepCuts(found.target[kept], found.spend[kept], found.step[kept], found.amount[kept])
