"""Provider games: re-optimised cascades, and equilibria with their certificates, in time.

Run ``python -m benchmarks.provider_games`` (with the authors' data at hand; otherwise on the
simulated market). All times are of the processor, so that a busy machine changes little; cascades
are scored in dollars, by the paper's billing. Re-optimising is compared, on the same price
vectors, with solving each one anew by a shortest path on the re-priced lattice, timed on a few.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path
from time import process_time
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

import arbmodels as arb
from arbmodels.cascades.lattice import build_lattice, coarsen
from arbmodels.curves import dollar_curves
from arbmodels.errors import ArbModelsError
from arbmodels.games import ProviderGame, cascade_sets_of, linear_consumers
from arbmodels.games.cascade_set import Repricing
from arbmodels.market import Market

RESULTS = Path(__file__).parent / "results"
VECTORS = 10_000
REPEATS = 3
RATES = (0.70, 0.72, 0.74, 0.76)
SIX_STATES = 300_000


def main() -> None:
    """Measure, print, and write the record and its plot."""
    six, source = _market()
    pair = six.select(models=["gpt5mini", "deepseek"])
    ProviderGame.from_market(pair, [0.70]).solve(tolerance=0.1)  # compile
    record: dict[str, Any] = {
        "market": source,
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "price_vectors": VECTORS,
        "repricing": [
            _repricing("two models, 251 x 251 amounts", pair, 3_000_000),
            _repricing(f"six models, up to {SIX_STATES:,} amounts", six, SIX_STATES),
        ],
        "equilibria": [
            _equilibrium(pair, rate, arbitrageurs) for rate in RATES for arbitrageurs in (1, 2)
        ],
        "equilibria_of_six": [_equilibrium_of_six(six, rate) for rate in RATES],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "provider_games.json").write_text(json.dumps(record, indent=2) + "\n")
    _draw(record, RESULTS / "provider_games.png")
    print(json.dumps(record, indent=2))


def _market() -> tuple[Market, str]:
    try:
        return arb.load_market("olmedo2026/swebench"), "olmedo2026/swebench"
    except ArbModelsError:
        return arb.load_market("swebench-sim"), "swebench-sim (simulated)"


def _repricing(name: str, market: Market, states: int) -> dict[str, Any]:
    """Time of the cascade set, of all price vectors on it, and of one vector solved anew."""
    began = process_time()
    (cascade_set,) = cascade_sets_of(dollar_curves(market), [0.72], most_states=states)
    made = process_time() - began
    w = np.exp(np.random.default_rng(0).uniform(-1, 1, (VECTORS, len(market.models))))
    times = []
    for _ in range(REPEATS):
        began = process_time()
        cost = cascade_set.cost(w)
        times.append(process_time() - began)
    curves = dollar_curves(market)
    oracle = Repricing(curves, build_lattice(curves, coarsen(curves.grids, states)), 0.72)
    oracle.cheapest(w[0])
    some = 20
    began = process_time()
    anew = np.array([oracle.cheapest(row)[0] for row in w[:some]])
    each = (process_time() - began) / some
    return {
        "case": name,
        "cascades": len(cascade_set.expected),
        "menu_seconds": made,
        "all_vectors_seconds": min(times),
        "solved_anew_seconds": each * VECTORS,
        "ratio": each * VECTORS / min(times),
        "largest_excess": float((cost[:some] / anew - 1).max()),
        "stated_shortfall": cascade_set.shortfall,
    }


def _equilibrium(market: Market, rate: float, arbitrageurs: int) -> dict[str, Any]:
    """Best of the repeats: time until the certificate, and its epsilon over profit."""
    game = ProviderGame.from_market(market, [rate], marginal_cost=0.3, arbitrageurs=arbitrageurs)
    runs = []
    for _ in range(REPEATS - 1):
        began = process_time()
        found = game.solve(tolerance=1e-3)
        runs.append((process_time() - began, found))
    seconds, found = min(runs, key=lambda run: (not run[1].converged, run[0]))
    return {
        "solve_rate": rate,
        "arbitrageurs": arbitrageurs,
        "processor_seconds": seconds,
        "kind": found.kind,
        "settled": found.converged,
        "relative_epsilon": found.relative_epsilon,
        "exact_certificate": found.deviations.exact,
        "least_pure_epsilon": None if found.least_pure is None else found.least_pure[1],
        "relative_epsilon_by_iteration": found.trace[:, 1].tolist(),
    }


def _equilibrium_of_six(market: Market, rate: float) -> dict[str, Any]:
    """All six providers choose: processor time without a time limit, and epsilon."""
    cascade_sets = cascade_sets_of(dollar_curves(market), [rate], most_states=SIX_STATES)
    game = ProviderGame(cascade_sets, linear_consumers(cascade_sets, 2.0), 0.3, 2)
    began = process_time()
    found = game.solve()
    return {
        "solve_rate": rate,
        "arbitrageurs": 2,
        "processor_seconds": process_time() - began,
        "kind": found.kind,
        "settled": found.converged,
        "epsilon_of_largest_profit": found.epsilon_of_largest,
        "exact_certificate": found.deviations.exact,
        "games_solved": found.iterations,
        "least_pure_epsilon": None if found.least_pure is None else found.least_pure[1],
        "largest_profit": float(found.profits.max()),
    }


def _draw(record: dict[str, Any], path: Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.6), layout="constrained")
    rows = record["repricing"]
    names = ["Two models", "Six models"]
    place = np.arange(2)
    left.bar(
        place - 0.2, [r["all_vectors_seconds"] for r in rows], 0.38, label="On the cascade set"
    )
    left.bar(place + 0.2, [r["solved_anew_seconds"] for r in rows], 0.38, label="Each solved anew")
    left.set_xticks(place, names)
    left.set_yscale("log")
    left.set_ylabel(f"Seconds for {VECTORS:,} price vectors")
    left.legend(frameon=False)
    for row in record["equilibria"]:
        trace = np.minimum.accumulate(row["relative_epsilon_by_iteration"] or [np.nan])
        label = f"{100 * row['solve_rate']:.0f}%, {row['arbitrageurs']} arb."
        right.plot(
            np.arange(1, len(trace) + 1), trace, label=f"{label} ({row['processor_seconds']:.1f} s)"
        )
    right.axhline(1e-3, color="black", lw=0.8, ls="--")
    right.set_yscale("log")
    right.set_xlabel("Grids solved")
    right.set_ylabel("Largest gain over profit")
    right.legend(frameon=False, fontsize="x-small")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
