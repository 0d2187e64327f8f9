"""A plan under a verifier: what is delivered right, delivered wrong, left unanswered, and paid.

Also here: the most profitable plan when every delivered answer is paid for and wrong ones cost a
refund or damages, and simulation, recorded attempts and verdicts being drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from arbmodels._pandas import pd
from arbmodels.curves import Billing
from arbmodels.display import (
    Displayed,
    TextTable,
    model_color,
    new_axes,
    number,
    percent,
)
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import Estimator, FloatArray, fit_beta_prior
from arbmodels.plans import Plan
from arbmodels.verification.curves import (
    VerdictCurves,
    Verifier,
    paid_by_outcome,
    plan_of,
    step_lattice,
    verdict_curves,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False, eq=False)
class VerifiedPlan(Displayed):
    """What a plan does on every instance of a market under a verifier, and on average.

    Made by :func:`verified_plan`. On every instance ``right.sum() + wrong.sum() + unanswered`` is
    one.

    Parameters
    ----------
    plan : Plan
    curves : VerdictCurves
        Market, verifier and billing.
    right, wrong : float arrays [N, M]
        Probability that a right (wrong) answer of model m is the one that is accepted.
    unanswered : float array [N]
        Probability that every attempt is rejected.
    checks : float array [N, M]
        Expected attempts of model m, each of which is checked.
    """

    plan: Plan
    curves: VerdictCurves
    right: FloatArray
    wrong: FloatArray
    unanswered: FloatArray
    checks: FloatArray

    @property
    def market(self) -> Market:
        """The market the plan was scored on."""
        return self.curves.market

    @property
    def verifier(self) -> Verifier:
        """Who says which attempts are right."""
        return self.curves.verifier

    @property
    def solve_rate(self) -> float:
        """Weighted mean probability that a right answer is delivered."""
        return float(self.market.weight @ self.right.sum(axis=1))

    @property
    def wrong_rate(self) -> float:
        """Weighted mean probability that a wrong answer is delivered."""
        return float(self.market.weight @ self.wrong.sum(axis=1))

    @property
    def answer_rate(self) -> float:
        """Weighted mean probability that some answer is delivered."""
        return self.solve_rate + self.wrong_rate

    @property
    def false_share(self) -> float:
        """Share of the delivered answers that are wrong; NaN if none is delivered."""
        return self.wrong_rate / self.answer_rate if self.answer_rate > 0 else float("nan")

    @cached_property
    def attempt_spend_by_model(self) -> FloatArray:
        """Expected spend on attempts, [N, M], currency units per instance."""
        rates = self.verifier.rates(self.market.models)
        solved, failed = paid_by_outcome(self.market)
        # An attempt that is right is accepted, and seen here, with probability 1 - false reject.
        made_right = self.right / (1.0 - rates.false_reject)
        spend: FloatArray = self.checks * failed + made_right * (solved - failed)
        return spend

    @cached_property
    def check_spend_by_model(self) -> FloatArray:
        """Expected spend on checks, [N, M], currency units per instance."""
        spend: FloatArray = self.checks * self.verifier.rates(self.market.models).cost
        return spend

    @cached_property
    def spend(self) -> FloatArray:
        """Expected spend on attempts and checks per instance, [N], currency units."""
        total: FloatArray = (self.attempt_spend_by_model + self.check_spend_by_model).sum(axis=1)
        return total

    @property
    def attempt_spend(self) -> float:
        """Weighted mean spend on attempts, currency units per instance."""
        return float(self.market.weight @ self.attempt_spend_by_model.sum(axis=1))

    @property
    def check_spend(self) -> float:
        """Weighted mean spend on checks, currency units per instance."""
        return float(self.market.weight @ self.check_spend_by_model.sum(axis=1))

    @property
    def mean_spend(self) -> float:
        """Weighted mean spend on attempts and checks, currency units per instance."""
        return self.attempt_spend + self.check_spend

    def profit(self, price: float, *, penalty: float = 0.0, refund: float = 0.0) -> float:
        """Return the expected profit per instance when every delivered answer is paid for.

        Parameters
        ----------
        price : float, currency units per delivered answer
        penalty : float, currency units per wrong answer
            Damages paid for a wrong answer, on top of the refund.
        refund : float in [0, 1]
            Share of the price that is given back for a wrong answer.

        Raises
        ------
        InputError
            If a term is out of its range.
        """
        price, penalty, refund = check_terms(price, penalty, refund)
        returned = (refund * price + penalty) * self.wrong_rate
        return price * self.answer_rate - returned - self.mean_spend

    def to_frame(self) -> pd.DataFrame:
        """Return one row per instance: what becomes of it, and its spend."""
        return pd.DataFrame(
            {
                "right": self.right.sum(axis=1),
                "wrong": self.wrong.sum(axis=1),
                "unanswered": self.unanswered,
                "attempt_spend": self.attempt_spend_by_model.sum(axis=1),
                "check_spend": self.check_spend_by_model.sum(axis=1),
            },
            index=pd.Index(self.market.instances, name="instance"),
        )

    def table(self) -> TextTable:
        """Return answers, checks and spend per model, and the totals."""
        unit = f"{self.market.currency}/instance"
        tables = (
            self.right,
            self.wrong,
            self.checks,
            self.attempt_spend_by_model,
            self.check_spend_by_model,
        )
        columns = np.array([self.market.weight @ table for table in tables]).T
        rows = [
            (name, percent(right, 2), percent(wrong, 2), number(checks, 3), number(a), number(v))
            for name, (right, wrong, checks, a, v) in zip(
                [*self.market.models, "all"],
                [*columns, columns.sum(axis=0)],
                strict=True,
            )
        ]
        return TextTable(
            f"{self.plan.summary}: right {percent(self.solve_rate, 2)}, wrong"
            f" {percent(self.wrong_rate, 2)}",
            ("model", "right", "wrong", "checks", f"attempts [{unit}]", f"checks [{unit}]"),
            rows,
            f"{self.verifier.label}; {self.curves.billing}; in-sample.",
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the shares of right, wrong and no answers, the answers by model."""
        ax = new_axes() if ax is None else ax
        models, weight = self.market.models, self.market.weight
        bottom = np.zeros(2)
        for model, right, wrong in zip(
            models, weight @ self.right, weight @ self.wrong, strict=True
        ):
            shares = np.array([right, wrong])
            colour = model_color(model, models)
            ax.bar([0, 1], 100 * shares, bottom=bottom, color=colour, label=model)
            bottom += 100 * shares
        ax.bar([2], 100 * float(weight @ self.unanswered), color="grey")
        ax.set_xticks([0, 1, 2], ["Right", "Wrong", "No answer"])
        ax.set_ylabel("Instances (%)")
        ax.set_title(self.plan.summary)
        ax.legend(frameon=False)
        return ax


