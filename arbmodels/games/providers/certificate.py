"""What providers could gain by another price: exact, and apart from the solvers.

Nothing here knows how the prices were found or how the solvers evaluate them. Only the payoff
itself, :meth:`ProviderGame.served`, is asked. Against one profile of the rivals it is a quadratic
in the own multiplier between the crossings of a few lines: the crossings are listed, the payoff is
asked at three points between each two neighbours, the quadratic through them is checked at a
fourth, and its supremum over the piece, left and right limits included, is exact. Where the payoff
jumps, the multiplier itself, at which somebody ties, is asked too.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from arbmodels.display import brief
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.certificate import Deviations
from arbmodels.games.providers.best_response import HIGHEST, expected_profits, searched_response
from arbmodels.games.providers.oligopoly import (
    SAME_PRICE,
    TIES,
    ProviderOligopoly,
    distinct_prices,
)
from arbmodels.passk import FloatArray

IntArray = npt.NDArray[np.int64]
#: On pieces narrower than this (relative) the payoff is taken as a line, or as constant: what bends
#: or tilts it there is less than rounding, and divided by the width would be nothing but rounding.
_STRAIGHT, _FLAT = 1e-7, 1e-8
#: Multipliers below this share of the largest at which anything is sold are the rounding of zero.
_NIL = 1e-13
#: Jumps of the payoff below this share of the largest term are rounding.
_JUMP = 1e-12
#: A payoff that misses the quadratic by more than this (of the largest payoff) is not one.
_FITS = 1e-7
#: Gains below this share of the largest payoff are rounding.
ROUNDING = 1e-11
#: Payoffs are told from the rounding of sums from this share of a piece's largest term on.
_SUMMED = 1e-6
_WITHIN = np.array([0.1, 0.5, 0.9])
_CHECK = 0.27
#: Up to so many pairs of profiles the profit is asked pair by pair, ties included.
_PAIRS = 40_000
#: Profiles of the rivals at once.
_ROWS = 4_000
_SEARCHED = 257
#: Profiles of the rivals whose kinks a search looks beside.
_KINKED = 10


class Strategy(NamedTuple):
    """A provider's multipliers and their probabilities; one of each if it is pure."""

    price: FloatArray
    probability: FloatArray

    def __repr__(self) -> str:
        return brief(self)


def rivals_of(strategies: Sequence[Strategy], player: int) -> tuple[FloatArray, FloatArray]:
    """Return the profiles of the others, [R, providers] (the own column is 0), and probabilities.

    Multipliers that are never played are left out.
    """
    kept = [
        (np.zeros(1), np.ones(1))
        if k == player
        else (s.price[s.probability > 0], s.probability[s.probability > 0])
        for k, s in enumerate(strategies)
    ]
    profiles = np.array(list(product(*(price for price, _ in kept))))
    weight = np.array([np.prod(chances) for chances in product(*(chance for _, chance in kept))])
    return profiles, weight


def certify_providers(game: ProviderOligopoly, strategies: Sequence[Strategy]) -> Deviations:
    """Return what each provider could gain by any other multiplier >= 0.

    Parameters
    ----------
    game : ProviderGame
    strategies : sequence of Strategy
        One per provider; those held fixed are not asked for deviations.

    Returns
    -------
    Deviations
        Of the providers who choose their price.

    Raises
    ------
    InputError
        If the strategies do not fit the providers.
    """
    inputs.a(ProviderOligopoly, game, "game")
    strategies = [
        inputs.a(Strategy, one, "A strategy") for one in inputs.listed(strategies, "strategies")
    ]
    if len(strategies) != len(game.players):
        raise InputError(
            f"{len(strategies)} strategies for {len(game.players)} providers; give one for each."
        )
    strategies = [_checked(name, s) for name, s in zip(game.players, strategies, strict=True)]
    rows = [_one(game, strategies, player) for player in game.movers]
    if not rows:
        raise InputError("Every provider is held fixed, so there is nothing to certify.")
    profit, gain, deviation, attained, resolution, exact = zip(*rows, strict=True)
    return Deviations(
        tuple(game.players[player] for player in game.movers),
        np.array(profit),
        np.array(gain),
        deviation,
        np.array(attained),
        all(exact),
        f"price multipliers from 0 to {HIGHEST:g}, by search"
        if game.differentiated
        else "all price multipliers >= 0, every breakpoint and the limits from both of its sides"
        f" included (breakpoints within {SAME_PRICE:.0e} of each other are one)",
        "no ties: consumers' tastes differ" if game.differentiated else TIES[game.tie_rule],
        int(max(resolution)),
        game.unit,
    )


