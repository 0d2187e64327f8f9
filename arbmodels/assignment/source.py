"""Where the numbers of an assignment program lie: in memory, on disk, on a cluster.

Everything an engine does to all groups is a function of one block of them, mapped over the blocks;
partial results come back in the order of the blocks. So the answer does not depend on how many
threads or machines there are, and data that does not fit into memory needs only another source.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
#: float32 or float64; sums over it are made in double precision.
Quantity = npt.NDArray[np.floating[Any]]

P = ParamSpec("P")
T = TypeVar("T")

#: Groups in a block: large enough to hide what starting one costs, small enough to share out.
BLOCK = 1 << 16


@dataclass(frozen=True, eq=False)
class Block:
    """Some of the groups of a program, in memory.

    Attributes
    ----------
    start : int
        Position of the first group in the whole program.
    quantities : tuple of float arrays [g, J'], J' <= J
        Q_1 ... Q_K, at least one. Plans beyond J' have zero of everything: they abstain.
    classes : int array [g] or None
        c(i); all zero if None.
    weights : float array [g] or None
        w_i; all one if None.
    offered : bool array [g, J'] or None
        Which plans may be chosen; all if None. Quantities of other pairs are never looked at, and
        may be NaN. Plans beyond J' are always offered.
    """

    start: int
    quantities: tuple[Quantity, ...]
    classes: IntArray | None = None
    weights: FloatArray | None = None
    offered: BoolArray | None = None

    @property
    def size(self) -> int:
        """Number of groups."""
        return len(self.quantities[0])

    @property
    def width(self) -> int:
        """J', the number of plans with quantities."""
        return int(self.quantities[0].shape[1])

    def take(self, rows: npt.NDArray[Any] | slice) -> Block:
        """Return some of the block's groups, by position in the block."""
        return Block(
            self.start + (rows.start or 0 if isinstance(rows, slice) else 0),
            tuple(each[rows] for each in self.quantities),
            None if self.classes is None else self.classes[rows],
            None if self.weights is None else self.weights[rows],
            None if self.offered is None else self.offered[rows],
        )


class Source(Protocol):
    """Blocks of groups, wherever they lie."""

    @property
    def groups(self) -> int:
        """G."""
        ...

    @property
    def quantities(self) -> int:
        """K."""
        ...

    def map(
        self,
        function: Callable[Concatenate[Block, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> list[T]:
        """Return ``function(block, *args, **kwargs)`` of every block, in order.

        The function may be sent elsewhere: it stands at the top of a module, and looks at no other
        groups than its own in an array with one entry per group.
        """
        ...

    def take(self, rows: npt.NDArray[np.int64]) -> Block:
        """Return some groups, by position in the program in increasing order, in memory."""
        ...


@dataclass(frozen=True, eq=False)
class Arrays:
    """Groups whose numbers are arrays in memory, or mapped into it; they are not copied.

    Parameters
    ----------
    block : Block
        All of them.
    threads : int, optional
        Most threads to use; as many as there are processors by default, one for a single block.
    """

    block: Block
    threads: int | None = None

    @property
    def groups(self) -> int:
        """G."""
        return self.block.size

    @property
    def quantities(self) -> int:
        """K."""
        return len(self.block.quantities)

    def map(
        self,
        function: Callable[Concatenate[Block, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> list[T]:
        """Return ``function(block, *args, **kwargs)`` of every block, in order."""
        blocks = list(self._blocks())
        threads = min(self.threads or _processors(), len(blocks))
        if threads <= 1:
            return [function(block, *args, **kwargs) for block in blocks]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda block: function(block, *args, **kwargs), blocks))

    def take(self, rows: npt.NDArray[np.int64]) -> Block:
        """Return some groups, by position."""
        return self.block.take(rows)

    def _blocks(self) -> Iterator[Block]:
        for start in range(0, self.groups, BLOCK):
            yield self.block.take(slice(start, start + BLOCK))


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
