"""Playing a plan out: recorded attempts drawn at random, verdicts with the verifier's errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.curves import Accounting
from arbmodels.display import Displayed, TextTable, new_axes, number
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import Estimator, FloatArray, fit_beta_prior
from arbmodels.plans import Plan
from arbmodels.verification.verifier import Verifier

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: What a run yields, each a weighted mean over instances, spends in currency units.
QUANTITIES = ("solve_rate", "wrong_rate", "unanswered", "attempt_spend", "check_spend")


@dataclass(frozen=True, eq=False, repr=False)
class SimulatedPlan(Displayed):
    """What a plan did in independent runs over all instances of a market.

    Parameters
    ----------
    plan : Plan
    market : Market
    verifier : Verifier
    outcomes : float array [runs, 5]
        :data:`QUANTITIES` of every run.
    """

    plan: Plan
    market: Market
    verifier: Verifier
    outcomes: FloatArray

    def to_frame(self) -> pd.DataFrame:
        """Return mean and standard error of every quantity."""
        runs = len(self.outcomes)
        return pd.DataFrame(
            {
                "mean": self.outcomes.mean(axis=0),
                "standard_error": self.outcomes.std(axis=0, ddof=1) / np.sqrt(runs),
            },
            index=pd.Index(QUANTITIES, name="quantity"),
        )

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw the rates with twice their standard errors."""
        axes = new_axes() if axes is None else axes
        rates = 100 * self.to_frame().loc[list(QUANTITIES[:3])]
        axes.errorbar(range(3), rates["mean"], yerr=2 * rates["standard_error"], fmt="o")
        axes.set_xticks(range(3), ["Right", "Wrong", "No answer"])
        axes.set_ylabel("Instances (%)")
        axes.set_title(self.plan.summary)
        return axes

    def table(self) -> TextTable:
        """Return mean and standard error of every quantity."""
        rows = [
            (str(name).replace("_", " "), number(mean), number(error))
            for name, mean, error in self.to_frame().itertuples()
        ]
        return TextTable(
            f"{self.plan.summary}: {len(self.outcomes)} runs on {self.market.name}",
            ("quantity", "mean", "standard error"),
            rows,
            f"{self.verifier.label}; spends in {self.market.currency}/instance.",
        )


def simulate_plan(
    plan: Plan,
    market: Market,
    verifier: Verifier,
    *,
    runs: int = 1000,
    seed: int = 0,
    estimator: Estimator = "unbiased",
    accounting: Accounting = "stop-at-record",
) -> SimulatedPlan:
    """Play a plan out; it shares no formula with :func:`arbmodels.verification.verified_plan`.

    Parameters
    ----------
    plan : Plan
        In attempts.
    market : Market
    verifier : Verifier
    runs : int
        Independent passes over all instances, at least 2.
    seed : int
    estimator, accounting
        How attempts are drawn: from the record without replacement and past it with probability
        c / n of a right one (or not at all), always with c / n, or with a rate drawn once per run
        and instance from the beta posterior.

    Raises
    ------
    InputError
        If the plan counts dollars, names a model that the market lacks, or runs are fewer than 2.
    """
    if plan.unit != "attempts":
        raise InputError("A verifier checks attempts: give the plan in attempts, not in dollars.")
    if runs < 2:
        raise InputError(f"runs is {runs}; a standard error needs at least 2.")
    rng = np.random.default_rng(seed)
    rates = verifier.rates(market.models)
    count = len(market.instances)
    totals = np.zeros((5, runs * count))  # as QUANTITIES; unanswered until an answer is accepted
    totals[2] = 1.0
    urns: dict[int, _Urn] = {}
    for model, more in plan.stages:
        m = market.model_index(model)
        if m not in urns:
            urns[m] = _Urn(
                market, m, runs=runs, estimator=estimator, accounting=accounting, rng=rng
            )
        for _ in range(int(more)):
            open_ = np.flatnonzero((totals[2] > 0) & urns[m].offered())
            right = urns[m].draw(open_, rng)
            totals[3, open_] += market.cost[open_ % count, m]
            totals[4, open_] += rates.cost[m]
            chance = np.where(right, 1 - rates.false_reject[m], rates.false_accept[m])
            accepted = rng.random(len(open_)) < chance
            totals[0, open_[accepted & right]] = 1.0
            totals[1, open_[accepted & ~right]] = 1.0
            totals[2, open_[accepted]] = 0.0
    outcomes = totals.reshape(5, runs, count) @ market.weight
    return SimulatedPlan(plan, market, verifier, outcomes.T)


class _Urn:
    """What is left of one model's records in every run, [runs x N] flattened."""

    def __init__(
        self,
        market: Market,
        m: int,
        *,
        runs: int,
        estimator: Estimator,
        accounting: Accounting,
        rng: np.random.Generator,
    ) -> None:
        n, c = market.attempts[:, m], market.successes[:, m]
        self.known = np.tile(n > 0, runs)
        self.stops = estimator == "unbiased" and accounting == "stop-at-record"
        self.rate = np.tile(c / np.maximum(n, 1), runs)
        self.left = np.tile(n if estimator == "unbiased" else 0 * n, runs)
        self.good = np.tile(c if estimator == "unbiased" else 0 * c, runs)
        if estimator == "beta-binomial":
            prior = fit_beta_prior(n[n > 0], c[n > 0])
            good, bad = prior.alpha + c, prior.beta + n - c
            self.rate = rng.beta(np.tile(good, runs), np.tile(bad, runs))

    def offered(self) -> npt.NDArray[np.bool_]:
        """Where another attempt is made."""
        return self.known & (self.left > 0) if self.stops else self.known

    def draw(self, where: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.bool_]:
        """Make one attempt in the given places; return which are right."""
        left, good = self.left[where], self.good[where]
        chance = np.where(left > 0, good / np.maximum(left, 1), self.rate[where])
        right: npt.NDArray[np.bool_] = rng.random(len(where)) < chance
        self.left[where] = np.maximum(left - 1, 0)
        self.good[where] = np.maximum(good - right, 0)
        return right
