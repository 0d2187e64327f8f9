"""Proven lower bounds on the cost of every policy, at some price vectors and between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.passk import FloatArray
from arbmodels.solver import Program, solve


@dataclass(frozen=True, eq=False)
class Proof:
    r"""What any policy must spend at some price vectors, and hence at all others.

    The least cost of reaching a solve rate by any policy, V(w), is concave in the prices w,
    homogeneous of degree one, and never falls when a price rises. Bounds b_p at price vectors w_p
    therefore bound it everywhere:

    .. math:: V(w) \ge \max \Big\{ \sum_p \theta_p b_p :
              \sum_p \theta_p w_p \le w, \; \theta \ge 0 \Big\}.

    Parameters
    ----------
    prices : float array [P, M]
        Multipliers of the list prices, > 0.
    bound : float array [P], currency units per instance
        No policy reaches the solve rate for less at these prices.
    """

    prices: FloatArray
    bound: FloatArray

    def __post_init__(self) -> None:
        prices, bound = inputs.numbers(self.prices, "prices"), inputs.numbers(self.bound, "bound")
        if prices.ndim != 2 or bound.shape != (len(prices),) or not len(prices):
            raise InputError(
                f"A proof needs one bound per price vector, not {bound.shape} bounds for prices of"
                f" shape {prices.shape}."
            )
        if not (np.all(np.isfinite(prices) & (prices > 0)) and np.all(bound >= 0)):
            raise InputError("The prices of a proof are finite and > 0, its bounds >= 0.")
        for name, value in (("prices", prices), ("bound", bound)):
            value.setflags(write=False)
            object.__setattr__(self, name, value)

    def at(self, prices: FloatArray) -> FloatArray:
        """Return the best bound that follows at price vectors [B, M]: a linear program each."""
        return np.array([self._at(w) for w in prices])

    def _at(self, w: FloatArray) -> float:
        if np.any(w <= 0):
            return 0.0
        share = self.prices / w
        count, models = share.shape
        size = float(self.bound.max())
        if size == 0.0:
            return 0.0
        found = solve(
            Program(
                self.bound / size,
                sparse.csr_array(share.T),
                np.full(models, -np.inf),
                np.ones(models),
                np.zeros(count),
                np.full(count, np.inf),
                maximise=True,
            )
        )
        # Any theta proves something: what the solver's tolerance leaves over is scaled away.
        theta = np.maximum(found.x, 0.0)
        used = float((theta @ share).max())
        alone = float((self.bound / share.max(axis=1)).max())
        return max(float(theta @ self.bound) / max(used, 1.0), alone)


def with_proof(old: Proof | None, prices: FloatArray, bound: FloatArray) -> Proof:
    """Return a proof with more price vectors; of equal ones the best bound is kept."""
    if old is not None:
        prices, bound = np.concatenate([old.prices, prices]), np.concatenate([old.bound, bound])
    every, where = np.unique(prices, axis=0, return_inverse=True)
    best = np.zeros(len(every))
    np.maximum.at(best, where.ravel(), bound)
    first = np.full(len(every), len(prices))
    np.minimum.at(first, where.ravel(), np.arange(len(prices)))
    order = np.argsort(first)
    return Proof(every[order], best[order])


def rates_of(solve_rates: npt.ArrayLike) -> FloatArray:
    """Return the solve rates that menus are wanted at, [U].

    Raises
    ------
    InputError
        If there is none, or one is no probability.
    """
    rates = np.atleast_1d(inputs.numbers(solve_rates, "Solve rates"))
    if rates.ndim != 1 or not len(rates) or not np.all((rates >= 0) & (rates <= 1)):
        raise InputError("Solve rates are a list of numbers between 0 and 1.")
    return rates


def checked_vectors(prices: npt.ArrayLike | None, models: int) -> FloatArray:
    """Return the price vectors that are asked for, list prices by default.

    Raises
    ------
    InputError
        If a multiplier is not above 0, or there is not one per model.
    """
    if prices is None:
        return np.ones((1, models))
    w = np.atleast_2d(inputs.numbers(prices, "Price vectors"))
    if w.ndim != 2 or w.shape[1] != models or not len(w):
        raise InputError(
            f"Price vectors have shape {np.shape(prices)}; give rows of one multiplier for each of"
            f" the {models} models."
        )
    if not np.all(np.isfinite(w) & (w > 0)):
        raise InputError("The multipliers at which menus are certified are finite and > 0.")
    return w
