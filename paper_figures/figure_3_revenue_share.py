"""Figure 3: who receives the customers' money, without arbitrage and with it.

The paper's claim: without arbitrage GPT-5 mini takes all revenue below about 71% and DeepSeek v3.2
all above. With an arbitrageur who sells at the market price both earn across the range, and their
joint revenue falls, to about 59% of the former at 75.5%. The exact cascade buys the same solve
rates for less, and from other providers. The last panel shows the shares on issues that the cascade
was not chosen on (cross-validated): the arbitrageur's is smaller by the optimism.

Cascades that cost nearly the same can pay the two providers differently. ``drawn`` in the record,
which the picture shows, settles these ties by one rule (:func:`paper_figures.methods.untied`);
``shares``, as the cheapest cascade of every solve rate pays, does not.

Source: Olmedo, Schölkopf, Hardt (2026), figure 3. Shares are of the market price.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

import arbmodels as arb
from paper_figures.common import Published, Record, at, describe, plain, thinned
from paper_figures.held_out import compared, held_out_shares, proof
from paper_figures.methods import TIE_RULE, untied
from paper_figures.style import POLICIES, draw_shares

TITLE = "Revenue shares"
CAPTION = f"Who receives what customers pay, by the solve rate they ask for. {TIE_RULE}"
DATA = "olmedo2026/swebench"
MODELS = ("gpt5mini", "deepseek")
QUICK = {"repeats": 1}

#: The paper says "about": at 71% these sum to 98, and its own margin there is 22.6, not 20.
_PUBLISHED_SHARES = {
    "71%": {"GPT-5 mini": 40.0, "DeepSeek v3.2": 38.0, "arbitrageur": 20.0},
    "75.5%": {"GPT-5 mini": 14.0, "DeepSeek v3.2": 46.0, "arbitrageur": 40.0},
}
_TOLERANCES = {"71%": 3.0, "75.5%": 1.5}

PUBLISHED = (
    Published("without arbitrage DeepSeek v3.2 takes over at", 71.0, 0.5, "% solved"),
    *(
        Published(f"{who} at {rate}", share, _TOLERANCES[rate], "%")
        for rate, shares in _PUBLISHED_SHARES.items()
        for who, share in shares.items()
    ),
    Published("both providers at 75.5%", 59.0, 1.0, "%"),
)

#: How much beyond the last solve rate the paper's rounding may be.
_NEAR = 0.0001


def compute(market: arb.Market, repeats: int = 4) -> Record:
    """Return the shares of the revenue without an arbitrageur and with one of either kind.

    Parameters
    ----------
    market : Market
    repeats : int
        Divisions into folds of the cross-validation.
    """
    authors = arb.arbitrage(market, method="olmedo2026")
    frontier = arb.cascade_frontier(arb.dollar_curves(market))
    exact = arb.arbitrage(frontier)
    rates = exact.solve_rates[thinned(len(exact.solve_rates))]
    validated = arb.estimation.cross_validate_margin(frontier, solve_rates=rates, repeats=repeats)
    gap = 100 * float(np.nanmax(frontier.gap_at(exact.solve_rates)))
    return {
        "market": describe(market),
        "unit": "% of the market price",
        "accounting": {"authors": authors.billing, "exact": exact.billing},
        "values": {"authors": _values(authors), "exact": _values(exact)},
        "certificate": proof(gap),
        "validation": compared(validated),
        "optimism": plain(validated.mean_optimism, 100),
        "shares": {
            "none": _shares(authors, arbitrageur=False),
            "authors": _shares(authors, arbitrageur=True),
            "exact": _shares(exact, arbitrageur=True),
            "held out": {
                "solve_rate": plain(rates, 100),
                **dict(
                    zip(
                        (*MODELS, "arbitrageur"),
                        plain(held_out_shares(validated), 100),
                        strict=True,
                    )
                ),
            },
        },
        "drawn": {"authors": _drawn(authors), "exact": _drawn(exact)},
    }


def _values(result: arb.Arbitrage) -> dict[str, float | None]:
    alone = result.revenue_shares(arbitrageur=False)
    after = alone.index[alone[MODELS[1]] > 0]
    values = {"without arbitrage DeepSeek v3.2 takes over at": plain(100 * after.min())}
    for name, target in (("71%", 0.71), ("75.5%", 0.755)):
        first, second, arbitrageur = _at(result, target)
        values[f"GPT-5 mini at {name}"] = plain(first, 100)
        values[f"DeepSeek v3.2 at {name}"] = plain(second, 100)
        values[f"arbitrageur at {name}"] = plain(arbitrageur, 100)
        values[f"both providers at {name}"] = plain(first + second, 100)
    return values


def _at(result: arb.Arbitrage, solve_rate: float) -> tuple[float, float, float]:
    """Return the shares at a solve rate; at the last one if it is hardly further; else NaN."""
    rates = result.solve_rates
    # "75.5%" is the paper's rounding of the last one.
    target = rates[-1] if 0 < solve_rate - rates[-1] <= _NEAR else solve_rate
    columns = result.revenue_shares().to_numpy().T
    first, second, arbitrageur = (at(rates, column, target) for column in columns)
    return first, second, arbitrageur


def _shares(result: arb.Arbitrage, *, arbitrageur: bool) -> dict[str, Any]:
    shares = result.revenue_shares(arbitrageur=arbitrageur)
    kept = thinned(len(shares))
    columns = {str(name): plain(column, 100) for name, column in shares.iloc[kept].items()}
    return {"solve_rate": plain(shares.index[kept], 100), **columns}


def _drawn(result: arb.Arbitrage) -> list[list[float | None]]:
    """Return the shares that are drawn, by row, at the solve rates of the others."""
    kept = thinned(len(result.solve_rates))
    cost = np.fmin(result.arbitrage_cost, result.market_price)[kept]
    shares = result.revenue_shares().to_numpy().T[:, kept]
    drawn: list[list[float | None]] = plain(untied(result.solve_rates[kept], cost, shares), 100)
    return drawn


def draw(record: Record) -> Figure:
    """Draw the shares on top of each other, one panel per market."""
    return draw_shares(record, POLICIES)
