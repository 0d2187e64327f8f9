r"""The oracle: every instance gets its own cheapest order of attempts, its probabilities known.

For one instance the models are independent arms: model m taken from position j to k spends
:math:`(G(k) - G(j)) \prod_{m'} F_{m'}` and solves :math:`(F(j) - F(k)) \prod_{m'} F_{m'}` over the
other models m', so that what it spends per solve does not depend on them. At a price per solved
instance the cheapest order takes the edges of the models' lower convex hulls of (1 - F, G), all
together by rising slope, and stops where the slope exceeds the price (Gittins' index with success
as the discount; Sidney's decomposition of chains). All instances' edges by rising slope are the
hull of what any policies reach together: its bound, attained by drawing between two plans on at
most one instance.

References
----------
Gittins, *Bandit processes and dynamic allocation indices*, Journal of the Royal Statistical Society
B 41 (1979).

Sidney, *Decomposition algorithms for single-machine sequencing with precedence relations and
deferral costs*, Operations Research 23 (1975).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arbmodels._compiling import compiled
from arbmodels.cascades.lattice import refined
from arbmodels.curves import (
    SAME_RATE,
    Curves,
    LogLinearCurve,
    StepDollarCurve,
    check_attainable,
    log_budget,
)
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan
from arbmodels.policies.policy import Serving

IntArray = npt.NDArray[np.int64]

#: Cells of budget grids are cut into so many: log-linear curves bend between two budgets.
_PARTS = 4


@dataclass(frozen=True, eq=False)
class Oracle:
    """The cheapest policies that know every instance's own curves.

    Made by :func:`oracle_of`. Edges, cheapest solve first; of one instance in the order in which
    they are bought.

    Parameters
    ----------
    curves : Curves
    amounts : tuple of M float arrays [N, K_m] or [1, K_m]
        What positions stand for, of every instance or of all.
    instance, model, end : int arrays [E]
        Whose edge, the model bought from, and the position it is taken to.
    rate, spend : float arrays [E + 1]
        Solve rate and spend once so many edges have been bought.
    least_rate, least_spend : float arrays
        A curve that no policy undercuts, whatever the amounts.
    """

    curves: Curves
    amounts: tuple[FloatArray, ...]
    instance: IntArray
    model: IntArray
    end: IntArray
    rate: FloatArray
    spend: FloatArray
    least_rate: FloatArray
    least_spend: FloatArray

    @property
    def max_solve_rate(self) -> float:
        """Solve rate when all that solves anything is bought."""
        return float(self.rate[-1])

    def spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least expected spend, currency units per instance; NaN if unattainable."""
        target = np.asarray(solve_rate, dtype=float)
        spend: FloatArray = np.interp(target, self.rate, self.spend)
        return np.where(target <= self.max_solve_rate + SAME_RATE, spend, np.nan)

    def bound_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return what no policy spends less than, whatever it knows; NaN if unattainable."""
        target = np.asarray(solve_rate, dtype=float)
        least: FloatArray = np.interp(target, self.least_rate, self.least_spend)
        return np.where(target <= self.max_solve_rate + SAME_RATE, least, np.nan)

    def rate_within(self, spend: float) -> float:
        """Return the largest solve rate for an expected spend."""
        return float(np.interp(spend, self.spend, self.rate))

    def servings_at(self, solve_rate: float) -> tuple[Serving, ...]:
        """Return every instance's plan; one instance at most draws between two.

        Raises
        ------
        InputError
            If no policy reaches the solve rate.
        """
        check_attainable(solve_rate, self.max_solve_rate)
        whole = max(int(np.searchsorted(self.rate, solve_rate - SAME_RATE)) - 1, 0)
        before, after = self._plans(whole), {}
        share = 0.0
        if self.rate[whole] < solve_rate - SAME_RATE:
            row = int(self.instance[whole])
            after[row] = self._plan(row, whole + 1)
            step = self.rate[whole + 1] - self.rate[whole]
            share = float(min((solve_rate - self.rate[whole]) / step, 1.0))
        servings = []
        for row in np.flatnonzero(self.curves.market.weight > 0).tolist():
            name = self.curves.market.instances[row]
            parts = [(before[row], 1.0 - share), (after[row], share)] if row in after else []
            for plan, part in parts or [(before[row], 1.0)]:
                if part > 0:
                    servings.append(Serving(name, plan, part, "instance"))
        return tuple(servings)

    def _plans(self, edges: int) -> list[Plan]:
        return [self._plan(row, edges) for row in range(len(self.curves.market.instances))]

    def _plan(self, row: int, edges: int) -> Plan:
        """Plan of an instance once so many edges of all have been bought."""
        here, stages = [0.0] * len(self.amounts), list[tuple[int, float]]()
        for edge in np.flatnonzero(self.instance[:edges] == row).tolist():
            m = int(self.model[edge])
            table = self.amounts[m]
            amount = float(table[row if len(table) > 1 else 0, self.end[edge]])
            more = amount - here[m]
            here[m] = amount
            if stages and stages[-1][0] == m:
                more += stages.pop()[1]
            stages.append((m, more))
        names = self.curves.names
        return Plan(tuple((names[m], more) for m, more in stages), self.curves.unit)


def oracle_of(curves: Curves) -> Oracle:
    """Return the cheapest policies that know every instance's own curves.

    In whole attempts and in dollars integrated as steps exact: of such dollars only whole attempts
    at the instance's own price are worth buying. Log-linear curves are looked at on a finer grid
    of budgets, and the bound is of their tangents.
    """
    tables = [_tables(curves, m) for m in range(len(curves.names))]
    amounts, failure, spend = zip(*((t[0], t[1], t[2]) for t in tables), strict=True)
    weight = curves.market.weight
    edges = _merged(weight, failure, spend)
    rate, paid = (np.append(0.0, np.cumsum(each)) for each in (edges[3], edges[4]))
    least = rate, paid
    if curves.continuous:
        under = [_under(*table) for table in tables]
        below = _merged(weight, *zip(*under, strict=True))
        least = np.append(0.0, np.cumsum(below[3])), np.append(0.0, np.cumsum(below[4]))
    return Oracle(curves, amounts, *edges[:3], rate, paid, *least)


def _tables(curves: Curves, m: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Amounts [N or 1, K], F and G [N, K] of a model at the amounts worth ending with."""
    curve, grid = curves.models[m], curves.grids[m]
    if isinstance(curve, StepDollarCurve):
        failure, spend = curve.failure_by_attempt, curve.spend_by_attempt
        amounts = curve.cost[:, None] * np.arange(failure.shape[1])
        # No more than the grid's last budget, as for everybody else.
        most = curve.failure(grid[-1:])
        return amounts, np.maximum(failure, most), spend
    if isinstance(curve, LogLinearCurve):
        grid = refined(grid, _PARTS)
    return grid[None], curve.failure(grid), curve.spend(grid)


