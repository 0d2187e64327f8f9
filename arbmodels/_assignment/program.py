"""The assignment program: one plan for every group, coupling rows, a few columns beside them.

Where the numbers of an assignment program lie: in memory, on disk, on a cluster.

Everything an engine does to all groups is a function of one block of them, mapped over the blocks;
partial results come back in the order of the blocks. So the answer does not depend on how many
threads or machines there are, and data that does not fit into memory needs only another source.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Choice = npt.NDArray[np.int32]
#: float32 or float64; sums over it are made in double precision.
Quantity = npt.NDArray[np.floating[Any]]

P = ParamSpec("P")
T = TypeVar("T")

#: Groups in a block: large enough to hide what starting one costs, small enough to share out.
BLOCK = 1 << 16


@dataclass(frozen=True, eq=False)
class Block:
    """Some of the groups of a program, in memory.

    Attributes
    ----------
    start : int
        Position of the first group in the whole program.
    quantities : tuple of float arrays [g, J'], J' <= J
        Q_1 ... Q_K, at least one. Plans beyond J' have zero of everything: they abstain.
    classes : int array [g] or None
        c(i); all zero if None.
    weights : float array [g] or None
        w_i; all one if None.
    offered : bool array [g, J'] or None
        Which plans may be chosen; all if None. Quantities of other pairs are never looked at, and
        may be NaN. Plans beyond J' are always offered.
    """

    start: int
    quantities: tuple[Quantity, ...]
    classes: IntArray | None = None
    weights: FloatArray | None = None
    offered: BoolArray | None = None

    def __repr__(self) -> str:
        shape = " x ".join(f"{size:,}" for size in self.quantities[0].shape)
        return f"Block from group {self.start:,}: {len(self.quantities)} quantities of {shape}"

    @property
    def size(self) -> int:
        """Number of groups."""
        return len(self.quantities[0])

    @property
    def width(self) -> int:
        """J', the number of plans with quantities."""
        return int(self.quantities[0].shape[1])

    def take(self, rows: npt.NDArray[Any] | slice) -> Block:
        """Return some of the block's groups, by position in the block."""
        return Block(
            self.start + (rows.start or 0 if isinstance(rows, slice) else 0),
            tuple(each[rows] for each in self.quantities),
            None if self.classes is None else self.classes[rows],
            None if self.weights is None else self.weights[rows],
            None if self.offered is None else self.offered[rows],
        )


class Source(Protocol):
    """Blocks of groups, wherever they lie."""

    @property
    def groups(self) -> int:
        """G."""
        ...

    @property
    def quantities(self) -> int:
        """K."""
        ...

    def map(
        self,
        function: Callable[Concatenate[Block, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> list[T]:
        """Return ``function(block, *args, **kwargs)`` of every block, in order.

        The function may be sent elsewhere: it stands at the top of a module, and looks at no other
        groups than its own in an array with one entry per group.
        """
        ...

    def take(self, rows: npt.NDArray[np.int64]) -> Block:
        """Return some groups, by position in the program in increasing order, in memory."""
        ...


@dataclass(frozen=True, eq=False)
class Arrays:
    """Groups whose numbers are arrays in memory, or mapped into it; they are not copied.

    Parameters
    ----------
    block : Block
        All of them.
    threads : int, optional
        Most threads to use; as many as there are processors by default, one for a single block.
    """

    block: Block
    threads: int | None = None

    @property
    def groups(self) -> int:
        """G."""
        return self.block.size

    @property
    def quantities(self) -> int:
        """K."""
        return len(self.block.quantities)

    def map(
        self,
        function: Callable[Concatenate[Block, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> list[T]:
        """Return ``function(block, *args, **kwargs)`` of every block, in order."""
        starts = range(0, self.groups, BLOCK)
        blocks = [self.block.take(slice(start, start + BLOCK)) for start in starts]
        threads = min(self.threads or _processors(), len(blocks))
        if threads <= 1:
            return [function(block, *args, **kwargs) for block in blocks]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda block: function(block, *args, **kwargs), blocks))

    def take(self, rows: npt.NDArray[np.int64]) -> Block:
        """Return some groups, by position."""
        return self.block.take(rows)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


#: The one rule of feasibility. A coupling row holds if it is missed by no more than this share of
#: its size, which is that of its limit and of the terms of its activity together:
#: sigma (a x - b) <= TOLERANCE (|b| + sum |a x|). That is far above the rounding of sums in double
#: precision, far below what anybody means by a limit, and what HiGHS can keep (1e-9 of a row scaled
#: to one). Being a share it says the same of cents and of billions, and of limits on shares; being
#: linear in x it is a program like any other, :meth:`AssignmentProgram.loosened`, which every
#: engine is given. What an engine returns may miss the rule by a solver's own tolerance, as much
#: again at most (:meth:`AssignmentProgram.tolerated`).
TOLERANCE = 1e-9

#: What to do where an engine is at the end of what double precision can tell apart.
SPAN = (
    "the numbers of a constraint span too many orders of magnitude. Forbid plans that cost far more"
    " than the limit, or give numbers below a share of 1e-9 of the largest as zero."
)
UNBOUNDED = (
    "The program is unbounded: a column beside the assignment has no bound and pays without end;"
    " give it lower and upper limits."
)


@dataclass(frozen=True, eq=False)
class AuxiliaryVariables:
    r"""Columns y beside the assignment: fees, tiers, models in use, the worst segment.

    .. math::
        l \le A y \le u, \quad y_l \le y \le y_u, \quad y_e \in \mathbb{Z} \; (e \in I), \quad
        x_{gj} \le y_e \text{ if plan j needs e}

    Parameters
    ----------
    names : tuple of str, length E
    objective : float array [E]
        Coefficients in the objective.
    coupling : float array [R, E]
        Coefficients in the coupling rows.
    lower, upper : float array [E]
        Finite where the column is an integer.
    integer : bool array [E]
    needs : bool array [J, E]
        Plan j may serve a group only if y_e = 1 for every e it needs; only of binary columns.
    matrix : sparse array [S, E]
        A, rows over the auxiliary variables alone.
    row_lower, row_upper : float array [S]
        l and u.
    """

    names: tuple[str, ...]
    objective: FloatArray
    coupling: FloatArray
    lower: FloatArray
    upper: FloatArray
    integer: BoolArray
    needs: BoolArray
    matrix: sparse.csr_array
    row_lower: FloatArray
    row_upper: FloatArray


@dataclass(frozen=True, eq=False)
class Members:
    """The instances of groups that share a plan.

    Parameters
    ----------
    source : Source
        Their quantities, classes and weights, N instances.
    group : int array [N]
        Which group of the program each belongs to.
    """

    source: Source
    group: IntArray


@dataclass(frozen=True, eq=False)
class Deviations:
    """How far the coefficients of one coupling row may deviate.

    Parameters
    ----------
    row : int
        The row; one that says at most.
    gamma : float
        How many instances deviate at once, at least 0; a fraction lets one deviate in part.
    table : float array [K + 1, C, J]
        Deviation per instance and plan as a combination of quantities, like a row of the program:
        d_ij = D_0cj + sum_k D_kcj Q_k[i, j], not negative. A multiple of the row's own table
        makes deviations a share of the coefficients, and needs no array. Plans without quantities
        do not deviate.
    members : Members, optional
        Instances and quantities that ``table`` speaks of, if the program's groups are larger.
    """

    row: int
    gamma: float
    table: FloatArray
    members: Members | None = None


@dataclass(frozen=True, eq=False)
class AssignmentProgram:
    r"""One plan for every group of instances, subject to coupling rows.

    .. math::
        \max \text{ or } \min \sum_g w_g \sum_j o_{gj} x_{gj} + d^\top y \quad \text{s.t.} \quad
        \sum_j x_{gj} = 1, \quad
        \sigma_r \Big( \sum_g w_g \sum_j a_{rgj} x_{gj} + B_r y \Big) \le \sigma_r b_r, \quad
        x \in \{0, 1\}

    Objective and rows are combinations of K quantities (solve probability, spend, ...) with
    coefficients that depend on the plan and on the class c(g) of the group (its segment, say):

    .. math::
        o_{gj} = O_{0 c(g) j} + \sum_{k \ge 1} O_{k c(g) j} Q_{k g j}, \qquad
        a_{rgj} = F_{r 0 c(g) j} + \sum_{k \ge 1} F_{r k c(g) j} Q_{k g j}

    so that a million groups need no array per row.

    Parameters
    ----------
    source : Source
        Q, c, w and which plans are offered.
    objective : float array [K + 1, C, J]
        O; index 0 multiplies one.
    rows : float array [R, K + 1, C, J]
        F.
    sense : float array [R]
        sigma, +1 for at most and -1 for at least.
    limits : float array [R]
        b.
    maximize : bool
    forbidden : bool array [C, J], optional
        Plans that no group of a class may have.
    auxiliary : AuxiliaryVariables, optional
        Columns y.
    sizes : float array [R, K + 1, C, J], optional
        Sizes of the terms whose sum or difference ``rows`` are, where these are not |F|: a share
        limit is a part less a share of the whole. For :data:`TOLERANCE`.
    protected : Deviations, optional
        Of a row that must hold though some of its coefficients deviate: what they add at worst
        (:mod:`arbmodels._assignment.robust`) belongs to its left-hand side.
    """

    source: Source
    objective: FloatArray
    rows: FloatArray
    sense: FloatArray
    limits: FloatArray
    maximize: bool
    forbidden: BoolArray | None = None
    auxiliary: AuxiliaryVariables | None = None
    sizes: FloatArray | None = None
    protected: Deviations | None = None

    def __repr__(self) -> str:
        return f"Program of {self.groups:,} groups and {self.plans:,} plans"

    @property
    def groups(self) -> int:
        """G."""
        return self.source.groups

    @property
    def plans(self) -> int:
        """J."""
        return int(self.objective.shape[2])

    @property
    def sign(self) -> float:
        """+1 when maximising, -1 when minimising: the objective times this is maximised."""
        return 1.0 if self.maximize else -1.0

    def with_rows(self, kept: npt.ArrayLike) -> AssignmentProgram:
        """Return the program with some of its coupling rows only."""
        kept = np.asarray(kept, dtype=np.int64)
        auxiliary = self.auxiliary
        if auxiliary is not None:
            auxiliary = replace(auxiliary, coupling=auxiliary.coupling[kept])
        protected = self.protected
        if protected is not None:
            place = np.flatnonzero(kept == protected.row)
            protected = replace(protected, row=int(place[0])) if len(place) else None
        return replace(
            self,
            rows=self.rows[kept],
            sense=self.sense[kept],
            limits=self.limits[kept],
            auxiliary=auxiliary,
            sizes=None if self.sizes is None else self.sizes[kept],
            protected=protected,
        )

    def loosened(self) -> AssignmentProgram:
        r"""Return the program whose rows hold as they are where these hold by :data:`TOLERANCE`.

        .. math:: \sum (a - \sigma \tau |a|) x \;(\sigma)\; b + \sigma \tau |b|

        A row of limit zero in which auxiliary variables take part defines them and stays as it is.
        """
        limited = np.ones(len(self.limits), dtype=bool)
        if self.auxiliary is not None:
            limited = (self.limits != 0) | ~self.auxiliary.coupling.any(axis=1)
        much = np.where(limited, TOLERANCE * self.sense, 0.0)
        protected = self.protected
        if protected is not None:
            protected = replace(protected, table=protected.table * (1 - much[protected.row]))
        return replace(
            self,
            rows=self.rows - much[:, None, None, None] * self._sizes,
            limits=self.limits + much * np.abs(self.limits),
            sizes=None,
            protected=protected,
        )

    def part(self, groups: IntArray) -> AssignmentProgram:
        """Return the program of some groups (increasing positions), with the same limits."""
        return replace(self, source=Arrays(self.source.take(groups)))

    def table(self, prices: FloatArray) -> FloatArray:
        r"""Return the coefficients of the priced objective, [K + 1, C, J], to be maximised.

        :math:`\pm O - \sum_r \pi_r \sigma_r F_r`, minus infinity where forbidden.
        """
        table: FloatArray = self.sign * self.objective - np.tensordot(
            prices * self.sense, self.rows, axes=1
        )
        if self.forbidden is not None:
            table[0][self.forbidden] = -np.inf
        return table

    def value_of(self, totals: FloatArray, auxiliary: FloatArray | None = None) -> float:
        """Return the objective of an assignment with these totals (see ``pricing.totals``)."""
        value = float((self.objective * totals).sum())
        if self.auxiliary is None or auxiliary is None:
            return value
        return value + float(self.auxiliary.objective @ auxiliary)

    @property
    def _sizes(self) -> FloatArray:
        return np.abs(self.rows) if self.sizes is None else self.sizes

    def tolerated(self, totals: FloatArray, auxiliary: FloatArray | None = None) -> FloatArray:
        """Return by how much an engine may miss the coupling rows at these totals, [R]."""
        size: FloatArray = (self._sizes * np.abs(totals)).sum(axis=(1, 2, 3))
        size += np.abs(self.limits)
        if self.auxiliary is not None and auxiliary is not None:
            size += np.abs(self.auxiliary.coupling) @ np.abs(auxiliary)
        return TOLERANCE * size

    def activity_of(self, totals: FloatArray, auxiliary: FloatArray | None = None) -> FloatArray:
        """Return the left-hand sides of the rows at these totals, without deviations, [R]."""
        activity: FloatArray = (self.rows * totals).sum(axis=(1, 2, 3))
        if self.auxiliary is None or auxiliary is None:
            return activity
        return activity + self.auxiliary.coupling @ auxiliary


def everything(program: AssignmentProgram) -> Block:
    """Return all groups as one block."""
    if isinstance(program.source, Arrays):
        return program.source.block
    return program.source.take(np.arange(program.groups))


def dense(block: Block, table: FloatArray) -> FloatArray:
    """Return sum_k table[k, c(g), j] Q_k[g, j] of a block, [g, J], without its weights.

    Pairs that are not offered are NaN or have what their quantities give; mask them.
    """
    classes = np.zeros(1, dtype=np.int64) if block.classes is None else block.classes
    shape = (block.size, table.shape[2])
    result: FloatArray = np.array(np.broadcast_to(table[0][classes], shape), dtype=np.float64)
    for k, quantity in enumerate(block.quantities, start=1):
        if table[k].any():
            result[:, : block.width] += table[k, :, : block.width][classes] * quantity
    return result


def offered(block: Block, plans: int, forbidden: BoolArray | None) -> BoolArray:
    """Return which of J plans the groups of a block may choose, [g, J]."""
    allowed = np.ones((block.size, plans), dtype=bool)
    if block.offered is not None:
        allowed[:, : block.width] = block.offered
    if forbidden is not None:
        classes = np.zeros(1, dtype=np.int64) if block.classes is None else block.classes
        allowed &= ~forbidden[classes]
    return allowed


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
        Of the members; its auxiliary variables are kept.
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
    members_block = everything(program)
    for start in range(0, members_block.size, BLOCK):
        block = members_block.take(slice(start, start + BLOCK))
        members = group_of[start : start + BLOCK]
        allowed = offered(block, program.plans, program.forbidden)
        # Members come in any order, but those of a block are often close together.
        first, last = int(members.min()), int(members.max()) + 1
        here = slice(first, last)
        refused[here] |= _sums((~allowed).astype(float), members - first, last - first) > 0
        for k, table in enumerate(tables):
            values = np.where(allowed, dense(block, table), 0.0)
            if block.weights is not None and not counted[k]:
                values *= block.weights[:, None]
            sums[k, here] += _sums(values, members - first, last - first)
    sums[:, refused] = 0.0
    unit = np.zeros((len(tables), len(tables) + 1, 1, program.plans))
    unit[np.arange(len(tables)), np.arange(1, len(tables) + 1)] = 1.0
    return AssignmentProgram(
        Arrays(Block(0, tuple(sums), offered=None if not refused.any() else ~refused)),
        unit[0],
        unit[1:],
        program.sense,
        program.limits,
        program.maximize,
        auxiliary=program.auxiliary,
    )


def _sums(values: FloatArray, members: IntArray, groups: int) -> FloatArray:
    return np.stack([np.bincount(members, column, groups) for column in values.T], axis=1)


#: "time limit" and "interrupted": the best assignment so far, with its proven gap; "unproven": the
#: numbers did not allow to prove the gap asked for, and more time would not help.
Status = Literal["optimal", "time limit", "interrupted", "unproven", "infeasible"]


@dataclass(frozen=True, eq=False)
class Step:
    """One iterate of the multipliers: prices [R] and the bound proven at them."""

    prices: FloatArray
    bound: float


@dataclass(frozen=True, eq=False)
class Answer:
    """A feasible assignment with its proof.

    Attributes
    ----------
    status : str
        "optimal" if the gap asked for is proven.
    choice : int array [G] or None
        Plan of each group; it was re-checked against every row. None if infeasible, or if none
        was found in time.
    auxiliary : float array [E]
        Auxiliary variables; empty without any.
    objective : float
        Evaluated on ``choice`` and ``auxiliary``.
    bound : float
        No assignment is better.
    prices : float array [R]
        Multipliers, not negative: gain in the objective per unit by which a row is relaxed, from
        the linear relaxation.
    path : tuple of Step
        The multipliers on the way there.
    """

    status: Status
    choice: Choice | None
    objective: float
    bound: float
    prices: FloatArray
    auxiliary: FloatArray = field(default_factory=lambda: np.zeros(0))
    path: tuple[Step, ...] = ()
