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

The relaxation over fractional side columns: cuts at points between the master's and the best.

A large program is rehearsed on a sample of its groups. Then prices come from the sample, its limits
corrected by what the last pass over all groups added up to, and every cut takes one such pass.

Every menu's bound in one pass, for few menus that the linear relaxation hardly tells apart.

Where plans resemble each other, opening all of them by a share promises far more than any menu
keeps. At prices :math:`\pi` of the coupling rows a menu y has the Lagrangian bound

.. math:: \sum_g w_g \max_{j \text{ open}} r_{gj}(\pi) + \sum_r \pi_r \sigma_r (b_r - B_r y) + d y,

and prices good for one menu are good for others like it. So all menus are listed, each with the
least bound at the prices tried so far.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from math import comb

import numpy as np
from scipy import sparse

from arbmodels._assignment.kernels import best_under
from arbmodels._assignment.linking_constraints import (
    IMPOSSIBLE,
    SMALLEST,
    Filled,
    Gates,
    Lagrangian,
    Standing,
    Units,
    fill,
    find_prices,
    priced_table,
    side_of,
)
from arbmodels._assignment.pricing import spread
from arbmodels._assignment.program import (
    UNBOUNDED,
    Arrays,
    AssignmentProgram,
    Block,
    BoolArray,
    FloatArray,
    IntArray,
    Side,
    dense,
    offered,
)
from arbmodels._clock import clock
from arbmodels._solver import Program, Status, solve
from arbmodels.errors import SolverError

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


#: Groups on which prices are looked for; a larger program is rehearsed on so many.
SAMPLE = 2048
#: How often prices are looked for anew when a sample is impossible by chance.
_TRIALS = 3
#: Rounds without a gain of one percent after which the relaxation is left as it is.
_PATIENCE = 8


@dataclass(frozen=True, eq=False)
class Separated:
    """What one set of side columns is worth at most.

    Attributes
    ----------
    point : float array [E]
    bound : float
        Oriented to be maximised, objective of the side columns included; minus infinity if the
        rows cannot be kept, infinity if nothing was found out.
    cut : Cut
    complete : bool
        False if some group finds no open plan.
    """

    point: FloatArray
    bound: float
    cut: Cut
    complete: bool


class Relaxation:
    """A program, its master program, and the prices found last.

    Parameters
    ----------
    program : AssignmentProgram
        With side columns.
    side : Side
        Those.
    gates : Gates
    units : Units
    scale : float
        Size of the objective.
    prices : float array [R]
        First guess.
    precision : float
        Share of the objective to which prices are exact; it costs the bound no more than that.
    deadline : float
        On the clock of :mod:`arbmodels._clock`.
    """

    def __init__(
        self,
        program: AssignmentProgram,
        side: Side,
        *,
        gates: Gates,
        units: Units,
        scale: float,
        prices: FloatArray,
        precision: float,
        deadline: float,
    ) -> None:
        self.program, self.side, self.gates, self.units = program, side, gates, units
        self.prices, self.precision, self.deadline = prices, precision, deadline
        self.master = Master(program, gates, units, scale)
        self.sample = sampled(program)

    def pass_at(self, prices: FloatArray, opening: FloatArray, *, of_value: bool = True) -> Filled:
        """Make one pass, add its cut, and correct the sample by it."""
        table = priced_table(self.program, prices, 1.0 if of_value else 0.0)
        filled = fill(self.program, table, self.gates, opening)
        self.master.cover(filled.missing)
        self.master.add(cut_of(self.program, prices, opening, filled, of_value=of_value))
        if self.sample is not self.program:
            # At the same prices sample and whole differ by chance; the difference hardly depends
            # on the prices, so with it taken off the limits the sample's prices fit the whole.
            small = fill(self.sample, table, self.gates, opening)
            chance = (self.program.rows * (filled.totals - small.totals)).sum(axis=(1, 2, 3))
            self.sample = replace(self.sample, limits=self.program.limits - chance)
        return filled

    def separate(self, point: FloatArray) -> Separated:
        """Bound side columns [E] of which the continuous ones may move, and add the cut."""
        opening = self.gates.opening(point)
        standing = Standing(point, ~self.side.integer, opening)
        whole = Lagrangian(self.program, self.gates, standing, self.units)
        fixed = np.where(self.side.integer, point, 0.0)
        own = self.program.sign * float(self.side.objective @ fixed)
        for _ in range(_TRIALS):
            small = Lagrangian(self.sample, self.gates, standing, self.units)
            found = find_prices(small, self.prices, self.precision)
            filled = self.pass_at(found.prices, opening, of_value=not found.impossible)
            scaled = found.prices * self.units.rows / self.units.value
            if not found.impossible:
                value = whole.value(scaled, filled)
                if found.settled:
                    self.prices = found.prices
                break
            # Proven for the sample; for all groups too?
            if whole.without_objective().value(scaled, filled) < -IMPOSSIBLE:
                value = -np.inf
                break
            value = np.inf
        bound = value * self.units.value + own
        return Separated(point, bound, self.master.cuts[-1], not len(filled.missing))

    def tighten(self, gap: float, rounds: int) -> FloatArray | None:
        """Add cuts until the relaxation is known to ``gap``; return its side columns [E].

        Cuts are made halfway between the master's columns and the best known ones, which keeps
        them from jumping; at the master's own when these stay. Ends early when it gets nowhere.
        None if the relaxation is infeasible.
        """
        best, worth = None, -np.inf
        last, distances = np.zeros(0), list[float]()
        for _ in range(rounds):
            proposal = self.master.relax()
            if proposal.status == "infeasible":
                return None
            distance = proposal.bound - worth
            stuck = len(distances) >= _PATIENCE and not distance < 0.99 * distances[-_PATIENCE]
            if distance <= gap * abs(proposal.bound) or self.left <= 0 or stuck:
                break
            stays = len(last) > 0 and bool(np.allclose(last, proposal.side, rtol=0, atol=1e-6))
            last = proposal.side
            distances.append(distance)
            separated = self.separate(last if best is None or stays else (last + best) / 2)
            if separated.bound == np.inf:
                break
            if separated.complete and worth < separated.bound:
                best, worth = separated.point, separated.bound
        return proposal.side if best is None else best

    @property
    def left(self) -> float:
        """Seconds until the deadline, not negative."""
        return max(self.deadline - clock(), 0.0)


