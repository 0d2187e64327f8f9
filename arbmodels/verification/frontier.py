r"""The best policies under a verifier: least cost of every solve rate, and the margin it leaves.

The set of attainable (solve rate, cost) pairs of mixtures is the convex hull of the paths', and

.. math:: \text{cost}(u) \ge \lambda u - V(\lambda), \qquad
          V(\lambda) = \max_\text{paths} \lambda\,\text{rate} - \text{cost}

for every lambda >= 0 (Lagrangian duality). Between two neighbouring points lambda is their slope:
either the maximum finds a path below the line through them, a new vertex, or the line is proven.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from arbmodels._pandas import pd
from arbmodels.cascades.frontier import CascadeFrontier, margin_of
from arbmodels.cascades.lattice import lower_hull
from arbmodels.curves import SAME_RATE, Billing, check_attainable, solve_rates_of
from arbmodels.display import Displayed, number, percent
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import Estimator, FloatArray
from arbmodels.verification.curves import (
    Point,
    StepLattice,
    VerdictCurves,
    Verifier,
    plan_of,
    step_lattice,
    verdict_curves,
)
from arbmodels.verification.plan import VerifiedPlan, check_terms, score

if TYPE_CHECKING:
    from matplotlib.axes import Axes


#: A path is new if it lies below the line by more than this share of the terms compared.
_TOLERANCE = 1e-12
#: Sums of some 500 steps are off by less than this share of the largest sum.
_ROUNDING = 1e-13


@dataclass(frozen=True, eq=False, repr=False)
class Hull(Displayed):
    """The lower hull of (solve rate, cost), from abstaining to the largest solve rate.

    Parameters
    ----------
    points : tuple of Point
        Vertices by solve rate; one at least.
    slopes, values : float arrays
        Multipliers lambda that were solved for, and V(lambda).
    """

    points: tuple[Point, ...]
    slopes: FloatArray
    values: FloatArray

    @property
    def rate(self) -> FloatArray:
        """Solve rates of the vertices, increasing from 0."""
        return np.array([point.rate for point in self.points])

    @property
    def cost(self) -> FloatArray:
        """Costs of the vertices, currency units per instance."""
        return np.array([point.cost for point in self.points])

    @property
    def max_solve_rate(self) -> float:
        """Largest solve rate of any policy."""
        return self.points[-1].rate

    def spend_at(self, rate: FloatArray) -> FloatArray:
        """Return the least cost of a mixture that reaches each solve rate; NaN beyond the last."""
        return self.between(self.cost, rate)

    def between(self, values: FloatArray, rate: FloatArray) -> FloatArray:
        """Return the mixture of the vertices' values at each solve rate; NaN beyond the last."""
        mixed: FloatArray = np.interp(rate, self.rate, values)
        return np.where(rate <= self.max_solve_rate + SAME_RATE, mixed, np.nan)

    def bound_at(self, rate: FloatArray) -> FloatArray:
        """Return the Lagrangian bound on the cost of every policy; NaN beyond the last.

        Lowered by what rounding can have done to V, so that it is a bound all the same.
        """
        rounding = _ROUNDING * self.slopes * self.max_solve_rate
        lines = self.slopes * np.asarray(rate)[..., None] - self.values - rounding
        bound: FloatArray = np.maximum(lines.max(axis=-1, initial=0.0), 0.0)
        return np.where(rate <= self.max_solve_rate + SAME_RATE, bound, np.nan)


def whole_hull(lattice: StepLattice) -> Hull:
    """Find every vertex of the lower hull."""
    return _search(lattice, None)


def hull_around(lattice: StepLattice, rate: float) -> Hull:
    """Find the part of the lower hull that decides the cost at one solve rate."""
    return _search(lattice, rate)


