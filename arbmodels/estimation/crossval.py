r"""Cross-validated margins: cascades and models chosen on some instances, scored on others.

What a cascade costs at a solve rate is estimated on the very instances it was chosen on, so it
promises too much: the margin in sample exceeds the one on new instances by the *optimism*.

Policies are indexed by the shadow price :math:`\lambda`. On each training set the plan that
maximises :math:`\lambda \cdot \text{solve rate} - \text{spend}` is found, and what it does on the
fold that is held out is added up over the folds. As :math:`\lambda` rises this traces one curve of
(solve rate, spend), and every plan on it was chosen before the held-out outcomes were looked at.
Choosing by the held-out solve rate instead ("the cheapest of the trained plans that reaches 75%
there") would let those outcomes pick, for every solve rate, the plan that was lucky: a selection
that leaks, and makes the cross-validated margin too good. Reading a solve rate off the curve only
says where on it to look.
"""

from __future__ import annotations

from functools import reduce
from operator import add
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
from arbmodels.cascades.authors import CostCurve
from arbmodels.cascades.lattice import build_lattice, coarsen
from arbmodels.curves import Curves, attempt_curves, blocks, default_budget_grid
from arbmodels.errors import InputError
from arbmodels.estimation.authors_search import AuthorsSearch
from arbmodels.estimation.crossval_result import CrossValidatedMargin, PriceAndCost
from arbmodels.estimation.folds import By, IntArray, held_out
from arbmodels.estimation.rates import rates_up_to
from arbmodels.estimation.searched_policies import SearchedPolicies
from arbmodels.estimation.shadow_price import (
    ShadowPolicies,
    Tables,
    fit_and_score,
    pooled,
    spend_at,
)
from arbmodels.estimation.workers import run
from arbmodels.market import Market
from arbmodels.passk import FloatArray

#: States of a lattice, and of the small lattices of a search, by default.
_LATTICE_STATES, _SEARCH_STATES = 250_000, 30_000


def cross_validate_margin(
    source: Market | Curves | Frontier | SearchedFrontier,
    *,
    method: str = "exact",
    folds: int = 5,
    by: By = "instances",
    repeats: int = 4,
    seed: int = 0,
    solve_rates: npt.ArrayLike | None = None,
    most_states: int | None = None,
    workers: int | None = None,
) -> CrossValidatedMargin:
    r"""Estimate the margin on new instances, and by how much the margin in sample is too good.

    The market baseline is treated like the arbitrageur: each single model's budget is chosen on
    the training instances at every shadow price and scored on the others. Its price at a solve
    rate is the least over the models; being the least of estimates it is rather too low, so that
    the margin errs on the low side. The margin in sample comes from the same curves, fitted and
    scored on all instances, so the two differ by nothing but the hold-out.

    Parameters
    ----------
    source : Market, Curves, Frontier or SearchedFrontier
        As for :func:`arbmodels.arbitrage`. Of a searched frontier the curves are taken.
    method : {"exact", "searched", "authors"}
        Searched policies are those of :func:`arbmodels.search_frontier`, for more than four
        models, a market being scored in whole attempts; the search is repeated on every training
        set, and on all instances, to a gap of 2%. A searched frontier is always searched.
        For the authors' policy the allocation is chosen on the training instances by their grid
        search; budgets, which index their curves, are not chosen at all.
    folds : int
        At least 2.
    by : {"instances", "segments"}
        Hold out instances at random within each segment, or whole segments: how well does a
        policy do on a kind of task it was not fitted on?
    repeats : int
        Divisions into folds to average over, at least 1; a single one can be off by percentage
        points.
    seed : int
    solve_rates : increasing array of probabilities, optional
        As for :func:`arbmodels.arbitrage`.
    most_states : int, optional
        Larger lattices are thinned, in sample and held out alike; 250,000 by default. Of a search
        it is the limit of :func:`arbmodels.search_frontier`, 30,000 by default.
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
        if isinstance(source, Frontier):
            thinned = coarsen(source.grids, most_states or _LATTICE_STATES)
            frontier = Frontier(source.curves, build_lattice(source.curves, thinned))
        else:
            frontier = cascade_frontier(source, most_states=most_states or _LATTICE_STATES)
        rates, inside, outside = _exact(frontier, divisions, solve_rates, workers)
        convention = frontier.convention
    return CrossValidatedMargin(
        market, method, folds, by, repeats, rates, inside, outside, convention
    )


class _Plans(NamedTuple):
    """The plans of a lattice: of the cascade, or of a model alone."""

    curves: Curves
    grids: tuple[FloatArray, ...]
    every: Tables

    @classmethod
    def of(cls, frontier: Frontier) -> _Plans:
        """Return those of a frontier, their tables summed over all instances."""
        everyone = np.arange(len(frontier.market.instances))
        # In blocks, so that the tables over instances fit the memory.
        width = sum(len(grid) for grid in frontier.grids)
        parts = (
            Tables.of(frontier.curves, frontier.grids, everyone[rows])
            for rows in blocks(len(everyone), width)
        )
        return cls(frontier.curves, frontier.grids, reduce(add, parts))

    def inside(self) -> ShadowPolicies:
        """Fit plans on all instances and score them there."""
        return fit_and_score(self.every, self.every)

    def held_out(self, fold: IntArray) -> ShadowPolicies:
        """Fit plans on all instances but a fold, and score them on the fold."""
        held = Tables.of(self.curves, self.grids, fold)
        return fit_and_score(self.every.without(held), held)


def _exact(
    frontier: Frontier,
    divisions: list[list[IntArray]],
    solve_rates: npt.ArrayLike | None,
    workers: int | None,
) -> tuple[FloatArray, PriceAndCost, PriceAndCost]:
    singles = [_Plans.of(each) for each in frontier.single_models]
    rates = rates_up_to(_reach(singles), solve_rates)
    inside, outside = _validated([*singles, _Plans.of(frontier)], rates, divisions, workers)
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
    singles = [_Plans.of(Frontier(each, build_lattice(each))) for each in alone]
    rates = rates_up_to(_reach(singles), solve_rates)
    cascades = SearchedPolicies(curves, rates, most_states)
    inside, outside = _validated([*singles, cascades], rates, divisions, workers)
    return rates, inside, outside


def _reach(singles: list[_Plans]) -> float:
    """Return the largest solve rate of a single model's plans, in sample."""
    return max(float(pooled([each.inside()], each.every.weight)[0][-1]) for each in singles)


