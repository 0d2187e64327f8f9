"""Spend curves: failure probability and expected spend of every model as its budget grows.

Everything about a plan follows from two functions per model m and instance i of the amount x
(attempts or dollars) spent on it while the instance is unsolved:

* F[i, m](x), the probability that the model has not solved the instance by x;
* G[i, m](x), the expected spend up to x if no other model solves it first.

What an amount counts, how dollars are integrated, which estimator is used and what happens past
the record are the *billing* of the curves; every result names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Protocol, cast

import numpy as np
import numpy.typing as npt

from arbmodels._checks import number_of
from arbmodels.display import Displayed, percent
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import Estimator, FloatArray, failure_table

#: The authors integrate from this budget because the logarithm has no zero.
SMALLEST_BUDGET = 1e-12
#: Amounts that differ by less (relative) are the same: sums of stages are rounded.
_SAME_AMOUNT = 1e-12


class ModelCurve(Protocol):
    """F and G of one model on every instance, at increasing amounts x of shape [K]."""

    def failure(self, amounts: FloatArray) -> FloatArray:
        """F at the amounts, probabilities [N, K]."""
        ...

    def spend(self, amounts: FloatArray) -> FloatArray:
        """G at the amounts, currency units [N, K]."""
        ...

    def steps(self, amounts: FloatArray) -> FloatArray:
        """Differences of G from each amount to the next, [N, K - 1]; none is negative."""
        ...

    def part(self, rows: slice) -> ModelCurve:
        """Return the curve on some of the instances."""
        ...


@dataclass(frozen=True)
class AttemptCurve:
    """Amounts are whole attempts; both tables have a column per attempt, 0 included."""

    failure_by_attempt: FloatArray
    spend_by_attempt: FloatArray

    def failure(self, amounts: FloatArray) -> FloatArray:
        """Return F at the amounts, [N, K]."""
        return self.failure_by_attempt[:, self._index(amounts)]

    def spend(self, amounts: FloatArray) -> FloatArray:
        """Return G at the amounts, [N, K], currency units."""
        return self.spend_by_attempt[:, self._index(amounts)]

    def steps(self, amounts: FloatArray) -> FloatArray:
        """Return the differences of G from each amount to the next, [N, K - 1]."""
        return np.diff(self.spend(amounts), axis=1)

    def part(self, rows: slice) -> AttemptCurve:
        """Return the curve on some of the instances."""
        return AttemptCurve(self.failure_by_attempt[rows], self.spend_by_attempt[rows])

    def _index(self, amounts: FloatArray) -> npt.NDArray[np.int64]:
        index = np.asarray(amounts).astype(np.int64)
        most = self.failure_by_attempt.shape[1] - 1
        if np.any(index != amounts) or np.any((index < 0) | (index > most)):
            raise InputError(
                f"These curves hold whole numbers of attempts from 0 to {most};"
                " tabulate more with attempt_curves(..., max_attempts=...)."
            )
        return index


@dataclass(frozen=True)
class StepDollarCurve:
    """Amounts are dollars, paid as they are consumed; an attempt counts once it is paid for."""

    cost: FloatArray
    attempts: npt.NDArray[np.int64]
    failure_by_attempt: FloatArray
    spend_by_attempt: FloatArray
    stop_at_record: bool

    def failure(self, amounts: FloatArray) -> FloatArray:
        """Return F at the amounts, [N, K]."""
        paid = self._paid(amounts)
        return np.take_along_axis(self.failure_by_attempt, paid, axis=1)

    def spend(self, amounts: FloatArray) -> FloatArray:
        """Return G at the amounts, [N, K], currency units."""
        paid = self._paid(amounts)
        rest = np.maximum(np.asarray(amounts) - paid * self.cost[:, None], 0.0)
        unsolved = np.take_along_axis(self.failure_by_attempt, paid, axis=1)
        if self.stop_at_record:
            rest = np.where(paid < self.attempts[:, None], rest, 0.0)
        rest = np.where(((self.attempts > 0) & (self.cost > 0))[:, None], rest, 0.0)
        return np.take_along_axis(self.spend_by_attempt, paid, axis=1) + rest * unsolved

    def steps(self, amounts: FloatArray) -> FloatArray:
        """Return the differences of G from each amount to the next, [N, K - 1]."""
        return np.diff(self.spend(amounts), axis=1)

    def part(self, rows: slice) -> StepDollarCurve:
        """Return the curve on some of the instances."""
        return StepDollarCurve(
            self.cost[rows],
            self.attempts[rows],
            self.failure_by_attempt[rows],
            self.spend_by_attempt[rows],
            self.stop_at_record,
        )

    def _paid(self, amounts: FloatArray) -> npt.NDArray[np.int64]:
        # 0.7 buys seven attempts at 0.1 each, though 0.7 / 0.1 rounds to less than seven.
        free = self.cost == 0
        price = np.where(free, 1.0, self.cost)[:, None]
        affordable = np.asarray(amounts) * (1 + _SAME_AMOUNT) / price
        if free.any():  # asked at all, a free model is asked as often as the record goes
            affordable[free] = np.where(np.asarray(amounts) > 0, np.inf, 0.0)
        return np.minimum(affordable, self.attempts[:, None]).astype(np.int64)  # rounds down


@dataclass(frozen=True)
class LogLinearCurve:
    """Amounts are dollars; F is linear in log budget between the points of a grid from zero.

    Parameters
    ----------
    grid : increasing float array [K], currency units
        From 0, whose logarithm is taken at :data:`SMALLEST_BUDGET`.
    failure_at_grid : float array [N, K]
    offered : bool array [N]
        Where the model has a record and a price; elsewhere nothing is spent.
    """

    grid: FloatArray
    failure_at_grid: FloatArray
    offered: npt.NDArray[np.bool_]

    @cached_property
    def log_grid(self) -> FloatArray:
        """Logarithms of the grid, [K]."""
        return log_budget(self.grid)

    @cached_property
    def spend_at_grid(self) -> FloatArray:
        """G at the grid, [N, K], currency units."""
        return np.concatenate([np.zeros((len(self.offered), 1)), np.cumsum(self._cells, axis=1)], 1)

    @property
    def _cells(self) -> FloatArray:
        """Spend in every cell of the grid, [N, K - 1]."""
        early, late = log_linear_weights(self.log_grid[:-1], self.log_grid[1:])
        cells = self.failure_at_grid[:, 1:] * late
        cells += self.failure_at_grid[:, :-1] * early
        cells[~self.offered] = 0.0
        return cells

    def failure(self, amounts: FloatArray) -> FloatArray:
        """Return F at the amounts, [N, K]."""
        if self._is_grid(amounts):
            return self.failure_at_grid
        cell, log_amount = self._locate(amounts)
        return self._between(cell, log_amount)

    def spend(self, amounts: FloatArray) -> FloatArray:
        """Return G at the amounts, [N, K], currency units."""
        if self._is_grid(amounts):
            return self.spend_at_grid
        cell, log_amount = self._locate(amounts)
        early, late = log_linear_weights(self.log_grid[cell], log_amount)
        inside = early * self.failure_at_grid[:, cell] + late * self._between(cell, log_amount)
        inside[~self.offered] = 0.0
        return self.spend_at_grid[:, cell] + inside

    def steps(self, amounts: FloatArray) -> FloatArray:
        """Return the differences of G from each amount to the next, [N, K - 1]."""
        return self._cells if self._is_grid(amounts) else np.diff(self.spend(amounts), axis=1)

    def part(self, rows: slice) -> LogLinearCurve:
        """Return the curve on some of the instances."""
        return LogLinearCurve(self.grid, self.failure_at_grid[rows], self.offered[rows])

    def _is_grid(self, amounts: FloatArray) -> bool:
        """Whether the answer is tabulated already, as it is for the lattice."""
        return np.array_equal(amounts, self.grid)

    def _locate(self, amounts: FloatArray) -> tuple[npt.NDArray[np.int64], FloatArray]:
        log_amount = log_budget(amounts)
        if np.any(log_amount > self.log_grid[-1] + 1e-9):
            raise InputError(
                f"A budget exceeds the grid's largest, {np.exp(self.log_grid[-1]):g};"
                " make curves with dollar_curves(..., grid=budget_grid(low, high))."
            )
        last = len(self.log_grid) - 2
        cell = np.clip(np.searchsorted(self.log_grid, log_amount, side="right") - 1, 0, last)
        return cell, np.minimum(log_amount, self.log_grid[-1])

    def _between(self, cell: npt.NDArray[np.int64], log_amount: FloatArray) -> FloatArray:
        left, right = self.failure_at_grid[:, cell], self.failure_at_grid[:, cell + 1]
        low, high = self.log_grid[cell], self.log_grid[cell + 1]
        return left + (right - left) * ((log_amount - low) / (high - low))


def log_budget(amounts: FloatArray) -> FloatArray:
    """Return the logarithm of budgets, zero counting as :data:`SMALLEST_BUDGET`."""
    log_amount: FloatArray = np.log(np.maximum(np.asarray(amounts, dtype=float), SMALLEST_BUDGET))
    return log_amount


def log_linear_weights(log_start: FloatArray, log_end: FloatArray) -> tuple[FloatArray, FloatArray]:
    r"""Return the weights that integrate functions linear in log x from their end values.

    .. math:: \int_{x_0}^{x_1} f(x)\,dx = e f(x_0) + l f(x_1), \quad
              e = x_0 \left(\frac{e^d - 1}{d} - 1\right), \quad
              l = x_1 \left(1 - \frac{1 - e^{-d}}{d}\right), \quad d = \log(x_1 / x_0)

    No weight is negative, so nothing cancels: spends never fall, however small.

    Parameters
    ----------
    log_start, log_end : float arrays
        log x0 and log x1 >= log x0.
    """
    width = log_end - log_start
    one = np.ones_like(width)
    rise = np.divide(np.expm1(width), width, out=one.copy(), where=width > 0)
    fall = np.divide(-np.expm1(-width), width, out=one, where=width > 0)
    early: FloatArray = np.exp(log_start) * np.maximum(rise - 1.0, 0.0)
    late: FloatArray = np.exp(log_end) * np.maximum(1.0 - fall, 0.0)
    return early, late


#: What an unsolved instance costs once its n recorded attempts are used up. "stop-at-record", the
#: default: no attempt beyond the record, the bill of a policy that can be implemented.
#: "pay-past-record": the money keeps being spent although the curve is flat (Olmedo et al. 2026).
Billing = Literal["pay-past-record", "stop-at-record"]
Unit = Literal["attempts", "dollars"]
#: How dollars are integrated. "log-linear": the failure probability is taken at the points of a
#: budget grid and is linear in log budget between them (the paper's billing); "exact": the
#: step function with a step at every affordable attempt.
Integration = Literal["log-linear", "exact"]
#: Two solve rates closer than this are the same (rounding in sums over instances).
SAME_RATE = 1e-12
#: A solve rate this far outside 0 and 1 is a computed one, not a mistake such as a percentage.
_ASIDE = 1e-6
#: Solve rate of the best single model that the paper's budgets may leave out.
_MISSED = 0.01
#: Fewest and most budgets of a grid fitted to a market, and its start relative to its end at least.
_POINTS, _SPAN = (250, 500), 1e-9
#: Entries of a table over instances that are held at once while curves and lattices are made.
_CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True, repr=False)
class Curves(Displayed):
    """The spend curves of a market's models under one billing.

    Parameters
    ----------
    market : Market
    names : tuple of str, length M
        The models; all of the market's, or some of them.
    unit : {"attempts", "dollars"}
        What amounts count.
    grids : tuple of float arrays, length M
        Natural amounts per model, increasing from 0: attempts one by one, or the budget grid.
    models : tuple of ModelCurve, length M
    billing : str
        Estimator, billing and integration in words; every result carries it.
    continuous : bool
        Whether F is log-linear between grid points, so that any amount in between is a plan with
        a closed-form spend.
    """

    market: Market
    names: tuple[str, ...]
    unit: Unit
    grids: tuple[FloatArray, ...]
    models: tuple[ModelCurve, ...]
    billing: str
    continuous: bool = False

    def only(self, models: Sequence[str]) -> Curves:
        """Return the curves of some models, on the same instances."""
        columns = [self.index(model) for model in models]
        return replace(
            self,
            names=tuple(models),
            grids=tuple(self.grids[m] for m in columns),
            models=tuple(self.models[m] for m in columns),
        )

    def on(self, rows: npt.NDArray[np.int64]) -> Curves:
        """Return the curves on some of the instances, by position; their weights sum to one."""
        kept = [self.market.instances[i] for i in rows]
        return replace(
            self,
            market=self.market.select(instances=kept),
            # The curves take any index, not slices only.
            models=tuple(curve.part(cast(slice, rows)) for curve in self.models),
        )

    def index(self, model: str) -> int:
        """Return the position of ``model`` among the curves.

        Raises
        ------
        InputError
            If there is no curve for it.
        """
        if model not in self.names:
            raise InputError(
                f"{self.market.name}: no model {model!r}; it has"
                f" {', '.join(map(repr, self.names))}."
            )
        return self.names.index(model)


def solve_rates_of(values: npt.ArrayLike) -> FloatArray:
    """Return solve rates as an array of the same shape.

    Raises
    ------
    InputError
        If one is NaN or no probability.
    """
    rates = np.asarray(values, dtype=float)
    if not (np.abs(rates - 0.5) <= 0.5 + _ASIDE).all():
        raise InputError("Solve rates are numbers between 0 and 1.")
    return rates


def solve_rate_list(values: npt.ArrayLike) -> FloatArray:
    """Return one or several solve rates as a list, [U].

    Raises
    ------
    InputError
        If one is no probability, or there is none.
    """
    rates = np.atleast_1d(solve_rates_of(values))
    if rates.ndim != 1 or not len(rates):
        raise InputError("Solve rates are a list of numbers between 0 and 1.")
    return rates


def check_attainable(solve_rate: float, largest: float) -> float:
    """Return a solve rate as a number.

    Raises
    ------
    InputError
        If it does not lie between 0 and the largest that plans have.
    """
    rate = number_of(solve_rate, "solve rate")
    if not 0 <= rate <= largest + SAME_RATE:
        raise InputError(
            f"No plan reaches a solve rate of {percent(rate, 2)}; the largest is"
            f" {percent(largest, 2)}. Ask for a solve rate between 0 and that."
        )
    return rate


def attempt_curves(
    market: Market,
    max_attempts: int | None = None,
    estimator: Estimator = "unbiased",
    billing: Billing = "stop-at-record",
) -> Curves:
    r"""Return the spend curves in whole attempts.

    The default of frontiers, margins and everything else that is given a market: a bill that
    somebody would pay. :func:`dollar_curves` has the billing of Olmedo et al. (2026).

    F(k) = 1 - pass@k and :math:`G(k) = q \sum_{j<k} F(j)`: the k-th attempt is paid when the
    first k - 1 failed.

    Parameters
    ----------
    market : Market
    max_attempts : int, optional
        Most attempts per model. By default each model's largest record; the estimators that are
        not frozen there (geometric, beta-binomial) need it to be given.
    estimator : {"unbiased", "geometric", "beta-binomial", "beta-binomial-zero"}
        The beta-binomial ones extrapolate past the record, with a prior fitted to the instances
        of each model; with a mass at zero some of them are never solved
        (:func:`arbmodels.pass_at_k`).
    billing : {"stop-at-record", "pay-past-record"}
        Matters for the unbiased estimator only, the others have no end of record.

    Raises
    ------
    InputError
        If ``max_attempts`` is missing or below one, or a model's record does not identify the prior
        of a beta-binomial estimator (:func:`arbmodels.fit_beta_prior`).

    References
    ----------
    Chen et al., *Evaluating large language models trained on code*, arXiv 2107.03374 (2021).
    """
    market.require_verified("pass@k")
    if max_attempts is not None and max_attempts < 1:
        raise InputError(f"max_attempts is {max_attempts}; it must be at least 1.")
    if max_attempts is None and estimator != "unbiased":
        raise InputError(f"The {estimator} estimator has no last attempt: give max_attempts.")
    _check_billing(billing)
    models: list[ModelCurve] = []
    grids = []
    for m in range(len(market.models)):
        attempts, successes = market.attempts[:, m], market.successes[:, m]
        most = int(attempts.max()) if max_attempts is None else max_attempts
        try:
            failure = failure_table(attempts, successes, most, estimator)
        except InputError as error:
            raise InputError(f"{market.name}, {market.models[m]}: {error}") from None
        stop = billing == "stop-at-record" and estimator == "unbiased"
        spend = _spend_by_attempt(failure, costs_by_outcome(market, m), attempts, stop)
        models.append(AttemptCurve(failure, spend))
        grids.append(np.arange(most + 1, dtype=float))
    words = f"attempts, {estimator} pass@k"
    if estimator == "unbiased":
        words += f", {billing}"
    return Curves(market, market.models, "attempts", tuple(grids), tuple(models), words)


def budget_grid(low: float = 1e-4, high: float = 1.0, points: int = 250) -> FloatArray:
    """Return a logarithmic grid of budgets, the paper's by default (USD).

    Parameters
    ----------
    low, high : float, currency units
        0 < low < high.
    points : int
        At least two.

    Raises
    ------
    InputError
        If the numbers do not make a grid.

    References
    ----------
    Olmedo, Schölkopf, Hardt, *Computational arbitrage in AI model markets*, arXiv 2603.22404
    (2026).
    """
    if not (0 < low < high < np.inf and points >= 2):
        raise InputError(
            f"No grid of {points} points from {low:g} to {high:g}: 0 < low < high, points >= 2."
        )
    return np.logspace(np.log10(low), np.log10(high), points)


def default_budget_grid(market: Market) -> FloatArray:
    """Return the paper's grid where it fits the market's prices, else one fitted to the record.

    The paper's grid, 250 points from 0.0001 to 1 USD, is used for prices in USD when every
    model's median cost of an attempt is at most half its end and ten times its start, and when the
    best single model reaches within it what the record holds, up to one point of solve rate.
    Other markets get budgets from a tenth of the least median cost, or the least cost of all, to
    100 times the largest median cost, or what the last useful attempt of the record takes: so many
    that they lie as close as the paper's, from 250 to 500, over nine orders of magnitude at most.
    """
    paid = np.nan_to_num(market.cost)
    prices = [column[column > 0] for column in paid.T]
    # Models and instances that are free need no budget.
    median = np.array([np.median(each) for each in prices if len(each)])
    if not len(median):
        return budget_grid()
    # An instance solved c times in n attempts is surely solved by n - c + 1 of them.
    surely = paid * (market.attempts - market.successes + 1)
    needed = float(np.where(market.successes > 0, surely, 0.0).max())
    paper = budget_grid()
    fits = market.currency == "USD" and median.min() >= 1e-3 and median.max() <= 0.5
    if fits and (needed <= paper[-1] or _missed(market, paper[-1]) <= _MISSED):
        return paper
    high = max(float(median.max()) * 100, needed)
    low = max(min(float(median.min()) / 10, float(paid[paid > 0].min())), high * _SPAN)
    closest = np.log(high / low) / np.log(paper[1] / paper[0])
    return budget_grid(low, high, int(np.clip(np.ceil(closest - 1e-9) + 1, *_POINTS)))


def _missed(market: Market, budget: float) -> float:
    """Return what the best single model solves of its record beyond a budget, in solve rate."""
    everything, ends = slice(0, len(market.instances)), np.array([budget])
    within = [
        float(market.weight @ _step_curve(market, m, everything, False).failure(ends)[:, 0])
        for m in range(len(market.models))
    ]
    return max(0.0, float((market.weight @ (market.successes > 0)).max()) - 1.0 + min(within))


def dollar_curves(
    market: Market,
    grid: FloatArray | None = None,
    integration: Integration = "log-linear",
    billing: Billing = "pay-past-record",
) -> Curves:
    r"""Return the spend curves in currency units per instance: the paper's billing by default.

    A budget of x buys floor(x / q) attempts, F(x) = 1 - pass@floor(x/q) (unbiased) and
    :math:`G(x) = \int_0^x F`, money being paid as it is consumed.
    The number of attempts follows each instance's own price q, which no policy knows before it has
    paid: a plan in dollars skips what would turn out dear. Every result in dollars says so.

    Parameters
    ----------
    market : Market
    grid : increasing float array, currency units, optional
        Budgets of the lattice; by default :func:`default_budget_grid`.
    integration : {"log-linear", "exact"}
        The paper's piecewise-linear interpolation in log budget between grid points, or the
        exact step function.
    billing : {"pay-past-record", "stop-at-record"}

    Raises
    ------
    InputError
        If the grid is not increasing, positive and finite, or log-linear integration is asked to
        stop at the record, which it cannot express, or to start at budgets below 1e-12.

    Notes
    -----
    Olmedo, Schölkopf, Hardt (2026): log-linear, pay-past-record, 250 points from 1e-4 to 1 USD.

    References
    ----------
    Olmedo, Schölkopf, Hardt, *Computational arbitrage in AI model markets*, arXiv 2603.22404
    (2026).
    """
    market.require_verified("pass@k")
    grid = default_budget_grid(market) if grid is None else np.asarray(grid, dtype=float)
    if (
        grid.ndim != 1
        or len(grid) < 2
        or not (np.all(np.diff(grid) > 0) and grid[0] > 0 and np.isfinite(grid[-1]))
    ):
        raise InputError("A budget grid is a list of at least two increasing positive budgets.")
    _check_billing(billing)
    if integration not in ("log-linear", "exact"):
        raise InputError(f"No integration {integration!r}; choose 'log-linear' or 'exact'.")
    if integration == "log-linear" and billing == "stop-at-record":
        raise InputError(
            "Log-linear integration is the paper's and pays past the record; use"
            " integration='exact' to stop at the record."
        )
    if integration == "log-linear" and grid[0] <= SMALLEST_BUDGET:
        raise InputError(
            f"The budget grid starts at {grid[0]:g}; log-linear integration starts at"
            f" {SMALLEST_BUDGET:g}. State prices in a smaller unit of currency."
        )
    amounts = np.concatenate([[0.0], grid])
    stop = billing == "stop-at-record"
    everything = slice(0, len(market.instances))
    models: list[ModelCurve] = [
        _log_linear(market, m, amounts)
        if integration == "log-linear"
        else _step_curve(market, m, everything, stop)
        for m in range(len(market.models))
    ]
    how = "log-linear" if integration == "log-linear" else "step by step"
    own = "own cost" if market.success_cost is None else "own mean cost of an attempt"
    words = (
        f"dollars by each instance's {own} (no policy knows it), {how} on {len(grid)}"
        f" budgets of {grid[0]:.4g} to {grid[-1]:.4g} {market.currency}, unbiased pass@k,"
        f" {billing}"
    )
    grids = (amounts,) * len(models)
    continuous = integration == "log-linear"
    return Curves(market, market.models, "dollars", grids, tuple(models), words, continuous)


def blocks(count: int, width: int) -> list[slice]:
    """Cut ``count`` instances into blocks whose tables of ``width`` columns fit the memory."""
    rows = max(1, _CELLS_AT_ONCE // width)
    return [slice(start, start + rows) for start in range(0, count, rows)]


def _step_curve(market: Market, m: int, rows: slice, stop: bool) -> StepDollarCurve:
    attempts = market.attempts[rows, m]
    # A pair without a record never gets an attempt, whatever the price written here.
    cost = np.where(attempts > 0, market.cost[rows, m], 1.0)
    failure = failure_table(attempts, market.successes[rows, m], int(attempts.max()))
    spend = _spend_by_attempt(failure, (cost, cost), attempts, stop=False)
    return StepDollarCurve(cost, attempts, failure, spend, stop)


def _log_linear(market: Market, m: int, amounts: FloatArray) -> LogLinearCurve:
    """Return the paper's curve: the step function's values at the budgets, log-linear between."""
    attempts = market.attempts[:, m]
    cut = blocks(len(attempts), int(attempts.max()) + len(amounts))
    parts = [_step_curve(market, m, rows, stop=False).failure(amounts) for rows in cut]
    failure = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return LogLinearCurve(amounts, failure, (attempts > 0) & (market.cost[:, m] > 0))


def costs_by_outcome(market: Market, m: int) -> tuple[FloatArray, FloatArray]:
    """Return what an attempt of model m costs on every instance if it succeeds, and if not, [N]."""
    if market.success_cost is None or market.failure_cost is None:
        return market.cost[:, m], market.cost[:, m]
    return market.success_cost[:, m], market.failure_cost[:, m]


def _spend_by_attempt(
    failure: FloatArray,
    costs: tuple[FloatArray, FloatArray],
    attempts: npt.NDArray[np.int64],
    stop: bool,
) -> FloatArray:
    r"""G(k), nothing for pairs without a record.

    With :math:`q_s, q_f` the costs of an attempt that succeeds and of one that fails,
    :math:`G(k) = \sum_{j<k} (F(j) - F(j+1)) q_s + F(j+1) q_f`: attempt j + 1 is made with
    probability F(j), succeeds with probability F(j) - F(j+1). Equal costs leave q F(j).
    """
    solved, failed = (np.where(attempts > 0, cost, 0.0)[:, None] for cost in costs)
    paid = failure[:, :-1] * failed
    if costs[0] is not costs[1]:
        paid += (failure[:, :-1] - failure[:, 1:]) * (solved - failed)
        np.maximum(paid, 0.0, out=paid)  # rounding, where success is free
    if stop:
        paid = np.where(np.arange(paid.shape[1]) < attempts[:, None], paid, 0.0)
    return np.concatenate([np.zeros((len(paid), 1)), np.cumsum(paid, axis=1)], axis=1)


def _check_billing(billing: str) -> None:
    if billing not in ("pay-past-record", "stop-at-record"):
        raise InputError(f"No billing {billing!r}; choose 'pay-past-record' or 'stop-at-record'.")
