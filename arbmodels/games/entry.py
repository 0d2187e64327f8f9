"""Entry: which providers come into the market when coming costs something.

How much a newcomer may pay to enter, when incumbents keep their prices or answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from arbmodels._checks import labels_of
from arbmodels._pandas import pd
from arbmodels.curves import default_budget_grid, dollar_curves
from arbmodels.display import (
    Displayed,
    TextTable,
    model_color,
    new_axes,
    number,
    percent,
)
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.cascade_set import cascade_sets_of
from arbmodels.games.certificate import Deviations
from arbmodels.games.equilibrium import Equilibrium
from arbmodels.games.providers import Consumers, ProviderGame, outcome
from arbmodels.games.statics import Statics
from arbmodels.market import Market
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def entry_threshold(
    game: ProviderGame,
    entrant: str,
    arbitrageurs: Sequence[int] = (0, 1, 2),
    *,
    entrant_moves: bool = False,
    tolerance: float = 1e-2,
    time_limit: float = 10.0,
) -> Statics:
    """Return the largest fixed cost at which a provider enters, by the number of arbitrageurs.

    It is the entrant's operating profit in the market: with everybody at list prices, and where
    the incumbents re-price knowing that it is there. It enters earlier with arbitrageurs if its
    profit is larger with them.

    Parameters
    ----------
    game : ProviderGame
        With the entrant in it. Providers in ``fixed`` keep their list prices throughout.
    entrant : str
        A provider.
    arbitrageurs : sequence of int
    entrant_moves : bool
        Whether the entrant chooses its price too, or enters at its list price. With more than two
        movers an equilibrium may not be found: ``settled`` says whether it was.
    tolerance, time_limit : float
        As in :meth:`arbmodels.games.ProviderGame.solve`, per equilibrium.

    Returns
    -------
    Statics
        Measures: ``threshold`` and the entrant's ``revenue``, ``incumbents``' profits together,
        ``mean_price``.

    Raises
    ------
    InputError
        If there is no such provider, no incumbent who re-prices, or no number of arbitrageurs.

    References
    ----------
    Bresnahan, Reiss, *Entry and competition in concentrated markets*, Journal of Political Economy
    99 (1991).

    Examples
    --------
    Nobody buys b alone; in the cascade it earns a margin of 0.5 on each of 2.5 of 4 consumers.

    >>> from arbmodels.games import CascadeSet, Consumers
    >>> bought = [[2.0, 0.0], [0.5, 1.0], [0.0, 2.5]]
    >>> cascades = CascadeSet(0.7, ("a", "b"), bought, [2.0, 2.5], True)
    >>> game = ProviderGame((cascades,), Consumers([0.7], high=4.0), 0.5)
    >>> found = entry_threshold(game, "b", [0, 2]).to_frame()
    >>> found[found["providers"] == "list prices"]["threshold"].tolist()
    [0.0, 0.3125]
    """
    inputs.a(ProviderGame, game, "game")
    entrant_moves = inputs.truth(entrant_moves, "entrant_moves")
    if not isinstance(entrant, str) or entrant not in game.players:
        raise InputError(
            f"No provider {entrant!r} to enter; there are {', '.join(map(repr, game.players))}."
        )
    counts = inputs.listed(arbitrageurs, "arbitrageurs")
    arbitrageurs = [inputs.whole(n, "A number of arbitrageurs") for n in counts]
    if not arbitrageurs:
        raise InputError("Give at least one number of arbitrageurs.")
    player = game.players.index(entrant)
    movers = [k for k in game.movers if k != player]
    if not movers:
        raise InputError("No incumbent re-prices; leave one out of fixed=.")
    held = [name for name in game.fixed if name != entrant]
    answered = game.replace(fixed=tuple(held if entrant_moves else [*held, entrant]))
    rows: list[dict[str, Any]] = []
    for count in arbitrageurs:
        listed = outcome(game.replace(arbitrageurs=count), np.ones(len(game.players)))
        found = answered.replace(arbitrageurs=count).solve(
            tolerance=tolerance, time_limit=time_limit
        )
        for how, what, certificate in (
            ("list prices", listed, None),
            ("re-pricing", found.outcome, found),
        ):
            rows.append(
                {
                    "value": count,
                    "providers": how,
                    "epsilon": 0.0 if certificate is None else certificate.epsilon,
                    "relative_epsilon": 0.0
                    if certificate is None
                    else certificate.relative_epsilon,
                    "settled": certificate is None or certificate.converged,
                    "kind": "list" if certificate is None else certificate.kind,
                    "threshold": float(what.total_profit[player]),
                    "revenue": float(what.total_revenue[player]),
                    "incumbents": float(what.total_profit[movers].sum()),
                    "mean_price": what.mean_price,
                }
            )
    return Statics("arbitrageurs", pd.DataFrame(rows), f"Entry of {entrant}", game.unit)


#: All subsets of so many candidates are priced.
MAX_CANDIDATES = 8


@dataclass(frozen=True, eq=False, repr=False)
class EntryEquilibrium(Equilibrium):
    """Who enters: nobody gains more than epsilon by leaving, or by joining.

    Made by :meth:`EntryGame.solve`.

    Parameters
    ----------
    game : EntryGame
    entrants : frozenset of str
    profits : float array [candidates], in the game's unit
        Less the fixed cost; 0 of who stays out.
    deviations : Deviations
    iterations : int
        Subsets looked at.
    converged : bool
        Whether nobody gains anything, and all prices compared are equilibria of their own games.
    others : tuple of EntryEquilibrium
        All other pure equilibria.
    """

    game: EntryGame
    entrants: frozenset[str]
    profits: FloatArray
    deviations: Deviations
    iterations: int
    converged: bool
    others: tuple[EntryEquilibrium, ...] = ()
    found_by: str = "looking at every subset"
    trace: FloatArray = field(default_factory=lambda: np.zeros((0, 2)))
    kind: Literal["pure"] = "pure"

    def to_frame(self) -> pd.DataFrame:
        """Return a row per candidate: whether it enters, profit less the fixed cost, gain."""
        return pd.DataFrame(
            {
                "player": list(self.players),
                "enters": [m in self.entrants for m in self.players],
                "profit": self.profits,
                "gain": self.deviations.gain,
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            "kind": self.kind,
            "game": self.game.name,
            "epsilon": self.epsilon,
            "entrants": sorted(self.entrants),
            "profits": dict(zip(self.players, self.profits.tolist(), strict=True)),
            "certificate": self.deviations.to_dict(),
            "converged": self.converged,
            "others": [sorted(other.entrants) for other in self.others],
        }

    def table(self) -> TextTable:
        """Return who enters, and what each would gain by the opposite."""
        unit = self.game.unit
        rows = [
            (m, "yes" if m in self.entrants else "no", number(profit), number(gain))
            for m, profit, gain in zip(
                self.players, self.profits, self.deviations.gain, strict=True
            )
        ]
        sets = "; ".join(_listed(self.players, other.entrants) for other in self.others)
        return TextTable(
            f"epsilon = {number(self.epsilon)} {unit}: {self.game.name}",
            ("provider", "enters", f"profit less fixed cost [{unit}]", f"gain [{unit}]"),
            rows,
            f"{self.deviations.words}\nOther pure equilibria: {sets or 'none'}.",
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw what every candidate earns in the market, against its fixed cost."""
        ax = new_axes() if ax is None else ax
        place = np.arange(len(self.players))
        earned = self.profits + np.where(self.to_frame()["enters"], self.game.fixed_cost, 0.0)
        colours = [model_color(m, self.players) for m in self.players]
        ax.bar(place, earned, color=colours, label="Operating profit")
        ax.plot(place, self.game.fixed_cost, "_", color="0.1", ms=28, ls="none", label="Fixed cost")
        ax.set_xticks(place, list(self.players))
        ax.set_ylabel(self.game.unit)
        ax.set_title(f"Entry: {_listed(self.players, self.entrants)}")
        ax.legend(frameon=False)
        return ax


