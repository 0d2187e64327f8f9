"""Figure 13 (not in the paper): equilibrium when providers re-price.

The paper keeps list prices fixed when arbitrage comes. Here GPT-5 mini and DeepSeek v3.2 choose
theirs: consumers of a solve rate have linear demand, arbitrageurs re-optimise the cascade at every
price, and the providers' prices are an equilibrium up to a stated epsilon, found by an independent
search for a better price. Without arbitrage the two undercut each other nearly to
cost; an arbitrageur who buys from both makes them complements, and prices are higher than that.
Circles are what the same prices lead to on issues that the arbitrageurs' cascades and the
consumers' budgets were not chosen on (cross-validated): the providers' prices are kept, everything
bought at them is scored anew. Without arbitrage re-priced offers may tie, and which of them
sells on new issues would be an accident: there is no held-out profit.
Marginal costs are not known: 30% of the list price is assumed, and that nobody pays more than twice
the market price at list prices.

Source: ours (:meth:`arbmodels.games.ProviderGame.solve`). Prices are for 500 issues.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

import arbmodels as arb
from paper_figures.allocations import FloatArray
from paper_figures.common import Published, Record, describe, plain
from paper_figures.held_out import at_most
from paper_figures.style import legend, panels

TITLE = "Providers' new prices"
DATA = "olmedo2026/swebench"
MODELS = ("gpt5mini", "deepseek")
QUICK = {"rates": (0.72,), "seconds": 2.0, "ratios": 3}

#: Prices are stated for this many issues.
ISSUES = 500
MARGINAL_COST, CHOKE = 0.3, 2.0
CAPTION = (
    "What customers pay and what both providers earn, at list prices and once providers have chosen"
    f" new ones in equilibrium. Assumed: a marginal cost of {MARGINAL_COST:.0%} of the list price,"
    " and linear demand that ends at twice the market price at list prices."
)
#: Largest gain over profit at which prices count as an equilibrium.
TOLERANCE = 1e-3
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
_HELD_OUT: dict[str, Any] = {
    "ls": "",
    "marker": "o",
    "ms": 3.2,
    "mew": 0.8,
    "mfc": "white",
    "mec": "black",
}
#: Nothing of this figure is in the paper.
PUBLISHED: tuple[Published, ...] = ()


def compute(
    market: arb.Market,
    rates: tuple[float, ...] = (0.70, 0.72, 0.74),
    seconds: float = np.inf,
    ratios: int = 9,
) -> Record:
    """Return prices, profits and certificates at some solve rates.

    Parameters
    ----------
    market : Market
    rates : tuple of float
        Solve rates, a game each.
    seconds : float
        Time limit per equilibrium, none by default; what is left undecided shows in its epsilon,
        and is marked where that is above ``TOLERANCE``.
    ratios : int
        Ratios of the two multipliers, from 1/4 to 4, at which cascades are cross-validated.
    """
    validated = _validated(market, rates, np.geomspace(0.25, 4.0, ratios))
    rows = []
    for rate, bought in zip(rates, validated, strict=True):
        game = arb.games.ProviderGame.from_market(
            market, [rate], choke_multiple=CHOKE, marginal_cost=MARGINAL_COST
        )
        rows += [
            {
                "solve_rate": plain(rate, 100),
                "case": name,
                **_row(game, bought, *case, seconds),
            }
            for name, case in _CASES.items()
        ]
    epsilon = max(row["epsilon"] for row in rows)
    changes = [
        row["held out"]["price"] / row["scored in sample"]["price"] - 1
        for row in rows
        if row["held out"] is not None and _CASES[row["case"]][1]
    ]
    mean = 100 * float(np.mean(changes)) if changes else None
    missed = sum(not row["settled"] for row in rows)
    words = (
        "no solve rate is reached"
        if mean is None
        else f"market prices {round(mean, 1) + 0.0:+.1f}%"
    )
    return {
        "market": describe(market),
        "unit": f"{market.currency} per {ISSUES} issues",
        "marginal cost, share of the list price": MARGINAL_COST,
        "certificate": f"Proven: no provider gains over {at_most(epsilon, 2)}% of its profit by any"
        " other price, by exact best responses."
        + f" Hatched bars ({missed}) are no equilibria: above {at_most(100 * TOLERANCE, 2)}%."
        * bool(missed),
        "validation": "Held out (5 folds), the same providers' prices, mean of the cases with"
        f" arbitrageurs: {words}.",
        "optimism": mean,
        "values": {"authors": {}, "exact": {}},
        "rows": rows,
    }


class _Bought(NamedTuple):
    """What is bought at one ratio of multipliers, in dollars at list prices.

    ``single`` [M] is the cost of each model alone, ``expected`` [M] what the cascade spends on
    each; NaN where the solve rate is out of reach.
    """

    ratio: float
    single: FloatArray
    expected: FloatArray


def _validated(
    market: arb.Market, rates: tuple[float, ...], ratios: FloatArray
) -> list[dict[str, list[_Bought]]]:
    """Cross-validate cascades for every solve rate at some ratios of the two multipliers."""
    found: list[dict[str, list[_Bought]]] = [
        {"held out": [], "scored in sample": []} for _ in rates
    ]
    for ratio in ratios.tolist():
        multipliers = np.array([np.sqrt(ratio), 1.0 / np.sqrt(ratio)])
        priced = replace(market, cost=market.cost * multipliers)
        # Twice as wide as at list prices on both ends: multipliers are between one half and two.
        curves = arb.dollar_curves(priced, arb.budget_grid(5e-5, 2.0, 289))
        scores = arb.estimation.cross_validate_margin(curves, solve_rates=rates, repeats=1)
        for name, each in (("held out", scores.held_out), ("scored in sample", scores.in_sample)):
            single = each.model_prices / multipliers
            expected = np.asarray(each.spend_by_model) / multipliers
            for u, at_rate in enumerate(found):
                at_rate[name].append(_Bought(ratio, single[u], expected[u]))
    return found


def _row(
    game: arb.games.ProviderGame,
    validated: dict[str, list[_Bought]],
    reprice: bool,
    arbitrageurs: int,
    seconds: float,
) -> dict[str, Any]:
    """Return one bar's numbers; epsilon is 0 at list prices, where nobody chooses."""
    played = game.replace(arbitrageurs=arbitrageurs)
    multipliers, epsilon, kind, settled = np.ones(len(game.players)), 0.0, "list", True
    strategies = tuple(arb.games.Strategy(np.ones(1), np.ones(1)) for _ in game.players)
    if reprice:
        found = played.solve(tolerance=TOLERANCE, time_limit=seconds)
        result, multipliers = found.outcome, found.prices
        epsilon, kind, strategies = found.relative_epsilon, found.kind, found.strategies
        settled = found.converged
    else:
        result = arb.games.outcome(played, multipliers)
    measures = result.measures()
    scored = {name: _scored(played, strategies, each) for name, each in validated.items()}
    if reprice and not arbitrageurs:
        # The two offers may cost the same; which is cheaper on other issues is an accident.
        for each in scored.values():
            if each is not None:
                each["provider_profit"] = None
    return {
        "kind": kind,
        "epsilon": plain(epsilon, 100),
        "settled": settled,
        "multipliers": plain(multipliers),
        "price": plain(measures["mean_price"], ISSUES),
        "provider_profit": plain(measures["provider_profit"], ISSUES),
        "arbitrageur_profit": plain(measures["arbitrageur_profit"], ISSUES),
        "consumer_surplus": plain(measures["consumer_surplus"], ISSUES),
        **scored,
    }


