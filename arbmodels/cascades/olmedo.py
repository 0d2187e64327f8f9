"""The cascade policy of Olmedo, Schölkopf, Hardt (2026), as its authors computed it.

Their procedure, kept to the letter so that their numbers come out: unbiased pass@floor(b/q) on a
logarithmic budget grid; linear interpolation in log budget; spend by integrating the survival
curve; one allocation of dollars to the stages for the whole range of solve rates, chosen by grid
search for the largest mean margin; the cost of a solve rate by interpolating log cost.

Their allocations are plans that a frontier must not be dearer than, though their stages end between
the budgets of its lattice: :class:`AllocationPlans` scores them all.

References
----------
Olmedo, Schölkopf, Hardt, *Computational arbitrage in AI model markets*, arXiv 2603.22404 (2026),
section 3 and figure 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from arbmodels.cascades.lattice import IntArray, cut_steps, undominated
from arbmodels.curves import (
    SAME_RATE,
    SMALLEST_BUDGET,
    Curves,
    dollar_curves,
    log_budget,
    log_linear_weights,
)
from arbmodels.display import Displayed
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan

#: The paper's search: the first stage's dollars, besides nothing and everything.
_SEARCHED_SHARES = np.logspace(np.log10(0.01), np.log10(0.5), 100)
#: Shares of the total that the authors try for every stage but the last: in markets of two models,
#: and of more. They do not state the latter; these make one allocation of four models more than
#: theirs.
PAIR_SHARES = np.concatenate([[0.0], _SEARCHED_SHARES, [1.0]])
MANY_SHARES = np.concatenate([[0.0], np.logspace(np.log10(0.00025), np.log10(0.9), 24), [1.0]])


@dataclass(frozen=True, eq=False)
class CostCurve:
    """Solve rate and expected spend as the budget grows, [B] each, by the paper's rules."""

    solve_rate: FloatArray
    spend: FloatArray

    def spend_at(self, target: FloatArray) -> FloatArray:
        """Return the spend at each solve rate, interpolated in log spend; NaN if unattainable."""
        value = np.exp(np.interp(target, self.solve_rate, np.log(np.maximum(self.spend, 1e-300))))
        out: FloatArray = np.where(
            np.asarray(target) <= self.max_solve_rate + SAME_RATE, value, np.nan
        )
        return out

    @property
    def max_solve_rate(self) -> float:
        """Solve rate at the largest budget."""
        return float(self.solve_rate.max())


@dataclass(frozen=True, eq=False, repr=False)
class PaperPolicy(Displayed):
    """One allocation of dollars to the stages of a cascade, and what it costs.

    Parameters
    ----------
    market : Market
    allocation : float array [M], currency units
        Budget of each stage, in the order of the market's models.
    cascade : CostCurve
        The cascade cut at each budget of the grid.
    providers : tuple of M CostCurves
        Each model alone.
    spend_by_model : float array [B, M]
        Expected spend on each model at each budget, by the paper's own formula; its sum differs
        slightly from the cascade's spend.
    billing : str

    References
    ----------
    Olmedo, Schölkopf, Hardt, *Computational arbitrage in AI model markets*, arXiv 2603.22404
    (2026).
    """

    market: Market
    allocation: FloatArray
    cascade: CostCurve
    providers: tuple[CostCurve, ...]
    spend_by_model: FloatArray
    billing: str

    @property
    def names(self) -> tuple[str, ...]:
        """The models that may be bought from."""
        return self.market.models

    def spend_at(self, solve_rate: FloatArray) -> FloatArray:
        """Return the expected spend at each solve rate; NaN if unattainable."""
        return self.cascade.spend_at(solve_rate)

    def spend_by_model_at(self, solve_rate: FloatArray) -> FloatArray:
        """Return the expected spend per model at each solve rate, [len(solve_rate), M]."""
        columns = (CostCurve(self.cascade.solve_rate, spend) for spend in self.spend_by_model.T)
        return np.stack([column.spend_at(solve_rate) for column in columns], axis=-1)

    def model_prices_at(self, solve_rate: FloatArray) -> FloatArray:
        """Return the expected spend of each model alone, [U, M]; NaN if unattainable."""
        return np.stack([curve.spend_at(solve_rate) for curve in self.providers], axis=-1)

    @property
    def max_solve_rate(self) -> float:
        """Largest solve rate of the policy."""
        return self.cascade.max_solve_rate

    @property
    def market_max_solve_rate(self) -> float:
        """Largest solve rate of a single model."""
        return max(curve.max_solve_rate for curve in self.providers)