def sampled(program: AssignmentProgram) -> AssignmentProgram:
    """Return the program over a sample of the groups, weighing as much as all; itself if small."""
    count = SAMPLE
    if program.groups <= count:
        return program
    block = program.source.take(spread(program.groups, count))
    weights = np.ones(count) if block.weights is None else np.asarray(block.weights)
    heavier = replace(block, start=0, weights=weights * (program.groups / count))
    return replace(program, source=Arrays(heavier))


#: Menus at most, and menus times groups.
_MENUS, _PAIRS = 50_000, 10**10
#: Groups looked at together: what they reach under some menus stays in the processor's cache.
_CHUNK = 512


class Menus:
    """Menus, as sets of side columns in the order of a depth-first search, and their bounds.

    Parameters
    ----------
    program : AssignmentProgram
        With side columns, each of which opens one gate.
    side : Side
    gates : Gates
    sets : int array [S, L]
        Positions of the side columns, -1 behind the last.

    Attributes
    ----------
    bounds : float array [S]
        Oriented to be maximised; minus infinity for menus that are closed or impossible.
    """

    def __init__(
        self, program: AssignmentProgram, side: Side, gates: Gates, sets: IntArray
    ) -> None:
        self.side, self.gates = side, gates
        self.points = _points(sets, len(side.names))
        self.bounds = np.full(len(sets), np.inf)
        gate_of = np.append(gates.needs.argmax(axis=0), -1)  # position -1 stays -1
        self._sets = gate_of[sets]
        alone = ~program.rows.any(axis=(1, 2, 3))
        self._close_rows(side.matrix.toarray(), side.row_lower, side.row_upper)
        low = np.where(program.sense < 0, program.limits, -np.inf)
        high = np.where(program.sense > 0, program.limits, np.inf)
        self._close_rows(side.coupling[alone], low[alone], high[alone])

    def propose(self) -> Proposal:
        """Return the menu that promises most, and close it."""
        first = int(self.bounds.argmax())
        bound = float(self.bounds[first])
        self.bounds[first] = -np.inf
        status: Status = "infeasible" if bound == -np.inf else "optimal"
        return Proposal(status, self.points[first], bound, np.zeros(0))

    def learn(self, program: AssignmentProgram, cut: Cut, above: float = -np.inf) -> None:
        """Bound the menus that promise more than ``above`` at the prices of a cut."""
        live = np.flatnonzero(self.bounds > above)
        factor = 1.0 if cut.of_value else 0.0
        table = priced_table(program, cut.prices, factor)
        parts = program.source.map(_best, table, program.forbidden, self.gates, self._sets[live])
        # The cut's part of the side columns is theirs here, too; their objective is added.
        own = factor * program.sign * self.side.objective
        priced = cut.prices * program.sense
        values = np.sum(parts, axis=0) + float(priced @ program.limits)
        values += self.points[live] @ (own + cut.side)
        if not cut.of_value:
            size = 1.0 + np.abs(priced) @ np.abs(program.limits)
            values = np.where(values < -1e-9 * size, -np.inf, np.inf)
        self.bounds[live] = np.minimum(self.bounds[live], values)

    def _close_rows(self, matrix: FloatArray, low: FloatArray, high: FloatArray) -> None:
        inside = self.points @ matrix.T
        slack = 1e-9 * (1 + np.abs(matrix).sum(axis=1))
        self.bounds[((inside < low - slack) | (inside > high + slack)).any(axis=1)] = -np.inf


