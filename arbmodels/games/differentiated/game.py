"""Price competition between firms with any number of differentiated products.

A price equilibrium of such a game, with its certificate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from arbmodels._checks import FloatArray
from arbmodels._pandas import pd
from arbmodels.display import (
    TextTable,
    model_color,
    new_axes,
    number,
    percent,
)
from arbmodels.errors import InputError
from arbmodels.games.certificate import Deviations
from arbmodels.games.differentiated.demand import price_rows
from arbmodels.games.differentiated.oligopoly import Found, Oligopoly
from arbmodels.games.differentiated.solve import best_responses, certify, equilibria
from arbmodels.games.equilibrium import Equilibrium

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class DifferentiatedGame(Oligopoly):
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

    References
    ----------
    Berry, Levinsohn, Pakes, *Automobile prices in market equilibrium*, Econometrica 63 (1995).

    Anderson, de Palma, Thisse, *Discrete choice theory of product differentiation*, MIT Press
    (1992).

    Examples
    --------
    >>> from arbmodels.games.differentiated import LogitDemand
    >>> game = DifferentiatedGame(LogitDemand(["a", "b"], [1.0, 1.0], 1.0), [1.0, 1.0])
    >>> equilibrium = game.solve()
    >>> equilibrium.prices.round(4).tolist(), equilibrium.epsilon < 1e-12
    ([2.2268, 2.2268], True)
    """

    def solve(
        self, *, starts: int = 4, seed: int = 0, tolerance: float = 1e-12, limit: int = 1_000
    ) -> DifferentiatedEquilibrium:
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
        DifferentiatedEquilibrium

        Raises
        ------
        InputError
            If no price is too high for some firm, so that there is no equilibrium.
        """
        best, deviations, others = equilibria(
            self, starts=starts, seed=seed, tolerance=tolerance, limit=limit
        )
        return DifferentiatedEquilibrium.at(self, best, deviations, others)

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
        return certify(self, prices, resolution)

    def best_response(self, firm: str, prices: npt.ArrayLike) -> FloatArray:
        """Return prices [J] with the firm's replaced by its best ones, the others' kept."""
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
        equilibrium: DifferentiatedEquilibrium,
        firms: Sequence[str] | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw two firms' best prices against each other, the rest at the equilibrium.

        Parameters
        ----------
        equilibrium : DifferentiatedEquilibrium
        firms : two names, optional
            With one product each; the first two such firms by default.
        ax : Axes, optional
        """
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
        ax = new_axes(4.6, 4.2) if ax is None else ax
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
            ax.plot(
                *points,
                color=model_color(chosen[own], chosen),
                label=f"Best price of {chosen[own]}",
            )
        ax.plot(*centre, "o", color="black", label="Equilibrium")
        ax.set_xlabel(f"Price of {chosen[0]} ({self.currency})")
        ax.set_ylabel(f"Price of {chosen[1]} ({self.currency})")
        ax.set_title("Best responses")
        ax.legend(frameon=False)
        return ax


#: A product below this share of what is sold is in the flat tail of demand.
_TAIL = 1e-9
#: A price above so many times its cost is worth a word.
_HUGE = 1_000.0
#: Products shown in a table.
_SHOWN = 20


