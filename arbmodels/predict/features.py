"""Features of instances as numbers: checked, and categories replaced by earlier outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.checks import shown, unique
from arbmodels.errors import DataError, InputError
from arbmodels.market import Market

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: A level's rate is drawn to that of all as if so many instances more had been seen there.
_PRIOR_INSTANCES = 5.0
#: Fewer instances than this per distinct value say nothing about a leak.
_LEAK_REPEATS = 5


@dataclass(frozen=True, eq=False)
class Features:
    """Checked features of the instances of a market.

    Attributes
    ----------
    names : tuple of str
        Columns, as given.
    numbers : float array [N, K]
        The columns that are numbers.
    levels : tuple of int array [N]
        Each column that is a category: which of its levels.
    """

    names: tuple[str, ...]
    numbers: FloatArray
    levels: tuple[IntArray, ...]


def read_features(features: pd.DataFrame, market: Market) -> Features:
    """Check the features and bring them into the market's order.

    Raises
    ------
    InputError
        If it is no DataFrame, an instance of the market has no row or two, there is no column, or
        a column can't be used or is the outcome itself.
    DataError
        If values are missing.
    """
    if not isinstance(features, pd.DataFrame):
        raise InputError(
            f"features must be a DataFrame indexed by instance, not {type(features).__name__}."
        )
    if features.index.has_duplicates:
        twice = features.index[features.index.duplicated()][0]
        raise InputError(f"features have two rows for instance {twice!r}. Keep one of each.")
    absent = [name for name in market.instances if name not in features.index]
    if absent:
        raise InputError(
            f"features lack {len(absent)} of {len(market.instances)} instances of {market.name}"
            f" ({', '.join(map(repr, absent[:3]))}{', ...' if len(absent) > 3 else ''}). Index the"
            " rows by the market's instance names (set_index)."
        )
    if not len(features.columns):
        raise InputError("features have no columns. Give at least one.")
    unique(features.columns, "features (columns)")
    table = features.loc[list(market.instances)]
    _refuse_missing(table)
    numbers, levels = [], []
    for name in table.columns:
        column = table[name]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column):
            values = column.to_numpy(float)
            codes = np.unique(values, return_inverse=True)[1]
            numbers.append(values)
        elif isinstance(column.dtype, pd.CategoricalDtype) or all(
            isinstance(value, str) for value in column
        ):
            codes = pd.factorize(column)[0]
            if len(codes) > 1 and codes.max() + 1 == len(codes):
                raise InputError(
                    f"feature {name!r} has another text on every instance; nothing can be learnt"
                    " from it. Leave it out, or make numbers of it."
                )
            levels.append(codes.astype(np.int64))
        else:
            raise InputError(
                f"feature {name!r} is neither numbers nor text but {column.dtype}. Convert it."
            )
        _refuse_outcome(str(name), codes, market)
    matrix = np.column_stack(numbers) if numbers else np.zeros((len(table), 0))
    return Features(tuple(map(str, table.columns)), matrix, tuple(levels))


def _refuse_missing(table: pd.DataFrame) -> None:
    number = table.select_dtypes("number")
    bad = table.isna()
    bad[number.columns] |= ~np.isfinite(number.astype(float))
    problems = [
        f"instance {table.index[row]!r}, feature {table.columns[column]!r}: missing or infinite"
        for row, column in zip(*np.nonzero(bad.to_numpy()), strict=True)
    ]
    if problems:
        raise DataError(
            "features", problems, "Fill the values in (a level of its own for a category)."
        )


def _refuse_outcome(name: str, codes: IntArray, market: Market) -> None:
    """Refuse a column that tells the outcomes of a model one to one on every instance.

    A feature must be known before the instance is served. Only the plainest leak can be seen here;
    that a column was made from outcomes of its own instance is for the user to rule out.
    """
    for m, model in enumerate(market.models):
        there = market.recorded[:, m]
        rate = market.successes[there, m] / market.attempts[there, m]
        outcome = np.unique(rate, return_inverse=True)[1]
        kinds = int(outcome.max()) + 1
        if kinds < 2 or len(rate) < _LEAK_REPEATS * kinds:
            continue
        pairs = {*zip(codes[there].tolist(), outcome.tolist(), strict=True)}
        if len(pairs) == kinds == len(np.unique(codes[there])):
            raise InputError(
                f"feature {name!r} is the outcome of {model} itself: each of its values belongs to"
                " one solve rate and back, on every instance. It is not known before the instance"
                " is served; leave it out."
            )


def encode(
    features: Features,
    rate: FloatArray,
    folds: IntArray,
    train: npt.NDArray[np.bool_],
) -> FloatArray:
    r"""Return numbers for every instance, made of the outcomes of *other* training instances only.

    A category becomes, for each model, the solve rate of its level among training instances,

    .. math:: (\sum_{i \in level} r_{im} + 5 \bar r_m) / (n_{level} + 5).

    Training instances get it from the training instances of the other ``folds``, so that no row
    contains its own outcome; all others from all training instances.

    Parameters
    ----------
    features : Features
    rate : float array [N, M]
        Share of attempts that solved; NaN without a record.
    folds : int array [N]
        Inner fold of each training instance.
    train : bool array [N]

    Returns
    -------
    float array [N, K + M * categories]
    """
    encoded = np.empty((len(rate), len(features.levels), rate.shape[1]))
    everywhere = np.ones(len(rate), dtype=bool)
    for position, level in enumerate(features.levels):
        encoded[:, position] = _level_rates(level, rate, train, everywhere)
        for fold in np.unique(folds[train]):
            own = train & (folds == fold)
            encoded[own, position] = _level_rates(level, rate, train & ~own, own)
    return np.hstack([features.numbers, encoded.reshape(len(rate), -1)])


def _level_rates(
    level: IntArray,
    rate: FloatArray,
    known: npt.NDArray[np.bool_],
    wanted: npt.NDArray[np.bool_],
) -> FloatArray:
    """Return [wanted, M] solve rates of the levels among the known instances."""
    size = int(level.max()) + 1
    found = np.empty((int(wanted.sum()), rate.shape[1]))
    for m in range(rate.shape[1]):
        seen = known & ~np.isnan(rate[:, m])
        mean = float(rate[seen, m].mean()) if seen.any() else 0.5
        count = np.bincount(level[seen], minlength=size)
        total = np.bincount(level[seen], rate[seen, m], minlength=size)
        table = (total + _PRIOR_INSTANCES * mean) / (count + _PRIOR_INSTANCES)
        found[:, m] = table[level[wanted]]
    return found


def assign_folds(
    groups: Sequence[object] | None, count: int, folds: int, rng: np.random.Generator
) -> IntArray:
    """Return the fold of each of ``count`` instances; a group is never divided.

    Raises
    ------
    InputError
        If there are fewer instances or groups than folds, or labels are missing.
    """
    if isinstance(folds, bool) or not isinstance(folds, int) or folds < 2:
        raise InputError(f"folds must be a whole number of at least 2, not {shown(folds)}.")
    if groups is None:
        group = np.arange(count)
    else:
        labels = pd.Series(list(groups), dtype=object)
        if len(labels) != count or labels.isna().any():
            raise InputError(
                f"groups must have one label for each of the {count} instances, none missing;"
                f" there are {labels.notna().sum()}."
            )
        group = pd.factorize(labels)[0]
    sizes = np.bincount(group)
    if len(sizes) < folds:
        what = "instances" if groups is None else "groups"
        raise InputError(f"{len(sizes)} {what} cannot make {shown(folds)} folds. Ask for fewer.")
    fold, filled = np.empty(len(sizes), dtype=np.int64), np.zeros(folds)
    for one in rng.permutation(len(sizes)):
        fold[one] = int(filled.argmin())
        filled[fold[one]] += sizes[one]
    assigned: IntArray = fold[group]
    return assigned