def _search(lattice: StepLattice, target: float | None) -> Hull:
    nothing = Point(0.0, 0.0, np.zeros(0, dtype=np.int64), 0.0)
    farthest = lattice.best(1.0, 0.0)
    found, slopes, values = [nothing, farthest], [], []
    # Depth first from the left; neighbours as close as rounding are not looked between.
    open_ = [(nothing, farthest)]
    while open_:
        low, high = open_.pop()
        outside = target is not None and not low.rate - SAME_RATE <= target <= high.rate + SAME_RATE
        if high.rate - low.rate <= SAME_RATE or outside:
            continue
        slope = (high.cost - low.cost) / (high.rate - low.rate)
        if slope <= 0:
            continue
        best = lattice.best(slope)
        slopes.append(slope)
        values.append(best.value)
        line = slope * low.rate - low.cost
        scale = slope * high.rate + abs(high.cost)
        inside = low.rate < best.rate < high.rate + SAME_RATE
        if inside and slope * best.rate - best.cost > line + _TOLERANCE * scale:
            found.append(best)
            open_ += [(best, high), (low, best)]
    return Hull(_vertices(found), np.array(slopes), np.array(values))


def _vertices(found: list[Point]) -> tuple[Point, ...]:
    """Return the lower hull of the points, ended where more cost buys no solve rate."""
    found = sorted(found, key=lambda point: (point.rate, point.cost))
    farthest = found[-1].rate
    known: dict[tuple[float, float], Point] = {}
    for point in found:
        known.setdefault((point.rate, point.cost), point)
    x, y = lower_hull(*np.array([(point.rate, point.cost) for point in found]).T)
    ends = np.flatnonzero(x >= farthest - SAME_RATE)
    last = int(ends[np.argmin(y[ends])])
    pairs = zip(x[: last + 1].tolist(), y[: last + 1].tolist(), strict=True)
    return tuple(known[pair] for pair in pairs)


#: Who verifies what is bought from a single model. "same-verifier": the customer pays for the same
#: verifier and bears the same penalty for wrong answers; "self-verification": the customer sees for
#: free and without error which attempt is right, as in a market without verification costs.
Baseline = Literal["same-verifier", "self-verification"]

BASELINES = {
    "same-verifier": "customers of a single model pay for the same verifier",
    "self-verification": "customers of a single model verify free and perfectly",
}


def single_lattices(
    curves: VerdictCurves, penalty: float, baseline: Baseline
) -> tuple[StepLattice, ...]:
    """Return the lattice of each model alone, under the baseline's verifier.

    Raises
    ------
    InputError
        If there is no such baseline.
    """
    if baseline not in BASELINES:
        raise InputError(
            f"No baseline {baseline!r}; choose 'same-verifier' or 'self-verification'."
        )
    if baseline == "self-verification":
        curves, penalty = curves.under(Verifier()), 0.0
    return tuple(step_lattice(curves, penalty, [model]) for model in curves.market.models)


