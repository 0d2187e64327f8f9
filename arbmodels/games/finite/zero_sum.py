"""Two players whose payoffs add up to a constant: one linear program, both strategies."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from arbmodels import solver
from arbmodels.errors import SolverError
from arbmodels.passk import FloatArray

#: The sum may vary by this share of the payoffs' range.
ROUNDING = 1e-12


def is_zero_sum(payoffs: FloatArray) -> bool:
    """Return whether two players' payoffs add up to the same, each on its scale."""
    if len(payoffs) != 2:
        return False
    total = payoffs.sum(axis=0)
    return bool(np.ptp(total) <= ROUNDING * max(np.ptp(payoffs[0]), np.finfo(float).tiny))


def solve_zero_sum(payoffs: FloatArray, time_limit: float) -> tuple[FloatArray, FloatArray] | None:
    r"""Return optimal strategies of both players; None if the time is up.

    .. math:: \max v \quad \text{s.t.} \quad A^\top x \ge v, \; \sum_i x_i = 1, \; x \ge 0,

    whose shadow prices are the column player's strategy.
    """
    payoff = payoffs[0]
    low, high = float(payoff.min()), float(payoff.max())
    scaled = (payoff - low) / (high - low if high > low else 1.0)
    rows, columns = scaled.shape
    matrix = sparse.csr_array(
        np.block([[scaled.T, -np.ones((columns, 1))], [np.ones((1, rows)), np.zeros((1, 1))]])
    )
    program = solver.Program(
        np.append(np.zeros(rows), 1.0),
        matrix,
        np.append(np.zeros(columns), 1.0),
        np.append(np.full(columns, np.inf), 1.0),
        np.append(np.zeros(rows), 0.0),
        np.append(np.ones(rows), 1.0),
        maximise=True,
    )
    try:
        answer = solver.solve(program, time_limit=time_limit)
    except SolverError:  # out of time without a feasible point
        return None
    if answer.status != "optimal" or answer.row_dual is None:
        return None
    first = np.maximum(answer.x[:rows], 0.0)
    second = np.abs(answer.row_dual[:columns])
    if first.sum() <= 0 or second.sum() <= 0:
        return None
    return first / first.sum(), second / second.sum()
