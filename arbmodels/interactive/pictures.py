"""Pictures whose frame is drawn once and whose curves move over it."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave

from arbmodels.display import ARBITRAGEUR_COLOUR, model_colour, model_label, styled
from arbmodels.interactive.explorer import OWN_PRICES, AtRate, Explorer, OverRates
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.artist import Artist

Limits = tuple[tuple[float, float], tuple[float, float]]

_SIZE, _DPI = (4.8, 3.4), 80
_BUDGET = "#009E73"
_NOW, _EQUILIBRIUM = "#555555", "#009E73"


class Picture:
    """Axes with artists that move; a frame is drawn once for each limits of the axes.

    Parameters
    ----------
    title, across, up : str
        Of the axes.
    """

    def __init__(self, title: str, across: str, up: str) -> None:
        self.figure = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained")
        self.canvas: Any = FigureCanvasAgg(self.figure)  # its methods have no types
        self.axes = styled(self.figure.add_subplot())
        self.axes.set_title(title, fontsize=10)
        self.axes.set_xlabel(across)
        self.axes.set_ylabel(up)
        self.moving: list[Artist] = []
        #: Frames drawn so far, by their limits.
        self.frames: dict[Limits, Any] = {}
        self._limits: Limits = ((0.0, 1.0), (0.0, 1.0))

    def line(self, *args: Any, **kwargs: Any) -> Any:
        """Add a line that moves."""
        (line,) = self.axes.plot([], [], *args, animated=True, **kwargs)
        self.moving.append(line)
        return line

    def legend(self, columns: int) -> None:
        """Add a legend below the axes: what moves would cross it inside."""
        self.figure.legend(
            loc="outside lower center",
            ncols=columns,
            frameon=False,
            fontsize=8,
            columnspacing=1.2,
            handlelength=1.6,
        )

    def limit(self, across: tuple[float, float], up: tuple[float, float]) -> None:
        """Set the limits of the axes."""
        self.axes.set_xlim(across)
        self.axes.set_ylim(up)
        self._limits = (across, up)

    def settle(self) -> None:
        """Give the axes their place, the same for all frames: what moves is drawn over any."""
        self.figure.draw_without_rendering()
        self.figure.set_layout_engine("none")

    def pixels(self) -> npt.NDArray[np.uint8]:
        """Draw what moves and return the picture, [height, width, 4]."""
        frame = self.frames.get(self._limits)
        if frame is None:
            self.canvas.draw()
            frame = self.canvas.copy_from_bbox(self.figure.bbox)
            self.frames[self._limits] = frame
        self.canvas.restore_region(frame)
        for artist in self.moving:
            self.axes.draw_artist(artist)
        return np.array(self.canvas.buffer_rgba())


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Return pixels as a PNG file."""
    file = BytesIO()
    # Little compression: it takes most of a step's time.
    imsave(file, pixels, format="png", dpi=_DPI, pil_kwargs={"compress_level": 1})
    return file.getvalue()


class Prices(Picture):
    """What each model alone costs, the cascade, what consumers pay, and a budget."""

    def __init__(self, explorer: Explorer) -> None:
        super().__init__("Prices over solve rates", "Solve rate (%)", f"Price ({explorer.unit})")
        self.rates = 100 * explorer.curves.consumers.solve_rates
        self.direct = [
            self.line(lw=1.2, ls="--", color=model_colour(m, explorer.models), label=model_label(m))
            for m in explorer.models
        ]
        self.cost = self.line(color=ARBITRAGEUR_COLOUR, lw=1.2, label="Cascade of both")
        self.price = self.line(color="0.2", lw=4, alpha=0.35, label="Consumers pay")
        self.budget = self.line(color=_BUDGET, lw=1, label="Budget")
        self.rate = self.line(color="0.6", lw=0.8, ls=":")
        at_list = np.array([menu.single for menu in explorer.curves.menus])
        self.top = 1.5 * float(at_list[np.isfinite(at_list)].max())
        self.limit((self.rates[0], self.rates[-1]), (0.0, self.top))
        self.legend(3)

    def show(self, found: OverRates, rate: float, budget: float) -> None:
        """Move the curves."""
        for line, prices in zip(self.direct, found.direct.T, strict=True):
            line.set_data(self.rates, np.where(np.isfinite(prices), prices, np.nan))
        self.cost.set_data(self.rates, found.cost)
        self.price.set_data(self.rates, np.where(np.isfinite(found.price), found.price, np.nan))
        self.budget.set_data([self.rates[0], self.rates[-1]], [budget, budget])
        self.rate.set_data([100 * rate, 100 * rate], [0.0, self.top])


