"""Exact best responses in the provider game: maxima of piecewise quadratics.

Best responses by search, where demand is smooth and the payoff no quadratic.

A provider's profit as an exact piecewise quadratic in its own multiplier.

Against fixed rivals, the arbitrage cost is the lower envelope of one line per cascade in the own
multiplier, the consumers' price is one of a few lines on each piece of it, and demand is linear
between its knots. All breakpoints are crossings of lines; between them profit is a quadratic.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from arbmodels._compiling import compiled
from arbmodels.games.cascade_set import SAME_COST
from arbmodels.games.providers.consumers import LogitConsumers
from arbmodels.games.providers.oligopoly import (
    SAME_PRICE,
    STEPS,
    ProviderOligopoly,
    distinct_prices,
)
from arbmodels.passk import FloatArray

#: Multipliers are looked for up to this with logit demand, whose tail is flat.
HIGHEST = 20.0
#: Peaks of the grid that are looked at closer, by how many points, how often.
_REFINED, _ZOOM, _ZOOMS = 4, 17, 7
_PAIRS = 40_000


def expected_profits(
    game: ProviderOligopoly, player: int, own: FloatArray, rivals: FloatArray, weight: FloatArray
) -> FloatArray:
    """Return the expected profit at own multipliers, asked pair by pair."""
    total = np.zeros(len(own))
    rows = max(1, _PAIRS // max(len(own), 1))
    for start in range(0, len(rivals), rows):
        some = rivals[start : start + rows]
        pairs = np.repeat(some[None], len(own), axis=0)
        pairs[:, :, player] = own[:, None]
        earned = game.profits(pairs.reshape(-1, len(game.players)))[:, player]
        total += earned.reshape(len(own), len(some)) @ weight[start : start + rows]
    return total


def searched_response(
    game: ProviderOligopoly, player: int, rivals: FloatArray, weight: FloatArray, grid: FloatArray
) -> tuple[float, float]:
    """Return the largest profit found and its multiplier: a grid, then finer ones at its peaks."""
    value = expected_profits(game, player, grid, rivals, weight)
    best = int(np.argmax(value))
    most, price = float(value[best]), float(grid[best])
    padded = np.concatenate([[-np.inf], value, [-np.inf]])
    peaks = np.flatnonzero((value >= padded[:-2]) & (value >= padded[2:]))
    peaks = peaks[np.argsort(-value[peaks], kind="stable")[:_REFINED]]
    low, high = grid[np.maximum(peaks - 1, 0)], grid[np.minimum(peaks + 1, len(grid) - 1)]
    part = np.linspace(0.0, 1.0, _ZOOM)
    for _ in range(_ZOOMS):
        finer = low[:, None] + (high - low)[:, None] * part
        value = expected_profits(game, player, finer.ravel(), rivals, weight).reshape(finer.shape)
        at = value.argmax(axis=1)
        rows = np.arange(len(finer))
        low, high = finer[rows, np.maximum(at - 1, 0)], finer[rows, np.minimum(at + 1, _ZOOM - 1)]
        top = int(np.argmax(value[rows, at]))
        if value[top, at[top]] > most:
            most, price = float(value[top, at[top]]), float(finer[top, at[top]])
    return most, price


IntArray = npt.NDArray[np.int64]


class Pieces(NamedTuple):
    """Quadratics a + b w + c w^2 on [left, right]; several may cover the same w and add up.

    ``profile`` says which of the rivals' profiles each belongs to.
    """

    left: FloatArray
    right: FloatArray
    coefficient: FloatArray
    profile: IntArray

    def value(self, w: float) -> float:
        """Sum of the pieces that contain ``w`` in their interior."""
        inside = (self.left < w) & (w < self.right)
        a, b, c = self.coefficient[inside].sum(axis=0)
        return float(a + w * (b + w * c))


def top_multiplier(game: ProviderOligopoly, player: int) -> float:
    """Return a multiplier above which a provider sells nothing, whatever the others do."""
    if isinstance(game.consumers, LogitConsumers):
        return HIGHEST
    own = game.ownership[player].astype(bool)
    tops = [1.0]
    for u, _, captive in game.groups():
        cascade_set = game.cascade_sets[u]
        alone = cascade_set.single[own].min()
        bought = cascade_set.expected[:, own].sum(axis=1)
        if captive or not game.arbitrageurs:
            bought = bought[:0]
        least = min(bought[bought > 0].min(initial=np.inf), alone)
        if np.isfinite(least):
            tops.append(float(game.cheapest_buyers.highest[u]) / least)
    return 1.001 * max(tops)


def profit_pieces(
    game: ProviderOligopoly, player: int, rivals: FloatArray, weight: FloatArray, top: float
) -> Pieces:
    """Return the expected profit of one provider on [0, top].

    Parameters
    ----------
    game : ProviderGame
    player : int
    rivals : float array [R, providers]
        Profiles of the others' multipliers; the column of ``player`` is ignored.
    weight : float array [R]
        Their probabilities.
    top : float
    """
    own = game.ownership[player]
    others = game.price_vectors(rivals) * (1 - own)
    cost = np.asarray(game.marginal_cost)
    parts = []
    for u, mass, captive in game.groups():
        cascade_set = game.cascade_sets[u]
        alone = np.where(own > 0, cascade_set.single, np.inf)
        best = int(np.argmin(alone))
        reach = np.isfinite(cascade_set.single) & (own == 0)
        theirs = np.where(reach, others * np.where(reach, cascade_set.single, 0.0), np.inf).min(
            axis=1
        )
        first = np.inf if captive else game.lowest_overhead
        second = np.inf if captive else game.second_overhead
        knots = game.cheapest_buyers.knots(u)
        levels, slopes = _demand_pieces(game, u, knots)
        sample = game.cheapest_buyers.sample is not None
        parts.append(
            _pieces(
                others @ cascade_set.expected.T,
                cascade_set.expected @ own,
                cascade_set.expected @ (own * cost),
                theirs,
                float(alone[best]),
                float(cost[best]),
                weight * mass,
                float(first),
                float(second),
                knots,
                levels,
                slopes,
                np.inf if sample else float(np.asarray(game.cheapest_buyers.low)[u]),
                float(game.cheapest_buyers.highest[u]),
                top,
            )
        )
    return Pieces(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def payoff_matrix(
    game: ProviderOligopoly, player: int, own: FloatArray, rivals: FloatArray
) -> FloatArray:
    """Return one provider's profit at own multipliers against rivals' profiles, [own, R].

    As :meth:`ProviderGame.profits`, much faster for many pairs; own multipliers that lie on a
    breakpoint are taken as the limit from below.
    """
    if game.differentiated:
        pairs = np.repeat(rivals[None], len(own), axis=0)
        pairs[:, :, player] = own[:, None]
        earned = game.profits(pairs.reshape(-1, len(game.players)))[:, player]
        return earned.reshape(len(own), len(rivals))
    top = max(top_multiplier(game, player), float(own.max()) * 1.001)
    pieces = profit_pieces(game, player, rivals, np.ones(len(rivals)), top)
    order = np.argsort(own)
    value = np.zeros((len(rivals), len(own)))
    _evaluate(pieces.left, pieces.right, pieces.coefficient, pieces.profile, own[order], value)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return value[:, back].T


@compiled
def _evaluate(  # noqa: PLR0917  # a compiled loop takes plain arrays
    left: FloatArray,
    right: FloatArray,
    coefficient: FloatArray,
    profile: IntArray,
    points: FloatArray,
    value: FloatArray,
) -> None:
    for k in range(len(left)):
        i = np.searchsorted(points, left[k], side="right")
        while i < len(points) and points[i] <= right[k]:
            w = points[i]
            value[profile[k], i] += coefficient[k, 0] + w * (
                coefficient[k, 1] + w * coefficient[k, 2]
            )
            i += 1


def _demand_pieces(
    game: ProviderOligopoly, u: int, knots: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Level and slope of demand below the first knot, between knots, and above the last."""
    if game.cheapest_buyers.sample is not None or len(knots) == 1:
        middle = np.concatenate([[knots[0] / 2], (knots[1:] + knots[:-1]) / 2, [2 * knots[-1]]])
        return game.cheapest_buyers.quantity(u, middle), np.zeros(len(knots) + 1)
    low, high = knots
    return np.array([1.0, high / (high - low), 0.0]), np.array([0.0, -1.0 / (high - low), 0.0])


