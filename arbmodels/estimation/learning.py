"""Learning a cascade from a limited search budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from arbmodels.cascades import AuthorsPolicy, authors_curve
from arbmodels.curves import default_budget_grid
from arbmodels.display import Displayed, TextTable, model_label, number, percent
from arbmodels.errors import InputError
from arbmodels.estimation.authors_search import AuthorsSearch, Records
from arbmodels.estimation.pooling import Prior, pooled_margins
from arbmodels.estimation.purchases import MOST_ATTEMPTS, buy
from arbmodels.market import Market
from arbmodels.passk import FloatArray

Learner = Literal["authors", "pooled"]
LEARNERS: tuple[Learner, ...] = ("authors", "pooled")
#: Solve rates count from so far below the best model's reach. (The authors take the last 0.05.)
SPAN = 0.055


@dataclass(frozen=True, eq=False, repr=False)
class LearnedPolicy(Displayed):
    """An allocation of dollars that was chosen after a search.

    Made by :func:`arbmodels.estimation.learn_policy`.

    Parameters
    ----------
    market : Market
        Where the search was.
    learner : {"authors", "pooled"}
    allocation : float array [2], currency units
        Budget of each stage.
    issues : int
        Bought, with repetitions.
    attempts : int
        Bought, of both models.
    spent : float, currency units
        On the search.
    expected_margin : float
        Mean margin that the learner expects, over the solve rates it looks at.
    """

    market: Market
    learner: Learner
    allocation: FloatArray
    issues: int
    attempts: int
    spent: float
    expected_margin: float

    def evaluate(self, market: Market) -> AuthorsPolicy:
        """Return what the allocation costs on a market, with the learner's budget grid."""
        return authors_curve(market, self.allocation.tolist(), default_budget_grid(self.market))

    def table(self) -> TextTable:
        """Return the stages and what the search was."""
        rows = [
            (model_label(model), number(budget))
            for model, budget in zip(self.market.models, self.allocation, strict=True)
        ]
        return TextTable(
            f"Cascade learnt on {self.market.name} ({self.learner} learner)",
            ("stage", f"budget [{self.market.currency}/instance]"),
            rows,
            f"Search: {self.attempts} attempts on {self.issues} issues for"
            f" {number(self.spent)} {self.market.currency}; expected mean margin"
            f" {percent(self.expected_margin)}.",
        )


def learn_policy(
    market: Market,
    search_budget: float,
    seed: int | np.random.Generator = 0,
    *,
    learner: Learner = "authors",
    most_attempts: int = MOST_ATTEMPTS,
    prior: Prior | None = None,
) -> LearnedPolicy:
    """Buy attempts for ``search_budget`` and choose one of the authors' 102 allocations.

    Parameters
    ----------
    market : Market
        Two models, the cheap one first, and a record of every pair, from which attempts are
        drawn (:func:`arbmodels.estimation.purchases.buy`).
    search_budget : float, currency units
    seed : int or Generator
    learner : {"authors", "pooled"}
        The authors' grid search on what was bought, taken at its word; or the same search on what
        was bought pooled with a prior over models and issues
        (:func:`arbmodels.estimation.pooling.pooled_margins`), better where little was bought.
    most_attempts : int
        Of each model per issue.
    prior : Prior, optional
        Of the pooled learner.

    Raises
    ------
    InputError
        If the market has not two models, or there is nothing to buy.
    """
    check(market, (learner,))
    rng = np.random.default_rng(seed)
    search = AuthorsSearch(default_budget_grid(market))
    bought = buy(market, search_budget, rng, most_attempts)
    margins = margins_of(learner, search, bought.records, prior or Prior())
    best = int(np.argmax(margins))
    first = search.first[best]
    return LearnedPolicy(
        market,
        learner,
        np.array([first, search.grid[-1] - first]),
        len(bought.rows),
        int(bought.records.attempts.sum()),
        bought.spent,
        float(margins[best]),
    )


def margins_of(
    learner: Learner, search: AuthorsSearch, records: Records, prior: Prior, span: float = SPAN
) -> FloatArray:
    """Return the mean margin a learner expects of every allocation, [A]."""
    if learner == "pooled":
        return pooled_margins(search, records, prior, span)
    return search.margins(search.failures(records), records.weight, span=span)


def check(market: Market, learners: tuple[Learner, ...]) -> None:
    """Refuse markets and learners that there is no learning with.

    Raises
    ------
    InputError
        If there are not two models or no such learner.
    """
    if len(market.models) != 2:
        raise InputError(
            f"Learning is for two models, the cheap one first; {market.name} has"
            f" {len(market.models)}: choose two with market.select(models=[...])."
        )
    for learner in learners:
        if learner not in LEARNERS:
            raise InputError(f"No learner {learner!r}; choose 'authors' or 'pooled'.")
