"""Unknown marginal costs, so that list prices are the equilibrium without arbitrageurs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arbmodels._pandas import pd
from arbmodels.display import Displayed, TextTable, number, percent
from arbmodels.games import inputs
from arbmodels.games.providers.best_response import best_response
from arbmodels.games.providers.oligopoly import ProviderOligopoly
from arbmodels.passk import FloatArray

_HALVINGS = 36
#: Gains below this share of profit count as none.
_NONE = 1e-6
#: A range of costs narrower than this is the rounding of one cost.
_WIDE = 1e-3


@dataclass(frozen=True, eq=False, repr=False)
class Calibration(Displayed):
    """Marginal costs that make list prices as near to an equilibrium as they can be.

    Made by :func:`calibrate_costs`.

    Parameters
    ----------
    game : ProviderGame
        The game given, with the calibrated marginal costs.
    players : sequence of str
    cost, low, high : float array [players]
        Share of the list price: the best cost (the least of them if many are as good), and the
        range of costs that do as well.
    gain, relative : float array [players]
        What the provider could still gain by another price, in the game's unit and over profit:
        0 if its list price can be explained.
    """

    game: ProviderOligopoly
    players: tuple[str, ...]
    cost: FloatArray
    low: FloatArray
    high: FloatArray
    gain: FloatArray
    relative: FloatArray

    @property
    def possible(self) -> npt.NDArray[np.bool_]:
        """Whether some cost between 0 and the list price explains each list price."""
        return np.asarray(self.relative <= _NONE)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per provider."""
        return pd.DataFrame(
            {
                "provider": list(self.players),
                "cost": self.cost,
                "low": self.low,
                "high": self.high,
                "gain": self.gain,
                "relative_gain": self.relative,
                "possible": self.possible,
            }
        )

    def table(self) -> TextTable:
        """Return the calibrated costs and what they leave unexplained."""
        rows = [
            (
                name,
                percent(cost),
                f"{percent(low)} to {percent(high)}",
                number(gain),
                percent(relative, 2),
            )
            for name, cost, low, high, gain, relative in zip(
                self.players, self.cost, self.low, self.high, self.gain, self.relative, strict=True
            )
        ]
        impossible = [
            name for name, possible in zip(self.players, self.possible, strict=True) if not possible
        ]
        note = "Without arbitrageurs, rivals at list price; costs between 0 and the list price."
        if impossible:
            note += (
                f" No such cost explains the list price of {', '.join(impossible)}: the gain is"
                " what it could still earn by another price."
            )
        return TextTable(
            f"Marginal costs under which list prices are best: {self.game.name}",
            (
                "provider",
                "cost [of list price]",
                "as good",
                f"gain left [{self.game.unit}]",
                "of profit",
            ),
            rows,
            note,
        )


def calibrate_costs(game: ProviderOligopoly) -> Calibration:
    r"""Return marginal costs under which list prices are best without arbitrageurs.

    A provider's profit at multiplier w is R(w) - c S(w), with R its revenue and S its sales at
    list prices, so what it could gain over its list price,

    .. math:: g(c) = \sup_w R(w) - R(1) - c \, (S(w) - S(1)),

    is convex in its cost c and does not depend on the others' costs. Its least value over costs
    between 0 and 1 is found by bisection on its slope, with the exact best response at every
    step. Where the least value is not 0, no cost explains the list price.

    Parameters
    ----------
    game : ProviderGame
        Its marginal costs and arbitrageurs are ignored.

    References
    ----------
    Bertsimas, Gupta, Paschalidis, *Data-driven estimation in equilibrium using inverse
    optimization*, Mathematical Programming 153 (2015).
    """
    bare = inputs.a(ProviderOligopoly, game, "game").replace(arbitrageurs=0)
    ones = np.ones(len(game.players))
    found = {name: [] for name in ("cost", "low", "high", "gain", "relative")}  # type: ignore[var-annotated]
    for player in range(len(game.players)):
        sold = float(_sales(bare, player, 1.0))

        def at(c: float, player: int = player, sold: float = sold) -> tuple[float, float]:
            """Gain and its slope."""
            priced = bare.replace(marginal_cost=c)
            best = best_response(priced, player, ones)
            now = float(priced.profits(ones)[0, player])
            return max(best.profit - now, 0.0), sold - float(_sales(bare, player, best.price))

        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if at(middle)[1] < 0:
                low = middle
            else:
                high = middle
        cost = min((low, high), key=lambda c: at(c)[0])
        least = at(cost)[0]
        profit = float(bare.replace(marginal_cost=cost).profits(ones)[0, player])
        scale = max(float(bare.replace(marginal_cost=0.0).profits(ones)[0].max()), 1e-300)
        slack = least + 1e-9 * scale

        def fine(c: float, slack: float = slack) -> bool:
            return at(c)[0] <= slack

        found["low"].append(_edge(fine, cost, 0.0))
        found["high"].append(_edge(fine, cost, 1.0))
        wide = found["high"][-1] - found["low"][-1] > _WIDE
        found["cost"].append(found["low"][-1] if wide else cost)
        found["gain"].append(least if least > 1e-9 * scale else 0.0)
        found["relative"].append(
            found["gain"][-1] / profit if profit > 0 else (np.inf if found["gain"][-1] > 0 else 0.0)
        )
    arrays = {name: np.array(values) for name, values in found.items()}
    costs = dict.fromkeys(game.models, 0.0)
    for name, cost in zip(game.players, arrays["cost"], strict=True):
        costs |= dict.fromkeys(game.providers[name], float(cost))  # type: ignore[index]
    return Calibration(
        game.replace(marginal_cost=costs),
        game.players,
        arrays["cost"],
        arrays["low"],
        arrays["high"],
        arrays["gain"],
        arrays["relative"],
    )


def _sales(game: ProviderOligopoly, player: int, multiplier: float) -> float:
    """List-price dollars a provider sells at a multiplier, the others at list price."""
    prices = np.ones(len(game.players))
    prices[player] = multiplier
    at_zero = game.replace(marginal_cost=0.0).profits(prices)[0, player]
    at_one = game.replace(marginal_cost=1.0).profits(prices)[0, player]
    return float(at_zero - at_one)


def _edge(fine: Callable[[float], bool], inside: float, end: float) -> float:
    """Return the last cost towards ``end`` that is still fine; what is fine is an interval."""
    if fine(end):
        return end
    for _ in range(_HALVINGS):
        middle = (inside + end) / 2
        if fine(middle):
            inside = middle
        else:
            end = middle
    return inside
