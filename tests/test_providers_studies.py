"""Calibration, leaders, comparative statics, decomposition, entry and distillation."""

from __future__ import annotations

import numpy as np
import pytest

from arbmodels.errors import InputError
from arbmodels.games import (
    CascadeSet,
    Consumers,
    ProviderGame,
    bootstrap_decomposition,
    calibrate_costs,
    cascade_sets_of,
    comparative_statics,
    decompose_revenue,
    distillation_statics,
    entry_game,
    entry_threshold,
    linear_consumers,
    outcome,
)
from arbmodels.games.providers.solve import gains_at
from arbmodels.market import Market
from provider_cases import MENU, small_game


def test_a_monopolist_is_calibrated_by_its_first_order_condition() -> None:
    # Price 2 is the monopoly price (4 + 2 c) / 2 of linear demand up to 4 at c = 0; up to 3 at 0.5.
    cascade_set = CascadeSet(0.7, ("a",), [[2.0]], [2.0], True)
    for high, cost in ((3.0, 0.5), (2.5, 0.75)):
        found = calibrate_costs(ProviderGame((cascade_set,), Consumers([0.7], high=high)))
        assert found.cost[0] == pytest.approx(cost, abs=1e-6)
        assert found.possible.all()
    # Up to 5 the list price is below every monopoly price: no cost >= 0 explains it.
    found = calibrate_costs(ProviderGame((cascade_set,), Consumers([0.7], high=5.0)))
    assert found.cost[0] == 0
    assert not found.possible[0]
    assert found.gain[0] == pytest.approx(2.5 * 0.5 - 2.0 * 0.6)
    assert "No such cost" in str(found)


def test_calibrated_costs_leave_the_least_gain() -> None:
    found = calibrate_costs(small_game(2))
    ones = np.ones(2)
    for player in (0, 1):
        gains = [
            gains_at(small_game(0, cost=c).replace(fixed=("ab"[1 - player],)), ones).gain
            for c in np.linspace(0, 1, 41)
        ]
        assert found.gain[player] <= min(gains) + 1e-9
    assert np.all((found.low <= found.cost) & (found.cost <= found.high))


def test_a_leader_earns_at_least_what_it_earns_in_any_pure_equilibrium() -> None:
    # Complements in one cascade, zero cost: the leader takes A/2, the follower A/4 of price.
    cascade_set = CascadeSet(0.8, ("a", "b"), [[0.5, 2.0]], [np.inf, np.inf], True)
    game = ProviderGame((cascade_set,), Consumers([0.8], high=4.0), 0.0, 2)
    led = game.stackelberg("a")
    assert led.prices * [0.5, 2.0] == pytest.approx([2.0, 1.0], rel=1e-3)
    together = game.solve()
    assert led.profits[0] >= together.profits[0]
    assert led.relative_epsilon < 1e-6
    assert not led.deviations.exact
    alone = game.replace(fixed=("b",)).stackelberg("a")
    assert alone.deviations.exact
    with pytest.raises(InputError, match="lead"):
        game.stackelberg("c")
    with pytest.raises(InputError, match="lead"):
        game.replace(fixed=("a",)).stackelberg("a")


def test_statics_at_list_prices_follow_the_payoffs() -> None:
    game = small_game(2).replace(fixed=("a", "b"))
    found = comparative_statics(game, "arbitrageurs", [0, 1, 2, 5]).to_frame()
    assert found["mean_price"].tolist() == pytest.approx([2.0, 2.0, 1.5, 1.5])
    assert found["provider_revenue"].is_monotonic_increasing is False
    assert found["arbitrageur_profit"].iloc[[0, 2, 3]].tolist() == pytest.approx([0, 0, 0])
    captive = comparative_statics(game, "captive", [0.0, 0.5]).to_frame()
    assert captive["mean_price"].is_monotonic_increasing
    unit = comparative_statics(game, "heterogeneity", [0.0, 1.0]).to_frame()
    assert unit["sold"].tolist() == pytest.approx([1.0, 1 - 1.5 / 4])
    overhead = comparative_statics(game, "overhead", [0.0, 0.1, 0.5]).to_frame()
    assert overhead["mean_price"].tolist() == pytest.approx([1.5, 1.65, 2.0])


