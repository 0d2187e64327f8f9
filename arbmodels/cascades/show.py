"""How a frontier shows itself: its table and its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arbmodels.display import (
    ARBITRAGEUR_COLOUR,
    TextTable,
    model_colour,
    model_label,
    new_axes,
    number,
    percent,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from arbmodels.cascades.frontier import Frontier
    from arbmodels.cascades.search.searched import SearchedFrontier


def frontier_table(frontier: Frontier) -> TextTable:
    """Return ten solve rates up to the reach with spend, bound and plan."""
    shares = np.array([0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 1.0])
    rates = np.unique(frontier.reach * shares)
    rows = [
        (percent(u, 2), number(c), number(b), percent(gap, 2), frontier.plan_at(u).summary)
        for u, c, b, gap in zip(
            rates,
            frontier.spend_at(rates),
            frontier.bound_at(rates),
            frontier.gap_at(rates),
            strict=True,
        )
    ]
    unit = f"{frontier.market.currency}/instance"
    settled = (
        ""
        if frontier.change is None
        else f" The last refinement changed the spend by {percent(frontier.change, 3)} at most."
    )
    sizes = " x ".join(str(len(grid)) for grid in frontier.grids)
    return TextTable(
        f"Cascade frontier of {frontier.market.name}: reach {percent(frontier.reach, 2)}",
        ("solve rate", f"spend [{unit}]", f"lower bound [{unit}]", "gap", "plan"),
        rows,
        f"Lattice of {sizes} amounts. Spend: {frontier.proof(rates)}.\n{frontier.convention};"
        f" in-sample.{settled}",
    )


def plot_frontier(frontier: Frontier, axes: Axes | None = None) -> Axes:
    """Draw spend against solve rate: the models, the cascades, and the bound."""
    axes = new_axes() if axes is None else axes
    plot_models(frontier, axes)
    rate = np.linspace(0, frontier.reach, 400)
    axes.plot(
        100 * rate, frontier.spend_at(rate), color=ARBITRAGEUR_COLOUR, lw=2, label="Best cascade"
    )
    axes.plot(
        100 * rate, frontier.bound_at(rate), color="grey", lw=0.8, ls="--", label="Lower bound"
    )
    axes.set_xlabel("Solve rate (%)")
    axes.set_ylabel(f"Expected spend ({frontier.market.currency} per instance)")
    axes.set_title(frontier.market.name)
    axes.legend(frameon=False)
    return axes


def plot_models(frontier: Frontier | SearchedFrontier, axes: Axes) -> None:
    """Draw the spend of every single model."""
    for model, alone in zip(frontier.names, frontier.single_models, strict=True):
        rate = np.linspace(0, alone.reach, 400)
        axes.plot(
            100 * rate,
            alone.spend_at(rate),
            color=model_colour(model, frontier.names),
            label=model_label(model),
        )
