"""Simulated students and provers, for the figures whose data the simulated market lacks.

They are drawn by the library's simulator from its fitted parameters, changed as told below; they
stand in for no recorded model, and the published values are not theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import arbmodels as arb
from arbmodels.datasets.simulated import parameters_file
from arbmodels.simulation import ModelParameters, SimulationParameters, simulate

#: How much weaker than the small model the students are, log-odds; they learn as tokens grow.
_LAGS = {"student-1": 2.4, "student-2": 1.9, "student-3": 1.4, "student-4": 0.9, "student-5": 0.4}
#: Costs of the simulated provers are those of the models they are drawn from, times this.
_FLOPS_PER_DOLLAR = 2e6


def students(teacher: str, currency: str = "USD") -> arb.Market:
    """Return five ever better students of mini-coder 4B's cost, and their teacher."""
    fitted = _fitted()
    small = fitted.models["minicoder4b"]
    models = {name: replace(small, skill=small.skill - lag) for name, lag in _LAGS.items()}
    return _drawn({**models, teacher: fitted.models[teacher]}, "simulated students", currency)


def provers() -> arb.Market:
    """Return three provers with skills and costs of three models of the simulated market."""
    fitted = _fitted().models
    chosen = ("minicoder4b", "gpt5mini", "deepseek")
    names = ("prover-small", "prover-medium", "prover-large")
    models = {name: fitted[model] for name, model in zip(names, chosen, strict=True)}
    return _drawn(models, "simulated provers", "FLOPs")


def _fitted() -> SimulationParameters:
    return SimulationParameters.from_json(str(parameters_file()))


def _drawn(models: Mapping[str, ModelParameters], name: str, currency: str) -> arb.Market:
    parameters = replace(_fitted(), models=dict(models))
    drawn = simulate(parameters, parameters.seed)
    return arb.Market(
        drawn.models,
        drawn.instances,
        drawn.attempts,
        drawn.successes,
        drawn.cost * (_FLOPS_PER_DOLLAR if currency == "FLOPs" else 1.0),
        segment=drawn.segment,
        currency=currency,
        name=name,
        simulated=True,
    )
