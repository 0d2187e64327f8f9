"""``python -m tests.differential``: judges against the package on random problems."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

# Processes share the cores: before anything reads it.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from tests.differential import AREAS  # noqa: E402
from tests.differential.harness import Tally, counts, run  # noqa: E402

#: What an answer may depend on beside this repository.
_LIBRARIES = ("numpy", "scipy", "highspy", "numba", "pandas")


def main() -> int:
    """Run, report cases per second, write the record; 1 if something disagrees."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--cases", type=int, default=1000, help="over all areas")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--area", action="append", choices=sorted(AREAS), help="several times")
    parser.add_argument("--workers", type=int, default=1, help="processes; changes no result")
    parser.add_argument("--record", type=Path, help="write a JSON record if all agree")
    parser.add_argument("--all", action="store_true", help="go on: one disagreement per kind")
    chosen = parser.parse_args()
    areas = [AREAS[name] for name in (chosen.area or AREAS)]
    began = time.perf_counter()
    tally, failures = run(areas, chosen.cases, chosen.seed, chosen.workers, keep_going=chosen.all)
    seconds = time.perf_counter() - began
    print(f"\n{'area':<22}{'cases':>9}{'refused':>9}{'CPU ms':>10}{'slowest s':>11}")
    for name in counts(areas, chosen.cases):
        if done := tally.cases.get(name, 0):
            mean = 1000 * tally.seconds[name] / done
            print(
                f"{name:<22}{done:>9,}{tally.refused[name]:>9,}{mean:>10.1f}{tally.slowest[name]:>11.2f}"
            )
    total = sum(tally.cases.values())
    print(f"{'all':<22}{total:>9,} in {seconds:.0f} s, {total / seconds:.1f} cases per second")
    for failure in failures:
        print(f"\n{failure.report()}")
    if failures:
        return 1
    print(f"No disagreement (seed {chosen.seed}).")
    if chosen.record is not None:
        _record(chosen.record, chosen.seed, tally, seconds, chosen.workers)
    return 0


def _record(path: Path, seed: int, tally: Tally, seconds: float, workers: int) -> None:
    cases = tally.cases
    commit = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no")
    path.write_text(
        json.dumps(
            {
                "what": "random problems on which the package and the judges of tests/judges agree",
                "command": f"python -m tests.differential --cases {sum(cases.values())}"
                f" --seed {seed}",
                "disagreements": 0,
                "seed": seed,
                "cases": sum(cases.values()),
                "cases_by_area": dict(sorted(cases.items())),
                "refused_by_area": {k: n for k, n in sorted(tally.refused.items()) if n},
                "seconds": round(seconds, 1),
                "processes": workers,
                "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
                "commit": commit + (" with changes" if changed else ""),
                "python": platform.python_version(),
                "versions": {name: version(name) for name in ("arbmodels", *_LIBRARIES)},
            },
            indent=2,
        )
        + "\n"
    )
    print(f"Wrote {path}.")


def _git(*arguments: str) -> str:
    """Return what git says, nothing where there is no repository."""
    done = subprocess.run(  # noqa: S603 - fixed arguments
        ["git", *arguments],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
