"""Equilibria under demands that are linear in pieces: Newton on a piece, else best responses."""

from __future__ import annotations

import numpy as np

from arbmodels.checks import FloatArray
from arbmodels.games.smooth.demand import IntArray
from arbmodels.games.smooth.game import SmoothGame
from arbmodels.games.smooth.joint import best_together
from arbmodels.games.smooth.result import Found

#: Newton's attempts: one if the piece is the right one.
_NEWTON = 30
#: In search of one price: Newton steps at most, and the bracket at which halving it ends.
_NEWTON_TRIES, _BRACKET = 6, 1e-13
#: A Newton step below this part of the price is rounding.
_EXACT = 1e-14
#: A gain of so much of the profit is one.
_GAINS = 1e-10
#: Rounds of best responses; if so many do not do, demand has a kink that more will not cure.
_ROUNDS = 100
#: So many rounds without halving the change are a cycle.
_PATIENCE = 10
#: Part of the way to its best response that a price moves: all of it, then half if that cycles.
_MOVED = (1.0, 0.5)


def settle(game: SmoothGame, part: FloatArray, tolerance: float, limit: int) -> Found:
    """Return where prices settle.

    Parameters
    ----------
    game : SmoothGame
    part : float array [J]
        Start of every price: 0 at cost, 1 at the choke price (others at cost).
    tolerance : float
    limit : int
        Rounds of best responses.
    """
    prices = game.effective_costs.copy()
    for name, given in game.fixed.items():
        prices[game.products.index(name)] = given
    free = np.flatnonzero(~game.is_fixed)
    choke = np.array([game.demand.choke_price(int(j), prices) for j in free])
    choke = np.where(np.isfinite(choke), choke, 2 * prices[free] + 1.0)
    prices[free] += part[free] * np.maximum(choke - prices[free], 0.0)
    trace: list[float] = []
    newton = _newton(game, prices, free, tolerance, trace)
    if newton is not None:
        return Found(newton, "Newton on the first-order conditions", trace, True)
    firms = [(firm, own[~game.is_fixed[own]]) for firm, own in enumerate(game.products_of)]
    least, nearest = np.inf, prices
    for moved in _MOVED:
        rounds: list[float] = []
        how = "best responses in turn" + " (half of the way)" * (moved < 1)
        for _ in range(min(limit, _ROUNDS)):
            before = prices.copy()
            for firm, own in firms:
                answer = _answer(game, firm, own, prices)
                prices[own] += moved * (answer - prices[own])
            trace.append(_change(prices, before))
            if trace[-1] <= tolerance:
                return Found(prices, how, trace, True)
            rounds.append(trace[-1])
            if trace[-1] < moved * least:
                least, nearest = trace[-1] / moved, prices.copy()
            if len(rounds) > 2 * _PATIENCE and min(rounds[-_PATIENCE:]) > 0.5 * min(
                rounds[:-_PATIENCE]
            ):
                break
            if len(trace) % 4 == 0:
                newton = _newton(game, prices, free, tolerance, trace)
                if newton is not None:
                    return Found(newton, f"{how}, Newton at the end", trace, True)
    return Found(nearest, "best responses in turn, the round that moved least", trace, False)


def _newton(
    game: SmoothGame, start: FloatArray, free: IntArray, tolerance: float, trace: list[float]
) -> FloatArray | None:
    """Solve the first-order conditions of the piece of demand, again if that leads to another.

    Products that sell nothing are offered at cost, or withdrawn by a firm that has others. None if
    it does not settle, or if a product would be better off by another price nearby: a kink, where
    first-order conditions fail.
    """
    prices = start.copy()
    same = game.owner_of[:, None] == game.owner_of[None, :]
    for _ in range(_NEWTON):
        before = prices.copy()
        sold = free[game.demand.quantities(prices)[free] > 0]
        jacobian = game.demand.jacobian(prices)
        # Derivative of marginal profit j by price k, quantities being linear here.
        bend = game.keeps[:, None] * jacobian + game.keeps * same * jacobian.T
        try:
            step = np.linalg.solve(bend[np.ix_(sold, sold)], game.marginal_profits(prices)[sold])
        except np.linalg.LinAlgError:
            return None
        prices[sold] -= step
        unsold = free[game.demand.quantities(prices)[free] <= 0]
        prices[unsold] = [_withdrawn(game, int(j), prices) for j in unsold]
        trace.append(_change(prices, before))
        if trace[-1] <= tolerance:
            good = _stays(game, prices, free, 1e-7) and _stay_together(game, prices)
            return prices if good else None
    return None


