"""A tidy table: CSV, Parquet or a DataFrame, one row per attempt or one row per pair.

What all readers share: the choice of models, segments, and the step from pairs to a market.

A folder of JSON Lines, one file per model.

The rows of a tidy table: which layout they have, and everything wrong with them.
"""

from __future__ import annotations

import csv
import json
import math
import os
import reprlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from arbmodels import _checks as check
from arbmodels._pandas import pd
from arbmodels.errors import DataError, InputError
from arbmodels.market import Market, Missing

#: How instances get their segment: "auto" (the table's segment column; else the part of the id
#: before "__" when every id has one, as in ``django__django-13794``; else none), None (no
#: segments), or a rule of your own: a mapping or a function from instance id to label.
Segment = Mapping[str, str] | Callable[[str], str] | Literal["auto"] | None

_RULES = "segment must be 'auto', None, a mapping or a function"


def check_missing(missing: Missing) -> None:
    """Raise :class:`InputError` unless ``missing`` is one of the two treatments."""
    if missing not in get_args(Missing):
        raise InputError(f"missing must be 'intersection' or 'mask', not {missing!r}.")


def segment_labels(
    instances: Sequence[str], rule: Segment, source: str, recorded: Mapping[str, str] | None = None
) -> tuple[str, ...] | None:
    """Return the segment of every instance, or None when there are no segments.

    Parameters
    ----------
    instances : sequence of str
        Instance ids.
    rule : Segment
        See :data:`Segment`.
    source : str
        Named in errors.
    recorded : mapping, optional
        Labels that came with the data; "auto" prefers them.

    Raises
    ------
    DataError
        If the rule gives no label for some instance.
    """
    if rule is None:
        return None
    if isinstance(rule, str):
        if rule != "auto":
            raise InputError(f"{_RULES}, not {rule!r}.")
        if recorded is not None:
            return tuple(recorded[instance] for instance in instances)
        prefixes = [instance.partition("__") for instance in instances]
        whole = all(check.is_label(label) and mark for label, mark, _ in prefixes)
        return tuple(label for label, _, _ in prefixes) if whole else None
    if not (isinstance(rule, Mapping) or callable(rule)):
        raise InputError(f"{_RULES}, not {rule!r}.")
    labels, problems = [], []
    for instance in instances:
        try:
            label = rule[instance] if isinstance(rule, Mapping) else rule(instance)
        except Exception as error:  # the rule is the user's code
            problems.append(f"instance {instance!r}: the segment rule raised {error!r}")
            continue
        if not isinstance(label, str) or not check.is_label(label):
            problems.append(f"instance {instance!r}: the segment rule gave {label!r}")
        labels.append(label)
    if problems:
        raise DataError(
            source, problems, f"Give a rule that returns {check.LABEL} for every instance."
        )
    return tuple(labels)


def assemble(
    pairs: pd.DataFrame,
    *,
    models: Sequence[str],
    instances: Sequence[str],
    missing: Missing,
    segment: tuple[str, ...] | None,
    currency: str,
    name: str,
    weight: Sequence[float] | None = None,
) -> Market:
    """Return the market of checked pairs.

    Parameters
    ----------
    pairs : DataFrame
        One row per pair: ``model``, ``instance``, ``attempts``, ``successes``, ``cost``.
    models, instances : sequence of str, lengths M and N
        Columns and rows of the market, in this order.
    missing : {"intersection", "mask"}
        What to do about pairs without a record.
    segment, weight : sequence, length N, optional
        Per instance.
    currency, name : str
        As in :class:`Market`.

    Raises
    ------
    DataError
        If the models have no instance in common and ``missing`` is "intersection".
    """
    rows = pd.Index(instances).get_indexer(pd.Index(pairs["instance"]))
    columns = pd.Index(models).get_indexer(pd.Index(pairs["model"]))
    shape = (len(instances), len(models))
    attempts = np.zeros(shape, dtype=np.int64)
    successes = np.zeros(shape, dtype=np.int64)
    cost = np.full(shape, np.nan)
    attempts[rows, columns] = pairs["attempts"]
    successes[rows, columns] = pairs["successes"]
    cost[rows, columns] = pairs["cost"]
    market = Market(
        tuple(models),
        tuple(instances),
        attempts,
        successes,
        cost,
        weight=np.ones(shape[0]) if weight is None else np.array(weight, dtype=np.float64),
        segment=segment,
        currency=currency,
        name=name,
    )
    if missing == "intersection":
        return market.intersection()
    absent = int((~market.recorded).sum())
    if not absent:
        return market
    note = f"{absent} of {market.attempts.size} pairs of model and instance have no record (masked)"
    return replace(market, notes=(note,))


