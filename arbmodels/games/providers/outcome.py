"""What a price profile means: prices consumers pay, revenue, profits, surplus, concentration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import qmc

from arbmodels.display import Displayed, TextTable, model_label, number, percent
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.providers.certificate import Strategy
from arbmodels.games.providers.flows import plot_flows, plot_prices
from arbmodels.games.providers.game import ProviderGame
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Quantiles per provider at which a mixed profile is evaluated, for up to two who mix.
_QUANTILES = 120
#: Joint quantiles for more, 2 to this power.
_DRAWS = 14
#: A provider earns at a solve rate if at least this share of the consumers' spend reaches it.
_EARNS = 1e-3


@dataclass(frozen=True, eq=False, repr=False)
class Outcome(Displayed):
    """Expected money flows at every solve rate; per consumer there, unless it says total.

    Parameters
    ----------
    game : ProviderGame
    sold : float array [U]
        Share of the consumers who buy.
    paid : float array [U]
        What they pay, in expectation, over all consumers (0 for those who do not buy).
    surplus : float array [U]
        Consumer surplus.
    direct, resold : float array [U, providers]
        Revenue of each provider from consumers and from arbitrageurs.
    cost : float array [U, providers]
        Marginal cost of what is sold.
    kept, overhead : float array [U]
        What arbitrageurs keep, and their overheads.
    """

    game: ProviderGame
    sold: FloatArray
    paid: FloatArray
    surplus: FloatArray
    direct: FloatArray
    resold: FloatArray
    cost: FloatArray
    kept: FloatArray
    overhead: FloatArray

    @property
    def mass(self) -> FloatArray:
        """Consumers per solve rate, [U]."""
        return np.asarray(self.game.consumers.mass)

    @property
    def revenue(self) -> FloatArray:
        """Revenue of each provider, [U, providers]."""
        return self.direct + self.resold

    @cached_property
    def consumer_price(self) -> FloatArray:
        """Mean price of those who buy, [U]; NaN where nobody does."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.sold > 0, self.paid / self.sold, np.nan)

    @property
    def total_revenue(self) -> FloatArray:
        """Revenue of each provider over all consumers, [providers]."""
        return self.mass @ self.revenue

    @property
    def total_profit(self) -> FloatArray:
        """Profit of each provider over all consumers, [providers]."""
        return self.mass @ (self.revenue - self.cost)

    @property
    def arbitrageur_profit(self) -> float:
        """Profit of all arbitrageurs together."""
        return float(self.mass @ self.kept)

    @property
    def consumer_surplus(self) -> float:
        """Surplus of all consumers."""
        return float(self.mass @ self.surplus)

    @property
    def welfare(self) -> float:
        """Consumer surplus plus all profits."""
        return self.consumer_surplus + float(self.total_profit.sum()) + self.arbitrageur_profit

    @property
    def mean_price(self) -> float:
        """Mean price over all who buy; NaN if nobody does."""
        bought = float(self.mass @ self.sold)
        return float(self.mass @ self.paid) / bought if bought > 0 else float("nan")

    @property
    def herfindahl(self) -> float:
        """Sum of squared shares of what consumers spend, arbitrageurs' margin as one firm's."""
        income = np.append(self.total_revenue, float(self.mass @ (self.kept + self.overhead)))
        total = float(income.sum())
        return float(((income / total) ** 2).sum()) if total > 0 else float("nan")

    @property
    def segmentation(self) -> FloatArray:
        """Share of the solve rates that are served at which each provider earns, [providers]."""
        spend = self.paid > 0
        if not spend.any():
            return np.zeros(len(self.game.players))
        earns = self.revenue[spend] >= _EARNS * self.paid[spend, None]
        return np.asarray(earns.mean(axis=0))

    def measures(self) -> dict[str, float]:
        """Return the totals by name: prices, surplus, profits, revenues, concentration."""
        found = {
            "mean_price": self.mean_price,
            "sold": float(self.mass @ self.sold / self.mass.sum()),
            "consumer_surplus": self.consumer_surplus,
            "provider_profit": float(self.total_profit.sum()),
            "provider_revenue": float(self.total_revenue.sum()),
            "arbitrageur_profit": self.arbitrageur_profit,
            "welfare": self.welfare,
            "herfindahl": self.herfindahl,
            "segmentation": float(self.segmentation.mean()),
        }
        for k, name in enumerate(self.game.players):
            found[f"revenue {name}"] = float(self.total_revenue[k])
            found[f"profit {name}"] = float(self.total_profit[k])
            found[f"earns {name}"] = float(self.segmentation[k])
        return found

    def to_frame(self) -> pd.DataFrame:
        """Return a row per solve rate: price, sold, surplus, and each provider's revenue."""
        frame = pd.DataFrame(
            {
                "solve_rate": self.game.consumers.solve_rates,
                "price": self.consumer_price,
                "sold": self.sold,
                "consumer_surplus": self.surplus,
                "arbitrageurs": self.kept,
            }
        )
        for k, name in enumerate(self.game.players):
            frame[f"direct {name}"] = self.direct[:, k]
            frame[f"resold {name}"] = self.resold[:, k]
        return frame

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        plain = {
            key: None if np.isnan(value) else float(value) for key, value in self.measures().items()
        }
        rows = self.to_frame().to_dict("records")
        points = [
            {str(k): None if np.isnan(v) else float(v) for k, v in row.items()} for row in rows
        ]
        return {"unit": self.game.unit, **plain, "points": points}

    def table(self) -> TextTable:
        """Return up to twelve solve rates: price, share sold, revenues, arbitrageurs."""
        game = self.game
        shown = np.unique(np.linspace(0, len(self.sold) - 1, 12).astype(int))
        return TextTable(
            f"{game.name}: money per consumer at each solve rate [{game.currency}/instance]",
            ("solve rate", "price", "sold", *map(model_label, game.players), "arbitrageurs"),
            [
                (
                    percent(game.consumers.solve_rates[u], 2),
                    number(self.consumer_price[u]),
                    percent(self.sold[u]),
                    *(number(r) for r in self.revenue[u]),
                    number(self.kept[u]),
                )
                for u in shown
            ],
            f"Total: consumer surplus {number(self.consumer_surplus)}, welfare"
            f" {number(self.welfare)}, Herfindahl index {number(self.herfindahl, 3)}.",
        )

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw who earns what of the consumers' spend over the solve rates."""
        return plot_flows(self, axes)

    def plot_prices(self, axes: Axes | None = None) -> Axes:
        """Draw what consumers pay over the solve rates against list prices."""
        return plot_prices(self, axes)


