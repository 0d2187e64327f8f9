r"""The cheapest cascade with one block per model: in a given order, the greedy one or the best.

With a block of amount a_m for every model, the block of model m costs

.. math:: B_m(a_S) = \sum_i w_i G_{im}(a_m) \prod_{m' \in S} F_{im'}(a_{m'})

after the blocks of the set S. It depends on which blocks came before, not on their order, so the
least spend over all orders is a dynamic program over subsets,
:math:`C(S, a) = \min_{m \in S} C(S \setminus m, a) + B_m(a_{S \setminus m})`, done here for all
states of a lattice at once: 2^M subsets instead of M! orders (Held and Karp 1962).

Where a lattice had to be thinned, coordinate ascent looks at every amount of the curves. For a
value V of a solved instance, V x solve rate - spend is raised over one model's block after
the other, each over all amounts of its grid, until nothing improves; the blocks are in the order of
expected cost per solve probability, each alone. A heuristic without a proof that sees amounts which
a thinned lattice lacks; everything it looks at is a plan, scored exactly.

Around the plan that a thinned lattice finds for a solve rate, a small lattice is exact on more of
them: first every third of the curves' amounts near the plan's, then all of them; the same around
the plan that coordinate ascent finds. The bound of the large lattice holds for every amount, and so
for what is found here.

References
----------
Held, Karp, *A dynamic programming approach to sequencing problems*, Journal of the Society for
Industrial and Applied Mathematics 10 (1962).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt

from arbmodels.cascades.lattice import Lattice, Points, build_lattice, cheapest_cuts, undominated
from arbmodels.curves import SAME_RATE, Curves, check_attainable, solve_rates_of
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan
from arbmodels.policies.policy import (
    CheapestOf,
    IntArray,
    OnePlan,
)

#: States whose greedy order is found at once.
_AT_ONCE = 400_000


def block_spends(lattice: Lattice) -> tuple[FloatArray, ...]:
    """Return what every model's block costs after the blocks of all others, M arrays [K_1..K_M].

    Currency units per instance. An amount of zero of another model means that its block has not
    been served, so that these arrays tell the block's cost after any set of others.
    """
    return tuple(
        np.concatenate([np.zeros_like(np.take(steps, [0], axis=m)), np.cumsum(steps, axis=m)], m)
        for m, steps in enumerate(lattice.step_spend)
    )


def in_order(blocks: Sequence[FloatArray], order: Iterable[int]) -> FloatArray:
    """Return the spend of every state [K_1..K_M] with the blocks in one order."""
    total = np.zeros((1,) * len(blocks))
    served: list[int] = []
    for m in order:
        served.append(m)
        total = total + _among(blocks[m], served)
    return total


def best_orders(blocks: Sequence[FloatArray]) -> dict[tuple[int, ...], FloatArray]:
    """Return the least spend of the blocks of every set of models over all their orders.

    Returns
    -------
    dict
        Sorted models -> array with one entry per state of these models, and length one on the
        axes of the others.
    """
    every = range(len(blocks))
    least: dict[tuple[int, ...], FloatArray] = {(): np.zeros((1,) * len(blocks))}
    for size in range(1, len(blocks) + 1):
        for models in combinations(every, size):
            least[models] = np.minimum.reduce(
                [least[_without(models, m)] + _among(blocks[m], models) for m in models]
            )
    return least


def best_order(
    blocks: Sequence[FloatArray],
    least: dict[tuple[int, ...], FloatArray],
    state: Sequence[int],
    last: int | None = None,
) -> list[int]:
    """Return a cheapest order of the blocks of one state; models without a block are left out.

    Parameters
    ----------
    blocks, least
        From :func:`block_spends` and :func:`best_orders`.
    state : sequence of M int
        Positions on the grids.
    last : int, optional
        The model whose block must come last, if it has one.
    """
    models = tuple(m for m, position in enumerate(state) if position)
    order: list[int] = []
    while models:
        spends = {
            m: _at(least[_without(models, m)], state, _without(models, m))
            + _at(blocks[m], state, models)
            for m in models
        }
        chosen = last if last in models else min(spends, key=lambda m: spends[m])
        assert chosen is not None  # noqa: S101 - for the type checker
        order.append(chosen)
        models = _without(models, chosen)
    return order[::-1]


def greedy_orders(
    lattice: Lattice, blocks: Sequence[FloatArray], flat: IntArray
) -> tuple[IntArray, FloatArray]:
    r"""Order the blocks of some states by the ratio rule.

    The next block is the one with the least expected cost per solve probability, c / p, both after
    the blocks already served: :math:`B_m(a_S) / (U(a_S) - U(a_{S + m}))` with U the share left
    unsolved. Optimal when all instances are alike; in general a heuristic.

    Parameters
    ----------
    lattice : Lattice
    blocks : M float arrays
        From :func:`block_spends`.
    flat : int array [n]
        Positions in the flattened lattice.

    Returns
    -------
    order : int array [n, M]
        Models without a block come last.
    spend : float array [n], currency units per instance
    """
    count, models = len(flat), len(blocks)
    shape = lattice.solve_rate.shape
    rate = lattice.solve_rate.ravel()
    costs = [block.ravel() for block in blocks]
    stride = [int(np.prod(shape[m + 1 :])) for m in range(models)]
    jump = [
        position * step
        for position, step in zip(np.unravel_index(flat, shape), stride, strict=True)
    ]
    here = np.zeros(count, dtype=np.int64)
    spend = np.zeros(count)
    order = np.empty((count, models), dtype=np.int64)
    served = np.zeros((models, count), dtype=bool)
    for turn in range(models):
        least, price = np.full(count, np.inf), np.zeros(count)
        pick = np.full(count, -1)
        for m in range(models):
            there = np.where(served[m], here, here + jump[m])
            cost, gain = costs[m][there], rate[there] - rate[here]
            ratio = np.divide(cost, gain, out=np.full(count, np.inf), where=gain > 0)
            better = ~served[m] & ((ratio < least) | (pick < 0))
            least, pick = np.where(better, ratio, least), np.where(better, m, pick)
            price = np.where(better, cost, price)
        order[:, turn] = pick
        spend += price
        served[pick, np.arange(count)] = True
        here += np.choose(pick, jump)
    return order, spend


def greedy_spends(lattice: Lattice, blocks: Sequence[FloatArray]) -> tuple[FloatArray, IntArray]:
    """Return spend and last block's model (-1: none) of every state [K_1..K_M], ratio order."""
    shape, size = lattice.spend.shape, lattice.spend.size
    spend, last = np.empty(size), np.full(size, -1)
    for start in range(0, size, _AT_ONCE):
        flat = np.arange(start, min(start + _AT_ONCE, size))
        order, spend[flat] = greedy_orders(lattice, blocks, flat)
        state = np.stack(np.unravel_index(flat, shape))
        for turn in range(len(shape)):
            model = order[:, turn]
            bought = state[model, np.arange(len(flat))] > 0
            last[flat] = np.where(bought, model, last[flat])
    return spend.reshape(shape), last.reshape(shape)


