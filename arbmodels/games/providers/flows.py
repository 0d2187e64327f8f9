"""Pictures of the provider game: where the consumers' money goes, prices, best responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arbmodels.display import ARBITRAGEUR_COLOUR, model_colour, model_label, new_axes
from arbmodels.games.providers.game import ProviderGame
from arbmodels.games.providers.responses import best_response
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from arbmodels.games.providers.outcome import Outcome


def plot_flows(outcome: Outcome, axes: Axes | None = None) -> Axes:
    """Stack what providers sell directly, what they sell to arbitrageurs, and what those keep."""
    axes = new_axes() if axes is None else axes
    game = outcome.game
    rates = 100 * game.consumers.solve_rates
    parts, colours, labels, hatches = [], [], [], []
    for k, name in enumerate(game.players):
        colour = model_colour(name, game.players)
        for values, how, hatch in (
            (outcome.direct, "direct", ""),
            (outcome.resold, "resold", "//"),
        ):
            if np.any(values[:, k] > 0):
                parts.append(values[:, k])
                colours.append(colour)
                labels.append(f"{model_label(name)}, {how}")
                hatches.append(hatch)
    kept = outcome.kept + outcome.overhead
    if np.any(kept > 1e-12):
        parts.append(kept)
        colours.append(ARBITRAGEUR_COLOUR)
        labels.append("Arbitrageurs")
        hatches.append("")
    if len(rates) == 1:
        below = 0.0
        for part, colour, label, hatch in zip(parts, colours, labels, hatches, strict=True):
            axes.bar(
                [f"{rates[0]:.1f}"],
                part,
                bottom=below,
                color=colour,
                label=label,
                hatch=hatch,
                edgecolor="white",
                width=0.4,
            )
            below += float(part[0])
    elif parts:
        drawn = axes.stackplot(rates, *parts, colors=colours, labels=labels)
        for area, hatch in zip(drawn, hatches, strict=True):
            area.set_hatch(hatch)
            area.set_edgecolor("white")
            area.set_linewidth(0.3)
    axes.set_xlabel("Solve rate (%)")
    axes.set_ylabel(f"Spend per consumer ({game.currency})")
    axes.set_title("Where consumers' money goes")
    axes.legend(frameon=False, fontsize="small", loc="upper left")
    return axes


def plot_prices(outcome: Outcome, axes: Axes | None = None) -> Axes:
    """Draw the consumers' price over the solve rates against the models' list prices."""
    axes = new_axes() if axes is None else axes
    game = outcome.game
    rates = 100 * game.consumers.solve_rates
    single = np.array([menu.single for menu in game.menus])
    for m, name in enumerate(game.models):
        price = np.where(np.isfinite(single[:, m]), single[:, m], np.nan)
        axes.plot(
            rates,
            price,
            ls="--",
            lw=1.2,
            color=model_colour(name, game.models),
            label=f"{model_label(name)}, list price",
            marker="o" * (len(rates) == 1),
        )
    axes.plot(
        rates,
        outcome.consumer_price,
        lw=2,
        color="black",
        label="What consumers pay",
        marker="o" * (len(rates) == 1),
    )
    top = np.nanmax(
        np.append(outcome.consumer_price, np.where(np.isfinite(single), single, 0).min(axis=1))
    )
    if np.isfinite(top):
        axes.set_ylim(0, 1.6 * top)
    axes.set_xlabel("Solve rate (%)")
    axes.set_ylabel(f"Price ({game.currency} per instance)")
    axes.legend(frameon=False, fontsize="small")
    return axes


def plot_responses(game: ProviderGame, axes: Axes | None = None, points: int = 80) -> Axes:
    """Draw both movers' exact best responses to each other; they meet in pure equilibria.

    Parameters
    ----------
    game : ProviderGame
        With two movers.
    axes : Axes, optional
    points : int
        Rival prices, from 0.05 to 2.5 times the list price.
    """
    axes = new_axes(4.2, 4.0) if axes is None else axes
    rivals = np.linspace(0.05, 2.5, points)
    first, second = game.movers
    for own, other in ((first, second), (second, first)):
        prices: FloatArray = np.ones((points, len(game.players)))
        prices[:, other] = rivals
        answers = np.array([best_response(game, own, row).price for row in prices])
        answers = np.minimum(answers, 3.0)
        colour = model_colour(game.players[own], game.players)
        x, y = (answers, rivals) if own == first else (rivals, answers)
        axes.plot(
            x,
            y,
            ".",
            ms=4,
            color=colour,
            label=f"Best response of {model_label(game.players[own])}",
        )
    axes.set_xlabel(f"Multiplier of {model_label(game.players[first])}")
    axes.set_ylabel(f"Multiplier of {model_label(game.players[second])}")
    axes.set_title("Best responses (3 stands for 3 and more)", fontsize="medium")
    axes.legend(frameon=False, fontsize="small")
    return axes
