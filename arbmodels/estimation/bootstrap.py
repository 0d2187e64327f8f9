"""Bootstrap bands of prices, costs and margins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from arbmodels.cascades import Frontier, authors_curve, authors_policy, cascade_frontier
from arbmodels.cascades.authors import AuthorsPolicy, authors_market_reach
from arbmodels.cascades.lattice import build_lattice
from arbmodels.curves import Curves, default_budget_grid, dollar_curves
from arbmodels.errors import InputError
from arbmodels.estimation.authors_search import AuthorsSearch
from arbmodels.estimation.bootstrap_result import MarginBands
from arbmodels.estimation.crossval_result import PriceAndCost
from arbmodels.estimation.rates import rates_up_to
from arbmodels.estimation.resampling import Over, checked, resampled
from arbmodels.estimation.workers import run
from arbmodels.market import Market
from arbmodels.passk import FloatArray

#: Resamples of one task: their market travels to the worker once.
_PER_TASK = 10


def bootstrap_margin(
    market: Market,
    *,
    method: str = "exact",
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
        Scored as :func:`arbmodels.arbitrage` does.
    method : {"exact", "authors"}
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
        If there are too few resamples or the method does not fit the market.

    Notes
    -----
    Efron, Tibshirani (1993), "An introduction to the bootstrap"; nested data: Davison, Hinkley
    (1997), "Bootstrap methods and their application", section 3.8. Percentile bands. Like the
    point estimate they are in-sample: :func:`arbmodels.cross_validate_margin` says by how much
    margins are too good on that account.
    """
    if method not in ("exact", "authors"):
        raise InputError(f"No method {method!r}; choose 'exact' or 'authors'.")
    if resamples < 2:
        raise InputError(f"resamples is {resamples}; give at least 2, better 200.")
    chosen = checked(over)
    grid = default_budget_grid(market)
    source: Frontier | AuthorsPolicy
    lattice_grids: tuple[FloatArray, ...] = ()
    if method == "authors":
        rates = rates_up_to(authors_market_reach(market, grid), solve_rates)
        source = authors_policy(market, rates, grid)
    else:
        source = cascade_frontier(dollar_curves(market, grid), most_states=most_states)
        rates = rates_up_to(source.market_reach, solve_rates)
        lattice_grids = source.grids
    seeds = np.random.SeedSequence(seed).spawn(resamples)
    task = _Task(market, chosen, grid, lattice_grids, rates)
    tasks = [(task, seeds[start : start + _PER_TASK]) for start in range(0, resamples, _PER_TASK)]
    parts = run(_some_resamples, tasks, workers, f"bootstrap, {_PER_TASK} resamples each")
    prices, costs = (np.concatenate([part[k] for part in parts]) for k in range(2))
    return MarginBands(
        market, method, chosen, rates, _at(source, rates), prices, costs, source.convention
    )


class _Task(NamedTuple):
    """What the resamples have in common; no lattice grids for the authors' method."""

    market: Market
    over: tuple[Over, ...]
    grid: FloatArray
    lattice_grids: tuple[FloatArray, ...]
    rates: FloatArray


def _some_resamples(
    task: _Task, seeds: Sequence[np.random.SeedSequence]
) -> tuple[FloatArray, FloatArray]:
    """Prices [R, U, M] and costs [R, U] of the resamples of some seeds."""
    market, over, grid, lattice_grids, rates = task
    curves: Curves | None = None
    search = AuthorsSearch(grid)
    found = []
    for seed in seeds:
        drawn = resampled(market, over, np.random.default_rng(seed))
        source: Frontier | AuthorsPolicy
        if lattice_grids:
            if curves is None or "attempts" in over:
                curves = dollar_curves(drawn, grid)
            weighted = replace(curves, market=drawn)
            source = Frontier(weighted, build_lattice(weighted, lattice_grids))
        else:
            source = authors_curve(drawn, search.best(drawn, rates), grid)
        found.append(_at(source, rates))
    return np.stack([each.model_prices for each in found]), np.stack([each.cost for each in found])


def _at(source: Frontier | AuthorsPolicy, rates: FloatArray) -> PriceAndCost:
    return PriceAndCost(source.model_prices_at(rates), source.spend_at(rates))