def _among(block: FloatArray, models: Sequence[int]) -> FloatArray:
    """Keep the states in which only ``models`` have blocks; the other axes get length one."""
    return block[tuple(slice(None) if m in models else slice(1) for m in range(block.ndim))]


def _at(values: FloatArray, state: Sequence[int], models: Sequence[int]) -> float:
    """Value where only ``models`` have their block of ``state``."""
    return float(values[tuple(state[m] if m in models else 0 for m in range(values.ndim))])


def _without(models: tuple[int, ...], model: int) -> tuple[int, ...]:
    return tuple(m for m in models if m != model)


#: Values of a solved instance, relative to the dearest model's mean cost of an attempt.
_VALUES = np.logspace(0, 4, 60)
#: Rounds over the models per value; the ascent ends long before.
_ROUNDS = 50


class Ascent:
    """The plans that coordinate ascent looks at.

    Parameters
    ----------
    curves : Curves
        Of at least one model.
    """

    def __init__(self, curves: Curves) -> None:
        self.curves = curves
        pairs = list(zip(curves.models, curves.grids, strict=True))
        self._failure = [curve.failure(grid) for curve, grid in pairs]
        self._bill = [curve.spend(grid) for curve, grid in pairs]
        weight = curves.market.weight
        self._ratio = []
        for bill, failure in zip(self._bill, self._failure, strict=True):
            solved = 1.0 - weight @ failure
            idle = np.full(len(solved), np.inf)
            self._ratio.append(np.divide(weight @ bill, solved, out=idle, where=solved > 0))

    @property
    def max_solve_rate(self) -> float:
        """Largest solve rate looked at."""
        return self._points.max_solve_rate

    def spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least spend found, currency units per instance; NaN if unattainable."""
        return self._points.spend_at(solve_rates_of(solve_rate))

    def plan_at(self, solve_rate: float) -> Plan:
        """Return the cheapest plan found; InputError if unattainable."""
        rate = np.array(check_attainable(solve_rate, self.max_solve_rate))
        amounts = self._points.number[self._points.first(rate)[0]]
        bought = [m for m in range(len(amounts)) if amounts[m]]
        bought.sort(key=lambda m: self._ratio[m][amounts[m]])
        grids, names = self.curves.grids, self.curves.names
        stages = ((names[m], float(grids[m][amounts[m]])) for m in bought)
        return Plan(tuple(stages), self.curves.unit)

    @cached_property
    def _points(self) -> Points:
        """Undominated plans; their numbers are the positions on the grids, [.., M]."""
        market, models = self.curves.market, len(self._failure)
        dearest = float(np.nanmax(market.mean_cost))
        rates, spends, states = [np.zeros(1)], [np.zeros(1)], [np.zeros((1, models), dtype=int)]
        warm = np.zeros(models, dtype=int)
        for value in dearest * _VALUES:
            for start in (warm, np.eye(models, dtype=int)[-1] * (len(self._ratio[-1]) - 1)):
                amounts, best = start.copy(), -np.inf
                for _ in range(_ROUNDS):
                    before = best
                    for m in range(models):
                        rate, spend = self._line(amounts, m)
                        state = np.tile(amounts, (len(rate), 1))
                        state[:, m] = np.arange(len(rate))
                        kept = undominated(rate, spend)
                        rates.append(rate[kept])
                        spends.append(spend[kept])
                        states.append(state[kept])
                        gain = value * rate - spend
                        amounts[m] = int(np.argmax(gain))
                        best = max(best, float(gain.max()))
                    if best <= before + 1e-12 * abs(best):
                        break
                if start is warm:
                    warm = amounts
        rate, spend, state = (np.concatenate(each) for each in (rates, spends, states))
        kept = undominated(rate, spend)
        return Points(rate[kept], spend[kept], state[kept])

    def _line(self, amounts: IntArray, m: int) -> tuple[FloatArray, FloatArray]:
        """Solve rate and spend for every amount of model m, the others' being held."""
        others = [k for k in range(len(amounts)) if k != m and amounts[k]]
        others.sort(key=lambda k: self._ratio[k][amounts[k]])
        place = np.searchsorted([self._ratio[k][amounts[k]] for k in others], self._ratio[m])
        left = self.curves.market.weight
        before, spend = 0.0, np.empty(len(place))
        for position in range(len(others) + 1):
            mine = np.flatnonzero(place == position)
            if len(mine):
                # What the blocks after model m's cost where it fails.
                reaching, after = left, np.zeros(len(left))
                for k in others[position:]:
                    after = after + reaching * self._bill[k][:, amounts[k]]
                    reaching = reaching * self._failure[k][:, amounts[k]]
                own = left @ self._bill[m][:, mine]
                spend[mine] = before + own + after @ self._failure[m][:, mine]
            if position < len(others):
                k = others[position]
                before += float(left @ self._bill[k][:, amounts[k]])
                left = left * self._failure[k][:, amounts[k]]
        return np.maximum(1.0 - left @ self._failure[m], 0.0), spend


