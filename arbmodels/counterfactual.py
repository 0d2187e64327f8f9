"""What if a model cost something else: margin and routing, before and after, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from arbmodels._checks import mapping_of, number_of
from arbmodels._pandas import pd
from arbmodels.display import ARBITRAGEUR_COLOR, Displayed, TextTable, new_axes, number, percent
from arbmodels.errors import InputError
from arbmodels.margins import Arbitrage, arbitrage
from arbmodels.market import Market
from arbmodels.passk import FloatArray
from arbmodels.routing import RoutingProblem, RoutingResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Solve rates of a table by default.
_RATES = 7


@dataclass(frozen=True, eq=False, repr=False)
class WhatIf(Displayed):
    """A market before and after prices change. Made by :func:`what_if`.

    Parameters
    ----------
    factors : dict
        Model -> factor of its costs.
    markets : tuple of two Markets
        Before and after.
    solve_rates : float array [U]
    margins : tuple of two Arbitrages, or None
        Over the solve rates; None where outcomes are scores.
    routes : tuple of two RoutingResults, or None
        Under the budget; None without one.
    """

    factors: dict[str, float]
    markets: tuple[Market, Market]
    solve_rates: FloatArray
    margins: tuple[Arbitrage, Arbitrage] | None
    routes: tuple[RoutingResult, RoutingResult] | None

    def to_frame(self) -> pd.DataFrame:
        """Return one row per solve rate: price, cost and margin, before and after."""
        frame = pd.DataFrame({"solve_rate": self.solve_rates})
        for when, found in zip(("before", "after"), self.margins or (), strict=False):
            frame[f"price_{when}"] = found.market_price
            frame[f"cost_{when}"] = found.arbitrage_cost
            frame[f"margin_{when}"] = found.margin
        return frame

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain values, ready for JSON."""
        return {
            "factors": self.factors,
            "margins": None if self.margins is None else [each.to_dict() for each in self.margins],
            "routes": None if self.routes is None else [each.to_dict() for each in self.routes],
        }

    def table(self) -> TextTable:
        """Return margins over solve rates, and what the router would do."""
        unit = self.markets[0].currency
        rows = [
            (
                percent(row["solve_rate"], 2),
                number(row["price_before"]),
                number(row["price_after"]),
                percent(row["margin_before"]),
                percent(row["margin_after"]),
            )
            for row in (self.to_frame().to_dict("records") if self.margins else ())
        ]
        changed = ", ".join(f"{model} x {number(each, 3)}" for model, each in self.factors.items())
        notes = []
        for when, result in zip(("before", "after"), self.routes or (), strict=False):
            served = ", ".join(f"{count} {plan}" for plan, count in result.counts.items())
            notes.append(
                f"routing {when}: {result.problem.plan_table.rate}"
                f" {percent(result.solve_rate, 2)} for {number(result.spend)} {unit} ({served})"
            )
        return TextTable(
            f"What if on {self.markets[0].name}: {changed}",
            (
                "solve rate",
                f"market price [{unit}/instance]",
                "then",
                "margin",
                "then ",
            ),
            rows,
            "\n".join(notes) or "in-sample",
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the margin over solve rates, before (dashed) and after."""
        if self.margins is None:
            raise InputError("There are no margins of scores to draw; see table().")
        ax = new_axes() if ax is None else ax
        for found, style, label in zip(self.margins, ("--", "-"), ("before", "after"), strict=True):
            ax.plot(
                100 * self.solve_rates,
                100 * found.margin,
                ls=style,
                color=ARBITRAGEUR_COLOR,
                label=label,
            )
        ax.set_xlabel("Solve rate (%)")
        ax.set_ylabel("Margin (%)")
        ax.legend(frameon=False)
        return ax


def what_if(
    market: Market,
    factors: Mapping[str, float],
    *,
    solve_rates: npt.ArrayLike | None = None,
    budget: float | None = None,
) -> WhatIf:
    """Re-solve margin and routing with some models' costs changed.

    Parameters
    ----------
    market : Market
    factors : mapping
        Model -> factor of its costs: 0.5 for half of them, at least 0.
    solve_rates : float array [U], optional
        Where margins are compared; seven, over the range of both markets, by default.
    budget : float, currency units over all instances, optional
        Routes under it, too: the best choice of one attempt per instance.

    Raises
    ------
    InputError
        If a model is unknown or a factor negative, or there is nothing to solve (scores without a
        budget).

    Examples
    --------
    >>> market = Market(["small", "large"], ["a", "b"], [[1, 1], [1, 1]], [[1, 1], [0, 1]],
    ...                 [[0.1, 1.0], [0.1, 1.0]])
    >>> what_if(market, {"large": 0.5}, solve_rates=[1.0]).to_frame()["price_after"].tolist()
    [0.5]
    """
    given = {
        str(model): number_of(factor, f"the factor of {model}", 0)
        for model, factor in mapping_of(factors, "factors").items()
    }
    if not given:
        raise InputError("factors names no model; give {'MODEL': 0.5}, say.")
    markets = market, market.scale_costs(given)
    if market.graded is not None and budget is None:
        raise InputError(
            f"{market.name}: scores have no margin without market.accept(at=...); give a budget to"
            " route under, or accept scores first."
        )
    margins, rates = None, np.zeros(0)
    if market.graded is None:
        if solve_rates is None:
            found = [arbitrage(each) for each in markets]
            low = max(float(each.solve_rates[0]) for each in found)
            high = min(each.market_max_solve_rate for each in found)
            rates = np.linspace(min(low, high), high, _RATES)
        else:
            rates = np.atleast_1d(np.asarray(solve_rates, dtype=float))
        before, after = (arbitrage(each, solve_rates=rates) for each in markets)
        margins = before, after
    routes = None
    if budget is not None:
        first, second = (RoutingProblem(each).add_budget(budget).solve() for each in markets)
        routes = first, second
    return WhatIf(given, markets, rates, margins, routes)
