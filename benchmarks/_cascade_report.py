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
_HEAD = ("", "seconds", "ratio", "reach", "mean +", "most +", "gap", "reached")


def summarised(rows: Sequence[Row], bound: Sequence[float], base: str) -> list[Row]:
    """Add to every method its ratio of times, its cost above the cheapest found, and its gap.

    The gap is the mean of 1 - bound / cost: no plan at all is cheaper by more than that.
    """
    spends = np.array([row["spend"] for row in rows], dtype=float)
    least = np.fmin.reduce(spends, axis=0)
    seconds = next(row["seconds"] for row in rows if row["method"] == base)
    out = []
    for row, spend in zip(rows, spends, strict=True):
        above, gap = 100 * (spend / least - 1), 100 * (1 - np.array(bound) / spend)
        found = np.isfinite(spend)
        out.append(
            {
                **row,
                "ratio": row["seconds"] / seconds,
                "above_percent": [float(x) if np.isfinite(x) else None for x in above],
                "mean_above_percent": float(above[found].mean()),
                "most_above_percent": float(above[found].max()),
                "mean_gap_percent": float(gap[found].mean()),
                "reached": int(found.sum()),
            }
        )
    return out


def table(record: Mapping[str, Sequence[Row]], rates: int) -> str:
    """Return one table over all markets: time, reach, cost above the cheapest found, gap."""
    lines = []
    for title, rows in record.items():
        lines.append(f"{title:<34}" + "".join(f"{cell:>10}" for cell in _HEAD[1:]))
        for row in rows:
            cells = (
                f"{row['seconds']:.3f}",
                f"{row['ratio']:,.1f}",
                f"{100 * row['reach']:.2f}%",
                f"{row['mean_above_percent']:.2f}%",
                f"{row['most_above_percent']:.2f}%",
                f"{row['mean_gap_percent']:.2f}%",
                f"{row['reached']} of {rates}",
            )
            lines.append(f"  {row['method']:<32}" + "".join(f"{cell:>10}" for cell in cells))
    lines.append(
        "seconds: of the processor. ratio: to the interleaved frontier. mean +, most +: cost above"
        " the cheapest plan found. gap: mean of 1 - bound / cost, the bound being on any plan."
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
                clip_on=False,
                zorder=3,
                label=row["method"],
            )
            upper.annotate(
                f"{100 * row['reach']:.1f}%",
                (row["seconds"], row["mean_above_percent"]),
                # Ours are close to each other: above and to the right of their points.
                xytext=(7, 5),
                textcoords="offset points",
                ha="left",
                fontsize=8,
                color=colour,
            )
            above = np.array(row["above_percent"], dtype=float)
            lower.plot(100 * np.array(rates), above, ".-", color=colour, clip_on=False, zorder=3)
        upper.set_xscale("log")
        upper.set_xlabel("Processor seconds; beside the points: reach")
        lower.set_xlabel("Solve rate (%)")
        upper.margins(x=0.15)
        upper.set_ylim(0, 1.25 * max(row["mean_above_percent"] for row in rows))
        lower.set_ylim(bottom=0)
        upper.set_title(title)
        for each in (upper, lower):
            styled(each)
    panels[0, 0].set_ylabel("Mean cost above the\ncheapest plan found (%)")
    panels[1, 0].set_ylabel("Cost above the\ncheapest plan found (%)")
    panels[0, -1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1.02, 1.0))
    figure.savefig(path, dpi=150)
    plt.close(figure)
