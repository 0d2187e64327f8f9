"""Products that differ in solve rate only, consumers in how much they care."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arbmodels.checks import FloatArray
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.smooth.demand import (
    IntArray,
    gradient_of,
    per_product,
    positive,
    price_rows,
    product_names,
)

#: A share below this is none.
_ROUNDING = 1e-13


@dataclass(frozen=True, eq=False)
class VerticalDemand:
    r"""Consumers of taste :math:`\theta`, uniform, who buy what maximises :math:`\theta s_j - p_j`.

    Parameters
    ----------
    products : sequence of str, length J
    solve_rates : float array [J]
        :math:`s_j > 0`, all different: equal ones make a homogeneous good.
    lowest, highest : float
        Tastes :math:`0 \le t_0 < t_1`, currency units per unit of solve rate.
    outside : bool
        Whether consumers may buy nothing, for 0. Where even the lowest taste buys, the market is
        covered.
    market_size : float > 0

    Raises
    ------
    InputError
        Naming the products of equal solve rate, or the number that cannot be.

    References
    ----------
    Shaked and Sutton (1982), Review of Economic Studies 49; Tirole (1988), section 7.5.

    Examples
    --------
    >>> VerticalDemand(["low", "high"], [0.5, 1.0]).quantities([0.1, 0.4]).round(6).tolist()
    [0.4, 0.4]
    """

    products: tuple[str, ...]
    solve_rates: FloatArray
    lowest: float = 0.0
    highest: float = 1.0
    outside: bool = True
    market_size: float = 1.0

    def __post_init__(self) -> None:
        products = product_names(self.products)
        rates = per_product(self.solve_rates, products, "Solve rate")
        if rates.min() <= 0:
            raise InputError(
                f"Solve rate of product {products[int(rates.argmin())]!r} must be > 0."
            )
        order = np.argsort(rates, kind="stable")
        same = np.flatnonzero(np.diff(rates[order]) <= 1e-12 * rates.max())
        if same.size:
            one, other = (products[int(order[same[0] + k])] for k in (0, 1))
            raise InputError(
                f"Products {one!r} and {other!r} have the same solve rate: a homogeneous good,"
                " for which prices jump; use BertrandGame."
            )
        object.__setattr__(self, "products", products)
        object.__setattr__(self, "solve_rates", rates)
        object.__setattr__(self, "market_size", positive(self.market_size, "The size of demand"))
        inputs.truth(self.outside, "outside")
        low = inputs.number(self.lowest, "The lowest taste", 0.0)
        high = inputs.number(self.highest, "The highest taste", low, above=True)
        object.__setattr__(self, "lowest", low)
        object.__setattr__(self, "highest", high)

    def _range(self, price: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return between which tastes every product is bought, [..., J]."""
        gap = self.solve_rates[:, None] - self.solve_rates[None, :]
        with np.errstate(divide="ignore", invalid="ignore"):
            even = (price[..., :, None] - price[..., None, :]) / gap
        low = np.where(gap > 0, even, self.lowest).max(axis=-1)
        high = np.where(gap < 0, even, self.highest).min(axis=-1)
        if self.outside:
            low = np.maximum(low, price / self.solve_rates)
        return np.maximum(low, self.lowest), np.minimum(high, self.highest)

    def shares(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the shares of all consumers, [..., J], at prices [..., J]."""
        low, high = self._range(price_rows(prices, self.products))
        width = (high - low) / (self.highest - self.lowest)
        return np.where(width > _ROUNDING, width, 0.0)

    def quantities(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the quantities sold, [..., J]: market size times shares."""
        return self.market_size * self.shares(prices)

    def jacobian(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the derivative of quantity k by price j, [J, J], at ``[k, j]``.

        Neighbours in solve rate compete, nobody else; at a kink, one of the two sides.
        """
        price = price_rows(prices, self.products)
        sold = np.flatnonzero(self.shares(price) > 0)
        sold = sold[np.argsort(self.solve_rates[sold])]
        matrix = np.zeros((len(price), len(price)))
        density = self.market_size / (self.highest - self.lowest)
        below, above = sold[:-1], sold[1:]
        slope = density / (self.solve_rates[above] - self.solve_rates[below])
        matrix[below, above] = matrix[above, below] = slope
        matrix[below, below] -= slope
        matrix[above, above] -= slope
        if sold.size and self.outside:
            first = sold[0]
            if price[first] / self.solve_rates[first] > self.lowest:
                matrix[first, first] -= density / self.solve_rates[first]
        return matrix

    def owner_gradient(
        self, prices: npt.ArrayLike, margins: npt.ArrayLike, owners: IntArray
    ) -> FloatArray:
        """Return, for every price j, the owner's sum of margin k x d q_k / d p_j, [J]."""
        return gradient_of(self.jacobian(prices), margins, owners)

    def consumer_surplus(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the sum over consumers of taste x solve rate - price, [...], currency units."""
        price = price_rows(prices, self.products)
        low, high = self._range(price)
        high = np.maximum(high, low)
        each = self.solve_rates * (high**2 - low**2) / 2 - price * (high - low)
        density = self.market_size / (self.highest - self.lowest)
        surplus: FloatArray = density * each.sum(axis=-1)
        return surplus

    def choke_price(self, product: int, prices: FloatArray, withdrawn: Sequence[int] = ()) -> float:
        """Return a price at and beyond which a product sells nothing, the others' prices given.

        Whatever the prices of the products in ``withdrawn``: as if nobody could buy them.
        """
        left_out = [product, *withdrawn]
        gap = self.solve_rates[product] - np.delete(self.solve_rates, left_out)
        least = np.delete(prices, left_out) + np.maximum(gap * self.highest, gap * self.lowest)
        bounds = [*least.tolist()]
        if self.outside:
            bounds.append(self.highest * float(self.solve_rates[product]))
        return max(min(bounds, default=np.inf), 0.0)
