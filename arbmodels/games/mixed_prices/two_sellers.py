r"""Two sellers and demand in steps: the equilibrium in closed form, behind capacities and captives.

Seller i sells :math:`h_i` below the rival's price and :math:`l_i` above it; both fall where the
price passes a step of demand. Let :math:`G_j(p)` be the probability that j charges more than p.
Seller i, who earns :math:`u_i`, is not tempted by price p if

.. math:: G_j(p) \le B_j(p) = \frac{u_i / (p - c_i) - l_i(p)}{h_i(p) - l_i(p)},

which falls within a step and jumps up after it, where less is sold. Both sellers earn at least
:math:`m_i = \max_p (p - c_i) l_i(p)`, what the rival cannot take from them, and one of them just
this: the one who reaches it, selling :math:`h_i`, at the higher price. That price is the lowest
that is charged, and gives the other's profit.

:math:`\hat G_j`, the least of :math:`B_j` so far, is the most that the rival's price may exceed p
with. It falls on zones that end at steps. Where both fall, both sellers mix. Where only
:math:`\hat G_j` does, i's price would have to be lower for j to charge such prices: j charges, with
all this probability, the step that ended i's last zone, at which it earns the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arbmodels.games.mixed_prices.distribution import Piece, PriceDistribution
from arbmodels.passk import FloatArray

#: An atom or the length of a zone, relative, up to this is rounding.
_NOTHING = 1e-12
#: Sales to be won from the rival, as a share of all, for which nobody leaves the highest price.
_SCARCE = 1e-7


@dataclass(frozen=True, eq=False)
class _Seller:
    """Sales below and above the rival's price [S], between steps [S] of demand, and the cost."""

    high: FloatArray
    low: FloatArray
    steps: FloatArray
    cost: float

    def guaranteed(self) -> tuple[float, int]:
        """Return what the rival cannot take, and at which step it is earned (-1 for nothing)."""
        worth = (self.steps - self.cost) * self.low
        at = int(np.argmax(worth))
        return (float(worth[at]), at) if worth[at] > 0 else (0.0, -1)

    def reached(self, profit: float) -> float:
        """Return the lowest price that earns ``profit`` below the rival's price."""
        price = self.cost + profit / self.high
        within = price <= self.steps * (1 + _NOTHING)
        return float(price[int(np.argmax(within))]) if within.any() else float(price[-1])

    def most(self, price: float) -> tuple[float, float]:
        """Return the most it earns up to a price if the rival's is higher, and at which price."""
        at = min(int(np.searchsorted(self.steps, price)), len(self.steps) - 1)
        tried = np.append(self.steps[:at], min(price, float(self.steps[-1])))
        earned = (tried - self.cost) * self.high[: at + 1]
        best = int(np.argmax(earned))
        return float(earned[best]), float(tried[best])

    def scarce(self, at: int) -> bool:
        """Whether hardly anything is to be won from the rival at a step."""
        return bool(self.high[at] - self.low[at] <= _SCARCE * self.high[at])

    def bound(self, profit: float, at: int) -> tuple[float, float]:
        """Return (level, slope) of B = level + slope / (p - cost) in a step."""
        spread = float(self.high[at] - self.low[at])
        return -float(self.low[at]) / spread, profit / spread


def two_sellers(
    high: npt.ArrayLike,
    low: npt.ArrayLike,
    costs: npt.ArrayLike,
    steps: npt.ArrayLike,
    *,
    share: bool,
) -> tuple[PriceDistribution, PriceDistribution]:
    """Return both equilibrium strategies.

    Parameters
    ----------
    high, low : float array [2, S]
        Sales below and above the rival's price, not rising in s; high > 0, low >= 0.
    costs : float array [2]
        Below the last step.
    steps : float array [S]
        Prices up to which these are the sales, increasing.
    share : bool
        Whether sellers of different cost share at equal prices; otherwise the cheaper one serves.
    """
    ends = np.asarray(steps, dtype=float)
    pair = [
        _Seller(np.asarray(h, dtype=float), np.asarray(q, dtype=float), ends, float(c))
        for h, q, c in zip(np.asarray(high), np.asarray(low), np.asarray(costs), strict=True)
    ]
    sure = [one.guaranteed() for one in pair]
    floors = [one.reached(worth) for one, (worth, _) in zip(pair, sure, strict=True)]
    # On a tie of two that gain nothing above the rival, the dearer one sets the price.
    last = max((0, 1), key=lambda k: (floors[k], pair[k].cost))
    floor, (worth, end) = floors[last], sure[last]
    other, rest = pair[1 - last], pair[last]
    profit, price = other.most(floor)
    if end < 0:  # nothing to gain above the rival: limit pricing
        found = PriceDistribution.certain(price), _beside(other, rest, price, share=share)
    elif rest.scarce(end) and other.scarce(end):
        found = (PriceDistribution.certain(float(ends[end])),) * 2
    else:
        found = _mixed(other, rest, (profit, worth), end)
    return (found[0], found[1]) if last == 1 else (found[1], found[0])


