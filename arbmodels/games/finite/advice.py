"""Correlated answers of a finite game: a joint distribution of advice, with epsilon first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from arbmodels.display import Displayed, TextTable, new_axes, number, percent
from arbmodels.games.deviations import Deviations
from arbmodels.games.finite.equilibrium import listed, named
from arbmodels.games.trace import draw_trace
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from arbmodels.games.finite.game import FiniteGame

#: Actions named along an axis.
_TICKS = 5


@dataclass(frozen=True, eq=False, repr=False)
class CorrelatedEquilibrium(Displayed):
    """A joint distribution of advice that nobody gains by leaving.

    Made by :meth:`FiniteGame.correlated`.

    Parameters
    ----------
    kind : {"correlated", "coarse correlated"}
    game : FiniteGame
    distribution : float array [A_1, ..., A_P]
    profits : float array [P]
    objective : str
        What was maximised.
    value, bound : float
        What the distribution reaches of it, and what no equilibrium of this kind exceeds.
    deviations : Deviations
    found_by : str
    iterations : int
    trace : float array [K, 2]
        Rounds, epsilon.
    """

    kind: Literal["correlated", "coarse correlated"]
    game: FiniteGame
    distribution: FloatArray
    profits: FloatArray
    objective: str
    value: float
    bound: float
    deviations: Deviations
    found_by: str
    iterations: int
    trace: FloatArray

    @property
    def strategies(self) -> tuple[FloatArray, ...]:
        """Each player's marginal distribution over its actions."""
        count = self.distribution.ndim
        return tuple(
            self.distribution.sum(axis=tuple(k for k in range(count) if k != player))
            for player in range(count)
        )

    @property
    def others(self) -> tuple[CorrelatedEquilibrium, ...]:
        """No others are sought: the set is convex, and the objective picks a point of it."""
        return ()

    @property
    def epsilon(self) -> float:
        """Largest gain of any player."""
        return self.deviations.epsilon

    @property
    def relative_epsilon(self) -> float:
        """Largest gain over profit of any player."""
        return self.deviations.relative_epsilon

    @property
    def gap(self) -> float:
        """How far the value may be from the best, over the best."""
        return max(0.0, self.bound - self.value) / max(abs(self.bound), 1e-12)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per profile advised: each player's action and the probability."""
        where = np.argwhere(self.distribution > 0)
        columns = {
            player: [self.game.actions[k][index] for index in where[:, k]]
            for k, player in enumerate(self.game.players)
        }
        return pd.DataFrame({**columns, "probability": self.distribution[tuple(where.T)]})

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            "kind": self.kind,
            "game": self.game.name,
            "epsilon": self.epsilon,
            "objective": self.objective,
            "value": self.value,
            "bound": self.bound,
            "profiles": self.to_frame().to_dict("records"),
            "profits": dict(zip(self.game.players, self.profits.tolist(), strict=True)),
            "certificate": self.deviations.to_dict(),
            "found_by": self.found_by,
            "iterations": self.iterations,
            "trace": self.trace.tolist(),
        }

    def table(self) -> TextTable:
        """Return epsilon, then each player's gain, profit and marginal strategy."""
        unit = self.game.unit
        rows = [
            (player, number(gain), number(profit), str(int((own > 0).sum())), listed(actions, own))
            for player, gain, profit, actions, own in zip(
                self.game.players,
                self.deviations.gain,
                self.profits,
                self.game.actions,
                self.strategies,
                strict=True,
            )
        ]
        note = (
            f"Maximises {self.objective}: {number(self.value)} {unit}, at most"
            f" {number(self.bound)} (gap {percent(self.gap, 3)}).\n{self.deviations.words}\n"
            f"Found by {self.found_by}; {self.iterations:,} rounds."
        )
        return TextTable(
            f"epsilon = {number(self.epsilon)} {unit}: {self.kind} equilibrium, {self.game.name}",
            ("player", f"gain [{unit}]", f"profit [{unit}]", "actions", "advised"),
            rows,
            note,
        )

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw the joint distribution of the first two players' actions."""
        axes = new_axes() if axes is None else axes
        joint = self.distribution.sum(axis=tuple(range(2, self.distribution.ndim)))
        joint = joint[:, None] if joint.ndim == 1 else joint
        image = axes.imshow(joint.T, origin="lower", aspect="auto", cmap="Reds")
        axes.figure.colorbar(image, ax=axes, label="Probability")
        axes.grid(visible=False)
        for axis, player in ((axes.xaxis, 0), (axes.yaxis, 1)):
            if player < len(self.game.players):
                actions = self.game.actions[player]
                shown = np.unique(np.linspace(0, len(actions) - 1, _TICKS).round().astype(int))
                axis.set_ticks(shown, [named(actions[k]) for k in shown])
        axes.set_xlabel(f"Action of {self.game.players[0]}")
        axes.set_ylabel(f"Action of {self.game.players[1]}" if len(self.game.players) > 1 else "")
        axes.set_title(
            f"{self.kind.capitalize()} equilibrium, {self.game.name}\n"
            f"epsilon = {number(self.epsilon, 2)}"
        )
        return axes

    def plot_trace(self, axes: Axes | None = None) -> Axes:
        """Draw epsilon over the rounds."""
        steps, measure = self.trace.T
        return draw_trace(steps, measure, "Rounds", "epsilon (scaled payoffs)", axes)
