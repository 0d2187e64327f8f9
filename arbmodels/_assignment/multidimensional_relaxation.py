r"""The linear relaxation with several rows: exact prices, and a proof where rows cannot hold.

The linear relaxation over the moves that matter, around given prices.

With base prices :math:`\pi`, losses :math:`\ell \ge 0` of moves away from the best plans, their
change of the rows :math:`\Delta`, what the best plans leave of the rows s, and auxiliary variables
y,

.. math::
    \max \; -\ell^\top x - \pi^\top z + (d' - B'^\top \pi)^\top y - \kappa^\top e
    \quad \text{s.t.} \quad \Delta^\top x + B' y + z - e = s, \quad
    \sum_{p \in g} x_p \le 1, \quad x, z, e \ge 0

has the value of the relaxation less that of the groups' part of the dual function, in numbers as
small as the losses themselves. Its duals are corrections of the prices. Left-over z priced at less
than the price, and a price on excess e, keep corrections in a box round :math:`\pi`: in it the
model is exact if no other move loses less than the box can make up for (the boxstep method of
Marsten, Hogan and Blankenship, *Operations Research* 23 (1975)).

Masses of groups that tie: more than a model can list one by one, such as equal plans make.

Groups of one kind (class, best plan, and the same moves) move together: a share of them, whatever
their numbers. Solutions of a model over kinds are solutions of the relaxation, so nothing that is
concluded from one changes; and a share of a kind is, up to one group, an assignment.

Groups that matter to a row, where those that nearly tie do not: small segments, few attempts.

Of a million groups, the few hundred that lose least by a move say nothing about a segment of fifty,
nor about a model of which ten attempts are to be had. Such rows bring groups of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from arbmodels._assignment import pricing
from arbmodels._assignment.lagrangian_dual import (
    AuxiliaryPart,
    Core,
    Dual,
    Point,
    coefficients,
    core_of,
    losses_of,
)
from arbmodels._assignment.newton import Sample, descend, sampled
from arbmodels._assignment.pricing import mixed
from arbmodels._assignment.program import TOLERANCE as FEASIBLE
from arbmodels._assignment.program import BoolArray, FloatArray, IntArray
from arbmodels._clock import clock
from arbmodels._solver import Program, solve
from arbmodels.errors import SolverError

#: HiGHS drops smaller coefficients with a warning.
_SMALLEST = 2e-9
#: A price below this share of its unit is zero.
_NOTHING = 1e-12


@dataclass(frozen=True, eq=False)
class Model:
    """The program over the moves, scaled; see the module.

    Attributes
    ----------
    program : Program
        Columns: moves [P], left-over [R], excess [R], auxiliary variables [E]. Rows: coupling [R],
        groups with several moves, rows of the auxiliary variables.
    value_unit : float
        Unit of the objective.
    base : float
        What the best plans are value_unit, with all left-over paid for if there is a box.
    row_units : float array [R]
    columns : float array [E]
        Units of the auxiliary variables.
    rows : int array
        Coupling rows in the model; the others cannot bind.
    """

    program: Program
    value_unit: float
    base: float
    row_units: FloatArray
    columns: FloatArray
    rows: IntArray


@dataclass(frozen=True, eq=False)
class Relaxed:
    """A solution of the model.

    Attributes
    ----------
    prices : float array [R]
    moved : float array [P]
        Share of every move.
    auxiliary : float array [E]
    promise : float
        Value of the model: the dual function is no lower within the box, if the moves suffice.
    primal_value : float
        Value of the solution, oriented to be maximised, which the relaxation can reach; minus
        infinity if it violates a row.
    excess : bool
        Whether it does.
    """

    prices: FloatArray
    moved: FloatArray
    auxiliary: FloatArray
    promise: float
    primal_value: float
    excess: bool


def row_units(dual: Dual, core: Core) -> FloatArray:
    """Return how far one move changes every row, [R]."""
    counts = np.count_nonzero(core.change, axis=0)
    moves = np.abs(core.change).sum(axis=0) / np.maximum(counts, 1)
    beside = np.abs(dual.auxiliary.coupling).max(axis=1, initial=0.0)
    units = np.where(moves > 0, moves, np.where(beside > 0, beside, np.abs(dual.program.limits)))
    return np.where(units > 0, units, 1.0)


@dataclass(frozen=True, eq=False)
class Box:
    """How far prices [R] may fall and rise."""

    down: FloatArray
    up: FloatArray


def model(dual: Dual, point: Point, core: Core, box: Box | None) -> Model:
    """Write the model.

    With a box it is linear and priced. Without one moves are whole, rows must hold, and the
    objective is the program's own, whose whole numbers HiGHS makes use of; moves that fit no row
    are left out, and what is more than enough for a row is cut, for both would only coarsen it.
    """
    fits = np.ones(len(core.plan), dtype=bool)
    if box is None:
        core, fits = _fitting(dual, point, core)
    auxiliary, units = dual.auxiliary, row_units(dual, core)
    moves, ours = len(core.plan), auxiliary.columns
    rows = _binding(auxiliary, point, core)
    count = len(rows)
    unit = units[rows]
    beside = auxiliary.coupling[rows] / unit[:, None]
    given = dual.program.auxiliary
    inner = np.zeros((0, ours)) if given is None else given.matrix.toarray()
    size = np.abs(beside).max(axis=0, initial=0.0)
    size = np.where(size > 0, size, np.abs(inner).max(axis=0, initial=0.0))
    columns = 1.0 / np.where(size > 0, size, 1.0)
    infinite, nothing = np.full(count, np.inf), np.zeros(count)
    if box is None:
        base = dual.program.sign * dual.program.value_of(point.best.totals)
        cost = np.concatenate([core.gain, nothing, nothing, auxiliary.objective * columns])
        value_unit = float(np.abs(cost).max(initial=0.0)) or 1.0
        excess = nothing
    else:
        base = point.groups_value
        down, up = np.minimum(point.prices, box.down)[rows], box.up[rows]
        bounded = np.isfinite(up)
        excess = np.where(bounded, infinite, 0.0)
        dear = np.where(bounded, -up * unit, 0.0)
        cost = np.concatenate(
            [-core.loss, -down * unit, dear, auxiliary.cost(point.prices) * columns]
        )
        # Of ties alone: what a price within the box is value_unit.
        ties = float((np.minimum(down, np.where(bounded, up, np.inf)) * unit).max(initial=0.0))
        value_unit = float(core.loss.max(initial=0.0)) or ties or 1.0
        if not np.isfinite(point.auxiliary_value):
            # The auxiliary variables are far from priced, and losses small beside what they cost.
            value_unit = max(
                value_unit, float(np.abs(auxiliary.cost(point.prices) * columns).max())
            )
    several = np.flatnonzero(np.bincount(core.group, minlength=len(core.positions)) > 1)
    index = np.full(len(core.positions), -1)
    index[several] = np.arange(len(several))
    member = np.flatnonzero(index[core.group] >= 0)
    once = sparse.csr_array(
        (np.ones(len(member)), (index[core.group[member]], member)), shape=(len(several), moves)
    )
    inner = inner * columns
    weight = np.abs(inner).max(axis=1, initial=0.0)
    weight = np.where(weight > 0, weight, 1.0)
    eye = sparse.identity(count, format="csr")
    change = _cleaned(core.change[:, rows].T / unit[:, None])
    matrix = sparse.block_array(
        [
            [change, eye, -eye, _cleaned(beside * columns)],
            [once, None, None, sparse.csr_array((len(several), ours))],
            [sparse.csr_array((len(weight), moves)), None, None, _cleaned(inner / weight[:, None])],
        ],
        format="csr",
    )
    slack, empty = point.slack[rows] / unit, np.zeros(0)
    low, high = (
        (empty, empty) if given is None else (given.row_lower / weight, given.row_upper / weight)
    )
    least, most = (
        (empty, empty) if given is None else (given.lower / columns, given.upper / columns)
    )
    written = Program(
        cost / value_unit,
        sparse.csr_array(matrix),
        np.concatenate([slack, np.full(len(several), -np.inf), low]),
        np.concatenate([slack, np.ones(len(several)), high]),
        np.concatenate([np.zeros(moves + 2 * count), least]),
        np.concatenate([fits.astype(float), infinite, excess, most]),
        np.arange(moves + 2 * count + ours) < moves if box is None else None,
        maximize=True,
    )
    return Model(written, value_unit, base, unit, columns, rows)


def relax_core(dual: Dual, point: Point, core: Core, box: Box, time_limit: float) -> Relaxed | None:
    """Solve the model as a linear program; None if it did not end in time."""
    written = model(dual, point, core, box)
    try:
        solution = solve(written.program, time_limit=time_limit)
    except SolverError:
        return None
    if solution.status != "optimal" or solution.row_dual is None:
        return None
    moves, count = len(core.plan), len(written.rows)
    prices = point.prices.copy()
    change = solution.row_dual[:count] * written.value_unit / written.row_units
    here = written.rows
    moved = prices[here] + np.clip(change, -box.down[here], box.up[here])
    prices[here] = np.where(moved * written.row_units > _NOTHING * written.value_unit, moved, 0.0)
    excess = solution.x[moves + count : moves + 2 * count]
    promise = written.base + solution.objective * written.value_unit
    # What was left over had a lower price than that of the point.
    unpaid = np.maximum(point.prices - box.down, 0.0)[here] * written.row_units
    over = bool((excess > 1e-9).any())
    return Relaxed(
        prices,
        solution.x[:moves],
        solution.x[moves + 2 * count :] * written.columns,
        promise,
        -np.inf if over else promise - float(unpaid @ solution.x[moves : moves + count]),
        over,
    )


def _fitting(dual: Dual, point: Point, core: Core) -> tuple[Core, npt.NDArray[np.bool_]]:
    """Return the moves with changes cut to what can matter, and which of them fit the rows, [P]."""
    change, fits = core.change.copy(), np.ones(len(core.plan), dtype=bool)
    if not len(core.plan):
        return core, fits
    starts = np.flatnonzero(np.diff(core.group, prepend=-1))
    alone = ~dual.auxiliary.coupling.any(axis=1)
    for r in np.flatnonzero(alone):
        most = float(np.maximum.reduceat(np.maximum(change[:, r], 0.0), starts).sum())
        least = float(np.maximum.reduceat(np.maximum(-change[:, r], 0.0), starts).sum())
        slack = float(point.slack[r])
        rounding = FEASIBLE * (abs(slack) + least) + _NOTHING * abs(dual.program.limits[r])
        unfit = (change[:, r] > 0) & (change[:, r] > slack + least + rounding)
        fits &= ~unfit
        # Whoever saves so much keeps the row, whatever the others do.
        need = max(most - slack, 0.0) + rounding
        change[:, r] = np.maximum(np.where(unfit, 0.0, change[:, r]), -need)
    return replace(core, change=change), fits


def _binding(auxiliary: AuxiliaryPart, point: Point, core: Core) -> IntArray:
    """Return the rows that some moves, or auxiliary variables, can make bind."""
    most = np.maximum(core.change, 0.0)
    room = np.zeros(len(point.prices))
    if len(most):
        starts = np.flatnonzero(np.diff(core.group, prepend=-1))
        room = np.maximum.reduceat(most, starts, axis=0).sum(axis=0)
    free = (point.prices == 0) & (point.slack >= room * (1 + 1e-9))
    free &= ~auxiliary.coupling.any(axis=1)
    return np.flatnonzero(~free)


def _cleaned(matrix: FloatArray) -> sparse.csr_array:
    return sparse.csr_array(np.where(np.abs(matrix) < _SMALLEST, 0.0, matrix))


#: Groups looked at together.
_CHUNK = 1 << 14
#: Plans that are numbered together.
_BITS = 30


@dataclass(frozen=True, eq=False)
class Kinds:
    """Moves of whole kinds.

    Attributes
    ----------
    kind : int array [n]
        Of every group that ``Core.tied`` names.
    core : Core
        Their moves, summed over the members; its positions are those of the kinds.
    """

    kind: IntArray
    core: Core


def with_kinds(dual: Dual, point: Point, core: Core) -> tuple[Core, Kinds | None]:
    """Append the moves of tied groups that a model does not list, kind by kind."""
    if not len(core.tied):
        return core, None
    kinds = _kinds(dual, point, core)
    added, count = kinds.core, len(core.positions)
    return (
        Core(
            np.concatenate([core.positions, added.positions]),
            np.concatenate([core.group, added.group + count]),
            np.concatenate([core.plan, added.plan]),
            np.concatenate([core.loss, added.loss]),
            np.concatenate([core.gain, added.gain]),
            np.concatenate([core.change, added.change]),
            core.left_out,
            core.tied,
        ),
        kinds,
    )


def spread(dual: Dual, point: Point, count: int, time_limit: float) -> Point:
    """Share out ties as the relaxation does; the point itself if a model can list them."""
    program = dual.program
    core = core_of(dual, point, count)
    if not len(core.tied) or core.left_out > 1e-9 * point.size / program.groups:
        return point
    wide, kinds = with_kinds(dual, point, core)
    units = row_units(dual, core)
    reach = max(float(core.loss.max(initial=0.0)), 1e-6 * point.size / program.groups) / units
    found = relax_core(dual, point, wide, Box(reach, reach), time_limit)
    if found is None or kinds is None:
        return point
    choice = point.best.choice.copy()
    shares = found.moved[len(core.plan) :]
    order = np.argsort(kinds.kind, kind="stable")
    ends = np.cumsum(np.bincount(kinds.kind, minlength=len(kinds.core.positions)))
    for k, end in enumerate(ends):
        moves = np.flatnonzero(kinds.core.group == k)
        members = core.tied[order[(ends[k - 1] if k else 0) : end]]
        # Evenly among the members, so that groups next to each other can move either way.
        rank = np.argsort(np.argsort(mixed(len(members))))
        last = np.rint(np.cumsum(shares[moves]) * len(members)).astype(np.int64)
        to = np.searchsorted(last, rank, side="right")
        moving = to < len(moves)
        choice[members[moving]] = kinds.core.plan[moves[to[moving]]]
    totals = pricing.totals(program, choice)
    slack = program.sense * (program.limits - program.activity_of(totals))
    return replace(point, best=replace(point.best, choice=choice, totals=totals), slack=slack)


def _kinds(dual: Dual, point: Point, core: Core) -> Kinds:
    program = dual.program
    tables = np.concatenate([program.sign * program.objective[None], dual.oriented])
    plans = program.plans
    signatures: list[BoolArray] = []
    heads: list[IntArray] = []
    parts: list[tuple[IntArray, IntArray, FloatArray]] = []
    for start in range(0, len(core.tied), _CHUNK):
        positions = core.tied[start : start + _CHUNK]
        block = program.source.take(positions)
        base = point.best.choice[positions]
        losses = losses_of(dual, point, block, base)
        close = losses <= core.tie
        close[np.arange(len(positions)), base] = False
        head = base.astype(np.int64)
        if block.classes is not None:
            head += plans * block.classes
        heads.append(head)
        signatures.append(close)
        group, plan = np.nonzero(close)
        change = coefficients(block, tables, group, plan)
        change -= coefficients(block, tables, np.arange(len(positions)), base)[group]
        value = np.hstack([losses[group, plan][:, None], change])
        parts.append((group + start, plan, value))
    patterns = np.concatenate(signatures)
    kind = _numbered(np.concatenate(heads), patterns)
    count = int(kind.max()) + 1
    member = np.zeros(count, np.int64)
    member[kind[::-1]] = np.arange(len(kind))[::-1]
    group = np.concatenate([part[0] for part in parts])
    plan = np.concatenate([part[1] for part in parts])
    value = np.concatenate([part[2] for part in parts])
    cell = kind[group] * plans + plan
    sums = np.stack([np.bincount(cell, column, count * plans) for column in value.T], axis=1)
    of, to = np.nonzero(patterns[member])
    chosen = sums[of * plans + to]
    moves = Core(
        core.tied[member],
        of,
        to.astype(np.int32),
        chosen[:, 0],
        chosen[:, 1],
        chosen[:, 2:],
        core.left_out,
        core.tied[:0],
    )
    return Kinds(kind, moves)


def _numbered(head: IntArray, pattern: BoolArray) -> IntArray:
    """Return 0, 1, ... for every distinct pair of a number and a pattern [n, J]."""
    number = head
    for start in range(0, pattern.shape[1], _BITS):
        part = pattern[:, start : start + _BITS]
        code = part @ (1 << np.arange(part.shape[1], dtype=np.int64))
        number = np.unique(number, return_inverse=True)[1].reshape(-1) * (1 << _BITS) + code
    return np.unique(number, return_inverse=True)[1].reshape(-1)


#: Moves that a row needs in a model, and groups that it brings at most.
_MOVES = 30
_MOST_MOVES = 1_000
#: It brings so many times the groups that make up for its slack.
_TIMES = 2.0


@dataclass(frozen=True, eq=False)
class RowGroups:
    """Groups that rows bring.

    Attributes
    ----------
    groups : int array
        Increasing.
    loss : float
        What the cheapest move of any of them loses at most.
    reach : float array [R]
        How far prices may move for these.
    """

    groups: IntArray
    loss: float
    reach: FloatArray


def covering(
    dual: Dual, point: Point, count: int, extra: IntArray | None = None
) -> tuple[Core, FloatArray]:
    """Return the moves of the ``count`` groups that lose least, and of groups that rows bring.

    And of ``extra`` groups all moves. With them how far prices may move for the groups that rows
    bring, [R].
    """
    core = core_of(dual, point, count)
    brought = groups_of_rows(dual, point, core)
    if extra is not None and len(extra):
        core = core_of(dual, point, count, np.union1d(brought.groups, extra))
    elif len(brought.groups):
        core = core_of(dual, point, count, brought.groups, brought.loss)
    return core, brought.reach


def groups_of_rows(dual: Dual, point: Point, core: Core) -> RowGroups:
    """Return the groups that rows bring to a model.

    A row brings groups if it is priced or violated, and the moves in the model are few or too
    small for its slack.
    """
    units = row_units(dual, core)
    few = np.count_nonzero(core.change, axis=0) < _MOVES
    small = np.abs(point.slack) > 0.5 * np.abs(core.change).sum(axis=0)
    small &= ~dual.auxiliary.coupling.any(axis=1)
    lacking = np.flatnonzero((few | small) & ((point.prices > 0) | (point.slack < 0)))
    reach = np.zeros(len(units))
    found: list[IntArray] = []
    leads = dual.leads(point)
    for r in lacking:
        uses = dual.uses[r]
        if not uses.any():
            continue
        # A move matters to a row if its coefficients differ or may do.
        if dual.classes is None:
            touched = uses[0, point.best.choice] | uses[0, point.best.second]
        else:
            touched = uses[dual.classes, point.best.choice]
            touched |= uses[dual.classes, point.best.second]
        members = np.flatnonzero(touched & np.isfinite(leads))
        wanted = int(min(_TIMES * abs(point.slack[r]) / units[r], _MOST_MOVES)) + _MOVES
        if len(members) > wanted:
            cheapest = np.argpartition(leads[members], wanted)[:wanted]
            members = members[np.sort(cheapest)]
        if len(members):
            found.append(members)
            reach[r] = float(leads[members].max()) / units[r]
    if not found:
        return RowGroups(np.zeros(0, np.int64), 0.0, reach)
    groups = np.unique(np.concatenate(found))
    return RowGroups(groups, float(leads[groups].max()), reach)


#: Groups in a model at first, and for every row.
_GROUPS = 300
_PER_ROW = 10
#: And at most: larger models do not end in time.
_MOST = 20_000
#: Passes over all groups with a sample's prices.
_CORRECTIONS = 6
#: Prices, in units, that call for a proof that the rows can hold; most before it, and after it.
_HIGH = 20.0
_HIGHEST = 1e3
_LIMITLESS = 1e6
#: Linear programs keep a row to this share of what one move changes in it, HiGHS's own tolerance
#: and the rounding of prices; a proof that rows cannot hold has to be beyond it.
TOLERANCE = 5e-9

#: Called with every point that improves the bound; tells whether that is enough.
Watch = Callable[[Point], bool]


@dataclass(frozen=True, eq=False)
class Relaxation:
    """The relaxation's solution.

    Attributes
    ----------
    point : Point
        The best prices.
    found : Relaxed or None
        Solution of the last model; None if time did not suffice for one.
    floor : float
        The relaxation is worth at least this; minus infinity if unknown.
    """

    point: Point
    found: Relaxed | None
    floor: float


def relax(dual: Dual, gap: float, deadline: float, watch: Watch) -> Relaxation | None:
    """Solve the relaxation to a relative gap; None if it is proven infeasible."""
    sample = sampled(dual.program)
    point = _first_prices(dual, sample, np.zeros(len(dual.program.limits)), deadline, watch)
    if point.value == -np.inf:
        return None
    unit = sample.units.value / sample.units.rows
    # Prices as high as these mean that rows hold by a hair, or not at all.
    doubtful = bool((point.prices > _HIGH * unit).any())
    if not doubtful:
        relaxation = _descend(dual, point, _HIGHEST * unit, gap, deadline=deadline, watch=watch)
        if relaxation.found is None or not relaxation.found.excess:
            return relaxation
        point = relaxation.point
    if _impossible(dual, point, deadline):
        return None
    return _descend(dual, point, _LIMITLESS * unit, gap, deadline=deadline, watch=watch)


def _first_prices(
    dual: Dual, sample: Sample, prices: FloatArray, deadline: float, watch: Watch
) -> Point:
    """Return a sample's prices, its limits corrected by what full passes add up to."""
    best = dual.at(descend(sample, prices).prices)
    if watch(best) or sample.complete or best.value == -np.inf:
        return best
    for _ in range(_CORRECTIONS):
        if clock() > deadline:
            break
        here = sample.dual.at(best.prices)
        new = dual.at(descend(sample.corrected(best.slack, here), best.prices).prices)
        gain = best.value - new.value
        if not gain > 0:
            break
        best = new
        if watch(best) or gain < 1e-8 * sample.units.value:
            break
    return best


