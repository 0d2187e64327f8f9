"""Expected payoffs of mixed strategies, and exact equilibria on a known support.

Pure equilibria by enumeration: what every profile leaves each player to gain.

What every player of a finite game could gain, computed apart from the solvers.

A solver contracts the payoffs axis by axis, or pivots, or solves a program. Here the joint
distribution is laid out and multiplied once with the payoffs as they were given.

What a finite game accepts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from arbmodels._checks import is_label, labels_of
from arbmodels.errors import InputError
from arbmodels.games.certificate import Deviations
from arbmodels.games.inputs import listed as entries
from arbmodels.games.inputs import name, number, numbers
from arbmodels.passk import FloatArray

#: A gain up to this share of a player's range of payoffs is rounding.
ROUNDING = 1e-12


def gains(payoffs: FloatArray) -> FloatArray:
    """Return the largest gain of each player at every profile, [P, A_1, ..., A_P]."""
    return np.stack(
        [own.max(axis=player, keepdims=True) - own for player, own in enumerate(payoffs)]
    )


def least_gain(payoffs: FloatArray) -> FloatArray:
    """Return epsilon of every profile, [A_1, ..., A_P]: the largest gain of any player."""
    most: FloatArray = gains(payoffs).max(axis=0)
    return most


def pure_profiles(payoffs: FloatArray) -> npt.NDArray[np.intp]:
    """Return every pure equilibrium, [K, P], the actions' positions in lexicographic order.

    Gains up to 1e-12 of a player's range of payoffs are rounding.
    """
    axes = tuple(range(1, payoffs.ndim))
    scale = payoffs.max(axis=axes) - payoffs.min(axis=axes)
    slack = ROUNDING * scale.reshape(-1, *(1 for _ in axes))
    return np.argwhere((gains(payoffs) <= slack).all(axis=0))


def least_profile(payoffs: FloatArray) -> npt.NDArray[np.intp]:
    """Return the profile of least epsilon, [P]; the first of several."""
    epsilon = least_gain(payoffs)
    return np.array(np.unravel_index(np.argmin(epsilon), epsilon.shape))


#: How far probabilities may be from adding up to one.
_SUM = 1e-9

Action = float | str


def check_strategies(
    strategies: Sequence[FloatArray], sizes: Sequence[int]
) -> tuple[FloatArray, ...]:
    """Return mixed strategies as arrays.

    Raises
    ------
    InputError
        If there is not one probability per action, or they are negative or do not add up to one.
    """
    if len(strategies) != len(sizes):
        raise InputError(f"{len(strategies)} strategies for {len(sizes)} players; give one each.")
    checked = []
    for player, (given, size) in enumerate(zip(strategies, sizes, strict=True)):
        own = np.asarray(given, dtype=float)
        if own.shape != (size,):
            raise InputError(
                f"The strategy of player {player + 1} has shape {own.shape}; give {size}"
                " probabilities, one per action."
            )
        if not (np.isfinite(own).all() and own.min() >= 0 and abs(own.sum() - 1) <= _SUM):
            raise InputError(
                f"The strategy of player {player + 1} is no probability distribution: least entry"
                f" {own.min():g}, sum {own.sum():g}."
            )
        checked.append(own)
    return tuple(checked)


def joint_of(strategies: Sequence[FloatArray]) -> FloatArray:
    """Return the joint distribution of independent strategies, [A_1, ..., A_P]."""
    joint = np.ones(())
    for own in strategies:
        joint = np.multiply.outer(joint, own)
    return joint


def certify_strategies(
    payoffs: FloatArray,
    strategies: Sequence[FloatArray],
    players: Sequence[str],
    actions: Sequence[Sequence[Action]],
    unit: str,
) -> Deviations:
    """Return each player's exact largest gain from any other strategy, against the others' own.

    A pure deviation gains the most, so every action is tried.
    """
    profit, gain, deviation = [], [], []
    for player, own in enumerate(payoffs):
        rivals = joint_of([s for k, s in enumerate(strategies) if k != player]).ravel()
        value = np.moveaxis(own, player, 0).reshape(len(actions[player]), -1) @ rivals
        profit.append(float(value @ strategies[player]))
        best = int(np.argmax(value))
        gain.append(max(0.0, float(value[best]) - profit[-1]))
        deviation.append(actions[player][best] if gain[-1] > 0 else None)
    return _deviations(players, (profit, gain, deviation), actions, unit, "every action")


def certify_joint(
    payoffs: FloatArray,
    joint: FloatArray,
    players: Sequence[str],
    actions: Sequence[Sequence[Action]],
    unit: str,
    *,
    coarse: bool,
) -> Deviations:
    """Return each player's exact largest gain from leaving what a joint distribution advises.

    Correlated: an action of one's own for every advice. Coarse: one action, whatever the advice.
    """
    profit, gain, deviation = [], [], []
    for player, own in enumerate(payoffs):
        size = len(actions[player])
        value = np.moveaxis(own, player, 0).reshape(size, -1)
        advised = np.moveaxis(joint, player, 0).reshape(size, -1)
        # worth[a, b]: advised a, playing b.
        worth = advised @ value.T
        profit.append(float(np.trace(worth)))
        if coarse:
            total = worth.sum(axis=0)
            best = int(np.argmax(total))
            gain.append(max(0.0, float(total[best]) - profit[-1]))
            name: Action = actions[player][best]
        else:
            more = worth.max(axis=1) - np.diag(worth)
            gain.append(max(0.0, float(more.sum())))
            where = int(np.argmax(more))
            name = f"{actions[player][int(np.argmax(worth[where]))]} if {actions[player][where]}"
        deviation.append(name if gain[-1] > 0 else None)
    what = "one action whatever the advice" if coarse else "one action for each advice"
    return _deviations(players, (profit, gain, deviation), actions, unit, what)


def _deviations(
    players: Sequence[str],
    found: tuple[Sequence[float], Sequence[float], Sequence[Action | None]],
    actions: Sequence[Sequence[Action]],
    unit: str,
    domain: str,
) -> Deviations:
    profit, gain, deviation = found
    return Deviations(
        tuple(players),
        np.array(profit),
        np.array(gain),
        tuple(deviation),
        np.ones(len(players), dtype=bool),
        True,
        domain,
        "as in the payoffs",
        max(len(own) for own in actions),
        unit,
    )


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


#: Newton steps on the indifference conditions.
_STEPS = 30


def against(
    payoff: FloatArray, strategies: Sequence[FloatArray], keep: tuple[int, ...]
) -> FloatArray:
    """Return one player's payoff in expectation over everybody but ``keep``, axes in order."""
    for player in reversed(range(payoff.ndim)):
        if player not in keep:
            before, after = payoff.shape[:player], payoff.shape[player + 1 :]
            if after:
                rows = payoff.reshape(math.prod(before), len(strategies[player]), -1)
                payoff = np.matmul(strategies[player], rows).reshape(*before, *after)
            else:
                payoff = payoff @ strategies[player]
    return payoff