def verified_plan(
    plan: Plan,
    market: Market,
    verifier: Verifier,
    *,
    estimator: Estimator = "unbiased",
    billing: Billing = "stop-at-record",
) -> VerifiedPlan:
    r"""Score a plan of attempts on a market under a verifier.

    With a[m] the attempts made so far, all rejected with probability
    :math:`\prod_m F_{im}(a_m)`, a stage of model m from a[m] to b[m] delivers right answers with
    probability :math:`\sum_{k=a_m}^{b_m - 1} R_{im}(k) \prod_{m' \ne m} F_{im'}(a_{m'})`, wrong
    ones and attempts likewise; see :mod:`arbmodels.verification.curves`.

    Parameters
    ----------
    plan : Plan
        In attempts.
    market : Market
    verifier : Verifier
    estimator : {"unbiased", "geometric", "beta-binomial"}
    billing : {"stop-at-record", "pay-past-record"}
        See :func:`arbmodels.verification.verdict_curves`.

    Raises
    ------
    InputError
        If the plan counts dollars or names a model that the market lacks.
    """
    totals: dict[str, float] = {}
    for model, more in plan.stages:
        totals[model] = totals.get(model, 0.0) + more
    most = max([1, *(int(total) for total in totals.values())])
    return score(plan, verdict_curves(market, verifier, most, estimator, billing))


