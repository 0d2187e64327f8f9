"""Passes over all groups: against plain NumPy, for any layout, threads and blocks."""

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
    multiple_choice_relaxation,
    pricing,
)
from arbmodels._assignment import program as source
from arbmodels._assignment.program import dense, offered


def draw(seed, groups=7, quantities=2, dtype=np.float64):
    """A random program with everything a block may have, or not."""
    rng = np.random.default_rng(seed)
    plans, classes, rows = 4, 3, 2
    width = int(rng.integers(1, plans + 1))
    q = [rng.integers(-3, 4, (groups, width)).astype(dtype) for _ in range(quantities)]
    mask = rng.random((groups, width)) < 0.6 if rng.random() < 0.5 else None
    if mask is not None:
        if width == plans:
            mask[:, 0] = True
        q = [np.where(mask, each, np.nan).astype(dtype) for each in q]
    coded = rng.integers(0, classes, groups) if rng.random() < 0.5 else None
    count = classes if coded is not None else 1
    weights = rng.choice([0.0, 1.0, 2.5], groups) if rng.random() < 0.5 else None
    shape = (quantities + 1, count, plans)
    forbidden = rng.random((count, plans)) < 0.2 if rng.random() < 0.3 else None
    return AssignmentProgram(
        Arrays(Block(0, tuple(q), coded, weights, mask)),
        rng.integers(-2, 3, shape).astype(float),
        rng.integers(-2, 3, (rows, *shape)).astype(float),
        rng.choice([-1.0, 1.0], rows),
        np.zeros(rows),
        bool(rng.random() < 0.5),
        forbidden,
    )


def plain(program, prices):
    """Priced objective [G, J], minus infinity where a plan may not be chosen."""
    block = program.source.block
    table = program.sign * program.objective - np.tensordot(
        prices * program.sense, program.rows, axes=1
    )
    allowed = offered(block, program.plans, program.forbidden)
    return np.where(allowed, dense(block, table), -np.inf)


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    quantities=st.integers(1, 5),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_the_best_plans_are_those_of_plain_numpy(seed, quantities, dtype):
    program = draw(seed, quantities=quantities, dtype=dtype)
    prices = np.array([0.5, 2.0])
    priced = plain(program, prices)
    every = np.arange(program.groups)
    weights = program.source.block.weights
    weights = np.ones(program.groups) if weights is None else weights
    best = pricing.best(program, prices)
    top = priced.max(axis=1)
    if np.isneginf(top).any():
        assert best.value == -np.inf
        return
    np.testing.assert_array_equal(best.choice, priced.argmax(axis=1))  # the first of ties
    assert best.value == pytest.approx(weights @ top)
    others = priced.copy()
    others[every, best.choice] = -np.inf
    alone = np.isneginf(others.max(axis=1))
    np.testing.assert_array_equal(best.second[alone], best.choice[alone])
    assert np.isposinf(best.lead[alone]).all()
    np.testing.assert_allclose(best.lead[~alone], (top - others.max(axis=1))[~alone], atol=1e-12)
    np.testing.assert_allclose(
        others[every, best.second][~alone], others.max(axis=1)[~alone], atol=1e-12
    )
    np.testing.assert_allclose(best.totals, pricing.totals(program, best.choice), atol=1e-12)
    # Totals give objective and rows.
    block = program.source.block
    chosen = dense(block, program.objective)[every, best.choice]
    assert program.value_of(best.totals) == pytest.approx(weights @ chosen)
    used = [weights @ dense(block, row)[every, best.choice] for row in program.rows]
    np.testing.assert_allclose(program.activity_of(best.totals), used, atol=1e-12)
    at = pricing.bound(program, prices, best.value)
    assert at == pytest.approx(
        program.sign * (weights @ top + (prices * program.sense) @ program.limits)
    )


