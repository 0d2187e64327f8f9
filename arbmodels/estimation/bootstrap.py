"""Bootstrap bands of prices, costs and margins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from arbmodels.cascades import Frontier, authors_curve, authors_policy, cascade_frontier
from arbmodels.cascades.authors import AuthorsPolicy, authors_market_reach
from arbmodels.cascades.lattice import build_lattice
from arbmodels.curves import attempt_curves, default_budget_grid
from arbmodels.errors import InputError
from arbmodels.estimation.authors_search import AuthorsSearch
from arbmodels.estimation.bootstrap_result import MarginBands
from arbmodels.estimation.crossval_result import PriceAndCost
from arbmodels.estimation.curve_bands import CurveBands, curve_means, thinned
from arbmodels.estimation.rates import rates_up_to
from arbmodels.estimation.resampling import (
    MakeCurves,
    Over,
    checked,
    resampled,
    resampled_curves,
)
from arbmodels.estimation.workers import run
from arbmodels.market import Market
from arbmodels.passk import FloatArray

#: Resamples of one task: their market travels to the worker once.
_PER_TASK = 10


def bootstrap_margin(
    market: Market,
    *,
    method: str = "exact",
    curves: MakeCurves | None = None,
    resamples: int = 200,
    over: Sequence[Over] | Over = ("instances", "attempts"),
    seed: int = 0,
    solve_rates: npt.ArrayLike | None = None,
    most_states: int = 250_000,
    workers: int | None = None,
) -> MarginBands:
    """Say how far prices, costs and margins could be off, by resampling instances and attempts.

    Every resample is a market of its own, on which the cascade is chosen and scored anew.

    Parameters
    ----------
    market : Market
    method : {"exact", "authors"}
    curves : callable, optional
        From a market to its curves: the convention it is scored under, by default
        :func:`arbmodels.attempt_curves` as for :func:`arbmodels.arbitrage`. Such as
        ``functools.partial(attempt_curves, max_attempts=40, estimator="beta-binomial-zero")``,
        whose prior is then fitted to every resample. Not for the authors' method.
    resamples : int
        At least 2.
    over : "instances", "attempts" or both
        Instances bring their recorded outcomes along, so that the chance in attempts is in their
        band already: the band for a market of other issues. Only attempts: for these very issues,
        given which of them each model ever solved. Both together make a cautious band.
    seed : int
    solve_rates : increasing array of probabilities, optional
        As for :func:`arbmodels.arbitrage`, up to the reach of the market as recorded.
    most_states : int
        Larger lattices are thinned; the point estimate too.
    workers : int, optional
        Processes; see :func:`arbmodels.estimation.workers.run`. Results do not depend on it.

    Returns
    -------
    MarginBands

    Raises
    ------
    InputError
        If there are too few resamples, nothing that resampling could change, or the method does
        not fit the market.

    Notes
    -----
    Efron, Tibshirani (1993), "An introduction to the bootstrap"; nested data: Davison, Hinkley
    (1997), "Bootstrap methods and their application", section 3.8. Percentile bands. Like the
    point estimate they are in-sample: by how much margins are too good on that account says
    :func:`arbmodels.estimation.cross_validate_margin`.
    """
    if method not in ("exact", "authors"):
        raise InputError(f"No method {method!r}; choose 'exact' or 'authors'.")
    _check_resamples(resamples)
    chosen = checked(over, market)
    source: Frontier | AuthorsPolicy
    lattice_grids: tuple[FloatArray, ...] = ()
    make = attempt_curves if curves is None else curves
    if method == "authors":
        if curves is not None:
            raise InputError("The authors' method brings its own curves: leave them out.")
        rates = rates_up_to(authors_market_reach(market), solve_rates)
        source = authors_policy(market, rates)
    else:
        source = cascade_frontier(make(market), most_states=most_states)
        rates = rates_up_to(source.market_reach, solve_rates)
        lattice_grids = source.grids
    seeds = np.random.SeedSequence(seed).spawn(resamples)
    task = _Task(market, chosen, make, lattice_grids, rates)
    tasks = [(task, batch) for batch in _batches(seeds)]
    parts = run(_some_margins, tasks, workers, f"bootstrap, {_PER_TASK} resamples each")
    prices, costs = (np.concatenate([part[k] for part in parts]) for k in range(2))
    return MarginBands(
        market, method, chosen, rates, _at(source, rates), prices, costs, source.convention
    )


def bootstrap_curves(
    market: Market,
    *,
    curves: MakeCurves = attempt_curves,
    resamples: int = 200,
    over: Sequence[Over] | Over = ("instances", "attempts"),
    seed: int = 0,
    workers: int | None = None,
) -> CurveBands:
    """Say how far every model's solve rate and spend could be off, by amount bought.

    Parameters
    ----------
    market : Market
    curves : callable
        From a market to its curves, as for :func:`bootstrap_margin`.
    resamples, over, seed, workers
        As for :func:`bootstrap_margin`.

    Returns
    -------
    CurveBands

    Raises
    ------
    InputError
        If there are too few resamples, or nothing that resampling could change.
    """
    chosen = checked(over, market)
    _check_resamples(resamples)
    recorded = curves(market)
    amounts = tuple(thinned(grid) for grid in recorded.grids)
    seeds = np.random.SeedSequence(seed).spawn(resamples)
    tasks = [(market, chosen, curves, amounts, batch) for batch in _batches(seeds)]
    parts = run(_some_curves, tasks, workers, f"bootstrap, {_PER_TASK} resamples each")
    solve_rate, spend = (
        tuple(np.concatenate([part[k][m] for part in parts]) for m in range(len(amounts)))
        for k in range(2)
    )
    return CurveBands(
        market,
        chosen,
        amounts,
        tuple(zip(*curve_means(recorded, amounts), strict=True)),
        solve_rate,
        spend,
        recorded.unit,
        recorded.convention,
    )


def _some_curves(
    market: Market,
    over: tuple[Over, ...],
    make: MakeCurves,
    amounts: tuple[FloatArray, ...],
    seeds: Sequence[np.random.SeedSequence],
) -> tuple[list[FloatArray], list[FloatArray]]:
    """Solve rates and spends by amount of the resamples of some seeds, M arrays [R, K_m] each."""
    found = [curve_means(each, amounts) for each in resampled_curves(market, over, make, seeds)]
    rates, spends = (
        [np.stack([one[k][m] for one in found]) for m in range(len(amounts))] for k in range(2)
    )
    return rates, spends


def _check_resamples(resamples: int) -> None:
    if resamples < 2:
        raise InputError(f"resamples is {resamples}; give at least 2, better 200.")


def _batches(seeds: list[np.random.SeedSequence]) -> list[list[np.random.SeedSequence]]:
    return [seeds[start : start + _PER_TASK] for start in range(0, len(seeds), _PER_TASK)]


class _Task(NamedTuple):
    """What the resamples of a margin have in common; no lattice grids for the authors' method."""

    market: Market
    over: tuple[Over, ...]
    make: MakeCurves
    lattice_grids: tuple[FloatArray, ...]
    rates: FloatArray


def _some_margins(
    task: _Task, seeds: Sequence[np.random.SeedSequence]
) -> tuple[FloatArray, FloatArray]:
    """Prices [R, U, M] and costs [R, U] of the resamples of some seeds."""
    market, over, make, lattice_grids, rates = task
    found: list[PriceAndCost] = []
    if lattice_grids:
        every = resampled_curves(market, over, make, seeds)
        lattices = (Frontier(each, build_lattice(each, lattice_grids)) for each in every)
        found.extend(_at(each, rates) for each in lattices)
    else:
        grid = default_budget_grid(market)
        search = AuthorsSearch(grid)
        for seed in seeds:
            drawn = resampled(market, over, np.random.default_rng(seed))
            found.append(_at(authors_curve(drawn, search.best(drawn, rates), grid), rates))
    return np.stack([each.model_prices for each in found]), np.stack([each.cost for each in found])


def _at(source: Frontier | AuthorsPolicy, rates: FloatArray) -> PriceAndCost:
    return PriceAndCost(source.model_prices_at(rates), source.spend_at(rates))
