"""Every kind of constraint that cannot be met: named, with the nearest limit that can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

import arbmodels as arb
from arbmodels.routing import constraints, robust
from arbmodels.routing import scenarios as scenario_floor
from arbmodels.routing.scenarios import Scenarios

SOLVE = np.array([[0.5, 0.9], [0.2, 0.6], [0.7, 0.8], [0.1, 0.9]])
SPEND = np.array([[1.0, 4.0], [1.0, 5.0], [2.0, 4.0], [1.0, 3.0]])


def must_serve(**options):
    """Two models of two providers, no abstaining."""
    return arb.RoutingProblem.from_arrays(
        SOLVE,
        SPEND,
        models=["small", "large"],
        segment=["de", "en", "de", "en"],
        period=["may", "may", "june", "june"],
        latency=[1.0, 7.0],
        providers={"small": "acme", "large": "mega"},
        abstain=False,
        **options,
    )


def scenarios(problem):
    """The solve rates, and the same reduced by a half."""
    values = np.stack([problem.plan_table.solve, 0.5 * problem.plan_table.solve])
    return Scenarios(problem.plan_table, values.astype(np.float32), np.ones((2, 4)))


@dataclass(frozen=True)
class Case:
    """A constraint by its method, an unreachable limit, what is enough, and its unit."""

    ask: Callable
    label: str
    limit: float
    needed: float
    unit: str


CASES = [
    Case(lambda p, b: p.add_budget(b), "budget", 4, 5, "USD"),
    Case(lambda p, b: p.add_budget(b, "de"), "budget in de", 2, 3, "USD"),
    Case(lambda p, b: p.add_budget(b, period="may"), "budget in may", 1, 2, "USD"),
    Case(
        lambda p, b: p.allow_only(["large"]).add_budget(b, provider="mega"),
        "budget of mega",
        10,
        16,
        "USD",
    ),
    Case(
        lambda p, b: p.allow_only(["large"]).add_budget(b, "en", model="large", period="may"),
        "budget of large in en in may",
        1,
        5,
        "USD",
    ),
    Case(
        lambda p, b: p.add_budget(b, "de", list_prices=True).add_contract("large", fee=1),
        "budget at list prices in de",
        2,
        3,
        "USD",
    ),
    Case(lambda p, r: p.add_floor(r), "quality floor", 0.9, 0.8, "unit of solve rate"),
    Case(lambda p, r: p.add_floor(r, "de"), "quality floor in de", 0.9, 0.85, "unit of solve rate"),
    Case(
        lambda p, r: p.forbid("large").add_budget(20).add_capacity("mega", 0).add_floor(r),
        "quality floor",
        0.5,
        0.375,
        "unit of solve rate",
    ),
    Case(
        lambda p, s: p.add_capacity("large", 2).add_floor(of_best=s),
        "quality floor, of the best",
        1.0,
        (0.5 + 0.6 + 0.7 + 0.9) / 3.2,
        "share of the best solve rate",
    ),
    Case(
        lambda p, a: p.allow_only(["large"]).add_capacity("large", a),
        "capacity of large",
        3,
        4,
        "attempt",
    ),
    Case(
        lambda p, a: p.add_commitment("mega", attempts=a),
        "commitment of attempts to mega",
        5,
        4,
        "attempt",
    ),
    Case(
        lambda p, a: p.add_commitment("small", spend=a),
        "commitment of spend to small",
        6,
        5,
        "USD",
    ),
    Case(
        lambda p, s: p.add_floor(0.8).add_share_limit("large", s),
        "share of spend to large",
        0.5,
        1.0,
        "share of spend",
    ),
    Case(
        lambda p, s: p.add_floor(0.6).add_share_limit("large", s, of="attempts"),
        "share of attempts to large",
        0.1,
        0.5,
        "share of attempts",
    ),
    Case(
        lambda p, s: p.add_floor(0.6).add_share_limit("large", s, of="instances"),
        "share of instances to large",
        0.1,
        0.5,
        "share of instances",
    ),
    Case(
        lambda p, t: p.add_mean_latency(t, "de").add_floor(0.8, "de"),
        "mean latency in de",
        1.5,
        4.0,
        "second",
    ),
    Case(lambda p, t: p.add_latency_limit(t).add_floor(0.5), "latency limit", 3.0, 7.0, "second"),
    Case(
        lambda p, k: p.limit_models(k).add_commitment("large", attempts=1).add_capacity("large", 1),
        "number of models",
        1,
        2,
        "model",
    ),
    Case(lambda p, k: p.limit_plans(k), "number of plans", 0, 1, "plan"),
    Case(
        lambda p, d: p.start_from([0, 0, 0, 0], max_changes=d).add_floor(0.8),
        "number of changes",
        2,
        4,
        "instance",
    ),
    Case(
        lambda p, b: p.add_robust_budget(b, deviation=0.5, gamma=2),
        "robust budget",
        6,
        6.5,
        "USD",
    ),
    Case(
        lambda p, r: p.add_scenario_floor(r, scenarios(p), cvar=0.5),
        "floor on the worst 50.0%",
        0.5,
        0.4,
        "unit of solve rate",
    ),
    Case(
        lambda p, r: p.add_scenario_floor(r, scenarios(p), chance=1.0, segment="de"),
        "floor in 100% of scenarios in de",
        0.5,
        0.425,
        "unit of solve rate",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_the_nearest_limit_is_named_and_is_enough(case):
    with pytest.raises(arb.InfeasibleError) as caught:
        case.ask(must_serve(), case.limit).solve()
    found = {each.label: each for each in caught.value.conflicts}
    assert found[case.label].limit == case.limit
    assert found[case.label].needed == pytest.approx(case.needed, rel=1e-6)
    assert found[case.label].unit == case.unit
    assert case.label in str(caught.value)
    sense = np.sign(case.needed - case.limit)
    enough = case.needed if case.needed == round(case.needed) else case.needed * (1 + 1e-7 * sense)
    kept = case.ask(must_serve(), int(enough) if enough == round(enough) else enough)
    assert kept.solve().status == "optimal"


@pytest.mark.parametrize(
    ("change", "label", "instances"),
    [
        (lambda p: p.forbid("small").forbid("mega", segment="de"), "no mega in de", 2),
        (lambda p: p.allow_only(["acme"]).forbid("small", instances=[3]), "no small for 3", 1),
        (lambda p: p.allow_only(["large"], instances=[1]).forbid("large"), "only large for 1", 1),
    ],
)
def test_pairs_that_leave_nothing_are_counted(change, label, instances):
    with pytest.raises(arb.InfeasibleError) as caught:
        change(must_serve()).solve()
    found = {each.label: each for each in caught.value.conflicts}
    assert (found[label].needed, found[label].unit) == (instances, "instance")


def test_contracts_are_named_beside_the_conflict():
    deal = must_serve().add_contract("large", fee=3.0).allow_only(["large"]).add_budget(18)
    with pytest.raises(
        arb.InfeasibleError, match=r"budget 18\.00 USD: would .* to 19\.00"
    ) as caught:
        deal.solve()
    assert "Payments are by contract with large" in str(caught.value)


def test_no_kind_of_constraint_is_left_out():
    kinds = {robust.RobustBudget, scenario_floor.ScenarioFloor}
    kinds |= {getattr(constraints, name) for name in constraints.__all__} - {constraints.Constraint}
    asked = [each for case in CASES for each in case.ask(must_serve(), case.limit).constraints]
    asked += must_serve().forbid("small").allow_only(["large"]).constraints
    used = {type(each) for each in asked} | {constraints.Contract}  # a test of its own
    assert used == kinds
