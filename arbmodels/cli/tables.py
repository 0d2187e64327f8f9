"""Tables that a command writes: never over something unasked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from arbmodels.errors import InputError
from arbmodels.writing import write_whole

if TYPE_CHECKING:
    import pandas as pd

_ENDINGS = (".csv", ".parquet")


def check_table(path: Path | None, *, force: bool) -> None:
    """Refuse a file that could not be written or would overwrite something unasked.

    Raises
    ------
    InputError
        Before anything is computed.
    """
    if path is None:
        return
    if path.suffix.lower() not in _ENDINGS:
        raise InputError(f"{path}: a table's name ends in {' or '.join(_ENDINGS)}.")
    if path.is_dir():
        raise InputError(f"{path} is a folder. Name a file for the table.")
    if path.exists() and not force:
        raise InputError(f"{path} exists already. Overwrite it with --force, or name another file.")


def save_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame without its index, making its folder.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    make_folder_of(path)
    save = frame.to_csv if path.suffix.lower() == ".csv" else frame.to_parquet
    try:
        write_whole(path, lambda part: save(part, index=False))
    except ImportError as error:
        raise InputError(f"{path}: Parquet needs the extra parquet; or write a .csv.") from error


def make_folder_of(path: Path) -> None:
    """Make the folder of a file that is to be written.

    Raises
    ------
    InputError
        If it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {path.parent} cannot be made a folder ({error.strerror})."
            " Name another."
        ) from error
