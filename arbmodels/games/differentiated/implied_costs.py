"""The marginal costs that make observed prices an equilibrium."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arbmodels._checks import FloatArray
from arbmodels._pandas import pd
from arbmodels.display import Displayed, TextTable, number, percent
from arbmodels.errors import InputError
from arbmodels.games.differentiated.demand import Demand, price_rows
from arbmodels.games.differentiated.game import DifferentiatedGame
from arbmodels.games.differentiated.logit import LogitDemand


@dataclass(frozen=True, eq=False, repr=False)
class ImpliedCosts(Displayed):
    """Marginal costs inverted from prices by first-order conditions.

    Made by :func:`implied_costs`.

    Parameters
    ----------
    demand : Demand
    prices, markups, costs : float array [J], currency units
        ``costs`` may be negative: then no cost that a firm can have explains the price.
    owners : sequence of str, length J
    unit_tax, ad_valorem_tax : float array [J]
    currency : str
    """

    demand: Demand
    prices: FloatArray
    markups: FloatArray
    costs: FloatArray
    owners: tuple[str, ...]
    unit_tax: FloatArray
    ad_valorem_tax: FloatArray
    currency: str = "USD"

    @property
    def negative(self) -> dict[str, float]:
        """Products whose implied cost is negative, and that cost."""
        return {
            product: float(cost)
            for product, cost in zip(self.demand.products, self.costs, strict=True)
            if cost < 0
        }

    @property
    def least_price_coefficient(self) -> float:
        r"""Smallest :math:`\alpha` for which no cost is negative, the shares being as they are.

        Markups are proportional to :math:`1/\alpha` at given shares.

        Raises
        ------
        InputError
            If demand is not logit.
        """
        if not isinstance(self.demand, LogitDemand):
            raise InputError("Only logit demand has a price coefficient.")
        keeps = 1.0 - self.ad_valorem_tax
        room = self.prices - self.unit_tax / keeps
        if room.min() <= 0:
            at = int(room.argmin())
            raise InputError(
                f"Taxes on product {self.demand.products[at]!r} exceed its price: its cost is"
                " negative for every price coefficient."
            )
        return float(self.demand.price_coefficient * (self.markups / room).max())

    def game(self, name: str = "Calibrated game") -> DifferentiatedGame:
        """Return the game of which the prices satisfy every first-order condition.

        Negative costs go with it, so that mergers can be simulated; results flag them. A larger
        price coefficient (less market power) makes them positive, see
        :attr:`least_price_coefficient`.
        """
        return DifferentiatedGame(
            self.demand,
            self.costs,
            self.owners,
            self.unit_tax,
            self.ad_valorem_tax,
            name=name,
            currency=self.currency,
        )

    def to_frame(self) -> pd.DataFrame:
        """Return a row per product: firm, price, markup, cost, cost_share (of the price)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(self.prices != 0, self.costs / self.prices, np.nan)
        return pd.DataFrame(
            {
                "product": list(self.demand.products),
                "firm": list(self.owners),
                "price": self.prices,
                "markup": self.markups,
                "cost": self.costs,
                "cost_share": share,
            }
        )

    def table(self) -> TextTable:
        """Return price, markup and cost of every product."""
        rows = [
            (
                str(row["product"]),
                str(row["firm"]),
                number(row["price"]),
                number(row["markup"]),
                number(row["cost"]),
                percent(row["cost_share"]),
            )
            for row in self.to_frame().to_dict("records")
        ]
        unit = self.currency
        return TextTable(
            "Marginal costs that make the prices an equilibrium",
            (
                "product",
                "firm",
                f"price [{unit}]",
                f"markup [{unit}]",
                f"cost [{unit}]",
                "of price",
            ),
            rows,
            "Exact inversion of first-order conditions; given the demand, there is no other."
            + f"\nNegative, which no cost is: {', '.join(self.negative)}." * bool(self.negative),
        )


