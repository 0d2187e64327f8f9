r"""Linking constraints x <= y, and prices of the coupling rows at fixed auxiliary variables.

At fixed integer columns (also at fractions of them, as the relaxation of the master program gives)
the least Lagrangian value over the prices is sought by column generation: each pass gives what the
groups add up to, a small linear program combines these under the rows and the auxiliary variables
that may move, and its row prices, kept in a box round the best ones known, are tried next. Any
prices give a valid cut, so nothing here has to be exact.

A plan serves a group only as far as the auxiliary variables that it needs are one. Plans that need
the same variables E_a share the linking constraint a, opened to z_a, at most the least y_e in E_a;
link 0, of plans that need nothing, is always open.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from arbmodels._assignment.kernels import fill as fill_chunk
from arbmodels._assignment.program import (
    SPAN,
    UNBOUNDED,
    AssignmentProgram,
    AuxiliaryVariables,
    Block,
    BoolArray,
    FloatArray,
    IntArray,
    dense,
    offered,
)
from arbmodels._solver import Program, solve
from arbmodels.errors import SolverError

#: Groups priced at a time: their table stays in the processor's cache.
_CHUNK = 2048
#: Different groups without an open plan that one block reports at most.
_PATTERNS = 32


@dataclass(frozen=True, eq=False)
class LinkingConstraints:
    """Which auxiliary variables open which plans.

    Attributes
    ----------
    needs : bool array [A, E]
        Auxiliary variables that a link waits for; none for link 0.
    of_plan : int array [J]
        Gate of every plan.
    """

    needs: BoolArray
    of_plan: IntArray

    def opening(self, auxiliary: FloatArray) -> FloatArray:
        """Return how far auxiliary variables [E] open the links, [A], between zero and one."""
        waiting = np.where(self.needs, np.clip(auxiliary, 0.0, 1.0), 1.0)
        opening: FloatArray = waiting.min(axis=1, initial=1.0)
        return opening

    def closed(self, auxiliary: FloatArray) -> BoolArray:
        """Return which plans integer auxiliary variables [E] close, [J]."""
        shut: BoolArray = self.opening(auxiliary)[self.of_plan] < 0.5
        return shut


def links_of(auxiliary: AuxiliaryVariables) -> LinkingConstraints:
    """Gather plans that need the same columns."""
    nothing = np.zeros((1, auxiliary.needs.shape[1]), dtype=bool)
    kinds, link = np.unique(np.vstack([nothing, auxiliary.needs]), axis=0, return_inverse=True)
    # Unique sorts, and false sorts before true: the first kind needs nothing.
    return LinkingConstraints(kinds, link.ravel()[1:].astype(np.int64))


@dataclass(frozen=True, eq=False)
class Filled:
    r"""A pass at given prices and opening z.

    The priced objective of all groups is at most ``constant + gains @ z'`` at every other z', and
    equal to it at z, unless a group is missing some of its share.

    Attributes
    ----------
    constant : float
    gains : float array [A]
        Not negative.
    totals : float array [K + 1, C, J]
        See ``pricing.totals``, here of shares of groups.
    missing : bool array [P, A]
        Links of some groups that the open plans cannot serve in full: each needs the sum of its
        links to be at least one.
    """

    constant: float
    gains: FloatArray
    totals: FloatArray
    missing: BoolArray


def fill(
    program: AssignmentProgram, table: FloatArray, links: LinkingConstraints, opening: FloatArray
) -> Filled:
    r"""Serve every group from its best open plan downwards.

    For a group with priced objective r_j at link a(j), and r_a the best of a link, the most that
    opening z allows is a linear program whose dual is

    .. math:: \min_v \; v + \sum_a (r_a - v)^+ z_a,

    and the best v is that of the critical plan, with which the links from the best downwards are
    opened to one in sum. Every v gives a bound for every z, so the sum over the groups is a cut.

    Parameters
    ----------
    table : float array [K + 1, C, J]
        Coefficients of the priced objective, to be maximised (``program.table``).
    links : LinkingConstraints
    opening : float array [A]
        z.
    """
    parts = program.source.map(_fill, table, program.forbidden, links, opening)
    return Filled(
        float(sum(part.constant for part in parts)),
        np.sum([part.gains for part in parts], axis=0),
        np.sum([part.totals for part in parts], axis=0),
        np.unique(np.concatenate([part.missing for part in parts]), axis=0),
    )


def auxiliary_of(program: AssignmentProgram) -> AuxiliaryVariables:
    """Return the auxiliary variables of a program that has some."""
    if program.auxiliary is None:
        raise SolverError("The program has no auxiliary variables; call the engines directly.")
    return program.auxiliary


def priced_table(program: AssignmentProgram, prices: FloatArray, factor: float) -> FloatArray:
    """Return ``program.table`` with the objective times zero or one."""
    table: FloatArray = factor * program.sign * program.objective - np.tensordot(
        prices * program.sense, program.rows, axes=1
    )
    if program.forbidden is not None:
        table[0][program.forbidden] = -np.inf
    return table


def _fill(
    block: Block,
    table: FloatArray,
    forbidden: BoolArray | None,
    links: LinkingConstraints,
    opening: FloatArray,
) -> Filled:
    plans = table.shape[2]
    gains, sums = np.zeros(len(opening)), np.zeros(table.shape)
    constant = 0.0
    short: list[BoolArray] = []
    size = min(_CHUNK, block.size)
    missing = np.empty(size)
    entries = size * (len(opening) + 1)
    group, plan = np.empty(entries, dtype=np.int64), np.empty(entries, dtype=np.int64)
    share = np.empty(entries)
    for start in range(0, block.size, _CHUNK):
        part = block.take(slice(start, start + _CHUNK))
        priced = dense(part, table)
        if block.offered is not None or forbidden is not None:
            allowed = offered(part, plans, forbidden)
            priced[~allowed] = -np.inf
        weights = np.ones(part.size) if part.weights is None else part.weights
        value, written = fill_chunk(
            priced, weights, links.of_plan, opening, gains, missing, group, plan, share
        )
        constant += value
        given = share[:written] * weights[group[:written]]
        _add_totals(sums, part, group[:written], plan[:written], given)
        lacking = np.flatnonzero(missing[: part.size] > 0)
        if len(lacking) and len(short) < _PATTERNS:
            short.append(_patterns(np.isfinite(priced[lacking]), links))
    found = np.concatenate(short) if short else np.zeros((0, len(opening)), dtype=bool)
    return Filled(constant, gains, sums, np.unique(found, axis=0)[:_PATTERNS])


def _patterns(allowed: BoolArray, links: LinkingConstraints) -> BoolArray:
    """Return the different sets of links of some groups, [P, A]."""
    of_link = np.zeros((len(links.of_plan), len(links.needs)))
    of_link[np.arange(len(links.of_plan)), links.of_plan] = 1.0
    return np.unique(allowed @ of_link > 0, axis=0)


def _add_totals(
    sums: FloatArray, block: Block, group: IntArray, plan: IntArray, weight: FloatArray
) -> None:
    classes = 0 if block.classes is None else block.classes[group]
    key = classes * sums.shape[2] + plan
    sums[0] += np.bincount(key, weight, minlength=sums[0].size).reshape(sums.shape[1:])
    bought = plan < block.width
    if not bought.all():
        group, plan, key, weight = group[bought], plan[bought], key[bought], weight[bought]
    for k, quantity in enumerate(block.quantities, start=1):
        used = np.bincount(key, weight * quantity[group, plan], minlength=sums[0].size)
        sums[k] += used.reshape(sums.shape[1:])


#: Passes at most for one set of prices, and how often their box may grow.
_PASSES = 60
#: Widest box, and highest prices, in units.
_WIDEST = 1e5
#: A row is impossible if it misses its limit by more than this share of its unit.
IMPOSSIBLE = 1e-9
#: HiGHS drops smaller coefficients with a warning.
SMALLEST = 2e-9


@dataclass(frozen=True, eq=False)
class Units:
    """Natural sizes: of the objective, of coupling rows [R] and of auxiliary variables [E]."""

    value: float
    rows: FloatArray
    columns: FloatArray


@dataclass(frozen=True, eq=False)
class FixedColumns:
    """Auxiliary variables of which some stand still and others move.

    Attributes
    ----------
    auxiliary : float array [E]
        Values of those that stand still.
    free : bool array [E]
        Which move; whole numbers among them are relaxed.
    opening : float array [A]
        How far the links are open.
    """

    auxiliary: FloatArray
    free: BoolArray
    opening: FloatArray


@dataclass(frozen=True, eq=False)
class Priced:
    """Prices [R] and what they prove about the columns that stand still.

    Attributes
    ----------
    prices : float array [R]
    bound : float
        No assignment at these columns is better; oriented to be maximised, without the
        objective of the columns that stand still. Minus infinity if ``impossible``.
    impossible : bool
        With an objective of zero these prices prove that the coupling rows cannot hold.
    converged : bool
        False if the prices grew without end, as where rows hold by a hair or not at all.
    """

    prices: FloatArray
    bound: float
    impossible: bool
    converged: bool


def units_of(program: AssignmentProgram, auxiliary: AuxiliaryVariables) -> Units:
    """Measure how far objective and rows can move."""
    tables = np.concatenate([program.objective[None], program.rows])
    reach = np.sum(program.source.map(_reach, tables, program.forbidden), axis=0)
    ends = np.abs(np.array([auxiliary.lower, auxiliary.upper]))
    columns = np.where(np.isfinite(ends), ends, 0.0).max(axis=0)
    columns = np.where(columns > 0, columns, 1.0)
    rows = np.maximum(reach[1:], np.abs(auxiliary.coupling * columns).max(axis=1, initial=0.0))
    value = max(float(reach[0]), float(np.abs(auxiliary.objective * columns).max(initial=0.0)))
    return Units(value or 1.0, np.where(rows > 0, rows, 1.0), columns)


def _reach(block: Block, tables: FloatArray, forbidden: BoolArray | None) -> FloatArray:
    allowed = offered(block, tables.shape[3], forbidden)
    weights = np.ones(block.size) if block.weights is None else block.weights
    served = allowed.any(axis=1)
    reach = np.zeros(len(tables))
    for r, table in enumerate(tables):
        values = dense(block, table)[served]
        high = np.where(allowed[served], values, -np.inf).max(axis=1)
        low = np.where(allowed[served], values, np.inf).min(axis=1)
        reach[r] = weights[served] @ (high - low)
    return reach


class Lagrangian:
    """The Lagrangian of a program at columns that stand still; prices and values in units.

    Parameters
    ----------
    program : AssignmentProgram
    links : LinkingConstraints
    fixed_columns : FixedColumns
    units : Units
    """

    def __init__(
        self,
        program: AssignmentProgram,
        links: LinkingConstraints,
        fixed_columns: FixedColumns,
        units: Units,
    ) -> None:
        auxiliary = auxiliary_of(program)
        self.program, self.links, self.fixed_columns, self.units = (
            program,
            links,
            fixed_columns,
            units,
        )
        self.factor = 1.0
        free, fixed = fixed_columns.free, np.where(fixed_columns.free, 0.0, fixed_columns.auxiliary)
        scale = units.columns[free]
        self.room = program.sense * (program.limits - auxiliary.coupling @ fixed) / units.rows
        self.cost = program.sign * auxiliary.objective[free] * scale / units.value
        self.coupling = without_dust(
            program.sense[:, None] * auxiliary.coupling[:, free] * scale / units.rows[:, None]
        )
        inside = auxiliary.matrix[:, free].toarray() * scale
        kept = np.abs(inside).max(axis=1, initial=0.0) > 0
        largest = np.abs(inside[kept]).max(axis=1, initial=0.0)
        beside = (auxiliary.matrix @ fixed)[kept]
        # Columns that stand at fractions keep the rows up to rounding only.
        slack = 1e-9 * (1 + np.abs(beside) / largest)
        self.inside = without_dust(inside[kept] / largest[:, None])
        self.inside_lower = (auxiliary.row_lower[kept] - beside) / largest - slack
        self.inside_upper = (auxiliary.row_upper[kept] - beside) / largest + slack
        self.lower, self.upper = auxiliary.lower[free] / scale, auxiliary.upper[free] / scale

    def without_objective(self) -> Lagrangian:
        """Return that of an objective of zero, which asks whether the rows can be kept."""
        zero = copy(self)
        zero.factor, zero.cost = 0.0, 0 * self.cost
        return zero

    def table(self, prices: FloatArray) -> FloatArray:
        """Return the coefficients of the priced objective, [K + 1, C, J]."""
        return priced_table(self.program, prices * self.units.value / self.units.rows, self.factor)

    def fill(self, prices: FloatArray) -> Filled:
        """Serve all groups at prices [R]."""
        return fill(self.program, self.table(prices), self.links, self.fixed_columns.opening)

    def value(self, prices: FloatArray, filled: Filled) -> float:
        """Return the Lagrangian value at prices [R]."""
        groups = filled.constant + float(filled.gains @ self.fixed_columns.opening)
        return groups / self.units.value + float(prices @ self.room) + self._best_auxiliary(prices)

    def column(self, filled: Filled) -> FloatArray:
        """Return value and left-hand sides of a pass, [1 + R]."""
        program, units = self.program, self.units
        value = self.factor * program.sign * (program.objective * filled.totals).sum() / units.value
        use = program.sense * (program.rows * filled.totals).sum(axis=(1, 2, 3)) / units.rows
        return np.concatenate([[value], without_dust(use)])

    def _best_auxiliary(self, prices: FloatArray) -> float:
        reduced = without_dust(self.cost - prices @ self.coupling)
        if not len(reduced):
            return 0.0
        if not len(self.inside):
            best = np.where(reduced > 0, self.upper, self.lower)
            return float(reduced[reduced != 0] @ best[reduced != 0])
        solution = solve(
            Program(
                reduced,
                sparse.csr_array(self.inside),
                self.inside_lower,
                self.inside_upper,
                self.lower,
                self.upper,
                maximize=True,
            )
        )
        return {"unbounded": np.inf, "infeasible": -np.inf}.get(solution.status, solution.objective)

    def combine(
        self, columns: list[FloatArray], low: FloatArray, high: FloatArray
    ) -> tuple[float, FloatArray, bool]:
        """Return the best combination's value, its prices within a box, and if a row is broken."""
        count, rows, moving = len(columns), len(self.room), len(self.cost)
        value, use = np.array(columns)[:, 0], np.array(columns)[:, 1:].T
        one, none = np.eye(rows), np.zeros((len(self.inside), count))
        matrix = np.vstack(
            [
                np.hstack([use, self.coupling, -one, one]),
                np.repeat([1.0, 0.0], [count, moving + 2 * rows])[None],
                np.hstack([none, self.inside, np.zeros((len(self.inside), 2 * rows))]),
            ]
        )
        solution = solve(
            Program(
                np.concatenate([value, self.cost, -high, low]),
                sparse.csr_array(matrix),
                np.concatenate([np.full(rows, -np.inf), [1.0], self.inside_lower]),
                np.concatenate([self.room, [1.0], self.inside_upper]),
                np.concatenate([np.zeros(count), self.lower, np.zeros(2 * rows)]),
                np.concatenate([np.full(count, np.inf), self.upper, np.full(2 * rows, np.inf)]),
                maximize=True,
            )
        )
        if solution.status == "unbounded":
            return np.inf, high, True
        if solution.row_dual is None:
            raise SolverError(
                f"The prices of the constraints were not found, HiGHS says {solution.status!r}:"
                f" {SPAN}"
            )
        excess = solution.x[count + moving : count + moving + rows]
        prices = np.clip(solution.row_dual[:rows], low, high)
        return solution.objective, prices, bool((excess > SMALLEST).any())


