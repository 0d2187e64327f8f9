"""Compare the bundled simulated market with the real one it was fitted to.

    python benchmarks/compare_simulated_market.py --data FOLDER

writes ``benchmarks/simulated_market.md``; the exit status is 1 if a tolerance does not hold.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import trange

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from arbmodels.data.simulate import SimulationParameters, simulate
from benchmarks._market_metrics import FloatArray, Record, load_record, two_model_market

#: The first two are the two-model market, in the order of its cascade.
MODELS = (
    "gpt5mini",
    "deepseek",
    "sonnet",
    "qwen3-coder-480b",
    "qwen3-coder-30b",
    "minicoder4b",
)
PARAMETERS = Path(__file__).resolve().parents[1] / "arbmodels" / "data" / "swebench_sim.json"
#: Markets drawn with other seeds, to show the spread.
FRESH = 100
#: Quantities per model: the absolute and the relative tolerance, of which the larger counts.
BY_MODEL = {
    "attempts, minimum": (1.0, 0.0),
    "attempts, median": (1.0, 0.15),
    "attempts, maximum": (1.0, 0.15),
    "mean solve rate": (0.02, 0.0),
    "solved at least once": (0.03, 0.0),
    "median cost": (0.0, 0.1),
    "mean cost": (0.0, 0.1),
}


@dataclass(frozen=True)
class Check:
    """One row: the simulated value has to lie between low and high; tolerance says it in words."""

    name: str
    simulated: float
    real: float
    low: float
    high: float
    tolerance: str

    @property
    def holds(self) -> bool:
        """Whether the simulated value lies where it has to."""
        return self.low <= self.simulated <= self.high


def near(name: str, simulated: float, real: float, margin: float) -> Check:
    """Demand an absolute difference of at most margin."""
    return Check(name, simulated, real, real - margin, real + margin, f"± {margin:.3g}")


def within(name: str, simulated: float, real: float, low: float, high: float) -> Check:
    """Demand a range, whatever the real value."""
    return Check(name, simulated, real, low, high, f"{low:.3g} to {high:.3g}")


def outcome_checks(simulated: Record, real: Record) -> Iterator[Check]:
    """Compare solve rates, costs in US dollars and attempts, model by model, and joint reach."""
    s, r = _by_model(simulated), _by_model(real)
    for m, model in enumerate(MODELS):
        for quantity, (absolute, relative) in BY_MODEL.items():
            value, target = float(s[quantity][m]), float(r[quantity][m])
            yield near(f"{model}: {quantity}", value, target, max(absolute, relative * target))
    for label, models in (("either of the first two", 2), ("any of the six", 6)):
        value, target = _joint_reach(simulated, models), _joint_reach(real, models)
        yield near(f"solved at least once by {label}", value, target, 0.03)


def _by_model(record: Record) -> dict[str, FloatArray]:
    """Return the quantities of BY_MODEL, [M] each."""
    return {
        "attempts, minimum": record.attempts.min(axis=0).astype(np.float64),
        "attempts, median": np.median(record.attempts, axis=0),
        "attempts, maximum": record.attempts.max(axis=0).astype(np.float64),
        "mean solve rate": record.rate.mean(axis=0),
        "solved at least once": (record.successes > 0).mean(axis=0),
        "median cost": np.median(record.cost, axis=0),
        "mean cost": record.cost.mean(axis=0),
    }


def _joint_reach(record: Record, models: int) -> float:
    """Return the share of instances that some of the first models solved at least once."""
    return float((record.successes[:, :models] > 0).any(axis=1).mean())


def correlation_checks(simulated: Record, real: Record) -> Iterator[Check]:
    """Compare how outcomes go together between models, and how costs follow difficulty."""
    s, r = _correlations(simulated), _correlations(real)
    size = len(MODELS)
    for b in range(1, size):
        for a in range(b):
            name = f"correlation of solve rates: {MODELS[a]}, {MODELS[b]}"
            yield near(name, float(s[a, b]), float(r[a, b]), 0.1)
    for m, model in enumerate(MODELS):
        name = f"correlation of log cost with difficulty: {model}"
        yield near(name, float(s[size + m, -1]), float(r[size + m, -1]), 0.15)


def _correlations(record: Record) -> FloatArray:
    """Correlate solve rates [M], log costs [M] and difficulty, one less the mean solve rate."""
    difficulty = 1.0 - record.rate.mean(axis=1, keepdims=True)
    columns = np.hstack([record.rate, np.log(record.cost), difficulty])
    return np.asarray(np.corrcoef(columns, rowvar=False))


def margin_checks(simulated: Record, real: Record) -> Iterator[Check]:
    """Compare the two-model market's prices and margins."""
    s, r = two_model_market(simulated), two_model_market(real)
    yield near("crossing of the two cost curves", s.crossing, r.crossing, 0.01)
    yield near("reach of the best single model", s.max_solve_rate, r.max_solve_rate, 0.01)
    methods = (("single allocation", s.single, r.single), ("exact", s.exact, r.exact))
    for label, now, then in methods:
        yield within(f"peak margin, {label}", float(now.max()), float(then.max()), 0.35, 0.5)
        yield near(f"mean margin, {label}", float(now.mean()), float(then.mean()), 0.03)


