"""What learning for a few dollars yields: margins of many searches per budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from arbmodels.display import (
    ARBITRAGEUR_COLOUR,
    Displayed,
    TextTable,
    number,
    percent,
    styled,
)
from arbmodels.market import Market
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = (ARBITRAGEUR_COLOUR, "#0072B2")


@dataclass(frozen=True, eq=False, repr=False)
class RobustnessStudy(Displayed):
    """Margins of policies learnt for search budgets.

    Made by :func:`arbmodels.estimation.robustness_study`.

    Parameters
    ----------
    market : Market
    panels : tuple of P str
        What was learnt on and what was scored on.
    learners : tuple of L str
    budgets : tuple of B floats, currency units
    margin : float array [P, L, B, D]
        Mean margin, over the panel's solve rates, of the policy of every draw. All learners made
        the same searches.
    best : float array [P]
        Of the best allocation there is.
    """

    market: Market
    panels: tuple[str, ...]
    learners: tuple[str, ...]
    budgets: tuple[float, ...]
    margin: FloatArray
    best: FloatArray

    @property
    def mean(self) -> FloatArray:
        """Mean over the draws, [P, L, B]."""
        mean: FloatArray = self.margin.mean(axis=-1)
        return mean

    def band(self, level: float = 0.9) -> FloatArray:
        """Return the quantiles (1 - level) / 2 and (1 + level) / 2 over draws, [2, P, L, B]."""
        return np.quantile(self.margin, [(1 - level) / 2, (1 + level) / 2], axis=-1)

    def advantage(self, learner: str, over: str) -> tuple[FloatArray, FloatArray]:
        """Return how much more one learner's policies earn than another's on the same searches.

        Returns
        -------
        mean, standard_error : float arrays [P, B]
            Of the difference of margins over the draws.
        """
        first, second = (self.margin[:, self.learners.index(each)] for each in (learner, over))
        difference = first - second
        error = difference.std(axis=-1, ddof=1) / np.sqrt(difference.shape[-1])
        return difference.mean(axis=-1), error

    def to_frame(self) -> pd.DataFrame:
        """Return a row per panel, learner and budget: mean, 5% and 95% quantile of the margin."""
        low, high = self.band()
        return pd.DataFrame(
            [
                {
                    "panel": panel,
                    "learner": learner,
                    "search_budget": budget,
                    "mean": self.mean[p, k, b],
                    "low": low[p, k, b],
                    "high": high[p, k, b],
                }
                for p, panel in enumerate(self.panels)
                for k, learner in enumerate(self.learners)
                for b, budget in enumerate(self.budgets)
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return mean and 90% band of every panel, learner and budget, ready for JSON."""
        return {
            "market": self.market.name,
            "unit": "margin, share of the market price",
            "currency": self.market.currency,
            "draws": self.margin.shape[-1],
            "best": dict(zip(self.panels, self.best.tolist(), strict=True)),
            "results": self.to_frame().to_dict("records"),
        }

    def table(self) -> TextTable:
        """Return mean and 90% band per panel, budget and learner."""
        low, high = self.band()
        rows = [
            (
                panel if b == 0 else "",
                number(budget, 3),
                *(
                    f"{percent(self.mean[p, k, b])} ({percent(low[p, k, b])} to"
                    f" {percent(high[p, k, b])})"
                    for k in range(len(self.learners))
                ),
            )
            for p, panel in enumerate(self.panels)
            for b, budget in enumerate(self.budgets)
        ]
        best = ", ".join(
            f"{panel} {percent(value)}" for panel, value in zip(self.panels, self.best, strict=True)
        )
        return TextTable(
            f"Margin on {self.market.name} after a search: mean and 5% to 95% of"
            f" {self.margin.shape[-1]} searches",
            ("learnt and scored on", f"search [{self.market.currency}]", *self.learners),
            rows,
            f"Best allocation there is: {best}.",
        )

    def plot(self, axes: Sequence[Axes] | None = None) -> Sequence[Axes]:
        """Draw a panel each: mean margin and 90% band against the search budget."""
        if axes is None:
            import matplotlib.pyplot as plt

            count = len(self.panels)
            _, drawn = plt.subplots(
                1, count, figsize=(3.4 * count, 3.2), layout="constrained", squeeze=False
            )
            axes = [styled(each) for each in drawn[0]]
        low, high = 100 * self.band()
        for p, (panel, each) in enumerate(zip(self.panels, axes, strict=True)):
            for k, learner in enumerate(self.learners):
                colour = _COLOURS[k % len(_COLOURS)]
                each.fill_between(
                    self.budgets, low[p, k], high[p, k], color=colour, alpha=0.15, lw=0
                )
                each.plot(self.budgets, 100 * self.mean[p, k], color=colour, lw=2, label=learner)
            each.axhline(100 * self.best[p], color="grey", lw=0.8, ls="--", label="best allocation")
            each.set_xscale("log")
            each.set_xlabel(f"Search budget ({self.market.currency})")
            each.set_ylabel("Margin (%)")
            each.set_title(panel)
        axes[0].legend(frameon=False)
        return axes
