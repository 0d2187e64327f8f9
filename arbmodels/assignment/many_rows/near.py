"""Pairs that lose little at given prices: all that can matter near them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arbmodels.assignment.many_rows.dual import Dual, Point, coefficients
from arbmodels.assignment.passes import Choice
from arbmodels.assignment.program import dense, offered
from arbmodels.assignment.source import Block, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Near:
    """Moves of some groups away from their best plans.

    Attributes
    ----------
    positions : int array [n]
        Groups that may move, increasing.
    group : int array [P]
        Of every move, as an index into ``positions``; increasing.
    plan : int array [P]
        To which.
    loss : float array [P]
        Weighted loss in the priced objective, not negative.
    gain : float array [P]
        Weighted gain in the objective, oriented to be maximised.
    change : float array [P, R]
        Weighted change of the rows, oriented to "at most".
    left_out : float
        Every move that is not here loses at least this much.
    tied : int array
        Groups, increasing, that are left out though they lose no more than others that are not.
    tie : float
        What they lose by such moves at most.
    """

    positions: IntArray
    group: IntArray
    plan: Choice
    loss: FloatArray
    gain: FloatArray
    change: FloatArray
    left_out: float
    tied: IntArray
    tie: float = 0.0

    def part(self, kept: npt.NDArray[np.bool_], left_out: float) -> Near:
        """Return some of the moves only."""
        used, group = np.unique(self.group[kept], return_inverse=True)
        return Near(
            self.positions[used],
            group,
            self.plan[kept],
            self.loss[kept],
            self.gain[kept],
            self.change[kept],
            left_out,
            self.tied,
            self.tie,
        )


def nearest(
    dual: Dual,
    point: Point,
    count: int,
    extra: IntArray | None = None,
    extra_loss: float = np.inf,
) -> Near:
    """Return the moves of about ``count`` groups, those that lose least.

    Parameters
    ----------
    dual : Dual
    point : Point
        Where losses are measured.
    count : int
    extra : int array, optional
        Further groups.
    extra_loss : float
        Moves of those are listed if they lose no more.
    """
    program, leads = dual.program, dual.leads(point)
    movable = int(np.isfinite(leads).sum())
    tied, tie, listed = np.zeros(0, np.int64), 0.0, 0.0
    if count >= movable:
        most = np.inf
        positions = np.flatnonzero(np.isfinite(leads))
    else:
        most = float(np.partition(leads, count)[count])
        # Of groups that lose the same up to rounding, some are taken, evenly.
        tie = most * (1 + 1e-9) + 1e-12 * point.size / program.groups
        positions = np.flatnonzero(leads <= tie)
        if len(positions) > count + 1:
            below = leads[positions] < most * (1 - 1e-9)
            equal, wanted = positions[~below], count - int(below.sum())
            taken = np.linspace(0, len(equal) - 1, wanted).round().astype(np.int64)
            tied = np.delete(equal, taken)
            positions = np.union1d(positions[below], equal[taken])
            # Ties must not crowd out the moves that fit the rows.
            above = np.where(leads > tie, leads, np.inf)
            listed = float(np.partition(above, count - 1)[count - 1])
            if np.isinf(listed):
                listed = float(leads[np.isfinite(leads)].max())
            positions = np.union1d(positions, np.flatnonzero(above <= listed)[: 2 * count])
    widened = np.zeros(0, np.int64) if extra is None else np.setdiff1d(extra, positions)
    if len(widened):
        positions = np.union1d(positions, widened)
        tied = np.setdiff1d(tied, widened, assume_unique=True)
    block = program.source.take(positions)
    base = point.best.choice[positions]
    losses = losses_of(dual, point, block, base)
    every = np.arange(len(positions))
    close = np.full(len(positions), max(most, tie, listed))
    close[np.searchsorted(positions, widened)] = max(most, extra_loss)
    kept = np.isfinite(losses) & (losses <= close[:, None])
    kept[every, base] = False
    group, plan = np.nonzero(kept)
    tables = np.concatenate([program.sign * program.objective[None], dual.oriented])
    change = coefficients(block, tables, group, plan)
    change -= coefficients(block, tables, every, base)[group]
    loss = losses[group, plan]
    return Near(
        positions,
        group,
        plan.astype(np.int32),
        loss,
        change[:, 0],
        change[:, 1:],
        most * (1 - 1e-9) if len(tied) else most,
        tied,
        tie,
    )


def losses_of(dual: Dual, point: Point, block: Block, base: Choice) -> FloatArray:
    """Return what every plan of a block loses against ``base``, [g, J]; infinite if not offered."""
    program = dual.program
    priced = dense(block, program.table(point.prices))
    priced[~offered(block, program.plans, program.forbidden) | np.isnan(priced)] = -np.inf
    losses: FloatArray = priced[np.arange(block.size), base][:, None] - priced
    np.maximum(losses, 0.0, out=losses)
    if block.weights is not None:
        losses *= np.asarray(block.weights)[:, None]
    return losses
