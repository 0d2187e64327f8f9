"""The exact frontier: least expected spend of any cascade that reaches a solve rate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.cascades.hull import lower_hull
from arbmodels.cascades.last_step import cheapest_cuts
from arbmodels.cascades.lattice import (
    MAX_STATES,
    Lattice,
    bound_steps,
    build_lattice,
    coarsen,
    refined,
)
from arbmodels.cascades.show import frontier_table, plot_frontier
from arbmodels.curves import SAME_RATE, Curves, attempt_curves
from arbmodels.display import Displayed, TextTable, percent
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Models and states up to which the lattice answers at once; finer grids can be asked for.
MAX_MODELS = 4
DEFAULT_STATES = 3_000_000


@dataclass(frozen=True, eq=False, repr=False)
class Frontier(Displayed):
    """Cheapest plans for every solve rate, with a proven lower bound.

    Made by :func:`cascade_frontier`. Without features of the instances the only feedback is
    "not solved yet", so no adaptive policy beats the cheapest order of purchases, and that is a
    shortest path on the lattice of amounts: the answer is exact on the lattice's amounts.

    Parameters
    ----------
    curves : Curves
        The convention everything is scored under.
    lattice : Lattice
    change : float, optional
        Where a tolerance was asked for: the largest relative change of the spend by the last
        refinement.
    """

    curves: Curves
    lattice: Lattice
    change: float | None = None

    @property
    def market(self) -> Market:
        """The market the frontier was computed on."""
        return self.curves.market

    @property
    def names(self) -> tuple[str, ...]:
        """The models that may be bought from."""
        return self.curves.names

    @property
    def convention(self) -> str:
        """Unit, integration, estimator and accounting of every number here."""
        return self.curves.convention

    @property
    def reach(self) -> float:
        """Largest solve rate of any plan on the lattice."""
        return float(self.lattice.solve_rate.max())

    @cached_property
    def _complete(self) -> bool:
        """Whether the lattice holds every amount of the curves' own grids."""
        return all(
            bool(np.isin(theirs, mine).all())
            for mine, theirs in zip(self.lattice.grids, self.curves.grids, strict=True)
        )

    @cached_property
    def _points(self) -> tuple[FloatArray, FloatArray, npt.NDArray[np.int64]]:
        """Undominated states: solve rates and spends, both increasing, and flat positions."""
        rate, spend = self.lattice.solve_rate.ravel(), self.lattice.spend.ravel()
        order = np.lexsort((spend, -rate))
        least = np.minimum.accumulate(spend[order])
        kept = order[np.concatenate([[True], least[1:] < least[:-1]])][::-1]
        return rate[kept], spend[kept], kept

    def spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least expected spend of one plan that reaches each solve rate.

        Parameters
        ----------
        solve_rate : array of probabilities

        Returns
        -------
        float array, currency units per instance
            NaN above :attr:`reach`.
        """
        return self._cheapest(np.asarray(solve_rate, dtype=float))[0]

    def mixture_spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least expected spend when two plans may be mixed at random.

        The lower convex hull of the plans on the lattice and of those at 2,000 solve rates up to
        the reach; NaN above :attr:`reach`.
        """
        rate, spend = self._hull
        target = np.asarray(solve_rate, dtype=float)
        mixed: FloatArray = np.minimum(np.interp(target, rate, spend), self.spend_at(target))
        return mixed

    def bound_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return a proven lower bound on the spend of every plan that reaches each solve rate.

        Plans of the same convention with any amounts up to the grid's last, on the grid or between
        its points. Whole attempts on a complete lattice leave nothing between: there the bound is
        the spend itself.
        """
        target = np.asarray(solve_rate, dtype=float)
        if self.curves.unit == "attempts" and self._complete:
            return self.spend_at(target)
        rate, spend = self._bound_steps
        position = np.searchsorted(rate, target - SAME_RATE)
        known: FloatArray = np.append(spend, np.nan)
        return known[np.minimum(position, len(spend))]

    def gap_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return (spend - bound) / spend at each solve rate."""
        spend = self.spend_at(solve_rate)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(spend > 0, 1.0 - self.bound_at(solve_rate) / spend, 0.0 * spend)

    def plan_at(self, solve_rate: float) -> Plan:
        """Return a cheapest plan that reaches ``solve_rate``.

        Raises
        ------
        InputError
            If no plan on the lattice reaches it.
        """
        if not 0 <= solve_rate <= self.reach + SAME_RATE:
            raise InputError(
                f"No plan reaches a solve rate of {percent(solve_rate, 2)}; the best on this"
                f" market reaches {percent(self.reach, 2)}."
            )
        _, state, axis, last = self._cheapest(np.array([solve_rate]))
        amount = np.zeros(len(self.lattice.grids), dtype=int)
        stages = []
        for model, steps in self.lattice.path(np.unravel_index(state[0], self.lattice.spend.shape)):
            grid, start = self.lattice.grids[model], amount[model]
            stages.append((model, float(grid[start + steps] - grid[start])))
            amount[model] += steps
        if axis[0] >= 0:
            more = float(last[0] - self.lattice.grids[axis[0]][amount[axis[0]]])
            if stages and stages[-1][0] == axis[0]:
                more += stages.pop()[1]
            stages.append((int(axis[0]), more))
        named = ((self.names[m], amount) for m, amount in stages)
        return Plan(tuple(named), self.curves.unit)

    def spend_by_model_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return what the cheapest plan of each solve rate spends on each model.

        Returns
        -------
        float array [len(solve_rate), M], currency units per instance
            NaN rows above :attr:`reach`.
        """
        spend, state, axis, _ = self._cheapest(np.atleast_1d(np.asarray(solve_rate, float)))
        by_model = np.full((len(spend), len(self.grids)), np.nan)
        reached = np.isfinite(spend)
        by_model[reached] = self.lattice.spend_by_model(state[reached])
        cut = np.flatnonzero(reached & (axis >= 0))
        by_model[cut, axis[cut]] += spend[cut] - self.lattice.spend.ravel()[state[cut]]
        return by_model

    @cached_property
    def _hull(self) -> tuple[FloatArray, FloatArray]:
        between = np.linspace(0.0, self.reach, 2001)
        rate = np.concatenate([self._points[0], between])
        spend = np.concatenate([self._points[1], self.spend_at(between)])
        order = np.lexsort((spend, rate))
        return lower_hull(rate[order], spend[order])

    @cached_property
    def _bound_steps(self) -> tuple[FloatArray, FloatArray]:
        return bound_steps(self.lattice)

    def _cheapest(
        self, target: FloatArray
    ) -> tuple[FloatArray, npt.NDArray[np.int64], npt.NDArray[np.int64], FloatArray]:
        """Spend, state, model of a cut last step (-1: none) and its amount, per solve rate."""
        if np.isnan(target).any():
            raise InputError("A solve rate is NaN; it must be a number between 0 and 1.")
        rate, spend, flat = self._points
        flatten = target.ravel()
        position = np.searchsorted(rate, flatten - SAME_RATE)
        inside = position < len(rate)
        position = np.minimum(position, len(rate) - 1)
        best = np.where(inside, spend[position], np.nan)
        state, axis = flat[position], np.full(flatten.shape, -1)
        amount = np.full(flatten.shape, np.nan)
        if self.curves.continuous and self._complete:
            cut = cheapest_cuts(self.lattice, flatten, best)
            best[cut.target], state[cut.target] = cut.spend, cut.state
            axis[cut.target], amount[cut.target] = cut.model, cut.amount
        return best.reshape(target.shape), state, axis, amount

    @cached_property
    def single_models(self) -> tuple[Frontier, ...]:
        """The frontier of each model alone under the same convention.

        On every amount of its curve and of the lattice: a lattice thinned for many models must
        not make a single one look dear.
        """
        alone = [self.curves.only([model]) for model in self.names]
        return tuple(
            Frontier(curves, build_lattice(curves, [np.union1d(curves.grids[0], grid)]))
            for curves, grid in zip(alone, self.grids, strict=True)
        )

    def model_prices_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least spend of each model alone, [len(solve_rate), M]; NaN out of reach."""
        return np.stack([alone.spend_at(solve_rate) for alone in self.single_models], axis=-1)

    @property
    def market_reach(self) -> float:
        """Largest solve rate of a single model."""
        return max(alone.reach for alone in self.single_models)

    @property
    def grids(self) -> tuple[FloatArray, ...]:
        """Amounts per model on the lattice."""
        return self.lattice.grids

    def to_frame(self) -> pd.DataFrame:
        """Return the undominated states: solve rate, spend, and the amount of each model."""
        rate, spend, flat = self._points
        frame = pd.DataFrame({"solve_rate": rate, "spend": spend})
        for model, grid, index in zip(
            self.names, self.grids, np.unravel_index(flat, self.lattice.spend.shape), strict=True
        ):
            frame[model] = grid[index]
        return frame

    def table(self) -> TextTable:
        """Return ten solve rates up to the reach with spend, bound and plan."""
        return frontier_table(self)

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw spend against solve rate: the models, the cascades, and the bound."""
        return plot_frontier(self, axes)


def cascade_frontier(
    market: Market | Curves,
    *,
    refine: int = 1,
    tolerance: float | None = None,
    most_states: int = DEFAULT_STATES,
) -> Frontier:
    """Compute the exact frontier of cascades by shortest paths on the lattice of amounts.

    Parameters
    ----------
    market : Market or Curves
        A market is scored in whole attempts that stop at the record, a bill that somebody would
        pay. Give ``dollar_curves(market)`` for the convention of Olmedo et al. (2026), so that
        numbers compare with theirs.
    refine : int
        Cut every cell of the budget grids into this many: a tighter bound for more time.
    tolerance : float, optional
        Refine (finer budgets, or less thinned amounts) until no spend at 100 solve rates up to
        the reach falls by more than this share; :attr:`Frontier.change` is what the last
        refinement changed. Starts from ``refine`` and ``most_states``, and takes more states.
    most_states : int
        The curves' own grids are thinned until the lattice is no larger; the bound in the result
        says what that can have cost.

    Returns
    -------
    Frontier

    Raises
    ------
    InputError
        If there are more than four models, the lattice is too large, or the tolerance is not
        reached before it would be.
    """
    curves = market if isinstance(market, Curves) else attempt_curves(market)
    count = len(curves.names)
    if count > MAX_MODELS:
        raise InputError(
            f"The lattice method takes up to {MAX_MODELS} models, {curves.market.name} has"
            f" {count}: search all with arb.search_frontier (arbmodels search), or choose"
            " some with market.select(models=[...]) or --models."
        )
    if refine < 1 or (refine > 1 and curves.unit == "attempts"):
        raise InputError(
            f"refine is {refine}; it is a whole number >= 1, and whole attempts cannot be cut."
        )
    if tolerance is not None:
        return _until(curves, refine, tolerance, most_states)
    return Frontier(curves, build_lattice(curves, _amounts(curves, refine, most_states)))


def _amounts(curves: Curves, refine: int, most_states: int) -> tuple[FloatArray, ...]:
    finer = tuple(refined(grid, refine) for grid in curves.grids)
    return coarsen(finer, most_states)


def _until(curves: Curves, refine: int, tolerance: float, most_states: int) -> Frontier:
    """Refine until the spend changes by less than the tolerance."""
    if not 0 < tolerance < 1:
        raise InputError(f"The tolerance is {tolerance:g}; it is a share between 0 and 1.")
    amounts = _amounts(curves, refine, most_states)
    found, change = Frontier(curves, build_lattice(curves, amounts)), float("inf")
    while True:
        if all(map(np.array_equal, amounts, curves.grids)) and curves.unit == "attempts":
            return replace(found, change=0.0)  # every amount is there
        most_states *= 2 ** len(curves.grids)
        thinned = any(len(a) < len(grid) for a, grid in zip(amounts, curves.grids, strict=True))
        refine = refine if thinned else 2 * refine
        amounts = _amounts(curves, refine, most_states)
        if np.prod([float(len(grid)) for grid in amounts]) > MAX_STATES:
            raise InputError(
                f"The spend still changed by {percent(change, 3)} on the largest lattice that"
                f" fits; a tolerance of {tolerance:g} is not reached. Search with"
                " arb.search_frontier, which bounds what is left, or allow more."
            )
        finer = Frontier(curves, build_lattice(curves, amounts))
        rates = np.linspace(0.01, 1.0, 100) * found.reach
        before, after = found.spend_at(rates), finer.spend_at(rates)
        change = float(np.max(1.0 - after / np.maximum(before, 1e-300), initial=0.0))
        found = replace(finer, change=change)
        if change <= tolerance:
            return found
