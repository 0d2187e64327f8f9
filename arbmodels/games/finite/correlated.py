"""Correlated and coarse correlated equilibria: linear programs whose rows are found as needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from arbmodels import _solver
from arbmodels._clock import clock
from arbmodels.passk import FloatArray

#: A gain up to this, where each player's payoffs range over one, is none.
TOLERANCE = 1e-9
#: Rows added per round: of each advice, correlated; of each player, coarse (their rows are dense).
_PER_ADVICE, _COARSE_ROWS = 4, 8
#: Distances on a price grid that tempt the most: rows of the first round.
_STEPS = (1, 2, 4, 8, 16, 32)


#: Player, advice (-1: any), deviation.
Row = tuple[int, int, int]


class Joint(NamedTuple):
    """A joint distribution [A_1, ..., A_P], rounds of row generation, rows used, the trace.

    ``trace`` has a row per round: rounds, epsilon in scaled payoffs. No equilibrium has a
    weighted sum of payoffs above ``bound``, which the distribution attains if ``finished``.
    """

    distribution: FloatArray
    rounds: int
    rows: int
    trace: FloatArray
    bound: float
    finished: bool


def solve_joint(
    payoffs: FloatArray, weights: FloatArray, deadline: float, *, coarse: bool
) -> Joint:
    r"""Return the equilibrium that maximises a weighted sum of payoffs.

    .. math:: \max_p \sum_a p(a) \sum_i w_i u_i(a) \quad \text{s.t.} \quad
              \sum_{a_{-i}} p(a, a_{-i}) [u_i(a', a_{-i}) - u_i(a, a_{-i})] \le 0

    for every player i, advice a and deviation a'; summed over the advice if coarse.

    Rows are added where the last solution violates them most, four per advice and round, until
    none is violated; deviations by 1, 2, 4, ... actions are there from the start. Correlated:
    strictly dominated actions are left out. If the time is up, the
    distribution of least violation is returned with it.
    """
    if not coarse:
        kept = undominated(payoffs)
        if any(len(own) < size for own, size in zip(kept, payoffs.shape[1:], strict=True)):
            inner = payoffs[np.ix_(np.arange(len(payoffs)), *kept)]
            small = solve_joint(inner, weights, deadline, coarse=False)
            full = np.zeros(payoffs.shape[1:])
            full[np.ix_(*kept)] = small.distribution
            return small._replace(distribution=full)
    axes = tuple(range(1, payoffs.ndim))
    low, high = payoffs.min(axis=axes), payoffs.max(axis=axes)
    wide = (-1, *(1 for _ in axes))
    spread = np.where(high > low, high - low, 1.0)
    scaled = (payoffs - low.reshape(wide)) / spread.reshape(wide)
    shape = payoffs.shape[1:]
    profiles = int(np.prod(shape))
    value = np.tensordot(weights, payoffs, axes=(0, 0)).ravel()
    size = float(np.abs(value).max())
    program = _solver.Program(
        value / (size if size > 0 else 1.0),
        sparse.csr_array(np.ones((1, profiles))),
        np.ones(1),
        np.ones(1),
        np.zeros(profiles),
        np.full(profiles, np.inf),
        maximize=True,
    )
    growing = _solver.Growing(program)
    places = np.arange(profiles).reshape(shape)
    seen: set[Row] = set()
    near = [] if coarse else _neighbours(shape)
    joint, trace, rounds, finished = np.full(shape, 1.0 / profiles), [], 0, False
    best, least, bound = joint, np.inf, float(value.max())
    while True:
        found = [
            _violated(scaled[i], joint, i, coarse=coarse, seen=seen) for i in range(len(shape))
        ]
        epsilon = max(most for most, _ in found)
        trace.append((float(rounds), epsilon))
        if epsilon < least:
            best, least = joint, epsilon
        new = [*(near if rounds == 0 else ()), *(row for _, rows in found for row in rows)]
        new = list(dict.fromkeys(new))
        finished = rounds > 0 and (epsilon <= TOLERANCE or not new)
        left = deadline - clock()
        if finished or left <= 0:
            break
        seen.update(new)
        if new:
            block = _rows(scaled, places, new)
            growing.add_rows(block, np.full(len(new), -np.inf), np.zeros(len(new)))
        answer = growing.solve(left)
        if answer is None:
            break
        rounds += 1
        positive = np.maximum(answer, 0.0)
        joint = (positive / positive.sum()).reshape(shape)
        bound = float(value @ joint.ravel())
    return Joint(joint if finished else best, rounds, len(seen), np.array(trace), bound, finished)


def undominated(payoffs: FloatArray) -> list[npt.NDArray[np.intp]]:
    """Return each player's actions that survive iterated strict dominance by pure actions.

    No correlated equilibrium advises any other.
    """
    kept = [np.arange(size) for size in payoffs.shape[1:]]
    while True:
        before = [len(own) for own in kept]
        for player in range(len(kept)):
            own = np.moveaxis(payoffs[player][np.ix_(*kept)], player, 0)
            own = own.reshape(len(kept[player]), -1)
            beaten = np.array([bool((own > line).all(axis=1).any()) for line in own])
            kept[player] = kept[player][~beaten]
        if before == [len(own) for own in kept]:
            return kept


def _neighbours(shape: tuple[int, ...]) -> list[Row]:
    return [
        (player, a, b)
        for player, size in enumerate(shape)
        for a in range(size)
        for step in _STEPS
        for b in (a - step, a + step)
        if 0 <= b < size
    ]


def _violated(
    payoff: FloatArray, joint: FloatArray, player: int, *, coarse: bool, seen: set[Row]
) -> tuple[float, list[Row]]:
    """Return a player's largest gain, and the rows behind it that are not in the program."""
    size = payoff.shape[player]
    value = np.moveaxis(payoff, player, 0).reshape(size, -1)
    worth = np.moveaxis(joint, player, 0).reshape(size, -1) @ value.T
    if coarse:
        gain = worth.sum(axis=0) - np.trace(worth)
        order = np.argsort(-gain, kind="stable")[:_COARSE_ROWS].tolist()
        rows = [(player, -1, b) for b in order if gain[b] > 0.1 * TOLERANCE]
        return max(0.0, float(gain.max())), [row for row in rows if row not in seen]
    gain = worth - np.diag(worth)[:, None]
    worst = np.argsort(-gain, axis=1, kind="stable")[:, :_PER_ADVICE]
    rows = [
        (player, a, b)
        for a, deviations in enumerate(worst.tolist())
        for b in deviations
        if gain[a, b] > 0.1 * TOLERANCE / size
    ]
    return float(gain.max(axis=1).sum()), [row for row in rows if row not in seen]


def _rows(
    payoffs: FloatArray, places: npt.NDArray[np.intp], new: Sequence[Row]
) -> sparse.csr_array:
    """Return the constraints' coefficients, a row each."""
    data, columns, ends = [], [], [0]
    for player, advice, deviation in new:
        payoff = np.moveaxis(payoffs[player], player, 0)
        where = np.moveaxis(places, player, 0)
        if advice < 0:
            entries = (payoff[deviation][None] - payoff).ravel()
            index = where.ravel()
        else:
            entries = (payoff[deviation] - payoff[advice]).ravel()
            index = where[advice].ravel()
        kept = np.abs(entries) > _solver.SMALLEST_COEFFICIENT
        data.append(entries[kept])
        columns.append(index[kept])
        ends.append(ends[-1] + int(kept.sum()))
    shape = (len(new), places.size)
    return sparse.csr_array((np.concatenate(data), np.concatenate(columns), ends), shape=shape)
