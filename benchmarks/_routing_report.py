"""What the routing benchmarks share: the record on disk, its lines of text, and the pictures."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from arbmodels._assignment import Block
from arbmodels.display import styled
from benchmarks import _peers
from benchmarks._routing_instances import Instance

RESULTS = Path(__file__).parent / "results"
#: Methods that are not the engine, in the order in which they are drawn. Red is for the engine.
OTHERS = tuple(name for name in _peers.PEERS if name != "arbmodels")
PALETTE = (
    "tab:blue",
    "tab:orange",
    "tab:green",
    "tab:purple",
    "tab:brown",
    "tab:pink",
    "tab:grey",
    "tab:cyan",
)
#: What no engine is faster than.
FLOOR = "sum of both arrays"
#: A peer that is farther from the optimum than this when its time is up has not returned.
HOPELESS = 1e-4


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser that introduces itself by the first line of a module's docstring."""
    return argparse.ArgumentParser(description=(description or "").split("\n")[0])


def recorded(path: Path, *, again: bool) -> list[dict[str, Any]]:
    """Return the rows of an earlier record; none if there is none, or if all is run again."""
    if again or not path.exists():
        return []
    rows: list[dict[str, Any]] = json.loads(path.read_text())["rows"]
    return rows


def write(
    path: Path, rows: Sequence[Mapping[str, Any]], *, one_line_each: bool = False, **fields: Any
) -> None:
    """Write a record: the machine, what was asked for, and the rows."""
    record = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python"
        f" {platform.python_version()}, NumPy {np.__version__}",
        **fields,
        "rows": [] if one_line_each else rows,
    }
    text = json.dumps(record, indent=1)
    if one_line_each:
        lines = ",\n  ".join(json.dumps(row) for row in rows)
        text = text.replace('"rows": []', f'"rows": [\n  {lines}\n ]')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def measure(
    method: str, folder: Path, gaps: Mapping[str, float], limit: float, engine_limit: float
) -> dict[str, Any]:
    """Run one method on one saved instance; ``gaps`` are those asked of the engine, by name."""
    try:
        if method in gaps:
            record = _peers.run("arbmodels", folder, gaps[method], engine_limit)
        else:
            record = _peers.run(method, folder, _peers.GAP, limit)
    except RuntimeError as error:
        return {"status": "failed", "why": str(error).splitlines()[-1]}
    if record is None:
        return {"status": "killed", "seconds": limit}
    if "objective" not in record and not method.startswith("GLOP"):
        return {"status": "no assignment", **record}
    return {"status": "ok", **record}


def physical_floor(instance: Instance) -> float:
    """Return the least seconds of five passes that sum both arrays, block by block in threads."""
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        instance.program().source.map(_sums)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _sums(block: Block) -> float:
    return float(sum(quantity.sum() for quantity in block.quantities))


def hopeless(row: Mapping[str, Any], limit: float) -> bool:
    """Return whether larger instances are beyond a peer."""
    if row["status"] != "ok":
        return True
    short = row.get("to_bound") is None or row["to_bound"] > HOPELESS
    return bool(row["seconds"] > 0.9 * limit and short)


def line(case: str, row: Mapping[str, Any]) -> str:
    """Return one row as text, behind the name of its case."""
    text = f"{case}{row['method']:<22}"
    if "seconds" in row:
        text += f"{1e3 * row['seconds']:>12,.1f} ms"
    if "ratio" in row:
        text += f"  x {row['ratio']:>9,.1f}"
    if row.get("gap") is not None:
        text += f"   proven gap {row['gap']:.1e}"
    if row.get("to_bound") is not None:
        text += f"   to our bound {row['to_bound']:.1e}"
    if row["status"] != "ok":
        text += f"   {row['status']}"
    return text


def draw_times(
    ax: Axes,
    rows: Sequence[Mapping[str, Any]],
    along: str,
    ours: Collection[str],
    styles: Mapping[str, str],
) -> None:
    """Plot seconds over ``along``, both axes logarithmic; open marks were not done in time."""
    for name in (*ours, *OTHERS, *_unnamed(rows, ours)):
        points = sorted(
            (row[along], row["seconds"], row["status"] != "ok")
            for row in rows
            if row["method"] == name and "seconds" in row
        )
        if not points:
            continue
        x, y, late = (np.array(column) for column in zip(*points, strict=True))
        colour = "crimson" if name in ours else "black"
        if name in OTHERS:
            colour = PALETTE[OTHERS.index(name) % len(PALETTE)]
        width = 2.2 if name in ours else 1.2
        style = styles.get(name, "-")
        ax.plot(x, y, style, color=colour, lw=width, marker="o", markersize=3, label=name)
        ax.plot(x[late], y[late], "o", color=colour, markerfacecolor="white", markersize=6)
    styled(ax)
    ax.set(xscale="log", yscale="log", xlabel=along)


def _unnamed(rows: Sequence[Mapping[str, Any]], ours: Collection[str]) -> list[str]:
    """Return the methods that are neither the engine nor a peer, such as a physical floor."""
    names = dict.fromkeys(row["method"] for row in rows)
    return [name for name in names if name not in ours and name not in OTHERS]


def finish(figure: Figure, path: Path) -> None:
    """Label the seconds, put the legend beside the last panel, and write the picture."""
    first, last = figure.axes[0], figure.axes[-1]
    first.set_ylabel("seconds, building and solving")
    last.legend(
        *first.get_legend_handles_labels(),
        fontsize=7,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
    )
    figure.tight_layout()
    figure.savefig(path, dpi=160)
    plt.close(figure)
