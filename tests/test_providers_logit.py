"""Provider games with logit demand: closed forms, brute force, and certificates by search."""

from __future__ import annotations

import numpy as np
import pytest

from arbmodels.errors import InputError
from arbmodels.games import (
    CascadeSet,
    LogitConsumers,
    ProviderGame,
    Strategy,
    logit_consumers,
    outcome,
)
from provider_cases import MENU


def game(arbitrageurs: int = 0, sigma: float = 0.0, captive: float = 0.0) -> ProviderGame:
    consumers = logit_consumers([MENU], elasticity=4.0, sigma=sigma, captive=captive)
    return ProviderGame((MENU,), consumers, 0.3, arbitrageurs)


def test_without_arbitrageurs_markups_satisfy_the_first_order_condition() -> None:
    found = game().solve()
    assert found.kind == "pure"
    assert found.relative_epsilon < 1e-6
    assert not found.deviations.exact  # a search, and it says so
    assert "by search" in found.deviations.domain
    consumers = game().consumers
    price = found.prices * MENU.single
    alpha = consumers.sensitivity[0]
    worth = np.exp(alpha * (consumers.value[0] - price))
    share = worth / (1 + worth.sum())
    # Markup of one product per firm: 1 / (alpha (1 - s)).
    assert price - 0.3 * MENU.single == pytest.approx(1 / (alpha * (1 - share)), rel=1e-4)


def test_a_lone_arbitrageur_sets_its_logit_price() -> None:
    consumers = game(1).consumers
    direct, cost = MENU.direct([1.0, 1.0]), MENU.cost([1.0, 1.0])
    price = consumers.alone_price(0, cost, direct)
    tried = np.linspace(0.5, 8, 20_001)
    shares = consumers.choose(0, np.repeat(direct, len(tried), axis=0), tried).resold
    assert price[0] == pytest.approx(tried[np.argmax((tried - cost) * shares)], abs=1e-3)
    # Costs far below what consumers pay do not overflow.
    rich = LogitConsumers([0.7], value=1e4, sensitivity=5.0)
    assert np.isfinite(rich.alone_price(0, np.array([1.0]), np.array([[2.0, 3.0]]))).all()


@pytest.mark.parametrize("arbitrageurs", [0, 1, 2])
@pytest.mark.parametrize("sigma", [0.0, 0.7])
def test_money_and_shares_add_up(arbitrageurs: int, sigma: float) -> None:
    played = game(arbitrageurs, sigma, captive=0.2)
    for w in np.random.default_rng(0).uniform(0.3, 2, (10, 2)):
        found = outcome(played, w)
        got = found.revenue.sum(axis=1) + found.kept + found.overhead
        assert found.paid == pytest.approx(got)
        assert 0 < found.sold[0] < 1
        assert played.profits(w)[0] == pytest.approx(found.total_profit)
    nested = played.consumers.choose(0, np.array([[1.0, np.inf]]), np.array([np.inf]))
    assert nested.direct[0, 1] == 0
    assert nested.resold[0] == 0


def test_the_search_finds_what_brute_force_finds() -> None:
    played = game(2, 0.3)
    prices = np.array([0.9, 1.1])
    certificate = played.certify([Strategy(prices[[k]], np.ones(1)) for k in (0, 1)])
    for player in (0, 1):
        grid = np.tile(prices, (40_001, 1))
        grid[:, player] = np.linspace(0, 20, 40_001)
        best = played.profits(grid)[:, player].max()
        assert certificate.profit[player] + certificate.gain[player] >= best * (1 - 1e-4)
        assert certificate.profit[player] + certificate.gain[player] <= best * (1 + 1e-3)


def test_with_arbitrageurs_the_answer_carries_its_epsilon() -> None:
    found = game(2).solve(tolerance=0.02, time_limit=4)
    assert found.deviations.epsilon == found.epsilon
    assert found.relative_epsilon < 0.1
    assert found.converged == (found.relative_epsilon <= 0.02)


def test_a_rate_out_of_reach_sells_only_through_arbitrageurs() -> None:
    far = CascadeSet(0.8, ("a", "b"), [[1.0, 0.5]], [np.inf, np.inf], True)
    consumers = logit_consumers([far])
    silent = ProviderGame((far,), consumers, 0.3, 0)
    assert silent.profits([1.0, 1.0]).tolist() == [[0.0, 0.0]]
    found = outcome(ProviderGame((far,), consumers, 0.3, 2), np.ones(2))
    assert found.direct.sum() == 0
    assert found.consumer_price[0] == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"solve_rates": [2.0], "value": 1, "sensitivity": 1}, "between 0 and 1"),
        ({"solve_rates": [0.5], "value": np.nan, "sensitivity": 1}, "value"),
        ({"solve_rates": [0.5], "value": 1, "sensitivity": 0}, "sensitivity"),
        ({"solve_rates": [0.5], "value": 1, "sensitivity": 1, "sigma": 1.0}, "Sigma"),
        ({"solve_rates": [0.5], "value": 1, "sensitivity": 1, "mass": -1.0}, "mass"),
    ],
)
def test_bad_consumers_are_refused(arguments: dict[str, object], match: str) -> None:
    with pytest.raises(InputError, match=match):
        LogitConsumers(**arguments)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="elasticity"):
        logit_consumers([MENU], elasticity=0)
