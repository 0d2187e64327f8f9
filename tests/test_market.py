from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbmodels._checks import PRICE
from arbmodels.errors import DataError, InputError
from arbmodels.market import Market
from conftest import markets, random_market


def small(**changes: object) -> Market:
    """Two models, three instances; "large" has no record on "b"."""
    arguments: dict[str, object] = {
        "models": ["small", "large"],
        "instances": ["a", "b", "c"],
        "attempts": [[4, 2], [5, 0], [2, 4]],
        "successes": [[1, 2], [0, 0], [2, 1]],
        "cost": [[0.1, 1.0], [0.2, np.nan], [0.3, 3.0]],
        "segment": ["x", "x", "y"],
    }
    return Market(**{**arguments, **changes})  # type: ignore[arg-type]


def test_values_by_hand() -> None:
    market = small()
    assert market.single_attempt_rate[0].tolist() == [0.25, 1.0]
    assert np.isnan(market.single_attempt_rate[1, 1])
    np.testing.assert_allclose(market.solve_rate, [(0.25 + 0 + 1) / 3, (1 + 0.25) / 2])
    np.testing.assert_allclose(market.solved_at_least_once, [2 / 3, 1.0])
    np.testing.assert_allclose(market.mean_cost, [0.2, 2.0])
    np.testing.assert_allclose(
        market.solve_rate_standard_error,
        [np.std([0.25, 0, 1], ddof=1) / 3**0.5, np.std([1, 0.25], ddof=1) / 2**0.5],
    )
    np.testing.assert_allclose(market.weight, 1 / 3)
    assert market.segments == ("x", "y")


def test_weights_by_hand() -> None:
    market = small(weight=[1, 1, 2])
    np.testing.assert_allclose(market.weight, [0.25, 0.25, 0.5])
    np.testing.assert_allclose(
        market.solve_rate, [0.25 * 0.25 + 0.5 * 1, (0.25 * 1 + 0.5 * 0.25) / 0.75]
    )
    np.testing.assert_allclose(market.mean_cost, [0.225, (1.0 + 2 * 3.0) / 3])


@given(markets(missing=0.3), st.floats(0.5, 20.0))
def test_scaling_the_weights_changes_nothing(market: Market, factor: float) -> None:
    again = dataclasses.replace(market, weight=market.weight * factor)
    np.testing.assert_allclose(again.solve_rate, market.solve_rate)
    np.testing.assert_allclose(again.mean_cost, market.mean_cost)
    np.testing.assert_allclose(
        again.solve_rate_standard_error, market.solve_rate_standard_error, atol=1e-12
    )


def test_one_instance_has_no_standard_error() -> None:
    market = small().select(models=["small"], instances=["a"])
    assert np.isnan(market.solve_rate_standard_error).all()
    assert "25.0% ± –" in str(market)


def test_is_immutable_and_copies_its_input() -> None:
    attempts = np.array([[4, 2], [5, 0], [2, 4]])
    market = small(attempts=attempts)
    attempts[:] = 0
    assert market.attempts[0, 0] == 4
    for values in (market.attempts, market.successes, market.cost, market.weight):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        market.models = ("other",)  # type: ignore[misc]


def test_a_cost_without_a_record_is_undefined() -> None:
    assert np.isnan(small(cost=[[0.1, 1.0], [0.2, 99.0], [0.3, 3.0]]).cost[1, 1])


