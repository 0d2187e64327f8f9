"""What a pricing game asks of a demand, and the checks that every demand makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from arbmodels.checks import LARGEST, FloatArray, is_label, labels_of
from arbmodels.errors import InputError
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
