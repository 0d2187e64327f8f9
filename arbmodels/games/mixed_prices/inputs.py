"""What the games in mixed prices accept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from arbmodels.checks import is_label, labels_of
from arbmodels.errors import InputError
from arbmodels.games.inputs import chosen, number, numbers
from arbmodels.passk import FloatArray

METHODS = ("auto", "closed_form", "double_oracle")


def numbers_of(name: str, values: npt.ArrayLike, count: int | None = None) -> FloatArray:
    """Return finite numbers >= 0 as an array [count]; one number stands for all.

    Raises
    ------
    InputError
        If there are none, another number of them, or one is negative or not finite.
    """
    array = np.atleast_1d(numbers(values, name))
    if count is not None and array.shape == (1,):
        array = np.full(count, array[0])
    if array.ndim != 1 or len(array) == 0 or (count is not None and len(array) != count):
        wanted = "one or more numbers" if count is None else f"one number, or {count}"
        raise InputError(f"{name} has shape {array.shape}; give {wanted}.")
    bad = ~(np.isfinite(array) & (array >= 0))
    if bad.any():
        at = int(np.argmax(bad))
        raise InputError(f"{name}[{at}] is {array[at]:g}; give finite numbers >= 0.")
    return array


def positive(name: str, values: npt.ArrayLike) -> FloatArray:
    """Return finite numbers above 0 as an array.

    Raises
    ------
    InputError
        If one is not.
    """
    array = numbers_of(name, values)
    if (array == 0).any():
        raise InputError(f"{name}[{int(np.argmax(array == 0))}] is 0; give numbers above 0.")
    return array


def names_of(players: Sequence[str], count: int) -> tuple[str, ...]:
    """Return the players' names; "seller 1", ... by default.

    Raises
    ------
    InputError
        If there are not ``count`` different ones.
    """
    if isinstance(players, tuple | list) and not players:
        return tuple(f"seller {k + 1}" for k in range(count))
    names = labels_of(players, "players")
    if len(names) != count or len(set(names)) < count or not all(map(is_label, names)):
        raise InputError(f"Give {count} different names of players, not {names}.")
    return names


def profiles_of(prices: npt.ArrayLike, count: int) -> FloatArray:
    """Return price profiles [K, P].

    Raises
    ------
    InputError
        If there is not one price per player in every row.
    """
    price = numbers(prices, "prices")
    if price.ndim != 2 or price.shape[1] != count:
        raise InputError(f"prices has shape {price.shape}; give [profiles, {count} players].")
    return price


def check_method(method: str, tolerance: float, time_limit: float) -> None:
    """Refuse an unknown method or a limit that means nothing.

    Raises
    ------
    InputError
    """
    chosen(method, "method", METHODS)
    number(tolerance, "tolerance", 0.0, above=True)
    number(time_limit, "time_limit", 0.0, above=True, finite=False)