def _checked(name: str, strategy: Strategy) -> Strategy:
    price = np.atleast_1d(np.asarray(strategy[0], dtype=float))
    chance = np.atleast_1d(np.asarray(strategy[1], dtype=float))
    if price.shape != chance.shape or price.ndim != 1 or not np.all(np.isfinite(price + chance)):
        raise InputError(f"The strategy of {name!r} needs as many probabilities as multipliers.")
    if np.any(price < 0) or np.any(chance < 0) or abs(chance.sum() - 1) > 1e-8:
        raise InputError(
            f"The strategy of {name!r} needs multipliers >= 0 and probabilities that sum to one."
        )
    return Strategy(price, chance / chance.sum())


def _one(
    game: ProviderOligopoly, strategies: Sequence[Strategy], player: int
) -> tuple[float, float, float | None, bool, int, bool]:
    """Profit, gain, deviation, whether attained, candidates looked at, whether exact."""
    profiles, weight = rivals_of(strategies, player)
    own, chance = strategies[player]
    own, chance = own[chance > 0], chance[chance > 0]
    if game.differentiated:
        return _searched(game, player, (profiles, weight), Strategy(own, chance))
    top = _top(game, player)
    parts = [
        _quadratics(game, player, (profiles[at : at + _ROWS], weight[at : at + _ROWS]), group, top)
        for group in game.groups()
        for at in range(0, len(profiles), _ROWS)
    ]
    left, right, coefficient, jump, change_there = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("left", "right", "coefficient", "jump", "change")
    )
    exact = all(part.fits for part in parts)
    points, where = distinct_prices(np.concatenate([left, right, jump, [0.0, top]]))
    opened, closed = where[: len(left)], where[len(left) : 2 * len(left)]
    jumping = where[2 * len(left) : 2 * len(left) + len(jump)]
    change = [
        np.bincount(opened, own, len(points)) - np.bincount(closed, own, len(points))
        for own in coefficient.T
    ]
    a, b, c = np.cumsum(change, axis=1)[:, :-1]
    start, end = points[:-1], points[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = np.where(c < 0, -b / (2 * c), start)
    tried = np.stack([np.clip(vertex, start, end), start, end, end])
    value = a + tried * (b + tried * c)
    # At a breakpoint itself: the limit from below, and what ties there change.
    value[3] += np.bincount(jumping, change_there, len(points))[1:]
    if len(own) * len(profiles) <= _PAIRS:
        profit = float(chance @ _expected(game, player, profiles, weight, own))
    else:
        piece = np.clip(np.searchsorted(points, own) - 1, 0, len(start) - 1)
        profit = float(chance @ (a[piece] + own * (b[piece] + own * c[piece])))
    best = np.unravel_index(int(np.argmax(value)), value.shape)
    most, price = float(value[best]), float(tried[best])
    # A direct search over a grid: it finds nothing better unless the pieces are wrong.
    grid = np.linspace(0.0, top, _SEARCHED)[1:] if len(profiles) * _SEARCHED <= _PAIRS else own[:1]
    searched = _expected(game, player, profiles, weight, grid)
    # Of who earns nothing all that is left is the rounding of its pieces' sums.
    ends = np.stack([np.ones_like(right), right, right**2], axis=1)
    terms = float(np.abs(coefficient * ends).sum(axis=1).max(initial=0.0))
    scale = max(abs(most), abs(profit), float(np.abs(searched).max()), _SUMMED * terms)
    if searched.max() > most + _FITS * scale:
        most, price, exact = float(searched.max()), float(grid[np.argmax(searched)]), False
    gain = max(most, 0.0) - profit
    if gain <= ROUNDING * scale:
        return profit, 0.0, None, True, value.size, exact
    if most <= 0.0:
        return profit, gain, top, True, value.size, exact
    there = float(_expected(game, player, profiles, weight, np.array([price]))[0])
    return profit, gain, price, there >= most - 1e-9 * scale, value.size, exact


def _searched(
    game: ProviderOligopoly, player: int, rivals: tuple[FloatArray, FloatArray], strategy: Strategy
) -> tuple[float, float, float | None, bool, int, bool]:
    """As :func:`_one` by search: another grid than the solver's, and both sides of every kink."""
    profiles, weight = rivals
    own, chance = strategy
    profit = float(chance @ expected_profits(game, player, own, profiles, weight))
    owned = game.ownership[player]
    others = game.price_vectors(profiles) * (1 - owned)
    few = others[:: max(1, len(others) // _KINKED)]
    kinks = [
        end
        for cascade_set in game.cascade_sets
        for _, _, _, _, end in _envelope(
            few @ cascade_set.expected.T, cascade_set.expected @ owned, HIGHEST
        )
    ]
    beside = np.concatenate(kinks) if kinks else np.zeros(0)
    beside = np.concatenate([beside * (1 - 1e-9), beside * (1 + 1e-9)])
    grid = np.unique(
        np.concatenate([np.linspace(0.0, HIGHEST, 4 * _SEARCHED), own, beside[:_PAIRS]])
    )
    most, price = searched_response(game, player, profiles, weight, grid)
    gain = max(most - profit, 0.0)
    if gain <= ROUNDING * max(abs(most), abs(profit)):
        return profit, 0.0, None, True, len(grid), False
    return profit, gain, price, True, len(grid), False


def _expected(
    game: ProviderOligopoly, player: int, profiles: FloatArray, weight: FloatArray, own: FloatArray
) -> FloatArray:
    """Return the expected profit at own multipliers, asked pair by pair."""
    pairs = np.repeat(profiles[None], len(own), axis=0)
    pairs[:, :, player] = own[:, None]
    flat = pairs.reshape(-1, len(game.players))
    earned = np.concatenate(
        [
            game.profits(flat[start : start + _PAIRS])[:, player]
            for start in range(0, len(flat), _PAIRS)
        ]
    )
    return earned.reshape(len(own), len(profiles)) @ weight


def _top(game: ProviderOligopoly, player: int) -> float:
    """Return a multiplier from which on nothing of the provider's is sold."""
    own = game.ownership[player] > 0
    least = [np.inf]
    for u, _, captive in game.groups():
        high = float(game.cheapest_buyers.highest[u])
        least.append(float(game.cascade_sets[u].single[own].min()) / high)
        spend = game.cascade_sets[u].expected[:, own].sum(axis=1) / high
        if game.arbitrageurs and not captive:
            least.append(float(spend[spend > 0].min(initial=np.inf)))
    lowest = min(least)
    return max(1.01 / lowest if np.isfinite(lowest) else 1.0, 1.0)


class _Quadratics(NamedTuple):
    """Pieces of a payoff, [n] and [n, 3], whether they fit, and what ties change where it jumps.

    ``change`` is the payoff at the multiplier ``jump`` less its limit from below.
    """

    left: FloatArray
    right: FloatArray
    coefficient: FloatArray
    jump: FloatArray
    change: FloatArray
    fits: bool


def _quadratics(
    game: ProviderOligopoly,
    player: int,
    rivals: tuple[FloatArray, FloatArray],
    group: tuple[int, float, bool],
    top: float,
) -> _Quadratics:
    """Return the profit from one group of consumers against all profiles of the rivals."""
    u, mass, captive = group
    profiles, weight = rivals
    rows, points = _crossings(game, player, profiles, group, top)
    order = np.lexsort((points, rows))
    rows, points = rows[order], points[order]
    left, right = points[:-1], points[1:]
    wide = (rows[:-1] == rows[1:]) & (right - left > SAME_PRICE * right) & (right > _NIL * top)
    left, right, row = left[wide], right[wide], rows[:-1][wide]
    own = game.ownership[player]
    others = game.price_vectors(profiles) * (1 - own)
    margin = np.asarray(game.marginal_cost)

    def earned(x: FloatArray, row: IntArray) -> FloatArray:
        w = others[row] + x[:, None] * own
        found = game.served(u, w, captive=captive)
        per = ((found.direct + found.resold) * (w - margin)) @ own
        return np.asarray(weight[row] * mass * found.sold * per)

    width = right - left
    y = np.stack([earned(left + part * width, row) for part in _WITHIN])
    # Through three points, in t = (x - left) / width.
    vandermonde = np.linalg.inv(np.vander(_WITHIN, 3, increasing=True))
    p, q, r = vandermonde @ y
    flat = width <= _FLAT * right
    p, q = np.where(flat, y[1], p), np.where(flat, 0.0, q)
    r = np.where(width <= _STRAIGHT * right, 0.0, r)
    check = earned(left + _CHECK * width, row)
    scale = max(float(np.abs(y).max(initial=0.0)), 1e-300)
    missed = np.abs(p + _CHECK * (q + _CHECK * r) - check)[~flat]
    fits = bool(np.all(missed <= _FITS * scale))
    slope, bend = q / width, r / width**2
    coefficient = np.stack(
        [p - slope * left + bend * left**2, slope - 2 * bend * left, bend], axis=1
    )
    below = p + q + r
    jumps = np.append(row[:-1] == row[1:], False)
    jumps[:-1] &= np.abs(below[:-1] - p[1:]) > _JUMP * scale
    jump = right[jumps]
    change = earned(jump, row[jumps]) - below[jumps]
    # Where rivals serve alone the payoff is zero, and so is every coefficient.
    kept = np.any(y != 0, axis=0)
    return _Quadratics(left[kept], right[kept], coefficient[kept], jump, change, fits)


def _crossings(
    game: ProviderOligopoly,
    player: int,
    profiles: FloatArray,
    group: tuple[int, float, bool],
    top: float,
) -> tuple[FloatArray, FloatArray]:
    """Return where the payoff against each profile may change its formula: (profile, point)."""
    u, _, captive = group
    cascade_set, own = game.cascade_sets[u], game.ownership[player]
    others = game.price_vectors(profiles) * (1 - own)
    count = len(profiles)
    offers = cascade_set.direct(others)
    theirs = np.where(own > 0, np.inf, offers).min(axis=1)
    alone = float(np.where(own > 0, cascade_set.single, np.inf).min())
    levels = [
        *game.cheapest_buyers.knots(u).tolist(),
        float(np.asarray(game.cheapest_buyers.low)[u]),
    ]
    fixed = [(theirs, np.zeros(count)), *((np.full(count, k), np.zeros(count)) for k in levels)]
    if np.isfinite(alone):
        fixed.append((np.zeros(count), np.full(count, alone)))
    found = [np.zeros(count), np.full(count, top)]
    which: list[IntArray] = [np.arange(count), np.arange(count)]

    def cross(a: FloatArray, b: FloatArray, c: FloatArray, d: FloatArray, on: IntArray) -> None:
        with np.errstate(divide="ignore", invalid="ignore"):
            x = (c - a) / (b - d)
        inside = np.isfinite(x) & (x > 0) & (x < top)
        found.append(x[inside])
        which.append(on[inside])

    everyone = np.arange(count)
    for i, (a, b) in enumerate(fixed):
        for c, d in fixed[:i]:
            cross(a, b, c, d, everyone)
    if game.arbitrageurs and not captive:
        first, second = game.lowest_overhead, game.second_overhead
        high = float(game.cheapest_buyers.highest[u])
        for on, a, b, low, end in _envelope(
            others @ cascade_set.expected.T, cascade_set.expected @ own, top
        ):
            found.append(low)
            which.append(on)
            lines = [((1 + first) * a, (1 + first) * b)]
            if np.isfinite(second):
                lines.append(((1 + second) * a, (1 + second) * b))
            if second > first:
                lines.append(((high + (1 + first) * a) / 2, (1 + first) * b / 2))
            before = len(found)
            for i, (p, q) in enumerate(lines):
                for c, d in fixed:
                    cross(p, q, c[on], d[on], on)
                for c, d in lines[:i]:
                    cross(p, q, c, d, on)
            # Only crossings on this piece of the envelope count.
            lower, upper = np.zeros(count), np.zeros(count)
            lower[on], upper[on] = low, end
            for k in range(before, len(found)):
                here = (found[k] >= lower[which[k]]) & (found[k] <= upper[which[k]])
                found[k], which[k] = found[k][here], which[k][here]
    return np.concatenate(which), np.concatenate(found)


def _envelope(
    alpha: FloatArray, beta: FloatArray, top: float
) -> list[tuple[IntArray, FloatArray, FloatArray, FloatArray, FloatArray]]:
    """Return the pieces of min_k alpha[r, k] + beta[k] x: profiles, line, start and end."""
    count = len(alpha)
    start = np.zeros(count)
    steepness = np.where(alpha <= alpha.min(axis=1)[:, None], beta, np.inf)
    active = np.argmin(steepness, axis=1)
    going = np.arange(count)
    pieces = []
    while len(going):
        a, b = alpha[going, active[going]], beta[active[going]]
        flatter = b[:, None] - beta
        with np.errstate(divide="ignore", invalid="ignore"):
            x = np.where(flatter > 0, (alpha[going] - a[:, None]) / flatter, np.inf)
        x = np.maximum(x, start[going, None])
        end = np.minimum(x.min(axis=1), top)
        pieces.append((going, a, b, start[going], end))
        # Of the lines that cross first, the flattest goes on.
        after = np.argmin(np.where(x <= end[:, None], beta, np.inf), axis=1)
        start[going] = end
        active[going] = after
        going = going[end < top]
    return pieces
