"""``arbmodels classes``, ``limits``, ``cvar``, ``batches``, ``verify``: the library's numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import arbmodels as arb
from arbmodels import policies, verification
from cli_cases import bad, good, strict

SECONDS = ("--seconds", "small=10", "--seconds", "large=40")
WAITS = {"small": 10.0, "large": 40.0}


def plan_of(point: dict, unit: str = "attempts") -> arb.Plan:
    return arb.Plan(tuple((model, amount) for model, amount in point["stages"]), unit)


def test_classes_agree_with_the_library(folder: Path, tmp_path: Path) -> None:
    table, figure = tmp_path / "classes.csv", tmp_path / "classes.png"
    options = ("--order", "large,small", "--at", "0.5,0.95", "--output", table, "--plot", figure)
    answer = strict(good("classes", folder, *options, "--json"))
    market = arb.load_market(folder)
    expected = policies.policy_classes(market, [0.5, 0.95], order=["large", "small"])
    assert [each["name"] for each in answer["classes"]] == list(expected.names)
    assert [each["deployable"] for each in answer["classes"]] == [True] * 8 + [False]
    assert answer["stage_unit"] == "attempts"
    for row, each in enumerate(answer["classes"]):
        inside, outside = each["points"]
        assert inside["spend"] == pytest.approx(expected.spend[row, 0])
        assert inside["bound"] == pytest.approx(expected.bound[row, 0])
        assert inside["saving"] == pytest.approx(expected.saving[row, 0])
        assert outside["spend"] is None
        assert outside["plans"] is None
        if each["deployable"]:
            policy = expected.plan_at(each["name"], 0.5)
            assert [part["plan"] for part in inside["plans"]] == [
                serving.plan.summary for serving in policy.servings
            ]
            groups: dict[str, float] = {}
            for part in inside["plans"]:
                groups[part["serves"]] = groups.get(part["serves"], 0.0) + part["probability"]
            assert list(groups.values()) == pytest.approx([1.0] * len(groups))
        else:
            assert inside["plans"] is None
    written = pd.read_csv(table)
    np.testing.assert_allclose(written["spend"], expected.to_frame()["spend"])
    assert figure.stat().st_size > 10_000
    text = good("classes", folder, "--at", "0.5", "--billing", "attempts-stop-at-record")
    for word in ("What is proven", "blocks, greedy order", "oracle", "stop-at-record"):
        assert word in text


def test_limits_are_kept(folder: Path, tmp_path: Path) -> None:
    table, figure = tmp_path / "new" / "limits.parquet", tmp_path / "limits.pdf"
    common = ("limits", folder, "--max-spend", "0.15", "--max-attempts", "4", "--max-seconds", "90")
    files = ("--output", table, "--plot", figure)
    answer = strict(good(*common, *SECONDS, "--at", "0.5,0.7,1", *files, "--json"))
    curves = arb.attempt_curves(arb.load_market(folder))
    expected = policies.limited_frontier(curves, policies.Limits(0.15, 4, 90.0), seconds=WAITS)
    assert answer["reach"] == pytest.approx(expected.max_solve_rate)
    assert answer["limits"] == {"spend": 0.15, "attempts": 4, "seconds": 90}
    *inside, outside = answer["points"]
    for point in inside:
        distribution = policies.spend_distribution(plan_of(point), curves, seconds=WAITS)
        assert distribution.solve_rate >= point["solve_rate"] - 1e-9
        assert distribution.mean() == pytest.approx(point["spend"])
        assert distribution.worst() == pytest.approx(point["worst_spend"])
        assert distribution.worst() <= 0.15
        assert distribution.worst("attempts") <= 4
        assert distribution.worst("seconds") <= 90
    assert {value for key, value in outside.items() if key != "solve_rate"} == {None}
    assert pd.read_parquet(table)["worst"].max() <= 0.15
    assert figure.stat().st_size > 1000
    text = good("limits", folder, "--max-attempts", "2")
    assert "at most 2 attempts per instance" in text
    fewer = strict(good("limits", folder, "--max-spend", "0.15", "--attempts", "1", "--json"))
    assert fewer["reach"] < answer["reach"]


def test_cvar_is_kept_with_a_bound(folder: Path, tmp_path: Path) -> None:
    common = ("cvar", folder, "--at", "0.6", "--level", "0.8", "--attempts", "4")
    output = ("--output", tmp_path / "spend.csv", "--plot", tmp_path / "spend.svg")
    answer = strict(good(*common, "--limit", "0.1", *output, "--json"))
    curves = arb.attempt_curves(arb.load_market(folder), 4)
    distribution = policies.spend_distribution(plan_of(answer), curves)
    assert distribution.solve_rate == pytest.approx(answer["solve_rate"])
    assert distribution.solve_rate >= 0.6
    assert distribution.mean() == pytest.approx(answer["spend"])
    assert distribution.cvar(0.8) == pytest.approx(answer["cvar"])
    assert distribution.worst() == pytest.approx(answer["worst_spend"])
    assert answer["cvar"] <= 0.1
    assert answer["bound"] <= answer["spend"]
    assert len(pd.read_csv(tmp_path / "spend.csv")) == len(curves.market.instances)
    assert (tmp_path / "spend.svg").exists()
    text = good(*common, "--limit", "0.1")
    assert "proven lower bound" in text
    assert "worst case" in text
    assert "no plan keeps it" in bad(*common, "--limit", "0.001", code=3)


def test_batches_keep_the_time(folder: Path, tmp_path: Path) -> None:
    common = ("batches", folder, *SECONDS, "--max-seconds", "60", "--largest", "3")
    files = ("--output", tmp_path / "b.csv", "--plot", tmp_path / "b.png")
    answer = strict(good(*common, "--at", "0.5,0.7,1.0", *files, "--json"))
    curves = arb.attempt_curves(arb.load_market(folder))
    frontier = policies.batch_frontier(curves, WAITS, 60.0, largest=3)
    assert answer["reach"] == pytest.approx(frontier.max_solve_rate)
    *inside, outside = answer["points"]
    for point in inside:
        assert point["spend"] == pytest.approx(float(frontier.spend_at(point["solve_rate"])))
        assert point["mean_seconds"] <= point["longest_seconds"] <= 60
        assert sum(WAITS[model] for model, _ in point["batches"]) >= point["longest_seconds"]
        assert max(size for _, size in point["batches"]) <= 3
    assert outside["spend"] is None
    assert outside["batches"] is None
    assert set(pd.read_csv(tmp_path / "b.csv").columns) == {"seconds", "solve_rate", "spend"}
    assert (tmp_path / "b.png").stat().st_size > 10_000
    assert "Every stage is one batch" in good(*common)


def test_verify_agrees_with_the_library(folder: Path, tmp_path: Path) -> None:
    options = ("--check", "0.01", "--false-accept", "small=0.05", "--false-accept", "large=0")
    more = ("--false-reject", "0.1", "--penalty", "0.02", "--attempts", "4", "--price", "0.5")
    files = ("--output", tmp_path / "v.csv", "--plot", tmp_path / "v.png")
    common = ("verify", folder, *options, *more, "--refund", "1", "--at", "0.5,0.99")
    answer = strict(good(*common, *files, "--json"))
    market = arb.load_market(folder)
    verifier = verification.Verifier(0.01, {"small": 0.05, "large": 0.0}, 0.1)
    frontier = verification.verified_frontier(market, verifier, penalty=0.02, max_attempts=4)
    assert answer["verifier"] == verifier.label
    assert answer["reach"] == pytest.approx(frontier.max_solve_rate)
    assert answer["market_reach"] == pytest.approx(frontier.market_max_solve_rate)
    point, beyond = answer["points"]
    wrong = float(frontier.wrong_at(0.5))
    assert point["wrong_rate"] == pytest.approx(wrong)
    assert point["false_share"] == pytest.approx(wrong / (0.5 + wrong))
    assert point["cost"] == pytest.approx(float(frontier.cost_at(0.5)))
    assert point["cost"] == pytest.approx(point["spend"] + 0.02 * wrong)
    assert point["bound"] == pytest.approx(point["cost"])
    assert point["market_price"] == pytest.approx(float(frontier.price_at(0.5)))
    assert point["margin"] == pytest.approx(float(frontier.margin_at(0.5)))
    scored = verification.verified_plan(plan_of(point), market, verifier)
    assert scored.solve_rate >= 0.5 - 1e-9
    assert beyond["cost"] is None
    assert beyond["plan"] is None
    best = verification.verified_plan(plan_of(answer["best"]), market, verifier)
    assert answer["best"]["profit"] == pytest.approx(best.profit(0.5, penalty=0.02, refund=1.0))
    assert answer["best"]["profit"] >= scored.profit(0.5, penalty=0.02, refund=1.0)
    assert answer["thresholds"] == []
    assert len(pd.read_csv(tmp_path / "v.csv")) == len(frontier.vertices)
    assert (tmp_path / "v.png").stat().st_size > 10_000
    text = good(*common)
    assert "none earns more" in text
    assert "false accept 5.0% small, 0.0% large" in text


@pytest.mark.parametrize("vary", ["cost", "false_reject"])
def test_verify_finds_where_the_margin_vanishes(folder: Path, tmp_path: Path, vary: str) -> None:
    figure = tmp_path / "threshold.png"
    common = (
        "verify",
        folder,
        "--at",
        "0.5,0.6",
        "--baseline",
        "self-verification",
        "--attempts",
        "4",
    )
    answer = strict(good(*common, "--threshold", vary, "--plot", figure, "--json"))
    market = arb.load_market(folder)
    found = [
        verification.verification_threshold(
            market, rate, vary=vary, baseline="self-verification", max_attempts=4
        )
        for rate in (0.5, 0.6)
    ]
    assert [each["value"] for each in answer["thresholds"]] == [each.value for each in found]
    assert [each["ending"] for each in answer["thresholds"]] == [each.ending for each in found]
    assert answer["thresholds"][1]["value"] > 0
    assert figure.stat().st_size > 10_000


def test_a_threshold_that_is_never_reached_is_null(folder: Path, tmp_path: Path) -> None:
    common = ("verify", folder, "--at", "0.6", "--attempts", "4", "--threshold", "cost")
    (end,) = strict(good(*common, "--plot", tmp_path / "t.png", "--json"))["thresholds"]
    assert end["value"] is None
    assert end["ending"] == "none found"
    assert end["last_margin"] > 0
    assert "∞" in good(*common)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["classes", "{folder}", "--order", "large"], "leaves out 'small'"),
        (["classes", "{folder}", "--order", "large,huge"], "no model 'huge'"),
        (["classes", "{folder}", "--output", "{folder}"], "ends in .csv or .parquet"),
        (["limits", "{folder}"], "Say what is limited"),
        (["limits", "{folder}", "--max-spend", "-1"], "limit on dollars is -1"),
        (["limits", "{folder}", "--max-attempts", "0"], "limit on attempts is 0"),
        (["limits", "{folder}", "--max-seconds", "9"], "needs the latency of"),
        (["limits", "{folder}", "--max-seconds", "9", "--seconds", "small"], "NAME=NUMBER"),
        (["limits", "{folder}", "--max-seconds", "9", *SECONDS[:2]], "latency of 'large'"),
        (["cvar", "{folder}", "--limit", "1"], "--at"),
        (["cvar", "{folder}", "--at", "0.5,0.6", "--limit", "1"], "give one solve rate"),
        (["cvar", "{folder}", "--at", "0.5", "--limit", "0"], "limit on CVaR is 0"),
        (["cvar", "{folder}", "--at", "1", "--limit", "1"], "the largest is"),
        (["cvar", "{folder}", "--at", "0.5", "--limit", "1", "--level", "1"], "level of a CVaR"),
        (["batches", "{folder}", "--max-seconds", "9"], "needs the latency of"),
        (["batches", "{folder}", *SECONDS], "--max-seconds"),
        (["batches", "{folder}", *SECONDS, "--max-seconds", "-1"], "time limit is -1"),
        (["batches", "{folder}", *SECONDS, "--max-seconds", "9", "--largest", "0"], "--largest"),
        (["verify", "{folder}", "--check", "dear"], "must be a number, not 'dear'"),
        (["verify", "{folder}", "--check", "-1"], "cost is -1"),
        (["verify", "{folder}", "--check", "0.1", "--check", "0.2"], "NAME=NUMBER"),
        (["verify", "{folder}", "--false-accept", "small=0.1"], "no number for large"),
        (["verify", "{folder}", "--false-reject", "1"], "probability below 1"),
        (["verify", "{folder}", "--refund", "0.5"], "give --price"),
        (["verify", "{folder}", "--price", "1", "--refund", "2"], "share of the price"),
        (["verify", "{folder}", "--at", "0.99", "--threshold", "cost"], "No single model delivers"),
        (["verify", "{folder}", "--baseline", "mine"], "--baseline"),
    ],
)
def test_bad_input_says_what_to_do(folder: Path, arguments: list[str], expected: str) -> None:
    text = bad(*(word.replace("{folder}", str(folder)) for word in arguments))
    assert expected in " ".join(text.split())


def test_nothing_is_overwritten_unasked(folder: Path, tmp_path: Path) -> None:
    table, figure = tmp_path / "t.csv", tmp_path / "t.png"
    table.write_text("mine")
    figure.write_text("mine")
    for command in (
        ["classes", folder],
        ["limits", folder, "--max-attempts", "2"],
        ["cvar", folder, "--at", "0.5", "--limit", "1"],
        ["batches", folder, *SECONDS, "--max-seconds", "50"],
        ["verify", folder],
    ):
        assert "--force" in bad(*command, "--output", table)
        assert "--force" in bad(*command, "--plot", figure)
    assert table.read_text() == figure.read_text() == "mine"
    limits = ("limits", folder, "--max-attempts", "2", "--output", table, "--plot", figure)
    good(*limits, "--force")
    assert table.read_text().startswith("solve_rate")
    assert "cannot be written" in bad(*limits[:4], "--output", table / "x.csv")
