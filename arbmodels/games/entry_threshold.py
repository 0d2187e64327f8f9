"""How much a newcomer may pay to enter, when incumbents keep their prices or answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.providers import ProviderGame, outcome, solve_providers
from arbmodels.games.statics import Statics


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
        As in :func:`solve_providers`, per equilibrium.

    Returns
    -------
    Statics
        Measures: ``threshold`` and the entrant's ``revenue``, ``incumbents``' profits together,
        ``mean_price``.

    Raises
    ------
    InputError
        If there is no such provider, no incumbent who re-prices, or no number of arbitrageurs.

    Examples
    --------
    Nobody buys b alone; in the cascade it earns a margin of 0.5 on each of 2.5 of 4 consumers.

    >>> from arbmodels.games import Consumers, Menu
    >>> menu = Menu(0.7, ("a", "b"), [[2.0, 0.0], [0.5, 1.0], [0.0, 2.5]], [2.0, 2.5], True)
    >>> game = ProviderGame((menu,), Consumers([0.7], high=4.0), 0.5)
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
        found = solve_providers(
            answered.replace(arbitrageurs=count), tolerance=tolerance, time_limit=time_limit
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
                    "settled": certificate is None or certificate.settled,
                    "kind": "list" if certificate is None else certificate.kind,
                    "threshold": float(what.total_profit[player]),
                    "revenue": float(what.total_revenue[player]),
                    "incumbents": float(what.total_profit[movers].sum()),
                    "mean_price": what.mean_price,
                }
            )
    return Statics("arbitrageurs", pd.DataFrame(rows), f"Entry of {entrant}", game.unit)
