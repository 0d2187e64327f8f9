"""What cross-validation found: margins in sample and held out, and the optimism between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from arbmodels.display import (
    ARBITRAGEUR_COLOUR,
    Displayed,
    TextTable,
    new_axes,
    number,
    percent,
)
from arbmodels.estimation.folds import By
from arbmodels.estimation.rates import margin_of, mean_defined, plain
from arbmodels.market import Market
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class PriceAndCost:
    """Prices of the models and cost of the cascade over solve rates, currency units per instance.

    Parameters
    ----------
    model_prices : float array [U, M]
        NaN above a model's reach.
    cost : float array [U]
        NaN above the cascade's reach.
    spend_by_model : float array [U, M], optional
        What of the cost each model is paid. None for the authors' policy, whose purchases follow a
        formula of their own.
    price_by_model : float array [U, M], optional
        What of the market price each model is paid, where the model that sells was chosen on other
        instances. By default the model of the least price sells.
    """

    model_prices: FloatArray
    cost: FloatArray
    spend_by_model: FloatArray | None = None
    price_by_model: FloatArray | None = None

    @property
    def price(self) -> FloatArray:
        """Market price, [U]; NaN where no model reaches the solve rate."""
        if self.price_by_model is not None:
            paid: FloatArray = self.price_by_model.sum(axis=1)
            return paid
        price: FloatArray = np.fmin.reduce(self.model_prices, axis=1)
        return price

    @property
    def margin(self) -> FloatArray:
        """max(0, 1 - cost / price), [U]; NaN where there is no price."""
        return margin_of(self.price, self.cost)

    @property
    def gain(self) -> FloatArray:
        """1 - cost / price, [U], below zero where cascades lose; NaN where there is no price.

        Zero where models are free, or where the cascade does not reach and nothing is sold.
        """
        price = self.price
        with np.errstate(invalid="ignore", divide="ignore"):
            gain = np.where((price > 0) & np.isfinite(self.cost), 1.0 - self.cost / price, 0.0)
        return np.where(np.isfinite(price), gain, np.nan)


@dataclass(frozen=True, eq=False, repr=False)
class CrossValidatedMargin(Displayed):
    """Margins in sample and held out.

    Made by :func:`arbmodels.estimation.cross_validate_margin`.

    Parameters
    ----------
    market : Market
    method : {"exact", "searched", "authors"}
    folds : int
    by : {"instances", "segments"}
        What was held out.
    repeats : int
        Divisions into folds.
    solve_rates : float array [U]
    in_sample, held_out : PriceAndCost
        Prices and costs fitted and scored on all instances, and scored where they were not fitted.
    convention : str
        Unit, integration, estimator and accounting of every number here.
    """

    market: Market
    method: str
    folds: int
    by: By
    repeats: int
    solve_rates: FloatArray
    in_sample: PriceAndCost
    held_out: PriceAndCost
    convention: str

    @cached_property
    def in_sample_margin(self) -> FloatArray:
        """Margin in sample, [U]; NaN where it is not defined held out, too."""
        outside = np.isfinite(self.held_out.margin)
        return np.where(outside, self.in_sample.margin, np.nan)

    @cached_property
    def margin(self) -> FloatArray:
        """Cross-validated margin, [U]; NaN where it is not defined in sample, too.

        Not cut at zero: whoever follows a policy that was chosen elsewhere may lose, and the larger
        of an estimate and zero would be too good on average.
        """
        inside = np.isfinite(self.in_sample.margin)
        return np.where(inside, self.held_out.gain, np.nan)

    @property
    def optimism(self) -> FloatArray:
        """In-sample less cross-validated margin, [U]; positive where in-sample is too good."""
        return self.in_sample_margin - self.margin

    @property
    def mean_margin(self) -> float:
        """Mean cross-validated margin over the solve rates at which both are defined."""
        return mean_defined(self.margin)

    @property
    def mean_in_sample(self) -> float:
        """Mean in-sample margin over the same solve rates."""
        return mean_defined(self.in_sample_margin)

    @property
    def mean_optimism(self) -> float:
        """Mean optimism over the same solve rates."""
        return self.mean_in_sample - self.mean_margin

    @property
    def reach(self) -> float:
        """Largest of the solve rates at which both margins are defined; NaN if there is none."""
        both = self.solve_rates[np.isfinite(self.margin)]
        return float(both.max()) if len(both) else float("nan")

    @property
    def peak(self) -> tuple[float, float, float]:
        """Solve rate of the largest in-sample margin, that margin, and the cross-validated one.

        Among the solve rates at which both are defined; NaN if there is none.
        """
        if not np.isfinite(self.margin).any():
            return (float("nan"),) * 3
        best = int(np.nanargmax(self.in_sample_margin))
        columns = (self.solve_rates, self.in_sample_margin, self.margin)
        rate, inside, outside = (float(values[best]) for values in columns)
        return rate, inside, outside

    @property
    def sentence(self) -> str:
        """The comparison in words, as it stands beside a margin."""
        how = f"{self.folds} folds of {self.by}"
        if self.repeats > 1:
            how += f", {self.repeats} times"
        how += "; neighbouring plans mixed"
        if not np.isfinite(self.margin).any():
            return f"Cross-validated ({how}): no solve rate of this grid is reached held out."
        both = self.solve_rates[np.isfinite(self.margin)]
        rate, inside, outside = self.peak
        return (
            f"Cross-validated ({how}) from {percent(both.min(), 2)} to {percent(both.max(), 2)}:"
            f" mean margin {percent(self.mean_margin, 2)}, in-sample"
            f" {percent(self.mean_in_sample, 2)}, optimism {percent(self.mean_optimism, 2)};"
            f" at {percent(rate, 2)}, the in-sample peak of that range, {percent(outside, 2)}"
            f" against {percent(inside, 2)}."
        )

    def to_frame(self) -> pd.DataFrame:
        """Return a row per solve rate: prices, costs and margins in sample and held out."""
        return pd.DataFrame(
            {
                "solve_rate": self.solve_rates,
                "price_in_sample": self.in_sample.price,
                "cost_in_sample": self.in_sample.cost,
                "margin_in_sample": self.in_sample_margin,
                "price_held_out": self.held_out.price,
                "cost_held_out": self.held_out.cost,
                "margin_held_out": self.margin,
                "optimism": self.optimism,
            }
        )

    def summary(self) -> dict[str, Any]:
        """Return means, peak and settings as plain values; None where undefined."""
        rate, inside, outside = self.peak
        return {
            "folds": self.folds,
            "by": self.by,
            "repeats": self.repeats,
            "mean_margin": plain(self.mean_margin),
            "mean_in_sample": plain(self.mean_in_sample),
            "optimism": plain(self.mean_optimism),
            "reach": plain(self.reach),
            "peak": {
                "solve_rate": plain(rate),
                "margin_in_sample": plain(inside),
                "margin": plain(outside),
            },
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the summary and all curves as plain values, ready for JSON."""
        return {
            "market": self.market.name,
            "method": self.method,
            "unit": f"{self.market.currency}/instance",
            "accounting": self.convention,
            **self.summary(),
            "curves": {str(name): plain(values) for name, values in self.to_frame().items()},
        }

    def table(self) -> TextTable:
        """Return up to ten solve rates and the means."""
        unit = f"{self.market.currency}/instance"
        rows = [
            (
                percent(row["solve_rate"], 2),
                number(row["price_held_out"]),
                number(row["cost_held_out"]),
                percent(row["margin_held_out"]),
                percent(row["margin_in_sample"]),
                percent(row["optimism"]),
            )
            for row in self.to_frame()
            .iloc[np.unique(np.linspace(0, len(self.solve_rates) - 1, 10).astype(int))]
            .to_dict("records")
        ]
        return TextTable(
            f"Margin on {self.market.name} ({self.method} policy), cross-validated: mean"
            f" {percent(self.mean_margin, 2)}, optimism {percent(self.mean_optimism, 2)}",
            (
                "solve rate",
                f"market price [{unit}]",
                f"arbitrage cost [{unit}]",
                "margin",
                "in-sample",
                "optimism",
            ),
            rows,
            f"{self.sentence}\nPolicies are indexed by the solve rate that they reach in training."
            f"\n{self.convention}.",
        )

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw the margins in sample and held out; the area between them is the optimism."""
        axes = new_axes() if axes is None else axes
        rates = 100 * self.solve_rates
        inside, outside = 100 * self.in_sample_margin, 100 * self.margin
        axes.plot(rates, inside, color="grey", ls="--", label="In-sample")
        axes.plot(rates, outside, color=ARBITRAGEUR_COLOUR, lw=2, label="Cross-validated")
        axes.fill_between(rates, outside, inside, color="grey", alpha=0.15, lw=0)
        axes.set_xlabel("Solve rate (%)")
        axes.set_ylabel("Margin (%)")
        axes.set_title(self.market.name)
        axes.legend(frameon=False)
        return axes
