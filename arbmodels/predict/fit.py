"""Cross-fitting: every prediction comes from a model that has not seen the instance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from arbmodels.checks import aligned, choice_of, coded, whole_of
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.predict.features import (
    FloatArray,
    IntArray,
    assign_folds,
    encode,
    read_features,
)
from arbmodels.predict.result import CrossFitted

Calibration = Literal["platt", "isotonic"]

#: Folds inside the training instances, for earlier outcomes and for calibration.
_INNER = 3
_WEIGHT = "sample_weight"
#: The largest seed that scikit-learn takes.
_MOST_SEED = 2**32 - 1
#: Scores of an estimator nearer to 0 or 1 are as good as there.
_SURE = 1e-12


def cross_fit(
    features: pd.DataFrame,
    market: Market,
    *,
    folds: int = 5,
    seed: int = 0,
    groups: Sequence[object] | None = None,
    classifier: Any = None,
    regressor: Any = None,
    calibration: Calibration = "platt",
) -> CrossFitted:
    """Predict every instance's solve probabilities and costs from the outcomes of other instances.

    The instances are divided into folds. For each fold, everything is fitted on the other folds:
    the rates of the levels of each category ("earlier outcomes"), the classifier, the map that
    calibrates its scores (on scores it gave to training instances that it had not been fitted on),
    and the regressor of costs. So no number depends on the outcome of its own instance.

    Parameters
    ----------
    features : DataFrame, indexed by instance
        What is known before an instance is served. Numbers are used as they are; text and
        categories become the solve rates, of every model, of other instances of the same level.
        A column that is the outcome itself is refused; subtler leaks are yours to rule out.
    market : Market
        Attempts, successes and costs. Pairs without a record are predicted and not learnt from.
    folds : int
        At least 2.
    seed : int
        Of the division into folds, and of the estimators by default.
    groups : sequence [N], optional
        Instances of one group stay in one fold: give the segments to measure how well predictions
        carry over to segments never seen.
    classifier, regressor : scikit-learn estimators, optional
        With ``predict_proba`` and ``predict``; ``fit`` must take ``sample_weight`` (of a pipeline:
        that of its last step). Gradient-boosted trees by default.
    calibration : {"platt", "isotonic"}
        A logistic curve through the scores, or any increasing one. On the RouteLLM data both give
        the same calibration error within its noise; the logistic one keeps the order of instances.

    Returns
    -------
    CrossFitted
        ``solve`` [N, M] and ``cost`` [N, M], with their scores against the base rate.

    Raises
    ------
    InputError
        If scikit-learn is missing, or an argument cannot be used.
    DataError
        If features are missing on some instances.
    """
    _need_sklearn()
    choice_of(calibration, get_args(Calibration), "calibration")
    if not isinstance(market, Market):
        raise InputError(f"market is a {type(market).__name__}; give a Market.")
    seed = whole_of(seed, "seed", 0, _MOST_SEED)
    if groups is not None:
        placed = aligned(groups, {0: (market.instances, "instance")}, "groups")
        names, codes = coded(placed, "group", len(market.instances))
        groups = [names[code] for code in codes]
    table = read_features(features, market)
    rng = np.random.default_rng(seed)
    fold = assign_folds(groups, len(market.instances), folds, rng)
    chosen_classifier = _default_classifier(seed) if classifier is None else classifier
    chosen_regressor = _default_regressor(seed) if regressor is None else regressor
    rate = np.where(market.recorded, market.successes / np.maximum(market.attempts, 1), np.nan)
    solve, cost = np.empty(rate.shape), np.empty(rate.shape)
    base, base_cost = np.empty(rate.shape), np.empty(rate.shape)
    with tqdm(total=folds * len(market.models), desc="cross-fitting", disable=None) as progress:
        for out in range(folds):
            train, test = fold != out, fold == out
            inner = np.zeros(len(fold), dtype=np.int64)
            inner[train] = _inner_folds(groups, train, rng)
            numbers = encode(table, rate, inner, train)
            for m, model in enumerate(market.models):
                known = train & market.recorded[:, m]
                if not known.any():
                    raise InputError(
                        f"{model} has no record outside fold {out}: nothing to learn from. Use"
                        " fewer folds, or other groups."
                    )
                weight = market.weight[known] / market.weight[known].mean()
                fitted = _Calibrated(chosen_classifier, calibration).fit(
                    numbers[known], rate[known, m], weight, inner[known]
                )
                solve[test, m] = fitted.predict(numbers[test])
                base[test, m] = np.average(rate[known, m], weights=weight)
                paid = market.cost[known, m]
                cost[test, m] = _costs(
                    chosen_regressor, numbers[known], paid, weight, numbers[test]
                )
                base_cost[test, m] = np.average(paid, weights=weight)
                progress.update()
    return CrossFitted(
        market,
        table.names,
        solve,
        cost,
        base,
        base_cost,
        fold,
        calibration,
        type(chosen_classifier).__name__,
        groups is not None,
    )


class _Calibrated:
    """A classifier and the map from its scores to probabilities."""

    def __init__(self, classifier: Any, calibration: Calibration) -> None:
        self.classifier, self.calibration = classifier, calibration

    def fit(
        self, numbers: FloatArray, rate: FloatArray, weight: FloatArray, folds: IntArray
    ) -> _Calibrated:
        """Fit on training instances; the map on scores from the inner folds."""
        self.least = 0.5 / len(rate)
        self.constant = float(np.average(rate, weights=weight))
        score = np.full(len(rate), self.constant)
        self.whole = _fit_shares(self.classifier, numbers, rate, weight)
        for fold in np.unique(folds):
            own = folds == fold
            part = _fit_shares(self.classifier, numbers[~own], rate[~own], weight[~own])
            if part is not None:
                score[own] = part.predict_proba(numbers[own])[:, 1]
        if self.whole is not None:
            self.map = _fit_map(self.calibration, score, rate, weight)
        return self

    def predict(self, numbers: FloatArray) -> FloatArray:
        """Return calibrated probabilities, away from 0 and 1 by half a training instance."""
        if self.whole is None:
            return self._bounded(np.full(len(numbers), self.constant))
        return self._bounded(_apply_map(self.map, self.whole.predict_proba(numbers)[:, 1]))

    def _bounded(self, probability: FloatArray) -> FloatArray:
        return np.clip(probability, self.least, 1 - self.least)


def _fit_shares(
    estimator: Any, numbers: FloatArray, rate: FloatArray, weight: FloatArray
) -> Any | None:
    """Fit a clone to shares of solved attempts; None where all or none were solved."""
    failed, solved = weight * (1 - rate), weight * rate
    if not (solved.sum() > 0 and failed.sum() > 0):
        return None
    # Each instance as a failure and as a success, weighted by their shares.
    lost, won = np.flatnonzero(failed > 0), np.flatnonzero(solved > 0)
    return _fit(
        estimator,
        numbers[np.concatenate([lost, won])],
        np.repeat([0, 1], [len(lost), len(won)]),
        np.concatenate([failed[lost], solved[won]]),
    )


def _fit(estimator: Any, numbers: FloatArray, target: npt.ArrayLike, weight: FloatArray) -> Any:
    """Fit a clone with weights."""
    from sklearn.base import clone
    from sklearn.utils.validation import has_fit_parameter

    fresh = clone(estimator)
    steps = getattr(fresh, "steps", None)  # of a pipeline
    last, name = (steps[-1][1], f"{steps[-1][0]}__{_WEIGHT}") if steps else (fresh, _WEIGHT)
    if not has_fit_parameter(last, _WEIGHT):
        raise InputError(
            f"{type(last).__name__} cannot be used: its fit takes no {_WEIGHT}. Choose another."
        )
    return fresh.fit(numbers, target, **{name: weight})


def _fit_map(
    calibration: Calibration, score: FloatArray, rate: FloatArray, weight: FloatArray
) -> Any:
    if calibration == "isotonic":
        from sklearn.isotonic import IsotonicRegression

        increasing = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
        return increasing.fit(score, rate, sample_weight=weight)
    from sklearn.linear_model import LogisticRegression

    # Weakly drawn to a slope of zero, so that separable scores have an answer.
    return _fit_shares(LogisticRegression(C=1e3), _logit(score)[:, None], rate, weight)


def _apply_map(fitted: Any, score: FloatArray) -> FloatArray:
    if hasattr(fitted, "predict_proba"):
        answer: FloatArray = fitted.predict_proba(_logit(score)[:, None])[:, 1]
    else:
        answer = fitted.predict(score)
    return answer


def _logit(probability: FloatArray) -> FloatArray:
    inside = np.clip(probability, _SURE, 1 - _SURE)
    odds: FloatArray = np.log(inside) - np.log1p(-inside)
    return odds


def _costs(
    regressor: Any, known: FloatArray, paid: FloatArray, weight: FloatArray, asked: FloatArray
) -> FloatArray:
    """Return predicted costs: within the range of those seen in training, as costs are positive."""
    low, high = float(paid.min()), float(paid.max())
    if low == high:
        return np.full(len(asked), low)
    # In units of the mean, so that no estimator has to cope with millionths of a dollar.
    unit = float(np.average(paid, weights=weight))
    fitted = _fit(regressor, known, paid / unit, weight)
    answer: FloatArray = np.clip(unit * fitted.predict(asked), low, high)
    return answer


def _inner_folds(
    groups: Sequence[object] | None, train: npt.NDArray[np.bool_], rng: np.random.Generator
) -> IntArray:
    """Return folds of the training instances, as few as there are groups."""
    rows = np.flatnonzero(train)
    kept = None if groups is None else [list(groups)[row] for row in rows]
    distinct = len(rows) if kept is None else len(set(kept))
    if distinct < 2:
        raise InputError("The training folds have a single instance or group. Use more of them.")
    return assign_folds(kept, len(rows), min(_INNER, distinct), rng)


def _default_classifier(seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=100,
        max_leaf_nodes=8,
        min_samples_leaf=30,
        l2_regularization=5.0,
        early_stopping=False,
        random_state=seed,
    )


def _default_regressor(seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        loss="gamma", max_iter=100, early_stopping=False, random_state=seed
    )


def _need_sklearn() -> None:
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise InputError(
            "Predictions need scikit-learn. Install it with: pip install 'arbmodels[predict]'"
        ) from None
