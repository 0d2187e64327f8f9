r"""Learning a cascade from a limited search budget.

A search budget buys attempts on issues drawn at random, paid at their price. Then one of the
paper's 102 allocations is chosen. :func:`arbmodels.paper_policy` evaluates one after the other;
here everything that does not depend on the data is made once: where on the budget grid each
allocation's stages meet, and with which weights; then a sample costs one matrix product and one
pass over its curves.

A few bought issues may be pooled with a prior over models and issues. The issues of a market are
draws from an unknown distribution G over (solve probabilities, prices) of the models. With a
Dirichlet-process prior of base :math:`G_0` and strength :math:`n_0`, its posterior mean after n
issues is

.. math:: \frac{n_0 G_0 + n \hat G_n}{n_0 + n},

what was seen and :math:`n_0` issues of the prior's making. Little was bought: the prior decides;
much: it does not matter any more.

The base pools over models and issues. An issue is impossible with probability ``impossible``, else
of a difficulty z ~ N(0, 1) that it has for both models, and
:math:`\operatorname{logit} p_m = \mu_m + \sigma z + \tau \varepsilon_m` with
:math:`\varepsilon_m \sim N(0, 1)`. The skill :math:`\mu_m` is such that the mean solve rate is
what was seen of model m, shrunk to a common 1/2 by ``strength`` issues. Prices are the model's
mean price, which is seen exactly enough with one issue.

References
----------
Olmedo, Schölkopf, Hardt, *Computational arbitrage in AI model markets*, arXiv 2603.22404 (2026),
figure 4.

Ferguson, *A Bayesian analysis of some nonparametric problems*, Annals of Statistics 1 (1973).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from arbmodels._compiling import compiled
from arbmodels.cascades import PaperPolicy, paper_curve
from arbmodels.cascades.olmedo import _SEARCHED_SHARES
from arbmodels.curves import SMALLEST_BUDGET, default_budget_grid, log_linear_weights
from arbmodels.display import Displayed, TextTable, number, percent
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import FloatArray

IntArray = npt.NDArray[np.int64]


@compiled
def unsolved_at(
    grid: FloatArray, attempts: IntArray, successes: IntArray, cost: FloatArray
) -> FloatArray:  # pragma: no cover - compiled
    """Return 1 - pass@floor(b / q), unbiased and frozen at the record, for every budget b, [N, B].

    Parameters
    ----------
    grid : increasing float array [B], currency units
    attempts, successes : int arrays [N]
    cost : float array [N], currency units per attempt
    """
    failure = np.ones((len(attempts), len(grid)))
    for i in range(len(attempts)):
        n, c = attempts[i], successes[i]
        made, left = 0, 1.0
        for b in range(len(grid)):
            affordable = min(int(grid[b] * (1 + 1e-12) / cost[i]), n) if n > 0 else 0
            while made < affordable:
                left *= max(n - c - made, 0) / (n - made)
                made += 1
            failure[i, b] = left
    return failure


@compiled
def _log_spend_at(
    failure: FloatArray, weights: FloatArray, rates: FloatArray, out: FloatArray
) -> None:  # pragma: no cover - compiled
    """Write the log of the expected spend at increasing solve rates; infinite if unattainable."""
    before, spend, log_before = 1.0, 0.0, -690.0
    at = 0
    for b in range(len(failure)):
        spend += weights[0, b] * before + weights[1, b] * failure[b]
        log_spend = np.log(max(spend, 1e-300))
        low, high = 1.0 - before, 1.0 - failure[b]
        while at < len(rates) and rates[at] < high:
            share = (rates[at] - low) / (high - low)
            # Nothing is cheaper than the first point of the grid, as for np.interp.
            out[at] = log_spend if b == 0 else log_before + (log_spend - log_before) * share
            at += 1
        before, log_before = failure[b], log_spend
    while at < len(rates):
        # The largest solve rate is the largest budget's.
        out[at] = log_before if rates[at] <= 1.0 - before + 1e-12 else np.inf
        at += 1


@compiled
def mean_margins(
    alone: FloatArray, cascades: FloatArray, weights: FloatArray, rates: FloatArray
) -> FloatArray:  # pragma: no cover - compiled
    """Return the mean margin of every cascade against the cheapest model, [A].

    Parameters
    ----------
    alone, cascades : float arrays [M, B], [A, B]
        Mean failure probability at every budget.
    weights : float array [2, B]
        Weights of the failure before and at each budget that integrate it.
    rates : increasing float array [U]
    """
    price = np.full(len(rates), np.inf)
    cost = np.empty(len(rates))
    for m in range(len(alone)):
        _log_spend_at(alone[m], weights, rates, cost)
        for u in range(len(rates)):
            price[u] = min(price[u], cost[u])
    margins = np.zeros(len(cascades))
    for a in range(len(cascades)):
        _log_spend_at(cascades[a], weights, rates, cost)
        total = 0.0
        for u in range(len(rates)):
            # A difference of rounding is none, so that ties go to the first allocation.
            if cost[u] < price[u] - 1e-12 and price[u] < np.inf:
                total += 1.0 - np.exp(cost[u] - price[u])
        margins[a] = total / len(rates)
    return margins


@dataclass(frozen=True)
class Records:
    """Attempts, successes and prices of two models on N instances, [N, 2] each.

    Parameters
    ----------
    attempts, successes : int arrays
        A model without an attempt on an instance fails there whatever is spent.
    cost : float array, currency units per attempt
    weight : float array [N]
        Summing to one.
    """

    attempts: IntArray
    successes: IntArray
    cost: FloatArray
    weight: FloatArray


@dataclass(frozen=True, eq=False)
class PaperSearch:
    """The paper's allocations of the largest budget to two models, on a budget grid.

    Parameters
    ----------
    grid : increasing float array [B], currency units
    shares : float array
        Of the largest budget that the first model may get, besides nothing and everything.
    points : int
        Solve rates that a margin is averaged over where none are given.
    """

    grid: FloatArray
    shares: FloatArray = field(default_factory=_SEARCHED_SHARES.copy)
    points: int = 1000

    @cached_property
    def first(self) -> FloatArray:
        """Dollars for the first model in each of the A allocations; the second has the rest."""
        first: FloatArray = self.grid[-1] * np.concatenate([[0.0], self.shares, [1.0]])
        return first

    @cached_property
    def _weights(self) -> FloatArray:
        """Weights of F before and at each budget that integrate it up to there, [2, B]."""
        log_ends = np.log(np.concatenate([[SMALLEST_BUDGET], self.grid]))
        return np.stack(log_linear_weights(log_ends[:-1], log_ends[1:]))

    @cached_property
    def _meeting(self) -> tuple[IntArray, FloatArray]:
        """Where each budget lies in the second stage of each allocation, [A, B].

        Position p and share s say that F is (1 - s) V[p] + s V[p + 1] with V the failure when the
        second stage begins (0) and at its budgets (1..B); p = -1 in the first stage.
        """
        grid, first = self.grid, self.first[:, None]
        rest = np.maximum(grid[-1] - first, 0.0)
        inside = np.clip(np.searchsorted(grid, (grid - first).ravel(), side="right"), 0, len(grid))
        position = inside.reshape(len(first), -1)
        # The axis of the second stage, from its beginning.
        axis = np.concatenate([first, np.minimum(grid, rest) + first], axis=1)
        axis = np.log(np.maximum(axis, SMALLEST_BUDGET))
        following = np.minimum(position + 1, len(grid))
        low, high = (np.take_along_axis(axis, p, axis=1) for p in (position, following))
        width = high - low
        share = np.divide(np.log(grid) - low, width, out=np.ones(position.shape), where=width > 0)
        return np.where(grid <= first, -1, position), np.clip(share, 0.0, 1.0)

    def best(self, market: Market, rates: FloatArray) -> list[float]:
        """Return the allocation that :func:`arbmodels.paper_policy` chooses, [2].

        Parameters
        ----------
        market : Market
            Two models, every pair recorded.
        rates : float array
            The range of solve rates the margin is averaged over.
        """
        records = Records(market.attempts, market.successes, market.cost, market.weight)
        margins = self.margins(self.failures(records), market.weight, np.sort(rates))
        first = float(self.first[int(np.argmax(margins))])
        return [first, float(self.grid[-1]) - first]

    def _at(self, failure: FloatArray, budgets: FloatArray) -> FloatArray:
        """Return F [N, B] at other budgets, linear in their logarithm, [N, len(budgets)]."""
        log_grid = np.log(self.grid)
        log_budget = np.log(np.maximum(budgets, self.grid[0]))
        cell = np.clip(np.searchsorted(log_grid, log_budget, "right") - 1, 0, len(log_grid) - 2)
        share = (log_budget - log_grid[cell]) / (log_grid[cell + 1] - log_grid[cell])
        share = np.clip(share, 0.0, 1.0)
        between: FloatArray = failure[:, cell] * (1.0 - share) + failure[:, cell + 1] * share
        return between

    def failures(self, records: Records) -> tuple[FloatArray, FloatArray]:
        """Return F of both models at every budget by unbiased pass@k, [N, B] each."""
        first, second = (
            unsolved_at(
                self.grid, records.attempts[:, m], records.successes[:, m], records.cost[:, m]
            )
            for m in range(2)
        )
        return first, second

    def survival(
        self, failures: tuple[FloatArray, FloatArray], weight: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return the mean F at every budget of both models alone, [2, B], and cascades, [A, B]."""
        first, second = failures
        alone = np.stack([weight @ first, weight @ second])
        at_end = self._at(first, self.first) * weight[:, None]
        reached = self._at(second, np.maximum(self.grid[-1] - self.first, 0.0))
        both = at_end.T @ second
        last = np.einsum("ia,ia->a", at_end, reached)
        stage = np.concatenate(
            [at_end.sum(axis=0)[:, None], np.maximum(both, last[:, None])], axis=1
        )
        position, share = self._meeting
        place = np.maximum(position, 0)
        following = np.minimum(place + 1, len(self.grid))
        low, high = (np.take_along_axis(stage, p, axis=1) for p in (place, following))
        stitched = np.where(position < 0, alone[0], low * (1.0 - share) + high * share)
        return alone, stitched

    def margins(
        self,
        failures: tuple[FloatArray, FloatArray],
        weight: FloatArray,
        rates: FloatArray | None = None,
        span: float = 0.055,
    ) -> FloatArray:
        """Return every allocation's mean margin over a range of solve rates, [A].

        Parameters
        ----------
        failures : two float arrays [N, B]
            Of the models at every budget.
        weight : float array [N]
        rates : increasing float array, optional
            By default ``points`` from ``span`` below the best model's largest solve rate up to it.
            What no model reaches counts as a margin of zero.
        """
        alone, cascades = self.survival(failures, weight)
        if rates is None:
            largest = 1.0 - float(alone[:, -1].min())
            rates = np.linspace(max(largest - span, 0.0), largest, self.points)
        return mean_margins(alone, cascades, self._weights, rates)


