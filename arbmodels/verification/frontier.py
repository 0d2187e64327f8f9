"""The best policies under a verifier: least cost of every solve rate, and the margin it leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.curves import SAME_RATE, Accounting
from arbmodels.display import Displayed, TextTable, percent
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import Estimator, FloatArray
from arbmodels.verification.baseline import (
    BASELINES,
    Baseline,
    check_rates,
    margin_of,
    single_lattices,
)
from arbmodels.verification.lattice import plan_of, step_lattice
from arbmodels.verification.scored import VerifiedPlan, check_terms, score
from arbmodels.verification.search import Hull, whole_hull
from arbmodels.verification.show import frontier_table, plot_frontier
from arbmodels.verification.verdicts import VerdictCurves, verdict_curves
from arbmodels.verification.verifier import Verifier

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class VerifiedFrontier(Displayed):
    """Cheapest policies for every rate of right answers under a verifier, with a proven bound.

    Made by :func:`verified_frontier`. The cost is the spend on attempts and checks plus the
    penalty for wrong answers, in currency units per instance. Two plans may be mixed at random;
    the vertices are the plans that need no mixing.

    Parameters
    ----------
    curves : VerdictCurves
        Market, verifier and convention.
    penalty : float, currency units per wrong answer
    hull : Hull
        Of all models.
    baseline : {"same-verifier", "own-check"}
        Who verifies what is bought from a single model.
    single_hulls : tuple of Hull, length M
        Of each model alone, under the baseline's verifier.
    """

    curves: VerdictCurves
    penalty: float
    hull: Hull
    baseline: Baseline
    single_hulls: tuple[Hull, ...]

    @property
    def market(self) -> Market:
        """The market the frontier was computed on."""
        return self.curves.market

    @property
    def verifier(self) -> Verifier:
        """Who says which attempts are right."""
        return self.curves.verifier

    @property
    def convention(self) -> str:
        """Estimator, accounting, baseline and penalty of every number here."""
        penalty = f", penalty {self.penalty:g} per wrong answer" if self.penalty else ""
        return f"{self.curves.convention}, mixtures{penalty}; {BASELINES[self.baseline]}"

    @property
    def reach(self) -> float:
        """Largest rate of right answers of any policy within the curves' attempts."""
        return self.hull.reach

    @property
    def market_reach(self) -> float:
        """Largest rate of right answers of a single model under the baseline."""
        return max(hull.reach for hull in self.single_hulls)

    @cached_property
    def vertices(self) -> tuple[VerifiedPlan, ...]:
        """The plans that need no mixing, by solve rate, from abstaining on."""
        return tuple(self._vertex(position) for position in range(len(self.hull.points)))

    @cached_property
    def _scored(self) -> dict[int, VerifiedPlan]:
        return {}

    def _vertex(self, position: int) -> VerifiedPlan:
        """Score a vertex when it is first asked for; there may be hundreds."""
        if position not in self._scored:
            plan = plan_of(self.hull.points[position].steps, self.market.models)
            self._scored[position] = score(plan, self.curves)
        return self._scored[position]

    def _mixed(
        self, quantity: Callable[[VerifiedPlan], float], solve_rate: npt.ArrayLike
    ) -> FloatArray:
        """Return the mixture of two vertices' quantities at each solve rate; NaN out of reach."""
        rates, last = check_rates(solve_rate), len(self.hull.points) - 1
        after = np.clip(np.searchsorted(self.hull.rate, rates, side="right"), min(1, last), last)
        values = np.full(last + 1, np.nan)
        for position in np.union1d(after, np.maximum(after - 1, 0)).tolist():
            values[position] = quantity(self._vertex(position))
        return self.hull.between(values, rates)

    def cost_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least expected cost of a policy with each rate of right answers.

        Parameters
        ----------
        solve_rate : array of probabilities

        Returns
        -------
        float array, currency units per instance
            Spend plus penalties; NaN above :attr:`reach`.
        """
        return self.hull.cost_at(check_rates(solve_rate))

    def bound_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the proven lower bound on that cost (Lagrangian dual); equal up to rounding."""
        return self.hull.bound_at(check_rates(solve_rate))

    def spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return what the cheapest policy spends on attempts and checks, without penalties."""
        return self._mixed(lambda plan: plan.mean_spend, solve_rate)

    def check_spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return what the cheapest policy spends on checks."""
        return self._mixed(lambda plan: plan.check_spend, solve_rate)

    def wrong_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the rate of wrong answers that the cheapest policy delivers."""
        return self._mixed(lambda plan: plan.wrong_rate, solve_rate)

    def plan_at(self, solve_rate: float) -> VerifiedPlan:
        """Return the first vertex that reaches ``solve_rate``: one plan, without mixing.

        Its gap to the bound is :meth:`gap_at`; a plan between two vertices may be cheaper.

        Raises
        ------
        InputError
            If no policy reaches it.
        """
        return self._vertex(self._next_vertex(solve_rate))

    def gap_at(self, solve_rate: float) -> float:
        """Return (cost - bound) / cost of :meth:`plan_at`, how much a better single plan may save.

        Raises
        ------
        InputError
            If no policy reaches ``solve_rate``.
        """
        cost = self.hull.cost[self._next_vertex(solve_rate)]
        return 1.0 - float(self.bound_at(solve_rate)) / cost if cost > 0 else 0.0

    def model_prices_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least cost of each model alone under the baseline, [.., M]; NaN out of reach.

        Different numbers of attempts of the same model may be mixed at random.
        """
        rates = check_rates(solve_rate)
        return np.stack([hull.cost_at(rates) for hull in self.single_hulls], axis=-1)

    def price_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the market price: the least of the models' costs under the baseline."""
        price: FloatArray = np.fmin.reduce(self.model_prices_at(solve_rate), axis=-1)
        return price

    def margin_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return max(0, 1 - cost / price): 0 where nobody would sell, NaN without a price."""
        return margin_of(self.cost_at(solve_rate), self.price_at(solve_rate))

    def to_frame(self) -> pd.DataFrame:
        """Return the vertices: rates of right and wrong answers, cost, spends, plan."""
        return pd.DataFrame(
            {
                "solve_rate": [plan.solve_rate for plan in self.vertices],
                "wrong_rate": [plan.wrong_rate for plan in self.vertices],
                "cost": self.hull.cost,
                "attempt_spend": [plan.attempt_spend for plan in self.vertices],
                "check_spend": [plan.check_spend for plan in self.vertices],
                "plan": [plan.plan.label for plan in self.vertices],
            }
        )

    def table(self) -> TextTable:
        """Return ten solve rates up to the reach with cost, wrong answers, margin and plan."""
        return frontier_table(self)

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw cost against the rate of right answers: the models alone, and the best policy."""
        return plot_frontier(self, axes)

    def _next_vertex(self, solve_rate: float) -> int:
        if not 0 <= solve_rate <= self.reach + SAME_RATE:
            raise InputError(
                f"No policy delivers {percent(solve_rate, 2)} right answers under this verifier;"
                f" the best within these attempts delivers {percent(self.reach, 2)}."
            )
        return min(
            int(np.searchsorted(self.hull.rate, solve_rate - SAME_RATE)), len(self.hull.points) - 1
        )


