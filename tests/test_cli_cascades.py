"""``arbmodels frontier`` and ``arbmodels margin``: the same numbers as the library, figures."""

from __future__ import annotations

from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

import arbmodels as arb
from arbmodels.cli.options import round_rates
from cli_cases import PAIR, bad, good, strict


def test_margin_json_agrees_with_the_library(folder: Path) -> None:
    answer = strict(good("margin", folder, "--models", "small,large", "--json", "--at", "0.5,0.99"))
    market = arb.load_market(folder, models=["small", "large"])
    frontier = arb.cascade_frontier(market)
    expected = arb.arbitrage(frontier)
    assert answer["unit"] == "USD/instance"
    assert answer["accounting"] == frontier.billing
    assert answer["in_sample"] is True
    assert answer["allocation"] is None
    assert answer["mean_margin"] == pytest.approx(expected.mean_margin)
    assert answer["peak"] == {
        "solve_rate": pytest.approx(expected.peak.solve_rate),
        "margin": pytest.approx(expected.peak.margin),
    }
    assert answer["market_reach"] == pytest.approx(expected.market_max_solve_rate)
    inside, outside = answer["points"]
    point = expected.at(0.5)
    assert inside["market_price"] == pytest.approx(point.market_price)
    assert inside["arbitrage_cost"] == pytest.approx(point.arbitrage_cost)
    assert inside["margin"] == pytest.approx(point.margin)
    assert inside["lower_bound"] == pytest.approx(float(frontier.bound_at(0.5)))
    assert inside["plan"] == frontier.plan_at(0.5).summary
    prices = dict(zip(market.models, frontier.model_prices_at([0.5])[0], strict=True))
    assert inside["cheapest_model"] == min(prices, key=prices.__getitem__)
    assert outside["solve_rate"] == 0.99
    assert {value for key, value in outside.items() if key != "solve_rate"} == {None}


def test_margin_of_every_billing(folder: Path) -> None:
    spend = {}
    for unit, rule in (
        ("dollars", "pay-past-record"),
        ("dollars", "stop-at-record"),
        ("attempts", "pay-past-record"),
        ("attempts", "stop-at-record"),
    ):
        name = f"{unit}-{rule}"
        answer = strict(good("margin", folder, "--billing", name, "--at", "0.916", "--json"))
        assert answer["accounting"].startswith(unit)
        assert answer["accounting"].endswith(rule)
        spend[name] = answer["points"][0]["arbitrage_cost"]
    for unit in ("dollars", "attempts"):
        assert spend[f"{unit}-stop-at-record"] < spend[f"{unit}-pay-past-record"]


def test_a_finer_grid_does_not_cost_more_and_bounds_closer(folder: Path) -> None:
    authors = ("--billing", "olmedo2026")
    coarse, fine = (
        strict(good("margin", folder, "--at", "0.6", *authors, "--refine", k, "--json"))["points"][
            0
        ]
        for k in (1, 4)
    )
    assert fine["arbitrage_cost"] <= coarse["arbitrage_cost"] + 1e-12
    assert fine["lower_bound"] > coarse["lower_bound"]


def test_margin_of_more_models_than_the_lattice_takes_is_searched(folder: Path) -> None:
    for copy in range(4):
        (folder / f"copy{copy}.jsonl").write_text((folder / "small.jsonl").read_text())
    answer = strict(good("margin", folder, "--at", "0.8", "--json"))
    expected = arb.arbitrage(arb.search_frontier(arb.load_market(folder)))
    assert answer["method"] == "searched"
    assert answer["mean_margin"] == pytest.approx(expected.mean_margin)
    (point,) = answer["points"]
    assert point["plan"] == expected.source.plan_at(0.8).summary
    assert 0 < point["lower_bound"] <= point["arbitrage_cost"]


def test_margin_without_solve_rates_takes_round_ones_below_the_reach(folder: Path) -> None:
    answer = strict(good("margin", folder, "--json"))
    rates = [point["solve_rate"] for point in answer["points"]]
    assert 1 <= len(rates) <= 11
    assert rates == sorted(rates)
    assert rates[-1] <= answer["market_reach"] + 1e-9
    assert all(point["market_price"] is not None for point in answer["points"])


def test_margin_table_says_units_method_and_billing(folder: Path) -> None:
    text = good("margin", folder, "--models", "small,large", "--method", "olmedo2026")
    for word in (
        "USD/instance",
        "olmedo2026 method",
        "Allocation",
        "pay-past-record",
        "Peak margin",
    ):
        assert word in text, word


@given(st.floats(0, 1), st.floats(0, 1))
def test_round_rates_lie_in_their_range(one: float, other: float) -> None:
    low, high = sorted((one, other))
    rates = round_rates(low, high)
    assert 1 <= len(rates) <= 11
    assert rates == sorted(set(rates))
    assert low - 1e-9 <= rates[0]
    assert rates[-1] <= high + 1e-9


