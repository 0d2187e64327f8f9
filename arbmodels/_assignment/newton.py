r"""Good prices for several rows, from a sample: Newton's method on the Lagrangian dual.

The dual function is piecewise linear, but with many groups it is nearly smooth: moving the prices
by :math:`\delta` makes those groups change plan whose lead over the runner-up is below the change
of their priced difference. With d the difference in the rows between best plan and runner-up, the
second derivative is the density of groups with no lead,

.. math:: H \approx \sum_{g: \text{lead}_g < h} \frac{w_g}{2h} d_g d_g^\top,

the kernel estimate with bandwidth h. The auxiliary variables' part is kept exactly in every step.

Small convex quadratic programs by an interior-point method, dense.

HiGHS' own (an active-set method) did not end on one of 200 random programs of this size, and a
step of Newton's method must come back in any case.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from arbmodels._assignment.lagrangian_dual import Dual, Point, coefficients
from arbmodels._assignment.pricing import spread
from arbmodels._assignment.program import (
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

_ROUNDS = 60
_DONE = 1e-9


def minimise(
    quadratic: FloatArray,
    linear: FloatArray,
    matrix: FloatArray,
    right: FloatArray,
    upper: FloatArray,
) -> FloatArray:
    r"""Return an approximate solution of a convex quadratic program.

    .. math:: \min \tfrac12 x^\top Q x + c^\top x \quad \text{s.t.} \quad
              A x = f, \quad 0 \le x \le u

    Mehrotra's steps, *On the implementation of a primal-dual interior point method*, SIAM J. Optim.
    2 (1992). What comes back is as good as the rounds made it; callers check what they need.

    Parameters
    ----------
    quadratic : float array [n, n]
        Q, positive semidefinite.
    linear : float array [n]
    matrix : float array [m, n]
        A; m may be zero.
    right : float array [m]
    upper : float array [n]
        Positive; infinite where there is none.
    """
    bounded = np.isfinite(upper)
    x = np.where(bounded, 0.5 * upper, 1.0)
    size = 1.0 + float(np.abs(linear).max(initial=0.0))
    low = np.full(len(x), size)
    state = _State(x, np.where(bounded, upper - x, 1.0), low, np.where(bounded, low, 0.0), bounded)
    dual = np.zeros(len(right))
    count = len(x) + int(bounded.sum())
    for _ in range(_ROUNDS):
        x, low, high = state.x, state.low, state.high
        stationary = -(quadratic @ x + linear - matrix.T @ dual - low + high)
        primal = right - matrix @ x
        mean = state.product() / count
        worst = np.abs(np.concatenate([stationary, primal])).max(initial=0.0)
        if mean < _DONE * size and worst < _DONE * size:
            break
        system = quadratic + np.diag(low / x + high / state.gap + 1e-14 * size)
        inverse: FloatArray = np.asarray(np.linalg.inv(system), np.float64)
        newton = _Newton(state, inverse, matrix, stationary, primal)
        move, _ = newton.step(-x * low, -state.gap * high)
        after = state.moved(move, state.longest(move)).product() / count
        target = mean * (after / mean) ** 3
        move, more = newton.step(
            target - x * low - move.x * move.low,
            np.where(bounded, target, 0.0) - state.gap * high + move.x * move.high,
        )
        along = min(1.0, 0.995 * state.longest(move))
        state, dual = state.moved(move, along), dual + along * more
    return state.x


@dataclass(frozen=True, eq=False)
class _Move:
    x: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, eq=False)
class _State:
    """A point, its distance from the upper ends, and the multipliers of both ends; positive."""

    x: FloatArray
    gap: FloatArray
    low: FloatArray
    high: FloatArray
    bounded: BoolArray

    def product(self) -> float:
        """Return the sum of all complementarity products."""
        return float(self.x @ self.low + self.gap @ self.high)

    def moved(self, move: _Move, along: float) -> _State:
        gap = np.where(self.bounded, self.gap - along * move.x, 1.0)
        low, high = self.low + along * move.low, self.high + along * move.high
        return _State(self.x + along * move.x, gap, low, high, self.bounded)

    def longest(self, move: _Move) -> float:
        """Return the longest step, at most one, that keeps everything positive."""
        at = self.bounded
        value = np.concatenate([self.x, self.low, self.gap[at], self.high[at]])
        change = np.concatenate([move.x, move.low, -move.x[at], move.high[at]])
        falling = change < 0
        return min(1.0, float((-value[falling] / change[falling]).min(initial=1.0)))


@dataclass(frozen=True, eq=False)
class _Newton:
    """The linear system of one round."""

    state: _State
    inverse: FloatArray
    matrix: FloatArray
    stationary: FloatArray
    primal: FloatArray

    def step(self, first: FloatArray, second: FloatArray) -> tuple[_Move, FloatArray]:
        """Return the move, and that of the multipliers of the equations.

        ``first`` and ``second`` are what both kinds of complementarity products still lack.
        """
        state, matrix = self.state, self.matrix
        rest = self.stationary + first / state.x - np.where(state.bounded, second / state.gap, 0.0)
        through = matrix @ self.inverse
        normal = through @ matrix.T
        normal += 1e-14 * (1.0 + np.trace(normal)) * np.eye(len(matrix))
        more: FloatArray = np.asarray(
            np.linalg.solve(normal, self.primal - through @ rest), dtype=np.float64
        )
        x = self.inverse @ (rest + matrix.T @ more)
        low = (first - state.low * x) / state.x
        high = np.where(state.bounded, (second + state.high * x) / state.gap, 0.0)
        return _Move(x, low, high), more


#: Groups in a sample, and of every class at least so many.
SAMPLE = 16_384
_OF_CLASS = 256
#: Groups from which the natural size of a row is measured.
_MEASURED = 1_024
#: Prices below so many units are zero.
_NOTHING = 1e-12
_STEPS = 25
_HALVINGS = 5


@dataclass(frozen=True, eq=False)
class Units:
    """Natural sizes of the objective and of every row [R]: how far the plans can move them."""

    value: float
    rows: FloatArray


@dataclass(frozen=True, eq=False)
class Sample:
    """A program over some groups that stand for all.

    Attributes
    ----------
    dual : Dual
        Its weights add up to those of all groups; infinite bounds of auxiliary variables are made
        finite.
    units : Units
    complete : bool
        Whether it is all groups.
    highest : float
        Prices stay below so many units: a sample may be infeasible where the program is not.
    """

    dual: Dual
    units: Units
    complete: bool
    highest: float = 100.0

    def corrected(self, slack: FloatArray, here: Point) -> Sample:
        """Return the sample with limits such that ``here`` leaves the given slack, [R].

        Sample and whole differ by chance; the difference hardly depends on the prices.
        """
        program = self.dual.program
        limits = program.limits + program.sense * (slack - here.slack)
        return replace(self, dual=Dual(replace(program, limits=limits)))


def sampled(program: AssignmentProgram) -> Sample:
    """Draw a sample, evenly from every class; all groups if they are few."""
    positions, shares = _positions(program)
    block = program.source.take(positions)
    if shares is not None:
        own = np.ones(block.size) if block.weights is None else np.asarray(block.weights)
        block = replace(block, start=0, weights=own * shares)
    units = _units(program, block)
    bounded = None if program.auxiliary is None else _bounded(program, program.auxiliary, units)
    small = replace(program, source=Arrays(block), auxiliary=bounded)
    return Sample(Dual(small), units, complete=shares is None)


def descend(sample: Sample, prices: FloatArray) -> Point:
    """Return the best prices that Newton's method finds for a sample."""
    units = sample.units
    here = sample.dual.at(prices)
    reach = 1.0
    width = np.inf
    for _ in range(_STEPS):
        hessian, change = _curvature(sample, here, width)
        step = _step(sample, here, hessian, reach)
        promised = -float(here.slack / units.rows @ step)
        for halving in range(_HALVINGS):
            along = step * 0.5**halving
            moved = np.clip(here.prices * units.rows / units.value + along, 0.0, sample.highest)
            moved[moved < _NOTHING] = 0.0
            new = sample.dual.at(moved * units.value / units.rows)
            if new.value < here.value:
                break
        else:
            if width == 0.0:
                break
            width, reach = 0.0, reach / 4
            continue
        gain = (here.value - new.value) / units.value
        reach = min(2 * reach, 4.0) if halving == 0 else max(float(np.abs(along).max()), 1e-9)
        width = 2.0 * float(np.median(np.abs(change @ along))) * units.value
        here = new
        if gain < 1e-9 or (gain < 1e-6 and abs(promised) < 1e-6):
            break
    return here


