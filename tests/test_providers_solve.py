"""Equilibria of the provider game: closed forms, hard cases on the real curves, certificates."""

from __future__ import annotations

import numpy as np
import pytest

from arbmodels.curves import attempt_curves, dollar_curves
from arbmodels.errors import InputError
from arbmodels.games import (
    CascadeSet,
    Consumers,
    ProviderEquilibrium,
    ProviderGame,
    Strategy,
    cascade_sets_of,
    comparative_statics,
    linear_consumers,
)
from arbmodels.games.finite.lemke_howson import path_end
from arbmodels.games.providers.best_response import best_response
from arbmodels.games.providers.certificate import rivals_of
from arbmodels.games.providers.solve import grid_payoffs, mixed_profiles, price_grid
from arbmodels.market import Market
from provider_cases import judged_best, judged_profits, pure, small_game

FOREVER = 1e18


def pair(market: Market, rate: float, cost: float, arbitrageurs: int) -> ProviderGame:
    return ProviderGame.from_market(market, [rate], marginal_cost=cost, arbitrageurs=arbitrageurs)


def test_without_arbitrageurs_the_cheaper_provider_limit_prices() -> None:
    cascade_set = CascadeSet(0.7, ("a", "b"), [[2.0, 0.0], [0.0, 3.0]], [2.0, 3.0], True)
    game = ProviderGame((cascade_set,), Consumers([0.7], high=8.0), 0.5, 0)
    found = game.solve()
    assert found.kind == "pure"
    # b's cost is 1.5 and a's monopoly price 4.5: a sells just below 1.5.
    assert found.outcome.mean_price == pytest.approx(1.5, rel=1e-6)
    assert found.relative_epsilon < 1e-6
    far = ProviderGame((cascade_set,), Consumers([0.7], high=1.6), 0.5, 0)
    assert far.solve().outcome.mean_price == pytest.approx(1.3, rel=1e-6)  # monopoly


def test_complements_in_the_only_cascade_price_as_the_closed_form() -> None:
    # One cascade, zero cost, demand A - p: each provider's revenue per sale is A / 3.
    cascade_set = CascadeSet(0.8, ("a", "b"), [[0.5, 2.0]], [np.inf, np.inf], True)
    found = ProviderGame((cascade_set,), Consumers([0.8], high=3.0), 0.0, 2).solve()
    assert found.kind == "pure"
    assert found.prices * [0.5, 2.0] == pytest.approx([1.0, 1.0], rel=1e-5)
    assert found.outcome.mean_price == pytest.approx(2.0, rel=1e-5)


def test_a_monopolist_and_nobody_to_sell() -> None:
    cascade_set = CascadeSet(0.7, ("a",), [[2.0]], [2.0], True)
    game = ProviderGame((cascade_set,), Consumers([0.7], high=4.0), 0.5, 0)
    found = game.solve()
    assert found.prices[0] * 2.0 == pytest.approx((4 + 1) / 2)
    assert found.epsilon == pytest.approx(0, abs=1e-9)
    dear = game.replace(marginal_cost=3.0)  # costs more than anybody pays
    assert dear.solve().profits[0] == 0
    reachless = CascadeSet(0.9, ("a", "b"), [[1.0, 1.0]], [np.inf, np.inf], True)
    silent = ProviderGame((reachless,), Consumers([0.9], high=4.0), 0.5, 0)
    assert silent.solve().outcome.paid.sum() == 0


def test_identical_firms_price_at_cost() -> None:
    cascade_set = CascadeSet(0.7, ("a", "b"), [[2.0, 0.0], [0.0, 2.0]], [2.0, 2.0], True)
    game = ProviderGame((cascade_set,), Consumers([0.7], high=8.0), 0.5, 0)
    assert game.solve().prices == pytest.approx([0.5, 0.5], rel=1e-3)


