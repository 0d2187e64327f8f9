r"""Generalised Benders decomposition: the master program over the auxiliary variables.

For the objective of the groups alone, oriented to be maximised, as a function of the auxiliary
variables,

.. math::
    V(y) = \max_x \Big\{ \sum_g w_g \sum_j o_{gj} x_{gj} :\;
    \sum_g w_g \sum_j \sigma_r a_{rgj} x_{gj} \le \sigma_r (b_r - B_r y), \;
    \sum_{j \in a} x_{gj} \le z_a(y) \Big\},

weak duality with any prices :math:`\pi \ge 0`, and any v_g for each group, gives the cut

.. math::
    V(y) \le \sum_r \pi_r \sigma_r (b_r - B_r y)
    + \sum_g w_g \Big[ v_g + \sum_a (r_{ga}(\pi) - v_g)^+ z_a \Big],

linear in y and in the openings :math:`z_a \le y_e` of the links (see
``LinkingConstraints.opening``). It is valid for fractional and continuous columns alike, so
continuous columns that appear beside integer ones (amounts per tier) belong to the master, where
the cut is linear in them; and also to the program that is left at fixed integer columns, so that
every candidate is judged with its best amounts. Both agree at the candidate: its least Lagrangian
value over the prices is, by duality, the relaxed optimum over assignments and continuous columns
together, and the cut at those prices keeps the master from promising more. With an objective of
zero the same cut, 0 <= ..., proves that rows cannot be kept. Sources: Geoffrion, *Generalized
Benders decomposition*, JOTA 10 (1972); the cuts of the p-median problem in Magnanti and Wong,
*Operations Research* 29 (1981).

The relaxation over fractional auxiliary variables: cuts at points between the master's and the
best.

A large program is started from a sample of its groups. Then prices come from the sample, its limits
corrected by what the last pass over all groups added up to, and every cut takes one such pass.

Every active set's bound in one pass, for few active sets that the linear relaxation hardly tells
apart.

Where plans resemble each other, opening all of them by a share promises far more than any active
set keeps. At prices :math:`\pi` of the coupling rows an active set y has the Lagrangian bound

.. math:: \sum_g w_g \max_{j \text{ open}} r_{gj}(\pi) + \sum_r \pi_r \sigma_r (b_r - B_r y) + d y,

and prices good for one active set are good for others like it. So all active sets are listed, each
with the least bound at the prices tried so far.
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
    FixedColumns,
    Lagrangian,
    LinkingConstraints,
    Units,
    auxiliary_of,
    fill,
    find_prices,
    priced_table,
)
from arbmodels._assignment.pricing import spread
from arbmodels._assignment.program import (
    UNBOUNDED,
    Arrays,
    AssignmentProgram,
    AuxiliaryVariables,
    Block,
    BoolArray,
    FloatArray,
    IntArray,
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
    """theta, or 0, is at most ``constant + auxiliary @ y + gains @ z``.

    Attributes
    ----------
    constant : float
    auxiliary : float array [E]
    gains : float array [A]
    prices : float array [R]
        At which it was made.
    opening : float array [A]
        At which it was made.
    of_value : bool
        False for a cut that proves rows impossible.
    """

    constant: float
    auxiliary: FloatArray
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
    auxiliary = auxiliary_of(program)
    priced = prices * program.sense
    return Cut(
        filled.constant + float(priced @ program.limits),
        -priced @ auxiliary.coupling,
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
    auxiliary : float array [E]
        Empty if infeasible.
    bound : float
        No auxiliary variables that are not excluded allow more; oriented to be maximised.
    slack : float array
        Of the cuts, in units of the bound's scale.
    """

    status: Status
    auxiliary: FloatArray
    bound: float
    slack: FloatArray


