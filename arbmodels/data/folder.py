"""A folder of JSON Lines, one file per model, or of tables that belong together."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from arbmodels import _checks as check
from arbmodels._pandas import pd
from arbmodels.data.attempts import (
    Invalid,
    Reading,
    Rows,
    Segment,
    finish,
    market_of_rows,
    segment_labels,
)
from arbmodels.data.opening import content_of
from arbmodels.data.tables import rows_of_table, table_of_file
from arbmodels.errors import DataError, InputError
from arbmodels.market import Market, Missing, Outcome
from arbmodels.records import AttemptRecords, totals

_LINE_REMEDY = (
    'Correct the lines named; nothing was loaded. A line is {"id": "a__b-1", "attempts": [0, 1],'
    ' "mean_cost": 0.01}, or has "costs": [0.01, 0.02] (one per attempt) instead of "mean_cost".'
)


def _price(value: float) -> float:
    if not check.is_price(np.array(value)):
        raise ValueError(f"must be {check.PRICE}, found {_shown(value)}")
    return value


_Price = Annotated[float, AfterValidator(_price)]


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


@dataclass(frozen=True)
class _File:
    """What one model's file records: a pair per line, and its attempts in order."""

    instances: list[str]
    mean_cost: list[float]
    attempts: list[list[int]]
    costs: list[list[float] | None]


