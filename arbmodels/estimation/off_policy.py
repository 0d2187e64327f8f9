r"""What a policy would have earned, from a log in which each request was served by one model.

With features x of a request (its segment, or more), :math:`e_m(x)` the probability with which the
log's router chose model m, :math:`y` the outcome and :math:`\pi_m(x)` the policy's probability of
m, the value :math:`V = E \sum_m \pi_m(x) E[y_m | x]` is estimated by

* the direct method, :math:`\frac1T \sum_t \sum_m \pi_m(x_t) \hat q_m(x_t)`;
* inverse propensity, :math:`\frac1T \sum_t w_t y_t` with :math:`w_t = \pi_{a_t}(x_t)/e_{a_t}(x_t)`;
* the same with weights that sum to one (self-normalized);
* doubly robust: the direct method plus :math:`\frac1T \sum_t w_t (y_t - \hat q_{a_t}(x_t))`, which
  is right if either the propensities or the model of outcomes is.

All take for granted that nothing but x decided both who served a request and how it ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from arbmodels import _checks as check
from arbmodels._pandas import pd
from arbmodels.display import Displayed, TextTable, new_axes, number, percent
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.routing import RoutingProblem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Method = Literal["direct", "ips", "snips", "dr"]
METHODS: tuple[Method, ...] = get_args(Method)
_WORDS = {
    "direct": "direct method",
    "ips": "inverse propensity",
    "snips": "self-normalized",
    "dr": "doubly robust",
}
#: Below this propensity an attempt says next to nothing about a policy that wants the model.
FLOOR = 0.01
#: Requests of a class that a model must have served for its mean to be used.
_FEWEST = 2


@dataclass(frozen=True, eq=False, repr=False)
class RequestLog(Displayed):
    """Requests that were served by one model each, with the odds with which it was chosen.

    Made by :func:`request_log`.

    Parameters
    ----------
    market : Market
        One recorded model per instance.
    model : int array [T]
        Who served each request.
    outcome, cost : float array [T]
        Of serving it: solved (or score), and currency units.
    classes : int array [T]
        Class of each request, of C.
    names : tuple of str, length C
    propensity : float array [T, M]
        Probability with which the log's router chose each model.
    estimated : str
        How the propensities were found, "" where they were given.
    """

    market: Market
    model: IntArray
    outcome: FloatArray
    cost: FloatArray
    classes: IntArray
    names: tuple[str, ...]
    propensity: FloatArray
    estimated: str

    @cached_property
    def served(self) -> IntArray:
        """Requests of each class that each model served, [C, M]."""
        shape = (len(self.names), len(self.market.models))
        place = self.classes * shape[1] + self.model
        return np.bincount(place, minlength=shape[0] * shape[1]).reshape(shape)

    @cached_property
    def requests(self) -> IntArray:
        """Requests of each class, [C]."""
        return np.bincount(self.classes, minlength=len(self.names))

    def means(self, of: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and standard error of a quantity [T] per class and model, [C, M].

        NaN where a model served no request (standard error: fewer than two).
        """
        shape = self.served.shape
        place = self.classes * shape[1] + self.model
        count = self.served
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.bincount(place, of, count.size).reshape(shape) / count
            apart = of - np.nan_to_num(mean)[self.classes, self.model]
            squares = np.bincount(place, apart**2, count.size).reshape(shape)
            error = np.sqrt(squares / (count - 1) / count)
        return mean, np.where(count > 1, error, np.nan)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per class and model: requests, outcome, cost, standard errors."""
        (rate, rate_error), (cost, cost_error) = (self.means(x) for x in (self.outcome, self.cost))
        c, m = np.nonzero(self.served)
        what = self.market.rate_name.replace(" ", "_")
        return pd.DataFrame(
            {
                "class": np.array(self.names, dtype=object)[c],
                "model": np.array(self.market.models, dtype=object)[m],
                "served": self.served[c, m],
                "share": self.served[c, m] / self.requests[c],
                what: rate[c, m],
                f"{what}_standard_error": rate_error[c, m],
                "cost": cost[c, m],
                "cost_standard_error": cost_error[c, m],
            }
        )

    def table(self) -> TextTable:
        """Return who served how much of what, and how it went."""
        frame = self.to_frame()
        what = self.market.rate_name.replace(" ", "_")
        rows = [
            (
                str(row["class"]),
                str(row["model"]),
                f"{row['served']:,}",
                percent(row["share"]),
                f"{number(row[what], 3)} ± {number(row[f'{what}_standard_error'], 2)}",
                f"{number(row['cost'], 3)} ± {number(row['cost_standard_error'], 2)}",
            )
            for row in frame.head(40).to_dict("records")
        ]
        notes = [f"propensities: {self.estimated or 'given'}; ±: standard error"]
        if len(frame) > 40:
            notes.insert(0, f"... and {len(frame) - 40} more rows in to_frame()")
        return TextTable(
            f"Log of {len(self.model):,} requests: {self.market.name},"
            f" {len(self.market.models)} models",
            ("class", "model", "served", "share", self.market.rate_name,
             f"cost [{self.market.currency}]"),
            rows,
            "\n".join(notes),
        )  # fmt: skip


def request_log(
    market: Market,
    *,
    classes: Sequence[object] | None = None,
    propensity: npt.ArrayLike | None = None,
    features: pd.DataFrame | None = None,
    folds: int = 5,
    seed: int = 0,
) -> RequestLog:
    """Return the log of a market in which each request was served by one model.

    Parameters
    ----------
    market : Market
        Loaded with ``missing="mask"``.
    classes : sequence of labels, length T, optional
        Of the requests, known before they are served; the market's segments by default, one class
        where there are none.
    propensity : float array [T, M], optional
        With which the router chose. Estimated otherwise: by each class' shares, or from features.
    features : DataFrame [T], optional
        What the router may have looked at beside: propensities are then a multinomial logistic
        regression on them, cross-fitted. Needs the extra predict.
    folds, seed : int
        Of the cross-fitting.

    Raises
    ------
    InputError
        If a request was served by several models, or none; if propensities are no probabilities,
        or give what was chosen none.

    References
    ----------
    Horvitz, Thompson, *A generalization of sampling without replacement from a finite universe*,
    Journal of the American Statistical Association 47 (1952).
    """
    recorded = market.recorded
    several = np.flatnonzero(recorded.sum(axis=1) > 1)
    if len(several):
        raise InputError(
            f"{market.name}: {len(several)} of {len(recorded)} requests were served by several"
            f" models, first {market.instances[several[0]]!r}. This is no log of single choices:"
            " route on the record itself, RoutingProblem(market, ...)."
        )
    model = recorded.argmax(axis=1)
    rows = np.arange(len(model))
    given = market.segment if classes is None else classes
    names: tuple[str, ...]
    if given is None:
        names, codes = ("all requests",), np.zeros(len(model), dtype=np.int64)
    else:
        names, codes = check.coded(given, "class", len(model))
    shape = (len(model), len(market.models))
    estimated = ""
    if propensity is not None:
        odds = check.numbers_of(propensity, "propensity").astype(float)
        if odds.shape != shape:
            raise InputError(f"propensity has shape {odds.shape}; give requests x models, {shape}.")
        whole = np.abs(odds.sum(axis=1) - 1) > check.ROUNDING["float32"]
        wrong = np.flatnonzero(~((odds >= 0) & (odds <= 1)).all(axis=1) | whole)
        if len(wrong):
            name = market.instances[wrong[0]]
            raise InputError(
                f"propensity of request {name!r} is {odds[wrong[0]].round(4).tolist()}; it must be"
                f" probabilities that sum to one ({len(wrong)} such)."
            )
        never = np.flatnonzero(odds[rows, model] <= 0)
        if len(never):
            raise InputError(
                f"request {market.instances[never[0]]!r} was served by"
                f" {market.models[model[never[0]]]} with propensity 0"
                f" ({len(never)} such): correct the propensities."
            )
    elif features is not None:
        odds = _by_features(features, market, model, folds=folds, seed=seed)
        estimated = f"logistic regression on {features.shape[1]} features, {folds} folds"
    else:
        counts = np.zeros((len(names), shape[1]))
        np.add.at(counts, (codes, model), 1.0)
        odds = (counts / counts.sum(axis=1, keepdims=True))[codes]
        estimated = "shares of the class" if len(names) > 1 else "shares of the log"
    outcome, cost = market.score[rows, model], market.cost[rows, model]
    return RequestLog(market, model, outcome, cost, codes, names, odds, estimated)


def _by_features(
    features: pd.DataFrame, market: Market, model: IntArray, *, folds: int, seed: int
) -> FloatArray:
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError as error:
        raise InputError(
            "Propensities from features need scikit-learn: pip install 'arbmodels[predict]'"
        ) from error
    placed = check.aligned(features, {0: (market.instances, "instance")}, "features")
    dummies = pd.get_dummies(placed, drop_first=True).to_numpy(dtype=float)
    if not np.isfinite(dummies).all():
        raise InputError("features have missing or infinite entries; fill them in.")
    rng = np.random.default_rng(seed)
    fold = rng.permutation(len(model)) % check.whole_of(folds, "folds", 2)
    odds = np.zeros((len(model), len(market.models)))
    for out in range(folds):
        train, test = fold != out, fold == out
        if len(np.unique(model[train])) < 2:
            odds[test, model[train][0]] = 1.0
            continue
        fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        fitted.fit(dummies[train], model[train])
        odds[np.ix_(test, fitted.classes_)] = fitted.predict_proba(dummies[test])
    floor = 1.0 / len(model)  # what was chosen in one fold only had some chance
    odds = np.maximum(odds, floor)
    scaled: FloatArray = odds / odds.sum(axis=1, keepdims=True)
    return scaled


@dataclass(frozen=True, eq=False, repr=False)
class Overlap(Displayed):
    """Whether a log can speak of a policy.

    Parameters
    ----------
    effective : float
        Effective sample size, (sum w)^2 / sum w^2, of T requests.
    requests : int
        T.
    largest : float
        The largest weight w as a share of their sum.
    unsupported : float
        Share of the policy's choices that the log's router (almost) never made.
    where : str
        The class and model of most of these, "" if there is none.
    """

    effective: float
    requests: int
    largest: float
    unsupported: float
    where: str

    def table(self) -> TextTable:
        """Return the numbers with what they mean."""
        rows = [
            ("effective sample size", f"{self.effective:,.0f} of {self.requests:,} requests"),
            ("largest weight", percent(self.largest, 2)),
            ("choices without support", percent(self.unsupported, 2)),
        ]
        return TextTable("Overlap of log and policy", ("", ""), rows, self.where)


@dataclass(frozen=True, eq=False, repr=False)
class PolicyValue(Displayed):
    """What a policy would have earned and spent per request. Made by :func:`policy_value`.

    Parameters
    ----------
    log : RequestLog
    estimate, standard_error : dict of method -> (outcome, spend)
        Per request.
    level : float
        Of the intervals.
    overlap : Overlap
    """

    log: RequestLog
    estimate: dict[Method, tuple[float, float]]
    standard_error: dict[Method, tuple[float, float]]
    level: float
    overlap: Overlap

    def interval(self, method: Method = "dr") -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the normal confidence intervals of outcome and spend by one method."""
        z = NormalDist().inv_cdf(0.5 + self.level / 2)
        ends = [
            (value - z * error, value + z * error)
            for value, error in zip(self.estimate[method], self.standard_error[method], strict=True)
        ]
        return ends[0], ends[1]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per method."""
        what = self.log.market.rate_name.replace(" ", "_")
        rows = {}
        for method in self.estimate:
            (low, high), (least, most) = self.interval(method)
            rows[method] = {
                what: self.estimate[method][0],
                f"{what}_standard_error": self.standard_error[method][0],
                f"{what}_low": low,
                f"{what}_high": high,
                "spend": self.estimate[method][1],
                "spend_standard_error": self.standard_error[method][1],
                "spend_low": least,
                "spend_high": most,
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")

    def to_dict(self) -> dict[str, Any]:
        """Return the estimates as plain values, ready for JSON."""
        return {
            "methods": self.to_frame().to_dict("index"),
            "level": self.level,
            "effective_sample_size": self.overlap.effective,
            "unsupported": self.overlap.unsupported,
        }

    def table(self) -> TextTable:
        """Return the estimates with their intervals."""
        rows = []
        for method in self.estimate:
            (low, high), (least, most) = self.interval(method)
            rows.append(
                (
                    _WORDS[method],
                    number(self.estimate[method][0]),
                    f"{number(low)} to {number(high)}",
                    number(self.estimate[method][1]),
                    f"{number(least)} to {number(most)}",
                )
            )
        market = self.log.market
        interval = f"{100 * self.level:g}% interval"
        return TextTable(
            f"Policy on a log of {self.overlap.requests:,} requests: {market.name}",
            (
                "method",
                market.rate_name,
                interval,
                f"spend [{market.currency}/request]",
                f"{interval} ",
            ),
            rows,
            f"effective sample size {self.overlap.effective:,.0f}; propensities:"
            f" {self.log.estimated or 'given'}. Nothing but the classes (and features) may have"
            " decided both who served a request and how it ended.",
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each method's estimate of the mean outcome with its interval."""
        ax = new_axes(5.0, 1.0 + 0.4 * len(self.estimate)) if ax is None else ax
        place = np.arange(len(self.estimate))[::-1]
        value = np.array([self.estimate[method][0] for method in self.estimate])
        ends = np.array([self.interval(method)[0] for method in self.estimate]).T
        ax.errorbar(value, place, xerr=np.abs(ends - value), fmt="o", capsize=3)
        ax.set_yticks(place, [_WORDS[method] for method in self.estimate])
        ax.set_xlabel(f"{self.log.market.rate_name}, {100 * self.level:g}% interval")
        return ax


