"""An assignment as Parquet part files, written block by block."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from arbmodels.assignment.passes import Choice
from arbmodels.assignment.source import Block, Source
from arbmodels.checks import path_of
from arbmodels.errors import InputError
from arbmodels.writing import write_whole


def new_folder(path: str | os.PathLike[str]) -> Path:
    """Return the folder, made if need be; nothing in it may be overwritten.

    Raises
    ------
    InputError
        If pyarrow is missing, or the folder cannot be made or has files in it.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise InputError(
            "Parquet needs pyarrow. Install it with: pip install 'arbmodels[parquet]'"
        ) from error
    folder = path_of(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InputError(f"{folder} is not empty. Give a new folder for the assignment.")
    except OSError as error:
        raise InputError(f"{folder} cannot be made a folder ({error.strerror}).") from error
    return folder.resolve()


def write(source: Source, choice: Choice, plans: Sequence[str], folder: Path) -> int:
    """Write who gets which plan, a file per block; return how many files.

    On a cluster the workers write, so all of them must share the folder.
    """
    names = getattr(source, "names", lambda: None)()
    return len(source.map(_write_part, choice, tuple(plans), str(folder), names))


def _write_part(
    block: Block,
    choice: Choice,
    plans: tuple[str, ...],
    folder: str,
    names: Mapping[int, Any] | None,
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    chosen = choice[block.start : block.start + block.size]
    inside = chosen < block.width
    rows, columns = np.flatnonzero(inside), chosen[inside]
    amounts = []
    for quantity in block.quantities:
        amount = np.zeros(block.size, dtype=quantity.dtype)
        amount[rows] = quantity[rows, columns]
        amounts.append(amount)
    if names is None:
        instance = pa.array(np.arange(block.start, block.start + block.size))
    else:
        instance = names[block.start].instances()
    plan = pa.DictionaryArray.from_arrays(pa.array(chosen, pa.int32()), pa.array(plans))
    table = pa.table(
        {"instance": instance, "plan": plan, "solve_probability": amounts[0], "spend": amounts[1]}
    )
    # Under its own name only once it is whole: a worker may die, and another write it again.
    write_whole(
        Path(folder) / f"part-{block.start:012d}.parquet",
        lambda part: pq.write_table(table, part),
    )
