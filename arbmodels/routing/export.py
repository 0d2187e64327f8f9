"""The program in a file that other solvers read: MPS or LP, with readable names.

The program as a Pyomo or CVXPY model, for those who want to add what the library lacks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from arbmodels._assignment import AssignmentProgram
from arbmodels._assignment.highs import Listed, listed
from arbmodels._assignment.program import FloatArray
from arbmodels._checks import path_of
from arbmodels._solver import write
from arbmodels._writing import write_whole
from arbmodels.display import Displayed
from arbmodels.errors import InputError

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

    Columns are ``x_<group>_<plan>`` and the auxiliary variables; rows ``one_plan_<group>``, the
    labels of the constraints, ``auxiliary_<number>`` for rows of auxiliary variables alone, and
    ``open_<auxiliary column>_<group>`` for what they open. A robust budget is written in its
    compact form (Bertsimas and Sim 2004), with columns ``reserve_threshold`` and
    ``reserve_<instance>`` and rows ``reserve_<instance>``. Signs and blanks become underscores, and
    equal names get a number. Coefficients are in the units of the problem.

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
    """Yield auxiliary variable and group of the rows x <= y, in the order of the listing."""
    if program.auxiliary is None:
        return
    for e in np.flatnonzero(program.auxiliary.needs.any(axis=0)):
        needing = written.group[program.auxiliary.needs[written.plan, e]]
        for group in np.unique(needing):
            yield int(e), int(group)


def _names_of(
    program: AssignmentProgram, names: ProgramNames, written: Listed
) -> tuple[list[str], list[str]]:
    """Return the names of columns and rows."""
    groups = [_clean(name) for name in names.groups]
    plans = [_clean(name) for name in names.plans]
    auxiliary = () if program.auxiliary is None else program.auxiliary.names
    beside = 0 if program.auxiliary is None else program.auxiliary.matrix.shape[0]
    pairs = zip(written.group, written.plan, strict=True)
    columns = [f"x_{groups[g]}_{plans[j]}" for g, j in pairs]
    columns += [_first(_clean(name), "y") for name in auxiliary]
    rows = [f"one_plan_{name}" for name in groups]
    rows += [_first(_clean(label), "row") for label in names.rows]
    rows += [f"auxiliary_{k}" for k in range(beside)]
    rows += [f"open_{_clean(auxiliary[e])}_{groups[g]}" for e, g in openings(program, written)]
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


_INSTALL = 'pip install "arbmodels[formulations]" brings it.'


def to_pyomo(program: AssignmentProgram, names: ProgramNames) -> Any:
    r"""Return a program as a Pyomo model, in the units of the problem.

    Parameters
    ----------
    program : AssignmentProgram
    names : ProgramNames

    Returns
    -------
    pyomo.environ.ConcreteModel
        ``GROUPS``, ``PLANS``, ``ROWS``, ``SIDE``
            Sets of names.
        ``OFFERED``
            Pairs of group and plan that may be chosen.
        ``x[group, plan]``
            1 if the plan serves the group.
        ``y[name]``
            Auxiliary variables (fees, tiers, models in use, the worst segment), if there are any.
        ``objective``
        ``assign[group]``
            One plan each.
        ``activity[label]``, ``row[label]``
            Left-hand side of every constraint as an expression, and the constraint.
        ``beside[number]``, ``open[name, group]``
            Rows of the auxiliary variables alone, and which plans they open, if there are any.
        ``INSTANCES``, ``threshold``, ``reserve[instance]``, ``protect[instance]``
            What a robust budget keeps in reserve, its compact form (Bertsimas and Sim 2004), if
            there is one: instances that may cost more, z and q of them, and the rows
            :math:`\\sum_j d x \\le z + q`.

    Raises
    ------
    InputError
        If Pyomo is not installed, or names are missing or not different.

    Notes
    -----
    Add components or change them, and solve; here, without the budget, but with at least ten
    instances on a certain plan::

        model = problem.to_pyomo()
        model.row["budget"].deactivate()
        model.at_least_ten = pyo.Constraint(
            expr=sum(model.x[i, j] for i, j in model.OFFERED if j == "1 x small") >= 10
        )
        solver = pyo.SolverFactory("appsi_highs")
        solver.highs_options = {"mip_rel_gap": 1e-6, "mip_abs_gap": 0.0}
        solver.solve(model)
        served = [pair for pair in model.OFFERED if model.x[pair].value > 0.5]
    """
    try:
        import pyomo.environ as pyo
        from pyomo.core.expr import LinearExpression
    except ImportError as error:
        raise InputError(f"Pyomo is not installed; {_INSTALL}") from error
    _check(program, names)
    written = in_units(program)
    whole = written.program
    auxiliary = program.auxiliary
    model = pyo.ConcreteModel("routing")
    model.GROUPS = pyo.Set(initialize=list(names.groups))
    model.PLANS = pyo.Set(initialize=list(names.plans))
    model.ROWS = pyo.Set(initialize=list(names.rows))
    model.SIDE = pyo.Set(initialize=[] if auxiliary is None else list(auxiliary.names))
    pairs = [
        (names.groups[g], names.plans[j]) for g, j in zip(written.group, written.plan, strict=True)
    ]
    model.OFFERED = pyo.Set(initialize=pairs)
    model.x = pyo.Var(model.OFFERED, domain=pyo.Binary)
    columns = [model.x[pair] for pair in pairs]
    if auxiliary is not None:
        at = {name: e for e, name in enumerate(auxiliary.names)}
        model.y = pyo.Var(
            model.SIDE,
            domain=lambda _, name: pyo.Integers if auxiliary.integer[at[name]] else pyo.Reals,
            bounds=lambda _, name: _bounds(auxiliary.lower[at[name]], auxiliary.upper[at[name]]),
        )
        columns += [model.y[name] for name in auxiliary.names]
    reserves = names.reserves(program, written)
    if program.protected is not None:
        model.INSTANCES = pyo.Set(initialize=reserves)
        model.threshold = pyo.Var(domain=pyo.NonNegativeReals)
        model.reserve = pyo.Var(model.INSTANCES, domain=pyo.NonNegativeReals)
        columns += [model.threshold, *(model.reserve[name] for name in reserves)]
    starts, indices, data = whole.matrix.indptr, whole.matrix.indices, whole.matrix.data

    def linear(coefficients: FloatArray, at: npt.NDArray[np.integer[Any]]) -> Any:
        return LinearExpression(
            linear_coefs=coefficients.tolist(), linear_vars=[columns[k] for k in at]
        )

    def left(row: int) -> Any:
        inside = slice(starts[row], starts[row + 1])
        return linear(data[inside], indices[inside])

    costs = np.flatnonzero(whole.cost)
    sense = pyo.maximize if program.maximize else pyo.minimize
    model.objective = pyo.Objective(expr=linear(whole.cost[costs], costs), sense=sense)

    def constraint(row: int) -> Any:
        return pyo.inequality(*_sided(whole.row_lower[row], left(row), whole.row_upper[row]))

    assign = {name: left(g) == 1 for g, name in enumerate(names.groups)}
    model.assign = pyo.Constraint(model.GROUPS, rule=assign)
    first = program.groups
    model.activity = pyo.Expression(
        model.ROWS, rule={label: left(first + r) for r, label in enumerate(names.rows)}
    )
    model.row = pyo.Constraint(model.ROWS)
    for label, sense, limit in zip(names.rows, program.sense, program.limits, strict=True):
        body = model.activity[label]
        model.row[label] = body <= float(limit) if sense > 0 else body >= float(limit)
    _add_beside(model, program, names, written, constraint)
    return model


def _add_beside(
    model: Any,
    program: AssignmentProgram,
    names: ProgramNames,
    written: Listed,
    constraint: Callable[[int], Any],
) -> None:
    """Add the rows after the coupling rows: those of auxiliary variables, and of reserves."""
    import pyomo.environ as pyo

    auxiliary = program.auxiliary
    first, end = program.groups + len(program.limits), written.program.matrix.shape[0]
    if auxiliary is not None:
        every = range(auxiliary.matrix.shape[0])
        model.beside = pyo.Constraint(pyo.RangeSet(0, len(every) - 1))
        for k in every:
            model.beside[k] = constraint(first + k)
        first += len(every)
        model.open = pyo.Constraint(pyo.Any)
        for k, (e, g) in enumerate(openings(program, written)):
            model.open[auxiliary.names[e], names.groups[g]] = constraint(first + k)
    if program.protected is not None:
        reserves = names.reserves(program, written)
        rule = {name: constraint(end - len(reserves) + k) for k, name in enumerate(reserves)}
        model.protect = pyo.Constraint(model.INSTANCES, rule=rule)


@dataclass(frozen=True, eq=False, repr=False)
class CvxpyModel(Displayed):
    """A CVXPY problem and its named parts.

    Attributes
    ----------
    problem : cvxpy.Problem
    x : cvxpy.Variable [G, J]
        1 if a plan serves a group; zero where it is not offered.
    y : dict
        Name of an auxiliary variable -> its scalar variable.
    assign : cvxpy constraint
        One plan each.
    activity, rows : dict
        Label of a constraint -> its left-hand side as an expression, and the constraint.
    reserve : cvxpy.Variable or None
        Threshold and reserves of a robust budget in its compact form (Bertsimas and Sim 2004), if
        there is one.
    """

    problem: Any
    x: Any
    y: dict[str, Any]
    assign: Any
    activity: dict[str, Any]
    rows: dict[str, Any]
    reserve: Any = None


def to_cvxpy(program: AssignmentProgram, names: ProgramNames) -> CvxpyModel:
    """Return a program as a CVXPY problem, in the units of the problem.

    Parameters
    ----------
    program : AssignmentProgram
    names : ProgramNames

    Raises
    ------
    InputError
        If CVXPY is not installed, or names are missing or not different.

    Notes
    -----
    A CVXPY problem is made anew with what is added; ``attempts`` is any array [G, J]::

        model = problem.to_cvxpy()
        more = cp.sum(cp.multiply(attempts, model.x)) <= 40
        extended = cp.Problem(model.problem.objective, [*model.problem.constraints, more])
        extended.solve(cp.HIGHS, mip_rel_gap=1e-6, mip_abs_gap=0.0)
        plan_of_group = model.x.value.argmax(axis=1)
    """
    try:
        import cvxpy as cp
    except ImportError as error:
        raise InputError(f"CVXPY is not installed; {_INSTALL}") from error
    _check(program, names)
    written = in_units(program)
    whole, auxiliary = written.program, program.auxiliary
    count = len(written.group)
    x = cp.Variable((program.groups, program.plans), boolean=True, name="x")
    y = {} if auxiliary is None else _auxiliary_variables(cp, auxiliary)
    flat = cp.vec(x, order="C")[written.group * program.plans + written.plan]
    reserve = None
    if program.protected is not None:
        # z, and q of every instance that may cost more.
        reserve = cp.Variable(1 + len(written.members), nonneg=True, name="reserve")
    columns = cp.hstack([flat, *y.values(), *([] if reserve is None else [reserve])])
    offered = np.zeros(x.shape)
    offered[written.group, written.plan] = 1.0
    first, last = program.groups, program.groups + len(program.limits)
    assign = cp.sum(x, axis=1) == 1
    activity = {label: whole.matrix[[first + r]] @ columns for r, label in enumerate(names.rows)}
    rows = {
        label: activity[label] <= limit if sense > 0 else activity[label] >= limit
        for label, sense, limit in zip(names.rows, program.sense, program.limits, strict=True)
    }
    constraints = [assign, *rows.values()]
    if count < x.size:
        constraints.append(x <= offered)
    if auxiliary is not None or reserve is not None:
        rest = whole.matrix[last:] @ columns
        for bound, sign in ((whole.row_upper[last:], 1.0), (whole.row_lower[last:], -1.0)):
            kept = np.flatnonzero(np.isfinite(bound))
            if len(kept):
                constraints.append(sign * rest[kept] <= sign * bound[kept])
    if auxiliary is not None:
        for e, column in enumerate(y.values()):
            constraints += [
                part
                for part, size in (
                    (column >= auxiliary.lower[e], auxiliary.lower[e]),
                    (column <= auxiliary.upper[e], auxiliary.upper[e]),
                )
                if np.isfinite(size)
            ]
    value = whole.cost @ columns
    objective = cp.Maximize(value) if program.maximize else cp.Minimize(value)
    return CvxpyModel(cp.Problem(objective, constraints), x, y, assign, activity, rows, reserve)


def _auxiliary_variables(cp: Any, auxiliary: Any) -> dict[str, Any]:
    return {
        name: cp.Variable(integer=bool(integer), name=name)
        for name, integer in zip(auxiliary.names, auxiliary.integer, strict=True)
    }


def _bounds(low: float, high: float) -> tuple[float | None, float | None]:
    return (
        float(low) if np.isfinite(low) else None,
        float(high) if np.isfinite(high) else None,
    )


def _sided(low: float, body: Any, high: float) -> tuple[float | None, Any, float | None]:
    bounds = _bounds(low, high)
    return bounds[0], body, bounds[1]


def _check(program: AssignmentProgram, names: ProgramNames) -> None:
    names.check(program)
    auxiliary: tuple[str, ...] = () if program.auxiliary is None else program.auxiliary.names
    for what, labels in (
        ("groups", names.groups),
        ("plans", names.plans),
        ("rows", names.rows),
        ("auxiliary variables", auxiliary),
    ):
        if len(set(labels)) < len(labels):
            twice = Counter(labels).most_common(1)[0][0]
            raise InputError(f"Two {what} are called {twice!r}; names must differ.")
