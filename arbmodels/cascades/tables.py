"""The curves of a market as tables over every amount that can be bought.

Amounts are positions on each model's own grid: whole attempts, or the budget grid. Also here: the
plans that a search has found, and their mixtures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from arbmodels._compiling import compiled
from arbmodels.cascades.lattice import IntArray, Points, hull_vertices
from arbmodels.curves import SAME_RATE, Curves, log_budget
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan

#: Purchases in order: a model, and the position of the amount it is taken to.
Steps = Sequence[tuple[int, int]]
#: Entries of all tables together, the curves' own among them: 2 GB in double precision.
MAX_CELLS = 250_000_000
#: Tables of the curves (failure, spend), and those made of them here (with the floor).
_TABLES = 2 + 3
#: Halvings of where a tangent touches; any of them gives a valid one.
_BISECTIONS = 50


@dataclass(frozen=True, eq=False)
class Natural:
    """Failure probability and expected spend of every model at every amount of its grid.

    The tables of all models stand one below the other; model m's begin at row ``first[m]``.

    Parameters
    ----------
    curves : Curves
    amounts : tuple of float arrays [K_m]
        Where plans may end, in attempts or currency units.
    first : int array [M + 1]
        Rows where the models begin, and the number of rows.
    failure : float array [sum K_m, N]
        F of the model.
    spend : float array [sum K_m, N], currency units
        G of the model: concave in the amount.
    floor : float array [sum K_m, N]
        A function that is linear between these values is nowhere above F.
    """

    curves: Curves
    amounts: tuple[FloatArray, ...]
    first: IntArray
    failure: FloatArray
    spend: FloatArray
    floor: FloatArray

    @property
    def weight(self) -> FloatArray:
        """Weights of the instances, [N], summing to one."""
        return self.curves.market.weight

    def of(self, table: FloatArray, m: int) -> FloatArray:
        """Return model m's rows of a table, [K_m, N]."""
        return table[self.first[m] : self.first[m + 1]]

    @cached_property
    def last(self) -> tuple[int, ...]:
        """Position of every model's last useful amount.

        Past it nothing is solved that was not solved before, on any instance: with frozen curves
        the whole record is used up.
        """
        return tuple(_last_useful(self.of(self.failure, m)) for m in range(len(self.amounts)))

    @cached_property
    def max_solve_rate(self) -> float:
        """Solve rate when every model has been used up."""
        left = self.failure[self.first[1:] - 1].prod(axis=0)
        return float(1.0 - self.weight @ left)

    def repriced(self, multipliers: FloatArray) -> Natural:
        """Return the market where an attempt of model m costs ``multipliers[m]`` times as much.

        Amounts stay what they are: attempts, or dollars at list prices.
        """
        rows = np.repeat(np.asarray(multipliers, dtype=float), np.diff(self.first))
        return replace(self, spend=self.spend * rows[:, None])

    def score(self, steps: Steps) -> Scored:
        """Score a path of purchases, and every beginning of it.

        Parameters
        ----------
        steps : sequence of (model, position it is taken to), in order
        """
        models = np.array([m for m, _ in steps], dtype=np.int64)
        ends = np.array([end for _, end in steps], dtype=np.int64)
        unsolved, spend = score(self.weight, self.failure, self.spend, self.first, models, ends)
        return Scored(1.0 - unsolved, spend)

    def plan(self, steps: Steps) -> Plan:
        """Return purchases (model, position it is taken to) as a plan."""
        here = [0] * len(self.amounts)
        stages: list[tuple[int, float]] = []
        for model, end in steps:
            grid = self.amounts[model]
            more = float(grid[end] - grid[here[model]])
            here[model] = end
            if stages and stages[-1][0] == model:
                more += stages.pop()[1]
            stages.append((model, more))
        names = self.curves.names
        return Plan(tuple((names[m], more) for m, more in stages), self.curves.unit)


