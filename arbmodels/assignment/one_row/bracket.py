"""Prices between which a row changes from violated to held, and the groups they leave undecided.

A group whose best plan is the same at both ends has it at every price between, because envelopes
are convex. So a sample that brackets the price settles nearly all groups in one pass.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from arbmodels.assignment.one_row.envelope import TIE, Line, Rows, Steps, walk, with_rounding
from arbmodels.assignment.passes import CHUNK, Choice, best_of, extras, padded, pair, totals_of
from arbmodels.assignment.program import AssignmentProgram, dense
from arbmodels.assignment.source import Block, FloatArray, IntArray
from arbmodels.assignment.spread import spread

#: Programs up to so many groups are not sampled, and so many undecided groups are written out.
SMALL = 20_000
MOST = 200_000
#: Groups in a sample, at least.
LEAST = 2_000
#: Standard errors of the sampled row on both sides of the limit, tried in this order.
WIDTHS = (3.0, 30.0, np.inf)
ROUNDS = 6


@dataclass(frozen=True, eq=False)
class Bracket:
    """The price lies between ``low`` and ``high``.

    Attributes
    ----------
    low, high : float
    allowed : float
        The limit of the row, with rounding.
    choice : int array [G]
        Best plan at ``low``; that of the settled groups is final.
    positions : int array [U] or None
        Undecided groups; all if None.
    to : int array [U]
        Their best plan at ``high``.
    settled : float
        What the settled groups use of the row.
    """

    low: float
    high: float
    allowed: float
    choice: Choice
    positions: IntArray | None
    to: Choice
    settled: float

    @property
    def undecided(self) -> int:
        """Number of undecided groups."""
        return len(self.choice) if self.positions is None else len(self.positions)


@dataclass(frozen=True, eq=False)
class _Ends:
    """One block at both ends of a bracket."""

    choice: Choice
    positions: IntArray
    to: Choice
    low: FloatArray
    high: FloatArray
    settled: FloatArray


def bracket(program: AssignmentProgram, line: Line) -> Bracket | None:
    """Return a bracket with few groups undecided, of price zero alone if the row holds there.

    None if no assignment satisfies the row.
    """
    groups = program.groups
    nothing = np.zeros(0, np.int32)
    found = Bracket(0.0, np.inf, line.limit, np.zeros(groups, np.int32), None, nothing, 0.0)
    enough = SMALL
    for _ in range(ROUNDS):
        before = found.undecided
        if before <= enough or found.low == found.high:
            break
        narrower = _narrow(program, line, found)
        if narrower is None:
            return None
        found, enough = narrower, MOST
        if found.undecided > 0.9 * before and found.high <= found.low * (1 + 4 * TIE):
            break
    return found


def _narrow(program: AssignmentProgram, line: Line, old: Bracket) -> Bracket | None:
    """Sample the undecided groups, guess ends, and pass over all groups until they hold."""
    rows = Rows.of(line, program.source.take(_sample(old)))
    steps = walk(rows, old.low, old.high)
    scale = old.undecided / len(rows.row)
    target = (old.allowed - old.settled) / scale
    low, high = old.low, old.high
    for width in WIDTHS:
        below, above = _guess(rows, steps, target, width)
        below, above = max(below, low), min(above, high)
        if not below < above:
            continue
        parts = program.source.map(_ends, line.table(below), line.table(above))
        low_sum, high_sum, settled = (
            np.sum([getattr(part, name) for part in parts], axis=0)
            for name in ("low", "high", "settled")
        )
        size = float(np.abs(line.row * low_sum).sum())
        allowed = with_rounding(line.limit, size)
        choice = np.concatenate([part.choice for part in parts])
        make = partial(Bracket, allowed=allowed, choice=choice)
        if line.activity(low_sum) <= allowed:
            if below == 0.0:
                nothing = np.zeros(0, np.int32)
                settled_at = line.activity(low_sum)
                positions = np.zeros(0, np.int64)
                return make(0.0, 0.0, positions=positions, to=nothing, settled=settled_at)
            high = below
        elif line.activity(high_sum) > allowed:
            if np.isinf(above):
                return None
            low = above
        else:
            return make(
                below,
                above,
                positions=np.concatenate([part.positions for part in parts]),
                to=np.concatenate([part.to for part in parts]),
                settled=line.activity(settled),
            )
    raise AssertionError("the last width takes in every price")  # pragma: no cover


def _sample(old: Bracket) -> IntArray:
    """Return some undecided groups, spread evenly but not periodically."""
    size = max(LEAST, int(old.undecided ** (2 / 3)))
    chosen = spread(old.undecided, size)
    return chosen if old.positions is None else old.positions[chosen]


def _guess(rows: Rows, steps: Steps, target: float, width: float) -> tuple[float, float]:
    """Return the sample's prices for limits some standard errors above and below the target."""
    if np.isinf(width):
        return steps.low, steps.high
    used = float(rows.chosen(steps.start).sum())
    left = np.concatenate([[used], used - np.cumsum(steps.saved)])
    prices = np.concatenate([[steps.low], steps.price, [steps.high]])

    def first(limit: float) -> int:
        return int(np.searchsorted(-left, -limit))

    here = rows.chosen(steps.after(first(target)))
    error = width * float(here.std()) * np.sqrt(len(here))
    below, above = (float(prices[first(target + way * error)]) for way in (1, -1))
    if below == above:
        below, above = below * (1 - TIE), above * (1 + TIE)
        if above == 0.0:
            above = float(prices[prices > 0.0].min(initial=steps.high))
    return below, above


