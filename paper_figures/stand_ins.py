"""Simulated students and provers, for the figures whose data the simulated market lacks.

They are made from models of the bundled simulated market as told below; they stand in for no
recorded model, and the published values are not theirs.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

import arbmodels as arb

_SIMULATED = "swebench-sim"
#: How much weaker than mini-coder 4B the students are, log-odds: they learn as tokens grow.
_LAGS = (2.4, 1.9, 1.4, 0.9, 0.4)
_ATTEMPTS = 200
#: Costs of the simulated provers are those of the models they are made from, times this.
_FLOPS_PER_DOLLAR = 2e6


def students(teacher: str, currency: str = "USD", *, dearer: float | None = None) -> arb.Market:
    """Return five ever better students of mini-coder 4B's cost, and their teacher.

    Parameters
    ----------
    teacher, currency : str
    dearer : float, optional
        How many times a student's mean cost the teacher's is; that of the two models by default.
    """
    market = arb.load_market(_SIMULATED, models=["minicoder4b", teacher])
    rng = np.random.default_rng(0)
    chance = (market.successes[:, 0] + 0.5) / (market.attempts[:, 0] + 1.0)
    odds = np.log(chance / (1 - chance))
    cost = market.cost.copy()
    if dearer is not None:
        student, own = market.weight @ cost
        cost[:, 1] *= dearer * student / own
    solved = [rng.binomial(_ATTEMPTS, 1 / (1 + np.exp(lag - odds))) for lag in _LAGS]
    count = len(_LAGS)
    drawn = np.full((len(market.instances), count), _ATTEMPTS)
    return _market(
        market,
        (*(f"student-{k}" for k in range(1, count + 1)), teacher),
        np.column_stack([drawn, market.attempts[:, 1]]),
        np.column_stack([*solved, market.successes[:, 1]]),
        np.column_stack([np.repeat(cost[:, :1], count, axis=1), cost[:, 1]]),
        name="simulated students",
        currency=currency,
    )


def provers() -> arb.Market:
    """Return three provers with the outcomes and costs of three simulated models."""
    market = arb.load_market(_SIMULATED, models=["minicoder4b", "gpt5mini", "deepseek"])
    return _market(
        market,
        ("prover-small", "prover-medium", "prover-large"),
        market.attempts,
        market.successes,
        market.cost,
        name="simulated provers",
        currency="FLOPs",
    )


def _market(
    source: arb.Market,
    models: tuple[str, ...],
    attempts: npt.NDArray[np.int64],
    successes: npt.NDArray[np.int64],
    cost: npt.NDArray[np.float64],
    *,
    name: str,
    currency: str,
) -> arb.Market:
    scale = _FLOPS_PER_DOLLAR if currency == "FLOPs" else 1.0
    return arb.Market(
        models,
        source.instances,
        attempts,
        successes,
        cost * scale,
        segment=source.segment,
        currency=currency,
        name=name,
        simulated=True,
    )
