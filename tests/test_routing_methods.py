"""Methods of problems and results that other parts answer: they get the right program and row."""

from __future__ import annotations

import numpy as np
import pytest

import arbmodels as arb

RNG = np.random.default_rng(4)
SOLVE, SPEND = RNG.random((12, 3)), RNG.random((12, 3))


def problem():
    return arb.RoutingProblem.from_arrays(SOLVE, SPEND, segment=["a", "b"] * 6)


def test_a_frontier_moves_the_limit_of_its_label():
    asked = problem().add_floor(0.2, "a").add_budget(2.0)
    curve = asked.frontier("budget", limits=[1.5, 2.0, 3.0])
    for limit in (1.5, 2.0, 3.0):
        solved = problem().add_floor(0.2, "a").add_budget(limit).solve()
        assert curve.at(limit).objective == pytest.approx(solved.objective, rel=1e-5)
    with pytest.raises(arb.InputError, match="'quality floor in a', 'budget'"):
        asked.frontier("capacity")


def test_a_shadow_price_holds_in_its_range():
    result = problem().add_budget(2.0).solve()
    known = result.price_range("budget")
    assert known.low <= 2.0 <= known.high
    inner = problem().add_budget((known.low + known.high) / 2).solve()
    assert inner.shadow_prices["budget"] == pytest.approx(result.shadow_prices["budget"])
    assert (known.label, known.unit, known.limit) == ("budget", "USD", 2.0)
    assert known.price == pytest.approx(result.shadow_prices["budget"])
    assert known.price_unit == result.shadow_price_units["budget"]
    assert f"{known.low:.5f}" in str(known)
    assert known.to_frame().loc[0, "high"] == known.to_dict()["high"] == known.high


def test_limits_in_coefficients_cannot_be_moved():
    shared = problem().add_share_limit("model-0", 0.5)
    chance = problem().add_scenario_floor(
        0.1, problem().scenarios(5, attempts=False, instances=True), chance=0.8
    )
    for asked, label in ((shared, "share of spend to model-0"), (chance, "floor in 80.0%")):
        result = asked.solve()
        (named,) = [each for each in result.shadow_prices if each.startswith(label)]
        with pytest.raises(arb.InputError, match=f"limit of the constraint '{label}.* each limit"):
            asked.frontier(named)
        with pytest.raises(arb.InputError, match="each limit"):
            result.price_range(named)


def test_an_exported_program_has_the_names_of_the_problem(tmp_path):
    asked = problem().add_budget(2.0).add_floor(0.2, "a").add_contract("model-1", fee=0.3)
    path = asked.export(tmp_path / "routing.lp")
    text = path.read_text()
    assert "budget" in text
    assert "quality_floor_in_a" in text
    assert "contract_with_model" in text
    with pytest.raises(arb.InputError, match="exists"):
        asked.export(path)


def test_a_robust_budget_costs_more_than_a_plain_one():
    plain = problem().add_budget(2.0).solve()
    safe = problem().add_robust_budget(2.0, deviation=0.5, gamma=3).solve()
    assert safe.objective < plain.objective
    extra = np.sort(
        0.5 * SPEND[np.arange(12), np.minimum(safe.assignment, 2)] * (safe.assignment < 3)
    )[::-1]
    assert safe.spend + extra[:3].sum() <= 2.0 + 1e-9
    assert safe.activity["robust budget"] == pytest.approx(safe.spend + extra[:3].sum())
