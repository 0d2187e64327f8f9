"""What every player of a finite game could gain, computed apart from the finders.

A finder contracts the payoffs axis by axis, or pivots, or solves a program. Here the joint
distribution is laid out and multiplied once with the payoffs as they were given.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from arbmodels.errors import InputError
from arbmodels.games.deviations import Deviations
from arbmodels.passk import FloatArray

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
