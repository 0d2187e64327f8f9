r"""Cascade as a flow: the cheapest order of attempts that reaches a solve rate.

Problem. Attempts at models are bought one by one until one succeeds, which a perfect verifier
tells. A state is how many attempts of each model have failed; a plan is a path through the lattice
of states, and a mixture of plans (a coin tossed beforehand) is a unit flow. Reach a solve rate at
least expected spend.

Sets:
    M          models
    S          states a = (a_1, .., a_M), 0 <= a_m <= K_m attempts of each model
    E          steps e = (m, a), from a to the state with one more attempt of model m
    I          instances

Parameters (with units):
    w[i]       weight of the instance, summing to one
    F[i,m,k]   probability that k attempts of model m all fail
    c[i,m]     price of an attempt, currency units
    r[e]       solve rate that step e = (m, a) adds:
               sum_i w[i] (F[i,m,a_m] - F[i,m,a_m + 1]) prod_(m' != m) F[i,m',a_m']
    q[e]       spend that it adds, currency units: sum_i w[i] c[i,m] prod_m' F[i,m',a_m']
    u          solve rate wanted, a probability

Variables:
    x[e]       probability that the plan, if nothing succeeds, takes step e

Objective:
    min  sum_e q[e] x[e]

Constraints:
    flow:      sum_(e out of a) x[e] <= sum_(e into a) x[e] + [a = 0]     for all a in S
    rate:      sum_e r[e] x[e] >= u
    sign:      x[e] >= 0                                                  for all e in E

Size:
    |S| = prod_m (K_m + 1); |E| < |M| |S| continuous variables, |S| + 1 rows.

Without the rate the polytope is that of flows in an acyclic graph, whose vertices are paths; the
row adds one dimension, so an optimum mixes two paths. At a price p per solved instance the program
is a shortest path with lengths q - p r, which is how ``arb.cascade_frontier`` solves it for every u
at once; this file solves one u with a general solver, and is the place to add rows (a latency, a
commitment). The tests hold both against each other.
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
    """The steps E of the lattice: where each starts and ends, and what it adds."""

    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    rate: FloatArray
    spend: FloatArray
    states: int


class Mixture(NamedTuple):
    """Spend and solve rate of the best mixture, and how often it plans each step, [E]."""

    spend: float
    solve_rate: float
    flow: FloatArray


def steps_of(weight: FloatArray, fails: Sequence[FloatArray], price: FloatArray) -> Steps:
    """Tabulate the parameters r and q of every step.

    Parameters
    ----------
    weight : float array [N]
    fails : sequence of M float arrays [N, K_m + 1]
        F, beginning with 1.
    price : float array [N, M], currency units

    Raises
    ------
    arb.InputError
        If the arrays do not fit together.
    """
    if price.shape != (len(weight), len(fails)) or any(len(f) != len(weight) for f in fails):
        raise arb.InputError(
            f"price has shape {price.shape}, fails {[f.shape for f in fails]}; give"
            f" [{len(weight)}, {len(fails)}] and one array of {len(weight)} rows per model."
        )
    sizes = [table.shape[1] for table in fails]
    number = np.arange(int(np.prod(sizes))).reshape(sizes)
    letters = "abcdefgh"[: len(sizes)]
    # sum_i w_i prod_m factor_m[i, k_m], one axis per model
    product = ",".join(["i", *(f"i{axis}" for axis in letters)]) + f"->{letters}"
    start: list[npt.NDArray[np.int64]] = []
    end: list[npt.NDArray[np.int64]] = []
    rate: list[FloatArray] = []
    spend: list[FloatArray] = []
    for m, table in enumerate(fails):
        start.append(np.delete(number, -1, m).ravel())
        end.append(np.delete(number, 0, m).ravel())
        for into, own in (
            (rate, table[:, :-1] - table[:, 1:]),
            (spend, price[:, m, None] * table[:, :-1]),
        ):
            into.append(np.einsum(product, weight, *fails[:m], own, *fails[m + 1 :]).ravel())
    return Steps(
        np.concatenate(start),
        np.concatenate(end),
        np.concatenate(rate),
        np.concatenate(spend),
        number.size,
    )


def build(steps: Steps, solve_rate: float) -> cp.Problem:
    """Return the program as a CVXPY problem with variable ``x`` [E].

    Raises
    ------
    arb.InputError
        If the solve rate is no probability.
    """
    if not 0 <= solve_rate <= 1:
        raise arb.InputError(f"solve_rate is {solve_rate:g}; give one between 0 and 1.")
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
    objective = cp.Minimize(steps.spend @ x)
    # Constraints
    return cp.Problem(objective, [(leaving - entering) @ x <= origin, steps.rate @ x >= solve_rate])


def solve(steps: Steps, solve_rate: float) -> Mixture:
    """Return the cheapest mixture of plans; see :func:`build`.

    Raises
    ------
    arb.InputError
        As :func:`build`.
    arb.InfeasibleError
        If no plan reaches the solve rate.
    arb.SolverError
        If HiGHS stops for any other reason.
    """
    problem = build(steps, solve_rate)
    problem.solve(solver=cp.HIGHS, primal_feasibility_tolerance=1e-9)
    if problem.status in (cp.INFEASIBLE, cp.INFEASIBLE_INACCURATE):
        raise arb.InfeasibleError(f"No plan reaches a solve rate of {solve_rate:g}.")
    if problem.status != cp.OPTIMAL:
        raise arb.SolverError(f"CVXPY reports {problem.status}.")
    flow = np.asarray(problem.var_dict["x"].value, dtype=float)
    return Mixture(float(steps.spend @ flow), float(steps.rate @ flow), flow)


def answers(rng: np.random.Generator) -> dict[str, float]:
    """Solve one small instance by CVXPY and over all paths; see ``arb.registry.check``."""
    weight = rng.dirichlet(np.ones(4))
    fails = [(1 - rng.beta(0.7, 0.7, (4, 1))) ** np.arange(3) for _ in range(2)]
    steps = steps_of(weight, fails, rng.exponential(1.0, (4, 2)))
    every = list(paths(steps.start, steps.end))
    rate = np.array([steps.rate[path].sum() for path in every])
    spend = np.array([steps.spend[path].sum() for path in every])
    solve_rate = float(rng.uniform(0.2, 0.98) * rate.max())
    return {
        "cvxpy": solve(steps, solve_rate).spend,
        "all paths": cheapest_mixture(rate, spend, solve_rate),
    }
