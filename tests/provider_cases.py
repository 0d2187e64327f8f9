"""Provider games that several test files use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from arbmodels.games import Consumers, Menu, ProviderGame

MENU = Menu(
    0.7,
    ("a", "b"),
    [[2.0, 0.0], [1.1, 0.5], [0.6, 0.9], [0.2, 1.6], [0.0, 2.2]],
    [2.0, 2.2],
    True,
)
FAR = Menu(0.8, ("a", "b"), [[3.0, 0.4], [1.5, 1.2], [0.9, 2.5]], [np.inf, np.inf], True)


def small_game(
    arbitrageurs: int | Sequence[float] = 2,
    *,
    low: float = 0.0,
    high: float = 4.0,
    cost: float = 0.3,
    captive: float = 0.0,
    far: bool = False,
) -> ProviderGame:
    """Return a game on a menu of five cascades, and on one out of every model's reach."""
    menus = (MENU, FAR) if far else (MENU,)
    rates = [menu.solve_rate for menu in menus]
    consumers = Consumers(rates, low=low, high=high, captive=captive)
    return ProviderGame(menus, consumers, cost, arbitrageurs)


def brute_force(
    game: ProviderGame, player: int, prices: Sequence[float], top: float, points: int = 2_001
) -> float:
    """Return the largest profit of one provider on a fine grid of its own multiplier."""
    grid = np.linspace(0.0, top, points)
    profiles = np.tile(np.asarray(prices, dtype=float), (points, 1))
    profiles[:, player] = grid
    return float(game.profits(profiles)[:, player].max())
