"""Tables, from frames and from files: both layouts, and every way a row can be wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from arbmodels._checks import ATTEMPTS as COUNT
from arbmodels._checks import LABEL, PRICE
from arbmodels.data import from_frame, read_folder, read_table
from arbmodels.errors import DataError, InputError
from arbmodels.market import Market
from conftest import markets

ATTEMPTS = pd.DataFrame(
    {
        "model": ["s", "s", "l", "s", "l", "l"],
        "instance": ["b", "b", "b", "a", "a", "a"],
        "solved": [0, 1, 1, 0, 1, 0],
        "cost": [0.1, 0.3, 2.0, 0.5, 1.0, 3.0],
    }
)
PAIRS = pd.DataFrame(
    {
        "model": ["s", "l", "s", "l"],
        "instance": ["b", "b", "a", "a"],
        "attempts": [2, 1, 1, 2],
        "successes": [1, 1, 0, 1],
        "cost": [0.2, 2.0, 0.5, 2.0],
    }
)


def same(one: Market, other: Market) -> None:
    assert (one.models, one.instances, one.segment) == (
        other.models,
        other.instances,
        other.segment,
    )
    for what in ("attempts", "successes", "cost", "weight"):
        np.testing.assert_allclose(getattr(one, what), getattr(other, what), rtol=1e-12)


def test_both_layouts_say_the_same() -> None:
    market = from_frame(ATTEMPTS)
    assert market.models == ("s", "l")
    assert market.instances == ("b", "a")
    assert market.attempts.tolist() == [[2, 1], [1, 2]]
    assert market.successes.tolist() == [[1, 1], [0, 1]]
    np.testing.assert_allclose(market.cost, [[0.2, 2.0], [0.5, 2.0]])
    same(from_frame(PAIRS), market)


def test_columns_can_be_mapped() -> None:
    renamed = PAIRS.rename(columns={"model": "llm", "successes": "solved"})
    same(from_frame(renamed, columns={"model": "llm", "successes": "solved"}), from_frame(PAIRS))


def test_names_can_be_swapped_or_be_numbers() -> None:
    swapped = PAIRS.rename(columns={"model": "instance", "instance": "model"})
    same(from_frame(swapped, columns={"model": "instance", "instance": "model"}), from_frame(PAIRS))
    numbered = PAIRS.set_axis(range(5), axis=1)
    roles = dict(zip(PAIRS.columns, range(5), strict=True))
    same(from_frame(numbered, columns=roles), from_frame(PAIRS))


def test_values_of_every_kind_that_are_right() -> None:
    text = PAIRS.astype(str).assign(attempts=["2.0", "1", "1", "2e0"])
    same(from_frame(text), from_frame(PAIRS))
    same(from_frame(PAIRS.convert_dtypes(dtype_backend="pyarrow")), from_frame(PAIRS))
    same(from_frame(PAIRS.astype({"model": "category"})), from_frame(PAIRS))
    numbered = PAIRS.assign(instance=[1, 1, 2, 2])
    assert from_frame(numbered).instances == ("1", "2")
    assert from_frame(PAIRS.iloc[:1]).attempts.tolist() == [[2]]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("frame", [ATTEMPTS, PAIRS], ids=["attempts", "pairs"])
def test_files_read_as_frames_do(tmp_path: Path, ending: str, frame: pd.DataFrame) -> None:
    file = tmp_path / f"table.{ending}"
    full = frame.assign(
        segment=frame["instance"] + "!", weight=frame["instance"].map({"a": 1, "b": 3}), extra="e"
    )
    (full.to_csv if ending == "csv" else full.to_parquet)(file, index=False)
    market = read_table(file, models=["l", "s"])
    same(market, from_frame(full, models=["l", "s"]))
    assert market.segment == ("b!", "a!")
    assert market.weight.tolist() == [0.75, 0.25]
    assert market.name == "table"


@given(markets(missing=0.3))
def test_a_market_survives_the_way_through_a_table(market: Market) -> None:
    rows, columns = np.nonzero(market.recorded)
    frame = pd.DataFrame(
        {
            "model": np.array(market.models)[columns],
            "instance": np.array(market.instances)[rows],
            "attempts": market.attempts[rows, columns],
            "successes": market.successes[rows, columns],
            "cost": market.cost[rows, columns],
            "weight": market.weight[rows],
        }
    )
    same(from_frame(frame, models=market.models, missing="mask"), market)


def test_true_and_false_are_outcomes(tmp_path: Path) -> None:
    same(from_frame(ATTEMPTS.assign(solved=ATTEMPTS["solved"] == 1)), from_frame(ATTEMPTS))
    file = tmp_path / "t.csv"
    ATTEMPTS.assign(solved=ATTEMPTS["solved"] == 1).to_csv(file, index=False)
    same(read_table(file), from_frame(ATTEMPTS))


def test_a_segment_rule_beats_the_column() -> None:
    frame = PAIRS.assign(segment="one")
    assert from_frame(frame).segment == ("one", "one")
    assert from_frame(frame, segment=None).segment is None
    assert from_frame(frame, segment=str.upper).segment == ("B", "A")


def test_missing_pairs_in_a_table() -> None:
    frame = PAIRS.iloc[:3]
    assert from_frame(frame).notes == (
        "1 of 2 instances left out: not recorded for every model (a)",
    )
    assert from_frame(frame, missing="mask").attempts.tolist() == [[2, 1], [1, 0]]


COLUMN_FAULTS = [
    (PAIRS.drop(columns="cost"), {}, "no column for cost. The columns are: model, instance, att"),
    (PAIRS.rename(columns={"model": "llm"}), {}, r'Map names with columns=\{"model": "llm"'),
    (PAIRS.drop(columns="successes"), {}, "no column for successes"),
    (
        PAIRS[["model", "instance", "cost"]],
        {},
        "solved or score .one row per attempt. or attempts and succ",
    ),
    (PAIRS.assign(solved=1), {}, "has 'solved' and 'attempts' and 'successes': "),
    (PAIRS, {"modell": "model"}, "columns maps 'modell'; it can map model, instance, solved"),
    (PAIRS, {"model": "llm"}, "maps to 'llm', which is not there. The columns are: model"),
    (PAIRS, {"model": "instance"}, "no column for instance"),
    (PAIRS, {"model": "instance", "instance": "instance"}, "one column of the table for two"),
    (pd.concat([PAIRS, PAIRS[["cost"]]], axis=1), {}, "two columns are called 'cost'"),
    (PAIRS.iloc[:0], {}, "has columns but no rows. Give a table with at least one"),
    (pd.DataFrame(), {}, "no column for model, .* The columns are: none"),
    (PAIRS.rename(columns={"cost": " cost"}), {}, "no column for cost. .*, successes, ' cost'"),
    (PAIRS, ["model"], r"columns must be a mapping such as .*, not \['model'\]"),
]


@pytest.mark.parametrize(("frame", "columns", "message"), COLUMN_FAULTS)
def test_wrong_columns(frame: pd.DataFrame, columns: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_frame(frame, columns=columns)


def with_cell(frame: pd.DataFrame, row: int, column: str, value: object) -> pd.DataFrame:
    changed = frame.astype(object).copy()
    changed.loc[row, column] = value  # type: ignore[index]
    return changed


BAD_CELLS = [
    *(
        (ATTEMPTS, "cost", bad, "'cost' must be 0 or a positive finite")
        for bad in (-2, -1, np.nan, "x")
    ),
    *((PAIRS, "cost", bad, "'cost' must be 0 or a positive finite") for bad in (np.inf, None, "")),
    *((ATTEMPTS, "solved", bad, "'solved' must be 0, 1, true") for bad in (2, 0.5, np.nan, "yes")),
    *(
        (PAIRS, "attempts", bad, "'attempts' must be a whole number from 1")
        for bad in (0, 1.5, "x")
    ),
    *((PAIRS, "successes", bad, "'successes' must be a whole number from 0") for bad in (-1, None)),
    (PAIRS, "successes", 5, "'successes' must be at most 'attempts', found "),
    *(
        (PAIRS, "cost", bad, "'cost' must be 0 or a positive finite")
        for bad in (1e308, 1e-320, True)
    ),
    *(
        (PAIRS, "cost", bad, "'cost' must be 0 or a positive")
        for bad in (1j, pd.Timestamp("2026-01-01"))
    ),
    *((PAIRS, "attempts", bad, f"must be {COUNT}") for bad in (True, 2**63, 2**70, 10**400)),
    *((PAIRS, "model", bad, f"'model' must be {LABEL}") for bad in ("", None, " ", "s ")),
    *((ATTEMPTS, "instance", bad, f"'instance' must be {LABEL}") for bad in ("", np.nan, " b")),
    *(
        (PAIRS.assign(weight=1.0), "weight", bad, "'weight' must be 0 or a positive finite number")
        for bad in (-1.0, np.nan, np.inf, 1e308)
    ),
    *(
        (PAIRS.assign(segment="s"), "segment", bad, f"'segment' must be {LABEL}")
        for bad in ("", None, " s")
    ),
]


@pytest.mark.parametrize(("frame", "column", "value", "message"), BAD_CELLS)
def test_bad_cells(
    tmp_path: Path, frame: pd.DataFrame, column: str, value: object, message: str
) -> None:
    bad = with_cell(frame, 2, column, value)
    with pytest.raises(DataError) as caught:
        from_frame(bad.rename(index={2: "third"}))
    assert len(caught.value.problems) == 1, "one cell, one problem"
    assert caught.value.problems[0].startswith("row 'third': ")
    assert message in caught.value.problems[0]
    bad.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError) as caught:
        read_table(tmp_path / "t.csv")
    assert caught.value.problems[0].startswith("t.csv:4: ")
    assert message in caught.value.problems[0]


def test_all_rows_are_reported_together_in_order() -> None:
    frame = pd.DataFrame(
        {
            "model": ["s", "s", "l", "l"],
            "question": ["a", "a", "a", "b"],
            "attempts": [1, 2, 1, 0],
            "successes": [1, 1, 0, 0],
            "price": [1, 1, -1, "q"],
            "segment": ["u", "v", "w", "u"],
            "weight": [1, 1, 2, 1],
        }
    )
    with pytest.raises(DataError) as caught:
        from_frame(frame, columns={"instance": "question", "cost": "price"}, name="mine")
    assert caught.value.problems == (
        "row 1: model 's', instance 'a' is already in row 0",
        "row 1: 'segment' of instance 'a' is 'v', but 'u' in row 0",
        f"row 2: 'price' must be {PRICE}, found -1",
        "row 2: 'weight' of instance 'a' is '2.0', but '1.0' in row 0",
        f"row 3: 'price' must be {PRICE}, found 'q'",
        f"row 3: 'attempts' must be {COUNT}, found 0",
    )
    assert str(caught.value).startswith("mine: 6 problems found")


def test_rows_of_other_models_do_not_matter_but_rows_without_a_model_do() -> None:
    frame = with_cell(PAIRS, 1, "cost", -1)
    assert from_frame(frame, models=["s"]).models == ("s",)
    with pytest.raises(DataError, match="row 1: 'model' must be non-empty"):
        from_frame(with_cell(frame, 1, "model", None), models=["s"])
    with pytest.raises(InputError, match="no model 'zz'; it has s, l"):
        from_frame(PAIRS, models=["zz"])


def test_broken_parquet(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    file.write_bytes(b"not parquet")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read_table(file)


def test_parquet_rows_and_missing_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "t.parquet"
    PAIRS.assign(cost=[1, 1, -1, 1]).to_parquet(file)
    with pytest.raises(DataError, match=r"t\.parquet, row 2: 'cost' must be 0 or a positive"):
        read_table(file)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"pip install 'arbmodels\[parquet\]'"):
        read_table(file)


def test_wrong_paths(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_table(tmp_path / "t.csv")
    with pytest.raises(InputError, match="is a folder"):
        read_table(tmp_path)
    (tmp_path / "t.xlsx").write_bytes(b"\xd0\xcf\x11\xe0 and so on")
    with pytest.raises(InputError, match=r"is an old Excel workbook. Save the table as CSV"):
        read_table(tmp_path / "t.xlsx")
    (tmp_path / "m.jsonl").write_text('{"id": "a", "attempts": [1], "mean_cost": 1}\n')
    with pytest.raises(InputError, match=r"one model's file. Give its folder, .*models=\['m'\]"):
        read_table(tmp_path / "m.jsonl")
    with pytest.raises(InputError, match=r"expected a data frame .*, not dict"):
        from_frame({"model": ["s"]})  # type: ignore[arg-type]


FRAMES = ("pandas", "polars", "pyarrow")


def as_kind(kind: str, columns: dict[str, list[object]]) -> object:
    frame = pd.DataFrame(columns)
    if kind == "pandas":
        return frame
    if kind == "polars":
        return pytest.importorskip("polars").DataFrame(columns, strict=False)
    return pytest.importorskip("pyarrow").table(columns)


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_of_every_library_are_one(kind: str) -> None:
    columns: dict[str, list[object]] = {
        "model": ["s", "s", "l", "l"],
        "instance": ["007", "b", "007", "b"],
        "solved": [True, False, True, True],
        "cost": [0.1, 0.0, 1.0, 2.0],
        "output_tokens": [1, None, 3, 4],
        "time": ["2026-01-01T00:00:00+01:00", None, "2026-01-01T00:00:00+01:00", None],
    }
    market = from_frame(as_kind(kind, columns))
    assert market.equals(from_frame(pd.DataFrame(columns)))
    assert market.instances == ("007", "b")
    assert market.records is not None
    assert market.records.time is not None
    assert market.records.time[0] == np.datetime64("2025-12-31T23:00")
    columns["cost"] = [0.1, None, -1.0, 2.0]
    columns["model"] = ["s", "s", None, "l"]
    with pytest.raises(DataError) as caught:
        from_frame(as_kind(kind, columns))
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "row 1",
        "row 2",
        "row 2",
    ]


@pytest.mark.parametrize("kind", FRAMES)
def test_dates_with_and_without_zones(kind: str) -> None:
    columns: dict[str, list[object]] = {
        "model": ["s", "s"],
        "instance": ["a", "b"],
        "solved": [1, 0],
        "cost": [1, 1],
        "time": ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00"],
    }
    with pytest.raises(DataError, match="row 1: 'time' lacks a time zone, the rows before have"):
        from_frame(as_kind(kind, columns))
    columns["time"] = ["2026-01-01T00:00:00Z", "soon"]
    with pytest.raises(DataError, match="row 1: 'time' must be a date and time as in ISO 8601"):
        from_frame(as_kind(kind, columns))


def test_wide_tables() -> None:
    wide = pd.DataFrame(
        {"id": ["a", "b"], "s_ok": [1, 0], "s_usd": [0.1, 0.2], "l_ok": [1, 1], "l_usd": [1, 2]}
    )
    columns = {"instance": "id", "models": {"s": ("s_ok", "s_usd"), "l": ("l_ok", "l_usd")}}
    market = from_frame(wide, columns=columns)
    assert market.successes.tolist() == [[1, 1], [0, 1]]
    assert market.cost.tolist() == [[0.1, 1.0], [0.2, 2.0]]
    named = wide.set_axis(["id", "s_score", "s_cost", "l_score", "l_cost"], axis=1)
    assert from_frame(named).equals(market)
    named.loc[1, "l_cost"] = -1
    with pytest.raises(DataError, match=r"row 1, model 'l': 'cost' must be 0 or a positive"):
        from_frame(named)
    with pytest.raises(InputError, match="columns maps to 'x', which is not there"):
        from_frame(wide, columns={"instance": "id", "models": {"s": ("x", "s_usd")}})


MISTAKES = [
    ({"model": ["gpt-4", "GPT-4"]}, "'gpt-4' and 'GPT-4' differ only in how they are written"),
    ({"currency": ["USD", "EUR"]}, "row 1: the cost is in 'EUR', before in 'USD'"),
    ({"attempt": [1, 1], "instance": ["a", "a"], "model": ["s", "s"]}, "attempt 1 is already in"),
    ({"input_tokens": [10, 1.5]}, "'input_tokens' must be a whole number of at least 0, or empty"),
    ({"latency": [1.0, -1.0]}, "'latency' must be a number of at least 0"),
]


@pytest.mark.parametrize(("changes", "message"), MISTAKES)
def test_other_mistakes_of_rows(changes: dict[str, list[object]], message: str) -> None:
    rows = {"model": ["s", "l"], "instance": ["a", "a"], "solved": [1, 0], "cost": [1, 2]}
    with pytest.raises(InputError, match=message):
        from_frame(pd.DataFrame(rows | changes))


def test_a_column_of_currencies_is_the_unit() -> None:
    frame = PAIRS.assign(currency="EUR")
    assert from_frame(frame).currency == "EUR"
    with pytest.raises(InputError, match="costs are in 'EUR', not in 'USD'"):
        from_frame(frame, currency="USD")


def test_folders_of_tables(tmp_path: Path) -> None:
    for model, part in ATTEMPTS.groupby("model"):
        part.drop(columns="model").to_csv(tmp_path / f"{model}.csv", index=False)
    market = read_folder(tmp_path, models=["s", "l"])
    same(market.select(instances=["b", "a"]), from_frame(ATTEMPTS))
    renamed = ATTEMPTS.rename(columns={"instance": "task"})
    for model, part in renamed.groupby("model"):
        part.to_csv(tmp_path / f"{model}.csv", index=False)
    same(read_folder(tmp_path, models=["s", "l"], columns={"instance": "task"}), market)
    (tmp_path / "l.csv").write_text("model,task,attempts,successes,cost\nl,a,1,1,1\n")
    with pytest.raises(InputError, match=r"l\.csv and s\.csv do not have the same columns"):
        read_folder(tmp_path, columns={"instance": "task"})
