"""One budget over data in memory, in Parquet row groups, on a cluster, or made on the fly.

Instance family: N instances by 20 models and abstaining, in single precision; solve probability
logistic in model skill less difficulty, spend log-normal and rising with difficulty; budget 15% of
the spend of always taking the best model, estimated on the first block. Every case runs in a
process of its own, which reports its largest memory (on a cluster, also that of each worker), and
must come to the same answer to the gap. Reading, making and passing are all counted in the seconds;
writing the Parquet file and starting the cluster are not. The machine is shared: quote ratios.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from arbmodels import RoutingProblem
from arbmodels._assignment import Arrays, Block
from arbmodels._assignment.program import Source
from arbmodels._assignment.solve import solve
from arbmodels.streaming import DaskSource, Generated, ParquetSource
from benchmarks import _routing_report as report

MODELS = [f"model-{m:02d}" for m in range(20)]
BLOCK = 1 << 16
GAP = 1e-8
CASES = ("in memory", "Parquet", "made on the fly", "cluster, kept", "cluster, made on the fly")


def made(start: int, size: int, seed: int) -> Block:
    """Return some instances; the models are the same for all."""
    models = np.random.default_rng(seed)
    skill = models.normal(0, 1, len(MODELS)).astype(np.float32)
    price = (0.02 * np.exp(0.8 * skill)).astype(np.float32)
    rng = np.random.default_rng([seed, start])
    shape = (size, len(MODELS))
    difficulty = rng.standard_normal((size, 1), np.float32)
    noise = rng.standard_normal(shape, np.float32)
    solve = 1 / (1 + np.exp(difficulty - skill + np.float32(0.5) * noise))
    spend = rng.standard_normal(shape, np.float32)
    spend = price * np.exp(np.float32(0.3) * (difficulty + spend))
    return Block(start, (solve, spend))


def budget(instances: int) -> float:
    """Return 15% of what always taking the best model costs."""
    first = made(0, min(BLOCK, instances), 0)
    solve, spend = first.quantities
    best = spend[np.arange(first.size), solve.argmax(axis=1)]
    return 0.15 * instances * float(best.mean(dtype=float))


def columns() -> tuple[list[str], list[str]]:
    """Return the names of the columns of the Parquet file."""
    return [f"solve {name}" for name in MODELS], [f"spend {name}" for name in MODELS]


def save(instances: int, path: Path) -> None:
    """Write the instances to a Parquet file, a row group per block."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [name for kind in columns() for name in kind]
    schema = pa.schema([(name, pa.float32()) for name in names])
    # Random numbers do not compress, and dictionaries of them only take time.
    with pq.ParquetWriter(path, schema, use_dictionary=False, compression="none") as file:
        for start in tqdm(range(0, instances, BLOCK), "writing", leave=False, disable=None):
            block = made(start, min(BLOCK, instances - start), 0)
            arrays = [column for quantity in block.quantities for column in quantity.T]
            file.write_table(pa.table(dict(zip(names, arrays, strict=True))))


def solved(source: Source) -> dict[str, Any]:
    """Solve and say how long that took."""
    problem = RoutingProblem.from_source(source, MODELS).add_budget(budget(source.groups)).program()
    start = time.perf_counter()
    answer = solve(problem, GAP, 600.0)
    return {
        "seconds": time.perf_counter() - start,
        "objective": answer.objective,
        "bound": answer.bound,
        "gap": (answer.bound - answer.objective) / answer.objective,
        "status": answer.status,
    }


def run(case: str, instances: int, file: Path) -> dict[str, Any]:
    """Run one case in this process."""
    # By the module's own name, under which workers import the function, not as __main__.
    from benchmarks.routing_streamed import made as make

    generated = Generated(make, instances, MODELS, block=BLOCK)
    if case == "in memory":
        arrays = [np.empty((instances, len(MODELS)), np.float32) for _ in range(2)]
        for part in generated.parts:
            block = part.read()
            for array, quantity in zip(arrays, block.quantities, strict=True):
                array[part.start : part.start + part.size] = quantity
        return solved(Arrays(Block(0, tuple(arrays)))) | _memory()
    if case == "Parquet":
        solve, spend = columns()
        source = ParquetSource(file, solve=solve, spend=spend, models=MODELS)
        return solved(source) | _memory()
    if case == "made on the fly":
        return solved(generated) | _memory()
    from dask import distributed

    start_cluster: Any = distributed.LocalCluster
    connect: Any = distributed.Client
    with (
        start_cluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        connect(cluster) as client,
    ):
        answer = solved(DaskSource(client, generated, keep=case.endswith("kept")))
        workers = [each["memory_mb"] for each in client.run(_memory).values()]
        return answer | _memory() | {"worker_memory_mb": workers}


def _memory() -> dict[str, float]:
    # Kilobytes on Linux.
    return {"memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main() -> None:
    """Run every case in a process of its own and write the record."""
    parser = report.parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--output", type=Path, default=report.RESULTS / "routing_streamed.json")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(run(options.case, options.sizes[0], options.file)))
        return
    rows = []
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "instances.parquet"
            save(size, file)
            cases = tqdm(CASES, f"{size:,} instances", leave=False, disable=None)
            rows += [_child(case, size, file) for case in cases]
    for row in rows:
        workers = row.get("worker_memory_mb")
        print(
            f"{row['instances']:>11,} {row['case']:<26}{row['seconds']:>8.2f} s"
            f"   gap {row['gap']:.1e}   {row['memory_mb']:>6.0f} MB of {row['data_mb']:.0f} MB data"
            + (f", workers {max(workers):.0f} MB" if workers else "")
        )
    report.write(options.output, rows, gap=GAP)


def _child(case: str, size: int, file: Path) -> dict[str, Any]:
    options = ["--case", case, "--sizes", str(size), "--file", str(file)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.routing_streamed", *options],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    data = size * len(MODELS) * 2 * 4 / 1e6
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {"instances": size, "case": case, "data_mb": data} | answer


if __name__ == "__main__":
    main()
