"""Routing under one constraint: the engine against general solvers, in one run.

N instances by 20 models and abstaining (`_routing_instances.py`), in two forms: the highest solve
rate under a budget of 15% of what always taking the best model costs, and the least spend for 90%
of the best achievable solve rate. Every method gets the same arrays from files, in a process of its
own that is killed when it does not return; building and solving count, imports do not. The peers
are asked for a relative gap of 1e-6 in 120 s (`_peers.py`), the engine is timed at that gap, at the
smallest gap among the peers', or 1e-9, and at zero, the proven optimum: medians of five runs. A
peer that has no proven gap of 1e-4 after its time is not asked for larger instances. The physical
floor sums both arrays once, in as many threads as there are processors.

Quote the ratios, the machine is shared. What is in the record already is not run again, except
with --again: so a long run can be continued.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from tqdm import tqdm

from benchmarks import _peers
from benchmarks import _routing_report as report
from benchmarks._routing_instances import Instance, budget, floor
from benchmarks._routing_report import FLOOR, physical_floor

FORMS: dict[str, Callable[..., Instance]] = {"budget": budget, "floor": floor}
TITLES = {"budget": "Highest solve rate under a budget", "floor": "Least spend for a solve rate"}
SIZES = (100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
#: Gaps asked of the engine.
GAPS = {"arbmodels, gap 1e-6": 1e-6, "arbmodels, gap 1e-9": 1e-9, "arbmodels, optimum": 0.0}


def models(size: int) -> int:
    """Return how many models the instances of a size have."""
    return 5 if size == 100 else 20


def measure(method: str, instance: Instance, folder: Path, limit: float) -> dict[str, Any]:
    """Run one method on one saved instance."""
    if method == FLOOR:
        return {"status": "ok", "seconds": physical_floor(instance)}
    return report.measure(method, folder, GAPS, limit, limit)


def run(
    form: str,
    sizes: Sequence[int],
    rows: list[dict[str, Any]],
    limit: float,
    save: Callable[[], None],
    *,
    peers_up_to: int,
) -> None:
    """Fill the record of one form, smallest instances first; larger ones without peers."""
    known = {(row["form"], row["instances"], row["method"]): row for row in rows}
    beyond: dict[str, int] = {}
    for size in sizes:
        methods = [*GAPS, *report.OTHERS, FLOOR]
        asked = [name for name in methods if (form, size, name) not in known]
        if asked:
            instance = FORMS[form](size, models(size))
        with tempfile.TemporaryDirectory() as folder:
            if any(name not in beyond and name != FLOOR for name in asked):
                instance.save(Path(folder))
            for name in tqdm(asked, desc=f"{form}, {size:,}", disable=None):
                if name in report.OTHERS and size > peers_up_to:
                    record = {"status": f"not asked above {peers_up_to:,}"}
                elif name in beyond:
                    record = {"status": f"not asked: beyond it at {beyond[name]:,}"}
                else:
                    record = measure(name, instance, Path(folder), limit)
                row = {"form": form, "instances": size, "method": name, **record}
                known[form, size, name] = row
                rows.append(row)
                compare(form, size, known)
                save()
        for name in methods:
            row = known[form, size, name]
            if name not in beyond and name in report.OTHERS and report.hopeless(row, limit):
                beyond[name] = size


def compare(form: str, size: int, known: dict[tuple[str, int, str], dict[str, Any]]) -> None:
    """Add what can be said once the engine's optimum and time are known."""
    ours = known.get((form, size, "arbmodels, optimum"), {})
    quick = known.get((form, size, "arbmodels, gap 1e-6"), {})
    for (its_form, its_size, _), row in known.items():
        if (its_form, its_size) != (form, size):
            continue
        if "objective" in row and ours.get("bound") is not None:
            row["to_bound"] = abs(ours["bound"] - row["objective"]) / abs(row["objective"])
        if "seconds" in row and quick.get("seconds"):
            row["ratio"] = row["seconds"] / quick["seconds"]


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Plot seconds over instances, both axes logarithmic; open marks were not done in time."""
    forms = [form for form in FORMS if any(row["form"] == form for row in rows)]
    size = (5.4 * len(forms), 4.2)
    figure, axes = plt.subplots(1, len(forms), figsize=size, sharey=True, squeeze=False)
    styles = {"arbmodels, gap 1e-9": "--", "arbmodels, optimum": ":", FLOOR: ":"}
    for form, ax in zip(forms, axes[0], strict=True):
        shown = [row for row in rows if row["form"] == form]
        report.draw_times(ax, shown, "instances", GAPS, styles)
        ax.set_title(TITLES[form])
    report.finish(figure, path)


def main() -> None:
    """Run the comparison, write the record and the picture."""
    parser = report.parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--forms", nargs="+", choices=list(FORMS), default=list(FORMS))
    parser.add_argument("--limit", type=float, default=_peers.LIMIT, help="seconds of a peer")
    parser.add_argument("--peers-up-to", type=int, default=10**9, help="instances")
    parser.add_argument("--quick", action="store_true", help="small instances, 5 s")
    parser.add_argument("--again", action="store_true", help="forget the record")
    parser.add_argument(
        "--output", type=Path, default=report.RESULTS / "routing_multiple_choice_knapsack.json"
    )
    options = parser.parse_args()
    if options.quick:
        options.sizes, options.limit = [100, 1_000], 5.0
        options.output = Path(tempfile.gettempdir()) / "routing_multiple_choice_knapsack_quick.json"
    rows = report.recorded(options.output, again=options.again or options.quick)

    def save() -> None:
        report.write(options.output, rows, gap_of_peers=_peers.GAP, limit=options.limit)

    for form in options.forms:
        run(form, sorted(options.sizes), rows, options.limit, save, peers_up_to=options.peers_up_to)
    for row in rows:
        print(report.line(f"{row['form']:<7}{row['instances']:>11,}  ", row))
    draw(rows, options.output.with_suffix(".png"))


if __name__ == "__main__":
    main()
