"""Cascade policies against the authors' grid search and coordinate ascent: cost, reach and time.

Instances: GPT-5 mini and DeepSeek v3.2; and with mini-coder 4B and Qwen3 Coder 30B before them. The
real market when ARBMODELS_DATA is set, else the bundled simulated one. Every method starts from a
market and ends with a plan for each of nine solve rates up to the best single model's reach:

* the authors' grid search (`authors_grid_search.py`, reimplemented in NumPy; its JAX twin is timed
  in `frontier_against_grid_search.py`): one order, a grid of allocations, each cut where it
  reaches the solve rate. Two models: their 102 allocations. Four models: about as many as theirs
  (14,526), the first three models' shares from 0 and 23 logarithmic points between 1% and 50%
  (their grid is not published), the best per solve rate;
* the authors' own script, if `--authors-script PATH` is given (:func:`own_script` says how it is
  called; it is not part of this package);
* coordinate ascent over every model's dollars, blocks in the ratio order
  (`cascade_coordinate_ascent.py`);
* block cascades in the best order and the interleaved frontier on the default lattice, each by
  itself, and all policy classes at once on lattices refined around the answer
  (`arb.policies.policy_classes`, whose interleaved plans are shown).

All plans are scored by `Plan.evaluate` in the same accounting (log-linear dollars), so that no
method is judged by its own interpolation. The gap is to the proven lower bound on any plan
(`Frontier.bound_at`, budget cells cut in four for two models; with four models its lattice is
thinned and the bound loose). Seconds are of the processor, since
the machine is shared: run it with OMP_NUM_THREADS=1, and quote the ratios.

    python -m benchmarks.cascade_policies --authors-script my_copy_of_their_search.py
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

import arbmodels as arb
from arbmodels.policies import policy_classes
from arbmodels.policies.blocks import blocks_best
from benchmarks import _cascade_report as report
from benchmarks import authors_grid_search as authors
from benchmarks.cascade_coordinate_ascent import CoordinateAscent

FloatArray = npt.NDArray[np.float64]
HERE = Path(__file__).parent
MARKETS = {
    2: ["gpt5mini", "deepseek"],
    4: ["minicoder4b", "qwen3-coder-30b", "gpt5mini", "deepseek"],
}


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


def own_script(script: Path, market: arb.Market, rates: FloatArray) -> tuple[FloatArray, float]:
    """Run the authors' own search, which is not ours to bundle: allocations [U, M] and seconds.

    It is called as ``python SCRIPT MARKET.json ALLOCATIONS.json``. It finds ``models``,
    ``attempts``, ``successes``, ``cost`` (per attempt), each a list of rows over instances, and
    ``solve_rates`` in the first file, and writes into the second ``allocations``: one list of
    dollars per model, or one such list per solve rate; and ``seconds`` if not all its time is to
    be counted. Their search in a few lines that read and write these files will do.

    Raises
    ------
    SystemExit
        If the script fails or its answer does not fit.
    """
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "market.json", Path(folder) / "allocations.json"
        asked.write_text(
            json.dumps(
                {
                    "models": list(market.models),
                    "attempts": market.attempts.tolist(),
                    "successes": market.successes.tolist(),
                    "cost": market.cost.tolist(),
                    "solve_rates": rates.tolist(),
                }
            )
        )
        command = [sys.executable, str(script.resolve()), str(asked), str(answered)]
        start = os.times()
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        end = os.times()
        seconds = sum(end[2:4]) - sum(start[2:4])  # of children
        if done.returncode or not answered.exists():
            sys.exit(f"{script} failed: {done.stderr[-2000:] or 'it wrote no allocations'}")
        answer = json.loads(answered.read_text())
    found = np.array(answer["allocations"], dtype=float)
    shape = (len(rates), len(market.models))
    if found.shape not in (shape, shape[1:]):
        sys.exit(f"{script}: allocations of shape {found.shape}, not {shape} or {shape[1:]}.")
    return np.broadcast_to(found, shape), float(answer.get("seconds", seconds))


def measure(job: Callable[[], object], runs: int) -> float:
    """Return the least seconds, of the processor, of ``runs`` runs."""
    seconds = []
    for _ in range(runs):
        start = time.process_time()
        job()
        seconds.append(time.process_time() - start)
    return min(seconds)


def compare(
    market: arb.Market, rates: FloatArray, runs: int, script: Path | None
) -> tuple[list[report.Row], list[float]]:
    """Return cost, reach and seconds of every method, and the lower bound at every solve rate."""
    curves = arb.dollar_curves(market)
    rows: list[report.Row] = []

    def add(method: str, spend: FloatArray | list[float], reach: float, seconds: float) -> None:
        plain = np.asarray(spend, dtype=float)
        cells = [float(x) if np.isfinite(x) else None for x in plain]
        rows.append({"method": method, "seconds": seconds, "reach": reach, "spend": cells})

    def cuts(allocations: FloatArray) -> list[float]:
        return [cut(market, curves, *pair)[1] for pair in zip(allocations, rates, strict=True)]

    start = time.process_time()
    chosen, reach = grid_search(market, rates)
    searched = time.process_time() - start
    add("authors' grid search", cuts(chosen), reach, searched)
    if script is not None:
        chosen, searched = own_script(script, market, rates)
        own = [
            arb.Plan(tuple(zip(market.models, map(float, each), strict=True)), "dollars")
            for each in np.unique(chosen, axis=0)
        ]
        reach = max(plan.evaluate(curves).solve_rate for plan in own)
        add("authors' own script", cuts(chosen), reach, searched)

    ascent = CoordinateAscent(curves)
    add(
        "coordinate ascent, ratio order",
        ascent.spend_at(rates),
        ascent.max_solve_rate,
        measure(lambda: CoordinateAscent(arb.dollar_curves(market)).spend_at(rates), runs),
    )

    def blocks() -> Any:
        mine = arb.dollar_curves(market)
        return blocks_best(mine, arb.cascade_frontier(mine).lattice).spend_at(rates)

    def frontier() -> Any:
        return arb.cascade_frontier(arb.dollar_curves(market)).spend_at(rates)

    def classes() -> Any:
        return policy_classes(
            arb.dollar_curves(market), rates, plan_rates=1, oracle=False, segments=False
        )

    whole = arb.cascade_frontier(curves)
    for method, job in (("best order", blocks), ("interleaved", frontier)):
        add(method, job(), whole.max_solve_rate, measure(job, runs))
    start = time.process_time()
    every = classes()
    seconds = time.process_time() - start
    place = every.names.index("interleaved")
    add(
        "all classes, with windows", every.spend[place], float(every.max_solve_rate[place]), seconds
    )
    bound = np.fmax(every.bound[place], whole.bound_at(rates))
    if len(market.models) == 2:
        bound = np.fmax(bound, arb.cascade_frontier(curves, refine=4).bound_at(rates))
    return rows, bound.tolist()


def main() -> None:
    """Run the comparison and write a table and a picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--models", type=int, choices=tuple(MARKETS), help="only this market")
    parser.add_argument(
        "--authors-script", type=Path, help="the authors' own search, if you have it"
    )
    parser.add_argument("--output", type=Path, default=HERE / "results")
    options = parser.parse_args()
    name = "olmedo2026/swebench" if os.environ.get("ARBMODELS_DATA") else "swebench-sim"
    reach = arb.cascade_frontier(
        arb.dollar_curves(arb.load_market(name, models=MARKETS[2]))
    ).market_max_solve_rate
    rates = np.linspace(0.8, 1.0, 9) * reach
    rows, bounds = {}, {}
    for count, models in MARKETS.items():
        if options.models in (None, count):
            market = arb.load_market(name, models=models)
            title = f"{count} models"
            found, bound = compare(market, rates, options.runs, options.authors_script)
            rows[title] = report.summarised(found, bound, "interleaved")
            bounds[title] = bound
    print(report.table(rows, len(rates)))
    options.output.mkdir(parents=True, exist_ok=True)
    stem = options.output / f"cascade_policies-{name.replace('/', '-')}"
    machine = (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()},"
        f" NumPy {np.__version__}"
    )
    written = {
        "market": name,
        "machine": machine,
        "solve_rates": rates.tolist(),
        "lower_bound": bounds,
        "rows": rows,
    }
    stem.with_suffix(".json").write_text(json.dumps(written, indent=1) + "\n")
    report.draw(rows, rates.tolist(), stem.with_suffix(".png"))


if __name__ == "__main__":
    main()
