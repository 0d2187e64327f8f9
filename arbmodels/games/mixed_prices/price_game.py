"""Any game over continuous prices, given as a function: best responses by bounded search."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arbmodels.errors import InputError
from arbmodels.games.deviations import Deviations
from arbmodels.games.finite.double_oracle import solve_continuous, staggered
from arbmodels.games.finite.game import FiniteGame
from arbmodels.games.inputs import a, listed, text, whole
from arbmodels.games.mixed_prices.distribution import PriceDistribution
from arbmodels.games.mixed_prices.equilibrium import PriceEquilibrium
from arbmodels.games.mixed_prices.inputs import check_method, names_of, numbers_of
from arbmodels.games.payoffs import BestResponse
from arbmodels.passk import FloatArray

#: Price profiles evaluated at once.
_PROFILES = 500_000
#: The best prices of the first search around which a finer one follows, and how often.
_PEAKS, _ZOOMS, _FINE = 4, 6, 21
#: Prices on a player's grid at most, by the number of players.
_MOST, _FEW = {1: 1000, 2: 1000, 3: 81}, 25


@dataclass(frozen=True, eq=False)
class PriceGame:
    """Players choose prices between bounds; a function gives the profits.

    Parameters
    ----------
    payoff : function
        Takes price profiles [K, P], returns every player's profit [K, P].
    lowest, highest : float array [P]
        Bounds of each player's price.
    players : sequence of str, length P, optional
    name, unit : str
    resolution : int
        Prices tried in the first round of a best-response search.

    Raises
    ------
    InputError
        If bounds are negative, not finite, or not in order.

    Examples
    --------
    Two sellers, demand 1 - p + q / 2, no cost: p = 2/3.

    >>> game = PriceGame(lambda p: p * (1 - p + p[:, ::-1] / 2), [0, 0], [2, 2])
    >>> answer = game.solve(tolerance=1e-6)
    >>> answer.to_frame()["mean_price"].round(2).tolist()
    [0.67, 0.67]
    """

    payoff: Callable[[FloatArray], FloatArray]
    lowest: FloatArray
    highest: FloatArray
    players: tuple[str, ...] = ()
    name: str = "Price game"
    unit: str = "USD"
    resolution: int = 401

    def __post_init__(self) -> None:
        lowest = numbers_of("lowest", self.lowest)
        highest = numbers_of("highest", self.highest, len(lowest))
        if (highest <= lowest).any():
            at = int(np.argmax(highest <= lowest))
            raise InputError(f"highest[{at}] is {highest[at]:g}, not above lowest {lowest[at]:g}.")
        whole(self.resolution, "resolution", 3)
        text("name", self.name)
        text("unit", self.unit)
        if not callable(self.payoff):
            raise InputError(f"payoff must be a function, not {self.payoff!r}.")
        object.__setattr__(self, "lowest", lowest)
        object.__setattr__(self, "highest", highest)
        object.__setattr__(self, "players", names_of(self.players, len(lowest)))

    def finite(self, prices: Sequence[npt.ArrayLike]) -> FiniteGame:
        """Return the game on price grids, one per player."""
        return FiniteGame.from_function(
            self.payoff, prices, self.players, name=self.name, unit=self.unit
        )

    def expected_profit(
        self, player: int, price: FloatArray, rivals: Sequence[PriceDistribution]
    ) -> FloatArray:
        """Return a player's expected profit at prices [K] against the rivals' atoms."""
        profiles = list(itertools.product(*(range(len(rival.prices)) for rival in rivals)))
        chosen = np.array(profiles, dtype=int).reshape(len(profiles), len(rivals))
        weight = np.ones(len(profiles))
        fixed = np.zeros((len(profiles), len(self.players)))
        others = [k for k in range(len(self.players)) if k != player]
        for column, (k, rival) in enumerate(zip(others, rivals, strict=True)):
            weight = weight * rival.masses[chosen[:, column]]
            fixed[:, k] = rival.prices[chosen[:, column]]
        total = np.zeros(len(price))
        rows = max(1, _PROFILES // len(profiles))
        for start in range(0, len(price), rows):
            part = price[start : start + rows]
            profile = np.tile(fixed, (len(part), 1))
            profile[:, player] = np.repeat(part, len(profiles))
            profit = np.asarray(self.payoff(profile), dtype=float)[:, player]
            total[start : start + rows] = profit.reshape(len(part), -1) @ weight
        return total

    def best_price(self, player: int, rivals: Sequence[PriceDistribution]) -> BestResponse:
        """Return the best price that a bounded search finds.

        Equally spaced prices, the rivals' prices and those just beside them, then finer and finer
        around the best few.
        """
        low, high = float(self.lowest[player]), float(self.highest[player])
        step = (high - low) / (self.resolution - 1)
        near = [rival.prices[:, None] + np.array([-1e-9, 0.0, 1e-9]) * high for rival in rivals]
        tried = np.concatenate(
            [np.linspace(low, high, self.resolution), *(one.ravel() for one in near)]
        )
        tried = np.unique(np.clip(tried, low, high))
        value = self.expected_profit(player, tried, rivals)
        for _ in range(_ZOOMS):
            peaks = tried[np.argsort(-value, kind="stable")[:_PEAKS]]
            fine = np.clip(peaks[:, None] + step * np.linspace(-1, 1, _FINE), low, high).ravel()
            tried = np.concatenate([tried, fine])
            value = np.concatenate([value, self.expected_profit(player, fine, rivals)])
            step *= 2.0 / (_FINE - 1)
        best = int(np.argmax(value))
        return BestResponse(value[best], tried[best], np.asarray(True))

    def best_reply(
        self, player: int, prices: Sequence[FloatArray], strategies: Sequence[FloatArray]
    ) -> BestResponse:
        """Return the best price found against mixed strategies over grids."""
        rivals = [
            PriceDistribution.on_grid(own, mass)
            for k, (own, mass) in enumerate(zip(prices, strategies, strict=True))
            if k != player
        ]
        return self.best_price(player, rivals)

    def certify(self, strategies: Sequence[PriceDistribution]) -> Deviations:
        """Return the largest gain of each player that the search finds; a lower bound on it.

        Raises
        ------
        InputError
            If there is not one strategy of atoms per player.
        """
        for own in listed(strategies, "strategies"):
            a(PriceDistribution, own, "A strategy")
        if len(strategies) != len(self.players) or any(own.pieces for own in strategies):
            raise InputError(f"Give {len(self.players)} distributions of atoms, one per player.")
        profit, gain, price = [], [], []
        for player, own in enumerate(strategies):
            rivals = [other for k, other in enumerate(strategies) if k != player]
            profit.append(float(own.masses @ self.expected_profit(player, own.prices, rivals)))
            best = self.best_price(player, rivals)
            gain.append(max(0.0, float(best.profit) - profit[-1]))
            price.append(float(best.price) if gain[-1] > 0 else None)
        bounds = ", ".join(
            f"{low:g} to {high:g}" for low, high in zip(self.lowest, self.highest, strict=True)
        )
        return Deviations(
            self.players,
            np.array(profit),
            np.array(gain),
            tuple(price),
            np.ones(len(self.players), dtype=bool),
            False,
            f"prices within bounds ({bounds})",
            "as in the payoff function",
            self.resolution + _PEAKS * _ZOOMS * _FINE,
            self.unit,
        )

    def solve(self, *, tolerance: float = 1e-3, time_limit: float = np.inf) -> PriceEquilibrium:
        """Return an equilibrium of growing grids, with its certificate by bounded search.

        Parameters
        ----------
        tolerance : float
            Relative epsilon at which to stop.
        time_limit : float
            Seconds, after which the best answer so far is returned with its epsilon; none by
            default, the prices per player are limited.
        """
        check_method("double_oracle", tolerance, time_limit)
        first = {1: 51, 2: 51, 3: 21}.get(len(self.players), 7)
        grids = [
            staggered(low, high, first, k, len(self.players))
            for k, (low, high) in enumerate(zip(self.lowest, self.highest, strict=True))
        ]
        most = _MOST.get(len(self.players), _FEW)
        found = solve_continuous(self, grids, tolerance=tolerance, time_limit=time_limit, most=most)
        strategies = tuple(
            PriceDistribution.on_grid(own, mass)
            for own, mass in zip(found.prices, found.strategies, strict=True)
        )
        deviations = self.certify(strategies)
        return PriceEquilibrium(
            "pure" if all(len(own.prices) == 1 for own in strategies) else "mixed",
            self.name,
            self.players,
            strategies,
            deviations.profit,
            deviations,
            f"double oracle on grids of up to {int(found.trace[:, 0].max())} prices",
            found.rounds,
            found.trace,
        )