def _under(
    amounts: FloatArray, failure: FloatArray, spend: FloatArray
) -> tuple[FloatArray, FloatArray]:
    r"""Put points below a log-linear curve between its points: F and G with 2K - 1 columns.

    In a cell :math:`dG / d(1 - F) = F x / s`, s the fall of F per log budget. It rises while
    F > s: there the curve is convex and lies above where the tangents at both ends meet. Else it
    lies above the flatter of the two slopes.
    """
    rise = np.diff(log_budget(amounts[0]))
    fall, more = failure[:, :-1] - failure[:, 1:], np.diff(spend, axis=1)
    pace = fall / rise
    with np.errstate(divide="ignore", invalid="ignore"):
        start = failure[:, :-1] * np.exp(log_budget(amounts[0][:-1])) / pace
        end = failure[:, 1:] * np.exp(log_budget(amounts[0][1:])) / pace
        meet = np.clip((more - end * fall) / (start - end), 0.0, fall)
        flat = np.minimum(start, end) * fall
        convex = (failure[:, 1:] >= pace) & (end > start) & (more <= end * fall)
        solved = np.where(convex, meet, fall)
        paid = np.where(convex, start * meet, np.minimum(flat, more))
    solved, paid = np.where(fall > 0, solved, 0.0), np.where(fall > 0, paid, 0.0)
    both = np.empty((2, len(failure), 2 * failure.shape[1] - 1))
    both[0, :, ::2], both[1, :, ::2] = failure, spend
    both[0, :, 1::2], both[1, :, 1::2] = failure[:, :-1] - solved, spend[:, :-1] + paid
    return both[0], both[1]