_LINE_REMEDY = (
    'Correct the lines named; nothing was loaded. A line is {"id": "a__b-1", "attempts": [0, 1],'
    ' "mean_cost": 0.01}, or has "costs": [0.01, 0.02] (one per attempt) instead of "mean_cost".'
)


_Price = Annotated[float, Field(ge=check.SMALLEST, le=check.LARGEST)]


class _Record(BaseModel):
    """One line. ``fail_fast``: one bad row of 5,000 attempts is one problem, not 5,000."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    id: str
    attempts: Annotated[list[Literal[0, 1, False, True]], Field(min_length=1, fail_fast=True)]
    costs: Annotated[list[_Price], Field(fail_fast=True)] | None = None
    mean_cost: _Price | None = Field(default=None, validate_default=True)

    @field_validator("id")
    @classmethod
    def _label(cls, name: str) -> str:
        if not check.is_label(name):
            raise ValueError(f"must be {check.LABEL}, found {_shown(name)}")
        return name

    @field_validator("costs")
    @classmethod
    def _one_cost_per_attempt(
        cls, costs: list[float] | None, info: ValidationInfo
    ) -> list[float] | None:
        attempts = info.data.get("attempts")
        if costs is not None and attempts is not None and len(costs) != len(attempts):
            raise ValueError(f"has {len(costs)} entries for {len(attempts)} attempts")
        return costs

    @field_validator("mean_cost")
    @classmethod
    def _one_price(cls, mean_cost: float | None, info: ValidationInfo) -> float | None:
        if "costs" not in info.data:  # the costs are wrong themselves and reported already
            return mean_cost
        costs = info.data["costs"]
        if costs is None and mean_cost is None:
            raise ValueError('is missing, and so is "costs"')
        if costs and mean_cost and not math.isclose(mean_cost, fmean(costs), rel_tol=1e-6):
            raise ValueError('is not the mean of "costs"')
        return mean_cost

    @property
    def cost(self) -> float:
        """Mean price of one attempt."""
        if self.costs is not None:
            return fmean(self.costs)
        assert self.mean_cost is not None  # noqa: S101 - _one_price saw to it
        return self.mean_cost


def read_folder(
    path: str | os.PathLike[str],
    *,
    models: Sequence[str] | None = None,
    missing: Missing = "intersection",
    segment: Segment = "auto",
    currency: str = "USD",
    name: str | None = None,
) -> Market:
    """Read a folder of JSON Lines, one file ``MODEL.jsonl`` per model (subfolders are not read).

    Each line is one instance: ``{"id": str, "attempts": [0 or 1, ...], "mean_cost": float}``;
    ``"costs"``, one per attempt, may stand in for ``"mean_cost"``. Other keys and hidden files are
    ignored. Ids have no blanks at their ends.

    Parameters
    ----------
    path : path
        The folder.
    models : sequence of str, optional
        Which files to read, in this order; all of them, sorted, by default.
    missing : {"intersection", "mask"}
        Keep the instances that every model has, or keep all and mask the missing pairs.
    segment : Segment
        How instances get their segment; by default the id before "__".
    currency : str
        Unit of the costs.
    name : str, optional
        Shown in tables and figures; the folder's name by default.

    Returns
    -------
    Market
        Instances sorted by id; ``cost`` is the mean over a pair's attempts.

    Raises
    ------
    InputError
        If the folder or a model does not exist.
    DataError
        If any line of any file is wrong, with all problems as ``MODEL.jsonl:LINE``; or if the
        models have no instance in common.
    """
    folder = Path(path)
    check_missing(missing)
    files = _files(folder)
    chosen = check.choose(models, sorted(files), "model", str(folder))
    problems: list[str] = []
    frames = [_read_file(files[model], model, problems) for model in chosen]
    if problems:
        raise DataError(str(folder), problems, _LINE_REMEDY)
    pairs = pd.concat(frames, ignore_index=True)
    instances = sorted(set(pairs["instance"]))
    return assemble(
        pairs,
        models=chosen,
        instances=instances,
        missing=missing,
        segment=segment_labels(instances, segment, str(folder)),
        currency=currency,
        name=folder.resolve().name if name is None else name,
    )


def _files(folder: Path) -> dict[str, Path]:
    """Return the folder's files by model name."""
    if not folder.exists():
        raise InputError(f"{folder} does not exist. Give a folder with one MODEL.jsonl per model.")
    if not folder.is_dir():
        raise InputError(f"{folder} is a file. Give the folder that holds one MODEL.jsonl each.")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise InputError(f"{folder} cannot be read. Change its permissions, or copy it.")
    # Hidden files are other programs'; a link to nowhere is reported when it is read.
    files = {
        file.stem: file
        for file in folder.glob("*.jsonl")
        if (file.is_file() or file.is_symlink()) and not file.name.startswith(".")
    }
    if not files:
        below = sorted({str(file.parent) for file in folder.glob("*/*.jsonl")})
        hint = f" There are some in {', '.join(below)}." if below else ""
        if any(folder.glob("*.jsonl.gz")):
            hint += " Unpack the *.jsonl.gz files first."
        raise InputError(
            f"{folder} holds no *.jsonl file. Give a folder with one MODEL.jsonl per model.{hint}"
        )
    return files


