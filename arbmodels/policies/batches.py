r"""Parallel attempts: the cheapest batches for a solve rate within a time.

A batch of k attempts of model m leads from the attempts a to a + k e_m, is paid together whether
or not its first attempts succeed, and takes the time of one attempt. The latency of a plan whose
attempts all fail is the sum over its batches; only finitely many such sums keep a limit, so that
time needs no grid:

.. math:: D(a, t) = \min_{m, k}\; D(a - k e_m, t - \tau_m) + \sum_i w_i q_{im} k S_i(a - k e_m)

is exact on whole attempts (under "stop-at-record" the batch pays what is left of the record).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from arbmodels._compiling import compiled
from arbmodels._pandas import pd
from arbmodels.curves import SAME_RATE, Curves, attempt_curves, check_attainable
from arbmodels.display import TextTable, new_axes, number, percent
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan
from arbmodels.policies.limits import ROUNDING, LatticeFrontier, attempts_made, seconds_of
from arbmodels.policies.risk import tails_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


IntArray = npt.NDArray[np.int64]

#: Latencies closer than this (relative to the limit) are the same.
_SAME_TIME = 1e-9
#: States times latencies that are kept, and times moves that are looked at: some seconds.
MAX_CELLS, MAX_WORK = 20_000_000, 2_000_000_000


class BatchPaths(NamedTuple):
    """Least spend, and the last batch on the way to it.

    Parameters
    ----------
    latency : float array [T], seconds
        All sums of batch latencies within the limit, increasing from 0.
    spend : float array [T, states], currency units per instance
        Least expected spend of the plans that end in a state after exactly this latency; infinite
        if there is none.
    model, size : int array [T, states]
        Last batch; -1 and 0 at the origin and where there is no plan.
    """

    latency: FloatArray
    spend: FloatArray
    model: IntArray
    size: IntArray


def latency_sums(seconds: FloatArray, most: IntArray, limit: float) -> FloatArray:
    """Return the distinct sums of latencies within a limit, increasing from 0.

    Parameters
    ----------
    seconds : float array [M]
        Of a batch of every model.
    most : int array [M]
        Most batches of every model.
    limit : float, seconds
    """
    sums = np.zeros(1)
    for each, count in zip(seconds, most, strict=True):
        every = np.sort((sums[:, None] + each * np.arange(count + 1)).ravel())
        every = every[every <= limit * (1 + _SAME_TIME)]
        sums = every[np.append(True, np.diff(every) > _SAME_TIME * limit)]
    return sums


def batch_paths(
    shape: tuple[int, ...], paid: FloatArray, seconds: FloatArray, limit: float
) -> BatchPaths:
    """Solve the program over batches.

    Parameters
    ----------
    shape : tuple of M int
        Amounts of every model, 0 included.
    paid : float array [M, B, states], currency units per instance
        Expected spend on a batch of b + 1 attempts of a model from a state.
    seconds : float array [M]
        Latency of a batch.
    limit : float, seconds

    Raises
    ------
    InputError
        If the program is too large; the text says how to make it smaller.
    """
    states = int(np.prod(shape))
    most = np.array(shape) - 1
    latency = latency_sums(seconds, most, limit)
    cells = states * len(latency)
    moves = int(np.minimum(most, paid.shape[1]).sum())
    if cells > MAX_CELLS or cells * moves > MAX_WORK:
        raise InputError(
            f"{states:,} states of attempts at {len(latency):,} latencies with {moves} batches each"
            " are too many: give attempt_curves(market, max_attempts=...) with fewer, a smaller"
            " largest batch or time limit, or latencies that are multiples of a common unit."
        )
    # Where a latency leads after a batch of each model; -1 beyond the limit.
    ends = latency[:, None] + seconds
    later = np.searchsorted(latency, ends - _SAME_TIME * limit)
    inside = later < len(latency)
    near = np.abs(latency[np.minimum(later, len(latency) - 1)] - ends) <= 2 * _SAME_TIME * limit
    later = np.where(inside & near, later, -1)
    stride = np.array([int(np.prod(shape[m + 1 :])) for m in range(len(shape))])
    spend, model, size = _paths(np.array(shape), stride, paid, later)
    return BatchPaths(latency, spend, model, size)


@compiled
def _paths(
    shape: IntArray, stride: IntArray, paid: FloatArray, later: IntArray
) -> tuple[FloatArray, IntArray, IntArray]:
    """States in lexicographic order: every batch leads to a later one."""
    times, models = later.shape
    states, largest = paid.shape[2], paid.shape[1]
    spend = np.full((times, states), np.inf)
    last = np.full((times, states), -1)
    size = np.zeros((times, states), dtype=np.int64)
    spend[0, 0] = 0.0
    for state in range(states):
        for m in range(models):
            room = min(shape[m] - 1 - (state // stride[m]) % shape[m], largest)
            for t in range(times):
                after, here = later[t, m], spend[t, state]
                if after < 0 or here == np.inf:
                    continue
                for k in range(room):
                    goal = state + (k + 1) * stride[m]
                    total = here + paid[m, k, state]
                    if total < spend[after, goal]:
                        spend[after, goal] = total
                        last[after, goal] = m
                        size[after, goal] = k + 1
    return spend, last, size


#: Shares of the largest solve rate, and number of time limits, that tables and pictures show.
_SHARES = np.array([0.8, 0.9, 0.95, 0.98, 1.0])
_TIMES = 8


@dataclass(frozen=True, eq=False, repr=False)
class BatchFrontier(LatticeFrontier):
    """Least expected spend for every solve rate within a time per instance.

    Made by :func:`arbmodels.policies.batch_frontier`; exact over all sequences of batches of whole
    attempts up to the curves' last attempt and the largest batch. :meth:`within` gives the
    frontier of a shorter time.

    Parameters
    ----------
    curves : Curves
    seconds : float array [M]
        Latency of one attempt, and so of a batch.
    limit : float, seconds
        Longest time of one instance.
    largest : int
        Most attempts in a batch.
    solve_rate : float array [states]
        Of the flattened lattice of attempts.
    paths : BatchPaths
    """

    curves: Curves
    seconds: FloatArray
    limit: float
    largest: int
    solve_rate: FloatArray
    paths: BatchPaths

    def within(self, limit: float) -> BatchFrontier:
        """Return the frontier of plans that take no longer on any instance.

        Parameters
        ----------
        limit : float, seconds
            Up to this frontier's own limit.

        Raises
        ------
        InputError
            If it is beyond that.
        """
        if not 0 <= limit <= self.limit * (1 + ROUNDING):
            raise InputError(
                f"A time limit of {limit:g} s; this frontier knows times from 0 to"
                f" {self.limit:g} s."
            )
        slack = limit + ROUNDING * self.limit
        times = int(np.searchsorted(self.paths.latency, slack, side="right"))
        latency, spend, model, size = self.paths
        paths = BatchPaths(latency[:times], spend[:times], model[:times], size[:times])
        return replace(self, limit=float(limit), paths=paths)

    @cached_property
    def _states(self) -> tuple[FloatArray, FloatArray]:
        shape = [len(grid) for grid in self.curves.grids]
        least = self.paths.spend.min(axis=0)
        return self.solve_rate.reshape(shape), least.reshape(shape)

    def plan_at(self, solve_rate: float) -> Plan:
        """Return a cheapest plan whose stages are batches.

        Give it to ``spend_distribution(plan, market, parallel=True, seconds=...)`` for its spend
        and latency.

        Raises
        ------
        InputError
            If no plan reaches the solve rate in time.
        """
        check_attainable(solve_rate, self.max_solve_rate)
        good = np.flatnonzero(self.solve_rate >= solve_rate - SAME_RATE)
        spend = self.paths.spend[:, good]
        row, column = np.unravel_index(int(np.argmin(spend)), spend.shape)
        time, state = int(row), int(good[column])
        shape = [len(grid) for grid in self.curves.grids]
        stages: list[tuple[str, float]] = []
        latency = self.paths.latency
        while state:
            m, size = int(self.paths.model[time, state]), int(self.paths.size[time, state])
            stages.append((self.names[m], float(size)))
            state -= size * int(np.prod(shape[m + 1 :]))
            time = int(np.argmin(np.abs(latency - (latency[time] - self.seconds[m]))))
        return Plan(tuple(stages[::-1]))

    @property
    def _shown(self) -> FloatArray:
        largest = self.max_solve_rate
        return largest * _SHARES if largest > SAME_RATE else np.zeros(1)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per latency and shown solve rate: the least spend."""
        rates = self._shown
        parts = [
            pd.DataFrame(
                {"seconds": time, "solve_rate": rates, "spend": self.within(time).spend_at(rates)}
            )
            for time in self.paths.latency.tolist()
        ]
        return pd.concat(parts, ignore_index=True)

    def table(self) -> TextTable:
        """Return the least spend by time limit and solve rate."""
        # Zero only where no attempt fits.
        latency = self.paths.latency
        every = latency[1:] if len(latency) > 1 else latency
        rates, rows = self._shown, []
        for time in every[np.unique(np.linspace(0, len(every) - 1, _TIMES).astype(int))].tolist():
            inside = self.within(time)
            spends = map(number, inside.spend_at(rates))
            rows.append((f"{time:,.4g}", percent(inside.max_solve_rate, 2), *spends))
        headings = ("seconds", "largest solve rate", *(percent(rate, 2) for rate in rates))
        return TextTable(self._title, headings, rows, self._note)

    @property
    def _title(self) -> str:
        return (
            f"Parallel attempts on {self.market.name}: least spend in {self._unit} by time limit"
            " and solve rate"
        )

    @property
    def _note(self) -> str:
        return (
            f"Exact over batches of up to {self.largest} attempts paid together; seconds: the"
            f" longest an instance can take. {self.billing}; in-sample."
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the least spend against the time limit for some solve rates."""
        ax = new_axes(6.2, 3.4) if ax is None else ax
        times, rates = self.paths.latency, self._shown
        spend = np.stack([self.within(time).spend_at(rates) for time in times.tolist()])
        for column, rate in enumerate(rates):
            shade = str(0.75 * (1 - (column + 1) / len(rates)))
            ax.step(times, spend[:, column], where="post", color=shade, label=percent(rate))
        ax.set_xlabel("Longest time of an instance (s)")
        ax.set_ylabel(f"Expected spend ({self.market.currency} per instance)")
        ax.set_title(self.market.name)
        ax.legend(frameon=False, title="Solve rate", loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return ax


def batch_frontier(
    market: Market | Curves,
    seconds: Mapping[str, float],
    limit: float,
    *,
    largest: int = 8,
) -> BatchFrontier:
    """Compute the cheapest sequences of parallel batches within a time per instance.

    Parameters
    ----------
    market : Market or Curves
        A market is scored with unbiased pass@k in whole attempts, stopping at the record. Give
        ``attempt_curves(market, max_attempts=...)`` to bound the lattice: two models with 20
        attempts each and 30 latencies take well under a second, three with 12 some seconds.
    seconds : mapping
        Model -> latency of one attempt.
    limit : float, seconds
        Largest sum of the batches' latencies if nothing succeeds.
    largest : int
        Most attempts in a batch.

    Raises
    ------
    InputError
        If a number cannot be what it stands for, a latency is missing, or the program is too large.

    Examples
    --------
    >>> market = Market(["a"], ["x"], [[4]], [[2]], [[1.0]])
    >>> frontier = batch_frontier(market, {"a": 60.0}, 120.0)
    >>> frontier.plan_at(0.8).label, frontier.within(60.0).plan_at(0.8).label
    ('1 x a, then 1 x a', '2 x a')
    """
    curves = attempt_curves(market) if isinstance(market, Market) else market
    if curves.unit != "attempts":
        raise InputError("The curves count dollars; give attempt_curves(market, ...).")
    if not 0 < limit < np.inf:
        raise InputError(f"The time limit is {limit:g} s; give a positive finite number.")
    if largest < 1:
        raise InputError(f"The largest batch is {largest}; give at least 1.")
    waits = seconds_of(seconds, curves.names, "A time limit")
    tails = tails_of(curves, curves.grids)
    rates = np.maximum(1.0 - tails.unsolved.sum(axis=0), 0.0)
    largest = min(largest, max(tails.shape) - 1)
    paid = np.zeros((len(waits), largest, len(rates)))
    position = np.unravel_index(np.arange(len(rates)), tails.shape)
    for m, name in enumerate(curves.names):
        prices = _prices_after(curves, name)
        for before in range(tails.shape[m]):
            here = position[m] == before
            price = prices[:, [min(before, prices.shape[1] - 1)]]
            for size in range(1, min(largest, tails.shape[m] - 1 - before) + 1):
                made = attempts_made(curves, name, before, size)[:, None]
                paid[m, size - 1, here] = (price * made * tails.unsolved[:, here]).sum(axis=0)
    paths = batch_paths(tails.shape, paid, waits, limit)
    return BatchFrontier(curves, waits, float(limit), largest, rates, paths)


def _prices_after(curves: Curves, name: str) -> FloatArray:
    """Return the expected cost of an attempt after k failed ones of its model, [N, K].

    All attempts of a batch are paid, whatever they bring; each of them succeeds, given k failures,
    with probability 1 - F(k+1) / F(k).
    """
    market, curve = curves.market, curves.models[curves.index(name)]
    m = market.model_index(name)
    cost = np.nan_to_num(market.cost[:, [m]])
    if market.success_cost is None or market.failure_cost is None:
        return cost
    failure = curve.failure(curves.grids[curves.index(name)])
    solved, failed = (
        np.nan_to_num(market.success_cost[:, [m]]),
        np.nan_to_num(market.failure_cost[:, [m]]),
    )
    going_on = np.divide(
        failure[:, 1:], failure[:, :-1], out=np.ones_like(failure[:, 1:]), where=failure[:, :-1] > 0
    )
    prices: FloatArray = failed * going_on + solved * (1.0 - going_on)
    return prices
