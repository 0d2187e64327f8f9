"""What names and numbers may be: the one place where arguments become text, floats and arrays.

One rule for everything that a user gives: it has a meaning, or it is refused with an
:class:`~arbmodels.errors.InputError` that says what is wrong and what to give instead. Text is no
number (``"5"``), nor are ``True``, complex or missing values; a mask is never dropped; numbers of a
pandas object are found by their labels and never by their position; two names that read alike, such
as ``1`` and ``"1"``, are never taken for one.
"""

from __future__ import annotations

import math
import operator
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from decimal import Decimal
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arbmodels._pandas import pandas_loaded, pd
from arbmodels.errors import InputError

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: Sums and ratios of numbers between these can neither overflow nor vanish.
SMALLEST, LARGEST = 1e-100, 1e100
#: A probability beyond 0 or 1 by no more is rounding: of a sum or a product in double precision,
#: or of a few operations in single precision.
ROUNDING = {"float64": 1e-9, "float32": 1e-6}
#: Whole numbers up to here are exact as floats.
MOST = 2**53

#: What the functions below accept, in words.
LABEL = "non-empty text without blanks at its ends"
PRICE = "0 or a positive finite number (1e-100 to 1e100)"
BUDGET = "a positive finite number (1e-100 to 1e100)"
WEIGHT = "0 or a positive finite number (1e-100 to 1e100)"
ATTEMPTS = "a whole number from 1 to 2^53"
SUCCESSES = "a whole number from 0 to 2^53"


def is_label(text: str) -> bool:
    """Return whether ``text`` can name something; " a" and "a" would look alike in a table."""
    return bool(text) and text == text.strip()


def is_budget(values: FloatArray) -> BoolArray:
    """Return where ``values`` can be budgets, of which something can be bought."""
    good: BoolArray = (values >= SMALLEST) & (values <= LARGEST)
    return good


def is_price(values: FloatArray) -> BoolArray:
    """Return where ``values`` can be prices; 0 is free, a missing price is NaN and none."""
    good: BoolArray = (values == 0) | is_budget(values)
    return good


def is_weight(values: FloatArray) -> BoolArray:
    """Return where ``values`` can be weights."""
    return is_price(values)


def is_count(values: FloatArray) -> BoolArray:
    """Return where ``values`` can count something."""
    good: BoolArray = (values >= 0) & (values <= MOST) & (values == np.floor(values))
    return good


def number_of(
    value: object, what: str, least: float = -math.inf, most: float = math.inf, unit: str = ""
) -> float:
    """Return a number as a float.

    Parameters
    ----------
    value : int, float, fraction or decimal, of Python or NumPy
    what : str
        What it is, for messages: "budget".
    least, most : float
        Its range. With either given it must be finite; otherwise infinity and NaN pass, for a check
        that says more.
    unit : str
        What to give instead: "seconds".

    Raises
    ------
    InputError
        If it is none (text, True, a complex or masked number, a list), too large for a float, or
        outside its range.
    """
    if isinstance(value, np.ndarray) and value.ndim == 0 and not np.ma.isMaskedArray(value):
        value = value[()]
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real | Decimal):
        raise InputError(f"The {what} is {shown(value)}; give {unit or 'a number'}.")
    try:
        result = float(value)
    except (OverflowError, ValueError):
        raise InputError(
            f"The {what} is too large for a float ({shown(value)}); give {unit or 'a number'}."
        ) from None
    bounded = least > -math.inf or most < math.inf
    if bounded and not (math.isfinite(result) and least <= result <= most):
        top = f" and at most {most:g}" if most < math.inf else ""
        low = f"at least {least:g}" if least > -math.inf else ""
        limits = f"{low}{top}".removeprefix(" and ")
        raise InputError(
            f"The {what} is {result:g}; give {unit or 'a number'}, finite and {limits}."
        )
    return result


