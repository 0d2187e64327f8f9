"""Sliders and pictures in a notebook, whose frame is drawn once and whose curves move over it.

ipywidgets is imported only here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave

from arbmodels.display import (
    ARBITRAGEUR_COLOR,
    Displayed,
    TextTable,
    model_color,
    number,
    percent,
    styled,
)
from arbmodels.errors import InputError
from arbmodels.interactive.explorer import (
    MOST_ARBITRAGEURS,
    OWN_PRICES,
    AtRate,
    Explorer,
    OverRates,
)
from arbmodels.market import Market
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.artist import Artist


LOWEST_PRICE, _STEP = 0.2, 0.05


class Controls(NamedTuple):
    """Sliders by name, an image per picture, the text below, and the box that holds them all."""

    sliders: dict[str, Any]
    images: list[Any]
    text: Any
    box: Any


def require_ipywidgets() -> Any:
    """Return ipywidgets, or say how to get it."""
    try:
        import ipywidgets
    except ImportError as error:
        raise InputError(
            "Sliders need ipywidgets. Install it with: pip install 'arbmodels[notebooks]'"
        ) from error
    return ipywidgets


def make_controls(widgets: Any, explorer: Explorer, top: float, pictures: int) -> Controls:
    """Return sliders, empty images and an empty text.

    Parameters
    ----------
    widgets : module
        ipywidgets.
    explorer : Explorer
    top : float
        Largest budget.
    pictures : int
    """
    wide = widgets.Layout(width="26em", max_width="100%")
    common = {"style": {"description_width": "11em"}, "layout": wide}
    sliders = {
        model: widgets.FloatSlider(
            1.0,
            min=LOWEST_PRICE,
            max=float(OWN_PRICES[-1]),
            step=_STEP,
            description=f"{model}, x list",
            **common,
        )
        for model in explorer.models
    }
    rates = [(percent(rate, 2), k) for k, rate in enumerate(explorer.solve_rates.tolist())]
    sliders["solve rate"] = widgets.SelectionSlider(
        options=rates, value=len(rates) // 2, description="Solve rate", **common
    )
    sliders["arbitrageurs"] = widgets.IntSlider(
        MOST_ARBITRAGEURS, min=0, max=4, description="Arbitrageurs", **common
    )
    sliders["budget"] = widgets.FloatSlider(
        top / 3,
        min=0.0,
        max=top,
        step=top / 100,
        readout_format=".3g",
        description=f"Budget, {explorer.unit}",
        **common,
    )
    images = [
        widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        for _ in range(pictures)
    ]
    text = widgets.HTML()
    flow = widgets.Layout(flex_flow="row wrap")
    box = widgets.VBox(
        [widgets.Box([*sliders.values()], layout=flow), widgets.Box(images, layout=flow), text]
    )
    return Controls(sliders, images, text, box)


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
            self.line(lw=1.2, ls="--", color=model_color(m, explorer.models), label=m)
            for m in explorer.models
        ]
        self.cost = self.line(color=ARBITRAGEUR_COLOR, lw=1.2, label="Cascade of both")
        self.price = self.line(color="0.2", lw=4, alpha=0.35, label="Consumers pay")
        self.budget = self.line(color=_BUDGET, lw=1, label="Budget")
        self.rate = self.line(color="0.6", lw=0.8, ls=":")
        at_list = np.array([cascade_set.single for cascade_set in explorer.curves.cascade_sets])
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
        self.margin = self.line(color=ARBITRAGEUR_COLOR, lw=1.8)
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
        colours = [model_color(m, explorer.models) for m in explorer.models]
        self.curves = [
            self.line(color=colour, lw=1.4, label=m)
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
        names = [*explorer.models, "Arbitrageurs", "Consumers"]
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


#: What each picture depends on, in the order of ``Dashboard.pictures``.
_TOUCHED_BY = (
    {"prices", "rate", "arbitrageurs", "budget"},
    {"prices", "rate"},
    {"prices", "rate", "arbitrageurs"},
    {"prices", "rate", "arbitrageurs"},
)


@dataclass(frozen=True)
class _Setting:
    """What the sliders say; ``rate`` is the position of the solve rate."""

    prices: tuple[float, float]
    rate: int
    arbitrageurs: int
    budget: float


class Dashboard(Displayed):
    """Sliders for prices, solve rate, arbitrageurs and budget, and what follows from them.

    Made by :func:`explore`. Shown as the result of a cell; where no widgets are (a page, a paper),
    a picture stands for it.

    Parameters
    ----------
    explorer : Explorer
    """

    def __init__(self, explorer: Explorer) -> None:
        widgets = require_ipywidgets()
        self.explorer = explorer
        self._prices, self._margins = Prices(explorer), Margins(explorer)
        self._profits, self._money = Profits(explorer), Money(explorer)
        self.pictures = (self._prices, self._margins, self._profits, self._money)
        self._scales = [_scales(explorer, k) for k in range(len(explorer.games))]
        for earned, most in sorted(self._scales, reverse=True):
            self._profits.scale(earned)
            self._money.scale(most)
            for picture in self.pictures:
                if not picture.frames:
                    picture.settle()
                picture.pixels()
        self._over: OverRates | None = None
        self._at: AtRate | None = None
        self._shown: _Setting | None = None
        #: How often each picture was redrawn, in the order of ``pictures``.
        self.redrawn = [0] * len(self.pictures)
        controls = make_controls(widgets, explorer, self._prices.top, len(self.pictures))
        self.sliders, self._images, self._text, self._box = controls
        for slider in self.sliders.values():
            slider.observe(self._update, "value")
        self._update()

    def set(
        self,
        *,
        prices: npt.ArrayLike | None = None,
        solve_rate: float | None = None,
        arbitrageurs: int | None = None,
        budget: float | None = None,
    ) -> Dashboard:
        """Move sliders, as a hand would, and return the dashboard.

        Parameters
        ----------
        prices : float array [2], optional
            Multipliers of the list prices.
        solve_rate : float, optional
            The nearest one that can be chosen is taken.
        arbitrageurs : int, optional
        budget : float, optional
            Currency units per instance.

        Raises
        ------
        InputError
            If a value lies outside its slider.
        """
        changes: dict[str, Any] = {}
        if prices is not None:
            wanted = np.asarray(prices, dtype=float)
            if wanted.shape != (len(self.explorer.models),):
                raise InputError("Give one multiplier for each of the two models.")
            changes |= dict(zip(self.explorer.models, wanted.tolist(), strict=True))
        if solve_rate is not None:
            rates = self.explorer.solve_rates
            if not rates.min() <= solve_rate <= rates.max():
                raise InputError(
                    f"The solve rate is {solve_rate!r}; its slider goes from {rates.min():.4f} to"
                    f" {rates.max():.4f}."
                )
            changes["solve rate"] = int(np.argmin(np.abs(rates - solve_rate)))
        if arbitrageurs is not None:
            changes["arbitrageurs"] = arbitrageurs
        if budget is not None:
            changes["budget"] = budget
        for name, value in changes.items():
            slider = self.sliders[name]
            low, high = getattr(slider, "min", value), getattr(slider, "max", value)
            if not low <= value <= high:
                raise InputError(f"{name} is {value!r}; its slider goes from {low} to {high}.")
        for name, value in changes.items():
            self.sliders[name].value = value
        return self

    def table(self) -> TextTable:
        """Return prices, profits and epsilon: as set, and in the equilibrium found beforehand."""
        now, over, at = self._setting(), self._over, self._at
        assert over is not None  # noqa: S101 - made with the dashboard
        assert at is not None  # noqa: S101 - likewise
        explorer, unit = self.explorer, self.explorer.unit
        found = explorer.equilibrium(now.rate, now.arbitrageurs)
        rows = [
            (
                model,
                number(now.prices[k], 3),
                number(float(at.deviations.profit[k])),
                _gain(at, k),
                _played(found.strategies[k]),
                number(float(found.profits[k])),
                number(float(found.deviations.gain[k])),
            )
            for k, model in enumerate(explorer.models)
        ]
        buys = " or ".join(
            f"{percent(explorer.reached(now.budget, price), 2)} {who}"
            for price, who in ((over.direct.min(axis=1), "directly"), (over.price, "at best"))
        )
        settled = "" if found.converged else ", not within the tolerance asked for"
        return TextTable(
            f"{percent(float(explorer.solve_rates[now.rate]), 2)} solved,"
            f" {now.arbitrageurs} arbitrageurs: consumers pay"
            f" {number(float(at.outcome.consumer_price[0]))} {unit}; epsilon ="
            f" {number(at.deviations.epsilon)} as set, {number(found.epsilon)} in equilibrium",
            (
                "provider",
                "price [x list]",
                f"profit [{unit}]",
                "could gain",
                "equilibrium price",
                "its profit",
                "epsilon",
            ),
            rows,
            f"A {found.kind} equilibrium, certified on all prices{settled}. A budget of"
            f" {number(now.budget, 3)} {unit} buys {buys}; routing one attempt each within it, by"
            f" an oracle, {percent(explorer.routed(now.prices, now.budget).solve_rate, 2)}.",
        )

    def image(self) -> npt.NDArray[np.uint8]:
        """Return the four pictures in one, as pixels [height, width, 4]."""
        first, second, third, fourth = (picture.pixels() for picture in self.pictures)
        return np.vstack([np.hstack([first, second]), np.hstack([third, fourth])])

    _repr_html_ = None  # type: ignore[assignment]  # the bundle has widgets and a picture

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Return the widgets, and a picture and a text where there are none."""
        shown = self._box._repr_mimebundle_(**options) or {}
        data, about = shown if isinstance(shown, tuple) else (shown, {})
        return {**data, "image/png": png(self.image()), "text/plain": repr(self)}, about

    def _setting(self) -> _Setting:
        first, second = (self.sliders[m].value for m in self.explorer.models)
        return _Setting(
            (first, second),
            self.sliders["solve rate"].value,
            self.sliders["arbitrageurs"].value,
            self.sliders["budget"].value,
        )

    def _update(self, _: Any = None) -> None:
        """Compute and redraw what the change of a slider touches."""
        now, before = self._setting(), self._shown
        if now == before:
            return
        new = (
            set(vars(now))
            if before is None
            else {name for name, value in vars(now).items() if value != getattr(before, name)}
        )
        if self._over is None or new & {"prices", "arbitrageurs"}:
            self._over = self.explorer.over_rates(now.prices, now.arbitrageurs)
        if self._at is None or new & {"prices", "rate", "arbitrageurs"}:
            self._at = self.explorer.at_rate(now.prices, now.rate, now.arbitrageurs)
        self._move(now, self._over, self._at)
        for k, touched_by in enumerate(_TOUCHED_BY):
            if new & touched_by:
                self._images[k].value = png(self.pictures[k].pixels())
                self.redrawn[k] += 1
        self._shown = now
        self._text.value = self.table().html()

    def _move(self, now: _Setting, over: OverRates, at: AtRate) -> None:
        """Tell every picture what to show; it is drawn later, if it is."""
        rate = float(self.explorer.solve_rates[now.rate])
        found = self.explorer.equilibrium(now.rate, now.arbitrageurs)
        earned, most = self._scales[now.rate]
        self._prices.show(over, rate, now.budget)
        self._margins.show(over, rate)
        self._profits.scale(earned)
        self._profits.show(at, now.prices)
        self._money.scale(most)
        self._money.show(_gains(at.outcome), _gains(found.outcome))