def _descend(
    dual: Dual, point: Point, most: FloatArray, gap: float, *, deadline: float, watch: Watch
) -> Relaxation:
    """Solve models round the best prices until one proves them best."""
    rows = len(point.prices)
    count = max(_GROUPS, _PER_ROW * rows)
    extra = np.zeros(0, np.int64)
    scale, floor = np.ones(rows), -np.inf
    last = Relaxation(point, None, floor)
    while clock() < deadline:
        # Most programs need no more than the groups that nearly tie.
        core, reach = core_of(dual, point, count), np.zeros(rows)
        if last.found is not None:
            core, reach = covering(dual, point, count, extra)
        complete = np.isinf(core.left_out)
        free = complete or not np.isfinite(point.value)
        reach = np.maximum(scale * _reach(dual, point, core), reach)
        box = np.full(rows, np.inf) if free else reach
        up = np.minimum(box, np.maximum(most - point.prices, 0.0))
        wide, _ = with_kinds(dual, point, core)
        found = relax_core(dual, point, wide, Box(box, up), deadline - clock())
        if found is None:
            break
        new = dual.at(found.prices)
        floor = max(floor, found.primal_value)
        better = new.value < point.value
        best = new if better else point
        last = Relaxation(best, found, floor)
        if better and watch(new):
            break
        edge = np.abs(found.prices - point.prices) >= 0.999 * box
        inside = not edge.any()
        enough = max(gap * abs(best.value), 1e-13 * best.size)
        reached = found.promise if inside else found.primal_value
        if best.value - max(reached, floor) <= enough:
            break
        if not better and (complete or count >= _MOST):
            break
        if better:
            expected = point.value - found.promise
            poor = point.value - new.value < 0.5 * expected
            point, extra = new, extra[:0]
            if poor:
                count = min(2 * count, _MOST)
            else:
                scale[edge] *= 4
        else:
            extra = _wanted(core, point, new, count)
            count = min(2 * count, _MOST)
            scale = np.maximum(scale / 4, 0.25)
    return last