def same(one, other):
    """Bit by bit."""
    assert one.value == other.value
    for name in ("choice", "second", "lead", "totals"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("quantities", [1, 2, 3])
def test_any_number_of_threads_gives_the_same(quantities, monkeypatch):
    monkeypatch.setattr(source, "BLOCK", 1000)
    program = draw(4, groups=20_500, quantities=quantities)
    prices = np.array([0.3, 0.7])
    results = []
    for threads in (1, 2, 5):
        threaded = replace(program, source=Arrays(program.source.block, threads))
        results.append(pricing.best(threaded, prices))
        np.testing.assert_array_equal(
            pricing.totals(threaded, results[0].choice), pricing.totals(program, results[0].choice)
        )
    same(results[0], results[1])
    same(results[0], results[2])


def test_any_layout_gives_the_same(tmp_path):
    program = draw(6, groups=300, quantities=2, dtype=np.float32)
    block = program.source.block
    prices = np.array([0.25, 1.5])
    known = pricing.best(program, prices)
    mapped = []
    for k, quantity in enumerate(block.quantities):
        np.save(tmp_path / f"{k}.npy", quantity)
        mapped.append(np.load(tmp_path / f"{k}.npy", mmap_mode="r"))
    first, second = block.quantities
    for quantities in (
        tuple(mapped),
        (first.astype(float), second.astype(float)),
        (first, second.astype(float)),
        (np.asfortranarray(first), np.asfortranarray(second)),
        (np.repeat(first, 2, axis=1)[:, ::2], second[::-1][::-1]),
    ):
        other = replace(program, source=Arrays(replace(block, quantities=quantities)))
        same(pricing.best(other, prices), known)
    assert block.quantities[0].flags.writeable


def test_sums_over_many_groups_are_accurate():
    rng = np.random.default_rng(0)
    groups = 300_000
    spend = rng.lognormal(0, 3, (groups, 2)).astype(np.float32)
    program = AssignmentProgram(
        Arrays(Block(0, (spend,))),
        np.array([[[0.0, 0.0]], [[1.0, 1.0]]]),
        np.zeros((0, 2, 1, 2)),
        np.zeros(0),
        np.zeros(0),
        False,
    )
    best = pricing.best(program, np.zeros(0))
    exact = float(spend.astype(np.longdouble).min(axis=1).sum())
    assert best.value == pytest.approx(-exact, rel=1e-14)
    assert program.value_of(best.totals) == pytest.approx(exact, rel=1e-14)


def test_plans_beyond_the_arrays_have_constants_only():
    table = np.array([[[0.0, 0.0, 1.5]], [[1.0, 1.0, 9.0]]])
    program = AssignmentProgram(
        Arrays(Block(0, (np.array([[1.0, 2.0], [0.5, 1.0]]),))),
        table,
        np.zeros((0, 2, 1, 3)),
        np.zeros(0),
        np.zeros(0),
        True,
    )
    best = pricing.best(program, np.zeros(0))
    assert best.choice.tolist() == [1, 2]
    assert best.value == 3.5
    assert best.totals[:, 0].tolist() == [[0.0, 1.0, 1.0], [0.0, 2.0, 0.0]]


def test_a_quantity_without_price_may_be_missing():
    # A latency that nothing depends on need not be known.
    known, unknown = np.array([[1.0, 2.0]]), np.array([[np.nan, np.nan]])
    objective = np.zeros((3, 1, 2))
    objective[1] = 1.0
    program = AssignmentProgram(
        Arrays(Block(0, (known, unknown))),
        objective,
        np.zeros((0, 3, 1, 2)),
        np.zeros(0),
        np.zeros(0),
        True,
    )
    assert pricing.best(program, np.zeros(0)).choice.tolist() == [1]


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    quantities=st.integers(1, 4),
    dtype=st.sampled_from([np.float32, np.float64]),
    chunk=st.sampled_from([1, 3, 4096]),
)
def test_one_reading_of_a_block_gives_what_several_give(seed, quantities, dtype, chunk):
    program = draw(seed, 100, quantities, dtype)
    block = program.source.block
    low, high = program.table(np.array([0.5, 2.0])), program.table(np.array([3.0, 0.25]))
    first, last = pricing.best_of(block, low), pricing.best_of(block, high)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multiple_choice_relaxation, "CHUNK", chunk)
        ends = multiple_choice_relaxation._ends(block, low, high)
        value, totals = multiple_choice_relaxation._check(block, low, last.choice)
    assert value == pytest.approx(first.value)
    every = pricing.totals_of(block, last.choice, low.shape)
    np.testing.assert_allclose(totals, every, atol=1e-9)
    np.testing.assert_array_equal(ends.choice, first.choice)
    apart = np.flatnonzero(first.choice != last.choice)
    np.testing.assert_array_equal(ends.positions, apart)
    np.testing.assert_array_equal(ends.to, last.choice[apart])
    if first.value > -np.inf and last.value > -np.inf:
        np.testing.assert_allclose(ends.low, first.totals, atol=1e-9)
        np.testing.assert_allclose(ends.high, last.totals, atol=1e-9)
        same = np.setdiff1d(np.arange(block.size), apart)
        fixed = pricing.totals_of(block.take(same), first.choice[same], low.shape)
        np.testing.assert_allclose(ends.fixed, fixed, atol=1e-9)
