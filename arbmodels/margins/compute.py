"""Price and cost of every solve rate, by the exact method or the authors'."""

from __future__ import annotations

import numpy.typing as npt

from arbmodels.cascades import (
    AuthorsPolicy,
    Frontier,
    SearchedFrontier,
    authors_market_reach,
    authors_policy,
    cascade_frontier,
)
from arbmodels.curves import Curves
from arbmodels.errors import InputError
from arbmodels.estimation.rates import rates_up_to
from arbmodels.margins.result import Arbitrage, Method
from arbmodels.market import Market


def arbitrage(
    source: Market | Curves | Frontier | SearchedFrontier,
    *,
    method: Method = "exact",
    solve_rates: npt.ArrayLike | None = None,
) -> Arbitrage:
    r"""Compare the cheapest cascade with the cheapest single model at every solve rate.

    Market price at u: the least expected spend of one model that reaches u. Arbitrage cost: the
    same over all cascades (``exact``), or that of the authors' single allocation (``authors``).
    Margin: 1 - cost / price. Above the best single model's reach there is no price, and the
    margin is undefined.

    Parameters
    ----------
    source : Market, Curves, Frontier or SearchedFrontier
        A market is scored in whole attempts that stop at the record; give ``dollar_curves(market)``
        for the authors' convention, in which both methods compare. The authors' method takes a
        market of two models, the cheap one first, and brings it. More than four models: give
        :func:`arbmodels.search_frontier`, whose best single plans are compared.
    method : {"exact", "authors"}
    solve_rates : increasing array of probabilities, optional
        By default the authors' grid: 1,000 points from 0.68 to the best single model's reach
        (from 0.9 times the reach in markets that end below 0.70).

    Returns
    -------
    Arbitrage

    Raises
    ------
    InputError
        If a solve rate is no probability, or the method does not fit the source.

    Notes
    -----
    Olmedo, Schölkopf, Hardt (2026), section 3 and figure 1.
    """
    if method not in ("exact", "authors"):
        raise InputError(f"No method {method!r}; choose 'exact' or 'authors'.")
    answer: Frontier | SearchedFrontier | AuthorsPolicy
    if method == "authors":
        if not isinstance(source, Market):
            raise InputError("The authors' method brings its own curves: give it a market.")
        rates = rates_up_to(authors_market_reach(source), solve_rates)
        answer = authors_policy(source, rates)
    else:
        if isinstance(source, Frontier | SearchedFrontier):
            answer = source
        else:
            answer = cascade_frontier(source)
        rates = rates_up_to(answer.market_reach, solve_rates)
    return Arbitrage.of(answer, rates)