def whole_of(value: object, what: str, least: int = 0, most: int = MOST) -> int:
    """Return a whole number as an int; 3.0 is one.

    Raises
    ------
    InputError
        If it is none, or not from ``least`` to ``most``.
    """
    wanted = f"give a whole number, at least {least}"
    try:
        result = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        result = None
    if result is None and isinstance(value, float | np.floating) and value == np.floor(value):
        result = int(value) if math.isfinite(value) else None
    if result is None or isinstance(value, bool | np.bool_):
        raise InputError(f"The {what} is {shown(value)}; {wanted}.")
    if not least <= result <= most:
        top = "" if result < least else f" and at most {most}"
        raise InputError(f"The {what} is {shown(result)}; {wanted}{top}.")
    return result


def seed_of(value: object, what: str = "seed") -> int:
    """Return a seed: a whole number, at least 0, however large (NumPy takes any)."""
    if isinstance(value, int) and not isinstance(value, bool) and value > MOST:
        return value
    return whole_of(value, what)


def flag_of(value: object, what: str) -> bool:
    """Return True or False.

    Raises
    ------
    InputError
        If it is neither; 2, "no" or None are not taken for one of them.
    """
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{what} is {shown(value)}; give True or False.")
    return bool(value)


def text_of(value: object, what: str) -> str:
    """Return a name that the user gives as text.

    Raises
    ------
    InputError
        If it is no text, or empty, or has blanks at its ends.
    """
    if not isinstance(value, str) or not is_label(value):
        raise InputError(f"{what} is {shown(value)}; give {LABEL}.")
    return str(value)


def choice_of(value: object, choices: Sequence[str], what: str) -> str:
    """Return one of several words.

    Raises
    ------
    InputError
        If it is none of them.
    """
    if not isinstance(value, str) or value not in choices:
        raise InputError(f"{what} is {shown(value)}; choose from {', '.join(choices)}.")
    return value


def path_of(value: object, what: str = "path") -> Path:
    """Return the path of a file or folder.

    Raises
    ------
    InputError
        If it is neither text nor a path, or empty.
    """
    if not isinstance(value, str | os.PathLike) or not os.fspath(value) or "\0" in str(value):
        raise InputError(f"{what} is {shown(value)}; give the path of a file.")
    return Path(value)


def numbers_of(
    values: object, what: str, axes: int | None = None, *, booleans: bool = False
) -> npt.NDArray[np.floating[Any]]:
    """Return an array of floats: float32 and float64 ones as they are, not copied.

    Parameters
    ----------
    values : array-like
        Nested lists, arrays, pandas objects (their labels are for :func:`aligned`).
    what : str
        For messages.
    axes : int, optional
        How many there must be.
    booleans : bool
        Whether True and False count as 1 and 0, as outcomes do.

    Raises
    ------
    InputError
        If they are not a rectangular array of numbers, or entries are masked.
    """
    wrong = f"{what} is not a rectangular array of numbers"
    if np.ma.is_masked(values):
        raise InputError(f"{what} has masked entries; a number is needed everywhere.")
    array = _array(values, wrong)
    if array.dtype.kind == "O":
        array = _of_objects(array, wrong)
    elif array.dtype.kind not in ("iufb" if booleans else "iuf"):
        kind = {"b": "True and False", "c": "complex numbers", "U": "text", "S": "text"}
        raise InputError(f"{wrong}: {kind.get(array.dtype.kind, f'it is of {array.dtype}')}.")
    elif isinstance(values, list | tuple) and array.dtype != np.bool_ and _has_flags(values):
        raise InputError(f"{wrong}: True and False are none.")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    if axes is not None and array.ndim != axes:
        raise InputError(f"{what} has {array.ndim} axes; give {axes}.")
    return array