def implied_costs(
    demand: Demand,
    prices: npt.ArrayLike,
    owners: Sequence[str] | None = None,
    *,
    unit_tax: npt.ArrayLike = 0.0,
    ad_valorem_tax: npt.ArrayLike = 0.0,
    currency: str = "USD",
) -> ImpliedCosts:
    r"""Return the marginal costs at which prices satisfy every first-order condition.

    Under logit with :math:`S_{fg}` the firm's share within nest g,

    .. math:: X_f = \frac{k_f}{\alpha (1 - k_f)}, \quad
              k_f = \sum_g \frac{s_{fg} (1 - \sigma_g)}{1 - \sigma_g S_{fg}}, \quad
              p_j - c_j = \frac{(1 - \sigma_g)(1/\alpha + X_f)}{1 - \sigma_g S_{fg}};

    under other demands a linear system per firm.

    Parameters
    ----------
    demand : Demand
        J products.
    prices : float array [J]
        Observed.
    owners : sequence of str, length J, optional
        As for :class:`DifferentiatedGame`.
    unit_tax, ad_valorem_tax : float or float array [J]
    currency : str

    Returns
    -------
    ImpliedCosts
        ``negative`` names the products for which no cost would do.

    Raises
    ------
    InputError
        If a product sells nothing: its price says nothing about its cost.

    References
    ----------
    Berry, Levinsohn, Pakes, *Automobile prices in market equilibrium*, Econometrica 63 (1995),
    equation 3.5.

    Examples
    --------
    >>> demand = LogitDemand(["a", "b"], [1.0, 1.0], 1.0)
    >>> implied_costs(demand, [2.2268, 2.2268]).costs.round(3).tolist()
    [1.0, 1.0]
    """
    # Costs of zero stand in: only owners and taxes are used before the costs are known.
    game = DifferentiatedGame(
        demand,
        0.0,  # type: ignore[arg-type]  # one number for all
        owners,  # type: ignore[arg-type]
        unit_tax,  # type: ignore[arg-type]
        ad_valorem_tax,  # type: ignore[arg-type]
    )
    price = price_rows(prices, game.products)
    sold = demand.quantities(price)
    if price.ndim != 1 or sold.min() <= 0:
        raise InputError(
            f"Product {game.products[int(np.argmin(sold)) % len(game.products)]!r} sells nothing at"
            " these prices, so its price says nothing about its cost. Leave it out."
        )
    if isinstance(demand, LogitDemand):
        markup = _logit_markups(game, demand, price)
    else:
        same = game.owner_of[:, None] == game.owner_of[None, :]
        system = np.where(same, demand.jacobian(price), 0.0).T
        markup = np.linalg.solve(system, -sold).astype(float)
    costs = game.keeps * (price - markup) - np.asarray(game.unit_tax)
    return ImpliedCosts(
        demand,
        price,
        markup,
        costs,
        game.owners or (),
        np.asarray(game.unit_tax),
        np.asarray(game.ad_valorem_tax),
        currency,
    )


def _logit_markups(game: DifferentiatedGame, demand: LogitDemand, price: FloatArray) -> FloatArray:
    share, within = demand.shares(price), demand.within_shares(price)
    key = game.owner_of * len(demand.nest_names) + demand.nest_of
    unique, pair = np.unique(key, return_inverse=True)
    firm, nest = unique // len(demand.nest_names), unique % len(demand.nest_names)
    sigma = demand.nest_sigma[nest]
    ratio = (1.0 - sigma) / (1.0 - sigma * np.bincount(pair, within))
    part = np.bincount(firm, ratio * np.bincount(pair, share), len(game.firms))
    if part.max() >= 1:
        raise InputError(
            f"Firm {game.firms[int(part.argmax())]!r} sells to everybody and nobody may leave: no"
            " cost explains its prices. Let consumers buy nothing (outside=True)."
        )
    level = 1.0 / (demand.price_coefficient * (1.0 - part))
    markup: FloatArray = (ratio * level[firm])[pair]
    return markup
