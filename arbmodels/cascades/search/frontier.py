"""The search for cascades of many models: checks, time, and the result.

How a searched frontier shows itself: its table and its picture.

What a search for cascades found: plans, mixtures, and a bound for every policy.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from arbmodels._pandas import pd
from arbmodels.cascades.frontier import Frontier, plot_models
from arbmodels.cascades.lattice import build_lattice
from arbmodels.cascades.search.engine import MAX_AXES, search_many
from arbmodels.cascades.search.relaxation import Bounds
from arbmodels.cascades.search.tables import MAX_CELLS, Natural, Plans, check_size, natural_of
from arbmodels.curves import SAME_RATE, Curves, attempt_curves
from arbmodels.display import ARBITRAGEUR_COLOUR, Displayed, TextTable, new_axes, number, percent
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes


#: Rows of the table.
_ROWS = 12


def searched_table(found: SearchedFrontier) -> TextTable:
    """Return some of the solve rates looked at with spend, bound and plan."""
    looked = found.solve_rates
    rates = looked[np.unique(np.linspace(0, len(looked) - 1, _ROWS).astype(int))]
    rows = [
        (percent(u, 2), number(c), number(x), number(b), percent(gap, 2), found.plan_at(u).summary)
        for u, c, x, b, gap in zip(
            rates,
            found.spend_at(rates),
            found.mixture_spend_at(rates),
            found.bound_at(rates),
            found.gap_at(rates),
            strict=True,
        )
    ]
    unit = f"{found.market.currency}/instance"
    closed = found.closed
    gaps = found.gap_at(found.solve_rates)
    note = (
        f"{len(found.names)} models; gap of the mixtures at most {percent(found.wanted_gap, 1)} at"
        f" {int(closed.sum())} of {len(closed)} solve rates"
    )
    if not closed.all():
        worst = int(np.nanargmax(gaps))
        note += (
            f", at most {percent(gaps[worst], 1)} (at"
            f" {percent(found.solve_rates[worst], 1)}) at the others"
        )
    return TextTable(
        f"Searched cascades of {found.market.name}: reach {percent(found.max_solve_rate, 2)}",
        (
            "solve rate",
            f"one plan [{unit}]",
            "two, mixed",
            "lower bound",
            "gap",
            "plan",
        ),
        rows,
        f"{note}; lattices of up to {found.largest_lattice:,} states, {found.seconds:.1f} s.\n"
        "The bound holds for every policy, mixtures included."
        f" {found.convention}; in-sample.",
    )


def plot_searched(found: SearchedFrontier, ax: Axes | None = None) -> Axes:
    """Draw spend against solve rate: the models, single plans, mixtures, and the bound."""
    ax = new_axes(7.0, 3.6) if ax is None else ax
    plot_models(found, ax)
    rate = np.unique(np.concatenate([np.linspace(0, found.max_solve_rate, 800), found.solve_rates]))
    ax.plot(
        100 * rate,
        found.spend_at(rate),
        color=ARBITRAGEUR_COLOUR,
        lw=1.2,
        drawstyle="steps-pre",
        label="Best single plan found",
    )
    ax.plot(
        100 * rate,
        found.mixture_spend_at(rate),
        color=ARBITRAGEUR_COLOUR,
        lw=2,
        ls=":",
        label="Two plans, mixed",
    )
    ax.plot(
        100 * rate,
        found.bound_at(rate),
        color="grey",
        lw=0.9,
        ls="--",
        label="Lower bound (any policy)",
    )
    ax.set_xlabel("Solve rate (%)")
    ax.set_ylabel(f"Expected spend ({found.market.currency} per instance)")
    ax.set_yscale("log")
    ax.set_ylim(bottom=0.5 * float(found.mixture_spend_at(found.solve_rates[0])))
    ax.set_title(found.market.name)
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax


@dataclass(frozen=True, eq=False, repr=False)
class SearchedFrontier(Displayed):
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
        """The convention everything is scored under."""
        return self.natural.curves

    @property
    def market(self) -> Market:
        """The market the frontier was computed on."""
        return self.curves.market

    @property
    def names(self) -> tuple[str, ...]:
        """The models that may be bought from."""
        return self.curves.names

    @property
    def convention(self) -> str:
        """Unit, estimator and billing of every number here."""
        return self.curves.convention

    @property
    def max_solve_rate(self) -> float:
        """Solve rate when every model is used up: the joint reach."""
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
        rate, spend, _ = self.plans.single
        position = np.searchsorted(rate, _checked(solve_rate) - SAME_RATE)
        found: FloatArray = np.append(spend, np.nan)[position]
        return found

    def mixture_spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least spend of two plans found, mixed at random; NaN above the reach."""
        target = _checked(solve_rate)
        mixed: FloatArray = np.minimum(self.plans.spend_at(target), self.spend_at(target))
        return mixed

    def bound_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return a proven lower bound on the spend of every policy; NaN above the reach."""
        target = _checked(solve_rate)
        bound = self.bounds.at(target.ravel()).reshape(target.shape)
        return np.where(target <= self.max_solve_rate + SAME_RATE, bound, np.nan)

    def gap_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return (spend - bound) / spend of the mixture at each solve rate."""
        spend = self.mixture_spend_at(solve_rate)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(spend > 0, 1.0 - self.bound_at(solve_rate) / spend, 0.0 * spend)

    @property
    def largest_lattice(self) -> int:
        """States of the largest lattice the bounds and plans came from, at most ``most_states``."""
        return self.bounds.largest

    @property
    def closed(self) -> npt.NDArray[np.bool_]:
        """At which of :attr:`solve_rates` the wanted gap was reached, [U]."""
        return np.asarray(self.gap_at(self.solve_rates) <= self.wanted_gap)

    def plan_at(self, solve_rate: float) -> Plan:
        """Return the cheapest single plan found that reaches ``solve_rate``.

        Raises
        ------
        InputError
            If no plan reaches it.
        """
        self._check_reach(solve_rate)
        rate, _, number = self.plans.single
        position = int(np.searchsorted(rate, solve_rate - SAME_RATE))
        return self.natural.plan(self.plans.purchases(int(number[position])))

    def mixture_at(self, solve_rate: float) -> tuple[tuple[Plan, float], ...]:
        """Return the plans, with their probabilities, whose mixture reaches ``solve_rate``.

        Raises
        ------
        InputError
            If no mixture reaches it.
        """
        self._check_reach(solve_rate)
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
        target = np.atleast_1d(_checked(solve_rate))
        rate, _, number = self.plans.single
        position = np.searchsorted(rate, target - SAME_RATE)
        table = np.full((len(rate) + 1, len(self.names)), np.nan)
        for each in np.unique(position[position < len(rate)]):
            steps = self.plans.purchases(int(number[each]))
            models = np.array([m for m, _ in steps], dtype=np.int64)
            spend = self.natural.score(steps).spend
            table[each] = np.bincount(models, spend, minlength=len(self.names))
        return table[position]

    @cached_property
    def single_models(self) -> tuple[Frontier, ...]:
        """The frontier of each model alone under the same convention."""
        alone = [self.curves.only([model]) for model in self.names]
        return tuple(Frontier(curves, build_lattice(curves)) for curves in alone)

    def model_prices_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least spend of each model alone, [len(solve_rate), M]; NaN out of reach."""
        return np.stack([alone.spend_at(solve_rate) for alone in self.single_models], axis=-1)

    @property
    def market_max_solve_rate(self) -> float:
        """Largest solve rate of a single model."""
        return max(alone.max_solve_rate for alone in self.single_models)

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

    def table(self) -> TextTable:
        """Return some solve rates up to the reach with spend, bound and plan."""
        return searched_table(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw spend against solve rate: the models, single plans, mixtures, and the bound."""
        return plot_searched(self, ax)

    def _check_reach(self, solve_rate: float) -> None:
        if not 0 <= solve_rate <= self.max_solve_rate + SAME_RATE:
            raise InputError(
                f"No plan reaches a solve rate of {percent(solve_rate, 2)}; all models of"
                f" {self.market.name} together reach {percent(self.max_solve_rate, 2)}."
            )


def _checked(solve_rate: npt.ArrayLike) -> FloatArray:
    target = np.asarray(solve_rate, dtype=float)
    if np.isnan(target).any():
        raise InputError("A solve rate is NaN; it must be a number between 0 and 1.")
    return target


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
    if natural.max_solve_rate <= SAME_RATE:
        raise InputError(f"No model of {curves.market.name} ever solves anything.")
    rates = _rates(solve_rates, natural.max_solve_rate, curves)
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
