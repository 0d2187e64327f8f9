"""Whole curves of the authors' larger markets, against their procedure written anew.

Nothing of the package is used on this side: records are read from the files, pass@k is a product of
fractions, cascades are stitched issue by issue.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import arbmodels as arb
from paper_figures import figure_5_larger_market as larger
from paper_figures import figure_6_distillation as distillation
from paper_figures import figure_7_entry as entry
from paper_figures import lean
from paper_figures.__main__ import load
from paper_figures.allocations import Choice, Scored, halves, per_rate, single, staged
from paper_figures.methods import PAIR_BUDGETS, STAGE_BUDGETS

FloatArray = npt.NDArray[np.float64]
#: Of a cost, and percentage points of a margin.
COST, MARGIN = 0.005, 0.2


@dataclass(frozen=True)
class Anew:
    """The authors' procedure for one market and one grid of budgets."""

    folder: Path
    models: tuple[str, ...]
    budgets: FloatArray

    @cached_property
    def failures(self) -> list[FloatArray]:
        """1 - pass@floor(budget / cost) of every model, [issues, budgets]."""
        tables = []
        for model in self.models:
            lines = (self.folder / f"{model}.jsonl").read_text().splitlines()
            tables.append({row["id"]: row for row in map(json.loads, lines)})
        shared = sorted(set.intersection(*map(set, tables)))
        return [
            np.array([_failure(table[name], self.budgets) for name in shared]) for table in tables
        ]

    def alone(self) -> list[tuple[FloatArray, FloatArray]]:
        return [self._curve(each.mean(axis=0)) for each in self.failures]

    def cascade(self, allocation: Sequence[float]) -> tuple[FloatArray, FloatArray]:
        """Return solve rate and cost at every budget, stage after stage for every issue."""
        log = np.log(self.budgets)
        mean = np.zeros(len(log))
        for i in range(len(self.failures[0])):
            axis, height, left, before = [], [], 1.0, 0.0
            for model, budget in zip(self.failures, allocation, strict=True):
                end = np.interp(np.log(max(budget, 1e-300)), log, model[i])
                axis.append(np.minimum(self.budgets, budget) + before)
                height.append(left * np.maximum(model[i], end))
                left, before = left * end, before + budget
            together = np.log(np.maximum(np.concatenate(axis), 1e-12))
            mean += np.interp(log, together, np.concatenate(height))
        return self._curve(mean / len(self.failures[0]))

    def _curve(self, survival: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return solve rate and the integral of survival, linear in log budget in between."""
        ends = np.concatenate([[1e-12], self.budgets])
        height = np.concatenate([[1.0], survival])
        ratio = np.log(ends[1:] / ends[:-1])
        area = height[:-1] * np.diff(ends)
        area += np.diff(height) / ratio * (ends[1:] * ratio - np.diff(ends))
        return 1.0 - survival, np.cumsum(area)


def _failure(row: dict[str, object], budgets: FloatArray) -> list[float]:
    tries = row["attempts"]
    assert isinstance(tries, list)
    n, c = len(tries), sum(map(int, tries))
    left = [1.0]
    for k in range(n):
        left.append(left[-1] * max(n - c - k, 0) / (n - k))
    cost = float(row["mean_cost"])  # type: ignore[arg-type]
    return [left[min(int(np.floor(budget / cost * (1 + 1e-12))), n)] for budget in budgets]


def read(curve: tuple[FloatArray, FloatArray], rates: FloatArray) -> FloatArray:
    rate, cost = curve
    found = np.exp(np.interp(rates, rate, np.log(np.maximum(cost, 1e-300))))
    return np.where(rates <= rate.max() + 1e-12, found, np.nan)


def off(choice: Choice, price: FloatArray, cost: FloatArray) -> int:
    """Return at how many solve rates a curve is off by more than is allowed."""
    margin = np.maximum(1 - np.nan_to_num(cost, nan=np.inf) / price, 0)
    far = np.abs(choice.cost - cost) > COST * cost
    far |= np.isnan(choice.cost) != np.isnan(cost)
    return int((far | (np.abs(choice.margin - margin) > MARGIN / 100)).sum())


def anew(choice: Choice, scored: Scored, folder: Path) -> tuple[FloatArray, FloatArray]:
    """Return the market price, and the least cost of every allocation that a curve is made of.

    And of 40 others, none of which may be cheaper.
    """
    own = Anew(folder, scored.market.models, scored.grid)
    rates = choice.solve_rates
    price = np.fmin.reduce([read(curve, rates) for curve in own.alone()])
    rng = np.random.default_rng(0)
    others = scored.allocations[rng.choice(len(scored.allocations), 40, replace=False)]
    tried = np.unique(np.vstack([choice.allocations, others]), axis=0)
    return price, np.fmin.reduce([read(own.cascade(each), rates) for each in tried])


def five(real_data: Path) -> tuple[Scored, Choice, Path]:
    market = load(str(real_data), larger).select(models=list(larger.FOUR))
    scored = Scored(market, arb.budget_grid(), staged(STAGE_BUDGETS, 4, 1.0))
    choice = per_rate(scored, np.linspace(0.4, scored.market_max_solve_rate, 100))
    return scored, choice, real_data / "olmedo2026" / "swebench"


def seven(real_data: Path) -> tuple[Scored, Choice, Path]:
    market = load(str(real_data), entry).select(models=list(entry.MODELS[1:]))
    scored = Scored(market, arb.budget_grid(1e-4, 0.5), halves(PAIR_BUDGETS, 0.5))
    choice = per_rate(scored, np.linspace(0.05, scored.market_max_solve_rate, 100))
    return scored, choice, real_data / "olmedo2026" / "swebench"


def eight(real_data: Path) -> tuple[Scored, Choice, Path]:
    choice = lean.authors_choice(load(str(real_data), lean))  # type: ignore[arg-type]
    market = arb.load_market(lean.DATA, models=lean.MODELS, data=real_data)
    scored = Scored(market, arb.budget_grid(2e3, 3e8), staged(np.logspace(4, 9, 20), 3, 1e9))
    assert len(scored.allocations) == 2_162
    return scored, choice, real_data / "olmedo2026" / "lean"


def six(real_data: Path) -> tuple[Scored, Choice, Path]:
    market = load(str(real_data), distillation).select(models=["1.7b-2816", "qwen3-coder-480b"])
    scored = Scored(market, arb.budget_grid(), halves(np.logspace(-3, np.log10(0.15), 100), 1.0))
    reach = scored.market_max_solve_rate
    _, choice = single(scored, np.linspace(reach - 0.1, reach, 100))
    assert 100 * choice.margin.mean() == pytest.approx(23.1, abs=0.05)
    # One allocation for all rates: others may be cheaper at some.
    scored = replace(scored, allocations=np.repeat(choice.allocations[:1], 40, axis=0))
    return scored, choice, real_data / "olmedo2026" / "swebench" / "distill"


@pytest.mark.slow
@pytest.mark.parametrize("figure", [five, six, seven, eight])
def test_whole_curves_are_the_authors(figure: object, real_data: Path) -> None:
    scored, choice, folder = figure(real_data)  # type: ignore[operator]
    price, cost = anew(choice, scored, folder)
    np.testing.assert_allclose(choice.price, price, rtol=1e-9)
    np.testing.assert_allclose(choice.cost, cost, rtol=1e-9)
    assert off(choice, price, cost) == 0
    # What the tolerance is for: hardly different procedures fail.
    rates = choice.solve_rates
    for wrong in (
        replace(scored, grid=scored.grid * 1.02),
        replace(scored, allocations=scored.allocations * 0.93),
        replace(scored, allocations=scored.allocations[len(scored.allocations) // 2 :] * 1.05),
    ):
        assert off(per_rate(wrong, rates), price, cost) > 0
    assert off(replace(choice, cost=1.006 * choice.cost), price, cost) == len(rates)


def test_published_values_fail_where_the_curve_is_moved(real_data: Path) -> None:
    _, choice, _ = five(real_data)
    pair = load(str(real_data), larger).select(models=list(larger.PAIR))
    two = per_rate(Scored(pair, arb.budget_grid(), halves(PAIR_BUDGETS, 1.0)), choice.solve_rates)

    def missed(four: FloatArray, small: FloatArray) -> list[str]:
        found = larger._values(choice.solve_rates, four, small)
        return [
            each.name
            for each in larger.PUBLISHED
            if abs(found[each.name] - each.value) > each.tolerance
        ]

    assert missed(choice.margin, two.margin) == []
    assert len(missed(np.append(choice.margin[1:], 0.563), two.margin)) >= 4
    assert len(missed(choice.margin, np.append(two.margin[1:], 0.458))) == 2
    assert len(missed(choice.margin + 0.003, two.margin + 0.003)) >= 9


def test_published_shares_are_those_of_the_cheapest_of_102(real_data: Path) -> None:
    _, choice, _ = seven(real_data)
    share = entry._smooth(choice.providers_shares[0])
    for target, value in {0.49: 44, 0.50: 35, 0.51: 17, 0.52: 0, 0.6: 28, 0.72: 41}.items():
        assert round(100 * float(np.interp(target, choice.solve_rates, share))) == value
    # The single allocation that prices are made with has other shares.
    single_one = per_rate(
        Scored(
            load(str(real_data), entry).select(models=list(entry.MODELS[1:])),
            arb.budget_grid(1e-4, 0.5),
            np.array([[0.0244, 0.4756]]),
        ),
        choice.solve_rates,
    )
    other = entry._smooth(single_one.providers_shares[0])
    assert abs(np.interp(0.5, choice.solve_rates, other) - 0.35) > 0.1
