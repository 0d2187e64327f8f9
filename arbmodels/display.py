"""How results look: one table for terminals and notebooks, one colour per model."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import Field, dataclass, fields, is_dataclass
from html import escape
from itertools import islice
from numbers import Real
from textwrap import fill, shorten
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

#: Colour-blind safe (Okabe and Ito 2008); the arbitrageur has a colour of its own.
_PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
ARBITRAGEUR_COLOR = "#B22222"

#: Colors of models that several data sets contain, the same in every picture.
_COLORS = {
    "gpt5mini": _PALETTE[0],
    "deepseek": _PALETTE[1],
    "sonnet": _PALETTE[3],
    "qwen3-coder-480b": _PALETTE[5],
    "qwen3-coder-30b": _PALETTE[2],
    "minicoder4b": _PALETTE[4],
    "mini-coder-4b": _PALETTE[4],
    "mixtral-8x7b": _PALETTE[1],
    "gpt4-1106": _PALETTE[0],
}


#: Cells of up to this many characters stay on one line.
_NEVER_WRAPPED = 24
#: Headings are not broken into lines shorter than this.
_HEADING = 8
#: Blanks between two columns.
_BETWEEN = 3
#: Numbers, names and entries that a summary lists one by one; characters of one entry at most.
_NAMED, _LONGEST = 4, 60
#: Rows of a game's table at most.
_ROWS = 10

_DIGIT = re.compile(r"\d")
#: What stands in numbers such as "1.2%", "3 of 5", "2e-07", "-8% (-8% to +78%)".
_NUMERIC = re.compile(r"[\s\d.,:;%()/<>=~±+*†×x$∞–−-]|\b(?:to|of|e-?\d+|nan|inf|s|ms|USD)\b")


def model_color(model: str, models: Sequence[str]) -> str:
    """Return the same colour for the same model in every figure."""
    if model in _COLORS:
        return _COLORS[model]
    return _PALETTE[list(models).index(model) % len(_PALETTE)]


def new_axes(width: float = 5.0, height: float = 3.4) -> Axes:
    """Return fresh axes in the house style; Matplotlib is imported only here."""
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=(width, height), layout="constrained")
    return styled(axes)


def styled(ax: Axes) -> Axes:
    """Put axes into the house style."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(visible=True, alpha=0.25, linewidth=0.6)
    return ax


def number(value: float, digits: int = 4) -> str:
    """Format ``value`` with ``digits`` significant digits; an en dash where undefined."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value != 0 and (abs(value) < 1e-3 or abs(value) >= 1e6):
        return f"{value:.{digits - 1}e}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else digits - 1
    return f"{value:,.{decimals}f}"


def percent(value: float, decimals: int = 1) -> str:
    """Format a share as a percentage; an en dash where undefined."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.{decimals}f}%"


def aligned_right(cells: Sequence[str]) -> bool:
    """Return whether most cells of a column are numbers, with units, ranges and intervals."""
    filled = [cell for cell in cells if cell.strip(" –-")]
    numbers = [cell for cell in filled if _DIGIT.search(cell) and not _NUMERIC.sub("", cell)]
    return len(numbers) > len(filled) / 2


