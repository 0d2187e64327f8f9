"""What arbitrageurs do to providers' revenue: at fixed list prices, and by re-pricing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from arbmodels._pandas import pd
from arbmodels.display import ARBITRAGEUR_COLOR, Displayed, TextTable, new_axes, number, percent
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.providers import ProviderGame, outcome
from arbmodels.market import Market
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STATES = ("before", "list prices", "re-pricing")


@dataclass(frozen=True, eq=False, repr=False)
class Decomposition(Displayed):
    """Provider revenue, consumer price and surplus before and after arbitrage.

    Made by :func:`decompose_revenue`. "before": no arbitrageurs, list prices; "list prices":
    arbitrageurs, list prices; "re-pricing": arbitrageurs, and providers in equilibrium.

    Parameters
    ----------
    frame : DataFrame
        A row per state; columns ``revenue``, ``mean_price``, ``consumer_surplus``, ``welfare``,
        ``profit``, ``relative_epsilon`` and ``settled``, whether that is within the tolerance.
    samples : DataFrame or None
        The same per bootstrap sample of the instances (column ``sample``).
    name, unit : str
    """

    frame: pd.DataFrame
    samples: pd.DataFrame | None
    name: str
    unit: str

    @property
    def converged(self) -> bool:
        """Whether the equilibrium, and that of every sample, is within the tolerance asked for."""
        return bool(self.frame["settled"].all()) and not self.samples_not_converged

    @property
    def samples_not_converged(self) -> int:
        """Bootstrap samples whose equilibrium is not within the tolerance asked for."""
        if self.samples is None:
            return 0
        return int((~self.samples.groupby("sample")["settled"].all()).sum())

    @property
    def at_list_prices(self) -> float:
        """Change of revenue at list prices, as a share of the revenue before."""
        return self._change(self.frame, "revenue", "before", "list prices")

    @property
    def by_repricing(self) -> float:
        """Further change once providers re-price, as a share of the revenue before."""
        before = float(self.frame.loc["before", "revenue"])  # type: ignore[arg-type]
        listed, repriced = (
            float(self.frame.loc[state, "revenue"])  # type: ignore[arg-type]
            for state in ("list prices", "re-pricing")
        )
        return (repriced - listed) / before

    @property
    def price_change(self) -> float:
        """Change of the mean consumer price from list prices with arbitrageurs to re-pricing."""
        return self._change(self.frame, "mean_price", "list prices", "re-pricing")

    @staticmethod
    def _change(frame: pd.DataFrame, column: str, start: str, end: str) -> float:
        a, b = (float(frame.loc[state, column]) for state in (start, end))  # type: ignore[arg-type]
        return b / a - 1

    def interval(self, what: str, level: float = 0.9) -> tuple[float, float]:
        """Return the bootstrap interval of ``at_list_prices``, ``by_repricing``, ``price_change``.

        Raises
        ------
        InputError
            Without bootstrap samples, or for another quantity.
        """
        if self.samples is None or what not in ("at_list_prices", "by_repricing", "price_change"):
            raise InputError(
                "Intervals are of at_list_prices, by_repricing and price_change; ask for"
                " bootstrap samples with samples=."
            )
        values = [
            getattr(Decomposition(part.set_index("state"), None, "", ""), what)
            for _, part in self.samples.groupby("sample")
        ]
        low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per state."""
        return self.frame.reset_index()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        parts = ("at_list_prices", "by_repricing", "price_change")
        found: dict[str, Any] = {
            "unit": self.unit,
            "states": self.to_frame().to_dict("records"),
            "settled": self.converged,
            "unsettled_samples": self.samples_not_converged,
            **{part: getattr(self, part) for part in parts},
        }
        if self.samples is not None:
            found["intervals"] = {part: self.interval(part) for part in parts}
        return found

    def table(self) -> TextTable:
        """Return the three states and the parts of the change."""
        note = (
            f"Provider revenue changes by {self._said('at_list_prices')} at list prices and by"
            f" {self._said('by_repricing')} more when providers re-price (of the revenue before);"
            f" the mean consumer price by {self._said('price_change')} when they re-price."
        )
        if not self.frame["settled"].all():
            note += " Not within the tolerance: what is said of re-pricing is of no equilibrium."
        if self.samples_not_converged:
            note += f" Nor are {self.samples_not_converged} samples, which the intervals contain."
        columns = ("revenue", "profit", "mean_price", "consumer_surplus", "welfare")
        return TextTable(
            f"{self.name}: what arbitrage does [{self.unit}]",
            ("", "largest gain of profit", *(c.replace("_", " ") for c in columns)),
            [
                (
                    state,
                    percent(float(self.frame.loc[state, "relative_epsilon"]), 3),  # type: ignore[arg-type]
                    *(number(float(self.frame.loc[state, c])) for c in columns),  # type: ignore[arg-type]
                )
                for state in _STATES
            ],
            note,
        )

    def _said(self, what: str) -> str:
        text = percent(getattr(self, what))
        if self.samples is not None:
            low, high = self.interval(what)
            text += f" ({percent(low)} to {percent(high)} in nine of ten samples)"
        return text

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw provider revenue in the three states, with the bootstrap's nine in ten."""
        ax = new_axes(4.4, 3.2) if ax is None else ax
        heights = self.frame.loc[list(_STATES), "revenue"].to_numpy(float)
        spread = None
        if self.samples is not None:
            by_state = self.samples.groupby("state")["revenue"]
            low, high = (
                by_state.quantile(q).reindex(_STATES).to_numpy(float) for q in (0.05, 0.95)
            )
            spread = np.maximum(np.stack([heights - low, high - heights]), 0.0)
        ax.bar(
            ["No arbitrage", "Arbitrage,\nlist prices", "Arbitrage,\nre-pricing"],
            heights,
            yerr=spread,
            color=["#999999", "#0072B2", ARBITRAGEUR_COLOR],
            width=0.6,
            capsize=4,
        )
        ax.set_ylabel(f"Provider revenue\n({self.unit})")
        return ax


