"""Games of posted prices: payoffs from their rules, deviations by looking at every piece.

A seller's expected profit is linear in its own price between the prices at which somebody's
behaviour changes, so that its supremum is found at these prices and just beside them.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

Atoms = tuple[np.ndarray, np.ndarray]


def serving(costs: list[float], tied: list[int], tie_rule: str) -> list[int]:
    """Who of the sellers at one price serves first."""
    if tie_rule == "share":
        return tied
    least = min(costs[k] for k in tied)
    return [k for k in tied if costs[k] == least]


def bertrand(
    prices: list[float], costs: list[float], cap: float, tie_rule: str
) -> tuple[list[float], float]:
    """Profits of sellers of one good, and the price paid; infinite prices are no offer."""
    profits = [0.0] * len(prices)
    offers = [k for k, p in enumerate(prices) if np.isfinite(p) and np.isfinite(costs[k])]
    lowest = min((prices[k] for k in offers), default=np.inf)
    if not (np.isfinite(lowest) and lowest <= cap):
        return profits, float("nan")
    chosen = serving(costs, [k for k in offers if prices[k] == lowest], tie_rule)
    for k in chosen:
        profits[k] = (lowest - costs[k]) / len(chosen)
    return profits, lowest


def bertrand_supremum(
    k: int, prices: list[float], costs: list[float], cap: float, tie_rule: str
) -> float:
    """The largest profit of seller k by any price, limits included."""
    if not np.isfinite(costs[k]):
        return 0.0
    rivals = [
        p for j, p in enumerate(prices) if j != k and np.isfinite(p) and np.isfinite(costs[j])
    ]
    ends = sorted({p for p in [*rivals, cap] if np.isfinite(p)})
    best = 0.0
    for end in ends:
        tried = list(prices)
        tried[k] = end
        best = max(best, bertrand(tried, costs, cap, tie_rule)[0][k])
        if end <= cap and all(p >= end for p in rivals):  # just below: served alone
            best = max(best, end - costs[k])
    if not rivals and np.isinf(cap):
        return np.inf
    return best


@dataclass
class Sellers:
    """Sellers with capacities (and steps of demand), or with captive buyers."""

    costs: list[float]
    tie_rule: str
    capacities: list[float] | None = None
    worth: list[float] | None = None
    mass: list[float] | None = None
    captive: list[float] | None = None
    informed: float = 0.0
    cap: float = 0.0

    @property
    def steps(self) -> list[float]:
        """Prices above which some buyers leave."""
        return sorted(set(self.worth)) if self.worth is not None else [self.cap]

    def profit(self, k: int, price: float, where: list[int]) -> float:
        """Profit of k at a price; where[j] is -1, 0, 1: rival j is below, at, above the price."""
        where = [0 if j == k else state for j, state in enumerate(where)]
        level = [j for j, state in enumerate(where) if state == 0]
        if self.tie_rule == "low_cost":
            below = [j for j, s in enumerate(where) if s < 0]
            below += [j for j in level if self.costs[j] < self.costs[k]]
            level = [j for j in level if self.costs[j] == self.costs[k]]
        else:
            below = [j for j, s in enumerate(where) if s < 0]
        if self.capacities is None:
            assert self.captive is not None
            if price > self.cap:
                return 0.0
            sold = self.captive[k] + (0.0 if below else self.informed / len(level))
            return (price - self.costs[k]) * sold
        assert self.worth is not None
        assert self.mass is not None
        demand = sum(m for v, m in zip(self.worth, self.mass, strict=True) if v >= price)
        rest = max(demand - sum(self.capacities[j] for j in below), 0.0)
        own = self.capacities[k]
        share = rest * own / sum(self.capacities[j] for j in level)
        return (price - self.costs[k]) * min(own, share)

    def expected(self, k: int, price: float, side: int, chances: list) -> float:  # type: ignore[type-arg]
        """Expected profit at a price, or just below (-1) or above (1) it.

        chances[j] is a function: price -> probabilities that j is below, at, above it.
        """
        rivals = [j for j in range(len(self.costs)) if j != k]
        total = 0.0
        odds = []
        for j in rivals:
            below, level, above = chances[j](price)
            if side < 0:
                odds.append({-1: below, 1: level + above})
            elif side > 0:
                odds.append({-1: below + level, 1: above})
            else:
                odds.append({-1: below, 0: level, 1: above})
        for states in itertools.product(*(tuple(each) for each in odds)):
            chance = float(np.prod([each[s] for each, s in zip(odds, states, strict=True)] or [1]))
            if chance:
                where = [0] * len(self.costs)
                for j, state in zip(rivals, states, strict=True):
                    where[j] = state
                total += chance * self._limit(k, price, side, where)
        return total

    def _limit(self, k: int, price: float, side: int, where: list[int]) -> float:
        """Profit where no rival is at the price; just above a step its buyers are gone."""
        if side <= 0:
            return self.profit(k, price, where)
        beyond = np.nextafter(price, np.inf)
        per_unit = beyond - self.costs[k]
        return self.profit(k, beyond, where) * (
            (price - self.costs[k]) / per_unit if per_unit else 1.0
        )

    def supremum(self, k: int, chances: list, points: list[float]) -> float:  # type: ignore[type-arg]
        """Largest expected profit over all prices >= 0: at points, beside them, or nothing."""
        best = 0.0
        for price in {*points, *self.steps, 0.0}:
            for side in (-1, 0, 1):
                if price == 0 and side < 0:
                    continue
                best = max(best, self.expected(k, price, side, chances))
        return best


def atom_chances(atoms: Atoms):
    """Chances of a strategy of atoms to be below, at, above a price."""
    prices, masses = (np.asarray(x, float) for x in atoms)

    def chances(price: float) -> tuple[float, float, float]:
        return (
            float(masses[prices < price].sum()),
            float(masses[prices == price].sum()),
            float(masses[prices > price].sum()),
        )

    return chances


def piece_chances(atoms: Atoms, pieces: list[tuple[float, ...]]):
    """The same with continuous pieces (low, high, level, slope, pole, power) beside the atoms.

    Along a piece the probability of a higher price falls as (level + slope / (p - pole)) ** (1 /
    power) does.
    """
    discrete = atom_chances(atoms)

    def higher(piece: tuple[float, ...], price: float) -> float:
        _, _, level, slope, pole, power = piece
        inside = min(max(level + slope / (price - pole), 0.0), 1.0)
        return float((inside if inside > 1e-12 else 0.0) ** (1 / power))

    def chances(price: float) -> tuple[float, float, float]:
        below, at, above = discrete(price)
        for piece in pieces:
            start, end = higher(piece, piece[0]), higher(piece, piece[1])
            here = higher(piece, min(max(price, piece[0]), piece[1]))
            below += start - here
            above += here - end
        return below, at, above

    return chances


def undercutting(costs: list[float], start: float, step: float) -> tuple[list[float], list[int]]:
    """Prices and who set them: in turn, whoever does not hold the price and costs less."""
    prices, setters = [start], [-1]
    count = len(costs)
    while True:
        price, holder = prices[-1], setters[-1]
        turn = [(holder + 1 + j) % count for j in range(count)]
        mover = next((k for k in turn if k != holder and costs[k] < price * (1 - 1e-12)), None)
        if mover is None:
            return prices, setters
        prices.append(max(step * price, costs[mover]))
        setters.append(mover)


def entry(
    candidates: list[str], fixed: list[float], profits: dict[frozenset[str], dict[str, float]]
) -> set[frozenset[str]]:
    """Sets of entrants in which nobody would rather leave and nobody outside rather join."""
    cost = dict(zip(candidates, fixed, strict=True))
    found = set()
    for size in range(len(candidates) + 1):
        for some in itertools.combinations(candidates, size):
            inside = frozenset(some)
            leaves = any(profits[inside][m] < cost[m] for m in inside)
            joins = any(profits[inside | {m}][m] > cost[m] for m in candidates if m not in inside)
            if not leaves and not joins:
                found.add(inside)
    return found
