"""Policies of many models: searched on some instances, scored on others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arbmodels.cascades.search.natural import natural_of
from arbmodels.cascades.search.run import search_frontier
from arbmodels.curves import Curves
from arbmodels.estimation.folds import IntArray
from arbmodels.estimation.scored import ScoredPolicies
from arbmodels.passk import FloatArray

#: Gap at which a search for policies ends: its bound is not used, and policies hardly improve.
_GAP = 0.02
#: Solve rates looked at from a twentieth of the reach to the reach, and where margins are asked.
_WIDE, _ASKED = 10, 12


class SearchedPolicies(NamedTuple):
    """How policies are searched for.

    Attributes
    ----------
    curves : Curves
    solve_rates : float array [U]
        Where margins are asked for.
    most_states : int
        As for :func:`arbmodels.search_frontier`.
    """

    curves: Curves
    solve_rates: FloatArray
    most_states: int

    def score(self, rest: IntArray, fold: IntArray) -> ScoredPolicies:
        """Search on some instances, and score on others."""
        fit, score = self.curves.on(rest), self.curves.on(fold)
        weight = float(self.curves.market.weight[fold].sum())
        natural = natural_of(fit)
        low, high = float(self.solve_rates.min()), float(self.solve_rates.max())
        wide = np.linspace(natural.reach / 20, natural.reach, _WIDE)
        rates = np.concatenate([wide, np.linspace(low, high, _ASKED)])
        found = search_frontier(
            fit,
            rates[rates <= natural.reach],
            gap=_GAP,
            most_states=self.most_states,
            time_limit=np.inf,  # numbers must not depend on how busy a machine is
        )
        rate, spend, number = found.plans.hull
        there = natural_of(score)
        solved = np.zeros(len(rate))
        paid = np.zeros((len(rate), len(fit.names)))
        for v, each in enumerate(number):
            steps = found.plans.purchases(int(each))
            if steps:
                scored = there.score(steps)
                solved[v] = scored.solve_rate[-1]
                models = np.array([m for m, _ in steps], dtype=np.int64)
                paid[v] = np.bincount(models, scored.spend, minlength=len(fit.names))
        return ScoredPolicies(rate, spend, weight * solved, weight * paid, weight)
