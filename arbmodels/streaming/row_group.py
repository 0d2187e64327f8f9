"""One row group of a Parquet file, as a block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from arbmodels.assignment.source import Block, BoolArray, Quantity
from arbmodels.errors import DataError
from arbmodels.streaming.check import problems_of

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
