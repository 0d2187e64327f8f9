r"""A firm's best prices for all its products together, where demand is linear in pieces.

Linear demand for substitutes and vertical demand are one thing: quantities :math:`q = a - B
\tilde p \ge 0` at reduced prices :math:`\tilde p \le p`, with :math:`\tilde p = p` for whatever
sells, B having no positive number off its diagonal (for vertical demand the outside option is a
product of quality and price zero). Given which of the others' products sell (a *pattern*), a firm's
profit is a concave quadratic function of its prices, and the pattern holds in a polyhedron. Its own
products that sell nothing may be priced where their demand just vanishes, so they need no pattern.

The best price is the best over all patterns. Where nobody else sells, not even the outside option,
B may be singular; then raising all prices together gains until somebody is about to sell, which is
the edge of another pattern, so that this one can be left out.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from arbmodels._checks import BoolArray, FloatArray
from arbmodels.games.differentiated.demand import LinearDemand, VerticalDemand
from arbmodels.games.differentiated.oligopoly import Oligopoly

#: Patterns, or ways through the qualities, that are looked at; beyond, nothing is proven.
_MOST = 1_024
#: A quantity or price below this, over the terms it is the sum of, is rounding.
_ROUNDING = 1e-11
#: A point is so far away that it earns a large loss, or there is none, where the squared residual
#: of its dual (at most 1) is below this.
_FEASIBLE = 1e-11
#: How far a constraint may be missed, over the terms it is the sum of.
_MISSED = 1e-9
#: Curvature below this, over the largest slope of a quantity by its own price, is none.
_SINGULAR = 1e-11
#: A bound above the best profit by less than this part is not worth another program.
_PRECISE = 1e-13


@dataclass(frozen=True, eq=False)
class Pieces:
    """A demand for substitutes in the form above, as one firm meets it.

    Parameters
    ----------
    intercept : float array [n]
    slopes : float array [n, n]
    price : float array [n]
        Of the products whose prices the firm does not choose.
    free : bool array [n]
        Which prices it chooses.
    cost : float array [n]
    margin : float array [n]
        What the firm earns per unit of what it does not price: zero for rivals'.
    """

    intercept: FloatArray
    slopes: FloatArray
    price: FloatArray
    free: BoolArray
    cost: FloatArray
    margin: FloatArray

    @cached_property
    def given(self) -> npt.NDArray[np.intp]:
        """Positions of the products whose prices are given."""
        return np.flatnonzero(~self.free)

    def reduced(self, price: FloatArray, out: BoolArray) -> tuple[FloatArray, BoolArray]:
        """Return reduced prices [n] and who sells nothing, if those in ``out`` do not."""
        out = out.copy()
        reduced = price.copy()
        for _ in range(len(price) + 1):
            if out.any():
                side = self.intercept[out] - self.slopes[np.ix_(out, ~out)] @ price[~out]
                reduced[out] = np.linalg.solve(self.slopes[np.ix_(out, out)], side)
            terms = np.abs(self.intercept) + np.abs(self.slopes) @ np.abs(reduced)
            more = ~out & (self.intercept - self.slopes @ reduced < -_ROUNDING * terms)
            if not more.any():
                break
            out |= more
        return reduced, out

    def program(
        self, free: npt.NDArray[np.intp], sells: npt.NDArray[np.intp], out: npt.NDArray[np.intp]
    ) -> _Program | None:
        """Return the quadratic program over ``free`` prices of one pattern.

        None where it cannot be: B is singular among those who sell nothing.
        """
        intercept, slopes = self.intercept, self.slopes
        known = np.concatenate([free, sells])
        side = intercept[known] - slopes[np.ix_(known, sells)] @ self.price[sells]
        effect = slopes[np.ix_(known, free)]
        rows, right, terms = [], [], []
        # One size for all quantities, and one for prices: what is compared with zero may be zero.
        price_size = float(np.abs(self.price).max())
        size = float((np.abs(intercept) + np.abs(slopes) @ np.abs(self.price)).max())
        if out.size:
            inner = slopes[np.ix_(out, out)]
            base = intercept[out] - slopes[np.ix_(out, sells)] @ self.price[sells]
            try:
                solved = np.linalg.solve(inner, np.column_stack([base, slopes[np.ix_(out, free)]]))
            except np.linalg.LinAlgError:
                return None
            if not np.abs(solved).max() < 1e12 * (1.0 + np.abs(self.price).max()):
                return None
            back = slopes[np.ix_(known, out)]
            side, effect = side - back @ solved[:, 0], effect - back @ solved[:, 1:]
            # Their reduced prices solved[:, 0] - solved[:, 1:] @ p are at most their prices.
            rows.append(-solved[:, 1:])
            right.append(self.price[out] - solved[:, 0])
            terms.append(price_size + np.abs(solved[:, 0]))
        count = len(free)
        own, own_side = effect[:count], side[:count]
        rows.append(own)
        right.append(own_side)
        margin = self.margin[sells]
        gradient = own_side + own.T @ self.cost[free] - effect[count:].T @ margin
        constant = float(margin @ side[count:] - self.cost[free] @ own_side)
        return _Program(
            own + own.T,
            gradient,
            constant,
            np.vstack(rows),
            np.concatenate(right),
            np.concatenate([*terms, np.full(count, size)]),
            effect[count:],
            side[count:],
            np.full(len(sells), size),
            float(np.diag(slopes)[free].max(initial=0.0)),
        )


@dataclass(frozen=True, eq=False)
class _Program:
    """Maximise constant + gradient x - x bend x / 2 subject to rows x <= right.

    Those of the others that sell, sell side - effect x. ``terms`` and ``sales`` are the sizes of
    the terms that make up right-hand sides and sales, which are right up to the rounding of these.
    """

    bend: FloatArray
    gradient: FloatArray
    constant: float
    rows: FloatArray
    right: FloatArray
    terms: FloatArray
    effect: FloatArray
    side: FloatArray
    sales: FloatArray
    slope: float

    @cached_property
    def flat(self) -> bool:
        """Whether raising all prices costs no sales: somebody else must be about to sell."""
        values = np.linalg.eigvalsh(self.bend)
        return bool(values.size and values[0] <= _SINGULAR * self.slope)

    def solve(self, *, others: bool) -> tuple[float, FloatArray] | None:
        """Return the maximum and where it is; None if no point is feasible.

        With ``others``, those who sell sell no less than nothing. As the nearest point of a
        polyhedron to the unconstrained maximum, by nonnegative least squares (Lawson and Hanson
        1974, chapter 23): this says in finitely many steps which constraints bind, or that there
        is no point.
        """
        rows, right, terms = self.rows, self.right, self.terms
        if others:
            rows = np.vstack([rows, self.effect])
            right, terms = np.concatenate([right, self.side]), np.concatenate([terms, self.sales])
        scale = terms + np.abs(right)
        if not self.gradient.size:
            return (self.constant, np.zeros(0)) if np.all(right >= -_MISSED * scale) else None
        # The inverse root turns prices into coordinates in which profit falls evenly all round.
        turn = np.linalg.inv(np.linalg.cholesky(self.bend)).T
        top = turn @ (turn.T @ self.gradient)
        turned = -rows @ turn
        length = np.linalg.norm(turned, axis=1)
        empty = length <= 1e-13 * np.maximum(length.max(initial=0.0), 1e-300)
        if np.any(right[empty] < -_MISSED * scale[empty]):
            return None
        turned = turned[~empty] / length[~empty, None]
        least = (rows @ top - right)[~empty] / length[~empty]
        point = top
        reach = float(np.sqrt(abs(self.gradient @ top))) + 1e-300
        if least.size and least.max() > 1e-14 * reach:
            unit = max(float(least.max()), 1e-3 * reach)
            system = np.vstack([turned.T, least / unit])
            aim = np.append(np.zeros(len(top)), 1.0)
            weights, _ = nnls(system, aim)
            rest = system @ weights - aim
            if -rest[-1] <= _FEASIBLE:
                return None
            active = weights > 0
            move = np.linalg.lstsq(turned[active], least[active], rcond=None)[0]
            point = top + turn @ move
            if np.any(rows @ point - right > _MISSED * (scale + np.abs(rows) @ np.abs(point))):
                raise np.linalg.LinAlgError("The constraints that bind are lost to rounding.")
        value = self.constant + float(self.gradient @ point - 0.5 * point @ self.bend @ point)
        return value, point


def pieces_of(game: Oligopoly, firm: int, prices: FloatArray) -> Pieces | None:
    """Return a firm's demand in pieces; None for demands without such a form."""
    demand = game.demand
    free = (game.owner_of == firm) & ~game.is_fixed
    price = np.where(free, game.effective_costs, prices)
    margin = np.where(~free & (game.owner_of == firm), price - game.effective_costs, 0.0)
    if isinstance(demand, LinearDemand):
        if not demand.substitutes:
            return None
        return Pieces(demand.intercept, demand.slopes, price, free, game.effective_costs, margin)
    if not isinstance(demand, VerticalDemand):
        return None
    order = np.argsort(demand.solve_rates)
    rates = demand.solve_rates[order]
    parts = [price, free, game.effective_costs, margin]
    parts = [part[order] for part in parts]
    if demand.outside:
        rates = np.concatenate([[0.0], rates])
        parts = [np.concatenate([[0], part]).astype(part.dtype) for part in parts]
    count = len(rates)
    between = demand.market_size / (demand.highest - demand.lowest) / np.diff(rates)
    slopes = np.zeros((count, count))
    for k, slope in enumerate(between):
        slopes[k : k + 2, k : k + 2] += slope * np.array([[1.0, -1.0], [-1.0, 1.0]])
    intercept = np.zeros(count)
    density = demand.market_size / (demand.highest - demand.lowest)
    intercept[0] -= density * demand.lowest
    intercept[-1] += density * demand.highest
    price, free, cost, margin = parts
    return Pieces(intercept, slopes, price, free.astype(bool), cost, margin)


