"""A logit game seen from its firms' presences in nests, where a firm has one markup each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arbmodels.checks import FloatArray
from arbmodels.games.smooth.demand import IntArray
from arbmodels.games.smooth.game import SmoothGame
from arbmodels.games.smooth.logit import LogitDemand


@dataclass(frozen=True, eq=False)
class Pairs:
    r"""Every (firm, nest) with a product, at given prices of the fixed products.

    First-order conditions of a firm over its products in nest g are

    .. math:: p_j - c_j = (1 - \sigma_g) / \alpha + \sigma_g A_{fg} + (1 - \sigma_g) X_f

    with :math:`A_{fg}` the margin per consumer of the nest and :math:`X_f` that per consumer: the
    right-hand side does not depend on j, so that all products of a firm in a nest have one markup
    and act as one product of weight :math:`\sum_j e^{(a_j - \alpha c_j)/(1 - \sigma_g)}`.

    Parameters
    ----------
    game : SmoothGame
    demand : LogitDemand
    firm, nest : int array [P]
    of_product : int array [J]
        Position of every product's pair.
    weight : float array [P]
        Logarithm of the weight of the products with free prices, at cost.
    held : float array [P]
        Logarithm of the weight of the products with fixed prices, at these prices.
    held_margin : float array [P]
        Their mean margin by weight.
    """

    game: SmoothGame
    demand: LogitDemand
    firm: IntArray
    nest: IntArray
    of_product: IntArray
    weight: FloatArray
    held: FloatArray
    held_margin: FloatArray

    @property
    def sigma(self) -> FloatArray:
        """Sigma of every pair's nest, [P]."""
        return self.demand.nest_sigma[self.nest]

    @property
    def free(self) -> npt.NDArray[np.bool_]:
        """Which pairs have a price to choose, [P]."""
        return np.isfinite(self.weight)

    def prices(self, markups: FloatArray) -> FloatArray:
        """Return prices [J] from markups [P]."""
        game = self.game
        price = game.effective_costs + markups[self.of_product]
        for product, given in game.fixed.items():
            price[game.products.index(product)] = given
        return price

    def state(self, markups: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return, at markups [P]: S [P], A [P], nest shares [G], X [F].

        S is the share within the nest of a pair's free products, A the firm's margin per consumer
        of the nest, X its margin per consumer.
        """
        groups = len(self.demand.nest_names)
        slope = self.demand.price_coefficient / (1.0 - self.sigma)
        own = self.weight - slope * markups
        top = np.full(groups, -np.inf)
        np.maximum.at(top, self.nest, np.maximum(own, self.held))
        lift = top[self.nest]
        own, held = np.exp(own - lift), np.exp(self.held - lift)
        total = np.bincount(self.nest, own + held, groups)
        share = own / total[self.nest]
        inside = markups * share + self.held_margin * held / total[self.nest]
        inclusive = (1.0 - self.demand.nest_sigma) * (top + np.log(total))
        highest = float(inclusive.max())
        if self.demand.outside:
            highest = max(highest, 0.0)
        nests = np.exp(inclusive - highest)
        nests /= nests.sum() + (np.exp(-highest) if self.demand.outside else 0.0)
        margin: FloatArray = np.bincount(
            self.firm, nests[self.nest] * inside, len(self.game.firms)
        ).astype(float)
        return share, inside, nests, margin


def pairs_of(game: SmoothGame, demand: LogitDemand) -> Pairs:
    """Return a logit game's pairs."""
    key = game.owner_of * len(demand.nest_names) + demand.nest_of
    unique, of_product = np.unique(key, return_inverse=True)
    count = len(unique)
    spread = 1.0 - demand.nest_sigma[demand.nest_of]
    price = game.effective_costs.copy()
    for product, given in game.fixed.items():
        price[game.products.index(product)] = given
    utility = (demand.quality - demand.price_coefficient * price) / spread
    fixed = game.is_fixed

    def log_sum(chosen: npt.NDArray[np.bool_]) -> FloatArray:
        top = np.full(count, -np.inf)
        np.maximum.at(top, of_product[chosen], utility[chosen])
        base = np.where(np.isfinite(top), top, 0.0)
        total = np.bincount(
            of_product[chosen], np.exp(utility[chosen] - base[of_product[chosen]]), count
        )
        out = np.full(count, -np.inf)
        out[total > 0] = base[total > 0] + np.log(total[total > 0])
        return out

    weight, held = log_sum(~fixed), log_sum(fixed)
    held_margin = np.zeros(count)
    if fixed.any():
        at = of_product[fixed]
        part = np.exp(utility[fixed] - held[at]) * (price - game.effective_costs)[fixed]
        held_margin += np.bincount(at, part, count)
    groups = len(demand.nest_names)
    return Pairs(
        game, demand, unique // groups, unique % groups, of_product, weight, held, held_margin
    )
