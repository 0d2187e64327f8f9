"""Plans: ordered stages of attempts on models, stopped at the first verified success."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from arbmodels._checks import (
    choice_of,
    is_budget,
    is_count,
    labels_of,
    listed,
    number_of,
    shown,
    text_of,
    whole_of,
)
from arbmodels.curves import (
    AttemptCurve,
    Curves,
    ModelCurve,
    Unit,
    attempt_curves,
    dollar_curves,
)
from arbmodels.display import Displayed, TextTable, number, percent
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import FloatArray, failure_table


@dataclass(frozen=True)
class Plan:
    """An ordered sequence of stages; a plan without stages abstains.

    Parameters
    ----------
    stages : sequence of (model, amount)
        Spend up to ``amount`` more on ``model``, then go to the next stage. A model may come
        back later: its attempts add up.
    unit : {"attempts", "dollars"}
        What amounts count: whole attempts, or currency units per instance.

    Raises
    ------
    InputError
        If an amount is not positive and finite, or not a whole number of attempts.

    Examples
    --------
    >>> Plan((("small", 2), ("large", 1))).label
    '2 x small, then 1 x large'
    """

    stages: tuple[tuple[str, float], ...] = ()
    unit: Unit = "attempts"

    def __post_init__(self) -> None:
        choice_of(self.unit, ("attempts", "dollars"), "A plan's unit")
        stages = tuple(_stage(stage) for stage in listed(self.stages, "stages"))
        for position, (model, amount) in enumerate(stages, start=1):
            good = is_budget if self.unit == "dollars" else is_count
            if not (amount > 0 and good(np.array(amount))):
                raise InputError(
                    f"Stage {position} ({model!r}) has amount {amount:g}; a plan in {self.unit}"
                    f" needs {'whole ' if self.unit == 'attempts' else ''}positive numbers."
                )
        object.__setattr__(self, "stages", stages)

    @property
    def label(self) -> str:
        """The plan in words."""
        if not self.stages:
            return "abstain"
        if self.unit == "attempts":
            return ", then ".join(f"{amount:.0f} x {model}" for model, amount in self.stages)
        return ", then ".join(f"{amount:.4g} on {model}" for model, amount in self.stages)

    @property
    def summary(self) -> str:
        """The plan in one line: up to three stages in full, else the total per model."""
        if len(self.stages) <= 3:
            return self.label
        totals: dict[str, float] = {}
        for model, amount in self.stages:
            totals[model] = totals.get(model, 0.0) + amount
        shown = Plan(tuple(totals.items()), self.unit).label.replace(", then ", ", ")
        return f"{shown}, in {len(self.stages)} stages"

    @property
    def models(self) -> tuple[str, ...]:
        """The models bought from, in order of first use."""
        return tuple(dict.fromkeys(model for model, _ in self.stages))

    def evaluate(self, market: Market | Curves) -> PlanEvaluation:
        r"""Score the plan on a market.

        With a[m] the amounts so far, a stage of model m from a[m] to b[m] spends in expectation
        :math:`(G_{im}(b_m) - G_{im}(a_m)) \prod_{m' \ne m} F_{im'}(a_{m'})` on instance i, and
        the plan solves it with probability :math:`1 - \prod_m F_{im}(a_m)` in the end. Attempts
        are independent given the instance. A model without a record on an instance is skipped.

        Parameters
        ----------
        market : Market or Curves
            A market is scored with unbiased pass@k, stopping at the record: whole attempts, or
            exact dollars. Give curves for another billing.

        Raises
        ------
        InputError
            If the plan names a model the market lacks, or its unit is not that of the curves.
        """
        curves = market if isinstance(market, Curves) else default_curves(market, [self])[self.unit]
        if curves.unit != self.unit:
            raise InputError(f"The plan counts {self.unit}, the curves count {curves.unit}.")
        market = curves.market
        shape = (len(market.instances), len(market.models))
        failure, spend = np.ones(shape), np.zeros(shape)
        attempts = None if _counted_by_spend(market) else np.zeros(shape)
        amount = np.zeros(shape[1])
        for model, more in self.stages:
            curve = curves.models[curves.index(model)]
            m = market.model_index(model)
            ends = np.array([amount[m], amount[m] + more])
            others = np.delete(failure, m, axis=1).prod(axis=1)
            spend[:, m] += curve.steps(ends)[:, 0] * others
            if attempts is not None:
                attempts[:, m] += _attempts_made(curves, m, curve, ends) * others
            failure[:, m] = curve.failure(ends[1:])[:, 0]
            amount[m] = ends[1]
        solve = 1.0 - failure.prod(axis=1)
        score = None
        if market.accepted is not None:
            score = self._delivered(curves)
        return PlanEvaluation(self, market, solve, spend, curves.billing, attempts, score)

    def _delivered(self, curves: Curves) -> FloatArray:
        """Return the expected score of what is delivered on every instance, 0 where nothing is.

        The attempt of a model that ends the search is equally likely any of those that would be
        accepted, so it is worth their mean.
        """
        market = curves.market
        assert market.accepted is not None  # noqa: S101 - asked before
        worth = np.nan_to_num(market.accepted)
        failure = np.ones(worth.shape)
        amount, score = np.zeros(worth.shape[1]), np.zeros(len(worth))
        for model, more in self.stages:
            curve, m = curves.models[curves.index(model)], market.model_index(model)
            amount[m] += more
            others = np.delete(failure, m, axis=1).prod(axis=1)
            after = curve.failure(amount[[m]])[:, 0]
            score += (failure[:, m] - after) * others * worth[:, m]
            failure[:, m] = after
        return score


def _counted_by_spend(market: Market) -> bool:
    """Whether attempts are spend over cost: every attempt of a pair costs the same, not 0."""
    return market.success_cost is None and not (market.cost == 0).any()


def _attempts_made(curves: Curves, m: int, curve: ModelCurve, ends: FloatArray) -> FloatArray:
    """Return how many attempts a stage of one model makes in expectation if no other solves it."""
    market = curves.market
    n = market.attempts[:, m]
    if isinstance(curve, AttemptCurve):
        start, end = (int(value) for value in ends)
        failure = curve.failure_by_attempt[:, start:end]
        if curves.billing.endswith("stop-at-record"):
            failure = np.where(np.arange(start, end) < n[:, None], failure, 0.0)
        return np.where(n > 0, failure.sum(axis=1), 0.0)
    made: FloatArray = np.zeros(len(n))
    cost = market.cost[:, m]
    paid = curve.steps(ends)[:, 0]
    np.divide(paid, cost, out=made, where=(n > 0) & (cost > 0))
    free = (n > 0) & (cost == 0)
    if free.any() and ends[0] == 0:  # the whole record, at once
        failure = failure_table(n[free], market.successes[free, m], int(n.max()))
        tried = np.arange(failure.shape[1] - 1) < n[free, None]
        made[free] = np.where(tried, failure[:, :-1], 0.0).sum(axis=1)
    return made


def _stage(stage: object) -> tuple[str, float]:
    pair = stage if isinstance(stage, tuple | list) else ()
    if len(pair) != 2:
        raise InputError(f"A stage is {shown(stage)}; give pairs of a model and an amount.")
    return text_of(pair[0], "The model of a stage"), number_of(pair[1], f"amount of {pair[0]!r}")


def plans_of(plans: object) -> tuple[Plan, ...]:
    """Return several plans.

    Raises
    ------
    InputError
        If they are no list of plans.
    """
    known = listed(plans, "plans")
    for plan in known:
        if not isinstance(plan, Plan):
            raise InputError(f"{shown(plan)} is no plan; give Plan((('model', 1),)), say.")
    return plans if isinstance(plans, tuple) else tuple(known)


def default_curves(market: Market, plans: Sequence[Plan]) -> dict[Unit, Curves]:
    """Return the curves that plans are scored on when none are given, for each unit in use.

    Unbiased pass@k, stopping at the record: as many whole attempts as the plans make of any one
    model, or exact dollars.

    Raises
    ------
    InputError
        If a plan names a model that the market lacks.
    """
    most = 1.0
    for plan in plans:
        totals: dict[str, float] = {}
        for model, amount in plan.stages:
            market.model_index(model)
            totals[model] = totals.get(model, 0.0) + amount
        if plan.unit == "attempts":
            most = max([most, *totals.values()])
    makers: dict[Unit, Callable[[], Curves]] = {
        "attempts": lambda: attempt_curves(market, max_attempts=int(most)),
        "dollars": lambda: dollar_curves(market, integration="exact", billing="stop-at-record"),
    }
    return {unit: makers[unit]() for unit in dict.fromkeys(plan.unit for plan in plans)}


@dataclass(frozen=True, repr=False, eq=False)
class PlanEvaluation(Displayed):
    """What a plan does on every instance of a market, and on average.

    Parameters
    ----------
    plan : Plan
    market : Market
    solve : float array [N]
        Probability that the plan solves the instance.
    spend_by_model : float array [N, M], currency units
        Expected spend on each model.
    billing : str
        Estimator and billing in words.
    score : float array [N], optional
        Expected score of what is delivered, 0 where nothing is: of markets made by
        :meth:`arbmodels.Market.accept`.
    """

    plan: Plan
    market: Market
    solve: FloatArray
    spend_by_model: FloatArray
    billing: str
    _attempts: FloatArray | None = None
    score: FloatArray | None = None

    @cached_property
    def spend(self) -> FloatArray:
        """Expected spend per instance, [N], currency units."""
        total: FloatArray = self.spend_by_model.sum(axis=1)
        return total

    @cached_property
    def attempts_by_model(self) -> FloatArray:
        """Expected attempts of each model per instance, [N, M]."""
        if self._attempts is not None:
            return self._attempts
        cost = np.where(self.market.recorded, self.market.cost, 1.0)
        attempts: FloatArray = self.spend_by_model / cost
        return attempts

    @property
    def solve_rate(self) -> float:
        """Weighted mean solve probability."""
        return float(self.market.weight @ self.solve)

    @property
    def mean_spend(self) -> float:
        """Weighted mean spend, currency units per instance."""
        return float(self.market.weight @ self.spend)

    @property
    def delivered_score(self) -> float:
        """Weighted mean score of the answers that are delivered; NaN if there is none.

        Of a market made by :meth:`arbmodels.Market.accept`; NaN otherwise.
        """
        if self.score is None or self.solve_rate <= 0:
            return math.nan
        return float(self.market.weight @ self.score) / self.solve_rate

    def table(self) -> TextTable:
        """Return spend per model and the totals."""
        unit = f"{self.market.currency}/instance"
        by_model = self.market.weight @ self.spend_by_model
        rows = [
            (model, number(value), percent(value / max(self.mean_spend, 1e-300)))
            for model, value in zip(self.market.models, by_model, strict=True)
        ]
        rows.append(("all", number(self.mean_spend), percent(1.0)))
        title = f"{self.plan.label}: solve rate {percent(self.solve_rate, 2)}"
        if self.score is not None:
            title += f", delivered score {number(self.delivered_score)}"
        return TextTable(
            title,
            ("model", f"spend [{unit}]", "share"),
            rows,
            self.billing,
        )


def attempts_up_to(models: Market | Iterable[str], most: int = 1) -> tuple[Plan, ...]:
    """Return the plans of plain routing: 1..``most`` attempts of each model, and abstaining last.

    Parameters
    ----------
    models : Market or names of models
    most : int
        At least 1.

    Examples
    --------
    >>> [plan.label for plan in attempts_up_to(["small", "large"], 2)]
    ['1 x small', '2 x small', '1 x large', '2 x large', 'abstain']
    """
    if whole_of(most, "number of attempts of attempts_up_to") < 1:
        raise InputError(f"attempts_up_to needs at least one attempt, not {most}.")
    most = int(most)
    names = models.models if isinstance(models, Market) else labels_of(models, "models")
    return (*(Plan(((name, k),)) for name in names for k in range(1, most + 1)), Plan())
