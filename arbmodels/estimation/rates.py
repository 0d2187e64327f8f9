"""Solve rates to compare at, and the margin of a price and a cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from arbmodels.errors import InputError
from arbmodels.passk import FloatArray

#: The authors' range of solve rates starts here; its end is the best single model's reach.
_PAPER_LOWEST = 0.68
#: Where the market's reach is lower than the paper's start, the range starts at this share of it.
_LOWEST_SHARE = 0.9
#: A solve rate that is zero but for the rounding of sums over instances.
_NOTHING = 1e-12


def rates_up_to(reach: float, solve_rates: npt.ArrayLike | None = None) -> FloatArray:
    """Return the solve rates asked for, or the authors' grid up to the best model's reach.

    Parameters
    ----------
    reach : float
        Largest solve rate of a single model.
    solve_rates : array of probabilities, optional
        By default 1,000 points from 0.68 to ``reach`` (from 0.9 times it where it is below 0.70).

    Returns
    -------
    float array [U]

    Raises
    ------
    InputError
        If a solve rate is no probability, or nothing is solved.
    """
    if solve_rates is None:
        if reach <= _NOTHING:
            raise InputError("No model of this market solves anything within the largest budget.")
        lowest = _PAPER_LOWEST if reach >= _PAPER_LOWEST + 0.02 else _LOWEST_SHARE * reach
        return np.linspace(lowest, reach, 1000)
    rates = np.atleast_1d(np.asarray(solve_rates, dtype=float))
    if rates.ndim != 1 or len(rates) == 0 or not np.all((rates >= 0) & (rates <= 1)):
        raise InputError("Solve rates are a list of numbers between 0 and 1.")
    return rates


def margin_of(price: FloatArray, cost: FloatArray) -> FloatArray:
    """Return max(0, 1 - cost / price); NaN where there is no price.

    Nobody sells below cost: zero where a model is cheaper, or reaches further than the cascade.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        margin = np.where(cost < price, 1.0 - cost / price, 0.0)
    return np.where(np.isfinite(price), margin, np.nan)


def mean_defined(values: FloatArray) -> float:
    """Return the mean of what is not NaN; NaN if nothing is."""
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def plain(values: npt.ArrayLike) -> Any:
    """Return numbers as plain floats in lists, None where they are undefined or infinite."""
    array = np.asarray(values, dtype=float)
    objects = array.astype(object)
    objects[~np.isfinite(array)] = None
    return objects.tolist()