def test_statics_show_both_behaviours_and_refuse_nonsense() -> None:
    found = comparative_statics(
        small_game(2), "marginal cost", [0.3, 0.6], tolerance=0.05, time_limit=3
    )
    frame = found.to_frame()
    assert frame["providers"].tolist() == ["list prices", "re-pricing"] * 2
    assert np.all(frame["relative_epsilon"] < 0.2)
    assert frame["settled"].all()
    assert not found.not_converged.any()
    assert "no equilibrium" not in str(found)
    assert found.plot("welfare").get_ylabel() == "Welfare"
    assert "epsilon" in str(found)
    assert len(found.to_dict()["rows"]) == 4
    with pytest.raises(InputError, match="No measure"):
        found.plot("happiness")
    with pytest.raises(InputError, match="No feature"):
        comparative_statics(small_game(), "weather", [1])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least one"):
        comparative_statics(small_game(), "captive", [])
    with pytest.raises(InputError, match="heterogeneity"):
        comparative_statics(small_game(), "heterogeneity", [2])


def test_rows_above_the_tolerance_are_marked() -> None:
    # No pure equilibrium, and no time for a mixed one.
    rushed = {"tolerance": 1e-4, "time_limit": 1e-3}
    found = comparative_statics(small_game(2), "arbitrageurs", [0, 2], **rushed)
    frame = found.to_frame()
    assert frame["relative_epsilon"].iloc[3] > 1e-4
    assert frame["settled"].tolist() == [True, True, True, False]
    assert found.not_converged.tolist() == [False, False, False, True]
    assert "* 1 of 4 rows" in str(found)
    labels = found.plot().get_legend_handles_labels()[1]
    assert labels.count("Not within the tolerance: no equilibrium") == 1
    parts = decompose_revenue(small_game(2), **rushed)
    assert not parts.converged
    assert parts.to_dict()["settled"] is False
    assert "no equilibrium" in str(parts)
    entry = entry_threshold(small_game(2), "b", [2], entrant_moves=True, **rushed)
    assert entry.not_converged.tolist() == [False, True]


def test_decomposition_adds_up_and_has_intervals(simulated: Market) -> None:
    market = simulated.select(models=["gpt5mini", "deepseek"])

    def build(part: Market) -> ProviderGame:
        return ProviderGame.from_market(part, [0.68], marginal_cost=0.3)

    found = bootstrap_decomposition(market, build, samples=3, tolerance=0.05, time_limit=2)
    frame = found.frame["revenue"]
    assert frame["re-pricing"] == pytest.approx(
        frame["before"] * (1 + found.at_list_prices + found.by_repricing)
    )
    before = outcome(build(market).replace(arbitrageurs=0), np.ones(2))
    assert frame["before"] == pytest.approx(before.total_revenue.sum())
    low, high = found.interval("at_list_prices")
    assert low <= high
    assert "samples" in str(found)
    assert found.plot().get_ylabel()
    assert set(found.to_dict()["intervals"]) == {"at_list_prices", "by_repricing", "price_change"}
    single = decompose_revenue(build(market), tolerance=0.05, time_limit=2)
    assert single.at_list_prices == pytest.approx(found.at_list_prices)
    with pytest.raises(InputError, match="bootstrap"):
        single.interval("at_list_prices")
    with pytest.raises(InputError, match="samples"):
        bootstrap_decomposition(market, build, samples=0)


