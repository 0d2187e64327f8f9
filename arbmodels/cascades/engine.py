r"""The search for cascades of many models: relaxations refined until bound and plans meet.

Knots are added to a relaxation (:mod:`arbmodels.cascades.relaxation`) where its bound loses most.
A lattice over twenty models is too large, whatever its knots. Count the attempts of a group of
models together, y, and let every instance use the split of them that suits it best and the
cheapest price:

.. math:: F_{iX}(y) = \min_{\sum_m a_m = y} \prod_m F_{im}(a_m), \qquad
          G_{iX}(y) = \min_m q_{im} \sum_{j < y} F_{iX}(j).

Any policy is then a policy of the market with X in place of the group that leaves no more unsolved
and spends no more: what bounds that market bounds this one. The bound is loose only as far as a
group is bought from, and groups that are get split.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence, Sized
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from arbmodels.cascades.lattice import IntArray, OutOfTimeError
from arbmodels.cascades.relaxation import Bounds, Excluded, Relaxation, relax
from arbmodels.cascades.tables import Natural, Plans, Steps
from arbmodels.curves import SAME_RATE
from arbmodels.passk import FloatArray

Knots = tuple[IntArray, ...]

#: States of the first relaxation.
_FIRST_STATES = 50_000
#: Ratios of neighbouring amounts tried for the first knots.
_RATIOS = (2.0, 3.0, 4.0, 8.0, 32.0, np.inf)
#: Solve rates that share a relaxation.
_BAND = 3
#: Plans are looked for at these multiples of a band's prices.
_AROUND = np.array([0.6, 0.75, 0.9, 0.97, 1.0, 1.03, 1.1, 1.35, 1.7])
#: Relaxations of a band, at most.
ROUNDS = 12
#: A knot's value counts if it costs the bound this part of the wanted gap; less, if none does.
_COUNTS = (0.2, 0.02, 1e-6)


@dataclass
class Band:
    """Neighbouring solve rates and the relaxation refined for them.

    Parameters
    ----------
    rates : float array
    relaxation : Relaxation
    excluded : Excluded
        Policies beyond the relaxation's last knots.
    rounds : int
        Relaxations so far.
    stuck : bool
        Nothing more to do: all rates are served, time or states are used up.
    """

    rates: FloatArray
    relaxation: Relaxation
    excluded: Excluded = field(default_factory=Excluded)
    rounds: int = 0
    stuck: bool = False

    def bound(self, price: float) -> float:
        """Return what no policy undercuts, within the last knots or beyond them."""
        return min(self.relaxation.best(price)[1], self.excluded.bound(price))


def search(  # noqa: PLR0917
    natural: Natural,
    rates: FloatArray,
    gap: float,
    most_states: int,
    deadline: float,
    known: Iterable[Steps] = (),
    rounds: int = ROUNDS,
) -> tuple[Plans, Bounds]:
    """Find plans and bounds that differ by at most ``gap`` (relative) at the solve rates.

    Parameters
    ----------
    natural : Natural
    rates : increasing float array
    gap : float
    most_states : int
        That no relaxation exceeds; at least two for every model.
    deadline : float
        By :func:`time.monotonic`; when it has passed the best so far is returned.
    known : iterable of Steps
        Plans to start from.
    rounds : int
        Relaxations of a band of neighbouring solve rates, at most.
    """
    plans, bounds = Plans(natural), Bounds()
    plans.add(_trimmed(natural, everything(natural)))
    for steps in known:
        plans.add(steps)
    # When time is up inside a relaxation, what was known before it is the answer.
    with suppress(OutOfTimeError):
        _refine(plans, bounds, rates, gap, most_states, deadline, rounds)
    return plans, bounds


def _refine(  # noqa: PLR0917
    plans: Plans,
    bounds: Bounds,
    rates: FloatArray,
    gap: float,
    most_states: int,
    deadline: float,
    rounds: int,
) -> None:
    natural = plans.natural
    root = relax(natural, first_knots(natural, most_states), deadline)
    bounds.largest = root.states
    _learn(root, np.concatenate([root.hull, root.reaching(rates), [root.states - 1]]), plans)
    plans.add(_trimmed(natural, root.purchases(len(root.charge) - 1)))
    for price in root.prices:
        bounds.add(price, root.best(price)[1])
    bands = _bands(rates[_wide(plans, bounds, rates, gap)], root)
    while any(not band.stuck for band in bands):
        for band in bands:
            if band.stuck:
                continue
            band.rates = band.rates[_wide(plans, bounds, band.rates, gap)]
            if not len(band.rates) or band.rounds >= rounds or time.monotonic() > deadline:
                band.stuck = True
                continue
            _improve(band, root, plans, bounds, gap, most_states, deadline)


def _wide(plans: Plans, bounds: Bounds, rates: FloatArray, gap: float) -> npt.NDArray[np.bool_]:
    spend = plans.spend_at(rates)
    return np.asarray(spend - bounds.at(rates) > gap * spend)


def _bands(rates: FloatArray, root: Relaxation) -> list[Band]:
    count = -(-len(rates) // _BAND)
    return [Band(part, root) for part in np.array_split(rates, count)] if count else []


def _improve(  # noqa: PLR0917
    band: Band,
    root: Relaxation,
    plans: Plans,
    bounds: Bounds,
    gap: float,
    most_states: int,
    deadline: float,
) -> None:
    """Refine a band's relaxation once, around the paths of its solve rates' prices."""
    band.rounds += 1
    old = band.relaxation
    prices = np.unique(plans.prices_at(band.rates))
    most = [plans.least(price) for price in prices]
    if band.excluded and any(band.bound(price) < old.best(price)[1] for price in prices):
        # Better plans brought prices at which too little is known of what was cut off.
        knots = _united(root.knots, old.knots, most_states)
        _renew(band, knots, Excluded(), prices, plans, bounds, deadline)
        return
    ends = np.max([old.ends(p, value) for p, value in zip(prices, most, strict=True)], axis=0)
    kept = [_up_to(knots, end) for knots, end in zip(old.knots, ends, strict=True)]
    lost = [np.zeros(len(knots)) for knots in old.knots]
    middle = [np.zeros(len(knots) - 1, dtype=np.int64) for knots in old.knots]
    for price in prices:
        state, _ = old.best(price)
        spend = max(float(old.charge[state]), 1e-300)
        for m, row in enumerate(old.losses(state, price)):
            lost[m] = np.maximum(lost[m], row / spend)
            middle[m] = np.where(middle[m] > 0, middle[m], old.furthest(m, state))
    for counts in _COUNTS:
        knots = _split(kept, middle, lost, counts * gap, most_states)
        if not all(map(np.array_equal, knots, old.knots)):
            break
    else:
        band.stuck = True
        return
    if any(len(now) < len(had) for now, had in zip(kept, old.knots, strict=True)):
        band.excluded.add(prices, np.array(most))
    _renew(band, knots, band.excluded, prices, plans, bounds, deadline)


def _renew(  # noqa: PLR0917
    band: Band,
    knots: Knots,
    excluded: Excluded,
    prices: FloatArray,
    plans: Plans,
    bounds: Bounds,
    deadline: float,
) -> None:
    """Solve a band's relaxation on other knots; take over its plans and bounds."""
    new = relax(plans.natural, knots, deadline)
    bounds.largest = max(bounds.largest, new.states)
    band.relaxation, band.excluded = new, excluded
    around = np.unique(np.outer(prices, _AROUND))
    _learn(new, np.unique([new.best(price)[0] for price in around]), plans)
    _learn(new, new.reaching(band.rates), plans)
    for price in np.unique(np.append(prices, plans.prices_at(band.rates))):
        bounds.add(price, band.bound(price))


