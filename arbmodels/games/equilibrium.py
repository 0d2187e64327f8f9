"""The answer of a pricing game: prices, shares, profits, and the certificate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.display import (
    ARBITRAGEUR_COLOUR,
    Displayed,
    TextTable,
    model_colour,
    model_label,
    new_axes,
    number,
    percent,
)
from arbmodels.games.certificate import Certificate
from arbmodels.games.deviations import Deviations
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class Equilibrium(Displayed):
    """Prices from which nobody gains more than ``epsilon`` by deviating.

    All money is in currency units per instance; consumers have unit mass at every solve rate.

    Parameters
    ----------
    kind : {"pure"}
    game : str
        What was solved, for titles.
    players : sequence of str, length P
    solve_rates : float array [U]
    costs, prices : float array [U, P]
        NaN where a seller cannot reach the solve rate; a price is also NaN where it is unbounded.
    market_price : float array [U]
        What consumers pay; NaN where nobody sells or the price is unbounded.
    shares, profits : float array [U, P]
        Share of the consumers served, and profit; a profit is NaN where the price is unbounded.
    certificate : Certificate
        The independent best-response check.
    found_by : str
    iterations : int
        0 for a closed form.
    currency : str
    """

    kind: Literal["pure"]
    game: str
    players: tuple[str, ...]
    solve_rates: FloatArray
    costs: FloatArray
    prices: FloatArray
    market_price: FloatArray
    shares: FloatArray
    profits: FloatArray
    certificate: Certificate
    found_by: str
    iterations: int
    currency: str = "USD"

    @property
    def deviations(self) -> Deviations:
        """What every player could gain, in the form of all games; by solve rate in certificate."""
        return self.certificate.deviations

    @property
    def epsilon(self) -> float:
        """Largest gain of any player at any solve rate; NaN if no solve rate could be checked."""
        return self.certificate.epsilon

    @property
    def tie_rule(self) -> str:
        """Who serves when prices are equal, in words."""
        return self.certificate.tie_rule

    @property
    def domain(self) -> str:
        """Which deviations the certificate covers."""
        return self.certificate.domain

    @property
    def unbounded(self) -> npt.NDArray[np.bool_]:
        """Where one seller alone faces consumers who pay anything, [U]: no price is optimal."""
        return self.certificate.unbounded

    @property
    def unserved(self) -> npt.NDArray[np.bool_]:
        """Where nobody sells: out of every seller's reach, or dearer than consumers pay, [U]."""
        return np.asarray(self.shares.sum(axis=1) == 0)

    @cached_property
    def mean_profits(self) -> FloatArray:
        """Each player's profit averaged over the solve rates with a bounded price, [P]."""
        if self.unbounded.all():
            return np.full(len(self.players), np.nan)
        mean: FloatArray = self.profits[~self.unbounded].mean(axis=0)
        return mean

    def to_frame(self) -> pd.DataFrame:
        """Return a row per solve rate and player: cost, price, share, profit, gain."""
        rates, count = len(self.solve_rates), len(self.players)
        return pd.DataFrame(
            {
                "solve_rate": np.repeat(self.solve_rates, count),
                "player": list(self.players) * rates,
                "cost": self.costs.ravel(),
                "price": self.prices.ravel(),
                "share": self.shares.ravel(),
                "profit": self.profits.ravel(),
                "gain": np.where(self.unbounded[:, None], np.nan, self.certificate.gain).ravel(),
                "market_price": np.repeat(self.market_price, count),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and lists, ready for JSON; null where undefined.

        Prices, profits and shares are lists over ``solve_rates``, keyed by player; ``epsilon`` is
        the largest gain of any player, ``certificate`` has each player's.
        """

        def by_player(values: FloatArray) -> dict[str, Any]:
            return {
                name: _plain(column) for name, column in zip(self.players, values.T, strict=True)
            }

        largest = self.certificate.by_player().to_dict("index")
        return {
            "kind": self.kind,
            "game": self.game,
            "unit": f"{self.currency}/instance",
            "players": list(self.players),
            "solve_rates": _plain(self.solve_rates),
            "prices": by_player(self.prices),
            "profits": by_player(self.profits),
            "shares": by_player(self.shares),
            "market_price": _plain(self.market_price),
            "mean_profits": dict(zip(self.players, _plain(self.mean_profits), strict=True)),
            "epsilon": _plain([self.epsilon])[0],
            "certificate": {
                str(name): dict(zip(row, _plain(list(row.values())), strict=True))
                for name, row in largest.items()
            },
            "tie_rule": self.tie_rule,
            "domain": self.domain,
            "unbounded_solve_rates": _plain(self.solve_rates[self.unbounded]),
            "unserved_solve_rates": _plain(self.solve_rates[self.unserved]),
            "found_by": self.found_by,
            "iterations": self.iterations,
        }

    def table(self) -> TextTable:
        """Return epsilon, then each player's gain, sales and profit."""
        unit = f"{self.currency}/instance"
        most = self.certificate.by_player()
        rows = [
            (
                model_label(player),
                number(gain),
                number(price),
                percent(rate, 2),
                percent(share),
                number(profit),
            )
            for player, gain, price, rate, share, profit in zip(
                self.players,
                most["gain"].to_numpy(float),
                most["price"].to_numpy(float),
                most["solve_rate"].to_numpy(float),
                self.shares.mean(axis=0),
                self.mean_profits,
                strict=True,
            )
        ]
        note = f"{self.certificate.words}\nFound by {self.found_by}; {self.iterations} iterations."
        if self.unserved.any():
            note += f" Nobody sells at {self.unserved.sum()} of {len(self.unserved)} solve rates."
        return TextTable(
            f"epsilon = {number(self.epsilon)} {unit}: {self.kind} equilibrium of {self.game}",
            (
                "player",
                f"epsilon [{unit}]",
                "best price",
                "solve rate",
                "mean share",
                f"mean profit [{unit}]",
            ),
            rows,
            note,
        )

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw what consumers pay against every seller's cost over the solve rates."""
        axes = new_axes() if axes is None else axes
        rates = 100 * self.solve_rates
        for player, cost in zip(self.players, self.costs.T, strict=True):
            axes.plot(
                rates,
                cost,
                color=model_colour(player, self.players),
                lw=1.2,
                ls="--",
                label=f"Cost of {model_label(player)}",
            )
        # Wide and below: the price often runs along a cost.
        axes.plot(
            rates,
            self.market_price,
            color=ARBITRAGEUR_COLOUR,
            lw=3.5,
            alpha=0.6,
            zorder=1.5,
            label="Equilibrium price",
        )
        axes.set_xlabel("Solve rate (%)")
        axes.set_ylabel(f"Price ({self.currency} per instance)")
        axes.set_title(self.game)
        axes.legend(frameon=False)
        return axes


def _plain(values: npt.ArrayLike | Sequence[Any]) -> list[Any]:
    """Floats as they are, None for what JSON cannot say."""
    items = values.tolist() if isinstance(values, np.ndarray) else list(values)  # type: ignore[arg-type]
    return [None if isinstance(v, float) and not math.isfinite(v) else v for v in items]
