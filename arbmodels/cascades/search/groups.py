r"""Groups of models as one model that is at least as good: bounds for markets of many models.

A lattice over twenty models is too large, whatever its knots. Count the attempts of a group of
models together, y, and let every instance use the split of them that suits it best and the
cheapest price:

.. math:: F_{iX}(y) = \min_{\sum_m a_m = y} \prod_m F_{im}(a_m), \qquad
          G_{iX}(y) = \min_m q_{im} \sum_{j < y} F_{iX}(j).

Any policy is then a policy of the market with X in place of the group that leaves no more unsolved
and spends no more: what bounds that market bounds this one. The bound is loose only as far as a
group is bought from, and groups that are get split.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from arbmodels.cascades.search.natural import Natural, Steps
from arbmodels.passk import FloatArray

Groups = tuple[tuple[int, ...], ...]


def merged(natural: Natural, groups: Groups) -> Natural:
    """Return the market with each group as one model; for whole attempts only."""
    failure = [_best_split([natural.of(natural.failure, m) for m in group]) for group in groups]
    spend = [
        natural.of(natural.spend, group[0]) if len(group) == 1 else _spend(natural, group, table)
        for group, table in zip(groups, failure, strict=True)
    ]
    sizes = [len(table) for table in failure]
    stacked = np.concatenate(failure)
    return Natural(
        natural.curves,
        tuple(np.arange(size, dtype=float) for size in sizes),
        np.concatenate([[0], np.cumsum(sizes)]),
        stacked,
        np.concatenate(spend),
        stacked,
    )


def only(natural: Natural, models: Sequence[int]) -> Natural:
    """Return the market of some models."""
    return merged(natural, tuple((m,) for m in models))


def greedy(natural: Natural, deadline: float = np.inf) -> Steps:
    """Buy the attempt that solves most for its price, one by one, until nothing more is solved.

    Up to a deadline, by :func:`time.monotonic`.
    """
    last, ends = np.array(natural.last), natural.first[1:] - 1
    here = np.zeros(len(last), dtype=np.int64)
    steps: list[tuple[int, int]] = []
    while time.monotonic() < deadline:
        row = natural.first[:-1] + here
        after = np.minimum(row + 1, ends)
        factor = natural.failure[row]
        others = natural.weight * _of_the_others(factor)
        solved = (others * (factor - natural.failure[after])).sum(axis=1)
        paid = (others * (natural.spend[after] - natural.spend[row])).sum(axis=1)
        free = (paid == 0) & (solved > 0)
        ratio = np.where(free, np.inf, solved / np.maximum(paid, 1e-300))
        ratio[here >= last] = 0.0
        choice = int(np.argmax(ratio))
        if not ratio[choice] > 0:
            break
        here[choice] += 1
        steps.append((choice, int(here[choice])))
    return steps


def _of_the_others(factor: FloatArray) -> FloatArray:
    """Product of all other rows, for every row."""
    one = np.ones((1, factor.shape[1]))
    before = np.cumprod(np.concatenate([one, factor[:-1]]), axis=0)
    after = np.cumprod(np.concatenate([one, factor[:0:-1]]), axis=0)[::-1]
    product: FloatArray = before * after
    return product


def _best_split(tables: Sequence[FloatArray]) -> FloatArray:
    """Least product over the splits of y attempts, [sum K_m - .. + 1, N]."""
    best = tables[0]
    for table in tables[1:]:
        joint = np.ones((len(best) + len(table) - 1, table.shape[1]))
        for more, row in enumerate(table):
            part = joint[more : more + len(best)]
            np.minimum(part, best * row, out=part)
        best = joint
    return best


def _spend(natural: Natural, group: Sequence[int], failure: FloatArray) -> FloatArray:
    """Every attempt at the least that any attempt of the group ever costs on the instance."""
    price = np.full(len(natural.weight), np.inf)
    for m in group:
        rise = np.diff(natural.of(natural.spend, m), axis=0)
        alive = natural.of(natural.failure, m)[:-1]
        each = np.divide(rise, alive, out=np.full_like(rise, np.inf), where=alive > 0)
        price = np.minimum(price, each.min(axis=0, initial=np.inf))
    paid = np.where(np.isfinite(price), price, 0.0) * failure[:-1]
    return np.concatenate([np.zeros((1, failure.shape[1])), np.cumsum(paid, axis=0)])
