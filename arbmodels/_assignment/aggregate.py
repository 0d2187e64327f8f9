"""Programs whose groups are sets of instances: one plan per segment, or one for all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from arbmodels._assignment.highs import everything
from arbmodels._assignment.program import (
    BLOCK,
    Arrays,
    AssignmentProgram,
    Block,
    FloatArray,
    IntArray,
    dense,
    offered,
)


def aggregate(
    program: AssignmentProgram,
    group_of: IntArray,
    groups: int,
    unweighted: npt.ArrayLike | None = None,
) -> AssignmentProgram:
    r"""Return the program in which all members of a group have the same plan.

    Its quantities are the objective and the rows themselves, summed over the members:

    .. math:: \bar o_{Gj} = \sum_{g \in G} w_g o_{gj}, \qquad
              \bar a_{rGj} = \sum_{g \in G} w_g a_{rgj}

    A plan is offered to a group if it is offered to all its members.

    Parameters
    ----------
    program : AssignmentProgram
        Of the members; its side columns are kept.
    group_of : int array [members]
    groups : int
    unweighted : bool array [R], optional
        Rows that count every member once, whatever its weight.
    """
    tables = [program.objective, *program.rows]
    counted = np.zeros(len(tables), dtype=bool)
    if unweighted is not None:
        counted[1:] = np.asarray(unweighted, dtype=bool)
    sums = np.zeros((len(tables), groups, program.plans))
    refused = np.zeros((groups, program.plans), dtype=bool)
    whole = everything(program)
    for start in range(0, whole.size, BLOCK):
        block = whole.take(slice(start, start + BLOCK))
        members = group_of[start : start + BLOCK]
        allowed = offered(block, program.plans, program.forbidden)
        # Members come in any order, but those of a block are often close together.
        first, last = int(members.min()), int(members.max()) + 1
        near = slice(first, last)
        refused[near] |= _sums((~allowed).astype(float), members - first, last - first) > 0
        for k, table in enumerate(tables):
            values = np.where(allowed, dense(block, table), 0.0)
            if block.weights is not None and not counted[k]:
                values *= block.weights[:, None]
            sums[k, near] += _sums(values, members - first, last - first)
    sums[:, refused] = 0.0
    unit = np.zeros((len(tables), len(tables) + 1, 1, program.plans))
    unit[np.arange(len(tables)), np.arange(1, len(tables) + 1)] = 1.0
    return AssignmentProgram(
        Arrays(Block(0, tuple(sums), offered=None if not refused.any() else ~refused)),
        unit[0],
        unit[1:],
        program.sense,
        program.limits,
        program.maximise,
        side=program.side,
    )


def _sums(values: FloatArray, members: IntArray, groups: int) -> FloatArray:
    return np.stack([np.bincount(members, column, groups) for column in values.T], axis=1)
