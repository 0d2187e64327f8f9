r"""The range of a limit over which its shadow price holds.

The relaxation is concave and piecewise linear in the limit, and the shadow price its slope. So the
price holds as far as the line through the present point stays on the function. With one coupling
row the ends are the neighbouring breakpoints, exactly. With several, each end is found by Newton's
method: from a point beyond the range the function's tangent meets the line at a new point, the next
tangent is taken there, and so on until the line is met on the function itself. That ends after
finitely many evaluations of the relaxation, at the breakpoint up to :data:`SAME` of the objective.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from arbmodels._assignment import AssignmentProgram
from arbmodels._assignment.program import SPAN
from arbmodels._assignment.value_function import (
    Tangent,
    crossing,
    ends,
    exact_value_function,
    tangent,
)
from arbmodels._clock import clock
from arbmodels._pandas import pd
from arbmodels.display import Displayed, TextTable, number
from arbmodels.errors import InfeasibleError, SolverError

#: Values that differ by less than this share of the objective are one.
SAME = 1e-8
#: The first step away from a limit, as a share of the way to the end, and the next against it.
_FIRST, _WIDER = 1e-3, 10.0


class Range(NamedTuple):
    """Between which limits a shadow price holds; see :class:`PriceRange`."""

    price: float
    low: float
    high: float
    exact: bool


@dataclass(frozen=True, eq=False, repr=False)
class PriceRange(Displayed):
    """Between which limits a constraint's shadow price holds.

    Attributes
    ----------
    label : str
        The constraint's.
    unit : str
        Of its limit.
    limit : float
        What was asked for.
    price : float
        Gain in the objective of the relaxation per unit by which the limit is relaxed.
    price_unit : str
    low, high : float
        Limits; infinite where nothing ends the range.
    exact : bool
        Whether the ends are breakpoints themselves (one coupling row), or up to a tolerance.
    """

    label: str
    unit: str
    limit: float
    price: float
    price_unit: str
    low: float
    high: float
    exact: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain Python values."""
        return asdict(self)

    def to_frame(self) -> pd.DataFrame:
        """Return one row."""
        return pd.DataFrame([self.to_dict()])

    def table(self) -> TextTable:
        """Return price, limit and range."""
        ends = "breakpoints, exact" if self.exact else f"to {SAME:g} of the objective"
        return TextTable(
            f"Shadow price of the {self.label}",
            ("", "value", "unit"),
            [
                ("price", number(self.price, 6), self.price_unit),
                ("limit", number(self.limit, 6), self.unit),
                ("holds from", number(self.low, 6), self.unit),
                ("holds to", number(self.high, 6), self.unit),
            ],
            f"Gain in the relaxation per unit by which the limit is relaxed; ends: {ends}.",
        )


def price_range(
    program: AssignmentProgram, row: int, price: float, time_limit: float = 60.0
) -> Range:
    """Return the range of a row's limit over which a shadow price holds.

    Parameters
    ----------
    program : AssignmentProgram
    row : int
    price : float
        Where the limit is a breakpoint there are several, and it tells which is meant.
    time_limit : float
        Seconds.

    Raises
    ------
    InfeasibleError
        If the program has no solution at its limits.
    SolverError
        If the time was not enough.
    """
    sense = float(program.sense[row])
    at = sense * float(program.limits[row])
    if len(program.limits) == 1 and program.auxiliary is None and program.protected is None:
        known = exact_value_function(program)
        segment = None if known is None else known.segment(at, price)
        if known is None or segment is None:
            raise _infeasible()
        price = float(known.slope(segment[0]))
        return _ranged(price, sense, *segment, exact=True)
    deadline = clock() + time_limit
    found = tangent(program, row, at, time_limit)
    reach = ends(program, row, time_limit)
    if found is None or reach is None:
        raise _infeasible()
    here = found[0]
    if here.slope == 0.0 and here.inner == 0.0:
        scale = 1.0
    else:
        scale = max(abs(here.inner), abs(here.slope * at))

    def at_limit(t: float) -> Tangent:
        evaluated = tangent(program, row, t, max(deadline - clock(), 1.0))
        if clock() > deadline:
            raise SolverError(f"Not within {time_limit:g} s; raise time_limit.")
        if evaluated is None:
            raise SolverError(
                f"No solution at {sense * t:g}, inside the range of solutions: {SPAN}"
            )
        return evaluated[0]

    def meets(end: float, nothing: float) -> float:
        """Return where the line through the present point leaves the function on one side."""
        if (end - at) * (nothing - at) <= 0:
            return nothing
        # Ranges are short where there are many groups, and the ends are hard: begin nearby.
        step, far, there = _FIRST, at, here
        while far != end and there.outer >= here.line(far) - SAME * scale:
            far = at + step * (end - at) if step < 1 else end
            there, step = at_limit(far), step * _WIDER
        while there.outer < here.line(far) - SAME * scale:
            before, far = far, _crossing(here, there)
            if not min(at, before) <= far <= max(at, before):
                return before  # rounding: the two lines are one
            if abs(far - at) <= SAME * max(abs(at), reach.loose - reach.least):
                return at
            there = at_limit(far)
        return far

    low = meets(reach.reached, reach.least)
    high = meets(reach.loose, np.inf)
    if high == reach.loose:
        high = np.inf if here.slope == 0.0 else high
    return _ranged(here.slope, sense, low, high, exact=False)


def _crossing(one: Tangent, other: Tangent) -> float:
    return crossing(one, other) if one.slope > other.slope else crossing(other, one)


def _ranged(price: float, sense: float, low: float, high: float, *, exact: bool) -> Range:
    first, last = sorted((sense * low, sense * high))
    return Range(price, first, last, exact)


def _infeasible() -> InfeasibleError:
    return InfeasibleError(
        "No assignment satisfies every constraint at these limits, so there is no price."
    )
