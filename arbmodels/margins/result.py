"""What arbitrage yields: market price, cost, margin and revenue shares over solve rates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.cascades import AuthorsPolicy, Frontier, SearchedFrontier
from arbmodels.display import (
    ARBITRAGEUR_COLOUR,
    Displayed,
    TextTable,
    model_colour,
    model_label,
    new_axes,
)
from arbmodels.errors import InputError
from arbmodels.estimation.crossval_result import CrossValidatedMargin
from arbmodels.estimation.rates import margin_of, mean_defined
from arbmodels.margins.validation import validated
from arbmodels.market import Market
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Method = Literal["exact", "authors"]


@dataclass(frozen=True)
class ArbitragePoint:
    """Price, cost and margin at one solve rate; NaN where undefined."""

    solve_rate: float
    market_price: float
    arbitrage_cost: float
    margin: float


@dataclass(frozen=True, eq=False, repr=False)
class Arbitrage(Displayed):
    """What an arbitrageur pays and the market charges on a grid of solve rates.

    Made by :func:`arbmodels.arbitrage`. All money is in currency units per instance.

    Parameters
    ----------
    source : Frontier, SearchedFrontier or AuthorsPolicy
        Where the arbitrageur's cost comes from.
    solve_rates : float array [U]
    model_prices : float array [U, M]
        Least expected spend of each single model; NaN above its reach.
    arbitrage_cost : float array [U]
        Least expected spend of the arbitrageur; NaN above its reach.
    spend_by_model : float array [U, M]
        What of it goes to each model.
    """

    source: Frontier | SearchedFrontier | AuthorsPolicy
    solve_rates: FloatArray
    model_prices: FloatArray
    arbitrage_cost: FloatArray
    spend_by_model: FloatArray

    @property
    def market(self) -> Market:
        """The market the numbers are about."""
        return self.source.market

    @property
    def names(self) -> tuple[str, ...]:
        """The models, in the order of the columns."""
        return self.source.names

    @property
    def method(self) -> Literal["exact", "searched", "authors"]:
        """Whether the cost is the exact optimum, a search's, or that of the authors' policy.

        A frontier whose lattice had to be thinned is searched; exact in dollars is exact on the
        grid of budgets.
        """
        if isinstance(self.source, SearchedFrontier):
            return "searched"
        if isinstance(self.source, Frontier):
            return "exact" if self.source.known is None else "searched"
        return "authors"

    @property
    def accounting(self) -> str:
        """Unit, integration, estimator and accounting of every number here."""
        return self.source.convention

    @property
    def market_price(self) -> FloatArray:
        """Least expected spend of a single model, [U]; NaN where none reaches the solve rate."""
        price: FloatArray = np.fmin.reduce(self.model_prices, axis=1)
        return price

    @property
    def margin(self) -> FloatArray:
        """max(0, 1 - arbitrage cost / market price), [U]; NaN where there is no market price.

        The arbitrageur does not sell below cost, so the margin is never negative.
        """
        return margin_of(self.market_price, self.arbitrage_cost)

    @property
    def market_reach(self) -> float:
        """Largest solve rate of a single model, over the convention's budgets."""
        return self.source.market_reach

    @property
    def extra_reach(self) -> float:
        """How much further than any single model the arbitrageur reaches, in solve rate."""
        return max(0.0, self.source.reach - self.market_reach)

    @property
    def peak(self) -> ArbitragePoint:
        """The point of the grid with the largest margin."""
        if not np.any(np.isfinite(self.margin)):
            raise InputError("The margin is undefined at every solve rate of this grid.")
        best = int(np.nanargmax(self.margin))
        return self._point(best)

    @classmethod
    def of(
        cls, source: Frontier | SearchedFrontier | AuthorsPolicy, solve_rates: FloatArray
    ) -> Arbitrage:
        """Return prices and costs of cascades or a policy at some solve rates."""
        return cls(
            source,
            solve_rates,
            source.model_prices_at(solve_rates),
            source.spend_at(solve_rates),
            source.spend_by_model_at(solve_rates),
        )

    @property
    def mean_margin(self) -> float:
        """Mean margin over the grid's solve rates that have a market price, in sample."""
        return mean_defined(self.margin)

    @property
    def cross_validated(self) -> CrossValidatedMargin | None:
        """The margin on instances that the cascade was not chosen on, with default settings.

        :func:`arbmodels.estimation.cross_validate_margin` takes others. None where the default
        would be slow or mean nothing; :attr:`validation` says why.
        """
        return None if isinstance(self._validated, str) else self._validated

    @property
    def validation(self) -> str:
        """In-sample against cross-validated margin in words, or why there is no comparison."""
        found = self._validated
        return found if isinstance(found, str) else found.sentence

    @cached_property
    def _validated(self) -> CrossValidatedMargin | str:
        return validated(self.source, self.solve_rates)

    def at(self, solve_rate: float) -> ArbitragePoint:
        """Return price, cost and margin at any solve rate, computed there, not interpolated."""
        target = np.array([float(solve_rate)])
        if not 0 <= target[0] <= 1:
            raise InputError(f"A solve rate lies between 0 and 1, not {solve_rate:g}.")
        return Arbitrage.of(self.source, target)._point(0)

    def _point(self, row: int) -> ArbitragePoint:
        columns = (self.solve_rates, self.market_price, self.arbitrage_cost, self.margin)
        return ArbitragePoint(*(float(values[row]) for values in columns))

    @cached_property
    def _sells(self) -> npt.NDArray[np.bool_]:
        return (self.market_price > 0) & (self.arbitrage_cost <= self.market_price)

    def revenue_shares(self, *, arbitrageur: bool = True) -> pd.DataFrame:
        """Return who receives which share of the market price, a row per solve rate.

        Parameters
        ----------
        arbitrageur : bool
            Without one, the cheapest model takes all. With one who sells at the market price,
            each model receives what the arbitrageur spends on it and the arbitrageur the rest;
            where his cost exceeds the price he does not sell.

        Returns
        -------
        DataFrame [U, M] or [U, M + 1] indexed by solve rate
            Shares of the market price; NaN where there is none, or nothing to share at zero.

        Raises
        ------
        InputError
            If a model is called "arbitrageur", as the column of the arbitrageur is.
        """
        if arbitrageur and "arbitrageur" in self.names:
            raise InputError("A model is called 'arbitrageur', as the seller beside it: rename it.")
        price = self.market_price
        priced = price > 0
        shares = np.full(self.model_prices.shape, np.nan)
        shares[priced] = 0.0
        cheapest = np.argmin(np.where(np.isnan(self.model_prices), np.inf, self.model_prices), 1)
        shares[priced, cheapest[priced]] = 1.0
        frame = pd.DataFrame(shares, self.solve_rates, list(self.names))
        frame.index.name = "solve_rate"
        if arbitrageur:
            sells = self._sells
            frame[sells] = self.spend_by_model[sells] / price[sells, None]
            frame["arbitrageur"] = np.where(priced, self.margin, np.nan)
        return frame

    def to_frame(self) -> pd.DataFrame:
        """Return the grid as a table: solve rate, price, cost, margin, spend per model."""
        frame = pd.DataFrame(
            {
                "solve_rate": self.solve_rates,
                "market_price": self.market_price,
                "arbitrage_cost": self.arbitrage_cost,
                "margin": self.margin,
            }
        )
        for model, prices, spend in zip(
            self.names, self.model_prices.T, self.spend_by_model.T, strict=True
        ):
            frame[f"price_{model}"] = prices
            frame[f"spend_{model}"] = spend
        return frame

    def to_dict(self) -> dict[str, Any]:
        """Return prices, costs, margins and their optimism as plain values, ready for JSON.

        None where undefined; ``cross_validated`` is None where :attr:`validation` says why.
        """
        from arbmodels.margins.show import values_of

        return values_of(self)

    def table(self) -> TextTable:
        """Return up to ten points of the grid, the peak and the mean."""
        from arbmodels.margins.show import arbitrage_table

        return arbitrage_table(self)

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw each model's price and the arbitrageur's cost against the solve rate."""
        axes = new_axes() if axes is None else axes
        rates, models = 100 * self.solve_rates, self.names
        for model, prices in zip(models, self.model_prices.T, strict=True):
            axes.plot(rates, prices, color=model_colour(model, models), label=model_label(model))
        axes.plot(rates, self.arbitrage_cost, color=ARBITRAGEUR_COLOUR, lw=2, label="Arbitrageur")
        axes.fill_between(
            rates,
            self.arbitrage_cost,
            self.market_price,
            where=self._sells,
            color=ARBITRAGEUR_COLOUR,
            alpha=0.15,
            lw=0,
        )
        axes.set_xlabel("Solve rate (%)")
        axes.set_ylabel(f"Cost ({self.market.currency} per instance)")
        axes.set_title(self.market.name)
        axes.legend(frameon=False)
        return axes
