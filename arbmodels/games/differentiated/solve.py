"""Finding price equilibria; the certificate is another module's.

A firm's best prices by search on its true profit, whatever the demand.

One firm prices first and knows how the others will respond (Stackelberg).

What every firm could gain: best responses on the true profits, apart from the solvers.

Equilibria under demands that are linear in pieces: Newton on a piece, else best responses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from arbmodels._checks import FloatArray
from arbmodels.display import number
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.certificate import Deviations
from arbmodels.games.differentiated.best_response import best_together
from arbmodels.games.differentiated.demand import IntArray, price_rows
from arbmodels.games.differentiated.logit import (
    LogitDemand,
    best_markups,
    iterate,
    pairs_of,
    rivals_of,
    scan,
)
from arbmodels.games.differentiated.oligopoly import Found, Oligopoly

#: Peaks of the first scan that are refined, points of a refinement, and refinements.
_PEAKS, _POINTS, _ZOOMS = 3, 21, 12
#: Rounds over a firm's products, at most.
_ROUNDS = 40


def maximize(
    profit: Callable[[FloatArray], FloatArray], low: float, high: float, resolution: int
) -> tuple[float, float]:
    """Return the best point of a scan of [low, high], its peaks refined, and its profit.

    Parameters
    ----------
    profit : callable
        From points [N] to profits [N].
    low, high : float
    resolution : int
        Points of the first scan.
    """
    points = np.linspace(low, high, resolution)
    earned = profit(points)
    padded = np.concatenate([[-np.inf], earned, [-np.inf]])
    peaks = np.flatnonzero((earned >= padded[:-2]) & (earned >= padded[2:]))
    highest: list[int] = peaks[np.argsort(-earned[peaks], kind="stable")][:_PEAKS].tolist()
    best, most = float(points[highest[0]]), float(earned[highest[0]])
    for peak in highest:
        left, right = points[max(peak - 1, 0)], points[min(peak + 1, resolution - 1)]
        for _ in range(_ZOOMS):
            finer = np.linspace(left, right, _POINTS)
            values = profit(finer)
            at = int(values.argmax())
            if values[at] > most:
                best, most = float(finer[at]), float(values[at])
            left, right = finer[max(at - 1, 0)], finer[min(at + 1, _POINTS - 1)]
    return best, most


def best_by_search(
    game: Oligopoly, firm: int, prices: FloatArray, resolution: int, rounds: int = _ROUNDS
) -> tuple[FloatArray, float]:
    """Return prices [J] with the firm's best ones found, and its profit.

    One product: a scan of [cost, choke price]. Several: product by product until none gains, from
    the posted prices and from the best of a scan that moves all of them together.
    """
    own = game.products_of[firm]
    free = own[~game.is_fixed[own]]
    if not free.size:
        return prices.copy(), float(game.profits(prices)[firm])

    def along(row: FloatArray, moved: IntArray, low: FloatArray, high: FloatArray) -> FloatArray:
        part, _ = maximize(
            lambda points: _profit(game, firm, row, moved, low + points[:, None] * (high - low)),
            0.0,
            1.0,
            resolution,
        )
        out = row.copy()
        out[moved] = low + part * (high - low)
        return out

    costs = game.effective_costs
    if free.size == 1:
        found = along(prices, free, *_domain(game, free, prices, costs[free]))
        return found, float(game.profits(found)[firm])
    # Jointly: where one product stops to sell depends on the firm's own prices of the others.
    low, high = _domain(game, free, prices, np.zeros(free.size))
    starts = [prices.copy(), along(prices, free, low, high)]
    best, most = starts[0], -np.inf
    for start in starts:
        row, here = start, float(game.profits(start)[firm])
        for _ in range(rounds):
            before = here
            for product in free:
                one = np.array([product])
                tried = along(row, one, np.zeros(1), high[free == product])
                earned = float(game.profits(tried)[firm])
                if earned > here:
                    row, here = tried, earned
            if here - before <= 1e-13 * abs(here):
                break
        if here > most:
            best, most = row, here
    return best, most


def _profit(
    game: Oligopoly, firm: int, row: FloatArray, moved: IntArray, values: FloatArray
) -> FloatArray:
    rows = np.tile(row, (len(values), 1))
    rows[:, moved] = values
    earned: FloatArray = game.profits(rows)[:, firm]
    return earned


def _domain(
    game: Oligopoly, moved: IntArray, prices: FloatArray, least: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the lowest and highest prices worth trying, of products that move together."""
    high = np.array(
        [
            game.demand.choke_price(int(product), prices, [int(k) for k in moved if k != product])
            for product in moved
        ]
    )
    if not np.isfinite(high).all():
        product = game.products[int(moved[np.argmax(~np.isfinite(high))])]
        raise InputError(
            f"No price of product {product!r} is too high: all consumers must buy it. Let them buy"
            " nothing (outside=True), or add a rival."
        )
    return np.minimum(least, high), high


