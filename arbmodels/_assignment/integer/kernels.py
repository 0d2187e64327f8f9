"""The compiled inner loop of passes over groups whose plans are open to a share only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from arbmodels._compiling import compiled

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@compiled
def fill(  # noqa: PLR0917  compiled functions take no keywords only
    priced: FloatArray,
    weights: FloatArray,
    gate_of_plan: IntArray,
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
    gates = len(opening)
    top = np.empty(gates)
    argument = np.empty(gates, dtype=np.int64)
    picked = np.empty(gates, dtype=np.int64)
    constant = 0.0
    written = 0
    for g in range(groups):
        for a in range(gates):
            top[a] = -np.inf
        for j in range(plans):
            a = gate_of_plan[j]
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
            for a in range(gates):
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
    """Add to ``values`` [S] what groups reach with gate 0 and those of every set [S, L].

    ``top`` [A, g] is each gate's best; -1 in ``sets`` ends a set. What a set shares with the one
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
