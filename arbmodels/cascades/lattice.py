"""The lattice of amounts spent per model, and shortest paths on it.

A state a = (a_1, .., a_M) says how far each model's budget has been used on an unsolved instance.
It fails with probability mean_i prod_m F_im(a_m) whatever the order; moving model m from one grid
point to the next costs mean_i (G_im(next) - G_im(a_m)) prod_{m' != m} F_im'(a_m'). The cheapest
order of purchases that ends in a state is therefore a shortest path from the origin to it.

Also here: undominated plans, the lower convex hull (what mixing two plans at random can buy), and
plans whose last purchase stops between two budgets of the grid.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from arbmodels._compiling import compiled
from arbmodels.curves import SAME_RATE, Curves, blocks, log_budget, log_linear_weights
from arbmodels.display import brief
from arbmodels.errors import InputError
from arbmodels.passk import FloatArray

IntArray = npt.NDArray[np.int64]

#: So many points are looked through in bins of their rates before they are sorted.
_MANY, _BINS = 20_000, 10_000


def undominated(rate: FloatArray, spend: FloatArray) -> IntArray:
    """Return the points that no other reaches as far for less, both coordinates increasing.

    Parameters
    ----------
    rate, spend : float arrays of one length
        A point whose spend is infinite is not there; at least one must be.

    Returns
    -------
    int array
        Positions.
    """
    some = np.flatnonzero(np.isfinite(spend))
    if len(rate) > _MANY:
        # Most points of a lattice are dominated by the cheapest of the bins of higher rates, which
        # is found without sorting.
        place = np.floor((rate - rate.min()) * (_BINS / max(np.ptp(rate), 1e-300))).astype(np.int64)
        least = np.full(_BINS + 2, np.inf)
        np.minimum.at(least, place, spend)
        beyond = np.minimum.accumulate(least[::-1])[::-1]
        some = np.flatnonzero(spend < beyond[place + 1])
    order = some[np.lexsort((spend[some], -rate[some]))]
    least = np.minimum.accumulate(spend[order])
    kept: IntArray = order[np.concatenate([[True], least[1:] < least[:-1]])][::-1]
    return kept


class Points(NamedTuple):
    """Undominated plans: solve rates and spends, both increasing, and their numbers."""

    rate: FloatArray
    spend: FloatArray
    number: IntArray

    def __repr__(self) -> str:
        return brief(self)

    @classmethod
    def of(cls, rate: FloatArray, spend: FloatArray) -> Points:
        """Return the undominated ones of some plans; their numbers are flat positions."""
        rate, spend = rate.ravel(), spend.ravel()
        kept = undominated(rate, spend)
        return cls(rate[kept], spend[kept], kept)

    @property
    def max_solve_rate(self) -> float:
        """Largest solve rate."""
        return float(self.rate[-1])

    def first(self, solve_rate: FloatArray) -> tuple[IntArray, npt.NDArray[np.bool_]]:
        """Return the position of the cheapest plan for each solve rate, and whether one is."""
        position = np.searchsorted(self.rate, solve_rate - SAME_RATE)
        last = len(self.rate) - 1
        return np.minimum(position, last), position <= last

    def at(self, solve_rate: FloatArray, values: FloatArray) -> FloatArray:
        """Return what an array holds of the cheapest plan for each solve rate; NaN beyond."""
        position, attained = self.first(solve_rate)
        return np.where(attained, values[position], np.nan)

    def spend_at(self, solve_rate: FloatArray) -> FloatArray:
        """Return the least spend for each solve rate; NaN beyond the largest."""
        return self.at(solve_rate, self.spend)


def hull_vertices(x: FloatArray, y: FloatArray) -> IntArray:
    """Return the positions of the vertices of the lower convex hull (Andrew's monotone chain).

    Parameters
    ----------
    x, y : float arrays
        Points sorted by x, then by y.

    References
    ----------
    Andrew, *Another efficient algorithm for convex hulls in two dimensions*, Information Processing
    Letters 9 (1979).
    """
    points = list(zip(x.tolist(), y.tolist(), strict=True))
    hull: list[int] = []
    for k, (xk, yk) in enumerate(points):
        if hull and xk == points[hull[-1]][0]:
            continue
        while len(hull) > 1:
            (x0, y0), (x1, y1) = points[hull[-2]], points[hull[-1]]
            if (y1 - y0) * (xk - x0) < (yk - y0) * (x1 - x0):
                break
            hull.pop()
        hull.append(k)
    return np.array(hull, dtype=np.int64)


def lower_hull(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the vertices of the lower convex hull of points sorted by x, then by y."""
    kept = hull_vertices(x, y)
    return x[kept], y[kept]


#: States of three models and more from which on the compiled program is faster.
_COMPILED = 5_000
#: Halvings of the ratio by which thinned amounts rise.
_HALVINGS = 40
#: Largest lattice that is tabulated: some 2.5 GB of arrays for three models.
MAX_STATES = 60_000_000


class OutOfTimeError(Exception):
    """A deadline passed while a table was made; whoever set it returns what is known so far."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """Solve rate and least spend of every state.

    Parameters
    ----------
    grids : tuple of float arrays
        Amounts per model, from 0.
    solve_rate : float array [K_1, .., K_M]
        Weighted mean solve probability of the state.
    step_spend : tuple of M float arrays
        Entry m has one row less on axis m: the spend of that step, currency units per instance.
    spend : float array [K_1, .., K_M]
        Least expected spend over all orders of purchase, currency units per instance.
    """

    grids: tuple[FloatArray, ...]
    solve_rate: FloatArray
    step_spend: tuple[FloatArray, ...]
    spend: FloatArray

    def path(self, state: Sequence[int]) -> list[tuple[int, int]]:
        """Return a cheapest path to ``state`` as (model, steps) runs, in order.

        Ties go to the model that comes first in the market.
        """
        runs: list[tuple[int, int]] = []
        here = list(state)
        while any(here):
            model = self.last_model(here)
            if runs and runs[-1][0] == model:
                runs[-1] = (model, runs[-1][1] + 1)
            else:
                runs.append((model, 1))
            here[model] -= 1
        return runs[::-1]

    def last_model(self, state: Sequence[int]) -> int:
        """Return the model bought last on a cheapest path to a state other than the origin."""
        best, best_spend = -1, np.inf
        for model, position in enumerate(state):
            if position:
                before = (*state[:model], position - 1, *state[model + 1 :])
                spend = self.spend[before] + self.step_spend[model][before]
                if spend < best_spend:
                    best, best_spend = model, spend
        return best

    def spend_by_model(self, flat: IntArray) -> FloatArray:
        """Return the spend on each model along a cheapest path to each state, [len(flat), M].

        Parameters
        ----------
        flat : int array
            Positions of the states in the flattened lattice.
        """
        seen: dict[tuple[int, ...], FloatArray] = {
            (0,) * len(self.grids): np.zeros(len(self.grids))
        }
        states = zip(
            *(axis.tolist() for axis in np.unravel_index(flat, self.spend.shape)), strict=True
        )
        return np.array([self._along(state, seen) for state in states]).reshape(-1, len(self.grids))

    def _along(self, state: tuple[int, ...], seen: dict[tuple[int, ...], FloatArray]) -> FloatArray:
        """Spend per model on the cheapest path to ``state``; paths share their beginnings."""
        trail = []
        while state not in seen:
            model = self.last_model(state)
            before = (*state[:model], state[model] - 1, *state[model + 1 :])
            trail.append((state, model, before))
            state = before
        total = seen[state]
        for after, model, before in reversed(trail):
            total = total.copy()
            total[model] += self.step_spend[model][before]
            seen[after] = total
        return total


def build_lattice(curves: Curves, grids: Sequence[FloatArray] | None = None) -> Lattice:
    """Tabulate the lattice of the curves' models and solve all shortest paths.

    Parameters
    ----------
    curves : Curves
    grids : sequence of float arrays, optional
        Amounts per model, increasing from 0; the curves' own grids by default.

    Raises
    ------
    InputError
        If the lattice would be too large; the text says how to make it smaller.
    """
    grids = tuple(curves.grids if grids is None else grids)
    states = int(np.prod([float(len(grid)) for grid in grids]))
    if states > MAX_STATES:
        sizes = " x ".join(str(len(grid)) for grid in grids)
        raise InputError(
            f"The lattice of {sizes} = {states:,} states exceeds {MAX_STATES:,}. Use fewer models,"
            " fewer attempts (max_attempts=...) or a coarser budget grid (grid=...)."
        )
    tables: list[FloatArray] = []
    for rows in blocks(len(curves.market.instances), sum(len(grid) for grid in grids)):
        part = _tables(curves, grids, rows)
        tables = [a + b for a, b in zip(tables, part, strict=True)] if tables else part
    unsolved, *step_spend = tables
    solve_rate = np.maximum(1.0 - unsolved, 0.0)  # weights sum to one up to rounding
    return Lattice(grids, solve_rate, tuple(step_spend), shortest_paths(step_spend))


def _tables(curves: Curves, grids: Sequence[FloatArray], rows: slice) -> list[FloatArray]:
    """Share left unsolved by every state, and the spend of the steps of each model."""
    weight = curves.market.weight[rows]
    pairs = [(curve.part(rows), grid) for curve, grid in zip(curves.models, grids, strict=True)]
    # [K_m, N]: the sums over instances run over contiguous memory.
    failure = [curve.failure(grid).T for curve, grid in pairs]
    steps = [curve.steps(grid).T for curve, grid in pairs]
    products = [
        mean_products(weight, [*failure[:m], steps[m], *failure[m + 1 :]])
        for m in range(len(grids))
    ]
    return [mean_products(weight, failure), *products]


def mean_products(
    weight: FloatArray, factors: Sequence[FloatArray], deadline: float = np.inf
) -> FloatArray:
    r"""Return :math:`\sum_i w_i \prod_m f_m[k_m, i]` of all :math:`(k_1, .., k_M)`, one axis each.

    A product of two matrices, the factors shared out among them so that both are small, blocks of
    instances and rows at a time: beside the table little memory is used.

    Parameters
    ----------
    weight : float array [N]
    factors : sequence of M float arrays [K_m, N]
    deadline : float
        By :func:`time.monotonic`.

    Raises
    ------
    OutOfTimeError
        If the deadline passes.
    """
    sizes = [len(factor) for factor in factors]
    # In floats: the product of all sizes may be more than an integer holds.
    larger = [
        max(np.prod(sizes[:cut], dtype=float), np.prod(sizes[cut:], dtype=float))
        for cut in range(1, len(sizes) + 1)
    ]
    # Of equally good cuts the last: the first matrix is made a block of rows at a time.
    cut = len(sizes) - int(np.argmin(larger[::-1]))
    lead, *others = factors[:cut]
    columns = int(np.prod(sizes[cut:], dtype=np.int64))
    width = int(np.prod([len(other) for other in others], dtype=np.int64))
    table = np.zeros((len(lead) * width, columns))
    if not table.size:
        return table.reshape(sizes)  # a model with one amount only has no steps
    for some in blocks(len(weight), columns):
        second = _products([np.ones_like(weight[None, some]), *(f[:, some] for f in factors[cut:])])
        rest = [other[:, some] for other in others]
        for rows in blocks(len(lead), width * second.shape[1]):
            if time.monotonic() > deadline:
                raise OutOfTimeError
            first = _products([weight[some] * lead[rows, some], *rest])
            table[rows.start * width : rows.start * width + len(first)] += first @ second.T
    return table.reshape(sizes)


def _products(factors: Sequence[FloatArray]) -> FloatArray:
    """All products of rows, [prod_m K_m, N], the last factor's running fastest."""
    table = factors[0]
    for factor in factors[1:]:
        table = (table[:, None, :] * factor[None, :, :]).reshape(-1, table.shape[1])
    return table


@compiled
def shortest(
    steps: FloatArray, sizes: IntArray
) -> tuple[FloatArray, npt.NDArray[np.int8]]:  # pragma: no cover - compiled
    """Least spend to every state, and the model bought last (-1 at the origin).

    Parameters
    ----------
    steps : float array [M, S]
        Entry [m, a] is the spend of model m's step that starts in state a; not read at the last.
    sizes : int array [M]
        Amounts per model; states are numbered with the last model running fastest.
    """
    count, states = steps.shape
    stride = np.ones(count, np.int64)
    for m in range(count - 2, -1, -1):
        stride[m] = stride[m + 1] * sizes[m + 1]
    spend = np.empty(states)
    model = np.full(states, -1, np.int8)
    position = np.zeros(count, np.int64)
    for state in range(states):
        best, by = np.inf, -1
        for m in range(count):
            if position[m] > 0:
                before = state - stride[m]
                through = spend[before] + steps[m, before]
                if through < best:
                    best, by = through, m
        spend[state] = 0.0 if state == 0 else best
        model[state] = by
        for m in range(count - 1, -1, -1):
            position[m] += 1
            if position[m] < sizes[m]:
                break
            position[m] = 0
    return spend, model


def shortest_paths(step_spend: Sequence[FloatArray]) -> FloatArray:
    """Return the least spend from the origin to every state.

    Along the last axis, d[l] = min_{l' <= l} entry[l'] + C[l] - C[l'] with C the running sum of
    that axis' steps: one cumulative minimum per line instead of a loop over its states.

    Parameters
    ----------
    step_spend : sequence of M float arrays
        Entry m has shape [K_1, .., K_M] with axis m one shorter; all >= 0.
    """
    shape = list(step_spend[0].shape)
    shape[0] += 1
    if len(shape) > 2 and np.prod(shape) > _COMPILED:
        padded = np.zeros((len(shape), *shape))
        for m, steps in enumerate(step_spend):
            padded[m][tuple(map(slice, steps.shape))] = steps
        return shortest(padded.reshape(len(shape), -1), np.array(shape))[0].reshape(shape)
    entry = np.full(shape, np.inf)
    entry[(0,) * len(shape)] = 0.0
    return _relax(entry, step_spend)


def _relax(entry: FloatArray, step_spend: Sequence[FloatArray]) -> FloatArray:
    """Least spend when state a may also be entered at the spend ``entry[a]``."""
    if entry.ndim == 1:
        running = np.concatenate([[0.0], np.cumsum(step_spend[0])])
        least: FloatArray = running + np.minimum.accumulate(entry - running)
        return least
    spend = np.empty_like(entry)
    for position in range(len(entry)):
        start = entry[position]
        if position:
            start = np.minimum(start, spend[position - 1] + step_spend[0][position - 1])
        spend[position] = _relax(start, [step[position] for step in step_spend[1:]])
    return spend


def lower_bound_spend(lattice: Lattice) -> FloatArray:
    """Bound from below the spend of plans whose amounts lie between grid points.

    Round the amounts of any path down to the grid. When model m crosses into its next cell while
    the others are somewhere in theirs, it has paid at least the spend of its cell at the others'
    *upper* grid points, where least mass is left. Shortest paths with these smaller steps bound
    every plan whose amounts end in the cell above a state.

    Returns
    -------
    float array, of the lattice's shape
        Entry a bounds the spend of every plan that ends in [a, a + 1).
    """
    optimistic = []
    for m, step in enumerate(lattice.step_spend):
        for axis in range(step.ndim):
            if axis != m:
                last = np.take(step, [-1], axis=axis)
                shifted = np.delete(step, 0, axis=axis)
                step = np.concatenate([shifted, last], axis=axis)  # noqa: PLW2901
        optimistic.append(step)
    return shortest_paths(optimistic)


def coarsen(grids: Sequence[FloatArray], most_states: int) -> tuple[FloatArray, ...]:
    """Thin the amounts geometrically until the lattice has at most ``most_states``.

    Of every grid the first three amounts (0, 1 and 2 attempts) and the last stay, and between them
    those that rise by some ratio, the same for all models and as small as fits. Where even the
    first three are too many the second or both go. Grids small enough are returned as given.
    """
    if _states(grids) <= most_states:
        return tuple(grids)
    for first in (3, 2, 1):
        thinned = [_spread(grid, np.inf, first) for grid in grids]
        if _states(thinned) <= most_states:
            break
    if first == 3:
        every = range(len(grids))
        thinned = _closer(grids, thinned, every, most_states)
        # A common ratio leaves room where grids are themselves geometric.
        for m in every:
            thinned = _closer(grids, thinned, [m], most_states)
    return tuple(thinned)


def _closer(
    grids: Sequence[FloatArray], thinned: list[FloatArray], axes: Iterable[int], most_states: int
) -> list[FloatArray]:
    """Lower the ratio by which the amounts of some axes rise as far as states allow."""
    low, high = 0.0, max(float(np.log(g[-1] / g[1])) for g in grids if len(g) > 1)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        trial = list(thinned)
        for m in axes:
            trial[m] = _spread(grids[m], np.exp(middle), 3)
        if _states(trial) <= most_states:
            thinned, high = trial, middle
        else:
            low = middle
    return thinned


def _spread(grid: FloatArray, ratio: float, first: int) -> FloatArray:
    """Keep the ``first`` amounts, the last, and between them those that rise by a ratio."""
    kept = list(range(min(first, len(grid))))
    while kept[-1] < len(grid) - 1:
        # Rounding in an amount times the ratio must not skip the amount that is meant.
        goal = np.inf if np.isinf(ratio) else grid[kept[-1]] * ratio * (1.0 - SAME_RATE)
        kept.append(min(max(int(np.searchsorted(grid, goal)), kept[-1] + 1), len(grid) - 1))
    return grid[kept]


def _states(grids: Sequence[FloatArray]) -> float:
    # In floats: the product may be more than an integer holds.
    return float(np.prod([float(len(grid)) for grid in grids]))


def useful(curves: Curves) -> tuple[FloatArray, ...]:
    """Return the amounts worth ending with: zero, and those that solve more than the one before.

    To stop short of an amount at which nothing more has been solved costs no more, and what is
    bought later is bought for fewer. Neither the first amount of a grid nor the last useful one is
    lost, nor any between them.
    """
    grids = []
    for curve, grid in zip(curves.models, curves.grids, strict=True):
        falls = np.zeros(len(grid) - 1, dtype=bool)
        for rows in blocks(len(curves.market.instances), len(grid)):
            falls |= (np.diff(curve.part(rows).failure(grid), axis=1) < 0).any(axis=0)
        grids.append(grid[np.append(True, falls)])
    return tuple(grids)


def bound_steps(lattice: Lattice) -> Points:
    """Return the lower bound as a step function of the solve rate.

    A plan whose solve rate exceeds every ``rate`` before position p, and is at most ``rate[p]``,
    spends at least ``spend[p]``.
    """
    upper = lattice.solve_rate
    for axis in range(upper.ndim):
        last = np.take(upper, [-1], axis=axis)
        upper = np.concatenate([np.delete(upper, 0, axis=axis), last], axis=axis)
    return Points.of(upper, lower_bound_spend(lattice))


def refined(grid: FloatArray, parts: int) -> FloatArray:
    """Put parts - 1 budgets, equally spaced in logs, into every cell but the one at zero."""
    if parts == 1:
        return grid
    position = np.arange((len(grid) - 2) * parts + 1) / parts
    finer = np.exp(np.interp(position, np.arange(len(grid) - 1), np.log(grid[1:])))
    finer[::parts] = grid[1:]
    return np.concatenate([[0.0], finer])


class Cuts(NamedTuple):
    """For some targets, a plan that beats the lattice's: where its last step starts and ends."""

    target: IntArray
    spend: FloatArray
    state: IntArray
    model: IntArray
    amount: FloatArray


class StepCuts(NamedTuple):
    """For some targets, a step that reaches it most cheaply: its position, spend and amount."""

    target: IntArray
    spend: FloatArray
    step: IntArray
    amount: FloatArray


def cheapest_cuts(lattice: Lattice, target: FloatArray, best: FloatArray) -> Cuts:
    """Cut the last lattice step where it reaches each solve rate exactly.

    Parameters
    ----------
    lattice : Lattice
        On the points between which the curves are log-linear.
    target : float array [U]
        Solve rates, no NaN.
    best : float array [U]
        Spend of the best plan on the lattice's own points; NaN if unattainable.

    Returns
    -------
    Cuts
        Only for targets where the cut step is cheaper than ``best``; ``target`` holds positions.
    """
    found = [_along(lattice, m, target, best) for m in range(len(lattice.grids))]
    every = Cuts(*(np.concatenate(column) for column in zip(*found, strict=True)))
    order = np.lexsort((every.model, every.spend, every.target))
    kept = order[np.unique(every.target[order], return_index=True)[1]]
    return Cuts(
        every.target[kept],
        every.spend[kept],
        every.state[kept],
        every.model[kept],
        every.amount[kept],
    )


def crossing_steps(lattice: Lattice, solve_rate: float) -> Cuts:
    """Return every lattice step that passes a solve rate, cut where it reaches it.

    Parameters
    ----------
    lattice : Lattice
        On the points between which the curves are log-linear.
    solve_rate : float

    Returns
    -------
    Cuts
        ``spend`` is that of the cut step alone, at list prices.
    """
    free = replace(lattice, spend=np.zeros_like(lattice.spend))
    wanted, ceiling = np.array([solve_rate]), np.array([np.inf])
    parts = [_along(free, m, wanted, ceiling, every=True) for m in range(len(lattice.grids))]
    return Cuts(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _along(
    lattice: Lattice, m: int, target: FloatArray, best: FloatArray, *, every: bool = False
) -> Cuts:
    """Cut the steps of model m; without ``every``, the cheapest one for each target."""
    low, start = (
        np.delete(values, -1, axis=m).ravel() for values in (lattice.solve_rate, lattice.spend)
    )
    high = np.delete(lattice.solve_rate, 0, axis=m).ravel()
    flat = np.arange(lattice.spend.size).reshape(lattice.spend.shape)
    origin = np.delete(flat, -1, axis=m).ravel()
    log_grid = log_budget(lattice.grids[m])

    def ends(which: IntArray) -> tuple[FloatArray, FloatArray]:
        cell = np.unravel_index(origin[which], lattice.spend.shape)[m]
        return log_grid[cell], log_grid[cell + 1]

    spend = lattice.step_spend[m].ravel()
    cut = cut_steps(low, high, start, spend, ends, target, best, every=every)
    model = np.full(len(cut.step), m)
    return Cuts(cut.target, cut.spend, origin[cut.step], model, cut.amount)


def cut_steps(  # noqa: PLR0917
    low: FloatArray,
    high: FloatArray,
    start: FloatArray,
    spend: FloatArray,
    ends: Callable[[IntArray], tuple[FloatArray, FloatArray]],
    target: FloatArray,
    best: FloatArray,
    *,
    every: bool = False,
) -> StepCuts:
    """Cut steps where they reach solve rates exactly.

    With log-linear curves the solve rate along a step is linear in the log of the model's budget,
    so the budget that reaches a target and the spend up to it have closed forms: the start's plus
    the integral of the share of instances that are unsolved and that the model has a record for.

    Parameters
    ----------
    low, high, start, spend : float arrays [S]
        Solve rates before and after each step, spend before it, and what it spends.
    ends : callable
        Positions of steps -> the logs of the budgets of their model before and after.
    target : float array [U]
        Solve rates, no NaN.
    best : float array [U]
        Spend that is known for each target; NaN if unattainable.
    every : bool
        Return every step that passes a target, not the cheapest one that undercuts ``best``.
    """
    order = np.argsort(target, kind="stable")
    wanted = target[order]
    ceiling = np.maximum.accumulate(np.where(np.isnan(best), -np.inf, best)[order])
    nothing = np.zeros(0, dtype=np.int64)
    if not len(wanted):
        return StepCuts(nothing, np.zeros(0), nothing, np.zeros(0))
    # A step that starts dearer than the best known plan of its dearest target is no use.
    step = np.flatnonzero((high > wanted[0]) & (low < wanted[-1]) & (start < ceiling[-1]))
    first = np.searchsorted(wanted, low[step], side="right")
    last = np.searchsorted(wanted, high[step], side="left")
    useful = (last > first) & (start[step] < ceiling[np.maximum(last - 1, 0)])
    step, first, count = step[useful], first[useful], (last - first)[useful]
    which = np.repeat(step, count)
    within = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    goal = np.repeat(first, count) + within
    log_low, log_high = ends(which)
    solved, gained = high[which] - low[which], wanted[goal] - low[which]
    log_end = log_low + (log_high - log_low) * (gained / solved)
    # The share of instances that pay falls by what is solved, from a start that the spend of the
    # whole step tells: instances that model m has no record for stay unsolved without paying.
    early, late = log_linear_weights(log_low, log_high)
    paying = (spend[which] + solved * late) / (early + late)
    early, late = log_linear_weights(log_low, log_end)
    more = paying * early + np.maximum(paying - gained, 0.0) * late
    found = StepCuts(order[goal], start[which] + more, which, np.exp(log_end))
    if every:
        return found
    cheapest = np.lexsort((found.spend, found.target))
    kept = cheapest[np.unique(found.target[cheapest], return_index=True)[1]]
    kept = kept[found.spend[kept] < best[found.target[kept]]]
    return StepCuts(found.target[kept], found.spend[kept], found.step[kept], found.amount[kept])
