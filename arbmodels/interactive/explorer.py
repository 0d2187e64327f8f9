"""The numbers behind the sliders; all searches are done once, before the first step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from arbmodels.curves import dollar_curves
from arbmodels.display import Displayed, brief
from arbmodels.errors import InputError
from arbmodels.games import (
    Deviations,
    Outcome,
    ProviderEquilibrium,
    ProviderGame,
    Strategy,
    cascade_sets_of,
    linear_consumers,
    outcome,
)
from arbmodels.margins import arbitrage
from arbmodels.market import Market
from arbmodels.passk import FloatArray
from arbmodels.routing import RoutingProblem, RoutingResult

#: Without overheads a third arbitrageur changes nothing: two sell at cost already.
MOST_ARBITRAGEURS = 2
#: Solve rates of the curves between two neighbouring ones of the game.
_BETWEEN = 10
#: Multipliers at which the providers' profits are drawn.
OWN_PRICES = np.linspace(0.0, 3.0, 151)


class OverRates(NamedTuple):
    """Prices over the solve rates, [U], currency units per instance.

    ``direct`` [U, M] is what each model alone costs, infinite beyond its reach; ``cost`` the
    cheapest cascade; ``price`` what consumers pay; ``margin`` one minus cost over the cheapest
    direct price, NaN where no model alone suffices.
    """

    direct: FloatArray
    cost: FloatArray
    price: FloatArray
    margin: FloatArray

    def __repr__(self) -> str:
        return brief(self)


class AtRate(NamedTuple):
    """The providers' game at one solve rate and given multipliers.

    ``profits`` [M, 151] is each provider's profit by its own multiplier, from 0 to 3 in steps of
    0.02, the rival's as given; ``outcome`` is what happens, ``deviations`` what each provider
    could gain by any other multiplier, exactly.
    """

    profits: FloatArray
    outcome: Outcome
    deviations: Deviations

    def __repr__(self) -> str:
        return brief(self)


@dataclass(frozen=True, eq=False, repr=False)
class Explorer(Displayed):
    """Curves and games of a market of two models at any prices, without another search.

    Made by :meth:`from_market`.

    Parameters
    ----------
    curves : ProviderGame
        Over all the solve rates that are drawn.
    games : sequence of ProviderGame, length K
        One per solve rate that can be chosen.
    equilibria : mapping of (position of the solve rate, arbitrageurs) to ProviderEquilibrium
    name : str
    market : Market
    """

    curves: ProviderGame
    games: tuple[ProviderGame, ...]
    equilibria: dict[tuple[int, int], ProviderEquilibrium]
    name: str
    market: Market

    @classmethod
    def from_market(
        cls,
        market: Market,
        solve_rates: npt.ArrayLike | None = None,
        *,
        marginal_cost: float = 0.3,
        choke_multiple: float = 2.0,
        tolerance: float = 0.02,
        time_limit: float = 5.0,
    ) -> Explorer:
        """Find the cascade sets of all solve rates and the equilibria of those that can be chosen.

        Parameters
        ----------
        market : Market
            Of two models.
        solve_rates : float array [K], optional
            Increasing, at least two; by default five over the range of :func:`arbmodels.arbitrage`.
            Curves are drawn from the first to the last.
        marginal_cost, choke_multiple : float
            As in :meth:`arbmodels.games.ProviderGame.from_market`.
        tolerance, time_limit : float
            Of each of the 3 K equilibria, as in :meth:`arbmodels.games.ProviderGame.solve`.

        Raises
        ------
        InputError
            If there are not two models, or the solve rates do not increase or are out of reach.
        """
        if len(market.models) != 2:
            raise InputError(
                f"{market.name} has {len(market.models)} models; choose two with"
                " market.select(models=[...])."
            )
        if solve_rates is None:
            # Provider games count dollars, so that their numbers compare with the authors'.
            drawn = arbitrage(dollar_curves(market)).solve_rates
            chosen = np.linspace(drawn[0], drawn[-1], 5)
        else:
            chosen = np.asarray(solve_rates, dtype=float)
        if chosen.ndim != 1 or len(chosen) < 2 or not np.all(np.diff(chosen) > 0):
            raise InputError("Give at least two solve rates, in increasing order.")
        at = np.arange(len(chosen)) * _BETWEEN
        rates = np.interp(np.arange(at[-1] + 1), at, chosen)
        cascade_sets = cascade_sets_of(market, rates)
        name = f"{market.name}{' (simulated)' if market.simulated else ''}"
        curves = ProviderGame(
            cascade_sets,
            linear_consumers(cascade_sets, choke_multiple),
            marginal_cost,
            MOST_ARBITRAGEURS,
            name=name,
        )
        games = tuple(
            curves.replace(
                cascade_sets=(cascade_sets[u],),
                consumers=linear_consumers([cascade_sets[u]], choke_multiple),
            )
            for u in at
        )
        asked = [(k, n) for k in range(len(games)) for n in range(MOST_ARBITRAGEURS + 1)]
        equilibria = {
            (k, n): games[k]
            .replace(arbitrageurs=n)
            .solve(tolerance=tolerance, time_limit=time_limit)
            for k, n in tqdm(asked, desc="equilibria", disable=None, leave=False)
        }
        for found in equilibria.values():
            _ = found.outcome  # takes longer than a step may: kept with the equilibrium
        return cls(curves, games, equilibria, name, market)

    @property
    def models(self) -> tuple[str, ...]:
        """The two models."""
        return self.curves.models

    @property
    def solve_rates(self) -> FloatArray:
        """Solve rates that can be chosen, [K]."""
        return np.concatenate([game.consumers.solve_rates for game in self.games])

    @cached_property
    def unit(self) -> str:
        """Unit of prices and profits: consumers have unit mass."""
        return f"{self.curves.currency}/instance"

    def over_rates(self, prices: npt.ArrayLike, arbitrageurs: int) -> OverRates:
        """Return the prices over all solve rates.

        Parameters
        ----------
        prices : float array [2]
            Multipliers of the list prices.
        arbitrageurs : int
        """
        w = np.asarray(prices, dtype=float)[None]
        game = self.curves.replace(arbitrageurs=min(arbitrageurs, MOST_ARBITRAGEURS))
        direct = np.concatenate([cascade_set.direct(w) for cascade_set in game.cascade_sets])
        cost = np.concatenate([cascade_set.cost(w) for cascade_set in game.cascade_sets])
        price = np.concatenate([game.served(u, w).price for u in range(len(game.cascade_sets))])
        best = direct.min(axis=1)
        sold = np.isfinite(best) & (best > 0)
        margin = np.full(len(best), np.nan)
        margin[sold] = np.maximum(1 - cost[sold] / best[sold], 0.0)
        return OverRates(direct, cost, price, margin)

    def at_rate(self, prices: npt.ArrayLike, position: int, arbitrageurs: int) -> AtRate:
        """Return profits and what each provider could gain, at one solve rate.

        Parameters
        ----------
        prices : float array [2]
            Multipliers of the list prices.
        position : int
            Of the solve rate, in :attr:`solve_rates`.
        arbitrageurs : int
        """
        w = np.asarray(prices, dtype=float)
        game = self.game(position, arbitrageurs)
        own = np.repeat(w[None], 2 * len(OWN_PRICES), axis=0)
        own[: len(OWN_PRICES), 0] = own[len(OWN_PRICES) :, 1] = OWN_PRICES
        earned = game.profits(own).reshape(2, len(OWN_PRICES), 2)
        pure = [Strategy(np.array([price]), np.ones(1)) for price in w]
        return AtRate(
            np.stack([earned[0, :, 0], earned[1, :, 1]]),
            outcome(game, w),
            game.certify(pure),
        )

    def game(self, position: int, arbitrageurs: int) -> ProviderGame:
        """Return the game at one solve rate with so many arbitrageurs."""
        return replace(self.games[position], arbitrageurs=min(arbitrageurs, MOST_ARBITRAGEURS))

    def equilibrium(self, position: int, arbitrageurs: int) -> ProviderEquilibrium:
        """Return the equilibrium of that game, found beforehand."""
        return self.equilibria[position, min(arbitrageurs, MOST_ARBITRAGEURS)]

    def routed(self, prices: npt.ArrayLike, budget: float) -> RoutingResult:
        """Return the best choice of one attempt per instance at these prices, within a budget.

        It looks at each instance's own record: an oracle's bound.

        Parameters
        ----------
        prices : float array [2]
            Multipliers of the list prices.
        budget : float
            Currency units per instance.
        """
        market = self.market
        problem = RoutingProblem.from_arrays(
            np.nan_to_num(market.score),
            np.nan_to_num(market.cost) * np.asarray(prices, dtype=float),
            list(market.models),
            weight=market.weight,
            offered=None if market.recorded.all() else market.recorded,
        )
        return problem.add_budget(budget * len(market.instances)).solve()

    def reached(self, budget: float, prices: FloatArray) -> float:
        """Return the largest solve rate drawn whose price is within a budget; NaN if none is.

        Parameters
        ----------
        budget : float
            Currency units per instance.
        prices : float array [U]
            Over the solve rates of the curves.
        """
        paid = np.flatnonzero(prices <= budget)
        return float(self.curves.consumers.solve_rates[paid[-1]]) if len(paid) else float("nan")
