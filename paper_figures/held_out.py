"""What is proven of a curve and what it does on new instances: sentences, shares, and folds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

import arbmodels as arb
from paper_figures.allocations import FloatArray

#: Said of figures whose exact part is the cheapest cascade of budgets, one for each stage.
CASCADES = "no cascade of budgets"


def proof(largest_gap: float, of: str = CASCADES) -> str:
    """Return the certificate in words.

    Parameters
    ----------
    largest_gap : float
        Percent of the cost, over the solve rates drawn.
    of : str
        What the bound holds for.
    """
    return f"Proven: {of} costs over {at_most(largest_gap)}% less than ours."


def at_most(value: float, digits: int = 1) -> str:
    """Return a bound in words, rounded up so that it stays one."""
    return f"{np.ceil(10**digits * value - 1e-9) / 10**digits + 0.0:.{digits}f}"


def largest_gap(cost: FloatArray, bound: FloatArray) -> float:
    """Return the largest (cost - bound) / cost, percent."""
    return 100 * float(np.nanmax(1.0 - bound / cost))


def in_points(value: float) -> str:
    """Return percentage points with one decimal, zero without a sign."""
    return f"{round(value, 1) + 0.0:.1f}"


def times(repeats: int) -> str:
    """Return how often the folds were drawn, if more than once."""
    return f", {repeats} times" if repeats > 1 else ""


def compared(found: arb.estimation.CrossValidatedMargin) -> str:
    """Return the margin in sample and cross-validated, and the optimism between them, in words."""
    what = " search" if found.method == "searched" else ""
    return (
        f"Cross-validated{what} ({found.folds} folds{times(found.repeats)}): mean margin"
        f" {100 * found.mean_margin:.1f}%, in sample {100 * found.mean_in_sample:.1f}%, optimism"
        f" {in_points(100 * found.mean_optimism)} points."
    )


def held_out_shares(found: arb.estimation.CrossValidatedMargin) -> FloatArray:
    """Return what of the price each model receives, and the arbitrageur, held out, [M + 1, U].

    Where the arbitrageur saves nothing the cheapest model sells; NaN where there is no price.
    """
    held = found.held_out
    if held.spend_by_model is None:
        raise arb.InputError(
            "The authors' cross-validated curve does not say what models are paid."
        )
    alone = np.nan_to_num(held.model_prices, nan=np.inf)
    cheapest = np.arange(alone.shape[1]) == alone.argmin(axis=1)[:, None]
    sells = (held.cost < held.price)[:, None]
    received = np.where(sells, held.spend_by_model / held.price[:, None], cheapest)
    received[~np.isfinite(held.price)] = np.nan
    return np.vstack([received.T, held.margin])


def folds_of(market: arb.Market, folds: int) -> npt.NDArray[np.int64]:
    """Divide the instances of each segment at random, evenly; return each one's fold, [N]."""
    rng = np.random.default_rng(0)
    segments = np.array(market.segment or [""] * len(market.instances), dtype=object)
    order = np.lexsort((rng.random(len(segments)), segments.astype(str)))
    fold = np.empty(len(segments), dtype=np.int64)
    fold[order] = np.arange(len(segments)) % folds
    return fold


def part(market: arb.Market, rows: npt.NDArray[np.bool_]) -> arb.Market:
    """Return a market of some of the instances."""
    return market.select(instances=np.array(market.instances, dtype=object)[rows].tolist())


def pooled(
    parts: Sequence[tuple[FloatArray, FloatArray, FloatArray, int]],
) -> tuple[FloatArray, FloatArray]:
    """Add up, at every shadow price of a solved instance, what the best policies do held out.

    Parameters
    ----------
    parts : sequence of (shadow price [V - 1], solve rate [V], spend [V], number of instances)
        One per fold. Policy v is the best in training between prices v - 1 and v; solve rate and
        spend are those on the fold.

    Returns
    -------
    solve_rate, spend : float arrays
        As :func:`rising` returns them.
    """
    prices = np.unique(np.concatenate([[0.0], *(each[0] for each in parts)]))
    rate, spend = np.zeros(len(prices)), np.zeros(len(prices))
    total = sum(each[3] for each in parts)
    for slopes, solved, spent, count in parts:
        best = np.searchsorted(slopes, prices, side="right")
        rate += count / total * solved[best]
        spend += count / total * spent[best]
    return rising(rate, spend)


def rising(rate: FloatArray, spend: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return scores of policies in the order they were made for, held at the largest so far.

    One point per solve rate, so that no policy is chosen by what it does held out.
    """
    rate, spend = np.maximum.accumulate(rate), np.maximum.accumulate(spend)
    first = np.concatenate([[True], np.diff(rate) > 0])
    return rate[first], spend[first]


def read(curve: tuple[FloatArray, FloatArray], rates: FloatArray) -> FloatArray:
    """Return the spend on a rising curve, linear between its points; NaN outside."""
    value: FloatArray = np.interp(rates, *curve, np.nan, np.nan)
    return value


def cheapest_of(curves: Sequence[tuple[FloatArray, FloatArray]], rates: FloatArray) -> FloatArray:
    """Return the least spend of some curves at solve rates; NaN where none reaches."""
    least: FloatArray = np.fmin.reduce([read(curve, rates) for curve in curves])
    return least