def _beside(seller: _Seller, idle: _Seller, price: float, *, share: bool) -> PriceDistribution:
    """Return how the one who cannot sell keeps the other at its limit price.

    At its cost, where the other serves ties; otherwise above, by so much that nobody is tempted.
    """
    floor = idle.cost
    at = min(int(np.searchsorted(seller.steps, floor, side="right")), len(seller.steps) - 1)
    harmless = price < floor or seller.cost == floor or seller.scarce(at)
    if not share or harmless or floor >= seller.steps[at]:
        return PriceDistribution.certain(floor)
    profit = (floor - seller.cost) * float(seller.high[at])
    piece = Piece(floor, float(seller.steps[at]), *seller.bound(profit, at), seller.cost)
    return PriceDistribution.spread(piece, float(piece.raised(piece.high)))


def _mixed(
    one: _Seller, two: _Seller, profits: tuple[float, float], end: int
) -> tuple[PriceDistribution, PriceDistribution]:
    """Return both strategies, given profits and the step at which ``two`` charges the rest."""
    # What keeps one from more bounds two's probabilities, and the other way round.
    zones = _zones(two, profits[1], end, final=True), _zones(one, profits[0], end, final=False)
    return (
        _strategy(zones[0], zones[1], two, profits[1], end),
        _strategy(zones[1], zones[0], one, profits[0], end),
    )


#: Step of a zone, its beginning, and the probabilities of a higher price at its beginning and end.
_Zone = tuple[int, float, float, float]


def _zones(rival: _Seller, profit: float, end: int, *, final: bool) -> list[_Zone]:
    """Return where the bound that keeps ``rival`` at its profit falls below all it was before."""
    level, zones = 1.0, []
    for at in range(end + 1):
        step = float(rival.steps[at])
        low, high = float(rival.low[at]), float(rival.high[at])
        begins = rival.cost + profit / (low + (high - low) * level)
        if begins > step * (1 + _NOTHING):
            continue
        after = level
        if not rival.scarce(at) and begins < step:
            constant, slope = rival.bound(profit, at)
            after = min(max(constant + slope / (step - rival.cost), 0.0), level)
        if final and at == end:
            after = 0.0
        zones.append((at, min(begins, step), level, after))
        level = after
    return zones


def _strategy(
    own: list[_Zone], others: list[_Zone], rival: _Seller, profit: float, end: int
) -> PriceDistribution:
    """Return a strategy from where its own bound falls, and where the other's does."""
    atoms: dict[float, float] = {}
    pieces = []
    touched = {at: begins for at, begins, _, _ in others}

    def charge(price: float, mass: float) -> None:
        if mass > 0:
            atoms[price] = atoms.get(price, 0.0) + mass

    for at, begins, before, after in own:
        step = float(rival.steps[at])
        joins = max(touched.get(at, np.inf), begins)
        left = after
        if joins < step * (1 - _NOTHING):
            level, slope = rival.bound(profit, at)
            piece = Piece(joins, step, level, slope, rival.cost)
            left = min(before, float(piece.raised(joins))) if joins > begins else before
            pieces.append(piece)
        earlier = [k for k in touched if k < at]
        charge(float(rival.steps[max(earlier)]) if earlier else step, before - left)
    remains = own[-1][3] if own else 1.0
    charge(float(rival.steps[end]), remains)
    prices = np.array(sorted(price for price, mass in atoms.items() if mass > _NOTHING))
    masses = np.array([atoms[price] for price in prices.tolist()])
    total = float(masses.sum()) + sum(float(p.raised(p.low) - p.raised(p.high)) for p in pieces)
    if len(masses):  # what was left out as rounding
        masses[int(np.argmax(masses))] += 1.0 - total
    return PriceDistribution(prices, masses, tuple(pieces))
