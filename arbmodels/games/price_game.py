"""Any game over continuous prices, given as a function: best responses by bounded search.

Continuous prices of three and more players: equilibria on shifted grids, averaged.

A few dozen prices per player are all that a restricted game of several players can hold. On one
such grid, undercutting a price that is played gains about what is won there over the number of
prices. Equilibria on grids that are shifted against each other have their errors at different
prices: many of them cancel in the average of the strategies.

What the games in mixed prices accept.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from arbmodels._checks import is_label, labels_of
from arbmodels._clock import clock
from arbmodels.display import Displayed, TextTable, first, summary
from arbmodels.display import number as shown_number
from arbmodels.errors import InputError
from arbmodels.games.certificate import BestResponse, Deviations
from arbmodels.games.finite import polymatrix
from arbmodels.games.finite.double_oracle import solve_continuous, staggered
from arbmodels.games.finite.game import FiniteGame
from arbmodels.games.inputs import a, chosen, listed, number, numbers, text, whole
from arbmodels.games.price_distribution import PriceDistribution, PriceEquilibrium
from arbmodels.passk import FloatArray

#: Prices per player on every grid but the first, by the number of players, and grids at most.
_PRICES, _FEW_SHIFTS = {3: 61, 4: 20}, 8
_ROUNDS = 30
#: Shifts of the grids, as parts of a step: two irrational numbers, so that none repeats.
_SHIFTS = (0.6180339887498949, 0.7548776662466927)
#: Share of the range that is played by which a grid exceeds it, and a probability to speak of.
_MARGIN, _PLAYED = 0.01, 1e-6
#: Part of a start that is spread evenly; largest gain on a grid, over the range of payoffs.
_SPREAD, _EXACT = 0.01, 1e-9
#: Seconds after which the first grid is given up, where there is no time limit for all.
_LONG = 60.0

Strategies = tuple[PriceDistribution, ...]


class CertifiedGame(Protocol):
    """A game over prices that can be put on grids and certifies strategies."""

    @property
    def players(self) -> tuple[str, ...]:
        """Names."""

    def finite(self, prices: Sequence[FloatArray]) -> FiniteGame:
        """Return the game on price grids."""

    def certify(self, strategies: Sequence[PriceDistribution]) -> Deviations:
        """Return every player's largest gain from any price, on the continuous game."""


class Averaged(NamedTuple):
    """Strategies of least epsilon, their certificate, and the trace: prices played, epsilon."""

    strategies: Strategies
    deviations: Deviations
    trace: FloatArray


