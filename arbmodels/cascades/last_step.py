"""Plans whose last purchase stops between two budgets of the grid."""

from __future__ import annotations

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


def cheapest_cuts(lattice: Lattice, target: FloatArray, best: FloatArray) -> Cuts:
    """Cut the last lattice step where it reaches each solve rate exactly.

    With log-linear curves the solve rate along a step is linear in the log of the model's budget,
    so the budget that reaches a target and the spend up to it have closed forms: the start's plus
    the integral of the share of instances that are unsolved and that the model has a record for.

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
    order = np.argsort(target, kind="stable")
    wanted = target[order]
    ceiling = np.maximum.accumulate(np.where(np.isnan(best), -np.inf, best)[order])
    flat = np.arange(lattice.spend.size).reshape(lattice.spend.shape)
    found = [
        Cuts(np.zeros(0, int), np.zeros(0), np.zeros(0, int), np.zeros(0, int), np.zeros(0)),
        *(
            _along(lattice, m, flat, wanted, ceiling)
            for m in range(len(lattice.grids))
            if len(wanted)
        ),
    ]
    every = Cuts(*(np.concatenate(column) for column in zip(*found, strict=True)))
    cheapest = np.lexsort((every.model, every.spend, every.target))
    leads = np.unique(every.target[cheapest], return_index=True)[1]
    kept = cheapest[leads]
    position = order[every.target[kept]]
    better = every.spend[kept] < best[position]
    kept = kept[better]
    return Cuts(
        position[better],
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
    flat = np.arange(lattice.spend.size).reshape(lattice.spend.shape)
    wanted, ceiling = np.array([solve_rate]), np.array([np.inf])
    parts = [_along(free, m, flat, wanted, ceiling) for m in range(len(lattice.grids))]
    return Cuts(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _along(
    lattice: Lattice,
    m: int,
    flat: npt.NDArray[np.int64],
    wanted: FloatArray,
    ceiling: FloatArray,
) -> Cuts:
    """All useful pairs of a step of model m and a target strictly inside it; targets sorted."""
    low, start = (
        np.delete(values, -1, axis=m).ravel() for values in (lattice.solve_rate, lattice.spend)
    )
    origin = np.delete(flat, -1, axis=m).ravel()
    high = np.delete(lattice.solve_rate, 0, axis=m).ravel()
    # A step that starts dearer than the best known plan of its dearest target is no use.
    step = np.flatnonzero((high > wanted[0]) & (low < wanted[-1]) & (start < ceiling[-1]))
    first = np.searchsorted(wanted, low[step], side="right")
    last = np.searchsorted(wanted, high[step], side="left")
    useful = (last > first) & (start[step] < ceiling[np.maximum(last - 1, 0)])
    step, first, count = step[useful], first[useful], (last - first)[useful]
    which = np.repeat(step, count)
    within = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    goal = np.repeat(first, count) + within
    cell = np.unravel_index(origin[which], lattice.spend.shape)[m]
    log_grid = log_budget(lattice.grids[m])
    log_low, log_high = log_grid[cell], log_grid[cell + 1]
    solved, gained = high[which] - low[which], wanted[goal] - low[which]
    log_end = log_low + (log_high - log_low) * (gained / solved)
    # The share of instances that pay falls by what is solved, from a start that the spend of the
    # whole step tells: instances that model m has no record for stay unsolved without paying.
    early, late = (each[cell] for each in log_linear_weights(log_grid[:-1], log_grid[1:]))
    paying = (lattice.step_spend[m].ravel()[which] + solved * late) / (early + late)
    early, late = log_linear_weights(log_low, log_end)
    more = paying * early + np.maximum(paying - gained, 0.0) * late
    return Cuts(goal, start[which] + more, origin[which], np.full(len(which), m), np.exp(log_end))
