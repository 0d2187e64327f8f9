"""Robust budgets and floors over scenarios beside any other constraints, against enumeration."""

from __future__ import annotations

import numpy as np
import pytest

import arbmodels as arb
import routing_judge as rj
from arbmodels.routing.scenarios import Scenarios


def robust_spend(world, share, gamma):
    """Spend and the largest deviations of every assignment, [K]."""
    spend = world.picked(world.spend.sum(axis=2) * world.times[:, None])
    deviations = -np.sort(-share * spend, axis=1)
    size = deviations.shape[1]
    whole = min(int(gamma), size)
    rest = (gamma - whole) * deviations[:, whole] if whole < size else 0.0
    return spend.sum(axis=1) + deviations[:, :whole].sum(axis=1) + rest


def scenario_rates(world, scenarios):
    """Solve rate of every assignment in every scenario, sorted, [K, S]."""
    missing = world.solve.shape[1] - scenarios.shape[2]
    full = np.pad(scenarios.astype(float), ((0, 0), (0, 0), (0, missing)))
    return np.sort(np.stack([world.mean(each) for each in full], axis=1), axis=1)


def uncertain(world, rng, problem):
    """Add one or both with limits in reach; return which assignments keep them, [K]."""
    held = np.ones(len(world.plans), dtype=bool)
    kind = int(rng.integers(3))
    if kind != 1:
        share, gamma = float(rng.uniform(0, 1)), float(rng.choice([0, 1, 1.5, 2]))
        worst = robust_spend(world, share, gamma)
        total = float(rng.uniform(0.9 * worst.min(), worst.max()))
        problem = problem.add_robust_budget(total, deviation=share, gamma=gamma)
        held &= worst <= total * (1 + rj.SLACK)
    if kind != 0:
        table = problem.plan_table
        solve = rng.random((4, table.size, table.width)).astype(np.float32)
        rates = scenario_rates(world, solve)
        cvar = rng.random() < 0.5
        sure = rates[:, :2].mean(axis=1) if cvar else rates[:, 1]
        rate = float(rng.uniform(sure.min(), sure.max()))
        asked = {"cvar": 0.5} if cvar else {"chance": 0.75}
        problem = problem.add_scenario_floor(rate, Scenarios(table, solve), **asked)
        held &= sure >= rate - rj.SLACK
    return problem, held


@pytest.mark.parametrize("start", range(0, 80, 20))
def test_combinations(start):
    feasible = []
    for seed in range(start, start + 20):
        rng, world = rj.a_world(seed)
        problem, values, maximize = rj.objective(world, rng)
        found = rj.distinct(rj.demands(world, rng))
        problem, held = uncertain(world, rng, problem)
        for k in rng.permutation(len(found))[: int(rng.integers(0, 3))]:
            problem = found[k].ask(problem, found[k].limit)
            held &= found[k].holds()
        feasible.append(held.any())
        if not held.any():
            with pytest.raises(arb.InfeasibleError):
                problem.solve()
            continue
        result = problem.solve()
        best = values[held].max() if maximize else values[held].min()
        assert result.status == "optimal"
        assert result.objective == pytest.approx(best, rel=1e-6, abs=1e-8)
        assert held[rj.position(world, result.assignment)]
    assert any(feasible)
    assert not all(feasible)