def solve_shifted(
    game: CertifiedGame,
    prices: Sequence[FloatArray],
    keep: FloatArray,
    *,
    tolerance: float,
    time_limit: float,
) -> Averaged:
    """Solve on shifted grids over the prices that are played, and average the later answers.

    Parameters
    ----------
    game : CertifiedGame
        Of three players or more.
    prices : sequence of float arrays [A_i], length P
        The first grids, over all prices that make sense.
    keep : float array
        Prices that belong on every grid: where demand jumps.
    tolerance : float
        Relative epsilon on the continuous game at which to stop.
    time_limit : float
        Seconds; the best round counts, whatever the time.
    """
    deadline = clock() + time_limit
    count = len(prices)
    size = _PRICES.get(count, _FEW_SHIFTS)
    grids = [np.unique(np.asarray(own, dtype=float)) for own in prices]
    floor = np.array([own.min() for own in grids])
    lowest, highest = np.full(count, np.inf), np.zeros(count)
    extra = [np.zeros(0) for _ in grids]
    window: list[Strategies] = []
    average: Strategies = ()
    best: tuple[Strategies, Deviations] | None = None
    trace = []
    for step in tqdm(range(_ROUNDS), "Price grids", disable=None, leave=False, delay=2):
        finite = game.finite(grids)
        if step == 0:
            # Where there is a pure equilibrium, the first grid shows it.
            found = finite.solve(time_limit=min(time_limit, _LONG)).strategies
        else:
            # From the last answer, so that of several equilibria the same one is met again.
            start = [_moved(own, grid) for own, grid in zip(average, grids, strict=True)]
            target = _EXACT * float(np.ptp(finite.payoffs))
            found = polymatrix.follow(finite.payoffs, start, deadline, target).strategies
        here = tuple(map(PriceDistribution.on_grid, grids, found))
        # The first grid is coarse; the earlier half had worse ranges and fewer best responses.
        window = [*window, here][-((step + 1) // 2) :] if step > 1 else [here]
        average = tuple(_average([one[k] for one in window]) for k in range(count))
        deviations = game.certify(average)
        trace.append((float(max(len(own.prices) for own in average)), deviations.epsilon))
        if best is None or deviations.relative_epsilon < best[1].relative_epsilon:
            best = average, deviations
        if best[1].relative_epsilon <= tolerance or clock() > deadline:
            break
        for k, own in enumerate(here):
            played = own.prices[own.masses > _PLAYED]
            better = deviations.deviation[k]
            tempted = [] if better is None else [float(better)]
            lowest[k] = min([lowest[k], played.min(), *tempted])
            highest[k] = max([highest[k], played.max(), *tempted])
            if deviations.attained[k]:
                extra[k] = np.union1d(extra[k], tempted)
        bottom = np.maximum(lowest - _MARGIN * (highest.max() - lowest.min()), floor)
        grids = [
            np.unique(
                np.concatenate(
                    [
                        _shifted(float(bottom[k]), float(highest[k]), size, step, k),
                        keep[(keep >= bottom[k]) & (keep <= highest[k])],
                        extra[k],
                    ]
                )
            )
            for k in range(count)
        ]
    assert best is not None  # noqa: S101  # there is always a first round
    return Averaged(*best, np.array(trace))


def _shifted(low: float, high: float, size: int, step: int, player: int) -> FloatArray:
    shift = ((step + 0.5) * _SHIFTS[0] + player * step * _SHIFTS[1]) % 1.0
    return np.asarray(low + (high - low) * (np.arange(size) + shift) / size)


def _moved(own: PriceDistribution, grid: FloatArray) -> FloatArray:
    """Move every atom to the next price of a grid, and spread a little over all of it."""
    edges = (grid[1:] + grid[:-1]) / 2
    mass = np.bincount(np.searchsorted(edges, own.prices), own.masses, len(grid))
    return np.asarray((1 - _SPREAD) * mass + _SPREAD / len(grid))


def _average(found: Sequence[PriceDistribution]) -> PriceDistribution:
    price = np.concatenate([own.prices for own in found])
    mass = np.concatenate([own.masses for own in found])
    distinct, where = np.unique(price, return_inverse=True)
    return PriceDistribution.on_grid(distinct, np.bincount(where, mass))


METHODS = ("auto", "closed_form", "double_oracle")


def numbers_of(name: str, values: npt.ArrayLike, count: int | None = None) -> FloatArray:
    """Return finite numbers >= 0 as an array [count]; one number stands for all.

    Raises
    ------
    InputError
        If there are none, another number of them, or one is negative or not finite.
    """
    array = np.atleast_1d(numbers(values, name))
    if count is not None and array.shape == (1,):
        array = np.full(count, array[0])
    if array.ndim != 1 or len(array) == 0 or (count is not None and len(array) != count):
        wanted = "one or more numbers" if count is None else f"one number, or {count}"
        raise InputError(f"{name} has shape {array.shape}; give {wanted}.")
    bad = ~(np.isfinite(array) & (array >= 0))
    if bad.any():
        at = int(np.argmax(bad))
        raise InputError(f"{name}[{at}] is {array[at]:g}; give finite numbers >= 0.")
    return array


def positive(name: str, values: npt.ArrayLike) -> FloatArray:
    """Return finite numbers above 0 as an array.

    Raises
    ------
    InputError
        If one is not.
    """
    array = numbers_of(name, values)
    if (array == 0).any():
        raise InputError(f"{name}[{int(np.argmax(array == 0))}] is 0; give numbers above 0.")
    return array


def names_of(players: Sequence[str], count: int) -> tuple[str, ...]:
    """Return the players' names; "seller 1", ... by default.

    Raises
    ------
    InputError
        If there are not ``count`` different ones.
    """
    if isinstance(players, tuple | list) and not players:
        return tuple(f"seller {k + 1}" for k in range(count))
    names = labels_of(players, "players")
    if len(names) != count or len(set(names)) < count or not all(map(is_label, names)):
        raise InputError(f"Give {count} different names of players, not {names}.")
    return names


def profiles_of(prices: npt.ArrayLike, count: int) -> FloatArray:
    """Return price profiles [K, P].

    Raises
    ------
    InputError
        If there is not one price per player in every row.
    """
    price = numbers(prices, "prices")
    if price.ndim != 2 or price.shape[1] != count:
        raise InputError(f"prices has shape {price.shape}; give [profiles, {count} players].")
    return price


def check_method(method: str, tolerance: float, time_limit: float) -> None:
    """Refuse an unknown method or a limit that means nothing.

    Raises
    ------
    InputError
    """
    chosen(method, "method", METHODS)
    number(tolerance, "tolerance", 0.0, above=True)
    number(time_limit, "time_limit", 0.0, above=True, finite=False)


#: Price profiles evaluated at once.
_PROFILES = 500_000
#: The best prices of the first search around which a finer one follows, and how often.
_PEAKS, _ZOOMS, _FINE = 4, 6, 21
#: Prices on a player's grid at most, by the number of players.
_MOST, _FEW = {1: 1000, 2: 1000, 3: 81}, 25


@dataclass(frozen=True, eq=False, repr=False)
class PriceGame(Displayed):
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

    References
    ----------
    McMahan, Gordon, Blum, *Planning in the presence of cost functions controlled by an adversary*,
    ICML (2003).

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

    def table(self) -> TextTable:
        """Return the players and the bounds of their prices."""
        rows, more = first(
            [
                (player, shown_number(low), shown_number(high))
                for player, low, high in zip(self.players, self.lowest, self.highest, strict=True)
            ],
            "players",
        )
        return TextTable(
            f"{self.name} ({self.unit})",
            ("player", f"lowest price [{self.unit}]", f"highest price [{self.unit}]"),
            rows,
            f"{more} Payoff: {summary(self.payoff)}.".lstrip(),
        )

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
            self,
            strategies,
            deviations.profit,
            deviations,
            f"double oracle on grids of up to {int(found.trace[:, 0].max())} prices",
            found.rounds,
            found.trace,
            deviations.relative_epsilon <= tolerance,
        )
