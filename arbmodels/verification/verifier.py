"""The verifier: what a check costs, and how often it is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from arbmodels.display import number, percent
from arbmodels.errors import InputError
from arbmodels.passk import FloatArray

#: One number for every model, or one per model.
PerModel = float | Mapping[str, float]


class Rates(NamedTuple):
    """A verifier's numbers in the order of some models, each a float array [M]."""

    cost: FloatArray
    false_accept: FloatArray
    false_reject: FloatArray


@dataclass(frozen=True)
class Verifier:
    """Says "right" or "wrong" of every attempt; perfect and free by default.

    Verdicts are independent of each other given which attempts are right. An attempt that is
    accepted is delivered and ends the plan; one that is rejected is thrown away.

    Parameters
    ----------
    cost : float or mapping of model to float, currency units per check
        Paid for every attempt, beside the attempt's own price; >= 0.
    false_accept : float or mapping of model to float
        Probability that a wrong attempt is accepted, in [0, 1).
    false_reject : float or mapping of model to float
        Probability that a right attempt is rejected, in [0, 1).

    Raises
    ------
    InputError
        If a number is out of its range. A verifier that accepts (or rejects) whatever it sees is
        no verifier: buy one attempt and do not check it.

    Examples
    --------
    >>> Verifier(cost=0.002, false_accept={"small": 0.1, "large": 0.02}).label
    'check 0.002000, false accept 10.0% small, 2.0% large, false reject 0.0%'
    """

    cost: PerModel = 0.0
    false_accept: PerModel = 0.0
    false_reject: PerModel = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            what, given = field.name, getattr(self, field.name)
            if isinstance(given, Mapping):
                kept: PerModel = {
                    str(model): _checked(what, value, f" of {model!r}")
                    for model, value in given.items()
                }
            else:
                kept = _checked(what, given, "")
            object.__setattr__(self, what, kept)

    @property
    def label(self) -> str:
        """The verifier in words."""
        words = {"cost": "check", "false_accept": "false accept", "false_reject": "false reject"}
        parts = []
        for what, word in words.items():
            show = number if what == "cost" else percent
            given = getattr(self, what)
            if isinstance(given, Mapping):
                listed = ", ".join(f"{show(value)} {model}" for model, value in given.items())
            else:
                listed = show(given)
            parts.append(f"{word} {listed}")
        return ", ".join(parts)

    def rates(self, models: Sequence[str]) -> Rates:
        """Return the numbers for some models; names beyond them are ignored.

        Raises
        ------
        InputError
            If a mapping lacks one of the models.
        """
        columns = []
        for field in fields(self):
            given = getattr(self, field.name)
            if isinstance(given, Mapping):
                lacking = [model for model in models if model not in given]
                if lacking:
                    raise InputError(
                        f"The verifier's {field.name} has no number for {', '.join(lacking)}; it"
                        f" has {', '.join(given) or 'none'}. Add it, or give one number for all."
                    )
                columns.append(np.array([given[model] for model in models]))
            else:
                columns.append(np.full(len(models), given))
        return Rates(*columns)


def _checked(what: str, value: object, whose: str) -> float:
    """Return the number, or say why it cannot be used."""
    try:
        number_ = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number_ = float("nan")
    if what == "cost":
        good, wanted = 0 <= number_ <= 1e100, "0 or a positive finite number"
    else:
        good, wanted = 0 <= number_ < 1, "a probability below 1"
    if not good:
        raise InputError(f"The verifier's {what}{whose} is {value!r}; it must be {wanted}.")
    return number_
