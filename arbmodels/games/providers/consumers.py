"""Consumers of a provider game: how many want which solve rate, and what they would pay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.menu import Menu, menus_of
from arbmodels.passk import FloatArray

#: Part of the highest willingness to pay that counts as none.
_NOTHING = 1e-9


@dataclass(frozen=True, eq=False)
class Consumers:
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
    menus: Sequence[Menu], choke: float, mass: npt.ArrayLike = 1.0, captive: float = 0.0
) -> Consumers:
    """Return consumers with linear demand at the solve rates of some menus.

    Nobody buys at ``choke`` times the cheapest price at list prices: that of the best model alone,
    or of the best cascade where no model alone reaches the solve rate.

    Raises
    ------
    InputError
        If the choke price is not above the list price.
    """
    menus = menus_of(menus)
    choke = inputs.number(choke, "The choke price over the list price", 1.0, above=True)
    direct = np.array([menu.single.min() for menu in menus])
    cascade = np.array([menu.cost(np.ones(len(menu.models)))[0] for menu in menus])
    return Consumers(
        np.array([menu.solve_rate for menu in menus]),
        high=choke * np.where(np.isfinite(direct), direct, cascade),
        mass=mass,  # type: ignore[arg-type]  # any array-like, checked there
        captive=captive,
    )
