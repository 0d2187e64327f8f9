"""Cross-fitted predictions: no leak, calibrated, scored by brute force; cost-quality curves."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from arbmodels.data import load_features, load_market
from arbmodels.errors import DataError, InputError
from arbmodels.market import Market
from arbmodels.predict import CostQuality, CrossFitted, cost_quality, cross_fit
from arbmodels.predict.cost_quality import METHODS
from routellm_cases import with_routellm

#: Quick estimators where the kind does not matter.
QUICK = {
    "classifier": make_pipeline(StandardScaler(), LogisticRegression()),
    "regressor": LinearRegression(),
}


def problem(
    seed: int = 0, count: int = 600, levels: int = 12, attempts: int = 1, skill: float = 1.5
) -> tuple[pd.DataFrame, Market]:
    """A market of two models whose solve rates depend on a category and a number."""
    rng = np.random.default_rng(seed)
    level, length = rng.integers(0, levels, count), rng.exponential(1.0, count)
    hard = skill * (rng.normal(size=levels)[level] + 0.5 * length - 0.5)
    rate = 1 / (1 + np.exp(np.stack([hard, hard - 1.5], axis=1)))
    market = Market(
        ["small", "large"],
        [f"i{i}" for i in range(count)],
        np.full((count, 2), attempts),
        rng.binomial(attempts, rate),
        np.stack([0.1 + 0.02 * length, 1.0 + length], axis=1),
        segment=[f"s{one}" for one in level],
    )
    features = pd.DataFrame(
        {"topic": [f"s{one}" for one in level], "length": length}, index=list(market.instances)
    )
    return features, market


def with_successes(market: Market, successes: np.ndarray) -> Market:
    return replace(market, successes=successes)


# --- no leak ---


@settings(max_examples=8)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from(["platt", "isotonic"]))
def test_no_prediction_depends_on_its_own_folds_outcomes(
    seed: int, grouped: bool, calibration: str
) -> None:
    features, market = problem(seed, count=80)
    groups = market.segment if grouped else None
    options = {**QUICK, "folds": 4, "seed": seed, "groups": groups, "calibration": calibration}
    first = cross_fit(features, market, **options)
    own = first.fold == 1
    flipped = np.where(own[:, None], 1 - market.successes, market.successes)
    second = cross_fit(features, with_successes(market, flipped), **options)
    np.testing.assert_array_equal(first.fold, second.fold)
    np.testing.assert_allclose(first.solve[own], second.solve[own], rtol=0, atol=1e-12)
    assert not np.allclose(first.solve[~own], second.solve[~own])
    if grouped:
        labels = np.array(market.segment)
        assert not set(labels[own]) & set(labels[~own])


@pytest.mark.parametrize("levels", [5, 300])
def test_outcomes_by_chance_give_no_skill(levels: int) -> None:
    """Nor harm: with 300 levels for 1,200 instances rates with their own outcome would mislead."""
    features, market = problem(1, count=1200, levels=levels)
    shuffled = np.random.default_rng(2).permutation(market.successes)
    scores = cross_fit(features, with_successes(market, shuffled), folds=3).scores()
    assert scores["skill"].between(-0.02, 0.01).all()
    assert (scores["log_loss"] > scores["base_log_loss"] - 0.01).all()


def test_features_that_say_something_give_skill() -> None:
    features, market = problem(1, count=1200)
    scores = cross_fit(features, market, folds=3).scores()
    assert (scores["skill"] > 0.1).all()
    assert (scores["cost_error"] < 0.1 * scores["base_cost_error"] + 0.02).all()
    carried_over = cross_fit(features[["topic"]], market, groups=market.segment, **QUICK)
    assert (carried_over.scores()["skill"] < 0.05).all(), "a topic never seen says nothing"


@pytest.mark.parametrize("attempts", [1, 4])
@pytest.mark.parametrize("made", ["copy", "complement", "text"])
def test_the_outcome_as_a_feature_is_refused(attempts: int, made: str) -> None:
    features, market = problem(0, attempts=attempts)
    solved = market.successes[:, 1]
    column = {"copy": solved, "complement": 7.0 - solved, "text": [f"n{s}" for s in solved]}[made]
    with pytest.raises(InputError, match="feature 'label' is the outcome of large itself"):
        cross_fit(features.assign(label=column), market, **QUICK)


# --- what comes out ---


def test_scores_are_those_of_single_attempts() -> None:
    features, market = problem(3, count=60, attempts=3)
    weighted = replace(market, weight=np.random.default_rng(0).uniform(0.5, 2.0, 60))
    predicted = cross_fit(features, weighted, **QUICK)
    scores = predicted.scores()
    for m, model in enumerate(market.models):
        brier = loss = 0.0
        for i in range(60):
            p, w, c = predicted.solve[i, m], weighted.weight[i], int(market.successes[i, m])
            for solved in [1] * c + [0] * (3 - c):
                brier += w / 3 * (solved - p) ** 2
                loss -= w / 3 * np.log(p if solved else 1 - p)
        assert scores.loc[model, "brier"] == pytest.approx(brier)
        assert scores.loc[model, "log_loss"] == pytest.approx(loss)
    bins = predicted.reliability()
    assert bins["instances"].groupby("model").sum().eq(60).all()


def test_calibration_mends_overconfidence() -> None:
    """Naive Bayes on ten copies of a feature is far too sure."""
    rng = np.random.default_rng(0)
    signal = rng.normal(size=1500)
    rate = 1 / (1 + np.exp(-signal))
    market = Market(
        ["m"],
        [f"i{i}" for i in range(1500)],
        np.ones((1500, 1)),
        rng.binomial(1, rate)[:, None],
        np.ones((1500, 1)),
    )
    copies = pd.DataFrame({f"x{k}": signal for k in range(10)}, index=list(market.instances))
    raw = GaussianNB().fit(copies, market.successes[:, 0]).predict_proba(copies)[:, 1]
    assert abs(raw - rate).mean() > 0.1
    for calibration in ("platt", "isotonic"):
        predicted = cross_fit(copies, market, classifier=GaussianNB(), calibration=calibration)
        assert abs(predicted.solve[:, 0] - rate).mean() < 0.05
        score = predicted.scores().loc["m"]
        assert score["calibration_error"] < 3 * score["calibration_noise"]
        np.testing.assert_array_equal(predicted.cost, 1.0)


def test_pairs_without_a_record_are_predicted_and_not_learnt_from() -> None:
    features, market = problem(4)
    attempts = market.attempts.copy()
    attempts[::3, 0] = 0
    sparse = Market(
        market.models,
        market.instances,
        attempts,
        np.minimum(market.successes, attempts),
        np.where(attempts, market.cost, np.nan),
        segment=market.segment,
    )
    predicted = cross_fit(features, sparse, **QUICK)
    assert np.isfinite(predicted.solve).all()
    assert (predicted.cost > 0).all()
    assert predicted.scores().notna().all(axis=None)
    with pytest.raises(InputError, match=r"Predict for market\.intersection"):
        cost_quality(predicted)


def test_a_model_that_always_solves() -> None:
    features, market = problem(4, count=100)
    successes = market.successes.copy()
    successes[:, 1] = 1
    predicted = cross_fit(features, with_successes(market, successes), **QUICK)
    assert (predicted.solve[:, 1] > 0.99).all()
    assert np.isfinite(predicted.scores().loc["large", "log_loss"])


def test_the_same_seed_gives_the_same_predictions() -> None:
    features, market = problem(5, count=200)
    first, again = (cross_fit(features, market, seed=3, folds=2) for _ in range(2))
    np.testing.assert_array_equal(first.solve, again.solve)
    np.testing.assert_array_equal(first.cost, again.cost)
    shuffled = features.sample(frac=1.0, random_state=0)
    np.testing.assert_array_equal(cross_fit(shuffled, market, seed=3, folds=2).solve, first.solve)
    other = cross_fit(features, market, seed=4, folds=2, **QUICK)
    assert (other.fold != first.fold).any()


def test_what_is_shown() -> None:
    features, market = problem(5, count=200)
    predicted = cross_fit(features, market, groups=market.segment, folds=3, **QUICK)
    assert predicted.label.startswith("cross-fitted, 3 folds of whole groups, Pipeline")
    assert "Every number is on instances that the prediction was not fitted on" in str(predicted)
    assert list(predicted.to_frame().columns) == [
        "fold",
        "solve small",
        "cost small",
        "solve large",
        "cost large",
    ]
    assert predicted.to_dict()["scores"]["small"]["brier"] > 0
    axes = predicted.plot()
    assert "cross-fitted" in axes.get_xlabel()
    plt.close("all")


# --- errors ---


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": 1}, "folds must be a whole number of at least 2"),
        ({"folds": 41}, "40 instances cannot make 41 folds"),
        ({"folds": True}, "folds must be a whole number"),
        ({"groups": ["a"] * 40}, "1 groups cannot make 5 folds"),
        ({"groups": ["a", "b"] * 20, "folds": 2}, "a single instance or group"),
        ({"groups": ["a"] * 39}, "group has 39 labels for 40 instances"),
        ({"groups": [None, *"ab" * 19, "a"]}, "The group of instance 0"),
        ({"calibration": "none"}, "choose from platt, isotonic"),
        ({"classifier": KNeighborsClassifier()}, "KNeighborsClassifier cannot be used: its fit"),
    ],
)
def test_wrong_arguments(options: dict[str, object], message: str) -> None:
    features, market = problem(0, count=40)
    with pytest.raises(InputError, match=message):
        cross_fit(features, market, **{**QUICK, **options})  # type: ignore[arg-type]


def test_wrong_features() -> None:
    features, market = problem(0, count=40)
    for wrong, message in (
        ([[1.0]] * 40, "features must be a DataFrame indexed by instance, not list"),
        (features.reset_index(drop=True), "features lack 40 of 40 instances"),
        (features.drop(index="i3"), r"features lack 1 of 40 instances of market \('i3'\)"),
        (pd.concat([features, features]), "two rows for instance 'i0'"),
        (features[[]], "features have no columns"),
        (features.assign(id=features.index), "feature 'id' has another text on every instance"),
        (features.assign(day=pd.Timestamp("2024-01-01")), "feature 'day' is neither numbers nor"),
    ):
        with pytest.raises(InputError, match=message):
            cross_fit(wrong, market, **QUICK)  # type: ignore[arg-type]
    for hole in (np.nan, np.inf):
        holes = features.copy()
        holes.loc["i7", "length"] = hole
        with pytest.raises(DataError, match="instance 'i7', feature 'length': missing or infinite"):
            cross_fit(holes, market, **QUICK)
    holes = features.assign(topic=[None, *features["topic"][1:]])
    with pytest.raises(DataError, match="instance 'i0', feature 'topic': missing"):
        cross_fit(holes, market, **QUICK)


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(InputError, match=r"pip install 'arbmodels\[predict\]'"):
        cross_fit(*problem(0, count=40))


# --- cost and quality ---


def predictions(market: Market, solve: np.ndarray, cost: np.ndarray) -> CrossFitted:
    """Made-up predictions."""
    fold = np.arange(len(solve)) % 2
    return CrossFitted(market, ("x",), solve, cost, solve, cost, fold, "platt", "none", False)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(2, 3), st.integers(1, 3))
def test_every_point_is_what_its_rule_yields(seed: int, width: int, attempts: int) -> None:
    rng = np.random.default_rng(seed)
    count = 6
    market = Market(
        [f"m{j}" for j in range(width)],
        [f"i{i}" for i in range(count)],
        np.full((count, width), attempts),
        rng.integers(0, attempts + 1, (count, width)),
        rng.exponential(1.0, (count, width)) * 4.0 ** np.arange(width),
        weight=rng.uniform(0.5, 1.0, count),
    )
    solve, cost = rng.random((count, width)), rng.exponential(1.0, (count, width))
    rate, paid = market.successes / market.attempts, market.cost
    cheapest = int(np.argmin(market.mean_cost))
    best = int(np.argmax(market.solve_rate))
    if market.solve_rate[best] <= market.solve_rate[cheapest]:
        best = cheapest
    curve = cost_quality(predictions(market, solve, cost), resamples=0)
    assert (curve.cheapest, curve.best) == (cheapest, best)
    assert np.isnan(curve.area("predicted")) == (best == cheapest)

    def totals(choice: np.ndarray) -> tuple[float, float]:
        picked = np.arange(count), choice
        return float(market.weight @ paid[picked]), float(market.weight @ rate[picked])

    # By brute force: every threshold, and every multiplier between two ratios.
    gain = solve[:, best] - solve[:, cheapest]
    wanted = {totals(np.where(gain >= level, best, cheapest)) for level in [*gain, np.inf]}
    found = set(map(tuple, curve.points["threshold"].T))
    assert {tuple(np.round(pair, 9)) for pair in found} == {
        tuple(np.round(pair, 9)) for pair in wanted
    }
    for method, value, bill in (("predicted", solve, cost), ("oracle", rate, paid)):
        on_the_way = {tuple(np.round(pair, 9)) for pair in curve.points[method].T}
        for multiplier in rng.exponential(1.0, 20):
            point = totals(np.argmax(value - multiplier * bill, axis=1))
            assert tuple(np.round(point, 9)) in on_the_way
    # Every method can leave everyone to the cheapest model.
    for point in curve.points.values():
        assert point[0, 0] <= curve.singles[0, cheapest] + 1e-12
    # Nothing beats the oracle's mixtures.
    for choice in itertools.product(range(width), repeat=count):
        spent, solved = totals(np.array(choice))
        assert (
            curve.quality_at(spent, "oracle") >= solved - 1e-9
            or spent < paid.min(axis=1) @ market.weight - 1e-9
        )


def test_where_the_cheapest_model_is_also_the_best() -> None:
    """By hand: a cheap model solves 3 of 4, a dear one the fourth; perfect predictions get all."""
    outcome = np.array([[1, 0], [1, 0], [1, 0], [0, 1]])
    paid = np.tile([1.0, 5.0], (4, 1))
    market = Market(["cheap", "dear"], list("abcd"), np.ones((4, 2)), outcome, paid)
    curve = cost_quality(predictions(market, outcome * 1.0, paid), resamples=20)
    metrics = curve.metrics()
    assert metrics["top_rate"].to_dict() == {
        "random": 0.75,
        "threshold": 0.75,
        "predicted": 1.0,
        "oracle": 1.0,
    }
    assert metrics["top_cost"].tolist() == [1.0, 1.0, 2.0, 2.0]
    assert curve.quality_at(1.5) == pytest.approx(0.875)
    assert (curve.cost[0], curve.cost[-1]) == (1.0, 2.0)
    assert metrics[["area", "cost_50"]].isna().all(axis=None)
    for text in ("cheap is the cheapest (1.00 USD) and the best (75.00%) model", "+25.00"):
        assert text in str(curve)
    plt.close(curve.plot().get_figure())
    # In another order the same, by label.
    part = pd.Series([True, False, True, True], index=list("dcba"))
    assert cost_quality(curve.predictions, where=part).instances == 3
    assert cost_quality(curve.predictions, where=part).singles[1, 0] == pytest.approx(2 / 3)


def test_perfect_predictions_are_the_oracle_and_useless_ones_are_random() -> None:
    _, market = problem(6, count=400, attempts=5)
    rate = market.successes / market.attempts
    perfect = cost_quality(predictions(market, rate, market.cost), resamples=0)
    np.testing.assert_array_equal(perfect.points["predicted"], perfect.points["oracle"])
    assert perfect.area("random") == pytest.approx(0.5)
    flat = np.broadcast_to(rate.mean(axis=0), rate.shape)
    even = np.broadcast_to(market.cost.mean(axis=0), rate.shape)
    useless = cost_quality(predictions(market, flat, even), resamples=0)
    for method in ("threshold", "predicted"):
        assert useless.area(method) == pytest.approx(0.5)
        assert useless.cost_at(useless.singles[1, 1], method) == pytest.approx(
            useless.singles[0, 1]
        )


def test_readings_and_what_is_shown() -> None:
    features, market = problem(6, count=400)
    curve = cost_quality(cross_fit(features, market, **QUICK), resamples=50)
    assert isinstance(curve, CostQuality)
    for method in METHODS:
        low, high = curve.area_interval(method)
        assert low <= curve.area(method) <= high or method == "random"
        lower, upper = curve.band(method)
        assert (lower <= upper).all()
        half = np.mean(curve.singles[1])
        assert curve.quality_at(curve.cost_at(half, method), method) == pytest.approx(half)
        assert np.isnan(curve.cost_at(1.01, method))
        assert np.isnan(curve.quality_at(0.0, method))
        assert curve.quality_at(1e9, method) == curve.points[method][1, -1]
    for text in ("oracle (bound, not deployable)", "cross-fitted", "gap recovered"):
        assert text in str(curve)
    assert curve.to_dict()["metrics"]["oracle"]["deployable"] is False
    assert list(curve.to_frame().columns) == ["cost", *METHODS]
    axes = curve.plot()
    shown = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "oracle (bound, not deployable)" in shown
    plt.close("all")
    with pytest.raises(InputError, match="no method 'best'"):
        curve.area("best")  # type: ignore[arg-type]
    bare = cost_quality(curve.predictions, resamples=0)
    assert np.isnan(bare.area_interval("predicted")).all()
    assert "–" in str(bare)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"where": [True, False]}, "one True or False for each of the 40 instances"),
        ({"where": np.zeros(40)}, "where must be one True or False"),
        ({"where": np.zeros(40, bool)}, "where selects no instance"),
        ({"resamples": -1}, "The number of resamples is -1; give a whole number"),
    ],
)
def test_wrong_curves(options: dict[str, object], message: str) -> None:
    _, market = problem(0, count=40)
    solve = np.full((40, 2), 0.5)
    with pytest.raises(InputError, match=message):
        cost_quality(predictions(market, solve, market.cost), **options)  # type: ignore[arg-type]


# --- RouteLLM's questions ---


@pytest.fixture(scope="module")
def routed(real_data: Path) -> tuple[pd.DataFrame, CrossFitted]:
    data = with_routellm(real_data)
    features = load_features(data=data)
    return features, cross_fit(features, load_market("routellm", data=data))


@pytest.mark.slow
def test_predictions_on_real_questions(routed: tuple[pd.DataFrame, CrossFitted]) -> None:
    scores = routed[1].scores()
    np.testing.assert_allclose(scores["skill"], [0.121, 0.161], atol=0.01)
    np.testing.assert_allclose(scores["base_brier"], [0.2186, 0.1538], atol=1e-4)
    assert (scores["calibration_error"] < 2 * scores["calibration_noise"]).all()
    assert (scores["cost_error"] < 0.1).all()
    np.testing.assert_allclose(scores["cost_ratio"], 1.0, atol=0.01)


@pytest.mark.slow
def test_routing_real_questions(routed: tuple[pd.DataFrame, CrossFitted]) -> None:
    """By multiplier 72% of the gap is recovered, by a threshold 55%; the oracle's is a bound."""
    features, predicted = routed
    curve = cost_quality(predicted, resamples=100)
    areas = [curve.area(method) for method in METHODS]
    np.testing.assert_allclose(areas, [0.5, 0.545, 0.72, 1.324], atol=0.015)
    assert curve.area_interval("predicted")[0] > curve.area_interval("threshold")[1]
    assert curve.metrics().loc["predicted", "cost_50"] < 0.27
    below = curve.to_frame().drop(columns="cost")
    assert (below["oracle"] >= below[["random", "threshold", "predicted"]].max(axis=1)).all()
    # Within GSM8K only the length is known, and gains per dollar are alike: nothing beats chance.
    school = cost_quality(predicted, where=features["benchmark"] == "gsm8k", resamples=100)
    assert school.instances == 1319
    assert school.area("predicted") < 0.5
