"""What the bootstrap found: bands around prices, costs and margins."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
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
from arbmodels.errors import InputError
from arbmodels.estimation.crossval_result import PriceAndCost
from arbmodels.estimation.rates import margin_of, mean_defined, plain
from arbmodels.market import Market
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Where fewer of the resamples have a price, no band is given.
_LEAST_DEFINED = 0.5


@dataclass(frozen=True)
class Band:
    """A point estimate with the quantiles of its resamples."""

    point: float
    low: float
    high: float

    @classmethod
    def of(cls, point: float, values: FloatArray, level: float) -> Band:
        """Return the band of R resampled values; NaN where fewer than half are defined."""
        low, high = quantiles(values, level)
        return cls(point, float(low), float(high))

    def text(self, decimals: int = 2) -> str:
        """Return "point (low to high)" in percent."""
        point, low, high = (percent(x, decimals) for x in (self.point, self.low, self.high))
        return f"{point} ({low} to {high})"

    def __str__(self) -> str:
        return self.text()


@dataclass(frozen=True, eq=False, repr=False)
class MarginBands(Displayed):
    """Prices, costs and margins of R resampled markets, around those of the market itself.

    Made by :func:`arbmodels.estimation.bootstrap_margin`. Money is in currency units per instance.

    Parameters
    ----------
    market : Market
    method : {"exact", "authors"}
    over : tuple of "instances", "attempts"
    solve_rates : float array [U]
    point : PriceAndCost
        Of the market as recorded.
    model_prices : float array [R, U, M]
        Of the resamples; NaN above a model's reach.
    cost : float array [R, U]
    convention : str
    """

    market: Market
    method: str
    over: tuple[str, ...]
    solve_rates: FloatArray
    point: PriceAndCost
    model_prices: FloatArray
    cost: FloatArray
    convention: str

    @property
    def resamples(self) -> int:
        """How many."""
        return len(self.cost)

    @cached_property
    def price(self) -> FloatArray:
        """Market price of every resample, [R, U]."""
        price: FloatArray = np.fmin.reduce(self.model_prices, axis=2)
        return price

    @cached_property
    def margin(self) -> FloatArray:
        """Margin of every resample, [R, U]; NaN where there is no price."""
        return margin_of(self.price, self.cost)

    @property
    def defined(self) -> FloatArray:
        """Share of the resamples that have a price, [U]."""
        share: FloatArray = np.isfinite(self.margin).mean(axis=0)
        return share

    def mean_band(self, level: float = 0.9) -> Band:
        """Return the band of the mean margin over the solve rates with a price."""
        means = np.array([mean_defined(row) for row in self.margin])
        return Band.of(mean_defined(self.point.margin), means, level)

    def peak_band(self, level: float = 0.9) -> Band:
        """Return the band of the largest margin on the grid."""
        peaks = np.fmax.reduce(self.margin, axis=1)
        return Band.of(float(np.fmax.reduce(self.point.margin)), peaks, level)

    def quantiles(self, values: FloatArray, level: float = 0.9) -> FloatArray:
        """Return the quantiles (1 - level) / 2 and (1 + level) / 2 over the resamples, [2, U, ..].

        Parameters
        ----------
        values : float array [R, U, ..]
            :attr:`price`, :attr:`cost`, :attr:`margin`, :attr:`model_prices`.
        level : float
            Share of the resamples inside. NaN where fewer than half of them have a value.
        """
        return quantiles(values, level)

    def to_frame(self, level: float = 0.9) -> pd.DataFrame:
        """Return a row per solve rate: point estimate and band of price, cost and margin."""
        frame = {"solve_rate": self.solve_rates}
        columns = {"price": self.price, "cost": self.cost, "margin": self.margin}
        for name, values in columns.items():
            low, high = self.quantiles(values, level)
            frame |= {name: getattr(self.point, name), f"{name}_low": low, f"{name}_high": high}
        return pd.DataFrame(frame | {"defined": self.defined})

    def to_dict(self, level: float = 0.9) -> dict[str, Any]:
        """Return bands of mean, peak and every solve rate as plain values, ready for JSON."""
        bands = {"mean_margin": self.mean_band(level), "peak_margin": self.peak_band(level)}
        return {
            "market": self.market.name,
            "method": self.method,
            "unit": f"{self.market.currency}/instance",
            "accounting": self.convention,
            "resamples": self.resamples,
            "over": list(self.over),
            "level": level,
            **{
                name: {"point": plain(b.point), "low": plain(b.low), "high": plain(b.high)}
                for name, b in bands.items()
            },
            "curves": {str(name): plain(values) for name, values in self.to_frame(level).items()},
        }

    def table(self) -> TextTable:
        """Return up to ten solve rates with 90% bands, and those of the mean and the peak."""
        frame = self.to_frame()
        rows = []
        for row in np.unique(np.linspace(0, len(frame) - 1, 10).astype(int)):
            at = frame.iloc[row]
            money = [
                f"{number(at[name])} ({number(at[f'{name}_low'])} to {number(at[f'{name}_high'])})"
                for name in ("price", "cost")
            ]
            margin = Band(at["margin"], at["margin_low"], at["margin_high"]).text(1)
            rows.append((percent(at["solve_rate"], 2), *money, margin, percent(at["defined"], 0)))
        unit = f"{self.market.currency}/instance"
        return TextTable(
            f"Margin on {self.market.name} ({self.method} policy), 90% bands of {self.resamples}"
            f" resamples over {' and '.join(self.over)}: mean {self.mean_band()}",
            ("solve rate", f"market price [{unit}]", f"cost [{unit}]", "margin", "defined"),
            rows,
            f"Peak margin {self.peak_band()}. defined: share of the resamples in which a model"
            f" reaches the solve rate.\n{self.convention}; in-sample.",
        )

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw the margin with its 50% and 90% bands."""
        axes = new_axes() if axes is None else axes
        for level, alpha in ((0.9, 0.15), (0.5, 0.3)):
            self._shade(axes, 100 * self.margin, ARBITRAGEUR_COLOUR, (level, alpha))
        rates, margin = 100 * self.solve_rates, 100 * self.point.margin
        axes.plot(rates, margin, color=ARBITRAGEUR_COLOUR, lw=2, label="Margin")
        return self._labelled(axes, "Margin (%)")

    def plot_costs(self, axes: Axes | None = None) -> Axes:
        """Draw every model's price and the arbitrageur's cost with their 90% bands."""
        axes = new_axes() if axes is None else axes
        names = self.market.models
        lines = [
            (model_label(name), model_colour(name, names), point, self.model_prices[:, :, m])
            for m, (name, point) in enumerate(zip(names, self.point.model_prices.T, strict=True))
        ]
        lines.append(("Arbitrageur", ARBITRAGEUR_COLOUR, self.point.cost, self.cost))
        for label, colour, point, values in lines:
            axes.plot(100 * self.solve_rates, point, color=colour, lw=2, label=label)
            self._shade(axes, values, colour, (0.9, 0.15), name=False)
        return self._labelled(axes, f"Cost ({self.market.currency} per instance)")

    def _shade(
        self,
        axes: Axes,
        values: FloatArray,
        colour: str,
        how: tuple[float, float],
        *,
        name: bool = True,
    ) -> None:
        """Fill the band of a level with an opacity."""
        level, alpha = how
        low, high = self.quantiles(values, level)
        label = f"{level:.0%} band" if name else None
        rates = 100 * self.solve_rates
        axes.fill_between(rates, low, high, color=colour, alpha=alpha, lw=0, label=label)

    def _labelled(self, axes: Axes, what: str) -> Axes:
        axes.set_xlabel("Solve rate (%)")
        axes.set_ylabel(what)
        axes.set_title(self.market.name)
        axes.legend(frameon=False)
        return axes


def quantiles(values: FloatArray, level: float) -> FloatArray:
    """Return the quantiles (1 - level) / 2 and (1 + level) / 2 over the first axis, [2, ..].

    Raises
    ------
    InputError
        If the level is no share between 0 and 1.
    """
    if not 0 < level < 1:
        raise InputError(f"level is {level:g}; a band holds a share between 0 and 1.")
    enough = np.isfinite(values).mean(axis=0) >= _LEAST_DEFINED
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice")
        found = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return np.where(enough, found, np.nan)