def _read_file(file: Path, model: str, problems: list[str]) -> pd.DataFrame:
    """Return the pairs of one file; append what is wrong with it to ``problems``."""
    try:
        lines = file.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines()
    except OSError as error:
        problems.append(f"{file.name}: cannot be read ({error.strerror})")
        return pd.DataFrame()
    rows = []
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{file.name}:{number}"
        try:
            line.decode()
            record: _Record | None = _Record.model_validate_json(line)
        except UnicodeDecodeError as error:
            problems.append(f"{place}: not UTF-8 text (byte {error.start + 1}: {error.reason})")
            continue
        except ValidationError as error:
            problems += [f"{place}: {_explain(one)}" for one in error.errors(include_url=False)]
            record = None
        name = _id(line) if record is None else record.id
        if name in seen:
            problems.append(f"{place}: id {name!r} is already on line {seen[name]}")
        elif name is not None:
            seen[name] = number
        if record is None or problems:
            continue  # nothing is loaded from a folder with a problem
        rows.append((model, record.id, len(record.attempts), sum(record.attempts), record.cost))
    if not any(line.strip() for line in lines):
        problems.append(f"{file.name}: the file is empty")
    return pd.DataFrame(rows, columns=["model", "instance", "attempts", "successes", "cost"])


def _id(line: bytes) -> str | None:
    """Return the id of a line that is wrong elsewhere, so that its duplicates are found too."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    name = found.get("id") if isinstance(found, dict) else None
    return name if isinstance(name, str) else None


def _explain(error: Mapping[str, Any]) -> str:
    """Return one pydantic error in the words of the file format."""
    kind, found = error["type"], error["input"]
    field, *position = error["loc"] or ("",)
    where = f'"{field}"' + (f", entry {int(position[0]) + 1}," if position else "")
    if kind == "json_invalid":
        return f"not valid JSON ({error['ctx']['error'].replace('line 1 ', '')})"
    if kind == "missing":
        return f"{where} is missing"
    if kind == "value_error":  # raised by a validator above
        return f"{where} {error['ctx']['error']}"
    expected = {
        "model_type": "a JSON object",
        "literal_error": "0, 1, true or false",
        "too_short": "a list of at least one attempt",
        "string_type": "a string",
        "list_type": "a list",
    }.get(kind, "0, 1, true or false" if field == "attempts" else check.PRICE)
    subject = f"{where} must be" if field else "the line must be"
    return f"{subject} {expected}, found {_shown(found)}"


def _shown(value: Any) -> str:
    """Return ``value`` as it stands in the file, shortened."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "..."


