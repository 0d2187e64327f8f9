"""Price competition between firms with any number of differentiated products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from arbmodels.checks import FloatArray, is_label, labels_of
from arbmodels.display import model_colour, model_label, new_axes
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.deviations import Deviations
from arbmodels.games.smooth.demand import Demand, IntArray, per_product, price_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from arbmodels.games.smooth.result import SmoothEquilibrium

#: What a demand must have.
_ASKED = ("products", "quantities", "shares", "jacobian", "owner_gradient", "choke_price")


@dataclass(frozen=True, eq=False)
class SmoothGame:
    r"""Firms set the prices of their products; a demand says what consumers buy.

    Firm f earns :math:`\sum_{j \in f} [(1 - \tau_j) p_j - t_j - c_j] q_j(p)`.

    Parameters
    ----------
    demand : Demand
        :class:`LogitDemand`, :class:`LinearDemand` or :class:`VerticalDemand`, J products.
    costs : float or float array [J]
        Marginal costs :math:`c_j`, currency units per unit sold. They may be negative, as those
        that prices imply sometimes are: the equilibrium's ``flags`` say so.
    owners : sequence of str, length J, optional
        The firm of every product; by default every product is a firm of its own.
    unit_tax : float or float array [J]
        :math:`t_j \ge 0`, paid per unit sold.
    ad_valorem_tax : float or float array [J]
        :math:`\tau_j` in [0, 1), the part of the price that goes to the state; the same for all
        products of one firm.
    fixed : mapping of str to float
        Products whose price is given, and that price; their owners earn but do not choose it.
    leader : str, optional
        A firm that prices first and knows how the others will respond (Stackelberg).
    name, currency : str

    Raises
    ------
    InputError
        Naming the product or firm that cannot be.

    Examples
    --------
    >>> from arbmodels.games.smooth import LogitDemand
    >>> game = SmoothGame(LogitDemand(["a", "b"], [1.0, 1.0], 1.0), [1.0, 1.0])
    >>> equilibrium = game.solve()
    >>> equilibrium.prices.round(4).tolist(), equilibrium.epsilon < 1e-12
    ([2.2268, 2.2268], True)
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

    @property
    def products(self) -> tuple[str, ...]:
        """Names of the products, length J."""
        return self.demand.products

    @cached_property
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

    def solve(
        self, *, starts: int = 4, seed: int = 0, tolerance: float = 1e-12, limit: int = 1_000
    ) -> SmoothEquilibrium:
        """Return a price equilibrium, with the certificate of :meth:`certify`.

        Parameters
        ----------
        starts : int
            From how many prices to look; other equilibria found are in ``others``.
        seed : int
            Of the starts after the second.
        tolerance : float
            Relative change of prices at which the iteration stops.
        limit : int
            Iterations per start; the result says so if they did not suffice.

        Returns
        -------
        SmoothEquilibrium

        Raises
        ------
        InputError
            If no price is too high for some firm, so that there is no equilibrium.
        """
        from arbmodels.games.smooth.solve import solve

        return solve(self, starts=starts, seed=seed, tolerance=tolerance, limit=limit)

    def certify(self, prices: npt.ArrayLike, resolution: int = 200) -> Deviations:
        """Measure what every firm could gain by other prices, whoever proposed these.

        Parameters
        ----------
        prices : float array [J]
        resolution : int
            Deviations tried per firm before the best ones are refined.

        Returns
        -------
        Deviations
            Of the true profits; with a leader, the leader's deviations are answered by the others.
        """
        from arbmodels.games.smooth.certify import certify

        return certify(self, prices, resolution)

    def best_response(self, firm: str, prices: npt.ArrayLike) -> FloatArray:
        """Return prices [J] with the firm's replaced by its best ones, the others' kept."""
        from arbmodels.games.smooth.certify import best_responses

        if not isinstance(firm, str) or firm not in self.firms:
            raise InputError(f"No firm {firm!r}; there are {', '.join(self.firms)}.")
        at = self.firms.index(firm)
        price = price_rows(prices, self.products)
        if price.ndim != 1:
            raise InputError("Best responses are to one price vector at a time.")
        best: FloatArray = best_responses(self, price, firms=[at])[0][0]
        return best

    def plot_best_responses(
        self,
        equilibrium: SmoothEquilibrium,
        firms: Sequence[str] | None = None,
        axes: Axes | None = None,
    ) -> Axes:
        """Draw two firms' best prices against each other, the rest at the equilibrium.

        Parameters
        ----------
        equilibrium : SmoothEquilibrium
        firms : two names, optional
            With one product each; the first two such firms by default.
        axes : Axes, optional
        """
        from arbmodels.games.smooth.certify import best_responses

        single = [
            firm
            for firm, own in zip(self.firms, self.products_of, strict=True)
            if len(own) == 1 and not self.is_fixed[own[0]]
        ]
        chosen = list(single[:2] if firms is None else firms)
        if len(chosen) != 2 or any(firm not in single for firm in chosen) or len(set(chosen)) < 2:
            raise InputError(
                "Best responses are drawn for two firms that price one product each; there are"
                f" {', '.join(single) or 'none'}."
            )
        axes = new_axes(4.6, 4.2) if axes is None else axes
        at = [self.firms.index(firm) for firm in chosen]
        product = [int(self.products_of[firm][0]) for firm in at]
        centre = equilibrium.prices[product]
        cost = self.effective_costs[product]
        for own, rival in ((0, 1), (1, 0)):
            rivals = np.linspace(cost[rival], 2 * centre[rival] - cost[rival] + 1e-9, 41)
            best = []
            for price in rivals:
                row = equilibrium.prices.copy()
                row[product[rival]] = price
                best.append(best_responses(self, row, firms=[at[own]])[0][0, product[own]])
            points = (best, rivals) if own == 0 else (rivals, best)
            axes.plot(
                *points,
                color=model_colour(chosen[own], chosen),
                label=f"Best price of {model_label(chosen[own])}",
            )
        axes.plot(*centre, "o", color="black", label="Equilibrium")
        axes.set_xlabel(f"Price of {model_label(chosen[0])} ({self.currency})")
        axes.set_ylabel(f"Price of {model_label(chosen[1])} ({self.currency})")
        axes.set_title("Best responses")
        axes.legend(frameon=False)
        return axes
