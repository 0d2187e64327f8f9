"""Asymmetric homogeneous Bertrand competition at every solve rate: limit pricing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.certificate import certify
from arbmodels.games.equilibrium import Equilibrium
from arbmodels.games.sellers import Seller, arbitrageurs_from, providers_from
from arbmodels.margins import Arbitrage
from arbmodels.passk import FloatArray


@dataclass(frozen=True, eq=False)
class BertrandGame:
    """Sellers post prices at every solve rate; consumers buy from the cheapest that reaches it.

    A unit mass of consumers at every solve rate, each buying once if the price is at most the
    willingness to pay. Ties go to the lowest cost; equal costs share equally. A seller's payoff
    is (price - cost) x share: what arbitrageurs pay to providers is not part of the providers'
    payoff here, see :meth:`provider_revenue`.

    Parameters
    ----------
    solve_rates : float array [U]
        Probabilities.
    sellers : sequence of Seller, length P >= 1
        With costs on the same grid.
    willingness_to_pay : float or float array [U], optional
        Currency units per instance. Without it a seller who is alone has no best price, and the
        result says so.
    name, currency : str

    Raises
    ------
    InputError
        If solve rates are no probabilities, a seller has another grid, two sellers have one name,
        or a willingness to pay is negative or not finite.

    Examples
    --------
    >>> game = BertrandGame([0.5, 0.6], [Seller("a", [1, 2]), Seller("b", [3, 2])])
    >>> game.solve().market_price.tolist()
    [3.0, 2.0]
    """

    solve_rates: FloatArray
    sellers: tuple[Seller, ...]
    willingness_to_pay: FloatArray | float | None = None
    name: str = "Bertrand game"
    currency: str = "USD"

    def __post_init__(self) -> None:
        rates = inputs.numbers(self.solve_rates, "Solve rates")
        if rates.ndim != 1 or len(rates) == 0 or not np.all((rates >= 0) & (rates <= 1)):
            raise InputError("Solve rates are a list of numbers between 0 and 1.")
        rates.setflags(write=False)
        sellers = tuple(
            inputs.a(Seller, one, "A seller") for one in inputs.listed(self.sellers, "sellers")
        )
        inputs.text("name", self.name)
        inputs.text("currency", self.currency)
        names = [seller.name for seller in sellers]
        if not names:
            raise InputError("A game needs at least one seller.")
        if len(set(names)) < len(names):
            raise InputError(f"Two sellers have the same name: {', '.join(names)}.")
        for seller in sellers:
            if len(seller.cost) != len(rates):
                raise InputError(
                    f"Seller {seller.name!r} has {len(seller.cost)} costs for {len(rates)} solve"
                    " rates; give one per solve rate, NaN where it is out of reach."
                )
        if self.willingness_to_pay is not None:
            cap = inputs.numbers(self.willingness_to_pay, "The willingness to pay")
            if cap.shape not in ((), rates.shape) or not np.all(np.isfinite(cap) & (cap >= 0)):
                raise InputError(
                    "The willingness to pay is one number >= 0, or one per solve rate"
                    f" ({len(rates)}); leave it out for consumers who pay anything."
                )
            cap.setflags(write=False)
            object.__setattr__(self, "willingness_to_pay", cap)
        object.__setattr__(self, "solve_rates", rates)
        object.__setattr__(self, "sellers", sellers)

    @classmethod
    def from_arbitrage(
        cls,
        arbitrage: Arbitrage,
        arbitrageurs: int = 2,
        overheads: Sequence[float] | None = None,
        provider_cost_share: float = 1.0,
        willingness_to_pay: npt.ArrayLike | None = None,
    ) -> BertrandGame:
        """Let every model's provider and some arbitrageurs compete on an arbitrage's grid.

        Parameters
        ----------
        arbitrage : Arbitrage
        arbitrageurs : int
            How many buy the cascade at list prices and resell.
        overheads : sequence of float, optional
            One per arbitrageur; 0.1 adds 10% to its cost.
        provider_cost_share : float in (0, 1]
            Providers' cost over their list-price cost. At 1 they do not sell below list price;
            they may sell above it where no cheaper seller keeps them from it.
        willingness_to_pay : float or float array [U], optional

        Notes
        -----
        The arbitrageurs' cost stays at the providers' list prices, whatever the providers charge
        consumers: providers who re-price what arbitrageurs buy are another game.
        """
        sellers = (
            *providers_from(arbitrage, provider_cost_share),
            *arbitrageurs_from(arbitrage, arbitrageurs, overheads),
        )
        return cls(
            arbitrage.solve_rates,
            sellers,
            willingness_to_pay,  # type: ignore[arg-type]  # any array-like, checked above
            f"Bertrand game on {arbitrage.market.name}",
            arbitrage.market.currency,
        )

    @property
    def players(self) -> tuple[str, ...]:
        """Names of the sellers."""
        return tuple(seller.name for seller in self.sellers)

    @property
    def costs(self) -> FloatArray:
        """Costs, [U, P]; NaN where a seller cannot reach the solve rate."""
        return np.stack([seller.cost for seller in self.sellers], axis=1)

    @property
    def _cap(self) -> FloatArray:
        cap = np.inf if self.willingness_to_pay is None else self.willingness_to_pay
        return np.broadcast_to(np.asarray(cap, dtype=float), self.solve_rates.shape)

    def solve(self) -> Equilibrium:
        r"""Return the limit-pricing equilibrium, certified by the independent check.

        With :math:`c_{(1)} \le c_{(2)}` the two lowest costs at a solve rate and v the
        willingness to pay, the sellers at :math:`c_{(1)}` serve everybody at
        :math:`p = \min(c_{(2)}, v)`, in equal parts if they are several; everybody else prices
        at cost and sells nothing. If :math:`c_{(1)} > v` nobody sells.

        There are other equilibria, in which a loser prices below its own cost; this is the one
        in which nobody plays a price that can only lose.

        Returns
        -------
        Equilibrium
            Price and profit are NaN where one seller is alone and no willingness to pay is given;
            ``unbounded`` marks these solve rates.
        """
        cost, cap = self.costs, self._cap
        reach = np.where(np.isnan(cost), np.inf, cost)
        ordered = np.sort(np.column_stack([reach, np.full(len(reach), np.inf)]), axis=1)
        lowest, second = ordered[:, 0], ordered[:, 1]
        sold = np.isfinite(lowest) & (lowest <= cap)
        price = np.where(sold, np.minimum(second, cap), np.nan)
        price[np.isinf(price)] = np.nan
        serves = sold[:, None] & (reach == lowest[:, None])
        shares = serves / np.maximum(serves.sum(axis=1), 1)[:, None]
        prices = np.where(serves, price[:, None], cost)
        profits = np.where(serves, shares * (price[:, None] - cost), 0.0)
        return Equilibrium(
            kind="pure",
            game=self.name,
            players=self.players,
            solve_rates=self.solve_rates,
            costs=cost,
            prices=prices,
            market_price=price,
            shares=shares,
            profits=profits,
            certificate=certify(
                self.players,
                self.solve_rates,
                prices,
                cost,
                willingness_to_pay=cap,
                currency=self.currency,
            ),
            found_by="closed form: limit pricing at every solve rate",
            iterations=0,
            currency=self.currency,
        )

    def provider_revenue(self, equilibrium: Equilibrium) -> pd.DataFrame:
        """Return what every provider earns from consumers and from arbitrageurs' purchases.

        Parameters
        ----------
        equilibrium : Equilibrium
            Of this game.

        Returns
        -------
        DataFrame [U, providers] indexed by solve rate, currency units per instance
            Providers are the sellers without purchases of their own, and whoever is bought from.
            NaN where the provider sells at an unbounded price.
        """
        inputs.a(Equilibrium, equilibrium, "equilibrium")
        if equilibrium.players != self.players or len(equilibrium.solve_rates) != len(
            self.solve_rates
        ):
            raise InputError("The equilibrium is of another game.")
        revenue = pd.DataFrame(
            {
                seller.name: np.where(share > 0, share * equilibrium.market_price, 0.0)
                for seller, share in zip(self.sellers, equilibrium.shares.T, strict=True)
                if not seller.purchases
            },
            index=pd.Index(self.solve_rates, name="solve_rate"),
        )
        for seller, share in zip(self.sellers, equilibrium.shares.T, strict=True):
            for model, spend in seller.purchases.items():
                bought = np.where(share > 0, share * spend, 0.0)
                revenue[model] = revenue.get(model, 0.0) + bought
        return revenue