def paper_curve(
    market: Market, allocation: Sequence[float], grid: FloatArray | None = None
) -> PaperPolicy:
    """Evaluate one allocation of dollars the way the authors do.

    Parameters
    ----------
    market : Market
        Models in the order of the cascade.
    allocation : sequence of M floats, currency units
        Budget of each stage, >= 0.
    grid : increasing float array, optional
        By default the paper's 250 budgets from 0.0001 to 1 USD, or 250 fitted to the prices of
        another kind of market (:func:`arbmodels.curves.default_budget_grid`).

    Raises
    ------
    InputError
        If the allocation does not fit the market.

    References
    ----------
    Olmedo, Schölkopf, Hardt, *Computational arbitrage in AI model markets*, arXiv 2603.22404
    (2026).
    """
    budgets = np.asarray(allocation, dtype=float)
    if budgets.shape != (len(market.models),) or not np.all((budgets >= 0) & (budgets < np.inf)):
        raise InputError(
            f"An allocation needs one budget >= 0 for each of {', '.join(market.models)}."
        )
    curves = _grid_curves(market, grid)
    return _evaluate(curves, _provider_curves(curves), budgets)


def paper_policy(
    market: Market, solve_rates: FloatArray, grid: FloatArray | None = None
) -> PaperPolicy:
    """Search the paper's 102 allocations for the largest mean margin over ``solve_rates``.

    Parameters
    ----------
    market : Market
        Two models, the cheap one first.
    solve_rates : float array
        The range the margin is averaged over.
    grid : increasing float array, optional
        As in :func:`paper_curve`.

    Raises
    ------
    InputError
        If the market has not exactly two models.

    References
    ----------
    Olmedo, Schölkopf, Hardt, *Computational arbitrage in AI model markets*, arXiv 2603.22404
    (2026).
    """
    if len(market.models) != 2:
        raise InputError(
            f"The paper's search is for two models, {market.name} has {len(market.models)}:"
            " choose two (market.select or --models), or evaluate an allocation with"
            " paper_curve."
        )
    curves = _grid_curves(market, grid)
    providers = _provider_curves(curves)
    prices = np.stack([curve.spend_at(solve_rates) for curve in providers])
    price = np.fmin.reduce(prices, axis=0)
    total = float(curves.grids[0][-1])
    first = total * PAIR_SHARES
    candidates = (_evaluate(curves, providers, np.array([x, total - x])) for x in first)
    return max(candidates, key=lambda policy: _mean_margin(policy, price, solve_rates))


def paper_market_max_solve_rate(market: Market, grid: FloatArray | None = None) -> float:
    """Return the largest solve rate of a single model within the grid's largest budget."""
    return max(curve.max_solve_rate for curve in _provider_curves(_grid_curves(market, grid)))


