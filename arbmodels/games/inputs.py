"""What every game accepts: numbers, names and objects, with one rule for all of them.

A number is an int, a float or one of NumPy's; not text, a truth value, a complex number, a date or
a masked entry. Whatever is something else is refused with an :class:`InputError`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from arbmodels._checks import MOST, FloatArray, is_label, labels_of
from arbmodels.errors import InputError

Thing = TypeVar("Thing")


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)


def _has_truth_values(values: object) -> bool:
    """Whether a list holds truth values, which NumPy would turn into 0 and 1 among numbers."""
    if isinstance(values, list | tuple):
        return any(_has_truth_values(value) for value in values)
    return isinstance(values, bool | np.bool_)


def numbers(values: npt.ArrayLike, what: str) -> FloatArray:
    """Return numbers as a float array of their own, of whatever shape; NaN and infinity pass.

    Parameters
    ----------
    values : array-like
    what : str
        Their name, which begins the message.

    Raises
    ------
    InputError
        If they are not a rectangular array of numbers.
    """
    try:
        array = None if np.ma.is_masked(values) else np.asarray(values)
        if array is not None and array.dtype == object:
            good = all(map(_is_number, array.ravel().tolist()))
            array = array.astype(float) if good else None
    except (TypeError, ValueError, OverflowError):
        array = None
    if array is None or array.dtype.kind not in "iuf" or _has_truth_values(values):
        raise InputError(f"{what} must be numbers in a rectangular array, not {_shown(values)}.")
    return np.array(array, dtype=float)


def number(
    value: object,
    what: str,
    least: float = -np.inf,
    most: float = np.inf,
    *,
    above: bool = False,
    below: bool = False,
    finite: bool = True,
) -> float:
    """Return one number between ``least`` and ``most``.

    Parameters
    ----------
    value : object
    what : str
    least, most : float
    above, below : bool
        Whether ``least`` and ``most`` themselves are refused.
    finite : bool
        Whether infinity is refused; NaN always is.

    Raises
    ------
    InputError
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    try:
        got = float(value) if _is_number(value) else np.nan  # type: ignore[arg-type]
    except OverflowError:
        got = np.nan
    good = got > least if above else got >= least
    good = good and (got < most if below else got <= most)
    if not good or (finite and not np.isfinite(got)):
        ends = []
        if least > -np.inf:
            ends.append(f"{'>' if above else '>='} {least:g}")
        if most < np.inf:
            ends.append(f"{'<' if below else '<='} {most:g}")
        kind = "finite number" if finite else "number"
        wanted = f"a {kind} {' and '.join(ends)}".rstrip()
        raise InputError(f"{what} must be {wanted}, not {_shown(value)}.")
    return got


def whole(value: object, what: str, least: int = 0) -> int:
    """Return a whole number of at least ``least``.

    Raises
    ------
    InputError
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise InputError(f"{what} must be a whole number >= {least}, not {_shown(value)}.")
    if not least <= value <= MOST:
        raise InputError(
            f"{what} must be a whole number from {least} to 2^53, not {_shown(value)}."
        )
    return int(value)


def truth(value: object, what: str) -> bool:
    """Return True or False.

    Raises
    ------
    InputError
        If it is something else, which Python would count as one of them.
    """
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{what} must be True or False, not {_shown(value)}.")
    return bool(value)


def name(value: object, what: str) -> str:
    """Return a name: text that is not empty and has no blanks at its ends.

    Raises
    ------
    InputError
    """
    if not isinstance(value, str) or not is_label(value):
        raise InputError(
            f"{what} must be text, not empty and without blanks at its ends, not {_shown(value)}."
        )
    return value


def text(what: str, value: object) -> str:
    """Return text, empty or not: a title or a unit.

    Raises
    ------
    InputError
    """
    if not isinstance(value, str):
        raise InputError(f"{what} must be text, not {_shown(value)}.")
    return value


def names(values: Iterable[object], what: str) -> tuple[str, ...]:
    """Return different names, at least one.

    Raises
    ------
    InputError
    """
    listed = labels_of(values, what)
    if not listed:
        raise InputError(f"{what} must be at least one name.")
    for label, times in Counter(listed).items():
        name(label, f"One of {what}")
        if times > 1:
            raise InputError(f"{what}: {label!r} is named twice. Name each once.")
    return listed


def chosen(value: object, what: str, choices: Iterable[str]) -> str:
    """Return one of some words.

    Raises
    ------
    InputError
    """
    listed = tuple(choices)
    if not isinstance(value, str) or value not in listed:
        raise InputError(f"No {what} {_shown(value)}; choose {' or '.join(map(repr, listed))}.")
    return value


def a(kind: type[Thing] | tuple[type[Thing], ...], value: Thing | object, what: str) -> Thing:
    """Return an object of a kind.

    Raises
    ------
    InputError
    """
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wanted = " or ".join(one.__name__ for one in kinds)
        raise InputError(f"{what} must be a {wanted}, not {_shown(value)}.")
    return value


def listed(values: object, what: str) -> tuple[object, ...]:
    """Return a list's entries; text is no list.

    Raises
    ------
    InputError
    """
    bad = (str, bytes, set, frozenset, Mapping, np.ma.MaskedArray)
    if isinstance(values, bad) or not isinstance(values, Iterable):
        raise InputError(f"{what} must be a list, not {_shown(values)}.")
    if isinstance(values, np.ndarray) and values.ndim == 0:
        raise InputError(f"{what} must be a list, not {_shown(values)}.")
    return tuple(values)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def together(*arrays: FloatArray) -> tuple[int, ...]:
    """Return the shape that arrays have together.

    Raises
    ------
    InputError
        If they do not fit each other.
    """
    try:
        return np.broadcast_shapes(*(array.shape for array in arrays))
    except ValueError:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise InputError(f"Arrays of shapes {shapes} do not fit each other.") from None