@pytest.mark.parametrize(("low", "tie_rule"), [(0.0, "share"), (3.0945, "low_cost")])
def test_where_nothing_costs_anything_prices_are_zero_and_one_equilibrium_is_named(
    low: float, tie_rule: str
) -> None:
    # Runs of best responses end anywhere near zero; each end was named as one more equilibrium.
    expected = [[2.063, 0.0], [0.0, 2.743], [0.992105, 0.332169]]
    cascade_set = CascadeSet(0.7, ("a", "b"), expected, [2.063, 2.743], True)
    consumers = Consumers([0.7], low=low, high=3.0945, captive=0.3)
    game = ProviderGame((cascade_set,), consumers, 0.0, arbitrageurs=2, tie_rule=tie_rule)
    answer = game.solve(tolerance=0.005)
    assert answer.kind == "pure"
    assert answer.converged
    assert np.abs(answer.prices).max() == 0.0
    assert answer.epsilon == 0.0
    assert answer.relative_epsilon == 0.0
    assert not any(np.abs(prices).max() <= 1e-7 for prices in answer.others)


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
        certificate = game.certify([Strategy(grids[0], x), Strategy(grids[1], y)])
        on_grid = max((first @ y).max() - x @ first @ y, (x @ second).max() - x @ second @ y)
        assert on_grid < 1e-9  # the solver's own regret says nothing
        regrets.append(certificate.epsilon)
    assert regrets[0] > 1.5 * regrets[1] > 2.25 * regrets[2] > 0


def test_at_70_percent_the_mixed_equilibrium_is_certified(swebench_pair: Market) -> None:
    found = pair(swebench_pair, 0.70, 0.3, 2).solve(tolerance=0.01)
    assert found.kind == "mixed"
    assert found.converged
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
        certificate = game.certify(found.strategies)
        assert certificate.exact
        assert certificate.relative_epsilon == pytest.approx(found.relative, rel=1e-6)
        profits.append(found.profit)
    # Ten times as far apart as either could gain.
    assert np.abs(np.subtract(*profits)).min() > 0.05 * min(profits[0])


@pytest.fixture(scope="session")
def real_menus(swebench_pair: Market) -> dict[str, tuple[CascadeSet, ...]]:
    rates = np.round(np.arange(0.50, 0.7601, 0.01), 2)
    return {
        "dollars": cascade_sets_of(dollar_curves(swebench_pair), rates),
        "attempts": cascade_sets_of(attempt_curves(swebench_pair), rates),
        "stopping": cascade_sets_of(attempt_curves(swebench_pair, billing="stop-at-record"), rates),
    }


COSTS = [(0.3, 0.7), (0.1, 0.5), (0.5, 0.1), (0.0, 0.4), (0.05, 0.95)]


def _parts(share: tuple[float, float], billing: str, step: int) -> object:
    marks = pytest.mark.slow if step == 1 else ()
    return pytest.param(share, billing, step, marks=marks)


@pytest.mark.parametrize(
    ("shares", "billing", "step"),
    [
        *(_parts(COSTS[k], name, 2) for k in (0, 2, 3) for name in ("dollars", "stopping")),
        _parts(COSTS[1], "dollars", 1),
        _parts(COSTS[4], "attempts", 1),
    ],
)
def test_where_no_cascade_helps_the_cheaper_provider_limit_prices(
    real_menus: dict[str, tuple[CascadeSet, ...]],
    shares: tuple[float, float],
    billing: str,
    step: int,
) -> None:
    # At prices w where both offers cost one, cascade k costs sum_m E_km / L_m. If that is below one
    # for no k, none is cheaper than both offers at any prices: V is concave and homogeneous.
    some = 0
    for place, cascade_set in enumerate(real_menus[billing][::step]):
        if not np.isfinite(cascade_set.single).all():
            continue
        helps = (cascade_set.expected / cascade_set.single).sum(axis=1).min() < 1 - 1e-9
        choke = (1.5, 2.0, 3.0)[place % 3]
        cost = np.array(shares) * cascade_set.single
        cheap = int(np.argmin(cost))
        high = choke * cascade_set.single.min()
        price = min(cost.max(), (high + cost[cheap]) / 2)
        profit = (price - cost[cheap]) * (1 - price / high)
        for arbitrageurs in (0,) if helps else (0, 1, 2):
            consumers = linear_consumers([cascade_set], choke)
            game = ProviderGame((cascade_set,), consumers, np.array(shares), arbitrageurs)
            found = game.solve()
            some += 1
            assert found.kind == "pure"
            assert found.converged
            assert found.deviations.exact
            assert not found.others
            assert not found.below_cost
            assert found.relative_epsilon < 1e-6
            assert found.profits[cheap] == pytest.approx(profit, rel=1e-6)
            assert found.profits[1 - cheap] == pytest.approx(0.0, abs=1e-12)
            assert found.outcome.mean_price == pytest.approx(price, rel=1e-6)
            # Who sells nothing prices at cost.
            assert found.prices[1 - cheap] == pytest.approx(shares[1 - cheap])
    assert some >= 15 * (3 - step)