def _learn(relaxation: Relaxation, states: IntArray, plans: Plans) -> None:
    for state in states:
        plans.add(relaxation.purchases(int(state)))


def _up_to(knots: IntArray, end: int) -> IntArray:
    """Keep the knots that policies may reach when none below the limit passes knot ``end``."""
    if end == len(knots) - 1 or knots[end] - knots[end - 1] > 1:
        return knots[: end + 1]
    return knots[:end]


def _split(
    kept: list[IntArray],
    middle: list[IntArray],
    lost: list[FloatArray],
    least: float,
    most_states: int,
) -> Knots:
    """Put knots into the cells beside the values that cost most, as long as states allow."""
    worst = sorted(
        ((-lost[m][q], m, q) for m in range(len(kept)) for q in range(len(kept[m]))),
    )
    chosen = [set(knots.tolist()) for knots in kept]
    for cost, m, q in worst:
        if -cost < least:
            break
        more = set(chosen[m])
        for low in (q - 1, q):
            if 0 <= low < len(kept[m]) - 1 and kept[m][low + 1] - kept[m][low] > 1:
                more.add(int(middle[m][low]))
        if _states([*chosen[:m], more, *chosen[m + 1 :]]) <= most_states:
            chosen[m] = more
    return tuple(np.array(sorted(knots), dtype=np.int64) for knots in chosen)


