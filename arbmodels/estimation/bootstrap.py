"""Bootstrap bands of prices, costs and margins, and of every model's curve.

Resampled markets have other instances, other outcomes of the recorded attempts, or both.

References
----------
Efron, *Bootstrap methods: another look at the jackknife*, Annals of Statistics 7 (1979).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from arbmodels._pandas import pd
from arbmodels.cascades import Frontier, cascade_frontier, paper_curve, paper_policy
from arbmodels.cascades.frontier import margin_of
from arbmodels.cascades.lattice import build_lattice
from arbmodels.cascades.olmedo import PaperPolicy, paper_market_max_solve_rate
from arbmodels.curves import Curves, attempt_curves, default_budget_grid
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
    PriceAndCost,
    mean_defined,
    plain,
    rates_up_to,
)
from arbmodels.estimation.learning import PaperSearch
from arbmodels.estimation.workers import run
from arbmodels.market import Market
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


#: Where fewer of the resamples have a price, no band is given.
_LEAST_DEFINED = 0.5


@dataclass(frozen=True, repr=False)
class Band(Displayed):
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
    method : {"exact", "olmedo2026"}
    over : tuple of "instances", "attempts"
    solve_rates : float array [U]
    point : PriceAndCost
        Of the market as recorded.
    model_prices : float array [R, U, M]
        Of the resamples; NaN above a model's largest solve rate.
    cost : float array [R, U]
    billing : str
    """

    market: Market
    method: str
    over: tuple[str, ...]
    solve_rates: FloatArray
    point: PriceAndCost
    model_prices: FloatArray
    cost: FloatArray
    billing: str

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
            "accounting": self.billing,
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
            f" reaches the solve rate.\n{self.billing}; in-sample.",
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the margin with its 50% and 90% bands."""
        ax = new_axes() if ax is None else ax
        for level, alpha in ((0.9, 0.15), (0.5, 0.3)):
            self._shade(ax, 100 * self.margin, ARBITRAGEUR_COLOR, (level, alpha))
        rates, margin = 100 * self.solve_rates, 100 * self.point.margin
        ax.plot(rates, margin, color=ARBITRAGEUR_COLOR, lw=2, label="Margin")
        return self._labelled(ax, "Margin (%)")

    def plot_costs(self, ax: Axes | None = None) -> Axes:
        """Draw every model's price and the arbitrageur's cost with their 90% bands."""
        ax = new_axes() if ax is None else ax
        names = self.market.models
        lines = [
            (name, model_color(name, names), point, self.model_prices[:, :, m])
            for m, (name, point) in enumerate(zip(names, self.point.model_prices.T, strict=True))
        ]
        lines.append(("Arbitrageur", ARBITRAGEUR_COLOR, self.point.cost, self.cost))
        for label, colour, point, values in lines:
            ax.plot(100 * self.solve_rates, point, color=colour, lw=2, label=label)
            self._shade(ax, values, colour, (0.9, 0.15), name=False)
        return self._labelled(ax, f"Cost ({self.market.currency} per instance)")

    def _shade(
        self,
        ax: Axes,
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
        ax.fill_between(rates, low, high, color=colour, alpha=alpha, lw=0, label=label)

    def _labelled(self, ax: Axes, what: str) -> Axes:
        ax.set_xlabel("Solve rate (%)")
        ax.set_ylabel(what)
        ax.set_title(self.market.name)
        ax.legend(frameon=False)
        return ax


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
    billing : str
    """

    market: Market
    over: tuple[str, ...]
    amounts: tuple[FloatArray, ...]
    point: tuple[tuple[FloatArray, FloatArray], ...]
    solve_rate: tuple[FloatArray, ...]
    spend: tuple[FloatArray, ...]
    unit: str
    billing: str

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
            "accounting": self.billing,
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
                rows.append((model, amount, rate.text(), spend))
        currency = self.market.currency
        unit = "attempts" if self.unit == "attempts" else f"{currency}/instance"
        return TextTable(
            f"Curves of {self.market.name}, 90% bands of {self.resamples} resamples over"
            f" {' and '.join(self.over)}",
            ("model", f"at most [{unit}]", "solve rate", f"spend [{currency}/instance]"),
            rows,
            f"{self.billing}.",
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw every model's solve rate against the amount, with its 90% band."""
        ax = new_axes() if ax is None else ax
        names = self.market.models
        for m, (model, amounts) in enumerate(zip(names, self.amounts, strict=True)):
            some = amounts > 0
            colour = model_color(model, names)
            low, high = 100 * quantiles(self.solve_rate[m], 0.9)
            ax.fill_between(amounts[some], low[some], high[some], color=colour, alpha=0.15, lw=0)
            rate = 100 * self.point[m][0]
            ax.plot(amounts[some], rate[some], color=colour, lw=2, label=model)
        ax.set_xscale("log")
        what = "attempts" if self.unit == "attempts" else f"{self.market.currency} per instance"
        ax.set_xlabel(f"At most ({what})")
        ax.set_ylabel("Solve rate (%)")
        ax.set_title(self.market.name)
        ax.legend(frameon=False)
        return ax


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


Over = Literal["instances", "attempts"]


#: From a market to its curves; defined at the top of a module, or a partial of such a one.
MakeCurves = Callable[[Market], Curves]


def checked(over: Sequence[Over] | Over, market: Market) -> tuple[Over, ...]:
    """Return what to resample over.

    Raises
    ------
    InputError
        If it is neither instances nor attempts nor both, or would leave every resample as it was,
        so that the bands had no width.
    """
    chosen: tuple[Over, ...] = (over,) if isinstance(over, str) else tuple(over)
    if not chosen or not set(chosen) <= {"instances", "attempts"}:
        raise InputError(f"over is {over!r}; resample over 'instances', 'attempts' or both.")
    several = int(np.count_nonzero(market.weight)) > 1
    if "instances" in chosen and not several:
        raise InputError(
            f"{market.name}: one instance says nothing about others. Resample over 'attempts', or"
            " give more instances."
        )
    market.require_verified("resampling attempts")
    mixed = (market.successes > 1) & (market.successes < market.attempts)
    if "instances" not in chosen and not mixed.any():
        raise InputError(
            f"{market.name}: no model both failed and succeeded twice on an instance, so that"
            " resampled attempts would always come out the same. Resample over 'instances', or"
            " record more attempts."
        )
    return chosen


def resampled(market: Market, over: tuple[Over, ...], rng: np.random.Generator) -> Market:
    r"""Return the market as it might as well have been recorded.

    Instances are drawn with replacement, which multiplies their weights by multinomial counts.

    The successes of a pair are drawn anew given whether it was ever solved:
    :math:`c^* \sim \text{Binomial}(n, p) \mid c^* \ge 1` with p such that c is their mean, and
    :math:`c^* = 0` where c = 0. Unbiased curves end at 1 or 0 according to that alone, and records
    are often continued until a first success, so that a plain Binomial(n, c/n) would not be what
    happened: on the paper's two models it takes four points from the largest solve rate and doubles
    the margin, which is bias and no chance. Whether an instance can be solved is covered by drawing
    instances.

    Parameters
    ----------
    market : Market
    over : tuple of "instances", "attempts"
    rng : Generator
    """
    # Slow to import, and not needed where margins are only shown.
    from scipy.stats import binom

    weight, successes = market.weight, market.successes
    if "instances" in over:
        # Instances without weight are no part of the sample.
        drawn_from = np.flatnonzero(weight)
        count = len(drawn_from)
        times = np.zeros(len(weight))
        times[drawn_from] = rng.multinomial(count, np.full(count, 1.0 / count))
        weight = weight * times
    if "attempts" in over:
        n, chance = market.attempts, _chances(market)
        never = (1.0 - chance) ** n
        drawn = binom.ppf(never + (1.0 - never) * rng.random(n.shape), n, chance)
        drawn = np.clip(np.where(np.isfinite(drawn), drawn, successes), 1, np.maximum(n, 1))
        successes = np.where(successes > 1, drawn, successes).astype(np.int64)
    return replace(market, weight=weight, successes=successes, records=None)


def resampled_curves(
    market: Market,
    over: tuple[Over, ...],
    make: MakeCurves,
    seeds: Sequence[np.random.SeedSequence],
) -> Iterator[Curves]:
    """Yield the curves of a resampled market per seed, made anew only where outcomes change."""
    curves: Curves | None = None
    for seed in seeds:
        drawn = resampled(market, over, np.random.default_rng(seed))
        if curves is None or "attempts" in over:
            curves = make(drawn)
        yield replace(curves, market=drawn)


def _chances(market: Market) -> FloatArray:
    """Return p at which a first success granted, c are expected: n p / (1 - (1-p)^n) = c."""
    n, c = market.attempts.astype(float), market.successes.astype(float)
    low, high = np.zeros(n.shape), np.where(n > 0, c / np.maximum(n, 1.0), 0.0)
    for _ in range(40):  # the left side rises in p, from 1 at 0 to n at 1
        middle = (low + high) / 2
        solved = -np.expm1(n * np.log1p(-np.minimum(middle, 1 - 1e-16)))
        expected = np.divide(n * middle, solved, out=np.ones(n.shape), where=solved > 0)
        low, high = np.where(expected < c, middle, low), np.where(expected < c, high, middle)
    return high


#: Resamples of one task: their market travels to the worker once.
_PER_TASK = 10


def bootstrap_margin(
    market: Market,
    *,
    method: str = "exact",
    curves: MakeCurves | None = None,
    resamples: int = 200,
    over: Sequence[Over] | Over = ("instances", "attempts"),
    seed: int = 0,
    solve_rates: npt.ArrayLike | None = None,
    most_states: int = 250_000,
    workers: int | None = None,
) -> MarginBands:
    """Say how far prices, costs and margins could be off, by resampling instances and attempts.

    Every resample is a market of its own, on which the cascade is chosen and scored anew.

    Parameters
    ----------
    market : Market
    method : {"exact", "olmedo2026"}
    curves : callable, optional
        From a market to its curves: the billing it is scored under, by default
        :func:`arbmodels.attempt_curves` as for :func:`arbmodels.arbitrage`. Such as
        ``functools.partial(attempt_curves, max_attempts=40, estimator="beta-binomial-zero")``,
        whose prior is then fitted to every resample. Not for the paper's method.
    resamples : int
        At least 2.
    over : "instances", "attempts" or both
        Instances bring their recorded outcomes along, so that the chance in attempts is in their
        band already: the band for a market of other issues. Only attempts: for these very issues,
        given which of them each model ever solved. Both together make a cautious band.
    seed : int
    solve_rates : increasing array of probabilities, optional
        As for :func:`arbmodels.arbitrage`, up to the largest solve rate of the market as recorded.
    most_states : int
        Larger lattices are thinned; the point estimate too.
    workers : int, optional
        Processes; see :func:`arbmodels.estimation.workers.run`. Results do not depend on it.

    Returns
    -------
    MarginBands

    Raises
    ------
    InputError
        If there are too few resamples, nothing that resampling could change, or the method does
        not fit the market.

    Notes
    -----
    Efron, Tibshirani (1993), "An introduction to the bootstrap"; nested data: Davison, Hinkley
    (1997), "Bootstrap methods and their application", section 3.8. Percentile bands. Like the
    point estimate they are in-sample: by how much margins are too good on that account says
    :func:`arbmodels.estimation.cross_validate_margin`.

    References
    ----------
    Efron, *Bootstrap methods: another look at the jackknife*, Annals of Statistics 7 (1979).
    """
    if method not in ("exact", "olmedo2026"):
        raise InputError(f"No method {method!r}; choose 'exact' or 'olmedo2026'.")
    _check_resamples(resamples)
    chosen = checked(over, market)
    source: Frontier | PaperPolicy
    lattice_grids: tuple[FloatArray, ...] = ()
    make = attempt_curves if curves is None else curves
    if method == "olmedo2026":
        if curves is not None:
            raise InputError("The paper's method brings its own curves: leave them out.")
        rates = rates_up_to(paper_market_max_solve_rate(market), solve_rates)
        source = paper_policy(market, rates)
    else:
        source = cascade_frontier(make(market), most_states=most_states)
        rates = rates_up_to(source.market_max_solve_rate, solve_rates)
        lattice_grids = source.grids
    seeds = np.random.SeedSequence(seed).spawn(resamples)
    task = _Task(market, chosen, make, lattice_grids, rates)
    tasks = [(task, batch) for batch in _batches(seeds)]
    parts = run(_some_margins, tasks, workers, f"bootstrap, {_PER_TASK} resamples each")
    prices, costs = (np.concatenate([part[k] for part in parts]) for k in range(2))
    return MarginBands(
        market, method, chosen, rates, _at(source, rates), prices, costs, source.billing
    )


def bootstrap_curves(
    market: Market,
    *,
    curves: MakeCurves = attempt_curves,
    resamples: int = 200,
    over: Sequence[Over] | Over = ("instances", "attempts"),
    seed: int = 0,
    workers: int | None = None,
) -> CurveBands:
    """Say how far every model's solve rate and spend could be off, by amount bought.

    Parameters
    ----------
    market : Market
    curves : callable
        From a market to its curves, as for :func:`bootstrap_margin`.
    resamples, over, seed, workers
        As for :func:`bootstrap_margin`.

    Returns
    -------
    CurveBands

    Raises
    ------
    InputError
        If there are too few resamples, or nothing that resampling could change.

    References
    ----------
    Efron, *Bootstrap methods: another look at the jackknife*, Annals of Statistics 7 (1979).
    """
    chosen = checked(over, market)
    _check_resamples(resamples)
    recorded = curves(market)
    amounts = tuple(thinned(grid) for grid in recorded.grids)
    seeds = np.random.SeedSequence(seed).spawn(resamples)
    tasks = [(market, chosen, curves, amounts, batch) for batch in _batches(seeds)]
    parts = run(_some_curves, tasks, workers, f"bootstrap, {_PER_TASK} resamples each")
    solve_rate, spend = (
        tuple(np.concatenate([part[k][m] for part in parts]) for m in range(len(amounts)))
        for k in range(2)
    )
    return CurveBands(
        market,
        chosen,
        amounts,
        tuple(zip(*curve_means(recorded, amounts), strict=True)),
        solve_rate,
        spend,
        recorded.unit,
        recorded.billing,
    )


def _some_curves(
    market: Market,
    over: tuple[Over, ...],
    make: MakeCurves,
    amounts: tuple[FloatArray, ...],
    seeds: Sequence[np.random.SeedSequence],
) -> tuple[list[FloatArray], list[FloatArray]]:
    """Solve rates and spends by amount of the resamples of some seeds, M arrays [R, K_m] each."""
    found = [curve_means(each, amounts) for each in resampled_curves(market, over, make, seeds)]
    rates, spends = (
        [np.stack([one[k][m] for one in found]) for m in range(len(amounts))] for k in range(2)
    )
    return rates, spends


def _check_resamples(resamples: int) -> None:
    if resamples < 2:
        raise InputError(f"resamples is {resamples}; give at least 2, better 200.")


def _batches(seeds: list[np.random.SeedSequence]) -> list[list[np.random.SeedSequence]]:
    return [seeds[start : start + _PER_TASK] for start in range(0, len(seeds), _PER_TASK)]


class _Task(NamedTuple):
    """What the resamples of a margin have in common; no lattice grids for the paper's method."""

    market: Market
    over: tuple[Over, ...]
    make: MakeCurves
    lattice_grids: tuple[FloatArray, ...]
    rates: FloatArray


def _some_margins(
    task: _Task, seeds: Sequence[np.random.SeedSequence]
) -> tuple[FloatArray, FloatArray]:
    """Prices [R, U, M] and costs [R, U] of the resamples of some seeds."""
    market, over, make, lattice_grids, rates = task
    found: list[PriceAndCost] = []
    if lattice_grids:
        every = resampled_curves(market, over, make, seeds)
        lattices = (Frontier(each, build_lattice(each, lattice_grids)) for each in every)
        found.extend(_at(each, rates) for each in lattices)
    else:
        grid = default_budget_grid(market)
        search = PaperSearch(grid)
        for seed in seeds:
            drawn = resampled(market, over, np.random.default_rng(seed))
            found.append(_at(paper_curve(drawn, search.best(drawn, rates), grid), rates))
    return np.stack([each.model_prices for each in found]), np.stack([each.cost for each in found])


def _at(source: Frontier | PaperPolicy, rates: FloatArray) -> PriceAndCost:
    return PriceAndCost(source.model_prices_at(rates), source.spend_at(rates))