#: A leader's markup under logit is looked for up to so many times 1/alpha beyond its reach.
_TAIL = 10.0


class Leader:
    """The leader's problem in one number: its price, or its common markup under logit.

    Parameters
    ----------
    game : Oligopoly
        With a leader.

    Raises
    ------
    InputError
        If the leader chooses more than one number.
    """

    def __init__(self, game: Oligopoly) -> None:
        self.game = game
        self.at = game.firms.index(str(game.leader))
        own = game.products_of[self.at]
        self.own = own[~game.is_fixed[own]]
        demand = game.demand
        nests = (
            {int(demand.nest_of[j]) for j in self.own} if isinstance(demand, LogitDemand) else ()
        )
        if self.own.size == 0:
            raise InputError(f"All prices of the leader {game.leader!r} are fixed.")
        if self.own.size > 1 and len(nests) != 1:
            raise InputError(
                f"The leader {game.leader!r} chooses {self.own.size} prices; a leader has one"
                " product, or under logit several in one nest, which share a markup."
            )

    def prices(self, value: float) -> FloatArray:
        """Return prices [J]: the leader's at a markup, everybody else's equilibrium given them."""
        game = self.game
        own = game.effective_costs[self.own] + value
        given = {game.products[j]: float(price) for j, price in zip(self.own, own, strict=True)}
        return followers(replace(game, fixed={**game.fixed, **given}, leader=None))

    def profit(self, values: FloatArray) -> FloatArray:
        """Return the leader's profits at markups [N]."""
        return np.array([float(self.game.profits(self.prices(v))[self.at]) for v in values])

    def farthest(self) -> float:
        """Return a markup beyond which the leader sells next to nothing."""
        game, demand = self.game, self.game.demand
        if isinstance(demand, LogitDemand):
            alpha = demand.price_coefficient
            utility = demand.quality - alpha * game.effective_costs
            reach = np.logaddexp.reduce(utility[self.own])
            others = np.delete(utility, self.own)
            rest = max([0.0] * demand.outside + others.tolist(), default=0.0)
            return float(max(reach - rest, 0.0) + _TAIL) / alpha
        product = int(self.own[0])
        cost = float(game.effective_costs[product])
        high = demand.choke_price(product, self.prices(0.0))
        for _ in range(20):
            farther = demand.choke_price(product, self.prices(max(high - cost, 0.0)))
            if farther <= high * (1 + 1e-9):
                break
            high = farther
        return max(high - cost, 0.0)


def leader_best(game: Oligopoly, resolution: int) -> tuple[FloatArray, float]:
    """Return prices [J] after the leader's best move, and its profit."""
    leader = Leader(game)
    value, earned = maximize(leader.profit, 0.0, leader.farthest(), min(resolution, 101))
    return leader.prices(value), earned


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
    game: Oligopoly,
    prices: FloatArray,
    resolution: int = 200,
    firms: Sequence[int] | None = None,
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    """Return prices [f, J] with each firm's best response, profits [f], whether proven [f].

    Parameters
    ----------
    game : Oligopoly
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
    game: Oligopoly, firm: int, prices: FloatArray, resolution: int
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


def _own(game: Oligopoly, rows: FloatArray, firms: npt.NDArray[np.int64]) -> FloatArray:
    by_product = game.product_profits(rows)
    own: FloatArray = np.where(game.owner_of[None, :] == firms[:, None], by_product, 0.0).sum(
        axis=1
    )
    return own


def check_bounded(game: Oligopoly) -> None:
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


def certify(game: Oligopoly, prices: npt.ArrayLike, resolution: int = 200) -> Deviations:
    """Measure what every firm could gain by other prices; see the game's method."""
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


def _named(game: Oligopoly, firm: int, row: FloatArray) -> float | str:
    """Name a deviation: the price, or how the prices move."""
    own = game.products_of[firm]
    own = own[~game.is_fixed[own]]
    if len(own) == 1:
        return float(row[own[0]])
    listed = [f"{game.products[product]} at {number(row[product])}" for product in own[:2]]
    more = f", {len(own) - 2} more" if len(own) > 2 else ""
    return ", ".join(listed) + more


#: Newton's attempts: one if the piece is the right one.
_NEWTON = 30
#: In search of one price: Newton steps at most, and the bracket at which halving it ends.
_NEWTON_TRIES, _BRACKET = 6, 1e-13
#: A Newton step below this part of the price is rounding.
_EXACT = 1e-14
#: A gain of so much of the profit is one.
_GAINS = 1e-10
#: Rounds of best responses; if so many do not do, demand has a kink that more will not cure.
_PIECE_ROUNDS = 100
#: So many rounds without halving the change are a cycle.
_PATIENCE = 10
#: Part of the way to its best response that a price moves: all of it, then half if that cycles.
_MOVED = (1.0, 0.5)


