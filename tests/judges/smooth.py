"""Differentiated products: demands from their definitions, best prices by search.

A demand maps price rows [K, J] to quantities [K, J].
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

Demand = Callable[[np.ndarray], np.ndarray]


def linear(intercept: list[float], slopes: list[list[float]]) -> Demand:
    """q = a - B p of substitutes; who would sell less than nothing has the price of selling none.

    The set of products that sell is found by trying them all: q = a - B r >= 0, r <= p, and
    q (p - r) = 0.
    """
    a, b = np.array(intercept), np.array(slopes)
    count = len(a)

    def quantities(price: np.ndarray) -> np.ndarray:
        out = np.full(price.shape, np.nan)
        size = np.abs(a) + np.abs(price) @ np.abs(b).T
        for selling in itertools.product([True, False], repeat=count):
            on = np.array(selling)
            reduced = price.copy()
            if not on.all():
                side = a[~on] - price[:, on] @ b[np.ix_(~on, on)].T
                reduced[:, ~on] = np.linalg.solve(b[np.ix_(~on, ~on)], side.T).T
            q = a - reduced @ b.T
            q[:, ~on] = 0.0
            fits = (q >= -1e-11 * size).all(axis=1)
            fits &= (reduced <= price + 1e-11 * (1 + np.abs(price))).all(axis=1)
            fits &= np.isnan(out[:, 0])
            out[fits] = np.maximum(q[fits], 0.0)
        return out

    return quantities


def vertical(
    rates: list[float], lowest: float, highest: float, *, outside: bool, size: float
) -> Demand:
    """Tastes uniform between two ends; each buys what maximises taste x rate - price.

    The tastes at which any two options are worth the same cut the line; inside a piece the middle
    taste decides.
    """
    s = np.array(rates)

    def quantities(price: np.ndarray) -> np.ndarray:
        rows, count = price.shape
        worth = np.hstack([price, np.zeros((rows, 1))]) if outside else price
        rate = np.append(s, 0.0) if outside else s
        cuts = [np.full(rows, lowest), np.full(rows, highest)]
        for j, k in itertools.combinations(range(len(rate)), 2):
            cuts.append((worth[:, j] - worth[:, k]) / (rate[j] - rate[k]))
        ends = np.sort(np.clip(np.stack(cuts, axis=1), lowest, highest), axis=1)
        middle = (ends[:, 1:] + ends[:, :-1]) / 2
        chosen = (middle[:, :, None] * rate - worth[:, None, :]).argmax(axis=2)
        width = (ends[:, 1:] - ends[:, :-1]) / (highest - lowest)
        return size * np.stack([(width * (chosen == j)).sum(axis=1) for j in range(count)], axis=1)

    return quantities


def logit(
    quality: list[float],
    alpha: float,
    nests: list[int],
    sigma: list[float],
    *,
    outside: bool,
    size: float,
) -> Demand:
    """Nested logit: the chance of the nest times the chance within it."""
    a, nest = np.array(quality), np.array(nests)

    def quantities(price: np.ndarray) -> np.ndarray:
        utility = a - alpha * price
        values, within = [], np.zeros(price.shape)
        for g, rho in enumerate(sigma):
            inside = np.flatnonzero(nest == g)
            scaled = utility[:, inside] / (1 - rho)
            top = scaled.max(axis=1, keepdims=True)
            weight = np.exp(scaled - top)
            within[:, inside] = weight / weight.sum(axis=1, keepdims=True)
            values.append((1 - rho) * (top[:, 0] + np.log(weight.sum(axis=1))))
        value = np.stack(values, axis=1)
        if outside:
            value = np.hstack([value, np.zeros((len(price), 1))])
        chance = np.exp(value - value.max(axis=1, keepdims=True))
        chance /= chance.sum(axis=1, keepdims=True)
        return size * within * chance[:, nest]

    return quantities


def demand_of(case: dict[str, Any]) -> Demand:
    """Read a demand."""
    if case["kind"] == "linear":
        return linear(case["intercept"], case["slopes"])
    if case["kind"] == "vertical":
        return vertical(
            case["rates"],
            case["lowest"],
            case["highest"],
            outside=case["outside"],
            size=case["size"],
        )
    return logit(
        case["quality"],
        case["alpha"],
        case["nests"],
        case["sigma"],
        outside=case["outside"],
        size=case["size"],
    )


def profits(case: dict[str, Any], demand: Demand, price: np.ndarray) -> np.ndarray:
    """Profit of every product, [K, J], after cost and taxes."""
    keeps = 1 - np.array(case["ad_valorem"])
    margin = keeps * price - np.array(case["unit_tax"]) - np.array(case["costs"])
    return margin * demand(price)


def tops(case: dict[str, Any], prices: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Prices at which the firm's products sell nothing, or too little, whatever its others do."""
    keeps = 1 - np.array(case["ad_valorem"])
    cost = (np.array(case["unit_tax"]) + np.array(case["costs"])) / keeps
    if case["kind"] == "linear":
        # All others priced out: the highest price at which anything sells.
        return np.linalg.solve(np.array(case["slopes"]), np.array(case["intercept"]))[own]
    if case["kind"] == "vertical":
        s = np.array(case["rates"])
        bounds = [np.full(len(own), np.inf)]
        if case["outside"]:
            bounds.append(case["highest"] * s[own])
        for r in np.setdiff1d(np.arange(len(s)), own):
            gap = s[own] - s[r]
            bounds.append(prices[r] + np.maximum(gap * case["highest"], gap * case["lowest"]))
        return np.maximum(np.min(bounds, axis=0), 0.0)
    alpha = case["alpha"]
    utility = np.array(case["quality"]) - alpha * prices
    others = np.setdiff1d(np.arange(len(prices)), own)
    rest = [0.0] if case["outside"] else []
    rest += utility[others].tolist()
    most = float((np.array(case["quality"]) - alpha * cost)[own].max()) + np.log(len(own))
    markup = (3.0 + max(0.0, most - max(rest))) / alpha
    return cost[own] + 1.5 * markup