@compiled
def _put(crossing: FloatArray, count: int, x: float, low: float, high: float) -> int:
    if low < x < high:
        crossing[count] = x
        return count + 1
    return count


@compiled
def _pieces(  # noqa: PLR0912, PLR0915, PLR0917  # one compiled loop
    alpha: FloatArray,
    beta: FloatArray,
    gamma: FloatArray,
    theirs: FloatArray,
    alone: float,
    alone_cost: float,
    weight: FloatArray,
    first: float,
    second: float,
    knots: FloatArray,
    levels: FloatArray,
    slopes: FloatArray,
    low: float,
    high: float,
    top: float,
) -> tuple[FloatArray, FloatArray, FloatArray, IntArray]:
    profiles, cascades = alpha.shape
    capacity = 64 * profiles + 64
    left, right = np.empty(capacity), np.empty(capacity)
    coefficient = np.empty((capacity, 3))
    profile = np.empty(capacity, np.int64)
    used = 0
    resells = first < np.inf
    line = np.zeros((5, 2))
    crossing = np.empty(30 + 5 * len(knots))
    for r in range(profiles):
        start, here = 0.0, 0.0
        active = 0
        if resells:
            for k in range(1, cascades):
                if alpha[r, k] < alpha[r, active] or (
                    alpha[r, k] == alpha[r, active] and beta[k] < beta[active]
                ):
                    active = k
        while start < top:
            end, after = top, active
            if resells:
                for k in range(cascades):
                    if beta[k] < beta[active]:
                        x = (alpha[r, k] - alpha[r, active]) / (beta[active] - beta[k])
                        if x < end or (x == end and after != active and beta[k] < beta[after]):
                            end, after = max(x, start), k
            # The lines of the piece: own and rivals' offers, first and second arbitrageur, and
            # the price of a monopolist.
            lines = 2
            line[0, 0], line[0, 1] = 0.0, alone
            line[1, 0], line[1, 1] = theirs[r], 0.0
            if resells:
                a, b = alpha[r, active], beta[active]
                line[2, 0], line[2, 1] = (1 + first) * a, (1 + first) * b
                lines = 3
                if second < np.inf:
                    line[3, 0], line[3, 1] = (1 + second) * a, (1 + second) * b
                    lines = 4
                if second > first:
                    line[4, 0], line[4, 1] = (high + line[2, 0]) / 2, line[2, 1] / 2
                    lines = 5
            count = 0
            for i in range(lines):
                if not (line[i, 0] < np.inf and line[i, 1] < np.inf):
                    continue
                if i == 3 and second == np.inf:
                    continue
                for j in range(i):
                    if not (line[j, 0] < np.inf and line[j, 1] < np.inf):
                        continue
                    if (j == 3 and second == np.inf) or line[i, 1] == line[j, 1]:
                        continue
                    x = (line[j, 0] - line[i, 0]) / (line[i, 1] - line[j, 1])
                    count = _put(crossing, count, x, start, end)
                if line[i, 1] > 0:
                    for q in range(len(knots)):
                        x = (knots[q] - line[i, 0]) / line[i, 1]
                        count = _put(crossing, count, x, start, end)
                    if i == 4 and low < np.inf:
                        x = (low - line[4, 0]) / line[4, 1]
                        count = _put(crossing, count, x, start, end)
            points = np.sort(crossing[:count])
            # A sliver is rounding, and belongs to the piece after it.
            for p in range(count + 1):
                there = points[p] if p < count else end
                if there - here <= SAME_PRICE * there:
                    continue
                middle = 0.5 * (here + there)
                # Who serves in the middle, at which line, serves on the whole piece.
                mine = alone * middle
                best = min(mine, theirs[r])
                price_a, price_b = 0.0, 0.0
                dollars, paid = 0.0, 0.0
                served = False
                if resells:
                    own = line[2, 0] + line[2, 1] * middle
                    if own < best * (1 - SAME_COST):
                        served = True
                        dollars, paid = beta[active], gamma[active]
                        chosen = 0 if mine <= theirs[r] else 1
                        asked = best
                        if second < np.inf:
                            other = line[3, 0] + line[3, 1] * middle
                            if other < asked:
                                asked, chosen = other, 3
                        flat = False
                        if second > first:
                            lone = line[4, 0] + line[4, 1] * middle
                            if low == high:
                                if high < asked:
                                    asked, flat = high, True
                            elif lone < low:
                                if low < asked:
                                    asked, flat = low, True
                            elif lone < asked:
                                asked, chosen = lone, 4
                        if asked < own:
                            asked, chosen, flat = own, 2, False
                        if flat:
                            price_a, price_b = asked, 0.0
                        else:
                            price_a, price_b = line[chosen, 0], line[chosen, 1]
                if not served and mine < theirs[r]:
                    served = True
                    dollars, paid = alone, alone * alone_cost
                    price_a, price_b = 0.0, alone
                if served and dollars > 0:
                    price = price_a + price_b * middle
                    q = int(np.searchsorted(knots, price))
                    level = levels[q] + slopes[q] * price_a
                    slope = slopes[q] * price_b
                    if level != 0 or slope != 0:
                        if used == capacity:
                            capacity *= 2
                            grown = np.empty(capacity)
                            grown[:used] = left
                            left = grown
                            grown = np.empty(capacity)
                            grown[:used] = right
                            right = grown
                            more = np.empty((capacity, 3))
                            more[:used] = coefficient
                            coefficient = more
                            longer = np.empty(capacity, np.int64)
                            longer[:used] = profile
                            profile = longer
                        left[used], right[used] = here, there
                        coefficient[used, 0] = -weight[r] * paid * level
                        coefficient[used, 1] = weight[r] * (dollars * level - paid * slope)
                        coefficient[used, 2] = weight[r] * dollars * slope
                        profile[used] = r
                        used += 1
                here = there
            if after == active:
                break
            start, active = end, after
    return left[:used], right[:used], coefficient[:used], profile[:used]