def _ends(block: Block, low_table: FloatArray, high_table: FloatArray) -> _Ends:
    quick = pair(block)
    if quick is None:
        return _ends_of_many(block, low_table, high_table)
    from arbmodels.assignment.one_row import kernels

    choice, to = np.empty(block.size, np.int32), np.empty(block.size, np.int32)
    sums = np.zeros((3, 3, *low_table.shape[1:]))
    chunk = max(CHUNK, sums.size)
    first, second = quick
    low, high = padded(low_table), padded(high_table)
    classes, weights, offered = extras(block)
    kernels.both_ends(first, second, low, high, classes, weights, offered, chunk, choice, to, sums)
    undecided = np.flatnonzero(choice != to)
    settled, at_low, at_high = sums[:, : len(low_table)]
    return _Ends(
        choice,
        block.start + undecided,
        to[undecided],
        settled + at_low,
        settled + at_high,
        settled,
    )


def _ends_of_many(block: Block, low_table: FloatArray, high_table: FloatArray) -> _Ends:
    """Return the same of a block of any number of quantities."""
    low, high = best_of(block, low_table), best_of(block, high_table)
    undecided = np.flatnonzero(low.choice != high.choice)
    part = block.take(undecided)
    moving = totals_of(part, low.choice[undecided], low_table.shape)
    return _Ends(
        low.choice,
        block.start + undecided,
        high.choice[undecided],
        low.totals,
        high.totals,
        low.totals - moving,
    )


def shortened(program: AssignmentProgram, line: Line, old: Bracket) -> Bracket:
    """Settle undecided groups until few are left, though they are worth the same at the price.

    With masses of ties any of them may move: the first ones do, the last ones do not.
    """
    if old.undecided <= MOST or old.positions is None:
        return old
    to = old.choice.copy()
    to[old.positions] = old.to
    parts = program.source.map(_both_uses, line.row, old.choice, to)
    stay = np.concatenate([part[0] for part in parts])
    move = np.concatenate([part[1] for part in parts])
    left = old.settled + float(stay.sum()) - np.cumsum(stay - move)
    middle = int(np.searchsorted(-left, -old.allowed))
    start = min(max(middle - SMALL // 2, 0), old.undecided - SMALL)
    kept = slice(start, start + SMALL)
    choice = old.choice.copy()
    choice[old.positions[:start]] = old.to[:start]
    settled = old.settled + float(move[:start].sum() + stay[kept.stop :].sum())
    return replace(
        old, choice=choice, positions=old.positions[kept], to=old.to[kept], settled=settled
    )


def _both_uses(
    block: Block, row: FloatArray, choice: Choice, to: Choice
) -> tuple[FloatArray, FloatArray]:
    """Return what the undecided groups of a block use at both ends."""
    mine = slice(block.start, block.start + block.size)
    here = np.flatnonzero(choice[mine] != to[mine])
    part = block.take(here)
    weights = 1.0 if part.weights is None else part.weights[:, None]
    used = dense(part, row) * weights
    every = np.arange(len(here))
    return used[every, choice[mine][here]], used[every, to[mine][here]]
