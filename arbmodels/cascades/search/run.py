"""The search for cascades of many models: checks, time, and the result."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

from arbmodels.cascades.search.many import MAX_AXES, search_many
from arbmodels.cascades.search.natural import MAX_CELLS, check_size, natural_of
from arbmodels.cascades.search.searched import SearchedFrontier
from arbmodels.curves import SAME_RATE, Curves, attempt_curves
from arbmodels.display import percent
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import FloatArray

#: Solve rates looked at by default: so many, from this one (or less) to the joint reach.
_POINTS, _LOWEST = 100, 0.05
_FEWEST_STATES = 1_000


def search_frontier(
    source: Market | Curves,
    solve_rates: npt.ArrayLike | None = None,
    *,
    gap: float = 0.01,
    most_states: int = 300_000,
    time_limit: float = 60.0,
) -> SearchedFrontier:
    r"""Find cheap cascades of any number of models, and bound what any policy must spend.

    Where :func:`arbmodels.cascade_frontier` tabulates every amount of up to four models, this
    chooses few amounts per model (knots), so that a lattice over six models stays small, and
    replaces the failure curves by lower ones that are linear between knots. Shortest paths there
    bound every policy from below, whatever its amounts, mixtures included; the paths themselves,
    scored on the true curves, are the policies. Knots are added where the bound loses most until
    both meet. Of more than eight models, groups of similar price count as one model that is at
    least as good, and are split where they are bought from; the bound is looser there.

    Parameters
    ----------
    source : Market or Curves
        A market is scored in whole attempts, unbiased pass@k, stopping at the record. The bound
        is tight for attempts; on budget grids (``dollar_curves``), where an attempt's price
        differs from instance to instance within a cell, it is looser.
    solve_rates : array of probabilities, optional
        Where policies and bounds are refined; by default 100 from 5% to the joint reach.
    gap : float
        Wanted relative gap between the spend of the best mixture of two plans and the bound.
    most_states : int
        States that no lattice exceeds (the result tells its largest); more close the gap at the
        highest solve rates.
    time_limit : float, seconds
        When it has passed, the best so far is returned with its gaps. With ``float("inf")`` the
        result depends on the arguments only, not on how busy the machine is.

    Returns
    -------
    SearchedFrontier

    Raises
    ------
    InputError
        If a solve rate is no probability or beyond the joint reach, a limit makes no sense, the
        tables would be too large for the memory, or nothing is ever solved.

    Notes
    -----
    The argument is in :mod:`arbmodels.cascades.search.relaxation`. It is ours; the problem is the
    cascade of Olmedo, Schölkopf, Hardt (2026), section 3, of which they search a grid.

    Examples
    --------
    >>> market = Market(["cheap", "dear"], ["x", "y"], [[1, 1], [1, 1]], [[1, 1], [0, 1]],
    ...                 [[1, 10], [1, 10]])
    >>> found = search_frontier(market, [0.5, 1.0])
    >>> found.spend_at([0.5, 1.0]).tolist(), found.plan_at(1.0).label
    ([1.0, 6.0], '1 x cheap, then 1 x dear')
    """
    if not 0 < gap < 1:
        raise InputError(f"The gap is {gap:g}; it is a share between 0 and 1.")
    if not time_limit > 0:
        raise InputError(f"The time limit is {time_limit:g} seconds; give some.")
    check_states(most_states, len(source.names if isinstance(source, Curves) else source.models))
    start = time.monotonic()
    if isinstance(source, Market):
        check_size(source, [int(most) + 1 for most in source.attempts.max(axis=0)])
    curves = source if isinstance(source, Curves) else attempt_curves(source)
    natural = natural_of(curves)
    if natural.reach <= SAME_RATE:
        raise InputError(f"No model of {curves.market.name} ever solves anything.")
    rates = _rates(solve_rates, natural.reach, curves)
    check_axes(curves)
    plans, bounds = search_many(natural, rates, gap, most_states, start + time_limit)
    return SearchedFrontier(natural, rates, plans, bounds, gap, time.monotonic() - start)


def check_states(most_states: int, models: int) -> None:
    """Refuse lattices too small to bound anything, or too large for the memory.

    Raises
    ------
    InputError
        Then.
    """
    if most_states < _FEWEST_STATES:
        raise InputError(f"most_states is {most_states}; allow at least {_FEWEST_STATES:,}.")
    # A state holds a step per model, and what it leaves, is charged, and is passed through.
    numbers = min(models, max(MAX_AXES + 2, int(np.log2(most_states)))) + 4
    most = MAX_CELLS // numbers
    if most_states > most:
        raise InputError(
            f"most_states is {most_states:,}: a lattice of {models} models takes up to"
            f" {8e-9 * numbers * most_states:.1f} GB; allow at most {most:,}."
        )


def check_axes(curves: Curves) -> None:
    """Refuse more models than one lattice holds in another unit than attempts.

    Raises
    ------
    InputError
        Then.
    """
    if len(curves.names) > MAX_AXES and curves.unit != "attempts":
        raise InputError(
            f"{curves.market.name} has {len(curves.names)} models; more than {MAX_AXES} are"
            " searched in whole attempts only: give attempt_curves(market), or select models."
        )


def _rates(wanted: npt.ArrayLike | None, reach: float, curves: Curves) -> FloatArray:
    if wanted is None:
        return np.linspace(min(_LOWEST, reach / 2), reach, _POINTS)
    rates = np.unique(np.atleast_1d(np.asarray(wanted, dtype=float)))
    if rates.ndim != 1 or len(rates) == 0 or not np.all((rates >= 0) & (rates <= 1)):
        raise InputError("Solve rates are a list of numbers between 0 and 1.")
    if rates[-1] > reach + SAME_RATE:
        raise InputError(
            f"No policy reaches a solve rate of {percent(rates[-1], 2)}; all models of"
            f" {curves.market.name} together reach {percent(reach, 2)}."
        )
    return rates