@pytest.mark.parametrize(
    ("billing", "some"),
    [
        ("dollars", slice(10, 23, 4)),
        ("stopping", slice(10, 23, 4)),
        pytest.param("dollars", slice(1, 26, 3), marks=pytest.mark.slow),
        pytest.param("attempts", slice(0, 26, 3), marks=pytest.mark.slow),
    ],
)
def test_answers_on_real_menus_are_those_of_a_judge(
    real_menus: dict[str, tuple[CascadeSet, ...]], billing: str, some: slice
) -> None:
    for place, cascade_set in enumerate(real_menus[billing][some]):
        shares = np.array(COSTS[place % len(COSTS)])
        high = 2.0 * min(cascade_set.single.min(), float(cascade_set.cost(np.ones(2))[0]))
        consumers = Consumers([cascade_set.solve_rate], high=high)
        game = ProviderGame((cascade_set,), consumers, shares, place % 3)
        found = game.solve(tolerance=0.05)
        _judged(found)
        assert not found.below_cost
        assert found.converged == (found.relative_epsilon <= 0.05)


def _judged(found: ProviderEquilibrium) -> None:
    """Compare a certificate with a search that shares no code with the package."""
    game, scale = found.game, found.game.most_paid
    assert found.deviations.exact
    for player in range(len(game.players)):
        rivals, weight = rivals_of(found.strategies, player)
        # Of many atoms, a few: the certificate is asked again against the same.
        few = np.linspace(0, len(rivals) - 1, min(len(rivals), 6)).astype(int)
        rivals, weight = rivals[few], weight[few] / weight[few].sum()
        own = found.strategies[player]
        other = Strategy(rivals[:, 1 - player], weight)
        pair = [own, other] if player == 0 else [other, own]
        certificate = game.certify(pair)
        mine = judged_profits(game, player, own.price, rivals, weight) @ own.probability
        assert certificate.profit[player] == pytest.approx(mine, abs=1e-9 * scale)
        best = max(judged_best(game, player, rivals, weight), 0.0)
        most = max(certificate.profit[player] + certificate.gain[player], 0.0)
        # The search stays a billionth away from every limit.
        assert most == pytest.approx(best, abs=3e-8 * scale)


def test_statics_of_an_arbitrageur_who_serves_nobody_do_not_move(
    real_menus: dict[str, tuple[CascadeSet, ...]],
) -> None:
    cascade_sets = [m for m in real_menus["dollars"] if m.solve_rate in (0.60, 0.64)]
    game = ProviderGame(
        tuple(cascade_sets), linear_consumers(cascade_sets, 3.0), np.array([0.3, 0.7]), 2
    )
    frame = comparative_statics(game, "arbitrageurs", [0, 1, 2]).to_frame()
    frame = frame[frame["providers"] == "re-pricing"]
    assert frame["settled"].all()
    for measure in ("herfindahl", "welfare", "mean_price"):
        assert np.ptp(frame[measure]) <= 1e-6 * frame[measure].mean()