class Master:
    """Auxiliary variables y, openings z and theta under all cuts so far; grows, never shrinks.

    Columns: y, z, theta, then the binary digits of whole numbers that are not binary, by which a
    point can be excluded.

    Parameters
    ----------
    program : AssignmentProgram
        With auxiliary variables.
    links : LinkingConstraints
    units : Units
    scale : float
        Size of the objective; positive.
    """

    def __init__(
        self, program: AssignmentProgram, links: LinkingConstraints, units: Units, scale: float
    ) -> None:
        auxiliary = auxiliary_of(program)
        self.auxiliary, self.scale = auxiliary, scale
        self.cuts: list[Cut] = []
        self._cut_rows: list[int] = []
        self._covers: set[tuple[int, ...]] = set()
        columns, count = len(auxiliary.names), len(links.needs)
        self._columns, self._count = columns, count
        span = np.where(auxiliary.integer, auxiliary.upper - auxiliary.lower, 0.0)
        self._digits = [
            (int(e), int(2**k))
            for e in np.flatnonzero(span > 1.5)
            for k in range(int(np.log2(span[e])) + 1)
        ]
        self._width = columns + count + 1 + len(self._digits)
        unit = np.where(auxiliary.integer, 1.0, units.columns)
        more = count + 1 + len(self._digits)
        self._unit = np.concatenate([unit, np.ones(more)])
        ends = [np.concatenate([auxiliary.lower / unit, np.zeros(more)])]
        ends += [np.concatenate([auxiliary.upper / unit, np.ones(more)])]
        self._lower, self._upper = ends
        self._lower[columns] = 1.0  # link 0
        self._lower[columns + count], self._upper[columns + count] = -np.inf, np.inf
        self._integer = np.zeros(self._width, dtype=bool)
        self._integer[:columns] = auxiliary.integer
        self._integer[columns + count + 1 :] = True
        cost = np.zeros(self._width)
        cost[:columns] = program.sign * auxiliary.objective * unit / scale
        cost[columns + count] = 1.0
        self._cost = np.where(np.abs(cost) < SMALLEST, 0.0, cost)
        self._dust = float(np.abs(cost[:columns][np.abs(cost[:columns]) < SMALLEST]).sum()) * scale
        self._rows: list[FloatArray] = []
        self._low: list[float] = []
        self._high: list[float] = []
        self._add_auxiliary_rows(program)
        for a, e in zip(*np.nonzero(links.needs), strict=True):
            self._add({columns + int(a): 1.0, int(e): -1.0}, -np.inf, 0.0)
        for e in np.flatnonzero(span > 1.5):
            digits = {
                columns + count + 1 + i: -float(power)
                for i, (column, power) in enumerate(self._digits)
                if column == e
            }
            self._add({int(e): 1.0, **digits}, auxiliary.lower[e], auxiliary.lower[e])

    def add(self, cut: Cut) -> None:
        """Add a cut."""
        full = np.zeros(self._width)
        full[: self._columns] = -cut.auxiliary * self._unit[: self._columns]
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
        self._cut_rows.append(len(self._rows))
        self._append(full, -np.inf, constant)

    def cover(self, missing: BoolArray) -> bool:
        """Demand that the links of some groups [P, A] open to one in sum; tell if any is new."""
        new = False
        for pattern in missing:
            links = tuple(np.flatnonzero(pattern).tolist())
            if links not in self._covers:
                self._covers.add(links)
                self._add({self._columns + a: 1.0 for a in links}, 1.0, np.inf)
                new = True
        return new

    def exclude(self, point: FloatArray) -> None:
        """Exclude the integer columns of a point [E]."""
        auxiliary = self.auxiliary
        entries: dict[int, float] = {}
        least = 1.0
        for e in np.flatnonzero(auxiliary.integer & (auxiliary.upper - auxiliary.lower > 0.5)):
            if auxiliary.upper[e] - auxiliary.lower[e] > 1.5:
                continue
            up = point[e] > auxiliary.lower[e] + 0.5
            entries[int(e)] = -1.0 if up else 1.0
            least += float(-auxiliary.upper[e] if up else auxiliary.lower[e])
        for i, (column, power) in enumerate(self._digits):
            odd = round(point[column] - auxiliary.lower[column]) // power % 2 == 1
            entries[self._columns + self._count + 1 + i] = -1.0 if odd else 1.0
            least -= 1.0 if odd else 0.0
        self._add(entries, least, np.inf)

    def relax(self) -> Proposal:
        """Return the best auxiliary variables under all cuts, with whole numbers relaxed."""
        return self._solve(None, 0.0, np.inf)

    def propose(self, gap: float, time_limit: float) -> Proposal:
        """Return the best auxiliary variables under all cuts."""
        return self._solve(self._integer if self._integer.any() else None, gap, time_limit)

    def _solve(self, integer: BoolArray | None, gap: float, time_limit: float) -> Proposal:
        matrix = sparse.csr_array(np.array(self._rows).reshape(-1, self._width))
        solution = solve(
            Program(
                self._cost,
                matrix,
                np.array(self._low),
                np.array(self._high),
                self._lower,
                self._upper,
                integer,
                maximize=True,
            ),
            gap=gap,
            time_limit=time_limit,
        )
        if solution.status == "unbounded":
            raise SolverError(UNBOUNDED)
        if solution.status == "infeasible":
            return Proposal("infeasible", np.zeros(0), -np.inf, np.zeros(0))
        point = solution.x[: self._columns] * self._unit[: self._columns]
        if integer is not None:
            point = np.where(self.auxiliary.integer, np.rint(point), point)
        slack = (np.array(self._high) - matrix @ solution.x)[self._cut_rows]
        bound = solution.bound if np.isfinite(solution.bound) else np.inf
        return Proposal(solution.status, point, bound * self.scale + self._dust, slack)

    def _add_auxiliary_rows(self, program: AssignmentProgram) -> None:
        # A coupling row without coefficients on the assignment is a row over the auxiliary
        # variables.
        auxiliary = self.auxiliary
        alone = ~program.rows.any(axis=(1, 2, 3))
        limits, most = program.limits[alone], program.sense[alone] > 0
        matrix = np.vstack([auxiliary.matrix.toarray(), auxiliary.coupling[alone]])
        low = np.concatenate([auxiliary.row_lower, np.where(most, -np.inf, limits)])
        high = np.concatenate([auxiliary.row_upper, np.where(most, limits, np.inf)])
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
    """What one set of auxiliary variables is worth at most.

    Attributes
    ----------
    point : float array [E]
    bound : float
        Oriented to be maximised, objective of the auxiliary variables included; minus infinity if
        the rows cannot be kept, infinity if nothing was found out.
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
        With auxiliary variables.
    auxiliary : AuxiliaryVariables
        Those.
    links : LinkingConstraints
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
        auxiliary: AuxiliaryVariables,
        *,
        links: LinkingConstraints,
        units: Units,
        scale: float,
        prices: FloatArray,
        precision: float,
        deadline: float,
    ) -> None:
        self.program, self.auxiliary, self.links, self.units = program, auxiliary, links, units
        self.prices, self.precision, self.deadline = prices, precision, deadline
        self.master = Master(program, links, units, scale)
        self.sample = sampled(program)

    def pass_at(self, prices: FloatArray, opening: FloatArray, *, of_value: bool = True) -> Filled:
        """Make one pass, add its cut, and correct the sample by it."""
        table = priced_table(self.program, prices, 1.0 if of_value else 0.0)
        filled = fill(self.program, table, self.links, opening)
        self.master.cover(filled.missing)
        self.master.add(cut_of(self.program, prices, opening, filled, of_value=of_value))
        if self.sample is not self.program:
            # At the same prices sample and whole differ by chance; the difference hardly depends
            # on the prices, so with it taken off the limits the sample's prices fit the whole.
            small = fill(self.sample, table, self.links, opening)
            chance = (self.program.rows * (filled.totals - small.totals)).sum(axis=(1, 2, 3))
            self.sample = replace(self.sample, limits=self.program.limits - chance)
        return filled

    def separate(self, point: FloatArray) -> Separated:
        """Bound auxiliary variables [E] of which the continuous ones may move, and add the cut."""
        opening = self.links.opening(point)
        fixed_columns = FixedColumns(point, ~self.auxiliary.integer, opening)
        full = Lagrangian(self.program, self.links, fixed_columns, self.units)
        fixed = np.where(self.auxiliary.integer, point, 0.0)
        beside = self.program.sign * float(self.auxiliary.objective @ fixed)
        for _ in range(_TRIALS):
            small = Lagrangian(self.sample, self.links, fixed_columns, self.units)
            found = find_prices(small, self.prices, self.precision)
            filled = self.pass_at(found.prices, opening, of_value=not found.impossible)
            scaled = found.prices * self.units.rows / self.units.value
            if not found.impossible:
                value = full.value(scaled, filled)
                if found.converged:
                    self.prices = found.prices
                break
            # Proven for the sample; for all groups too?
            if full.without_objective().value(scaled, filled) < -IMPOSSIBLE:
                value = -np.inf
                break
            value = np.inf
        bound = value * self.units.value + beside
        return Separated(point, bound, self.master.cuts[-1], not len(filled.missing))

    def tighten(self, gap: float, rounds: int) -> FloatArray | None:
        """Add cuts until the relaxation is known to ``gap``; return its auxiliary variables [E].

        Cuts are made halfway between the master's columns and the best known ones, which keeps
        them from jumping; at the master's own when these stay. Ends early when it gets nowhere.
        None if the relaxation is infeasible.
        """
        best, primal_value = None, -np.inf
        last, distances = np.zeros(0), list[float]()
        for _ in range(rounds):
            proposal = self.master.relax()
            if proposal.status == "infeasible":
                return None
            distance = proposal.bound - primal_value
            stuck = len(distances) >= _PATIENCE and not distance < 0.99 * distances[-_PATIENCE]
            if distance <= gap * abs(proposal.bound) or self.left <= 0 or stuck:
                break
            stays = len(last) > 0 and bool(np.allclose(last, proposal.auxiliary, rtol=0, atol=1e-6))
            last = proposal.auxiliary
            distances.append(distance)
            separated = self.separate(last if best is None or stays else (last + best) / 2)
            if separated.bound == np.inf:
                break
            if separated.complete and primal_value < separated.bound:
                best, primal_value = separated.point, separated.bound
        return proposal.auxiliary if best is None else best

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


#: Active sets at most, and active sets times groups.
_SETS, _PAIRS = 50_000, 10**10
#: Groups looked at together: what they reach under some active sets stays in the processor's cache.
_CHUNK = 512


class ActiveSets:
    """Sets of auxiliary variables that are one, in the order of a depth-first search; their bounds.

    Parameters
    ----------
    program : AssignmentProgram
        With auxiliary variables, each of which opens one link.
    auxiliary : AuxiliaryVariables
    links : LinkingConstraints
    sets : int array [S, L]
        Positions of the auxiliary variables, -1 behind the last.

    Attributes
    ----------
    bounds : float array [S]
        Oriented to be maximised; minus infinity for active sets that are closed or impossible.
    """

    def __init__(
        self,
        program: AssignmentProgram,
        auxiliary: AuxiliaryVariables,
        links: LinkingConstraints,
        sets: IntArray,
    ) -> None:
        self.auxiliary, self.links = auxiliary, links
        self.points = _points(sets, len(auxiliary.names))
        self.bounds = np.full(len(sets), np.inf)
        link_of = np.append(links.needs.argmax(axis=0), -1)  # position -1 stays -1
        self._sets = link_of[sets]
        alone = ~program.rows.any(axis=(1, 2, 3))
        self._close_rows(auxiliary.matrix.toarray(), auxiliary.row_lower, auxiliary.row_upper)
        low = np.where(program.sense < 0, program.limits, -np.inf)
        high = np.where(program.sense > 0, program.limits, np.inf)
        self._close_rows(auxiliary.coupling[alone], low[alone], high[alone])

    def propose(self) -> Proposal:
        """Return the active set that promises most, and close it."""
        first = int(self.bounds.argmax())
        bound = float(self.bounds[first])
        self.bounds[first] = -np.inf
        status: Status = "infeasible" if bound == -np.inf else "optimal"
        return Proposal(status, self.points[first], bound, np.zeros(0))

    def learn(self, program: AssignmentProgram, cut: Cut, above: float = -np.inf) -> None:
        """Bound the active sets that promise more than ``above`` at the prices of a cut."""
        live = np.flatnonzero(self.bounds > above)
        factor = 1.0 if cut.of_value else 0.0
        table = priced_table(program, cut.prices, factor)
        parts = program.source.map(_best, table, program.forbidden, self.links, self._sets[live])
        # The cut's part of the auxiliary variables is theirs here, too; their objective is added.
        objective = factor * program.sign * self.auxiliary.objective
        priced = cut.prices * program.sense
        values = np.sum(parts, axis=0) + float(priced @ program.limits)
        values += self.points[live] @ (objective + cut.auxiliary)
        if not cut.of_value:
            size = 1.0 + np.abs(priced) @ np.abs(program.limits)
            values = np.where(values < -1e-9 * size, -np.inf, np.inf)
        self.bounds[live] = np.minimum(self.bounds[live], values)

    def _close_rows(self, matrix: FloatArray, low: FloatArray, high: FloatArray) -> None:
        inside = self.points @ matrix.T
        slack = 1e-9 * (1 + np.abs(matrix).sum(axis=1))
        self.bounds[((inside < low - slack) | (inside > high + slack)).any(axis=1)] = -np.inf


def active_sets_of(
    program: AssignmentProgram, auxiliary: AuxiliaryVariables, links: LinkingConstraints
) -> ActiveSets | None:
    """Return all active sets; None if they are many, or if variables do more than open plans."""
    columns = len(auxiliary.names)
    plain = (
        auxiliary.integer.all() and (auxiliary.lower == 0).all() and (auxiliary.upper == 1).all()
    )
    needs = links.needs[1:]
    if not plain or (needs.sum(axis=1) != 1).any() or (needs.sum(axis=0) != 1).any():
        return None
    matrix = auxiliary.matrix.toarray()
    counts = (
        (matrix == 1).all(axis=1) & (auxiliary.row_upper >= 0) & np.isfinite(auxiliary.row_upper)
    )
    if not counts.any():
        return None
    most = min(int(auxiliary.row_upper[counts].min() + 1e-9), columns)
    # Where using a model costs nothing, smaller active sets are never better.
    free = len(matrix) == 1 and not auxiliary.objective.any() and not auxiliary.coupling.any()
    sizes = range(most if free else 0, most + 1)
    count = sum(comb(columns, size) for size in sizes)
    if count > _SETS or count * program.groups > _PAIRS:
        return None
    found = sorted(each for size in sizes for each in combinations(range(columns), size))
    sets = np.array([each + (-1,) * (most - len(each)) for each in found], dtype=np.int64)
    return ActiveSets(program, auxiliary, links, sets.reshape(count, most))


def best_active_set(
    relaxation: Relaxation, gap: float, rounds: int
) -> tuple[FloatArray | None, float]:
    """Return the best active set that some rounds find, and its value; none if not listed."""
    program, best, primal_value = relaxation.program, None, -np.inf
    active_sets = active_sets_of(program, relaxation.auxiliary, relaxation.links)
    if active_sets is None:
        return None, primal_value
    active_sets.learn(program, relaxation.master.cuts[-1])
    for _ in range(rounds):
        proposal = active_sets.propose()
        if proposal.bound == -np.inf or relaxation.left <= 0:
            break
        if best is not None and proposal.bound - primal_value <= gap * abs(primal_value):
            break
        separated = relaxation.separate(proposal.auxiliary)
        if separated.complete and primal_value < separated.bound < np.inf:
            best, primal_value = proposal.auxiliary, separated.bound
        active_sets.learn(program, separated.cut, primal_value)
    return best, primal_value


def _points(sets: IntArray, columns: int) -> FloatArray:
    points = np.zeros((len(sets), columns + 1))
    points[np.arange(len(sets))[:, None], sets] = 1.0
    return points[:, :columns]


def _best(
    block: Block,
    table: FloatArray,
    forbidden: BoolArray | None,
    links: LinkingConstraints,
    sets: IntArray,
) -> FloatArray:
    """Return what the groups of a block reach under every active set, [S]."""
    plans = table.shape[2]
    values = np.zeros(len(sets))
    members = [np.flatnonzero(links.of_plan == a) for a in range(len(links.needs))]
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
