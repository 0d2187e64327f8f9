"""The core of a program of one row in HiGHS, groups with the same moves counted together."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from arbmodels.assignment.one_row.combinations import Closer, Near, moves_below
from arbmodels.assignment.program import SPAN
from arbmodels.errors import SolverError
from arbmodels.solver import Program, solve

#: Most moves that HiGHS is given; of more it proves nothing in any time worth waiting for.
MOST = 50_000
#: Coefficients below this share of the largest are taken for it, or for zero.
TINY = 1e-8


def by_counting(near: Near, best: Closer, enough: float, time_limit: float) -> Closer:
    r"""Solve the core exactly: how many groups of each kind make which move.

    .. math::
        \max \sum_{km} \Delta v_{km} n_{km} \quad \text{s.t.} \quad
        \sum_{km} \Delta a_{km} n_{km} \le s, \quad \sum_m n_{km} \le N_k, \quad
        n \in \mathbb{Z}_{\ge 0}

    Masses of ties, which a search group by group cannot end, are few kinds with large N.

    Parameters
    ----------
    near : Near
    best : Closer
        The best assignment so far; its deficiency says which moves can matter.
    enough : float
        Deficiency above the floor at which to stop.
    time_limit : float
        Seconds.

    Raises
    ------
    SolverError
        If HiGHS found nothing in time, or fails.
    """
    moves, _ = moves_below(near, best.deficiency)
    if len(moves) > MOST:
        return best
    groups, index = np.unique(moves.group, return_inverse=True)
    plans = near.rows.row.shape[1]
    table = np.zeros((len(groups), 2 * plans))
    table[index, moves.plan] = moves.more
    table[index, plans + moves.plan] = moves.gain
    kinds, kind, count = np.unique(table, axis=0, return_inverse=True, return_counts=True)
    more, gain = kinds[:, :plans], kinds[:, plans:]
    of, plan = np.nonzero((more != 0.0) | (gain != 0.0))
    more, gain = more[of, plan], gain[of, plan]
    scale, worth = float(np.abs(more).max()), float(np.abs(gain).max()) or 1.0
    columns = len(of)
    # HiGHS takes nothing smaller. Less is used than in truth: a bound survives it.
    scaled = more / scale
    tiny = np.abs(scaled) < TINY
    scaled[tiny] = np.where(scaled[tiny] < 0.0, -TINY, 0.0)
    once = sparse.csr_array((np.ones(columns), (of, np.arange(columns))))
    solution = solve(
        Program(
            gain / worth,
            sparse.csr_array(sparse.vstack([once, sparse.csr_array(scaled[None])])),
            np.full(len(kinds) + 1, -np.inf),
            np.append(count, near.left / scale).astype(np.float64),
            np.zeros(columns),
            count[of].astype(np.float64),
            np.ones(columns, bool),
            maximise=True,
        ),
        gap=enough / best.deficiency,
        time_limit=time_limit,
    )
    if solution.status in ("infeasible", "unbounded"):
        raise SolverError(f"HiGHS calls the core {solution.status}, which it is not: {SPAN}")
    numbers = np.rint(solution.x).astype(np.int64)
    better = near.base.copy()
    for k in np.flatnonzero(np.bincount(of, numbers, len(kinds))):
        members = groups[kind == k]
        here = np.flatnonzero(of == k)
        to = np.repeat(plan[here], numbers[here])
        better[members[: len(to)]] = to
    floor = max(near.deficiency - solution.bound * worth, best.floor)
    deficiency = near.deficiency - float(gain @ numbers)
    if deficiency < best.deficiency and float(more @ numbers) <= near.left:
        return Closer(better, max(deficiency, 0.0), min(floor, max(deficiency, 0.0)))
    return Closer(best.choice, best.deficiency, min(floor, best.deficiency))
