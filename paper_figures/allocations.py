"""The authors' method for markets of several models: many allocations of dollars, scored at once.

Olmedo, Schölkopf, Hardt (2026) try a grid of allocations and, in their larger markets, keep the
cheapest allocation of every solve rate. Their rules are those of :func:`arbmodels.paper_curve`,
which scores one allocation; here the stages that allocations have in common are scored once, so
that their 14,526 allocations of four models take seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

import arbmodels as arb

FloatArray = npt.NDArray[np.float64]

#: The authors integrate from this budget because the logarithm has no zero.
_SMALLEST = 1e-12
#: Solve rates closer than this are the same (rounding in sums over instances).
SAME_RATE = 1e-12
#: A solve rate this much below the largest is interpolated on the rising part of a curve.
_NEARLY = 1e-9


def staged(budgets: npt.ArrayLike, models: int, total: float) -> FloatArray:
    """Return the authors' allocations to a cascade of several models.

    Every stage gets nothing or one of some budgets. What a row has beyond the total is taken from
    the last stage, then from the one before; equal rows count once; and a model that is used gets
    no less than those used before it.

    Parameters
    ----------
    budgets : float array, currency units
    models : int
    total : float, currency units

    Returns
    -------
    float array [A, models], currency units
    """
    values = np.concatenate([[0.0], np.asarray(budgets, dtype=float)])
    rows = np.stack(np.meshgrid(*[values] * models, indexing="ij"), axis=-1).reshape(-1, models)
    for m in reversed(range(models)):
        excess = np.maximum(rows.sum(axis=1) - total, 0.0)
        rows[:, m] = np.maximum(rows[:, m] - excess, 0.0)
    # To eight digits, as the authors do: what is equal but for rounding counts once.
    unit = max(total, 1.0) * 1e-8
    rows = np.unique(np.round(rows / unit), axis=0) * unit
    largest = np.maximum.accumulate(rows, axis=1)
    kept: FloatArray = rows[((rows == 0) | (rows == largest)).all(axis=1)]
    return kept


def halves(first: npt.ArrayLike, total: float) -> FloatArray:
    """Return the authors' allocations to two models: some budgets for the first, then the rest.

    Parameters
    ----------
    first : float array, currency units
        Besides nothing and everything.
    total : float, currency units

    Returns
    -------
    float array [A, 2], currency units
    """
    budgets = np.concatenate([[0.0], np.asarray(first, dtype=float), [total]])
    return np.column_stack([budgets, total - budgets])


@dataclass(frozen=True, eq=False)
class Scored:
    """Allocations scored the authors' way on a budget grid.

    Parameters
    ----------
    market : Market
        Models in the order of the cascade.
    grid : increasing float array [B], currency units
    allocations : float array [A, M], currency units
        A stage may have more than the grid's last budget, where the cascade is cut.
    """

    market: arb.Market
    grid: FloatArray
    allocations: FloatArray

    @cached_property
    def _curves(self) -> arb.Curves:
        return arb.dollar_curves(self.market, self.grid)

    @cached_property
    def _failures(self) -> tuple[FloatArray, ...]:
        """F of each model at every budget of the grid, [N, B] each."""
        amounts = self._curves.grids[0]
        return tuple(model.failure(amounts)[:, 1:] for model in self._curves.models)

    @cached_property
    def _weights(self) -> tuple[FloatArray, FloatArray]:
        """Weights of F before and at each budget that integrate it, linear in log budget."""
        ends = np.concatenate([[_SMALLEST], self.grid])
        width = np.diff(np.log(ends))
        early = ends[:-1] * np.maximum(np.expm1(width) / width - 1.0, 0.0)
        late = ends[1:] * np.maximum(1.0 + np.expm1(-width) / width, 0.0)
        return early, late

    def _spend(self, failure: FloatArray) -> FloatArray:
        """Integral of the survival curve up to each budget, [..., B]."""
        early, late = self._weights
        before = np.concatenate([np.ones((*failure.shape[:-1], 1)), failure[..., :-1]], axis=-1)
        return np.cumsum(early * before + late * failure, axis=-1)

    @cached_property
    def providers(self) -> tuple[FloatArray, FloatArray]:
        """Solve rate and spend of each model alone at every budget, [M, B] each."""
        failure = np.stack([self.market.weight @ each for each in self._failures])
        return 1.0 - failure, self._spend(failure)

    @property
    def market_max_solve_rate(self) -> float:
        """Largest solve rate of a single model, or hardly less.

        Where more budget buys no more, interpolation at the very end would return the spend of the
        largest budget, not of the least that gets there.
        """
        return float(self.providers[0].max()) - _NEARLY

    @cached_property
    def _ends(self) -> tuple[FloatArray, ...]:
        """F of each model when its stage ends, [N, distinct budgets] each."""
        return tuple(
            curve.failure(np.clip(budgets, self.grid[0], self.grid[-1]))
            for curve, budgets in zip(self._curves.models, self._distinct[0], strict=True)
        )

    @cached_property
    def _distinct(self) -> tuple[list[FloatArray], FloatArray]:
        """Distinct budgets of each stage, and their positions in the allocations, [A, M]."""
        found = [np.unique(column, return_inverse=True) for column in self.allocations.T]
        return [each[0] for each in found], np.stack([each[1] for each in found], axis=1)

    @cached_property
    def cascades(self) -> tuple[FloatArray, FloatArray]:
        """Solve rate and spend of each allocation at every budget, [A, B] each."""
        positions = self._distinct[1]
        count, models = positions.shape
        stages = np.empty((count, models, len(self.grid)))
        # What is unsolved when a stage begins is the same for allocations with the same beginning.
        unsolved, group = self.market.weight[None], np.zeros(count, dtype=np.int64)
        for m, (failure, end) in enumerate(zip(self._failures, self._ends, strict=True)):
            averaged = unsolved @ failure
            pairs, pair_of = np.unique(
                np.column_stack([group, positions[:, m]]), axis=0, return_inverse=True
            )
            left = unsolved[pairs[:, 0]] * end.T[pairs[:, 1]]
            # F never rises: up to its end a stage has its own F, and what is left there after it.
            inside = self.grid <= self._distinct[0][m][pairs[:, 1], None]
            stages[:, m] = np.where(inside, averaged[pairs[:, 0]], left.sum(axis=1)[:, None])[
                pair_of
            ]
            unsolved, group = left, pair_of
        before = np.cumsum(self.allocations, axis=1) - self.allocations
        log_grid = np.log(self.grid)
        failure = np.empty((count, len(self.grid)))
        for a in range(count):
            axis = np.minimum(self.grid, self.allocations[a, :, None]) + before[a, :, None]
            axis = np.log(np.maximum(axis, _SMALLEST))
            failure[a] = np.interp(log_grid, axis.ravel(), stages[a].ravel())
        return 1.0 - failure, self._spend(failure)


def spend_at(curves: tuple[FloatArray, FloatArray], solve_rates: FloatArray) -> FloatArray:
    """Return the spend of each curve at each solve rate, in log spend between; NaN beyond."""
    found = np.empty((len(curves[0]), len(solve_rates)))
    for row, (rate, spend) in enumerate(zip(*curves, strict=True)):
        value = np.exp(np.interp(solve_rates, rate, np.log(np.maximum(spend, 1e-300))))
        found[row] = np.where(solve_rates <= rate.max() + SAME_RATE, value, np.nan)
    return found


@dataclass(frozen=True, eq=False)
class Choice:
    """The cheapest of some allocations at every solve rate, and what the market charges.

    Parameters
    ----------
    solve_rates : float array [U]
    model_prices : float array [M, U], currency units per instance
        NaN out of reach.
    cost : float array [U], currency units per instance
        NaN where no allocation reaches the solve rate.
    spend_by_model : float array [M, U], currency units per instance
        By the authors' own formula; its sum differs slightly from the cost.
    attained : float array [U], currency units per instance
        What the chosen allocations cost, cut where they reach the solve rate: not read off a
        budget grid, as the cost is. NaN where they do not.
    allocations : float array [U, M], currency units
        The chosen ones.
    """

    solve_rates: FloatArray
    model_prices: FloatArray
    cost: FloatArray
    spend_by_model: FloatArray
    attained: FloatArray
    allocations: FloatArray

    @property
    def price(self) -> FloatArray:
        """Least price of a single model, [U]; NaN where none reaches the solve rate."""
        price: FloatArray = np.fmin.reduce(self.model_prices)
        return price

    @property
    def margin(self) -> FloatArray:
        """max(0, 1 - cost / price), [U]; zero where the cascade is out of reach."""
        return margin_of(self.price, self.cost)

    @property
    def shares(self) -> FloatArray:
        """What of the price each model receives, and the arbitrageur, [M + 1, U].

        Where the arbitrageur saves nothing the cheapest model sells.
        """
        alone = np.nan_to_num(self.model_prices, nan=np.inf)
        cheapest = np.arange(len(alone))[:, None] == alone.argmin(axis=0)
        sells = self.margin > 0
        received = np.where(sells, self.spend_by_model / self.price, cheapest)
        return np.vstack([received, self.margin])

    @property
    def providers_shares(self) -> FloatArray:
        """What of all that providers receive goes to each model, [M, U]."""
        return of_providers(self.shares)


def margin_of(price: FloatArray, cost: FloatArray) -> FloatArray:
    """Return max(0, 1 - cost / price); zero where the cost is undefined, NaN without a price."""
    margin: FloatArray = np.maximum(1.0 - np.nan_to_num(cost, nan=np.inf) / price, 0.0)
    return margin


def of_providers(shares: FloatArray) -> FloatArray:
    """Return shares of the price [M + 1, U] as shares of the providers' revenue, [M, U]."""
    received: FloatArray = shares[:-1] / shares[:-1].sum(axis=0)
    return received