def _merged(
    weight: FloatArray, failure: tuple[FloatArray, ...], spend: tuple[FloatArray, ...]
) -> tuple[IntArray, IntArray, IntArray, FloatArray, FloatArray]:
    """All edges by rising slope: instance, model, end, and weighted solve rate and spend."""
    first = np.cumsum([0, *(table.shape[1] for table in failure)])
    edges = _edges(
        np.ascontiguousarray(np.concatenate(failure, axis=1)),
        np.ascontiguousarray(np.concatenate(spend, axis=1)),
        first,
    )
    instance, model, end, rate, paid, slope = edges
    there = weight[instance] > 0
    order = np.flatnonzero(there)[np.argsort(slope[there], kind="stable")]
    instance, rate, paid = instance[order], rate[order], paid[order]
    return instance, model[order], end[order], weight[instance] * rate, weight[instance] * paid


@compiled
def _edges(  # noqa: PLR0912 - one compiled loop
    failure: FloatArray, spend: FloatArray, first: IntArray
) -> tuple[
    IntArray, IntArray, IntArray, FloatArray, FloatArray, FloatArray
]:  # pragma: no cover - compiled
    """Hull edges of every instance's models in the order of their slopes.

    Parameters
    ----------
    failure, spend : float arrays [N, sum K]
        F and G of all models side by side, model m's from column ``first[m]``.
    """
    rows, count = len(failure), len(first) - 1
    most = rows * failure.shape[1]
    instance, model, end = (
        np.empty(most, np.int64),
        np.empty(most, np.int64),
        np.empty(most, np.int64),
    )
    rate, paid, slope = np.empty(most), np.empty(most), np.empty(most)
    vertex = np.empty(failure.shape[1], np.int64)
    last = np.empty(count, np.int64)
    here = np.empty(count, np.int64)
    total = 0
    for i in range(rows):
        for m in range(count):
            top = first[m]
            vertex[top] = first[m]
            for k in range(first[m] + 1, first[m + 1]):
                if failure[i, k] >= failure[i, vertex[top]]:
                    continue
                while top > first[m]:
                    a, b = vertex[top - 1], vertex[top]
                    # Drop b unless the slope to it is less than from it.
                    if (spend[i, b] - spend[i, a]) * (failure[i, b] - failure[i, k]) < (
                        spend[i, k] - spend[i, b]
                    ) * (failure[i, a] - failure[i, b]):
                        break
                    top -= 1
                top += 1
                vertex[top] = k
            last[m], here[m] = top, first[m]
        before = -np.inf
        while True:
            best, by = np.inf, -1
            for m in range(count):
                if here[m] < last[m]:
                    a, b = vertex[here[m]], vertex[here[m] + 1]
                    each = (spend[i, b] - spend[i, a]) / (failure[i, a] - failure[i, b])
                    if each < best:
                        best, by = each, m
            if by < 0:
                break
            others = 1.0
            for m in range(count):
                if m != by:
                    others *= failure[i, vertex[here[m]]]
            a, b = vertex[here[by]], vertex[here[by] + 1]
            instance[total], model[total], end[total] = i, by, b - first[by]
            rate[total] = others * (failure[i, a] - failure[i, b])
            paid[total] = others * (spend[i, b] - spend[i, a])
            # Convex up to rounding: an instance's edges stay in their order.
            before = max(before, best)
            slope[total] = before
            total += 1
            here[by] += 1
    return (
        instance[:total],
        model[:total],
        end[:total],
        rate[:total],
        paid[:total],
        slope[:total],
    )