#: Strides between the amounts of a window, in the curves' own, round by round.
_STRIDES = (3, 1)
#: Amounts on either side of the plan's.
_SIDE = 3


def is_thinned(curves: Curves, lattice: Lattice) -> bool:
    """Return whether the lattice lacks some of the curves' amounts."""
    pairs = zip(lattice.grids, curves.grids, strict=True)
    return not all(bool(np.isin(theirs, mine).all()) for mine, theirs in pairs)


def refined(
    curves: Curves,
    coarse: OnePlan,
    make: Callable[[Lattice], OnePlan],
    seed: OnePlan,
    rates: FloatArray,
    *,
    below: int = 0,
) -> OnePlan:
    """Return a class on a thinned lattice together with windows around its plans.

    Parameters
    ----------
    curves : Curves
    coarse : OnePlan
        The class on the thinned lattice.
    make : callable
        The class on another lattice.
    seed : OnePlan
        Whose plans windows are put around, too.
    rates : float array
        Solve rates whose plans are refined; unattainable ones are left out.
    below : int
        Amounts between zero and the window, for orders that come back to a model.
    """
    members = [coarse]
    for source in (coarse, seed):
        for rate in rates[(rates > 0) & (rates <= source.max_solve_rate + SAME_RATE)]:
            plan = source.plan_at(float(rate))
            for stride in _STRIDES:
                window = make(build_lattice(curves, _grids(curves, plan, stride, below)))
                members.append(window)
                if window.max_solve_rate < rate:
                    break
                plan = window.plan_at(float(rate))
    return CheapestOf(members)


