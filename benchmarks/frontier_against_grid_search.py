"""Exact cascade frontier against the authors' grid search: time and quality, in one run.

Instance: GPT-5 mini and DeepSeek v3.2, the real market when ARBMODELS_DATA is set, else the bundled
simulated one; 1,000 solve rates from 0.68 to the best single model's reach. Each method starts from
arrays of attempts and ends with the arbitrageur's cost at every solve rate:

* the exact frontier (`arb.cascade_frontier`), curves, lattice and 1,000 look-ups included;
* the same with its lower bound;
* the authors' procedure as the package computes it (`arb.paper_policy`);
* a faithful reimplementation of the authors' grid search, the search alone without the making of
  the pass curves: in JAX, mapped over instances and allocations as theirs
  (`authors_grid_search_jax.py`, extra `benchmarks`), and in NumPy with the interpolation axes
  shared by all instances, which theirs are not (`authors_grid_search.py`).

First calls are made in a fresh process, imports not counted: JAX compiles then, as it does for
whoever opens the authors' notebook. The others are medians of several runs in one process. Quote
the ratios, the machine is shared.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import matplotlib.pyplot as plt
import numpy as np
from tqdm import tqdm

import arbmodels as arb
from benchmarks import authors_grid_search as peer

HERE = Path(__file__).parent


def measure(job: Callable[[], object], runs: int) -> float:
    """Return the median seconds of ``runs`` runs after a warm-up."""
    job()
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        job()
        seconds.append(time.perf_counter() - start)
    return median(seconds)


def jobs_on(market: arb.Market, rates: peer.FloatArray) -> dict[str, Callable[[], object]]:
    """Return what is timed."""
    curves = peer.pass_curves(market.attempts, market.successes, market.cost)

    def frontier() -> arb.Frontier:
        answer = arb.cascade_frontier(arb.dollar_curves(market))
        answer.spend_at(rates)
        return answer

    jobs: dict[str, Callable[[], object]] = {
        "exact frontier": frontier,
        "exact frontier and its lower bound": lambda: frontier().bound_at(rates),
        "exact frontier on cells cut in 4, and bound": lambda: arb.cascade_frontier(
            arb.dollar_curves(market), refine=4
        ).gap_at(rates),
        "authors' procedure in arbmodels": lambda: arb.paper_policy(market, rates),
        "faithful grid search, NumPy": lambda: peer.grid_search(curves, rates),
    }
    if importlib.util.find_spec("jax"):
        from benchmarks import authors_grid_search_jax

        jobs["faithful grid search, JAX"] = lambda: authors_grid_search_jax.grid_search(
            curves, rates
        )
    else:
        print("JAX is not installed: its grid search is left out (pip install '.[benchmarks]').")
    return jobs


def first_call(label: str) -> float:
    """Return the seconds of a first call in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.frontier_against_grid_search", "--first", label]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(answer.stdout.splitlines()[-1])


def main() -> None:
    """Run the comparison and write a table and a picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--output", type=Path, default=HERE / "results")
    parser.add_argument("--first", help=argparse.SUPPRESS)
    options = parser.parse_args()
    name = "olmedo2026/swebench" if os.environ.get("ARBMODELS_DATA") else "swebench-sim"
    market = arb.load_market(name, models=["gpt5mini", "deepseek"])
    exact = arb.arbitrage(arb.dollar_curves(market))
    rates = exact.solve_rates
    jobs = jobs_on(market, rates)
    if options.first:
        start = time.perf_counter()
        jobs[options.first]()
        print(time.perf_counter() - start)
        return
    seconds = {label: measure(job, options.runs) for label, job in tqdm(jobs.items())}
    for label in ("exact frontier", "faithful grid search, JAX"):
        if label in jobs:
            seconds[f"{label}, first call"] = median(first_call(label) for _ in range(3))
    base = seconds["exact frontier"]
    allocation, margin = peer.grid_search(
        peer.pass_curves(market.attempts, market.successes, market.cost), rates
    )
    theirs = exact.market_price * (1 - margin)
    record = {
        "market": name,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python"
        f" {platform.python_version()}, NumPy {np.__version__}",
        "seconds": seconds,
        "ratio": {label: value / base for label, value in seconds.items()},
        "allocation": allocation.tolist(),
        "mean_margin": {"exact": exact.mean_margin, "authors": float(margin.mean())},
        "peak_margin": {"exact": exact.peak.margin, "authors": float(margin.max())},
        "largest_saving": float(1 - np.min(exact.arbitrage_cost / theirs)),
        "largest_gap": float(
            np.nanmax(arb.cascade_frontier(arb.dollar_curves(market)).gap_at(rates))
        ),
        "largest_gap_cells_cut_in_4": float(
            np.nanmax(arb.cascade_frontier(arb.dollar_curves(market), refine=4).gap_at(rates))
        ),
    }
    options.output.mkdir(parents=True, exist_ok=True)
    stem = options.output / f"frontier_against_grid_search-{name.replace('/', '-')}"
    stem.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
    figure, axes = plt.subplots(figsize=(6.4, 2.8), layout="constrained")
    labels = sorted(seconds, key=lambda label: -seconds[label])
    axes.barh(labels, [1e3 * seconds[label] for label in labels], color="#0072B2")
    for position, label in enumerate(labels):
        axes.text(1.1e3 * seconds[label], position, f"x {seconds[label] / base:.1f}", va="center")
    axes.set_xscale("log")
    axes.set_xlim(right=4e3 * max(seconds.values()))
    axes.set_xlabel("milliseconds (log scale); beside the bars: ratios")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(stem.with_suffix(".png"), dpi=150)
    for label in labels[::-1]:
        print(f"{label:<48}{1e3 * seconds[label]:>10.1f} ms   x {seconds[label] / base:.1f}")
    print(json.dumps({key: record[key] for key in record if key not in ("seconds", "ratio")}))


if __name__ == "__main__":
    main()
