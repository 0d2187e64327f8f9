"""Cuts, openings, excluded points and the listing of auxiliary variables, against enumeration."""

from __future__ import annotations

import numpy as np
import pytest

from arbmodels._assignment import Arrays, AssignmentProgram, Block, benders
from arbmodels._assignment.highs import listed
from arbmodels._assignment.linking_constraints import fill, links_of, units_of
from auxiliary_cases import auxiliary_of, pairs, random_program


@pytest.mark.parametrize("seed", range(30))
def test_cuts_hold_everywhere(seed):
    """At any prices and openings the cut is above the best assignment at any other opening."""
    rng = np.random.default_rng(seed)
    program = random_program(seed, groups=5, rows=2, columns=3)
    links = links_of(program.auxiliary)
    prices = rng.exponential(1.0, 2) * rng.integers(0, 2, 2)
    opening = links.opening(rng.random(3))
    filled = fill(program, program.table(prices), links, opening)
    cut = benders.cut_of(program, prices, opening, filled, of_value=True)
    value, rows, allowed = pairs(program)
    priced = program.sign * value - np.tensordot(prices * program.sense, rows, axes=1)
    priced = np.where(allowed, priced, -np.inf)
    for _ in range(8):
        point = np.where(program.auxiliary.upper > 1, rng.integers(0, 4, 3), rng.integers(0, 2, 3))
        point = point.astype(float)
        at = priced[:, ~links.closed(point)].max(axis=1, initial=-np.inf).sum()
        at += (prices * program.sense) @ (program.limits - program.auxiliary.coupling @ point)
        promised = cut.constant + cut.auxiliary @ point + cut.gains @ links.opening(point)
        assert at <= promised + 1e-9
    if not len(filled.missing):
        again = fill(program, program.table(prices), links, opening)
        served = (program.objective * again.totals).sum() * program.sign
        served -= (prices * program.sense) @ (program.rows * again.totals).sum(axis=(1, 2, 3))
        assert served == pytest.approx(filled.constant + filled.gains @ opening, abs=1e-9)


def test_groups_without_an_open_plan_name_what_they_wait_for():
    block = Block(0, (np.ones((3, 2)),), offered=np.array([[1, 0], [0, 1], [1, 1]], dtype=bool))
    objective = np.zeros((2, 1, 2))
    auxiliary = auxiliary_of(2, plans=2, needs=np.eye(2, dtype=bool))
    nothing = np.zeros(0)
    program = AssignmentProgram(
        Arrays(block), objective, np.zeros((0, 2, 1, 2)), nothing, nothing, True, None, auxiliary
    )
    links = links_of(auxiliary)
    shut = fill(program, program.table(nothing), links, links.opening(np.array([1.0, 0.0])))
    np.testing.assert_array_equal(shut.missing @ np.array([0, 1, 2]), [links.of_plan[1]])
    wide = fill(program, program.table(nothing), links, links.opening(np.ones(2)))
    assert len(wide.missing) == 0


def test_whole_numbers_are_excluded_one_at_a_time():
    """Points of a binary, a column from two to five and one from minus one to zero."""
    lower, upper = np.array([0.0, 2.0, -1.0]), np.array([1.0, 5.0, 0.0])
    auxiliary = auxiliary_of(3, lower=lower, upper=upper, objective=np.array([0.7, 0.2, 0.4]))
    nothing = np.zeros(0)
    program = AssignmentProgram(
        Arrays(Block(0, (np.zeros((1, 1)),))),
        np.zeros((2, 1, 1)),
        np.zeros((0, 2, 1, 1)),
        nothing,
        nothing,
        True,
        None,
        auxiliary,
    )
    links = links_of(auxiliary)
    units = units_of(program, auxiliary)
    master = benders.Master(program, links, units, 1.0)
    opening = np.ones(1)
    filled = fill(program, program.table(nothing), links, opening)
    master.add(benders.cut_of(program, nothing, opening, filled, of_value=True))
    seen = []
    while (proposal := master.propose(0.0, 10.0)).status == "optimal":
        seen.append((*proposal.auxiliary, proposal.bound))
        master.exclude(proposal.auxiliary)
    assert len(seen) == len({each[:3] for each in seen}) == 2 * 4 * 2
    worth = [each[3] for each in seen]
    assert worth == sorted(worth, reverse=True)
    np.testing.assert_allclose(worth[0], 0.7 + 1.0, atol=1e-9)


def test_listed_programs_are_what_they_list():
    """Every 0-1 point that enumeration allows is feasible in the listing, and no other."""
    for seed in range(25):
        program = random_program(seed, groups=2, plans=3, columns=2, rows=2, abstain=seed % 2 == 0)
        written = listed(program)
        value, rows, allowed = pairs(program)
        rows, auxiliary = np.array(rows), program.auxiliary
        lines = written.program
        matrix = lines.matrix.toarray()
        for choice in np.ndindex(program.plans, program.plans):
            if not allowed[[0, 1], list(choice)].all():
                assert not all(
                    ((written.group == g) & (written.plan == j)).any() for g, j in enumerate(choice)
                )
                continue
            x = np.zeros(len(written.group))
            for g, j in enumerate(choice):
                x[(written.group == g) & (written.plan == j)] = 1.0
            for y in np.ndindex(4, 4):
                if (np.array(y) > auxiliary.upper).any():
                    continue
                point = np.concatenate([x, y])
                left = matrix @ point
                holds = (left >= lines.row_lower - 1e-9) & (left <= lines.row_upper + 1e-9)
                use = rows[:, [0, 1], list(choice)].sum(axis=1) + auxiliary.coupling @ y
                inside = auxiliary.matrix @ np.array(y, dtype=float)
                expected = (
                    (program.sense * (use - program.limits) <= 1e-9).all()
                    and (inside >= auxiliary.row_lower - 1e-9).all()
                    and (inside <= auxiliary.row_upper + 1e-9).all()
                    and not (auxiliary.needs[list(choice)] & (np.array(y) < 1)).any()
                )
                if x.sum() < len(choice):  # a pair that fits no row is not listed
                    assert not expected
                    continue
                assert bool(holds.all()) == bool(expected)
                worth = value[[0, 1], list(choice)].sum() + auxiliary.objective @ y
                assert lines.cost @ point * written.value_scale == pytest.approx(worth, abs=1e-9)
