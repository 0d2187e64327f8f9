"""Students beside their teacher: what figures 6 and 10 share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

import arbmodels as arb
from paper_figures.allocations import FloatArray, Scored, halves, single
from paper_figures.common import Published, Record, describe, plain
from paper_figures.held_out import in_points, proof, times
from paper_figures.methods import POINTS, exact_curves
from paper_figures.style import BOUND, legend, panels

#: Solve rates that margins are averaged over, unless others are named.
_SPAN = 0.1


def published(
    names: Sequence[str], margins: Sequence[float], tolerance: float
) -> tuple[Published, ...]:
    """Return the mean margins that the paper reports, by the students' training."""
    return tuple(
        Published(f"mean margin after {name}", margin, tolerance, "%")
        for name, margin in zip(names, margins, strict=True)
    )


def compute_pairs(
    market: arb.Market,
    *,
    names: Sequence[str],
    amounts: Sequence[float],
    grid: FloatArray,
    first: FloatArray,
    start: float | None = None,
    last: float = 1.0,
    points: int,
    repeats: int,
) -> Record:
    """Pair every student with the teacher, the last model, and average over solve rates.

    Parameters
    ----------
    market : Market
    names, amounts : sequences of str and float
        What each student was trained on, in words and as a number.
    grid : increasing float array, currency units
        The authors' budgets.
    first : float array, currency units
        What they try for the student, besides nothing and everything, of the grid's last budget.
    start, last : float
        Solve rates between which margins are averaged; no further than the better model's reach,
        and by default from 10 percentage points below it.
    points : int
        Solve rates of the exact method.
    repeats : int
        Divisions into folds of its cross-validation.
    """
    *students, teacher = market.models
    values: dict[str, dict[str, float | None]] = {"authors": {}, "exact": {}}
    methods = ("authors", "exact", "bound", "validated", "optimism")
    means: dict[str, list[float]] = {method: [] for method in methods}
    gaps = []
    for student, name in zip(students, names, strict=True):
        pair = market.select(models=[student, teacher])
        scored = Scored(pair, grid, halves(first, float(grid[-1])))
        end = min(last, scored.market_max_solve_rate)
        begin = end - _SPAN if start is None else min(start, 0.9 * end)
        allocation, chosen = single(scored, np.linspace(begin, end, POINTS))
        means["authors"].append(plain(chosen.margin.mean(), 100))
        rates = np.linspace(begin, end, points)
        policy = single(Scored(pair, grid, allocation[None]), rates)[1]
        _, curves = exact_curves(pair, grid, policy, repeats=repeats)
        means["exact"].append(float(np.mean(curves["margin"])))
        means["bound"].append(float(np.mean(curves["margin_bound"])))
        means["validated"].append(curves["validated_mean"])
        means["optimism"].append(curves["optimism"])
        gaps.append(curves["largest_gap"])
        for method, found in values.items():
            found[f"mean margin after {name}"] = means[method][-1]
    return {
        "market": describe(market),
        "unit": "% of the market price",
        "teacher": teacher,
        "amounts": list(amounts),
        "certificate": proof(max(gaps)),
        "validation": f"Cross-validated (5 folds{times(repeats)}), where both margins are defined:"
        f" optimism {in_points(min(means['optimism']))} to {in_points(max(means['optimism']))}"
        " points.",
        "optimism": max(means["optimism"]),
        "means": means,
        "values": values,
    }


def draw_pairs(record: Record) -> Figure:
    """Draw the mean margin against what the student was trained on, a logarithmic scale."""
    figure, (axes,) = panels(1, 1, 2.4)
    amounts, means = record["amounts"], record["means"]
    simulated = record["market"]["simulated"]
    axes.fill_between(amounts, means["exact"], means["bound"], **BOUND)
    axes.plot(
        amounts, means["exact"], "o-", ms=3, color=arb.ARBITRAGEUR_COLOR, label="Cheapest cascade"
    )
    axes.plot(
        amounts,
        means["validated"],
        "o:",
        ms=3,
        lw=1.0,
        color=arb.ARBITRAGEUR_COLOR,
        label="Cheapest, cross-validated",
    )
    axes.plot(amounts, means["authors"], "s--", ms=3, lw=0.9, color="0.15", label="Paper's policy")
    if not simulated:
        axes.plot(amounts, record["published_means"], "k+", ms=5, mew=0.9, label="Published")
    axes.set_xscale("log")
    axes.set_xticks(amounts, list("12345") if simulated else record["ticks"])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(bottom=0)
    axes.set_ylabel("Mean margin (%)")
    axes.set_xlabel("Simulated student, from weak to strong" if simulated else record["axis"])
    legend(figure, *axes.get_legend_handles_labels())
    return figure
