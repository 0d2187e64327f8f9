"""How a verified frontier shows itself: its table and its picture."""

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

    from arbmodels.verification.frontier import VerifiedFrontier


def frontier_table(frontier: VerifiedFrontier) -> TextTable:
    """Return ten solve rates up to the reach with cost, wrong answers, margin and plan."""
    shares = np.array([0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 1.0])
    rates = np.unique(frontier.reach * shares)
    rows = [
        (
            percent(u, 2),
            percent(wrong, 2),
            number(cost),
            number(checks),
            percent(margin),
            frontier.plan_at(u).plan.summary,
        )
        for u, wrong, cost, checks, margin in zip(
            rates,
            frontier.wrong_at(rates),
            frontier.cost_at(rates),
            frontier.check_spend_at(rates),
            frontier.margin_at(rates),
            strict=True,
        )
    ]
    unit = f"{frontier.market.currency}/instance"
    return TextTable(
        f"Verified frontier of {frontier.market.name}: reach {percent(frontier.reach, 2)},"
        f" {len(frontier.hull.points)} vertices",
        ("right", "wrong", f"cost [{unit}]", f"checks [{unit}]", "margin", "next vertex"),
        rows,
        f"{frontier.verifier.label}; {frontier.convention}; in-sample.",
    )


def plot_frontier(frontier: VerifiedFrontier, axes: Axes | None = None) -> Axes:
    """Draw cost against the rate of right answers: the models alone, and the best policy."""
    axes = new_axes() if axes is None else axes
    models = frontier.market.models
    for model, alone in zip(models, frontier.single_hulls, strict=True):
        colour = model_colour(model, models)
        axes.plot(100 * alone.rate, alone.cost, color=colour, label=model_label(model))
    axes.plot(
        100 * frontier.hull.rate,
        frontier.hull.cost,
        color=ARBITRAGEUR_COLOUR,
        lw=2,
        label="Best policy",
    )
    axes.set_xlabel("Right answers (%)")
    axes.set_ylabel(f"Expected cost ({frontier.market.currency} per instance)")
    axes.set_title(frontier.market.name)
    axes.legend(frameon=False)
    return axes
