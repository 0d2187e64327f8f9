"""What every equilibrium says of itself, whatever its game."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from arbmodels.display import ARBITRAGEUR_COLOR, Displayed, new_axes
from arbmodels.games.certificate import Deviations
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

#: Measures below this share of the largest are drawn there: the axis is logarithmic.
_FLOOR = 1e-16


class Equilibrium(Displayed):
    r"""A profile from which nobody gains more than epsilon by deviating.

    With :math:`g_i` the most that player i gains and :math:`\pi_i` the profit,

    .. math:: \varepsilon = \max_i g_i, \qquad \varepsilon_{rel} = \max_i g_i / \pi_i .

    Attributes
    ----------
    game : object
        What was solved; its ``solve`` made this, its ``certify`` the deviations.
    deviations : Deviations
        The certificate, by code apart from the solver.
    profits : float array
        Of the players.
    found_by : str
        The method.
    iterations : int
        0 for a closed form.
    trace : float array
        How the solver came nearer.
    others : tuple
        Further equilibria that were found.
    converged : bool
        Whether the solver came as near as it was asked to; epsilon holds either way.

    References
    ----------
    Radner, *Collusive behavior in noncooperative epsilon-equilibria of oligopolies with long but
    finite lives*, Journal of Economic Theory 22 (1980).
    """

    game: Any
    deviations: Deviations
    profits: FloatArray
    found_by: str
    iterations: int
    trace: FloatArray
    others: tuple[Any, ...]

    @property
    def players(self) -> tuple[str, ...]:
        """Names of the players."""
        return tuple(self.game.players)

    @property
    def epsilon(self) -> float:
        """Largest gain from any deviation of any player, in the unit of profits."""
        return self.deviations.epsilon

    @property
    def relative_epsilon(self) -> float:
        """Largest gain over the own profit; infinite where somebody gains from nothing."""
        return self.deviations.relative_epsilon

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """Return the strategies as a table."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""

    @abstractmethod
    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the strategies."""

    def plot_trace(self, ax: Axes | None = None) -> Axes:
        """Draw how the solver came nearer, step by step, and the best so far."""
        ax = new_axes() if ax is None else ax
        steps, measure, counted, measured = self._progress()
        ax.set_xlabel(counted)
        ax.set_ylabel(measured)
        finite = np.isfinite(measure)
        if not finite.any():
            ax.set_title("Nothing iterated", fontsize="medium")
            return ax
        step, value = np.asarray(steps)[finite], np.asarray(measure)[finite]
        floor = max(_FLOOR * float(value.max()), 1e-300)
        ax.plot(step, np.maximum(value, floor), "o", ms=3, color="0.6", label="Each step")
        best = np.maximum(np.minimum.accumulate(value), floor)
        ax.step(step, best, where="post", color=ARBITRAGEUR_COLOR, lw=1.6, label="Best so far")
        ax.set_yscale("log")
        ax.legend(frameon=False)
        return ax

    def _progress(self) -> tuple[FloatArray, FloatArray, str, str]:
        """Return steps [K] and a measure of them [K], and what the two are."""
        return np.zeros(0), np.zeros(0), "Iterations", "epsilon"
