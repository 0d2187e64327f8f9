"""Solvers of two-player games, each run in a process of its own that can be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Pair = Sequence[Any]

#: Seconds for imports, compiling and reading, and for repeating, on top of the limit.
GRACE = 60.0
#: A run is repeated until it took so many seconds in all, 200 times at most; the least counts.
ENOUGH, REPEATS = 2.0, 200


def arbmodels(row: Matrix, column: Matrix) -> Pair:
    """Follow paths until one ends, with the certificate; pure equilibria are not looked for."""
    from arbmodels.games.finite import FiniteGame

    game = FiniteGame.from_matrices(row, column)
    return game.solve("lemke_howson", paths=1, time_limit=1e6).strategies


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
    found = result.equilibria if hasattr(result, "equilibria") else [result.equilibrium]
    if not found or found[0] is None:
        raise RuntimeError("no equilibrium returned")
    first = found[0]
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


def run(methods: Sequence[str], file: Path, limit: float) -> list[dict[str, Any]]:
    """Run methods in turn on saved payoffs, in a process of their own.

    A record each: ``status`` ("ok", "killed" or "failed"), ``seconds`` and ``strategies``.
    """
    command = [sys.executable, "-m", "benchmarks._game_peers", "|".join(methods), str(file)]
    try:
        done = subprocess.run(
            [*command, str(limit)],
            capture_output=True,
            text=True,
            timeout=limit * len(methods) + GRACE,
            cwd=Path(__file__).parent.parent,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [{"status": "killed"} for _ in methods]
    if done.returncode == -signal.SIGKILL:
        return [{"status": "killed"} for _ in methods]
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["?"])[-1][:200]
        return [{"status": "failed", "why": why} for _ in methods]
    records: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return records


@contextmanager
def killed_after(limit: float) -> Iterator[None]:
    """Have a second process kill this one when the time is up: compiled code hears no signals."""
    watched = os.getpid()
    watch = os.fork()
    if watch == 0:
        time.sleep(limit)
        os.kill(watched, signal.SIGKILL)
        os._exit(0)
    try:
        yield
    finally:
        os.kill(watch, signal.SIGKILL)
        os.waitpid(watch, 0)


def main() -> None:
    """Run methods on one game in turn and print their records; what :func:`run` starts."""
    solvers = [PEERS[name] for name in sys.argv[1].split("|")]
    row, column = np.load(sys.argv[2])
    warm = np.random.default_rng(0).random((2, 3, 3))
    found, seconds = [], []
    for solve in solvers:
        solve(warm[0], warm[1])  # imports, compiled code
        with killed_after(float(sys.argv[3])):
            start = time.perf_counter()
            found.append(solve(row, column))
            seconds.append([time.perf_counter() - start])
    # In turn, so that a busy machine disturbs all alike. Not watched: a fork makes every page be
    # copied when it is next written to.
    while len(seconds[0]) < REPEATS and sum(map(sum, seconds)) < ENOUGH * len(solvers):
        for solve, times in zip(solvers, seconds, strict=True):
            start = time.perf_counter()
            solve(row, column)
            times.append(time.perf_counter() - start)
    records = [
        {
            "status": "ok",
            "seconds": min(times),
            "strategies": [np.asarray(own, dtype=float).tolist() for own in answer],
        }
        for answer, times in zip(found, seconds, strict=True)
    ]
    print(json.dumps(records))


if __name__ == "__main__":
    main()
