r"""The value function of programs with several coupling rows, by tangents.

The linear relaxation is a concave function :math:`\varphi` of one limit. An evaluation gives its
value and, with the prices of all rows, a line above it; where the lines of two neighbours meet is
where least is known between them, so there the next evaluation goes. Once no such point lies
further above the chord than the tolerance, the function is enclosed everywhere; and if it has no
more breakpoints than evaluations are allowed, all of them are found (Eisner and Severance 1976,
"Mathematical techniques for efficient record segmentation in large shared databases").
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from tqdm import tqdm

from arbmodels.assignment.many_rows.boxstep import relax
from arbmodels.assignment.many_rows.dual import Dual
from arbmodels.assignment.parametric.value_function import (
    Tangent,
    ValueFunction,
    crossing,
    enclosed,
)
from arbmodels.assignment.passes import best
from arbmodels.assignment.program import SPAN, AssignmentProgram
from arbmodels.assignment.robust.protection import deviations_of
from arbmodels.assignment.solve import solve
from arbmodels.assignment.source import FloatArray
from arbmodels.assignment.whole import least_relaxed, relax_whole
from arbmodels.clock import clock
from arbmodels.errors import SolverError

#: Pairs of group and plan up to which HiGHS solves the relaxation; the engine beyond.
SMALL = 50_000
#: Evaluations of one function, and the relative gap at which the engine may stop in each.
_EVALUATIONS = 1000
_GAP = 1e-7
#: HiGHS may violate a scaled row by this much, which the end of the range must allow for.
_EDGE = 1e-9


def tangent(
    program: AssignmentProgram, row: int, at: float, time_limit: float
) -> tuple[Tangent, FloatArray] | None:
    """Evaluate the relaxation with a row's limit moved; return it with all prices [R].

    None if that is infeasible.
    """
    limits = program.limits.copy()
    limits[row] = program.sense[row] * at
    moved = replace(program, limits=limits)
    if _large(program):
        found = relax(Dual(moved), _GAP, clock() + time_limit, lambda _: False)
        if found is None:
            return None
        if not np.isfinite([found.floor, found.point.value]).all():
            raise SolverError("The relaxation was not solved in time; raise time_limit.")
        inner, prices = found.floor, found.point.prices
    else:
        relaxed = relax_whole(moved, time_limit)
        if relaxed is None:
            return None
        prices, value = relaxed
        inner = program.sign * value
    if program.side is None and program.protected is None:
        # Proven by our own pass at these prices, whoever found them.
        outer = best(program, prices).value + float((prices * program.sense) @ limits)
        inner = min(inner, outer)
    else:
        outer = inner
    return Tangent(at, inner, outer, float(prices[row])), prices


@dataclass(frozen=True)
class Ends:
    """The range of t: none below ``least``, a solution at ``reached``, no use beyond ``loose``."""

    least: float
    reached: float
    loose: float


def ends(program: AssignmentProgram, row: int, time_limit: float) -> Ends | None:
    """Return the range of t in which a row can matter; None if the other rows conflict."""
    if program.protected is not None and program.protected.row == row:
        return _protected_ends(program, row, time_limit)
    others = program.with_rows([r for r in range(len(program.limits)) if r != row])
    if program.side is not None and others.side is not None:
        others = replace(others, side=replace(others.side, objective=program.side.coupling[row]))
    sense = float(program.sense[row])
    found = []
    for tightest in (True, False):
        # t is sigma times the activity: its minimum, then its maximum.
        maximise = bool(sense > 0) != tightest
        goal = replace(others, objective=program.rows[row], maximise=maximise)
        if _large(program):
            answer = solve(goal, _GAP, time_limit)
            if answer.choice is None:
                return None
            found.append((sense * answer.bound, sense * answer.objective))
        else:
            relaxed = relax_whole(goal, time_limit)
            if relaxed is None:
                return None
            found.append((sense * relaxed[1], sense * relaxed[1]))
    (least, reached), (loose, _) = found
    return Ends(least, reached, max(loose, reached))


def _protected_ends(program: AssignmentProgram, row: int, time_limit: float) -> Ends | None:
    """Return the range of a protected row, deviations included."""
    least = least_relaxed(program, time_limit)
    if least is None:
        return None
    # It cannot bind where every instance deviates on its dearest plan.
    dearest = replace(program.with_rows([row]), objective=program.rows[row], maximise=True)
    most = best(dearest, np.zeros(1)).value
    protected = dearest.protected
    if protected is not None:
        most += float(deviations_of(dearest, protected).max(axis=1).sum())
    if program.side is not None:
        beside = program.side.coupling[row]
        bounds = np.where(beside > 0, program.side.upper, program.side.lower)
        most += float(beside[beside != 0] @ bounds[beside != 0])
    return Ends(least, least, max(most, least))


def value_function(
    program: AssignmentProgram, row: int, tolerance: float, time_limit: float
) -> ValueFunction | None:
    """Enclose the value function of one of several rows.

    Parameters
    ----------
    program : AssignmentProgram
    row : int
    tolerance : float
        Largest distance of the enclosure's sides, relative to the function's largest size.
    time_limit : float
        Seconds; then the enclosure is as wide as it is (``width``). Single programs may take one.

    Returns
    -------
    ValueFunction or None
        None if the other rows conflict.
    """
    deadline = clock() + time_limit
    reach = ends(program, row, max(time_limit, 1.0))
    if reach is None:
        return None
    edge = _EDGE * max(reach.loose - reach.least, abs(reach.least), 1e-300)

    def evaluate(at: float) -> Tangent:
        # At the very end it may take a little, by rounding; many groups are hard there.
        steps = (0.0, edge) if not _large(program) else (0.0, 1e3 * edge, 1e5 * edge)
        for step in steps:
            with suppress(SolverError):
                found = tangent(program, row, at + step, max(deadline - clock(), 1.0))
                if found is not None:
                    return found[0]
        raise SolverError(
            f"No solution was found at {program.sense[row] * at:g}, but one at a tighter limit:"
            f" raise time_limit, or {SPAN}"
        )

    first, last = evaluate(reach.reached), evaluate(reach.loose + edge)
    known = [first, replace(last, slope=0.0)]
    widest = [_widest(first, known[1])]
    allowed = tolerance * max(abs(first.inner), abs(last.inner), 1e-300)
    with tqdm(desc="frontier", unit=" evaluations", disable=None, leave=False) as progress:
        while len(known) < _EVALUATIONS and clock() < deadline:
            k = max(range(len(widest)), key=lambda k: widest[k][1])
            at, width = widest[k]
            if width <= allowed:
                break
            new = evaluate(at)
            widest[k : k + 1] = [_widest(known[k], new), _widest(new, known[k + 1])]
            known.insert(k + 1, new)
            progress.update()
    return enclosed(known, reach.least)


def _large(program: AssignmentProgram) -> bool:
    """Whether the engine has to solve the relaxation.

    Only HiGHS knows those of side columns and of protected rows.
    """
    plain = program.side is None and program.protected is None
    return plain and program.groups * program.plans > SMALL


def _widest(left: Tangent, right: Tangent) -> tuple[float, float]:
    """Return where between two evaluations least is known, and how much the enclosure spans."""
    if left.slope <= right.slope:
        return left.at, 0.0
    at = crossing(left, right)
    span = right.at - left.at
    if not left.at + 1e-12 * span < at < right.at - 1e-12 * span:
        return left.at, 0.0
    share = (at - left.at) / span
    return at, float(left.line(at) - ((1 - share) * left.inner + share * right.inner))


__all__ = ["SMALL", "Ends", "ends", "tangent", "value_function"]
