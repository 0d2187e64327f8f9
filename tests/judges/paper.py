"""The paper's dollars: curves log-linear in the budget, stitched cascades, one allocation.

A budget b buys floor(b / q) attempts; survival is taken at the budgets of a grid and is linear in
log b between them, from 1 at 1e-12; spend is its integral over the budget.
"""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np

from tests.judges.passk import unbiased

SMALLEST = 1e-12
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


def survival(n: int, c: int, price: float, grid: np.ndarray) -> np.ndarray:
    """F at the budgets of the grid."""
    bought = [int(Fraction(float(b)) / Fraction(price)) for b in grid]
    return np.array([float(unbiased(n, c, k)) for k in bought])


def clear(price: float, grid: np.ndarray) -> bool:
    """Whether no budget is a whole number of attempts up to rounding."""
    ratio = grid / price
    return bool(np.all(np.abs(ratio - np.rint(ratio)) > 1e-9 * np.maximum(ratio, 1)))


def integral(start: float, end: float, first: float, last: float) -> float:
    """Integral over b of what is linear in log b between two budgets."""
    t0, t1 = np.log(start), np.log(end)
    if t1 == t0:
        return 0.0
    slope = (last - first) / (t1 - t0)
    if t1 - t0 > 1.0:
        return float(end * (last - slope) - start * (first - slope))
    t = (t0 + t1) / 2 + (t1 - t0) / 2 * _NODES
    return float((t1 - t0) / 2 * _WEIGHTS @ ((first + slope * (t - t0)) * np.exp(t)))


