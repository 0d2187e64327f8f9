"""A simulated market: latent difficulty and skill, overdispersed outcomes, costs that follow both.

An instance i of segment s(i) (a repository) is *hard* with probability ``hard_share[s(i)]``, an
issue almost nobody solves: H[i] = 1. Beyond that it has factors z[i,f] ~ N(0, 1), f = 1..F, the
difficulties that all models, or groups of related ones, share. With independent standard normal
e[i,m] and g[i,m], an attempt of model m succeeds with probability p[i,m],

    logit p[i,m] = skill[m] + hard[m] H[i] + sum_f loadings[m,f] z[i,f] + noise[m] e[i,m],

and costs q[i,m] US dollars, a shifted power (Box-Cox) transform of a normal variable,

    q[i,m] = cost_scale[m] (1 + l y[i,m])^(1/l),   l = cost_power[m],
    y[i,m] = cost_hard[m] H[i] + sum_f cost_loadings[m,f] z[i,f] + cost_noise[m] g[i,m].

Given p, successes are binomial; how many attempts are made depends on what has been seen so far
(:class:`Stage`), as in recorded markets, where hard issues are tried more often.

The bundled simulated markets: parameters and a seed in, the same outcomes every time.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arbmodels._pandas import pd
from arbmodels.data.download import QUESTIONS, SIMULATED
from arbmodels.errors import InputError
from arbmodels.market import Market

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: Floor of 1 + l y, several standard deviations out: keeps every cost positive.
POWER_FLOOR = 0.05


@dataclass(frozen=True)
class Stage:
    """Attempts up to a random total, then perhaps a stop.

    Attributes
    ----------
    attempts : tuple of float
        Evenly spaced quantiles (minimum to maximum) of the total number of attempts; rounded.
    required : int
        Successes so far without which the next stage always follows.
    stop : float
        Probability of stopping here once they are there.
    """

    attempts: tuple[float, ...]
    required: int
    stop: float


@dataclass(frozen=True)
class ModelParameters:
    """What the module's formulas name, for one model, and how it is sampled.

    Attributes
    ----------
    skill, hard, noise : float
        In log-odds of solving.
    loadings : tuple of float, [F]
        In log-odds of solving.
    cost_scale : float
        Median cost of an attempt on an ordinary instance, US dollars.
    cost_power, cost_hard, cost_noise : float
    cost_loadings : tuple of float, [F]
    stages : tuple of Stage
    until_success : bool
        In the last stage attempts are made one by one and end with the first success.
    """

    skill: float
    hard: float
    loadings: tuple[float, ...]
    noise: float
    cost_scale: float
    cost_power: float
    cost_hard: float
    cost_loadings: tuple[float, ...]
    cost_noise: float
    stages: tuple[Stage, ...]
    until_success: bool


@dataclass(frozen=True)
class Segment:
    """One group of instances: its relative frequency and its share of hard instances."""

    name: str
    frequency: float
    hard_share: float


@dataclass(frozen=True)
class SimulationParameters:
    """Everything :func:`simulate` needs.

    Attributes
    ----------
    provenance : str
        What the numbers are and where they come from.
    seed : int
        The seed of the bundled market.
    instances : int
        Its size.
    segments : tuple of Segment
    models : dict of str to ModelParameters
    """

    provenance: str
    seed: int
    instances: int
    segments: tuple[Segment, ...]
    models: dict[str, ModelParameters]

    @classmethod
    def from_json(cls, path: str | Path) -> SimulationParameters:
        """Read parameters written as ``json.dumps(parameters.to_dict())``."""
        raw: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        models = {}
        for name, fields in raw["models"].items():
            stages = tuple(
                Stage(**s | {"attempts": tuple(s["attempts"])}) for s in fields["stages"]
            )
            tuples = {key: tuple(fields[key]) for key in ("loadings", "cost_loadings")}
            models[name] = ModelParameters(**fields | tuples | {"stages": stages})
        segments = tuple(Segment(**fields) for fields in raw["segments"])
        return cls(**raw | {"segments": segments, "models": models})

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class SimulatedOutcomes:
    """A simulated market of N instances and M models.

    Attributes
    ----------
    models : tuple of str, [M]
    instances : tuple of str, [N]
        Visibly simulated names, such as ``django__sim-0001``.
    segment : tuple of str, [N]
    attempts, successes : int, [N, M]
    cost : float, [N, M]
        US dollars per attempt.
    solve_probability : float, [N, M]
        The true probability that an attempt succeeds, which no deployed router knows.
    """

    models: tuple[str, ...]
    instances: tuple[str, ...]
    segment: tuple[str, ...]
    attempts: IntArray
    successes: IntArray
    cost: FloatArray
    solve_probability: FloatArray


def simulate(
    parameters: SimulationParameters, seed: int, instances: int | None = None
) -> SimulatedOutcomes:
    """Draw a market; the same parameters, seed and size give the same market.

    Parameters
    ----------
    parameters : SimulationParameters
    seed : int
    instances : int, optional
        Number of instances, by default that of the bundled market.

    Raises
    ------
    InputError
        If there would be no instance.
    """
    size = parameters.instances if instances is None else instances
    if size < 1:
        raise InputError(f"A simulated market needs at least one instance, not {size}.")
    rng = np.random.default_rng(seed)
    models = tuple(parameters.models.values())
    counts = _apportion(np.array([segment.frequency for segment in parameters.segments]), size)
    share = np.repeat([segment.hard_share for segment in parameters.segments], counts)
    hard = (rng.random(size) < share).astype(float)[:, None]
    factors = rng.standard_normal((size, len(models[0].loadings)))

    probability = _solve_probability(models, hard, factors, rng)
    cost = _cost(models, hard, factors, rng)
    sampled = [_sample(model, probability[:, m], rng) for m, model in enumerate(models)]
    width = max(4, len(str(counts.max())))
    return SimulatedOutcomes(
        models=tuple(parameters.models),
        instances=tuple(
            f"{segment.name}__sim-{number:0{width}d}"
            for segment, count in zip(parameters.segments, counts, strict=True)
            for number in range(1, count + 1)
        ),
        segment=tuple(np.repeat([s.name for s in parameters.segments], counts).tolist()),
        attempts=np.column_stack([attempts for attempts, _ in sampled]),
        successes=np.column_stack([successes for _, successes in sampled]),
        cost=cost,
        solve_probability=probability,
    )


def _apportion(frequency: FloatArray, size: int) -> IntArray:
    """Split size over the segments in proportion, by largest remainder."""
    quota = frequency / frequency.sum() * size
    counts: IntArray = np.floor(quota).astype(np.int64)
    largest = np.argsort(counts - quota, kind="stable")[: size - int(counts.sum())]
    counts[largest] += 1
    return counts


def _solve_probability(
    models: tuple[ModelParameters, ...],
    hard: FloatArray,
    factors: FloatArray,
    rng: np.random.Generator,
) -> FloatArray:
    """Return p[i,m], [N, M], from hard [N, 1] and factors [N, F]."""
    logit = (
        np.array([model.skill for model in models])
        + hard * [model.hard for model in models]
        + factors @ np.array([model.loadings for model in models]).T
        + rng.standard_normal((len(hard), len(models))) * [model.noise for model in models]
    )
    probability: FloatArray = 1.0 / (1.0 + np.exp(-logit))
    return probability


def _cost(
    models: tuple[ModelParameters, ...],
    hard: FloatArray,
    factors: FloatArray,
    rng: np.random.Generator,
) -> FloatArray:
    """Return q[i,m], US dollars per attempt, [N, M], from hard [N, 1] and factors [N, F]."""
    normal = (
        hard * [model.cost_hard for model in models]
        + factors @ np.array([model.cost_loadings for model in models]).T
        + rng.standard_normal((len(hard), len(models))) * [model.cost_noise for model in models]
    )
    power = np.array([model.cost_power for model in models])
    scale = np.array([model.cost_scale for model in models])
    cost: FloatArray = scale * np.maximum(1.0 + power * normal, POWER_FLOOR) ** (1.0 / power)
    return cost


def _sample(
    model: ModelParameters, probability: FloatArray, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Return attempts and successes of one model, [N] each, by its stages."""
    attempts = np.zeros(len(probability), dtype=np.int64)
    successes = np.zeros(len(probability), dtype=np.int64)
    active = np.ones(len(probability), dtype=bool)
    for number, stage in enumerate(model.stages, start=1):
        at = np.linspace(0.0, 1.0, len(stage.attempts))
        drawn = np.rint(np.interp(rng.random(len(active)), at, stage.attempts)).astype(np.int64)
        more = np.where(active, np.maximum(drawn - attempts, 0), 0)
        if model.until_success and number == len(model.stages):
            # Waiting for a success that may be all but impossible: the floor avoids overflow.
            wait = rng.geometric(np.maximum(probability, 1e-9))
            successes += (more > 0) & (wait <= more)
            attempts += np.minimum(wait, more)
        else:
            successes += rng.binomial(more, probability)
            attempts += more
        active &= (successes < stage.required) | (rng.random(len(active)) >= stage.stop)
    return attempts, successes


