"""The answer of the provider game: prices, profits, certificate, and what it means.

Pictures of the provider game: where the consumers' money goes, prices, best responses.

What a price profile means: prices consumers pay, revenue, profits, surplus, concentration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import qmc

from arbmodels._pandas import pd
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
from arbmodels.games import inputs
from arbmodels.games.certificate import Deviations
from arbmodels.games.equilibrium import Equilibrium
from arbmodels.games.providers.best_response import best_response
from arbmodels.games.providers.certificate import Strategy
from arbmodels.games.providers.oligopoly import SAME_PRICE, ProviderOligopoly
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_flows(outcome: Outcome, ax: Axes | None = None) -> Axes:
    """Stack what providers sell directly, what they sell to arbitrageurs, and what those keep."""
    ax = new_axes() if ax is None else ax
    game = outcome.game
    rates = 100 * game.consumers.solve_rates
    parts, colours, labels, hatches = [], [], [], []
    for k, name in enumerate(game.players):
        colour = model_color(name, game.players)
        for values, how, hatch in (
            (outcome.direct, "direct", ""),
            (outcome.resold, "resold", "//"),
        ):
            if np.any(values[:, k] > 0):
                parts.append(values[:, k])
                colours.append(colour)
                labels.append(f"{name}, {how}")
                hatches.append(hatch)
    kept = outcome.kept + outcome.overhead
    if np.any(kept > 1e-12):
        parts.append(kept)
        colours.append(ARBITRAGEUR_COLOR)
        labels.append("Arbitrageurs")
        hatches.append("")
    if len(rates) == 1:
        below = 0.0
        for part, colour, label, hatch in zip(parts, colours, labels, hatches, strict=True):
            ax.bar(
                [f"{rates[0]:.1f}"],
                part,
                bottom=below,
                color=colour,
                label=label,
                hatch=hatch,
                edgecolor="white",
                width=0.4,
            )
            below += float(part[0])
    elif parts:
        drawn = ax.stackplot(rates, *parts, colors=colours, labels=labels)
        for area, hatch in zip(drawn, hatches, strict=True):
            area.set_hatch(hatch)
            area.set_edgecolor("white")
            area.set_linewidth(0.3)
    ax.set_xlabel("Solve rate (%)")
    ax.set_ylabel(f"Spend per consumer ({game.currency})")
    ax.set_title("Where consumers' money goes")
    ax.legend(frameon=False, fontsize="small", loc="upper left")
    return ax


def plot_prices(outcome: Outcome, ax: Axes | None = None) -> Axes:
    """Draw the consumers' price over the solve rates against the models' list prices."""
    ax = new_axes() if ax is None else ax
    game = outcome.game
    rates = 100 * game.consumers.solve_rates
    single = np.array([cascade_set.single for cascade_set in game.cascade_sets])
    for m, name in enumerate(game.models):
        price = np.where(np.isfinite(single[:, m]), single[:, m], np.nan)
        ax.plot(
            rates,
            price,
            ls="--",
            lw=1.2,
            color=model_color(name, game.models),
            label=f"{name}, list price",
            marker="o" * (len(rates) == 1),
        )
    ax.plot(
        rates,
        outcome.consumer_price,
        lw=2,
        color="black",
        label="What consumers pay",
        marker="o" * (len(rates) == 1),
    )
    top = np.nanmax(
        np.append(outcome.consumer_price, np.where(np.isfinite(single), single, 0).min(axis=1))
    )
    if np.isfinite(top):
        ax.set_ylim(0, 1.6 * top)
    ax.set_xlabel("Solve rate (%)")
    ax.set_ylabel(f"Price ({game.currency} per instance)")
    ax.legend(frameon=False, fontsize="small")
    return ax


def plot_responses(game: ProviderOligopoly, ax: Axes | None = None, points: int = 80) -> Axes:
    """Draw both movers' exact best responses to each other; they meet in pure equilibria.

    Parameters
    ----------
    game : ProviderGame
        With two movers.
    ax : Axes, optional
    points : int
        Rival prices, from 0.05 to 2.5 times the list price.
    """
    ax = new_axes(4.2, 4.0) if ax is None else ax
    rivals = np.linspace(0.05, 2.5, points)
    first, second = game.movers
    for own, other in ((first, second), (second, first)):
        prices: FloatArray = np.ones((points, len(game.players)))
        prices[:, other] = rivals
        answers = np.array([best_response(game, own, row).price for row in prices])
        answers = np.minimum(answers, 3.0)
        colour = model_color(game.players[own], game.players)
        x, y = (answers, rivals) if own == first else (rivals, answers)
        ax.plot(
            x,
            y,
            ".",
            ms=4,
            color=colour,
            label=f"Best response of {game.players[own]}",
        )
    ax.set_xlabel(f"Multiplier of {game.players[first]}")
    ax.set_ylabel(f"Multiplier of {game.players[second]}")
    ax.set_title("Best responses (3 stands for 3 and more)", fontsize="medium")
    ax.legend(frameon=False, fontsize="small")
    return ax


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

    game: ProviderOligopoly
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
            ("solve rate", "price", "sold", *game.players, "arbitrageurs"),
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

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw who earns what of the consumers' spend over the solve rates."""
        return plot_flows(self, ax)

    def plot_prices(self, ax: Axes | None = None) -> Axes:
        """Draw what consumers pay over the solve rates against list prices."""
        return plot_prices(self, ax)


