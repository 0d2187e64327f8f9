"""The provider game: providers price, arbitrageurs re-optimise and compete, consumers buy.

Who serves a solve rate, at many price vectors at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from arbmodels._checks import labels_of, shown
from arbmodels.curves import dollar_curves
from arbmodels.display import Displayed, TextTable, brief, first, percent, summary
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.cascade_set import (
    SAME_COST,
    CascadeSet,
    cascade_sets_of,
    checked_prices,
    checked_sets,
)
from arbmodels.games.certificate import TieRule
from arbmodels.games.providers.consumers import Consumers, LogitConsumers, linear_consumers
from arbmodels.market import Market
from arbmodels.passk import FloatArray


class Served(NamedTuple):
    """What happens at one solve rate, at every price vector; money per consumer there.

    ``price`` [B] is infinite where nobody can serve; ``sold`` [B] is the share of consumers who
    buy; ``direct`` and ``resold`` [B, M] are the list-price dollars of each model that one buyer
    causes to be bought, by consumers themselves or by arbitrageurs; ``kept`` [B] is what
    arbitrageurs keep of the price after paying providers and overheads, ``overhead`` [B] those;
    ``surplus`` [B] is consumer surplus. With logit demand price and dollars are means over buyers.
    """

    price: FloatArray
    sold: FloatArray
    direct: FloatArray
    resold: FloatArray
    kept: FloatArray
    overhead: FloatArray

    def __repr__(self) -> str:
        return brief(self)

    surplus: FloatArray


def served_by_choice(
    cascade_set: CascadeSet,
    consumers: LogitConsumers,
    u: int,
    w: FloatArray,
    *,
    overheads: tuple[float, float],
) -> Served:
    """Return who serves when consumers spread over all direct offers and the resold cascade.

    Parameters
    ----------
    cascade_set : CascadeSet
    consumers : LogitConsumers
    u : int
        Position of the solve rate.
    w : float array [B, M]
        Multipliers of the models.
    overheads : tuple of float
        The two lowest of the arbitrageurs; infinite where there is none.
    """
    offers = cascade_set.direct(w)
    first, second = overheads
    price, own = np.full(len(w), np.inf), np.zeros(len(w))
    cheapest = cascade_set.cheapest(w)
    if np.isfinite(first):
        own = (1 + first) * cheapest.cost
        price = own.copy()
        if second > first:
            price = consumers.alone_price(u, own, offers)
            if np.isfinite(second):
                price = np.minimum(price, (1 + second) * cheapest.cost)
    choice = consumers.choose(u, offers, price)
    sold = choice.direct.sum(axis=1) + choice.resold
    share = np.maximum(sold, 1e-300)
    list_cost = np.where(np.isfinite(cascade_set.single), cascade_set.single, 0.0)
    paid = np.where(np.isfinite(offers), offers, 0.0)
    resells = choice.resold > 0
    mean = (
        (choice.direct * paid).sum(axis=1)
        + np.where(resells, choice.resold * np.where(resells, price, 0.0), 0.0)
    ) / share
    part = choice.resold / share
    return Served(
        mean,
        sold,
        choice.direct * list_cost / share[:, None],
        part[:, None] * cheapest.purchases,
        part * np.where(resells, np.where(resells, price, 0.0) - own, 0.0),
        part * np.where(resells, first * cheapest.cost, 0.0) if np.isfinite(first) else 0 * part,
        choice.surplus,
    )


# The tolerances of the provider game. All are relative to prices, from the narrowest to the widest:
# offers nearer than SAME_COST (1e-12, :mod:`arbmodels.games.cascade_set`) tie.
#: Prices nearer than this are one: wider than a tie, so that between any two breakpoints that are
#: kept apart there are prices that tie with nobody.
SAME_PRICE = 10 * SAME_COST
#: How far to stay from a price that is best only in the limit. The first is clear of the tie and of
#: what counts as the same price; the others are for lines that cross at a small angle, which tie
#: over a wider range.
STEPS = SAME_PRICE * np.array([1e1, 1e2, 1e3, 1e4, 1e5])
#: Gains up to this share of ``most_paid`` are none: a step away from a limit costs as much.
NO_GAIN = float(STEPS[0])
#: Gains up to this share of the largest profit, too, end a run of best responses.
SETTLED = 1e-7
#: Overheads are kept one by one; beyond two that are equal more arbitrageurs change nothing.
_MOST_ARBITRAGEURS = 1_000_000

#: Who serves at equal prices, in words.
TIES = {
    "share": (
        "providers with the same lowest direct price and cascades of the same least cost share"
        " equally; a direct offer beats an arbitrageur whose cost equals it; an arbitrageur who"
        " prices at a rival's price or cost serves"
    ),
    "low_cost": (
        "of providers with the same lowest direct price and of cascades with the same least cost,"
        " the ones with the lowest marginal cost serve; a direct offer beats an arbitrageur whose"
        " cost equals it; an arbitrageur who prices at a rival's price or cost serves"
    ),
}


@dataclass(frozen=True, eq=False, repr=False)
class ProviderOligopoly(Displayed):
    """Providers, cascade sets, consumers and costs, and the profits that prices make.

    Parameters and errors are those of :class:`arbmodels.games.ProviderGame`, which solves it.
    """

    cascade_sets: tuple[CascadeSet, ...]
    consumers: Consumers | LogitConsumers
    marginal_cost: FloatArray | float | Mapping[str, float] = 0.5
    arbitrageurs: int | Sequence[float] = 2
    providers: Mapping[str, Sequence[str]] | None = None
    fixed: Sequence[str] = ()
    tie_rule: TieRule = "share"
    name: str = "Provider game"

    def __post_init__(self) -> None:
        cascade_sets = checked_sets(self.cascade_sets)
        inputs.a((Consumers, LogitConsumers), self.consumers, "consumers")
        rates = self.consumers.solve_rates
        if len(cascade_sets) != len(rates) or any(
            abs(cascade_set.solve_rate - rate) > SAME_COST
            for cascade_set, rate in zip(cascade_sets, rates, strict=True)
        ):
            raise InputError(
                f"{len(cascade_sets)} cascade sets do not fit the {len(rates)} solve rates of the"
                " consumers; give one per solve rate, in the same order."
            )
        models = cascade_sets[0].models
        if any(cascade_set.models != models for cascade_set in cascade_sets):
            raise InputError("The cascade sets are of different models.")
        inputs.chosen(self.tie_rule, "tie rule", TIES)
        inputs.text("name", self.name)
        object.__setattr__(self, "cascade_sets", cascade_sets)
        object.__setattr__(self, "marginal_cost", self._costs(models))
        object.__setattr__(self, "arbitrageurs", self._overheads())
        owned = {m: (m,) for m in models} if self.providers is None else self.providers
        owned = {
            inputs.name(name, "A provider's name"): inputs.names(group, f"models of {name!r}")
            for name, group in inputs.a(Mapping, owned, "providers").items()
        }
        listed = [m for group in owned.values() for m in group]
        if sorted(listed) != sorted(models):
            raise InputError(
                f"The providers own {', '.join(map(repr, listed)) or 'nothing'}; every model of"
                f" {', '.join(map(repr, models))} needs exactly one provider."
            )
        object.__setattr__(self, "providers", owned)
        fixed = labels_of(inputs.listed(self.fixed, "fixed"), "fixed")
        unknown = [name for name in fixed if name not in owned]
        if unknown:
            raise InputError(
                f"No provider {unknown[0]!r} to hold fixed; there are"
                f" {', '.join(map(repr, owned))}."
            )
        object.__setattr__(self, "fixed", fixed)
        if (
            not self.differentiated
            and self.cheapest_buyers.sample is not None
            and self.second_overhead > self.lowest_overhead
        ):
            self.cheapest_buyers.monopoly_price(0, 0.0)  # raises: arbitrageurs have market power

    def table(self) -> TextTable:
        """Return the providers, their models and costs, the arbitrageurs and the consumers."""
        cost = dict(zip(self.models, np.asarray(self.marginal_cost), strict=True))
        rows = [
            (
                name,
                ", ".join(owned),
                summary([float(cost[model]) for model in owned]),
                "keeps list price" if name in self.fixed else "chooses",
            )
            for name, owned in (self.providers or {}).items()
        ]
        shown, more = first(rows, "providers")
        rates = self.consumers.solve_rates
        overheads = tuple(self.arbitrageurs)  # type: ignore[arg-type]  # since __post_init__
        own = f" with overheads {summary(overheads)}" if any(overheads) else ""
        return TextTable(
            f"{self.name}: profits in {self.unit}",
            ("provider", "models", "marginal cost [x list]", "price"),
            shown,
            f"{more} {len(rates):,} solve rates, {percent(rates.min())} to {percent(rates.max())};"
            f" {sum(len(one.expected) for one in self.cascade_sets):,} cascades; {len(overheads)}"
            f" arbitrageurs{own}.".lstrip(),
        )

    def _costs(self, models: tuple[str, ...]) -> FloatArray:
        given = self.marginal_cost
        if isinstance(given, Mapping):
            if set(given) != set(models):
                raise InputError(
                    f"Marginal costs are given for {', '.join(map(repr, given))}; give one for"
                    f" each of {', '.join(map(repr, models))}."
                )
            given = np.array(
                [inputs.number(given[m], f"The marginal cost of {m!r}") for m in models]
            )
        cost = inputs.numbers(given, "The marginal cost")
        if cost.shape not in ((), (len(models),)) or not np.all(np.isfinite(cost) & (cost >= 0)):
            raise InputError(
                f"The marginal cost is a share >= 0 of the list price, one for all or one for"
                f" each of the {len(models)} models."
            )
        return np.broadcast_to(cost, (len(models),)).copy()

    def _overheads(self) -> tuple[float, ...]:
        given = self.arbitrageurs
        if isinstance(given, int | np.integer) and not isinstance(given, bool):
            if not 0 <= given <= _MOST_ARBITRAGEURS:
                raise InputError(
                    f"The number of arbitrageurs is {shown(given)}; give a whole number from 0 to"
                    f" {_MOST_ARBITRAGEURS}."
                )
            return (0.0,) * int(given)
        what = "Arbitrageurs (how many, or a list of overheads)"
        return tuple(
            inputs.number(o, f"{what}: an overhead", 0.0) for o in inputs.listed(given, what)
        )

    @classmethod
    def from_market(
        cls,
        market: Market,
        solve_rates: npt.ArrayLike,
        *,
        choke_multiple: float = 2.0,
        mass: npt.ArrayLike = 1.0,
        captive: float = 0.0,
        marginal_cost: float | Mapping[str, float] = 0.5,
        arbitrageurs: int | Sequence[float] = 2,
        providers: Mapping[str, Sequence[str]] | None = None,
    ) -> Self:
        """Return the game of a market with linear demand at every solve rate.

        The cascades are those of the paper's billing in dollars
        (:func:`arbmodels.dollar_curves`), which skips attempts by each instance's own cost. For
        another, give :class:`ProviderGame` the cascade sets of other curves, such as
        ``cascade_sets_of(attempt_curves(market), solve_rates)``. Results say which.

        Parameters
        ----------
        market : Market
        solve_rates : float array [U]
        choke_multiple : float > 1
            Price at which nobody buys, as a multiple of the cheapest price at list prices: that
            of the best model alone, or of the best cascade where no model alone suffices.
        mass, captive, marginal_cost, arbitrageurs, providers
            As in :class:`Consumers` and :class:`ProviderGame`.
        """
        cascade_sets = cascade_sets_of(
            dollar_curves(inputs.a(Market, market, "market")), solve_rates
        )
        consumers = linear_consumers(cascade_sets, choke_multiple, mass, captive)
        return cls(
            cascade_sets,
            consumers,
            marginal_cost,
            arbitrageurs,
            providers,
            name=f"Provider game on {market.name}",
        )

    def replace(self, **changes: object) -> Self:
        """Return the game with some fields changed."""
        unknown = set(changes) - set(self.__dataclass_fields__)
        if unknown:
            raise InputError(f"A provider game has no field {min(unknown)!r}.")
        return replace(self, **changes)  # type: ignore[arg-type]

    @property
    def models(self) -> tuple[str, ...]:
        """The models, in the order of price vectors."""
        return self.cascade_sets[0].models

    @property
    def players(self) -> tuple[str, ...]:
        """Names of all providers."""
        return tuple(self.providers)  # type: ignore[arg-type]

    @property
    def currency(self) -> str:
        """Currency of prices and profits."""
        return self.cascade_sets[0].currency

    @property
    def unit(self) -> str:
        """Of profits: per instance, summed over the solve rates with the consumers' mass."""
        return f"{self.currency}/instance x mass"

    @property
    def ownership(self) -> FloatArray:
        """1 where a provider owns a model, [providers, M]."""
        return np.array(
            [[float(m in group) for m in self.models] for group in self.providers.values()]  # type: ignore[union-attr]
        )

    @property
    def differentiated(self) -> bool:
        """Whether consumers choose by logit, so that profits are no quadratics."""
        return isinstance(self.consumers, LogitConsumers)

    @property
    def cheapest_buyers(self) -> Consumers:
        """The consumers, who all buy from the cheapest seller.

        Raises
        ------
        InputError
            If they choose by logit.
        """
        if isinstance(self.consumers, LogitConsumers):
            raise InputError("This needs consumers who buy from the cheapest seller, not logit.")
        return self.consumers

    @property
    def floors(self) -> FloatArray:
        """Lowest marginal cost of each provider's models: no sale below it earns, [providers].

        Lower multipliers are weakly dominated: they lose on every sale, and the provider's highest
        marginal cost never does.
        """
        cost = np.asarray(self.marginal_cost)
        return np.asarray(np.where(self.ownership > 0, cost, np.inf).min(axis=1))

    @property
    def ceilings(self) -> FloatArray:
        """Highest marginal cost of each provider's models: no sale above it loses, [providers]."""
        return np.asarray((self.ownership * np.asarray(self.marginal_cost)).max(axis=1))

    @property
    def most_paid(self) -> float:
        """What consumers would pay at most, in the unit of profits: the scale of what is rounding.

        With logit demand, which has no highest price, what the cheapest cascades cost at list.
        """
        if isinstance(self.consumers, LogitConsumers):
            one = np.ones(len(self.models))
            most = np.array([float(cascade_set.cost(one)[0]) for cascade_set in self.cascade_sets])
        else:
            most = self.consumers.highest
        return float(np.asarray(self.consumers.mass) @ most)

    @property
    def movers(self) -> tuple[int, ...]:
        """Positions of the providers who choose their price."""
        return tuple(k for k, name in enumerate(self.players) if name not in self.fixed)

    @property
    def lowest_overhead(self) -> float:
        """Overhead of the cheapest arbitrageur; infinite without arbitrageurs."""
        return float(min(self.arbitrageurs, default=np.inf))  # type: ignore[arg-type]

    @property
    def second_overhead(self) -> float:
        """Overhead of the arbitrageur after him; infinite if there is none."""
        return float(sorted((*self.arbitrageurs, np.inf, np.inf))[1])  # type: ignore[misc]

    def price_vectors(self, multipliers: npt.ArrayLike) -> FloatArray:
        """Return multipliers of models, [B, M], from multipliers of providers, [B, providers]."""
        chosen = np.atleast_2d(inputs.numbers(multipliers, "Multipliers"))
        if chosen.ndim != 2 or chosen.shape[1] != len(self.players):
            raise InputError(
                f"Give one multiplier for each of the {len(self.players)} providers"
                f" ({', '.join(self.players)}), in rows for several price vectors."
            )
        return chosen @ self.ownership

    def served(self, u: int, prices: npt.ArrayLike, *, captive: bool = False) -> Served:
        """Return who serves the solve rate at position ``u`` at every price vector.

        Parameters
        ----------
        u : int
        prices : float array [B, M]
            Multipliers of the models.
        captive : bool
            For the consumers who buy from providers only.
        """
        w = checked_prices(prices, len(self.models))
        if isinstance(self.consumers, LogitConsumers):
            return served_by_choice(
                self.cascade_sets[u],
                self.consumers,
                u,
                w,
                overheads=(np.inf, np.inf)
                if captive
                else (self.lowest_overhead, self.second_overhead),
            )
        cascade_set, cost = self.cascade_sets[u], np.asarray(self.marginal_cost)
        offers = cascade_set.direct(w)
        best = offers.min(axis=1)
        tied = (offers <= best[:, None] * (1 + SAME_COST)) & np.isfinite(offers)
        list_cost = np.where(np.isfinite(cascade_set.single), cascade_set.single, 0.0)
        direct = self._split(tied, cost * list_cost) * list_cost
        price, kept = best.copy(), np.zeros(len(w))
        overhead, resold = kept.copy(), np.zeros_like(direct)
        first, second = self.lowest_overhead, self.second_overhead
        if np.isfinite(first) and not captive:
            costs = w @ cascade_set.expected.T
            spend = costs.min(axis=1)
            own = (1 + first) * spend
            wins = own < best * (1 - SAME_COST)
            cascade = self._split(
                costs <= spend[:, None] * (1 + SAME_COST), cascade_set.expected @ cost
            )
            resold = np.where(wins[:, None], cascade @ cascade_set.expected, 0.0)
            direct = np.where(wins[:, None], 0.0, direct)
            asked = best if np.isinf(second) else np.minimum(best, (1 + second) * spend)
            if second > first:
                asked = np.minimum(asked, self.cheapest_buyers.monopoly_price(u, own))
            price = np.where(wins, np.maximum(asked, own), price)
            kept = np.where(wins, price - own, 0.0)
            overhead = np.where(wins, first * spend, 0.0)
        sold = self.cheapest_buyers.quantity(u, price)
        surplus = self.cheapest_buyers.surplus(u, price)
        return Served(price, sold, direct, resold, kept, overhead, surplus)

    def _split(self, tied: npt.NDArray[np.bool_], cost: FloatArray) -> FloatArray:
        """Shares of the tied options, [B, options], by the tie rule; zero rows where none."""
        if self.tie_rule == "low_cost":
            lowest = np.where(tied, cost, np.inf).min(axis=1)
            tied = tied & (cost <= lowest[:, None] * (1 + SAME_COST))
        return np.asarray(tied / np.maximum(tied.sum(axis=1), 1)[:, None])

    def groups(self) -> list[tuple[int, float, bool]]:
        """Consumers with one market each: position of the solve rate, mass, captive or not."""
        mass, captive = np.asarray(self.consumers.mass), self.consumers.captive
        found = [(u, float((1 - captive) * m), False) for u, m in enumerate(mass) if m > 0]
        if captive:
            found += [(u, float(captive * m), True) for u, m in enumerate(mass) if m > 0]
        return found

    def model_profits(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the profit made on every model at every vector of model multipliers, [B, M]."""
        w = checked_prices(prices, len(self.models))
        total = np.zeros_like(w)
        for u, mass, captive in self.groups():
            found = self.served(u, w, captive=captive)
            total += (mass * found.sold)[:, None] * (found.direct + found.resold)
        return np.asarray(total * (w - np.asarray(self.marginal_cost)))

    def profits(self, multipliers: npt.ArrayLike) -> FloatArray:
        """Return every provider's profit at every vector of provider multipliers.

        Parameters
        ----------
        multipliers : float array [B, providers] or [providers]

        Returns
        -------
        float array [B, providers], currency units per instance, summed with the consumers' mass
        """
        return self.model_profits(self.price_vectors(multipliers)) @ self.ownership.T


def distinct_prices(prices: FloatArray) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Return the different ones of some prices, increasing, and the position of each among them.

    Each stands for those that follow it at no more than ``SAME_PRICE`` from one to the next.
    """
    order = np.argsort(prices, kind="stable")
    ordered = prices[order]
    new = np.diff(ordered, prepend=-1.0) > SAME_PRICE * ordered
    where = np.empty(len(prices), dtype=np.int64)
    where[order] = np.cumsum(new) - 1
    return ordered[new], where