#: What is bundled: the file of its parameters, and what it is.
_BUNDLED = {
    SIMULATED: (
        "swebench_sim.json",
        "Simulated market like SWE-bench Verified: fitted parameters and a seed",
    ),
    QUESTIONS: (
        "questions_sim.json",
        "Simulated answers of two models to 600 questions, with features: parameters and a seed",
    ),
}
BUNDLED = tuple(_BUNDLED)
#: Dollars per character of a question: what the cheaper model takes for it.
_PER_CHARACTER = 0.15e-6


def parameters_file(name: str = SIMULATED) -> Traversable:
    """Return the bundled file with the parameters and the seed of a simulated market."""
    return files("arbmodels").joinpath("data", _BUNDLED[name][0])


def description(name: str) -> str:
    """Return what a bundled market is."""
    return _BUNDLED[name][1]


@cache
def simulated_market(name: str = SIMULATED) -> Market:
    """Return a whole simulated market; drawn once per process, whichever models are wanted."""
    with as_file(parameters_file(name)) as path:
        parameters = SimulationParameters.from_json(path)
    drawn = simulate(parameters, parameters.seed)
    return Market(
        drawn.models,
        drawn.instances,
        drawn.attempts,
        drawn.successes,
        drawn.cost,
        segment=drawn.segment,
        name=name,
        simulated=True,
    )


def simulated_features() -> pd.DataFrame:
    """Return what is known of the simulated questions beforehand: subject and length."""
    market = simulated_market(QUESTIONS)
    length = (market.cost.min(axis=1) / _PER_CHARACTER).round().astype(int)
    columns = {"segment": market.segment, "prompt_chars": length}
    return pd.DataFrame(columns, index=pd.Index(market.instances, name="instance"))