def outcome(game: ProviderOligopoly, strategies: Sequence[Strategy] | npt.ArrayLike) -> Outcome:
    """Return what happens at multipliers, or in expectation under mixed strategies.

    Parameters
    ----------
    game : ProviderGame
    strategies : float array [providers], or sequence of Strategy
        Mixed strategies are taken at 120 equally likely quantiles each, those of more than two
        providers at the 16,384 points of a Sobol sequence.
    """
    inputs.a(ProviderOligopoly, game, "game")
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


@dataclass(frozen=True, eq=False, repr=False)
class ProviderEquilibrium(Equilibrium):
    """Providers' multipliers from which nobody gains more than ``epsilon`` by another.

    Parameters
    ----------
    game : ProviderGame
    kind : {"pure", "mixed"}
    strategies : sequence of Strategy, one per provider
        Multipliers of the list price and their probabilities.
    profits : float array [providers], in the game's unit
    deviations : Deviations
        The certificate, of the providers who choose their price.
    found_by : str
    iterations : int
    trace : float array [K, 2]
        Restricted games solved, and the largest gain that the solver saw: over the own profit if
        two providers choose, over the largest profit if more do.
    others : sequence of float arrays [providers]
        Other pure equilibria found from other starts.
    least_pure : tuple of (float array [providers], float), optional
        Where no pure equilibrium was found: the pure profile with the least epsilon, and that.
    converged : bool
        Whether epsilon is within the tolerance asked for: over the own profit, or over the largest
        profit if more than two providers choose. Gains below ``NO_GAIN`` (1e-10) of what consumers
        would pay at most, which is what approaching a limit costs, are within any.
    """

    game: ProviderOligopoly
    kind: Literal["pure", "mixed"]
    strategies: tuple[Strategy, ...]
    profits: FloatArray
    deviations: Deviations
    found_by: str
    iterations: int
    trace: FloatArray = field(default_factory=lambda: np.zeros((0, 2)))
    others: tuple[FloatArray, ...] = ()
    least_pure: tuple[FloatArray, float] | None = None
    converged: bool = True

    @property
    def epsilon_of_largest(self) -> float:
        """Epsilon over the largest profit of any provider; infinite if nobody earns anything."""
        if self.epsilon == 0:
            return 0.0
        largest = float(self.profits.max())
        return self.epsilon / largest if largest > 0 else float("inf")

    @property
    def prices(self) -> FloatArray:
        """Mean multiplier of each provider, [providers]."""
        return np.array([float(s.price @ s.probability) for s in self.strategies])

    @property
    def below_cost(self) -> tuple[str, ...]:
        """Providers who play a multiplier below their lowest marginal cost.

        That is weakly dominated: it loses on every sale, and the marginal cost never does. Only
        providers held fixed at list prices below their cost are expected here.
        """
        return tuple(
            name
            for name, s, floor in zip(self.players, self.strategies, self.game.floors, strict=True)
            if np.any(s.price[s.probability > 0] < floor * (1 - SAME_PRICE))
        )

    @cached_property
    def outcome(self) -> Outcome:
        """Prices, revenues, surplus and concentration in expectation."""
        return outcome(self.game, self.strategies)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per provider and multiplier played: price, probability."""
        rows = [
            (name, price, chance)
            for name, strategy in zip(self.players, self.strategies, strict=True)
            for price, chance in zip(strategy.price, strategy.probability, strict=True)
            if chance > 0
        ]
        return pd.DataFrame(rows, columns=["provider", "price", "probability"])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON; of mixed strategies, deciles."""
        strategies: dict[str, dict[str, Any]] = {}
        for name, s in zip(self.players, self.strategies, strict=True):
            on = s.probability > 0
            if on.sum() == 1:
                strategies[name] = {"price": float(s.price[on][0])}
            else:
                strategies[name] = {
                    "mean": float(s.price @ s.probability),
                    "deciles": _deciles(s),
                    "support": int(on.sum()),
                }
        return {
            "kind": self.kind,
            "game": self.game.name,
            "certificate": self.deviations.to_dict(),
            "epsilon": self.epsilon,
            "settled": self.converged,
            "below_cost": list(self.below_cost),
            "strategies": strategies,
            "profits": dict(zip(self.players, map(float, self.profits), strict=True)),
            "others": [prices.tolist() for prices in self.others],
            "least_pure": None
            if self.least_pure is None
            else {"prices": self.least_pure[0].tolist(), "epsilon": self.least_pure[1]},
            "found_by": self.found_by,
            "iterations": self.iterations,
            "trace": self.trace.tolist(),
            "outcome": self.outcome.to_dict(),
        }

    @property
    def words(self) -> str:
        """What was found, and what was not."""
        text = f"{self.deviations.words}\nFound by {self.found_by}; {self.iterations} iterations."
        if not self.converged:
            text += " Not within the tolerance: the best answer that the search reached."
        if self.below_cost:
            text += (
                f" {', '.join(self.below_cost)}: below marginal cost, which is weakly dominated."
            )
        if self.least_pure is not None:
            prices, gain = self.least_pure
            text += (
                " No pure equilibrium found; the least epsilon of a pure profile is"
                f" {number(gain)} {self.game.unit}, at {_listed(prices)}."
            )
        if self.others:
            shown = "; ".join(_listed(prices) for prices in self.others[:5])
            more = len(self.others) - 5
            text += f" Other pure equilibria: {shown}" + (f" and {more} more." if more > 0 else ".")
        billings = dict.fromkeys(
            cascade_set.billing for cascade_set in self.game.cascade_sets if cascade_set.billing
        )
        return "\n".join([text, *(f"Cascades: {each}" for each in billings)])

    def table(self) -> TextTable:
        """Return epsilon, then each provider's prices, profit and largest gain."""
        gains = dict(zip(self.deviations.players, self.deviations.gain, strict=True))
        rows = []
        for name, strategy, profit in zip(self.players, self.strategies, self.profits, strict=True):
            played = strategy.price[strategy.probability > 1e-6]
            rows.append(
                (
                    name,
                    number(float(strategy.price @ strategy.probability)),
                    number(played[0])
                    if len(played) == 1
                    else f"{number(played.min(), 3)} to {number(played.max(), 3)}",
                    number(profit),
                    number(gains[name]) if name in gains else "held fixed",
                )
            )
        unit = self.game.unit
        relative = (
            f"{percent(self.epsilon_of_largest, 3)} of the largest profit"
            if len(self.game.movers) > 2
            or not self.relative_epsilon < np.inf  # nothing to divide by
            else f"{percent(self.relative_epsilon, 3)} of profit"
        )
        return TextTable(
            f"epsilon = {number(self.epsilon)} {unit} ({relative}): {self.kind} equilibrium of"
            f" {self.game.name}",
            ("provider", "mean price [x list]", "prices played", f"profit [{unit}]", "gain"),
            rows,
            self.words,
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw where the consumers' money goes."""
        return self.outcome.plot(ax)

    def plot_responses(self, ax: Axes | None = None) -> Axes:
        """Draw both providers' best responses."""
        return plot_responses(self.game, ax)

    def _progress(self) -> tuple[FloatArray, FloatArray, str, str]:
        over = "the largest profit" if len(self.game.movers) > 2 else "the own profit"
        return *self.trace.T, "Restricted games solved", f"Largest gain over {over}"

    def plot_strategies(self, ax: Axes | None = None) -> Axes:
        """Draw the cumulative distribution of every provider's price."""
        from arbmodels.display import model_color, new_axes

        ax = new_axes() if ax is None else ax
        for name, s in zip(self.players, self.strategies, strict=True):
            order = np.argsort(s.price)
            price = np.concatenate([[s.price[order[0]]], s.price[order]])
            ax.step(
                price,
                np.concatenate([[0.0], np.cumsum(s.probability[order])]),
                where="post",
                color=model_color(name, self.players),
                label=name,
            )
        ax.set_xlabel("Multiplier of the list price")
        ax.set_ylabel("Probability of at most that")
        ax.legend(frameon=False)
        return ax


def _deciles(strategy: Strategy) -> list[float]:
    order = np.argsort(strategy.price)
    total = np.cumsum(strategy.probability[order])
    at = np.searchsorted(total, np.linspace(0.1, 0.9, 9))
    return [float(p) for p in strategy.price[order][np.minimum(at, len(order) - 1)]]


def _listed(prices: Sequence[float] | FloatArray) -> str:
    return "(" + ", ".join(number(float(p)) for p in prices) + ")"