@compiled
def score(  # noqa: PLR0917 - numba takes positions
    weight: FloatArray,
    failure: FloatArray,
    spend: FloatArray,
    first: IntArray,
    models: IntArray,
    ends: IntArray,
) -> tuple[FloatArray, FloatArray]:  # pragma: no cover - compiled
    """Share left unsolved after every purchase of a path, and what each purchase spends.

    Parameters
    ----------
    weight : float array [N]
    failure, spend : float arrays [rows, N]
        F and G of all models, one below the other, model m's from row ``first[m]``.
    models, ends : int arrays [P]
        The model bought from, and the position it is taken to.
    """
    count, rows = len(first) - 1, len(weight)
    here = np.zeros(count, np.int64)
    unsolved, spent = np.zeros(len(models)), np.zeros(len(models))
    for p in range(len(models)):
        m = models[p]
        low, high = first[m] + here[m], first[m] + ends[p]
        for i in range(rows):
            others = weight[i]
            for j in range(count):
                if j != m and here[j] > 0:
                    others *= failure[first[j] + here[j], i]
            spent[p] += others * (spend[high, i] - spend[low, i])
            unsolved[p] += others * failure[high, i]
        here[m] = ends[p]
    return unsolved, spent


class Scored(NamedTuple):
    """Solve rates after every purchase, [P], and what each purchase spends, [P]."""

    solve_rate: FloatArray
    spend: FloatArray


def natural_of(curves: Curves) -> Natural:
    """Tabulate the curves.

    Raises
    ------
    InputError
        If the tables would be larger than :data:`MAX_CELLS`.
    """
    check_size(curves.market, [len(grid) for grid in curves.grids])
    pairs = list(zip(curves.models, curves.grids, strict=True))
    failure = [curve.failure(grid).T for curve, grid in pairs]
    spend = np.concatenate([curve.spend(grid).T for curve, grid in pairs])
    floor = [_floor(curves, grid, F) for (_, grid), F in zip(pairs, failure, strict=True)]
    first = np.concatenate([[0], np.cumsum([len(grid) for grid in curves.grids])])
    return Natural(
        curves, curves.grids, first, np.concatenate(failure), spend, np.concatenate(floor)
    )