_KEYS = ("model", "instance")
_PER_ATTEMPT = ("solved",)
_PER_PAIR = ("attempts", "successes")
_OPTIONAL = ("segment", "weight")
_ROLES = (*_KEYS, *_PER_ATTEMPT, *_PER_PAIR, "cost", *_OPTIONAL)


def role_of(columns: Mapping[str, str] | None) -> dict[str, str]:
    """Return what the table calls each role (``model``, ``cost`` and so on)."""
    return {**{role: role for role in _ROLES}, **(columns or {})}


def pick_columns(
    frame: pd.DataFrame, columns: Mapping[str, str] | None, source: str
) -> pd.DataFrame:
    """Return the columns that play a role, named by it.

    Raises
    ------
    InputError
        If the mapping is wrong, or the columns do not make exactly one of the two layouts; the
        text lists the columns there are and how to map them.
    """
    present = [str(column) for column in frame.columns]
    listed = [
        name if check.is_label(name) and name.isprintable() else repr(name) for name in present
    ]
    there = f"The columns are: {', '.join(listed) or 'none'}."
    if columns is not None and not isinstance(columns, Mapping):
        raise InputError(f'columns must be a mapping such as {{"model": "llm"}}, not {columns!r}.')
    mapping = {role: str(column) for role, column in (columns or {}).items()}
    unknown = [role for role in mapping if role not in _ROLES]
    if unknown:
        raise InputError(f"columns maps {unknown[0]!r}; it can map {', '.join(_ROLES)}.")
    if len(set(mapping.values())) < len(mapping):
        raise InputError("columns uses one column of the table for two purposes.")
    absent = [column for column in mapping.values() if column not in present]
    if absent:
        raise InputError(f"{source}: columns maps to {absent[0]!r}, which is not there. {there}")
    taken = set(mapping.values())
    for role in _ROLES:
        if role not in mapping and role in present and role not in taken:
            mapping[role] = role
    repeated = [column for column in mapping.values() if present.count(column) > 1]
    if repeated:
        raise InputError(f"{source}: two columns are called {repeated[0]!r}. {there}")
    how = 'Map names with columns={"model": "llm", "instance": "question_id"}.'
    per_attempt = "solved" in mapping
    per_pair = any(role in mapping for role in _PER_PAIR)
    if per_attempt and per_pair:
        raise InputError(
            f"{source}: has 'solved' (one row per attempt) and 'attempts' or 'successes' (one row"
            f" per pair). {there} Leave the columns of one layout out."
        )
    layout = _PER_ATTEMPT if per_attempt else _PER_PAIR if per_pair else ()
    needed = [role for role in (*_KEYS, *layout, "cost") if role not in mapping]
    if not layout:
        needed.append("solved (one row per attempt) or attempts and successes (one per pair)")
    if needed:
        raise InputError(f"{source}: no column for {', '.join(needed)}. {there} {how}")
    picked = frame.copy(deep=False)
    picked.columns = pd.Index(present)
    return picked[list(mapping.values())].set_axis(list(mapping), axis=1)


