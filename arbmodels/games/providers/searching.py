"""Best responses by search, where demand is smooth and the payoff no quadratic."""

from __future__ import annotations

import numpy as np

from arbmodels.games.providers.game import ProviderGame
from arbmodels.passk import FloatArray

#: Multipliers are looked for up to this with logit demand, whose tail is flat.
HIGHEST = 20.0
#: Peaks of the grid that are looked at closer, by how many points, how often.
_REFINED, _ZOOM, _ZOOMS = 4, 17, 7
_PAIRS = 40_000


def expected_profits(
    game: ProviderGame, player: int, own: FloatArray, rivals: FloatArray, weight: FloatArray
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
    game: ProviderGame, player: int, rivals: FloatArray, weight: FloatArray, grid: FloatArray
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
