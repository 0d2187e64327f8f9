r"""Latency routing: answers in time, each of them and on average.

Problem. A broker serves groups g with plans j within a budget, as in budget routing. Trying longer
or a slower model solves more, but keeps customers waiting: no group may wait longer than a limit,
and all of them on average no longer than another.

Sets:
    G          groups
    J          plans
    O          pairs (g, j) on offer

Parameters (with units):
    v[g, j]    what plan j on group g adds to the mean solve rate
    s[g, j]    what it adds to the total spend, currency units
    t[g, j]    expected latency, seconds (zero for abstaining)
    w[g]       weight of group g in the mean
    L          limit for every group, seconds (infinite: none)
    M          limit of the mean, seconds (infinite: none)
    B          budget, currency units (infinite: none)

Variables:
    x[g, j]    1 if plan j serves group g, else 0, for (g, j) in O with t[g, j] <= L

Objective:
    max  sum_(g,j) v[g, j] x[g, j]

Constraints:
    one plan each:  sum_j x[g, j] = 1                                  for all g in G
    mean latency:   sum_g w[g] sum_j t[g, j] x[g, j] <= M sum_g w[g]
    budget:         sum_(g,j) s[g, j] x[g, j] <= B

Size:
    at most |O| binary variables, |G| + 2 rows.

The limit for every group is no row: a group has one plan, so it takes pairs off the offer, and the
relaxation is the tighter for it. Latencies are expected ones; a limit that a share of the answers
has to keep is one on a quantile in their place. In the library: ``problem.add_latency_limit(L)``
and ``problem.add_mean_latency(M)``.
"""

from __future__ import annotations

import cvxpy as cp
import numpy as np

import arbmodels as arb
from formulations import small
from formulations.budget_routing import Choice, FloatArray, solve_cvxpy
from formulations.pairs import at_least_zero, offered_pairs


def build(
    value: FloatArray,
    spend: FloatArray,
    latency: FloatArray,
    weight: FloatArray,
    *,
    limit: float = np.inf,
    mean_limit: float = np.inf,
    budget: float = np.inf,
) -> cp.Problem:
    """Return the program as a CVXPY problem with variable ``x`` [G, J].

    Parameters
    ----------
    value, spend, latency : float array [G, J]
        NaN in ``value`` where a plan is not offered.
    weight : float array [G]
    limit, mean_limit : float, seconds
    budget : float, currency units

    Raises
    ------
    arb.InputError
        If the arrays do not fit together, or a number is negative or not finite where it counts.
    """
    # Sets and parameters: pairs that are not on offer stay in the array, at zero.
    offered = offered_pairs(value, spend=spend, latency=latency)
    v, s, t = (np.where(offered, array, 0.0) for array in (value, spend, latency))
    at_least_zero(latency=t, weight=weight, limit=limit, mean_limit=mean_limit, budget=budget)
    if weight.shape != (len(v),) or not weight.any():
        raise arb.InputError(
            f"weight has shape {weight.shape} and sum {weight.sum():g}; give a weight to each of"
            f" {len(v)} groups, some of them positive."
        )
    in_time = offered & (t <= limit)
    # Variables
    x = cp.Variable(v.shape, boolean=True, name="x")
    # Objective
    objective = cp.Maximize(cp.sum(cp.multiply(v, x)))
    # Constraints
    constraints = [cp.sum(x, axis=1) == 1, x <= in_time.astype(float)]
    if np.isfinite(mean_limit):
        share = weight / weight.sum()
        constraints.append(share @ cp.sum(cp.multiply(t, x), axis=1) <= mean_limit)
    if np.isfinite(budget):
        constraints.append(cp.sum(cp.multiply(s, x)) <= budget)
    return cp.Problem(objective, constraints)


def solve(
    value: FloatArray,
    spend: FloatArray,
    latency: FloatArray,
    weight: FloatArray,
    *,
    limit: float = np.inf,
    mean_limit: float = np.inf,
    budget: float = np.inf,
    gap: float = 1e-6,
) -> Choice:
    """Return the plan of each group, int [G]; see :func:`build`.

    Raises
    ------
    arb.InputError
        As :func:`build`.
    arb.InfeasibleError
        If no assignment satisfies the constraints.
    arb.SolverError
        If HiGHS stops for any other reason before the gap is proven.
    """
    problem = build(
        value, spend, latency, weight, limit=limit, mean_limit=mean_limit, budget=budget
    )
    return solve_cvxpy(problem, gap)


def answers(rng: np.random.Generator) -> dict[str, float]:
    """Solve one small instance by CVXPY and by enumeration; see ``arb.registry.check``."""
    value, spend, weight = small.draw(rng)
    latency = rng.exponential(10.0, value.shape)
    latency[:, -1] = 0.0
    limits = {
        "limit": float(rng.uniform(8.0, 40.0)),
        "mean_limit": float(rng.uniform(3.0, 10.0)),
        "budget": float(rng.uniform(0.3, 1.0) * spend.max(axis=1).sum()),
    }

    def score(choice: Choice) -> float:
        waits = latency[np.arange(len(choice)), choice]
        kept = (
            waits.max() <= limits["limit"]
            and small.within(float(weight @ waits), limits["mean_limit"])
            and small.within(small.total(spend, choice), limits["budget"])
        )
        return small.total(value, choice) if kept else np.nan

    return small.compare(
        value.shape, score, cvxpy=lambda: solve(value, spend, latency, weight, **limits)
    )
