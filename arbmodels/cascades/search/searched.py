"""What a search for cascades found: plans, mixtures, and a bound for every policy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.cascades.frontier import Frontier
from arbmodels.cascades.lattice import build_lattice
from arbmodels.cascades.search.bounds import Bounds
from arbmodels.cascades.search.natural import Natural
from arbmodels.cascades.search.plans import Plans
from arbmodels.cascades.search.show import plot_searched, searched_table
from arbmodels.curves import SAME_RATE, Curves
from arbmodels.display import Displayed, TextTable, percent
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class SearchedFrontier(Displayed):
    """Cheap cascades for every solve rate, and what no policy can undercut.

    Made by :func:`arbmodels.search_frontier`. The bound holds for every policy on these amounts:
    any order, any number of models, any random choice among them. Policies are single plans or
    mixtures of two, drawn at random for every instance; whole attempts are too coarse for single
    plans at low solve rates, and the gap is that of the mixtures.

    Parameters
    ----------
    natural : Natural
        The curves, tabulated.
    solve_rates : float array [U]
        Where the search looked; it answers anywhere, with the gap it has there.
    plans : Plans
        Everything that was found.
    bounds : Bounds
    wanted_gap : float
    seconds : float
    """

    natural: Natural
    solve_rates: FloatArray
    plans: Plans
    bounds: Bounds
    wanted_gap: float
    seconds: float

    @property
    def curves(self) -> Curves:
        """The convention everything is scored under."""
        return self.natural.curves

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
        """Unit, estimator and accounting of every number here."""
        return self.curves.convention

    @property
    def reach(self) -> float:
        """Solve rate when every model is used up: the joint reach."""
        return self.natural.reach

    def spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least spend of a single plan found that reaches each solve rate.

        Parameters
        ----------
        solve_rate : array of probabilities

        Returns
        -------
        float array, currency units per instance
            NaN above :attr:`reach`.
        """
        rate, spend, _ = self.plans.single
        position = np.searchsorted(rate, _checked(solve_rate) - SAME_RATE)
        found: FloatArray = np.append(spend, np.nan)[position]
        return found

    def mixture_spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least spend of two plans found, mixed at random; NaN above the reach."""
        target = _checked(solve_rate)
        mixed: FloatArray = np.minimum(self.plans.spend_at(target), self.spend_at(target))
        return mixed

    def bound_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return a proven lower bound on the spend of every policy; NaN above the reach."""
        target = _checked(solve_rate)
        bound = self.bounds.at(target.ravel()).reshape(target.shape)
        return np.where(target <= self.reach + SAME_RATE, bound, np.nan)

    def gap_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return (spend - bound) / spend of the mixture at each solve rate."""
        spend = self.mixture_spend_at(solve_rate)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(spend > 0, 1.0 - self.bound_at(solve_rate) / spend, 0.0 * spend)

    @property
    def largest_lattice(self) -> int:
        """States of the largest lattice the bounds and plans came from, at most ``most_states``."""
        return self.bounds.largest

    @property
    def closed(self) -> npt.NDArray[np.bool_]:
        """At which of :attr:`solve_rates` the wanted gap was reached, [U]."""
        return np.asarray(self.gap_at(self.solve_rates) <= self.wanted_gap)

    def plan_at(self, solve_rate: float) -> Plan:
        """Return the cheapest single plan found that reaches ``solve_rate``.

        Raises
        ------
        InputError
            If no plan reaches it.
        """
        self._check_reach(solve_rate)
        rate, _, number = self.plans.single
        position = int(np.searchsorted(rate, solve_rate - SAME_RATE))
        return self.natural.plan(self.plans.purchases(int(number[position])))

    def mixture_at(self, solve_rate: float) -> tuple[tuple[Plan, float], ...]:
        """Return the plans, with their probabilities, whose mixture reaches ``solve_rate``.

        Raises
        ------
        InputError
            If no mixture reaches it.
        """
        self._check_reach(solve_rate)
        rate, _, number = self.plans.hull
        high = int(np.searchsorted(rate, solve_rate - SAME_RATE))

        def plan(position: int) -> Plan:
            return self.natural.plan(self.plans.purchases(int(number[position])))

        if high == 0 or rate[high] <= solve_rate + SAME_RATE:
            return ((plan(high), 1.0),)
        share = float((solve_rate - rate[high - 1]) / (rate[high] - rate[high - 1]))
        return ((plan(high - 1), 1.0 - share), (plan(high), share))

    def spend_by_model_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return what the cheapest single plan of each solve rate spends on each model.

        Returns
        -------
        float array [len(solve_rate), M], currency units per instance
            NaN rows above :attr:`reach`.
        """
        target = np.atleast_1d(_checked(solve_rate))
        rate, _, number = self.plans.single
        position = np.searchsorted(rate, target - SAME_RATE)
        table = np.full((len(rate) + 1, len(self.names)), np.nan)
        for each in np.unique(position[position < len(rate)]):
            steps = self.plans.purchases(int(number[each]))
            models = np.array([m for m, _ in steps], dtype=np.int64)
            spend = self.natural.score(steps).spend
            table[each] = np.bincount(models, spend, minlength=len(self.names))
        return table[position]

    @cached_property
    def single_models(self) -> tuple[Frontier, ...]:
        """The frontier of each model alone under the same convention."""
        alone = [self.curves.only([model]) for model in self.names]
        return tuple(Frontier(curves, build_lattice(curves)) for curves in alone)

    def model_prices_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least spend of each model alone, [len(solve_rate), M]; NaN out of reach."""
        return np.stack([alone.spend_at(solve_rate) for alone in self.single_models], axis=-1)

    @property
    def market_reach(self) -> float:
        """Largest solve rate of a single model."""
        return max(alone.reach for alone in self.single_models)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per solve rate looked at: spend, mixed spend, bound, gap and plan."""
        rates = self.solve_rates
        return pd.DataFrame(
            {
                "solve_rate": rates,
                "spend": self.spend_at(rates),
                "mixture": self.mixture_spend_at(rates),
                "bound": self.bound_at(rates),
                "gap": self.gap_at(rates),
                "plan": [self.plan_at(rate).summary for rate in rates],
            }
        )

    def table(self) -> TextTable:
        """Return some solve rates up to the reach with spend, bound and plan."""
        return searched_table(self)

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw spend against solve rate: the models, single plans, mixtures, and the bound."""
        return plot_searched(self, axes)

    def _check_reach(self, solve_rate: float) -> None:
        if not 0 <= solve_rate <= self.reach + SAME_RATE:
            raise InputError(
                f"No plan reaches a solve rate of {percent(solve_rate, 2)}; all models of"
                f" {self.market.name} together reach {percent(self.reach, 2)}."
            )


def _checked(solve_rate: npt.ArrayLike) -> FloatArray:
    target = np.asarray(solve_rate, dtype=float)
    if np.isnan(target).any():
        raise InputError("A solve rate is NaN; it must be a number between 0 and 1.")
    return target
