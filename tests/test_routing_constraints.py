"""Every objective and constraint of routing, alone and combined, against enumeration."""

from __future__ import annotations

import pytest

import routing_judge as rj
from routing_judge import a_world, distinct


@pytest.mark.parametrize("start", range(0, 600, 60))
def test_one_constraint_of_every_kind(start):
    feasible = []
    for seed in range(start, start + 60):
        rng, world = a_world(seed)
        found = distinct(rj.demands(world, rng))
        demand = found[seed % len(found)]
        feasible.append(rj.judge(world, rj.objective(world, rng), [demand]))
    assert any(feasible)


@pytest.mark.parametrize("start", range(1000, 1900, 60))
def test_combinations(start):
    feasible = []
    for seed in range(start, start + 60):
        rng, world = a_world(seed)
        found = distinct(rj.demands(world, rng))
        chosen = rng.permutation(len(found))[: int(rng.integers(2, 5))]
        penalty = float(rng.choice([0.0, rng.uniform(0, 0.5)]))
        target = rj.objective(world, rng, penalty=penalty)
        feasible.append(rj.judge(world, target, [found[k] for k in chosen]))
    assert any(feasible)
    assert not all(feasible)
