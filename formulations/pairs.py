"""What every formulation asks of its arrays: which pairs of group and plan are on offer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

import arbmodels as arb

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def offered_pairs(value: FloatArray, **others: FloatArray) -> BoolArray:
    """Return which pairs are on offer, [G, J].

    Parameters
    ----------
    value : float array [G, J]
        NaN where a plan is not offered.
    **others : float array [G, J] or [G, J, ...]
        By name; whatever they hold at pairs that are not offered is not looked at.

    Raises
    ------
    arb.InputError
        If shapes disagree, a number at an offered pair is not finite, or a group has no plan.
    """
    if value.ndim != 2:
        raise arb.InputError(f"value has shape {value.shape}; give [groups, plans].")
    offered = ~np.isnan(value)
    for name, array in {"value": value, **others}.items():
        if array.shape[:2] != value.shape:
            raise arb.InputError(f"{name} has shape {array.shape}, value has {value.shape}.")
        wrong = np.argwhere(~np.isfinite(array[offered]))
        if len(wrong):
            g, j = np.argwhere(offered)[wrong[0, 0]]
            raise arb.InputError(
                f"{name}: group {g}, plan {j} is on offer and its number is not finite; NaN in"
                " value takes the pair off the offer."
            )
    alone = np.flatnonzero(~offered.any(axis=1))
    if len(alone):
        raise arb.InputError(f"Group {alone[0]} has no plan on offer; add one that abstains.")
    return offered


def at_least_zero(**limits: float | FloatArray) -> None:
    """Check limits by name.

    Raises
    ------
    arb.InputError
        If one is negative or NaN; infinite ones are none.
    """
    for name, limit in limits.items():
        if not (np.asarray(limit) >= 0).all():
            raise arb.InputError(f"{name} is {limit}; give numbers that are at least 0.")
