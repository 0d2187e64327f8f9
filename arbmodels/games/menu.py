"""The price-free menu: the cascades that can be cheapest at some prices of the models.

For a solve rate u, cascade k buys E[k, m] dollars' worth of model m at list prices, in
expectation. At price multipliers w the arbitrage cost is V(w) = min_k sum_m w_m E[k, m], and the
purchases of the cheapest cascade are its gradient (Shephard's lemma). Which cascades can ever be
cheapest does not depend on the prices: they are found once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.cascades.frontier import DEFAULT_STATES
from arbmodels.cascades.lattice import build_lattice, coarsen
from arbmodels.curves import SAME_RATE, Curves, dollar_curves
from arbmodels.display import Displayed, TextTable, model_label, number, percent
from arbmodels.errors import InputError
from arbmodels.games.repricing import Repricing
from arbmodels.market import Market
from arbmodels.passk import FloatArray

#: Two costs nearer than this (relative) are the same: sums along paths are rounded.
SAME_COST = 1e-12
#: Ratios of two multipliers that the exact menu of two models covers.
PRICE_RATIO = 1e6
#: Improvements on the menu's cost below this (relative) are rounding.
_NEW = 1e-11
#: Price vectors of a round of the search for more than two models, and most rounds.
_DRAWS = 192
_ROUNDS = 12
#: Multipliers of the search lie between one over this and this.
_SPREAD = 20.0
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

    Made by :func:`cascade_menus`.

    Parameters
    ----------
    solve_rate : float
    models : sequence of str, length M
    expected : float array [K, M], currency units per instance
        Expected spend of each cascade on each model at list prices.
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

    def __post_init__(self) -> None:
        expected, single = np.array(self.expected, float), np.array(self.single, float)
        models = tuple(self.models)
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

    @property
    def words(self) -> str:
        """What is proven about the menu."""
        if self.exact:
            return (
                "The whole lower hull: no cascade on the lattice is cheaper at any prices with"
                f" ratios up to {PRICE_RATIO:,.0f}."
            )
        return (
            "Found by a search over price vectors; at"
            f" {self.checked} others, with multipliers from {1 / _SPREAD:g} to {_SPREAD:g}, its"
            f" cost was at most {percent(self.shortfall, 3)} above the lattice's."
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


def checked_prices(prices: npt.ArrayLike, models: int) -> FloatArray:
    """Return price vectors as [B, models], or raise InputError."""
    w = np.atleast_2d(np.asarray(prices, dtype=float))
    if w.ndim != 2 or w.shape[1] != models:
        raise InputError(
            f"Prices have shape {np.shape(prices)}; give one multiplier for each of the"
            f" {models} models, in rows for several price vectors."
        )
    if not np.all(np.isfinite(w) & (w >= 0)):
        raise InputError("Price multipliers are finite numbers >= 0.")
    return w


def cascade_menus(
    market: Market | Curves,
    solve_rates: npt.ArrayLike,
    *,
    most_states: int = DEFAULT_STATES,
    tolerance: float = 1e-3,
    seed: int = 0,
) -> tuple[Menu, ...]:
    """Return the menu of every solve rate.

    Two models: the lower hull of all cascades on the lattice, found exactly by asking the
    shortest path for the cheapest cascade at the slope between two neighbouring ones until no
    slope gives a new one. More models: the cheapest cascades at random price vectors, in rounds,
    until the menu's cost at fresh ones exceeds the lattice's optimum by at most ``tolerance`` (or
    the rounds are over); the excess at the last fresh ones, measured before what was missing there
    was added, is kept in the result.

    Parameters
    ----------
    market : Market or Curves
        A market is scored in the authors' accounting. Amounts are dollars at list prices, or
        attempts: neither depends on the multipliers, which scale what an attempt costs.
    solve_rates : float array [U]
    most_states : int
        The curves' grids are thinned until the lattice is no larger.
    tolerance : float
        Relative; for more than two models.
    seed : int
        Of the random price vectors.

    Returns
    -------
    tuple of Menu, length U

    Raises
    ------
    InputError
        If a solve rate is out of reach of every cascade on the lattice, or is no probability.

    Examples
    --------
    >>> import arbmodels as arb
    >>> market = arb.load_market("swebench-sim", models=["gpt5mini", "deepseek"])
    >>> menu, = cascade_menus(market, [0.7])
    >>> bool(np.isclose(menu.cost([1, 1])[0], arb.cascade_frontier(market).spend_at(0.7)))
    True
    """
    rates = np.atleast_1d(np.asarray(solve_rates, dtype=float))
    if rates.ndim != 1 or not np.all((rates >= 0) & (rates <= 1)):
        raise InputError("Solve rates are a list of numbers between 0 and 1.")
    curves = market if isinstance(market, Curves) else dollar_curves(market)
    lattice = build_lattice(curves, coarsen(curves.grids, most_states))
    reach = float(lattice.solve_rate.max())
    if np.any(rates > reach + SAME_RATE):
        raise InputError(
            f"No cascade reaches a solve rate of {percent(float(rates.max()), 2)}; the best on"
            f" {curves.market.name} reaches {percent(reach, 2)}."
        )
    single = _single_costs(curves, rates)
    found = []
    for rate, alone in zip(rates.tolist(), single, strict=True):
        oracle = Repricing(curves, lattice, rate)
        start = np.diag(np.where(np.isfinite(alone), alone, 0.0))[np.isfinite(alone)]
        shortfall, checked = 0.0, 0
        if len(curves.names) == 1:
            expected = start
        elif len(curves.names) == 2:
            expected = _hull_of_two(oracle)
        else:
            expected, shortfall, checked = _search(oracle, start, tolerance, seed)
        found.append(
            Menu(
                rate,
                curves.names,
                expected,
                alone,
                len(curves.names) <= 2,
                shortfall,
                checked,
                curves.convention,
                curves.market.currency,
            )
        )
    return tuple(found)


def _single_costs(curves: Curves, rates: FloatArray) -> FloatArray:
    """Cost of each model alone on all of its own amounts, [U, M]; infinite out of reach."""
    columns = []
    for model in curves.names:
        alone = curves.only([model])
        lattice = build_lattice(alone)
        reached = rates <= lattice.solve_rate.max() + SAME_RATE
        cost = np.full(len(rates), np.inf)
        cost[reached] = [
            Repricing(alone, lattice, rate).cheapest(np.ones(1))[0] for rate in rates[reached]
        ]
        columns.append(cost)
    return np.stack(columns, axis=1)


def _hull_of_two(oracle: Repricing) -> FloatArray:
    """Return all vertices of the lower hull of the cascades' spends, from model 1 to model 2."""
    ends = [oracle.cheapest(np.array(w))[1] for w in ((1.0, PRICE_RATIO), (PRICE_RATIO, 1.0))]
    hull, open_edges = [ends[0]], [ends[1]]
    while open_edges:
        left, right = hull[-1], open_edges[-1]
        slope = np.array([left[1] - right[1], right[0] - left[0]])
        # From left to right more is bought of model 2 and less of model 1.
        normal = np.abs(slope)
        edge = float(normal @ left)
        if normal.min() <= 0 or normal.max() > PRICE_RATIO * normal.min():
            new = None
        else:
            cost, new = oracle.cheapest(normal)
            if cost >= edge * (1 - _NEW):
                new = None
        if new is None:
            hull.append(open_edges.pop())
        else:
            open_edges.append(new)
    kept = [hull[0], *(b for a, b in pairwise(hull) if not np.array_equal(a, b))]
    return np.array(kept)


def _search(
    oracle: Repricing, start: FloatArray, tolerance: float, seed: int
) -> tuple[FloatArray, float, int]:
    """Return cascades, the menu's largest relative excess at fresh prices, and how many those were.

    Each round draws prices that the menu has not seen, measures its excess there, and adds what
    was missing; it ends when a round's excess is below the tolerance.
    """
    rng = np.random.default_rng(seed)
    count = oracle.models
    menu = np.array([*start, oracle.cheapest(np.ones(count))[1]])
    spread = np.log(_SPREAD)
    shortfall = np.inf
    for _ in range(_ROUNDS):
        prices = np.exp(rng.uniform(-spread, spread, (_DRAWS, count)))
        found = [oracle.cheapest(w) for w in prices]
        least = np.array([cost for cost, _ in found])
        excess = (prices @ menu.T).min(axis=1) / least - 1
        new = np.array([bought for _, bought in found])[excess > _NEW]
        shortfall = max(float(excess.max()), 0.0)
        menu = np.unique(np.concatenate([menu, new]), axis=0)
        if shortfall <= tolerance:
            break
    return menu, shortfall, _DRAWS