def find_prices(lagrangian: Lagrangian, start: FloatArray, tolerance: float) -> Priced:
    """Return the prices of least Lagrangian value, to a share ``tolerance`` of it."""
    units = lagrangian.units
    best = np.minimum(start * units.rows / units.value, _WIDEST)
    feasible, converged = False, True
    filled = lagrangian.fill(best)
    value, columns = lagrangian.value(best, filled), [lagrangian.column(filled)]
    width = np.maximum(0.2 * best, 0.02)
    if value == -np.inf:  # the auxiliary variables contradict each other
        return Priced(np.zeros_like(start), value, True, False)
    for _ in range(_PASSES if len(best) else 0):
        low, high = np.maximum(best - width, 0.0), np.minimum(best + width, _WIDEST)
        try:
            model, trial, broken = lagrangian.combine(columns, low, high)
        except SolverError:
            break  # the best so far will do
        if not np.isfinite(model) or value - model <= tolerance * max(abs(model), 0.01):
            if width.max() >= _WIDEST:
                converged = False
                break
            at_edge = (best >= high * (1 - 1e-9)) | ((best <= low) & (low > 0))
            if not (at_edge.any() or broken):
                break
            if np.isfinite(model) and broken and not feasible:
                proof = _impossible(lagrangian)
                if proof is not None:
                    return Priced(proof * units.value / units.rows, -np.inf, True, False)
                feasible = True
            width = np.minimum(4 * width, _WIDEST)
            continue
        filled = lagrangian.fill(trial)
        columns.append(lagrangian.column(filled))
        reached = lagrangian.value(trial, filled)
        width = np.minimum(width * (2.0 if reached < value else 0.85), _WIDEST)
        if reached < value:
            best, value = trial, reached
    if not np.isfinite(value):
        raise SolverError(UNBOUNDED)
    return Priced(best * units.value / units.rows, value * units.value, False, converged)


def _impossible(lagrangian: Lagrangian) -> FloatArray | None:
    """Return prices that prove the rows impossible; None if they are not."""
    zero = lagrangian.without_objective()
    low, high = np.zeros(len(zero.room)), np.ones(len(zero.room))
    trial, columns = low, []
    for _ in range(_PASSES):
        filled = zero.fill(trial)
        if zero.value(trial, filled) < -IMPOSSIBLE:
            return trial
        columns.append(zero.column(filled))
        model, trial, _ = zero.combine(columns, low, high)
        if model >= -IMPOSSIBLE:
            return None
    return None


def without_dust(values: FloatArray) -> FloatArray:
    """Return values with those set to zero that HiGHS would drop."""
    return np.where(np.abs(values) < SMALLEST, 0.0, values)
