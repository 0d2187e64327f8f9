"""A source with quantities beside its own, made block by block whenever a block is looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from arbmodels.assignment.source import Block, Quantity, Source

P = ParamSpec("P")
T = TypeVar("T")
Rows = npt.NDArray[np.int64] | slice
More = Callable[[Block, Rows], tuple[Quantity, ...]]


@dataclass(frozen=True, eq=False)
class Extended:
    """The groups of another source, with more quantities; none of them is kept in memory.

    Parameters
    ----------
    source : Source
    more : callable
        Takes a block and the positions of its groups in the program (a slice or an array);
        returns the further quantities, each [g, J'] as wide as the block's own.
    count : int
        How many it returns.
    """

    source: Source
    more: More
    count: int = 1

    @property
    def groups(self) -> int:
        """G."""
        return self.source.groups

    @property
    def quantities(self) -> int:
        """K, with the further ones."""
        return self.source.quantities + self.count

    def map(
        self,
        function: Callable[Concatenate[Block, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> list[T]:
        """Return ``function(block, *args, **kwargs)`` of every extended block, in order."""
        return self.source.map(_on_extended, self.more, function, args, kwargs)

    def take(self, rows: npt.NDArray[np.int64]) -> Block:
        """Return some groups, by position."""
        return _extend(self.source.take(rows), self.more, rows)


def _extend(block: Block, more: More, rows: Rows) -> Block:
    return replace(block, quantities=(*block.quantities, *more(block, rows)))


def _on_extended(
    block: Block,
    more: More,
    function: Callable[..., T],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> T:
    rows = slice(block.start, block.start + block.size)
    return function(_extend(block, more, rows), *args, **kwargs)
