"""Solve probabilities and spends in Parquet files, read row group by row group."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from arbmodels.checks import LABEL, LARGEST, is_label, labels_of
from arbmodels.errors import DataError, InputError
from arbmodels.streaming.parts import PartsSource, shown
from arbmodels.streaming.row_group import REMEDY, Layout, RowGroup, numbers

_INSTALL = "Parquet needs pyarrow. Install it with: pip install 'arbmodels[parquet]'"


class ParquetSource(PartsSource):
    """A Parquet data set with one row per instance and two columns per model.

    Each row group is a block, and no more of them are in memory at a time than there are threads,
    whatever the size of the data set. Write row groups of 50,000 to 1,000,000 rows: a row group is
    the least that can be read.

    Parameters
    ----------
    path : path, sequence of paths, or pyarrow.dataset.Dataset
        A file, a folder (its ``.parquet`` files in the order of their names, also those in folders
        inside), or several files in this order.
    solve : sequence of str
        Column of each model with the probability that one attempt of it solves the instance.
    spend : sequence of str
        Column of each model with the expected cost of that attempt.
    models : sequence of str, optional
        Their names; the columns in ``solve`` by default.
    segment : str, optional
        Column with the segment of the instance, text or whole numbers. It is read once beforehand,
        to know all labels.
    weight : str, optional
        Column with the weight of the instance, not negative. It is read once beforehand, and
        scaled to a mean of one: an instance of weight two counts like two of weight one.
    offered : sequence of str or "recorded", optional
        Boolean column of each model: whether it may be chosen; null means no. "recorded": where
        both numbers are there. All pairs by default, and then all numbers must be there.
    instance : str, optional
        Column that names the instances in the table of the assignment; their positions by default.
    threads : int, optional
        Row groups read at a time; as many as there are processors, but at most four, by default.

    Attributes
    ----------
    models : tuple of str
    segments : tuple of str
        Sorted; empty without a segment column.
    groups : int
        Number of instances.

    Raises
    ------
    InputError
        If pyarrow is missing, a path does not exist, or the lists of columns do not match.
    DataError
        If a file is not Parquet, lacks columns, or has wrong values; those of the solve and spend
        columns are checked whenever a row group is read, with file, row (from 0) and model named.
    """

    def __init__(
        self,
        path: Any,
        *,
        solve: Sequence[str],
        spend: Sequence[str],
        models: Sequence[str] | None = None,
        segment: str | None = None,
        weight: str | None = None,
        offered: Sequence[str] | Literal["recorded"] | None = None,
        instance: str | None = None,
        threads: int | None = None,
    ) -> None:
        files, filesystem = _files(path)
        layout = _layout(solve, spend, models, offered)
        layout = replace(layout, segment=segment, weight=weight, instance=instance)
        row_groups, layout = _survey(files, filesystem, layout)
        if not row_groups:
            raise DataError(_name(files), ["there are no rows"], "Give files with rows.")
        if segment is not None:
            layout = replace(layout, segments=_labels(row_groups, segment))
        if weight is not None:
            layout = replace(layout, scale=_scale(row_groups, weight))
        parts = [replace(each, layout=layout) for each in row_groups]
        super().__init__(parts, 2, layout.models, layout.segments, threads)
        self.instance = instance

    def names(self) -> dict[int, RowGroup] | None:
        """Return where to read the names of the instances, by start of the block."""
        if self.instance is None:
            return None
        return {part.start: part for part in self.parts if isinstance(part, RowGroup)}


def _files(path: Any) -> tuple[list[str], Any]:
    """Return the files of a data set, and their file system if it is not the local one."""
    if hasattr(path, "files") and hasattr(path, "filesystem"):
        return list(path.files), path.filesystem
    given = [path] if isinstance(path, str | os.PathLike) else list(path)
    files: list[str] = []
    for each in map(Path, given):
        if not each.exists():
            raise InputError(f"{each} does not exist. Give a Parquet file or a folder of them.")
        inside = sorted(each.rglob("*.parquet")) if each.is_dir() else [each]
        if not inside:
            raise InputError(f"{each} has no .parquet files. Give a folder that has.")
        files += map(str, inside)
    if not files:
        raise InputError("No Parquet file given. Give a file, a folder, or a list of files.")
    return files, None


def _layout(
    solve: Sequence[str],
    spend: Sequence[str],
    models: Sequence[str] | None,
    offered: Sequence[str] | Literal["recorded"] | None,
) -> Layout:
    columns = {"solve": labels_of(solve, "solve"), "spend": labels_of(spend, "spend")}
    names = columns["solve"] if models is None else labels_of(models, "models")
    if offered is not None and offered != "recorded":
        columns["offered"] = labels_of(offered, "offered")
    if not names:
        raise InputError("solve= names no column. Name one of every model.")
    for what, listed in columns.items():
        if len(listed) != len(names):
            raise InputError(
                f"{what}= names {len(listed)} columns, but there are {len(names)} models. Name one"
                " of every model, in the same order."
            )
    for name in names:
        if not is_label(name) or names.count(name) > 1:
            raise InputError(f"Model {name!r} must be {LABEL}, and named once.")
    layout = Layout(names, columns["solve"], columns["spend"], columns.get("offered"))
    return replace(layout, offered="recorded") if offered == "recorded" else layout


def _survey(files: list[str], filesystem: Any, layout: Layout) -> tuple[list[RowGroup], Layout]:
    """List the row groups that have rows; read the files' footers only."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise InputError(_INSTALL) from error
    row_groups, problems, start = [], [], 0
    single = True
    for name in files:
        try:
            with pq.ParquetFile(name, filesystem=filesystem) as file:
                metadata, schema = file.metadata, file.schema_arrow
        except (OSError, ValueError) as error:  # Arrow's own errors are ValueErrors
            raise DataError(name, [f"not Parquet ({error})"], "Write the file anew.") from error
        problems += [f"{name}: {text}" for text in _problems(schema, layout)]
        kinds = {schema.field(c).type for c in layout.solve + layout.spend if c in schema.names}
        single &= kinds <= {pa.float16(), pa.float32()}
        row = 0
        for index in range(metadata.num_row_groups):
            size = metadata.row_group(index).num_rows
            if size:
                row_groups.append(RowGroup(name, filesystem, index, row, start, size, layout))
            row, start = row + size, start + size
    if problems:
        raise DataError(_name(files), problems, "Name columns that every file has.")
    return row_groups, replace(layout, dtype="float32" if single else "float64")


