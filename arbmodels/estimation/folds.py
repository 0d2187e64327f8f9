"""Folds of a market's instances: at random within segments, or whole segments."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from arbmodels.errors import InputError
from arbmodels.market import Market

By = Literal["instances", "segments"]
IntArray = npt.NDArray[np.int64]


def held_out(
    market: Market, folds: int, by: By, seed: int | np.random.SeedSequence
) -> list[IntArray]:
    """Return the instances that each fold holds out.

    Parameters
    ----------
    market : Market
    folds : int
        At least 2.
    by : {"instances", "segments"}
        Instances are dealt out at random, segment by segment, so that every fold has about its
        share of each. Whole segments go, in random order, to the fold that is lightest so far.
    seed : int or SeedSequence

    Raises
    ------
    InputError
        If a fold would be empty, the market has no segments to hold out, or ``by`` is neither.
    """
    if by not in ("instances", "segments"):
        raise InputError(f"by is {by!r}; hold out 'instances' or 'segments'.")
    if by == "segments" and market.segment is None:
        raise InputError(
            f"{market.name} has no segments to hold out; use by='instances', or give the market"
            " segments."
        )
    rng = np.random.default_rng(seed)
    count = len(market.instances)
    names = np.zeros(count) if market.segment is None else np.array(market.segment)
    codes = np.unique(names, return_inverse=True)[1]
    available = count if by == "instances" else int(codes.max()) + 1
    if available < 2:
        raise InputError(
            f"{market.name}: with one of its {by} there is nothing to hold out. Give more."
        )
    if not 2 <= folds <= available:
        raise InputError(
            f"{market.name}: folds is {folds}; give 2 to {available}, the number of {by}."
        )
    order = rng.permutation(count)
    if by == "instances":
        dealt = order[np.argsort(codes[order], kind="stable")]
        return [np.sort(dealt[fold::folds]) for fold in range(folds)]
    weight = np.bincount(codes, market.weight)
    fold_of, load = np.zeros(available, dtype=int), np.zeros(folds)
    # The heaviest first, else the last to come could upset the balance; ties at random.
    for code in sorted(rng.permutation(available).tolist(), key=lambda each: -weight[each]):
        fold_of[code] = int(np.argmin(load))
        load[fold_of[code]] += weight[code]
    return [np.flatnonzero(fold_of[codes] == fold) for fold in range(folds)]
