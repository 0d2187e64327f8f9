"""Markets of more models than one lattice can hold: groups, split where they are bought from."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress

import numpy as np
import numpy.typing as npt

from arbmodels.cascades.lattice import OutOfTimeError
from arbmodels.cascades.search.bounds import Bounds, Excluded
from arbmodels.cascades.search.engine import everything, first_knots, search
from arbmodels.cascades.search.groups import Groups, greedy, merged, only
from arbmodels.cascades.search.natural import Natural, Steps
from arbmodels.cascades.search.plans import Plans
from arbmodels.cascades.search.relaxation import Relaxation, relax
from arbmodels.passk import FloatArray

#: Models of one lattice; more are grouped.
MAX_AXES = 8
#: Solve rates that share a grouping, and how often it is changed.
_RATES, _ROUNDS = 10, 6
#: Models that policies are looked for in, around those that are bought from.
_CORE = 7
#: Part of the gap that the bound of a grouped market may lose on its own.
_OWN_GAP = 0.3


def search_many(  # noqa: PLR0917
    natural: Natural,
    rates: FloatArray,
    gap: float,
    most_states: int,
    deadline: float,
    known: Iterable[Steps] = (),
) -> tuple[Plans, Bounds]:
    """Find plans and bounds as :func:`~arbmodels.cascades.search.engine.search` does.

    And by it, unless there are more than :data:`MAX_AXES` models with more states than allowed.
    """
    states = np.prod([last + 1.0 for last in natural.last])
    if len(natural.last) <= MAX_AXES or states <= most_states:
        return search(natural, rates, gap, most_states, deadline, known)
    plans, bounds = Plans(natural), Bounds()
    bounds.add(0.0, 0.0)
    for steps in (everything(natural), *known):
        plans.add(steps)
    # When time is up inside a relaxation, what was known before it is the answer.
    with suppress(OutOfTimeError):
        plans.add(greedy(natural, deadline))
        for part in np.array_split(rates, -(-len(rates) // _RATES)):
            _search_part(plans, bounds, part, gap, most_states, deadline)
    return plans, bounds


def _search_part(  # noqa: PLR0917
    plans: Plans,
    bounds: Bounds,
    part: FloatArray,
    gap: float,
    most_states: int,
    deadline: float,
) -> None:
    """Change the grouping for some neighbouring solve rates until bound and plans meet."""
    natural = plans.natural
    price = _prices(natural)
    # Two knots for every group must fit into a lattice.
    most_groups = min(MAX_AXES + 2, int(np.log2(most_states)))
    groups, excluded = _first_groups(price), Excluded()
    for _ in range(_ROUNDS):
        if time.monotonic() > deadline:
            raise OutOfTimeError
        market = merged(natural, groups)
        known, found = search(market, part, _OWN_GAP * gap, most_states, deadline)
        bounds.largest = max(bounds.largest, found.largest)
        for at, value in found.pairs():
            bounds.add(at, min(value, excluded.bound(at)))
        used = _used(known, part, len(groups))
        _look_in_core(plans, bounds, part, groups, used, gap, most_states, deadline)
        spend = plans.spend_at(part)
        if np.all(spend - bounds.at(part) <= gap * spend):
            break
        small = relax(market, first_knots(market, most_states), deadline)
        bounds.largest = max(bounds.largest, small.states)
        alive = _alive(small, plans, part, excluded)
        # What was left out is accounted for at these prices; what is left in is bounded there.
        for at in plans.prices_at(part):
            bounds.add(at, min(small.best(at)[1], excluded.bound(at)))
        if not alive.any():
            break  # nothing that buys anything undercuts what is known
        finer = _split(groups, np.where(alive, used, -1.0), price, most_groups)
        if finer == groups:
            break
        groups = finer


def _alive(
    small: Relaxation, plans: Plans, rates: FloatArray, excluded: Excluded
) -> npt.NDArray[np.bool_]:
    """Tell which groups a policy may buy from without spending more than plans that are known."""
    prices = plans.prices_at(rates)
    most = np.array([plans.least(price) for price in prices])
    ends = np.max([small.ends(p, value) for p, value in zip(prices, most, strict=True)], axis=0)
    first = np.array([knots[1] if len(knots) > 1 else 0 for knots in small.knots])
    alive = ~((ends <= 1) & (first == 1)) & (first > 0)
    if not alive.all():
        excluded.add(prices, most)
    return np.asarray(alive)


def _prices(natural: Natural) -> FloatArray:
    """Mean price of a first attempt, per model."""
    starts = natural.first[:-1]
    price: FloatArray = (natural.spend[starts + 1] - natural.spend[starts]) @ natural.weight
    return price


def _first_groups(price: FloatArray) -> Groups:
    """Models of similar price together."""
    order = np.argsort(price, kind="stable")
    parts = np.array_split(order, MAX_AXES)
    return tuple(tuple(sorted(int(m) for m in part)) for part in parts)


def _used(plans: Plans, rates: FloatArray, groups: int) -> FloatArray:
    """Largest spend on each group by the mixtures of some solve rates."""
    used = np.zeros(groups)
    rate, _, number = plans.hull
    last = np.clip(np.searchsorted(rate, rates), 1, max(len(rate) - 1, 1))
    for position in np.unique(np.concatenate([last, last - 1])).clip(max=len(rate) - 1):
        steps = plans.purchases(int(number[position]))
        if steps:
            models = np.array([m for m, _ in steps])
            spend = plans.natural.score(steps).spend
            used = np.maximum(used, np.bincount(models, spend, minlength=groups))
    return used


def _look_in_core(  # noqa: PLR0917
    plans: Plans,
    bounds: Bounds,
    rates: FloatArray,
    groups: Groups,
    used: FloatArray,
    gap: float,
    most_states: int,
    deadline: float,
) -> None:
    """Search policies among a few models: those of used groups, by what plans so far buy."""
    natural = plans.natural
    bought = _used(plans, rates, len(natural.amounts))
    share = np.zeros(len(natural.amounts))
    for group, spend in zip(groups, used, strict=True):
        share[list(group)] = spend / len(group)
    score = bought / max(bought.max(), 1e-300) + share / max(share.max(), 1e-300)
    core = np.sort(np.argsort(-score, kind="stable")[:_CORE])
    small = only(natural, [int(m) for m in core])
    inside = rates[rates <= small.reach]
    if len(inside):
        found, its = search(small, inside, gap, most_states, deadline)
        bounds.largest = max(bounds.largest, its.largest)
        for number in found.hull[2]:
            plans.add([(int(core[m]), end) for m, end in found.purchases(int(number))])


def _split(groups: Groups, used: FloatArray, price: FloatArray, most: int) -> Groups:
    """Leave out groups whose use is negative; split the most used ones as far as there is room."""
    kept = [(spend, group) for spend, group in zip(used, groups, strict=True) if spend >= 0]
    room = most - len(kept)
    parts: list[tuple[int, ...]] = []
    for _, group in sorted(kept, key=lambda pair: (-pair[0], pair[1])):
        pieces = min(len(group), 1 + max(room, 0))
        room -= pieces - 1
        by_price = sorted(group, key=lambda m: (price[m], m))
        parts += [tuple(sorted(map(int, p))) for p in np.array_split(by_price, pieces)]
    return tuple(sorted(parts))
