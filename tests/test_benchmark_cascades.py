"""The cascade benchmark: another's script is called as promised, plans are scored alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import arbmodels as arb
from benchmarks import _cascade_report as report
from benchmarks.cascade_coordinate_ascent import CoordinateAscent
from benchmarks.cascade_policies import allocations, cut, own_script
from conftest import random_market

RATES = np.array([0.3, 0.4])
SCRIPT = """
import json, sys
asked = json.load(open(sys.argv[1]))
assert len(asked["attempts"]) == len(asked["cost"]) == 12
assert asked["solve_rates"] == [0.3, 0.4]
json.dump({"allocations": [0.25, 0.75], "seconds": 1.5}, open(sys.argv[2], "w"))
"""


def small_market() -> arb.Market:
    plain = random_market(np.random.default_rng(4), 12, 2)
    return arb.Market(
        plain.models, plain.instances, plain.attempts, plain.successes, plain.cost * [0.02, 0.05]
    )


def test_their_own_script_is_called_with_the_market(tmp_path: Path) -> None:
    script = tmp_path / "search.py"
    script.write_text(SCRIPT)
    found, seconds = own_script(script, small_market(), RATES)
    assert found.tolist() == [[0.25, 0.75]] * 2
    assert seconds == 1.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import sys; sys.exit('no data')", "no data"),
        ("pass", "wrote no allocations"),
        (SCRIPT.replace("[0.25, 0.75]", "[1.0]"), "allocations of shape"),
    ],
)
def test_a_script_that_does_not_answer_stops_the_run(
    text: str, message: str, tmp_path: Path
) -> None:
    script = tmp_path / "search.py"
    script.write_text(text)
    with pytest.raises(SystemExit, match=message):
        own_script(script, small_market(), RATES)


def test_no_peer_beats_the_frontier() -> None:
    market = small_market()
    curves = arb.dollar_curves(market)
    frontier = arb.cascade_frontier(curves)
    bound = frontier.bound_at(RATES)
    ascent = CoordinateAscent(curves).spend_at(RATES)
    assert np.all(ascent >= bound - 1e-12)
    shares = allocations(2)[::17]
    for each in shares:
        for rate, least in zip(RATES, bound, strict=True):
            solved, spend = cut(market, curves, each, rate)
            assert np.isnan(spend) or (solved >= rate - 1e-9 and spend >= least - 1e-12)


def test_the_table_measures_against_the_cheapest_and_the_bound() -> None:
    rows = [
        {"method": "interleaved", "seconds": 0.5, "reach": 0.8, "spend": [1.0, 2.2]},
        {"method": "best order", "seconds": 1.0, "reach": 0.7, "spend": [0.8, None]},
    ]
    ours, other = report.summarised(rows, [0.8, 2.2], "interleaved")
    assert ours["mean_above_percent"] == pytest.approx(12.5)
    assert ours["most_above_percent"] == pytest.approx(25)
    assert ours["mean_gap_percent"] == pytest.approx(10)
    assert other["mean_gap_percent"] == pytest.approx(0)
    assert other["ratio"] == 2
    assert (other["reached"], other["above_percent"][1]) == (1, None)
    text = report.table({"2 models": [ours, other]}, 2)
    assert "1 of 2" in text
    assert "80.00%" in text
