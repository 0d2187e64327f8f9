"""Equilibria of the provider game: closed forms, hard cases on the real curves, certificates."""

from __future__ import annotations

import numpy as np
import pytest

from arbmodels.errors import InputError
from arbmodels.games import (
    Consumers,
    Menu,
    ProviderGame,
    Strategy,
    certify_providers,
    solve_providers,
)
from arbmodels.games.finite.lemke_howson import path_end
from arbmodels.games.providers.certificate import rivals_of
from arbmodels.games.providers.mixed import mixed_profiles
from arbmodels.games.providers.pure import gains_at, grid_payoffs, price_grid
from arbmodels.market import Market
from provider_cases import small_game

FOREVER = 1e18


def pair(market: Market, rate: float, cost: float, arbitrageurs: int) -> ProviderGame:
    return ProviderGame.from_market(market, [rate], marginal_cost=cost, arbitrageurs=arbitrageurs)


def test_without_arbitrageurs_the_cheaper_provider_limit_prices() -> None:
    menu = Menu(0.7, ("a", "b"), [[2.0, 0.0], [0.0, 3.0]], [2.0, 3.0], True)
    game = ProviderGame((menu,), Consumers([0.7], high=8.0), 0.5, 0)
    found = solve_providers(game)
    assert found.kind == "pure"
    # b's cost is 1.5 and a's monopoly price 4.5: a sells just below 1.5.
    assert found.outcome.mean_price == pytest.approx(1.5, rel=1e-6)
    assert found.relative_epsilon < 1e-6
    far = ProviderGame((menu,), Consumers([0.7], high=1.6), 0.5, 0)
    assert solve_providers(far).outcome.mean_price == pytest.approx(1.3, rel=1e-6)  # monopoly


def test_complements_in_the_only_cascade_price_as_the_closed_form() -> None:
    # One cascade, zero cost, demand A - p: each provider's revenue per sale is A / 3.
    menu = Menu(0.8, ("a", "b"), [[0.5, 2.0]], [np.inf, np.inf], True)
    found = solve_providers(ProviderGame((menu,), Consumers([0.8], high=3.0), 0.0, 2))
    assert found.kind == "pure"
    assert found.prices * [0.5, 2.0] == pytest.approx([1.0, 1.0], rel=1e-5)
    assert found.outcome.mean_price == pytest.approx(2.0, rel=1e-5)


def test_a_monopolist_and_nobody_to_sell() -> None:
    menu = Menu(0.7, ("a",), [[2.0]], [2.0], True)
    game = ProviderGame((menu,), Consumers([0.7], high=4.0), 0.5, 0)
    found = solve_providers(game)
    assert found.prices[0] * 2.0 == pytest.approx((4 + 1) / 2)
    assert found.epsilon == pytest.approx(0, abs=1e-9)
    dear = game.replace(marginal_cost=3.0)  # costs more than anybody pays
    assert solve_providers(dear).profits[0] == 0
    reachless = Menu(0.9, ("a", "b"), [[1.0, 1.0]], [np.inf, np.inf], True)
    silent = ProviderGame((reachless,), Consumers([0.9], high=4.0), 0.5, 0)
    assert solve_providers(silent).outcome.paid.sum() == 0


def test_identical_firms_price_at_cost() -> None:
    menu = Menu(0.7, ("a", "b"), [[2.0, 0.0], [0.0, 2.0]], [2.0, 2.0], True)
    game = ProviderGame((menu,), Consumers([0.7], high=8.0), 0.5, 0)
    assert solve_providers(game).prices == pytest.approx([0.5, 0.5], rel=1e-3)


@pytest.mark.parametrize("arbitrageurs", [1, 2])
def test_at_70_percent_there_is_no_pure_equilibrium_and_epsilon_falls_with_the_grid(
    swebench_pair: Market, arbitrageurs: int
) -> None:
    game = pair(swebench_pair, 0.70, 0.3, arbitrageurs)
    regrets = []
    for size in (40, 80, 160):
        first, second = grid_payoffs(game, (price_grid(game, 0, size), price_grid(game, 1, size)))
        regret = np.maximum(first.max(axis=0) - first, second.max(axis=1)[:, None] - second)
        assert regret.min() > 1e-4  # no pure equilibrium on the grid
        end = path_end((first, second), 0, FOREVER)
        assert end is not None
        x, y = end.strategies
        grids = price_grid(game, 0, size), price_grid(game, 1, size)
        certificate = certify_providers(game, [Strategy(grids[0], x), Strategy(grids[1], y)])
        on_grid = max((first @ y).max() - x @ first @ y, (x @ second).max() - x @ second @ y)
        assert on_grid < 1e-9  # the solver's own regret says nothing
        regrets.append(certificate.epsilon)
    assert regrets[0] > 1.5 * regrets[1] > 2.25 * regrets[2] > 0


def test_at_70_percent_the_mixed_equilibrium_is_certified(swebench_pair: Market) -> None:
    found = solve_providers(pair(swebench_pair, 0.70, 0.3, 2), tolerance=0.01)
    assert found.kind == "mixed"
    assert found.settled
    assert found.deviations.exact
    assert found.relative_epsilon <= 0.01
    assert found.least_pure is not None
    assert found.least_pure[1] > found.epsilon
    assert "No pure equilibrium found" in found.words
    assert str(found).startswith("epsilon")


