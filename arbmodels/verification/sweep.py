"""Margins as verification gets dearer or worse: sweeps, and where the margin vanishes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from arbmodels._pandas import pd
from arbmodels.cascades.frontier import margin_of
from arbmodels.curves import Billing, solve_rates_of
from arbmodels.display import ARBITRAGEUR_COLOR, Displayed, TextTable, new_axes, number, percent
from arbmodels.errors import InputError
from arbmodels.estimation.workers import run
from arbmodels.market import Market
from arbmodels.passk import Estimator, FloatArray
from arbmodels.verification.curves import (
    StepLattice,
    VerdictCurves,
    Verifier,
    step_lattice,
    verdict_curves,
)
from arbmodels.verification.frontier import (
    BASELINES,
    Baseline,
    hull_around,
    single_lattices,
)
from arbmodels.verification.plan import check_terms

if TYPE_CHECKING:
    from matplotlib.axes import Axes


#: Which number of the verifier is changed.
Vary = Literal["cost", "false_accept", "false_reject"]

LABELS = {
    "cost": "Cost per check",
    "false_accept": "False-accept rate",
    "false_reject": "False-reject rate",
}


@dataclass(frozen=True, eq=False)
class Comparison:
    """Least costs of the best policy and of single models, while one number changes.

    Parameters
    ----------
    curves : VerdictCurves
        Under the verifier whose other numbers are kept.
    vary : {"cost", "false_accept", "false_reject"}
    penalty : float, currency units per wrong answer
    baseline : {"same-verifier", "self-verification"}
    """

    curves: VerdictCurves
    vary: Vary
    penalty: float
    baseline: Baseline

    @property
    def billing(self) -> str:
        """Everything that the numbers depend on, in words."""
        kept = replace(self.curves.verifier, **{self.vary: 0.0}).label
        return (
            f"{kept} but for the {LABELS[self.vary].lower()}; penalty {self.penalty:g};"
            f" {self.curves.billing}, mixtures; {BASELINES[self.baseline]}"
        )

    def at(self, value: float, rates: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the best policy's cost and the market price at each solve rate, [U] each."""
        curves = self.curves.under(replace(self.curves.verifier, **{self.vary: value}))
        singles = single_lattices(curves, self.penalty, self.baseline)
        prices = np.array([_costs(lattice, rates) for lattice in singles])
        cost = _costs(step_lattice(curves, self.penalty), rates)
        return cost, np.fmin.reduce(prices, axis=0)


def _costs(lattice: StepLattice, rates: FloatArray) -> FloatArray:
    return np.array([float(hull_around(lattice, rate).spend_at(rate)) for rate in rates.tolist()])


def comparison(
    market: Market,
    verifier: Verifier | None,
    *,
    vary: Vary,
    penalty: float,
    baseline: Baseline,
    max_attempts: int | None,
    estimator: Estimator,
    billing: Billing,
) -> Comparison:
    """Check the arguments that sweeps and thresholds share."""
    if vary not in LABELS:
        raise InputError(f"Nothing called {vary!r} to vary; choose from {', '.join(LABELS)}.")
    verifier = Verifier() if verifier is None else verifier
    penalty = check_terms(0.0, penalty, 0.0)[1]
    curves = verdict_curves(market, verifier, max_attempts, estimator, billing)
    return Comparison(curves, vary, penalty, baseline)


@dataclass(frozen=True, eq=False, repr=False)
class VerificationSweep(Displayed):
    """Cost, price and margin for values of one of the verifier's numbers.

    Parameters
    ----------
    comparison : Comparison
        What is kept, and what is changed.
    values : float array [V]
        Costs per check in currency units, or rates.
    solve_rates : float array [U]
        Rates of right answers.
    cost, price : float arrays [V, U], currency units per instance
        Of the best policy, and of the cheapest single model; NaN above the largest.
    """

    comparison: Comparison
    values: FloatArray
    solve_rates: FloatArray
    cost: FloatArray
    price: FloatArray

    @property
    def margin(self) -> FloatArray:
        """max(0, 1 - cost / price), [V, U]; NaN where no single model reaches the solve rate."""
        return margin_of(self.price, self.cost)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per value and solve rate."""
        values, rates = np.meshgrid(self.values, self.solve_rates, indexing="ij")
        return pd.DataFrame(
            {
                self.comparison.vary: values.ravel(),
                "solve_rate": rates.ravel(),
                "cost": self.cost.ravel(),
                "price": self.price.ravel(),
                "margin": self.margin.ravel(),
            }
        )

    def table(self) -> TextTable:
        """Return the margins, a row per value and a column per solve rate."""
        show = number if self.comparison.vary == "cost" else percent
        rows = [
            (show(value), *(percent(margin) for margin in margins))
            for value, margins in zip(self.values, self.margin, strict=True)
        ]
        market = self.comparison.curves.market
        unit = f" [{market.currency}]" if self.comparison.vary == "cost" else ""
        return TextTable(
            f"Margin on {market.name} at several rates of right answers",
            (LABELS[self.comparison.vary] + unit, *(percent(u, 2) for u in self.solve_rates)),
            rows,
            f"{self.comparison.billing}; in-sample.",
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the margin against the value, a line per solve rate."""
        ax = new_axes() if ax is None else ax
        vary, market = self.comparison.vary, self.comparison.curves.market
        for rate, margin in zip(self.solve_rates, self.margin.T, strict=True):
            ax.plot(self.values, 100 * margin, label=f"{percent(rate, 1)} right")
        unit = f" ({market.currency})" if vary == "cost" else ""
        ax.set_xlabel(LABELS[vary] + unit)
        ax.set_ylabel("Margin (%)")
        ax.set_title(market.name)
        ax.legend(frameon=False)
        return ax


