"""Compiled search for whole moves that fit the rows; import only where it is needed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arbmodels._assignment.kernels import Index
from arbmodels._assignment.program import FloatArray, IntArray
from arbmodels._compiling import compiled


class Move(NamedTuple):
    """Every move from a state: its group, to which move (minus one for none), what it changes.

    ``work`` [1] is how many entries of the rows may still be looked at.
    """

    group: IntArray
    to: Index
    more: FloatArray
    worth: FloatArray
    work: IntArray


class Options(NamedTuple):
    """All moves: those of group g are ``starts[g]`` up to ``starts[g + 1]``; rows [P, R]."""

    starts: IntArray
    change: FloatArray
    gain: FloatArray


@compiled
def _list(options: Options, state: Index, moves: Move) -> int:
    """List every move from a state; return how many."""
    count = 0
    starts, change, gain = options.starts, options.change, options.gain
    for g in range(len(state)):
        here = state[g]
        for p in range(starts[g] - 1, starts[g + 1]):
            target = p if p >= starts[g] else -1
            if target == here:
                continue
            moves.group[count], moves.to[count] = g, target
            moves.worth[count] = 0.0
            moves.more[count] = 0.0
            if target >= 0:
                moves.worth[count] = gain[target]
                moves.more[count] = change[target]
            if here >= 0:
                moves.worth[count] -= gain[here]
                moves.more[count] -= change[here]
            count += 1
    return count


@compiled
def _excess(slack: FloatArray, tolerance: float) -> float:
    total = 0.0
    for r in range(len(slack)):
        if slack[r] < -tolerance:
            total -= slack[r]
    return total


@compiled
def _fits(more: FloatArray, also: FloatArray, slack: FloatArray, tolerance: float) -> bool:
    for r in range(len(slack)):
        both = more[r] + also[r]
        if both > slack[r] + tolerance and both > 0.0:
            return False
    return True


@compiled
def _repair(moves: Move, count: int, slack: FloatArray, tolerance: float) -> int:
    """Return the move that takes away most of the excess, or minus one."""
    first, value = -1, -np.inf
    least = _excess(slack, tolerance) * (1.0 - 1e-12)
    for m in range(count):
        after = 0.0
        for r in range(len(slack)):
            rest = slack[r] - moves.more[m, r]
            if rest < -tolerance:
                after -= rest
                if after > least:
                    break
        if after < least or (after == least and moves.worth[m] > value):
            first, least, value = m, after, moves.worth[m]
    return first


@compiled
def _improve(moves: Move, count: int, slack: FloatArray, tolerance: float) -> tuple[int, int]:
    """Return the move, or the pair of moves, that gains most and fits; minus one for none.

    The best so far when the work is used up: there are many pairs.
    """
    worth, more, work = moves.worth, moves.more, moves.work
    order = np.argsort(-worth[:count])
    nothing = np.zeros(len(slack))
    first, second, best = -1, -1, 1e-12
    for a in range(count):
        i = order[a]
        if 2.0 * worth[i] <= best or work[0] < 0:
            break
        tried = a
        if worth[i] > best and _fits(more[i], nothing, slack, tolerance):
            first, second, best = i, -1, worth[i]
        for b in range(a + 1, count):
            j = order[b]
            if worth[i] + worth[j] <= best:
                break
            tried = b
            if moves.group[i] != moves.group[j] and _fits(more[i], more[j], slack, tolerance):
                first, second, best = i, j, worth[i] + worth[j]
        work[0] -= (tried - a + 1) * len(slack)
    return first, second


@compiled
def _descend(
    options: Options, state: Index, slack: FloatArray, moves: Move, tolerance: float
) -> None:
    """Make moves until the rows hold, and then as long as they gain and there is work left."""
    for _ in range(4 * len(state) + 20):
        if moves.work[0] < 0:
            return
        count = _list(options, state, moves)
        moves.work[0] -= count * len(slack)
        first, second = -1, -1
        if _excess(slack, tolerance) > 0.0:
            first = _repair(moves, count, slack, tolerance)
        else:
            first, second = _improve(moves, count, slack, tolerance)
        if first < 0:
            return
        for m in (first, second):
            if m >= 0:
                state[moves.group[m]] = moves.to[m]
                slack -= moves.more[m]


@compiled
def _kick(options: Options, state: Index, slack: FloatArray, moves: Move, seed: IntArray) -> None:
    """Make two to four arbitrary moves."""
    count = _list(options, state, moves)
    for _ in range(2 + seed[0] % 3):
        seed[0] = (seed[0] * 1103515245 + 12345) % 2147483648
        m = (seed[0] // 256) % count
        g, to = moves.group[m], moves.to[m]
        if state[g] == to:
            continue
        if state[g] >= 0:
            slack += options.change[state[g]]
        if to >= 0:
            slack -= options.change[to]
        state[g] = to


@compiled
def _total(options: Options, state: Index) -> float:
    total = 0.0
    for g in range(len(state)):
        if state[g] >= 0:
            total += options.gain[state[g]]
    return total


@compiled
def settle(
    options: Options,
    current: Index,
    slack: FloatArray,
    limits: tuple[float, float, int, int],
) -> float:
    """Search for whole moves that keep the rows and gain much; deterministic.

    Single moves until the rows hold, then single moves and pairs that gain, then a few arbitrary
    moves and all again. ``current`` [n] holds the move of every group, an index into the options,
    minus one for none; ``slack`` [R] is what it leaves. The best state is written to it, and its
    gain returned: minus infinity if no state keeps the rows. ``limits``: how far a row may be
    exceeded, the gain at which to stop, how often to start again, and how many entries of the rows
    to look at in all, about.
    """
    tolerance, enough, kicks, most_work = limits
    groups, rows = len(current), options.change.shape[1]
    most = len(options.gain) + groups
    moves = Move(
        np.empty(most, np.int64),
        np.empty(most, np.int32),
        np.empty((most, rows)),
        np.empty(most),
        np.array([most_work], dtype=np.int64),
    )
    state, left, kept = current.copy(), slack.copy(), slack.copy()
    best = -np.inf
    seed = np.array([20260322], dtype=np.int64)
    for _ in range(kicks + 1):
        _descend(options, state, left, moves, tolerance)
        total = _total(options, state)
        if _excess(left, tolerance) == 0.0 and total > best:
            best = total
            current[:] = state
            kept[:] = left
        if best >= enough or not len(options.gain) or moves.work[0] < 0:
            break
        if best > -np.inf:
            state[:] = current
            left[:] = kept
        _kick(options, state, left, moves, seed)
    slack[:] = kept
    return best
