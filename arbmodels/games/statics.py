"""Comparative statics: how prices, revenue and welfare move with one feature of the market.

Comparative statics of the games without providers that move: step and capacity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from arbmodels._pandas import pd
from arbmodels.display import ARBITRAGEUR_COLOR, Displayed, TextTable, new_axes, number
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.bertrand import BertrandGame, undercut
from arbmodels.games.bertrand_edgeworth import CapacityGame
from arbmodels.games.certificate import certify
from arbmodels.games.providers import ProviderGame, outcome
from arbmodels.margins import Arbitrage

if TYPE_CHECKING:
    from matplotlib.axes import Axes


Feature = Literal["arbitrageurs", "overhead", "marginal cost", "captive", "heterogeneity"]
Providers = Literal["list prices", "re-pricing"]
_COLOURS = {"list prices": "#0072B2", "re-pricing": ARBITRAGEUR_COLOR}
_SHOWN = (
    "threshold",
    "mean_price",
    "mean_margin",
    "rounds",
    "profit",
    "consumer_surplus",
    "provider_revenue",
    "provider_profit",
    "arbitrageur_profit",
    "welfare",
    "herfindahl",
    "segmentation",
)
#: What two of the measures are.
_MEANING = {
    "segmentation": (
        "segmentation: share of the served solve rates at which a provider earns, mean over"
        " providers (1: all earn everywhere)."
    ),
    "herfindahl": " herfindahl: sum of squared shares of what consumers spend.",
}


@dataclass(frozen=True, eq=False, repr=False)
class Statics(Displayed):
    """A tidy table of outcomes along one feature.

    Made by :func:`comparative_statics` and its relatives.

    Parameters
    ----------
    feature : str
        What varies.
    frame : DataFrame
        A row per value of the feature (column ``value``) and behaviour of the providers (column
        ``providers``), with ``epsilon`` and ``relative_epsilon`` of the equilibrium (0 at list
        prices, where nobody chooses), ``settled``, whether that is within the tolerance asked for,
        and the measures of :meth:`Outcome.measures`.
    name, unit : str
    """

    feature: str
    frame: pd.DataFrame
    name: str
    unit: str

    @property
    def not_converged(self) -> npt.NDArray[np.bool_]:
        """Rows whose epsilon is above the tolerance asked for: they are no equilibria, [rows]."""
        if "settled" not in self.frame:
            return np.zeros(len(self.frame), dtype=bool)
        return ~self.frame["settled"].to_numpy(dtype=bool)

    def to_frame(self) -> pd.DataFrame:
        """Return the tidy table."""
        return self.frame.copy()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        rows = self.frame.astype(object).where(self.frame.notna(), None)
        return {"feature": self.feature, "unit": self.unit, "rows": rows.to_dict("records")}

    def table(self) -> TextTable:
        """Return the main measures, epsilon first."""
        shown = [name for name in _SHOWN if name in self.frame]
        not_converged = self.not_converged
        note = "".join(text for name, text in _MEANING.items() if name in shown)
        if not_converged.any():
            note += (
                f" * {int(not_converged.sum())} of {len(not_converged)} rows: epsilon is above the"
                " tolerance asked for, so this is no equilibrium, and differences to it mean"
                " nothing."
            )
        return TextTable(
            f"{self.name}: by {self.feature} [{self.unit}]",
            (f"{self.feature}: providers", "epsilon", *(name.replace("_", " ") for name in shown)),
            [
                (
                    f"{row['value']}: {row['providers']}",
                    number(float(row["epsilon"]), 2) + "*" * bool(open_row),
                    *(number(float(row[name]), 3) for name in shown),
                )
                for row, open_row in zip(self.frame.to_dict("records"), not_converged, strict=True)
            ],
            note,
        )

    def plot(self, measure: str = "mean_price", ax: Axes | None = None) -> Axes:
        """Draw one measure along the feature, for each behaviour of the providers.

        Raises
        ------
        InputError
            If there is no such measure.
        """
        if measure not in self.frame:
            raise InputError(
                f"No measure {measure!r}; there are {', '.join(map(str, self.frame))}."
            )
        ax = new_axes() if ax is None else ax
        for how, part in self.frame.groupby("providers", sort=False):
            ax.plot(
                [str(v) for v in part["value"]],
                part[measure],
                "o-",
                color=_COLOURS.get(str(how), "black"),
                label=f"Providers: {how}",
            )
            missed = self.not_converged[part.index]
            if missed.any():
                ax.plot(
                    [str(v) for v in part["value"][missed]],
                    part[measure][missed],
                    "X",
                    ms=10,
                    color="#D55E00",
                    label="Not within the tolerance: no equilibrium",
                )
        ax.set_xlabel(self.feature.capitalize())
        ax.set_ylabel(measure.replace("_", " ").capitalize())
        ax.set_ylim(bottom=0)
        ax.legend(frameon=False)
        return ax


def comparative_statics(
    game: ProviderGame,
    feature: Feature,
    values: Sequence[Any],
    *,
    tolerance: float = 1e-3,
    time_limit: float = np.inf,
) -> Statics:
    """Return outcomes along one feature, providers at list prices and re-pricing.

    Parameters
    ----------
    game : ProviderGame
        Everything else stays as in it.
    feature : {"arbitrageurs", "overhead", "marginal cost", "captive", "heterogeneity"}
        How many arbitrageurs, their common overhead, the marginal cost of all providers, the share
        of captive consumers, or the width of the willingness to pay around its mean, 0 (everybody
        pays the same) to 1 (from nothing to twice the mean).
    values : sequence
    tolerance, time_limit : float
        As in :meth:`arbmodels.games.ProviderGame.solve`, per value.

    Raises
    ------
    InputError
        If the feature is unknown or there are no values.

    Examples
    --------
    >>> from arbmodels.games import CascadeSet, Consumers
    >>> bought = [[2.0, 0.0], [0.5, 1.0], [0.0, 2.5]]
    >>> cascades = CascadeSet(0.7, ("a", "b"), bought, [2.0, 2.5], True)
    >>> game = ProviderGame((cascades,), Consumers([0.7], high=4.0), 0.5)
    >>> found = comparative_statics(game.replace(fixed=game.players), "arbitrageurs", [0, 1, 2])
    >>> found.to_frame()["mean_price"].tolist()
    [2.0, 2.0, 1.5]
    """
    inputs.a(ProviderGame, game, "game")
    change = _changes()[inputs.chosen(feature, "feature", _changes())]
    values = inputs.listed(values, "values")
    if not values:
        raise InputError("Comparative statics need at least one value of the feature.")
    rows = [
        {"value": value, **row}
        for value in values
        for row in both_behaviours(change(game, value), tolerance, time_limit)
    ]
    return Statics(feature, pd.DataFrame(rows), game.name, game.unit)


def both_behaviours(
    game: ProviderGame, tolerance: float, time_limit: float
) -> list[dict[str, Any]]:
    """Return a row with providers at list prices, and one re-pricing if any of them can."""
    at_list = outcome(game, np.ones(len(game.players)))
    rows: list[dict[str, Any]] = [
        {
            "providers": "list prices",
            "epsilon": 0.0,
            "relative_epsilon": 0.0,
            "settled": True,
            **at_list.measures(),
        }
    ]
    if game.movers:
        found = game.solve(tolerance=tolerance, time_limit=time_limit)
        rows.append(
            {
                "providers": "re-pricing",
                "epsilon": found.epsilon,
                "relative_epsilon": found.relative_epsilon,
                "settled": found.converged,
                "kind": found.kind,
                **found.outcome.measures(),
            }
        )
    return rows


def _changes() -> dict[str, Callable[[ProviderGame, Any], ProviderGame]]:
    return {
        "arbitrageurs": lambda game, n: game.replace(arbitrageurs=n),
        "overhead": lambda game, o: game.replace(
            arbitrageurs=(inputs.number(o, "An overhead", 0.0),) * len(game.arbitrageurs)  # type: ignore[arg-type]
        ),
        "marginal cost": lambda game, c: game.replace(marginal_cost=c),
        "captive": lambda game, share: game.replace(
            consumers=replace(game.consumers, captive=share)
        ),
        "heterogeneity": _spread,
    }


def _spread(game: ProviderGame, width: float) -> ProviderGame:
    width = inputs.number(width, "The heterogeneity", 0.0, 1.0)
    now = game.cheapest_buyers
    mean = (np.asarray(now.low) + np.asarray(now.high)) / 2
    return game.replace(
        consumers=replace(now, low=mean * (1 - width), high=mean * (1 + width), sample=None)
    )


def step_statics(
    game: BertrandGame | Arbitrage, steps: Sequence[float], start: float | None = None
) -> Statics:
    """Return where undercutting ends, and after how many rounds, for several steps.

    Parameters
    ----------
    game : BertrandGame or Arbitrage
        As in :func:`arbmodels.games.undercut`.
    steps : sequence of float in (0, 1)
        What a round multiplies the price by.
    start : float, optional
        Price before the first round.

    Returns
    -------
    Statics
        Measures: ``rounds``; ``mean_price`` and ``mean_margin`` over the solve rates that are
        served; ``epsilon``, what the holder of the price still gains by the limit price.

    Raises
    ------
    InputError
        If there are no steps, or one does not fit.

    Examples
    --------
    Seller a comes to stand alone between one step below the other's cost and that cost.

    >>> from arbmodels.games import Seller
    >>> game = BertrandGame([0.5], [Seller("a", [1.0]), Seller("b", [2.0])])
    >>> step_statics(game, [0.5, 0.9], start=4.0).to_frame()["mean_price"].round(4).tolist()
    [2.0, 1.9132]
    """
    steps = _some(steps, "step")
    inputs.a((BertrandGame, Arbitrage), game, "game")
    rows = []
    for step in steps:
        path = undercut(game, step, start)
        holder = path.setters[-1]
        posted = np.where(np.isfinite(path.game.costs), path.game.costs, np.nan)
        held = np.flatnonzero(holder >= 0)
        posted[held, holder[held]] = path.limit[held]
        checked = certify(path.game.players, path.solve_rates, posted, path.game.costs)
        rows.append(
            {
                "value": step,
                "providers": "list prices",
                "epsilon": checked.epsilon,
                "rounds": path.rounds,
                "mean_price": float(np.nanmean(path.limit)),
                "mean_margin": float(np.nanmean(path.margins[-1])),
            }
        )
    return Statics("step", pd.DataFrame(rows), path.game.name, f"{path.game.currency}/instance")


def capacity_statics(
    game: CapacityGame,
    factors: Sequence[float],
    *,
    tolerance: float = 1e-3,
    time_limit: float = np.inf,
) -> Statics:
    """Return prices and profits when all capacities are multiplied by several factors.

    Parameters
    ----------
    game : CapacityGame
    factors : sequence of float above 0
    tolerance, time_limit : float
        As in :meth:`CapacityGame.solve`, per factor.

    Returns
    -------
    Statics
        Measures: ``mean_price`` (of the sellers' mean prices), ``profit`` of all, and of each
        seller.

    Raises
    ------
    InputError
        If there are no factors, or one is not above 0.

    Examples
    --------
    Scarce capacity sells at what consumers pay at most; plenty of it at cost.

    >>> found = capacity_statics(CapacityGame([0.5, 0.5]), [0.8, 3.0]).to_frame()
    >>> found["mean_price"].round(6).tolist()
    [1.0, 0.0]
    """
    factors = _some(factors, "factor")
    inputs.a(CapacityGame, game, "game")
    rows = []
    for factor in factors:
        inputs.number(factor, "A factor of capacities", 0.0, above=True)
        varied = CapacityGame(
            game.capacities * float(factor),
            game.costs,
            game.willingness_to_pay,
            game.mass,
            game.players,
            game.tie_rule,
            game.unit,
        )
        found = varied.solve(tolerance=tolerance, time_limit=time_limit)
        rows.append(
            {
                "value": factor,
                "providers": "capacities",
                "epsilon": found.epsilon,
                "relative_epsilon": found.relative_epsilon,
                "settled": found.relative_epsilon <= tolerance,
                "kind": found.kind,
                "mean_price": float(np.mean([each.mean for each in found.strategies])),
                "profit": float(found.profits.sum()),
                **{
                    f"profit of {name}": float(one)
                    for name, one in zip(found.players, found.profits, strict=True)
                },
            }
        )
    return Statics("capacity", pd.DataFrame(rows), game.name, game.unit)


def _some(values: Sequence[float], what: str) -> Sequence[float]:
    given: tuple[float, ...] = inputs.listed(values, f"{what}s")  # type: ignore[assignment]
    if not given:
        raise InputError(f"Comparative statics need at least one {what}.")
    return given
