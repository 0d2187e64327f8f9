"""Cross-fitting: every prediction comes from a model that has not seen the instance.

Features are checked, and categories replaced by earlier outcomes; the predictions say how good they
are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from arbmodels._checks import aligned, choice_of, coded, shown, unique, whole_of
from arbmodels._pandas import pd
from arbmodels.display import (
    Displayed,
    TextTable,
    model_color,
    new_axes,
    number,
    percent,
)
from arbmodels.errors import DataError, InputError
from arbmodels.market import Market

if TYPE_CHECKING:
    from matplotlib.axes import Axes


FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: A level's rate is drawn to that of all as if so many instances more had been seen there.
_PRIOR_INSTANCES = 5.0
#: Fewer instances than this per distinct value say nothing about a leak.
_LEAK_REPEATS = 5


@dataclass(frozen=True, eq=False)
class Features:
    """Checked features of the instances of a market.

    Attributes
    ----------
    names : tuple of str
        Columns, as given.
    numbers : float array [N, K]
        The columns that are numbers.
    levels : tuple of int array [N]
        Each column that is a category: which of its levels.
    """

    names: tuple[str, ...]
    numbers: FloatArray
    levels: tuple[IntArray, ...]


def read_features(features: pd.DataFrame, market: Market) -> Features:
    """Check the features and bring them into the market's order.

    Raises
    ------
    InputError
        If it is no DataFrame, an instance of the market has no row or two, there is no column, or
        a column can't be used or is the outcome itself.
    DataError
        If values are missing.
    """
    if not isinstance(features, pd.DataFrame):
        raise InputError(
            f"features must be a DataFrame indexed by instance, not {type(features).__name__}."
        )
    if features.index.has_duplicates:
        twice = features.index[features.index.duplicated()][0]
        raise InputError(f"features have two rows for instance {twice!r}. Keep one of each.")
    absent = [name for name in market.instances if name not in features.index]
    if absent:
        raise InputError(
            f"features lack {len(absent)} of {len(market.instances)} instances of {market.name}"
            f" ({', '.join(map(repr, absent[:3]))}{', ...' if len(absent) > 3 else ''}). Index the"
            " rows by the market's instance names (set_index)."
        )
    if not len(features.columns):
        raise InputError("features have no columns. Give at least one.")
    unique(features.columns, "features (columns)")
    table = features.loc[list(market.instances)]
    _refuse_missing(table)
    numbers, levels = [], []
    for name in table.columns:
        column = table[name]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column):
            values = column.to_numpy(float)
            codes = np.unique(values, return_inverse=True)[1]
            numbers.append(values)
        elif isinstance(column.dtype, pd.CategoricalDtype) or all(
            isinstance(value, str) for value in column
        ):
            codes = pd.factorize(column)[0]
            if len(codes) > 1 and codes.max() + 1 == len(codes):
                raise InputError(
                    f"feature {name!r} has another text on every instance; nothing can be learnt"
                    " from it. Leave it out, or make numbers of it."
                )
            levels.append(codes.astype(np.int64))
        else:
            raise InputError(
                f"feature {name!r} is neither numbers nor text but {column.dtype}. Convert it."
            )
        _refuse_outcome(str(name), codes, market)
    matrix = np.column_stack(numbers) if numbers else np.zeros((len(table), 0))
    return Features(tuple(map(str, table.columns)), matrix, tuple(levels))


def _refuse_missing(table: pd.DataFrame) -> None:
    number = table.select_dtypes("number")
    bad = table.isna()
    bad[number.columns] |= ~np.isfinite(number.astype(float))
    problems = [
        f"instance {table.index[row]!r}, feature {table.columns[column]!r}: missing or infinite"
        for row, column in zip(*np.nonzero(bad.to_numpy()), strict=True)
    ]
    if problems:
        raise DataError(
            "features", problems, "Fill the values in (a level of its own for a category)."
        )


def _refuse_outcome(name: str, codes: IntArray, market: Market) -> None:
    """Refuse a column that tells the outcomes of a model one to one on every instance.

    A feature must be known before the instance is served. Only the plainest leak can be seen here;
    that a column was made from outcomes of its own instance is for the user to rule out.
    """
    for m, model in enumerate(market.models):
        there = market.recorded[:, m]
        rate = market.score[there, m]
        outcome = np.unique(rate, return_inverse=True)[1]
        kinds = int(outcome.max()) + 1
        if kinds < 2 or len(rate) < _LEAK_REPEATS * kinds:
            continue
        pairs = {*zip(codes[there].tolist(), outcome.tolist(), strict=True)}
        if len(pairs) == kinds == len(np.unique(codes[there])):
            raise InputError(
                f"feature {name!r} is the outcome of {model} itself: each of its values belongs to"
                " one outcome and back, on every instance. It is not known before the instance"
                " is served; leave it out."
            )


def encode(
    features: Features,
    rate: FloatArray,
    folds: IntArray,
    train: npt.NDArray[np.bool_],
) -> FloatArray:
    r"""Return numbers for every instance, made of the outcomes of *other* training instances only.

    A category becomes, for each model, the solve rate of its level among training instances,

    .. math:: (\sum_{i \in level} r_{im} + 5 \bar r_m) / (n_{level} + 5).

    Training instances get it from the training instances of the other ``folds``, so that no row
    contains its own outcome; all others from all training instances.

    Parameters
    ----------
    features : Features
    rate : float array [N, M]
        Share of attempts that solved; NaN without a record.
    folds : int array [N]
        Inner fold of each training instance.
    train : bool array [N]

    Returns
    -------
    float array [N, K + M * categories]
    """
    encoded = np.empty((len(rate), len(features.levels), rate.shape[1]))
    everywhere = np.ones(len(rate), dtype=bool)
    for position, level in enumerate(features.levels):
        encoded[:, position] = _level_rates(level, rate, train, everywhere)
        for fold in np.unique(folds[train]):
            own = train & (folds == fold)
            encoded[own, position] = _level_rates(level, rate, train & ~own, own)
    return np.hstack([features.numbers, encoded.reshape(len(rate), -1)])


def _level_rates(
    level: IntArray,
    rate: FloatArray,
    known: npt.NDArray[np.bool_],
    wanted: npt.NDArray[np.bool_],
) -> FloatArray:
    """Return [wanted, M] solve rates of the levels among the known instances."""
    size = int(level.max()) + 1
    found = np.empty((int(wanted.sum()), rate.shape[1]))
    for m in range(rate.shape[1]):
        seen = known & ~np.isnan(rate[:, m])
        mean = float(rate[seen, m].mean()) if seen.any() else 0.5
        count = np.bincount(level[seen], minlength=size)
        total = np.bincount(level[seen], rate[seen, m], minlength=size)
        table = (total + _PRIOR_INSTANCES * mean) / (count + _PRIOR_INSTANCES)
        found[:, m] = table[level[wanted]]
    return found


def assign_folds(
    groups: Sequence[object] | None, count: int, folds: int, rng: np.random.Generator
) -> IntArray:
    """Return the fold of each of ``count`` instances; a group is never divided.

    Raises
    ------
    InputError
        If there are fewer instances or groups than folds, or labels are missing.
    """
    if isinstance(folds, bool) or not isinstance(folds, int) or folds < 2:
        raise InputError(f"folds must be a whole number of at least 2, not {shown(folds)}.")
    if groups is None:
        group = np.arange(count)
    else:
        labels = pd.Series(list(groups), dtype=object)
        if len(labels) != count or labels.isna().any():
            raise InputError(
                f"groups must have one label for each of the {count} instances, none missing;"
                f" there are {labels.notna().sum()}."
            )
        group = pd.factorize(labels)[0]
    sizes = np.bincount(group)
    if len(sizes) < folds:
        what = "instances" if groups is None else "groups"
        raise InputError(f"{len(sizes)} {what} cannot make {shown(folds)} folds. Ask for fewer.")
    fold, filled = np.empty(len(sizes), dtype=np.int64), np.zeros(folds)
    for one in rng.permutation(len(sizes)):
        fold[one] = int(filled.argmin())
        filled[fold[one]] += sizes[one]
    assigned: IntArray = fold[group]
    return assigned


#: Bins, of equally many instances, of the calibration error and of the reliability diagram.
_BINS = 10


@dataclass(frozen=True, eq=False, repr=False)
class CrossFitted(Displayed):
    """Predictions for every instance, by models fitted on other instances.

    Made by :func:`arbmodels.predict.cross_fit`.

    Attributes
    ----------
    market : Market
        The outcomes that were learnt from and that the predictions are scored on.
    features : tuple of str
        Columns used.
    solve : float array [N, M]
        Probability that one attempt solves; cross-fitted and calibrated.
    cost : float array [N, M], currency units
        Expected price of one attempt; cross-fitted.
    base_solve, base_cost : float array [N, M]
        Means over the same training folds, without features: what skill is measured against.
    fold : int array [N]
        Each instance was predicted from the instances of the other folds.
    calibration, classifier : str
    grouped : bool
        Whether groups of instances were kept together.
    """

    market: Market
    features: tuple[str, ...]
    solve: FloatArray
    cost: FloatArray
    base_solve: FloatArray
    base_cost: FloatArray
    fold: npt.NDArray[np.int64]
    calibration: str
    classifier: str
    grouped: bool

    @property
    def label(self) -> str:
        """How the predictions were made."""
        folds = f"cross-fitted, {int(self.fold.max()) + 1} folds"
        kept = " of whole groups" if self.grouped else ""
        return f"{folds}{kept}, {self.classifier}, calibrated ({self.calibration})"

    @cached_property
    def _rate(self) -> FloatArray:
        market = self.market
        return market.score

    def scores(self) -> pd.DataFrame:
        """Return one row per model: how good the predictions are, on instances not fitted on.

        Returns
        -------
        DataFrame
            ``brier`` and ``log_loss`` (mean squared error and mean log loss of one attempt),
            ``base_brier`` and ``base_log_loss`` of the training folds' mean, ``skill`` = 1 -
            brier / base_brier, ``calibration_error`` (mean distance between predicted and observed
            rate in ten bins of equally many instances), ``calibration_noise`` (what perfectly
            calibrated predictions would show), ``predicted_rate``, ``observed_rate``,
            ``cost_error`` and ``base_cost_error`` (mean absolute error over mean cost), and
            ``cost_ratio`` (total predicted over total actual cost).
        """
        rows = []
        for m in range(len(self.market.models)):
            there = self.market.recorded[:, m]
            weight = self.market.weight[there] / self.market.weight[there].sum()
            rate, solve, base = (a[there, m] for a in (self._rate, self.solve, self.base_solve))
            bins = self._bins(m)
            share = bins["weight"].to_numpy() / bins["weight"].sum()
            distance = (bins["predicted"] - bins["observed"]).abs()
            paid = self.market.cost[there, m]
            mean = float(weight @ paid)
            brier, base_brier = _brier(rate, solve, weight), _brier(rate, base, weight)
            rows.append(
                {
                    "brier": brier,
                    "base_brier": base_brier,
                    "skill": 1 - brier / base_brier if base_brier else np.nan,
                    "log_loss": _log_loss(rate, solve, weight),
                    "base_log_loss": _log_loss(rate, base, weight),
                    "calibration_error": float(share @ distance),
                    "calibration_noise": float(share @ bins["standard_error"]) * np.sqrt(2 / np.pi),
                    "predicted_rate": float(weight @ solve),
                    "observed_rate": float(weight @ rate),
                    "cost_error": _share(weight @ abs(self.cost[there, m] - paid), mean),
                    "base_cost_error": _share(weight @ abs(self.base_cost[there, m] - paid), mean),
                    "cost_ratio": _share(weight @ self.cost[there, m], mean, free=1.0),
                }
            )
        return pd.DataFrame(rows, index=pd.Index(self.market.models, name="model"))

    def reliability(self) -> pd.DataFrame:
        """Return one row per model and bin: predicted and observed solve rate, standard error.

        Bins hold equally many instances, in the order of the predicted probability.
        """
        frames = {model: self._bins(m) for m, model in enumerate(self.market.models)}
        return pd.concat(frames, names=["model", "bin"])

    def _bins(self, m: int) -> pd.DataFrame:
        rows = np.flatnonzero(self.market.recorded[:, m])
        rows = rows[np.argsort(self.solve[rows, m], kind="stable")]
        found = []
        for part in np.array_split(rows, min(_BINS, len(rows))):
            weight = self.market.weight[part]
            if not weight.sum():
                continue
            share = weight / weight.sum()
            solve, tried = self.solve[part, m], self.market.attempts[part, m]
            variance = float(share**2 @ (solve * (1 - solve) / tried))
            found.append(
                {
                    "predicted": float(share @ solve),
                    "observed": float(share @ self._rate[part, m]),
                    "standard_error": np.sqrt(variance),
                    "instances": len(part),
                    "weight": float(weight.sum()),
                }
            )
        return pd.DataFrame(found)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per instance: fold, and per model predicted solve probability and cost."""
        columns: dict[str, Any] = {"fold": self.fold}
        for m, model in enumerate(self.market.models):
            columns[f"solve {model}"] = self.solve[:, m]
            columns[f"cost {model}"] = self.cost[:, m]
        return pd.DataFrame(columns, index=pd.Index(self.market.instances, name="instance"))

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as plain Python values, ready for JSON."""
        return {"label": self.label, "scores": self.scores().to_dict("index")}

    def table(self) -> TextTable:
        """Return the table shown in terminals and notebooks."""
        scores = self.scores()
        rows = [
            (
                str(model),
                number(row["brier"], 3),
                number(row["base_brier"], 3),
                percent(row["skill"]),
                number(row["log_loss"], 3),
                number(row["base_log_loss"], 3),
                f"{percent(row['calibration_error'])} ({percent(row['calibration_noise'])})",
                percent(row["cost_error"]),
                percent(row["base_cost_error"]),
            )
            for model, row in scores.iterrows()
        ]
        return TextTable(
            f"Predictions for {self.market.name} from {', '.join(self.features)}: {self.label}",
            (
                "model",
                "Brier",
                "base rate's",
                "skill",
                "log loss",
                "base rate's",
                "calibration error (noise)",
                "cost error",
                "mean's",
            ),
            rows,
            "Every number is on instances that the prediction was not fitted on. skill: 1 - Brier /"
            " base rate's. calibration error: mean distance of predicted from observed in ten bins;"
            " in brackets what perfect calibration would show. cost error: mean absolute error over"
            " mean cost.",
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the reliability diagram: observed against predicted, with 95% intervals."""
        axes = new_axes(4.4, 4.0) if ax is None else ax
        axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=(0, (4, 3)))
        brier, base = (self.scores()[name].to_numpy() for name in ("brier", "base_brier"))
        for m, model in enumerate(self.market.models):
            bins = self._bins(m)
            axes.errorbar(
                bins["predicted"],
                bins["observed"],
                yerr=1.96 * bins["standard_error"],
                fmt="o",
                markersize=4.5,
                capsize=2,
                linewidth=1.1,
                color=model_color(model, self.market.models),
                label=f"{model}, Brier {brier[m]:.3f} (base rate {base[m]:.3f})",
            )
        axes.set(
            xlabel=f"predicted {self.market.rate_name} (cross-fitted)",
            ylabel=f"observed {self.market.rate_name}",
            xlim=(0, 1),
            ylim=(0, 1),
        )
        axes.set_aspect("equal")
        axes.legend(frameon=False, loc="upper left", fontsize=8)
        return axes


def _brier(rate: FloatArray, solve: FloatArray, weight: FloatArray) -> float:
    return float(weight @ (rate * (1 - solve) ** 2 + (1 - rate) * solve**2))


def _log_loss(rate: FloatArray, solve: FloatArray, weight: FloatArray) -> float:
    """Return the mean log loss; infinite where what was ruled out happened."""
    with np.errstate(divide="ignore", invalid="ignore"):
        won = np.where(rate > 0, -rate * np.log(solve), 0.0)
        lost = np.where(rate < 1, -(1 - rate) * np.log1p(-solve), 0.0)
    return float(weight @ (won + lost))


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

    References
    ----------
    Chernozhukov et al., *Double/debiased machine learning for treatment and structural parameters*,
    Econometrics Journal 21 (2018).

    Platt, *Probabilistic outputs for support vector machines and comparisons to regularized
    likelihood methods*, in Advances in large margin classifiers, MIT Press (1999).
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
    rate = market.score
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


def _share(value: float, of: float, free: float = 0.0) -> float:
    """Return a cost as a share of the mean; ``free`` where a free model is predicted to be one."""
    if of > 0:
        return float(value) / of
    return free if value == 0 else math.inf


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
