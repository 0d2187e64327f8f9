"""What a limit is worth: the best objective as a function of it, with bounds on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from arbmodels.assignment import AssignmentProgram
from arbmodels.assignment.answer import Status
from arbmodels.assignment.parametric.corners import exact_value_function
from arbmodels.assignment.parametric.tangents import value_function
from arbmodels.assignment.parametric.value_function import ValueFunction
from arbmodels.assignment.solve import solve
from arbmodels.checks import flag_of, number_of, numbers_of, whole_of
from arbmodels.clock import clock
from arbmodels.errors import InfeasibleError, InputError, SolverError
from arbmodels.routing.frontier_result import FrontierPoint, Moving, RoutingFrontier
from arbmodels.solver import FloatArray, relative_gap

#: The relaxation may take this share of the time, the assignments have the rest.
_SHARE = 0.5
#: A point whose time was up has used this share of it, or these seconds less: clocks differ.
_OVER, _CLOCKS = 0.9, 0.1


def frontier(
    program: AssignmentProgram,
    row: int,
    moving: Moving,
    *,
    limits: npt.ArrayLike | None = None,
    points: int = 11,
    exact: bool = True,
    tolerance: float = 1e-3,
    gap: float = 1e-6,
    time_limit: float = 60.0,
) -> RoutingFrontier:
    r"""Move the limit of one coupling row through its range.

    Parameters
    ----------
    program : AssignmentProgram
        Whatever the row's limit is.
    row : int
        Which coupling row.
    moving : Moving
        The row in words.
    limits : array of float, optional
        Where to solve the integer program; ``points`` of them by default, evenly spread along the
        curve from the tightest limit that the other constraints allow to the one from which it
        does not bind.
    points : int
    exact : bool
        With one coupling row and nothing beside it, compute all breakpoints of the relaxation (one
        pass over the groups per breakpoint of a group, and all of them in memory); otherwise, and
        with several rows always, refine an enclosure.
    tolerance : float
        Width at which the enclosure is no longer refined, relative to its largest size.
    gap : float
        Relative gap to prove for the assignments.
    time_limit : float
        Seconds for everything. Half of it may go into the enclosure.

    Raises
    ------
    InputError
        If an argument cannot be used.
    InfeasibleError
        If the other constraints conflict.
    SolverError
        If the numbers cannot be solved with reliably.
    """
    points = whole_of(points, "number of points")
    tolerance, gap = number_of(tolerance, "tolerance"), number_of(gap, "gap")
    time_limit = number_of(time_limit, "time_limit")
    flag_of(exact, "exact")
    _check(points, tolerance, gap, time_limit)
    deadline = clock() + time_limit
    chosen = None if limits is None else _limits(limits, moving)
    alone = len(program.limits) == 1 and program.side is None and program.protected is None
    if exact and alone:
        known = exact_value_function(program)
    else:
        known = value_function(program, row, tolerance, _SHARE * time_limit)
    if known is None:
        raise InfeasibleError(
            f"No assignment satisfies the other constraints, whatever the {moving.label};"
            " solve() without it names those that conflict."
        )
    sense = float(program.sense[row])
    if chosen is None:
        chosen = np.unique(sense * _spread(known, points))
    here = sense * chosen
    bound = known.above(here)
    objective, status = np.full(len(chosen), np.nan), []
    solved = _solved(program, row, chosen, known=known, gap=gap, deadline=deadline)
    for k, found in enumerate(solved):
        status.append(found[0])
        objective[k] = found[1]
        bound[k] = -np.inf if found[0] == "infeasible" else min(bound[k], found[2])
    sign = program.sign
    objective, bound = _carried(sign * objective, bound, np.argsort(here))
    proven = [
        relative_gap(worth, most) <= gap for worth, most in zip(objective, bound, strict=True)
    ]
    return RoutingFrontier(
        moving,
        bool(sense > 0),
        program.maximise,
        chosen,
        sign * objective + 0.0,
        np.where(np.isfinite(bound), sign * bound, np.nan) + 0.0,
        tuple("optimal" if done else each for done, each in zip(proven, status, strict=True)),
        known,
    )


def _carried(
    worth: FloatArray, bound: FloatArray, order: npt.NDArray[np.intp]
) -> tuple[FloatArray, FloatArray]:
    """Use that an assignment holds at looser limits too, and a bound at tighter ones.

    Both [P] and oriented; ``order`` goes from the tightest limit to the loosest.
    """
    attained = np.maximum.accumulate(np.where(np.isfinite(worth), worth, -np.inf)[order])
    least = np.minimum.accumulate(bound[order][::-1])[::-1]
    objective, most = np.empty_like(worth), np.empty_like(bound)
    objective[order] = np.where(np.isfinite(attained), attained, np.nan)
    most[order] = np.where(np.isfinite(attained), np.maximum(least, attained), least)
    return objective, most


def _solved(
    program: AssignmentProgram,
    row: int,
    limits: FloatArray,
    *,
    known: ValueFunction,
    gap: float,
    deadline: float,
) -> Iterator[tuple[Status, float, float]]:
    """Yield status, objective and oriented bound at each limit."""
    interrupted = False
    for k, limit in enumerate(tqdm(limits, desc="assignments", disable=None, leave=False)):
        if interrupted:
            yield "interrupted", float("nan"), float("inf")
            continue
        if not np.isfinite(known.above(program.sense[row] * limit)):
            yield "infeasible", float("nan"), float("-inf")
            continue
        begin = clock()
        left = (deadline - begin) / (len(limits) - k)
        moved = program.limits.copy()
        moved[row] = limit
        try:
            if left <= 0:
                raise SolverError("Out of time; raise time_limit.")
            answer = solve(replace(program, limits=moved), gap, left)
        except SolverError:
            if clock() - begin < _OVER * left - _CLOCKS:
                raise
            yield "time limit", float("nan"), float("inf")
            continue
        interrupted = answer.status == "interrupted"
        attained = float("nan") if answer.choice is None else answer.objective
        outside = program.sign * answer.bound
        yield answer.status, attained, outside if np.isfinite(outside) else float("inf")


def _spread(known: ValueFunction, points: int) -> FloatArray:
    """Return t evenly spread along the bound's curve, so that steep parts have their share."""
    at = np.append(known.reached[0], known.corners[known.corners > known.reached[0]])
    if len(at) == 1:  # constant
        at = np.append(at, known.reached[-1])
    height = known.above(at)
    across, up = float(np.ptp(at)) or 1.0, float(np.ptp(height)) or 1.0
    along = np.append(0.0, np.cumsum(np.hypot(np.diff(at) / across, np.diff(height) / up)))
    spread: FloatArray = np.interp(np.linspace(0.0, along[-1], points), along, at)
    return spread


def _limits(limits: npt.ArrayLike, moving: Moving) -> FloatArray:
    array = np.atleast_1d(numbers_of(limits, f"limits of the {moving.label}")).astype(float)
    if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
        raise InputError(
            f"limits of the {moving.label}: give one or more finite numbers, in {moving.unit}."
        )
    return np.unique(array)


def _check(points: int, tolerance: float, gap: float, time_limit: float) -> None:
    if points < 2:
        raise InputError(f"points is {points}; a frontier needs at least 2.")
    if not 1e-9 <= tolerance < 1:
        raise InputError(f"tolerance is {tolerance:g}; give a number from 1e-9 to below 1.")
    if not (0 <= gap < np.inf and 0 < time_limit < np.inf):
        raise InputError(f"gap {gap:g} and time_limit {time_limit:g} must be finite and > 0.")


__all__ = ["FrontierPoint", "Moving", "RoutingFrontier", "frontier"]