@dataclass(frozen=True, eq=False, repr=False)
class DifferentiatedEquilibrium(Equilibrium):
    """Prices from which no firm gains more than epsilon by moving.

    Made by :meth:`DifferentiatedGame.solve`. J products, F firms; money in the game's currency.

    Parameters
    ----------
    game : DifferentiatedGame
    prices, quantities, shares : float array [J]
    profits : float array [F]
    deviations : Deviations
        The certificate: largest gain of every firm.
    found_by : str
    iterations : int
    trace : float array [iterations]
        Largest relative change of a price per iteration.
    converged : bool
        Whether the iteration came to rest; epsilon holds either way.
    others : tuple of float arrays [J]
        Prices of other equilibria, found from other starts and certified to 1e-6 of profit.
    flags : tuple of str
        What deserves a second look: tails without demand, prices below cost or far above it.
    kind : "pure"
    """

    game: DifferentiatedGame
    prices: FloatArray
    quantities: FloatArray
    shares: FloatArray
    profits: FloatArray
    deviations: Deviations
    found_by: str
    iterations: int
    trace: FloatArray
    converged: bool
    others: tuple[FloatArray, ...]
    flags: tuple[str, ...]
    kind: Literal["pure"] = "pure"

    @classmethod
    def at(
        cls,
        game: DifferentiatedGame,
        found: Found,
        deviations: Deviations,
        others: tuple[FloatArray, ...] = (),
    ) -> DifferentiatedEquilibrium:
        """Return the equilibrium at prices that a solver found."""
        flags = flags_at(game, found.prices)
        if not found.converged:
            unsettled = (
                f"no convergence in {len(found.trace)} iterations; of all that the starts led to,"
                " these prices have the least epsilon"
            )
            flags = (unsettled, *flags)
        return cls(
            game,
            found.prices,
            game.demand.quantities(found.prices),
            game.demand.shares(found.prices),
            deviations.profit,
            deviations,
            found.found_by,
            len(found.trace) or found.evaluations,
            np.array(found.trace, dtype=float),
            found.converged,
            others,
            flags,
        )

    @property
    def markups(self) -> FloatArray:
        """Price less what makes the product earn nothing (cost and taxes), [J]."""
        return self.prices - self.game.effective_costs

    @property
    def consumer_surplus(self) -> float:
        """Consumer surplus, as the demand defines it."""
        return float(self.game.demand.consumer_surplus(self.prices))

    @property
    def tax_revenue(self) -> float:
        """Taxes paid by all firms."""
        taken = np.asarray(self.game.ad_valorem_tax) * self.prices + np.asarray(self.game.unit_tax)
        return float(taken @ self.quantities)

    @property
    def welfare(self) -> float:
        """Consumer surplus, profits and taxes."""
        return self.consumer_surplus + float(self.profits.sum()) + self.tax_revenue

    @property
    def herfindahl(self) -> float:
        """Sum of squared shares of firms in what is sold, between 0 and 1; NaN if nothing is."""
        sold = np.bincount(self.game.owner_of, self.quantities, len(self.game.firms))
        total = sold.sum()
        return float(((sold / total) ** 2).sum()) if total > 0 else float("nan")

    def to_frame(self) -> pd.DataFrame:
        """Return a row per product: firm, cost, price, markup, quantity, share, profit."""
        game = self.game
        return pd.DataFrame(
            {
                "product": list(game.products),
                "firm": list(game.owners or ()),
                "cost": game.costs,
                "price": self.prices,
                "markup": self.markups,
                "quantity": self.quantities,
                "share": self.shares,
                "profit": game.product_profits(self.prices),
                "fixed": game.is_fixed,
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            "kind": self.kind,
            "game": self.game.name,
            "unit": self.game.currency,
            "epsilon": self.epsilon,
            "products": self.to_frame().to_dict("records"),
            "profits": dict(zip(self.players, self.profits.tolist(), strict=True)),
            "certificate": self.deviations.to_dict(),
            "found_by": self.found_by,
            "iterations": self.iterations,
            "converged": self.converged,
            "others": [prices.tolist() for prices in self.others],
            "flags": list(self.flags),
        }

    def table(self) -> TextTable:
        """Return epsilon, then the twenty products that sell most."""
        unit = self.game.currency
        frame = self.to_frame()
        shown = frame.sort_values("quantity", ascending=False, kind="stable").head(_SHOWN)
        gains = dict(zip(self.players, self.deviations.gain, strict=True))
        rows = [
            (
                str(row["product"]),
                str(row["firm"]),
                number(row["price"]) + (" (fixed)" if row["fixed"] else ""),
                number(row["markup"]),
                percent(row["share"], 2),
                number(row["profit"]),
                number(gains[row["firm"]]),
            )
            for row in shown.to_dict("records")
        ]
        notes = [
            self.deviations.words,
            f"Found by {self.found_by}; {self.iterations} iterations."
            + f" Other equilibria found: {len(self.others)}." * bool(self.others),
            *(f"Look at: {flag}." for flag in self.flags[:5]),
        ]
        if len(self.flags) > 5:
            notes.append(f"Look at: {len(self.flags) - 5} more, see flags.")
        if len(frame) > _SHOWN:
            notes.append(f"{len(frame) - _SHOWN} more products, see to_frame().")
        relative = self.relative_epsilon
        part = f" ({percent(relative, 3)} of profit)" if relative <= 1 else ""
        return TextTable(
            f"epsilon = {number(self.epsilon)} {unit}{part}: {self.kind} equilibrium of"
            f" {self.game.name}",
            (
                "product",
                "firm",
                f"price [{unit}]",
                f"markup [{unit}]",
                "share",
                f"profit [{unit}]",
                f"firm's gain [{unit}]",
            ),
            rows,
            "\n".join(notes),
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the prices against the costs of the products (with taxes)."""
        ax = new_axes() if ax is None else ax
        cost = self.game.effective_costs
        ends = np.array([0.0, max(float(cost.max()), float(self.prices.max())) * 1.05])
        size = 6 + 200 * self.shares / max(float(self.shares.max()), 1e-300)
        ax.plot(ends, ends, color="black", lw=1, ls="--", label="Price = cost")
        ax.scatter(cost, self.prices, s=size, alpha=0.7, label="Products (area: share)")
        if len(cost) <= 10:
            for name, x, y in zip(self.game.products, cost, self.prices, strict=True):
                ax.annotate(name, (x, y), xytext=(7, 5), textcoords="offset points", fontsize=8)
        ax.set_xlabel(f"Marginal cost and taxes ({self.game.currency})")
        ax.set_ylabel(f"Price ({self.game.currency})")
        ax.set_title(self.game.name)
        ax.legend(frameon=False)
        return ax

    def _progress(self) -> tuple[FloatArray, FloatArray, str, str]:
        steps = np.arange(1.0, 1.0 + len(self.trace))
        return steps, self.trace, "Iterations", "Largest relative change of a price"

    def plot_best_responses(
        self, firms: Sequence[str] | None = None, ax: Axes | None = None
    ) -> Axes:
        """Draw two firms' best prices against each other; see the game's method."""
        return self.game.plot_best_responses(self, firms, ax)


def flags_at(game: DifferentiatedGame, prices: FloatArray) -> tuple[str, ...]:
    """Return what deserves a second look at prices [J], a sentence each."""
    sold = game.demand.quantities(prices)
    total = float(sold.sum())
    costs = game.effective_costs
    flags = []
    for j, name in enumerate(game.products):
        price = f"{name} at {number(prices[j])} {game.currency}"
        if sold[j] <= _TAIL * total:
            flags.append(f"{price} sells {number(sold[j])}: first-order conditions say nothing")
        if game.costs[j] < 0:
            flags.append(f"{name} has a negative cost, {number(game.costs[j])} {game.currency}")
        if prices[j] < costs[j] - 1e-12 * abs(costs[j]):
            flags.append(f"{price} is below its cost {number(costs[j])}")
        elif costs[j] > 0 and prices[j] > _HUGE * costs[j]:
            flags.append(f"{price} is over {_HUGE:,.0f} times its cost")
    return tuple(flags)