#: Issues that stand for the base distribution; quasi-random, so few are enough.
_ATOMS = 64


@dataclass(frozen=True)
class Prior:
    """What is believed about issues before any was bought.

    The defaults did best of fourteen settings on five other pairs of models: three of SWE-bench,
    which share the issues of the published pair and two of them GPT-5 mini, and two of Lean. The
    strength is the largest that was tried.

    Parameters
    ----------
    strength : float
        How many issues the belief is worth, n0 > 0.
    impossible : float
        Share of the issues that no model ever solves.
    difficulty : float
        Spread of the log odds over issues that the models share.
    taste : float
        Spread of the log odds over issues that is a model's own.
    price_spread : float
        Standard deviation of the log price of an attempt over issues.
    """

    strength: float = 40.0
    impossible: float = 0.2
    difficulty: float = 2.0
    taste: float = 2.0
    price_spread: float = 0.5


def pooled_margins(search: PaperSearch, records: Records, prior: Prior, span: float) -> FloatArray:
    """Return every allocation's mean margin on the posterior mean of the market, [A].

    Parameters
    ----------
    search : PaperSearch
    records : Records
        What was bought.
    prior : Prior
    span : float
        Solve rates from so far below the better model's largest solve rate count.
    """
    count = len(records.weight)
    failures = search.failures(records)
    base = base_failures(search, records, prior)
    share = prior.strength / (prior.strength + count)
    weight = np.concatenate([(1.0 - share) * records.weight, np.full(_ATOMS, share / _ATOMS)])
    pooled = (np.concatenate(failures_of) for failures_of in zip(failures, base, strict=True))
    first, second = pooled
    return search.margins((first, second), weight, span=span)


