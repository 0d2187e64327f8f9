"""Figures that a command writes: never over something unasked, without a window system."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from arbmodels.cli.tables import make_folder_of
from arbmodels.display import styled
from arbmodels.errors import InputError
from arbmodels.writing import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ENDINGS = (".png", ".pdf", ".svg")


def check_picture(path: Path | None, *, force: bool) -> None:
    """Refuse a picture that could not be written or would overwrite something unasked.

    Raises
    ------
    InputError
        Before anything is computed.
    """
    if path is None:
        return
    if path.suffix.lower() not in _ENDINGS:
        raise InputError(f"{path}: a figure's name ends in {', '.join(_ENDINGS)}.")
    if path.is_dir():
        raise InputError(f"{path} is a folder. Name a file for the figure.")
    if path.exists() and not force:
        raise InputError(f"{path} exists already. Overwrite it with --force, or name another file.")


def new_picture(columns: int = 1) -> tuple[Figure, list[Axes]]:
    """Return a figure with one row of axes in the house style, apart from pyplot's global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.0 + 4.2 * columns, 3.7), layout="constrained")
    panels = [styled(figure.add_subplot(1, columns, place + 1)) for place in range(columns)]
    return figure, panels


def save_picture(figure: Figure, path: Path) -> None:
    """Write a figure, making its folder.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    make_folder_of(path)
    # In memory first: writers of pictures end in errors of their own when the disk is full.
    picture = BytesIO()
    figure.savefig(picture, format=path.suffix[1:].lower(), dpi=200)
    write_whole(path, lambda part: part.write_bytes(picture.getvalue()))
