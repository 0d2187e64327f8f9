"""How the figures look: sized for one column of a two-column paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

import arbmodels as arb
from paper_figures.allocations import FloatArray

#: Inches; the column of the usual two-column conference paper.
COLUMN_WIDTH = 3.4

STYLE: dict[Any, Any] = {
    "font.size": 7.0,
    "figure.titlesize": 8.0,
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
#: Titles of panels, by method.
POLICIES = {
    "authors": "Paper's policy",
    "exact": "Cheapest cascade",
    "held out": "Cheapest cascade,\ncross-validated",
}
#: Of more than two models the lattice is thinned: nobody knows that nothing is cheaper.
BEST_FOUND = {"exact": "Cheapest found", "held out": "Cheapest found,\ncross-validated"}
#: The arbitrageur by the exact method and, on top of it, by the authors' own.
EXACT: dict[str, Any] = {"color": arb.ARBITRAGEUR_COLOR, "lw": 1.5, "label": "Cheapest cascade"}
AUTHORS: dict[str, Any] = {
    "color": "0.15",
    "lw": 0.9,
    "ls": (0, (3, 1.5)),
    "label": "Paper's policy",
}
PROFIT: dict[str, Any] = {"color": arb.ARBITRAGEUR_COLOR, "alpha": 0.13, "lw": 0}
#: Where no single model sells, so that there is no market price.
NO_PRICE: dict[str, Any] = {"color": "0.93", "lw": 0, "zorder": 0}
#: From the exact curve to what no policy can beat.
BOUND: dict[str, Any] = {"color": "0.55", "alpha": 0.45, "lw": 0, "label": "Up to the proven limit"}
VALIDATED: dict[str, Any] = {
    "color": arb.ARBITRAGEUR_COLOR,
    "lw": 1.0,
    "ls": ":",
    "label": "Cheapest, cross-validated",
}

#: Names of the models as the paper prints them.
_NAMES = {
    "gpt5mini": "GPT-5 mini",
    "deepseek": "DeepSeek v3.2",
    "sonnet": "Claude Sonnet 4.5",
    "qwen3-coder-480b": "Qwen3 Coder 480B",
    "qwen3-coder-30b": "Qwen3 Coder 30B",
    "minicoder4b": "mini-coder 4B",
    "mini-coder-4b": "mini-coder 4B",
    "kimina-1.7b": "Kimina 1.7B",
    "kimina-8b": "Kimina 8B",
    "kimina-72b": "Kimina 72B",
    "prover-small": "Simulated small prover",
    "prover-medium": "Simulated medium prover",
    "prover-large": "Simulated large prover",
}
#: Colors of models that only these figures show; the others have theirs in the library.
_COLORS = {
    "kimina-1.7b": "#B5DDD8",
    "kimina-8b": "#5AAFA6",
    "kimina-72b": "#1F5F5B",
    "prover-small": "#B5DDD8",
    "prover-medium": "#5AAFA6",
    "prover-large": "#1F5F5B",
}


def label(model: str) -> str:
    """Return the printed name of a model."""
    return _NAMES.get(model, model)


def colour(model: str, models: Sequence[str]) -> str:
    """Return the colour of a model, the same in every figure."""
    return _COLORS[model] if model in _COLORS else arb.model_color(model, models)


def panels(rows: int, columns: int, height: float, **options: Any) -> tuple[Figure, list[Axes]]:
    """Return a column-wide figure with ``rows`` x ``columns`` axes, left to right, top to bottom.

    ``options`` are those of ``Figure.subplots``.
    """
    figure = Figure(figsize=(COLUMN_WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, list(axes.ravel())


def legend(figure: Figure, handles: Sequence[Artist], labels: Sequence[str]) -> None:
    """Put one legend for all panels above them, where nothing can be hidden."""
    wide = max(map(len, labels)) > _THREE_FIT
    columns = 2 if wide or len(labels) % 2 == 0 else 3
    figure.legend(handles, labels, loc="outside upper center", ncols=columns)


def note(axes: Axes, text: str) -> None:
    """Write a remark into the lower right corner, below the rising curves."""
    axes.text(0.985, 0.04, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=6)


def stack(
    axes: Axes, rates: FloatArray, shares: FloatArray, colours: Sequence[str]
) -> Sequence[Artist]:
    """Draw shares [rows, U] in percent on top of each other; white where they are not defined."""
    known = np.isfinite(shares).all(axis=0)
    layers = axes.stackplot(rates[known], shares[:, known], colors=colours[: len(shares)], lw=0)
    axes.set_xlim(rates[0], rates[-1])
    axes.set_ylim(0, 100)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    return layers


def draw_shares(record: dict[str, Any], titles: Mapping[str, str]) -> Figure:
    """Draw who receives the revenue without an arbitrageur, and with one of every kind.

    Parameters
    ----------
    record : dict
        ``shares`` by kind, "none" first, and ``drawn`` where ties are settled.
    titles : mapping
        Of the panels beside the first, by kind.
    """
    figure, axes = panels(2, 2, 3.0, sharex=True, sharey=True)
    models = record["market"]["models"]
    colours = [*(colour(model, models) for model in models), arb.ARBITRAGEUR_COLOR]
    layers: Sequence[Artist] = ()
    for panel, (kind, title) in zip(axes, {"none": "No arbitrage", **titles}.items(), strict=True):
        shares = dict(record["shares"][kind])
        rates = np.array(shares.pop("solve_rate"))
        rows = record["drawn"].get(kind) or np.vstack(list(shares.values()))
        layers = stack(panel, rates, np.array(rows, dtype=float), colours)
        panel.set_title(title)
    for panel in axes[2:]:
        panel.set_xlabel("Solve rate (%)")
    for panel in axes[::2]:
        panel.set_ylabel("Share of revenue (%)")
    legend(figure, layers, [*map(label, models), "Arbitrageur"])
    return figure
