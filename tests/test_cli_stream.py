"""``arbmodels stream``: a Parquet table routed in row groups."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import arbmodels as arb
from cli_cases import bad, good, strict, wide_table

COLUMNS = ("--solve", "p_x,p_y", "--spend", "c_x,c_y", "--models", "small,large")


@pytest.fixture
def wide(tmp_path: Path) -> tuple[Path, pd.DataFrame]:
    file = tmp_path / "wide.parquet"
    return file, wide_table(file)


def in_memory(frame: pd.DataFrame) -> arb.RoutingProblem:
    return arb.RoutingProblem.from_arrays(
        frame[["p_x", "p_y"]].to_numpy(),
        frame[["c_x", "c_y"]].to_numpy(),
        ["small", "large"],
        segment=list(frame["area"]),
    )


def test_agrees_with_memory_and_writes_the_plans(
    wide: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    file, frame = wide
    folder = tmp_path / "plans"
    arguments = ("stream", file, *COLUMNS, "--budget", 8, "--instance", "name")
    found = strict(good(*arguments, "--output", folder, "--json"))
    expected = in_memory(frame).add_budget(8.0).solve()
    assert found["objective"] == pytest.approx(expected.objective, rel=1e-6)
    written = pd.concat(pd.read_parquet(part) for part in sorted(folder.glob("*.parquet")))
    assert len(written) == len(frame)
    assert written["spend"].sum() == pytest.approx(found["spend"])
    assert "large" in good(*arguments)


def test_floors_of_segments_and_capacities(wide: tuple[Path, pd.DataFrame]) -> None:
    file, frame = wide
    arguments = ("stream", file, *COLUMNS, "--segment", "area", "--segment-floor", "a=0.5")
    found = strict(good(*arguments, "--capacity", "large=120", "--json"))
    expected = in_memory(frame).minimize_spend().add_floor(0.5, "a").add_capacity("large", 120)
    assert found["objective"] == pytest.approx(expected.solve().objective, rel=1e-5)


def test_what_is_wrong_is_said(wide: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    file, _ = wide
    assert "--budget TOTAL" in bad("stream", file, *COLUMNS)
    both = ("--min-solve-rate", 0.3, "--segment-floor", "a=0.2")
    assert "not both" in bad("stream", file, *COLUMNS, *both)
    assert "none.parquet" in bad("stream", tmp_path / "none.parquet", *COLUMNS, "--budget", 1)
    wrong = ("--solve", "p_x,p_huge", "--spend", "c_x,c_y", "--budget", 1)
    assert "p_huge" in bad("stream", file, *wrong)
    assert "quality floor" in bad("stream", file, *COLUMNS, "--min-solve-rate", 0.99, code=3)