def _array(values: object, wrong: str) -> npt.NDArray[Any]:
    if pandas_loaded() and isinstance(values, pd.DataFrame | pd.Series):
        kinds = values.dtypes if isinstance(values, pd.DataFrame) else [values.dtype]
        if any(pd.api.types.is_extension_array_dtype(kind) for kind in kinds):
            # Columns that may have missing numbers: NA becomes NaN, which is refused by name later.
            if not all(
                pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
                for kind in kinds
            ):
                raise InputError(f"{wrong}.")
            return values.to_numpy(dtype=np.float64, na_value=np.nan)
        return values.to_numpy()
    if isinstance(values, str | bytes | Set | Mapping) or (
        isinstance(values, Iterable) and not hasattr(values, "__len__")
    ):
        raise InputError(f"{wrong}: it is a {type(values).__name__}; give a list or an array.")
    try:
        return np.asarray(values)
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise InputError(f"{wrong}.") from None


def _of_objects(array: npt.NDArray[Any], wrong: str) -> FloatArray:
    """Return Python numbers as floats, NaN where one is missing: its check names the place."""
    result = np.empty(array.shape)
    for place, value in np.ndenumerate(array):
        if array.ndim and (value is None or (pandas_loaded() and value is pd.NA)):
            result[place] = np.nan
            continue
        if isinstance(value, bool | np.bool_) or not isinstance(value, Real | Decimal):
            where = f" at position {_place(place)}" if place else ""
            raise InputError(f"{wrong}: {shown(value)}{where} is none.")
        try:
            result[place] = float(value)
        except (OverflowError, ValueError):
            raise InputError(
                f"{wrong}: {shown(value)} at position {_place(place)} exceeds any float."
            ) from None
    return result


def _has_flags(values: object) -> bool:
    """Return whether nested lists hold True or False, which NumPy would take for 1 and 0."""
    if isinstance(values, list | tuple):
        return any(map(_has_flags, values))
    return isinstance(values, bool | np.bool_) or (
        isinstance(values, np.ndarray) and values.dtype == np.bool_
    )


def _place(place: tuple[int, ...]) -> str:
    return str(place[0]) if len(place) == 1 else str(place)


def shown(value: object) -> str:
    """Return a value as it is written, cut short."""
    try:
        written = repr(value.item() if isinstance(value, np.generic) else value)
    except Exception:
        written = f"a {type(value).__name__} too large to print"
    return written if len(written) <= 80 else f"{written[:77]}..."


def rounding_of(values: npt.NDArray[np.floating[Any]]) -> float:
    """Return how far probabilities of this precision may lie beyond 0 or 1."""
    return ROUNDING[values.dtype.name]


def label_of(value: object) -> str:
    """Return ``value`` as a label; empty, and so none, where it is missing or not one name."""
    if isinstance(value, str):
        return value if type(value) is str else str(value)
    if isinstance(value, complex | bytes | Collection | Iterator) or callable(value):
        return ""
    kind = type(value)
    if kind.__repr__ is object.__repr__ and kind.__str__ is object.__str__:
        return ""  # an address in memory, another one in the next run
    return "" if _is_missing(value) else str(value)


def _is_missing(value: object) -> bool:
    if value is None or isinstance(value, int | float | np.generic):
        return value is None or bool(value != value)  # noqa: PLR0124 - NaN is not itself
    return pd.isna(value) is True  # type: ignore[call-overload,no-any-return,unused-ignore]


def listed(values: object, what: str) -> list[Any]:
    """Return a list of names, whatever holds them, one object each.

    Raises
    ------
    InputError
        If ``values`` is one text, whose letters would be taken for names, or has no order.
    """
    if isinstance(values, str | bytes):
        raise InputError(f"{what} must be a list of names; write {what}=[{values!r}].")
    if (
        not isinstance(values, Iterable)
        or isinstance(values, Set | Mapping)
        or (pandas_loaded() and isinstance(values, pd.DataFrame))
    ):
        raise InputError(f"{what} must be a list of names, not {shown(values)}.")
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise InputError(f"{what} must be a list of names; it has {values.ndim} axes.")
        if np.ma.is_masked(values):
            raise InputError(f"{what} has masked entries; name each.")
        return values.tolist() if values.dtype.kind in "OUSiufb" else list(values)
    return list(values)