def checked_pairs(
    rows: pd.DataFrame, places: list[str], called: Mapping[str, str]
) -> tuple[pd.DataFrame, list[str]]:
    """Return one row per pair, and every problem in the rows.

    Parameters
    ----------
    rows : DataFrame
        Columns by role; the index counts into ``places``.
    places : list of str
        Where each row is, for the reader.
    called : mapping
        What the table calls each role.

    Returns
    -------
    pairs : DataFrame
        ``model``, ``instance``, ``attempts``, ``successes``, ``cost``; of use only if there are
        no problems.
    problems : list of str
        In the order of the rows.
    """
    found: list[tuple[int, str]] = []

    def report(bad: npt.NDArray[np.bool_], role: str, expected: str) -> None:
        at = np.flatnonzero(bad)
        values = rows[role].iloc[at].tolist()
        found.extend(
            (row, f"{called[role]!r} must be {expected}, found {reprlib.repr(value)}")
            for row, value in zip(rows.index[at].tolist(), values, strict=True)
        )

    labels = {role: rows[role].map(check.label_of) for role in (*_KEYS, "segment") if role in rows}
    named = {role: texts.map(check.is_label) for role, texts in labels.items()}
    for role, good in named.items():
        report(~good.to_numpy(dtype=bool), role, check.LABEL)
    values = {
        role: _numbers(rows[role], truth=role == "solved")
        for role in (*_PER_ATTEMPT, *_PER_PAIR, "cost", "weight")
        if role in rows
    }
    report(~check.is_price(values["cost"]), "cost", check.PRICE)
    values["cost"] = np.where(check.is_price(values["cost"]), values["cost"], math.nan)
    pairs = pd.DataFrame({**{role: labels[role] for role in _KEYS}, **values})
    if "weight" in values:
        labels["weight"] = pairs["weight"].astype(str)
        named["weight"] = pd.Series(check.is_weight(values["weight"]), rows.index)
        report(~check.is_weight(values["weight"]), "weight", check.WEIGHT)
    if "solved" in values:
        report(~np.isin(values["solved"], (0.0, 1.0)), "solved", "0, 1, true or false")
        pairs = pairs.groupby(list(_KEYS), sort=False, as_index=False).agg(
            attempts=("solved", "size"), successes=("solved", "sum"), cost=("cost", "mean")
        )
    else:
        tried, solved = values["attempts"], values["successes"]
        report(~(check.is_count(tried) & (tried > 0)), "attempts", check.ATTEMPTS)
        report(~check.is_count(solved), "successes", check.SUCCESSES)
        report(
            check.is_count(solved) & (solved > tried),
            "successes",
            f"at most {called['attempts']!r}",
        )
        found += _repeated(pairs, places)
    for role in _OPTIONAL:
        if role in rows:
            known = named["instance"] & named[role]  # the others are reported above
            found += _inconsistent(
                labels["instance"][known], labels[role][known], places, called[role]
            )
    return pairs, [f"{places[row]}: {text}" for row, text in sorted(found, key=lambda one: one[0])]


def per_instance(rows: pd.DataFrame, role: str) -> dict[str, str] | None:
    """Return the value that ``role`` has on every instance, as text; None without the column."""
    if role not in rows:
        return None
    first = rows.drop_duplicates("instance")
    return dict(
        zip(first["instance"].map(check.label_of), first[role].map(check.label_of), strict=True)
    )


def _repeated(pairs: pd.DataFrame, places: list[str]) -> list[tuple[int, str]]:
    first: dict[tuple[str, str], int] = {}
    found = []
    for row, model, instance in pairs[list(_KEYS)].itertuples():
        earlier = first.setdefault((model, instance), row)
        if earlier != row:
            text = f"model {model!r}, instance {instance!r} is already in {places[earlier]}"
            found.append((row, text))
    return found


def _inconsistent(
    instances: pd.Series, values: pd.Series, places: list[str], column: str
) -> list[tuple[int, str]]:
    """Return the first row per instance whose value differs from the instance's first row."""
    first: dict[str, tuple[int, str]] = {}
    found = {}
    for row, instance, value in zip(instances.index, instances, values, strict=True):
        earlier, expected = first.setdefault(instance, (row, value))
        if value != expected and instance not in found:
            found[instance] = (
                row,
                f"{column!r} of instance {instance!r} is {value!r}, but {expected!r} in"
                f" {places[earlier]}",
            )
    return list(found.values())


def _numbers(values: pd.Series, *, truth: bool) -> npt.NDArray[np.float64]:
    """Return ``values`` as floats, NaN where they are none; ``truth`` accepts true and false."""
    return np.array([_number(value, truth=truth) for value in values.tolist()], dtype=float)


