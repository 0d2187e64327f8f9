"""What the solvers of the provider game see of a mixed profile: profits, best responses, gains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from arbmodels.games.providers.certificate import Strategy, rivals_of
from arbmodels.games.providers.game import ProviderGame
from arbmodels.games.providers.responses import answered
from arbmodels.passk import FloatArray


class Mixed(NamedTuple):
    """A mixed profile of the movers, profits, largest relative gain, games solved so far."""

    strategies: tuple[Strategy, ...]
    profit: tuple[float, ...]
    relative: float
    iterations: int


class Checked(NamedTuple):
    """Profits of the movers, exact best responses to the others, gains, the others' profiles."""

    profit: tuple[float, ...]
    answer: tuple[float, ...]
    gain: tuple[float, ...]
    rivals: tuple[tuple[FloatArray, FloatArray], ...]

    @property
    def of_own(self) -> float:
        """Largest gain over the own profit."""
        return max(
            (gain / profit if profit > 0 else np.inf) if gain > 0 else 0.0
            for gain, profit in zip(self.gain, self.profit, strict=True)
        )

    @property
    def of_largest(self) -> float:
        """Largest gain over the largest profit: some of many providers earn next to nothing."""
        gain, profit = max(self.gain), max(self.profit)
        return (gain / profit if profit > 0 else np.inf) if gain > 0 else 0.0


def check(game: ProviderGame, strategies: Sequence[Strategy]) -> Checked:
    """Return profits, exact best responses and their gains of the movers' strategies."""
    everyone = [Strategy(np.ones(1), np.ones(1)) for _ in game.players]
    for player, strategy in zip(game.movers, strategies, strict=True):
        everyone[player] = strategy
    profits, answers, gains, rivals = [], [], [], []
    for player in game.movers:
        profiles, weight = rivals_of(everyone, player)
        own = everyone[player]
        best, value = answered(game, player, own.price, profiles, weight)
        profit = float(own.probability @ value)
        profits.append(profit)
        answers.append(best.price)
        gains.append(max(best.profit - profit, 0.0))
        rivals.append((profiles, weight))
    return Checked(tuple(profits), tuple(answers), tuple(gains), tuple(rivals))