def check_size(market: Market, amounts: Sequence[int]) -> None:
    """Refuse tables that memory may not hold, before any is made.

    Parameters
    ----------
    market : Market
    amounts : sequence of M int
        Amounts of every model, none included.

    Raises
    ------
    InputError
        If there are more than :data:`MAX_CELLS` numbers.
    """
    rows, cells = len(market.instances), _TABLES * len(market.instances) * sum(amounts)
    if cells > MAX_CELLS:
        fit = max(1, MAX_CELLS // (_TABLES * rows * len(amounts)) - 1)
        raise InputError(
            f"{market.name}: {rows:,} instances and {sum(amounts):,} amounts of {len(amounts)}"
            f" models need tables of {8e-9 * cells:.1f} GB; at most {8e-9 * MAX_CELLS:.0f} GB are"
            f" made. Allow fewer attempts, attempt_curves(market, max_attempts={fit}), a coarser"
            " budget grid, fewer instances or models (market.select)."
        )


def _floor(curves: Curves, grid: FloatArray, failure: FloatArray) -> FloatArray:
    """Values whose linear interpolation between amounts is nowhere above F."""
    if curves.unit == "attempts":
        return failure  # nothing lies between whole attempts
    if not curves.continuous:
        # Steps anywhere between two budgets: F is at least its value at the upper one.
        return np.concatenate([failure[1:], failure[-1:]])
    # F is linear in log x, so convex in x: the chord exceeds it by ``sag`` per unit of fall.
    log_grid = log_budget(grid)
    excess = (failure[:-1] - failure[1:]) * _chord_excess(log_grid)[:, None]
    before, after = failure[:-1] - excess, failure[1:] - excess
    cell, row = np.nonzero(after < 0)
    before[cell, row], after[cell, row] = _tangent(
        failure[cell, row], failure[cell + 1, row], np.diff(log_grid)[cell]
    )
    floor = failure.copy()
    floor[:-1] = before
    floor[1:] = np.minimum(floor[1:], after)
    return np.maximum(floor, 0.0)


def _tangent(
    failure: FloatArray, failure_after: FloatArray, width: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the ends of tangents of F, one per cell, that are nowhere negative.

    Cutting a negative end off at zero instead would lift the line above F. A tangent at any point
    is below F; at x_0 e^s its value at the cell's end rises with s.
    """
    slope = (failure - failure_after) / width
    low, high = np.zeros_like(width), width.copy()
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        end = failure - slope * (middle + np.expm1(width - middle))
        low, high = np.where(end < 0, middle, low), np.where(end < 0, high, middle)
    end = failure - slope * (high + np.expm1(width - high))
    return failure - slope * (high + np.expm1(-high)), end


def _chord_excess(log_grid: FloatArray) -> FloatArray:
    r"""Largest excess of the chord over a function linear in log x that falls by one, per cell.

    With d the log of the cell's ratio, the chord is furthest above where
    :math:`x / x_0 = (e^d - 1) / d`.
    """
    width = np.diff(log_grid)
    rise = np.expm1(width)
    top = rise / width
    return np.maximum(np.log(top) / width - (top - 1.0) / rise, 0.0)


def _last_useful(failure: FloatArray) -> int:
    """First position from which no instance's failure probability falls any more."""
    falls: npt.NDArray[np.intp] = np.flatnonzero((np.diff(failure, axis=0) < 0).any(axis=1))
    return int(falls[-1]) + 1 if len(falls) else 0


#: Where nothing lies beyond, bounds at these multiples of the last slope are looked at.
_STEEPER = np.array([1.0, 3.0, 10.0])


class Plans:
    """Every beginning of every path that was scored, and to buy nothing.

    Parameters
    ----------
    natural : Natural
    """

    def __init__(self, natural: Natural) -> None:
        self.natural = natural
        self._seen: set[tuple[tuple[int, int], ...]] = set()
        self._paths: list[Steps] = [()]
        self._rate: list[FloatArray] = [np.zeros(1)]
        self._spend: list[FloatArray] = [np.zeros(1)]
        self._points: Points | None = None

    def add(self, steps: Steps) -> None:
        """Score a path, unless it is known."""
        key = tuple(steps)
        if not key or key in self._seen:
            return
        self._seen.add(key)
        found = self.natural.score(steps)
        self._paths.append(key)
        self._rate.append(found.solve_rate)
        self._spend.append(np.cumsum(found.spend))
        self._points = None

    @property
    def single(self) -> Points:
        """Undominated plans."""
        if self._points is None:
            self._points = Points.of(np.concatenate(self._rate), np.concatenate(self._spend))
        return self._points

    def useful(self) -> list[Steps]:
        """Return the paths that undominated plans are beginnings of."""
        lengths = [len(rate) for rate in self._rate]
        paths = np.searchsorted(np.cumsum(lengths), self.single.number, side="right")
        return [self._paths[path] for path in np.unique(paths)]

    @property
    def hull(self) -> Points:
        """The same for the plans that mixtures are made of."""
        rate, spend, number = self.single
        kept = hull_vertices(rate, spend)
        return Points(rate[kept], spend[kept], number[kept])

    def spend_at(self, solve_rate: FloatArray) -> FloatArray:
        """Return the least spend of a mixture at each solve rate; NaN if unattainable."""
        rate, spend, _ = self.hull
        inside = solve_rate <= rate[-1] + SAME_RATE
        return np.where(inside, np.interp(solve_rate, rate, spend), np.nan)

    def prices_at(self, solve_rate: FloatArray) -> FloatArray:
        """Return the slopes of the hull around each solve rate; at the last, also steeper ones."""
        rate, spend, _ = self.hull
        slope = np.diff(spend) / np.diff(rate)
        if not len(slope):
            return np.zeros(0)
        right = np.clip(np.searchsorted(rate, solve_rate), 1, len(slope)) - 1
        prices = slope[right]
        if np.any(solve_rate >= rate[-1] - SAME_RATE):
            prices = np.concatenate([prices, slope[-1] * _STEEPER])
        return np.unique(prices)

    def least(self, price: float) -> float:
        """Return the least sum of spend and priced unsolved share."""
        rate, spend, _ = self.hull
        return float((spend + price * (1.0 - rate)).min())

    def purchases(self, number: int) -> Steps:
        """Return the purchases of a plan."""
        lengths = np.array([len(rate) for rate in self._rate])
        ends = np.cumsum(lengths)
        path = int(np.searchsorted(ends, number, side="right"))
        return self._paths[path][: number - int(ends[path] - lengths[path]) + 1]