def per_rate(scored: Scored, solve_rates: FloatArray) -> Choice:
    """Choose the cheapest allocation at each solve rate, as the authors do in larger markets."""
    costs = spend_at(scored.cascades, solve_rates)
    chosen = np.where(np.isfinite(costs), costs, np.inf).argmin(axis=0)
    return _choice(scored, solve_rates, chosen, costs)


def single(scored: Scored, solve_rates: FloatArray) -> tuple[FloatArray, Choice]:
    """Choose the one allocation with the largest mean margin over the solve rates, [M]."""
    costs = spend_at(scored.cascades, solve_rates)
    price = np.fmin.reduce(spend_at(scored.providers, solve_rates))
    best = int(margin_of(price, costs).mean(axis=1).argmax())
    chosen = np.full(len(solve_rates), best)
    return scored.allocations[best], _choice(scored, solve_rates, chosen, costs)


def _choice(
    scored: Scored, solve_rates: FloatArray, chosen: npt.NDArray[np.int64], costs: FloatArray
) -> Choice:
    spend = np.empty((scored.allocations.shape[1], len(solve_rates)))
    for a in np.unique(chosen):
        here = chosen == a
        # The cascade is cut at the grid's last budget: what a stage has beyond changes nothing.
        allocation = np.minimum(scored.allocations[a], scored.grid[-1])
        policy = arb.paper_curve(scored.market, allocation, scored.grid)
        spend[:, here] = policy.spend_by_model_at(solve_rates[here]).T
    cost = costs[chosen, np.arange(len(solve_rates))]
    allocations = scored.allocations[chosen]
    attained = _attained(scored, allocations, solve_rates)
    prices = spend_at(scored.providers, solve_rates)
    return Choice(solve_rates, prices, cost, spend, attained, allocations)