def _reach(dual: Dual, point: Point, core: Core) -> FloatArray:
    """Return how far prices may move for the losses in a model to make up for it, [R]."""
    loss = core.left_out if np.isfinite(core.left_out) else float(core.loss.max(initial=0.0))
    least = 1e-9 * point.size / max(dual.program.groups, 1)
    reach: FloatArray = max(loss, least) / row_units(dual, core)
    return reach


def _wanted(core: Core, point: Point, new: Point, count: int) -> IntArray:
    """Return groups that the model did not let move, but that do at the new prices."""
    moved = np.flatnonzero(new.best.choice != point.best.choice)
    moved = np.setdiff1d(moved, core.positions, assume_unique=True)
    if len(moved) <= 4 * count:
        return moved
    closest = np.argsort(point.best.lead[moved], kind="stable")[: 4 * count]
    return np.sort(moved[closest])


def _impossible(dual: Dual, point: Point, deadline: float) -> bool:
    r"""Tell if prices prove that the rows cannot hold together.

    With an objective of zero the dual function is positively homogeneous, and where it is negative
    no assignment satisfies the rows. Its least value over prices of at most one per unit is the
    least sum of violations in units, with the sign turned.
    """
    program = dual.program
    bare = replace(program, objective=np.zeros_like(program.objective))
    if program.auxiliary is not None:
        auxiliary = replace(program.auxiliary, objective=np.zeros_like(program.auxiliary.objective))
        bare = replace(bare, auxiliary=auxiliary)
    sample = replace(sampled(bare), highest=1.0)
    unit = 1.0 / sample.units.rows
    alone = Dual(bare)
    proofs: list[Point] = []

    def watch(here: Point) -> bool:
        if _proves(alone, here):
            proofs.append(here)
        return bool(proofs)

    high = float((point.prices / unit).max(initial=0.0)) or 1.0
    start = _first_prices(alone, sample, point.prices / high, deadline, watch)
    if not proofs:
        _descend(alone, start, unit, 0.0, deadline=deadline, watch=watch)
    return bool(proofs)


def _proves(alone: Dual, point: Point) -> bool:
    core = core_of(alone, point, _GROUPS)
    allowed = 2 * TOLERANCE * float(point.prices @ row_units(alone, core))
    return point.value < -(1e-13 * point.size + allowed)