def labels_of(values: object, what: str) -> tuple[str, ...]:
    """Return a list of names as text.

    Raises
    ------
    InputError
        If ``values`` is one text, whose letters would be taken for names, or no list at all; if
        two names that differ read alike, such as 1 and "1".
    """
    given = listed(values, what)
    names = tuple(map(label_of, given))
    _check_alike(given, names, what)
    return names


def names_of(values: object, what: str) -> tuple[str, ...]:
    """Return a list of names as text, each of which can name something, and no two alike.

    Raises
    ------
    InputError
        If they are no list, or one is no label, or there twice.
    """
    names = labels_of(values, what)
    for name, times in Counter(names).items():
        if not is_label(name) or times > 1:
            problem = f"names {name!r} {times} times" if times > 1 else f"has {name!r}"
            raise InputError(f"{what} {problem}; give different labels, each {LABEL}.")
    return names


def _check_alike(given: Sequence[object], names: Sequence[str], what: str) -> None:
    """Raise InputError where text and something else read alike, such as "1" and 1."""
    kinds = set(map(type, given))
    if len(kinds) < 2:
        return
    kind_of: dict[str, tuple[object, str]] = {}
    for value, name in zip(given, names, strict=True):
        kind = "text" if isinstance(value, str) else "flag" if isinstance(value, bool) else "other"
        before, its_kind = kind_of.setdefault(name, (value, kind))
        if its_kind != kind:
            raise InputError(
                f"{what} has {shown(before)} and {shown(value)}, which read alike; write them"
                " alike, or differently."
            )


def named(values: object, what: str) -> npt.NDArray[Any]:
    """Return names as an array, each what it was; as text where they are of several kinds.

    Raises
    ------
    InputError
        If they are no list, one is missing or not one name, or two read alike.
    """
    if pandas_loaded() and isinstance(values, pd.Series | pd.Index):
        values = values.to_numpy()
    plain = isinstance(values, np.ndarray) and not np.ma.isMaskedArray(values)
    if isinstance(values, np.ndarray) and plain and values.dtype.kind != "O" and values.ndim == 1:
        return values
    members = listed(values, what)
    array = np.empty(len(members), dtype=object)
    array[:] = members
    # Names of one kind are left to NumPy and pandas, which may merge 1, True and "1".
    if len(set(map(type, members))) == 1 and isinstance(members[0], str | int | float):
        return array
    texts = [label_of(value) for value in members]
    _check_alike(members, texts, what)
    array[:] = texts
    return array


def coded(values: object, what: str, size: int) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """Return one label per instance as sorted names and codes.

    Parameters
    ----------
    values : sequence of labels, length ``size``
        Fast for arrays and pandas objects.
    what : str
        "segment" or "period".

    Raises
    ------
    InputError
        If there are not ``size`` of them, or one is missing, blank, or ambiguous as text.
    """
    if isinstance(values, str):
        raise InputError(f"{what} must be one label per instance, not the text {values!r}.")
    given = np.asarray(named(values, what))
    if len(given) != size:
        raise InputError(f"{what} has {len(given)} labels for {size} instances.")
    codes, distinct = factorized(given)
    names = [label_of(value) for value in distinct]
    for k, name in enumerate(names):
        if not is_label(name):
            first = int(np.flatnonzero(codes == k)[0])
            raise InputError(f"The {what} of instance {first} is {name!r}; it must be {LABEL}.")
    if len(set(names)) < len(names):
        raise InputError(f"Two {what}s are the same as text: write them alike.")
    order = np.argsort(np.array(names))
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    return tuple(names[k] for k in order), rank[codes]


