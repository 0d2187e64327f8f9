"""The price-free menu: the cascades that can be cheapest at some prices of the models.

For a solve rate u, cascade k buys E[k, m] dollars' worth of model m at list prices, in
expectation. At price multipliers w the arbitrage cost is V(w) = min_k sum_m w_m E[k, m], and the
purchases of the cheapest cascade are its gradient (Shephard's lemma). Which cascades can ever be
cheapest does not depend on the prices: they are found once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.display import Displayed, TextTable, model_label, number, percent
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.menu_proof import Proof
from arbmodels.passk import FloatArray

#: Two costs nearer than this (relative) are the same: sums along paths are rounded, by up to 1e-13
#: of some hundred terms.
SAME_COST = 1e-12
#: Ratios of two multipliers that the exact menu of two models covers.
PRICE_RATIO = 1e6
#: Multipliers of the search for more than two models lie between one over this and this.
PRICE_SPREAD = 20.0
_CELLS_AT_ONCE = 4_000_000


class Cheapest(NamedTuple):
    """The cheapest cascade at every price vector: cost [B], its position [B], purchases [B, M]."""

    cost: FloatArray
    cascade: npt.NDArray[np.int64]
    purchases: FloatArray


@dataclass(frozen=True, eq=False, repr=False)
class Menu(Displayed):
    r"""Cascades that reach one solve rate, enough of them to re-optimise at any prices.

    .. math:: V(w) = \min_k \sum_m w_m E_{km}

    Made by :func:`arbmodels.games.cascade_menus`, or, with a proof for every policy at chosen
    prices, by :func:`arbmodels.games.certified_menus`.

    Parameters
    ----------
    solve_rate : float
    models : sequence of str, length M
    expected : float array [K, M], currency units per instance
        Expected spend of each cascade on each model at list prices. What a cascade of one model
        costs is set to ``single`` where the two differ by rounding only.
    single : float array [M], currency units per instance
        Cost at list prices of each model alone; infinite where it does not reach the solve rate.
    exact : bool
        Whether the menu is the whole lower hull: no cascade on the lattice is cheaper at any
        prices whose ratio lies within ``PRICE_RATIO``.
    shortfall : float
        Largest relative excess of the menu's cost over the lattice's optimum that was seen at
        ``checked`` fresh price vectors, before what was missing there was added; 0 if exact.
    checked : int
    convention, currency : str
    proof : Proof or None
        Lower bounds on the cost of every policy, at price vectors that were certified.

    Examples
    --------
    >>> menu = Menu(0.7, ("a", "b"), [[2.0, 0.0], [0.5, 1.0]], [2.0, np.inf], True)
    >>> menu.cost([[1.0, 1.0], [1.0, 2.0]]).tolist()
    [1.5, 2.0]
    >>> menu.cheapest([1.0, 1.0]).purchases.tolist()
    [[0.5, 1.0]]
    """

    solve_rate: float
    models: tuple[str, ...]
    expected: FloatArray
    single: FloatArray
    exact: bool
    shortfall: float = 0.0
    checked: int = 0
    convention: str = ""
    currency: str = "USD"
    proof: Proof | None = None

    def __post_init__(self) -> None:
        inputs.number(self.solve_rate, "The solve rate of a menu", 0.0, 1.0)
        expected = inputs.numbers(self.expected, "The spends of a menu")
        single = inputs.numbers(self.single, "The cost of each model alone")
        models = inputs.names(self.models, "models")
        inputs.truth(self.exact, "exact")
        inputs.number(self.shortfall, "The shortfall of a menu", 0.0)
        inputs.whole(self.checked, "checked")
        inputs.text("convention", self.convention)
        inputs.text("currency", self.currency)
        if self.proof is not None:
            inputs.a(Proof, self.proof, "proof")
        if expected.ndim != 2 or not len(expected) or expected.shape[1:] != (len(models),):
            raise InputError(
                f"A menu of {len(models)} models needs one row of {len(models)} spends per"
                f" cascade, not an array of shape {expected.shape}."
            )
        if not np.all(np.isfinite(expected) & (expected >= 0)):
            raise InputError("The spends of a menu are finite numbers >= 0.")
        if single.shape != (len(models),) or np.isnan(single).any() or np.any(single < 0):
            raise InputError(
                f"Give the cost of each of the {len(models)} models alone, infinite where it"
                " does not reach the solve rate."
            )
        # A cascade of one model is that model alone, whatever the order of the two sums: else one
        # of them would undercut the other in a sliver of prices that is rounding.
        row, own = np.nonzero(expected)
        corner = (np.count_nonzero(expected, axis=1) == 1)[row]
        row, own = row[corner], own[corner]
        same = np.abs(expected[row, own] - single[own]) <= SAME_COST * single[own]
        same &= np.isfinite(single[own])
        expected[row[same], own[same]] = single[own[same]]
        for name, value in (("models", models), ("expected", expected), ("single", single)):
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            object.__setattr__(self, name, value)

    def cost(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the arbitrage cost V at every price vector.

        Parameters
        ----------
        prices : float array [B, M] or [M]
            Multipliers of the list prices.

        Returns
        -------
        float array [B], currency units per instance
        """
        return self.cheapest(prices).cost

    def cheapest(self, prices: npt.ArrayLike) -> Cheapest:
        """Return cost, cascade and purchases at every price vector.

        Purchases are valued at list prices: the gradient of V. Where two cascades cost the same,
        the first of the menu is taken.

        Parameters
        ----------
        prices : float array [B, M] or [M]

        Raises
        ------
        InputError
            If the prices have another number of models, or one is negative or not finite.
        """
        w = checked_prices(prices, len(self.models))
        rows = max(1, _CELLS_AT_ONCE // len(self.expected))
        position = np.concatenate(
            [
                np.argmin(w[start : start + rows] @ self.expected.T, axis=1)
                for start in range(0, len(w), rows)
            ]
        )
        bought = self.expected[position]
        return Cheapest((w * bought).sum(axis=1), position, bought)

    def direct(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the cost of every model alone at every price vector, [B, M]."""
        w = checked_prices(prices, len(self.models))
        reach = np.isfinite(self.single)
        return np.where(reach, w * np.where(reach, self.single, 0.0), np.inf)

    def bound(self, prices: npt.ArrayLike) -> FloatArray:
        """Return what no policy can undercut at every price vector, [B].

        Between the price vectors that were certified it follows from concavity, and is looser.

        Raises
        ------
        InputError
            If the menu has no proof, or as :meth:`cheapest`.
        """
        return self._proven.at(checked_prices(prices, len(self.models)))

    @property
    def gap(self) -> FloatArray:
        """Largest share of its cost that a better policy could save, at ``proof.prices``, [P].

        Raises
        ------
        InputError
            If the menu has no proof.
        """
        proof = self._proven
        return _gap(self.cost(proof.prices), proof.bound)

    def gap_at(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the same at any price vectors, by :meth:`bound`, [B]."""
        return _gap(self.cost(prices), self.bound(prices))

    @property
    def _proven(self) -> Proof:
        if self.proof is None:
            raise InputError(
                "This menu has no proven bounds; make it with certified_menus, at the price"
                " vectors that matter."
            )
        return self.proof

    @property
    def words(self) -> str:
        """What is proven about the menu."""
        if self.exact:
            return (
                "The whole lower hull: no cascade on the lattice is cheaper at any prices with"
                f" ratios up to {PRICE_RATIO:,.0f}."
            )
        if self.proof is not None:
            gap = self.gap
            vectors = "price vector" if len(gap) == 1 else "price vectors"
            return (
                f"Proven at {len(gap)} {vectors}: no policy is cheaper by more than"
                f" {percent(float(gap.max()), 2)} of the menu's cost"
                f" ({percent(float(gap.mean()), 2)} in the mean)."
            )
        return (
            "Found by a search over price vectors; at"
            f" {self.checked} others, with multipliers from {1 / PRICE_SPREAD:g} to"
            f" {PRICE_SPREAD:g}, its cost was at most {percent(self.shortfall, 3)} above the"
            " lattice's."
        )

    def to_frame(self) -> pd.DataFrame:
        """Return a row per cascade: the expected spend on each model at list prices."""
        return pd.DataFrame(
            self.expected, pd.RangeIndex(len(self.expected), name="cascade"), list(self.models)
        )

    def table(self) -> TextTable:
        """Return up to ten cascades, evenly spaced along the menu."""
        shown = np.unique(np.linspace(0, len(self.expected) - 1, 10).astype(int))
        unit = f"{self.currency}/instance"
        return TextTable(
            f"Menu at a solve rate of {percent(self.solve_rate, 2)}: {len(self.expected)}"
            f" cascades, expected spend at list prices [{unit}]",
            ("cascade", *map(model_label, self.models)),
            [(str(k), *(number(spend) for spend in self.expected[k])) for k in shown],
            f"{self.words}\n{self.convention}",
        )

    @cached_property
    def reach_alone(self) -> tuple[str, ...]:
        """Models that reach the solve rate without others."""
        return tuple(m for m, cost in zip(self.models, self.single, strict=True) if cost < np.inf)


def _gap(cost: FloatArray, bound: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(cost > 0, np.maximum(1.0 - bound / cost, 0.0), 0.0)


def checked_prices(prices: npt.ArrayLike, models: int) -> FloatArray:
    """Return price vectors as [B, models], or raise InputError."""
    w = np.atleast_2d(inputs.numbers(prices, "Price multipliers"))
    if w.ndim != 2 or w.shape[1] != models:
        raise InputError(
            f"Prices have shape {np.shape(prices)}; give one multiplier for each of the"
            f" {models} models, in rows for several price vectors."
        )
    if not np.all(np.isfinite(w) & (w >= 0)):
        raise InputError("Price multipliers are finite numbers >= 0.")
    return w


def menus_of(menus: Sequence[Menu]) -> tuple[Menu, ...]:
    """Return menus, at least one.

    Raises
    ------
    InputError
        If they are something else.
    """
    given = tuple(inputs.a(Menu, menu, "A menu") for menu in inputs.listed(menus, "menus"))
    if not given:
        raise InputError("Give at least one menu.")
    return given
