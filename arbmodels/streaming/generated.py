"""Instances that a function makes whenever they are needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from arbmodels.assignment.source import BLOCK, Block
from arbmodels.errors import InputError
from arbmodels.streaming.parts import PartsSource

#: (start, size, seed) -> block; the same arguments give the same block.
Maker = Callable[[int, int, int], Block]


class Generated(PartsSource):
    """Simulated instances, made anew in every pass: none are kept.

    Parameters
    ----------
    function : callable
        ``function(start, size, seed)`` returns a :class:`~arbmodels.assignment.Block` with the
        solve probabilities and spends of the instances ``start`` to ``start + size - 1``. It must
        return the same block every time, so draw with
        ``numpy.random.default_rng([seed, start])``. For a cluster it must be a function of a
        module that the workers can import.
    instances : int
        How many.
    models : sequence of str
        Names of the columns.
    segments : sequence of str, optional
        Names of the classes of the blocks.
    seed : int
    block : int
        Instances made at a time.
    threads : int, optional
        Blocks made at a time; as many as there are processors, but at most four, by default.

    Raises
    ------
    InputError
        If a size is not positive; in a pass, if the function returns anything else.
    """

    def __init__(
        self,
        function: Maker,
        instances: int,
        models: Sequence[str],
        *,
        segments: Sequence[str] = (),
        seed: int = 0,
        block: int = BLOCK,
        threads: int | None = None,
    ) -> None:
        if instances < 1 or block < 1:
            raise InputError(f"{instances} instances in blocks of {block}: both must be positive.")
        parts = [
            Piece(function, start, min(block, instances - start), seed)
            for start in range(0, instances, block)
        ]
        super().__init__(parts, 2, models, segments, threads)


@dataclass(frozen=True)
class Piece:
    """A block to be made."""

    function: Maker
    start: int
    size: int
    seed: int

    def read(self) -> Block:
        """Make it."""
        block = self.function(self.start, self.size, self.seed)
        if not isinstance(block, Block):
            raise InputError(
                f"The function of generated instances returned {type(block).__name__}, not an"
                " arbmodels.assignment.Block."
            )
        if block.size != self.size:
            raise InputError(
                f"The function of generated instances returned {block.size} at start {self.start},"
                f" not the {self.size} asked for."
            )
        return replace(block, start=self.start)