def _scored(
    game: arb.games.ProviderGame,
    strategies: Sequence[arb.games.Strategy],
    bought: Sequence[_Bought],
) -> dict[str, Any] | None:
    """Return mean price and providers' profit where everything bought is as given.

    Prices are evenly spaced quantiles of the strategies, and what is bought is that of the nearest
    ratio of multipliers. None where a solve rate is out of reach.
    """
    quantiles = [_quantiles(each) for each in strategies]
    prices = np.stack(np.meshgrid(*quantiles, indexing="ij"), axis=-1).reshape(-1, 2)
    logs = np.log([each.ratio for each in bought])
    nearest = np.abs(np.log(prices[:, :1] / prices[:, 1:]) - logs).argmin(axis=1)
    sold, paid, profit = 0.0, 0.0, 0.0
    for k in np.unique(nearest):
        single, expected = bought[k].single, bought[k].expected
        if not np.isfinite(expected).all():
            return None
        cascade_set = arb.games.CascadeSet(
            game.cascade_sets[0].solve_rate,
            game.models,
            expected[None],
            np.where(np.isfinite(single), single, np.inf),
            False,
        )
        here, rows = game.replace(cascade_sets=(cascade_set,)), prices[nearest == k]
        served = here.served(0, rows)
        sold += float(served.sold.sum())
        paid += float((served.sold * served.price).sum())
        profit += float(here.profits(rows).sum())
    return {
        "price": plain(paid / sold if sold else np.nan, ISSUES),
        "provider_profit": plain(profit / len(prices), ISSUES),
    }


def _quantiles(strategy: arb.games.Strategy, count: int = 40) -> FloatArray:
    """Return evenly spaced quantiles of a price; one if it is certain."""
    order = np.argsort(strategy.price)
    below = np.cumsum(strategy.probability[order])
    at = (np.arange(count) + 0.5) / count if len(order) > 1 else np.array([0.5])
    return strategy.price[order][np.minimum(np.searchsorted(below, at), len(order) - 1)]


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
            bars = axis.bar(place, heights, 0.92 * width, label=name, **look)
            for bar, row in zip(bars, rows, strict=True):
                if not row["settled"]:
                    bar.set_hatch("xxx")
                    bar.set_edgecolor("white")
            held_out = [(row["held out"] or {}).get(measure) for row in rows]
            new = np.array(held_out, dtype=float)
            axis.plot(place, new, **_HELD_OUT)
        axis.grid(visible=False, axis="x")
    (circles,) = axes[0].plot([], [], **_HELD_OUT, label="The same, cross-validated")
    axes[0].set_ylim(bottom=0)
    assumed = f"Assumed: marginal cost {MARGINAL_COST:.0%} of list price, linear demand"
    axes[0].set_title(assumed, fontsize=6.5)
    axes[0].set_ylabel(f"Market price\n({record['unit']})")
    axes[1].set_ylabel(f"Providers' profit\n({record['unit']} asked)")
    axes[1].set_xticks(np.arange(len(rates)), [f"{rate:g}" for rate in rates])
    axes[1].set_xlabel("Solve rate (%)")
    handles, labels = axes[0].get_legend_handles_labels()
    # Lines come first there.
    handles, labels = [*handles[1:], circles], [*labels[1:], str(circles.get_label())]
    legend(figure, handles, labels)
    return figure
