"""Sliders and pictures in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from arbmodels.display import TextTable, model_label, number, percent
from arbmodels.errors import InputError
from arbmodels.interactive.controls import LOWEST_PRICE, make_controls, require_ipywidgets
from arbmodels.interactive.explorer import (
    MOST_ARBITRAGEURS,
    OWN_PRICES,
    AtRate,
    Explorer,
    OverRates,
)
from arbmodels.interactive.pictures import Margins, Money, Prices, Profits, png
from arbmodels.market import Market

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


class Dashboard:
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
                model_label(model),
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
        settled = "" if found.settled else ", not within the tolerance asked for"
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
            f" {number(now.budget, 3)} {unit} buys {buys}.",
        )

    def image(self) -> npt.NDArray[np.uint8]:
        """Return the four pictures in one, as pixels [height, width, 4]."""
        first, second, third, fourth = (picture.pixels() for picture in self.pictures)
        return np.vstack([np.hstack([first, second]), np.hstack([third, fourth])])

    def __repr__(self) -> str:
        return self.table().text()

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

    Menus and equilibria are found first, with a progress bar; a step of a slider then takes sums
    and lookups only, and redraws the pictures that it touches.

    Parameters
    ----------
    market : Market
        Of two models.
    solve_rates : float array [K], optional
        That can be chosen, see :meth:`Explorer.from_market`.
    **options
        ``marginal_cost``, ``choke``, ``tolerance``, ``time_limit``: see
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
    choke = float(np.asarray(explorer.games[position].cheapest_buyers.high)[0])
    return earned, choke / 2


def _played(strategy: Any) -> str:
    """Return a multiplier, or the mean and the range of a mixture."""
    played = strategy.price[strategy.probability > 1e-6]
    mean = number(float(strategy.price @ strategy.probability), 3)
    if len(played) == 1:
        return mean
    return f"{mean} ({number(float(played.min()), 3)} to {number(float(played.max()), 3)})"
