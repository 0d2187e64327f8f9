"""Logit and nested logit prices of up to 1,000 products: the package, PyBLP, SciPy's root finders.

Every product is a firm. Timed is the way from having the game to having prices; building the
games, imports and PyBLP's simulation object do not count. Peers' prices are judged by the package's
certificate, which no peer computes. PyBLP also computes Hessians of profits unless told not to: J
cubed numbers, which at 1,000 products exceed the memory given to its process.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import root

from arbmodels._checks import FloatArray
from arbmodels.display import styled
from arbmodels.games.differentiated import DifferentiatedGame, LogitDemand
from benchmarks import _routing_report as report

SIZES = (10, 100, 1_000)
FORMS = {"logit": 0.0, "nested logit": 0.7}
NESTS = 10
#: Memory of a peer's process, gigabytes, and seconds it is given.
MEMORY, LIMIT = 6, 120.0
#: Prices that are farther off than this are not the equilibrium's.
WRONG = 1e-6
#: A run is repeated until it has taken so many seconds, at most so often; the fastest counts.
ENOUGH, REPEATS = 1.0, 20


def game(size: int, sigma: float) -> DifferentiatedGame:
    """Return the instance: qualities about 3, costs 0.5 to 2, price coefficient 1.3."""
    rng = np.random.default_rng(size)
    nests = tuple(f"n{j % NESTS}" for j in range(size)) if sigma else None
    products = tuple(f"p{j}" for j in range(size))
    demand = LogitDemand(products, rng.normal(3, 1, size), 1.3, nests, sigma)
    return DifferentiatedGame(demand, rng.uniform(0.5, 2, size))


def ours(played: DifferentiatedGame) -> Callable[[], FloatArray]:
    """Solve from four starts and certify every firm: what a user calls."""
    return lambda: played.solve().prices


def prices_only(played: DifferentiatedGame) -> Callable[[], FloatArray]:
    """Solve from one start, without a certificate: what the peers do."""
    from arbmodels.games.differentiated.solve import followers

    return lambda: followers(played)


def pyblp(played: DifferentiatedGame, *, hessians: bool = False) -> Callable[[], FloatArray]:
    """Call PyBLP's zeta iteration."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pyblp as peer

    peer.options.verbose = False
    demand, size = played.demand, len(played.products)
    assert isinstance(demand, LogitDemand)
    data: dict[str, Any] = {
        "market_ids": np.zeros(size, dtype=int),
        "firm_ids": np.arange(size),
        "quality": demand.quality,
    }
    if demand.nests:
        data["nesting_ids"] = np.array(demand.nests)
    simulation = peer.Simulation(
        product_formulations=(peer.Formulation("0 + prices + quality"),),
        product_data=data,
        beta=[-demand.price_coefficient, 1.0],
        xi=np.zeros(size),
        rho=demand.sigma if demand.nests else None,
    )

    def run() -> FloatArray:
        found = simulation.replace_endogenous(played.costs[:, None], compute_hessians=hessians)
        prices: FloatArray = found.product_data.prices.ravel()
        return prices

    return run


def pyblp_hessians(played: DifferentiatedGame) -> Callable[[], FloatArray]:
    """Call PyBLP as it comes."""
    return pyblp(played, hessians=True)


def scipy_root(method: str) -> Callable[[DifferentiatedGame], Callable[[], FloatArray]]:
    """Return a direct root finder on the first-order conditions, from the costs."""

    def prepare(played: DifferentiatedGame) -> Callable[[], FloatArray]:
        def run() -> FloatArray:
            prices: FloatArray = root(
                played.marginal_profits, played.costs, method=method, tol=1e-12
            ).x
            return prices

        return run

    return prepare


METHODS: dict[str, Callable[[DifferentiatedGame], Callable[[], FloatArray]]] = {
    "arbmodels, prices only": prices_only,
    "arbmodels, 4 starts, certified": ours,
    "PyBLP, no Hessians": pyblp,
    "PyBLP": pyblp_hessians,
    "SciPy hybr": scipy_root("hybr"),
    "SciPy lm": scipy_root("lm"),
}
OURS = "arbmodels, prices only"