def menus_of(program: AssignmentProgram, side: Side, gates: Gates) -> Menus | None:
    """Return all menus; None if they are many, or if side columns do more than open plans."""
    columns = len(side.names)
    plain = side.integer.all() and (side.lower == 0).all() and (side.upper == 1).all()
    needs = gates.needs[1:]
    if not plain or (needs.sum(axis=1) != 1).any() or (needs.sum(axis=0) != 1).any():
        return None
    matrix = side.matrix.toarray()
    counts = (matrix == 1).all(axis=1) & (side.row_upper >= 0) & np.isfinite(side.row_upper)
    if not counts.any():
        return None
    most = min(int(side.row_upper[counts].min() + 1e-9), columns)
    # Where using a model costs nothing, smaller menus are never better.
    free = len(matrix) == 1 and not side.objective.any() and not side.coupling.any()
    sizes = range(most if free else 0, most + 1)
    count = sum(comb(columns, size) for size in sizes)
    if count > _MENUS or count * program.groups > _PAIRS:
        return None
    found = sorted(each for size in sizes for each in combinations(range(columns), size))
    sets = np.array([each + (-1,) * (most - len(each)) for each in found], dtype=np.int64)
    return Menus(program, side, gates, sets.reshape(count, most))


def best_menu(relaxation: Relaxation, gap: float, rounds: int) -> tuple[FloatArray | None, float]:
    """Return the best menu that some rounds find, and what it is worth; none if not listed."""
    program, best, worth = relaxation.program, None, -np.inf
    menus = menus_of(program, relaxation.side, relaxation.gates)
    if menus is None:
        return None, worth
    menus.learn(program, relaxation.master.cuts[-1])
    for _ in range(rounds):
        whole = menus.propose()
        if whole.bound == -np.inf or relaxation.left <= 0:
            break
        if best is not None and whole.bound - worth <= gap * abs(worth):
            break
        separated = relaxation.separate(whole.side)
        if separated.complete and worth < separated.bound < np.inf:
            best, worth = whole.side, separated.bound
        menus.learn(program, separated.cut, worth)
    return best, worth


def _points(sets: IntArray, columns: int) -> FloatArray:
    points = np.zeros((len(sets), columns + 1))
    points[np.arange(len(sets))[:, None], sets] = 1.0
    return points[:, :columns]


def _best(
    block: Block, table: FloatArray, forbidden: BoolArray | None, gates: Gates, sets: IntArray
) -> FloatArray:
    """Return what the groups of a block reach under every menu, [S]."""
    plans = table.shape[2]
    values = np.zeros(len(sets))
    members = [np.flatnonzero(gates.of_plan == a) for a in range(len(gates.needs))]
    for start in range(0, block.size, _CHUNK):
        part = block.take(slice(start, start + _CHUNK))
        priced = dense(part, table)
        priced[~offered(part, plans, forbidden)] = -np.inf
        top = np.array([priced[:, each].max(axis=1, initial=-np.inf) for each in members])
        if part.weights is not None:
            heavy = np.where(np.isfinite(top), top, 0.0) * part.weights
            top = np.where(np.isfinite(top), heavy, -np.inf)
        best_under(top, sets, values)
    return values
