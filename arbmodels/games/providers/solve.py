"""Solve the provider game: pure equilibria first, then mixed ones, always certified.

Pure equilibria of the provider game: grid, best-response runs, least epsilon.

What the solvers of the provider game see of a mixed profile: profits, best responses, gains.

Mixed equilibria of two providers: finite games on shifted grids, averaged.

On a grid of n prices that are all played, undercutting one of them gains about one n-th of what
winning a price war is worth, wherever the grid lies. Equilibria on grids shifted against each other
are therefore averaged: their errors lie at different prices and mostly cancel, while Lemke-Howson
never sees more than a few hundred prices. Exact best responses to the average are added to the
next grids (a double oracle), so that prices played with positive probability are found.

Mixed equilibria of more than two providers: a double oracle over all of them.

The game restricted to a few prices of every provider is solved by iterated polymatrix
approximation; each provider's exact best response to the answer joins its prices; prices that are
never played make room when the joint profiles become too many. The number of joint profiles grows
with the power of the providers who mix, so epsilon comes down to some per cent of profit where
four or five mix, and to less than one where fewer do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from tqdm import tqdm

from arbmodels._clock import clock
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.certificate import Deviations
from arbmodels.games.finite import polymatrix
from arbmodels.games.finite.lemke_howson import path_end
from arbmodels.games.finite.strategies import exploitability
from arbmodels.games.providers.best_response import (
    answered,
    best_response,
    expected,
    most_earned,
    payoff_matrix,
    top_multiplier,
)
from arbmodels.games.providers.certificate import Strategy, certify_providers, rivals_of
from arbmodels.games.providers.equilibrium import ProviderEquilibrium
from arbmodels.games.providers.oligopoly import NO_GAIN, SETTLED, ProviderOligopoly
from arbmodels.passk import FloatArray

#: Relative gain at which a best response inside a piece has settled.
_INTERIOR = 1e-13
_ROUNDS = 60
_STARTS = 12
_ALWAYS = 2
#: Multipliers are looked for up to this, unless consumers pay more than that at list prices, and
#: from this where marginal costs are zero: grids have equal ratios.
_HIGHEST, _LOWEST = 12.0, 0.02
#: Profiles that differ less, relative to a price or to the highest one looked at, are one.
_SAME, _NOTHING = 1e-4, 1e-8


class Profile(NamedTuple):
    """One multiplier per provider, profits, and the largest gain of any mover and over profit."""

    prices: FloatArray
    profit: FloatArray
    gain: float
    relative: float


def searched_range(game: ProviderOligopoly, player: int) -> tuple[float, float]:
    """Multipliers between which equilibria are looked for (certificates look at all).

    Lower ones are dominated by the marginal cost.
    """
    low = max(float(game.floors[player]), _LOWEST)
    return low, max(min(top_multiplier(game, player), _HIGHEST), 1.1 * low)


def price_grid(game: ProviderOligopoly, player: int, size: int) -> FloatArray:
    """Return multipliers with equal ratios; the grids of two providers do not meet in ties."""
    low, high = searched_range(game, player)
    return np.geomspace(low, high, size) * (1 + 1e-4 * (player + 0.37) / len(game.players))


def gains_at(game: ProviderOligopoly, prices: FloatArray) -> Profile:
    """Return profits and exact gains of a pure profile."""
    profit = game.profits(prices)[0]
    gain, relative = 0.0, 0.0
    for player in game.movers:
        more = max(most_earned(game, player, prices) - profit[player], 0.0)
        gain = max(gain, more)
        if more > 0:
            relative = max(relative, more / profit[player] if profit[player] > 0 else np.inf)
    return Profile(prices.copy(), profit, gain, relative)


def respond(
    game: ProviderOligopoly, start: FloatArray, deadline: float = np.inf
) -> tuple[Profile, bool]:
    """Let providers answer in turn; return the best profile met and whether it converged.

    Nobody starts below its marginal cost, and no answer lies below it: lower prices are dominated.
    """
    prices = _undominated(game, start)
    nothing = NO_GAIN * game.most_paid
    best = gains_at(game, prices)
    seen = set()
    for _ in range(_ROUNDS):
        moved = False
        for player in game.movers:
            answer = best_response(game, player, prices)
            now = game.profits(prices)[0, player]
            # Approaching a limit once is enough; doing it again would creep away from it.
            enough = (
                _INTERIOR * max(abs(now), 1e-3 * game.most_paid)
                if answer.interior
                else SETTLED * abs(now) + nothing
            )
            if answer.profit > now + enough:
                prices[player] = answer.price
                moved = True
        found = gains_at(game, prices)
        if found.gain < best.gain or not moved:
            best = found
        here = tuple(np.round(np.log(np.maximum(prices, 1e-12)), 7))
        late = clock() > deadline
        if not moved or late or (here in seen and not converged(game, found)):
            break
        seen.add(here)
    return best, converged(game, best)


def converged(game: ProviderOligopoly, found: Profile) -> bool:
    """Return whether what could be gained is no more than approaching a limit costs."""
    largest = float(np.abs(found.profit).max())
    return found.gain <= SETTLED * largest + NO_GAIN * game.most_paid


def _idle_at_cost(game: ProviderOligopoly, found: Profile) -> Profile:
    """Return the equilibrium in which whoever sells nothing prices at cost, if it is one too.

    Any price at which it sells nothing would do: without this every one of them were another.
    """
    idle = game.replace(marginal_cost=0.0).profits(found.prices)[0] <= 0
    idle &= np.isin(np.arange(len(idle)), game.movers)
    if not idle.any():
        return found
    same = gains_at(game, np.where(idle, game.ceilings, found.prices))
    close = np.abs(same.profit - found.profit).max() <= NO_GAIN * game.most_paid
    return same if close and converged(game, same) else found


def _undominated(game: ProviderOligopoly, prices: FloatArray) -> FloatArray:
    """Return prices of which none of the movers' lies below its marginal cost."""
    movers = np.isin(np.arange(len(prices)), game.movers)
    return np.where(movers, np.maximum(prices, game.floors), prices)