def test_who_sells_nothing_does_not_price_below_cost(swebench_pair: Market) -> None:
    # Of the profiles in which the loser prices below its cost some hold up by themselves: nobody
    # gains, the winner's price is held down by an offer that loses on every sale.
    for rate in (0.64, 0.65):
        game = pair(swebench_pair, rate, 0.0, 0).replace(marginal_cost=np.array([0.3, 0.7]))
        single = game.cascade_sets[0].single
        low = np.array([0.9 * 0.5 * single[1] / single[0], 0.5])
        held = best_response(game, 0, low).price
        propped = [Strategy(np.array([p]), np.ones(1)) for p in (held, 0.5)]
        certificate = game.certify(propped)
        assert certificate.relative_epsilon < 1e-6
        flagged = ProviderEquilibrium(
            game, "pure", tuple(propped), certificate.profit, certificate, "hand", 0
        )
        assert flagged.below_cost == ("deepseek",)
        assert flagged.to_dict()["below_cost"] == ["deepseek"]
        assert "below marginal cost" in str(flagged)
        found = game.solve()
        assert found.below_cost == ()
        assert found.to_dict()["below_cost"] == []
        assert "below marginal cost" not in str(found)
        assert found.profits[0] > 1.2 * certificate.profit[0]
        assert "dollars" in str(found)


def _random_game(seed: int) -> ProviderGame:
    """Return cascade sets with near-ties: equal corners, cascades between them, zero costs."""
    rng = np.random.default_rng(seed)
    cascade_sets, highs = [], []
    for u in range(rng.integers(1, 4)):
        single = rng.uniform(1, 3, 2)
        if rng.random() < 0.6:
            apart = rng.choice([0.0, 1e-15, 1e-13, 1e-9])
            single = single[0] * (1 + apart * rng.normal(size=2))
        corners = np.diag(single * (1 + 1e-15 * rng.integers(-40, 41, 2)))
        count = rng.integers(0, 5)
        scale = rng.choice([1.0, 1 - 1e-15, 1 + 1e-15, 1 - 1e-13, 0.99, 0.9, 0.7], count)
        mixed = rng.dirichlet(np.ones(2), count) * single * scale[:, None]
        rows = np.vstack([corners, mixed, mixed[:1] * (1 - 1e-14)])
        cascade_sets.append(CascadeSet(0.5 + 0.05 * u, ("a", "b"), rows, single, True))
        highs.append(rng.uniform(1.2, 4) * single.min())
    cost = [
        rng.uniform(0, 1.1, 2),
        np.full(2, rng.uniform(0, 1)),
        np.zeros(2),
        np.array([0.0, 0.5]),
        0.5 * (1 + 1e-15 * rng.integers(-3, 4, 2)),
    ][rng.integers(5)]
    arbitrageurs = [0, 1, 2, (0.0, 0.1), (0.05,)][rng.integers(5)]
    consumers = Consumers([cascade_set.solve_rate for cascade_set in cascade_sets], high=highs)
    return ProviderGame(tuple(cascade_sets), consumers, cost, arbitrageurs)


@pytest.mark.parametrize("seed", range(12))
def test_certificates_of_near_ties_are_those_of_a_judge(seed: int) -> None:
    rng = np.random.default_rng(seed + 1_000)
    for k in range(6):
        game = _random_game(100 * seed + k)
        price = rng.uniform(0.2, 1.4)
        tie = price * game.cascade_sets[0].single[0] / game.cascade_sets[0].single
        for prices in (np.asarray(game.marginal_cost), tie, rng.uniform(0.1, 1.5, 2)):
            certificate = game.certify(pure(prices))
            assert certificate.exact
            for player in (0, 1):
                best = judged_best(game, player, prices[None], np.ones(1), 501)
                most = certificate.profit[player] + certificate.gain[player]
                assert max(most, 0) == pytest.approx(max(best, 0), abs=1e-7 * game.most_paid)