def _withdrawn(game: SmoothGame, product: int, prices: FloatArray) -> float:
    """Return the price of a product that sells nothing.

    Cost, below which its firm will not go; for one product of several, the price at which it just
    does not take sales from the others.
    """
    cost = float(game.effective_costs[product])
    if len(game.products_of[game.owner_of[product]]) == 1:
        return cost
    return max(cost, game.demand.choke_price(product, prices))


def _stays(game: SmoothGame, prices: FloatArray, free: IntArray, tolerance: float) -> bool:
    """Return whether no product gains by a slightly lower or higher price."""
    row = prices.copy()
    for product in free:
        price, step = prices[product], tolerance * max(abs(prices[product]), 1e-12)
        row[product] = price - step
        if price > game.effective_costs[product] + step and not _rises(game, row, product):
            return False
        row[product] = price + step
        if _rises(game, row, product):
            return False
        row[product] = price
    return True


def _stay_together(game: SmoothGame, prices: FloatArray) -> bool:
    """Return whether no firm of several products gains by moving them together."""
    profits = game.profits(prices)
    for firm, own in enumerate(game.products_of):
        if len(own) > 1:
            together = best_together(game, firm, prices)
            if together is not None:
                earned = float(game.profits(together.prices)[firm])
                if earned > profits[firm] + _GAINS * abs(earned):
                    return False
    return True


def _answer(game: SmoothGame, firm: int, own: IntArray, prices: FloatArray) -> FloatArray:
    """Return a firm's best prices of the products ``own``; as they are if nothing is gained."""
    if len(own) > 1:
        together = best_together(game, firm, prices)
        if together is not None:
            earned, before = (float(game.profits(p)[firm]) for p in (together.prices, prices))
            return (together.prices if earned > before + _EXACT * abs(before) else prices)[own]
    row = prices.copy()
    for product in own:
        row[product] = _response(game, int(product), row)
    return row[own]


def _rises(game: SmoothGame, prices: FloatArray, product: int) -> bool:
    """Return whether a product sells and its owner would rather have its price higher."""
    sells = game.demand.quantities(prices)[product] > 0
    return bool(sells and game.marginal_profits(prices)[product] > 0)


def _response(game: SmoothGame, product: int, prices: FloatArray) -> float:
    """Return the price where the owner's marginal profit changes sign, between cost and choke."""
    row = prices.copy()
    cost = float(game.effective_costs[product])
    high = game.demand.choke_price(product, prices)
    if high <= cost:
        return cost
    low, high = cost, min(high, 1e12 * max(cost, 1.0))
    price = 0.5 * (low + high)
    tries = 0
    while high - low > _BRACKET * high:
        row[product] = price
        step = None
        if _rises(game, row, product):
            low = price
        else:
            high = price
        # Newton's step is exact on a piece; at a kink only halving the bracket helps.
        tries += 1
        if tries <= _NEWTON_TRIES and game.demand.quantities(row)[product] > 0:
            slope = 2 * game.keeps[product] * game.demand.jacobian(row)[product, product]
            if slope < 0:
                step = game.marginal_profits(row)[product] / slope
                if abs(step) <= _EXACT * price:
                    return float(price - step)
        price = 0.5 * (low + high)
        if step is not None and low < row[product] - step < high:
            price = row[product] - step
    return float(price)


def _change(prices: FloatArray, before: FloatArray) -> float:
    scale = np.maximum(np.abs(prices), 1e-12)
    return float(np.max(np.abs(prices - before) / scale, initial=0.0))
