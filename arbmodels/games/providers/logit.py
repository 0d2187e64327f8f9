"""Consumers who choose between direct and resold offers by nested logit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import lambertw

from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.menu import Menu, menus_of
from arbmodels.passk import FloatArray


class Choice(NamedTuple):
    """Shares of direct offers [B, M] and of the resold one [B], and consumer surplus [B]."""

    direct: FloatArray
    resold: FloatArray
    surplus: FloatArray


@dataclass(frozen=True, eq=False)
class LogitConsumers:
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
    menus: Sequence[Menu],
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
    menus : sequence of Menu
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
    menus = menus_of(menus)
    elasticity = inputs.number(elasticity, "The elasticity", 0.0, above=True)
    bought = inputs.number(bought, "The share who buy", 0.0, 1.0, above=True, below=True)
    direct = np.array([menu.single.min() for menu in menus])
    cascade = np.array([menu.cost(np.ones(len(menu.models)))[0] for menu in menus])
    price = np.where(np.isfinite(direct), direct, cascade)
    alpha = elasticity / price
    return LogitConsumers(
        np.array([menu.solve_rate for menu in menus]),
        price + np.log(bought / (1 - bought)) / alpha,
        alpha,
        sigma,
        mass,  # type: ignore[arg-type]  # any array-like, checked there
        captive,
    )
