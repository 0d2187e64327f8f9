"""Loading a table of attempts: seconds against pandas' own read and group-by, in the same run.

The table has one row per attempt: model, instance, solved, cost. pandas reads it and counts and
averages by pair; the package reads the same file, or takes the same frame, checks every cell, keeps
every attempt and makes a market. Median of five runs each, alternating.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

import arbmodels as arb
from arbmodels.data import from_frame, read_table

RESULTS = Path(__file__).parent / "results" / "loading.json"


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    """Return a log of 40 models on as many instances as give 50 attempts each."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "model": rng.choice([f"model-{m}" for m in range(40)], rows),
            "instance": [f"task__{i}" for i in rng.integers(0, max(rows // 50, 1), rows)],
            "solved": rng.integers(0, 2, rows),
            "cost": rng.lognormal(-3, 1, rows),
        }
    )


def grouped(frame: pd.DataFrame) -> pd.DataFrame:
    """Count and average by pair, as pandas does."""
    return frame.groupby(["model", "instance"]).agg(
        attempts=("solved", "size"), successes=("solved", "sum"), cost=("cost", "mean")
    )


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def measure(rows: int, runs: int = 5) -> dict[str, float]:
    """Return medians of seconds, and their ratios to pandas."""
    frame = table(rows)
    with tempfile.TemporaryDirectory() as folder:
        file, packed = Path(folder) / "log.csv", Path(folder) / "log.parquet"
        frame.to_csv(file, index=False)
        frame.to_parquet(packed, index=False)
        works: dict[str, Callable[[], object]] = {
            "pandas CSV": lambda: grouped(pd.read_csv(file)),
            "CSV": lambda: read_table(file, missing="mask"),
            "pandas Parquet": lambda: grouped(pd.read_parquet(packed)),
            "Parquet": lambda: read_table(packed, missing="mask"),
            "pandas frame": lambda: grouped(frame),
            "frame": lambda: from_frame(frame, missing="mask"),
        }
        for work in works.values():
            work()
        found = {name: median(seconds(work) for _ in range(runs)) for name, work in works.items()}
    ratios = {
        f"{name} / pandas": found[name] / found[f"pandas {name}"]
        for name in ("CSV", "Parquet", "frame")
    }
    return {"rows": float(rows), **found, **ratios}


def main() -> None:
    """Measure, print and keep the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--output", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    found = measure(chosen.rows)
    for name, value in found.items():
        print(f"{name:18s} {value:12.3f}")
    record = {"version": arb.__version__, **found}
    chosen.output.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
