"""Judges against the package on a few hundred random problems, and proof that judges can fail."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import arbmodels as arb
from arbmodels.cascades.olmedo import CostCurve
from arbmodels.curves import AttemptCurve
from arbmodels.estimation.cross_validation import PriceAndCost
from arbmodels.games import CapacityGame, CascadeSet, EntryGame, FiniteGame, PriceGame, ProviderGame
from arbmodels.games.differentiated import DifferentiatedGame
from arbmodels.policies.classes import PolicyClasses
from arbmodels.verification.frontier import VerifiedFrontier
from tests.differential import AREAS, replay
from tests.differential.harness import Area, Disagreement, attempt, counts, draw, run, shrunk

ROOT = Path(__file__).resolve().parents[1]
#: Cases in the suite: about 1.5 s an area.
CASES = {
    "passk": 60,
    "curves": 60,
    "plan": 60,
    "frontier": 50,
    "thinned": 40,
    "dollars": 50,
    "search": 25,
    "routing": 50,
    "routing-frontier": 15,
    "price-game": 15,
    "capacity": 20,
    "routing-program": 12,
    "bertrand": 60,
    "undercutting": 60,
    "entry": 60,
    "mixed-prices": 20,
    "price-certificates": 60,
    "finite": 40,
    "bimatrix": 60,
    "correlated": 30,
    "verified-plan": 50,
    "verification": 25,
    "classes": 8,
    "cross-validation": 40,
    "paper-policy": 15,
    "paper-dollars": 60,
    "smooth-certificates": 15,
    "smooth": 8,
    "provider-payoffs": 60,
    "provider-certificates": 10,
    "providers": 2,
    "menu": 30,
}


@pytest.mark.parametrize("name", [name for name, cases in CASES.items() if cases])
def test_the_package_agrees_with_the_judge(name):
    _, failures = run([AREAS[name]], CASES[name], seed=1)
    assert not failures, failures[0].report()


def test_every_area_is_in_the_suite_or_left_out_on_purpose():
    assert set(CASES) == set(AREAS)


# Every area can fail: a fault in the package is seen.


def _nudged(value, by=1e-6):
    """A slightly wrong number."""
    return value * (1 + by)


def _method(owner, name, by=1e-6):
    """Make a method return numbers a little off."""

    def plant(patch):
        right = getattr(owner, name)
        patch.setattr(owner, name, lambda *a, **k: _nudged(np.asarray(right(*a, **k)), by))

    return plant


def _attribute(module, name, *fields, by=1e-6):
    """Make a function return an object with some fields a little off."""

    def plant(patch):
        right = getattr(module, name)

        def wrong(*args, **options):
            found = right(*args, **options)
            for each in fields:
                object.__setattr__(found, each, _nudged(np.asarray(getattr(found, each)), by))
            return found

        patch.setattr(module, name, wrong)

    return plant


def _missing_one(owner, name):
    """Make a list of equilibria lose its last."""

    def plant(patch):
        right = getattr(owner, name)
        if isinstance(right, property):
            patch.setattr(owner, name, property(lambda self: right.fget(self)[:-1]))
        else:
            patch.setattr(owner, name, lambda self: right(self)[:-1])

    return plant


def _bound_too_high(patch):
    right = arb.SearchedFrontier.bound_at
    patch.setattr(
        arb.SearchedFrontier, "bound_at", lambda self, rate: 1.001 * right(self, rate) + 1e-9
    )


def _thinned_too_dear(patch):
    right = arb.Frontier.spend_at
    patch.setattr(arb.Frontier, "spend_at", lambda self, rate: 1.001 * right(self, rate) + 1e-9)


def _gains_forgotten(owner):
    """Make a certificate say that nobody gains."""

    def plant(patch):
        right = owner.certify

        def wrong(self, strategies):
            found = right(self, strategies)
            object.__setattr__(found, "gain", 0.0 * found.gain)
            return found

        patch.setattr(owner, "certify", wrong)

    return plant


def _property(owner, name):
    """Make a property return numbers a little off."""

    def plant(patch):
        right = getattr(owner, name).fget
        patch.setattr(owner, name, property(lambda self: _nudged(right(self))))

    return plant


def _areas(module):
    return importlib.import_module(f"tests.differential.{module}")


def _other_actions(patch):
    """Make everybody play the next action instead."""
    right = FiniteGame.solve

    def wrong(self, **options):
        found = right(self, **options)
        moved = tuple(np.roll(own, 1) for own in found.strategies)
        object.__setattr__(found, "strategies", moved)
        return found

    patch.setattr(FiniteGame, "solve", wrong)


FAULTS = {
    "passk": _method(arb, "pass_at_k"),
    "curves": _method(AttemptCurve, "spend"),
    "plan": _attribute(arb.Plan, "evaluate", "spend_by_model"),
    "frontier": _method(arb.Frontier, "spend_at"),
    "thinned": _thinned_too_dear,
    "dollars": _method(arb.Frontier, "spend_at"),
    "search": _bound_too_high,
    "routing": _attribute(arb.RoutingProblem, "solve", "objective"),
    "routing-program": _attribute(arb.RoutingProblem, "solve", "objective"),
    "bertrand": _attribute(_areas("posted"), "certify", "gains"),
    "undercutting": _attribute(_areas("posted"), "undercut", "prices"),
    "entry": _missing_one(EntryGame, "equilibria"),
    "mixed-prices": _attribute(CapacityGame, "solve", "profits", by=1e-3),
    "price-certificates": _gains_forgotten(CapacityGame),
    "finite": _missing_one(FiniteGame, "pure_equilibria"),
    "bimatrix": _other_actions,
    "correlated": _attribute(FiniteGame, "correlated", "value"),
    "routing-frontier": _attribute(arb.RoutingProblem, "frontier", "objective", by=1e-4),
    "capacity": _attribute(CapacityGame, "solve", "profits", by=1e-3),
    "price-game": _attribute(PriceGame, "certify", "profit"),
    "verified-plan": _attribute(_areas("verification"), "verified_plan", "right"),
    "verification": _method(VerifiedFrontier, "cost_at"),
    "classes": _property(PolicyClasses, "spend"),
    "cross-validation": _property(PriceAndCost, "price"),
    "paper-policy": _method(CostCurve, "spend_at", by=1e-4),
    "paper-dollars": _method(arb.Frontier, "spend_at"),
    "smooth-certificates": _attribute(DifferentiatedGame, "certify", "gain", by=-0.01),
    "smooth": _attribute(DifferentiatedGame, "solve", "prices", by=0.01),
    "provider-payoffs": _method(ProviderGame, "profits"),
    "provider-certificates": _attribute(ProviderGame, "certify", "gain", by=-0.01),
    "providers": _attribute(ProviderGame, "solve", "profits"),
    "menu": _method(CascadeSet, "cost"),
}


#: Cases that a planted fault is looked for in; areas whose cases take long have fewer.
SOME = 15
FEW = {
    "capacity": 4,
    "classes": 4,
    "paper-policy": 4,
    "provider-certificates": 6,
    "providers": 2,
    "routing-frontier": 6,
    "smooth": 6,
    "smooth-certificates": 6,
}


@pytest.mark.parametrize("name", list(AREAS))
def test_a_planted_fault_is_caught(name, monkeypatch):
    area = AREAS[name]
    cases = [draw(area, 1, k) for k in range(FEW.get(name, SOME))]
    with monkeypatch.context() as patch:
        FAULTS[name](patch)
        caught = [found for case in cases if (found := attempt(area, case)) is not None]
    before = [found for case in cases if (found := attempt(area, case)) is not None]
    # By a judge, because of the fault and of nothing else.
    assert {found.what for found in caught} - {found.what for found in before}


# The harness itself.


def _draw_numbers(rng):
    return {"numbers": rng.normal(size=8).tolist(), "unused": [1.25, 2.5]}


def _no_large_number(case):
    if max(case["numbers"]) > 0.5:
        raise Disagreement("a large number", max(case["numbers"]), 0.5)


TOY = Area("toy", _draw_numbers, _no_large_number, axes={"number": [("numbers", 0)]})


def test_a_case_is_made_smaller():
    case = next(
        case for case in (draw(TOY, 0, k) for k in range(9)) if attempt(TOY, case) is not None
    )
    small = shrunk(TOY, case, "a large number")
    assert len(small["numbers"]) == 1
    assert small["numbers"][0] > 0.5
    assert small["numbers"][0] == float(f"{small['numbers'][0]:.1e}")


def test_an_error_is_a_disagreement():
    area = Area("broken", lambda rng: {"x": 1}, lambda case: 1 // 0)
    assert "ZeroDivisionError" in str(attempt(area, {"x": 1}).what)


def test_cases_do_not_depend_on_other_areas_or_their_number():
    area = AREAS["passk"]
    assert draw(area, 3, 5) == draw(area, 3, 5)
    assert draw(area, 3, 5) != draw(area, 3, 6)
    assert draw(area, 3, 5) != draw(area, 4, 5)


@pytest.mark.parametrize("cases", [17, 1000, 100_000])
def test_all_cases_are_divided(cases):
    divided = counts(list(AREAS.values()), cases)
    assert min(divided.values()) >= 1
    if cases >= 1000:
        assert sum(divided.values()) == cases


def test_a_replayed_case_raises():
    case = draw(AREAS["entry"], 0, 0)
    replay("entry", case)
    with pytest.MonkeyPatch.context() as patch:
        FAULTS["entry"](patch)
        case = next(
            case
            for case in (draw(AREAS["entry"], 0, k) for k in range(9))
            if attempt(AREAS["entry"], case)
        )
        with pytest.raises(Disagreement, match="entry: equilibria"):
            replay("entry", case)


def test_two_processes_count_the_same(tmp_path):
    path = tmp_path / "record.json"
    command = [sys.executable, "-m", "tests.differential", "--cases", "60", "--seed", "4"]
    command += ["--area", "entry", "--area", "passk", "--workers", "2", "--record", str(path)]
    done = subprocess.run(  # noqa: S603 - our own code
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert "No disagreement (seed 4)" in done.stdout
    record = json.loads(path.read_text())
    assert (record["seed"], record["disagreements"], record["processes"]) == (4, 0, 2)
    tally, failures = run([AREAS["entry"], AREAS["passk"]], 60, seed=4)
    assert not failures
    assert record["cases_by_area"] == tally.cases
    assert record["cases"] == 60


def _fails_at(rng):
    return {"x": int(rng.integers(0, 40))}


def test_the_first_failure_is_the_same_however_many_go_on(monkeypatch):
    """Cases are drawn one by one; going on after a failure finds the same one first."""

    def check(case):
        if case["x"] == 7:
            raise Disagreement("seven", 7, "another")

    area = Area("sevens", _fails_at, check)
    monkeypatch.setitem(AREAS, "sevens", area)
    first = run([area], 300, seed=0)[1][0]
    again = run([area, AREAS["entry"]], 600, seed=0, keep_going=True)[1][0]
    assert (first.area, first.index, first.case) == (again.area, again.index, again.case)
    assert "replay('sevens'" in first.report()