def base_failures(
    search: PaperSearch, records: Records, prior: Prior
) -> tuple[FloatArray, FloatArray]:
    """Return F of both models at every budget on the base's issues, [64, B] each."""
    from scipy.special import expit  # slow to import, as all of scipy.special

    normal = _atoms()
    count = len(records.weight)
    rate = (records.successes / records.attempts).mean(axis=0)
    seen = (count * rate + prior.strength * 0.5) / (count + prior.strength)
    failures = []
    for m in range(2):
        spread = prior.difficulty * normal[:, 0] + prior.taste * normal[:, 1 + m]
        possible = np.arange(_ATOMS) >= round(prior.impossible * _ATOMS)
        chance = np.where(possible, expit(_skill(spread[possible], seen[m]) + spread), 0.0)
        price = records.cost[:, m].mean() * np.exp(prior.price_spread * normal[:, 3 + m])
        bought = np.floor(search.grid / price[:, None] * (1 + 1e-12))
        failures.append((1.0 - chance[:, None]) ** bought)
    return failures[0], failures[1]


def _skill(spread: FloatArray, rate: float) -> float:
    """Return mu at which the mean of expit(mu + spread) is ``rate``/(share possible), bisected."""
    from scipy.special import expit

    low, high = -20.0, 20.0
    goal = min(rate * _ATOMS / len(spread), 0.98)
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if expit(middle + spread).mean() < goal else (low, middle)
    return (low + high) / 2


