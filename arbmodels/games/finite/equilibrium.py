"""The answer of a finite game: a strategy per player, with epsilon first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from arbmodels.display import Displayed, TextTable, model_colour, new_axes, number, percent
from arbmodels.games.deviations import Deviations
from arbmodels.games.trace import draw_trace
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from arbmodels.games.finite.game import FiniteGame

#: Actions listed per player in a table.
_LISTED = 6
#: A gain over the range of the player's own payoffs up to this is rounding.
_EXACT = 1e-9


@dataclass(frozen=True, eq=False, repr=False)
class FiniteEquilibrium(Displayed):
    """One strategy per player, with what each could gain by another.

    Made by :meth:`FiniteGame.solve`; an epsilon above rounding says that it is no equilibrium.

    Parameters
    ----------
    kind : {"pure", "mixed"}
    game : FiniteGame
    strategies : tuple of float arrays [A_i], length P
        Probabilities of the actions.
    profits : float array [P]
    deviations : Deviations
        The certificate, found apart from the solver.
    found_by : str
    iterations : int
        Pivots, rounds or steps.
    trace : float array [K, 2]
        Convergence: iterations, epsilon so far over the range of the player's payoffs.
    others : tuple of FiniteEquilibrium
        Further equilibria.
    complete : bool
        Whether this and ``others`` are all extreme equilibria: every other equilibrium is a mixture
        of these. Where False, there may be more.
    """

    kind: Literal["pure", "mixed"]
    game: FiniteGame
    strategies: tuple[FloatArray, ...]
    profits: FloatArray
    deviations: Deviations
    found_by: str
    iterations: int
    trace: FloatArray
    others: tuple[FiniteEquilibrium, ...] = ()
    complete: bool = False

    @property
    def epsilon(self) -> float:
        """Largest gain of any player."""
        return self.deviations.epsilon

    @property
    def relative_epsilon(self) -> float:
        """Largest gain over profit of any player."""
        return self.deviations.relative_epsilon

    @property
    def scaled_gain(self) -> FloatArray:
        """Every player's largest gain over the range of its own payoffs, [P]; 0 if they are one."""
        axes = tuple(range(1, self.game.payoffs.ndim))
        span = self.game.payoffs.max(axis=axes) - self.game.payoffs.min(axis=axes)
        return self.deviations.gain / np.where(span > 0, span, 1.0)

    @property
    def _what(self) -> str:
        """Say equilibrium only of what is one up to rounding, on every player's own scale."""
        if float(self.scaled_gain.max()) <= _EXACT:
            return f"{self.kind} equilibrium"
        return f"no equilibrium but the {self.kind} play of least epsilon that was found"

    def to_frame(self) -> pd.DataFrame:
        """Return a row per player and action played: player, action, probability, payoff.

        The payoff is that of the action against the others' strategies.
        """
        rows = [
            (player, actions[k], float(own[k]), float(value[k]))
            for player, actions, own, value in zip(
                self.game.players,
                self.game.actions,
                self.strategies,
                self.game.payoff_by_action(self.strategies),
                strict=True,
            )
            for k in np.flatnonzero(own > 0)
        ]
        return pd.DataFrame(rows, columns=["player", "action", "probability", "payoff"])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            "kind": self.kind,
            "game": self.game.name,
            "epsilon": self.epsilon,
            "scaled_gain": dict(zip(self.game.players, self.scaled_gain.tolist(), strict=True)),
            "strategies": {
                player: [
                    {"action": actions[k], "probability": float(own[k])}
                    for k in np.flatnonzero(own > 0)
                ]
                for player, actions, own in zip(
                    self.game.players, self.game.actions, self.strategies, strict=True
                )
            },
            "profits": dict(zip(self.game.players, self.profits.tolist(), strict=True)),
            "certificate": self.deviations.to_dict(),
            "found_by": self.found_by,
            "iterations": self.iterations,
            "trace": self.trace.tolist(),
            "others": [replace(other, others=()).to_dict() for other in self.others],
            "complete": self.complete,
        }

    def table(self) -> TextTable:
        """Return epsilon, then each player's gain, profit and strategy."""
        unit = self.game.unit
        rows = [
            (
                player,
                number(gain),
                percent(float(scaled), 3),
                number(profit),
                str(int((own > 0).sum())),
                listed(actions, own),
            )
            for player, gain, scaled, profit, actions, own in zip(
                self.game.players,
                self.deviations.gain,
                self.scaled_gain,
                self.profits,
                self.game.actions,
                self.strategies,
                strict=True,
            )
        ]
        note = f"{self.deviations.words}\nFound by {self.found_by}; {self.iterations:,} iterations."
        if self.others:
            note += f" {len(self.others)} other equilibria found (see .others)."
        note += " These are all." if self.complete else " There may be more equilibria."
        return TextTable(
            f"epsilon = {number(self.epsilon)} {unit}: {self._what}, {self.game.name}",
            ("player", f"gain [{unit}]", "of own range", f"profit [{unit}]", "actions", "plays"),
            rows,
            note,
        )

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw each player's distribution over its actions: steps up to one, atoms as jumps."""
        axes = new_axes() if axes is None else axes
        numeric = all(self.game.numeric)
        for k, (player, own) in enumerate(zip(self.game.players, self.strategies, strict=True)):
            colour = model_colour(player, self.game.players)
            if numeric:
                price = np.asarray(self.game.actions[k], dtype=float)
                order = np.argsort(price)
                ends = np.concatenate([price[order], [price.max()]])
                level = np.concatenate([np.cumsum(own[order]), [1.0]])
                axes.step(ends, level, where="post", color=colour, label=player, lw=1.6)
            else:
                place = np.arange(len(own)) + 0.8 * k / len(self.strategies)
                axes.bar(place, own, 0.8 / len(self.strategies), color=colour, label=player)
        axes.set_xlabel("Price" if numeric else "Action")
        axes.set_ylabel("Probability of at most this price" if numeric else "Probability")
        axes.set_title(f"{self.game.name}\nepsilon = {number(self.epsilon, 2)}")
        axes.legend(frameon=False)
        return axes

    def plot_trace(self, axes: Axes | None = None) -> Axes:
        """Draw epsilon over the finder's steps: profiles, pivots, steps or rounds."""
        steps, measure = self.trace.T
        return draw_trace(
            steps, measure, f"Steps ({self.found_by})", "epsilon (of the player's range)", axes
        )


def listed(actions: tuple[float | str, ...], own: FloatArray) -> str:
    """Return the actions played most, with their probabilities."""
    played = np.flatnonzero(own > 0)
    most = played[np.argsort(-own[played], kind="stable")][:_LISTED]
    parts = [
        named(actions[k]) + ("" if own[k] == 1 else f" ({percent(float(own[k]))})")
        for k in sorted(most.tolist())
    ]
    return ", ".join(parts) + (", ..." if len(played) > _LISTED else "")


def named(action: float | str) -> str:
    """Return an action as text."""
    return action if isinstance(action, str) else number(action)