def factorized(values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], Iterable[Any]]:
    """Return the code of every value, and the distinct values in the order of their appearance."""
    plain: list[Any] = [] if pandas_loaded() else values.tolist()
    if plain and all(type(value) is str for value in plain):  # soon done, without pandas
        position = {value: k for k, value in enumerate(dict.fromkeys(plain))}
        return np.array([position[value] for value in plain], dtype=np.int64), list(position)
    codes, distinct = pd.factorize(values, use_na_sentinel=False)
    return codes, distinct


def mapping_of(values: object, what: str) -> dict[Any, Any]:
    """Return a mapping from names to values; a pandas Series is one, by its index.

    Raises
    ------
    InputError
        If it is neither, or an index has a label twice.
    """
    if pandas_loaded() and isinstance(values, pd.Series):
        unique(values.index, what)
        return dict(zip(values.index.tolist(), values.tolist(), strict=True))
    if not isinstance(values, Mapping):
        raise InputError(f"{what} is {shown(values)}; give a mapping from names to values.")
    return dict(values)


def unique(index: pd.Index[Any], what: str) -> None:
    """Raise InputError if an index has several levels, or a label twice or missing."""
    if index.nlevels > 1:
        raise InputError(f"The labels of {what} have {index.nlevels} levels; give one.")
    bad = index.isna() | index.duplicated()
    if bad.any():
        raise InputError(
            f"The labels of {what} have {shown(index[bad][0])} twice or missing; name each once."
        )


def index_of(labels: Sequence[Any] | range | npt.NDArray[Any]) -> pd.Index[Any]:
    """Return labels as an index of one level, each as it is (tuples too)."""
    if isinstance(labels, range):
        return pd.RangeIndex(labels.start, labels.stop, labels.step)
    if isinstance(labels, np.ndarray):
        index: pd.Index[Any] = pd.Index(labels)
        return index
    return pd.Index(list(labels), tupleize_cols=False)


def aligned(
    values: Any, axes: Mapping[int, tuple[Any, str]], what: str, *, numbered: bool = True
) -> Any:
    """Return a pandas object in the order of some labels; anything else as it is.

    Parameters
    ----------
    values : object
        A DataFrame or Series is matched by its labels.
    axes : mapping of axis -> (labels, what one of them is called)
        0 for rows, or the labels of a Series; 1 for columns. Where all of them are text, labels of
        other kinds are compared as text.
    what : str
        What the values are, for messages.
    numbered : bool
        Whether an axis that pandas numbered 0, 1, ... by itself is taken for one in the order of
        ``labels``, which somebody gave as a list.

    Returns
    -------
    DataFrame, Series or object
        In the order of the labels; the same object where that is its order already.

    Raises
    ------
    InputError
        If labels are missing, more than asked for, or there twice.
    """
    if not pandas_loaded() or not isinstance(values, pd.DataFrame | pd.Series):
        return values
    for axis, (labels, called) in axes.items():
        if axis >= values.ndim:
            continue
        index, wanted = values.axes[axis], index_of(labels)
        if (index.equals(wanted) and index.is_unique) or (
            numbered and is_numbered(index) and len(index) == len(wanted)
        ):
            continue
        side = "columns" if axis else "rows" if values.ndim == 2 else "labels"
        unique(index, f"{what} ({side})")
        place = _places(index, wanted)
        if len(index) != len(wanted) or (place < 0).any():
            other = wanted[place < 0]
            odd = index[_places(wanted, index) < 0] if wanted.is_unique else index[:0]
            problem = f"lacks {shown(other[0])}" if len(other) else ""
            if len(odd):
                problem += f"{' and ' if problem else ''}has {shown(odd[0])}"
            raise InputError(
                f"{what} {problem or 'has a label twice'} among its {side}, which must be the"
                f" {called}s. Frames and Series are matched by label: use the same ones, or give"
                " .to_numpy() if the order is right."
            )
        values = values.take(place, axis="columns" if axis else "index")
    return values


