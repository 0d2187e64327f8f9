"""``arbmodels cross-validate``, ``bootstrap``, ``robustness``: the library's numbers, files."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pandas as pd
import pytest

import arbmodels as arb
from arbmodels.estimation import (
    bootstrap_curves,
    bootstrap_margin,
    cross_validate_margin,
    robustness_study,
)
from cli_cases import PAIR, bad, good, strict

COMMANDS = {
    "cross-validate": ("--repeats", "1", "--folds", "3"),
    "bootstrap": ("--resamples", "2", "--billing", "attempts-stop-at-record"),
    "robustness": ("--draws", "3", "--budgets", "1,5"),
}


def test_margin_and_demo_show_the_optimism(folder: Path, tmp_path: Path) -> None:
    answer = strict(good("margin", folder, "--at", "0.5", "--json"))
    found = arb.arbitrage(arb.load_market(folder)).cross_validated
    assert found is not None
    assert answer["cross_validated"]["mean_margin"] == pytest.approx(found.mean_margin)
    assert answer["cross_validated"]["optimism"] == pytest.approx(found.mean_optimism)
    assert answer["validation"] == found.sentence
    shown = " ".join(good("margin", folder).split())
    assert found.sentence in shown
    text = good("demo", "--output", tmp_path / "demo.png")
    assert text.count("Cross-validated (5 folds") == 2


def test_a_market_too_small_says_so(tmp_path: Path) -> None:
    table = tmp_path / "small.csv"
    rows = [(m, f"i{i}", 4, 1 + i % 3, c) for m, c in (("a", 0.1), ("b", 0.3)) for i in range(8)]
    pd.DataFrame(rows, columns=["model", "instance", "attempts", "successes", "cost"]).to_csv(table)
    answer = strict(good("margin", table, "--json"))
    assert answer["cross_validated"] is None
    assert "8 instances are too few" in answer["validation"]


def test_cross_validate_agrees_with_the_library(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "new" / "cv.csv"
    answer = strict(
        good(
            *("cross-validate", folder, "--by", "segments", "--folds", "3", "--repeats", "2"),
            *("--seed", "4", "--at", "0.4,0.6", "--billing", "attempts-stop-at-record"),
            *("--json", "--output", table),
        )
    )
    curves = arb.attempt_curves(arb.load_market(folder), billing="stop-at-record")
    found = cross_validate_margin(
        curves, folds=3, by="segments", repeats=2, seed=4, solve_rates=[0.4, 0.6]
    )
    assert answer["accounting"] == curves.billing
    assert answer["mean_margin"] == pytest.approx(found.mean_margin)
    assert answer["optimism"] == pytest.approx(found.mean_optimism)
    assert answer["curves"]["cost_held_out"] == pytest.approx(found.held_out.cost.tolist())
    written = pd.read_csv(table)
    assert written["margin_held_out"].tolist() == pytest.approx(found.margin.tolist())
    authors = strict(good("cross-validate", folder, *COMMANDS["cross-validate"], "--json"))
    assert authors["folds"] == 3


def test_bootstrap_agrees_with_the_library(folder: Path, tmp_path: Path) -> None:
    common = ("--resamples", "5", "--over", "instances", "--seed", "2", "--json")
    rule = ("--billing", "attempts-pay-past-record")
    answer = strict(good("bootstrap", folder, *common, *rule, "--at", "0.5,0.6"))
    settings = {"resamples": 5, "over": "instances", "seed": 2}
    market, make = (
        arb.load_market(folder),
        partial(arb.attempt_curves, billing="pay-past-record"),
    )
    found = bootstrap_margin(market, curves=make, solve_rates=[0.5, 0.6], **settings)
    low, _ = found.quantiles(found.cost)
    assert answer["curves"]["cost_low"] == pytest.approx(low.tolist())
    assert answer["mean_margin"]["high"] == pytest.approx(found.mean_band().high)
    assert answer["over"] == ["instances"]
    table = tmp_path / "curves.csv"
    answer = strict(good("bootstrap", folder, *common, *rule, "--curves", "--output", table))
    curves = bootstrap_curves(market, curves=make, **settings)
    frame = curves.to_frame()
    mine = frame[frame["model"] == "small"]
    expected = mine["solve_rate_high"].tolist()
    assert answer["curves"]["small"]["solve_rate_high"] == pytest.approx(expected)
    pd.testing.assert_frame_equal(pd.read_csv(table), frame)


def test_robustness_agrees_with_the_library(tmp_path: Path) -> None:
    table = tmp_path / "study.csv"
    answer = strict(
        good(
            *("robustness", "swebench-sim", *PAIR, "--segment", "django", "--draws", "3"),
            *("--budgets", "1,20", "--learners", "pooled", "--seed", "1", "--json"),
            *("--output", table),
        )
    )
    market = arb.load_market("swebench-sim", models=["gpt5mini", "deepseek"])
    found = robustness_study(
        market, "django", budgets=(1.0, 20.0), draws=3, learners=("pooled",), seed=1
    )
    assert answer["draws"] == 3
    assert answer["best"] == pytest.approx(dict(zip(found.panels, found.best, strict=True)))
    means = [row["mean"] for row in answer["results"]]
    assert means == pytest.approx(found.mean.ravel().tolist())
    assert pd.read_csv(table)["mean"].tolist() == pytest.approx(means)


@pytest.mark.parametrize("command", COMMANDS)
def test_files_are_written_and_never_overwritten_unasked(
    command: str, folder: Path, tmp_path: Path
) -> None:
    figure, table = tmp_path / "a" / "figure.png", tmp_path / "b" / "table.csv"
    call = (command, folder, "--models", "small,large", *COMMANDS[command])
    shown = good(*call, "--plot", figure, "--output", table).replace("\n", "")
    assert str(figure) in shown
    assert str(table) in shown
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert len(pd.read_csv(table)) > 1
    for option, file in (("--plot", figure), ("--output", table)):
        file.write_bytes(b"mine")
        assert "--force" in bad(*call, option, file)
        assert file.read_bytes() == b"mine"
        good(*call, option, file, "--force")
        assert file.read_bytes() != b"mine"
    assert "ends in .csv or .parquet" in bad(*call, "--output", tmp_path / "table.xlsx")
    (tmp_path / "folder.csv").mkdir()
    assert "is a folder" in bad(*call, "--output", tmp_path / "folder.csv")
    assert "cannot be written" in bad(*call, "--output", table / "table.csv")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cross-validate", "--folds", "99"), "give 2 to 24"),
        (("cross-validate", "--at", "1.5"), "between 0 and 1"),
        (("cross-validate", "--workers", "0"), "workers is 0"),
        (
            ("cross-validate", "--method", "olmedo2026", "--billing", "attempts-stop-at-record"),
            "leave out --billing",
        ),
        (("bootstrap", "--resamples", "1"), "resamples is 1"),
        (("bootstrap", "--over", "models"), "resample over"),
        (("bootstrap", "--method", "olmedo2026", "--curves"), "leave out"),
        (("bootstrap", "--curves", "--at", "0.5"), "leave out --at"),
        (("robustness", "--budgets", "one"), "must be a number"),
        (("robustness", "--budgets", "-1"), "must be positive"),
        (("robustness", "--budgets", ","), "a budget and a learner"),
        (("robustness", "--learners", "best"), "No learner 'best'"),
        (("robustness", "--segment", "none-such"), "none-such"),
    ],
)
def test_bad_arguments_are_told(arguments: tuple[str, ...], message: str, folder: Path) -> None:
    command, *rest = arguments
    told = " ".join(bad(command, folder, "--models", "small,large", *rest).split())
    assert message in told


def test_two_models_are_needed_to_learn(folder: Path) -> None:
    assert "Learning is for two models" in bad("robustness", folder, "--models", "small")
