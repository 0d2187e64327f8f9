"""Solve the provider game: pure equilibria first, then mixed ones, always certified."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from arbmodels.clock import clock
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.deviations import Deviations
from arbmodels.games.providers.certificate import Strategy, certify_providers
from arbmodels.games.providers.checked import Mixed
from arbmodels.games.providers.game import NO_GAIN, SETTLED, ProviderGame
from arbmodels.games.providers.many import mixed_profiles_of_many
from arbmodels.games.providers.mixed import mixed_profiles
from arbmodels.games.providers.pure import Profile, enumerate_pure, gains_at
from arbmodels.games.providers.result import ProviderEquilibrium
from arbmodels.passk import FloatArray

#: Restricted games that are solved at most, of two providers and of more.
_GAMES, _GAMES_OF_MANY = 80, 50


def solve_providers(
    game: ProviderGame,
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
    ones follow: of two providers to any tolerance (:mod:`arbmodels.games.providers.mixed`), of
    more to what a few dozen rounds of a double oracle reach
    (:mod:`arbmodels.games.providers.many`), which may be some per cent of profit.

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
    >>> from arbmodels.games import Consumers, Menu
    >>> menu = Menu(0.7, ("a", "b"), [[2.0, 0.0], [0.0, 2.0]], [2.0, 2.0], True)
    >>> game = ProviderGame((menu,), Consumers([0.7], high=4.0), 0.5, arbitrageurs=0)
    >>> solve_providers(game).prices.round(3).tolist()  # Bertrand: price at marginal cost
    [0.5, 0.5]
    """
    inputs.a(ProviderGame, game, "game")
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
    settled, least = enumerate_pure(game, size=grid, seed=seed, deadline=began + share * time_limit)
    if settled:
        # Of several, the one that providers earn most in.
        settled.sort(key=lambda found: -float(found.profit.sum()))
        return _pure(game, settled[0], settled[1:], tolerance)
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
    game: ProviderGame,
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


def _within(game: ProviderGame, deviations: Deviations, tolerance: float) -> bool:
    """Return whether a certificate is within the tolerance, or its gains are none."""
    reached = (
        deviations.epsilon / max(float(deviations.profit.max()), 1e-300)
        if len(game.movers) > 2
        else deviations.relative_epsilon
    )
    return reached <= max(tolerance, SETTLED) or deviations.epsilon <= NO_GAIN * game.most_paid


def _profits(game: ProviderGame, strategies: list[Strategy], movers: FloatArray) -> FloatArray:
    """Return all expected profits: the certificate's for movers, by quantiles for others."""
    from arbmodels.games.providers.outcome import outcome

    profit = outcome(game, strategies).total_profit.copy()
    profit[list(game.movers)] = movers
    return profit
