"""An estimate that a command found: to the terminal, as a picture, as a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from arbmodels.cli.output import about, show, show_json
from arbmodels.cli.pictures import save_picture
from arbmodels.cli.tables import save_table
from arbmodels.display import TextTable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from arbmodels.market import Market


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
    if plot is not None:
        save_picture(draw(), plot)
    if output is not None:
        save_table(found.to_frame(), output)
    if json:
        show_json({**about(market), **found.to_dict()})
        return
    show(found.table())
    if plot is not None:
        show(f"Figure: {plot}")
    if output is not None:
        show(f"Table: {output}")
