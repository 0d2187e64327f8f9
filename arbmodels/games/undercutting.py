"""Undercutting in turn: how the price falls step by step to the Bertrand limit price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from arbmodels._pandas import pd
from arbmodels.display import ARBITRAGEUR_COLOUR, Displayed, TextTable, new_axes, number, percent
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.bertrand import BertrandGame
from arbmodels.margins import Arbitrage
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: A price this near to a cost (relative) is at cost: rounding must not make another round.
_AT_COST = 1e-12
#: Prices after so many rounds are drawn at most, besides the first and the last.
_DRAWN = 8


@dataclass(frozen=True, eq=False, repr=False)
class UndercuttingPath(Displayed):
    """Prices after every round of undercutting, at every solve rate.

    Made by :func:`undercut`. Money is in currency units per instance.

    Parameters
    ----------
    game : BertrandGame
        Who undercuts, and at what cost.
    step : float
    prices : float array [rounds + 1, U]
        The going price; row 0 is the start. NaN where there is no price to start from.
    setters : int array [rounds + 1, U]
        Position among the game's sellers of who set it; -1 for the start.
    """

    game: BertrandGame
    step: float
    prices: FloatArray
    setters: npt.NDArray[np.int64]

    @property
    def solve_rates(self) -> FloatArray:
        """The grid, [U]."""
        return self.game.solve_rates

    @property
    def rounds(self) -> int:
        """Rounds until nobody undercuts at any solve rate."""
        return len(self.prices) - 1

    @property
    def limit(self) -> FloatArray:
        """The price nobody undercuts, [U]."""
        last: FloatArray = self.prices[-1]
        return last

    @property
    def cost(self) -> FloatArray:
        """Lowest cost of any seller, [U]; NaN where none reaches the solve rate."""
        lowest: FloatArray = np.fmin.reduce(self.game.costs, axis=1)
        return lowest

    @property
    def margins(self) -> FloatArray:
        """max(0, 1 - lowest cost / price), [rounds + 1, U]; NaN where nobody sells."""
        with np.errstate(invalid="ignore", divide="ignore"):
            margin = 1.0 - self.cost / self.prices
        return np.where(self.prices > 0, np.maximum(margin, 0.0), 0.0 * self.prices)

    @property
    def rounds_to_cost(self) -> FloatArray:
        """Rounds until nobody undercuts, [U]; NaN where there is no price.

        The last price is the second-lowest cost or within one step below: the common cost where
        the two cheapest sellers are alike.
        """
        rounds = (np.diff(self.prices, axis=0) != 0).sum(axis=0)
        return np.where(np.isnan(self.limit), np.nan, rounds)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per round and solve rate: price, margin and who set the price."""
        count = len(self.solve_rates)
        names = np.array([*self.game.players, "start"])
        return pd.DataFrame(
            {
                "round": np.repeat(np.arange(self.rounds + 1), count),
                "solve_rate": np.tile(self.solve_rates, self.rounds + 1),
                "price": self.prices.ravel(),
                "margin": self.margins.ravel(),
                "set_by": names[self.setters.ravel()],
            }
        )

    def table(self) -> TextTable:
        """Return up to ten solve rates: first price, cost, last price, margins, rounds."""
        margins = self.margins
        rows = [
            (
                percent(self.solve_rates[u], 2),
                number(self.prices[0, u]),
                number(self.cost[u]),
                number(self.limit[u]),
                f"{percent(margins[0, u])} -> {percent(margins[-1, u])}",
                number(self.rounds_to_cost[u], 1),
            )
            for u in np.unique(np.linspace(0, len(self.solve_rates) - 1, 10).astype(int))
        ]
        unit = f"{self.game.currency}/instance"
        return TextTable(
            f"Undercutting by x {self.step:g}: {self.rounds} rounds ({self.game.name})",
            (
                "solve rate",
                f"start [{unit}]",
                f"lowest cost [{unit}]",
                f"last price [{unit}]",
                "margin",
                "rounds",
            ),
            rows,
            "Sellers undercut in turn, never below their own cost, until nobody can.",
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the start, the price after some rounds, and the lowest cost over solve rates."""
        ax = new_axes() if ax is None else ax
        rates = 100 * self.solve_rates
        ax.plot(rates, self.prices[0], color="black", lw=2, label="Market price")
        for k in np.unique(np.linspace(1, self.rounds, _DRAWN).astype(int)) if self.rounds else ():
            ax.plot(
                rates,
                self.prices[k],
                color=str(0.25 + 0.5 * k / self.rounds),
                lw=0.9,
                label=f"After {k} round{'s' if k > 1 else ''}" if k in (1, self.rounds) else None,
            )
        ax.plot(rates, self.cost, color=ARBITRAGEUR_COLOUR, lw=2, ls="--", label="Lowest cost")
        ax.set_xlabel("Solve rate (%)")
        ax.set_ylabel(f"Price ({self.game.currency} per instance)")
        ax.set_title(f"Undercutting by x {self.step:g}")
        ax.legend(frameon=False)
        return ax


def undercut(
    game: BertrandGame | Arbitrage,
    step: float = 0.93,
    start: npt.ArrayLike | None = None,
) -> UndercuttingPath:
    r"""Let sellers undercut the going price in turn until nobody can.

    In every round, at every solve rate, the next seller in turn who does not hold the price and
    whose cost lies below it sets :math:`\max(\text{step} \cdot p, c_k)`.

    Where it ends, the price p lies within one step of the limit price of
    :meth:`BertrandGame.solve`, p* = min(second-lowest cost, start), if the lowest cost is below
    it: whoever does not hold the price has a cost of at least p, so p <= p*; and the last round
    started from a price of at least p*, so p >= step p*.

    Parameters
    ----------
    game : BertrandGame or Arbitrage
        An arbitrage stands for two arbitrageurs at its cost among providers at list price.
    step : float in (0, 1)
        What each round multiplies the going price by; the paper takes 0.93.
    start : float or float array [U], optional
        Price before the first round; an arbitrage starts at its market price, a game needs one.

    Returns
    -------
    UndercuttingPath

    Raises
    ------
    InputError
        If the step is not in (0, 1), the start is missing, negative, infinite or of another
        length, or two sellers cost nothing, so that undercutting never ends.

    Notes
    -----
    Olmedo, Schölkopf, Hardt (2026), figure 2.
    """
    what = "The step (0.93 cuts the price by 7%)"
    step = inputs.number(step, what, 0.0, 1.0, above=True, below=True)
    inputs.a((BertrandGame, Arbitrage), game, "game")
    if isinstance(game, Arbitrage):
        start = game.market_price if start is None else start
        game = BertrandGame.from_arbitrage(game)
    if start is None:
        raise InputError("Undercutting a game needs start=, the price before the first round.")
    first = inputs.numbers(start, "The start")
    shape = game.solve_rates.shape
    if first.shape not in ((), shape) or np.any((first < 0) | np.isinf(first)):
        raise InputError(
            f"The start is one price >= 0, or one per solve rate ({shape[0]}; NaN where there is"
            " none)."
        )
    price = np.broadcast_to(first, shape).copy()
    cost = np.where(np.isnan(game.costs), np.inf, game.costs)
    endless = ((cost == 0).sum(axis=1) > 1) & (price > 0)
    if endless.any():
        raise InputError(
            "Two sellers cost nothing at solve rate"
            f" {game.solve_rates[np.argmax(endless)]:g}: undercutting never ends there."
        )
    count = cost.shape[1]
    order = np.arange(count)
    holder = np.full(shape, -1)
    prices, setters = [price], [holder]
    while True:
        able = (cost < price[:, None] * (1 - _AT_COST)) & (order != holder[:, None])
        moves = able.any(axis=1)
        if not moves.any():
            return UndercuttingPath(game, float(step), np.stack(prices), np.stack(setters))
        # The next seller after the holder; the start is held by nobody, so the first one begins.
        turn = np.where(able, (order - holder[:, None] - 1) % count, count)
        mover = np.argmin(turn, axis=1)
        lower = np.maximum(step * price, cost[np.arange(len(price)), mover])
        price = np.where(moves, lower, price)
        holder = np.where(moves, mover, holder)
        prices.append(price)
        setters.append(holder)
