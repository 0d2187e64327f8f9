"""Margins as verification gets dearer or worse: sweeps, and where the margin vanishes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.curves import Accounting
from arbmodels.display import Displayed, TextTable, new_axes, number, percent
from arbmodels.errors import InputError
from arbmodels.estimation.workers import run
from arbmodels.market import Market
from arbmodels.passk import Estimator, FloatArray
from arbmodels.verification.baseline import (
    BASELINES,
    Baseline,
    check_rates,
    margin_of,
    single_lattices,
)
from arbmodels.verification.lattice import StepLattice, step_lattice
from arbmodels.verification.scored import check_terms
from arbmodels.verification.search import hull_around
from arbmodels.verification.verdicts import VerdictCurves, verdict_curves
from arbmodels.verification.verifier import Verifier

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
    baseline : {"same-verifier", "own-check"}
    """

    curves: VerdictCurves
    vary: Vary
    penalty: float
    baseline: Baseline

    @property
    def convention(self) -> str:
        """Everything that the numbers depend on, in words."""
        kept = replace(self.curves.verifier, **{self.vary: 0.0}).label
        return (
            f"{kept} but for the {LABELS[self.vary].lower()}; penalty {self.penalty:g};"
            f" {self.curves.convention}, mixtures; {BASELINES[self.baseline]}"
        )

    def at(self, value: float, rates: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the best policy's cost and the market price at each solve rate, [U] each."""
        curves = self.curves.under(replace(self.curves.verifier, **{self.vary: value}))
        singles = single_lattices(curves, self.penalty, self.baseline)
        prices = np.array([_costs(lattice, rates) for lattice in singles])
        cost = _costs(step_lattice(curves, self.penalty), rates)
        return cost, np.fmin.reduce(prices, axis=0)


def _costs(lattice: StepLattice, rates: FloatArray) -> FloatArray:
    return np.array([float(hull_around(lattice, rate).cost_at(rate)) for rate in rates.tolist()])


def comparison(
    market: Market,
    verifier: Verifier | None,
    *,
    vary: Vary,
    penalty: float,
    baseline: Baseline,
    max_attempts: int | None,
    estimator: Estimator,
    accounting: Accounting,
) -> Comparison:
    """Check the arguments that sweeps and thresholds share."""
    if vary not in LABELS:
        raise InputError(f"Nothing called {vary!r} to vary; choose from {', '.join(LABELS)}.")
    verifier = Verifier() if verifier is None else verifier
    penalty = check_terms(0.0, penalty, 0.0)[1]
    curves = verdict_curves(market, verifier, max_attempts, estimator, accounting)
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
        Of the best policy, and of the cheapest single model; NaN out of reach.
    """

    comparison: Comparison
    values: FloatArray
    solve_rates: FloatArray
    cost: FloatArray
    price: FloatArray

    @property
    def margin(self) -> FloatArray:
        """max(0, 1 - cost / price), [V, U]; NaN where no single model reaches the solve rate."""
        return margin_of(self.cost, self.price)

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
            f"{self.comparison.convention}; in-sample.",
        )

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw the margin against the value, a line per solve rate."""
        axes = new_axes() if axes is None else axes
        vary, market = self.comparison.vary, self.comparison.curves.market
        for rate, margin in zip(self.solve_rates, self.margin.T, strict=True):
            axes.plot(self.values, 100 * margin, label=f"{percent(rate, 1)} right")
        unit = f" ({market.currency})" if vary == "cost" else ""
        axes.set_xlabel(LABELS[vary] + unit)
        axes.set_ylabel("Margin (%)")
        axes.set_title(market.name)
        axes.legend(frameon=False)
        return axes


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
    accounting: Accounting = "stop-at-record",
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
    verifier, penalty, baseline, max_attempts, estimator, accounting
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
        accounting=accounting,
    )
    rates = np.atleast_1d(check_rates(solve_rates))
    given = np.atleast_1d(np.asarray(values, dtype=float))
    if given.ndim != 1 or rates.ndim != 1 or not given.size or not rates.size:
        raise InputError("A sweep needs a list of values and a list of solve rates.")
    found = run(_at, [(versus, value, rates) for value in given.tolist()], workers, "Sweep")
    cost, price = (np.array(each) for each in zip(*found, strict=True))
    return VerificationSweep(versus, given, rates, cost, price)


def _at(versus: Comparison, value: float, rates: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Cost and price at one value: what a worker computes."""
    return versus.at(value, rates)
