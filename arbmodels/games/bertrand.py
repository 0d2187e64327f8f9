"""Asymmetric homogeneous Bertrand competition at every solve rate: limit pricing.

Sellers, the game, its equilibrium with the certificate, and undercutting in turn: how the price
falls step by step to the limit price.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from arbmodels._pandas import pd
from arbmodels.cascades import Frontier, PaperPolicy
from arbmodels.display import (
    ARBITRAGEUR_COLOR,
    Displayed,
    TextTable,
    first,
    model_color,
    new_axes,
    number,
    percent,
    summary,
)
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.certificate import DeviationsByRate, certify
from arbmodels.games.equilibrium import Equilibrium
from arbmodels.margins import Arbitrage
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class BertrandEquilibrium(Equilibrium):
    """Prices from which nobody gains more than ``epsilon`` by deviating.

    All money is in currency units per instance; consumers have unit mass at every solve rate.

    Parameters
    ----------
    kind : {"pure"}
    game : BertrandGame
    prices : float array [U, P]
        NaN where a seller cannot reach the solve rate, or the price is unbounded.
    market_price : float array [U]
        What consumers pay; NaN where nobody sells or the price is unbounded.
    shares, profits : float array [U, P]
        Share of the consumers served, and profit; a profit is NaN where the price is unbounded.
    deviations : DeviationsByRate
        The independent best-response check, at every solve rate.
    found_by : str
    """

    kind: Literal["pure"]
    game: BertrandGame
    prices: FloatArray
    market_price: FloatArray
    shares: FloatArray
    profits: FloatArray
    deviations: DeviationsByRate
    found_by: str
    iterations: int = 0
    trace: FloatArray = field(default_factory=lambda: np.zeros((0, 2)))
    others: tuple[BertrandEquilibrium, ...] = ()
    converged: bool = True

    @property
    def solve_rates(self) -> FloatArray:
        """Of the game, [U]."""
        return self.game.solve_rates

    @property
    def costs(self) -> FloatArray:
        """Of the sellers, [U, P]; NaN where one cannot reach the solve rate."""
        return self.game.costs

    @property
    def currency(self) -> str:
        """Of the game."""
        return self.game.currency

    @property
    def tie_rule(self) -> str:
        """Who serves when prices are equal, in words."""
        return self.deviations.tie_rule

    @property
    def domain(self) -> str:
        """Which deviations the certificate covers."""
        return self.deviations.domain

    @property
    def unbounded(self) -> npt.NDArray[np.bool_]:
        """Where one seller alone faces consumers who pay anything, [U]: no price is optimal."""
        return self.deviations.unbounded

    @property
    def unserved(self) -> npt.NDArray[np.bool_]:
        """Where nobody sells: out of every seller's reach, or dearer than consumers pay, [U]."""
        return np.asarray(self.shares.sum(axis=1) == 0)

    @cached_property
    def mean_profits(self) -> FloatArray:
        """Each player's profit averaged over the solve rates with a bounded price, [P]."""
        if self.unbounded.all():
            return np.full(len(self.players), np.nan)
        mean: FloatArray = self.profits[~self.unbounded].mean(axis=0)
        return mean

    def to_frame(self) -> pd.DataFrame:
        """Return a row per solve rate and player: cost, price, share, profit, gain."""
        rates, count = len(self.solve_rates), len(self.players)
        return pd.DataFrame(
            {
                "solve_rate": np.repeat(self.solve_rates, count),
                "player": list(self.players) * rates,
                "cost": self.costs.ravel(),
                "price": self.prices.ravel(),
                "share": self.shares.ravel(),
                "profit": self.profits.ravel(),
                "gain": np.where(self.unbounded[:, None], np.nan, self.deviations.gains).ravel(),
                "market_price": np.repeat(self.market_price, count),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and lists, ready for JSON; null where undefined.

        Prices, profits and shares are lists over ``solve_rates``, keyed by player; ``epsilon`` is
        the largest gain of any player, ``certificate`` has each player's.
        """

        def by_player(values: FloatArray) -> dict[str, Any]:
            return {
                name: _plain(column) for name, column in zip(self.players, values.T, strict=True)
            }

        largest = self.deviations.by_player().to_dict("index")
        return {
            "kind": self.kind,
            "game": self.game.name,
            "unit": f"{self.currency}/instance",
            "players": list(self.players),
            "solve_rates": _plain(self.solve_rates),
            "prices": by_player(self.prices),
            "profits": by_player(self.profits),
            "shares": by_player(self.shares),
            "market_price": _plain(self.market_price),
            "mean_profits": dict(zip(self.players, _plain(self.mean_profits), strict=True)),
            "epsilon": _plain([self.epsilon])[0],
            "certificate": {
                str(name): dict(zip(row, _plain(list(row.values())), strict=True))
                for name, row in largest.items()
            },
            "tie_rule": self.tie_rule,
            "domain": self.domain,
            "unbounded_solve_rates": _plain(self.solve_rates[self.unbounded]),
            "unserved_solve_rates": _plain(self.solve_rates[self.unserved]),
            "found_by": self.found_by,
            "iterations": self.iterations,
        }

    def table(self) -> TextTable:
        """Return epsilon, then each player's gain, sales and profit."""
        unit = f"{self.currency}/instance"
        most = self.deviations.by_player()
        rows = [
            (
                player,
                number(gain),
                number(price),
                percent(rate, 2),
                percent(share),
                number(profit),
            )
            for player, gain, price, rate, share, profit in zip(
                self.players,
                most["gain"].to_numpy(float),
                most["price"].to_numpy(float),
                most["solve_rate"].to_numpy(float),
                self.shares.mean(axis=0),
                self.mean_profits,
                strict=True,
            )
        ]
        note = f"{self.deviations.words}\nFound by {self.found_by}; {self.iterations} iterations."
        if self.unserved.any():
            note += f" Nobody sells at {self.unserved.sum()} of {len(self.unserved)} solve rates."
        return TextTable(
            f"epsilon = {number(self.epsilon)} {unit}: {self.kind} equilibrium of {self.game.name}",
            (
                "player",
                f"epsilon [{unit}]",
                "best price",
                "solve rate",
                "mean share",
                f"mean profit [{unit}]",
            ),
            rows,
            note,
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw what consumers pay against every seller's cost over the solve rates."""
        ax = new_axes() if ax is None else ax
        rates = 100 * self.solve_rates
        for player, cost in zip(self.players, self.costs.T, strict=True):
            ax.plot(
                rates,
                cost,
                color=model_color(player, self.players),
                lw=1.2,
                ls="--",
                label=f"Cost of {player}",
            )
        # Wide and below: the price often runs along a cost.
        ax.plot(
            rates,
            self.market_price,
            color=ARBITRAGEUR_COLOR,
            lw=3.5,
            alpha=0.6,
            zorder=1.5,
            label="Equilibrium price",
        )
        ax.set_xlabel("Solve rate (%)")
        ax.set_ylabel(f"Price ({self.currency} per instance)")
        ax.set_title(self.game.name)
        ax.legend(frameon=False)
        return ax


def _plain(values: npt.ArrayLike | Sequence[Any]) -> list[Any]:
    """Floats as they are, None for what JSON cannot say."""
    items = values.tolist() if isinstance(values, np.ndarray) else list(values)  # type: ignore[arg-type]
    return [None if isinstance(v, float) and not math.isfinite(v) else v for v in items]


#: An arbitrageur whose cheapest cascade is one model alone pays that model's list price. The two
#: are computed in different orders of summation; nearer than this (relative) they are the same.
_SAME_COST = 1e-12


@dataclass(frozen=True, eq=False, repr=False)
class Seller(Displayed):
    """One seller with its cost along a grid of solve rates.

    Parameters
    ----------
    name : str
    cost : float array [U], currency units per instance
        Cost of serving one instance at each solve rate; NaN or infinite where the seller cannot
        reach the solve rate (kept as NaN).
    purchases : mapping of model to float array [U], currency units per instance
        What of the cost is paid to the provider of each model at list price; empty for providers.

    Raises
    ------
    InputError
        If the cost is negative or not a list of numbers, or purchases have another length.
    """

    name: str
    cost: FloatArray
    purchases: Mapping[str, FloatArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        inputs.name(self.name, "A seller's name")
        object.__setattr__(self, "cost", self._checked(self.cost, "cost"))
        purchases = {
            inputs.name(model, f"Seller {self.name!r}: a model bought"): self._checked(
                spend, f"purchases of {model!r}"
            )
            for model, spend in inputs.a(Mapping, self.purchases, "purchases").items()
        }
        for model, spend in purchases.items():
            if len(spend) != len(self.cost):
                raise InputError(
                    f"Seller {self.name!r}: {len(spend)} purchases of {model!r} for"
                    f" {len(self.cost)} costs; give one per solve rate."
                )
        object.__setattr__(self, "purchases", MappingProxyType(purchases))

    def _checked(self, values: npt.ArrayLike, what: str) -> FloatArray:
        array = inputs.numbers(values, f"Seller {self.name!r}: {what}")
        if array.ndim != 1 or len(array) == 0:
            raise InputError(
                f"Seller {self.name!r}: {what} has shape {array.shape}; give one number per"
                " solve rate."
            )
        negative = np.flatnonzero(array < 0)
        if len(negative):
            raise InputError(
                f"Seller {self.name!r}: {what} is {array[negative[0]]:g} at position"
                f" {negative[0]}; it must be >= 0, or NaN where the solve rate is out of reach."
            )
        array[~np.isfinite(array)] = np.nan
        array.setflags(write=False)
        return array


def providers_from(arbitrage: Arbitrage, cost_share: float = 1.0) -> tuple[Seller, ...]:
    """Return each model's provider as a seller of its own model.

    Parameters
    ----------
    arbitrage : Arbitrage
    cost_share : float in (0, 1]
        Cost over list-price cost. At 1 a provider never sells below list price; below 1 it can
        answer arbitrageurs by cutting its price down to this share of it.

    Raises
    ------
    InputError
        If the share is not in (0, 1].
    """
    inputs.a(Arbitrage, arbitrage, "arbitrage")
    cost_share = inputs.number(
        cost_share, "The providers' cost share (of the list price)", 0.0, 1.0, above=True
    )
    return tuple(
        Seller(model, cost_share * prices)
        for model, prices in zip(arbitrage.market.models, arbitrage.model_prices.T, strict=True)
    )


def arbitrageurs_from(
    arbitrage: Arbitrage, count: int = 2, overheads: Sequence[float] | None = None
) -> tuple[Seller, ...]:
    """Return ``count`` arbitrageurs who all buy the cheapest cascade at list prices.

    Parameters
    ----------
    arbitrage : Arbitrage
    count : int
        0 or more.
    overheads : sequence of float >= 0, length ``count``, optional
        Arbitrageur k's cost is the arbitrage cost times 1 + ``overheads[k]``; zero by default.

    Raises
    ------
    InputError
        If the count is negative or the overheads do not fit it.
    """
    inputs.a(Arbitrage, arbitrage, "arbitrage")
    count = inputs.whole(count, "The number of arbitrageurs")
    extra = np.zeros(count) if overheads is None else inputs.numbers(overheads, "Overheads")
    if extra.shape != (count,) or not np.all(np.isfinite(extra) & (extra >= 0)):
        raise InputError(
            f"Overheads {overheads!r} do not fit {count} arbitrageurs; give {count} numbers >= 0"
            " (0.1 adds 10% to the arbitrage cost)."
        )
    cost, price = arbitrage.arbitrage_cost, arbitrage.market_price
    with np.errstate(invalid="ignore"):
        resold = np.abs(cost - price) <= _SAME_COST * price
    cost = np.where(resold, price, cost)
    purchases = dict(zip(arbitrage.market.models, arbitrage.spend_by_model.T, strict=True))
    return tuple(
        Seller(f"arbitrageur {k}" if count > 1 else "arbitrageur", cost * (1 + more), purchases)
        for k, more in enumerate(extra.tolist(), start=1)
    )


def reseller(
    name: str,
    source: Frontier | PaperPolicy,
    solve_rates: npt.ArrayLike,
    overhead: float = 0.0,
) -> Seller:
    """Return one arbitrageur with its own catalogue of models, policy and overhead.

    Parameters
    ----------
    name : str
    source : Frontier or PaperPolicy
        What it buys: the cheapest cascades of a frontier (of all models, or of the catalogue it
        has access to: ``cascade_frontier(market.select(models=[...]))``), or a fitted policy.
    solve_rates : float array [U]
        Of the game; NaN cost beyond the source's reach.
    overhead : float >= 0
        Its cost is what it buys times 1 + ``overhead``.

    Raises
    ------
    InputError
        If the overhead is negative, or a solve rate is no number.

    Examples
    --------
    >>> import arbmodels as arb
    >>> market = arb.load_market("swebench-sim", models=["gpt5mini", "deepseek"])
    >>> seller = reseller("broker", arb.cascade_frontier(market), [0.6, 0.7], overhead=0.1)
    >>> bool(seller.cost[1] > seller.purchases["gpt5mini"][1] + seller.purchases["deepseek"][1])
    True
    """
    inputs.name(name, "A seller's name")
    inputs.a((Frontier, PaperPolicy), source, "source")
    overhead = inputs.number(overhead, f"The overhead of {name!r}", 0.0)
    rates = np.atleast_1d(inputs.numbers(solve_rates, "Solve rates"))
    if rates.ndim != 1 or np.isnan(rates).any():
        raise InputError("Solve rates are a list of numbers between 0 and 1, none of them NaN.")
    bought = source.spend_by_model_at(rates)
    purchases = dict(zip(source.names, np.asarray(bought).T, strict=True))
    return Seller(name, np.asarray(source.spend_at(rates)) * (1 + overhead), purchases)


@dataclass(frozen=True, eq=False, repr=False)
class BertrandGame(Displayed):
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

    References
    ----------
    Bertrand, *Théorie mathématique de la richesse sociale*, Journal des Savants (1883).

    Blume, *Bertrand without fudge*, Economics Letters 78 (2003).

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

    def table(self) -> TextTable:
        """Return the sellers, what they serve and at what cost."""
        rates, unit = self.solve_rates, f"{self.currency}/instance"
        rows = []
        for seller in self.sellers:
            served = np.isfinite(seller.cost)
            cost = seller.cost[served]
            rows.append(
                (
                    seller.name,
                    f"{served.sum():,} of {len(rates):,}",
                    number(cost.min()) if len(cost) else "–",
                    number(cost.max()) if len(cost) else "–",
                    ", ".join(seller.purchases) or "nothing",
                )
            )
        shown, more = first(rows, "sellers")
        cap = self.willingness_to_pay
        pays = "anything" if cap is None else f"at most {summary(np.asarray(cap))} {unit}"
        return TextTable(
            self.name,
            (
                "seller",
                "solve rates served",
                f"lowest cost [{unit}]",
                f"highest cost [{unit}]",
                "buys",
            ),
            shown,
            f"{more} {len(rates):,} solve rates, {percent(rates.min())} to {percent(rates.max())}."
            f" Consumers pay {pays}.".lstrip(),
        )

    def solve(self) -> BertrandEquilibrium:
        r"""Return the limit-pricing equilibrium, certified by the independent check.

        With :math:`c_{(1)} \le c_{(2)}` the two lowest costs at a solve rate and v the
        willingness to pay, the sellers at :math:`c_{(1)}` serve everybody at
        :math:`p = \min(c_{(2)}, v)`, in equal parts if they are several; everybody else prices
        at cost and sells nothing. If :math:`c_{(1)} > v` nobody sells.

        There are other equilibria, in which a loser prices below its own cost; this is the one
        in which nobody plays a price that can only lose.

        Returns
        -------
        BertrandEquilibrium
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
        return BertrandEquilibrium(
            kind="pure",
            game=self,
            prices=prices,
            market_price=price,
            shares=shares,
            profits=profits,
            deviations=self.certify(prices),
            found_by="closed form: limit pricing at every solve rate",
        )

    def certify(self, prices: npt.ArrayLike) -> DeviationsByRate:
        """Return what every seller gains by another price, at any posted prices.

        Parameters
        ----------
        prices : float array [U, P], currency units per instance
            NaN: no offer.

        Raises
        ------
        InputError
            If there is not one price per solve rate and seller.
        """
        return certify(
            self.players,
            self.solve_rates,
            prices,
            self.costs,
            willingness_to_pay=self._cap,
            currency=self.currency,
        )

    def provider_revenue(self, equilibrium: BertrandEquilibrium) -> pd.DataFrame:
        """Return what every provider earns from consumers and from arbitrageurs' purchases.

        Parameters
        ----------
        equilibrium : BertrandEquilibrium
            Of this game.

        Returns
        -------
        DataFrame [U, providers] indexed by solve rate, currency units per instance
            Providers are the sellers without purchases of their own, and whoever is bought from.
            NaN where the provider sells at an unbounded price.
        """
        inputs.a(BertrandEquilibrium, equilibrium, "equilibrium")
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
        ax.plot(rates, self.cost, color=ARBITRAGEUR_COLOR, lw=2, ls="--", label="Lowest cost")
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

    References
    ----------
    Olmedo, Schölkopf, Hardt, *Computational arbitrage in AI model markets*, arXiv 2603.22404
    (2026).
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
