r"""One plan per group, a routing program over a set of plans; and groups that mix plans.

.. math:: \min \sum_g W_g s_{g j(g)} \quad \text{s.t.} \quad \sum_g W_g p_{g j(g)} \ge u

over the choices j(g). If groups may mix plans, the program is linear in the groups' convex hulls:
buy their edges in order of spend per solve rate until u is reached (at most one group mixes). Its
value bounds the program with whole choices from below.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from arbmodels.cascades.frontier import Frontier
from arbmodels.cascades.lattice import build_lattice, coarsen, lower_hull, useful
from arbmodels.curves import SAME_RATE, Curves, check_attainable
from arbmodels.errors import InputError
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan
from arbmodels.policies.policy import IntArray, Mixtures, OnePlan, Serving, plans_at
from arbmodels.routing import RoutingProblem

#: States of the lattice that a single segment's own plans are found on.
_SEGMENT_STATES = 60_000
#: Solve rates, as shares of a segment's largest solve rate, whose plans are on the plan_set.
_SEGMENT_SHARES = np.array([0.5, 0.7, 0.8, 0.85, 0.9, 0.93, 0.96, 0.98, 0.99, 1.0])

#: Weight of the other instances relative to a segment's own, and a solve rate not worth paying for.
_ELSEWHERE, _WORTHLESS = 1e-9, 1e-7


@dataclass(frozen=True, eq=False)
class PlanSet:
    """Plans, and what they do for every group of instances.

    Parameters
    ----------
    plans : tuple of Plan, length J
        Abstaining among them.
    groups : tuple of str, length G
    weight : float array [G]
        Sums to one, all positive.
    solve, spend : float array [G, J]
        Solve rate, and expected spend in currency units per instance of the group.
    kind : {"segment", "instance"}
        What a group is.
    """

    plans: tuple[Plan, ...]
    groups: tuple[str, ...]
    weight: FloatArray
    solve: FloatArray
    spend: FloatArray
    kind: Literal["segment", "instance"] = "instance"

    def by_segment(self, segment: tuple[str, ...]) -> PlanSet:
        """Return the plan set with the groups put together by a label per group."""
        names, position = np.unique(np.array(segment, dtype=object), return_inverse=True)
        weight = np.bincount(position, self.weight, len(names)).astype(np.float64)
        share = np.zeros((len(names), len(self.groups)))
        share[position, np.arange(len(position))] = self.weight
        share = share[weight > 0] / weight[weight > 0, None]
        kept = tuple(str(name) for name, total in zip(names, weight, strict=True) if total > 0)
        solve = np.minimum(share @ self.solve, 1.0)
        return PlanSet(
            self.plans, kept, weight[weight > 0], solve, share @ self.spend, kind="segment"
        )


def plan_set_of(
    curves: Curves, plans: OnePlan, mixed: Mixtures, rates: FloatArray, size: int
) -> PlanSet:
    """Return a set of cascades, scored on every instance.

    On it are the best plan for all at ``size`` solve rates up to the largest and at every one of
    ``rates``, the two plans of the best mixture at each of these, what every segment's own
    frontier (on a lattice of at most 60,000 states) offers at ten solve rates, and abstaining.

    Parameters
    ----------
    curves : Curves
    plans : OnePlan
        The cheapest plans for all instances together.
    mixed : Mixtures
        Of these plans.
    rates : float array
        Solve rates that will be asked for.
    size : int
    """
    asked = [float(rate) for rate in rates if rate <= plans.max_solve_rate + SAME_RATE]
    spread = np.linspace(0.0, plans.max_solve_rate, size + 1)[1:].tolist()
    chosen = {Plan((), curves.unit): None}
    ends = [vertex for rate in asked for vertex, _ in mixed.vertices_at(rate)]
    chosen.update(dict.fromkeys(plans_at(plans, np.array([*asked, *spread, *ends]))))
    chosen.update(dict.fromkeys(_own_plans(curves)))
    every = tuple(chosen)
    scored = [plan.evaluate(curves) for plan in every]
    market = curves.market
    there = market.weight > 0
    return PlanSet(
        every,
        tuple(name for name, kept in zip(market.instances, there, strict=True) if kept),
        market.weight[there],
        np.stack([np.clip(each.solve[there], 0.0, 1.0) for each in scored], axis=1),
        np.stack([each.spend[there] for each in scored], axis=1),
    )


def _own_plans(curves: Curves) -> list[Plan]:
    """Cheapest plans of every segment alone; other instances count next to nothing."""
    market, found = curves.market, list[Plan]()
    for segment in market.segments:
        inside = np.array([label == segment for label in market.segment or ()])
        if not (market.weight * inside).any():
            continue
        # A market cannot do without some model; next to nothing is as good for a proposal.
        mine = replace(market, weight=market.weight * np.where(inside, 1.0, _ELSEWHERE))
        there = replace(curves, market=mine)
        alone = Frontier(there, build_lattice(there, coarsen(useful(there), _SEGMENT_STATES)))
        rates = np.maximum(alone.max_solve_rate * _SEGMENT_SHARES - _WORTHLESS, 0.0)
        found += [alone.plan_at(float(rate)) for rate in rates]
    return found


class Edges(NamedTuple):
    """Edges of the groups' hulls, cheapest solve rate first; weighted steps of rate and spend."""

    group: IntArray
    low: IntArray
    high: IntArray
    rate: FloatArray
    spend: FloatArray


