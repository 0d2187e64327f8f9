"""Compiled loops over the groups of a block; import this module only where one is needed.

Arrays that a block does not have (classes, weights, offered) are passed with size zero, and
quantities as read-only views, so that there is one compiled form for float32 and one for float64.
The compiled code is kept on disk. No kernel starts threads: blocks are shared out by the source.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from arbmodels._assignment.program import BoolArray, FloatArray, IntArray, Quantity
from arbmodels._compiling import SMALL, compiled

Index = npt.NDArray[np.int32]


@compiled(interpreted=SMALL)
def choose(  # noqa: PLR0912, PLR0917
    first: Quantity,
    second: Quantity,
    rest: FloatArray,
    table: FloatArray,
    classes: IntArray,
    weights: FloatArray,
    offered: BoolArray,
    choice: Index,
    runner: Index,
    lead: FloatArray,
    sums: FloatArray,
) -> float:
    """Write every group's best plan and runner-up; return the weighted sum of the best values.

    Priced are two quantities [g, J'] by ``table`` [3, C, J], and ``rest`` [g, J'] is added. Weight
    and both quantities of the chosen plans are added to ``sums`` [3, C, J]. NaN is never chosen.
    Minus infinity if a group has no plan.
    """
    groups, width = first.shape
    plans = table.shape[2]
    masked, more = offered.size > 0, rest.size > 0
    priced = np.empty(plans)  # in a loop of its own, which is vectorised
    total = 0.0
    for g in range(groups):
        c = classes[g] if classes.size else 0
        for j in range(width):
            priced[j] = (
                table[0, c, j] + table[1, c, j] * first[g, j] + table[2, c, j] * second[g, j]
            )
        for j in range(width, plans):
            priced[j] = table[0, c, j]
        if more:
            for j in range(width):
                priced[j] += rest[g, j]
        if masked:
            for j in range(width):
                if not offered[g, j]:
                    priced[j] = -np.inf
        top, after = -np.inf, -np.inf
        best, following = 0, -1
        for j in range(plans):
            # No branches: a processor cannot guess which plan is best.
            value = priced[j]
            better, next_best = value > top, value > after
            after = top if better else (value if next_best else after)
            following = best if better else (j if next_best else following)
            top = value if better else top
            best = j if better else best
        choice[g] = best
        if after == -np.inf:
            runner[g], lead[g] = best, np.inf
        else:
            runner[g], lead[g] = following, top - after
        if top == -np.inf:
            total = -np.inf
            continue
        weight = weights[g] if weights.size else 1.0
        total += weight * top
        sums[0, c, best] += weight
        if best < width:
            sums[1, c, best] += weight * first[g, best]
            sums[2, c, best] += weight * second[g, best]
    return total


@compiled(interpreted=SMALL)
def price_more(rest: FloatArray, table: FloatArray, classes: IntArray, quantity: Quantity) -> None:
    """Add ``table`` [C, J] times a quantity [g, J'] to ``rest`` [g, J']."""
    groups, width = quantity.shape
    for g in range(groups):
        c = classes[g] if classes.size else 0
        for j in range(width):
            rest[g, j] += table[c, j] * quantity[g, j]


@compiled(interpreted=SMALL)
def chosen_sums(  # noqa: PLR0917
    first: Quantity,
    second: Quantity,
    choice: Index,
    classes: IntArray,
    weights: FloatArray,
    sums: FloatArray,
) -> None:
    """Add weight, and weight times two quantities [g, J'], of the chosen plans to ``sums``."""
    width = first.shape[1]
    for g in range(len(choice)):
        j = choice[g]
        c = classes[g] if classes.size else 0
        weight = weights[g] if weights.size else 1.0
        sums[0, c, j] += weight
        if j < width:
            sums[1, c, j] += weight * first[g, j]
            sums[2, c, j] += weight * second[g, j]


@compiled(interpreted=SMALL)
def walk(  # noqa: PLR0917
    value: FloatArray,
    row: FloatArray,
    low: float,
    high: float,
    start: Index,
    group: IntArray,
    plan: Index,
    price: FloatArray,
    saved: FloatArray,
) -> int:
    """Follow every group's best plan from price ``low`` to ``high``; return the number of steps.

    ``start`` [g] is the best plan at ``low``, of equally good ones that using least. Step s takes
    ``group[s]`` to ``plan[s]`` at ``price[s]`` and uses ``saved[s]`` less; the arrays have room
    for g (J - 1) steps. Values of minus infinity are not offered.
    """
    groups, plans = value.shape
    steps = 0
    for g in range(groups):
        here, top, least = 0, -np.inf, np.inf
        for j in range(plans):
            if value[g, j] == -np.inf:
                continue
            worth = value[g, j] - low * row[g, j]
            if worth > top or (worth == top and row[g, j] < least):
                here, top, least = j, worth, row[g, j]
        start[g] = here
        at = low
        while True:
            to, next_price, least = -1, np.inf, row[g, here]
            for j in range(plans):
                less = row[g, here] - row[g, j]
                if less <= 0.0 or value[g, j] == -np.inf:
                    continue
                overtakes = (value[g, here] - value[g, j]) / less
                if overtakes < next_price or (overtakes == next_price and row[g, j] < least):
                    to, next_price, least = j, overtakes, row[g, j]
            if to < 0 or next_price > high:
                break
            # Rounding must not let a later step of a group come before an earlier one.
            at = max(at, next_price)
            group[steps], plan[steps], price[steps] = g, to, at
            saved[steps] = row[g, here] - row[g, to]
            steps += 1
            here = to
    return steps


@compiled(interpreted=SMALL)
def find_moves(  # noqa: PLR0917
    value: FloatArray,
    row: FloatArray,
    base: Index,
    price: float,
    below: float,
    group: IntArray,
    plan: IntArray,
    loss: FloatArray,
) -> int:
    """Write the moves from ``base`` that lose less than ``below`` at a price; return their number.

    Without effect, and left out: the plan a group has, one just like it, a group without weight.
    """
    groups, plans = value.shape
    count = 0
    for g in range(groups):
        b = base[g]
        for j in range(plans):
            more, gain = row[g, j] - row[g, b], value[g, j] - value[g, b]
            lost = max(price * more - gain, 0.0)
            if lost < below and (more != 0.0 or gain > 0.0):
                group[count], plan[count], loss[count] = g, j, lost
                count += 1
    return count