@dataclass(frozen=True, eq=False)
class Together:
    """Prices [J] with a firm's best ones, and whether they are proven to be the best."""

    prices: FloatArray
    proven: bool


def best_together(game: Oligopoly, firm: int, prices: FloatArray) -> Together | None:
    """Return a firm's best prices, the others' as they are.

    None where demand is not linear in pieces, or the firm's profit is not concave in a piece
    (slopes that are far from symmetric).
    """
    pieces = pieces_of(game, firm, prices)
    if pieces is None or not pieces.free.any():
        return None
    chain = isinstance(game.demand, VerticalDemand)
    symmetric = pieces.slopes + pieces.slopes.T
    least = np.linalg.eigvalsh(symmetric)[0]
    if not chain and least < -1e-12 * np.abs(symmetric).max():
        return None
    try:
        found, proven = _through(pieces) if chain else _every_pattern(pieces)
    except (
        np.linalg.LinAlgError,
        RuntimeError,
    ):  # B singular where it should not, or no end of pivots
        return None
    if found is None:
        return None
    own = np.flatnonzero(pieces.free)
    price = pieces.price.copy()
    price[own] = found
    reduced, _ = pieces.reduced(price, np.zeros(len(price), dtype=bool))
    sold = pieces.intercept - pieces.slopes @ reduced
    terms = np.abs(pieces.intercept) + np.abs(pieces.slopes) @ np.abs(reduced)
    # What sells nothing is offered at no less than its cost.
    unsold = own[sold[own] <= _ROUNDING * terms[own]]
    price[unsold] = np.maximum(reduced[unsold], pieces.cost[unsold])
    row = prices.copy()
    place = np.arange(len(prices))
    if chain:
        place = np.argsort(game.demand.solve_rates)  # type: ignore[attr-defined]
        price = price[len(price) - len(place) :]
        pieces_free = pieces.free[len(pieces.free) - len(place) :]
    else:
        pieces_free = pieces.free
    row[place[pieces_free]] = price[pieces_free]
    return Together(row, proven)


