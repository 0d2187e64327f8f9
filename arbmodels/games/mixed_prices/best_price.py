"""The exact best price against mixed strategies, and the certificate made of it.

Nothing here is shared with the solvers but the sales of the game at given prices.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from arbmodels.errors import InputError
from arbmodels.games.deviations import Deviations
from arbmodels.games.inputs import a, listed
from arbmodels.games.mixed_prices.distribution import Piece, PriceDistribution
from arbmodels.games.payoffs import BestResponse
from arbmodels.passk import FloatArray

BELOW, TIED, ABOVE = 0, 1, 2
#: Prices tried besides the candidates that suffice, so that a fault in those would show.
_TRIED = 1001
#: Nodes of the quadrature over a continuous piece.
_NODES = 64


class SalesGame(Protocol):
    """Sellers whose sales depend on demand at their price and on who is cheaper."""

    @property
    def players(self) -> tuple[str, ...]:
        """Names."""

    @property
    def demand_steps(self) -> FloatArray:
        """Prices above which some consumers do not buy, increasing."""

    @property
    def lowest_takes_all(self) -> bool:
        """Whether sales depend only on whether any rival is cheaper."""

    @property
    def ties(self) -> str:
        """Who serves at equal prices, in words."""

    @property
    def unit(self) -> str:
        """Of profits."""

    def cost(self, player: int) -> float:
        """Return a seller's cost per unit."""

    def sales(self, player: int, price: FloatArray, rivals: Sequence[int]) -> FloatArray:
        """Return sales at prices [K] when each rival is BELOW, TIED or ABOVE."""


def expected_profit(
    game: SalesGame,
    player: int,
    price: FloatArray,
    rivals: Sequence[PriceDistribution],
    *,
    below: bool = False,
) -> FloatArray:
    """Return expected profit at prices [K]; with ``below``, its limit from below."""
    chances = []
    for rival in rivals:
        above, from_here = rival.above(price), rival.above(price, including=True)
        tied = np.zeros_like(price) if below else from_here - above
        chances.append((1.0 - from_here, tied, from_here if below else above))
    sold = np.zeros_like(price)
    for state in itertools.product((BELOW, TIED, ABOVE), repeat=len(rivals)):
        weight = np.ones_like(price)
        for chance, one in zip(chances, state, strict=True):
            weight = weight * chance[one]
        if weight.any():
            sold += weight * game.sales(player, price, state)
    profit: FloatArray = (price - game.cost(player)) * sold
    return profit


def best_price(game: SalesGame, player: int, rivals: Sequence[PriceDistribution]) -> BestResponse:
    """Return the exact best price against independent mixed strategies.

    Between two breakpoints (rivals' atoms, steps of demand, ends of continuous pieces) sales are
    constant, so profit rises to its limit from below at the next breakpoint; inside a piece it is
    (p - c)(A + B / (p - pole)), whose one stationary point is known.

    Raises
    ------
    InputError
        If several rivals have continuous pieces of another form than the closed forms.
    """
    cost = game.cost(player)
    top = float(game.demand_steps[-1])
    exact = {cost, *game.demand_steps.tolist()}
    for rival in rivals:
        exact.update(rival.prices.tolist())
    for piece, more in _pieces(game, rivals):
        exact.update((piece.low, piece.high, *_stationary(game, player, piece, more, len(rivals))))
    points = np.array(sorted(price for price in exact if price >= min(cost, top)))
    tried = np.linspace(min(cost, top), top, _TRIED)
    at = np.concatenate([points, tried])
    attained = expected_profit(game, player, at, rivals)
    limits = expected_profit(game, player, points, rivals, below=True)
    values, prices = np.concatenate([attained, limits]), np.concatenate([at, points])
    best = int(np.argmax(values))
    return BestResponse(values[best], prices[best], np.asarray(best < len(at)))


def certify_prices(game: SalesGame, strategies: Sequence[PriceDistribution]) -> Deviations:
    """Return every player's largest gain from any price, limits from below included.

    Parameters
    ----------
    game : SalesGame
    strategies : sequence of PriceDistribution, length P

    Raises
    ------
    InputError
        If there is not one strategy per player.
    """
    for own in listed(strategies, "strategies"):
        a(PriceDistribution, own, "A strategy")
    if len(strategies) != len(game.players):
        raise InputError(f"{len(strategies)} strategies for {len(game.players)} players.")
    profit, gain, price, attained = [], [], [], []
    for player, own in enumerate(strategies):
        rivals = [other for k, other in enumerate(strategies) if k != player]
        profit.append(_own_profit(game, player, own, rivals))
        best = best_price(game, player, rivals)
        more = max(0.0, float(best.profit) - profit[-1])
        gain.append(more)
        price.append(float(best.price) if more > 0 else None)
        attained.append(bool(best.attained) or more == 0)
    candidates = _TRIED + len(game.demand_steps) + sum(2 * len(s.prices) for s in strategies)
    return Deviations(
        game.players,
        np.array(profit),
        np.array(gain),
        tuple(price),
        np.array(attained),
        True,
        "all prices, limits from below included",
        game.ties,
        candidates,
        game.unit,
    )


def _own_profit(
    game: SalesGame, player: int, own: PriceDistribution, rivals: Sequence[PriceDistribution]
) -> float:
    total = float(own.masses @ expected_profit(game, player, own.prices, rivals))
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    for piece in own.pieces:
        prices = piece.price_after(0.5 * piece.mass * (nodes + 1.0))
        earned = expected_profit(game, player, prices, rivals)
        total += 0.5 * piece.mass * float(weights @ earned)
    return total


def _pieces(game: SalesGame, rivals: Sequence[PriceDistribution]) -> list[tuple[Piece, float]]:
    """Return pieces, and what the rival's chance of a higher price exceeds that of each by.

    Sales are linear in the probability that all rivals are above: known of one rival, and of
    several who are alike and of whom only the lowest matters.
    """
    if not any(rival.pieces for rival in rivals):
        return []
    first = rivals[0].pieces
    steps = game.demand_steps
    cut = any(np.any((steps > piece.low) & (steps < piece.high)) for piece in first)
    if len(rivals) == 1 and not cut and all(piece.power == 1 for piece in first):
        return [
            (piece, float(rivals[0].above(piece.high, including=True)) - piece.end)
            for piece in first
        ]
    alike = len(first) == 1 and all(rival.pieces == first for rival in rivals)
    if not alike or cut or first[0].power != len(rivals) or not game.lowest_takes_all:
        raise InputError(
            "Only the closed forms' continuous distributions can be certified exactly; put these"
            " on a grid (PriceDistribution.on_grid)."
        )
    return [(first[0], 0.0)]


def _stationary(
    game: SalesGame, player: int, piece: Piece, above: float, rivals: int
) -> list[float]:
    """Where (p - c)(A + B (above + level + slope / (p - pole))) is stationary inside the piece."""
    cost = game.cost(player)
    here = np.array([piece.high])  # the lower end may be the step before
    low = float(game.sales(player, here, [BELOW] * rivals)[0])
    more = float(game.sales(player, here, [ABOVE] * rivals)[0]) - low
    slope = low + more * (above + piece.level)
    square = -more * piece.slope * (cost - piece.pole) / slope if slope else -1.0
    if square <= 0:
        return []
    price = piece.pole + float(np.sqrt(square))
    return [price] if piece.low < price < piece.high else []