def test_the_authors_numbers_come_out(real_data: Path) -> None:
    answer = strict(
        good(
            *("margin", "olmedo2026/swebench", *PAIR, "--method", "olmedo2026"),
            *("--at", "0.70,0.75,0.77", "--json", "--data", real_data),
        )
    )
    assert answer["allocation"] == pytest.approx([0.0812, 0.9188], abs=5e-5)
    assert answer["instances"] == 445
    assert answer["peak"]["margin"] == pytest.approx(0.411, abs=0.001)
    assert answer["peak"]["solve_rate"] == pytest.approx(0.75495, abs=5e-5)
    assert answer["mean_margin"] == pytest.approx(0.1986, abs=0.001)
    at_70, at_75, beyond = answer["points"]
    assert at_70["margin"] == pytest.approx(0.125, abs=0.002)
    assert 500 * at_75["arbitrage_cost"] == pytest.approx(78.74, rel=0.005)
    assert 500 * at_75["market_price"] == pytest.approx(118.5, rel=0.005)
    assert beyond["market_price"] is None
    assert beyond["arbitrage_cost"] is None
    assert beyond["margin"] is None


def test_exact_cascades_are_below_the_authors_everywhere(real_data: Path) -> None:
    common = ("margin", "olmedo2026/swebench", *PAIR, "--data", real_data, "--json")
    exact = strict(good(*common, "--billing", "olmedo2026"))
    authors = strict(good(*common, "--method", "olmedo2026"))
    assert exact["peak"]["margin"] == pytest.approx(0.462, abs=0.003)
    assert len(exact["points"]) == 8
    for ours, theirs in zip(exact["points"], authors["points"], strict=True):
        assert ours["solve_rate"] == theirs["solve_rate"]
        assert ours["arbitrage_cost"] <= theirs["arbitrage_cost"]
        assert ours["market_price"] == pytest.approx(theirs["market_price"], rel=1e-4)


def test_frontier_json_agrees_with_the_library(folder: Path) -> None:
    answer = strict(good("frontier", folder, "--at", "0.4,0.6,1.0", "--json"))
    frontier = arb.cascade_frontier(arb.load_market(folder))
    assert answer["reach"] == pytest.approx(frontier.max_solve_rate)
    for point in answer["points"][:2]:
        rate = point["solve_rate"]
        assert point["spend"] == pytest.approx(float(frontier.spend_at(rate)))
        assert point["bound"] == pytest.approx(float(frontier.bound_at(rate)))
        assert point["mixture"] <= point["spend"]
        assert point["gap"] == pytest.approx(1 - point["bound"] / point["spend"])
        plan = arb.Plan(tuple(map(tuple, point["stages"])), answer["stage_unit"])
        scored = plan.evaluate(frontier.curves)
        assert scored.solve_rate >= rate - 1e-9
        assert scored.mean_spend == pytest.approx(point["spend"])
    assert answer["points"][2]["spend"] is None
    assert answer["points"][2]["plan"] is None


def test_frontier_in_whole_attempts_has_no_gap(folder: Path) -> None:
    arguments = ("frontier", folder, "--billing", "attempts-stop-at-record", "--json")
    answer = strict(good(*arguments))
    assert answer["stage_unit"] == "attempts"
    assert answer["points"][-1]["solve_rate"] == pytest.approx(answer["reach"])
    for point in answer["points"]:
        assert point["gap"] == pytest.approx(0, abs=1e-12)
        assert all(float(amount).is_integer() for _, amount in point["stages"])
    assert "plan (attempts)" in good(*arguments[:-1])


@pytest.mark.parametrize("command", ["margin", "frontier"])
@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_a_figure_is_drawn_and_never_overwritten_unasked(
    command: str, suffix: str, folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "new" / f"figure.{suffix}"
    assert str(file) in good(command, folder, "--plot", file).replace("\n", "")
    start = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}[suffix]
    assert file.read_bytes().startswith(start)
    file.write_bytes(b"mine")
    message = bad(command, folder, "--plot", file)
    assert "--force" in message
    assert file.read_bytes() == b"mine"
    strict(good(command, folder, "--plot", file, "--force", "--json"))
    assert file.read_bytes().startswith(start)


def test_a_figure_that_cannot_be_written_is_bad_input(folder: Path, tmp_path: Path) -> None:
    assert ".png, .pdf or .svg" in bad("margin", folder, "--plot", tmp_path / "figure.xlsx")
    (tmp_path / "folder.png").mkdir()
    assert "is a folder" in bad("margin", folder, "--plot", tmp_path / "folder.png")
    (tmp_path / "file").touch()
    message = bad("margin", folder, "--plot", tmp_path / "file" / "figure.png")
    assert "cannot be written" in message


def test_search_json_agrees_with_the_library(folder: Path) -> None:
    answer = strict(good("search", folder, "--at", "0.4,0.6", "--gap", "0.02", "--json"))
    found = arb.search_frontier(arb.load_market(folder), [0.4, 0.6], gap=0.02)
    assert answer["closed"] == answer["looked_at"] == 2
    for point in answer["points"]:
        rate = point["solve_rate"]
        assert point["bound"] == pytest.approx(float(found.bound_at(rate)))
        assert point["bound"] <= point["mixture"] * (1 + 1e-9)
        assert point["spend"] == pytest.approx(float(found.spend_at(rate)))
        assert sum(each["share"] for each in point["mixed_plans"]) == pytest.approx(1)


def test_search_table_and_picture(folder: Path, tmp_path: Path) -> None:
    text = good("search", folder, "--plot", tmp_path / "search.png")
    assert "lower bound: of every policy" in text
    assert (tmp_path / "search.png").stat().st_size > 10_000
