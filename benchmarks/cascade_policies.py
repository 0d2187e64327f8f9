"""Cascade policies against the authors' grid search and coordinate ascent: cost, reach and time.

Instances: GPT-5 mini and DeepSeek v3.2; and with mini-coder 4B and Qwen3 Coder 30B before them. The
real market when ARBMODELS_DATA is set, else the bundled simulated one. Every method starts from a
market and ends with a plan for each of nine solve rates up to the best single model's reach:

* the authors' grid search (`authors_grid_search.py`, reimplemented): one order, a grid of
  allocations, each cut where it reaches the solve rate. Two models: their 102 allocations. Four
  models: about as many as theirs (14,526), the first three models' shares from 0 and 23
  logarithmic points between 1% and 50% (their grid is not published), the best per solve rate;
* coordinate ascent over every model's dollars, blocks in the ratio order
  (`cascade_coordinate_ascent.py`);
* block cascades in the best order and the interleaved frontier (`arb.policy_classes` computes
  both; here each is timed by itself), on the default lattice, and the same with windows
  (`policy_classes` without segments and oracle).

All plans are scored by `Plan.evaluate` in the same accounting (log-linear dollars), so that no
method is judged by its own interpolation. The lower bound is that of the frontier's lattice. Quote
the ratios of times, the machine is shared.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

import arbmodels as arb
from arbmodels.policies import policy_classes
from arbmodels.policies.blocks import blocks_best
from benchmarks import authors_grid_search as authors
from benchmarks.cascade_coordinate_ascent import CoordinateAscent

FloatArray = npt.NDArray[np.float64]
HERE = Path(__file__).parent
MARKETS = {
    2: ["gpt5mini", "deepseek"],
    4: ["minicoder4b", "qwen3-coder-30b", "gpt5mini", "deepseek"],
}
COLOURS = ("#999999", "#E69F00", "#56B4E9", "#0072B2", "#CC79A7", "#B22222")


def allocations(models: int) -> FloatArray:
    """Return the allocations of one dollar that the grid search tries, [A, M]."""
    if models == 2:
        first = np.r_[0.0, np.logspace(np.log10(0.01), np.log10(0.5), 100), 1.0]
        return np.stack([first, 1.0 - first], axis=1)
    shares = np.r_[0.0, np.logspace(np.log10(0.01), np.log10(0.5), 23)]
    every = np.array(list(itertools.product(shares, repeat=models - 1)))
    every = every[every.sum(axis=1) <= 1.0]
    return np.column_stack([every, 1.0 - every.sum(axis=1)])


def cut(market: arb.Market, curves: arb.Curves, shares: FloatArray, rate: float) -> FloatArray:
    """Return solve rate and spend of an allocation, in order, stopped when it reaches ``rate``."""

    def evaluate(total: float) -> tuple[float, float]:
        left, stages = total, []
        for model, share in zip(market.models, shares, strict=True):
            amount = min(share, left)
            left -= amount
            if amount > 0:
                stages.append((model, amount))
        scored = arb.Plan(tuple(stages), "dollars").evaluate(curves)
        return scored.solve_rate, scored.mean_spend

    low, high = np.log(authors.BUDGETS[0]), 0.0
    if evaluate(1.0)[0] < rate:
        return np.array([np.nan, np.nan])
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if evaluate(np.exp(middle))[0] >= rate else (middle, high)
    return np.array(evaluate(np.exp(high)))


def grid_search(market: arb.Market, rates: FloatArray) -> tuple[FloatArray, float]:
    """Return the best allocation per solve rate, [U, M], and the largest solve rate."""
    curves = authors.pass_curves(market.attempts, market.successes, market.cost)
    best, reach = np.full(len(rates), np.inf), 0.0
    chosen = np.zeros((len(rates), len(market.models)))
    for shares in tqdm(allocations(len(market.models)), leave=False, desc="grid search"):
        curve, _ = authors.cascade(curves, shares)
        cost = authors.cost_for(curve, rates)
        better = cost < best
        best[better], chosen[better] = cost[better], shares
        reach = max(reach, float(curve.max()))
    return chosen, reach


def measure(job: Callable[[], object], runs: int) -> float:
    """Return the median seconds of ``runs`` runs."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        job()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def compare(market: arb.Market, rates: FloatArray, runs: int) -> dict[str, dict[str, object]]:
    """Return cost, reach and seconds of every method."""
    curves = arb.dollar_curves(market)
    start = time.perf_counter()
    chosen, reach = grid_search(market, rates)
    found: dict[str, dict[str, object]] = {}
    searched = time.perf_counter() - start
    costs = [cut(market, curves, *pair)[1] for pair in zip(chosen, rates, strict=True)]
    found["authors' grid search"] = {"spend": costs, "reach": reach, "seconds": searched}
    ascent = CoordinateAscent(curves)
    found["coordinate ascent"] = {
        "spend": ascent.spend_at(rates).tolist(),
        "reach": ascent.reach,
        "seconds": measure(
            lambda: CoordinateAscent(arb.dollar_curves(market)).spend_at(rates), runs
        ),
    }

    def blocks() -> FloatArray:
        mine = arb.dollar_curves(market)
        return blocks_best(mine, arb.cascade_frontier(mine).lattice).spend_at(rates)

    def frontier() -> FloatArray:
        return arb.cascade_frontier(market).spend_at(rates)

    both = policy_classes(curves, rates, menu=1, oracle=False, segments=False)
    windows = measure(
        lambda: policy_classes(market, rates, menu=1, oracle=False, segments=False), 1
    )
    far = float(both.reach[both.names.index("interleaved")])
    for label, job in (("best order, lattice", blocks), ("interleaved, lattice", frontier)):
        spend = job().tolist()
        found[label] = {"spend": spend, "reach": far, "seconds": measure(job, runs)}
    for label, name in (("best order, windows", "best order"), ("interleaved", "interleaved")):
        spend = both.spend[both.names.index(name)].tolist()
        label = "interleaved, windows" if name == "interleaved" else label  # noqa: PLW2901
        found[label] = {"spend": spend, "reach": far, "seconds": windows}
    found["lower bound"] = {"spend": both.bound[both.names.index("interleaved")].tolist()}
    return found


