"""The table and the picture of the cascade benchmark: what every method's plans cost, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from arbmodels.display import styled

Row = dict[str, Any]
#: Ours in red; peers in colours of the house.
_COLOURS = {
    "authors' grid search": "#666666",
    "authors' own script": "#222222",
    "coordinate ascent, ratio order": "#E69F00",
    "best order": "#56B4E9",
    "interleaved": "#B22222",
    "all classes, with windows": "#CC79A7",
}
_HEAD = ("", "seconds", "ratio", "reach", "mean +", "most +", "reached")


def summarised(rows: Sequence[Row], bound: Sequence[float], base: str) -> list[Row]:
    """Add to every method its cost above the lower bound, in percent, and its ratio of times."""
    least = np.array(bound)
    seconds = next(row["seconds"] for row in rows if row["method"] == base)
    out = []
    for row in rows:
        spend = np.array(row["spend"], dtype=float)
        above = 100 * (spend / least - 1)
        found = np.isfinite(spend)
        out.append(
            {
                **row,
                "ratio": row["seconds"] / seconds,
                "above_bound_percent": [float(x) if np.isfinite(x) else None for x in above],
                "mean_above_percent": float(above[found].mean()),
                "most_above_percent": float(above[found].max()),
                "reached": int(found.sum()),
            }
        )
    return out


def table(record: Mapping[str, Sequence[Row]], rates: int) -> str:
    """Return one table over all markets: time, reach, and cost above the lower bound."""
    lines = []
    for title, rows in record.items():
        head = (title, *_HEAD[1:])
        lines.append(f"{head[0]:<34}" + "".join(f"{cell:>10}" for cell in head[1:]))
        for row in rows:
            cells = (
                f"{row['seconds']:.3f}",
                f"{row['ratio']:,.1f}",
                f"{100 * row['reach']:.2f}%",
                f"{row['mean_above_percent']:.2f}%",
                f"{row['most_above_percent']:.2f}%",
                f"{row['reached']} of {rates}",
            )
            lines.append(f"  {row['method']:<32}" + "".join(f"{cell:>10}" for cell in cells))
    lines.append(
        "seconds: of the processor. ratio: to the interleaved frontier. mean +, most +: cost above"
        " the proven lower bound of any plan."
    )
    return "\n".join(lines)


def draw(record: Mapping[str, Sequence[Row]], rates: Sequence[float], path: Path) -> None:
    """Draw time against mean cost (above), and cost by solve rate (below), a column per market."""
    figure, panels = plt.subplots(
        2, len(record), figsize=(4.4 * len(record) + 2.2, 6.4), layout="constrained", squeeze=False
    )
    for (title, rows), upper, lower in zip(record.items(), panels[0], panels[1], strict=True):
        for row in rows:
            colour = _COLOURS[row["method"]]
            upper.plot(
                row["seconds"],
                row["mean_above_percent"],
                "o",
                color=colour,
                markersize=8,
                label=row["method"],
            )
            upper.annotate(
                f"{100 * row['reach']:.1f}%",
                (row["seconds"], row["mean_above_percent"]),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                color=colour,
            )
            above = np.array(row["above_bound_percent"], dtype=float)
            lower.plot(100 * np.array(rates), above, ".-", color=colour)
        upper.set_xscale("log")
        upper.set_xlabel("Processor seconds; beside the points: reach")
        lower.set_xlabel("Solve rate (%)")
        upper.set_ylim(bottom=0)
        upper.margins(x=0.15, y=0.15)
        lower.set_ylim(bottom=0)
        upper.set_title(title)
        for each in (upper, lower):
            styled(each)
    panels[0, 0].set_ylabel("Mean cost above the\nproven lower bound (%)")
    panels[1, 0].set_ylabel("Cost above the\nproven lower bound (%)")
    panels[0, -1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1.02, 1.0))
    figure.savefig(path, dpi=150)
    plt.close(figure)
