"""Two sellers with two levels of sales: the closed form behind capacities and captive buyers."""

from __future__ import annotations

from collections.abc import Sequence

from arbmodels.games.mixed_prices.distribution import Piece, PriceDistribution

#: An atom up to this is rounding.
_NOTHING = 1e-12
#: Sales to be won from the rival, as a share of all, for which nobody leaves the highest price.
_SCARCE = 1e-7


def two_sellers(
    high: Sequence[float], low: Sequence[float], costs: Sequence[float], cap: float
) -> tuple[PriceDistribution, PriceDistribution]:
    """Return both equilibrium strategies.

    A seller sells ``high`` below the rival's price and ``low`` above it, up to price ``cap``.
    high > low >= 0 and cost < cap for both. Derived in
    :mod:`arbmodels.games.closed_forms.capacity`.
    """
    if min(high[0] - low[0], high[1] - low[1]) <= _SCARCE * min(high):
        # Hardly anything to win from the rival; formulas would divide by it.
        return PriceDistribution.certain(cap), PriceDistribution.certain(cap)
    floors = [
        cost + (cap - cost) * few / many for many, few, cost in zip(high, low, costs, strict=True)
    ]
    # On a tie of two that gain nothing above the rival, the dearer one sets the price.
    top = max((0, 1), key=lambda k: (floors[k], costs[k]))
    floor = floors[top]
    if low[top] == 0:  # nothing to gain above the rival: limit pricing
        return PriceDistribution.certain(floor), PriceDistribution.certain(floor)
    strategies = []
    for me in (0, 1):
        rival = 1 - me
        spread = high[rival] - low[rival]
        # The rival's indifference fixes what I play: (p - c)(h - spread F) = (p0 - c) h.
        level = -low[rival] / spread
        slope = (floor - costs[rival]) * high[rival] / spread
        end = level + slope / (cap - costs[rival])
        atom = end if me == top and end > _NOTHING else 0.0
        piece = Piece(floor, cap, level, slope, costs[rival])
        strategies.append(PriceDistribution.spread(piece, atom))
    return strategies[0], strategies[1]
