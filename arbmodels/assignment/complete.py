"""The best side columns for a given assignment."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from arbmodels.assignment.passes import Choice, totals
from arbmodels.assignment.program import AssignmentProgram, Side
from arbmodels.assignment.source import FloatArray
from arbmodels.solver import Program, solve

#: Rounding in the sum of a row, as a share of what engines may miss it by.
_ROUNDING = 1e-3


def complete(
    program: AssignmentProgram, choice: Choice, sums: FloatArray | None = None
) -> FloatArray | None:
    """Return the best side columns [E] beside an assignment; None if it does not keep the rows.

    What is left with the assignment fixed is a small program over the side columns alone: rows
    with what the assignment adds up to moved to the right, binaries of used plans at one. Rows may
    be missed by what engines may miss them by (``program.tolerated``), where it cannot be avoided.

    Parameters
    ----------
    program : AssignmentProgram
        Loosened; without deviations.
    choice : int array [G]
    sums : float array [K + 1, C, J], optional
        ``passes.totals(program, choice)``, if at hand.
    """
    sums = totals(program, choice) if sums is None else sums
    exact = program.sense * (program.limits - program.activity_of(sums))
    allowed = program.tolerated(sums)
    if program.side is None:
        return np.zeros(0) if (exact + allowed >= 0).all() else None
    # Hardly any tolerance first: it would show in the objective.
    found = _beside(program.side, program, choice, exact + _ROUNDING * allowed)
    return _beside(program.side, program, choice, exact + allowed) if found is None else found


def _beside(
    side: Side, program: AssignmentProgram, choice: Choice, slack: FloatArray
) -> FloatArray | None:
    """Return the best side columns that use no more than a slack [R] of the rows."""
    lower = np.maximum(side.lower, 0.0 + side.needs[np.unique(choice)].any(axis=0))
    lower = np.where(side.needs.any(axis=0), lower, side.lower)
    coupled = np.abs(side.coupling).max(axis=1, initial=0.0)
    if (slack[coupled == 0] < 0).any() or (lower > side.upper).any():
        return None
    kept = np.flatnonzero(coupled)
    scale = coupled[kept]
    left = (program.sense[:, None] * side.coupling)[kept] / scale[:, None]
    gain = float(np.abs(side.objective).max(initial=0.0)) or 1.0
    answer = solve(
        Program(
            side.objective / gain,
            sparse.csr_array(sparse.vstack([sparse.csr_array(left), side.matrix])),
            np.concatenate([np.full(len(kept), -np.inf), side.row_lower]),
            np.concatenate([slack[kept] / scale, side.row_upper]),
            lower,
            side.upper,
            side.integer if side.integer.any() else None,
            program.maximise,
        ),
        gap=0.0,
    )
    if answer.status != "optimal":
        return None
    return np.where(side.integer, np.rint(answer.x), answer.x)
