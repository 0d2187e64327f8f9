"""Coordinate ascent over the dollars of every model, blocks in the ratio order: a peer.

What a practitioner would write: for a value V of a solved instance, maximise V x solve rate - spend
over one budget per model, one model after the other, each over all points of the budget grid, until
nothing improves; blocks are served in the order of expected cost per solve probability, each block
taken alone (c / p). V is swept from small to large, every run starting where the last one ended and
once more from the dearest model alone. Every allocation looked at counts as found.

It uses the package's curves, so that it is scored in the same accounting, and nothing else of it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

import arbmodels as arb

FloatArray = npt.NDArray[np.float64]

#: Values of a solved instance, relative to the largest mean cost of an attempt.
_VALUES = np.logspace(0, 4, 60)


class CoordinateAscent:
    """All allocations that were looked at: solve rates and spends.

    Parameters
    ----------
    curves : arb.Curves
        In dollars.
    values : float array
        Of a solved instance, currency units.
    """

    def __init__(self, curves: arb.Curves, values: FloatArray | None = None) -> None:
        self.weight = curves.market.weight
        grids = list(zip(curves.models, curves.grids, strict=True))
        self.failure = [curve.failure(grid) for curve, grid in grids]
        self.bill = [curve.spend(grid) for curve, grid in grids]
        with np.errstate(divide="ignore", invalid="ignore"):
            self.ratio = [
                np.nan_to_num((self.weight @ bill) / (1.0 - self.weight @ failure), nan=np.inf)
                for bill, failure in zip(self.bill, self.failure, strict=True)
            ]
        self.rates: list[FloatArray] = []
        self.spends: list[FloatArray] = []
        if values is None:
            values = _VALUES * float(np.nanmax(curves.market.mean_cost))
        self._sweep(values)

    def spend_at(self, target: FloatArray) -> FloatArray:
        """Return the least spend found for each solve rate; NaN if it was not reached."""
        rate, spend = np.concatenate(self.rates), np.concatenate(self.spends)
        order = np.argsort(-rate)
        best = np.minimum.accumulate(spend[order])[::-1]
        position = np.searchsorted(rate[order][::-1], target - 1e-12)
        found: FloatArray = np.append(best, np.nan)[position]
        return found

    @property
    def max_solve_rate(self) -> float:
        """Largest solve rate looked at."""
        return max(float(rate.max()) for rate in self.rates)

    def _sweep(self, values: FloatArray) -> None:
        models = len(self.failure)
        warm = [0] * models
        for value in values:
            alone = [0] * (models - 1) + [len(self.ratio[-1]) - 1]
            for start in (warm, alone):
                amounts, best = list(start), -np.inf
                while True:
                    gained = best
                    for m in range(models):
                        rate, spend = self._line(amounts, m)
                        gain = value * rate - spend
                        amounts[m] = int(np.argmax(gain))
                        best = max(best, float(gain.max()))
                    if best <= gained + 1e-12 * abs(best):
                        break
                if start is warm:
                    warm = amounts

    def _line(self, amounts: list[int], m: int) -> tuple[FloatArray, FloatArray]:
        """Solve rate and spend for every amount of model m, the others' being held."""
        others = [k for k in range(len(amounts)) if k != m and amounts[k]]
        others.sort(key=lambda k: self.ratio[k][amounts[k]])
        limits = np.array([self.ratio[k][amounts[k]] for k in others])
        place = np.searchsorted(limits, self.ratio[m])
        unsolved = self.weight.copy()
        before, spend = 0.0, np.empty(len(place))
        for position in range(len(others) + 1):
            mine = np.flatnonzero(place == position)
            if len(mine):
                left, after = unsolved, np.zeros(len(unsolved))
                for k in others[position:]:
                    after = after + left * self.bill[k][:, amounts[k]]
                    left = left * self.failure[k][:, amounts[k]]
                spend[mine] = before + unsolved @ self.bill[m][:, mine]
                spend[mine] += after @ self.failure[m][:, mine]
            if position < len(others):
                k = others[position]
                before += float(unsolved @ self.bill[k][:, amounts[k]])
                unsolved = unsolved * self.failure[k][:, amounts[k]]
        rate = 1.0 - unsolved @ self.failure[m]
        self.rates.append(rate)
        self.spends.append(spend)
        return rate, spend
