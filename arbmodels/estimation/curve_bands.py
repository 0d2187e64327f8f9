"""Bands around every model's curve: solve rate and spend by the amount that may be bought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from arbmodels.curves import Curves
from arbmodels.display import (
    Displayed,
    TextTable,
    model_colour,
    model_label,
    new_axes,
    number,
)
from arbmodels.estimation.bootstrap_result import Band, quantiles
from arbmodels.estimation.rates import plain
from arbmodels.market import Market
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Amounts per model at which bands are kept.
_MOST_AMOUNTS = 250
#: Rows of the table per model.
_SHOWN = 5


@dataclass(frozen=True, eq=False, repr=False)
class CurveBands(Displayed):
    """Solve rates and spends of R resampled markets, by model and amount.

    Made by :func:`arbmodels.estimation.bootstrap_curves`.

    Parameters
    ----------
    market : Market
    over : tuple of "instances", "attempts"
    amounts : tuple of M float arrays [K_m]
        Attempts, or currency units per instance, that may be bought of each model.
    point : tuple of M pairs of float arrays [K_m]
        Solve rate (pass@k, where amounts are attempts) and expected spend, currency units per
        instance, of the market as recorded.
    solve_rate, spend : tuples of M float arrays [R, K_m]
        Of the resamples.
    unit : {"attempts", "dollars"}
        Of the amounts.
    convention : str
    """

    market: Market
    over: tuple[str, ...]
    amounts: tuple[FloatArray, ...]
    point: tuple[tuple[FloatArray, FloatArray], ...]
    solve_rate: tuple[FloatArray, ...]
    spend: tuple[FloatArray, ...]
    unit: str
    convention: str

    @property
    def resamples(self) -> int:
        """How many."""
        return len(self.solve_rate[0])

    def to_frame(self, level: float = 0.9) -> pd.DataFrame:
        """Return a row per model and amount: point estimate and band of solve rate and spend."""
        parts = []
        for m, (model, amounts) in enumerate(zip(self.market.models, self.amounts, strict=True)):
            columns: dict[str, FloatArray | str] = {"model": model, "amount": amounts}
            curves = {"solve_rate": self.solve_rate[m], "spend": self.spend[m]}
            for (name, values), point in zip(curves.items(), self.point[m], strict=True):
                low, high = quantiles(values, level)
                columns |= {name: point, f"{name}_low": low, f"{name}_high": high}
            parts.append(pd.DataFrame(columns))
        return pd.concat(parts, ignore_index=True)

    def to_dict(self, level: float = 0.9) -> dict[str, Any]:
        """Return the bands of every model and amount as plain values, ready for JSON."""
        frame = self.to_frame(level)
        return {
            "market": self.market.name,
            "unit": f"{self.market.currency}/instance",
            "amounts_in": self.unit,
            "accounting": self.convention,
            "resamples": self.resamples,
            "over": list(self.over),
            "level": level,
            "curves": {
                str(model): {str(name): plain(values) for name, values in its.items()}
                for model, its in frame.set_index("model").groupby(level=0, sort=False)
            },
        }

    def table(self) -> TextTable:
        """Return up to five amounts per model with 90% bands."""
        frame, rows = self.to_frame(), []
        for model in self.market.models:
            mine = frame[(frame["model"] == model) & (frame["amount"] > 0)]
            for row in np.unique(np.linspace(0, len(mine) - 1, _SHOWN).astype(int)):
                at = mine.iloc[row]
                rate = Band(at["solve_rate"], at["solve_rate_low"], at["solve_rate_high"])
                low, high = number(at["spend_low"]), number(at["spend_high"])
                spend = f"{number(at['spend'])} ({low} to {high})"
                whole = self.unit == "attempts"
                amount = f"{at['amount']:,.0f}" if whole else number(at["amount"])
                rows.append((model_label(model), amount, rate.text(), spend))
        currency = self.market.currency
        unit = "attempts" if self.unit == "attempts" else f"{currency}/instance"
        return TextTable(
            f"Curves of {self.market.name}, 90% bands of {self.resamples} resamples over"
            f" {' and '.join(self.over)}",
            ("model", f"at most [{unit}]", "solve rate", f"spend [{currency}/instance]"),
            rows,
            f"{self.convention}.",
        )

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw every model's solve rate against the amount, with its 90% band."""
        axes = new_axes() if axes is None else axes
        names = self.market.models
        for m, (model, amounts) in enumerate(zip(names, self.amounts, strict=True)):
            some = amounts > 0
            colour = model_colour(model, names)
            low, high = 100 * quantiles(self.solve_rate[m], 0.9)
            axes.fill_between(amounts[some], low[some], high[some], color=colour, alpha=0.15, lw=0)
            rate = 100 * self.point[m][0]
            axes.plot(amounts[some], rate[some], color=colour, lw=2, label=model_label(model))
        axes.set_xscale("log")
        what = "attempts" if self.unit == "attempts" else f"{self.market.currency} per instance"
        axes.set_xlabel(f"At most ({what})")
        axes.set_ylabel("Solve rate (%)")
        axes.set_title(self.market.name)
        axes.legend(frameon=False)
        return axes


def thinned(grid: FloatArray) -> FloatArray:
    """Return up to 250 amounts of a grid, first and last included; the small ones stay dense."""
    if len(grid) <= _MOST_AMOUNTS:
        return grid
    places = np.geomspace(1, len(grid) - 1, _MOST_AMOUNTS - 1).round().astype(int)
    kept: FloatArray = grid[np.unique(np.concatenate([[0], places]))]
    return kept


def curve_means(
    curves: Curves, amounts: tuple[FloatArray, ...]
) -> tuple[list[FloatArray], list[FloatArray]]:
    """Return the mean solve rate and spend of every model at its amounts, M arrays [K_m] each."""
    weight = curves.market.weight
    pairs = list(zip(curves.models, amounts, strict=True))
    rates = [weight @ (1.0 - curve.failure(each)) for curve, each in pairs]
    return rates, [weight @ curve.spend(each) for curve, each in pairs]
