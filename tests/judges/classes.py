"""Classes of policies by enumeration, on the tables of :mod:`tests.judges.cascades`."""

from __future__ import annotations

import itertools
from fractions import Fraction

from tests.judges.cascades import Frontier, Tables, frontier, plan


def in_order(tables: Tables, order: tuple[int, ...]) -> Frontier:
    """One block per model, in an order: every choice of amounts."""
    sizes = [len(each) for each in tables.amounts]
    states = {}
    for state in itertools.product(*(range(size) for size in sizes)):
        solved, spend = plan(tables, [(m, state[m]) for m in order])
        rate = sum((w * s for w, s in zip(tables.weight, solved, strict=True)), Fraction(0))
        cost = sum((w * sum(row) for w, row in zip(tables.weight, spend, strict=True)), Fraction(0))
        states[state] = (rate, cost)
    return Frontier(states)


def best_order(tables: Tables) -> Frontier:
    """One block per model, the best order for every choice of amounts."""
    found: dict[tuple[int, ...], tuple[Fraction, Fraction]] = {}
    for order in itertools.permutations(range(len(tables.amounts))):
        for state, point in in_order(tables, order).states.items():
            if state not in found or point[1] < found[state][1]:
                found[state] = point
    return Frontier(found)


def per_group(tables: Tables, groups: list[list[int]], target: Fraction) -> Fraction | None:
    """Least spend of one plan per group, the solve rate being that of all."""
    fronts = [
        (sum(tables.weight[i] for i in rows), frontier(tables.on(rows)).points)
        for rows in groups
        if sum(tables.weight[i] for i in rows)
    ]
    best = None
    for some in itertools.product(*(points for _, points in fronts)):
        rate = sum(share * point[0] for (share, _), point in zip(fronts, some, strict=True))
        if rate >= target:
            cost = sum(share * point[1] for (share, _), point in zip(fronts, some, strict=True))
            best = cost if best is None else min(best, cost)
    return best


def per_group_mixed(tables: Tables, groups: list[list[int]], target: Fraction) -> Fraction | None:
    """The same with plans mixed at random: the cheapest steps of the groups' hulls first."""
    steps, reach = [], Fraction(0)
    for rows in groups:
        share = sum(tables.weight[i] for i in rows)
        if not share:
            continue
        hull = frontier(tables.on(rows)).hull
        reach += share * hull[-1][0]
        for (x0, y0), (x1, y1) in itertools.pairwise(hull):
            steps.append(((y1 - y0) / (x1 - x0), share * (x1 - x0)))
    if target > reach:
        return None
    spend, left = Fraction(0), target
    for slope, width in sorted(steps):
        more = min(width, left)
        if more <= 0:
            break
        spend += slope * more
        left -= more
    return spend
