"""A folder of JSON Lines: what is read, and every way a line can be wrong."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path

import numpy as np
import pytest

from arbmodels._checks import LABEL, PRICE
from arbmodels.data import read_folder
from arbmodels.errors import DataError, InputError

GOOD = {"id": "django__django-1", "attempts": [0, 1, True, False], "mean_cost": 0.5}


def write(folder: Path, **files: list[object] | bytes | str) -> Path:
    """Write one file per model: bytes, text, or one JSON object per line."""
    for model, content in files.items():
        path = folder / f"{model}.jsonl"
        text = content
        if isinstance(content, list):
            text = "\n".join(json.dumps(line) for line in content)
        path.write_bytes(text if isinstance(text, bytes) else str(text).encode())
    return folder


def record(name: str, attempts: list[int], **more: object) -> dict[str, object]:
    return {"id": name, "attempts": attempts, **(more or {"mean_cost": 1.0})}


def test_reads_a_folder(tmp_path: Path) -> None:
    write(
        tmp_path,
        b=[record("p__2", [1, 1]), record("p__1", [0], costs=[0.25])],
        a=[GOOD | {"id": "p__1", "note": "ignored"}, record("p__2", [0, 0], costs=[1, 2])],
    )
    (tmp_path / "distill").mkdir()
    write(tmp_path / "distill", c=[GOOD])
    market = read_folder(tmp_path)
    assert market.models == ("a", "b")
    assert market.instances == ("p__1", "p__2")
    assert market.attempts.tolist() == [[4, 1], [2, 2]]
    assert market.successes.tolist() == [[2, 0], [0, 2]]
    assert market.cost.tolist() == [[0.5, 0.25], [1.5, 1.0]]
    assert market.segment == ("p", "p")
    assert (market.name, market.currency, market.simulated) == (tmp_path.name, "USD", False)
    assert read_folder(tmp_path, models=["b"]).models == ("b",)
    assert read_folder(tmp_path, models=["b", "a"]).cost.tolist() == [[0.25, 0.5], [1.0, 1.5]]


def test_numbers_and_names_of_every_kind(tmp_path: Path) -> None:
    write(tmp_path, a='{"id": "ü–1 b", "attempts": [1.0, 0.0, -0.0, true], "mean_cost": 1E2}')
    market = read_folder(tmp_path)
    assert (market.instances, market.attempts.tolist()) == (("ü–1 b",), [[4]])
    assert (market.successes.tolist(), market.cost.tolist()) == ([[2]], [[100.0]])


def test_a_very_long_row(tmp_path: Path) -> None:
    write(tmp_path, a=[record("x", [1, 0] * 300_000)])
    assert read_folder(tmp_path).attempts.tolist() == [[600_000]]


def test_what_is_no_file_of_a_model_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, a=[GOOD], **{"._a": b"\x00\x05", "": "{"})
    (tmp_path / "b.jsonl").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "c.jsonl").symlink_to("a.jsonl")
    assert read_folder(tmp_path).models == ("a", "c")
    (tmp_path / "d.jsonl").symlink_to("gone.jsonl")
    with pytest.raises(DataError, match=r"d\.jsonl: cannot be read \(No such file"):
        read_folder(tmp_path)


def test_only_the_files_of_the_chosen_models_are_read(tmp_path: Path) -> None:
    write(tmp_path, good=[GOOD], bad="{")
    assert read_folder(tmp_path, models=["good"]).models == ("good",)


def test_blank_lines_and_byte_order_marks_do_no_harm(tmp_path: Path) -> None:
    line = json.dumps(GOOD)
    write(tmp_path, a=b"\xef\xbb\xbf\n" + f"{line}\r\n  \n\n".encode())
    assert read_folder(tmp_path).attempts.tolist() == [[4]]


BAD_LINES = [
    ('{"id": "x"', "not valid JSON (EOF while parsing an object at column 10)"),
    ("[1, 2]", "the line must be a JSON object, found [1, 2]"),
    ('{"attempts": [1], "mean_cost": 1}', '"id" is missing'),
    ('{"id": 7, "attempts": [1], "mean_cost": 1}', '"id" must be a string, found 7'),
    ('{"id": "", "attempts": [1], "mean_cost": 1}', f'"id" must be {LABEL}, found ""'),
    ('{"id": "x", "mean_cost": 1}', '"attempts" is missing'),
    (
        '{"id": "x", "attempts": [], "mean_cost": 1}',
        '"attempts" must be a list of at least one attempt',
    ),
    ('{"id": "x", "attempts": 3, "mean_cost": 1}', '"attempts" must be a list, found 3'),
    (
        '{"id": "x", "attempts": [0, 2, 3], "mean_cost": 1}',
        '"attempts", entry 2, must be 0, 1, true or false, found 2',
    ),
    ('{"id": "x", "attempts": ["1"], "mean_cost": 1}', "entry 1, must be 0, 1, true or false, f"),
    ('{"id": "x", "attempts": [null], "mean_cost": 1}', "true or false, found null"),
    ('{"id": "x", "attempts": [0.5], "mean_cost": 1}', "true or false, found 0.5"),
    ('{"id": "x", "attempts": [1]}', '"mean_cost" is missing, and so is "costs"'),
    ('{"id": "x", "attempts": [1], "mean_cost": null}', '"mean_cost" is missing, and so is'),
    *(
        (
            f'{{"id": "x", "attempts": [1], "mean_cost": {cost}}}',
            f'"mean_cost" must be {PRICE}, found {found}',
        )
        for cost, found in [
            ("-0.5", "-0.5"),
            ("NaN", "NaN"),
            ("Infinity", "Infinity"),
            ("1e999", "Infinity"),
            ('"1"', '"1"'),
            ("true", "true"),
            ("[1]", "[1]"),
        ]
    ),
    (
        '{"id": "x", "attempts": [1, 0], "costs": [1, -1]}',
        f'"costs", entry 2, must be {PRICE}, found -1',
    ),
    ('{"id": "x", "attempts": [1, 0], "costs": [1]}', '"costs" has 1 entries for 2 attempts'),
    ('{"id": "x", "attempts": [1], "costs": [1], "mean_cost": 2}', 'is not the mean of "costs"'),
    *(
        (f'{{"id": "{name}", "attempts": [1], "mean_cost": 1}}', f'"id" must be {LABEL}, found "')
        for name in ("  ", " x", "x ", "x\\n", "x\u00a0")
    ),
    *(
        (f'{{"id": "x", "attempts": [1], "mean_cost": {cost}}}', f'"mean_cost" must be {PRICE}')
        for cost in ("1e308", "1e-320")
    ),
    (
        '{"id": "x", "attempts": [1, 0], "costs": [1e308, 1e308]}',
        f'"costs", entry 1, must be {PRICE}, found 1e+308',
    ),
    (
        '{"id": "x", "attempts": [9223372036854775808], "mean_cost": 1}',
        '"attempts", entry 1, must be 0, 1, true or false, found 9223372036854775808',
    ),
    ("[" * 100_000, "not valid JSON (recursion limit exceeded"),
    (b'{"id": "\xff", "attempts": [1], "mean_cost": 1}', "not UTF-8 text (byte 9: invalid start"),
]


@pytest.mark.parametrize(("line", "message"), BAD_LINES)
def test_bad_lines(tmp_path: Path, line: str | bytes, message: str) -> None:
    raw = line if isinstance(line, bytes) else line.encode()
    write(tmp_path, a=json.dumps(GOOD).encode() + b"\n\n" + raw)
    with pytest.raises(DataError) as caught:
        read_folder(tmp_path)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith("a.jsonl:3: ")
    assert message in caught.value.problems[0]
    assert '"costs": [0.01, 0.02]' in str(caught.value), "the remedy shows a right line"


def test_every_problem_of_every_file_is_reported_together(tmp_path: Path) -> None:
    write(
        tmp_path,
        a='{"id": "x", "attempts": [9], "mean_cost": NaN}\n{"attempts": []}\nnot json',
        b=[GOOD, record("y", [1]), GOOD],
        c=b"\n  \n",
    )
    with pytest.raises(DataError) as caught:
        read_folder(tmp_path)
    assert caught.value.problems == (
        'a.jsonl:1: "attempts", entry 1, must be 0, 1, true or false, found 9',
        f'a.jsonl:1: "mean_cost" must be {PRICE}, found NaN',
        'a.jsonl:2: "id" is missing',
        'a.jsonl:2: "attempts" must be a list of at least one attempt, found []',
        'a.jsonl:2: "mean_cost" is missing, and so is "costs"',
        "a.jsonl:3: not valid JSON (expected ident at column 2)",
        "b.jsonl:3: id 'django__django-1' is already on line 1",
        "c.jsonl: the file is empty",
    )
    assert str(caught.value).startswith(f"{tmp_path}: 8 problems found")


def test_duplicates_are_found_among_wrong_lines_too(tmp_path: Path) -> None:
    write(tmp_path, a=[record("x", [1]), record("x", []), record("y", [3]), record("y", [1])])
    with pytest.raises(DataError) as caught:
        read_folder(tmp_path)
    found = "\n".join(caught.value.problems)
    assert "a.jsonl:2: id 'x' is already on line 1" in found
    assert "a.jsonl:4: id 'y' is already on line 3" in found


def test_a_bad_row_of_5000_attempts_is_one_problem(tmp_path: Path) -> None:
    write(tmp_path, a=[record("x", [2] * 5000, costs=[-1] * 5000)])
    with pytest.raises(DataError) as caught:
        read_folder(tmp_path)
    assert len(caught.value.problems) == 2


def test_large_files_are_quick(tmp_path: Path) -> None:
    write(tmp_path, a=[record(f"i{i}", [i % 2, 0, 1, 0, 1] * 1000) for i in range(140)])
    assert (tmp_path / "a.jsonl").stat().st_size > 2e6
    start = time.perf_counter()
    read_folder(tmp_path)
    assert time.perf_counter() - start < 1.0


def test_wrong_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"does not exist. Give a folder"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"holds no \*\.jsonl file"):
        read_folder(tmp_path)
    (tmp_path / "deeper").mkdir()
    write(tmp_path / "deeper", a=[GOOD])
    with pytest.raises(InputError, match=r"There are some in .*deeper"):
        read_folder(tmp_path)
    packed = gzip.compress((tmp_path / "deeper" / "a.jsonl").read_bytes())
    (tmp_path / "a.jsonl.gz").write_bytes(packed)
    assert read_folder(tmp_path).models == ("a",)
    (tmp_path / "a.jsonl.gz").write_bytes(packed[:-9])
    with pytest.raises(DataError, match=r"a\.jsonl\.gz: cannot be unpacked .* cut short"):
        read_folder(tmp_path)
    with pytest.raises(InputError, match=r"is a file. Give the folder"):
        read_folder(tmp_path / "deeper" / "a.jsonl")
    monkeypatch.setattr("os.access", lambda *_: False)  # root may read everything
    with pytest.raises(InputError, match=r"deeper cannot be read\. Change its permissions"):
        read_folder(tmp_path / "deeper")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"models": ["a", "zz", "yy"]}, "no model 'zz', 'yy'; it has a, b"),
        ({"models": ["a", "a"]}, "model 'a' is named twice"),
        ({"models": []}, "no model chosen; it has a, b"),
        ({"models": "a"}, r"write models=\['a'\]"),
        ({"missing": "drop"}, "missing must be 'intersection' or 'mask', not 'drop'"),
        ({"models": 3}, "models must be a list of names, not 3"),
        ({"segment": "prefix"}, "segment must be 'auto', None, a mapping or a function"),
        ({"segment": 5}, "segment must be 'auto', None, a mapping or a function, not 5"),
    ],
)
def test_wrong_arguments(tmp_path: Path, arguments: dict[str, object], message: str) -> None:
    write(tmp_path, a=[GOOD], b=[GOOD])
    with pytest.raises(InputError, match=message):
        read_folder(tmp_path, **arguments)


def test_missing_pairs(tmp_path: Path) -> None:
    write(tmp_path, a=[record("x", [1]), record("y", [0])], b=[record("y", [1])])
    market = read_folder(tmp_path)
    assert market.instances == ("y",)
    assert market.notes == ("1 of 2 instances left out: not recorded for every model (x)",)
    masked = read_folder(tmp_path, missing="mask")
    assert masked.attempts.tolist() == [[1, 0], [1, 1]]
    assert np.isnan(masked.cost[0, 1])
    assert masked.notes == ("1 of 4 pairs of model and instance have no record (masked)",)
    write(tmp_path, b=[record("z", [1])])
    with pytest.raises(DataError, match="no instance in common"):
        read_folder(tmp_path)


def test_segments(tmp_path: Path) -> None:
    write(tmp_path, a=[record("p__1", [1]), record("q__1", [0])])
    assert read_folder(tmp_path).segment == ("p", "q")
    assert read_folder(tmp_path, segment=None).segment is None
    assert read_folder(tmp_path, segment=lambda name: name[-1]).segment == ("1", "1")
    assert read_folder(tmp_path, segment={"p__1": "u", "q__1": "v"}).segment == ("u", "v")
    with pytest.raises(DataError, match=r"instance 'q__1': the segment rule raised KeyError"):
        read_folder(tmp_path, segment={"p__1": "u"})
    with pytest.raises(DataError, match=r"2 problems found.*\n.*'p__1': the segment rule gave 3"):
        read_folder(tmp_path, segment=lambda name: 3)  # type: ignore[arg-type, return-value]
    with pytest.raises(DataError, match=r"'p__1': the segment rule gave 'p '\n"):
        read_folder(tmp_path, segment=lambda name: f"{name[0]} ")
    write(tmp_path, a=[record("p__1", [1]), record("q-1", [0])])
    assert read_folder(tmp_path).segment is None, "not every id has a prefix"


# --- the real files ---

PUBLISHED = {  # paper.md: attempts min, median, max; solve rate; solved once; mean cost
    "gpt5mini": (2, 4, 92, 0.553, 0.742, 0.0219),
    "deepseek": (2, 4, 51, 0.569, 0.757, 0.0428),
    "sonnet": (2, 3, 8, 0.630, 0.724, 1.90),
    "qwen3-coder-480b": (1, 59, 83, 0.500, 0.793, 0.0364),
    "qwen3-coder-30b": (5, 99, 499, 0.296, 0.744, 0.0061),
    "minicoder4b": (65, 200, 499, 0.227, 0.667, 0.0027),
}


@pytest.mark.parametrize("model", PUBLISHED)
def test_real_files_give_the_published_table(real_data: Path, model: str) -> None:
    summary = read_folder(real_data / "olmedo2026" / "swebench", models=[model]).summary()
    low, median, high, rate, once, cost = PUBLISHED[model]
    row = summary.loc[model]
    assert (row.attempts_min, row.attempts_median, row.attempts_max) == (low, median, high)
    assert row.solve_rate == pytest.approx(rate, abs=5.1e-4)
    assert row.solved_at_least_once == pytest.approx(once, abs=5.1e-4)
    assert row.mean_cost == pytest.approx(cost, rel=0.02)
