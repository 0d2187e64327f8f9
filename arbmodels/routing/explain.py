"""The words of an infeasible problem: which constraints conflict, what each would have to give."""

from __future__ import annotations

from arbmodels.errors import Conflict, InfeasibleError, SolverError
from arbmodels.routing.constraints import Constraint
from arbmodels.routing.problem import RoutingProblem
from arbmodels.routing.relaxing import Needed, least_relaxations
from arbmodels.routing.table import PlanTable


def infeasible(problem: RoutingProblem, time_limit: float) -> InfeasibleError:
    """Return the error for a problem without a solution."""
    table, constraints = problem.plan_table, problem.constraints
    head = "No assignment satisfies every constraint."
    try:
        found = least_relaxations(problem, time_limit)
    except SolverError as error:
        every = "; ".join(f"{each.label} {each.show(each.limit, table)}" for each in constraints)
        return InfeasibleError(
            f"{head} They are: {every}. A smallest conflicting set was not found: {error}"
        )
    needed = found.needed
    if len(needed) == 1:
        lines = [f"{head} This one cannot be met, whatever the others:"]
    else:
        least = "and no fewer do" if found.smallest else "and perhaps fewer (time was up)"
        lines = [
            f"{head} These {len(needed)} of {len(constraints)} conflict, {least}; one of"
            " them has to give, the others held:"
        ]
    conflicts = []
    for position, enough in needed.items():
        constraint = constraints[position]
        limit = float("nan") if enough is None else enough.limit
        unit = constraint.unit(table)
        conflicts.append(Conflict(constraint.label, constraint.limit, limit, unit))
        lines.append(f"  {_moved(constraint, enough, table)}")
    if problem.contracts:
        named = ", ".join(contract.seller for contract in problem.contracts)
        lines.append(f"Payments are by contract with {named}; contracts are taken as they are.")
    return InfeasibleError("\n".join(lines), conflicts)


def _moved(constraint: Constraint, needed: Needed | None, table: PlanTable) -> str:
    """Print both limits, the needed one loosened, with as few digits as tell them apart."""
    if needed is None:
        return f"{constraint.label}: how far was not found in time"
    asked = text = ""
    for digits in range(4, 16):
        asked = constraint.show(constraint.limit, table, digits)
        text = constraint.show(constraint.loosened(needed.limit, digits), table, digits)
        if text != asked:
            break
    more = "" if needed.nearest else " (enough; less may do)"
    return f"{constraint.moved(asked, text)}{more}"