def measure(form: str, size: int, method: str) -> dict[str, Any]:
    """Run one method in this process: the fastest of several runs, and how good its prices are."""
    played = game(size, FORMS[form])
    run = METHODS[method](played)
    prices = run() if size <= min(SIZES) else None  # imports and first calls
    seconds: list[float] = []
    while not seconds or (sum(seconds) < ENOUGH and len(seconds) < REPEATS):
        start = time.perf_counter()
        prices = run()
        seconds.append(time.perf_counter() - start)
    assert prices is not None
    best = played.solve().prices
    error = float(np.abs(prices - best).max())
    relative = played.certify(prices).relative_epsilon
    return {
        "status": "ok" if error <= WRONG else "wrong prices",
        "seconds": min(seconds),
        "residual": float(np.abs(played.marginal_profits(prices)).max()),
        "price_error": error,
        "relative_epsilon": relative if np.isfinite(relative) else None,
    }


def in_process(form: str, size: int, method: str) -> dict[str, Any]:
    """Run one method in a process of its own, with limits of memory and time."""
    command = [sys.executable, "-m", "benchmarks.logit_prices", "--one", form, str(size), method]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            cwd=Path(__file__).parent.parent,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"status": f"no answer in {LIMIT:.0f} s"}
    if done.returncode:
        error = done.stderr.strip().splitlines()[-1:]
        memory = "MemoryError" in done.stderr or "allocate" in done.stderr
        return {"status": f"out of memory ({MEMORY} GB)" if memory else f"failed: {error}"}
    record: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return record


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Plot seconds over products, both axes logarithmic."""
    figure, axes = plt.subplots(1, len(FORMS), figsize=(10.5, 4.6), sharey=True)
    for form, ax in zip(FORMS, axes, strict=True):
        for place, method in enumerate(METHODS):
            done = [r for r in rows if (r["form"], r["method"]) == (form, method)]
            points = sorted((r["products"], r["seconds"]) for r in done if "seconds" in r)
            mine = method.startswith("arbmodels")
            colour = "crimson" if mine else report.PALETTE[place - 2]
            style = "--" if method.endswith("certified") else "-"
            failed = [f"{r['status']} at {r['products']:,}" for r in done if r["status"] != "ok"]
            label = method + (f" ({'; '.join(failed)})" if failed else "")
            ax.plot(
                *zip(*points, strict=True),
                style,
                color=colour,
                lw=2.2 if mine else 1.2,
                marker="o",
                markersize=3,
                label=label,
            )
        # Room for the legend above the slowest.
        styled(ax).set(xscale="log", yscale="log", xlabel="products", ylim=(3e-4, 3e3))
        ax.set_title(form)
        ax.legend(fontsize=6, loc="upper left", frameon=False)
    axes[0].set_ylabel("seconds")
    figure.tight_layout()
    figure.savefig(path, dpi=160)
    plt.close(figure)


def main() -> None:
    """Run the comparison, write the record and the picture."""
    parser = report.parser(__doc__)
    parser.add_argument("--one", nargs=3, metavar=("FORM", "SIZE", "METHOD"))
    parser.add_argument("--quick", action="store_true", help="10 and 100 products")
    options = parser.parse_args()
    if options.one:
        form, size, method = options.one
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY << 30, MEMORY << 30))
        print(json.dumps(measure(form, int(size), method)))
        return
    sizes = SIZES[:-1] if options.quick else SIZES
    folder = Path(tempfile.gettempdir()) if options.quick else report.RESULTS
    rows: list[dict[str, Any]] = []
    for form in FORMS:
        for size in sizes:
            block: list[dict[str, Any]] = [
                {"form": form, "products": size, "method": method} | in_process(form, size, method)
                for method in METHODS
            ]
            quick = block[0]["seconds"]
            for row in block:
                if "seconds" in row:
                    row["ratio"] = row["seconds"] / quick
                print(report.line(f"{form:<14}{size:>6,}  ", row))
            rows += block
    report.write(folder / "logit_prices.json", rows, memory_gb=MEMORY, limit=LIMIT)
    draw(rows, folder / "logit_prices.png")


if __name__ == "__main__":
    main()
