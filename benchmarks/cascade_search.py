"""Cascades of many models: gap, time and memory of the search.

Six models of the SWE-bench market with their whole records (up to 499 attempts; simulated where the
real data is not at hand), and twenty synthetic models with ten attempts. What is measured: the
proven gap at 100 solve rates from 5% to the joint reach, seconds, peak memory. No peer gives a
bound; against the authors' grid search and coordinate ascent see ``benchmarks.cascade_policies``.

    python -m benchmarks.cascade_search [--quick] [--output FILE]
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np

import arbmodels as arb
from benchmarks import _routing_report as report

SIX = ("minicoder4b", "qwen3-coder-30b", "gpt5mini", "qwen3-coder-480b", "deepseek", "sonnet")


def synthetic(seed: int, models: int = 20, instances: int = 400, attempts: int = 10) -> arb.Market:
    """Draw models of rising skill and price whose success varies by instance."""
    rng = np.random.default_rng(seed)
    skill = np.sort(rng.normal(0.0, 1.0, models))
    log_price = np.linspace(np.log(0.002), np.log(0.2), models) + rng.normal(0.0, 0.3, models)
    hardness = rng.normal(0.3, 1.8, instances)
    shape = (instances, models)
    odds = 1.2 * (skill - hardness[:, None] + rng.normal(0.0, 0.8, shape))
    solved = rng.binomial(attempts, 1.0 / (1.0 + np.exp(-odds)))
    price = np.exp(log_price + 0.3 * hardness[:, None] + rng.normal(0.0, 0.2, shape))
    return arb.Market(
        tuple(f"model-{m:02d}" for m in range(models)),
        tuple(f"instance-{i}" for i in range(instances)),
        np.full(shape, attempts),
        solved,
        price,
        name=f"synthetic-{seed}",
        simulated=True,
    )


def measure(market: arb.Market, gap: float, states: int, limit: float) -> dict[str, Any]:
    """Search once to compile, then once more with the clock running."""
    curves = arb.attempt_curves(market, billing="pay-past-record")
    arb.search_frontier(curves, [0.1], gap=0.5)
    start, used = time.perf_counter(), time.process_time()
    found = arb.search_frontier(curves, gap=gap, most_states=states, time_limit=limit)
    seconds, processor = time.perf_counter() - start, time.process_time() - used
    gaps = found.gap_at(found.solve_rates)
    open_rates = found.solve_rates[gaps > gap]
    return {
        "market": market.name,
        "models": len(market.models),
        "most_attempts": int(market.attempts.max()),
        "states": states,
        "wanted_gap": gap,
        "seconds": seconds,
        "processor_seconds": processor,
        "closed": int((gaps <= gap).sum()),
        "looked_at": len(gaps),
        "first_open": float(open_rates[0]) if len(open_rates) else None,
        "median_gap": float(np.median(gaps)),
        "largest_gap": float(gaps.max()),
        "solve_rates": found.solve_rates.tolist(),
        "gaps": gaps.tolist(),
        "reach": found.max_solve_rate,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Measure, print a table, write the record and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="fewer states")
    parser.add_argument("--output", type=Path, default=report.RESULTS / "cascade_search.json")
    options = parser.parse_args()
    try:
        six = arb.load_market("olmedo2026/swebench", models=SIX)
    except arb.DownloadError:
        six = arb.load_market("swebench-sim", models=SIX)
    many, seeds = ((30_000,), (0,)) if options.quick else ((300_000, 2_000_000), (0, 1))
    rows = [measure(six, 0.01, states, 120.0) for states in many]
    rows += [measure(synthetic(seed), 0.03, 300_000, 60.0) for seed in seeds]
    record: dict[str, Any] = {"machine": platform.platform(), "rows": rows}
    for row in rows:
        print(
            f"{row['market']:24} {row['models']:3} models, {row['states']:>9,} states:"
            f" {row['closed']:3} of {row['looked_at']} within {row['wanted_gap']:.0%},"
            f" median {row['median_gap']:.2%}, largest {row['largest_gap']:.1%},"
            f" {row['seconds']:.1f} s ({row['processor_seconds']:.1f} s of processor),"
            f" {row['peak_memory_mb']:.0f} MB"
        )
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    draw(rows, options.output.with_suffix(".png"))


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw the gap over the solve rate."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for row in rows:
        axes.plot(
            100 * np.array(row["solve_rates"]),
            100 * np.maximum(np.array(row["gaps"]), 1e-4),
            label=f"{row['market']}, {row['models']} models, {row['states']:,} states:"
            f" {row['seconds']:.0f} s",
        )
    axes.set_yscale("log")
    axes.axhline(1.0, color="grey", lw=0.8, ls=":")
    axes.set_xlabel("Solve rate (%)")
    axes.set_ylabel("Proven gap of the best mixture (%)")
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=130)
    plt.close(figure)


if __name__ == "__main__":
    main()
