"""What every firm could gain: best responses on the true profits, apart from the solvers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from arbmodels.checks import FloatArray
from arbmodels.display import number
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.deviations import Deviations
from arbmodels.games.smooth.demand import price_rows
from arbmodels.games.smooth.game import SmoothGame
from arbmodels.games.smooth.joint import best_together
from arbmodels.games.smooth.leader import leader_best
from arbmodels.games.smooth.logit import LogitDemand
from arbmodels.games.smooth.logit_response import best_markups, rivals_of, scan
from arbmodels.games.smooth.pairs import pairs_of
from arbmodels.games.smooth.search import best_by_search

#: Prices held in memory at once, firms x products.
_CELLS = 200_000
#: A gain within so many roundings of the profit is none.
_ROUNDING = 4 * np.finfo(float).eps
_LOGIT = (
    "all prices (logit: the best have one markup per nest; proven by Dinkelbach's bound, to 1e-9"
    " of profit)"
)
_MARKUPS = (
    "markups from zero to where nothing is sold, one per nest, beside the firm's fixed prices"
)
_SEARCHED = "prices up to where none of the firm's products sells"
_PIECES = (
    "all prices (demand linear in pieces: a concave program for every set of others' products that"
    " may sell)"
)
#: Rounds of the search where there is a proof.
_CHECKS = 2
#: A search that earns so much more than what was proven, relative, refutes the proof.
_REFUTED, _BLUR = 1e-9, 1e-13


def best_responses(
    game: SmoothGame,
    prices: FloatArray,
    resolution: int = 200,
    firms: Sequence[int] | None = None,
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    """Return prices [f, J] with each firm's best response, profits [f], whether proven [f].

    Parameters
    ----------
    game : SmoothGame
    prices : float array [J]
    resolution : int
    firms : sequence of int, optional
        Positions; all by default.
    """
    chosen = np.arange(len(game.firms)) if firms is None else np.asarray(firms)
    if not isinstance(game.demand, LogitDemand):
        found = [_best_of_one(game, int(firm), prices, resolution) for firm in chosen]
        best, profit, proofs = zip(*found, strict=True)
        return np.array(best), np.array(profit), np.array(proofs)
    check_bounded(game)
    pairs = pairs_of(game, game.demand)
    rivals = rivals_of(pairs, prices)
    exact, most, proven = best_markups(rivals)
    common = scan(rivals, resolution)[pairs.firm]
    # Beyond rounding, which would only blur the price.
    beaten = rivals.profit(common) > most * (1 + 1e-12)
    markups = np.where(beaten[pairs.firm], common, exact)
    proposed = pairs.prices(markups)
    rows = np.empty((len(chosen), len(prices)))
    earned = np.empty(len(chosen))
    step = max(1, _CELLS // len(prices))
    for first in range(0, len(chosen), step):
        block = chosen[first : first + step]
        mine = (game.owner_of[None, :] == block[:, None]) & ~game.is_fixed
        tried = np.where(mine, proposed, prices)
        # Judged by the demand itself, not by the formulas that proposed the prices.
        rows[first : first + step] = tried
        earned[first : first + step] = _own(game, tried, block)
    return rows, earned, proven[chosen]


def _best_of_one(
    game: SmoothGame, firm: int, prices: FloatArray, resolution: int
) -> tuple[FloatArray, float, bool]:
    """Return a firm's best prices, their profit and whether proven: programs, then a search.

    The search knows nothing of the programs, and has the last word.
    """
    own = game.products_of[firm]
    if game.is_fixed[own].all():
        return prices.copy(), float(game.profits(prices)[firm]), True
    together = best_together(game, firm, prices)
    if together is None or not together.proven:
        searched, most = best_by_search(game, firm, prices, resolution)
    else:
        searched, most = best_by_search(game, firm, prices, resolution, rounds=_CHECKS)
    if together is None:
        return searched, most, False
    earned = float(game.profits(together.prices)[firm])
    # The rounding of a profit is that of all sales at these prices, however little it is itself.
    blur = float(np.abs(prices).max() * game.demand.quantities(prices).sum())
    proven = together.proven and most <= earned + _REFUTED * abs(earned) + _BLUR * blur
    if earned >= most or proven:
        return together.prices, max(earned, most), proven
    return searched, most, proven


def _own(game: SmoothGame, rows: FloatArray, firms: npt.NDArray[np.int64]) -> FloatArray:
    by_product = game.product_profits(rows)
    own: FloatArray = np.where(game.owner_of[None, :] == firms[:, None], by_product, 0.0).sum(
        axis=1
    )
    return own


def check_bounded(game: SmoothGame) -> None:
    """Refuse a firm that owns everything consumers may buy.

    Raises
    ------
    InputError
    """
    demand = game.demand
    forced = isinstance(demand, LogitDemand) and not demand.outside and len(game.firms) == 1
    if forced and not game.is_fixed.any():
        raise InputError(
            f"No price of firm {game.firms[0]!r} is too high: consumers must buy from it. Let them"
            " buy nothing (outside=True), or add a rival."
        )


def certify(game: SmoothGame, prices: npt.ArrayLike, resolution: int = 200) -> Deviations:
    """Measure what every firm could gain by other prices; see :meth:`SmoothGame.certify`."""
    price = price_rows(prices, game.products)
    if price.ndim != 1:
        raise InputError("Certify one price vector at a time.")
    inputs.whole(resolution, "resolution (deviations tried)", 3)
    profit = game.profits(price)
    rows, earned, proven = best_responses(game, price, resolution)
    if isinstance(game.demand, LogitDemand):
        domain = _LOGIT if proven.all() else _MARKUPS
    else:
        domain = _PIECES if proven.all() else _SEARCHED
    if game.leader is not None:
        at = game.firms.index(game.leader)
        rows[at], earned[at] = leader_best(game, resolution)
        proven[at] = False
        domain += f"; {game.leader}'s answered by the others' equilibrium"
    gain = earned - profit
    gain = np.where(gain > _ROUNDING * np.abs(profit), gain, 0.0)
    return Deviations(
        players=game.firms,
        profit=profit,
        gain=gain,
        deviation=tuple(
            _named(game, firm, row) if more > 0 else None
            for firm, (row, more) in enumerate(zip(rows, gain, strict=True))
        ),
        attained=np.ones(len(gain), dtype=bool),
        exact=bool(proven.all()),
        domain=domain,
        tie_rule="none needed: demand is continuous",
        resolution=resolution,
        unit=game.currency,
    )


def _named(game: SmoothGame, firm: int, row: FloatArray) -> float | str:
    """Name a deviation: the price, or how the prices move."""
    own = game.products_of[firm]
    own = own[~game.is_fixed[own]]
    if len(own) == 1:
        return float(row[own[0]])
    listed = [f"{game.products[product]} at {number(row[product])}" for product in own[:2]]
    more = f", {len(own) - 2} more" if len(own) > 2 else ""
    return ", ".join(listed) + more
