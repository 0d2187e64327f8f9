"""Limits per instance: dollars, attempts, seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from arbmodels.errors import InputError
from arbmodels.passk import FloatArray

#: Sums of costs within this (relative) of a limit keep it: 0.1 + 0.2 is not more than 0.3.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Limits:
    """What may be used on one instance at most; None is no limit.

    Parameters
    ----------
    dollars : float, currency units
        A purchase that would exceed it is not made, and nothing after it.
    attempts : int
    seconds : float
        Sum of the latencies of purchases made one after the other.

    Raises
    ------
    InputError
        If a limit is not positive and finite.

    Examples
    --------
    >>> Limits(dollars=0.5, attempts=3).label
    'at most 0.5 in money, 3 attempts per instance'
    """

    dollars: float | None = None
    attempts: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name in ("dollars", "attempts", "seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < np.inf:
                raise InputError(
                    f"The limit on {name} is {value}; give a positive finite number, or None."
                )

    @property
    def label(self) -> str:
        """The limits in words."""
        parts = (
            (self.dollars, "in money"),
            (self.attempts, "attempts"),
            (self.seconds, "seconds"),
        )
        given = [f"{value:g} {what}" for value, what in parts if value is not None]
        return f"at most {', '.join(given)} per instance" if given else "no limit per instance"


def seconds_of(seconds: Mapping[str, float] | None, models: Sequence[str], why: str) -> FloatArray:
    """Return the latency of one attempt of every model.

    Parameters
    ----------
    seconds : mapping
        Model -> seconds of one attempt, > 0.
    models : sequence of str
        Those that need one.
    why : str
        What latencies are for, for messages.

    Raises
    ------
    InputError
        If one is missing or no positive finite number.
    """
    known = {} if seconds is None else dict(seconds)
    missing = [model for model in models if model not in known]
    if missing:
        raise InputError(
            f"{why} needs the latency of {', '.join(map(repr, missing))}: give"
            " seconds={model: seconds of one attempt}."
        )
    values = np.array([float(known[model]) for model in models])
    for model, value in zip(models, values, strict=True):
        if not 0 < value < np.inf:
            raise InputError(f"An attempt of {model!r} takes {value:g} s; give a positive number.")
    return values