#: The search with logit demand.
_LOWEST, _GRID = 0.02, 160


class Response(NamedTuple):
    """Supremum of the own profit, a price that earns it up to ties, and where it lies.

    ``interior`` is true of a maximum inside a piece, false of a limit at a breakpoint. Where
    nothing can be earned, the price is the highest own marginal cost, which never loses.
    """

    profit: float
    price: float
    interior: bool


def best_response(
    game: ProviderOligopoly, player: int, rivals: FloatArray, weight: FloatArray | None = None
) -> Response:
    """Return the exact best response of one provider over all multipliers >= 0.

    With logit demand it is the best of a search up to twenty times the list price.

    Parameters
    ----------
    game : ProviderGame
    player : int
    rivals : float array [R, providers] or [providers]
    weight : float array [R], optional
        Probabilities of the profiles; equal by default.
    """
    rivals = np.atleast_2d(rivals)
    if weight is None:
        weight = np.full(len(rivals), 1 / len(rivals))
    if game.differentiated:
        grid = np.geomspace(_LOWEST, HIGHEST, _GRID)
        most, price = searched_response(game, player, rivals, weight, grid)
        return Response(most, price, True)
    points, total = _summed_pieces(game, player, rivals, weight)
    return _clear(game, player, rivals, weight, _largest(points, total))


