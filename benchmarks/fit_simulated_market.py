"""Fit the bundled simulated market to the public SWE-bench outcomes of Olmedo et al. (2026).

    python benchmarks/fit_simulated_market.py --data FOLDER

1. Latent difficulty, skill and cost: maximum likelihood (``_latent_fit``).
2. Attempts: the stages in which each model was sampled, from the record.
3. Calibration: skill and hard[m] are moved until, in a large simulated market, the mean solve rate
   and the share solved at least once are the real ones; cost_scale[m] until median and mean cost
   are off by the same factor in opposite directions.
4. Seed: the first one whose market of the real size passes every check of
   ``compare_simulated_market``. With 445 instances sampling noise is as large as the tolerances.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binom, boxcox
from tqdm import tqdm, trange

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from arbmodels.data.simulate import ModelParameters, Segment, SimulationParameters, Stage, simulate
from benchmarks._latent_fit import LatentFit, Outcomes, fit_latent
from benchmarks._market_metrics import Record, load_record
from benchmarks.compare_simulated_market import (
    MODELS,
    PARAMETERS,
    all_checks,
    data_folder,
    simulated_record,
)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FACTORS = 3
FIT_SEED = 0
#: Market size (in real ones), steps and step in log-odds of the calibration.
COPIES, STEPS, NUDGE = 40, 8, 0.25
#: Models sampled in batches: the largest number of attempts in each batch but the last, read off
#: gaps in the histogram of attempts.
BATCHES: dict[str, tuple[int, ...]] = {
    "sonnet": (),
    "qwen3-coder-480b": (20, 47),
    "qwen3-coder-30b": (150,),
    "minicoder4b": (150, 300),
}
PROVENANCE = (
    "Simulated. Parameters of arbmodels.data.simulate fitted by "
    "benchmarks/fit_simulated_market.py to the SWE-bench Verified outcomes (445 issues, six "
    "models) that Olmedo, Schölkopf and Hardt published with 'Computational Arbitrage in AI "
    "Model Markets' (2026, arXiv 2603.22404; public repository "
    "RicardoDominguez/computational-arbitrage): maximum likelihood for the latent "
    "factors, solve rates and shares solved at least once calibrated, the seed chosen as the first "
    "whose market passes every check of benchmarks/compare_simulated_market.py. Contains no "
    "outcome or cost of any real issue; results on this market are not results on SWE-bench."
)


def quantiles(values: IntArray) -> tuple[float, ...]:
    """Return the minimum, the sixths and the maximum."""
    return tuple(float(v) for v in np.quantile(values, np.arange(7) / 6))


def sequential_stages(attempts: IntArray, successes: IntArray) -> tuple[Stage, ...]:
    """Stages of a model sampled until solved: a few attempts, up to five, then one by one.

    In the record nearly every issue with two successes was left alone, one success sufficed from
    five attempts on, and only unsolved issues go further. The first stage's law is that of issues
    that were always solved, which never go on; the limit's is that of issues never solved.
    """
    return (
        Stage(quantiles(attempts[successes == attempts]), required=2, stop=1.0),
        Stage((5.0,), required=1, stop=1.0),
        Stage(quantiles(attempts[successes == 0]), required=0, stop=1.0),
    )


def batch_stages(
    attempts: IntArray, successes: IntArray, edges: tuple[int, ...]
) -> tuple[Stage, ...]:
    """Stages of a model sampled in batches; each expects to stop as many instances as it did.

    The chance that an instance has r successes by a stage is binomial at its observed rate. The
    requirement is what 95% of those that stopped had, or less if too few would reach it; a
    probability of stopping makes up the numbers.
    """
    bounds = [0, *edges, int(attempts.max())]
    stages = []
    for low, high in itertools.pairwise(bounds[:-1]):
        at_risk = attempts > low
        stopped = at_risk & (attempts <= high)
        law = quantiles(attempts[stopped])
        required = int(np.quantile(successes[stopped], 0.05))
        rate = (successes / attempts)[at_risk]
        reached = binom.sf(np.arange(required + 1)[:, None] - 1, law[3], rate).sum(axis=1)
        required = int(np.flatnonzero(reached >= stopped.sum())[-1])
        stages.append(Stage(law, required, float(stopped.sum() / reached[required])))
    return (*stages, Stage(quantiles(attempts[attempts > bounds[-2]]), required=0, stop=1.0))


def model_parameters(
    m: int, fit: LatentFit, record: Record, scale: float, power: float
) -> ModelParameters:
    """Translate column m of the fit; the cost's mean on ordinary instances goes into its scale."""
    cost = m + len(MODELS)
    spread = 1.0 + power * fit.mean[0, cost]
    attempts, successes = record.attempts[:, m], record.successes[:, m]
    edges = BATCHES.get(MODELS[m])
    return ModelParameters(
        skill=fit.mean[0, m],
        hard=fit.mean[1, m] - fit.mean[0, m],
        loadings=tuple(fit.loadings[m]),
        noise=np.sqrt(fit.variance[m]),
        cost_scale=scale * spread ** (1.0 / power),
        cost_power=power,
        cost_hard=(fit.mean[1, cost] - fit.mean[0, cost]) / spread,
        cost_loadings=tuple(fit.loadings[cost] / spread),
        cost_noise=np.sqrt(fit.variance[cost]) / spread,
        stages=sequential_stages(attempts, successes)
        if edges is None
        else batch_stages(attempts, successes, edges),
        until_success=edges is None,
    )


