"""Routing under many constraints: the engine against general solvers, in one run.

N instances by 20 models and abstaining (`_routing_instances.py`), in five segments or more: the
highest solve rate under a budget of 15% of what always taking the best model costs, at most so many
attempts at every model, at least so many solved in every segment. The limits are taken from the
optimum under the budget alone: no model may get more than 40% of what the busiest one gets there;
the first two segments keep the solve rate they have there, the others 90% of it. So about half of
the rows bind. Time over N with 26 rows, and over rows at 100,000 instances (budget, floors, then
capacities; beyond 26 rows there are more segments). Every method gets the same arrays from files,
in a process of its own that is killed when it does not return; building and solving count, imports
do not. The peers are asked for a relative gap of 1e-6 in 120 s (`_peers.py`). A peer that has no
proven gap of 1e-4 after its time is not asked for larger instances. The physical floor sums both
arrays once, in as many threads as there are processors.

Quote the ratios, the machine is shared. What is in the record already is not run again, except
with --again: so a long run can be continued.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from tqdm import tqdm

from arbmodels._assignment.multiple_choice_knapsack import solve_multiple_choice_knapsack
from arbmodels._assignment.pricing import totals
from benchmarks import _peers
from benchmarks import _routing_report as report
from benchmarks._routing_instances import Instance, Row, budget

SIZES = (1_000, 10_000, 100_000, 1_000_000)
ROWS = (2, 5, 10, 26, 50, 100)
#: Rows where N grows, and N where rows grow.
USUAL_ROWS, USUAL_SIZE = 26, 100_000
MODELS, SEGMENTS = 20, 5
#: Gaps asked of the engine. Where they take longer than its limit (five runs have to fit into the
#: time of a process), the gap that is proven by then is on record.
GAPS = {"arbmodels, gap 1e-4": 1e-4, "arbmodels, gap 1e-6": 1e-6, "arbmodels, gap 1e-7": 1e-7}
ENGINE_LIMIT = 6.0


def constrained(size: int, rows: int = USUAL_ROWS, seed: int = 0) -> Instance:
    """Return an instance with a budget, floors and capacities, so many rows in all."""
    plain = budget(size, MODELS, seed)
    segments = max(SEGMENTS, rows - 1 - MODELS)
    segment = np.random.default_rng(seed + 1).integers(0, segments, size)
    choice = solve_multiple_choice_knapsack(plain.program(), 1e-6, 60.0).choice
    if choice is None:
        raise RuntimeError("no assignment under the budget alone")
    program = replace(plain, segment=segment).program()
    sums = totals(program, choice)
    solved, attempts = sums[1].sum(axis=1), sums[0].sum(axis=0)[:MODELS]
    floors = [
        Row("solve", -1.0, float(solved[s]) * (1.0 if s < 2 else 0.9), segment=s)
        for s in range(segments)
    ]
    most = float(np.floor(0.4 * attempts.max()))
    busiest = np.argsort(-attempts, kind="stable")
    capacities = [Row("one", 1.0, most, model=int(model)) for model in busiest]
    others = [*floors[:SEGMENTS], *capacities, *floors[SEGMENTS:]]
    return Instance(
        plain.solve, plain.spend, segment, (*plain.rows, *others[: rows - 1]), maximize=True
    )


def run(
    cases: Sequence[tuple[int, int]],
    methods: Sequence[str],
    record: list[dict[str, Any]],
    limit: float,
    save: Callable[[], None],
) -> None:
    """Fill the record, case (N, rows) by case; smallest first."""
    known = {(row["instances"], row["rows"], row["method"]): row for row in record}
    beyond: dict[str, int] = {}
    for size, rows in cases:
        asked = [name for name in methods if (size, rows, name) not in known]
        with tempfile.TemporaryDirectory() as folder:
            if any(name not in beyond for name in asked):
                constrained(size, rows).save(Path(folder))
            for name in tqdm(asked, desc=f"{size:,} x {rows} rows", disable=None):
                if name == report.FLOOR:
                    floor = report.physical_floor(Instance.load(Path(folder)))
                    result = {"status": "ok", "seconds": floor}
                elif beyond.get(name, size) < size:
                    result = {"status": f"not asked: beyond it at {beyond[name]:,}"}
                else:
                    result = report.measure(name, Path(folder), GAPS, limit, ENGINE_LIMIT)
                row = {"instances": size, "rows": rows, "method": name, **result}
                known[size, rows, name] = row
                record.append(row)
                save()
        ours = [known[size, rows, name] for name in GAPS if (size, rows, name) in known]
        bounds = [row["bound"] for row in ours if row.get("bound") is not None]
        for name in methods:
            row = known[size, rows, name]
            if "objective" in row and bounds:
                row["to_bound"] = (min(bounds) - row["objective"]) / abs(row["objective"])
            if name in report.OTHERS and name not in beyond and report.hopeless(row, limit):
                beyond[name] = size
        save()


def draw(record: Sequence[dict[str, Any]], path: Path) -> None:
    """Plot seconds over instances and over rows; open marks were not done in time."""
    figure, axes = plt.subplots(1, 2, figsize=(10.8, 4.2), sharey=True)
    styles = dict(zip(GAPS, (":", "-", "--"), strict=True)) | {report.FLOOR: ":"}
    for ax, along, fixed, value, title in (
        (axes[0], "instances", "rows", USUAL_ROWS, f"{USUAL_ROWS} constraints"),
        (axes[1], "rows", "instances", USUAL_SIZE, f"{USUAL_SIZE:,} instances"),
    ):
        shown = [row for row in record if row[fixed] == value]
        report.draw_times(ax, shown, along, GAPS, styles)
        ax.set_title(title)
    report.finish(figure, path)


def main() -> None:
    """Run the comparison, write the record and the picture."""
    parser = report.parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--rows", type=int, nargs="*", default=list(ROWS))
    parser.add_argument("--limit", type=float, default=_peers.LIMIT, help="seconds of a peer")
    parser.add_argument("--alone", action="store_true", help="without peers")
    parser.add_argument("--again", action="store_true", help="forget the record")
    parser.add_argument(
        "--output", type=Path, default=report.RESULTS / "routing_multidimensional_knapsack.json"
    )
    options = parser.parse_args()
    record = report.recorded(options.output, again=options.again)

    def save() -> None:
        report.write(options.output, record, gap_of_peers=_peers.GAP, limit=options.limit)

    others = () if options.alone else report.OTHERS
    run(
        [(size, USUAL_ROWS) for size in sorted(options.sizes)],
        [*GAPS, *others, report.FLOOR],
        record,
        options.limit,
        save,
    )
    cases = [(USUAL_SIZE, rows) for rows in options.rows]
    run(cases, [*GAPS, report.FLOOR], record, options.limit, save)
    for row in record:
        print(report.line(f"{row['instances']:>11,} x {row['rows']:<4}", row))
    draw(record, options.output.with_suffix(".png"))


if __name__ == "__main__":
    main()
