r"""Every menu's bound in one pass, for few menus that the linear relaxation hardly tells apart.

Where plans resemble each other, opening all of them by a share promises far more than any menu
keeps. At prices :math:`\pi` of the coupling rows a menu y has the Lagrangian bound

.. math:: \sum_g w_g \max_{j \text{ open}} r_{gj}(\pi) + \sum_r \pi_r \sigma_r (b_r - B_r y) + d y,

and prices good for one menu are good for others like it. So all menus are listed, each with the
least bound at the prices tried so far.
"""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np

from arbmodels.assignment.program import AssignmentProgram, Side, dense, offered
from arbmodels.assignment.side.benders import Cut, Proposal
from arbmodels.assignment.side.openings import Gates, priced_table
from arbmodels.assignment.side.relaxation import Relaxation
from arbmodels.assignment.source import Block, BoolArray, FloatArray, IntArray
from arbmodels.solver import Status

#: Menus at most, and menus times groups.
_MENUS, _PAIRS = 50_000, 10**10
#: Groups looked at together: what they reach under some menus stays in the processor's cache.
_CHUNK = 512


class Menus:
    """Menus, as sets of side columns in the order of a depth-first search, and their bounds.

    Parameters
    ----------
    program : AssignmentProgram
        With side columns, each of which opens one gate.
    side : Side
    gates : Gates
    sets : int array [S, L]
        Positions of the side columns, -1 behind the last.

    Attributes
    ----------
    bounds : float array [S]
        Oriented to be maximised; minus infinity for menus that are closed or impossible.
    """

    def __init__(
        self, program: AssignmentProgram, side: Side, gates: Gates, sets: IntArray
    ) -> None:
        self.side, self.gates = side, gates
        self.points = _points(sets, len(side.names))
        self.bounds = np.full(len(sets), np.inf)
        gate_of = np.append(gates.needs.argmax(axis=0), -1)  # position -1 stays -1
        self._sets = gate_of[sets]
        alone = ~program.rows.any(axis=(1, 2, 3))
        self._close_rows(side.matrix.toarray(), side.row_lower, side.row_upper)
        low = np.where(program.sense < 0, program.limits, -np.inf)
        high = np.where(program.sense > 0, program.limits, np.inf)
        self._close_rows(side.coupling[alone], low[alone], high[alone])

    def propose(self) -> Proposal:
        """Return the menu that promises most, and close it."""
        first = int(self.bounds.argmax())
        bound = float(self.bounds[first])
        self.bounds[first] = -np.inf
        status: Status = "infeasible" if bound == -np.inf else "optimal"
        return Proposal(status, self.points[first], bound, np.zeros(0))

    def learn(self, program: AssignmentProgram, cut: Cut, above: float = -np.inf) -> None:
        """Bound the menus that promise more than ``above`` at the prices of a cut."""
        live = np.flatnonzero(self.bounds > above)
        factor = 1.0 if cut.of_value else 0.0
        table = priced_table(program, cut.prices, factor)
        parts = program.source.map(_best, table, program.forbidden, self.gates, self._sets[live])
        # The cut's part of the side columns is theirs here, too; their objective is added.
        own = factor * program.sign * self.side.objective
        priced = cut.prices * program.sense
        values = np.sum(parts, axis=0) + float(priced @ program.limits)
        values += self.points[live] @ (own + cut.side)
        if not cut.of_value:
            size = 1.0 + np.abs(priced) @ np.abs(program.limits)
            values = np.where(values < -1e-9 * size, -np.inf, np.inf)
        self.bounds[live] = np.minimum(self.bounds[live], values)

    def _close_rows(self, matrix: FloatArray, low: FloatArray, high: FloatArray) -> None:
        inside = self.points @ matrix.T
        slack = 1e-9 * (1 + np.abs(matrix).sum(axis=1))
        self.bounds[((inside < low - slack) | (inside > high + slack)).any(axis=1)] = -np.inf


def menus_of(program: AssignmentProgram, side: Side, gates: Gates) -> Menus | None:
    """Return all menus; None if they are many, or if side columns do more than open plans."""
    columns = len(side.names)
    plain = side.integer.all() and (side.lower == 0).all() and (side.upper == 1).all()
    needs = gates.needs[1:]
    if not plain or (needs.sum(axis=1) != 1).any() or (needs.sum(axis=0) != 1).any():
        return None
    matrix = side.matrix.toarray()
    counts = (matrix == 1).all(axis=1) & (side.row_upper >= 0) & np.isfinite(side.row_upper)
    if not counts.any():
        return None
    most = min(int(side.row_upper[counts].min() + 1e-9), columns)
    # Where using a model costs nothing, smaller menus are never better.
    free = len(matrix) == 1 and not side.objective.any() and not side.coupling.any()
    sizes = range(most if free else 0, most + 1)
    count = sum(comb(columns, size) for size in sizes)
    if count > _MENUS or count * program.groups > _PAIRS:
        return None
    found = sorted(each for size in sizes for each in combinations(range(columns), size))
    sets = np.array([each + (-1,) * (most - len(each)) for each in found], dtype=np.int64)
    return Menus(program, side, gates, sets.reshape(count, most))


def best_menu(relaxation: Relaxation, gap: float, rounds: int) -> tuple[FloatArray | None, float]:
    """Return the best menu that some rounds find, and what it is worth; none if not listed."""
    program, best, worth = relaxation.program, None, -np.inf
    menus = menus_of(program, relaxation.side, relaxation.gates)
    if menus is None:
        return None, worth
    menus.learn(program, relaxation.master.cuts[-1])
    for _ in range(rounds):
        whole = menus.propose()
        if whole.bound == -np.inf or relaxation.left <= 0:
            break
        if best is not None and whole.bound - worth <= gap * abs(worth):
            break
        separated = relaxation.separate(whole.side)
        if separated.complete and worth < separated.bound < np.inf:
            best, worth = whole.side, separated.bound
        menus.learn(program, separated.cut, worth)
    return best, worth


def _points(sets: IntArray, columns: int) -> FloatArray:
    points = np.zeros((len(sets), columns + 1))
    points[np.arange(len(sets))[:, None], sets] = 1.0
    return points[:, :columns]


def _best(
    block: Block, table: FloatArray, forbidden: BoolArray | None, gates: Gates, sets: IntArray
) -> FloatArray:
    """Return what the groups of a block reach under every menu, [S]."""
    from arbmodels.assignment.side.kernels import best_under

    plans = table.shape[2]
    values = np.zeros(len(sets))
    members = [np.flatnonzero(gates.of_plan == a) for a in range(len(gates.needs))]
    for start in range(0, block.size, _CHUNK):
        part = block.take(slice(start, start + _CHUNK))
        priced = dense(part, table)
        priced[~offered(part, plans, forbidden)] = -np.inf
        top = np.array([priced[:, each].max(axis=1, initial=-np.inf) for each in members])
        if part.weights is not None:
            heavy = np.where(np.isfinite(top), top, 0.0) * part.weights
            top = np.where(np.isfinite(top), heavy, -np.inf)
        best_under(top, sets, values)
    return values