@dataclass(frozen=True, eq=False, repr=False)
class VerifiedFrontier(CascadeFrontier):
    """Cheapest policies for every rate of right answers under a verifier, with a proven bound.

    Made by :func:`verified_frontier`. The cost, which is minimized and bounded, is the spend on
    attempts and checks plus the penalty for wrong answers, in currency units per instance. Two
    plans may be mixed at random; the vertices are the plans that need no mixing.

    Parameters
    ----------
    curves : VerdictCurves
        Market, verifier and billing.
    penalty : float, currency units per wrong answer
    hull : Hull
        Of all models.
    baseline : {"same-verifier", "self-verification"}
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
    def verifier(self) -> Verifier:
        """Who says which attempts are right."""
        return self.curves.verifier

    @property
    def billing(self) -> str:
        """Estimator, billing, baseline and penalty of every number here."""
        penalty = f", penalty {self.penalty:g} per wrong answer" if self.penalty else ""
        return f"{self.curves.billing}, mixtures{penalty}; {BASELINES[self.baseline]}"

    @property
    def max_solve_rate(self) -> float:
        """Largest rate of right answers of any policy within the curves' attempts."""
        return self.hull.max_solve_rate

    @property
    def single_models(self) -> tuple[Hull, ...]:
        """Costs of each model alone under the baseline's verifier."""
        return self.single_hulls

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
        """Return two vertices' quantities, mixed, at each solve rate; NaN above the largest."""
        rates, last = solve_rates_of(solve_rate), len(self.hull.points) - 1
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
            Spend plus penalties; NaN above :attr:`max_solve_rate`.
        """
        return self.hull.spend_at(solve_rates_of(solve_rate))

    _least_at = cost_at

    def bound_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the proven lower bound on that cost (Lagrangian dual); equal up to rounding."""
        return self.hull.bound_at(solve_rates_of(solve_rate))

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

        Its gap to the bound is :meth:`plan_gap_at`; a plan between two vertices may be cheaper.

        Raises
        ------
        InputError
            If no policy reaches it.
        """
        rate = check_attainable(solve_rate, self.max_solve_rate)
        return self._vertex(int(self._next_vertex(np.array(rate))))

    def plan_gap_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return (cost - bound) / cost of :meth:`plan_at`, how much a better single plan may save.

        NaN above :attr:`max_solve_rate`.
        """
        rates = solve_rates_of(solve_rate)
        cost = self.hull.cost[self._next_vertex(rates)]
        with np.errstate(invalid="ignore", divide="ignore"):
            gap = np.where(cost > 0, 1.0 - self.bound_at(rates) / cost, 0.0)
        return np.where(rates <= self.max_solve_rate + SAME_RATE, gap, np.nan)

    def _next_vertex(self, rates: FloatArray) -> npt.NDArray[np.int64]:
        after = np.searchsorted(self.hull.rate, rates - SAME_RATE)
        return np.minimum(after, len(self.hull.points) - 1)

    def price_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the market price: the least of the models' costs under the baseline."""
        price: FloatArray = np.fmin.reduce(self.model_prices_at(solve_rate), axis=-1)
        return price

    def margin_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return max(0, 1 - cost / price): 0 where nobody would sell, NaN without a price."""
        return margin_of(self.price_at(solve_rate), self.cost_at(solve_rate))

    def to_frame(self) -> pd.DataFrame:
        """Return the vertices: rates of right and wrong answers, cost, spends, plan."""
        return pd.DataFrame(
            {
                "solve_rate": [plan.solve_rate for plan in self.vertices],
                "wrong_rate": [plan.wrong_rate for plan in self.vertices],
                "cost": self.hull.cost,
                "spend": [plan.mean_spend for plan in self.vertices],
                "attempt_spend": [plan.attempt_spend for plan in self.vertices],
                "check_spend": [plan.check_spend for plan in self.vertices],
                "plan": [plan.plan.label for plan in self.vertices],
            }
        )

    @property
    def _title(self) -> str:
        count = len(self.hull.points)
        return f"Verified frontier of {self.market.name} ({count} vertices)"

    @property
    def _note(self) -> str:
        return f"{self.verifier.label}; {self.billing}; in-sample."

    def _columns(self, rates: FloatArray) -> dict[str, list[str]]:
        return {
            "right": [percent(rate, 2) for rate in rates],
            "wrong": [percent(wrong, 2) for wrong in self.wrong_at(rates)],
            f"cost [{self._unit}]": [number(cost) for cost in self.cost_at(rates)],
            f"checks [{self._unit}]": [number(spend) for spend in self.check_spend_at(rates)],
            "margin": [percent(margin) for margin in self.margin_at(rates)],
            "next vertex": [self.plan_at(rate).plan.summary for rate in rates],
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw cost against the rate of right answers: the models alone, and the best policy."""
        ax = super().plot(ax)
        ax.set_xlabel("Right answers (%)")
        ax.set_ylabel(f"Expected cost ({self.market.currency} per instance)")
        return ax


def verified_frontier(
    market: Market,
    verifier: Verifier | None = None,
    *,
    penalty: float = 0.0,
    baseline: Baseline = "same-verifier",
    max_attempts: int | None = None,
    estimator: Estimator = "unbiased",
    billing: Billing = "stop-at-record",
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
    baseline : {"same-verifier", "self-verification"}
        Whether customers who buy from a single model pay for the same verifier and bear the
        penalty, or verify free and perfectly.
    max_attempts, estimator, billing
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

    References
    ----------
    Olmedo, Schölkopf, Hardt, *Computational arbitrage in AI model markets*, arXiv 2603.22404
    (2026).
    """
    verifier = Verifier() if verifier is None else verifier
    penalty = check_terms(0.0, penalty, 0.0)[1]
    curves = verdict_curves(market, verifier, max_attempts, estimator, billing)
    singles = tuple(map(whole_hull, single_lattices(curves, penalty, baseline)))
    hull = whole_hull(step_lattice(curves, penalty))
    return VerifiedFrontier(curves, penalty, hull, baseline, singles)