def starts(game: ProviderOligopoly, size: int, count: int, seed: int) -> list[FloatArray]:
    """List prices, marginal costs, the least regrets on a grid (two movers), random profiles."""
    at_cost = np.ones(len(game.players))
    at_cost[list(game.movers)] = game.ceilings[list(game.movers)]
    found = [np.ones(len(game.players)), at_cost]
    if len(game.movers) == 2:
        found += grid_candidates(game, size)[:count]
    rng = np.random.default_rng(seed)
    while len(found) < count:
        prices = np.ones(len(game.players))
        for player in game.movers:
            low, high = searched_range(game, player)
            low = max(low, 0.1)
            prices[player] = np.exp(rng.uniform(np.log(low), np.log(max(min(high, 4.0), low))))
        found.append(prices)
    return found


def grid_payoffs(
    game: ProviderOligopoly, grids: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Return both movers' payoffs on a grid, [first, second] each."""
    tables = []
    for k, player in enumerate(game.movers):
        rivals = np.ones((len(grids[1 - k]), len(game.players)))
        rivals[:, game.movers[1 - k]] = grids[1 - k]
        tables.append(payoff_matrix(game, player, grids[k], rivals))
    return tables[0], tables[1].T


def grid_candidates(game: ProviderOligopoly, size: int) -> list[FloatArray]:
    """Return grid profiles whose largest regret on the grid is a local minimum, least first."""
    grids = (
        price_grid(game, game.movers[0], size),
        price_grid(game, game.movers[1], size),
    )
    first, second = grid_payoffs(game, grids)
    regret = np.maximum(first.max(axis=0) - first, second.max(axis=1)[:, None] - second)
    padded = np.pad(regret, 1, constant_values=np.inf)
    around = np.min(
        [
            padded[1 + i : 1 + i + size, 1 + j : 1 + j + size]
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
            if (i, j) != (0, 0)
        ],
        axis=0,
    )
    at: npt.NDArray[np.intp] = np.argwhere(regret <= around)
    at = at[np.argsort(regret[at[:, 0], at[:, 1]], kind="stable")]
    profiles = []
    for i, j in at:
        prices = np.ones(len(game.players))
        prices[game.movers[0]], prices[game.movers[1]] = grids[0][i], grids[1][j]
        profiles.append(prices)
    return profiles


def enumerate_pure(
    game: ProviderOligopoly, *, size: int, seed: int, deadline: float
) -> tuple[list[Profile], Profile]:
    """Return the pure equilibria found, and the profile with the least epsilon of all tried.

    Runs of exact best responses from every start; where none settles, the profile with the least
    gain is improved by a simplex search on the exact gains.
    """
    equilibria: list[Profile] = []
    best: Profile | None = None
    tops = np.ones(len(game.players))
    for player in game.movers:
        tops[player] = searched_range(game, player)[1]
    for number, start in enumerate(starts(game, size, _STARTS, seed), start=1):
        found, done = respond(game, start, deadline)
        found = _idle_at_cost(game, found) if done else found
        if best is None or found.gain < best.gain:
            best = found
        if done:
            _add(equilibria, found, tops)
        # List prices and marginal costs are tried in any case.
        if number >= _ALWAYS and clock() > deadline:
            break
    assert best is not None  # noqa: S101  # there is always a start
    if not equilibria and clock() < deadline:
        best = _improved(game, best, deadline)
    return equilibria, best


def _add(equilibria: list[Profile], found: Profile, tops: FloatArray) -> None:
    """Add an equilibrium unless it is known.

    Where profits vanish (prices at costs of zero) runs end anywhere near: the one of least gain.
    """
    for k, known in enumerate(equilibria):
        apart = np.abs(found.prices - known.prices)
        if np.all(apart <= _SAME * np.abs(known.prices) + _NOTHING * tops):
            limit = SETTLED * float(np.abs(known.profit).max())
            if found.gain < known.gain and known.gain > limit:
                equilibria[k] = found
            return
    equilibria.append(found)


def _improved(game: ProviderOligopoly, start: Profile, deadline: float) -> Profile:
    movers = list(game.movers)
    best = start

    def gain(logs: FloatArray) -> float:
        nonlocal best
        if clock() > deadline:
            return best.gain
        prices = start.prices.copy()
        prices[movers] = np.exp(np.clip(logs, -10, 10))
        found = gains_at(game, _undominated(game, prices))
        if found.gain < best.gain:
            best = found
        return found.gain

    minimize(
        gain,
        np.log(np.maximum(start.prices[movers], 1e-4)),
        method="Nelder-Mead",
        options={"maxfev": 150, "xatol": 1e-7, "fatol": 0.0},
    )
    return best


class Mixed(NamedTuple):
    """A mixed profile of the movers, profits, largest relative gain, games solved so far."""

    strategies: tuple[Strategy, ...]
    profit: tuple[float, ...]
    relative: float
    iterations: int


class Checked(NamedTuple):
    """Profits of the movers, exact best responses to the others, gains, the others' profiles."""

    profit: tuple[float, ...]
    answer: tuple[float, ...]
    gain: tuple[float, ...]
    rivals: tuple[tuple[FloatArray, FloatArray], ...]

    @property
    def of_own(self) -> float:
        """Largest gain over the own profit."""
        return max(
            (gain / profit if profit > 0 else np.inf) if gain > 0 else 0.0
            for gain, profit in zip(self.gain, self.profit, strict=True)
        )

    @property
    def of_largest(self) -> float:
        """Largest gain over the largest profit: some of many providers earn next to nothing."""
        gain, profit = max(self.gain), max(self.profit)
        return (gain / profit if profit > 0 else np.inf) if gain > 0 else 0.0


def check(game: ProviderOligopoly, strategies: Sequence[Strategy]) -> Checked:
    """Return profits, exact best responses and their gains of the movers' strategies."""
    everyone = [Strategy(np.ones(1), np.ones(1)) for _ in game.players]
    for player, strategy in zip(game.movers, strategies, strict=True):
        everyone[player] = strategy
    profits, answers, gains, rivals = [], [], [], []
    for player in game.movers:
        profiles, weight = rivals_of(everyone, player)
        own = everyone[player]
        best, value = answered(game, player, own.price, profiles, weight)
        profit = float(own.probability @ value)
        profits.append(profit)
        answers.append(best.price)
        gains.append(max(best.profit - profit, 0.0))
        rivals.append((profiles, weight))
    return Checked(tuple(profits), tuple(answers), tuple(gains), tuple(rivals))


#: Prices per provider: on the whole range first, then where prices are played.
_COARSE = 80
_ORACLES = 8
_SMOOTH_ORACLES = 40
_FINE = (160, 480)
#: So many grids of the first fineness before the second.
_SWITCH = 5
_MARGIN = 0.01
#: Shifts of the grids, as parts of a cell: two irrational numbers, so that none repeats.
_SHIFTS = (0.6180339887498949, 0.7548776662466927)


def mixed_profiles(
    game: ProviderOligopoly, *, start: float, rounds: int, deadline: float
) -> Iterator[Mixed]:
    """Yield mixed profiles, the later ones usually nearer to an equilibrium.

    Parameters
    ----------
    game : ProviderGame
        With two movers.
    start : float in [0, 1]
        From which of the first mover's prices the Lemke-Howson paths start, lowest 0, highest 1:
        other starts may end in another equilibrium.
    rounds : int
        Grids that are solved, at most.
    deadline : float
        By :func:`arbmodels._clock.clock`.
    """
    grids = tuple(price_grid(game, player, _COARSE) for player in game.movers)
    iteration = 0
    # Smooth demand leaves no price wars to resolve: best responses alone complete the grid.
    for _ in range(_SMOOTH_ORACLES if game.differentiated else _ORACLES):
        solved = _equilibrium(game, grids, start, deadline) if clock() < deadline else None
        if solved is None:
            return
        found = solved
        iteration += 1
        checked = check(game, found)
        yield Mixed(found, checked.profit, checked.of_own, iteration)
        grids = tuple(np.union1d(g, [a]) for g, a in zip(grids, checked.answer, strict=True))
    if game.differentiated:
        return
    extra = [s.price[s.probability > 0.05] for s in found]
    window: list[tuple[Strategy, Strategy]] = []
    step = 0
    low, high = [np.inf, np.inf], [0.0, 0.0]
    while iteration + step < rounds and clock() < deadline:
        size = _FINE[0] if step < _SWITCH else _FINE[1]
        for k, strategy in enumerate(found):
            played = strategy.price[strategy.probability > 1e-6]
            # Grids of equal ratios cannot begin at a price of 0, which is an answer of no profit.
            low[k] = min([low[k], *(p for p in (played.min(), checked.answer[k]) if p > 0)])
            high[k] = max(high[k], played.max(), checked.answer[k])
            if checked.gain[k] > 0:
                extra[k] = np.union1d(extra[k], [checked.answer[k]])
        grids = tuple(
            np.union1d(
                np.maximum(_shifted(low[k], high[k], size, step, k), game.floors[player]), extra[k]
            )
            for k, player in enumerate(game.movers)
        )
        found_here = _equilibrium(game, grids, start, deadline)
        if found_here is None:
            return
        found = found_here
        step += 1
        window.append(found)
        # The earlier half had worse ranges and fewer best responses.
        window = window[len(window) - (step + 1) // 2 :] if step > 2 else window
        average = _average(window)
        checked = check(game, average)
        yield Mixed(average, checked.profit, checked.of_own, iteration + step)


def _shifted(low: float, high: float, size: int, step: int, k: int) -> FloatArray:
    bottom, top = low * (1 - _MARGIN), high * (1 + _MARGIN)
    width = np.log(top / bottom) / size
    shift = ((step + 0.5) * _SHIFTS[0] + k * step * _SHIFTS[1]) % 1.0
    return np.asarray(bottom * np.exp(width * (np.arange(size) + shift)))


def _average(window: list[tuple[Strategy, Strategy]]) -> tuple[Strategy, Strategy]:
    both = []
    for k in (0, 1):
        price = np.concatenate([found[k].price for found in window])
        chance = np.concatenate([found[k].probability for found in window]) / len(window)
        distinct, where = np.unique(price, return_inverse=True)
        total = np.bincount(where, chance)
        kept = total > 0
        both.append(Strategy(distinct[kept], total[kept] / total[kept].sum()))
    return both[0], both[1]


def _equilibrium(
    game: ProviderOligopoly, grids: tuple[FloatArray, ...], start: float, deadline: float
) -> tuple[Strategy, Strategy] | None:
    """Equilibrium of the game on a grid by Lemke-Howson, or None when the time is up."""
    first, second = grid_payoffs(game, (grids[0], grids[1]))
    # The path starts from the first row.
    rows = np.roll(np.arange(len(first)), -int(start * (len(first) - 1)))
    end = path_end((first[rows], second[rows]), 0, deadline)
    if end is None or not end.finished:
        return None
    x, y = (np.where(chance > 1e-13, chance, 0.0) for chance in end.strategies)
    return Strategy(grids[0][rows], x / x.sum()), Strategy(grids[1], y / y.sum())


#: Joint profiles of the restricted game, at most.
_PROFILES = 60_000
#: Prices per provider at first, between marginal cost and this multiplier.
_FIRST, _HIGHEST_OF_MANY = 4, 2.5
#: Probabilities up to this are dropped; the certificate knows.
_NO_SHARE = 1e-5
#: Largest gain in the restricted game, over the largest payoff: at which to stop, and up to which
#: no second start is tried.
_ENOUGH, _FAIR = 1e-6, 1e-3
#: Steps away from a price that is best only in the limit, and the share of the gain to be kept.
_STEPS = np.geomspace(3e-2, 1e-8, 12)
_KEPT = 0.8
#: Prices nearer to each other than this (relative) are one.
_SAME_PRICE = 1e-10
_CHUNK = 20_000


def mixed_profiles_of_many(
    game: ProviderOligopoly, first: FloatArray, *, rounds: int, deadline: float
) -> Iterator[Mixed]:
    """Yield a mixed profile of all movers per round, not all of them better than before.

    Parameters
    ----------
    game : ProviderGame
    first : float array [providers]
        A profile whose prices are on the first grids.
    rounds : int
    deadline : float
        By :func:`arbmodels._clock.clock`.
    """
    movers = game.movers
    grids = [_first_grid(game, player, first[player], k) for k, player in enumerate(movers)]
    state = _State(
        grids,
        [np.zeros(len(own)) for own in grids],
        [np.full(len(own), 1.0 / len(own)) for own in grids],
    )
    for step in range(1, rounds + 1):
        if clock() > deadline:
            return
        found = _solve(_payoffs(game, state.prices), state.chances, deadline)
        strategies = tuple(map(_strategy, state.prices, found))
        checked = check(game, strategies)
        yield Mixed(strategies, checked.profit, checked.of_largest, step)
        played = [
            np.where(chance > _NO_SHARE, step, last)
            for chance, last in zip(found, state.played, strict=True)
        ]
        state = _next(game, _State(state.prices, played, list(found)), checked, step)


class _State(NamedTuple):
    """Prices of every mover, when each was last played, and probabilities to start from."""

    prices: list[FloatArray]
    played: list[FloatArray]
    chances: list[FloatArray]


def _first_grid(game: ProviderOligopoly, player: int, price: float, place: int) -> FloatArray:
    """Return a few multipliers and one given; grids of two providers do not meet in ties."""
    cost = float(np.asarray(game.marginal_cost)[game.ownership[player] > 0].min())
    low = max(1.02 * cost, 0.05)
    grid = np.geomspace(low, max(_HIGHEST_OF_MANY, 2 * low), _FIRST) * (1 + 1e-3 * place)
    return np.unique(np.append(grid, price))


def _payoffs(game: ProviderOligopoly, grids: Sequence[FloatArray]) -> FloatArray:
    """Return profits of all movers at all joint profiles, [P, A_1, ..., A_P]."""
    joint = np.stack(np.meshgrid(*grids, indexing="ij"), axis=-1).reshape(-1, len(grids))
    profiles = np.ones((len(joint), len(game.players)))
    profiles[:, list(game.movers)] = joint
    parts = [
        game.profits(profiles[start : start + _CHUNK])[:, list(game.movers)]
        for start in range(0, len(profiles), _CHUNK)
    ]
    table = np.concatenate(parts).reshape(*map(len, grids), len(grids))
    return np.ascontiguousarray(np.moveaxis(table, -1, 0))


def _solve(
    payoffs: FloatArray, before: Sequence[FloatArray], deadline: float
) -> tuple[FloatArray, ...]:
    """Solve the restricted game from the last answer, and from indifference if that fails."""
    scale = max(float(payoffs.max()), 1e-300)
    even = [np.full(size, 1.0 / size) for size in payoffs.shape[1:]]
    tried = []
    for start in (before, even):
        tried.append(polymatrix.follow(payoffs, start, deadline, _ENOUGH * scale).strategies)
        if exploitability(payoffs, tried[-1]) <= _FAIR * scale:
            break
    return min(tried, key=lambda found: exploitability(payoffs, found))


def _strategy(grid: FloatArray, chance: FloatArray) -> Strategy:
    kept = np.where(chance > _NO_SHARE, chance, 0.0)
    return Strategy(grid[kept > 0], kept[kept > 0] / kept.sum())


def _next(game: ProviderOligopoly, state: _State, checked: Checked, step: int) -> _State:
    """Add the best responses, and drop prices until the joint profiles are few enough."""
    prices, last, chances = (list(part) for part in state)
    least = 1e-6 * max(*checked.profit, 1e-300)
    for k in range(len(prices)):
        if checked.gain[k] <= least:
            continue
        answer = _apart(game, checked, k)
        if np.abs(np.log(prices[k] / answer)).min() > _SAME_PRICE:
            prices[k] = np.append(prices[k], answer)
            last[k], chances[k] = np.append(last[k], step + 0.5), np.append(chances[k], 0.0)
    while np.prod([float(len(own)) for own in prices]) > _PROFILES:
        # What was played longest ago goes first, from the longest list among equals.
        several = [k for k in range(len(prices)) if len(prices[k]) > 1]
        k = min(several, key=lambda k: (last[k].min() - 0.3 * len(prices[k]), k))
        out = int(np.argmin(last[k] + 1e-3 * chances[k]))
        prices[k], last[k] = np.delete(prices[k], out), np.delete(last[k], out)
        chances[k] = np.delete(chances[k], out)
    order = [np.argsort(own) for own in prices]
    start = [chance[at] + 1e-9 for chance, at in zip(chances, order, strict=True)]
    return _State(
        [own[at] for own, at in zip(prices, order, strict=True)],
        [own[at] for own, at in zip(last, order, strict=True)],
        [own / own.sum() for own in start],
    )


def _apart(game: ProviderOligopoly, checked: Checked, k: int) -> float:
    """Return a best response as far from the rivals' prices as most of its gain allows.

    Undercutting by next to nothing would have the next round undercut that, and so on.
    """
    answer, (profiles, weight) = checked.answer[k], checked.rivals[k]
    tried = np.concatenate([answer * (1 - _STEPS), answer * (1 + _STEPS)])
    value = expected(game, game.movers[k], tried, profiles, weight)
    enough = np.flatnonzero(value >= checked.profit[k] + _KEPT * checked.gain[k])
    if not len(enough):
        return answer
    return float(tried[min(enough, key=lambda at: (at % len(_STEPS), at))])


#: Restricted games that are solved at most, of two providers and of more.
_GAMES, _GAMES_OF_MANY = 80, 50


def solve_providers(
    game: ProviderOligopoly,
    *,
    tolerance: float = 1e-3,
    time_limit: float = np.inf,
    grid: int = 101,
    start: float = 0.0,
    seed: int = 0,
) -> ProviderEquilibrium:
    """Return an equilibrium of the provider game with its exact certificate.

    Pure equilibria are looked for first: from list prices, the profiles of least regret on a grid
    and random ones, providers answer each other with exact best responses. If none settles, mixed
    ones follow: of two providers to any tolerance (:mod:`arbmodels.games.providers.solve`), of
    more to what a few dozen rounds of a double oracle reach
    (:mod:`arbmodels.games.providers.solve`), which may be some per cent of profit.

    Parameters
    ----------
    game : ProviderGame
    tolerance : float
        Largest gain that is good enough: over the provider's own profit if two choose their price,
        over the largest profit if more do, since some of many earn next to nothing.
    time_limit : float
        Seconds; afterwards the best answer so far comes back with its epsilon. None by default:
        the number of rounds is limited, and the answer does not depend on the machine.
    grid : int
        Prices per provider in the search for pure equilibria.
    start : float in [0, 1]
        From which of the first mover's prices Lemke-Howson starts, lowest 0, highest 1: others may
        find other mixed equilibria. For two movers.
    seed : int
        Of the random starts.

    Returns
    -------
    ProviderEquilibrium

    Raises
    ------
    InputError
        If every provider is held fixed, or a parameter is out of range.

    Examples
    --------
    >>> from arbmodels.games import Consumers, CascadeSet, ProviderGame
    >>> cascade_set = CascadeSet(0.7, ("a", "b"), [[2.0, 0.0], [0.0, 2.0]], [2.0, 2.0], True)
    >>> game = ProviderGame((cascade_set,), Consumers([0.7], high=4.0), 0.5, arbitrageurs=0)
    >>> solve_providers(game).prices.round(3).tolist()  # Bertrand: price at marginal cost
    [0.5, 0.5]
    """
    inputs.a(ProviderOligopoly, game, "game")
    inputs.number(tolerance, "tolerance", 0.0, above=True)
    inputs.number(time_limit, "time_limit", 0.0, above=True, finite=False)
    inputs.whole(grid, "grid", 3)
    inputs.number(start, "start", 0.0, 1.0)
    inputs.whole(seed, "seed")
    if not game.movers:
        raise InputError("Every provider is held fixed; leave one out of fixed= to solve.")
    # Loading compiled code is no part of the time limit.
    gains_at(game, np.ones(len(game.players)))
    began = clock()
    deadline = began + time_limit
    # Pure equilibria may take a third of the time where mixed ones can follow.
    share = 1 / 3 if len(game.movers) > 1 else 1.0
    equilibria, least = enumerate_pure(
        game, size=grid, seed=seed, deadline=began + share * time_limit
    )
    if equilibria:
        # Of several, the one that providers earn most in.
        equilibria.sort(key=lambda one: -float(one.profit.sum()))
        return _pure(game, equilibria[0], equilibria[1:], tolerance)
    if len(game.movers) == 1:
        return _pure(game, least, [], tolerance, least=True)
    many = len(game.movers) > 2
    if many:
        largest = float(least.profit.max())
        pure_relative = least.gain / largest if largest > 0 else np.inf
        if pure_relative <= tolerance:
            return _pure(game, least, [], tolerance, least=True)
        profiles = mixed_profiles_of_many(
            game, least.prices, rounds=_GAMES_OF_MANY, deadline=deadline
        )
        most, how = _GAMES_OF_MANY, "double oracle with iterated polymatrix approximation"
    else:
        profiles = mixed_profiles(game, start=start, rounds=_GAMES, deadline=deadline)
        most, how = _GAMES, "Lemke-Howson on shifted price grids with exact best responses added"
        pure_relative = least.relative
    found = _best(profiles, tolerance, most)
    if found.best is None or found.best.relative > pure_relative:
        return _pure(game, least, [], tolerance, least=True, trace=found.trace)
    strategies = [Strategy(np.ones(1), np.ones(1)) for _ in game.players]
    for player, strategy in zip(game.movers, found.best.strategies, strict=True):
        strategies[player] = strategy
    deviations = certify_providers(game, strategies)
    pure = all(len(strategy.price) == 1 for strategy in strategies)
    return ProviderEquilibrium(
        game,
        "pure" if pure else "mixed",
        tuple(strategies),
        _profits(game, strategies, deviations.profit),
        deviations,
        how,
        len(found.trace),
        found.trace,
        (),
        None if pure else (least.prices, least.gain),
        _within(game, deviations, tolerance),
    )


class _Best(NamedTuple):
    """The profile of least relative gain, and the trace: games solved, relative gain."""

    best: Mixed | None
    trace: FloatArray


def _best(profiles: Iterable[Mixed], tolerance: float, most: int) -> _Best:
    best: Mixed | None = None
    trace = []
    for found in tqdm(profiles, "Restricted games", total=most, disable=None, leave=False, delay=2):
        trace.append((float(found.iterations), found.relative))
        if best is None or found.relative < best.relative:
            best = found
        # A little below what was asked for: the certificate computes gains its own way.
        if best.relative <= 0.98 * tolerance:
            break
    return _Best(best, np.array(trace).reshape(-1, 2))


def _pure(
    game: ProviderOligopoly,
    found: Profile,
    others: list[Profile],
    tolerance: float,
    *,
    least: bool = False,
    trace: FloatArray | None = None,
) -> ProviderEquilibrium:
    strategies = tuple(Strategy(np.array([p]), np.ones(1)) for p in found.prices)
    deviations = certify_providers(game, strategies)
    return ProviderEquilibrium(
        game,
        "pure",
        strategies,
        found.profit,
        deviations,
        "exact best responses in turn" if not least else "least epsilon of the pure profiles tried",
        0 if trace is None else len(trace),
        np.zeros((0, 2)) if trace is None else trace,
        tuple(profile.prices for profile in others),
        (found.prices, found.gain) if least else None,
        _within(game, deviations, tolerance),
    )


def _within(game: ProviderOligopoly, deviations: Deviations, tolerance: float) -> bool:
    """Return whether a certificate is within the tolerance, or its gains are none."""
    reached = (
        deviations.epsilon / max(float(deviations.profit.max()), 1e-300)
        if len(game.movers) > 2
        else deviations.relative_epsilon
    )
    return reached <= max(tolerance, SETTLED) or deviations.epsilon <= NO_GAIN * game.most_paid


def _profits(game: ProviderOligopoly, strategies: list[Strategy], movers: FloatArray) -> FloatArray:
    """Return all expected profits: the certificate's for movers, by quantiles for others."""
    from arbmodels.games.providers.equilibrium import outcome

    profit = outcome(game, strategies).total_profit.copy()
    profit[list(game.movers)] = movers
    return profit
