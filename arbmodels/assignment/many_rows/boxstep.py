"""The linear relaxation with several rows: exact prices, and a proof where rows cannot hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from arbmodels.assignment.many_rows.dual import Dual, Point
from arbmodels.assignment.many_rows.near import Near, nearest
from arbmodels.assignment.many_rows.newton import Sample, descend, sampled
from arbmodels.assignment.many_rows.own import covering
from arbmodels.assignment.many_rows.restricted import Box, Relaxed, relax_near, row_units
from arbmodels.assignment.many_rows.ties import with_kinds
from arbmodels.assignment.source import FloatArray, IntArray
from arbmodels.clock import clock

#: Groups in a model at first, and for every row.
_GROUPS = 300
_PER_ROW = 10
#: And at most: larger models do not end in time.
_MOST = 20_000
#: Passes over all groups with a sample's prices.
_CORRECTIONS = 6
#: Prices, in units, that call for a proof that the rows can hold; most before it, and after it.
_HIGH = 20.0
_HIGHEST = 1e3
_LIMITLESS = 1e6
#: Linear programs keep a row to this share of what one move changes in it, HiGHS's own tolerance
#: and the rounding of prices; a proof that rows cannot hold has to be beyond it.
TOLERANCE = 5e-9

#: Called with every point that improves the bound; tells whether that is enough.
Watch = Callable[[Point], bool]


@dataclass(frozen=True, eq=False)
class Relaxation:
    """The relaxation's solution.

    Attributes
    ----------
    point : Point
        The best prices.
    found : Relaxed or None
        Solution of the last model; None if time did not suffice for one.
    floor : float
        The relaxation is worth at least this; minus infinity if unknown.
    """

    point: Point
    found: Relaxed | None
    floor: float


def relax(dual: Dual, gap: float, deadline: float, watch: Watch) -> Relaxation | None:
    """Solve the relaxation to a relative gap; None if it is proven infeasible."""
    sample = sampled(dual.program)
    point = _first_prices(dual, sample, np.zeros(len(dual.program.limits)), deadline, watch)
    if point.value == -np.inf:
        return None
    unit = sample.units.value / sample.units.rows
    # Prices as high as these mean that rows hold by a hair, or not at all.
    doubtful = bool((point.prices > _HIGH * unit).any())
    if not doubtful:
        relaxation = _descend(dual, point, _HIGHEST * unit, gap, deadline=deadline, watch=watch)
        if relaxation.found is None or not relaxation.found.excess:
            return relaxation
        point = relaxation.point
    if _impossible(dual, point, deadline):
        return None
    return _descend(dual, point, _LIMITLESS * unit, gap, deadline=deadline, watch=watch)


def _first_prices(
    dual: Dual, sample: Sample, prices: FloatArray, deadline: float, watch: Watch
) -> Point:
    """Return a sample's prices, its limits corrected by what full passes add up to."""
    best = dual.at(descend(sample, prices).prices)
    if watch(best) or sample.complete or best.value == -np.inf:
        return best
    for _ in range(_CORRECTIONS):
        if clock() > deadline:
            break
        here = sample.dual.at(best.prices)
        new = dual.at(descend(sample.corrected(best.slack, here), best.prices).prices)
        gain = best.value - new.value
        if not gain > 0:
            break
        best = new
        if watch(best) or gain < 1e-8 * sample.units.value:
            break
    return best


def _descend(
    dual: Dual, point: Point, most: FloatArray, gap: float, *, deadline: float, watch: Watch
) -> Relaxation:
    """Solve models round the best prices until one proves them best."""
    rows = len(point.prices)
    count = max(_GROUPS, _PER_ROW * rows)
    extra = np.zeros(0, np.int64)
    scale, floor = np.ones(rows), -np.inf
    last = Relaxation(point, None, floor)
    while clock() < deadline:
        # Most programs need no more than the groups that nearly tie.
        near, reach = nearest(dual, point, count), np.zeros(rows)
        if last.found is not None:
            near, reach = covering(dual, point, count, extra)
        whole = np.isinf(near.left_out)
        free = whole or not np.isfinite(point.value)
        reach = np.maximum(scale * _reach(dual, point, near), reach)
        box = np.full(rows, np.inf) if free else reach
        up = np.minimum(box, np.maximum(most - point.prices, 0.0))
        wide, _ = with_kinds(dual, point, near)
        found = relax_near(dual, point, wide, Box(box, up), deadline - clock())
        if found is None:
            break
        new = dual.at(found.prices)
        floor = max(floor, found.worth)
        better = new.value < point.value
        nearer = new if better else point
        last = Relaxation(nearer, found, floor)
        if better and watch(new):
            break
        edge = np.abs(found.prices - point.prices) >= 0.999 * box
        inside = not edge.any()
        enough = max(gap * abs(nearer.value), 1e-13 * nearer.size)
        reached = found.promise if inside else found.worth
        if nearer.value - max(reached, floor) <= enough:
            break
        if not better and (whole or count >= _MOST):
            break
        if better:
            expected = point.value - found.promise
            poor = point.value - new.value < 0.5 * expected
            point, extra = new, extra[:0]
            if poor:
                count = min(2 * count, _MOST)
            else:
                scale[edge] *= 4
        else:
            extra = _wanted(near, point, new, count)
            count = min(2 * count, _MOST)
            scale = np.maximum(scale / 4, 0.25)
    return last


def _reach(dual: Dual, point: Point, near: Near) -> FloatArray:
    """Return how far prices may move for the losses in a model to make up for it, [R]."""
    loss = near.left_out if np.isfinite(near.left_out) else float(near.loss.max(initial=0.0))
    least = 1e-9 * point.size / max(dual.program.groups, 1)
    reach: FloatArray = max(loss, least) / row_units(dual, near)
    return reach


def _wanted(near: Near, point: Point, new: Point, count: int) -> IntArray:
    """Return groups that the model did not let move, but that do at the new prices."""
    moved = np.flatnonzero(new.best.choice != point.best.choice)
    moved = np.setdiff1d(moved, near.positions, assume_unique=True)
    if len(moved) <= 4 * count:
        return moved
    closest = np.argsort(point.best.lead[moved], kind="stable")[: 4 * count]
    return np.sort(moved[closest])


def _impossible(dual: Dual, point: Point, deadline: float) -> bool:
    r"""Tell if prices prove that the rows cannot hold together.

    With an objective of zero the dual function is positively homogeneous, and where it is negative
    no assignment satisfies the rows. Its least value over prices of at most one per unit is the
    least sum of violations in units, with the sign turned.
    """
    program = dual.program
    bare = replace(program, objective=np.zeros_like(program.objective))
    if program.side is not None:
        side = replace(program.side, objective=np.zeros_like(program.side.objective))
        bare = replace(bare, side=side)
    sample = replace(sampled(bare), highest=1.0)
    unit = 1.0 / sample.units.rows
    alone = Dual(bare)
    proofs: list[Point] = []

    def watch(here: Point) -> bool:
        if _proves(alone, here):
            proofs.append(here)
        return bool(proofs)

    high = float((point.prices / unit).max(initial=0.0)) or 1.0
    start = _first_prices(alone, sample, point.prices / high, deadline, watch)
    if not proofs:
        _descend(alone, start, unit, 0.0, deadline=deadline, watch=watch)
    return bool(proofs)


def _proves(alone: Dual, point: Point) -> bool:
    near = nearest(alone, point, _GROUPS)
    allowed = 2 * TOLERANCE * float(point.prices @ row_units(alone, near))
    return point.value < -(1e-13 * point.size + allowed)
