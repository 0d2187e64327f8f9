"""What every player of a game could gain by deviating: the certificate beside an equilibrium.

The check of posted prices is written without knowledge of any solver: it knows only the payoff of
price competition (own price, rivals' prices, costs, willingness to pay, tie rule) and the exact
best response to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from arbmodels._pandas import pd
from arbmodels.display import Displayed, TextTable, brief, number, percent
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.passk import FloatArray


@dataclass(frozen=True, eq=False, repr=False)
class Deviations(Displayed):
    """Largest gain of every player from any deviation, found apart from the solver.

    Parameters
    ----------
    players : sequence of str, length P
    profit : float array [P], in ``unit``
        At the proposed strategies.
    gain : float array [P], in ``unit``
        Largest profit from any deviation (its supremum) less ``profit``; never negative.
    deviation : sequence of float, str or None, length P
        The price (or the name of the strategy) that gains the most; None where none gains.
    attained : bool array [P]
        Whether the deviation gains so much itself, or prices near it come as near as one likes.
    exact : bool
        Whether the gains are proven to be the largest, or the largest that a search of
        ``resolution`` deviations per player found.
    domain, tie_rule : str
        Which deviations were looked at, and who serves at equal prices, in words.
    resolution : int
        Deviations tried per player; for exact certificates, candidates that suffice.
    unit : str
        Of profits and gains.

    Raises
    ------
    InputError
        If the lengths differ or a number is not finite.

    References
    ----------
    Radner, *Collusive behavior in noncooperative epsilon-equilibria of oligopolies with long but
    finite lives*, Journal of Economic Theory 22 (1980).

    Examples
    --------
    >>> found = Deviations(("a", "b"), [2.0, 1.0], [0.0, 0.1], [None, 3.5], [True, True], True,
    ...                    "all prices >= 0", "share", 4, "USD")
    >>> found.epsilon, found.relative_epsilon
    (0.1, 0.1)
    """

    players: tuple[str, ...]
    profit: FloatArray
    gain: FloatArray
    deviation: tuple[float | str | None, ...]
    attained: npt.NDArray[np.bool_]
    exact: bool
    domain: str
    tie_rule: str
    resolution: int
    unit: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "players", inputs.names(self.players, "players"))
        inputs.listed(self.deviation, "deviation")
        profit, gain = inputs.numbers(self.profit, "profit"), inputs.numbers(self.gain, "gain")
        attained = np.asarray(self.attained)
        if attained.dtype != bool:
            raise InputError("attained is a list of True and False, one per player.")
        inputs.truth(self.exact, "exact")
        inputs.whole(self.resolution, "resolution")
        for what in ("domain", "tie_rule", "unit"):
            inputs.text(what, getattr(self, what))
        shape = (len(self.players),)
        if any(x.shape != shape for x in (profit, gain, attained)) or shape != (
            len(self.deviation),
        ):
            raise InputError(f"A certificate of {shape[0]} players needs {shape[0]} of everything.")
        if not (np.isfinite(profit).all() and np.isfinite(gain).all() and np.all(gain >= 0)):
            raise InputError("Profits must be finite and gains finite and >= 0.")
        for name, value in (("profit", profit), ("gain", gain), ("attained", attained)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "players", tuple(self.players))
        object.__setattr__(self, "deviation", tuple(self.deviation))

    @property
    def epsilon(self) -> float:
        """Largest gain of any player, in ``unit``."""
        return float(self.gain.max())

    @property
    def relative_gain(self) -> FloatArray:
        """Gain over profit, [P]; infinite where something is gained from no profit."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = self.gain / np.abs(self.profit)
        return np.where(self.gain == 0, 0.0, ratio)

    @property
    def relative_epsilon(self) -> float:
        """Largest gain over profit of any player."""
        return float(self.relative_gain.max())

    def to_frame(self) -> pd.DataFrame:
        """Return a row per player: profit, gain, relative_gain, deviation, attained."""
        return pd.DataFrame(
            {
                "player": list(self.players),
                "profit": self.profit,
                "gain": self.gain,
                "relative_gain": self.relative_gain,
                "deviation": list(self.deviation),
                "attained": self.attained,
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        rows = self.to_frame().to_dict("records")
        for row in rows:
            if not np.isfinite(row["relative_gain"]):
                row["relative_gain"] = None
        return {
            "epsilon": self.epsilon,
            "unit": self.unit,
            "players": rows,
            "exact": self.exact,
            "domain": self.domain,
            "tie_rule": self.tie_rule,
            "resolution": self.resolution,
        }

    @property
    def words(self) -> str:
        """How the gains were found, domain and tie rule."""
        how = "exact" if self.exact else "largest found"
        return (
            f"Gains {how}, from {self.resolution:,} deviations per player. Domain:"
            f" {self.domain}. Ties: {self.tie_rule}."
        )

    def table(self) -> TextTable:
        """Return each player's largest gain."""
        rows = [
            (
                player,
                number(profit),
                number(gain),
                _share(float(relative)),
                _deviation(deviation, bool(attained)),
            )
            for player, profit, gain, relative, deviation, attained in zip(
                self.players,
                self.profit,
                self.gain,
                self.relative_gain,
                self.deviation,
                self.attained,
                strict=True,
            )
        ]
        return TextTable(
            f"Certificate: epsilon = {number(self.epsilon)} {self.unit}",
            ("player", f"profit [{self.unit}]", f"gain [{self.unit}]", "of profit", "by"),
            rows,
            self.words,
        )


def _share(relative: float) -> str:
    if np.isinf(relative):
        return "from nothing"
    return percent(relative, 3) if relative < 10 else f"{number(relative)} times"


def _deviation(deviation: float | str | None, attained: bool) -> str:
    if deviation is None:
        return "-"
    named = deviation if isinstance(deviation, str) else number(deviation)
    return named if attained else f"{named} (in the limit)"


#: Who serves consumers when several sellers post the lowest price: the ones with the lowest cost
#: among them, in equal parts ("low_cost"), or all of them in equal parts ("share").
TieRule = Literal["low_cost", "share"]
TIE_RULES = {
    "low_cost": "lowest price serves; ties go to the lowest cost, equal costs share equally",
    "share": "lowest price serves; ties share equally, whatever the costs",
}


class BestResponse(NamedTuple):
    """Largest profit against fixed rivals: exact, all arrays of one shape.

    ``profit`` is the supremum over all prices; ``price`` is where it is attained, or the price
    that is approached from below where ``attained`` is false. Infinite profit: no rival and no
    willingness to pay bound the price.
    """

    profit: FloatArray
    price: FloatArray
    attained: npt.NDArray[np.bool_]

    def __repr__(self) -> str:
        return brief(self)


def bertrand_profit(
    price: npt.ArrayLike,
    cost: npt.ArrayLike,
    rival_prices: npt.ArrayLike,
    rival_costs: npt.ArrayLike,
    *,
    willingness_to_pay: npt.ArrayLike = np.inf,
    tie_rule: TieRule = "low_cost",
) -> FloatArray:
    """Return a seller's profit per consumer at posted prices.

    (price - cost) x share: a unit mass of consumers buys from the lowest price if that is at
    most their willingness to pay.

    Parameters
    ----------
    price, cost : float array [...], currency units per instance
        Own price and cost. NaN: no offer, or out of reach.
    rival_prices, rival_costs : float array [..., R]
        NaN in either means the rival offers nothing.
    willingness_to_pay : float array [...]
    tie_rule : {"low_cost", "share"}

    Returns
    -------
    float array [...]

    Raises
    ------
    InputError
        If the tie rule is unknown.

    Examples
    --------
    >>> float(bertrand_profit(5.0, 2.0, [5.0, 7.0], [2.0, 3.0]))
    1.5
    """
    inputs.chosen(tie_rule, "tie rule", TIE_RULES)
    price, cost = inputs.numbers(price, "price"), inputs.numbers(cost, "cost")
    cap = inputs.numbers(willingness_to_pay, "The willingness to pay")
    offers, costs = _offers(rival_prices, rival_costs)
    inputs.together(price, cost, cap, offers[..., :1].sum(axis=-1))
    tied = offers == price[..., None]
    if tie_rule == "low_cost":
        stronger = (tied & (costs < cost[..., None])).any(axis=-1)
        equal = (tied & (costs == cost[..., None])).sum(axis=-1)
        at_tie = np.where(stronger, 0.0, 1.0 / (1.0 + equal))
    elif tie_rule == "share":
        at_tie = 1.0 / (1.0 + tied.sum(axis=-1))
    else:
        raise InputError(f"No tie rule {tie_rule!r}; choose 'low_cost' or 'share'.")
    lowest = offers.min(axis=-1, initial=np.inf)
    share = np.where(price < lowest, 1.0, np.where(price == lowest, at_tie, 0.0))
    sells = np.isfinite(price) & np.isfinite(cost) & (price <= cap)
    # A difference of infinities (no offer, out of reach) is never used.
    with np.errstate(invalid="ignore"):
        return np.where(sells & (share > 0), share * (price - cost), 0.0)


def best_response(
    cost: npt.ArrayLike,
    rival_prices: npt.ArrayLike,
    rival_costs: npt.ArrayLike,
    *,
    willingness_to_pay: npt.ArrayLike = np.inf,
    tie_rule: TieRule = "low_cost",
) -> BestResponse:
    """Return the exact best response to posted prices.

    Between two neighbouring breakpoints (the rivals' prices and the willingness to pay) the
    profit is linear and does not fall in the own price, so its supremum over a piece is its
    limit from below at the upper end. Candidates are therefore every breakpoint, the limit from
    below at every rival's price, and the own cost (no profit, no loss): nothing else can be
    better. Limits are computed as limits, not at a price a little lower.

    Parameters
    ----------
    cost : float array [...]
    rival_prices, rival_costs : float array [..., R]
    willingness_to_pay : float array [...]
    tie_rule : {"low_cost", "share"}

    Returns
    -------
    BestResponse

    Examples
    --------
    Undercutting a rival who shares the tie pays all but the last cent, never all of it:

    >>> profit, price, attained = best_response(2.0, [5.0], [3.0], tie_rule="share")
    >>> float(profit), float(price), bool(attained)
    (3.0, 5.0, False)
    """
    offers, costs = _offers(rival_prices, rival_costs)
    inputs.chosen(tie_rule, "tie rule", TIE_RULES)
    cost = inputs.numbers(cost, "cost")
    cap = inputs.numbers(willingness_to_pay, "The willingness to pay")
    shape = inputs.together(cost, cap, offers[..., :1].sum(axis=-1))
    cost, cap = np.broadcast_to(cost, shape), np.broadcast_to(cap, shape)
    offers = np.broadcast_to(offers, (*shape, offers.shape[-1]))
    rivals = range(offers.shape[-1])
    lowest = offers.min(axis=-1, initial=np.inf)
    exact = [cap, *(offers[..., k] for k in rivals), cost]
    values = [
        bertrand_profit(p, cost, offers, costs, willingness_to_pay=cap, tie_rule=tie_rule)
        for p in exact
    ]
    # Alone and without a bound on what consumers pay, profit grows with the price.
    values[0] = np.where(np.isinf(cap) & np.isinf(lowest) & np.isfinite(cost), np.inf, values[0])
    for k in rivals:
        below = offers[..., k]
        serves = (below <= lowest) & (below <= cap) & np.isfinite(below) & np.isfinite(cost)
        values.append(np.where(serves, np.where(serves, below, 0.0) - cost, 0.0))
    table = np.stack(values, axis=-1)
    prices = np.stack([*exact, *(offers[..., k] for k in rivals)], axis=-1)
    first = np.argmax(table, axis=-1)[..., None]  # attained candidates come first
    profit = np.take_along_axis(table, first, axis=-1)[..., 0]
    price = np.where(profit > 0, np.take_along_axis(prices, first, axis=-1)[..., 0], cost)
    return BestResponse(profit, price, ((first[..., 0] < len(exact)) & np.isfinite(profit)))


def _offers(prices: npt.ArrayLike, costs: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Rivals' prices and costs; a rival without an offer has an infinite price."""
    posted = inputs.numbers(prices, "Prices of rivals")
    cost = inputs.numbers(costs, "Costs of rivals")
    inputs.together(posted, cost)
    if posted.ndim == 0:
        raise InputError("Prices of rivals are a list, one per rival.")
    offering = np.isfinite(posted) & np.isfinite(cost)
    return np.where(offering, posted, np.inf), cost


DOMAIN = "all prices >= 0, limits from below included"

#: A tried price gains more than the best one by rounding, over the profit.
_ROUNDING = 1e-12
_GRID_PRICES = 101
_RANDOM_PRICES = 64
#: How many prices x solve rates x players are held in memory at once.
_CELLS_AT_ONCE = 200_000
_NEAR_RIVAL = (1e-2, 1e-4, 1e-6, 1e-9)


@dataclass(frozen=True, eq=False, repr=False)
class DeviationsByRate(Deviations):
    """What every player could gain by another price, at every solve rate.

    Made by :func:`certify`. The parameters of :class:`Deviations` are of the solve rate where each
    player gains the most; they are NaN if no solve rate could be checked.

    Parameters
    ----------
    solve_rates : float array [U]
    profits, gains : float array [U, P], in ``unit``
        Profit at the posted prices, and the largest gain over it from any other price.
    best_prices : float array [U, P]
        The price that gains the most; NaN where none gains.
    best_attained : bool array [U, P]
        Whether that price gains so much itself, or prices just below it come as near as one likes.
    searched_gain : float array [U, P]
        Largest gain found by trying ``resolution`` prices: never above ``gains`` if both are right.
    unbounded : bool array [U]
        One seller alone without willingness to pay: there is no best response, and the solve
        rate is left out of every number above.
    """

    solve_rates: FloatArray
    profits: FloatArray
    gains: FloatArray
    best_prices: FloatArray
    best_attained: npt.NDArray[np.bool_]
    searched_gain: FloatArray
    unbounded: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Take what :func:`certify` computed as it is: gains may be infinite."""

    def by_player(self) -> pd.DataFrame:
        """Return each player's largest gain and where it is, a row per player.

        Columns: ``gain`` at the best solve rate; ``relative_gain`` to the profit there (infinite
        from nothing); ``price`` (the deviation) and ``solve_rate``, both NaN if no deviation
        gains; ``attained``; ``mean_gain`` over the solve rates, from deviating at all of them.
        """
        gain = np.where(self.unbounded[:, None], -np.inf, self.gains)
        rows: list[dict[str, Any]] = []
        for k in range(len(self.players)):
            if self.unbounded.all():
                rows.append({})
                continue
            at = int(np.argmax(gain[:, k]))
            most, profit = float(gain[at, k]), float(self.profits[at, k])
            rows.append(
                {
                    "gain": most,
                    "relative_gain": most / profit if profit > 0 else (np.inf if most else 0.0),
                    "price": float(self.best_prices[at, k]),
                    "solve_rate": float(self.solve_rates[at]) if most > 0 else float("nan"),
                    "attained": bool(self.best_attained[at, k]),
                    "mean_gain": float(self.gains[~self.unbounded, k].mean()),
                }
            )
        columns = ["gain", "relative_gain", "price", "solve_rate", "attained", "mean_gain"]
        return pd.DataFrame(rows, pd.Index(self.players, name="player"), columns)

    def table(self) -> TextTable:
        """Return each player's largest gain."""
        rows = [
            (
                str(player),
                number(row["gain"]),
                percent(row["relative_gain"]),
                number(row["price"]) + ("" if row["attained"] else " (from below)"),
                percent(row["solve_rate"], 2),
            )
            for player, row in zip(self.players, self.by_player().to_dict("records"), strict=True)
        ]
        return TextTable(
            f"Certificate: epsilon = {number(self.epsilon)} {self.unit}",
            (
                "player",
                f"gain [{self.unit}]",
                "of profit",
                f"by pricing at [{self.unit}]",
                "solve rate",
            ),
            rows,
            self.words,
        )

    @property
    def words(self) -> str:
        """Tie rule, domain, and the solve rates that could not be checked."""
        text = f"Ties: {self.tie_rule}. Deviations: {self.domain}."
        if self.unbounded.any():
            text += (
                f" {int(self.unbounded.sum())} of {len(self.unbounded)} solve rates left out: one"
                " seller alone there, and no willingness to pay bounds its price."
            )
        return text


def certify(
    players: Sequence[str],
    solve_rates: npt.ArrayLike,
    prices: npt.ArrayLike,
    costs: npt.ArrayLike,
    *,
    willingness_to_pay: npt.ArrayLike = np.inf,
    tie_rule: TieRule = "low_cost",
    currency: str = "USD",
) -> DeviationsByRate:
    """Measure what each player could gain from any other price, whoever proposed the prices.

    Parameters
    ----------
    players : sequence of str, length P
    solve_rates : float array [U]
    prices, costs : float array [U, P], currency units per instance
        NaN price: no offer. NaN or infinite cost: out of reach.
    willingness_to_pay : float or float array [U]
        Infinite by default.
    tie_rule : {"low_cost", "share"}
    currency : str

    Returns
    -------
    DeviationsByRate

    Raises
    ------
    InputError
        If the shapes do not fit.
    """
    players = inputs.names(players, "players")
    rates = inputs.numbers(solve_rates, "Solve rates")
    price, cost = inputs.numbers(prices, "Prices"), inputs.numbers(costs, "Costs")
    tie_rule = inputs.chosen(tie_rule, "tie rule", TIE_RULES)  # type: ignore[assignment]
    inputs.text("currency", currency)
    shape = (*rates.shape, len(players))
    if rates.ndim != 1 or price.shape != shape or cost.shape != shape or 0 in shape:
        raise InputError(
            f"Prices {price.shape} and costs {cost.shape} must both be [solve rates, players]"
            f" = {shape}."
        )
    cap = inputs.numbers(willingness_to_pay, "The willingness to pay")
    if cap.shape not in ((), rates.shape) or not np.all(cap >= 0):
        raise InputError(
            f"The willingness to pay is one number >= 0, or one per solve rate ({len(rates)});"
            " leave it out for consumers who pay anything."
        )
    if np.any((price == np.inf) | (price < -np.inf)) or np.any(cost < 0):
        raise InputError("A price must be finite, or NaN where there is no offer; a cost >= 0.")
    if not np.all((rates >= 0) & (rates <= 1)):
        raise InputError("Solve rates are numbers between 0 and 1.")
    cap = np.broadcast_to(cap, rates.shape)
    profit, gain, searched, deviation = (np.zeros(shape) for _ in range(4))
    attained = np.ones(shape, dtype=bool)
    tried = _prices_to_try(price, cost, cap)
    rows = max(1, _CELLS_AT_ONCE // price.size)
    for k in range(len(players)):
        rivals = np.delete(price, k, axis=1), np.delete(cost, k, axis=1)
        profit[:, k] = bertrand_profit(
            price[:, k], cost[:, k], *rivals, willingness_to_pay=cap, tie_rule=tie_rule
        )
        best = best_response(cost[:, k], *rivals, willingness_to_pay=cap, tie_rule=tie_rule)
        gain[:, k] = np.maximum(best.profit - profit[:, k], 0.0)
        gains = gain[:, k] > 0
        deviation[:, k] = np.where(gains, best.price, np.nan)
        attained[:, k] = best.attained | ~gains
        for start in range(0, len(tried), rows):
            earned = bertrand_profit(
                tried[start : start + rows],
                cost[:, k],
                *rivals,
                willingness_to_pay=cap,
                tie_rule=tie_rule,
            )
            searched[:, k] = np.maximum(searched[:, k], (earned - profit[:, k]).max(axis=0))
    unbounded = (np.isfinite(cost).sum(axis=1) == 1) & np.isinf(cap)
    # The tried prices count too, so that a fault in the exact candidates would show.
    most = np.where(unbounded[:, None], np.nan, np.maximum(gain, searched))
    at = np.where(unbounded.all(), 0, np.argmax(np.where(unbounded[:, None], -1.0, most), axis=0))
    where = at, np.arange(len(players))
    return DeviationsByRate(
        players=tuple(players),
        profit=np.where(unbounded.all(), np.nan, profit[where]),
        gain=most[where],
        deviation=tuple(
            float(p) if more > 0 and np.isfinite(p) else None
            for p, more in zip(deviation[where], most[where], strict=True)
        ),
        attained=attained[where],
        exact=bool(np.all((searched <= gain + _ROUNDING * np.abs(profit))[~unbounded])),
        domain=DOMAIN,
        tie_rule=TIE_RULES[tie_rule],
        resolution=len(tried),
        unit=f"{currency}/instance",
        solve_rates=rates,
        profits=profit,
        gains=gain,
        best_prices=deviation,
        best_attained=attained,
        searched_gain=searched,
        unbounded=unbounded,
    )


def _prices_to_try(price: FloatArray, cost: FloatArray, cap: FloatArray) -> FloatArray:
    """Return a grid, random prices and prices beside the posted ones, [tried, U]."""
    known = np.concatenate([price, cost, cap[:, None]], axis=1)
    top = 1.25 * np.where(np.isfinite(known), known, 0.0).max(axis=1)
    spread = np.random.default_rng(0).random((_RANDOM_PRICES, len(top)))
    near = [
        price[:, k] * factor
        for k in range(price.shape[1])
        for less in _NEAR_RIVAL
        for factor in (1 - less, 1 + less)
    ]
    return np.stack(
        [*(top * part for part in np.linspace(0, 1, _GRID_PRICES)), *(top * spread), *near]
    )
