"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from arbmodels.errors import InputError


def write_whole(path: str | os.PathLike[str], write: Callable[[Path], object]) -> Path:
    """Let ``write`` make a file beside ``path``, see it on the disk, and only then rename it.

    A full disk or an interruption leaves what was at ``path`` as it was, and no part of a file.

    Parameters
    ----------
    path : path
        A file of that name is replaced. A link stays one: what it points to is replaced.
    write : function of a Path
        Writes the file; the path it is given has the same ending.

    Returns
    -------
    Path
        ``path``.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    asked = Path(path)
    target = asked.resolve()
    if target.exists() and not target.is_file():
        what = "a folder" if target.is_dir() else "not an ordinary file"
        raise InputError(f"{asked} is {what}; name a file.")
    part = target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")
    try:
        write(part)
        # Some file systems tell of a full disk only when asked for the data.
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"{asked} cannot be written ({reason}); nothing was changed. Make room or name another"
            " file."
        ) from error
    finally:
        _remove(part)
    return asked


def _remove(part: Path) -> None:
    with suppress(OSError):  # a folder that cannot be written to has no part either
        part.unlink(missing_ok=True)