def _surely(pieces: Pieces) -> tuple[BoolArray, BoolArray]:
    """Return which of the given products sell, and which do not, whatever the firm does.

    More of a product sells the dearer the others are. The firm's lowest sensible price is cost:
    a lower one loses on this product and takes from the others, which all earn something, unless
    its products of given price lose.
    """
    nobody = np.zeros(len(pieces.price), dtype=bool)
    reduced, _ = pieces.reduced(pieces.price, nobody)
    terms = np.abs(pieces.intercept) + np.abs(pieces.slopes) @ np.abs(reduced)
    least = pieces.intercept - pieces.slopes @ reduced
    always = ~pieces.free & (least > 1e-9 * terms)
    if pieces.margin.min() < 0:
        always[:] = False
    _, never = pieces.reduced(pieces.price, pieces.free)
    return always, never & ~pieces.free


def _every_pattern(pieces: Pieces) -> tuple[FloatArray | None, bool]:
    """Return the best free prices over all patterns."""
    always, never = _surely(pieces)
    own = np.flatnonzero(pieces.free)
    open_ = np.flatnonzero(~pieces.free & ~always & ~never)
    best, most = None, -np.inf
    patterns = itertools.product((True, False), repeat=len(open_))
    for chosen in itertools.islice(patterns, _MOST):
        sells = always.copy()
        sells[open_[list(chosen)]] = True
        program = pieces.program(own, np.flatnonzero(sells), np.flatnonzero(~sells & ~pieces.free))
        if program is None or program.flat:
            continue
        found = program.solve(others=True)
        if found is not None and found[0] > most:
            most, best = found
    return best, 2 ** len(open_) <= _MOST