def _united(knots: Knots, more: Knots, most_states: int) -> Knots:
    """Add more knots, those of a model all or none, as long as states allow."""
    united = list(knots)
    for m, also in enumerate(more):
        both = np.union1d(knots[m], also)
        if _states([*united[:m], both, *united[m + 1 :]]) <= most_states:
            united[m] = both
    return tuple(united)


def first_knots(natural: Natural, most_states: int) -> Knots:
    """Return knots for a first look, as close as a small lattice allows."""
    limit = min(_FIRST_STATES, most_states)
    for ratio in _RATIOS:
        knots = [_spread(last, ratio) for last in natural.last]
        if _states(knots) <= limit:
            return tuple(knots)
    # Not even the first attempt of every model: of the longest records only both ends.
    for m in np.argsort([-last for last in natural.last], kind="stable"):
        knots[m] = np.unique(knots[m][[0, -1]])
        if _states(knots) <= limit:
            break
    return tuple(knots)


def everything(natural: Natural) -> list[tuple[int, int]]:
    """Return the plan that uses up every model, the cheapest first attempt first."""
    used = [m for m, last in enumerate(natural.last) if last]
    price = {m: float(natural.weight @ natural.of(natural.spend, m)[1]) for m in used}
    return [(m, natural.last[m]) for m in sorted(used, key=lambda m: (price[m], m))]


def _states(knots: Sequence[Sized]) -> float:
    # In floats: the product may be more than an integer holds.
    return float(np.prod([float(len(each)) for each in knots]))


def _spread(last: int, ratio: float) -> IntArray:
    knots = [0]
    while knots[-1] < last:
        knots.append(int(min(last, max(knots[-1] + 1, knots[-1] * ratio))))
    return np.array(knots, dtype=np.int64)


def _trimmed(natural: Natural, steps: Steps) -> Steps:
    """Take back purchases that solve nothing more, the latest of every model first."""
    ends = [0] * len(natural.amounts)
    for m, end in steps:
        ends[m] = end
    left = np.stack([natural.of(natural.failure, m)[end] for m, end in enumerate(ends)])
    for m, end in enumerate(ends):
        others = np.delete(left, m, axis=0).prod(axis=0)
        needed = natural.of(natural.failure, m)[: end + 1] @ (natural.weight * others)
        ends[m] = int(np.argmax(needed <= needed[-1] + SAME_RATE))
        left[m] = natural.of(natural.failure, m)[ends[m]]
    cut = [(m, min(end, ends[m])) for m, end in steps]
    return [step for k, step in enumerate(cut) if step[1] > 0 and step not in cut[:k]]


Groups = tuple[tuple[int, ...], ...]