@dataclass(frozen=True, eq=False, repr=False)
class EntryGame(Displayed):
    """Profits of every subset of entrants, and the pure equilibria of entering.

    Made by :func:`entry_game`. A set of entrants is an equilibrium if each earns at least its
    fixed cost in it, and nobody outside would earn more than its own by joining.

    References
    ----------
    Bresnahan and Reiss, *Entry and competition in concentrated markets*, Journal of Political
    Economy 99 (1991).

    Parameters
    ----------
    candidates : sequence of str
        Models whose providers may enter.
    fixed_cost : float array [candidates], in ``unit``
    profits : mapping of frozenset of str to dict of str to float
        Operating profit of each entrant, and under "" its epsilon: what any of them could gain by
        another price, over profit (0 at list prices).
    name, unit : str
    not_converged : sequence of frozenset of str
        Subsets whose prices are no equilibrium within the tolerance asked for: their profits, and
        what follows from them, are those of the best prices found.
    """

    candidates: tuple[str, ...]
    fixed_cost: FloatArray
    profits: Mapping[frozenset[str], Mapping[str, float]]
    name: str
    unit: str
    not_converged: tuple[frozenset[str], ...] = ()

    @property
    def equilibria(self) -> tuple[frozenset[str], ...]:
        """All pure entry equilibria, larger sets first: every subset is checked."""
        cost = dict(zip(self.candidates, self.fixed_cost, strict=True))
        found = []
        for inside in self.profits:
            stay = all(self.profits[inside][m] >= cost[m] for m in inside)
            out = [m for m in self.candidates if m not in inside]
            deterred = all(self.profits[inside | {m}][m] <= cost[m] for m in out)
            if stay and deterred:
                found.append(inside)
        return tuple(sorted(found, key=lambda s: (-len(s), sorted(s))))

    @property
    def players(self) -> tuple[str, ...]:
        """Names of the candidates."""
        return self.candidates

    def certify(self, entrants: Iterable[str]) -> Deviations:
        """Return what every candidate gains by the opposite: leaving, or joining.

        Parameters
        ----------
        entrants : names

        Raises
        ------
        InputError
            If one of them is no candidate.
        """
        sets = isinstance(entrants, Set)
        inside = self._among(entrants if sets else labels_of(entrants, "entrants"))
        cost = dict(zip(self.candidates, self.fixed_cost.tolist(), strict=True))

        def earned(model: str, market: frozenset[str]) -> float:
            return self.profits[market][model] - cost[model] if model in market else 0.0

        here = np.array([earned(m, inside) for m in self.candidates])
        there = np.array([earned(m, inside ^ {m}) for m in self.candidates])
        gain = np.maximum(there - here, 0.0)
        return Deviations(
            self.candidates,
            here,
            gain,
            tuple(
                None if more == 0 else "leave" if m in inside else "enter"
                for m, more in zip(self.candidates, gain.tolist(), strict=True)
            ),
            np.ones(len(self.candidates), dtype=bool),
            not self.not_converged,
            "entering or staying out",
            "who is indifferent does as it does",
            1,
            self.unit,
        )

    def solve(self) -> EntryEquilibrium:
        """Return the pure equilibrium with the most entrants, and all others with it.

        Where there is none, the subset of least epsilon is returned, and ``converged`` is false.
        """
        looked_at = {inside: self.certify(inside) for inside in self.profits}
        stable = self.equilibria or (min(looked_at, key=lambda s: looked_at[s].epsilon),)
        first, *rest = [
            EntryEquilibrium(
                self,
                inside,
                looked_at[inside].profit,
                looked_at[inside],
                len(looked_at),
                looked_at[inside].epsilon == 0 and not self.not_converged,
            )
            for inside in stable
        ]
        return replace(first, others=tuple(rest))

    def _among(self, models: Iterable[str]) -> frozenset[str]:
        unknown = [m for m in models if m not in self.candidates]
        if unknown:
            raise InputError(
                f"{unknown[0]!r} is no candidate; there are"
                f" {', '.join(map(repr, self.candidates))}."
            )
        return frozenset(models)

    def threshold(self, model: str, rivals: Sequence[str]) -> float:
        """Return the largest fixed cost at which a model enters beside given rivals.

        Raises
        ------
        InputError
            If the model is no candidate, or a rival is none.
        """
        return self.profits[self._among([model, *rivals])][model]

    @property
    def thresholds(self) -> dict[str, float]:
        """Largest fixed cost at which each candidate joins all the others."""
        return {
            m: self.threshold(m, [o for o in self.candidates if o != m]) for m in self.candidates
        }

    @property
    def price_epsilon(self) -> float:
        """Largest gain over profit by another price in any subset."""
        return max(row[""] for row in self.profits.values())

    def to_frame(self) -> pd.DataFrame:
        """Return a row per subset and entrant: profit, whether the subset is an equilibrium.

        The last column says whether the prices are one within the tolerance asked for.
        """
        stable = set(self.equilibria)
        rows = [
            (
                ", ".join(m for m in self.candidates if m in inside),
                model,
                profit,
                inside in stable,
                inside not in self.not_converged,
            )
            for inside, row in self.profits.items()
            for model, profit in row.items()
            if model
        ]
        return pd.DataFrame(rows, columns=["entrants", "model", "profit", "equilibrium", "settled"])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            "unit": self.unit,
            "fixed_cost": dict(zip(self.candidates, self.fixed_cost.tolist(), strict=True)),
            "equilibria": [sorted(inside) for inside in self.equilibria],
            "thresholds": self.thresholds,
            "relative_epsilon": self.price_epsilon,
            "subsets": [
                {
                    "entrants": sorted(inside),
                    "profits": {m: p for m, p in row.items() if m},
                    "relative_epsilon": row[""],
                    "settled": inside not in self.not_converged,
                }
                for inside, row in self.profits.items()
            ],
        }

    def table(self) -> TextTable:
        """Return the equilibria and every candidate's thresholds."""
        stable = self.equilibria
        rows = [
            (
                m,
                number(cost),
                number(self.threshold(m, [])),
                number(self.thresholds[m]),
                percent(float(np.mean([m in inside for inside in stable])), 0) if stable else "–",
            )
            for m, cost in zip(self.candidates, self.fixed_cost, strict=True)
        ]
        sets = "; ".join(_listed(self.candidates, inside) for inside in stable)
        note = f"Entry equilibria ({len(stable)} of {len(self.profits)} subsets): {sets or 'none'}."
        if self.not_converged:
            note += (
                f" In {len(self.not_converged)} subsets no equilibrium of prices was found"
                " within the tolerance: "
                + "; ".join(_listed(self.candidates, inside) for inside in self.not_converged)
                + "."
            )
        return TextTable(
            f"{self.name}: prices within {percent(self.price_epsilon, 2)} of profit of an"
            f" equilibrium [{self.unit}]",
            ("provider", "fixed cost", "enters up to, alone", "with all others", "in equilibria"),
            rows,
            note,
        )