def spends(grid: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Integral of survival from zero to each budget."""
    ends = np.concatenate([[SMALLEST], grid])
    height = np.concatenate([[1.0], left])
    cells = [
        integral(a, b, y, z)
        for (a, b), (y, z) in zip(itertools.pairwise(ends), itertools.pairwise(height), strict=True)
    ]
    return np.cumsum(cells)


def stitched(curves: list[np.ndarray], grid: np.ndarray, allocation: list[float]) -> np.ndarray:
    """One instance's survival along the total budget of a cascade, on the grid."""
    axis, left, before, so_far = [], [], 0.0, 1.0
    for curve, budget in zip(curves, allocation, strict=True):
        at = np.log(max(budget, grid[0]))
        # The whole curve starts at 1 at the smallest budget.
        known = np.concatenate([[1.0], curve])
        end = float(np.interp(at, np.log(np.concatenate([[SMALLEST], grid])), known))
        axis.append(before + np.minimum(grid, budget))
        left.append(so_far * np.maximum(curve, end))
        so_far *= end
        before += budget
    along = np.log(np.maximum(np.concatenate(axis), SMALLEST))
    return np.interp(np.log(grid), along, np.concatenate(left))


class Market:
    """Survival of every instance and model on the grid."""

    def __init__(self, case: dict, grid: np.ndarray) -> None:  # type: ignore[type-arg]
        self.grid = grid
        weight = case["weight"] or [1.0] * len(case["attempts"])
        self.weight = np.array(weight) / np.sum(weight)
        self.curves = [
            [survival(n, c, q, grid) for n, c, q in zip(*rows, strict=True)]
            for rows in zip(case["attempts"], case["successes"], case["cost"], strict=True)
        ]

    def single(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        """Solve rates and spends of one model."""
        left = sum(w * rows[m] for w, rows in zip(self.weight, self.curves, strict=True))
        return 1 - left, spends(self.grid, left)

    def cascade(self, allocation: list[float]) -> tuple[np.ndarray, np.ndarray]:
        """Solve rates and spends of a cascade."""
        left = sum(
            w * stitched(rows, self.grid, allocation)
            for w, rows in zip(self.weight, self.curves, strict=True)
        )
        return 1 - left, spends(self.grid, left)

    def plan(self, stages: list[tuple[int, float]]) -> tuple[float, float]:
        """Solve rate and spend of any plan: dollars of one model after the other."""
        ends = np.log(np.concatenate([[SMALLEST], self.grid]))
        held, spend = [0.0] * len(self.curves[0]), 0.0

        def left(amounts: list[float]) -> float:
            at = np.log(np.maximum(amounts, SMALLEST))
            return sum(
                float(
                    w
                    * np.prod(
                        [np.interp(x, ends, [1.0, *f]) for x, f in zip(at, rows, strict=True)]
                    )
                )
                for w, rows in zip(self.weight, self.curves, strict=True)
            )

        for m, more in stages:
            start, end = held[m], held[m] + more
            knots = [start, *self.grid[(self.grid > start) & (self.grid < end)].tolist(), end]
            for a, b in itertools.pairwise(knots):
                here = left(held)
                held[m] = b
                spend += integral(max(a, SMALLEST), max(b, SMALLEST), here, left(held))
        return 1 - left(held), spend

    def best(self, rates: np.ndarray) -> tuple[float, list[float]]:
        """Largest mean margin of the 102 allocations, and the one that has it."""
        price = np.fmin.reduce([spend_at(rates, *self.single(m)) for m in (0, 1)])
        total = float(self.grid[-1])
        shares = [0.0, *np.logspace(np.log10(0.01), np.log10(0.5), 100), 1.0]
        found = [(self.margin(rates, price, [s * total, total - s * total]), s) for s in shares]
        most, share = max(found)
        return most, [share * total, total - share * total]

    def margin(self, rates: np.ndarray, price: np.ndarray, allocation: list[float]) -> float:
        """Mean margin of an allocation, nothing where it is dearer or there is no price."""
        cost = spend_at(rates, *self.cascade(allocation))
        with np.errstate(invalid="ignore"):
            each = np.where(cost < price, 1 - cost / price, 0.0)
        return float(np.where(np.isfinite(price), each, 0.0).mean())


def spend_at(target: np.ndarray, rate: np.ndarray, spend: np.ndarray) -> np.ndarray:
    """Spend at solve rates, by interpolating its logarithm; NaN out of reach."""
    value = np.exp(np.interp(target, rate, np.log(np.maximum(spend, 1e-300))))
    return np.where(target <= rate.max() + 1e-12, value, np.nan)


class Lattice:
    """Cheapest plans over the budgets of the grid, the last step cut where the rate is reached."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.amounts = np.concatenate([[0.0], market.grid])
        self.left = np.array([[np.concatenate([[1.0], f]) for f in rows] for rows in market.curves])
        self.spent = np.array(
            [
                [np.concatenate([[0.0], spends(market.grid, f)]) for f in rows]
                for rows in market.curves
            ]
        )
        width, size = self.left.shape[1:]
        self.states: dict[tuple[int, ...], float] = {}
        for state in itertools.product(range(size), repeat=width):
            options = [0.0] if not any(state) else []
            for m in range(width):
                if state[m]:
                    before = (*state[:m], state[m] - 1, *state[m + 1 :])
                    rise = self.spent[:, m, state[m]] - self.spent[:, m, state[m] - 1]
                    options.append(self.states[before] + float(self.others(state, m) @ rise))
            self.states[state] = min(options)

    def others(self, state: tuple[int, ...], m: int) -> np.ndarray:
        """Weights times the survival of the other models."""
        product = self.market.weight.copy()
        for k, at in enumerate(state):
            if k != m:
                product = product * self.left[:, k, at]
        return product

    def rate(self, state: tuple[int, ...]) -> float:
        """Solve rate of a state."""
        return 1 - float(self.others(state, 0) @ self.left[:, 0, state[0]])

    def spend_at(self, target: float) -> float:
        """Least spend that reaches a solve rate."""
        best = np.inf
        size = len(self.amounts)
        for state, spend in self.states.items():
            rate = self.rate(state)
            if rate >= target:
                best = min(best, spend)
                continue
            for m, at in enumerate(state):
                if at + 1 == size:
                    continue
                rest = self.others(state, m)
                here, there = rest @ self.left[:, m, at], rest @ self.left[:, m, at + 1]
                if 1 - there < target or here <= there:
                    continue
                part = (here - (1 - target)) / (here - there)
                start = max(self.amounts[at], SMALLEST)
                end = self.amounts[at + 1]
                cut = float(np.exp(np.log(start) + part * (np.log(end) - np.log(start))))
                best = min(best, spend + integral(start, cut, float(here), 1 - target))
        return best