def merged(natural: Natural, groups: Groups) -> Natural:
    """Return the market with each group as one model; for whole attempts only."""
    failure = [_best_split([natural.of(natural.failure, m) for m in group]) for group in groups]
    spend = [
        natural.of(natural.spend, group[0]) if len(group) == 1 else _spend(natural, group, table)
        for group, table in zip(groups, failure, strict=True)
    ]
    sizes = [len(table) for table in failure]
    stacked = np.concatenate(failure)
    return Natural(
        natural.curves,
        tuple(np.arange(size, dtype=float) for size in sizes),
        np.concatenate([[0], np.cumsum(sizes)]),
        stacked,
        np.concatenate(spend),
        stacked,
    )


def only(natural: Natural, models: Sequence[int]) -> Natural:
    """Return the market of some models."""
    return merged(natural, tuple((m,) for m in models))


def greedy(natural: Natural, deadline: float = np.inf) -> Steps:
    """Buy the attempt that solves most for its price, one by one, until nothing more is solved.

    Up to a deadline, by :func:`time.monotonic`.
    """
    last, ends = np.array(natural.last), natural.first[1:] - 1
    here = np.zeros(len(last), dtype=np.int64)
    steps: list[tuple[int, int]] = []
    while time.monotonic() < deadline:
        row = natural.first[:-1] + here
        after = np.minimum(row + 1, ends)
        factor = natural.failure[row]
        others = natural.weight * _of_the_others(factor)
        solved = (others * (factor - natural.failure[after])).sum(axis=1)
        paid = (others * (natural.spend[after] - natural.spend[row])).sum(axis=1)
        free = (paid == 0) & (solved > 0)
        ratio = np.where(free, np.inf, solved / np.maximum(paid, 1e-300))
        ratio[here >= last] = 0.0
        choice = int(np.argmax(ratio))
        if not ratio[choice] > 0:
            break
        here[choice] += 1
        steps.append((choice, int(here[choice])))
    return steps


def _of_the_others(factor: FloatArray) -> FloatArray:
    """Product of all other rows, for every row."""
    one = np.ones((1, factor.shape[1]))
    before = np.cumprod(np.concatenate([one, factor[:-1]]), axis=0)
    after = np.cumprod(np.concatenate([one, factor[:0:-1]]), axis=0)[::-1]
    product: FloatArray = before * after
    return product


def _best_split(tables: Sequence[FloatArray]) -> FloatArray:
    """Least product over the splits of y attempts, [sum K_m - .. + 1, N]."""
    best = tables[0]
    for table in tables[1:]:
        joint = np.ones((len(best) + len(table) - 1, table.shape[1]))
        for more, row in enumerate(table):
            part = joint[more : more + len(best)]
            np.minimum(part, best * row, out=part)
        best = joint
    return best


def _spend(natural: Natural, group: Sequence[int], failure: FloatArray) -> FloatArray:
    """Every attempt at the least that any attempt of the group ever costs on the instance."""
    price = np.full(len(natural.weight), np.inf)
    for m in group:
        rise = np.diff(natural.of(natural.spend, m), axis=0)
        alive = natural.of(natural.failure, m)[:-1]
        each = np.divide(rise, alive, out=np.full_like(rise, np.inf), where=alive > 0)
        price = np.minimum(price, each.min(axis=0, initial=np.inf))
    paid = np.where(np.isfinite(price), price, 0.0) * failure[:-1]
    return np.concatenate([np.zeros((1, failure.shape[1])), np.cumsum(paid, axis=0)])


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
    """Find plans and bounds as :func:`~arbmodels.cascades.engine.search` does.

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
        finer = _split_groups(groups, np.where(alive, used, -1.0), price, most_groups)
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
    inside = rates[rates <= small.max_solve_rate]
    if len(inside):
        found, its = search(small, inside, gap, most_states, deadline)
        bounds.largest = max(bounds.largest, its.largest)
        for number in found.hull[2]:
            plans.add([(int(core[m]), end) for m, end in found.purchases(int(number))])


def _split_groups(groups: Groups, used: FloatArray, price: FloatArray, most: int) -> Groups:
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
