"""Finer amounts around the plans of a thinned lattice.

A lattice of four models holds a part of the curves' amounts only. Around the plan that it finds
for a solve rate, a small lattice is exact on more of them: first every third of the curves' amounts
near the plan's, then all of them; the same around the plan that coordinate ascent finds. The bound
of the large lattice holds for every amount, and so for what is found here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from arbmodels.cascades.lattice import Lattice, build_lattice
from arbmodels.curves import SAME_RATE, Curves
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan
from arbmodels.policies.points import CheapestOf, OnePlan

#: Strides between the amounts of a window, in the curves' own, round by round.
_STRIDES = (3, 1)
#: Amounts on either side of the plan's.
_SIDE = 3


def is_thinned(curves: Curves, lattice: Lattice) -> bool:
    """Return whether the lattice lacks some of the curves' amounts."""
    pairs = zip(lattice.grids, curves.grids, strict=True)
    return not all(bool(np.isin(theirs, mine).all()) for mine, theirs in pairs)


def refined(
    curves: Curves,
    coarse: OnePlan,
    make: Callable[[Lattice], OnePlan],
    seed: OnePlan,
    rates: FloatArray,
    *,
    below: int = 0,
) -> OnePlan:
    """Return a class on a thinned lattice together with windows around its plans.

    Parameters
    ----------
    curves : Curves
    coarse : OnePlan
        The class on the thinned lattice.
    make : callable
        The class on another lattice.
    seed : OnePlan
        Whose plans windows are put around, too.
    rates : float array
        Solve rates whose plans are refined; out of reach is left out.
    below : int
        Amounts between zero and the window, for orders that come back to a model.
    """
    members = [coarse]
    for source in (coarse, seed):
        for rate in rates[(rates > 0) & (rates <= source.reach + SAME_RATE)]:
            plan = source.plan_at(float(rate))
            for stride in _STRIDES:
                window = make(build_lattice(curves, _grids(curves, plan, stride, below)))
                members.append(window)
                if window.reach < rate:
                    break
                plan = window.plan_at(float(rate))
    return CheapestOf(members)


def _grids(curves: Curves, plan: Plan, stride: int, below: int) -> list[FloatArray]:
    """Amounts around a plan's totals, with zero, the totals themselves and some below."""
    total = dict.fromkeys(curves.names, 0.0)
    for model, amount in plan.stages:
        total[model] += amount
    grids = []
    for name, full in zip(curves.names, curves.grids, strict=True):
        used = min(total[name], full[-1])
        centre = int(np.argmin(np.abs(full - used)))
        chosen = centre + stride * np.arange(-_SIDE, _SIDE + 1)
        chosen = chosen[(chosen > 0) & (chosen < len(full))]
        lowest = int(chosen.min(initial=len(full) - 1))
        under = np.linspace(0, lowest, below + 2).astype(int)[:-1] if lowest else np.zeros(1, int)
        grids.append(full[np.unique(np.concatenate([[0], under, chosen]))])
    return grids
