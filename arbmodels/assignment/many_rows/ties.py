"""Masses of groups that tie: more than a model can list one by one, such as equal plans make.

Groups of one kind (class, best plan, and the same moves) move together: a share of them, whatever
their numbers. Solutions of a model over kinds are solutions of the relaxation, so nothing that is
concluded from one changes; and a share of a kind is, up to one group, an assignment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from arbmodels.assignment import passes
from arbmodels.assignment.many_rows.dual import Dual, Point, coefficients
from arbmodels.assignment.many_rows.near import Near, losses_of, nearest
from arbmodels.assignment.many_rows.restricted import Box, relax_near, row_units
from arbmodels.assignment.source import BoolArray, FloatArray, IntArray
from arbmodels.assignment.spread import mixed

#: Groups looked at together.
_CHUNK = 1 << 14
#: Plans that are numbered together.
_BITS = 30


@dataclass(frozen=True, eq=False)
class Kinds:
    """Moves of whole kinds.

    Attributes
    ----------
    kind : int array [n]
        Of every group that ``Near.tied`` names.
    near : Near
        Their moves, summed over the members; its positions are those of the kinds.
    """

    kind: IntArray
    near: Near


def with_kinds(dual: Dual, point: Point, near: Near) -> tuple[Near, Kinds | None]:
    """Append the moves of tied groups that a model does not list, kind by kind."""
    if not len(near.tied):
        return near, None
    kinds = _kinds(dual, point, near)
    added, count = kinds.near, len(near.positions)
    return (
        Near(
            np.concatenate([near.positions, added.positions]),
            np.concatenate([near.group, added.group + count]),
            np.concatenate([near.plan, added.plan]),
            np.concatenate([near.loss, added.loss]),
            np.concatenate([near.gain, added.gain]),
            np.concatenate([near.change, added.change]),
            near.left_out,
            near.tied,
        ),
        kinds,
    )


def spread(dual: Dual, point: Point, count: int, time_limit: float) -> Point:
    """Share out ties as the relaxation does; the point itself if a model can list them."""
    program = dual.program
    near = nearest(dual, point, count)
    if not len(near.tied) or near.left_out > 1e-9 * point.size / program.groups:
        return point
    wide, kinds = with_kinds(dual, point, near)
    units = row_units(dual, near)
    reach = max(float(near.loss.max(initial=0.0)), 1e-6 * point.size / program.groups) / units
    found = relax_near(dual, point, wide, Box(reach, reach), time_limit)
    if found is None or kinds is None:
        return point
    choice = point.best.choice.copy()
    shares = found.moved[len(near.plan) :]
    order = np.argsort(kinds.kind, kind="stable")
    ends = np.cumsum(np.bincount(kinds.kind, minlength=len(kinds.near.positions)))
    for k, end in enumerate(ends):
        moves = np.flatnonzero(kinds.near.group == k)
        members = near.tied[order[(ends[k - 1] if k else 0) : end]]
        # Evenly among the members, so that groups next to each other can move either way.
        rank = np.argsort(np.argsort(mixed(len(members))))
        last = np.rint(np.cumsum(shares[moves]) * len(members)).astype(np.int64)
        to = np.searchsorted(last, rank, side="right")
        moving = to < len(moves)
        choice[members[moving]] = kinds.near.plan[moves[to[moving]]]
    totals = passes.totals(program, choice)
    slack = program.sense * (program.limits - program.activity_of(totals))
    return replace(point, best=replace(point.best, choice=choice, totals=totals), slack=slack)


def _kinds(dual: Dual, point: Point, near: Near) -> Kinds:
    program = dual.program
    tables = np.concatenate([program.sign * program.objective[None], dual.oriented])
    plans = program.plans
    signatures: list[BoolArray] = []
    heads: list[IntArray] = []
    parts: list[tuple[IntArray, IntArray, FloatArray]] = []
    for start in range(0, len(near.tied), _CHUNK):
        positions = near.tied[start : start + _CHUNK]
        block = program.source.take(positions)
        base = point.best.choice[positions]
        losses = losses_of(dual, point, block, base)
        close = losses <= near.tie
        close[np.arange(len(positions)), base] = False
        head = base.astype(np.int64)
        if block.classes is not None:
            head += plans * block.classes
        heads.append(head)
        signatures.append(close)
        group, plan = np.nonzero(close)
        change = coefficients(block, tables, group, plan)
        change -= coefficients(block, tables, np.arange(len(positions)), base)[group]
        value = np.hstack([losses[group, plan][:, None], change])
        parts.append((group + start, plan, value))
    patterns = np.concatenate(signatures)
    kind = _numbered(np.concatenate(heads), patterns)
    count = int(kind.max()) + 1
    member = np.zeros(count, np.int64)
    member[kind[::-1]] = np.arange(len(kind))[::-1]
    group = np.concatenate([part[0] for part in parts])
    plan = np.concatenate([part[1] for part in parts])
    value = np.concatenate([part[2] for part in parts])
    cell = kind[group] * plans + plan
    sums = np.stack([np.bincount(cell, column, count * plans) for column in value.T], axis=1)
    of, to = np.nonzero(patterns[member])
    chosen = sums[of * plans + to]
    moves = Near(
        near.tied[member],
        of,
        to.astype(np.int32),
        chosen[:, 0],
        chosen[:, 1],
        chosen[:, 2:],
        near.left_out,
        near.tied[:0],
    )
    return Kinds(kind, moves)


def _numbered(head: IntArray, pattern: BoolArray) -> IntArray:
    """Return 0, 1, ... for every distinct pair of a number and a pattern [n, J]."""
    number = head
    for start in range(0, pattern.shape[1], _BITS):
        part = pattern[:, start : start + _BITS]
        code = part @ (1 << np.arange(part.shape[1], dtype=np.int64))
        number = np.unique(number, return_inverse=True)[1].reshape(-1) * (1 << _BITS) + code
    return np.unique(number, return_inverse=True)[1].reshape(-1)