def decompose_revenue(
    game: ProviderGame, *, tolerance: float = 2e-3, time_limit: float = 10.0
) -> Decomposition:
    """Return what arbitrage changes at list prices, and what re-pricing changes after that.

    Parameters
    ----------
    game : ProviderGame
        With its arbitrageurs. With calibrated costs (:func:`calibrate_costs`) list prices are the
        equilibrium before; otherwise re-pricing also undoes what was not an equilibrium.
    tolerance, time_limit : float
        As in :meth:`arbmodels.games.ProviderGame.solve`.

    References
    ----------
    Olmedo, Schölkopf, Hardt, *Computational arbitrage in AI model markets*, arXiv 2603.22404
    (2026).
    """
    inputs.a(ProviderGame, game, "game")
    return Decomposition(_states(game, tolerance, time_limit), None, game.name, game.unit)


def bootstrap_decomposition(
    market: Market,
    build: Callable[[Market], ProviderGame],
    *,
    samples: int = 20,
    seed: int = 0,
    tolerance: float = 2e-3,
    time_limit: float = 10.0,
) -> Decomposition:
    """Return a decomposition with its uncertainty over instances.

    The estimate and the samples have the same tolerance: with a looser one for the samples their
    intervals might not contain the estimate.

    Parameters
    ----------
    market : Market
    build : callable
        Makes the game of a market, such as ``lambda m: ProviderGame.from_market(m, [0.72])``. It
        is called with the market and with every resample of its instances.
    samples : int
        Bootstrap samples: instances drawn with replacement.
    seed : int
    tolerance, time_limit : float
        Per equilibrium.

    Raises
    ------
    InputError
        If there are no samples, or a resample cannot serve any of the solve rates.

    References
    ----------
    Efron, *Bootstrap methods: another look at the jackknife*, Annals of Statistics 7 (1979).
    """
    inputs.a(Market, market, "market")
    if not callable(build):
        raise InputError(f"build must be a function of a market, not {build!r}.")
    inputs.whole(samples, "samples", 1)
    inputs.whole(seed, "seed")
    game = inputs.a(ProviderGame, build(market), "What build returns")
    whole = _states(game, tolerance, time_limit)
    rng = np.random.default_rng(seed)
    count = len(market.instances)
    parts = []
    for k in tqdm(range(samples), desc="bootstrap", disable=None, leave=False):
        drawn = np.bincount(rng.integers(0, count, count), minlength=count).astype(float)
        part = _states(build(_reweighted(market, drawn)), tolerance, time_limit).reset_index()
        parts.append(part.assign(sample=k))
    return Decomposition(whole, pd.concat(parts, ignore_index=True), game.name, game.unit)


def _reweighted(market: Market, times: FloatArray) -> Market:
    kept = times > 0
    names = [name for name, keep in zip(market.instances, kept, strict=True) if keep]
    return replace(market.select(instances=names), weight=market.weight[kept] * times[kept])


def _states(game: ProviderGame, tolerance: float, time_limit: float) -> pd.DataFrame:
    ones = np.ones(len(game.players))
    before = outcome(game.replace(arbitrageurs=0), ones)
    at_list = outcome(game, ones)
    found = game.solve(tolerance=tolerance, time_limit=time_limit)
    rows = []
    for state, what, gain, within in (
        ("before", before, 0.0, True),
        ("list prices", at_list, 0.0, True),
        ("re-pricing", found.outcome, found.relative_epsilon, found.converged),
    ):
        measures = what.measures()
        rows.append(
            {
                "state": state,
                "relative_epsilon": gain,
                "settled": within,
                "revenue": measures["provider_revenue"],
                "profit": measures["provider_profit"],
                "mean_price": measures["mean_price"],
                "consumer_surplus": measures["consumer_surplus"],
                "welfare": measures["welfare"],
            }
        )
    return pd.DataFrame(rows).set_index("state")
