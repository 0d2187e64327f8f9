"""Blocks on a Dask cluster: functions go to the data, sums come back.

What travels between a cluster and the client: only the numbers that are needed, narrow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError
from dataclasses import fields, is_dataclass, replace
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from arbmodels._assignment.program import Block
from arbmodels.display import Displayed
from arbmodels.errors import InputError, SolverError
from arbmodels.streaming.sources import Part, PartsSource, joined, progress, split

#: Arrays smaller than this many bytes are sent whole.
_SMALL = 1 << 14
#: Types of whole numbers, narrowest first.
_NARROW = (np.dtype(np.int8), np.dtype(np.int16), np.dtype(np.int32))


def per_group(value: object, groups: int) -> bool:
    """Whether an argument has an entry per group and is worth cutting up.

    A function that is mapped looks at its own groups' entries only, which it finds by the block's
    start.
    """
    return (
        isinstance(value, np.ndarray)
        and value.ndim > 0
        and len(value) == groups
        and value.nbytes > _SMALL
    )


def restored(part: npt.NDArray[Any], start: int, groups: int) -> npt.NDArray[Any]:
    """Return an array of all groups with the entries of a part in place; elsewhere zero.

    Memory that is never touched is never taken, so this costs no more than the part.
    """
    whole = np.zeros((groups, *part.shape[1:]), dtype=part.dtype)
    whole[start : start + len(part)] = part
    return whole


class Packed:
    """An array of whole numbers in the narrowest type that holds them."""

    def __init__(self, values: npt.NDArray[Any]) -> None:
        least, most = int(values.min()), int(values.max())
        self.dtype = values.dtype
        self.values = values
        for kind in _NARROW:
            if np.iinfo(kind).min <= least and most <= np.iinfo(kind).max:
                self.values = values.astype(kind)
                break

    def unpack(self) -> npt.NDArray[Any]:
        """Return it in its own type."""
        return self.values.astype(self.dtype)


def packed(result: Any) -> Any:
    """Return a result with its arrays of whole numbers packed, inside dataclasses and tuples."""
    if isinstance(result, np.ndarray) and result.dtype.kind == "i" and result.nbytes > _SMALL:
        return Packed(result)
    return _each(result, packed)


def unpacked(result: Any) -> Any:
    """Undo :func:`packed`."""
    if isinstance(result, Packed):
        return result.unpack()
    return _each(result, unpacked)


def _each(result: Any, change: Any) -> Any:
    if type(result) is tuple:
        return tuple(map(change, result))
    if is_dataclass(result) and not isinstance(result, type):
        # Written into a copy without its constructor, which need not take what is packed.
        copy = object.__new__(type(result))
        for field in fields(result):
            object.__setattr__(copy, field.name, change(getattr(result, field.name)))
        return copy
    return result


P = ParamSpec("P")
T = TypeVar("T")

#: Seconds between two looks at the cluster, and after which one without workers is given up.
_TICK, _DESERTED = 1.0, 30.0

_INSTALL = "A cluster needs Dask. Install it with: pip install 'arbmodels[dask]'"


class DaskSource(Displayed):
    r"""A :class:`~arbmodels._assignment.Source` of partitions on a Dask cluster.

    Every pass maps a function over the partitions where they lie (best responses to the
    multipliers) and brings back, in the order of the partitions, what the program needs of them
    (sums, and the plan of every instance in a byte or two). So the answer does not depend on how
    many workers there are. A partition that is lost with its worker is made again by Dask.

    Parameters
    ----------
    client : distributed.Client
    partitions : source, or sequence of futures, delayed blocks or parts
        A :class:`ParquetSource` whose files all workers can read, or :class:`Generated`
        instances; or futures and ``dask.delayed`` objects of
        :class:`~arbmodels.streaming.Block`, whose ``start`` may be anything: they follow each
        other in this order.
    models : sequence of str, optional
        Names of the plans; those of the source by default.
    segments : sequence of str, optional
        Names of the classes; those of the source by default.
    keep : bool
        Keep the blocks of a source in the workers' memory, instead of reading or making them again
        in every pass. Futures are kept by whoever made them.

    Raises
    ------
    InputError
        If Dask is missing, there is no partition, or one is no block.
    SolverError
        In a pass, if a partition is lost for good.
    """

    def __init__(
        self,
        client: Any,
        partitions: PartsSource | Iterable[Any],
        *,
        models: Sequence[str] | None = None,
        segments: Sequence[str] | None = None,
        keep: bool = True,
    ) -> None:
        try:
            from dask import distributed
        except ImportError as error:
            raise InputError(_INSTALL) from error
        kind: Any = distributed.Client
        if not isinstance(client, kind):
            raise InputError(
                f"The client must be a distributed.Client, not {type(client).__name__}."
            )
        self.client = client
        self.source = None
        named: tuple[Sequence[str], Sequence[str]] = ((), ())
        if isinstance(partitions, PartsSource):
            self.source = partitions
            named = partitions.models, partitions.segments
            self.quantities = partitions.quantities
            self.parts: Sequence[Part] = partitions.parts
            self._items: list[Any] = list(self.parts)
            if keep:
                self._items = self.client.map(_read, self._items, pure=False)
        else:
            self._items = self.client.compute(list(partitions))
            if not self._items:
                raise InputError("There are no partitions. Give at least one block.")
            self.parts, self.quantities = self._described()
        self.models = tuple(named[0] if models is None else models)
        self.segments = tuple(named[1] if segments is None else segments)

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
        """Return ``function(block, *args, **kwargs)`` of every partition, in order.

        The function is one that the workers can import. Of arguments with an entry per group they
        get those of their own groups; it may look at no others.
        """
        groups = self.groups
        cut = [k for k, value in enumerate(args) if per_group(value, groups)]
        windows = []
        for part in self.parts:
            inside = slice(part.start, part.start + part.size)
            windows.append({k: packed(args[k][inside]) for k in cut})  # type: ignore[index]
        kept = tuple(None if k in cut else value for k, value in enumerate(args))
        starts = [part.start for part in self.parts]
        call = (function, kept, kwargs, groups)
        return self._all(_apply, self._items, starts, windows, call=call)

    def take(self, rows: npt.NDArray[np.int64]) -> Block:
        """Return some groups, by position; only the partitions that hold them are looked at."""
        wanted = split(rows, self.parts) or [(0, rows)]
        blocks = self._all(
            _take,
            [self._items[k] for k, _ in wanted],
            [self.parts[k].start for k, _ in wanted],
            [inside for _, inside in wanted],
        )
        return joined(blocks)

    def names(self) -> Any:
        """Return where the source reads the names of its instances, if it does."""
        names = getattr(self.source, "names", None)
        return None if names is None else names()

    def _described(self) -> tuple[list[_Place], int]:
        places, start = [], 0
        kinds = set()
        for k, (size, quantities, width, what) in enumerate(self._all(_describe, self._items)):
            if what != "Block":
                raise InputError(f"Partition {k} is a {what}, not an arbmodels.streaming.Block.")
            places.append(_Place(start, size))
            start += size
            kinds.add((quantities, width))
        if len(kinds) > 1 or start == 0:
            raise InputError(
                f"The partitions hold {start} groups, with quantities and plans"
                f" {', '.join(map(str, sorted(kinds)))}; all must have the same, and at least one"
                " a group."
            )
        return places, kinds.pop()[0]

    def _all(self, function: Callable[..., T], *columns: Sequence[Any], **fixed: Any) -> list[T]:
        """Run a function over columns of arguments on the workers; return all results in order."""
        import dask
        from dask.distributed import KilledWorker

        # Every task gets its own part of a choice, and nothing is sent twice: no cause to warn.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
            futures = self.client.map(function, *columns, pure=False, **fixed)
        try:
            self._wait(futures)
            return [unpacked(result) for result in self.client.gather(futures)]
        except (KilledWorker, CancelledError) as error:
            self.client.cancel(futures, force=True)  # the others may kill workers as well
            raise SolverError(
                f"A partition was lost with its worker and could not be made again ({error}). Give"
                " workers more memory or smaller partitions, and make partitions by tasks (delayed,"
                " submit), which Dask can repeat; data that was scattered cannot be."
            ) from error
        except BaseException:
            # After Ctrl-C or an error, workers need not go on.
            self.client.cancel(futures, force=True)
            raise

    def _wait(self, futures: Sequence[Any]) -> None:
        """Wait until all results are there, or one has failed."""
        from dask import distributed

        wait: Any = distributed.wait
        deserted = 0.0
        with progress(len(futures)) as bar:
            while True:
                try:
                    wait(futures, timeout=_TICK)
                    return
                except TimeoutError:
                    states = [future.status for future in futures]
                bar.update(states.count("finished") - bar.n)
                if "error" in states:
                    return
                # Dask itself waits for workers for ever.
                deserted = 0.0 if self.client.nthreads() else deserted + _TICK
                if deserted > _DESERTED:
                    raise SolverError(
                        f"The cluster has had no workers for {_DESERTED:g} s. Start some, and solve"
                        " again."
                    )


class _Place:
    """Where a partition lies in the program."""

    def __init__(self, start: int, size: int) -> None:
        self.start = start
        self.size = size

    def read(self) -> Block:  # pragma: no cover
        """Not here: its block is on a worker."""
        raise NotImplementedError


# On the workers.


def _read(part: Part) -> Block:
    return part.read()


def _block(item: Block | Part, start: int) -> Block:
    block = item if isinstance(item, Block) else item.read()
    return replace(block, start=start)


def _apply(item: Block | Part, start: int, window: dict[int, Any], call: Any) -> Any:
    function, args, kwargs, groups = call
    given = [
        restored(unpacked(window[k]), start, groups) if k in window else value
        for k, value in enumerate(args)
    ]
    return packed(function(_block(item, start), *given, **kwargs))


def _take(item: Block | Part, start: int, rows: npt.NDArray[np.int64]) -> Block:
    return _block(item, start).take(rows)


def _describe(item: object) -> tuple[int, int, int, str]:
    if not isinstance(item, Block):
        return 0, 0, 0, type(item).__name__
    return item.size, len(item.quantities), item.width, "Block"