def score(plan: Plan, curves: VerdictCurves) -> VerifiedPlan:
    """Score a plan on curves that hold at least its numbers of attempts."""
    if plan.unit != "attempts":
        raise InputError("A verifier checks attempts: give the plan in attempts, not in dollars.")
    market = curves.market
    shape = (len(market.instances), len(market.models))
    right, wrong, checks = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    rejected = np.ones(shape)
    made = np.zeros(shape[1], dtype=int)
    for model, more in plan.stages:
        m = market.model_index(model)
        curve, end = curves.models[m], made[m] + int(more)
        if end >= curve.rejected.shape[1]:
            raise InputError(
                f"The plan makes {end} attempts of {model!r}; these curves hold"
                f" {curve.rejected.shape[1] - 1}. Give a larger max_attempts."
            )
        others = np.delete(rejected, m, axis=1).prod(axis=1)
        for total, table in ((right, curve.right), (wrong, curve.wrong), (checks, curve.bought)):
            total[:, m] += table[:, made[m] : end].sum(axis=1) * others
        rejected[:, m] = curve.rejected[:, end]
        made[m] = end
    return VerifiedPlan(plan, curves, right, wrong, rejected.prod(axis=1), checks)


def check_terms(price: float, penalty: float, refund: float) -> tuple[float, float, float]:
    """Return the terms of sale, or say which cannot be used."""
    for what, value in (("price", price), ("penalty", penalty)):
        if not 0 <= value <= 1e100:
            raise InputError(f"The {what} is {value!r}; it must be 0 or a positive finite number.")
    if not 0 <= refund <= 1:
        raise InputError(f"The refund is {refund!r}; it is a share of the price, from 0 to 1.")
    return float(price), float(penalty), float(refund)


def most_profitable_plan(
    market: Market,
    verifier: Verifier,
    price: float,
    *,
    penalty: float = 0.0,
    refund: float = 0.0,
    max_attempts: int | None = None,
    estimator: Estimator = "unbiased",
    billing: Billing = "stop-at-record",
) -> VerifiedPlan:
    r"""Return the plan that earns most per instance; no policy, mixed or not, earns more.

    Profit is price x (right + wrong) - (penalty + refund x price) x wrong - spend. It is additive
    over the steps of a path, so dynamic programming finds the exact optimum. A false reject makes
    further attempts worth while; a false accept ends the plan, and while wrong answers still earn
    something, the best plan courts it: terms with refund 1, or a penalty of at least the price,
    leave nothing to earn from them.

    Parameters
    ----------
    market : Market
        Up to four models.
    verifier : Verifier
    price : float, currency units per delivered answer
    penalty : float, currency units per wrong answer
    refund : float in [0, 1]
        Share of the price that is given back for a wrong answer.
    max_attempts, estimator, billing
        As in :func:`arbmodels.verification.verdict_curves`.

    Returns
    -------
    VerifiedPlan
        Its ``profit(price, penalty=.., refund=..)`` is the optimum; the plan abstains if nothing
        can be earned.

    Raises
    ------
    InputError
        If an argument cannot be used, or the lattice is too large.
    """
    price, penalty, refund = check_terms(price, penalty, refund)
    curves = verdict_curves(market, verifier, max_attempts, estimator, billing)
    lattice = step_lattice(curves, wrong_cost=penalty - (1.0 - refund) * price)
    return score(plan_of(lattice.best(price).steps, market.models), curves)


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

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the rates with twice their standard errors."""
        ax = new_axes() if ax is None else ax
        rates = 100 * self.to_frame().loc[list(QUANTITIES[:3])]
        ax.errorbar(range(3), rates["mean"], yerr=2 * rates["standard_error"], fmt="o")
        ax.set_xticks(range(3), ["Right", "Wrong", "No answer"])
        ax.set_ylabel("Instances (%)")
        ax.set_title(self.plan.summary)
        return ax

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
    billing: Billing = "stop-at-record",
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
    estimator, billing
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
    market.require_verified("a verifier's error rates")
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
            urns[m] = _Urn(market, m, runs=runs, estimator=estimator, billing=billing, rng=rng)
        for _ in range(int(more)):
            open_ = np.flatnonzero((totals[2] > 0) & urns[m].offered())
            right = urns[m].draw(open_, rng)
            solved, failed = (paid[:, m] for paid in paid_by_outcome(market))
            totals[3, open_] += np.where(right, solved[open_ % count], failed[open_ % count])
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
        billing: Billing,
        rng: np.random.Generator,
    ) -> None:
        n, c = market.attempts[:, m], market.successes[:, m]
        self.known = np.tile(n > 0, runs)
        self.stops = estimator == "unbiased" and billing == "stop-at-record"
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
