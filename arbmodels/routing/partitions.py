"""The instances of a table in parts: by a label, or as groups that get a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from arbmodels.assignment.source import BoolArray, FloatArray, IntArray, Quantity

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
class Pool:
    """Estimates of groups whose instances do not all have a record of every plan.

    A pair without a record counts as the weighted mean of the group's pairs that have one, as if
    records were missing at random.

    Attributes
    ----------
    of_instance : int array [N]
        Group of each instance, of G.
    recorded : bool array [N, J]
    weights : float array [N]
    names : sequence, length G
    """

    of_instance: IntArray
    recorded: BoolArray
    weights: FloatArray
    names: Labelled

    @cached_property
    def known(self) -> FloatArray:
        """How often the instances of each group that have a record count together, [G, J]."""
        return self.total(np.ones(self.recorded.shape))

    @property
    def filled(self) -> BoolArray:
        """Pairs that have no record, in a group where others have, [N, J]."""
        filled: BoolArray = ~self.recorded & (self.known[self.of_instance] > 0)
        return filled

    def total(self, values: Quantity) -> FloatArray:
        """Return the weighted sum of a quantity [N, J] over each group's recorded pairs, [G, J]."""
        weighted = np.where(self.recorded, values, 0.0) * self.weights[:, None]
        total = np.zeros((len(self.names), values.shape[1]))
        np.add.at(total, self.of_instance, weighted)
        return total

    def fill(self, values: Quantity) -> Quantity:
        """Return a quantity [N, J] with means in the place of what was not recorded."""
        with np.errstate(invalid="ignore"):
            mean = self.total(values) / self.known
        result: Quantity = np.where(self.filled, mean[self.of_instance], values)
        return result

    def of_plan(self, j: int) -> Pool:
        """Return the pool of a quantity [N, M] of one plan."""
        return replace(self, recorded=self.recorded[:, [j]])

    def without_common(self, buys: BoolArray) -> int | None:
        """Return a group with several plans that buy and have records, but no instance in common.

        Parameters
        ----------
        buys : bool array [J]
        """
        there = (self.known > 0) & buys
        complete = (self.recorded | ~there[self.of_instance]).all(axis=1)
        common = np.bincount(self.of_instance, complete, len(self.names)) > 0
        lonely = np.flatnonzero(~common & (there.sum(axis=1) > 1))
        return int(lonely[0]) if len(lonely) else None


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