#: A policy: one model for all, a model per class, or probabilities.
Policy = str | Mapping[str, str] | npt.ArrayLike


def policy_value(
    log: RequestLog, policy: Policy, *, level: float = 0.95, floor: float = FLOOR
) -> PolicyValue:
    """Estimate what a policy would have earned on the requests of a log.

    Parameters
    ----------
    log : RequestLog
    policy : str, mapping, or float array [T, M] or [C, M]
        One model for all, class -> model, or the probability of every model per request or class.
    level : float
        Of the confidence intervals, in (0, 1).
    floor : float
        A propensity below it is no support.

    Returns
    -------
    PolicyValue
        By the direct method, inverse propensity, self-normalized, and doubly robust; outcome models
        are the classes' means, cross-fitted for the doubly robust estimate by leaving the request
        itself out.

    Raises
    ------
    InputError
        If the policy is none, or wants models where the log has no support; the text names the
        class, the model and the count.

    References
    ----------
    Dudík, Langford, Li, *Doubly robust policy evaluation and learning*, ICML (2011).

    Swaminathan, Joachims, *The self-normalized estimator for counterfactual learning*, NeurIPS
    (2015).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> n = 400
    >>> small = rng.random(n) < 0.5
    >>> solved = rng.random(n) < np.where(small, 0.4, 0.8)
    >>> attempts = np.stack([small, ~small], axis=1).astype(int)
    >>> market = Market(["small", "large"], [f"r{k}" for k in range(n)], attempts,
    ...                 attempts * solved[:, None], np.tile([0.01, 0.1], (n, 1)))
    >>> found = policy_value(request_log(market), "large")
    >>> low, high = found.interval("dr")[0]
    >>> low < 0.8 < high
    True
    """
    if not 0 < check.number_of(level, "level") < 1:
        raise InputError(f"level is {level:g}; give a number between 0 and 1, such as 0.95.")
    wanted = _probabilities(log, policy)
    rows = np.arange(len(log.model))
    weight = wanted[rows, log.model] / log.propensity[rows, log.model]
    overlap = _overlap(log, wanted, weight, floor)
    if overlap.unsupported > 0:
        raise InputError(
            f"{log.market.name}: {percent(overlap.unsupported, 2)} of the policy's choices have no"
            f" support in the log: {overlap.where}. Nothing recorded says what they would bring."
            " Choose models that served some such requests, or have some served by them at random."
        )
    estimate: dict[Method, tuple[float, float]] = {}
    error: dict[Method, tuple[float, float]] = {}
    found = [_estimates(log, wanted, weight, values) for values in (log.outcome, log.cost)]
    for method in METHODS:
        (first, its), (second, other) = found[0][method], found[1][method]
        estimate[method], error[method] = (first, second), (its, other)
    return PolicyValue(log, estimate, error, float(level), overlap)


