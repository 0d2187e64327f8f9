"""Whatever is given has a meaning or is refused in our own words: one rule for all of routing.

Every argument of every public entry point is given every value of a list of nonsense. What raises
must be an ``ArbModelsError``; what is accepted must be on the argument's own short list, and must
then lead to an answer.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import arbmodels as arb
from arbmodels._assignment import Arrays, Block
from arbmodels._checks import path_of
from arbmodels.errors import ArbModelsError
from arbmodels.online import Arrivals, FixedPrice, RoutingPolicy, serve
from arbmodels.predict import CrossFitted, cost_quality, cross_fit
from arbmodels.routing.scenarios import Scenarios

SOLVE = np.array([[0.2, 0.9], [0.3, 0.4], [0.1, 0.8], [0.5, 0.6]])
SPEND = np.array([[1.0, 5.0], [1.0, 4.0], [2.0, 3.0], [1.0, 2.0]])
OPTIONS: dict[str, Any] = {
    "models": ["small", "large"],
    "instances": ["p", "q", "r", "s"],
    "segment": ["a", "a", "b", "b"],
    "period": ["may", "may", "june", "june"],
    "latency": [1.0, 2.0],
}


def generator() -> Iterator[float]:
    yield from (0.5, 0.5)


#: Name -> how to make it (a generator is used up).
NONSENSE: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "text": lambda: "5",
    "word": lambda: "large",
    "empty text": lambda: "",
    "bytes": lambda: b"5",
    "true": lambda: True,
    "numpy true": lambda: np.True_,
    "complex": lambda: 1 + 1j,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "minus inf": lambda: float("-inf"),
    "huge": lambda: 10**400,
    "minus huge": lambda: -(10**400),
    "digits": lambda: 10**5000,
    "negative": lambda: -1,
    "two": lambda: 2,
    "half": lambda: 0.5,
    "subnormal": lambda: 5e-324,
    "largest": lambda: 1.7e308,
    "fraction": lambda: Fraction(1, 2),
    "decimal": lambda: Decimal("0.5"),
    "masked": lambda: np.ma.masked,
    "object": object,
    "type": lambda: int,
    "function": lambda: len,
    "empty list": list,
    "list": lambda: [0.5],
    "two numbers": lambda: [0.5, 0.5],
    "ragged": lambda: [[0.5], [0.5, 0.5]],
    "texts": lambda: ["1", "2"],
    "four texts": lambda: ["1", "2", "3", "4"],
    "alike": lambda: [1, "1", 2, 3],
    "missing label": lambda: ["a", float("nan"), "b", "b"],
    "missing labels": lambda: [None, None, "b", "b"],
    "nested": lambda: ["a", ["b"], "c", "d"],
    "tuples": lambda: [("a", 1), ("b", 2), ("c", 3), ("d", 4)],
    "bools": lambda: [True, False, True, False],
    "bool matrix": lambda: [[True, False]] * 4,
    "bool and number": lambda: [[True, 0.5]] * 4,
    "bools and ones": lambda: [True, 1, 1, 1],
    "text matrix": lambda: [["0.1", "0.2"]] * 4,
    "complex matrix": lambda: np.full((4, 2), 1j),
    "objects": lambda: np.array([[object()] * 2] * 4),
    "huge matrix": lambda: [[10**400, 1]] * 4,
    "none matrix": lambda: [[None, 0.5]] * 4,
    "nan matrix": lambda: np.full((4, 2), np.nan),
    "inf matrix": lambda: np.full((4, 2), np.inf),
    "negative matrix": lambda: np.full((4, 2), -1.0),
    "two matrix": lambda: np.full((4, 2), 2.0),
    "masked matrix": lambda: np.ma.array(np.full((4, 2), 0.5), mask=[[0, 1]] * 4),
    "cube": lambda: np.full((4, 2, 1), 0.5),
    "dates": lambda: np.array(["2026-01-01"] * 4, dtype="datetime64[D]"),
    "subnormals": lambda: [5e-324] * 4,
    "huge weights": lambda: [1e308] * 4,
    "generator": generator,
    "set": lambda: {"a", "b", "c", "d"},
    "mapping": lambda: {"a": 1},
    "text mapping": lambda: {"a": "1", "b": "2"},
    "odd mapping": lambda: {1: 2, None: "x"},
    "series": lambda: pd.Series([0.5, 0.5], index=["x", "y"]),
    "twice": lambda: pd.Series([0.5] * 4, index=["p", "p", "q", "r"]),
    "levels": lambda: pd.Series(
        [0.5] * 4, index=pd.MultiIndex.from_tuples([("p", i) for i in "abcd"])
    ),
    "frame": lambda: pd.DataFrame({"x": [0.5] * 4, "y": [0.5] * 4}),
    "same columns": lambda: pd.DataFrame([[0.5, 0.5]] * 4, columns=["small", "small"]),
    "object frame": lambda: pd.DataFrame({"small": ["x"] * 4, "large": [1] * 4}),
    "missing frame": lambda: pd.DataFrame(
        {"small": pd.array([0.5, None, 0.5, 0.5], dtype="Float64"), "large": [0.5] * 4}
    ),
    "index": lambda: pd.Index(["p", "q"]),
}
#: Numbers that may be limits, prices and so on.
NUMBERS = {"two", "half", "subnormal", "fraction", "decimal", "largest"}
#: Rates and shares.
SHARES = {"half", "subnormal", "fraction", "decimal"}
#: Lists of numbers, whatever their labels.
LISTS = {"list", "two numbers", "subnormals", "huge weights", "series", "twice", "levels"}
#: Lists that label four things.
LABELS = {"none", "four texts", "dates", "bools", "bools and ones", "subnormals", "huge weights"}


def arrays(**options: Any) -> arb.RoutingProblem:
    given = {"solve": SOLVE, "spend": SPEND, **OPTIONS, **options}
    return arb.RoutingProblem.from_arrays(given.pop("solve"), given.pop("spend"), **given)


def record() -> arb.Market:
    return arb.Market(
        ["small", "large"],
        ["p", "q", "r", "s"],
        np.full((4, 2), 4),
        [[1, 4], [2, 3], [1, 2], [0, 4]],
        SPEND,
        segment=["a", "a", "b", "b"],
    )


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "instance": ["p", "p", "q", "q"],
            "model": ["small", "large"] * 2,
            "solve": [0.2, 0.9, 0.3, 0.4],
            "spend": [1.0, 5.0, 1.0, 4.0],
        }
    )


def framed(column: str) -> Callable[[Any], Any]:
    """Put something into a column of a long table."""

    def call(value: Any) -> arb.RoutingProblem:
        table = frame().astype({column: object})
        table[column] = [table[column][0], value, *table[column][2:]]
        return arb.RoutingProblem.from_frame(table)

    return call


def streamed(**options: Any) -> Any:
    source = Arrays(Block(0, (SOLVE, SPEND), np.array([0, 0, 1, 1])))
    given = {"models": ["small", "large"], "segments": ["a", "b"], **options}
    return arb.RoutingProblem.from_source(source, **given).add_budget(9.0)


def policy() -> RoutingPolicy:
    return RoutingPolicy(["small", "large"], {"spend": 0.1})


def arrivals(**options: Any) -> Arrivals:
    given = {"plans": ("small", "large"), "value": SOLVE, "spend": SPEND, **options}
    return Arrivals(**given)


def fitted(**options: Any) -> Any:
    given = {"features": FEATURES, "market": record(), "folds": 2, **options}
    simple = {"classifier": LogisticRegression(), "regressor": LinearRegression()}
    return cross_fit(given.pop("features"), given.pop("market"), **given, **simple)


def curve(**options: Any) -> Any:
    predicted = CrossFitted(
        record(), ("x",), SOLVE, SPEND, SOLVE, SPEND, np.arange(4) % 2, "platt", "none", False
    )
    return cost_quality(predicted, **{"resamples": 2, **options})


FEATURES = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0]}, index=["p", "q", "r", "s"])
PROBLEM = arrays()
SOLVED = PROBLEM.add_budget(9).solve()
ROBUST = PROBLEM.add_robust_budget(12, deviation=0.1, gamma=1)

#: What is called with the nonsense -> what of it has a meaning.
ENTRIES: dict[str, tuple[Callable[[Any], Any], set[str]]] = {
    **{
        f"from_arrays {name}": (lambda value, name=name: arrays(**{name: value}), meaning)
        for name, meaning in {
            "solve": {"bool matrix", "masked matrix"},
            "spend": {"two matrix", "masked matrix"},
            "models": {"none", "texts", "index"},
            "instances": {"none", "four texts"},
            "weight": {"none"},
            "segment": LABELS,
            "period": LABELS,
            "offered": {"none", "bool matrix"},
            "latency": {"none", "two numbers", "two matrix"},
            "providers": {"none"},
            "abstain": {"true", "numpy true"},
            "assignment": set(),
            "currency": {"text", "word"},
            "name": {"text", "word"},
        }.items()
    },
    "from_frame": (arb.RoutingProblem.from_frame, set()),
    **{
        f"from_frame {name}": (
            lambda value, name=name: arb.RoutingProblem.from_frame(frame(), **{name: value}),
            meaning,
        )
        for name, meaning in {
            "instance": set(),
            "solve": set(),
            "weight": {"none"},
            "segment": {"none"},
            "latency": {"none"},
        }.items()
    },
    "a cell solve": (framed("solve"), {*SHARES}),
    "a cell spend": (framed("spend"), NUMBERS - {"largest"}),
    "market": (arb.RoutingProblem, set()),
    "market plans": (lambda value: arb.RoutingProblem(record(), value), {"none"}),
    "market period": (
        lambda value: arb.RoutingProblem(record(), period=value),
        LABELS,
    ),
    "market latency": (lambda value: arb.RoutingProblem(record(), latency=value), {"none"}),
    "market latency of": (
        lambda value: arb.RoutingProblem(record(), latency={"small": 1, "large": value}),
        NUMBERS,
    ),
    "attempts_up_to": (lambda value: arb.attempts_up_to(["a"], value), {"two"}),
    "plan": (arb.Plan, {"empty list", "tuples"}),
    "plan unit": (lambda value: arb.Plan((("small", 1),), value), set()),
    "plan amount": (lambda value: arb.Plan((("small", value),)), {"two"}),
    "budget": (PROBLEM.add_budget, NUMBERS),
    "budget segment": (lambda value: PROBLEM.add_budget(9, value), {"none"}),
    "budget model": (lambda value: PROBLEM.add_budget(9, model=value), {"none", "word"}),
    "budget period": (lambda value: PROBLEM.add_budget(9, period=value), {"none"}),
    "budget list_prices": (
        lambda value: PROBLEM.add_budget(9, list_prices=value),
        {"true", "numpy true"},
    ),
    "contract": (PROBLEM.add_contract, {"word"}),
    "contract fee": (lambda value: PROBLEM.add_contract("large", fee=value), NUMBERS),
    "contract credit": (lambda value: PROBLEM.add_contract("large", credit=value), NUMBERS),
    "contract tiers": (lambda value: PROBLEM.add_contract("large", tiers=value), set()),
    "contract rate": (lambda value: PROBLEM.add_contract("large", tiers=[(0, value)]), NUMBERS),
    "floor": (PROBLEM.add_floor, SHARES),
    "floor of_best": (lambda value: PROBLEM.add_floor(of_best=value), SHARES),
    "floor segment": (lambda value: PROBLEM.add_floor(0.1, value), {"none"}),
    "capacity": (lambda value: PROBLEM.add_capacity("large", value), NUMBERS),
    "capacity model": (lambda value: PROBLEM.add_capacity(value, 1), {"word"}),
    "commitment": (
        lambda value: PROBLEM.add_commitment("large", attempts=value),
        NUMBERS - {"largest"},
    ),
    "share": (lambda value: PROBLEM.add_share_limit("large", value), SHARES),
    "share of": (lambda value: PROBLEM.add_share_limit("large", 0.5, value), set()),
    "forbid": (PROBLEM.forbid, {"word"}),
    "forbid instances": (
        lambda value: PROBLEM.forbid("large", instances=value),
        {"none", "index"},
    ),
    "allow_only": (PROBLEM.allow_only, set()),
    "limit_models": (PROBLEM.limit_models, {"two"}),
    "limit_plans": (PROBLEM.limit_plans, {"two"}),
    "latency limit": (PROBLEM.add_latency_limit, NUMBERS),
    "mean latency": (PROBLEM.add_mean_latency, NUMBERS),
    "penalty": (PROBLEM.penalize_abstention, NUMBERS),
    "price": (PROBLEM.maximize_profit, {*NUMBERS, "subnormals"} - {"largest"}),
    "price by segment": (
        lambda value: PROBLEM.maximize_profit({"a": 1, "b": value}),
        NUMBERS - {"largest"},
    ),
    "start_from": (PROBLEM.start_from, set()),
    "start_from changes": (
        lambda value: PROBLEM.start_from([0, 0, 1, 1], value),
        {"none", *NUMBERS},
    ),
    "robust total": (
        lambda value: PROBLEM.add_robust_budget(value, deviation=0.1, gamma=1),
        NUMBERS,
    ),
    "robust deviation": (
        lambda value: PROBLEM.add_robust_budget(90, deviation=value, gamma=1),
        {*NUMBERS, "two matrix"} - {"largest"},
    ),
    "robust gamma": (
        lambda value: PROBLEM.add_robust_budget(90, deviation=0.1, gamma=value),
        NUMBERS,
    ),
    "scenarios": (lambda value: PROBLEM.add_scenario_floor(0.5, value, cvar=0.9), set()),
    "scenarios count": (
        lambda value: PROBLEM.scenarios(value, attempts=False, instances=True),
        {"two"},
    ),
    "scenarios seed": (
        lambda value: PROBLEM.scenarios(2, seed=value, attempts=False, instances=True),
        {"two", "huge", "digits"},
    ),
    "scenarios attempts": (
        lambda value: PROBLEM.scenarios(2, attempts=value, instances=True),
        set(),
    ),
    "scenarios solve": (
        lambda value: Scenarios(PROBLEM.plan_table, solve=value),
        set(),
    ),
    "scenarios cvar": (
        lambda value: PROBLEM.add_scenario_floor(
            0.1, PROBLEM.scenarios(2, attempts=False, instances=True), cvar=value
        ),
        SHARES,
    ),
    "solve gap": (lambda value: PROBLEM.solve(gap=value), NUMBERS),
    "solve time_limit": (lambda value: PROBLEM.solve(time_limit=value), NUMBERS),
    "solve folds": (
        lambda value: arrays(assignment="per-segment").solve(folds=value),
        {"two"},
    ),
    "solve seed": (
        lambda value: arrays(assignment="per-segment").solve(folds=2, seed=value),
        {"two", "huge", "digits"},
    ),
    "frontier label": (lambda value: PROBLEM.add_budget(9).frontier(value), set()),
    "frontier limits": (
        lambda value: PROBLEM.add_budget(9).frontier(limits=value),
        {"none", *NUMBERS, *LISTS, "negative"},
    ),
    "frontier points": (lambda value: PROBLEM.add_budget(9).frontier(points=value), {"two"}),
    "frontier exact": (
        lambda value: PROBLEM.add_budget(9).frontier(points=2, exact=value),
        {"true", "numpy true"},
    ),
    "frontier tolerance": (
        lambda value: PROBLEM.add_budget(9).frontier(points=2, tolerance=value),
        SHARES - {"subnormal"},
    ),
    "frontier time_limit": (
        lambda value: PROBLEM.add_budget(9).frontier(points=2, time_limit=value),
        NUMBERS,
    ),
    "gammas": (
        lambda value: ROBUST.price_of_robustness(value, draws=2),
        {"none", *LISTS},
    ),
    "robustness draws": (lambda value: ROBUST.price_of_robustness([1], draws=value), {"two"}),
    "robustness seed": (
        lambda value: ROBUST.price_of_robustness([1], draws=2, seed=value),
        {"two", "huge", "digits"},
    ),
    "robustness distribution": (
        lambda value: ROBUST.price_of_robustness([1], distribution=value),
        set(),
    ),
    "price_range": (SOLVED.price_range, set()),
    "price_range time_limit": (lambda value: SOLVED.price_range("budget", value), NUMBERS),
    "explain": (SOLVED.explain, set()),
    "policy plans": (
        lambda value: RoutingPolicy(value, {}),
        {"list", "texts", "four texts", "index"},
    ),
    "policy prices": (lambda value: RoutingPolicy(["a"], value), {"mapping", "series"}),
    "policy price": (lambda value: RoutingPolicy(["a"], {"spend": value}), NUMBERS - {"largest"}),
    "policy value": (
        lambda value: policy().choose(value, SPEND),
        {"bool matrix", "masked matrix", "negative matrix", "two matrix"},
    ),
    "policy spend": (
        lambda value: policy().choose(SOLVE, value),
        {"masked matrix", "two matrix"},
    ),
    "policy rows": (
        lambda value: RoutingPolicy(["small", "large"], {"cap": 1.0}).choose(
            SOLVE, SPEND, {"cap": value}
        ),
        {"negative", *NUMBERS, "list", "two numbers", "two matrix", "negative matrix"}
        - {"largest"},
    ),
    "policy budget": (
        lambda value: RoutingPolicy.fit(["small", "large"], SOLVE, SPEND, value),
        set(),
    ),
    "arrivals value": (
        lambda value: arrivals(value=value),
        {"bool matrix", "masked matrix", "negative matrix", "two matrix"},
    ),
    "arrivals spend": (lambda value: arrivals(spend=value), {"two matrix", "masked matrix"}),
    "arrivals outcome": (
        lambda value: arrivals(outcome=value),
        {"none", "bool matrix", "negative matrix", "two matrix", "masked matrix"},
    ),
    "arrivals reordered": (lambda value: arrivals().reordered(value), set()),
    "arrivals bound": (lambda value: arrivals().bound(value), NUMBERS - {"largest"}),
    "serve arrivals": (lambda value: serve(value, policy(), 9), set()),
    "serve rule": (lambda value: serve(arrivals(), value, 9), set()),
    "serve budget": (
        lambda value: serve(arrivals(), FixedPrice(policy()), value),
        NUMBERS - {"largest"},
    ),
    "serve reserve": (
        lambda value: serve(arrivals(), policy(), 9, reserve=value),
        {"none", *NUMBERS} - {"largest"},
    ),
    "serve history": (lambda value: serve(arrivals(), policy(), 9, history=value), {"none"}),
    "from_source": (arb.RoutingProblem.from_source, set()),
    "from_source models": (lambda value: streamed(models=value), {"texts", "index"}),
    "from_source segments": (
        lambda value: streamed(segments=value),
        {"texts", "four texts", "index"},
    ),
    "from_source latency": (lambda value: streamed(latency=value), {"none"}),
    "from_source latency of": (
        lambda value: streamed(latency={"small": value, "large": 2.0}),
        NUMBERS - {"largest"},
    ),
    "from_source providers": (lambda value: streamed(providers=value), {"none"}),
    "from_source abstain": (lambda value: streamed(abstain=value), {"true", "numpy true"}),
    "from_source currency": (lambda value: streamed(currency=value), {"text", "word"}),
    "streamed budget": (lambda value: streamed().add_budget(value, "a").solve(), NUMBERS),
    "streamed floor": (lambda value: streamed().add_floor(value).solve(), SHARES),
    "streamed price": (
        lambda value: streamed().maximize_profit(value).solve(),
        NUMBERS - {"largest"},
    ),
    "streamed price of": (
        lambda value: streamed().maximize_profit({"a": value, "b": 2.0}).solve(),
        NUMBERS - {"largest"},
    ),
    "path": (path_of, {"text", "word"}),
    "export": (PROBLEM.export, set()),
    "score": (PROBLEM.score, set()),
    "score_on": (SOLVED.score_on, set()),
    "from_predictions": (arb.RoutingProblem.from_predictions, set()),
    "cross_fit features": (lambda value: fitted(features=value), set()),
    "cross_fit market": (lambda value: fitted(market=value), set()),
    "cross_fit folds": (lambda value: fitted(folds=value), {"two"}),
    "cross_fit groups": (
        lambda value: fitted(groups=value),
        {"none", "four texts"},
    ),
    "cross_fit seed": (lambda value: fitted(seed=value), {"two"}),
    "cross_fit calibration": (
        lambda value: fitted(calibration=value),
        set(),
    ),
    "cost_quality": (cost_quality, set()),
    "cost_quality where": (lambda value: curve(where=value), {"none", "bools"}),
    "cost_quality resamples": (lambda value: curve(resamples=value), {"two"}),
    "cost_quality seed": (lambda value: curve(seed=value), {"two", "huge", "digits"}),
    "streamed gap": (lambda value: streamed().solve(gap=value), NUMBERS),
    "streamed time_limit": (lambda value: streamed().solve(time_limit=value), NUMBERS),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_nonsense_is_refused_in_our_words_or_has_a_meaning(entry: str) -> None:
    call, meaning = ENTRIES[entry]
    wrong = []
    for name, make in NONSENSE.items():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                answer = call(make())
                if isinstance(answer, arb.RoutingProblem):
                    answer.solve()
            except ArbModelsError as error:
                if name in meaning and not isinstance(error, arb.InfeasibleError | arb.SolverError):
                    wrong.append(f"{name}: refused: {error}")
            except Exception as error:
                wrong.append(f"{name}: {type(error).__name__}: {error}"[:300])
            else:
                if name not in meaning:
                    wrong.append(f"{name}: accepted")
    assert not wrong, "\n".join(wrong)
