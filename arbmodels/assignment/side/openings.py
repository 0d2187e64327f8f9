r"""Passes over groups whose plans are open to a share only.

Plans that need the same side columns E_a open together: they share the gate a, opened to
:math:`z_a \le \min_{e \in E_a} y_e`. Gate 0, of plans that need nothing, is always open.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arbmodels.assignment.program import AssignmentProgram, Side, dense, offered
from arbmodels.assignment.source import Block, BoolArray, FloatArray, IntArray
from arbmodels.errors import SolverError

#: Groups priced at a time: their table stays in the processor's cache.
_CHUNK = 2048
#: Different groups without an open plan that one block reports at most.
_PATTERNS = 32


@dataclass(frozen=True, eq=False)
class Gates:
    """Which side columns open which plans.

    Attributes
    ----------
    needs : bool array [A, E]
        Side columns that a gate waits for; none for gate 0.
    of_plan : int array [J]
        Gate of every plan.
    """

    needs: BoolArray
    of_plan: IntArray

    def opening(self, side: FloatArray) -> FloatArray:
        """Return how far side columns [E] open the gates, [A], between zero and one."""
        waiting = np.where(self.needs, np.clip(side, 0.0, 1.0), 1.0)
        opening: FloatArray = waiting.min(axis=1, initial=1.0)
        return opening

    def closed(self, side: FloatArray) -> BoolArray:
        """Return which plans integer side columns [E] close, [J]."""
        shut: BoolArray = self.opening(side)[self.of_plan] < 0.5
        return shut


def gates_of(side: Side) -> Gates:
    """Gather plans that need the same columns."""
    nothing = np.zeros((1, side.needs.shape[1]), dtype=bool)
    kinds, gate = np.unique(np.vstack([nothing, side.needs]), axis=0, return_inverse=True)
    # Unique sorts, and false sorts before true: the first kind needs nothing.
    return Gates(kinds, gate.ravel()[1:].astype(np.int64))


@dataclass(frozen=True, eq=False)
class Filled:
    r"""A pass at given prices and opening z.

    The priced objective of all groups is at most ``constant + gains @ z'`` at every other z', and
    equal to it at z, unless a group is missing some of its share.

    Attributes
    ----------
    constant : float
    gains : float array [A]
        Not negative.
    totals : float array [K + 1, C, J]
        See ``passes.totals``, here of shares of groups.
    missing : bool array [P, A]
        Gates of some groups that the open plans cannot serve in full: each needs the sum of its
        gates to be at least one.
    """

    constant: float
    gains: FloatArray
    totals: FloatArray
    missing: BoolArray


def fill(
    program: AssignmentProgram, table: FloatArray, gates: Gates, opening: FloatArray
) -> Filled:
    r"""Serve every group from its best open plan downwards.

    For a group with priced objective r_j at gate a(j), and r_a the best of a gate, the most that
    opening z allows is a linear program whose dual is

    .. math:: \min_v \; v + \sum_a (r_a - v)^+ z_a,

    and the best v is that of the critical plan, with which the gates from the best downwards are
    opened to one in sum. Every v gives a bound for every z, so the sum over the groups is a cut.

    Parameters
    ----------
    table : float array [K + 1, C, J]
        Coefficients of the priced objective, to be maximised (``program.table``).
    gates : Gates
    opening : float array [A]
        z.
    """
    parts = program.source.map(_fill, table, program.forbidden, gates, opening)
    return Filled(
        float(sum(part.constant for part in parts)),
        np.sum([part.gains for part in parts], axis=0),
        np.sum([part.totals for part in parts], axis=0),
        np.unique(np.concatenate([part.missing for part in parts]), axis=0),
    )


def side_of(program: AssignmentProgram) -> Side:
    """Return the side columns of a program that has some."""
    if program.side is None:
        raise SolverError("The program has no side columns; call the engines directly.")
    return program.side


def priced_table(program: AssignmentProgram, prices: FloatArray, factor: float) -> FloatArray:
    """Return ``program.table`` with the objective times zero or one."""
    table: FloatArray = factor * program.sign * program.objective - np.tensordot(
        prices * program.sense, program.rows, axes=1
    )
    if program.forbidden is not None:
        table[0][program.forbidden] = -np.inf
    return table


def _fill(
    block: Block,
    table: FloatArray,
    forbidden: BoolArray | None,
    gates: Gates,
    opening: FloatArray,
) -> Filled:
    from arbmodels.assignment.side.kernels import fill as fill_chunk

    plans = table.shape[2]
    gains, sums = np.zeros(len(opening)), np.zeros(table.shape)
    constant = 0.0
    short: list[BoolArray] = []
    size = min(_CHUNK, block.size)
    missing = np.empty(size)
    entries = size * (len(opening) + 1)
    group, plan = np.empty(entries, dtype=np.int64), np.empty(entries, dtype=np.int64)
    share = np.empty(entries)
    for start in range(0, block.size, _CHUNK):
        part = block.take(slice(start, start + _CHUNK))
        priced = dense(part, table)
        if block.offered is not None or forbidden is not None:
            allowed = offered(part, plans, forbidden)
            priced[~allowed] = -np.inf
        weights = np.ones(part.size) if part.weights is None else part.weights
        value, written = fill_chunk(
            priced, weights, gates.of_plan, opening, gains, missing, group, plan, share
        )
        constant += value
        given = share[:written] * weights[group[:written]]
        _add_totals(sums, part, group[:written], plan[:written], given)
        lacking = np.flatnonzero(missing[: part.size] > 0)
        if len(lacking) and len(short) < _PATTERNS:
            short.append(_patterns(np.isfinite(priced[lacking]), gates))
    found = np.concatenate(short) if short else np.zeros((0, len(opening)), dtype=bool)
    return Filled(constant, gains, sums, np.unique(found, axis=0)[:_PATTERNS])


def _patterns(allowed: BoolArray, gates: Gates) -> BoolArray:
    """Return the different sets of gates of some groups, [P, A]."""
    of_gate = np.zeros((len(gates.of_plan), len(gates.needs)))
    of_gate[np.arange(len(gates.of_plan)), gates.of_plan] = 1.0
    return np.unique(allowed @ of_gate > 0, axis=0)


def _add_totals(
    sums: FloatArray, block: Block, group: IntArray, plan: IntArray, weight: FloatArray
) -> None:
    classes = 0 if block.classes is None else block.classes[group]
    key = classes * sums.shape[2] + plan
    sums[0] += np.bincount(key, weight, minlength=sums[0].size).reshape(sums.shape[1:])
    bought = plan < block.width
    if not bought.all():
        group, plan, key, weight = group[bought], plan[bought], key[bought], weight[bought]
    for k, quantity in enumerate(block.quantities, start=1):
        used = np.bincount(key, weight * quantity[group, plan], minlength=sums[0].size)
        sums[k] += used.reshape(sums.shape[1:])