def test_entry_equilibria_are_those_of_enumeration(simulated: Market) -> None:
    market = simulated.select(models=["gpt5mini", "deepseek", "qwen3-coder-30b"])
    cascade_sets = cascade_sets_of(market, [0.65, 0.72], most_states=20_000, tolerance=0.05)
    consumers = linear_consumers(cascade_sets, 2.0)
    games = {
        n: entry_game(
            market, consumers, 0.004, marginal_cost=0.3, arbitrageurs=n, most_states=20_000
        )
        for n in (0, 2)
    }
    for game in games.values():
        assert len(game.profits) == 8
        for inside in game.profits:
            stays = all(game.profits[inside][m] >= 0.004 for m in inside)
            joins = any(
                game.profits[inside | {m}][m] > 0.004 for m in market.models if m not in inside
            )
            assert (inside in game.equilibria) == (stays and not joins)
        assert game.to_frame()["profit"].min() >= 0
        assert "Entry equilibria" in str(game)
    # Resale gives a model that nobody would buy alone something to earn: it enters earlier.
    assert games[0].thresholds["qwen3-coder-30b"] == 0
    assert games[2].thresholds["qwen3-coder-30b"] > 0
    with pytest.raises(InputError, match="no candidate"):
        games[0].threshold("sonnet", [])
    with pytest.raises(InputError, match="fixed cost"):
        entry_game(market, consumers, -1.0)
    with pytest.raises(InputError, match="fixed cost for each"):
        entry_game(market, consumers, {"gpt5mini": 1.0})


def test_the_threshold_of_entry_is_the_profit_in_the_market() -> None:
    game = small_game(2)
    found = entry_threshold(game, "b", [0, 1, 2], tolerance=0.02, time_limit=30)
    frame = found.to_frame().set_index(["value", "providers"])
    for count in (0, 1, 2):
        played = game.replace(arbitrageurs=count)
        assert frame.loc[count, "list prices"]["threshold"] == pytest.approx(
            played.profits(np.ones(2))[0, 1]
        )
        answered = played.replace(fixed=("b",)).solve(tolerance=0.02, time_limit=30)
        assert frame.loc[count, "re-pricing"]["threshold"] == pytest.approx(answered.profits[1])
        assert frame.loc[count, "re-pricing"]["relative_epsilon"] <= 0.02
    assert "threshold" in str(found)
    both = entry_threshold(game, "b", [2], entrant_moves=True, tolerance=0.02, time_limit=30)
    together = game.solve(tolerance=0.02, time_limit=30)
    assert both.to_frame()["threshold"].iloc[1] == pytest.approx(together.outcome.total_profit[1])
    with pytest.raises(InputError, match="to enter"):
        entry_threshold(game, "c")
    with pytest.raises(InputError, match="incumbent"):
        entry_threshold(game.replace(fixed=("a",)), "b")
    with pytest.raises(InputError, match="at least one"):
        entry_threshold(game, "b", [])


def test_a_student_takes_revenue_and_a_dear_one_takes_none(simulated: Market) -> None:
    market = simulated.select(models=["qwen3-coder-30b", "minicoder4b"])
    consumers = linear_consumers(cascade_sets_of(market, [0.4, 0.5]), 2.0)
    arguments = ("qwen3-coder-30b", ["minicoder4b"], consumers)
    quick = {"tolerance": 0.05, "time_limit": 2.0}
    found = distillation_statics(market, *arguments, **quick).to_frame()
    rows = found.set_index(["value", "providers"])
    listed = rows.loc[("minicoder4b", "list prices")]
    assert listed["net"] < 0
    assert rows.loc[("minicoder4b", "teacher answers")]["teacher_revenue"] > 0
    dear = distillation_statics(market, *arguments, student_price=1e3, **quick).to_frame()
    same = dear.set_index(["value", "providers"]).loc[("minicoder4b", "list prices")]
    assert same["net"] == pytest.approx(0)
    with pytest.raises(InputError, match="no model"):
        distillation_statics(market, "gpt5mini", ["minicoder4b"], consumers)
    with pytest.raises(InputError, match="not the teacher"):
        distillation_statics(market, "minicoder4b", ["minicoder4b"], consumers)
    with pytest.raises(InputError, match="no student"):
        distillation_statics(market, *arguments, training_revenue={"sonnet": 1.0})


def test_menus_are_shared_between_games() -> None:
    game = small_game(2)
    assert game.replace(arbitrageurs=0).cascade_sets[0] is MENU
