"""What the best policy is compared with: single models, and who verifies what they sell."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from arbmodels.curves import SAME_RATE
from arbmodels.errors import InputError
from arbmodels.passk import FloatArray
from arbmodels.verification.lattice import StepLattice, step_lattice
from arbmodels.verification.verdicts import VerdictCurves
from arbmodels.verification.verifier import Verifier

#: Who verifies what is bought from a single model. "same-verifier": the customer pays for the same
#: verifier and bears the same penalty for wrong answers; "own-check": the customer sees for free
#: and without error which attempt is right, as in a market without verification costs.
Baseline = Literal["same-verifier", "own-check"]

BASELINES = {
    "same-verifier": "customers of a single model pay for the same verifier",
    "own-check": "customers of a single model verify free and perfectly",
}


def single_lattices(
    curves: VerdictCurves, penalty: float, baseline: Baseline
) -> tuple[StepLattice, ...]:
    """Return the lattice of each model alone, under the baseline's verifier.

    Raises
    ------
    InputError
        If there is no such baseline.
    """
    if baseline not in BASELINES:
        raise InputError(f"No baseline {baseline!r}; choose 'same-verifier' or 'own-check'.")
    if baseline == "own-check":
        curves, penalty = curves.under(Verifier()), 0.0
    return tuple(step_lattice(curves, penalty, [model]) for model in curves.market.models)


def margin_of(cost: FloatArray, price: FloatArray) -> FloatArray:
    """max(0, 1 - cost / price): 0 where cost is NaN or above the price, NaN without a price."""
    with np.errstate(invalid="ignore", divide="ignore"):
        margin = np.where(cost < price, 1.0 - cost / price, 0.0)
    return np.where(np.isfinite(price), margin, np.nan)


def check_rates(solve_rate: npt.ArrayLike) -> FloatArray:
    """Return solve rates as an array, or say that they are none."""
    rates = np.asarray(solve_rate, dtype=float)
    # A reach that is a sum over instances may exceed one by rounding.
    if not np.all((rates >= 0) & (rates <= 1 + SAME_RATE)):
        raise InputError("Solve rates are numbers between 0 and 1.")
    return rates
