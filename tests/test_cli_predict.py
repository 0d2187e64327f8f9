"""``arbmodels predict``: features from a file, predictions, the curve."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import arbmodels as arb
from cli_cases import bad, good, strict


@pytest.fixture
def known(folder: Path, tmp_path: Path) -> Path:
    market = arb.load_market(folder)
    file = tmp_path / "known.csv"
    length = [float(len(name)) + row for row, name in enumerate(market.instances)]
    frame = pd.DataFrame({"instance": market.instances, "length": length})
    frame.to_csv(file, index=False)
    return file


def test_features_from_a_file(folder: Path, known: Path, tmp_path: Path) -> None:
    picture = tmp_path / "curve.png"
    arguments = ("predict", folder, "--features", known, "--resamples", 20, "--plot", picture)
    found = strict(good(*arguments, "--json"))
    assert found["models"] == ["large", "small"]
    assert {"predictions", "curve"} <= set(found)
    assert picture.stat().st_size > 5_000
    text = good(*arguments, "--force")
    assert "cross-fitted" in text
    assert "not deployable" in text


def test_what_is_missing_is_said(folder: Path, known: Path, tmp_path: Path) -> None:
    assert "no table of features" in bad("predict", "swebench-sim")
    assert "cannot be read" in bad("predict", folder, "--features", tmp_path / "none.csv")
    other = tmp_path / "other.csv"
    pd.read_csv(known).drop(columns="instance").to_csv(other, index=False)
    assert "no column instance" in bad("predict", folder, "--features", other)
