"""Whether the margin's optimism can be shown beside it at once, and the optimism."""

from __future__ import annotations

import numpy as np

from arbmodels.cascades import AuthorsPolicy, Frontier, SearchedFrontier
from arbmodels.errors import InputError
from arbmodels.estimation.crossval import cross_validate_margin
from arbmodels.estimation.crossval_result import CrossValidatedMargin
from arbmodels.passk import FloatArray

#: Fewer instances than this say nothing about others.
LEAST_INSTANCES = 20
#: Divisions into folds; more models or instances than these get one, for a second or two in all.
#: So does a search, which is repeated on every training set: some ten seconds for six models.
_REPEATS, _FEW_MODELS, _FEW_INSTANCES = 10, 3, 1_000
#: As many instances are validated within a few seconds; a search of as many models; a lattice of
#: as many states, the same on every training set.
MOST_INSTANCES, MOST_SEARCHED, MOST_STATES = 5_000, 8, 500_000
#: Lattices up to so many states are quick enough for several divisions.
_FEW_STATES = 100_000


def why_not(source: Frontier | SearchedFrontier | AuthorsPolicy, solve_rates: FloatArray) -> str:
    """Return why the margin is not cross-validated by default; empty if it is."""
    # Instances without weight are no part of the sample.
    count, models = int(np.count_nonzero(source.market.weight)), len(source.names)
    if not np.any(np.isfinite(source.model_prices_at(solve_rates))):
        return "Not cross-validated: there is no market price at these solve rates."
    if isinstance(source, AuthorsPolicy) and models != 2:
        return "Not cross-validated: this allocation was given, not chosen on the market."
    if count < LEAST_INSTANCES:
        return (
            f"Not cross-validated: {count} instances are too few ({LEAST_INSTANCES} needed), so the"
            " margin may be far too good."
        )
    searched = isinstance(source, SearchedFrontier)
    much = f"{count} instances" if count > (_FEW_INSTANCES if searched else MOST_INSTANCES) else ""
    if searched and models > MOST_SEARCHED:
        much = f"a search of {models} models"
    if isinstance(source, Frontier) and source.known is not None:
        much = "a lattice thinned and searched anew on every training set"
    elif isinstance(source, Frontier) and _states(source) > MOST_STATES:
        much = f"a lattice of {_states(source):,} states"
    if much:
        return (
            f"Not cross-validated: it would take long with {much};"
            " call arbmodels.estimation.cross_validate_margin."
        )
    return ""


def _states(source: Frontier) -> int:
    return int(np.prod([float(len(grid)) for grid in source.grids]))


def validated(
    source: Frontier | SearchedFrontier | AuthorsPolicy, solve_rates: FloatArray
) -> CrossValidatedMargin | str:
    """Return the cross-validated margin at the solve rates of the arbitrage, or why there is none.

    A margin must be shown whatever its market is like, so errors become reasons here.
    """
    if reason := why_not(source, solve_rates):
        return reason
    quick = not isinstance(source, Frontier) or _states(source) <= _FEW_STATES
    few = (
        quick
        and len(source.names) <= _FEW_MODELS
        and len(source.market.instances) <= _FEW_INSTANCES
    )
    repeats = _REPEATS if few and not isinstance(source, SearchedFrontier) else 1
    try:
        if isinstance(source, Frontier | SearchedFrontier):
            return cross_validate_margin(source, solve_rates=solve_rates, repeats=repeats)
        return cross_validate_margin(
            source.market, method="authors", solve_rates=solve_rates, repeats=repeats
        )
    except InputError as error:
        return f"Not cross-validated: {error}"
