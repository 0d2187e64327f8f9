"""Mixed equilibria of price grids and random games: time and epsilon against other solvers.

Run as ``python -m benchmarks.finite_games``. Every method solves the same payoffs in a process of
its own and is killed after the time limit; epsilon is measured by our certificate for all.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from arbmodels.display import styled
from arbmodels.games.bertrand_edgeworth import CapacityGame
from arbmodels.games.finite import FiniteGame
from benchmarks import _game_peers

RESULTS = Path(__file__).parent / "results"
SIZES = (101, 200)
#: Seconds given to each method, imports not counted.
LIMIT = 20.0
#: Run in turn in one process, as they are the ones that are close.
COMPILED = ("arbmodels", "QuantEcon lemke_howson")
#: Beyond this share of a game's largest payoff an answer is no equilibrium.
WRONG = 1e-6


def bertrand_edgeworth(size: int) -> FiniteGame:
    """Capacities 0.8 and 0.6 on equally spaced prices."""
    grid = np.linspace(0, 1, size)
    return CapacityGame(np.array([0.8, 0.6])).finite([grid, grid])


def logit(size: int) -> FiniteGame:
    """Logit demand for two products with an outside good, costs 0.2 and 0.3."""
    cost, appeal = np.array([0.2, 0.3]), np.array([1.0, 1.2])

    def profit(prices: Any) -> Any:
        weight = np.exp(5.0 * (appeal - prices))
        return (prices - cost) * weight / (1.0 + weight.sum(axis=1, keepdims=True))

    return FiniteGame.from_function(profit, [np.linspace(0, 2, size)] * 2)


def random(size: int) -> FiniteGame:
    """Payoffs uniform on [0, 1], seed 0."""
    rng = np.random.default_rng(0)
    return FiniteGame(rng.random((2, size, size)))


GAMES: dict[str, Callable[[int], FiniteGame]] = {
    "Bertrand-Edgeworth": bertrand_edgeworth,
    "logit": logit,
    "random": random,
}


def measure(limit: float, groups: Sequence[tuple[str, ...]]) -> list[dict[str, Any]]:
    """Return a row per game, size and method; the methods of a group run in turn."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, make in GAMES.items():
            for size in SIZES:
                game = make(size)
                file = Path(folder) / f"{name}-{size}.npy"
                np.save(file, game.payoffs)
                for group in groups:
                    found = _game_peers.run(group, file, limit)
                    for method, record in zip(group, found, strict=True):
                        row: dict[str, Any] = {"game": name, "size": size, "method": method}
                        row |= record
                        strategies = row.pop("strategies", None)
                        if strategies is not None:
                            row |= judged(game, strategies)
                        rows.append(row)
                        print(line(row, limit), flush=True)
    return rows


def compared(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows by game, size and method, each with its time over ours."""
    ours = {
        (row["game"], row["size"]): row["seconds"] for row in rows if row["method"] == "arbmodels"
    }
    order = list(_game_peers.PEERS)
    games = list(GAMES)
    done = [
        {**row, "ratio": row["seconds"] / ours[row["game"], row["size"]]}
        if "seconds" in row
        else row
        for row in rows
    ]
    return sorted(
        done, key=lambda row: (games.index(row["game"]), row["size"], order.index(row["method"]))
    )


def judged(game: FiniteGame, strategies: list[list[float]]) -> dict[str, Any]:
    """Measure a peer's epsilon with our certificate; what is no distribution is no answer."""
    given = [np.maximum(np.asarray(own, dtype=float), 0.0) for own in strategies]
    if any(
        own.shape != (size,) or not np.isfinite(own).all() or own.sum() <= 0
        for own, size in zip(given, game.payoffs.shape[1:], strict=True)
    ):
        return {"status": "wrong", "epsilon": None}
    epsilon = game.certify([own / own.sum() for own in given]).epsilon
    right = epsilon <= WRONG * float(np.abs(game.payoffs).max())
    return {"status": "ok" if right else "wrong", "epsilon": epsilon}


def line(row: dict[str, Any], limit: float) -> str:
    """Return a row as text."""
    text = f"{row['game']:<20}{row['size']:>4}  {row['method']:<28}"
    if "seconds" in row:
        text += f"{1e3 * row['seconds']:>12,.2f} ms"
    if row.get("epsilon") is not None:
        text += f"  epsilon {row['epsilon']:.1e}"
    status = {"ok": "", "killed": f"no answer in {limit:g} s"}.get(row["status"], row["status"])
    return f"{text}  {status} {row.get('why', '')}".rstrip()


def draw(rows: list[dict[str, Any]], limit: float, path: Path) -> None:
    """Draw the times as bars, a panel per game; hatched where there was no right answer."""
    cases = [(name, size) for name in GAMES for size in SIZES]
    figure, panels = plt.subplots(2, 3, figsize=(11.5, 6.0), sharex=True, layout="constrained")
    for axes, (name, size) in zip(panels.T.ravel(), cases, strict=True):
        here = [row for row in rows if row["game"] == name and row["size"] == size]
        for place, row in enumerate(here):
            fine = row["status"] == "ok"
            colour = "crimson" if row["method"] == "arbmodels" else "steelblue"
            axes.barh(
                place,
                row["seconds"] if fine else limit,
                color=colour if fine else "white",
                edgecolor=colour if fine else "grey",
                hatch=None if fine else "///",
            )
            if fine and row["method"] != "arbmodels":
                axes.text(
                    row["seconds"] * 1.15, place, f"x {row['ratio']:,.1f}", va="center", fontsize=7
                )
            elif not fine:
                word = f"no answer in {limit:g} s" if row["status"] == "killed" else row["status"]
                axes.text(
                    2e-4,
                    place,
                    f" {word} ",
                    va="center",
                    fontsize=7,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
                )
        styled(axes)
        axes.grid(visible=False, axis="y")
        axes.set(xscale="log", xlim=(1e-4, 3 * limit), title=f"{name}, {size} x {size}")
        axes.set_yticks(range(len(here)), [row["method"] for row in here], fontsize=7)
        axes.invert_yaxis()
    for axes in panels[-1]:
        axes.set_xlabel("seconds (x: times ours)")
    figure.savefig(path, dpi=160)
    plt.close(figure)


def main() -> None:
    """Measure, write the record and the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds per method")
    parser.add_argument("--draw", action="store_true", help="only draw the record anew")
    parser.add_argument(
        "--compiled", action="store_true", help="only run the two compiled solvers anew"
    )
    arguments = parser.parse_args()
    path = RESULTS / "finite_games.json"
    if not arguments.draw:
        others = [(name,) for name in _game_peers.PEERS if name not in COMPILED]
        rows = measure(arguments.limit, [COMPILED, *([] if arguments.compiled else others)])
        if arguments.compiled:
            before = json.loads(path.read_text())["rows"]
            rows += [row for row in before if row["method"] not in COMPILED]
        record = {
            "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python"
            f" {platform.python_version()}, NumPy {np.__version__}",
            "limit": arguments.limit,
            "rows": compared(rows),
        }
        path.write_text(json.dumps(record, indent=1) + "\n")
    record = json.loads(path.read_text())
    draw(record["rows"], record["limit"], path.with_suffix(".png"))


if __name__ == "__main__":
    main()
