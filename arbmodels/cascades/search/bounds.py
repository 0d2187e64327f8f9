"""Lower bounds at prices of unsolved instances, and what they say about solve rates."""

from __future__ import annotations

import numpy as np

from arbmodels.passk import FloatArray


class Bounds:
    """For a price, no policy has a smaller sum of spend and priced unsolved share than ``value``.

    One that solves u therefore spends at least value - price (1 - u).
    """

    def __init__(self) -> None:
        self._price: list[float] = []
        self._value: list[float] = []

    def add(self, price: float, value: float) -> None:
        """Take note of a bound, both in currency units per instance."""
        self._price.append(price)
        self._value.append(value)

    def at(self, solve_rate: FloatArray) -> FloatArray:
        """Return the best bound on the spend at each solve rate, [U]."""
        price, value = np.array(self._price), np.array(self._value)
        every = value - price * (1.0 - solve_rate[:, None])
        least: FloatArray = every.max(axis=1, initial=0.0)
        return least
