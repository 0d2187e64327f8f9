"""The pool of plans that the columns of a menu are mixed from."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from arbmodels.cascades.hull import hull_vertices, undominated
from arbmodels.cascades.search.natural import Natural, Steps
from arbmodels.curves import SAME_RATE
from arbmodels.passk import FloatArray


class Pool:
    """Plans by what they solve and what they spend on each model at list prices.

    Begins with every number of attempts of every model alone, and all that is of use of all.

    Parameters
    ----------
    natural : Natural
        At list prices.
    """

    def __init__(self, natural: Natural) -> None:
        self.natural = natural
        models = len(natural.amounts)
        self._rate, self._spend = [np.zeros(1)], [np.zeros((1, models))]
        self._steps: list[Steps] = [()]
        # In the order they came: results must not depend on hashes.
        self._seen: dict[Steps, None] = {}
        self._single = []
        for m in range(models):
            failure, spend = (natural.of(t, m) for t in (natural.failure, natural.spend))
            rate = 1.0 - failure @ natural.weight
            table = np.zeros((len(rate), models))
            table[:, m] = spend @ natural.weight
            self._single.append((rate, table[:, m]))
            self._rate.append(rate[1:])
            self._spend.append(table[1:])
            self._steps += [((m, k),) for k in range(1, len(rate))]
        self.take([[(m, last) for m, last in enumerate(natural.last) if last]])

    @property
    def every(self) -> tuple[Steps, ...]:
        """All plans but those of models alone."""
        return tuple(self._seen)

    def take(self, paths: Iterable[Steps]) -> None:
        """Score plans that are not known."""
        for path in paths:
            steps = tuple(path)
            if not steps or steps in self._seen:
                continue
            self._seen[steps] = None
            found = self.natural.score(steps)
            models = np.array([m for m, _ in steps], dtype=np.int64)
            by_model = np.zeros(len(self.natural.amounts))
            np.add.at(by_model, models, found.spend)
            self._rate.append(found.solve_rate[-1:])
            self._spend.append(by_model[None])
            self._steps.append(steps)

    def _tables(self) -> tuple[FloatArray, FloatArray]:
        self._rate, self._spend = [np.concatenate(self._rate)], [np.concatenate(self._spend)]
        return self._rate[0], self._spend[0]

    def best(self, w: FloatArray) -> list[Steps]:
        """Return the plans that mixtures are made of at some prices."""
        rate, spend = self._tables()
        return [self._steps[k] for k in _hull(rate, spend @ w)]

    def mixtures(self, w: FloatArray, rates: FloatArray) -> FloatArray:
        """Return the spend on each model of the cheapest mixture for every solve rate, [U, M]."""
        rate, spend = self._tables()
        kept = _hull(rate, spend @ w)
        return _between(rate[kept], spend[kept], rates)

    def alone(self, rate: float) -> FloatArray:
        """Return the cost at list prices of each model alone, [M]; infinite out of reach."""
        found = np.full(len(self._single), np.inf)
        for m, (solved, spend) in enumerate(self._single):
            if rate <= solved.max() + SAME_RATE:
                kept = _hull(solved, spend)
                found[m] = _between(solved[kept], spend[kept, None], np.array([rate]))[0, 0]
        return found

    def start(self, rate: float) -> FloatArray:
        """Return the rows of the models alone, and of a mixture at list prices, [.., M]."""
        alone = self.alone(rate)
        reach = np.isfinite(alone)
        rows = np.diag(np.where(reach, alone, 0.0))[reach]
        return np.concatenate([rows, self.mixtures(np.ones(len(alone)), np.array([rate]))])


def _hull(rate: FloatArray, cost: FloatArray) -> npt.NDArray[np.int64]:
    kept = undominated(rate, cost)
    return kept[hull_vertices(rate[kept], cost[kept])]


def _between(rate: FloatArray, spend: FloatArray, wanted: FloatArray) -> FloatArray:
    """Interpolate rows of spends at solve rates; rates increasing. NaN past the last."""
    high = np.minimum(np.searchsorted(rate, wanted - SAME_RATE), len(rate) - 1)
    low = np.maximum(high - 1, 0)
    width = rate[high] - rate[low]
    share = np.clip((wanted - rate[low]) / np.where(width > 0, width, 1.0), 0.0, 1.0)
    share = np.where(width > 0, share, 1.0)[:, None]
    mixed: FloatArray = (1 - share) * spend[low] + share * spend[high]
    return np.where((wanted > rate[-1] + SAME_RATE)[:, None], np.nan, mixed)
