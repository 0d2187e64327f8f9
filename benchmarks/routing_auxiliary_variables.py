"""Routing with fixed fees and at most K models: the decomposition against the whole in HiGHS.

Instance families: N instances by 20 models and abstaining, a budget that the fees of all models in
use count towards, at most five models. In "alike" models differ in skill and price only; in
"specialised" every segment has models of its own, so that many menus are nearly as good. Building
the program counts for HiGHS, which gets the same structured program and writes it out. HiGHS runs
in a process that is killed after ``--limit`` seconds, as its own limit is not kept on large
programs. Quote the ratios, the machine is shared.
"""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from scipy import sparse
from tqdm import tqdm

from arbmodels._assignment import Arrays, AssignmentProgram, AuxiliaryVariables, Block
from arbmodels._assignment.auxiliary_variables import solve_with_auxiliary_variables
from arbmodels._assignment.highs import solve_with_highs
from arbmodels._assignment.multiple_choice_knapsack import solve_multiple_choice_knapsack
from arbmodels._assignment.program import Answer
from arbmodels.display import new_axes
from arbmodels.errors import ArbModelsError
from benchmarks import _routing_report as report

FAMILIES = ("alike", "specialised")
GAPS = (1e-4, 1e-6)


def instance(family: str, size: int, models: int = 20, most: int = 5) -> AssignmentProgram:
    """Return a program of one family."""
    rng = np.random.default_rng(0)
    alike = family == "alike"
    price = 0.02 * np.exp(rng.normal(0, 1.0 if alike else 0.7, models))
    difficulty = rng.normal(0, 1, (size, 1))
    if alike:
        skill = rng.normal(0, 1, models) + 0.8 * np.log(price / 0.02)
    else:
        skill = rng.normal(0, 1.5, (6, models))[rng.integers(0, 6, size)]
    value = 1 / (1 + np.exp(difficulty - skill + rng.normal(0, 0.6, (size, models))))
    spend = price * np.exp(0.3 * difficulty + rng.normal(0, 0.3, (size, models)))
    share, fee = (0.15, 0.02) if alike else (0.3, 0.01)
    budget = share * float(spend[np.arange(size), value.argmax(axis=1)].sum())
    objective, rows = np.zeros((3, 1, models + 1)), np.zeros((1, 3, 1, models + 1))
    objective[1, 0, :models] = rows[0, 2, 0, :models] = 1.0
    side = AuxiliaryVariables(
        tuple(f"model {m} in use" for m in range(models)),
        np.zeros(models),
        (fee * budget * np.exp(rng.normal(0, 0.5, models)))[None],
        np.zeros(models),
        np.ones(models),
        np.ones(models, dtype=bool),
        np.eye(models + 1, models, dtype=bool),
        sparse.csr_array(np.ones((1, models))),
        np.array([-np.inf]),
        np.array([float(most)]),
    )
    return AssignmentProgram(
        Arrays(Block(0, (value, spend))),
        objective,
        rows,
        np.ones(1),
        np.array([budget]),
        True,
        None,
        side,
    )


def ours(program: AssignmentProgram, gap: float) -> Answer:
    """Solve by decomposition, one-row programs by their own engine."""
    return solve_with_auxiliary_variables(program, gap, 120.0, solve_multiple_choice_knapsack)


def _whole(connection: Connection, program: AssignmentProgram, gap: float, limit: float) -> None:
    start = time.perf_counter()
    try:
        answer = solve_with_highs(program, gap, limit)
        connection.send((time.perf_counter() - start, answer.objective, answer.bound))
    except ArbModelsError:
        connection.send(None)


def whole(
    program: AssignmentProgram, gap: float, limit: float
) -> tuple[float, float, float] | None:
    """Give all of it to HiGHS in a process of its own; None if it did not return in time."""
    # Forked, so that the arrays need not be sent.
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_whole, args=(sender, program, gap, limit))
    process.start()
    found = receiver.recv() if receiver.poll(limit + 1.0) else None
    process.kill()
    process.join()
    return found


def measured(
    family: str, size: int, gap: float, *, limit: float, peers_up_to: int
) -> list[dict[str, Any]]:
    """Return one row for us and one for HiGHS."""
    program = instance(family, size)
    row = {"family": family, "instances": size, "asked": gap}
    start = time.perf_counter()
    answer = ours(program, gap)
    seconds = time.perf_counter() - start
    rows = [
        {
            **row,
            "method": "arbmodels",
            "seconds": seconds,
            "objective": answer.objective,
            "gap": (answer.bound - answer.objective) / answer.objective,
            "rounds": len(answer.path),
        }
    ]
    if size <= peers_up_to:
        found = whole(program, gap, limit)
        peer = {**row, "method": "HiGHS", "seconds": None, "objective": None, "gap": None}
        if found is not None:
            took, objective, bound = found
            peer |= {"seconds": took, "objective": objective}
            peer |= {"gap": (bound - objective) / objective, "ratio": took / seconds}
        rows.append(peer)
    return rows


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw time over size."""
    axes = new_axes(6.4, 4.0)
    for family in FAMILIES:
        for method in ("arbmodels", "HiGHS"):
            points = [
                (row["instances"], row["seconds"])
                for row in rows
                if row["family"] == family and row["method"] == method
                if row["asked"] == GAPS[0] and row["seconds"] is not None
            ]
            if points:
                line = "o-" if method == "arbmodels" else "o--"
                axes.plot(*zip(*points, strict=True), line, label=f"{method}, {family}")
    axes.set(xscale="log", yscale="log", xlabel="instances", ylabel="seconds")
    axes.set_title("Fees, a budget, at most 5 of 20 models; gap 1e-4")
    axes.legend(loc="upper left", bbox_to_anchor=(0.32, 1.0), frameon=False)
    plt.savefig(path, dpi=150)


def main() -> None:
    """Run the comparison and write the record."""
    parser = report.parser(__doc__)
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[100, 1_000, 10_000, 100_000, 1_000_000]
    )
    parser.add_argument("--peers-up-to", type=int, default=10_000)
    parser.add_argument("--limit", type=float, default=120.0, help="seconds for HiGHS")
    parser.add_argument("--output", type=Path, default=report.RESULTS)
    options = parser.parse_args()
    ours(instance("alike", 5_000), GAPS[0])  # imports and first calls are not the subject
    jobs = [(f, size, gap) for size in options.sizes for f in FAMILIES for gap in GAPS]
    rows: list[dict[str, Any]] = []
    for job in tqdm(jobs, disable=None):
        rows += measured(*job, limit=options.limit, peers_up_to=options.peers_up_to)
    for row in rows:
        took = "no answer in time" if row["seconds"] is None else f"{row['seconds']:.3f} s"
        gap = "" if row["gap"] is None else f"gap {max(row['gap'], 0.0):.1e}"
        ratio = f"x {row['ratio']:.1f}" if "ratio" in row else ""
        print(
            f"{row['instances']:>9,} {row['family']:<12}{row['asked']:<8.0e}{row['method']:<10}"
            f"{took:>18}   {gap}   {ratio}"
        )
    report.write(options.output / "routing_auxiliary_variables.json", rows, limit=options.limit)
    plot(rows, options.output / "routing_auxiliary_variables.png")


if __name__ == "__main__":
    main()
