"""Random routing problems and their enumeration, for the routing and formulation tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import arbmodels as arb
from arbmodels.routing import Budget, Capacity, QualityFloor
from conftest import random_market

#: Rows may be violated by this much relative to their size; far above the solver's tolerance.
SLACK = 1e-7


def draw(seed, instances=5, models=2, **options):
    """The market of a seed, in which the models of a segment have an instance in common."""
    rng = np.random.default_rng(seed)
    while True:
        market = random_market(rng, instances, models, **options)
        segments = np.array(market.segment or [""] * instances)
        parts = [market.recorded, *(market.recorded[segments == name] for name in set(segments))]
        if all(part[:, part.any(axis=0)].all(axis=1).any() for part in parts):
            return market


def random_problem(seed, market, plans=None, assignment="oracle", constraints=2):
    """Constraints at random places of the range that the plans can reach, or a bit outside it."""
    rng = np.random.default_rng(seed)
    problem = arb.RoutingProblem(market, plans, assignment)
    if rng.random() < 0.5:
        problem = problem.minimize_spend()
    scopes = [None, *market.segments]
    kinds = [("budget", s) for s in scopes] + [("floor", s) for s in scopes]
    kinds += [("capacity", m) for m in market.models]
    chosen = rng.permutation(len(kinds))[:constraints]
    _, parts = enumerate_assignments(problem)
    for kind, scope in (kinds[k] for k in chosen):
        probe = {
            "budget": lambda scope=scope: Budget(0.0, scope),
            "floor": lambda scope=scope: QualityFloor(0.0, scope),
            "capacity": lambda scope=scope: Capacity(scope, 0.0),
        }[kind]()
        reach = left_hand_side(problem, probe, parts)
        low, high = reach.min(), reach.max()
        limit = low + rng.uniform(-0.1, 1.1) * (high - low)
        limit = min(max(limit, 0.0), 1.0) if kind == "floor" else max(limit, 0.0)
        name = "attempts" if kind == "capacity" else "rate" if kind == "floor" else "total"
        problem = replace(
            problem, constraints=(*problem.constraints, replace(probe, **{name: float(limit)}))
        )
    return problem


def enumerate_assignments(problem):
    """Return all assignments [K, G] and, for each, solve, spend and attempts per instance."""
    market, plans = problem.market, problem.plans
    labels = {
        "oracle": list(market.instances),
        "per-segment": list(market.segment or ()),
        "single": ["all"] * len(market.instances),
    }[problem.assignment]
    names = list(dict.fromkeys(labels)) if problem.assignment == "oracle" else sorted(set(labels))
    group = np.array([names.index(label) for label in labels])
    evaluations = [plan.evaluate(market) for plan in plans]
    solve_of = np.array([e.solve for e in evaluations])
    spend_of = np.array([e.spend_by_model for e in evaluations])
    tried_of = spend_of / np.where(market.recorded, market.cost, 1.0)
    options = [[] for _ in names]
    for g in range(len(names)):
        for j, plan in enumerate(plans):
            used = [market.models.index(model) for model in plan.models]
            has = [i for i in np.flatnonzero(group == g) if market.recorded[i, used].all()]
            if not has:
                continue
            options[g].append(j)
            # Where there is no record, the mean of the group's instances that have one.
            share = market.weight[has] / market.weight[has].sum()
            for i in set(np.flatnonzero(group == g)) - set(has):
                for values in (solve_of, spend_of, tried_of):
                    values[j, i] = np.tensordot(share, values[j, has], 1)
    choices = np.array(np.meshgrid(*options, indexing="ij")).reshape(len(names), -1).T
    plan_of = choices[:, group]
    every = np.arange(len(group))
    return choices, tuple(values[plan_of, every] for values in (solve_of, spend_of, tried_of))


def left_hand_side(problem, constraint, parts):
    market = problem.market
    solve, by_model, tried = parts
    times = len(market.weight) * market.weight
    inside = np.ones(len(times), dtype=bool)
    if getattr(constraint, "segment", None) is not None:
        inside = np.array([label == constraint.segment for label in market.segment])
    if isinstance(constraint, Budget):
        return by_model.sum(axis=2)[:, inside] @ times[inside]
    if isinstance(constraint, QualityFloor):
        return solve[:, inside] @ times[inside] / times[inside].sum()
    m = market.models.index(constraint.model)
    return tried[:, :, m] @ times


def enumerate_problem(problem):
    """Return objective [K], left-hand sides [K, R] and which rows hold [K, R]."""
    _, parts = enumerate_assignments(problem)
    goal = QualityFloor(0.0) if problem.goal == "maximise solve rate" else Budget(0.0)
    objective = left_hand_side(problem, goal, parts)
    sides = np.array([left_hand_side(problem, c, parts) for c in problem.constraints])
    sides = sides.reshape(len(problem.constraints), len(objective)).T
    limits = np.array([c.limit for c in problem.constraints])
    sense = np.array([1.0 if c.at_most else -1.0 for c in problem.constraints])
    holds = sense * (sides - limits) <= SLACK * np.maximum(np.abs(limits), 1e-3)
    return objective, sides, holds


def best_of(problem, objective, holds):
    """Return the best feasible objective, or None."""
    feasible = objective[holds.all(axis=1)]
    if len(feasible) == 0:
        return None
    return feasible.max() if problem.goal == "maximise solve rate" else feasible.min()
