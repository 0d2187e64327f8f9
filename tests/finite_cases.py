"""Finite games that several tests use."""

from __future__ import annotations

import numpy as np

from arbmodels.games.finite import FiniteGame


def bertrand_edgeworth(count: int, k1: float = 0.8, k2: float = 0.6) -> FiniteGame:
    """Two sellers with capacities on ``count`` prices from 0 to 1; ties in proportion."""
    price = np.linspace(0, 1, count)
    p, q = np.meshgrid(price, price, indexing="ij")
    total = k1 + k2
    first = p * np.where(p < q, k1, np.where(p > q, 1 - k2, k1 / total))
    second = q * np.where(q < p, k2, np.where(q > p, 1 - k1, k2 / total))
    return FiniteGame.from_matrices(first, second, actions=[price.tolist()] * 2)


def bertrand_grid(sellers: int, cost: float, top: int, step: float) -> FiniteGame:
    """Unit demand to the lowest price, ties in equal parts, prices 0, step, 2 step, ..."""

    def profit(prices):
        lowest = prices == prices.min(axis=1, keepdims=True)
        return (prices - cost) * lowest / lowest.sum(axis=1, keepdims=True)

    grid = step * np.arange(top + 1)
    return FiniteGame.from_function(profit, [grid] * sellers)


def undercutting_grid() -> FiniteGame:
    """Prices 0.93^k; the lower serves all, ties to seller 1, whose cost is the lower.

    Every price of seller 2 from its own cost down to seller 1's is matched by seller 1: as many
    equilibria as there are such prices, 15.
    """
    price = 0.93 ** np.arange(30)[::-1]
    low, high = price[5], price[19]
    # Costs half a step below a grid price, so that profits there are positive.
    costs = np.array([low / 0.93**-0.5, high * 0.93**0.5])

    def profit(prices):
        first = prices[:, 0] <= prices[:, 1]
        served = np.stack([first, ~first], axis=1)
        return (prices - costs) * served

    return FiniteGame.from_function(profit, [price] * 2)
