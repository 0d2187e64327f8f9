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
    steps: FloatArray, measure: FloatArray, counted: str, measured: str, axes: Axes | None = None
) -> Axes:
    """Draw a measure of convergence over the steps, and the best so far.

    Parameters
    ----------
    steps, measure : float array [K]
        None where nothing iterated: the picture says so.
    counted, measured : str
        What the steps and the measure are.
    axes : Axes, optional
    """
    axes = new_axes() if axes is None else axes
    axes.set_xlabel(counted)
    axes.set_ylabel(measured)
    finite = np.isfinite(measure)
    if not finite.any():
        axes.set_title("Nothing iterated", fontsize="medium")
        return axes
    step, value = np.asarray(steps)[finite], np.asarray(measure)[finite]
    floor = max(_FLOOR * float(value.max()), 1e-300)
    axes.plot(step, np.maximum(value, floor), "o", ms=3, color="0.6", label="Each step")
    best = np.maximum(np.minimum.accumulate(value), floor)
    axes.step(step, best, where="post", color=ARBITRAGEUR_COLOUR, lw=1.6, label="Best so far")
    axes.set_yscale("log")
    axes.legend(frameon=False)
    return axes