def _number(value: object, *, truth: bool) -> float:
    if isinstance(value, str) and truth:
        value = {"true": 1, "false": 0}.get(value.lower(), value)
    if isinstance(value, bool | np.bool_) and not truth:  # True is no cost
        return math.nan
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan


_REMEDY = "Correct the rows named; nothing was loaded."


def read_table(
    path: str | os.PathLike[str],
    *,
    models: Sequence[str] | None = None,
    missing: Missing = "intersection",
    columns: Mapping[str, str] | None = None,
    segment: Segment = "auto",
    currency: str = "USD",
    name: str | None = None,
) -> Market:
    """Read a CSV file (UTF-8, comma-separated, with a header) or a Parquet file.

    Parameters
    ----------
    path : path
        A file that ends in ``.csv`` or ``.parquet`` (which needs ``arbmodels[parquet]``).
    models, missing, columns, segment, currency, name
        As in :func:`from_frame`; ``name`` is the file's by default.

    Returns
    -------
    Market

    Raises
    ------
    InputError
        If the file does not exist, has another ending, or lacks columns; or pyarrow is missing.
    DataError
        If any row is wrong, with all problems as ``FILE.csv:LINE`` (Parquet: the row, from 0).
    """
    file = Path(path)
    if not file.exists():
        raise InputError(f"{file} does not exist. Give a CSV or Parquet file.")
    if not file.is_file():
        raise InputError(f"{file} is a folder. Give a CSV or Parquet file, or use read_folder.")
    ending = file.suffix.lower()
    if ending == ".csv":
        frame, places = _read_csv(file)
    elif ending == ".parquet":
        frame = _read_parquet(file)
        places = [f"{file.name}, row {row}" for row in range(len(frame))]
    elif ending == ".jsonl":
        raise InputError(
            f"{file} is one model's file. Give its folder, {file.parent}, with"
            f" models=[{file.stem!r}]."
        )
    else:
        raise InputError(f"{file} is neither .csv nor .parquet. Save the table as one of these.")
    return _to_market(
        frame,
        places,
        source=str(file),
        models=models,
        missing=missing,
        columns=columns,
        segment=segment,
        currency=currency,
        name=file.stem if name is None else name,
    )


def from_frame(
    frame: pd.DataFrame,
    *,
    models: Sequence[str] | None = None,
    missing: Missing = "intersection",
    columns: Mapping[str, str] | None = None,
    segment: Segment = "auto",
    currency: str = "USD",
    name: str = "table",
) -> Market:
    """Make a market from a tidy DataFrame.

    One row per attempt has the columns ``model``, ``instance``, ``solved`` (0 or 1) and ``cost``;
    one row per pair has ``model``, ``instance``, ``attempts``, ``successes`` and ``cost`` (of one
    attempt). ``segment`` and ``weight``, constant within an instance, are optional; other columns
    are ignored. Which of the two it is, is told from the columns. Names and labels have no blanks
    at their ends.

    Parameters
    ----------
    frame : DataFrame
        The table.
    models : sequence of str, optional
        Which models to keep, in this order; all, in order of appearance, by default.
    missing : {"intersection", "mask"}
        Keep the instances that every model has, or keep all and mask the missing pairs.
    columns : mapping, optional
        Where the table calls a column otherwise: ``{"model": "llm", "instance": "question"}``.
    segment : Segment
        How instances get their segment; by default the column of that name, else the id
        before "__".
    currency, name : str
        Unit of the costs; what tables and figures show.

    Returns
    -------
    Market
        Instances in order of appearance; ``cost`` is the mean over a pair's attempts.

    Raises
    ------
    InputError
        If columns are missing, or those of both layouts are present.
    DataError
        If any row is wrong; all problems together, each with its row label.

    Examples
    --------
    >>> frame = pd.DataFrame({"llm": ["s", "s", "l"], "instance": ["a", "a", "a"],
    ...                       "solved": [0, 1, 1], "cost": [0.1, 0.3, 2.0]})
    >>> from_frame(frame, columns={"model": "llm"}).cost.tolist()
    [[0.2, 2.0]]
    """
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"expected a pandas DataFrame, not {type(frame).__name__}.")
    return _to_market(
        frame,
        [f"row {label!r}" for label in frame.index.tolist()],
        source=name,
        models=models,
        missing=missing,
        columns=columns,
        segment=segment,
        currency=currency,
        name=name,
    )


