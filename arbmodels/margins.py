"""What arbitrage yields: market price, cost, margin and revenue shares over solve rates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from arbmodels._pandas import pd
from arbmodels.cascades import (
    Frontier,
    PaperPolicy,
    SearchedFrontier,
    cascade_frontier,
    paper_market_max_solve_rate,
    paper_policy,
    search_frontier,
)
from arbmodels.cascades.frontier import MAX_MODELS, margin_of
from arbmodels.curves import Curves
from arbmodels.display import (
    ARBITRAGEUR_COLOR,
    Displayed,
    TextTable,
    model_color,
    new_axes,
    number,
    percent,
)
from arbmodels.errors import InputError
from arbmodels.estimation.cross_validation import (
    CrossValidatedMargin,
    cross_validate_margin,
    mean_defined,
    plain,
    rates_up_to,
)
from arbmodels.market import Market
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


#: Rows of the table.
_SHOWN = 10


def arbitrage_table(result: Arbitrage) -> TextTable:
    """Return up to ten points of the grid, the peak, the mean, and their optimism."""
    price, cost, margin = result.market_price, result.arbitrage_cost, result.margin
    unit = f"{result.market.currency}/instance"
    found = result.cross_validated
    columns = ["solve rate", f"market price [{unit}]", f"arbitrage cost [{unit}]", "margin"]
    short, beside = "", list[FloatArray]()
    if found is not None and np.isfinite(found.mean_margin):
        # Both of the same policies, on the same amounts: what lies between them is the optimism.
        columns += ["plans mixed", "cross-validated"]
        beside = [found.in_sample.margin, found.margin]
        short = (
            f"; plans mixed {percent(found.mean_in_sample, 2)}, cross-validated"
            f" {percent(found.mean_margin, 2)}, optimism {percent(found.mean_optimism, 2)}"
        )
    shown = np.unique(np.linspace(0, len(price) - 1, _SHOWN).astype(int))
    worth = result.delivered_scores(result.solve_rates[shown])
    if worth is not None:
        columns.append("delivered score")
    rows = [
        (
            percent(result.solve_rates[row], 2),
            number(price[row]),
            number(cost[row]),
            percent(margin[row]),
            *(percent(each[row]) for each in beside),
            *([] if worth is None else [number(worth[place], 3)]),
        )
        for place, row in enumerate(shown.tolist())
    ]
    return TextTable(
        f"Arbitrage on {result.market.name} ({result.method} policy): mean margin"
        f" {percent(result.mean_margin, 2)} in-sample{short}",
        tuple(columns),
        rows,
        f"{_peak(result)}; extra solve rate {percent(result.extra_solve_rate, 2)} beyond"
        f" {percent(result.market_max_solve_rate, 2)}.\n{result.validation}"
        f"\n{result.billing}; all but the cross-validated margin is in-sample.",
    )


def values_of(result: Arbitrage) -> dict[str, Any]:
    """Return prices, costs, margins and their optimism as plain values."""
    models = result.model_prices.T
    peak = result.peak if _defined(result) else None
    found = result.cross_validated
    return {
        "market": result.market.name,
        "method": result.method,
        "unit": f"{result.market.currency}/instance",
        "accounting": result.billing,
        "models": list(result.names),
        "solve_rates": plain(result.solve_rates),
        "model_prices": {name: plain(p) for name, p in zip(result.names, models, strict=True)},
        "market_price": plain(result.market_price),
        "arbitrage_cost": plain(result.arbitrage_cost),
        "margin": plain(result.margin),
        "mean_margin": plain(result.mean_margin),
        "peak": peak and {"solve_rate": peak.solve_rate, "margin": peak.margin},
        "market_reach": result.market_max_solve_rate,
        "extra_reach": result.extra_solve_rate,
        "validation": result.validation,
        "cross_validated": None if found is None else found.summary(),
    }


def _defined(result: Arbitrage) -> bool:
    return bool(np.any(np.isfinite(result.margin)))


def _peak(result: Arbitrage) -> str:
    if not _defined(result):
        return "No model reaches these solve rates, so there is no margin"
    return f"Peak margin {percent(result.peak.margin, 2)} at {percent(result.peak.solve_rate, 2)}"


#: Fewer instances than this say nothing about others.
LEAST_INSTANCES = 20
#: Divisions into folds; more models or instances than these get one, for a second or two in all.
#: So does a search, which is repeated on every training set: some ten seconds for six models.
_REPEATS, _FEW_MODELS, _FEW_INSTANCES = 10, 3, 1_000
#: As many instances are validated within a few seconds; a search of as many models; a lattice of
#: as many states, the same on every training set.
MOST_INSTANCES, MOST_SEARCHED, MOST_STATES = 5_000, 8, 500_000
#: Lattices up to so many states are quick enough for several divisions.
_FEW_STATES = 100_000


def why_not(source: Frontier | SearchedFrontier | PaperPolicy, solve_rates: FloatArray) -> str:
    """Return why the margin is not cross-validated by default; empty if it is."""
    # Instances without weight are no part of the sample.
    count, models = int(np.count_nonzero(source.market.weight)), len(source.names)
    if not np.any(np.isfinite(source.model_prices_at(solve_rates))):
        return "Not cross-validated: there is no market price at these solve rates."
    if isinstance(source, PaperPolicy) and models != 2:
        return "Not cross-validated: this allocation was given, not chosen on the market."
    if count < LEAST_INSTANCES:
        return (
            f"Not cross-validated: {count} instances are too few ({LEAST_INSTANCES} needed), so the"
            " margin may be far too good."
        )
    searched = isinstance(source, SearchedFrontier)
    much = f"{count} instances" if count > (_FEW_INSTANCES if searched else MOST_INSTANCES) else ""
    if searched and models > MOST_SEARCHED:
        much = f"a search of {models} models"
    if isinstance(source, Frontier) and source.known is not None:
        much = "a lattice thinned and searched anew on every training set"
    elif isinstance(source, Frontier) and _states(source) > MOST_STATES:
        much = f"a lattice of {_states(source):,} states"
    if much:
        return (
            f"Not cross-validated: it would take long with {much};"
            " call arbmodels.estimation.cross_validate_margin."
        )
    return ""


def _states(source: Frontier) -> int:
    return int(np.prod([float(len(grid)) for grid in source.grids]))


def validated(
    source: Frontier | SearchedFrontier | PaperPolicy, solve_rates: FloatArray
) -> CrossValidatedMargin | str:
    """Return the cross-validated margin at the solve rates of the arbitrage, or why there is none.

    A margin must be shown whatever its market is like, so errors become reasons here.
    """
    if reason := why_not(source, solve_rates):
        return reason
    quick = not isinstance(source, Frontier) or _states(source) <= _FEW_STATES
    few = (
        quick
        and len(source.names) <= _FEW_MODELS
        and len(source.market.instances) <= _FEW_INSTANCES
    )
    repeats = _REPEATS if few and not isinstance(source, SearchedFrontier) else 1
    try:
        if isinstance(source, Frontier | SearchedFrontier):
            return cross_validate_margin(source, solve_rates=solve_rates, repeats=repeats)
        return cross_validate_margin(
            source.market, method="olmedo2026", solve_rates=solve_rates, repeats=repeats
        )
    except InputError as error:
        return f"Not cross-validated: {error}"


Method = Literal["exact", "olmedo2026"]


@dataclass(frozen=True, repr=False)
class ArbitragePoint(Displayed):
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
    source : Frontier, SearchedFrontier or PaperPolicy
        Where the arbitrageur's cost comes from.
    solve_rates : float array [U]
    model_prices : float array [U, M]
        Least expected spend of each single model; NaN above its largest solve rate.
    arbitrage_cost : float array [U]
        Least expected spend of the arbitrageur; NaN above its largest solve rate.
    spend_by_model : float array [U, M]
        What of it goes to each model.
    """

    source: Frontier | SearchedFrontier | PaperPolicy
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
    def method(self) -> Literal["exact", "searched", "olmedo2026"]:
        """Whether the cost is the exact optimum, a search's, or that of the paper's policy.

        A frontier whose lattice had to be thinned is searched; exact in dollars is exact on the
        grid of budgets.
        """
        if isinstance(self.source, SearchedFrontier):
            return "searched"
        if isinstance(self.source, Frontier):
            return "exact" if self.source.known is None else "searched"
        return "olmedo2026"

    @property
    def billing(self) -> str:
        """Unit, integration, estimator and billing of every number here."""
        return self.source.billing

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
    def market_max_solve_rate(self) -> float:
        """Largest solve rate of a single model, over the billing's budgets."""
        return self.source.market_max_solve_rate

    @property
    def extra_solve_rate(self) -> float:
        """How much further than any single model the arbitrageur reaches, in solve rate."""
        return max(0.0, self.source.max_solve_rate - self.market_max_solve_rate)

    @property
    def peak(self) -> ArbitragePoint:
        """The point of the grid with the largest margin."""
        if not np.any(np.isfinite(self.margin)):
            raise InputError("The margin is undefined at every solve rate of this grid.")
        best = int(np.nanargmax(self.margin))
        return self._point(best)

    @classmethod
    def of(
        cls, source: Frontier | SearchedFrontier | PaperPolicy, solve_rates: FloatArray
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

        References
        ----------
        Olmedo, Schölkopf, Hardt, *Computational arbitrage in AI model markets*, arXiv 2603.22404
        (2026).
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

    def delivered_scores(self, solve_rates: npt.ArrayLike) -> FloatArray | None:
        """Return the mean score of the answers that the cheapest cascade delivers, at solve rates.

        None of markets whose outcomes were verified in the first place, and of the paper's policy;
        see :meth:`arbmodels.Market.accept`. NaN above the largest solve rate.
        """
        if self.market.accepted is None or isinstance(self.source, PaperPolicy):
            return None
        curves, most = self.source.curves, self.source.max_solve_rate
        found = [
            self.source.plan_at(rate).evaluate(curves).delivered_score if rate <= most else np.nan
            for rate in np.atleast_1d(np.asarray(solve_rates, dtype=float)).tolist()
        ]
        return np.array(found)

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
        worth = self.delivered_scores(self.solve_rates)
        if worth is not None:
            frame["delivered_score"] = worth
        return frame

    def to_dict(self) -> dict[str, Any]:
        """Return prices, costs, margins and their optimism as plain values, ready for JSON.

        None where undefined; ``cross_validated`` is None where :attr:`validation` says why.
        """
        return values_of(self)

    def table(self) -> TextTable:
        """Return up to ten points of the grid, the peak and the mean."""
        return arbitrage_table(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each model's price and the arbitrageur's cost against the solve rate."""
        ax = new_axes() if ax is None else ax
        rates, models = 100 * self.solve_rates, self.names
        for model, prices in zip(models, self.model_prices.T, strict=True):
            ax.plot(rates, prices, color=model_color(model, models), label=model)
        ax.plot(rates, self.arbitrage_cost, color=ARBITRAGEUR_COLOR, lw=2, label="Arbitrageur")
        ax.fill_between(
            rates,
            self.arbitrage_cost,
            self.market_price,
            where=self._sells,
            color=ARBITRAGEUR_COLOR,
            alpha=0.15,
            lw=0,
        )
        ax.set_xlabel("Solve rate (%)")
        ax.set_ylabel(f"Cost ({self.market.currency} per instance)")
        ax.set_title(self.market.name)
        ax.legend(frameon=False)
        return ax


def arbitrage(
    source: Market | Curves | Frontier | SearchedFrontier,
    *,
    method: Method = "exact",
    solve_rates: npt.ArrayLike | None = None,
) -> Arbitrage:
    r"""Compare the cheapest cascade with the cheapest single model at every solve rate.

    Market price at u: the least expected spend of one model that reaches u. Arbitrage cost: the
    same over all cascades (``exact``), or that of the paper's single allocation (``olmedo2026``).
    Margin: 1 - cost / price. Above the best single model's largest solve rate there is no price,
    and the margin is undefined.

    Parameters
    ----------
    source : Market, Curves, Frontier or SearchedFrontier
        A market is scored in whole attempts that stop at the record; give ``dollar_curves(market)``
        for the paper's billing, in which both methods compare. The paper's method takes a
        market of two models, the cheap one first, and brings it. Of more than four models,
        cascades are searched for (:func:`arbmodels.search_frontier`), and their best single plans
        are compared; :attr:`Arbitrage.method` says "searched".
    method : {"exact", "olmedo2026"}
    solve_rates : increasing array of probabilities, optional
        By default the paper's grid: 1,000 points from 0.68 to the best single model's largest solve
        rate (from 0.9 times it in markets that end below 0.70).

    Returns
    -------
    Arbitrage

    Raises
    ------
    InputError
        If a solve rate is no probability, or the method does not fit the source.

    Notes
    -----
    Olmedo, Schölkopf, Hardt (2026), section 3 and figure 1.

    References
    ----------
    Olmedo, Schölkopf, Hardt, *Computational arbitrage in AI model markets*, arXiv 2603.22404
    (2026).

    Lerner, *The concept of monopoly and the measurement of monopoly power*, Review of Economic
    Studies 1 (1934).
    """
    if method not in ("exact", "olmedo2026"):
        raise InputError(f"No method {method!r}; choose 'exact' or 'olmedo2026'.")
    answer: Frontier | SearchedFrontier | PaperPolicy
    if method == "olmedo2026":
        if not isinstance(source, Market):
            raise InputError("The paper's method brings its own curves: give it a market.")
        rates = rates_up_to(paper_market_max_solve_rate(source), solve_rates)
        answer = paper_policy(source, rates)
    else:
        if isinstance(source, Frontier | SearchedFrontier):
            answer = source
        else:
            names = source.models if isinstance(source, Market) else source.names
            many = len(names) > MAX_MODELS
            answer = search_frontier(source) if many else cascade_frontier(source)
        rates = rates_up_to(answer.market_max_solve_rate, solve_rates)
    return Arbitrage.of(answer, rates)
