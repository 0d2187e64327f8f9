"""What an engine returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from arbmodels._assignment.passes import Choice
from arbmodels._assignment.program import FloatArray

#: "time limit" and "interrupted": the best assignment so far, with its proven gap; "unproven": the
#: numbers did not allow to prove the gap asked for, and more time would not help.
Status = Literal["optimal", "time limit", "interrupted", "unproven", "infeasible"]


@dataclass(frozen=True, eq=False)
class Step:
    """One iterate of the multipliers: prices [R] and the bound proven at them."""

    prices: FloatArray
    bound: float


@dataclass(frozen=True, eq=False)
class Answer:
    """A feasible assignment with its proof.

    Attributes
    ----------
    status : str
        "optimal" if the gap asked for is proven.
    choice : int array [G] or None
        Plan of each group; it was re-checked against every row. None if infeasible, or if none
        was found in time.
    side : float array [E]
        Side columns; empty without any.
    objective : float
        Evaluated on ``choice`` and ``side``.
    bound : float
        No assignment is better.
    prices : float array [R]
        Multipliers, not negative: gain in the objective per unit by which a row is relaxed, from
        the linear relaxation.
    path : tuple of Step
        The multipliers on the way there.
    """

    status: Status
    choice: Choice | None
    objective: float
    bound: float
    prices: FloatArray
    side: FloatArray = field(default_factory=lambda: np.zeros(0))
    path: tuple[Step, ...] = ()
