"""How a routing frontier shows itself: its table and its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from arbmodels.display import TextTable, new_axes, number, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from arbmodels.routing.frontier_result import RoutingFrontier

#: Units that are shares, shown in percent.
_RATES = ("solve rate", "unit of solve rate")
_COLOUR = "#0072B2"
#: Corners that a picture can show.
_DRAWN = 2000


def frontier_table(frontier: RoutingFrontier) -> TextTable:
    """Return one row per limit solved for."""
    moving = frontier.moving
    rows = [
        (
            _shown(limit, moving.unit),
            _shown(objective, moving.objective_unit, 6),
            _shown(bound, moving.objective_unit, 6),
            "–" if np.isnan(gap) else f"{gap:.1e}",
            number(price),
            status,
        )
        for limit, objective, bound, gap, price, status in zip(
            frontier.limits,
            frontier.objective,
            frontier.bound,
            frontier.gap,
            frontier.price,
            frontier.status,
            strict=True,
        )
    ]
    known = frontier.relaxation
    if frontier.exact:
        note = f"relaxation: exact, all {len(known.corners):,} corners"
    else:
        note = (
            f"relaxation: {len(known.reached):,} evaluations, between them known to"
            f" {frontier.tolerance:.1e} of its largest size"
        )
    return TextTable(
        f"{moving.problem}: {moving.goal}, {moving.label} from"
        f" {_shown(frontier.limits[0], moving.unit)} to"
        f" {_shown(frontier.limits[-1], moving.unit)}{_of(moving.unit)}",
        (
            f"{moving.label}{_of(moving.unit, bracket=True)}",
            f"{moving.objective_unit} attained",
            "bound",
            "gap",
            f"price [{frontier.price_unit}]",
            "status",
        ),
        rows,
        "\n".join(
            line
            for line in (
                note,
                "price: gain in the relaxation per unit by which the limit is relaxed",
                moving.meaning,
            )
            if line
        ),
    )


def plot_frontier(frontier: RoutingFrontier) -> Axes:
    """Draw what assignments attain, in steps, and the bound."""
    moving, known = frontier.moving, frontier.relaxation
    axes = new_axes()
    sense = 1.0 if frontier.at_most else -1.0
    across = 100.0 if moving.unit in _RATES else 1.0
    up = 100.0 if moving.objective_unit in _RATES else 1.0
    ends = np.append(sense * known.corners[[0, -1]], frontier.limits)
    margin = 0.04 * float(np.ptp(ends))
    low, high = ends.min() - margin, ends.max() + margin
    corners = sense * known.corners
    corners = corners[np.unique(np.linspace(0, len(corners) - 1, _DRAWN).astype(int))]
    limits = np.unique(np.concatenate([corners, frontier.limits, np.linspace(low, high, 1000)]))
    limits = limits[(limits >= low) & (limits <= high)]
    points = [frontier.at(limit) for limit in limits]
    bound = up * np.array([point.bound for point in points])
    attained = up * np.array([point.objective for point in points])
    # A step holds towards the looser side.
    where: Literal["post", "pre"] = "post" if frontier.at_most else "pre"
    axes.fill_between(across * limits, attained, bound, step=where, color=_COLOUR, alpha=0.15, lw=0)
    side = "Upper" if frontier.maximise else "Lower"
    axes.plot(across * limits, bound, color="black", lw=0.9, ls="--", label=f"{side} bound")
    axes.step(across * limits, attained, where=where, color=_COLOUR, lw=1.2)
    axes.plot(
        across * frontier.limits,
        up * frontier.objective,
        "o",
        color=_COLOUR,
        ms=4,
        label="Assignments",
    )
    axes.set_xlabel(f"{moving.label.capitalize()} ({_unit(moving.unit)})")
    axes.set_ylabel(_name(moving.objective_unit, moving.goal))
    kind = moving.meaning.split(":", maxsplit=1)[0]
    axes.set_title("\n".join(line for line in (moving.problem, kind) if line), fontsize="medium")
    axes.legend(frameon=False)
    return axes


def _shown(value: float, unit: str, digits: int = 4) -> str:
    if unit in _RATES:
        return percent(value, max(digits - 2, 0))
    return number(value, digits)


def _of(unit: str, *, bracket: bool = False) -> str:
    if unit in _RATES:
        return ""
    return f" [{unit}]" if bracket else f" {unit}"


def _unit(unit: str) -> str:
    return "%" if unit in _RATES else unit


def _name(unit: str, goal: str) -> str:
    if unit in _RATES:
        return f"{unit.capitalize()} (%)"
    what = goal.split(maxsplit=1)[-1].capitalize()
    return f"{what} ({unit})"
