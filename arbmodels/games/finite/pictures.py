"""Pictures of two-player games: epsilon over all profiles, and best responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from arbmodels.display import model_colour, new_axes, number
from arbmodels.errors import InputError
from arbmodels.games.finite import pure
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from arbmodels.games.finite.game import FiniteGame

_MARK = "#B22222"
#: Legends of pictures that fill their axes.
_BELOW: dict[str, Any] = {
    "loc": "upper center",
    "bbox_to_anchor": (0.5, -0.18),
    "frameon": False,
    "ncols": 2,
}


def least_gain(game: FiniteGame, axes: Axes | None) -> Axes:
    """Draw epsilon over all profiles, with the pure equilibria or the profile of least epsilon."""
    _two_players(game, "A map of epsilon")
    axes = new_axes() if axes is None else axes
    x, y = _places(game)
    epsilon = game.least_gain()
    mesh = axes.pcolormesh(x, y, epsilon.T, shading="nearest", cmap="viridis")
    axes.figure.colorbar(mesh, ax=axes, label=f"Largest gain ({game.unit})")
    found = game.pure_equilibria()
    if len(found):
        mark, label = "o", f"{len(found)} pure equilibri{'um' if len(found) == 1 else 'a'}"
    else:
        mark, label = "X", f"No pure equilibrium; least {number(float(epsilon.min()), 2)}"
        found = pure.least_profile(game.payoffs)[None]
    at = x[found[:, 0]], y[found[:, 1]]
    axes.plot(*at, mark, color=_MARK, mec="white", ms=7, ls="none", label=label)
    axes.grid(visible=False)
    return _named(game, axes)


def best_responses(game: FiniteGame, axes: Axes | None) -> Axes:
    """Draw where each player's action is a best response to the other's."""
    _two_players(game, "A picture of best responses")
    axes = new_axes() if axes is None else axes
    x, y = _places(game)
    gains = pure.gains(game.payoffs)
    marks = (("o", 5.0), ("s", 3.0))
    for k, (player, (mark, size)) in enumerate(zip(game.players, marks, strict=True)):
        scale = max(float(np.ptp(game.payoffs[k])), np.finfo(float).tiny)
        best = np.argwhere(gains[k] <= pure.ROUNDING * scale)
        colour = model_colour(player, game.players)
        label = f"Best responses of {player}"
        at = x[best[:, 0]], y[best[:, 1]]
        axes.plot(*at, mark, color=colour, ms=size, ls="none", label=label)
    return _named(game, axes)


def _two_players(game: FiniteGame, what: str) -> None:
    if len(game.players) != 2:
        raise InputError(f"{what} needs two players; this game has {len(game.players)}.")


def _places(game: FiniteGame) -> tuple[FloatArray, FloatArray]:
    first, second = (
        np.asarray(own, dtype=float) if numeric else np.arange(len(own), dtype=float)
        for own, numeric in zip(game.actions, game.numeric, strict=True)
    )
    return first, second


def _named(game: FiniteGame, axes: Axes) -> Axes:
    first, second = (
        f"{'Price' if numeric else 'Action'} of {player}"
        for player, numeric in zip(game.players, game.numeric, strict=True)
    )
    axes.set(xlabel=first, ylabel=second, title=game.name)
    axes.legend(**_BELOW)
    return axes
