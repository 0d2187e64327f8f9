"""Resampled markets: other instances, and other outcomes of the recorded attempts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from arbmodels.curves import Curves
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import FloatArray

Over = Literal["instances", "attempts"]


#: From a market to its curves; defined at the top of a module, or a partial of such a one.
MakeCurves = Callable[[Market], Curves]


def checked(over: Sequence[Over] | Over, market: Market) -> tuple[Over, ...]:
    """Return what to resample over.

    Raises
    ------
    InputError
        If it is neither instances nor attempts nor both, or would leave every resample as it was,
        so that the bands had no width.
    """
    chosen: tuple[Over, ...] = (over,) if isinstance(over, str) else tuple(over)
    if not chosen or not set(chosen) <= {"instances", "attempts"}:
        raise InputError(f"over is {over!r}; resample over 'instances', 'attempts' or both.")
    several = int(np.count_nonzero(market.weight)) > 1
    if "instances" in chosen and not several:
        raise InputError(
            f"{market.name}: one instance says nothing about others. Resample over 'attempts', or"
            " give more instances."
        )
    mixed = (market.successes > 1) & (market.successes < market.attempts)
    if "instances" not in chosen and not mixed.any():
        raise InputError(
            f"{market.name}: no model both failed and succeeded twice on an instance, so that"
            " resampled attempts would always come out the same. Resample over 'instances', or"
            " record more attempts."
        )
    return chosen


def resampled(market: Market, over: tuple[Over, ...], rng: np.random.Generator) -> Market:
    r"""Return the market as it might as well have been recorded.

    Instances are drawn with replacement, which multiplies their weights by multinomial counts.

    The successes of a pair are drawn anew given whether it was ever solved:
    :math:`c^* \sim \text{Binomial}(n, p) \mid c^* \ge 1` with p such that c is their mean, and
    :math:`c^* = 0` where c = 0. Unbiased curves end at 1 or 0 according to that alone, and records
    are often continued until a first success, so that a plain Binomial(n, c/n) would not be what
    happened: on the authors' two models it takes four points from the reach and doubles the
    margin, which is bias and no chance. Whether an instance can be solved is covered by drawing
    instances.

    Parameters
    ----------
    market : Market
    over : tuple of "instances", "attempts"
    rng : Generator
    """
    # Slow to import, and not needed where margins are only shown.
    from scipy.stats import binom

    weight, successes = market.weight, market.successes
    if "instances" in over:
        # Instances without weight are no part of the sample.
        drawn_from = np.flatnonzero(weight)
        count = len(drawn_from)
        times = np.zeros(len(weight))
        times[drawn_from] = rng.multinomial(count, np.full(count, 1.0 / count))
        weight = weight * times
    if "attempts" in over:
        n, chance = market.attempts, _chances(market)
        never = (1.0 - chance) ** n
        drawn = binom.ppf(never + (1.0 - never) * rng.random(n.shape), n, chance)
        drawn = np.clip(np.where(np.isfinite(drawn), drawn, successes), 1, np.maximum(n, 1))
        successes = np.where(successes > 1, drawn, successes).astype(np.int64)
    return replace(market, weight=weight, successes=successes)


def resampled_curves(
    market: Market,
    over: tuple[Over, ...],
    make: MakeCurves,
    seeds: Sequence[np.random.SeedSequence],
) -> Iterator[Curves]:
    """Yield the curves of a resampled market per seed, made anew only where outcomes change."""
    curves: Curves | None = None
    for seed in seeds:
        drawn = resampled(market, over, np.random.default_rng(seed))
        if curves is None or "attempts" in over:
            curves = make(drawn)
        yield replace(curves, market=drawn)


def _chances(market: Market) -> FloatArray:
    """Return p at which a first success granted, c are expected: n p / (1 - (1-p)^n) = c."""
    n, c = market.attempts.astype(float), market.successes.astype(float)
    low, high = np.zeros(n.shape), np.where(n > 0, c / np.maximum(n, 1.0), 0.0)
    for _ in range(40):  # the left side rises in p, from 1 at 0 to n at 1
        middle = (low + high) / 2
        solved = -np.expm1(n * np.log1p(-np.minimum(middle, 1 - 1e-16)))
        expected = np.divide(n * middle, solved, out=np.ones(n.shape), where=solved > 0)
        low, high = np.where(expected < c, middle, low), np.where(expected < c, high, middle)
    return high
