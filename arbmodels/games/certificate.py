"""Best-response check of posted prices, written without knowledge of any solver.

It knows only the payoff: own price, rivals' prices, costs, willingness to pay and the tie rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.display import Displayed, TextTable, number, percent
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.deviations import Deviations
from arbmodels.games.payoffs import TIE_RULES, TieRule, bertrand_profit, best_response
from arbmodels.passk import FloatArray

DOMAIN = "all prices >= 0, limits from below included"

#: A tried price gains more than the best one by rounding, over the profit.
_ROUNDING = 1e-12
_GRID_PRICES = 101
_RANDOM_PRICES = 64
#: How many prices x solve rates x players are held in memory at once.
_CELLS_AT_ONCE = 200_000
_NEAR_RIVAL = (1e-2, 1e-4, 1e-6, 1e-9)


@dataclass(frozen=True, eq=False, repr=False)
class Certificate(Displayed):
    """What every player could gain by deviating, at every solve rate.

    Made by :func:`certify`.

    Parameters
    ----------
    players : sequence of str, length P
    solve_rates : float array [U]
    profit, gain : float array [U, P], currency units per instance
        Profit at the posted prices, and the largest gain over it from any other price.
    deviation : float array [U, P]
        The price that gains the most; NaN where none gains.
    attained : bool array [U, P]
        Whether that price gains so much itself, or prices just below it come as near as one likes.
    searched_gain : float array [U, P]
        Largest gain found by trying ``resolution`` prices: never above ``gain`` if both are right.
    unbounded : bool array [U]
        One seller alone without willingness to pay: there is no best response, and the solve
        rate is left out of every number below.
    tie_rule, domain : str
        In words.
    resolution : int
    currency : str
    """

    players: tuple[str, ...]
    solve_rates: FloatArray
    profit: FloatArray
    gain: FloatArray
    deviation: FloatArray
    attained: npt.NDArray[np.bool_]
    searched_gain: FloatArray
    unbounded: npt.NDArray[np.bool_]
    tie_rule: str
    domain: str
    resolution: int
    currency: str = "USD"

    @property
    def epsilon(self) -> float:
        """Largest gain of any player at any solve rate; NaN if none could be checked.

        The tried prices count too, so that a fault in the exact candidates would show.
        """
        checked = ~self.unbounded
        if not checked.any():
            return float("nan")
        return float(np.maximum(self.gain, self.searched_gain)[checked].max())

    @property
    def deviations(self) -> Deviations:
        """The certificate in the form that every game has, each player where it gains the most.

        Raises
        ------
        InputError
            If no solve rate could be checked.
        """
        checked = np.flatnonzero(~self.unbounded)
        if not len(checked):
            raise InputError("One seller is alone at every solve rate: nothing bounds its price.")
        gain = np.maximum(self.gain, self.searched_gain)[checked]
        at = checked[gain.argmax(axis=0)]
        who = np.arange(len(self.players))
        most, price = gain.max(axis=0), self.deviation[at, who]
        return Deviations(
            self.players,
            self.profit[at, who],
            most,
            tuple(
                float(p) if more > 0 and np.isfinite(p) else None
                for p, more in zip(price, most, strict=True)
            ),
            self.attained[at, who],
            bool(np.all(gain <= self.gain[checked] + _ROUNDING * np.abs(self.profit[checked]))),
            f"{self.domain}, at the solve rate where each player gains the most",
            self.tie_rule,
            self.resolution,
            f"{self.currency}/instance",
        )

    @property
    def epsilon_by_player(self) -> FloatArray:
        """Each player's largest gain at any solve rate, [P]."""
        return self.by_player()["gain"].to_numpy(dtype=float)

    def by_player(self) -> pd.DataFrame:
        """Return each player's largest gain and where it is, a row per player.

        Columns: ``gain`` at the best solve rate; ``relative_gain`` to the profit there (infinite
        from nothing); ``price`` (the deviation) and ``solve_rate``, both NaN if no deviation
        gains; ``attained``; ``mean_gain`` over the solve rates, from deviating at all of them.
        """
        gain = np.where(self.unbounded[:, None], -np.inf, self.gain)
        rows: list[dict[str, Any]] = []
        for k in range(len(self.players)):
            if self.unbounded.all():
                rows.append({})
                continue
            at = int(np.argmax(gain[:, k]))
            most, profit = float(gain[at, k]), float(self.profit[at, k])
            rows.append(
                {
                    "gain": most,
                    "relative_gain": most / profit if profit > 0 else (np.inf if most else 0.0),
                    "price": float(self.deviation[at, k]),
                    "solve_rate": float(self.solve_rates[at]) if most > 0 else float("nan"),
                    "attained": bool(self.attained[at, k]),
                    "mean_gain": float(self.gain[~self.unbounded, k].mean()),
                }
            )
        columns = ["gain", "relative_gain", "price", "solve_rate", "attained", "mean_gain"]
        return pd.DataFrame(rows, pd.Index(self.players, name="player"), columns)

    def table(self) -> TextTable:
        """Return each player's largest gain."""
        unit = f"{self.currency}/instance"
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
            f"Certificate: epsilon = {number(self.epsilon)} {unit}",
            ("player", f"gain [{unit}]", "of profit", f"by pricing at [{unit}]", "solve rate"),
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
) -> Certificate:
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
    Certificate

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
    return Certificate(
        tuple(players),
        rates,
        profit,
        gain,
        deviation,
        attained,
        searched,
        unbounded,
        TIE_RULES[tie_rule],
        DOMAIN,
        len(tried),
        currency,
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