def _through(pieces: Pieces) -> tuple[FloatArray | None, bool]:
    """Return the best free prices along a line of qualities, and whether that is proven.

    Only neighbours compete, so those of the others' products that sell part the firm's problem: a
    pattern is a way from the lowest quality to the highest by way of the others that sell, and
    its profit at most the sum over its steps, each maximised by itself. Ways are looked at in the
    order of this bound; one whose steps fit together has just that profit.
    """
    always, never = _surely(pieces)
    stops = [-1, *np.flatnonzero(~pieces.free & ~never).tolist(), len(pieces.price)]
    must = [k for k, at in enumerate(stops) if 0 <= at < len(always) and always[at]]
    last = len(stops) - 1
    worth = np.full((len(stops), len(stops)), -np.inf)
    for i in range(last):
        farthest = min((k for k in must if k > i), default=last)
        for j in range(i + 1, farthest + 1):
            worth[i, j] = _step(pieces, stops[i], stops[j])
    ahead = np.full(len(stops), -np.inf)
    ahead[last] = 0.0
    for i in range(last - 1, -1, -1):
        ahead[i] = float((worth[i, i + 1 :] + ahead[i + 1 :]).max())
    best, most = None, -np.inf
    for tried, (bound, way) in enumerate(_ways(worth, ahead)):
        if best is not None and bound <= most + _PRECISE * (abs(most) + abs(bound)):
            break
        if tried == _MOST:
            return best, False
        found = _along(pieces, [stops[k] for k in way[1:-1]])
        if found is not None and found[0] > most:
            most, best = found
    return best, True


def _ways(worth: FloatArray, ahead: FloatArray) -> Iterator[tuple[float, tuple[int, ...]]]:
    """Yield bounds and ways, the highest bound first."""
    last = len(ahead) - 1
    heap: list[tuple[float, float, tuple[int, ...]]] = [(-float(ahead[0]), 0.0, (0,))]
    while heap:
        bound, so_far, way = heapq.heappop(heap)
        if not np.isfinite(bound):
            return
        at = way[-1]
        if at == last:
            yield -bound, way
            continue
        for after in range(at + 1, last + 1):
            reached = so_far + float(worth[at, after])
            if np.isfinite(reached) and np.isfinite(ahead[after]):
                heapq.heappush(heap, (-(reached + float(ahead[after])), reached, (*way, after)))


def _step(pieces: Pieces, one: int, other: int) -> float:
    """Return the most that can be earned between two products that sell, and nobody between.

    From the lowest quality (-1) and to the highest (their number); minus infinity where nobody
    can be kept out so. That the two sell no less than nothing is left out.
    """
    count = len(pieces.price)
    first, end = max(one, 0), min(other, count - 1)
    part = slice(first, end + 1)
    intercept = np.zeros(end + 1 - first)
    if one < 0:
        intercept[0] += pieces.intercept[0] if count > 1 else 0.0
    if other == count:
        intercept[-1] += pieces.intercept[-1] if count > 1 else pieces.intercept[0]
    slopes = pieces.slopes[part, part].copy()
    # Of the ends, only what lies between them.
    if one >= 0:
        slopes[0, 0] = -slopes[0, 1] if len(slopes) > 1 else 0.0
    if other < count:
        slopes[-1, -1] = -slopes[-1, -2] if len(slopes) > 1 else 0.0
    inner = Pieces(
        intercept,
        slopes,
        pieces.price[part],
        pieces.free[part],
        pieces.cost[part],
        pieces.margin[part],
    )
    ends = np.array([at - first for at in (one, other) if 0 <= at < count], dtype=np.intp)
    ends = np.unique(ends)
    free = np.flatnonzero(inner.free)
    out = np.setdiff1d(inner.given, ends)
    if not free.size:
        program = inner.program(free, ends, out)
        # Without a price to choose, the whole way says whether this can be.
        return -np.inf if program is None else program.constant
    program = inner.program(free, ends, out)
    if program is None or program.flat:
        return -np.inf
    found = program.solve(others=False)
    return -np.inf if found is None else found[0]


def _along(pieces: Pieces, sells: list[int]) -> tuple[float, FloatArray] | None:
    """Return the most that a pattern earns, and the free prices."""
    out = np.setdiff1d(pieces.given, sells)
    program = pieces.program(np.flatnonzero(pieces.free), np.array(sells, dtype=np.intp), out)
    if program is None or program.flat:
        return None
    return program.solve(others=True)
