"""Menus: the plans that a segment may choose from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from arbmodels.cascades.frontier import Frontier
from arbmodels.cascades.lattice import build_lattice, coarsen, useful
from arbmodels.curves import SAME_RATE, Curves
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan
from arbmodels.policies.mixtures import Mixtures
from arbmodels.policies.points import OnePlan, plans_at

#: States of the lattice that a single segment's own plans are found on.
_SEGMENT_STATES = 60_000
#: Solve rates, as shares of a segment's reach, whose plans are on the menu.
_SEGMENT_SHARES = np.array([0.5, 0.7, 0.8, 0.85, 0.9, 0.93, 0.96, 0.98, 0.99, 1.0])

#: Weight of the other instances relative to a segment's own, and a solve rate not worth paying for.
_ELSEWHERE, _WORTHLESS = 1e-9, 1e-7


@dataclass(frozen=True, eq=False)
class Menu:
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

    def by_segment(self, segment: tuple[str, ...]) -> Menu:
        """Return the menu with the groups put together by a label per group."""
        names, position = np.unique(np.array(segment, dtype=object), return_inverse=True)
        weight = np.bincount(position, self.weight, len(names)).astype(np.float64)
        share = np.zeros((len(names), len(self.groups)))
        share[position, np.arange(len(position))] = self.weight
        share = share[weight > 0] / weight[weight > 0, None]
        kept = tuple(str(name) for name, total in zip(names, weight, strict=True) if total > 0)
        solve = np.minimum(share @ self.solve, 1.0)
        return Menu(self.plans, kept, weight[weight > 0], solve, share @ self.spend, kind="segment")


def menu_of(curves: Curves, plans: OnePlan, mixed: Mixtures, rates: FloatArray, size: int) -> Menu:
    """Return a menu of cascades for every instance.

    On it are the best plan for all at ``size`` solve rates up to the reach and at every one of
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
    asked = [float(rate) for rate in rates if rate <= plans.reach + SAME_RATE]
    spread = np.linspace(0.0, plans.reach, size + 1)[1:].tolist()
    chosen = {Plan((), curves.unit): None}
    ends = [vertex for rate in asked for vertex, _ in mixed.vertices_at(rate)]
    chosen.update(dict.fromkeys(plans_at(plans, np.array([*asked, *spread, *ends]))))
    chosen.update(dict.fromkeys(_own_plans(curves)))
    every = tuple(chosen)
    scored = [plan.evaluate(curves) for plan in every]
    market = curves.market
    there = market.weight > 0
    return Menu(
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
        rates = np.maximum(alone.reach * _SEGMENT_SHARES - _WORTHLESS, 0.0)
        found += [alone.plan_at(float(rate)) for rate in rates]
    return found