def _probabilities(log: RequestLog, policy: Policy) -> FloatArray:
    """Return the policy's probability of every model for every request, [T, M]."""
    models, count = log.market.models, len(log.model)
    if isinstance(policy, str):
        chosen = np.full(count, log.market.model_index(policy))
    elif isinstance(policy, Mapping):
        lacking = [name for name in log.names if name not in policy]
        if lacking:
            raise InputError(f"the policy has no model for class {lacking[0]!r}.")
        by_class = np.array([log.market.model_index(policy[name]) for name in log.names])
        chosen = by_class[log.classes]
    else:
        odds = check.numbers_of(policy, "policy").astype(float)
        if odds.shape == (len(log.names), len(models)):
            odds = odds[log.classes]
        if odds.shape != (count, len(models)):
            raise InputError(
                f"the policy has shape {odds.shape}; give probabilities per request,"
                f" {(count, len(models))}, or per class, {(len(log.names), len(models))}."
            )
        off = np.abs(odds.sum(axis=1) - 1) > check.ROUNDING["float32"]
        if not ((odds >= 0) & (odds <= 1)).all() or off.any():
            raise InputError("the policy's probabilities must be from 0 to 1 and sum to one.")
        return odds
    odds = np.zeros((count, len(models)))
    odds[np.arange(count), chosen] = 1.0
    return odds