class AllocationPlans:
    """The paper's allocations as plans, their last stage cut anywhere.

    Scored by the integral of the curves themselves, not of what the authors put back on the budget
    grid: their stages end between its budgets. Only plans are kept that what is known does not
    beat.

    Parameters
    ----------
    curves : Curves
        In dollars, log-linear between budgets.
    known_rate, known_spend : increasing float arrays of one length
        Plans that are known already; the last reaches as far as any.
    """

    def __init__(self, curves: Curves, known_rate: FloatArray, known_spend: FloatArray) -> None:
        self._curves = curves
        shares = PAIR_SHARES if len(curves.names) == 2 else MANY_SHARES
        stages, models, cells = list[FloatArray](), list[IntArray](), list[IntArray]()
        low, high, start, end = (list[FloatArray]() for _ in range(4))
        for m, before, rate, spend in _beginnings(curves, curves.grids[0][-1] * shares):
            position = np.searchsorted(known_rate, rate[:, 1:] - SAME_RATE)
            least = known_spend[np.minimum(position, len(known_rate) - 1)]
            # A step that starts where the known plan that gets as far ends is no use; that of a
            # model alone is known.
            least[~(before > 0).any(axis=1)] = -np.inf
            row, cell = np.nonzero(spend[:, :-1] < least)
            stages.append(np.pad(before[row], ((0, 0), (0, len(curves.names) - m))))
            models.append(np.full(len(row), m))
            cells.append(cell)
            low.append(rate[row, cell])
            high.append(rate[row, cell + 1])
            start.append(spend[row, cell])
            end.append(spend[row, cell + 1])
        self._stages, self._model = np.concatenate(stages), np.concatenate(models)
        self._cell = np.concatenate(cells)
        self._low, self._high = np.concatenate(low), np.concatenate(high)
        self._start, self._end = np.concatenate(start), np.concatenate(end)
        self._whole = undominated(self._high, self._end) if len(self._high) else self._cell

    def cheapest(self, target: FloatArray) -> tuple[FloatArray, IntArray, FloatArray]:
        """Return spend (infinite: none), number and last stage's budget, per solve rate [U]."""
        best, chosen = np.full(len(target), np.inf), np.zeros(len(target), dtype=np.int64)
        amount = np.full(len(target), np.nan)
        if not len(self._high):
            return best, chosen, amount
        position = np.searchsorted(self._high[self._whole], target - SAME_RATE)
        inside = position < len(self._whole)
        chosen[inside] = self._whole[position[inside]]
        best[inside] = self._end[chosen[inside]]
        amount[inside] = self._budget(chosen[inside], 1)
        cut = cut_steps(
            self._low,
            self._high,
            self._start,
            self._end - self._start,
            lambda which: (
                log_budget(self._budget(which, 0)),
                log_budget(self._budget(which, 1)),
            ),
            target,
            best,
        )
        best[cut.target], chosen[cut.target] = cut.spend, cut.step
        amount[cut.target] = cut.amount
        return best, chosen, amount

    def plan(self, number: int, amount: float) -> Plan:
        """Return a plan by its number and the budget of its last stage."""
        m = int(self._model[number])
        budgets = [*self._stages[number, :m].tolist(), amount]
        names = self._curves.names[: m + 1]
        stages = ((name, budget) for name, budget in zip(names, budgets, strict=True) if budget > 0)
        return Plan(tuple(stages), "dollars")

    def _budget(self, which: IntArray, more: int) -> FloatArray:
        """Budget before or after steps of the last stage."""
        grids = np.stack(self._curves.grids)
        budget: FloatArray = grids[self._model[which], self._cell[which] + more]
        return budget


def _beginnings(
    curves: Curves, budgets: FloatArray
) -> Iterator[tuple[int, FloatArray, FloatArray, FloatArray]]:
    """Yield model m, budgets [A, m] of the stages before it, and its curves [A, K] after them.

    Solve rate and spend after every budget of the grid, for all m > 0 and all budgets of the
    stages before whose sum is at most the largest. Stages in common are scored once.
    """
    total = budgets[-1] * (1 + 1e-12)
    at_ends = [(curve.failure(budgets).T, curve.spend(budgets).T) for curve in curves.models[:-1]]
    tables = [
        (curve.failure(grid), curve.spend(grid))
        for curve, grid in zip(curves.models, curves.grids, strict=True)
    ]
    # Depth first: no more than one stage's budgets times the instances is held per model.
    waiting = [(np.zeros(0), curves.market.weight, 0.0)]
    while waiting:
        before, unsolved, spent = waiting.pop()
        m = len(before)
        count = int(np.searchsorted(budgets, total - before.sum(), side="right"))
        failure, spend = (table[:count] for table in at_ends[m])
        left, paid = unsolved * failure, spent + spend @ unsolved
        stages = np.column_stack([np.tile(before, (count, 1)), budgets[:count]])
        solved, more = (left @ table for table in tables[m + 1])
        yield m + 1, stages, 1.0 - solved, paid[:, None] + more
        if m + 2 < len(curves.models):
            waiting += zip(stages, left, paid.tolist(), strict=True)