def most_earned(game: ProviderOligopoly, player: int, rivals: FloatArray) -> float:
    """Return the supremum of the own profit against one profile, without a price that earns it."""
    if game.differentiated:
        return best_response(game, player, rivals).profit
    return _largest(*_summed_pieces(game, player, np.atleast_2d(rivals), np.ones(1))).profit


def expected(
    game: ProviderOligopoly, player: int, own: FloatArray, rivals: FloatArray, weight: FloatArray
) -> FloatArray:
    """Return the expected profit at own multipliers; on a breakpoint, the limit from below."""
    if game.differentiated:
        return expected_profits(game, player, own, rivals, weight)
    points, total = _summed_pieces(game, player, rivals, weight)
    return _value_at(points, total, own)


def answered(
    game: ProviderOligopoly, player: int, own: FloatArray, rivals: FloatArray, weight: FloatArray
) -> tuple[Response, FloatArray]:
    """Return the best response and the expected profit at own multipliers, in one go."""
    if game.differentiated:
        best = best_response(game, player, rivals, weight)
        return best, expected(game, player, own, rivals, weight)
    points, total = _summed_pieces(game, player, rivals, weight)
    best = _clear(game, player, rivals, weight, _largest(points, total))
    return best, _value_at(points, total, own)


def _summed_pieces(
    game: ProviderOligopoly, player: int, rivals: FloatArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray]:
    top = top_multiplier(game, player)
    return summed(profit_pieces(game, player, rivals, weight, top), top)