def _step(sample: Sample, here: Point, hessian: FloatArray, reach: float) -> FloatArray:
    """Minimise the quadratic model, with the auxiliary variables' part, within reach; in units."""
    units, auxiliary = sample.units, sample.dual.program.auxiliary
    scaled = here.prices * units.rows / units.value
    low = np.maximum(scaled - reach, 0.0)
    upper = scaled + reach - low
    back = scaled - low
    rows = len(scaled)
    gradient = here.slack / units.rows
    if auxiliary is None:
        found = minimise(
            hessian, gradient - hessian @ back, np.zeros((0, rows)), np.zeros(0), upper
        )
        return found - back
    part = sample.dual.auxiliary
    # S(pi) is the least value of the dual program: multipliers of rows and ends, all positive.
    ends = [(auxiliary.row_upper, 1.0), (auxiliary.row_lower, -1.0)]
    matrix = auxiliary.matrix.toarray()
    columns = [matrix[np.isfinite(end)].T * way for end, way in ends]
    costs = [end[np.isfinite(end)] * way for end, way in ends]
    one = np.eye(part.columns)
    columns += [one, -one]
    costs += [auxiliary.upper, -auxiliary.lower]
    # Of columns: price times coupling, in units of the objective and of each column's own size.
    size = np.maximum(np.abs(auxiliary.upper), np.abs(auxiliary.lower))
    size = np.where(size > 0, size, 1.0)
    own = np.hstack(columns) * size[:, None]
    weight = np.abs(own).max(axis=0, initial=0.0)
    weight = np.where(weight > 0, weight, 1.0)
    coupling = part.coupling / units.rows[:, None] * size
    extra = own.shape[1]
    wide = np.zeros((rows + extra, rows + extra))
    wide[:rows, :rows] = hessian
    linear = np.concatenate([gradient - hessian @ back, np.concatenate(costs) / weight])
    equal = np.hstack([coupling.T, own / weight])
    right = part.objective * size / units.value - coupling.T @ low
    found = minimise(wide, linear, equal, right, np.concatenate([upper, np.full(extra, np.inf)]))
    return found[:rows] - back