def wrapped(text: str, width: int) -> str:
    """Break lines between words only, so that names and paths stay whole."""
    return "\n".join(
        fill(
            line,
            width,
            subsequent_indent="    " if line.startswith(" ") else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in text.split("\n")
    )


@dataclass(frozen=True, repr=False)
class TextTable:
    """A titled table with a note, ready for a terminal or a notebook.

    Parameters
    ----------
    title, note : str
        Shown above and below the table.
    columns : sequence of str
        Headings, units included.
    rows : sequence of sequence of str
        Cells, already formatted. Columns of numbers are aligned to the right, others to the left.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def text(self, width: int = 110) -> str:
        """Return the table for a terminal of ``width`` characters; no number is cut in two.

        Columns that do not fit beside the others follow below, the first column repeated.
        """
        drawn = [line for columns in self._fitting(width) for line in self._drawn(columns, width)]
        return "\n".join(
            [
                wrapped(self.title, width),
                *drawn,
                *(["", wrapped(self.note, width)] * bool(self.note)),
            ]
        )

    def _heading(self, position: int) -> tuple[str, int]:
        """Return the heading over lines, and the characters of the widest cell."""
        widest = max((len(str(row[position])) for row in self.rows), default=0)
        return fill(self.columns[position], max(widest, _HEADING), break_long_words=False), widest

    def _needed(self, position: int) -> int:
        """Return how wide a column is at least; long texts and first columns may wrap."""
        heading, cells = self._heading(position)
        lines = max(map(len, heading.split("\n")))
        if position:
            return max(min(cells, _NEVER_WRAPPED), lines) + _BETWEEN
        words = [word for row in self.rows for word in str(row[0]).split()]
        return max([lines, *map(len, words)]) + _BETWEEN + 1

    def _fitting(self, width: int) -> list[list[int]]:
        """Return the columns that are drawn beside each other, part by part."""
        parts, left = [[0]], width - self._needed(0)
        for position in range(1, len(self.columns)):
            needed = self._needed(position)
            if needed > left and len(parts[-1]) > 1:
                parts.append([0])
                left = width - self._needed(0)
            parts[-1].append(position)
            left -= needed
        return parts

    def _drawn(self, columns: Sequence[int], width: int) -> list[str]:
        """Draw some of the columns."""
        table = Table(box=SIMPLE_HEAD)
        first = max(self._heading(0)[1], self._needed(0) - _BETWEEN - 1)
        rest = sum(map(self._needed, columns[1:]))
        sides = self._sides()
        # Text objects, so that brackets in a name or unit are not taken for markup.
        for position in columns:
            heading, cells = self._heading(position)
            table.add_column(
                Text(heading),
                justify="right" if sides[position] == "right" else "left",
                no_wrap=cells <= _NEVER_WRAPPED and (position > 0 or first + rest < width),
                overflow="fold",
            )
        for row in self.rows:
            table.add_row(*[Text(str(row[position])) for position in columns])
        buffer = io.StringIO()
        console = Console(
            file=buffer,
            width=max(width, self._needed(0) + rest),
            # In a notebook rich would draw by itself, beside the HTML.
            force_jupyter=False,
            force_terminal=False,
            color_system=None,
        )
        console.print(table)
        return [line.rstrip() for line in buffer.getvalue().rstrip().splitlines()]

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.html()

    def html(self) -> str:
        """Return the table for a notebook."""
        sides = self._sides()

        def row(tag: str, cells: Sequence[str]) -> str:
            return "".join(
                f'<{tag} style="text-align: {side}">{escape(str(cell))}</{tag}>'
                for side, cell in zip(sides, cells, strict=True)
            )

        body = "".join(f"<tr>{row('td', cells)}</tr>" for cells in self.rows)
        note = f'<p style="white-space: pre-line">{escape(self.note)}</p>' if self.note else ""
        return (
            f"<div><strong>{escape(self.title)}</strong>"
            f"<table><thead><tr>{row('th', self.columns)}</tr></thead>"
            f"<tbody>{body}</tbody></table>{note}</div>"
        )

    def _sides(self) -> list[str]:
        columns = [[str(row[place]) for row in self.rows] for place in range(len(self.columns))]
        return ["right" if aligned_right(cells) else "left" for cells in columns]


def models_table(
    title: str, summary: pd.DataFrame, notes: Sequence[str], *, complete: bool
) -> TextTable:
    """Return the table of a market's models.

    Parameters
    ----------
    title : str
        With the unit of the costs.
    summary : DataFrame
        As :meth:`arbmodels.market.Market.summary` returns it.
    notes : sequence of str
        Shown below the table, after what its columns mean.
    complete : bool
        Whether every model has a record on every instance; the number of records is shown
        otherwise.
    """
    rows = summary.to_dict("records")
    graded = "score" in summary
    what = "score" if graded else "solve_rate"

    def shown(value: float) -> str:
        return number(value, 3) if graded else percent(value)

    columns = {
        "model": [str(model) for model in summary.index],
        "records": [str(row["instances"]) for row in rows],
        "attempts": [
            f"{row['attempts_min']}/{row['attempts_median']:g}/{row['attempts_max']}"
            for row in rows
        ],
        what.replace("_", " "): [
            f"{shown(row[what])} ± {shown(row[f'{what}_standard_error'])}" for row in rows
        ],
    }
    once = "score: mean of one attempt, from 0 to 1, ± standard error."
    if not graded:
        once = "solve rate: of one attempt, ± standard error. solved once: by any attempt."
        columns["solved once"] = [percent(row["solved_at_least_once"]) for row in rows]
    columns["mean cost"] = [number(row["mean_cost"], 3) for row in rows]
    columns["median cost"] = [number(row["median_cost"], 3) for row in rows]
    if complete:
        del columns["records"]  # the title says how many
    meaning = f"attempts: per instance, min/median/max. {once} cost: of one attempt."
    cells = list(zip(*columns.values(), strict=True))
    return TextTable(title, list(columns), cells, "\n".join((meaning, *notes)))


def summary(value: Any) -> str:
    """Return what a value is in a few words: sizes and ranges, never a whole array.

    Parameters
    ----------
    value : anything

    Examples
    --------
    >>> summary([0.25, 1.0]), summary(range(100)), summary({"a": 2})
    ('0.2500, 1.000', '0, 1, 2, ... (100)', 'a: 2')
    """
    if value is None:
        return "–"
    if isinstance(value, Real) and not isinstance(value, bool):
        text = f"{value:,}" if isinstance(value, int) else number(float(value))
    elif hasattr(value, "columns") and hasattr(value, "shape"):
        text = f"{len(value):,} rows of {', '.join(map(str, value.columns))}"
    elif hasattr(value, "shape"):
        text = _of_array(value)
    elif isinstance(value, Mapping):
        text = _listed(value.items(), lambda pair: f"{summary(pair[0])}: {summary(pair[1])}")
    elif isinstance(value, Collection) and not isinstance(value, str) and not _is_named(value):
        text = _listed(value, summary)
    elif isinstance(value, str | bool):
        text = str(value)
    else:
        name = getattr(value, "__name__", None) or getattr(value, "name", None)
        kind = "" if hasattr(value, "__name__") else type(value).__name__
        text = f"{kind} {name}".strip() if isinstance(name, str) else kind
    return shorten(text, _LONGEST, placeholder="...")


def brief(record: Any) -> str:
    """Return a named tuple on one line, arrays as sizes and ranges."""
    pairs = zip(record._fields, record, strict=True)
    inside = ", ".join(f"{name}={summary(value)}" for name, value in pairs)
    return f"{type(record).__name__}({inside})"


def _is_named(value: Any) -> bool:
    return hasattr(value, "_fields")  # a named tuple stands for itself


def _listed(values: Collection[Any], text: Callable[[Any], str]) -> str:
    few = len(values) <= _NAMED
    shown = [text(value) for value in islice(values, _NAMED if few else _NAMED - 1)]
    if len(shown) > 1 and len(set(shown)) == 1:
        return f"{len(values):,} x {shown[0]}"
    return ", ".join(shown) + ("" if few else f", ... ({len(values):,})")


def _of_array(value: Any) -> str:
    shape = " x ".join(f"{size:,}" for size in value.shape)
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind == "b":
        return f"{int(value.sum()):,} of {value.size:,} True"
    if kind not in "iuf" or not hasattr(value, "tolist"):
        return f"{shape} {'names' if kind in 'OU' else 'entries'}"
    if value.ndim <= 1 and value.size <= _NAMED:
        return ", ".join(map(summary, value.reshape(-1).tolist()))
    known = value[abs(value) < math.inf]
    if not known.size:
        return f"{shape} numbers, none finite"
    low, high = float(known.min()), float(known.max())
    same = low == high
    return f"{shape} numbers, " + (number(low) if same else f"{number(low)} to {number(high)}")


def first(rows: Sequence[Sequence[str]], what: str) -> tuple[Sequence[Sequence[str]], str]:
    """Return the first ten rows, and a sentence about the others.

    Examples
    --------
    >>> first([("a",)] * 12, "sellers")[1]
    '2 more sellers.'
    """
    more = len(rows) - _ROWS
    return rows[:_ROWS], f"{more:,} more {what}." if more > 0 else ""


class Displayed:
    """Anything that shows itself as a :class:`TextTable` in a terminal and in a notebook."""

    def table(self) -> TextTable:
        """Return the table that stands for this object: of a data class, a row per field."""
        given: tuple[Field[Any], ...] = fields(self) if is_dataclass(self) else ()
        rows = [
            (field.name.replace("_", " "), summary(getattr(self, field.name)))
            for field in given
            if field.name != "name" and not field.name.startswith("_")
        ]
        kind, name = type(self).__name__, getattr(self, "name", "")
        return TextTable(f"{kind}: {summary(name)}" if name else kind, ("field", "value"), rows)

    def __str__(self) -> str:
        return self.table().text()

    def __repr__(self) -> str:
        return self.table().text()

    def _repr_html_(self) -> str:
        return self.table().html()
