"""What a frontier over a limit is: its points, its bounds, how it is asked and shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.assignment.answer import Status
from arbmodels.assignment.parametric.value_function import ValueFunction
from arbmodels.display import Displayed, TextTable
from arbmodels.errors import InputError
from arbmodels.solver import FloatArray, relative_gap

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
    at_most, maximise : bool
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
    maximise: bool
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
        from arbmodels.routing.frontier_show import frontier_table

        return frontier_table(self)

    def plot(self) -> Axes:
        """Draw what assignments attain and what none can exceed, against the limit."""
        from arbmodels.routing.frontier_show import plot_frontier

        return plot_frontier(self)

    def attained(self, limits: npt.ArrayLike) -> FloatArray:
        """Return the best objective of a known assignment at each limit; NaN where none is."""
        best = self._attained(self._sense * np.asarray(limits, dtype=float))
        return np.where(np.isfinite(best), self._sign * best, np.nan)

    @property
    def _sense(self) -> float:
        return 1.0 if self.at_most else -1.0

    @property
    def _sign(self) -> float:
        return 1.0 if self.maximise else -1.0

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
