"""Comparative statics of undercutting steps and of capacities."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

import arbmodels as arb
from arbmodels.games import (
    BertrandGame,
    CapacityGame,
    Seller,
    capacity_statics,
    step_statics,
    undercut,
)


def test_small_steps_end_nearer_to_the_limit_price():
    game = BertrandGame([0.5, 0.6], [Seller("a", [1.0, 2.0]), Seller("b", [2.0, 2.0])])
    found = step_statics(game, [0.5, 0.9, 0.999], start=4.0)
    frame = found.to_frame()
    limit = game.solve().market_price
    for step, row in zip([0.5, 0.9, 0.999], frame.itertuples(), strict=True):
        path = undercut(game, step, 4.0)
        assert row.rounds == path.rounds
        assert row.mean_price == pytest.approx(path.limit.mean())
        # Whoever holds the price could still raise it to the rival's cost.
        assert row.epsilon == pytest.approx((limit - path.limit).max(), abs=1e-12)
    assert frame["rounds"].is_monotonic_increasing
    assert frame["epsilon"].iloc[-1] < 0.002
    assert "rounds" in str(found)
    found.plot("rounds")
    plt.close("all")


def test_on_a_market():
    market = arb.load_market("swebench-sim", models=["gpt5mini", "deepseek"])
    margin = arb.arbitrage(market, solve_rates=np.linspace(0.69, 0.75, 5))
    frame = step_statics(margin, [0.7, 0.93]).to_frame()
    assert np.all(frame["mean_margin"] < 1e-9)  # two arbitrageurs end at cost


def test_capacities_between_scarcity_and_plenty():
    game = CapacityGame([0.5, 0.4])
    frame = capacity_statics(game, [1.0, 1.5, 2.5]).to_frame()
    assert frame["mean_price"].iloc[0] == pytest.approx(1.0)
    assert frame["profit"].iloc[0] == pytest.approx(0.9)
    assert 0 < frame["mean_price"].iloc[1] < 1
    assert frame["kind"].tolist() == ["pure", "mixed", "pure"]
    assert frame["profit"].iloc[2] == pytest.approx(0.0)
    assert np.all(frame["epsilon"] < 1e-9)
    total = frame[[f"profit of {name}" for name in game.players]].sum(axis=1)
    np.testing.assert_allclose(total, frame["profit"])


def test_bad_input():
    game = CapacityGame([0.5, 0.4])
    with pytest.raises(arb.InputError, match="at least one factor"):
        capacity_statics(game, [])
    with pytest.raises(arb.InputError, match="> 0"):
        capacity_statics(game, [-1.0])
    with pytest.raises(arb.InputError, match="at least one step"):
        step_statics(BertrandGame([0.5], [Seller("a", [1.0])]), [])
