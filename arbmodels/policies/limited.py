"""The cheapest cascades that cannot break a limit on any instance, whatever happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from arbmodels._pandas import pd
from arbmodels.cascades.lattice import Lattice, build_lattice
from arbmodels.curves import Curves, attempt_curves
from arbmodels.display import Displayed, TextTable, new_axes, number, percent
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan
from arbmodels.policies.limits import ROUNDING, Limits, seconds_of
from arbmodels.policies.policy import IntArray, cheapest_point, check_reach, undominated
from arbmodels.policies.risk import attempts_made

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class LimitedFrontier(Displayed):
    """Cheapest plans in whole attempts whose worst case keeps the limits on every instance.

    Made by :func:`arbmodels.policies.limited_frontier`. Exact: what a plan can use at most depends
    on its attempts of each model, not on their order, and grows with them, so that the plans that
    keep the limits are the paths to the states that do.

    Parameters
    ----------
    curves : Curves
    lattice : Lattice
        Of the amounts that keep the limits alone.
    limits : Limits
    worst : float array [K_1, .., K_M], currency units
        Spend on the dearest instance if nothing succeeds, of every state.
    kept : bool array [K_1, .., K_M]
        States that keep the limits.
    """

    curves: Curves
    lattice: Lattice
    limits: Limits
    worst: FloatArray
    kept: npt.NDArray[np.bool_]

    @property
    def market(self) -> Market:
        """The market the plans serve."""
        return self.curves.market

    @property
    def max_solve_rate(self) -> float:
        """Largest solve rate within the limits."""
        return float(self._points[0][-1])

    @cached_property
    def _points(self) -> tuple[FloatArray, FloatArray, IntArray]:
        rate = self.lattice.solve_rate.ravel()
        spend = np.where(self.kept, self.lattice.spend, np.inf).ravel()
        flat = undominated(rate, spend)
        return rate[flat], spend[flat], flat

    def spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least expected spend, currency units per instance; NaN out of reach."""
        return self._at(solve_rate, self._points[1])

    def bound_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return a proven lower bound on the spend: the spend itself, which is exact."""
        return self.spend_at(solve_rate)

    def worst_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return what the cheapest plan spends on an instance at most, currency units."""
        return self._at(solve_rate, self.worst.ravel()[self._points[2]])

    def _at(self, solve_rate: npt.ArrayLike, values: FloatArray) -> FloatArray:
        position, reached = cheapest_point(self._points[0], np.asarray(solve_rate, dtype=float))
        found: FloatArray = np.where(reached, values[position], np.nan)
        return found

    def plan_at(self, solve_rate: float) -> Plan:
        """Return a cheapest plan within the limits.

        Raises
        ------
        InputError
            If none reaches the solve rate.
        """
        check_reach(solve_rate, self.max_solve_rate)
        position, _ = cheapest_point(self._points[0], np.array([float(solve_rate)]))
        state = np.unravel_index(self._points[2][position[0]], self.kept.shape)
        runs = self.lattice.path([int(k) for k in state])
        return Plan(tuple((self.curves.names[m], count) for m, count in runs))

    def to_frame(self) -> pd.DataFrame:
        """Return the undominated plans: solve rate, spend, worst case, attempts per model."""
        rate, spend, flat = self._points
        worst = self.worst.ravel()[flat]
        frame = pd.DataFrame({"solve_rate": rate, "spend": spend, "worst": worst})
        for model, counts in zip(
            self.curves.names, np.unravel_index(flat, self.kept.shape), strict=True
        ):
            frame[model] = counts
        return frame

    def table(self) -> TextTable:
        """Return up to ten solve rates with spend, worst case and plan."""
        rates = np.unique(
            self.max_solve_rate * np.array([0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0])
        )
        rows = [
            (percent(u, 2), number(c), number(w), self.plan_at(float(u)).summary)
            for u, c, w in zip(rates, self.spend_at(rates), self.worst_at(rates), strict=True)
        ]
        unit = self.market.currency
        return TextTable(
            f"Cascades on {self.market.name} with {self.limits.label}: reach"
            f" {percent(self.max_solve_rate, 2)}",
            ("solve rate", f"mean spend [{unit}]", f"worst case [{unit}]", "plan"),
            rows,
            f"Exact over whole attempts; per instance. {self.curves.convention}; in-sample.",
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw mean and worst spend against the solve rate."""
        ax = new_axes() if ax is None else ax
        rate = np.linspace(0, self.max_solve_rate, 400)
        ax.plot(100 * rate, self.spend_at(rate), color="#0072B2", label="mean")
        ax.plot(100 * rate, self.worst_at(rate), color="#E69F00", ls="--", label="worst case")
        if self.limits.dollars is not None:
            ax.axhline(self.limits.dollars, color="black", lw=0.8, ls=":", label="limit")
        ax.set_xlabel("Solve rate (%)")
        ax.set_ylabel(f"Spend ({self.market.currency} per instance)")
        ax.set_title(self.market.name)
        ax.legend(frameon=False)
        return ax


def limited_frontier(
    market: Market | Curves,
    limits: Limits,
    *,
    seconds: Mapping[str, float] | None = None,
) -> LimitedFrontier:
    r"""Compute the cheapest cascades whose worst case keeps limits on every instance.

    The worst case of a state a is :math:`\max_i \sum_m a_m q_{im}` in money, :math:`\sum_m a_m` in
    attempts and :math:`\sum_m a_m \tau_m` in time, attempts that are not made left out; states
    beyond a limit are left out of the lattice. Cutting every instance off by itself solves more for
    the same limit; see the ``limits`` of
    :func:`arbmodels.policies.spend_distribution`.

    Parameters
    ----------
    market : Market or Curves
        A market is scored with unbiased pass@k in whole attempts, stopping at the record.
    limits : Limits
        At least one.
    seconds : mapping, optional
        Model -> latency of one attempt; needed if time is limited.

    Raises
    ------
    InputError
        If there is no limit, the curves count dollars, a latency is missing, or the lattice within
        the limits is too large.

    Examples
    --------
    >>> market = Market(["a", "b"], ["x"], [[9, 9]], [[3, 6]], [[1.0, 4.0]])
    >>> limited_frontier(market, Limits(dollars=5, attempts=2)).plan_at(0.7).label
    '1 x a, then 1 x b'
    """
    if limits == Limits():
        raise InputError("There is no limit: use cascade_frontier, or give Limits(dollars=...).")
    curves = attempt_curves(market) if isinstance(market, Market) else market
    if curves.unit != "attempts":
        raise InputError("The curves count dollars; give attempt_curves(market, ...).")
    price = np.nan_to_num(curves.market.cost)
    columns = [curves.market.model_index(name) for name in curves.names]
    ones = np.ones((len(price), len(columns)))
    # What one attempt of every model uses on every instance, and how much there is, [N, M].
    uses = [(price[:, columns], limits.dollars), (ones, limits.attempts)]
    if limits.seconds is not None:
        waits = seconds_of(seconds, curves.names, "A limit on seconds")
        uses.append((waits * ones, limits.seconds))
    made = [
        np.stack([attempts_made(curves, name, 0, int(k)) for k in grid], axis=1)
        for name, grid in zip(curves.names, curves.grids, strict=True)
    ]
    for use, limit in uses:
        if limit is not None:
            most = limit * (1 + ROUNDING)
            fit = [(use[:, [m]] * each).max(axis=0) <= most for m, each in enumerate(made)]
            made = [each[:, : int(fits.sum())] for each, fits in zip(made, fit, strict=True)]
    grids = [grid[: each.shape[1]] for grid, each in zip(curves.grids, made, strict=True)]
    lattice = build_lattice(curves, grids)
    worst = [_worst(use, made) for use, _ in uses]
    kept = np.ones(lattice.spend.shape, dtype=bool)
    for (_, limit), most_used in zip(uses, worst, strict=True):
        if limit is not None:
            kept &= most_used <= limit * (1 + ROUNDING)
    return LimitedFrontier(curves, lattice, limits, worst[0], kept)


def _worst(use: FloatArray, made: list[npt.NDArray[np.int64]]) -> FloatArray:
    """Return the largest sum over the models on any instance, for every state [K_1..K_M].

    Parameters
    ----------
    use : float array [N, M]
        Of one attempt.
    made : M int arrays [N, K_m]
        Attempts made of those a state allows.
    """
    worst = np.zeros([each.shape[1] for each in made])
    for row in range(len(use)):
        total = np.zeros((1,) * len(made))
        for axis, each in enumerate(made):
            shape = [-1 if k == axis else 1 for k in range(len(made))]
            total = total + (use[row, axis] * each[row]).reshape(shape)
        np.maximum(worst, total, out=worst)
    return worst
