"""CSV files: lines, quotes, encodings and separators of every kind."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from arbmodels.data import read_table
from arbmodels.errors import DataError


def test_csv_lines_are_counted_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text(
        'model,instance,solved,cost,remark\ns,a,1,0.1,"two\nlines"\n\ns,b,1,oops,\ns,c,1\n'
    )
    with pytest.raises(DataError) as caught:
        read_table(file)
    assert caught.value.problems == ("t.csv:6: 3 fields, the header has 5",)
    file.write_text(file.read_text().replace("s,c,1\n", ""))
    with pytest.raises(DataError, match=r"t\.csv:5: 'cost' must be .*, found 'oops'"):
        read_table(file)


def test_broken_csv(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(b"")
    with pytest.raises(DataError, match=r"t\.csv: the file is empty"):
        read_table(file)
    file.write_bytes(b"model,instance,solved,cost\ns,\xff,1,1\n")
    with pytest.raises(DataError, match=r"t\.csv:2: not UTF-8 text"):
        read_table(file)
    file.write_bytes(b'model,instance,solved,cost\ns,a,1,1\ns,"b,1,1\n')
    with pytest.raises(DataError, match=r"t\.csv:3: not valid CSV \(unexpected end of data\)"):
        read_table(file)
    file.write_bytes(b"\xef\xbb\xbfmodel,instance,solved,cost\ns,a,1,1\n")
    assert read_table(file).models == ("s",), "a byte order mark does no harm"


def test_csv_from_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    text = "model,instance,solved,cost,answer\ns,ü a,1,0.1," + "x" * 200_000 + "\n"
    file.write_bytes(text.replace("\n", "\r\n").encode())
    csv.field_size_limit(131_072)  # Python's own
    assert read_table(file).instances == ("ü a",), "long answers do no harm"
    assert csv.field_size_limit() == 131_072
    file.write_text("model,instance,solved,cost\ns,a,1,0.1\n".replace(",", "\t"))
    assert read_table(file).cost.tolist() == [[0.1]], "tabs"
    for mark in ";|":
        file.write_text("model,instance,solved,cost\ns,a,1,0.1\n".replace(",", mark))
        with pytest.raises(DataError, match=r"t\.csv:1: one column, .*: the commas are missing"):
            read_table(file)
