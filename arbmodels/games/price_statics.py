"""Comparative statics of the games without providers that move: step and capacity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.bertrand import BertrandGame
from arbmodels.games.capacity import CapacityGame
from arbmodels.games.certificate import certify
from arbmodels.games.statics import Statics
from arbmodels.games.undercutting import undercut
from arbmodels.margins import Arbitrage


def step_statics(
    game: BertrandGame | Arbitrage, steps: Sequence[float], start: float | None = None
) -> Statics:
    """Return where undercutting ends, and after how many rounds, for several steps.

    Parameters
    ----------
    game : BertrandGame or Arbitrage
        As in :func:`arbmodels.games.undercut`.
    steps : sequence of float in (0, 1)
        What a round multiplies the price by.
    start : float, optional
        Price before the first round.

    Returns
    -------
    Statics
        Measures: ``rounds``; ``mean_price`` and ``mean_margin`` over the solve rates that are
        served; ``epsilon``, what the holder of the price still gains by the limit price.

    Raises
    ------
    InputError
        If there are no steps, or one does not fit.

    Examples
    --------
    Seller a comes to stand alone between one step below the other's cost and that cost.

    >>> from arbmodels.games import Seller
    >>> game = BertrandGame([0.5], [Seller("a", [1.0]), Seller("b", [2.0])])
    >>> step_statics(game, [0.5, 0.9], start=4.0).to_frame()["mean_price"].round(4).tolist()
    [2.0, 1.9132]
    """
    steps = _some(steps, "step")
    inputs.a((BertrandGame, Arbitrage), game, "game")
    rows = []
    for step in steps:
        path = undercut(game, step, start)
        holder = path.setters[-1]
        posted = np.where(np.isfinite(path.game.costs), path.game.costs, np.nan)
        held = np.flatnonzero(holder >= 0)
        posted[held, holder[held]] = path.limit[held]
        checked = certify(path.game.players, path.solve_rates, posted, path.game.costs)
        rows.append(
            {
                "value": step,
                "providers": "list prices",
                "epsilon": checked.epsilon,
                "rounds": path.rounds,
                "mean_price": float(np.nanmean(path.limit)),
                "mean_margin": float(np.nanmean(path.margins[-1])),
            }
        )
    return Statics("step", pd.DataFrame(rows), path.game.name, f"{path.game.currency}/instance")


def capacity_statics(
    game: CapacityGame,
    factors: Sequence[float],
    *,
    tolerance: float = 1e-3,
    time_limit: float = np.inf,
) -> Statics:
    """Return prices and profits when all capacities are multiplied by several factors.

    Parameters
    ----------
    game : CapacityGame
    factors : sequence of float above 0
    tolerance, time_limit : float
        As in :meth:`CapacityGame.solve`, per factor.

    Returns
    -------
    Statics
        Measures: ``mean_price`` (of the sellers' mean prices), ``profit`` of all, and of each
        seller.

    Raises
    ------
    InputError
        If there are no factors, or one is not above 0.

    Examples
    --------
    Scarce capacity sells at what consumers pay at most; plenty of it at cost.

    >>> found = capacity_statics(CapacityGame([0.5, 0.5]), [0.8, 3.0]).to_frame()
    >>> found["mean_price"].round(6).tolist()
    [1.0, 0.0]
    """
    factors = _some(factors, "factor")
    inputs.a(CapacityGame, game, "game")
    rows = []
    for factor in factors:
        inputs.number(factor, "A factor of capacities", 0.0, above=True)
        varied = CapacityGame(
            game.capacities * float(factor),
            game.costs,
            game.willingness_to_pay,
            game.mass,
            game.players,
            game.tie_rule,
            game.unit,
        )
        found = varied.solve(tolerance=tolerance, time_limit=time_limit)
        rows.append(
            {
                "value": factor,
                "providers": "capacities",
                "epsilon": found.epsilon,
                "relative_epsilon": found.relative_epsilon,
                "settled": found.relative_epsilon <= tolerance,
                "kind": found.kind,
                "mean_price": float(np.mean([each.mean for each in found.strategies])),
                "profit": float(found.profits.sum()),
                **{
                    f"profit of {name}": float(one)
                    for name, one in zip(found.players, found.profits, strict=True)
                },
            }
        )
    return Statics("capacity", pd.DataFrame(rows), game.name, game.unit)


def _some(values: Sequence[float], what: str) -> Sequence[float]:
    given: tuple[float, ...] = inputs.listed(values, f"{what}s")  # type: ignore[assignment]
    if not given:
        raise InputError(f"Comparative statics need at least one {what}.")
    return given