def explore(
    market: Market, solve_rates: npt.ArrayLike | None = None, **options: float
) -> Dashboard:
    """Put a market of two models under sliders.

    CascadeSets and equilibria are found first, with a progress bar; a step of a slider then takes
    sums and lookups only, and redraws the pictures that it touches.

    Parameters
    ----------
    market : Market
        Of two models.
    solve_rates : float array [K], optional
        That can be chosen, see :meth:`Explorer.from_market`.
    **options
        ``marginal_cost``, ``choke_multiple``, ``tolerance``, ``time_limit``: see
        :meth:`Explorer.from_market`.

    Returns
    -------
    Dashboard

    Raises
    ------
    InputError
        If there are not two models, a solve rate is out of reach, or ipywidgets is missing.
    """
    require_ipywidgets()  # its lack is told before the search
    return Dashboard(Explorer.from_market(market, solve_rates, **options))


def _gains(found: Any) -> npt.NDArray[np.float64]:
    """Profits of the providers and of arbitrageurs, and consumer surplus."""
    return np.array([*found.total_profit, found.arbitrageur_profit, found.consumer_surplus])


def _gain(at: AtRate, player: int) -> str:
    """Return what a provider could gain, and at which price."""
    best = at.deviations.deviation[player]
    gain = number(float(at.deviations.gain[player]))
    return "0" if best is None else f"{gain} at {number(float(best), 3)}"


def _scales(explorer: Explorer, position: int) -> tuple[float, float]:
    """Return the largest profit over prices, and the largest gain of anybody, for the axes."""
    grid = np.linspace(LOWEST_PRICE, float(OWN_PRICES[-1]), 15)
    both = np.stack([g.ravel() for g in np.meshgrid(grid, grid)], axis=1)
    earned = max(
        float(explorer.game(position, n).profits(both).max()) for n in range(MOST_ARBITRAGEURS + 1)
    )
    choke_price = float(np.asarray(explorer.games[position].cheapest_buyers.high)[0])
    return earned, choke_price / 2


def _played(strategy: Any) -> str:
    """Return a multiplier, or the mean and the range of a mixture."""
    played = strategy.price[strategy.probability > 1e-6]
    mean = number(float(strategy.price @ strategy.probability), 3)
    if len(played) == 1:
        return mean
    return f"{mean} ({number(float(played.min()), 3)} to {number(float(played.max()), 3)})"
