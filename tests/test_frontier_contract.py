"""What every frontier of cascades promises, against all plans of a tiny market."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import comb
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from arbmodels import Market, cascade_frontier, search_frontier
from arbmodels.cascades.frontier import CascadeFrontier
from arbmodels.errors import InputError
from arbmodels.policies import Limits, batch_frontier, limited_frontier
from arbmodels.verification import Verifier, verified_frontier

MODELS = ("cheap", "dear")
ATTEMPTS = ((2, 2), (2, 1), (1, 2), (1, 1))
SUCCESSES = ((1, 2), (0, 1), (1, 1), (0, 0))
PRICES = ((1.0, 4.0), (1.5, 3.0), (1.0, 5.0), (2.0, 4.0))
SECONDS = {"cheap": 10.0, "dear": 25.0}
WEIGHT = 1 / 4
MARKET = Market(MODELS, ("w", "x", "y", "z"), ATTEMPTS, SUCCESSES, PRICES)

#: A plan is a sequence of batches (model, attempts); alone they are batches of one.
Batches = tuple[tuple[int, int], ...]


def failure(i: int, m: int, k: int) -> float:
    """Chance that k attempts drawn from the record without replacement all fail."""
    n, c = ATTEMPTS[i][m], SUCCESSES[i][m]
    k = min(k, n)
    return comb(n - c, k) / comb(n, k)


def evaluate(batches: Batches, per_check: float) -> tuple[float, float]:
    """Solve rate and expected spend, attempts beyond the record not being made."""
    solved = spend = 0.0
    for i in range(len(ATTEMPTS)):
        made, unsolved = [0, 0], 1.0
        for m, size in batches:
            bought = max(0, min(size, ATTEMPTS[i][m] - made[m]))
            spend += WEIGHT * unsolved * bought * (PRICES[i][m] + per_check)
            made[m] += size
            unsolved = failure(i, 0, made[0]) * failure(i, 1, made[1])
        solved += WEIGHT * (1.0 - unsolved)
    return solved, spend


def worst(batches: Batches) -> float:
    """Spend on the dearest instance if nothing succeeds."""
    return max(
        sum(
            min(sum(size for one, size in batches if one == m), ATTEMPTS[i][m]) * PRICES[i][m]
            for m in (0, 1)
        )
        for i in range(len(ATTEMPTS))
    )


def every(largest: int) -> Iterator[Batches]:
    """All sequences of up to two attempts of either model, in batches of any size up to one."""
    choices = [(m, size) for m in (0, 1) for size in range(1, largest + 1)]
    for length in range(5):
        for batches in product(choices, repeat=length):
            if all(sum(size for one, size in batches if one == m) <= 2 for m in (0, 1)):
                yield batches


@dataclass
class Case:
    """A frontier, and the plans it chooses from."""

    make: Callable[[], Any]
    allowed: Callable[[Batches], bool] = lambda batches: True
    largest: int = 1
    per_check: float = 0.0
    spend_is_mixed: bool = False
    bounds_mixtures: bool = False

    @cached_property
    def plans(self) -> dict[Batches, tuple[float, float]]:
        """Solve rate and spend of every plan."""
        return {
            each: evaluate(each, self.per_check)
            for each in every(self.largest)
            if self.allowed(each)
        }

    def least(self, target: float, *, mixed: bool, model: int | None = None) -> float:
        """Least spend of one plan, or of two mixed at random; NaN if there is none."""
        points = [
            point
            for batches, point in self.plans.items()
            if model is None or all(m == model for m, _ in batches)
        ]
        reaching = [spend for rate, spend in points if rate >= target - 1e-12]
        if not reaching:
            return float("nan")
        pairs = [
            low[1] + (high[1] - low[1]) * (target - low[0]) / (high[0] - low[0])
            for low in points
            for high in points
            if low[0] < target < high[0]
        ]
        return min([*reaching, *(pairs if mixed else [])])


CASES = {
    "exact": Case(lambda: cascade_frontier(MARKET)),
    "searched": Case(lambda: search_frontier(MARKET, gap=1e-6), bounds_mixtures=True),
    "verified": Case(
        lambda: verified_frontier(MARKET, Verifier(cost=0.5)),
        per_check=0.5,
        spend_is_mixed=True,
        bounds_mixtures=True,
    ),
    "limited": Case(
        lambda: limited_frontier(MARKET, Limits(dollars=8.0, attempts=3)),
        lambda batches: worst(batches) <= 8.0 and sum(size for _, size in batches) <= 3,
    ),
    "batches": Case(
        lambda: batch_frontier(MARKET, SECONDS, 45.0, largest=2),
        lambda batches: sum(SECONDS[MODELS[m]] for m, _ in batches) <= 45.0,
        largest=2,
    ),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


@pytest.fixture
def frontier(case):
    return case.make()


@pytest.fixture
def rates(case):
    """Solve rates of plans, and rates between and below them."""
    top = max(rate for rate, _ in case.plans.values())
    return np.unique([*np.linspace(0, top, 23), *(rate for rate, _ in case.plans.values())])


def test_largest_solve_rates(case, frontier):
    assert isinstance(frontier, CascadeFrontier)
    assert frontier.max_solve_rate == pytest.approx(max(rate for rate, _ in case.plans.values()))
    alone = [
        max(rate for plan, (rate, _) in case.plans.items() if all(m == model for m, _ in plan))
        for model in (0, 1)
    ]
    assert frontier.market_max_solve_rate == pytest.approx(max(alone))
    assert [each.max_solve_rate for each in frontier.single_models] == pytest.approx(alone)


def test_spend_is_the_least_of_all_plans(case, frontier, rates):
    expected = [case.least(u, mixed=case.spend_is_mixed) for u in rates.tolist()]
    np.testing.assert_allclose(frontier.spend_at(rates), expected, atol=1e-9)


def test_bound_and_gap(case, frontier, rates):
    expected = np.array([case.least(u, mixed=case.bounds_mixtures) for u in rates.tolist()])
    bound, gap = frontier.bound_at(rates), frontier.gap_at(rates)
    assert np.all(bound <= expected + 1e-9)
    paid = expected > 0
    np.testing.assert_allclose(gap[paid], 1 - bound[paid] / expected[paid], atol=1e-9)
    np.testing.assert_allclose(gap, 0.0, atol=1e-6)
    assert np.all(gap[~paid] == 0)


def test_plans_reach_what_they_promise(case, frontier, rates):
    for u in rates.tolist():
        plan = frontier.plan_at(u)
        stages = getattr(plan, "plan", plan).stages
        batches = tuple((MODELS.index(model), int(amount)) for model, amount in stages)
        if case.largest == 1:
            batches = tuple((m, 1) for m, amount in batches for _ in range(amount))
        rate, spend = case.plans[batches]
        assert rate >= u - 1e-9
        if case.spend_is_mixed:  # one plan costs no less than a mixture of two
            assert spend >= case.least(u, mixed=True) - 1e-9
        else:
            assert spend == pytest.approx(case.least(u, mixed=False), abs=1e-9)


def test_prices_of_the_models_alone(case, frontier, rates):
    expected = [
        [case.least(u, mixed=case.spend_is_mixed, model=m) for m in (0, 1)] for u in rates.tolist()
    ]
    np.testing.assert_allclose(frontier.model_prices_at(rates), expected, atol=1e-9)


@pytest.mark.parametrize("method", ["spend_at", "bound_at", "gap_at", "model_prices_at"])
def test_answers_have_the_shape_of_the_question(frontier, method):
    ask = getattr(frontier, method)
    last = (2,) if method == "model_prices_at" else ()
    some = np.array([[0.1, 0.2, 0.3], [0.0, 1.0, 0.4]]) * frontier.max_solve_rate
    assert np.shape(ask(0.3)) == last
    assert ask(some).shape == (2, 3, *last)
    np.testing.assert_array_equal(ask(some)[1, 2], ask(float(some[1, 2])))
    np.testing.assert_array_equal(ask(some.tolist()), ask(some))


@pytest.mark.parametrize("method", ["spend_at", "bound_at", "gap_at", "model_prices_at"])
def test_beyond_the_largest_solve_rate(frontier, method):
    beyond = frontier.max_solve_rate + 1e-6
    assert np.isnan(getattr(frontier, method)([0.1, beyond])[1]).all()
    with pytest.raises(InputError, match=r"No plan reaches a solve rate of .* the largest is"):
        frontier.plan_at(beyond)
    for wrong in (np.nan, -0.1, 1.2, [0.5, 68]):
        with pytest.raises(InputError, match="Solve rates are numbers between 0 and 1"):
            getattr(frontier, method)(wrong)
    with pytest.raises(InputError, match="solve rate"):
        frontier.plan_at(np.nan)


def test_tables_and_pictures(frontier):
    assert frontier.market is MARKET
    assert frontier.names == MODELS
    assert "stop-at-record" in frontier.billing
    assert {"solve_rate", "spend"} <= set(frontier.to_frame().columns)
    shown = " ".join(str(frontier.table()).split())
    assert "solve rate" in shown
    assert "stop-at-record" in shown
    figure, axes = plt.subplots()
    assert frontier.plot(axes) is axes
    assert axes.lines
    assert axes.get_xlabel()
    assert axes.get_ylabel()
    assert axes.get_legend()
    plt.close(figure)
