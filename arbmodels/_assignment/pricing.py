"""Pricing: the best plan of every group at given prices, and what an assignment adds up to.

Spreading choices evenly without a period, so that no order of the groups can fool a sample.

The best auxiliary variables for a given assignment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from arbmodels._assignment import kernels
from arbmodels._assignment.program import (
    AssignmentProgram,
    AuxiliaryVariables,
    Block,
    BoolArray,
    Choice,
    FloatArray,
    IntArray,
    Quantity,
)
from arbmodels._solver import Program, solve

#: Its multiples, modulo one, are spread evenly, in no order (Weyl's sequence).
_GOLDEN = 0.6180339887498949


def mixed(count: int) -> FloatArray:
    """Return so many numbers in [0, 1), spread evenly and in no order."""
    numbers: FloatArray = np.arange(count, dtype=np.float64) * _GOLDEN % 1.0
    return numbers


def spread(groups: int, size: int) -> IntArray:
    """Return ``size`` of so many positions, increasing, evenly but not periodically."""
    positions = ((np.arange(size) + mixed(size)) * (groups / size)).astype(np.int64)
    return np.minimum(positions, groups - 1)


#: Groups priced at a time: their quantities stay in a processor's own cache.
CHUNK = 1 << 12


@dataclass(frozen=True, eq=False)
class Best:
    """Every group's best plan at given prices.

    Attributes
    ----------
    choice : int array [G]
        The first of equally good plans.
    value : float
        sum_g w_g max_j of the priced objective, oriented to be maximised; minus infinity if a
        group has no plan.
    totals : float array [K + 1, C, J]
        See :func:`totals`.
    second : int array [G]
        The runner-up; equal to ``choice`` where only one plan is offered.
    lead : float array [G]
        Priced objective of the best plan less that of the runner-up, without weights; infinite
        where only one plan is offered.
    """

    choice: Choice
    value: float
    totals: FloatArray
    second: Choice
    lead: FloatArray


def best(program: AssignmentProgram, prices: FloatArray) -> Best:
    """Choose every group's best plan at prices [R] of the coupling rows; no auxiliary variables."""
    parts = program.source.map(best_of, program.table(prices))
    return Best(
        np.concatenate([part.choice for part in parts]),
        float(sum(part.value for part in parts)),
        np.sum([part.totals for part in parts], axis=0),
        np.concatenate([part.second for part in parts]),
        np.concatenate([part.lead for part in parts]),
    )


def totals(program: AssignmentProgram, choice: Choice) -> FloatArray:
    """Return sum over the groups of class c that have plan j of w_g Q_k[g, j], [K + 1, C, J].

    Index 0 is the sum of their weights. Objective and rows are linear in it.
    """
    shape = program.objective.shape
    parts = program.source.map(_totals, np.asarray(choice, dtype=np.int32), shape)
    result: FloatArray = np.sum(parts, axis=0)
    return result


def bound(program: AssignmentProgram, prices: FloatArray, value: float) -> float:
    r"""Return the Lagrangian bound in the program's own sense: no assignment is better.

    Parameters
    ----------
    prices : float array [R], not negative
    value : float
        ``best(program, prices).value``, plus the best value of the auxiliary variables at these
        prices.
    """
    return float(program.sign * (value + (prices * program.sense) @ program.limits))


def best_of(block: Block, table: FloatArray) -> Best:
    """Choose the best plan of every group of a block; ``table`` as in `AssignmentProgram`."""
    # The kernel prices two quantities, most programs have no more; one that is alone comes twice.
    priced = [k for k in range(1, len(table)) if table[k].any()]
    pair, more = (priced or [1])[:2], priced[2:]
    narrow = np.zeros((3, *table.shape[1:]))
    narrow[0] = table[0]
    narrow[1 : 1 + len(pair)] = table[pair]
    first, second, *others = _views(block, [pair[0], pair[-1], *more])
    classes, weights, offered = extras(block)
    choice, runner = np.empty(block.size, np.int32), np.empty(block.size, np.int32)
    lead = np.empty(block.size)
    value, sums = 0.0, np.zeros(narrow.shape)
    for part in _chunks(block):
        rest = np.zeros(first[part].shape if others else (0, 0))
        for k, other in zip(more, others, strict=True):
            kernels.price_more(rest, table[k], classes[part], other[part])
        partial = np.zeros(narrow.shape)
        value += kernels.choose(
            first[part],
            second[part],
            rest,
            narrow,
            classes[part],
            weights[part],
            offered[part],
            choice[part],
            runner[part],
            lead[part],
            partial,
        )
        sums += partial
    result = np.zeros(table.shape)
    result[0] = sums[0]
    result[pair] = sums[1 : 1 + len(pair)]
    unpriced = [k for k in range(1, len(table)) if k not in pair]
    _add_sums(result, block, choice, unpriced)
    return Best(choice, value, result, runner, lead)


def totals_of(block: Block, choice: Choice, shape: tuple[int, ...]) -> FloatArray:
    """Return :func:`totals` of a block alone; ``choice`` is that of its own groups."""
    result = np.zeros(shape)
    _add_sums(result, block, choice, list(range(1, shape[0])))
    return result


