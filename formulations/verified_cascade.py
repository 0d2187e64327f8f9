r"""Verified cascade: which model to try next while a fallible verifier rejects every attempt.

Problem. Attempts are bought one by one until the verifier accepts one. It may accept a wrong
attempt and reject a right one, and every check costs money. Deliver right answers at a given rate
as cheaply as possible, with no more than a given rate of wrong ones. Until an attempt is accepted
all that is known is how many were rejected, so a policy is a (random) path through the lattice of
attempts per model, and its expected cost is linear in how often each step is taken.

Sets:
    M          models
    S          states a = (a_1, .., a_M), 0 <= a_m <= K_m attempts of each model, all rejected
    E          steps e = (m, a) to a + e_m within the lattice
    I          instances

Parameters (with units):
    w[i]       weight of the instance, summing to one
    F[i,m,k]   probability that k attempts of model m are all rejected
    R[i,m,k]   probability that attempt k + 1 is the first accepted, and right
    W[i,m,k]   probability that attempt k + 1 is the first accepted, and wrong
    Q[i,m,k]   expected spend on attempt k + 1 and its check, currency units
    r[e]       rate of right answers that a step adds,
               sum_i w[i] R[i,m,a_m] prod_(m' != m) F[i,m',a_m'], and likewise g[e] from W and
               c[e] from Q
    u          rate of right answers wanted
    G          most wrong answers, a rate (optional)
    P          penalty, currency units per wrong answer (optional)

Variables:
    x[e]       probability that the policy plans to take step e (if everything is rejected), >= 0

Objective:
    min  sum_e (c[e] + P g[e]) x[e]

Constraints:
    flow:      sum_(e out of a) x[e] <= sum_(e into a) x[e] + [a = 0]     for all a in S
    right:     sum_e r[e] x[e] >= u
    wrong:     sum_e g[e] x[e] <= G

Size:
    |S| = prod_m (K_m + 1) states; |E| < |M| |S| continuous variables, |S| + 2 rows. Two models
    of 100 attempts: 20,200 variables.

The polytope of flows is integral: without the cap the vertices are single paths and the optimum
mixes two of them, as ``arb.verification.verified_frontier`` finds them by dynamic programming; with
the cap it mixes up to three. The arrays F, R, W are ``rejected``, ``right``, ``wrong`` of the
models of ``arb.verification.verdict_curves(market, verifier)``, and Q is ``bought`` times the price
of an attempt and a check.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cvxpy as cp
import numpy as np
import numpy.typing as npt
from scipy import sparse

import arbmodels as arb
from formulations.lattice import cheapest_mixture, paths

FloatArray = npt.NDArray[np.float64]


class Steps(NamedTuple):
    """The steps E of the lattice: where each starts and ends, and what it brings."""

    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    right: FloatArray
    wrong: FloatArray
    spend: FloatArray
    states: int


class Policy(NamedTuple):
    """Cost (with penalties), spend and rates of the best mixture, and how often it takes a step."""

    cost: float
    spend: float
    right: float
    wrong: float
    flow: FloatArray


def steps_of(
    weight: FloatArray,
    rejected: Sequence[FloatArray],
    right: Sequence[FloatArray],
    wrong: Sequence[FloatArray],
    spend: Sequence[FloatArray],
) -> Steps:
    """Tabulate the parameters r, g and c of every step.

    Parameters
    ----------
    weight : float array [N]
    rejected : sequence of M float arrays [N, K_m + 1]
    right, wrong, spend : sequences of M float arrays [N, K_m]

    Raises
    ------
    arb.InputError
        If the arrays do not fit together.
    """
    for m, table in enumerate(rejected):
        shape = (len(weight), table.shape[1] - 1)
        if any(tables[m].shape != shape for tables in (right, wrong, spend)):
            raise arb.InputError(
                f"Model {m}: right, wrong and spend must have shape {shape}, one column less than"
                " rejected and a row per weight."
            )
    sizes = [table.shape[1] for table in rejected]
    number = np.arange(int(np.prod(sizes))).reshape(sizes)
    letters = "abcdefgh"[: len(sizes)]
    # sum_i w_i prod_m factor_m[i, k_m], one axis per model
    product = ",".join(["i", *(f"i{axis}" for axis in letters)]) + f"->{letters}"
    start, end, right_, wrong_, spend_ = (np.zeros(0) for _ in range(5))
    for m in range(len(sizes)):
        start = np.append(start, np.delete(number, -1, m))
        end = np.append(end, np.delete(number, 0, m))
        brings = [
            np.einsum(product, weight, *rejected[:m], tables[m], *rejected[m + 1 :], optimize=True)
            for tables in (right, wrong, spend)
        ]
        right_, wrong_, spend_ = (
            np.append(have, more)
            for have, more in zip((right_, wrong_, spend_), brings, strict=True)
        )
    return Steps(start.astype(int), end.astype(int), right_, wrong_, spend_, number.size)


def build(
    steps: Steps, solve_rate: float, *, most_wrong: float = np.inf, penalty: float = 0.0
) -> cp.Problem:
    """Return the program as a CVXPY problem with variable ``x`` [E].

    Raises
    ------
    arb.InputError
        If a rate is no probability or a limit is negative.
    """
    if not (0 <= solve_rate <= 1 and most_wrong >= 0 and 0 <= penalty < np.inf):
        raise arb.InputError(
            f"solve_rate is {solve_rate:g}, most_wrong {most_wrong:g}, penalty {penalty:g}; a rate"
            " lies between 0 and 1, and limits and penalties are not negative."
        )
    # Sets and parameters
    count = len(steps.start)
    ones, edges = np.ones(count), np.arange(count)
    leaving = sparse.csr_matrix((ones, (steps.start, edges)), (steps.states, count))
    entering = sparse.csr_matrix((ones, (steps.end, edges)), (steps.states, count))
    origin = np.zeros(steps.states)
    origin[0] = 1.0
    # Variables
    x = cp.Variable(count, nonneg=True, name="x")
    # Objective
    objective = cp.Minimize((steps.spend + penalty * steps.wrong) @ x)
    # Constraints
    constraints = [(leaving - entering) @ x <= origin, steps.right @ x >= solve_rate]
    if np.isfinite(most_wrong):
        constraints.append(steps.wrong @ x <= most_wrong)
    return cp.Problem(objective, constraints)


def solve(
    steps: Steps, solve_rate: float, *, most_wrong: float = np.inf, penalty: float = 0.0
) -> Policy:
    """Return the cheapest mixture of policies; see :func:`build`.

    Raises
    ------
    arb.InputError
        As :func:`build`.
    arb.InfeasibleError
        If no policy delivers so many right answers with so few wrong ones.
    arb.SolverError
        If HiGHS stops for any other reason.
    """
    problem = build(steps, solve_rate, most_wrong=most_wrong, penalty=penalty)
    problem.solve(solver=cp.HIGHS, primal_feasibility_tolerance=1e-9)
    if problem.status in (cp.INFEASIBLE, cp.INFEASIBLE_INACCURATE):
        raise arb.InfeasibleError("No policy delivers so many right answers with so few wrong.")
    if problem.status != cp.OPTIMAL:
        raise arb.SolverError(f"CVXPY reports {problem.status}.")
    flow = np.asarray(problem.var_dict["x"].value, dtype=float)
    spend, right, wrong = (float(each @ flow) for each in (steps.spend, steps.right, steps.wrong))
    return Policy(spend + penalty * wrong, spend, right, wrong, flow)


def answers(rng: np.random.Generator) -> dict[str, float]:
    """Solve one small instance by CVXPY and over all paths; see ``arb.registry.check``."""
    weight = rng.dirichlet(np.ones(3))
    rejected, right, wrong, spend = [], [], [], []
    for attempts in (2, 2):
        solves = rng.uniform(0.2, 0.9, (3, 1))
        accepted_right, accepted_wrong = 0.9 * solves, 0.1 * (1 - solves)
        passes = (1 - accepted_right - accepted_wrong) ** np.arange(attempts + 1)
        rejected.append(passes)
        right.append(passes[:, :-1] * accepted_right)
        wrong.append(passes[:, :-1] * accepted_wrong)
        spend.append(passes[:, :-1] * rng.uniform(0.5, 2.0))
    steps = steps_of(weight, rejected, right, wrong, spend)
    penalty = float(rng.uniform(0.0, 1.0))
    totals = np.array(
        [
            [steps.right[path].sum(), (steps.spend + penalty * steps.wrong)[path].sum()]
            for path in paths(steps.start, steps.end)
        ]
    )
    solve_rate = float(rng.uniform(0.3, 0.95) * totals[:, 0].max())
    return {
        "cvxpy": solve(steps, solve_rate, penalty=penalty).cost,
        "all paths": cheapest_mixture(totals[:, 0], totals[:, 1], solve_rate),
    }
