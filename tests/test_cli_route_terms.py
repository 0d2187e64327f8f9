"""``arbmodels route``: objectives, contracts and other constraints, files, bad options."""

from __future__ import annotations

from pathlib import Path

import highspy
import numpy as np
import pandas as pd
import pytest

import arbmodels as arb
from arbmodels.cli.route import contract_of
from cli_cases import ROWS, bad, good, strict


def answer(folder: Path, *arguments: object):
    return strict(good("route", folder, *arguments, "--json"))


def plans_of(found, model: str) -> int:
    return sum(model in plan for plan in found["assignment"].values())


def test_profit_is_what_the_api_finds(folder: Path) -> None:
    found = answer(folder, "--price", 0.2, "--attempts", 2)
    market = arb.load_market(folder)
    problem = arb.RoutingProblem(market, arb.attempts_up_to(market, 2)).maximize_profit(0.2)
    assert found["objective"] == pytest.approx(problem.solve().objective)
    assert found["objective"] == pytest.approx(ROWS * 0.2 * found["solve_rate"] - found["spend"])


def test_contract_fee_tiers_and_credit(folder: Path) -> None:
    terms = "large:fee=0.1,credit=0.2,tiers=0@1/0.4@0.5"
    found = answer(folder, "--price", 0.3, "--contract", terms)
    paid = found["payments"]["large"]
    listed = paid["list_spend"]
    owed = max(0.0, min(listed, 0.4) - 0.2) + 0.5 * max(0.0, listed - 0.4)
    assert listed > 0
    assert paid["payment"] == pytest.approx(0.1 + owed)
    assert found["outlay"] == pytest.approx(found["spend"] - listed + paid["payment"])


def test_who_may_serve(folder: Path) -> None:
    free = answer(folder, "--budget", 1)
    assert {plans_of(free, "small") > 0, plans_of(free, "large") > 0} == {True}
    one = answer(folder, "--budget", 1, "--max-models", 1)
    assert 0 in (plans_of(one, "small"), plans_of(one, "large"))
    without = answer(folder, "--budget", 1, "--forbid", "large@repo1")
    inside = {name: plan for name, plan in without["assignment"].items() if "repo1" in name}
    assert inside
    assert not any("large" in plan for plan in inside.values())
    assert plans_of(answer(folder, "--budget", 1, "--forbid", "small"), "small") == 0
    assert plans_of(answer(folder, "--budget", 1, "--commit", "small=20"), "small") >= 20
    limited = answer(folder, "--budget", 1, "--model-budget", "large=0.2")
    assert limited["activity"]["budget of large"] <= 0.2 + 1e-9


def test_quality_and_latency(folder: Path) -> None:
    best = answer(folder, "--budget", 100)["solve_rate"]
    found = answer(folder, "--of-best", 0.8)
    assert found["solve_rate"] >= 0.8 * best - 1e-9
    fair = answer(folder, "--budget", 0.8, "--worst-segment")
    assert fair["objective"] == pytest.approx(min(fair["segment_rates"].values()))
    times = ("--seconds", "small=1", "--seconds", "large=5")
    quick = answer(folder, "--budget", 1, *times, "--mean-latency", 1.5)
    waited = plans_of(quick, "small") + 5 * plans_of(quick, "large")
    assert waited <= 1.5 * ROWS + 1e-6
    assert plans_of(answer(folder, "--budget", 1, *times, "--max-latency", 2), "large") == 0


def test_an_overrun_costs_something(folder: Path) -> None:
    plain = answer(folder, "--budget", 0.5)
    robust = answer(folder, "--budget", 0.5, "--overrun", "0.5@5")
    assert robust["objective"] < plain["objective"]
    assert robust["spend"] < plain["spend"]


