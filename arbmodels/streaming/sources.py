"""Solve probabilities and spends in blocks, read from Parquet or made anew in every pass.

A block is one row group of a file, or what a function returns; what is wrong in it is named by its
place.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from arbmodels._assignment.program import BLOCK, Block, BoolArray, IntArray, Quantity
from arbmodels._checks import LABEL, LARGEST, is_label, is_weight, labels_of, rounding_of
from arbmodels.display import Displayed
from arbmodels.errors import DataError, InputError

#: Problems listed of one block; a wrong column has one per row.
_LISTED = 100

#: Limits and meaning of the two quantities.
_SOLVE = "solve probability is not between 0 and 1"
_SPEND = "spend is not a number from 0 to 1e100"


def problems_of(block: Block, models: Sequence[str], place: Callable[[int], str]) -> list[str]:
    """Return a line for each of the first wrong values of a block of solve rates and spends.

    Parameters
    ----------
    block : Block
        With two quantities and as many columns as there are models.
    models : sequence of str
    place : callable
        Where a row of the block is, in words.
    """
    problems = []
    for values, text, limit in zip(block.quantities, (_SOLVE, _SPEND), (1.0, LARGEST), strict=True):
        slack = rounding_of(values) if limit == 1.0 else 0.0
        most = min(limit, float(np.finfo(values.dtype).max))
        if _good(values, most):
            continue
        wrong = ~((values >= -slack) & (values <= most + slack))
        if block.offered is not None:
            wrong &= block.offered
        problems += [
            f"{place(i)}, model {models[m]!r}: {text}: {values[i, m]:g}"
            for i, m in np.argwhere(wrong)[:_LISTED].tolist()
        ]
    if block.weights is not None:
        unfit = ~is_weight(block.weights)
        problems += [
            f"{place(i)}: weight is not a number from 0 to 1e100 (0, or at least 1e-100):"
            f" {block.weights[i]:g}"
            for i in np.flatnonzero(unfit)[:_LISTED].tolist()
        ]
    return problems


def without_model(block: Block) -> BoolArray:
    """Return which groups have no model offered, [g]."""
    if block.offered is None:
        return np.zeros(block.size, dtype=bool)
    some: BoolArray = np.any(block.offered, axis=1)
    return ~some


def _good(values: Quantity, most: float) -> bool:
    # Quick: no array is made. A comparison with NaN is false.
    return bool(values.size == 0 or (values.min() >= 0 and values.max() <= most))


REMEDY = "Correct the rows named, or leave such pairs out with offered=; nothing was solved."


@dataclass(frozen=True)
class Layout:
    """Which columns hold what.

    Attributes
    ----------
    models : tuple of str
    solve, spend : tuple of str
        One column per model.
    offered : tuple of str, "recorded" or None
        Boolean columns, one per model; or pairs with both numbers; or all pairs.
    segment, weight, instance : str or None
    dtype : str
        Of the quantities.
    segments : tuple of str
        The labels, in the order of their codes.
    scale : float
        Times the weight column.
    """

    models: tuple[str, ...]
    solve: tuple[str, ...]
    spend: tuple[str, ...]
    offered: tuple[str, ...] | Literal["recorded"] | None
    segment: str | None = None
    weight: str | None = None
    instance: str | None = None
    dtype: str = "float64"
    segments: tuple[str, ...] = ()
    scale: float = 1.0

    @property
    def flags(self) -> tuple[str, ...]:
        """The boolean columns."""
        return self.offered if isinstance(self.offered, tuple) else ()

    @property
    def read(self) -> list[str]:
        """The columns of a block."""
        beside = [name for name in (self.segment, self.weight) if name is not None]
        return list(dict.fromkeys((*self.solve, *self.spend, *self.flags, *beside)))

    @property
    def all(self) -> list[str]:
        """Every column that must be there."""
        return list(dict.fromkeys([*self.read, *filter(None, [self.instance])]))


@dataclass(frozen=True, eq=False)
class RowGroup:
    """A row group to be read.

    Attributes
    ----------
    file : str
    filesystem : pyarrow.fs.FileSystem or None
        The local one if None.
    index : int
        Of the row group in the file.
    row : int
        Of its first row in the file.
    start, size : int
        First group in the program, number of rows.
    layout : Layout
    """

    file: str
    filesystem: Any
    index: int
    row: int
    start: int
    size: int
    layout: Layout

    def read(self) -> Block:
        """Read and check it.

        Raises
        ------
        DataError
            With file, row and model of every wrong value, or of the first of very many.
        """
        layout = self.layout
        table = self.columns(layout.read)
        solve, spend = (self._quantity(table, names) for names in (layout.solve, layout.spend))
        classes = weights = None
        if layout.segment is not None:
            classes = codes(table.column(layout.segment), layout.segments)
        if layout.weight is not None:
            column = numbers(table.column(layout.weight), "float64")
            weights = layout.scale * column.astype(np.float64, copy=False)
        block = Block(
            self.start, (solve, spend), classes, weights, self._offered(table, solve, spend)
        )
        problems = problems_of(block, layout.models, self._place)
        if problems:
            raise DataError(self.file, problems, REMEDY)
        return block

    def columns(self, names: list[str]) -> Any:
        """Read some columns as an Arrow table."""
        import pyarrow.parquet as pq

        try:
            # Row groups are read side by side; threads inside one would only get in the way.
            with pq.ParquetFile(self.file, filesystem=self.filesystem) as file:
                table = file.read_row_group(self.index, columns=names, use_threads=False)
        except (OSError, ValueError, IndexError) as error:  # Arrow's own errors are ValueErrors
            text = f"row group {self.index} cannot be read ({error})"
            raise DataError(self.file, [text], "Write the file anew.") from error
        if len(table) != self.size:
            text = f"row group {self.index} now has {len(table)} rows, not {self.size}"
            raise DataError(self.file, [text], "Do not change files that are being read.")
        return table

    def instances(self) -> Any:
        """Read the column that names the instances, as an Arrow array."""
        name = str(self.layout.instance)
        return self.columns([name]).column(name)

    def _quantity(self, table: Any, names: tuple[str, ...]) -> Quantity:
        result: Quantity = np.empty((self.size, len(names)), dtype=self.layout.dtype)
        for m, name in enumerate(names):
            result[:, m] = numbers(table.column(name), self.layout.dtype)
        return result

    def _offered(self, table: Any, solve: Quantity, spend: Quantity) -> BoolArray | None:
        if self.layout.offered is None:
            return None
        if self.layout.offered == "recorded":
            return ~(np.isnan(solve) | np.isnan(spend))
        flags = [table.column(name).fill_null(False) for name in self.layout.flags]
        return np.stack([np.asarray(flag, dtype=bool) for flag in flags], axis=1)

    def _place(self, row: int) -> str:
        return f"row {self.row + row}"


def numbers(column: Any, dtype: str) -> npt.NDArray[np.floating[Any]]:
    """Return a column as floats, NaN where it is null."""
    import pyarrow as pa

    kind = {"float32": pa.float32(), "float64": pa.float64()}[dtype]
    values: npt.NDArray[np.floating[Any]] = column.cast(kind, safe=False).to_numpy()
    return values


def codes(column: Any, labels: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Return the position of every entry among the labels."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.index_in(column.cast(pa.string()), value_set=pa.array(labels, pa.string()))
    return np.asarray(found.to_numpy(), dtype=np.int64)


P = ParamSpec("P")
T = TypeVar("T")

#: Blocks in memory at a time, at most.
_FEW = 4
#: Seconds after which a pass shows how far it is.
_PATIENCE = 2.0


class Part(Protocol):
    """A block that is not in memory; it can be pickled, and read on another machine.

    Attributes
    ----------
    start : int
        Position of its first group in the whole program.
    size : int
        Number of its groups.
    """

    @property
    def start(self) -> int:
        """Position of the first group."""
        ...

    @property
    def size(self) -> int:
        """Number of groups."""
        ...

    def read(self) -> Block:
        """Return the block."""
        ...


class PartsSource(Displayed):
    """A :class:`~arbmodels._assignment.Source` of parts, one after the other.

    Every pass reads all of them again, and no more are in memory at a time than there are threads.

    Parameters
    ----------
    parts : sequence of Part
        Without gaps, in the order of the groups.
    quantities : int
        K.
    models : sequence of str
        Names of the plans.
    segments : sequence of str
        Names of the classes; empty without any.
    threads : int, optional
        Parts read at a time; as many as there are processors, but at most four, by default.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        quantities: int,
        models: Sequence[str],
        segments: Sequence[str] = (),
        threads: int | None = None,
    ) -> None:
        self.parts = tuple(parts)
        self.quantities = quantities
        self.models = tuple(models)
        self.segments = tuple(segments)
        self.threads = threads or min(os.cpu_count() or 1, _FEW)

    @property
    def groups(self) -> int:
        """G."""
        return self.parts[-1].start + self.parts[-1].size

    def map(
        self,
        function: Callable[Concatenate[Block, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> list[T]:
        """Return ``function(block, *args, **kwargs)`` of every part, in order."""
        return self._each(lambda part: function(part.read(), *args, **kwargs), self.parts)

    def take(self, rows: npt.NDArray[np.int64]) -> Block:
        """Return some groups, by position; only the parts that hold them are read."""
        wanted = [(self.parts[k], inside) for k, inside in split(rows, self.parts)]
        # Without any, one part tells the number of plans.
        wanted = wanted or [(self.parts[0], rows)]
        return joined(self._each(lambda each: each[0].read().take(each[1]), wanted))

    def _each(self, function: Callable[[Any], T], items: Sequence[Any]) -> list[T]:
        threads = min(self.threads, len(items))
        if threads <= 1:
            return list(shown(map(function, items), len(items)))
        with ThreadPoolExecutor(threads) as pool:
            # An error or Ctrl-C cancels what has not begun.
            return list(shown(pool.map(function, items), len(items)))


def split(rows: IntArray, parts: Sequence[Part]) -> list[tuple[int, IntArray]]:
    """Return the parts that hold some groups, and the groups' positions inside them."""
    ends = np.array([part.start + part.size for part in parts])
    cuts = np.searchsorted(rows, ends)
    begins = np.concatenate([[0], cuts[:-1]])
    return [
        (k, rows[begins[k] : cuts[k]] - parts[k].start)
        for k in np.flatnonzero(cuts > begins).tolist()
    ]


def joined(blocks: Sequence[Block]) -> Block:
    """Return blocks as one that starts where the first does."""
    first = blocks[0]
    if len(blocks) == 1:
        return first
    fill: dict[str, Callable[[Block], npt.NDArray[Any]]] = {
        "classes": lambda block: np.zeros(block.size, np.int64),
        "weights": lambda block: np.ones(block.size),
        "offered": lambda block: np.ones((block.size, block.width), bool),
    }
    beside: dict[str, Any] = {}
    for name, default in fill.items():
        values = [getattr(block, name) for block in blocks]
        if any(value is not None for value in values):
            beside[name] = np.concatenate(
                [
                    default(block) if value is None else value
                    for block, value in zip(blocks, values, strict=True)
                ]
            )
    together = zip(*(block.quantities for block in blocks), strict=True)
    return Block(first.start, tuple(np.concatenate(each) for each in together), **beside)


def shown(items: Iterable[T], count: int) -> Iterable[T]:
    """Pass items on, with a progress bar if that takes more than some seconds."""
    with progress(count) as bar:
        for item in items:
            yield item
            bar.update()


def progress(count: int) -> tqdm[Any]:
    """Return the progress bar of a pass; it shows itself after some seconds."""
    return tqdm(
        desc="pass over the data",
        total=count,
        leave=False,
        disable=None,
        delay=_PATIENCE,
        unit="part",
    )


#: (start, size, seed) -> block; the same arguments give the same block.
Maker = Callable[[int, int, int], Block]


class Generated(PartsSource):
    """Simulated instances, made anew in every pass: none are kept.

    Parameters
    ----------
    function : callable
        ``function(start, size, seed)`` returns a :class:`~arbmodels.streaming.Block` with the
        solve probabilities and spends of the instances ``start`` to ``start + size - 1``. It must
        return the same block every time, so draw with
        ``numpy.random.default_rng([seed, start])``. For a cluster it must be a function of a
        module that the workers can import.
    instances : int
        How many.
    models : sequence of str
        Names of the columns.
    segments : sequence of str, optional
        Names of the classes of the blocks.
    seed : int
    block : int
        Instances made at a time.
    threads : int, optional
        Blocks made at a time; as many as there are processors, but at most four, by default.

    Raises
    ------
    InputError
        If a size is not positive; in a pass, if the function returns anything else.
    """

    def __init__(
        self,
        function: Maker,
        instances: int,
        models: Sequence[str],
        *,
        segments: Sequence[str] = (),
        seed: int = 0,
        block: int = BLOCK,
        threads: int | None = None,
    ) -> None:
        if instances < 1 or block < 1:
            raise InputError(f"{instances} instances in blocks of {block}: both must be positive.")
        parts = [
            Piece(function, start, min(block, instances - start), seed)
            for start in range(0, instances, block)
        ]
        super().__init__(parts, 2, models, segments, threads)


@dataclass(frozen=True)
class Piece:
    """A block to be made."""

    function: Maker
    start: int
    size: int
    seed: int

    def read(self) -> Block:
        """Make it."""
        block = self.function(self.start, self.size, self.seed)
        if not isinstance(block, Block):
            raise InputError(
                f"The function of generated instances returned {type(block).__name__}, not an"
                " arbmodels.streaming.Block."
            )
        if block.size != self.size:
            raise InputError(
                f"The function of generated instances returned {block.size} at start {self.start},"
                f" not the {self.size} asked for."
            )
        return replace(block, start=self.start)


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
