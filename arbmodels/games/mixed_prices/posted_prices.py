"""What games of sellers who post prices share: grids, certificates, and how they are solved."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from arbmodels.errors import InputError
from arbmodels.games.deviations import Deviations
from arbmodels.games.finite.double_oracle import solve_continuous, staggered
from arbmodels.games.finite.game import FiniteGame
from arbmodels.games.mixed_prices.best_price import best_price, certify_prices
from arbmodels.games.mixed_prices.distribution import PriceDistribution
from arbmodels.games.mixed_prices.equilibrium import PriceEquilibrium
from arbmodels.games.mixed_prices.inputs import check_method
from arbmodels.games.mixed_prices.shifted import solve_shifted
from arbmodels.games.payoffs import BestResponse
from arbmodels.passk import FloatArray

#: Prices per player on the first grid, by the number of players; at most, for one or two.
_FIRST, _FEW = {1: 51, 2: 51, 3: 21}, 7
_MOST = 1000


class PostedPrices(ABC):
    """Sellers post prices; sales depend on demand at a price and on which rivals are cheaper."""

    players: tuple[str, ...]
    costs: FloatArray | float
    unit: str

    @property
    @abstractmethod
    def name(self) -> str:
        """What is played, for titles."""

    @property
    @abstractmethod
    def demand_steps(self) -> FloatArray:
        """Prices above which some consumers do not buy, increasing."""

    @property
    @abstractmethod
    def lowest_takes_all(self) -> bool:
        """Whether sales depend only on whether any rival is cheaper."""

    @property
    @abstractmethod
    def ties(self) -> str:
        """Who serves at equal prices."""

    @abstractmethod
    def sales(self, player: int, price: FloatArray, rivals: Sequence[int]) -> FloatArray:
        """Return what a player sells at prices [K], given where each rival's price lies."""

    @abstractmethod
    def profits(self, prices: npt.ArrayLike) -> FloatArray:
        """Return every seller's profit at price profiles, [K, P] from [K, P]."""

    @abstractmethod
    def _closed_form(self) -> tuple[PriceDistribution, ...] | None:
        """Return the equilibrium where a formula is known."""

    @property
    @abstractmethod
    def _known(self) -> str:
        """Where a formula is known, in words."""

    def cost(self, player: int) -> float:
        """Return a seller's cost per unit."""
        return float(np.asarray(self.costs)[player])

    def finite(self, prices: Sequence[npt.ArrayLike]) -> FiniteGame:
        """Return the game on price grids, one per player."""
        return FiniteGame.from_function(
            self.profits, prices, self.players, name=self.name, unit=self.unit
        )

    def best_reply(
        self, player: int, prices: Sequence[FloatArray], strategies: Sequence[FloatArray]
    ) -> BestResponse:
        """Return the exact best price against mixed strategies over grids."""
        rivals = [
            PriceDistribution.on_grid(own, mass)
            for k, (own, mass) in enumerate(zip(prices, strategies, strict=True))
            if k != player
        ]
        return best_price(self, player, rivals)

    def certify(self, strategies: Sequence[PriceDistribution]) -> Deviations:
        """Return every seller's largest gain from any price, on the continuous game."""
        return certify_prices(self, strategies)

    def solve(
        self,
        method: Literal["auto", "closed_form", "double_oracle"] = "auto",
        *,
        tolerance: float = 5e-3,
        time_limit: float = np.inf,
    ) -> PriceEquilibrium:
        """Return an equilibrium with its certificate on the continuous game.

        Parameters
        ----------
        method : {"auto", "closed_form", "double_oracle"}
            auto takes the closed form where one is known. double_oracle solves price grids: for
            up to two sellers ever finer ones with best responses added, for more shifted ones,
            averaged.
        tolerance : float
            Grids: relative epsilon at which to stop.
        time_limit : float
            Seconds, after which the best answer so far is returned with its epsilon; none by
            default, the number of grids is limited.

        Returns
        -------
        PriceEquilibrium

        Raises
        ------
        InputError
            If the method is unknown, or no closed form is known.
        """
        check_method(method, tolerance, time_limit)
        found = None if method == "double_oracle" else self._closed_form()
        if found is not None:
            return self._answer(found, self.certify(found), "closed form", 0, None)
        if method == "closed_form":
            raise InputError(f"A closed form is known for {self._known}. Use 'double_oracle'.")
        return self._by_grids(tolerance, time_limit)

    def _by_grids(self, tolerance: float, time_limit: float) -> PriceEquilibrium:
        """Solve on grids between the least cost and the highest willingness to pay."""
        count, steps = len(self.players), np.asarray(self.demand_steps)
        top, first = float(steps[-1]), _FIRST.get(count, _FEW)
        grids = [
            np.union1d(staggered(min(self.cost(k), top), top, first, k, count), steps)
            for k in range(count)
        ]
        if count > 2:
            averaged = solve_shifted(self, grids, steps, tolerance=tolerance, time_limit=time_limit)
            how = "equilibria on shifted price grids, averaged: up to {:,} prices"
            strategies, deviations, trace = averaged
        else:
            refined = solve_continuous(
                self, grids, tolerance=tolerance, time_limit=time_limit, most=_MOST
            )
            how = "double oracle on grids of up to {:,} prices"
            strategies = tuple(map(PriceDistribution.on_grid, refined.prices, refined.strategies))
            deviations, trace = self.certify(strategies), refined.trace
        how = how.format(int(trace[:, 0].max()))
        return self._answer(strategies, deviations, how, len(trace), trace)

    def _answer(
        self,
        strategies: tuple[PriceDistribution, ...],
        deviations: Deviations,
        found_by: str,
        iterations: int,
        trace: FloatArray | None,
    ) -> PriceEquilibrium:
        pure = all(len(own.prices) == 1 and not own.pieces for own in strategies)
        return PriceEquilibrium(
            "pure" if pure else "mixed",
            self.name,
            self.players,
            strategies,
            deviations.profit,
            deviations,
            found_by,
            iterations,
            np.array([[0.0, deviations.epsilon]]) if trace is None else trace,
        )