def payoff_by_action(payoffs: FloatArray, strategies: Sequence[FloatArray]) -> list[FloatArray]:
    """Return what each action of each player pays against the others' strategies."""
    return [against(own, strategies, (player,)) for player, own in enumerate(payoffs)]


def exploitability(payoffs: FloatArray, strategies: Sequence[FloatArray]) -> float:
    """Return the largest gain of any player from a pure deviation."""
    values = payoff_by_action(payoffs, strategies)
    return max(
        float(value.max() - value @ own) for value, own in zip(values, strategies, strict=True)
    )


def on_support(
    payoffs: FloatArray, strategies: Sequence[FloatArray], threshold: float
) -> tuple[FloatArray, ...] | None:
    """Solve the indifference conditions where probabilities exceed a threshold, by Newton.

    On a support, all actions of a player pay the same and the probabilities add up to one. Least
    squares where that leaves freedom. None if the solution has a negative probability.
    """
    count = len(strategies)
    supports = [np.flatnonzero(own > threshold) for own in strategies]
    small = payoffs[np.ix_(np.arange(count), *supports)]
    mixed = [own[s] / own[s].sum() for own, s in zip(strategies, supports, strict=True)]
    sizes = [len(s) for s in supports]
    places = np.cumsum([0, *sizes])
    total = int(places[-1])
    for _ in range(_STEPS):
        matrix = np.zeros((total + count, total + count))
        residual = np.zeros(total + count)
        for i in range(count):
            rows = slice(places[i], places[i + 1])
            value = against(small[i], mixed, (i,))
            residual[rows] = value - value @ mixed[i]
            matrix[rows, total + i] = -1.0
            matrix[total + i, rows] = 1.0
            for j in range(count):
                if j != i:
                    pair = against(small[i], mixed, (i, j))
                    matrix[rows, places[j] : places[j + 1]] = pair if i < j else pair.T
        step = np.linalg.lstsq(matrix, -residual, rcond=None)[0][:total]
        mixed = [own + step[places[i] : places[i + 1]] for i, own in enumerate(mixed)]
        if np.abs(step).max() < 1e-14:
            break
        if not np.isfinite(step).all() or np.abs(step).max() > 1e3:
            return None
    answer = []
    for own, support, probability in zip(strategies, supports, mixed, strict=True):
        if probability.min() < -1e-12:
            return None
        full = np.zeros(len(own))
        full[support] = np.maximum(probability, 0.0)
        answer.append(full / full.sum())
    return tuple(answer)
