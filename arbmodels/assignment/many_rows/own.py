"""Groups that matter to a row, where those that nearly tie do not: small segments, few attempts.

Of a million groups, the few hundred that lose least by a move say nothing about a segment of fifty,
nor about a model of which ten attempts are to be had. Such rows bring groups of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arbmodels.assignment.many_rows.dual import Dual, Point
from arbmodels.assignment.many_rows.near import Near, nearest
from arbmodels.assignment.many_rows.restricted import row_units
from arbmodels.assignment.source import FloatArray, IntArray

#: Moves that a row needs in a model, and groups that it brings at most.
_MOVES = 30
_MOST = 1_000
#: It brings so many times the groups that make up for its slack.
_TIMES = 2.0


@dataclass(frozen=True, eq=False)
class Own:
    """Groups that rows bring.

    Attributes
    ----------
    groups : int array
        Increasing.
    loss : float
        What the cheapest move of any of them loses at most.
    reach : float array [R]
        How far prices may move for these.
    """

    groups: IntArray
    loss: float
    reach: FloatArray


def covering(
    dual: Dual, point: Point, count: int, extra: IntArray | None = None
) -> tuple[Near, FloatArray]:
    """Return the moves of the ``count`` groups that lose least, and of groups that rows bring.

    And of ``extra`` groups all moves. With them how far prices may move for the groups that rows
    bring, [R].
    """
    near = nearest(dual, point, count)
    own = own_groups(dual, point, near)
    if extra is not None and len(extra):
        near = nearest(dual, point, count, np.union1d(own.groups, extra))
    elif len(own.groups):
        near = nearest(dual, point, count, own.groups, own.loss)
    return near, own.reach


def own_groups(dual: Dual, point: Point, near: Near) -> Own:
    """Return the groups that rows bring to a model.

    A row brings groups if it is priced or violated, and the moves in the model are few or too
    small for its slack.
    """
    units = row_units(dual, near)
    few = np.count_nonzero(near.change, axis=0) < _MOVES
    small = np.abs(point.slack) > 0.5 * np.abs(near.change).sum(axis=0)
    small &= ~dual.side.coupling.any(axis=1)
    lacking = np.flatnonzero((few | small) & ((point.prices > 0) | (point.slack < 0)))
    reach = np.zeros(len(units))
    found: list[IntArray] = []
    leads = dual.leads(point)
    for r in lacking:
        uses = dual.uses[r]
        if not uses.any():
            continue
        # A move matters to a row if its coefficients differ or may do.
        if dual.classes is None:
            touched = uses[0, point.best.choice] | uses[0, point.best.second]
        else:
            touched = uses[dual.classes, point.best.choice]
            touched |= uses[dual.classes, point.best.second]
        members = np.flatnonzero(touched & np.isfinite(leads))
        wanted = int(min(_TIMES * abs(point.slack[r]) / units[r], _MOST)) + _MOVES
        if len(members) > wanted:
            nearest = np.argpartition(leads[members], wanted)[:wanted]
            members = members[np.sort(nearest)]
        if len(members):
            found.append(members)
            reach[r] = float(leads[members].max()) / units[r]
    if not found:
        return Own(np.zeros(0, np.int64), 0.0, reach)
    groups = np.unique(np.concatenate(found))
    return Own(groups, float(leads[groups].max()), reach)