def _grids(curves: Curves, plan: Plan, stride: int, below: int) -> list[FloatArray]:
    """Amounts around a plan's totals, with zero, the totals themselves and some below."""
    total = dict.fromkeys(curves.names, 0.0)
    for model, amount in plan.stages:
        total[model] += amount
    grids = []
    for name, full in zip(curves.names, curves.grids, strict=True):
        used = min(total[name], full[-1])
        centre = int(np.argmin(np.abs(full - used)))
        chosen = centre + stride * np.arange(-_SIDE, _SIDE + 1)
        chosen = chosen[(chosen > 0) & (chosen < len(full))]
        lowest = int(chosen.min(initial=len(full) - 1))
        under = np.linspace(0, lowest, below + 2).astype(int)[:-1] if lowest else np.zeros(1, int)
        grids.append(full[np.unique(np.concatenate([[0], under, chosen]))])
    return grids


#: (state, model whose block must be last or None) -> models in the order of their blocks.
Ordering = Callable[[tuple[int, ...], int | None], Sequence[int]]


@dataclass(frozen=True, eq=False)
class BlockCascades:
    """Block cascades of every amount per model, ordered by one rule.

    Made by :func:`blocks_in_order`, :func:`blocks_greedy` and :func:`blocks_best`; exact over the
    amounts of the lattice. Where the curves are log-linear and the lattice holds all their
    budgets, the last block may also end between two of them, as in ``Frontier``.

    Parameters
    ----------
    curves : Curves
    lattice : Lattice
        Of the curves' models.
    spend : float array [K_1, .., K_M], currency units per instance
        Of every state, its blocks in the rule's order.
    entries : callable
        Model -> spend of every state if that model's block is last and may go on, [K_1, .., K_M];
        infinite where the rule puts another one last.
    ordering : callable
        The rule.
    """

    curves: Curves
    lattice: Lattice
    spend: FloatArray
    entries: Callable[[int], FloatArray]
    ordering: Ordering

    @property
    def max_solve_rate(self) -> float:
        """Largest solve rate of any state."""
        return float(self.lattice.solve_rate.max())

    @cached_property
    def _points(self) -> Points:
        return Points.of(self.lattice.solve_rate, self.spend)

    @cached_property
    def _may_be_cut(self) -> bool:
        grids = zip(self.lattice.grids, self.curves.grids, strict=True)
        complete = all(bool(np.isin(theirs, mine).all()) for mine, theirs in grids)
        return self.curves.continuous and complete

    def spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least expected spend, currency units per instance; NaN if unattainable."""
        target = solve_rates_of(solve_rate)
        return self._cheapest(target.ravel())[0].reshape(target.shape)

    def plan_at(self, solve_rate: float) -> Plan:
        """Return a cheapest plan that reaches ``solve_rate``: one stage per model.

        Raises
        ------
        InputError
            If none does.
        """
        check_attainable(solve_rate, self.max_solve_rate)
        _, flat, cut, amount = self._cheapest(np.array([solve_rate]))
        state = [int(k) for k in np.unravel_index(flat[0], self.spend.shape)]
        total = [float(grid[k]) for grid, k in zip(self.lattice.grids, state, strict=True)]
        last = int(cut[0]) if cut[0] >= 0 else None
        if last is not None:
            total[last] = float(amount[0])
            state[last] += 1
        order = self.ordering(tuple(state), last)
        names = self.curves.names
        return Plan(tuple((names[m], total[m]) for m in order if total[m] > 0), self.curves.unit)

    def _cheapest(self, target: FloatArray) -> tuple[FloatArray, IntArray, IntArray, FloatArray]:
        """Spend, state, model of a cut last block (-1: none) and its amount, per solve rate."""
        position, attained = self._points.first(target)
        best = np.where(attained, self._points.spend[position], np.nan)
        state = self._points.number[position]
        model, amount = np.full(len(target), -1), np.full(len(target), np.nan)
        for m in range(len(self.lattice.grids)) if self._may_be_cut else ():
            # One purchase of model m from every state: a lattice whose other axes lie idle.
            step = self.lattice.step_spend[m]
            moved = [np.moveaxis(each, m, 0) for each in (self.lattice.solve_rate, step)]
            entry = np.moveaxis(self.entries(m), m, 0)
            alone = Lattice((self.lattice.grids[m],), moved[0], (moved[1],), entry)
            cut = cheapest_cuts(alone, target, best)
            first, *others = np.unravel_index(cut.state, entry.shape)
            origin = [*others[:m], first, *others[m:]]
            best[cut.target] = cut.spend
            state[cut.target] = np.ravel_multi_index(tuple(origin), self.spend.shape)
            model[cut.target], amount[cut.target] = m, cut.amount
        return best, state, model, amount


def blocks_in_order(curves: Curves, lattice: Lattice, order: Sequence[int]) -> BlockCascades:
    """Return the block cascades in one order: every model's position, once."""
    spend = in_order(block_spends(lattice), order)
    positions = np.indices(lattice.spend.shape, sparse=True)

    def entries(m: int) -> FloatArray:
        later = [positions[k] > 0 for k in order[list(order).index(m) + 1 :]]
        idle: FloatArray = np.where(sum(later, np.zeros((), int)) == 0, spend, np.inf)
        return idle

    return BlockCascades(curves, lattice, spend, entries, lambda _state, _last: order)


