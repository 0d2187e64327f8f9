"""From a problem to its result: solve, check, and read the answer in the user's units."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

import numpy as np

from arbmodels._assignment.pricing import best, bound, complete, totals
from arbmodels._assignment.program import (
    TOLERANCE,
    Answer,
    Arrays,
    AssignmentProgram,
    Block,
    Choice,
    FloatArray,
)
from arbmodels._assignment.solve import solve
from arbmodels._solver import relative_gap
from arbmodels.errors import InputError, SolverError
from arbmodels.routing.constraints import Constraint, Contract
from arbmodels.routing.infeasibility import infeasible, may_have
from arbmodels.routing.result import Payment, RoutingResult
from arbmodels.routing.statement import Statement
from arbmodels.routing.table import PlanTable

#: Fewer instances with one recorded model each may be chance.
_LOG = 20


def _refuse_log(problem: Statement) -> None:
    """Refuse a choice per instance on a log of single choices: it compares nothing."""
    market = problem.market
    if market is None or problem.assignment != "oracle" or len(market.models) == 1:
        return
    if len(market.instances) >= _LOG and market.recorded.sum(axis=1).max() <= 1:
        raise InputError(
            f"{market.name}: every instance has a record of one model only, as in a log of requests"
            " that were routed already, so that a choice per instance compares nothing. Estimate"
            " what the other models would have done, by classes of requests"
            " (arb.estimation.class_values(request_log(market)).problem()) or from features"
            " (arb.predict.cross_fit)."
        )


def solve_problem(problem: Statement, gap: float, time_limit: float) -> RoutingResult:
    """Solve a problem; see :meth:`arbmodels.routing.RoutingProblem.solve`."""
    begin = perf_counter()
    _refuse_log(problem)
    assembled = problem.assembled
    if assembled.barren is not None:
        raise infeasible(problem, time_limit)
    program = assembled.program
    start = _incumbent(problem)
    try:
        answer = solve(program, gap, time_limit)
    except (SolverError, KeyboardInterrupt) as stopped:
        if start is None:
            raise
        answer = _nothing_better(program)
        if isinstance(stopped, KeyboardInterrupt):
            answer = replace(answer, status="interrupted")
    found = _better(problem, answer, start)
    if found is None and answer.status == "infeasible":
        raise infeasible(problem, time_limit)
    if found is None:
        raise SolverError("No assignment was found in time; raise time_limit.")
    choice, auxiliary, objective, sums = found
    # The assignment may use the tolerance of a row, so it may be past the bound by as little.
    sign = program.sign
    proven = sign * max(sign * answer.bound, sign * objective)
    status = answer.status
    if relative_gap(objective, proven) <= gap:
        status = "optimal"
    elif status == "optimal":
        status = "unproven"  # what was proven is not proven of the numbers that are shown
    proved = Answer(status, choice, objective, proven, answer.prices, auxiliary, answer.path)
    return _read(problem, proved, sums, begin)


def _incumbent(problem: Statement) -> Choice | None:
    """Return the earlier assignment per group, if every group has one that it may have."""
    start = problem.start
    if start is None or start.choice is None or start.plans != problem.plans:
        return None
    groups = problem.plan_table.groups(problem.assignment)
    choice = start.choice
    if groups.of_instance is not None:
        choice = np.zeros(len(groups.names), dtype=np.int32)
        choice[groups.of_instance] = start.choice
        if (choice[groups.of_instance] != start.choice).any():
            return None
    program = problem.assembled.program
    held = program.source.map(may_have, choice, program.plans, program.forbidden)
    kept = all(_keeps(each, problem.plan_table, start.choice) for each in problem.constraints)
    return choice if kept and all(each.all() for each in held) else None


def _keeps(constraint: Constraint, table: PlanTable, assignment: Choice) -> bool:
    """Return whether an assignment [N] keeps a constraint, where the row does not tell."""
    own = constraint.achieved(table, assignment)
    sign = 1.0 if constraint.at_most else -1.0
    return own is None or sign * (own - constraint.limit) <= TOLERANCE * abs(constraint.limit)


def _nothing_better(program: AssignmentProgram) -> Answer:
    """Return no assignment and the bound at prices of zero."""
    free = np.zeros(len(program.limits))
    most = best(program, free).value
    if program.auxiliary is not None:
        gains = program.sign * program.auxiliary.objective
        most += float(
            np.maximum(gains * program.auxiliary.lower, gains * program.auxiliary.upper).sum()
        )
    nan = float("nan")
    return Answer("time limit", None, nan, bound(program, free, most), free)


def _better(
    problem: Statement, answer: Answer, start: Choice | None
) -> tuple[Choice, FloatArray, float, FloatArray] | None:
    """Return the better of answer and start: with auxiliary variables, objective and totals."""
    program = problem.assembled.program
    found: list[tuple[Choice, FloatArray, float, FloatArray]] = []
    for choice, ours in ((answer.choice, True), (start, False)):
        if choice is None:
            continue
        sums = totals(program, choice)
        auxiliary = answer.auxiliary if ours else complete(program.loosened(), choice, sums)
        if auxiliary is not None:
            auxiliary = _settled(problem, sums, choice, auxiliary)
            found.append((choice, auxiliary, program.value_of(sums, auxiliary), sums))
    return max(found, key=lambda each: program.sign * each[2], default=None)


def _settled(
    problem: Statement, sums: FloatArray, choice: Choice, auxiliary: FloatArray
) -> FloatArray:
    """Return auxiliary variables with the payments due; where none counts, more is allowed."""
    settled = auxiliary.copy()
    position = {name: e for e, name in enumerate(problem.assembled.columns)}
    for contract, due in _payments(problem, sums, choice):
        for name, value in contract.settled(due.list_spend, used=due.used).items():
            if name in position:
                settled[position[name]] = value
    return settled


def _payments(
    problem: Statement, sums: FloatArray, choice: Choice
) -> list[tuple[Contract, Payment]]:
    """Return what is due for every contract."""
    if not problem.contracts:
        return []
    table, assembled = problem.plan_table, problem.assembled
    in_use = np.bincount(choice, minlength=len(problem.plans)) > 0
    found = []
    for contract in problem.contracts:
        row = assembled.program.rows[assembled.row(contract.label)]
        listed = max(float((row * sums).sum()), 0.0)
        used = bool((table.uses[in_use] & contract.models(table)).any())
        found.append((contract, Payment(listed, contract.payment(listed, used=used), used)))
    return found


def _read(problem: Statement, answer: Answer, sums: FloatArray, begin: float) -> RoutingResult:
    table, assembled = problem.plan_table, problem.assembled
    program = assembled.program
    choice = answer.choice
    assert choice is not None  # noqa: S101 - for the type checker
    groups = table.groups(problem.assignment)
    assignment = choice if groups.of_instance is None else choice[groups.of_instance]
    served = evaluate(problem, assignment, sums)
    shown = assembled.shown(program.activity_of(sums, answer.auxiliary), sums)
    position = {row.label: r for r, row in enumerate(assembled.rows)}
    counts = np.bincount(assignment, minlength=len(problem.plans))
    activity: dict[str, float] = {}
    prices: dict[str, float] = {}
    units: dict[str, str] = {}
    for constraint in problem.constraints:
        label = constraint.label
        if label in position:
            own = constraint.achieved(table, assignment)
            activity[label] = float(shown[position[label]]) if own is None else own
            prices[label] = float(answer.prices[position[label]])
            units[label] = f"{problem.objective_unit} per {constraint.price_unit(table)}"
        elif (own := constraint.scored(table, assignment)) is not None:
            activity[label] = own
    payments = {each.seller: due for each, due in _payments(problem, sums, choice)}
    return RoutingResult(
        problem=problem,
        status=answer.status,
        objective=answer.objective + 0.0,
        bound=answer.bound + 0.0,  # no minus zero
        solve_rate=float(served[1].sum() / table.total),
        spend=float(served[2].sum()),
        payments=payments,
        activity=activity,
        shadow_prices=prices,
        shadow_price_units=units,
        assignment=assignment,
        served=served,
        instances_by_plan=counts,
        row_prices=answer.prices,
        auxiliary=dict(zip(assembled.columns, answer.auxiliary.tolist(), strict=True)),
        path=answer.path,
        time=perf_counter() - begin,
    )


def evaluate(problem: Statement, assignment: Choice, sums: FloatArray | None = None) -> FloatArray:
    """Return times served, solved and spent, [3, L, J], by segment and plan.

    ``sums`` are the program's totals, which are often just these.
    """
    table = problem.plan_table
    segment = table.partitions.get("segment")
    classes, count = (None, 1) if segment is None else (segment.codes, len(segment.names))
    block = Block(0, (table.solve, table.spend), classes, table.weights, table.offered)
    source = problem.assembled.program.source
    if sums is not None and isinstance(source, Arrays):
        pairs = zip(source.block.quantities, block.quantities, strict=False)
        same = all(one is other for one, other in pairs) and len(source.block.quantities) >= 2
        if same and source.block.classes is classes:
            return sums[:3]
    empty = np.zeros((3, count, len(problem.plans)))
    alone = AssignmentProgram(
        Arrays(block), empty, np.zeros((0, *empty.shape)), np.zeros(0), np.zeros(0), True
    )
    return totals(alone, assignment)