class Margins(Picture):
    """The margin over the solve rates."""

    def __init__(self, explorer: Explorer) -> None:
        super().__init__("Arbitrage margin", "Solve rate (%)", "Margin (% of the direct price)")
        self.rates = 100 * explorer.curves.consumers.solve_rates
        self.margin = self.line(color=ARBITRAGEUR_COLOUR, lw=1.8)
        self.rate = self.line(color="0.6", lw=0.8, ls=":")
        self.limit((self.rates[0], self.rates[-1]), (0.0, 100.0))

    def show(self, found: OverRates, rate: float) -> None:
        """Move the curve."""
        self.margin.set_data(self.rates, 100 * found.margin)
        self.rate.set_data([100 * rate, 100 * rate], [0.0, 100.0])


class Profits(Picture):
    """Each provider's profit by its own price, where it is, and the best it could do."""

    def __init__(self, explorer: Explorer) -> None:
        super().__init__(
            "Profit by own price, the rival's as set",
            "Own price (times list)",
            f"Profit ({explorer.unit})",
        )
        colours = [model_colour(m, explorer.models) for m in explorer.models]
        self.curves = [
            self.line(color=colour, lw=1.4, label=model_label(m))
            for m, colour in zip(explorer.models, colours, strict=True)
        ]
        self.now = [self.line("o", color=colour) for colour in colours]
        self.best = [self.line("*", ms=10, mfc="none", color=colour) for colour in colours]
        self.axes.plot([], [], "o", color="0.4", label="As set")
        self.axes.plot([], [], "*", ms=10, mfc="none", color="0.4", label="Best answer")
        self.axes.axhline(0.0, color="0.7", lw=0.8)
        self.legend(4)

    def scale(self, most: float) -> None:
        """Fit the axes to the largest profit."""
        self.limit((float(OWN_PRICES[0]), float(OWN_PRICES[-1])), (-0.25 * most, 1.15 * most))

    def show(self, found: AtRate, prices: Sequence[float]) -> None:
        """Move curves, dots and stars."""
        known = found.deviations
        for k, curve in enumerate(self.curves):
            curve.set_data(OWN_PRICES, found.profits[k])
            self.now[k].set_data([prices[k]], [known.profit[k]])
            better, best = known.deviation[k], known.profit[k] + known.gain[k]
            self.best[k].set_data(*(([], []) if better is None else ([better], [best])))


class Money(Picture):
    """Who gets what, as set and in equilibrium."""

    def __init__(self, explorer: Explorer) -> None:
        super().__init__("Who gains what", f"Per consumer ({explorer.unit})", "")
        names = [*map(model_label, explorer.models), "Arbitrageurs", "Consumers"]
        self.places = np.arange(len(names))[::-1].astype(float)
        self.axes.set_yticks(self.places, names)
        self.axes.axvline(0.0, color="0.7", lw=0.8)
        look: dict[str, Any] = {"height": 0.34, "animated": True}
        zero = np.zeros(len(names))
        self.now = self.axes.barh(self.places + 0.19, zero, color=_NOW, label="As set", **look)
        self.then = self.axes.barh(
            self.places - 0.19, zero, color=_EQUILIBRIUM, label="In equilibrium", **look
        )
        self.moving += [*self.now, *self.then]
        self.legend(2)

    def scale(self, most: float) -> None:
        """Fit the axes to the largest gain."""
        self.limit((-0.25 * most, most), (-0.6, len(self.places) - 0.4))

    def show(self, now: FloatArray, then: FloatArray) -> None:
        """Move the bars."""
        for bars, values in ((self.now, now), (self.then, then)):
            for bar, value in zip(bars, values, strict=True):
                bar.set_width(value)
