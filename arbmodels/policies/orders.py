r"""Block cascades: every model gets one block of attempts or dollars, in some order.

With a block of amount a_m for every model, the block of model m costs

.. math:: B_m(a_S) = \sum_i w_i G_{im}(a_m) \prod_{m' \in S} F_{im'}(a_{m'})

after the blocks of the set S. It depends on which blocks came before, not on their order, so the
least spend over all orders is a dynamic program over subsets,
:math:`C(S, a) = \min_{m \in S} C(S \setminus m, a) + B_m(a_{S \setminus m})`, done here for all
states of a lattice at once: 2^M subsets instead of M! orders (Held and Karp 1962).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np

from arbmodels.cascades.lattice import Lattice
from arbmodels.passk import FloatArray
from arbmodels.policies.points import IntArray

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
