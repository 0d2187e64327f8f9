"""The cost-quality curves of several ways to route, with bands.

What routing by predictions yields: quality for every cost, against random and the oracle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from arbmodels._checks import aligned, seed_of, whole_of
from arbmodels._pandas import pd
from arbmodels.display import (
    ARBITRAGEUR_COLOR,
    Displayed,
    TextTable,
    new_axes,
    number,
    percent,
)
from arbmodels.errors import InputError
from arbmodels.predict.fit import CrossFitted

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
    "predicted": ARBITRAGEUR_COLOR,
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
        weak, strong = (market.models[m] for m in (self.cheapest, self.best))
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
            f"{market.name}: {self.instances} instances routed between {weak}"
            f" ({market.rate_name} {percent(low[1])} at {number(low[0], 3)}"
            f" {market.currency}) and {strong}"
            f" ({percent(high[1])} at {number(high[0], 3)})",
            (
                "method",
                "gap recovered",
                "95% interval",
                *(f"cost at {100 * share:.0f}% of the gap" for share in _SHARES),
            ),
            rows,
            f"Predictions: {self.predictions.label}. gap recovered: mean share of the gap in"
            f" {market.rate_name}, over costs between the two models. cost: as a share of"
            f" {strong}'s. Intervals: bootstrap of the instances, predictions held. The oracle"
            " knows each instance's own outcome and cost; nobody does.",
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
        model = market.models[self.best]
        return TextTable(
            f"{market.name}: {self.instances} instances; {model} is the cheapest"
            f" ({number(cost, 3)} {market.currency}) and the best ({percent(solved, 2)}) model",
            ("method", market.rate_name, "points above", f"mean cost [{market.currency}]"),
            rows,
            f"Predictions: {self.predictions.label}. There is no gap between models to recover."
            f" Each method where cost is no object: by the largest predicted {market.rate_name},"
            " the oracle by each instance's own outcome, which nobody knows.",
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
                model,
                (scale * cost, solved),
                xytext=(7, -9),
                textcoords="offset points",
                fontsize=8,
            )
        axes.set(
            xlabel=f"mean cost [{market.currency} per 1,000 instances]",
            ylabel=market.rate_name,
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


IntArray = npt.NDArray[np.int64]

#: Rules per method (prices, thresholds), and points of the common grid of costs.
_RULES = 201
_GRID = 201
#: Rules whose outcomes are held at once.
_AT_ONCE = 32


def cost_quality(
    predictions: CrossFitted,
    *,
    where: npt.ArrayLike | None = None,
    resamples: int = 200,
    seed: int = 0,
) -> CostQuality:
    r"""Return mean cost and solve rate of four ways to route, scored on the recorded outcomes.

    *random*: each instance to a model by a coin (the single models and their mixtures).
    *threshold*: to the best model where its predicted solve probability exceeds the cheapest
    model's by a threshold, whatever the costs. *predicted*: by a multiplier lambda,

    .. math:: \arg\max_m \hat p_{im} - \lambda \hat q_{im}.

    *oracle*: the same with the recorded outcome and cost of the instance itself, which nobody knows
    beforehand: a bound, not deployable. Each threshold and each multiplier is one point; between
    neighbouring points one mixes at random. Predictions are cross-fitted and rules are not fitted
    at all, so the first three can be deployed; which multiplier meets a given cost is to be found
    on earlier instances, or online. Where the cheapest model is also the best, there is no gap to
    recover (areas and costs of shares are NaN) and nothing to mix; predictions and the oracle may
    still solve more, by serving some instances with models that are worse on average.

    Parameters
    ----------
    predictions : CrossFitted
        All pairs must have been recorded.
    where : bool array [N], optional
        Only these instances, such as ``features["benchmark"] == "gsm8k"``.
    resamples : int
        Bootstrap resamples of the instances, for the bands; the predictions stay as they are. 0:
        no bands.
    seed : int
        Of the resamples.

    Returns
    -------
    CostQuality

    Raises
    ------
    InputError
        If pairs lack a record, or nothing is selected.

    References
    ----------
    Ong et al., *RouteLLM: learning to route LLMs with preference data*, arXiv 2406.18665 (2024).
    """
    if not isinstance(predictions, CrossFitted):
        raise InputError(f"predictions is a {type(predictions).__name__}; give those of cross_fit.")
    market = predictions.market
    if not market.recorded.all():
        raise InputError(
            f"{market.name}: some pairs lack a record, so that routing to them cannot be scored."
            " Predict for market.intersection()."
        )
    rows = _selected(
        aligned(where, {0: (market.instances, "instance")}, "where"), len(market.instances)
    )
    resamples, seed = whole_of(resamples, "number of resamples"), seed_of(seed)
    rate = market.score[rows]
    paid = market.cost[rows]
    weight = market.weight[rows] / market.weight[rows].sum()
    means = np.stack([weight @ paid, weight @ rate])
    cheapest, best = _anchors(means)
    solve, cost = predictions.solve[rows], predictions.cost[rows]
    choices = {
        "random": _mixtures(means, cheapest, best, len(rate)),
        "threshold": _thresholds(solve[:, best] - solve[:, cheapest], cheapest, best),
        "predicted": _from_cheapest(_multipliers(solve, cost), cheapest, weight, paid),
        "oracle": _multipliers(rate, paid),
    }
    weights = _resampled(weight, resamples, np.random.default_rng(seed))
    means_of = {method: _means(weights, choices[method], paid, rate) for method in METHODS}
    points = {method: means_of[method][0] for method in METHODS}
    # Where one model is both, what may be better than it costs more: to the dearest rule.
    dearest = means[0, best] if best != cheapest else max(p[0].max() for p in points.values())
    grid = np.linspace(means[0, cheapest], dearest, _GRID)
    return CostQuality(
        predictions,
        len(rows),
        cheapest,
        best,
        means,
        points,
        grid,
        {method: along(points[method], grid) for method in METHODS},
        np.stack([weights[1:] @ paid, weights[1:] @ rate], axis=1),
        {method: means_of[method][1:] for method in METHODS},
    )


def _selected(where: npt.ArrayLike | None, count: int) -> IntArray:
    if where is None:
        return np.arange(count)
    try:
        mask = np.asarray(where)
    except (TypeError, ValueError) as error:
        raise InputError("where is not a list of True and False.") from error
    if mask.dtype != bool or mask.shape != (count,):
        raise InputError(
            f"where must be one True or False for each of the {count} instances; it is"
            f" {mask.dtype} of shape {mask.shape}."
        )
    if not mask.any():
        raise InputError("where selects no instance. Select some.")
    return np.flatnonzero(mask)


def _anchors(means: FloatArray) -> tuple[int, int]:
    """Return the cheapest and the best model; of equals the better, and the cheaper."""
    cost, solved = means
    cheapest = int(np.lexsort([-solved, cost])[0])
    return cheapest, int(np.lexsort([cost, -solved])[0])


def _mixtures(means: FloatArray, cheapest: int, best: int, count: int) -> IntArray:
    """Return the single models on the upper concave hull, from the cheapest to the best."""
    path = [cheapest]
    while path[-1] != best:
        here = path[-1]
        dearer = np.flatnonzero((means[0] > means[0, here]) & (means[1] > means[1, here]))
        slope = (means[1, dearer] - means[1, here]) / (means[0, dearer] - means[0, here])
        path.append(int(dearer[slope.argmax()]))
    return np.repeat(np.array(path)[:, None], count, axis=1)


def _thresholds(gain: FloatArray, cheapest: int, best: int) -> IntArray:
    """Return who serves each instance per threshold: from all the cheapest to all the best."""
    levels = np.unique(np.quantile(gain, np.linspace(0, 1, _RULES - 1), method="lower"))[::-1]
    rules: IntArray = np.where(gain >= np.append(np.inf, levels)[:, None], best, cheapest)
    return rules


def _multipliers(value: FloatArray, cost: FloatArray) -> IntArray:
    """Return, per multiplier, who serves each instance; from an infinite multiplier to zero."""
    gain = value[:, :, None] - value[:, None, :]
    more = cost[:, :, None] - cost[:, None, :]
    ratio = gain[(gain > 0) & (more > 0)] / more[(gain > 0) & (more > 0)]
    inner = np.unique(np.quantile(ratio, np.linspace(0, 1, _RULES - 2))) if len(ratio) else ()
    rules = [cost.argmin(axis=1)]
    for multiplier in (*inner[::-1], 0.0):
        reduced = value - multiplier * cost
        top = reduced.max(axis=1, keepdims=True)
        # Of equally good models the cheapest.
        rules.append(np.where(reduced >= top, cost, np.inf).argmin(axis=1))
    return np.array(rules)


def _from_cheapest(
    rules: IntArray, cheapest: int, weight: FloatArray, paid: FloatArray
) -> IntArray:
    """Put the cheapest model alone before rules whose least costs more than it: it needs no rule.

    The model predicted to be the cheapest of each instance can turn out to be dearer.
    """
    least = weight @ np.take_along_axis(paid, rules[0][:, None], axis=1)[:, 0]
    if least <= weight @ paid[:, cheapest]:
        return rules
    return np.vstack([np.full_like(rules[0], cheapest), rules])


def _resampled(weight: FloatArray, resamples: int, rng: np.random.Generator) -> FloatArray:
    """Return the weights, and those of the instances drawn again with replacement, [1 + B, N]."""
    count = len(weight)
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=resamples) * weight
    # A resample of nothing but weightless instances says nothing.
    drawn = drawn[drawn.sum(axis=1) > 0]
    return np.vstack([weight, drawn / drawn.sum(axis=1, keepdims=True)])


def _means(weights: FloatArray, choice: IntArray, paid: FloatArray, rate: FloatArray) -> FloatArray:
    """Return mean cost and solve rate of every rule under every weighting, [1 + B, 2, rules]."""
    parts = []
    for start in range(0, len(choice), _AT_ONCE):
        rules = choice[start : start + _AT_ONCE].T
        parts.append(
            np.stack([weights @ np.take_along_axis(a, rules, axis=1) for a in (paid, rate)], axis=1)
        )
    return np.concatenate(parts, axis=2)