def _curvature(sample: Sample, here: Point, width: float) -> tuple[FloatArray, FloatArray]:
    """Return the second derivative in units, and differences of rows that it is made of."""
    program, units = sample.dual.program, sample.units
    lead = here.best.lead
    finite = np.flatnonzero(np.isfinite(lead))
    rows = len(units.rows)
    if not len(finite):
        return 1e-6 * np.eye(rows), np.zeros((1, rows))
    enough = min(len(finite), max(200, 10 * rows))
    least = float(np.partition(lead[finite], enough - 1)[enough - 1])
    middle = float(np.median(lead[finite]))
    tied_by = max(least, min(width, middle))
    tied = finite[lead[finite] <= tied_by]
    block = program.source.take(tied)
    weights = np.ones(len(tied)) if block.weights is None else np.asarray(block.weights)
    plain = replace(block, weights=None)
    index = np.arange(len(tied))
    change = coefficients(plain, sample.dual.oriented, index, here.best.second[tied])
    change -= coefficients(plain, sample.dual.oriented, index, here.best.choice[tied])
    change /= units.rows
    least = max(tied_by, 1e-9 * units.value / max(float(weights.sum()), 1e-300))
    density = weights * units.value / (2 * least)
    hessian = (change * density[:, None]).T @ change
    hessian[np.diag_indices(rows)] += 1e-9 * (1.0 + np.trace(hessian) / max(rows, 1))
    return hessian, change


