"""Tables: CSV, TSV, JSON, JSON Lines, Parquet and data frames, long or wide."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from arbmodels import _checks as check
from arbmodels._pandas import pandas_loaded, pd
from arbmodels.data.attempts import (
    COSTS,
    KEYS,
    PER_ATTEMPT,
    PER_PAIR,
    ROLES,
    Invalid,
    Reading,
    Rows,
    Segment,
    market_of_rows,
)
from arbmodels.data.opening import content_of, json_lines, parse_json, text_of
from arbmodels.errors import DataError, InputError
from arbmodels.market import Market, Missing, Outcome
from arbmodels.records import OPTIONAL, TOKENS

#: What a table may be, in words.
KINDS = "CSV, TSV, JSON, JSON Lines or Parquet"
_TEXT = "The file must be UTF-8 text, separated by commas or tabs, with a header."
_REMEDY = "Correct the rows named; nothing was loaded."
_HOW = 'Map names with columns={"model": "llm", "instance": "question_id"}.'
#: Roles of labels, which stay the text they are: 007 is not 7.
_LABELS = (*KEYS, "attempt", "segment", "currency", "time")


@dataclass(frozen=True)
class Table:
    """Columns of a source as they are called there.

    Parameters
    ----------
    columns : dict of array-like
        By name, in order.
    place : function
        Where row k stands.
    names : sequence of str, optional
        All names, if one is there twice.
    """

    columns: dict[str, Any]
    place: Callable[[int], str]
    names: Sequence[str] = ()

    @cached_property
    def listed(self) -> str:
        """The names for a message."""
        shown = [
            name if check.is_label(name) and name.isprintable() else repr(name)
            for name in (self.names or self.columns)
        ]
        if len(shown) > 40:
            shown = [*shown[:40], f"... ({len(shown)} in all)"]
        return f"The columns are: {', '.join(shown) or 'none'}."


def rows_of_table(table: Table, reading: Reading, source: str) -> Rows:
    """Return the rows of a table by role, whatever its layout.

    Raises
    ------
    InputError
        If the mapping is wrong, or the columns do not make exactly one layout; the text lists the
        columns there are and how to map them.
    """
    mapping = _mapping(table, reading.columns, source)
    if "models" in mapping or ("model" not in mapping and _models_across(table)):
        return _long(table, mapping, source)
    per_attempt = [role for role in PER_ATTEMPT if role in mapping]
    per_pair = [role for role in PER_PAIR if role in mapping]
    if len(per_attempt) > 1 or ("solved" in mapping and per_pair):
        raise InputError(
            f"{source}: has {' and '.join(map(repr, (*per_attempt, *per_pair)))}: 'solved' or"
            " 'score' is one row per attempt, 'attempts' and 'successes' (or 'attempts' and a mean"
            f" 'score') are one row per pair. {table.listed} Leave the columns of one layout out."
        )
    if per_pair:
        layout: tuple[str, ...] = ("attempts",)
        layout += (
            ("score",) if "score" in mapping and "successes" not in mapping else ("successes",)
        )
    else:
        layout = tuple(per_attempt)
    needed = [role for role in (*KEYS, *layout) if role not in mapping]
    if not layout:
        needed.append(
            "solved or score (one row per attempt) or attempts and successes (one per pair)"
        )
    priced = "cost" in mapping or (per_pair and set(COSTS[1:]) <= set(mapping))
    if not (priced or reading.costs or reading.prices or set(TOKENS) & set(mapping)):
        needed.append("cost")
    if needed:
        raise InputError(f"{source}: no column for {', '.join(needed)}. {table.listed} {_HOW}")
    used = [role for role in ROLES if role in mapping and not (per_pair and role in OPTIONAL)]
    columns = {role: table.columns[mapping[role]] for role in used}
    return Rows(columns, table.place, source, {role: mapping[role] for role in used})


def _mapping(table: Table, columns: Mapping[str, Any] | None, source: str) -> dict[str, Any]:
    """Return what the table calls each role that it has."""
    if columns is not None and not isinstance(columns, Mapping):
        raise InputError(f'columns must be a mapping such as {{"model": "llm"}}, not {columns!r}.')
    mapping: dict[str, Any] = {
        role: name if role == "models" else str(name) for role, name in (columns or {}).items()
    }
    unknown = [role for role in mapping if role not in (*ROLES, "models")]
    if unknown:
        raise InputError(f"columns maps {unknown[0]!r}; it can map {', '.join(ROLES)}.")
    across = mapping.pop("models", None)
    if len(set(mapping.values())) < len(mapping):
        raise InputError("columns uses one column of the table for two purposes.")
    present = list(table.names or table.columns)
    absent = [name for name in mapping.values() if name not in present]
    if absent:
        raise InputError(
            f"{source}: columns maps to {absent[0]!r}, which is not there. {table.listed}"
        )
    taken = set(mapping.values())
    for role in ROLES:
        if role not in mapping and role in present and role not in taken:
            mapping[role] = role
    repeated = [name for name in mapping.values() if present.count(name) > 1]
    if repeated:
        raise InputError(f"{source}: two columns are called {repeated[0]!r}. {table.listed}")
    if across is not None:
        mapping["models"] = _checked_across(table, across, source)
    return mapping


def _checked_across(table: Table, across: Any, source: str) -> dict[str, tuple[str, str]]:
    """Return the columns of outcome and cost of every model, as they were given."""
    example = '{"gpt": ("gpt_score", "gpt_cost")}'
    if not isinstance(across, Mapping) or not across:
        raise InputError(f"columns: models must be a mapping such as {example}, not {across!r}.")
    found = {}
    for model, pair in across.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise InputError(f"columns: models has {model!r}: {pair!r}; write it as {example}.")
        for name in pair:
            if name not in table.columns:
                raise InputError(
                    f"{source}: columns maps to {name!r}, which is not there. {table.listed}"
                )
        found[check.label_of(model)] = (str(pair[0]), str(pair[1]))
    return found


#: How wide tables call the outcome and the cost of a model; "" is the model's name alone.
_ACROSS = tuple(
    (f"{mark}{outcome}" if outcome else "", f"{mark}{cost}")
    for mark in ("|", "/", "_", ".", " ", ":")
    for outcome in ("score", "solved", "correct", "resolved", "performance", "")
    for cost in ("total_cost", "cost")
)
_IDS = ("instance", "instance_id", "sample_id", "question_id", "id")


def _models_across(table: Table) -> dict[str, tuple[str, str]]:
    """Return the columns of outcome and cost of the models of a wide table; none if it is long."""
    names = list(table.columns)
    there = set(names)
    for outcome, cost in _ACROSS:
        found = {
            model: (model + outcome, name)
            for name in names
            if name.endswith(cost) and (model := name[: -len(cost)]) and model + outcome in there
        }
        if found:
            return found
    return {}


def _long(table: Table, mapping: Mapping[str, Any], source: str) -> Rows:
    """Return one row per instance and model of a table with one row per instance."""
    across: dict[str, tuple[str, str]] = mapping.get("models") or _models_across(table)
    name = mapping.get("instance") or next((n for n in _IDS if n in table.columns), None)
    if name is None:
        shown = ", ".join(list(across)[:5])
        raise InputError(
            f"{source}: one row per instance, with columns for {shown}, but no"
            f' column for instance. {table.listed} Map it with columns={{"instance": "question"}}.'
        )
    instances = pd.Series(table.columns[name], copy=False)
    count, width = len(instances), len(across)
    columns: dict[str, Any] = {
        "model": np.repeat(np.array(list(across), dtype=object), count),
        "instance": pd.concat([instances] * width, ignore_index=True),
    }
    for position, role in enumerate(("score", "cost")):
        parts = [pd.Series(table.columns[pair[position]], copy=False) for pair in across.values()]
        columns[role] = pd.concat(parts, ignore_index=True)
    segment = mapping.get("segment") or ("eval_name" if "eval_name" in table.columns else None)
    for role, called in (("segment", segment), ("weight", mapping.get("weight"))):
        if called is not None:
            given = pd.Series(table.columns[called], copy=False)
            columns[role] = pd.concat([given] * width, ignore_index=True)
    models = list(across)

    def place(k: int) -> str:
        return f"{table.place(k % count)}, model {models[k // count]!r}"

    return Rows(columns, place, source)


def from_frame(
    frame: Any,
    *,
    models: Sequence[str] | None = None,
    missing: Missing = "intersection",
    invalid: Invalid = "raise",
    clip: bool = False,
    outcome: Outcome | None = None,
    columns: Mapping[str, Any] | None = None,
    segment: Segment = "auto",
    currency: str | None = None,
    name: str = "table",
) -> Market:
    """Make a market of a data frame: pandas, polars, PyArrow, or what else narwhals takes.

    *Long*: one row per attempt has the columns ``model``, ``instance``, ``cost`` and either
    ``solved`` (0 or 1) or ``score`` (from 0 to 1); it may have tokens (``input_tokens``,
    ``cached_tokens``, ``cache_write_tokens``, ``output_tokens``, ``reasoning_tokens``),
    ``latency`` [s], ``time``, and a number of the ``attempt``. One row per pair has ``model``,
    ``instance``, ``attempts``, ``successes`` (or the mean ``score``) and ``cost`` (of one attempt;
    or ``success_cost`` and ``failure_cost``). *Wide*: one row per instance has two columns per
    model, such as ``gpt_score`` and ``gpt_cost``, or ``gpt`` and ``gpt|total_cost``.
    ``segment`` and ``weight``, constant within an instance, and ``currency`` are optional; other
    columns are ignored. Names and labels have no blanks at their ends.

    Parameters
    ----------
    frame : DataFrame or table
    models : sequence of str, optional
        Which models to keep, in this order; all, in order of appearance, by default.
    missing : {"intersection", "mask"}
        Keep the instances that every model has, or keep all and mask the missing pairs.
    invalid : {"raise", "mask"}
        Report every attempt without an outcome or a cost, or leave these out and count them.
    clip : bool
        Set scores outside [0, 1] by up to 0.05 to 0 or 1, and count them.
    outcome : {"verified", "score"}, optional
        What outcomes are; by default verified if every one is 0 or 1.
    columns : mapping, optional
        Where the table calls a column otherwise: ``{"model": "llm", "instance": "question"}``;
        for a wide one, ``{"instance": "id", "models": {"gpt": ("gpt_ok", "gpt_usd")}}``.
    segment : Segment
        How instances get their segment; by default the column of that name, else the id
        before "__".
    currency : str, optional
        Unit of the costs; "USD", or what the table's column says, by default.
    name : str
        What tables and figures show.

    Returns
    -------
    Market
        Instances in order of appearance; ``cost`` is the mean over a pair's attempts.

    Raises
    ------
    InputError
        If columns are missing, or those of two layouts are present.
    DataError
        If any row is wrong; all problems together, each with its row label.

    Examples
    --------
    >>> frame = pd.DataFrame({"llm": ["s", "s", "l"], "instance": ["a", "a", "a"],
    ...                       "solved": [0, 1, 1], "cost": [0.1, 0.3, 2.0]})
    >>> from_frame(frame, columns={"model": "llm"}).cost.tolist()
    [[0.2, 2.0]]
    """
    reading = Reading(models, missing, invalid, clip, outcome, segment, currency, name, columns)
    return market_of_rows(rows_of_table(table_of_frame(frame), reading, name), reading)


def is_frame(value: Any) -> bool:
    """Whether ``value`` is a table in memory that :func:`from_frame` takes."""
    if pandas_loaded() and isinstance(value, pd.DataFrame):
        return True
    loaded = {"polars", "pyarrow", "modin", "cudf", "dask", "ibis", "duckdb"} & set(sys.modules)
    if not loaded or isinstance(value, str | Path):
        return False
    import narwhals as nw

    return isinstance(nw.from_native(value, pass_through=True), nw.DataFrame | nw.LazyFrame)


def table_of_frame(frame: Any) -> Table:
    """Return the columns of a data frame.

    Raises
    ------
    InputError
        If it is none.
    """
    if not is_frame(frame):
        kind = type(frame).__name__
        raise InputError(f"expected a data frame (pandas, polars or PyArrow), not {kind}.")
    if pandas_loaded() and isinstance(frame, pd.DataFrame):
        names = [str(column) for column in frame.columns]
        columns = {name: frame.iloc[:, k].reset_index(drop=True) for k, name in enumerate(names)}
        index = frame.index
        return Table(columns, lambda k: f"row {index[k : k + 1].tolist()[0]!r}", names)
    import narwhals as nw

    wrapped = nw.from_native(frame)
    if isinstance(wrapped, nw.LazyFrame):
        wrapped = wrapped.collect()
    columns = {str(name): _plain(wrapped[name]) for name in wrapped.columns}
    return Table(columns, lambda k: f"row {k}")


def _plain(series: Any) -> Any:
    """Return a narwhals series as NumPy numbers or dates, or as a list."""
    import narwhals as nw

    kind = series.dtype
    if kind.is_numeric() and not isinstance(kind, nw.Decimal):
        return series.cast(nw.Float64).to_numpy() if series.null_count() else series.to_numpy()
    if isinstance(kind, nw.Datetime):
        if kind.time_zone is not None:
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return series.to_numpy()
    if kind == nw.Boolean and not series.null_count():
        return series.to_numpy()
    return pd.Series(series.to_list(), dtype=object)


def read_table(
    path: str | Path,
    *,
    models: Sequence[str] | None = None,
    missing: Missing = "intersection",
    invalid: Invalid = "raise",
    clip: bool = False,
    outcome: Outcome | None = None,
    columns: Mapping[str, Any] | None = None,
    segment: Segment = "auto",
    currency: str | None = None,
    name: str | None = None,
) -> Market:
    """Read a table: CSV, TSV, JSON, JSON Lines or Parquet, packed or not, told by its content.

    Text is UTF-8; CSV is separated by commas or tabs and has a header; JSON is a list of records
    or an object of columns. Packed with gzip, bzip2, xz, or zip (one file).

    Parameters
    ----------
    path : path
        The file. Parquet needs ``arbmodels[parquet]``.
    models, missing, invalid, clip, outcome, columns, segment, currency, name
        As in :func:`from_frame`; ``name`` is the file's by default.

    Returns
    -------
    Market

    Raises
    ------
    InputError
        If the file does not exist, is no table, or lacks columns; or pyarrow is missing.
    DataError
        If any row is wrong, with all problems as ``FILE.csv:LINE`` (Parquet and JSON: the row,
        from 0).
    """
    file = Path(path)
    reading = Reading(models, missing, invalid, clip, outcome, segment, currency, name, columns)
    return market_of_table(table_of_file(file, columns), file, reading)


def market_of_table(table: Table, file: Path, reading: Reading) -> Market:
    """Return the market of a file's table, named after the file unless it has a name."""
    if reading.name is None:
        reading = replace(reading, name=file.name.partition(".")[0] or file.name)
    return market_of_rows(rows_of_table(table, reading, str(file)), reading)


