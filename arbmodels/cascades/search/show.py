"""How a searched frontier shows itself: its table and its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arbmodels.cascades.show import plot_models
from arbmodels.display import ARBITRAGEUR_COLOUR, TextTable, new_axes, number, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from arbmodels.cascades.search.searched import SearchedFrontier

#: Rows of the table.
_ROWS = 12


def searched_table(found: SearchedFrontier) -> TextTable:
    """Return some of the solve rates looked at with spend, bound and plan."""
    looked = found.solve_rates
    rates = looked[np.unique(np.linspace(0, len(looked) - 1, _ROWS).astype(int))]
    rows = [
        (percent(u, 2), number(c), number(x), number(b), percent(gap, 2), found.plan_at(u).summary)
        for u, c, x, b, gap in zip(
            rates,
            found.spend_at(rates),
            found.mixture_spend_at(rates),
            found.bound_at(rates),
            found.gap_at(rates),
            strict=True,
        )
    ]
    unit = f"{found.market.currency}/instance"
    closed = found.closed
    gaps = found.gap_at(found.solve_rates)
    note = (
        f"{len(found.names)} models; gap of the mixtures at most {percent(found.wanted_gap, 1)} at"
        f" {int(closed.sum())} of {len(closed)} solve rates"
    )
    if not closed.all():
        worst = int(np.nanargmax(gaps))
        note += (
            f", at most {percent(gaps[worst], 1)} (at"
            f" {percent(found.solve_rates[worst], 1)}) at the others"
        )
    return TextTable(
        f"Searched cascades of {found.market.name}: reach {percent(found.reach, 2)}",
        (
            "solve rate",
            f"one plan [{unit}]",
            "two, mixed",
            "lower bound",
            "gap",
            "plan",
        ),
        rows,
        f"{note}; lattices of up to {found.largest_lattice:,} states, {found.seconds:.1f} s.\n"
        "The bound holds for every policy, mixtures included."
        f" {found.convention}; in-sample.",
    )


def plot_searched(found: SearchedFrontier, axes: Axes | None = None) -> Axes:
    """Draw spend against solve rate: the models, single plans, mixtures, and the bound."""
    axes = new_axes(7.0, 3.6) if axes is None else axes
    plot_models(found, axes)
    rate = np.unique(np.concatenate([np.linspace(0, found.reach, 800), found.solve_rates]))
    axes.plot(
        100 * rate,
        found.spend_at(rate),
        color=ARBITRAGEUR_COLOUR,
        lw=1.2,
        drawstyle="steps-pre",
        label="Best single plan found",
    )
    axes.plot(
        100 * rate,
        found.mixture_spend_at(rate),
        color=ARBITRAGEUR_COLOUR,
        lw=2,
        ls=":",
        label="Two plans, mixed",
    )
    axes.plot(
        100 * rate,
        found.bound_at(rate),
        color="grey",
        lw=0.9,
        ls="--",
        label="Lower bound (any policy)",
    )
    axes.set_xlabel("Solve rate (%)")
    axes.set_ylabel(f"Expected spend ({found.market.currency} per instance)")
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.5 * float(found.mixture_spend_at(found.solve_rates[0])))
    axes.set_title(found.market.name)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return axes
