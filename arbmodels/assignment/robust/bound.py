r"""A bound on a program with a protected row, for all thresholds z of an interval at once.

At given multipliers let :math:`h_i(z)` be the best priced value of instance i when the excess
:math:`\max(w_i d_{ij} - z, 0)` is charged at the protected row's price :math:`\pi`. It does not
fall with z and rises by at most :math:`\pi` per unit, so on :math:`[z_1, z_2]`

.. math::
    \sum_i h_i(z) - \pi \Gamma z \le
    \sum_i \min\bigl(h_i(z_2), \, h_i(z_1) + \pi (z - z_1)\bigr) - \pi \Gamma z.

The right side is concave in z and peaks where :math:`\Gamma` instances still rise. It is exact for
every instance whose best plan is the same all over the interval.
"""

from __future__ import annotations

import numpy as np

from arbmodels.assignment.passes import bound
from arbmodels.assignment.program import AssignmentProgram, Deviations, dense, offered
from arbmodels.assignment.robust.protection import best_threshold
from arbmodels.assignment.source import Block, BoolArray, FloatArray

#: Groups looked at together, few enough to stay in the processor's cache.
_CHUNK = 2048


def interval_bound(
    program: AssignmentProgram,
    deviations: Deviations,
    prices: FloatArray,
    interval: tuple[float, float],
) -> float:
    """Return a value that no assignment exceeds whose best z is in the interval, oriented.

    Parameters
    ----------
    program : AssignmentProgram
        Without its side columns, if there are any; their part is the same on every interval.
    deviations : Deviations
        Of the program's own groups.
    prices : float array [R], not negative
    interval : (float, float)
        z_1 and z_2.
    """
    price, gamma = float(prices[deviations.row]), deviations.gamma
    parts = program.source.map(
        _ends, program.table(prices), deviations.table, program.forbidden, (price, *interval)
    )
    rise = np.concatenate([part[1] for part in parts])
    peak = best_threshold(rise, gamma)
    value = sum(part[0] for part in parts)
    value += price * float(np.minimum(rise, peak).sum() - gamma * (interval[0] + peak))
    return program.sign * bound(program, prices, value)


def _ends(
    block: Block,
    table: FloatArray,
    deviation: FloatArray,
    forbidden: BoolArray | None,
    at: tuple[float, float, float],
) -> tuple[float, FloatArray]:
    """Return sum w h(z_1), and w (h(z_2) - h(z_1)) / price of every group."""
    price, low, high = at
    parts = [block.take(slice(k, k + _CHUNK)) for k in range(0, block.size, _CHUNK)]
    ends = [_best_at(part, table, deviation, forbidden, at) for part in parts]
    first, last = (np.concatenate(each) for each in zip(*ends, strict=True))
    rise = np.zeros(block.size) if price == 0 else (last - first) / price
    return float(first.sum()), np.clip(rise, 0.0, high - low)


def _best_at(
    block: Block,
    table: FloatArray,
    deviation: FloatArray,
    forbidden: BoolArray | None,
    at: tuple[float, float, float],
) -> tuple[FloatArray, FloatArray]:
    """Return w h of every group at both ends."""
    price, low, high = at
    base, spread = dense(block, table), dense(block, deviation)
    if block.weights is not None:
        base *= block.weights[:, None]
        spread *= block.weights[:, None]
    if block.offered is not None or forbidden is not None:
        refused = ~offered(block, table.shape[2], forbidden)
        base[refused], spread[refused] = -np.inf, 0.0
    first, last = ((base - price * np.maximum(spread - z, 0.0)).max(axis=1) for z in (low, high))
    return first, last
