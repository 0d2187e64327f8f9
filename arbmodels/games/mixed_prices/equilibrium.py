"""The answer of a game in mixed prices: distributions with their atoms, epsilon first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from arbmodels.display import Displayed, TextTable, model_colour, new_axes, number, percent
from arbmodels.games.deviations import Deviations
from arbmodels.games.mixed_prices.distribution import PriceDistribution
from arbmodels.games.trace import draw_trace
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Atoms smaller than this are not drawn as such.
_VISIBLE = 0.05


@dataclass(frozen=True, eq=False, repr=False)
class PriceEquilibrium(Displayed):
    """Price distributions from which nobody gains more than ``epsilon`` by any other price.

    Parameters
    ----------
    kind : {"pure", "mixed"}
    game : str
    players : sequence of str, length P
    strategies : tuple of PriceDistribution, length P
    profits : float array [P]
    deviations : Deviations
        On the continuous game, not on a solver's grid.
    found_by : str
    iterations : int
        0 for a closed form.
    trace : float array [K, 2]
        Prices on the grid, epsilon on the continuous game.
    others : tuple of PriceEquilibrium
    """

    kind: Literal["pure", "mixed"]
    game: str
    players: tuple[str, ...]
    strategies: tuple[PriceDistribution, ...]
    profits: FloatArray
    deviations: Deviations
    found_by: str
    iterations: int
    trace: FloatArray
    others: tuple[PriceEquilibrium, ...] = ()

    @property
    def epsilon(self) -> float:
        """Largest gain of any player."""
        return self.deviations.epsilon

    @property
    def relative_epsilon(self) -> float:
        """Largest gain over profit of any player."""
        return self.deviations.relative_epsilon

    def to_frame(self) -> pd.DataFrame:
        """Return a row per player: gain, profit, lowest, mean and highest price, largest atom."""
        atoms = [_largest_atom(strategy) for strategy in self.strategies]
        return pd.DataFrame(
            {
                "player": list(self.players),
                "gain": self.deviations.gain,
                "profit": self.profits,
                "lowest_price": [strategy.lowest for strategy in self.strategies],
                "mean_price": [strategy.mean for strategy in self.strategies],
                "highest_price": [strategy.highest for strategy in self.strategies],
                "largest_atom": [mass for _, mass in atoms],
                "atom_price": [price for price, _ in atoms],
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        rows = self.to_frame().to_dict("records")
        for row, strategy in zip(rows, self.strategies, strict=True):
            row["atoms"] = [
                {"price": float(price), "mass": float(mass)}
                for price, mass in zip(strategy.prices, strategy.masses, strict=True)
            ]
            row["pieces"] = [piece._asdict() for piece in strategy.pieces]
            if np.isnan(row["atom_price"]):
                row["atom_price"] = None
        return {
            "kind": self.kind,
            "game": self.game,
            "epsilon": self.epsilon,
            "unit": self.deviations.unit,
            "players": rows,
            "certificate": self.deviations.to_dict(),
            "found_by": self.found_by,
            "iterations": self.iterations,
            "trace": self.trace.tolist(),
        }

    def table(self) -> TextTable:
        """Return epsilon, then each player's gain, profit and prices."""
        unit = self.deviations.unit
        rows = [
            (
                str(row["player"]),
                number(row["gain"]),
                number(row["profit"]),
                number(row["lowest_price"]),
                number(row["mean_price"]),
                number(row["highest_price"]),
                f"{percent(row['largest_atom'])} at {number(row['atom_price'])}"
                if row["largest_atom"] > 0
                else "none",
            )
            for row in self.to_frame().to_dict("records")
        ]
        return TextTable(
            f"epsilon = {number(self.epsilon)} {unit}: {self.kind} equilibrium of {self.game}",
            (
                "player",
                f"gain [{unit}]",
                f"profit [{unit}]",
                "lowest price",
                "mean price",
                "highest price",
                "largest atom",
            ),
            rows,
            f"{self.deviations.words}\nFound by {self.found_by}; {self.iterations:,} iterations.",
        )

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw each player's distribution of prices; atoms are jumps with a mark on top."""
        axes = new_axes() if axes is None else axes
        low = min(strategy.lowest for strategy in self.strategies)
        high = max(strategy.highest for strategy in self.strategies)
        pad = 0.06 * max(high - low, 0.05 * abs(high), 1e-9)
        for player, strategy in zip(self.players, self.strategies, strict=True):
            near = strategy.prices[:, None] + np.array([-1e-9, 0.0]) * max(1.0, abs(high))
            grid = np.union1d(np.linspace(low - pad, high + pad, 801), near)
            colour = model_colour(player, self.players)
            axes.plot(grid, strategy.cdf(grid), color=colour, lw=1.6, label=player)
            large = strategy.masses >= _VISIBLE
            price = strategy.prices[large]
            axes.plot(price, strategy.cdf(price), "o", color=colour, ms=5, ls="none")
        axes.set_xlabel("Price")
        axes.set_ylabel("Probability of at most this price")
        axes.set_title(f"{self.game}\nepsilon = {number(self.epsilon, 2)}")
        axes.legend(frameon=False)
        return axes

    def plot_trace(self, axes: Axes | None = None) -> Axes:
        """Draw epsilon on the continuous game over the grids that were solved."""
        steps = np.arange(1.0, 1.0 + len(self.trace))
        measure = self.trace[:, 1] if self.iterations else np.full(len(self.trace), np.nan)
        return draw_trace(
            steps, measure, "Price grids solved", f"epsilon ({self.deviations.unit})", axes
        )


def _largest_atom(strategy: PriceDistribution) -> tuple[float, float]:
    if not len(strategy.prices) or strategy.masses.max() == 0:
        return float("nan"), 0.0
    at = int(np.argmax(strategy.masses))
    return float(strategy.prices[at]), float(strategy.masses[at])
