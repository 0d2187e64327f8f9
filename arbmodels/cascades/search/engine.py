"""Knots where they count: relaxations refined until bound and plans meet."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence, Sized
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from arbmodels.cascades.lattice import OutOfTimeError
from arbmodels.cascades.search.bounds import Bounds, Excluded
from arbmodels.cascades.search.natural import Natural, Steps
from arbmodels.cascades.search.plans import Plans
from arbmodels.cascades.search.relaxation import Relaxation, relax
from arbmodels.curves import SAME_RATE
from arbmodels.passk import FloatArray

Knots = tuple[npt.NDArray[np.int64], ...]

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


def _learn(relaxation: Relaxation, states: npt.NDArray[np.int64], plans: Plans) -> None:
    for state in states:
        plans.add(relaxation.purchases(int(state)))


def _up_to(knots: npt.NDArray[np.int64], end: int) -> npt.NDArray[np.int64]:
    """Keep the knots that policies may reach when none below the limit passes knot ``end``."""
    if end == len(knots) - 1 or knots[end] - knots[end - 1] > 1:
        return knots[: end + 1]
    return knots[:end]


def _split(
    kept: list[npt.NDArray[np.int64]],
    middle: list[npt.NDArray[np.int64]],
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


def _spread(last: int, ratio: float) -> npt.NDArray[np.int64]:
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