def read_folder(
    path: str | os.PathLike[str],
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
    """Read a folder of JSON Lines, one file ``MODEL.jsonl`` per model, or of tables.

    Each line of ``MODEL.jsonl`` is one instance: ``{"id": str, "attempts": [0 or 1, ...],
    "mean_cost": float}``; ``"costs"``, one per attempt, may stand in for ``"mean_cost"``. Other
    keys and hidden files are ignored. Ids have no blanks at their ends. Subfolders are not read.

    Other files are tables as :func:`arbmodels.data.read_table` reads them, put together; one
    without a column for the model is named after it.

    Parameters
    ----------
    path : path
        The folder.
    models : sequence of str, optional
        Which models to read, in this order; all of them, sorted, by default.
    missing : {"intersection", "mask"}
        Keep the instances that every model has, or keep all and mask the missing pairs.
    invalid, clip, outcome, columns
        Of tables: as in :func:`arbmodels.data.from_frame`.
    segment : Segment
        How instances get their segment; by default the id before "__".
    currency : str, optional
        Unit of the costs; "USD" by default.
    name : str, optional
        Shown in tables and figures; the folder's name by default.

    Returns
    -------
    Market
        Instances sorted by id; ``cost`` is the mean over a pair's attempts, and the attempts are
        in its records, in their order.

    Raises
    ------
    InputError
        If the folder or a model does not exist.
    DataError
        If any line of any file is wrong, with all problems as ``MODEL.jsonl:LINE``; or if the
        models have no instance in common.
    """
    reading = Reading(models, missing, invalid, clip, outcome, segment, currency, name, columns)
    return market_of_folder(Path(path), reading)


def market_of_folder(folder: Path, reading: Reading) -> Market:
    """Return the market of a folder: see :func:`read_folder`."""
    if reading.name is None:
        reading = replace(reading, name=folder.resolve().name)
    files = files_of(folder)
    if reading.columns is None and all(is_model_file(file) for file in files.values()):
        return _read_model_files(folder, files, reading)
    return _read_tables(folder, list(files.values()), reading)


def is_model_file(file: Path) -> bool:
    """Whether a file is JSON Lines of one model's pairs (or nothing that would tell otherwise)."""
    if not (_ending(file) or "").startswith(".jsonl"):
        return False
    try:
        first = next((line for line in content_of(file).split(b"\n") if line.strip()), b"")
        record = json.loads(first)
    except (ValueError, RecursionError):  # also our own errors: reported when it is read
        return True
    return not (isinstance(record, dict) and "id" not in record and "model" in record)


def _read_model_files(folder: Path, files: Mapping[str, Path], reading: Reading) -> Market:
    chosen = check.choose(reading.models, sorted(files), "model", str(folder))
    problems: list[str] = []
    found = [_read_file(files[model], problems) for model in chosen]
    if problems:
        raise DataError(str(folder), problems, _LINE_REMEDY)
    instances = sorted({instance for each in found for instance in each.instances})
    row_of = {instance: row for row, instance in enumerate(instances)}
    shape = (len(instances), len(chosen))
    cost, split = np.full(shape, math.nan), np.zeros(shape, dtype=bool)
    columns: list[tuple[Any, Any, Any, Any]] = []
    for m, each in enumerate(found):
        rows = np.array([row_of[instance] for instance in each.instances])
        cost[rows, m] = each.mean_cost
        split[rows, m] = [costs is not None for costs in each.costs]
        times = np.array([len(attempts) for attempts in each.attempts])
        paid = [
            np.full(len(attempts), math.nan) if costs is None else np.array(costs, dtype=float)
            for costs, attempts in zip(each.costs, each.attempts, strict=True)
        ]
        outcomes = np.concatenate([np.array(a, dtype=float) for a in each.attempts])
        columns.append(
            (np.full(len(outcomes), m), np.repeat(rows, times), outcomes, np.concatenate(paid))
        )
    records = AttemptRecords(*(np.concatenate(part) for part in zip(*columns, strict=True)))
    summed = totals(records, shape)
    market = Market(
        chosen,
        tuple(instances),
        summed.attempts,
        summed.successes,
        cost,
        segment=segment_labels(instances, reading.segment, str(folder)),
        currency=reading.currency or "USD",
        name=reading.name or "market",
        success_cost=np.where(split, summed.success_cost, cost) if split.any() else None,
        failure_cost=np.where(split, summed.failure_cost, cost) if split.any() else None,
        records=records,
    )
    return finish(market, reading.missing)


def _read_tables(folder: Path, files: Sequence[Path], reading: Reading) -> Market:
    """Return the market of all tables of a folder together."""
    parts = []
    for file in sorted(files):
        table = table_of_file(file, reading.columns)
        called = (reading.columns or {}).get("model", "model")
        if called not in table.columns and table.columns and not _wide(reading):
            count = len(next(iter(table.columns.values())))
            model = np.full(count, file.name.partition(".")[0], dtype=object)
            table = replace(table, columns={called: model, **table.columns}, names=())
        parts.append(rows_of_table(table, reading, str(file)))
    roles = [set(part.columns) for part in parts]
    for file, part, there in zip(sorted(files), parts, roles, strict=True):
        odd = there ^ roles[0]
        if odd:
            raise InputError(
                f"{folder}: {sorted(files)[0].name} and {file.name} do not have the same columns:"
                f" only one of them has {', '.join(sorted(odd))} ({len(part.columns)} columns"
                " used). Give tables of one layout."
            )
    sizes = np.cumsum([0, *(len(part.columns["model"]) for part in parts)])

    def place(k: int) -> str:
        which = int(np.searchsorted(sizes, k, side="right")) - 1
        return parts[which].place(k - int(sizes[which]))

    columns = {
        role: pd.concat([pd.Series(part.columns[role]) for part in parts], ignore_index=True)
        for role in parts[0].columns
    }
    return market_of_rows(Rows(columns, place, str(folder), parts[0].called), reading)


def _wide(reading: Reading) -> bool:
    return "models" in (reading.columns or {})


#: What the name of a table in a folder may end in, packed or not.
_ENDINGS = (".jsonl", ".csv", ".tsv", ".json", ".parquet")


def files_of(folder: Path) -> dict[str, Path]:
    """Return the data files of a folder by their names without endings.

    Raises
    ------
    InputError
        If there are none, or the folder cannot be read.
    """
    if not folder.exists():
        raise InputError(f"{folder} does not exist. Give a folder with one MODEL.jsonl per model.")
    if not folder.is_dir():
        raise InputError(f"{folder} is a file. Give the folder that holds one MODEL.jsonl each.")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise InputError(f"{folder} cannot be read. Change its permissions, or copy it.")
    # Hidden files are other programs'; a link to nowhere is reported when it is read.
    there = [
        file
        for file in sorted(folder.iterdir())
        if (file.is_file() or file.is_symlink())
        and not file.is_dir()
        and not file.name.startswith(".")
        and _ending(file) is not None
    ]
    # Where there are files MODEL.jsonl, notes and tables beside them are no models.
    plain = [file for file in there if (_ending(file) or "").startswith(".jsonl")]
    files = {file.name[: -len(_ending(file) or "")]: file for file in plain or there}
    if not files:
        below = sorted({str(file.parent) for file in folder.glob("*/*.jsonl")})
        hint = f" There are some in {', '.join(below)}." if below else ""
        raise InputError(
            f"{folder} holds no *.jsonl file and no table. Give a folder with one MODEL.jsonl per"
            f" model, or of tables.{hint}"
        )
    return files


def _ending(file: Path) -> str | None:
    """Return the part of a name that says what the file is; None for other files."""
    name = file.name.lower()
    for packed in ("", ".gz", ".bz2", ".xz", ".zst"):
        for ending in _ENDINGS:
            if name.endswith(ending + packed):
                return ending + packed
    return None


def _read_file(file: Path, problems: list[str]) -> _File:
    """Return the pairs of one file; append what is wrong with it to ``problems``."""
    found = _File([], [], [], [])
    try:
        lines = content_of(file).removeprefix(b"\xef\xbb\xbf").splitlines()
    except InputError as error:
        problems.append(f"{file.name}: {str(error).removeprefix(f'{file} ')}")
        return found
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
        found.instances.append(record.id)
        found.mean_cost.append(record.cost)
        found.attempts.append([int(each) for each in record.attempts])
        found.costs.append(record.costs)
    if not any(line.strip() for line in lines):
        problems.append(f"{file.name}: the file is empty")
    return found


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
