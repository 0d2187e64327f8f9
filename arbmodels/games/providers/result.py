"""The answer of the provider game: prices, profits, certificate, and what it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from arbmodels.display import Displayed, TextTable, model_label, number, percent
from arbmodels.games.deviations import Deviations
from arbmodels.games.providers.certificate import Strategy
from arbmodels.games.providers.flows import plot_responses
from arbmodels.games.providers.game import SAME_PRICE, ProviderGame
from arbmodels.games.providers.outcome import Outcome, outcome
from arbmodels.games.trace import draw_trace
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class ProviderEquilibrium(Displayed):
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
    settled : bool
        Whether epsilon is within the tolerance asked for: over the own profit, or over the largest
        profit if more than two providers choose. Gains below ``NO_GAIN`` (1e-10) of what consumers
        would pay at most, which is what approaching a limit costs, are within any.
    """

    game: ProviderGame
    kind: Literal["pure", "mixed"]
    strategies: tuple[Strategy, ...]
    profits: FloatArray
    deviations: Deviations
    found_by: str
    iterations: int
    trace: FloatArray = field(default_factory=lambda: np.zeros((0, 2)))
    others: tuple[FloatArray, ...] = ()
    least_pure: tuple[FloatArray, float] | None = None
    settled: bool = True

    @property
    def epsilon(self) -> float:
        """Largest gain of any provider from any deviation, in the game's unit."""
        return self.deviations.epsilon

    @property
    def relative_epsilon(self) -> float:
        """Largest gain over profit of any provider."""
        return self.deviations.relative_epsilon

    @property
    def epsilon_of_largest(self) -> float:
        """Epsilon over the largest profit of any provider; infinite if nobody earns anything."""
        if self.epsilon == 0:
            return 0.0
        largest = float(self.profits.max())
        return self.epsilon / largest if largest > 0 else float("inf")

    @property
    def players(self) -> tuple[str, ...]:
        """Names of the providers."""
        return self.game.players

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
            "settled": self.settled,
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
        if not self.settled:
            text += " Not within the tolerance: the best answer that the search reached."
        if self.below_cost:
            text += (
                f" {', '.join(map(model_label, self.below_cost))}: below marginal cost, which is"
                " weakly dominated."
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
        conventions = dict.fromkeys(menu.convention for menu in self.game.menus if menu.convention)
        return "\n".join([text, *(f"Cascades: {each}" for each in conventions)])

    def table(self) -> TextTable:
        """Return epsilon, then each provider's prices, profit and largest gain."""
        gains = dict(zip(self.deviations.players, self.deviations.gain, strict=True))
        rows = []
        for name, strategy, profit in zip(self.players, self.strategies, self.profits, strict=True):
            played = strategy.price[strategy.probability > 1e-6]
            rows.append(
                (
                    model_label(name),
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

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw where the consumers' money goes."""
        return self.outcome.plot(axes)

    def plot_responses(self, axes: Axes | None = None) -> Axes:
        """Draw both providers' best responses."""
        return plot_responses(self.game, axes)

    def plot_trace(self, axes: Axes | None = None) -> Axes:
        """Draw the largest gain over profit in the restricted games that were solved."""
        steps, measure = self.trace.T
        over = "the largest profit" if len(self.game.movers) > 2 else "the own profit"
        return draw_trace(
            steps, measure, "Restricted games solved", f"Largest gain over {over}", axes
        )

    def plot_strategies(self, axes: Axes | None = None) -> Axes:
        """Draw the cumulative distribution of every provider's price."""
        from arbmodels.display import model_colour, new_axes

        axes = new_axes() if axes is None else axes
        for name, s in zip(self.players, self.strategies, strict=True):
            order = np.argsort(s.price)
            price = np.concatenate([[s.price[order[0]]], s.price[order]])
            axes.step(
                price,
                np.concatenate([[0.0], np.cumsum(s.probability[order])]),
                where="post",
                color=model_colour(name, self.players),
                label=model_label(name),
            )
        axes.set_xlabel("Multiplier of the list price")
        axes.set_ylabel("Probability of at most that")
        axes.legend(frameon=False)
        return axes


def _deciles(strategy: Strategy) -> list[float]:
    order = np.argsort(strategy.price)
    total = np.cumsum(strategy.probability[order])
    at = np.searchsorted(total, np.linspace(0.1, 0.9, 9))
    return [float(p) for p in strategy.price[order][np.minimum(at, len(order) - 1)]]


def _listed(prices: Sequence[float] | FloatArray) -> str:
    return "(" + ", ".join(number(float(p)) for p in prices) + ")"