def outcome(game: ProviderGame, strategies: Sequence[Strategy] | npt.ArrayLike) -> Outcome:
    """Return what happens at multipliers, or in expectation under mixed strategies.

    Parameters
    ----------
    game : ProviderGame
    strategies : float array [providers], or sequence of Strategy
        Mixed strategies are taken at 120 equally likely quantiles each, those of more than two
        providers at the 16,384 points of a Sobol sequence.
    """
    inputs.a(ProviderGame, game, "game")
    given = inputs.listed(strategies, "strategies")
    if given and all(isinstance(one, Strategy) for one in given):
        if len(given) != len(game.players):
            raise InputError(f"{len(given)} strategies for {len(game.players)} providers.")
        chosen = _drawn(given)  # type: ignore[arg-type]
    else:
        chosen = np.atleast_2d(inputs.numbers(strategies, "Multipliers"))
    w = game.price_vectors(chosen)
    rates, providers = len(game.consumers.solve_rates), len(game.players)
    sold, paid, surplus, kept, overhead = (np.zeros(rates) for _ in range(5))
    direct, resold, cost = (np.zeros((rates, providers)) for _ in range(3))
    mass = np.asarray(game.consumers.mass)
    for u, part, captive in game.groups():
        share = part / mass[u] / len(w)
        found = game.served(u, w, captive=captive)
        price = np.where(found.sold > 0, found.price, 0.0)
        sold[u] += share * found.sold.sum()
        paid[u] += share * (found.sold * price).sum()
        surplus[u] += share * found.surplus.sum()
        kept[u] += share * (found.sold * found.kept).sum()
        overhead[u] += share * (found.sold * found.overhead).sum()
        own = game.ownership.T
        direct[u] += share * (found.sold @ ((found.direct * w) @ own))
        resold[u] += share * (found.sold @ ((found.resold * w) @ own))
        bought = (found.direct + found.resold) * np.asarray(game.marginal_cost)
        cost[u] += share * (found.sold @ (bought @ own))
    return Outcome(game, sold, paid, surplus, direct, resold, cost, kept, overhead)


def _drawn(strategies: Sequence[Strategy]) -> FloatArray:
    """Equally likely joint representatives of mixed strategies, [B, providers]."""
    mixing = [k for k, s in enumerate(strategies) if (s.probability > 0).sum() > 1]
    if len(mixing) <= 2:
        at = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
        each = [_quantiles(s, at if k in mixing else at[:1]) for k, s in enumerate(strategies)]
        return np.stack([g.ravel() for g in np.meshgrid(*each, indexing="ij")], axis=1)
    points = qmc.Sobol(len(mixing), rng=np.random.default_rng(0)).random_base2(_DRAWS)
    chosen = np.empty((len(points), len(strategies)))
    for k, strategy in enumerate(strategies):
        at = points[:, mixing.index(k)] if k in mixing else np.zeros(len(points))
        chosen[:, k] = _quantiles(strategy, at)
    return chosen


def _quantiles(strategy: Strategy, at: FloatArray) -> FloatArray:
    """Multipliers of a mixed strategy at quantiles [K]."""
    on = strategy.probability > 0
    price, chance = strategy.price[on], strategy.probability[on]
    order = np.argsort(price)
    where = np.searchsorted(np.cumsum(chance[order]), at)
    return np.asarray(price[order][np.minimum(where, len(price) - 1)])