class _Supremum(NamedTuple):
    """The supremum, where it is, and on which side of that the piece lies: 0 inside, and width."""

    profit: float
    price: float
    side: int
    width: float


def _largest(points: FloatArray, total: FloatArray) -> _Supremum:
    """Return the supremum of summed pieces."""
    start, end = points[:-1], points[1:]
    a, b, c = total.T
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = np.where(c < 0, -b / (2 * c), start)
    inside = (c < 0) & (vertex > start) & (vertex < end)
    prices = np.stack([np.where(inside, vertex, start), start, end])
    values = a + prices * (b + prices * c)
    kind, at = np.unravel_index(int(np.argmax(values)), values.shape)
    side = 0 if inside[at] and kind == 0 else (-1 if kind == 2 else 1)
    return _Supremum(
        float(values[kind, at]), float(prices[kind, at]), side, float(end[at] - start[at])
    )


def _clear(
    game: ProviderOligopoly, player: int, rivals: FloatArray, weight: FloatArray, most: _Supremum
) -> Response:
    """Return the price that comes nearest to a supremum, clear of ties at a breakpoint."""
    if most.profit <= 0.0:
        return Response(0.0, float(game.ceilings[player]), True)
    if not most.side:
        return Response(most.profit, most.price, True)
    steps = np.minimum(STEPS * max(most.price, SAME_PRICE), 0.25 * most.width)
    tried = most.price + most.side * steps
    earned = expected_profits(game, player, tried, rivals, weight)
    return Response(most.profit, float(tried[np.argmax(earned)]), False)


def _value_at(points: FloatArray, total: FloatArray, own: FloatArray) -> FloatArray:
    """Return summed pieces at own multipliers; on a breakpoint, the limit from below."""
    here = np.clip(np.searchsorted(points, own) - 1, 0, len(total) - 1)
    a, b, c = total[here].T
    return np.asarray(np.where(own > points[-1], 0.0, a + own * (b + own * c)))


def summed(pieces: Pieces, top: float) -> tuple[FloatArray, FloatArray]:
    """Return breakpoints [n + 1] from 0 to top, and the summed quadratics between them [n, 3].

    Breakpoints that are the same price are one, the lowest of them.
    """
    points, where = distinct_prices(np.concatenate([pieces.left, pieces.right, [0.0, top]]))
    count, size = len(pieces.left), len(points)
    opened, closed = where[:count], where[count : 2 * count]
    change = [
        np.bincount(opened, own, size) - np.bincount(closed, own, size)
        for own in pieces.coefficient.T
    ]
    return points, np.cumsum(change, axis=1)[:, :-1].T
