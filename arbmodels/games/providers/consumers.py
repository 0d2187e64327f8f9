"""Consumers of a provider game: how many want which solve rate, and what they would pay.

Consumers who choose between direct and resold offers by nested logit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import lambertw

from arbmodels.display import Displayed, TextTable, brief, percent, summary
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.cascade_set import CascadeSet, checked_sets
from arbmodels.passk import FloatArray


class Choice(NamedTuple):
    """Shares of direct offers [B, M] and of the resold one [B], and consumer surplus [B]."""

    direct: FloatArray
    resold: FloatArray
    surplus: FloatArray

    def __repr__(self) -> str:
        return brief(self)


@dataclass(frozen=True, eq=False, repr=False)
class LogitConsumers(Displayed):
    r"""Nested logit at every solve rate: models bought directly, one resold cascade, nothing.

    An offer at price p has utility :math:`\alpha_u (v_u - p)` plus a nested logit taste; direct
    offers are one nest with parameter sigma, the resold cascade is another, buying nothing has
    utility 0. Arbitrageurs' offers are the same to consumers, so two or more sell at cost.

    Parameters
    ----------
    solve_rates : float array [U]
    value : float or float array [U], currency units per instance
        v: what a solved instance is worth; at that price, half of the consumers buy a lone offer.
    sensitivity : float or float array [U], per currency unit
        alpha > 0.
    sigma : float in [0, 1)
        Correlation of tastes for direct offers.
    mass : float or float array [U]
    captive : float in [0, 1)

    Raises
    ------
    InputError
        If a number is out of its range or the lengths do not fit.

    References
    ----------
    McFadden, *Modelling the choice of residential location*, in Spatial interaction theory and
    planning models, North-Holland (1978).

    Berry, *Estimating discrete-choice models of product differentiation*, RAND Journal of Economics
    25 (1994), equations 25 to 28.
    """

    solve_rates: FloatArray
    value: FloatArray | float
    sensitivity: FloatArray | float
    sigma: float = 0.0
    mass: FloatArray | float = 1.0
    captive: float = 0.0

    def __post_init__(self) -> None:
        rates = np.atleast_1d(inputs.numbers(self.solve_rates, "Solve rates"))
        if rates.ndim != 1 or not len(rates) or not np.all((rates >= 0) & (rates <= 1)):
            raise InputError("Solve rates are a list of numbers between 0 and 1.")
        for name in ("value", "sensitivity", "mass"):
            array = inputs.numbers(getattr(self, name), f"{name} of consumers")
            if array.shape not in ((), rates.shape) or not np.all(np.isfinite(array)):
                raise InputError(
                    f"{name} of consumers is one finite number, or one per solve rate"
                    f" ({len(rates)})."
                )
            object.__setattr__(self, name, np.broadcast_to(array, rates.shape).copy())
        if np.any(np.asarray(self.sensitivity) <= 0):
            raise InputError("The sensitivity to prices is > 0.")
        if np.any(np.asarray(self.mass) < 0) or np.sum(self.mass) == 0:
            raise InputError("The mass of consumers is >= 0, and > 0 at some solve rate.")
        for name, what in (("sigma", "Sigma"), ("captive", "The captive share")):
            share = inputs.number(getattr(self, name), what, 0.0, 1.0, below=True)
            object.__setattr__(self, name, share)
        object.__setattr__(self, "solve_rates", rates)

    def table(self) -> TextTable:
        """Return how many buy at what prices."""
        return TextTable(
            f"Logit consumers at {len(self.solve_rates):,} solve rates",
            ("what", "value"),
            [
                ("solve rates", summary(self.solve_rates)),
                ("value of a solved instance [currency units]", summary(self.value)),
                ("price sensitivity [per currency unit]", summary(self.sensitivity)),
                ("correlation within the nest", summary(self.sigma)),
                ("mass", summary(self.mass)),
                ("captive share", percent(self.captive)),
            ],
        )

    def choose(self, u: int, direct: FloatArray, resold: FloatArray) -> Choice:
        """Return shares at prices of the direct offers [B, M] and the resold one [B].

        Infinite prices stand for no offer.
        """
        alpha, value = self.sensitivity[u], self.value[u]  # type: ignore[index]
        scale = 1.0 - self.sigma
        utility = alpha * (value - direct) / scale
        top = utility.max(axis=1)
        offered = np.isfinite(top)
        base = np.where(offered, top, 0.0)
        inside = np.exp(np.minimum(utility - base[:, None], 0.0))
        total = inside.sum(axis=1)
        with np.errstate(divide="ignore"):
            nest = np.where(offered, scale * (base + np.log(total)), -np.inf)
        other = alpha * (value - resold)
        largest = np.maximum(np.maximum(nest, other), 0.0)
        first, second, nothing = np.exp(nest - largest), np.exp(other - largest), np.exp(-largest)
        whole = first + second + nothing
        within = inside / np.where(total > 0, total, 1.0)[:, None]
        return Choice(
            (first / whole)[:, None] * within,
            second / whole,
            (largest + np.log(whole)) / alpha,
        )

    def alone_price(self, u: int, cost: FloatArray, direct: FloatArray) -> FloatArray:
        r"""Return the best price of one arbitrageur against direct offers.

        :math:`\alpha (p - c) = 1 + W(e^{\alpha (v - c) - 1} / D)`, D the other terms of the
        denominator.
        """
        alpha, value = self.sensitivity[u], self.value[u]  # type: ignore[index]
        nobody = np.full(len(cost), np.inf)
        chosen = self.choose(u, direct, nobody)
        # Without him the surplus is log(D) / alpha.
        exponent = alpha * (value - cost) - 1.0 - alpha * chosen.surplus
        markup = 1.0 + _lambert_of_exp(exponent)
        return np.asarray(cost + markup / alpha)


def _lambert_of_exp(exponent: FloatArray) -> FloatArray:
    """W(exp(x)), by Newton where exp(x) would overflow."""
    small = np.minimum(exponent, 500.0)
    value = lambertw(np.exp(small)).real
    large = exponent > 500.0
    if large.any():
        x = exponent[large]
        w = x - np.log(x)
        for _ in range(4):
            w -= (w + np.log(w) - x) / (1 + 1 / w)
        value[large] = w
    return np.asarray(value)


def logit_consumers(
    cascade_sets: Sequence[CascadeSet],
    *,
    elasticity: float = 3.0,
    bought: float = 0.8,
    sigma: float = 0.0,
    mass: npt.ArrayLike = 1.0,
    captive: float = 0.0,
) -> LogitConsumers:
    """Return logit consumers scaled to list prices.

    Parameters
    ----------
    cascade_sets : sequence of CascadeSet
    elasticity : float > 0
        Sensitivity x the cheapest price at list prices.
    bought : float in (0, 1)
        Share that would buy a lone offer at that price.
    sigma, mass, captive
        As in :class:`LogitConsumers`.

    Raises
    ------
    InputError
        If a number is out of its range.
    """
    cascade_sets = checked_sets(cascade_sets)
    elasticity = inputs.number(elasticity, "The elasticity", 0.0, above=True)
    bought = inputs.number(bought, "The share who buy", 0.0, 1.0, above=True, below=True)
    direct = np.array([cascade_set.single.min() for cascade_set in cascade_sets])
    cascade = np.array(
        [cascade_set.cost(np.ones(len(cascade_set.models)))[0] for cascade_set in cascade_sets]
    )
    price = np.where(np.isfinite(direct), direct, cascade)
    alpha = elasticity / price
    return LogitConsumers(
        np.array([cascade_set.solve_rate for cascade_set in cascade_sets]),
        price + np.log(bought / (1 - bought)) / alpha,
        alpha,
        sigma,
        mass,  # type: ignore[arg-type]  # any array-like, checked there
        captive,
    )


#: Part of the highest willingness to pay that counts as none.
_NOTHING = 1e-9


@dataclass(frozen=True, eq=False, repr=False)
class Consumers(Displayed):
    r"""Mass and willingness to pay over solve rates.

    At solve rate u the share of consumers who buy at price p is

    .. math:: Q_u(p) = 1 \; (p \le l_u), \quad \frac{h_u - p}{h_u - l_u} \; (l_u < p < h_u),
              \quad 0 \; (p \ge h_u)

    (willingness to pay uniform between l and h: linear demand with l = 0), everybody up to h if
    l = h (unit demand), or the share of a sample with a willingness to pay of at least p.

    Parameters
    ----------
    solve_rates : float array [U]
    low, high : float or float array [U], currency units per instance
        0 <= low <= high, high > 0.
    mass : float or float array [U]
        Consumers per solve rate; one by default. Only proportions matter for prices.
    captive : float in [0, 1)
        Share of every solve rate's consumers who buy from providers only.
    sample : float array [n], optional
        Observed willingness to pay, the same at every solve rate; replaces low and high.

    Raises
    ------
    InputError
        If a number is out of its range or the lengths do not fit.

    Examples
    --------
    >>> Consumers([0.7], low=0.0, high=0.2).quantity(0, [0.1, 0.3]).tolist()
    [0.5, 0.0]
    """

    solve_rates: FloatArray
    low: FloatArray | float = 0.0
    high: FloatArray | float = np.nan
    mass: FloatArray | float = 1.0
    captive: float = 0.0
    sample: FloatArray | None = None

    def __post_init__(self) -> None:
        rates = np.atleast_1d(inputs.numbers(self.solve_rates, "Solve rates"))
        if rates.ndim != 1 or not len(rates) or not np.all((rates >= 0) & (rates <= 1)):
            raise InputError("Solve rates are a list of numbers between 0 and 1.")
        sample = None
        if self.sample is not None:
            sample = np.sort(inputs.numbers(self.sample, "A sample of willingness to pay").ravel())
            if not len(sample) or not np.all(np.isfinite(sample) & (sample > 0)):
                raise InputError("A sample of willingness to pay holds numbers > 0, at least one.")
            low, high = sample[0], sample[-1]
        else:
            low, high = self.low, self.high
        ends = {
            name: self._per_rate(name, value, len(rates))
            for name, value in (("low", low), ("high", high), ("mass", self.mass))
        }
        if (
            np.any(ends["low"] < 0)
            or np.any(ends["high"] < ends["low"])
            or np.any(ends["high"] <= 0)
        ):
            raise InputError(
                "The willingness to pay lies between low and high with 0 <= low <= high and"
                " high > 0 at every solve rate."
            )
        if np.any(ends["mass"] < 0) or ends["mass"].sum() == 0:
            raise InputError("The mass of consumers is >= 0, and > 0 at some solve rate.")
        captive = inputs.number(self.captive, "The captive share", 0.0, 1.0, below=True)
        object.__setattr__(self, "captive", captive)
        # So near to nothing that a price there would be rounding.
        ends["low"][ends["low"] < _NOTHING * ends["high"]] = 0.0
        object.__setattr__(self, "solve_rates", rates)
        object.__setattr__(self, "sample", sample)
        for name, value in ends.items():
            object.__setattr__(self, name, value)

    def table(self) -> TextTable:
        """Return how many buy at what prices."""
        return TextTable(
            f"Consumers at {len(self.solve_rates):,} solve rates",
            ("what", "value"),
            [
                ("solve rates", summary(self.solve_rates)),
                ("nobody pays more than [currency units/instance]", summary(self.high)),
                ("everybody pays up to [currency units/instance]", summary(self.low)),
                ("sample of willingness to pay", summary(self.sample)),
                ("mass", summary(self.mass)),
                ("captive share", percent(self.captive)),
            ],
        )

    @staticmethod
    def _per_rate(name: str, value: npt.ArrayLike, count: int) -> FloatArray:
        array = inputs.numbers(value, f"{name} of consumers")
        if array.shape not in ((), (count,)) or not np.all(np.isfinite(array)):
            raise InputError(
                f"{name} of consumers is one finite number, or one per solve rate ({count})."
            )
        return np.broadcast_to(array, (count,)).copy()

    @property
    def highest(self) -> FloatArray:
        """Price at which nobody buys any more, [U]."""
        return np.asarray(self.high)

    def knots(self, u: int) -> FloatArray:
        """Prices at which the formula of Q changes, increasing."""
        if self.sample is not None:
            return np.unique(self.sample)
        return np.unique([self.low[u], self.high[u]])  # type: ignore[index]

    def quantity(self, u: int, price: npt.ArrayLike) -> FloatArray:
        """Return Q at prices, for the solve rate at position ``u``."""
        p = np.asarray(price, dtype=float)
        if self.sample is not None:
            at_least = len(self.sample) - np.searchsorted(self.sample, p, side="left")
            return np.asarray(at_least / len(self.sample))
        low, high = self.low[u], self.high[u]  # type: ignore[index]
        if high == low:
            return np.where(p <= high, 1.0, 0.0)
        return np.asarray(np.clip((high - np.minimum(p, high)) / (high - low), 0.0, 1.0))

    def surplus(self, u: int, price: npt.ArrayLike) -> FloatArray:
        """Return what consumers gain over paying, the integral of Q above each price."""
        p = np.asarray(price, dtype=float)
        if self.sample is not None:
            gained = self.sample - np.minimum(p, self.sample[-1])[..., None]
            return np.asarray(np.maximum(gained, 0.0).mean(axis=-1))
        low, high = float(self.low[u]), float(self.high[u])  # type: ignore[index]
        capped = np.minimum(p, high)
        above = np.maximum(capped, low)
        width = high - low
        linear = 0.5 * (high - above) ** 2 / width if width else np.zeros_like(capped)
        return np.asarray(linear + np.maximum(low - capped, 0.0))

    def monopoly_price(self, u: int, cost: npt.ArrayLike) -> FloatArray:
        """Return the best price of a lone seller of one product at each cost.

        Raises
        ------
        InputError
            For a sample: its best price below another seller's has no closed form.
        """
        if self.sample is not None:
            raise InputError(
                "A sample of willingness to pay needs arbitrageurs without market power: none, or"
                " at least two with the same overhead. Use uniform (low, high) or unit demand"
                " (low = high) otherwise."
            )
        low, high = self.low[u], self.high[u]  # type: ignore[index]
        if low == high:
            return np.full(np.shape(cost), high)
        return np.asarray(np.maximum(low, (high + np.asarray(cost, dtype=float)) / 2))


def linear_consumers(
    cascade_sets: Sequence[CascadeSet],
    choke_multiple: float,
    mass: npt.ArrayLike = 1.0,
    captive: float = 0.0,
) -> Consumers:
    """Return consumers with linear demand at the solve rates of some cascade sets.

    Nobody buys at ``choke_multiple`` times the cheapest list price: that of the best model alone,
    or of the best cascade where no model alone reaches the solve rate.

    Raises
    ------
    InputError
        If the choke price is not above the list price.
    """
    cascade_sets = checked_sets(cascade_sets)
    what = "The choke price over the list price"
    choke_multiple = inputs.number(choke_multiple, what, 1.0, above=True)
    direct = np.array([cascade_set.single.min() for cascade_set in cascade_sets])
    cascade = np.array(
        [cascade_set.cost(np.ones(len(cascade_set.models)))[0] for cascade_set in cascade_sets]
    )
    price = np.where(np.isfinite(direct), direct, cascade)
    free = np.flatnonzero(price == 0)
    if len(free):
        rate = cascade_sets[int(free[0])].solve_rate
        raise InputError(
            f"A solve rate of {rate:g} is free at list prices: no multiple of its price says what"
            " consumers would pay. Leave the free model out, choose higher solve rates, or"
            " give Consumers(high=...)."
        )
    return Consumers(
        np.array([cascade_set.solve_rate for cascade_set in cascade_sets]),
        high=choke_multiple * price,
        mass=mass,  # type: ignore[arg-type]  # any array-like, checked there
        captive=captive,
    )
