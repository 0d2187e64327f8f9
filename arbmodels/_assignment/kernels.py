"""The compiled loops over groups: best plans, sums, envelopes, moves.

Arrays that a block does not have (classes, weights, offered) are passed with size zero, and
quantities as read-only views, so that there is one compiled form for float32 and one for float64.
Small calls are interpreted (:mod:`arbmodels._compiling`), with the same numbers. No kernel starts
threads: blocks are shared out by the source.
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
            priced = value[g, j] - low * row[g, j]
            if priced > top or (priced == top and row[g, j] < least):
                here, top, least = j, priced, row[g, j]
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


@compiled(interpreted=SMALL)
def both_ends(  # noqa: PLR0917
    first: Quantity,
    second: Quantity,
    low: FloatArray,
    high: FloatArray,
    classes: IntArray,
    weights: FloatArray,
    offered: BoolArray,
    chunk: int,
    at_low: Index,
    at_high: Index,
    sums: FloatArray,
) -> None:
    """Write every group's best plan by two tables [3, C, J], the first of equally good ones.

    Added to ``sums`` [3, 3, C, J] are weight and weighted quantities: of the groups where both
    plans are the same, and of the others by their plan at ``low`` and at ``high``. NaN is never
    chosen.
    """
    groups, width = first.shape
    plans = low.shape[2]
    masked = offered.size > 0
    value, other = np.empty(plans), np.empty(plans)
    part = np.zeros(sums.shape)
    for start in range(0, groups, chunk):
        part[:] = 0.0
        for g in range(start, min(start + chunk, groups)):
            c = classes[g] if classes.size else 0
            for j in range(width):
                value[j] = low[0, c, j] + low[1, c, j] * first[g, j] + low[2, c, j] * second[g, j]
                other[j] = (
                    high[0, c, j] + high[1, c, j] * first[g, j] + high[2, c, j] * second[g, j]
                )
            for j in range(width, plans):
                value[j], other[j] = low[0, c, j], high[0, c, j]
            if masked:
                for j in range(width):
                    if not offered[g, j]:
                        value[j] = other[j] = -np.inf
            top, above, i, k = -np.inf, -np.inf, 0, 0
            for j in range(plans):
                better = value[j] > top
                top = value[j] if better else top
                i = j if better else i
                better = other[j] > above
                above = other[j] if better else above
                k = j if better else k
            at_low[g], at_high[g] = i, k
            weight = weights[g] if weights.size else 1.0
            if top == -np.inf:
                continue
            kind = 0 if i == k else 1
            part[kind, 0, c, i] += weight
            if i < width:
                part[kind, 1, c, i] += weight * first[g, i]
                part[kind, 2, c, i] += weight * second[g, i]
            if i != k:
                part[2, 0, c, k] += weight
                if k < width:
                    part[2, 1, c, k] += weight * first[g, k]
                    part[2, 2, c, k] += weight * second[g, k]
        sums += part


@compiled(interpreted=SMALL)
def best_and_chosen(  # noqa: PLR0917
    first: Quantity,
    second: Quantity,
    table: FloatArray,
    classes: IntArray,
    weights: FloatArray,
    offered: BoolArray,
    chunk: int,
    choice: Index,
    sums: FloatArray,
) -> float:
    """Return the weighted sum of what each group's best plan by ``table`` [3, C, J] is worth.

    Weight and weighted quantities of the plans in ``choice`` are added to ``sums`` [3, C, J].
    Minus infinity if a group has no plan.
    """
    groups, width = first.shape
    plans = table.shape[2]
    masked = offered.size > 0
    value = np.empty(plans)
    part = np.zeros(sums.shape)
    total = 0.0
    for start in range(0, groups, chunk):
        part[:] = 0.0
        some = 0.0
        for g in range(start, min(start + chunk, groups)):
            c = classes[g] if classes.size else 0
            for j in range(width):
                value[j] = (
                    table[0, c, j] + table[1, c, j] * first[g, j] + table[2, c, j] * second[g, j]
                )
            for j in range(width, plans):
                value[j] = table[0, c, j]
            if masked:
                for j in range(width):
                    if not offered[g, j]:
                        value[j] = -np.inf
            top = -np.inf
            for j in range(plans):
                top = value[j] if value[j] > top else top
            weight = weights[g] if weights.size else 1.0
            # A weight of zero times minus infinity is no number.
            some += top if top == -np.inf else weight * top
            i = choice[g]
            part[0, c, i] += weight
            if i < width:
                part[1, c, i] += weight * first[g, i]
                part[2, c, i] += weight * second[g, i]
        total += some
        sums += part
    return total


@compiled
def fill(  # noqa: PLR0917  compiled functions take no keywords only
    priced: FloatArray,
    weights: FloatArray,
    link_of_plan: IntArray,
    opening: FloatArray,
    gains: FloatArray,
    missing: FloatArray,
    group: IntArray,
    plan: IntArray,
    share: FloatArray,
) -> tuple[float, int]:
    """Fill every group from its best plan downwards, and price what more opening would bring.

    ``priced`` [g, J] is minus infinity where a plan is not offered; what nothing open can serve
    goes to the group's worst plan, and into ``missing`` [g]. Adds to ``gains`` [A], writes the
    shares into the first entries of ``group``, ``plan`` and ``share`` (g (A + 1) long), and returns
    the constant of the cut and how many entries were written.
    """
    groups, plans = priced.shape
    links = len(opening)
    top = np.empty(links)
    argument = np.empty(links, dtype=np.int64)
    picked = np.empty(links, dtype=np.int64)
    constant = 0.0
    written = 0
    for g in range(groups):
        for a in range(links):
            top[a] = -np.inf
        for j in range(plans):
            a = link_of_plan[j]
            if priced[g, j] > top[a]:
                top[a] = priced[g, j]
                argument[a] = j
        left = 1.0
        count = 0
        critical = -np.inf
        missing[g] = 0.0
        while left > 1e-12:
            first = -1
            value = -np.inf
            for a in range(links):
                if top[a] > value:
                    value = top[a]
                    first = a
            if first < 0:
                missing[g] = left
                if count > 0:
                    group[written] = g
                    plan[written] = argument[picked[count - 1]]
                    share[written] = left
                    written += 1
                break
            critical = value
            top[first] = -np.inf
            picked[count] = first
            count += 1
            part = min(opening[first], left)
            left -= part
            if part > 0.0:
                group[written] = g
                plan[written] = argument[first]
                share[written] = part
                written += 1
        # The values were overwritten while picking; the plans still know them.
        for i in range(count):
            a = picked[i]
            gains[a] += weights[g] * (priced[g, argument[a]] - critical)
        if count > 0:
            constant += weights[g] * critical
    return constant, written


@compiled(fastmath={"reassoc", "nsz"})
def best_under(top: FloatArray, sets: IntArray, values: FloatArray) -> None:
    """Add to ``values`` [S] what groups reach with link 0 and those of every set [S, L].

    ``top`` [A, g] is each link's best; -1 in ``sets`` ends a set. What a set shares with the one
    before it is not computed again.
    """
    groups = top.shape[1]
    length = sets.shape[1]
    reached = np.empty((length + 1, groups))
    sums = np.zeros(length + 1)
    for g in range(groups):
        reached[0, g] = top[0, g]
        sums[0] += top[0, g]
    for s in range(len(sets)):
        depth = 0
        while s > 0 and depth < length and sets[s, depth] == sets[s - 1, depth] >= 0:
            depth += 1
        while depth < length and sets[s, depth] >= 0:
            before = reached[depth]
            after = reached[depth + 1]
            more = top[sets[s, depth]]
            total = 0.0
            for g in range(groups):
                value = more[g] if more[g] > before[g] else before[g]
                after[g] = value
                total += value
            depth += 1
            sums[depth] = total
        values[s] += sums[depth]