def is_numbered(index: pd.Index[Any]) -> bool:
    """Return whether pandas made an index by itself: 0, 1, 2, ..., which names nothing."""
    return isinstance(index, pd.RangeIndex) and index.equals(pd.RangeIndex(len(index)))


def _places(index: pd.Index[Any], wanted: pd.Index[Any]) -> npt.NDArray[np.intp]:
    """Return where labels are in an index, -1 where they are not."""
    place: npt.NDArray[np.intp] = index.get_indexer(wanted)
    if (place < 0).any() and all(isinstance(label, str) for label in wanted):
        names = pd.Index([label_of(label) for label in index], dtype=object)
        if names.is_unique:
            place = names.get_indexer(pd.Index(list(wanted), dtype=object))
    return place


def choose(
    names: Iterable[str] | None, known: Sequence[str], what: str, source: str
) -> tuple[str, ...]:
    """Return ``names``, in the order asked for; everything that is ``known`` by default.

    Parameters
    ----------
    names, known : sequence of str
        What is wanted, and what there is.
    what, source : str
        "model", "instance" or "segment", and where it is sought, for messages.

    Raises
    ------
    InputError
        If ``names`` is empty, repeats a name, or has one that is not known.
    """
    if names is None:
        return tuple(known)
    chosen = labels_of(names, f"{what}s")
    there = f"it has {', '.join(known[:20]) or 'none'}{', ...' if len(known) > 20 else ''}."
    every = set(known)
    unknown = [name for name in chosen if name not in every]
    if unknown:
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise InputError(f"{source}: no {what} {', '.join(map(repr, unknown[:5]))}{more}; {there}")
    if not chosen:
        raise InputError(f"{source}: no {what} chosen; {there}")
    twice = [name for name, times in Counter(chosen).items() if times > 1]
    if twice:
        raise InputError(f"{source}: {what} {twice[0]!r} is named twice. Name each once.")
    return chosen


def check_arrays(
    *,
    models: Sequence[str],
    instances: Sequence[str],
    attempts: npt.ArrayLike,
    outcomes: npt.ArrayLike,
    graded: bool,
    cost: npt.ArrayLike,
    success_cost: npt.ArrayLike | None,
    failure_cost: npt.ArrayLike | None,
    accepted: npt.ArrayLike | None,
    weight: npt.ArrayLike | None,
    segment: Sequence[str] | None,
) -> tuple[dict[str, FloatArray], list[str]]:
    """Return the arrays, and one line per problem: values are looked at once the shapes are right.

    Parameters
    ----------
    models, instances : sequence of str, lengths M and N
        Labels.
    attempts, outcomes, cost : array-like [N, M]
        As in :class:`arbmodels.market.Market`; outcomes are successes, or mean scores.
    graded : bool
        Whether they are scores.
    success_cost, failure_cost, accepted : array-like [N, M], optional
        NaN where unknown.
    weight : array-like [N], optional
        Importance of the instances; equal by default.
    segment : sequence of str, length N, optional
        Labels of the instances.

    Returns
    -------
    arrays : dict of float arrays
        By the names above, without what is None; of use only if there are no problems.
    problems : list of str
        Empty when nothing is wrong.
    """
    count, width = len(instances), len(models)
    given = {
        "attempts": attempts,
        "outcomes": outcomes,
        "cost": cost,
        "weight": np.ones(count) if weight is None else weight,
    }
    optional = {"success_cost": success_cost, "failure_cost": failure_cost, "accepted": accepted}
    given |= {what: values for what, values in optional.items() if values is not None}
    called = {"outcomes": "graded" if graded else "successes"}
    arrays: dict[str, FloatArray] = {}
    problems = []
    for key, values in given.items():
        what = called.get(key, key)
        axes = "instances" if what == "weight" else "instances x models"
        expected = (count,) if what == "weight" else (count, width)
        if np.ma.is_masked(values):
            problems.append(f"{what} is masked; write 0 attempts where there is no record")
            continue
        try:
            placed = aligned(values, {0: (instances, "instance"), 1: (models, "model")}, what)
            counts = what in ("attempts", "successes")
            arrays[key] = numbers_of(placed, what, booleans=counts).astype(float, copy=False)
        except InputError as error:
            problems.append(str(error).removesuffix("."))
            continue
        if arrays[key].shape != expected:
            problems.append(f"{what} has shape {arrays[key].shape}, expected {expected} ({axes})")
    if segment is not None and len(segment) != count:
        problems.append(f"segment has {len(segment)} labels, expected {count}")
    if min(count, width) == 0:
        problems.append(f"the market has {width} models and {count} instances")
    for what, labels in (("model", models), ("instance", instances), ("segment", segment or ())):
        times = Counter(labels)
        problems += [f"{what} {name!r} must be {LABEL}" for name in times if not is_label(name)]
        if what != "segment":
            repeated = [name for name in times if times[name] > 1]
            problems += [f"{what} {name!r} appears {times[name]} times" for name in repeated]
    return arrays, problems or _problems_in_values(models, instances, graded, **arrays)


