"""How the figures look: sized for one column of a two-column paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from textwrap import wrap
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import arbmodels as arb

#: Inches; the column of the usual two-column conference paper.
COLUMN_WIDTH = 3.4

STYLE: dict[Any, Any] = {
    "font.size": 7.0,
    "axes.titlesize": 7.0,
    "axes.labelsize": 7.0,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "legend.labelspacing": 0.3,
    "legend.borderaxespad": 0.2,
    "lines.linewidth": 1.2,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.5,
    "pdf.fonttype": 42,  # letters stay letters: publishers ask for it
}


#: Labels up to this many characters fit into three columns.
_THREE_FIT = 16
#: Characters of a footnote's line, and inches that it takes.
_LINE, _LINE_HEIGHT = 76, 0.1
#: Titles of panels, by method.
POLICIES = {"authors": "Authors' policy", "exact": "Exact", "held out": "Exact, held out"}
#: Of more than two models the lattice is thinned: nobody knows that nothing is cheaper.
BEST_FOUND = {"exact": "Best found", "held out": "Best found, held out"}
#: The arbitrageur by the exact method and, on top of it, by the authors' own.
EXACT: dict[str, Any] = {"color": arb.ARBITRAGEUR_COLOUR, "lw": 1.5, "label": "Arbitrageur, exact"}
AUTHORS: dict[str, Any] = {
    "color": "0.15",
    "lw": 0.9,
    "ls": (0, (3, 1.5)),
    "label": "Arbitrageur, authors' policy",
}
PROFIT: dict[str, Any] = {"color": arb.ARBITRAGEUR_COLOUR, "alpha": 0.13, "lw": 0}
#: Where no single model sells, so that there is no market price.
NO_PRICE: dict[str, Any] = {"color": "0.93", "lw": 0, "zorder": 0}
#: From the exact curve to what no policy can beat.
BOUND: dict[str, Any] = {"color": "0.55", "alpha": 0.45, "lw": 0, "label": "Up to the proven bound"}
VALIDATED: dict[str, Any] = {
    "color": arb.ARBITRAGEUR_COLOUR,
    "lw": 1.0,
    "ls": ":",
    "label": "Exact, cross-validated",
}

#: Names and colours of models that only these figures show; the others have theirs in the library.
_OTHERS = {
    "kimina-1.7b": ("Kimina 1.7B", "#56B4E9"),
    "kimina-8b": ("Kimina 8B", "#009E73"),
    "kimina-72b": ("Kimina 72B", "#0072B2"),
    "prover-small": ("Simulated small prover", "#56B4E9"),
    "prover-medium": ("Simulated medium prover", "#009E73"),
    "prover-large": ("Simulated large prover", "#0072B2"),
}


def label(model: str) -> str:
    """Return the printed name of a model."""
    return _OTHERS[model][0] if model in _OTHERS else arb.model_label(model)


def colour(model: str, models: Sequence[str]) -> str:
    """Return the colour of a model, the same in every figure."""
    return _OTHERS[model][1] if model in _OTHERS else arb.model_colour(model, models)


def in_style(draw: Callable[[dict[str, Any]], Figure]) -> Callable[[dict[str, Any]], Figure]:
    """Make a figure's ``draw`` draw in the house style, whatever the caller's settings."""

    @wraps(draw)
    def styled(record: dict[str, Any]) -> Figure:
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(STYLE)
            return draw(record)

    return styled


def panels(rows: int, columns: int, height: float, **options: Any) -> tuple[Figure, list[Axes]]:
    """Return a column-wide figure with ``rows`` x ``columns`` axes, left to right, top to bottom.

    ``options`` are those of ``Figure.subplots``.
    """
    figure = Figure(figsize=(COLUMN_WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, list(axes.ravel())


def heading(
    figure: Figure,
    title: str,
    market: dict[str, Any],
    handles: Sequence[Artist],
    labels: Sequence[str],
) -> None:
    """Put title, data and one legend for all panels above them, where nothing can be hidden."""
    kind = "simulated market" if market["simulated"] else "recorded attempts"
    wide = max(map(len, labels)) > _THREE_FIT
    figure.legend(
        handles,
        labels,
        title=f"{title} ({kind}, {market['instances']} {market['work']})",
        title_fontsize=8.0,
        loc="outside upper center",
        ncols=2 if wide or len(labels) % 2 == 0 else 3,
    )


def note(axes: Axes, text: str) -> None:
    """Write a remark into the lower right corner, below the rising curves."""
    axes.text(0.985, 0.04, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=6)


def footnote(figure: Figure, record: dict[str, Any]) -> None:
    """Write what is proven and what is validated below all panels, and make room for it."""
    missing = f" ({record['missing']}.)" if record.get("missing") else ""
    lines = wrap(
        f"{record['certificate']} {record['validation']}{missing}", _LINE, break_on_hyphens=False
    )
    figure.set_figheight(figure.get_figheight() + _LINE_HEIGHT * len(lines))
    figure.supxlabel("\n".join(lines), x=0.02, ha="left", fontsize=6, linespacing=1.15)
