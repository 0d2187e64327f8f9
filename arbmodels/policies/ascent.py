"""Block cascades found by coordinate ascent over every amount of the curves: seeds for windows.

For a value V of a solved instance, V x solve rate - spend is raised over one model's block after
the other, each over all amounts of its grid, until nothing improves; the blocks are in the order of
expected cost per solve probability, each alone. A heuristic without a proof that sees amounts which
a thinned lattice lacks; everything it looks at is a plan, scored exactly.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from arbmodels.curves import Curves
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan
from arbmodels.policies.points import IntArray, cheapest_point, check_reach, undominated

#: Values of a solved instance, relative to the dearest model's mean cost of an attempt.
_VALUES = np.logspace(0, 4, 60)
#: Rounds over the models per value; the ascent ends long before.
_ROUNDS = 50


class Ascent:
    """The plans that coordinate ascent looks at.

    Parameters
    ----------
    curves : Curves
        Of at least one model.
    """

    def __init__(self, curves: Curves) -> None:
        self.curves = curves
        pairs = list(zip(curves.models, curves.grids, strict=True))
        self._failure = [curve.failure(grid) for curve, grid in pairs]
        self._bill = [curve.spend(grid) for curve, grid in pairs]
        weight = curves.market.weight
        self._ratio = []
        for bill, failure in zip(self._bill, self._failure, strict=True):
            solved = 1.0 - weight @ failure
            idle = np.full(len(solved), np.inf)
            self._ratio.append(np.divide(weight @ bill, solved, out=idle, where=solved > 0))

    @property
    def reach(self) -> float:
        """Largest solve rate looked at."""
        return float(self._points[0][-1])

    def spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least expected spend found, currency units per instance; NaN out of reach."""
        rate, spend, _ = self._points
        position, reached = cheapest_point(rate, np.asarray(solve_rate, dtype=float))
        return np.where(reached, spend[position], np.nan)

    def plan_at(self, solve_rate: float) -> Plan:
        """Return the cheapest plan found; InputError out of reach."""
        check_reach(solve_rate, self.reach)
        rate, _, state = self._points
        position, _ = cheapest_point(rate, np.array([float(solve_rate)]))
        amounts = state[position[0]]
        bought = [m for m in range(len(amounts)) if amounts[m]]
        bought.sort(key=lambda m: self._ratio[m][amounts[m]])
        grids, names = self.curves.grids, self.curves.names
        stages = ((names[m], float(grids[m][amounts[m]])) for m in bought)
        return Plan(tuple(stages), self.curves.unit)

    @cached_property
    def _points(self) -> tuple[FloatArray, FloatArray, IntArray]:
        """Undominated plans: solve rates, spends, and positions on the grids [.., M]."""
        market, models = self.curves.market, len(self._failure)
        dearest = float(np.nanmax(market.mean_cost))
        rates, spends, states = [np.zeros(1)], [np.zeros(1)], [np.zeros((1, models), dtype=int)]
        warm = np.zeros(models, dtype=int)
        for value in dearest * _VALUES:
            for start in (warm, np.eye(models, dtype=int)[-1] * (len(self._ratio[-1]) - 1)):
                amounts, best = start.copy(), -np.inf
                for _ in range(_ROUNDS):
                    before = best
                    for m in range(models):
                        rate, spend = self._line(amounts, m)
                        state = np.tile(amounts, (len(rate), 1))
                        state[:, m] = np.arange(len(rate))
                        kept = undominated(rate, spend)
                        rates.append(rate[kept])
                        spends.append(spend[kept])
                        states.append(state[kept])
                        gain = value * rate - spend
                        amounts[m] = int(np.argmax(gain))
                        best = max(best, float(gain.max()))
                    if best <= before + 1e-12 * abs(best):
                        break
                if start is warm:
                    warm = amounts
        rate, spend, state = (np.concatenate(each) for each in (rates, spends, states))
        kept = undominated(rate, spend)
        return rate[kept], spend[kept], state[kept]

    def _line(self, amounts: IntArray, m: int) -> tuple[FloatArray, FloatArray]:
        """Solve rate and spend for every amount of model m, the others' being held."""
        others = [k for k in range(len(amounts)) if k != m and amounts[k]]
        others.sort(key=lambda k: self._ratio[k][amounts[k]])
        place = np.searchsorted([self._ratio[k][amounts[k]] for k in others], self._ratio[m])
        left = self.curves.market.weight
        before, spend = 0.0, np.empty(len(place))
        for position in range(len(others) + 1):
            mine = np.flatnonzero(place == position)
            if len(mine):
                # What the blocks after model m's cost where it fails.
                reaching, after = left, np.zeros(len(left))
                for k in others[position:]:
                    after = after + reaching * self._bill[k][:, amounts[k]]
                    reaching = reaching * self._failure[k][:, amounts[k]]
                own = left @ self._bill[m][:, mine]
                spend[mine] = before + own + after @ self._failure[m][:, mine]
            if position < len(others):
                k = others[position]
                before += float(left @ self._bill[k][:, amounts[k]])
                left = left * self._failure[k][:, amounts[k]]
        return np.maximum(1.0 - left @ self._failure[m], 0.0), spend