def _listed(candidates: Sequence[str], inside: frozenset[str]) -> str:
    return ", ".join(m for m in candidates if m in inside) or "nobody"


def entry_game(
    market: Market,
    consumers: Consumers,
    fixed_cost: float | Mapping[str, float],
    *,
    marginal_cost: float | Mapping[str, float] = 0.5,
    arbitrageurs: int = 2,
    repricing: bool = False,
    tolerance: float = 5e-3,
    time_limit: float = 5.0,
    most_states: int = 200_000,
) -> EntryGame:
    """Return the profits of every subset of the market's models, and who enters.

    Parameters
    ----------
    market : Market
        Its models are the candidates, each with a provider of its own.
    consumers : Consumers
        Solve rates that a subset cannot reach are not served.
    fixed_cost : float or mapping of model to float
        Of entering, in the unit of profits: per instance, summed over the consumers' mass.
    marginal_cost : float or mapping of model to float
        As a share of the list price.
    arbitrageurs : int
        0 for a market without.
    repricing : bool
        Whether the entrants price in equilibrium, or at list prices.
    tolerance, time_limit : float
        Of each subset's equilibrium.
    most_states : int
        Of the lattice behind the cascade sets.

    Raises
    ------
    InputError
        If there are more than eight candidates or a fixed cost is negative.
    """
    models = inputs.a(Market, market, "market").models
    inputs.a(Consumers, consumers, "consumers")
    repricing = inputs.truth(repricing, "repricing")
    inputs.whole(arbitrageurs, "The number of arbitrageurs")
    inputs.whole(most_states, "most_states", 1)
    if len(models) > MAX_CANDIDATES:
        raise InputError(
            f"{len(models)} candidates have {2 ** len(models):,} subsets; choose at most"
            f" {MAX_CANDIDATES} with market.select(models=[...])."
        )
    if isinstance(fixed_cost, Mapping):
        if set(fixed_cost) != set(models):
            raise InputError(f"Give a fixed cost for each of {', '.join(map(repr, models))}.")
        fixed = np.array(
            [inputs.number(fixed_cost[m], f"The fixed cost of {m!r}", 0.0) for m in models]
        )
    else:
        fixed = np.full(len(models), inputs.number(fixed_cost, "The fixed cost", 0.0))
    profits: dict[frozenset[str], Mapping[str, float]] = {frozenset(): {"": 0.0}}
    unit = ""
    not_converged = []
    for size in range(1, len(models) + 1):
        for inside in combinations(models, size):
            game = _game(
                market,
                inside,
                consumers,
                marginal_cost=marginal_cost,
                arbitrageurs=arbitrageurs,
                most_states=most_states,
            )
            if game is None:
                profits[frozenset(inside)] = {**dict.fromkeys(inside, 0.0), "": 0.0}
                continue
            unit = game.unit
            if repricing:
                found = game.solve(tolerance=tolerance, time_limit=time_limit)
                earned, gain = found.profits, found.relative_epsilon
                if not found.converged:
                    not_converged.append(frozenset(inside))
            else:
                earned, gain = outcome(game, np.ones(size)).total_profit, 0.0
            profits[frozenset(inside)] = {
                **dict(zip(inside, map(float, earned), strict=True)),
                "": gain,
            }
    how = "re-pricing" if repricing else "list prices"
    return EntryGame(
        models,
        fixed,
        profits,
        f"Entry on {market.name}, {arbitrageurs} arbitrageurs, {how}",
        unit or f"{market.currency}/instance x mass",
        tuple(not_converged),
    )


