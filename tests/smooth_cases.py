"""Smooth pricing games that several test files use."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from arbmodels.games.differentiated import DifferentiatedGame, LogitDemand


def random_logit(
    count: int,
    *,
    seed: int = 0,
    firms: int | None = None,
    nests: int | None = None,
    sigma: float = 0.0,
    price_coefficient: float = 1.3,
    **game: Any,
) -> DifferentiatedGame:
    """Return a logit game: qualities about 3, costs 0.5 to 2."""
    rng = np.random.default_rng(seed)
    quality, costs = rng.normal(3, 1, count), rng.uniform(0.5, 2, count)
    products = [f"p{j}" for j in range(count)]
    demand = LogitDemand(
        products,
        quality,
        price_coefficient,
        None if nests is None else [f"n{j % nests}" for j in range(count)],
        sigma,
    )
    owners = None if firms is None else [f"f{j * firms // count}" for j in range(count)]
    return DifferentiatedGame(demand, costs, owners, **game)


def brute_force_gain(
    game: DifferentiatedGame,
    prices: npt.ArrayLike,
    firm: int,
    points: int = 4_001,
    high: float = 40.0,
) -> float:
    """Return what a one-product firm gains at most on a fine grid of its price."""
    (product,) = game.products_of[firm]
    rows = np.tile(np.asarray(prices, dtype=float), (points, 1))
    rows[:, product] = np.linspace(0, high, points)
    return float(game.profits(rows)[:, firm].max() - game.profits(prices)[firm])
