"""The best response of firms under logit demand, global and proven, apart from the solver.

The solver iterates first-order conditions of all firms together. This module maximises one firm's
profit, the others' prices being whatever they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from arbmodels.checks import FloatArray
from arbmodels.games.smooth.demand import IntArray
from arbmodels.games.smooth.pairs import Pairs

#: Halvings of a bracket: more than a float has bits.
_HALVINGS = 60
_DINKELBACH = 100
#: The bound is tried at this much more than the profit found, relative.
_ABOVE = 1e-9
#: Cells of firms x nests held at once.
_CELLS = 2_000_000
#: A tried markup goes so far that the firm sells exp(-30) of what it could.
_TAIL = 30.0


@dataclass(frozen=True, eq=False)
class Rivals:
    r"""What a firm's deviation cannot change, for every firm of a logit game at posted prices.

    Parameters
    ----------
    pairs : Pairs
    within : float array [P]
        Logarithm of the rivals' weight in the nest; minus infinity where there are none.
    elsewhere : float array [F]
        Logarithm of the outside option and the nests where the firm has nothing.
    """

    pairs: Pairs
    within: FloatArray
    elsewhere: FloatArray

    def terms(self, markups: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return, [..., P], at markups [..., P]: share within the nest, A, log of D^(1 - sigma).

        Every pair on its own, its rivals in the nest as posted.
        """
        pairs = self.pairs
        slope = pairs.demand.price_coefficient / (1.0 - pairs.sigma)
        own = pairs.weight - slope * markups
        top = np.maximum(own, np.maximum(pairs.held, self.within))
        held = np.exp(pairs.held - top)
        sold = np.exp(own - top)
        total = sold + held + np.exp(self.within - top)
        inside = (markups * sold + pairs.held_margin * held) / total
        return sold / total, inside, (1.0 - pairs.sigma) * (top + np.log(total))

    @cached_property
    def _first(self) -> IntArray:
        """Where every firm's pairs begin: they are ordered by firm."""
        return np.searchsorted(self.pairs.firm, np.arange(len(self.elsewhere)))

    def by_firm(self, values: FloatArray) -> FloatArray:
        """Return sums over every firm's pairs, [..., F], of values [..., P]."""
        total: FloatArray = np.add.reduceat(values, self._first, axis=-1)
        return total

    def weights(self, inclusive: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return shares of the market of every pair's nest [..., P], and of elsewhere [..., F]."""
        firm = self.pairs.firm
        top = np.maximum(np.maximum.reduceat(inclusive, self._first, axis=-1), self.elsewhere)
        nests, rest = np.exp(inclusive - top[..., firm]), np.exp(self.elsewhere - top)
        total = rest + self.by_firm(nests)
        return nests / total[..., firm], rest / total

    def profit(self, markups: FloatArray) -> FloatArray:
        """Return every firm's margin per consumer, [..., F], each deviating alone."""
        _, inside, inclusive = self.terms(markups)
        return self.by_firm(self.weights(inclusive)[0] * inside)

    def farthest(self) -> FloatArray:
        """Return a markup beyond which every firm's sales are negligible, [F]."""
        pairs = self.pairs
        alpha, free = pairs.demand.price_coefficient, 1.0 - pairs.sigma
        rest = self.elsewhere.copy()
        np.logaddexp.at(rest, pairs.firm, free * np.logaddexp(self.within, pairs.held))
        reach = np.full(len(rest), -np.inf)
        np.maximum.at(reach, pairs.firm, free * pairs.weight)
        far: FloatArray = np.maximum(reach - rest, 0.0) + _TAIL
        return far / alpha


def rivals_of(pairs: Pairs, prices: FloatArray) -> Rivals:
    """Return what every firm faces at posted prices [J]."""
    demand, count = pairs.demand, len(pairs.firm)
    spread = 1.0 - demand.nest_sigma[demand.nest_of]
    utility = (demand.quality - demand.price_coefficient * prices) / spread
    posted = np.full(count, -np.inf)
    np.maximum.at(posted, pairs.of_product, utility)
    posted += np.log(
        np.bincount(pairs.of_product, np.exp(utility - posted[pairs.of_product]), count)
    )
    within, total = _without_each(posted, pairs.nest, len(demand.nest_names))
    inclusive = (1.0 - demand.nest_sigma) * total
    outside = 0.0 if demand.outside else -np.inf
    firms, nests = len(pairs.game.firms), len(inclusive)
    elsewhere = np.full(firms, outside)
    if nests > 1:
        rows = max(1, _CELLS // nests)
        for first in range(0, firms, rows):
            block = np.tile(inclusive, (min(rows, firms - first), 1))
            mine = (pairs.firm >= first) & (pairs.firm < first + rows)
            block[pairs.firm[mine] - first, pairs.nest[mine]] = -np.inf
            top = np.maximum(block.max(axis=1), outside)
            base = np.where(np.isfinite(top), top, 0.0)
            weight = np.exp(block - base[:, None]).sum(axis=1) + np.exp(outside - base)
            with np.errstate(divide="ignore"):
                elsewhere[first : first + rows] = base + np.log(weight)
    return Rivals(pairs, within, elsewhere)


def _without_each(log: FloatArray, group: IntArray, groups: int) -> tuple[FloatArray, FloatArray]:
    """Return logs of the group's sum without each member, and of the whole sum of each group."""
    top = np.full(groups, -np.inf)
    np.maximum.at(top, group, log)
    weight = np.exp(log - top[group])
    total = np.bincount(group, weight, groups)
    left = total[group] - weight
    # Whoever has most of its group is left out of the sum, not subtracted from it: no cancellation.
    large = weight > 0.5 * total[group]
    small = np.bincount(group, np.where(large, 0.0, np.exp(log - top[group])), groups)
    left = np.where(large, small[group], left)
    with np.errstate(divide="ignore"):
        out = top[group] + np.log(left)
    lost = large & (left < 1e-200) & (np.bincount(group, minlength=groups)[group] > 1)
    for at in np.flatnonzero(lost):  # rivals too small beside it for a common scale
        others = log[(group == group[at]) & (np.arange(len(log)) != at)]
        out[at] = np.logaddexp.reduce(others)
    return out, top + np.log(total)


def best_markups(rivals: Rivals) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    r"""Return best markups [P], the margin per consumer they earn [F], and whether proven [F].

    A firm maximises a ratio, :math:`\sum_g A_g D_g^{1-\sigma} / (Z + \sum_g D_g^{1-\sigma})`.
    Dinkelbach (1967): X is its maximum where
    :math:`\Phi(X) = \max \sum_g (A_g - X) D_g^{1-\sigma} - X Z` is zero; the maximum separates
    over nests, in each of which the markup solves
    :math:`\mu - \sigma A(\mu) = (1 - \sigma)(1/\alpha + X)`, the left-hand side increasing where
    the firm has no fixed price in the nest. That no price earns more than X is proven by
    :math:`\Phi(X (1 + 10^{-9})) \le 0`.
    """
    pairs = rivals.pairs
    # From any profit that can be had; it may be a loss, where a fixed price is below cost.
    markups = np.full(len(pairs.firm), 1.0 / pairs.demand.price_coefficient)
    best = rivals.profit(markups)
    markups = _given(rivals, best)
    for _ in range(_DINKELBACH):
        earned = rivals.profit(markups)
        if np.all(earned <= best + 1e-15 * np.abs(best)):
            break
        best = np.maximum(best, earned)
        markups = _given(rivals, best)
    above = best + _ABOVE * np.abs(best) + 1e-300
    tried = _given(rivals, above)
    _, inside, inclusive = rivals.terms(tried)
    nests, rest = rivals.weights(inclusive)
    phi = rivals.by_firm(nests * (inside - above[pairs.firm])) - above * rest
    several = (pairs.sigma > 0) & pairs.free & np.isfinite(pairs.held)
    proven = phi <= 0
    proven[pairs.firm[several]] = False
    return markups, rivals.profit(markups), proven


def _given(rivals: Rivals, margin: FloatArray) -> FloatArray:
    """Return the markups [P] that maximise (A - X) D^(1 - sigma) in every nest, X given [F]."""
    pairs = rivals.pairs
    sigma = pairs.sigma
    whole = 1.0 / pairs.demand.price_coefficient + margin[pairs.firm]
    base = (1.0 - sigma) * whole
    low = np.minimum(whole, base + sigma * np.minimum(pairs.held_margin, 0.0))
    high = np.maximum(whole, base + sigma * np.maximum(pairs.held_margin, 0.0))
    if not sigma.any():
        return whole
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        _, inside, _ = rivals.terms(middle)
        up = middle - sigma * inside < base
        low, high = np.where(up, middle, low), np.where(up, high, middle)
    halfway: FloatArray = 0.5 * (low + high)
    return np.where(sigma == 0, whole, halfway)


def scan(rivals: Rivals, resolution: int) -> FloatArray:
    """Return, for every firm, the best of ``resolution`` common markups, refined, [F]."""
    low, high = np.zeros(len(rivals.elsewhere)), rivals.farthest()
    part = np.linspace(0.0, 1.0, resolution)[:, None]
    best = low
    for _ in range(8):
        markups = low + part * (high - low)
        earned = rivals.profit(markups[:, rivals.pairs.firm])
        at = earned.argmax(axis=0)
        best = markups[at, np.arange(len(low))]
        step = (high - low) / (len(part) - 1)
        low, high = np.maximum(best - step, 0.0), best + step
        part = np.linspace(0.0, 1.0, 21)[:, None]
    return best
