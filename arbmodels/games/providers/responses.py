"""Exact best responses in the provider game: maxima of piecewise quadratics."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arbmodels.games.providers.game import ProviderGame
from arbmodels.games.providers.pieces import Pieces, profit_pieces, top_multiplier
from arbmodels.games.providers.searching import HIGHEST, expected_profits, searched_response
from arbmodels.passk import FloatArray

#: A price that is best only in the limit is approached to this, relative to it.
_NEAR = 1e-9
#: The search with logit demand.
_LOWEST, _GRID = 0.02, 160


class Response(NamedTuple):
    """Supremum of the own profit, a price as near to it as rounding, and where it lies.

    ``interior`` is true of a maximum inside a piece, false of a limit at a breakpoint.
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
    top = top_multiplier(game, player)
    return _largest(*summed(profit_pieces(game, player, rivals, weight, top), top), top)


def expected(
    game: ProviderGame, player: int, own: FloatArray, rivals: FloatArray, weight: FloatArray
) -> FloatArray:
    """Return the expected profit at own multipliers; on a breakpoint, the limit from below."""
    if game.smooth:
        return expected_profits(game, player, own, rivals, weight)
    top = top_multiplier(game, player)
    return _value_at(*summed(profit_pieces(game, player, rivals, weight, top), top), own, top)


def answered(
    game: ProviderGame, player: int, own: FloatArray, rivals: FloatArray, weight: FloatArray
) -> tuple[Response, FloatArray]:
    """Return the best response and the expected profit at own multipliers, in one go."""
    if game.smooth:
        best = best_response(game, player, rivals, weight)
        return best, expected(game, player, own, rivals, weight)
    top = top_multiplier(game, player)
    points, total = summed(profit_pieces(game, player, rivals, weight, top), top)
    return _largest(points, total, top), _value_at(points, total, own, top)


def _largest(points: FloatArray, total: FloatArray, top: float) -> Response:
    """Return the supremum of summed pieces over [0, top]."""
    start, end = points[:-1], points[1:]
    a, b, c = total.T
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = np.where(c < 0, -b / (2 * c), start)
    inside = (c < 0) & (vertex > start) & (vertex < end)
    prices = np.stack([np.where(inside, vertex, start), start, end])
    values = a + prices * (b + prices * c)
    kind, at = np.unravel_index(int(np.argmax(values)), values.shape)
    value, price = float(values[kind, at]), float(prices[kind, at])
    if value <= 0.0:
        return Response(0.0, top, True)
    interior = bool(inside[at]) and kind == 0
    if not interior:
        step = min(_NEAR * max(price, 1e-6), 0.25 * float(end[at] - start[at]))
        price = price - step if kind == 2 else price + step
    return Response(value, price, interior)


def _value_at(points: FloatArray, total: FloatArray, own: FloatArray, top: float) -> FloatArray:
    """Return summed pieces at own multipliers; on a breakpoint, the limit from below."""
    here = np.clip(np.searchsorted(points, own) - 1, 0, len(total) - 1)
    a, b, c = total[here].T
    return np.asarray(np.where(own > top, 0.0, a + own * (b + own * c)))


def summed(pieces: Pieces, top: float) -> tuple[FloatArray, FloatArray]:
    """Return breakpoints [n + 1] from 0 to top, and the summed quadratics between them [n, 3]."""
    ends = np.concatenate([pieces.left, pieces.right, [0.0, top]])
    points, where = np.unique(ends, return_inverse=True)
    count, size = len(pieces.left), len(points)
    opened, closed = where[:count], where[count : 2 * count]
    change = [
        np.bincount(opened, own, size) - np.bincount(closed, own, size)
        for own in pieces.coefficient.T
    ]
    return points, np.cumsum(change, axis=1)[:, :-1].T