def blocks_greedy(curves: Curves, lattice: Lattice) -> BlockCascades:
    """Return the block cascades whose next block costs least per solve probability."""
    blocks = block_spends(lattice)
    spend, last = greedy_spends(lattice, blocks)

    def entries(m: int) -> FloatArray:
        # The order is that of the whole block; its last purchase is cut.
        whole = np.where(np.delete(last, 0, axis=m) == m, np.delete(spend, 0, axis=m), np.inf)
        idle = np.full_like(np.take(spend, [0], axis=m), np.inf)
        return np.concatenate([whole - lattice.step_spend[m], idle], axis=m)

    def ordering(state: tuple[int, ...], _last: int | None) -> list[int]:
        flat = np.ravel_multi_index(state, lattice.spend.shape)
        return [int(m) for m in greedy_orders(lattice, blocks, np.array([flat]))[0][0]]

    return BlockCascades(curves, lattice, spend, entries, ordering)


def blocks_best(curves: Curves, lattice: Lattice) -> BlockCascades:
    """Return the block cascades with the best order for every state, a program over subsets."""
    blocks = block_spends(lattice)
    least = best_orders(blocks)
    every = tuple(range(len(blocks)))

    def entries(m: int) -> FloatArray:
        others = least[tuple(k for k in every if k != m)]
        return others + blocks[m]

    def ordering(state: tuple[int, ...], last: int | None) -> list[int]:
        return best_order(blocks, least, state, last)

    return BlockCascades(curves, lattice, least[every], entries, ordering)