def pair(block: Block) -> tuple[Quantity, Quantity] | None:
    """Return the quantities of a block as kernels of two want them; None if there are more.

    One that is alone comes twice; :func:`padded` tables then price it once.
    """
    count = len(block.quantities)
    if count > 2:
        return None
    first, second = _views(block, [1, count])
    return first, second


def padded(table: FloatArray) -> FloatArray:
    """Return a table [K + 1, C, J] of at most two quantities as [3, C, J]."""
    full = np.zeros((3, *table.shape[1:]))
    full[: len(table)] = table
    return full


def extras(block: Block) -> tuple[IntArray, FloatArray, BoolArray]:
    """Return classes, weights and offered of a block, of size zero where it has none."""
    return (
        _plain(np.zeros(0) if block.classes is None else block.classes, np.dtype(np.int64)),
        _plain(np.zeros(0) if block.weights is None else block.weights, np.dtype(np.float64)),
        _plain(np.zeros((0, 0)) if block.offered is None else block.offered, np.dtype(np.bool_)),
    )


def _views(block: Block, chosen: list[int]) -> list[Quantity]:
    """Return some quantities of a block (1 ... K), as the kernels want them."""
    arrays = [block.quantities[k - 1] for k in chosen]
    dtype = np.result_type(np.float32, *(array.dtype for array in arrays))
    return [_plain(array, dtype) for array in arrays]


def _plain(array: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    # A strided or a mixed array is copied, a block at a time; others are not.
    plain = np.ascontiguousarray(array, dtype=dtype)[:]
    plain.flags.writeable = False
    return plain


def _totals(block: Block, choice: Choice, shape: tuple[int, ...]) -> FloatArray:
    return totals_of(block, choice[block.start : block.start + block.size], shape)


def _add_sums(result: FloatArray, block: Block, choice: Choice, chosen: list[int]) -> None:
    """Write the totals of some quantities, two at a time, and of the weights."""
    classes, weights, _ = extras(block)
    for at in range(0, len(chosen), 2):
        pair = chosen[at : at + 2]
        first, second = _views(block, [pair[0], pair[-1]])
        sums = np.zeros((3, *result.shape[1:]))
        for part in _chunks(block):
            partial = np.zeros(sums.shape)
            kernels.chosen_sums(
                first[part], second[part], choice[part], classes[part], weights[part], partial
            )
            sums += partial
        result[0] = sums[0]
        result[pair] = sums[1 : 1 + len(pair)]


def _chunks(block: Block) -> Iterator[slice]:
    # Sums are made of partial sums, for the sake of rounding.
    return (slice(start, start + CHUNK) for start in range(0, block.size, CHUNK))


#: Rounding in the sum of a row, as a share of what engines may miss it by.
_ROUNDING = 1e-3


def complete(
    program: AssignmentProgram, choice: Choice, sums: FloatArray | None = None
) -> FloatArray | None:
    """Return the best auxiliary variables [E] for an assignment; None if it misses the rows.

    What is left with the assignment fixed is a small program over the auxiliary variables alone:
    rows with what the assignment adds up to moved to the right, binaries of used plans at one. Rows
    may be missed by what engines may miss them by (``program.tolerated``), where it cannot be
    avoided.

    Parameters
    ----------
    program : AssignmentProgram
        Loosened; without deviations.
    choice : int array [G]
    sums : float array [K + 1, C, J], optional
        ``pricing.totals(program, choice)``, if at hand.
    """
    sums = totals(program, choice) if sums is None else sums
    exact = program.sense * (program.limits - program.activity_of(sums))
    allowed = program.tolerated(sums)
    if program.auxiliary is None:
        return np.zeros(0) if (exact + allowed >= 0).all() else None
    # Hardly any tolerance first: it would show in the objective.
    found = _beside(program.auxiliary, program, choice, exact + _ROUNDING * allowed)
    return _beside(program.auxiliary, program, choice, exact + allowed) if found is None else found


def _beside(
    auxiliary: AuxiliaryVariables, program: AssignmentProgram, choice: Choice, slack: FloatArray
) -> FloatArray | None:
    """Return the best auxiliary variables that use no more than a slack [R] of the rows."""
    lower = np.maximum(auxiliary.lower, 0.0 + auxiliary.needs[np.unique(choice)].any(axis=0))
    lower = np.where(auxiliary.needs.any(axis=0), lower, auxiliary.lower)
    coupled = np.abs(auxiliary.coupling).max(axis=1, initial=0.0)
    if (slack[coupled == 0] < 0).any() or (lower > auxiliary.upper).any():
        return None
    kept = np.flatnonzero(coupled)
    scale = coupled[kept]
    left = (program.sense[:, None] * auxiliary.coupling)[kept] / scale[:, None]
    gain = float(np.abs(auxiliary.objective).max(initial=0.0)) or 1.0
    answer = solve(
        Program(
            auxiliary.objective / gain,
            sparse.csr_array(sparse.vstack([sparse.csr_array(left), auxiliary.matrix])),
            np.concatenate([np.full(len(kept), -np.inf), auxiliary.row_lower]),
            np.concatenate([slack[kept] / scale, auxiliary.row_upper]),
            lower,
            auxiliary.upper,
            auxiliary.integer if auxiliary.integer.any() else None,
            program.maximize,
        ),
        gap=0.0,
    )
    if answer.status != "optimal":
        return None
    return np.where(auxiliary.integer, np.rint(answer.x), answer.x)
