"""What reaches the user: tables, strict JSON, a spinner while something takes long.

Tables that a command writes: never over something unasked.

Figures that a command writes: never over something unasked, without a window system.

An estimate that a command found: to the terminal, as a picture, as a table.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import typer

from arbmodels._writing import write_whole
from arbmodels.display import TextTable, styled, wrapped
from arbmodels.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from arbmodels.market import Market


#: What a file is for -> what it is called, and how its name ends.
FILES = {
    "plot": ("figure", (".png", ".pdf", ".svg")),
    "output": ("table", (".csv", ".parquet")),
    "export": ("program", (".mps", ".lp")),
}


def check_files(*, force: bool, **paths: Path | None) -> None:
    """Refuse files that could not be written or would overwrite something unasked.

    Parameters
    ----------
    force : bool
        Whether overwriting was asked for.
    plot, output, export : path, optional

    Raises
    ------
    InputError
        Before anything is computed.
    """
    for option, path in paths.items():
        if path is None:
            continue
        what, endings = FILES[option]
        if path.suffix.lower() not in endings:
            raise InputError(
                f"{path}: the name of a {what} ends in {', '.join(endings[:-1])} or {endings[-1]}."
            )
        if path.is_dir():
            raise InputError(f"{path} is a folder. Name a file for the {what}.")
        if path.exists() and not force:
            raise InputError(
                f"{path} exists already. Overwrite it with --force, or name another file."
            )


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


#: Of the output where there is no terminal to ask.
_WIDTH = 110


def show(*parts: TextTable | str) -> None:
    """Print tables and sentences, as wide as the terminal."""
    width = shutil.get_terminal_size((_WIDTH, 24)).columns
    for part in parts:
        typer.echo(part.text(width) if isinstance(part, TextTable) else wrapped(part, width))


def show_json(payload: Mapping[str, Any]) -> None:
    """Print strict JSON: null where a number is undefined or infinite."""
    typer.echo(json.dumps(_plain(payload), indent=2, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if hasattr(value, "tolist"):  # NumPy
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def about(market: Market) -> dict[str, Any]:
    """Return the keys every answer about a market begins with."""
    return {
        "market": market.name,
        "simulated": market.simulated,
        "models": market.models,
        "instances": len(market.instances),
        "notes": market.notes,
    }


def called(market: Market) -> str:
    """Return the market's name with what it is."""
    return f"{market.name} ({'simulated' if market.simulated else 'recorded'})"


@contextmanager
def working(what: str, *, quiet: bool) -> Iterator[None]:
    """Show a spinner on standard error, in a terminal only and never with ``quiet`` (--json)."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(f"{what} ..."):
        yield


class Estimate(Protocol):
    """What estimation returns."""

    def table(self) -> TextTable:
        """Return what people read."""
        ...

    def to_frame(self) -> pd.DataFrame:
        """Return all numbers as a table."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers as plain values."""
        ...


def drawn(
    plot: Callable[[Axes], Axes], market: Market, size: tuple[float, float] | None = None
) -> Figure:
    """Return a picture of one panel under the market's name; the size is in inches."""
    figure, (axes,) = new_picture()
    if size is not None:
        figure.set_size_inches(*size)
    plot(axes).set_title(called(market))
    return figure


def present(
    market: Market,
    tables: Callable[[], Sequence[TextTable | str]],
    values: Callable[[], dict[str, Any]],
    *,
    json: bool,
    plot: Path | None = None,
    draw: Callable[[], Figure] | None = None,
    output: Path | None = None,
    frame: Callable[[], pd.DataFrame] | None = None,
) -> None:
    """Show an answer, as tables or with ``json`` as plain values, and write the files asked for."""
    if plot is not None and draw is not None:
        save_picture(draw(), plot)
    if output is not None and frame is not None:
        save_table(frame(), output)
    if json:
        show_json({**about(market), **values()})
        return
    show(*tables())
    if plot is not None:
        show(f"Figure: {plot}")
    if output is not None:
        show(f"Table: {output}")


def deliver(
    found: Estimate,
    market: Market,
    draw: Callable[[], Figure],
    *,
    plot: Path | None,
    output: Path | None,
    json: bool,
) -> None:
    """Show an estimate, and write the files asked for; ``draw`` makes the picture."""
    tables, values = (lambda: [found.table()]), found.to_dict
    present(
        market, tables, values, json=json, plot=plot, draw=draw, output=output, frame=found.to_frame
    )