def _problems_in_values(
    models: Sequence[str],
    instances: Sequence[str],
    graded: bool,
    *,
    attempts: FloatArray,
    outcomes: FloatArray,
    cost: FloatArray,
    weight: FloatArray,
    **unknown: FloatArray,
) -> list[str]:
    tried = attempts > 0
    split = {what: values for what, values in unknown.items() if what != "accepted"}
    # The mean follows from the two, and what is written for it is not looked at.
    missing = tried & ~is_price(cost) if len(split) < 2 else np.zeros(tried.shape, dtype=bool)
    checks: tuple[tuple[Any, str, FloatArray], ...] = (
        (~is_count(attempts), "attempts is not a whole number from 0 to 2^53", attempts),
        *_outcome_checks(tried, attempts, outcomes, graded),
        (missing, f"cost is not {PRICE}", cost),
        *(
            (tried & ~(np.isnan(values) | is_price(values)), f"{what} is not {PRICE}", values)
            for what, values in split.items()
        ),
    )
    problems = [
        f"instance {instances[i]!r}, model {models[m]!r}: {text}: {values[i, m]:g}"
        for bad, text, values in checks
        for i, m in zip(*np.nonzero(bad), strict=True)
    ]
    bad = ~is_weight(weight)
    problems += [
        f"instance {instances[i]!r}: weight is not {WEIGHT}: {weight[i]:g}"
        for i in np.flatnonzero(bad).tolist()
    ]
    weightless = tried.any(axis=0) & ~(tried & (bad | (weight > 0))[:, None]).any(axis=0)
    problems += [
        f"model {models[m]!r}: its instances all have weight zero"
        for m in np.flatnonzero(weightless).tolist()
    ]
    for axis, what, labels in ((1, "instance", instances), (0, "model", models)):
        problems += [
            f"{what} {labels[position]!r} has no attempts at all"
            for position in np.flatnonzero(~tried.any(axis=axis)).tolist()
        ]
    return problems


def _outcome_checks(
    tried: BoolArray, attempts: FloatArray, outcomes: FloatArray, graded: bool
) -> list[tuple[Any, str, FloatArray]]:
    """Return where outcomes are wrong, and how."""
    if graded:
        wrong = tried & ~((outcomes >= 0) & (outcomes <= 1))
        text = "graded is not a score from 0 to 1"
        if np.nanmax(outcomes, initial=0.0) > 1 and np.nanmax(outcomes, initial=0.0) <= 100:
            text += " (are these percent? divide by 100)"
        return [(wrong, text, outcomes)]
    exceed = is_count(attempts) & (outcomes > attempts)
    return [
        (~is_count(outcomes), f"successes is not {SUCCESSES}", outcomes),
        (exceed, "successes exceed attempts", outcomes),
    ]