def verified_frontier(
    market: Market,
    verifier: Verifier | None = None,
    *,
    penalty: float = 0.0,
    baseline: Baseline = "same-verifier",
    max_attempts: int | None = None,
    estimator: Estimator = "unbiased",
    accounting: Accounting = "stop-at-record",
) -> VerifiedFrontier:
    """Find the best policies under a verifier, exactly, on the lattice of attempts.

    Which attempts are made after which rejections decides both what is delivered and what is
    paid, so the answer is not a set of end states but of paths: for every value of a right answer
    the best path is found by dynamic programming, and all the values that matter are visited.

    Parameters
    ----------
    market : Market
        Up to four models.
    verifier : Verifier, optional
        Perfect and free by default.
    penalty : float, currency units per wrong answer
        Part of the cost that is minimised (a refund is a penalty of that share of the price).
    baseline : {"same-verifier", "own-check"}
        Whether customers who buy from a single model pay for the same verifier and bear the
        penalty, or verify free and perfectly.
    max_attempts, estimator, accounting
        As in :func:`arbmodels.verification.verdict_curves`.

    Returns
    -------
    VerifiedFrontier

    Raises
    ------
    InputError
        If an argument cannot be used, or the lattice is too large.

    Notes
    -----
    The question is put as open by Olmedo, Schölkopf, Hardt (2026).
    """
    verifier = Verifier() if verifier is None else verifier
    penalty = check_terms(0.0, penalty, 0.0)[1]
    curves = verdict_curves(market, verifier, max_attempts, estimator, accounting)
    singles = tuple(map(whole_hull, single_lattices(curves, penalty, baseline)))
    hull = whole_hull(step_lattice(curves, penalty))
    return VerifiedFrontier(curves, penalty, hull, baseline, singles)