def _provider_curves(curves: Curves) -> tuple[CostCurve, ...]:
    amounts = curves.grids[0]
    grid = amounts[1:]
    failures = (curves.market.weight @ model.failure(amounts)[:, 1:] for model in curves.models)
    return tuple(
        CostCurve(1.0 - failure, _survival_spend(np.log(grid), failure)) for failure in failures
    )


def _mean_margin(policy: PaperPolicy, price: FloatArray, solve_rates: FloatArray) -> float:
    spend = policy.spend_at(solve_rates)
    with np.errstate(invalid="ignore"):
        margin = np.where(spend < price, 1.0 - spend / price, 0.0)
    return float(np.where(np.isfinite(price), margin, 0.0).mean())


def _grid_curves(market: Market, grid: FloatArray | None) -> Curves:
    if not market.recorded.all():
        raise InputError(
            f"The paper's method needs a record of every model on every instance, and"
            f" {market.name} lacks {int((~market.recorded).sum())}: use market.intersection(), or"
            " the exact method."
        )
    return dollar_curves(market, grid)


def _evaluate(
    curves: Curves, providers: tuple[CostCurve, ...], allocation: FloatArray
) -> PaperPolicy:
    """Cascade the curves under an allocation and put the result back on the budget grid.

    Stages follow each other on the axis of the total budget. The authors stitch every instance's
    curve and average; averaging first gives the same, both steps being linear.
    """
    amounts = curves.grids[0]
    grid = amounts[1:]
    log_grid = np.log(grid)
    weight = curves.market.weight
    unsolved, before = weight.copy(), 0.0
    axis, failure, spends = [], [], []
    for model, budget in zip(curves.models, allocation, strict=True):
        # A budget below the grid buys what the grid's first point does.
        end = model.failure(np.array([max(budget, grid[0])]))[:, 0]
        axis.append(np.minimum(grid, budget) + before)
        failure.append(unsolved @ np.maximum(model.failure(amounts)[:, 1:], end[:, None]))
        mine = np.clip(grid - before, 0.0, budget)
        at_grid = (unsolved @ model.spend(amounts))[1:]
        interpolated = np.interp(np.log(np.maximum(mine, grid[0])), log_grid, at_grid)
        spends.append(np.where(mine >= grid[0], interpolated, 0.0))
        unsolved = unsolved * end
        before += budget
    stitched = np.interp(
        log_grid,
        log_budget(np.concatenate(axis)),
        np.concatenate(failure),
    )
    return PaperPolicy(
        curves.market,
        allocation,
        CostCurve(1.0 - stitched, _survival_spend(log_grid, stitched)),
        providers,
        np.stack(spends, axis=1),
        f"the paper's single allocation; {curves.billing}",
    )


def _survival_spend(log_grid: FloatArray, failure: FloatArray) -> FloatArray:
    """Integral of the survival curve from zero to each budget, linear in log budget between."""
    log_ends = np.concatenate([[np.log(SMALLEST_BUDGET)], log_grid])
    height = np.concatenate([[1.0], failure])
    early, late = log_linear_weights(log_ends[:-1], log_ends[1:])
    return np.cumsum(early * height[:-1] + late * height[1:])
