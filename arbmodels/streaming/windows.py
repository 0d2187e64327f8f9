"""What travels between a cluster and the client: only the numbers that are needed, narrow."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

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
