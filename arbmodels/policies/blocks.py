"""The cheapest cascade with one block per model: in a given order, the greedy one or the best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from arbmodels.cascades.last_step import cheapest_cuts
from arbmodels.cascades.lattice import Lattice
from arbmodels.curves import Curves
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan
from arbmodels.policies.orders import (
    best_order,
    best_orders,
    block_spends,
    greedy_orders,
    greedy_spends,
    in_order,
)
from arbmodels.policies.points import IntArray, cheapest_point, check_reach, undominated

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
    def reach(self) -> float:
        """Largest solve rate of any state."""
        return float(self.lattice.solve_rate.max())

    @cached_property
    def _points(self) -> tuple[FloatArray, FloatArray, IntArray]:
        rate, spend = self.lattice.solve_rate.ravel(), self.spend.ravel()
        kept = undominated(rate, spend)
        return rate[kept], spend[kept], kept

    @cached_property
    def _may_be_cut(self) -> bool:
        grids = zip(self.lattice.grids, self.curves.grids, strict=True)
        complete = all(bool(np.isin(theirs, mine).all()) for mine, theirs in grids)
        return self.curves.continuous and complete

    def spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least expected spend, currency units per instance; NaN out of reach."""
        target = np.asarray(solve_rate, dtype=float)
        return self._cheapest(target.ravel())[0].reshape(target.shape)

    def plan_at(self, solve_rate: float) -> Plan:
        """Return a cheapest plan that reaches ``solve_rate``: one stage per model.

        Raises
        ------
        InputError
            If none does.
        """
        check_reach(solve_rate, self.reach)
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
        rate, spend, flat = self._points
        position, reached = cheapest_point(rate, target)
        best, state = np.where(reached, spend[position], np.nan), flat[position]
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
