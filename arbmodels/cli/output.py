"""What reaches the user: tables, strict JSON, a spinner while something takes long."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from arbmodels.display import TextTable, wrapped
from arbmodels.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from arbmodels.market import Market

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


def check_csv(path: Path | None, *, force: bool) -> None:
    """Refuse a table that could not be written or would overwrite something unasked.

    Raises
    ------
    InputError
        Before anything is computed.
    """
    if path is None:
        return
    if path.suffix.lower() != ".csv":
        raise InputError(f"{path}: a table's name ends in .csv.")
    if path.is_dir():
        raise InputError(f"{path} is a folder. Name a file for the table.")
    if path.exists() and not force:
        raise InputError(f"{path} exists already. Overwrite it with --force, or name another file.")


def save_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table, making its folder.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(path, index=False)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}). Name another.") from error


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
