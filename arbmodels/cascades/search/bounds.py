"""Lower bounds at prices of unsolved instances, and what they say about solve rates."""

from __future__ import annotations

import numpy as np

from arbmodels.passk import FloatArray


class Bounds:
    """For a price, no policy has a smaller sum of spend and priced unsolved share than ``value``.

    One that solves u therefore spends at least value - price (1 - u).

    Attributes
    ----------
    largest : int
        States of the largest lattice that was made for them.
    """

    def __init__(self) -> None:
        self.largest = 0
        self._price: list[float] = []
        self._value: list[float] = []

    def add(self, price: float, value: float) -> None:
        """Take note of a bound, both in currency units per instance."""
        self._price.append(price)
        self._value.append(value)

    def pairs(self) -> list[tuple[float, float]]:
        """Return all prices with their values."""
        return list(zip(self._price, self._value, strict=True))

    def at(self, solve_rate: FloatArray) -> FloatArray:
        """Return the best bound on the spend at each solve rate, [U]."""
        price, value = np.array(self._price), np.array(self._value)
        every = value - price * (1.0 - solve_rate[:, None])
        least: FloatArray = every.max(axis=1, initial=0.0)
        return least


class Excluded:
    """What is known of policies that a search leaves out.

    At some prices their spend plus priced unsolved share is at least a value. A policy's sum is
    linear in the price, so between two prices its bounds interpolate; it never falls with the
    price, and no faster than in proportion.
    """

    def __init__(self) -> None:
        self._known: list[tuple[FloatArray, FloatArray]] = []

    def __bool__(self) -> bool:
        return bool(self._known)

    def add(self, prices: FloatArray, values: FloatArray) -> None:
        """Take note of policies left out; prices increasing."""
        self._known.append((np.append(0.0, prices), np.append(0.0, values)))

    def bound(self, price: float) -> float:
        """Return what none of them undercuts at a price; infinite where none is left out."""
        every = (float(np.interp(price, prices, values)) for prices, values in self._known)
        return min(every, default=float("inf"))
