"""What a search budget buys: attempts on issues drawn at random, paid at their price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arbmodels.errors import InputError
from arbmodels.estimation.authors_search import Records
from arbmodels.estimation.kernels import IntArray
from arbmodels.market import Market

#: Attempts of each model on an issue that is bought, unless fewer are recorded. With it the
#: published means of the authors' robustness study come out (see benchmarks/learning_robustness).
MOST_ATTEMPTS = 12


@dataclass(frozen=True, eq=False)
class Bought:
    """Attempts that were bought.

    Parameters
    ----------
    rows : int array [n]
        The issues; one that was drawn twice is there twice.
    records : Records
        Of these issues, equally weighted.
    spent : float, currency units
    """

    rows: IntArray
    records: Records
    spent: float


def buy(
    market: Market,
    dollars: float,
    rng: np.random.Generator,
    most_attempts: int = MOST_ATTEMPTS,
    counted: Sequence[str] | None = None,
) -> Bought:
    """Spend ``dollars`` on attempts of every model.

    Issues are drawn with replacement until the money is spent; the last one is paid in full, so
    that there is at least one. On each, every model makes up to ``most_attempts`` of its recorded
    attempts, drawn without replacement, at the pair's price.

    Parameters
    ----------
    market : Market
        Every pair recorded.
    dollars : float, currency units
    rng : Generator
    most_attempts : int
    counted : sequence of str, optional
        Models whose attempts are paid from the budget; all by default. Others are free.

    Raises
    ------
    InputError
        If there is nothing to spend, no attempt to buy, or a pair without a record.
    """
    if not (0 < dollars < np.inf):
        raise InputError(f"The search budget is {dollars:g}; it must be positive and finite.")
    if most_attempts < 1:
        raise InputError(f"most_attempts is {most_attempts}; it must be at least 1.")
    if not market.recorded.all():
        raise InputError(
            f"{market.name}: some pairs have no record and cannot be bought; use"
            " market.intersection()."
        )
    attempts = np.minimum(market.attempts, most_attempts)
    paid = np.isin(market.models, market.models if counted is None else counted)
    price = (attempts * market.cost)[:, paid].sum(axis=1)
    if not price.any():
        raise InputError(
            f"Nothing is counted: choose from {', '.join(market.models)}, not {counted!r}."
        )
    drawn: list[IntArray] = []
    spent, count = 0.0, 1 + int(1.2 * dollars / (market.weight @ price))
    while spent < dollars:
        drawn.append(rng.choice(len(price), size=count, p=market.weight))
        spent += float(price[drawn[-1]].sum())
    rows = np.concatenate(drawn)
    total = np.cumsum(price[rows])
    rows = rows[: int(np.searchsorted(total, dollars)) + 1]
    chosen, solved = attempts[rows], market.successes[rows]
    successes = rng.hypergeometric(solved, market.attempts[rows] - solved, chosen)
    weight = np.full(len(rows), 1.0 / len(rows))
    records = Records(chosen, successes, market.cost[rows], weight)
    return Bought(rows, records, float(total[len(rows) - 1]))