def test_an_answer_is_written_and_started_from(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "first.csv"
    first = answer(folder, "--budget", 1, "--output", file)
    frame = pd.read_csv(file)
    assert dict(zip(frame["instance"], frame["plan"], strict=True)) == first["assignment"]
    moved = answer(folder, "--budget", 0.6, "--start", file, "--max-changes", 12)
    changed = [k for k, plan in moved["assignment"].items() if plan != first["assignment"][k]]
    assert 0 < len(changed) <= 12
    assert "exists already" in bad("route", folder, "--budget", 1, "--output", file)
    good("route", folder, "--budget", 1, "--output", file, "--force")
    frame.iloc[1:].to_csv(file, index=False)
    assert "has no plan for" in bad("route", folder, "--budget", 1, "--start", file)


def test_the_exported_program_has_the_same_optimum(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "program.mps"
    found = answer(folder, "--budget", 0.6, "--export", file)
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.readModel(str(file))
    highs.run()
    assert highs.getInfo().objective_function_value == pytest.approx(found["objective"], rel=1e-6)


def test_sweep_explanation_picture_and_folds(folder: Path, tmp_path: Path) -> None:
    name = arb.load_market(folder).instances[0]
    picture = tmp_path / "sweep.png"
    arguments = ("--budget", 0.5, "--sweep", "budget", "--explain", name, "--plot", picture)
    found = answer(folder, *arguments)
    assert picture.stat().st_size > 5_000
    assert found["explanation"][0]["loss"] == 0.0
    rates = [each["objective"] for each in found["sweep"]["points"]]
    assert np.all(np.diff(rates) >= -1e-9)
    text = good("route", folder, "--budget", 0.5, "--assignment", "single", "--folds", 3)
    assert "optimism" in text
    assert "held out" in text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "--of-best SHARE"),
        ((), "--worst-segment"),
        (("--segment-budget", "repo1=1"), "Other limits come on top"),
        (("--worst-segment",), "give --budget TOTAL too"),
        (("--price", 1, "--worst-segment"), "one objective"),
        (("--worst-segment", "--min-solve-rate", 0.1), "give --budget TOTAL too"),
        (("--min-solve-rate", 0.1, "--overrun", "0.3@5"), "--budget TOTAL too"),
        (("--overrun", "0.3@5"), "protects a budget"),
        (("--budget", 1, "--overrun", "0.3"), "0.3@20"),
        (("--budget", 1, "--max-changes", 3), "--start FILE"),
        (("--budget", 1, "--contract", "large"), "must look like"),
        (("--budget", 1, "--contract", "large:price=3"), "not one of fee="),
        (("--budget", 1, "--contract", "large:fee=x"), "must be a number"),
        (("--budget", 1, "--contract", "large:tiers=0"), "must look like tiers=0@1/10@0.8"),
        (("--budget", 1, "--contract", "huge:fee=1"), "huge"),
        (("--budget", 1, "--forbid", "@repo1"), "MODEL[@SEGMENT]"),
        (("--budget", 1, "--forbid", "large@"), "MODEL[@SEGMENT]"),
        (("--budget", 1, "--forbid", "large@nowhere"), "nowhere"),
        (("--budget", 1, "--output", "x.txt"), ".csv or .parquet"),
        (("--budget", 1, "--export", "x.txt"), ".mps or .lp"),
        (("--budget", 1, "--start", "nowhere.csv"), "cannot be read"),
        (("--budget", 1, "--sweep", "floor"), "floor"),
        (("--budget", 1, "--explain", "nobody"), "names look like 'repo0__0'"),
        (("--budget", 1, "--max-latency", 3), "--seconds MODEL=S of every model"),
        (("--budget", 1, "--seconds", "small=1", "--mean-latency", 3), "give every model's"),
        (("--budget", "nan"), "give an amount of USD, finite and at least 0"),
        (("--budget", -1), "give an amount of USD, finite and at least 0"),
        (("--min-solve-rate", 70), "between 0 and 1 (0.9 for 90%)"),
    ],
)
def test_bad_options_say_what_to_do(folder: Path, arguments: tuple[object, ...], text: str) -> None:
    assert text in bad("route", folder, *arguments)


def test_contract_text() -> None:
    assert contract_of("a:b:fee=1") == ("a:b", {"fee": 1.0})
