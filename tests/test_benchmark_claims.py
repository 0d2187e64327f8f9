"""The study of the claims: its page says what its record says, and a number is redone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import arbmodels as arb
from benchmarks._claims_page import page, verdict
from benchmarks.provider_claims import CHOKE, GRIDS, TWO

ROOT = Path(__file__).resolve().parents[1]
RECORD = json.loads(
    (ROOT / "benchmarks" / "results" / "provider_claims.json").read_text(encoding="utf-8"),
    parse_constant=lambda name: pytest.fail(f"{name} is no JSON"),
)


def test_the_page_is_the_record() -> None:
    text = (ROOT / "docs" / "discussion" / "claims.md").read_text(encoding="utf-8")
    assert text == page(RECORD)


def test_verdicts_need_all_grids_and_the_samples() -> None:
    assert verdict([-0.1, -0.2], -0.3, -0.05) == "falls"
    assert verdict([0.1, 0.2], 0.05, 0.3) == "rises"
    assert verdict([0.1, 0.2], 0.05, 0.3, settled=False) == "not settled"
    assert verdict([-0.1, 0.2], -0.3, -0.05) == "depends"
    assert verdict([-0.1, -0.2], -0.3, 0.05) == "depends"


def test_a_number_of_the_record_comes_out_again(real_data: Path) -> None:
    pair = arb.load_market("olmedo2026/swebench", models=["gpt5mini", "deepseek"], data=real_data)
    cascade_sets = arb.games.cascade_sets_of(pair, TWO[GRIDS["3"]])
    game = arb.games.ProviderGame(
        cascade_sets, arb.games.linear_consumers(cascade_sets, CHOKE), 0.3, 2
    )
    before = arb.games.outcome(game.replace(arbitrageurs=0), np.ones(2)).total_revenue.sum()
    listed = arb.games.outcome(game, np.ones(2)).total_revenue.sum()
    found = RECORD["two"]["claims"][1]["grids"]["3"]["at_list_prices"]
    assert found == pytest.approx(listed / before - 1)