BAD_ARRAYS = [
    ({"attempts": [[4, 2], [5, 0]]}, r"attempts has shape \(2, 2\), expected \(3, 2\)"),
    ({"attempts": [[4, 2], [5], [2, 4]]}, "attempts is not a rectangular array of numbers"),
    ({"cost": [["cheap", 1], [1, 1], [1, 1]]}, "cost is not a rectangular array of numbers"),
    ({"successes": np.zeros((3, 2, 1))}, "successes has shape"),
    ({"weight": [1, 1]}, r"weight has shape \(2,\), expected \(3,\)"),
    ({"segment": ["x"]}, "segment has 1 labels, expected 3"),
    ({"models": ["one", "one"]}, "model 'one' appears 2 times"),
    ({"instances": ["a", "b", "a"]}, "instance 'a' appears 2 times"),
    ({"attempts": [[4.5, 2], [5, 0], [2, 4]]}, "'a', model 'small': attempts is not a whole"),
    ({"attempts": [[np.inf, 2], [5, 0], [2, 4]]}, r"attempts is not a whole number .*: inf"),
    ({"attempts": [[-1, 2], [5, 0], [2, 4]]}, r"attempts is not a whole number .*: -1"),
    ({"successes": [[1, 2], [0, 0], [-2, 1]]}, "'c', model 'small': successes is not a whole"),
    ({"successes": [[1, 2], [0, 0], [np.nan, 1]]}, r"successes is not a whole number .*: nan"),
    ({"successes": [[5, 2], [0, 0], [2, 1]]}, r"successes exceed attempts: 5"),
    ({"successes": [[1, 2], [0, 1], [2, 1]]}, "'b', model 'large': successes exceed attempts"),
    ({"cost": [[-0.1, 1], [1, 1], [1, 1]]}, r"cost is not 0 or a positive .*: -0.1"),
    ({"cost": [[np.nan, 1], [1, 1], [1, 1]]}, r"cost is not 0 or a positive .*: nan"),
    ({"cost": [[np.inf, 1], [1, 1], [1, 1]]}, r"cost is not 0 or a positive .*: inf"),
    ({"weight": [1, -1, 1]}, r"instance 'b': weight is not 0 or a positive .*: -1"),
    ({"weight": [1, np.nan, 1]}, r"instance 'b': weight is not 0 or a positive .*: nan"),
    ({"weight": [0, 0, 0]}, "model 'small': its instances all have weight zero"),
    ({"weight": [0, 1, 0]}, "model 'large': its instances all have weight zero"),
    ({"attempts": [[2**63, 2], [5, 0], [2, 4]]}, "'a', model 'small': attempts is not a whole .*e"),
    (
        {"attempts": [[10**400, 2], [5, 0], [2, 4]]},
        "attempts is not a rectangular array of numbers",
    ),
    (
        {"attempts": np.ma.array([[4, 2], [5, 9], [2, 4]], mask=[[0, 0], [0, 1], [0, 0]])},
        "attempts is masked; write 0 attempts where there is no record",
    ),
    ({"cost": None}, "cost is not a rectangular array of numbers: None is none"),
    ({"cost": np.full((3, 2), 1j)}, "cost is not a rectangular array of numbers"),
    ({"cost": np.full((3, 2), np.datetime64("2026-01-01"))}, "cost is not a rectangular array"),
    ({"cost": [[1e308, 1], [1e308, 1], [1, 1]]}, r"'b', model 'small': cost is not .*: 1e\+308"),
    ({"cost": [[1e-320, 1], [1, 1], [1, 1]]}, "'a', model 'small': cost is not .*e-321"),
    ({"weight": [1e308, 1e308, 1]}, r"instance 'b': weight is not 0 or .*: 1e\+308"),
    ({"models": "sl"}, r"models must be a list of names; write models=\['sl'\]"),
    ({"instances": 3}, "instances must be a list of names, not 3"),
    ({"notes": "left out"}, "notes must be a list of names"),
    ({"segment": "xyz"}, "segment must be a list of names"),
    ({"models": ["small", ""]}, "model '' must be non-empty text without blanks at its ends"),
    ({"models": ["small", None]}, "model '' must be non-empty"),
    ({"instances": ["a", "b", "b "]}, "instance 'b ' must be non-empty text without blanks at"),
    ({"instances": ["a", "b", np.nan]}, "instance '' must be non-empty"),
    ({"segment": ["x", "", "y"]}, "segment '' must be non-empty"),
    (
        {"attempts": [[4, 2], [0, 0], [2, 4]]},
        "instance 'b' has no attempts at all",
    ),
    (
        {"attempts": [[4, 0], [5, 0], [2, 0]], "successes": np.zeros((3, 2))},
        "model 'large' has no attempts at all",
    ),
]