@lru_cache
def _atoms() -> FloatArray:
    """Return quasi-random standard normals, [64, 5]."""
    # Slow to import, and not needed where margins are only shown.
    from scipy.special import ndtri
    from scipy.stats import qmc

    points = qmc.Sobol(5, scramble=True, seed=0).random(_ATOMS)
    normal: FloatArray = ndtri(points)
    return normal


#: Attempts of each model on an issue that is bought, unless fewer are recorded. With it the
#: published means of the paper's robustness study come out (see benchmarks/learning_robustness).
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


Learner = Literal["olmedo2026", "pooled"]
LEARNERS: tuple[Learner, ...] = ("olmedo2026", "pooled")
#: Solve rates count from so far below the best model's largest solve rate. (The authors take the
#: last 0.05.)
SPAN = 0.055


@dataclass(frozen=True, eq=False, repr=False)
class LearnedPolicy(Displayed):
    """An allocation of dollars that was chosen after a search.

    Made by :func:`arbmodels.estimation.learn_policy`.

    Parameters
    ----------
    market : Market
        Where the search was.
    learner : {"olmedo2026", "pooled"}
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

    def evaluate(self, market: Market) -> PaperPolicy:
        """Return what the allocation costs on a market, with the learner's budget grid."""
        return paper_curve(market, self.allocation.tolist(), default_budget_grid(self.market))

    def table(self) -> TextTable:
        """Return the stages and what the search was."""
        rows = [
            (model, number(budget))
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
    learner: Learner = "olmedo2026",
    most_attempts: int = MOST_ATTEMPTS,
    prior: Prior | None = None,
) -> LearnedPolicy:
    """Buy attempts for ``search_budget`` and choose one of the paper's 102 allocations.

    Parameters
    ----------
    market : Market
        Two models, the cheap one first, and a record of every pair, from which attempts are
        drawn (:func:`arbmodels.estimation.learning.buy`).
    search_budget : float, currency units
    seed : int or Generator
    learner : {"olmedo2026", "pooled"}
        The paper's grid search on what was bought, taken at its word; or the same search on what
        was bought pooled with a prior over models and issues
        (:func:`arbmodels.estimation.learning.pooled_margins`), better where little was bought.
    most_attempts : int
        Of each model per issue.
    prior : Prior, optional
        Of the pooled learner.

    Raises
    ------
    InputError
        If the market has not two models, or there is nothing to buy.

    References
    ----------
    Olmedo, Schölkopf, Hardt, *Computational arbitrage in AI model markets*, arXiv 2603.22404
    (2026).
    """
    check(market, (learner,))
    rng = np.random.default_rng(seed)
    search = PaperSearch(default_budget_grid(market))
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
    learner: Learner, search: PaperSearch, records: Records, prior: Prior, span: float = SPAN
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
    market.require_verified("learning a policy")
    market.require_one_cost("learning a policy")
    if (market.cost == 0).any():
        m = int(np.flatnonzero((market.cost == 0).any(axis=0))[0])
        raise InputError(
            f"{market.name}: attempts of {market.models[m]} are free. Learning weighs what records"
            " cost; leave free models out with market.select(models=[...])."
        )
    if len(market.models) != 2:
        raise InputError(
            f"Learning is for two models, the cheap one first; {market.name} has"
            f" {len(market.models)}: choose two with market.select(models=[...])."
        )
    for learner in learners:
        if learner not in LEARNERS:
            raise InputError(f"No learner {learner!r}; choose 'olmedo2026' or 'pooled'.")
