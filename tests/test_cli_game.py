"""``arbmodels game``: equilibria and undercutting."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cli_cases import good, strict


def test_two_arbitrageurs_compete_the_margin_away(folder: Path) -> None:
    margin = strict(good("margin", folder, "--at", "0.4,0.6", "--json"))
    answer = strict(good("game", "bertrand", folder, "--at", "0.4,0.6", "--json"))
    assert answer["kind"] == "bertrand"
    assert set(answer["players"]) == {"small", "large", "arbitrageur 1", "arbitrageur 2"}
    assert set(answer["prices"]) == set(answer["profits"]) == set(answer["players"])
    assert answer["epsilon"] == pytest.approx(0, abs=1e-12)
    for point, price in zip(margin["points"], answer["market_price"], strict=True):
        assert price == pytest.approx(point["arbitrage_cost"])
    for profits in answer["profits"].values():
        assert profits == pytest.approx([0, 0])


def test_one_arbitrageur_keeps_the_market_price(folder: Path) -> None:
    margin = strict(good("margin", folder, "--at", "0.4,0.6", "--json"))
    arguments = ("game", "bertrand", folder, "--at", "0.4,0.6", "--arbitrageurs", 1)
    answer = strict(good(*arguments, "--json"))
    assert answer["epsilon"] == pytest.approx(0, abs=1e-12)
    for row, point in enumerate(margin["points"]):
        assert answer["market_price"][row] == pytest.approx(point["market_price"])
        earned = point["market_price"] - point["arbitrage_cost"]
        assert answer["profits"]["arbitrageur"][row] == pytest.approx(earned)
    assert "1 arbitrageur" in good(*arguments)


def test_a_seller_who_is_alone_needs_a_willingness_to_pay(folder: Path) -> None:
    reach = strict(good("margin", folder, "--json"))["market_reach"]
    arguments = ("game", "bertrand", folder, "--at", f"{reach + 0.005:.4f}", "--arbitrageurs", 1)
    alone = strict(good(*arguments, "--json"))
    assert alone["market_price"] == [None]
    assert alone["epsilon"] is None
    assert "any price" in good(*arguments)
    capped = strict(good(*arguments, "--willingness-to-pay", 2, "--json"))
    assert capped["market_price"] == [2.0]
    assert capped["epsilon"] == pytest.approx(0, abs=1e-12)


def test_providers_who_can_cut_their_price_win_back_the_market(folder: Path) -> None:
    answer = strict(
        good("game", "bertrand", folder, "--at", "0.5", "--provider-cost-share", 0.1, "--json")
    )
    assert answer["shares"]["arbitrageur 1"] == [0.0]
    assert max(answer["profits"]["small"][0], answer["profits"]["large"][0]) > 0


def test_undercutting_ends_at_the_limit_price(folder: Path) -> None:
    arguments = (
        "game",
        "bertrand",
        folder,
        "--at",
        "0.5,0.999",
        "--kind",
        "undercutting",
        "--step",
        0.9,
    )
    answer = strict(good(*arguments, "--json"))
    point = strict(good("margin", folder, "--at", "0.5", "--json"))["points"][0]
    assert answer["kind"] == "undercutting"
    assert answer["start"] == [pytest.approx(point["market_price"]), None]
    assert answer["market_price"] == [pytest.approx(point["arbitrage_cost"]), None]
    assert answer["epsilon"] == pytest.approx(0, abs=1e-12)
    needed = np.log(point["arbitrage_cost"] / point["market_price"]) / np.log(0.9)
    assert answer["rounds"] == int(np.ceil(needed - 1e-9))
    assert len(answer["price_after_round"]) == answer["rounds"] + 1
    assert set(answer["prices"]) == set(answer["profits"]) == set(answer["players"])
    assert all(profit[1] is None for profit in answer["profits"].values())
    assert "x 0.9" in good(*arguments)


def test_undercutting_with_one_arbitrageur_leaves_him_at_most_a_step_to_gain(folder: Path) -> None:
    arguments = (
        "game",
        "bertrand",
        folder,
        "--at",
        "0.5",
        "--kind",
        "undercutting",
        "--arbitrageurs",
        1,
    )
    answer = strict(good(*arguments, "--json"))
    limit = strict(good("game", "bertrand", folder, "--at", "0.5", "--arbitrageurs", 1, "--json"))
    price, best = answer["market_price"][0], limit["market_price"][0]
    assert 0.93 * best - 1e-12 <= price <= best
    assert answer["epsilon"] == pytest.approx(best - price)
    assert answer["prices"]["arbitrageur"] == [pytest.approx(price)]