def fit_parameters(record: Record) -> SimulationParameters:
    """Return the parameters by maximum likelihood, before calibration."""
    names, segment = np.unique(
        [name.split("__")[0] for name in record.instances], return_inverse=True
    )
    scale = np.exp(np.log(record.cost).mean(axis=0))
    transformed = [boxcox(column) for column in (record.cost / scale).T]
    cost = np.column_stack([values for values, _ in transformed])
    outcomes = Outcomes(record.attempts, record.successes, cost, segment.astype(np.int64))
    fit = fit_latent(outcomes, FACTORS, FIT_SEED)
    frequency = np.bincount(segment)
    return SimulationParameters(
        provenance=PROVENANCE,
        seed=0,
        instances=len(record.instances),
        segments=tuple(
            Segment(str(name), float(frequency[s]), float(fit.hard_share[s]))
            for s, name in enumerate(names)
        ),
        models={
            model: model_parameters(m, fit, record, float(scale[m]), float(transformed[m][1]))
            for m, model in enumerate(MODELS)
        },
    )


def shifted(
    parameters: SimulationParameters, skill: FloatArray, hard: FloatArray
) -> SimulationParameters:
    """Add to the log-odds [M] of every instance and of hard ones."""
    models = {
        name: replace(model, skill=model.skill + float(skill[m]), hard=model.hard + float(hard[m]))
        for m, (name, model) in enumerate(parameters.models.items())
    }
    return replace(parameters, models=models)


def moments(successes: IntArray, attempts: IntArray) -> FloatArray:
    """Mean solve rate and share solved at least once, [M, 2]."""
    both: FloatArray = np.stack([successes / attempts, successes > 0], axis=-1).mean(axis=0)
    return both


def typical(cost: FloatArray) -> FloatArray:
    """Geometric mean of a model's median and mean cost over instances, [M]."""
    middle: FloatArray = np.sqrt(np.median(cost, axis=0) * cost.mean(axis=0))
    return middle


def calibrate(parameters: SimulationParameters, record: Record) -> SimulationParameters:
    """Match both moments of every model by Newton's method with numerical derivatives, then costs.

    A model's moments depend on its own two shifts only, so all models move in the same three
    simulations; these share a seed.
    """
    target = moments(record.successes, record.attempts)
    none, nudge = np.zeros(len(MODELS)), np.full(len(MODELS), NUDGE)
    size = COPIES * parameters.instances

    def simulated(candidate: SimulationParameters) -> FloatArray:
        drawn = simulate(candidate, FIT_SEED, size)
        return moments(drawn.successes, drawn.attempts)

    for _ in trange(STEPS, desc="calibration"):
        now = simulated(parameters)
        by_skill = (simulated(shifted(parameters, nudge, none)) - now) / NUDGE
        by_hard = (simulated(shifted(parameters, none, nudge)) - now) / NUDGE
        jacobian = np.stack([by_skill, by_hard], axis=-1)
        step = np.linalg.solve(jacobian, (target - now)[:, :, None])[:, :, 0].clip(-1.0, 1.0)
        parameters = shifted(parameters, step[:, 0], step[:, 1])
    dearer = typical(record.cost) / typical(simulate(parameters, FIT_SEED, size).cost)
    models = {
        name: replace(model, cost_scale=model.cost_scale * float(dearer[m]))
        for m, (name, model) in enumerate(parameters.models.items())
    }
    return replace(parameters, models=models)


def rounded(value: Any) -> Any:
    """Round every number in nested lists and dictionaries to four significant digits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def choose_seed(parameters: SimulationParameters, record: Record) -> int:
    """Return the first seed whose market passes every check."""
    seed = 0
    with tqdm(desc="seeds") as progress:
        while not all(c.holds for c in all_checks(simulated_record(parameters, seed), record)):
            seed += 1
            progress.update()
    return seed


def main() -> None:
    """Fit, calibrate, choose the seed, write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    data_folder(parser)
    parser.add_argument("--out", type=Path, default=PARAMETERS, help="file to write")
    arguments = parser.parse_args()
    record = load_record(arguments.data, MODELS)
    fitted = calibrate(fit_parameters(record), record)
    arguments.out.write_text(json.dumps(rounded(fitted.to_dict())), encoding="utf-8")
    # Read back, so that the seed is chosen for the rounded parameters.
    final = SimulationParameters.from_json(arguments.out)
    final = replace(final, seed=choose_seed(final, record))
    text = json.dumps(final.to_dict(), indent=1, ensure_ascii=False)
    arguments.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
