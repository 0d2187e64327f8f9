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
    authors_curve,
    authors_market_reach,
    authors_policy,
    cascade_frontier,
)
from arbmodels.cascades.authors import CostCurve
from arbmodels.cascades.lattice import build_lattice, coarsen
from arbmodels.curves import Curves, blocks, default_budget_grid
from arbmodels.errors import InputError
from arbmodels.estimation.authors_search import AuthorsSearch
from arbmodels.estimation.crossval_result import CrossValidatedMargin, PriceAndCost
from arbmodels.estimation.folds import By, IntArray, held_out
from arbmodels.estimation.rates import rates_up_to
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


def cross_validate_margin(
    source: Market | Curves | Frontier,
    *,
    method: str = "exact",
    folds: int = 5,
    by: By = "instances",
    repeats: int = 4,
    seed: int = 0,
    solve_rates: npt.ArrayLike | None = None,
    most_states: int = 250_000,
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
    source : Market, Curves or Frontier
        As for :func:`arbmodels.arbitrage`.
    method : {"exact", "authors"}
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
    most_states : int
        Larger lattices are thinned, in sample and held out alike.
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
    if method not in ("exact", "authors"):
        raise InputError(f"No method {method!r}; choose 'exact' or 'authors'.")
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
    else:
        if isinstance(source, Frontier):
            thinned = coarsen(source.grids, most_states)
            frontier = Frontier(source.curves, build_lattice(source.curves, thinned))
        else:
            frontier = cascade_frontier(source, most_states=most_states)
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


def _exact(
    frontier: Frontier,
    divisions: list[list[IntArray]],
    solve_rates: npt.ArrayLike | None,
    workers: int | None,
) -> tuple[FloatArray, PriceAndCost, PriceAndCost]:
    sources = [_Plans.of(each) for each in (*frontier.single_models, frontier)]
    folds = [fold for division in divisions for fold in division]
    tasks = [(sources, fold) for fold in folds]
    scored = run(_policies_held_out, tasks, workers, "cross-validation, folds")
    inside = [
        pooled([fit_and_score(every, every)], every.weight) for every in (s.every for s in sources)
    ]
    outside = [
        pooled([of_fold[k] for of_fold in scored], float(len(divisions)))
        for k in range(len(sources))
    ]
    reach = max(float(rate[-1]) for rate, _ in inside[:-1])
    rates = rates_up_to(reach, solve_rates)

    def read(curves: list[tuple[FloatArray, FloatArray]]) -> PriceAndCost:
        *prices, spend = (spend_at(rates, *curve) for curve in curves)
        return PriceAndCost(np.concatenate(prices, axis=1), spend.sum(axis=1), spend)

    return rates, read(inside), read(outside)


def _policies_held_out(sources: list[_Plans], fold: IntArray) -> list[ShadowPolicies]:
    """Fit plans on all instances but a fold, and score them on the fold."""
    scored = []
    for curves, grids, every in sources:
        held = Tables.of(curves, grids, fold)
        scored.append(fit_and_score(every.without(held), held))
    return scored


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
