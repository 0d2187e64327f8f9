"""Finding price equilibria; the certificate is another module's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.optimize import minimize_scalar

from arbmodels.checks import FloatArray
from arbmodels.games import inputs
from arbmodels.games.deviations import Deviations
from arbmodels.games.smooth.certify import certify, check_bounded
from arbmodels.games.smooth.fixed_point import iterate
from arbmodels.games.smooth.game import SmoothGame
from arbmodels.games.smooth.leader import Leader
from arbmodels.games.smooth.logit import LogitDemand
from arbmodels.games.smooth.pairs import pairs_of
from arbmodels.games.smooth.piecewise import settle
from arbmodels.games.smooth.result import Found, SmoothEquilibrium

#: Prices this near (relative) are one equilibrium.
_SAME = 1e-6
#: A point with a gain above this, over the largest profit, is no other equilibrium.
_EQUILIBRIUM = 1e-6


def solve(
    game: SmoothGame, *, starts: int, seed: int, tolerance: float, limit: int
) -> SmoothEquilibrium:
    """Return a price equilibrium; see :meth:`SmoothGame.solve`."""
    inputs.whole(starts, "starts", 1)
    inputs.whole(limit, "limit", 1)
    inputs.whole(seed, "seed")
    inputs.number(tolerance, "tolerance", 0.0, above=True)
    check_bounded(game)
    if game.leader is not None:
        found = [_lead(game)]
    else:
        found = list(_found(game, starts, seed, tolerance, limit))
    distinct: list[Found] = []
    for one in sorted(found, key=lambda each: not each.converged):
        if not any(np.allclose(one.prices, two.prices, _SAME, 1e-12) for two in distinct):
            distinct.append(one)
    certified = [(one, certify(game, one.prices)) for one in distinct]
    certified.sort(key=lambda each: 0.0 if _holds(each[1]) else each[1].epsilon)
    best, deviations = certified[0]
    others = tuple(one.prices for one, gains in certified[1:] if _holds(gains))
    return SmoothEquilibrium.at(game, best, deviations, others)


def _holds(deviations: Deviations) -> bool:
    return deviations.epsilon <= _EQUILIBRIUM * float(np.abs(deviations.profit).max())


def followers(game: SmoothGame) -> FloatArray:
    """Return equilibrium prices [J] of the firms whose prices are not fixed, uncertified."""
    return next(_found(game, 1, 0, 1e-13, 1_000)).prices


def _starts(low: float, high: float, shape: int, starts: int, seed: int) -> Iterator[FloatArray]:
    """Yield points between two numbers: low, high, then random ones."""
    random = np.random.default_rng(seed)
    for start in range(starts):
        if start < 2:
            yield np.full(shape, (low, high)[start])
        else:
            yield random.uniform(low, high, shape)


def _found(
    game: SmoothGame, starts: int, seed: int, tolerance: float, limit: int
) -> Iterator[Found]:
    if isinstance(game.demand, LogitDemand):
        pairs = pairs_of(game, game.demand)
        unit = 1.0 / game.demand.price_coefficient
        for start in _starts(1.0, 10.0, len(pairs.firm), starts, seed):
            path = iterate(pairs, unit * start, tolerance, limit)
            yield Found(
                pairs.prices(path.markups),
                path.method + " with a Newton finish" * bool(path.newton),
                path.trace,
                path.converged,
            )
        return
    for part in _starts(0.0, 1.0, len(game.products), starts, seed):
        yield settle(game, part, tolerance, limit)


def _lead(game: SmoothGame) -> Found:
    """Return the leader's optimum: a coarse scan, then Brent's method around the best point."""
    leader = Leader(game)
    points = np.linspace(0.0, leader.farthest(), 48)
    earned = leader.profit(points)
    at = int(earned.argmax())
    low, high = points[max(at - 1, 0)], points[min(at + 1, len(points) - 1)]
    answer = minimize_scalar(
        lambda value: -float(leader.profit(np.array([value]))[0]),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-11 * max(high, 1e-12), "maxiter": 200},
    )
    value = float(answer.x) if -answer.fun >= earned[at] else float(points[at])
    return Found(
        leader.prices(value),
        "the followers' equilibrium at every price of the leader, maximised by Brent's method",
        [],
        True,
        len(points) + int(answer.nfev),
    )