def _validated(
    sources: list[_Plans | SearchedPolicies],
    rates: FloatArray,
    divisions: list[list[IntArray]],
    workers: int | None,
) -> tuple[PriceAndCost, PriceAndCost]:
    """Return prices of single models, and the cost of the last source, in sample and held out."""
    folds = [fold for division in divisions for fold in division]
    tasks = [(sources, fold) for fold in folds]
    scored = run(_policies_held_out, tasks, workers, "cross-validation, folds")
    weight = float(sources[0].curves.market.weight.sum())
    inside = [pooled([each.inside()], weight) for each in sources]
    outside = [
        pooled([of_fold[k] for of_fold in scored], weight * len(divisions))
        for k in range(len(sources))
    ]

    def read(curves: list[tuple[FloatArray, FloatArray]]) -> PriceAndCost:
        *prices, spend = (spend_at(rates, *curve) for curve in curves)
        return PriceAndCost(np.concatenate(prices, axis=1), spend.sum(axis=1), spend)

    return read(inside), read(outside)


def _policies_held_out(
    sources: list[_Plans | SearchedPolicies], fold: IntArray
) -> list[ShadowPolicies]:
    """Fit plans on all instances but a fold, and score them on the fold."""
    return [each.held_out(fold) for each in sources]


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
    share = [market.weight[fold].sum() / len(divisions) for fold in folds]
    rate, spend = (
        np.sum([w * part[k] for w, part in zip(share, scored, strict=True)], axis=0)
        for k in range(2)
    )
    prices = whole.model_prices_at(rates)
    inside = PriceAndCost(prices, whole.spend_at(rates))
    outside = PriceAndCost(prices, CostCurve(rate, spend).spend_at(rates))
    return rates, inside, outside, whole.convention


def _allocation_held_out(
    market: Market, grid: FloatArray, solve_rates: npt.ArrayLike | None, fold: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Choose an allocation on all instances but a fold: its solve rates and spends on the fold."""
    rest = np.setdiff1d(np.arange(len(market.instances)), fold)
    train, test = (
        market.select(instances=[market.instances[i] for i in rows]) for rows in (rest, fold)
    )
    goal = rates_up_to(authors_market_reach(train, grid), solve_rates)
    cascade = authors_curve(test, AuthorsSearch(grid).best(train, goal), grid).cascade
    return cascade.solve_rate, cascade.spend