def _overlap(log: RequestLog, wanted: FloatArray, weight: FloatArray, floor: float) -> Overlap:
    # A class whose requests a model never served says nothing, whatever the propensities.
    seen = (log.served >= _FEWEST)[log.classes]
    bare = np.where((log.propensity < floor) | ~seen, wanted, 0.0)
    total = weight.sum()
    where = ""
    if bare.any():
        cells = np.zeros(log.served.shape)
        np.add.at(cells, log.classes, bare)
        c, m = np.unravel_index(int(cells.argmax()), cells.shape)
        where = (
            f"{log.market.models[m]} served {log.served[c, m]} of the {log.requests[c]} requests of"
            f" class {log.names[c]!r}"
        )
    return Overlap(
        float(total**2 / (weight**2).sum()) if total > 0 else 0.0,
        len(weight),
        float(weight.max() / total) if total > 0 else 1.0,
        float(bare.sum() / len(bare)),
        where,
    )


def _estimates(
    log: RequestLog, wanted: FloatArray, weight: FloatArray, values: FloatArray
) -> dict[Method, tuple[float, float]]:
    """Return each method's estimate of the mean, and its standard error."""
    count = len(values)
    root = np.sqrt(count)
    mean, error = log.means(values)
    fitted = np.nan_to_num(mean)[log.classes]
    direct = (wanted * fitted).sum(axis=1)
    # Of means of classes: how they vary is known, beside how many requests each class has.
    share = np.zeros(mean.shape)
    np.add.at(share, log.classes, wanted)
    share /= count
    spread = float(np.nansum((share * error) ** 2)) + float(direct.var() / count)
    rows = np.arange(count)
    # The request's own outcome is left out of the mean that it is compared with.
    served = log.served[log.classes, log.model].astype(float)
    own = fitted[rows, log.model]
    without = np.where(served > 1, (own * served - values) / np.maximum(served - 1, 1), own)
    base = direct + wanted[rows, log.model] * (without - own)
    robust = base + weight * (values - without)
    normal = weight * values
    total = weight.mean()
    ratio = normal.mean() / total if total > 0 else float("nan")
    return {
        "direct": (float(direct.mean()), float(np.sqrt(spread))),
        "ips": (float(normal.mean()), float(normal.std(ddof=1) / root)),
        "snips": (float(ratio), float((weight * (values - ratio)).std(ddof=1) / root / total)),
        "dr": (float(robust.mean()), float(robust.std(ddof=1) / root)),
    }