def verification_sweep(
    market: Market,
    solve_rates: npt.ArrayLike,
    values: npt.ArrayLike,
    *,
    vary: Vary = "cost",
    verifier: Verifier | None = None,
    penalty: float = 0.0,
    baseline: Baseline = "same-verifier",
    max_attempts: int | None = None,
    estimator: Estimator = "unbiased",
    billing: Billing = "stop-at-record",
    workers: int | None = None,
) -> VerificationSweep:
    """Compute the margin at some solve rates for values of one of the verifier's numbers.

    Parameters
    ----------
    market : Market
    solve_rates : array of probabilities [U]
    values : float array [V]
        Costs per check (currency units) or error rates, the same for every model.
    vary : {"cost", "false_accept", "false_reject"}
        Which number takes the values; the others are those of ``verifier``.
    verifier, penalty, baseline, max_attempts, estimator, billing
        As in :func:`arbmodels.verification.verified_frontier`.
    workers : int, optional
        Processes over the values; -1 for one per core. By default what
        ``joblib.parallel_config`` says (a Dask cluster, too), else one.

    Raises
    ------
    InputError
        If an argument cannot be used.
    WorkerError
        If workers keep dying.
    """
    versus = comparison(
        market,
        verifier,
        vary=vary,
        penalty=penalty,
        baseline=baseline,
        max_attempts=max_attempts,
        estimator=estimator,
        billing=billing,
    )
    rates = np.atleast_1d(solve_rates_of(solve_rates))
    given = np.atleast_1d(np.asarray(values, dtype=float))
    if given.ndim != 1 or rates.ndim != 1 or not given.size or not rates.size:
        raise InputError("A sweep needs a list of values and a list of solve rates.")
    found = run(_at, [(versus, value, rates) for value in given.tolist()], workers, "Sweep")
    cost, price = (np.array(each) for each in zip(*found, strict=True))
    return VerificationSweep(versus, given, rates, cost, price)


