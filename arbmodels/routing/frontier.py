"""What a limit is worth: the best objective as a function of it, with bounds on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from arbmodels._assignment import AssignmentProgram
from arbmodels._assignment.program import Status
from arbmodels._assignment.solve import solve
from arbmodels._assignment.value_function import ValueFunction, exact_value_function, value_function
from arbmodels._checks import flag_of, number_of, numbers_of, whole_of
from arbmodels._clock import clock
from arbmodels._pandas import pd
from arbmodels._solver import FloatArray, relative_gap
from arbmodels.display import Displayed, TextTable, new_axes, number, percent
from arbmodels.errors import InfeasibleError, InputError, SolverError

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class FrontierPoint(NamedTuple):
    """What is known at one limit.

    ``objective`` is attained by an assignment (of the nearest tighter limit that was looked at),
    ``bound`` by none beyond it; both are NaN where no assignment exists, the objective also where
    none is known. ``price`` is the gain in the bound per unit by which the limit is relaxed.
    """

    limit: float
    objective: float
    bound: float
    price: float

    @property
    def gap(self) -> float:
        """abs(bound - objective) / max(abs(objective), 1e-12)."""
        return relative_gap(self.objective, self.bound)


@dataclass(frozen=True)
class Moving:
    """The constraint whose limit moves, in words.

    Attributes
    ----------
    label : str
        "budget", "quality floor in hard", ...
    unit : str
        Of its limit, in the singular.
    problem : str
        Name of the problem.
    goal : str
        "maximise solve rate", "minimise spend", ...
    objective_unit : str
    meaning : str
        What may be done with the assignments: "oracle assignment: ...".
    """

    label: str
    unit: str
    problem: str
    goal: str
    objective_unit: str
    meaning: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class RoutingFrontier(Displayed):
    r"""The best objective as a function of one limit.

    The linear relaxation is concave in the limit (convex when minimising) and bounds every
    assignment. With one coupling row and nothing beside it, all its breakpoints are computed, and
    at each an assignment attains it. With several, its tangents at shadow prices enclose it from
    outside and chords from inside.

    Attributes
    ----------
    moving : Moving
        What the limit means.
    at_most, maximize : bool
        Sense of the constraint and of the objective.
    limits : float array [P]
        Where the integer program was solved, increasing.
    objective : float array [P]
        Of the best assignment found at the limit or a tighter one; NaN if none.
    bound : float array [P]
        No assignment is better; NaN where none exists.
    price : float array [P]
        Gain in the relaxation per unit by which the limit is relaxed; at a breakpoint by relaxing.
    status : tuple of str, length P
        "optimal" (the gap asked for is proven), "time limit", "interrupted" or "infeasible".
    relaxation : ValueFunction
        The enclosure of the relaxation, oriented so that more is looser and better.
    """

    moving: Moving
    at_most: bool
    maximize: bool
    limits: FloatArray
    objective: FloatArray
    bound: FloatArray
    status: tuple[Status, ...]
    relaxation: ValueFunction

    @property
    def exact(self) -> bool:
        """Whether all breakpoints of the relaxation are known."""
        return self.relaxation.exact

    @property
    def tolerance(self) -> float:
        """Proven width of the relaxation's enclosure, relative to its largest size."""
        largest = float(np.abs(self.relaxation.inner).max())
        return self.relaxation.width / max(largest, 1e-300)

    @property
    def price(self) -> FloatArray:
        """Shadow price of the limit at :attr:`limits`; NaN where no assignment exists."""
        return np.array([self._price(limit) for limit in self.limits])

    @property
    def gap(self) -> FloatArray:
        """abs(bound - objective) / max(abs(objective), 1e-12) at :attr:`limits`."""
        size: FloatArray = np.abs(self.bound - self.objective)
        return size / np.maximum(np.abs(self.objective), 1e-12)

    @property
    def price_unit(self) -> str:
        """Unit of the price."""
        return f"{self.moving.objective_unit} per {self.moving.unit}"

    def at(self, limit: float) -> FrontierPoint:
        """Return what is known at any limit, solved for or not."""
        if not np.isfinite(limit):
            raise InputError(f"The limit of the {self.moving.label} is {limit:g}; give a number.")
        at, sign = self._sense * limit, self._sign
        here = self._sense * self.limits
        bound = float(self.relaxation.above(at))
        solved = sign * self.bound
        looser = (here >= at) & np.isfinite(solved)
        bound = min(bound, float(solved[looser].min(initial=np.inf)))
        closed = (here >= at) & np.array([each == "infeasible" for each in self.status])
        if closed.any() or not np.isfinite(bound):
            return FrontierPoint(float(limit), float("nan"), float("nan"), float("nan"))
        best = float(self._attained(np.array([at]))[0])
        objective = sign * best if np.isfinite(best) else float("nan")
        # An assignment may use the tolerance of a row, and be past the bound by as little.
        return FrontierPoint(float(limit), objective, sign * max(bound, best), self._price(limit))

    @property
    def breakpoints(self) -> pd.DataFrame:
        """Corners of the bound: limit, bound, and the price between a corner and its looser one.

        All breakpoints of the relaxation if :attr:`exact`, those of the enclosure otherwise.
        """
        known = self.relaxation
        frame = pd.DataFrame(
            {
                "limit": self._sense * known.corners,
                "bound": self._sign * known.outer,
                "price": known.slopes,
            }
        )
        return frame if self.at_most else frame.iloc[::-1].reset_index(drop=True)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per limit solved for."""
        return pd.DataFrame(
            {
                "limit": self.limits,
                "objective": self.objective,
                "bound": self.bound,
                "gap": self.gap,
                "price": self.price,
                "status": self.status,
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the points as plain Python values, ready for JSON; None for what is not known."""
        points = self.to_frame().to_dict("records")
        return {
            "constraint": self.moving.label,
            "limit_unit": self.moving.unit,
            "goal": self.moving.goal,
            "objective_unit": self.moving.objective_unit,
            "price_unit": self.price_unit,
            "exact": self.exact,
            "tolerance": self.tolerance,
            "points": [
                {name: None if pd.isna(value) else value for name, value in point.items()}
                for point in points
            ],
        }

    def table(self) -> TextTable:
        """Return the limits solved for, with objective, bound and price."""
        return frontier_table(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw what assignments attain and what none can exceed, against the limit."""
        return plot_frontier(self, ax)

    def attained(self, limits: npt.ArrayLike) -> FloatArray:
        """Return the best objective of a known assignment at each limit; NaN where none is."""
        best = self._attained(self._sense * np.asarray(limits, dtype=float))
        return np.where(np.isfinite(best), self._sign * best, np.nan)

    @property
    def _sense(self) -> float:
        return 1.0 if self.at_most else -1.0

    @property
    def _sign(self) -> float:
        return 1.0 if self.maximize else -1.0

    def _price(self, limit: float) -> float:
        price = float(self.relaxation.slope(self._sense * limit))
        return price if np.isfinite(price) else float("nan")

    def _attained(self, at: FloatArray) -> FloatArray:
        """Return the oriented objective of the best assignment known at each t."""
        found = np.isfinite(self.objective)
        limits = [self._sense * self.limits[found]]
        values = [self._sign * self.objective[found]]
        if self.exact:  # every corner is attained by an assignment
            limits.append(self.relaxation.reached)
            values.append(self.relaxation.inner)
        joined = np.concatenate(limits)
        order = np.argsort(joined, kind="stable")
        best = np.maximum.accumulate(np.concatenate(values)[order])
        last = np.searchsorted(joined[order], at, side="right") - 1
        return np.where(last >= 0, best[last] if len(best) else -np.inf, -np.inf)


#: Units that are shares, shown in percent.
_RATES = ("solve rate", "unit of solve rate")
_COLOUR = "#0072B2"
#: Corners that a picture can show.
_DRAWN = 2000


def frontier_table(frontier: RoutingFrontier) -> TextTable:
    """Return one row per limit solved for."""
    moving = frontier.moving
    rows = [
        (
            _shown(limit, moving.unit),
            _shown(objective, moving.objective_unit, 6),
            _shown(bound, moving.objective_unit, 6),
            "–" if np.isnan(gap) else f"{gap:.1e}",
            number(price),
            status,
        )
        for limit, objective, bound, gap, price, status in zip(
            frontier.limits,
            frontier.objective,
            frontier.bound,
            frontier.gap,
            frontier.price,
            frontier.status,
            strict=True,
        )
    ]
    known = frontier.relaxation
    if frontier.exact:
        note = f"relaxation: exact, all {len(known.corners):,} corners"
    else:
        note = (
            f"relaxation: {len(known.reached):,} evaluations, between them known to"
            f" {frontier.tolerance:.1e} of its largest size"
        )
    return TextTable(
        f"{moving.problem}: {moving.goal}, {moving.label} from"
        f" {_shown(frontier.limits[0], moving.unit)} to"
        f" {_shown(frontier.limits[-1], moving.unit)}{_of(moving.unit)}",
        (
            f"{moving.label}{_of(moving.unit, bracket=True)}",
            f"{moving.objective_unit} attained",
            "bound",
            "gap",
            f"price [{frontier.price_unit}]",
            "status",
        ),
        rows,
        "\n".join(
            line
            for line in (
                note,
                "price: gain in the relaxation per unit by which the limit is relaxed",
                moving.meaning,
            )
            if line
        ),
    )


def plot_frontier(frontier: RoutingFrontier, ax: Axes | None = None) -> Axes:
    """Draw what assignments attain, in steps, and the bound."""
    moving, known = frontier.moving, frontier.relaxation
    ax = new_axes() if ax is None else ax
    sense = 1.0 if frontier.at_most else -1.0
    across = 100.0 if moving.unit in _RATES else 1.0
    up = 100.0 if moving.objective_unit in _RATES else 1.0
    ends = np.append(sense * known.corners[[0, -1]], frontier.limits)
    margin = 0.04 * float(np.ptp(ends))
    low, high = ends.min() - margin, ends.max() + margin
    corners = sense * known.corners
    corners = corners[np.unique(np.linspace(0, len(corners) - 1, _DRAWN).astype(int))]
    limits = np.unique(np.concatenate([corners, frontier.limits, np.linspace(low, high, 1000)]))
    limits = limits[(limits >= low) & (limits <= high)]
    points = [frontier.at(limit) for limit in limits]
    bound = up * np.array([point.bound for point in points])
    attained = up * np.array([point.objective for point in points])
    # A step holds towards the looser side.
    where: Literal["post", "pre"] = "post" if frontier.at_most else "pre"
    ax.fill_between(across * limits, attained, bound, step=where, color=_COLOUR, alpha=0.15, lw=0)
    side = "Upper" if frontier.maximize else "Lower"
    ax.plot(across * limits, bound, color="black", lw=0.9, ls="--", label=f"{side} bound")
    ax.step(across * limits, attained, where=where, color=_COLOUR, lw=1.2)
    ax.plot(
        across * frontier.limits,
        up * frontier.objective,
        "o",
        color=_COLOUR,
        ms=4,
        label="Assignments",
    )
    ax.set_xlabel(f"{moving.label.capitalize()} ({_unit(moving.unit)})")
    ax.set_ylabel(_name(moving.objective_unit, moving.goal))
    kind = moving.meaning.split(":", maxsplit=1)[0]
    ax.set_title("\n".join(line for line in (moving.problem, kind) if line), fontsize="medium")
    ax.legend(frameon=False)
    return ax


def _shown(value: float, unit: str, digits: int = 4) -> str:
    if unit in _RATES:
        return percent(value, max(digits - 2, 0))
    return number(value, digits)


def _of(unit: str, *, bracket: bool = False) -> str:
    if unit in _RATES:
        return ""
    return f" [{unit}]" if bracket else f" {unit}"


def _unit(unit: str) -> str:
    return "%" if unit in _RATES else unit


def _name(unit: str, goal: str) -> str:
    if unit in _RATES:
        return f"{unit.capitalize()} (%)"
    what = goal.split(maxsplit=1)[-1].capitalize()
    return f"{what} ({unit})"


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
    alone = len(program.limits) == 1 and program.auxiliary is None and program.protected is None
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
        program.maximize,
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


__all__ = [
    "FrontierPoint",
    "Moving",
    "RoutingFrontier",
    "frontier",
]
