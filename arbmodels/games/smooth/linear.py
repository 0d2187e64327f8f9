"""Linear demand for several products, never negative."""

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
    price_rows,
    product_names,
)

#: No choke price is so many times that of a product alone.
_NOWHERE = 1e12


@dataclass(frozen=True, eq=False)
class LinearDemand:
    r"""Quantities :math:`q = a - B p`, none of them negative.

    Where q of a product would be negative nobody buys it, and the others' demand is what it would
    be if its price were the one at which its demand just vanishes: the solution of the linear
    complementarity problem :math:`q = a - B \tilde p \ge 0,\ \tilde p \le p,\ q (p - \tilde p)=0`.
    With complements (a positive entry of B off the diagonal) q is cut at zero product by product.

    Parameters
    ----------
    products : sequence of str, length J
    intercept : float or float array [J]
        a, quantity at zero prices.
    slopes : float array [J, J]
        B: own price on the diagonal, > 0; off it minus the effect of the column's price on the
        row's quantity (negative for substitutes).

    Raises
    ------
    InputError
        If a slope is not finite, or a quantity does not fall in its own price.

    Examples
    --------
    >>> LinearDemand(["a", "b"], 10.0, [[2, -1], [-1, 2]]).quantities([4.0, 3.0]).tolist()
    [5.0, 8.0]
    """

    products: tuple[str, ...]
    intercept: FloatArray
    slopes: FloatArray

    def __post_init__(self) -> None:
        products = product_names(self.products)
        object.__setattr__(self, "products", products)
        object.__setattr__(self, "intercept", per_product(self.intercept, products, "Intercept"))
        slopes = inputs.numbers(self.slopes, "Slopes")
        if slopes.shape != (len(products),) * 2 or not np.isfinite(slopes).all():
            raise InputError(
                f"Slopes must be {len(products)} x {len(products)} finite numbers, one row and one"
                " column per product."
            )
        own = np.diag(slopes)
        if own.min() <= 0:
            raise InputError(
                f"The quantity of product {products[int(own.argmin())]!r} must fall in its own"
                f" price: its own slope is {own.min():g}, not > 0."
            )
        if self._compete(slopes) and np.linalg.eigvals(slopes).real.min() < -1e-9 * own.max():
            raise InputError(
                "Raising all prices together would raise sales: effects of other products' prices"
                " (off the diagonal) must not outweigh those of the own price."
            )
        slopes.setflags(write=False)
        object.__setattr__(self, "slopes", slopes)

    @classmethod
    def symmetric(
        cls, products: Sequence[str], intercept: float, own: float, cross: float
    ) -> LinearDemand:
        r"""Return :math:`q_i = a - b p_i + d \sum_{k \ne i} p_k`."""
        count = len(product_names(products))
        own, cross = inputs.number(own, "own"), inputs.number(cross, "cross")
        slopes = (own + cross) * np.eye(count) - cross * np.ones((count, count))
        return cls(tuple(products), intercept, slopes)  # type: ignore[arg-type]  # one number

    @classmethod
    def hotelling(cls, products: Sequence[str], transport: float) -> LinearDemand:
        """Return a unit mass on a line between two sellers, all of whom buy.

        q = 1/2 + (p_other - p_own) / (2 t).
        """
        transport = inputs.number(transport, "transport", 0.0, above=True)
        if len(product_names(products)) != 2:
            raise InputError(f"A line has two ends, not {len(products)} products.")
        return cls.symmetric(products, 0.5, 0.5 / transport, 0.5 / transport)

    @property
    def substitutes(self) -> bool:
        """Whether no quantity falls in another product's price."""
        return self._compete(self.slopes)

    @staticmethod
    def _compete(slopes: FloatArray) -> bool:
        return bool(np.all(slopes - np.diag(np.diag(slopes)) <= 0))

    def _reduced(self, price: FloatArray) -> FloatArray:
        """Return the prices at which demands that would be negative vanish, [N, J]."""
        reduced = price.copy()
        out = np.zeros(price.shape, dtype=bool)
        scale = 1e-12 * (np.abs(self.intercept) + np.abs(price) @ np.abs(self.slopes).T)
        # Once priced out, always: another product's lower price only takes demand away.
        for _ in range(len(self.products)):
            more = ~out & (self.intercept - reduced @ self.slopes.T < -scale)
            if not more.any():
                break
            out |= more
            rows = more.any(axis=1)
            for pattern in np.unique(out[rows], axis=0):
                here = rows & (out == pattern).all(axis=1)
                block = self.slopes[np.ix_(pattern, pattern)]
                side = self.intercept[pattern] - price[np.ix_(here, ~pattern)] @ (
                    self.slopes[np.ix_(pattern, ~pattern)].T
                )
                reduced[np.ix_(here, pattern)] = np.linalg.solve(block, side.T).T
        return reduced

    def quantities(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the quantities sold, [..., J], at prices [..., J]."""
        price = price_rows(prices, self.products)
        flat = price.reshape(-1, price.shape[-1])
        if self.substitutes:
            flat = self._reduced(flat)
        bought = self.intercept - flat @ self.slopes.T
        # Rounding leaves a priced-out product some 1e-16 of its intercept.
        noise = 1e-12 * (np.abs(self.intercept) + np.abs(flat) @ np.abs(self.slopes).T)
        return np.where(bought > noise, bought, 0.0).reshape(price.shape)

    def shares(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the shares of all that is sold, [..., J]; zero where nothing is."""
        sold = self.quantities(prices)
        total = sold.sum(axis=-1, keepdims=True)
        return np.where(total > 0, sold / np.where(total > 0, total, 1.0), 0.0)

    def jacobian(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the derivative of quantity k by price j, [J, J], at ``[k, j]``.

        Priced-out products neither react nor matter; at a kink, the side on which they are out.
        """
        sold = self.quantities(prices) > 0
        matrix = np.zeros_like(self.slopes)
        if not self.substitutes:
            return -self.slopes * sold[:, None]
        inner = -self.slopes[np.ix_(sold, sold)]
        if sold.any() and not sold.all():
            # Their reduced prices follow the others' prices.
            across = np.linalg.solve(
                self.slopes[np.ix_(~sold, ~sold)], self.slopes[np.ix_(~sold, sold)]
            )
            inner = inner + self.slopes[np.ix_(sold, ~sold)] @ across
        matrix[np.ix_(sold, sold)] = inner
        return matrix

    def owner_gradient(
        self, prices: npt.ArrayLike, margins: npt.ArrayLike, owners: IntArray
    ) -> FloatArray:
        """Return, for every price j, the owner's sum of margin k x d q_k / d p_j, [J]."""
        return gradient_of(self.jacobian(prices), margins, owners)

    def consumer_surplus(self, prices: npt.ArrayLike) -> FloatArray:
        r"""Return :math:`\tfrac12 q^T B^{-1} q`, [...], for the utility this demand comes from.

        Raises
        ------
        InputError
            If B is not symmetric and positive definite: then no such utility exists.
        """
        symmetric = np.allclose(self.slopes, self.slopes.T, rtol=1e-9, atol=0)
        if not symmetric or np.linalg.eigvalsh(self.slopes).min() <= 1e-12 * self.slopes.max():
            raise InputError(
                "This linear demand comes from no utility (its slopes are not symmetric and"
                " positive definite), so there is no consumer surplus."
            )
        sold = self.quantities(prices)
        surplus: FloatArray = 0.5 * np.einsum(
            "...i,...i->...", sold, np.linalg.solve(self.slopes, sold[..., None])[..., 0]
        )
        return surplus

    def choke_price(self, product: int, prices: FloatArray, withdrawn: Sequence[int] = ()) -> float:
        """Return a price at and beyond which a product sells nothing, the others' prices given.

        Whatever the prices of the products in ``withdrawn``: as if nobody could buy them.
        """
        # Complements that are withdrawn would only take from its sales.
        out = np.array([product, *withdrawn] if self.substitutes else [product], dtype=np.int64)
        others = np.delete(np.arange(len(self.products)), out)
        pull = self.intercept[out] - self.slopes[np.ix_(out, others)] @ prices[others]
        try:
            choke = np.linalg.solve(self.slopes[np.ix_(out, out)], pull)[0]
        except np.linalg.LinAlgError:
            choke = np.inf
        # Rounding leaves a singular system a price beyond all reason: nobody can leave.
        alone = np.abs(pull).max() / np.diag(self.slopes)[out].min()
        return float(max(choke, 0.0)) if choke <= _NOWHERE * alone else np.inf
