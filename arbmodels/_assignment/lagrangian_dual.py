r"""The Lagrangian dual of an assignment program with several coupling rows.

For prices :math:`\pi \ge 0` of the rows, oriented so that everything is maximised,

.. math:: L(\pi) = \sum_g w_g \max_j \Big(\pm o_{gj} - \sum_r \pi_r \sigma_r a_{rgj}\Big)
          + S(\pi) + \sum_r \pi_r \sigma_r b_r

bounds every assignment from above; S is the auxiliary variables' part. It is convex and piecewise
linear, and its least value is that of the linear relaxation.

The auxiliary variables' part of the Lagrangian: a small linear program at every set of prices.

The core: moves that lose little at given prices, all that can matter near them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arbmodels._assignment import pricing
from arbmodels._assignment.pricing import Best
from arbmodels._assignment.program import (
    AssignmentProgram,
    Block,
    BoolArray,
    Choice,
    FloatArray,
    IntArray,
    dense,
    offered,
)
from arbmodels._solver import Program, solve

#: HiGHS takes reduced costs below this share of their terms for zero.
_ZERO = 1e-9
#: Prices are found to this share, so a cost below it is none.
_ROUNDING = 1e-9


class AuxiliaryPart:
    r"""The largest value of continuous auxiliary variables at given prices.

    .. math:: S(\pi) = \max_y \Big\{ \Big(\pm d - \sum_r \pi_r \sigma_r B_r\Big)^\top y :\;
              l \le A y \le u, \; y_l \le y \le y_u \Big\}

    Parameters
    ----------
    program : AssignmentProgram
        Without integer auxiliary variables.
    """

    def __init__(self, program: AssignmentProgram) -> None:
        self._auxiliary = auxiliary = program.auxiliary
        rows = len(program.limits)
        self.objective = np.zeros(0) if auxiliary is None else program.sign * auxiliary.objective
        #: Coefficients in the coupling rows, oriented to "at most", [R, E].
        self.coupling = (
            np.zeros((rows, 0))
            if auxiliary is None
            else program.sense[:, None] * auxiliary.coupling
        )

    @property
    def columns(self) -> int:
        """E."""
        return len(self.objective)

    def cost(self, prices: FloatArray) -> FloatArray:
        """Return the priced objective of the columns, [E]."""
        cost: FloatArray = self.objective - prices @ self.coupling
        return cost

    def best(self, prices: FloatArray) -> tuple[float, FloatArray]:
        """Return the largest value and columns [E] that attain it.

        The value is evaluated from the dual solution, so nothing exceeds it, whatever tolerance the
        columns were found with. Infinite if unbounded; minus infinity if no columns are allowed.
        """
        auxiliary = self._auxiliary
        if auxiliary is None:
            return 0.0, np.zeros(0)
        cost = self.cost(prices)
        # What the terms of the sums are like, of which rounding is a share.
        terms = np.abs(self.objective) + np.abs(prices) @ np.abs(self.coupling)
        scale = float(terms.max(initial=0.0)) or 1.0
        found = solve(
            Program(
                np.where(np.abs(cost) <= _ROUNDING * terms, 0.0, cost) / scale,
                auxiliary.matrix,
                auxiliary.row_lower,
                auxiliary.row_upper,
                auxiliary.lower,
                auxiliary.upper,
                maximize=True,
            )
        )
        if found.status == "infeasible":
            return -np.inf, np.zeros(self.columns)
        if found.status != "optimal" or found.row_dual is None:
            return np.inf, np.zeros(self.columns)
        dual = found.row_dual * scale
        dual = np.where((dual > 0) & np.isinf(auxiliary.row_upper), 0.0, dual)
        dual = np.where((dual < 0) & np.isinf(auxiliary.row_lower), 0.0, dual)
        reduced = cost - auxiliary.matrix.T @ dual
        terms += np.abs(auxiliary.matrix).T @ np.abs(dual)
        ends = np.where(reduced > 0, auxiliary.upper, auxiliary.lower)
        # A reduced cost that is rounding cannot be paid for by an infinite bound.
        ends = np.where(np.isinf(ends) & (np.abs(reduced) <= 10 * _ZERO * terms), found.x, ends)
        if not np.isfinite(ends[reduced != 0]).all():
            return np.inf, found.x
        rows = np.where(dual > 0, auxiliary.row_upper, auxiliary.row_lower)
        value = float(dual[dual != 0] @ rows[dual != 0])
        return value + float(reduced[reduced != 0] @ ends[reduced != 0]), found.x


@dataclass(frozen=True, eq=False)
class Point:
    """The dual function at one set of prices.

    Attributes
    ----------
    prices : float array [R]
    value : float
        L; no assignment is worth more.
    best : Best
        Best plans at the prices.
    slack : float array [R]
        What these plans leave of every row, oriented to "at most"; negative where violated. The
        auxiliary variables use nothing of it yet.
    auxiliary_value : float
        S; infinite where the prices do not bound the auxiliary variables.
    groups_value : float
        L without S.
    size : float
        Sum of the parts of L in absolute value: what rounding is relative to.
    """

    prices: FloatArray
    value: float
    best: Best
    slack: FloatArray
    auxiliary_value: float
    groups_value: float
    size: float


class Dual:
    """The dual function of a program.

    Parameters
    ----------
    program : AssignmentProgram
        Without integer auxiliary variables.
    """

    def __init__(self, program: AssignmentProgram) -> None:
        self.program = program
        self.auxiliary = AuxiliaryPart(program)
        #: Rows oriented to "at most", [R, K + 1, C, J].
        self.oriented: FloatArray = program.sense[:, None, None, None] * program.rows
        #: Which plans of which class have coefficients in a row, [R, C, J].
        self.uses: BoolArray = np.array(program.rows.any(axis=1), dtype=np.bool_)
        self._weights: tuple[FloatArray | None] | None = None
        self._classes: tuple[IntArray | None] | None = None

    @property
    def weights(self) -> FloatArray | None:
        """Weights of all groups; None if all are one."""
        if self._weights is None:
            parts = self.program.source.map(_weights)
            given = [part for part in parts if part is not None]
            self._weights = (np.concatenate(given) if len(given) == len(parts) else None,)
        return self._weights[0]

    @property
    def classes(self) -> IntArray | None:
        """Classes of all groups; None if all are zero."""
        if self._classes is None:
            parts = self.program.source.map(_classes)
            given = [part for part in parts if part is not None]
            self._classes = (np.concatenate(given) if len(given) == len(parts) else None,)
        return self._classes[0]

    def at(self, prices: FloatArray) -> Point:
        """Make one pass."""
        program = self.program
        best = pricing.best(program, prices)
        beside = self.auxiliary.best(prices)[0]
        slack = program.sense * (program.limits - program.activity_of(best.totals))
        paid = prices * program.sense * program.limits
        value = best.value + float(paid.sum())
        size = abs(best.value) + float(np.abs(paid).sum())
        return Point(prices, value + beside, best, slack, beside, value, size)

    def leads(self, point: Point) -> FloatArray:
        """Return what every group loses by its cheapest move, [G]; infinite where none matters."""
        if self.weights is None:
            return point.best.lead
        leads = np.full(len(self.weights), np.inf)
        np.multiply(point.best.lead, self.weights, out=leads, where=self.weights > 0)
        return leads


def coefficients(
    block: Block, tables: FloatArray, group: IntArray, plan: npt.NDArray[np.integer]
) -> FloatArray:
    """Return weighted coefficients of pairs in several tables [T, K + 1, C, J]; [P, T].

    ``group`` is a position in the block.
    """
    classes = np.zeros(1, np.int64) if block.classes is None else np.asarray(block.classes)
    of = classes[group] if block.classes is not None else np.zeros(len(group), np.int64)
    result: FloatArray = tables[:, 0, of, plan].T.copy()
    wide = plan < block.width
    inside = np.where(wide, plan, 0)
    for k, quantity in enumerate(block.quantities, start=1):
        factor = tables[:, k, of, plan].T
        if factor.any():
            amounts = np.where(wide, quantity[group, inside], 0.0).astype(np.float64)
            result += factor * amounts[:, None]
    if block.weights is not None:
        result *= np.asarray(block.weights, dtype=np.float64)[group][:, None]
    return result


def _weights(block: Block) -> FloatArray | None:
    return None if block.weights is None else np.asarray(block.weights, dtype=np.float64)


def _classes(block: Block) -> IntArray | None:
    return None if block.classes is None else np.asarray(block.classes)


@dataclass(frozen=True, eq=False)
class Core:
    """Moves of some groups away from their best plans.

    Attributes
    ----------
    positions : int array [n]
        Groups that may move, increasing.
    group : int array [P]
        Of every move, as an index into ``positions``; increasing.
    plan : int array [P]
        To which.
    loss : float array [P]
        Weighted loss in the priced objective, not negative.
    gain : float array [P]
        Weighted gain in the objective, oriented to be maximised.
    change : float array [P, R]
        Weighted change of the rows, oriented to "at most".
    left_out : float
        Every move that is not here loses at least this much.
    tied : int array
        Groups, increasing, that are left out though they lose no more than others that are not.
    tie : float
        What they lose by such moves at most.
    """

    positions: IntArray
    group: IntArray
    plan: Choice
    loss: FloatArray
    gain: FloatArray
    change: FloatArray
    left_out: float
    tied: IntArray
    tie: float = 0.0

    def part(self, kept: npt.NDArray[np.bool_], left_out: float) -> Core:
        """Return some of the moves only."""
        used, group = np.unique(self.group[kept], return_inverse=True)
        return Core(
            self.positions[used],
            group,
            self.plan[kept],
            self.loss[kept],
            self.gain[kept],
            self.change[kept],
            left_out,
            self.tied,
            self.tie,
        )


def core_of(
    dual: Dual,
    point: Point,
    count: int,
    extra: IntArray | None = None,
    extra_loss: float = np.inf,
) -> Core:
    """Return the moves of about ``count`` groups, those that lose least.

    Parameters
    ----------
    dual : Dual
    point : Point
        Where losses are measured.
    count : int
    extra : int array, optional
        Further groups.
    extra_loss : float
        Moves of those are listed if they lose no more.
    """
    program, leads = dual.program, dual.leads(point)
    movable = int(np.isfinite(leads).sum())
    tied, tie, listed = np.zeros(0, np.int64), 0.0, 0.0
    if count >= movable:
        most = np.inf
        positions = np.flatnonzero(np.isfinite(leads))
    else:
        most = float(np.partition(leads, count)[count])
        # Of groups that lose the same up to rounding, some are taken, evenly.
        tie = most * (1 + 1e-9) + 1e-12 * point.size / program.groups
        positions = np.flatnonzero(leads <= tie)
        if len(positions) > count + 1:
            below = leads[positions] < most * (1 - 1e-9)
            equal, wanted = positions[~below], count - int(below.sum())
            taken = np.linspace(0, len(equal) - 1, wanted).round().astype(np.int64)
            tied = np.delete(equal, taken)
            positions = np.union1d(positions[below], equal[taken])
            # Ties must not crowd out the moves that fit the rows.
            above = np.where(leads > tie, leads, np.inf)
            listed = float(np.partition(above, count - 1)[count - 1])
            if np.isinf(listed):
                listed = float(leads[np.isfinite(leads)].max())
            positions = np.union1d(positions, np.flatnonzero(above <= listed)[: 2 * count])
    widened = np.zeros(0, np.int64) if extra is None else np.setdiff1d(extra, positions)
    if len(widened):
        positions = np.union1d(positions, widened)
        tied = np.setdiff1d(tied, widened, assume_unique=True)
    block = program.source.take(positions)
    base = point.best.choice[positions]
    losses = losses_of(dual, point, block, base)
    every = np.arange(len(positions))
    close = np.full(len(positions), max(most, tie, listed))
    close[np.searchsorted(positions, widened)] = max(most, extra_loss)
    kept = np.isfinite(losses) & (losses <= close[:, None])
    kept[every, base] = False
    group, plan = np.nonzero(kept)
    tables = np.concatenate([program.sign * program.objective[None], dual.oriented])
    change = coefficients(block, tables, group, plan)
    change -= coefficients(block, tables, every, base)[group]
    loss = losses[group, plan]
    return Core(
        positions,
        group,
        plan.astype(np.int32),
        loss,
        change[:, 0],
        change[:, 1:],
        most * (1 - 1e-9) if len(tied) else most,
        tied,
        tie,
    )


def losses_of(dual: Dual, point: Point, block: Block, base: Choice) -> FloatArray:
    """Return what every plan of a block loses against ``base``, [g, J]; infinite if not offered."""
    program = dual.program
    priced = dense(block, program.table(point.prices))
    priced[~offered(block, program.plans, program.forbidden) | np.isnan(priced)] = -np.inf
    losses: FloatArray = priced[np.arange(block.size), base][:, None] - priced
    np.maximum(losses, 0.0, out=losses)
    if block.weights is not None:
        losses *= np.asarray(block.weights)[:, None]
    return losses