def _at(versus: Comparison, value: float, rates: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Cost and price at one value: what a worker computes."""
    return versus.at(value, rates)


#: Margins up to this are none: what is left of equal costs after rounding.
_NO_MARGIN = 1e-9
#: Costs per check are tried from 1e-4 to 1e4 times the market price, rates up to 0.99.
_COSTS, _RATES = np.geomspace(1e-4, 1e4, 65), np.linspace(0.0, 0.99, 67)[1:]

#: Why a margin ends: nothing is left of it, the policy no longer reaches the solve rate, no single
#: model does (there is no price to compare with), or it does not end in the range searched.
Ending = Literal["no margin", "policy out of reach", "no market price", "none found"]


@dataclass(frozen=True, eq=False, repr=False)
class VerificationThreshold(Displayed):
    """The first value of one of the verifier's numbers at which the margin is gone.

    Parameters
    ----------
    comparison : Comparison
        What is kept, and what is changed.
    solve_rate : float
        Rate of right answers.
    value : float
        In currency units per check, or a rate; infinite if the margin does not end in the range
        searched, 0 if there is none to begin with.
    below : float
        The largest value tried with a margin left; ``value - below`` is the uncertainty.
    ending : str
        Why the margin ends there.
    values, margins : float arrays [T]
        Everything tried, by value.
    """

    comparison: Comparison
    solve_rate: float
    value: float
    below: float
    ending: Ending
    values: FloatArray
    margins: FloatArray

    @property
    def start_margin(self) -> float:
        """Margin where the number that varies is zero."""
        return float(self.margins[0])

    @property
    def last_margin(self) -> float:
        """Margin at the largest value tried; the limit if the margin does not end."""
        return float(self.margins[-1])

    def to_frame(self) -> pd.DataFrame:
        """Return every value tried and its margin."""
        return pd.DataFrame({self.comparison.vary: self.values, "margin": self.margins})

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the margins of everything tried, and the threshold; costs on a log scale."""
        ax = new_axes() if ax is None else ax
        vary, market = self.comparison.vary, self.comparison.curves.market
        shown = self.values > 0 if vary == "cost" else np.ones(len(self.values), dtype=bool)
        ax.plot(self.values[shown], 100 * self.margins[shown], color=ARBITRAGEUR_COLOR)
        if 0 < self.value < np.inf:
            ax.axvline(self.value, color="grey", lw=0.8, ls="--")
        if vary == "cost" and shown.any():
            ax.set_xscale("log")
        ax.set_xlabel(LABELS[vary] + (f" ({market.currency})" if vary == "cost" else ""))
        ax.set_ylabel(f"Margin at {percent(self.solve_rate)} right (%)")
        ax.set_title(market.name)
        return ax

    def table(self) -> TextTable:
        """Return the threshold and the margins at both ends."""
        vary, market = self.comparison.vary, self.comparison.curves.market
        show: Callable[[float], str] = number if vary == "cost" else lambda value: percent(value, 2)
        unit = f" {market.currency}" if vary == "cost" else ""
        row = (
            percent(self.solve_rate, 2),
            f"{show(self.value) if np.isfinite(self.value) else '∞'}{unit}",
            self.ending,
            percent(self.start_margin, 2),
            percent(self.last_margin, 2),
        )
        return TextTable(
            f"{LABELS[vary]} at which the margin on {market.name} ends",
            ("right", "threshold", "ending", "margin at 0", "margin at the largest value"),
            [row],
            f"{self.comparison.billing}; in-sample.",
        )


def verification_threshold(
    market: Market,
    solve_rate: float,
    *,
    vary: Vary = "cost",
    verifier: Verifier | None = None,
    penalty: float = 0.0,
    baseline: Baseline = "same-verifier",
    max_attempts: int | None = None,
    estimator: Estimator = "unbiased",
    billing: Billing = "stop-at-record",
    tolerance: float = 1e-6,
) -> VerificationThreshold:
    """Find the first cost per check (or error rate) at which the margin is gone.

    Costs are tried from 0 up to 10,000 times the market price, eight per factor of ten, and rates
    up to 99% in steps of 1.5%; the first step that loses the margin is then halved until it is
    known to ``tolerance``. Under "self-verification" the cost of the best policy rises with the
    cost per check and with the false-reject rate while the price stays, so the threshold is the
    only one. Elsewhere the margin may come and go, and an interval shorter than a step may be
    missed. Under "same-verifier" no cost per check need end the margin: as it grows, all that
    counts is how many checks a solve rate takes, and several models may need fewer than one.

    Parameters
    ----------
    market : Market
    solve_rate : float
        Rate of right answers.
    vary : {"cost", "false_accept", "false_reject"}
        The number that is searched, the same for every model; the others are the ``verifier``'s.
    verifier, penalty, baseline, max_attempts, estimator, billing
        As in :func:`arbmodels.verification.verified_frontier`.
    tolerance : float
        Of the threshold, relative for a cost and absolute for a rate.

    Raises
    ------
    InputError
        If an argument cannot be used, or no single model reaches the solve rate to begin with.
    """
    versus = comparison(
        market,
        verifier,
        vary=vary,
        penalty=penalty,
        baseline=baseline,
        max_attempts=max_attempts,
        estimator=estimator,
        billing=billing,
    )
    rates = np.atleast_1d(solve_rates_of(float(solve_rate)))
    if not 0 < tolerance < 1:
        raise InputError(f"The tolerance is {tolerance!r}; it lies between 0 and 1.")
    tried: dict[float, tuple[float, Ending]] = {}

    def margin(value: float) -> float:
        cost, price = (float(each[0]) for each in versus.at(value, rates))
        left = float(margin_of(np.array(price), np.array(cost)))
        tried[value] = left, _ending(cost, price)
        return left

    start = margin(0.0)
    if np.isnan(start):
        raise InputError(
            f"No single model delivers {percent(float(solve_rate), 2)} right answers under this"
            " verifier, so there is no market price and no margin to lose. Ask for less."
        )
    price = float(versus.at(0.0, rates)[1][0])
    grid = _COSTS * price if vary == "cost" else _RATES
    low, high = 0.0, 0.0 if not start > _NO_MARGIN else np.inf
    watched = tqdm(grid.tolist() if high else [], "Threshold", disable=None, leave=False, delay=2)
    for value in watched:
        if not margin(value) > _NO_MARGIN:
            high = value
            break
        low = value
    watched.close()
    while 0 < high < np.inf and high - low > tolerance * (high if vary == "cost" else 1.0):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if margin(middle) > _NO_MARGIN else (low, middle)
    ending: Ending = tried[high][1] if high in tried else "none found"
    values = np.array(sorted(tried))
    margins = np.array([tried[value][0] for value in values.tolist()])
    return VerificationThreshold(versus, float(solve_rate), high, low, ending, values, margins)


def _ending(cost: float, price: float) -> Ending:
    if np.isnan(price):
        return "no market price"
    return "policy out of reach" if np.isnan(cost) else "no margin"
