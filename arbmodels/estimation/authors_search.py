"""The authors' search over 102 allocations, for many small samples in turn.

:func:`arbmodels.authors_policy` evaluates one allocation after the other. Here everything that
does not depend on the data is made once: where on the budget grid each allocation's stages meet,
and with which weights; then a sample costs one matrix product and one pass over its curves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from arbmodels.cascades.authors import _SEARCHED_SHARES
from arbmodels.estimation.kernels import IntArray, mean_margins, unsolved_at
from arbmodels.market import Market
from arbmodels.model_curves import SMALLEST_BUDGET, log_linear_weights
from arbmodels.passk import FloatArray


@dataclass(frozen=True)
class Records:
    """Attempts, successes and prices of two models on N instances, [N, 2] each.

    Parameters
    ----------
    attempts, successes : int arrays
        A model without an attempt on an instance fails there whatever is spent.
    cost : float array, currency units per attempt
    weight : float array [N]
        Summing to one.
    """

    attempts: IntArray
    successes: IntArray
    cost: FloatArray
    weight: FloatArray


@dataclass(frozen=True, eq=False)
class AuthorsSearch:
    """The authors' allocations of the largest budget to two models, on a budget grid.

    Parameters
    ----------
    grid : increasing float array [B], currency units
    shares : float array
        Of the largest budget that the first model may get, besides nothing and everything.
    points : int
        Solve rates that a margin is averaged over where none are given.
    """

    grid: FloatArray
    shares: FloatArray = field(default_factory=_SEARCHED_SHARES.copy)
    points: int = 1000

    @cached_property
    def first(self) -> FloatArray:
        """Dollars for the first model in each of the A allocations; the second has the rest."""
        first: FloatArray = self.grid[-1] * np.concatenate([[0.0], self.shares, [1.0]])
        return first

    @cached_property
    def _weights(self) -> FloatArray:
        """Weights of F before and at each budget that integrate it up to there, [2, B]."""
        log_ends = np.log(np.concatenate([[SMALLEST_BUDGET], self.grid]))
        return np.stack(log_linear_weights(log_ends[:-1], log_ends[1:]))

    @cached_property
    def _meeting(self) -> tuple[IntArray, FloatArray]:
        """Where each budget lies in the second stage of each allocation, [A, B].

        Position p and share s say that F is (1 - s) V[p] + s V[p + 1] with V the failure when the
        second stage begins (0) and at its budgets (1..B); p = -1 in the first stage.
        """
        grid, first = self.grid, self.first[:, None]
        rest = np.maximum(grid[-1] - first, 0.0)
        inside = np.clip(np.searchsorted(grid, (grid - first).ravel(), side="right"), 0, len(grid))
        position = inside.reshape(len(first), -1)
        # The axis of the second stage, from its beginning.
        axis = np.concatenate([first, np.minimum(grid, rest) + first], axis=1)
        axis = np.log(np.maximum(axis, SMALLEST_BUDGET))
        following = np.minimum(position + 1, len(grid))
        low, high = (np.take_along_axis(axis, p, axis=1) for p in (position, following))
        width = high - low
        share = np.divide(np.log(grid) - low, width, out=np.ones(position.shape), where=width > 0)
        return np.where(grid <= first, -1, position), np.clip(share, 0.0, 1.0)

    def best(self, market: Market, rates: FloatArray) -> list[float]:
        """Return the allocation that :func:`arbmodels.authors_policy` chooses, [2].

        Parameters
        ----------
        market : Market
            Two models, every pair recorded.
        rates : float array
            The range of solve rates the margin is averaged over.
        """
        records = Records(market.attempts, market.successes, market.cost, market.weight)
        margins = self.margins(self.failures(records), market.weight, np.sort(rates))
        first = float(self.first[int(np.argmax(margins))])
        return [first, float(self.grid[-1]) - first]

    def _at(self, failure: FloatArray, budgets: FloatArray) -> FloatArray:
        """Return F [N, B] at other budgets, linear in their logarithm, [N, len(budgets)]."""
        log_grid = np.log(self.grid)
        log_budget = np.log(np.maximum(budgets, self.grid[0]))
        cell = np.clip(np.searchsorted(log_grid, log_budget, "right") - 1, 0, len(log_grid) - 2)
        share = (log_budget - log_grid[cell]) / (log_grid[cell + 1] - log_grid[cell])
        share = np.clip(share, 0.0, 1.0)
        between: FloatArray = failure[:, cell] * (1.0 - share) + failure[:, cell + 1] * share
        return between

    def failures(self, records: Records) -> tuple[FloatArray, FloatArray]:
        """Return F of both models at every budget by unbiased pass@k, [N, B] each."""
        first, second = (
            unsolved_at(
                self.grid, records.attempts[:, m], records.successes[:, m], records.cost[:, m]
            )
            for m in range(2)
        )
        return first, second

    def survival(
        self, failures: tuple[FloatArray, FloatArray], weight: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return the mean F at every budget of both models alone, [2, B], and cascades, [A, B]."""
        first, second = failures
        alone = np.stack([weight @ first, weight @ second])
        at_end = self._at(first, self.first) * weight[:, None]
        reached = self._at(second, np.maximum(self.grid[-1] - self.first, 0.0))
        both = at_end.T @ second
        last = np.einsum("ia,ia->a", at_end, reached)
        stage = np.concatenate(
            [at_end.sum(axis=0)[:, None], np.maximum(both, last[:, None])], axis=1
        )
        position, share = self._meeting
        place = np.maximum(position, 0)
        following = np.minimum(place + 1, len(self.grid))
        low, high = (np.take_along_axis(stage, p, axis=1) for p in (place, following))
        stitched = np.where(position < 0, alone[0], low * (1.0 - share) + high * share)
        return alone, stitched

    def margins(
        self,
        failures: tuple[FloatArray, FloatArray],
        weight: FloatArray,
        rates: FloatArray | None = None,
        span: float = 0.055,
    ) -> FloatArray:
        """Return every allocation's mean margin over a range of solve rates, [A].

        Parameters
        ----------
        failures : two float arrays [N, B]
            Of the models at every budget.
        weight : float array [N]
        rates : increasing float array, optional
            By default ``points`` from ``span`` below the best model's reach up to it. What no model
            reaches counts as a margin of zero.
        """
        alone, cascades = self.survival(failures, weight)
        if rates is None:
            reach = 1.0 - float(alone[:, -1].min())
            rates = np.linspace(max(reach - span, 0.0), reach, self.points)
        return mean_margins(alone, cascades, self._weights, rates)
