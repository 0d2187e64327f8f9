"""The distribution of what one instance costs: exact mean, quantiles, CVaR and worst case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.curves import Curves
from arbmodels.display import (
    ARBITRAGEUR_COLOUR,
    Displayed,
    TextTable,
    new_axes,
    number,
    percent,
)
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan
from arbmodels.policies.limits import Limits
from arbmodels.policies.steps import attempts_curves, limited, steps_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Quantity = Literal["spend", "attempts", "seconds"]


@dataclass(frozen=True, eq=False, repr=False)
class SpendDistribution(Displayed):
    """Where a plan stops on every instance, and what that costs.

    Made by :func:`arbmodels.policies.spend_distribution`. An instance is drawn by its weight; the
    plan ends at its first success, at a limit, or at its end.

    Parameters
    ----------
    plan : Plan
    market : Market
    limits : Limits
    parallel : bool
        Whether every stage was a batch of attempts paid together.
    probability : float array [N, T + 1]
        That the plan ends after t purchases; rows sum to one.
    used : mapping
        "spend" (currency units), "attempts", and "seconds" if latencies were given -> float array
        [N, T + 1] of what t purchases come to.
    solve : float array [N]
        Probability that the plan solves the instance within the limits.
    convention : str
    """

    plan: Plan
    market: Market
    limits: Limits
    parallel: bool
    probability: FloatArray
    used: Mapping[str, FloatArray]
    solve: FloatArray
    convention: str

    @property
    def solve_rate(self) -> float:
        """Weighted mean solve probability within the limits."""
        return float(self.market.weight @ self.solve)

    def mean(self, of: Quantity = "spend") -> float:
        """Return the expectation over instances and outcomes."""
        value, mass = self.law(of)
        return float(value @ mass)

    def standard_deviation(self, of: Quantity = "spend") -> float:
        """Return the standard deviation over instances and outcomes."""
        value, mass = self.law(of)
        return float(np.sqrt(mass @ (value - value @ mass) ** 2))

    def quantile(self, level: npt.ArrayLike, of: Quantity = "spend") -> FloatArray:
        """Return the least value that is not exceeded with probability ``level``.

        Parameters
        ----------
        level : array of probabilities
        of : {"spend", "attempts", "seconds"}
        """
        wanted = np.asarray(level, dtype=float)
        if not np.all((wanted >= 0) & (wanted <= 1)):
            raise InputError("The level of a quantile lies between 0 and 1.")
        value, mass = self.law(of)
        position = np.searchsorted(np.cumsum(mass), wanted - 1e-12)
        return value[np.minimum(position, len(value) - 1)]

    def cvar(self, level: float = 0.95, of: Quantity = "spend") -> float:
        r"""Return the mean of the worst share 1 - ``level`` of outcomes.

        :math:`\min_\eta \eta + E(X - \eta)^+ / (1 - \alpha)`, which splits the outcome at the
        quantile as needed (Rockafellar and Uryasev 2000).
        """
        check_level(level)
        value, mass = self.law(of)
        return cvar_of(value, mass, level)

    def worst(self, of: Quantity = "spend") -> float:
        """Return what an instance can use at most, however improbable: the bill if all fails."""
        return float(self.used[self._known(of)][:, -1].max())

    @cached_property
    def worst_by_instance(self) -> FloatArray:
        """Spend on every instance if nothing succeeds, [N], currency units."""
        return self.used["spend"][:, -1]

    def law(self, of: Quantity = "spend") -> tuple[FloatArray, FloatArray]:
        """Return the values in increasing order and their probabilities, which sum to one."""
        value = self.used[self._known(of)].ravel()
        mass = (self.market.weight[:, None] * self.probability).ravel()
        there = mass > 0
        values, position = np.unique(value[there], return_inverse=True)
        return values, np.bincount(position, mass[there]).astype(np.float64)

    def _known(self, of: Quantity) -> str:
        if of not in self.used:
            raise InputError(
                f"No distribution of {of!r}; there is {', '.join(map(repr, self.used))}. Give"
                " seconds={model: seconds of one attempt} for the time."
            )
        return of

    def to_frame(self) -> pd.DataFrame:
        """Return one row per instance: solve probability, expected and worst use."""
        frame = pd.DataFrame({"instance": self.market.instances, "solve": self.solve})
        for what, values in self.used.items():
            frame[f"mean_{what}"] = (self.probability * values).sum(axis=1)
            frame[f"worst_{what}"] = values[:, -1]
        return frame

    def table(self) -> TextTable:
        """Return mean, quantiles, CVaR and worst case of spend, attempts and time."""
        units = {"spend": self.market.currency, "attempts": "", "seconds": "s"}
        rows = []
        for what in self.used:
            of: Quantity = what  # type: ignore[assignment]
            cells = [self.mean(of), self.standard_deviation(of)]
            cells += [*self.quantile([0.5, 0.9, 0.99], of), self.cvar(0.95, of), self.worst(of)]
            rows.append((f"{what} {units[what]}".strip(), *map(number, cells)))
        how = ", every stage in parallel" if self.parallel else ""
        return TextTable(
            f"{self.plan.summary}{how}: solve rate {percent(self.solve_rate, 2)}",
            ("per instance", "mean", "s.d.", "median", "90%", "99%", "CVaR 95%", "worst case"),
            rows,
            f"{self.limits.label}; CVaR 95%: mean of the worst 5%; worst case: nothing succeeds on"
            f" the dearest instance. {self.convention}; in-sample.",
        )

    def plot(self, axes: Axes | None = None, of: Quantity = "spend") -> Axes:
        """Draw how probable it is to use more than an amount, with mean, CVaR and worst case."""
        axes = new_axes() if axes is None else axes
        value, mass = self.law(of)
        more = np.maximum(1.0 - np.cumsum(mass), 0.0)
        axes.step(np.append(0.0, value), np.append(1.0, more), where="post", color="#0072B2")
        for at, label, dashes in (
            (self.mean(of), "mean", "-"),
            (self.cvar(0.95, of), "CVaR 95%", "--"),
            (self.worst(of), "worst case", ":"),
        ):
            axes.axvline(at, color=ARBITRAGEUR_COLOUR, ls=dashes, lw=1.2, label=label)
        unit = {"spend": f"{self.market.currency} per instance", "seconds": "s"}.get(of, "")
        axes.set_xlabel(f"{of.capitalize()} {f'({unit})' if unit else 'per instance'}")
        axes.set_ylabel("Probability of more")
        axes.set_title(f"{self.market.name}: {percent(self.solve_rate)} solved")
        axes.legend(frameon=False)
        return axes


def spend_distribution(
    plan: Plan,
    market: Market | Curves,
    *,
    limits: Limits | None = None,
    parallel: bool = False,
    seconds: Mapping[str, float] | None = None,
) -> SpendDistribution:
    r"""Return the exact distribution of spend, attempts and time of a plan per instance.

    With S_t the probability that the first t purchases all fail on instance i, the plan ends after
    purchase t with probability :math:`S_{t-1} - S_t`, having paid all purchases up to it.

    Parameters
    ----------
    plan : Plan
        In attempts.
    market : Market or Curves
        A market is scored with unbiased pass@k, stopping at the record. Give
        ``attempt_curves(market, ...)`` for another convention.
    limits : Limits, optional
        Per instance: an instance stops for good before the first purchase that would break one.
    parallel : bool
        Every stage of the plan is then one batch: its attempts run together, all are paid even if
        the first succeeds, and it takes the time of one attempt.
    seconds : mapping, optional
        Model -> latency of one attempt.

    Returns
    -------
    SpendDistribution

    Raises
    ------
    InputError
        If the plan or the curves count dollars, the plan names an unknown model, or a latency is
        missing.

    Examples
    --------
    >>> market = Market(["a"], ["x"], [[4]], [[2]], [[1.0]])
    >>> result = spend_distribution(Plan((("a", 2),)), market)
    >>> result.mean(), result.worst(), round(result.solve_rate, 3)
    (1.5, 2.0, 0.833)
    """
    curves = attempts_curves(market, plan)
    limits = Limits() if limits is None else limits
    steps = limited(steps_of(plan, curves, parallel=parallel, seconds=seconds), limits)
    ends = np.maximum(-np.diff(steps.unsolved, axis=1), 0.0)
    probability = np.concatenate([np.zeros((len(ends), 1)), ends], axis=1)
    probability[:, -1] += steps.unsolved[:, -1]
    each = {"spend": steps.paid, "attempts": steps.attempts, "seconds": steps.seconds}
    used = {
        what: np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
        for what, values in each.items()
        if values is not None
    }
    return SpendDistribution(
        plan,
        curves.market,
        limits,
        parallel,
        probability,
        used,
        1.0 - steps.unsolved[:, -1],
        curves.convention,
    )


def check_level(level: float) -> None:
    """Raise an InputError unless a CVaR can have this level."""
    if not 0 <= level < 1:
        raise InputError(f"The level of a CVaR is at least 0 and below 1, not {level:g}.")


def cvar_of(value: FloatArray, mass: FloatArray, level: float) -> float:
    """Return the mean of the worst share 1 - level; values increasing, mass summing to one."""
    tail = 1.0 - level
    from_top = np.cumsum(mass[::-1])
    taken = np.diff(np.minimum(from_top, tail), prepend=0.0)
    # What rounding leaves of the tail is at the least value.
    taken[-1] += tail - min(float(from_top[-1]), tail)
    return float(taken @ value[::-1] / tail)
