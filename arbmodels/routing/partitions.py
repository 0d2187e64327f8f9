"""The instances of a table in parts: by a label, or as groups that get a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from arbmodels.assignment.source import BoolArray, IntArray

#: One label per instance.
Labelled = Sequence[object] | npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Labels:
    """A partition of the instances by a label known before they are served.

    Attributes
    ----------
    names : tuple of str, length L
        Sorted.
    codes : int array [N]
        Index into ``names``.
    """

    names: tuple[str, ...]
    codes: IntArray


@dataclass(frozen=True, eq=False)
class Groups:
    """What gets a plan: instances, segments, or everything.

    Attributes
    ----------
    names : sequence, length G
    of_instance : int array [N] or None
        Index into ``names``; None where every instance is a group of its own.
    offered : bool array [G, J] or None
        Plans offered to all instances of the group; all if None.
    """

    names: Labelled
    of_instance: IntArray | None
    offered: BoolArray | None
