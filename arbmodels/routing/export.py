"""The program in a file that other solvers read: MPS or LP, with readable names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import sparse

from arbmodels.assignment import AssignmentProgram
from arbmodels.assignment.whole import Listed, listed
from arbmodels.checks import path_of
from arbmodels.errors import InputError
from arbmodels.solver import write
from arbmodels.writing import write_whole

#: What the two formats allow in a name everywhere, and how much of a name is kept.
_OTHER = re.compile(r"[^A-Za-z0-9_]+")
_LONGEST = 100
#: Words of the LP format, and beginnings that it takes for numbers.
_RESERVED = re.compile(
    r"(?i)(st|s_t|such_that|subject_to|max\w*|min\w*|bounds?|bin\w*|gen\w*|int\w*|semi\w*|sos\d?"
    r"|free|inf\w*|end|e\d.*|[\d_].*|)"
)


@dataclass(frozen=True)
class ProgramNames:
    """What the parts of a program are called.

    Parameters
    ----------
    groups : sequence of str, length G
        Instances, or segments.
    plans : sequence of str, length J
    rows : sequence of str, length R
        Labels of the constraints.
    instances : sequence of str, length N, optional
        Where a row is protected and groups are several instances.
    """

    groups: Sequence[str]
    plans: Sequence[str]
    rows: Sequence[str]
    instances: Sequence[str] = ()

    def reserves(self, program: AssignmentProgram, written: Listed) -> list[str]:
        """Return the instances that a protected row keeps a reserve for."""
        if program.protected is None:
            return []
        names = self.groups if program.protected.members is None else self.instances
        return [names[i] for i in written.members]

    def check(self, program: AssignmentProgram) -> None:
        """Raise InputError unless there is one name for everything."""
        protected = program.protected
        members = None if protected is None else protected.members
        if members is not None and len(self.instances) != members.source.groups:
            raise InputError(
                f"{len(self.instances)} names for {members.source.groups} instances; give one for"
                " each."
            )
        for what, names, count in (
            ("groups", self.groups, program.groups),
            ("plans", self.plans, program.plans),
            ("rows", self.rows, len(program.limits)),
        ):
            if len(names) != count:
                raise InputError(f"{len(names)} names for {count} {what}; give one for each.")


def write_program(
    program: AssignmentProgram,
    names: ProgramNames,
    path: str | Path,
    *,
    overwrite: bool = False,
) -> Path:
    """Write a program as MPS or LP.

    Columns are ``x_<group>_<plan>`` and the side columns; rows ``one_plan_<group>``, the labels of
    the constraints, ``side_<number>`` for rows of side columns alone, and ``open_<side
    column>_<group>`` for what they open. A robust budget is written in its compact form (Bertsimas
    and Sim 2004), with columns ``reserve_threshold`` and ``reserve_<instance>`` and rows
    ``reserve_<instance>``. Signs and blanks become underscores, and equal names get
    a number. Coefficients are in the units of the problem.

    Parameters
    ----------
    program : AssignmentProgram
    names : ProgramNames
    path : str or Path
        Its ending, ``.mps`` or ``.lp``, says which format.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If the ending is another one, the folder does not exist, the file exists and
        ``overwrite`` is not asked for, or it cannot be written, as on a full disk.
    SolverError
        If HiGHS refuses the program or a name.
    """
    path = path_of(path)
    names.check(program)
    if path.suffix not in (".mps", ".lp"):
        raise InputError(f"{path} ends in {path.suffix!r}; choose .mps or .lp.")
    if not path.parent.is_dir():
        raise InputError(f"There is no folder {path.parent} to write {path.name} into.")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists; overwrite=True replaces it.")
    written = in_units(program)
    columns, rows = _names_of(program, names, written)
    return write_whole(path, lambda part: write(written.program, part, columns, rows))


def in_units(program: AssignmentProgram) -> Listed:
    """Write a program out pair by pair, in its own units."""
    written = listed(program, every=True)  # limits may be changed in the file
    whole, rows, columns = written.program, written.row_units, written.column_units
    matrix = sparse.diags_array(rows) @ whole.matrix @ sparse.diags_array(1.0 / columns)
    return replace(
        written,
        program=replace(
            whole,
            cost=whole.cost * (written.value_scale / columns),
            matrix=sparse.csr_array(matrix),
            row_lower=whole.row_lower * rows,
            row_upper=whole.row_upper * rows,
            column_lower=whole.column_lower * columns,
            column_upper=whole.column_upper * columns,
        ),
        value_scale=1.0,
        row_units=np.ones_like(rows),
        column_units=np.ones_like(columns),
    )


def openings(program: AssignmentProgram, written: Listed) -> Iterator[tuple[int, int]]:
    """Yield side column and group of the rows x <= y, in the order in which they are listed."""
    if program.side is None:
        return
    for e in np.flatnonzero(program.side.needs.any(axis=0)):
        needing = written.group[program.side.needs[written.plan, e]]
        for group in np.unique(needing):
            yield int(e), int(group)


def _names_of(
    program: AssignmentProgram, names: ProgramNames, written: Listed
) -> tuple[list[str], list[str]]:
    """Return the names of columns and rows."""
    groups = [_clean(name) for name in names.groups]
    plans = [_clean(name) for name in names.plans]
    side = () if program.side is None else program.side.names
    beside = 0 if program.side is None else program.side.matrix.shape[0]
    pairs = zip(written.group, written.plan, strict=True)
    columns = [f"x_{groups[g]}_{plans[j]}" for g, j in pairs]
    columns += [_first(_clean(name), "y") for name in side]
    rows = [f"one_plan_{name}" for name in groups]
    rows += [_first(_clean(label), "row") for label in names.rows]
    rows += [f"side_{k}" for k in range(beside)]
    rows += [f"open_{_clean(side[e])}_{groups[g]}" for e, g in openings(program, written)]
    if program.protected is not None:
        reserves = [f"reserve_{_clean(name)}" for name in names.reserves(program, written)]
        columns += ["reserve_threshold", *reserves]
        rows += reserves
    return _distinct(columns), _distinct(rows)


def _clean(name: str) -> str:
    return _OTHER.sub("_", str(name)).strip("_")[:_LONGEST]


def _first(name: str, prefix: str) -> str:
    """Put a prefix before what the LP format would read as something else."""
    return f"{prefix}_{name}" if _RESERVED.fullmatch(name) else name


def _distinct(names: Iterable[str]) -> list[str]:
    """Give names that occur again a number."""
    taken: set[str] = set()
    found = []
    for name in names:
        distinct, count = name, 1
        while distinct in taken:
            count += 1
            distinct = f"{name}_{count}"
        taken.add(distinct)
        found.append(distinct)
    return found
