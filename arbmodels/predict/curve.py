"""What routing by predictions yields: quality for every cost, against random and the oracle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from arbmodels.checks import aligned, seed_of, whole_of
from arbmodels.errors import InputError
from arbmodels.predict.quality import METHODS, CostQuality, along
from arbmodels.predict.result import CrossFitted

FloatArray = npt.NDArray[np.float64]
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
    rate = market.successes[rows] / market.attempts[rows]
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
