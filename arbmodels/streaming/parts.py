"""Sources whose blocks are read or made one at a time, anew in every pass."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from arbmodels.assignment.source import Block, IntArray

P = ParamSpec("P")
T = TypeVar("T")

#: Blocks in memory at a time, at most.
_FEW = 4
#: Seconds after which a pass shows how far it is.
_PATIENCE = 2.0


class Part(Protocol):
    """A block that is not in memory; it can be pickled, and read on another machine.

    Attributes
    ----------
    start : int
        Position of its first group in the whole program.
    size : int
        Number of its groups.
    """

    @property
    def start(self) -> int:
        """Position of the first group."""
        ...

    @property
    def size(self) -> int:
        """Number of groups."""
        ...

    def read(self) -> Block:
        """Return the block."""
        ...


class PartsSource:
    """A :class:`~arbmodels.assignment.Source` of parts, one after the other.

    Every pass reads all of them again, and no more are in memory at a time than there are threads.

    Parameters
    ----------
    parts : sequence of Part
        Without gaps, in the order of the groups.
    quantities : int
        K.
    models : sequence of str
        Names of the plans.
    segments : sequence of str
        Names of the classes; empty without any.
    threads : int, optional
        Parts read at a time; as many as there are processors, but at most four, by default.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        quantities: int,
        models: Sequence[str],
        segments: Sequence[str] = (),
        threads: int | None = None,
    ) -> None:
        self.parts = tuple(parts)
        self.quantities = quantities
        self.models = tuple(models)
        self.segments = tuple(segments)
        self.threads = threads or min(os.cpu_count() or 1, _FEW)

    @property
    def groups(self) -> int:
        """G."""
        return self.parts[-1].start + self.parts[-1].size

    def map(
        self,
        function: Callable[Concatenate[Block, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> list[T]:
        """Return ``function(block, *args, **kwargs)`` of every part, in order."""
        return self._each(lambda part: function(part.read(), *args, **kwargs), self.parts)

    def take(self, rows: npt.NDArray[np.int64]) -> Block:
        """Return some groups, by position; only the parts that hold them are read."""
        wanted = [(self.parts[k], inside) for k, inside in split(rows, self.parts)]
        # Without any, one part tells the number of plans.
        wanted = wanted or [(self.parts[0], rows)]
        return joined(self._each(lambda each: each[0].read().take(each[1]), wanted))

    def _each(self, function: Callable[[Any], T], items: Sequence[Any]) -> list[T]:
        threads = min(self.threads, len(items))
        if threads <= 1:
            return list(shown(map(function, items), len(items)))
        with ThreadPoolExecutor(threads) as pool:
            # An error or Ctrl-C cancels what has not begun.
            return list(shown(pool.map(function, items), len(items)))


def split(rows: IntArray, parts: Sequence[Part]) -> list[tuple[int, IntArray]]:
    """Return the parts that hold some groups, and the groups' positions inside them."""
    ends = np.array([part.start + part.size for part in parts])
    cuts = np.searchsorted(rows, ends)
    begins = np.concatenate([[0], cuts[:-1]])
    return [
        (k, rows[begins[k] : cuts[k]] - parts[k].start)
        for k in np.flatnonzero(cuts > begins).tolist()
    ]


def joined(blocks: Sequence[Block]) -> Block:
    """Return blocks as one that starts where the first does."""
    first = blocks[0]
    if len(blocks) == 1:
        return first
    fill: dict[str, Callable[[Block], npt.NDArray[Any]]] = {
        "classes": lambda block: np.zeros(block.size, np.int64),
        "weights": lambda block: np.ones(block.size),
        "offered": lambda block: np.ones((block.size, block.width), bool),
    }
    beside: dict[str, Any] = {}
    for name, default in fill.items():
        values = [getattr(block, name) for block in blocks]
        if any(value is not None for value in values):
            beside[name] = np.concatenate(
                [
                    default(block) if value is None else value
                    for block, value in zip(blocks, values, strict=True)
                ]
            )
    together = zip(*(block.quantities for block in blocks), strict=True)
    return Block(first.start, tuple(np.concatenate(each) for each in together), **beside)


def shown(items: Iterable[T], count: int) -> Iterable[T]:
    """Pass items on, with a progress bar if that takes more than some seconds."""
    with progress(count) as bar:
        for item in items:
            yield item
            bar.update()


def progress(count: int) -> tqdm[Any]:
    """Return the progress bar of a pass; it shows itself after some seconds."""
    return tqdm(
        desc="pass over the data",
        total=count,
        leave=False,
        disable=None,
        delay=_PATIENCE,
        unit="part",
    )
