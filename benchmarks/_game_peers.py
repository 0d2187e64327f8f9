"""Solvers of two-player games, each run in a process of its own that can be killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Pair = Sequence[Any]

#: Seconds for imports, compiling and reading, on top of the limit.
GRACE = 40.0
#: A run is repeated until it took so many seconds in all, five times at most; the least counts.
ENOUGH, REPEATS = 2.0, 5


def arbmodels(row: Matrix, column: Matrix) -> Pair:
    """Follow one path, from the first action; pure equilibria are not looked for first."""
    from arbmodels.games.finite import FiniteGame

    game = FiniteGame.from_matrices(row, column)
    return game.solve("lemke_howson", starts=1, time_limit=1e6).strategies


def quantecon(row: Matrix, column: Matrix) -> Pair:
    """Run Lemke-Howson, compiled with numba, from the first action."""
    from quantecon.game_theory import NormalFormGame, Player, lemke_howson

    game = NormalFormGame((Player(row), Player(np.array(column.T, order="C"))))
    found: Pair = lemke_howson(game, init_pivot=0)
    return found


def gambit_lcp(row: Matrix, column: Matrix) -> Pair:
    """Run Lemke's algorithm on the complementarity program, floating point, first equilibrium."""
    import pygambit

    game = pygambit.StrategicGame.from_arrays(row, column)
    return _gambit(game, pygambit.nash.lcp_solve(game, rational=False, stop_after=1))


def gambit_ipa(row: Matrix, column: Matrix) -> Pair:
    """Run the iterated polymatrix approximation."""
    import pygambit

    game = pygambit.StrategicGame.from_arrays(row, column)
    return _gambit(game, pygambit.nash.ipa_solve(game))


def gambit_gnm(row: Matrix, column: Matrix) -> Pair:
    """Run the global Newton method."""
    import pygambit

    game = pygambit.StrategicGame.from_arrays(row, column)
    return _gambit(game, pygambit.nash.gnm_solve(game))


def nashpy_lemke_howson(row: Matrix, column: Matrix) -> Pair:
    """Run Lemke-Howson from the first action."""
    import nashpy

    found: Pair = nashpy.Game(row, column).lemke_howson(initial_dropped_label=0)
    return found


def nashpy_supports(row: Matrix, column: Matrix) -> Pair:
    """Enumerate supports up to the first equilibrium."""
    import nashpy

    found: Pair = next(iter(nashpy.Game(row, column).support_enumeration()))
    return found


def _gambit(game: Any, result: Any) -> Pair:
    if not result.equilibria:
        raise RuntimeError("no equilibrium returned")
    first = result.equilibria[0]
    return [
        np.array([float(first[player][name]) for name in game.get_strategies(player)])
        for player in game.players
    ]


PEERS: dict[str, Callable[[Matrix, Matrix], Pair]] = {
    "arbmodels": arbmodels,
    "QuantEcon lemke_howson": quantecon,
    "pygambit lcp (float)": gambit_lcp,
    "pygambit ipa": gambit_ipa,
    "pygambit gnm": gambit_gnm,
    "nashpy lemke_howson": nashpy_lemke_howson,
    "nashpy support enumeration": nashpy_supports,
}


def run(method: str, file: Path, limit: float) -> dict[str, Any]:
    """Run one method on saved payoffs in a process of its own.

    The record has ``status`` ("ok", "killed" or "failed"), ``seconds`` and ``strategies``.
    """
    command = [sys.executable, "-m", "benchmarks._game_peers", method, str(file)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=limit + GRACE,
            cwd=Path(__file__).parent.parent,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"status": "killed"}
    if done.returncode:
        return {"status": "failed", "why": (done.stderr.strip().splitlines() or ["?"])[-1][:200]}
    record: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return record if record["seconds"] <= limit else {"status": "killed"}


def main() -> None:
    """Run one method on one game and print a record; what :func:`run` starts."""
    solve = PEERS[sys.argv[1]]
    row, column = np.load(sys.argv[2])
    solve(np.array([[3.0, 0.0], [5.0, 1.0]]), np.array([[3.0, 5.0], [0.0, 1.0]]))  # imports
    seconds: list[float] = []
    while len(seconds) < REPEATS and sum(seconds) < ENOUGH:
        start = time.perf_counter()
        found = solve(row, column)
        seconds.append(time.perf_counter() - start)
    strategies = [np.asarray(own, dtype=float).tolist() for own in found]
    print(json.dumps({"status": "ok", "seconds": min(seconds), "strategies": strategies}))


if __name__ == "__main__":
    main()