def _problems(schema: Any, layout: Layout) -> list[str]:
    """Return what columns a file lacks, or has of another type."""
    import pyarrow as pa

    there = set(schema.names)
    known = ", ".join(schema.names[:20]) + (", ..." if len(schema.names) > 20 else "")
    missing = [name for name in layout.all if name not in there]
    problems = [f"no column {name!r}; it has {known}" for name in missing]
    amounts = [*layout.solve, *layout.spend, *filter(None, [layout.weight])]
    for name in dict.fromkeys(name for name in amounts if name in there):
        kind = schema.field(name).type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or _exact(kind)):
            problems.append(f"column {name!r} holds {kind}, not numbers")
    for name in layout.flags:
        if name in there and not pa.types.is_boolean(schema.field(name).type):
            kind = schema.field(name).type
            problems.append(f"column {name!r} holds {kind}, not true and false")
    if layout.segment in there and not _names(schema.field(layout.segment).type):
        kind = schema.field(layout.segment).type
        problems.append(f"column {layout.segment!r} holds {kind}, not labels")
    return problems


def _exact(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_decimal(kind) or pa.types.is_boolean(kind))


def _names(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return bool(text or pa.types.is_integer(kind))


def _labels(row_groups: Sequence[RowGroup], segment: str) -> tuple[str, ...]:
    """Return all labels of the segment column, sorted."""
    import pyarrow as pa

    labels: set[str] = set()
    for part in shown(row_groups, len(row_groups)):
        column = part.columns([segment]).column(segment).cast(pa.string())
        if column.null_count:
            rows = np.flatnonzero(np.asarray(column.is_null())) + part.row
            problems = [f"row {row}: no {segment}" for row in rows[:100].tolist()]
            raise DataError(part.file, problems, REMEDY)
        new = set(column.unique().to_pylist())
        problems = [f"{segment} {name!r} must be {LABEL}" for name in new if not is_label(name)]
        if problems:
            raise DataError(part.file, sorted(problems), REMEDY)
        labels |= new
    return tuple(sorted(labels))


def _scale(row_groups: Sequence[RowGroup], weight: str) -> float:
    """Return what makes the weights one on average."""
    total, count = 0.0, 0
    for part in shown(row_groups, len(row_groups)):
        values = numbers(part.columns([weight]).column(weight), "float64")
        wrong = np.flatnonzero(~((values >= 0) & (values <= LARGEST)))
        if len(wrong):
            problems = [
                f"row {part.row + i}: {weight} is not a number from 0 to 1e100: {values[i]:g}"
                for i in wrong[:100].tolist()
            ]
            raise DataError(part.file, problems, REMEDY)
        total, count = total + float(values.sum()), count + len(values)
    if total <= 0:
        raise DataError(row_groups[0].file, [f"{weight} is zero in all rows"], REMEDY)
    return count / total


def _name(files: list[str]) -> str:
    return files[0] if len(files) == 1 else f"{len(files)} Parquet files"
