"""How much a protected row needs when the other rows are kept."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

import numpy as np

from arbmodels.assignment.passes import totals
from arbmodels.assignment.program import AssignmentProgram
from arbmodels.assignment.robust.protection import (
    Deviations,
    best_threshold,
    chosen_deviations,
    plain,
    protection,
)
from arbmodels.assignment.solve import solve

#: Steps that improve the assignment and the threshold in turn.
_STEPS = 12


def least_protected(
    program: AssignmentProgram, deviations: Deviations, time_limit: float = 60.0
) -> float | None:
    """Return a limit at which the protected row can be kept; None if the other rows conflict.

    It is reached by an assignment, so it is enough. It need not be the least: the assignment of
    least activity plus excess and the threshold that suits it are improved in turn.
    """
    row, gamma = deviations.row, deviations.gamma
    others = np.delete(np.arange(len(program.limits)), row)
    deadline = perf_counter() + time_limit
    best, z = np.inf, np.inf
    for _ in range(_STEPS):
        at = plain(program, deviations, 0.0, z)
        cheapest = replace(at.with_rows(others), objective=at.rows[row], maximise=False)
        if cheapest.side is not None:
            nothing = np.zeros_like(cheapest.side.objective)
            cheapest = replace(cheapest, side=replace(cheapest.side, objective=nothing))
        answer = solve(cheapest, 1e-9, max(deadline - perf_counter(), 0.1))
        if answer.choice is None:
            break
        chosen = chosen_deviations(program, deviations, answer.choice)
        needed = program.activity_of(totals(program, answer.choice))[row]
        needed += protection(chosen, gamma)
        if needed >= best:
            break
        best, z = float(needed), best_threshold(chosen, gamma)
    return None if np.isinf(best) else best