def all_checks(simulated: Record, real: Record) -> Iterator[Check]:
    """Compare everything, the quick ones first."""
    yield from outcome_checks(simulated, real)
    yield from correlation_checks(simulated, real)
    yield from margin_checks(simulated, real)


def simulated_record(parameters: SimulationParameters, seed: int) -> Record:
    """Return the simulated outcomes, models in the order of MODELS."""
    drawn = simulate(parameters, seed)
    order = [drawn.models.index(model) for model in MODELS]
    return Record(
        drawn.instances, drawn.attempts[:, order], drawn.successes[:, order], drawn.cost[:, order]
    )


def fresh_markets(parameters: SimulationParameters, real: Record) -> FloatArray:
    """Return every row's value in markets drawn with other seeds, [FRESH, rows]."""
    seeds = trange(parameters.seed + 1, parameters.seed + 1 + FRESH, desc="other seeds")
    markets = (simulated_record(parameters, seed) for seed in seeds)
    return np.array([[check.simulated for check in all_checks(m, real)] for m in markets])


def report(checks: list[Check], fresh: FloatArray, parameters: SimulationParameters) -> str:
    """Return the comparison in Markdown."""
    holding = sum(check.holds for check in checks)
    lines = [
        "# The bundled simulated market against the real one",
        "",
        f"`swebench-sim`, seed {parameters.seed}, {parameters.instances} simulated issues, beside "
        "the 445 SWE-bench Verified issues of Olmedo, Schölkopf, Hardt (2026). Costs in US "
        "dollars per attempt. Written by `benchmarks/compare_simulated_market.py`.",
        "",
        f"{holding} of {len(checks)} rows hold. The seed was chosen, from 0 upwards, as the first "
        "for which all do: the table says what the bundled market looks like. What the model gives "
        f"without that choice is in the last column, mean ± standard deviation of {FRESH} markets "
        "drawn with the seeds that follow.",
        "",
        "A mean solve rate is the mean over issues of successes / attempts. The margins are those "
        "of GPT-5 mini with DeepSeek v3.2 over the solve rates from 0.68 to the reach of the best "
        "single model: of the authors' single allocation and accounting, and of the exact "
        "frontier.",
        "",
        "| quantity | simulated | real | tolerance | holds | other seeds |",
        "| --- | ---: | ---: | ---: | --- | ---: |",
    ]
    lines += [
        f"| {check.name} | {check.simulated:.4g} | {check.real:.4g} | {check.tolerance} | "
        f"{'yes' if check.holds else '**no**'} | {mean:.3g} ± {deviation:.2g} |"
        for check, mean, deviation in zip(
            checks, fresh.mean(axis=0), fresh.std(axis=0), strict=True
        )
    ]
    return "\n".join([*lines, ""])


def data_folder(parser: argparse.ArgumentParser) -> None:
    """Add the option that says where the real outcomes are."""
    base = os.environ.get("ARBMODELS_DATA")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(base) / "olmedo2026" / "swebench" if base else None,
        required=base is None,
        help="folder with gpt5mini.jsonl and the others (default: $ARBMODELS_DATA/"
        "olmedo2026/swebench)",
    )


def main() -> int:
    """Write the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    data_folder(parser)
    real = load_record(parser.parse_args().data, MODELS)
    parameters = SimulationParameters.from_json(PARAMETERS)
    simulated = simulated_record(parameters, parameters.seed)
    checks = list(all_checks(simulated, real))
    text = report(checks, fresh_markets(parameters, real), parameters)
    Path(__file__).with_name("simulated_market.md").write_text(text, encoding="utf-8")
    print(text)
    return int(not all(check.holds for check in checks))


if __name__ == "__main__":
    sys.exit(main())
