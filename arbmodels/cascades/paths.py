"""Known paths of purchases as a frontier: every beginning of every path is a plan.

The last run of purchases of a path is followed amount by amount on its model's own grid, and where
the curves are log-linear it may stop anywhere between two of them. So a path that overshoots a
solve rate offers the plan that reaches it, and the path that buys from one model only offers that
model's own frontier.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from arbmodels.cascades.lattice import cut_steps, undominated
from arbmodels.cascades.search.tables import Natural, Steps
from arbmodels.curves import SAME_RATE, log_budget
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan

IntArray = npt.NDArray[np.int64]


class Paths:
    """The cheapest beginnings of some paths.

    Parameters
    ----------
    natural : Natural
        The curves, tabulated.
    paths : iterable of Steps
        Purchases (model, position it is taken to), in order.
    """

    def __init__(self, natural: Natural, paths: Iterable[Steps]) -> None:
        self.natural = natural
        self._paths = list(dict.fromkeys(tuple(_followed(steps)) for steps in paths))
        scored = [natural.score(steps) for steps in self._paths]
        # Point 0 is to buy nothing; step k of a path leads from the point before it to point k.
        self._first = np.cumsum([1, *(len(steps) for steps in self._paths)])
        self.rate = np.concatenate([[0.0], *(each.solve_rate for each in scored)])
        self.spend = np.concatenate([[0.0], *(np.cumsum(each.spend) for each in scored)])
        steps = np.array([step for steps in self._paths for step in steps]).reshape(-1, 2)
        self._model, self._end = steps.T.astype(np.int64)
        self._start = np.arange(len(self._model))  # the point a step starts from
        self._start[self._first[:-1] - 1] = 0
        by_one = [one for steps in self._paths for one in _single(steps)]
        self._by_one = np.array(by_one, dtype=bool)
        self._kept = undominated(self.rate, self.spend)

    @property
    def points(self) -> tuple[FloatArray, FloatArray, IntArray]:
        """Undominated plans on the grids: solve rates and spends, both increasing, and numbers."""
        return self.rate[self._kept], self.spend[self._kept], self._kept

    def useful(self) -> list[Steps]:
        """Return the paths that undominated plans are beginnings of."""
        path = np.searchsorted(self._first, self._kept[self._kept > 0], side="right") - 1
        return [self._paths[each] for each in np.unique(path)]

    def cheapest(self, target: FloatArray) -> tuple[FloatArray, IntArray, FloatArray]:
        """Return spend, number and amount of the last purchase (NaN: all of it), per solve rate."""
        rate, spend, number = self.points
        position = np.searchsorted(rate, target - SAME_RATE)
        inside = position < len(rate)
        position = np.minimum(position, len(rate) - 1)
        best, chosen = np.where(inside, spend[position], np.nan), number[position]
        amount = np.full(len(target), np.nan)
        if self.natural.curves.continuous and len(self._model):
            grids = [log_budget(grid) for grid in self.natural.amounts]
            first = np.cumsum([0, *map(len, grids)])[self._model]
            log_grid = np.concatenate(grids)
            low, high = log_grid[first + self._end - 1], log_grid[first + self._end]
            step = np.flatnonzero(self._by_one)
            start, end = self._start[step], step + 1
            cut = cut_steps(
                self.rate[start],
                self.rate[end],
                self.spend[start],
                self.spend[end] - self.spend[start],
                lambda which: (low[step[which]], high[step[which]]),
                target,
                best,
            )
            best[cut.target], chosen[cut.target] = cut.spend, end[cut.step]
            amount[cut.target] = cut.amount
        return best, chosen, amount

    def plan(self, number: int, amount: float) -> Plan:
        """Return a plan by its number, its last purchase stopping at an amount (NaN: in full)."""
        steps = self.purchases(number)
        if np.isnan(amount):
            return self.natural.plan(steps)
        # From the amount itself, which may be a tiny part of the budget that the cell ends with.
        *before, (name, _) = self.natural.plan(steps).stages
        used = sum(more for other, more in before if other == name)
        return Plan((*before, (name, amount - used)), self.natural.curves.unit)

    def purchases(self, number: int) -> list[tuple[int, int]]:
        """Return the purchases of a plan, amount by amount."""
        if number == 0:
            return []
        path = int(np.searchsorted(self._first, number, side="right")) - 1
        return list(self._paths[path][: number - int(self._first[path]) + 1])

    def spend_by_model(self, number: int, spend: float) -> FloatArray:
        """Return the spend on each model of a plan that spends ``spend`` in total, [M]."""
        steps = self.purchases(number)
        models = np.array([m for m, _ in steps], dtype=np.int64)
        each = self.natural.score(steps).spend
        if len(each):
            # The last purchase may have been cut, to a tiny part of what it spends in full.
            each[-1] = max(spend - each[:-1].sum(), 0.0)
        by_model = np.zeros(len(self.natural.amounts))
        np.add.at(by_model, models, each)
        return by_model

    def amounts(self, numbers: IntArray) -> FloatArray:
        """Return the amount of each model that plans end with, [len(numbers), M]."""
        table = np.zeros((len(numbers), len(self.natural.amounts)))
        for row, number in enumerate(numbers.tolist()):
            for model, end in self.purchases(number):
                table[row, model] = self.natural.amounts[model][end]
        return table


def _followed(steps: Steps) -> list[tuple[int, int]]:
    """Follow the last run amount by amount; runs before it stay as they are."""
    runs: list[tuple[int, int]] = []
    for model, end in steps:
        if runs and runs[-1][0] == model:
            runs.pop()
        runs.append((model, end))
    if runs:
        model, end = runs.pop()
        here = dict(runs)
        runs += [(model, position) for position in range(here.get(model, 0) + 1, end + 1)]
    return runs


def _single(steps: Steps) -> Iterator[bool]:
    """Whether each purchase takes its model to the next amount of its grid."""
    here: dict[int, int] = {}
    for model, end in steps:
        yield end == here.get(model, 0) + 1
        here[model] = end
