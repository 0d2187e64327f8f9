"""Figure 13 (not in the paper): equilibrium when providers re-price.

The paper keeps list prices fixed when arbitrage comes. Here GPT-5 mini and DeepSeek v3.2 choose
theirs: consumers of a solve rate have linear demand, arbitrageurs re-optimise the cascade at every
price, and the providers' prices are an equilibrium up to the epsilon written at the bars, found by
an independent search for a better price. Without arbitrage the two undercut each other nearly to
cost; an arbitrageur who buys from both makes them complements, and prices are higher than that.
Marginal costs are not known: 30% of the list price is assumed, and that nobody pays more than twice
the market price at list prices.

Source: ours (:func:`arbmodels.games.solve_providers`). Prices are for 500 issues.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

import arbmodels as arb
from paper_figures.common import Published, Record, describe, plain
from paper_figures.style import heading, in_style, panels

DATA = "olmedo2026/swebench"
MODELS = ("gpt5mini", "deepseek")
QUICK = {"rates": (0.72,), "seconds": 2.0}

#: Prices are stated for this many issues.
ISSUES = 500
MARGINAL_COST, CHOKE = 0.3, 2.0
#: Bars: whether providers re-price, and the number of arbitrageurs.
_CASES = {
    "List prices, no arbitrage": (False, 0),
    "List prices, two arbitrageurs": (False, 2),
    "Re-priced, no arbitrage": (True, 0),
    "Re-priced, one arbitrageur": (True, 1),
    "Re-priced, two arbitrageurs": (True, 2),
}
_LOOKS: tuple[dict[str, Any], ...] = (
    {"color": "0.8"},
    {"color": "0.55"},
    {"color": "#C2A5CF"},
    {"color": "#9970AB"},
    {"color": "#40004B"},
)
#: Nothing of this figure is in the paper.
PUBLISHED: tuple[Published, ...] = ()


def compute(
    market: arb.Market, rates: tuple[float, ...] = (0.70, 0.72, 0.74), seconds: float = 10.0
) -> Record:
    """Return prices, profits and certificates at some solve rates.

    Parameters
    ----------
    market : Market
    rates : tuple of float
        Solve rates, a game each.
    seconds : float
        Time limit per equilibrium; what is left undecided shows in its epsilon.
    """
    rows = []
    for rate in rates:
        game = arb.games.ProviderGame.from_market(
            market, [rate], choke=CHOKE, marginal_cost=MARGINAL_COST
        )
        rows += [
            {"solve_rate": plain(rate, 100), "case": name, **_row(game, *case, seconds)}
            for name, case in _CASES.items()
        ]
    return {
        "market": describe(market),
        "unit": f"{market.currency} per {ISSUES} issues",
        "marginal cost, share of the list price": MARGINAL_COST,
        "values": {"authors": {}, "exact": {}},
        "rows": rows,
    }


def _row(
    game: arb.games.ProviderGame, reprice: bool, arbitrageurs: int, seconds: float
) -> dict[str, Any]:
    """Return one bar's numbers; epsilon is 0 at list prices, where nobody chooses."""
    played = game.replace(arbitrageurs=arbitrageurs)
    multipliers, epsilon, kind = np.ones(len(game.players)), 0.0, "list"
    if reprice:
        found = arb.games.solve_providers(played, tolerance=1e-3, time_limit=seconds)
        result, multipliers = found.outcome, found.prices
        epsilon, kind = found.relative_epsilon, found.kind
    else:
        result = arb.games.outcome(played, multipliers)
    measures = result.measures()
    return {
        "kind": kind,
        "epsilon": plain(epsilon, 100),
        "multipliers": plain(multipliers),
        "price": plain(measures["mean_price"], ISSUES),
        "provider_profit": plain(measures["provider_profit"], ISSUES),
        "arbitrageur_profit": plain(measures["arbitrageur_profit"], ISSUES),
        "consumer_surplus": plain(measures["consumer_surplus"], ISSUES),
    }


@in_style
def draw(record: Record) -> Figure:
    """Draw market price and providers' profit as bars, with the equilibria's epsilon."""
    figure, axes = panels(2, 1, 4.0, sharex=True)
    rates = list(dict.fromkeys(row["solve_rate"] for row in record["rows"]))
    width = 0.8 / len(_CASES)
    for axis, measure in zip(axes, ("price", "provider_profit"), strict=True):
        for k, (name, look) in enumerate(zip(_CASES, _LOOKS, strict=True)):
            rows = [row for row in record["rows"] if row["case"] == name]
            place = np.arange(len(rates)) + (k - (len(_CASES) - 1) / 2) * width
            heights = np.array([row[measure] for row in rows], dtype=float)
            axis.bar(place, heights, 0.92 * width, label=name, **look)
            for x, y, row in zip(place, heights, rows, strict=True):
                if axis is axes[0] and row["kind"] != "list":
                    text = f" ε {row['epsilon']:.1g}%" if row["epsilon"] >= 1e-3 else " ε 0"
                    axis.text(x, y, text, rotation=90, ha="center", va="bottom", fontsize=5.5)
        axis.grid(visible=False, axis="x")
    axes[0].margins(y=0.25)
    axes[0].set_ylabel(f"Market price\n({record['unit']})")
    axes[1].set_ylabel(f"Providers' profit\n({record['unit']} asked)")
    axes[1].set_xticks(np.arange(len(rates)), [f"{rate:g}" for rate in rates])
    axes[1].set_xlabel("Solve rate (%)")
    heading(figure, "Providers re-price", record["market"], *axes[0].get_legend_handles_labels())
    return figure
