"""Figure 2: two arbitrageurs compete, and the price falls to the arbitrage cost.

The paper's claim: two arbitrageurs who undercut each other in turn, each multiplying the price by
0.93, compete the market price down until it meets their cost; the margin is gone first at low
solve rates. At the paper's largest margin that takes seven full steps. The price they end at is the
equilibrium of Bertrand's game, which is checked by a search for better responses; with the exact
cascade it is lower still. The last column starts from prices and costs on issues that neither the
cascades nor the models' budgets were chosen on (cross-validated).

Source: Olmedo, Schölkopf, Hardt (2026), figure 2. Prices are for 500 issues.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

import arbmodels as arb
from paper_figures.common import Published, Record, describe, drawable, plain, thinned
from paper_figures.held_out import compared, proof
from paper_figures.style import POLICIES, legend, panels

TITLE = "Price competition"
DATA = "olmedo2026/swebench"
MODELS = ("gpt5mini", "deepseek")
QUICK = {"repeats": 1}

#: The paper states prices for this many issues.
ISSUES = 500
#: What each round multiplies the price by.
STEP = 0.93
CAPTION = (
    f"Two arbitrageurs undercut each other in turn, by {1 - STEP:.0%} a step, until the price is"
    " what it costs (above) and nothing is left of their margin (below)."
)

#: The paper states the step and the end in words. Seven full steps follow from its largest margin
#: (0.93^7 > 1 - 0.411 > 0.93^8), the solve rates from its range.
PUBLISHED = (
    Published("full steps until the price meets the cost", 7, 0.0, "steps"),
    Published("margin left in the end, at most", 0.0, 0.01, "%"),
    Published("margin is gone first at", 68.0, 0.5, "% solved"),
    Published("margin is gone last at", 75.495, 0.1, "% solved"),
)


def compute(market: arb.Market, repeats: int = 4) -> Record:
    """Return the price after every round for arbitrageurs of both kinds.

    Parameters
    ----------
    market : Market
    repeats : int
        Divisions into folds of the cross-validation.
    """
    frontier = arb.cascade_frontier(arb.dollar_curves(market))
    authors, exact = (
        (result, arb.games.undercut(result, STEP), arb.games.BertrandGame.from_arbitrage(result))
        for result in (arb.arbitrage(market, method="olmedo2026"), arb.arbitrage(frontier))
    )
    validated = arb.estimation.cross_validate_margin(frontier, repeats=repeats)
    worst = frontier.gap_at(exact[0].solve_rates)
    return {
        "market": describe(market),
        "unit": f"{market.currency} per {ISSUES} issues",
        "step": STEP,
        "accounting": {"authors": authors[0].billing, "exact": exact[0].billing},
        "values": {"authors": _values(*authors), "exact": _values(*exact)},
        "certificate": proof(100 * float(np.nanmax(worst))),
        "validation": compared(validated),
        "optimism": plain(validated.mean_optimism, 100),
        "paths": {
            "authors": _path(authors[1]),
            "exact": _path(exact[1]),
            "held out": _path(_held_out(validated)),
        },
    }


def _values(
    result: arb.Arbitrage, path: arb.games.UndercuttingPath, game: arb.games.BertrandGame
) -> dict[str, float | None]:
    before, after = path.prices[:-1], path.prices[1:]
    full = np.isclose(after, STEP * before, rtol=1e-9).sum(axis=0)
    rounds = np.where(result.margin > 0, path.rounds_to_cost, np.nan)
    first, last = float("nan"), float("nan")
    if np.isfinite(rounds).any():
        rates = result.solve_rates
        first = rates[np.nanargmin(rounds)]
        last = rates[len(rates) - 1 - np.nanargmax(rounds[::-1])]
    equilibrium = game.solve()
    return {
        "full steps until the price meets the cost": plain(full.max()),
        "margin left in the end, at most": plain(100 * np.nanmax(path.margins[-1])),
        "margin is gone first at": plain(100 * first),
        "margin is gone last at": plain(100 * last),
        "gain from deviating at the Bertrand price, at most": plain(equilibrium.epsilon),
        "price in the end over the Bertrand price, at most": plain(
            np.nanmax(path.limit / equilibrium.market_price)
        ),
    }


def _held_out(
    validated: arb.estimation.CrossValidatedMargin,
) -> arb.games.UndercuttingPath:
    """Let two arbitrageurs undercut each other from prices and costs on new issues."""
    held = validated.held_out
    sellers = [arb.games.Seller(f"arbitrageur {k}", held.cost) for k in (1, 2)]
    for model, price in zip(MODELS, held.model_prices.T, strict=True):
        sellers.append(arb.games.Seller(model, price))
    game = arb.games.BertrandGame(validated.solve_rates, tuple(sellers))
    return arb.games.undercut(game, STEP, start=held.price)


def _path(path: arb.games.UndercuttingPath) -> dict[str, Any]:
    kept = thinned(len(path.solve_rates))
    return {
        "solve_rate": plain(path.solve_rates[kept], 100),
        "cost": plain(path.cost[kept], ISSUES),
        "prices": plain(path.prices[:, kept], ISSUES),
        "margins": plain(path.margins[:, kept], 100),
    }


def draw(record: Record) -> Figure:
    """Draw prices above and what is left of the margin below, a column per method."""
    columns = len(POLICIES)
    figure, axes = panels(2, columns, 3.6, sharex=True, sharey="row", height_ratios=(3, 2))
    for column, (method, title) in enumerate(POLICIES.items()):
        prices, margins = axes[column], axes[columns + column]
        path = drawable(record["paths"][method])
        rounds = len(path["prices"]) - 1
        shades = colormaps["Greys"](np.linspace(1.0, 0.35, rounds + 1))
        named = {
            rounds: "After the last step",
            1: f"After 1 step (× {record['step']:g})",
            0: "Market price at first",
        }
        for k, shade in enumerate(shades):
            look: dict[str, Any] = {"color": shade, "lw": 0.8 if k else 1.3, "label": named.get(k)}
            prices.plot(path["solve_rate"], path["prices"][k], **look)
            margins.plot(path["solve_rate"], path["margins"][k], **look)
        look = {"color": arb.ARBITRAGEUR_COLOR, "lw": 1.1, "label": "Cost of the cascade"}
        prices.plot(path["solve_rate"], path["cost"], **look)
        prices.set_title(title)
        margins.xaxis.set_major_locator(MaxNLocator(3, integer=True))
        margins.set_xlim(path["solve_rate"][0], path["solve_rate"][-1])
    axes[columns].set_ylim(bottom=0)
    axes[columns + 1].set_xlabel("Solve rate (%)")
    axes[0].set_ylabel(f"Price ({record['unit']})")
    axes[columns].set_ylabel("Margin (%)")
    legend(figure, *axes[0].get_legend_handles_labels())
    return figure
