"""Outcomes that are scores: what takes them, what says why it does not, and free models."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import arbmodels as arb
from arbmodels import estimation, games, policies, predict, verification
from arbmodels.errors import DataError, InputError
from arbmodels.market import Market

mpl.use("Agg")
COST = {"a": 0.01, "b": 0.1}


def frame_of(attempts: int = 3, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = [
        (
            model,
            f"s{i % 3}__{i}",
            round(float(rng.random()) ** (2.0 if model == "a" else 0.5), 2),
            COST[model] * (1 + rng.random()),
        )
        for model in "ab"
        for i in range(12)
        for _ in range(attempts)
    ]
    return pd.DataFrame(rows, columns=["model", "instance", "score", "cost"])


def graded(attempts: int = 3, seed: int = 0) -> Market:
    return arb.load_market(frame_of(attempts, seed))


def free(which: str) -> Market:
    frame = frame_of().assign(score=lambda f: (f["score"] > 0.5).astype(float))
    frame["cost"] = frame["model"].map(COST)
    frame.loc[frame["model"].isin(list(which)), "cost"] = 0.0
    return arb.load_market(frame)


def test_a_market_of_scores() -> None:
    frame = frame_of()
    market = graded()
    assert market.outcome == "score"
    assert market.successes is None
    means = frame.pivot_table("score", "instance", "model", "mean")
    np.testing.assert_allclose(market.score, means.loc[list(market.instances), list("ab")])
    np.testing.assert_allclose(market.mean_score, means.mean().to_numpy())
    text = str(market)
    assert "score" in text
    assert "solve" not in text
    assert list(market.summary())[4] == "score"
    part = market.select(models=["b"], instances=market.instances[:2])
    np.testing.assert_array_equal(part.score, market.score[:2, [1]])
    assert part.records is not None
    assert len(part.records) == 6
    for what in ("solve_rate", "single_attempt_rate", "solved_at_least_once"):
        with pytest.raises(InputError, match=r"market\.accept\(at=0\.5\)"):
            getattr(market, what)


WRONG_SCORES = [
    ([63.0, 40.0], {}, r"'score' must be a score from 0 to 1 \(are these percent\? divide by 100"),
    ([-0.033, 0.5], {}, r"row 0: 'score' must be .*clip=True sets.*, found -0\.033"),
    ([-0.2, 0.5], {"clip": True}, "row 0: 'score' must be a score from 0 to 1, found -0.2"),
    (["good", 0.5], {}, "row 0: 'score' must be a score from 0 to 1, found 'good'"),
    ([0.5, 1.0], {"outcome": "verified"}, "row 0: 'score' must be 0, 1, true or false, found 0.5"),
]


@pytest.mark.parametrize(("scores", "options", "message"), WRONG_SCORES)
def test_wrong_scores(scores: list[Any], options: dict[str, Any], message: str) -> None:
    frame = pd.DataFrame(
        {"model": ["a", "b"], "instance": ["x", "x"], "score": scores, "cost": [1, 1]}
    )
    with pytest.raises(DataError, match=message):
        arb.load_market(frame, **options)


def test_scores_that_are_clipped_are_counted() -> None:
    frame = pd.DataFrame(
        {"model": ["a", "b"], "instance": ["x", "x"], "score": [-0.033, 0.5], "cost": [1, 1]}
    )
    market = arb.load_market(frame, clip=True)
    assert market.score.tolist() == [[0.0, 0.5]]
    assert market.notes == ("1 scores set to 0 or 1 (clip)",)


def test_zeros_and_ones_are_verified_unless_said() -> None:
    frame = pd.DataFrame(
        {"model": ["a", "b"], "instance": ["x", "x"], "score": [1, 0], "cost": [1, 1]}
    )
    assert arb.load_market(frame).outcome == "verified"
    assert arb.load_market(frame, outcome="score").outcome == "score"


def test_routing_takes_mean_scores() -> None:
    """Judge: all assignments of four instances."""
    market = graded().select(instances=graded().instances[:4])
    for budget in (0.0, 0.05, 0.2, 0.35, 1.0):
        best = 0.0
        for choice in itertools.product((0, 1, None), repeat=4):
            spend = sum(market.cost[i, m] for i, m in enumerate(choice) if m is not None)
            if spend <= budget + 1e-12:
                value = sum(market.score[i, m] for i, m in enumerate(choice) if m is not None)
                best = max(best, value / 4)
        result = arb.RoutingProblem(market).add_budget(budget).solve()
        assert result.solve_rate == pytest.approx(best, abs=1e-9)
    for text in (
        str(result),
        str(result.explain(market.instances[0])),
        str(result.to_dict()),
        str(list(result.to_frame())),
        str(result.policy()),
    ):
        assert "score" in text
        assert "solve rate" not in text
        assert "probab" not in text


def test_whatever_shows_a_graded_routing_says_score() -> None:
    market = graded()
    problem = arb.RoutingProblem(market, assignment="per-segment").add_budget(1.0)
    result = problem.solve(folds=3)
    frontier = problem.frontier("budget")
    shown = [
        str(result),
        str(frontier),
        str(frontier.to_dict()),
        str(problem),
        result._repr_html_(),
    ]
    for text in shown:
        assert "solve rate" not in text
        assert "probab" not in text
    labels = [
        ax.get_ylabel() + ax.get_xlabel() + ax.get_title()
        for ax in (frontier.plot(), result.plot())
    ]
    assert not any("olve" in label.replace("solved", "") for label in labels), labels
    with pytest.raises(InputError, match="score lies between 0 and 1"):
        arb.RoutingProblem(market).minimize_spend().add_floor(1.5).solve()


def test_retries_of_a_graded_answer_are_refused_with_the_reason() -> None:
    market = graded()
    with pytest.raises(InputError, match=r"'2 x a'.* may try again.* best of many grades"):
        arb.RoutingProblem(market, arb.attempts_up_to(market, 2)).add_budget(1.0).solve()


ROUTES: dict[str, Callable[[Market], object]] = {
    "curves": arb.attempt_curves,
    "dollars": arb.dollar_curves,
    "arbitrage": arb.arbitrage,
    "plan": lambda m: arb.Plan((("a", 1), ("b", 1))).evaluate(m),
    "frontier": lambda m: arb.cascade_frontier(arb.attempt_curves(m)),
    "search": lambda m: arb.search_frontier(arb.attempt_curves(m)),
    "bertrand": lambda m: games.BertrandGame.from_arbitrage(arb.arbitrage(m), 2).solve(),
    "providers": lambda m: games.ProviderGame.from_market(m, [0.6]).solve(time_limit=2.0),
    "limits": lambda m: policies.limited_frontier(m, policies.Limits(attempts=3)),
    "batches": lambda m: policies.batch_frontier(m, {"a": 1.0, "b": 2.0}, 3.0),
    "bootstrap": lambda m: estimation.bootstrap_margin(m, resamples=2, seed=0),
    "verified": lambda m: verification.verified_frontier(m, verification.Verifier(0.1, 0.1)),
}


@pytest.mark.parametrize("route", list(ROUTES))
def test_cascades_and_margins_need_a_verifier(route: str) -> None:
    with pytest.raises(InputError, match=r"Say which scores are accepted: market\.accept"):
        ROUTES[route](graded())


@pytest.mark.parametrize("route", list(ROUTES))
@pytest.mark.parametrize("kind", ["accepted", "a free", "b free", "all free"])
def test_nothing_breaks_on_odd_markets(route: str, kind: str) -> None:
    """No NaN or infinity in a text, no warning of NumPy, no error that is not ours."""
    which = {"a free": "a", "b free": "b", "all free": "ab"}
    market = graded().accept(at=0.5) if kind == "accepted" else free(which[kind])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        free_of_charge = kind in ("b free", "all free") and route == "providers"
        with pytest.raises(InputError, match="free") if free_of_charge else nullcontext():
            text = str(ROUTES[route](market))
        if free_of_charge:
            return
    assert "nan" not in text.lower().split()
    assert "inf" not in text.lower().split()


def test_predictions_of_scores() -> None:
    market = graded(1)
    features = pd.DataFrame(
        {"x": np.arange(12) % 5, "y": market.score[:, 0]},
        index=pd.Index(market.instances, name="instance"),
    )
    predictions = predict.cross_fit(features[["x"]], market, folds=3, seed=0)
    curve = predict.cost_quality(predictions, resamples=2, seed=0)
    shown = [
        str(predictions),
        str(curve),
        predictions.plot().get_ylabel(),
        curve.plot().get_ylabel(),
    ]
    assert not any("solve rate" in text or "probab" in text for text in shown)
    problem = arb.RoutingProblem.from_predictions(predictions).add_budget(0.5)
    assert "score" in str(problem.solve())


def test_accepting_counts_and_delivers() -> None:
    """Judge: every order of the attempts, played out."""
    frame = frame_of(3, seed=4)
    frame = frame[frame["instance"] == "s0__0"]
    market = arb.load_market(frame).accept(at=0.5)
    assert market.threshold == 0.5
    assert "solved: a score of at least 0.5" in str(market)
    stages = (("a", 2), ("b", 3), ("a", 1))
    scores = {m: frame.loc[frame["model"] == m, "score"].tolist() for m in "ab"}
    worth, solved, count = 0.0, 0, 0
    for orders in itertools.product(*(itertools.permutations(scores[m]) for m in "ab")):
        queues = {m: list(order) for m, order in zip("ab", orders, strict=True)}
        count += 1
        for model, more in stages:
            tried = [queues[model].pop(0) for _ in range(more)]
            good = [score for score in tried if score >= 0.5]
            if good:
                worth, solved = worth + good[0], solved + 1
                break
    played = arb.Plan(stages).evaluate(market)
    assert played.solve_rate == pytest.approx(solved / count)
    assert played.delivered_score == pytest.approx(worth / solved)
    assert "delivered score" in str(played)


def test_margins_of_accepted_answers_say_what_they_are_worth() -> None:
    margin = arb.arbitrage(graded().accept(at=0.5))
    worth = margin.to_frame()["delivered_score"]
    assert worth.between(0.5, 1.0).all()
    assert "delivered" in str(margin)
    assert arb.arbitrage(free("")).delivered_scores([0.5]) is None
    assert arb.Plan((("a", 1),)).evaluate(free("")).score is None


def test_thresholds_that_cannot_be() -> None:
    with pytest.raises(InputError, match="at is 0, which accepts every answer"):
        graded().accept(at=0)
    with pytest.raises(InputError, match="at"):
        graded().accept(at=1.5)
    with pytest.raises(InputError, match="outcomes are verified already"):
        free("").accept(at=0.5)
    means = Market(["a"], ["x"], [[3]], None, [[1.0]], graded=[[0.4]])  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"only the mean score of 3 attempts is known"):
        means.accept(at=0.5)
    with pytest.raises(DataError, match="are these percent"):
        Market(["a"], ["x"], [[1]], None, [[1.0]], graded=[[40.0]])  # type: ignore[arg-type]
    with pytest.raises(DataError, match="successes and graded are both given"):
        Market(["a"], ["x"], [[1]], [[1]], [[1.0]], graded=[[0.4]])


def test_a_free_model_is_asked_until_the_record_ends() -> None:
    market = free("a")
    grid = [0.01, 0.1, 1.0]
    for integration in ("exact", "log-linear"):
        curves = arb.dollar_curves(market, np.array(grid), integration)  # type: ignore[arg-type]
        failure = curves.models[0].failure(np.array(grid))
        np.testing.assert_allclose(failure, (market.successes[:, [0]] == 0).repeat(3, axis=1))
        assert (curves.models[0].spend(np.array(grid)) == 0).all()
    result = arb.RoutingProblem(market).add_budget(0.0).solve()
    assert result.solve_rate == pytest.approx(market.solve_rate[0])
    assert result.spend == 0
    played = arb.Plan((("a", 3),)).evaluate(market)
    assert played.mean_spend == 0
    assert played.attempts_by_model[:, 0].min() >= 1


def test_folds_of_scored_attempts() -> None:
    """Judge: held-out attempts are others than those that the plans were chosen by."""
    market = graded(4)
    result = arb.RoutingProblem(market).add_budget(1.0).solve(folds=2)
    assert result.validation is not None
    assert "score" in str(result.validation)
    assert result.validation.optimism > 0, "a choice per instance flatters itself"
    means = Market(
        market.models,
        market.instances,
        market.attempts,
        None,
        market.cost,  # type: ignore[arg-type]
        graded=market.score,
    )
    with pytest.raises(InputError, match="only the mean score of each pair is known"):
        arb.RoutingProblem(means).add_budget(1.0).solve(folds=2)


def test_arrays_of_scores_are_called_so() -> None:
    market = graded(1)
    problem = arb.RoutingProblem.from_arrays(market.score, market.cost, outcome="score")
    assert "score" in str(problem.add_budget(0.5).solve())
    assert "solve rate" not in str(problem.add_budget(0.5).solve())
    with pytest.raises(InputError, match="outcome"):
        arb.RoutingProblem.from_arrays([[0.5]], [[1.0]], outcome="grade")  # type: ignore[arg-type]
