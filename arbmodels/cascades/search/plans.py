"""The plans that a search has found, and their mixtures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from arbmodels.cascades.hull import hull_vertices, undominated
from arbmodels.cascades.search.natural import Natural, Steps
from arbmodels.curves import SAME_RATE
from arbmodels.passk import FloatArray

#: Where nothing lies beyond, bounds at these multiples of the last slope are looked at.
_STEEPER = np.array([1.0, 3.0, 10.0])


class Plans:
    """Every beginning of every path that was scored, and to buy nothing.

    Parameters
    ----------
    natural : Natural
    """

    def __init__(self, natural: Natural) -> None:
        self.natural = natural
        self._seen: set[tuple[tuple[int, int], ...]] = set()
        self._paths: list[Steps] = [()]
        self._rate: list[FloatArray] = [np.zeros(1)]
        self._spend: list[FloatArray] = [np.zeros(1)]
        self._table: tuple[FloatArray, FloatArray, npt.NDArray[np.int64]] | None = None

    def add(self, steps: Steps) -> None:
        """Score a path, unless it is known."""
        key = tuple(steps)
        if not key or key in self._seen:
            return
        self._seen.add(key)
        found = self.natural.score(steps)
        self._paths.append(key)
        self._rate.append(found.solve_rate)
        self._spend.append(np.cumsum(found.spend))
        self._table = None

    @property
    def single(self) -> tuple[FloatArray, FloatArray, npt.NDArray[np.int64]]:
        """Undominated plans: solve rates and spends, both increasing, and numbers."""
        if self._table is None:
            rate, spend = np.concatenate(self._rate), np.concatenate(self._spend)
            kept = undominated(rate, spend)
            self._table = rate[kept], spend[kept], kept
        return self._table

    def useful(self) -> list[Steps]:
        """Return the paths that undominated plans are beginnings of."""
        lengths = [len(rate) for rate in self._rate]
        paths = np.searchsorted(np.cumsum(lengths), self.single[2], side="right")
        return [self._paths[path] for path in np.unique(paths)]

    @property
    def hull(self) -> tuple[FloatArray, FloatArray, npt.NDArray[np.int64]]:
        """The same for the plans that mixtures are made of."""
        rate, spend, number = self.single
        kept = hull_vertices(rate, spend)
        return rate[kept], spend[kept], number[kept]

    def spend_at(self, solve_rate: FloatArray) -> FloatArray:
        """Return the least spend of a mixture at each solve rate; NaN out of reach."""
        rate, spend, _ = self.hull
        inside = solve_rate <= rate[-1] + SAME_RATE
        return np.where(inside, np.interp(solve_rate, rate, spend), np.nan)

    def prices_at(self, solve_rate: FloatArray) -> FloatArray:
        """Return the slopes of the hull around each solve rate; at the last, also steeper ones."""
        rate, spend, _ = self.hull
        slope = np.diff(spend) / np.diff(rate)
        if not len(slope):
            return np.zeros(0)
        right = np.clip(np.searchsorted(rate, solve_rate), 1, len(slope)) - 1
        prices = slope[right]
        if np.any(solve_rate >= rate[-1] - SAME_RATE):
            prices = np.concatenate([prices, slope[-1] * _STEEPER])
        return np.unique(prices)

    def least(self, price: float) -> float:
        """Return the least sum of spend and priced unsolved share."""
        rate, spend, _ = self.hull
        return float((spend + price * (1.0 - rate)).min())

    def purchases(self, number: int) -> Steps:
        """Return the purchases of a plan."""
        lengths = np.array([len(rate) for rate in self._rate])
        ends = np.cumsum(lengths)
        path = int(np.searchsorted(ends, number, side="right"))
        return self._paths[path][: number - int(ends[path] - lengths[path]) + 1]
