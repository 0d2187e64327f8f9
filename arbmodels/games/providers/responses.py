"""Exact best responses in the provider game: maxima of piecewise quadratics."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arbmodels.games.providers.game import SAME_PRICE, STEPS, ProviderGame, distinct_prices
from arbmodels.games.providers.pieces import Pieces, profit_pieces, top_multiplier
from arbmodels.games.providers.searching import HIGHEST, expected_profits, searched_response
from arbmodels.passk import FloatArray

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
    game: ProviderGame, player: int, rivals: FloatArray, weight: FloatArray | None = None
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
    if game.smooth:
        grid = np.geomspace(_LOWEST, HIGHEST, _GRID)
        most, price = searched_response(game, player, rivals, weight, grid)
        return Response(most, price, True)
    points, total = _summed_pieces(game, player, rivals, weight)
    return _clear(game, player, rivals, weight, _largest(points, total))


def most_earned(game: ProviderGame, player: int, rivals: FloatArray) -> float:
    """Return the supremum of the own profit against one profile, without a price that earns it."""
    if game.smooth:
        return best_response(game, player, rivals).profit
    return _largest(*_summed_pieces(game, player, np.atleast_2d(rivals), np.ones(1))).profit


def expected(
    game: ProviderGame, player: int, own: FloatArray, rivals: FloatArray, weight: FloatArray
) -> FloatArray:
    """Return the expected profit at own multipliers; on a breakpoint, the limit from below."""
    if game.smooth:
        return expected_profits(game, player, own, rivals, weight)
    points, total = _summed_pieces(game, player, rivals, weight)
    return _value_at(points, total, own)


def answered(
    game: ProviderGame, player: int, own: FloatArray, rivals: FloatArray, weight: FloatArray
) -> tuple[Response, FloatArray]:
    """Return the best response and the expected profit at own multipliers, in one go."""
    if game.smooth:
        best = best_response(game, player, rivals, weight)
        return best, expected(game, player, own, rivals, weight)
    points, total = _summed_pieces(game, player, rivals, weight)
    best = _clear(game, player, rivals, weight, _largest(points, total))
    return best, _value_at(points, total, own)


def _summed_pieces(
    game: ProviderGame, player: int, rivals: FloatArray, weight: FloatArray
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
    game: ProviderGame, player: int, rivals: FloatArray, weight: FloatArray, most: _Supremum
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
