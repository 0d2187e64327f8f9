"""A firm's best prices by search on its true profit, whatever the demand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from arbmodels.checks import FloatArray
from arbmodels.errors import InputError
from arbmodels.games.smooth.demand import IntArray
from arbmodels.games.smooth.game import SmoothGame

#: Peaks of the first scan that are refined, points of a refinement, and refinements.
_PEAKS, _POINTS, _ZOOMS = 3, 21, 12
#: Rounds over a firm's products, at most.
_ROUNDS = 40


def maximise(
    profit: Callable[[FloatArray], FloatArray], low: float, high: float, resolution: int
) -> tuple[float, float]:
    """Return the best point of a scan of [low, high], its peaks refined, and its profit.

    Parameters
    ----------
    profit : callable
        From points [N] to profits [N].
    low, high : float
    resolution : int
        Points of the first scan.
    """
    points = np.linspace(low, high, resolution)
    earned = profit(points)
    padded = np.concatenate([[-np.inf], earned, [-np.inf]])
    peaks = np.flatnonzero((earned >= padded[:-2]) & (earned >= padded[2:]))
    highest: list[int] = peaks[np.argsort(-earned[peaks], kind="stable")][:_PEAKS].tolist()
    best, most = float(points[highest[0]]), float(earned[highest[0]])
    for peak in highest:
        left, right = points[max(peak - 1, 0)], points[min(peak + 1, resolution - 1)]
        for _ in range(_ZOOMS):
            finer = np.linspace(left, right, _POINTS)
            values = profit(finer)
            at = int(values.argmax())
            if values[at] > most:
                best, most = float(finer[at]), float(values[at])
            left, right = finer[max(at - 1, 0)], finer[min(at + 1, _POINTS - 1)]
    return best, most


def best_by_search(
    game: SmoothGame, firm: int, prices: FloatArray, resolution: int, rounds: int = _ROUNDS
) -> tuple[FloatArray, float]:
    """Return prices [J] with the firm's best ones found, and its profit.

    One product: a scan of [cost, choke price]. Several: product by product until none gains, from
    the posted prices and from the best of a scan that moves all of them together.
    """
    own = game.products_of[firm]
    free = own[~game.is_fixed[own]]
    if not free.size:
        return prices.copy(), float(game.profits(prices)[firm])

    def along(row: FloatArray, moved: IntArray, low: FloatArray, high: FloatArray) -> FloatArray:
        part, _ = maximise(
            lambda points: _profit(game, firm, row, moved, low + points[:, None] * (high - low)),
            0.0,
            1.0,
            resolution,
        )
        out = row.copy()
        out[moved] = low + part * (high - low)
        return out

    costs = game.effective_costs
    if free.size == 1:
        found = along(prices, free, *_domain(game, free, prices, costs[free]))
        return found, float(game.profits(found)[firm])
    # Jointly: where one product stops to sell depends on the firm's own prices of the others.
    low, high = _domain(game, free, prices, np.zeros(free.size))
    starts = [prices.copy(), along(prices, free, low, high)]
    best, most = starts[0], -np.inf
    for start in starts:
        row, here = start, float(game.profits(start)[firm])
        for _ in range(rounds):
            before = here
            for product in free:
                one = np.array([product])
                tried = along(row, one, np.zeros(1), high[free == product])
                earned = float(game.profits(tried)[firm])
                if earned > here:
                    row, here = tried, earned
            if here - before <= 1e-13 * abs(here):
                break
        if here > most:
            best, most = row, here
    return best, most


def _profit(
    game: SmoothGame, firm: int, row: FloatArray, moved: IntArray, values: FloatArray
) -> FloatArray:
    rows = np.tile(row, (len(values), 1))
    rows[:, moved] = values
    earned: FloatArray = game.profits(rows)[:, firm]
    return earned


def _domain(
    game: SmoothGame, moved: IntArray, prices: FloatArray, least: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the lowest and highest prices worth trying, of products that move together."""
    high = np.array(
        [
            game.demand.choke_price(int(product), prices, [int(k) for k in moved if k != product])
            for product in moved
        ]
    )
    if not np.isfinite(high).all():
        product = game.products[int(moved[np.argmax(~np.isfinite(high))])]
        raise InputError(
            f"No price of product {product!r} is too high: all consumers must buy it. Let them buy"
            " nothing (outside=True), or add a rival."
        )
    return np.minimum(least, high), high
