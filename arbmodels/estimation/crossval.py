r"""Cross-validated margins: cascades and models chosen on some instances, scored on others.

What a cascade costs at a solve rate is estimated on the very instances it was chosen on, so it
promises too much: the margin in sample exceeds the one on new instances by the *optimism*.

One protocol for every margin (:func:`arbmodels.estimation.compare_held_out`). Policies are indexed
by the solve rate they are to reach. On each training set the cheapest mixture of two cascades that
reaches it there is found, and the cheapest of two plans of one model, the model being chosen there,
too. Both are scored on the folds that are held out, and the cascades that solve as much there as
the market are compared with it. So every policy, and the model that sells, was chosen before the
held-out outcomes were looked at. Choosing by these instead ("the cheapest of the trained plans that
reaches 75% there", "the model that turned out cheapest there") would let them pick what was lucky.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from arbmodels.cascades import (
    Frontier,
    SearchedFrontier,
    authors_curve,
    authors_market_reach,
    authors_policy,
    cascade_frontier,
)
from arbmodels.cascades.authors import AuthorsPolicy, CostCurve
from arbmodels.cascades.frontier import DEFAULT_STATES
from arbmodels.cascades.hull import hull_vertices
from arbmodels.cascades.lattice import build_lattice
from arbmodels.curves import SAME_RATE, Curves, attempt_curves, default_budget_grid
from arbmodels.errors import InputError
from arbmodels.estimation.authors_search import AuthorsSearch
from arbmodels.estimation.crossval_result import CrossValidatedMargin, PriceAndCost
from arbmodels.estimation.folds import By, IntArray, held_out
from arbmodels.estimation.rates import rates_up_to
from arbmodels.estimation.scored import (
    ScoredPolicies,
    Tables,
    compare_held_out,
    fit_and_score,
)
from arbmodels.estimation.searched_policies import SearchedPolicies
from arbmodels.estimation.workers import run
from arbmodels.market import Market
from arbmodels.passk import FloatArray

#: States of the small lattices of a search, by default.
_SEARCH_STATES = 30_000


def cross_validate_margin(
    source: Market | Curves | Frontier | SearchedFrontier,
    *,
    method: str = "exact",
    folds: int = 5,
    by: By = "instances",
    repeats: int = 10,
    seed: int = 0,
    solve_rates: npt.ArrayLike | None = None,
    most_states: int | None = None,
    workers: int | None = None,
) -> CrossValidatedMargin:
    r"""Estimate the margin on new instances, and by how much the margin in sample is too good.

    The market is treated like the arbitrageur: which model is cheapest at a solve rate, and how
    much is spent on it, is chosen on the training instances and scored on the others. On both
    sides two neighbouring plans are mixed. The margin in sample comes from the same curves on the
    same amounts, fitted and scored on all instances, so the two differ by nothing but the hold-out.
    Held out it is not cut at zero: a policy that was chosen may lose, and the largest of an
    estimate and zero is too good.

    Parameters
    ----------
    source : Market, Curves, Frontier or SearchedFrontier
        As for :func:`arbmodels.arbitrage`; of a frontier, on its own amounts. Of a searched
        frontier the curves are taken.
    method : {"exact", "searched", "authors"}
        Searched policies are those of :func:`arbmodels.search_frontier`, for more than four
        models; the search is repeated on every training
        set, and on all instances, to a gap of 2%. A searched frontier is always searched.
        For the authors' policy the allocation is chosen on the training instances by their grid
        search.
    folds : int
        At least 2.
    by : {"instances", "segments"}
        Hold out instances at random within each segment, or whole segments: how well does a
        policy do on a kind of task it was not fitted on?
    repeats : int
        Divisions into folds to average over, at least 1; a single one can be off by several
        percentage points, the mean of ten by one.
    seed : int
    solve_rates : increasing array of probabilities, optional
        As for :func:`arbmodels.arbitrage`.
    most_states : int, optional
        As for :func:`arbmodels.cascade_frontier`, in sample and held out alike; by default as
        there, or as many as the frontier has that is given. Of a search it is the limit of
        :func:`arbmodels.search_frontier`, 30,000 by default.
    workers : int, optional
        Processes; results do not depend on it (:func:`arbmodels.estimation.workers.run`).

    Returns
    -------
    CrossValidatedMargin

    Raises
    ------
    InputError
        If there are too few instances or segments, or the method does not fit the source.

    Notes
    -----
    Stone (1974), "Cross-validatory choice and assessment of statistical predictions"; optimism as
    in Efron (1983), "Estimating the error rate of a prediction rule". Curves are estimated
    instance by instance, so that nothing else can leak; only the prior of beta-binomial curves is
    fitted to all instances.
    """
    if method not in ("exact", "searched", "authors"):
        raise InputError(f"No method {method!r}; choose 'exact', 'searched' or 'authors'.")
    if repeats < 1:
        raise InputError(f"repeats is {repeats}; give at least 1.")
    market = source if isinstance(source, Market) else source.market
    seeds = np.random.SeedSequence(seed).spawn(repeats)
    divisions = [held_out(market, folds, by, each) for each in seeds]
    for fold in (fold for division in divisions for fold in division):
        if not 0 < market.weight[fold].sum() < 1 - 1e-12:
            raise InputError(f"{market.name}: a fold holds all the weight, or none. Use fewer.")
    if method == "authors":
        if not isinstance(source, Market):
            raise InputError("The authors' method brings its own curves: give it a market.")
        rates, inside, outside, convention = _authors(source, divisions, solve_rates, workers)
    elif method == "searched" or isinstance(source, SearchedFrontier):
        method = "searched"
        curves = _curves(source)
        states = most_states or _SEARCH_STATES
        rates, inside, outside = _searched(curves, divisions, solve_rates, states, workers)
        convention = curves.convention
    else:
        frontier = source if isinstance(source, Frontier) and most_states is None else None
        if frontier is None:
            scored = source if isinstance(source, Market) else _curves(source)
            frontier = cascade_frontier(scored, most_states=most_states or DEFAULT_STATES)
        rates, inside, outside = _exact(frontier, divisions, solve_rates, workers)
        convention = frontier.convention
    return CrossValidatedMargin(
        market, method, folds, by, repeats, rates, inside, outside, convention
    )


class _Plans(NamedTuple):
    """All plans of a lattice: of the cascade, or of a model alone."""

    curves: Curves
    grids: tuple[FloatArray, ...]

    def score(self, rest: IntArray, fold: IntArray) -> ScoredPolicies:
        """Fit plans on some instances and score them on others."""
        score = Tables.of(self.curves, self.grids, fold)
        fit = score if rest is fold else Tables.of(self.curves, self.grids, rest)
        return fit_and_score(fit, score)


class _Refitted(NamedTuple):
    """The frontiers of every training set, made the way that one was which had to be thinned."""

    curves: Curves
    most_states: int

    def score(self, rest: IntArray, fold: IntArray) -> ScoredPolicies:
        """Fit plans on some instances and score them on others."""
        found = cascade_frontier(self.curves.on(rest), most_states=self.most_states)
        aims = np.unique(np.append(found.to_frame()["solve_rate"].to_numpy(), 0.0))
        cost = found.spend_at(aims)
        kept = hull_vertices(aims, cost)
        scored = [found.plan_at(float(aim)).evaluate(self.curves) for aim in aims[kept]]
        weight = self.curves.market.weight[fold]
        columns = [self.curves.market.model_index(name) for name in self.curves.names]
        return ScoredPolicies(
            aims[kept],
            cost[kept],
            np.array([weight @ each.solve[fold] for each in scored]),
            np.stack([weight @ each.spend_by_model[fold] for each in scored])[:, columns],
            float(weight.sum()),
        )


#: Whatever fits policies on some instances and scores them on others.
_Source = _Plans | _Refitted | SearchedPolicies


def _exact(
    frontier: Frontier,
    divisions: list[list[IntArray]],
    solve_rates: npt.ArrayLike | None,
    workers: int | None,
) -> tuple[FloatArray, PriceAndCost, PriceAndCost]:
    rates = rates_up_to(frontier.market_reach, solve_rates)
    singles = [_Plans(each.curves, each.grids) for each in frontier.single_models]
    cascades: _Source = _Plans(frontier.curves, frontier.grids)
    if frontier.known is not None:
        states = int(np.prod([float(len(grid)) for grid in frontier.grids]))
        cascades = _Refitted(frontier.curves, states)
    inside, outside = _validated(singles, cascades, rates, divisions, workers)
    return rates, inside, outside


def _curves(source: Market | Curves | Frontier | SearchedFrontier) -> Curves:
    if isinstance(source, Market):
        return attempt_curves(source)
    return source if isinstance(source, Curves) else source.curves


def _searched(
    curves: Curves,
    divisions: list[list[IntArray]],
    solve_rates: npt.ArrayLike | None,
    most_states: int,
    workers: int | None,
) -> tuple[FloatArray, PriceAndCost, PriceAndCost]:
    alone = [curves.only([model]) for model in curves.names]
    frontiers = [Frontier(each, build_lattice(each)) for each in alone]
    rates = rates_up_to(max(each.reach for each in frontiers), solve_rates)
    singles = [_Plans(each.curves, each.grids) for each in frontiers]
    cascades = SearchedPolicies(curves, rates, most_states)
    inside, outside = _validated(singles, cascades, rates, divisions, workers)
    return rates, inside, outside


class _Scores(NamedTuple):
    """Policies of one training set: every model alone, and the cascades."""

    alone: list[ScoredPolicies]
    cascades: ScoredPolicies


def _validated(
    singles: list[_Plans],
    cascades: _Source,
    rates: FloatArray,
    divisions: list[list[IntArray]],
    workers: int | None,
) -> tuple[PriceAndCost, PriceAndCost]:
    """Return prices of single models and the market, and the cost of cascades, both ways."""
    market = cascades.curves.market
    everyone = np.arange(len(market.instances))
    folds = [fold for division in divisions for fold in division]
    tasks = [(singles, cascades, np.setdiff1d(everyone, fold), fold) for fold in folds]
    scored = run(_scores, tasks, workers, "cross-validation, folds")
    inside = [_scores(singles, cascades, everyone, everyone)]
    return _read(inside, rates), _read(scored, rates)


def _scores(singles: list[_Plans], cascades: _Source, rest: IntArray, fold: IntArray) -> _Scores:
    """Fit policies on some instances and score them on others."""
    count = len(singles)
    alone = []
    for m, each in enumerate(singles):
        found = each.score(rest, fold)
        paid = np.zeros((len(found.aimed), count))
        paid[:, [m]] = found.spend
        alone.append(replace(found, spend=paid))
    return _Scores(alone, cascades.score(rest, fold))


def _read(scored: list[_Scores], rates: FloatArray) -> PriceAndCost:
    return compare_held_out(
        [each.alone for each in scored], [each.cascades for each in scored], rates
    )


def _authors(
    market: Market,
    divisions: list[list[IntArray]],
    solve_rates: npt.ArrayLike | None,
    workers: int | None,
) -> tuple[FloatArray, PriceAndCost, PriceAndCost, str]:
    grid = default_budget_grid(market)
    rates = rates_up_to(authors_market_reach(market, grid), solve_rates)
    whole = authors_policy(market, rates, grid)
    folds = [fold for division in divisions for fold in division]
    tasks = [(market, grid, solve_rates, fold) for fold in folds]
    scored = run(_allocation_held_out, tasks, workers, "cross-validation, folds")
    outside = _read(scored, rates)
    inside = _read([_of_authors(whole, whole, 1.0)], rates)
    # Their formula for what each model is paid does not add up to the spend.
    inside, outside = (replace(each, spend_by_model=None) for each in (inside, outside))
    return rates, inside, outside, whole.convention


def _allocation_held_out(
    market: Market, grid: FloatArray, solve_rates: npt.ArrayLike | None, fold: IntArray
) -> _Scores:
    """Choose an allocation on all instances but a fold, and score it on the fold."""
    rest = np.setdiff1d(np.arange(len(market.instances)), fold)
    train, test = (
        market.select(instances=[market.instances[i] for i in rows]) for rows in (rest, fold)
    )
    goal = rates_up_to(authors_market_reach(train, grid), solve_rates)
    chosen = AuthorsSearch(grid).best(train, goal)
    fit, score = (authors_curve(each, chosen, grid) for each in (train, test))
    return _of_authors(fit, score, float(market.weight[fold].sum()))


def _of_authors(fit: AuthorsPolicy, score: AuthorsPolicy, weight: float) -> _Scores:
    """Index the authors' curves, which are by budget, by the solve rate it reaches in ``fit``.

    Cuts of a curve at two neighbouring budgets are mixed.
    """

    def policies(there: CostCurve, here: CostCurve, column: int) -> ScoredPolicies:
        # From buying nothing on; a budget that reaches no further than a smaller one is none.
        rate, spend = (np.append(0.0, each) for each in (there.solve_rate, there.spend))
        further = np.append(True, rate[1:] > np.maximum.accumulate(rate)[:-1] + SAME_RATE)
        paid = np.zeros((len(rate), len(fit.names)))
        paid[1:, column] = here.spend
        solved = np.append(0.0, here.solve_rate)
        return ScoredPolicies(
            rate[further], spend[further], weight * solved[further], weight * paid[further], weight
        )

    pairs = zip(fit.providers, score.providers, strict=True)
    alone = [policies(there, here, m) for m, (there, here) in enumerate(pairs)]
    return _Scores(alone, policies(fit.cascade, score.cascade, 0))
