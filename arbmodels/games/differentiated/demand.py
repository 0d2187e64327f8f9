"""What a pricing game asks of a demand, and the checks that every demand makes.

Linear demand for several products, never negative.

Products that differ in solve rate only, consumers in how much they care.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from arbmodels._checks import LARGEST, FloatArray, is_label, labels_of
from arbmodels.display import Displayed
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.inputs import number, numbers

IntArray = npt.NDArray[np.int64]


class Demand(Protocol):
    """Consumers of several products: quantities and what follows from them, at any prices."""

    @property
    def products(self) -> tuple[str, ...]:
        """Names of the products, length J."""

    def quantities(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the quantities sold, [..., J], at prices [..., J]."""

    def shares(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the shares of the market, [..., J]."""

    def jacobian(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the derivative of quantity k by price j, [J, J], at ``[k, j]``."""

    def owner_gradient(
        self, prices: npt.ArrayLike, margins: npt.ArrayLike, owners: IntArray
    ) -> FloatArray:
        """Return, for every price j, the owner's sum of margin k x d q_k / d p_j, [J]."""

    def consumer_surplus(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the consumer surplus, [...], in currency units."""

    def choke_price(self, product: int, prices: FloatArray, withdrawn: Sequence[int] = ()) -> float:
        """Return a price at and beyond which a product sells nothing, the others' prices given.

        Whatever the prices of the products in ``withdrawn``: as if nobody could buy them.
        """


def product_names(products: Iterable[object], what: str = "product") -> tuple[str, ...]:
    """Return names that can tell products apart.

    Raises
    ------
    InputError
        If there are none, one is empty, or two are the same.
    """
    names = labels_of(products, f"{what}s")
    if not names:
        raise InputError(f"A demand needs at least one {what}.")
    for name, times in Counter(names).items():
        if not is_label(name):
            raise InputError(f"{what.capitalize()} {name!r} must be non-empty text without blanks.")
        if times > 1:
            raise InputError(f"Two {what}s have the same name: {name!r}.")
    return names


def per_product(
    values: npt.ArrayLike, products: Sequence[str], what: str, *, least: float = -np.inf
) -> FloatArray:
    """Return one finite number per product, at least ``least``; one number stands for all.

    Raises
    ------
    InputError
        Naming the first product whose number is wrong.
    """
    array = numbers(values, what)
    if array.ndim == 0:
        array = np.full(len(products), float(array))
    if array.shape != (len(products),):
        raise InputError(
            f"{what} must be one number per product ({len(products)}), not of shape {array.shape}."
        )
    bad = ~(np.abs(array) <= LARGEST) | (array < least)
    if bad.any():
        at = int(np.argmax(bad))
        limit = "finite" if least == -np.inf else f"finite and >= {least:g}"
        if np.isfinite(array[at]) and array[at] >= least:
            limit = f"of a size up to {LARGEST:g}"
        raise InputError(f"{what} of product {products[at]!r} must be {limit}, not {array[at]:g}.")
    array.setflags(write=False)
    return array


def price_rows(prices: npt.ArrayLike, products: Sequence[str]) -> FloatArray:
    """Return finite prices [..., J].

    Raises
    ------
    InputError
        Naming the first product whose price is not finite.
    """
    known = type(prices) is np.ndarray and prices.dtype == float
    array = np.asarray(prices) if known else numbers(prices, "Prices")
    if array.ndim == 0 or array.shape[-1] != len(products):
        raise InputError(
            f"Prices must have {len(products)} numbers, one per product, not shape {array.shape}."
        )
    bad = ~np.isfinite(array)
    if bad.any():
        at = np.unravel_index(int(np.argmax(bad)), array.shape)
        raise InputError(
            f"The price of product {products[int(at[-1])]!r} must be finite, not {array[at]:g};"
            " leave a product out of the demand to take it off the market."
        )
    return array


def positive(value: object, what: str) -> float:
    """Return a finite number > 0.

    Raises
    ------
    InputError
    """
    return number(value, what, 0.0, above=True)


def gradient_of(jacobian: FloatArray, margins: npt.ArrayLike, owners: IntArray) -> FloatArray:
    """Return the owner's gradient from a full matrix of derivatives."""
    same = owners[:, None] == owners[None, :]
    gradient: FloatArray = np.asarray(margins, dtype=float) @ np.where(same, jacobian, 0.0)
    return gradient


#: No choke price is so many times that of a product alone.
_NOWHERE = 1e12


@dataclass(frozen=True, eq=False, repr=False)
class LinearDemand(Displayed):
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

    References
    ----------
    Singh, Vives, *Price and quantity competition in a differentiated duopoly*, RAND Journal of
    Economics 15 (1984).

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


#: A share below this is none.
_ROUNDING = 1e-13


@dataclass(frozen=True, eq=False, repr=False)
class VerticalDemand(Displayed):
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
    Shaked, Sutton, *Relaxing price competition through product differentiation*, Review of Economic
    Studies 49 (1982).

    Tirole, *The theory of industrial organization*, MIT Press (1988), section 7.5.

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