@pytest.mark.parametrize("seed", range(8))
def test_random_games_with_near_ties_are_solved(seed: int) -> None:
    game = _random_game(seed)
    found = game.solve(tolerance=0.05)
    _judged(found)
    assert not found.below_cost
    assert found.converged


def test_plain_bertrand_of_random_costs_is_the_limit_price() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        single = rng.uniform(0.5, 2, 2)
        corners = np.diag(single * (1 + 1e-15 * rng.integers(-20, 21, 2)))
        line = rng.dirichlet(np.ones(2)) * single * (1 + 1e-15 * rng.integers(-5, 6))
        cascade_set = CascadeSet(0.6, ("a", "b"), np.vstack([corners, line]), single, True)
        shares = rng.choice([0.0, 0.2, 0.5, rng.uniform(0, 1)], 2)
        high = rng.uniform(1.3, 4) * single.min()
        cost = shares * single
        low, second = np.sort(cost)
        price = min(second, (high + low) / 2)
        if low >= high:
            continue
        arbitrageurs = int(rng.integers(3))
        game = ProviderGame((cascade_set,), Consumers([0.6], high=high), shares, arbitrageurs)
        found = game.solve()
        assert found.converged
        assert found.outcome.mean_price == pytest.approx(price, rel=1e-6, abs=1e-9)
        assert found.profits.max() == pytest.approx((price - low) * (1 - price / high), abs=1e-8)
        assert found.epsilon <= 1e-9 * high
        assert not found.below_cost


def test_at_76_percent_only_a_cascade_serves(swebench_pair: Market) -> None:
    game = pair(swebench_pair, 0.76, 0.1, 2)
    assert not game.cascade_sets[0].reach_alone
    assert game.replace(arbitrageurs=0).solve().outcome.sold.sum() == 0
    found = game.solve()
    assert found.kind == "pure"
    assert found.deviations.exact
    assert found.relative_epsilon < 1e-6
    assert found.outcome.direct.sum() == 0
    one = game.replace(arbitrageurs=1).solve()
    # He takes half of the surplus of linear demand: consumers pay more, providers earn less.
    assert one.outcome.mean_price > found.outcome.mean_price
    assert one.profits.sum() < found.profits.sum()


def test_a_provider_held_fixed_leaves_a_monopolist_against_list_prices(
    swebench_pair: Market,
) -> None:
    game = pair(swebench_pair, 0.72, 0.3, 2).replace(fixed=("gpt5mini",))
    found = game.solve()
    assert found.kind == "pure"
    assert found.prices[0] == 1.0
    grid = np.column_stack([np.ones(3001), np.linspace(0, 5, 3001)])
    assert found.profits[1] >= game.profits(grid)[:, 1].max() - 1e-9


TRIO = CascadeSet(
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
    found = game.solve(tolerance=0.06)
    assert found.kind == "mixed"
    assert found.converged
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
    cascade_set = CascadeSet(0.7, ("a", "b", "c"), 2.0 * np.eye(3), [2.0] * 3, True)
    found = ProviderGame((cascade_set,), Consumers([0.7], high=8.0), 0.5, 0).solve()
    assert sorted(found.prices)[:2] == pytest.approx([0.5, 0.5], rel=1e-3)
    assert found.epsilon < 1e-6


def test_the_answer_does_not_depend_on_the_clock() -> None:
    game = ProviderGame((TRIO,), Consumers([0.7], high=4.0), 0.3, 2)
    one, other = (game.solve(tolerance=0.1) for _ in range(2))
    for a, b in zip(one.strategies, other.strategies, strict=True):
        assert a.price.tolist() == b.price.tolist()
    hurried = game.solve(tolerance=1e-6, time_limit=1e-3)
    assert not hurried.converged
    assert hurried.epsilon >= 0


def test_results_convert_and_draw(swebench_pair: Market) -> None:
    found = small_game(2, far=True).solve(tolerance=0.01)
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
        small_game().replace(fixed=("a", "b")).solve()
    with pytest.raises(InputError, match="tolerance"):
        small_game().solve(tolerance=0)
