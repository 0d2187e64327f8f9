"""How a solver came nearer: one picture for every equilibrium that iterates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arbmodels.display import ARBITRAGEUR_COLOUR, new_axes
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Measures below this share of the largest are drawn there: the axis is logarithmic.
_FLOOR = 1e-16


def draw_trace(
    steps: FloatArray, measure: FloatArray, counted: str, measured: str, ax: Axes | None = None
) -> Axes:
    """Draw a measure of convergence over the steps, and the best so far.

    Parameters
    ----------
    steps, measure : float array [K]
        None where nothing iterated: the picture says so.
    counted, measured : str
        What the steps and the measure are.
    ax : Axes, optional
    """
    ax = new_axes() if ax is None else ax
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
    ax.step(step, best, where="post", color=ARBITRAGEUR_COLOUR, lw=1.6, label="Best so far")
    ax.set_yscale("log")
    ax.legend(frameon=False)
    return ax
