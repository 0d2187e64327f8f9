"""Cascades of many models: the search, and a frontier with a bound for every policy."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from arbmodels._pandas import pd
from arbmodels.cascades.engine import MAX_AXES, search_many
from arbmodels.cascades.frontier import CascadeFrontier, Frontier
from arbmodels.cascades.lattice import build_lattice
from arbmodels.cascades.relaxation import Bounds
from arbmodels.cascades.tables import MAX_CELLS, Natural, Plans, check_size, natural_of
from arbmodels.curves import (
    SAME_RATE,
    Curves,
    attempt_curves,
    check_attainable,
    solve_rate_list,
    solve_rates_of,
)
from arbmodels.display import ARBITRAGEUR_COLOR, new_axes, number, percent
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes


#: Rows of the table.
_ROWS = 12


@dataclass(frozen=True, eq=False, repr=False)
class SearchedFrontier(CascadeFrontier):
    """Cheap cascades for every solve rate, and what no policy can undercut.

    Made by :func:`arbmodels.search_frontier`. The bound holds for every policy on these amounts:
    any order, any number of models, any random choice among them. Policies are single plans or
    mixtures of two, drawn at random for every instance; whole attempts are too coarse for single
    plans at low solve rates, and the gap is that of the mixtures.

    Parameters
    ----------
    natural : Natural
        The curves, tabulated.
    solve_rates : float array [U]
        Where the search looked; it answers anywhere, with the gap it has there.
    plans : Plans
        Everything that was found.
    bounds : Bounds
    wanted_gap : float
    seconds : float
    """

    natural: Natural
    solve_rates: FloatArray
    plans: Plans
    bounds: Bounds
    wanted_gap: float
    seconds: float

    @property
    def curves(self) -> Curves:
        """The curves that everything is scored on."""
        return self.natural.curves

    @property
    def max_solve_rate(self) -> float:
        """Solve rate when every model is used up."""
        return self.natural.max_solve_rate

    def spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least spend of a single plan found that reaches each solve rate.

        Parameters
        ----------
        solve_rate : array of probabilities

        Returns
        -------
        float array, currency units per instance
            NaN above :attr:`max_solve_rate`.
        """
        return self.plans.single.spend_at(solve_rates_of(solve_rate))

    def mixture_spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least spend of two plans found, mixed at random at each solve rate."""
        target = solve_rates_of(solve_rate)
        mixed: FloatArray = np.minimum(self.plans.spend_at(target), self.spend_at(target))
        return mixed

    _least_at = mixture_spend_at

    def bound_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return a proven lower bound on the spend of every policy, mixtures included."""
        target = solve_rates_of(solve_rate)
        bound = self.bounds.at(target.ravel()).reshape(target.shape)
        return np.where(target <= self.max_solve_rate + SAME_RATE, bound, np.nan)

    @property
    def largest_lattice(self) -> int:
        """States of the largest lattice the bounds and plans came from, at most ``most_states``."""
        return self.bounds.largest

    @property
    def converged(self) -> npt.NDArray[np.bool_]:
        """At which of :attr:`solve_rates` the wanted gap was reached, [U]."""
        return np.asarray(self.gap_at(self.solve_rates) <= self.wanted_gap)

    def plan_at(self, solve_rate: float) -> Plan:
        """Return the cheapest single plan found that reaches ``solve_rate``.

        Raises
        ------
        InputError
            If no plan reaches it.
        """
        rate = np.array(check_attainable(solve_rate, self.max_solve_rate))
        single = self.plans.single
        return self.natural.plan(self.plans.purchases(int(single.number[single.first(rate)[0]])))

    def mixture_at(self, solve_rate: float) -> tuple[tuple[Plan, float], ...]:
        """Return the plans, with their probabilities, whose mixture reaches ``solve_rate``.

        Raises
        ------
        InputError
            If no mixture reaches it.
        """
        check_attainable(solve_rate, self.max_solve_rate)
        rate, _, number = self.plans.hull
        high = int(np.searchsorted(rate, solve_rate - SAME_RATE))

        def plan(position: int) -> Plan:
            return self.natural.plan(self.plans.purchases(int(number[position])))

        if high == 0 or rate[high] <= solve_rate + SAME_RATE:
            return ((plan(high), 1.0),)
        share = float((solve_rate - rate[high - 1]) / (rate[high] - rate[high - 1]))
        return ((plan(high - 1), 1.0 - share), (plan(high), share))

    def spend_by_model_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return what the cheapest single plan of each solve rate spends on each model.

        Returns
        -------
        float array [len(solve_rate), M], currency units per instance
            NaN rows above :attr:`max_solve_rate`.
        """
        single = self.plans.single
        position, attained = single.first(np.atleast_1d(solve_rates_of(solve_rate)))
        table = np.full((len(single.rate), len(self.names)), np.nan)
        for each in np.unique(position[attained]):
            steps = self.plans.purchases(int(single.number[each]))
            models = np.array([m for m, _ in steps], dtype=np.int64)
            spend = self.natural.score(steps).spend
            table[each] = np.bincount(models, spend, minlength=len(self.names))
        return np.where(attained[:, None], table[position], np.nan)

    @cached_property
    def single_models(self) -> tuple[Frontier, ...]:
        """The frontier of each model alone under the same billing."""
        alone = [self.curves.only([model]) for model in self.names]
        return tuple(Frontier(curves, build_lattice(curves)) for curves in alone)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per solve rate looked at: spend, mixed spend, bound, gap and plan."""
        rates = self.solve_rates
        return pd.DataFrame(
            {
                "solve_rate": rates,
                "spend": self.spend_at(rates),
                "mixture": self.mixture_spend_at(rates),
                "bound": self.bound_at(rates),
                "gap": self.gap_at(rates),
                "plan": [self.plan_at(rate).summary for rate in rates],
            }
        )

    @property
    def _shown(self) -> FloatArray:
        rows = np.linspace(0, len(self.solve_rates) - 1, _ROWS).astype(int)
        return np.asarray(self.solve_rates[np.unique(rows)])

    @property
    def _title(self) -> str:
        return f"Searched cascades of {self.market.name}"

    def _columns(self, rates: FloatArray) -> dict[str, list[str]]:
        rate, (_, spend), *others = super()._columns(rates).items()
        mixed = [number(value) for value in self.mixture_spend_at(rates)]
        return dict([rate, (f"one plan [{self._unit}]", spend), ("two, mixed", mixed), *others])

    @property
    def _note(self) -> str:
        converged, gaps = self.converged, self.gap_at(self.solve_rates)
        note = (
            f"{len(self.names)} models; gap of the mixtures at most {percent(self.wanted_gap, 1)}"
            f" at {int(converged.sum())} of {len(converged)} solve rates"
        )
        if not converged.all():
            worst = int(np.nanargmax(gaps))
            note += (
                f", at most {percent(gaps[worst], 1)} (at"
                f" {percent(self.solve_rates[worst], 1)}) at the others"
            )
        return (
            f"{note}; lattices of up to {self.largest_lattice:,} states, {self.seconds:.1f} s.\n"
            "The bound holds for every policy, mixtures included."
            f" {self.billing}; in-sample."
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw spend against solve rate: the models, mixtures, single plans, and the bound."""
        ax = super().plot(new_axes(7.0, 3.6) if ax is None else ax)
        rate = np.linspace(0, self.max_solve_rate, 800)
        rate = np.unique(np.concatenate([rate, self.solve_rates]))
        ax.plot(
            100 * rate,
            self.spend_at(rate),
            color=ARBITRAGEUR_COLOR,
            lw=1,
            ls=":",
            drawstyle="steps-pre",
            label="Best single plan found",
        )
        ax.set_yscale("log")
        ax.set_ylim(bottom=0.5 * float(self.mixture_spend_at(self.solve_rates[0])))
        ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
        return ax


#: Solve rates looked at by default: so many, from this one (or less) to that of all models
#: together.
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
        Where policies and bounds are refined; by default 100 from 5% to that of all models
        together.
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
        If a solve rate is no probability or beyond that of all models together, a limit makes no
        sense, the tables would be too large for the memory, or nothing is ever solved.

    Notes
    -----
    The argument is in :mod:`arbmodels.cascades.relaxation`. It is ours; the problem is the
    cascade of Olmedo, Schölkopf, Hardt (2026), section 3, of which they search a grid.

    References
    ----------
    Olmedo, Schölkopf, Hardt, *Computational arbitrage in AI model markets*, arXiv 2603.22404
    (2026).

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
    if natural.max_solve_rate <= SAME_RATE:
        raise InputError(f"No model of {curves.market.name} ever solves anything.")
    rates = _rates(solve_rates, natural.max_solve_rate)
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


def _rates(wanted: npt.ArrayLike | None, largest: float) -> FloatArray:
    if wanted is None:
        return np.linspace(min(_LOWEST, largest / 2), largest, _POINTS)
    rates = np.unique(solve_rate_list(wanted))
    check_attainable(float(rates[-1]), largest)
    return rates