def table_of_file(file: Path, columns: Mapping[str, Any] | None = None) -> Table:
    """Return the table in a file; ``columns`` says which of them are labels.

    Raises
    ------
    InputError
        If it does not exist or is no table.
    DataError
        If it is broken, with the line.
    """
    if not file.exists():
        raise InputError(f"{file} does not exist. Give a table: {KINDS}.")
    if not file.is_file():
        raise InputError(f"{file} is a folder. Give a table ({KINDS}), or use read_folder.")
    raw = content_of(file)
    return table_of_content(raw, file, columns)


#: How files begin that are not opened, and what they are.
_REFUSED = (
    (b"\x80", "a pickle, which may run code: it is never opened"),
    (b"ARROW1", "an Arrow file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
)


def table_of_content(raw: bytes, file: Path, columns: Mapping[str, Any] | None = None) -> Table:
    """Return the table that a file's bytes are, unpacked already."""
    if raw.startswith(b"PAR1"):
        return _parquet(raw, file)
    if file.suffix.lower() == ".parquet":
        raise InputError(f"{file} cannot be read as Parquet (it begins otherwise). Write it anew.")
    for magic, what in _REFUSED:
        if raw.startswith(magic):
            raise InputError(f"{file} is {what}. Save the table as {KINDS}.")
    start = raw[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise DataError(str(file), [f"{file.name}: the file is empty"], f"{_REMEDY} {_TEXT}")
    if b"\x00" in start:
        raise InputError(f"{file} is no text and no Parquet. Save the table as {KINDS}.")
    if start[:1] in b"[{":
        return _json(text_of(raw, file.name, str(file)), file)
    return _csv(raw, file, columns)


def _parquet(raw: bytes, file: Path) -> Table:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise InputError(
            f"{file}: Parquet needs pyarrow. Install it with: pip install 'arbmodels[parquet]'"
        ) from error
    try:
        found = pq.read_table(pa.BufferReader(raw))
    except (OSError, ValueError) as error:  # pyarrow's ArrowInvalid is a ValueError
        raise InputError(f"{file} cannot be read as Parquet ({error}). Write it anew.") from error
    frame = found.to_pandas()
    names = [str(name) for name in frame.columns]
    columns = {name: frame.iloc[:, k] for k, name in enumerate(names)}
    return Table(columns, lambda k: f"{file.name}, row {k}", names)


def _json(text: str, file: Path) -> Table:
    lines = text.lstrip().startswith("{") and _several(text)
    if lines:
        records, numbers = json_lines(text, file.name, str(file))
        return table_of_records(records, lambda k: f"{file.name}:{numbers[k]}", file)
    value = parse_json(text, file.name, str(file))
    if isinstance(value, list):
        return table_of_records(value, lambda k: f"{file.name}, record {k}", file)
    listed = {name: each for name, each in value.items() if isinstance(each, list)}
    if value and len(listed) == len(value):
        lengths = {name: len(each) for name, each in listed.items()}
        if len(set(lengths.values())) > 1:
            shown = ", ".join(f"{name} {length}" for name, length in lengths.items())
            problem = f"{file.name}: the columns are not equally long: {shown}"
            raise DataError(str(file), [problem], _REMEDY)
        columns = {str(name): pd.Series(each, dtype=object) for name, each in listed.items()}
        return Table(columns, lambda k: f"{file.name}, row {k}")
    flat = not listed and not any(isinstance(each, dict) for each in value.values())
    if value and (flat or {"id", "attempts"} <= set(value)):
        return table_of_records([value], lambda k: f"{file.name}, record {k}", file)
    keys = ", ".join(map(repr, list(value)[:8])) or "none"
    raise InputError(
        f"{file} is a JSON object with the keys {keys}. A table is a list of records,"
        ' [{"model": ..., "instance": ..., "solved": 1, "cost": 0.1}, ...], or an object with one'
        " list per column."
    )


def _several(text: str) -> bool:
    """Whether text that begins an object goes on after the object's end."""
    first, _, rest = text.lstrip().partition("\n")
    if not rest.strip():
        return False
    return first.rstrip().endswith("}") and rest.lstrip().startswith("{")


def table_of_records(records: Sequence[Any], place: Callable[[int], str], file: Path) -> Table:
    """Return the table of JSON records.

    Raises
    ------
    DataError
        If one is no object.
    """
    problems = [
        f"{place(k)}: must be a JSON object, found {check.shown(each)}"
        for k, each in enumerate(records)
        if not isinstance(each, dict)
    ]
    if problems:
        raise DataError(str(file), problems, _REMEDY)
    if not records:
        raise InputError(f"{file} is an empty list. Give a table with at least one row.")
    if {"id", "attempts"} <= set(records[0]) and isinstance(records[0]["attempts"], list):
        stem = file.name.partition(".")[0]
        raise InputError(
            f"{file} is one model's file. Give its folder, {file.parent}, with models=[{stem!r}]."
        )
    names = dict.fromkeys(name for each in records for name in each)
    columns = {
        str(name): pd.Series([each.get(name) for each in records], dtype=object) for name in names
    }
    return Table(columns, place)


def _csv(raw: bytes, file: Path, columns: Mapping[str, Any] | None) -> Table:
    """Return the columns of text; its lines are looked at one by one only where it is odd."""
    text = raw.removeprefix(b"\xef\xbb\xbf")
    first = text.lstrip(b"\r\n").partition(b"\n")[0].rstrip(b"\r")
    mark = "\t" if first.count(b"\t") > first.count(b",") else ","
    quick = _quick_csv(text, first, mark, columns)
    if quick is None:
        return _slow_csv(raw, file, mark)
    lines: list[int] = []

    def place(k: int) -> str:
        if not lines:  # once, when something is wrong
            blank = [""]
            found = [
                line for line, row in _csv_rows(raw, mark) if [c.strip() for c in row] != blank
            ]
            lines.extend(found[1:])
        return f"{file.name}:{lines[k]}"

    return Table(quick, place)


def _quick_csv(
    text: bytes, first: bytes, mark: str, columns: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """Return the columns if there is no doubt what they are, in a tenth of the time; else None."""
    try:
        names = first.decode().split(mark)
        odd = b"\x00" in text or not (text.isascii() or text.decode())
    except UnicodeDecodeError:
        return None
    if (
        odd
        or b'"' in first
        or not _well_quoted(text, mark)
        or len(set(names)) < len(names)
        or not all(names)
        or len(names) == 1
    ):
        return None
    try:
        frame = pd.read_csv(io.BytesIO(text), sep=mark)
    except (ValueError, OverflowError):  # pandas' ParserError is a ValueError
        return None
    if [str(name) for name in frame.columns] != names or not isinstance(frame.index, pd.RangeIndex):
        return None
    called = {str(name) for role, name in (columns or {}).items() if role in _LABELS}
    labels = [name for name in names if name in _LABELS or name in called]
    found = {}
    for name in names:
        column = frame[name]
        text_like = getattr(column.dtype, "kind", "O") not in "iufb"
        if column.isna().to_numpy().any() or (name in labels and not text_like):
            return None  # an empty cell, a label such as 007, a name such as NA
        found[name] = column
    return found


def _well_quoted(text: bytes, mark: str) -> bool:
    """Whether quotes open and close whole fields, so that all readers of CSV agree.

    Quotes open and close in turn; one that opens stands at the start of a field or beside the one
    before (two of them within a field mean one), one that closes at the end or beside the next.
    """
    if b'"' not in text:
        return True
    letters = np.frombuffer(text, dtype=np.uint8)
    at = np.flatnonzero(letters == ord('"'))
    if len(at) % 2:
        return False
    opens, closes = at[::2], at[1::2]
    ends = [ord(mark), ord("\n"), ord("\r")]
    before = np.isin(letters[np.maximum(opens - 1, 0)], ends) | (opens == 0)
    beside = np.r_[False, opens[1:] == closes[:-1] + 1]
    last = len(letters) - 1
    after = np.isin(letters[np.minimum(closes + 1, last)], ends) | (closes == last)
    return bool((before | beside).all() and (after | np.r_[beside[1:], False]).all())


def _slow_csv(raw: bytes, file: Path, mark: str) -> Table:
    """Return the table as text, with the place of every row; blank lines are skipped."""
    rows: list[list[str]] = []
    lines: list[int] = []
    problems: list[str] = []
    header: list[str] = []
    for line, row in _csv_rows(raw, mark):
        place = f"{file.name}:{line}"
        if isinstance(row, str):
            problems.append(f"{place}: {row}")
        elif not header:
            header = row
        elif len(row) != len(header):
            problems.append(f"{place}: {len(row)} fields, the header has {len(header)}")
        else:
            rows.append(row)
            lines.append(line)
    if not header and not problems:
        problems.append(f"{file.name}: the file is empty")
    if len(header) == 1 and any(other in header[0] for other in ";|"):
        problems = [f"{file.name}:1: one column, called {header[0]!r}: the commas are missing"]
    if problems:
        raise DataError(str(file), problems, f"{_REMEDY} {_TEXT}")
    cells = zip(*rows, strict=True) if rows else [() for _ in header]
    listed = [np.array(column, dtype=object) for column in cells]
    columns = dict(zip(header, listed, strict=True))
    return Table(columns, lambda k: f"{file.name}:{lines[k]}", header)


def _csv_rows(raw: bytes, mark: str) -> Iterator[tuple[int, list[str] | str]]:
    """Yield the line and the fields of every row that is not blank, or why there are no more."""
    limit = csv.field_size_limit(sys.maxsize)  # a column may hold all that a model wrote
    line = 1
    odd = re.compile("[\udc80-\udcff]")
    text = raw.removeprefix(b"\xef\xbb\xbf").decode(errors="surrogateescape")
    utf8 = odd.search(text) is None
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=mark)
        for row in reader:
            if row:
                yield line, row if utf8 or not odd.search("".join(row)) else "not UTF-8 text"
            line = reader.line_num + 1  # a quoted field may span lines
    except csv.Error as error:
        yield line, f"not valid CSV ({error})"
    finally:
        csv.field_size_limit(limit)