def _attained(
    scored: Scored, allocations: FloatArray, solve_rates: FloatArray, halvings: int = 60
) -> FloatArray:
    """Return what allocations [U, M] spend, cut where they solve a given part, [U]; NaN if never.

    The money at which a cascade is cut is found by halving; solve rate and spend are those of the
    curves, at whatever amounts.
    """
    curves, weight = scored._curves, scored.market.weight
    before = np.cumsum(allocations, axis=1) - allocations

    def cut(money: FloatArray) -> tuple[FloatArray, FloatArray]:
        unsolved, spend = np.repeat(weight[:, None], len(money), axis=1), np.zeros(len(money))
        for m, model in enumerate(curves.models):
            amount = np.clip(money - before[:, m], 0.0, np.minimum(allocations[:, m], high))
            spend += (unsolved * model.spend(amount)).sum(axis=0)
            unsolved = unsolved * model.failure(amount)
        return 1.0 - unsolved.sum(axis=0), spend

    high = float(scored.grid[-1])
    low, enough = np.zeros(len(solve_rates)), np.full(len(solve_rates), high)
    reached = cut(enough)[0] >= solve_rates - SAME_RATE
    for _ in range(halvings):
        middle = (low + enough) / 2
        solves = cut(middle)[0] >= solve_rates - SAME_RATE
        low, enough = np.where(solves, low, middle), np.where(solves, middle, enough)
    return np.where(reached, cut(enough)[1], np.nan)