def _to_market(
    frame: pd.DataFrame,
    places: list[str],
    *,
    source: str,
    models: Sequence[str] | None,
    missing: Missing,
    columns: Mapping[str, str] | None,
    segment: Segment,
    currency: str,
    name: str,
) -> Market:
    check_missing(missing)
    renamed = pick_columns(frame, columns, source)
    if len(renamed) == 0:
        raise InputError(f"{source} has columns but no rows. Give a table with at least one.")
    rows = renamed.reset_index(drop=True)
    named = rows["model"].map(check.label_of)
    chosen = check.choose(
        models, [name for name in named.unique() if check.is_label(name)], "model", source
    )
    if models is not None:  # a row without a model is wrong whoever was chosen
        rows = rows[named.isin(chosen) | ~named.map(check.is_label)]
    pairs, problems = checked_pairs(rows, places, role_of(columns))
    if problems:
        raise DataError(source, problems, _REMEDY)
    instances = list(dict.fromkeys(pairs["instance"]))
    labels = per_instance(rows, "segment")
    weights = per_instance(rows, "weight")
    return assemble(
        pairs,
        models=chosen,
        instances=instances,
        missing=missing,
        segment=segment_labels(instances, segment, source, recorded=labels),
        weight=None if weights is None else [float(weights[instance]) for instance in instances],
        currency=currency,
        name=name,
    )


def _read_csv(file: Path) -> tuple[pd.DataFrame, list[str]]:
    """Return the table as text, and the place of every row; blank lines are skipped."""
    table: list[list[str]] = []
    places: list[str] = []
    problems: list[str] = []
    header: list[str] = []
    for line, row in _csv_rows(file):
        place = f"{file.name}:{line}"
        if isinstance(row, str):
            problems.append(f"{place}: {row}")
        elif any("\udc80" <= letter <= "\udcff" for letter in "".join(row)):
            problems.append(f"{place}: not UTF-8 text")
        elif not header:
            header = row
        elif len(row) != len(header):
            problems.append(f"{place}: {len(row)} fields, the header has {len(header)}")
        else:
            table.append(row)
            places.append(place)
    if not header and not problems:
        problems.append(f"{file.name}: the file is empty")
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        problems = [f"{file.name}:1: one column, called {header[0]!r}: the commas are missing"]
    if problems:
        remedy = "The file must be UTF-8 text, separated by commas, with a header."
        raise DataError(str(file), problems, f"{_REMEDY} {remedy}")
    return pd.DataFrame(table, columns=pd.Index(header, dtype=object), dtype=object), places


def _csv_rows(file: Path) -> Iterator[tuple[int, list[str] | str]]:
    """Yield the line and the fields of every row that is not blank, or why there are no more."""
    limit = csv.field_size_limit(sys.maxsize)  # a column may hold all that a model wrote
    line = 1
    try:
        with file.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as stream:
            reader = csv.reader(stream, strict=True)
            for row in reader:
                if row:
                    yield line, row
                line = reader.line_num + 1  # a quoted field may span lines
    except csv.Error as error:
        yield line, f"not valid CSV ({error})"
    except OSError as error:
        yield line, f"cannot be read ({error.strerror})"
    finally:
        csv.field_size_limit(limit)


def _read_parquet(file: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(file, engine="pyarrow")
    except ImportError as error:
        raise InputError(
            f"{file}: Parquet needs pyarrow. Install it with: pip install 'arbmodels[parquet]'"
        ) from error
    except (OSError, ValueError) as error:  # pyarrow's ArrowInvalid is a ValueError
        raise InputError(f"{file} cannot be read as Parquet ({error}). Write it anew.") from error