@pytest.mark.parametrize(("changes", "message"), BAD_ARRAYS)
def test_bad_arrays(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        small(**changes)


def test_text_is_no_number_and_truth_values_count() -> None:
    with pytest.raises(DataError, match="attempts is not a rectangular array of numbers: text"):
        small(attempts=[["4", "2"], ["5.0", "0"], ["2", "4"]])
    with pytest.raises(DataError, match="weight is not a rectangular array of numbers: text"):
        small(weight=["1", "1", "2"])
    solved = small(
        attempts=np.ones((3, 2)), successes=np.eye(3, 2, dtype=bool), cost=np.ones((3, 2))
    )
    assert solved.successes.tolist() == [[1, 0], [0, 1], [0, 0]]


def test_weights_that_are_zero_but_for_one() -> None:
    market = small(weight=[0, 0, 1e-90])
    assert market.solve_rate.tolist() == [1.0, 0.25]
    assert market.mean_cost.tolist() == [0.3, 3.0]


def test_an_empty_market() -> None:
    with pytest.raises(DataError, match="the market has 0 models and 0 instances"):
        Market([], [], np.zeros((0, 0)), np.zeros((0, 0)), np.zeros((0, 0)))


def test_all_problems_come_together() -> None:
    with pytest.raises(DataError) as caught:
        small(cost=[[-2, 1], [-1, 1], [1, 1]], successes=[[9, 2], [0, 0], [2, 1]], name="mine")
    assert caught.value.problems == (
        "instance 'a', model 'small': successes exceed attempts: 9",
        f"instance 'a', model 'small': cost is not {PRICE}: -2",
        f"instance 'b', model 'small': cost is not {PRICE}: -1",
    )
    assert str(caught.value).startswith("mine: 3 problems found")


def test_select_keeps_the_order_asked_for() -> None:
    market = small(weight=[1, 1, 2]).select(models=["large", "small"], instances=["c", "a"])
    assert market.models == ("large", "small")
    assert market.instances == ("c", "a")
    assert market.attempts.tolist() == [[4, 2], [2, 4]]
    assert market.successes.tolist() == [[1, 2], [2, 1]]
    assert market.cost.tolist() == [[3.0, 0.3], [1.0, 0.1]]
    assert market.segment == ("y", "x")
    np.testing.assert_allclose(market.weight, [2 / 3, 1 / 3])


def test_select_segments_and_instances_together() -> None:
    assert small().select(segments=["x"]).instances == ("a", "b")
    assert small().select(instances=["c", "a"], segments=["x"]).instances == ("a",)


def test_select_says_what_it_leaves_out() -> None:
    market = small().select(models=["large"])
    assert market.instances == ("a", "c")
    assert market.notes == ("1 of 3 instances left out: not recorded for any of large",)
    assert market.notes[0] in str(market)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"models": ["medium"]}, "no model 'medium'; it has small, large"),
        ({"models": "small"}, r"models must be a list of names; write models=\['small'\]"),
        ({"models": ["small", "small"]}, "model 'small' is named twice. Name each once"),
        ({"models": []}, "no model chosen; it has small, large"),
        ({"models": 3}, "models must be a list of names, not 3"),
        ({"instances": ["z"]}, "no instance 'z'"),
        ({"instances": ["a", "a"]}, "instance 'a' is named twice"),
        ({"segments": ["z"]}, "no segment 'z'; it has x, y"),
        ({"segments": []}, "no segment chosen; it has x, y"),
        ({"instances": ["c"], "segments": ["x"]}, "nothing is left"),
        ({"models": ["large"], "instances": ["b"]}, "nothing is left"),
        ({"instances": ["b"]}, "large has no record on the selected instances"),
    ],
)
def test_bad_selections(choice: dict[str, list[str]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        small().select(**choice)


def test_segments_of_a_market_without() -> None:
    with pytest.raises(InputError, match="no segment 'x'; it has none"):
        small(segment=None).select(segments=["x"])


def test_intersection_leaves_out_and_says_so() -> None:
    market = small().intersection()
    assert market.instances == ("a", "c")
    assert market.recorded.all()
    assert market.notes == ("1 of 3 instances left out: not recorded for every model (b)",)
    assert market.intersection() is market


def test_no_common_instance() -> None:
    market = Market(["s", "l"], ["a", "b"], [[1, 0], [0, 1]], np.zeros((2, 2)), np.ones((2, 2)))
    with pytest.raises(DataError, match=r"no instance in common \(instances per model: s: 1, l: 1"):
        market.intersection()


@given(markets(missing=0.4))
def test_intersection_has_every_pair_and_loses_no_complete_instance(market: Market) -> None:
    complete = [
        name for name, row in zip(market.instances, market.recorded, strict=True) if row.all()
    ]
    if complete:
        assert list(market.intersection().instances) == complete
    else:
        with pytest.raises(DataError):
            market.intersection()


def test_summary_by_hand() -> None:
    summary = small().summary()
    assert summary.index.tolist() == ["small", "large"]
    assert summary["instances"].tolist() == [3, 2]
    assert summary["attempts_min"].tolist() == [2, 2]
    assert summary["attempts_median"].tolist() == [4, 3]
    assert summary["attempts_max"].tolist() == [5, 4]
    assert summary["median_cost"].tolist() == [0.2, 2.0]


def test_display_in_terminal_and_notebook() -> None:
    market = small(name="<mine>", notes=["a note"], currency="EUR")
    text = str(market)
    assert "<mine> (recorded): 2 models x 3 instances, 2 segments" in text
    for cell in ("small", "2/4/5", "41.7%", "66.7%", "0.200", "a note", "cost in EUR"):
        assert cell in text
    assert repr(market) == text
    html = market._repr_html_()
    assert "&lt;mine&gt; (recorded)" in html
    assert ">2/4/5</td>" in html
    assert "simulated" in str(small(simulated=True))


def test_random_markets_are_what_they_promise() -> None:
    market = random_market(np.random.default_rng(0), 40, 3, missing=0.5, segments=2)
    assert market.attempts.shape == (40, 3)
    assert 0 < (~market.recorded).sum() < 80
    assert market.segments == ("s0", "s1")
