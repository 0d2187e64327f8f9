"""Markets written, read back, put together."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

import arbmodels as arb
from arbmodels.errors import DataError, InputError
from arbmodels.market import Market
from conftest import markets

ROWS = pd.DataFrame(
    {
        "model": ["s", "s", "l", "s", "l", "l"],
        "instance": ["a__1", "a__1", "a__1", "b__2", "b__2", "b__2"],
        "score": [0.1, 0.3, 1 / 3, 1.0, 0.7, 0.2],
        "cost": [0.1, 0.3, 2.0, 0.0, 1.0, 1e-17],
        "output_tokens": [1, 2, None, 4, 5, 6],
        "time": ["2026-01-01T00:00:00Z", None, *["2026-01-02T03:04:05.678901Z"] * 4],
    }
)
SOLVED = ROWS.assign(score=[0, 1, 1, 0, 1, 0])
ENDINGS = ("parquet", "jsonl", "jsonl.gz")


def cases() -> dict[str, Market]:
    graded = arb.load_market(ROWS, name="naïve")
    return {
        "graded": graded,
        "accepted": graded.accept(at=0.3),
        "verified": arb.load_market(SOLVED),
        "pairs": Market(["s"], ["x", "y"], [[2], [0]][:1] * 2, [[1], [0]], [[0.1], [0.3]]),
        "weighted": Market(
            ["s", "l"],
            ["x", "y", "z"],
            np.ones((3, 2), int),
            np.eye(3, 2, dtype=int),
            np.full((3, 2), 0.1),
            weight=[1, 2, 0],
            segment=["u", "v", "u"],
            currency="EUR",
            simulated=True,
            notes=["said"],
        ),
        "simulated": arb.load_market("swebench-sim"),
    }


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("kind", list(cases()))
def test_what_is_saved_is_loaded_equal(tmp_path: Path, kind: str, ending: str) -> None:
    market = cases()[kind]
    file = market.save(tmp_path / f"m.{ending}")
    again = arb.load_market(file)
    assert again.equals(market)
    assert str(again) == str(market)
    file.rename(tmp_path / "other-name")
    assert arb.load_market(tmp_path / "other-name").equals(market), "told by its content"


@settings(max_examples=30, deadline=None)
@given(markets(missing=0.3))
def test_any_market_survives(market: Market) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        for ending in ENDINGS:
            assert arb.load_market(market.save(Path(folder) / f"m.{ending}")).equals(market)


def test_a_market_differs_from_others() -> None:
    market = cases()["verified"]
    assert market.equals(market)
    assert not market.equals("market")
    assert not market.equals(replace(market, name="other"))
    assert not market.equals(replace(market, records=None))
    assert not market.equals(replace(market, weight=[1, 2]))


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    market = cases()["verified"]
    file = tmp_path / "m.jsonl"
    file.write_text("mine")
    with pytest.raises(InputError, match=r"exists already. Name another file, or give overwrite"):
        market.save(file)
    assert file.read_text() == "mine"
    assert arb.load_market(market.save(file, overwrite=True)).equals(market)
    with pytest.raises(InputError, match=r"ends in \.parquet, \.jsonl, \.jsonl\.gz"):
        market.save(tmp_path / "m.csv")
    with pytest.raises(InputError, match="cannot be written"):
        market.save(tmp_path / "no" / "m.jsonl")


def test_damaged_files(tmp_path: Path) -> None:
    market = cases()["verified"]
    file = market.save(tmp_path / "m.jsonl")
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:-1]))
    with pytest.raises(InputError, match=r"damaged: it should hold 10 rows and holds 9"):
        arb.load_market(file)
    file.write_text("".join(lines)[:-10])
    with pytest.raises(InputError, match="damaged: not valid JSON"):
        arb.load_market(file)
    head = json.loads(lines[0])
    file.write_text(json.dumps({**head, "arbmodels market": 9}) + "\n" + "".join(lines[1:]))
    with pytest.raises(InputError, match=r"version 9; this arbmodels reads version 1. Update"):
        arb.load_market(file)
    del head["weight"]
    file.write_text(json.dumps(head) + "\n" + "".join(lines[1:]))
    with pytest.raises(DataError, match="a saved market says nothing of weight"):
        arb.load_market(file)
    file.write_text("".join(lines).replace('"successes": 1', '"successes": 7', 1))
    with pytest.raises(DataError, match="successes exceed attempts: 7"):
        arb.load_market(file)
    packed = market.save(tmp_path / "m.jsonl.gz")
    packed.write_bytes(packed.read_bytes()[:-4])
    with pytest.raises(InputError, match="cut short or damaged"):
        arb.load_market(packed)
    assert gzip.decompress(market.save(tmp_path / "n.jsonl.gz").read_bytes())


def test_saved_markets_can_be_loaded_in_part(tmp_path: Path) -> None:
    market = cases()["verified"]
    file = market.save(tmp_path / "m.jsonl")
    assert arb.load_market(file, models=["l"], name="mine").equals(
        replace(market.select(models=["l"]), name="mine")
    )
    with pytest.raises(InputError, match=r"currency does not apply to .*a saved market"):
        arb.load_market(file, currency="EUR")


@pytest.mark.parametrize("kind", ["graded", "verified", "pairs"])
def test_a_frame_of_a_market_is_a_market(kind: str) -> None:
    market = cases()[kind]
    again = arb.load_market(market.to_frame(), name=market.name)
    assert again.equals(market)


def test_merging_adds_attempts_up() -> None:
    """Judge: the market of all rows together."""
    whole = arb.load_market(SOLVED)
    for cut in range(1, 6):
        parts = [SOLVED.iloc[:cut], SOLVED.iloc[cut:]]
        loaded = [arb.load_market(part, missing="mask", name="m") for part in parts]
        merged = arb.merge_markets(loaded[::-1] if cut % 2 else loaded)
        merged = merged.select(models=whole.models, instances=whole.instances)
        for what in ("attempts", "successes", "cost", "success_cost", "failure_cost"):
            np.testing.assert_allclose(getattr(merged, what), getattr(whole, what), rtol=1e-14)
        assert merged.records is not None
        assert len(merged.records) == 6


def test_appending_scores_and_new_models() -> None:
    market = arb.load_market(ROWS[ROWS["model"] == "s"])
    more = arb.load_market(ROWS[ROWS["model"] == "l"])
    both = market.append(more)
    assert both.models == ("s", "l")
    np.testing.assert_allclose(both.score, arb.load_market(ROWS).score, rtol=1e-14)
    assert both.name == market.name


def test_what_does_not_go_together() -> None:
    market = cases()["verified"]
    other = replace(market, currency="EUR", name="euros")
    with pytest.raises(InputError, match=r"table and euros.* currency is 'USD' and 'EUR'"):
        market.append(other)
    with pytest.raises(InputError, match="outcome is 'verified' and 'score'"):
        market.append(cases()["graded"])
    with pytest.raises(InputError, match=r"threshold is 0.3 and 0.5"):
        cases()["accepted"].append(cases()["graded"].accept(at=0.5))
    with pytest.raises(InputError, match="other has no segments, the other has"):
        market.append(replace(market, segment=None, name="other", records=None))
    moved = replace(market, segment=["z", "z"], records=None)
    with pytest.raises(InputError, match=r"instance 'a__1' is in segment 'a' .* and 'z'"):
        market.append(moved)
    with pytest.raises(InputError, match="has weights that differ"):
        market.append(replace(market, weight=[1, 2]))
    with pytest.raises(InputError, match=r"is in two of the markets .8 such.: .* count twice"):
        market.append(market)
    with pytest.raises(InputError, match="needs at least one market"):
        arb.merge_markets([])
    with pytest.raises(InputError, match="takes markets, not str"):
        arb.merge_markets(["swebench-sim"])  # type: ignore[list-item]
