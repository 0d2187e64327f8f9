"""Pure equilibria of the provider game: grid, best-response runs, least epsilon."""

from __future__ import annotations

from time import perf_counter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from arbmodels.games.providers.game import ProviderGame
from arbmodels.games.providers.pieces import payoff_matrix, top_multiplier
from arbmodels.games.providers.responses import best_response
from arbmodels.passk import FloatArray

#: Relative gain at which a run of best responses has settled: what approaching a limit costs.
SETTLED = 1e-7
#: The same where the best response is a maximum inside a piece.
_INTERIOR = 1e-13
_ROUNDS = 60
_STARTS = 12
_ALWAYS = 2
#: Multipliers are looked for up to this, unless consumers pay more than that at list prices.
_HIGHEST = 12.0
_SAME = 1e-4


class Profile(NamedTuple):
    """One multiplier per provider, profits, and the largest gain of any mover and over profit."""

    prices: FloatArray
    profit: FloatArray
    gain: float
    relative: float


def searched_range(game: ProviderGame, player: int) -> tuple[float, float]:
    """Multipliers between which equilibria are looked for (certificates look at all)."""
    cost = float(np.asarray(game.marginal_cost)[game.ownership[player] > 0].min())
    return max(0.5 * cost, 0.02), min(top_multiplier(game, player), _HIGHEST)


def price_grid(game: ProviderGame, player: int, size: int) -> FloatArray:
    """Return multipliers with equal ratios; the grids of two providers do not meet in ties."""
    low, high = searched_range(game, player)
    return np.geomspace(low, high, size) * (1 + 1e-4 * (player + 0.37) / len(game.players))


def gains_at(game: ProviderGame, prices: FloatArray) -> Profile:
    """Return profits and exact gains of a pure profile."""
    profit = game.profits(prices)[0]
    gain, relative = 0.0, 0.0
    for player in game.movers:
        best = best_response(game, player, prices).profit
        more = max(best - profit[player], 0.0)
        gain = max(gain, more)
        if more > 0:
            relative = max(relative, more / profit[player] if profit[player] > 0 else np.inf)
    return Profile(prices.copy(), profit, gain, relative)


def respond(
    game: ProviderGame, start: FloatArray, deadline: float = np.inf
) -> tuple[Profile, bool]:
    """Let providers answer in turn; return the best profile met and whether it settled."""
    prices = start.copy()
    best = gains_at(game, prices)
    seen = set()
    for _ in range(_ROUNDS):
        moved = False
        for player in game.movers:
            answer = best_response(game, player, prices)
            now = game.profits(prices)[0, player]
            # Approaching a limit once is enough; doing it again would creep away from it.
            enough = _INTERIOR if answer.interior else SETTLED
            if answer.profit > now + enough * max(abs(now), 1e-12):
                prices[player] = answer.price
                moved = True
        found = gains_at(game, prices)
        if found.gain < best.gain or not moved:
            best = found
        here = tuple(np.round(np.log(np.maximum(prices, 1e-12)), 7))
        late = perf_counter() > deadline
        if not moved or late or (here in seen and not _settled(found)):
            break
        seen.add(here)
    return best, _settled(best)


def _settled(found: Profile) -> bool:
    return found.gain <= SETTLED * max(float(np.abs(found.profit).max()), 1e-12)


def starts(game: ProviderGame, size: int, count: int, seed: int) -> list[FloatArray]:
    """List prices, marginal costs, the least regrets on a grid (two movers), random profiles."""
    at_cost = np.ones(len(game.players))
    for player in game.movers:
        at_cost[player] = np.asarray(game.marginal_cost)[game.ownership[player] > 0].max()
    found = [np.ones(len(game.players)), at_cost]
    if len(game.movers) == 2:
        found += grid_candidates(game, size)[:count]
    rng = np.random.default_rng(seed)
    while len(found) < count:
        prices = np.ones(len(game.players))
        for player in game.movers:
            low, high = searched_range(game, player)
            prices[player] = np.exp(rng.uniform(np.log(max(low, 0.1)), np.log(min(high, 4.0))))
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
    settled: list[Profile] = []
    best: Profile | None = None
    for number, start in enumerate(starts(game, size, _STARTS, seed), start=1):
        found, done = respond(game, start, deadline)
        if best is None or found.gain < best.gain:
            best = found
        known = any(np.allclose(found.prices, s.prices, rtol=_SAME, atol=0) for s in settled)
        if done and not known:
            settled.append(found)
        # List prices and marginal costs are tried in any case.
        if number >= _ALWAYS and perf_counter() > deadline:
            break
    assert best is not None  # noqa: S101  # there is always a start
    if not settled and perf_counter() < deadline:
        best = _improved(game, best, deadline)
    return settled, best


def _improved(game: ProviderGame, start: Profile, deadline: float) -> Profile:
    movers = list(game.movers)
    best = start

    def gain(logs: FloatArray) -> float:
        nonlocal best
        if perf_counter() > deadline:
            return best.gain
        prices = start.prices.copy()
        prices[movers] = np.exp(np.clip(logs, -10, 10))
        found = gains_at(game, prices)
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
