"""Programs of one row: against enumeration and against HiGHS, on every way through the engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbmodels._assignment import (
    Arrays,
    AssignmentProgram,
    Block,
    multiple_choice_knapsack,
    multiple_choice_relaxation,
)
from arbmodels._assignment import program as source
from arbmodels._assignment.highs import solve_with_highs
from arbmodels._assignment.multiple_choice_knapsack import price, solve_multiple_choice_knapsack
from arbmodels._solver import relative_gap
from multiple_choice_cases import KINDS, check, draw, enumerated, written


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 10**6), groups=st.integers(1, 6), plans=st.integers(1, 4))
def test_small_programs_are_solved_to_the_optimum(kind, seed, groups, plans):
    program = draw(seed, groups, plans, kind)
    answer = solve_multiple_choice_knapsack(program, 0.0, 60.0)
    check(program, answer, enumerated(program))
    assert answer.status in ("optimal", "infeasible")


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), quantities=st.sampled_from([1, 3, 4]))
def test_any_number_of_quantities(seed, quantities):
    program = draw(seed, 5, 3, quantities=quantities)
    check(program, solve_multiple_choice_knapsack(program, 0.0, 60.0), enumerated(program))


@pytest.mark.parametrize("kind", KINDS)
def test_the_price_is_that_of_the_linear_relaxation(kind):
    for seed in range(30):
        program = draw(seed, 12, 4, kind)
        value, used = written(program)
        limit = program.sense[0] * program.limits[0]
        oriented = np.where(np.isnan(value), -np.inf, program.sign * value)
        priced = price(program)
        least = np.where(np.isnan(value), np.inf, used).min(axis=1).sum()
        if least > limit + 1e-9 * np.abs(used).sum():
            assert priced is None
            continue
        # The dual is convex and piecewise linear: its least value is at one of these prices.
        with np.errstate(all="ignore"):
            crossings = (oriented[:, :, None] - oriented[:, None]) / (
                used[:, :, None] - used[:, None]
            )
        prices = np.append(crossings[np.isfinite(crossings) & (crossings > 0)], 0.0)
        used = used.astype(np.longdouble)  # large prices cancel
        duals = [(oriented - at * used).max(axis=1).sum() + at * limit for at in prices]
        size = np.nansum(np.nanmax(np.abs(value), axis=1))
        size += 1e-3 * priced.price * float(np.abs(used).sum())
        assert program.sign * priced.bound == pytest.approx(
            float(min(duals)), rel=1e-9, abs=1e-11 * size
        )
        assert program.sign * (priced.bound - priced.objective) >= 0


# HiGHS refuses numbers nine orders of magnitude apart.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "nine orders"])
def test_medium_programs_against_highs(kind):
    for seed in range(6):
        program = draw(100 + seed, 40, 5, kind, loose=0.1 + 0.1 * seed)
        ours = solve_multiple_choice_knapsack(program, 0.0, 60.0)
        whole = solve_with_highs(program, 0.0, 60.0)
        assert ours.status == whole.status
        if ours.choice is not None:
            check(program, ours, whole.objective, rel=1e-7)
            assert relative_gap(ours.objective, ours.bound) <= 1e-12


def sampled(monkeypatch, small=50, least=30, block=64, most=200):
    """Make small programs take the way of large ones."""
    monkeypatch.setattr(multiple_choice_relaxation, "SMALL", small)
    monkeypatch.setattr(multiple_choice_relaxation, "LEAST", least)
    monkeypatch.setattr(multiple_choice_relaxation, "MOST", most)
    monkeypatch.setattr(multiple_choice_knapsack, "MOST", most)
    monkeypatch.setattr(source, "BLOCK", block)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sampled_bracket_changes_nothing(kind, monkeypatch):
    for seed in range(8):
        program = draw(seed, 600, 5, kind, loose=(-0.02, 0.0, 0.1, 0.3, 0.5, 0.7, 1.0, 1.1)[seed])
        plain = solve_multiple_choice_knapsack(
            program, 0.0 if kind != "nine orders" else 1e-9, 60.0
        )
        with monkeypatch.context() as patch:
            sampled(patch)
            answer = solve_multiple_choice_knapsack(program, 1e-6, 60.0)
        assert (answer.choice is None) == (plain.choice is None)
        if plain.choice is None:
            continue
        size = max(abs(plain.objective), 1e-12)
        ahead = program.sign * (plain.objective - answer.objective)
        assert ahead >= (-1e-11 if kind != "nine orders" else -1e-9) * size
        assert program.sign * (answer.bound - plain.objective) >= -1e-11 * size
        if answer.status == "optimal":
            assert relative_gap(answer.objective, answer.bound) <= 1e-6
        assert plain.status == "optimal"


def test_masses_of_ties_beyond_what_is_written_out(monkeypatch):
    # All groups alike: every breakpoint at one price, whatever the sample says.
    block = Block(0, (np.tile([3.0, 4.0], (5000, 1)), np.tile([1.0, 3.0], (5000, 1))))
    coefficients = np.zeros((3, 1, 3))
    coefficients[1] = 1.0
    row = np.zeros((1, 3, 1, 3))
    row[0, 2] = 1.0
    program = AssignmentProgram(
        Arrays(block), coefficients, row, np.ones(1), np.array([8000.0]), True
    )
    sampled(monkeypatch)
    answer = solve_multiple_choice_knapsack(program, 1e-9, 60.0)
    assert answer.objective == 5000 * 3 + 1500
    assert answer.prices[0] == pytest.approx(0.5)
    assert answer.status == "optimal"
    odd = solve_multiple_choice_knapsack(replace(program, limits=np.array([8001.0])), 1e-9, 60.0)
    assert odd.objective == 5000 * 3 + 1500
    assert odd.bound <= odd.objective + 0.5 + 1e-9


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "nine orders"])
def test_the_core_in_highs_ends_what_combinations_leave_open(kind, monkeypatch):
    expected, programs = [], []
    for seed in range(10):
        programs.append(draw(seed, 30, 4, kind, loose=0.05 + 0.09 * seed))
        expected.append(solve_multiple_choice_knapsack(programs[-1], 0.0, 60.0))
    monkeypatch.setattr(multiple_choice_knapsack, "FIRST", 3)
    monkeypatch.setattr(multiple_choice_knapsack, "LAST", 0)
    for program, known in zip(programs, expected, strict=True):
        answer = solve_multiple_choice_knapsack(program, 0.0, 60.0)
        assert (answer.choice is None) == (known.choice is None)
        if known.choice is not None:
            check(program, answer, known.objective, rel=1e-8)
            assert answer.status == "optimal"


def test_too_many_combinations_are_cut_and_said_so(monkeypatch):
    program = draw(5, 60, 5, "random", loose=0.4)
    known = solve_multiple_choice_knapsack(program, 0.0, 60.0)
    monkeypatch.setattr(multiple_choice_knapsack, "COMBINATIONS", 2)
    calls = []
    monkeypatch.setattr(
        multiple_choice_knapsack,
        "solve_core",
        lambda near, best, *_: calls.append(best.floor) or best,
    )
    answer = solve_multiple_choice_knapsack(program, 0.0, 60.0)
    assert len(calls) == 1
    assert answer.status == "time limit"
    assert program.sign * (answer.bound - known.objective) >= -1e-12
    assert program.sign * (known.objective - answer.objective) >= -1e-12