class Choice(NamedTuple):
    """Spend and proven bound in currency units per instance, and the plan of every group [G]."""

    spend: float
    bound: float
    plans: IntArray


class Grouped:
    """Cheapest choices from a plan_set.

    Parameters
    ----------
    plan_set : PlanSet
    gap : float
        Relative gap that the routing engine is asked to prove.
    time_limit : float
        Seconds per solve rate.
    """

    def __init__(self, plan_set: PlanSet, gap: float, time_limit: float = 10.0) -> None:
        self.plan_set = plan_set
        self.gap = gap
        self.time_limit = time_limit

    @property
    def max_solve_rate(self) -> float:
        """Largest solve rate: every group with its most successful plan."""
        return min(float(self.plan_set.weight @ self.plan_set.solve.max(axis=1)), 1.0)

    def choice_at(self, solve_rate: float) -> Choice:
        """Return the cheapest plan per group and a bound; NaN if unattainable.

        If at most one group mixes plans, giving it the better one is feasible, and with many groups
        within the gap. Else :class:`arbmodels.routing.RoutingProblem` solves the program. At most
        one in 10^9 of the solve rate may be missing, which keeps the largest itself feasible in
        floating point.
        """
        plan_set = self.plan_set
        if solve_rate > self.max_solve_rate + SAME_RATE:
            return Choice(np.nan, np.nan, np.zeros(0, dtype=np.int64))
        floor = min(solve_rate, self.max_solve_rate) * (1.0 - 1e-9)
        least = float(self.mixed_spend_at(floor))
        rounded = self._after(int(np.searchsorted(self._mixed[0], floor)))
        spend = self._mean(plan_set.spend, rounded)
        if floor > 0 and spend - least <= self.gap * spend:
            return Choice(spend, min(least, spend), rounded)
        problem = self._problem.minimize_spend()
        result = problem.add_floor(floor).solve(self.gap, self.time_limit) if floor > 0 else None
        if result is None:
            free = plan_set.spend.argmin(axis=1)
            nothing = float(plan_set.weight @ plan_set.spend.min(axis=1))
            return Choice(nothing, nothing, free)
        chosen = np.asarray(result.assignment, dtype=np.int64)
        spend = self._mean(plan_set.spend, chosen)
        bound = max(result.bound / len(plan_set.groups), least)
        return Choice(spend, min(bound, spend), chosen)

    def servings_at(self, solve_rate: float) -> tuple[Serving, ...]:
        """Return the plan of every group.

        Raises
        ------
        InputError
            If the plan set does not reach the solve rate.
        """
        check_attainable(solve_rate, self.max_solve_rate)
        return self._servings(self.choice_at(solve_rate).plans)

    def servings_within(self, spend: float) -> tuple[Serving, ...]:
        """Return the plans that solve most for an expected spend, a budget over all groups."""
        if float(self.plan_set.weight @ self.plan_set.spend.min(axis=1)) >= spend:
            return self._servings(self._start)
        most, spends = self.mixed_rate_within(spend), self._mixed[1]
        rounded = self._after(int(np.searchsorted(spends, spend, side="right")) - 1)
        if most - self._mean(self.plan_set.solve, rounded) <= self.gap * most:
            return self._servings(rounded)
        budget = spend * len(self.plan_set.groups)
        result = self._problem.add_budget(budget).solve(self.gap, self.time_limit)
        return self._servings(np.asarray(result.assignment, dtype=np.int64))

    @cached_property
    def _problem(self) -> RoutingProblem:
        """Every plan of the plan set for every group, no objective or constraint yet."""
        return RoutingProblem.from_arrays(
            self.plan_set.solve,
            self.plan_set.spend,
            [f"plan {position}" for position in range(len(self.plan_set.plans))],
            weight=self.plan_set.weight,
            abstain=False,
        )

    def _after(self, count: int) -> IntArray:
        """Return every group's plan once the first edges have been bought."""
        plan = self._start.copy()
        # A group's edges come in their order, and of several values the last is kept.
        plan[self._edges.group[:count]] = self._edges.high[:count]
        return plan

    def _mean(self, values: FloatArray, chosen: IntArray) -> float:
        """Weighted mean over the groups of what their plans have in an array [G, J]."""
        return float(self.plan_set.weight @ values[np.arange(len(chosen)), chosen])

    def _servings(self, chosen: IntArray) -> tuple[Serving, ...]:
        pairs = zip(self.plan_set.groups, chosen, strict=True)
        return tuple(
            Serving(group, self.plan_set.plans[j], 1.0, self.plan_set.kind) for group, j in pairs
        )

    @cached_property
    def _start(self) -> IntArray:
        """Plan of every group before the first edge: the cheapest, the most successful of them."""
        order = np.lexsort((-self.plan_set.solve, self.plan_set.spend), axis=1)
        return order[:, 0]

    @cached_property
    def _edges(self) -> Edges:
        parts: list[tuple[IntArray, ...]] = []
        slopes: list[FloatArray] = []
        plan_set = self.plan_set
        for row, (rate, spend) in enumerate(zip(plan_set.solve, plan_set.spend, strict=True)):
            useful = np.flatnonzero(rate >= rate[self._start[row]])
            order = useful[np.lexsort((spend[useful], rate[useful]))]
            vertex = np.isin(rate[order], lower_hull(rate[order], spend[order])[0])
            first = np.unique(rate[order][vertex], return_index=True)[1]
            plans = order[vertex][first]
            parts.append((np.full(len(plans) - 1, row), plans[:-1], plans[1:]))
            # Convex up to rounding: a group's edges stay in their order.
            slopes.append(np.maximum.accumulate(np.diff(spend[plans]) / np.diff(rate[plans])))
        group, low, high = (np.concatenate(column) for column in zip(*parts, strict=True))
        weight = plan_set.weight[group]
        rate = weight * (plan_set.solve[group, high] - plan_set.solve[group, low])
        spend = weight * (plan_set.spend[group, high] - plan_set.spend[group, low])
        order = np.argsort(np.concatenate(slopes), kind="stable")
        return Edges(group[order], low[order], high[order], rate[order], spend[order])

    @cached_property
    def _mixed(self) -> tuple[FloatArray, FloatArray]:
        plan_set, every = self.plan_set, np.arange(len(self.plan_set.groups))
        rate = plan_set.weight @ plan_set.solve[every, self._start]
        spend = plan_set.weight @ plan_set.spend[every, self._start]
        edges = self._edges
        return (
            # Sums in another order can end a rounding above it.
            np.minimum(np.append(rate, rate + np.cumsum(edges.rate)), self.max_solve_rate),
            np.append(spend, spend + np.cumsum(edges.spend)),
        )

    def mixed_spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least spend when groups may mix plans; NaN if unattainable."""
        target = np.asarray(solve_rate, dtype=float)
        spend: FloatArray = np.interp(target, *self._mixed)
        return np.where(target <= self.max_solve_rate + SAME_RATE, spend, np.nan)

    def mixed_rate_within(self, spend: float) -> float:
        """Return the largest solve rate for an expected spend when groups may mix plans."""
        rate, least = self._mixed
        return float(np.interp(spend, least, rate))

    def mixed_servings_at(self, solve_rate: float) -> tuple[Serving, ...]:
        """Return the plans of every group with their probabilities; one group mixes at most.

        Raises
        ------
        InputError
            If the plan set does not reach the solve rate.
        """
        check_attainable(solve_rate, self.max_solve_rate)
        if not 0 <= solve_rate <= 1:
            raise InputError(f"A solve rate lies between 0 and 1, not {solve_rate:g}.")
        rate, _ = self._mixed
        edges = self._edges
        whole = int(np.searchsorted(rate, solve_rate - SAME_RATE)) - 1
        plan = self._after(max(whole, 0))
        kind, servings = self.plan_set.kind, list[Serving]()
        for group, name in enumerate(self.plan_set.groups):
            if 0 <= whole < len(edges.group) and edges.group[whole] == group:
                share = float(min((solve_rate - rate[whole]) / edges.rate[whole], 1.0))
                for j, part in ((edges.low[whole], 1.0 - share), (edges.high[whole], share)):
                    servings += (
                        [Serving(name, self.plan_set.plans[j], part, kind)] if part > 0 else []
                    )
            else:
                servings.append(Serving(name, self.plan_set.plans[plan[group]], 1.0, kind))
        return tuple(servings)
