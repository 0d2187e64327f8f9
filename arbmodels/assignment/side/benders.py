r"""Generalised Benders decomposition: the master program over the side columns.

For the objective of the groups alone, oriented to be maximised, as a function of the side columns,

.. math::
    V(y) = \max_x \Big\{ \sum_g w_g \sum_j o_{gj} x_{gj} :\;
    \sum_g w_g \sum_j \sigma_r a_{rgj} x_{gj} \le \sigma_r (b_r - B_r y), \;
    \sum_{j \in a} x_{gj} \le z_a(y) \Big\},

weak duality with any prices :math:`\pi \ge 0`, and any v_g for each group, gives the cut

.. math::
    V(y) \le \sum_r \pi_r \sigma_r (b_r - B_r y)
    + \sum_g w_g \Big[ v_g + \sum_a (r_{ga}(\pi) - v_g)^+ z_a \Big],

linear in y and in the openings :math:`z_a \le y_e` of the gates (see ``openings``). It is valid for
fractional and continuous columns alike, so continuous columns that appear beside integer ones
(amounts per tier) belong to the master, where the cut is linear in them; and also to the program
that is left at fixed integer columns, so that every candidate is judged with its best amounts.
Both agree at the candidate: its least Lagrangian value over the prices is, by duality, the relaxed
optimum over assignments and continuous columns together, and the cut at those prices keeps the
master from promising more. With an objective of zero the same cut, 0 <= ..., proves that rows
cannot be kept. Sources: Geoffrion, *Generalized Benders decomposition*, JOTA 10 (1972); the cuts of
the p-median problem in Magnanti and Wong, *Operations Research* 29 (1981).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from arbmodels.assignment.program import UNBOUNDED, AssignmentProgram
from arbmodels.assignment.side.openings import Filled, Gates, side_of
from arbmodels.assignment.side.prices import SMALLEST, Units
from arbmodels.assignment.source import BoolArray, FloatArray
from arbmodels.errors import SolverError
from arbmodels.solver import Program, Status, solve

#: Largest coefficient of a cut beside that of theta, one.
_LARGEST = 100.0


@dataclass(frozen=True, eq=False)
class Cut:
    """theta, or 0, is at most ``constant + side @ y + gains @ z``.

    Attributes
    ----------
    constant : float
    side : float array [E]
    gains : float array [A]
    prices : float array [R]
        At which it was made.
    opening : float array [A]
        At which it was made.
    of_value : bool
        False for a cut that proves rows impossible.
    """

    constant: float
    side: FloatArray
    gains: FloatArray
    prices: FloatArray
    opening: FloatArray
    of_value: bool


def cut_of(
    program: AssignmentProgram,
    prices: FloatArray,
    opening: FloatArray,
    filled: Filled,
    *,
    of_value: bool,
) -> Cut:
    """Return the cut that a pass over all groups proves."""
    side = side_of(program)
    priced = prices * program.sense
    return Cut(
        filled.constant + float(priced @ program.limits),
        -priced @ side.coupling,
        filled.gains,
        prices,
        opening,
        of_value,
    )


@dataclass(frozen=True, eq=False)
class Proposal:
    """What the master program proposes.

    Attributes
    ----------
    status : str
        "optimal", "time limit" or "infeasible".
    side : float array [E]
        Empty if infeasible.
    bound : float
        No side columns that are not excluded allow more; oriented to be maximised.
    slack : float array
        Of the cuts, in units of the bound's scale.
    """

    status: Status
    side: FloatArray
    bound: float
    slack: FloatArray


class Master:
    """Side columns y, openings z and theta under all cuts so far; grows, never shrinks.

    Columns: y, z, theta, then the binary digits of whole numbers that are not binary, by which a
    point can be excluded.

    Parameters
    ----------
    program : AssignmentProgram
        With side columns.
    gates : Gates
    units : Units
    scale : float
        Size of the objective; positive.
    """

    def __init__(
        self, program: AssignmentProgram, gates: Gates, units: Units, scale: float
    ) -> None:
        side = side_of(program)
        self.side, self.scale = side, scale
        self.cuts: list[Cut] = []
        self._promise: list[int] = []
        self._covers: set[tuple[int, ...]] = set()
        columns, count = len(side.names), len(gates.needs)
        self._columns, self._count = columns, count
        span = np.where(side.integer, side.upper - side.lower, 0.0)
        self._digits = [
            (int(e), int(2**k))
            for e in np.flatnonzero(span > 1.5)
            for k in range(int(np.log2(span[e])) + 1)
        ]
        self._width = columns + count + 1 + len(self._digits)
        own = np.where(side.integer, 1.0, units.columns)
        more = count + 1 + len(self._digits)
        self._unit = np.concatenate([own, np.ones(more)])
        ends = [np.concatenate([side.lower / own, np.zeros(more)])]
        ends += [np.concatenate([side.upper / own, np.ones(more)])]
        self._lower, self._upper = ends
        self._lower[columns] = 1.0  # gate 0
        self._lower[columns + count], self._upper[columns + count] = -np.inf, np.inf
        self._integer = np.zeros(self._width, dtype=bool)
        self._integer[:columns] = side.integer
        self._integer[columns + count + 1 :] = True
        cost = np.zeros(self._width)
        cost[:columns] = program.sign * side.objective * own / scale
        cost[columns + count] = 1.0
        self._cost = np.where(np.abs(cost) < SMALLEST, 0.0, cost)
        self._dust = float(np.abs(cost[:columns][np.abs(cost[:columns]) < SMALLEST]).sum()) * scale
        self._rows: list[FloatArray] = []
        self._low: list[float] = []
        self._high: list[float] = []
        self._add_side_rows(program)
        for a, e in zip(*np.nonzero(gates.needs), strict=True):
            self._add({columns + int(a): 1.0, int(e): -1.0}, -np.inf, 0.0)
        for e in np.flatnonzero(span > 1.5):
            digits = {
                columns + count + 1 + i: -float(power)
                for i, (column, power) in enumerate(self._digits)
                if column == e
            }
            self._add({int(e): 1.0, **digits}, side.lower[e], side.lower[e])

    def add(self, cut: Cut) -> None:
        """Add a cut."""
        full = np.zeros(self._width)
        full[: self._columns] = -cut.side * self._unit[: self._columns]
        full[self._columns : self._columns + self._count] = -cut.gains
        # High prices make a cut of the objective one of the rows, in effect: keep it in size.
        largest = float(np.abs(full).max(initial=0.0))
        scale = max(self.scale, largest / _LARGEST) if cut.of_value else largest or 1.0
        full /= scale
        constant = cut.constant / scale + (0.0 if cut.of_value else 1e-9)
        # What HiGHS would drop is moved into the constant, on the safe side.
        for i in np.flatnonzero((np.abs(full) < SMALLEST) & (full != 0)):
            constant += max(-full[i] * self._lower[i], -full[i] * self._upper[i])
            full[i] = 0.0
        full[self._columns + self._count] = self.scale / scale if cut.of_value else 0.0
        self.cuts.append(cut)
        self._promise.append(len(self._rows))
        self._append(full, -np.inf, constant)

    def cover(self, missing: BoolArray) -> bool:
        """Demand that the gates of some groups [P, A] open to one in sum; tell if any is new."""
        new = False
        for pattern in missing:
            gates = tuple(np.flatnonzero(pattern).tolist())
            if gates not in self._covers:
                self._covers.add(gates)
                self._add({self._columns + a: 1.0 for a in gates}, 1.0, np.inf)
                new = True
        return new

    def exclude(self, point: FloatArray) -> None:
        """Exclude the integer columns of a point [E]."""
        side = self.side
        entries: dict[int, float] = {}
        least = 1.0
        for e in np.flatnonzero(side.integer & (side.upper - side.lower > 0.5)):
            if side.upper[e] - side.lower[e] > 1.5:
                continue
            up = point[e] > side.lower[e] + 0.5
            entries[int(e)] = -1.0 if up else 1.0
            least += float(-side.upper[e] if up else side.lower[e])
        for i, (column, power) in enumerate(self._digits):
            odd = round(point[column] - side.lower[column]) // power % 2 == 1
            entries[self._columns + self._count + 1 + i] = -1.0 if odd else 1.0
            least -= 1.0 if odd else 0.0
        self._add(entries, least, np.inf)

    def relax(self) -> Proposal:
        """Return the best side columns under all cuts, with whole numbers relaxed."""
        return self._solve(None, 0.0, np.inf)

    def propose(self, gap: float, time_limit: float) -> Proposal:
        """Return the best side columns under all cuts."""
        return self._solve(self._integer if self._integer.any() else None, gap, time_limit)

    def _solve(self, whole: BoolArray | None, gap: float, time_limit: float) -> Proposal:
        matrix = sparse.csr_array(np.array(self._rows).reshape(-1, self._width))
        solution = solve(
            Program(
                self._cost,
                matrix,
                np.array(self._low),
                np.array(self._high),
                self._lower,
                self._upper,
                whole,
                maximise=True,
            ),
            gap=gap,
            time_limit=time_limit,
        )
        if solution.status == "unbounded":
            raise SolverError(UNBOUNDED)
        if solution.status == "infeasible":
            return Proposal("infeasible", np.zeros(0), -np.inf, np.zeros(0))
        point = solution.x[: self._columns] * self._unit[: self._columns]
        if whole is not None:
            point = np.where(self.side.integer, np.rint(point), point)
        slack = (np.array(self._high) - matrix @ solution.x)[self._promise]
        bound = solution.bound if np.isfinite(solution.bound) else np.inf
        return Proposal(solution.status, point, bound * self.scale + self._dust, slack)

    def _add_side_rows(self, program: AssignmentProgram) -> None:
        # A coupling row without coefficients on the assignment is a row over the side columns.
        side = self.side
        alone = ~program.rows.any(axis=(1, 2, 3))
        limits, most = program.limits[alone], program.sense[alone] > 0
        matrix = np.vstack([side.matrix.toarray(), side.coupling[alone]])
        low = np.concatenate([side.row_lower, np.where(most, -np.inf, limits)])
        high = np.concatenate([side.row_upper, np.where(most, limits, np.inf)])
        for row, least, greatest in zip(matrix, low, high, strict=True):
            full = np.zeros(self._width)
            full[: self._columns] = row * self._unit[: self._columns]
            largest = float(np.abs(full).max(initial=0.0)) or 1.0
            full = np.where(np.abs(full) < SMALLEST * largest, 0.0, full)
            self._append(full / largest, least / largest, greatest / largest)

    def _add(self, entries: dict[int, float], low: float, high: float) -> None:
        full = np.zeros(self._width)
        full[list(entries)] = list(entries.values())
        self._append(full, low, high)

    def _append(self, row: FloatArray, low: float, high: float) -> None:
        self._rows.append(row)
        self._low.append(float(low))
        self._high.append(float(high))
