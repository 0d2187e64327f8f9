"""A market as a file: Parquet or JSON Lines, with everything that it takes to make it again.

Row by row the file says what was recorded of every pair of model and instance, then, where they
are known, of every attempt. What belongs to the market as a whole stands before: in the schema of
a Parquet file, on the first line of JSON Lines.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arbmodels._writing import write_whole
from arbmodels.errors import InputError

#: The mark of such a file, and the version of what follows.
MARK, VERSION = "arbmodels market", 1
#: Columns of whole numbers, and of dates; the others hold floats, NaN where nothing is known.
_WHOLE = ("model", "instance", "attempts", "successes")
_DATES = ("time",)
ENDINGS = (".parquet", ".jsonl", ".jsonl.gz")


@dataclass(frozen=True)
class Saved:
    """A market in plain values.

    Parameters
    ----------
    about : dict
        What belongs to the market as a whole: models, instances, weights, units.
    pairs, attempts : dict of arrays
        Columns; ``model`` and ``instance`` are positions in ``about``. ``attempts`` may be empty.
    """

    about: dict[str, Any]
    pairs: dict[str, npt.NDArray[Any]]
    attempts: dict[str, npt.NDArray[Any]]


def write_market(saved: Saved, path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Write a market; the file is made beside, and renamed when it is whole.

    Raises
    ------
    InputError
        If the name does not end in .parquet, .jsonl or .jsonl.gz, the file exists and is not to be
        overwritten, it cannot be written, or pyarrow is missing.
    """
    file = Path(os.path.expanduser(path))
    if not file.name.endswith(ENDINGS):
        raise InputError(f"{file}: the name of a market's file ends in {', '.join(ENDINGS)}.")
    if file.exists() and not overwrite:
        raise InputError(f"{file} exists already. Name another file, or give overwrite=True.")
    if file.name.endswith(".parquet"):
        content = _parquet(saved, file)
        return write_whole(file, lambda part: _write_parquet(content, part))
    text = "".join(_lines(saved)).encode()
    raw = gzip.compress(text, mtime=0) if file.name.endswith(".gz") else text
    return write_whole(file, lambda part: part.write_bytes(raw))


def _about(saved: Saved) -> str:
    counts = {"pairs": _length(saved.pairs), "attempts": _length(saved.attempts)}
    head = {MARK: VERSION, "rows": counts, **saved.about}
    return json.dumps(head, ensure_ascii=False, allow_nan=False)


def _length(columns: Mapping[str, npt.NDArray[Any]]) -> int:
    return len(next(iter(columns.values()))) if columns else 0


def _lines(saved: Saved) -> Iterable[str]:
    yield f"{_about(saved)}\n"
    for columns in (saved.pairs, saved.attempts):
        names = list(columns)
        listed = [_plain(name, values) for name, values in columns.items()]
        for row in zip(*listed, strict=True):
            cells = {
                name: value for name, value in zip(names, row, strict=True) if value is not None
            }
            yield f"{json.dumps(cells)}\n"


def _plain(name: str, values: npt.NDArray[Any]) -> list[Any]:
    if name in _DATES:
        return [None if each == "NaT" else each for each in np.datetime_as_string(values).tolist()]
    return [None if each != each else each for each in values.tolist()]  # noqa: PLR0124 - NaN


def _parquet(saved: Saved, file: Path) -> Any:
    try:
        import pyarrow as pa
    except ImportError as error:
        raise InputError(
            f"{file}: Parquet needs the extra parquet: pip install 'arbmodels[parquet]'; or save as"
            " .jsonl."
        ) from error
    counts = _length(saved.pairs), _length(saved.attempts)
    columns = {}
    for name in dict.fromkeys((*saved.pairs, *saved.attempts)):
        parts = []
        for count, part in zip(counts, (saved.pairs, saved.attempts), strict=True):
            kind = (
                pa.int64()
                if name in _WHOLE
                else pa.timestamp("us")
                if name in _DATES
                else pa.float64()
            )
            parts.append(pa.array(part[name], kind) if name in part else pa.nulls(count, kind))
        columns[name] = pa.chunked_array(parts)
    table = pa.table(columns)
    return table.replace_schema_metadata({MARK: _about(saved)})


def _write_parquet(table: Any, part: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, part)


def read_market(raw: bytes, source: str) -> Saved | None:
    """Return the market in a file's bytes (unpacked), None if it is no file of a market.

    Raises
    ------
    InputError
        If it is one of a newer version, or damaged.
    """
    if raw.startswith(b"PAR1"):
        return _from_parquet(raw, source)
    first, _, rest = raw.partition(b"\n")
    if not first.startswith(f'{{"{MARK}"'.encode()):
        return None
    try:
        head = json.loads(first)
        rows = [json.loads(line) for line in rest.splitlines() if line.strip()]
    except ValueError as error:
        raise _damaged(source, f"not valid JSON: {error}") from error
    counts = _checked(head, source)
    if len(rows) != sum(counts):
        raise _damaged(source, f"it should hold {sum(counts)} rows and holds {len(rows)}")
    return _saved(head, _columns(rows[: counts[0]]), _columns(rows[counts[0] :]))


def _columns(rows: list[dict[str, Any]]) -> dict[str, npt.NDArray[Any]]:
    columns = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        if name in _DATES:
            columns[name] = np.array(values, dtype="datetime64[us]")
        elif name in _WHOLE:
            columns[name] = np.array(values, dtype=np.int64)
        else:
            columns[name] = np.array(values, dtype=float)
    return columns


def _from_parquet(raw: bytes, source: str) -> Saved | None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        return None  # said by the reader of tables
    try:
        file = pq.ParquetFile(pa.BufferReader(raw))
        text = (file.schema_arrow.metadata or {}).get(MARK.encode())
        if text is None:
            return None
        head, table = json.loads(text), file.read()
    except (OSError, ValueError) as error:
        raise InputError(f"{source} cannot be read as Parquet ({error}). Write it anew.") from error
    pairs, attempts = _checked(head, source)
    if table.num_rows != pairs + attempts:
        raise _damaged(
            source, f"it should hold {pairs + attempts} rows, and holds {table.num_rows}"
        )
    parts: list[dict[str, npt.NDArray[Any]]] = [{}, {}]
    for columns, part in zip(parts, (table[:pairs], table[pairs:]), strict=True):
        for name in table.column_names:
            values = part[name]
            if values.null_count < len(values):
                columns[name] = values.to_numpy()
    return _saved(head, *parts)


def _checked(head: dict[str, Any], source: str) -> tuple[int, int]:
    """Return how many rows there are of pairs and attempts."""
    if head.get(MARK) != VERSION:
        raise InputError(
            f"{source} is a market's file of version {head.get(MARK)!r}; this arbmodels reads"
            f" version {VERSION}. Update arbmodels, or save the market anew."
        )
    rows = head.get("rows", {})
    try:
        return int(rows["pairs"]), int(rows["attempts"])
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(source, "it does not say how many rows it has") from error


def _saved(
    head: dict[str, Any],
    pairs: dict[str, npt.NDArray[Any]],
    attempts: dict[str, npt.NDArray[Any]],
) -> Saved:
    about = {name: value for name, value in head.items() if name not in (MARK, "rows")}
    return Saved(about, pairs, attempts)


def _damaged(source: str, why: str) -> InputError:
    return InputError(f"{source} is a market's file, and damaged: {why}. Save the market anew.")
