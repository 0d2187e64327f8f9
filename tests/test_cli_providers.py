"""``arbmodels game providers``, ``statics``, ``entry``, ``distill``."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli_cases import bad, good, strict

QUICK = ("--tolerance", 0.05, "--time-limit", 3)


def test_providers_reprice(folder: Path, tmp_path: Path) -> None:
    picture = tmp_path / "prices.png"
    arguments = ("game", "providers", folder, "--at", "0.5", *QUICK)
    answer = strict(good(*arguments, "--json", "--plot", picture))
    assert picture.stat().st_size > 5_000
    assert set(answer["profits"]) == {"small", "large"}
    assert answer["certificate"]["exact"] is True
    assert answer["epsilon"] >= 0
    assert good(*arguments).startswith("epsilon")
    alone = strict(good(*arguments, "--arbitrageurs", 0, "--json"))
    assert alone["kind"] == "pure"


def test_calibrated_costs_and_a_leader(folder: Path) -> None:
    arguments = ("game", "providers", folder, "--at", "0.5", "--marginal-cost", "calibrated")
    answer = strict(good(*arguments, "--leader", "large", "--json"))
    assert answer["certificate"]["exact"] is False  # the leader's gain comes from a search
    assert answer["profits"]["large"] >= 0


def test_statics_entry_and_distillation(folder: Path) -> None:
    at = ("--at", "0.5")
    rows = strict(good("game", "statics", folder, *at, "--values", "0,2", *QUICK, "--json"))["rows"]
    assert [(row["value"], row["providers"]) for row in rows][:2] == [
        (0, "list prices"),
        (0, "re-pricing"),
    ]
    entry = ("game", "entry", folder, *at, "--fixed-cost")
    nobody = strict(good(*entry, 1e6, "--json"))
    assert nobody["equilibria"] == [[]]
    everybody = strict(good(*entry, 0, "--json"))
    assert ["large", "small"] in everybody["equilibria"]
    students = strict(
        good(
            *("game", "distill", folder, *at, "--teacher", "large", "--students", "small"),
            *("--training-revenue", "small=0.01", "--time-limit", 2, "--json"),
        )
    )["rows"]
    entered = [row for row in students if row["value"] == "small"]
    assert {row["training_revenue"] for row in entered} == {0.01}
    for row in entered:
        without = next(
            r for r in students if r["value"] == "none" and r["providers"] == row["providers"]
        )
        gained = row["teacher_revenue"] + 0.01 - without["teacher_revenue"]
        assert row["net"] == pytest.approx(gained)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("providers", "{}", "--at", "0.999"), "No cascade reaches"),
        (("providers", "{}", "--at", "0.5", "--marginal-cost", "cheap"), "must be a number"),
        (("providers", "{}", "--at", "0.5", "--choke", "0.5"), "choke"),
        (("providers", "{}", "--at", "0.5", "--leader", "nobody"), "lead"),
        (("providers", "{}", "--at", "0.5", "--fixed", "small,large"), "held fixed"),
        (("statics", "{}", "--at", "0.5", "--values", "0.5"), "whole"),
        (("entry", "{}", "--at", "0.5", "--fixed-cost", "-1"), "fixed cost"),
        (
            ("distill", "{}", "--at", "0.5", "--teacher", "large", "--students", "large"),
            "named twice",
        ),
    ],
)
def test_bad_requests_are_refused(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    words = [str(folder) if word == "{}" else word for word in arguments]
    assert message in bad("game", *words)
