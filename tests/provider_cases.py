"""Provider games that several test files use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from arbmodels.games import CascadeSet, Consumers, ProviderGame, Strategy

MENU = CascadeSet(
    0.7,
    ("a", "b"),
    [[2.0, 0.0], [1.1, 0.5], [0.6, 0.9], [0.2, 1.6], [0.0, 2.2]],
    [2.0, 2.2],
    True,
)
FAR = CascadeSet(0.8, ("a", "b"), [[3.0, 0.4], [1.5, 1.2], [0.9, 2.5]], [np.inf, np.inf], True)


def small_game(
    arbitrageurs: int | Sequence[float] = 2,
    *,
    low: float = 0.0,
    high: float = 4.0,
    cost: float = 0.3,
    captive: float = 0.0,
    far: bool = False,
) -> ProviderGame:
    """Return a game on a cascade set of five cascades, and on one out of every model's reach."""
    cascade_sets = (MENU, FAR) if far else (MENU,)
    rates = [cascade_set.solve_rate for cascade_set in cascade_sets]
    consumers = Consumers(rates, low=low, high=high, captive=captive)
    return ProviderGame(cascade_sets, consumers, cost, arbitrageurs)


def brute_force(
    game: ProviderGame, player: int, prices: Sequence[float], top: float, points: int = 2_001
) -> float:
    """Return the largest profit of one provider on a fine grid of its own multiplier."""
    grid = np.linspace(0.0, top, points)
    profiles = np.tile(np.asarray(prices, dtype=float), (points, 1))
    profiles[:, player] = grid
    return float(game.profits(profiles)[:, player].max())


def judged_profits(
    game: ProviderGame, player: int, own: np.ndarray, rivals: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """Return expected profits at own multipliers, from the cascade sets' numbers and the rules in
    words.

    For consumers with uniform willingness to pay, one model per provider, and the tie rule "share".
    Written apart from the package: who is cheapest sells, offers within 1e-12 of each other tie.
    """
    total = np.zeros(len(own))
    taste = game.cheapest_buyers
    extra = sorted([*game.arbitrageurs, np.inf, np.inf])[:2]
    cost = np.asarray(game.marginal_cost)
    order = [game.models.index(game.providers[name][0]) for name in game.players]
    for u, cascade_set in enumerate(game.cascade_sets):
        single, rows = cascade_set.single[order], cascade_set.expected[:, order]
        low, high = float(taste.low[u]), float(taste.high[u])
        for profile, chance in zip(rivals, weight, strict=True):
            w = np.repeat(profile[None], len(own), axis=0)
            w[:, player] = own
            reach = np.isfinite(single)
            offer = np.full(w.shape, np.inf)
            offer[:, reach] = w[:, reach] * single[reach]
            least = offer.min(axis=1)
            tie = (offer <= least[:, None] * (1 + 1e-12)) & reach
            bought = np.where(
                tie[:, player], single[player] if reach[player] else 0.0, 0.0
            ) / np.maximum(tie.sum(axis=1), 1)
            for part, resold in ((taste.captive, False), (1 - taste.captive, True)):
                price, dollars = least.copy(), bought.copy()
                if resold and np.isfinite(extra[0]):
                    spend = w @ rows.T
                    v = spend.min(axis=1)
                    alike = spend <= v[:, None] * (1 + 1e-12)
                    cascade = (alike @ rows[:, player]) / alike.sum(axis=1)
                    wins = (1 + extra[0]) * v < least * (1 - 1e-12)
                    asked = np.minimum(
                        least, (1 + extra[1]) * v if np.isfinite(extra[1]) else least
                    )
                    if extra[1] > extra[0]:
                        lone = (
                            high
                            if low == high
                            else np.maximum(low, (high + (1 + extra[0]) * v) / 2)
                        )
                        asked = np.minimum(asked, lone)
                    price = np.where(wins, np.maximum(asked, (1 + extra[0]) * v), price)
                    dollars = np.where(wins, cascade, dollars)
                if low == high:
                    sold = (price <= high).astype(float)
                else:
                    sold = np.clip((high - np.minimum(price, high)) / (high - low), 0.0, 1.0)
                mass = float(np.asarray(taste.mass)[u])
                index = order[player]
                total += chance * part * mass * sold * dollars * (own - cost[index])
    return total


def judged_best(
    game: ProviderGame, player: int, rivals: np.ndarray, weight: np.ndarray, points: int = 2_001
) -> float:
    """Return the largest profit on a dense grid and beside every crossing of two lines.

    The lines in the own multiplier are every offer, every cascade's cost under each overhead, the
    monopoly price over each, and what consumers would pay.
    """
    order = [game.models.index(game.providers[name][0]) for name in game.players]
    extra = [o for o in sorted(game.arbitrageurs)[:2] if np.isfinite(o)]
    at = [np.linspace(0.0, 1.0, points)]
    top = 1.0
    for u, cascade_set in enumerate(game.cascade_sets):
        single, rows = cascade_set.single[order], cascade_set.expected[:, order]
        low, high = float(game.cheapest_buyers.low[u]), float(game.cheapest_buyers.high[u])
        own = np.append(rows[:, player], single[player])
        own = own[np.isfinite(own) & (own > 0)]
        top = max(top, 1.01 * high / own.min()) if len(own) else top
        for profile in rivals:
            others = profile.copy()
            others[player] = 0.0
            lines = [(high, 0.0), (low, 0.0)]
            lines += [
                (0.0, s) if k == player else (others[k] * s, 0.0)
                for k, s in enumerate(single)
                if np.isfinite(s)
            ]
            for o in extra:
                cost = list(zip((1 + o) * (rows @ others), (1 + o) * rows[:, player], strict=True))
                lines += cost + [((high + a) / 2, b / 2) for a, b in cost]
            a, b = np.array(lines).T
            with np.errstate(divide="ignore", invalid="ignore"):
                x = (a[:, None] - a) / (b - b[:, None])
            at.append(x[np.isfinite(x) & (x > 0)])
    crossing = np.unique(np.concatenate(at[1:]))
    crossing = crossing[crossing < top]
    beside = crossing[:, None] * (1 + np.array([0, -1e-9, 1e-9, -1e-7, 1e-7, -1e-5, 1e-5]))
    middle = (crossing[1:] + crossing[:-1]) / 2
    tried = np.sort(np.concatenate([at[0] * top, beside.ravel(), middle]))
    found = judged_profits(game, player, tried, rivals, weight)
    best = float(found.max())
    # Once more between the neighbors of the best ones, where a maximum may lie inside a piece.
    for k in np.argsort(-found)[:5]:
        low, high = tried[max(k - 1, 0)], tried[min(k + 1, len(tried) - 1)]
        finer = np.linspace(low, high, 201)
        best = max(best, float(judged_profits(game, player, finer, rivals, weight).max()))
    return best


def pure(prices: Sequence[float]) -> list[Strategy]:
    """Return strategies that play one multiplier each."""
    return [Strategy(np.array([float(p)]), np.ones(1)) for p in prices]
