"""The cost-quality curves of several ways to route, with bands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.display import (
    ARBITRAGEUR_COLOUR,
    Displayed,
    TextTable,
    model_label,
    new_axes,
    number,
    percent,
)
from arbmodels.errors import InputError
from arbmodels.predict.result import CrossFitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = npt.NDArray[np.float64]

Method = Literal["random", "threshold", "predicted", "oracle"]
METHODS: tuple[Method, ...] = get_args(Method)

_LABELS: dict[Method, str] = {
    "random": "random mixing",
    "threshold": "threshold on the predicted gain",
    "predicted": "predicted, by multiplier",
    "oracle": "oracle (bound, not deployable)",
}
_COLOURS: dict[Method, str] = {
    "random": "0.45",
    "threshold": "#0072B2",
    "predicted": ARBITRAGEUR_COLOUR,
    "oracle": "0.15",
}
#: Rounding in a mean cost.
_ROUNDING = 1e-12
#: Shares of the gap in solve rate between the cheapest and the best model.
_SHARES = (0.5, 0.8, 0.95)


@dataclass(frozen=True, eq=False, repr=False)
class CostQuality(Displayed):
    """Solve rate against mean cost, for four ways to route.

    Made by :func:`arbmodels.cost_quality`. Costs are means per instance in the market's currency.

    Attributes
    ----------
    predictions : CrossFitted
        What was routed by.
    instances : int
        How many were scored.
    cheapest, best : int
        Columns of the models between which quality is bought.
    singles : float array [2, M]
        Mean cost and solve rate of each model alone.
    points : dict method -> float array [2, rules]
        Mean cost and solve rate of every rule of the method.
    cost : float array [G]
        Grid from the cheapest model's mean cost to the best one's.
    solve_rate : dict method -> float array [G]
    resampled_singles : float array [B, 2, M]
    resampled_points : dict method -> float array [B, 2, rules]
        The same on bootstrap resamples of the instances.
    """

    predictions: CrossFitted
    instances: int
    cheapest: int
    best: int
    singles: FloatArray
    points: dict[Method, FloatArray]
    cost: FloatArray
    solve_rate: dict[Method, FloatArray]
    resampled_singles: FloatArray
    resampled_points: dict[Method, FloatArray]

    def band(self, method: Method, level: float = 0.95) -> FloatArray:
        """Return the ends of the bootstrap interval at each cost of the grid, [2, G]."""
        _check(method)
        curves = [along(point, self.cost) for point in self.resampled_points[method]]
        if not curves:
            return np.full((2, len(self.cost)), np.nan)
        tail = (1 - level) / 2
        ends: FloatArray = np.quantile(curves, [tail, 1 - tail], axis=0)
        return ends

    def area(self, method: Method) -> float:
        """Return the mean share of the gap in solve rate that is recovered, over the grid's costs.

        0: no better than the cheapest model at any cost; 1: the best model's solve rate at the
        cheapest one's cost. Random mixing of two models has 0.5. The same as the "average
        performance gap recovered" of Ong et al. (2024), with cost in the place of calls.
        """
        _check(method)
        return _area(self.points[method], self.singles, self.cheapest, self.best, len(self.cost))

    def area_interval(self, method: Method, level: float = 0.95) -> tuple[float, float]:
        """Return the bootstrap interval of :meth:`area`; NaN without resamples."""
        _check(method)
        drawn = [
            _area(point, single, self.cheapest, self.best, len(self.cost))
            for point, single in zip(
                self.resampled_points[method], self.resampled_singles, strict=True
            )
        ]
        if not drawn:
            return np.nan, np.nan
        low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def quality_at(self, cost: float, method: Method = "predicted") -> float:
        """Return the solve rate for a mean cost; NaN below the method's cheapest rule."""
        _check(method)
        point = self.points[method]
        if not np.isfinite(cost):
            raise InputError(f"cost must be a number, not {cost!r}.")
        least = point[0, 0] * (1 - _ROUNDING)
        return float(along(point, np.array([cost]))[0]) if cost >= least else float("nan")

    def cost_at(self, solve_rate: float, method: Method = "predicted") -> float:
        """Return the least mean cost at which the method reaches a solve rate; NaN if never."""
        _check(method)
        cost, solved = self.points[method]
        reached = np.flatnonzero(solved >= solve_rate)
        if not len(reached):
            return float("nan")
        first = int(reached[0])
        if first == 0:
            return float(cost[0])
        share = (solve_rate - solved[first - 1]) / (solved[first] - solved[first - 1])
        return float(cost[first - 1] + share * (cost[first] - cost[first - 1]))

    def metrics(self) -> pd.DataFrame:
        """Return one row per method: area with its interval, and costs of shares of the gap.

        ``cost_50`` and so on: cost at which half (80%, 95%) of the gap in solve rate is recovered,
        as a share of the best model's cost. ``top_cost``, ``top_rate``: where cost is no object (a
        multiplier or threshold of zero for all). Where the cheapest model is also the best there is
        no gap, and what is said of it is NaN.
        """
        low, high = self.singles[1, self.cheapest], self.singles[1, self.best]
        dear = self.singles[0, self.best] if self.best != self.cheapest else np.nan
        rows: dict[str, dict[str, float]] = {}
        for method in METHODS:
            ends = self.area_interval(method)
            reached = [low + share * (high - low) for share in _SHARES]
            row: dict[str, float] = {"deployable": method != "oracle", "area": self.area(method)}
            row["area_low"], row["area_high"] = ends
            row["top_cost"], row["top_rate"] = self.points[method][:, -1]
            for share, rate in zip(_SHARES, reached, strict=True):
                row[f"cost_{100 * share:.0f}"] = self.cost_at(rate, method) / dear
            rows[method] = row
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")

    def to_frame(self) -> pd.DataFrame:
        """Return the curves on the grid: cost, and the solve rate of every method."""
        return pd.DataFrame({"cost": self.cost}).assign(**self.solve_rate)

    def to_dict(self) -> dict[str, Any]:
        """Return metrics and curves as plain Python values, ready for JSON."""
        return {
            "label": self.predictions.label,
            "instances": self.instances,
            "metrics": self.metrics().to_dict("index"),
            "curves": self.to_frame().to_dict("list"),
        }

    def table(self) -> TextTable:
        """Return the table shown in terminals and notebooks."""
        market = self.predictions.market
        weak, strong = (model_label(market.models[m]) for m in (self.cheapest, self.best))
        low, high = self.singles[:, self.cheapest], self.singles[:, self.best]
        if self.best == self.cheapest:
            return self._without_gap()
        rows = [
            (
                _LABELS[method],
                number(row["area"], 3),
                f"{number(row['area_low'], 3)} to {number(row['area_high'], 3)}",
                *(percent(row[f"cost_{100 * share:.0f}"]) for share in _SHARES),
            )
            for method, row in zip(METHODS, self.metrics().to_dict("records"), strict=True)
        ]
        return TextTable(
            f"{market.name}: {self.instances} instances routed between {weak} (solves"
            f" {percent(low[1])} at {number(low[0], 3)} {market.currency}) and {strong}"
            f" ({percent(high[1])} at {number(high[0], 3)})",
            (
                "method",
                "gap recovered",
                "95% interval",
                *(f"cost at {100 * share:.0f}% of the gap" for share in _SHARES),
            ),
            rows,
            f"Predictions: {self.predictions.label}. gap recovered: mean share of the gap in solve"
            f" rate, over costs between the two models. cost: as a share of {strong}'s. Intervals:"
            " bootstrap of the instances, predictions held. The oracle knows each instance's own"
            " outcome and cost; nobody does.",
        )

    def _without_gap(self) -> TextTable:
        """Say that one model is the cheapest and the best, and what each method adds to it."""
        market, (cost, solved) = self.predictions.market, self.singles[:, self.best]
        rows = [
            (
                _LABELS[method],
                percent(row["top_rate"], 2),
                f"{100 * (row['top_rate'] - solved):+.2f}",
                number(row["top_cost"], 3),
            )
            for method, row in zip(METHODS, self.metrics().to_dict("records"), strict=True)
        ]
        model = model_label(market.models[self.best])
        return TextTable(
            f"{market.name}: {self.instances} instances; {model} is the cheapest"
            f" ({number(cost, 3)} {market.currency}) and the best ({percent(solved, 2)}) model",
            ("method", "solve rate", "points above", f"mean cost [{market.currency}]"),
            rows,
            f"Predictions: {self.predictions.label}. There is no gap between models to recover."
            " Each method where cost is no object: by the largest predicted solve rate, the oracle"
            " by each instance's own outcome, which nobody knows.",
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw solve rate against mean cost per 1,000 instances, with 95% bands."""
        axes = new_axes(6.2, 4.0) if ax is None else ax
        market, scale = self.predictions.market, 1000.0
        shown = self.cost * scale
        for method in METHODS:
            oracle = method == "oracle"
            axes.plot(
                shown,
                self.solve_rate[method],
                color=_COLOURS[method],
                linewidth=1.4 if oracle else 1.8,
                linestyle=(0, (4, 2)) if oracle else "-",
                label=_LABELS[method],
            )
            low, high = self.band(method)
            axes.fill_between(
                shown,
                low,
                high,
                color=_COLOURS[method],
                alpha=0.10 if oracle else 0.18,
                linewidth=0,
            )
        for m, model in enumerate(market.models):
            cost, solved = self.singles[:, m]
            axes.plot(scale * cost, solved, "o", color="black", markersize=5, zorder=5)
            axes.annotate(
                model_label(model),
                (scale * cost, solved),
                xytext=(7, -9),
                textcoords="offset points",
                fontsize=8,
            )
        axes.set(
            xlabel=f"mean cost [{market.currency} per 1,000 instances]",
            ylabel="solve rate",
        )
        left, right = axes.get_xlim()
        axes.set_xlim(left, right + 0.12 * (right - left))  # room for the last model's name
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
        axes.set_title(f"{self.instances:,} instances; {self.predictions.label}", fontsize=8)
        axes.legend(frameon=False, fontsize=8, loc="best")
        return axes


def _check(method: str) -> None:
    if method not in METHODS:
        raise InputError(f"no method {method!r}; there are {', '.join(METHODS)}.")


def along(point: FloatArray, grid: FloatArray) -> FloatArray:
    """Return the solve rate at each cost, by mixing neighbouring rules; flat beyond the last.

    Flat before the first too: a resample may have its cheapest rule a bit inside the grid.
    """
    answer: FloatArray = np.interp(grid, np.maximum.accumulate(point[0]), point[1])
    return answer


def _area(point: FloatArray, singles: FloatArray, cheapest: int, best: int, size: int) -> float:
    if cheapest == best:
        return float("nan")
    cost, solved = singles
    grid = np.linspace(cost[cheapest], cost[best], size)
    share = (along(point, grid) - solved[cheapest]) / (solved[best] - solved[cheapest])
    return float(np.trapezoid(share, dx=1 / (size - 1)))
