"""Pure equilibria of the provider game: grid, best-response runs, least epsilon."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from arbmodels.clock import clock
from arbmodels.games.providers.game import NO_GAIN, SETTLED, ProviderGame
from arbmodels.games.providers.pieces import payoff_matrix, top_multiplier
from arbmodels.games.providers.responses import best_response, most_earned
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


def searched_range(game: ProviderGame, player: int) -> tuple[float, float]:
    """Multipliers between which equilibria are looked for (certificates look at all).

    Lower ones are dominated by the marginal cost.
    """
    low = max(float(game.floors[player]), _LOWEST)
    return low, max(min(top_multiplier(game, player), _HIGHEST), 1.1 * low)


def price_grid(game: ProviderGame, player: int, size: int) -> FloatArray:
    """Return multipliers with equal ratios; the grids of two providers do not meet in ties."""
    low, high = searched_range(game, player)
    return np.geomspace(low, high, size) * (1 + 1e-4 * (player + 0.37) / len(game.players))


def gains_at(game: ProviderGame, prices: FloatArray) -> Profile:
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
    game: ProviderGame, start: FloatArray, deadline: float = np.inf
) -> tuple[Profile, bool]:
    """Let providers answer in turn; return the best profile met and whether it settled.

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
        if not moved or late or (here in seen and not settled(game, found)):
            break
        seen.add(here)
    return best, settled(game, best)


def settled(game: ProviderGame, found: Profile) -> bool:
    """Return whether what could be gained is no more than approaching a limit costs."""
    largest = float(np.abs(found.profit).max())
    return found.gain <= SETTLED * largest + NO_GAIN * game.most_paid


def _idle_at_cost(game: ProviderGame, found: Profile) -> Profile:
    """Return the equilibrium in which whoever sells nothing prices at cost, if it is one too.

    Any price at which it sells nothing would do: without this every one of them were another.
    """
    idle = game.replace(marginal_cost=0.0).profits(found.prices)[0] <= 0
    idle &= np.isin(np.arange(len(idle)), game.movers)
    if not idle.any():
        return found
    same = gains_at(game, np.where(idle, game.ceilings, found.prices))
    close = np.abs(same.profit - found.profit).max() <= NO_GAIN * game.most_paid
    return same if close and settled(game, same) else found


def _undominated(game: ProviderGame, prices: FloatArray) -> FloatArray:
    """Return prices of which none of the movers' lies below its marginal cost."""
    movers = np.isin(np.arange(len(prices)), game.movers)
    return np.where(movers, np.maximum(prices, game.floors), prices)


def starts(game: ProviderGame, size: int, count: int, seed: int) -> list[FloatArray]:
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
    game: ProviderGame, grids: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Return both movers' payoffs on a grid, [first, second] each."""
    tables = []
    for k, player in enumerate(game.movers):
        rivals = np.ones((len(grids[1 - k]), len(game.players)))
        rivals[:, game.movers[1 - k]] = grids[1 - k]
        tables.append(payoff_matrix(game, player, grids[k], rivals))
    return tables[0], tables[1].T


def grid_candidates(game: ProviderGame, size: int) -> list[FloatArray]:
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
    game: ProviderGame, *, size: int, seed: int, deadline: float
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


def _improved(game: ProviderGame, start: Profile, deadline: float) -> Profile:
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