@dataclass(frozen=True, eq=False, repr=False)
class ClassValues(Displayed):
    """What every model would do with every class of requests. Made by :func:`class_values`.

    Parameters
    ----------
    log : RequestLog
    outcome, cost : float array [C, M]
        Per request; NaN where the log has no support.
    outcome_error, cost_error : float array [C, M]
        Standard errors.
    """

    log: RequestLog
    outcome: FloatArray
    cost: FloatArray
    outcome_error: FloatArray
    cost_error: FloatArray

    @property
    def supported(self) -> npt.NDArray[np.bool_]:
        """Where the log can speak of a model, [C, M]."""
        return ~np.isnan(self.outcome)

    def problem(
        self, *, volumes: Mapping[str, float] | None = None, abstain: bool = True
    ) -> RoutingProblem:
        """Return the routing problem of the classes: one model for each, limits over requests.

        A model without support in a class is not offered there.

        Parameters
        ----------
        volumes : mapping, optional
            Class -> requests to come; those of the log by default.
        abstain : bool
            Whether a class may be left unserved.

        Raises
        ------
        InputError
            If nothing is offered, or a class has no volume.
        """
        market, names = self.log.market, list(self.log.names)
        there = self.supported
        if not there.any():
            raise InputError(
                f"{market.name}: no model served {_FEWEST} requests of any class; there is nothing"
                " to choose from. Use fewer classes, or a longer log."
            )
        problem = RoutingProblem.from_arrays(
            np.where(there, self.outcome, 0.0),
            np.where(there, self.cost, 0.0),
            list(market.models),
            instances=names,
            segment=names,
            offered=None if there.all() else there,
            abstain=abstain,
            currency=market.currency,
            name=market.name,
        )
        table = replace(
            problem.plan_table,
            outcome=market.outcome,
            billing=f"one attempt of a model, estimated from the log (doubly robust); propensities:"
            f" {self.log.estimated or 'given'}; {int((~there).sum())} of {there.size} pairs of"
            " class and model withheld for lack of records",
        )
        problem = replace(problem, plan_table=table)
        if volumes is None:
            return problem.for_volumes(self.log.requests.astype(float))
        return problem.for_volumes(volumes)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per class and model."""
        c, m = (each.ravel() for each in np.indices(self.outcome.shape))
        what = self.log.market.rate_name.replace(" ", "_")
        return pd.DataFrame(
            {
                "class": np.array(self.log.names, dtype=object)[c],
                "model": np.array(self.log.market.models, dtype=object)[m],
                "requests": self.log.requests[c],
                "served": self.log.served[c, m],
                what: self.outcome[c, m],
                f"{what}_standard_error": self.outcome_error[c, m],
                "cost": self.cost[c, m],
                "cost_standard_error": self.cost_error[c, m],
            }
        )

    def table(self) -> TextTable:
        """Return the estimates by class."""
        models, what = self.log.market.models, self.log.market.rate_name
        rows = []
        for c, name in enumerate(self.log.names[:20]):
            cells = [
                f"{number(self.outcome[c, m], 3)} ± {number(self.outcome_error[c, m], 2)}"
                if self.supported[c, m]
                else "–"
                for m in range(len(models))
            ]
            rows.append((name, f"{self.log.requests[c]:,}", *cells))
        more = len(self.log.names) - 20
        notes = [f"±: standard error; –: served fewer than {_FEWEST} such requests"]
        if more > 0:
            notes.insert(0, f"... and {more} more classes in to_frame()")
        return TextTable(
            f"{what.capitalize()} of every model by class, doubly robust: {self.log.market.name}",
            ("class", "requests", *models),
            rows,
            "\n".join(notes),
        )


def class_values(log: RequestLog, *, floor: float = FLOOR) -> ClassValues:
    """Estimate what every model would do with every class of a log's requests.

    Doubly robust within the class, from the requests that the model served there; where
    propensities are the class' shares, that is the mean of these.

    Parameters
    ----------
    log : RequestLog
    floor : float
        A mean propensity in the class below it is no support.

    References
    ----------
    Dudík, Langford, Li, *Doubly robust policy evaluation and learning*, ICML (2011).
    """
    shape = log.served.shape
    outcome, cost = np.full(shape, np.nan), np.full(shape, np.nan)
    outcome_error, cost_error = np.full(shape, np.nan), np.full(shape, np.nan)
    for c in range(shape[0]):
        inside = np.flatnonzero(log.classes == c)
        for m in range(shape[1]):
            mine = inside[log.model[inside] == m]
            if len(mine) < _FEWEST or log.propensity[inside, m].mean() < floor:
                continue
            for values, put, error in (
                (log.outcome, outcome, outcome_error),
                (log.cost, cost, cost_error),
            ):
                mean = values[mine].mean()
                weight = 1.0 / log.propensity[mine, m]
                influence = np.zeros(len(inside))
                influence[log.model[inside] == m] = weight * (values[mine] - mean)
                put[c, m] = mean + influence.mean()
                error[c, m] = influence.std(ddof=1) / np.sqrt(len(inside))
    top = np.nanmax(log.outcome, initial=1.0)
    outcome = np.clip(outcome, 0.0, max(1.0, float(top)))
    return ClassValues(log, outcome, np.maximum(cost, 0.0), outcome_error, cost_error)
