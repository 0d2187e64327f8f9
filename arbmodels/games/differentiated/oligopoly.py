"""Firms that sell differentiated products: what they earn at any prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from arbmodels._checks import FloatArray, is_label, labels_of
from arbmodels.display import Displayed, TextTable, first, number, summary
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.differentiated.demand import Demand, IntArray, per_product, price_rows

#: What a demand must have.
_ASKED = ("products", "quantities", "shares", "jacobian", "owner_gradient", "choke_price")


@dataclass(frozen=True, eq=False, repr=False)
class Oligopoly(Displayed):
    """Demand, costs, owners and taxes, and the profits that they make.

    Parameters and errors are those of :class:`arbmodels.games.DifferentiatedGame`, which solves it.
    """

    demand: Demand
    costs: FloatArray
    owners: tuple[str, ...] | None = None
    unit_tax: FloatArray | float = 0.0
    ad_valorem_tax: FloatArray | float = 0.0
    fixed: Mapping[str, float] = field(default_factory=dict)
    leader: str | None = None
    name: str = "Differentiated Bertrand game"
    currency: str = "USD"

    def __post_init__(self) -> None:  # noqa: PLR0912  # one check after the other
        if isinstance(self.demand, type) or not all(hasattr(self.demand, x) for x in _ASKED):
            raise InputError(f"demand must be a demand, such as LogitDemand, not {self.demand!r}.")
        inputs.text("name", self.name)
        inputs.text("currency", self.currency)
        products = self.demand.products
        owners = products
        if self.owners is not None:
            owners = labels_of(inputs.listed(self.owners, "owners"), "owners")
        if len(owners) != len(products):
            raise InputError(f"{len(owners)} owners for {len(products)} products; name one each.")
        for product, owner in zip(products, owners, strict=True):
            if not is_label(owner):
                raise InputError(f"The owner of product {product!r} has no name.")
        object.__setattr__(self, "owners", owners)
        for attribute, what in (("costs", "Marginal cost"), ("unit_tax", "Unit tax")):
            # Costs implied by prices may be negative: flagged, not refused.
            least = -np.inf if attribute == "costs" else 0.0
            values = per_product(getattr(self, attribute), products, what, least=least)
            object.__setattr__(self, attribute, values)
        tax = per_product(self.ad_valorem_tax, products, "Ad valorem tax", least=0.0)
        if tax.max() >= 1:
            raise InputError(
                f"Ad valorem tax of product {products[int(tax.argmax())]!r} must be below 1, not"
                f" {tax.max():g}."
            )
        object.__setattr__(self, "ad_valorem_tax", tax)
        for firm, own in zip(self.firms, self.products_of, strict=True):
            if len(set(tax[own].tolist())) > 1:
                raise InputError(
                    f"Firm {firm!r} pays different ad valorem taxes on its products; one rate per"
                    " firm is supported."
                )
        if not isinstance(self.fixed, Mapping):
            raise InputError(f"fixed names products and their prices, not {self.fixed!r}.")
        fixed = {str(product): price for product, price in self.fixed.items()}
        for product, price in fixed.items():
            if product not in products:
                raise InputError(f"No product {product!r} to fix the price of.")
            fixed[product] = inputs.number(price, f"The fixed price of {product!r}")
        object.__setattr__(self, "fixed", fixed)
        if self.leader is not None and not (
            isinstance(self.leader, str) and self.leader in self.firms
        ):
            raise InputError(f"No firm {self.leader!r} to lead; there are {', '.join(self.firms)}.")

    def table(self) -> TextTable:
        """Return the first products with firm and cost, and the demand."""
        rows, note = first(
            [
                (product, str(firm), number(cost))
                for product, firm, cost in zip(
                    self.products, self.owners or (), self.costs, strict=True
                )
            ],
            "products",
        )
        note += f" Demand: {type(self.demand).__name__}."
        if self.fixed:
            note += f" Prices given: {summary(self.fixed)}."
        if self.leader:
            note += f" {self.leader} prices first."
        return TextTable(
            f"{self.name}: {len(self.products):,} products of {len(self.firms):,} firms",
            ("product", "firm", f"cost [{self.currency}]"),
            rows,
            note.lstrip(),
        )

    @property
    def products(self) -> tuple[str, ...]:
        """Names of the products, length J."""
        return self.demand.products

    @cached_property
    def players(self) -> tuple[str, ...]:
        """Names of the firms, as every game has them."""
        return self.firms

    @property
    def firms(self) -> tuple[str, ...]:
        """Names of the firms, length F, in order of appearance."""
        return tuple(dict.fromkeys(self.owners or ()))

    @cached_property
    def owner_of(self) -> IntArray:
        """Position of every product's firm, [J]."""
        position = {name: at for at, name in enumerate(self.firms)}
        return np.array([position[owner] for owner in self.owners or ()], dtype=np.int64)

    @cached_property
    def products_of(self) -> tuple[IntArray, ...]:
        """Positions of every firm's products."""
        order = np.argsort(self.owner_of, kind="stable")
        ends = np.cumsum(np.bincount(self.owner_of))
        return tuple(np.split(order, ends[:-1]))

    @cached_property
    def keeps(self) -> FloatArray:
        """What the firm keeps of a currency unit of the price, [J]: one less ad valorem tax."""
        return 1.0 - np.asarray(self.ad_valorem_tax)

    @cached_property
    def effective_costs(self) -> FloatArray:
        """Price at which a product earns nothing, [J]: (cost + unit tax) / (1 - ad valorem tax)."""
        effective: FloatArray = (self.costs + np.asarray(self.unit_tax)) / self.keeps
        return effective

    @cached_property
    def is_fixed(self) -> npt.NDArray[np.bool_]:
        """Which prices are given, [J]."""
        return np.array([product in self.fixed for product in self.products])

    def margins(self, prices: npt.ArrayLike) -> FloatArray:
        """Return what the firm earns per unit sold, [..., J], after taxes and cost."""
        return self.keeps * (price_rows(prices, self.products) - self.effective_costs)

    def product_profits(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the profit from every product, [..., J], at prices [..., J]."""
        return self.margins(prices) * self.demand.quantities(prices)

    def profits(self, prices: npt.ArrayLike) -> FloatArray:
        """Return every firm's profit, [..., F], at prices [..., J]."""
        by_product = self.product_profits(prices)
        out = np.empty((*by_product.shape[:-1], len(self.firms)))
        for firm, own in enumerate(self.products_of):
            out[..., firm] = by_product[..., own].sum(axis=-1)
        return out

    def marginal_profits(self, prices: npt.ArrayLike) -> FloatArray:
        r"""Return the derivative of its owner's profit by every price, [J], at any prices.

        :math:`(1 - \tau_j) q_j + \sum_{k \in f} m_k \, \partial q_k / \partial p_j`: zero at an
        interior equilibrium. Small values prove nothing: far out, where nothing is sold, they
        vanish too. The certificate is :meth:`certify`.
        """
        price = price_rows(prices, self.products)
        own = self.keeps * self.demand.quantities(price)
        gradient: FloatArray = own + self.demand.owner_gradient(
            price, self.margins(price), self.owner_of
        )
        return gradient


@dataclass(frozen=True, eq=False)
class Found:
    """What a solver found from one start.

    Parameters
    ----------
    prices : float array [J]
    found_by : str
    trace : sequence of float
        Largest relative change of a price, per iteration.
    converged : bool
    evaluations : int, optional
        In place of the iterations, where there is no trace.
    """

    prices: FloatArray
    found_by: str
    trace: Sequence[float]
    converged: bool
    evaluations: int = 0