def test_at_74_percent_there_are_several_equilibria(swebench_pair: Market) -> None:
    game = pair(swebench_pair, 0.74, 0.1, 1)
    profits = []
    for start in (0.0, 0.5):
        found = next(
            mixed
            for mixed in mixed_profiles(game, start=start, rounds=80, deadline=FOREVER)
            if mixed.relative < 0.005
        )
        certificate = certify_providers(game, found.strategies)
        assert certificate.exact
        assert certificate.relative_epsilon == pytest.approx(found.relative, rel=1e-6)
        profits.append(found.profit)
    # Ten times as far apart as either could gain.
    assert np.abs(np.subtract(*profits)).min() > 0.05 * min(profits[0])
    without = solve_providers(game.replace(arbitrageurs=0))
    assert len(without.others) >= 3
    for prices in without.others:
        assert gains_at(without.game, prices).gain < 1e-6


def test_at_76_percent_only_a_cascade_serves(swebench_pair: Market) -> None:
    game = pair(swebench_pair, 0.76, 0.1, 2)
    assert not game.menus[0].reach_alone
    assert solve_providers(game.replace(arbitrageurs=0)).outcome.sold.sum() == 0
    found = solve_providers(game)
    assert found.kind == "pure"
    assert found.deviations.exact
    assert found.relative_epsilon < 1e-6
    assert found.outcome.direct.sum() == 0
    one = solve_providers(game.replace(arbitrageurs=1))
    # He takes half of the surplus of linear demand: consumers pay more, providers earn less.
    assert one.outcome.mean_price > found.outcome.mean_price
    assert one.profits.sum() < found.profits.sum()


def test_a_provider_held_fixed_leaves_a_monopolist_against_list_prices(
    swebench_pair: Market,
) -> None:
    game = pair(swebench_pair, 0.72, 0.3, 2).replace(fixed=("gpt5mini",))
    found = solve_providers(game)
    assert found.kind == "pure"
    assert found.prices[0] == 1.0
    grid = np.column_stack([np.ones(3001), np.linspace(0, 5, 3001)])
    assert found.profits[1] >= game.profits(grid)[:, 1].max() - 1e-9


TRIO = Menu(
    0.7,
    ("a", "b", "c"),
    [
        [2.0, 0.0, 0.0],
        [0.0, 2.2, 0.0],
        [0.0, 0.0, 2.6],
        [1.1, 0.5, 0.0],
        [0.9, 0.0, 0.6],
        [0.4, 0.7, 0.3],
        [0.0, 1.0, 0.8],
        [0.3, 0.3, 0.9],
    ],
    [2.0, 2.2, 2.6],
    True,
)


@pytest.mark.parametrize("arbitrageurs", [1, 2])
def test_three_providers_mix_with_less_to_gain_than_in_any_pure_profile(arbitrageurs: int) -> None:
    game = ProviderGame((TRIO,), Consumers([0.7], high=4.0), 0.3, arbitrageurs)
    found = solve_providers(game, tolerance=0.06)
    assert found.kind == "mixed"
    assert found.settled
    assert found.deviations.exact
    assert found.epsilon_of_largest <= 0.06
    assert found.least_pure is not None
    assert found.least_pure[1] > found.epsilon
    assert found.trace[-1, 1] <= 0.06 < found.trace[0, 1]
    assert "of the largest profit" in str(found)
    # Nothing better on a fine grid, every joint profile of the rivals asked one by one.
    random = np.random.default_rng(0)
    for player in range(3):
        profiles, weight = rivals_of(found.strategies, player)
        own = np.append(random.uniform(0.0, 2.0, 150), found.strategies[player].price)
        pairs = np.repeat(profiles[None], len(own), axis=0)
        pairs[:, :, player] = own[:, None]
        earned = game.profits(pairs.reshape(-1, 3))[:, player].reshape(len(own), -1) @ weight
        at_play = earned[150:] @ found.strategies[player].probability
        assert at_play == pytest.approx(found.deviations.profit[player], rel=1e-6)
        assert earned.max() <= at_play + found.deviations.gain[player] + 1e-9
    # Sampled means of who earns what add up to the exact profits.
    assert found.outcome.total_profit == pytest.approx(found.profits, rel=0.02)


def test_three_alike_providers_price_at_cost_and_say_so() -> None:
    menu = Menu(0.7, ("a", "b", "c"), 2.0 * np.eye(3), [2.0] * 3, True)
    found = solve_providers(ProviderGame((menu,), Consumers([0.7], high=8.0), 0.5, 0))
    assert sorted(found.prices)[:2] == pytest.approx([0.5, 0.5], rel=1e-3)
    assert found.epsilon < 1e-6


def test_the_answer_does_not_depend_on_the_clock() -> None:
    game = ProviderGame((TRIO,), Consumers([0.7], high=4.0), 0.3, 2)
    one, other = (solve_providers(game, tolerance=0.1) for _ in range(2))
    for a, b in zip(one.strategies, other.strategies, strict=True):
        assert a.price.tolist() == b.price.tolist()
    hurried = solve_providers(game, tolerance=1e-6, time_limit=1e-3)
    assert not hurried.settled
    assert hurried.epsilon >= 0


def test_results_convert_and_draw(swebench_pair: Market) -> None:
    found = solve_providers(small_game(2, far=True), tolerance=0.01)
    answer = found.to_dict()
    assert answer["epsilon"] == found.epsilon
    assert set(answer["strategies"]) == {"a", "b"}
    frame = found.to_frame()
    assert frame.groupby("provider")["probability"].sum().to_numpy() == pytest.approx([1, 1])
    assert "<table>" in found._repr_html_()
    for axes in (
        found.plot(),
        found.outcome.plot_prices(),
        found.plot_strategies(),
        found.plot_responses(),
        found.plot_trace(),
    ):
        assert axes.get_xlabel()


def test_bad_requests_are_refused() -> None:
    with pytest.raises(InputError, match="held fixed"):
        solve_providers(small_game().replace(fixed=("a", "b")))
    with pytest.raises(InputError, match="tolerance"):
        solve_providers(small_game(), tolerance=0)
