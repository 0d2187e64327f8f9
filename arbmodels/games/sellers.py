"""Sellers: who can serve which solve rate at what cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from arbmodels.cascades import AuthorsPolicy, Frontier
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.margins import Arbitrage
from arbmodels.passk import FloatArray

#: An arbitrageur whose cheapest cascade is one model alone pays that model's list price. The two
#: are computed in different orders of summation; nearer than this (relative) they are the same.
_SAME_COST = 1e-12


@dataclass(frozen=True, eq=False)
class Seller:
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
    source: Frontier | AuthorsPolicy,
    solve_rates: npt.ArrayLike,
    overhead: float = 0.0,
) -> Seller:
    """Return one arbitrageur with its own catalogue of models, policy and overhead.

    Parameters
    ----------
    name : str
    source : Frontier or AuthorsPolicy
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
    inputs.a((Frontier, AuthorsPolicy), source, "source")
    overhead = inputs.number(overhead, f"The overhead of {name!r}", 0.0)
    rates = np.atleast_1d(inputs.numbers(solve_rates, "Solve rates"))
    if rates.ndim != 1 or np.isnan(rates).any():
        raise InputError("Solve rates are a list of numbers between 0 and 1, none of them NaN.")
    bought = source.spend_by_model_at(rates)
    purchases = dict(zip(source.names, np.asarray(bought).T, strict=True))
    return Seller(name, np.asarray(source.spend_at(rates)) * (1 + overhead), purchases)
