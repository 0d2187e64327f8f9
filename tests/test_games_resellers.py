"""Arbitrageurs with different catalogues, policies and overheads over the solve-rate line."""

from __future__ import annotations

import numpy as np
import pytest

import arbmodels as arb
from arbmodels.cascades import paper_policy
from arbmodels.errors import InputError
from arbmodels.games import BertrandGame, providers_from, reseller, undercut
from arbmodels.margins import arbitrage
from arbmodels.market import Market

RATES = np.linspace(0.66, 0.72, 7)


@pytest.fixture(scope="module")
def played(simulated: Market) -> BertrandGame:
    models = ["qwen3-coder-30b", "gpt5mini", "deepseek"]
    market = simulated.select(models=models)
    pair = simulated.select(models=["gpt5mini", "deepseek"])
    # One billing for all: the fitted policy's, which is the authors'.
    everything = arb.cascade_frontier(arb.dollar_curves(market), most_states=600_000)
    sellers = (
        *providers_from(arbitrage(everything, solve_rates=RATES)),
        reseller("all models", everything, RATES, overhead=0.15),
        reseller("two models", arb.cascade_frontier(arb.dollar_curves(pair)), RATES),
        reseller("two models, fitted policy", paper_policy(pair, RATES), RATES),
    )
    return BertrandGame(RATES, sellers)


def test_the_two_lowest_costs_set_the_price(played: BertrandGame) -> None:
    found = played.solve()
    assert found.epsilon == pytest.approx(0, abs=1e-12)
    ordered = np.sort(np.where(np.isnan(played.costs), np.inf, played.costs), axis=1)
    assert found.market_price == pytest.approx(ordered[:, 1])
    # Nobody who serves is dearer than another.
    served = np.where(found.shares > 0, played.costs, np.nan)
    assert np.nanmax(served, axis=1) == pytest.approx(ordered[:, 0])


def test_a_smaller_catalogue_or_a_single_policy_costs_more(played: BertrandGame) -> None:
    cost = dict(zip(played.players, played.costs.T, strict=True))
    assert np.all(cost["two models, fitted policy"] >= cost["two models"] * (1 - 1e-3))
    assert np.all(cost["two models"] >= cost["all models"] / 1.15 * (1 - 0.03))


def test_undercutting_with_any_step_ends_within_a_step_of_the_limit(played: BertrandGame) -> None:
    limit = played.solve().market_price
    for step in (0.5, 0.93, 0.999):
        path = undercut(played, step, start=2 * limit)
        assert np.all(path.limit <= limit * (1 + 1e-9))
        assert np.all(path.limit >= step * limit * (1 - 1e-9))


def test_purchases_sum_to_cost_before_overhead(played: BertrandGame) -> None:
    seller = next(s for s in played.sellers if s.name == "all models")
    total = sum(seller.purchases.values())
    assert seller.cost == pytest.approx(1.15 * np.asarray(total))
    revenue = played.provider_revenue(played.solve())
    assert (revenue.to_numpy() >= 0).all()


def test_bad_resellers_are_refused(simulated: Market) -> None:
    frontier = arb.cascade_frontier(simulated.select(models=["gpt5mini", "deepseek"]))
    with pytest.raises(InputError, match="overhead"):
        reseller("x", frontier, RATES, overhead=-0.1)
    with pytest.raises(InputError, match="NaN"):
        reseller("x", frontier, [np.nan])
    assert np.isnan(reseller("x", frontier, [0.99]).cost).all()