def best(case: dict[str, Any], demand: Demand, prices: np.ndarray, own: np.ndarray) -> float:
    """The most a firm earns by prices of its products ``own``, the others' given."""
    top = tops(case, prices, own)
    count = len(own)
    keeps = 1 - np.array(case["ad_valorem"])
    low = ((np.array(case["unit_tax"]) + np.array(case["costs"])) / keeps)[own]
    low = np.minimum(0.9 * low, top)

    def value(points: np.ndarray) -> np.ndarray:
        rows = np.tile(prices, (len(points), 1))
        rows[:, own] = points
        return profits(case, demand, rows)[:, case_firm(case, own)].sum(axis=1)

    steps = {1: 301, 2: 25, 3: 10}.get(count, 6)
    axes = [np.linspace(a, b, steps) for a, b in zip(low, top, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, count)
    points = np.vstack([grid, np.clip(prices[own], None, np.maximum(top, prices[own]))[None, :]])
    worth = value(points)
    start = np.argsort(-worth)[:6]
    points, worth = points[start], worth[start]
    step = np.tile((top - low) / (steps - 1), (len(points), 1))
    moves = np.array(list(itertools.product([-1.0, 0.0, 1.0], repeat=count)))
    for _ in range(60):
        tried = points[:, None, :] + step[:, None, :] * moves
        flat = value(tried.reshape(-1, count)).reshape(len(points), -1)
        at = flat.argmax(axis=1)
        better = flat[np.arange(len(points)), at] > worth
        points = np.where(better[:, None], tried[np.arange(len(points)), at], points)
        worth = np.where(better, flat[np.arange(len(points)), at], worth)
        step = np.where(better[:, None], step, step / 2)
        if (step <= 1e-9 * np.maximum(top - low, 1e-300)).all():
            break
    return float(worth.max())


def case_firm(case: dict[str, Any], own: np.ndarray) -> np.ndarray:
    """All products of the firm that owns these."""
    owner = np.array(case["owners"])
    return np.flatnonzero(owner == owner[own[0]])
