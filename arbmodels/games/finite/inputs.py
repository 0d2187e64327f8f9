"""What a finite game accepts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from arbmodels.checks import is_label, labels_of
from arbmodels.errors import InputError
from arbmodels.games.finite.certificate import Action
from arbmodels.games.inputs import listed as entries
from arbmodels.games.inputs import name, number, numbers
from arbmodels.passk import FloatArray


def payoffs_of(given: npt.ArrayLike) -> FloatArray:
    """Return payoffs [P, A_1, ..., A_P] as an array of their own.

    Raises
    ------
    InputError
        If the shape is another, a player has no action, or a payoff is not finite.
    """
    payoffs = numbers(given, "payoffs")
    if payoffs.ndim < 2 or payoffs.shape[0] != payoffs.ndim - 1:
        raise InputError(
            f"payoffs has shape {payoffs.shape}; give [players, actions of player 1, actions"
            " of player 2, ...], so one axis more than there are players."
        )
    if payoffs.size == 0:
        raise InputError(
            f"payoffs has shape {payoffs.shape}: every player needs at least one action."
        )
    if not np.isfinite(payoffs).all():
        at = tuple(int(k) for k in np.argwhere(~np.isfinite(payoffs))[0])
        raise InputError(
            f"The payoff of player {at[0] + 1} at profile {at[1:]} is {payoffs[at]:g}; give"
            " finite numbers."
        )
    return payoffs


def players_of(given: Sequence[str], payoffs: FloatArray) -> tuple[str, ...]:
    """Return the players' names; "player 1", ... by default.

    Raises
    ------
    InputError
        If there is not one different name for each.
    """
    count = len(payoffs)
    if isinstance(given, tuple | list) and not given:
        return tuple(f"player {k + 1}" for k in range(count))
    players = labels_of(given, "players")
    if len(players) != count or len(set(players)) < count:
        raise InputError(f"Give {count} different names of players, not {players}.")
    if not all(is_label(player) for player in players):
        raise InputError(f"A player's name is empty or has blanks at its ends: {players}.")
    return players


def actions_of(
    given: Sequence[Sequence[Action]], players: Sequence[str], payoffs: FloatArray
) -> tuple[tuple[Action, ...], ...]:
    """Return each player's actions; their positions by default.

    Raises
    ------
    InputError
        If there is not one different action for each row of payoffs.
    """
    sizes = payoffs.shape[1:]
    given = entries(given, "actions")  # type: ignore[assignment]
    if not len(given):
        return tuple(tuple(map(float, range(size))) for size in sizes)
    if len(given) != len(sizes):
        raise InputError(f"actions lists {len(given)} players, the payoffs have {len(sizes)}.")
    actions = []
    for player, own, size in zip(players, given, sizes, strict=True):
        what = f"An action of {player!r}"
        listed = tuple(
            name(x, what) if isinstance(x, str) else number(x, what)
            for x in entries(own, f"The actions of {player!r}")
        )
        if len(listed) != size or len(set(listed)) < size:
            raise InputError(f"Give {player!r} {size} different actions, not {len(listed)}.")
        actions.append(listed)
    return tuple(actions)
