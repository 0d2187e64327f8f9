"""The provider game from its rules: who serves at given multipliers, and what each earns."""

from __future__ import annotations

from typing import Any

import numpy as np

#: Offers nearer than this, relative, are the same.
SAME = 1e-12


def monopoly(low: float, high: float, cost: float) -> float:
    """Best price of a lone seller to consumers whose willingness to pay is uniform."""
    return high if low == high else max(low, (high + cost) / 2)


def sold(low: float, high: float, price: float) -> float:
    """Share who buy."""
    if price <= low:
        return 1.0
    if price >= high:
        return 1.0 if low == high == price else 0.0
    return (high - price) / (high - low)


def _first(tied: list[int], cost: list[float], rule: str) -> list[int]:
    if rule == "share":
        return tied
    least = min(cost[k] for k in tied)
    return [k for k in tied if cost[k] <= least * (1 + SAME)]


def bought(case: dict[str, Any], u: int, w: np.ndarray, *, captive: bool) -> np.ndarray:
    """List-price dollars of every model bought per consumer of solve rate u."""
    menu = case["menus"][u]
    single = np.array([np.inf if x is None else x for x in menu["single"]])
    expected = np.array(menu["expected"], float)
    cost = np.array(case["marginal"])
    low, high = case["low"][u], case["high"][u]
    reach = np.flatnonzero(np.isfinite(single))
    offers = {int(m): float(w[m] * single[m]) for m in reach}
    direct = min(offers.values(), default=np.inf)
    extra = sorted(case["overheads"])
    if extra and not captive:
        spends = expected @ w
        spend = float(spends.min())
        own = (1 + extra[0]) * spend
        if own < direct * (1 - SAME):
            second = extra[1] if len(extra) > 1 else np.inf
            price = min(direct, (1 + second) * spend if np.isfinite(second) else np.inf)
            if second > extra[0]:
                price = min(price, monopoly(low, high, own))
            price = max(price, own)
            tied = [k for k, s in enumerate(spends) if s <= spend * (1 + SAME)]
            chosen = _first(tied, (expected @ cost).tolist(), case["tie_rule"])
            return np.asarray(expected[chosen].mean(axis=0) * sold(low, high, price))
    out = np.zeros(len(w))
    if np.isfinite(direct):
        tied = [m for m, p in offers.items() if p <= direct * (1 + SAME)]
        costs = [float(cost[m] * single[m]) if m in offers else np.inf for m in range(len(w))]
        for m in (chosen := _first(tied, costs, case["tie_rule"])):
            out[m] = single[m] * sold(low, high, direct) / len(chosen)
    return out


def profits(case: dict[str, Any], multipliers: np.ndarray) -> np.ndarray:
    """Profit of every provider at one profile."""
    owner = np.array(case["owner"])
    w = np.asarray(multipliers, float)[owner]
    total = np.zeros(len(w))
    for u, mass in enumerate(case["mass"]):
        share = case["captive"]
        total += (1 - share) * mass * bought(case, u, w, captive=False)
        if share:
            total += share * mass * bought(case, u, w, captive=True)
    margin = total * (w - np.array(case["marginal"]))
    return np.bincount(owner, margin, len(set(case["owner"])))


def highest(case: dict[str, Any], player: int) -> float:
    """A multiplier from which on nothing of the provider's is sold."""
    mine = np.array(case["owner"]) == player
    most = 0.0
    for u, menu in enumerate(case["menus"]):
        single = np.array([np.inf if x is None else x for x in menu["single"]])
        expected = np.array(menu["expected"], float)
        dear = np.concatenate([single[mine], expected[:, mine].sum(axis=1)])
        dear = dear[np.isfinite(dear) & (dear > 0)]
        if len(dear):
            most = max(most, case["high"][u] / float(dear.min()))
    return 1.02 * most + 0.01


def best(
    case: dict[str, Any],
    strategies: list[tuple[list[float], list[float]]],
    player: int,
    points: int = 160,
) -> float:
    """The most a provider earns by one multiplier, found on a grid and closer and closer."""
    profiles, chances = [[]], [1.0]
    for k, (prices, odds) in enumerate(strategies):
        some = [(0.0, 1.0)] if k == player else list(zip(prices, odds, strict=True))
        profiles = [[*p, x] for p in profiles for x, _ in some]
        chances = [c * o for c in chances for _, o in some]

    def value(x: float) -> float:
        total = 0.0
        for profile, chance in zip(profiles, chances, strict=True):
            row = list(profile)
            row[player] = x
            total += chance * profits(case, np.array(row))[player]
        return total

    grid = np.linspace(0.0, highest(case, player), points)
    worth = [value(x) for x in grid]
    most = max(0.0, *worth)
    for at in np.argsort(worth)[-3:]:
        low, high = grid[max(at - 1, 0)], grid[min(at + 1, points - 1)]
        for _ in range(9):
            inner = np.linspace(low, high, 7)
            own = [value(x) for x in inner]
            most = max(most, *own)
            k = int(np.argmax(own))
            low, high = inner[max(k - 1, 0)], inner[min(k + 1, 6)]
    return float(most)