def draw(record: dict[str, dict[str, dict[str, object]]], rates: FloatArray, path: Path) -> None:
    """Draw the cost of every method above the cheapest, one panel per market."""
    figure, panels = plt.subplots(1, len(record), figsize=(9.6, 3.6), layout="constrained")
    for axes, (name, found) in zip(np.atleast_1d(panels), record.items(), strict=True):
        spends = {k: np.array(v["spend"], dtype=float) for k, v in found.items()}
        best = np.nanmin([v for k, v in spends.items() if k != "lower bound"], axis=0)
        for colour, (label, spend) in zip(COLOURS, spends.items(), strict=False):
            if label == "lower bound":
                continue
            dashes = "--" if "lattice" in label else "-"
            axes.plot(100 * rates, 100 * (spend / best - 1), dashes, color=colour, label=label)
        axes.set_title(name)
        axes.set_xlabel("Solve rate (%)")
        axes.set_ylabel("Cost above the cheapest found (%)")
        axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    figure.savefig(path, dpi=150)


def main() -> None:
    """Run the comparison and write a table and a picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--output", type=Path, default=HERE / "results")
    options = parser.parse_args()
    name = "olmedo2026/swebench" if os.environ.get("ARBMODELS_DATA") else "swebench-sim"
    reach = arb.cascade_frontier(arb.load_market(name, models=MARKETS[2])).market_reach
    rates = np.linspace(0.8, 1.0, 9) * reach
    record = {
        f"{count} models": compare(arb.load_market(name, models=models), rates, options.runs)
        for count, models in MARKETS.items()
    }
    for title, found in record.items():
        print(f"\n{title:<24}{'seconds':>9}{'ratio':>8}{'reach':>8}{'mean +':>8}{'most +':>8}")
        spends = {k: np.array(v["spend"], dtype=float) for k, v in found.items()}
        best = np.nanmin([v for k, v in spends.items() if k != "lower bound"], axis=0)
        base = float(str(found["interleaved, lattice"]["seconds"]))
        for label, row in found.items():
            above = 100 * (spends[label] / best - 1)
            if label == "lower bound":
                print(f"{label:<48}{np.nanmean(above):>8.2f}%")
                continue
            seconds = float(str(row["seconds"]))
            print(
                f"{label:<24}{seconds:>9.3f}{seconds / base:>8.1f}"
                f"{100 * float(str(row['reach'])):>7.2f}%"
                f"{np.nanmean(above):>7.2f}%{np.nanmax(above):>7.2f}%"
            )
    options.output.mkdir(parents=True, exist_ok=True)
    stem = options.output / f"cascade_policies-{name.replace('/', '-')}"
    machine = (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()},"
        f" NumPy {np.__version__}"
    )
    written = {"market": name, "machine": machine, "solve_rates": rates.tolist(), **record}
    stem.with_suffix(".json").write_text(json.dumps(written, indent=1) + "\n")
    draw(record, rates, stem.with_suffix(".png"))


if __name__ == "__main__":
    main()