def _positions(program: AssignmentProgram) -> tuple[IntArray, FloatArray | None]:
    """Return which groups are sampled, and how many groups each stands for."""
    groups = program.groups
    if groups <= SAMPLE:
        return np.arange(groups), None
    classes = program.objective.shape[1]
    if classes == 1:
        return spread(groups, SAMPLE), np.full(SAMPLE, groups / SAMPLE)
    of = np.concatenate(program.source.map(_classes))
    order = np.argsort(of, kind="stable")
    counts = np.bincount(of, minlength=classes)
    ends = np.cumsum(counts)
    chosen: list[IntArray] = []
    shares: list[FloatArray] = []
    for count, end in zip(counts, ends, strict=True):
        size = min(int(count), max(_OF_CLASS, round(SAMPLE * count / groups)))
        if size:
            chosen.append(order[end - count : end][spread(int(count), size)])
            shares.append(np.full(size, count / size))
    positions = np.concatenate(chosen)
    sort = np.argsort(positions)
    return positions[sort], np.concatenate(shares)[sort]


def _classes(block: Block) -> IntArray:
    return np.zeros(block.size, np.int64) if block.classes is None else np.asarray(block.classes)


def _units(program: AssignmentProgram, block: Block) -> Units:
    """Measure how far plans can move objective and rows."""
    some = block.take(spread(block.size, min(block.size, _MEASURED)))
    factor = block.size / some.size
    allowed = offered(some, program.plans, program.forbidden)
    served = np.flatnonzero(allowed.any(axis=1))
    weights = np.ones(some.size) if some.weights is None else np.asarray(some.weights)
    reach = np.array(
        [
            _reach(dense(some, table), allowed, served, weights)
            for table in [program.objective, *program.rows]
        ]
    )
    reach *= factor
    auxiliary = program.auxiliary
    spare = np.abs(program.limits)
    if auxiliary is not None:
        ends = np.maximum(np.abs(auxiliary.lower), np.abs(auxiliary.upper))
        ends = np.where(np.isfinite(ends), ends, 0.0)
        spare = np.maximum(spare, np.abs(auxiliary.coupling) @ ends)
    rows = np.where(reach[1:] > 0, reach[1:], spare)
    value = reach[0]
    if not value > 0 and auxiliary is not None:
        # Only the auxiliary variables are worth anything: the rows that bind them say how much.
        share = np.abs(auxiliary.coupling) / np.where(rows > 0, rows, 1.0)[:, None]
        most = np.where(share.any(axis=0), 1.0 / np.maximum(share.max(axis=0), 1e-300), 0.0)
        value = float(np.abs(auxiliary.objective) @ most)
    return Units(float(value) or 1.0, np.where(rows > 0, rows, 1.0))


def _reach(values: FloatArray, allowed: BoolArray, served: IntArray, weights: FloatArray) -> float:
    high = np.where(allowed, values, -np.inf)[served].max(axis=1)
    low = np.where(allowed, values, np.inf)[served].min(axis=1)
    return float(weights[served] @ (high - low))


def _bounded(
    program: AssignmentProgram, auxiliary: AuxiliaryVariables, units: Units
) -> AuxiliaryVariables:
    """Give infinite bounds generous ends."""
    most = np.zeros(len(auxiliary.names))
    for r, row in enumerate(auxiliary.coupling):
        used = np.abs(row) > 0
        reach = units.rows[r] + abs(program.limits[r])
        most[used] = np.maximum(most[used], reach / np.abs(row[used]))
    most = np.where(most > 0, 10 * most, 1e6)
    return replace(
        auxiliary, lower=np.maximum(auxiliary.lower, -most), upper=np.minimum(auxiliary.upper, most)
    )