def settle(game: Oligopoly, part: FloatArray, tolerance: float, limit: int) -> Found:
    """Return where prices settle.

    Parameters
    ----------
    game : Oligopoly
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
        for _ in range(min(limit, _PIECE_ROUNDS)):
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
    game: Oligopoly, start: FloatArray, free: IntArray, tolerance: float, trace: list[float]
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


def _withdrawn(game: Oligopoly, product: int, prices: FloatArray) -> float:
    """Return the price of a product that sells nothing.

    Cost, below which its firm will not go; for one product of several, the price at which it just
    does not take sales from the others.
    """
    cost = float(game.effective_costs[product])
    if len(game.products_of[game.owner_of[product]]) == 1:
        return cost
    return max(cost, game.demand.choke_price(product, prices))


def _stays(game: Oligopoly, prices: FloatArray, free: IntArray, tolerance: float) -> bool:
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


def _stay_together(game: Oligopoly, prices: FloatArray) -> bool:
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


def _answer(game: Oligopoly, firm: int, own: IntArray, prices: FloatArray) -> FloatArray:
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


def _rises(game: Oligopoly, prices: FloatArray, product: int) -> bool:
    """Return whether a product sells and its owner would rather have its price higher."""
    sells = game.demand.quantities(prices)[product] > 0
    return bool(sells and game.marginal_profits(prices)[product] > 0)


def _response(game: Oligopoly, product: int, prices: FloatArray) -> float:
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


#: Prices this near (relative) are one equilibrium.
_SAME = 1e-6
#: A point with a gain above this, over the largest profit, is no other equilibrium.
_EQUILIBRIUM = 1e-6


def equilibria(
    game: Oligopoly, *, starts: int, seed: int, tolerance: float, limit: int
) -> tuple[Found, Deviations, tuple[FloatArray, ...]]:
    """Return the best prices found, their certificate, and those of other equilibria.

    See :meth:`arbmodels.games.DifferentiatedGame.solve`.
    """
    inputs.whole(starts, "starts", 1)
    inputs.whole(limit, "limit", 1)
    inputs.whole(seed, "seed")
    inputs.number(tolerance, "tolerance", 0.0, above=True)
    check_bounded(game)
    if game.leader is not None:
        found = [_lead(game)]
    else:
        found = list(_found(game, starts, seed, tolerance, limit))
    distinct: list[Found] = []
    for one in sorted(found, key=lambda each: not each.converged):
        if not any(np.allclose(one.prices, two.prices, _SAME, 1e-12) for two in distinct):
            distinct.append(one)
    certified = [(one, certify(game, one.prices)) for one in distinct]
    certified.sort(key=lambda each: 0.0 if _holds(each[1]) else each[1].epsilon)
    best, deviations = certified[0]
    others = tuple(one.prices for one, gains in certified[1:] if _holds(gains))
    return best, deviations, others


def _holds(deviations: Deviations) -> bool:
    return deviations.epsilon <= _EQUILIBRIUM * float(np.abs(deviations.profit).max())


def followers(game: Oligopoly) -> FloatArray:
    """Return equilibrium prices [J] of the firms whose prices are not fixed, uncertified."""
    return next(_found(game, 1, 0, 1e-13, 1_000)).prices


def _starts(low: float, high: float, shape: int, starts: int, seed: int) -> Iterator[FloatArray]:
    """Yield points between two numbers: low, high, then random ones."""
    random = np.random.default_rng(seed)
    for start in range(starts):
        if start < 2:
            yield np.full(shape, (low, high)[start])
        else:
            yield random.uniform(low, high, shape)


def _found(
    game: Oligopoly, starts: int, seed: int, tolerance: float, limit: int
) -> Iterator[Found]:
    if isinstance(game.demand, LogitDemand):
        pairs = pairs_of(game, game.demand)
        unit = 1.0 / game.demand.price_coefficient
        for start in _starts(1.0, 10.0, len(pairs.firm), starts, seed):
            path = iterate(pairs, unit * start, tolerance, limit)
            yield Found(
                pairs.prices(path.markups),
                path.method + " with a Newton finish" * bool(path.newton),
                path.trace,
                path.converged,
            )
        return
    for part in _starts(0.0, 1.0, len(game.products), starts, seed):
        yield settle(game, part, tolerance, limit)


def _lead(game: Oligopoly) -> Found:
    """Return the leader's optimum: a coarse scan, then Brent's method around the best point."""
    leader = Leader(game)
    points = np.linspace(0.0, leader.farthest(), 48)
    earned = leader.profit(points)
    at = int(earned.argmax())
    low, high = points[max(at - 1, 0)], points[min(at + 1, len(points) - 1)]
    answer = minimize_scalar(
        lambda value: -float(leader.profit(np.array([value]))[0]),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-11 * max(high, 1e-12), "maxiter": 200},
    )
    value = float(answer.x) if -answer.fun >= earned[at] else float(points[at])
    return Found(
        leader.prices(value),
        "the followers' equilibrium at every price of the leader, maximised by Brent's method",
        [],
        True,
        len(points) + int(answer.nfev),
    )
