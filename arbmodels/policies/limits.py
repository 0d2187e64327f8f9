"""Limits per instance, and the cheapest cascades that cannot break them, whatever happens."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from arbmodels._pandas import pd
from arbmodels.cascades.frontier import CascadeFrontier
from arbmodels.cascades.lattice import Lattice, Points, build_lattice
from arbmodels.curves import Curves, attempt_curves, check_attainable, solve_rates_of
from arbmodels.display import number
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes


#: Sums of costs within this (relative) of a limit keep it: 0.1 + 0.2 is not more than 0.3.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Limits:
    """What may be used on one instance at most; None is no limit.

    Parameters
    ----------
    dollars : float, currency units
        A purchase that would exceed it is not made, and nothing after it.
    attempts : int
    seconds : float
        Sum of the latencies of purchases made one after the other.

    Raises
    ------
    InputError
        If a limit is not positive and finite.

    Examples
    --------
    >>> Limits(dollars=0.5, attempts=3).label
    'at most 0.5 in money, 3 attempts per instance'
    """

    dollars: float | None = None
    attempts: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name in ("dollars", "attempts", "seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < np.inf:
                raise InputError(
                    f"The limit on {name} is {value}; give a positive finite number, or None."
                )

    @property
    def label(self) -> str:
        """The limits in words."""
        parts = (
            (self.dollars, "in money"),
            (self.attempts, "attempts"),
            (self.seconds, "seconds"),
        )
        given = [f"{value:g} {what}" for value, what in parts if value is not None]
        return f"at most {', '.join(given)} per instance" if given else "no limit per instance"


def seconds_of(seconds: Mapping[str, float] | None, models: Sequence[str], why: str) -> FloatArray:
    """Return the latency of one attempt of every model.

    Parameters
    ----------
    seconds : mapping
        Model -> seconds of one attempt, > 0.
    models : sequence of str
        Those that need one.
    why : str
        What latencies are for, for messages.

    Raises
    ------
    InputError
        If one is missing or no positive finite number.
    """
    known = {} if seconds is None else dict(seconds)
    missing = [model for model in models if model not in known]
    if missing:
        raise InputError(
            f"{why} needs the latency of {', '.join(map(repr, missing))}: give"
            " seconds={model: seconds of one attempt}."
        )
    values = np.array([float(known[model]) for model in models])
    for model, value in zip(models, values, strict=True):
        if not 0 < value < np.inf:
            raise InputError(f"An attempt of {model!r} takes {value:g} s; give a positive number.")
    return values


def attempts_made(curves: Curves, model: str, before: int, count: int) -> npt.NDArray[np.int64]:
    """Return how many of ``count`` attempts are made on every instance, [N].

    None where the model has no record, and none past the record under "stop-at-record".
    """
    market = curves.market
    recorded = market.attempts[:, market.model_index(model)]
    # Curves tell their billing in words only.
    if curves.billing.endswith("stop-at-record"):
        return np.clip(recorded - before, 0, count)
    return np.where(recorded > 0, count, 0)


class LatticeFrontier(CascadeFrontier):
    """A frontier that is exact on the states of a lattice of whole attempts."""

    exact = True

    if TYPE_CHECKING:

        @property
        def curves(self) -> Curves:
            """The curves that everything is scored on."""
            ...

    @property
    @abstractmethod
    def _states(self) -> tuple[FloatArray, FloatArray]:
        """Solve rate and least spend of every state, [K_1, .., K_M]; infinite if not allowed."""

    @cached_property
    def _points(self) -> Points:
        return Points.of(*self._states)

    @property
    def max_solve_rate(self) -> float:
        """Largest solve rate within the limits."""
        return self._points.max_solve_rate

    @cached_property
    def single_models(self) -> tuple[Points, ...]:
        """Every model alone, within the same limits."""
        count = len(self.names)
        axes = (tuple(slice(None) if k == m else 0 for k in range(count)) for m in range(count))
        return tuple(Points.of(*(table[axis] for table in self._states)) for axis in axes)

    def spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least expected spend of a plan within the limits at each solve rate.

        Parameters
        ----------
        solve_rate : array of probabilities

        Returns
        -------
        float array, currency units per instance
            NaN above :attr:`max_solve_rate`.
        """
        return self._points.spend_at(solve_rates_of(solve_rate))

    def bound_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return a proven lower bound on the spend: the spend itself, which is exact."""
        return self.spend_at(solve_rate)

    def _state_at(self, solve_rate: float) -> int:
        """Return the flat position of the cheapest state that reaches a solve rate."""
        rate = np.array(check_attainable(solve_rate, self.max_solve_rate))
        return int(self._points.number[self._points.first(rate)[0]])


@dataclass(frozen=True, eq=False, repr=False)
class LimitedFrontier(LatticeFrontier):
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
    allowed : bool array [K_1, .., K_M]
        States that keep the limits.
    """

    curves: Curves
    lattice: Lattice
    limits: Limits
    worst: FloatArray
    allowed: npt.NDArray[np.bool_]

    @property
    def _states(self) -> tuple[FloatArray, FloatArray]:
        return self.lattice.solve_rate, np.where(self.allowed, self.lattice.spend, np.inf)

    def worst_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return what the cheapest plan spends on an instance at most, currency units."""
        worst = self.worst.ravel()[self._points.number]
        return self._points.at(solve_rates_of(solve_rate), worst)

    def plan_at(self, solve_rate: float) -> Plan:
        """Return a cheapest plan within the limits.

        Raises
        ------
        InputError
            If none reaches the solve rate.
        """
        state = np.unravel_index(self._state_at(solve_rate), self.allowed.shape)
        runs = self.lattice.path([int(k) for k in state])
        return Plan(tuple((self.names[m], count) for m, count in runs))

    def to_frame(self) -> pd.DataFrame:
        """Return the undominated plans: solve rate, spend, worst case, attempts per model."""
        rate, spend, flat = self._points
        worst = self.worst.ravel()[flat]
        attempts = np.unravel_index(flat, self.allowed.shape)
        frame = pd.DataFrame({"solve_rate": rate, "spend": spend, "worst": worst})
        return frame.assign(**dict(zip(self.names, attempts, strict=True)))

    @property
    def _title(self) -> str:
        return f"Cascades on {self.market.name} with {self.limits.label}"

    def _columns(self, rates: FloatArray) -> dict[str, list[str]]:
        columns = super()._columns(rates)
        plans = columns.pop("plan")
        del columns[f"lower bound [{self._unit}]"], columns["gap"]
        worst = [number(most) for most in self.worst_at(rates)]
        return {**columns, f"worst case [{self.market.currency}]": worst, "plan": plans}

    @property
    def _note(self) -> str:
        return f"Exact over whole attempts; per instance. {self.billing}; in-sample."

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw mean and worst spend against the solve rate, and the models alone."""
        ax = super().plot(ax)
        rate = np.linspace(0, self.max_solve_rate, 400)
        ax.plot(100 * rate, self.worst_at(rate), color="#E69F00", ls="--", label="Worst case")
        if self.limits.dollars is not None:
            ax.axhline(self.limits.dollars, color="black", lw=0.8, ls=":", label="Limit")
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
    if limits.dollars is not None:
        curves.market.require_one_cost("a limit on an instance's spend")
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
    allowed = np.ones(lattice.spend.shape, dtype=bool)
    for (_, limit), most_used in zip(uses, worst, strict=True):
        if limit is not None:
            allowed &= most_used <= limit * (1 + ROUNDING)
    return LimitedFrontier(curves, lattice, limits, worst[0], allowed)


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
