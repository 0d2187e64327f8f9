"""Logit and nested logit demand with an outside option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from arbmodels._checks import FloatArray, is_label, labels_of
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.differentiated.demand import (
    IntArray,
    per_product,
    positive,
    price_rows,
    product_names,
)


@dataclass(frozen=True, eq=False)
class LogitDemand:
    r"""Consumers who buy one product each, or nothing: logit, nested logit with ``nests``.

    A consumer's utility of product j in nest g is :math:`a_j - \alpha p_j` plus a random taste.
    With :math:`D_g = \sum_{j \in g} e^{(a_j - \alpha p_j)/(1 - \sigma_g)}` the share of j is

    .. math:: s_j = \frac{e^{(a_j - \alpha p_j)/(1 - \sigma_g)}}{D_g} \cdot
              \frac{D_g^{1 - \sigma_g}}{1 + \sum_h D_h^{1 - \sigma_h}},

    the 1 being the outside option. With sigma = 0 nests do not matter.

    Parameters
    ----------
    products : sequence of str, length J
    quality : float or float array [J]
        :math:`a_j`, mean utility at price zero, against 0 for the outside option.
    price_coefficient : float > 0
        :math:`\alpha`, utility per currency unit.
    nests : sequence of str, length J, optional
        The nest of every product (a range of solve rates; direct or resold).
    sigma : float in [0, 1), or one per nest by name
        Correlation of tastes within a nest; 0 by default, which is the plain logit.
    outside : bool
        Whether consumers may buy nothing.
    market_size : float > 0
        Consumers.

    Raises
    ------
    InputError
        Naming the product or nest whose number cannot be.

    Notes
    -----
    Prices may have leading axes: a thousand price vectors are one call.

    References
    ----------
    McFadden (1978), Modelling the choice of residential location; Berry (1994), Estimating
    discrete-choice models of product differentiation, RAND Journal of Economics 25, eq. 25-28.

    Examples
    --------
    >>> demand = LogitDemand(["a", "b"], [1.0, 1.0], 2.0)
    >>> demand.shares([0.5, 0.5]).round(4).tolist()
    [0.3333, 0.3333]
    """

    products: tuple[str, ...]
    quality: FloatArray
    price_coefficient: float
    nests: tuple[str, ...] | None = None
    sigma: float | Mapping[str, float] = 0.0
    outside: bool = True
    market_size: float = 1.0

    def __post_init__(self) -> None:
        inputs.truth(self.outside, "outside")
        products = product_names(self.products)
        quality = per_product(self.quality, products, "Quality")
        object.__setattr__(self, "products", products)
        object.__setattr__(self, "quality", quality)
        for name, what in (("price_coefficient", "price coefficient"), ("market_size", "size")):
            object.__setattr__(self, name, positive(getattr(self, name), f"The {what} of demand"))
        if self.nests is not None:
            nests = labels_of(self.nests, "nests")
            if len(nests) != len(products):
                raise InputError(f"{len(nests)} nests for {len(products)} products; name one each.")
            for product, nest in zip(products, nests, strict=True):
                if not is_label(nest):
                    raise InputError(f"The nest of product {product!r} has no name.")
            object.__setattr__(self, "nests", nests)
        self._check_sigma()

    def _check_sigma(self) -> None:
        names = self.nest_names
        if isinstance(self.sigma, Mapping):
            sigma = {str(nest): value for nest, value in self.sigma.items()}
            odd = set(sigma) ^ set(names)
            if self.nests is None or odd:
                raise InputError(
                    f"sigma must name every nest once ({', '.join(names)});"
                    f" look at {', '.join(sorted(odd)) or 'the missing nests'}."
                )
            object.__setattr__(self, "sigma", sigma)
            given = sigma.items()
        else:
            given = dict.fromkeys(names[:1], self.sigma).items()
        for nest, value in given:
            inputs.number(value, f"sigma of nest {nest!r}", 0.0, 1.0, below=True)
        if self.nests is None and not isinstance(self.sigma, Mapping) and self.sigma != 0:
            raise InputError("sigma needs nests: name the nest of every product.")

    @classmethod
    def from_solve_rates(
        cls,
        products: Sequence[str],
        solve_rates: npt.ArrayLike,
        value: float,
        price_coefficient: float,
        **options: object,
    ) -> LogitDemand:
        r"""Make qualities of solve rates: :math:`a_j = \alpha \cdot value \cdot rate_j`.

        Parameters
        ----------
        products : sequence of str, length J
        solve_rates : float array [J]
            Probabilities.
        value : float
            Of a solved instance to the consumer, currency units.
        price_coefficient : float
        **options
            Nests, sigma, outside, market_size.
        """
        names = product_names(products)
        rates = per_product(solve_rates, names, "Solve rate", least=0.0)
        if rates.max() > 1:
            raise InputError(
                f"Solve rate of product {names[int(rates.argmax())]!r} must be at most 1."
            )
        alpha = positive(price_coefficient, "The price coefficient of demand")
        worth = positive(value, "The value of a solved instance")
        return cls(names, alpha * worth * rates, alpha, **options)  # type: ignore[arg-type]

    @classmethod
    def from_shares(
        cls,
        products: Sequence[str],
        prices: npt.ArrayLike,
        shares: npt.ArrayLike,
        price_coefficient: float,
        *,
        nests: Sequence[str] | None = None,
        sigma: float = 0.0,
        market_size: float = 1.0,
    ) -> LogitDemand:
        r"""Invert observed shares into qualities (Berry 1994).

        :math:`a_j = \ln s_j - \ln s_0 - \sigma \ln s_{j|g} + \alpha p_j`.

        Parameters
        ----------
        products : sequence of str, length J
        prices, shares : float array [J]
            Observed; shares of everybody, adding up to less than 1: the rest buys nothing.
        price_coefficient, nests, sigma, market_size
            As for the class, sigma the same in all nests.

        Raises
        ------
        InputError
            If a share is not positive or nothing is left for the outside option.
        """
        names = product_names(products)
        share = per_product(shares, names, "Share")
        if share.min() <= 0:
            raise InputError(
                f"Share of product {names[int(share.argmin())]!r} must be positive; leave a product"
                " that sells nothing out."
            )
        left = 1.0 - share.sum()
        if left <= 0:
            raise InputError(
                f"Shares add up to {share.sum():g}; they must leave something for the outside"
                " option. Divide by a larger market."
            )
        price = per_product(prices, names, "Price")
        alpha = positive(price_coefficient, "The price coefficient of demand")
        quality = np.log(share / left) + alpha * price
        shape = cls(names, quality, alpha, nests, sigma, market_size=market_size)  # type: ignore[arg-type]
        if sigma:
            inside = np.bincount(shape.nest_of, share)
            quality = quality - sigma * np.log(share / inside[shape.nest_of])
        return cls(names, quality, alpha, nests, sigma, market_size=market_size)  # type: ignore[arg-type]

    @cached_property
    def nest_names(self) -> tuple[str, ...]:
        """Names of the nests, length G, in order of appearance; one nest for the plain logit."""
        return ("all",) if self.nests is None else tuple(dict.fromkeys(self.nests))

    @cached_property
    def nest_of(self) -> IntArray:
        """Position of every product's nest, [J]."""
        if self.nests is None:
            return np.zeros(len(self.products), dtype=np.int64)
        position = {name: at for at, name in enumerate(self.nest_names)}
        return np.array([position[nest] for nest in self.nests], dtype=np.int64)

    @cached_property
    def nest_sigma(self) -> FloatArray:
        """Sigma of every nest, [G]."""
        if isinstance(self.sigma, Mapping):
            return np.array([self.sigma[name] for name in self.nest_names], dtype=float)
        return np.full(len(self.nest_names), float(self.sigma))

    @cached_property
    def _grouped(self) -> tuple[IntArray, IntArray, IntArray]:
        """Products ordered by nest, where each nest begins, and the way back."""
        order = np.argsort(self.nest_of, kind="stable")
        first = np.searchsorted(self.nest_of[order], np.arange(len(self.nest_names)))
        return order, first, np.argsort(order, kind="stable")

    def _parts(self, prices: npt.ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return shares within the nest [..., J], shares of nests [..., G], log of the total [...].

        Everything in logarithms, so that no price or quality overflows.
        """
        price = price_rows(prices, self.products)
        order, first, back = self._grouped
        nest = self.nest_of[order]
        free = 1.0 - self.nest_sigma
        utility = (self.quality - self.price_coefficient * price)[..., order] / free[nest]
        top = np.maximum.reduceat(utility, first, axis=-1)
        weight = np.exp(utility - top[..., nest])
        total = np.add.reduceat(weight, first, axis=-1)
        within = (weight / total[..., nest])[..., back]
        inclusive = free * (top + np.log(total))
        highest = inclusive.max(axis=-1)
        if self.outside:
            highest = np.maximum(highest, 0.0)
        nests = np.exp(inclusive - highest[..., None])
        every = nests.sum(axis=-1) + (np.exp(-highest) if self.outside else 0.0)
        return within, nests / every[..., None], highest + np.log(every)

    def shares(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the shares of all consumers, [..., J], at prices [..., J]."""
        within, nests, _ = self._parts(prices)
        return within * nests[..., self.nest_of]

    def within_shares(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the shares within each product's nest, [..., J]."""
        return self._parts(prices)[0]

    def outside_share(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the share of consumers who buy nothing, [...]."""
        log_total = self._parts(prices)[2]
        return np.exp(-log_total) if self.outside else np.zeros_like(log_total)

    def quantities(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the quantities sold, [..., J]: market size times shares."""
        return self.market_size * self.shares(prices)

    def consumer_surplus(self, prices: npt.ArrayLike) -> FloatArray:
        r"""Return :math:`M \ln(1 + \sum_g D_g^{1-\sigma_g}) / \alpha`, [...], currency units.

        Against buying nothing; without an outside option, up to a constant.
        """
        return self.market_size / self.price_coefficient * self._parts(prices)[2]

    def jacobian(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the derivative of quantity k by price j, [J, J], at ``[k, j]``.

        Solvers and certificates do without it: :meth:`owner_gradient` takes J operations.
        """
        within, nests, _ = self._parts(prices)
        share = within * nests[self.nest_of]
        sigma = self.nest_sigma[self.nest_of]
        same = self.nest_of[:, None] == self.nest_of[None, :]
        inner = np.eye(len(share)) - np.where(same, sigma * within[:, None], 0.0)
        matrix: FloatArray = inner / (1.0 - sigma) - share[:, None]
        return -self.market_size * self.price_coefficient * matrix * share

    def owner_gradient(
        self, prices: npt.ArrayLike, margins: npt.ArrayLike, owners: IntArray
    ) -> FloatArray:
        """Return, for every price j, the owner's sum of margin k x d q_k / d p_j, [J].

        In J operations and J numbers of memory.
        """
        within, nests, _ = self._parts(prices)
        share = within * nests[self.nest_of]
        margin = np.asarray(margins, dtype=float)
        sigma = self.nest_sigma[self.nest_of]
        pair = owners * len(self.nest_names) + self.nest_of
        _, place = np.unique(pair, return_inverse=True)
        nest_mean = np.bincount(place, margin * within)[place]
        mean = np.bincount(owners, margin * share)[owners]
        inner = (margin - sigma * nest_mean) / (1.0 - sigma) - mean
        gradient: FloatArray = -self.market_size * self.price_coefficient * share * inner
        return gradient

    def choke_price(
        self,
        product: int,  # noqa: ARG002
        prices: FloatArray,  # noqa: ARG002
        withdrawn: Sequence[int] = (),  # noqa: ARG002
    ) -> float:
        """Return infinity: under logit every product sells a little at any price."""
        return float("inf")