def _game(
    market: Market,
    inside: Sequence[str],
    consumers: Consumers,
    *,
    marginal_cost: float | Mapping[str, float],
    arbitrageurs: int,
    most_states: int,
) -> ProviderGame | None:
    """Return the game among some models over the rates they reach; None if there are none."""
    part = market.select(models=list(inside))
    rates = consumers.solve_rates
    curves = dollar_curves(part, default_budget_grid(market))  # one grid, whoever is in
    # What is left unsolved when every model has spent its last budget.
    last = [
        curve.failure(grid[-1:])[:, 0]
        for curve, grid in zip(curves.models, curves.grids, strict=True)
    ]
    reach = 1.0 - float(part.weight @ np.prod(last, axis=0))
    kept = rates <= reach
    if not kept.any():
        return None
    cascade_sets = cascade_sets_of(curves, rates[kept], most_states=most_states)
    served = Consumers(
        rates[kept],
        low=np.asarray(consumers.low)[kept],
        high=np.asarray(consumers.high)[kept],
        mass=np.asarray(consumers.mass)[kept],
        captive=consumers.captive,
        sample=consumers.sample,
    )
    cost = (
        {m: marginal_cost[m] for m in inside}
        if isinstance(marginal_cost, Mapping)
        else marginal_cost
    )
    return ProviderGame(cascade_sets, served, cost, arbitrageurs, name=part.name)
